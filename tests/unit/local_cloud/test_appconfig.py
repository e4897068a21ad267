# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AppConfig: what the modules for feature flags rely on, which is the shim's."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud.shims import timing

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FLAGS = "AWS.AppConfig.FeatureFlags"
# For how long AppConfig.AllAtOnce bakes here, in seconds: ten minutes as the shim counts them.
BAKING = timing.SETTLE_SECONDS


@pytest.fixture
def appconfig(client: Callable[[str], Any]) -> Any:
    return client("appconfig")


@pytest.fixture
def place(appconfig: Any) -> dict[str, str]:
    """An application of its own with an environment."""
    application = appconfig.create_application(Name=uuid.uuid4().hex)["Id"]
    environment = appconfig.create_environment(ApplicationId=application, Name="dev")["Id"]
    return {"ApplicationId": application, "EnvironmentId": environment}


@pytest.fixture
def hosted(appconfig: Any, place: dict[str, str]) -> dict[str, str]:
    """A profile of flags in that application."""
    application = place["ApplicationId"]
    made = appconfig.create_configuration_profile(
        ApplicationId=application, Name="flags", LocationUri="hosted", Type=FLAGS
    )
    return {"ApplicationId": application, "ConfigurationProfileId": made["Id"]}


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def outcome(call: Callable[..., Any], **request: Any) -> str:
    """The code of the refusal, or that there was none."""
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def document(**flags: dict[str, Any]) -> bytes:
    named = {key: {"name": key} for key in flags}
    return json.dumps({"version": "1", "flags": named, "values": flags}).encode()


def publish(appconfig: Any, hosted: dict[str, str], content: bytes, **more: Any) -> int:
    made = appconfig.create_hosted_configuration_version(
        **hosted, Content=content, ContentType="application/json", **more
    )
    return int(made["VersionNumber"])


def deploy(appconfig: Any, place: dict[str, str], hosted: dict[str, str], version: int, **more: Any) -> int:
    started = appconfig.start_deployment(
        **place,
        ConfigurationProfileId=hosted["ConfigurationProfileId"],
        ConfigurationVersion=str(version),
        **{"DeploymentStrategyId": "AppConfig.AllAtOnce", **more},
    )
    return int(started["DeploymentNumber"])


def state(appconfig: Any, place: dict[str, str], number: int) -> str:
    return str(appconfig.get_deployment(**place, DeploymentNumber=number)["State"])


def test_a_name_that_is_taken_is_refused(appconfig: Any, place: dict[str, str], hosted: dict[str, str]) -> None:
    application = place["ApplicationId"]
    name = appconfig.get_application(ApplicationId=application)["Name"]
    assert f"already exists with id {application} in account" in refusal(appconfig.create_application, Name=name)
    again = refusal(appconfig.create_environment, ApplicationId=application, Name="dev")
    assert f"already exists with id {place['EnvironmentId']} in application" in again
    again = refusal(
        appconfig.create_configuration_profile, ApplicationId=application, Name="flags", LocationUri="hosted"
    )
    assert f"already exists with id {hosted['ConfigurationProfileId']} in application" in again


def test_the_key_of_a_profile(appconfig: Any, hosted: dict[str, str]) -> None:
    appconfig.update_configuration_profile(**hosted, KmsKeyIdentifier=KEY)
    found = appconfig.get_configuration_profile(**hosted)
    assert (found["KmsKeyIdentifier"], found["KmsKeyArn"]) == (KEY, KEY)
    appconfig.update_configuration_profile(**hosted, KmsKeyIdentifier="")
    assert "KmsKeyIdentifier" not in appconfig.get_configuration_profile(**hosted)


def test_lists_have_pages_and_tell_no_more_than_a_summary(
    appconfig: Any, place: dict[str, str], hosted: dict[str, str]
) -> None:
    application = place["ApplicationId"]
    appconfig.create_environment(ApplicationId=application, Name="second")
    page = appconfig.list_environments(ApplicationId=application, MaxResults=1)
    rest = appconfig.list_environments(ApplicationId=application, NextToken=page["NextToken"])
    assert {item["Name"] for item in page["Items"] + rest["Items"]} == {"dev", "second"}
    assert "NextToken" not in rest
    (profile,) = appconfig.list_configuration_profiles(ApplicationId=application)["Items"]
    assert set(profile) == {"ApplicationId", "Id", "Name", "LocationUri", "Type"}


def test_versions_are_locked_described_and_listed_from_the_last(appconfig: Any, hosted: dict[str, str]) -> None:
    first = publish(appconfig, hosted, document(a={"enabled": True}), Description="first")
    second = publish(appconfig, hosted, document(a={"enabled": False}), LatestVersionNumber=first)
    text = refusal(
        appconfig.create_hosted_configuration_version,
        **hosted,
        Content=document(),
        ContentType="application/json",
        LatestVersionNumber=first,
    )
    assert text == "ConflictException: Expected latest version 1 does not match actual latest version 2"
    found = appconfig.list_hosted_configuration_versions(**hosted)["Items"]
    assert [item["VersionNumber"] for item in found] == [second, first]
    assert found[1]["Description"] == "first"


def test_flags_are_given_the_times_of_their_changes(appconfig: Any, hosted: dict[str, str]) -> None:
    def read(version: int) -> dict[str, Any]:
        found = appconfig.get_hosted_configuration_version(**hosted, VersionNumber=version)
        return dict(json.loads(found["Content"].read()))

    first = read(publish(appconfig, hosted, document(a={"enabled": True}, b={"enabled": True})))
    time.sleep(1.1)
    second = read(publish(appconfig, hosted, document(a={"enabled": True}, b={"enabled": False})))
    assert second["values"]["a"] == first["values"]["a"]
    assert second["flags"] == first["flags"]
    assert second["values"]["b"]["_createdAt"] == first["values"]["b"]["_createdAt"]
    assert second["values"]["b"]["_updatedAt"] > first["values"]["b"]["_updatedAt"]


def test_a_deployment_goes_through_its_states(appconfig: Any, place: dict[str, str], hosted: dict[str, str]) -> None:
    version = publish(appconfig, hosted, document(a={"enabled": True}))
    another = {
        **place,
        "ConfigurationProfileId": hosted["ConfigurationProfileId"],
        "ConfigurationVersion": str(version),
        "DeploymentStrategyId": "AppConfig.AllAtOnce",
    }

    def under_way() -> tuple[list[str], float]:
        """What is told while a deployment is under way, and how long it took to ask."""
        began = time.monotonic()
        number = deploy(appconfig, place, hosted, version)
        told = [state(appconfig, place, number), outcome(appconfig.start_deployment, **another)]
        if time.monotonic() - began < BAKING / 2:
            told.append(outcome(appconfig.delete_environment, **place))
        took = time.monotonic() - began
        wait_for(lambda: state(appconfig, place, number) == "COMPLETE")
        return told, took

    # A machine with other work may need longer for it than the deployment does.
    told, took = under_way()
    for _attempt in range(10):
        if took < BAKING and len(told) == 3:
            break
        wait_for(lambda: appconfig.list_deployments(**place)["Items"][0]["State"] == "COMPLETE")
        told, took = under_way()
    assert told == ["BAKING", "ConflictException", "ConflictException"]
    number = appconfig.list_deployments(**place)["Items"][0]["DeploymentNumber"]
    second = deploy(appconfig, place, hosted, version, DeploymentStrategyId="AppConfig.Linear20PercentEvery6Minutes")
    assert state(appconfig, place, second) == "DEPLOYING"
    found = appconfig.list_deployments(**place)["Items"]
    assert [item["DeploymentNumber"] for item in found][:2] == [second, number]
    assert {item["ConfigurationProfileId"] for item in found} == {hosted["ConfigurationProfileId"]}


def test_what_isnt_empty_is_not_deleted(appconfig: Any, place: dict[str, str], hosted: dict[str, str]) -> None:
    application = {"ApplicationId": place["ApplicationId"]}
    version = publish(appconfig, hosted, document())
    assert "still environments existing under it" in refusal(appconfig.delete_application, **application)
    appconfig.delete_environment(**place)
    assert "still configuration profiles existing under it" in refusal(appconfig.delete_application, **application)
    assert "still hosted configuration versions" in refusal(appconfig.delete_configuration_profile, **hosted)
    appconfig.delete_hosted_configuration_version(**hosted, VersionNumber=version)
    appconfig.delete_configuration_profile(**hosted)
    appconfig.delete_application(**application)


def test_all_keys_of_tags_are_removed(appconfig: Any, place: dict[str, str]) -> None:
    arn = f"arn:aws:appconfig:us-west-2:123456789012:application/{place['ApplicationId']}"
    appconfig.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2", "c": "3"})
    appconfig.untag_resource(ResourceArn=arn, TagKeys=["a", "b"])
    assert appconfig.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"c": "3"}


def test_clients_get_the_attributes_of_flags_that_are_on(
    appconfig: Any, client: Callable[[str], Any], place: dict[str, str], hosted: dict[str, str]
) -> None:
    content = document(on={"enabled": True, "size": 3}, off={"enabled": False, "size": 3})
    deploy(appconfig, place, hosted, publish(appconfig, hosted, content))
    data = client("appconfigdata")
    token = data.start_configuration_session(
        ApplicationIdentifier=place["ApplicationId"],
        EnvironmentIdentifier=place["EnvironmentId"],
        ConfigurationProfileIdentifier=hosted["ConfigurationProfileId"],
    )["InitialConfigurationToken"]
    found = json.loads(data.get_latest_configuration(ConfigurationToken=token)["Configuration"].read())
    assert found == {"on": {"enabled": True, "size": 3}, "off": {"enabled": False}}
