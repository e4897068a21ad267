# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: dynamodb_tables
short_description: What modules are given for the tables of the platform
version_added: 0.1.0
description:
  - Turns the entries of C(dynamodb_tables) into what M(agent_platform.aws.dynamodb_table),
    M(agent_platform.aws.application_autoscaling_target) and M(agent_platform.aws.application_autoscaling_policy) take
    as C(aggregate).
positional: _input, prefix, tags, shared
options:
  _input:
    description: The entries, with what they leave out filled in.
    type: list
    elements: dict
    required: true
  prefix:
    description: How names of the platform begin.
    type: str
    required: true
  tags:
    description: Tags of each table, besides its name.
    type: dict
    required: true
  shared:
    description: What an entry has that doesn't say it itself.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Make the tables
  agent_platform.aws.dynamodb_table:
    aggregate: "{{ (dynamodb_tables | agent_platform.aws.dynamodb_tables('demo', {}, shared))['tables'] }}"
"""

RETURN = r"""
_value:
  description:
    - C(tables), C(targets) and C(policies), each a list of entries for a module, and C(target_names), which name the
      targets without anything more.
  type: dict
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name

# How capacities are called: by Application Auto Scaling, by its metrics, and by options of the table's module.
CAPACITIES = (
    ("ReadCapacityUnits", "DynamoDBReadCapacityUtilization", "read"),
    ("WriteCapacityUnits", "DynamoDBWriteCapacityUtilization", "write"),
)
OWN = ("read_capacity", "write_capacity")


def throughput(entry):
    result = {}
    for _unit, _metric, kind in CAPACITIES:
        capacity = entry[f"{kind}_capacity"]
        result[f"{kind}_capacity_units"] = capacity["min"]
        result[f"most_{kind}_capacity_units"] = capacity["max"]
    return result


def scaled(entry, name):
    """The capacities of a table and its indexes that follow the load: what, by which dimension, and how far."""
    if entry["state"] != "present" or entry["billing_mode"] != "PROVISIONED":
        return
    table = f"table/{name}"
    indexes = [f"{table}/index/{index['name']}" for index in entry["global_indexes"]]
    for resource, thing in [(table, "table"), *((index, "index") for index in indexes)]:
        for unit, metric, kind in CAPACITIES:
            capacity = entry[f"{kind}_capacity"]
            if capacity["min"] < capacity["max"]:
                target = {"resource_id": resource, "scalable_dimension": f"dynamodb:{thing}:{unit}"}
                yield target, capacity, metric


def dynamodb_tables(entries, prefix, tags, shared):
    made = {"tables": [], "targets": [], "policies": [], "target_names": []}
    for given in entries:
        entry = {**shared, **{key: value for key, value in given.items() if value is not None}}
        name = resource_name(entry["name"], prefix, "dynamodb_table")
        table = {key: value for key, value in entry.items() if key not in OWN}
        table |= {"name": name, "tags": {**tags, "Name": name}}
        if entry["billing_mode"] == "PROVISIONED":
            table["provisioned_throughput"] = throughput(entry)
        made["tables"].append(table)
        for target, capacity, metric in scaled(entry, name):
            made["target_names"].append(target)
            made["targets"].append({**target, "min_capacity": capacity["min"], "max_capacity": capacity["max"]})
            policy = {
                "name": f"{metric}:{target['resource_id']}",
                "predefined_metric": {"predefined_metric_type": metric},
            }
            made["policies"].append({**target, **policy})
    return made


class FilterModule:
    def filters(self):
        return {"dynamodb_tables": dynamodb_tables}
