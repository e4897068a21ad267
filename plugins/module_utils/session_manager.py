# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tunnel through Session Manager, which a process of its own keeps open for as long as another process lives.

`open_tunnel` starts this file as a program, the keeper of one tunnel. It takes its settings as JSON on standard input
(see Settings), listens on the local port, starts a session of Session Manager with the plugin, and answers on standard
output in one line: what it has, or why it failed. From then on it is spoken to by its socket, one JSON line each way.

Clients connect to the keeper and not to the plugin. So their port stays the same, and stays open, while the session
behind it is replaced: a connection that comes meanwhile waits for the next session. A session is replaced when its
plugin ends, as it does when AWS ends the session (twenty idle minutes by default, a maximum duration, a restart of the
agent), and when nothing comes through it any more.

The keeper ends when its owner ends, however that does, and takes the plugin, the port and the session with it. Only the
standard library and boto3 are used here: the program doesn't find the collection.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import json
import os
import pkgutil
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

LOCALHOST = "127.0.0.1"
# To a port of the managed node itself, and to one of a host that it reaches.
NODE_DOCUMENT = "AWS-StartPortForwardingSession"
REMOTE_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
# The plugin reads the answer of StartSession, in which the session's token is, from this variable.
RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
# The last version of the plugin that knows the answer as an argument only, which is in the process list.
LAST_WITHOUT_VARIABLE = (1, 2, 497, 0)

OPENED = re.compile(r"^Port (\d+) opened for sessionId")
UNREACHABLE = "Connection to destination port failed"
# Seconds. The plugin is known to hang at its start now and then.
PLUGIN_START = 30.0
FIRST_PROBES = 3
# A port behind which nothing answers is closed again by the agent within this time, or open.
SILENCE = 1.0
# How long a connection waits for a session that is being replaced.
CLIENT_PATIENCE = 60.0
# Between attempts to start a session. One that has lasted for a minute is replaced at once.
SHORTEST_PAUSE, LONGEST_PAUSE, STEADY = 1.0, 60.0, 60.0
# What may go on for how long after the owner's end, and after a request to end.
ORPHAN_SECONDS, STOP_SECONDS = 1.5, 10.0
CHUNK = 1 << 16
PR_SET_PDEATHSIG = 1
LONGEST_SOCKET_PATH = 100


class TunnelError(Exception):
    """Why there is no tunnel. step: where it failed, one of plugin, session, remote, port. code: AWS's, if it said so.

    passing: whether another attempt may do better.
    """

    def __init__(self, step: str, text: str, code: str = "", passing: bool = False):
        super().__init__(text)
        self.step, self.text, self.code, self.passing = step, text, code, passing

    def told(self) -> dict[str, Any]:
        return {"step": self.step, "text": self.text, "code": self.code}


@dataclasses.dataclass(frozen=True)
class Settings:
    """owner: pid to live and die with. socket: where the keeper is spoken to. target: the managed node. remote_host: ""
    for the node itself. local_port: 0 for a free one. probe: "tls" or "tcp". plugin: the Session Manager plugin's path.
    timeout: seconds for the first session. credentials: arguments of boto3's session, if not those of the environment.
    probe_every: seconds without a sign of life after which it is looked at. probe_patience: how long a look may take.
    """

    owner: int
    socket: str
    target: str
    remote_host: str
    remote_port: int
    local_port: int
    probe: str
    plugin: str
    timeout: float
    region: str
    endpoint_url: str | None = None
    verify: Any = None
    credentials: Mapping[str, str] = dataclasses.field(default_factory=dict)
    probe_every: float = 20.0
    probe_patience: float = 10.0

    @property
    def document(self) -> str:
        return REMOTE_DOCUMENT if self.remote_host else NODE_DOCUMENT

    @property
    def request(self) -> dict[str, Any]:
        """The request of StartSession. The plugin takes a port of its own, which it tells."""
        host = {"host": [self.remote_host]} if self.remote_host else {}
        return {
            "Target": self.target,
            "DocumentName": self.document,
            "Parameters": {"portNumber": [str(self.remote_port)], "localPortNumber": ["0"], **host},
            "Reason": "Port forwarding by agent_platform.aws",
        }


# ---- The plugin


def plugin_version(plugin: str) -> tuple[int, ...]:
    """The version that a plugin tells; TunnelError where it tells none."""
    try:
        told = asyncio.run(_version_of(plugin)).decode(errors="replace").strip()
    except OSError as error:
        raise TunnelError("plugin", f"{plugin} --version failed: {error or 'it took too long'}") from error
    if not re.fullmatch(r"\d+(\.\d+){0,3}", told):
        raise TunnelError("plugin", f"{plugin} --version says {told[:80]!r}, which is no version")
    numbers = [int(part) for part in told.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


async def _version_of(plugin: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        plugin, "--version", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    out, _error = await asyncio.wait_for(process.communicate(), PLUGIN_START)
    return out


def plugin_call(settings: Settings, answer: Mapping[str, Any], endpoint: str) -> tuple[list[str], dict[str, str]]:
    """Command and further environment of the plugin for a session: what the AWS CLI gives it.

    It calls ResumeSession itself, by its own SDK, when its connection breaks, so it needs credentials, too.
    """
    members = {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
    profile = settings.credentials.get("profile_name") or ""
    command = [settings.plugin, RESPONSE_VARIABLE, settings.region, "StartSession", profile]
    environment = {RESPONSE_VARIABLE: json.dumps(members)}
    given = {name.upper(): value for name, value in settings.credentials.items() if name != "profile_name" and value}
    return [*command, json.dumps(settings.request), endpoint], {**environment, **given}


def die_with_parent(parent: int) -> None:
    """Let this process be killed when its parent ends, and now if it has."""
    if set_option := getattr(ctypes.CDLL(None), "prctl", None):
        set_option(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


class Session:
    """A session of Session Manager and the plugin's process for it. port: where the plugin listens."""

    def __init__(self, process: asyncio.subprocess.Process):
        self.process = process
        self.port = 0
        self.opened = asyncio.Event()
        self.broken = asyncio.Event()  # something has failed through it, so it is to be looked at
        self.lines: list[str] = []
        self.began = time.monotonic()
        self.heard = self.began  # when something last came through it
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """What the plugin says, until it ends."""
        output: Any = self.process.stdout
        while line := await output.readline():
            text = line.decode(errors="replace").strip()
            if not text:
                continue
            self.lines = [*self.lines, text][-5:]
            if match := OPENED.match(text):
                self.port = int(match[1])
                self.opened.set()
            if text.startswith(UNREACHABLE):
                self.broken.set()
        await self.process.wait()
        self.opened.set()
        self.broken.set()

    @property
    def ended(self) -> bool:
        return self.reading.done() or self.process.returncode is not None

    @property
    def said(self) -> str:
        """The plugin's last words."""
        words = [line for line in self.lines if not line.startswith(("Starting session", "Port ", "Waiting for"))]
        return words[-1] if words else "it said nothing"

    async def end(self, seconds: float) -> None:
        """End the plugin. On an interrupt it has the agent end the session; it may not take long for that."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        self.reading.cancel()


# ---- The keeper


class Keeper:
    """Listens, and sees to it that there is a session behind the port."""

    def __init__(self, settings: Settings, folder: str):
        self.settings = settings
        self.folder = folder
        self.calls = concurrent.futures.ThreadPoolExecutor(2)
        self.ssm: Any = None
        self.session: Session | None = None
        self.identifier = ""  # of the session at AWS, from when there is one
        self.up = asyncio.Event()
        self.ending = asyncio.Event()
        self.orphaned = False
        self.failure: TunnelError | None = None
        self.restarts = 0
        self.local_port = 0
        self.clients: set[asyncio.Task] = set()
        self.waiting: list[asyncio.StreamWriter] = []  # those who want to know when it has ended
        self.starting: asyncio.Future | None = None

    # ---- life

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, self.ending.set)
        self._watch_owner(loop)
        try:
            server = await asyncio.start_server(self._client, LOCALHOST, self.settings.local_port)
        except OSError as error:
            self._answer(TunnelError("port", error.strerror or str(error)).told())
            return
        self.local_port = server.sockets[0].getsockname()[1]
        door = await asyncio.start_unix_server(self._asked, sock=_bound(self.settings.socket))
        keeping = asyncio.create_task(self._keep())
        ended = asyncio.create_task(self.ending.wait())
        try:
            await asyncio.wait({keeping, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            seconds = ORPHAN_SECONDS if self.orphaned else STOP_SECONDS
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            server.close()
            door.close()
            with contextlib.suppress(OSError):
                os.unlink(self.settings.socket)
            await self._close(keeping, seconds)
        if keeping.done() and not keeping.cancelled():
            # An error of its own is for the log.
            keeping.result()

    def _watch_owner(self, loop: asyncio.AbstractEventLoop) -> None:
        def orphan() -> None:
            self.orphaned = True
            self.ending.set()

        if hasattr(os, "pidfd_open"):
            try:
                watched = os.pidfd_open(self.settings.owner)
            except ProcessLookupError:
                orphan()
                return

            def ended() -> None:
                loop.remove_reader(watched)
                orphan()

            # Readable when that process has ended.
            loop.add_reader(watched, ended)
            return

        def look() -> None:
            try:
                os.kill(self.settings.owner, 0)
                loop.call_later(0.5, look)
            except ProcessLookupError:
                orphan()

        look()

    async def _close(self, keeping: asyncio.Task, seconds: float) -> None:
        """Port first, then the plugin, then the session, of which AWS is told last: that may take its time."""
        keeping.cancel()
        for client in self.clients:
            client.cancel()
        if self.session is not None:
            await self.session.end(seconds / 5)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.starting is not None:
            # A session that is asked for just now would be nobody's.
            with contextlib.suppress(TunnelError, TimeoutError):
                answer = await asyncio.wait_for(asyncio.shield(self.starting), seconds / 3)
                self.identifier = answer["SessionId"]
        if self.identifier:
            await self._terminate(self.identifier, seconds)

    async def _terminate(self, identifier: str, seconds: float) -> None:
        # What AWS has ended itself is no more to be ended.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._call("terminate_session", SessionId=identifier), seconds)

    def _answer(self, answer: Mapping[str, Any]) -> None:
        """To who has started this. It may have gone away."""
        try:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        except OSError:
            self.ending.set()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)

    # ---- sessions

    async def _keep(self) -> None:
        """There is a session from now on: the first one within its time, others for as long as it takes."""
        deadline = time.monotonic() + self.settings.timeout
        answered, pause = False, 0.0
        while True:
            try:
                session = await self._open(None if answered else deadline)
            except TunnelError as error:
                self.failure = error
                pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, pause * 2))
                if not answered and (not error.passing or time.monotonic() + pause > deadline):
                    self._answer(error.told())
                    return
                await asyncio.sleep(pause)
                continue
            self.failure = None
            self.up.set()
            if not answered:
                answered = True
                self._answer(self.told())
            reason = await self._watch(session)
            self.up.clear()
            self.failure = TunnelError("session", reason, passing=True)
            self.restarts += 1
            await self._discard()
            steady = time.monotonic() - session.began > STEADY
            pause = 0.0 if steady else min(LONGEST_PAUSE, max(SHORTEST_PAUSE, pause * 2))
            if pause > SHORTEST_PAUSE:
                await asyncio.sleep(pause)

    async def _open(self, deadline: float | None) -> Session:
        """A new session through which something answers."""
        limit = PLUGIN_START if deadline is None else max(1.0, min(PLUGIN_START, deadline - time.monotonic()))
        answer = await self._start_session()
        self.identifier = answer["SessionId"]
        try:
            self.session = session = await self._start_plugin(answer)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.opened.wait(), limit)
            if session.ended:
                raise TunnelError("plugin", f"The Session Manager plugin has ended: {session.said}", passing=True)
            if not session.port:
                text = f"The Session Manager plugin opened no port within {limit:.0f} s: {session.said}"
                raise TunnelError("plugin", text, passing=True)
            await self._first_probe(session)
        except TunnelError:
            await self._discard()
            raise
        return session

    async def _first_probe(self, session: Session) -> None:
        for left in reversed(range(FIRST_PROBES)):
            try:
                return await self._probe(session)
            except TunnelError as error:
                if error.step != "remote" or not left:
                    raise
            await asyncio.sleep(1.0)
        return None

    async def _discard(self) -> None:
        """End the session, at both ends."""
        if self.session is not None:
            await self.session.end(SILENCE)
        await self._terminate(self.identifier, STOP_SECONDS)
        self.session, self.identifier = None, ""

    async def _start_session(self) -> dict[str, Any]:
        self.starting = asyncio.ensure_future(self._call("start_session", **self.settings.request))
        try:
            return await asyncio.shield(self.starting)
        finally:
            if self.starting.done():
                self.starting = None

    async def _start_plugin(self, answer: Mapping[str, Any]) -> Session:
        command, environment = plugin_call(self.settings, answer, self.ssm.meta.endpoint_url)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-S",
                "-E",
                __file__,
                "run",
                str(os.getpid()),
                *command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Its own socket goes there, which it leaves behind when it is killed.
                env={**os.environ, **environment, "TMPDIR": self.folder},
            )
        except OSError as error:
            raise TunnelError("plugin", f"{self.settings.plugin} can't be started: {error}") from error
        return Session(process)

    async def _watch(self, session: Session) -> str:
        """Why the session is of no use any more, when it is so."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.broken.wait(), self.settings.probe_every)
            if session.ended:
                return f"The session has ended: {session.said}"
            if not session.broken.is_set() and time.monotonic() - session.heard < self.settings.probe_every:
                continue
            if fault := await self._fault(session):
                return fault

    async def _fault(self, session: Session) -> str:
        """What is wrong with a session. One look is no proof: what is behind it may have been busy."""
        fault = ""
        for _time in range(2):
            try:
                await self._probe(session)
                return ""
            except TunnelError as error:
                fault = error.text
            if session.ended:
                break
        return fault

    async def _probe(self, session: Session) -> None:
        """A real connection through the session to what is behind it. It also keeps the session from being idle."""
        remote = f"{self.settings.remote_host or self.settings.target}:{self.settings.remote_port}"
        context = None
        if self.settings.probe == "tls":
            # Whose certificate it is, those judge who use the tunnel.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        writer = None
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(LOCALHOST, session.port, ssl=context), self.settings.probe_patience
            )
            if context is None:
                with contextlib.suppress(TimeoutError):
                    if not await asyncio.wait_for(reader.read(1), SILENCE):
                        raise ConnectionError("the connection was closed")
        except OSError as error:
            await asyncio.sleep(0.1)
            if session.ended:
                raise TunnelError("session", f"The session has ended: {session.said}", passing=True) from error
            if isinstance(error, TimeoutError):
                text = "no answer"
            elif isinstance(error, (ConnectionError, ssl.SSLEOFError)):
                text = "the connection was closed"
            else:
                text = str(error)
            said = f" (the plugin says: {session.said})" if UNREACHABLE in session.said else ""
            raise TunnelError("remote", f"Nothing answers at {remote}: {text}{said}") from error
        finally:
            if writer is not None:
                writer.transport.abort()
        session.broken.clear()
        session.heard = time.monotonic()

    # ---- calls of AWS

    async def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self.calls, lambda: self._send(operation, request))

    def _send(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """In a thread. TunnelError for what AWS refuses."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self.ssm is None:
                settings = self.settings
                session = boto3.session.Session(region_name=settings.region, **settings.credentials)
                config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "max_attempts": 3})
                self.ssm = session.client(
                    "ssm", endpoint_url=settings.endpoint_url, verify=settings.verify, config=config
                )
            return getattr(self.ssm, operation)(**request)
        except ClientError as error:
            told, status = error.response.get("Error", {}), error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
            code = told.get("Code", "")
            # A node that has just started comes to be connected.
            passing = code == "TargetNotConnected" or "Throttl" in code or status >= 500
            raise TunnelError("session", told.get("Message") or str(error), code, passing) from error
        except BotoCoreError as error:
            raise TunnelError("session", str(error), type(error).__name__, passing=True) from error

    # ---- those who use it

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: Any = asyncio.current_task()
        self.clients.add(task)
        try:
            await self._connect_through(reader, writer)
            writer.close()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self.clients.discard(task)

    async def _connect_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """To the end of the connection. One that got nothing yet from a session that breaks goes on with the next."""
        deadline = time.monotonic() + CLIENT_PATIENCE
        early = bytearray()  # what the client has said before anything came back
        while (session := await self._next_session(deadline)) is not None:
            try:
                far_reader, far_writer = await asyncio.open_connection(LOCALHOST, session.port)
            except OSError:
                session.broken.set()
                await self._judged(session)
                continue
            far_writer.write(early)
            answered = asyncio.Event()
            there = asyncio.create_task(self._forth(reader, far_writer, early, answered))
            try:
                # The plugin, too, closes both ways when what is behind it has closed.
                await self._back(far_reader, writer, session, answered)
            finally:
                there.cancel()
                far_writer.transport.abort()
            if answered.is_set():
                return
            session.broken.set()
            # What was said to the session may have come through: a TLS handshake is all that may be said again.
            if await self._judged(session) or (early and self.settings.probe != "tls"):
                return

    async def _next_session(self, deadline: float) -> Session | None:
        """The session that works, when there is one; None where there is none in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.up.wait(), max(0.0, deadline - time.monotonic()))
            return self.session
        return None

    async def _judged(self, session: Session) -> bool:
        """Whether a session that something has failed through turns out to be good nevertheless."""
        while self.session is session and session.broken.is_set() and self.up.is_set():
            await asyncio.sleep(0.05)
        return self.session is session and self.up.is_set()

    @staticmethod
    async def _forth(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytearray, answered: asyncio.Event
    ) -> None:
        """What the client says."""
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if not answered.is_set():
                    early += data
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    @staticmethod
    async def _back(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session, answered: asyncio.Event
    ) -> None:
        """What comes back. OSError where the client has gone."""
        while data := await _read(reader):
            session.heard = time.monotonic()
            answered.set()
            writer.write(data)
            await writer.drain()

    # ---- those who ask

    def told(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "local_port": self.local_port,
            "session_id": self.identifier,
            "restarts": self.restarts,
            "failure": self.failure.told() if self.failure else None,
        }

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """status: how it is, after a look, within `seconds`. stop: answered by the end of this process."""
        with contextlib.suppress(OSError, ValueError, asyncio.CancelledError):
            asked = json.loads(await reader.readline())
            if asked["do"] == "stop":
                self.waiting.append(writer)
                self.ending.set()
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._healthy(), asked["seconds"])
            writer.write(json.dumps(self.told()).encode() + b"\n")
            await writer.drain()
            writer.close()

    async def _healthy(self) -> None:
        while True:
            await self.up.wait()
            session = self.session
            try:
                if session is not None:
                    await self._probe(session)
                    return
            except TunnelError:
                session.broken.set()
            await asyncio.sleep(0.2)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What has come, nothing at the end, however that comes."""
    try:
        return await reader.read(CHUNK)
    except OSError:
        return b""


def _bound(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with short(path) as shorter:
        listener.bind(shorter)
    os.chmod(path, 0o600)
    return listener


@contextlib.contextmanager
def short(path: str) -> Any:
    """The path, in a form that a socket takes: that of a folder may have more bytes than fit."""
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)


# ---- From a module


def open_tunnel(settings: Settings, folder: str) -> dict[str, Any]:
    """Start a keeper: what it tells, or TunnelError. folder: where this file is put if it's in an archive."""
    program = __file__
    if not os.path.isfile(program):
        source = pkgutil.get_data(__package__, os.path.basename(__file__))
        program = os.path.join(folder, "session_manager.py")
        with open(os.open(program, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(source or b"")
    pid, asking, answering = _start(program, settings)
    with contextlib.suppress(OSError), asking:
        asking.write(json.dumps(dataclasses.asdict(settings)).encode())
    with answering:
        line = answering.readline()
    if not line:
        with contextlib.suppress(OSError, IndexError), open(f"{settings.socket}.log", errors="replace") as log:
            raise TunnelError("keeper", log.read().strip().splitlines()[-1])
        raise TunnelError("keeper", "it ended without a word")
    answer = json.loads(line)
    if "step" in answer:
        os.waitpid(pid, 0)
        raise TunnelError(answer["step"], answer["text"], answer["code"])
    return answer


def _start(program: str, settings: Settings) -> tuple[int, BinaryIO, BinaryIO]:
    """A keeper: its pid, its standard input, and its standard output. The rest goes to a log beside its socket."""
    log = os.open(f"{settings.socket}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    # What it is for is seen in the process list.
    command = [sys.executable, program, "keep", settings.target, f"{settings.remote_host}:{settings.remote_port}"]
    pid = os.fork()
    if pid == 0:
        try:
            for number, theirs in enumerate((theirs_in, theirs_out, log)):
                os.dup2(theirs, number)
            os.execv(sys.executable, command)
        finally:
            os._exit(1)
    for descriptor in (theirs_in, theirs_out, log):
        os.close(descriptor)
    return pid, os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb")


def ask(path: str, do: str, seconds: float) -> dict[str, Any] | None:
    """What the keeper behind a socket answers; {} for one that ended; None where there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(seconds + 5)
        try:
            with short(path) as shorter:
                door.connect(shorter)
        except OSError:
            return None
        try:
            door.sendall(json.dumps({"do": do, "seconds": seconds}).encode() + b"\n")
            with door.makefile("rb") as answers:
                return json.loads(answers.readline() or b"{}")
        except (OSError, ValueError):
            return {}


# ---- The program


def main() -> None:
    if sys.argv[1] == "run":
        # A plugin that ends with the keeper, even with one that is killed.
        die_with_parent(int(sys.argv[2]))
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.execv(sys.argv[3], sys.argv[3:])
    # What ends who has started it, or hangs up a terminal, is none of its affair.
    os.setsid()
    os.chdir("/")
    settings = Settings(**json.load(sys.stdin))
    folder = tempfile.mkdtemp(prefix="ssm-", dir="/tmp" if os.path.isdir("/tmp") else None)
    try:
        asyncio.run(_kept(settings, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _kept(settings: Settings, folder: str) -> None:
    await Keeper(settings, folder).run()
    # Threads may be at a call that nobody waits for any more.
    os._exit(0)


if __name__ == "__main__":
    main()
