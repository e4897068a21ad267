# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selection of a plan of AWS Backup: never changed, but replaced, and whose it is says its plan."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.backup_selection import Selection
from tests.support.module_runs import OWNER, given
from tests.support.module_runs import run as run_module
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource

ROLE = "arn:aws:iam::123456789012:role/demo-bastion-backup"
INSTANCE = "arn:aws:ec2:us-west-2:123456789012:instance/i-0123456789abcdef0"
PLAN_ARN = "arn:aws:backup:us-west-2:123456789012:backup-plan:p-1"
OPTIONS = {
    "name": "bastion",
    "plan_name": "demo-bastion",
    "iam_role_arn": ROLE,
    "resources": [INSTANCE],
    "not_resources": [],
    "list_of_tags": [],
    "conditions": {},
    "owned_by": OWNER,
}
CONTENT = {"SelectionName": "bastion", "IamRoleArn": ROLE, "Resources": [INSTANCE]}
PLACE = {"BackupPlanId": "p-1"}
# What AWS tells of one that has nothing else.
EMPTY = {"NotResources": [], "ListOfTags": [], "Conditions": {"StringEquals": [], "StringLike": []}}


def run(options, *steps, **kwargs):
    return run_module("backup_selection", {**OPTIONS, **options}, *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Selection, given("backup_selection", {**OPTIONS, **options}), *steps)


def plans(*found):
    return Step("ListBackupPlans", {"BackupPlansList": list(found)}, {})


def plan(tags=OWNER):
    return [
        plans({"BackupPlanName": "demo-bastion", "BackupPlanId": "p-1", "BackupPlanArn": PLAN_ARN}),
        Step("ListTags", {"Tags": tags}, {"ResourceArn": PLAN_ARN}),
    ]


def listed(*ids):
    """Of each its age: the later, the newer."""
    found = [
        {**PLACE, "SelectionName": "bastion", "SelectionId": name, "CreationDate": datetime.datetime(2026, 1, day)}
        for day, name in enumerate(ids, 1)
    ]
    other = {**PLACE, "SelectionName": "other", "SelectionId": "s-9", "CreationDate": datetime.datetime(2026, 2, 1)}
    return Step("ListBackupSelections", {"BackupSelectionsList": [other, *found]}, {"BackupPlanId": "p-1"})


def one(name, **members):
    content = {"BackupSelection": {**CONTENT, **EMPTY, **members}, "SelectionId": name, "BackupPlanId": "p-1"}
    return Step("GetBackupSelection", content, {"BackupPlanId": "p-1", "SelectionId": name})


def seen(name="s-1", others=(), **members):
    return [*plan(), listed(*others, name), one(name, **members)]


def nothing():
    return [*plan(), listed()]


def created(answer=None, made="s-1"):
    def check(request):
        assert request.pop("CreatorRequestId", None)
        assert request == {"BackupPlanId": "p-1", "BackupSelection": CONTENT}

    return Step("CreateBackupSelection", answer or {"SelectionId": made}, check)


def deleted(name):
    return Step("DeleteBackupSelection", {}, {"BackupPlanId": "p-1", "SelectionId": name})


def test_made():
    result, _aws, _module = run({}, *nothing(), created(), *seen())
    assert result["backup_selection"]["resources"] == [INSTANCE]
    assert result["backup_selection"]["backup_plan_id"] == "p-1"


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("IamRoleArn", f"{ROLE}-other"),
        ("Resources", [INSTANCE, "arn:aws:ec2:*:*:volume/*"]),
        ("NotResources", [INSTANCE]),
        ("ListOfTags", [{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}]),
        ("Conditions", {"StringEquals": [{"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b"}]}),
    ],
)
def test_one_that_differs_is_replaced_the_new_one_first(member, value):
    now = seen("s-2", others=["s-1"])
    steps = [*seen(**{member: value}), created(made="s-2"), *now, *now, *now, deleted("s-1")]
    result, aws, _module = run({}, *steps)
    assert result["changed"] is True
    assert aws.operations().index("CreateBackupSelection") < aws.operations().index("DeleteBackupSelection")


def test_where_names_can_not_be_the_same_the_old_one_goes_first():
    taken = api_error("CreateBackupSelection", "AlreadyExistsException")
    now = seen("s-2")
    steps = [*seen(Resources=[]), created(taken), deleted("s-1"), created(made="s-2"), *now, *now, *now]
    run({}, *steps)


def test_what_a_killed_run_has_left_goes():
    result, aws, _module = run({}, *seen("s-2", others=["s-1"]), deleted("s-1"))
    assert result["changed"] is True
    result, aws, _module = run({}, *seen("s-2", others=["s-1"]), check_mode=True)
    assert result["changed"] is True
    assert "DeleteBackupSelection" not in aws.operations()


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, *seen(Resources=["arn:aws:ec2:*:*:instance/*"]), check_mode=True)
    assert result["diff"]["before"]["resources"] == ["arn:aws:ec2:*:*:instance/*"]
    for before in (nothing(), [plans()]):
        result, _aws, _module = run({}, *before, check_mode=True)
        assert result["changed"] is True


def test_a_role_that_was_just_made_is_waited_for():
    for text in ("IAM Role x cannot be assumed by AWS Backup", "IAM Role x is not authorized to call tag:GetResources"):
        refused = created(api_error("CreateBackupSelection", "InvalidParameterValueException", text))
        run({}, *nothing(), refused, *nothing(), created(), *seen())


def test_a_lost_reply_makes_no_second_one():
    _result, aws, _module = run({}, *nothing(), created(lost_reply()), *seen())
    assert aws.operations().count("CreateBackupSelection") == 1
    now = seen("s-2", others=["s-1"])
    steps = [*seen(Resources=[]), created(lost_reply()), *now, deleted("s-1")]
    _result, aws, _module = run({}, *steps)
    assert aws.operations().count("CreateBackupSelection") == 1


def test_conditions_are_declared_by_their_kinds():
    declared = {"string_equals": [{"condition_key": "aws:ResourceTag/a", "condition_value": "b"}]}
    told = {"StringEquals": [{"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b"}], "StringLike": []}
    result, _aws, _module = run({"conditions": declared}, *seen(Conditions=told))
    assert result["changed"] is False


def test_a_plan_of_someone_else_is_left_alone():
    for options in ({}, {"state": "absent"}):
        told = refuse(options, *plan({"Project": "other"}))
        assert "The backup plan 'demo-bastion' (p-1) isn't ours" in told


def test_it_needs_its_plan():
    assert "needs its plan, which doesn't exist" in refuse({}, plans())
    result, _aws, _module = run({"state": "absent"}, plans())
    assert result["changed"] is False


def test_all_of_the_name_are_deleted():
    steps = [*seen("s-2", others=["s-1"]), deleted("s-2"), *seen("s-1"), *seen("s-1"), deleted("s-1")]
    run({"state": "absent"}, *steps, *nothing(), *nothing())


def test_a_plan_that_goes_meanwhile_takes_it_along():
    gone = api_error("GetBackupSelection", "InvalidParameterValueException", "Cannot find Backup plan with ID p-1")
    result, _aws, _module = run({"state": "absent"}, *plan(), listed("s-1"), Step("GetBackupSelection", gone))
    assert result["changed"] is False
