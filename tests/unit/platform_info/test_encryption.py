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
# Keys for purposes are an option.
EMPTY_IF_ALL_IS_WELL = {"deletion_date", "purposes", "purpose_keys"}


def arn(key):
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"


ARNS = ("logs_key_arn", "secrets_key_arn", "volumes_key_arn")
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
        "purposes": [],
        "purpose_keys": {},
        **dict.fromkeys(ARNS, KEY["Arn"]),
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
        return look({**self.ANSWERS, **answers}, "encryption", entries={"encryption": {"existing": [arn]}}, **how)

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
            "purposes": [],
            "purpose_keys": {},
            **dict.fromkeys(ARNS, self.ARN),
        }
        assert found.summary["encryption"]["lines"] == [f"existing key {self.ARN}, not the platform's own"]
        operations = {"GetCallerIdentity", "DescribeKey", "GetKeyRotationStatus", "ListAliases"}
        assert set(aws.operations()) == operations

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

    def test_keys_for_purposes_of_ours_beside_it_are_seen_unless_they_are_going(self):
        """Such as a removal has left that was killed; it has to find them with the key of others declared."""
        alias = f"alias/{PREFIX}-logs-key"
        for state, left in (("Enabled", ["logs"]), ("PendingDeletion", [])):
            logs = {**KEY, "KeyId": "logs-1", "KeyState": state}
            found, _aws = self.look(
                {
                    "DescribeKey": lambda request, logs=logs: (
                        {"KeyMetadata": logs if request["KeyId"] == alias else self.THEIRS}
                        if request["KeyId"] != ALIAS
                        else None
                    ),
                    "ListAliases": {"Aliases": [{"AliasName": alias, "TargetKeyId": "logs-1"}]},
                    "ListResourceTags": key_tags,
                }
            )
            facts = found.components["encryption"]
            assert (list(facts["purpose_keys"]), facts["purposes"]) == (left, [])
            assert [facts[fact] for fact in ARNS] == [self.ARN] * 3

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


class TestPurposes:
    """Keys of their own for some purposes: for which, the platform's key says; which is which, their names."""

    def look(self, keys, tags=None, purposes=(), aliases=None, **answers):
        """keys: what KMS has, state by id. aliases: the id of each, by the purpose; "" is the platform's."""
        marked = {key: {**OWNER, "Name": self.name(key.partition("-")[0])} for key in keys} | (tags or {})
        if aliases is None:
            aliases = {key.partition("-")[0]: key for key in keys}
        ids = {f"alias/{self.name(purpose)}": key for purpose, key in aliases.items()}

        def describe(request):
            key = ids.get(request["KeyId"], request["KeyId"])
            if key not in keys:
                return None
            state = keys[key]
            date = {"DeletionDate": datetime.datetime(2026, 12, 7, tzinfo=datetime.UTC)} if state != "Enabled" else {}
            return {"KeyMetadata": {**KEY, "KeyId": key, "Arn": arn(key), "KeyState": state, **date}}

        return look(
            {
                **ANSWERS,
                "DescribeKey": describe,
                "ListKeys": {"Keys": [{"KeyId": key} for key in keys]},
                "ListAliases": {"Aliases": [{"AliasName": name, "TargetKeyId": key} for name, key in ids.items()]},
                "ListResourceTags": lambda request: key_tags(tags=marked[request["KeyId"]]),
                **answers,
            },
            "encryption",
            entries={"encryption": {"purposes": list(purposes)}} if purposes else {},
        )

    @staticmethod
    def name(purpose):
        return f"{PREFIX}-{purpose}-key" if purpose not in ("", "main") else f"{PREFIX}-key"

    def made_with(self, *purposes):
        return {"main": {**OWNER, "Name": self.name(""), "KeysPerPurpose": " ".join(purposes)}}

    def test_each_has_its_key_and_the_platform_s_is_for_all_else(self):
        keys = dict.fromkeys(("main", "logs-1", "volumes-1"), "Enabled")
        found, _aws = self.look(
            keys, self.made_with("logs", "volumes"), aliases={"": "main", "logs": "logs-1", "volumes": "volumes-1"}
        )
        facts = found.components["encryption"]
        assert (facts["key_id"], facts["own_key_arn"], facts["purposes"]) == ("main", arn("main"), ["logs", "volumes"])
        assert {purpose: key["key_id"] for purpose, key in facts["purpose_keys"].items()} == {
            "logs": "logs-1",
            "volumes": "volumes-1",
        }
        assert facts["purpose_keys"]["logs"] == {
            "key_id": "logs-1",
            "key_arn": arn("logs-1"),
            "alias": f"alias/{PREFIX}-logs-key",
            "state": "Enabled",
            "rotation_enabled": True,
            "deletion_date": None,
        }
        assert [facts[fact] for fact in ARNS] == [arn("logs-1"), arn("main"), arn("volumes-1")]
        assert found.warnings == []
        assert found.summary["encryption"] == {
            "state": "exists",
            "lines": [
                f"key main (alias/{PREFIX}-key), rotation on",
                f"key for logs logs-1 (alias/{PREFIX}-logs-key), rotation on",
                f"key for volumes volumes-1 (alias/{PREFIX}-volumes-key), rotation on",
            ],
        }

    def test_one_that_is_lost_is_no_longer_there_and_no_other_stands_in_for_it(self):
        found, _aws = self.look({"main": "Enabled"}, self.made_with("secrets"), aliases={"": "main"})
        facts = found.components["encryption"]
        assert [facts[fact] for fact in ARNS] == [arn("main"), None, arn("main")]
        assert not facts["exists"]
        assert found.summary["encryption"]["state"] == "partial"

    def test_before_there_is_a_key_the_inventory_tells(self):
        found, _aws = self.look({}, purposes=["volumes", "logs"], aliases={})
        facts = found.components["encryption"]
        assert facts["purposes"] == ["logs", "volumes"]
        assert [facts[fact] for fact in ARNS] == [None, None, None]
        assert found.summary["encryption"]["state"] == "absent"

    def test_the_key_tells_and_not_the_inventory(self):
        found, _aws = self.look({"main": "Enabled"}, self.made_with(), purposes=["logs"], aliases={"": "main"})
        assert found.components["encryption"]["purposes"] == []
        found, _aws = self.look({"main": "Enabled"}, purposes=["logs"], aliases={"": "main"})
        assert found.components["encryption"]["purposes"] == []

    def test_without_its_tag_the_keys_tell_that_are_there(self):
        keys = dict.fromkeys(("main", "logs-1"), "Enabled")
        found, _aws = self.look(keys, aliases={"": "main", "logs": "logs-1"})
        facts = found.components["encryption"]
        assert (facts["purposes"], facts["logs_key_arn"]) == (["logs"], arn("logs-1"))

    def test_one_without_its_alias_is_told_by_its_name(self):
        """None of them is taken for the platform's key, with its alias or without."""
        keys = dict.fromkeys(("main", "logs-1", "logs-2", "secrets-1"), "Enabled")
        made = self.made_with("logs", "secrets")
        found, _aws = self.look(keys, made, aliases={"": "main", "secrets": "secrets-1"})
        facts = found.components["encryption"]
        assert (facts["purpose_keys"]["logs"]["key_id"], facts["purpose_keys"]["logs"]["alias"]) == ("logs-1", None)
        assert [warning for warning in found.warnings if "left alone: logs-2" in warning]

        found, _aws = self.look(
            {"logs-1": "Enabled", "secrets-1": "Enabled"}, purposes=["logs"], aliases={"secrets": "secrets-1"}
        )
        facts = found.components["encryption"]
        assert facts["key_id"] is None
        assert set(facts["purpose_keys"]) == {"logs", "secrets"}

    def test_an_alias_that_someone_else_has(self):
        keys = dict.fromkeys(("main", "logs-1"), "Enabled")
        for purposes, conflicts in ((("logs",), [f"KMS alias alias/{PREFIX}-logs-key"]), ((), [])):
            found, _aws = self.look(
                keys, self.made_with(*purposes) | {"logs-1": {"Project": "x"}}, aliases={"": "main", "logs": "logs-1"}
            )
            assert [conflict["resource"] for conflict in found.conflicts] == conflicts
            assert not found.components["encryption"]["purpose_keys"]

    def test_an_alias_that_someone_else_has_while_ours_has_lost_it(self):
        made = self.made_with("logs") | {"theirs": {"Project": "x"}, "logs-1": {**OWNER, "Name": self.name("logs")}}
        keys = dict.fromkeys(("main", "logs-1", "theirs"), "Enabled")
        found, _aws = self.look(keys, made, aliases={"": "main", "logs": "theirs"})
        assert [conflict["resource"] for conflict in found.conflicts] == [f"KMS alias alias/{PREFIX}-logs-key"]
        logs = found.components["encryption"]["purpose_keys"]["logs"]
        assert (logs["key_id"], logs["alias"]) == ("logs-1", None)

    def test_one_whose_policy_shuts_us_out_is_someone_else_s(self):
        def shut(request):
            if request["KeyId"].endswith(("logs-key", "logs-1")):
                return api_error("DescribeKey", "AccessDeniedException")
            return {"KeyMetadata": {**KEY, "KeyId": "main", "Arn": arn("main")}}

        keys = dict.fromkeys(("main", "logs-1"), "Enabled")
        found, _aws = self.look(keys, self.made_with(), aliases={"": "main", "logs": "logs-1"}, DescribeKey=shut)
        assert found.components["encryption"]["exists"]
        assert found.conflicts == []

    def test_what_goes_of_an_earlier_platform_is_for_nothing(self):
        """While the platform's key stays, and does not tell."""
        made, aliases = {"main": {**OWNER, "Name": self.name("")}}, {"": "main", "volumes": "volumes-1"}
        keys = {"main": "Enabled", "volumes-1": "PendingDeletion"}
        found, _aws = self.look(keys, made, aliases=aliases)
        facts = found.components["encryption"]
        assert (facts["purposes"], facts["volumes_key_arn"]) == ([], arn("main"))
        found, _aws = self.look(keys, made, aliases=aliases, purposes=["volumes"])
        assert found.components["encryption"]["purposes"] == ["volumes"]
        found, _aws = self.look(dict.fromkeys(keys, "PendingDeletion"), made, aliases=aliases)
        assert found.components["encryption"]["purposes"] == ["volumes"]

    def test_one_that_is_going_or_disabled_is_shown(self):
        keys = {"main": "Disabled", "logs-1": "PendingDeletion"}
        found, _aws = self.look(keys, self.made_with("logs"), aliases={"": "main", "logs": "logs-1"})
        assert found.summary["encryption"]["lines"] == [
            f"key main (alias/{PREFIX}-key), Disabled, rotation on",
            f"key for logs logs-1 (alias/{PREFIX}-logs-key), deletion scheduled for 2026-12-07; a run before that takes"
            " it back",
        ]

    def test_all_of_them_are_going_or_none(self):
        made, aliases = self.made_with("logs"), {"": "main", "logs": "logs-1"}
        found, _aws = self.look(dict.fromkeys(("main", "logs-1"), "PendingDeletion"), made, aliases=aliases)
        assert found.summary["encryption"] == {
            "state": "going",
            "lines": [
                "key main: deletion scheduled for 2026-12-07; key for logs logs-1: deletion scheduled for 2026-12-07;"
                " a run before that takes them back"
            ],
        }
        found, _aws = self.look({"main": "Enabled", "logs-1": "PendingDeletion"}, made, aliases=aliases)
        assert found.summary["encryption"]["state"] == "exists"
