# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What an inventory must fulfil, as pure functions: each takes values and yields the faults it finds.

The rules that a role's argument spec can state are there and checked by schema.py. A component's other rules are in the
module of its name here; they get the values that passed the schema, so each must bear that a value is missing.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping

from .bastion_instance import bastion_instance_change_faults, bastion_instance_faults
from .eks import eks_change_faults, eks_faults
from .encryption import encryption_faults
from .fault import Fault
from .network import network_change_faults, network_faults
from .workload_identity import workload_identity_faults

Values = Mapping[str, t.Any]

# By component: rules for its values, given the values of all components of the inventory.
COMPONENT_RULES: dict[str, Callable[[Values, Mapping[str, Values]], Iterator[Fault]]] = {
    "encryption": encryption_faults,
    "network": network_faults,
    "eks": eks_faults,
    "workload_identity": workload_identity_faults,
    "bastion_instance": bastion_instance_faults,
}
# By component: what can't become of what exists, as platform_info returns it.
CHANGE_RULES: dict[str, Callable[[Values, Values], Iterator[Fault]]] = {
    "network": network_change_faults,
    "eks": eks_change_faults,
    "bastion_instance": bastion_instance_change_faults,
}


def timeout_faults(values: Values) -> Iterator[Fault]:
    """Every component has waits, and none may be without an end or without a beginning."""
    for name, value in values.items():
        if name.endswith("_timeout_seconds") and isinstance(value, int) and value < 1:
            yield Fault(name, f"{value} is not a time to wait: 1 second or more")


def conflict_faults(platform: Values) -> Iterator[Fault]:
    """Names of the platform that something else in the account bears."""
    for conflict in platform.get("conflicts") or []:
        yield Fault(
            conflict["component"],
            f"{conflict['resource']} {conflict['reason']}: it is not changed; rename the platform (platform_name), or"
            " remove it or give it the owner tags yourself",
        )
