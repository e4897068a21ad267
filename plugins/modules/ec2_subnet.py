#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_subnet
version_added: 0.1.0
short_description: Manage a subnet of a VPC
description:
  - Creates, changes, tags and deletes a subnet of a VPC.
  - It is found by its network, which no other subnet of the VPC can have. If it has lost its name or one of the tags in
    O(owned_by), they are put back.
  - It replaces M(amazon.aws.ec2_vpc_subnet), which in release 11.4.0 goes on for longer than ten minutes where AWS
    throttles without an end, takes a subnet of that network whoever made it, and knows neither host names nor
    what is in the way of a deletion.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC. It is needed, here or in each entry of O(aggregate).
    type: str
  cidr_block:
    description:
      - IPv4 network of the subnet. It is needed, here or in each entry of O(aggregate).
    type: str
  availability_zone:
    description:
      - Availability Zone of the subnet. It can't be changed later.
      - If not set, AWS chooses one for a new subnet.
    type: str
  map_public_ip_on_launch:
    description:
      - Whether what is launched in the subnet gets a public IPv4 address.
    type: bool
  assign_ipv6_address_on_creation:
    description:
      - Whether new network interfaces in the subnet get an IPv6 address.
    type: bool
  enable_dns64:
    description:
      - Whether the resolver gives IPv6 addresses for names that have IPv4 addresses only.
    type: bool
  hostname_type:
    description:
      - What the host name of an instance is made of, its address or its id.
    type: str
    choices: [ip-name, resource-name]
  resource_name_dns_a_record:
    description:
      - Whether host names that are made of ids resolve to IPv4 addresses.
    type: bool
  resource_name_dns_aaaa_record:
    description:
      - Whether host names that are made of ids resolve to IPv6 addresses.
    type: bool
  remove_left_interfaces:
    description:
      - Whether network interfaces in the subnet are deleted with it that the VPC CNI plugin for Kubernetes has made for
        a node, by its own tag and description, and that nothing uses any more.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a private subnet
  agent_platform.aws.ec2_subnet:
    vpc_id: vpc-0123456789abcdef0
    cidr_block: 10.0.11.0/24
    availability_zone: us-west-2a
    map_public_ip_on_launch: false
    tags:
      Name: demo-private-us-west-2a

- name: Delete it
  agent_platform.aws.ec2_subnet:
    vpc_id: vpc-0123456789abcdef0
    cidr_block: 10.0.11.0/24
    state: absent
"""

RETURN = r"""
subnet:
  description: The subnet as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    subnet_id:
      description: ID of the subnet. Not known in check mode before the subnet exists.
      type: str
      sample: subnet-0123456789abcdef0
    availability_zone:
      description: Availability Zone of the subnet.
      type: str
      sample: us-west-2a
    cidr_block:
      description: IPv4 network of the subnet.
      type: str
      sample: 10.0.11.0/24
    map_public_ip_on_launch:
      description: Whether what is launched gets a public address.
      type: bool
    private_dns_name_options_on_launch:
      description: What host names are made of, and what they resolve to.
      type: dict
    state:
      description: State of the subnet.
      type: str
      sample: available
    tags:
      description: Tags of the subnet.
      type: dict
    vpc_id:
      description: ID of the VPC.
      type: str
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update
from ..module_utils.ec2 import ec2_tagging
from ..module_utils.resource import run_module
from ..module_utils.vacated import Vacated, interfaces_by

DELETE_IT = "Remove it (state: absent) and run again."
# Option -> member of ModifySubnetAttribute, path in the description. AWS takes one of them in a call.
SWITCHES = {
    "map_public_ip_on_launch": ("MapPublicIpOnLaunch", "MapPublicIpOnLaunch"),
    "assign_ipv6_address_on_creation": ("AssignIpv6AddressOnCreation", "AssignIpv6AddressOnCreation"),
    "enable_dns64": ("EnableDns64", "EnableDns64"),
    "resource_name_dns_a_record": (
        "EnableResourceNameDnsARecordOnLaunch",
        "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord",
    ),
    "resource_name_dns_aaaa_record": (
        "EnableResourceNameDnsAAAARecordOnLaunch",
        "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord",
    ),
}


class Subnet(Vacated):
    kind = "subnet"
    result = "subnet"
    names = {"VpcId": "vpc_id", "CidrBlock": "cidr_block"}
    identifier = "SubnetId"
    tagged_as = "subnet"
    unique_name = True
    placed = True
    filtered_by = {"vpc-id": "vpc_id"}
    describe = Describe("DescribeSubnets", "Subnets", many=True)
    create = Create("CreateSubnet", exists=("InvalidSubnet.Conflict",), tags=None)
    delete = Delete("DeleteSubnet", missing=("InvalidSubnetID.NotFound",), by="SubnetId")
    settings = (
        Setting("availability_zone", "AvailabilityZone"),
        *(
            Setting(option, None, read=path, update=option, update_members=(f"{member}.Value",), absent=False)
            for option, (member, path) in SWITCHES.items()
        ),
        Setting(
            "hostname_type",
            None,
            read="PrivateDnsNameOptionsOnLaunch.HostnameType",
            update="hostname_type",
            update_members=("PrivateDnsHostnameTypeOnLaunch",),
            absent="ip-name",
        ),
    )
    updates = {
        **{option: Update("ModifySubnetAttribute", by="SubnetId") for option in SWITCHES},
        "hostname_type": Update("ModifySubnetAttribute", by="SubnetId"),
    }
    extra_operations = ("DeleteNetworkInterface", "DescribeNetworkInterfaces")
    unmanaged = {
        **dict.fromkeys(
            (
                "AssociateSubnetCidrBlock",
                "CreateSubnet.Ipv6CidrBlock",
                "CreateSubnet.Ipv6IpamPoolId",
                "CreateSubnet.Ipv6Native",
                "CreateSubnet.Ipv6NetmaskLength",
            ),
            "IPv6 networks aren't offered",
        ),
        **dict.fromkeys(
            ("CreateSubnet.AvailabilityZoneId", "CreateSubnet.Ipv4IpamPoolId", "CreateSubnet.Ipv4NetmaskLength"),
            "the network and the zone are declared",
        ),
        **dict.fromkeys(
            (
                "CreateSubnet.OutpostArn",
                "ModifySubnetAttribute.CustomerOwnedIpv4Pool",
                "ModifySubnetAttribute.DisableLniAtDeviceIndex",
                "ModifySubnetAttribute.EnableLniAtDeviceIndex",
                "ModifySubnetAttribute.MapCustomerOwnedIpOnLaunch",
            ),
            "of AWS Outposts",
        ),
        "CreateSubnetCidrReservation": "reservations of addresses are left alone",
        **dict.fromkeys(
            ("CreateInstanceConnectEndpoint", "CreateNetworkInterface", "CreateRouteServerEndpoint"),
            "what others put into it is left alone",
        ),
        "CreateVpcBlockPublicAccessExclusion": "exceptions from an account's block of public access are left alone",
        **dict.fromkeys(
            (
                "AcceptTransitGatewayMulticastDomainAssociations",
                "AssociateClientVpnTargetNetwork",
                "AssociateTransitGatewayMulticastDomain",
                "CreateTransitGatewayVpcAttachment",
                "DisassociateTransitGatewayMulticastDomain",
                "RejectTransitGatewayMulticastDomainAssociations",
            ),
            "ways to other networks are left alone",
        ),
    }
    tagging = ec2_tagging("SubnetId")
    states = States(
        "State",
        ready=frozenset({"available"}),
        pending=frozenset({"pending"}),
        failed={"failed": DELETE_IT, "failed-insufficient-capacity": DELETE_IT},
        degraded={"unavailable": "AWS has a fault in its Availability Zone; see the AWS Health Dashboard."},
    )
    inside = (interfaces_by("subnet-id"),)


def main():
    run_module(Subnet, DOCUMENTATION)


if __name__ == "__main__":
    main()
