# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: changes
type: notification
short_description: Ends a run with what it has changed, or would change
version_added: 0.1.0
description:
  - The last lines of a run say, by component, what was added, changed (setting, old and new value), replaced or
    removed, or in check mode what would be. The long differences are C(--diff)'s.
  - Modules of this collection tell it of their changes without C(--diff), too. Of a task with another module that
    doesn't, its name is shown.
  - Where Ansible prints JSON, they go to standard error.
  - What C(--diff) hides is hidden here as well, and so is all of a task with C(no_log).
requirements:
  - To be enabled in C(callbacks_enabled) of the section C([defaults]) in ansible.cfg.
options:
  path:
    description:
      - A file to which the changes are written as JSON, for a pipeline that comments on a proposed change.
      - A list with C(component), C(action) (V(add), V(change), V(replace), V(remove)), C(resource) and C(settings),
        each of these with C(setting), C(old) and C(new). Empty where nothing has changed.
    type: path
    env:
      - name: AGENT_PLATFORM_CHANGES_PATH
    ini:
      - section: callback_agent_platform_changes
        key: path
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = agent_platform.aws.changes
  # WOULD CHANGE ****************************************************************
  # redis  ~ replication group agent-platform-dev  snapshot_retention_limit: 7 → 14
  # redis  + parameter group agent-platform-dev-valkey8
  # 1 to add, 1 to change
"""

import json

from ansible import constants as C
from ansible import context
from ansible.plugins.callback import CallbackBase

from ansible_collections.agent_platform.aws.plugins.plugin_utils.changes import (
    ADD,
    CHANGE,
    OBJECTS,
    REMOVE,
    REPLACE,
    Changes,
    report,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.output import beside_stdout

COLORS = {ADD: "COLOR_DIFF_ADD", CHANGE: "COLOR_CHANGED", REPLACE: "COLOR_CHANGED", REMOVE: "COLOR_DIFF_REMOVE"}
# Of the line with the title, as Ansible's own.
WIDTH = 79
# A play that brings components to this state may change something; others only look.
STATE = "component_state"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "agent_platform.aws.changes"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        self._changes = Changes()
        self._may_change = False

    def v2_playbook_on_play_start(self, play):
        self._may_change = self._may_change or STATE in play.get_vars()

    def v2_runner_on_ok(self, result):
        task = result.task
        # The copy of a result is dear, and most have changed nothing.
        if result.is_changed() or task.action == OBJECTS:
            name = (task.name or task.action).rpartition(" | ")[2]
            absent = task.args.get("state") == "absent"
            self._changes.note(
                result.host.get_name(), task.action, name, result.result, loop=bool(task.loop), absent=absent
            )

    def v2_runner_on_failed(self, result, ignore_errors=False):
        # Others of its resources may have been changed.
        if result.is_changed():
            self.v2_runner_on_ok(result)

    def v2_playbook_on_stats(self, stats):
        changes = self._changes.all()
        path = self.get_option("path")
        if path:
            with open(path, "w", encoding="utf-8") as file:
                json.dump([change.as_dict() for change in changes], file, indent=2, ensure_ascii=False, default=str)
        if changes or (self._may_change and not stats.failures):
            dry, elsewhere = bool(context.CLIARGS.get("check")), beside_stdout()
            title = "WOULD CHANGE" if dry else "CHANGED"
            self._display.display(f"\n{title} {'*' * (WIDTH - len(title))}", stderr=elsewhere)
            for line, action in report(changes, dry):
                color = getattr(C, COLORS[action]) if action else None
                self._display.display(line, color=color, stderr=elsewhere)
