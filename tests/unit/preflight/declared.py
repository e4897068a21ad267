# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rules are given in tests: values with no key but those of the argument specs, facts with those of discovery.

Both raise UndeclaredError when they are made with another key, and when a rule asks for one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.agent_platform.aws.plugins.lookup.inventory_faults import SHARED_ROLE
from ansible_collections.agent_platform.aws.plugins.modules import platform_info
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import (
    change_rules,
    change_warnings,
    component_faults,
    component_needs,
    protection_faults,
    removal_rules,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.quotas import (
    quota_faults,
    quota_warnings,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import ROLES, load, options
from tests.support.components import shared as shared_variables
from tests.unit.platform_info.fake_aws import everything, look


class UndeclaredError(AssertionError):
    """A key that neither an argument spec nor discovery knows."""


class Declared(dict):
    """A mapping that knows which keys there may be, by the options of an argument spec."""

    def __init__(self, given: Mapping, options: Mapping[str, Mapping], path: str) -> None:
        self.options, self.path = options, path
        super().__init__(
            {key: declare(value, self._option(key), f"{path}.{key}") for key, value in given.items()},
        )

    def _option(self, key: str) -> Mapping:
        if key not in self.options:
            raise UndeclaredError(f"{self.path} has no {key}; there are {', '.join(self.options)}")
        return self.options[key]

    def __getitem__(self, key: str) -> Any:
        self._option(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._option(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._option(key)
        return super().get(key, default)


def declare(value: Any, option: Mapping, path: str) -> Any:
    """The value with all mappings in it bound to their options. One without suboptions is free in its keys."""
    if isinstance(value, list):
        return [declare(item, {"options": option.get("options")}, f"{path}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if "named" in option:
        return {key: declare(item, option["named"], f"{path}.{key}") for key, item in value.items()}
    return value if option.get("options") is None else Declared(value, option["options"], path)


def checked_roles() -> list[str]:
    """All roles whose variables are checked."""
    found = (path.parents[1].name for path in sorted(Path(ROLES).glob("*/meta/argument_specs.yml")))
    return [role for role in found if role != SHARED_ROLE]


def values(role: str, **given: Any) -> Declared:
    """Variables of a role and those that all roles share."""
    return Declared(given, {**options(SHARED_ROLE), **options(role)}, role)


def others(**given: Mapping[str, Any]) -> Declared:
    """The variables of several components."""
    known = {role: {"options": {**options(SHARED_ROLE), **options(role)}} for role in checked_roles()}
    return Declared(given, known, "others")


def shape(empty: Any, found: Any) -> dict:
    """The options of a fact, by what it is when nothing exists and what it is when something does."""
    if isinstance(empty, Mapping) and empty:
        return {"options": {key: shape(empty[key], found[key]) for key in empty}}
    if isinstance(found, Mapping) and found:
        # By names that the inventory or AWS gives.
        return {"named": shape(*2 * [next(iter(found.values()))])}
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        return shape(found[0], found[0])
    return {}


def facts_of(answers: Mapping[str, Any]) -> dict[str, dict]:
    """What discovery makes of AWS's answers, by component, and what AWS offers for them."""
    found, _aws = look(answers, offers=True)
    return {**found.components, "offers": found.offers}


@functools.cache
def facts_known() -> dict[str, dict]:
    """What platform_info returns: of the components as discovery makes it, of the account as it is documented."""
    nothing, found = facts_of({}), facts_of(everything())
    nothing_offered, offered = nothing.pop("offers"), found.pop("offers")
    offers = {
        name: {"options": {key: shape(empty[key], offered[name][key]) for key in empty}}
        for name, empty in nothing_offered.items()
    }
    documented = yaml.safe_load(platform_info.RETURN)["platform"]["contains"]
    account = {key: {"options": entry.get("contains")} for key, entry in documented.items() if key not in nothing}
    account["offers"] = {"options": offers}
    return {**account, **{name: shape(empty, found[name]) for name, empty in nothing.items()}}


def facts(**given: Any) -> Declared:
    """What discovery found, as platform_info returns it."""
    return Declared(given, facts_known(), "platform")


def result(**given: Any) -> Declared:
    """What the module platform_info returns, also where it fails."""
    return Declared(given, {**yaml.safe_load(platform_info.RETURN), "msg": {}}, "result")


def fault_lines(component: str, given: Mapping[str, Any], **of_others: Mapping[str, Any]) -> list[str]:
    """What a component's rules say of its values, given those of other components."""
    return [str(item) for item in component_faults(component, values(component, **given), others(**of_others))]


def change_fault_lines(component: str, given: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a component's rules say of its values where something exists."""
    return [str(item) for item in change_rules(component)(values(component, **given), facts(**found))]


def warning_lines(component: str, given: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a person should know before the run goes on."""
    return [str(item) for item in change_warnings(component)(values(component, **given), facts(**found))]


def removal_fault_lines(component: str, given: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What keeps a component that exists from being removed."""
    rules = [functools.partial(protection_faults, component), *filter(None, [removal_rules(component)])]
    return [str(item) for rule in rules for item in rule(values(component, **given), facts(**found))]


def need_lines(components: Mapping[str, Mapping[str, Any]], found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is said of the quotas that components need: faults, warnings."""
    platform = facts(**found)
    needs = {name: component_needs(name, values(name, **given), platform) for name, given in components.items()}
    return tuple([str(item) for _name, item in find(needs, platform)] for find in (quota_faults, quota_warnings))


def sample(option: Mapping) -> Any:
    """A value of an option, with every key that there may be in it."""
    kind = option.get("type", "str")
    if kind == "list":
        return [sample({**option, "type": option["elements"]})]
    if kind == "dict":
        return {key: sample(suboption) for key, suboption in (option.get("options") or {}).items()}
    if "choices" in option:
        return option["choices"][0]
    return {"bool": True, "int": 1, "float": 1.0}.get(kind, "x")


def samples(role: str) -> Iterator[Declared]:
    """The defaults of a role, and these with an entry that has every key in each list of mappings."""
    defaults = load(role, "defaults/main.yml")
    entries = {name: sample(option) for name, option in options(role).items() if option.get("options")}
    shared = {
        "platform_prefix": "agent-platform-dev",
        "platform_region": "us-west-2",
        "platform_account_id": "123456789012",
        "platform_gateways": shared_variables()["platform_gateways"],
    }
    for given in (defaults, {**defaults, **entries}):
        yield values(role, **{**shared, **given})
