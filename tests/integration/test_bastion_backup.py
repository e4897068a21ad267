# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion is backed up when that is asked for: exactly this instance, by a role that may do no more; what is spoilt
is put back; backups outlive the option and the bastion, and vault and role go after the last of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.components import with_required
from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account, Run

from .census import as_list, document, statements_of
from .components import encryption
from .components.bastion_instance import NAME, instance

USED = ("bastion_instance",)
pytestmark = [pytest.mark.by_component(*USED), pytest.mark.options]

ROLE = f"{NAME}-backup"
ON = {"bastion_instance_backup": True, "bastion_instance_backup_retention_days": 14}
OWN = {**OWNER, "Component": "bastion_instance"}
RULE = {
    "RuleName": "daily",
    "TargetBackupVaultName": NAME,
    "ScheduleExpression": "cron(0 2 * * ? *)",
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": 60,
    "CompletionWindowMinutes": 720,
    "Lifecycle": {"DeleteAfterDays": 14},
}


@pytest.fixture(scope="module")
def account(new_account: Callable[..., Account]) -> Account:
    made = new_account("250000000131")
    made.run(
        "--limit", ",".join(with_required(USED)), variables=ON, note="a bastion that is backed up"
    ).assert_converged()
    return made


def settle(account: Account, note: str, *arguments: str, **variables: object) -> Run:
    return account.run("--limit", "bastion_instance", *arguments, variables=variables, note=note)


def tear_down(account: Account, note: str, **variables: object) -> Run:
    return account.run(
        *("--limit", "bastion_instance"),
        playbook="playbooks/teardown.yml",
        variables={"platform_teardown_confirm": PREFIX, **variables},
        note=note,
    )


def vault(account: Account) -> dict[str, Any] | None:
    found = account.client("backup").list_backup_vaults()["BackupVaultList"]
    return next((item for item in found if item["BackupVaultName"] == NAME), None)


def plans(account: Account, name: str = NAME) -> list[dict[str, Any]]:
    found = account.client("backup").list_backup_plans()["BackupPlansList"]
    return [item for item in found if item["BackupPlanName"] == name]


def plan(account: Account) -> dict[str, Any]:
    (found,) = plans(account)
    return found


def rules(account: Account) -> list[dict[str, Any]]:
    found = account.client("backup").get_backup_plan(BackupPlanId=plan(account)["BackupPlanId"])["BackupPlan"]["Rules"]
    return [{key: value for key, value in rule.items() if key in RULE or key == "CopyActions"} for rule in found]


def selections(account: Account) -> list[dict[str, Any]]:
    backup, plan_id = account.client("backup"), plan(account)["BackupPlanId"]
    found = backup.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]
    return [
        {
            **backup.get_backup_selection(BackupPlanId=plan_id, SelectionId=item["SelectionId"])["BackupSelection"],
            "SelectionId": item["SelectionId"],
        }
        for item in found
    ]


def role(account: Account) -> dict[str, Any] | None:
    try:
        return account.client("iam").get_role(RoleName=ROLE)["Role"]
    except ClientError:
        return None


def arn_of(account: Account) -> str:
    return f"arn:aws:ec2:{REGION}:{account.id}:instance/{instance(account)['InstanceId']}"


def back_up(account: Account) -> str:
    """As the plan does it."""
    made = account.client("backup").start_backup_job(
        BackupVaultName=NAME, ResourceArn=arn_of(account), IamRoleArn=role(account)["Arn"]
    )
    return made["RecoveryPointArn"]


def test_this_instance_is_backed_up_daily_and_nothing_else(account):
    backup = account.client("backup")
    found = vault(account)
    assert found["EncryptionKeyArn"] == encryption.key(account)["Arn"]
    assert rules(account) == [RULE]
    (selection,) = selections(account)
    assert selection["Resources"] == [arn_of(account)]
    assert selection["IamRoleArn"] == role(account)["Arn"]
    assert not any(selection.get(member) for member in ("NotResources", "ListOfTags", "Conditions"))
    for arn in (found["BackupVaultArn"], plan(account)["BackupPlanArn"]):
        assert OWN.items() <= backup.list_tags(ResourceArn=arn)["Tags"].items()


def test_the_role_is_for_this_instance_and_this_account(account):
    (trust,) = document(role(account)["AssumeRolePolicyDocument"])["Statement"]
    assert trust["Principal"] == {"Service": "backup.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": account.id}}
    assert account.client("iam").list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"] == []
    statements = {item["Sid"]: item for item in statements_of(account, ROLE)}
    assert arn_of(account) in as_list(statements["ImageThisInstance"]["Resource"])
    assert statements["RemoveOldOnes"]["Condition"]
    for sid, statement in statements.items():
        assert not [action for action in as_list(statement["Action"]) if "*" in action], sid
        assert ("*" in as_list(statement["Resource"])) is (sid == "LookAtInstances")


def test_a_second_run_has_nothing_to_do(account):
    settle(account, "the backups are there", **ON).assert_nothing_to_do()


def test_what_is_spoilt_is_put_back(account):
    backup, found = account.client("backup"), plan(account)
    copied = {"DestinationBackupVaultArn": f"arn:aws:backup:{REGION}:999999999999:backup-vault:theirs"}
    backup.update_backup_plan(
        BackupPlanId=found["BackupPlanId"],
        BackupPlan={"BackupPlanName": NAME, "Rules": [{**RULE, "CopyActions": [copied], "StartWindowMinutes": 90}]},
    )
    (selection,) = selections(account)
    backup.delete_backup_selection(BackupPlanId=found["BackupPlanId"], SelectionId=selection.pop("SelectionId"))
    backup.create_backup_selection(
        BackupPlanId=found["BackupPlanId"], BackupSelection={**selection, "Resources": ["arn:aws:ec2:*:*:instance/*"]}
    )
    backup.untag_resource(ResourceArn=vault(account)["BackupVaultArn"], TagKeyList=["Name"])

    dry = settle(account, "would back up again", "--check", "--diff", **ON).assert_converged()
    assert not dry.calls.writes
    assert "copy_actions" in dry.output
    run = settle(account, "backs up again", **ON).assert_converged()
    assert run.calls.writes == Calls(
        {
            ("backup", "TagResource"): 1,
            ("backup", "UpdateBackupPlan"): 1,
            ("backup", "CreateBackupSelection"): 1,
            ("backup", "DeleteBackupSelection"): 1,
        }
    )
    assert rules(account) == [RULE]
    assert [item["Resources"] for item in selections(account)] == [[arn_of(account)]]


def test_other_times_change_the_plan_alone(account):
    later = {**ON, "bastion_instance_backup_schedule": "cron(30 3 * * ? *)"}
    run = settle(account, "later", **later).assert_converged()
    assert run.calls.writes == Calls({("backup", "UpdateBackupPlan"): 1})
    settle(account, "as before", **ON).assert_converged()


def test_what_is_deleted_comes_back(account):
    backup, plan_id = account.client("backup"), plan(account)["BackupPlanId"]
    (selection,) = selections(account)
    backup.delete_backup_selection(BackupPlanId=plan_id, SelectionId=selection["SelectionId"])
    backup.delete_backup_plan(BackupPlanId=plan_id)
    backup.delete_backup_vault(BackupVaultName=NAME)
    settle(account, "all of it anew", **ON).assert_converged()
    assert rules(account) == [RULE]
    settle(account, "nothing to do", **ON).assert_nothing_to_do()


def test_a_plan_of_someone_else_is_left_alone(account):
    backup, found = account.client("backup"), plan(account)
    tags = backup.list_tags(ResourceArn=found["BackupPlanArn"])["Tags"]
    backup.untag_resource(ResourceArn=found["BackupPlanArn"], TagKeyList=list(tags))
    for options in (ON, {}):
        run = settle(account, "someone has our plan", **options).assert_refused()
        assert not run.calls.writes
        assert f"backup plan {NAME}" in run.explain()
    backup.tag_resource(ResourceArn=found["BackupPlanArn"], Tags=tags)


def test_without_the_option_no_more_are_made_and_those_that_there_are_stay(account):
    backup, point = account.client("backup"), back_up(account)
    run = settle(account, "no more backups").assert_converged()
    assert plans(account) == []
    assert "has 1 backups of the bastion" in run.output
    assert vault(account)["NumberOfRecoveryPoints"] == 1
    # Without it nothing would remove the backup in time.
    assert role(account) is not None
    again = settle(account, "it is still there").assert_nothing_to_do()
    assert "has 1 backups of the bastion" in again.output

    backup.delete_recovery_point(BackupVaultName=NAME, RecoveryPointArn=point)
    run = settle(account, "the last one has gone").assert_converged()
    assert (vault(account), role(account)) == (None, None)
    assert run.calls.writes[("backup", "DeleteBackupVault")] == 1
    again = settle(account, "nothing of it is left").assert_nothing_to_do()
    assert "backups of the bastion" not in again.output


def test_a_removal_takes_all_of_it_but_backups(account):
    settle(account, "backups again", **ON).assert_converged()
    point = back_up(account)
    run = tear_down(account, "the bastion goes", **ON).assert_converged()
    assert "has 1 backups of the bastion" in run.output
    assert (plans(account), vault(account)["NumberOfRecoveryPoints"]) == ([], 1)
    assert role(account) is not None
    account.client("backup").delete_recovery_point(BackupVaultName=NAME, RecoveryPointArn=point)
    tear_down(account, "and its vault").assert_converged()
    assert (vault(account), role(account)) == (None, None)
