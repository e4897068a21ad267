# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""KMS and CloudWatch Logs: what the roles rely on comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "account",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


def test_key_keeps_policy_tags_rotation_and_alias(client: Callable[[str], Any]) -> None:
    kms = client("kms")
    key_id = kms.create_key(
        Policy=json.dumps(POLICY), Description="platform", Tags=[{"TagKey": "Component", "TagValue": "encryption"}]
    )["KeyMetadata"]["KeyId"]
    assert json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]) == POLICY
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "Name", "TagValue": "key"}])
    tags = kms.list_resource_tags(KeyId=key_id)["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in tags} == {"Component": "encryption", "Name": "key"}
    kms.enable_key_rotation(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is True
    kms.create_alias(AliasName="alias/platform-key", TargetKeyId=key_id)
    assert kms.describe_key(KeyId="alias/platform-key")["KeyMetadata"]["KeyId"] == key_id
    kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=json.dumps({**POLICY, "Id": "changed"}))
    assert json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])["Id"] == "changed"


def test_key_tells_its_account(client: Callable[[str], Any]) -> None:
    kms = client("kms")
    made = kms.create_key()["KeyMetadata"]
    assert made["AWSAccountId"] == made["Arn"].split(":")[4]
    assert kms.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made
    kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["AWSAccountId"] == made["AWSAccountId"]


def test_log_group_keeps_key_retention_and_tags(client: Callable[[str], Any]) -> None:
    logs = client("logs")
    name = "/aws/eks/platform/cluster"
    key = "arn:aws:kms:us-west-2:123456789012:key/one"
    logs.create_log_group(logGroupName=name, kmsKeyId=key, tags={"Component": "eks"})
    logs.put_retention_policy(logGroupName=name, retentionInDays=365)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert (group["kmsKeyId"], group["retentionInDays"]) == (key, 365)
    arn = group["arn"].removesuffix(":*")
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"Component": "eks"}
    logs.tag_resource(resourceArn=arn, tags={"Name": "logs"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"Component": "eks", "Name": "logs"}
    logs.disassociate_kms_key(logGroupName=name)
    assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    logs.associate_kms_key(logGroupName=name, kmsKeyId=f"{key}-other")
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["kmsKeyId"] == f"{key}-other"
    with pytest.raises(ClientError) as raised:
        logs.associate_kms_key(logGroupName="/nothing", kmsKeyId=key)
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_log_group_with_its_switches(client: Callable[[str], Any]) -> None:
    logs = client("logs")
    name = "/aws/vpc/platform/switches"
    logs.create_log_group(logGroupName=name, deletionProtectionEnabled=True)

    def seen() -> tuple[bool, bool]:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return group["deletionProtectionEnabled"], group["bearerTokenAuthenticationEnabled"]

    assert seen() == (True, False)
    with pytest.raises(ClientError, match="deletion protection"):
        logs.delete_log_group(logGroupName=name)
    logs.put_bearer_token_authentication(logGroupIdentifier=name, bearerTokenAuthenticationEnabled=True)
    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
    assert seen() == (False, True)
    logs.delete_log_group(logGroupName=name)


def test_log_group_has_a_policy_and_filters_of_its_own(client: Callable[[str], Any]) -> None:
    logs = client("logs")
    name = "/aws/vpc/platform/policy"
    logs.create_log_group(logGroupName=name)
    arn = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["logGroupArn"]
    put = logs.put_resource_policy(resourceArn=arn, policyDocument=json.dumps(POLICY))
    (policy,) = logs.describe_resource_policies(resourceArn=arn, policyScope="RESOURCE")["resourcePolicies"]
    assert (json.loads(policy["policyDocument"]), policy["revisionId"]) == (POLICY, put["revisionId"])
    logs.delete_resource_policy(resourceArn=arn, expectedRevisionId=policy["revisionId"])
    assert logs.describe_resource_policies(resourceArn=arn, policyScope="RESOURCE")["resourcePolicies"] == []
    stream = "arn:aws:kinesis:us-west-2:123456789012:stream/one"
    logs.put_subscription_filter(logGroupName=name, filterName="one", filterPattern="", destinationArn=stream)
    (found,) = logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
    assert found["destinationArn"] == stream
