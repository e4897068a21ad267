# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The KMS key."""

from __future__ import annotations

import datetime

import pytest

from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, PREFIX, REGION, look, marks, taken

OWNER = marks("encryption")

KEY = {
    "KeyId": "key-1",
    "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-1",
    "KeyState": "Enabled",
    "KeyManager": "CUSTOMER",
    "CreationDate": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
}


def key_tags(request=None, tags=OWNER):
    return {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}


ALIAS = f"alias/{PREFIX}-key"
# They are about an existing key, and by default there is none.
EMPTY_OFFERS = ("key", "policy", "grants")
MISSING = {"DescribeKey": "NotFoundException"}
EMPTY_IF_ALL_IS_WELL = {"deletion_date"}
ANSWERS = {
    "DescribeKey": {"KeyMetadata": KEY},
    "ListResourceTags": key_tags,
    "GetKeyRotationStatus": {"KeyRotationEnabled": True},
}


def test_key_by_its_alias():
    found, _aws = look(ANSWERS, "encryption")
    assert found.components["encryption"] == {
        "exists": True,
        "key_id": "key-1",
        "key_arn": KEY["Arn"],
        "own_key_arn": KEY["Arn"],
        "alias": f"alias/{PREFIX}-key",
        "state": "Enabled",
        "rotation_enabled": True,
        "deletion_date": None,
    }
    assert found.warnings == []


def test_keys_that_lost_the_race_for_the_alias_are_warned_of():
    """Only those that have no alias at all are looked at."""
    aliases = [("alias/aws/s3", "aws-managed"), (f"alias/{PREFIX}-key", "key-1"), ("alias/other", "other")]
    answers = {
        **ANSWERS,
        "DescribeKey": lambda request: {"KeyMetadata": {**KEY, "KeyId": request["KeyId"].replace(ALIAS, "key-1")}},
        "ListKeys": {"Keys": [{"KeyId": key} for key in ("aws-managed", "key-1", "other", "loser")]},
        "ListAliases": {"Aliases": [{"AliasName": name, "TargetKeyId": key} for name, key in aliases]},
    }
    found, aws = look(answers, "encryption")
    assert found.components["encryption"]["key_id"] == "key-1"
    assert "key-1 is used; left alone: loser" in found.warnings[0]
    assert {request["KeyId"] for request in aws.requests("ListResourceTags")} == {"key-1", "loser"}


def test_keys_without_alias_by_their_tags():
    """One is someone else's, one may not be read, one is going, and of two of ours the older one counts."""
    keys = ["aws-managed", "secret", "going", "new", "old"]
    years = {"new": 2026, "old": 2025, "going": 2024}

    def tags(request):
        if request["KeyId"] == "secret":
            return api_error("ListResourceTags", "AccessDeniedException")
        return key_tags(tags={} if request["KeyId"] == "aws-managed" else OWNER)

    def describe(request):
        key_id = request["KeyId"]
        if key_id.startswith("alias/"):
            return None
        created = datetime.datetime(years[key_id], 1, 1, tzinfo=datetime.UTC)
        state = "PendingDeletion" if key_id == "going" else "Enabled"
        return {"KeyMetadata": {**KEY, "KeyId": key_id, "CreationDate": created, "KeyState": state}}

    answers = {
        **ANSWERS,
        "DescribeKey": describe,
        "ListKeys": {"Keys": [{"KeyId": key_id} for key_id in keys]},
        "ListResourceTags": tags,
    }
    found, _aws = look(answers, "encryption")
    facts = found.components["encryption"]
    assert (facts["key_id"], facts["alias"]) == ("old", None)
    assert facts["exists"]
    assert "old is used; left alone: new" in found.warnings[0]


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ({"DeletionDate": datetime.datetime(2026, 12, 7, 23, tzinfo=datetime.UTC)}, "2026-12-07"),
        ({}, "a day that KMS doesn't tell"),
    ],
)
def test_a_key_that_is_going(told, day):
    answers = {**ANSWERS, "DescribeKey": {"KeyMetadata": {**KEY, "KeyState": "PendingDeletion", **told}}}
    found, aws = look(answers, "encryption")
    assert found.components["encryption"]["state"] == "PendingDeletion"
    # Others may not build on it, but it isn't gone.
    line = f"key {KEY['KeyId']}: deletion scheduled for {day}; a run before that takes it back"
    assert found.summary["encryption"] == {"state": "going", "lines": [line]}
    assert "GetKeyRotationStatus" not in aws.operations()


def test_an_alias_that_someone_else_has():
    answers = {**ANSWERS, "ListResourceTags": key_tags(tags={"Project": "other"})}
    assert taken(answers, "encryption") == [f"KMS alias alias/{PREFIX}-key"]


class TestExistingKey:
    """One that the inventory names is looked at; neither its tags nor its alias matter."""

    ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/theirs"
    THEIRS = {
        **KEY,
        "KeyId": "theirs",
        "Arn": ARN,
        "AWSAccountId": ACCOUNT,
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
    }
    ANSWERS = {
        "DescribeKey": lambda request: {"KeyMetadata": TestExistingKey.THEIRS} if request["KeyId"] != ALIAS else None,
        "GetKeyRotationStatus": {"KeyRotationEnabled": False},
        "GetKeyPolicy": {"Policy": "{}"},
        "ListGrants": {"Grants": [{"GrantId": "g", "GranteePrincipal": "p", "Operations": ["Decrypt"]}]},
    }

    def look(self, answers, arn=ARN, **how):
        return look({**self.ANSWERS, **answers}, "encryption", entries={"encryption": [arn]}, **how)

    def test_is_the_key_of_the_platform_and_not_its_own(self):
        found, aws = self.look({})
        assert found.components["encryption"] == {
            "exists": True,
            "key_id": "theirs",
            "key_arn": self.ARN,
            "own_key_arn": None,
            "alias": None,
            "state": "Enabled",
            "rotation_enabled": False,
            "deletion_date": None,
        }
        assert found.summary["encryption"]["lines"] == [f"existing key {self.ARN}, not the platform's own"]
        assert set(aws.operations()) == {"GetCallerIdentity", "DescribeKey", "GetKeyRotationStatus"}

    def test_a_key_of_ours_beside_it_is_seen_unless_it_is_going(self):
        for state, own in (("Enabled", KEY["Arn"]), ("PendingDeletion", None)):
            ours = {**KEY, "KeyState": state}
            found, _aws = self.look(
                {
                    "DescribeKey": lambda request, ours=ours: {
                        "KeyMetadata": ours if request["KeyId"] == ALIAS else self.THEIRS
                    },
                    "ListResourceTags": key_tags,
                }
            )
            facts = found.components["encryption"]
            assert (facts["key_arn"], facts["own_key_arn"]) == (self.ARN, own)

    def test_one_that_may_not_be_seen_is_none(self):
        denied = api_error("DescribeKey", "AccessDeniedException")
        found, _aws = self.look(
            {"DescribeKey": lambda request: denied if request["KeyId"] == self.ARN else None}, offers=True
        )
        assert not found.components["encryption"]["exists"]
        assert found.offers["encryption"]["key"] is None

    def test_what_decides_whether_it_is_fit(self):
        found, _aws = self.look({}, offers=True)
        members = ("Arn", "AWSAccountId", "KeyManager", "KeySpec", "KeyState", "KeyUsage")
        assert found.offers["encryption"] == {
            "key": {name: self.THEIRS[name] for name in members},
            "policy": "{}",
            "grants": [{"GranteePrincipal": "p", "Operations": ["Decrypt"]}],
        }

    def test_the_policy_of_another_account_s_key_is_not_asked_for(self):
        arn = self.ARN.replace(ACCOUNT, "210987654321")
        found, aws = self.look({}, arn=arn, offers=True)
        assert found.offers["encryption"]["policy"] is None
        assert "GetKeyPolicy" not in aws.operations()
