# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom EKS lets into a cluster: IAM principals, by the access entries that the cluster has for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

SESSION = re.compile(r"arn:([^:]+):sts::(\d{12}):assumed-role/([^/]+)/.+")
ADMINISTRATOR = "AmazonEKSClusterAdminPolicy"


def role_of(caller_arn: str) -> str | None:
    """The name of the role that a caller is a session of."""
    session = SESSION.fullmatch(caller_arn)
    return session[3] if session else None


def principal_of(caller_arn: str, read_role: Callable[[str], Mapping[str, Any] | None]) -> str:
    """The principal that an access entry must name: of a session its role, with the path that only IAM tells.

    read_role: the answer of GetRole for a name, or None where that can't be had. The ARN then lacks a path.
    """
    session = SESSION.fullmatch(caller_arn)
    if not session:
        return caller_arn
    partition, account, name = session.groups()
    answer = read_role(name)
    return answer["Role"]["Arn"] if answer else f"arn:{partition}:iam::{account}:role/{name}"


def same_principal(one: str, other: str) -> bool:
    """Whether two ARNs mean one principal. Names of roles and users are unique in an account, whatever their paths."""

    def parts(arn: str) -> tuple[str, str, str]:
        account, _slash, path = arn.partition("/")
        return account, path.rpartition("/")[2], "" if path else arn

    return parts(one) == parts(other)


def is_administrator(policies: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the policies of an entry, as EKS tells them, are enough for what the platform makes in a cluster."""
    return any(
        policy["policyArn"].rpartition("/")[2] == ADMINISTRATOR and policy["accessScope"]["type"] == "cluster"
        for policy in policies
    )


def entry_lines(principal_arn: str) -> str:
    """What to write into eks_access_entries, as YAML on one line."""
    return f"{{principal_arn: '{principal_arn}', policies: [{{policy: {ADMINISTRATOR}}}]}}"
