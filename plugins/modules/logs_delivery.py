#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: logs_delivery
version_added: 0.1.0
short_description: Deliver a log of an AWS resource through CloudWatch Logs
description:
  - Delivers one log of a resource, such as the access log of a CloudFront distribution or the application log of a
    Bedrock knowledge base, to a log group, a bucket or a delivery stream. For that AWS takes a delivery source, a
    delivery destination and a delivery between them; the module manages all three, which have the same tags.
  - What can't be changed of them is made anew, since none of them holds anything. What is logged while that happens
    isn't delivered.
  - Deliveries of this source to other destinations are removed.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the delivery source and of the delivery destination, up to 60 letters, digits, hyphens and underscores,
        unique in the account and region.
    type: str
    required: true
  resource_arn:
    description:
      - ARN of the resource whose log it is. An account has one delivery source for a log of a resource.
      - Logs of CloudFront are delivered in V(us-east-1), which then is the module's O(region).
    type: str
  log_type:
    description:
      - Which of its logs, as V(ACCESS_LOGS) of a distribution or V(APPLICATION_LOGS) of a knowledge base.
    type: str
  destination_arn:
    description:
      - ARN of the log group, the bucket or the delivery stream that gets the log, in the same region, but for buckets
        of CloudFront. A bucket's may go on with a prefix, as C(arn:aws:s3:::demo-logs/web).
      - Its policy has to let C(delivery.logs.amazonaws.com) write. If it doesn't, AWS changes the policy, as far as
        the identity may do so.
    type: str
  output_format:
    description:
      - Format of what is delivered. Log groups take V(json) or V(plain).
      - The default is that of AWS, which depends on log and destination.
    type: str
    choices: [json, plain, w3c, raw, parquet]
  record_fields:
    description:
      - The fields of a record, in their order, those that AWS calls mandatory among them. The default is AWS's.
    type: list
    elements: str
  field_delimiter:
    description:
      - What stands between the fields in the formats V(plain), V(w3c) and V(raw).
    type: str
  suffix_path:
    description:
      - How the keys of objects in a bucket go on after the prefix, as V({DistributionId}/{yyyy}/{MM}/{dd}).
      - If O(destination_arn) has no prefix, AWS puts C(AWSLogs/{account-id}/CloudFront/) or the like before it. That
        isn't looked at.
    type: str
  hive_compatible_path:
    description:
      - Whether the variables of the keys in a bucket are written as C(year=2026).
    type: bool
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - Besides the permissions of CloudWatch Logs the identity needs C(AllowVendedLogDeliveryForResource) of the service
    whose log it is, such as C(cloudfront:AllowVendedLogDeliveryForResource).
  - Remove it before the resource whose log it is.
"""

EXAMPLES = r"""
- name: Deliver the access log of a distribution to a log group
  agent_platform.aws.logs_delivery:
    name: demo-web
    region: us-east-1
    resource_arn: arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE1
    log_type: ACCESS_LOGS
    destination_arn: arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/demo/web
    output_format: json
    tags:
      Project: demo

- name: Deliver the log of a knowledge base to a bucket
  agent_platform.aws.logs_delivery:
    name: demo-documents
    resource_arn: arn:aws:bedrock:us-west-2:123456789012:knowledge-base/EXAMPLE123
    log_type: APPLICATION_LOGS
    destination_arn: arn:aws:s3:::demo-logs
    suffix_path: "{yyyy}/{MM}/{dd}"

- name: End it
  agent_platform.aws.logs_delivery:
    name: demo-documents
    state: absent
"""

RETURN = r"""
delivery:
  description: The delivery as CloudWatch Logs describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the delivery. Not known in check mode before it exists.
      type: str
      sample: arn:aws:logs:us-east-1:123456789012:delivery:EXAMPLE123456789
    delivery_destination_arn:
      description: ARN of the delivery destination.
      type: str
    delivery_source_name:
      description: Name of the delivery source.
      type: str
    id:
      description: ID of the delivery.
      type: str
    record_fields:
      description: The fields of a record.
      type: list
      elements: str
    tags:
      description: Tags of the delivery.
      type: dict
source:
  description: The delivery source; empty when it is absent.
  returned: always
  type: dict
destination:
  description: The delivery destination; empty when it is absent.
  returned: always
  type: dict
"""

import re

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.log_deliveries import BEING_UPDATED, MISSING, TAGGING, TAGS, Destination, Source
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import get_path

# What AWS puts before the suffix path of a delivery to a bucket when it makes it, and not when it changes it.
IMPLIED = re.compile(r"AWSLogs/(aws-account-id=)?\{account-id\}/\w+/")
SUFFIX = "s3DeliveryConfiguration.suffixPath"


def same_path(have, want):
    return IMPLIED.sub("", have).strip("/") == IMPLIED.sub("", want).strip("/")


class Delivery(Resource):
    service = "logs"
    kind = "log delivery"
    result = "delivery"
    names = {"deliverySourceName": "name"}
    identifier = "id"
    describe = Describe("DescribeDeliveries", "deliveries", many=True, names={})
    additions = (TAGS,)
    create = Create("CreateDelivery", exists=("ConflictException",))
    delete = Delete("DeleteDelivery", missing=MISSING, by="id")
    settings = (
        Setting("record_fields", "recordFields", update="configuration", absent=[]),
        Setting("field_delimiter", "fieldDelimiter", update="configuration", absent=""),
        Setting("suffix_path", SUFFIX, update="configuration", absent="", same=same_path),
        Setting(
            "hive_compatible_path",
            "s3DeliveryConfiguration.enableHiveCompatiblePath",
            update="configuration",
            absent=False,
        ),
    )
    updates = {
        "configuration": Update(
            "UpdateDeliveryConfiguration",
            by="id",
            whole=True,
            kept=("recordFields", "fieldDelimiter", "s3DeliveryConfiguration"),
        )
    }
    tagging = TAGGING
    unmanaged = {}
    # Its ends, or the policy of the destination, were made a moment ago; another delivery of one of them is.
    passing = {"ConflictException": (BEING_UPDATED,), "ResourceNotFoundException": ("",)}

    def prepare(self):
        self.destination_arn = ""  # as soon as it is known
        self.strays = []  # deliveries of the source to elsewhere

    # ---- The three together

    def run(self):
        source, destination = ends = [end(self.module) for end in (Source, Destination)]
        if self.options["state"] == "absent":
            there = source.look()
            results = [super().run() if there else self.nothing(), source.run(), destination.run()]
        else:
            stale = [end for end in ends if end.is_stale()]
            if stale:
                self.remove_all()
            for end in stale:
                end.replace()
            made = [end.run() for end in ends]
            self.destination_arn = made[1]["destination"].get("arn")
            results = [super().run(), *made]
        result = self.summed_up(results)
        for end in ends:
            result.get("diff", {}).get("before", {}).update(end.before)
        return result

    def nothing(self):
        return {"changed": False, self.result: {}}

    def summed_up(self, results):
        result = {name: value for one in results for name, value in one.items()}
        result["changed"] = any(one["changed"] for one in results)
        diffs = [one["diff"] for one in results if "diff" in one]
        before, after = (
            {name: value for diff in diffs for name, value in diff[side].items()} for side in ("before", "after")
        )
        return self.with_difference(result, lambda: (before, after))

    def remove_all(self):
        """Remove the deliveries of the source, so that its ends can be made anew."""
        if not self.check_mode:
            self.options["state"] = "absent"
            self.converge(self.find())
            self.options["state"] = "present"

    # ---- Reading

    def select(self, found):
        mine = super().select(found)
        if self.options["state"] == "absent":
            return mine
        self.strays = [item for item in mine if item["deliveryDestinationArn"] != self.destination_arn]
        return [item for item in mine if item not in self.strays]

    # ---- Deciding

    def check_owner(self, current):
        """It is known by its source, whose tags have been looked at."""

    def report_twins(self, kept):
        """There are none: AWS takes one from a source to a destination."""

    def create_request(self):
        return {**super().create_request(), "deliveryDestinationArn": self.destination_arn}

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        there = current.get("s3DeliveryConfiguration") or {}
        if "s3DeliveryConfiguration" in request:
            request["s3DeliveryConfiguration"] = {**there, **request["s3DeliveryConfiguration"]}
        implied = IMPLIED.match(there.get("suffixPath", ""))
        wanted = get_path(request, SUFFIX)
        if implied and wanted and not IMPLIED.match(wanted):
            request["s3DeliveryConfiguration"]["suffixPath"] = implied[0] + wanted
        return request

    # ---- Acting

    def make_present(self, current):
        current = super().make_present(current)
        for stray in self.strays:
            self.changed = True
            if not self.check_mode:
                doing = f"remove the delivery of {self.title} to {stray['deliveryDestinationArn']}"
                self.write("DeleteDelivery", {"id": stray["id"]}, doing, MISSING)
        return current

    def make_all_absent(self, current):
        while current is not None:
            self.make_absent(current)
            if self.check_mode:
                return
            current = self.find()

    def view(self, description):
        strays = {"strays": [stray["deliveryDestinationArn"] for stray in self.strays]} if self.strays else {}
        return {**super().view(description), **strays}


def main():
    run_module(Delivery, DOCUMENTATION)


if __name__ == "__main__":
    main()
