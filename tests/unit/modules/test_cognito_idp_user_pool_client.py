# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""App clients of a user pool: updates set nothing back, no secret is shown, and of several of one name one is kept."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from tests.support.module_runs import OWNER, run
from tests.support.scripted_aws import Step, api_error, endless, lost_reply

POOL, ID, OTHER = "us-west-2_AbCdEfGhI", "1h57kf5cpq17m0eml1", "2h57kf5cpq17m0eml2"
SECRET = "s3cr3tOfTheClient" * 3
URL = "https://demo.example.com/callback"
WEB = {
    "user_pool_id": POOL,
    "client_name": "demo-web",
    "generate_secret": False,
    "allowed_oauth_flows_user_pool_client": True,
    "allowed_oauth_flows": ["code"],
    "allowed_oauth_scopes": ["openid", "demo-api/read"],
    "callback_urls": [URL],
    "token_validity_units": {"access_token": "minutes"},
    "access_token_validity": 30,
}
MACHINE = {
    "user_pool_id": POOL,
    "client_name": "demo-machine",
    "generate_secret": True,
    "allowed_oauth_flows_user_pool_client": True,
    "allowed_oauth_flows": ["client_credentials"],
    "allowed_oauth_scopes": ["demo-api/read"],
}
ABSENT = {"user_pool_id": POOL, "client_name": "demo-web", "state": "absent"}
SENT = {
    "UserPoolId": POOL,
    "ClientName": "demo-web",
    "AccessTokenValidity": 30,
    "TokenValidityUnits": {"AccessToken": "minutes"},
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthScopes": ["openid", "demo-api/read"],
    "CallbackURLs": [URL],
}
# An update says all three.
UNITS = {"AccessToken": "minutes", "IdToken": "hours", "RefreshToken": "days"}
WEB_CLIENT = {**SENT, "RefreshTokenValidity": 30, "EnableTokenRevocation": True, "AuthSessionValidity": 3}
MACHINE_CLIENT = {
    "ClientName": "demo-machine",
    "ClientSecret": SECRET,
    "RefreshTokenValidity": 30,
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["client_credentials"],
    "AllowedOAuthScopes": ["demo-api/read"],
}


def at(hour):
    return datetime.datetime(2026, 11, 29, hour, tzinfo=datetime.UTC)


def listed(**ids):
    """The clients of the pool, ids by name; a second one of a name has a number behind it."""
    found = [
        {"ClientId": client, "UserPoolId": POOL, "ClientName": name.replace("_", "-").rstrip("2")}
        for name, client in ids.items()
    ]
    return Step("ListUserPoolClients", {"UserPoolClients": found}, {"UserPoolId": POOL})


def described(client=None, made=1, **members):
    found = {"UserPoolId": POOL, "ClientId": ID, "CreationDate": at(made), **(client or WEB_CLIENT), **members}
    found = {member: value for member, value in found.items() if value is not None}
    return Step(
        "DescribeUserPoolClient", {"UserPoolClient": found}, {"UserPoolId": POOL, "ClientId": found["ClientId"]}
    )


def there(client=None, **members):
    name = (client or WEB_CLIENT)["ClientName"].replace("-", "_")
    return [listed(demo_other="else", **{name: ID}), described(client, **members)]


def missing():
    return listed(demo_other="else")


def create(answer=None, client_id=ID, **members):
    return Step(
        "CreateUserPoolClient",
        answer or {"UserPoolClient": {"ClientId": client_id}},
        {**SENT, "GenerateSecret": False, **members},
    )


def update(answer=None, **members):
    request = {**WEB_CLIENT, "ClientId": ID, "TokenValidityUnits": UNITS, **members}
    del request["ClientName"]
    return Step(
        "UpdateUserPoolClient",
        answer or {},
        {member: value for member, value in request.items() if value is not None},
    )


def client_run(options, *steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    result, aws, module = run("cognito_idp_user_pool_client", options, *flat, **kwargs)
    assert SECRET not in json.dumps(result, default=str)
    return result, aws, module


# ---- Creation


def test_create():
    result, _aws, _module = client_run(WEB, missing(), create(), there())
    assert result["changed"] is True
    assert result["user_pool_client"]["client_id"] == ID
    assert result["user_pool_client"]["allowed_oauth_scopes"] == ["openid", "demo-api/read"]
    assert result["user_pool_client"]["callback_urls"] == [URL]
    assert result["user_pool_client"]["generate_secret"] is False
    assert result["diff"]["before"] == {}


def test_second_run_changes_nothing():
    shuffled = described(AllowedOAuthScopes=["demo-api/read", "openid"])
    result, aws, _module = client_run(WEB, there()[0], shuffled)
    assert result["changed"] is False
    assert aws.operations() == ["ListUserPoolClients", "DescribeUserPoolClient"]


def test_the_secret_is_shown_nowhere():
    result, _aws, _module = client_run(MACHINE, there(MACHINE_CLIENT))
    assert result["changed"] is False
    assert result["user_pool_client"]["generate_secret"] is True
    assert "client_secret" not in result["user_pool_client"]


def test_a_scope_that_is_not_known_yet_is_waited_for():
    unknown = api_error("CreateUserPoolClient", "ScopeDoesNotExistException", "Invalid scope requested: demo-api/read")
    result, aws, _module = client_run(WEB, missing(), create(unknown), missing(), create(), there())
    assert result["changed"] is True
    assert aws.operations().count("CreateUserPoolClient") == 2


def test_a_scope_that_stays_unknown_is_an_error_with_what_helps():
    unknown = api_error("CreateUserPoolClient", "ScopeDoesNotExistException", "Invalid scope requested: x")
    with pytest.raises(ResourceError, match=r"Make a resource server of the pool with these scopes first\. Given up"):
        client_run(WEB, *endless(missing(), create(unknown)))


def test_lost_reply_of_create():
    result, aws, _module = client_run(WEB, missing(), create(lost_reply()), missing(), there())
    assert result["changed"] is True
    assert aws.operations().count("CreateUserPoolClient") == 1


def test_a_dry_run_of_a_pool_that_does_not_exist_yet():
    result, aws, _module = client_run({**WEB, "user_pool_id": PLACEHOLDER}, check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == []


def test_dry_run_of_create():
    result, aws, _module = client_run(WEB, missing(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["ListUserPoolClients"]


# ---- Changes


def test_an_update_sends_what_is_not_declared_along():
    """Cognito sets back what it isn't given."""
    others = {
        "LogoutURLs": ["https://demo.example.com/"],
        "EnableTokenRevocation": False,
        "PreventUserExistenceErrors": "ENABLED",
        "ReadAttributes": ["email"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 5},
        "AnalyticsConfiguration": {"ApplicationId": "abc"},
        "AuthSessionValidity": 7,
    }
    result, _aws, _module = client_run(
        {**WEB, "allowed_oauth_scopes": ["openid"]},
        there(**others),
        update(**others, AllowedOAuthScopes=["openid"]),
        there(**others, AllowedOAuthScopes=["openid"]),
        there(**others, AllowedOAuthScopes=["openid"]),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["allowed_oauth_scopes"] == ["openid", "demo-api/read"]
    assert result["diff"]["after"]["allowed_oauth_scopes"] == ["openid"]


def test_after_an_update_by_a_cognito_that_sets_back_only_what_was_meant_differs():
    before = {**WEB_CLIENT, "LogoutURLs": ["https://demo.example.com/"], "SupportedIdentityProviders": ["COGNITO"]}
    after = described()

    def take(request):
        told = after.answer["UserPoolClient"]
        for member in (*WEB_CLIENT, "LogoutURLs", "SupportedIdentityProviders"):
            told.pop(member, None)
        told.update(request, ClientName="demo-web")

    client_run(
        {**WEB, "callback_urls": ["https://other.example.com/"]},
        there(before),
        Step("UpdateUserPoolClient", {}, take),
        *(there()[0], after, there()[0], after),
    )
    assert after.answer["UserPoolClient"] == {
        **before,
        "ClientId": ID,
        "CreationDate": at(1),
        "CallbackURLs": ["https://other.example.com/"],
        "TokenValidityUnits": UNITS,
    }


def test_what_is_declared_empty_is_left_out():
    options = {**WEB, "read_attributes": [], "default_redirect_uri": "", "logout_urls": []}
    had = {"ReadAttributes": ["email"], "DefaultRedirectURI": URL, "LogoutURLs": [URL]}
    result, _aws, _module = client_run(options, there(**had), update(), there(), there())
    assert result["changed"] is True
    assert client_run(options, there())[0]["changed"] is False


def test_units_are_compared_with_what_cognito_means_without_them():
    options = {**WEB, "token_validity_units": {"access_token": "minutes", "refresh_token": "days", "id_token": "hours"}}
    assert client_run(options, there())[0]["changed"] is False
    units = {"AccessToken": "minutes", "RefreshToken": "days", "IdToken": "minutes"}
    result, _aws, _module = client_run(
        {**options, "token_validity_units": {"id_token": "minutes"}, "id_token_validity": 10},
        there(),
        update(TokenValidityUnits={**units, "IdToken": "minutes"}, IdTokenValidity=10),
        there(TokenValidityUnits=units, IdTokenValidity=10),
        there(TokenValidityUnits=units, IdTokenValidity=10),
    )
    assert result["changed"] is True


def test_rotation_of_refresh_tokens():
    rotated = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 20}
    on = {**WEB, "refresh_token_rotation": {"feature": "ENABLED", "retry_grace_period_seconds": 20}}
    client_run(on, there(), update(RefreshTokenRotation=rotated), *[there(RefreshTokenRotation=rotated)] * 2)
    off = {**WEB, "refresh_token_rotation": {"feature": "DISABLED"}}
    assert client_run(off, there())[0]["changed"] is False
    disabled = {"Feature": "DISABLED"}
    client_run(
        off,
        there(RefreshTokenRotation=rotated),
        update(RefreshTokenRotation=disabled),
        *[there(RefreshTokenRotation=disabled)] * 2,
    )


def test_lost_reply_of_an_update_is_looked_at_before_it_is_repeated():
    result, aws, _module = client_run(
        {**WEB, "auth_session_validity": 5},
        there(),
        update(lost_reply(), AuthSessionValidity=5),
        there(AuthSessionValidity=5),
    )
    assert result["changed"] is True
    assert aws.operations().count("UpdateUserPoolClient") == 1


def test_an_update_that_meets_another_is_repeated():
    busy = api_error("UpdateUserPoolClient", "ConcurrentModificationException", "try again")
    five = {"AuthSessionValidity": 5}
    client_run(
        {**WEB, "auth_session_validity": 5},
        there(),
        update(busy, **five),
        there(),
        update(**five),
        *[there(**five)] * 2,
    )


def test_dry_run_of_a_change():
    result, aws, _module = client_run({**WEB, "auth_session_validity": 5}, there(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["auth_session_validity"] == 5
    assert "UpdateUserPoolClient" not in aws.operations()


# ---- Secrets


@pytest.mark.parametrize(("options", "client"), [(MACHINE, None), (WEB, MACHINE_CLIENT)])
def test_whether_it_has_a_secret_can_not_be_changed(options, client):
    client = {**(client or WEB_CLIENT), "ClientName": options["client_name"]}
    no_keys = Step("ListUserPoolClientSecrets", {"ClientSecrets": []})
    with pytest.raises(ResourceError, match=r"generate_secret: is \w+, declared \w+.*state: absent"):
        client_run(options, there(client), *([no_keys] if options is MACHINE else []))


def test_a_client_whose_first_secret_was_replaced_still_has_one():
    keys = [{"ClientSecretId": f"{ID}--2", "ClientSecretCreateDate": at(2)}]
    asked = Step("ListUserPoolClientSecrets", {"ClientSecrets": keys}, {"UserPoolId": POOL, "ClientId": ID})
    result, _aws, _module = client_run(MACHINE, there(MACHINE_CLIENT, ClientSecret=None), asked)
    assert result["changed"] is False
    assert result["user_pool_client"]["generate_secret"] is True


# ---- Several of one name


def twins():
    """A younger one comes first in the list."""
    return [
        listed(demo_web=OTHER, demo_web2=ID),
        described(ClientId=OTHER, made=2),
        described(made=1),
        described(made=1),
    ]


def test_the_oldest_of_one_name_is_kept():
    result, _aws, module = client_run(WEB, twins())
    assert result["changed"] is False
    assert result["user_pool_client"]["client_id"] == ID
    assert "There are 2 of user pool client 'demo-web'" in module.warnings[0]


def test_of_two_runs_at_once_the_later_gives_way():
    gone = Step("DeleteUserPoolClient", {}, {"UserPoolId": POOL, "ClientId": OTHER})
    result, _aws, module = client_run(WEB, missing(), create(client_id=OTHER), twins(), gone)
    assert result["user_pool_client"]["client_id"] == ID
    assert module.warnings == []


def test_all_of_the_name_are_deleted():
    one = [listed(demo_web=OTHER), described(ClientId=OTHER)]
    result, _aws, _module = client_run(
        ABSENT,
        twins(),
        Step("DeleteUserPoolClient", {}, {"UserPoolId": POOL, "ClientId": ID}),
        one,
        Step("DeleteUserPoolClient", {}, {"UserPoolId": POOL, "ClientId": OTHER}),
        missing(),
    )
    assert result["changed"] is True


# ---- Deletion


def test_delete():
    gone = Step("DeleteUserPoolClient", {}, {"UserPoolId": POOL, "ClientId": ID})
    assert client_run(ABSENT, there(), gone, missing())[0]["user_pool_client"] == {}
    assert client_run(ABSENT, there(), check_mode=True)[0]["changed"] is True
    assert client_run(ABSENT, missing())[0]["changed"] is False


def test_delete_where_the_pool_is_gone():
    gone = api_error("ListUserPoolClients", "ResourceNotFoundException", "User pool does not exist.")
    assert client_run(ABSENT, Step("ListUserPoolClients", gone))[0]["changed"] is False


def test_delete_while_it_vanishes():
    vanished = Step("DescribeUserPoolClient", api_error("x", "ResourceNotFoundException"))
    assert client_run(ABSENT, there()[0], vanished)[0]["changed"] is False


# ---- Refusals


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({**MACHINE, "generate_secret": False}, "client_credentials needs a client with a secret"),
        ({**MACHINE, "allowed_oauth_flows": ["client_credentials", "code"]}, "client_credentials goes with no other"),
        ({**WEB, "callback_urls": []}, "the flow code needs callback_urls"),
        ({**WEB, "allowed_oauth_scopes": []}, "needs allowed_oauth_flows and allowed_oauth_scopes"),
        ({**WEB, "default_redirect_uri": "https://x.example.com/"}, "is none of its callback_urls"),
        ({**WEB, "enable_propagate_additional_user_context_data": True}, "needs a client with a secret"),
        (
            {
                **WEB,
                "refresh_token_rotation": {"feature": "ENABLED"},
                "explicit_auth_flows": ["ALLOW_REFRESH_TOKEN_AUTH"],
            },
            "ALLOW_REFRESH_TOKEN_AUTH can't be among",
        ),
        ({**WEB, "access_token_validity": 4}, "access_token_validity is 4 minutes; give 5 minutes to a day"),
        ({**WEB, "id_token_validity": 25}, "id_token_validity is 25 hours; give 5 minutes to a day"),
        ({**WEB, "refresh_token_validity": 3651}, "refresh_token_validity is 3651 days; give an hour to ten years"),
        (
            {
                **WEB,
                "access_token_validity": 90,
                "refresh_token_validity": 1,
                "token_validity_units": {"access_token": "minutes", "refresh_token": "hours"},
            },
            "access_token_validity is longer than refresh_token_validity",
        ),
    ],
)
def test_what_cognito_would_refuse_is_refused_before_any_write(options, words):
    with pytest.raises(ResourceError, match=words):
        client_run(options, missing())


def test_what_is_there_counts_with_what_is_declared():
    with pytest.raises(ResourceError, match="access_token_validity is longer than refresh_token_validity"):
        client_run(
            {"user_pool_id": POOL, "client_name": "demo-web", "refresh_token_validity": 1},
            there(AccessTokenValidity=2, TokenValidityUnits={"AccessToken": "hours", "RefreshToken": "hours"}),
        )


def test_owned_by_needs_no_tags():
    assert client_run({**WEB, "owned_by": OWNER}, there())[0]["changed"] is False
