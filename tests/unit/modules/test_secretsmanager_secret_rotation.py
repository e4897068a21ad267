# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation of a value: each step is decided by the labels that there are, and no second new value is made."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import secretsmanager_secret_rotation as module
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, lost_reply

SECRET = {"SecretId": "demo"}
A, B, C = "a" * 32, "b" * 32, "c" * 32
IDS = {"a": A, "b": B, "c": C}
VALUE = "N3w" * 10
DEFAULTS = {name: option.get("default") for name, option in argument_spec(module.DOCUMENTATION).items()}


def versions(given=None, **stages):
    found = [
        {"VersionId": IDS[name], "CreatedDate": datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)}
        | ({"VersionStages": labels} if labels else {})
        for name, labels in stages.items()
    ]
    arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo-AbCdEf"
    return Step("ListSecretVersionIds", {"ARN": arn, "Name": "demo", "Versions": found}, {**SECRET, **(given or {})})


def looked(**stages):
    return [versions(**stages)] * 2


def every(**stages):
    return versions({"IncludeDeprecated": True, "MaxResults": 100}, **stages)


IDLE = {"a": ["AWSCURRENT"]}
PROPOSED = {"a": ["AWSCURRENT"], "b": ["AWSPENDING"]}
MOVED = {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT", "AWSPENDING"]}
DONE = {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT"]}
MOVE = Step(
    "UpdateSecretVersionStage",
    {},
    {**SECRET, "VersionStage": "AWSCURRENT", "MoveToVersionId": B, "RemoveFromVersionId": A},
)
DROP = Step("UpdateSecretVersionStage", {}, {**SECRET, "VersionStage": "AWSPENDING", "RemoveFromVersionId": B})
RANDOM = Step(
    "GetRandomPassword",
    {"RandomPassword": VALUE},
    {"PasswordLength": 32, "ExcludePunctuation": True, "RequireEachIncludedType": True},
)


def put(answer=None, notes=None):
    def check(request):
        assert (request["SecretString"], request["VersionStages"]) == (VALUE, ["AWSPENDING"])
        if notes is not None:
            notes.append(request["ClientRequestToken"])

    return Step("PutSecretValue", answer or {}, check)


def run(step, *steps, check_mode=False, **params):
    aws = ScriptedAws(*steps)
    scripted = ScriptedModule(aws, {**DEFAULTS, "secret_id": "demo", "step": step, **params}, check_mode)
    result = module.ValueRotation(scripted).run()
    aws.assert_done()
    assert VALUE not in json.dumps(result)
    return result, aws, scripted


def test_the_secret_tells_a_new_value_and_that_it_is_on_its_way():
    result, _aws, scripted = run("begin", *looked(**IDLE), every(**IDLE), RANDOM, put(), *looked(**PROPOSED), MOVE)
    assert result == {"changed": True, "version_id": B, "resumed": False}
    assert VALUE in scripted.no_log_values


@pytest.mark.parametrize(("labels", "steps"), [(PROPOSED, [MOVE]), (MOVED, [])])
def test_a_rotation_under_way_is_gone_on_with(labels, steps):
    result, _aws, _scripted = run("begin", *looked(**labels), *steps)
    assert result == {"changed": bool(steps), "version_id": B, "resumed": True}


@pytest.mark.parametrize(
    "answer", [lost_reply(), api_error("PutSecretValue", "ResourceExistsException", "You can't modify it")]
)
def test_no_second_new_value_is_made(answer):
    """After a lost reply, or where another run was first."""
    _result, aws, _scripted = run(
        "begin", *looked(**IDLE), every(**IDLE), RANDOM, put(answer), *looked(**PROPOSED), MOVE
    )
    assert aws.operations().count("PutSecretValue") == 1


def test_two_runs_at_once_name_the_same_version_and_a_later_rotation_another():
    notes = []
    for stages in (IDLE, IDLE, {"c": ["AWSCURRENT"]}):
        steps = [*looked(**stages), every(**stages), RANDOM, put(notes=notes)]
        run("begin", *steps, *looked(**MOVED))
    assert notes[0] == notes[1] != notes[2]


def test_the_version_of_a_value_that_was_given_up_is_not_named_again(monkeypatch):
    notes = []
    run("begin", *looked(**IDLE), every(**IDLE), RANDOM, put(notes=notes), *looked(**MOVED))
    monkeypatch.setitem(IDS, "b", notes[0])
    monkeypatch.setitem(IDS, "c", "d" * 32)
    given_up = {**IDLE, "b": []}
    run("begin", *looked(**IDLE), every(**given_up), RANDOM, put(notes=notes), *looked(c=["AWSCURRENT", "AWSPENDING"]))
    assert notes[0] != notes[1]


def test_a_label_that_someone_takes_away_is_an_error():
    with pytest.raises(ResourceError, match="has lost its label AWSPENDING"):
        run("begin", *looked(**IDLE), every(**IDLE), RANDOM, put(), *looked(**IDLE))


@pytest.mark.parametrize(("labels", "changed"), [(IDLE, True), (PROPOSED, True), (MOVED, False)])
def test_a_dry_run_only_tells(labels, changed):
    result, aws, _scripted = run("begin", *looked(**labels), check_mode=True)
    assert result["changed"] is changed
    assert set(aws.operations()) == {"ListSecretVersionIds"}


def test_at_the_end_the_label_goes():
    result, _aws, _scripted = run("finish", versions(**MOVED), DROP)
    assert result == {"changed": True, "version_id": B, "resumed": True}
    result, _aws, _scripted = run("finish", versions(**MOVED), check_mode=True)
    assert result["changed"]


def test_an_end_twice_is_no_change():
    result, _aws, _scripted = run("finish", versions(**DONE))
    assert not result["changed"]


def test_the_end_does_not_come_first():
    with pytest.raises(ResourceError, match="step: begin comes first"):
        run("finish", versions(**PROPOSED))


def test_a_secret_without_a_value_has_none_to_replace():
    with pytest.raises(ResourceError, match="has no value"):
        run("begin", versions())


@pytest.mark.parametrize("length", [7, 4097])
def test_a_length_that_is_none(length):
    with pytest.raises(ResourceError, match=f"length is {length}; give 8 to 4096"):
        run("begin", *looked(**IDLE), length=length)
