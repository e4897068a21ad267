# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the process of ansible-playbook does once for a run, before its first task."""

from __future__ import annotations

import functools
import gc
import inspect
from pathlib import Path

from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.plugins import loader
from ansible.utils.display import Display
from jinja2.defaults import DEFAULT_FILTERS, DEFAULT_TESTS

from ansible_collections.agent_platform.aws.plugins.plugin_utils import lifeline, templates

COLLECTION = "agent_platform.aws"
# Of so many new objects at a time Python looks which can be freed. By default it's some hundred, so that each task
# spends a tenth of its time on that, and ends with all that it has made anyway.
NEW_OBJECTS = 100_000
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
    remember_jinja_plugins()
    # Each skipped task looks at the lines of code that it comes from: those of what is loaded are known now.
    inspect.stack()
    # What is there now stays: no process needs to look through it for what could be freed.
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


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


@functools.cache
def remember_jinja_plugins() -> None:
    """Ask once where the filters and tests of the collection are, and that Ansible has none in place of Jinja's own.

    Ansible goes through all files of a collection for each, in each process anew.
    """
    find = loader.Jinja2Loader.get_with_context
    known = {}

    @functools.wraps(find)
    def found(kind, name, *args, **kwargs):
        answer = known.get((kind.type, name)) if not args and not kwargs else None
        if answer is None:
            return find(kind, name, *args, **kwargs)
        if isinstance(answer, KeyError):
            raise KeyError(*answer.args)
        return answer

    jinja = ((loader.filter_loader, DEFAULT_FILTERS), (loader.test_loader, DEFAULT_TESTS))
    names = [*own_plugins(), *((kind, name) for kind, defaults in jinja for name in defaults)]
    for kind, name in names:
        if kind in (loader.filter_loader, loader.test_loader):
            try:
                known[kind.type, name] = find(kind, name)
            except KeyError as error:
                known[kind.type, name] = error
            except Exception as error:
                Display().vv(f"{name} isn't looked up beforehand: {error}")
    loader.Jinja2Loader.get_with_context = found
