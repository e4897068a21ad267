# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process behind the connection plugin `warm`: it has the libraries of AWS modules loaded and forks for each call.

Run as a script by the plugin, with its settings as JSON on standard input (see Settings) and a listening socket, so
that calls may come while it is still loading. It ends when the controller ends, when the idle limit is reached, or on
SIGTERM, and takes its socket and the calls that run with it; with the controller also its folder.

A call is one connection to the socket. The client sends one message: a header of 8 bytes, which are the lengths of the
two parts that follow, JSON with `environment`, `directory`, `umask` and `module`, and the payload; along with the
header it passes two file descriptors, the call's standard output and standard error. The payload is a Python script;
or, if `module` isn't null, the arguments of the module that this describes (see ModuleCall), which is run from disk.
The answer is one byte when the call was read, and JSON with its exit `code` when it has ended, or with why it was
`refused`; the first call's answer also names what was `missing` at the start. A client that goes away takes its call
with it.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import functools
import gc
import importlib
import importlib.machinery
import importlib.util
import inspect
import io
import json
import os
import pathlib
import select
import selectors
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEADER = struct.Struct("!II")
STARTED = b"S"
LONGEST_MESSAGE = 256 * 1024 * 1024
# A file beside the socket that says that the process has loaded everything, so a failure is not one of its start.
LOADED = "loaded"
# From Linux's sys/prctl.h.
PR_SET_PDEATHSIG = 1
# Seconds between two looks for the end of the run while a library is being loaded.
LOOK = 0.1
# What botocore keeps of a service, and in what order it looks: each name is also the type of a list of services.
MODEL_KINDS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2", "service-2.sdk-extras")


class ModuleCall(bytes):
    """A module's arguments, as the JSON that Ansible writes into a payload, and which module it is.

    name: that by which Python imports it. path: the file that the controller means by this name. profile: Ansible's
    name for how arguments and results are written.
    """

    name: str
    path: str
    profile: str

    def __new__(cls, arguments: bytes, **module: str) -> ModuleCall:
        call = super().__new__(cls, arguments)
        call.__dict__.update(module)
        return call

    def description(self) -> dict[str, str]:
        return dict(self.__dict__)


@dataclass(frozen=True)
class Settings:
    """controller: pid to live and die with. listener: descriptor of the socket that calls come to. socket_path: where
    that is, in a folder of its own. collections: folders `ansible_collections`. modules, services: what to load at the
    start. packages: whose modules to load when a call has needed them. ahead: what to load of them while the first call
    runs. idle: seconds without a call after which it ends."""

    controller: int
    listener: int
    socket_path: str
    collections: list[str]
    modules: list[str]
    services: list[str]
    packages: list[str]
    ahead: list[str]
    idle: float


def receive_exactly(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = connection.recv(min(1 << 20, length - len(data)))
        if not part:
            raise EOFError("the caller went away")
        data += part
    return bytes(data)


def peer_uid(connection: socket.socket) -> int:
    """The user of the process at the other end."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1]


def end_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Let this process get a signal when its parent ends, however that does, and now if it has. parent: its pid.

    Linux sends it. Elsewhere only whether the parent has ended is looked at. Its pid can't be another process's: an
    orphan's new parent is older than itself.
    """
    if set_option := getattr(ctypes.CDLL(None), "prctl", None):
        set_option(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def load(settings: Settings, models: Models) -> Iterator[list[str]]:
    """Load the libraries, in steps; each yields what could not be had. No step may start a thread: forks follow."""
    # Only collections come from where the controller finds them; beside them may lie packages for another Python.
    specification = importlib.machinery.ModuleSpec("ansible_collections", None, is_package=True)
    specification.submodule_search_locations = settings.collections
    sys.modules["ansible_collections"] = importlib.util.module_from_spec(specification)
    for pattern in settings.modules:
        for name in modules_of(pattern):
            try:
                importlib.import_module(name)
            except Exception as error:  # a library that can't be loaded is the module's to report
                yield [f"{name} ({error.__class__.__name__}: {error})"]
            yield []
    with contextlib.suppress(ImportError):
        remember_names_and_signatures()
        remember_methods_and_sessions()
        yield from load_models(models, settings.services)
    gc.collect()
    gc.freeze()


def modules_of(pattern: str) -> list[str]:
    """The module of a name, or those of a package and its subpackages, `package.*`; a name that has none as it is."""
    name = pattern.removesuffix(".*")
    package = None
    if name != pattern:
        with contextlib.suppress(ImportError):
            package = importlib.util.find_spec(name)
    if not (package and package.submodule_search_locations):
        return [name]
    folders = [pathlib.Path(folder) for folder in package.submodule_search_locations]
    files = sorted(file.relative_to(folder) for folder in folders for file in folder.rglob("*.py"))
    return [".".join((name, *file.with_suffix("").parts)) for file in files if file.stem != "__init__"]


def remember_names_and_signatures() -> None:
    """Each botocore session translates the names of the same 130 events and inspects their handlers: 15 ms a call."""
    from botocore import hooks

    hooks.accepts_kwargs = functools.cache(hooks.accepts_kwargs)
    initialize = hooks.EventAliaser.__init__
    names: dict[str, str] = {}

    def initialize_with_names(self: object, *args: object, **kwargs: object) -> None:
        initialize(self, *args, **kwargs)
        if self._event_aliases == hooks.EVENT_ALIASES:
            self._alias_name_cache = names

    hooks.EventAliaser.__init__ = initialize_with_names


def remember_methods_and_sessions() -> None:
    """Each client makes all methods of its service anew, and amazon.aws a session for each client: 20 ms together."""
    import boto3.session
    from botocore import client

    create_methods, new_session = client.ClientCreator._create_methods, boto3.session.Session
    # By its id a part of the model, which is kept for that, and the methods.
    methods: dict[int, tuple[object, dict]] = {}
    sessions: dict[object, object] = {}

    def create_methods_once(self: object, service_model: object) -> dict:
        part = service_model.metadata
        if id(part) not in methods:
            methods[id(part)] = part, create_methods(self, service_model)
        return dict(methods[id(part)][1])

    def session_of_profile(*args: object, **kwargs: object) -> object:
        if args or kwargs.keys() != {"profile_name"}:
            return new_session(*args, **kwargs)
        # For all clients of a call.
        key = os.getpid(), kwargs["profile_name"]
        if key not in sessions:
            sessions[key] = new_session(**kwargs)
        return sessions[key]

    client.ClientCreator._create_methods = create_methods_once
    boto3.session.Session = session_of_profile


class Sources:
    """The files of Ansible's and the collections' code that is loaded. Forks would go on with it when they change."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[int, int]] = {}

    def note(self, collections: list[str]) -> None:
        """Note how they are now. collections: folders `ansible_collections`."""
        ansible = importlib.util.find_spec("ansible")
        folders = [*collections, *(ansible.submodule_search_locations if ansible else [])]
        within = tuple(os.path.join(folder, "") for folder in folders)
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        self.states = {file: self._state(file) for file in files if file and file.startswith(within)}

    def verify(self) -> None:
        """Refuse to go on with what isn't on disk any more."""
        for file, state in self.states.items():
            if self._state(file) != state:
                raise ValueError(f"{file} has changed since it was loaded")

    @staticmethod
    def _state(file: str) -> tuple[int, int]:
        found = os.stat(file)
        return found.st_mtime_ns, found.st_size


class Named:
    """What calls tell the process to load, in a file, a name a line."""

    def __init__(self, path: str):
        self.path = path
        self.read = 0

    def add(self, *names: str) -> None:
        """In the call. In one write, which stays in one piece whoever else appends."""
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, "".join(f"{name}\n" for name in names).encode())
        finally:
            os.close(file)

    def news(self) -> list[str]:
        """In the process: those since this was last called."""
        with contextlib.suppress(FileNotFoundError), open(self.path, encoding="utf-8") as file:
            file.seek(self.read)
            names = file.read().splitlines()
            self.read = file.tell()
            return names
        return []


class Models:
    """botocore's JSON models, parsed once for all calls.

    A call that needs one that isn't there parses it itself and names its file. The process parses that file when the
    call has ended, so each model costs what a run uses of it, without a list of what modules call.
    """

    def __init__(self, named: str):
        """named: the file in which calls name others."""
        self.named = Named(named)
        self.process = os.getpid()
        self.parsed: dict[str, object] = {}
        self.client: Callable[[str], object] | None = None

    def keep(self) -> None:
        from botocore.loaders import JSONFileLoader

        self.parse = functools.partial(JSONFileLoader.load_file, JSONFileLoader())
        JSONFileLoader.load_file = lambda _loader, file_path: self.get(file_path)

    def get(self, file_path: str) -> object:
        if file_path not in self.parsed:
            self.parsed[file_path] = self.parse(file_path)
            if os.getpid() != self.process:
                # A call goes on without it.
                with contextlib.suppress(OSError):
                    self.named.add(file_path)
        return self.parsed[file_path]

    def learn(self) -> Iterator[None]:
        """In the process: parse what calls have named since this was last called, a file a step."""
        for path in self.named.news():
            with contextlib.suppress(OSError, ValueError):
                self.get(path)
            # It has the methods made, too.
            if os.path.basename(path) == "service-2" and self.client is not None:
                with contextlib.suppress(Exception):
                    self.client(os.path.basename(os.path.dirname(os.path.dirname(path))))
            yield


class Imports:
    """Modules of some packages, loaded for all calls when the first has needed them. Runs without cost nothing.

    A call names what it has imported at its end, and then the process imports that.
    """

    def __init__(self, named: str, packages: list[str], ahead: list[str]):
        """named: the file in which calls name modules. ahead: what they are going to name."""
        self.named = Named(named)
        self.ahead = ahead
        self.packages = tuple(f"{package}." for package in packages)
        self.before: frozenset[str] = frozenset()

    def begin(self) -> None:
        """In the call, before its module."""
        self.before = frozenset(sys.modules)

    def end(self) -> None:
        """In the call, after its module."""
        added = [name for name in sys.modules.keys() - self.before if f"{name}.".startswith(self.packages)]
        if added:
            # The next call imports it itself.
            with contextlib.suppress(OSError):
                self.named.add(*sorted(added))

    def learn(self) -> Iterator[None]:
        """In the process: import what is to be loaded ahead, and what calls have named since, a module a step."""
        names, self.ahead = [*self.ahead, *self.named.news()], []
        for name in names:
            # What can't be imported here, calls do without or report.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
            yield
        if names:
            gc.freeze()


def load_models(models: Models, services: list[str]) -> Iterator[list[str]]:
    """List all services and parse the models of some, once for all calls; yields what could not be had."""
    import boto3.session
    from botocore import loaders, session

    models.keep()
    listed: dict[tuple, list[str]] = {}
    list_services = loaders.Loader.list_available_services

    def list_once(self: object, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        if key not in listed:
            listed[key] = list_services(self, type_name)
        return listed[key]

    loaders.Loader.list_available_services = list_once
    # boto3's, which looks in a folder more than botocore's own. No profile of the user's: it may not exist.
    core = session.Session(session_vars={"profile": (None, None, None, None)})
    aws = boto3.session.Session("none", "none", region_name="us-east-1", botocore_session=core)
    models.client = aws.client
    loader = core.get_component("data_loader")
    for kind in MODEL_KINDS:
        loader.list_available_services(kind)
    for service in services:
        try:
            version = loader.determine_latest_version(service, "service-2")
            for kind in MODEL_KINDS:
                with contextlib.suppress(loaders.DataNotFoundError):
                    loader.load_data(os.path.join(service, version, kind))
            # Sends nothing. It loads what the first client of a process loads.
            aws.client(service)
        except Exception as error:
            yield [f"model of {service} ({error.__class__.__name__})"]
        yield []


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
        self.process = os.getpid()
        self.folder = os.path.dirname(settings.socket_path)
        self.models = Models(os.path.join(self.folder, "models"))
        self.imports = Imports(os.path.join(self.folder, "imports"), settings.packages, settings.ahead)
        self.sources = Sources()
        self.lessons = self._lessons()
        self.learning = False
        self.missing: list[str] = []
        self.calls: dict[int, Call] = {}  # by pid
        self.last_call = time.monotonic()
        self.stopping = False
        self.orphaned = False
        self.inherited: dict[signal.Signals, object] = {}
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        self.listener = socket.socket(fileno=settings.listener)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self._wakened)
        # Readable when the controller has ended, however it did.
        self.controller = os.pidfd_open(settings.controller)
        self.selector.register(self.controller, selectors.EVENT_READ, self._orphan)

    # ---- life

    def run(self) -> None:
        handlers = {
            signal.SIGCHLD: lambda *_: self._wake(),
            signal.SIGTERM: lambda *_: self._stop(),
            signal.SIGALRM: lambda *_: self._end_if_orphaned(),
            signal.SIGINT: signal.SIG_IGN,
            signal.SIGHUP: signal.SIG_IGN,
        }
        self.inherited = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            self.load()
            while not self.stopping:
                self._turn()
        finally:
            self.close()

    def load(self) -> None:
        with self._watching():
            for missing in load(self.settings, self.models):
                self.missing += missing
                if self.stopping:
                    return
            self.sources.note(self.settings.collections)
        with open(os.path.join(self.folder, LOADED), "w"):
            pass
        self.last_call = time.monotonic()

    def _lessons(self) -> Iterator[bool]:
        """Load what calls have named, in steps. Each yields True, and False says that there is none for now."""
        while True:
            for _step in self.models.learn():
                yield True
            imported = False
            for _step in self.imports.learn():
                imported = True
                yield True
            if imported:
                self.sources.note(self.settings.collections)
            yield False

    def _turn(self) -> None:
        events = self.selector.select(0 if self.learning else 5.0)
        # No call begins any more once the controller has ended, though it may have come before.
        for key, _event in sorted(events, key=lambda event: event[0].fd != self.controller):
            if not self.stopping:
                key.data()
        self._reap()
        if self.learning and not events:
            with self._watching():
                self.learning = next(self.lessons)
        if self.calls:
            self.last_call = time.monotonic()
        # After an event the next call may be waiting already.
        elif not events and time.monotonic() - self.last_call > self.settings.idle:
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
        if self.orphaned:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _controller_has_ended(self) -> bool:
        return bool(select.select([self.controller], [], [], 0)[0])

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """While this process is busy for long, the controller's end is looked for as well: by a timer, as there may be
        no thread when it forks."""
        signal.setitimer(signal.ITIMER_REAL, LOOK, LOOK)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _end_if_orphaned(self) -> None:
        if self._controller_has_ended():
            self.orphaned = True
            self.close()
            os._exit(0)

    def _orphan(self) -> None:
        self.stopping = self.orphaned = True

    def _wakened(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake_read, 4096)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self.wake_write, b"x")

    def _stop(self) -> None:
        self.stopping = True
        self._wake()

    # ---- calls

    def _accept(self) -> None:
        connection, _address = self.listener.accept()
        if peer_uid(connection) != os.getuid():
            connection.close()
            return
        descriptors: list[int] = []
        try:
            connection.settimeout(30)
            request, payload, descriptors = self._read(connection)
            # Before anything runs: a caller that has given up meanwhile goes another way.
            connection.sendall(STARTED)
            with self._watching():
                self.sources.verify()
                call = functools.partial(run_script, payload)
                if request["module"]:
                    call = from_disk(ModuleCall(payload, **request["module"]))
                while self.learning:
                    self.learning = next(self.lessons)
            if self._controller_has_ended():
                raise EOFError("the run has ended")
            pid = os.fork()
            if pid == 0:
                self._become_module(request, call, descriptors)
        except Exception as error:
            self._answer(connection, refused=str(error))
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self.calls[pid] = Call(connection, pid)
        # While it runs, there is time.
        self.learning = True
        # The caller has nothing more to say: readable means that it is gone.
        self.selector.register(connection, selectors.EVENT_READ, self.calls[pid].end)

    @staticmethod
    def _answer(connection: socket.socket, **answer: object) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps(answer).encode())
        connection.close()

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
            self.learning = True
            if call:
                self.selector.unregister(call.connection)
                self._answer(call.connection, code=os.waitstatus_to_exitcode(status), missing=self.missing)
                self.missing = []

    def _become_module(self, request: dict, call: Callable[[], object], descriptors: list[int]) -> None:
        """In the child: take on the caller's surroundings, run the call as a program of its own, and end."""
        code = 1
        try:
            os.setpgid(0, 0)
            end_with(self.process)
            # As the controller has them: under nohup, for one, it ignores SIGHUP.
            for number, handler in self.inherited.items():
                signal.signal(number, handler)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(descriptors[0], 1)
            os.dup2(descriptors[1], 2)
            os.closerange(3, 4096)
            for number, name in enumerate(("stdin", "stdout", "stderr")):
                stream = reopened(getattr(sys, name), number)
                setattr(sys, name, stream)
                setattr(sys, f"__{name}__", stream)
            os.environ.clear()
            os.environ.update(request["environment"])
            if "TZ" in os.environ:
                time.tzset()
            os.chdir(request["directory"])
            os.umask(request["umask"])
            self.imports.begin()
            code = run_program(call)
            self.imports.end()
        except BaseException:
            import traceback

            with contextlib.suppress(Exception):
                traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    if not stream.closed:
                        stream.flush()
                except Exception:
                    # As Python ends that can't write its last words.
                    code = 120
            os._exit(code)


def reopened(stream: io.TextIOWrapper, descriptor: int) -> io.TextIOWrapper:
    """A stream like one that Python has made at its start, for what is behind the descriptor now."""
    mode = "rb" if descriptor == 0 else "wb"
    return io.TextIOWrapper(
        os.fdopen(descriptor, mode, 0 if stream.write_through and mode == "wb" else -1, closefd=False),
        encoding=stream.encoding,
        errors=stream.errors,
        newline=None if mode == "rb" else "\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def sources(name: str) -> Iterator[str]:
    """Where a file of a module's archive may lie on disk, in the order in which Python looks."""
    top, _slash, rest = name.partition("/")
    for folder in sys.modules["ansible_collections"].__path__ if top == "ansible_collections" else sys.path:
        yield os.path.join(folder, rest if top == "ansible_collections" else name)


def source_differs(archive_path: str) -> bool:
    """Whether the archive of a module holds another text of some file than what is loaded, or would be, from disk."""
    with zipfile.ZipFile(archive_path) as archive:
        for entry in archive.infolist():
            name = entry.filename
            # Ansible makes these itself for each archive.
            if not name.endswith(".py") or name.endswith(("/__init__.py", "ansible_release.py", "sitecustomize.py")):
                continue
            for path in sources(name):
                try:
                    with open(path, "rb") as source:
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
        # The folder of the module itself comes from disk too, where compiled code is kept. A collection's folders are
        # no packages, so those of the archive, which are, would come first.
        with contextlib.suppress(ImportError):
            importlib.import_module(str(arguments["module_fqn"]).rpartition(".")[0])
        for name, package in list(sys.modules.items()):
            if name.split(".", 1)[0] in ("ansible", "ansible_collections") and hasattr(package, "__path__"):
                inside = os.path.join(archive, *name.split("."))
                package.__path__ = [*package.__path__, inside]
        sys.path.append(archive)
        run_module(**arguments)

    _loader.run_module = run_with_archive


def run_script(payload: bytes) -> None:
    """Execute the payload that Ansible has built of a module."""
    use_loaded_libraries(payload)
    exec(compile(payload, "<stdin>", "exec"), sys.modules["__main__"].__dict__)


def from_disk(module: ModuleCall) -> Callable[[], object]:
    """What runs a module from disk as its payload would, which calls the same function of Ansible. Refuses a file that
    isn't the one that the controller means, and an Ansible whose function is another."""
    found = importlib.util.find_spec(module.name) if module.name.startswith("ansible_collections.") else None
    if not (found and found.origin and os.path.samefile(found.origin, module.path)):
        raise ValueError(f"it doesn't find {module.path} as {module.name}")
    from ansible.module_utils._internal._ansiballz import _loader

    run = functools.partial(
        _loader.run_module,
        json_params=bytes(module),
        profile=module.profile,
        module_fqn=module.name,
        # For modules that start themselves again by another Python, which none of these does.
        modlib_path="",
        extensions={},
    )
    inspect.signature(run).bind()
    return run


def run_program(program: Callable[[], object]) -> int:
    """Run something as Python runs a script on its standard input; returns the exit code."""
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = ["-"]
    code = 0
    try:
        program()
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
    # Python looks first where this file lies, which modules don't.
    with contextlib.suppress(ValueError):
        sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
    settings = Settings(**json.load(sys.stdin))
    try:
        server = Server(settings)
    except ProcessLookupError:  # the controller has ended meanwhile
        shutil.rmtree(os.path.dirname(settings.socket_path), ignore_errors=True)
        return
    server.run()
    # Not as Python ends, which takes all that is loaded apart: seconds on a busy machine, in which a killed run would
    # seem to go on.
    os._exit(0)


if __name__ == "__main__":
    # Modules take over __main__, so the server itself lives in a module of its own.
    specification = importlib.util.spec_from_file_location("warm_server", __file__)
    server_module = sys.modules["warm_server"] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(server_module)
    server_module.main()
