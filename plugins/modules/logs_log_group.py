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
  - Creates, changes and deletes a log group with its retention, its encryption key, its policy, its subscription
    filters and its tags.
  - It replaces M(amazon.aws.cloudwatchlogs_log_group), which in release 11.4.0 sets the retention of an existing group
    even in check mode, can't change the key, and deletes the group when it is given one of the retentions that
    its own list lacks.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the log group. It is needed, here or in each entry of O(aggregate).
    type: str
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
  deletion_protection:
    description:
      - Whether CloudWatch Logs refuses to delete the group. To remove a protected one, give V(false) together with
        O(state=absent).
    type: bool
  bearer_token_authentication:
    description:
      - Whether events can be written with a bearer token instead of AWS credentials.
    type: bool
  resource_policy:
    description:
      - The policy of the group itself, which may let other accounts and services in. An empty document, C({}), removes
        it. Policies of the account for CloudWatch Logs are not looked at.
    type: json
  subscription_filters:
    description:
      - Where events are sent as they come in. Filters of others are removed. A group has two at most.
    type: list
    elements: dict
    suboptions:
      filter_name:
        description:
          - Name of the filter.
        type: str
        required: true
      filter_pattern:
        description:
          - Which events are sent. All, if it is empty.
        type: str
        default: ""
      destination_arn:
        description:
          - ARN of the stream, function or destination that gets them.
        type: str
        required: true
      role_arn:
        description:
          - ARN of the role with which CloudWatch Logs writes to a stream.
        type: str
      distribution:
        description:
          - Whether a Kinesis stream gets the events of one log stream in one shard.
        type: str
        choices: [Random, ByLogStream]
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
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

- name: Keep two logs of a cache for a month
  agent_platform.aws.logs_log_group:
    aggregate:
      - name: /aws/elasticache/demo/slow-log
      - name: /aws/elasticache/demo/engine-log
    retention_days: 30

- name: Delete a log group
  agent_platform.aws.logs_log_group:
    name: /aws/eks/demo/cluster
    state: absent
"""

RETURN = r"""
log_group:
  description: The log group as CloudWatch Logs describes it; empty when it is absent.
  returned: without O(aggregate)
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
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

import json

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.policies import policy
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import get_path

MISSING = ("ResourceNotFoundException",)
GROUP = {"logGroupIdentifier": "logGroupName"}


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
        Setting("deletion_protection", "deletionProtectionEnabled", update="protection", absent=False),
        Setting(
            "bearer_token_authentication",
            None,
            read="bearerTokenAuthenticationEnabled",
            update="bearer_token",
            update_members=("bearerTokenAuthenticationEnabled",),
            absent=False,
        ),
        policy(
            "resource_policy",
            None,
            read="resourcePolicy.policyDocument",
            update="policy",
            update_members=("policyDocument",),
        ),
        Setting(
            "subscription_filters",
            None,
            read="subscriptionFilters",
            update="subscriptions",
            update_members=("filterName", "filterPattern", "destinationArn", "roleArn", "distribution"),
            unordered=True,
            key="filter_name",
            absent=[],
        ),
    )
    protection = "deletion_protection"
    updates = {
        "key": Update("AssociateKmsKey", clear="DisassociateKmsKey"),
        "retention": Update("PutRetentionPolicy", clear="DeleteRetentionPolicy"),
        "protection": Update("PutLogGroupDeletionProtection", by=GROUP),
        "bearer_token": Update("PutBearerTokenAuthentication", by=GROUP),
        "policy": Update("PutResourcePolicy", by={"resourceArn": "logGroupArn"}, clear="DeleteResourcePolicy"),
        "subscriptions": Update("PutSubscriptionFilter", remove="DeleteSubscriptionFilter", missing=MISSING),
    }
    unmanaged = {
        **dict.fromkeys(("TagLogGroup", "UntagLogGroup"), "older forms of TagResource and UntagResource"),
        **dict.fromkeys(
            ("CreateExportTask", "CreateScheduledQuery", "PutQueryDefinition", "UpdateScheduledQuery"),
            "they read the group and change nothing of it",
        ),
        **dict.fromkeys(
            (
                "DeleteDataProtectionPolicy",
                "DeleteTransformer",
                "PutDataProtectionPolicy",
                "PutTransformer",
            ),
            "who masks or transforms events is left to it; nothing is sent elsewhere by that",
        ),
        **dict.fromkeys(
            ("DeleteIndexPolicy", "DeleteMetricFilter", "PutIndexPolicy", "PutMetricFilter"),
            "indexes and metrics of events are left; nothing is sent elsewhere by them",
        ),
        **dict.fromkeys(
            ("DeleteSyslogConfiguration", "PutSyslogConfiguration"), "events that come in as syslog are left"
        ),
        **dict.fromkeys(
            (
                "PutSubscriptionFilter.applyOnTransformedLogs",
                "PutSubscriptionFilter.emitSystemFields",
                "PutSubscriptionFilter.fieldSelectionCriteria",
            ),
            "AWS's defaults",
        ),
        "PutResourcePolicy.policyName": "of policies of the account",
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
        Addition(
            "DescribeSubscriptionFilters",
            "subscriptionFilters",
            "subscriptionFilters",
            missing=MISSING,
            empty=[],
            option="subscription_filters",
        ),
        Addition("DescribeResourcePolicies", "resourcePolicies", "resourcePolicy", by_hand=True),
    )
    # What may have been made a moment ago: the key, the policy that lets the Logs service use it, the group itself, the
    # role that writes to the destination of a filter.
    passing = {
        "AccessDeniedException": ("is not allowed to be used with",),
        "InvalidParameterException": (
            "KMS key",
            "KmsKeyId",
            "is not allowed to be used with",
            "Could not deliver test message",
        ),
        "OperationAbortedException": ("",),
        "ResourceNotFoundException": ("log group does not exist",),
    }

    def check_owner(self, current):
        if not (current and self.options["adopt_untagged"] and not self.tags_of(current)):
            super().check_owner(current)

    def normal(self, description):
        # Older answers lack logGroupArn; it is the arn without the ":*" for the streams.
        return {"logGroupArn": description["arn"].removesuffix(":*"), **description}

    def complete(self, description):
        if self.options["state"] == "absent" or self.options["resource_policy"] is None:
            return description
        request = {"resourceArn": description["logGroupArn"], "policyScope": "RESOURCE"}
        policies = (self.read("DescribeResourcePolicies", request, MISSING) or {}).get("resourcePolicies")
        return {**description, "resourcePolicy": policies[0]} if policies else description

    def update_policy(self, changes, current):
        # A change names the version that it is made of.
        revision = get_path(current, "resourcePolicy.revisionId")
        request = self.target(self.updates["policy"], current) | ({"expectedRevisionId": revision} if revision else {})
        document = changes["resource_policy"].desired
        if document:
            request["policyDocument"] = json.dumps(document)
            self.write("PutResourcePolicy", request, f"put the policy of {self.title}")
        else:
            self.write("DeleteResourcePolicy", request, f"remove the policy of {self.title}", MISSING)


def main():
    run_module(
        LogGroup, DOCUMENTATION, {"kms_key_arn": {"no_log": False}, "bearer_token_authentication": {"no_log": False}}
    )


if __name__ == "__main__":
    main()
