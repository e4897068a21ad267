# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: gateway_addresses
short_description: Where the gateways are reached
version_added: 0.1.0
description:
  - Gives the addresses of the entries of C(platform_gateways), by the keys under which they are published.
positional: _input, url
options:
  _input:
    description: The entries.
    type: list
    elements: dict
    required: true
  url:
    description: Where the load balancer is; none while there is none, and then their addresses there are empty.
    type: str
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show where the gateways are
  ansible.builtin.debug:
    msg: "{{ platform_gateways | agent_platform.aws.gateway_addresses('https://gateways.example.com') }}"
  # {"LLM_GATEWAY_ENDPOINT": "https://gateways.example.com/api/llm-gateway",
  #  "LLM_GATEWAY_SERVICE_URL": "http://llm-gateway.gateways.svc.cluster.local:80", ...}
"""

RETURN = r"""
_value:
  description: The addresses, by their keys.
  type: dict
"""


def gateway_addresses(gateways, url=None):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import gateways as utils

    return utils.addresses(utils.complete(gateways), url)


class FilterModule:
    def filters(self):
        return {"gateway_addresses": gateway_addresses}
