# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IAM role with its trust, inline and managed policies."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.iam_role import Role
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, run_resource

ARN = "arn:aws:iam::123456789012:role/demo"
ONE = "arn:aws:iam::aws:policy/One"
TWO = "arn:aws:iam::aws:policy/Two"
NAME = {"RoleName": "demo"}


def policy(*actions):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def trust(service="ec2.amazonaws.com"):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


PARAMS = {
    "name": "demo",
    "trust_policy": json.dumps(trust()),
    "description": None,
    "existing_roles": {},
    "max_session_duration": None,
    "managed_policies": None,
    "inline_policies": None,
}


def missing(operation):
    return Step(operation, api_error(operation, "NoSuchEntity", status=404), NAME)


def seen(attached=(), inline=None, trusted=None, **members):
    """The calls that read the role, and their answers."""
    role = {
        "RoleName": "demo",
        "Arn": ARN,
        "Path": "/",
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "AssumeRolePolicyDocument": json.dumps(trusted or trust()),
        "MaxSessionDuration": 3600,
        **members,
    }
    inline = inline or {}
    return [
        Step("GetRole", {"Role": role}, NAME),
        Step("ListAttachedRolePolicies", {"AttachedPolicies": [{"PolicyArn": arn} for arn in attached]}, NAME),
        Step("ListRolePolicies", {"PolicyNames": list(inline)}, NAME),
        *(
            Step("GetRolePolicy", {"RoleName": "demo", "PolicyName": name, "PolicyDocument": json.dumps(document)})
            for name, document in inline.items()
        ),
    ]


def run(params, *steps, **kwargs):
    return run_resource(Role, {**PARAMS, **params}, *steps, **kwargs)


def test_create_with_everything():
    document = policy("s3:GetObject")
    result, _aws, _module = run(
        {"managed_policies": [ONE], "inline_policies": {"permissions": document}, "tags": {"A": "1"}},
        missing("GetRole"),
        Step(
            "CreateRole",
            {"Role": {"RoleName": "demo", "Arn": ARN}},
            lambda request: (
                (
                    json.loads(request["AssumeRolePolicyDocument"]) == trust()
                    and request["Tags"] == [{"Key": "A", "Value": "1"}]
                )
                or pytest.fail(str(request))
            ),
        ),
        *seen(Tags=[{"Key": "A", "Value": "1"}]),
        Step(
            "PutRolePolicy",
            {},
            {**NAME, "PolicyName": "permissions", "PolicyDocument": json.dumps(document, sort_keys=True)},
        ),
        *seen(inline={"permissions": document}, Tags=[{"Key": "A", "Value": "1"}]),
        Step("AttachRolePolicy", {}, {**NAME, "PolicyArn": ONE}),
        *seen(attached=[ONE], inline={"permissions": document}, Tags=[{"Key": "A", "Value": "1"}]),
        *seen(attached=[ONE], inline={"permissions": document}, Tags=[{"Key": "A", "Value": "1"}]),
    )
    assert result["changed"] is True
    assert result["role"]["arn"] == ARN
    assert result["role"]["inline_policies"] == {"permissions": document}
    assert result["role"]["managed_policies"] == [ONE]
    assert result["role"]["tags"] == {"A": "1"}


def test_second_run_changes_nothing_whatever_the_order_and_the_spelling():
    stored = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["b:B", "a:A"], "Resource": ["*"]}}
    result, _aws, _module = run(
        {"managed_policies": [TWO, ONE], "inline_policies": {"permissions": json.dumps(policy("a:A", "b:B"))}},
        *seen(attached=[ONE, TWO], inline={"permissions": stored}),
    )
    assert result["changed"] is False


def test_what_is_not_declared_is_left_alone():
    result, _aws, _module = run({}, *seen(attached=[ONE], inline={"by-hand": policy("a:A")}))
    assert result["changed"] is False


def test_policies_of_others_are_taken_away_after_ours_are_given():
    document = policy("a:A")
    result, _aws, _module = run(
        {"managed_policies": [TWO], "inline_policies": {"permissions": document}},
        *seen(attached=[ONE], inline={"by-hand": policy("iam:PassRole")}),
        Step("PutRolePolicy", {}),
        Step("DeleteRolePolicy", {}, {**NAME, "PolicyName": "by-hand"}),
        *seen(attached=[ONE], inline={"permissions": document}),
        Step("AttachRolePolicy", {}, {**NAME, "PolicyArn": TWO}),
        Step("DetachRolePolicy", {}, {**NAME, "PolicyArn": ONE}),
        *seen(attached=[TWO], inline={"permissions": document}),
        *seen(attached=[TWO], inline={"permissions": document}),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["inline_policies"] == {"by-hand": policy("iam:PassRole")}


def test_a_deleted_inline_policy_comes_back():
    document = policy("a:A")
    result, aws, _module = run(
        {"inline_policies": {"permissions": document}},
        *seen(),
        Step("PutRolePolicy", {}),
        *seen(inline={"permissions": document}),
        *seen(inline={"permissions": document}),
    )
    assert result["changed"] is True
    assert "CreateRole" not in aws.operations()


def test_trust_is_set_back():
    result, _aws, _module = run(
        {},
        *seen(trusted=trust("lambda.amazonaws.com")),
        Step("UpdateAssumeRolePolicy", {}, {**NAME, "PolicyDocument": json.dumps(trust(), sort_keys=True)}),
        *seen(),
        *seen(),
    )
    assert result["changed"] is True


def test_update_keeps_the_session_duration():
    result, _aws, _module = run(
        {"description": "new"},
        *seen(Description="old", MaxSessionDuration=7200),
        Step("UpdateRole", {}, {**NAME, "Description": "new", "MaxSessionDuration": 7200}),
        *seen(Description="new", MaxSessionDuration=7200),
        *seen(Description="new", MaxSessionDuration=7200),
    )
    assert result["changed"] is True


BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
BOUND = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY}


def test_path_and_boundary_are_those_of_the_new_role():
    _result, aws, _module = run(
        {"path": "/teams/agents/", "permissions_boundary": BOUNDARY},
        missing("GetRole"),
        Step("CreateRole", {"Role": NAME}),
        *seen(Path="/teams/agents/", PermissionsBoundary=BOUND),
    )
    request = dict(aws.calls)["CreateRole"]
    assert (request["Path"], request["PermissionsBoundary"]) == ("/teams/agents/", BOUNDARY)


def test_a_role_without_boundary_is_made_without():
    _result, aws, _module = run(
        {"path": "/", "permissions_boundary": ""}, missing("GetRole"), Step("CreateRole", {"Role": NAME}), *seen()
    )
    assert "PermissionsBoundary" not in dict(aws.calls)["CreateRole"]


def test_a_boundary_that_was_taken_away_comes_back():
    result, _aws, _module = run(
        {"permissions_boundary": BOUNDARY},
        *seen(),
        Step("PutRolePermissionsBoundary", {}, {**NAME, "PermissionsBoundary": BOUNDARY}),
        *seen(PermissionsBoundary=BOUND),
        *seen(PermissionsBoundary=BOUND),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["permissions_boundary"] == ""
    assert result["diff"]["after"]["permissions_boundary"] == BOUNDARY


def test_a_boundary_of_someone_elses_is_taken_away():
    result, _aws, _module = run(
        {"permissions_boundary": ""},
        *seen(PermissionsBoundary=BOUND),
        Step("DeleteRolePermissionsBoundary", {}, NAME),
        *seen(),
        *seen(),
    )
    assert result["changed"] is True


def test_check_mode_predicts_the_boundary():
    result, _aws, _module = run({"permissions_boundary": BOUNDARY}, *seen(), check_mode=True)
    assert result["diff"]["after"]["permissions_boundary"] == BOUNDARY


def test_another_path_is_refused():
    with pytest.raises(ResourceError, match=r"can't be changed in place \(path: is '/', declared '/teams/'\).*its ARN"):
        run({"path": "/teams/"}, *seen())


def test_a_boundary_that_does_not_exist_is_an_error_at_once():
    text = f"Scope ARN: {BOUNDARY} does not exist or is not attachable."
    unknown = api_error("PutRolePermissionsBoundary", "NoSuchEntity", text, 404)
    with pytest.raises(ResourceError, match="Make the policy of that ARN first"):
        run({"permissions_boundary": BOUNDARY}, *seen(), Step("PutRolePermissionsBoundary", unknown))


def test_tags_are_set_and_removed():
    result, _aws, _module = run(
        {"tags": {"A": "1"}},
        *seen(Tags=[{"Key": "B", "Value": "2"}]),
        Step("UntagRole", {}, {**NAME, "TagKeys": ["B"]}),
        Step("TagRole", {}, {**NAME, "Tags": [{"Key": "A", "Value": "1"}]}),
        *seen(Tags=[{"Key": "A", "Value": "1"}]),
    )
    assert result["changed"] is True


def test_check_mode_on_an_empty_account_predicts_the_role():
    result, _aws, _module = run(
        {"managed_policies": [ONE], "inline_policies": {"permissions": policy("a:A")}, "tags": {"A": "1"}},
        missing("GetRole"),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["role"]["managed_policies"] == [ONE]
    assert "arn" not in result["role"]


def test_check_mode_predicts_a_purge():
    result, _aws, _module = run({"inline_policies": {}}, *seen(inline={"by-hand": policy("a:A")}), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["inline_policies"] == {}


@pytest.mark.parametrize("done", [True, False])
def test_lost_reply_of_create_makes_no_second_role(done):
    again = seen() if done else [missing("GetRole"), Step("CreateRole", {"Role": NAME}), *seen()]
    result, aws, _module = run({}, missing("GetRole"), Step("CreateRole", lost_reply()), *again)
    assert result["changed"] is True
    assert aws.operations().count("CreateRole") == (1 if done else 2)


def test_a_role_that_iam_does_not_know_everywhere_yet_is_waited_for():
    invisible = api_error("AttachRolePolicy", "NoSuchEntity", "The role with name demo cannot be found.", 404)
    result, _aws, _module = run(
        {"managed_policies": [ONE]},
        *seen(),
        Step("AttachRolePolicy", invisible),
        *seen(),
        Step("AttachRolePolicy", {}),
        *seen(attached=[ONE]),
        *seen(attached=[ONE]),
    )
    assert result["changed"] is True


def test_an_unknown_managed_policy_is_an_error_at_once():
    unknown = api_error("AttachRolePolicy", "NoSuchEntity", f"Policy {ONE} does not exist or is not attachable.", 404)
    with pytest.raises(ResourceError, match="does not exist or is not attachable"):
        run({"managed_policies": [ONE]}, *seen(), Step("AttachRolePolicy", unknown))


def test_a_role_of_someone_else_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({"owned_by": {"Project": "demo"}, "managed_policies": []}, *seen(attached=[ONE]))


def test_a_role_cannot_be_made_without_trust():
    with pytest.raises(ResourceError, match="trust_policy must be given"):
        run({"trust_policy": None}, missing("GetRole"))


def test_delete_takes_everything_off_first():
    result, _aws, _module = run(
        {"state": "absent", "trust_policy": None},
        *seen(attached=[ONE], inline={"permissions": policy("a:A")}),
        Step(
            "ListInstanceProfilesForRole",
            {"InstanceProfiles": [{"InstanceProfileName": "profile"}]},
            NAME,
        ),
        Step("RemoveRoleFromInstanceProfile", {}, {**NAME, "InstanceProfileName": "profile"}),
        Step("DetachRolePolicy", {}, {**NAME, "PolicyArn": ONE}),
        Step("DeleteRolePolicy", {}, {**NAME, "PolicyName": "permissions"}),
        Step("DeleteRole", {}, NAME),
        missing("GetRole"),
    )
    assert result == {"changed": True, "role": {}, "diff": {**result["diff"], "after": {}}}


def test_what_keeps_a_role_is_told_in_the_end():
    conflict = api_error(
        "DeleteRole", "DeleteConflict", "Cannot delete entity, must remove roles from instance profile"
    )
    profiles = Step("ListInstanceProfilesForRole", {"InstanceProfiles": [{"InstanceProfileName": "shop"}]})
    one_try = (*seen(), profiles, Step("RemoveRoleFromInstanceProfile", {}), Step("DeleteRole", conflict))
    told = r"DeleteConflict.* Given up after 1\d\d s.* In the way: instance profile shop\."
    with pytest.raises(ResourceError, match=told):
        run({"state": "absent", "trust_policy": None}, *endless(*one_try))


def test_a_policy_that_still_counts_as_attached_is_waited_for():
    conflict = api_error("DeleteRole", "DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
    result, _aws, _module = run(
        {"state": "absent", "trust_policy": None},
        *seen(attached=[ONE]),
        Step("ListInstanceProfilesForRole", {"InstanceProfiles": []}),
        Step("DetachRolePolicy", {}),
        Step("DeleteRole", conflict),
        *seen(),
        Step("ListInstanceProfilesForRole", {"InstanceProfiles": []}),
        Step("DeleteRole", {}, NAME),
        missing("GetRole"),
    )
    assert result["changed"] is True


def test_deleting_what_is_gone_changes_nothing():
    result, _aws, _module = run({"state": "absent", "trust_policy": None}, missing("GetRole"))
    assert result["changed"] is False


# ---- a role that someone else has made

OTHERS = {"demo": "arn:aws:iam::123456789012:role/teams/others"}
OTHER_NAME = {"RoleName": "others"}


def of_others(trusted=None, attached=(), inline=None, arn=OTHERS["demo"]):
    """The calls that read that role."""
    return [
        Step(step.operation, step.answer, {**(step.request or {}), **OTHER_NAME} if step.request else None)
        for step in seen(attached, inline, trusted, Arn=arn)
    ]


def managed(arn, document):
    """The calls that read a managed policy."""
    return [
        Step("GetPolicy", {"Policy": {"Arn": arn, "DefaultVersionId": "v2"}}, {"PolicyArn": arn}),
        Step(
            "GetPolicyVersion",
            {"PolicyVersion": {"Document": json.dumps(document)}},
            {"PolicyArn": arn, "VersionId": "v2"},
        ),
    ]


def look(params, *steps, **more):
    return run({"existing_roles": OTHERS, **params}, *steps, **more)


def test_a_role_of_others_is_looked_at_and_left_alone():
    given = {"managed_policies": [ONE], "inline_policies": {"permissions": policy("s3:GetObject")}, "tags": {"A": "1"}}
    result, _aws, module = look(given, *of_others(attached=[ONE, TWO], inline={"theirs": policy("s3:Get*", "b:*")}))
    assert result["changed"] is False
    assert result["role"]["arn"] == OTHERS["demo"]
    assert result["diff"]["before"] == result["diff"]["after"]
    assert module.warnings == []


def test_what_a_role_of_others_lacks_is_told():
    given = {"managed_policies": [ONE], "inline_policies": {"permissions": policy("s3:GetObject", "s3:PutObject")}}
    _result, _aws, module = look(
        given,
        *of_others(attached=[TWO], inline={"theirs": policy("s3:GetObject")}),
        *managed(ONE, policy("a:A")),
        *managed(TWO, policy("a:*")),
    )
    (warning,) = module.warnings
    told = "The role arn:aws:iam::123456789012:role/teams/others, which is to be in the place of demo, lacks, as far as"
    assert warning.startswith(told)
    assert json.dumps(policy("s3:PutObject")["Statement"], sort_keys=True) in warning


@pytest.mark.parametrize(
    "steps", [[Step("GetRole", api_error("GetRole", "NoSuchEntity", status=404), OTHER_NAME)], None]
)
def test_a_role_of_others_that_is_not_there(steps):
    with pytest.raises(ResourceError, match=r"isn't there\. Have it made, or correct its ARN"):
        look({}, *(steps or of_others(arn="arn:aws:iam::123456789012:role/others")))


def test_a_role_of_others_that_lets_nobody_in():
    with pytest.raises(
        ResourceError, match=r"can't be assumed by what is to have it\. Have its trust policy hold: "
    ) as error:
        look({}, *of_others(trusted=trust("lambda.amazonaws.com")))
    assert json.dumps(trust()["Statement"], sort_keys=True) in str(error.value)


def test_other_conditions_of_a_role_of_others_are_told():
    trusted = trust()
    trusted["Statement"][0]["Condition"] = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    _result, _aws, module = look({}, *of_others(trusted=trusted))
    assert ["has other conditions in its trust policy than: " in text for text in module.warnings] == [True]


def test_our_own_role_goes_and_that_of_others_stays():
    result, aws, _module = look(
        {"state": "absent"},
        *seen(),
        Step("ListInstanceProfilesForRole", {"InstanceProfiles": []}, NAME),
        Step("DeleteRole", {}, NAME),
        missing("GetRole"),
    )
    assert result["changed"] is True
    assert all(request.get("RoleName") in (None, "demo") for _operation, request in aws.calls)
    # Also where it has the name that ours would have.
    result, aws, _module = run({"state": "absent", "existing_roles": {"demo": ARN}})
    assert (result["changed"], aws.operations()) == (False, [])
