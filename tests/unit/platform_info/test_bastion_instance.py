# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's instance, its role, bucket and password."""

from __future__ import annotations

import datetime
import functools

import pytest

from . import fake_aws
from .fake_aws import ACCOUNT, PREFIX, REGION, SOMEONE_ELSES_ROLES, look, role, tag_list, taken

owned = functools.partial(fake_aws.owned, "bastion_instance")

IAM = f"arn:aws:iam::{ACCOUNT}"


def instance(instance_id="i-1", tags=None, **members):
    return {
        "InstanceId": instance_id,
        "ImageId": "ami-1",
        "InstanceType": "t3.large",
        "PrivateIpAddress": "10.0.64.7",
        "SubnetId": "subnet-c",
        "State": {"Code": 16, "Name": "running"},
        "Tags": owned("bastion") if tags is None else tags,
        **members,
    }


def instances(*found):
    return {"Reservations": [{"Instances": [item]} for item in found]}


def profile(tags=None):
    name = f"{PREFIX}-bastion"
    return {
        "InstanceProfile": {
            "Path": "/",
            "InstanceProfileName": name,
            "InstanceProfileId": "AIPA1234567890123456",
            "Arn": f"{IAM}:instance-profile/{name}",
            "CreateDate": datetime.datetime(2026, 1, 1),
            "Roles": [],
            "Tags": owned() if tags is None else tags,
        }
    }


BUCKET = f"{PREFIX}-bastion-transfer-{ACCOUNT}"
SECRET = {"Name": f"{PREFIX}-bastion-code-server", "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x-AbCdEf"}
MISSING = {
    "GetServiceQuota": "NoSuchResourceException",
    "DescribeSecret": "ResourceNotFoundException",
    "GetBucketTagging": "NoSuchTagSet",
    "GetInstanceProfile": "NoSuchEntity",
}
ANSWERS = {
    "GetServiceQuota": {"Quota": {"Value": 64.0}},
    "DescribeInstances": instances(instance()),
    "GetRole": role,
    "GetInstanceProfile": profile(),
    "ListBuckets": {"Buckets": [{"Name": "other"}, {"Name": BUCKET}]},
    "GetBucketTagging": {"TagSet": owned()},
    "DescribeSecret": {**SECRET, "Tags": owned()},
}


def test_facts():
    found, aws = look(ANSWERS, "bastion_instance")
    assert found.components["bastion_instance"] == {
        "exists": True,
        "instance_id": "i-1",
        "state": "running",
        "private_ip": "10.0.64.7",
        "subnet_id": "subnet-c",
        "image_id": "ami-1",
        "instance_type": "t3.large",
        "role_arn": f"{IAM}:role/{PREFIX}-bastion",
        "instance_profile_arn": f"{IAM}:instance-profile/{PREFIX}-bastion",
        "transfer_bucket": BUCKET,
        "code_server_secret_arn": SECRET["ARN"],
    }
    assert (found.conflicts, found.warnings) == ([], [])
    (request,) = aws.requests("DescribeInstances")
    filters = {item["Name"]: item["Values"] for item in request["Filters"]}
    assert filters["tag:Name"] == [f"{PREFIX}-bastion"]
    assert "terminated" not in filters["instance-state-name"]


def test_an_instance_of_someone_else_is_not_ours():
    theirs = instance(tags=tag_list(Name=f"{PREFIX}-bastion"))
    found, _aws = look({**ANSWERS, "DescribeInstances": instances(theirs)}, "bastion_instance")
    assert found.components["bastion_instance"]["instance_id"] is None
    assert not found.components["bastion_instance"]["exists"]


def test_two_instances_are_reported():
    two = instances(instance("i-2"), instance("i-1"))
    found, _aws = look({**ANSWERS, "DescribeInstances": two}, "bastion_instance")
    assert found.components["bastion_instance"]["instance_id"] == "i-1"
    assert "left alone: i-2" in found.warnings[0]


def test_a_secret_on_its_way_out_does_not_exist():
    going = {**SECRET, "Tags": owned(), "DeletedDate": datetime.datetime(2026, 1, 1)}
    found, _aws = look({**ANSWERS, "DescribeSecret": going}, "bastion_instance")
    assert found.components["bastion_instance"]["code_server_secret_arn"] is None
    assert found.conflicts == []


def test_a_bucket_without_tags_is_someone_elses():
    found, _aws = look({**ANSWERS, "GetBucketTagging": None}, "bastion_instance")
    assert found.components["bastion_instance"]["transfer_bucket"] is None
    assert [item["resource"] for item in found.conflicts] == [f"S3 bucket {BUCKET}"]


@pytest.mark.parametrize(
    ("answers", "resource"),
    [
        ({"GetInstanceProfile": profile(tag_list(Project="other"))}, f"IAM instance profile {PREFIX}-bastion"),
        ({"DescribeSecret": {**SECRET, "Tags": []}}, f"secret {PREFIX}-bastion-code-server"),
        (
            {"ListBuckets": {"Buckets": [{"Name": BUCKET}]}, "GetBucketTagging": {"TagSet": []}},
            f"S3 bucket {BUCKET}",
        ),
        (SOMEONE_ELSES_ROLES, f"IAM role {PREFIX}-bastion"),
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken(answers, "bastion_instance") == [resource]
