# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: records
type: notification
short_description: Writes what each task did on each host as JSON lines, for tests
version_added: 0.1.0
description:
  - One line for each result of a task, and one with the counts of each host at the end.
  - The output for people stays as it is.
requirements:
  - The environment variable TEST_RECORDS names the file to write.
options:
  path:
    description: File to write.
    type: path
    env:
      - name: TEST_RECORDS
  full:
    description: Whether each line, and each item of a loop in it, also holds all that was returned, as C(result).
    type: bool
    default: false
    env:
      - name: TEST_RECORDS_FULL
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

KEPT = ("msg", "skipped", "skip_reason", "false_condition", "changed", "failed", "exception")


def _is_loop(results):
    """Whether these are the results of a loop's items, and not what a single module returned under this name."""
    return isinstance(results, list) and any(
        isinstance(item, dict) and "_ansible_item_label" in item for item in results
    )


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "records"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        self._started = {}

    def _write(self, record):
        with open(self.get_option("path"), "a", encoding="utf-8") as file:
            file.write(json.dumps(record, default=str) + "\n")

    def _record(self, result, status, **more):
        content = result.result
        key = (result.host.get_name(), result.task._uuid)
        items = [
            {
                **{name: item[name] for name in KEPT if name in item},
                "item": str(item.get("_ansible_item_label", "")),
                **self._returned(item),
            }
            for item in content.get("results", [])
            if isinstance(item, dict)
        ]
        self._write(
            {
                "host": key[0],
                "task": result.task.get_name().strip(),
                "action": result.task.action,
                # The host on which it runs, where that is another one.
                **({"delegated": result.task.delegate_to} if result.task.delegate_to else {}),
                "status": status,
                "seconds": round(time.monotonic() - self._started.pop(key, time.monotonic()), 3),
                **{name: content[name] for name in KEPT if name in content},
                "items": items,
                **self._returned(content),
                **more,
            }
        )

    def _returned(self, content):
        """All of a result, without the results of a loop's items: each item has its own."""
        if not self.get_option("full"):
            return {}
        return {"result": {name: value for name, value in content.items() if name != "results" or not _is_loop(value)}}

    def v2_runner_on_start(self, host, task):
        self._started[host.get_name(), task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result):
        self._record(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._record(result, "failed", ignored=ignore_errors)

    def v2_runner_on_skipped(self, result):
        self._record(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._record(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self._write({"recap": {host: stats.summarize(host) for host in sorted(stats.processed)}})
