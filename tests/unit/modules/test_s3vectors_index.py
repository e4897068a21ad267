# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Vector index of S3 Vectors."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.s3vectors_index import Index
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

ARN = "arn:aws:s3vectors:us-west-2:123456789012:bucket/demo-vectors/index/knowledge"
ID = {"vectorBucketName": "demo-vectors", "indexName": "knowledge"}
KEYS = ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]
PARAMS = {
    "vector_bucket_name": "demo-vectors",
    "name": "knowledge",
    "dimension": 1024,
    "distance_metric": "cosine",
    "data_type": "float32",
    "non_filterable_metadata_keys": KEYS,
    "sse_type": None,
    "kms_key_arn": None,
    "replace": False,
}
MADE = {
    "dataType": "float32",
    "dimension": 1024,
    "distanceMetric": "cosine",
    "metadataConfiguration": {"nonFilterableMetadataKeys": KEYS},
}
GONE = Step("GetIndex", api_error("GetIndex", "NotFoundException", "The specified index could not be found", 404), ID)
DELETED = Step("DeleteIndex", {}, ID)


def seen(tags=None, **members):
    index = {**ID, "indexArn": ARN, **MADE, "encryptionConfiguration": {"sseType": "AES256"}, **members}
    index = {member: value for member, value in index.items() if value is not None}
    return [
        Step("GetIndex", {"index": index}, ID),
        Step("ListTagsForResource", {"tags": tags or {}}, {"resourceArn": ARN}),
    ]


def created(**members):
    return Step("CreateIndex", {"indexArn": ARN}, {**ID, **MADE, **members})


def run(params, *steps, **kwargs):
    return run_resource(Index, {**PARAMS, **params}, *steps, **kwargs)


def refusal(params, *steps):
    return refuse_resource(Index, {**PARAMS, **params}, *steps)


def test_made_and_left_alone():
    result, _aws, _module = run({"tags": {"A": "1"}}, GONE, created(tags={"A": "1"}), *seen({"A": "1"}))
    assert result["changed"] is True
    assert result["replaced"] is False
    assert result["index"]["index_arn"] == ARN
    # The keys have no order.
    reverse = {"nonFilterableMetadataKeys": KEYS[::-1]}
    result, _aws, _module = run({"tags": {"A": "1"}}, *seen({"A": "1"}, metadataConfiguration=reverse))
    assert result["changed"] is False


def test_one_without_such_keys():
    run({"non_filterable_metadata_keys": []}, *seen(metadataConfiguration=None))
    text = refusal({}, *seen(metadataConfiguration=None))
    assert f"non_filterable_metadata_keys: is [], declared {KEYS!r}" in text


CHANGES = [
    ({"dimension": 512}, "dimension: is 1024, declared 512"),
    ({"distance_metric": "euclidean"}, "distance_metric: is 'cosine', declared 'euclidean'"),
    ({"non_filterable_metadata_keys": ["text"]}, f"non_filterable_metadata_keys: is {KEYS!r}, declared ['text']"),
    ({"sse_type": "aws:kms", "kms_key_arn": "k"}, "sse_type: is 'AES256', declared 'aws:kms'"),
]


@pytest.mark.parametrize(("params", "text"), CHANGES)
def test_what_cannot_be_changed_is_refused(params, text):
    told = refusal(params, *seen())
    assert text in told
    assert "replace: true" in told


@pytest.mark.parametrize(("params", "text"), CHANGES)
def test_it_is_made_anew_where_that_is_asked_for(params, text):
    made = {
        {"dimension": "dimension", "distance_metric": "distanceMetric"}.get(option, option): value
        for option, value in params.items()
        if option in ("dimension", "distance_metric")
    }
    steps = [*seen(), DELETED, GONE, Step("CreateIndex", {"indexArn": ARN}, lambda request: asked(request, made))]
    wanted = {**made}
    if "non_filterable_metadata_keys" in params:
        wanted["metadataConfiguration"] = {"nonFilterableMetadataKeys": ["text"]}
    if "sse_type" in params:
        wanted["encryptionConfiguration"] = {"sseType": "aws:kms", "kmsKeyArn": "k"}
    result, _aws, module = run({**params, "replace": True}, *steps, *seen(**wanted))
    assert result["changed"] is True
    assert result["replaced"] is True
    assert text in module.warnings[0]


def asked(request, made):
    assert made.items() <= request.items()


def test_a_dry_run_says_that_it_would_be_made_anew():
    result, _aws, _module = run({"dimension": 512, "replace": True}, *seen(), check_mode=True)
    assert result["changed"] is True
    assert result["replaced"] is True
    assert result["index"]["dimension"] == 512


def test_one_that_fits_is_not_made_anew():
    result, _aws, _module = run({"replace": True}, *seen())
    assert result["changed"] is False
    assert result["replaced"] is False


def test_nothing_is_deleted_that_cannot_be_made_again():
    text = refusal({"dimension": 512, "distance_metric": None, "replace": True}, *seen())
    assert "to create it distance_metric must be given" in text


def test_one_of_someone_else_is_not_made_anew():
    params = {"dimension": 512, "replace": True, "owned_by": {"Project": "demo"}}
    assert "isn't ours" in refusal(params, *seen({"Project": "other"}))


def test_lost_reply_of_the_deletion():
    lost = Step("DeleteIndex", lost_reply(), ID)
    result, _aws, _module = run(
        {"dimension": 512, "replace": True}, *seen(), lost, GONE, created(dimension=512), *seen(dimension=512)
    )
    assert result["replaced"] is True


def test_without_its_bucket_it_says_what_helps():
    missing = api_error("CreateIndex", "NotFoundException", "The specified vector bucket could not be found", 404)
    assert "Make the vector bucket first." in refusal({}, GONE, Step("CreateIndex", missing))


def test_removed():
    result, _aws, _module = run({"state": "absent"}, *seen(), DELETED, GONE)
    assert result["changed"] is True
    assert result["index"] == {}
