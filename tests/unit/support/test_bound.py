# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests start ends with them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.bound import bound
from tests.support.local_cloud.processes import command_of

PARENT = """
import subprocess, sys
from tests.support.bound import bound
print(subprocess.Popen(bound(["sleep", "61"])).pid, flush=True)
sys.stdin.read()
"""


def wait_for(pid: int, command: list[str]) -> None:
    deadline = time.monotonic() + 30
    while command_of(pid) != command and time.monotonic() < deadline:
        time.sleep(0.05)
    assert command_of(pid) == command


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends it")
def test_it_ends_with_whoever_has_started_it() -> None:
    root = Path(__file__).resolve().parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    pid = int(parent.stdout.readline())
    # The process is the command's own, by which others know it.
    wait_for(pid, ["sleep", "61"])
    parent.kill()
    parent.communicate()
    wait_for(pid, [])


def test_it_ends_as_the_command_does() -> None:
    done = subprocess.run(
        bound(["sh", "-c", "echo $0 $1; exit 3", "one", "two"]), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "one two\n")
