# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: role_arn
short_description: ARN of an IAM role of the platform
version_added: 0.1.0
description:
  - Builds the ARN of a role that the platform makes, with the path that all of them have, C(platform_iam_path), or
    takes that of C(platform_existing_roles) where someone else has made the role.
  - It needs what the filter P(agent_platform.aws.arn#filter) needs.
positional: _input
options:
  _input:
    description: Name of the role.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the ARN of a role
  ansible.builtin.debug:
    msg: "{{ 'demo-eks-nodes' | agent_platform.aws.role_arn }}"
"""

RETURN = r"""
_value:
  description: The ARN.
  type: str
  sample: arn:aws:iam::123456789012:role/teams/agents/demo-eks-nodes
"""

from jinja2 import pass_context

from ansible_collections.agent_platform.aws.plugins.filter.arn import arn
from ansible_collections.agent_platform.aws.plugins.module_utils.names import existing_roles


@pass_context
def role_arn(context, name):
    if (existing := context.get("platform_existing_roles")) and (
        found := existing_roles(existing, context["platform_prefix"]).get(name)
    ):
        return found
    return arn(context, f"role{context.get('platform_iam_path', '/')}{name}", "iam")


class FilterModule:
    def filters(self):
        return {"role_arn": role_arn}
