# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bedrock: what the modules for guardrails and invocation logs rely on, and the checks of models."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

MESSAGES = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "Never."}
WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "bad"}]}}
TOPICS = {"topicPolicyConfig": {"topicsConfig": [{"name": "Law", "definition": "Of law.", "type": "DENY"}]}}


@pytest.fixture
def bedrock(client: Callable[[str], Any]) -> Any:
    return client("bedrock")


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def settled(bedrock: Any, own: str) -> dict[str, Any]:
    for _look in range(50):
        found = bedrock.get_guardrail(guardrailIdentifier=own)
        if found["status"] == "READY":
            return dict(found)
        time.sleep(0.1)
    raise AssertionError(found)


@pytest.fixture
def guardrail(bedrock: Any) -> dict[str, Any]:
    name = f"g-{uuid.uuid4().hex[:8]}"
    made = bedrock.create_guardrail(
        name=name, description="What is said.", tags=[{"key": "A", "value": "1"}], **MESSAGES, **WORDS, **TOPICS
    )
    return {"guardrailIdentifier": made["guardrailId"], "name": name}


def versions(bedrock: Any, own: str) -> list[str]:
    return [item["version"] for item in bedrock.list_guardrails(guardrailIdentifier=own)["guardrails"]]


def test_a_guardrail_is_described_in_other_words_and_takes_a_moment(bedrock, guardrail):
    own = guardrail["guardrailIdentifier"]
    assert own.isalnum()
    assert bedrock.get_guardrail(guardrailIdentifier=own)["status"] == "CREATING"
    assert refusal(bedrock.update_guardrail, **guardrail, **MESSAGES, **WORDS).startswith("ConflictException")
    found = settled(bedrock, own)
    assert found["wordPolicy"] == {"words": [{"text": "bad"}]}
    assert found["topicPolicy"]["topics"][0]["name"] == "Law"
    tags = bedrock.list_tags_for_resource(resourceARN=found["guardrailArn"])["tags"]
    assert tags == [{"key": "A", "value": "1"}]


def test_an_update_drops_what_it_does_not_name(bedrock, guardrail):
    own = guardrail["guardrailIdentifier"]
    settled(bedrock, own)
    bedrock.update_guardrail(**guardrail, **MESSAGES, **WORDS)
    found = settled(bedrock, own)
    assert "topicPolicy" not in found
    assert "description" not in found


def test_versions(bedrock, guardrail):
    own = guardrail["guardrailIdentifier"]
    settled(bedrock, own)
    for number in ("1", "2"):
        assert bedrock.create_guardrail_version(guardrailIdentifier=own)["version"] == number
        settled(bedrock, own)
    assert versions(bedrock, own) == ["DRAFT", "1", "2"]
    assert "description" not in bedrock.get_guardrail(guardrailIdentifier=own, guardrailVersion="2")
    bedrock.delete_guardrail(guardrailIdentifier=own, guardrailVersion="2")
    assert versions(bedrock, own) == ["DRAFT", "1"]
    # A number is used once.
    assert bedrock.create_guardrail_version(guardrailIdentifier=own)["version"] == "3"


def test_a_version_is_evaluated_as_it_was(bedrock, client, guardrail):
    own = guardrail["guardrailIdentifier"]
    settled(bedrock, own)
    bedrock.create_guardrail_version(guardrailIdentifier=own)
    settled(bedrock, own)
    bedrock.update_guardrail(**guardrail, **MESSAGES, **TOPICS)
    settled(bedrock, own)
    actions = {
        version: client("bedrock-runtime").apply_guardrail(
            guardrailIdentifier=own,
            guardrailVersion=version,
            source="INPUT",
            content=[{"text": {"text": "a bad word"}}],
        )["action"]
        for version in ("DRAFT", "1")
    }
    assert actions == {"DRAFT": "NONE", "1": "GUARDRAIL_INTERVENED"}


def test_a_token_publishes_once(bedrock, guardrail):
    own = guardrail["guardrailIdentifier"]
    settled(bedrock, own)
    token = uuid.uuid4().hex
    made = [
        bedrock.create_guardrail_version(guardrailIdentifier=own, clientRequestToken=token)["version"]
        for _time in range(2)
    ]
    assert made == ["1", "1"]


def test_a_deletion_takes_a_moment_and_all_of_it(bedrock, guardrail):
    own = guardrail["guardrailIdentifier"]
    settled(bedrock, own)
    bedrock.delete_guardrail(guardrailIdentifier=own)
    assert bedrock.get_guardrail(guardrailIdentifier=own)["status"] == "DELETING"
    for _look in range(50):
        if own not in [item["id"] for item in bedrock.list_guardrails()["guardrails"]]:
            break
        time.sleep(0.1)
    assert refusal(bedrock.get_guardrail, guardrailIdentifier=own).startswith("ResourceNotFoundException")


def test_what_is_no_guardrail(bedrock, guardrail):
    assert "At least one" in refusal(bedrock.create_guardrail, name="none", **MESSAGES)
    assert "ConflictException" in refusal(bedrock.create_guardrail, name=guardrail["name"], **MESSAGES, **WORDS)
    standard = {"topicPolicyConfig": {**TOPICS["topicPolicyConfig"], "tierConfig": {"tierName": "STANDARD"}}}
    assert "cross-Region" in refusal(bedrock.create_guardrail, name="standard", **MESSAGES, **standard)


def test_invocations_are_logged_where_they_can_be(bedrock, client, role):
    group, bucket = f"/aws/bedrock/{uuid.uuid4().hex}", f"b-{uuid.uuid4().hex[:12]}"
    arn = role("invocation-logs")
    config = {"cloudWatchConfig": {"logGroupName": group, "roleArn": arn}, "textDataDeliveryEnabled": True}
    put = bedrock.put_model_invocation_logging_configuration
    assert "Failed to validate permissions for log group" in refusal(put, loggingConfig=config)
    client("logs").create_log_group(logGroupName=group)
    # The role trusts nobody.
    assert "Failed to validate permissions for log group" in refusal(put, loggingConfig=config)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "bedrock.amazonaws.com"}}
    client("iam").update_assume_role_policy(
        RoleName="invocation-logs", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    put(loggingConfig=config)
    assert bedrock.get_model_invocation_logging_configuration()["loggingConfig"] == config
    assert "for bucket" in refusal(put, loggingConfig={"s3Config": {"bucketName": bucket}})
    bedrock.delete_model_invocation_logging_configuration()
    assert not bedrock.get_model_invocation_logging_configuration().get("loggingConfig")


def test_models_and_profiles_of_the_region(bedrock):
    models = {item["modelId"]: item for item in bedrock.list_foundation_models()["modelSummaries"]}
    claude = models["anthropic.claude-sonnet-4-5-20250929-v1:0"]
    assert claude["inferenceTypesSupported"] == ["INFERENCE_PROFILE"]
    assert models["amazon.titan-embed-text-v2:0"]["inferenceTypesSupported"] == ["ON_DEMAND"]
    profiles = bedrock.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]
    assert {item["inferenceProfileId"].partition(".")[0] for item in profiles} == {"us", "global"}
    told = bedrock.get_foundation_model_availability(modelId="anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert told["agreementAvailability"] == {"status": "AVAILABLE"}
    missing = refusal(bedrock.get_foundation_model_availability, modelId="anthropic.none-v1:0")
    assert missing.startswith("ResourceNotFoundException")
