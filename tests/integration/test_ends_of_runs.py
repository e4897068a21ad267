# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""However a run ends, nothing of it goes on: neither processes nor what they write."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.playbook import PREFIX, of_run
from tests.support.warm_runs import LOCAL, WARM, misbehave, wait_for

from .test_faults import wait_for as wait_for_call

# What a process of the run may still take to end.
GRACE = 2.0
ROUNDS = "{{ range(200) | list }}"


def tasks_of(folder: Path) -> dict[str, dict]:
    """By host a task that goes on for minutes and lets a file grow, or makes one after the other."""
    note = f"echo x >> {folder}/{{{{ inventory_hostname }}}}; sleep 0.2"
    one_by_one = f"{folder}/{{{{ inventory_hostname }}}}-{{{{ item }}}}"
    modules = {**misbehave(act="sleep", path=one_by_one, seconds=0.2), "loop": ROUNDS}
    return {
        "modules": modules,
        "commands": {"ansible.builtin.shell": note, "loop": ROUNDS},
        "attempts": {
            "ansible.builtin.shell": f"{note}; false",
            "register": "noted",
            "until": "noted is succeeded",
            "retries": 200,
            "delay": 1,
        },
        "local_modules": modules,
        "local_command": {"ansible.builtin.shell": f"trap '' HUP; while true; do {note}; done"},
    }


def close_terminal(process, terminal: int) -> None:
    os.close(terminal)


def interrupt_twice(process, terminal: int) -> None:
    key = termios.tcgetattr(terminal)[6][termios.VINTR]
    os.write(terminal, key)
    time.sleep(0.1)
    if process.poll() is None:
        os.write(terminal, key)


ENDS: Mapping[str, Callable] = {
    "killed": lambda process, _terminal: process.kill(),
    "hung up": lambda process, _terminal: process.send_signal(signal.SIGHUP),
    "terminated": lambda process, _terminal: process.terminate(),
    "its group killed": lambda process, _terminal: os.killpg(process.pid, signal.SIGKILL),
    "its terminal closed": close_terminal,
    "interrupted twice": interrupt_twice,
}


def lengths(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in folder.iterdir()}


def rounds(folder: Path, host: str) -> int:
    """How far the task of a host has come."""
    return sum(length for name, length in lengths(folder).items() if name.startswith(host))


def end_amid(run, hosts: Mapping[str, str], end: Callable, **variables: str) -> None:
    """Start tasks that go on for minutes, end the run, and look for what is left of it."""
    folder = run.folder / "noted"
    folder.mkdir()
    tasks = [{**task, "when": f"inventory_hostname == {host!r}"} for host, task in tasks_of(folder).items()]
    terminal, other_end = pty.openpty()
    process = run.start(
        tasks,
        hosts,
        popen={"stdin": other_end, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)},
        ANSIBLE_STRATEGY="ansible.builtin.free",
        **variables,
    )
    os.close(other_end)
    mark = f"ANSIBLE_LOCAL_TEMP={run.temporary}"
    try:
        # All are at it, beyond the first round.
        wait_for(lambda: all(rounds(folder, host) > 2 for host in hosts), 60)
        end(process, terminal)
        process.wait(timeout=30)
        wait_for(lambda: not of_run(mark), GRACE)
        noted = lengths(folder)
        time.sleep(1.5)
        assert lengths(folder) == noted
    finally:
        for pid in of_run(mark):
            os.kill(pid, signal.SIGKILL)
        process.communicate()
        shutil.rmtree(run.temporary, ignore_errors=True)


OURS = {"modules": WARM, "commands": WARM, "attempts": WARM}


@pytest.mark.parametrize(
    "end",
    [
        # The others take each a part of the way of these.
        end if name in ("killed", "its terminal closed") else pytest.param(end, marks=pytest.mark.thorough)
        for name, end in ENDS.items()
    ],
    ids=ENDS,
)
def test_nothing_goes_on_when_a_run_is(run, end):
    end_amid(run, {**OURS, "local_modules": LOCAL, "local_command": LOCAL}, end)


@pytest.mark.every_ansible_core("oldest")
def test_nothing_goes_on_over_local_where_the_controller_is_prepared(run):
    end_amid(run, {"local_modules": LOCAL}, ENDS["killed"])


@pytest.mark.every_ansible_core
def test_nothing_goes_on_over_our_connection_where_nothing_else_of_ours_is_used(run):
    """In playbooks of others, with no callback of ours: this is the connection's own doing."""
    end_amid(run, OURS, ENDS["killed"], **run.no_settings)


@pytest.mark.thorough
@pytest.mark.by_component("network")
def test_a_teardown_right_after_a_kill_has_the_last_word(new_account):
    """Each write takes a second and more, so that many of them are left to a loop when its run is killed."""
    account = new_account("100000000061")
    account.proxy.spoil([{"service": "ec2", "operation": "Create*", "latency": 1500}])
    run = account.start("--limit", "encryption,network")
    wait_for_call(run, "CreateSubnet")
    run.process.kill()
    run.process.wait()
    account.proxy.spoil([])
    teardown = account.run(playbook="playbooks/teardown.yml", variables={"platform_teardown_confirm": PREFIX})

    teardown.assert_converged()
    assert [call for call in teardown.calls.writes if call[1].startswith("Create")] == []
    time.sleep(5)
    assert [vpc for vpc in account.pages("ec2", "describe_vpcs", "Vpcs") if not vpc["IsDefault"]] == []
