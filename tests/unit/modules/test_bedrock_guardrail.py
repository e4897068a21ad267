# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Guardrails of Bedrock with their versions."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.bedrock_guardrail import LISTS, Guardrail
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

NAME = "demo-dev"
ARN = "arn:aws:bedrock:us-west-2:123456789012:guardrail/abcdefghijkl"
IT = {"guardrailIdentifier": "abcdefghijkl"}
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SUMMARY = {"id": "abcdefghijkl", "arn": ARN, "name": NAME, "status": "READY", "version": "DRAFT"}
MESSAGES = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "Never."}
WORDS = {"word_policy": {"words": [{"text": "bad"}]}}
PARAMS = {
    "name": NAME,
    "description": None,
    "blocked_input_messaging": "No.",
    "blocked_outputs_messaging": "Never.",
    **dict.fromkeys(LISTS),
    "guardrail_profile": None,
    "kms_key_id": None,
    "publish": True,
    "keep_versions": None,
}
HERE = {"wordPolicy": {"words": [{"text": "bad"}]}}
SENT = {"wordPolicyConfig": {"wordsConfig": [{"text": "bad"}]}}


def drafts(*found):
    return Step("ListGuardrails", {"guardrails": [{**SUMMARY, "id": "other", "name": "other"}, *found]}, {})


NONE = drafts()


def described(version="DRAFT", status="READY", **members):
    return {
        "guardrailId": "abcdefghijkl",
        "guardrailArn": ARN,
        "name": NAME,
        "version": version,
        "status": status,
        **MESSAGES,
        **members,
    }


def seen(*versions, newest=None, tags=None, status="READY", newest_status="READY", **draft):
    """The reads of a guardrail of which these versions are there. newest: what the last of them holds."""
    draft = draft or HERE
    found = [
        {**SUMMARY, "version": version, "status": newest_status if version == versions[-1] else "READY"}
        for version in versions
    ]
    steps = [
        drafts({**SUMMARY, "status": status}),
        Step("GetGuardrail", described(status=status, **draft), IT),
        Step(
            "ListTagsForResource",
            {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
            {"resourceARN": ARN},
        ),
        Step("ListGuardrails", {"guardrails": [SUMMARY, *found]}, IT),
    ]
    if versions and newest_status == "READY":
        last = described(versions[-1], **{**(draft if newest is None else newest), "description": "Of the version."})
        steps.append(Step("GetGuardrail", last, {**IT, "guardrailVersion": versions[-1]}))
    return steps


def published(version, answer=None):
    def check(request):
        assert request.pop("clientRequestToken")
        assert request == IT

    return Step("CreateGuardrailVersion", answer or {"guardrailId": "abcdefghijkl", "version": version}, check)


def updated(**request):
    return Step("UpdateGuardrail", {"version": "DRAFT"}, {**IT, "name": NAME, **MESSAGES, **request})


def deleted(version):
    return Step("DeleteGuardrail", {}, {**IT, "guardrailVersion": version})


def created(**members):
    def check(request):
        assert request.pop("clientRequestToken")
        assert request == {"name": NAME, **MESSAGES, **members}

    return Step("CreateGuardrail", {"guardrailId": "abcdefghijkl", "guardrailArn": ARN, "version": "DRAFT"}, check)


def run(params, *steps, **kwargs):
    return run_resource(Guardrail, {**PARAMS, **WORDS, **params}, *steps, **kwargs)


def refuse(params, *steps):
    return refuse_resource(Guardrail, {**PARAMS, **WORDS, **params}, *steps)


def test_created_and_published():
    result, _aws, _module = run(
        {"tags": {"A": "1"}, "kms_key_id": KEY},
        NONE,
        created(**SENT, kmsKeyId=KEY, tags=[{"key": "A", "value": "1"}]),
        *seen(tags={"A": "1"}, **HERE, kmsKeyArn=KEY),
        published("1"),
        *seen("1", tags={"A": "1"}, **HERE, kmsKeyArn=KEY),
        *seen("1", tags={"A": "1"}, **HERE, kmsKeyArn=KEY),
    )
    assert result["changed"] is True
    assert result["guardrail"]["newest_version"] == "1"
    assert result["guardrail"]["published"] is True
    assert result["guardrail"]["tags"] == {"A": "1"}


def test_all_policies_in_the_words_of_requests():
    topics = [{"name": "Law", "definition": "Advice on law.", "type": "DENY", "examples": ["May I?"]}]
    filters = [{"type": "HATE", "input_strength": "HIGH", "output_strength": "LOW", "input_modalities": ["TEXT"]}]
    given = {
        "description": "What is said.",
        "topic_policy": {"topics": topics, "tier": "STANDARD"},
        "content_policy": {"filters": filters, "tier": "CLASSIC"},
        "word_policy": {"words": [{"text": "bad"}], "managed_word_lists": [{"type": "PROFANITY"}]},
        "sensitive_information_policy": {
            "pii_entities": [{"type": "EMAIL", "action": "ANONYMIZE"}],
            "regexes": [{"name": "no", "pattern": "n-[0-9]+", "action": "BLOCK"}],
        },
        "contextual_grounding_policy": {"filters": [{"type": "GROUNDING", "threshold": 0.7}]},
        "automated_reasoning_policy": None,
        "guardrail_profile": "us.guardrail.v1:0",
        "publish": False,
    }
    sent = {
        "description": "What is said.",
        "topicPolicyConfig": {"topicsConfig": topics, "tierConfig": {"tierName": "STANDARD"}},
        "contentPolicyConfig": {
            "filtersConfig": [
                {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "LOW", "inputModalities": ["TEXT"]}
            ],
            "tierConfig": {"tierName": "CLASSIC"},
        },
        "wordPolicyConfig": {
            "wordsConfig": [{"text": "bad"}],
            "managedWordListsConfig": [{"type": "PROFANITY"}],
        },
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}],
            "regexesConfig": [{"name": "no", "pattern": "n-[0-9]+", "action": "BLOCK"}],
        },
        "contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.7}]},
        "crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"},
    }
    there = {
        "description": "What is said.",
        "topicPolicy": {"topics": topics, "tier": {"tierName": "STANDARD"}},
        "contentPolicy": {"filters": sent["contentPolicyConfig"]["filtersConfig"]},
        "wordPolicy": {"words": [{"text": "bad"}], "managedWordLists": [{"type": "PROFANITY"}]},
        "sensitiveInformationPolicy": {
            "piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE", "inputAction": "ANONYMIZE"}],
            "regexes": [{"name": "no", "pattern": "n-[0-9]+", "action": "BLOCK", "outputEnabled": True}],
        },
        "contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.7, "action": "BLOCK"}]},
        "crossRegionDetails": {
            "guardrailProfileArn": "arn:aws:bedrock:us-west-2:123456789012:guardrail-profile/us.guardrail.v1:0"
        },
    }
    result, _aws, _module = run(given, NONE, created(**sent), *seen(**there))
    assert result["changed"] is True
    # What AWS adds to it is no difference.
    assert run(given, *seen(**there))[0]["changed"] is False


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, *seen("9", "10"))
    assert result["changed"] is False
    # Of the numbers, not of the texts.
    assert result["guardrail"]["newest_version"] == "10"
    assert result["guardrail"]["versions"] == ["9", "10"]


CHANGED = {"wordPolicy": {"words": [{"text": "bad"}, {"text": "worse"}]}}
BOTH = {"word_policy": {"words": [{"text": "worse"}, {"text": "bad"}]}}


def test_a_change_is_published():
    result, _aws, _module = run(
        BOTH,
        *seen("1"),
        updated(wordPolicyConfig={"wordsConfig": [{"text": "worse"}, {"text": "bad"}]}),
        *seen("1", newest=HERE, **CHANGED),
        published("2"),
        *seen("1", "2", **CHANGED),
        *seen("1", "2", **CHANGED),
    )
    assert result["guardrail"]["newest_version"] == "2"


def test_without_publishing():
    result, _aws, _module = run({"publish": False}, *seen("1", newest=CHANGED))
    assert result["changed"] is False
    assert result["guardrail"]["published"] is False


def test_a_draft_that_was_changed_and_published_by_hand_is_taken_back_and_published():
    run(
        {},
        *seen("1", "2", **CHANGED),
        updated(**SENT),
        *seen("1", "2", newest=CHANGED),
        published("3"),
        *seen("1", "2", "3"),
        *seen("1", "2", "3"),
    )


@pytest.mark.parametrize(
    "there",
    [
        {"words": [{"text": "bad", "inputEnabled": False}]},
        {"words": [{"text": "bad", "outputAction": "NONE"}]},
        {"words": [{"text": "bad"}], "managedWordLists": [{"type": "PROFANITY"}]},
    ],
)
def test_what_was_added_to_a_declared_policy_is_taken_back(there):
    result, _aws, _module = run(
        {"publish": False}, *seen("1", wordPolicy=there), updated(**SENT), *seen("1"), *seen("1")
    )
    assert result["changed"] is True


def test_what_is_said_of_responses_to_attacks_counts_for_nothing():
    declared = {"type": "PROMPT_ATTACK", "input_strength": "HIGH", "output_strength": "NONE"}
    there = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE", "outputEnabled": False}
    given = {**dict.fromkeys(LISTS), "content_policy": {"filters": [declared], "tier": "CLASSIC"}}
    assert run(given, *seen("1", contentPolicy={"filters": [there]}))[0]["changed"] is False


def test_what_isnt_declared_is_sent_along():
    there = {
        **HERE,
        "description": "By hand.",
        "kmsKeyArn": KEY,
        "topicPolicy": {
            "topics": [{"name": "Law", "definition": "Of law.", "type": "DENY"}],
            "tier": {"tierName": "STANDARD"},
        },
        "crossRegionDetails": {
            "guardrailProfileArn": "arn:aws:bedrock:us-west-2:1:guardrail-profile/us.guardrail.v1:0"
        },
        "automatedReasoningPolicy": {"policies": ["arn:aws:bedrock:::x"], "confidenceThreshold": 0.5},
    }
    run(
        {"blocked_input_messaging": "Not at all.", "publish": False},
        *seen("1", **there),
        updated(
            **SENT,
            blockedInputMessaging="Not at all.",
            description="By hand.",
            kmsKeyId=KEY,
            topicPolicyConfig={
                "topicsConfig": [{"name": "Law", "definition": "Of law.", "type": "DENY"}],
                "tierConfig": {"tierName": "STANDARD"},
            },
            crossRegionConfig={
                "guardrailProfileIdentifier": "arn:aws:bedrock:us-west-2:1:guardrail-profile/us.guardrail.v1:0"
            },
            automatedReasoningPolicyConfig={"policies": ["arn:aws:bedrock:::x"], "confidenceThreshold": 0.5},
        ),
        *seen("1", **{**there, "blockedInputMessaging": "Not at all."}),
        *seen("1", **{**there, "blockedInputMessaging": "Not at all."}),
    )


def test_check_mode_and_diff():
    result, _aws, _module = run({"word_policy": {}, **BOTH}, *seen("1"), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["word_policy"] == {"words": [{"text": "bad"}]}
    assert result["diff"]["after"]["word_policy"]["words"] == [{"text": "worse"}, {"text": "bad"}]


# ---- versions


def test_old_versions_go():
    result, _aws, _module = run(
        {"keep_versions": 2},
        *seen("1", "2", "10", "11"),
        deleted("1"),
        deleted("2"),
        *seen("10", "11"),
        *seen("10", "11"),
    )
    assert result["changed"] is True


def test_room_is_made_before_publishing():
    full = [str(number) for number in range(1, 21)]
    run(
        {"keep_versions": 20},
        *seen(*full, newest=CHANGED),
        deleted("1"),
        published("21"),
        *seen(*full[1:], "21"),
        *seen(*full[1:], "21"),
    )


def test_too_many_versions():
    full = api_error("CreateGuardrailVersion", "ServiceQuotaExceededException", "Too many versions for the guardrail.")
    assert "set keep_versions" in refuse({}, *seen("1", newest=CHANGED), published("2", full))


def test_a_version_in_use():
    used = api_error("DeleteGuardrail", "ResourceInUseException", "It is used.")
    said = refuse(
        {"keep_versions": 1},
        *seen("1", "2"),
        Step("DeleteGuardrail", used, {**IT, "guardrailVersion": "1"}),
    )
    assert "delete version 1 of Bedrock guardrail 'demo-dev'" in said
    assert "Take it from what uses it" in said


def test_a_version_that_was_deleted_meanwhile():
    gone = api_error("DeleteGuardrail", "ResourceNotFoundException", status=404)
    run(
        {"keep_versions": 1},
        *seen("1", "2"),
        Step("DeleteGuardrail", gone, {**IT, "guardrailVersion": "1"}),
        *seen("2"),
        *seen("2"),
    )


@pytest.mark.parametrize("keep", [0, 21])
def test_how_many_can_be_kept(keep):
    with pytest.raises(ResourceError, match="not from 1 to 20"):
        run({"keep_versions": keep})


def test_a_version_that_is_being_made_is_waited_for():
    run({}, *seen("1", newest_status="CREATING"), *seen("1"))


def test_a_failed_version_is_made_anew():
    _result, aws, _module = run(
        {}, *seen("1", newest_status="FAILED"), published("2"), *seen("1", "2"), *seen("1", "2")
    )
    assert "CreateGuardrailVersion" in aws.operations()


def test_a_lost_reply_publishes_once():
    _result, aws, _module = run({}, *seen("1", newest=CHANGED), published("2", lost_reply()), *seen("1", "2"))
    assert aws.operations().count("CreateGuardrailVersion") == 1


# ---- states, owners, removal


def test_what_is_under_way_is_waited_for():
    result, _aws, _module = run({}, *seen("1", status="UPDATING"), *seen("1"))
    assert result["changed"] is False


def test_a_failure_is_told_with_bedrocks_reasons():
    failed = {"statusReasons": ["The key is disabled."], "failureRecommendations": ["Enable it."], **HERE}
    _result, _aws, module = run({"publish": False}, *seen(status="FAILED", **failed))
    (told,) = module.warnings
    assert "is FAILED. The key is disabled. Enable it." in told


def test_another_change_under_way_is_waited_for():
    busy = api_error("UpdateGuardrail", "ConflictException", "The guardrail is being updated.", 409)
    run(
        {"publish": False},
        *seen("1", **CHANGED),
        Step("UpdateGuardrail", busy),
        *seen("1", **CHANGED),
        updated(**SENT),
        *seen("1"),
        *seen("1"),
    )


def test_a_name_that_was_taken_meanwhile():
    taken = api_error("CreateGuardrail", "ConflictException", "Another guardrail has this name.", 409)
    said = refuse(
        {"owned_by": {"A": "1"}, "tags": {"A": "1"}},
        NONE,
        Step("CreateGuardrail", taken),
        *seen("1", tags={"A": "2"}),
    )
    assert "isn't ours: it has A=2" in said


@pytest.mark.parametrize("state", ["present", "absent"])
def test_someone_elses(state):
    reads = seen("1")[:3] if state == "absent" else seen("1")
    assert "isn't ours" in refuse({"owned_by": {"A": "1"}, "state": state}, *reads)


def test_tags_are_put_back():
    run(
        {"tags": {"A": "1", "B": "2"}, "owned_by": {"A": "1", "B": "2"}, "name": NAME},
        *seen("1", tags={"A": "1", "B": "2", "C": "3"}),
        Step("UntagResource", {}, {"resourceARN": ARN, "tagKeys": ["C"]}),
        *seen("1", tags={"A": "1", "B": "2"}),
    )
    run(
        {"tags": {"A": "1", "B": "2"}},
        *seen("1", tags={"A": "1"}),
        Step("TagResource", {}, {"resourceARN": ARN, "tags": [{"key": "B", "value": "2"}]}),
        *seen("1", tags={"A": "1", "B": "2"}),
    )


def test_delete():
    result, _aws, _module = run(
        {"state": "absent"}, *seen()[:3], Step("DeleteGuardrail", {}, IT), *seen(status="DELETING")[:3], NONE
    )
    assert result["changed"] is True
    assert run({"state": "absent"}, NONE)[0]["changed"] is False


def test_one_that_is_used_stays():
    used = api_error("DeleteGuardrail", "ResourceInUseException", "It is used.")
    said = refuse({"state": "absent"}, *seen()[:3], Step("DeleteGuardrail", used))
    assert "Take it from what uses it" in said


@pytest.mark.parametrize("given", [{}, {"words": []}, {"managed_word_lists": []}])
def test_nothing_to_look_for(given):
    assert "one of its policies needs an entry" in refuse({"word_policy": given}, NONE)
    assert "one of its policies needs an entry" in refuse({"word_policy": given}, *seen("1"))


def test_a_policy_is_taken_away():
    both = {**HERE, "topicPolicy": {"topics": [{"name": "Law", "definition": "Of law.", "type": "DENY"}]}}
    run(
        {"topic_policy": {"tier": "CLASSIC"}, "publish": False},
        *seen("1", **both),
        updated(**SENT),
        *seen("1"),
        *seen("1"),
    )


def test_what_is_needed_to_create_it():
    assert "blocked_input_messaging must be given" in refuse({"blocked_input_messaging": None}, NONE)


def test_throttled_for_long():
    busy = Step("CreateGuardrail", api_error("CreateGuardrail", "ThrottlingException", "Slow down."))
    with pytest.raises(ResourceError, match="Given up after"):
        run({}, NONE, *endless(busy, NONE))
