# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The domain of a user pool: what ministack 1.5.33 lacks.

| what | on AWS |
|---|---|
| POST /oauth2/revoke | ends what a refresh token has begun; there is only the call RevokeToken |
| GET /oauth2/authorize without a scope | stands for all scopes of the client; here for none, and no ID token |

https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html,
https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from ministack.services import cognito

from ..wire import Response


def install() -> None:
    cognito.handle_request = functools.partial(_handle, cognito.handle_request)
    cognito.handle_oauth2_authorize = functools.partial(_authorize, cognito.handle_oauth2_authorize)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    if (method, path) != ("POST", "/oauth2/revoke"):
        return await original(method, path, headers, body, query)
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    _pool_id, _pool, client = cognito._find_pool_by_client_id(form.get("client_id", ""))
    if client is None:
        return 401, {"Content-Type": "application/json"}, json.dumps({"error": "invalid_client"}).encode()
    if not form.get("token"):
        return 400, {"Content-Type": "application/json"}, json.dumps({"error": "invalid_request"}).encode()
    cognito._revoke_token({"Token": form["token"]})
    return 200, {"Content-Type": "application/json"}, b""


def _authorize(
    original: Callable[..., Response],
    method: str,
    path: str,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
) -> Response:
    if not cognito._qp(query, "scope"):
        _pool_id, _pool, client = cognito._find_pool_by_client_id(cognito._qp(query, "client_id"))
        query = {**query, "scope": [" ".join((client or {}).get("AllowedOAuthScopes", []))]}
    return original(method, path, headers, query)
