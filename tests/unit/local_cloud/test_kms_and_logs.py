# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""KMS, which needs no shim, and CloudWatch Logs: what the roles rely on comes back."""

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
