# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of options and of the API: where they stand, in which words, and whether two mean the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict, snake_dict_to_camel_dict

# What stands in a dry run for a value that only a real run can know.
PLACEHOLDER = "(known after apply)"


def placeholder(value: Any) -> bool:
    """Whether a value, or a part of it, stands for one that isn't known in a dry run."""
    return value == PLACEHOLDER or (isinstance(value, list) and PLACEHOLDER in value)


def get_path(tree: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path of nested dicts, or the default. The empty path leads to the tree itself."""
    if not path:
        return tree
    key, _dot, rest = path.partition(".")
    return get_path(tree[key], rest, default) if isinstance(tree, Mapping) and key in tree else default


def gather(tree: Any, path: str) -> list:
    """All that stands at a dotted path, which may lead through lists, as one list."""
    if isinstance(tree, list):
        return [item for one in tree for item in gather(one, path)]
    key, _dot, rest = path.partition(".")
    if not key:
        return [tree]
    return gather(tree[key], rest) if isinstance(tree, Mapping) and tree.get(key) is not None else []


def set_path(tree: dict, path: str, value: Any) -> None:
    """Put a value at a dotted path of nested dicts, making the levels between."""
    *parents, last = path.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = value


def flat(tree: Mapping | None, before: str = "") -> dict[str, Any]:
    """What stands in nested dicts, by its path: {"index": {"codec": "x"}} is {"index.codec": "x"}."""
    found: dict[str, Any] = {}
    for key, value in (tree or {}).items():
        path = f"{before}{key}"
        found |= flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return found


def version_numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version for comparison: 17.10 is above 17.9."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def without_unset(value: Any) -> Any:
    """The value without the None that Ansible puts for suboptions the user left out."""
    if isinstance(value, Mapping):
        return {key: without_unset(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_unset(item) for item in value]
    return value


def is_satisfied(current: Any, desired: Any, unordered: bool = False) -> bool:
    """Whether what AWS holds is what was declared. Keys of a dict that weren't declared don't count; a list must
    match as a whole."""
    if isinstance(desired, Mapping):
        return isinstance(current, Mapping) and all(
            is_satisfied(current.get(key), value, unordered) for key, value in desired.items()
        )
    if isinstance(desired, list):
        if not isinstance(current, list):
            return not desired and not current
        if len(current) != len(desired):
            return False
        if not unordered:
            return all(is_satisfied(have, want) for have, want in zip(current, desired, strict=True))
        rest = list(current)
        for want in desired:
            match = next((have for have in rest if is_satisfied(have, want, unordered)), None)
            if match is None:
                return False
            rest.remove(match)
        return True
    if current is None and desired == "":
        return True
    return current == desired


def snake(value: Any) -> Any:
    """The value with the API's member names turned into the words of options."""
    if isinstance(value, Mapping):
        return camel_dict_to_snake_dict(dict(value))
    if isinstance(value, list):
        return [snake(item) for item in value]
    return value


def camel(value: Any, capital: bool = False) -> Any:
    """The value with the words of options turned into member names of the API."""
    if isinstance(value, Mapping):
        return snake_dict_to_camel_dict(dict(value), capitalize_first=capital)
    if isinstance(value, list):
        return [camel(item, capital) for item in value]
    return value


def snake_name(member: str) -> str:
    return next(iter(camel_dict_to_snake_dict({member: None})))


def camel_name(option: str, capital: bool = False) -> str:
    return next(iter(camel({option: None}, capital)))


def same_key(current: str, desired: str) -> bool:
    """Whether two texts name the same KMS key: an ARN, an ID or an alias. Only what both say is compared."""
    (scope, _colon, name), (other_scope, _other_colon, other) = current.rpartition(":"), desired.rpartition(":")
    same_name = name.removeprefix("key/") == other.removeprefix("key/")
    return same_name and (scope == other_scope or not (scope and other_scope))


def listed(names: Iterable[str]) -> str:
    """Names as a text: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
