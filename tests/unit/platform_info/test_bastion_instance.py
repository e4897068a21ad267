# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's instance, its role, bucket, password and backups."""

from __future__ import annotations

import datetime
import functools

import pytest

from tests.support.scripted_aws import api_error

from . import fake_aws
from .fake_aws import (
    ACCOUNT,
    ALL_BUCKETS,
    IMAGES,
    PREFIX,
    REGION,
    SOMEONE_ELSES_ROLES,
    bucket_tags,
    log_groups,
    look,
    marks,
    role,
    tag_list,
    taken,
)

owned = functools.partial(fake_aws.owned, "bastion_instance")

IAM = f"arn:aws:iam::{ACCOUNT}"


PROFILE = f"{IAM}:instance-profile/{PREFIX}-bastion"


def launched(day):
    return datetime.datetime(2026, 1, day, tzinfo=datetime.UTC)


def instance(instance_id="i-1", tags=None, **members):
    return {
        "InstanceId": instance_id,
        "ImageId": "ami-1",
        "InstanceType": "t3.large",
        "LaunchTime": launched(1),
        "IamInstanceProfile": {"Arn": PROFILE, "Id": "AIPA1234567890123456"},
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
GROUPS = [f"/aws/ec2/{PREFIX}-bastion/{record}" for record in ("sessions", "journal", "audit")]
DOCUMENTS = (f"{PREFIX}-session", f"{PREFIX}-session-ansible")
ACCOUNT_DOCUMENT = "SSM-SessionManagerRunShell"
SECRET = {"Name": f"{PREFIX}-bastion-code-server", "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x-AbCdEf"}
BACKUP = f"arn:aws:backup:{REGION}:{ACCOUNT}"
VAULT = {"BackupVaultName": f"{PREFIX}-bastion", "BackupVaultArn": f"{BACKUP}:backup-vault:{PREFIX}-bastion"}
PLAN = {"BackupPlanName": f"{PREFIX}-bastion", "BackupPlanId": "p-1", "BackupPlanArn": f"{BACKUP}:backup-plan:p-1"}
OTHERS_VAULT = {"BackupVaultName": "Default", "BackupVaultArn": f"{BACKUP}:backup-vault:Default"}
GONE = {**PLAN, "BackupPlanId": "p-0", "DeletionDate": datetime.datetime(2026, 1, 1)}
MISSING = {
    "GetServiceQuota": "NoSuchResourceException",
    "DescribeSecret": "ResourceNotFoundException",
    "GetBucketTagging": "NoSuchTagSet",
    "GetInstanceProfile": "NoSuchEntity",
}
PARAMETER = IMAGES[1]
KNOWN = {IMAGES[0], "ami-01234567", "ami-00000001"}
NAMED = {PARAMETER: "ami-00000001", f"{PARAMETER}-gone": "ami-00000009"}


def images(request):
    (wanted,) = request["Filters"]
    found = [{"ImageId": name, "State": "available", "Architecture": "x86_64"} for name in wanted["Values"]]
    return {"Images": [image for image in found if image["ImageId"] in KNOWN]}


def parameters(request):
    return {"Parameters": [{"Name": name, "Value": NAMED[name]} for name in request["Names"] if name in NAMED]}


OFFERS = {"DescribeImages": images, "GetParameters": parameters}
ANSWERS = {
    "GetServiceQuota": {"Quota": {"Value": 64.0}},
    "DescribeInstances": instances(instance()),
    "GetRole": role,
    "GetInstanceProfile": profile(),
    "ListBuckets": ALL_BUCKETS,
    "GetBucketTagging": bucket_tags,
    "DescribeSecret": {**SECRET, "Tags": owned()},
    "ListDocuments": {"DocumentIdentifiers": [{"Name": name} for name in (*DOCUMENTS, ACCOUNT_DOCUMENT, "other")]},
    "ssm.ListTagsForResource": {"TagList": owned()},
    "DescribeLogGroups": log_groups,
    "logs.ListTagsForResource": {"tags": marks("bastion_instance")},
    "ListBackupVaults": {"BackupVaultList": [OTHERS_VAULT, {**VAULT, "NumberOfRecoveryPoints": 3}]},
    "ListBackupPlans": {"BackupPlansList": [GONE, PLAN]},
    "backup.ListTags": {"Tags": marks("bastion_instance")},
    **OFFERS,
}


def test_facts():
    found, aws = look(ANSWERS, "bastion_instance")
    assert found.components["bastion_instance"] == {
        "exists": True,
        "instance_id": "i-1",
        "instance_ids": ["i-1"],
        "has_profile": True,
        "state": "running",
        "launch_time": "2026-01-01T00:00:00+00:00",
        "private_ip": "10.0.64.7",
        "subnet_id": "subnet-c",
        "image_id": "ami-1",
        "instance_type": "t3.large",
        "role_arn": f"{IAM}:role/{PREFIX}-bastion",
        "instance_profile_arn": f"{IAM}:instance-profile/{PREFIX}-bastion",
        "transfer_bucket": BUCKET,
        "code_server_secret_arn": SECRET["ARN"],
        "session_document": DOCUMENTS[0],
        "automation_document": DOCUMENTS[1],
        "account_preferences": "ours",
        "log_groups": GROUPS,
        "backup_vault": f"{PREFIX}-bastion",
        "backup_recovery_points": 3,
        "backup_plan_id": "p-1",
        "backup_role_arn": f"{IAM}:role/{PREFIX}-bastion-backup",
    }
    assert (found.conflicts, found.warnings) == ([], [])
    tagged, using = (
        {item["Name"]: item["Values"] for item in request["Filters"]} for request in aws.requests("DescribeInstances")
    )
    assert {f"tag:{key}": [value] for key, value in marks("bastion_instance").items()}.items() <= tagged.items()
    assert using["iam-instance-profile.arn"] == [PROFILE]
    for filters in (tagged, using):
        assert "terminated" not in filters["instance-state-name"]


def facts_and_warnings(*found):
    found, _aws = look({**ANSWERS, "DescribeInstances": instances(*found)}, "bastion_instance")
    assert found.conflicts == []
    return found.components["bastion_instance"], found.warnings


def lost(key):
    return [tag for tag in owned("bastion") if tag["Key"] != key]


def changed(**tags):
    return tag_list(**{**{tag["Key"]: tag["Value"] for tag in owned("bastion")}, **tags})


@pytest.mark.parametrize(
    "tags", [changed(Name="renamed"), lost("Name"), lost("Component"), lost("Region"), lost("Project")]
)
def test_what_has_lost_a_tag_is_found_by_the_others_and_its_profile(tags):
    facts, warnings = facts_and_warnings(instance(tags=tags))
    assert (facts["instance_id"], facts["instance_ids"], warnings) == ("i-1", ["i-1"], [])


def test_tags_alone_are_not_the_profile():
    """Whoever may tag instances gives one our tags; the profile takes more."""
    facts, _warnings = facts_and_warnings(instance(IamInstanceProfile={"Arn": f"{PROFILE}-other", "Id": "AIPA2"}))
    assert (facts["instance_id"], facts["has_profile"]) == ("i-1", False)


@pytest.mark.parametrize("tags", [[], lost("Name")[:-1], changed(Environment="prod"), changed(Component="eks")])
def test_who_has_the_profile_and_is_not_ours_is_told(tags):
    facts, warnings = facts_and_warnings(instance(tags=tags))
    assert (facts["instance_id"], facts["exists"]) == (None, False)
    assert "instance i-1 has the bastion's instance profile, and so its permissions, but not" in warnings[0]


@pytest.mark.parametrize("tags", [tag_list(Name=f"{PREFIX}-bastion"), lost("Component"), changed(Environment="prod")])
def test_an_instance_of_someone_else_is_not_ours(tags):
    """Names aren't unique, and without the profile nothing else tells that it is ours."""
    facts, warnings = facts_and_warnings(
        instance(tags=tags, IamInstanceProfile={"Arn": f"{PROFILE}-other", "Id": "AIPA2"})
    )
    assert (facts["instance_id"], facts["exists"], warnings) == (None, False, [])


@pytest.mark.parametrize(
    ("other", "used"),
    [
        # By its name, its profile, its age, in this order.
        (instance("i-0", changed(Name="renamed"), LaunchTime=launched(1)), "i-1"),
        (instance("i-0", LaunchTime=launched(1), IamInstanceProfile={"Arn": f"{PROFILE}-other", "Id": "AIPA2"}), "i-1"),
        (instance("i-2", LaunchTime=launched(1)), "i-2"),
        (instance("i-0", LaunchTime=launched(3)), "i-1"),
    ],
)
def test_of_several_one_is_used_and_all_are_told(other, used):
    facts, warnings = facts_and_warnings(other, instance(LaunchTime=launched(2)))
    (left,) = {other["InstanceId"], "i-1"} - {used}
    assert (facts["instance_id"], facts["instance_ids"]) == (used, [used, left])
    assert f"left alone: {left}" in warnings[0]


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
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken(answers, "bastion_instance") == [resource]


def test_roles_of_someone_else():
    names = [f"IAM role {PREFIX}-{role}" for role in ("bastion", "bastion-backup")]
    assert taken(SOMEONE_ELSES_ROLES, "bastion_instance") == names


def test_a_vault_and_a_plan_of_someone_else():
    found, _aws = look({**ANSWERS, "backup.ListTags": {"Tags": {"Project": "other"}}}, "bastion_instance")
    facts = found.components["bastion_instance"]
    assert (facts["backup_vault"], facts["backup_recovery_points"], facts["backup_plan_id"]) == (None, 0, None)
    assert [item["resource"] for item in found.conflicts] == [
        f"backup {kind} {PREFIX}-bastion" for kind in ("vault", "plan")
    ]


def test_nothing_is_backed_up():
    nothing = {"ListBackupVaults": {"BackupVaultList": [OTHERS_VAULT]}, "ListBackupPlans": {"BackupPlansList": [GONE]}}
    found, aws = look({**ANSWERS, **nothing}, "bastion_instance")
    facts = found.components["bastion_instance"]
    assert (facts["backup_vault"], facts["backup_recovery_points"], facts["backup_plan_id"]) == (None, 0, None)
    assert "ListTags" not in aws.operations()


def test_no_documents():
    found, aws = look({**ANSWERS, "ListDocuments": {}, "DescribeLogGroups": {}}, "bastion_instance")
    facts = found.components["bastion_instance"]
    assert (facts["session_document"], facts["automation_document"], facts["account_preferences"]) == (None,) * 3
    assert facts["log_groups"] == []
    assert "ListTagsForResource" not in aws.operations()


def test_the_accounts_preferences_of_others_are_no_conflict_and_our_names_are():
    theirs = {"ssm.ListTagsForResource": {"TagList": tag_list(Project="other")}}
    assert taken({**ANSWERS, **theirs}, "bastion_instance") == [f"Session document {name}" for name in DOCUMENTS]
    found, _aws = look({**ANSWERS, **theirs}, "bastion_instance")
    facts = found.components["bastion_instance"]
    assert (facts["session_document"], facts["account_preferences"]) == (None, "others")


def test_a_log_group_of_someone_else():
    theirs = {"logs.ListTagsForResource": {"tags": {}}}
    assert taken({**ANSWERS, **theirs}, "bastion_instance") == [f"log group {name}" for name in GROUPS]


# ---- The image that the inventory names


def offered(*names, **answers):
    found, aws = look({**ANSWERS, **answers}, "bastion_instance", offers=True, images=list(names))
    return found.offers["bastion_instance"]["images"], aws, found.warnings


def test_images_are_told_by_id_and_by_parameter():
    told, _aws, _warnings = offered("ami-01234567", "ami-99999999", *NAMED, "/none")
    assert {name: image and image["architecture"] for name, image in told.items()} == {
        "ami-01234567": "x86_64",
        PARAMETER: "x86_64",
        f"{PARAMETER}-gone": None,
    }


@pytest.mark.parametrize(("names", "calls"), [((), []), (("ami-01234567",), ["DescribeImages"])])
def test_what_is_not_named_is_not_asked_for(names, calls):
    _told, aws, _warnings = offered(*names)
    assert [call for call in aws.operations() if call in OFFERS] == calls


@pytest.mark.parametrize("operation", OFFERS)
def test_images_of_which_aws_tells_nothing(operation):
    told, _aws, warnings = offered(PARAMETER, **{operation: api_error(operation, "AccessDenied", "no", 403)})
    assert told is None
    assert any(f":{operation}" in warning for warning in warnings)
