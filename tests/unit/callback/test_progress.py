# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from ansible_collections.agent_platform.aws.plugins.callback import progress
from ansible_collections.agent_platform.aws.plugins.callback.progress import RunningTasks, duration_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45.9, "45s"), (60, "1m00s"), (150, "2m30s"), (3599, "59m59s"), (3600, "1h00m"), (3725, "1h02m")],
)
def test_durations_as_people_say_them(seconds, text):
    assert duration_text(seconds) == text


def test_a_task_is_told_after_a_while_and_then_at_intervals():
    tasks = RunningTasks(after=30, interval=60)
    assert tasks.next_due() is None

    tasks.start("eks", "a", "Ensure the cluster", 100.0)

    assert tasks.next_due() == 130.0
    assert tasks.lines(129.9) == []
    assert tasks.lines(130.0) == ["[eks] still running after 30s: Ensure the cluster"]
    assert tasks.lines(131.0) == []
    assert tasks.next_due() == 190.0
    assert tasks.lines(250.0) == ["[eks] still running after 2m30s: Ensure the cluster"]


def test_tasks_of_hosts_are_told_apart():
    tasks = RunningTasks(after=30, interval=30)
    tasks.start("eks", "a", "Ensure the cluster", 0.0)
    tasks.start("redis", "a", "Ensure the cache", 10.0)

    tasks.end("eks", "a")
    tasks.end("eks", "never started")

    assert tasks.next_due() == 40.0
    assert tasks.lines(40.0) == ["[redis] still running after 30s: Ensure the cache"]
    tasks.clear()
    assert tasks.next_due() is None


class Display:
    verbosity = 0

    def __init__(self):
        self.lines = []
        self.seen = threading.Event()

    def display(self, text, color=None, stderr=False):
        self.lines.append(text)
        self.seen.set()


HOST = SimpleNamespace(get_name=lambda: "eks")
TASK = SimpleNamespace(_uuid="a", name="Ensure the cluster", action="agent_platform.aws.eks_cluster")
RESULT = SimpleNamespace(host=HOST, task=TASK)


@pytest.fixture
def callback():
    plugin = progress.CallbackModule(display=Display())
    plugin._tasks = RunningTasks(after=0.05, interval=0.05)
    yield plugin
    plugin.v2_playbook_on_stats(None)


def test_prints_while_a_task_runs_and_ends_with_the_run(callback):
    callback.v2_runner_on_start(HOST, TASK)

    assert callback._display.seen.wait(10)
    assert callback._display.lines[0] == "[eks] still running after 0s: Ensure the cluster"
    thread = callback._thread
    callback.v2_playbook_on_stats(None)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "end",
    [
        lambda callback: callback.v2_runner_on_ok(RESULT),
        lambda callback: callback.v2_runner_on_failed(RESULT, ignore_errors=True),
        lambda callback: callback.v2_runner_on_skipped(RESULT),
        lambda callback: callback.v2_runner_on_unreachable(RESULT),
        lambda callback: callback.v2_playbook_on_play_start(None),
    ],
)
def test_prints_nothing_for_what_has_ended(callback, end):
    callback.v2_runner_on_start(HOST, TASK)
    end(callback)
    time.sleep(0.15)

    assert callback._display.lines == []


def test_a_run_without_a_task_starts_no_thread(callback):
    callback.v2_playbook_on_stats(None)

    assert callback._thread is None


def test_a_task_without_a_name_is_told_by_its_action(callback):
    callback.v2_runner_on_start(HOST, SimpleNamespace(_uuid="b", name="", action="ansible.builtin.debug"))

    assert callback._display.seen.wait(10)
    assert callback._display.lines[0].endswith(": ansible.builtin.debug")
