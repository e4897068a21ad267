# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""App clients of Cognito: the shims for their secrets, for what an update sets back, for refusals, and for tokens."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings
from tests.support.local_cloud.shims import timing

OWN = "Own_secret+" * 3
MACHINE = {
    "GenerateSecret": True,
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["client_credentials"],
    "AllowedOAuthScopes": ["api/read"],
}
WEB = {
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthScopes": ["openid"],
    "CallbackURLs": ["https://example.com/callback"],
}
DOMAIN = "clients-of-ours"


@pytest.fixture(scope="module")
def idp(client: Callable[[str], Any]) -> Any:
    return client("cognito-idp")


@pytest.fixture(scope="module")
def pool(idp: Any) -> str:
    pool_id: str = idp.create_user_pool(PoolName="clients")["UserPool"]["Id"]
    scopes = [{"ScopeName": "read", "ScopeDescription": "read"}]
    idp.create_resource_server(UserPoolId=pool_id, Identifier="api", Name="api", Scopes=scopes)
    idp.create_user_pool_domain(UserPoolId=pool_id, Domain=DOMAIN)
    time.sleep(timing.SETTLE_SECONDS)
    return pool_id


@pytest.fixture
def make(idp: Any, pool: str) -> Callable[..., dict[str, Any]]:
    def new(**members: Any) -> dict[str, Any]:
        made = idp.create_user_pool_client(UserPoolId=pool, ClientName="one", **members)["UserPoolClient"]
        return {"UserPoolId": pool, "ClientId": made["ClientId"]}, made

    return new


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"]


def described(idp: Any, client: dict[str, str]) -> dict[str, Any]:
    return idp.describe_user_pool_client(**client)["UserPoolClient"]


def ids(idp: Any, client: dict[str, str]) -> list[str]:
    return [key["ClientSecretId"] for key in idp.list_user_pool_client_secrets(**client)["ClientSecrets"]]


def test_a_client_has_two_secrets_at_most_and_one_at_least(idp: Any, make: Any) -> None:
    client, made = make(**MACHINE)
    assert re.fullmatch(r"[\w+]{24,64}", made["ClientSecret"])
    (first,) = idp.list_user_pool_client_secrets(**client)["ClientSecrets"]
    assert "ClientSecretValue" not in first
    assert first["ClientSecretId"].startswith(f"{client['ClientId']}--")
    assert first["ClientSecretCreateDate"] == made["CreationDate"]
    remove = {**client, "ClientSecretId": first["ClientSecretId"]}
    assert refused(idp.delete_user_pool_client_secret, **remove) == "InvalidParameterException"
    added = idp.add_user_pool_client_secret(**client, ClientSecret=OWN)["ClientSecretDescriptor"]
    assert "ClientSecretValue" not in added
    assert ids(idp, client) == [first["ClientSecretId"], added["ClientSecretId"]]
    assert refused(idp.add_user_pool_client_secret, **client) == "LimitExceededException"
    assert described(idp, client)["ClientSecret"] == made["ClientSecret"]
    idp.delete_user_pool_client_secret(**remove)
    assert refused(idp.delete_user_pool_client_secret, **remove) == "ResourceNotFoundException"
    assert ids(idp, client) == [added["ClientSecretId"]]
    assert "ClientSecret" not in described(idp, client)
    assert re.fullmatch(
        r"[\w+]{24,64}", idp.add_user_pool_client_secret(**client)["ClientSecretDescriptor"]["ClientSecretValue"]
    )


def test_a_public_client_gets_no_secret(idp: Any, make: Any) -> None:
    client, made = make(**WEB)
    assert "ClientSecret" not in made
    assert ids(idp, client) == []
    assert refused(idp.add_user_pool_client_secret, **client) == "InvalidParameterException"
    nobody = {**client, "ClientId": "nobody"}
    assert refused(idp.list_user_pool_client_secrets, **nobody) == "ResourceNotFoundException"


def test_an_update_sets_back_what_it_is_not_given(idp: Any, make: Any) -> None:
    client, made = make(**WEB, EnableTokenRevocation=False, AccessTokenValidity=2, AuthSessionValidity=5)
    assert {"LogoutURLs", "ReadAttributes", "DefaultRedirectURI", "TokenValidityUnits"}.isdisjoint(made)
    idp.update_user_pool_client(**client, LogoutURLs=["https://example.com/out"], RefreshTokenValidity=1)
    left = described(idp, client)
    assert (left["LogoutURLs"], left["RefreshTokenValidity"]) == (["https://example.com/out"], 1)
    assert left["AllowedOAuthFlowsUserPoolClient"] is False
    assert (left["EnableTokenRevocation"], left["AuthSessionValidity"]) == (True, 3)
    assert {"AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs", "AccessTokenValidity"}.isdisjoint(left)
    assert left["ClientName"] == "one"


def test_rotation_of_refresh_tokens_is_kept(idp: Any, make: Any) -> None:
    client, made = make(RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 10})
    assert made["RefreshTokenRotation"]["RetryGracePeriodSeconds"] == 10
    idp.update_user_pool_client(**client)
    assert "RefreshTokenRotation" not in described(idp, client)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({**MACHINE, "GenerateSecret": False}, "InvalidOAuthFlowException"),
        ({**MACHINE, "AllowedOAuthFlows": ["client_credentials", "code"]}, "InvalidOAuthFlowException"),
        ({**WEB, "CallbackURLs": []}, "InvalidOAuthFlowException"),
        ({**WEB, "AllowedOAuthScopes": []}, "InvalidParameterException"),
        ({**WEB, "AllowedOAuthScopes": ["api/unknown"]}, "ScopeDoesNotExistException"),
        ({**WEB, "DefaultRedirectURI": "https://example.com/other"}, "InvalidParameterException"),
        ({**WEB, "EnablePropagateAdditionalUserContextData": True}, "InvalidParameterException"),
        ({"AccessTokenValidity": 4, "TokenValidityUnits": {"AccessToken": "minutes"}}, "InvalidParameterException"),
        ({"RefreshTokenValidity": 3651}, "InvalidParameterException"),
        (
            {"RefreshTokenRotation": {"Feature": "ENABLED"}, "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"]},
            "InvalidParameterException",
        ),
        ({"GenerateSecret": True, "ClientSecret": OWN}, "InvalidParameterException"),
    ],
)
def test_what_aws_refuses(idp: Any, make: Any, pool: str, members: dict[str, Any], code: str) -> None:
    assert refused(idp.create_user_pool_client, UserPoolId=pool, ClientName="wrong", **members) == code
    if not {"GenerateSecret", "ClientSecret"} & set(members):
        client, _made = make()
        assert refused(idp.update_user_pool_client, **client, **members) == code


# ---- Tokens


@pytest.fixture
def ask(local_cloud: settings.Instance) -> Callable[..., tuple[int, dict[str, Any]]]:
    def token(client: dict[str, str], secret: str, prefix: str = DOMAIN, **form: str) -> tuple[int, dict[str, Any]]:
        basic = base64.b64encode(f"{client['ClientId']}:{urllib.parse.quote(secret)}".encode()).decode()
        request = urllib.request.Request(
            f"{local_cloud.endpoint}/oauth2/token",
            urllib.parse.urlencode({"grant_type": "client_credentials", **form}).encode(),
            {"Authorization": f"Basic {basic}", "Host": f"{prefix}.auth.{settings.REGION}.amazoncognito.com"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return token


def test_each_secret_gets_a_token(idp: Any, make: Any, ask: Any) -> None:
    client, made = make(**MACHINE)
    first = made["ClientSecret"]
    idp.add_user_pool_client_secret(**client, ClientSecret=OWN)
    assert ask(client, first)[0] == ask(client, OWN)[0] == 200
    assert ask(client, OWN + "x") == (
        400,
        {"error": "invalid_client", "error_description": "Invalid client credentials."},
    )
    idp.delete_user_pool_client_secret(**client, ClientSecretId=ids(idp, client)[0])
    assert ask(client, first)[1]["error"] == "invalid_client"
    status, answer = ask(client, OWN, scope="api/read")
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 3600)
    assert ask(client, OWN, scope="unknown")[1]["error"] == "invalid_scope"


def test_a_domain_knows_the_clients_of_its_pool_only(idp: Any, make: Any, ask: Any) -> None:
    client, made = make(**MACHINE)
    other = idp.create_user_pool(PoolName="another")["UserPool"]["Id"]
    idp.create_user_pool_domain(UserPoolId=other, Domain="clients-of-others")
    assert ask(client, made["ClientSecret"])[0] == 200
    for prefix in ("clients-of-others", "nobody"):
        assert ask(client, made["ClientSecret"], prefix)[1]["error"] == "invalid_client"
