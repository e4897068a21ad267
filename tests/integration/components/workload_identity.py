# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles that workloads of the cluster assume."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.faults import Calls
from tests.support.playbook import PREFIX, Account

from .. import neighbours
from ..census import Lister
from ..drift import Repair
from ..identities import assert_bounded, assert_trusts_one_service_account
from . import eks

SUMMARY = "roles: agent"
LEAST_TAGGED = 8
# Service accounts by the role that they assume.
WORKLOADS = {
    "agent": "system:serviceaccount:agents:agent",
    "aws-load-balancer-controller": "system:serviceaccount:kube-system:aws-load-balancer-controller",
    "external-secrets": "system:serviceaccount:external-secrets-system:external-secrets",
    "llm-gateway": "system:serviceaccount:gateways:llm-gateway",
    "log-collector": "system:serviceaccount:observability-nodes:log-collector",
    "memory-gateway": "system:serviceaccount:gateways:memory-gateway",
    "otel-collector": "system:serviceaccount:observability:otel-collector",
    "retrieval-gateway": "system:serviceaccount:gateways:retrieval-gateway",
}


def census(lister: Lister) -> dict[str, list]:
    """It has nothing but roles, which are counted for all."""
    return {}


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ()


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    neighbours.make_role(account, f"{prefix}-agent", tags)


def take_names(account: Account) -> list[str]:
    neighbours.make_role(account, f"{PREFIX}-llm-gateway", neighbours.OTHER)
    return [f"{PREFIX}-llm-gateway"]


def _delete_a_policy(account: Account) -> None:
    iam, role = account.client("iam"), f"{PREFIX}-llm-gateway"
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)


REPAIRS = {
    "a deleted policy of a workload": Repair(
        _delete_a_policy, Calls({("iam", "PutRolePolicy"): 1}), frozenset({"Make the roles"}), dry=True
    )
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    iam = account.client("iam")

    def delete_role(name: str) -> None:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=name)

    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return {
        "role": lambda: delete_role(f"{PREFIX}-retrieval-gateway"),
        "trust": lambda: iam.update_assume_role_policy(RoleName=f"{PREFIX}-agent", PolicyDocument=_policy(anyone)),
        "boundary": lambda: iam.put_role_permissions_boundary(
            RoleName=f"{PREFIX}-agent", PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"
        ),
        "managed policy": lambda: iam.attach_role_policy(
            RoleName=f"{PREFIX}-agent", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
        ),
        "description and sessions": lambda: iam.update_role(
            RoleName=f"{PREFIX}-agent", Description="theirs", MaxSessionDuration=43200
        ),
        "policy too much": lambda: iam.put_role_policy(
            RoleName=f"{PREFIX}-agent", PolicyName="by-hand", PolicyDocument=_policy(anything)
        ),
    }


def _policy(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def lasting(account: Account) -> list[str]:
    return [account.client("iam").get_role(RoleName=f"{PREFIX}-agent")["Role"]["RoleId"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    assert all(facts["roles"].values())


class TestWorkloadIdentity:
    @pytest.mark.parametrize(("thing", "subject"), WORKLOADS.items())
    def test_trust_of_one_service_account(self, lister, thing, subject):
        assert_trusts_one_service_account(lister.account, thing, subject, eks.issuer(lister.account))

    @pytest.mark.parametrize("thing", WORKLOADS)
    def test_no_permission_for_everything(self, lister, thing):
        assert_bounded(lister.account, thing)
