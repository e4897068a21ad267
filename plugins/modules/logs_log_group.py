#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: logs_log_group
version_added: 0.1.0
short_description: Manage a CloudWatch Logs log group
description:
  - Creates, changes and deletes a log group with its retention, its encryption key and its tags.
  - It replaces M(amazon.aws.cloudwatchlogs_log_group), which in release 11.4.0 sets the retention of an existing group
    even in check mode, can't change the key, and deletes the group when it is given one of the retentions that
    its own list lacks.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the log group.
    type: str
    required: true
  retention_days:
    description:
      - How long events are kept, in days. V(0) means for ever.
    type: int
    choices:
      [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
  kms_key_arn:
    description:
      - ARN of the KMS key that encrypts events. An empty text takes the group back to the key of the service.
      - The key policy must allow the Logs service principal of the region to use the key for this group.
      - The key applies to events that come in from then on.
    type: str
  log_group_class:
    description:
      - Class of the group. It can't be changed later.
    type: str
    choices: [STANDARD, INFREQUENT_ACCESS, DELIVERY]
  adopt_untagged:
    description:
      - Whether a group of this name that has no tags at all is taken for ours, in spite of O(owned_by).
      - For a group to which a service of AWS writes. When it is gone, the service makes it again, without tags,
        key and retention.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Keep the control plane's logs for a year, encrypted with our key
  agent_platform.aws.logs_log_group:
    name: /aws/eks/demo/cluster
    retention_days: 365
    kms_key_arn: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    tags:
      Project: demo

- name: Delete a log group
  agent_platform.aws.logs_log_group:
    name: /aws/eks/demo/cluster
    state: absent
"""

RETURN = r"""
log_group:
  description: The log group as CloudWatch Logs describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the group, with the C(:*) that stands for its streams.
      type: str
      sample: "arn:aws:logs:us-west-2:123456789012:log-group:/aws/eks/demo/cluster:*"
    log_group_arn:
      description: ARN of the group itself.
      type: str
      sample: "arn:aws:logs:us-west-2:123456789012:log-group:/aws/eks/demo/cluster"
    log_group_name:
      description: Name of the group.
      type: str
    retention_in_days:
      description: How long events are kept; absent when they are kept for ever.
      type: int
    kms_key_id:
      description: ARN of the key; absent when the key of the service is used.
      type: str
    tags:
      description: Tags of the group.
      type: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.resource import Resource, run_module


class LogGroup(Resource):
    service = "logs"
    kind = "log group"
    result = "log_group"
    names = {"logGroupName": "name"}
    identifier = "arn"
    describe = Describe("DescribeLogGroups", "logGroups", many=True, names={"logGroupNamePrefix": "name"})
    create = Create("CreateLogGroup", exists=("ResourceAlreadyExistsException",))
    delete = Delete("DeleteLogGroup", missing=("ResourceNotFoundException",))
    settings = (
        Setting("kms_key_arn", "kmsKeyId", update="key", absent=""),
        Setting(
            "retention_days",
            None,
            read="retentionInDays",
            update="retention",
            update_members=("retentionInDays",),
            absent=0,
        ),
        Setting("log_group_class", "logGroupClass", absent="STANDARD"),
    )
    updates = {
        "key": Update("AssociateKmsKey", clear="DisassociateKmsKey"),
        "retention": Update("PutRetentionPolicy", clear="DeleteRetentionPolicy"),
    }
    unmanaged = {
        **dict.fromkeys(("TagLogGroup", "UntagLogGroup"), "older forms of TagResource and UntagResource"),
        **dict.fromkeys(
            (
                "CreateExportTask",
                "CreateScheduledQuery",
                "PutQueryDefinition",
                "UpdateScheduledQuery",
            ),
            "they read the group and change nothing of it",
        ),
        **dict.fromkeys(
            (
                "CreateLogGroup.deletionProtectionEnabled",
                "PutLogGroupDeletionProtection",
                "DeleteDataProtectionPolicy",
                "DeleteIndexPolicy",
                "DeleteMetricFilter",
                "DeleteSubscriptionFilter",
                "DeleteSyslogConfiguration",
                "DeleteTransformer",
                "PutBearerTokenAuthentication",
                "PutDataProtectionPolicy",
                "PutIndexPolicy",
                "PutMetricFilter",
                "PutSubscriptionFilter",
                "PutSyslogConfiguration",
                "PutTransformer",
            ),
            "not looked at",
        ),
        "AssociateKmsKey.resourceIdentifier": "for results of queries",
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "logGroupArn"})
    additions = (
        Addition(
            "ListTagsForResource",
            "tags",
            "tags",
            by={"resourceArn": "logGroupArn"},
            missing=("ResourceNotFoundException",),
            empty={},
        ),
    )
    # The key policy that lets the Logs service use the key may have been written a moment ago.
    passing = {
        "InvalidParameterException": ("KMS key", "KmsKeyId"),
        "OperationAbortedException": ("",),
    }

    def check_owner(self, current):
        if not (current and self.options["adopt_untagged"] and not self.tags_of(current)):
            super().check_owner(current)

    def normal(self, description):
        # Older answers lack logGroupArn; it is the arn without the ":*" for the streams.
        return {"logGroupArn": description["arn"].removesuffix(":*"), **description}


def main():
    run_module(LogGroup, DOCUMENTATION, {"kms_key_arn": {"no_log": False}})


if __name__ == "__main__":
    main()
