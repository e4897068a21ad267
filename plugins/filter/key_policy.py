# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: key_policy
short_description: Policy of a KMS key of the platform
version_added: 0.1.0
description:
  - Returns a key policy that lets IAM policies of the account allow the use of the key, and those AWS services use it
    that call KMS in their own name, for what bears the platform's name only.
  - Each action is named, so what KMS adds later is not allowed by itself.
positional: _input, platform, region, prefix
options:
  _input:
    description: ID of the policy.
    type: str
    required: true
  platform:
    description: The account, as M(agent_platform.aws.platform_info) returns it under C(platform).
    type: dict
    required: true
  region:
    description: The region of the key.
    type: str
    required: true
  prefix:
    description: What the platform's names begin with.
    type: str
    required: true
  administrators:
    description: ARNs of IAM users and roles that may administer the key and not use it.
    type: list
    elements: str
    default: []
  purpose:
    description: What the key is for, of those in O(purposes); without it, all that none of these is for.
    type: str
    choices: [logs, secrets, volumes]
  purposes:
    description: What there are keys of their own for.
    type: list
    elements: str
    choices: [logs, secrets, volumes]
    default: []
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the policy of the platform's key
  ansible.builtin.debug:
    msg: "{{ 'demo-key' | agent_platform.aws.key_policy(component_found.platform, platform_region, platform_prefix) }}"
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""


def key_policy(name, platform, region, prefix, administrators=(), purpose=None, purposes=()):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils.key_policy import Place, policy

    shared = {"platform_region": region, "platform_prefix": prefix}
    return policy(Place.of(platform, shared), name, administrators, purpose, purposes)


class FilterModule:
    def filters(self):
        return {"key_policy": key_policy}
