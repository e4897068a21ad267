# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's instance, its role, the bucket for its files, the password of its code-server and its backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..machine_images import images_of, start_images
from ..names import resource_name
from .base import IAM_ROLE, Component, Search, listed, name_of, tags_of, text_of

THING = "bastion"
# The role with which AWS Backup makes and removes backups of it.
BACKUP = "bastion-backup"
# What is recorded of it, each in a log group of its own.
RECORDS = ("sessions", "journal", "audit")
# The preferences of the account and region, for sessions that name no document.
ACCOUNT_DOCUMENT = "SSM-SessionManagerRunShell"
LIVING = ("pending", "running", "stopping", "stopped")


def empty(search: Search) -> dict[str, Any]:
    return {
        "instance_id": None,
        "instance_ids": [],
        "has_profile": False,
        "state": None,
        "launch_time": None,
        "private_ip": None,
        "subnet_id": None,
        "image_id": None,
        "instance_type": None,
        "role_arn": None,
        "instance_profile_arn": None,
        "transfer_bucket": None,
        "code_server_secret_arn": None,
        "session_document": None,
        "automation_document": None,
        "account_preferences": None,
        "log_groups": [],
        "backup_vault": None,
        "backup_recovery_points": 0,
        "backup_plan_id": None,
        "backup_role_arn": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    scope = search.scope
    living = {"Name": "instance-state-name", "Values": list(LIVING)}
    tagged = search.start("ec2", "describe_instances", Filters=[*search.filters, living])
    roles = search.start_roles([THING, BACKUP])
    profile = search.start("iam", "get_instance_profile", InstanceProfileName=scope.name(THING, IAM_ROLE))
    secret = search.start("secretsmanager", "describe_secret", SecretId=scope.name("bastion-code-server", "secret"))
    buckets = search.start("s3", "list_buckets")
    mine = [{"Key": "Owner", "Values": ["Self"]}, {"Key": "DocumentType", "Values": ["Session"]}]
    documents = search.start("ssm", "list_documents", Filters=mine)
    vaults = search.start("backup", "list_backup_vaults")
    plans = search.start("backup", "list_backup_plans")
    groups = {name: search.start_log_group(name) for name in log_groups(search.scope.prefix)}

    facts["instance_profile_arn"] = arn = _instance_profile(search, profile.result())
    # Whoever has the profile is the bastion for AWS, whatever its tags say.
    using = arn and search.start(
        "ec2", "describe_instances", Filters=[{"Name": "iam-instance-profile.arn", "Values": [arn]}, living]
    )
    found = {item["InstanceId"]: item for answer in (tagged, using) if answer for item in _instances(answer.result())}
    ours = [item for item in found.values() if _is_ours(search, item, arn)]
    instance = search.one(
        "instances",
        ours,
        "InstanceId",
        weight=lambda item: (_is_named(search, item), _uses(item, arn)),
        made_at="LaunchTime",
    )
    if instance:
        facts.update(
            instance_id=instance["InstanceId"],
            # The one to go by, and whatever else is ours.
            instance_ids=[instance["InstanceId"], *sorted(item["InstanceId"] for item in ours if item is not instance)],
            has_profile=_uses(instance, arn),
            state=instance["State"]["Name"],
            launch_time=instance["LaunchTime"].isoformat(),
            private_ip=instance.get("PrivateIpAddress"),
            subnet_id=instance.get("SubnetId"),
            image_id=instance["ImageId"],
            instance_type=instance["InstanceType"],
        )
    found_roles = search.roles(roles)
    facts.update(role_arn=found_roles[THING], backup_role_arn=found_roles[BACKUP])
    _add_backup(search, facts, vaults.result(), plans.result())
    _name, facts["code_server_secret_arn"] = search.secret(secret.result())
    facts["transfer_bucket"] = search.bucket(f"bastion-transfer-{search.account_id}", buckets.result())
    _add_documents(search, facts, documents.result())
    found_groups = [search.check_log_group(name, group, written=False) for name, group in groups.items()]
    facts["log_groups"] = [name for name in found_groups if name]


def log_groups(prefix: str) -> list[str]:
    """Where what happens on the bastion is recorded."""
    name = resource_name(THING, prefix, "ec2_tag_name")
    return [f"/aws/ec2/{name}/{record}" for record in RECORDS]


def _add_documents(search: Search, facts: dict[str, Any], answer: dict | None) -> None:
    """The documents by which sessions are started."""
    there = {item["Name"] for item in (answer or {}).get("DocumentIdentifiers", [])}
    own = {
        "session_document": search.scope.name("session", "ssm_document"),
        "automation_document": search.scope.name("session-ansible", "ssm_document"),
    }
    looked_at = {name: _document_tags(search, name) for name in (*own.values(), ACCOUNT_DOCUMENT) if name in there}
    for fact, name in own.items():
        tags = looked_at.get(name)
        if tags is not None and not search.owns(tags):
            search.foreign(f"Session document {name}", tags)
        elif tags is not None:
            facts[fact] = name
    if (tags := looked_at.get(ACCOUNT_DOCUMENT)) is not None:
        facts["account_preferences"] = "ours" if search.owns(tags) else "others"


def _document_tags(search: Search, name: str) -> dict[str, str] | None:
    tags = search.read("ssm", "list_tags_for_resource", ResourceType="Document", ResourceId=name)
    return None if tags is None else tags_of(tags, "TagList")


def _add_backup(search: Search, facts: dict[str, Any], vaults: dict | None, plans: dict | None) -> None:
    """Where backups are kept, and by which plan they are made. Names of plans aren't unique."""
    name = search.scope.name(THING, "backup_vault")
    for vault in (vaults or {}).get("BackupVaultList", []):
        if vault["BackupVaultName"] == name and _is_backups(search, f"backup vault {name}", vault["BackupVaultArn"]):
            facts.update(backup_vault=name, backup_recovery_points=vault.get("NumberOfRecoveryPoints", 0))
    name = search.scope.name(THING, "backup_plan")
    for plan in (plans or {}).get("BackupPlansList", []):
        there = plan["BackupPlanName"] == name and not plan.get("DeletionDate")
        if there and _is_backups(search, f"backup plan {name}", plan["BackupPlanArn"]):
            facts["backup_plan_id"] = plan["BackupPlanId"]


def _is_backups(search: Search, what: str, arn: str) -> bool:
    tags = tags_of(search.read("backup", "list_tags", ResourceArn=arn) or {})
    if not search.owns(tags):
        search.foreign(what, tags)
        return False
    return True


def _instances(answer: dict | None) -> list[dict]:
    return [item for group in (answer or {}).get("Reservations", []) for item in group["Instances"]]


def _is_named(search: Search, instance: Mapping[str, Any]) -> bool:
    return name_of(instance) == search.scope.name(THING, "ec2_tag_name")


def _uses(instance: Mapping[str, Any], profile_arn: str | None) -> bool:
    return profile_arn is not None and instance.get("IamInstanceProfile", {}).get("Arn") == profile_arn


def _is_ours(search: Search, instance: Mapping[str, Any], profile_arn: str | None) -> bool:
    """By the component's tags, whatever its name; or by name and profile, where no tag says otherwise."""
    tags = tags_of(instance)
    if search.owns(tags):
        return True
    if not _uses(instance, profile_arn):
        return False
    if _is_named(search, instance) and search.keeps_marks(tags):
        return True
    search.warnings.append(
        f"{search.component.name}: instance {instance['InstanceId']} has the bastion's instance profile, and so its"
        f" permissions, but not the component's tags ({text_of(search.marks)})."
        " It is left alone; take the profile from it, or terminate it."
    )
    return False


def _instance_profile(search: Search, answer: dict | None) -> str | None:
    profile = (answer or {}).get("InstanceProfile")
    if profile and not search.owns(tags_of(profile)):
        search.foreign(f"IAM instance profile {profile['InstanceProfileName']}", tags_of(profile))
        return None
    return profile and profile["Arn"]


def offers(search: Search) -> dict[str, Any]:
    """The images by what the inventory names, an id or a parameter that holds one; None where AWS doesn't tell."""
    parameters = sorted({name for name in search.scope.images if name.startswith("/")})
    images = start_images(search, search.scope.images)
    answer = search.read("ssm", "get_parameters", Names=parameters) if parameters else {}
    if answer is None or (found := images_of(images)) is None:
        return {"images": None}
    held = {item["Name"]: item["Value"] for item in answer.get("Parameters", [])}
    by_parameter = images_of(start_images(search, held.values()))
    if by_parameter is None:
        return {"images": None}
    return {"images": {**found, **{name: by_parameter.get(value) for name, value in held.items()}}}


def summary(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"{facts['instance_id']} {facts['instance_type']} {facts['state']} {facts['private_ip']}"]
    too_many = facts["instance_ids"][1:]
    return lines + ([f"too many, and ours as well: {listed(too_many)}"] if too_many else [])


COMPONENT = Component(
    name="bastion_instance",
    services=("ec2", "backup", "iam", "logs", "s3", "secretsmanager", "ssm"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["instance_id"] is not None,
    summary=summary,
    offers=offers,
    quotas=("trust_policy", "policies_per_role", "standard_vcpus", "graphics_vcpus"),
)
