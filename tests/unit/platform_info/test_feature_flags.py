# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The feature flags in AppConfig, and how far they are deployed."""

from __future__ import annotations

import pytest

from .fake_aws import ACCOUNT, PREFIX, REGION, look, marks, taken

NAME = f"{PREFIX}-feature-flags"
ARN = f"arn:aws:appconfig:{REGION}:{ACCOUNT}"
EMPTY_IF_ALL_IS_WELL = ("others_within",)


def items(*found):
    return {"Items": list(found)}


def deployment(number, state="COMPLETE", profile="profile"):
    return {
        "DeploymentNumber": number,
        "ConfigurationProfileId": profile,
        "ConfigurationVersion": str(number),
        "State": state,
        "PercentageComplete": 100.0,
    }


def tags(**bearing):
    """The tags of the application and the strategy: ours, but for those of these kinds."""

    def answer(request):
        kind = request["ResourceArn"].removeprefix(f"{ARN}:").split("/")[0]
        return {"Tags": bearing.get(kind, marks("feature_flags"))}

    return answer


ANSWERS = {
    "ListApplications": items({"Id": "other", "Name": "other"}, {"Id": "appl", "Name": NAME}),
    "ListDeploymentStrategies": items({"Id": "strat", "Name": NAME}),
    "ListEnvironments": items({"Id": "env", "Name": NAME}),
    "ListConfigurationProfiles": items({"Id": "profile", "Name": NAME}),
    "appconfig.ListTagsForResource": tags(),
    "ListDeployments": items(deployment(1), deployment(3, "BAKING"), deployment(2), deployment(4, profile="others")),
}
FACTS = {
    "exists": True,
    "application_id": "appl",
    "environment_id": "env",
    "profile_id": "profile",
    "strategy_id": "strat",
    "deployment": {"number": 3, "state": "BAKING", "configuration_version": "3", "percentage_complete": 100.0},
    "others_within": [],
}


def facts_and_lines(**changed):
    found, aws = look({**ANSWERS, **changed}, "feature_flags")
    return found.components["feature_flags"], found.summary["feature_flags"]["lines"], aws


def test_the_last_deployment_of_the_flags_counts():
    facts, lines, aws = facts_and_lines()
    assert facts == FACTS
    assert lines == ["flags in version 3, BAKING"]
    assert aws.requests("ListDeployments") == [{"ApplicationId": "appl", "EnvironmentId": "env"}]


def test_flags_that_were_never_deployed():
    facts, lines, _aws = facts_and_lines(ListDeployments=items(deployment(4, profile="others")))
    assert facts == {**FACTS, "deployment": None}
    assert lines == ["no flags deployed yet"]


def test_a_half_of_it():
    facts, lines, _aws = facts_and_lines(ListEnvironments=items())
    assert facts == {**FACTS, "exists": False, "environment_id": None, "deployment": None}
    assert lines == ["only application_id appl, profile_id profile, strategy_id strat"]


def test_without_an_application_nothing_is_asked_of_it():
    facts, _lines, aws = facts_and_lines(ListApplications=items())
    assert facts["application_id"] is None
    assert facts["strategy_id"] == "strat"
    assert aws.requests("ListEnvironments") == []


def test_what_others_have_made_in_the_application():
    facts, _lines, _aws = facts_and_lines(
        ListEnvironments=items({"Id": "env", "Name": NAME}, {"Id": "prod", "Name": "prod"}),
        ListConfigurationProfiles=items({"Id": "limits", "Name": "limits"}, {"Id": "profile", "Name": NAME}),
    )
    assert facts == {**FACTS, "others_within": ["environment prod", "configuration profile limits"]}


@pytest.mark.parametrize(
    ("kind", "words", "fact"),
    [
        ("application", "application", "application_id"),
        ("deploymentstrategy", "deployment strategy", "strategy_id"),
    ],
)
def test_names_that_someone_else_has(kind, words, fact):
    answers = {**ANSWERS, "appconfig.ListTagsForResource": tags(**{kind: {"Project": "other"}})}
    assert taken(answers, "feature_flags") == [f"AppConfig {words} {NAME}"]
    found, _aws = look(answers, "feature_flags")
    assert found.components["feature_flags"][fact] is None
