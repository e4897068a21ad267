# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the process of the connection `warm` remembers for all calls. In processes of their own: it changes botocore."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils import warm_server
from tests.support.warm_runs import warm_process

ROOT = Path(__file__).resolve().parents[3]

REMEMBERED = """
import json
import boto3.session
from botocore import client
from ansible_collections.agent_platform.aws.plugins.plugin_utils import warm_server

made, sessions = [], []
create, new = client.ClientCreator._create_methods, boto3.session.Session

def counted(self, model):
    made.append(model.service_name)
    return create(self, model)

def opened(*args, **kwargs):
    sessions.append(kwargs)
    return new(*args, **kwargs)

client.ClientCreator._create_methods, boto3.session.Session = counted, opened
models = warm_server.Models("{folder}/models")
if {remembered}:
    warm_server.remember_methods_and_sessions()
missing = [item for names in warm_server.load_models(models, []) for item in names]
open("{folder}/models", "w").write(models_of("{folder}") if {remembered} else "")
list(models.learn())
learnt = list(made)
del sessions[:]
aws = [boto3.session.Session(profile_name=None) for _ in range(2)]
clients = [one.client("sqs", region_name="us-east-1") for one in aws]
clients.append(boto3.session.Session(region_name="us-east-1").client("sqs"))
assert all(callable(one.send_message) and one.can_paginate("list_queues") for one in clients)
clients[0].send_message = None
assert clients[1].send_message is not None
print(json.dumps([missing, learnt, made, len(sessions)]))
"""
MODELS_OF = """
def models_of(folder):
    import os
    from botocore.loaders import Loader
    loader = Loader(include_default_search_paths=True)
    version = loader.determine_latest_version("sqs", "service-2")
    return os.path.join(loader.BUILTIN_DATA_PATH, "sqs", version, "service-2") + "\\n"
"""


@pytest.mark.parametrize(
    ("remembered", "learnt", "made", "sessions"), [(True, ["sqs"], ["sqs"], 2), (False, [], ["sqs"] * 3, 3)]
)
def test_methods_of_a_service_and_the_session_of_a_call_are_made_once(tmp_path, remembered, learnt, made, sessions):
    program = MODELS_OF + REMEMBERED.replace("{folder}", str(tmp_path)).replace("{remembered}", str(remembered))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "collections",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "collections"), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], learnt, made, sessions]


def test_a_step_that_takes_long_ends_with_the_controller(tmp_path):
    """And takes the folder of the run along."""
    folder = tmp_path / "run"
    folder.mkdir()
    controller = subprocess.Popen(["sleep", "60"])
    busy = os.fork()
    if busy == 0:
        with contextlib.suppress(BaseException):
            server = object.__new__(warm_server.Server)
            server.settings = SimpleNamespace(socket_path=str(folder / "socket"))
            server.folder, server.calls = str(folder), {}
            server.controller = os.pidfd_open(controller.pid)
            signal.signal(signal.SIGALRM, lambda *_: server._end_if_orphaned())
            with server._watching():
                while True:
                    pass
        os._exit(1)
    time.sleep(3 * warm_server.LOOK)
    assert os.waitpid(busy, os.WNOHANG) == (0, 0)
    controller.kill()
    controller.wait()

    assert os.waitpid(busy, 0)[1] == 0
    assert not folder.exists()


def test_its_end_takes_no_time_for_what_is_loaded(tmp_path):
    (tmp_path / "heavy.py").write_text("import atexit, time\natexit.register(time.sleep, 60)\n")
    folder = tmp_path / "run"
    folder.mkdir()
    with (
        subprocess.Popen(["sleep", "60"]) as controller,
        warm_process(folder, controller.pid, modules=["heavy"], path=tmp_path) as process,
    ):
        while not (folder / warm_server.LOADED).exists():
            assert process.poll() is None
            time.sleep(0.01)
        controller.kill()
        assert process.wait(30) == 0
    assert not folder.exists()


def test_what_calls_have_named_is_loaded_while_nobody_calls():
    """In steps, between which it looks for calls; then it waits for them."""
    waits = []
    server = object.__new__(warm_server.Server)
    server.selector = SimpleNamespace(select=lambda seconds: waits.append(seconds) or [])
    server.settings, server.last_call = SimpleNamespace(idle=60), time.monotonic()
    server.calls, server.stopping = {}, False
    server.lessons, server.learning = iter([True, True, False]), True
    for _turn in range(4):
        server._turn()
    assert (waits, server.learning, server.stopping) == ([0, 0, 0, 5.0], False, False)
