# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation of the token: each step is decided by what there is, and none comes too early or twice."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import elasticache_token_rotation as module
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, lost_reply

NAME, SECRET = {"ReplicationGroupId": "demo-redis"}, {"SecretId": "demo/redis"}
A, B = "a" * 32, "b" * 32
TOKEN = "N3w" * 10
DEFAULTS = {name: option.get("default") for name, option in argument_spec(module.DOCUMENTATION).items()}


def at(hour):
    return datetime.datetime(2026, 11, 29, hour, tzinfo=datetime.UTC)


def group(changed=2, status="available", **members):
    found = {**NAME, "Status": status, "AuthTokenEnabled": True, "AuthTokenLastModifiedDate": at(changed), **members}
    return Step("DescribeReplicationGroups", {"ReplicationGroups": [found]}, NAME)


def versions(**stages):
    """The versions with their labels; a was made at one o'clock, b at three."""
    made = {A: 1, B: 3}
    found = [
        {"VersionId": {"a": A, "b": B}[name], "VersionStages": labels, "CreatedDate": at(made[{"a": A, "b": B}[name]])}
        for name, labels in stages.items()
    ]
    arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo/redis-AbCdEf"
    return [Step("ListSecretVersionIds", {"ARN": arn, "Name": "demo/redis", "Versions": found}, SECRET)] * 2


def once(**stages):
    return versions(**stages)[:1]


IDLE = {"a": ["AWSCURRENT"]}
PROPOSED = {"a": ["AWSCURRENT"], "b": ["AWSPENDING"]}
MOVED = {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT", "AWSPENDING"]}
MOVE = Step(
    "UpdateSecretVersionStage",
    {},
    {**SECRET, "VersionStage": "AWSCURRENT", "MoveToVersionId": B, "RemoveFromVersionId": A},
)
DROP = Step("UpdateSecretVersionStage", {}, {**SECRET, "VersionStage": "AWSPENDING", "RemoveFromVersionId": B})
VALUE = Step("GetSecretValue", {"SecretString": TOKEN}, {**SECRET, "VersionId": B})
RANDOM = Step(
    "GetRandomPassword",
    {"RandomPassword": TOKEN},
    {"PasswordLength": 64, "ExcludePunctuation": True, "RequireEachIncludedType": True},
)


def put(answer=None):
    def check(request):
        assert (request["SecretString"], request["VersionStages"]) == (TOKEN, ["AWSPENDING"])

    return Step("PutSecretValue", answer or {}, check)


def sent(strategy, answer=None):
    request = {**NAME, "AuthToken": TOKEN, "AuthTokenUpdateStrategy": strategy, "ApplyImmediately": True}
    return Step("ModifyReplicationGroup", answer or {}, request)


def run(step, *steps, check_mode=False):
    aws = ScriptedAws(*steps)
    params = {**DEFAULTS, "name": "demo-redis", "secret_id": "demo/redis", "step": step}
    scripted = ScriptedModule(aws, params, check_mode)
    result = module.TokenRotation(scripted).run()
    aws.assert_done()
    assert TOKEN not in json.dumps(result)
    return result, aws, scripted


# ---- begin


def test_the_secret_tells_the_new_token_when_it_is_let_in():
    result, _aws, scripted = run(
        "begin",
        group(),
        group(),
        *versions(**IDLE),
        RANDOM,
        put(),
        group(),
        group(),
        *versions(**PROPOSED),
        VALUE,
        sent("ROTATE"),
        group(status="modifying"),
        group(PendingModifiedValues={"AuthTokenStatus": "ROTATING"}),
        group(4),
        group(4),
        MOVE,
    )
    assert result == {"changed": True, "version_id": B, "resumed": False}
    assert TOKEN in scripted.no_log_values


def test_a_token_that_was_proposed_and_not_let_in_yet_is_gone_on_with():
    result, aws, _scripted = run(
        "begin", group(), group(), *versions(**PROPOSED), VALUE, sent("ROTATE"), group(4), group(4), MOVE
    )
    assert result == {"changed": True, "version_id": B, "resumed": True}
    assert "PutSecretValue" not in aws.operations()


def test_one_that_is_let_in_is_not_sent_again():
    """ROTATE twice would shut out the old one, which the secret still tells."""
    result, aws, _scripted = run("begin", group(4), group(4), *versions(**PROPOSED), MOVE)
    assert result["changed"] is True
    assert "ModifyReplicationGroup" not in aws.operations()


def test_while_it_is_being_let_in_nothing_is_done():
    _result, aws, _scripted = run(
        "begin",
        group(status="modifying"),
        group(4, status="modifying"),
        group(4),
        *versions(**PROPOSED),
        MOVE,
    )
    assert "ModifyReplicationGroup" not in aws.operations()


def test_what_the_secret_tells_already_is_no_change():
    result, _aws, _scripted = run("begin", group(4), group(4), *versions(**MOVED))
    assert result == {"changed": False, "version_id": B, "resumed": True}


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (lost_reply(), True),
        (api_error("PutSecretValue", "ResourceExistsException", "You can't modify an existing version"), False),
    ],
)
def test_no_second_new_token_is_made(answer, lost):
    """After a lost reply, or where another run was first: both propose the same version."""
    result, aws, _scripted = run(
        "begin",
        group(),
        group(),
        *versions(**IDLE),
        RANDOM,
        put(answer),
        group(4),
        group(4),
        *versions(**PROPOSED),
        MOVE,
    )
    assert (result["version_id"], result["resumed"]) == (B, lost)
    assert len([name for name in aws.operations() if name == "PutSecretValue"]) == 1


def test_two_runs_at_once_propose_the_same_version():
    tokens = []

    def note(request):
        tokens.append(request["ClientRequestToken"])

    for _time in range(2):
        run(
            "begin",
            group(),
            group(),
            *versions(**IDLE),
            RANDOM,
            Step("PutSecretValue", {}, note),
            group(4),
            group(4),
            *versions(**PROPOSED),
            MOVE,
        )
    assert tokens[0] == tokens[1]


def test_a_lost_reply_of_rotate_is_looked_at_before_it_is_repeated():
    _result, aws, _scripted = run(
        "begin",
        group(),
        group(),
        *versions(**PROPOSED),
        VALUE,
        sent("ROTATE", lost_reply()),
        group(4),
        group(4),
        *versions(**PROPOSED),
        MOVE,
    )
    assert aws.operations().count("ModifyReplicationGroup") == 1


@pytest.mark.parametrize(
    ("found", "labels", "part"),
    [
        ({"AuthTokenEnabled": False}, IDLE, "has no AUTH token"),
        ({"AuthTokenLastModifiedDate": at(0)}, IDLE, "doesn't have the token of secret 'demo/redis' yet"),
        ({}, {"a": ["AWSCURRENT", "agent-platform-only"]}, "doesn't have the token"),
    ],
)
def test_what_has_to_be_mended_first(found, labels, part):
    steps = [group(**found), *([group(**found), *versions(**labels)] if "AuthTokenEnabled" not in found else [])]
    with pytest.raises(ResourceError, match=part):
        run("begin", *steps)


def test_a_group_that_does_not_exist():
    missing = api_error("DescribeReplicationGroups", "ReplicationGroupNotFoundFault", "no", 404)
    with pytest.raises(ResourceError, match="There is no replication group 'demo-redis'"):
        run("begin", Step("DescribeReplicationGroups", missing))


@pytest.mark.parametrize(("labels", "changed"), [(IDLE, True), (PROPOSED, True), (MOVED, False)])
def test_a_dry_run_only_tells(labels, changed):
    result, aws, _scripted = run("begin", group(4), *versions(**labels), check_mode=True)
    assert result["changed"] is changed
    assert aws.operations() == ["DescribeReplicationGroups", "ListSecretVersionIds", "ListSecretVersionIds"]


# ---- finish


def test_the_new_token_is_left_alone():
    result, _aws, _scripted = run(
        "finish", group(4), group(4), *once(**MOVED), VALUE, sent("SET"), group(5, status="modifying"), group(5), DROP
    )
    assert result == {"changed": True, "version_id": B, "resumed": True}


def test_a_run_before_may_have_left_it_alone_already():
    """ElastiCache takes SET only after ROTATE."""
    refused = api_error("ModifyReplicationGroup", "InvalidParameterValue", "The SET strategy is allowed after ROTATE")
    _result, aws, _scripted = run(
        "finish",
        group(5),
        group(5),
        *once(**MOVED),
        VALUE,
        sent("SET", refused),
        sent("ROTATE"),
        group(6),
        sent("SET"),
        group(7),
        DROP,
    )
    assert aws.operations()[-1] == "UpdateSecretVersionStage"


def test_a_lost_reply_of_the_last_label_is_the_end():
    lost = Step("UpdateSecretVersionStage", lost_reply())
    result, _aws, _scripted = run(
        "finish",
        group(4),
        group(4),
        *once(**MOVED),
        VALUE,
        sent("SET"),
        group(5),
        lost,
        group(5),
        group(5),
        *once(a=["AWSPREVIOUS"], b=["AWSCURRENT"]),
    )
    assert result["changed"] is True


@pytest.mark.parametrize("labels", [IDLE, PROPOSED])
def test_nothing_is_ended_that_was_not_begun(labels):
    with pytest.raises(ResourceError, match="step: begin comes first"):
        run("finish", group(4), group(4), *once(**labels))


def test_other_refusals_are_told():
    denied = api_error("ModifyReplicationGroup", "AccessDenied", "no", 403)
    with pytest.raises(ResourceError, match="Allow elasticache:ModifyReplicationGroup"):
        run("finish", group(4), group(4), *once(**MOVED), VALUE, sent("SET", denied))
