# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the files of the roles say, as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.layout.platform_stub import ROOT

ROLES = sorted(path.parents[1].name for path in (ROOT / "roles").glob("*/tasks/main.yml"))
FILES = sorted(
    path
    for folder in ("defaults", "vars", "tasks")
    for path in (ROOT / "roles").glob(f"*/{folder}/*.yml")
)  # fmt: skip
# One of the keys that the platform encrypts with.
KEY_FACT = re.compile(r"\{\{ 'encryption\.((?:\w+_)?key_arn)' \| agent_platform\.aws\.fact \}\}")
CONSTANT = re.compile(r"\{\{ (__\w+) \}\}")


class Loader(yaml.SafeLoader):
    """Reads files of tasks, with Ansible's own tags as plain values."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader)


def role_of(path: Path) -> str:
    return path.relative_to(ROOT / "roles").parts[0]


@cache
def constants(role: str) -> dict[str, Any]:
    """What is in the files of `vars`."""
    files = sorted((ROOT / "roles" / role / "vars").glob("*.yml"))
    return {name: value for path in files for name, value in (read(path) or {}).items()}


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings at any depth."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(item)


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """All texts at any depth, each with the key that it stands under."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, name)


def key_fact(role: str, text: Any) -> str | None:
    """The fact with a key of the platform's that a text stands for, by the name of a constant of the role, too."""
    text = str(text).strip()
    if found := KEY_FACT.fullmatch(text):
        return found[1]
    named = CONSTANT.fullmatch(text)
    return key_fact(role, constants(role)[named[1]]) if named and named[1] in constants(role) else None
