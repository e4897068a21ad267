# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The feature flags: where they lie in AppConfig, and how their deployment stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .base import Component, Search, tags_of

SERVICE = "appconfig"
THING = "feature-flags"


def empty(search: Search) -> dict[str, Any]:
    return {
        "application_id": None,
        "environment_id": None,
        "profile_id": None,
        "strategy_id": None,
        "deployment": None,
        "others_within": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    applications = search.start(SERVICE, "list_applications")
    strategies = search.start(SERVICE, "list_deployment_strategies")
    application = _ours(search, applications.result(), "application", "application")
    strategy = _ours(search, strategies.result(), "deployment strategy", "deploymentstrategy")
    facts["strategy_id"] = strategy["Id"] if strategy else None
    if application is None:
        return
    place = {"ApplicationId": application["Id"]}
    environments = search.start(SERVICE, "list_environments", **place)
    profiles = search.start(SERVICE, "list_configuration_profiles", **place)
    # What lies in our application is ours.
    environment = next(_named(search, environments.result(), "environment"), None)
    profile = next(_named(search, profiles.result(), "profile"), None)
    facts["application_id"] = application["Id"]
    facts["environment_id"] = environment["Id"] if environment else None
    facts["profile_id"] = profile["Id"] if profile else None
    facts["others_within"] = [
        *_others(environments.result(), environment, "environment"),
        *_others(profiles.result(), profile, "configuration profile"),
    ]
    if environment and profile:
        facts["deployment"] = _deployment(search, place, environment["Id"], profile["Id"])


def _named(search: Search, answer: Mapping[str, Any] | None, kind: str) -> Iterable[dict[str, Any]]:
    name = search.scope.name(THING, f"appconfig_{kind}")
    return iter(sorted((i for i in (answer or {}).get("Items", []) if i["Name"] == name), key=lambda i: i["Id"]))


def _others(answer: Mapping[str, Any] | None, ours: Mapping[str, Any] | None, words: str) -> Iterable[str]:
    """What someone else has made in our application."""
    found = sorted((answer or {}).get("Items", []), key=lambda item: item["Name"])
    return [f"{words} {item['Name']}" for item in found if item != ours]


def _ours(search: Search, answer: Mapping[str, Any] | None, words: str, kind: str) -> dict[str, Any] | None:
    """The one of our name, if its tags say that it is ours."""
    for found in _named(search, answer, "application" if kind == "application" else "strategy"):
        partition = search.reader.clients[SERVICE].meta.partition
        arn = f"arn:{partition}:appconfig:{search.scope.region}:{search.account_id}:{kind}/{found['Id']}"
        tags = tags_of(search.read(SERVICE, "list_tags_for_resource", ResourceArn=arn) or {})
        if search.owns(tags):
            return found
        search.foreign(f"AppConfig {words} {found['Name']}", tags)
    return None


def _deployment(search: Search, place: Mapping[str, str], environment: str, profile: str) -> dict[str, Any] | None:
    """The last deployment of the flags."""
    answer = search.read(SERVICE, "list_deployments", **place, EnvironmentId=environment) or {}
    found = [item for item in answer.get("Items", []) if item.get("ConfigurationProfileId") == profile]
    last = max(found, key=lambda item: item["DeploymentNumber"], default=None)
    if last is None:
        return None
    return {
        "number": last["DeploymentNumber"],
        "state": last["State"],
        "configuration_version": last["ConfigurationVersion"],
        "percentage_complete": last.get("PercentageComplete"),
    }


def summary(facts: Mapping[str, Any]) -> list[str]:
    deployment = facts["deployment"]
    if deployment is None:
        return ["no flags deployed yet"]
    return [f"flags in version {deployment['configuration_version']}, {deployment['state']}"]


COMPONENT = Component(
    name="feature_flags",
    services=(SERVICE,),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["environment_id"] is not None and facts["profile_id"] is not None,
    summary=summary,
)
