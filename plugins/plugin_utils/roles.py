# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The files of this collection's roles, as far as nothing in them is evaluated, and what they declare."""

from __future__ import annotations

import copy
import functools
import graphlib
import os
import typing as t
from collections.abc import Callable, Iterable, Mapping

from ansible.module_utils.common.yaml import yaml_load

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles")

# How a variable says that what depends on it isn't wanted.
NOT_ASKED_FOR = (None, False, "", "none", [], {})


def path(role: str, name: str) -> str:
    return os.path.join(ROLES, role, *name.split("/"))


def load(role: str, name: str) -> dict:
    """Read a file of a role, empty if there is none; Ansible's loader takes ten times as long."""
    if not os.path.isfile(path(role, name)):
        return {}
    with open(path(role, name), encoding="utf-8") as file:
        return yaml_load(file) or {}


def described() -> dict[str, dict]:
    """What each component says about itself in its meta/component.yml, in the order in which they are built."""
    found = {role: about for role in sorted(os.listdir(ROLES)) if (about := load(role, "meta/component.yml"))}
    order = graphlib.TopologicalSorter({component: about["requires"] for component, about in found.items()})
    return {component: found[component] for component in order.static_order()}


@functools.cache
def untold(component: str, fact: str) -> str | None:
    """The component of a fact's path, where no run of this one learns of it and the role doesn't say it itself."""
    other = fact.partition(".")[0]
    about = load(component, "meta/component.yml")
    if other in (*about["requires"], *about.get("reads", [])) or not load(other, "meta/component.yml"):
        return None
    said = load(component, "vars/main.yml").get(f"__{component}_known")
    for part in fact.split("."):
        said = said.get(part) if isinstance(said, Mapping) else None
    return other if said is None else None


def endpoints(components: Iterable[str], value_of: Callable[[str, str], t.Any]) -> list[str]:
    """The services of AWS that parts of these components call from within the VPC, each once.

    value_of: gives a component's variable, which decides where an entry has one.
    """
    abouts = described()
    entries = [(name, entry) for name in components if name in abouts for entry in abouts[name].get("endpoints", [])]
    return list(
        dict.fromkeys(
            entry if isinstance(entry, str) else entry["service"]
            for component, entry in entries
            if isinstance(entry, str) or value_of(component, entry["when"]) not in NOT_ASKED_FOR
        )
    )


@functools.cache
def options(role: str) -> dict[str, dict]:
    """The variables of a role as its argument spec declares them; none if there is no such role."""
    specs = load(role, "meta/argument_specs.yml").get("argument_specs", {})
    return specs.get("main", {}).get("options") or {}


def filled(value: t.Any, option: Mapping[str, t.Any]) -> t.Any:
    """The value with the defaults of the suboptions that it leaves out, at any depth. Null is left out, too."""
    suboptions = option.get("options")
    if not suboptions:
        return value
    if isinstance(value, list):
        return [filled(item, option) for item in value]
    if not isinstance(value, Mapping):
        return value
    result = {key: filled(item, suboptions.get(key, {})) for key, item in value.items()}
    for key, suboption in suboptions.items():
        if result.get(key) is None and "default" in suboption:
            result[key] = filled(copy.deepcopy(suboption["default"]), suboption)
    return result
