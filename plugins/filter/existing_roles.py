# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: existing_roles
short_description: Roles that someone else has made for the platform, by the names of its own
version_added: 0.1.0
description:
  - Turns C(platform_existing_roles) into what the module M(agent_platform.aws.iam_role) takes.
positional: _input, prefix
options:
  _input:
    description: ARNs by the names of the roles that the platform would make, without its prefix.
    type: dict
    required: true
  prefix:
    description: What the names of the platform begin with.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the roles of others
  ansible.builtin.debug:
    msg: "{{ {'eks-nodes': 'arn:aws:iam::123456789012:role/nodes'} | agent_platform.aws.existing_roles('demo') }}"
  # {"demo-eks-nodes": "arn:aws:iam::123456789012:role/nodes"}
"""

RETURN = r"""
_value:
  description: ARNs by names of the platform's roles.
  type: dict
"""

from ansible_collections.agent_platform.aws.plugins.module_utils import names


def existing_roles(existing, prefix):
    return names.existing_roles(existing, prefix)


class FilterModule:
    def filters(self):
        return {"existing_roles": existing_roles}
