# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action of all modules of the collection that talk to AWS, not of platform_info alone.

meta/runtime.yml names it for each of them. An action plugin has the name of a module, which documents it; any would do.
"""

from __future__ import annotations

import json
import os
import sys

import ansible.constants as C
import ansible.module_utils
from ansible.errors import AnsibleError
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.plugins.loader import module_loader, module_utils_loader

from ansible_collections.agent_platform.aws.plugins.connection.warm import Connection, NotTaken
from ansible_collections.agent_platform.aws.plugins.plugin_utils import known
from ansible_collections.agent_platform.aws.plugins.plugin_utils.warm_server import ModuleCall

try:
    from ansible.executor.module_common import _BuiltModule
except ImportError:
    _BuiltModule = None

# Without these, as another version of Ansible may be, everything takes the usual way.
KNOWN = (
    _BuiltModule is not None
    and hasattr(module_utils_loader, "_get_paths")
    and all(hasattr(NormalAction, name) for name in ("_configure_module", "_execute_module", "_is_pipelining_enabled"))
)
# Settings by which modules run otherwise than by themselves: with limits, debuggers, measured, written in another form.
SPECIAL = ("PYTHON_MODULE_RLIMIT_NOFILE", "_MODULE_METADATA")
SPECIAL_PREFIX = "_ANSIBALLZ_"
# How arguments and results are written, unless _MODULE_METADATA lets a module choose.
PROFILE = "legacy"


class ActionModule(NormalAction):
    """What Ansible does for any module. But where the connection `warm` runs the module, that gets the module's name
    and arguments instead of an archive of all its code, which Ansible would have to build for each kind of module."""

    _builds = False

    def _execute_module(self, *args, **kwargs):
        if not args and "module_args" not in kwargs and self._task.args.get("fresh") is False:
            return known.RUN.look(
                self._task.args, lambda arguments: self._execute_module(module_args=arguments, **kwargs)
            )
        try:
            return super()._execute_module(*args, **kwargs)
        except NotTaken:
            self._builds = True
            return super()._execute_module(*args, **kwargs)

    def _configure_module(self, module_name, module_args, task_vars):
        if KNOWN and not self._builds and self._is_warm():
            delegate = self._task.delegate_to
            variables = task_vars["ansible_delegated_vars"][delegate] if delegate else task_vars
            if not self._is_special(variables):
                context = module_loader.find_plugin_with_context(module_name, collection_list=self._task.collections)
                if (call := self._call(context, module_args)) is not None:
                    return call, context.plugin_resolved_path
        return super()._configure_module(module_name, module_args, task_vars)

    def _is_warm(self):
        return (
            isinstance(self._connection, Connection)
            and self._connection.takes_modules()
            and not self._task.async_val
            # Else what is returned here would be written to a file.
            and self._is_pipelining_enabled("new")
        )

    def _is_special(self, variables):
        """Whether something else than the code on disk is to run, or not by the Python of the controller."""
        names = [name for name in C.config.get_configuration_definitions() if name.startswith(SPECIAL_PREFIX)]
        if any(C.config.get_config_value(name, variables=variables) for name in (*SPECIAL, *names)):
            return True
        try:
            interpreter = self._templar.template(C.config.get_config_value("INTERPRETER_PYTHON", variables=variables))
        except AnsibleError:
            return True
        own = os.path.dirname(ansible.module_utils.__file__)
        folders = [folder for folder in module_utils_loader._get_paths(subdirs=False) if os.path.isdir(folder)]
        return interpreter != sys.executable or folders != [own]

    @staticmethod
    def _call(context, module_args):
        """The call of a module of a collection, or None if it's none, or can't be made."""
        if not context.resolved or not context.plugin_resolved_collection:
            return None
        collection = context.plugin_resolved_collection
        name = context.resolved_fqcn.removeprefix(f"{collection}.")
        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        try:
            call = ModuleCall(
                json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder).encode(),
                name=f"ansible_collections.{collection}.plugins.modules.{name}",
                path=context.plugin_resolved_path,
                profile=PROFILE,
            )
            shebang = f"#!{sys.executable}"
            return _BuiltModule(b_module_data=call, module_style="new", shebang=shebang, serialization_profile=PROFILE)
        except TypeError:  # arguments that can't be written, or Ansible wants more of what it builds
            return None
