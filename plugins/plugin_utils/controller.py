# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the process of ansible-playbook does once for a run, before its first task."""

from __future__ import annotations

import functools
import gc
from pathlib import Path

from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.plugins import loader
from ansible.utils.display import Display

from ansible_collections.agent_platform.aws.plugins.plugin_utils import lifeline, templates

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
    (loader.lookup_loader, "file"),
    (loader.lookup_loader, "template"),
    (loader.lookup_loader, "vars"),
    (loader.shell_loader, "sh"),
)


@functools.cache
def prepare() -> None:
    """Let the processes of tasks end with this one, and have from their birth what plugins they need."""
    lifeline.prepare_workers()
    templates.share()
    load_plugins()
    # What is there now stays: no process needs to look through it for what could be freed.
    gc.freeze()


def own_plugins():
    """Loader and full name of each plugin of the collection, by its files."""
    for kind in LOADERS:
        for file in sorted((PLUGINS / kind.type).glob("*.py")):
            yield kind, f"{COLLECTION}.{file.stem}"


def load_plugins() -> None:
    """Ask Ansible's loaders for the plugins of the collection and for those that come with Ansible and all runs use."""
    wanted = [*own_plugins(), *((kind, f"ansible.builtin.{name}") for kind, name in BUILTIN)]
    for kind, name in wanted:
        try:
            kind.get(name, class_only=True)
        except Exception as error:
            # The task that needs it tells of it.
            Display().vv(f"{name} isn't loaded beforehand: {error}")
    # These load how arguments and results of modules are written.
    get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
    get_module_decoder("legacy", Direction.MODULE_TO_CONTROLLER)
