# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets: a value is generated once or declared, never shown; what was deleted for a while comes back."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.agent_platform.aws.plugins.module_utils.cognito_secrets import as_text, version_of
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import secretsmanager_secret
from tests.support.module_runs import OWNER, given, run, tag_list
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, endless, lost_reply, sides

NAME = "demo-code-server"
ARN = f"arn:aws:secretsmanager:us-west-2:123456789012:secret:{NAME}-1a2B3c"
ID = {"SecretId": NAME}
TAGS = {**OWNER, "Name": NAME}
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:us-west-2:123456789012:key/{KEY_ID}"
ALIAS_ARN = "arn:aws:kms:us-west-2:123456789012:alias/demo"
VERSION = "ec0c79c2-9cdd-4a12-8d5b-7a7a4f3cbd8e"
# What no output may have.
GENERATED = 'q7"Zr\\W2xk0v9'
VALUE = "s3cr3t-of-the-user"
OTHER_VALUE = "s3cr3t-of-another"
DECLARED, DIFFERENT = "as declared (not shown)", "another (not shown)"

GENERATE = {"name": NAME, "generate": {}, "tags": TAGS, "owned_by": OWNER}
FIXED = {"name": NAME, "value": VALUE, "tags": TAGS, "owned_by": OWNER}
PLAIN = {"name": NAME, "tags": TAGS, "owned_by": OWNER}
ABSENT = {"name": NAME, "state": "absent", "owned_by": OWNER}

RULES = {
    "PasswordLength": 32,
    "ExcludeNumbers": False,
    "ExcludePunctuation": True,
    "ExcludeUppercase": False,
    "ExcludeLowercase": False,
    "IncludeSpace": False,
    "RequireEachIncludedType": True,
}
IN_A_MONTH = datetime.datetime(2025, 2, 1, tzinfo=datetime.UTC)


def missing(operation="DescribeSecret"):
    words = "Secrets Manager can't find the specified secret."
    return Step(operation, api_error(operation, "ResourceNotFoundException", words), ID)


def described(tags=None, **members):
    answer = {
        "ARN": ARN,
        "Name": NAME,
        "Tags": tag_list(**(TAGS if tags is None else tags)),
        "VersionIdsToStages": {VERSION: ["AWSCURRENT"]},
        "ResponseMetadata": {"HTTPStatusCode": 200},
        **members,
    }
    return Step("DescribeSecret", {key: value for key, value in answer.items() if value is not None}, ID)


def deleted(**members):
    return described(DeletedDate=IN_A_MONTH, **members)


def password(answer=None, **rules):
    return Step("GetRandomPassword", answer or {"RandomPassword": GENERATED}, {**RULES, **rules})


def create(answer=None, value=GENERATED, tokens=None, **members):
    """The create call. tokens: a list that gets its client token."""

    def check(request):
        token = request.pop("ClientRequestToken")
        assert len(token) == 32
        if tokens is not None:
            tokens.append(token)
        assert request == {"Name": NAME, "SecretString": value, "Tags": tag_list(**TAGS), **members}

    return Step("CreateSecret", answer or {"ARN": ARN, "Name": NAME, "VersionId": VERSION}, check)


def stored(value=VALUE):
    return Step("GetSecretValue", {"ARN": ARN, "Name": NAME, "SecretString": value}, ID)


def put(answer=None, value=VALUE):
    def check(request):
        assert len(request.pop("ClientRequestToken")) == 32
        assert request == {**ID, "SecretString": value}

    return Step("PutSecretValue", answer or {"ARN": ARN, "Name": NAME, "VersionId": VERSION}, check)


def update(**members):
    return Step("UpdateSecret", {"ARN": ARN, "Name": NAME}, {**ID, **members})


def restore(answer=None):
    return Step("RestoreSecret", answer or {"ARN": ARN, "Name": NAME}, ID)


def delete(answer=None, **window):
    return Step("DeleteSecret", answer or {"ARN": ARN, "Name": NAME}, {**ID, **window})


def secret_run(options, *steps, **kwargs):
    """As run(), and no value is in the result or the warnings."""
    result, aws, module = run("secretsmanager_secret", options, *steps, **kwargs)
    said = json.dumps([result, module.warnings])
    for value in (GENERATED, json.dumps(GENERATED)[1:-1], VALUE, OTHER_VALUE):
        assert value not in said
    return result, aws, module


def refused(options, *steps, **kwargs):
    """What the user is told."""
    aws = ScriptedAws(*steps)
    module = ScriptedModule(aws, given("secretsmanager_secret", options), **kwargs)
    with pytest.raises(ResourceError) as caught:
        secretsmanager_secret.Secret(module).run()
    aws.assert_done()
    return str(caught.value)


# ---- A generated value


def test_create_with_a_generated_value():
    result, _aws, module = secret_run(
        {**GENERATE, "description": "Password", "kms_key_id": KEY},
        missing(),
        password(),
        create(Description="Password", KmsKeyId=KEY),
        described(Description="Password", KmsKeyId=KEY),
    )
    assert result["changed"] is True
    assert result["secret"] == {
        "arn": ARN,
        "name": NAME,
        "description": "Password",
        "kms_key_id": KEY,
        "tags": TAGS,
        "version_ids_to_stages": {VERSION: ["AWSCURRENT"]},
    }
    after = {"state": "present", "description": "Password", "kms_key_id": KEY, "tags": TAGS}
    assert sides(result) == {"before": {}, "after": after}
    assert module.no_log_values == {GENERATED, json.dumps(GENERATED)[1:-1]}


def test_rules_of_the_generated_value():
    rules = {
        "length": 20,
        "exclude_characters": "@/",
        "exclude_numbers": True,
        "exclude_punctuation": False,
        "exclude_uppercase": True,
        "exclude_lowercase": True,
        "include_space": True,
        "require_each_included_type": False,
    }
    secret_run(
        {**GENERATE, "generate": rules},
        missing(),
        password(
            PasswordLength=20,
            ExcludeCharacters="@/",
            ExcludeNumbers=True,
            ExcludePunctuation=False,
            ExcludeUppercase=True,
            ExcludeLowercase=True,
            IncludeSpace=True,
            RequireEachIncludedType=False,
        ),
        create(),
        described(),
    )


@pytest.mark.parametrize("template", [{}, {"username": "demo", "port": 5432}])
def test_generated_value_as_a_member_of_a_json_object(template):
    secret_run(
        {**GENERATE, "generate": {"secret_string_template": template, "generate_string_key": "password"}},
        missing(),
        password(),
        create(value=json.dumps({**template, "password": GENERATED})),
        described(),
    )


@pytest.mark.parametrize("rules", [{}, {"length": 64}, {"exclude_numbers": True}])
def test_a_value_is_never_generated_again(rules):
    result, aws, _module = secret_run({**GENERATE, "generate": rules}, described())
    assert result["changed"] is False
    assert aws.operations() == ["DescribeSecret"]


def test_check_mode_generates_nothing():
    result, aws, _module = secret_run({**GENERATE, "kms_key_id": "alias/demo"}, missing(), check_mode=True)
    assert result["changed"] is True
    assert result["secret"] == {"name": NAME, "kms_key_id": "alias/demo", "tags": TAGS}
    assert aws.operations() == ["DescribeSecret"]


def test_lost_reply_of_create_makes_no_second():
    result, aws, _module = secret_run(GENERATE, missing(), password(), create(lost_reply()), described())
    assert result["changed"] is True
    assert aws.operations().count("CreateSecret") == 1


def test_a_create_that_is_sent_again_has_the_same_token_and_value():
    tokens = []
    result, aws, _module = secret_run(
        GENERATE,
        missing(),
        password(),
        create(lost_reply(), tokens=tokens),
        missing(),
        create(tokens=tokens),
        described(),
    )
    assert result["changed"] is True
    assert aws.operations().count("GetRandomPassword") == 1
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("InternalServiceError", 500), ("LaterException", 503)]
)
def test_create_is_tried_again(code, status):
    result, _aws, _module = secret_run(
        GENERATE,
        missing(),
        password(),
        create(api_error("CreateSecret", code, status=status)),
        missing(),
        create(),
        described(),
    )
    assert result["changed"] is True


def test_it_exists_already_when_it_is_created():
    exists = api_error("CreateSecret", "ResourceExistsException")
    result, _aws, _module = secret_run(GENERATE, missing(), password(), create(exists), described(), described())
    assert result["changed"] is False


def test_someone_else_was_faster():
    exists = api_error("CreateSecret", "ResourceExistsException")
    theirs = {"Owner": "them"}
    message = refused(GENERATE, missing(), password(), create(exists), described(theirs), described(theirs))
    assert "exists but isn't ours" in message


def test_the_name_is_still_being_deleted():
    """Its deletion for good goes on behind the scenes."""
    words = "You can't create this secret because a secret with this name is already scheduled for deletion."
    going = api_error("CreateSecret", "InvalidRequestException", words)
    result, aws, _module = secret_run(
        GENERATE, missing(), password(), create(going), missing(), create(going), missing(), create(), described()
    )
    assert result["changed"] is True
    assert aws.operations().count("GetRandomPassword") == 1


def test_generating_is_refused():
    denied = api_error("GetRandomPassword", "AccessDeniedException", "not authorized")
    assert refused(GENERATE, missing(), password(denied)) == (
        f"Could not generate the value of secret '{NAME}' (GetRandomPassword): AccessDeniedException: not authorized. "
        "Allow secretsmanager:GetRandomPassword for the identity of this run, and run again. "
        "The playbook operator_policy writes policies with all that runs need."
    )


def test_a_secret_that_someone_made_without_a_value():
    message = refused(GENERATE, described(VersionIdsToStages=None))
    assert "was made without a value" in message
    assert "recovery_window_days: 0" in message


# ---- A declared value


def test_create_with_a_declared_value():
    result, aws, _module = secret_run(FIXED, missing(), create(value=VALUE), described())
    assert result["changed"] is True
    assert result["diff"]["after"]["value"] == DECLARED
    # What was stored a moment ago isn't read back.
    assert "GetSecretValue" not in aws.operations()


@pytest.mark.parametrize("overwrite", [True, False])
def test_check_mode_predicts_a_declared_value(overwrite):
    result, _aws, _module = secret_run({**FIXED, "overwrite": overwrite}, missing(), check_mode=True)
    assert result["changed"] is True
    assert result["secret"] == {"name": NAME, "tags": TAGS}
    assert result["diff"]["after"] == {"state": "present", "value": DECLARED, "tags": TAGS}


def test_second_run_changes_nothing():
    result, _aws, _module = secret_run(FIXED, described(), stored())
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_another_value_is_replaced(check_mode):
    written = () if check_mode else (put(), described(), described())
    result, _aws, _module = secret_run(FIXED, described(), stored(OTHER_VALUE), *written, check_mode=check_mode)
    assert result["changed"] is True
    assert result["diff"]["before"]["value"] == DIFFERENT
    assert result["diff"]["after"]["value"] == DECLARED
    assert "secret_string" not in result["secret"]


def test_a_binary_value_is_another():
    binary = Step("GetSecretValue", {"ARN": ARN, "Name": NAME, "SecretBinary": VALUE.encode()}, ID)
    result, _aws, _module = secret_run(FIXED, described(), binary, put(), described(), described())
    assert result["changed"] is True


def test_without_overwrite_the_value_is_not_even_read():
    result, aws, _module = secret_run({**FIXED, "overwrite": False}, described())
    assert result["changed"] is False
    assert aws.operations() == ["DescribeSecret"]


def test_without_overwrite_description_and_key_are_mended():
    """What community.aws.secretsmanager_secret doesn't."""
    result, _aws, _module = secret_run(
        {**FIXED, "overwrite": False, "description": "New", "kms_key_id": KEY},
        described(Description="Old"),
        update(Description="New", KmsKeyId=KEY),
        described(Description="New", KmsKeyId=KEY),
        described(Description="New", KmsKeyId=KEY),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["value"] == result["diff"]["after"]["value"] == "left alone (not shown)"


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_missing_value_is_filled_in(overwrite):
    result, _aws, _module = secret_run(
        {**FIXED, "overwrite": overwrite}, described(VersionIdsToStages=None), put(), described(), described()
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["value"] is None


def test_the_value_vanished_between_two_reads():
    result, _aws, _module = secret_run(FIXED, described(), missing("GetSecretValue"), put(), described(), described())
    assert result["changed"] is True


def test_lost_reply_of_a_new_value():
    result, aws, _module = secret_run(
        FIXED, described(), stored(OTHER_VALUE), put(lost_reply()), described(), stored(VALUE)
    )
    assert result["changed"] is True
    assert aws.operations().count("PutSecretValue") == 1


def test_reading_the_value_is_refused():
    denied = Step("GetSecretValue", api_error("GetSecretValue", "AccessDeniedException", "no"), ID)
    message = refused(FIXED, described(), denied)
    assert message.startswith(
        f"Could not read the value of secret '{NAME}' (GetSecretValue): AccessDeniedException: no"
    )
    assert "Allow secretsmanager:GetSecretValue" in message


# ---- Description, key, tags


@pytest.mark.parametrize(
    ("current", "options", "request_"),
    [
        ({"Description": "Old"}, {"description": "New"}, {"Description": "New"}),
        ({"Description": "Old"}, {"description": ""}, {"Description": ""}),
        ({"KmsKeyId": f"{KEY}2"}, {"kms_key_id": KEY}, {"KmsKeyId": KEY}),
        ({"KmsKeyId": KEY}, {"kms_key_id": ""}, {"KmsKeyId": ""}),
        ({}, {"kms_key_id": KEY_ID}, {"KmsKeyId": KEY_ID}),
        ({"KmsKeyId": "alias/other"}, {"kms_key_id": "alias/demo"}, {"KmsKeyId": "alias/demo"}),
        (
            {"KmsKeyId": KEY.replace("us-west-2", "us-east-1")},
            {"kms_key_id": KEY, "description": "Both"},
            {"KmsKeyId": KEY, "Description": "Both"},
        ),
    ],
)
def test_details_are_changed_by_one_call(current, options, request_):
    result, _aws, _module = secret_run(
        {**PLAIN, **options}, described(**current), update(**request_), described(), described()
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("current", "declared"),
    [
        (KEY, KEY),
        (KEY, KEY_ID),
        (KEY_ID, KEY),
        ("alias/demo", "alias/demo"),
        (ALIAS_ARN, "alias/demo"),
        ("alias/demo", ALIAS_ARN),
        (None, ""),
        (None, "alias/aws/secretsmanager"),
        ("arn:aws:kms:us-west-2:123456789012:alias/aws/secretsmanager", ""),
        (KEY, None),
    ],
)
def test_the_same_key_in_other_words(current, declared):
    result, aws, _module = secret_run({**PLAIN, "kms_key_id": declared}, described(KmsKeyId=current))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeSecret"]


def kms(alias, answer=None):
    return Step("DescribeKey", answer or {"KeyMetadata": {"KeyId": KEY_ID, "Arn": KEY}}, {"KeyId": alias})


@pytest.mark.parametrize(
    ("current", "declared", "alias"),
    [(KEY, "alias/demo", "alias/demo"), (KEY_ID, ALIAS_ARN, ALIAS_ARN), (ALIAS_ARN, KEY, ALIAS_ARN)],
)
def test_an_alias_is_looked_up(current, declared, alias):
    result, _aws, _module = secret_run({**PLAIN, "kms_key_id": declared}, described(KmsKeyId=current), kms(alias))
    assert result["changed"] is False


@pytest.mark.parametrize(
    "answer",
    [
        {"KeyMetadata": {"KeyId": "other", "Arn": KEY.replace(KEY_ID, "other")}},
        api_error("DescribeKey", "NotFoundException"),
    ],
)
def test_an_alias_of_another_key(answer):
    """It is looked up once, though a dry run compares twice."""
    result, _aws, _module = secret_run(
        {**PLAIN, "kms_key_id": "alias/demo"},
        described(KmsKeyId=KEY),
        kms("alias/demo", answer),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["secret"]["kms_key_id"] == "alias/demo"


def test_an_alias_that_may_not_be_looked_up():
    denied = kms("alias/demo", api_error("DescribeKey", "AccessDeniedException", "no"))
    assert refused({**PLAIN, "kms_key_id": "alias/demo"}, described(KmsKeyId=KEY), denied) == (
        f"Could not look up the key of alias/demo for secret '{NAME}' (DescribeKey): AccessDeniedException: no. "
        "Allow kms:DescribeKey for the identity of this run, and run again. "
        "The playbook operator_policy writes policies with all that runs need."
    )


def test_the_key_of_the_service_is_not_sent_at_creation():
    secret_run({**GENERATE, "kms_key_id": ""}, missing(), password(), create(), described())


def test_tags_are_set_and_removed():
    result, _aws, _module = secret_run(
        PLAIN,
        described({**OWNER, "Old": "1"}),
        Step("UntagResource", {}, {"SecretId": ARN, "TagKeys": ["Old"]}),
        Step("TagResource", {}, {"SecretId": ARN, "Tags": tag_list(Name=NAME)}),
        described(),
    )
    assert result["changed"] is True
    assert result["secret"]["tags"] == TAGS


def test_a_secret_of_someone_else_stays_untouched():
    for options in (GENERATE, ABSENT):
        assert "exists but isn't ours: it has no Project" in refused(options, described({"A": "1"}))


def test_a_scheduled_deletion_of_someone_else_is_left_to_them():
    assert "exists but isn't ours" in refused(GENERATE, deleted(tags={}))


def test_it_was_deleted_for_good_meanwhile():
    gone = api_error("UpdateSecret", "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    result, _aws, _module = secret_run(
        {**GENERATE, "description": "New"},
        described(),
        Step("UpdateSecret", gone, {**ID, "Description": "New"}),
        missing(),
        password(),
        create(Description="New"),
        described(Description="New"),
    )
    assert result["changed"] is True


# ---- Deleted for a while


def test_a_scheduled_deletion_is_taken_back_and_the_generated_value_kept():
    result, aws, _module = secret_run(GENERATE, deleted(), restore(), described(), described())
    assert result["changed"] is True
    assert result["diff"]["before"]["state"] == "deletion scheduled"
    assert result["diff"]["after"]["state"] == "present"
    assert "deleted_date" not in result["secret"]
    assert "GetRandomPassword" not in aws.operations()


def test_what_was_restored_is_mended():
    result, _aws, _module = secret_run(
        {**GENERATE, "description": "New"},
        deleted(tags=OWNER, Description="Old"),
        restore(),
        described(tags=OWNER, Description="Old"),
        update(Description="New"),
        described(tags=OWNER, Description="New"),
        Step("TagResource", {}, {"SecretId": ARN, "Tags": tag_list(Name=NAME)}),
        described(Description="New"),
    )
    assert result["changed"] is True


def test_a_restored_value_that_is_as_declared_gets_no_new_version():
    result, aws, _module = secret_run(FIXED, deleted(), restore(), *(described(), stored()) * 2)
    assert result["diff"]["before"]["value"] == "can't be read before the secret is restored"
    assert result["diff"]["after"]["value"] == DECLARED
    assert "PutSecretValue" not in aws.operations()


def test_a_restored_value_that_differs_is_replaced():
    result, _aws, _module = secret_run(
        FIXED, deleted(), restore(), described(), stored(OTHER_VALUE), put(), described(), described()
    )
    assert result["diff"]["after"]["value"] == DECLARED


def test_without_overwrite_the_restored_value_stays():
    result, aws, _module = secret_run({**FIXED, "overwrite": False}, deleted(), restore(), described(), described())
    assert result["changed"] is True
    assert "PutSecretValue" not in aws.operations()


def test_check_mode_predicts_the_restoration():
    result, aws, _module = secret_run({**FIXED, "description": "New"}, deleted(), check_mode=True)
    assert result["changed"] is True
    assert "deleted_date" not in result["secret"]
    assert result["diff"]["after"] == {"state": "present", "description": "New", "value": DECLARED, "tags": TAGS}
    assert aws.operations() == ["DescribeSecret"]


def test_a_restored_secret_may_count_as_deleted_for_a_moment():
    words = "You can't perform this operation on the secret because it was marked for deletion."
    early = api_error("UpdateSecret", "InvalidRequestException", words)
    result, _aws, _module = secret_run(
        {**GENERATE, "description": "New"},
        deleted(),
        restore(),
        described(),
        Step("UpdateSecret", early, {**ID, "Description": "New"}),
        described(),
        update(Description="New"),
        described(Description="New"),
        described(Description="New"),
    )
    assert result["changed"] is True


def test_lost_reply_of_a_restoration():
    result, aws, _module = secret_run(GENERATE, deleted(), restore(lost_reply()), described())
    assert result["changed"] is True
    assert aws.operations().count("RestoreSecret") == 1


# ---- Absent


@pytest.mark.parametrize(
    ("days", "window"),
    [
        (None, {"RecoveryWindowInDays": 30}),
        (7, {"RecoveryWindowInDays": 7}),
        (0, {"ForceDeleteWithoutRecovery": True}),
    ],
)
@pytest.mark.parametrize("left", [deleted, missing])
def test_delete(days, window, left):
    result, _aws, _module = secret_run({**ABSENT, "recovery_window_days": days}, described(), delete(**window), left())
    assert result["changed"] is True
    assert result["secret"] == {}


def test_a_scheduled_deletion_is_absence():
    result, aws, _module = secret_run(ABSENT, deleted())
    assert result["changed"] is False
    assert aws.operations() == ["DescribeSecret"]


def test_a_scheduled_deletion_is_hastened():
    result, _aws, _module = secret_run(
        {**ABSENT, "recovery_window_days": 0}, deleted(), delete(ForceDeleteWithoutRecovery=True), deleted()
    )
    assert result["changed"] is True


@pytest.mark.parametrize("days", [30, 0])
def test_what_is_absent_stays_absent(days):
    result, _aws, _module = secret_run({**ABSENT, "recovery_window_days": days}, missing())
    assert result["changed"] is False


@pytest.mark.parametrize(("days", "changed"), [(30, False), (0, True)])
def test_check_mode_of_a_deletion(days, changed):
    options = {**ABSENT, "recovery_window_days": days}
    result, _aws, _module = secret_run(options, deleted(), check_mode=True)
    assert result["changed"] is changed
    result, _aws, _module = secret_run(options, described(), check_mode=True)
    assert result["changed"] is True


def test_lost_reply_of_a_deletion():
    result, aws, _module = secret_run(ABSENT, described(), delete(lost_reply(), RecoveryWindowInDays=30), deleted())
    assert result["changed"] is True
    assert aws.operations().count("DeleteSecret") == 1


def test_another_run_was_faster_to_delete():
    words = "You can't perform this operation on the secret because it was already scheduled for deletion."
    late = api_error("DeleteSecret", "InvalidRequestException", words)
    result, _aws, _module = secret_run(ABSENT, described(), delete(late, RecoveryWindowInDays=30), deleted())
    assert result["changed"] is False


def test_the_value_is_not_read_to_delete():
    result, _aws, _module = secret_run(
        {**ABSENT, "value": VALUE}, described(), delete(RecoveryWindowInDays=30), missing()
    )
    assert result["changed"] is True


# ---- Bad input


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"name": "demo secret"}, "the name must have 1 to 512"),
        ({"name": "a" * 513}, "the name must have 1 to 512"),
        ({"name": ""}, "the name must have 1 to 512"),
        ({"recovery_window_days": 6}, "recovery_window_days is 6; give 7 to 30, or 0"),
        ({"recovery_window_days": 31}, "recovery_window_days is 31"),
        ({"generate": {"length": 7}}, "generate.length is 7; give 8 to 4096"),
        ({"generate": {"length": 4097}}, "generate.length is 4097"),
        (
            {"generate": {"secret_string_template": {"password": "x"}, "generate_string_key": "password"}},
            "secret_string_template has a member 'password'",
        ),
        ({"generate": None, "value": ""}, "the value has 0 bytes; give one of 1 to 65536"),
        ({"generate": None, "value": "ä" * 40000}, "the value has 80000 bytes"),
    ],
)
def test_bad_input_is_refused_before_any_call(options, found):
    message = refused({**GENERATE, **options})
    assert found in message
    assert "ää" not in message


def test_a_new_secret_needs_a_value():
    for check_mode in (True, False):
        message = refused(PLAIN, missing(), check_mode=check_mode)
        assert f"secret '{NAME}' doesn't exist and has no value to be made with." in message
        assert "Give value, generate or cognito_client." in message


# ---- The credentials of an app client

CLIENT = {"UserPoolId": "us-west-2_AbCdEfGhI", "ClientId": "client1"}
TOKEN_URL = "https://demo.example.com/oauth2/token"
TOLD = {"client_id": "client1", "token_url": TOKEN_URL, "scopes": "api/read api/write"}
MACHINE = {
    "name": NAME,
    "cognito_client": {
        "user_pool_id": CLIENT["UserPoolId"],
        "client_id": "client1",
        "token_url": TOKEN_URL,
        "scopes": ["api/read", "api/write"],
    },
    "tags": TAGS,
    "owned_by": OWNER,
}
KEY_1, KEY_2, KEY_3 = "client1--1", "client1--2", "client1--3"
# What Cognito has generated, and what it was given.
GENERATED_SECRET, GIVEN_SECRET = "generatedByCognito" * 2, "givenToCognito" * 2
MADE = datetime.datetime(2026, 11, 29, 1, tzinfo=datetime.UTC)


def client_keys(*ids):
    """The secrets of the client; the first was made with it, each of the others an hour later."""
    hours = {KEY_1: 0, KEY_2: 1, KEY_3: 2}
    found = [
        {"ClientSecretId": key, "ClientSecretCreateDate": MADE + datetime.timedelta(hours=hours[key])} for key in ids
    ]
    return Step("ListUserPoolClientSecrets", {"ClientSecrets": found}, CLIENT)


def app_client(secret=GENERATED_SECRET):
    told = {"ClientSecret": secret} if secret else {}
    return Step("DescribeUserPoolClient", {"UserPoolClient": {**CLIENT, "CreationDate": MADE, **told}}, CLIENT)


def telling(key, labels=("AWSCURRENT",), **other):
    """The secret whose version with these labels tells that key."""
    return described(VersionIdsToStages={version_of(key, {**TOLD, **other}): list(labels)})


def kept_versions(**found):
    """The versions, by id, each with its labels, the newest first."""
    items = [
        {
            "VersionId": version,
            "CreatedDate": MADE - datetime.timedelta(hours=age),
            **({"VersionStages": labels} if labels else {}),
        }
        for age, (version, labels) in enumerate(found.items())
    ]
    return {"Versions": items}


def versions(**found):
    return Step("ListSecretVersionIds", kept_versions(**found), {**ID, "IncludeDeprecated": True, "MaxResults": 100})


def version_value(version, text):
    return Step("GetSecretValue", {"SecretString": text}, {**ID, "VersionId": version})


def put_credentials(key, secret, answer=None, **other):
    told = {**TOLD, **other}
    request = {**ID, "SecretString": as_text(told, secret), "ClientRequestToken": version_of(key, told)}
    return Step("PutSecretValue", answer or {}, request)


def credentials_run(*steps, options=None, **kwargs):
    result, aws, module = run("secretsmanager_secret", options or MACHINE, *steps, **kwargs)
    for secret in (GENERATED_SECRET, GIVEN_SECRET):
        assert secret not in json.dumps(result, default=str)
    return result, aws, module


def test_a_new_secret_tells_what_cognito_generated():
    def check(request):
        assert request["SecretString"] == as_text(TOLD, GENERATED_SECRET)
        assert request["ClientRequestToken"] == version_of(KEY_1, TOLD)

    created = Step("CreateSecret", {"ARN": ARN, "Name": NAME}, check)
    result, _aws, module = credentials_run(missing(), client_keys(KEY_1), app_client(), created, telling(KEY_1))
    assert result["changed"] is True
    assert result["diff"]["after"]["cognito_client"] == DECLARED
    assert GENERATED_SECRET in module.no_log_values
    assert json.loads(as_text(TOLD, GENERATED_SECRET)) == {
        "client_id": "client1",
        "client_secret": GENERATED_SECRET,
        "token_url": TOKEN_URL,
        "scopes": "api/read api/write",
    }


@pytest.mark.parametrize(("keys", "told"), [((KEY_1,), KEY_1), ((KEY_1, KEY_2), KEY_1), ((KEY_1, KEY_2), KEY_2)])
def test_what_is_told_is_known_by_the_versions_id_also_amid_a_rotation(keys, told):
    result, aws, _module = credentials_run(telling(told), client_keys(*keys))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeSecret", "ListUserPoolClientSecrets"]


def test_a_value_changed_by_hand_gives_way_to_the_right_version():
    right = version_of(KEY_2, TOLD)
    labels = Step(
        "ListSecretVersionIds", kept_versions(**{VERSION: ["AWSCURRENT"], right: ["AWSPREVIOUS"]}), {"SecretId": NAME}
    )
    moved = {**ID, "VersionStage": "AWSCURRENT", "MoveToVersionId": right, "RemoveFromVersionId": VERSION}
    result, aws, _module = credentials_run(
        described(),
        client_keys(KEY_2),
        versions(**{VERSION: ["AWSCURRENT"], right: []}),
        client_keys(KEY_2),
        labels,
        Step("UpdateSecretVersionStage", {}, moved),
        telling(KEY_2),
        telling(KEY_2),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["cognito_client"] == DIFFERENT
    assert "GetSecretValue" not in aws.operations()


def test_another_token_url_is_told_with_the_secret_of_the_version_before():
    """Cognito doesn't tell a value that it was given, but a version of ours does."""
    before = version_of(KEY_2, {**TOLD, "token_url": "https://old.example.com/oauth2/token"})
    text = as_text({**TOLD, "token_url": "https://old.example.com/oauth2/token"}, GIVEN_SECRET)
    result, _aws, module = credentials_run(
        telling(KEY_2, token_url="https://old.example.com/oauth2/token"),
        client_keys(KEY_2),
        versions(**{before: ["AWSCURRENT"]}),
        client_keys(KEY_2),
        client_keys(KEY_2),
        app_client(secret=None),
        version_value(before, text),
        put_credentials(KEY_2, GIVEN_SECRET),
        telling(KEY_2),
        telling(KEY_2),
    )
    assert result["changed"] is True
    assert GIVEN_SECRET in module.no_log_values


def test_a_version_that_someone_else_has_made_tells_nothing():
    """Its id isn't that of what it tells."""
    result, _aws, _module = credentials_run(
        described(),
        client_keys(KEY_1),
        versions(**{VERSION: ["AWSCURRENT"]}),
        client_keys(KEY_1),
        client_keys(KEY_1),
        app_client(),
        version_value(VERSION, as_text(TOLD, "of someone else" * 3)),
        put_credentials(KEY_1, GENERATED_SECRET),
        telling(KEY_1),
        telling(KEY_1),
    )
    assert result["changed"] is True


def added(key=KEY_3):
    descriptor = {"ClientSecretId": key, "ClientSecretValue": GENERATED_SECRET}
    return Step("AddUserPoolClientSecret", {"ClientSecretDescriptor": descriptor}, CLIENT)


@pytest.mark.parametrize("described_secret", [None, "of the first one, which is gone" * 2])
def test_a_secret_that_nobody_knows_gets_another_beside_it(described_secret):
    created = Step("CreateSecret", {"ARN": ARN, "Name": NAME})
    _result, aws, _module = credentials_run(
        missing(), client_keys(KEY_2), app_client(described_secret), added(), created, telling(KEY_3)
    )
    assert json.loads(aws.calls[-2][1]["SecretString"])["client_secret"] == GENERATED_SECRET
    assert aws.calls[-2][1]["ClientRequestToken"] == version_of(KEY_3, TOLD)


def test_of_two_that_nobody_knows_the_newer_gives_way():
    """A run that was interrupted may have added it; the older one may be in use."""
    removed = Step("DeleteUserPoolClientSecret", {}, {**CLIENT, "ClientSecretId": KEY_3})
    created = Step("CreateSecret", {"ARN": ARN, "Name": NAME})
    credentials_run(missing(), client_keys(KEY_2, KEY_3), app_client(None), removed, added(), created, telling(KEY_3))


def test_a_lost_reply_of_the_credentials_is_looked_at_before_they_are_put_again():
    steps = [
        described(),
        client_keys(KEY_1),
        versions(),
        client_keys(KEY_1),
        client_keys(KEY_1),
        app_client(),
        put_credentials(KEY_1, GENERATED_SECRET, lost_reply()),
    ]
    result, aws, _module = credentials_run(*steps, telling(KEY_1), client_keys(KEY_1))
    assert result["changed"] is True
    assert aws.operations().count("PutSecretValue") == 1


def test_a_secret_without_a_value_gets_the_credentials():
    credentials_run(
        described(VersionIdsToStages=None),
        versions(),
        client_keys(KEY_1),
        client_keys(KEY_1),
        app_client(),
        put_credentials(KEY_1, GENERATED_SECRET),
        telling(KEY_1),
        telling(KEY_1),
    )


def test_a_secret_that_comes_back_is_looked_at_then():
    result, _aws, _module = credentials_run(
        deleted(), restore(), telling(KEY_1), client_keys(KEY_1), telling(KEY_1), client_keys(KEY_1)
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("steps", "before"),
    [
        ([missing()], None),
        ([described(), client_keys(KEY_1)], DIFFERENT),
        ([deleted()], "can't be read before the secret is restored"),
    ],
)
def test_a_dry_run_of_credentials_reads_no_value(steps, before):
    result, aws, _module = credentials_run(*steps, check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"].get("cognito_client") == before
    assert result["diff"]["after"]["cognito_client"] == DECLARED
    assert "GetSecretValue" not in aws.operations()


def test_a_dry_run_of_a_client_that_does_not_exist_yet():
    unknown = {**MACHINE, "cognito_client": {**MACHINE["cognito_client"], "client_id": "(known after apply)"}}
    result, aws, _module = credentials_run(described(), options=unknown, check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeSecret"]


def test_a_client_that_does_not_exist():
    gone = api_error("ListUserPoolClientSecrets", "ResourceNotFoundException", "no")
    with pytest.raises(ResourceError, match="There is no app client 'client1' of user pool"):
        credentials_run(described(), *endless(Step("ListUserPoolClientSecrets", gone)))


def test_a_client_that_is_not_known_yet_is_waited_for():
    unknown = Step("ListUserPoolClientSecrets", api_error("x", "ResourceNotFoundException", "no"))
    assert credentials_run(telling(KEY_1), unknown, client_keys(KEY_1))[0]["changed"] is False


def test_a_secret_that_was_made_beside_is_told_when_the_first_try_fails():
    busy = api_error("CreateSecret", "ThrottlingException", "slow down")
    created = Step("CreateSecret", {"ARN": ARN, "Name": NAME})
    _result, aws, _module = credentials_run(
        *(missing(), client_keys(KEY_2), app_client(None), added(), Step("CreateSecret", busy)),
        *(missing(), client_keys(KEY_2, KEY_3), app_client(None), created, telling(KEY_3)),
    )
    assert json.loads(aws.calls[-2][1]["SecretString"])["client_secret"] == GENERATED_SECRET


def test_a_public_client_has_no_credentials():
    refused_by_cognito = api_error("AddUserPoolClientSecret", "InvalidParameterException", "it is public")
    with pytest.raises(ResourceError, match="Could not add a secret to app client 'client1'"):
        credentials_run(missing(), client_keys(), app_client(None), Step("AddUserPoolClientSecret", refused_by_cognito))


# ---- All that the module says, as Ansible gets it


def said(monkeypatch, capsys, options, *steps):
    """What the module itself writes, with the invocation that Ansible adds to it."""
    aws = ScriptedAws(*steps)
    monkeypatch.setattr(AnsibleAWSModule, "client", lambda _self, service, **_config: aws.client(service))
    arguments = {**options, "region": "us-west-2", "_ansible_diff": True, "_ansible_inject_invocation": True}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        secretsmanager_secret.main()
    aws.assert_done()
    output = capsys.readouterr()
    for value in (GENERATED, json.dumps(GENERATED)[1:-1], json.dumps(json.dumps(GENERATED)[1:-1])[1:-1]):
        assert value not in output.out + output.err
    assert VALUE not in output.out + output.err
    assert OTHER_VALUE not in output.out + output.err
    return json.loads(output.out)


def test_output_of_a_creation(monkeypatch, capsys):
    # AWS doesn't do that. If it did, the value would go no further.
    chatty = {"Description": f"made with {GENERATED}"}
    result = said(monkeypatch, capsys, GENERATE, missing(), password(), create(), described(**chatty))
    assert result["changed"] is True
    assert result["invocation"]["module_args"]["generate"]["length"] == 32
    assert result["secret"]["description"] == "made with ********"


@pytest.mark.parametrize(
    "generate", [{}, {"secret_string_template": {"username": "demo"}, "generate_string_key": "password"}]
)
def test_output_of_a_refused_creation(monkeypatch, capsys, generate):
    def refusal(request):
        raise api_error("CreateSecret", "InvalidParameterException", f"wrong: {request['SecretString']}")

    step = Step("CreateSecret", {}, refusal)
    result = said(monkeypatch, capsys, {**GENERATE, "generate": generate}, missing(), password(), step)
    assert result["failed"] is True
    assert "Could not create secret" in result["msg"]
    assert "********" in result["msg"]


def test_output_with_a_declared_value(monkeypatch, capsys):
    result = said(monkeypatch, capsys, FIXED, described(), stored(OTHER_VALUE), put(), described(), described())
    assert result["diff"]["before"]["value"] == DIFFERENT
    assert result["invocation"]["module_args"]["value"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    failed = api_error("PutSecretValue", "InvalidParameterException", f"wrong: {VALUE}")
    result = said(monkeypatch, capsys, FIXED, described(), stored(OTHER_VALUE), put(failed))
    assert "wrong: ********" in result["msg"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"generate": {}}, "mutually exclusive: value|generate"),
        ({"value": None, "generate": {"generate_string_key": "a"}}, "required together"),
    ],
)
def test_options_that_do_not_go_together(monkeypatch, capsys, options, found):
    arguments = {key: value for key, value in {**FIXED, **options}.items() if value is not None}
    assert found in said(monkeypatch, capsys, arguments)["msg"]


# ---- Resource policy, rotation, replicas

ANYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}],
}
NEIGHBOUR = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        }
    ],
}
NO_POLICY = {**PLAIN, "resource_policy": "{}"}


def policy_of(document=None):
    members = {"ResourcePolicy": json.dumps(document)} if document else {}
    return Step("GetResourcePolicy", {"ARN": ARN, "Name": NAME, **members}, ID)


def put_policy(answer=None, document=NEIGHBOUR):
    def check(request):
        assert json.loads(request.pop("ResourcePolicy")) == document
        assert request == {**ID, "BlockPublicPolicy": True}

    return Step("PutResourcePolicy", answer or {"ARN": ARN, "Name": NAME}, check)


def test_a_policy_that_lets_everybody_in_is_removed():
    result, _aws, _module = secret_run(
        NO_POLICY,
        described(),
        policy_of(ANYBODY),
        Step("DeleteResourcePolicy", {"ARN": ARN, "Name": NAME}, ID),
        described(),
        policy_of(),
        described(),
        policy_of(),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["resource_policy"] == ANYBODY


def test_no_policy_is_as_declared():
    result, _aws, _module = secret_run(NO_POLICY, described(), policy_of())
    assert result["changed"] is False


def test_a_policy_is_put_and_may_not_be_public():
    secret_run(
        {**PLAIN, "resource_policy": json.dumps(NEIGHBOUR)},
        described(),
        policy_of(),
        put_policy(),
        described(),
        policy_of(NEIGHBOUR),
        described(),
        policy_of(NEIGHBOUR),
    )


def test_a_principal_that_was_just_made_is_waited_for():
    unknown = api_error(
        "PutResourcePolicy",
        "MalformedPolicyDocumentException",
        "This resource policy contains an unsupported principal.",
    )
    secret_run(
        {**PLAIN, "resource_policy": json.dumps(NEIGHBOUR)},
        described(),
        policy_of(),
        put_policy(unknown),
        described(),
        policy_of(),
        put_policy(),
        described(),
        policy_of(NEIGHBOUR),
        described(),
        policy_of(NEIGHBOUR),
    )


def test_the_policy_of_a_deleted_secret_is_read_after_it_is_restored():
    secret_run(
        NO_POLICY,
        deleted(),
        restore(),
        described(),
        policy_of(ANYBODY),
        Step("DeleteResourcePolicy", {"ARN": ARN, "Name": NAME}, ID),
        described(),
        policy_of(),
        described(),
        policy_of(),
    )


FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:rotate"
ROTATES = {"RotationEnabled": True, "RotationLambdaARN": FUNCTION, "RotationRules": {"AutomaticallyAfterDays": 30}}


def rotate(rules, **members):
    def check(request):
        assert request.pop("ClientRequestToken")
        assert request == {**ID, "RotationRules": rules, **members}

    return Step("RotateSecret", {"ARN": ARN, "Name": NAME}, check)


def test_a_rotation_of_someone_elses_is_turned_off():
    result, _aws, _module = secret_run(
        {**PLAIN, "rotation": {}},
        described(**ROTATES),
        Step("CancelRotateSecret", {"ARN": ARN, "Name": NAME}, ID),
        # AWS goes on telling the function and the schedule.
        described(**{**ROTATES, "RotationEnabled": False}),
        described(**{**ROTATES, "RotationEnabled": False}),
    )
    assert result["diff"]["before"]["rotation"] == {"lambda_arn": FUNCTION, "automatically_after_days": 30}
    assert result["diff"]["after"]["rotation"] == {}


def test_a_rotation_is_turned_on_and_its_schedule_changed():
    declared = {**PLAIN, "rotation": {"lambda_arn": FUNCTION, "automatically_after_days": 30}}
    ready = described(**ROTATES)
    secret_run(declared, described(), rotate({"AutomaticallyAfterDays": 30}, RotationLambdaARN=FUNCTION), ready, ready)
    result, _aws, _module = secret_run(declared, ready)
    assert result["changed"] is False
    seldom = described(**{**ROTATES, "RotationRules": {"AutomaticallyAfterDays": 300}})
    secret_run(declared, seldom, rotate({"AutomaticallyAfterDays": 30}, RotationLambdaARN=FUNCTION), ready, ready)


def replicated(*regions, key=None):
    entries = [{"Region": region, "Status": "InSync", **({"KmsKeyId": key} if key else {})} for region in regions]
    return described(ReplicationStatus=entries or None)


def remove_replicas(*regions):
    return Step("RemoveRegionsFromReplication", {"ARN": ARN}, {**ID, "RemoveReplicaRegions": list(regions)})


def test_replicas_are_added_and_removed():
    result, _aws, _module = secret_run(
        {**PLAIN, "replicas": [{"region": "eu-west-1"}]},
        replicated("us-east-1"),
        remove_replicas("us-east-1"),
        Step("ReplicateSecretToRegions", {"ARN": ARN}, {**ID, "AddReplicaRegions": [{"Region": "eu-west-1"}]}),
        replicated("eu-west-1"),
        replicated("eu-west-1"),
    )
    assert result["changed"] is True


def test_a_replica_of_someone_elses_is_removed():
    secret_run(
        {**PLAIN, "replicas": []}, replicated("us-east-1"), remove_replicas("us-east-1"), described(), described()
    )


def test_a_replica_with_another_key_is_made_anew():
    wanted = {"Region": "us-east-1", "KmsKeyId": "alias/demo"}
    secret_run(
        {**PLAIN, "replicas": [{"region": "us-east-1", "kms_key_id": "alias/demo"}]},
        replicated("us-east-1", key="alias/other"),
        remove_replicas("us-east-1"),
        Step("ReplicateSecretToRegions", {"ARN": ARN}, {**ID, "AddReplicaRegions": [wanted]}),
        replicated("us-east-1", key="alias/demo"),
        replicated("us-east-1", key="alias/demo"),
    )


def test_a_new_secret_has_its_replicas_from_the_start():
    secret_run(
        {**GENERATE, "replicas": [{"region": "us-east-1"}]},
        missing(),
        password(),
        create(AddReplicaRegions=[{"Region": "us-east-1"}]),
        replicated("us-east-1"),
    )


def test_replicas_go_before_the_secret():
    secret_run(
        ABSENT, replicated("us-east-1"), remove_replicas("us-east-1"), delete(RecoveryWindowInDays=30), deleted()
    )
