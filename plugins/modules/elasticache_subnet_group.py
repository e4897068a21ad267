#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: elasticache_subnet_group
version_added: 0.1.0
short_description: Manage an ElastiCache subnet group
description:
  - Creates, changes and deletes a cache subnet group with its subnets, its description and its tags.
  - It replaces M(community.aws.elasticache_subnet_group), which in release 11.2.0 knows no tags, and so takes every
    group of that name for its own.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the group, up to 255 letters, digits and hyphens. ElastiCache stores it in lower case.
    type: str
    required: true
  description:
    description:
      - What the group is for. Needed to create it.
    type: str
  subnet_ids:
    description:
      - The subnets, all of one VPC. Needed to create the group.
      - A subnet in which there are nodes can't be taken away.
    type: list
    elements: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a subnet group
  agent_platform.aws.elasticache_subnet_group:
    name: demo-redis
    description: Private subnets of demo
    subnet_ids:
      - subnet-0a1b2c3d4e5f60001
      - subnet-0a1b2c3d4e5f60002
    tags:
      Project: demo

- name: Delete a subnet group
  agent_platform.aws.elasticache_subnet_group:
    name: demo-redis
    state: absent
"""

RETURN = r"""
subnet_group:
  description: The group as ElastiCache describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the group.
      type: str
      sample: arn:aws:elasticache:us-west-2:123456789012:subnetgroup:demo-redis
    cache_subnet_group_description:
      description: What the group is for.
      type: str
    cache_subnet_group_name:
      description: Name of the group.
      type: str
    subnets:
      description: The subnets, each with its subnet_identifier and its zone.
      type: list
      elements: dict
    tags:
      description: Tags of the group.
      type: dict
    vpc_id:
      description: The VPC of the subnets.
      type: str
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.elasticache import CacheResource, tags_addition
from ..module_utils.resource import run_module

MISSING = ("CacheSubnetGroupNotFoundFault",)


def subnet_ids(subnets):
    """IDs of subnets. A request takes them, a description gives them with more."""
    return [subnet if isinstance(subnet, str) else subnet["SubnetIdentifier"] for subnet in subnets]


class SubnetGroup(CacheResource):
    kind = "cache subnet group"
    result = "subnet_group"
    names = {"CacheSubnetGroupName": "name"}
    identifier = "ARN"
    needed = ("description", "subnet_ids")
    describe = Describe("DescribeCacheSubnetGroups", "CacheSubnetGroups", missing=MISSING, many=True)
    additions = (tags_addition(*MISSING),)
    create = Create("CreateCacheSubnetGroup", exists=("CacheSubnetGroupAlreadyExists",), tags="Tags")
    delete = Delete("DeleteCacheSubnetGroup", missing=MISSING)
    settings = (
        Setting("description", "CacheSubnetGroupDescription", update="group"),
        Setting("subnet_ids", "SubnetIds", read="Subnets", update="group", unordered=True, decode=subnet_ids),
    )
    updates = {"group": Update("ModifyCacheSubnetGroup")}
    unmanaged = {"CreateCacheCluster": "it uses the group and changes nothing of it"}
    # The nodes that were in it are still going.
    passing = {"CacheSubnetGroupInUse": ("",)}
    hints = {
        "CacheSubnetGroupInUse": {"": "Remove the clusters that use it first, and run again."},
        "SubnetInUse": {"": "There are nodes in a subnet that was taken away: leave it in."},
    }


def main():
    run_module(SubnetGroup, DOCUMENTATION)


if __name__ == "__main__":
    main()
