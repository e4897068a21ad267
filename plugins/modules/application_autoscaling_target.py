#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: application_autoscaling_target
version_added: 0.1.0
short_description: Manage a scalable target of Application Auto Scaling
description:
  - Registers, changes and deregisters something that Application Auto Scaling scales, such as the replicas of an Aurora
    cluster or the capacity of a DynamoDB table, with its tags.
  - With the target its policies and scheduled actions go, and the alarms of these.
  - When it is registered, the service-linked role of the service must exist, or the identity of the run must be allowed
    to make it. The agent_platform.aws.iam_service_linked_role module makes it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  service_namespace:
    description:
      - The service whose resource is scaled. It is needed, here or in each entry of O(aggregate).
    type: str
    choices:
      - ecs
      - elasticmapreduce
      - ec2
      - appstream
      - dynamodb
      - rds
      - sagemaker
      - custom-resource
      - comprehend
      - lambda
      - cassandra
      - kafka
      - elasticache
      - neptune
      - workspaces
  resource_id:
    description:
      - What is scaled, in the words of Application Auto Scaling, such as C(cluster:demo-aurora) of RDS, C(table/demo)
        of DynamoDB, or C(table/demo/index/by_tenant). It is needed, here or in each entry of O(aggregate).
    type: str
  scalable_dimension:
    description:
      - What of it is scaled. It is needed, here or in each entry of O(aggregate).
    type: str
    choices:
      - appstream:fleet:DesiredCapacity
      - cassandra:table:ReadCapacityUnits
      - cassandra:table:WriteCapacityUnits
      - comprehend:document-classifier-endpoint:DesiredInferenceUnits
      - comprehend:entity-recognizer-endpoint:DesiredInferenceUnits
      - custom-resource:ResourceType:Property
      - dynamodb:index:ReadCapacityUnits
      - dynamodb:index:WriteCapacityUnits
      - dynamodb:table:ReadCapacityUnits
      - dynamodb:table:WriteCapacityUnits
      - ec2:spot-fleet-request:TargetCapacity
      - ecs:service:DesiredCount
      - elasticache:cache-cluster:Nodes
      - elasticache:replication-group:NodeGroups
      - elasticache:replication-group:Replicas
      - elasticmapreduce:instancegroup:InstanceCount
      - kafka:broker-storage:VolumeSize
      - lambda:function:ProvisionedConcurrency
      - neptune:cluster:ReadReplicaCount
      - rds:cluster:ReadReplicaCount
      - sagemaker:inference-component:DesiredCopyCount
      - sagemaker:variant:DesiredInstanceCount
      - sagemaker:variant:DesiredProvisionedConcurrency
      - workspaces:workspacespool:DesiredUserSessions
  min_capacity:
    description:
      - The least capacity. It is needed to register the target.
    type: int
  max_capacity:
    description:
      - The greatest capacity. It is needed to register the target.
    type: int
  suspended_state:
    description:
      - What of the scaling is held up.
    type: dict
    suboptions:
      dynamic_scaling_in_suspended:
        description:
          - Whether policies can't take capacity away.
        type: bool
      dynamic_scaling_out_suspended:
        description:
          - Whether policies can't add capacity.
        type: bool
      scheduled_scaling_suspended:
        description:
          - Whether scheduled actions do nothing.
        type: bool
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let an Aurora cluster have one to four replicas
  agent_platform.aws.application_autoscaling_target:
    service_namespace: rds
    resource_id: cluster:demo-aurora
    scalable_dimension: rds:cluster:ReadReplicaCount
    min_capacity: 1
    max_capacity: 4

- name: Scale reads and writes of a table
  agent_platform.aws.application_autoscaling_target:
    service_namespace: dynamodb
    resource_id: table/demo
    aggregate:
      - scalable_dimension: dynamodb:table:ReadCapacityUnits
      - scalable_dimension: dynamodb:table:WriteCapacityUnits
    min_capacity: 5
    max_capacity: 100

- name: Scale it no more
  agent_platform.aws.application_autoscaling_target:
    service_namespace: rds
    resource_id: cluster:demo-aurora
    scalable_dimension: rds:cluster:ReadReplicaCount
    state: absent
"""

RETURN = r"""
target:
  description: The target as Application Auto Scaling describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    scalable_target_arn:
      description: ARN of the target. Not known in check mode before the target exists.
      type: str
    service_namespace:
      description: The service.
      type: str
    resource_id:
      description: What is scaled.
      type: str
    scalable_dimension:
      description: What of it is scaled.
      type: str
    min_capacity:
      description: The least capacity.
      type: int
    max_capacity:
      description: The greatest capacity.
      type: int
    role_arn:
      description: ARN of the role with which the service scales.
      type: str
    suspended_state:
      description: What is held up.
      type: dict
    tags:
      description: Tags of the target.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.application_autoscaling import NOT_FOUND, TARGET, TARGETS, ScalingResource
from ..module_utils.declarations import Addition, Create, Delete, Setting, Tagging, Update
from ..module_utils.resource import run_module

REGISTER = "RegisterScalableTarget"


class ScalableTarget(ScalingResource):
    kind = "scalable target"
    result = "target"
    names = TARGET
    identifier = "ScalableTargetARN"
    needed = ("min_capacity", "max_capacity")
    describe = TARGETS
    # It registers a new one and changes one that exists. There is at most one of that name.
    create = Create(REGISTER, tags="Tags")
    delete = Delete("DeregisterScalableTarget", missing=NOT_FOUND)
    settings = (
        Setting("min_capacity", "MinCapacity", update="target"),
        Setting("max_capacity", "MaxCapacity", update="target"),
        Setting("suspended_state", "SuspendedState", update="target", partial=True),
    )
    updates = {"target": Update(REGISTER, whole=True)}
    tagging = Tagging(
        "TagResource",
        "UntagResource",
        by={"ResourceARN": "ScalableTargetARN"},
        read="Tags",
        tags_member="Tags",
        keys_member="TagKeys",
    )
    additions = (Addition("ListTagsForResource", "Tags", "Tags", by_hand=True),)
    free_form = ("Tags",)
    passing = {
        # What shall be scaled was made a moment ago.
        "ValidationException": ("does not exist", "doesn't exist"),
        "ResourceNotFoundException": ("",),
    }
    unmanaged = {
        **dict.fromkeys(("DeleteScheduledAction", "PutScheduledAction"), "schedules that others have made stay"),
        f"{REGISTER}.RoleARN": "the service-linked role, which the service takes by itself",
    }

    def describe_request(self):
        return self.targets_request()

    def complete(self, description):
        return {**description, "Tags": self.tags_of_target(description)}


def main():
    run_module(ScalableTarget, DOCUMENTATION)


if __name__ == "__main__":
    main()
