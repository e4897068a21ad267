# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instance profile with the one role that it holds."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.iam_instance_profile import InstanceProfile
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

ARN = "arn:aws:iam::123456789012:instance-profile/demo"
NAME = {"InstanceProfileName": "demo"}
ROLE = {**NAME, "RoleName": "operator"}
PARAMS = {"name": "demo", "path": None, "role": "operator"}
ADD, REMOVE = "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile"


def role(name):
    return {
        "RoleName": name,
        "Arn": f"arn:aws:iam::123456789012:role/{name}",
        "Path": "/",
        "RoleId": "AROAEXAMPLEEXAMPLE",
    }


def seen(*roles, **members):
    profile = {**NAME, "Arn": ARN, "Path": "/", "Roles": [role(name) for name in roles], "Tags": [], **members}
    return Step("GetInstanceProfile", {"InstanceProfile": profile}, NAME)


def missing():
    return Step("GetInstanceProfile", api_error("GetInstanceProfile", "NoSuchEntity", status=404), NAME)


def run(params, *steps, **kwargs):
    return run_resource(InstanceProfile, {**PARAMS, **params}, *steps, **kwargs)


def test_create_with_role_path_and_tags():
    tags = [{"Key": "A", "Value": "1"}]
    result, _aws, _module = run(
        {"path": "/teams/", "tags": {"A": "1"}},
        missing(),
        Step("CreateInstanceProfile", {"InstanceProfile": NAME}, {**NAME, "Path": "/teams/", "Tags": tags}),
        seen(Path="/teams/", Tags=tags),
        Step(ADD, {}, ROLE),
        seen("operator", Path="/teams/", Tags=tags),
        seen("operator", Path="/teams/", Tags=tags),
    )
    assert result["changed"] is True
    assert result["instance_profile"]["roles"][0]["role_name"] == "operator"
    assert result["instance_profile"]["tags"] == {"A": "1"}


def test_second_run_changes_nothing():
    result, _aws, _module = run({"path": "/"}, seen("operator"))
    assert result["changed"] is False


def test_a_role_that_was_taken_out_comes_back():
    result, _aws, _module = run({}, seen(), Step(ADD, {}, ROLE), seen("operator"), seen("operator"))
    assert result["diff"]["before"]["role"] == ""
    assert result["diff"]["after"]["role"] == "operator"


def test_another_role_is_replaced():
    result, _aws, _module = run(
        {},
        seen("intruder"),
        Step(REMOVE, {}, {**NAME, "RoleName": "intruder"}),
        Step(ADD, {}, ROLE),
        seen("operator"),
        seen("operator"),
    )
    assert result["changed"] is True


def test_an_empty_text_takes_the_role_out():
    run({"role": ""}, seen("operator"), Step(REMOVE, {}, ROLE), seen(), seen())


def test_a_role_that_is_not_declared_is_left():
    result, _aws, _module = run({"role": None}, seen("intruder"))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("NoSuchEntity", "The role with name operator cannot be found."),
        ("NoSuchEntity", "Instance Profile demo cannot be found."),
        # The role that was taken out still counts.
        ("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"),
    ],
)
def test_what_iam_does_not_know_everywhere_yet_is_waited_for(code, text):
    run(
        {},
        seen(),
        Step(ADD, api_error(ADD, code, text, 404)),
        seen(),
        Step(ADD, {}, ROLE),
        seen("operator"),
        seen("operator"),
    )


def test_a_lost_reply_puts_the_role_in_once():
    result, aws, _module = run({}, seen(), Step(ADD, lost_reply()), seen("operator"))
    assert result["changed"] is True
    assert aws.operations().count(ADD) == 1


@pytest.mark.parametrize("done", [True, False])
def test_a_lost_reply_of_create_makes_no_second_profile(done):
    again = [seen()] if done else [missing(), Step("CreateInstanceProfile", {"InstanceProfile": NAME}), seen()]
    _result, aws, _module = run({"role": None}, missing(), Step("CreateInstanceProfile", lost_reply()), *again)
    assert aws.operations().count("CreateInstanceProfile") == (1 if done else 2)


def test_a_refusal_names_the_permission_to_pass_the_role():
    denied = api_error(ADD, "AccessDenied", "User is not authorized to perform: iam:PassRole", 403)
    with pytest.raises(ResourceError, match="Allow iam:AddRoleToInstanceProfile and iam:PassRole for the role"):
        run({}, seen(), Step(ADD, denied))


def test_check_mode_predicts_the_role():
    result, _aws, _module = run({}, seen("intruder"), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["role"] == "operator"
    result, _aws, _module = run({}, missing(), check_mode=True)
    assert result["instance_profile"]["roles"] == [{"role_name": "operator"}]


def test_another_path_is_refused():
    with pytest.raises(ResourceError, match=r"can't be changed in place \(path: is '/', declared '/teams/'\)"):
        run({"path": "/teams/"}, seen("operator"))


def test_a_profile_of_someone_else_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({"owned_by": {"Project": "demo"}}, seen("intruder"))


def test_tags_are_mended():
    run(
        {"tags": {"A": "1"}},
        seen("operator", Tags=[{"Key": "B", "Value": "2"}]),
        Step("UntagInstanceProfile", {}, {**NAME, "TagKeys": ["B"]}),
        Step("TagInstanceProfile", {}, {**NAME, "Tags": [{"Key": "A", "Value": "1"}]}),
        seen("operator", Tags=[{"Key": "A", "Value": "1"}]),
    )


def test_delete_takes_the_role_out_first():
    conflict = api_error(
        "DeleteInstanceProfile",
        "DeleteConflict",
        "Cannot delete entity, must remove roles from instance profile first.",
        409,
    )
    result, _aws, _module = run(
        {"state": "absent", "role": None},
        seen("operator"),
        Step(REMOVE, {}, ROLE),
        Step("DeleteInstanceProfile", conflict),
        seen(),
        Step("DeleteInstanceProfile", {}, NAME),
        missing(),
    )
    assert result["changed"] is True


def test_deleting_what_is_gone_changes_nothing():
    result, _aws, _module = run({"state": "absent", "role": None}, missing())
    assert result["changed"] is False
