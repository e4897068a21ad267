# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: with_defaults
short_description: Entries of a role's variable with what they leave out
version_added: 0.1.0
description:
  - Fills in the defaults that the argument spec of a role of this collection has for the suboptions of a variable, at
    any depth. They stand nowhere else.
  - What has no default stays left out.
positional: _input, role, variable
options:
  _input:
    description: The value of the variable, a list of entries or one.
    type: raw
    required: true
  role:
    description: The role that declares the variable.
    type: str
    required: true
  variable:
    description: Name of the variable.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the add-ons
  ansible.builtin.debug:
    msg: "{{ [{'name': 'coredns'}] | agent_platform.aws.with_defaults('eks', 'eks_addons') }}"
  # [{"name": "coredns", "state": "present", "version": "default", ...}]
"""

RETURN = r"""
_value:
  description: The value, complete.
  type: raw
"""

from ansible.errors import AnsibleFilterError


def with_defaults(value, role, variable):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

    option = roles.options(role).get(variable)
    if option is None:
        raise AnsibleFilterError(f"agent_platform.aws.with_defaults: the role {role} declares no {variable}")
    return roles.filled(value, option)


class FilterModule:
    def filters(self):
        return {"with_defaults": with_defaults}
