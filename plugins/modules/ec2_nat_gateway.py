#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_nat_gateway
version_added: 0.1.0
short_description: Manage the NAT gateway of a subnet
description:
  - Creates, tags and deletes a NAT gateway with one address in a subnet.
  - It is found in its subnet by the tags in O(owned_by) and the C(Name) in O(tags), or by O(nat_gateway_id). One that
    has lost some of them, and none of which has another value, gets them back.
  - A gateway that has failed doesn't count, as AWS removes it by itself within an hour, unless it is the one of
    O(nat_gateway_id) or that was just made.
  - It replaces M(amazon.aws.ec2_vpc_nat_gateway), which in release 11.4.0 goes on for longer than ten minutes where AWS
    throttles without an end, and doesn't say why a gateway has failed.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  subnet_id:
    description:
      - ID of the subnet. It is needed, here or in each entry of O(aggregate).
    type: str
  nat_gateway_id:
    description:
      - ID of the gateway, where it is known.
    type: str
  allocation_id:
    description:
      - ID of the Elastic IP address of a public gateway. It can't be changed later.
    type: str
  connectivity_type:
    description:
      - Whether the gateway leads to the internet, for which a new one needs O(allocation_id). It can't be changed
        later.
    type: str
    choices: [public, private]
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Begin a NAT gateway, which takes minutes
  agent_platform.aws.ec2_nat_gateway:
    subnet_id: subnet-0123456789abcdef0
    allocation_id: eipalloc-0123456789abcdef0
    wait: false
    tags:
      Name: demo-nat-us-west-2a

- name: Wait for it
  agent_platform.aws.ec2_nat_gateway:
    subnet_id: subnet-0123456789abcdef0
    allocation_id: eipalloc-0123456789abcdef0
    tags:
      Name: demo-nat-us-west-2a

- name: Delete it
  agent_platform.aws.ec2_nat_gateway:
    subnet_id: subnet-0123456789abcdef0
    state: absent
"""

RETURN = r"""
nat_gateway:
  description: The NAT gateway as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    nat_gateway_id:
      description: ID of the gateway. Not known in check mode before it exists.
      type: str
      sample: nat-0123456789abcdef0
    nat_gateway_addresses:
      description: Addresses of the gateway.
      type: list
      elements: dict
      contains:
        allocation_id:
          description: ID of the Elastic IP address.
          type: str
        public_ip:
          description: The address itself.
          type: str
        private_ip:
          description: Its address in the subnet.
          type: str
    state:
      description: State of the gateway.
      type: str
      sample: available
    subnet_id:
      description: ID of the subnet.
      type: str
    vpc_id:
      description: ID of the VPC.
      type: str
    tags:
      description: Tags of the gateway.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, States
from ..module_utils.ec2 import Ec2Resource, ec2_tagging
from ..module_utils.resource import run_module

ALIVE = ("available", "pending")
FAILED = "failed"


def first_address(addresses):
    """The Elastic IP of the gateway; further ones can't be declared."""
    first = next((item for item in addresses if item.get("IsPrimary")), addresses[0] if addresses else {})
    return first.get("AllocationId")


class NatGateway(Ec2Resource):
    kind = "NAT gateway"
    result = "nat_gateway"
    names = {"SubnetId": "subnet_id"}
    identifier = "NatGatewayId"
    made_at = "CreateTime"
    known_by = "nat_gateway_id"
    placed = True
    tagged_as = "natgateway"
    describe = Describe("DescribeNatGateways", "NatGateways", many=True)
    create = Create("CreateNatGateway", token="ClientToken", tags=None, made="NatGateway.NatGatewayId")
    delete = Delete(
        "DeleteNatGateway", missing=("NatGatewayNotFound", "NatGatewayNotFoundException"), by="NatGatewayId"
    )
    settings = (
        Setting(
            "allocation_id",
            None,
            read="NatGatewayAddresses",
            encode=lambda allocation_id: [{"AllocationId": allocation_id}],
            decode=first_address,
        ),
        Setting("connectivity_type", "ConnectivityType"),
    )
    unmanaged = {
        **dict.fromkeys(
            (
                "AssignPrivateNatGatewayAddress",
                "AssociateNatGatewayAddress",
                "CreateNatGateway.SecondaryAllocationIds",
                "CreateNatGateway.SecondaryPrivateIpAddressCount",
                "CreateNatGateway.SecondaryPrivateIpAddresses",
                "DisassociateNatGatewayAddress",
                "UnassignPrivateNatGatewayAddress",
            ),
            "secondary addresses are left alone",
        ),
        **dict.fromkeys(
            (
                "CreateNatGateway.AvailabilityMode",
                "CreateNatGateway.AvailabilityZoneAddresses",
                "CreateNatGateway.VpcId",
            ),
            "gateways of a whole VPC aren't offered",
        ),
        "CreateNatGateway.PrivateIpAddress": "AWS chooses the address in the subnet",
    }
    tagging = ec2_tagging("NatGatewayId")
    states = States(
        "State",
        ready=frozenset({"available"}),
        pending=frozenset({"pending"}),
        deleting=frozenset({"deleting"}),
        failed={FAILED: "AWS removes it within an hour. Mend the cause, and run again for another one."},
        gone=frozenset({"deleted"}),
    )
    passing = {
        "InvalidAllocationID.NotFound": ("",),
        "InvalidElasticIpID.NotFound": ("",),
        # Another run has made the gateway since we looked; the next look tells.
        "Resource.AlreadyAssociated": ("",),
        # The internet gateway was attached a moment ago.
        "Gateway.NotAttached": ("",),
    }
    timeout = 600
    poll = 10.0

    def prepare(self):
        self.seen_alive = {self.known_id}

    def describe_request(self):
        return {"Filter": self.filters({"subnet-id": self.options["subnet_id"]})}

    def create_request(self):
        address = self.options["allocation_id"]
        return {**super().create_request(), **({"AllocationId": address} if address else {})}

    def created(self, response):
        self.seen_alive.add(response["NatGateway"]["NatGatewayId"])

    def find_after_write(self, *seconds):
        current = super().find_after_write(*seconds)
        if self.made and self.twins:
            # Of several with one address AWS lets one live. Which it is shows when none of them is pending any more.
            current = self.wait_until(lambda now: not self.is_undecided(now), "the only one")
        return current

    def is_undecided(self, current):
        return bool(self.twins) and any(self.state_of(item) in self.states.pending for item in (current, *self.twins))

    def select(self, found):
        here = [item for item in super(Ec2Resource, self).select(found) if item["State"] not in self.states.gone]
        chosen = super().select([item for item in here if item["State"] != FAILED])
        self.seen_alive |= {item["NatGatewayId"] for item in chosen if item["State"] in ALIVE}
        return chosen or [item for item in here if item["NatGatewayId"] in self.seen_alive]

    def choose(self, found):
        alive = [item for item in found if item["State"] in ALIVE]
        for candidates in (alive, found):
            marked = self.marked(candidates, self.marks()) or [item for item in candidates if self.keeps_marks(item)]
            if marked:
                return marked
        return []

    def reasons(self, current):
        told = ": ".join(current[member] for member in ("FailureCode", "FailureMessage") if current.get(member))
        return told and f"{told.rstrip('.')}."


def main():
    run_module(NatGateway, DOCUMENTATION, required_if=[("connectivity_type", "public", ["allocation_id"])])


if __name__ == "__main__":
    main()
