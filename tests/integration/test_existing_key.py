# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A platform that encrypts with a key of others, whose secrets few may read, and whose buckets are logged."""

from __future__ import annotations

import json

import pytest

from tests.support.playbook import PREFIX, REGION, Account

from . import neighbours
from .components import encryption

USED = ("encryption", "dynamodb", "network", "bastion_instance")
LIMIT = ("--limit", ",".join(USED))
CONFIRMED = {"platform_teardown_confirm": PREFIX}
SECRET = f"{PREFIX}-bastion-code-server"
OPERATORS = "arn:aws:iam::230000000101:role/*/operators"

pytestmark = [pytest.mark.by_component("encryption"), pytest.mark.options]


@pytest.fixture(scope="module")
def account(new_account) -> Account:
    return new_account("230000000101")


@pytest.fixture(scope="module")
def key(account) -> str:
    """Theirs, with AWS's own policy."""
    return neighbours.make_key(account, neighbours.OTHER)


def test_what_its_policy_lacks_is_told_before_anything_is_written(account, key):
    run = account.run(*LIMIT, variables={"encryption_key_arn": key}, note="a key without statements").assert_refused()
    assert not run.calls.writes
    (lacking,) = neighbours.lacking(run, key)
    assert lacking["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    neighbours.add_statements(account, key, [lacking])


def test_everything_is_encrypted_with_it_and_it_stays_as_it_is(account, key):
    before, given = neighbours.key_state(account, key), {"encryption_key_arn": key}
    run = account.run(*LIMIT, variables=given, note="an existing key").assert_converged()
    assert "is a key of another account" not in run.output
    account.run(*LIMIT, variables=given, note="an existing key, again").assert_nothing_to_do()

    assert neighbours.key_state(account, key) == before
    assert neighbours.customer_keys(account) == [key]
    kms = account.client("kms")
    assert encryption.ALIAS not in [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]]

    table = account.client("dynamodb").describe_table(TableName=f"{PREFIX}-usage-logs")["Table"]
    groups = account.pages("logs", "describe_log_groups", "logGroups")
    volumes = account.pages("ec2", "describe_volumes", "Volumes")
    used = {
        "table": table["SSEDescription"]["KMSMasterKeyArn"],
        "secret": account.client("secretsmanager").describe_secret(SecretId=SECRET)["KmsKeyId"],
        **{group["logGroupName"]: group.get("kmsKeyId") for group in groups},
        **{volume["VolumeId"]: volume["KmsKeyId"] for volume in volumes},
    }
    assert set(used.values()) == {key}
    assert len(used) >= 4


def test_one_component_alone_finds_it(account, key):
    run = account.run(
        "--limit", "dynamodb", variables={"encryption_key_arn": key}, note="dynamodb with a key of others"
    )
    run.assert_nothing_to_do()


def test_a_key_that_is_not_enabled_is_refused(account, key):
    kms = account.client("kms")
    kms.disable_key(KeyId=key)
    try:
        run = account.run("--limit", "encryption", variables={"encryption_key_arn": key}, note="a disabled key")
        assert "is Disabled: enable it" in run.assert_refused().explain()
        assert not run.calls.writes
    finally:
        kms.enable_key(KeyId=key)


def test_volumes_of_the_account_are_encrypted_with_it_and_stay_so(account, key):
    given = {"encryption_key_arn": key, "encryption_ebs_by_default": True, "encryption_ebs_default_key": True}
    account.run("--limit", "encryption", variables=given, note="volumes by default").assert_converged()
    account.run("--limit", "encryption", variables=given, note="volumes by default, again").assert_nothing_to_do()
    account.run("--limit", "encryption", variables={"encryption_key_arn": key}, note="off again").assert_nothing_to_do()
    ec2 = account.client("ec2")
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == key


def test_secrets_that_few_may_read(account, key):
    caller = account.client("sts").get_caller_identity()["Arn"]
    limit, given = ("--limit", "bastion_instance"), {"encryption_key_arn": key}
    lost = account.run(*limit, variables={**given, "platform_secret_readers": [OPERATORS]}, note="readers without us")
    assert f"leaves out who runs this, {caller}" in lost.assert_refused().explain()
    assert not lost.calls.writes

    given["platform_secret_readers"] = [OPERATORS, caller]
    run = account.run(*limit, variables=given, note="readers").assert_converged()
    assert run.calls.writes == {("secretsmanager", "PutResourcePolicy"): 1}
    secrets = account.client("secretsmanager")
    (found,) = json.loads(secrets.get_resource_policy(SecretId=SECRET)["ResourcePolicy"])["Statement"]
    assert (found["Effect"], found["Action"]) == ("Deny", "secretsmanager:GetSecretValue")
    own = f"arn:aws:iam::{account.id}:role/{PREFIX}-*"
    assert found["Condition"]["ArnNotLike"] == {"aws:PrincipalArn": [own, OPERATORS, caller]}
    account.run(*limit, variables=given, note="readers, again").assert_nothing_to_do()

    account.run(*limit, variables={"encryption_key_arn": key}, note="no readers").assert_converged()
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=SECRET)


def test_access_logs_of_a_bucket(account, key):
    limit, given = ("--limit", "bastion_instance"), {"encryption_key_arn": key, "platform_access_logs": True}
    account.run(*limit, variables=given, note="access logs").assert_converged()
    s3 = account.client("s3")
    source, logs = (f"{PREFIX}-bastion-{thing}-{account.id}" for thing in ("transfer", "logs"))
    enabled = s3.get_bucket_logging(Bucket=source)["LoggingEnabled"]
    assert (enabled["TargetBucket"], enabled["TargetPrefix"]) == (logs, f"{source}/")
    allowed = json.loads(s3.get_bucket_policy(Bucket=logs)["Policy"])["Statement"][1]
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Resource"] == f"arn:aws:s3:::{logs}/{source}/*"
    assert allowed["Condition"]["ArnLike"]["aws:SourceArn"] == f"arn:aws:s3:::{source}"
    assert allowed["Condition"]["StringEquals"]["aws:SourceAccount"] == account.id
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=logs)
    account.run(*limit, variables=given, note="access logs, again").assert_nothing_to_do()

    account.run(*limit, variables={"encryption_key_arn": key}, note="no access logs").assert_converged()
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=source)


def test_the_key_is_all_that_a_teardown_leaves(account, key):
    before, given = neighbours.key_state(account, key), {**CONFIRMED, "encryption_key_arn": key}
    run = account.run(*LIMIT, playbook="playbooks/teardown.yml", variables=given, note="leaves the key")
    assert "kms" not in {service for service, _operation in run.assert_converged().calls.writes}
    assert neighbours.key_state(account, key) == before
    assert not account.client("dynamodb").list_tables()["TableNames"]
    assert not account.client("s3").list_buckets()["Buckets"]
