# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: preload
type: aggregate
short_description: Loads plugins once, before the tasks, and has these end with the run
version_added: 0.1.0
description:
  - Ansible runs each task in a process of its own, a fork that loads the plugins it needs and ends with them. A run of
    the platform has a hundred such processes, which all need the same.
  - This callback loads them at the start of the playbook, so the processes have them from their birth. It asks the
    loaders of Ansible for the plugins of this collection and for those of C(ansible.builtin) that all runs use.
  - The processes end with C(ansible-playbook), however that ends, and one that can't be started is an error. Ansible
    alone goes on without the task then.
  - As long as the run has changed nothing, it keeps what M(agent_platform.aws.platform_info) has found, for tasks with
    that module that say C(fresh=false).
  - It changes no result. Without it a run takes longer.
  - The playbooks of this collection do the same by themselves. This is for other playbooks.
requirements:
  - To be enabled in C(callbacks_enabled) of the section C([defaults]) in ansible.cfg.
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = agent_platform.aws.preload
"""

from ansible.plugins.callback import CallbackBase

from ansible_collections.agent_platform.aws.plugins.plugin_utils import controller, known

LOOK = "agent_platform.aws.platform_info"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "agent_platform.aws.preload"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        controller.prepare()

    def v2_runner_on_ok(self, result):
        if result.is_changed():
            known.RUN.forget()
        elif result.task.action == LOOK:
            known.RUN.note(result.result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        known.RUN.forget()

    def v2_runner_on_unreachable(self, result):
        known.RUN.forget()
