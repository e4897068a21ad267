# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small playbooks that show how the connection plugin `warm` behaves, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from .ansible_cores import Core

ROOT = Path(__file__).resolve().parents[2]
SERVER = "plugin_utils/warm_server.py"
WARM = "agent_platform.aws.warm"
LOCAL = "ansible.builtin.local"
# The module that does what modules should not do.
LIBRARY = Path(__file__).with_name("warm_modules")
# The same module in a collection that routes it to the action plugin of our modules. So the warm process gets its name
# and arguments, where of a module in a folder it gets all code.
BY_NAME = "trial.house.misbehave"
ROUTING = {"plugin_routing": {"modules": {"misbehave": {"action_plugin": "agent_platform.aws.platform_info"}}}}
# By which name a test calls the module, and so how it comes to the process; with `both_ways` a test runs with each.
WAYS = {"in an archive": "misbehave", "by its name": BY_NAME}
# What the connection tells of a module that is handed over by its name.
TOLD = "WARM ansible_collections."

# Where a module runs shows in these, and where its files lie in the texts of tracebacks.
DIFFER = frozenset({"pid", "parent", "boto3_loaded", "start", "end", "delta", "module_stderr", "exception"})

Tasks = Sequence[Mapping[str, Any]]


@contextlib.contextmanager
def warm_process(folder: Path, controller: int, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The process of the connection by itself, with its socket in a folder; it is ended if it goes on.

    controller: pid of whom it is to live and die with. options: others of its settings, and `path` for its Python.
    """
    path = folder / "socket"
    environment = {**os.environ, "PYTHONPATH": str(options.pop("path"))} if "path" in options else None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        lists = dict.fromkeys(("collections", "modules", "services", "packages", "ahead"), ())
        settings = {**lists, "listener": listener.fileno(), "socket_path": str(path), "idle": 60, **options}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "plugins" / SERVER)],
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            env=environment,
            text=True,
        )
    try:
        process.stdin.write(json.dumps({**settings, "controller": controller}))
        process.stdin.close()
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


class Run:
    """Playbooks against hosts that stand for components, in a folder of their own."""

    def __init__(self, folder: Path, core: Core, module: str = "misbehave"):
        """module: the name by which the tasks made by misbehave() call the module."""
        self.folder = folder
        self.core = core
        self.module = module
        trial = folder / "trial/ansible_collections/trial/house"
        for name in ("meta", "plugins/modules"):
            (trial / name).mkdir(parents=True)
        (trial / "meta/runtime.yml").write_text(json.dumps(ROUTING))
        shutil.copy(LIBRARY / "misbehave.py", trial / "plugins/modules")

    @property
    def temporary(self) -> Path:
        """Ansible's folder for temporary files. A short path: the socket's must fit into 108 bytes."""
        return self.folder / "t"

    @property
    def no_settings(self) -> dict[str, str]:
        """The environment for a run without the checkout's ansible.cfg, as where the collection is installed."""
        empty = self.folder / "ansible.cfg"
        empty.touch()
        return {"ANSIBLE_CONFIG": str(empty)}

    def servers(self) -> list[int]:
        return servers(self.folder)

    def command(
        self, tasks: Tasks, connection: str | Mapping[str, str], hosts: int, options: Iterable[str]
    ) -> list[str]:
        named = [{self.module if key == "misbehave" else key: value for key, value in task.items()} for task in tasks]
        play = [{"hosts": "all", "gather_facts": False, "tasks": named}]
        (self.folder / "play.yml").write_text(json.dumps(play))
        if isinstance(connection, str):
            connection = {f"host{number}": connection for number in range(hosts)}
        inventory = {
            "hosts": {name: {"ansible_connection": how} for name, how in connection.items()},
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        }
        (self.folder / "hosts.yml").write_text(json.dumps({"all": inventory}))
        files = ["-i", str(self.folder / "hosts.yml"), str(self.folder / "play.yml")]
        return [str(self.core.bin / "ansible-playbook"), *files, *options]

    def environment(self, **variables: str) -> dict[str, str]:
        # Without what would change the run: settings of the user's own, also those of Python.
        own = ("AGENT_PLATFORM_", "ANSIBLE_", "AWS_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        collections = [self.folder / "trial", *(self.core.collections or [ROOT / "collections"])]
        return {
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(self.temporary),
            "ANSIBLE_LIBRARY": str(LIBRARY),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_FORKS": "60",
            "FROM_CONTROLLER": "here",
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, collections)),
            **variables,
        }

    def start(
        self,
        tasks: Tasks,
        connection: str | Mapping[str, str] = WARM,
        hosts: int = 1,
        options: Iterable[str] = (),
        popen: Mapping[str, Any] | None = None,
        **variables: str,
    ) -> subprocess.Popen[str]:
        """connection: that of host0, host1, ..., or each host's own. popen: further arguments for the process.
        variables: of its environment."""
        further = dict(popen or {})
        prepare = further.pop("preexec_fn", None)

        def begin() -> None:
            # Under nohup a process ignores it, and so would what it starts.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            if prepare:
                prepare()

        return subprocess.Popen(
            self.command(tasks, connection, hosts, options),
            cwd=ROOT,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=begin,
            **further,
        )

    def __call__(self, tasks: Tasks, *args: Any, **kwargs: Any) -> tuple[list[dict[str, dict]], str]:
        """Results by task number and host; the last element is everything else that was printed."""
        out, error = self.start(tasks, *args, **kwargs).communicate(timeout=300)
        before, _report = _split(out, error)
        return results_of(out, error), before + error

    def both(self, tasks: Tasks, **variables: str) -> list[dict[str, dict]]:
        """Results of hosts of which one has the connection `warm`, the other `local`, side by side."""
        return self(tasks, {"warm": WARM, "local": LOCAL}, **variables)[0]


def results_of(out: str, error: str = "") -> list[dict[str, dict]]:
    """What each task returned, by host, from what the callback ansible.posix.json has printed."""
    _before, report = _split(out, error)
    return [task["hosts"] for task in json.loads(report)["plays"][0]["tasks"]]


def _split(out: str, error: str) -> tuple[str, str]:
    """What was printed before the report, and the report."""
    begin = re.search(r"^\{$", out, re.MULTILINE)
    assert begin, out + error
    return out[: begin.start()], out[begin.start() :]


def assert_same(results: Iterable[Mapping[str, dict]], apart: Iterable[str] = ()) -> None:
    """Both connections gave the same, but for what differs by nature and for the keys named."""
    for number, hosts in enumerate(results):
        warm, local = (
            {key: value for key, value in hosts[name].items() if key not in {*DIFFER, *apart}}
            for name in ("warm", "local")
        )
        assert set(warm) == set(local), number
        for key in warm:
            assert warm[key] == local[key], (number, key)


both_ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS, indirect=True)


def misbehave(**options: Any) -> dict[str, Any]:
    """A task that does on request what modules should not do, or only tells of its surroundings."""
    return {"misbehave": options}


def servers(folder: Path) -> list[int]:
    """Process ids of the warm process of a folder's runs and of the modules that run in it. Other runs on this machine
    have their own, with other folders in their command lines."""
    return processes(SERVER, f"{folder}/")


def processes(*parts: str) -> list[int]:
    """Ids of those whose command line has all these parts."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if all(part.encode() in command for part in parts):
                    found.append(int(entry.name))
    return found


def assert_nothing_is_left(folder: Path, seconds: float = 2.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sockets = list(folder.rglob("warm/*"))
        if not servers(folder) and not sockets:
            return
        time.sleep(0.05)
    raise AssertionError(f"left behind: {servers(folder)} {sockets}")


def wait_for[T](condition: Callable[[], T], seconds: float = 30.0) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return value
