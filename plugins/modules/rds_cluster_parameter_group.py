#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_cluster_parameter_group
version_added: 0.1.0
short_description: Manage an RDS DB cluster parameter group
description:
  - Creates, changes and deletes a DB cluster parameter group with its parameters and its tags.
  - A parameter that can change while the database runs is changed at once, one that is static with the next restart of
    the instances.
  - It replaces M(amazon.aws.rds_cluster_param_group), which in release 11.4.0 has to be told of each parameter when it
    takes effect, and leaves what someone else has set.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the group, up to 255 letters, digits and hyphens. RDS keeps it in lower case.
    type: str
    required: true
  family:
    description:
      - Engine and major version that the parameters belong to, such as V(aurora-postgresql16). It can't be changed
        later. It is needed to create the group.
    type: str
  description:
    description:
      - What the group is for. It can't be changed later. A new group has its name there if it isn't set.
    type: str
  parameters:
    description:
      - The parameters that shall have another value than the engine's default, each with its value. V(true) stands for
        C(1).
      - Names that the family doesn't have are refused before anything is changed.
    type: dict
  purge_parameters:
    description:
      - Whether parameters that someone has set and that O(parameters) doesn't name are set back to their defaults.
    type: bool
    default: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Ask for TLS, and log slow statements
  agent_platform.aws.rds_cluster_parameter_group:
    name: demo-aurora
    family: aurora-postgresql16
    description: Aurora of demo
    parameters:
      rds.force_ssl: 1
      shared_preload_libraries: pg_stat_statements
      log_min_duration_statement: 1000

- name: Delete the group
  agent_platform.aws.rds_cluster_parameter_group:
    name: demo-aurora
    state: absent
"""

RETURN = r"""
parameter_group:
  description: The group as RDS describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    db_cluster_parameter_group_arn:
      description: ARN of the group. Not known in check mode before the group exists.
      type: str
      sample: arn:aws:rds:us-west-2:123456789012:cluster-pg:demo-aurora
    db_cluster_parameter_group_name:
      description: Name of the group.
      type: str
    db_parameter_group_family:
      description: Engine and major version.
      type: str
      sample: aurora-postgresql16
    description:
      description: What the group is for.
      type: str
    parameters:
      description: When O(parameters) is given, those that are declared or that someone has set, as RDS describes them.
      type: list
      elements: dict
    tags:
      description: Tags of the group.
      type: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Update
from ..module_utils.rds import ParameterGroup, listed_tags, rds_tagging
from ..module_utils.resource import run_module

MISSING = ("DBParameterGroupNotFound",)
ARN = "DBClusterParameterGroupArn"


class DbClusterParameterGroup(ParameterGroup):
    kind = "DB cluster parameter group"
    names = {"DBClusterParameterGroupName": "name"}
    identifier = "DBClusterParameterGroupName"
    describe = Describe("DescribeDBClusterParameterGroups", "DBClusterParameterGroups", missing=MISSING, many=True)
    create = Create("CreateDBClusterParameterGroup", exists=("DBParameterGroupAlreadyExists",), tags="Tags")
    delete = Delete("DeleteDBClusterParameterGroup", missing=MISSING)
    updates = {"parameters": Update("ModifyDBClusterParameterGroup")}
    parameters_of = "DescribeDBClusterParameters"
    defaults_of = "DescribeEngineDefaultClusterParameters"
    reset = "ResetDBClusterParameterGroup"
    tagging = rds_tagging(ARN)
    additions = (listed_tags(ARN), Addition(parameters_of, "Parameters", "Parameters", by_hand=True))
    extra_operations = (defaults_of, reset)


def main():
    run_module(DbClusterParameterGroup, DOCUMENTATION)


if __name__ == "__main__":
    main()
