# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action of ssm_port_forward: it knows the run that a tunnel belongs to."""

from __future__ import annotations

import multiprocessing
import os

import ansible.constants as C

from ansible_collections.agent_platform.aws.plugins.action.platform_info import ActionModule as ModuleAction
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_folder import run_folder


class ActionModule(ModuleAction):
    """Whose process and folder it is, where the task doesn't say."""

    def run(self, tmp=None, task_vars=None):
        if self._connection.transport != "local":
            reason = (
                "A tunnel belongs to the machine of ansible-playbook, and this task runs over "
                f"{self._connection.transport}: give it delegate_to: localhost."
            )
            return {"failed": True, "changed": False, "msg": reason}
        controller = multiprocessing.parent_process()
        defaults = {
            "owner_pid": controller.pid if controller else os.getpid(),
            "folder": run_folder(C.DEFAULT_LOCAL_TMP),
        }
        given = {name: value for name, value in self._task.args.items() if value is not None}
        self._task.args = {**defaults, **given}
        return super().run(tmp, task_vars)
