# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the policy of the platform's key says, and what of it another policy lacks."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.filter.key_policy import key_policy
from ansible_collections.agent_platform.aws.plugins.plugin_utils.key_policy import (
    ACCOUNT,
    AUTO_SCALING_ROLE,
    EVENTS,
    LOGS,
    USE,
    VECTORS,
    VOLUMES,
    Place,
    granted,
    missing,
    statements,
)

PLATFORM = {"partition": "aws", "dns_suffix": "amazonaws.com", "account_id": "123456789012"}
PLACE = Place(**PLATFORM, region="us-west-2", prefix="demo-dev")
ADMIN = "arn:aws:iam::123456789012:role/admin"
ALL = (ACCOUNT, LOGS, EVENTS, VECTORS, VOLUMES)


def sids(document):
    return [item["Sid"] for item in document["Statement"]]


def made(**how):
    return key_policy("demo-dev-key", PLATFORM, "us-west-2", "demo-dev", **how)


def lacks(document, *users):
    needed = [item for user in users for item in statements(PLACE, user)]
    return [item["Sid"] for item in missing(json.dumps(document), needed)]


def allow(principal, action="kms:*", **more):
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def document(*items):
    return {"Version": "2012-10-17", "Statement": list(items)}


ROOT = {"AWS": "arn:aws:iam::123456789012:root"}
LOG_SERVICE = {"Service": "logs.us-west-2.amazonaws.com"}
LOG_ARN = "kms:EncryptionContext:aws:logs:arn"


class TestOwnPolicy:
    def test_names_each_action_and_every_service_of_the_account(self):
        text = json.dumps(made(administrators=[ADMIN]))
        assert '"kms:*"' not in text
        for item in made()["Statement"]:
            assert item["Principal"] != "*"
            assert "Service" not in item["Principal"] or item["Condition"]

    def test_administrators_do_not_use_it(self):
        assert "KeyAdministrators" not in sids(made())
        (item,) = [item for item in made(administrators=[ADMIN])["Statement"] if item["Sid"] == "KeyAdministrators"]
        assert item["Principal"] == {"AWS": [ADMIN]}
        assert not {*item["Action"]} & {*USE} - {"kms:DescribeKey"}

    def test_lets_in_whom_it_serves(self):
        assert sids(made()) == [
            "LetIamPoliciesOfThisAccountAllow",
            "LogGroupsOfThisPlatform",
            "EventsOfDatabases",
            "IndexesOfVectors",
            "VolumesOfNodes",
            "AttachVolumesOfNodes",
        ]

    def test_is_enough_by_its_own_measure(self):
        assert lacks(made(), *ALL) == []


class TestAnotherPolicy:
    @pytest.mark.parametrize(
        "principal", [ROOT, {"AWS": "123456789012"}, {"AWS": ["*", ADMIN]}, "*"], ids=["root", "id", "list", "all"]
    )
    def test_aws_s_own_default_lets_the_account_in(self, principal):
        assert lacks(document(allow(principal)), ACCOUNT) == []

    def test_one_for_a_single_role_does_not(self):
        assert lacks(document(allow({"AWS": ADMIN})), ACCOUNT) == ["LetIamPoliciesOfThisAccountAllow"]

    def test_who_only_reads_can_not_encrypt(self):
        assert lacks(document(allow(ROOT, ["kms:Decrypt", "kms:DescribeKey"])), ACCOUNT) != []
        assert lacks(document(allow(ROOT, ["kms:De*", "kms:Enc*", "kms:Gen*", "kms:ReEncrypt*"])), ACCOUNT) == []

    def test_a_service_is_none_of_the_account(self):
        everyone_here = document(allow(ROOT))
        assert lacks(everyone_here, LOGS, EVENTS, VECTORS) == [
            "LogGroupsOfThisPlatform",
            "EventsOfDatabases",
            "IndexesOfVectors",
        ]

    @pytest.mark.parametrize(
        ("condition", "enough"),
        [
            ({}, True),
            ({"ArnLike": {LOG_ARN: "arn:aws:logs:us-west-2:123456789012:*"}}, True),
            ({"ArnLike": {LOG_ARN: "arn:aws:logs:us-west-2:123456789012:log-group:/other/*"}}, False),
            ({"ArnLike": {LOG_ARN.lower(): ["x", "arn:aws:logs:us-west-2:*:log-group:/aws/*"]}}, True),
            ({"ArnEquals": {LOG_ARN: "arn:aws:logs:us-west-2:210987654321:*"}}, False),
            # What only a request tells isn't held against it.
            ({"StringEquals": {"kms:CallerAccount": "123456789012"}}, True),
        ],
    )
    def test_its_conditions_count_as_far_as_they_tell(self, condition, enough):
        given = document(allow(LOG_SERVICE, Condition=condition))
        assert (lacks(given, LOGS) == []) is enough

    def test_what_it_refuses_without_condition_counts_first(self):
        refused = {**allow(LOG_SERVICE, "kms:Decrypt"), "Effect": "Deny"}
        assert lacks(document(allow(LOG_SERVICE), refused), LOGS) == ["LogGroupsOfThisPlatform"]
        conditional = {**refused, "Condition": {"StringEquals": {"aws:x": "y"}}}
        assert lacks(document(allow(LOG_SERVICE), conditional), LOGS) == []

    def test_all_but_some_actions(self):
        given = {**allow(LOG_SERVICE), "NotAction": ["kms:Delete*"]}
        del given["Action"]
        assert lacks(document(given), LOGS) == []
        given["NotAction"] = "kms:Decrypt"
        assert lacks(document(given), LOGS) != []

    def test_a_policy_of_one_statement_may_have_no_list(self):
        assert [*missing(json.dumps({"Statement": allow(ROOT)}), statements(PLACE, ACCOUNT))] == []

    def test_nodes_take_a_grant_as_well_as_use(self):
        role = {"AWS": PLACE.arn("iam", AUTO_SCALING_ROLE, "")}
        assert lacks(document(allow(role, list(USE))), VOLUMES) == ["AttachVolumesOfNodes"]
        assert lacks(document(allow(role)), VOLUMES) == []
        assert lacks(document(allow(role, Condition={"Bool": {"kms:GrantIsForAWSResource": "false"}})), VOLUMES) != []


@pytest.mark.parametrize(
    ("operations", "enough"),
    [([item.removeprefix("kms:") for item in (*USE, "kms:CreateGrant")], True), (["Decrypt", "CreateGrant"], False)],
)
def test_grants_of_one_role_together(operations, enough):
    half = len(operations) // 2
    grants = [
        {"GranteePrincipal": ADMIN, "Operations": operations[:half]},
        {"GranteePrincipal": ADMIN, "Operations": operations[half:]},
    ]
    assert granted(grants, ADMIN) is enough
    assert not granted(grants, f"{ADMIN}2")
