#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_internet_gateway
version_added: 0.1.0
short_description: Manage the internet gateway of a VPC
description:
  - Creates, attaches, tags and deletes the internet gateway of a VPC.
  - A gateway with the tags of O(owned_by) and the same C(Name) that no VPC has yet is what an interrupted run has left.
    It is attached instead of making another one.
  - The gateway that the VPC has is the one that is meant. If it has lost one of these tags, they are put back.
  - It replaces M(amazon.aws.ec2_vpc_igw), which in release 11.4.0 finds a gateway by its attachment only and so makes a
    second one when the run ended before the first was attached.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC.
    type: str
    required: true
  internet_gateway_id:
    description:
      - ID of the gateway, where it is known.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Give the VPC a way to the internet
  agent_platform.aws.ec2_internet_gateway:
    vpc_id: vpc-0123456789abcdef0
    tags:
      Name: demo-internet-gateway

- name: Take it away
  agent_platform.aws.ec2_internet_gateway:
    state: absent
    vpc_id: vpc-0123456789abcdef0
"""

RETURN = r"""
internet_gateway:
  description: The internet gateway as EC2 describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    internet_gateway_id:
      description: ID of the gateway. Not known in check mode before the gateway exists.
      type: str
      sample: igw-0123456789abcdef0
    attachments:
      description: The VPC that it is attached to.
      type: list
      elements: dict
    tags:
      description: Tags of the gateway.
      type: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.ec2 import ec2_tagging
from ..module_utils.resource import run_module
from ..module_utils.vacated import Vacated, interfaces_by


def vpc_of(attachments):
    """A gateway is attached to one VPC or to none."""
    return attachments[0]["VpcId"] if attachments else None


class InternetGateway(Vacated):
    kind = "internet gateway"
    result = "internet_gateway"
    names = {"VpcId": "vpc_id"}
    identifier = "InternetGatewayId"
    known_by = "internet_gateway_id"
    placed = True
    tagged_as = "internet-gateway"
    describe = Describe("DescribeInternetGateways", "InternetGateways", many=True)
    create = Create("CreateInternetGateway", tags=None, names=(), made="InternetGateway.InternetGatewayId")
    delete = Delete("DeleteInternetGateway", missing=("InvalidInternetGatewayID.NotFound",), by="InternetGatewayId")
    settings = (
        Setting(
            "vpc_id",
            None,
            read="Attachments",
            update="attachment",
            update_members=("VpcId",),
            encode=lambda vpc_id: [{"VpcId": vpc_id}],
            decode=vpc_of,
        ),
    )
    updates = {"attachment": Update("AttachInternetGateway")}
    extra_operations = ("DetachInternetGateway", "DescribeNetworkInterfaces")
    tagging = ec2_tagging("InternetGatewayId")
    passing = {
        "InvalidInternetGatewayID.NotFound": ("",),
        # Someone else attached it since we looked; the next look tells.
        "Resource.AlreadyAssociated": ("",),
    }

    # Addresses of the VPC that lead through the gateway keep it.
    inside = (interfaces_by("vpc-id"),)

    def choose(self, found):
        attached = [item for item in found if vpc_of(item.get("Attachments")) == self.options["vpc_id"]]
        marks = self.marks()
        if attached or not marks:
            return attached
        return self.marked((item for item in found if not item.get("Attachments")), marks)

    def update_request(self, name, changes, current):
        return {"InternetGatewayId": current["InternetGatewayId"], "VpcId": self.options["vpc_id"]}

    def place_of(self, current):
        return vpc_of(current["Attachments"])

    def keeps(self, thing):
        return bool(thing.get("Association"))

    def in_the_way(self, current):
        return super().in_the_way(current) if current.get("Attachments") else []

    def before_delete(self, current):
        for attachment in current.get("Attachments", []):
            request = {"InternetGatewayId": current["InternetGatewayId"], "VpcId": attachment["VpcId"]}
            self.write("DetachInternetGateway", request, f"detach {self.title}", missing=("Gateway.NotAttached",))


def main():
    run_module(InternetGateway, DOCUMENTATION)


if __name__ == "__main__":
    main()
