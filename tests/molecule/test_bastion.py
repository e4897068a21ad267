# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Molecule's scenario of the role bastion beside the other tests; at their end it says how long each step took."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, wait
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "build/molecule.log"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent_platform_aws/bastion"
STEP = re.compile(r"\[default > (?P<step>\w+)\] Executing$")
# What Ansible prints of tasks that went well, or were not run.
QUIET = re.compile(r"$|ok: |skipping: |included: |changed: |TASK \[")


class Scenario:
    """`molecule test` in a process and a thread of its own, which notes how long each step took."""

    def __init__(self, executor: Executor) -> None:
        self.times: list[str] = []
        self.step = "start"
        self.begun = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self.code = executor.submit(self._run)

    def end(self) -> None:
        """As by Ctrl+C, if it still runs: Ansible ends what it has started."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        if not self.code.cancel():
            wait([self.code])

    def _run(self) -> int:
        self.begun.set()
        LOG.parent.mkdir(exist_ok=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        # Two at a time would write the same cache.
        with (CACHE / "lock").open("w") as lock, LOG.open("w") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            begun = time.monotonic()
            with self._start() as self._process:
                step_begun = begun
                for line in self._process.stdout:
                    log.write(line)
                    log.flush()
                    if found := STEP.search(line.rstrip()):
                        step_begun = self._note(step_begun)
                        self.step = found["step"]
            self._note(step_begun)
            self.times.append(f"{time.monotonic() - begun:.0f} s in all")
        return self._process.returncode

    def _start(self) -> subprocess.Popen[str]:
        # Beside this Python, on the PATH or not; molecule itself looks for Ansible on the PATH.
        tools = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "MOLECULE_COMMAND_BORDERS": "false",
            "ANSIBLE_NOCOLOR": "1",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
        }
        # pytest's own options are not for the tests that run in the scenario.
        environment.pop("PYTEST_ADDOPTS", None)
        return subprocess.Popen(
            [str(tools / "molecule"), "test"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _note(self, begun: float) -> float:
        now = time.monotonic()
        self.times.append(f"{self.step} {now - begun:.0f} s")
        return now


# Of the session, as tests of other files run between the two here.
@pytest.fixture(scope="session")
def scenario(in_turn: Executor) -> Iterator[Scenario]:
    if not _can_have_an_engine():
        pytest.skip("podman or Docker Engine is needed, or root on Debian or Ubuntu to install podman")
    scenario = Scenario(in_turn)
    yield scenario
    scenario.end()


@pytest.mark.begins(before="tests/unit")
def test_the_scenario_begins(scenario: Scenario) -> None:
    """The unit tests run beside it, on the other processor."""
    assert scenario.begun.wait(60)  # its thread takes a moment on a busy machine
    assert not scenario.code.done()


@pytest.mark.awaits
def test_the_bastion(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nmolecule test, whose output is in {LOG.relative_to(ROOT)}: ", end="", flush=True)
        code = scenario.code.result()
        print(", ".join(scenario.times), end=" ", flush=True)
    if code != 0:
        lines = [line for line in LOG.read_text().splitlines() if not QUIET.match(line)]
        pytest.fail(
            "\n".join([f"molecule test failed in {scenario.step}. All of its output: {LOG}", "", *lines[-60:]]),
            pytrace=False,
        )


def _can_have_an_engine() -> bool:
    if shutil.which("podman") or (os.geteuid() == 0 and shutil.which("apt-get")):
        return True
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
