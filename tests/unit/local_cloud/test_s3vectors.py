# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3 Vectors, which is the shim's as a whole."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TEXT = "AMAZON_BEDROCK_TEXT"


@pytest.fixture
def vectors(client: Callable[[str], Any]) -> Any:
    return client("s3vectors")


@pytest.fixture
def bucket(vectors: Any) -> str:
    name = f"vectors-{uuid.uuid4().hex}"
    vectors.create_vector_bucket(vectorBucketName=name, tags={"Name": name})
    return name


@pytest.fixture
def index(vectors: Any, bucket: str) -> dict[str, str]:
    """An index of vectors with two numbers."""
    place = {"vectorBucketName": bucket, "indexName": "index"}
    vectors.create_index(
        **place,
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": [TEXT]},
        tags={"A": "1"},
    )
    return place


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error, status = raised.value.response["Error"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return f"{status} {error['Code']}: {error['Message']}"


def test_a_bucket_from_its_creation_to_its_end(vectors: Any, bucket: str) -> None:
    found = vectors.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"]
    assert found["vectorBucketArn"] == f"arn:aws:s3vectors:us-west-2:123456789012:bucket/{bucket}"
    assert found["encryptionConfiguration"] == {"sseType": "AES256"}
    assert vectors.get_vector_bucket(vectorBucketArn=found["vectorBucketArn"])["vectorBucket"] == found
    assert [item["vectorBucketName"] for item in vectors.list_vector_buckets(prefix=bucket)["vectorBuckets"]] == [
        bucket
    ]
    taken = refusal(vectors.create_vector_bucket, vectorBucketName=bucket)
    assert taken == "409 ConflictException: A vector bucket with the specified name already exists"
    vectors.delete_vector_bucket(vectorBucketName=bucket)
    gone = "404 NotFoundException: The specified vector bucket could not be found"
    assert refusal(vectors.get_vector_bucket, vectorBucketName=bucket) == gone
    assert refusal(vectors.delete_vector_bucket, vectorBucketName=bucket) == gone


def test_a_key_needs_a_policy_for_the_service(vectors: Any, client: Callable[[str], Any]) -> None:
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    request = {
        "vectorBucketName": f"vectors-{uuid.uuid4().hex}",
        "encryptionConfiguration": {"sseType": "aws:kms", "kmsKeyArn": key},
    }
    refused = "403 AccessDeniedException: Insufficient access to perform asynchronous indexing"
    assert refusal(vectors.create_vector_bucket, **request) == refused
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    vectors.create_vector_bucket(**request)
    place = {"vectorBucketName": request["vectorBucketName"], "indexName": "index"}
    vectors.create_index(**place, dataType="float32", dimension=2, distanceMetric="cosine")
    # An index takes the key of its bucket.
    found = vectors.get_index(**place)["index"]
    assert found["encryptionConfiguration"] == request["encryptionConfiguration"]
    wrong = {"sseType": "AES256", "kmsKeyArn": key}
    place["indexName"] = "other"
    told = refusal(
        vectors.create_index,
        **place,
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
        encryptionConfiguration=wrong,
    )
    assert "400 ValidationException" in told


def test_policy_and_tags(vectors: Any, bucket: str) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    missing = "404 NotFoundException: The specified vector bucket policy could not be found"
    assert refusal(vectors.get_vector_bucket_policy, vectorBucketName=bucket) == missing
    vectors.put_vector_bucket_policy(vectorBucketName=bucket, policy=policy)
    assert vectors.get_vector_bucket_policy(vectorBucketName=bucket)["policy"] == policy
    vectors.delete_vector_bucket_policy(vectorBucketName=bucket)
    assert refusal(vectors.get_vector_bucket_policy, vectorBucketName=bucket) == missing
    arn = vectors.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"]["vectorBucketArn"]
    vectors.tag_resource(resourceArn=arn, tags={"A": "1", "B": "2"})
    vectors.untag_resource(resourceArn=arn, tagKeys=["A", "Name"])
    assert vectors.list_tags_for_resource(resourceArn=arn)["tags"] == {"B": "2"}
    assert "404 NotFoundException" in refusal(vectors.list_tags_for_resource, resourceArn=f"{arn}x")


def test_an_index_from_its_creation_to_its_end(vectors: Any, bucket: str, index: dict[str, str]) -> None:
    found = vectors.get_index(**index)["index"]
    assert found["indexArn"].endswith(f":bucket/{bucket}/index/index")
    assert (found["dimension"], found["distanceMetric"], found["dataType"]) == (2, "cosine", "float32")
    assert found["metadataConfiguration"] == {"nonFilterableMetadataKeys": [TEXT]}
    assert vectors.list_tags_for_resource(resourceArn=found["indexArn"])["tags"] == {"A": "1"}
    (listed,) = vectors.list_indexes(vectorBucketName=bucket)["indexes"]
    assert set(listed) == {"creationTime", "indexArn", "indexName", "vectorBucketName"}
    full = "409 ConflictException: The specified vector bucket is not empty"
    assert refusal(vectors.delete_vector_bucket, vectorBucketName=bucket) == full
    made = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    taken = "409 ConflictException: An index with the specified name already exists"
    assert refusal(vectors.create_index, **index, **made) == taken
    vectors.delete_index(indexArn=found["indexArn"])
    gone = "404 NotFoundException: The specified index could not be found"
    assert refusal(vectors.get_index, **index) == gone
    missing = "404 NotFoundException: The specified vector bucket could not be found"
    assert refusal(vectors.create_index, **{**index, "vectorBucketName": "nowhere"}, **made) == missing


def test_vectors_are_found_by_their_distance_and_their_metadata(vectors: Any, index: dict[str, str]) -> None:
    given = {"east": [1.0, 0.0], "north": [0.0, 1.0], "northeast": [1.0, 1.0]}
    vectors.put_vectors(
        **index,
        vectors=[
            {"key": key, "data": {"float32": data}, "metadata": {"length": len(key), TEXT: key}}
            for key, data in given.items()
        ],
    )
    asked = {**index, "queryVector": {"float32": [1.0, 0.1]}, "topK": 2}
    answer = vectors.query_vectors(**asked, returnMetadata=True, returnDistance=True)
    assert [vector["key"] for vector in answer["vectors"]] == ["east", "northeast"]
    assert answer["vectors"][0]["metadata"] == {"length": 4, TEXT: "east"}
    assert answer["vectors"][0]["distance"] < answer["vectors"][1]["distance"]
    longer = {"$and": [{"length": {"$gt": 4}}, {"length": {"$in": [5, 9]}}]}
    (first, _second) = vectors.query_vectors(**asked, filter=longer)["vectors"]
    assert first == {"key": "northeast"}
    assert "400 ValidationException" in refusal(vectors.query_vectors, **asked, filter={TEXT: "east"})
    assert len(vectors.get_vectors(**index, keys=["east", "none"], returnData=True)["vectors"]) == 1
    vectors.delete_vectors(**index, keys=["east", "none"])
    assert {vector["key"] for vector in vectors.list_vectors(**index)["vectors"]} == {"north", "northeast"}
    wrong = [{"key": "x", "data": {"float32": [1.0]}}]
    assert "must have length 2, but has length 1" in refusal(vectors.put_vectors, **index, vectors=wrong)
