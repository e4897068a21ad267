# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment of AppConfig."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.appconfig_environment import Environment
from tests.support.scripted_aws import Step, api_error, refuse_resource, run_resource

NAME = "demo-dev"
PARAMS = {
    "application_id": "abc1234",
    "name": NAME,
    "description": None,
    "monitors": None,
    "deletion_protection_check": None,
}
IT = {"ApplicationId": "abc1234", "EnvironmentId": "def5678"}
ARN = "arn:aws:appconfig:us-west-2:123456789012:application/abc1234/environment/def5678"
CALLER = Step("GetCallerIdentity", {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/someone"}, {})
SUMMARY = {"ApplicationId": "abc1234", "Id": "def5678", "Name": NAME, "State": "READY_FOR_DEPLOYMENT"}
NONE = Step("ListEnvironments", {"Items": []}, {"ApplicationId": "abc1234"})
ALARM = {
    "AlarmArn": "arn:aws:cloudwatch:us-west-2:123456789012:alarm:errors",
    "AlarmRoleArn": "arn:aws:iam::123456789012:role/alarms",
}
DECLARED = {"alarm_arn": ALARM["AlarmArn"], "alarm_role_arn": ALARM["AlarmRoleArn"]}


def seen(first=True, tags=None, **members):
    return [
        Step("ListEnvironments", {"Items": [SUMMARY]}, {"ApplicationId": "abc1234"}),
        *([CALLER] if first else []),
        Step("GetEnvironment", {**SUMMARY, **members}, IT),
        Step("ListTagsForResource", {"Tags": tags or {}}, {"ResourceArn": ARN}),
    ]


def deployments(*states):
    items = [{"DeploymentNumber": number, "State": state} for number, state in enumerate(states, 1)]
    return Step("ListDeployments", {"Items": items[::-1]}, IT)


def run(params, *steps, **kwargs):
    return run_resource(Environment, {**PARAMS, **params}, *steps, **kwargs)


def test_create():
    request = {"ApplicationId": "abc1234", "Name": NAME, "Monitors": [ALARM], "Tags": {"A": "1"}}
    result, _aws, _module = run(
        {"description": "", "monitors": [DECLARED], "tags": {"A": "1"}},
        NONE,
        Step("CreateEnvironment", SUMMARY, request),
        *seen(tags={"A": "1"}, Monitors=[ALARM]),
    )
    assert result["changed"] is True
    assert result["environment"]["id"] == "def5678"
    assert result["environment"]["monitors"] == [DECLARED]


def test_in_a_dry_run_the_application_may_not_be_known_yet():
    result, _aws, _module = run({"application_id": "(known after apply)", "monitors": []}, check_mode=True)
    assert result["changed"] is True


def test_alarms_are_changed_and_taken_away():
    result, _aws, _module = run(
        {"monitors": [DECLARED]},
        *seen(),
        Step("UpdateEnvironment", {}, {**IT, "Monitors": [ALARM]}),
        *seen(first=False, Monitors=[ALARM]),
        *seen(first=False, Monitors=[ALARM]),
    )
    assert result["changed"] is True
    _result, aws, _module = run(
        {"monitors": []},
        *seen(Monitors=[ALARM]),
        Step("UpdateEnvironment", {}, {**IT, "Monitors": []}),
        *seen(first=False),
        *seen(first=False),
    )
    assert "UpdateEnvironment" in aws.operations()


def test_one_that_has_lost_a_tag_gets_it_back():
    _result, aws, _module = run(
        {"tags": {"A": "1", "B": "2"}, "owned_by": {"A": "1", "B": "2"}},
        *seen(tags={"A": "1"}),
        Step("TagResource", {}, {"ResourceArn": ARN, "Tags": {"B": "2"}}),
        *seen(first=False, tags={"A": "1", "B": "2"}),
    )
    assert "TagResource" in aws.operations()


@pytest.mark.parametrize("check", [None, "BYPASS"])
def test_delete(check):
    request = {**IT, **({"DeletionProtectionCheck": check} if check else {})}
    result, _aws, _module = run(
        {"state": "absent", "deletion_protection_check": check},
        *seen(),
        deployments("ROLLED_BACK", "COMPLETE"),
        Step("DeleteEnvironment", {}, request),
        NONE,
    )
    assert result["changed"] is True


def test_a_deployment_that_is_under_way_is_stopped_first():
    _result, aws, _module = run(
        {"state": "absent"},
        *seen(),
        deployments("COMPLETE", "BAKING"),
        Step("StopDeployment", {}, {**IT, "DeploymentNumber": 2, "AllowRevert": True}),
        deployments("COMPLETE", "ROLLING_BACK"),
        deployments("COMPLETE", "ROLLED_BACK"),
        Step("DeleteEnvironment", {}, IT),
        NONE,
    )
    assert aws.operations().count("StopDeployment") == 1


def test_a_deployment_that_doesnt_end():
    text = refuse_resource(
        Environment,
        {**PARAMS, "state": "absent", "wait_timeout": 1},
        *seen(),
        deployments("VALIDATING"),
        deployments("VALIDATING"),
    )
    assert "Deployment 1 to AppConfig environment 'demo-dev' of 'abc1234' is still VALIDATING after 1 s" in text


def test_one_that_clients_have_read_from():
    said = "Deletion protection is enabled and the resource has been recently accessed."
    text = refuse_resource(
        Environment,
        {**PARAMS, "state": "absent"},
        *seen(),
        deployments(),
        Step("DeleteEnvironment", api_error("DeleteEnvironment", "BadRequestException", said)),
    )
    assert "Give deletion_protection_check: BYPASS if it shall really go." in text


def test_of_an_application_that_is_gone_nothing_is_left():
    gone = api_error("ListEnvironments", "ResourceNotFoundException", status=404)
    result, _aws, _module = run({"state": "absent"}, Step("ListEnvironments", gone))
    assert result["changed"] is False
