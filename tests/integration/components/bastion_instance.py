# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The instance that people work from, with its role, its bucket and its password."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, as_list, document, name_of, statements_of, tags_of
from ..drift import QUICKLY, Repair, ours, together
from . import eks, encryption, network, registry

NAME = f"{PREFIX}-bastion"
# What AWS grants its own Cloud9 for the same, AWSCloud9SSMInstanceProfile.
SESSION_MANAGER = {
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
SECRET = f"{NAME}-code-server"
SECRETS = 1
SUMMARY = "t3.large running"
LEAST_TAGGED = 5


# What a bucket doesn't have.
ABSENT = re.compile("^NoSuch|NotFoundError$")
# What others may configure of a bucket: reads and the members that tell of it.
CONFIGURATIONS = (
    ("get_bucket_ownership_controls", "OwnershipControls"),
    ("get_bucket_accelerate_configuration", "Status"),
    ("get_bucket_cors", "CORSRules"),
    ("get_bucket_logging", "LoggingEnabled"),
    ("get_bucket_notification_configuration", "EventBridgeConfiguration"),
    ("get_bucket_replication", "ReplicationConfiguration"),
    ("get_bucket_request_payment", "Payer"),
    ("get_bucket_website", "IndexDocument"),
    ("list_bucket_inventory_configurations", "InventoryConfigurationList"),
)


def bucket_of(account: Account, prefix: str = PREFIX) -> str:
    """Names of buckets are unique in all of AWS."""
    return f"{prefix}-bastion-transfer-{account.id}"


# What an account holds


def instances(lister: Lister) -> list[dict]:
    found = [item for group in lister.ec2("describe_instances", "Reservations") for item in group["Instances"]]
    return [item for item in found if item["State"]["Name"] not in ("shutting-down", "terminated")]


# What the description of an instance doesn't tell.
ATTRIBUTES = {
    "disableApiTermination": "DisableApiTermination",
    "disableApiStop": "DisableApiStop",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "userData": "UserData",
}


def attribute_of(lister: Lister, item: dict, name: str, member: str) -> Any:
    ec2 = lister.account.client("ec2")
    return ec2.describe_instance_attribute(InstanceId=item["InstanceId"], Attribute=name)[member].get("Value")


def credits_of(lister: Lister, item: dict) -> list[str]:
    filters = [{"Name": "instance-id", "Values": [item["InstanceId"]]}]
    found = lister.account.client("ec2").describe_instance_credit_specifications(Filters=filters)
    return [one["CpuCredits"] for one in found["InstanceCreditSpecifications"]]


def instance_profiles(lister: Lister) -> list[dict]:
    iam = lister.account.client("iam")
    found = lister.account.pages("iam", "list_instance_profiles", "InstanceProfiles")
    return [
        iam.get_instance_profile(InstanceProfileName=item["InstanceProfileName"])["InstanceProfile"] for item in found
    ]


def _of_bucket(lister: Lister, name: str, operation: str, member: str) -> Any:
    """A part of a bucket; S3 answers with an error where a bucket doesn't have it."""
    try:
        return getattr(lister.account.client("s3"), operation)(Bucket=name).get(member)
    except ClientError as error:
        if not ABSENT.search(error.response["Error"]["Code"]):
            raise
        return None


def buckets(lister: Lister) -> list[dict]:
    return [
        {
            **item,
            "Tags": _of_bucket(lister, item["Name"], "get_bucket_tagging", "TagSet"),
            "Policy": document(_of_bucket(lister, item["Name"], "get_bucket_policy", "Policy") or {}),
            "PublicAccess": _of_bucket(
                lister, item["Name"], "get_public_access_block", "PublicAccessBlockConfiguration"
            ),
            "Encryption": _of_bucket(
                lister, item["Name"], "get_bucket_encryption", "ServerSideEncryptionConfiguration"
            ),
            "Lifecycle": _of_bucket(lister, item["Name"], "get_bucket_lifecycle_configuration", "Rules"),
            "Others": [_of_bucket(lister, item["Name"], *read) for read in CONFIGURATIONS],
        }
        for item in lister.account.client("s3").list_buckets()["Buckets"]
    ]


def versions(lister: Lister, name: str) -> bool:
    """Whether the bucket keeps versions: one that never did is as good as one that no longer does."""
    return lister.account.client("s3").get_bucket_versioning(Bucket=name).get("Status") == "Enabled"


def vaults(lister: Lister) -> list[dict]:
    backup = lister.account.client("backup")
    found = lister.account.pages("backup", "list_backup_vaults", "BackupVaultList")
    return [{**item, "Tags": backup.list_tags(ResourceArn=item["BackupVaultArn"])["Tags"]} for item in found]


def plans(lister: Lister) -> list[dict]:
    backup = lister.account.client("backup")
    found = lister.account.pages("backup", "list_backup_plans", "BackupPlansList")
    return [{**item, "Tags": backup.list_tags(ResourceArn=item["BackupPlanArn"])["Tags"]} for item in found]


def instance(account: Account) -> dict:
    """The one instance of the platform."""
    (found,) = [item for item in instances(Lister(account)) if OWNER.items() <= tags_of(item).items()]
    return found


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    return {
        "instance profiles": [
            [profile["Arn"], [role["RoleName"] for role in profile["Roles"]]] for profile in instance_profiles(lister)
        ],
        "instances": [
            [
                name_of(item),
                item["ImageId"],
                item["InstanceType"],
                item["State"]["Name"],
                item["SubnetId"],
                lister.sorted(group["GroupId"] for group in item["SecurityGroups"]),
                item.get("IamInstanceProfile", {}).get("Arn"),
                item["MetadataOptions"],
                item["Monitoring"],
                item["EbsOptimized"],
                item["SourceDestCheck"],
                item["MaintenanceOptions"],
                lister.sorted(f"{key}={value}" for key, value in tags_of(item).items()),
                [attribute_of(lister, item, name, member) for name, member in ATTRIBUTES.items()],
                credits_of(lister, item),
            ]
            for item in instances(lister)
        ],
        "volumes": [
            [name_of(item), item["Size"], item["VolumeType"], item["Encrypted"], item.get("KmsKeyId")]
            for item in lister.ec2("describe_volumes", "Volumes")
        ],
        "vaults and plans of backups": [
            *([item["BackupVaultName"], item["EncryptionKeyArn"], item["Tags"]] for item in vaults(lister)),
            *([item["BackupPlanName"], item["VersionId"], item["Tags"]] for item in plans(lister)),
        ],
        "buckets": [
            [
                item["Name"],
                item["Policy"],
                item["PublicAccess"],
                item["Encryption"],
                item["Lifecycle"],
                versions(lister, item["Name"]),
                # Off is as good as never on.
                [other for other in item["Others"] if other not in (None, "Suspended", [])],
            ]
            for item in buckets(lister)
        ],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"instance profile {item['InstanceProfileName']}", item) for item in instance_profiles(lister))
    yield from (("instance", item) for item in instances(lister))
    yield from ((f"bucket {item['Name']}", item) for item in buckets(lister))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    tag_list = neighbours.tag_list(tags)
    account.client("iam").create_instance_profile(InstanceProfileName=f"{prefix}-bastion", Tags=tag_list)
    ec2 = account.client("ec2")
    # An instance may bear our name: names of instances aren't unique.
    (made,) = ec2.run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=network.subnets_of(account, prefix)[0],
        TagSpecifications=neighbours.specification("instance", tags, Name=NAME),
    )["Instances"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]], WaiterConfig=QUICKLY)
    account.client("secretsmanager").create_secret(
        Name=f"{prefix}-bastion-code-server", SecretString="theirs", Tags=tag_list
    )
    s3, bucket = account.client("s3"), bucket_of(account, prefix)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list})


def take_names(account: Account) -> list[str]:
    neighbours.make_role(account, NAME, neighbours.OTHER)
    account.client("iam").create_instance_profile(InstanceProfileName=NAME)
    account.client("secretsmanager").create_secret(Name=SECRET, SecretString="theirs")
    account.client("s3").create_bucket(
        Bucket=bucket_of(account), CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return [NAME, "instance profile", SECRET, bucket_of(account)]


def _weaken_metadata_options(account: Account) -> None:
    account.client("ec2").modify_instance_metadata_options(
        InstanceId=instance(account)["InstanceId"], HttpTokens="optional", HttpPutResponseHopLimit=2
    )


def _terminate(account: Account) -> None:
    ec2, instance_id = account.client("ec2"), instance(account)["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig=QUICKLY)


def _stop(account: Account) -> None:
    ec2, instance_id = account.client("ec2"), instance(account)["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig=QUICKLY)


def _rename(account: Account, instance_id: str) -> None:
    """Rename it, which must not make a twin."""
    account.client("ec2").create_tags(Resources=[instance_id], Tags=neighbours.tag_list({"Name": "renamed"}))


def _lose(tag: str) -> Callable[[Account], Any]:
    return lambda account: account.client("ec2").delete_tags(
        Resources=[instance(account)["InstanceId"]], Tags=[{"Key": tag}]
    )


MENDED = Calls({("ec2", "CreateTags"): 1})
REPAIRS = {
    **together(
        another_name=Repair(
            lambda account: _rename(account, instance(account)["InstanceId"]),
            MENDED,
            frozenset({"Launch the instance"}),
            dry=True,
        ),
        weak_metadata_options=Repair(
            _weaken_metadata_options,
            Calls({("ec2", "ModifyInstanceMetadataOptions"): 1}),
            frozenset({"Launch the instance"}),
            dry=True,
        ),
        # A secret that has one can't be deleted, which is another harm.
        a_replica_of_the_secret=Repair(
            lambda account: account.client("secretsmanager").replicate_secret_to_regions(
                SecretId=SECRET, AddReplicaRegions=[{"Region": "eu-west-1"}]
            ),
            Calls({("secretsmanager", "RemoveRegionsFromReplication"): 1}),
            frozenset({"Make the password of code-server, once"}),
            dry=True,
        ),
    ),
    **{f"a lost tag {tag}": Repair(_lose(tag), MENDED) for tag in ("Name", "Component", *OWNER)},
    "a terminated instance": Repair(_terminate, Calls({("ec2", "RunInstances"): 1})),
}


ANYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
        ],
    }
)


def _put_another_role_in(account: Account) -> None:
    """After the platform's was taken out."""
    account.client("iam").add_role_to_instance_profile(InstanceProfileName=NAME, RoleName=f"{PREFIX}-flow-logs")


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    ec2, iam, s3, secret = (account.client(service) for service in ("ec2", "iam", "s3", "secretsmanager"))
    bucket, instance_id = bucket_of(account), instance(account)["InstanceId"]
    (other,) = account.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=ours(Name=f"{PREFIX}-nodes"))
    found = {
        "monitoring": lambda: ec2.unmonitor_instances(InstanceIds=[instance_id]),
        "security group": lambda: ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[other["GroupId"]]),
        "running": lambda: _stop(account),
        "stop protection": lambda: ec2.modify_instance_attribute(
            InstanceId=instance_id, DisableApiStop={"Value": True}
        ),
        "shutdown behaviour": lambda: ec2.modify_instance_attribute(
            InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "terminate"}
        ),
        "forwarding": lambda: ec2.modify_instance_attribute(InstanceId=instance_id, SourceDestCheck={"Value": False}),
        "recovery": lambda: ec2.modify_instance_maintenance_options(InstanceId=instance_id, AutoRecovery="disabled"),
        "credits": lambda: ec2.modify_instance_credit_specification(
            InstanceCreditSpecifications=[{"InstanceId": instance_id, "CpuCredits": "standard"}]
        ),
        "permissions": lambda: iam.delete_role_policy(RoleName=NAME, PolicyName="permissions"),
        "role in the profile": lambda: iam.remove_role_from_instance_profile(InstanceProfileName=NAME, RoleName=NAME),
        "another role in the profile": lambda: _put_another_role_in(account),
        "role's boundary": lambda: iam.put_role_permissions_boundary(
            RoleName=NAME, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess"
        ),
        "role's description and sessions": lambda: iam.update_role(
            RoleName=NAME, Description="theirs", MaxSessionDuration=43200
        ),
        "public access block": lambda: s3.delete_public_access_block(Bucket=bucket),
        "bucket policy": lambda: s3.delete_bucket_policy(Bucket=bucket),
        "expiry": lambda: s3.delete_bucket_lifecycle(Bucket=bucket),
        "versions": lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
        "ownership of objects": lambda: s3.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        ),
        "encryption": lambda: s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        ),
        "CORS rules": lambda: s3.put_bucket_cors(
            Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
        ),
        "website": lambda: s3.put_bucket_website(
            Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
        ),
        "event notifications": lambda: s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        ),
        "access logs": lambda: s3.put_bucket_logging(
            Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "logs/"}}
        ),
        "requester pays": lambda: s3.put_bucket_request_payment(
            Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"}
        ),
        "inventory": lambda: s3.put_bucket_inventory_configuration(
            Bucket=bucket,
            Id="theirs",
            InventoryConfiguration={
                "Id": "theirs",
                "IsEnabled": True,
                "IncludedObjectVersions": "All",
                "Schedule": {"Frequency": "Daily"},
                "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::theirs", "Format": "CSV"}},
            },
        ),
        "acceleration": lambda: s3.put_bucket_accelerate_configuration(
            Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"}
        ),
        "policy of the secret": lambda: secret.put_resource_policy(SecretId=SECRET, ResourcePolicy=ANYBODY),
        "key of the secret": lambda: secret.update_secret(SecretId=SECRET, KmsKeyId="alias/aws/secretsmanager"),
        "rotation of the secret": lambda: secret.rotate_secret(
            SecretId=SECRET,
            RotationLambdaARN=f"arn:aws:lambda:{REGION}:{account.id}:function:theirs",
            RotationRules={"AutomaticallyAfterDays": 1},
        ),
        "description of the secret": lambda: secret.update_secret(SecretId=SECRET, Description="changed"),
        "password": lambda: secret.delete_secret(SecretId=SECRET),
    }
    if "eks" in account.components:
        role_arn = f"arn:aws:iam::{account.id}:role/{NAME}"
        found["access entry"] = lambda: account.client("eks").delete_access_entry(
            clusterName=eks.CLUSTER, principalArn=role_arn
        )
    return found


def lasting(account: Account) -> list[str]:
    return [instance(account)["InstanceId"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    # Nothing is recorded or backed up unless that is asked for: tests/integration/test_session_records.py,
    # test_bastion_backup.py.
    asked_for = {
        *("session_document", "automation_document", "account_preferences", "log_groups"),
        *("backup_vault", "backup_recovery_points", "backup_plan_id", "backup_role_arn"),
    }
    assert not any(facts[fact] for fact in asked_for)
    assert all(value for fact, value in facts.items() if fact not in asked_for)
    assert facts["instance_ids"] == [facts["instance_id"]]


@pytest.fixture(scope="module")
def bastion(platform) -> dict:
    return instance(platform.account)


class TestBastionInstance:
    def test_is_private_and_hardened(self, lister, bastion):
        group = network.groups(lister)[NAME]
        assert bastion["InstanceType"] == "t3.large"
        assert bastion["SubnetId"] in [subnet["SubnetId"] for subnet in network.of_tier(lister, "private")]
        assert not bastion.get("PublicIpAddress")
        assert not bastion.get("KeyName")
        assert [item["GroupId"] for item in bastion["SecurityGroups"]] == [group["GroupId"]]
        assert group["IpPermissions"] == []
        assert bastion["EbsOptimized"]
        assert bastion["Monitoring"]["State"] == "enabled"
        metadata = bastion["MetadataOptions"]
        assert (metadata["HttpTokens"], metadata["HttpPutResponseHopLimit"]) == ("required", 1)
        assert name_of(bastion) == NAME

    def test_volume_is_encrypted_with_the_platforms_key(self, lister, bastion):
        attached = [{"Name": "attachment.instance-id", "Values": [bastion["InstanceId"]]}]
        (volume,) = lister.ec2("describe_volumes", "Volumes", Filters=attached)
        assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (30, "gp3", True)
        assert volume["KmsKeyId"] == encryption.key(lister.account)["Arn"]
        assert OWNER.items() <= tags_of(volume).items()

    def test_role(self, lister, bastion):
        iam = lister.account.client("iam")
        profile = iam.get_instance_profile(InstanceProfileName=NAME)["InstanceProfile"]
        assert bastion["IamInstanceProfile"]["Arn"] == profile["Arn"]
        (role,) = profile["Roles"]
        (trust,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
        assert iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"] == []
        everywhere = set()
        for statement in statements_of(lister.account, NAME):
            assert not [action for action in as_list(statement["Action"]) if "*" in action], statement
            if "*" in as_list(statement["Resource"]):
                everywhere.update(as_list(statement["Action"]))
        assert everywhere == {"ecr:GetAuthorizationToken", *SESSION_MANAGER}

    def test_permissions_for_what_does_not_exist_yet_wait_visibly(self, platform):
        sids = {item["Sid"] for item in statements_of(platform.account, NAME)}
        for sid, component in {
            "ConnectToDatabase": "aurora",
            "ReadCacheSecret": "redis",
            "ActAsMasterOfSearch": "opensearch",
            "ReadMachineClientSecret": "cognito",
        }.items():
            built = component in platform.components
            assert (sid in sids) is built, sid
            assert (f"The bastion does not get {sid} yet" in platform.first_run.output) is not built, sid

    @pytest.mark.needs("registry")
    def test_pulls_and_pushes_images(self, platform):
        statements = {item["Sid"]: item for item in statements_of(platform.account, NAME)}
        assert sorted(as_list(statements["PullAndPushImages"]["Resource"])) == sorted(
            registry.repository(platform.account, name)["repositoryArn"] for name in registry.NAMES
        )

    @pytest.mark.needs("eks")
    def test_finds_the_cluster(self, platform):
        statements = {item["Sid"]: item for item in statements_of(platform.account, NAME)}
        assert as_list(statements["FindCluster"]["Action"]) == ["eks:DescribeCluster"]
        assert as_list(statements["FindCluster"]["Resource"]) == [eks.cluster(platform.account)["arn"]]

    @pytest.mark.needs("eks")
    def test_operates_what_is_in_the_cluster_and_no_more(self, lister):
        role_arn = f"arn:aws:iam::{lister.account.id}:role/{NAME}"
        assert eks.access_policies(lister, eks.CLUSTER, role_arn) == []
        entry = lister.account.client("eks").describe_access_entry(clusterName=eks.CLUSTER, principalArn=role_arn)
        assert entry["accessEntry"]["kubernetesGroups"] == ["platform-operators"]

    def test_bucket(self, lister):
        s3, name = lister.account.client("s3"), bucket_of(lister.account)
        assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
        (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        default = rule["ApplyServerSideEncryptionByDefault"]
        key_arn = encryption.key(lister.account)["Arn"]
        assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == ("aws:kms", key_arn)
        (expiry,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        assert (expiry["Status"], expiry["Expiration"]["Days"]) == ("Enabled", 1)
        (deny,) = document(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        # Old versions would keep what tasks have sent.
        assert s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled"

    def test_a_subnet_that_lost_its_tag_is_no_reason_to_replace_it(self, platform, bastion):
        """Refused before anything is written: the tag is what has to be mended, by its own component."""
        ec2 = platform.account.client("ec2")
        ec2.delete_tags(Resources=[bastion["SubnetId"]], Tags=[{"Key": "Tier"}])
        try:
            run = platform.account.run("--limit", "bastion_instance", note="subnet without its tier").assert_refused()
            assert not run.calls.writes
            told = [failure for failure in run.failures if "--limit network" in failure]
            assert any(bastion["SubnetId"] in failure for failure in told), run.explain()
        finally:
            ec2.create_tags(Resources=[bastion["SubnetId"]], Tags=[{"Key": "Tier", "Value": "private"}])

    def test_a_renamed_instance_is_removed_all_the_same(self, platform, bastion):
        """Seen in a dry run, which leaves it for the other tests."""
        ec2, identifier = platform.account.client("ec2"), bastion["InstanceId"]
        ec2.create_tags(Resources=[identifier], Tags=neighbours.tag_list({"Name": "renamed"}))
        try:
            run = platform.account.run(
                *("--limit", "bastion_instance", "--check"),
                playbook="playbooks/teardown.yml",
                variables={"platform_teardown_confirm": PREFIX},
                note="removal of a renamed instance, dry",
            ).assert_converged()
            assert "absent | Terminate the instance" in {task.split(" : ")[-1] for _host, task in run.changed}
        finally:
            ec2.create_tags(Resources=[identifier], Tags=neighbours.tag_list({"Name": NAME}))

    def test_password_is_only_in_secrets_manager(self, platform):
        manager = platform.account.client("secretsmanager")
        password = manager.get_secret_value(SecretId=SECRET)["SecretString"]
        assert len(password) == 32
        assert password.isalnum()
        assert manager.describe_secret(SecretId=SECRET)["KmsKeyId"] == encryption.key(platform.account)["Arn"]
        told = platform.first_run.output + json.dumps(platform.first_run.records)
        assert password not in told
