#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: application_autoscaling_policy
version_added: 0.1.0
short_description: Manage a target tracking policy of Application Auto Scaling
description:
  - Creates, changes and deletes a policy that holds a metric at a value by scaling a target, such as the CPU load of
    the replicas of an Aurora cluster. Application Auto Scaling makes, changes and removes the alarms of the policy
    itself. One that someone has deleted isn't missed; it comes back with the next change of the policy.
  - The target must be registered, see M(agent_platform.aws.application_autoscaling_target). Whose a policy is, the tags
    of its target say, since policies have none.
  - It replaces M(community.aws.application_autoscaling_policy), which in release 11.2.0 registers the target, too,
    knows no tags, and has no check mode.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the policy, up to 255 characters. It is needed, here or in each entry of O(aggregate).
    type: str
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
  target_value:
    description:
      - The value at which the metric is held. It is needed to create the policy.
    type: float
  predefined_metric:
    description:
      - A metric that Application Auto Scaling knows. This or O(customized_metric) is needed to create the policy.
    type: dict
    suboptions:
      predefined_metric_type:
        description:
          - Name of the metric, such as V(RDSReaderAverageCPUUtilization) or V(DynamoDBReadCapacityUtilization).
        type: str
        required: true
      resource_label:
        description:
          - What it is measured at, for the metrics that need it.
        type: str
  customized_metric:
    description:
      - A metric of CloudWatch that is held at O(target_value), instead of O(predefined_metric).
    type: dict
    suboptions:
      namespace:
        description:
          - Namespace of the metric.
        type: str
        required: true
      metric_name:
        description:
          - Name of the metric.
        type: str
        required: true
      dimensions:
        description:
          - Dimensions of the metric, each with its value.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the dimension.
            type: str
            required: true
          value:
            description:
              - Value of the dimension.
            type: str
            required: true
      statistic:
        description:
          - What is made of the values of a period.
        type: str
        choices: [Average, Minimum, Maximum, SampleCount, Sum]
        required: true
      unit:
        description:
          - Unit of the metric.
        type: str
  scale_in_cooldown:
    description:
      - Seconds after capacity was taken away before more is.
    type: int
  scale_out_cooldown:
    description:
      - Seconds after capacity was added before more is.
    type: int
  disable_scale_in:
    description:
      - Whether the policy only adds capacity.
    type: bool
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Hold the CPU load of the replicas at 60 percent
  agent_platform.aws.application_autoscaling_policy:
    name: demo-aurora-replicas
    service_namespace: rds
    resource_id: cluster:demo-aurora
    scalable_dimension: rds:cluster:ReadReplicaCount
    target_value: 60
    predefined_metric:
      predefined_metric_type: RDSReaderAverageCPUUtilization

- name: Hold reads and writes of a table at 70 percent of its capacity
  agent_platform.aws.application_autoscaling_policy:
    service_namespace: dynamodb
    resource_id: table/demo
    target_value: 70
    aggregate:
      - name: demo-reads
        scalable_dimension: dynamodb:table:ReadCapacityUnits
        predefined_metric:
          predefined_metric_type: DynamoDBReadCapacityUtilization
      - name: demo-writes
        scalable_dimension: dynamodb:table:WriteCapacityUnits
        predefined_metric:
          predefined_metric_type: DynamoDBWriteCapacityUtilization

- name: Delete a policy
  agent_platform.aws.application_autoscaling_policy:
    name: demo-aurora-replicas
    service_namespace: rds
    resource_id: cluster:demo-aurora
    scalable_dimension: rds:cluster:ReadReplicaCount
    state: absent
"""

RETURN = r"""
policy:
  description: The policy as Application Auto Scaling describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    policy_arn:
      description: ARN of the policy. Not known in check mode before the policy exists.
      type: str
    policy_name:
      description: Name of the policy.
      type: str
    policy_type:
      description: Type of the policy.
      type: str
      sample: TargetTrackingScaling
    target_tracking_scaling_policy_configuration:
      description: The value, the metric and the cooldowns.
      type: dict
    alarms:
      description: The alarms that Application Auto Scaling has made for the policy.
      type: list
      elements: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.application_autoscaling import NOT_FOUND, TARGET, TARGETS, ScalingResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module

PUT = "PutScalingPolicy"
TRACKING = "TargetTrackingScaling"
CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
# Of these a policy has one.
METRICS = {"predefined_metric": "PredefinedMetricSpecification", "customized_metric": "CustomizedMetricSpecification"}


def setting(option, member, **how):
    return Setting(option, f"{CONFIGURATION}.{member}", update="policy", **how)


class ScalingPolicy(ScalingResource):
    kind = "scaling policy"
    result = "policy"
    names = {**TARGET, "PolicyName": "name"}
    identifier = "PolicyARN"
    needed = ("target_value",)
    describe = Describe("DescribeScalingPolicies", "ScalingPolicies", many=True)
    create = Create(PUT, tags=None)
    delete = Delete("DeleteScalingPolicy", missing=NOT_FOUND)
    settings = (
        setting("target_value", "TargetValue"),
        *(setting(option, member, unordered=True) for option, member in METRICS.items()),
        setting("scale_in_cooldown", "ScaleInCooldown"),
        setting("scale_out_cooldown", "ScaleOutCooldown"),
        setting("disable_scale_in", "DisableScaleIn", absent=False),
    )
    updates = {"policy": Update(PUT, whole=True)}
    extra_operations = (TARGETS.operation, "ListTagsForResource")
    passing = {
        # The target was registered a moment ago, or the role was made with which the service makes the alarms.
        "ObjectNotFoundException": ("No scalable target",),
        "FailedResourceAccessException": (
            "Rate exceeded",
            "is not authorized to perform",
            "token included in the request",
        ),
    }
    hints = {
        "ObjectNotFoundException": {
            "No scalable target": "Register the target first: agent_platform.aws.application_autoscaling_target."
        }
    }
    unmanaged = {
        f"{PUT}.StepScalingPolicyConfiguration": "policies that hold a metric at a value only",
        f"{PUT}.PredictiveScalingPolicyConfiguration": "policies that hold a metric at a value only",
    }

    def describe_request(self):
        return {**self.named(TARGET), "PolicyNames": [self.options["name"]]}

    def create_request(self):
        return {**super().create_request(), "PolicyType": TRACKING}

    def update_request(self, name, changes, current):
        """The whole configuration: what of it isn't sent, the service sets back."""
        request = super().update_request(name, changes, current)
        declared = request[CONFIGURATION]
        kept = dict(current.get(CONFIGURATION) or {})
        if any(member in declared for member in METRICS.values()):
            kept = {member: value for member, value in kept.items() if member not in METRICS.values()}
        return {**request, "PolicyType": TRACKING, CONFIGURATION: {**kept, **declared}}

    # ---- Refusals

    def refuse(self, current, changes):
        if current is None and len(self.missing(METRICS)) == len(METRICS):
            raise ResourceError(
                f"{self.title} doesn't exist; to create it predefined_metric or customized_metric must be given."
            )
        if current is not None and current["PolicyType"] != TRACKING:
            raise ResourceError(
                f"{self.title} is of the type {current['PolicyType']}, and a policy can't change its type. "
                "Remove it (state: absent) and run again, or give another name."
            )

    def check_owner(self, current):
        """Policies have no tags. What hangs on a target is its owner's."""
        owner = self.options["owned_by"]
        if not owner:
            return
        request, doing = self.targets_request(), f"read the target of {self.title}"
        for target in self.read(TARGETS.operation, request, doing=doing)[TARGETS.path]:
            tags = self.tags_of_target(target)
            foreign = {key: tags.get(key) for key, value in owner.items() if tags.get(key) != str(value)}
            if foreign:
                expected = ", ".join(f"{key}={owner[key]}" for key in foreign)
                raise ResourceError(
                    f"The target of {self.title} isn't ours: it lacks {expected}. Nothing was changed. "
                    "Give it these tags if it is to be taken over."
                )


def main():
    run_module(ScalingPolicy, DOCUMENTATION, mutually_exclusive=[tuple(METRICS)])


if __name__ == "__main__":
    main()
