# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles of service accounts, and the models that they may call."""

from __future__ import annotations

import datetime
import json

import pytest

from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, ENTRIES, MODELS, PREFIX, SOMEONE_ELSES_ROLES, look, role, taken

IAM = f"arn:aws:iam::{ACCOUNT}"
CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"


def model(own, provider, *kinds, **cycle):
    return {
        "modelId": own,
        "modelArn": f"arn:aws:bedrock:us-west-2::foundation-model/{own}",
        "providerName": provider,
        "inferenceTypesSupported": list(kinds),
        "modelLifecycle": {"status": "ACTIVE", **cycle},
    }


def profile(area, own):
    arns = [f"arn:aws:bedrock:{region}::foundation-model/{own}" for region in ("us-east-1", "us-west-2")]
    return {"inferenceProfileId": f"{area}.{own}", "models": [{"modelArn": arn} for arn in arns]}


def availability(request, **lacking):
    return {
        "modelId": request["modelId"],
        "agreementAvailability": {"status": lacking.get("agreement", "AVAILABLE")},
        "entitlementAvailability": lacking.get("entitlement", "AVAILABLE"),
        "authorizationStatus": lacking.get("authorization", "AUTHORIZED"),
        "regionAvailability": lacking.get("region", "AVAILABLE"),
    }


BEDROCK = {
    "ListFoundationModels": {
        "modelSummaries": [model(CLAUDE, "Anthropic", "INFERENCE_PROFILE"), model(TITAN, "Amazon", "ON_DEMAND")]
    },
    "ListInferenceProfiles": {"inferenceProfileSummaries": [profile("us", CLAUDE), profile("global", CLAUDE)]},
    "GetFoundationModelAvailability": availability,
}
ANSWERS = {"GetRole": role, **BEDROCK}


def test_roles():
    found, _aws = look({"GetRole": role}, "workload_identity")
    roles = found.components["workload_identity"]["roles"]
    assert roles["llm-gateway"] == f"{IAM}:role/{PREFIX}-llm-gateway"
    assert len(roles) == 8


def test_roles_of_a_table_of_ones_own():
    long_name = "x" * 70
    entries = {"workload_identity": ["mine", long_name]}
    found, aws = look({"GetRole": role}, "workload_identity", entries=entries)
    assert list(found.components["workload_identity"]["roles"]) == ["mine", long_name]
    assert all(len(request["RoleName"]) <= 64 for request in aws.requests("GetRole"))


def test_roles_that_someone_else_has():
    assert {
        resource.removeprefix(f"IAM role {PREFIX}-") for resource in taken(SOMEONE_ELSES_ROLES, "workload_identity")
    } == {
        "agent",
        "aws-load-balancer-controller",
        "external-secrets",
        "llm-gateway",
        "log-collector",
        "memory-gateway",
        "otel-collector",
        "retrieval-gateway",
    }
    found, _aws = look(SOMEONE_ELSES_ROLES, "workload_identity")
    assert not any(found.components["workload_identity"]["roles"].values())


def test_roles_that_someone_else_has_made():
    """Found in the place of ours, by their ARNs. One of ours that is left is told."""
    first, second, third = ENTRIES["workload_identity"][:3]
    arns = {first: f"arn:aws:iam::{ACCOUNT}:role/teams/one", second: f"arn:aws:iam::{ACCOUNT}:role/two"}
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Federated": ["provider"], "AWS": "*"}, "Action": "x"}}

    def roles(request):
        name = request["RoleName"]
        if name in ("one", "two"):
            # The second one is of another path than is said.
            found = role(request)["Role"] | {"Arn": f"arn:aws:iam::{ACCOUNT}:role/teams/{name}", "Tags": []}
            return {"Role": {**found, "AssumeRolePolicyDocument": json.dumps(trust)}}
        return role(request) if name in (f"{PREFIX}-{first}", f"{PREFIX}-{third}") else None

    found, _aws = look({"GetRole": roles}, "workload_identity", existing_roles=arns)
    facts = found.components["workload_identity"]["roles"]
    assert {thing: arn for thing, arn in facts.items() if arn} == {first: arns[first], third: facts[third]}
    assert found.existing_roles == {
        first: {"arn": arns[first], "exists": True, "trusted": ["*", "provider"]},
        second: {"arn": arns[second], "exists": False, "trusted": []},
    }
    assert found.replaced_roles == {"workload_identity": [f"{PREFIX}-{first}"]}
    assert not found.conflicts


def test_roles_of_others_alone_are_nothing_that_could_be_removed():
    first = ENTRIES["workload_identity"][0]
    arns = {first: f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{first}"}
    trust: dict = {"Statement": []}

    def roles(request):
        if request["RoleName"] != f"{PREFIX}-{first}":
            return None
        return {"Role": {**role(request)["Role"], "Arn": arns[first], "AssumeRolePolicyDocument": json.dumps(trust)}}

    found, aws = look({"GetRole": roles}, "workload_identity", existing_roles=arns)
    # It is there to build on.
    assert found.components["workload_identity"]["exists"] is True
    assert found.summary["workload_identity"]["state"] == "absent"
    # Not asked for twice, where both have one name.
    assert aws.calls.count(("GetRole", {"RoleName": f"{PREFIX}-{first}"})) == 1
    assert not found.replaced_roles


# ---- models


def offered(models=MODELS, **answers):
    found, aws = look({**BEDROCK, **answers}, "workload_identity", offers=True, models=models)
    return found.offers["workload_identity"], aws


def test_models_and_profiles_of_the_region():
    told, aws = offered()
    assert set(told["models"]) == set(MODELS)
    assert told["model_ids"] == [TITAN, f"global.{CLAUDE}", f"us.{CLAUDE}"]
    assert told["models"][f"us.{CLAUDE}"] == {
        "offered": True,
        "called_directly": True,
        "provider": "Anthropic",
        "profiles": [f"global.{CLAUDE}", f"us.{CLAUDE}"],
        "lacks": [],
        "ends": None,
    }
    assert told["models"][TITAN]["offered"] is True
    assert told["models"]["us.amazon.nova-pro-v1:0"]["offered"] is False
    # Who looks at a profile looks at the model behind it, and at none that there isn't.
    assert [request["modelId"] for request in aws.requests("GetFoundationModelAvailability")] == [TITAN, CLAUDE]


def test_a_model_may_be_called_through_a_profile_only():
    told = offered([CLAUDE])[0]["models"][CLAUDE]
    assert (told["offered"], told["called_directly"]) == (True, False)
    assert told["profiles"] == [f"global.{CLAUDE}", f"us.{CLAUDE}"]


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ({"agreement": "NOT_AVAILABLE", "entitlement": "NOT_AVAILABLE"}, ["agreement", "entitlement"]),
        ({"agreement": "PENDING"}, ["agreement"]),
        ({"authorization": "NOT_AUTHORIZED"}, ["authorization"]),
        ({"region": "NOT_AVAILABLE"}, []),
    ],
)
def test_what_the_account_lacks(lacking, told):
    found = offered(GetFoundationModelAvailability=lambda request: availability(request, **lacking))[0]["models"]
    assert found[f"us.{CLAUDE}"]["lacks"] == told
    # A profile leads to other regions, too.
    assert found[TITAN]["lacks"] == told + ["region"] * ("region" in lacking)


def test_the_day_on_which_a_model_ends():
    ends = datetime.datetime(2027, 1, 31, 23, tzinfo=datetime.UTC)
    old = model(TITAN, "Amazon", "ON_DEMAND", status="LEGACY", endOfLifeTime=ends)
    told = offered(ListFoundationModels={"modelSummaries": [old]})[0]
    assert told["models"][TITAN]["ends"] == "2027-01-31"


def test_what_may_not_be_read_isnt_known():
    denied = api_error("ListFoundationModels", "AccessDeniedException")
    assert offered(ListFoundationModels=denied)[0]["models"] == {}
    denied = api_error("GetFoundationModelAvailability", "AccessDeniedException")
    assert offered(GetFoundationModelAvailability=denied)[0]["models"][TITAN]["lacks"] == []


def test_without_models_bedrock_isnt_asked():
    told, aws = offered([])
    assert told["models"] == {}
    assert not {"ListFoundationModels", "ListInferenceProfiles"} & set(aws.operations())
