# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The components of the platform as their roles declare them, and the files that test each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

from ansible_collections.agent_platform.aws.plugins.filter.bedrock_profile import bedrock_profile

ROOT = Path(__file__).resolve().parents[2]
ROLES = ROOT / "roles"
TESTS = ROOT / "tests"
# Modules, filters and tests of the collection, as roles name them.
_OURS = re.compile(r"\bagent_platform\.aws\.(\w+)")
# These hold every component to the rules for all.
_OF_ALL = ("platform_info", "repository", "components")


_ABOUT = {file.parts[-3]: yaml.safe_load(file.read_text()) for file in sorted(ROLES.glob("*/meta/component.yml"))}
REQUIRES: dict[str, list[str]] = {component: about["requires"] for component, about in _ABOUT.items()}
READS: dict[str, list[str]] = {component: about.get("reads", []) for component, about in _ABOUT.items()}
# In the order in which they can be built.
COMPONENTS = tuple(TopologicalSorter(REQUIRES).static_order())
_LAYERS = yaml.safe_load((ROOT / "inventories/components.yml").read_text())["all"]["children"]["platform"]["children"]
# What lives in the cluster takes a Kubernetes API, which most tests have none of; the others AWS alone. What is at the
# edge has nothing to do where nothing is in the cluster, so it has tests of its own.
IN_CLUSTER = tuple(component for component in COMPONENTS if component in _LAYERS["cluster"]["hosts"])
AT_EDGE = tuple(component for component in COMPONENTS if component in _LAYERS["edge"]["hosts"])
IN_AWS = tuple(component for component in COMPONENTS if component not in (*IN_CLUSTER, *AT_EDGE))


def with_required(components: Iterable[str]) -> tuple[str, ...]:
    """The components and all that these build on, in building order."""
    found: set[str] = set()
    ahead = list(components)
    while ahead:
        component = ahead.pop()
        if component not in found:
            found.add(component)
            ahead += REQUIRES[component]
    return tuple(component for component in COMPONENTS if component in found)


@cache
def shared() -> dict[str, Any]:
    """What all environments share, with the templates in it, but for those of the models."""
    values = yaml.safe_load((ROOT / "group_vars/all/common.yml").read_text())
    templates = Environment()
    templates.filters["agent_platform.aws.bedrock_profile"] = bedrock_profile
    for model in values["platform_models"]:
        model["id"] = templates.from_string(model["id"]).render(platform_region=values["platform_region"])
    return values


def entries(inventory: str = "") -> dict[str, list[str]]:
    """The names of what components make from lists, as their defaults and the platform's list it, or an inventory."""
    defaults = {
        name: {**shared(), **yaml.safe_load((ROLES / name / "defaults/main.yml").read_text()), **own(inventory, name)}
        for name in COMPONENTS
    }
    return {
        component: [
            entry["name"]
            for variable in about["entries"]
            # A text is the name of one thing, which no role has by default.
            for entry in defaults[component][variable] or []
        ]
        for component, about in _ABOUT.items()
        # One that tells its lists apart takes what others have made, which is nothing by default.
        if isinstance(about.get("entries"), list)
    }


def own(inventory: str, component: str) -> dict[str, Any]:
    """What an inventory sets for a component alone."""
    file = ROOT / "inventories" / inventory / "host_vars" / f"{component}.yml"
    return (yaml.safe_load(file.read_text()) or {}) if inventory and file.is_file() else {}


def words(component: str) -> set[str]:
    """The names under which tests of a component are found: its own, and those of all that its role uses."""
    found = {component, *_OF_ALL}
    ahead = [component]
    while ahead:
        texts = [file.read_text() for file in (ROLES / ahead.pop()).rglob("*.yml")]
        used = {word for text in texts for word in _OURS.findall(text)} - found
        found |= used
        # Roles that it includes.
        ahead += [word for word in used if (ROLES / word).is_dir() and word not in REQUIRES]
    return found


@cache
def tests(component: str) -> set[Path]:
    """Of the folders unit and layout the files whose folder or name is one of the component's words.

    What bears another component's name is that one's, whatever its folder.
    """
    known, others = words(component), set(COMPONENTS) - {component}
    return {
        file
        for folder in ("unit", "layout")
        for file in (TESTS / folder).rglob("test_*.py")
        if (name := file.stem.removeprefix("test_")) not in others
        and known & {name, *file.relative_to(TESTS).parent.parts}
    }
