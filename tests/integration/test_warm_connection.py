"""The connection plugin `warm`: it gives what `local` gives, keeps calls apart, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = "plugin_utils/warm_server.py"
WARM = "agent_platform.aws.warm"


class Run:
    """Playbooks against hosts that stand for components, in a folder of their own."""

    def __init__(self, folder: Path):
        self.folder = folder

    def command(self, tasks, connection, hosts, options):
        play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        (self.folder / "play.yml").write_text(json.dumps(play))
        variables = {"ansible_connection": connection, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        names = {f"host{number}": {} for number in range(hosts)}
        (self.folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": names, "vars": variables}}))
        ansible = Path(sys.executable).with_name("ansible-playbook")
        return [str(ansible), "-i", str(self.folder / "hosts.yml"), str(self.folder / "play.yml"), *options]

    def environment(self, **variables):
        # A short path: the socket's must fit into 108 bytes.
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "t"),
            "ANSIBLE_LIBRARY": str(ROOT / "tests/support/warm_modules"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_FORKS": "60",
            "FROM_CONTROLLER": "here",
            **variables,
        }

    def start(self, tasks, connection=WARM, hosts=1, options=(), **variables):
        return subprocess.Popen(
            self.command(tasks, connection, hosts, options),
            cwd=ROOT,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, tasks, connection=WARM, hosts=1, options=(), **variables):
        """Results by task number and host; the last element is standard error."""
        process = self.start(tasks, connection, hosts, options, **variables)
        out, error = process.communicate(timeout=120)
        assert "{" in out, error
        report = json.loads(out[out.index("{") :])
        return [task["hosts"] for task in report["plays"][0]["tasks"]], error


@pytest.fixture
def run():
    # Not pytest's own folder: its path is long for a socket, and another user couldn't enter it.
    with tempfile.TemporaryDirectory(prefix="warm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Run(folder)
        assert_nothing_is_left(folder)


def servers():
    """Process ids of the warm processes of these tests."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                # Other runs on this machine have warm processes of their own, in other folders.
                if SERVER.encode() in command and b"/warm-" in command and entry.stat().st_uid == os.getuid():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def assert_nothing_is_left(folder, seconds=2.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sockets = list(folder.rglob("warm/*"))
        if not servers() and not sockets:
            return
        time.sleep(0.05)
    raise AssertionError(f"left behind: {servers()} {sockets}")


def misbehave(**options):
    return {"misbehave": options}


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return value


def test_a_module_runs_in_a_fork_with_the_libraries_loaded(run):
    (first, second), _error = run([misbehave(act="tell"), misbehave(act="tell")])
    assert first["host0"]["boto3_loaded"] is True
    assert first["host0"]["parent"] == second["host0"]["parent"]
    assert first["host0"]["pid"] != second["host0"]["pid"]


def test_the_result_is_that_of_local(run):
    tasks = [
        {"ansible.builtin.stat": {"path": str(ROOT / "galaxy.yml")}},
        {"ansible.builtin.slurp": {"src": str(ROOT / "galaxy.yml")}},
        {**misbehave(act="tell"), "environment": {"FROM_TASK": "a b'c\"d$e"}},
        {**misbehave(act="raise"), "ignore_errors": True},
        {**misbehave(act="leave"), "ignore_errors": True},
        {**misbehave(act="crash"), "ignore_errors": True},
        {**misbehave(act="garbage"), "ignore_errors": True},
        {**misbehave(act="nothing", unknown=1), "ignore_errors": True},
        misbehave(act="talk", seconds=3_000_000),
        {"ansible.builtin.command": {"cmd": "echo plain"}},
        {"ansible.builtin.shell": {"cmd": "echo $FROM_CONTROLLER"}},
        {"ansible.builtin.raw": "echo raw"},
    ]
    warm, _error = run(tasks)
    local, _error = run(tasks, connection="ansible.builtin.local")
    differs = {"pid", "parent", "boto3_loaded", "start", "end", "delta", "module_stderr", "exception"}
    for number, (one, other) in enumerate(zip(warm, local, strict=True)):
        one, other = one["host0"], other["host0"]
        assert set(one) - differs == set(other) - differs, number
        for key in set(one) - differs:
            if key == "stat":
                one[key].pop("atime"), other[key].pop("atime")
            assert one[key] == other[key], (number, key)
    assert warm[2]["host0"]["environment"]["FROM_TASK"] == "a b'c\"d$e"
    assert warm[2]["host0"]["environment"]["FROM_CONTROLLER"] == "here"


def test_calls_do_not_touch_each_other(run):
    results, _error = run(
        [
            misbehave(act="tell"),
            misbehave(act="pollute"),
            {**misbehave(act="leave"), "ignore_errors": True},
            {**misbehave(act="crash"), "ignore_errors": True},
            misbehave(act="fork"),
            misbehave(act="tell"),
        ]
    )
    before, after = results[0]["host0"], results[-1]["host0"]
    assert after["parent"] == before["parent"]
    assert after["directory"] == before["directory"]
    assert after["environment"]["POLLUTED"] is None
    assert after["polluted"] is False


def test_fifty_calls_at_once(run):
    (results,), _error = run([misbehave(act="tell")], hosts=50)
    assert len(results) == 50
    assert len({result["pid"] for result in results.values()}) == 50
    assert len({result["parent"] for result in results.values()}) == 1


def test_a_task_past_its_timeout_is_ended(run):
    mark = run.folder / "mark"
    task = {**misbehave(act="sleep", path=str(mark), seconds=60), "timeout": 4, "ignore_errors": True}
    begun = time.monotonic()
    results, _error = run([task, misbehave(act="tell")])
    assert results[0]["host0"]["failed"] is True
    assert results[1]["host0"]["boto3_loaded"] is True
    assert time.monotonic() - begun < 30
    assert not Path(f"/proc/{mark.read_text()}").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_controller_and_takes_its_calls_along(run, number):
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=60)])
    pid = int(wait_for(lambda: mark.exists() and mark.read_text()))
    os.kill(process.pid, number)
    process.wait(timeout=30)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), seconds=2.0)
    assert_nothing_is_left(run.folder)


def test_secrets_reach_neither_the_process_list_nor_a_file(run):
    mark, secret = run.folder / "mark", "sentinel-6f1d0c"
    task = {**misbehave(act="sleep", path=str(mark), seconds=2, secret=secret), "environment": {"TOKEN": secret}}
    process = run.start([task])
    wait_for(lambda: mark.exists() and mark.read_text())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                assert secret.encode() not in (entry / "cmdline").read_bytes(), entry
            except OSError:
                continue
    for file in (run.folder / "t").rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    out, _error = process.communicate(timeout=60)
    assert secret not in out


def test_the_socket_is_private(run):
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=2)])
    wait_for(lambda: mark.exists() and mark.read_text())
    (path,) = run.folder.rglob("warm/socket")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    process.wait(timeout=60)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user without a password")
def test_another_user_is_refused_by_the_process_itself(tmp_path):
    folder = Path("/tmp") / f"warm-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    path = folder / "socket"
    settings = {
        "controller": os.getpid(),
        "socket_path": str(path),
        "search_path": [],
        "modules": [],
        "services": [],
        "idle": 60,
    }
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "plugins" / SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        server.stdin.write(json.dumps(settings))
        server.stdin.close()
        assert json.loads(server.stdout.readline())["ready"] is True
        path.chmod(0o666)
        attempt = (
            "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            "s.settimeout(5); sys.exit(0 if s.recv(1) == b'' else 1)"
        )
        assert subprocess.run([sys.executable, "-c", attempt, str(path)], check=False).returncode == 0
        # The same conversation by its own user is not cut off at once.
        own = socket.socket(socket.AF_UNIX)
        own.connect(str(path))
        own.settimeout(0.5)
        with pytest.raises(TimeoutError):
            own.recv(1)
        own.close()
    finally:
        server.terminate()
        server.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("su"), reason="needs root and su to become another user")
def test_become_takes_the_plain_way(run):
    task = {**misbehave(act="tell"), "become": True, "become_method": "ansible.builtin.su", "become_user": "nobody"}
    task["vars"] = {"ansible_become_flags": "-s /bin/sh", "ansible_shell_allow_world_readable_temp": True}
    task["vars"]["ansible_python_interpreter"] = "/usr/bin/python3"
    (result,), _error = run([task])
    assert result["host0"].get("user") == 65534, result
    assert result["host0"]["boto3_loaded"] is False


@pytest.mark.parametrize("how", ["another interpreter", "async", "off"])
def test_what_it_does_not_know_takes_the_plain_way(run, how):
    task = misbehave(act="tell")
    variables = {}
    if how == "another interpreter":
        link = run.folder / "python"
        link.symlink_to(sys.executable)
        task["vars"] = {"ansible_python_interpreter": str(link)}
    elif how == "async":
        task |= {"async": 30, "poll": 1}
    else:
        variables["AGENT_PLATFORM_WARM"] = "false"
    (result,), error = run([task], **variables)
    assert result["host0"]["boto3_loaded"] is False, result
    assert "without the warm process" not in error


def test_commands_of_the_user_take_the_plain_way(run):
    """What a command starts has the controller's own surroundings: its parent isn't the warm process."""
    tasks = [misbehave(act="tell"), {"ansible.builtin.command": {"argv": ["sh", "-c", "cat /proc/$PPID/cmdline"]}}]
    results, _error = run(tasks)
    assert results[0]["host0"]["boto3_loaded"] is True
    assert SERVER not in results[1]["host0"]["stdout"]


def test_a_missing_library_is_passed_over(run):
    (result,), error = run([misbehave(act="tell")], AGENT_PLATFORM_WARM_MODULES="json,no_such_library")
    assert result["host0"]["parent"] != result["host0"]["pid"]
    assert result["host0"]["boto3_loaded"] is False
    assert "without the warm process" not in error


def test_a_process_that_cannot_start_costs_one_warning(run):
    """The path is too long for a socket, so every module takes the plain way."""
    deep = run.folder / ("d" * 100)
    results, error = run([misbehave(act="tell")] * 3, hosts=2, ANSIBLE_LOCAL_TEMP=str(deep))
    assert all(result["boto3_loaded"] is False for task in results for result in task.values())
    told = error.count("without the warm process") + json.dumps(results).count("without the warm process")
    assert told == 1


def test_a_process_that_dies_between_calls_is_started_anew(run):
    mark = run.folder / "mark"
    process = run.start(
        [
            misbehave(act="sleep", path=str(mark), seconds=0),
            {"ansible.builtin.shell": {"cmd": f"kill -9 $(cat {mark}.parent); sleep 0.3"}},
            misbehave(act="tell"),
        ]
    )
    out, _error = process.communicate(timeout=60)
    tasks = json.loads(out[out.index("{") :])["plays"][0]["tasks"]
    assert tasks[2]["hosts"]["host0"]["boto3_loaded"] is True


def test_a_process_that_dies_during_a_call_is_an_honest_error(run):
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=2)])
    wait_for(lambda: mark.exists() and mark.read_text())
    for pid in servers():
        os.kill(pid, signal.SIGKILL)
    out, _error = process.communicate(timeout=60)
    assert "what the module did is unknown" in out


def test_it_ends_when_idle(run):
    task = {"ansible.builtin.wait_for": {"timeout": 8}, "vars": {"agent_platform_warm_enabled": False}}
    process = run.start([misbehave(act="tell"), task], AGENT_PLATFORM_WARM_IDLE_LIMIT="1")
    wait_for(servers)
    wait_for(lambda: not servers(), seconds=9)
    assert process.poll() is None
    process.wait(timeout=60)


def test_memory(run):
    """The process stays under 250 MB, a call adds under 40 MB of its own."""
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=2)])
    pid = int(wait_for(lambda: mark.exists() and mark.read_text()))
    (server,) = [found for found in servers() if found != pid]
    assert _kilobytes(server, "Pss", "smaps_rollup") < 250 * 1024
    assert _kilobytes(pid, "Private_Dirty", "smaps_rollup") < 40 * 1024
    process.wait(timeout=60)


def _kilobytes(pid, field, file):
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise AssertionError(field)
