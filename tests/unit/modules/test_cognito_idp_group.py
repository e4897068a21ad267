# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups of a user pool."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import run
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, sides

POOL = "us-west-2_a1b2c3d4e"
ROLE = "arn:aws:iam::123456789012:role/admins"
NAMED = {"UserPoolId": POOL, "GroupName": "admins"}
OPTIONS = {"user_pool_id": POOL, "name": "admins", "description": "May do it all", "precedence": 1, "role_arn": ""}
DECLARED = {"Description": "May do it all", "Precedence": 1}
ABSENT = {"user_pool_id": POOL, "name": "admins", "state": "absent"}


def missing():
    return Step("GetGroup", api_error("GetGroup", "ResourceNotFoundException", "Group not found."), NAMED)


def group(**members):
    described = {**NAMED, **DECLARED, **members}
    found = {member: value for member, value in described.items() if value is not None}
    return Step("GetGroup", {"Group": found}, NAMED)


def create(answer=None, **members):
    return Step("CreateGroup", answer or {"Group": NAMED}, {**NAMED, **DECLARED, **members})


def update(answer=None, **members):
    request = {**NAMED, **DECLARED, **members}
    return Step("UpdateGroup", answer or {"Group": NAMED}, {k: v for k, v in request.items() if v is not None})


def group_run(options, *steps, **kwargs):
    return run("cognito_idp_group", {**OPTIONS, **options}, *steps, **kwargs)


def test_create():
    result, _aws, _module = group_run({"role_arn": ROLE}, missing(), create(RoleArn=ROLE), group(RoleArn=ROLE))
    assert result["changed"] is True
    assert result["group"]["group_name"] == "admins"
    assert result["group"]["role_arn"] == ROLE


def test_create_leaves_out_what_is_empty():
    result, _aws, _module = group_run({}, missing(), create(), group())
    assert result["changed"] is True


def test_second_run_changes_nothing():
    assert group_run({}, group())[0]["changed"] is False


def test_precedence_of_zero():
    result, _aws, _module = group_run(
        {"precedence": 0}, group(), update(Precedence=0), group(Precedence=0), group(Precedence=0)
    )
    assert result["changed"] is True


@pytest.mark.parametrize("option", ["description", "precedence"])
def test_an_update_sends_what_is_not_declared_as_well(option):
    """Whatever AWS makes of a member that isn't sent, it stays."""
    changed = {"description": {"Description": "Other"}, "precedence": {"Precedence": 9}}[option]
    others = {name: None for name in ("description", "precedence", "role_arn") if name != option}
    result, _aws, _module = group_run(
        others, group(RoleArn=ROLE, **changed), update(RoleArn=ROLE), group(RoleArn=ROLE), group(RoleArn=ROLE)
    )
    assert result["changed"] is True


def test_an_emptied_description():
    result, _aws, _module = group_run(
        {"description": ""}, group(), update(Description=""), group(Description=""), group(Description="")
    )
    assert result["changed"] is True


def test_another_role():
    other = "arn:aws:iam::123456789012:role/other"
    result, _aws, _module = group_run(
        {"role_arn": ROLE}, group(RoleArn=other), update(RoleArn=ROLE), group(RoleArn=ROLE), group(RoleArn=ROLE)
    )
    assert result["changed"] is True


def test_a_role_is_taken_from_a_group():
    result, _aws, _module = group_run({}, group(RoleArn=ROLE), update(), group(RoleArn=ROLE), *[group()] * 3)
    assert result["changed"] is True
    assert result["diff"]["before"]["role_arn"] == ROLE


def test_a_role_that_aws_keeps_is_an_error():
    with pytest.raises(ResourceError, match=r"'admins' of '.*' keeps its role arn:.*role/admins, .* loses its members"):
        group_run({}, group(RoleArn=ROLE), update(), *endless(group(RoleArn=ROLE)))


def test_a_role_of_someone_else_is_seen_in_a_dry_run():
    result, aws, _module = group_run({}, group(RoleArn=ROLE), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["role_arn"] in ("", None)
    assert aws.operations() == ["GetGroup"]


def test_role_that_may_not_be_passed():
    refused = "User: x is not authorized to perform: iam:PassRole on resource: " + ROLE
    error = api_error("CreateGroup", "AccessDeniedException", refused)
    with pytest.raises(ResourceError, match="Allow iam:PassRole on the role"):
        group_run({"role_arn": ROLE}, missing(), create(error, RoleArn=ROLE))


def test_lost_reply_of_create():
    result, aws, _module = group_run({}, missing(), create(lost_reply()), group())
    assert result["changed"] is True
    assert aws.operations().count("CreateGroup") == 1


def test_it_came_into_being_meanwhile():
    exists = api_error("CreateGroup", "GroupExistsException", "A group with the name already exists.")
    result, _aws, _module = group_run({}, missing(), create(exists), group(), group())
    assert result["changed"] is False


def test_throttled_update_is_repeated():
    busy = api_error("UpdateGroup", "TooManyRequestsException")
    result, _aws, _module = group_run(
        {}, group(Precedence=3), update(busy), group(Precedence=3), update(), group(), group()
    )
    assert result["changed"] is True


def test_dry_run_before_the_pool_exists():
    result, aws, _module = group_run({"user_pool_id": "(known after apply)"}, check_mode=True)
    assert result["changed"] is True
    assert result["group"]["precedence"] == 1
    assert aws.operations() == []


def test_delete():
    result, _aws, _module = run("cognito_idp_group", ABSENT, group(), Step("DeleteGroup", {}, NAMED), missing())
    assert result == {"changed": True, "group": {}, "diff": result["diff"]}
    assert sides(result) == {"before": {}, "after": {}}


def test_delete_of_what_is_absent():
    assert run("cognito_idp_group", ABSENT, missing())[0]["changed"] is False


def test_delete_in_a_dry_run():
    result, aws, _module = run("cognito_idp_group", ABSENT, group(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["GetGroup"]
