#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_event_subscription
version_added: 0.1.0
short_description: Manage an RDS event notification subscription
description:
  - Creates, changes and deletes a subscription, by which RDS tells an SNS topic what happens to databases, with its
    tags.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the subscription, up to 255 letters, digits and hyphens.
    type: str
    required: true
  sns_topic_arn:
    description:
      - ARN of the topic that gets the events. It is needed to create the subscription.
      - The policy of the topic must let C(events.rds.amazonaws.com) publish, and where the topic is encrypted with a
        key of KMS, the key's must let it use the key. RDS takes no FIFO topics.
    type: str
  source_type:
    description:
      - Kind of what the events are of. A new subscription without it gets all events.
    type: str
    choices:
      - db-instance
      - db-parameter-group
      - db-security-group
      - db-snapshot
      - db-cluster
      - db-cluster-snapshot
      - custom-engine-version
      - db-proxy
      - blue-green-deployment
      - db-shard-group
      - zero-etl
  event_categories:
    description:
      - The categories of events, such as V(failover). A new subscription without them gets those of all categories.
      - They belong to a O(source_type), which is needed with them.
    type: list
    elements: str
  source_ids:
    description:
      - Identifiers of the databases that events are of; an empty list stands for all of the O(source_type), which is
        needed with them. They must exist.
    type: list
    elements: str
  enabled:
    description:
      - Whether events are sent.
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
- name: Hear of failures of a cluster
  agent_platform.aws.rds_event_subscription:
    name: demo-aurora
    sns_topic_arn: arn:aws:sns:us-west-2:123456789012:demo-aurora-events
    source_type: db-cluster
    source_ids: [demo-aurora]
    event_categories: [failover, failure, maintenance]

- name: Delete the subscription
  agent_platform.aws.rds_event_subscription:
    name: demo-aurora
    state: absent
"""

RETURN = r"""
subscription:
  description: The subscription as RDS describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    event_subscription_arn:
      description: ARN of the subscription. Not known in check mode before it exists.
      type: str
      sample: arn:aws:rds:us-west-2:123456789012:es:demo-aurora
    cust_subscription_id:
      description: Name of the subscription.
      type: str
    enabled:
      description: Whether events are sent.
      type: bool
    event_categories_list:
      description: The categories of events.
      type: list
      elements: str
    sns_topic_arn:
      description: ARN of the topic.
      type: str
    source_ids_list:
      description: Identifiers of what events are of.
      type: list
      elements: str
    source_type:
      description: Kind of what events are of.
      type: str
    status:
      description: State of the subscription.
      type: str
      sample: active
    tags:
      description: Tags of the subscription.
      type: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update
from ..module_utils.faults import ResourceError
from ..module_utils.rds import RdsResource, listed_tags, rds_tagging
from ..module_utils.resource import run_module

MISSING = ("SubscriptionNotFound",)
ARN = "EventSubscriptionArn"


def some(categories):
    if not categories:
        raise ValueError("can't be an empty list: name the categories, or leave the option out")
    return categories


class EventSubscription(RdsResource):
    kind = "RDS event subscription"
    result = "subscription"
    names = {"SubscriptionName": "name"}
    identifier = "CustSubscriptionId"
    needed = ("sns_topic_arn",)
    describe = Describe("DescribeEventSubscriptions", "EventSubscriptionsList", missing=MISSING, many=True)
    create = Create("CreateEventSubscription", exists=("SubscriptionAlreadyExist",), tags="Tags")
    delete = Delete("DeleteEventSubscription", missing=MISSING)
    settings = (
        Setting("sns_topic_arn", "SnsTopicArn", update="subscription"),
        Setting("source_type", "SourceType", update="subscription"),
        Setting(
            "event_categories",
            "EventCategories",
            read="EventCategoriesList",
            update="subscription",
            unordered=True,
            given=some,
            absent=[],
        ),
        Setting("enabled", "Enabled", update="subscription"),
        Setting(
            "source_ids",
            "SourceIds",
            read="SourceIdsList",
            update="sources",
            update_members=("SourceIdentifier",),
            unordered=True,
            absent=[],
        ),
    )
    updates = {
        # Categories are those of the kind that goes with them.
        "subscription": Update("ModifyEventSubscription", whole=True),
        "sources": Update(
            "AddSourceIdentifierToSubscription",
            remove="RemoveSourceIdentifierFromSubscription",
            missing=("SourceNotFound",),
        ),
    }
    tagging = rds_tagging(ARN)
    additions = (listed_tags(ARN),)
    states = States(
        "Status",
        ready=frozenset({"active"}),
        pending=frozenset({"creating", "modifying"}),
        deleting=frozenset({"deleting"}),
        degraded={
            "no-permission": "Let events.rds.amazonaws.com publish to the topic (and use its key), and run again.",
            "topic-not-exist": "Make the topic again, or give another one.",
        },
    )
    timeout = 1200
    passing = {
        # The topic or its policy was made a moment ago; a change of a moment ago is still on its way.
        "SNSTopicArnNotFound": ("",),
        "SNSNoAuthorization": ("",),
        "InvalidEventSubscriptionState": ("",),
    }
    hints = {
        "SNSNoAuthorization": {
            "": "Let events.rds.amazonaws.com publish to the topic, and use its KMS key if it has one."
        },
        "SubscriptionCategoryNotFound": {"": "DescribeEventCategories lists those of each source_type."},
        "SourceNotFound": {"": "What events shall be of must exist first."},
    }

    def refuse(self, current, changes):
        kind = self.options["source_type"] or (current or {}).get("SourceType")
        for option in ("event_categories", "source_ids"):
            if self.options[option] and not kind:
                raise ResourceError(f"{self.title}: {option} needs source_type.")


def main():
    run_module(EventSubscription, DOCUMENTATION)


if __name__ == "__main__":
    main()
