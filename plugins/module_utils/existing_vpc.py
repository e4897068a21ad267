# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VPC with subnets that others have made and the platform is built in: what the platform needs to know of them.

Nothing of it is ours, whatever tags it bears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from .discovery.base import Search, tags_of

ATTRIBUTES = {"dns_support": "EnableDnsSupport", "dns_hostnames": "EnableDnsHostnames"}
EVERYWHERE = "0.0.0.0/0"
# Where a route may lead to, by the members of its description.
TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "VpcPeeringConnectionId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
)
# The tags that bear the name of a cluster, and those by which its controllers find subnets.
OF_KUBERNETES = "kubernetes.io/"


class ExistingVpc:
    """The VPC and the subnets that are named, by the lists vpc, public and private of the component's entries."""

    def __init__(self, search: Search):
        given = search.given
        (self.vpc_id,) = given["vpc"]
        self.tiers = {tier: given.get(tier, []) for tier in ("public", "private")}
        subnet_ids = [subnet_id for ids in self.tiers.values() for subnet_id in ids]
        self.vpcs = search.start("ec2", "describe_vpcs", Filters=_filter("vpc-id", self.vpc_id))
        self.tables = search.start("ec2", "describe_route_tables", Filters=_filter("vpc-id", self.vpc_id))
        self.subnets = search.start("ec2", "describe_subnets", Filters=_filter("subnet-id", *subnet_ids))
        self.search = search

    def vpc(self) -> dict | None:
        found = (self.vpcs.result() or {}).get("Vpcs", [])
        return next((vpc for vpc in found if vpc["VpcId"] == self.vpc_id), None)

    def add(self, facts: dict[str, Any], vpc: Mapping[str, Any]) -> None:
        attributes = {
            fact: self.search.start(
                "ec2", "describe_vpc_attribute", VpcId=self.vpc_id, Attribute=member[0].lower() + member[1:]
            )
            for fact, member in ATTRIBUTES.items()
        }
        declared = {subnet_id for ids in self.tiers.values() for subnet_id in ids}
        found = {
            subnet["SubnetId"]: subnet
            for subnet in (self.subnets.result() or {}).get("Subnets", [])
            if subnet["SubnetId"] in declared
        }
        tables = [
            table for table in (self.tables.result() or {}).get("RouteTables", []) if table.get("VpcId") == self.vpc_id
        ]
        subnets = {subnet_id: _subnet(subnet, tables) for subnet_id, subnet in found.items()}
        for tier, ids in self.tiers.items():
            inside = [(subnet_id, subnets[subnet_id]) for subnet_id in ids if subnet_id in subnets]
            inside = [(subnet_id, subnet) for subnet_id, subnet in inside if subnet["vpc_id"] == self.vpc_id]
            inside.sort(key=lambda item: (item[1]["availability_zone"], item[0]))
            facts["subnet_ids"][tier] = [subnet_id for subnet_id, _subnet in inside]
            facts["subnets"][tier] = [
                {"id": subnet_id, **{key: subnet[key] for key in ("availability_zone", "cidr_block")}}
                for subnet_id, subnet in inside
            ]
        listed = [subnet for tier in self.tiers for subnet in facts["subnets"][tier]]
        facts["availability_zones"] = sorted({subnet["availability_zone"] for subnet in listed})
        used = {subnets[subnet["id"]]["route_table_id"] for subnet in listed}
        facts["existing"] = {
            "vpc_id": self.vpc_id,
            "own": self.search.owns(tags_of(vpc)),
            **{fact: _is_on(attributes[fact], member) for fact, member in ATTRIBUTES.items()},
            "subnets": subnets,
            "route_table_ids": sorted(filter(None, used)),
        }

    def add_endpoints_of_others(self, facts: dict[str, Any], endpoints: Iterable[tuple[str, Mapping]]) -> None:
        """Note the endpoints that traffic takes, given all of others with their services.

        They are in the way of ours: a route table takes one gateway endpoint of a service, and a VPC one private name
        of it.
        """
        existing = facts["existing"]
        tables = {*existing["route_table_ids"]}
        existing["endpoints"], existing["interface_endpoints"] = {}, []
        for service, endpoint in sorted(endpoints, key=lambda item: item[0]):
            if endpoint.get("PrivateDnsEnabled"):
                existing["interface_endpoints"].append(service)
            if endpoint.get("PrivateDnsEnabled") or tables.intersection(endpoint.get("RouteTableIds", [])):
                existing["endpoints"][service] = endpoint["VpcEndpointId"]


def _filter(name: str, *values: str) -> list[dict]:
    """EC2's filter. It never fails on an id that is gone, as reading by id does."""
    return [{"Name": name, "Values": list(values)}]


def _is_on(started: Future, member: str) -> bool | None:
    """An attribute of the VPC, None where the account may not see it."""
    answer = started.result()
    return answer[member]["Value"] if answer and member in answer else None


def _subnet(subnet: Mapping[str, Any], tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    table = _table_of(subnet["SubnetId"], tables)
    route = next((item for item in table.get("Routes", []) if item.get("DestinationCidrBlock") == EVERYWHERE), {})
    return {
        "vpc_id": subnet["VpcId"],
        "availability_zone": subnet["AvailabilityZone"],
        "zone_id": subnet.get("AvailabilityZoneId"),
        "cidr_block": subnet["CidrBlock"],
        "free_addresses": subnet.get("AvailableIpAddressCount"),
        "public_addresses": subnet.get("MapPublicIpOnLaunch", False),
        "route_table_id": table.get("RouteTableId"),
        "way_out": next((route[member] for member in TARGETS if route.get(member)), None),
        "broken": route.get("State") == "blackhole",
        "tags": {key: value for key, value in tags_of(subnet).items() if key.startswith(OF_KUBERNETES)},
    }


def _table_of(subnet_id: str, tables: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The route table that a subnet uses: its own, or else the VPC's main one; {} if it can't be seen."""
    main: Mapping[str, Any] = {}
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main"):
                main = table
    return main
