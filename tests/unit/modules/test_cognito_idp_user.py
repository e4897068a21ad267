# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users of a user pool: invited once, never twice by mistake."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import run
from tests.support.scripted_aws import Step, api_error, lost_reply

POOL = "us-west-2_a1b2c3d4e"
NAME = "jo@example.com"
SUB = "0a1b2c3d-1111-2222-3333-444455556666"
NAMED = {"UserPoolId": POOL, "Username": NAME}
OPTIONS = {
    "user_pool_id": POOL,
    "username": NAME,
    "attributes": {"email_verified": True, "given_name": "Jo"},
    "groups": ["admins"],
}
DECLARED = {"email_verified": "true", "given_name": "Jo"}
ABSENT = {"user_pool_id": POOL, "username": NAME, "state": "absent"}
UNKNOWN = api_error("AdminGetUser", "UserNotFoundException", "User does not exist.")
UNSENT = api_error("AdminCreateUser", "CodeDeliveryFailureException", "Unable to send the email.")


def pairs(attributes):
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def missing():
    return Step("AdminGetUser", UNKNOWN, NAMED)


def user(groups=("admins",), attributes=None, days=0, **members):
    """The calls that read the user, of whom something was changed so many days ago."""
    changed_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days, hours=1)
    described = {
        "Username": SUB,
        "UserAttributes": pairs({"sub": SUB, "email": NAME, "phone_number": "+1", **DECLARED, **(attributes or {})}),
        "UserLastModifiedDate": changed_at,
        "Enabled": True,
        "UserStatus": "FORCE_CHANGE_PASSWORD",
        **members,
    }
    steps = [Step("AdminGetUser", described, NAMED)]
    if groups is not None:
        found = [{"GroupName": name, "UserPoolId": POOL} for name in groups]
        steps.append(Step("AdminListGroupsForUser", {"Groups": found}, NAMED))
    return steps


def invite(answer=None, **members):
    request = {**NAMED, "DesiredDeliveryMediums": ["EMAIL"], "UserAttributes": pairs(DECLARED), **members}
    return Step("AdminCreateUser", answer or {"User": {"Username": SUB}}, request)


def renew(answer=None):
    request = {**NAMED, "DesiredDeliveryMediums": ["EMAIL"], "MessageAction": "RESEND"}
    return Step("AdminCreateUser", answer or {"User": {"Username": SUB}}, request)


def join(group, answer=None):
    return Step("AdminAddUserToGroup", answer or {}, {**NAMED, "GroupName": group})


def leave(group, answer=None):
    return Step("AdminRemoveUserFromGroup", answer or {}, {**NAMED, "GroupName": group})


def update(**attributes):
    return Step("AdminUpdateUserAttributes", {}, {**NAMED, "UserAttributes": pairs(attributes)})


def user_run(options, *steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    return run("cognito_idp_user", {**OPTIONS, **options}, *flat, **kwargs)


# ---- Invited once


def test_create_with_groups():
    result, _aws, _module = user_run({}, missing(), invite(), user(groups=[]), join("admins"), user(), user())
    assert result["changed"] is True
    assert result["user"]["username"] == SUB
    assert result["user"]["groups"] == ["admins"]


def test_create_without_attributes():
    request = {**NAMED, "DesiredDeliveryMediums": ["EMAIL"]}
    made = Step("AdminCreateUser", {"User": {"Username": SUB}}, request)
    result, _aws, _module = user_run({"attributes": {"nickname": ""}, "groups": None}, missing(), made, user(None))
    assert result["changed"] is True


def test_second_run_changes_nothing():
    result, aws, _module = user_run({}, user())
    assert result["changed"] is False
    assert aws.operations() == ["AdminGetUser", "AdminListGroupsForUser"]


def test_no_more_of_a_person_is_returned_than_was_declared():
    result, _aws, _module = user_run({}, user())
    assert result["user"]["user_attributes"] == {"sub": SUB, **DECLARED}
    assert "+1" not in str(result)


def test_lost_reply_of_an_invitation_sends_no_second_one():
    result, aws, _module = user_run({}, missing(), invite(lost_reply()), user())
    assert result["changed"] is True
    assert aws.operations().count("AdminCreateUser") == 1


def test_lost_reply_before_aws_shows_the_user():
    """A second call is refused, and sends nothing, where the first was a success."""
    exists = api_error("AdminCreateUser", "UsernameExistsException", "User account already exists")
    result, _aws, _module = user_run({}, missing(), invite(lost_reply()), missing(), invite(exists), user(), user())
    assert result["changed"] is True


def test_another_run_has_made_the_user():
    exists = api_error("AdminCreateUser", "UsernameExistsException", "User account already exists")
    result, _aws, _module = user_run({}, missing(), invite(exists), user(), user())
    assert result["changed"] is False


def test_throttled_invitation_is_repeated():
    busy = api_error("AdminCreateUser", "TooManyRequestsException", "Rate exceeded")
    result, aws, _module = user_run({"groups": None}, missing(), invite(busy), missing(), invite(), user(None))
    assert result["changed"] is True
    assert aws.operations().count("AdminCreateUser") == 2


def test_an_invitation_that_is_not_delivered_is_an_error():
    """AWS makes the user nevertheless; nobody else would say so."""
    with pytest.raises(ResourceError, match=r"user 'jo@.*' .*Unable to send the email\. The user exists nevertheless"):
        user_run({}, missing(), invite(UNSENT))


def test_no_more_mails_today():
    text = "Exceeded daily email limit for the operation or the account."
    error = api_error("AdminCreateUser", "LimitExceededException", text)
    with pytest.raises(ResourceError, match="send with Amazon SES"):
        user_run({}, missing(), invite(error))


def test_missing_pool_is_an_error():
    error = api_error("AdminCreateUser", "InvalidParameterException", "1 validation error detected")
    with pytest.raises(ResourceError, match="validation error"):
        user_run({}, missing(), invite(error))


# ---- Renewed


RENEWED = {"renew_invitation_after_days": 7, "groups": None}


def test_an_expired_invitation_is_renewed_once():
    result, aws, _module = user_run(RENEWED, user(None, days=7), renew(), user(None), user(None))
    assert result["changed"] is True
    assert aws.operations().count("AdminCreateUser") == 1
    assert result["diff"]["before"]["renew_invitation_after_days"] == 7
    assert result["diff"]["after"]["renew_invitation_after_days"] == 0


@pytest.mark.parametrize(("days", "status"), [(6, "FORCE_CHANGE_PASSWORD"), (99, "CONFIRMED"), (99, "RESET_REQUIRED")])
def test_no_invitation_is_renewed_that_is_valid_or_not_needed(days, status):
    assert user_run(RENEWED, user(None, days=days, UserStatus=status))[0]["changed"] is False


def test_who_may_not_sign_in_is_not_invited_anew():
    assert user_run(RENEWED, user(None, days=99, Enabled=False))[0]["changed"] is False


def test_no_invitation_is_renewed_unless_that_is_asked_for():
    assert user_run({"groups": None}, user(None, days=99))[0]["changed"] is False


def test_no_run_sends_invitations_without_an_end():
    with pytest.raises(ResourceError, match="is less than 1"):
        user_run({"renew_invitation_after_days": 0})


def test_lost_reply_of_a_renewal_sends_no_second_one():
    result, aws, _module = user_run(RENEWED, user(None, days=8), renew(lost_reply()), user(None))
    assert result["changed"] is True
    assert aws.operations().count("AdminCreateUser") == 1


def test_renewal_in_a_dry_run():
    result, aws, _module = user_run(RENEWED, user(None, days=8), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["renew_invitation_after_days"] == 0
    assert aws.operations() == ["AdminGetUser"]


def test_a_renewal_that_is_not_delivered_is_an_error():
    with pytest.raises(ResourceError, match=r"Could not renew the invitation of user 'jo@.*' .*exists nevertheless"):
        user_run(RENEWED, user(None, days=8), renew(UNSENT))


# ---- Attributes


def test_changed_attributes_are_mended_and_only_those():
    result, _aws, _module = user_run({}, user(attributes={"given_name": "Kim"}), update(given_name="Jo"), *[user()] * 2)
    assert result["changed"] is True
    assert result["diff"]["before"]["attributes"]["given_name"] == "Kim"


def test_an_address_that_lost_its_proof():
    result, _aws, _module = user_run(
        {}, user(attributes={"email_verified": "false"}), update(email_verified="true"), *[user()] * 2
    )
    assert result["changed"] is True


def test_another_address_comes_with_its_proof():
    """Otherwise AWS would ask the user for a code, and keep the old address until then."""
    attributes = {"attributes": {"email": "kim@example.com", "email_verified": True}}
    result, _aws, _module = user_run(
        attributes,
        user(),
        update(email="kim@example.com", email_verified="true"),
        *[user(attributes={"email": "kim@example.com"})] * 2,
    )
    assert result["changed"] is True


def test_an_emptied_attribute_is_removed():
    wanted = {"attributes": {"phone_number": ""}}
    described = user()
    without = [item for item in described[0].answer["UserAttributes"] if item["Name"] != "phone_number"]
    gone = user(UserAttributes=without)
    result, _aws, _module = user_run(wanted, described, update(phone_number=""), gone, gone)
    assert result["changed"] is True


def test_addresses_differ_by_more_than_capitals():
    assert user_run({"attributes": {"email": "Jo@Example.com"}}, user())[0]["changed"] is False


@pytest.mark.parametrize(("given", "kept"), [(True, "true"), (False, "false"), (7, "7"), ("True", "True")])
def test_values_are_texts(given, kept):
    attributes = {"attributes": {"custom:one": given}}
    assert user_run(attributes, user(attributes={"custom:one": kept}))[0]["changed"] is False


def test_values_that_are_no_texts_are_refused():
    with pytest.raises(ResourceError, match="have a name that is no text"):
        user_run({"attributes": {"name": {"given": "Jo"}}})


# ---- Groups


def test_groups_of_others_are_kept():
    assert user_run({}, user(["admins", "testers"]))[0]["changed"] is False


def test_groups_are_purged_on_demand():
    result, _aws, _module = user_run(
        {"purge_groups": True}, user(["testers"]), join("admins"), leave("testers"), user(), user()
    )
    assert result["changed"] is True


def test_groups_that_are_not_declared_are_left_alone_even_with_purge():
    result, aws, _module = user_run({"groups": None, "purge_groups": True}, user(None))
    assert result["changed"] is False
    assert aws.operations() == ["AdminGetUser"]


def test_lost_reply_of_a_group():
    result, _aws, _module = user_run({}, user([]), join("admins", lost_reply()), user())
    assert result["changed"] is True


# ---- Enabled


def test_a_user_is_kept_out():
    off = user(Enabled=False)
    result, _aws, _module = user_run({"enabled": False}, user(), Step("AdminDisableUser", {}, NAMED), off, off)
    assert result["changed"] is True


def test_a_user_is_let_in_again():
    on = user()
    result, _aws, _module = user_run({"enabled": True}, user(Enabled=False), Step("AdminEnableUser", {}, NAMED), on, on)
    assert result["changed"] is True


def test_a_user_who_is_kept_out_by_someone_is_left_so():
    assert user_run({}, user(Enabled=False))[0]["changed"] is False


# ---- Dry run and removal


def test_dry_run_of_an_invitation():
    result, aws, _module = user_run({}, missing(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["groups"] == ["admins"]
    assert aws.operations() == ["AdminGetUser"]


def test_dry_run_before_the_pool_exists():
    result, aws, _module = user_run({"user_pool_id": "(known after apply)"}, check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == []


def test_delete():
    result, _aws, _module = run("cognito_idp_user", ABSENT, *user(None), Step("AdminDeleteUser", {}, NAMED), missing())
    assert result["changed"] is True
    assert result["user"] == {}


def test_delete_of_what_is_absent():
    assert run("cognito_idp_user", ABSENT, missing())[0]["changed"] is False
