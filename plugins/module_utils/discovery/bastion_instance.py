# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's instance, its role, the bucket for its files and the password of its code-server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import IAM_ROLE, Component, Search, tags_of

THING = "bastion"
LIVING = ("pending", "running", "stopping", "stopped")


def empty(search: Search) -> dict[str, Any]:
    return {
        "instance_id": None,
        "state": None,
        "private_ip": None,
        "subnet_id": None,
        "image_id": None,
        "instance_type": None,
        "role_arn": None,
        "instance_profile_arn": None,
        "transfer_bucket": None,
        "code_server_secret_arn": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    scope = search.scope
    named = [
        {"Name": "tag:Name", "Values": [scope.name(THING, "ec2_tag_name")]},
        {"Name": "instance-state-name", "Values": list(LIVING)},
    ]
    instances = search.start("ec2", "describe_instances", Filters=[*scope.filters, *named])
    roles = search.start_roles([THING])
    profile = search.start("iam", "get_instance_profile", InstanceProfileName=scope.name(THING, IAM_ROLE))
    secret = search.start("secretsmanager", "describe_secret", SecretId=scope.name("bastion-code-server", "secret"))
    buckets = search.start("s3", "list_buckets")

    found = [item for group in (instances.result() or {}).get("Reservations", []) for item in group["Instances"]]
    instance = search.one("instances", search.owned({"Instances": found}, "Instances"), "InstanceId")
    if instance:
        facts.update(
            instance_id=instance["InstanceId"],
            state=instance["State"]["Name"],
            private_ip=instance.get("PrivateIpAddress"),
            subnet_id=instance.get("SubnetId"),
            image_id=instance["ImageId"],
            instance_type=instance["InstanceType"],
        )
    facts["role_arn"] = search.roles(roles)[THING]
    facts["instance_profile_arn"] = _instance_profile(search, profile.result())
    facts["code_server_secret_arn"] = _secret(search, secret.result())
    facts["transfer_bucket"] = _bucket(search, buckets.result())


def _instance_profile(search: Search, answer: dict | None) -> str | None:
    profile = (answer or {}).get("InstanceProfile")
    if profile and not search.scope.owns(tags_of(profile)):
        search.foreign(f"IAM instance profile {profile['InstanceProfileName']}")
        return None
    return profile and profile["Arn"]


def _secret(search: Search, secret: dict | None) -> str | None:
    """The secret, unless it is to be deleted: then it can be brought back, and nothing may read it."""
    if secret and not search.scope.owns(tags_of(secret)):
        search.foreign(f"secret {secret['Name']}")
        return None
    return secret["ARN"] if secret and not secret.get("DeletedDate") else None


def _bucket(search: Search, answer: dict | None) -> str | None:
    """The bucket, if it is in this account; a name that another account has taken shows only when it is asked for."""
    account = search.account_id
    name = search.scope.name(f"bastion-transfer-{account}", "s3_bucket")
    if name not in [bucket["Name"] for bucket in (answer or {}).get("Buckets", [])]:
        return None
    tags = search.read("s3", "get_bucket_tagging", Bucket=name)
    if not search.scope.owns(tags_of(tags or {}, "TagSet")):
        search.foreign(f"S3 bucket {name}")
        return None
    return name


def summary(facts: Mapping[str, Any]) -> list[str]:
    return [f"{facts['instance_id']} {facts['instance_type']} {facts['state']} {facts['private_ip']}"]


COMPONENT = Component(
    name="bastion_instance",
    services=("ec2", "iam", "s3", "secretsmanager"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["instance_id"] is not None,
    summary=summary,
    quotas=("trust_policy", "policies_per_role", "standard_vcpus", "graphics_vcpus"),
)
