# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run costs by component, and that each process of a run notes its share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from benchmarks import notes
from benchmarks.costs import WHOLE_RUN, Cost, costs, medians
from benchmarks.processor_time import MODULE, TASK, WARM_PROCESS
from tests.support.local_cloud.settings import CHECKOUT


def test_costs_are_told_by_component_and_of_the_whole_run() -> None:
    records = [{"host": "network"}, {"host": "eks"}, {"host": "network"}]
    noted = [
        {"kind": TASK, "host": "network", "seconds": 0.5},
        {"kind": MODULE, "host": "network", "seconds": 0.25},
        {"kind": MODULE, "host": "network", "seconds": 0.25},
        {"kind": TASK, "host": "eks", "seconds": 2.0},
        {"kind": WARM_PROCESS, "host": None, "seconds": 3.0},
    ]

    found = costs(records, noted, seconds=10.0)

    assert list(found) == ["network", "eks", WHOLE_RUN]
    assert list(found.values()) == [Cost(2, 2, 1.0), Cost(1, 0, 2.0), Cost(3, 2, 10.0)]


def test_the_middle_of_several_runs_is_told() -> None:
    runs = [{"network": Cost(2, 1, seconds)} for seconds in (9.0, 1.0, 2.0)]

    assert medians(runs) == {"network": Cost(2, 1, 2.0)}


@pytest.fixture
def folder() -> Path:
    # A short path, for the socket of the warm process.
    with tempfile.TemporaryDirectory(prefix="costs-") as name:
        yield Path(name)


@pytest.mark.parametrize("connection", ["agent_platform.aws.warm", "ansible.builtin.local"])
def test_each_process_notes_its_time_and_its_host(connection: str, folder: Path) -> None:
    looks = {"ansible.builtin.debug": {"msg": "{{ lookup('env', 'HOME') }}"}}
    # Ansible may end the processes of the last task before they have noted anything.
    tasks = [{"ansible.builtin.ping": {}}, looks, looks]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    variables = {"ansible_connection": connection, "ansible_python_interpreter": sys.executable}
    options = ["-i", "network,eks,", "-e", json.dumps(variables), str(folder / "play.yml")]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), *options],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "AGENT_PLATFORM_WARM_MODULES": "ansible.module_utils.basic,benchmarks.preload_processor_time",
            "ANSIBLE_CALLBACK_PLUGINS": str(CHECKOUT / "benchmarks/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "processor_time",
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "t"),
            "BENCHMARK_PROCESSOR_TIME": str(folder / "notes"),
            "PYTHONPATH": str(CHECKOUT),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    warm = connection == "agent_platform.aws.warm"
    noted = notes.read(folder / "notes")
    deadline = time.monotonic() + 10
    # The process itself ends after the run.
    while warm and WARM_PROCESS not in [note["kind"] for note in noted] and time.monotonic() < deadline:
        time.sleep(0.05)
        noted = notes.read(folder / "notes")
    assert [note["kind"] for note in noted].count(WARM_PROCESS) == warm
    hosts = {kind: sorted(note["host"] for note in noted if note["kind"] == kind) for kind in (MODULE, TASK)}
    assert hosts[MODULE] == (["eks", "network"] if warm else [])
    assert {host: hosts[TASK].count(host) in (2, 3) for host in hosts[TASK]} == {"eks": True, "network": True}
    assert all(0 < note["seconds"] < 20 for note in noted)
