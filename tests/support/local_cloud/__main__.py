# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.support.local_cloud up | down | status`, from the checkout."""

from __future__ import annotations

import argparse
import os
import sys

from . import account, processes
from .settings import ACCOUNT_ID, REGION, Instance, SettingsError, base_folder, instances


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.local_cloud", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "status"])
    action = parser.parse_args(arguments).action
    try:
        wanted = instances()
        if action == "status":
            return _status(wanted)
        with processes.exclusive(base_folder()):
            return _up(wanted) if action == "up" else _down(wanted)
    except (SettingsError, processes.ProcessError, OSError) as problem:
        print(f"local AWS: {problem}", file=sys.stderr)
        return 1


def _up(wanted: list[Instance]) -> int:
    timeout = float(os.environ.get("LOCAL_CLOUD_START_TIMEOUT") or 60)
    for instance in wanted:
        seconds = processes.start(instance, timeout, lasting=True)
        print(
            f"local AWS: {instance.emulator.name} is up at {instance.endpoint} (account {ACCOUNT_ID}, region {REGION}, "
            f"started in {seconds:.1f} s, log {_relative(instance.log)})"
        )
    account.furnish(wanted[0].endpoint)
    print(f"local AWS: the account is empty but for the role {account.ADMINISTRATORS}")
    return 0


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
    return 0 if complete else 3


def _relative(path: os.PathLike[str]) -> str:
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown


if __name__ == "__main__":
    sys.exit(main())
