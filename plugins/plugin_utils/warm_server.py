# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process behind the connection plugin `warm`: it has the libraries of AWS modules loaded and forks for each call.

Run as a script by the plugin, with its settings as JSON on standard input (see Settings); it says "ready" on standard
output when it accepts calls. It ends when the controller ends, when the idle limit is reached, or on SIGTERM, and
takes its socket and its folder with it.

A call is one connection to the socket. The client sends one message: a header of 8 bytes with its length, JSON with
`environment`, `directory` and the length of the payload, then the payload, a Python script; along with the header it
passes two file descriptors, the call's standard output and standard error. The answer is one byte when the script was
started, and JSON with its exit `code` when it has ended. A client that goes away takes its call with it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import time
import types
import zipfile
import zlib
from dataclasses import dataclass

HEADER = struct.Struct("!II")
STARTED = b"S"
LONGEST_MESSAGE = 256 * 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """controller: pid to live and die with. socket_path: where to listen, in a folder of its own. search_path: for
    imports. modules, services: what to load at the start. idle: seconds without a call after which it ends."""

    controller: int
    socket_path: str
    search_path: list[str]
    modules: list[str]
    services: list[str]
    idle: float


def receive_exactly(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = connection.recv(min(1 << 20, length - len(data)))
        if not part:
            raise EOFError("the caller went away")
        data += part
    return bytes(data)


def load(settings: Settings) -> list[str]:
    """Import the libraries; returns what could not be had. Nothing here may start a thread: forks follow."""
    sys.path[:] = [*settings.search_path, *(path for path in sys.path if path not in settings.search_path)]
    missing = []
    for name in settings.modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # a library that can't be loaded is the module's to report
            missing.append(f"{name} ({error.__class__.__name__}: {error})")
    missing += keep_service_models(settings.services)
    gc.collect()
    gc.freeze()
    return missing


def keep_service_models(services: list[str]) -> list[str]:
    """Parse botocore's JSON models once, for all calls."""
    try:
        from botocore import loaders
    except ImportError:
        return [] if not services else ["botocore"]
    parsed: dict[str, object] = {}
    load_file = loaders.JSONFileLoader.load_file

    def load_once(self: object, file_path: str) -> object:
        if file_path not in parsed:
            parsed[file_path] = load_file(self, file_path)
        return parsed[file_path]

    loaders.JSONFileLoader.load_file = load_once
    listed: dict[tuple, list[str]] = {}
    list_services = loaders.Loader.list_available_services

    def list_once(self: object, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        if key not in listed:
            listed[key] = list_services(self, type_name)
        return listed[key]

    loaders.Loader.list_available_services = list_once
    missing = []
    loader = loaders.Loader(include_default_search_paths=True)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        with contextlib.suppress(Exception):
            loader.load_data(name)
    for service in services:
        try:
            loader.list_available_services("service-2")
            version = loader.determine_latest_version(service, "service-2")
            for kind in ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2", "service-2.sdk-extras"):
                with contextlib.suppress(loaders.DataNotFoundError):
                    loader.load_data(os.path.join(service, version, kind))
        except Exception as error:
            missing.append(f"model of {service} ({error.__class__.__name__})")
    return missing


class Call:
    """One module execution: the connection to its caller and the process that runs it."""

    def __init__(self, connection: socket.socket, pid: int):
        self.connection = connection
        self.pid = pid

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


class Server:
    def __init__(self, settings: Settings):
        self.settings = settings
        self.calls: dict[int, Call] = {}  # by pid
        self.last_call = time.monotonic()
        self.stopping = False
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        self.controller = os.pidfd_open(settings.controller)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(settings.socket_path)
        os.chmod(settings.socket_path, 0o600)
        self.listener.listen(128)

    # ---- life

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: self._wake())
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            while not self.stopping:
                self._turn()
        finally:
            self.close()

    def _turn(self) -> None:
        callers = {call.connection: call for call in self.calls.values()}
        watched = [self.listener, self.controller, self.wake_read, *callers]
        readable, _, _ = select.select(watched, [], [], 5.0)
        if self.controller in readable:
            self.stopping = True
            return
        if self.wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake_read, 4096)
        self._reap()
        for connection, call in callers.items():
            if connection in readable and call.pid in self.calls:
                # The caller has nothing more to say: readable means that it is gone.
                call.end()
        if self.listener in readable:
            self._accept()
        if self.calls:
            self.last_call = time.monotonic()
        elif time.monotonic() - self.last_call > self.settings.idle:
            self.stopping = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.settings.socket_path)
        for call in self.calls.values():
            call.end()
        for call in self.calls.values():
            # Not left to init, which may take its time: nothing of the run is to be seen once this process has ended.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(call.pid, 0)
        with contextlib.suppress(OSError):
            folder = os.path.dirname(self.settings.socket_path)
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            os.rmdir(folder)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self.wake_write, b"x")

    def _stop(self) -> None:
        self.stopping = True
        self._wake()

    # ---- calls

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        try:
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            _pid, uid, _gid = struct.unpack("3i", credentials)
            if uid != os.getuid():
                raise PermissionError(f"user {uid} is not the user of this run")
            connection.settimeout(30)
            request, payload, descriptors = self._read(connection)
        except Exception:
            connection.close()
            return
        pid = os.fork()
        if pid == 0:
            self._become_module(request, payload, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        call = Call(connection, pid)
        self.calls[pid] = call
        try:
            connection.sendall(STARTED)
        except OSError:
            call.end()

    @staticmethod
    def _read(connection: socket.socket) -> tuple[dict, bytes, list[int]]:
        descriptors = array.array("i")
        data, ancillary, _flags, _address = connection.recvmsg(HEADER.size, socket.CMSG_SPACE(2 * descriptors.itemsize))
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        try:
            if len(data) < HEADER.size:
                data += receive_exactly(connection, HEADER.size - len(data))
            header_length, payload_length = HEADER.unpack(data)
            if header_length + payload_length > LONGEST_MESSAGE or len(descriptors) != 2:
                raise ValueError("not a call")
            request = json.loads(receive_exactly(connection, header_length))
            return request, receive_exactly(connection, payload_length), list(descriptors)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def _reap(self) -> None:
        while self.calls:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            call = self.calls.pop(pid, None)
            if call:
                answer = json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode()
                with contextlib.suppress(OSError):
                    call.connection.sendall(answer)
                call.connection.close()

    def _become_module(self, request: dict, payload: bytes, descriptors: list[int]) -> None:
        """In the child: take on the caller's surroundings, run the script as a program of its own, and end."""
        code = 1
        try:
            os.setpgid(0, 0)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(descriptors[0], 1)
            os.dup2(descriptors[1], 2)
            os.closerange(3, 4096)
            sys.stdin, sys.stdout, sys.stderr = (
                os.fdopen(descriptor, mode, encoding="utf-8", errors=errors, closefd=False)
                for descriptor, mode, errors in ((0, "r", None), (1, "w", None), (2, "w", "backslashreplace"))
            )
            os.environ.clear()
            os.environ.update(request["environment"])
            if "TZ" in os.environ:
                time.tzset()
            os.chdir(request["directory"])
            os.umask(request["umask"])
            code = run_script(payload)
        except BaseException:
            import traceback

            with contextlib.suppress(Exception):
                traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(code)


def source_differs(archive_path: str) -> bool:
    """Whether the archive of a module holds another text of some file than what is loaded, or would be, from disk."""
    with zipfile.ZipFile(archive_path) as archive:
        for entry in archive.infolist():
            name = entry.filename
            # Ansible makes these itself for each archive.
            if not name.endswith(".py") or name.endswith(("/__init__.py", "ansible_release.py", "sitecustomize.py")):
                continue
            for root in sys.path:
                try:
                    with open(os.path.join(root, name), "rb") as source:
                        same = zlib.crc32(source.read()) == entry.CRC
                except OSError:
                    continue
                if not same:
                    return True
                break
    return False


def use_loaded_libraries(payload: bytes) -> None:
    """Let the module find in its archive what isn't on disk, such as a module of a role's own. Where the two differ,
    the archive is right: then the module runs in an interpreter of its own, the plain way."""
    try:
        from ansible.module_utils._internal._ansiballz import _loader
    except ImportError:
        return
    run_module = _loader.run_module

    def run_with_archive(**arguments: object) -> None:
        archive = str(arguments["modlib_path"])
        sys.path.remove(archive)
        if source_differs(archive):
            shutil.rmtree(os.path.dirname(archive), ignore_errors=True)
            script = os.memfd_create("module")
            os.write(script, payload)
            os.lseek(script, 0, os.SEEK_SET)
            os.dup2(script, 0)
            os.execve(sys.executable, [sys.executable], os.environ)
        for name, package in list(sys.modules.items()):
            if name.split(".", 1)[0] in ("ansible", "ansible_collections") and hasattr(package, "__path__"):
                inside = os.path.join(archive, *name.split("."))
                package.__path__ = [*package.__path__, inside]
        sys.path.append(archive)
        run_module(**arguments)

    _loader.run_module = run_with_archive


def run_script(payload: bytes) -> int:
    """Execute a script as Python would execute its standard input; returns the exit code."""
    use_loaded_libraries(payload)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = ["-"]
    code = 0
    try:
        exec(compile(payload, "<stdin>", "exec"), main.__dict__)
    except SystemExit as end:
        if isinstance(end.code, int):
            code = end.code
        elif end.code is not None:
            print(end.code, file=sys.stderr)
            code = 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    # What a program does at its end: wait for its threads, run its atexit functions.
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    import atexit

    atexit._run_exitfuncs()
    return code & 0xFF


def main() -> None:
    settings = Settings(**json.load(sys.stdin))
    server = Server(settings)
    missing = load(settings)
    sys.stdout.write(json.dumps({"ready": True, "missing": missing}) + "\n")
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    server.run()


if __name__ == "__main__":
    # Modules take over __main__, so the server itself lives in a module of its own.
    specification = importlib.util.spec_from_file_location("warm_server", __file__)
    server_module = sys.modules["warm_server"] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(server_module)
    server_module.main()
