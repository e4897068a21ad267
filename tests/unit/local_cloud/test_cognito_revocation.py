# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The domain of a user pool: the shims for its endpoint to revoke tokens, and for a sign-in without scopes."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.local_cloud import settings

PASSWORD = "Correct-Horse-7-Battery"
CALLBACK = "https://example.com/callback"
# Nothing of the machine's own lies between the tests and what they talk to.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def web(client: Callable[[str], Any]) -> dict[str, Any]:
    """A client of people, and someone who can sign in."""
    idp = client("cognito-idp")
    pool = idp.create_user_pool(PoolName="revocation")["UserPool"]["Id"]
    made = idp.create_user_pool_client(
        UserPoolId=pool,
        ClientName="web",
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email"],
        CallbackURLs=[CALLBACK],
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    idp.admin_create_user(UserPoolId=pool, Username="jo", MessageAction="SUPPRESS")
    idp.admin_set_user_password(UserPoolId=pool, Username="jo", Password=PASSWORD, Permanent=True)
    known = {"USERNAME": "jo", "PASSWORD": PASSWORD}
    signed_in = idp.admin_initiate_auth(
        UserPoolId=pool, ClientId=made, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=known
    )
    return {"client": made, "refresh": signed_in["AuthenticationResult"]["RefreshToken"]}


@pytest.fixture
def post(local_cloud: settings.Instance) -> Callable[..., int]:
    def send(path: str, **form: str) -> int:
        body = urllib.parse.urlencode(form).encode()
        try:
            with OPENER.open(f"{local_cloud.endpoint}{path}", body) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    return send


def test_a_refresh_token_is_revoked(web: dict[str, Any], post: Callable[..., int]) -> None:
    renewal = {"client_id": web["client"], "grant_type": "refresh_token", "refresh_token": web["refresh"]}
    assert post("/oauth2/token", **renewal) == 200
    assert post("/oauth2/revoke", token=web["refresh"], client_id="unknown") == 401
    assert post("/oauth2/revoke", client_id=web["client"]) == 400
    assert post("/oauth2/token", **renewal) == 200
    assert post("/oauth2/revoke", token=web["refresh"], client_id=web["client"]) == 200
    assert post("/oauth2/token", **renewal) == 400


def test_no_scope_stands_for_all_of_the_client(web: dict[str, Any], local_cloud: settings.Instance) -> None:
    query = {"client_id": web["client"], "response_type": "code", "redirect_uri": CALLBACK}
    address = f"{local_cloud.endpoint}/oauth2/authorize?{urllib.parse.urlencode(query)}"
    with OPENER.open(address) as answer:
        assert 'value="openid email"' in answer.read().decode()
