# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the callback loads, the processes of the tasks don't load again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils import controller
from tests.support import noted_runs

ROOT = Path(__file__).resolve().parents[3]

# Notes what each process of a task has loaded at its end that its parent hadn't, and in which collections it has looked
# for a filter or a test.
NOTES = """
import json, os, pkgutil, sys
from multiprocessing import util
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: notes\\nshort_description: Notes\\ntype: notification\\ndescription: [Notes.]\\noptions: {}"

def forked(callback):
    before, searched, modules_of = set(sys.modules), [], pkgutil.iter_modules
    def searching(path=None, prefix=""):
        searched.append(prefix)
        return modules_of(path, prefix)
    pkgutil.iter_modules = searching
    def note():
        # Without packages, which may be Ansible's own inventions.
        loaded = [name for name in set(sys.modules) - before if not hasattr(sys.modules[name], "__path__")]
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(json.dumps({"loaded": loaded, "searched": searched}) + "\\n")
    util.Finalize(None, note, exitpriority=0)

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "notification", "notes", True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        util.register_after_fork(self, forked)
"""
TASKS = [
    {"ansible.builtin.ping": {}, "register": "result", "until": "result is not agent_platform.aws.transient_failure"},
    {
        "ansible.builtin.assert": {
            "that": [
                "'b' | agent_platform.aws.resource_name('a', 's3_bucket') == 'a-b'",
                "'yes' | ansible.builtin.bool",
                "lookup('ansible.builtin.env', 'NOTES') | length > 0",
                "result is ansible.builtin.success",
                "'1.10' is ansible.builtin.version('1.9', '>')",
            ]
        }
    },
]
# Ansible ends the process of the last task when it has its result, whether it has written its note or not.
LAST = {"ansible.builtin.pause": {"seconds": 2}}
PLUGIN = re.compile(r"ansible\.plugins\.|ansible_collections\.|botocore|yaml")


def by_tasks(folder: Path, callbacks: str, hosts: str = "all") -> tuple[list[set[str]], list[set[str]]]:
    """What plugins each task has loaded, and in which collections it has looked for some."""
    variables = {"ansible_connection": "agent_platform.aws.warm", "ansible_python_interpreter": sys.executable}
    play = {"hosts": hosts, "vars": variables, "tasks": [*TASKS, LAST]}
    notes, printed = noted_runs.run(folder, NOTES, callbacks, play, AGENT_PLATFORM_WARM="false")
    assert "beforehand" not in printed
    assert len(notes) >= len(TASKS)
    notes = notes[: len(TASKS)]
    loaded = [{name for name in note["loaded"] if PLUGIN.match(name)} for note in notes]
    return loaded, [set(note["searched"]) for note in notes]


def test_the_processes_of_tasks_load_no_plugins(tmp_path: Path) -> None:
    assert by_tasks(tmp_path, "agent_platform.aws.preload") == ([set(), set()], [set(), set()])


def test_the_playbooks_of_the_collection_need_no_callback_for_that(tmp_path: Path) -> None:
    hosts = "{{ lookup('agent_platform.aws.play_hosts', 'all') }}"

    assert by_tasks(tmp_path, "agent_platform.aws.progress", hosts) == ([set(), set()], [set(), set()])


def test_without_it_each_loads_them_anew(tmp_path: Path) -> None:
    (first, second), searched = by_tasks(tmp_path, "agent_platform.aws.progress")

    assert {"botocore.exceptions", "ansible_collections.agent_platform.aws.plugins.connection.warm"} <= first
    assert [name for name in second if name.startswith("ansible.plugins.filter.core")]
    assert "ansible_collections.ansible.builtin.plugins.lookup.env" in second
    assert searched == [{"agent_platform.aws."}, {"agent_platform.aws.", "ansible.builtin."}]


@pytest.mark.parametrize("kind", ["action", "connection", "filter", "lookup", "test"])
def test_it_loads_all_of_the_collections_plugins_of_a_kind(kind: str) -> None:
    names = {f"agent_platform.aws.{file.stem}" for file in (ROOT / "plugins" / kind).glob("*.py")}

    assert names
    assert {name for loader, name in controller.own_plugins() if loader.type == kind} == names


def test_the_lookups_that_come_with_ansible_are_those_that_the_platform_uses() -> None:
    folders = ("group_vars", "inventories", "playbooks", "roles")
    text = "".join(file.read_text() for folder in folders for file in (ROOT / folder).rglob("*.yml"))
    used = set(re.findall(r"\b(?:lookup|query|q)\(\s*['\"]ansible\.builtin\.(\w+)", text))

    assert used == {name for loader, name in controller.BUILTIN if loader.type == "lookup"}


def test_a_plugin_that_cannot_be_loaded_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told, asked = [], []

    class Loader:
        type = "filter"

        def get(self, name, class_only):
            asked.append(name)
            raise ValueError("on purpose")

    monkeypatch.setattr(controller, "LOADERS", ())
    monkeypatch.setattr(controller, "BUILTIN", ((Loader(), "first"), (Loader(), "second")))
    monkeypatch.setattr(controller.Display, "vv", lambda _display, text: told.append(text))

    controller.load_plugins()

    assert asked == ["ansible.builtin.first", "ansible.builtin.second"]
    assert told == [f"{name} isn't loaded beforehand: on purpose" for name in asked]
