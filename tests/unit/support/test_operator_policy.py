# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policies of who runs the playbooks allow what modules and discovery call, and nothing else, as AWS knows it."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import platform
from tests.support import operator_policy as policy

EXISTING = {
    "platform_existing_roles": {
        f"role-{number}": f"arn:aws:iam::123456789012:role/organisation/a-role-of-some-length-{number}"
        for number in range(8)
    },
    "encryption_key_arn": "arn:aws:kms:ap-southeast-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "network_vpc_id": "vpc-0123456789abcdef0",
    "network_public_subnet_ids": [f"subnet-{number}123456789abcdef0" for number in range(3)],
    "network_private_subnet_ids": [f"subnet-{number}123456789abcdef1" for number in range(3)],
}
OF_THE_ACCOUNT = {
    "encryption_ebs_by_default": True,
    "encryption_ebs_default_key": True,
    "bastion_instance_session_preferences": "account",
}
# Statements for what an inventory may ask for or name of others.
WANTED = {
    "ExistingRoles",
    "TheirPolicies",
    "PassExistingRoles",
    "LookAtExistingKey",
    "ExistingKeyByServices",
    "ExistingKeyGrants",
    "BuildInExistingVpc",
    "EndpointsInItsTables",
    "EncryptVolumesByDefault",
}
BOUNDARY = "arn:aws:iam::123456789012:policy/a-boundary-of-some-length-for-all-teams-of-this-organisation"


@pytest.fixture(scope="module")
def documents():
    return policy.with_placeholders()


@pytest.fixture(scope="module")
def longest(tmp_path_factory):
    """With the longest names and a boundary, in the region with the longest name."""
    return policy.written(
        tmp_path_factory.mktemp("policies"),
        platform_name="n" * platform.LONGEST_NAME,
        platform_environment="e" * platform.LONGEST_ENVIRONMENT,
        platform_account_id="123456789012",
        platform_region="ap-southeast-1",
        platform_permissions_boundary=BOUNDARY,
        platform_iam_path="/teams/agents/",
        **EXISTING,
        **OF_THE_ACCOUNT,
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Of an inventory that names nothing of others, and asks for no settings of the account."""
    return policy.written(tmp_path_factory.mktemp("plain"), platform_account_id="123456789012")


def test_they_fit_what_is_called_and_what_aws_knows(documents):
    assert policy.problems(documents) == []


def test_the_document_is_fresh(documents):
    """PYTHONPATH=collections python -m tests.support.operator_policy writes it anew."""
    assert policy.DOCUMENT.read_text() == policy.text_of(documents)


def test_the_longest_ones_fit_into_iam(longest):
    assert list(policy.oversized(longest)) == []
    assert list(policy.loose(longest)) == []


def statement(documents, sid):
    return next(found for place, found in policy.statements(documents) if place.endswith(f"/{sid}"))


def test_with_a_boundary_there_are_no_roles_without(documents, longest):
    assert "iam:DeleteRolePermissionsBoundary" in policy.allowed(documents)
    assert "iam:DeleteRolePermissionsBoundary" not in policy.allowed(longest)
    for sid in ("RolesWithBoundary", "ManagedPolicies"):
        assert statement(longest, sid)["Condition"]["StringEquals"] == {"iam:PermissionsBoundary": BOUNDARY}
    assert statement(longest, "Roles")["Resource"].startswith("arn:aws:iam::123456789012:role/teams/agents/nnn")


def test_what_isn_t_asked_for_isn_t_allowed(plain, longest):
    def sids(documents):
        return {place.rpartition("/")[2] for place, _statement in policy.statements(documents)}

    assert sids(longest) - sids(plain) == WANTED
    assert list(policy.loose(plain)) == []
    assert [text for text in policy.missing(plain) if "iam:GetPolicy" not in text and "Ebs" not in text] == []
    preferences = "arn:aws:ssm:ap-southeast-1:123456789012:document/SSM-SessionManagerRunShell"
    assert preferences in statement(longest, "OwnDocuments")["Resource"]
    assert not [name for name in statement(plain, "OwnDocuments")["Resource"] if "RunShell" in name]


def test_what_others_have_made_is_named(longest):
    roles = sorted(EXISTING["platform_existing_roles"].values())
    assert statement(longest, "ExistingRoles")["Resource"] == roles
    assert statement(longest, "PassExistingRoles")["Resource"] == roles
    assert statement(longest, "ExistingKeyByServices")["Resource"] == [EXISTING["encryption_key_arn"]]
    place = "arn:aws:ec2:ap-southeast-1:*"
    subnets = sorted(EXISTING["network_public_subnet_ids"] + EXISTING["network_private_subnet_ids"])
    vpc = f"{place}:vpc/{EXISTING['network_vpc_id']}"
    assert statement(longest, "BuildInExistingVpc")["Resource"] == [vpc, *(f"{place}:subnet/{it}" for it in subnets)]
    assert statement(longest, "EndpointsInItsTables")["Condition"] == {"ArnLike": {"ec2:Vpc": [vpc]}}


def test_who_marks_a_resource_marks_it_as_the_platform_s(documents):
    tags = {"Project": "NAME", "Environment": "ENVIRONMENT", "Region": "REGION", "ManagedBy": "agent_platform.aws"}
    condition = statement(documents, "MakeKey")["Condition"]
    assert condition == {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Action": ["ec2:DescribeVpcs", "ec2:CreateVolume"]}, "ec2:CreateVolume isn't in service_authorization.yml"),
        ({"Action": "kms:PutKeyPolicy", "Resource": "*"}, "kms:PutKeyPolicy is for all resources, and could be"),
        (
            {"Action": "kms:CreateKey", "Condition": {"StringEquals": {"aws:ResourceTag/A": "b"}}},
            "kms:CreateKey doesn't know aws:ResourceTag",
        ),
        (
            {"Action": "kms:PutKeyPolicy", "Condition": {"StringEquals": {"aws:RequestTag/A": "b"}}},
            "kms:PutKeyPolicy doesn't know aws:RequestTag",
        ),
        (
            {"Action": "sns:DeleteTopic", "Resource": "arn:aws:kms:REGION:ACCOUNT_ID:key/*"},
            "sns:DeleteTopic is never about these resources",
        ),
        ({"Action": "ec2:DeleteVolume"}, "rds:CreateDBCluster is checked on subgrp, too, and no statement allows that"),
    ],
)
def test_planted_faults_are_found(documents, change, said):
    changed = copy.deepcopy(documents)
    network = changed["NAME-ENVIRONMENT-operator-network"]["Statement"]
    if "subgrp" in said:
        statement(changed, "Databases")["Resource"].remove("arn:aws:rds:REGION:ACCOUNT_ID:subgrp:NAME-ENVIRONMENT-*")
    planted = {"Sid": "Planted", "Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*", **change}
    network.append(planted)
    assert [problem for problem in policy.problems(changed) if said in problem]


def test_an_action_too_few_or_too_many_is_found(documents):
    changed = json.loads(json.dumps(documents).replace("kms:CreateKey", "elasticache:CreateSnapshot"))
    found = policy.problems(changed)
    assert "kms:CreateKey is needed by kms_key" in found
    idle = json.loads(json.dumps(documents).replace('"sns:ListTopics"', '"kms:GetKeyRotationStatus"'))
    assert any(problem.startswith("sns:ListTopics is needed by") for problem in policy.problems(idle))
