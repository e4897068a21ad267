# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Administration of the cluster by a role that people assume in their own names, as long as there are any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, Account, Run

from .census import Lister, as_list, document, tags_of
from .components import eks

pytestmark = [pytest.mark.by_component("eks"), pytest.mark.options]

NAME = f"{PREFIX}-eks-admin"


def settle(account: Account, note: str, *administrators: str, **variables: object) -> Run:
    given = {"eks_administrators": list(administrators), **variables}
    return account.run("--limit", "eks", variables=given, note=note)


def role(account: Account) -> dict | None:
    try:
        return account.client("iam").get_role(RoleName=NAME)["Role"]
    except ClientError:
        return None


def entry_arns(account: Account) -> list[str]:
    return account.pages("eks", "list_access_entries", "accessEntries", clusterName=eks.CLUSTER)


@pytest.fixture
def account(platform) -> Iterator[Account]:
    """Without administrators before and after it."""
    yield platform.account
    if role(platform.account):
        settle(platform.account, "no administrators again").assert_converged()


def test_administrators_come_and_go(account):
    iam = account.client("iam")
    user = iam.create_user(UserName="jo")["User"]["Arn"]
    people = iam.create_role(RoleName="people", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    arn = f"arn:aws:iam::{account.id}:role/{NAME}"
    try:
        settle(account, "two administrators", user, people["Role"]["Arn"]).assert_converged()
        made = role(account)
        assert (made["Arn"], made["MaxSessionDuration"]) == (arn, 3600)
        assert {**OWNER, "Component": "eks"}.items() <= tags_of(made).items()
        trust = {item["Sid"]: item for item in document(made["AssumeRolePolicyDocument"])["Statement"]}
        own = trust["UsersInTheirOwnName"]
        assert (own["Principal"], own["Action"]) == ({"AWS": [user]}, "sts:AssumeRole")
        assert own["Condition"] == {
            "StringEquals": {"sts:RoleSessionName": "${aws:username}"},
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
        }
        assert trust["Roles"]["Principal"] == {"AWS": [people["Role"]["Arn"]]}
        assert "Condition" not in trust["Roles"]
        assert trust["WhatSessionsBringAlong"]["Action"] == ["sts:SetSourceIdentity", "sts:TagSession"]
        assert iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"] == []
        (name,) = iam.list_role_policies(RoleName=NAME)["PolicyNames"]
        policy = document(iam.get_role_policy(RoleName=NAME, PolicyName=name)["PolicyDocument"])
        (statement,) = policy["Statement"]
        assert as_list(statement["Action"]) == ["eks:DescribeCluster"]
        assert as_list(statement["Resource"]) == [eks.cluster(account)["arn"]]
        (given,) = eks.access_policies(Lister(account), eks.CLUSTER, arn)
        assert given["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
        assert given["accessScope"]["type"] == "cluster"

        # Somebody lets another one in, and takes the policy from the entry.
        iam.update_assume_role_policy(RoleName=NAME, PolicyDocument='{"Version": "2012-10-17", "Statement": []}')
        account.client("eks").disassociate_access_policy(
            clusterName=eks.CLUSTER, principalArn=arn, policyArn=given["policyArn"]
        )
        strict = {"eks_administrator_source_identity": True, "eks_administrator_mfa": False}
        run = settle(account, "put back, with a source identity", user, people["Role"]["Arn"], **strict)
        assert run.assert_converged().calls.writes == Calls(
            {("iam", "UpdateAssumeRolePolicy"): 1, ("eks", "AssociateAccessPolicy"): 1}
        )
        trust = {item["Sid"]: item for item in document(role(account)["AssumeRolePolicyDocument"])["Statement"]}
        assert trust["Roles"]["Condition"] == {"Null": {"sts:SourceIdentity": "false"}}
        assert "Bool" not in trust["UsersInTheirOwnName"]["Condition"]

        settle(account, "no administrators").assert_converged()
        assert role(account) is None
        assert arn not in entry_arns(account)
    finally:
        iam.delete_user(UserName="jo")
        iam.delete_role(RoleName="people")
