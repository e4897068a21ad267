# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: each
short_description: Fill in a variable once for each item of a list
version_added: 0.1.0
description:
  - Gives a list with the value of a variable for each item, which it knows as C(item), as the arguments of a task in a
    C(loop) do.
  - With it the entries of a module's option C(aggregate) are written down like the arguments of a looped task.
options:
  _terms:
    description: The items, in one list.
  entry:
    description: Name of the variable whose value is filled in. What it sets to V(omit) is left out.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Make a subnet in each zone
  agent_platform.aws.ec2_subnet:
    vpc_id: vpc-0123456789abcdef0
    aggregate: "{{ query('agent_platform.aws.each', zones, entry='subnet') }}"
  vars:
    zones: [{name: us-west-2a, cidr: 10.0.1.0/24}, {name: us-west-2b, cidr: 10.0.2.0/24}]
    subnet:
      cidr_block: "{{ item['cidr'] }}"
      availability_zone: "{{ item['name'] }}"
"""

RETURN = r"""
_raw:
  description: The values, in the order of the items.
  type: list
  elements: raw
"""

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms, variables=None, *, entry="", **kwargs):
        if entry not in variables:
            raise AnsibleError(f"There is no variable {entry}.")
        (items,) = terms
        return [
            self._templar.copy_with_new_env(available_variables={**variables, "item": item}).template(variables[entry])
            for item in items
        ]
