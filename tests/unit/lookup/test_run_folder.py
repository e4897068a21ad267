# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder of a run: one for all who ask, for this user alone, and gone with the process, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils import run_folder as part

# A controller with workers that ask at once, each then writing a file.
CONTROLLER = """
import multiprocessing, os, sys, time
sys.path.append(os.path.dirname(sys.argv[2]))
from run_folder import run_folder

def work(number):
    folder = run_folder(sys.argv[1])
    open(os.path.join(folder, str(number)), "w").close()

context = multiprocessing.get_context("fork")
workers = [context.Process(target=work, args=(number,)) for number in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print("ready", flush=True)
time.sleep(60)
"""


def until(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_controller(tmp_path, number):
    parent = tmp_path / "ansible-local"
    parent.mkdir()
    command = [sys.executable, "-c", CONTROLLER, str(parent), part.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as controller:
        assert controller.stdout.readline() == "ready\n"
        folder = parent / "run"
        assert sorted(os.listdir(folder)) == ["0", "1", "2", "3"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        # The workers have ended, and it is still there.
        time.sleep(0.3)
        assert folder.is_dir()
        controller.send_signal(number)
    until(lambda: not parent.exists())


def test_what_else_is_in_ansibles_folder_stays(tmp_path):
    parent = tmp_path / "ansible-local"
    (parent / "run" / "deep").mkdir(parents=True)
    (parent / "other").write_text("")
    gone = multiprocessing.get_context("spawn").Process(target=os.getpid)
    gone.start()
    gone.join()
    reference = os.open(os.devnull, os.O_RDONLY)
    part.main(str(parent / "run"), str(gone.pid), str(reference))
    os.close(reference)
    assert os.listdir(parent) == ["other"]


def test_without_references_to_processes_it_looks_whether_there_is_one(tmp_path):
    (tmp_path / "run").mkdir()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
        part.main(str(tmp_path / "run"), str(process.pid), "")
    assert not tmp_path.exists()
