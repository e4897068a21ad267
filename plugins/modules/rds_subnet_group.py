#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_subnet_group
version_added: 0.1.0
short_description: Manage an RDS DB subnet group
description:
  - Creates, changes and deletes a DB subnet group, which says in which subnets databases may lie, with its tags.
  - It replaces M(amazon.aws.rds_subnet_group), which in release 11.4.0 changes a group of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the group, up to 255 letters, digits, periods, underscores, spaces and hyphens. RDS keeps it in lower
        case.
    type: str
    required: true
  description:
    description:
      - What the group is for. A new group has its name there if it isn't set.
    type: str
  subnet_ids:
    description:
      - IDs of the subnets, in two availability zones or more, all of one VPC. They are needed to create the group.
      - A subnet in which a database lies can't be taken out.
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
- name: Put databases into the private subnets
  agent_platform.aws.rds_subnet_group:
    name: demo-aurora
    description: Private subnets of demo
    subnet_ids: [subnet-0aa1, subnet-0bb2]

- name: Delete the group
  agent_platform.aws.rds_subnet_group:
    name: demo-aurora
    state: absent
"""

RETURN = r"""
subnet_group:
  description: The group as RDS describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    db_subnet_group_arn:
      description: ARN of the group. Not known in check mode before the group exists.
      type: str
      sample: arn:aws:rds:us-west-2:123456789012:subgrp:demo-aurora
    db_subnet_group_name:
      description: Name of the group.
      type: str
    db_subnet_group_description:
      description: What the group is for.
      type: str
    subnets:
      description: The subnets with their zones and states.
      type: list
      elements: dict
    vpc_id:
      description: ID of the VPC.
      type: str
    tags:
      description: Tags of the group.
      type: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.rds import RdsResource, listed_tags, lower, rds_tagging
from ..module_utils.resource import run_module

MISSING = ("DBSubnetGroupNotFoundFault",)
ARN = "DBSubnetGroupArn"


def subnets_from_ids(subnet_ids):
    return [{"SubnetIdentifier": subnet_id} for subnet_id in subnet_ids]


def ids_of_subnets(subnets):
    return [subnet["SubnetIdentifier"] for subnet in subnets]


class DbSubnetGroup(RdsResource):
    kind = "DB subnet group"
    result = "subnet_group"
    names = {"DBSubnetGroupName": "name"}
    identifier = "DBSubnetGroupName"
    needed = ("subnet_ids",)
    describe = Describe("DescribeDBSubnetGroups", "DBSubnetGroups", missing=MISSING, many=True)
    create = Create("CreateDBSubnetGroup", exists=("DBSubnetGroupAlreadyExists",), tags="Tags")
    delete = Delete("DeleteDBSubnetGroup", missing=MISSING)
    settings = (
        Setting("description", "DBSubnetGroupDescription", update="group"),
        Setting(
            "subnet_ids",
            None,
            read="Subnets",
            update="group",
            update_members=("SubnetIds",),
            unordered=True,
            encode=subnets_from_ids,
            decode=ids_of_subnets,
        ),
    )
    updates = {"group": Update("ModifyDBSubnetGroup")}
    tagging = rds_tagging(ARN)
    additions = (listed_tags(ARN),)
    passing = {
        # What has used it is just gone.
        "InvalidDBSubnetGroupStateFault": ("still using it",),
    }
    hints = {
        "InvalidDBSubnetGroupStateFault": {"still using it": "Remove the databases in it first."},
        "SubnetAlreadyInUse": {"": "A database lies in a subnet that would be taken out; leave it in the group."},
        "DBSubnetGroupDoesNotCoverEnoughAZs": {"": "Give subnets in two availability zones or more."},
    }

    def prepare(self):
        self.options["name"] = lower(self.options["name"])

    def create_request(self):
        request = {"DBSubnetGroupDescription": self.options["name"], **super().create_request()}
        return request | {"SubnetIds": self.options["subnet_ids"]}

    def update_request(self, name, changes, current):
        # RDS wants the subnets in every request.
        request = super().update_request(name, changes, current)
        change = changes.get("subnet_ids")
        return request | {"SubnetIds": change.desired if change else ids_of_subnets(current["Subnets"])}


def main():
    run_module(DbSubnetGroup, DOCUMENTATION)


if __name__ == "__main__":
    main()
