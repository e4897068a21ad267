# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: collectors
short_description: OpenTelemetry collectors from a table, and what is changed in it
version_added: 0.1.0
description:
  - Merges what is common to all collectors, a table of them by name, and changes to it, and gives each its name and the
    labels that the operator gives its pods.
  - Mappings are merged. A list gets what a later one adds; what is null in a later one is taken out.
  - The pods have an annotation that tells the specification, so that it is seen when the operator has taken it over.
  - What a collector would refuse at its start is an error.
positional: _input
options:
  _input:
    description: The table.
    type: dict
    required: true
  common:
    description: What each specification begins with.
    type: dict
    default: {}
  changes:
    description: Tables that are merged with the table, one after the other.
    type: list
    elements: dict
    default: []
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the collectors
  ansible.builtin.debug:
    msg: "{{ table | agent_platform.aws.collectors(common={'mode': 'daemonset'}) }}"
  vars:
    table:
      events:
        namespace: observability
        service_account: events
        spec:
          image: public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0
          config:
            receivers: {otlp: {protocols: {http: {endpoint: 0.0.0.0:4318}}}}
            exporters: {debug: {}}
            service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
"""

RETURN = r"""
_value:
  description: The collectors in the order of their names, each complete.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError


def collectors(table, common=None, changes=()):
    # Every process of a run loads every filter, and few call this one.
    from ansible_collections.agent_platform.aws.plugins.plugin_utils import collectors as rules

    whole = rules.table(common or {}, table, *changes)
    found = [f"telemetry_collectors.{where} {why}" for where, why in rules.faults(whole)]
    if found:
        raise AnsibleFilterError("\n".join(found))
    return [rules.complete(name, entry) for name, entry in sorted(whole.items())]


class FilterModule:
    def filters(self):
        return {"collectors": collectors}
