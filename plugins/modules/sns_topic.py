#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: sns_topic
version_added: 0.1.0
short_description: Manage an SNS topic
description:
  - Creates, changes and deletes a topic with its encryption key, its policy and its tags.
  - Subscriptions to the topic are left alone, as are its delivery logs and archive.
  - It replaces M(community.aws.sns_topic), which in release 11.2.0 has no encryption, tracing or signature version, and
    changes a topic of that name whoever made it.
  - Needs the permission C(sts:GetCallerIdentity), since SNS names topics by ARN only.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the topic, up to 256 letters, digits, hyphens and underscores. That of a FIFO topic ends in C(.fifo).
    type: str
    required: true
  fifo:
    description:
      - Whether the topic keeps messages in their order. It can't be changed later.
    type: bool
  content_based_deduplication:
    description:
      - Whether a FIFO topic knows a repeated message by its content.
    type: bool
  fifo_throughput_scope:
    description:
      - Within what a FIFO topic looks for repeated messages.
    type: str
    choices: [Topic, MessageGroup]
  kms_key_id:
    description:
      - ARN, ID or alias of the KMS key that encrypts messages. An empty text turns encryption off.
      - Services that publish to the topic must be allowed to use the key, which that of SNS itself, C(alias/aws/sns),
        doesn't allow to other services.
    type: str
  policy:
    description:
      - The policy of the topic. AWS gives a new topic one that lets its own account do everything if it isn't set.
      - Roles that it names must exist. One that was made a moment ago is waited for.
    type: json
  display_name:
    description:
      - Name that mails and text messages come from.
    type: str
  tracing_config:
    description:
      - Whether SNS takes part in traces of X-Ray (V(Active)), or passes on what it gets. Not for FIFO topics.
    type: str
    choices: [Active, PassThrough]
  signature_version:
    description:
      - How messages are signed. V(1) is SHA1, V(2) is SHA256. A new topic has V(1) if it isn't set.
    type: int
    choices: [1, 2]
  delivery_policy:
    description:
      - How often SNS tries to deliver to HTTP endpoints. An empty document, C({}), stands for AWS's own.
    type: json
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: A topic to which RDS may publish
  agent_platform.aws.sns_topic:
    name: demo-aurora-events
    kms_key_id: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    signature_version: 2
    policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: {Service: events.rds.amazonaws.com}
          Action: sns:Publish
          Resource: arn:aws:sns:us-west-2:123456789012:demo-aurora-events
          Condition: {StringEquals: {"aws:SourceAccount": "123456789012"}}

- name: Delete the topic
  agent_platform.aws.sns_topic:
    name: demo-aurora-events
    state: absent
"""

RETURN = r"""
topic:
  description: The attributes of the topic as SNS gives them, with its tags; empty when it is absent.
  returned: always
  type: dict
  contains:
    topic_arn:
      description: ARN of the topic. Known in check mode, too, as it follows from the name.
      type: str
      sample: arn:aws:sns:us-west-2:123456789012:demo-aurora-events
    kms_master_key_id:
      description: The key, in the form in which the topic was given it; absent when messages aren't encrypted.
      type: str
    policy:
      description: The policy of the topic.
      type: str
    display_name:
      description: Name that mails and text messages come from.
      type: str
    signature_version:
      description: How messages are signed.
      type: str
    tags:
      description: Tags of the topic.
      type: dict
"""

import json

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update, paths_of, tag_list
from ..module_utils.policies import policy, to_document
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import is_satisfied, same_key

MISSING = ("NotFound",)
TOPIC = {"ResourceArn": "TopicArn"}


def to_flag(value):
    return str(value).lower()


def of_flag(text):
    return text == "true"


def to_text(document):
    """An empty text takes back what was declared."""
    return json.dumps(document) if document else ""


def same_document(current, desired):
    return is_satisfied(current, desired) if desired else not current


def same_topic_key(current, desired):
    return same_key(current, desired) if current and desired else current == desired


def attribute(option, name, **how):
    """A setting that is an attribute of the topic, all of which are texts."""
    return Setting(
        option,
        f"Attributes.{name}",
        read=name,
        update=how.pop("update", "attributes"),
        update_members=("AttributeName", "AttributeValue"),
        **how,
    )


class Topic(Resource):
    service = "sns"
    kind = "SNS topic"
    result = "topic"
    names = {"Name": "name"}
    capital_members = True
    describe = Describe("GetTopicAttributes", "Attributes", missing=MISSING)
    create = Create("CreateTopic", tags="Tags")
    delete = Delete("DeleteTopic", missing=MISSING, by="TopicArn")
    settings = (
        attribute("fifo", "FifoTopic", update=None, absent=False, encode=to_flag, decode=of_flag),
        attribute(
            "content_based_deduplication", "ContentBasedDeduplication", absent=False, encode=to_flag, decode=of_flag
        ),
        attribute("fifo_throughput_scope", "FifoThroughputScope", absent="Topic"),
        attribute("kms_key_id", "KmsMasterKeyId", absent="", same=same_topic_key),
        attribute("display_name", "DisplayName", absent=""),
        attribute("tracing_config", "TracingConfig", absent="PassThrough"),
        attribute("signature_version", "SignatureVersion", absent=1, encode=str, decode=int),
        policy(
            "policy",
            "Attributes.Policy",
            read="Policy",
            update="attributes",
            update_members=("AttributeName", "AttributeValue"),
        ),
        attribute(
            "delivery_policy",
            "DeliveryPolicy",
            absent={},
            verbatim=True,
            given=to_document,
            encode=to_text,
            decode=to_document,
            same=same_document,
        ),
    )
    updates = {"attributes": Update("SetTopicAttributes", by="TopicArn")}
    tagging = tag_list("TagResource", "UntagResource", by=TOPIC)
    additions = (Addition("ListTagsForResource", "Tags", "Tags", by=TOPIC, missing=("ResourceNotFound",), empty=[]),)
    passing = {
        # A role that the policy names was made a moment ago.
        "InvalidParameter": ("principal",),
        "ConcurrentAccess": ("",),
    }
    unmanaged = {
        **dict.fromkeys(
            ("ConfirmSubscription", "Subscribe"),
            "who gets the messages is left to those who want them; the policy says who may subscribe",
        ),
        **dict.fromkeys(("AddPermission", "RemovePermission"), "they change the policy, which is looked at"),
        **dict.fromkeys(("Publish", "PublishBatch"), "messages, nothing of the topic"),
        "CreateTopic.DataProtectionPolicy": "messages aren't searched for personal data",
    }

    def prepare(self):
        self.arn = None

    def topic_arn(self):
        if self.arn is None:
            caller = self.read("GetCallerIdentity", {}, service="sts", doing="find out the account")
            partition = caller["Arn"].split(":")[1]
            self.arn = f"arn:{partition}:sns:{self.module.region}:{caller['Account']}:{self.options['name']}"
        return self.arn

    def describe_request(self):
        return {"TopicArn": self.topic_arn()}

    def target(self, call, current):
        return dict.fromkeys(paths_of(call.by), self.topic_arn())

    def create_request(self):
        request = super().create_request()
        # SNS takes what makes a FIFO topic only of one that shall be one.
        attributes = {name: text for name, text in request.pop("Attributes", {}).items() if text != "false"}
        return {**request, **({"Attributes": attributes} if attributes else {})}

    def update_attributes(self, changes, current):
        for option, change in changes.items():
            value = self.encode(change.setting, change.desired)
            request = {"TopicArn": current["TopicArn"], "AttributeName": change.setting.path, "AttributeValue": value}
            self.write("SetTopicAttributes", request, f"set {option} of {self.title}")

    def predicted(self, current):
        return {"TopicArn": self.arn, **super().predicted(current)}


def main():
    run_module(Topic, DOCUMENTATION)


if __name__ == "__main__":
    main()
