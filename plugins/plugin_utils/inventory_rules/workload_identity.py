# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the workload_identity component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from .fault import Fault, fault
from .formats import ARN, dns_label_rule, dns_name_rule, repeated, repeated_names

ROLE_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]+")
MANAGED_POLICY = re.compile(r"([A-Za-z0-9-]+/)*[A-Za-z0-9+=,.@_-]+")
STATEMENT_ID = re.compile(r"[A-Za-z0-9]+")
ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+")
PLACEHOLDER = re.compile(r".*<[a-z_.]+>.*")
MODEL_ID = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[A-Za-z0-9._:-]+")
DATABASE_USER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
RESERVED_DATABASE_USERS = frozenset({"rdsadmin", "rds_superuser", "rds_iam", "postgres", "public"})
METRIC_NAMESPACE = re.compile(r"[\w./#:-]{1,255}", re.ASCII)


def role_name_rule(name: str) -> str | None:
    return None if ROLE_NAME.fullmatch(name) else "is not a role name: letters, digits and + = , . @ _ -"


def managed_policy_rule(name: str) -> str | None:
    if name.startswith("arn:"):
        return (
            "is an ARN: give the name of the AWS managed policy, with its path (service-role/AmazonEBSCSIDriverPolicy)"
        )
    return None if MANAGED_POLICY.fullmatch(name) else "is not the name of an AWS managed policy"


def _statement_faults(path: str, statements: list[Mapping]) -> Iterator[Fault]:
    yield from repeated_names(path, statements, "Sid")
    for index, statement in enumerate(statements):
        here = f"{path}[{index}]"
        sid = statement.get("Sid")
        if sid is not None and not STATEMENT_ID.fullmatch(sid):
            yield fault(f"{here}.Sid", sid, "is not letters and digits only, as IAM requires of a statement's id")
        for action in statement.get("Action", []):
            if not ACTION.fullmatch(action):
                yield fault(
                    f"{here}.Action",
                    action,
                    "is not an API action, such as s3:GetObject; all actions of AWS (*) are refused",
                )
        for resource in statement.get("Resource", []):
            if resource != "*" and not ARN.fullmatch(resource) and not PLACEHOLDER.fullmatch(resource):
                yield fault(f"{here}.Resource", resource, "is not an ARN, a value in angle brackets or *")


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
        yield from _statement_faults(f"{path}.statements", role.get("statements", []))


def workload_identity_faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _role_faults(values.get("workload_identity_roles") or [])
    for name in ("workload_identity_foundation_models", "workload_identity_inference_profiles"):
        for index, model in enumerate(values.get(name) or []):
            if not MODEL_ID.fullmatch(model):
                yield fault(
                    f"{name}[{index}]",
                    model,
                    "is not the id of a Bedrock model or profile, such as amazon.titan-embed-text-v2:0",
                )
    user = values.get("workload_identity_memory_database_user")
    if user is not None:
        if not DATABASE_USER.fullmatch(user):
            rule = "is not a PostgreSQL user name: up to 63 lower-case letters, digits and '_', no digit first"
            yield fault("workload_identity_memory_database_user", user, rule)
        elif user in RESERVED_DATABASE_USERS:
            yield fault("workload_identity_memory_database_user", user, "is reserved by Aurora PostgreSQL")
    for index, namespace in enumerate(values.get("workload_identity_metric_namespaces") or []):
        path = f"workload_identity_metric_namespaces[{index}]"
        if not METRIC_NAMESPACE.fullmatch(namespace):
            yield fault(path, namespace, "is not a CloudWatch namespace: 1 to 255 letters, digits and . - _ / # :")
        elif namespace.startswith("AWS/"):
            yield fault(path, namespace, "begins with AWS/, which CloudWatch keeps for AWS services")
