# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The feature flags: where they lie in AppConfig, how they spread, and what clients are given."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from ..census import Lister, tags_of
from ..drift import Repair, together
from . import encryption

NAME = f"{PREFIX}-feature-flags"
SUMMARY = "flags in version"
LEAST_TAGGED = 4
FLAGS = "AWS.AppConfig.FeatureFlags"
TIMES = ("_createdAt", "_updatedAt")
OTHERS = {"version": "1", "flags": {"theirs": {"name": "theirs"}}, "values": {"theirs": {"enabled": True}}}


# What an account holds


def _with_tags(account: Account, ends: str, item: dict) -> dict:
    arn = f"arn:aws:appconfig:{REGION}:{account.id}:{ends.format(**item)}"
    tags = account.client("appconfig").list_tags_for_resource(ResourceArn=arn)["Tags"]
    return {**{key: value for key, value in item.items() if key != "ResponseMetadata"}, "Arn": arn, "Tags": tags}


def applications(account: Account) -> list[dict]:
    found = account.pages("appconfig", "list_applications", "Items")
    return [_with_tags(account, "application/{Id}", item) for item in found]


def environments(account: Account, application: dict) -> list[dict]:
    appconfig, ends = account.client("appconfig"), "application/{ApplicationId}/environment/{Id}"
    place = {"ApplicationId": application["Id"]}
    return [
        _with_tags(account, ends, appconfig.get_environment(**place, EnvironmentId=item["Id"]))
        for item in account.pages("appconfig", "list_environments", "Items", **place)
    ]


def profiles(account: Account, application: dict) -> list[dict]:
    appconfig, ends = account.client("appconfig"), "application/{ApplicationId}/configurationprofile/{Id}"
    place = {"ApplicationId": application["Id"]}
    return [
        _with_tags(account, ends, appconfig.get_configuration_profile(**place, ConfigurationProfileId=item["Id"]))
        for item in account.pages("appconfig", "list_configuration_profiles", "Items", **place)
    ]


def strategies(account: Account) -> list[dict]:
    """Those that aren't AWS's own."""
    found = account.pages("appconfig", "list_deployment_strategies", "Items")
    own = [item for item in found if not item["Id"].startswith("AppConfig.")]
    return [_with_tags(account, "deploymentstrategy/{Id}", item) for item in own]


def place_of(account: Account, name: str = NAME) -> dict[str, str]:
    """The ids of the application of that name, and of what is in it."""
    (application,) = [item for item in applications(account) if item["Name"] == name]
    (environment,) = environments(account, application)
    (profile,) = profiles(account, application)
    return {
        "ApplicationId": application["Id"],
        "EnvironmentId": environment["Id"],
        "ConfigurationProfileId": profile["Id"],
    }


def deployments(account: Account, place: dict[str, str]) -> list[dict]:
    """Those to the environment, the last one first."""
    where = {member: place[member] for member in ("ApplicationId", "EnvironmentId")}
    return account.pages("appconfig", "list_deployments", "Items", **where)


def deployed(account: Account, place: dict[str, str]) -> dict:
    """The document that is deployed, as AppConfig keeps it."""
    version = int(deployments(account, place)[0]["ConfigurationVersion"])
    hosted = {member: place[member] for member in ("ApplicationId", "ConfigurationProfileId")}
    found = account.client("appconfig").get_hosted_configuration_version(**hosted, VersionNumber=version)
    return json.loads(found["Content"].read())


def deploy(account: Account, place: dict[str, str], document: dict) -> None:
    """What operators do in the console: save, and deploy to all at once."""
    _settle_down(account, place)
    appconfig, hosted = account.client("appconfig"), dict(place)
    environment = hosted.pop("EnvironmentId")
    made = appconfig.create_hosted_configuration_version(
        **hosted, Content=json.dumps(document).encode(), ContentType="application/json"
    )
    appconfig.start_deployment(
        **hosted,
        EnvironmentId=environment,
        ConfigurationVersion=str(made["VersionNumber"]),
        DeploymentStrategyId="AppConfig.AllAtOnce",
    )
    _settle_down(account, place)


def _settle_down(account: Account, place: dict[str, str]) -> None:
    for _time in range(100):
        if all(item["State"] not in ("BAKING", "DEPLOYING") for item in deployments(account, place)):
            return
        time.sleep(0.1)
    raise AssertionError("a deployment goes on and on")


def read(account: Account, place: dict[str, str], data: Any = None) -> dict:
    """What a client is given, by the client of boto3 if one is given."""
    data = data or account.client("appconfigdata")
    session = data.start_configuration_session(
        ApplicationIdentifier=place["ApplicationId"],
        EnvironmentIdentifier=place["EnvironmentId"],
        ConfigurationProfileIdentifier=place["ConfigurationProfileId"],
    )
    answer = data.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
    return json.loads(answer["Configuration"].read())


def _plain(document: dict) -> dict:
    return {
        part: {
            key: {name: value for name, value in entry.items() if name not in TIMES}
            for key, entry in document[part].items()
        }
        for part in ("flags", "values")
    }


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    account = lister.account
    told: dict[str, list] = {"applications": [], "environments": [], "profiles": [], "deployed flags": []}
    for application in applications(account):
        name = application["Name"]
        lister.named("application", application["Id"], name)
        told["applications"].append([name, application["Description"], tags_of(application)])
        for item in environments(account, application):
            lister.named("environment", item["Id"], item["Name"])
            told["environments"].append([name, item["Name"], item["Description"], item["Monitors"], tags_of(item)])
        for item in profiles(account, application):
            lister.named("profile", item["Id"], item["Name"])
            held = [item.get(member) for member in ("Description", "Type", "KmsKeyArn", "Validators")]
            told["profiles"].append([name, item["Name"], held, tags_of(item)])
        if told["environments"][-1:] and told["environments"][-1][0] == name:
            place = place_of(account, name)
            told["deployed flags"].append([name, _plain(deployed(account, place))])
    told["strategies"] = [
        [{member: value for member, value in item.items() if member not in ("Id", "Arn")}]
        for item in strategies(account)
    ]
    return told


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    account = lister.account
    for application in applications(account):
        yield f"application {application['Name']}", application
        yield from ((f"environment {item['Name']}", item) for item in environments(account, application))
        yield from ((f"profile {item['Name']}", item) for item in profiles(account, application))
    yield from ((f"strategy {item['Name']}", item) for item in strategies(account))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    appconfig, name = account.client("appconfig"), f"{prefix}-feature-flags"
    application = appconfig.create_application(Name=name, Tags=tags)["Id"]
    appconfig.create_environment(ApplicationId=application, Name=name, Tags=tags)
    appconfig.create_configuration_profile(
        ApplicationId=application, Name=name, LocationUri="hosted", Type=FLAGS, Tags=tags
    )
    _make_strategy(account, name, tags)
    deploy(account, place_of(account, name), OTHERS)


def _make_strategy(account: Account, name: str, tags: dict[str, str]) -> None:
    account.client("appconfig").create_deployment_strategy(
        Name=name, DeploymentDurationInMinutes=1, GrowthFactor=50, ReplicateTo="NONE", Tags=tags
    )


def take_names(account: Account) -> list[str]:
    account.client("appconfig").create_application(Name=NAME)
    _make_strategy(account, NAME, {})
    return [f"AppConfig application {NAME}", f"AppConfig deployment strategy {NAME}"]


def strategy(account: Account) -> dict:
    (found,) = [item for item in strategies(account) if item["Name"] == NAME]
    return found


def _take_a_flag(account: Account) -> None:
    place = place_of(account)
    document = deployed(account, place)
    for part in ("flags", "values"):
        del document[part]["response-cache"]
    deploy(account, place, document)


def _change_a_flag(account: Account) -> None:
    """What defines it, which isn't for operators to say."""
    place = place_of(account)
    document = deployed(account, place)
    document["flags"]["response-cache"]["attributes"]["seconds"]["constraints"]["maximum"] = 1_000_000
    deploy(account, place, document)


def _change_the_strategy(account: Account, **change: Any) -> None:
    account.client("appconfig").update_deployment_strategy(DeploymentStrategyId=strategy(account)["Id"], **change)


def _delete_the_strategy(account: Account) -> None:
    account.client("appconfig").delete_deployment_strategy(DeploymentStrategyId=strategy(account)["Id"])


def _change_the_environment(account: Account, **change: Any) -> None:
    place = place_of(account)
    where = {member: place[member] for member in ("ApplicationId", "EnvironmentId")}
    account.client("appconfig").update_environment(**where, **change)


def _change_the_profile(account: Account, **change: Any) -> None:
    place = place_of(account)
    where = {member: place[member] for member in ("ApplicationId", "ConfigurationProfileId")}
    account.client("appconfig").update_configuration_profile(**where, **change)


DEPLOYED = Calls({("appconfig", "CreateHostedConfigurationVersion"): 1, ("appconfig", "StartDeployment"): 1})
DEPLOY = frozenset({"Deploy the flags"})
STRATEGY = frozenset({"Say how changes spread"})
REPAIRS = {
    **together(
        another_pace=Repair(
            lambda account: _change_the_strategy(account, GrowthFactor=100, DeploymentDurationInMinutes=0),
            Calls({("appconfig", "UpdateDeploymentStrategy"): 1}),
            STRATEGY,
            dry=True,
        ),
        no_key_of_ours=Repair(
            lambda account: _change_the_profile(account, KmsKeyIdentifier=""),
            Calls({("appconfig", "UpdateConfigurationProfile"): 1}),
            frozenset({"Make the profile of the flags"}),
            dry=True,
        ),
    ),
    "a flag that is gone": Repair(_take_a_flag, DEPLOYED, DEPLOY, dry=True),
    "another constraint": Repair(_change_a_flag, DEPLOYED, DEPLOY, dry=True),
    "a deleted strategy": Repair(
        _delete_the_strategy, Calls({("appconfig", "CreateDeploymentStrategy"): 1}), STRATEGY, dry=True
    ),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    appconfig = account.client("appconfig")
    ours = {kind.split()[0]: item for kind, item in tagged(Lister(account)) if item["Name"] == NAME}
    monitor = {
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{account.id}:alarm:theirs",
        "AlarmRoleArn": f"arn:aws:iam::{account.id}:role/theirs",
    }
    return {
        "description of the application": lambda: appconfig.update_application(
            ApplicationId=ours["application"]["Id"], Description="theirs"
        ),
        "description of the environment": lambda: _change_the_environment(account, Description="theirs"),
        "alarms": lambda: _change_the_environment(account, Monitors=[monitor]),
        "description of the profile": lambda: _change_the_profile(account, Description="theirs"),
        "validators": lambda: _change_the_profile(
            account, Validators=[{"Type": "JSON_SCHEMA", "Content": '{"type": "object"}'}]
        ),
        "another key": lambda: _change_the_profile(account, KmsKeyIdentifier="alias/theirs"),
        "description of the strategy": lambda: _change_the_strategy(account, Description="theirs"),
        "growth": lambda: _change_the_strategy(account, GrowthType="EXPONENTIAL"),
        "duration": lambda: _change_the_strategy(account, DeploymentDurationInMinutes=1),
        "bake time": lambda: _change_the_strategy(account, FinalBakeTimeInMinutes=0),
        "flag": lambda: _take_a_flag(account),
        **{
            f"tag of the {kind}": lambda item=item: appconfig.untag_resource(ResourceArn=item["Arn"], TagKeys=["Name"])
            for kind, item in ours.items()
        },
    }


def lasting(account: Account) -> list[str]:
    return sorted(place_of(account).values())


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    account = lister.account
    place = place_of(account)
    assert facts["application_id"] == place["ApplicationId"]
    assert facts["environment_id"] == place["EnvironmentId"]
    assert facts["profile_id"] == place["ConfigurationProfileId"]
    assert facts["strategy_id"] == strategy(account)["Id"]
    assert facts["deployment"]["configuration_version"] == deployments(account, place)[0]["ConfigurationVersion"]
    assert facts["others_within"] == []


class TestFeatureFlags:
    def test_where_they_lie(self, lister):
        account = lister.account
        (application,) = [item for item in applications(account) if item["Name"] == NAME]
        (environment,) = environments(account, application)
        (profile,) = profiles(account, application)
        assert (environment["Name"], environment["Monitors"]) == (NAME, [])
        assert (profile["Name"], profile["Type"], profile["LocationUri"]) == (NAME, FLAGS, "hosted")
        assert profile["KmsKeyArn"] == encryption.key(account)["Arn"]
        for item in (application, environment, profile, strategy(account)):
            assert tags_of(item).items() >= {**OWNER, "Component": "feature_flags", "Name": NAME}.items()

    def test_how_they_spread(self, lister):
        expected = {
            "GrowthType": "LINEAR",
            "GrowthFactor": 20,
            "DeploymentDurationInMinutes": 10,
            "FinalBakeTimeInMinutes": 10,
        }
        found = strategy(lister.account)
        assert {member: found[member] for member in expected} == expected

    def test_what_is_declared_is_deployed(self, lister):
        place = place_of(lister.account)
        found = _plain(deployed(lister.account, place))
        assert found["values"]["long-term-memory"] == {"enabled": True}
        assert found["values"]["response-cache"] == {"enabled": False, "seconds": 300}
        constraints = found["flags"]["response-cache"]["attributes"]["seconds"]["constraints"]
        assert constraints == {"type": "number", "minimum": 0, "maximum": 86400}
        assert read(lister.account, place)["long-term-memory"] == {"enabled": True}
