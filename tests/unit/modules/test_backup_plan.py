# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan of AWS Backup: compared and sent as a whole, and known among others of its name by its tags."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.backup_plan import Plan
from tests.support.module_runs import OWNER, given
from tests.support.module_runs import run as run_module
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource

NAME = "demo-bastion"
DECLARED = {
    "name": "daily",
    "vault_name": NAME,
    "schedule": "cron(0 2 * * ? *)",
    "start_window_minutes": 60,
    "completion_window_minutes": 720,
    "delete_after_days": 35,
}
RULE = {
    "RuleName": "daily",
    "TargetBackupVaultName": NAME,
    "ScheduleExpression": "cron(0 2 * * ? *)",
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": 60,
    "CompletionWindowMinutes": 720,
    "Lifecycle": {"DeleteAfterDays": 35},
}
OPTIONS = {"name": NAME, "rules": [DECLARED], "owned_by": OWNER, "tags": OWNER}
ABSENT = Step("ListBackupPlans", {"BackupPlansList": [{"BackupPlanName": "other", "BackupPlanId": "p-9"}]}, {})
COPY = {"DestinationBackupVaultArn": "arn:aws:backup:us-west-2:999999999999:backup-vault:theirs"}


def arn(plan_id):
    return f"arn:aws:backup:us-west-2:123456789012:backup-plan:{plan_id}"


def run(options, *steps, **kwargs):
    return run_module("backup_plan", {**OPTIONS, **options}, *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Plan, given("backup_plan", {**OPTIONS, **options}), *steps)


def entry(plan_id="p-1", day=1, **members):
    made = datetime.datetime(2026, 1, day)
    return {
        "BackupPlanName": NAME,
        "BackupPlanId": plan_id,
        "BackupPlanArn": arn(plan_id),
        "CreationDate": made,
        **members,
    }


def told(plan_id="p-1", tags=OWNER, rules=None, **members):
    """What is read of one of them."""
    rules = [{**RULE, "RuleId": "r-1", "EnableContinuousBackup": False}] if rules is None else rules
    plan = {"BackupPlan": {"BackupPlanName": NAME, "Rules": rules}, "BackupPlanId": plan_id, **members}
    return [
        Step("GetBackupPlan", plan, {"BackupPlanId": plan_id}),
        Step("ListTags", {"Tags": tags}, {"ResourceArn": arn(plan_id)}),
    ]


def seen(tags=OWNER, rules=None, **members):
    return [Step("ListBackupPlans", {"BackupPlansList": [entry()]}, {}), *told("p-1", tags, rules, **members)]


def created(answer=None):
    def check(request):
        assert request.pop("CreatorRequestId")
        assert request == {"BackupPlan": {"BackupPlanName": NAME, "Rules": [RULE]}, "BackupPlanTags": OWNER}

    return Step("CreateBackupPlan", answer or {"BackupPlanId": "p-1"}, check)


def updated(**beside):
    plan = {"BackupPlanName": NAME, "Rules": [RULE], **beside}
    return Step("UpdateBackupPlan", {}, {"BackupPlanId": "p-1", "BackupPlan": plan})


def test_made():
    result, _aws, _module = run({}, ABSENT, created(), *seen())
    assert result["backup_plan"]["backup_plan_id"] == "p-1"
    assert result["backup_plan"]["tags"] == OWNER


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("ScheduleExpression", "cron(0 3 * * ? *)"),
        ("ScheduleExpressionTimezone", "Europe/Berlin"),
        ("StartWindowMinutes", 90),
        ("CompletionWindowMinutes", 900),
        ("TargetBackupVaultName", "theirs"),
        ("Lifecycle", {"DeleteAfterDays": 1}),
        ("Lifecycle", {}),
        ("Lifecycle", {"DeleteAfterDays": 35, "MoveToColdStorageAfterDays": 1}),
        ("CopyActions", [COPY]),
        ("RecoveryPointTags", {"theirs": "1"}),
        ("EnableContinuousBackup", True),
    ],
)
def test_what_others_have_made_of_a_rule_is_undone(member, value):
    theirs = [{**RULE, "RuleId": "r-1", member: value}]
    result, _aws, _module = run({}, *seen(rules=theirs), updated(), *seen(), *seen())
    assert result["diff"]["before"]["rules"] != result["diff"]["after"]["rules"]


def test_a_rule_of_others_goes():
    more = [{**RULE, "RuleId": "r-1"}, {**RULE, "RuleName": "hourly", "RuleId": "r-2"}]
    run({}, *seen(rules=more), updated(), *seen(), *seen())


def test_what_the_plan_has_besides_stays():
    settings = [{"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}]
    before = seen(rules=[{**RULE, "StartWindowMinutes": 90}], AdvancedBackupSettings=settings)
    run({}, *before, updated(AdvancedBackupSettings=settings), *seen(), *seen())


def test_defaults_are_those_of_aws():
    bare = {name: value for name, value in DECLARED.items() if name in ("name", "vault_name", "schedule")}
    rule = {name: RULE[name] for name in ("RuleName", "TargetBackupVaultName", "ScheduleExpression")}
    result, _aws, _module = run({"rules": [bare]}, *seen(rules=[{**rule, "RuleId": "r-1"}]))
    assert result["changed"] is False


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, *seen(rules=[{**RULE, "CopyActions": [COPY]}]), check_mode=True)
    assert result["diff"]["before"]["rules"][0]["copy_actions"]
    result, _aws, _module = run({}, ABSENT, check_mode=True)
    assert result["changed"] is True


def test_lost_replies_make_no_second_one():
    _result, aws, _module = run({}, ABSENT, created(lost_reply()), *seen())
    assert aws.operations().count("CreateBackupPlan") == 1


def test_a_throttled_update_is_tried_again():
    old = seen(rules=[{**RULE, "StartWindowMinutes": 90}])
    throttled = Step("UpdateBackupPlan", api_error("UpdateBackupPlan", "ThrottlingException"))
    run({}, *old, throttled, *old, updated(), *seen(), *seen())


def both(*tags):
    """Two of the name, the first of them older, and their tags."""
    listed = Step("ListBackupPlans", {"BackupPlansList": [entry("p-0"), entry("p-1", 2)]}, {})
    looks = [Step("ListTags", {"Tags": its}, {"ResourceArn": arn(f"p-{at}")}) for at, its in enumerate(tags)]
    return [listed, *looks]


def test_of_two_of_the_name_ours_counts():
    result, _aws, module = run({}, *both({"Project": "other"}, OWNER), *told())
    assert (result["changed"], module.warnings) == (False, [])


def test_of_two_of_ours_the_older_one_is_kept_and_both_are_told():
    _result, _aws, module = run({}, *both(OWNER, OWNER), *told("p-0"))
    assert "p-1 can be deleted" in module.warnings[0]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_someone_elses_is_left_alone(state):
    assert "isn't ours" in refuse({"state": state}, *seen(tags={"Project": "other"}))


def chosen(*names):
    found = [{"SelectionName": name, "SelectionId": name} for name in names]
    return Step("ListBackupSelections", {"BackupSelectionsList": found}, {"BackupPlanId": "p-1"})


def test_deleted():
    deleted = Step("DeleteBackupPlan", {}, {"BackupPlanId": "p-1"})
    run({"state": "absent"}, *seen(), chosen(), deleted, ABSENT)
    result, _aws, _module = run({"state": "absent"}, ABSENT)
    assert result["changed"] is False


def test_one_with_selections_stays():
    told_ = refuse({"state": "absent"}, *seen(), chosen("theirs", "bastion"))
    assert "has the selections bastion and theirs" in told_


def test_a_dry_run_does_not_ask_for_its_selections():
    """They may be what the same run would have removed before."""
    result, _aws, _module = run({"state": "absent"}, *seen(), check_mode=True)
    assert result["changed"] is True


def test_a_selection_that_has_just_gone_is_waited_for():
    text = "Related backup plan selections must be deleted prior to backup plan deletion"
    refused = Step("DeleteBackupPlan", api_error("DeleteBackupPlan", "InvalidRequestException", text))
    steps = [*seen(), chosen(), refused, *seen(), chosen(), Step("DeleteBackupPlan", {}), ABSENT]
    run({"state": "absent"}, *steps)


def test_bad_input():
    assert "rules must be given" in refuse({"rules": None}, ABSENT)
    with pytest.raises(ResourceError, match="a plan has a rule at least"):
        run({"rules": []})
    text = "Backup vault demo-bastion does not exist."
    refused = Step("CreateBackupPlan", api_error("CreateBackupPlan", "InvalidParameterValueException", text))
    assert "The vault must exist first" in refuse({}, ABSENT, refused)
