#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: elasticache_parameter_group
version_added: 0.1.0
short_description: Manage an ElastiCache parameter group
description:
  - Creates, changes and deletes a cache parameter group with its own parameters and its tags.
  - It replaces M(community.aws.elasticache_parameter_group), which in release 11.2.0 refuses the families of Redis
    OSS 7 and of Valkey, knows no tags, and leaves parameters that are no longer declared.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the group, up to 255 letters, digits and hyphens. ElastiCache stores it in lower case.
    type: str
    required: true
  family:
    description:
      - Family of engine versions that it is for, such as V(valkey8). Needed to create it. It can't be changed.
    type: str
  description:
    description:
      - What the group is for. Needed to create it. It can't be changed.
    type: str
  parameters:
    description:
      - The parameters that differ from the family's, each a name and its value. All others have the values of the
        family; those that were given another one and aren't listed get that back. An empty mapping, C({}), resets all.
      - A parameter that needs a reboot of the nodes takes effect after it, which this module doesn't cause.
    type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a parameter group
  agent_platform.aws.elasticache_parameter_group:
    name: demo-redis-valkey8
    family: valkey8
    description: Parameters of demo-redis
    parameters:
      maxmemory-policy: volatile-lru
      timeout: 3600
    tags:
      Project: demo

- name: Delete a parameter group
  agent_platform.aws.elasticache_parameter_group:
    name: demo-redis-valkey8
    state: absent
"""

RETURN = r"""
parameter_group:
  description: The group as ElastiCache describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the group.
      type: str
      sample: arn:aws:elasticache:us-west-2:123456789012:parametergroup:demo-redis-valkey8
    cache_parameter_group_family:
      description: Family of engine versions that it is for.
      type: str
      sample: valkey8
    cache_parameter_group_name:
      description: Name of the group.
      type: str
    parameters:
      description: The parameters that were given a value of their own, each with parameter_name and parameter_value.
      type: list
      elements: dict
    tags:
      description: Tags of the group.
      type: dict
"""

import operator

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.elasticache import CacheResource, tags_addition
from ..module_utils.resource import run_module

MISSING = ("CacheParameterGroupNotFound",)
MOST_AT_ONCE = 20


def texts(parameters):
    """Names and values as ElastiCache writes them; what YAML reads as true is its yes."""

    def text(value):
        return ("yes" if value else "no") if isinstance(value, bool) else str(value)

    return {name.lower(): text(value) for name, value in parameters.items()}


def values_of(parameters):
    """The values by name. A prediction has them so already."""
    if isinstance(parameters, dict):
        return parameters
    return {item["ParameterName"].lower(): item.get("ParameterValue", "") for item in parameters}


class ParameterGroup(CacheResource):
    kind = "cache parameter group"
    result = "parameter_group"
    names = {"CacheParameterGroupName": "name"}
    identifier = "ARN"
    needed = ("family", "description")
    describe = Describe("DescribeCacheParameterGroups", "CacheParameterGroups", missing=MISSING, many=True)
    additions = (
        tags_addition(*MISSING),
        # Only those with a value of their own: a family has over a hundred.
        Addition("DescribeCacheParameters", "Parameters", "Parameters", by_hand=True),
    )
    create = Create("CreateCacheParameterGroup", exists=("CacheParameterGroupAlreadyExists",), tags="Tags")
    delete = Delete("DeleteCacheParameterGroup", missing=MISSING)
    settings = (
        Setting("family", "CacheParameterGroupFamily"),
        Setting("description", "Description"),
        Setting(
            "parameters",
            None,
            read="Parameters",
            update="parameters",
            update_members=("ParameterNameValues",),
            same=operator.eq,
            given=texts,
            decode=values_of,
            verbatim=True,
            absent={},
        ),
    )
    updates = {"parameters": Update("ModifyCacheParameterGroup")}
    extra_operations = ("ResetCacheParameterGroup",)
    unmanaged = {
        **dict.fromkeys(
            ("CreateCacheCluster", "ModifyCacheCluster", "ModifyGlobalReplicationGroup"),
            "they use the group and change nothing of it",
        )
    }
    # The clusters that used it are still going, or take what was changed before.
    passing = {"InvalidCacheParameterGroupState": ("",)}
    hints = {"InvalidCacheParameterGroupState": {"": "Remove the clusters that use it first, and run again."}}
    renewal = "A group for another family needs another name."

    def complete(self, description):
        if self.options["state"] == "absent" or self.options["parameters"] is None:
            return description
        request = {**self.named(), "Source": "user"}
        found = self.read("DescribeCacheParameters", request, MISSING) or {}
        return {**description, "Parameters": found.get("Parameters", [])}

    def update_parameters(self, changes, current):
        have, want = changes["parameters"].current, changes["parameters"].desired
        doing = f"change the parameters of {self.title}"
        for operation, parameters in (
            (
                "ModifyCacheParameterGroup",
                [
                    {"ParameterName": name, "ParameterValue": value}
                    for name, value in want.items()
                    if have.get(name) != value
                ],
            ),
            ("ResetCacheParameterGroup", [{"ParameterName": name} for name in have if name not in want]),
        ):
            for first in range(0, len(parameters), MOST_AT_ONCE):
                some = parameters[first : first + MOST_AT_ONCE]
                self.write(operation, {**self.named(), "ParameterNameValues": some}, doing)


def main():
    run_module(ParameterGroup, DOCUMENTATION)


if __name__ == "__main__":
    main()
