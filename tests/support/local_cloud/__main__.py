# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.support.local_cloud up | down | status | programs`, from the checkout.

LOCAL_CLOUD_KUBERNETES says whether clusters get a control plane: 1, 0 (as when it isn't set), or `auto`, which gets
the programs for it and goes on without where they can't be had.
"""

from __future__ import annotations

import argparse
import os
import sys

import yaml

from . import account, processes
from .kubernetes import programs
from .settings import ACCOUNT_ID, CHECKOUT, REGION, Instance, SettingsError, base_folder, instances


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.local_cloud", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "status", "programs"])
    action = parser.parse_args(arguments).action
    try:
        wanted = instances()
        if action == "status":
            return _status(wanted)
        if action == "programs":
            _has_kubernetes()
            return 0
        with processes.exclusive(base_folder()):
            return _up(wanted) if action == "up" else _down(wanted)
    except (SettingsError, programs.MissingPrograms, processes.ProcessError, OSError) as problem:
        print(f"local AWS: {problem}", file=sys.stderr)
        return 1


def _up(wanted: list[Instance]) -> int:
    timeout = float(os.environ.get("LOCAL_CLOUD_START_TIMEOUT") or 60)
    os.environ["LOCAL_CLOUD_KUBERNETES"] = "1" if _has_kubernetes() else "0"
    for instance in wanted:
        seconds = processes.start(instance, timeout, lasting=True)
        print(
            f"local AWS: {instance.emulator.name} is up at {instance.endpoint} (account {ACCOUNT_ID}, region {REGION}, "
            f"started in {seconds:.1f} s, log {_relative(instance.log)})"
        )
    account.furnish(wanted[0].endpoint)
    print(f"local AWS: the account is empty but for the role {account.ADMINISTRATORS}")
    return 0


def _has_kubernetes() -> bool:
    """Whether clusters get a control plane; its programs are there then."""
    wanted = os.environ.get("LOCAL_CLOUD_KUBERNETES") or "0"
    if wanted not in ("0", "1", "auto"):
        raise SettingsError(f"LOCAL_CLOUD_KUBERNETES={wanted} isn't 0, 1 or auto.")
    if wanted == "0":
        return False
    try:
        found = programs.provide(_kubernetes_version(), lambda line: print(f"local AWS: {line}", flush=True))
    except (programs.MissingPrograms, OSError) as problem:
        if wanted == "1":
            raise
        print(f"local AWS: clusters get no Kubernetes API, and what runs in them is left out: {problem}")
        return False
    print(f"local AWS: clusters get a control plane of Kubernetes {found.version}")
    return True


def _kubernetes_version() -> str:
    """The minor version of the cluster that inventories/local describes."""
    settings: dict[str, str] = {}
    for path in ("roles/eks/defaults/main.yml", "inventories/local/host_vars/eks.yml"):
        settings.update(yaml.safe_load((CHECKOUT / path).read_text(encoding="utf-8")))
    return str(settings["eks_kubernetes_version"])


def _down(wanted: list[Instance]) -> int:
    for instance in wanted:
        ended = processes.stop(instance)
        print(f"local AWS: {instance.emulator.name} at {instance.endpoint} {'ended' if ended else 'was not running'}")
    return 0


def _status(wanted: list[Instance]) -> int:
    """0 when all are up and answer, 3 otherwise (as `systemctl status`)."""
    complete = True
    for instance in wanted:
        pids = processes.running_pids(instance)
        answers = bool(pids) and processes.healthy(instance)
        state = "up" if answers else "running, but doesn't answer" if pids else "down"
        complete = complete and answers
        owner = f" (process {pids[0]})" if pids else ""
        print(f"local AWS: {instance.emulator.name} at {instance.endpoint} is {state}{owner}")
        for kubeconfig in sorted(instance.kubernetes.glob("*/admin.kubeconfig")) if answers else ():
            command = f"{programs.cache_folder() / 'bin/kubectl'} --kubeconfig {_relative(kubeconfig)} get pods -A"
            print(f"local AWS: {kubeconfig.parent.name} has a Kubernetes API: {command}")
    return 0 if complete else 3


def _relative(path: os.PathLike[str]) -> str:
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown


if __name__ == "__main__":
    sys.exit(main())
