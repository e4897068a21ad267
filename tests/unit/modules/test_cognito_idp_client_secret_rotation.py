# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation of a client's secret: each step is decided by what there is, and none comes too early or twice."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.cognito_secrets import (
    as_text,
    parsed,
    proposal_beside,
    version_of,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.secret_rotation import SecretVersions
from ansible_collections.agent_platform.aws.plugins.modules import cognito_idp_client_secret_rotation as module
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, endless, lost_reply

CLIENT = {"UserPoolId": "us-west-2_AbCdEfGhI", "ClientId": "client1"}
SECRET = {"SecretId": "demo/machine-client"}
CREDENTIALS = {"client_id": "client1", "token_url": "https://demo.example.com/oauth2/token", "scopes": "api/read"}
FIRST, SECOND = "client1--1", "client1--2"
OLD, NEW = "old5ecret" * 4, "n3wSecret" * 4
TOLD, TOLD_NEW, PROPOSED = version_of(FIRST, CREDENTIALS), version_of(SECOND, CREDENTIALS), proposal_beside(FIRST)
VALUES = {
    TOLD: as_text(CREDENTIALS, OLD),
    TOLD_NEW: as_text(CREDENTIALS, NEW),
    PROPOSED: as_text({**CREDENTIALS, "scopes": "of a while ago"}, NEW),
}
DEFAULTS = {name: option.get("default") for name, option in argument_spec(module.DOCUMENTATION).items()}


def keys(*ids, newest_first=False):
    found = [
        {"ClientSecretId": key, "ClientSecretCreateDate": datetime.datetime(2026, 11, 29, hour, tzinfo=datetime.UTC)}
        for hour, key in enumerate(ids)
    ]
    return Step("ListUserPoolClientSecrets", {"ClientSecrets": found[::-1] if newest_first else found}, CLIENT)


def versions(deprecated=False, **labels):
    ids = {"told": TOLD, "proposed": PROPOSED, "new": TOLD_NEW, "foreign": "f" * 32}
    found = [
        {"VersionId": ids[name], **({"VersionStages": stages} if stages else {})} for name, stages in labels.items()
    ]
    more = {"IncludeDeprecated": True, "MaxResults": 100} if deprecated else {}
    return Step("ListSecretVersionIds", {"Versions": found}, {**SECRET, **more})


def value(version, text=None):
    answer = {"SecretString": VALUES[version] if text is None else text}
    return Step("GetSecretValue", answer, {**SECRET, "VersionId": version})


def looked(*ids, current=TOLD, text=None, **labels):
    """What each decision begins with."""
    return [keys(*ids), versions(**labels), versions(**labels), value(current, text)]


IDLE = {"told": ["AWSCURRENT"]}
PENDING = {"told": ["AWSCURRENT"], "proposed": ["AWSPENDING"]}
MOVED = {"told": ["AWSPREVIOUS"], "proposed": ["AWSPENDING"], "new": ["AWSCURRENT"]}
DONE = {"told": ["AWSPREVIOUS"], "new": ["AWSCURRENT"]}
RANDOM = Step(
    "GetRandomPassword",
    {"RandomPassword": NEW},
    {"PasswordLength": 64, "ExcludePunctuation": True, "RequireEachIncludedType": True},
)


def put(label, version, answer=None, text=None):
    request = {**SECRET, "SecretString": text or as_text(CREDENTIALS, NEW), "VersionStages": [label]}
    return Step("PutSecretValue", answer or {}, {**request, "ClientRequestToken": version})


def move(label, to=None, source=None):
    request = {**SECRET, "VersionStage": label, "MoveToVersionId": to, "RemoveFromVersionId": source}
    return Step("UpdateSecretVersionStage", {}, {member: item for member, item in request.items() if item})


def add(answer=None):
    descriptor = {"ClientSecretDescriptor": {"ClientSecretId": SECOND}}
    return Step("AddUserPoolClientSecret", answer or descriptor, {**CLIENT, "ClientSecret": NEW})


def remove(answer=None):
    return Step("DeleteUserPoolClientSecret", answer or {}, {**CLIENT, "ClientSecretId": FIRST})


def run(step, *steps, check_mode=False, **options):
    flat = [one for group in steps for one in (group if isinstance(group, list) else [group])]
    aws = ScriptedAws(*flat)
    params = {"user_pool_id": CLIENT["UserPoolId"], "client_id": CLIENT["ClientId"], "secret_id": SECRET["SecretId"]}
    scripted = ScriptedModule(aws, {**DEFAULTS, **params, "step": step, **options}, check_mode)
    result = module.SecretRotation(scripted).run()
    aws.assert_done()
    assert NEW not in json.dumps(result)
    assert OLD not in json.dumps(result)
    return result, aws, scripted


PROPOSE = [RANDOM, versions(deprecated=True, **IDLE), put("AWSPENDING", PROPOSED)]
TELL = [versions(deprecated=True, **PENDING), put("AWSCURRENT", TOLD_NEW)]
UNLABEL = move("AWSPENDING", source=PROPOSED)


# ---- begin


def test_the_secret_tells_the_new_one_when_cognito_has_it():
    result, _aws, scripted = run(
        "begin",
        looked(FIRST, **IDLE),
        PROPOSE,
        looked(FIRST, **PENDING),
        value(PROPOSED),
        add(),
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )
    assert result == {"changed": True, "version_id": TOLD_NEW, "resumed": False}
    assert {OLD, NEW} <= scripted.no_log_values


def test_one_that_was_proposed_is_gone_on_with():
    """It tells what the current version tells now, not what it told when it was proposed."""
    result, aws, _scripted = run(
        "begin",
        looked(FIRST, **PENDING),
        value(PROPOSED),
        add(),
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )
    assert result["resumed"] is True
    assert "GetRandomPassword" not in aws.operations()


def test_one_that_cognito_has_is_not_added_again():
    _result, aws, _scripted = run(
        "begin",
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )
    assert "AddUserPoolClientSecret" not in aws.operations()


def test_what_the_secret_tells_already_is_no_change():
    result, _aws, _scripted = run("begin", looked(FIRST, SECOND, current=TOLD_NEW, **DONE))
    assert result == {"changed": False, "version_id": TOLD_NEW, "resumed": True}


def test_a_lost_reply_of_the_new_secret_is_looked_at_before_it_is_repeated():
    _result, aws, _scripted = run(
        "begin",
        looked(FIRST, **PENDING),
        value(PROPOSED),
        add(lost_reply()),
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )
    assert aws.operations().count("AddUserPoolClientSecret") == 1


@pytest.mark.parametrize(
    "answer", [lost_reply(), api_error("PutSecretValue", "ResourceExistsException", "You can't modify")]
)
def test_no_second_new_secret_is_made(answer):
    """After a lost reply, or where another run was first: both propose the same version."""
    _result, aws, _scripted = run(
        "begin",
        looked(FIRST, **IDLE),
        [*PROPOSE[:2], put("AWSPENDING", PROPOSED, answer)],
        looked(FIRST, **PENDING),
        value(PROPOSED),
        add(),
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )
    assert aws.operations().count("PutSecretValue") == 2


def test_where_another_run_was_first_to_add_it():
    """Both have added the same value, of which Cognito has taken one."""
    full = api_error("AddUserPoolClientSecret", "LimitExceededException", "two are the most")
    run(
        "begin",
        looked(FIRST, **PENDING),
        value(PROPOSED),
        add(full),
        keys(FIRST, SECOND),
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )


def test_a_proposal_that_lost_its_label_gets_it_back():
    unlabelled = {**IDLE, "proposed": []}
    _result, aws, _scripted = run(
        "begin",
        looked(FIRST, **IDLE),
        RANDOM,
        versions(deprecated=True, **unlabelled),
        move("AWSPENDING", to=PROPOSED),
        looked(FIRST, **PENDING),
        value(PROPOSED),
        add(),
        looked(FIRST, SECOND, **PENDING),
        value(PROPOSED),
        TELL,
        looked(FIRST, SECOND, current=TOLD_NEW, **MOVED),
        UNLABEL,
    )
    assert aws.operations().count("PutSecretValue") == 1


def test_the_order_is_that_of_the_dates():
    with pytest.raises(ResourceError, match="has a second secret, client1--2"):
        run("begin", keys(FIRST, SECOND, newest_first=True), looked(FIRST, **IDLE)[1:])


@pytest.mark.parametrize("labels", [IDLE, {**IDLE, "foreign": ["AWSPENDING"]}])
def test_a_second_secret_of_someone_else_is_left_alone(labels):
    with pytest.raises(ResourceError, match=r"which secret 'demo/machine-client' doesn't tell.*Remove it"):
        run("begin", looked(FIRST, SECOND, **labels))


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        json.dumps([]),
        json.dumps({**CREDENTIALS, "client_secret": 1}),
        as_text({**CREDENTIALS, "client_id": "another"}, OLD),
        as_text({**CREDENTIALS, "scopes": "other"}, OLD),
    ],
)
def test_what_the_component_has_not_put_there(text):
    with pytest.raises(ResourceError, match=r"doesn't tell a secret of app client 'client1'.*--limit cognito"):
        run("begin", looked(FIRST, text=text, **IDLE))


def test_a_client_that_does_not_exist():
    gone = api_error("ListUserPoolClientSecrets", "ResourceNotFoundException", "no")
    with pytest.raises(ResourceError, match="There is no app client 'client1'"):
        run("begin", endless(Step("ListUserPoolClientSecrets", gone)))


def test_other_refusals_are_told():
    denied = api_error("AddUserPoolClientSecret", "AccessDeniedException", "no")
    with pytest.raises(ResourceError, match="Allow cognito-idp:AddUserPoolClientSecret"):
        run("begin", looked(FIRST, **PENDING), value(PROPOSED), add(denied))


@pytest.mark.parametrize(
    ("ids", "labels", "changed"),
    [
        ((FIRST,), IDLE, True),
        ((FIRST,), PENDING, True),
        ((FIRST, SECOND), PENDING, True),
    ],
)
def test_a_dry_run_only_tells(ids, labels, changed):
    result, aws, _scripted = run("begin", looked(*ids, **labels), check_mode=True)
    assert result["changed"] is changed
    assert len(aws.operations()) == 4


def test_a_length_that_cognito_would_refuse():
    for length in (23, 65):
        with pytest.raises(ResourceError, match=f"The length is {length}; give 24 to 64"):
            run("begin", length=length)


# ---- finish


def test_the_old_one_goes():
    result, _aws, _scripted = run("finish", looked(FIRST, SECOND, current=TOLD_NEW, **DONE), remove())
    assert result == {"changed": True, "version_id": TOLD_NEW, "resumed": True}


def test_a_lost_reply_of_the_removal_is_the_end():
    looked_again = looked(SECOND, current=TOLD_NEW, **DONE)
    result, aws, _scripted = run(
        "finish", looked(FIRST, SECOND, current=TOLD_NEW, **DONE), remove(lost_reply()), looked_again
    )
    assert result["changed"] is True
    assert aws.operations().count("DeleteUserPoolClientSecret") == 1


def test_one_that_is_gone_already():
    gone = api_error("DeleteUserPoolClientSecret", "ResourceNotFoundException", "no")
    run("finish", looked(FIRST, SECOND, current=TOLD_NEW, **DONE), remove(gone))


def test_a_dry_run_of_the_end():
    result, _aws, _scripted = run("finish", looked(FIRST, SECOND, current=TOLD_NEW, **DONE), check_mode=True)
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("ids", "current", "labels"),
    [
        ((FIRST,), TOLD, IDLE),
        ((FIRST,), TOLD, PENDING),
        ((FIRST, SECOND), TOLD, PENDING),
        ((FIRST, SECOND), TOLD_NEW, MOVED),
    ],
)
def test_nothing_is_ended_that_was_not_begun(ids, current, labels):
    """What the secret tells must be the newer one before the older one goes."""
    with pytest.raises(ResourceError, match="step: begin comes first"):
        run("finish", looked(*ids, current=current, **labels))


def test_what_a_version_tells():
    assert parsed(as_text(CREDENTIALS, OLD)) == {**CREDENTIALS, "client_secret": OLD}
    assert json.loads(as_text(CREDENTIALS, OLD)).keys() == {"client_id", "client_secret", "token_url", "scopes"}


def test_all_versions_are_looked_through_before_one_is_made_again():
    request = {**SECRET, "IncludeDeprecated": True, "MaxResults": 100}
    aws = ScriptedAws(
        Step("ListSecretVersionIds", {"Versions": [{"VersionId": TOLD}], "NextToken": "more"}, request),
        Step("ListSecretVersionIds", {"Versions": [{"VersionId": PROPOSED}]}, {**request, "NextToken": "more"}),
    )
    found = SecretVersions(ScriptedModule(aws, {}), SECRET["SecretId"]).listed(deprecated=True)
    assert [version["VersionId"] for version in found] == [TOLD, PROPOSED]
    aws.assert_done()
