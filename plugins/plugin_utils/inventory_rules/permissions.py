# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for what an identity may do, shared by the components that give permissions."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.filter.iam_permissions import placeholders
from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

from .fault import Fault, fault
from .formats import ARN, dns_label_rule, dns_name_rule, repeated, repeated_names

ROLE_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]+")
MANAGED_POLICY = re.compile(r"([A-Za-z0-9-]+/)*[A-Za-z0-9+=,.@_-]+")
STATEMENT_ID = re.compile(r"[A-Za-z0-9]+")
ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+")
PLACEHOLDER = re.compile(r".*<[a-z_.]+>.*")
DATABASE_USER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
RESERVED_DATABASE_USERS = frozenset({"rdsadmin", "rds_superuser", "rds_iam", "postgres", "public"})
RESERVED_GROUP_PREFIXES = ("system:", "eks:", "aws:", "amazon:", "iam:")
ACCESS_POLICY = re.compile(r"[A-Za-z0-9]+")


def role_name_rule(name: str) -> str | None:
    return None if ROLE_NAME.fullmatch(name) else "is not a role name: letters, digits and + = , . @ _ -"


def managed_policy_rule(name: str) -> str | None:
    if name.startswith("arn:"):
        return (
            "is an ARN: give the name of the AWS managed policy, with its path (service-role/AmazonEBSCSIDriverPolicy)"
        )
    return None if MANAGED_POLICY.fullmatch(name) else "is not the name of an AWS managed policy"


def statement_faults(path: str, statements: list[Mapping], component: str) -> Iterator[Fault]:
    """component: the one that fills in the placeholders."""
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
        for key, value in statement.items():
            for name in dict.fromkeys(placeholders(value)):
                if other := roles.untold(component, name):
                    rule = f"is a fact of {other}, which {component} doesn't read, so the statement would wait for ever"
                    yield fault(f"{here}.{key}", f"<{name}>", f"{rule}: write its value instead")


def gateway_statement_faults(path: str, statements: list[Mapping]) -> Iterator[Fault]:
    """What a gateway may do is named one by one: no wildcard in an action, no resource that is all of its kind."""
    yield from statement_faults(path, statements, "workload_identity")
    for index, statement in enumerate(statements):
        for action in statement.get("Action") or []:
            if ACTION.fullmatch(action) and set(action) & set("*?"):
                yield fault(
                    f"{path}[{index}].Action", action, "has a wildcard: name each action that the gateway takes"
                )
        for resource in statement.get("Resource") or []:
            if resource.split(":", 5)[-1] == "*":
                yield fault(f"{path}[{index}].Resource", resource, "stands for all: name what the gateway takes")


def _each(path: str, checks: Iterable[tuple[str, t.Any, Callable[[t.Any], str | None]]]) -> Iterator[Fault]:
    for key, value, rule_of in checks:
        rule = rule_of(value) if value is not None else None
        if rule:
            yield fault(f"{path}.{key}", value, rule)


def service_account_faults(path: str, entry: Mapping[str, t.Any]) -> Iterator[Fault]:
    """The service accounts of something that runs in the cluster."""
    accounts = entry.get("service_accounts")
    checks = [("service_accounts", name, dns_name_rule) for name in accounts or []]
    yield from _each(path, [("namespace", entry.get("namespace"), dns_label_rule), *checks])
    if accounts == []:
        yield fault(f"{path}.service_accounts", [], "names no service account, so nothing could use the role")
    for account in repeated(accounts or []):
        yield fault(f"{path}.service_accounts", account, "occurs more than once")


def workload_role_faults(path: str, role: Mapping[str, t.Any], component: str) -> Iterator[Fault]:
    """A role that pods assume by the token of their service account, made by the component."""
    yield from _each(path, [("name", role.get("name"), role_name_rule)])
    yield from service_account_faults(path, role)
    policies = [("managed_policies", name, managed_policy_rule) for name in role.get("managed_policies") or []]
    yield from _each(path, policies)
    yield from statement_faults(f"{path}.statements", role.get("statements") or [], component)


def group_faults(path: str, groups: Iterable[str]) -> Iterator[Fault]:
    """Kubernetes groups of an access entry."""
    for group in groups:
        if group.startswith(RESERVED_GROUP_PREFIXES):
            yield fault(path, group, f"begins with one of {', '.join(RESERVED_GROUP_PREFIXES)}: EKS refuses it")


def access_policy_faults(path: str, policy: Mapping[str, t.Any]) -> Iterator[Fault]:
    name, namespaces, scope = (policy.get(key) for key in ("policy", "namespaces", "scope"))
    if name is not None and not ACCESS_POLICY.fullmatch(name):
        yield fault(f"{path}.policy", name, "is not the name of an EKS access policy, such as AmazonEKSViewPolicy")
    if scope == "namespace" and not namespaces:
        yield fault(f"{path}.namespaces", namespaces, "names no namespace, which scope namespace needs")
    if scope == "cluster" and namespaces:
        yield fault(f"{path}.namespaces", namespaces, "has no meaning with scope cluster")


def database_user_faults(variable: str, user: str | None) -> Iterator[Fault]:
    if user is None:
        return
    if not DATABASE_USER.fullmatch(user):
        rule = "is not a PostgreSQL user name: up to 63 lower-case letters, digits and '_', no digit first"
        yield fault(variable, user, rule)
    elif user in RESERVED_DATABASE_USERS or user.startswith("pg_"):
        yield fault(variable, user, "is reserved by Aurora PostgreSQL")
