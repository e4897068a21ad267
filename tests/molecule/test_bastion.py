# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Molecule's scenario of the role bastion as one test, which says how far it is."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "build/molecule.log"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent_platform_aws/bastion"
STEP = re.compile(r"\[default > (?P<step>\w+)\] Executing$")
# What Ansible prints of tasks that went well, or were not run.
QUIET = re.compile(r"$|ok: |skipping: |included: |changed: |TASK \[")


def test_the_bastion(capsys: pytest.CaptureFixture[str]) -> None:
    if not _can_have_an_engine():
        pytest.skip("podman or Docker Engine is needed, or root on Debian or Ubuntu to install podman")
    LOG.parent.mkdir(exist_ok=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    # Two at a time would write the same cache.
    with (CACHE / "lock").open("w") as lock, capsys.disabled():
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, last_step = _run()
    if code:
        lines = [line for line in LOG.read_text().splitlines() if not QUIET.match(line)]
        pytest.fail(
            "\n".join([f"molecule test failed in {last_step}. All of its output: {LOG}", "", *lines[-60:]]),
            pytrace=False,
        )


def _run() -> tuple[int, str]:
    """The status of `molecule test`, and its last step."""
    environment = {
        **os.environ,
        "MOLECULE_COMMAND_BORDERS": "false",
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }
    # pytest's own options are not for the tests that run in the scenario.
    environment.pop("PYTEST_ADDOPTS", None)
    steps: list[str] = ["start"]
    begun = step_begun = time.monotonic()
    print(f"\nmolecule test, whose output is in {LOG.relative_to(ROOT)}: ", end="", flush=True)
    # Beside this Python, on the PATH or not; molecule itself looks for Ansible on the PATH.
    tools = Path(sys.executable).parent
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    command = [str(tools / "molecule"), "test"]
    with (
        LOG.open("w") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        try:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if found := STEP.search(line.rstrip()):
                    now = time.monotonic()
                    print(f"{steps[-1]} {now - step_begun:.0f} s, ", end="", flush=True)
                    step_begun = now
                    steps.append(found["step"])
        except BaseException:
            process.terminate()
            raise
    now = time.monotonic()
    print(f"{steps[-1]} {now - step_begun:.0f} s; {now - begun:.0f} s in all ", end="", flush=True)
    return process.returncode, steps[-1]


def _can_have_an_engine() -> bool:
    if shutil.which("podman") or (os.geteuid() == 0 and shutil.which("apt-get")):
        return True
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
