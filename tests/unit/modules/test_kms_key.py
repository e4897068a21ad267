# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""KMS key with its alias, policy and rotation."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import kms_key
from ansible_collections.agent_platform.aws.plugins.modules.kms_key import Key
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

ALIAS = "alias/demo-key"
OWNER = {"Project": "demo"}
TAGS = {**OWNER, "Name": "demo-key"}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*"}]}
PARAMS = {
    "alias": ALIAS,
    "description": None,
    "policy": None,
    "enabled": True,
    "rotation_enabled": None,
    "rotation_period_days": None,
    "deletion_window_days": 7,
    "report_grants": False,
}
NO_ALIAS = Step("DescribeKey", api_error("DescribeKey", "NotFoundException", "Alias is not found."), {"KeyId": ALIAS})


# How often the key is read after a change: once, and as often as it takes to be steady.
SHOWN = 1 + Key.steady


def metadata(number=1, state="Enabled", day=1, description=""):
    return {
        "KeyMetadata": {
            "KeyId": f"key-{number}",
            "Arn": f"arn:aws:kms:us-west-2:123456789012:key/key-{number}",
            "Description": description,
            "KeyState": state,
            "CreationDate": datetime.datetime(2025, 1, day, tzinfo=datetime.UTC),
        }
    }


def tags(number=1, **values):
    listed = [{"TagKey": key, "TagValue": value} for key, value in {**TAGS, **values}.items()]
    return Step("ListResourceTags", {"Tags": listed}, {"KeyId": f"key-{number}"})


def details(number=1, alias=ALIAS, policy=POLICY, rotation=None, **values):
    """What is read of a key besides its metadata."""
    aliases = [{"AliasName": name, "TargetKeyId": f"key-{number}"} for name in ("alias/other", alias) if name]
    status = {"KeyRotationEnabled": rotation is not None}
    if rotation:
        status["RotationPeriodInDays"] = rotation
    return (
        Step("GetKeyPolicy", {"Policy": json.dumps(policy)}, {"KeyId": f"key-{number}"}),
        Step("GetKeyRotationStatus", status, {"KeyId": f"key-{number}"}),
        Step("ListAliases", {"Aliases": aliases}, {"KeyId": f"key-{number}"}),
        tags(number, **values),
    )


def described(number=1, state="Enabled", description="", **kwargs):
    return (Step("DescribeKey", metadata(number, state, description=description)), *details(number, **kwargs))


def listed(*numbers):
    return Step("ListKeys", {"Keys": [{"KeyId": f"key-{number}"} for number in numbers]})


def by_tags(*numbers, besides=None, others=(), days=None):
    """Reads that find keys without our alias by their tags; the first of these numbers is described in full.

    besides: one that is known already. others: those of someone else.
    """
    every = sorted({*numbers, *others, *([besides] if besides else [])})
    steps = [NO_ALIAS, listed(*every)]
    for number in every:
        if number in others:
            steps.append(tags(number, Project="other"))
        elif number != besides:
            steps += [tags(number), Step("DescribeKey", metadata(number, day=(days or {}).get(number, 1)))]
    return (*steps, *details(numbers[0], alias=None))


def run(params, *steps, **kwargs):
    return run_resource(Key, {**PARAMS, "tags": TAGS, "owned_by": OWNER, **params}, *steps, **kwargs)


def test_create_with_policy_and_tags_then_alias_then_rotation():
    api_tags = [{"TagKey": key, "TagValue": value} for key, value in TAGS.items()]
    result, _aws, _module = run(
        {"policy": json.dumps(POLICY), "rotation_enabled": True, "rotation_period_days": 180},
        NO_ALIAS,
        listed(),
        Step("CreateKey", metadata(), {"Policy": json.dumps(POLICY), "Tags": api_tags}),
        *by_tags(1),
        Step("CreateAlias", {}, {"AliasName": ALIAS, "TargetKeyId": "key-1"}),
        *described() * SHOWN,
        Step("EnableKeyRotation", {}, {"KeyId": "key-1", "RotationPeriodInDays": 180}),
        *described(rotation=180) * SHOWN,
        *described(rotation=180),
    )
    assert result["changed"] is True
    assert result["key"]["key_id"] == "key-1"
    assert result["key"]["tags"] == TAGS


def test_second_run_changes_nothing():
    policy = {**POLICY, "Statement": [dict(reversed(POLICY["Statement"][0].items()))]}
    result, _aws, _module = run(
        {"policy": json.dumps(policy), "rotation_enabled": True, "rotation_period_days": 365}, *described(rotation=365)
    )
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "operation", "request_", "after"),
    [
        (
            {"description": "Data"},
            "UpdateKeyDescription",
            {"KeyId": "key-1", "Description": "Data"},
            {"description": "Data"},
        ),
        (
            {"policy": '{"Version": "2012-10-17", "Statement": []}'},
            "PutKeyPolicy",
            {"KeyId": "key-1", "Policy": '{"Version": "2012-10-17", "Statement": []}'},
            {"policy": {"Version": "2012-10-17", "Statement": []}},
        ),
        ({"rotation_enabled": False}, "DisableKeyRotation", {"KeyId": "key-1"}, {"rotation": None}),
        (
            {"rotation_enabled": True, "rotation_period_days": 90},
            "EnableKeyRotation",
            {"KeyId": "key-1", "RotationPeriodInDays": 90},
            {"rotation": 90},
        ),
        ({"enabled": False}, "DisableKey", {"KeyId": "key-1"}, {"state": "Disabled"}),
        (
            {"tags": {**TAGS, "A": "1"}},
            "TagResource",
            {"KeyId": "key-1", "Tags": [{"TagKey": "A", "TagValue": "1"}]},
            {},
        ),
        ({"tags": OWNER}, "UntagResource", {"KeyId": "key-1", "TagKeys": ["Name"]}, {}),
    ],
)
def test_each_change_is_its_own_call(params, operation, request_, after):
    reads = 1 if "tags" in params else SHOWN + 1
    result, _aws, _module = run(
        params,
        *described(rotation=365),
        Step(operation, {}, request_),
        *described(**{"rotation": 365, **after}) * reads,
    )
    assert result["changed"] is True


def test_check_mode_on_an_empty_account():
    result, _aws, _module = run({"rotation_enabled": True}, NO_ALIAS, listed(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["rotation_enabled"] is True


def test_lost_reply_of_create_is_found_by_its_tags():
    result, aws, _module = run(
        {},
        NO_ALIAS,
        listed(8),
        tags(8, Project="other"),
        Step("CreateKey", lost_reply()),
        NO_ALIAS,
        listed(8, 1),
        tags(),
        Step("DescribeKey", metadata(), {"KeyId": "key-1"}),
        tags(8, Project="other"),
        *details(alias=None),
        Step("CreateAlias", {}),
        *described() * (SHOWN + 1),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateKey") == 1


def test_of_two_keys_the_older_is_kept_and_the_other_reported():
    result, _aws, module = run(
        {},
        NO_ALIAS,
        listed(1, 2),
        tags(1),
        Step("DescribeKey", metadata(1, day=2)),
        tags(2),
        Step("DescribeKey", metadata(2, day=1)),
        *details(2, alias=None),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["key"]["key_id"] == "key-2"
    (warning,) = module.warnings
    assert "key-2 is kept as declared; check whether key-1 can be deleted" in warning


def test_keys_that_are_not_ours_to_read_are_passed_over():
    denied = api_error("ListResourceTags", "AccessDeniedException")
    result, _aws, _module = run({}, NO_ALIAS, listed(9), Step("ListResourceTags", denied), check_mode=True)
    assert result["changed"] is True


def test_without_an_owner_no_key_is_searched():
    result, _aws, _module = run({"owned_by": None}, NO_ALIAS, check_mode=True)
    assert result["changed"] is True


def test_a_role_that_was_just_made_is_waited_for():
    unknown = api_error(
        "CreateKey",
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.",
    )
    result, aws, _module = run(
        {"policy": json.dumps(POLICY)},
        NO_ALIAS,
        listed(),
        Step("CreateKey", unknown),
        NO_ALIAS,
        listed(),
        Step("CreateKey", metadata()),
        *by_tags(1),
        Step("CreateAlias", {}),
        *described() * (SHOWN + 1),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateKey") == 2


def test_a_scheduled_deletion_is_undone():
    result, _aws, _module = run(
        {},
        *described(state="PendingDeletion"),
        Step("CancelKeyDeletion", {}, {"KeyId": "key-1"}),
        Step("EnableKey", {}, {"KeyId": "key-1"}),
        *described() * (SHOWN + 1),
    )
    assert result["changed"] is True


def test_delete_schedules_the_deletion():
    result, _aws, _module = run(
        {"state": "absent"},
        *described(),
        listed(1),
        Step("ScheduleKeyDeletion", {}, {"KeyId": "key-1", "PendingWindowInDays": 7}),
        *described(state="PendingDeletion"),
        listed(1),
    )
    assert result["changed"] is True


def test_second_delete_changes_nothing():
    result, _aws, _module = run({"state": "absent"}, *described(state="PendingDeletion"), listed(1))
    assert result["changed"] is False


def test_delete_takes_every_key_of_ours():
    """A run that lost the race for the alias, and was ended before it had removed its own, has left key-2."""
    gone = described(state="PendingDeletion")
    result, _aws, _module = run(
        {"state": "absent"},
        *described(),
        listed(1, 2, 3),
        tags(2),
        Step("DescribeKey", metadata(2)),
        tags(3, Project="other"),
        Step("ScheduleKeyDeletion", {}, {"KeyId": "key-1", "PendingWindowInDays": 7}),
        *(*gone, *by_tags(2, besides=1, others=[3])[1:]) * 2,
        Step("ScheduleKeyDeletion", {}, {"KeyId": "key-2", "PendingWindowInDays": 7}),
        *gone,
        listed(1, 2, 3),
        tags(2),
        Step("DescribeKey", metadata(2, "PendingDeletion")),
        tags(3, Project="other"),
    )
    assert result["changed"] is True


def test_of_two_keys_made_at_once_the_younger_goes():
    """Neither run has given its key the alias yet when it looks again."""
    result, _aws, module = run(
        {},
        NO_ALIAS,
        listed(),
        Step("CreateKey", metadata(1, day=2)),
        *by_tags(2, 1, days={1: 2}),
        Step("ScheduleKeyDeletion", {}, {"KeyId": "key-1", "PendingWindowInDays": 7}),
        Step("CreateAlias", {}, {"AliasName": ALIAS, "TargetKeyId": "key-2"}),
        *described(2) * (SHOWN + 1),
    )
    assert result["key"]["key_id"] == "key-2"
    assert module.warnings == []


def test_the_loser_of_the_alias_schedules_the_deletion_of_its_key():
    result, _aws, _module = run(
        {},
        NO_ALIAS,
        listed(),
        Step("CreateKey", metadata()),
        *by_tags(1),
        Step("CreateAlias", api_error("CreateAlias", "AlreadyExistsException", "An alias with the name exists")),
        *described(2),
        Step("ScheduleKeyDeletion", {}, {"KeyId": "key-1", "PendingWindowInDays": 7}),
    )
    assert result["key"]["key_id"] == "key-2"


def test_the_key_of_someone_else_stays_untouched():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({"description": "x"}, *described(Project="other"))


def test_a_policy_that_is_not_json():
    with pytest.raises(ResourceError, match="isn't JSON"):
        run({"policy": "{"})


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("NotFoundException", "Key 'arn:aws:kms:us-west-2:123456789012:key/key-1' does not exist"),
        ("DisabledException", "arn:aws:kms:us-west-2:123456789012:key/key-1 is disabled."),
        ("KMSInvalidStateException", "arn:aws:kms:us-west-2:123456789012:key/key-1 is pending deletion."),
    ],
)
def test_what_was_just_made_enabled_or_taken_back_is_waited_for(code, text):
    result, aws, _module = run(
        {"rotation_enabled": True},
        *described(),
        Step("EnableKeyRotation", api_error("EnableKeyRotation", code, text)),
        *described(),
        Step("EnableKeyRotation", {}),
        *described(rotation=365) * (SHOWN + 1),
    )
    assert result["changed"] is True
    assert aws.operations().count("EnableKeyRotation") == 2


def test_a_policy_that_reads_show_now_and_then_is_waited_for():
    new = {"Version": "2012-10-17", "Statement": []}
    result, aws, _module = run(
        {"policy": json.dumps(new)},
        *described(),
        Step("PutKeyPolicy", {}),
        *described(),
        *described(policy=new),
        *described(),
        *described(policy=new) * (Key.steady + 1),
    )
    assert json.loads(result["key"]["policy"]) == new
    assert aws.operations().count("PutKeyPolicy") == 1


def test_a_deletion_that_another_run_has_scheduled_is_one():
    pending = api_error("ScheduleKeyDeletion", "KMSInvalidStateException", "key-1 is pending deletion.")
    gone = (*described(state="PendingDeletion"), listed(1))
    result, _aws, _module = run(
        {"state": "absent"}, *described(), listed(1), Step("ScheduleKeyDeletion", pending), *gone
    )
    assert result["key"] == {}


def test_grants_for_other_accounts_are_told_once():
    neighbour = "arn:aws:iam::210987654321:role/reader"
    grantees = {
        "one": neighbour,
        "two": "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-0123456789abcdef0",
        "three": "dynamodb.us-west-2.amazonaws.com",
    }
    answer = {
        "Grants": [
            {"GrantId": grant, "GranteePrincipal": grantee, "Operations": ["Encrypt", "Decrypt"]}
            for grant, grantee in grantees.items()
        ]
    }
    grants = Step("ListGrants", answer, {"KeyId": "key-1"})
    key, policy, rotation, *rest = described(rotation=None)
    look = (key, policy, rotation, grants, *rest)
    rotated = [*described(rotation=365)]
    result, _aws, module = run(
        {"report_grants": True, "rotation_enabled": True},
        *look,
        Step("EnableKeyRotation", {}),
        *(*rotated[:3], grants, *rotated[3:]) * (SHOWN + 1),
    )
    assert result["changed"] is True
    (warning,) = module.warnings
    assert f"the grant one lets {neighbour} of another account use it (Decrypt, Encrypt)" in warning


def test_one_of_another_name_is_another_key():
    """Of keys of one platform the tag Name tells which has lost its alias."""
    every = [Step("DescribeKey", metadata(2)), *details(2, alias=None)]
    result, aws, _module = run(
        {},
        NO_ALIAS,
        listed(1, 2),
        tags(1, Name="demo-logs-key"),
        tags(2),
        *every,
        Step("CreateAlias", {}, {"AliasName": ALIAS, "TargetKeyId": "key-2"}),
        *described(2) * (SHOWN + 1),
    )
    assert result["key"]["key_id"] == "key-2"
    assert "CreateKey" not in aws.operations()


def test_several_side_by_side(monkeypatch, capsys):
    seen = []

    def note(key):
        seen.append((key.options["alias"], key.options["description"], key.options["rotation_enabled"]))
        return {"changed": False, "key": {}}

    monkeypatch.setattr(Key, "run", note)
    entries = [{"alias": "alias/a", "description": "A"}, {"alias": "alias/b"}]
    arguments = {"region": "us-west-2", "aggregate": entries, "rotation_enabled": True}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        kms_key.main()
    assert [result["item"] for result in json.loads(capsys.readouterr().out)["results"]] == entries
    assert sorted(seen, key=str) == [("alias/a", "A", True), ("alias/b", None, True)]
