# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Style of an app client for managed login."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from ansible_collections.agent_platform.aws.plugins.modules.cognito_idp_managed_login_branding import Branding
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

POOL, CLIENT = "us-west-2_aBcDeFgHi", "1example23456789"
NAMED = {"UserPoolId": POOL, "ClientId": CLIENT}
ID = {"UserPoolId": POOL, "ManagedLoginBrandingId": "a1b2c3d4-5678-90ab-cdef-1234567890ab"}
PARAMS = {"user_pool_id": POOL, "client_id": CLIENT, "use_cognito_provided_values": None}
MADE = {**NAMED, "UseCognitoProvidedValues": True}


def seen(default=True, **members):
    style = {**ID, "UseCognitoProvidedValues": default, **members}
    return Step("DescribeManagedLoginBrandingByClient", {"ManagedLoginBranding": style}, NAMED)


def none():
    missing = api_error("DescribeManagedLoginBrandingByClient", "ResourceNotFoundException")
    return Step("DescribeManagedLoginBrandingByClient", missing, NAMED)


def run(params, *steps, **kwargs):
    return run_resource(Branding, {**PARAMS, **params}, *steps, **kwargs)


@pytest.mark.parametrize("declared", [None, True])
def test_it_is_made_with_the_looks_of_cognito(declared):
    result, _aws, _module = run(
        {"use_cognito_provided_values": declared}, none(), Step("CreateManagedLoginBranding", {}, MADE), seen()
    )
    assert result["changed"] is True


def test_what_others_have_drawn_is_kept_and_not_shown():
    result, _aws, _module = run({}, seen(default=False, Settings={"a": 1}, Assets=[{"Category": "FORM_LOGO"}]))
    assert result["changed"] is False
    assert set(result["managed_login_branding"]) == {
        "managed_login_branding_id",
        "use_cognito_provided_values",
        "user_pool_id",
    }


def test_what_others_have_drawn_is_taken_back_where_that_is_declared():
    run(
        {"use_cognito_provided_values": True},
        seen(default=False),
        Step("UpdateManagedLoginBranding", {}, {**ID, "UseCognitoProvidedValues": True}),
        seen(),
        seen(),
    )


def test_a_lost_reply_makes_no_second_call():
    _result, aws, _module = run({}, none(), Step("CreateManagedLoginBranding", lost_reply()), seen())
    assert aws.operations().count("CreateManagedLoginBranding") == 1


def test_one_that_another_run_has_made_meanwhile_is_taken():
    there = api_error("CreateManagedLoginBranding", "ManagedLoginBrandingExistsException")
    run({}, none(), Step("CreateManagedLoginBranding", there), seen(), seen())


def test_a_client_that_was_made_a_moment_ago_is_waited_for():
    unknown = api_error("CreateManagedLoginBranding", "ResourceNotFoundException", "User pool client does not exist.")
    run(
        {},
        none(),
        Step("CreateManagedLoginBranding", unknown),
        none(),
        Step("CreateManagedLoginBranding", {}, MADE),
        seen(),
    )


@pytest.mark.parametrize("option", ["user_pool_id", "client_id"])
def test_in_a_dry_run_pool_and_client_may_not_exist_yet(option):
    result, _aws, _module = run({option: PLACEHOLDER}, check_mode=True)
    assert result["changed"] is True


def test_it_is_removed():
    run({"state": "absent"}, seen(), Step("DeleteManagedLoginBranding", {}, ID), none())
    result, _aws, _module = run({"state": "absent"}, none())
    assert result["changed"] is False
