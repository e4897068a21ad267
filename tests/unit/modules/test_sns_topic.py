# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SNS topic."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.sns_topic import Topic
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

ARN = "arn:aws:sns:us-west-2:123456789012:demo"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
TAGS = {"Project": "demo"}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.rds.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": ARN,
        }
    ],
}
PARAMS = {
    "name": "demo",
    "fifo": False,
    "content_based_deduplication": None,
    "fifo_throughput_scope": None,
    "kms_key_id": KEY,
    "policy": json.dumps(POLICY),
    "display_name": None,
    "tracing_config": None,
    "signature_version": 2,
    "delivery_policy": None,
    "tags": TAGS,
    "owned_by": TAGS,
}
CALLER = Step("GetCallerIdentity", {"Account": "123456789012", "Arn": "arn:aws:sts::123456789012:assumed-role/r/s"}, {})


def looked(tags=TAGS, **attributes):
    """One look at the topic."""
    attributes = {
        "TopicArn": ARN,
        "Policy": json.dumps(POLICY),
        "DisplayName": "",
        "KmsMasterKeyId": KEY,
        "SignatureVersion": "2",
        **attributes,
    }
    present = {name: text for name, text in attributes.items() if text is not None}
    return [
        Step("GetTopicAttributes", {"Attributes": present}, {"TopicArn": ARN}),
        Step(
            "ListTagsForResource",
            {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]},
            {"ResourceArn": ARN},
        ),
    ]


def nothing():
    return Step("GetTopicAttributes", api_error("GetTopicAttributes", "NotFound", status=404), {"TopicArn": ARN})


def run(params, *steps, **kwargs):
    return run_resource(Topic, {**PARAMS, **params}, CALLER, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(Topic, {**PARAMS, **params}, CALLER, *steps, **kwargs)


def test_create():
    request = {
        "Name": "demo",
        "Attributes": {"KmsMasterKeyId": KEY, "Policy": json.dumps(POLICY), "SignatureVersion": "2"},
        "Tags": [{"Key": "Project", "Value": "demo"}],
    }
    result, _aws, _module = run({}, nothing(), Step("CreateTopic", {"TopicArn": ARN}, request), *looked())
    assert result["changed"] is True
    assert result["topic"]["topic_arn"] == ARN


def test_create_a_fifo_topic():
    arn = f"{ARN}.fifo"
    params = {
        **PARAMS,
        "name": "demo.fifo",
        "fifo": True,
        "content_based_deduplication": False,
        "fifo_throughput_scope": "MessageGroup",
        **dict.fromkeys(("kms_key_id", "policy", "signature_version", "tags", "owned_by")),
    }
    attributes = {"FifoTopic": "true", "FifoThroughputScope": "MessageGroup"}
    found = {"TopicArn": arn, **attributes, "ContentBasedDeduplication": "false"}
    run_resource(
        Topic,
        params,
        CALLER,
        Step("GetTopicAttributes", api_error("GetTopicAttributes", "NotFound"), {"TopicArn": arn}),
        Step("CreateTopic", {"TopicArn": arn}, {"Name": "demo.fifo", "Attributes": attributes}),
        Step("GetTopicAttributes", {"Attributes": found}),
        Step("ListTagsForResource", {"Tags": []}),
    )


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, *looked())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "name", "text"),
    [
        ({"kms_key_id": "alias/other"}, "KmsMasterKeyId", "alias/other"),
        ({"kms_key_id": ""}, "KmsMasterKeyId", ""),
        ({"signature_version": 1}, "SignatureVersion", "1"),
        ({"display_name": "Demo"}, "DisplayName", "Demo"),
        ({"tracing_config": "Active"}, "TracingConfig", "Active"),
        ({"policy": {**POLICY, "Id": "x"}}, "Policy", json.dumps({**POLICY, "Id": "x"})),
        ({"delivery_policy": '{"http": {}}'}, "DeliveryPolicy", '{"http": {}}'),
    ],
)
def test_each_change_is_its_own_call(params, name, text):
    result, _aws, _module = run(
        params,
        *looked(),
        Step("SetTopicAttributes", {}, {"TopicArn": ARN, "AttributeName": name, "AttributeValue": text}),
        *looked(**{name: text}) * 2,
    )
    assert result["changed"] is True


def test_a_delivery_policy_of_others_is_taken_back():
    request = {"TopicArn": ARN, "AttributeName": "DeliveryPolicy", "AttributeValue": ""}
    theirs = json.dumps({"http": {"defaultRequestPolicy": {"headerContentType": "text/plain"}}})
    run(
        {"delivery_policy": "{}"},
        *looked(DeliveryPolicy=theirs),
        Step("SetTopicAttributes", {}, request),
        *looked() * 2,
    )


@pytest.mark.parametrize("key", ["k", KEY])
def test_a_key_is_known_in_another_form(key):
    result, _aws, _module = run({"kms_key_id": "k"}, *looked(KmsMasterKeyId=key))
    assert result["changed"] is False


def test_a_topic_that_lost_its_key_is_encrypted_again():
    run(
        {},
        *looked(KmsMasterKeyId=None),
        Step("SetTopicAttributes", {}, {"TopicArn": ARN, "AttributeName": "KmsMasterKeyId", "AttributeValue": KEY}),
        *looked() * 2,
    )


def test_the_kind_can_not_be_changed():
    assert "fifo: is False, declared True" in refuse({"fifo": True}, *looked())


def test_a_role_that_the_policy_names_was_just_made():
    text = "Invalid parameter: Policy Error: PrincipalNotFound"
    _result, aws, _module = run(
        {},
        nothing(),
        Step("CreateTopic", api_error("CreateTopic", "InvalidParameter", text)),
        nothing(),
        Step("CreateTopic", {"TopicArn": ARN}),
        *looked(),
    )
    assert aws.operations().count("CreateTopic") == 2


def test_lost_reply_of_create_makes_no_second_call():
    _result, aws, _module = run({}, nothing(), Step("CreateTopic", lost_reply()), *looked())
    assert aws.operations().count("CreateTopic") == 1


def test_check_mode_knows_the_arn_of_a_new_topic():
    result, _aws, _module = run({}, nothing(), check_mode=True)
    assert result["topic"]["topic_arn"] == ARN
    assert result["diff"]["after"]["kms_key_id"] == KEY


def test_a_topic_of_someone_else_stays_untouched():
    assert "isn't ours" in refuse({}, *looked(tags={"Project": "other"}))
    assert "isn't ours" in refuse({"state": "absent"}, *looked(tags={}))


def test_tags():
    run(
        {},
        *looked(tags={**TAGS, "A": "1"}),
        Step("UntagResource", {}, {"ResourceArn": ARN, "TagKeys": ["A"]}),
        *looked(),
    )


def test_delete():
    result, _aws, _module = run({"state": "absent"}, *looked(), Step("DeleteTopic", {}, {"TopicArn": ARN}), nothing())
    assert result["changed"] is True
