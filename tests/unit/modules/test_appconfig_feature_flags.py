# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Feature flags: what is deployed, what is made of it, and how a deployment is begun, waited for and told of."""

from __future__ import annotations

import io
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.appconfig_feature_flags import FeatureFlags
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

ENVIRONMENT = {"ApplicationId": "abc1234", "EnvironmentId": "def5678"}
PROFILE = {"ConfigurationProfileId": "ghi9012"}
HOSTED = {"ApplicationId": "abc1234", **PROFILE}
PARAMS = {
    "application_id": "abc1234",
    "environment_id": "def5678",
    "configuration_profile_id": "ghi9012",
    "deployment_strategy_id": "jkl3456",
    "initial_deployment_strategy_id": "AppConfig.AllAtOnce",
    "kms_key_identifier": None,
    "flags": [{"key": "cache", "enabled": False, "description": None, "attributes": None}],
    "manage_values": False,
    "purge_flags": False,
}


def document(enabled=False, **more):
    flags = {"cache": {"name": "cache"}, **{key: {"name": key} for key in more}}
    return {"version": "1", "flags": flags, "values": {"cache": {"enabled": enabled}, **more}}


WANTED = document()


def deployment(number=1, state="COMPLETE", version="1", **more):
    return {"DeploymentNumber": number, "State": state, "ConfigurationVersion": version, **PROFILE, **more}


def deployments(*found):
    return Step("ListDeployments", {"Items": list(found)}, ENVIRONMENT)


def content(version, held):
    """The reading of a version; None stands for one that was deleted."""
    request = {**HOSTED, "VersionNumber": version}
    if held is None:
        gone = api_error("GetHostedConfigurationVersion", "ResourceNotFoundException", status=404)
        return Step("GetHostedConfigurationVersion", gone, request)
    stream = io.BytesIO(json.dumps(held).encode())
    return Step("GetHostedConfigurationVersion", {"Content": stream, "VersionNumber": version}, request)


def versions(*numbers, **labels):
    items = [{"VersionNumber": number} for number in numbers]
    items += [{"VersionNumber": number, "VersionLabel": label} for label, number in labels.items()]
    return Step("ListHostedConfigurationVersions", {"Items": items}, HOSTED)


def made(number, held, latest=None):
    """A new version with that document."""

    def check(request):
        assert json.loads(request.pop("Content")) == held
        locked = {} if latest is None else {"LatestVersionNumber": latest}
        about = {"ContentType": "application/json", "Description": "Flags as declared"}
        assert request == {**HOSTED, **about, **locked}

    return Step("CreateHostedConfigurationVersion", {"VersionNumber": number}, check)


def started(number, version, strategy="jkl3456", answer=None, **more):
    request = {
        **ENVIRONMENT,
        **PROFILE,
        "ConfigurationVersion": version,
        "DeploymentStrategyId": strategy,
        "Description": "Flags as declared",
        **({"LatestDeploymentNumber": number - 1} if number > 1 else {}),
        **more,
    }
    return Step("StartDeployment", {"DeploymentNumber": number} if answer is None else answer, request)


def look(number, state, **more):
    return Step("GetDeployment", deployment(number, state, **more), {**ENVIRONMENT, "DeploymentNumber": number})


def run(params, *steps, **kwargs):
    return run_resource(FeatureFlags, {**PARAMS, **params}, *steps, **kwargs)


def test_the_first_deployment_reaches_all_at_once():
    result, _aws, _module = run(
        {"kms_key_identifier": "key"},
        deployments(),
        versions(),
        made(1, WANTED),
        started(1, "1", "AppConfig.AllAtOnce", KmsKeyIdentifier="key"),
        deployments(deployment(1, "BAKING")),
        content(1, WANTED),
        look(1, "BAKING"),
        look(1, "BAKING"),
    )
    assert result == {
        **result,
        "changed": True,
        "configuration_version": "1",
        "deployment_number": 1,
        "flags": WANTED["flags"],
        "flag_values": WANTED["values"],
    }
    assert result["diff"]["before"]["flags"] == {}


def test_second_run_changes_nothing_though_appconfig_has_written_times():
    timed = document()
    timed["flags"]["cache"]["_createdAt"] = timed["values"]["cache"]["_updatedAt"] = "2026-11-29T07:00:00Z"
    result, _aws, _module = run({}, deployments(deployment(7, version="3")), content(3, timed))
    assert (result["changed"], result["configuration_version"]) == (False, "3")
    assert result["diff"]["before"] == result["diff"]["after"]


def test_what_operators_have_switched_stays():
    result, _aws, _module = run({}, deployments(deployment()), content(1, document(enabled=True)))
    assert result["changed"] is False
    assert result["flag_values"] == {"cache": {"enabled": True}}


def test_values_of_the_inventory_win_where_that_is_asked_for():
    result, _aws, _module = run(
        {"manage_values": True},
        deployments(deployment()),
        content(1, document(enabled=True)),
        versions(1),
        content(1, document(enabled=True)),
        made(2, WANTED, latest=1),
        started(2, "2"),
        deployments(deployment(2, "DEPLOYING", "2"), deployment()),
        content(2, WANTED),
        look(2, "DEPLOYING"),
        look(2, "DEPLOYING"),
        look(2, "BAKING"),
    )
    assert result["diff"]["before"]["values"] == {"cache": {"enabled": True}}
    assert result["diff"]["after"]["values"] == {"cache": {"enabled": False}}


def test_what_was_rolled_back_or_reverted_is_not_what_clients_have():
    theirs = {**deployment(4, version="9"), "ConfigurationProfileId": "others1"}
    result, _aws, _module = run(
        {},
        deployments(theirs, deployment(3, "REVERTED", "3"), deployment(2, "ROLLED_BACK", "2"), deployment()),
        content(1, WANTED),
    )
    assert result["deployment_number"] == 1


def test_a_version_that_an_interrupted_run_has_made_is_used():
    _result, aws, _module = run(
        {},
        deployments(),
        versions(2, 1),
        content(2, WANTED),
        started(1, "2", "AppConfig.AllAtOnce"),
        deployments(deployment(1, "COMPLETE", "2")),
        content(2, WANTED),
        look(1, "COMPLETE"),
        look(1, "COMPLETE"),
    )
    assert "CreateHostedConfigurationVersion" not in aws.operations()


def test_a_version_that_is_deployed_by_its_label():
    result, _aws, _module = run(
        {}, deployments(deployment(version="v1.2")), versions(1, **{"v1.2": 3}), content(3, WANTED)
    )
    assert result["changed"] is False


def test_an_environment_that_is_new_gets_what_operators_have_switched():
    switched = document(enabled=True)
    result, aws, _module = run(
        {},
        deployments(),
        versions(4, 3),
        content(4, switched),
        started(1, "4", "AppConfig.AllAtOnce"),
        deployments(deployment(1, "BAKING", "4")),
        content(4, switched),
        look(1, "BAKING"),
        look(1, "BAKING"),
    )
    assert result["flag_values"] == {"cache": {"enabled": True}}
    assert "CreateHostedConfigurationVersion" not in aws.operations()


def test_a_deployed_version_that_was_deleted():
    switched = document(enabled=True)
    result, _aws, module = run(
        {},
        deployments(deployment(version="2")),
        content(2, None),
        versions(1),
        content(1, switched),
        started(2, "1"),
        deployments(deployment(2, version="1")),
        content(1, switched),
        look(2, "COMPLETE"),
        look(2, "COMPLETE"),
    )
    assert result["changed"] is True
    assert "version 2, which is deployed, was deleted" in module.warnings[0]


def test_without_flags_there_is_nothing_to_deploy():
    result, _aws, _module = run({"flags": []}, deployments())
    assert result == {**result, "changed": False, "deployment_number": None}


def test_flags_that_arent_declared_stay_or_go():
    both = document(theirs={"enabled": True})
    result, _aws, _module = run({}, deployments(deployment()), content(1, both))
    assert result["changed"] is False
    result, _aws, _module = run({"purge_flags": True}, deployments(deployment()), content(1, both), check_mode=True)
    assert result["changed"] is True
    assert list(result["flags"]) == ["cache"]


def test_a_dry_run_tells_and_writes_nothing():
    result, _aws, _module = run({}, deployments(), versions(), check_mode=True)
    assert (result["changed"], result["configuration_version"]) == (True, None)
    # Nothing of it is there yet.
    unknown = dict.fromkeys(("application_id", "environment_id", "configuration_profile_id"), "(known after apply)")
    result, _aws, _module = run(unknown, check_mode=True)
    assert result["changed"] is True


def test_a_deployment_that_is_under_way_is_waited_for():
    """And what it deploys counts: someone has switched the flag meanwhile."""
    theirs = deployment(2, "DEPLOYING", "2", DeploymentDurationInMinutes=10, FinalBakeTimeInMinutes=10)
    result, aws, _module = run(
        {"flags": [*PARAMS["flags"], {"key": "new", "enabled": True}]},
        deployments(theirs, deployment()),
        content(2, document(enabled=True)),
        look(2, "DEPLOYING"),
        look(2, "BAKING"),
        look(2, "COMPLETE"),
        deployments(deployment(2, version="2"), deployment()),
        content(2, document(enabled=True)),
        versions(2, 1),
        content(2, document(enabled=True)),
        made(3, document(enabled=True, new={"enabled": True}), latest=2),
        started(3, "3"),
        deployments(deployment(3, "BAKING", "3")),
        content(3, document(enabled=True, new={"enabled": True})),
        look(3, "BAKING"),
        look(3, "BAKING"),
    )
    assert result["flag_values"]["cache"] == {"enabled": True}
    assert aws.operations().count("StartDeployment") == 1


@pytest.mark.parametrize("params", [{"wait": False}, {"wait_timeout": 1}])
def test_a_deployment_that_is_under_way_for_too_long(params):
    theirs = deployment(2, "DEPLOYING", "2", ConfigurationName="limits", PercentageComplete=20.0)
    theirs |= {"ConfigurationProfileId": "others1"}
    looks = [] if "wait" in params else [Step("GetDeployment", theirs), Step("GetDeployment", theirs)]
    text = refuse_resource(FeatureFlags, {**PARAMS, **params}, deployments(theirs), versions(), *looks)
    assert "deployment 2 of 'limits' to the environment is DEPLOYING at 20 %" in text
    assert "Run again when it is over, or stop it." in text


def test_a_deployment_that_is_rolled_back():
    events = [
        {"Description": "Rolled back", "EventType": "ROLLBACK_COMPLETED"},
        {"Description": "Rollback initiated by arn:aws:cloudwatch:alarm", "EventType": "ROLLBACK_STARTED"},
    ]
    text = refuse_resource(
        FeatureFlags,
        PARAMS,
        deployments(),
        versions(),
        made(1, WANTED),
        started(1, "1", "AppConfig.AllAtOnce"),
        deployments(deployment(1, "DEPLOYING")),
        content(1, WANTED),
        look(1, "DEPLOYING"),
        look(1, "DEPLOYING"),
        look(1, "ROLLED_BACK", EventLog=events),
    )
    assert "Deployment 1 of the feature flags of profile 'ghi9012' in environment 'def5678' is ROLLED_BACK" in text
    assert "AppConfig says: Rollback initiated by arn:aws:cloudwatch:alarm; Rolled back." in text


def test_one_that_is_rolled_back_before_it_is_seen_is_not_begun_again():
    text = refuse_resource(
        FeatureFlags,
        PARAMS,
        deployments(),
        versions(),
        made(1, WANTED),
        started(1, "1", "AppConfig.AllAtOnce"),
        deployments(deployment(1, "ROLLED_BACK")),
        look(1, "ROLLED_BACK"),
    )
    assert "is ROLLED_BACK; clients have what they had before. AppConfig says: nothing." in text


def test_a_deployment_that_takes_too_long():
    text = refuse_resource(
        FeatureFlags,
        {**PARAMS, "wait_timeout": 1},
        deployments(),
        versions(),
        made(1, WANTED),
        started(1, "1", "AppConfig.AllAtOnce"),
        deployments(deployment(1, "DEPLOYING")),
        content(1, WANTED),
        look(1, "DEPLOYING"),
        look(1, "DEPLOYING", PercentageComplete=40.0),
        look(1, "DEPLOYING", PercentageComplete=40.0),
    )
    assert "is still DEPLOYING at 40 %. It goes on by itself; look at it, or run again." in text


def test_lost_replies_make_and_deploy_nothing_twice():
    result, aws, _module = run(
        {},
        deployments(),
        versions(),
        Step("CreateHostedConfigurationVersion", lost_reply()),
        deployments(),
        versions(1),
        content(1, WANTED),
        started(1, "1", "AppConfig.AllAtOnce", lost_reply()),
        deployments(deployment(1, "DEPLOYING")),
        content(1, WANTED),
        look(1, "DEPLOYING"),
        look(1, "COMPLETE"),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateHostedConfigurationVersion") == 1
    assert aws.operations().count("StartDeployment") == 1


def test_another_run_was_quicker():
    conflict = "Expected latest version 0 does not match actual latest version 1"
    result, _aws, _module = run(
        {},
        deployments(),
        versions(),
        Step("CreateHostedConfigurationVersion", api_error("Create", "ConflictException", conflict, 409)),
        deployments(),
        versions(1),
        content(1, WANTED),
        started(1, "1", "AppConfig.AllAtOnce", api_error("StartDeployment", "ConflictException", "exists", 409)),
        deployments(deployment(1, "BAKING")),
        content(1, WANTED),
        look(1, "BAKING"),
        look(1, "BAKING"),
    )
    assert result["deployment_number"] == 1


def test_what_appconfig_finds_wrong_in_the_document_is_told():
    error = api_error("CreateHostedConfigurationVersion", "BadRequestException", "Error running validators")
    error.response["Details"] = {"InvalidConfiguration": [{"Location": "values.cache", "Reason": "is not an object"}]}
    text = refuse_resource(
        FeatureFlags, PARAMS, deployments(), versions(), Step("CreateHostedConfigurationVersion", error)
    )
    assert "In the document: values.cache is not an object." in text


def test_a_flag_that_is_declared_twice():
    text = refuse_resource(FeatureFlags, {**PARAMS, "flags": PARAMS["flags"] * 2})
    assert "have cache more than once" in text
