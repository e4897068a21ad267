# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Vector bucket of S3 Vectors."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.s3vectors_vector_bucket import VectorBucket
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "demo-vectors"
ARN = f"arn:aws:s3vectors:us-west-2:123456789012:bucket/{NAME}"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
ID = {"vectorBucketName": NAME}
PARAMS = {"name": NAME, "sse_type": None, "kms_key_arn": None, "policy": None, "force_destroy": False}
KMS = {"sse_type": "aws:kms", "kms_key_arn": KEY}
ENCRYPTION = {"sseType": "aws:kms", "kmsKeyArn": KEY}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "s3vectors:QueryVectors",
            "Resource": f"{ARN}/index/*",
        }
    ],
}
MISSING = api_error("GetVectorBucket", "NotFoundException", "The specified vector bucket could not be found", 404)
GONE = Step("GetVectorBucket", MISSING, ID)


def seen(tags=None, policy=None, encryption=ENCRYPTION):
    """The calls of one reading. policy: that of a run that declares one, {} for none."""
    bucket = {"vectorBucketName": NAME, "vectorBucketArn": ARN, "encryptionConfiguration": encryption}
    steps = [
        Step("GetVectorBucket", {"vectorBucket": bucket}, ID),
        Step("ListTagsForResource", {"tags": tags or {}}, {"resourceArn": ARN}),
    ]
    if policy is not None:
        answer = {"policy": json.dumps(policy)} if policy else api_error("GetVectorBucketPolicy", "NotFoundException")
        steps.append(Step("GetVectorBucketPolicy", answer, ID))
    return steps


def indexes(*names):
    found = [{"vectorBucketName": NAME, "indexName": name, "indexArn": f"{ARN}/index/{name}"} for name in names]
    return Step("ListIndexes", {"indexes": found}, ID)


def run(params, *steps, **kwargs):
    return run_resource(VectorBucket, {**PARAMS, **params}, *steps, **kwargs)


def refusal(params, *steps):
    return refuse_resource(VectorBucket, {**PARAMS, **params}, *steps)


def test_made_with_its_tags_then_its_policy():
    request = {**ID, "encryptionConfiguration": ENCRYPTION, "tags": {"A": "1"}}
    result, _aws, _module = run(
        {**KMS, "policy": POLICY, "tags": {"A": "1"}},
        GONE,
        Step("CreateVectorBucket", {"vectorBucketArn": ARN}, request),
        *seen({"A": "1"}, policy={}),
        Step("PutVectorBucketPolicy", {}, {**ID, "policy": json.dumps(POLICY)}),
        *seen({"A": "1"}, policy=POLICY),
        *seen({"A": "1"}, policy=POLICY),
    )
    assert result["changed"] is True
    assert result["vector_bucket"]["vector_bucket_arn"] == ARN
    assert result["vector_bucket"]["tags"] == {"A": "1"}


def test_left_alone_as_declared():
    result, _aws, _module = run({**KMS, "policy": POLICY, "tags": {"A": "1"}}, *seen({"A": "1"}, policy=POLICY))
    assert result["changed"] is False


def test_a_policy_of_someone_elses_is_removed():
    step = Step("DeleteVectorBucketPolicy", {}, ID)
    run({"policy": {}}, *seen(policy=POLICY), step, *seen(policy={}), *seen(policy={}))


def test_tags_are_put_back():
    run(
        {"tags": {"A": "1"}},
        *seen({"B": "2"}),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["B"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"A": "1"}}),
        *seen({"A": "1"}),
    )


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"sse_type": "AES256"}, "sse_type: is 'aws:kms', declared 'AES256'"),
        ({**KMS, "kms_key_arn": f"{KEY}2"}, f"kms_key_arn: is '{KEY}', declared '{KEY}2'"),
    ],
)
def test_encryption_cannot_be_changed(params, text):
    assert text in refusal(params, *seen())


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"kms_key_arn": KEY}, "is given kms_key_arn, and sse_type is not set"),
        ({"sse_type": "AES256", "kms_key_arn": KEY}, "is given kms_key_arn, and sse_type is AES256"),
        ({"sse_type": "aws:kms"}, "give kms_key_arn"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_before_any_write(params, text):
    assert text in refusal(params, GONE)


def test_lost_reply_makes_no_second_one():
    _result, aws, _module = run({}, GONE, Step("CreateVectorBucket", lost_reply()), *seen())
    assert aws.operations().count("CreateVectorBucket") == 1


def test_a_key_policy_that_was_just_changed_is_waited_for():
    refused = api_error(
        "CreateVectorBucket", "AccessDeniedException", "Insufficient access to perform asynchronous indexing", 403
    )
    create = Step("CreateVectorBucket", {"vectorBucketArn": ARN})
    run(KMS, GONE, Step("CreateVectorBucket", refused), GONE, create, *seen())


def test_one_of_someone_else_stays_untouched():
    text = refusal({"owned_by": {"Project": "demo"}, "policy": {}}, *seen({"Project": "other"}, policy={}))
    assert "isn't ours" in text


def test_one_with_indexes_stays_unless_they_may_go():
    text = refusal({"state": "absent"}, *seen(), indexes("one", "two"))
    assert "has the indexes one and two. Give force_destroy: true" in text
    text = refusal({"state": "absent"}, *seen(), indexes(*(f"no{number}" for number in range(7))))
    assert "has the indexes no0, no1, no2, no3, no4 and 2 more." in text
    steps = [Step("DeleteIndex", {}, {**ID, "indexName": name}) for name in ("one", "two")]
    absent = {"state": "absent", "force_destroy": True}
    result, _aws, _module = run(
        absent, *seen(), indexes("one", "two"), *steps, Step("DeleteVectorBucket", {}, ID), GONE
    )
    assert result["changed"] is True


def test_an_index_that_was_made_meanwhile_goes_too():
    full = api_error("DeleteVectorBucket", "ConflictException", "The specified vector bucket is not empty", 409)
    run(
        {"state": "absent", "force_destroy": True},
        *seen(),
        indexes(),
        Step("DeleteVectorBucket", full, ID),
        *seen(),
        indexes("late"),
        Step("DeleteIndex", {}, {**ID, "indexName": "late"}),
        Step("DeleteVectorBucket", {}, ID),
        GONE,
    )


def test_check_mode_predicts_without_writing():
    result, _aws, _module = run({**KMS, "tags": {"A": "1"}}, GONE, check_mode=True)
    assert result["changed"] is True
    assert result["vector_bucket"]["encryption_configuration"] == {"sse_type": "aws:kms", "kms_key_arn": KEY}
