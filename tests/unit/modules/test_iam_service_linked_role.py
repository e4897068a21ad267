# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service-linked roles: existence, suffixes, and a deletion that IAM carries out later."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import run
from tests.support.scripted_aws import Step, api_error, lost_reply

SERVICE = "autoscaling.amazonaws.com"
NAME = "AWSServiceRoleForAutoScaling"
TAKEN = f"Service role name {NAME} has been taken in this account, please try a different suffix."


def role(name=NAME):
    return {
        "RoleName": name,
        "Path": f"/aws-service-role/{SERVICE}/",
        "Arn": f"arn:aws:iam::123456789012:role/aws-service-role/{SERVICE}/{name}",
        "AssumeRolePolicyDocument": "{}",
    }


def listing(*names, service=SERVICE):
    return Step("ListRoles", {"Roles": [role(name) for name in names]}, {"PathPrefix": f"/aws-service-role/{service}/"})


def create(answer=None, **members):
    return Step("CreateServiceLinkedRole", answer or {"Role": {}}, {"AWSServiceName": SERVICE, **members})


def role_run(options, *steps, **kwargs):
    return run("iam_service_linked_role", {"service_name": SERVICE, **options}, *steps, **kwargs)


def test_create():
    result, _aws, _module = role_run({"description": "x"}, listing(), create(Description="x"), listing(NAME))
    assert result["changed"] is True
    assert result["role"]["role_name"] == NAME
    assert result["role"]["arn"].endswith(f"/{NAME}")


def test_second_run_changes_nothing():
    result, aws, _module = role_run({"description": "another"}, listing(NAME))
    assert result["changed"] is False
    assert aws.operations() == ["ListRoles"]


def test_owner_has_no_meaning_for_it():
    result, _aws, _module = role_run({"owned_by": {"Project": "demo"}}, listing(NAME))
    assert result["changed"] is False


def test_dry_run():
    result, aws, _module = role_run({}, listing(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["ListRoles"]


def test_it_came_into_being_meanwhile():
    taken = api_error("CreateServiceLinkedRole", "InvalidInput", TAKEN)
    result, _aws, _module = role_run({}, listing(), create(taken), listing(NAME), listing(NAME))
    assert result["changed"] is False
    assert result["role"]["role_name"] == NAME


def test_lost_reply():
    result, aws, _module = role_run({}, listing(), create(lost_reply()), listing(NAME))
    assert result["changed"] is True
    assert aws.operations().count("CreateServiceLinkedRole") == 1


def test_lost_reply_and_the_role_is_seen_late():
    taken = api_error("CreateServiceLinkedRole", "InvalidInput", TAKEN)
    result, _aws, _module = role_run(
        {}, listing(), create(lost_reply()), listing(), create(taken), listing(), listing(NAME), listing(NAME)
    )
    assert result["role"]["role_name"] == NAME


def test_wrong_service_is_an_error():
    refusal = api_error("CreateServiceLinkedRole", "InvalidInput", "There is no such service")
    with pytest.raises(ResourceError, match="There is no such service"):
        role_run({}, listing(), create(refusal), *[listing() for _ in range(10)])


def test_throttled_create_is_repeated():
    throttled = api_error("CreateServiceLinkedRole", "Throttling")
    result, _aws, _module = role_run({}, listing(), create(throttled), listing(), create(), listing(NAME))
    assert result["changed"] is True


def test_role_with_a_suffix_is_another_one():
    result, _aws, _module = role_run({}, listing(f"{NAME}_team"), create(), listing(f"{NAME}_team", NAME))
    assert result["role"]["role_name"] == NAME


def test_role_with_the_declared_suffix():
    result, _aws, _module = role_run({"custom_suffix": "team"}, listing(NAME, f"{NAME}_team"))
    assert result["role"]["role_name"] == f"{NAME}_team"
    result, _aws, _module = role_run(
        {"custom_suffix": "team"}, listing(NAME), create(CustomSuffix="team"), listing(NAME, f"{NAME}_team")
    )
    assert result["changed"] is True


def test_underscore_that_is_no_suffix():
    service = "rds.application-autoscaling.amazonaws.com"
    name = "AWSServiceRoleForApplicationAutoScaling_RDSCluster"
    result, _aws, _module = run("iam_service_linked_role", {"service_name": service}, listing(name, service=service))
    assert result["changed"] is False


# ---- Deletion


ABSENT = {"state": "absent"}
TASK = {"DeletionTaskId": "task/1"}


def delete():
    return Step("DeleteServiceLinkedRole", TASK, {"RoleName": NAME})


def status(status, **reason):
    return Step("GetServiceLinkedRoleDeletionStatus", {"Status": status, **reason}, TASK)


def test_delete_waits_until_iam_has_done_it():
    result, _aws, _module = role_run(
        ABSENT,
        listing(NAME),
        delete(),
        listing(NAME),
        status("NOT_STARTED"),
        listing(NAME),
        status("IN_PROGRESS"),
        listing(),
    )
    assert result["changed"] is True
    assert result["role"] == {}


def test_delete_without_waiting():
    result, _aws, _module = role_run({**ABSENT, "wait": False}, listing(NAME), delete())
    assert result["changed"] is True


def test_role_in_use_is_an_error_that_says_what_uses_it():
    usage = [{"Region": "us-west-2", "Resources": ["arn:aws:autoscaling:::group/demo"]}]
    reason = {"Reason": {"Reason": "A service-linked role is required.", "RoleUsageList": usage}}
    with pytest.raises(ResourceError, match=r"is required\. It is used by arn:.*group/demo in us-west-2\. Remove what"):
        role_run(ABSENT, listing(NAME), delete(), listing(NAME), status("FAILED", **reason))


def test_deletion_that_fails_without_a_reason():
    with pytest.raises(ResourceError, match=r"AWS gives no reason\. Remove what"):
        role_run(ABSENT, listing(NAME), delete(), listing(NAME), status("FAILED"))


def test_delete_of_what_is_absent():
    result, _aws, _module = role_run(ABSENT, listing())
    assert result["changed"] is False


def test_delete_in_a_dry_run():
    result, aws, _module = role_run(ABSENT, listing(NAME), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["ListRoles"]
