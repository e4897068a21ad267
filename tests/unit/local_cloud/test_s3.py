# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3: the shim for new buckets, and that what the module s3_bucket relies on comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
TAGS = [{"Key": "Component", "Value": "documents"}]


@pytest.fixture(scope="session")
def s3(client: Callable[[str], Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    """A bucket of its own for each test, made with its tags."""
    name = request.node.name.replace("_", "-")[:63].rstrip("-")
    s3.create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": settings.REGION, "Tags": TAGS},
        ObjectOwnership="ObjectWriter",
    )
    return name


def code_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"]


def test_new_bucket_blocks_public_access(s3: Any, bucket: str) -> None:
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == BLOCKED
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == "AccessDenied"
    opened = {**BLOCKED, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=opened)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == opened


def test_bucket_is_made_with_tags_and_ownership(s3: Any, bucket: str) -> None:
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == settings.REGION
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "ObjectWriter"}]


def test_name_can_be_taken_once(s3: Any, bucket: str, local_cloud: settings.Instance) -> None:
    here = {"CreateBucketConfiguration": {"LocationConstraint": settings.REGION}}
    assert code_of(s3.create_bucket, Bucket=bucket, **here) == "BucketAlreadyOwnedByYou"
    other = boto3.client(
        "s3",
        endpoint_url=local_cloud.endpoint,
        region_name=settings.REGION,
        aws_access_key_id="210987654321",
        aws_secret_access_key="a-secret-key-that-nobody-uses",
    )
    assert code_of(other.create_bucket, Bucket=bucket, **here) == "BucketAlreadyExists"
    assert code_of(other.head_bucket, Bucket=bucket) == "403"
    assert code_of(s3.head_bucket, Bucket=f"{bucket}-2") == "404"


def test_what_is_not_there_is_an_error_code(s3: Any, bucket: str) -> None:
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert code_of(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    assert code_of(s3.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"
    assert code_of(s3.get_bucket_ownership_controls, Bucket=bucket) == "OwnershipControlsNotFoundError"
    assert code_of(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    assert code_of(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_encryption_and_rules_come_back(s3: Any, bucket: str) -> None:
    encryption = {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": "arn:aws:kms:us-west-2:123456789012:key/one",
        },
        "BucketKeyEnabled": True,
    }
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [encryption]})
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == [encryption]
    rules = [
        {
            "ID": "old-versions",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {"ID": "scratch", "Filter": {"Prefix": "tmp/"}, "Status": "Disabled", "Expiration": {"Days": 1}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules


def test_bucket_is_empty_without_versions_and_delete_markers(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="before", Body=b"")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _time in range(2):
        s3.put_object(Bucket=bucket, Key="a b", Body=b"")
    s3.delete_object(Bucket=bucket, Key="a b")
    assert code_of(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    found = s3.list_object_versions(Bucket=bucket)
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (3, 1)
    objects = [
        {"Key": item["Key"], "VersionId": item["VersionId"]} for item in found["Versions"] + found["DeleteMarkers"]
    ]
    assert {"Key": "before", "VersionId": "null"} in objects
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)
    assert code_of(s3.head_bucket, Bucket=bucket) == "404"


def test_who_pays_comes_back(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"


def test_inventories_and_analyses_are_not_the_bucket(s3: Any, bucket: str) -> None:
    assert "InventoryConfigurationList" not in s3.list_bucket_inventory_configurations(Bucket=bucket)
    inventory = {
        "Id": "all",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::elsewhere", "Format": "CSV"}},
    }
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id="all", InventoryConfiguration=inventory)
    analysis = {"Id": "one", "StorageClassAnalysis": {}}
    s3.put_bucket_analytics_configuration(Bucket=bucket, Id="one", AnalyticsConfiguration=analysis)
    (found,) = s3.list_bucket_inventory_configurations(Bucket=bucket)["InventoryConfigurationList"]
    assert (found["Id"], found["Destination"]) == ("all", inventory["Destination"])
    (found,) = s3.list_bucket_analytics_configurations(Bucket=bucket)["AnalyticsConfigurationList"]
    assert found["Id"] == "one"
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="all")
    s3.delete_bucket_analytics_configuration(Bucket=bucket, Id="one")
    assert "InventoryConfigurationList" not in s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert s3.head_bucket(Bucket=bucket)
