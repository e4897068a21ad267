# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What an inventory must fulfil, as pure functions: each takes values and yields the faults it finds.

The rules that a role's argument spec can state are there and checked by schema.py. A component's other rules are in
components/, in the module of its name; one without such rules has none. A module may have

- RANGES: by the path of a number, such as eks_node_groups[].max_size, its range.
- faults(values, others): the rules for its values, given the values of all components of the inventory.
- change_faults(values, platform): what can't become of what exists, as platform_info returns it, or of what AWS offers
  the account, which is in platform["offers"] as far as it is known.
- names(values): the names that it gives to things in AWS, see names.py.
- needs(values, platform): what it takes of AWS's quotas, see quotas.py.
- SAMPLES: how facts will look that the first run makes, with account_id, partition and region to fill in; by them it is
  measured what will be sent.
- removal_faults(values, platform): why what exists can't be removed yet, beyond the switches that protect it.
- internet_faults(values, others): what of its inputs takes the internet, where the network has no way to it, see
  internet.py.
- prerequisites(values): what it takes of the machine that runs ansible-playbook, see prerequisites.py.
- warnings(values, platform): what is no fault, but what a person should know before the run goes on, in the same form.

They get the values that passed the schema, so each must bear that a value is missing.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Callable, Collection, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

from . import internet
from .fault import Fault, fault
from .names import Name
from .prerequisites import Prerequisite
from .quotas import Need
from .ranges import Range, range_faults

Values = Mapping[str, t.Any]

# Every component has waits, and none may be without an end or without a beginning.
TIMEOUT_SUFFIX = "_timeout_seconds"
TIMEOUT = Range(1, of="seconds")


def _own(component: str, what: str, default: t.Any = None) -> t.Any:
    """What the module of the component has under a name."""
    module = f"{__name__}.components.{component}"
    try:
        return getattr(importlib.import_module(module), what, default)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return default


def component_faults(component: str, values: Values, others: Mapping[str, Values]) -> Iterator[Fault]:
    """What is wrong with a component's values, given the values of all components of the inventory."""
    timeouts = {name: TIMEOUT for name in values if name.endswith(TIMEOUT_SUFFIX)}
    yield from range_faults(values, {**_own(component, "RANGES", {}), **timeouts})
    rules = _own(component, "faults")
    if rules:
        yield from rules(values, others)


def internet_faults(component: str, values: Values, others: Mapping[str, Values]) -> Iterator[Fault]:
    """What a component takes of the internet, where the network of the inventory has no way to it."""
    own = _own(component, "internet_faults")
    if own and internet.is_closed(others):
        yield from own(values, others)


def component_names(component: str, values: Values) -> list[Name]:
    """The names that a component gives to things in AWS."""
    own = _own(component, "names")
    return list(own(values)) if own else []


def component_needs(component: str, values: Values, platform: Values) -> list[Need]:
    """What a component takes of AWS's quotas."""
    own = _own(component, "needs")
    return list(own(values, platform)) if own else []


def component_samples(component: str) -> Mapping[str, str]:
    """How the facts of a component will look that its first run makes."""
    return _own(component, "SAMPLES", {})


def component_prerequisites(component: str, values: Values) -> list[Prerequisite]:
    """What a component takes of this machine."""
    own = _own(component, "prerequisites")
    return list(own(values)) if own else []


def change_rules(component: str) -> Callable[[Values, Values], Iterator[Fault]] | None:
    """The component's change_faults, if it has any."""
    return _own(component, "change_faults")


def change_warnings(component: str) -> Callable[[Values, Values], Iterator[Fault]] | None:
    """The component's warnings, if it has any."""
    return _own(component, "warnings")


def removal_rules(component: str) -> Callable[[Values, Values], Iterator[Fault]] | None:
    """The component's removal_faults, if it has any."""
    return _own(component, "removal_faults")


def protection_faults(component: str, values: Values, platform: Values) -> Iterator[Fault]:
    """Switches of a component that exists which keep it from being removed."""
    if (platform.get(component) or {}).get("exists"):
        for switch in roles.described()[component].get("protected_by", []):
            if values.get(switch):
                off = f"-e '{{\"{switch}\": false}}'"
                yield fault(switch, True, f"protects {component}: to remove it with all that is in it, add {off}")


def dependent_faults(removed: Collection[str], states: Mapping[str, str]) -> Iterator[Fault]:
    """What can't be removed because something that stays builds on it. states: how far each component exists."""
    for component in removed:
        users = [
            other
            for other, about in roles.described().items()
            if component in about["requires"] and other not in removed and states.get(other, "absent") != "absent"
        ]
        if users:
            yield Fault(component, f"is still required by {' and '.join(users)}: remove that with it, or first")


def conflict_faults(platform: Values, components: Collection[str] | None = None) -> Iterator[Fault]:
    """Names of the platform, or of some of its components, that something else in the account bears."""
    for conflict in platform.get("conflicts") or []:
        if components is not None and conflict["component"] not in components:
            continue
        yield Fault(
            conflict["component"],
            f"{conflict['resource']} {conflict['reason']}: it is not changed; {conflict['remedy']}",
        )
