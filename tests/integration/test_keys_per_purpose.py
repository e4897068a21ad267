# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A platform that has keys of their own for logs, secrets and volumes: what each encrypts, whom it serves, and who may
use it; another list is refused; what is taken away is put back; a killed run is gone on with; all of them go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.components import with_required
from tests.support.playbook import OWNER, PREFIX, Account

from .census import as_list, document
from .components import encryption
from .neighbours import ADMINISTRATORS, OTHER, make_role, tag_list

PURPOSES = ["logs", "secrets", "volumes"]
GIVEN = {"encryption_keys_per_purpose": PURPOSES, "platform_access_logs": True, "bastion_instance_backup": True}
USED = with_required(
    ("aurora", "bastion_instance", "configuration", "dynamodb", "eks", "redis", "opensearch", "workload_identity")
)
LIMIT = ("--limit", ",".join(USED))
KEYS = ("--limit", "encryption")
ALIASES = {"": encryption.ALIAS, **{purpose: f"alias/{PREFIX}-{purpose}-key" for purpose in PURPOSES}}

pytestmark = [pytest.mark.by_component("encryption"), pytest.mark.options]


def keys(account: Account) -> dict[str, dict[str, Any]]:
    """The platform's keys, by their purposes."""
    kms = account.client("kms")
    return {purpose: kms.describe_key(KeyId=alias)["KeyMetadata"] for purpose, alias in ALIASES.items()}


def arns(account: Account) -> dict[str, str]:
    return {purpose: key["Arn"] for purpose, key in keys(account).items()}


@pytest.fixture(scope="module")
def account(new_account: Callable[..., Account]) -> Account:
    made = new_account("230000000201")
    make_role(made, ADMINISTRATORS, OTHER)
    made.run(*LIMIT, variables=GIVEN, note="keys for purposes").assert_converged()
    return made


def test_nothing_is_left_to_do(account):
    account.run(*LIMIT, variables=GIVEN, note="keys for purposes, again").assert_nothing_to_do()


def test_each_thing_is_encrypted_with_the_key_of_its_purpose(account):
    used: dict[str, dict[str, str]] = {"": {}, "logs": {}, "secrets": {}, "volumes": {}}
    for group in account.pages("logs", "describe_log_groups", "logGroups"):
        used["logs"][group["logGroupName"]] = group.get("kmsKeyId")
    for secret in account.pages("secretsmanager", "list_secrets", "SecretList"):
        # The one of RDS's own: the cluster tells its key.
        if not secret["Name"].startswith("rds!"):
            described = account.client("secretsmanager").describe_secret(SecretId=secret["ARN"])
            used["secrets"][secret["Name"]] = described["KmsKeyId"]
    for parameter in account.pages("ssm", "describe_parameters", "Parameters"):
        if parameter["Type"] == "SecureString":
            used["secrets"][parameter["Name"]] = parameter["KeyId"]
    (cluster,) = account.pages("rds", "describe_db_clusters", "DBClusters")
    used["secrets"]["master user"] = cluster["MasterUserSecret"]["KmsKeyId"]
    used[""]["database"] = cluster["KmsKeyId"]
    control_plane = account.client("eks").describe_cluster(name=f"{PREFIX}-eks")["cluster"]
    used["secrets"]["etcd"] = control_plane["encryptionConfig"][0]["provider"]["keyArn"]
    for volume in account.pages("ec2", "describe_volumes", "Volumes"):
        used["volumes"][volume["VolumeId"]] = volume["KmsKeyId"]
    for template in account.pages("ec2", "describe_launch_templates", "LaunchTemplates"):
        versions = account.client("ec2").describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        for device in versions[0]["LaunchTemplateData"]["BlockDeviceMappings"]:
            used["volumes"][template["LaunchTemplateName"]] = device["Ebs"]["KmsKeyId"]
    for name in account.client("dynamodb").list_tables()["TableNames"]:
        table = account.client("dynamodb").describe_table(TableName=name)["Table"]
        used[""][name] = table["SSEDescription"]["KMSMasterKeyArn"]
    (cache,) = account.pages("elasticache", "describe_replication_groups", "ReplicationGroups")
    used[""]["cache"] = cache["KmsKeyId"]
    domain = account.client("opensearch").describe_domain(DomainName=f"{PREFIX}-search"[:28])["DomainStatus"]
    used[""]["search"] = domain["EncryptionAtRestOptions"]["KmsKeyId"]
    vault = account.client("backup").describe_backup_vault(BackupVaultName=f"{PREFIX}-bastion")
    used[""]["vault"] = vault["EncryptionKeyArn"]

    found = arns(account)
    assert {
        purpose: {thing for thing, arn in things.items() if arn != found[purpose]} for purpose, things in used.items()
    } == {purpose: set() for purpose in used}
    assert len(set(found.values())) == 4
    assert min(map(len, used.values())) >= 2


def test_each_key_is_rotated_and_serves_nobody_else(account):
    kms = account.client("kms")
    sids = {}
    for purpose, key in keys(account).items():
        assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
        policy = document(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        sids[purpose] = {item["Sid"] for item in policy["Statement"]} - {"LetIamPoliciesOfThisAccountAllow"}
    assert sids == {
        "": {"EventsOfDatabases", "IndexesOfVectors"},
        "logs": {"LogGroupsOfThisPlatform"},
        "secrets": set(),
        "volumes": {"VolumesOfNodes", "AttachVolumesOfNodes"},
    }


def test_roles_may_use_the_keys_of_what_they_read_only(account):
    iam, named = account.client("iam"), {arn: purpose for purpose, arn in arns(account).items()}
    may: dict[str, set[str]] = {}
    for role in account.pages("iam", "list_roles", "Roles"):
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            found = document(iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"])
            for statement in found["Statement"]:
                if any(action.startswith("kms:") for action in as_list(statement["Action"])):
                    resources = as_list(statement["Resource"])
                    assert len(resources) == len(set(resources))
                    short = role["RoleName"].removeprefix(f"{PREFIX}-")
                    may.setdefault(short, set()).update(named[resource] for resource in resources)
    assert may["external-secrets"] == {"secrets"}
    assert may["ebs-csi-driver"] == {"volumes"}
    assert may["llm-gateway"] == {"", "secrets"}
    assert "logs" not in set.union(*may.values())
    assert {role for role, purposes in may.items() if "volumes" in purposes} == {"ebs-csi-driver", "bastion-backup"}


@pytest.mark.parametrize("purposes", [[], ["logs"], None])
def test_another_list_is_refused(account, purposes):
    given = {} if purposes is None else {**GIVEN, "encryption_keys_per_purpose": purposes}
    run = account.run(*KEYS, variables=given, note=f"keys for {purposes}").assert_refused()
    assert not run.calls.writes
    assert 'can\'t replace ["logs", "secrets", "volumes"], with which the platform was made' in run.explain()


def test_what_is_taken_away_is_shown_and_put_back(account):
    kms, before = account.client("kms"), keys(account)
    kms.delete_alias(AliasName=ALIASES["logs"])
    kms.disable_key(KeyId=before["secrets"]["KeyId"])
    kms.schedule_key_deletion(KeyId=before["volumes"]["KeyId"], PendingWindowInDays=7)
    kms.untag_resource(KeyId=before[""]["KeyId"], TagKeys=["KeysPerPurpose"])
    shown = account.run(*KEYS, "--check", "--diff", variables=GIVEN, note="keys, dry").assert_converged()
    assert len(shown.changed) == 1
    assert not shown.calls.writes
    account.run(*KEYS, variables=GIVEN, note="keys, mended").assert_converged()
    assert keys(account) == before
    tags = kms.list_resource_tags(KeyId=before[""]["KeyId"])["Tags"]
    assert {"TagKey": "KeysPerPurpose", "TagValue": "logs secrets volumes"} in tags
    account.run(*LIMIT, variables=GIVEN, note="keys, again").assert_nothing_to_do()


def test_a_name_that_someone_else_has_is_left_and_told(account):
    kms, before = account.client("kms"), keys(account)
    theirs = kms.create_key(Tags=[{"TagKey": key, "TagValue": value} for key, value in OTHER.items()])["KeyMetadata"]
    kms.update_alias(AliasName=ALIASES["logs"], TargetKeyId=theirs["KeyId"])
    run = account.run(*KEYS, variables=GIVEN, note="a taken alias").assert_refused()
    assert not run.calls.writes
    assert f"KMS alias {ALIASES['logs']} belongs to the key {theirs['Arn']}" in run.explain()
    kms.update_alias(AliasName=ALIASES["logs"], TargetKeyId=before["logs"]["KeyId"])
    kms.schedule_key_deletion(KeyId=theirs["KeyId"], PendingWindowInDays=7)
    assert keys(account) == before


def test_all_of_them_go_and_come_back(new_account):
    """Also those of a run that was killed before they had their aliases, one of them without the platform's key."""
    account = new_account("230000000202")
    kms = account.client("kms")
    name = f"{PREFIX}-logs-key"
    marked = tag_list({**OWNER, "Component": "encryption", "Name": name})
    left = kms.create_key(Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in marked])["KeyMetadata"]
    account.run(*KEYS, variables=GIVEN, note="keys, gone on with").assert_converged()
    made = keys(account)
    assert made["logs"]["KeyId"] == left["KeyId"]
    account.run(*KEYS, variables=GIVEN, note="keys, gone on with, again").assert_nothing_to_do()

    confirmed = {**GIVEN, "platform_teardown_confirm": PREFIX}
    # A half of them.
    kms.delete_alias(AliasName=ALIASES["secrets"])
    gone = account.run(*KEYS, playbook="playbooks/teardown.yml", variables=confirmed, note="keys go")
    assert gone.assert_converged().calls.writes == {("kms", "ScheduleKeyDeletion"): 4}
    states = {kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in made.values()}
    assert states == {"PendingDeletion"}
    again = account.run(*KEYS, playbook="playbooks/teardown.yml", variables=confirmed, note="keys are gone")
    again.assert_nothing_to_do()

    kms.create_alias(AliasName=ALIASES["secrets"], TargetKeyId=made["secrets"]["KeyId"])
    account.run(*KEYS, variables=GIVEN, note="keys are taken back").assert_converged()
    assert {purpose: key["KeyId"] for purpose, key in keys(account).items()} == {
        purpose: key["KeyId"] for purpose, key in made.items()
    }
    assert json.dumps(list(keys(account)["logs"])) == json.dumps(list(made["logs"]))
