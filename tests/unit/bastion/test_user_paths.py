# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No task of root's touches what lies below a folder of the user's, where a link could lead it anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles/bastion"
KEYWORDS = ("block", "rescue", "always")
# What has the user's rights and no others: it gives them to itself, or begins so.
OF_THE_USER = "agent_platform.aws.host_user_files"
AS_THE_USER = "__bastion_code_server_cli"
# The home itself lies in a folder of root's.
HOME = "{{ __bastion_home }}"


def read(path: str) -> Any:
    return yaml.safe_load((ROLE / path).read_text())


def flat(tasks: list[dict]) -> Iterator[dict]:
    for task in tasks:
        parts = [task[keyword] for keyword in KEYWORDS if keyword in task]
        for part in parts:
            yield from flat(part)
        if not parts:
            yield task


TASKS = {
    task["name"]: task
    for file in sorted([*ROLE.glob("tasks/*.yml"), *ROLE.glob("handlers/*.yml")])
    for task in flat(yaml.safe_load(file.read_text()))
}


def leading_home(texts: dict[str, str]) -> set[str]:
    """The variables that hold a path below the home, directly or through each other."""
    found: set[str] = set()
    while True:
        words = re.compile("|".join(["/home/", r"~/", *(rf"\b{name}\b" for name in found)]))
        more = {name for name, text in texts.items() if words.search(text)}
        if more == found:
            return found
        found = more


VARIABLES = leading_home(
    {name: str(value) for file in ("defaults/main.yml", "vars/main.yml") for name, value in read(file).items()}
)
MENTION = re.compile("|".join(["/home/", r"~/", *(rf"\b{name}\b" for name in sorted(VARIABLES))]))


def touches(task: dict) -> str:
    """The task's words, without what only decides whether it runs."""
    return str({key: value for key, value in task.items() if key not in ("name", "when", "register", "notify")})


def test_the_paths_below_the_home_are_known():
    assert {"__bastion_home", "bastion_workspace", "__bastion_code_server_data"} <= VARIABLES
    assert not {"__bastion_folder", "__bastion_code_server_config", "__bastion_records"} & VARIABLES


@pytest.mark.parametrize("name", TASKS)
def test_root_keeps_out_of_the_home(name):
    task = TASKS[name]
    if OF_THE_USER in task:
        assert task[OF_THE_USER]["user"] == "{{ bastion_user }}"
        return
    if AS_THE_USER in touches(task):
        begin = read("vars/main.yml")[AS_THE_USER][:4]
        assert begin == ["runuser", "--user", "{{ bastion_user }}", "--"]
        assert str(task["ansible.builtin.command"]["argv"]).startswith("{{ " + AS_THE_USER)
        return
    for arguments in (value for key, value in task.items() if "." in key and isinstance(value, dict)):
        paths = {key: str(value) for key, value in arguments.items() if MENTION.search(str(value))}
        # What is written may tell of the home: the text of a file isn't a path.
        paths.pop("content", None)
        assert set(paths.values()) <= {HOME}, paths
    assert not MENTION.search(str(task.get("loop", "")))


@pytest.mark.parametrize("template", sorted(path.name for path in ROLE.glob("templates/*.sh.j2")))
def test_scripts_of_root_keep_out_of_the_home(template):
    assert not MENTION.search((ROLE / "templates" / template).read_text())
