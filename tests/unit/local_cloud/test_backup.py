# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS Backup: what the modules rely on, which is the shim's."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

ACCOUNT = settings.ACCOUNT_ID
INSTANCE = f"arn:aws:ec2:us-west-2:{ACCOUNT}:instance/i-0123456789abcdef0"


def client(local_cloud: settings.Instance, service: str) -> Any:
    session = boto3.Session(ACCOUNT, "unused", region_name="us-west-2")
    return session.client(service, endpoint_url=local_cloud.endpoint)


@pytest.fixture(scope="module")
def backup(local_cloud: settings.Instance) -> Any:
    return client(local_cloud, "backup")


@pytest.fixture
def vault(backup: Any) -> str:
    name = uuid.uuid4().hex
    backup.create_backup_vault(BackupVaultName=name)
    return name


@pytest.fixture(scope="module")
def role_arn(local_cloud: settings.Instance) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = client(local_cloud, "iam").create_role(RoleName=uuid.uuid4().hex, AssumeRolePolicyDocument=policy)
    return made["Role"]["Arn"]


def plan(vault: str, **rule: Any) -> dict[str, Any]:
    return {"BackupPlanName": vault, "Rules": [{"RuleName": "daily", "TargetBackupVaultName": vault, **rule}]}


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_a_vault_with_recovery_points_stays(backup: Any, vault: str, role_arn: str) -> None:
    made = backup.start_backup_job(BackupVaultName=vault, ResourceArn=INSTANCE, IamRoleArn=role_arn)
    assert "contains recovery points" in refusal(backup.delete_backup_vault, BackupVaultName=vault)
    (point,) = backup.list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]
    assert (point["RecoveryPointArn"], point["Status"]) == (made["RecoveryPointArn"], "COMPLETED")
    gone = {"BackupVaultName": vault, "RecoveryPointArn": made["RecoveryPointArn"]}
    backup.delete_recovery_point(**gone)
    assert "ResourceNotFoundException" in refusal(backup.delete_recovery_point, **gone)
    backup.delete_backup_vault(BackupVaultName=vault)


def test_a_plan_says_what_nobody_has_declared_and_is_there_once(backup: Any, vault: str) -> None:
    request = {"BackupPlan": plan(vault), "CreatorRequestId": "one"}
    made = backup.create_backup_plan(**request)
    assert backup.create_backup_plan(**request)["BackupPlanId"] == made["BackupPlanId"]
    assert "same plan document" in refusal(backup.create_backup_plan, BackupPlan=plan(vault))
    (rule,) = backup.get_backup_plan(BackupPlanId=made["BackupPlanId"])["BackupPlan"]["Rules"]
    assert (rule["StartWindowMinutes"], rule["CompletionWindowMinutes"]) == (480, 10080)
    changed = plan(vault, StartWindowMinutes=60)
    backup.update_backup_plan(BackupPlanId=made["BackupPlanId"], BackupPlan=changed)
    (after,) = backup.get_backup_plan(BackupPlanId=made["BackupPlanId"])["BackupPlan"]["Rules"]
    assert (after["RuleId"], after["StartWindowMinutes"]) == (rule["RuleId"], 60)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"StartWindowMinutes": 59}, "too short"),
        ({"StartWindowMinutes": 60, "CompletionWindowMinutes": 119}, "too short"),
        ({"TargetBackupVaultName": "none"}, "does not exist"),
    ],
)
def test_a_plan_that_is_refused(backup: Any, vault: str, rule: dict[str, Any], told: str) -> None:
    assert told in refusal(backup.create_backup_plan, BackupPlan=plan(vault, **rule))


def test_a_plan_with_selections_stays(backup: Any, vault: str, role_arn: str) -> None:
    plan_id = backup.create_backup_plan(BackupPlan=plan(vault))["BackupPlanId"]
    selection = {"SelectionName": "bastion", "IamRoleArn": role_arn, "Resources": [INSTANCE]}
    request = {"BackupPlanId": plan_id, "BackupSelection": selection, "CreatorRequestId": "one"}
    made = backup.create_backup_selection(**request)
    assert backup.create_backup_selection(**request)["SelectionId"] == made["SelectionId"]
    assert "must be deleted" in refusal(backup.delete_backup_plan, BackupPlanId=plan_id)
    backup.delete_backup_selection(BackupPlanId=plan_id, SelectionId=made["SelectionId"])
    backup.delete_backup_plan(BackupPlanId=plan_id)


def test_a_role_that_aws_backup_can_not_assume(backup: Any, vault: str) -> None:
    plan_id = backup.create_backup_plan(BackupPlan=plan(vault))["BackupPlanId"]
    selection = {"SelectionName": "bastion", "IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/none"}
    request = {"BackupPlanId": plan_id, "BackupSelection": selection}
    assert "cannot be assumed" in refusal(backup.create_backup_selection, **request)
