# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a Kubernetes API answers, is the one that is meant, and lets in: a small request, without its libraries."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import ssl
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

with contextlib.suppress(ImportError):  # comes along with botocore
    import urllib3
    from urllib3 import exceptions as http_errors

CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# May the caller do everything, everywhere?
EVERYTHING = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {"resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}},
}


class Unreachable(Exception):
    """Nothing answers, or nothing that speaks for the API."""


class WrongCertificate(Exception):
    """What answers isn't the cluster's API."""


class NotReady(Exception):
    """It answers that it can't answer at the moment."""


class Api:
    """The API behind a server's address.

    authority: the cluster's certificate authority in base64, as EKS tells it. name: the one that the certificate is
    checked against, where that isn't the address's own.
    """

    def __init__(self, server: str, authority: str, name: str | None = None):
        self.server = server.rstrip("/")
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cadata=base64.b64decode(authority).decode())
        except (binascii.Error, ValueError, ssl.SSLError) as error:
            raise WrongCertificate(f"its certificate authority can't be read ({error})") from error
        # kubectl doesn't ask for these either: authorities of older clusters lack an identifier of their key.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        host = urlsplit(self.server).hostname or ""
        checks: dict[str, Any] = {"ssl_context": context, **({"server_hostname": name} if name else {})}
        proxy = getproxies().get("https")
        if proxy and not proxy_bypass(host):
            self.pool = urllib3.ProxyManager(proxy, **checks)
        else:
            self.pool = urllib3.PoolManager(**checks)

    def ask(self, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
        """The status of the answer, and what is in it."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            answer = self.pool.request(
                method,
                self.server + path,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=False,
                redirect=False,
            )
        except http_errors.SSLError as error:
            cause = error.args[0] if error.args else error
            if "CERTIFICATE_VERIFY_FAILED" in str(cause):
                reason = getattr(cause, "verify_message", "") or str(cause)
                raise WrongCertificate(reason) from error
            raise Unreachable(str(cause)) from error
        except http_errors.HTTPError as error:
            raise Unreachable(_reason(error)) from error
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, {}

    def admits(self, token: str) -> tuple[bool, bool]:
        """Whether the API lets the token's owner in, and whether as an administrator of everything."""
        status, answer = self.ask("POST", REVIEW, token, EVERYTHING)
        if status == 401:
            return False, False
        if status == 403:
            # Who is let in may ask about himself, unless somebody has taken that away.
            return True, False
        if status == 429 or status >= 500:
            raise NotReady(f"HTTP {status}")
        if status not in (200, 201) or not isinstance(answer, dict) or "status" not in answer:
            raise Unreachable(f"HTTP {status}, which is no answer of a Kubernetes API")
        return True, bool(answer["status"].get("allowed"))


def _reason(error: BaseException) -> str:
    """The words of the system, without those of the library."""
    while inner := getattr(error, "reason", None) or error.__cause__ or error.__context__:
        if not isinstance(inner, BaseException):
            break
        error = inner
    return getattr(error, "strerror", None) or str(error) or error.__class__.__name__
