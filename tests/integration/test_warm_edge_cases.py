# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection plugin `warm` in unusual surroundings: odd modules, other users, leaks, interrupts, settings."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.support.playbook import descendants
from tests.support.warm_runs import (
    BY_NAME,
    LOCAL,
    ROOT,
    TOLD,
    WARM,
    assert_same,
    both_ways,
    misbehave,
    results_of,
    wait_for,
)

# In another language than Python, with its arguments in a file.
SHELL_MODULE = """#!/bin/sh
# WANT_JSON
warm=$(grep -c warm_server "/proc/$PPID/cmdline")
printf '{"changed": false, "arguments": %s, "parents_that_are_warm": %s}' "$(cat "$1")" "$warm"
"""
# With shared code from a folder of the user's.
SHARING_MODULE = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils import {shared}

AnsibleModule({{}}).exit_json(value={shared}.VALUE)
"""


# What isn't Python


def test_a_module_in_another_language_takes_the_plain_way(run):
    library = run.folder / "library"
    library.mkdir()
    (library / "shell_module.sh").write_text(SHELL_MODULE)
    text = "a b'c\"d$e\n2"
    (result,) = run.both([{"shell_module": {"text": text}}], ANSIBLE_LIBRARY=str(library))
    for host in result.values():
        assert host["arguments"]["text"] == text
        assert host["parents_that_are_warm"] == 0
    arguments = [host.pop("arguments") for host in result.values()]
    assert_same([result])
    # Ansible's own additions name each run's folder.
    assert [{key: value for key, value in given.items() if not key.startswith("_ansible")} for given in arguments] == [
        {"text": text}
    ] * 2


def test_a_binary_module_takes_the_plain_way(run):
    """A binary's only argument is the path of a file with the module's arguments; cat shows that file as its result."""
    library = run.folder / "library"
    library.mkdir()
    shutil.copy(shutil.which("cat"), library / "shown")
    (result,) = run.both([{"shown": {"text": "as given", "changed": True}}], ANSIBLE_LIBRARY=str(library))
    assert result["warm"]["text"] == "as given"
    assert result["warm"]["changed"] is True
    assert_same([result])


# What a module finds around it


@both_ways
@pytest.mark.parametrize("environment", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["as it is", "unbuffered"])
def test_a_module_finds_the_surroundings_of_local(run, environment):
    task = {**misbehave(act="inspect"), "environment": {"FROM_TASK": "there", "TZ": "Asia/Tokyo"}}
    (result,) = run.both([task], **environment)
    assert result["warm"]["boto3_loaded"] is True
    warm, local = result["warm"]["surroundings"], result["local"]["surroundings"]
    environments = [found.pop("environment") for found in (warm, local)]
    assert warm == local
    assert warm["time_zone"] == "JST"
    # The shell of the plain way sets these for itself.
    for environment in environments:
        for name in ("PWD", "OLDPWD", "SHLVL", "_"):
            environment.pop(name, None)
    assert environments[0] == environments[1]


@both_ways
def test_a_path_for_python_that_the_task_sets_is_followed(run):
    """It decides over what the interpreter imports, so a process that has begun elsewhere can't obey it."""
    folder = run.folder / "packages"
    folder.mkdir()
    (folder / "only_there.py").write_text("")
    results = run.both([{**misbehave(act="inspect"), "environment": {"PYTHONPATH": str(folder)}}])
    found = {host: result["surroundings"]["only_there"] for host, result in results[0].items()}
    assert found == dict.fromkeys(("warm", "local"), str(folder / "only_there.py"))


@both_ways
def test_packages_that_lie_beside_collections_are_not_taken(run):
    """As in the site-packages of another Python: its collections are used, but not its version of the SDK."""
    folder = run.folder / "others"
    (folder / "ansible_collections").mkdir(parents=True)
    (folder / "boto3").mkdir()
    (folder / "boto3/__init__.py").write_text("raise ImportError('of another Python')")
    paths = [run.folder / "trial", *run.core.collections, ROOT / "collections", folder]
    results = run.both([misbehave(act="inspect")], ANSIBLE_COLLECTIONS_PATH=os.pathsep.join(map(str, paths)))
    warm, local = (results[0][host]["surroundings"]["boto3"] for host in ("warm", "local"))
    assert warm == local
    assert not warm.startswith(str(folder))
    assert results[0]["warm"]["boto3_loaded"] is True


@pytest.mark.parametrize("shared", ["of_ours", "splitter"])
def test_shared_code_of_the_user_is_taken(run, shared):
    """Whether it's new or takes the place of what Ansible brings."""
    library, utilities = run.folder / "library", run.folder / "module_utils"
    library.mkdir()
    utilities.mkdir()
    (library / "sharing.py").write_text(SHARING_MODULE.format(shared=shared))
    (utilities / f"{shared}.py").write_text("VALUE = 'of the user'\n")
    (result,) = run.both([{"sharing": {}}], ANSIBLE_LIBRARY=str(library), ANSIBLE_MODULE_UTILS=str(utilities))
    assert result["warm"]["value"] == "of the user"
    assert_same([result])


# What a module leaves


@both_ways
def test_a_module_that_leaks_leaves_nothing_to_later_calls(run):
    results, _error = run([misbehave(act="inspect"), misbehave(act="leak"), misbehave(act="inspect")])
    before, leaked, after = (result["host0"] for result in results)
    own, made = leaked["folders"]
    try:
        assert after["parent"] == before["parent"]
        assert after["leftovers"] == before["leftovers"]
        # What Ansible promises to remove at the module's end is removed; what the module has made itself is its own.
        assert not Path(own).exists()
        assert Path(made).exists()
    finally:
        shutil.rmtree(made, ignore_errors=True)


@both_ways
@pytest.mark.parametrize("act", ["close", "close and end", "close stream"])
def test_a_module_that_closes_its_output_fails_as_with_local(run, act):
    (result,) = run.both([{**misbehave(act=act), "ignore_errors": True}])
    assert result["warm"]["failed"] is True
    assert_same([result])


@both_ways
def test_a_module_that_writes_megabytes_of_errors_gives_what_it_gives_with_local(run):
    tasks = [
        misbehave(act="shout"),
        {**misbehave(act="shout", path="and fail"), "ignore_errors": True},
    ]
    results = run.both(tasks)
    assert results[0]["warm"]["changed"] is False
    assert results[1]["warm"]["rc"] == 7
    assert len(results[1]["warm"]["module_stderr"]) > 4_000_000
    assert results[1]["warm"]["module_stderr"] == results[1]["local"]["module_stderr"]
    assert_same(results)


# Other users


FAKE_SERVER = """
import os, pathlib, socket, sys
path = pathlib.Path(sys.argv[1])
os.setgid(65534), os.setuid(65534)
os.umask(0)
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(path))
listener.listen()
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.settimeout(5)
    try:
        heard = connection.recv(1 << 16)
    except OSError:
        heard = b""
    print("heard", len(heard), flush=True)
    connection.close()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user without a password")
def test_a_process_of_another_user_is_not_talked_to(run):
    """In the run's own folder nobody else can put one; if it's there all the same, it's told nothing."""
    waiting, go = run.folder / "waiting", run.folder / "go"
    wait = f"touch {waiting}; while [ ! -e {go} ]; do sleep 0.05; done"
    process = run.start(
        [
            {"ansible.builtin.shell": {"cmd": wait}, "vars": {"ansible_connection": LOCAL}},
            misbehave(act="tell"),
            misbehave(act="tell"),
        ]
    )
    wait_for(waiting.exists)
    (own,) = run.temporary.glob("ansible-local-*")
    folder = own / "warm"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    # The other user must come through.
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (run.temporary, own)}
    for path in modes:
        path.chmod(0o711)
    fake = subprocess.Popen(
        [sys.executable, "-c", FAKE_SERVER, str(folder / "socket")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert fake.stdout.readline() == "ready\n"
        for path, mode in modes.items():
            path.chmod(mode)
        go.touch()
        out, error = process.communicate(timeout=60)
    finally:
        fake.terminate()
        heard = fake.stdout.read().split("\n")
        fake.wait()
        shutil.rmtree(folder, ignore_errors=True)
    assert {line for line in heard if line} <= {"heard 0"}
    results = results_of(out, error)
    assert [result["host0"]["boto3_loaded"] for result in results[1:]] == [False, False]
    assert (out + error).count("without the warm process") == 1


# Interrupts


@both_ways
def test_an_interrupt_at_the_terminal_ends_the_run_and_its_module(run):
    """Ctrl-C, which the terminal sends to all processes in the foreground."""
    mark = run.folder / "mark"
    terminal, end = pty.openpty()

    def take_the_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = run.start(
        [misbehave(act="sleep", path=str(mark), seconds=60)], popen={"stdin": end, "preexec_fn": take_the_terminal}
    )
    os.close(end)
    try:
        pid = int(wait_for(lambda: mark.exists() and mark.read_text()))
        begun = time.monotonic()
        os.write(terminal, termios.tcgetattr(terminal)[6][termios.VINTR])
        process.wait(timeout=30)
        assert process.returncode != 0
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), seconds=2.0)
        assert time.monotonic() - begun < 10
    finally:
        os.close(terminal)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@both_ways
def test_the_wait_for_a_module_is_one_that_signals_end(run):
    """In a second thread beside it, a signal may go unheard until the module ends by itself."""
    mark = run.folder / "mark"
    process = run.start([misbehave(act="sleep", path=str(mark), seconds=2)])
    wait_for(lambda: mark.exists() and mark.read_text())
    time.sleep(0.3)
    (worker,) = [
        pid for pid in descendants(process.pid) if b"ansible-playbook" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(os.listdir(f"/proc/{worker}/task")) == 1
    assert process.wait(timeout=60) == 0


# Settings


def configuration(run, lines):
    """The checkout's ansible.cfg, with a section for the connection, as a file elsewhere."""
    text = (ROOT / "ansible.cfg").read_text().replace("./", f"{ROOT}/")
    path = run.folder / "ansible.cfg"
    path.write_text(f"{text}\n[warm_connection]\n{lines}\n")
    return {"ANSIBLE_CONFIG": str(path)}


@pytest.mark.parametrize("how", ["ansible.cfg", "variables"])
def test_settings_are_taken_from(run, how):
    """The limit, the libraries and the services; by environment variables other tests set them."""
    mark, elsewhere = run.folder / "mark", run.folder / "elsewhere"
    wait = {**misbehave(act="sleep", path=str(elsewhere), seconds=60), "vars": {"ansible_connection": LOCAL}}
    tasks, options, environment = [misbehave(act="sleep", path=str(mark)), wait], ["-vv"], {}
    libraries, services = ["colorsys", "no_such_library"], ["sts", "no_such_service"]
    if how == "ansible.cfg":
        lines = ["idle_limit = 1", f"modules = {','.join(libraries)}", f"services = {','.join(services)}"]
        environment = configuration(run, "\n".join(lines))
    else:
        settings = {"idle_limit": 1, "modules": libraries, "services": services}
        variables = {f"agent_platform_warm_{name}": value for name, value in settings.items()}
        options += ["-e", json.dumps(variables)]
    process = run.start(tasks, options=options, **environment)
    try:
        wait_for(mark.exists)
        # While it forks, Ansible misses a signal.
        wait_for(elsewhere.exists)
        # The limit is looked at every few seconds.
        wait_for(lambda: not run.servers(), seconds=50)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    missing = re.findall(r"goes without (\S+(?: of \S+)?)", out + error)
    assert missing == ["no_such_library", "model of no_such_service"]


@both_ways
@pytest.mark.parametrize("how", ["ansible.cfg", "variables"])
def test_it_is_switched_off_by(run, how):
    task, environment = misbehave(act="tell"), {}
    if how == "ansible.cfg":
        environment = configuration(run, "enabled = false")
    else:
        task["vars"] = {"agent_platform_warm_enabled": False}
    (result,), printed = run([task], connection=WARM, **environment)
    assert result["host0"]["boto3_loaded"] is False
    assert "without the warm process" not in printed


@both_ways
@pytest.mark.every_ansible_core
@pytest.mark.parametrize("pipelining", ["", "false"], ids=["as Ansible has it", "off"])
def test_it_needs_no_settings(run, pipelining):
    """Where the collection is installed there is no ansible.cfg of ours."""
    environment = run.no_settings | ({"ANSIBLE_PIPELINING": pipelining} if pipelining else {})
    tasks = [misbehave(act="tell"), misbehave(act="tell"), {**misbehave(act="tell"), "become": False}]
    results, printed = run(tasks, WARM, options=["-vvv"], **environment)
    assert [result["host0"]["boto3_loaded"] for result in results] == [True] * 3
    assert len({result["host0"]["parent"] for result in results}) == 1
    assert printed.count("WARM ") == 3
    assert printed.count(TOLD) == (3 if run.module == BY_NAME else 0)
    # Neither a folder for files nor a command that takes one there.
    assert "<host0> EXEC" not in printed
    assert "<host0> PUT" not in printed
