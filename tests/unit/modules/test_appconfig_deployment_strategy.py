# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deployment strategy of AppConfig."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.modules.appconfig_deployment_strategy import DeploymentStrategy
from tests.support.scripted_aws import Step, lost_reply, refuse_resource, run_resource

NAME = "demo-feature-flags"
PARAMS = {
    "name": NAME,
    "description": None,
    "deployment_duration_in_minutes": None,
    "growth_type": None,
    "growth_factor": None,
    "final_bake_time_in_minutes": None,
}
IT = {"DeploymentStrategyId": "jkl3456"}
ARN = "arn:aws:appconfig:us-west-2:123456789012:deploymentstrategy/jkl3456"
CALLER = Step("GetCallerIdentity", {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/someone"}, {})
SET = {
    "DeploymentDurationInMinutes": 0,
    "GrowthType": "LINEAR",
    "GrowthFactor": 20.0,
    "FinalBakeTimeInMinutes": 10,
}
DECLARED = {
    "deployment_duration_in_minutes": 0,
    "growth_type": "LINEAR",
    "growth_factor": 20.0,
    "final_bake_time_in_minutes": 10,
}
FOUND = {"Id": "jkl3456", "Name": NAME, "ReplicateTo": "NONE", **SET}
OF_AWS = {"Id": "AppConfig.AllAtOnce", "Name": "AppConfig.AllAtOnce"}
NONE = Step("ListDeploymentStrategies", {"Items": [OF_AWS]}, {})


def seen(first=True, **members):
    return [
        Step("ListDeploymentStrategies", {"Items": [{**FOUND, **members}, OF_AWS]}, {}),
        *([CALLER] if first else []),
        Step("ListTagsForResource", {"Tags": {}}, {"ResourceArn": ARN}),
    ]


def run(params, *steps, **kwargs):
    return run_resource(DeploymentStrategy, {**PARAMS, **params}, *steps, **kwargs)


def test_create():
    result, _aws, _module = run(
        DECLARED,
        NONE,
        Step("CreateDeploymentStrategy", FOUND, {"Name": NAME, "ReplicateTo": "NONE", **SET}),
        *seen(),
    )
    assert result["changed"] is True
    assert result["deployment_strategy"]["id"] == "jkl3456"


def test_second_run_changes_nothing():
    result, _aws, _module = run(DECLARED, *seen())
    assert result["changed"] is False


def test_what_it_needs():
    text = refuse_resource(DeploymentStrategy, {**PARAMS, "growth_factor": 20.0}, NONE)
    assert "to create it deployment_duration_in_minutes must be given" in text


def test_numbers():
    result, _aws, _module = run(
        {**DECLARED, "growth_factor": 10.0},
        *seen(),
        Step("UpdateDeploymentStrategy", {}, {**IT, "GrowthFactor": 10.0}),
        *seen(first=False, GrowthFactor=10.0),
        *seen(first=False, GrowthFactor=10.0),
    )
    assert result["deployment_strategy"]["growth_factor"] == 10.0


def test_a_lost_reply_makes_no_second_one():
    result, aws, _module = run(
        DECLARED,
        NONE,
        Step("CreateDeploymentStrategy", lost_reply()),
        NONE,
        *seen(),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateDeploymentStrategy") == 1


def test_delete():
    result, _aws, _module = run({"state": "absent"}, *seen(), Step("DeleteDeploymentStrategy", {}, IT), NONE)
    assert result["changed"] is True
