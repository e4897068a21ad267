# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API of Session Manager over HTTP, for tests that need nothing else of AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.local_cloud.wire import AWSError

from .service import SessionManager

CALLER = "arn:aws:sts::123456789012:assumed-role/deployer/run"


class Endpoint(SessionManager):
    """refusals: what an operation is refused with from now on. asked: the operations that came, with their requests."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[str, AWSError] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, request))
        if operation in self.refusals:
            raise self.refusals[operation]
        if operation == "StartSession":
            return self.start(request, CALLER)
        return {"ResumeSession": self.resume, "TerminateSession": self.terminate, "DescribeSessions": self.describe}[
            operation
        ](request)

    @property
    def active(self) -> list[str]:
        return [item["SessionId"] for item in self.describe({"State": "Active"})["Sessions"]]


@contextmanager
def served() -> Iterator[Endpoint]:
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            try:
                status, answer = 200, endpoint.answer(self.headers["X-Amz-Target"].rpartition(".")[2], body)
            except AWSError as refusal:
                status, answer = refusal.status, {"__type": refusal.code, "message": refusal.message}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_told: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield endpoint
    finally:
        endpoint.close()
        server.shutdown()
