# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS has in front of a domain: TLS under the domain's name, and no request without a right signature.

Who has signed is passed on to the server. What the server doesn't have, Index State Management, is answered here, as
its documentation says. Faults can be ordered: the next writes are refused, or done without an answer.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .node import HOST, identity

REGION = "us-west-2"
POLICIES = "/_plugins/_ism/policies/"
SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/\d+/(?P<region>[\w-]+)/(?P<service>\w+)/aws4_request, "
    r"SignedHeaders=(?P<signed>[\w;-]+), Signature=(?P<signature>\w+)"
)
RETRY = {"count": 3, "backoff": "exponential", "delay": "1m"}


@dataclass(frozen=True)
class Caller:
    """An identity of IAM, with the keys that it signs with."""

    key: str
    secret: str
    arn: str
    roles: tuple[str, ...] = ()
    token: str | None = None


@dataclass
class Door:
    """server: the URL behind it. callers: those whom it knows, by their keys. faults: what befalls the next writes."""

    server: str
    callers: dict[str, Caller] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def know(self, caller: Caller) -> None:
        self.callers[caller.key] = caller

    def who(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Caller | str:
        """Who has signed the request, or why nobody has."""
        found = SIGNATURE.fullmatch(headers.get("authorization", ""))
        if not found:
            return "Missing Authentication Token"
        caller = self.callers.get(found["key"])
        if caller is None or headers.get("x-amz-security-token") != caller.token:
            return "The security token included in the request is invalid."
        credentials = Credentials(caller.key, caller.secret, caller.token)
        signer = SigV4Auth(credentials, "es", REGION)
        signed = {name: headers.get(name, "") for name in found["signed"].split(";")}
        request = AWSRequest(method, f"https://{HOST}{path}", headers=signed, data=body)
        request.context["timestamp"] = headers.get("x-amz-date", "")
        canonical = signer.canonical_request(request)
        expected = signer.signature(signer.string_to_sign(request, canonical), request)
        right = (expected, "es", REGION, HOST) == (
            found["signature"],
            found["service"],
            found["region"],
            headers.get("host"),
        )
        if right and "host" in signed:
            return caller
        return (
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
            f" Access Key and signing method.\n\nThe Canonical String for this request should have been\n'{canonical}'"
        )

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        caller = self.who(method, path, headers, body)
        self.requests.append((method, path, caller if isinstance(caller, str) else caller.arn))
        if isinstance(caller, str):
            return 403, json.dumps({"message": caller}).encode()
        if path.startswith(POLICIES):
            with self.lock:
                status, answer = self._policy(method, path.removeprefix(POLICIES), body)
            return status, json.dumps(answer).encode()
        passed = {**identity(caller.arn, *caller.roles), "content-type": "application/json"}
        request = urllib.request.Request(self.server + path, data=body or None, headers=passed, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                return found.status, found.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _policy(self, method: str, rest: str, body: bytes) -> tuple[int, dict[str, Any]]:
        name, _mark, query = rest.partition("?")
        known, asked = self.policies.get(name), dict(urllib.parse.parse_qsl(query))
        if method == "PUT":
            number = known["_seq_no"] if known else None
            if str(number) != asked.get("if_seq_no", "None"):
                return 409, _error("version_conflict_engine_exception", f"[{name}]: version conflict", 409)
            policy = json.loads(body)["policy"]
            for state in policy["states"]:
                state.setdefault("transitions", [])
                state["actions"] = [{"retry": RETRY, **action} for action in state.get("actions", [])]
            for template in policy.get("ism_template", []):
                template["last_updated_time"] = 1
            noted = {"policy_id": name, "last_updated_time": 1, "schema_version": 21, "error_notification": None}
            self.policies[name] = {
                "_id": name,
                "_version": (number or 0) + 1,
                "_seq_no": 0 if number is None else number + 1,
                "_primary_term": 1,
                "policy": {**noted, **policy},
            }
            return (201 if known is None else 200), self.policies[name]
        if known is None:
            return 404, _error("status_exception", "Policy not found", 404)
        if method == "DELETE":
            del self.policies[name]
            return 200, {"_id": name, "result": "deleted"}
        return 200, known


def _error(kind: str, reason: str, status: int) -> dict[str, Any]:
    error = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [error], **error}, "status": status}


def _handler(door: Door) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = door.faults.pop(0) if door.faults and self.command != "GET" else None
            if fault in ("429", "500", "503"):
                return self.reply(int(fault), b'{"message": "ordered by the test"}')
            if fault == "reset":
                return self.hang_up()
            status, answer = door.answer(self.command, self.path, headers, body)
            return self.hang_up() if fault == "lost" else self.reply(status, answer)

        def reply(self, status: int, answer: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def hang_up(self) -> None:
            self.close_connection = True

        def log_message(self, *_arguments: Any) -> None:
            """No output."""

        do_GET = do_PUT = do_DELETE = do_POST = handle_request

    return Handler


@contextlib.contextmanager
def opened(server: str, certificates: Path) -> Iterator[Door]:
    """A door in front of the server, with node.pem and node.key of the folder."""
    door = Door(server)
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(door))
    listener.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "node.pem", certificates / "node.key")
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    door.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
