# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Session Manager plugin of the tests' own: arguments, environment, output, signals and ends as AWS's has them.

Beside it lies what it is to do otherwise, session-manager-plugin.json (see Behaviour), and calls.jsonl, in which it
notes its calls. It takes the standard library only and starts quickly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import urllib.parse
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
RESPONSE_PREFIX = "AWS_SSM_START_SESSION_RESPONSE"


class Behaviour:
    """version: what it tells of itself. hosts: where names lead to, {host: [address, port]}. hangs: how many of its
    calls never open a port. deaf: the path of a file; while it is there nothing comes through, and nothing is closed.
    """

    def __init__(self) -> None:
        found = json.loads(HERE.with_name(f"{HERE.name}.json").read_text())
        self.version: str = found.get("version", "1.2.764.0")
        self.hosts: dict[str, list] = found.get("hosts", {})
        self.hangs: int = found.get("hangs", 0)
        self.deaf: str = found.get("deaf", "")

    @property
    def is_deaf(self) -> bool:
        return bool(self.deaf) and os.path.exists(self.deaf)


def say(text: str) -> None:
    print(text, flush=True)


def note(**call: Any) -> int:
    """How many calls there were before."""
    noted = HERE.with_name("calls.jsonl")
    before = len(noted.read_text().splitlines()) if noted.exists() else 0
    with noted.open("a") as file:
        file.write(json.dumps(call) + "\n")
    return before


class Forwarding:
    def __init__(self, behaviour: Behaviour, response: dict[str, str], parameters: dict[str, list[str]], target: str):
        self.behaviour = behaviour
        self.response = response
        self.session: str = response["SessionId"]
        remote = parameters.get("host", [target])[0]
        place = behaviour.hosts.get(remote, [remote, int(parameters["portNumber"][0])])
        self.remote: tuple[str, int] = (place[0], place[1])
        self.local_port = int(parameters.get("localPortNumber", ["0"])[0])
        self.accepted = False

    async def run(self) -> None:
        say(f"\nStarting session with SessionId: {self.session}")
        channel = urllib.parse.urlsplit(self.response["StreamUrl"])
        try:
            reader, writer = await asyncio.open_connection(channel.hostname, channel.port)
            writer.write(json.dumps(self.response).encode() + b"\n")
            if await reader.readline() != b"ready\n":
                raise OSError("bad handshake")
        except OSError as error:
            say(f"Cannot perform start session: {error}")
            return
        loop = asyncio.get_running_loop()
        # SIGTERM isn't among those that AWS's handles.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            loop.add_signal_handler(number, self.interrupted, writer)
        try:
            server = await asyncio.start_server(self.forward, "localhost", self.local_port)
        except OSError as error:
            say(f"Cannot perform start session: listen tcp: {error}")
            return
        port = server.sockets[0].getsockname()[1]
        say(f"Port {port} opened for sessionId {self.session}.\nWaiting for connections...")
        await reader.read()
        say(f"\n\nSessionId: {self.session} : The session has been terminated\n\n")
        os._exit(0)

    def interrupted(self, channel: asyncio.StreamWriter) -> None:
        say("Terminate signal received, exiting.")
        channel.write(b"terminate\n")
        say(f"\n\nExiting session with sessionId: {self.session}.\n\n")
        asyncio.get_running_loop().call_later(0.05, os._exit, 0)

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.accepted:
            self.accepted = True
            say(f"\nConnection accepted for session [{self.session}]")
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.remote)
        except OSError:
            say("\nConnection to destination port failed, check SSM Agent logs.")
            writer.close()
            return
        await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer), return_exceptions=True)

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                while self.behaviour.is_deaf:
                    await asyncio.sleep(0.1)
                writer.write(data)
                await writer.drain()
        writer.close()


def main() -> None:
    behaviour, arguments = Behaviour(), sys.argv[1:]
    if arguments == ["--version"]:
        say(behaviour.version)
        return
    if len(arguments) != 6:
        say(f"\nUnknown operation {arguments[0] if arguments else ''}.")
        return
    response, region, operation, _profile, request, endpoint = arguments
    by_environment = response.startswith(RESPONSE_PREFIX)
    before = note(
        pid=os.getpid(),
        arguments=arguments,
        by_environment=by_environment,
        temporary=os.environ.get("TMPDIR", ""),
        credentials=sorted(name for name in os.environ if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))),
    )
    if before < behaviour.hangs:
        signal.pause()
    if operation != "StartSession" or not region or not endpoint:
        say("Invalid Operation")
        return
    try:
        told = json.loads(os.environ.pop(response) if by_environment else response)
        asked = json.loads(request)
    except (KeyError, ValueError) as error:
        say(f"Cannot perform start session: {error}")
        return
    asyncio.run(Forwarding(behaviour, told, asked["Parameters"], asked["Target"]).run())


if __name__ == "__main__":
    main()
