# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the workload_identity component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from .fault import Fault, fault
from .formats import dns_label_rule, dns_name_rule, repeated, repeated_names
from .permissions import (
    database_user_faults,
    managed_policy_rule,
    model_faults,
    role_name_rule,
    statement_faults,
)

METRIC_NAMESPACE = re.compile(r"[\w./#:-]{1,255}", re.ASCII)


def _role_faults(roles: list[Mapping]) -> Iterator[Fault]:
    variable = "workload_identity_roles"
    yield from repeated_names(variable, roles)
    for index, role in enumerate(roles):
        path = f"{variable}[{index}]"
        checks = [
            (f"{path}.name", role.get("name"), role_name_rule),
            (f"{path}.namespace", role.get("namespace"), dns_label_rule),
        ]
        checks += [(f"{path}.service_accounts", name, dns_name_rule) for name in role.get("service_accounts", [])]
        checks += [(f"{path}.managed_policies", name, managed_policy_rule) for name in role.get("managed_policies", [])]
        for where, value, rule_of in checks:
            rule = rule_of(value) if value is not None else None
            if rule:
                yield fault(where, value, rule)
        if "service_accounts" in role and not role["service_accounts"]:
            yield fault(f"{path}.service_accounts", [], "names no service account, so nothing could use the role")
        for account in repeated(role.get("service_accounts", [])):
            yield fault(f"{path}.service_accounts", account, "occurs more than once")
        yield from statement_faults(f"{path}.statements", role.get("statements", []))


def workload_identity_faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _role_faults(values.get("workload_identity_roles") or [])
    for name in ("workload_identity_foundation_models", "workload_identity_inference_profiles"):
        yield from model_faults(name, values.get(name) or [])
    user = "workload_identity_memory_database_user"
    yield from database_user_faults(user, values.get(user))
    for index, namespace in enumerate(values.get("workload_identity_metric_namespaces") or []):
        path = f"workload_identity_metric_namespaces[{index}]"
        if not METRIC_NAMESPACE.fullmatch(namespace):
            yield fault(path, namespace, "is not a CloudWatch namespace: 1 to 255 letters, digits and . - _ / # :")
        elif namespace.startswith("AWS/"):
            yield fault(path, namespace, "begins with AWS/, which CloudWatch keeps for AWS services")
