# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the platform tells its workloads: parameters below one path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..parameters import below, with_tags
from .base import Component, Search, tags_of


def empty(search: Search) -> dict[str, Any]:
    return {"path": None, "parameters": [], "other_parameters": []}


def collect(search: Search, facts: dict[str, Any]) -> None:
    path = search.scope.path
    there = search.start("ssm", "describe_parameters", **below(path))
    # AWS tells no tags with a parameter, but finds parameters by them.
    looks = [search.start("ssm", "describe_parameters", **request) for request in with_tags(path, search.marks)]
    names = _names(there.result())
    ours = names.intersection(*(_names(look.result()) for look in looks))
    asked = {
        name: search.start("ssm", "list_tags_for_resource", ResourceType="Parameter", ResourceId=name)
        for name in names - ours
    }
    told = {name: tags for name, future in asked.items() if (tags := future.result()) is not None}
    # One that has lost a tag, which the next run gives back.
    ours |= {name for name, tags in told.items() if search.keeps_marks(tags_of(tags, "TagList"))}
    facts["parameters"], facts["other_parameters"] = sorted(ours), sorted({*told} - ours)
    facts["path"] = path if ours else None
    if facts["other_parameters"]:
        search.warnings.append(
            f"{search.component.name}: {', '.join(facts['other_parameters'])} below {path} isn't this platform's and is"
            " left alone. Who may read what is below that path can read it, too."
        )


def _names(answer: Mapping[str, Any] | None) -> set[str]:
    return {found["Name"] for found in (answer or {}).get("Parameters", [])}


def summary(facts: Mapping[str, Any]) -> list[str]:
    return [f"{len(facts['parameters'])} parameters below {facts['path']}"]


COMPONENT = Component(
    name="configuration",
    services=("ssm",),
    empty=empty,
    collect=collect,
    exists=lambda facts: bool(facts["parameters"]),
    summary=summary,
)
