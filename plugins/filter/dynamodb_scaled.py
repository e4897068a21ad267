# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: dynamodb_scaled
short_description: Capacities of DynamoDB tables and their indexes that follow the load
version_added: 0.1.0
description:
  - Lists what of tables Application Auto Scaling scales. Reads and writes of a table and of each of its global indexes,
    where the table is paid for capacity and the least of it is below the most.
positional: _input
options:
  _input:
    description:
      - The tables as M(agent_platform.aws.dynamodb_table) takes them.
    type: list
    elements: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Let capacities follow the load
  agent_platform.aws.application_autoscaling_target:
    service_namespace: dynamodb
    resource_id: "{{ item['resource_id'] }}"
    scalable_dimension: "{{ item['scalable_dimension'] }}"
    min_capacity: "{{ item['min'] }}"
    max_capacity: "{{ item['max'] }}"
  loop: "{{ tables | agent_platform.aws.dynamodb_scaled }}"
"""

RETURN = r"""
_value:
  description:
    - Each with C(resource_id), C(scalable_dimension), C(min), C(max) and the C(metric) that tells how much is in use.
  type: list
  elements: dict
"""

KINDS = ("Read", "Write")


def scaled(table):
    throughput = table.get("provisioned_throughput") or {}
    resource = f"table/{table['name']}"
    indexes = [(f"{resource}/index/{index['name']}", "index") for index in table.get("global_indexes") or []]
    for resource_id, thing in [(resource, "table"), *indexes]:
        for kind in KINDS:
            least, most = (throughput.get(f"{end}{kind.lower()}_capacity_units") for end in ("", "most_"))
            if least and most and least < most:
                yield {
                    "resource_id": resource_id,
                    "scalable_dimension": f"dynamodb:{thing}:{kind}CapacityUnits",
                    "min": least,
                    "max": most,
                    "metric": f"DynamoDB{kind}CapacityUtilization",
                }


def dynamodb_scaled(tables):
    return [found for table in tables if table.get("state") != "absent" for found in scaled(table)]


class FilterModule:
    def filters(self):
        return {"dynamodb_scaled": dynamodb_scaled}
