# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""App clients of Cognito user pools: what ministack 1.5.33 lacks, or answers otherwise than AWS.

AddUserPoolClientSecret, ListUserPoolClientSecrets and DeleteUserPoolClientSecret are unknown, so /oauth2/token takes
one secret only; it takes any client at any domain, too. CreateUserPoolClient drops a secret of one's own and the
rotation of refresh tokens, and makes secrets that AWS wouldn't. UpdateUserPoolClient keeps what isn't sent. Neither of
them refuses OAuth settings that contradict each other, a scope of no resource server, or a validity out of range. The
answers have empty members, which AWS leaves out.

Whether DescribeUserPoolClient still tells a secret once the first one is deleted, AWS doesn't say; here it doesn't.
"""

from __future__ import annotations

import functools
import json
import secrets
import string
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from ministack.core.responses import json_response
from ministack.services import cognito

from ..wire import AWSError, Response
from .cognito_pool import invalid, pool_of
from .patching import adding, answering

Request = dict[str, Any]
Action = Callable[[Request], Response]

# What each member of a client is that isn't sent.
DEFAULTS: dict[str, Any] = {
    "AccessTokenValidity": None,
    "AllowedOAuthFlows": [],
    "AllowedOAuthFlowsUserPoolClient": False,
    "AllowedOAuthScopes": [],
    "AnalyticsConfiguration": None,
    "AuthSessionValidity": 3,
    "CallbackURLs": [],
    "DefaultRedirectURI": "",
    "EnablePropagateAdditionalUserContextData": False,
    "EnableTokenRevocation": True,
    "ExplicitAuthFlows": [],
    "IdTokenValidity": None,
    "LogoutURLs": [],
    "PreventUserExistenceErrors": "LEGACY",
    "ReadAttributes": [],
    "RefreshTokenRotation": None,
    "RefreshTokenValidity": 30,
    "SupportedIdentityProviders": [],
    "TokenValidityUnits": {},
    "WriteAttributes": [],
}
STANDARD_SCOPES = ("openid", "email", "phone", "profile", "aws.cognito.signin.user.admin")
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
# Unit by default, least and most seconds.
VALIDITIES = {
    "AccessToken": ("hours", 300, 86400),
    "IdToken": ("hours", 300, 86400),
    "RefreshToken": ("days", 3600, 315360000),
}
MOST = 2  # secrets of a client
HOSTED = ".amazoncognito.com"


def install() -> None:
    cognito._dispatch_idp = adding(cognito._dispatch_idp, _ADDED)
    for name, shim in _SHIMS.items():
        setattr(cognito, name, answering(functools.partial(shim, getattr(cognito, name))))
    cognito._authenticate_client = functools.partial(_authenticate, cognito._authenticate_client)
    cognito.handle_oauth2_token = functools.partial(_token, cognito.handle_oauth2_token)


def _client(request: Request) -> dict[str, Any]:
    client = pool_of(request)["_clients"].get(request.get("ClientId"))
    if client is None:
        raise AWSError("ResourceNotFoundException", f"User pool client {request.get('ClientId')} does not exist.")
    return client


# ---- Clients


def _create(original: Action, request: Request) -> Response:
    pool = pool_of(request)
    given = request.get("ClientSecret")
    if given and request.get("GenerateSecret"):
        raise invalid("You can't give a client secret and have one generated.")
    has_secret = bool(given or request.get("GenerateSecret"))
    _check(pool, request, has_secret)
    response = original({**request, "GenerateSecret": False})
    if response[0] >= 300:
        return response
    client = pool["_clients"][json.loads(response[2])["UserPoolClient"]["ClientId"]]
    client["RefreshTokenRotation"] = request.get("RefreshTokenRotation")
    if has_secret:
        first = _made(client, given, client["CreationDate"])
        client["ClientSecret"] = first["value"]
        _secrets_of(pool)[client["ClientId"]] = [first]
    return json_response({"UserPoolClient": _described(pool, client)})


def _update(original: Action, request: Request) -> Response:
    client, pool = _client(request), pool_of(request)
    _check(pool, request, bool(client["ClientSecret"]))
    client.update({member: request.get(member, default) for member, default in DEFAULTS.items()})
    response = original(request)
    return json_response({"UserPoolClient": _described(pool, client)}) if response[0] < 300 else response


def _describe(_original: Action, request: Request) -> Response:
    return json_response({"UserPoolClient": _described(pool_of(request), _client(request))})


def _delete(original: Action, request: Request) -> Response:
    response = original(request)
    if response[0] < 300:
        _secrets_of(pool_of(request)).pop(request["ClientId"], None)
    return response


def _described(pool: Mapping[str, Any], client: Mapping[str, Any]) -> dict[str, Any]:
    shown = {member: value for member, value in client.items() if value not in (None, "", [], {})}
    first = _secrets_of(pool).get(client["ClientId"], [{"told": False}])[0]
    if not first["told"]:
        shown.pop("ClientSecret", None)
    return shown


def _check(pool: Mapping[str, Any], request: Request, has_secret: bool) -> None:
    flows, scopes = request.get("AllowedOAuthFlows") or [], request.get("AllowedOAuthScopes") or []
    if "client_credentials" in flows:
        if len(flows) > 1:
            raise AWSError(
                "InvalidOAuthFlowException",
                "client_credentials flow can not be selected along with code flow or implicit flow.",
            )
        if not has_secret:
            raise AWSError(
                "InvalidOAuthFlowException",
                "client_credentials flow can not be selected if client does not have a client secret.",
            )
    elif flows and not request.get("CallbackURLs"):
        raise AWSError(
            "InvalidOAuthFlowException", "CallbackUrls can not be empty when code flow or implicit flow is selected"
        )
    if request.get("AllowedOAuthFlowsUserPoolClient") and not (flows and scopes):
        raise invalid(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."
        )
    known = set(STANDARD_SCOPES) | set(_scopes_of(pool))
    unknown = [scope for scope in scopes if scope not in known]
    if unknown:
        raise AWSError("ScopeDoesNotExistException", f"Invalid scope requested: {unknown[0]}")
    redirect = request.get("DefaultRedirectURI")
    if redirect and redirect not in (request.get("CallbackURLs") or []):
        raise invalid("Default redirect URI is not in the list of callback URLs.")
    if request.get("EnablePropagateAdditionalUserContextData") and not has_secret:
        raise invalid("A client without a secret can't propagate additional user context data.")
    rotated = (request.get("RefreshTokenRotation") or {}).get("Feature") == "ENABLED"
    if rotated and "ALLOW_REFRESH_TOKEN_AUTH" in (request.get("ExplicitAuthFlows") or []):
        raise invalid("ALLOW_REFRESH_TOKEN_AUTH can't be allowed with refresh token rotation.")
    for token, (unit, least, most) in VALIDITIES.items():
        value = request.get(f"{token}Validity")
        unit = (request.get("TokenValidityUnits") or {}).get(token, unit)
        if value and not least <= value * SECONDS[unit] <= most:
            raise invalid("Invalid range for token validity.")


def _scopes_of(pool: Mapping[str, Any]) -> Iterator[str]:
    for identifier, server in (pool.get("_resource_servers") or {}).items():
        for scope in server.get("Scopes") or []:
            yield f"{identifier}/{scope['ScopeName']}"


# ---- Secrets


def _secrets_of(pool: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The secrets of the pool's clients by the client's id, each client's oldest first."""
    return pool.setdefault("_client_secrets", {})  # type: ignore[attr-defined]


def _made(client: Mapping[str, Any], given: str | None, date: float, first: bool = True) -> dict[str, Any]:
    value = given or "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(52))
    return {
        "id": f"{client['ClientId']}--{int(date * 1000)}",
        "value": value,
        "date": date,
        "told": first and not given,
    }


def _own(request: Request) -> list[dict[str, Any]]:
    """The secrets of a client, which must be one that has some."""
    client = _client(request)
    found = _secrets_of(pool_of(request)).get(client["ClientId"])
    if not found:
        raise invalid(f"The client {client['ClientId']} is a public one and has no secrets.")
    return found


def _add_secret(request: Request) -> Response:
    found, given = _own(request), request.get("ClientSecret")
    if len(found) >= MOST:
        raise AWSError("LimitExceededException", f"A client has at most {MOST} secrets.")
    made = _made(_client(request), given, time.time(), first=False)
    found.append(made)
    return json_response({"ClientSecretDescriptor": {**_descriptor(made), **_value(made, given)}})


def _descriptor(secret: Mapping[str, Any]) -> dict[str, Any]:
    return {"ClientSecretId": secret["id"], "ClientSecretCreateDate": secret["date"]}


def _value(secret: Mapping[str, Any], given: str | None) -> dict[str, Any]:
    return {} if given else {"ClientSecretValue": secret["value"]}


def _list_secrets(request: Request) -> Response:
    found = _secrets_of(pool_of(request)).get(_client(request)["ClientId"], [])
    return json_response({"ClientSecrets": [_descriptor(secret) for secret in found]})


def _delete_secret(request: Request) -> Response:
    found, client = _own(request), _client(request)
    gone = next((secret for secret in found if secret["id"] == request["ClientSecretId"]), None)
    if gone is None:
        raise AWSError("ResourceNotFoundException", f"Client secret {request['ClientSecretId']} does not exist.")
    if len(found) == 1:
        raise invalid("You can't delete the last secret of a client.")
    found.remove(gone)
    client["ClientSecret"] = found[0]["value"]
    return json_response({})


_ADDED = {
    "AddUserPoolClientSecret": _add_secret,
    "ListUserPoolClientSecrets": _list_secrets,
    "DeleteUserPoolClientSecret": _delete_secret,
}
_SHIMS = {
    "_create_user_pool_client": _create,
    "_update_user_pool_client": _update,
    "_describe_user_pool_client": _describe,
    "_delete_user_pool_client": _delete,
}


# ---- Tokens


def _authenticate(
    original: Callable[[Mapping[str, str], Mapping[str, str]], tuple[str, str]],
    headers: Mapping[str, str],
    form: Mapping[str, str],
) -> tuple[str, str]:
    """The client and a secret that the rest of ministack compares with the one that it knows."""
    client_id, secret = original(headers, form)
    _pool_id, pool, client = cognito._find_pool_by_client_id(client_id)
    known = _secrets_of(pool).get(client_id, []) if pool else []
    return client_id, client["ClientSecret"] if secret in [one["value"] for one in known] else secret


async def _token(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    """A domain knows the clients of its own pool only."""
    host = headers.get("host", "").partition(":")[0].lower()
    pool_id = _pool_at(host)
    if pool_id is None and not host.endswith(HOSTED):
        return await original(method, path, headers, body, query)
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    client_id, _secret = cognito._authenticate_client(headers, form)
    if pool_id is None or cognito._find_pool_by_client_id(client_id)[0] != pool_id:
        return 400, {"Content-Type": "application/json"}, json.dumps({"error": "invalid_client"}).encode()
    return await original(method, path, headers, body, query)


def _pool_at(host: str) -> str | None:
    """The pool that a domain belongs to."""
    for (_account, region, domain), pool_id in cognito._pool_domain_map.all_items():
        if host in (domain, f"{domain}.auth.{region}{HOSTED}"):
            return str(pool_id)
    return None
