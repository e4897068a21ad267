# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sessions of Session Manager, and the place where plugins begin them and learn of their end."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.local_cloud.wire import AWSError, now

from .channel import Agent, WebSocket

# The documents of AWS's own for forwarding, with the parameters that they ask for.
DOCUMENTS = {
    "AWS-StartPortForwardingSession": {"portNumber"},
    "AWS-StartPortForwardingSessionToRemoteHost": {"portNumber", "host"},
}


@dataclass
class Session:
    id: str
    target: str
    document: str
    owner: str
    reason: str
    token: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(60))
    began: Any = field(default_factory=now)
    ended: Any = None
    parameters: Mapping[str, list[str]] = field(default_factory=dict)
    channels: list[socket.socket] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        status = "Terminated" if self.ended else "Connected" if self.channels else "Connecting"
        shown = {
            "SessionId": self.id,
            "Target": self.target,
            "Status": status,
            "StartDate": self.began.timestamp(),
            "DocumentName": self.document,
            "Owner": self.owner,
            "Reason": self.reason,
        }
        return {**shown, **({"EndDate": self.ended.timestamp()} if self.ended else {})}


class SessionManager:
    """The sessions of one account and region.

    hosts: where names lead to, {host: (address, port)}, for AWS's own plugin; that of the tests goes there itself.
    shut: whether AWS's own plugin is refused its channel, as whoever lacks ssmmessages:OpenDataChannel is.
    """

    def __init__(self) -> None:
        self.shut = False
        self.hosts: dict[str, tuple[str, int]] = {}
        self.sessions: dict[str, Session] = {}
        self.lock = threading.RLock()
        self.listener: socket.socket | None = None

    # ---- calls of the API

    def start(self, request: Mapping[str, Any], owner: str) -> dict[str, Any]:
        document = request.get("DocumentName", "")
        if document not in DOCUMENTS:
            raise AWSError("InvalidDocument", f"Document with name {document} does not exist.")
        given = request.get("Parameters", {})
        if missing := sorted(DOCUMENTS[document] - set(given)):
            raise AWSError("ValidationException", f"Parameters {missing} are required by document {document}")
        session = Session(
            f"{owner.rpartition('/')[2]}-{secrets.token_hex(9)[:17]}",
            request["Target"],
            document,
            owner,
            request.get("Reason", ""),
            parameters=given,
        )
        with self.lock:
            self.sessions[session.id] = session
        return self._answer(session)

    def resume(self, request: Mapping[str, Any]) -> dict[str, Any]:
        session = self.sessions.get(request["SessionId"])
        if session is None:
            raise AWSError("DoesNotExistException", f"Session {request['SessionId']} does not exist")
        if session.ended:
            return {"SessionId": session.id}
        session.token = secrets.token_urlsafe(60)
        return self._answer(session)

    def terminate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answers for what doesn't exist, too."""
        self.end(request["SessionId"])
        return {"SessionId": request["SessionId"]}

    def describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        over = request["State"] == "History"
        wanted = {condition["key"]: condition["value"] for condition in request.get("Filters", [])}
        with self.lock:
            found = [session for session in self.sessions.values() if bool(session.ended) == over]
        shown = [session.described() for session in found]
        members = {"Target": "Target", "Owner": "Owner", "SessionId": "SessionId", "Status": "Status"}
        for key, value in wanted.items():
            shown = [item for item in shown if item.get(members.get(key, ""), value) == value]
        return {"Sessions": shown}

    def _answer(self, session: Session) -> dict[str, Any]:
        url = f"ws://127.0.0.1:{self.port}/v1/data-channel/{session.id}?role=publish_subscribe"
        return {"SessionId": session.id, "TokenValue": session.token, "StreamUrl": url}

    # ---- sessions

    def end(self, identifier: str) -> None:
        """As AWS does: the plugin's connection is closed."""
        with self.lock:
            session = self.sessions.get(identifier)
            if session is None or session.ended:
                return
            session.ended = now()
            channels, session.channels = session.channels, []
        for agent in session.agents:
            with contextlib.suppress(OSError):
                agent.close(identifier, "Your session has been terminated.")
        for channel in channels:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    @property
    def port(self) -> int:
        """Where plugins come to."""
        with self.lock:
            if self.listener is None:
                self.listener = socket.create_server(("127.0.0.1", 0))
                threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()
            return int(self.listener.getsockname()[1])

    def close(self) -> None:
        for identifier in list(self.sessions):
            self.end(identifier)
        if self.listener is not None:
            self.listener.close()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                channel, _address = listener.accept()
                threading.Thread(target=self._hold, args=(channel,), daemon=True).start()

    def _hold(self, channel: socket.socket) -> None:
        """A plugin's connection: it shows its token, and is held until one of both ends it."""
        with channel, channel.makefile("rb") as lines, contextlib.suppress(OSError, ValueError, KeyError):
            if channel.recv(4, socket.MSG_PEEK) == b"GET ":
                if self.shut:
                    channel.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    return
                self._talk(channel, WebSocket(channel, lines))
                return
            shown = json.loads(lines.readline())
            with self.lock:
                session = self.sessions[shown["SessionId"]]
                if session.ended or shown["TokenValue"] != session.token:
                    return
                session.channels.append(channel)
            channel.sendall(b"ready\n")
            for line in lines:
                if line == b"terminate\n":
                    self.end(session.id)
            with self.lock:
                if channel in session.channels:
                    session.channels.remove(channel)

    def _talk(self, channel: socket.socket, websocket: WebSocket) -> None:
        """With AWS's own plugin."""
        identifier = websocket.accept().partition("?")[0].rpartition("/")[2]
        shown = json.loads(next(websocket.messages()))
        with self.lock:
            session = self.sessions[identifier]
            if session.ended or shown["TokenValue"] != session.token:
                return
            session.channels.append(channel)
            properties = {name: values[0] for name, values in session.parameters.items()}
            host = properties.get("host", session.target)
            target = self.hosts.get(host, (host, int(properties["portNumber"])))
            session.agents.append(Agent(websocket, properties, target))
        session.agents[-1].run(lambda: self.end(identifier))
        with self.lock:
            if channel in session.channels:
                session.channels.remove(channel)
