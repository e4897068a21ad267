# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data channel of a session as AWS's own plugin speaks it, and the agent at its other end.

A WebSocket carries messages with a header of their own, numbered and acknowledged; what is forwarded is in them, a
stream of smux frames (version 1), in which each connection is a stream of its own. By the plugin's sources (1.3.0).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import BinaryIO

# Length of the header, kind, schema, when, number, flags, id, digest, kind and length of what follows.
MESSAGE = struct.Struct(">I32sIQqQ16s32sII")
FRAME = struct.Struct("<BBHI")
SYN, FIN, PSH = 0, 1, 2
OUTPUT, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG = 1, 5, 6, 7, 10
TERMINATE, CONNECT_ERROR = 2, 3
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
AGENT = "3.3.1957.0"
ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocket:
    """The server's side of a WebSocket whose request is still to be read."""

    def __init__(self, connection: socket.socket, lines: BinaryIO):
        self.connection, self.lines, self.lock = connection, lines, threading.Lock()

    def accept(self) -> str:
        """The path that is asked for."""
        path = self.lines.readline().decode().split()[1]
        headers = {}
        while line := self.lines.readline().strip():
            name, _colon, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        answer = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + ACCEPT).digest())
        self.connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n"
        )
        return path

    def send(self, kind: int, data: bytes) -> None:
        length = (
            bytes([len(data)])
            if len(data) < 126
            else b"\x7e" + struct.pack(">H", len(data))
            if len(data) < 1 << 16
            else b"\x7f" + struct.pack(">Q", len(data))
        )
        with self.lock:
            self.connection.sendall(bytes([0x80 | kind]) + length + data)

    def messages(self) -> Iterator[bytes]:
        while header := self.lines.read(2):
            kind, length = header[0] & 15, header[1] & 127
            if length == 126:
                (length,) = struct.unpack(">H", self.lines.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.lines.read(8))
            mask = self.lines.read(4)
            data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.lines.read(length)))
            if kind == CLOSE:
                return
            if kind == PING:
                self.send(PONG, data)
            elif kind in (TEXT, BINARY):
                yield data


class Agent:
    """What forwards at the other end of a session's channel. target: where to."""

    def __init__(self, websocket: WebSocket, properties: dict[str, str], target: tuple[str, int]):
        self.websocket, self.properties, self.target = websocket, properties, target
        self.sent = 0
        self.expected = 0
        self.received = bytearray()
        self.streams: dict[int, socket.socket] = {}
        self.lock = threading.Lock()

    # ---- messages

    def say(self, kind: int, payload: bytes) -> None:
        with self.lock:
            number, self.sent = self.sent, self.sent + 1
            self._send("output_stream_data", number, kind, payload)

    def _send(self, message: str, number: int, kind: int, payload: bytes) -> None:
        header = MESSAGE.pack(
            MESSAGE.size - 4,
            message.encode().ljust(32),
            1,
            int(time.time() * 1000),
            number,
            0,
            uuid.uuid4().bytes,
            hashlib.sha256(payload).digest(),
            kind,
            len(payload),
        )
        self.websocket.send(BINARY, header + payload)

    def close(self, session: str, text: str) -> None:
        """As AWS says that a session is over."""
        told = {"MessageId": str(uuid.uuid4()), "SessionId": session, "MessageType": "channel_closed", "Output": text}
        self._send("channel_closed", 0, 0, json.dumps({**told, "SchemaVersion": 1}).encode())

    def run(self, terminated: Callable[[], None]) -> None:
        """To the end of the channel."""
        action = {"SessionType": "Port", "Properties": {**self.properties, "type": "LocalPortForwarding"}}
        actions = [{"ActionType": "SessionType", "ActionParameters": action}]
        request = {"AgentVersion": AGENT, "RequestedClientActions": actions}
        self.say(HANDSHAKE_REQUEST, json.dumps(request).encode())
        try:
            for message in self.websocket.messages():
                _length, name, _schema, _at, number, _flags, identifier, _digest, kind, _size = MESSAGE.unpack_from(
                    message
                )
                if name.rstrip(b" \x00") != b"input_stream_data":
                    continue
                self._acknowledge(number, identifier)
                if number != self.expected:
                    continue
                self.expected += 1
                payload = message[MESSAGE.size :]
                if kind == HANDSHAKE_RESPONSE:
                    self.say(
                        HANDSHAKE_COMPLETE, json.dumps({"HandshakeTimeToComplete": 1, "CustomerMessage": ""}).encode()
                    )
                elif kind == OUTPUT:
                    self._take(payload)
                elif kind == FLAG and struct.unpack(">I", payload)[0] == TERMINATE:
                    terminated()
        finally:
            for stream in list(self.streams.values()):
                stream.close()

    def _acknowledge(self, number: int, identifier: bytes) -> None:
        content = {
            "AcknowledgedMessageType": "input_stream_data",
            "AcknowledgedMessageId": str(uuid.UUID(bytes=identifier[8:] + identifier[:8])),
            "AcknowledgedMessageSequenceNumber": number,
            "IsSequentialMessage": True,
        }
        self._send("acknowledge", 0, 0, json.dumps(content).encode())

    # ---- streams

    def _take(self, data: bytes) -> None:
        self.received += data
        while len(self.received) >= FRAME.size:
            _version, command, length, number = FRAME.unpack_from(self.received)
            if len(self.received) < FRAME.size + length:
                return
            content = bytes(self.received[FRAME.size : FRAME.size + length])
            del self.received[: FRAME.size + length]
            if command == SYN:
                self._connect(number)
            elif command == PSH and number in self.streams:
                with contextlib.suppress(OSError):
                    self.streams[number].sendall(content)
            elif command == FIN and number in self.streams:
                with contextlib.suppress(OSError):
                    self.streams.pop(number).shutdown(socket.SHUT_RDWR)

    def _frame(self, command: int, number: int, content: bytes = b"") -> None:
        self.say(OUTPUT, FRAME.pack(1, command, len(content), number) + content)

    def _connect(self, number: int) -> None:
        try:
            self.streams[number] = stream = socket.create_connection(self.target, timeout=10)
        except OSError:
            self.say(FLAG, struct.pack(">I", CONNECT_ERROR))
            self._frame(FIN, number)
            return
        stream.settimeout(None)
        threading.Thread(target=self._copy, args=(number, stream), daemon=True).start()

    def _copy(self, number: int, stream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := stream.recv(16384):
                self._frame(PSH, number, data)
        with contextlib.suppress(OSError):
            self._frame(FIN, number)
        stream.close()
