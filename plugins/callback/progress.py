# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: Says which tasks are still running
version_added: 0.1.0
description:
  - AWS takes minutes for some resources, such as ten for an EKS cluster, and Ansible is silent as long as a task runs.
  - This callback prints a line for each task that has been running for a while, and again at intervals, with the time
    so far. Where Ansible prints JSON, it goes to standard error.
requirements:
  - To be enabled in C(callbacks_enabled) of the section C([defaults]) in ansible.cfg.
options:
  after:
    description: Seconds that a task has to run before its first line.
    type: int
    default: 30
    env:
      - name: AGENT_PLATFORM_PROGRESS_AFTER
    ini:
      - section: callback_agent_platform_progress
        key: after
  interval:
    description: Seconds between the further lines of the same task.
    type: int
    default: 30
    env:
      - name: AGENT_PLATFORM_PROGRESS_INTERVAL
    ini:
      - section: callback_agent_platform_progress
        key: interval
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = agent_platform.aws.progress

  [callback_agent_platform_progress]
  after = 60
  # [eks] still running after 2m30s: Ensure the cluster
"""

import threading
import time

from ansible import constants as C
from ansible.plugins.callback import CallbackBase

from ansible_collections.agent_platform.aws.plugins.plugin_utils.output import beside_stdout


def duration_text(seconds):
    """Seconds as people say them: 45s, 2m30s, 1h02m."""
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


class RunningTasks:
    """The tasks under way and when a line is next due for each; knows nothing of threads, time or Ansible."""

    def __init__(self, after, interval):
        self.after = after
        self.interval = interval
        self._running = {}

    def start(self, host, task, name, now):
        self._running[host, task] = [name, now, now + self.after]

    def end(self, host, task):
        self._running.pop((host, task), None)

    def clear(self):
        self._running.clear()

    def next_due(self):
        """When the next line is due, or None if nothing is running."""
        return min((due for _name, _started, due in self._running.values()), default=None)

    def lines(self, now):
        """The lines that are due now."""
        found = []
        for (host, _task), entry in self._running.items():
            name, started, due = entry
            if now >= due:
                found.append(f"[{host}] still running after {duration_text(now - started)}: {name}")
                entry[2] = now + self.interval
        return found


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "agent_platform.aws.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        self._tasks = RunningTasks(30, 30)
        self._changed = threading.Condition()
        self._thread = None
        self._stopping = False

    def set_options(self, task_keys=None, var_options=None, direct=None):
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        # An interval of nothing would print without end.
        self._tasks = RunningTasks(max(0, self.get_option("after")), max(1, self.get_option("interval")))

    def _watch(self):
        while True:
            with self._changed:
                if self._stopping:
                    return
                due = self._tasks.next_due()
                if due is None or due > time.monotonic():
                    self._changed.wait(None if due is None else due - time.monotonic())
                    continue
                lines = self._tasks.lines(time.monotonic())
            # Printed outside the lock: the main thread must never wait for a slow terminal to note a task.
            for line in lines:
                self._display.display(line, color=C.COLOR_VERBOSE, stderr=beside_stdout())

    def v2_runner_on_start(self, host, task):
        with self._changed:
            self._tasks.start(host.get_name(), task._uuid, task.name or task.action, time.monotonic())
            if self._thread is None:
                # A daemon, so that an interrupted run ends at once.
                self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _ended(self, result):
        with self._changed:
            self._tasks.end(result.host.get_name(), result.task._uuid)

    def v2_runner_on_ok(self, result):
        self._ended(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._ended(result)

    def v2_runner_on_skipped(self, result):
        self._ended(result)

    def v2_runner_on_unreachable(self, result):
        self._ended(result)

    def v2_playbook_on_play_start(self, play):
        # Whatever a strategy left without an end, such as an included file, is over with its play.
        with self._changed:
            self._tasks.clear()

    def v2_playbook_on_stats(self, stats):
        with self._changed:
            self._stopping = True
            self._tasks.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)
