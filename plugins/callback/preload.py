# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: preload
type: aggregate
short_description: Loads plugins once, before the tasks
version_added: 0.1.0
description:
  - Ansible runs each task in a process of its own, a fork that loads the plugins it needs and ends with them. A run of
    the platform has a hundred such processes, which all need the same.
  - This callback loads them at the start of the playbook, so the processes have them from their birth. It asks the
    loaders of Ansible for the plugins of this collection and for those of C(ansible.builtin) that all runs use.
  - It changes no result. Without it a run takes longer.
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

from pathlib import Path

from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.plugins import loader
from ansible.plugins.callback import CallbackBase

COLLECTION = "agent_platform.aws"
PLUGINS = Path(__file__).resolve().parents[1]
# Loaders of the kinds of plugins that the collection brings and that the processes of tasks use.
LOADERS = (
    loader.action_loader,
    loader.connection_loader,
    loader.filter_loader,
    loader.lookup_loader,
    loader.test_loader,
)
# What comes along with Ansible. Of filters and tests it loads all with the first, of these each by itself.
BUILTIN = (
    (loader.action_loader, "normal"),
    (loader.lookup_loader, "env"),
    (loader.lookup_loader, "template"),
    (loader.shell_loader, "sh"),
)


def own_plugins():
    """Loader and full name of each plugin of the collection, by its files."""
    for kind in LOADERS:
        for file in sorted((PLUGINS / kind.type).glob("*.py")):
            yield kind, f"{COLLECTION}.{file.stem}"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "agent_platform.aws.preload"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        wanted = [*own_plugins(), *((kind, f"ansible.builtin.{name}") for kind, name in BUILTIN)]
        for kind, name in wanted:
            try:
                kind.get(name, class_only=True)
            except Exception as error:
                # The task that needs it tells of it.
                self._display.vv(f"{name} isn't loaded beforehand: {error}")
        # These load how arguments and results of modules are written.
        get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
        get_module_decoder("legacy", Direction.MODULE_TO_CONTROLLER)
