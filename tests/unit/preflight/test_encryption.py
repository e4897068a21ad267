# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the encryption key, and those that hold for every component."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.filter.key_policy import key_policy
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.encryption import PURPOSES, PURPOSES_TAG
from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import (
    component_names,
    component_samples,
    conflict_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.key_policy import SERVED_FOR, USE

from .declared import change_fault_lines, facts, fault_lines, values, warning_lines


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"encryption_deletion_window_days": 7}, []),
        ({"encryption_deletion_window_days": 30}, []),
        ({"encryption_deletion_window_days": 5}, ["encryption_deletion_window_days: 5 is not from 7 to 30 days"]),
        ({"encryption_deletion_window_days": 31}, ["encryption_deletion_window_days: 31 is not from 7 to 30 days"]),
        ({"encryption_rotation_period_days": 90}, []),
        ({"encryption_rotation_period_days": 89}, ["encryption_rotation_period_days: 89 is not from 90 to 2560 days"]),
        ({"encryption_key_administrators": ["arn:aws:iam::123456789012:role/admin"]}, []),
        (
            {"encryption_key_administrators": ["admin"]},
            [
                "encryption_key_administrators[0]: 'admin' is not the ARN of an IAM role or user,"
                " such as arn:aws:iam::123456789012:role/name"
            ],
        ),
    ],
)
def test_the_key(given, found):
    assert fault_lines("encryption", given) == found


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (-1, 1), (1, 0), (3600, 0)])
def test_waits_have_an_end_and_a_beginning(seconds, count):
    found = fault_lines("eks", {"eks_cluster_timeout_seconds": seconds, "eks_log_retention_days": 0})
    assert found == count * [f"eks_cluster_timeout_seconds: {seconds} is not 1 or more seconds"]


def test_names_that_others_hold():
    conflict = {
        "component": "eks",
        "resource": "IAM role agent-platform-dev-eks-nodes",
        "reason": "exists and belongs to the component workload_identity of this platform",
        "remedy": "rename what one of the two components makes",
    }
    assert [str(item) for item in conflict_faults(facts(conflicts=[conflict]))] == [
        "eks: IAM role agent-platform-dev-eks-nodes exists and belongs to the component workload_identity of this"
        " platform: it is not changed; rename what one of the two components makes"
    ]
    assert list(conflict_faults(facts(conflicts=[]))) == []


class TestExistingKey:
    ARN = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    OTHERS = ARN.replace("123456789012", "210987654321")
    GIVEN = {"encryption_key_arn": ARN, "platform_region": "us-west-2", "platform_prefix": "demo-dev"}
    KEY = {
        "Arn": ARN,
        "AWSAccountId": "123456789012",
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
    }
    ACCOUNT = {"account_id": "123456789012", "partition": "aws", "dns_suffix": "amazonaws.com"}
    POLICY = json.dumps(key_policy("demo", ACCOUNT, "us-west-2", "demo-dev"))
    EMPTY = json.dumps({"Version": "2012-10-17", "Statement": []})

    def found(self, own=None, policy=POLICY, grants=(), key=None, **more):
        described = {**self.KEY, **(key or {})}
        offers = {"encryption": {"key": described, "policy": policy, "grants": list(grants)}}
        facts_of_it = {"key_arn": described["Arn"], "own_key_arn": own, "state": described["KeyState"]}
        return {**self.ACCOUNT, "encryption": facts_of_it, "offers": offers, **more}

    @pytest.mark.parametrize(
        ("given", "rule"),
        [
            ({"encryption_key_arn": "alias/theirs"}, "'alias/theirs' is not the ARN of a KMS key, such as"),
            ({"encryption_key_arn": ARN.replace(":key/", ":alias/")}, "as no alias is"),
            ({"platform_region": "us-east-1"}, "is a key of us-west-2: services take one of us-east-1"),
            ({"platform_region": "cn-north-1"}, "is of the partition aws, cn-north-1 is in aws-cn"),
        ],
    )
    def test_what_its_arn_tells(self, given, rule):
        (line,) = fault_lines("encryption", {**self.GIVEN, **given})
        assert line.startswith("encryption_key_arn: ")
        assert rule in line

    def test_the_key_of_the_account_s_volumes_outlives_the_platform(self):
        ebs = {"encryption_ebs_by_default": True, "encryption_ebs_default_key": True}
        assert fault_lines("encryption", {**self.GIVEN, **ebs}) == []
        (line,) = fault_lines("encryption", {**ebs, "encryption_key_arn": ""})
        assert "true takes encryption_key_arn: the platform's own key goes with it" in line
        (line,) = fault_lines("encryption", {**self.GIVEN, "encryption_ebs_default_key": True})
        assert line == "encryption_ebs_default_key: true takes encryption_ebs_by_default"

    def test_nothing_else_is_declared_of_it(self):
        assert fault_lines("encryption", {**self.GIVEN, "encryption_rotation_period_days": 365}) == []
        given = {"encryption_deletion_window_days": 7, "encryption_key_administrators": [ADMIN]}
        lines = fault_lines("encryption", {**self.GIVEN, **given})
        assert [line.partition(":")[0] for line in lines] == sorted(given, reverse=True)
        assert all("has no meaning with encryption_key_arn" in line for line in lines)

    @pytest.mark.parametrize(
        ("key", "rule"),
        [
            ({}, None),
            ({"KeyState": "Disabled"}, "is Disabled: enable it"),
            ({"KeyState": "PendingReplicaDeletion"}, "take back its deletion"),
            ({"KeyManager": "AWS"}, "is a key that AWS manages"),
            ({"KeySpec": "RSA_2048"}, "of the kind RSA_2048 for ENCRYPT_DECRYPT"),
            (
                {"KeyUsage": "GENERATE_VERIFY_MAC", "KeySpec": "HMAC_256"},
                "kind HMAC_256 for GENERATE_VERIFY_MAC",
            ),
        ],
    )
    def test_what_it_is(self, key, rule):
        lines = change_fault_lines("encryption", self.GIVEN, self.found(key=key))
        assert [rule in line for line in lines] == ([True] if rule else [])

    def test_one_that_is_not_seen(self):
        found = self.found()
        found["offers"]["encryption"]["key"] = None
        (line,) = change_fault_lines("encryption", self.GIVEN, found)
        assert "can't be seen" in line
        assert "LetIamPoliciesOfThisAccountAllow" in line
        assert "arn:aws:iam::123456789012:root" in line

    def test_whom_its_policy_lacks_by_who_needs_it(self):
        found = self.found(policy=self.EMPTY)
        store = {"knowledge_base_vector_store": "s3_vectors"}
        sids = {
            component: [
                json.JSONDecoder().raw_decode(line.partition("lacks: ")[2])[0]["Sid"]
                for line in change_fault_lines(component, {**_shared(self.GIVEN), **more}, found)
                if "lacks" in line
            ]
            for component, more in (
                ("encryption", {"encryption_key_arn": self.ARN}),
                ("aurora", {}),
                ("eks", {}),
                ("knowledge_base", store),
            )
        }
        assert sids == {
            "encryption": ["LetIamPoliciesOfThisAccountAllow", "LogGroupsOfThisPlatform"],
            "aurora": ["EventsOfDatabases"],
            "eks": ["VolumesOfNodes", "AttachVolumesOfNodes"],
            "knowledge_base": ["IndexesOfVectors"],
        }

    def test_vectors_elsewhere_need_nothing(self):
        given = {**_shared(self.GIVEN), "knowledge_base_vector_store": "opensearch_serverless"}
        lines = change_fault_lines("knowledge_base", given, self.found(policy=self.EMPTY))
        assert not [line for line in lines if "lacks" in line]

    def test_in_a_new_account_the_role_of_the_nodes_comes_first(self):
        found, command = self.found(policy=self.EMPTY), "create-service-linked-role --aws-service-name autoscaling."
        for component, given, told in (("eks", _shared(self.GIVEN), True), ("encryption", self.GIVEN, False)):
            lines = [line for line in change_fault_lines(component, given, found) if "lacks" in line]
            assert [command in line for line in lines] == [told, told]

    def test_a_grant_is_as_good_as_a_statement_for_nodes(self):
        found = self.found(policy=self.EMPTY, grants=[GRANT])
        assert not [line for line in change_fault_lines("eks", _shared(self.GIVEN), found) if "lacks" in line]

    def test_another_account_s_key_takes_a_grant_for_nodes_and_a_look_by_a_person(self):
        given = {**self.GIVEN, "encryption_key_arn": self.OTHERS}
        key = {"Arn": self.OTHERS, "AWSAccountId": "210987654321"}
        found = self.found(policy=None, key=key)
        assert change_fault_lines("encryption", given, found) == []
        (warning,) = warning_lines("encryption", given, found)
        assert "is a key of another account" in warning
        assert "LogGroupsOfThisPlatform" in warning
        lines = change_fault_lines("eks", _shared(given), found)
        assert [line for line in lines if "aws kms create-grant --region us-west-2" in line]
        found["offers"]["encryption"]["grants"] = [GRANT]
        assert not [line for line in change_fault_lines("eks", _shared(given), found) if "create-grant" in line]

    def test_of_this_account_nobody_needs_to_look(self):
        assert warning_lines("encryption", self.GIVEN, self.found()) == []
        assert warning_lines("encryption", {**self.GIVEN, "encryption_key_arn": ""}, {**self.ACCOUNT}) == []

    def test_a_platform_keeps_its_own_key(self):
        own = f"{self.ARN}0"
        (line,) = change_fault_lines("encryption", self.GIVEN, self.found(own=own))
        assert f"can't replace {own}, with which the platform is encrypted" in line

    @pytest.mark.parametrize(
        ("component", "fact"),
        [("aurora", "kms_key_arn"), ("eks", "kms_key_arn"), ("opensearch", "kms_key_arn"), ("redis", "kms_key_id")],
    )
    def test_what_is_encrypted_for_good_keeps_its_key(self, component, fact):
        assert change_fault_lines("encryption", self.GIVEN, self.found(**{component: {fact: self.ARN}})) == []
        (line,) = change_fault_lines("encryption", self.GIVEN, self.found(**{component: {fact: f"{self.ARN}0"}}))
        assert f"{component} is encrypted with {self.ARN}0 for good, which isn't the key declared here" in line
        given = {**self.GIVEN, "encryption_key_arn": ""}
        (line,) = change_fault_lines(
            "encryption", given, {"encryption": {"own_key_arn": None}, component: {fact: self.ARN}}
        )
        assert line.endswith("isn't a key of the platform's own; give it as encryption_key_arn")
        own = {"own_key_arn": self.ARN, "purposes": [], "secrets_key_arn": self.ARN}
        assert change_fault_lines("encryption", given, {"encryption": own, component: {fact: self.ARN}}) == []


class TestPurposes:
    """For what there are keys of their own."""

    NAME = "encryption_keys_per_purpose"
    OWN = {"own_key_arn": "arn:key/1", "secrets_key_arn": "arn:key/2"}

    def test_one_list_of_them_is_everywhere(self):
        (spec,) = [item for name, item in roles.options("encryption").items() if name == self.NAME]
        assert tuple(spec["choices"]) == PURPOSES == tuple(SERVED_FOR)
        assert roles.load("encryption", "vars/main.yml")["__encryption_key"]["tags"].count(PURPOSES_TAG) == 1

    def test_an_existing_key_is_one_for_all(self):
        (line,) = fault_lines("encryption", {**TestExistingKey.GIVEN, self.NAME: ["logs"]})
        assert line.startswith(f"{self.NAME}: ")
        assert "has no meaning with encryption_key_arn" in line

    @pytest.mark.parametrize(
        ("given", "made_with", "fits"),
        [
            ([], [], True),
            (["logs"], [], False),
            ([], ["logs"], False),
            (["volumes", "logs"], ["logs", "volumes"], True),
            (["secrets"], ["logs"], False),
        ],
    )
    def test_a_platform_keeps_what_it_was_made_with(self, given, made_with, fits):
        found = {"encryption": {**self.OWN, "purposes": made_with}}
        lines = change_fault_lines("encryption", {self.NAME: given}, found)
        assert [line.startswith(f"{self.NAME}: ") and "can't replace" in line for line in lines] == [True] * (not fits)

    def test_before_there_is_a_key_anything_fits(self):
        found = {"encryption": {"own_key_arn": None, "purposes": ["logs"]}}
        assert change_fault_lines("encryption", {self.NAME: ["logs"]}, found) == []

    LEFT = {
        "volumes": {
            "key_id": "v-1",
            "key_arn": "arn:key/v-1",
            "alias": None,
            "state": "PendingDeletion",
            "rotation_enabled": None,
            "deletion_date": "2026-12-07",
        }
    }

    def test_what_is_left_without_the_platform_s_key_is_told(self):
        found = {"encryption": {"own_key_arn": None, "purposes": [], "purpose_keys": self.LEFT}}
        (line,) = change_fault_lines("encryption", {self.NAME: ["logs"]}, found)
        assert "leaves out volumes, for which there is v-1 (PendingDeletion until 2026-12-07): add it" in line
        assert change_fault_lines("encryption", {self.NAME: ["logs", "volumes"]}, found) == []

    def test_an_existing_key_does_not_replace_them(self):
        found = TestExistingKey().found()
        found["encryption"]["purpose_keys"] = self.LEFT
        (line,) = change_fault_lines("encryption", TestExistingKey.GIVEN, found)
        assert "can't replace arn:key/v-1, with which the platform is encrypted" in line

    def test_each_key_counts_where_policies_are_measured(self):
        samples = component_samples("encryption")
        arns = [sample for fact, sample in samples.items() if fact.endswith("key_arn")]
        assert len(set(arns)) == len(arns) == 4
        assert len({len(sample) for sample in arns}) == 1

    def test_the_cluster_s_secrets_have_the_key_of_secrets(self):
        given = {self.NAME: ["secrets"]}
        own = {**self.OWN, "purposes": ["secrets"]}
        fitting = {"eks": {"kms_key_arn": "arn:key/2"}, "aurora": {"kms_key_arn": "arn:key/1"}}
        assert change_fault_lines("encryption", given, {"encryption": own, **fitting}) == []
        lines = change_fault_lines("encryption", given, {"encryption": own, "eks": {"kms_key_arn": "arn:key/1"}})
        assert [line.startswith("encryption_key_arn: eks is encrypted with arn:key/1") for line in lines] == [True]
        assert lines[0].endswith("bring back the key, and its alias, without which all is lost")

    def test_their_names_are_among_those_that_are_compared(self):
        given = values("encryption", platform_prefix="demo-dev", **{self.NAME: ["volumes"]})
        assert [name.name for name in component_names("encryption", given)] == ["demo-dev-key", "demo-dev-volumes-key"]


class TestPolicies:
    """Of the keys, each of which serves somebody, and nobody twice."""

    PLACE = ({**TestExistingKey.ACCOUNT}, "us-west-2", "demo-dev")

    def sids(self, *which):
        return {item["Sid"] for item in key_policy("demo", *self.PLACE, [ADMIN], *which)["Statement"]}

    def test_who_is_served_by_which(self):
        everybody = self.sids()
        for_all = {"LetIamPoliciesOfThisAccountAllow", "KeyAdministrators"}
        purposes = ["logs", "secrets", "volumes"]
        assert self.sids("logs", purposes) == for_all | {"LogGroupsOfThisPlatform"}
        assert self.sids("secrets", purposes) == for_all
        assert self.sids("volumes", purposes) == for_all | {"VolumesOfNodes", "AttachVolumesOfNodes"}
        assert self.sids(None, purposes) == for_all | {"EventsOfDatabases", "IndexesOfVectors"}
        assert self.sids(None, ["logs"]) == everybody - {"LogGroupsOfThisPlatform"}
        assert set.union(*(self.sids(purpose, purposes) for purpose in (None, *purposes))) == everybody


ADMIN = "arn:aws:iam::123456789012:role/admin"
GRANT = {
    "GranteePrincipal": "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com"
    "/AWSServiceRoleForAutoScaling",
    "Operations": [item.removeprefix("kms:") for item in (*USE, "kms:CreateGrant")],
}


def _shared(given):
    return {name: value for name, value in given.items() if name.startswith("platform_")}
