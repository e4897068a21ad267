# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: resource_name
short_description: Name of a resource of the platform
version_added: 0.1.0
description:
  - Joins the platform's prefix and the name of a thing, and shortens the result with a stable hash where the AWS
    service allows fewer characters.
positional: _input, prefix, kind
options:
  _input:
    description: What the resource is, such as V(flow-logs).
    type: str
    required: true
  prefix:
    description: Prefix of all names of the platform, normally C(platform_prefix).
    type: str
    required: true
  kind:
    description:
      - Kind of the resource, such as V(iam_role), which gives the longest name that its service accepts.
      - One that isn't known is refused with those that are.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the name of the flow logs' role
  ansible.builtin.debug:
    msg: "{{ 'flow-logs' | agent_platform.aws.resource_name('agent-platform-dev', 'iam_role') }}"
  # agent-platform-dev-flow-logs
"""

RETURN = r"""
_value:
  description: The name, never longer than its kind allows.
  type: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name


def _resource_name(thing, prefix, kind):
    try:
        return resource_name(str(thing), str(prefix), str(kind))
    except ValueError as error:
        raise AnsibleFilterError(f"agent_platform.aws.resource_name: {error}") from error


class FilterModule:
    def filters(self):
        return {"resource_name": _resource_name}
