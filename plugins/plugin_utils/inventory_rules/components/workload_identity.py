# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the workload_identity component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ..fault import Fault, fault
from ..formats import repeated_names
from ..models import model_warnings, offered_model_faults
from ..names import Name, named_entries
from ..permissions import database_user_faults, workload_role_faults

METRIC_NAMESPACE = re.compile(r"[\w./#:-]{1,255}", re.ASCII)


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    variable = "workload_identity_roles"
    roles = values.get(variable) or []
    yield from repeated_names(variable, roles)
    for index, role in enumerate(roles):
        yield from workload_role_faults(f"{variable}[{index}]", role, "workload_identity")
    user = "workload_identity_memory_database_user"
    yield from database_user_faults(user, values.get(user))
    for index, namespace in enumerate(values.get("workload_identity_metric_namespaces") or []):
        path = f"workload_identity_metric_namespaces[{index}]"
        if not METRIC_NAMESPACE.fullmatch(namespace):
            yield fault(path, namespace, "is not a CloudWatch namespace: 1 to 255 letters, digits and . - _ / # :")
        elif namespace.startswith("AWS/"):
            yield fault(path, namespace, "begins with AWS/, which CloudWatch keeps for AWS services")


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix, roles = values.get("platform_prefix"), values.get("workload_identity_roles") or []
    replaced = {role.get("name") for role in roles}
    gateways = [item for item in values.get("platform_gateways") or [] if item.get("name") not in replaced]
    yield from named_entries(prefix, "platform_gateways", gateways, "iam_role")
    yield from named_entries(prefix, "workload_identity_roles", roles, "iam_role")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Models that workloads can't be let call."""
    yield from offered_model_faults(values, platform)


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    yield from model_warnings(values, platform)
