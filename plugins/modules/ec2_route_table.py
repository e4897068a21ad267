#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_route_table
version_added: 0.1.0
short_description: Manage a route table of a VPC with its routes and subnets
description:
  - Creates, changes and deletes a route table with its routes, the subnets that use it, and its tags. Routes and
    subnets that are not declared are removed from it.
  - The table is found by its tag C(Name) together with O(owned_by), or by O(route_table_id). Other tags may change.
  - A subnet that uses another table is moved in one step, so it is never without its routes.
  - Routes of gateway endpoints belong to the endpoint and are left alone, see M(agent_platform.aws.ec2_vpc_endpoint).
  - It replaces M(amazon.aws.ec2_vpc_route_table), which in release 11.4.0 makes a second table when a tag changes,
    leaves a subnet that it takes from another table without one until it runs again, and warns in each run of every
    gateway endpoint.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC. It is needed, here or in each entry of O(aggregate).
    type: str
  name:
    description:
      - Name of the table. It is kept in the tag C(Name). It is needed, here or in each entry of O(aggregate).
    type: str
  route_table_id:
    description:
      - ID of the table, where it is known. If it has lost its name or a tag of O(owned_by), that is put back.
    type: str
  subnet_ids:
    description:
      - IDs of the subnets that use the table.
    type: list
    elements: str
  routes:
    description:
      - Where traffic goes, besides that inside the VPC.
    type: list
    elements: dict
    suboptions:
      destination_cidr_block:
        description: IPv4 network at the other end.
        type: str
        required: true
      gateway_id:
        description: ID of the internet gateway that takes the traffic.
        type: str
      nat_gateway_id:
        description: ID of the NAT gateway that takes the traffic.
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
- name: Lead the public subnets to the internet
  agent_platform.aws.ec2_route_table:
    vpc_id: vpc-0123456789abcdef0
    name: demo-public
    subnet_ids:
      - subnet-0123456789abcdef0
      - subnet-0123456789abcdef1
    routes:
      - destination_cidr_block: 0.0.0.0/0
        gateway_id: igw-0123456789abcdef0
    tags:
      Project: demo

- name: Delete the table
  agent_platform.aws.ec2_route_table:
    state: absent
    vpc_id: vpc-0123456789abcdef0
    name: demo-public
"""

RETURN = r"""
route_table:
  description: The route table as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    route_table_id:
      description: ID of the table. Not known in check mode before the table exists.
      type: str
      sample: rtb-0123456789abcdef0
    associations:
      description: What uses the table.
      type: list
      elements: dict
    routes:
      description: All routes, also those that AWS makes.
      type: list
      elements: dict
    tags:
      description: Tags of the table.
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

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.ec2 import Ec2Resource, ec2_tagging
from ..module_utils.resource import run_module

DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
# Members that name what takes the traffic of a route. Only the first two can be declared.
TARGETS = {"GatewayId": "gateway_id", "NatGatewayId": "nat_gateway_id"}
OTHER_TARGETS = (
    "CarrierGatewayId",
    "CoreNetworkArn",
    "EgressOnlyInternetGatewayId",
    "LocalGatewayId",
    "NetworkInterfaceId",
    "OdbNetworkArn",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
)
# Of an endpoint's gateway; the endpoint makes and removes the route.
ENDPOINT = "vpce-"


def made_by_users(routes):
    """Routes that someone has added: not the VPC's own, not propagated, not an endpoint's."""
    return [
        route
        for route in routes
        if route.get("Origin", "CreateRoute") == "CreateRoute" and not route.get("GatewayId", "").startswith(ENDPOINT)
    ]


def destination_of(route):
    """The member that names the destination, and its value."""
    return next((member, route[member]) for member in DESTINATIONS if route.get(member))


def routes_of(routes):
    """Routes in the module's own terms. Targets that can't be declared are shown under the API's name."""
    found = []
    for route in made_by_users(routes):
        member, destination = destination_of(route)
        shown = {"destination_cidr_block" if member == DESTINATIONS[0] else member: destination}
        shown |= {option: route[member] for member, option in TARGETS.items() if route.get(member)}
        found.append(shown | {member: route[member] for member in OTHER_TARGETS if route.get(member)})
    return found


def as_described(routes):
    return [
        {
            "DestinationCidrBlock": route["destination_cidr_block"],
            **{member: route[option] for member, option in TARGETS.items() if route.get(option)},
            "Origin": "CreateRoute",
        }
        for route in routes
    ]


def subnets_of(associations):
    return [association["SubnetId"] for association in associations if association.get("SubnetId")]


class RouteTable(Ec2Resource):
    kind = "route table"
    result = "route_table"
    names = {"VpcId": "vpc_id", "Name": "name"}
    identifier = "RouteTableId"
    known_by = "route_table_id"
    tagged_as = "route-table"
    filtered_by = {"vpc-id": "vpc_id"}
    describe = Describe("DescribeRouteTables", "RouteTables", many=True)
    create = Create(
        "CreateRouteTable", token="ClientToken", tags=None, names=("VpcId",), made="RouteTable.RouteTableId"
    )
    delete = Delete("DeleteRouteTable", missing=("InvalidRouteTableID.NotFound",), by="RouteTableId")
    settings = (
        Setting(
            "routes",
            None,
            read="Routes",
            update="routes",
            update_members=("DestinationCidrBlock", "GatewayId", "NatGatewayId"),
            unordered=True,
            encode=as_described,
            decode=routes_of,
        ),
        Setting(
            "subnet_ids",
            None,
            read="Associations",
            update="subnets",
            update_members=("SubnetId",),
            unordered=True,
            encode=lambda subnets: [{"SubnetId": subnet} for subnet in subnets],
            decode=subnets_of,
        ),
    )
    # Routes first: a subnet that moves here finds them.
    updates = {"routes": Update("CreateRoute"), "subnets": Update("AssociateRouteTable")}
    extra_operations = ("ReplaceRoute", "DeleteRoute", "ReplaceRouteTableAssociation", "DisassociateRouteTable")
    unmanaged = {
        **dict.fromkeys(
            (
                "DisableRouteServerPropagation",
                "DisableVgwRoutePropagation",
                "EnableRouteServerPropagation",
                "EnableVgwRoutePropagation",
            ),
            "routes that gateways and route servers propagate are left to them",
        ),
        **dict.fromkeys(("CreateRoute.InstanceId", "CreateRoute.VpcEndpointId"), "no target that is declared"),
        "AssociateRouteTable.PublicIpv4Pool": "of internet gateways; the module associates subnets",
    }
    tagging = ec2_tagging("RouteTableId")
    passing = {
        "InvalidGatewayID.NotFound": ("",),
        "InvalidInternetGatewayID.NotFound": ("",),
        "InvalidNatGatewayID.NotFound": ("",),
        # Someone else made it since we looked; the next look tells.
        "RouteAlreadyExists": ("",),
        "Resource.AlreadyAssociated": ("",),
    }

    def prepare(self):
        self.tables = []
        tags = self.options["tags"]
        self.options["tags"] = {**(tags or {}), "Name": self.options["name"]}
        self.options["purge_tags"] = tags is not None and self.options["purge_tags"]

    def select(self, found):
        self.tables = found
        return super().select(found)

    def choose(self, found):
        return self.marked(found, self.marks())

    def update_routes(self, _changes, current):
        table = {"RouteTableId": current["RouteTableId"]}
        have = {destination_of(route): route for route in made_by_users(current.get("Routes", []))}
        for wanted in as_described(self.options["routes"]):
            del wanted["Origin"]
            destination = destination_of(wanted)
            present = have.pop(destination, None)
            if present is None:
                self.write("CreateRoute", table | wanted, f"create the route to {destination[1]} in {self.title}")
            elif not wanted.items() <= present.items():
                self.write("ReplaceRoute", table | wanted, f"change the route to {destination[1]} in {self.title}")
        for member, destination in have:
            doing = f"delete the route to {destination} from {self.title}"
            self.write("DeleteRoute", table | {member: destination}, doing, missing=("InvalidRoute.NotFound",))

    def update_subnets(self, _changes, current):
        table = {"RouteTableId": current["RouteTableId"]}
        mine = {item["SubnetId"]: item for item in current.get("Associations", []) if item.get("SubnetId")}
        elsewhere = {
            item["SubnetId"]: item["RouteTableAssociationId"]
            for other in self.tables
            for item in other.get("Associations", [])
            if item.get("SubnetId") and item["SubnetId"] not in mine
        }
        for subnet in self.options["subnet_ids"]:
            if subnet in mine:
                continue
            doing = f"give {subnet} the {self.title}"
            if subnet in elsewhere:
                self.write("ReplaceRouteTableAssociation", {"AssociationId": elsewhere[subnet], **table}, doing)
            else:
                self.write("AssociateRouteTable", {"SubnetId": subnet, **table}, doing)
        for subnet, association in mine.items():
            if subnet not in self.options["subnet_ids"]:
                self.disassociate(association)

    def disassociate(self, association):
        request = {"AssociationId": association["RouteTableAssociationId"]}
        doing = f"take {association.get('SubnetId') or association.get('GatewayId')} from {self.title}"
        self.write("DisassociateRouteTable", request, doing, missing=("InvalidAssociationID.NotFound",))

    def before_delete(self, current):
        for association in current.get("Associations", []):
            if not association.get("Main"):
                self.disassociate(association)


def main():
    targets = [tuple(TARGETS.values())]
    run_module(RouteTable, DOCUMENTATION, {"routes": {"required_one_of": targets, "mutually_exclusive": targets}})


if __name__ == "__main__":
    main()
