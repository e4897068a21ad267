#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_address
version_added: 0.1.0
short_description: Manage an Elastic IP address
description:
  - Allocates, tags and releases an Elastic IP address of the region.
  - The address is found by its tag C(Name) together with O(owned_by), whether it is in use or not, or by
    O(allocation_id).
  - It replaces M(amazon.aws.ec2_eip), which in release 11.4.0 finds only a free address by its tags, so that a second
    one is allocated for what has one already, and fails where AWS doesn't release an address for some seconds after its
    NAT gateway has gone.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the address. It is kept in the tag C(Name). It is needed, here or in each entry of O(aggregate).
    type: str
  allocation_id:
    description:
      - ID of the address, where it is known. If it has lost its name or one of the tags in O(owned_by), they are put
        back.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Allocate an address
  agent_platform.aws.ec2_address:
    name: demo-nat-us-west-2a
    tags:
      Project: demo
    owned_by:
      Project: demo

- name: Release it
  agent_platform.aws.ec2_address:
    name: demo-nat-us-west-2a
    owned_by:
      Project: demo
    state: absent
"""

RETURN = r"""
address:
  description: The address as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    allocation_id:
      description: ID of the address. Not known in check mode before it is allocated.
      type: str
      sample: eipalloc-0123456789abcdef0
    public_ip:
      description: The address itself.
      type: str
      sample: 203.0.113.7
    association_id:
      description: ID of its association with what uses it. Absent where nothing does.
      type: str
      sample: eipassoc-0123456789abcdef0
    network_interface_id:
      description: ID of the network interface that uses it.
      type: str
    tags:
      description: Tags of the address.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe
from ..module_utils.ec2 import Ec2Resource, ec2_tagging
from ..module_utils.resource import run_module

# A NAT gateway that is deleted gives its address back some seconds later. Until then AWS refuses the release in one of
# these ways.
STILL_MAPPED = {
    "AuthFailure": ("You do not have permission to access the specified resource",),
    "InvalidIPAddress.InUse": ("",),
    "InvalidNetworkInterfaceID.NotFound": ("",),
}


class Address(Ec2Resource):
    kind = "address"
    result = "address"
    names = {"Name": "name"}
    identifier = "AllocationId"
    known_by = "allocation_id"
    tagged_as = "elastic-ip"
    describe = Describe("DescribeAddresses", "Addresses", many=True)
    create = Create("AllocateAddress", tags=None, names=(), made="AllocationId")
    delete = Delete("ReleaseAddress", missing=("InvalidAllocationID.NotFound",), by="AllocationId")
    unmanaged = {
        **dict.fromkeys(
            ("ModifyAddressAttribute", "ResetAddressAttribute"),
            "reverse DNS is left alone",
        ),
        **dict.fromkeys(
            ("AssociateAddress", "AssociateNatGatewayAddress"),
            "what uses the address is declared there",
        ),
        **dict.fromkeys(
            ("DisableAddressTransfer", "EnableAddressTransfer"),
            "AWS asks the other account before it moves an address",
        ),
        **dict.fromkeys(
            (
                "AllocateAddress.Address",
                "AllocateAddress.CustomerOwnedIpv4Pool",
                "AllocateAddress.IpamPoolId",
                "AllocateAddress.NetworkBorderGroup",
                "AllocateAddress.PublicIpv4Pool",
            ),
            "AWS chooses an address of its own, in the region",
        ),
    }
    tagging = ec2_tagging("AllocationId")
    passing = STILL_MAPPED
    hints = {
        "AuthFailure": {STILL_MAPPED["AuthFailure"][0]: "Something still uses it; remove that first, and run again."},
        "InvalidIPAddress.InUse": {"": "Something still uses it; remove that first, and run again."},
        "InvalidAddress.PtrSet": {"": "Take its reverse DNS record away (ResetAddressAttribute), and run again."},
        "InvalidAddress.Locked": {"": "AWS Support has to unlock it for this account."},
    }

    def prepare(self):
        tags = self.options["tags"]
        self.options["tags"] = {**(tags or {}), "Name": self.options["name"]}
        self.options["purge_tags"] = tags is not None and self.options["purge_tags"]

    def choose(self, found):
        return self.marked(found, self.marks())

    def create_request(self):
        return {"Domain": "vpc", **super().create_request()}


def main():
    run_module(Address, DOCUMENTATION)


if __name__ == "__main__":
    main()
