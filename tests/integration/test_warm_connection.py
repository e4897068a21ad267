# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection plugin `warm`: it gives what `local` gives, keeps calls apart, and leaves nothing behind."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.ansible_cores import INSTALLED
from tests.support.playbook import REGION, descendants
from tests.support.warm_runs import (
    BY_NAME,
    LOCAL,
    ROOT,
    SERVER,
    WARM,
    assert_nothing_is_left,
    assert_same,
    both_ways,
    misbehave,
    results_of,
    wait_for,
    warm_process,
)

every_ansible_core = pytest.mark.every_ansible_core
AWS_MODULES = "ansible_collections.amazon.aws.plugins.module_utils.modules"


@every_ansible_core("oldest")
def test_a_module_runs_in_a_fork_with_the_libraries_loaded(run):
    (first, second), _error = run([misbehave(act="tell"), misbehave(act="tell")])
    assert first["host0"]["boto3_loaded"] is True
    assert first["host0"]["parent"] == second["host0"]["parent"]
    assert first["host0"]["pid"] != second["host0"]["pid"]


def file_names(result):
    return {Path(path).name for path in result["read"]}


def test_a_client_reads_nothing_of_the_sdk_anew(run):
    """It's what makes a call cheap: the model of EC2 alone has 3 MB, and to list all services takes as long."""
    (result,) = run.both([misbehave(act="client")])
    assert {"service-2.json.gz", "s3"} <= file_names(result["local"])
    # A look for the versions of the one service is cheap.
    assert file_names(result["warm"]) <= {"ec2"}


def called_services():
    """Those that the modules and the discovery call, as their sources name them."""
    for file in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Assign(targets=[ast.Name(id="service")], value=ast.Constant(value=str(name))):
                    yield name
                case ast.Call(func=ast.Attribute(attr="client"), args=[ast.Constant(value=str(name)), *_]):
                    yield name
                case ast.keyword(arg="service", value=ast.Constant(value=str(name))):
                    yield name
                case ast.keyword(arg="services", value=ast.Tuple(elts=names)):
                    yield from (name.value for name in names if isinstance(name, ast.Constant))


def test_no_second_client_reads_a_model_anew(run):
    """Whatever service it is for, as nobody can keep a list of what modules call."""
    services = sorted(set(called_services()))
    assert {"ec2", "eks", "kms", "s3", "secretsmanager", "ssm"} <= set(services)
    calls = [misbehave(act="client", service=service) for service in services]
    results, printed = run([*calls, *calls], AGENT_PLATFORM_WARM_SERVICES="sts")
    first, second = results[: len(calls)], results[len(calls) :]
    for service, before, after in zip(services, first, second, strict=True):
        assert service == "sts" or "service-2.json.gz" in file_names(before["host0"])
        assert file_names(after["host0"]) <= {service}
    assert "without the warm process" not in printed


@both_ways
@every_ansible_core("oldest")
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
    results = run.both(tasks)
    for result in results[0].values():
        result["stat"].pop("atime")
    assert_same(results)
    assert results[2]["warm"]["environment"]["FROM_TASK"] == "a b'c\"d$e"
    assert results[2]["warm"]["environment"]["FROM_CONTROLLER"] == "here"
    assert [results[2][host]["boto3_loaded"] for host in ("warm", "local")] == [True, False]


@every_ansible_core
def test_an_aws_module_gives_the_same(run, emulator):
    access = {
        "endpoint_url": emulator,
        "region": REGION,
        "access_key": "590100000001",
        "secret_key": "not-a-secret-the-embedded-emulator-takes-any-value",
    }
    tasks = [
        {"amazon.aws.aws_caller_info": access},
        {"amazon.aws.ec2_vpc_net_info": {**access, "filters": {"is-default": "true"}}},
        {"amazon.aws.ec2_vpc_net_info": {**access, "region": "nowhere at all"}, "ignore_errors": True},
    ]
    results, printed = run(tasks, {"warm": WARM, "local": LOCAL}, options=["-vvv"])
    assert results[0]["warm"]["account"] == access["access_key"]
    assert len(results[1]["warm"]["vpcs"]) == 1
    assert results[2]["warm"]["failed"] is True
    assert_same(results)
    # Ansible tells of each command line that it starts.
    assert "<local> EXEC" in printed
    assert "<warm> EXEC" not in printed


@both_ways
@every_ansible_core
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


@every_ansible_core
def test_many_calls_at_once(run):
    count = 50 if run.core.version == INSTALLED else 20
    (results,), _error = run([misbehave(act="tell")], hosts=count)
    assert len(results) == count
    assert len({result["pid"] for result in results.values()}) == count
    assert len({result["parent"] for result in results.values()}) == 1


@both_ways
def test_a_task_past_its_timeout_is_ended(run):
    mark = run.folder / "mark"
    # The first task waits for the libraries, so that the second one's time is the module's alone.
    task = {**misbehave(act="sleep", path=str(mark), seconds=90), "timeout": 10, "ignore_errors": True}
    begun = time.monotonic()
    results, _error = run([misbehave(act="tell"), task, misbehave(act="tell")])
    assert results[1]["host0"]["failed"] is True
    assert results[2]["host0"]["boto3_loaded"] is True
    assert time.monotonic() - begun < 80
    assert not Path(f"/proc/{mark.read_text()}").exists()


def end(run, number):
    """Send a signal to the controller while a module runs; nothing may be left of either."""
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=60)])
    pid = int(wait_for(lambda: mark.exists() and mark.read_text()))
    os.kill(process.pid, number)
    process.wait(timeout=30)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), seconds=2.0)
    assert_nothing_is_left(run.folder)


@both_ways
@every_ansible_core
def test_it_ends_with_a_controller_that_is_killed_and_takes_its_calls_along(run):
    end(run, signal.SIGKILL)


@both_ways
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_controller_and_takes_its_calls_along(run, number):
    end(run, number)


def test_it_ends_with_a_controller_that_is_killed_while_it_loads(run):
    process = run.start([misbehave(act="tell")])
    wait_for(run.servers)
    family = descendants(process.pid)
    process.kill()
    process.wait(timeout=30)
    wait_for(lambda: not run.servers(), seconds=2.0)
    # Workers of Ansible finish their task, and its folder for temporary files stays, whatever the connection.
    wait_for(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()])
    shutil.rmtree(run.temporary)


@both_ways
def test_secrets_stay_inside_the_module(run):
    """While it runs they are in no file, no other process's environment, and in no process's command line."""
    mark, secret = run.folder / "mark", "sentinel-6f1d0c"
    task = {**misbehave(act="sleep", path=str(mark), seconds=2, secret=secret), "environment": {"TOKEN": secret}}
    temporary = run.folder / "tmp"
    temporary.mkdir()
    process = run.start(
        [task],
        TMPDIR=str(temporary),
        ANSIBLE_REMOTE_TEMP=str(run.folder / "remote"),
        # Else a text in the module's archive wouldn't be found.
        ANSIBLE_MODULE_COMPRESSION="ZIP_STORED",
    )
    pid = int(wait_for(lambda: mark.exists() and mark.read_text()))
    processes, files = [], []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                processes.append(int(entry.name))
                assert secret.encode() not in (entry / "cmdline").read_bytes(), entry
                # That of the module itself is for it and what it starts.
                assert int(entry.name) == pid or secret.encode() not in (entry / "environ").read_bytes(), entry
    for file in run.folder.rglob("*"):
        if file.is_file() and file.name != "play.yml":
            files.append(str(file))
            assert secret.encode() not in file.read_bytes(), file
    # It was there to be looked at.
    assert process.poll() is None
    assert {pid, process.pid, *run.servers()} <= set(processes)
    assert len(run.servers()) == 2
    archives = [file for file in files if "misbehave" in file and file.startswith(str(temporary))]
    assert bool(archives) == (run.module != BY_NAME), files
    out, error = process.communicate(timeout=60)
    assert secret not in out + error


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
    try:
        with warm_process(folder, os.getpid()):
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
        shutil.rmtree(folder, ignore_errors=True)


@both_ways
@every_ansible_core
@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("su"), reason="needs root and su to become another user")
def test_become_takes_the_plain_way(run):
    task = {**misbehave(act="tell"), "become": True, "become_method": "ansible.builtin.su", "become_user": "nobody"}
    task["vars"] = {"ansible_become_flags": "-s /bin/sh", "ansible_shell_allow_world_readable_temp": True}
    task["vars"]["ansible_python_interpreter"] = "/usr/bin/python3"
    (result,), _error = run([task])
    assert result["host0"].get("user") == 65534, result
    assert result["host0"]["boto3_loaded"] is False


@both_ways
@every_ansible_core
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
    """One that is there is loaded, also behind one that isn't; of the usual ones it has none but the SDK itself."""
    libraries = "no_such_library,colorsys"
    (result,), error = run([misbehave(act="inspect")], options=["-vv"], AGENT_PLATFORM_WARM_MODULES=libraries)
    assert result["host0"]["loaded"] == {"colorsys": True, AWS_MODULES: False}
    assert "goes without no_such_library" in error
    assert "without the warm process" not in error


@both_ways
def test_what_a_call_has_imported_of_some_packages_is_loaded_for_the_next(run):
    """So what only some runs need costs the others nothing."""
    calls = [misbehave(act=act) for act in ("inspect", "import", "inspect")]
    results, printed = run(calls, AGENT_PLATFORM_WARM_PACKAGES="no_such_package,colorsys")
    assert [result["host0"].get("loaded", {}).get("colorsys") for result in results] == [False, None, True]
    assert "without the warm process" not in printed
    results, _printed = run(calls, AGENT_PLATFORM_WARM_PACKAGES="no_such_package")
    assert results[2]["host0"]["loaded"]["colorsys"] is False


@both_ways
def test_what_calls_are_going_to_need_is_loaded_while_the_first_runs(run):
    calls = [misbehave(act="inspect")] * 2
    results, printed = run(calls, AGENT_PLATFORM_WARM_AHEAD="no_such_module,colorsys")
    assert [result["host0"]["loaded"]["colorsys"] for result in results] == [False, True]
    assert "without the warm process" not in printed


@both_ways
def test_a_process_that_cannot_start_costs_one_warning(run):
    """The path is too long for a socket, so every module takes the plain way."""
    deep = run.folder / ("d" * 100)
    results, error = run([misbehave(act="tell")] * 3, hosts=2, ANSIBLE_LOCAL_TEMP=str(deep))
    assert all(result["boto3_loaded"] is False for task in results for result in task.values())
    told = error.count("without the warm process") + json.dumps(results).count("without the warm process")
    assert told == 1


@both_ways
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
    assert results_of(out)[2]["host0"]["boto3_loaded"] is True


@both_ways
def test_a_process_that_dies_during_a_call_is_an_honest_error(run):
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=2)])
    wait_for(lambda: mark.exists() and mark.read_text())
    for pid in run.servers():
        os.kill(pid, signal.SIGKILL)
    out, _error = process.communicate(timeout=60)
    assert "what the module did is unknown" in out


def test_it_ends_when_idle(run):
    mark, elsewhere = run.folder / "mark", run.folder / "elsewhere"
    task = misbehave(act="sleep", path=str(elsewhere), seconds=60)
    tasks = [
        misbehave(act="sleep", path=str(mark), seconds=1),
        {**task, "vars": {"agent_platform_warm_enabled": False}},
    ]
    process = run.start(tasks, AGENT_PLATFORM_WARM_IDLE_LIMIT="1")
    wait_for(mark.exists)
    assert run.servers()
    # While it forks, Ansible misses a signal.
    wait_for(elsewhere.exists)
    wait_for(lambda: not run.servers(), seconds=50)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


def test_loading_is_not_idling(run):
    """A limit that is shorter than what loading takes, as on a busy machine, drops no call."""
    (run.folder / "slow_to_load.py").write_text("import time\ntime.sleep(2.5)\n")
    settings = {"AGENT_PLATFORM_WARM_IDLE_LIMIT": "1", "AGENT_PLATFORM_WARM_MODULES": "slow_to_load"}
    results, printed = run([misbehave(act="tell")] * 2, PYTHONPATH=str(run.folder), **settings)
    assert [result["host0"]["boto3_loaded"] for result in results] == [True, True]
    assert "without the warm process" not in printed


def test_memory(run):
    """The process stays under 250 MB, a call adds under 40 MB of its own."""
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=2)])
    pid = int(wait_for(lambda: mark.exists() and mark.read_text()))
    (server,) = [found for found in run.servers() if found != pid]
    assert _kilobytes(server, "Pss", "smaps_rollup") < 250 * 1024
    assert _kilobytes(pid, "Private_Dirty", "smaps_rollup") < 40 * 1024
    process.wait(timeout=60)


def _kilobytes(pid, field, file):
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise AssertionError(field)
