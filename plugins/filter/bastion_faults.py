# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: bastion_faults
short_description: What is wrong with the variables of a bastion
version_added: 0.1.0
description:
  - Applies the rules of the role P(agent_platform.aws.bastion#role) that its argument spec can't state.
  - Is told about the password whether it is V(given), V(empty) or V(padded), not the password.
positional: _input
options:
  _input:
    description: The values, as the role's C(__bastion_checked) gives them.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Refuse values with faults
  ansible.builtin.assert:
    that: faults | length == 0
    fail_msg: "{{ faults | join('\n') }}"
  vars:
    faults: "{{ __bastion_checked | agent_platform.aws.bastion_faults }}"
"""

RETURN = r"""
_value:
  description: One line for each fault, with the variable, its value and the rule.
  type: list
  elements: str
"""


def bastion_faults(values):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import bastion

    return bastion.bastion_faults(values)


class FilterModule:
    def filters(self):
        return {"bastion_faults": bastion_faults}
