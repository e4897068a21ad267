# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: gateway_settings
short_description: What a gateway is told of the platform
version_added: 0.1.0
description:
  - Takes an entry of C(platform_gateways) and the platform's facts, and returns the environment variables of its pods.
  - Its keys of the component C(configuration) are filled in from the table of that component, so each is said once.
positional: _input, facts, gateways, more
options:
  _input:
    description: The entry, complete.
    type: dict
    required: true
  facts:
    description: The facts, by component.
    type: dict
    required: true
  gateways:
    description: All entries, whose addresses within the cluster are keys, too, such as C(MEMORY_GATEWAY_SERVICE_URL).
    type: list
    elements: dict
    required: true
  more:
    description: Variables of all gateways. Those of the entry count before them.
    type: dict
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what the gateway is told
  ansible.builtin.debug:
    msg: "{{ gateway | agent_platform.aws.gateway_settings(facts, [gateway]) }}"
  vars:
    facts: {redis: {exists: true, port: 6379}}
    gateway:
      name: demo
      namespace: gateways
      configuration: [REDIS_HOST, REDIS_PORT]
      environment: {LOG_LEVEL: info}
  # {"data": {"REDIS_PORT": "6379", "LOG_LEVEL": "info"}, "absent": ["REDIS_HOST"], "ports": [6379]}
"""

RETURN = r"""
_value:
  description:
    - C(data) are the variables with their values, as texts. C(absent) are the keys that nothing can be told of yet.
      C(ports) are the ports of the data stores that its keys tell of.
  type: dict
"""


def gateway_settings(gateway, facts, gateways, more=None):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.filter.published import found, text_of
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import gateways as utils

    table, services = utils.settings_table(), utils.service_keys(gateways)
    data = {key: text_of(value) for key, value in (more or {}).items()}
    absent = []
    for key in gateway.get("configuration") or []:
        component, path = table.get(key) or ("", "")
        there = (facts.get(component) or {"exists": component not in facts}).get("exists")
        value = services.get(key) or (text_of(found(facts, path)) if path and there else "")
        if value:
            data[key] = value
        else:
            absent.append(key)
    for given in (gateway.get("secrets") or {}, gateway.get("environment") or {}):
        data.update({key: text_of(value) for key, value in given.items()})
    wanted = [utils.STORES[store] for store in utils.stores_of(gateway)]
    ports = {port if isinstance(port, int) else found(facts, port) for port in wanted}
    return {"data": data, "absent": absent, "ports": sorted(int(port) for port in ports if port)}


class FilterModule:
    def filters(self):
        return {"gateway_settings": gateway_settings}
