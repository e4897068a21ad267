# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of variables in the READMEs of roles, made of their argument specs and defaults.

`PYTHONPATH=collections python -m tests.support.variables` writes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import yaml

from tests.support import components, readmes
from tests.support.readmes import readme

HEADING = "## All variables"
# What follows the section.
AFTER = "## Not managed"
section = partial(readmes.section, heading=HEADING)
with_section = partial(readmes.with_section, heading=HEADING, before=AFTER)
# A default that is longer is named by its kind.
LONGEST = 60
# Marks of Ansible's documentation, with what stands in their brackets.
MARK = re.compile(r"\b[BCEIMOPRV]\(((?:[^()]|\([^()]*\))*)\)")


def roles() -> list[str]:
    return sorted(path.parents[1].name for path in components.ROLES.glob("*/meta/argument_specs.yml"))


def spec(role: str) -> Mapping[str, Any]:
    """The options of the role's main entry point."""
    loaded = yaml.safe_load((components.ROLES / role / "meta/argument_specs.yml").read_text())
    return loaded["argument_specs"]["main"].get("options") or {}


def defaults(role: str) -> Mapping[str, Any]:
    if role == "preflight":
        path = components.ROOT / "group_vars/all/common.yml"
    else:
        path = components.ROLES / role / "defaults/main.yml"
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def table(role: str) -> str:
    options = spec(role)
    if not options:
        return ""
    lines = [
        f"| `{name}` | {_type(option)} | {_default(option, given)} | {_text(option)} |"
        for name, option, given in _rows("", options, defaults(role))
    ]
    return "\n".join(
        [HEADING, "", "| variable | type | default | what it is |", "|---|---|---|---|", *lines, "", *example(role)]
    )


def example(role: str) -> list[str]:
    """The lines of the component's file in the environment `dev`, if there is one."""
    path = components.ROOT / f"inventories/dev/host_vars/{role}.yml"
    if not path.exists():
        return []
    shown = path.read_text().removeprefix("---\n").rstrip()
    return [f"An example, `{path.relative_to(components.ROOT)}`:", "", "```yaml", shown, "```", ""]


def _rows(path: str, options: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name, option in options.items():
        whole = f"{path}{name}"
        yield whole, option, given.get(name, option.get("default"))
        if option.get("options"):
            below = f"{whole}[]." if option.get("type") == "list" else f"{whole}."
            yield from _rows(below, option["options"], {})


def _type(option: Mapping[str, Any]) -> str:
    kind = option.get("type", "str")
    kind = f"list of {option['elements']}" if kind == "list" and "elements" in option else kind
    choices = [
        f"`{json.dumps(choice) if not isinstance(choice, str) else choice}`" for choice in option.get("choices") or []
    ]
    return f"{kind}: {', '.join(choices)}" if choices else kind


def _default(option: Mapping[str, Any], given: Any) -> str:
    if option.get("required") and given is None:
        return "required"
    if given is None:
        return ""
    text = given if isinstance(given, str) and given else json.dumps(given, ensure_ascii=False)
    if "{{" in text or len(text) > LONGEST:
        return "see the defaults"
    return f"`{text}`"


def _text(option: Mapping[str, Any]) -> str:
    described = option.get("description") or ""
    text = " ".join([described] if isinstance(described, str) else described)
    text = MARK.sub(lambda found: f"`{found[1]}`", " ".join(text.split()))
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    for name in roles():
        readme(name).write_text(with_section(readme(name).read_text(), table(name)))
