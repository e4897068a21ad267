# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: gateway_table
short_description: The gateways with all that their entries leave out
version_added: 0.1.0
description:
  - Fills in, for each entry of C(platform_gateways), the settings of its preset, the image of the environment and the
    defaults of the argument spec.
positional: _input, images, presets
options:
  _input:
    description: The entries.
    type: list
    elements: dict
    required: true
  images:
    description: Images by the names of the gateways, as C(gateways_images).
    type: dict
  presets:
    description: Settings by the names of presets. By default those of the role C(gateways), with nothing filled in.
    type: dict
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the ports of all gateways
  ansible.builtin.debug:
    msg: "{{ platform_gateways | agent_platform.aws.gateway_table | map(attribute='port') }}"
"""

RETURN = r"""
_value:
  description: The entries, complete.
  type: list
  elements: dict
"""


def gateway_table(gateways, images=None, presets=None):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils.gateways import complete

    return complete(gateways, images, presets)


class FilterModule:
    def filters(self):
        return {"gateway_table": gateway_table}
