#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_vpc
version_added: 0.1.0
short_description: Manage a VPC
description:
  - Creates, changes, tags and deletes a VPC with one IPv4 network, and sets how names resolve in it.
  - The VPC is found by its tag C(Name) together with O(owned_by), or by O(vpc_id).
  - It replaces M(amazon.aws.ec2_vpc_net), which in release 11.4.0 makes a second VPC after a lost reply, goes on for
    longer than ten minutes where AWS throttles without an end, and says of a VPC that isn't empty only that something
    depends on it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the VPC. It is kept in the tag C(Name).
    type: str
    required: true
  vpc_id:
    description:
      - ID of the VPC, where it is known. If it has lost its name or one of the tags in O(owned_by), they are put back.
    type: str
  cidr_block:
    description:
      - IPv4 network of the VPC. It can't be changed later.
      - AWS needs it to make a VPC.
    type: str
  instance_tenancy:
    description:
      - Whether instances run on hardware of their own. AWS can change it to V(default) only.
    type: str
    choices: [default, dedicated, host]
  dhcp_options_id:
    description:
      - ID of the DHCP options of the VPC, or V(default) for none.
    type: str
  dns_support:
    description:
      - Whether the resolver of AWS answers in the VPC.
    type: bool
  dns_hostnames:
    description:
      - Whether instances with public addresses have public host names. It needs O(dns_support).
    type: bool
  network_address_usage_metrics:
    description:
      - Whether CloudWatch counts the addresses in use.
    type: bool
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a VPC in which names resolve
  agent_platform.aws.ec2_vpc:
    name: demo-vpc
    cidr_block: 10.0.0.0/16
    dns_support: true
    dns_hostnames: true
    tags:
      Project: demo
    owned_by:
      Project: demo

- name: Delete it
  agent_platform.aws.ec2_vpc:
    name: demo-vpc
    owned_by:
      Project: demo
    state: absent
"""

RETURN = r"""
vpc:
  description: The VPC as EC2 describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    vpc_id:
      description: ID of the VPC. Not known in check mode before the VPC exists.
      type: str
      sample: vpc-0123456789abcdef0
    cidr_block:
      description: IPv4 network of the VPC.
      type: str
      sample: 10.0.0.0/16
    instance_tenancy:
      description: Whether instances run on hardware of their own.
      type: str
      sample: default
    dhcp_options_id:
      description: ID of the DHCP options.
      type: str
      sample: dopt-0123456789abcdef0
    enable_dns_support:
      description: Whether the resolver of AWS answers, as C(value), if O(dns_support) is set.
      type: dict
    enable_dns_hostnames:
      description: Whether instances have public host names, as C(value), if O(dns_hostnames) is set.
      type: dict
    enable_network_address_usage_metrics:
      description: >-
        Whether the addresses in use are counted, as C(value), if O(network_address_usage_metrics) is set.
      type: dict
    state:
      description: State of the VPC.
      type: str
      sample: available
    tags:
      description: Tags of the VPC.
      type: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update
from ..module_utils.ec2 import ec2_tagging
from ..module_utils.resource import run_module
from ..module_utils.vacated import Inside, Vacated, interfaces_by

# Option -> member of the attribute. Each takes a call of its own, to read and to change it.
ATTRIBUTES = {
    "dns_support": "EnableDnsSupport",
    "dns_hostnames": "EnableDnsHostnames",
    "network_address_usage_metrics": "EnableNetworkAddressUsageMetrics",
}


class Vpc(Vacated):
    kind = "VPC"
    result = "vpc"
    names = {"Name": "name"}
    identifier = "VpcId"
    known_by = "vpc_id"
    tagged_as = "vpc"
    needed = ("cidr_block",)
    describe = Describe("DescribeVpcs", "Vpcs", many=True)
    additions = tuple(
        Addition(
            "DescribeVpcAttribute",
            member,
            at=member,
            by="VpcId",
            missing=("InvalidVpcID.NotFound",),
            option=option,
        )
        for option, member in ATTRIBUTES.items()
    )
    create = Create("CreateVpc", tags=None, names=(), made="Vpc.VpcId")
    delete = Delete("DeleteVpc", missing=("InvalidVpcID.NotFound",), by="VpcId")
    settings = (
        Setting("cidr_block", "CidrBlock"),
        Setting("instance_tenancy", "InstanceTenancy", update="tenancy"),
        Setting("dhcp_options_id", None, read="DhcpOptionsId", update="dhcp", update_members=("DhcpOptionsId",)),
        *(
            Setting(
                option,
                None,
                read=member,
                update=option,
                update_members=(member,),
                encode=lambda value: {"Value": value},
                decode=lambda attribute: attribute["Value"],
            )
            for option, member in ATTRIBUTES.items()
        ),
    )
    updates = {
        "tenancy": Update("ModifyVpcTenancy", by="VpcId"),
        "dhcp": Update("AssociateDhcpOptions", by="VpcId"),
        **{option: Update("ModifyVpcAttribute", by="VpcId") for option in ATTRIBUTES},
    }
    extra_operations = (
        "DescribeNetworkInterfaces",
        "DescribeInternetGateways",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcEndpoints",
        "DescribeVpcPeeringConnections",
        "DescribeVpnGateways",
    )
    unmanaged = {
        "AssociateVpcCidrBlock": "further networks are left alone",
        **dict.fromkeys(
            (
                "CreateVpc.AmazonProvidedIpv6CidrBlock",
                "CreateVpc.Ipv6CidrBlock",
                "CreateVpc.Ipv6CidrBlockNetworkBorderGroup",
                "CreateVpc.Ipv6IpamPoolId",
                "CreateVpc.Ipv6NetmaskLength",
                "CreateVpc.Ipv6Pool",
                "CreateEgressOnlyInternetGateway",
            ),
            "IPv6 isn't offered",
        ),
        **dict.fromkeys(
            ("CreateVpc.Ipv4IpamPoolId", "CreateVpc.Ipv4NetmaskLength"),
            "the network is declared",
        ),
        **dict.fromkeys(
            ("CreateVpc.VpcEncryptionControl", "CreateVpcEncryptionControl"),
            "encryption between instances is left alone",
        ),
        "CreateVpcBlockPublicAccessExclusion": "exceptions from an account's block of public access are left alone",
        **dict.fromkeys(
            (
                "AssociateRouteServer",
                "AttachVpnGateway",
                "CreateCarrierGateway",
                "CreateClientVpnEndpoint",
                "CreateLocalGatewayRouteTableVpcAssociation",
                "CreateTransitGatewayVpcAttachment",
                "CreateVpcPeeringConnection",
                "DetachVpnGateway",
                "DisassociateRouteServer",
                "ApplySecurityGroupsToClientVpnTargetNetwork",
                "ModifyClientVpnEndpoint",
            ),
            "ways to other networks are left alone",
        ),
        **dict.fromkeys(
            ("AssociateSecurityGroupVpc", "DisassociateSecurityGroupVpc"),
            "groups of other VPCs are left alone",
        ),
        **dict.fromkeys(
            (
                "AttachClassicLinkVpc",
                "DetachClassicLinkVpc",
                "DisableVpcClassicLink",
                "DisableVpcClassicLinkDnsSupport",
                "EnableVpcClassicLink",
                "EnableVpcClassicLinkDnsSupport",
            ),
            "EC2-Classic is no more",
        ),
    }
    tagging = ec2_tagging("VpcId")
    states = States(
        "State", ready=frozenset({"available"}), pending=frozenset({"pending"}), deleting=frozenset({"deleting"})
    )
    inside = (
        interfaces_by("vpc-id"),
        Inside("DescribeSubnets", "Subnets", "SubnetId", "vpc-id"),
        Inside("DescribeSecurityGroups", "SecurityGroups", "GroupId", "vpc-id"),
        Inside("DescribeRouteTables", "RouteTables", "RouteTableId", "vpc-id"),
        Inside("DescribeInternetGateways", "InternetGateways", "InternetGatewayId", "attachment.vpc-id"),
        Inside("DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId", "vpc-id"),
        Inside("DescribeVpnGateways", "VpnGateways", "VpnGatewayId", "attachment.vpc-id"),
        Inside(
            "DescribeVpcPeeringConnections",
            "VpcPeeringConnections",
            "VpcPeeringConnectionId",
            "requester-vpc-info.vpc-id",
        ),
    )

    def prepare(self):
        tags = self.options["tags"]
        self.options["tags"] = {**(tags or {}), "Name": self.options["name"]}
        self.options["purge_tags"] = tags is not None and self.options["purge_tags"]

    def choose(self, found):
        return self.marked(found, self.marks())

    def target(self, call, current):
        request = super().target(call, current)
        if isinstance(call, Addition):
            request["Attribute"] = call.path[0].lower() + call.path[1:]
        return request

    def keeps(self, thing):
        main = any(association.get("Main") for association in thing.get("Associations", []))
        return not main and thing.get("GroupName") != "default"


def main():
    run_module(Vpc, DOCUMENTATION)


if __name__ == "__main__":
    main()
