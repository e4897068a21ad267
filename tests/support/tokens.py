# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that gets tokens of Cognito and verifies them.

Names of AWS lead to the emulator, which gets the requests as AWS would.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet


def ask(endpoint: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The answer to a request, with its status where it is a refusal."""
    parts = urlsplit(url)
    assert parts.scheme == "https"
    request = urllib.request.Request(endpoint + parts.path, body, {**(headers or {}), "Host": parts.netloc})
    try:
        with urllib.request.urlopen(request) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return {"status": error.code, **json.load(error)}


def get_token(endpoint: str, credentials: Mapping[str, str], **form: str) -> dict[str, Any]:
    """What the token endpoint answers to the credentials that a secret tells."""
    basic = f"{credentials['client_id']}:{quote(credentials['client_secret'])}".encode()
    fields = {"grant_type": "client_credentials", "scope": credentials["scopes"], **form}
    authorization = {"Authorization": f"Basic {base64.b64encode(basic).decode()}"}
    return ask(endpoint, credentials["token_url"], urlencode(fields).encode(), authorization)


def verified(endpoint: str, token: str, issuer: str) -> dict[str, Any]:
    """The claims of a token that the issuer has signed; JoseError of one that it hasn't."""
    keys = KeySet.import_key_set(ask(endpoint, f"{issuer}/.well-known/jwks.json"))  # type: ignore[arg-type]
    return jwt.decode(token, keys, algorithms=["RS256"]).claims
