# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Subnets, zones, routes: what AWS refuses to make twice, or to delete while it is in use.

ministack accepts overlapping subnets and ranges outside the VPC, a second route for a destination, and deletes subnets,
route tables and VPCs that something still uses. It also shows three zones, a to c, in each region.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2

from ...wire import AWSError, Response, matches_filters
from ..patching import QueryShims
from .instances import all_instances, interfaces
from .nat_gateways import live_gateways
from .records import dependency_violation, vpc_of
from .vpc_endpoints import live_endpoints
from .vpc_networks import networks_of

# The zones that a new account sees; regions that aren't listed have a, b and c.
_ZONE_LETTERS = {
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "us-east-1": "abcdef",
    "us-west-1": "ac",
    "us-west-2": "abcd",
}
_ZONE_FILTERS = {
    "group-name": "GroupName",
    "opt-in-status": "OptInStatus",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
}


def install(shims: QueryShims) -> None:
    shims.replace("DescribeAvailabilityZones", _describe_zones)
    shims.guard("CreateSubnet", _check_subnet)
    shims.after("CreateSubnet", _count_addresses)
    shims.guard("CreateRoute", _refuse_second_route)
    shims.guard("DeleteSubnet", _refuse_subnet_in_use)
    shims.guard("DeleteRouteTable", _refuse_table_in_use)
    shims.guard("DeleteVpc", _refuse_vpc_in_use)
    shims.guard("DetachInternetGateway", _refuse_mapped_addresses)


def _zone_names() -> list[str]:
    return [f"{get_region()}{letter}" for letter in _ZONE_LETTERS.get(get_region(), "abc")]


def _describe_zones(request: dict[str, Any]) -> dict[str, Any]:
    region = get_region()
    zones = [
        {
            "ZoneName": name,
            "ZoneId": ec2._az_id_for_zone_name(name),
            "State": "available",
            "RegionName": region,
            "GroupName": f"{region}-zg-1",
            "NetworkBorderGroup": region,
            "OptInStatus": "opt-in-not-required",
            "ZoneType": "availability-zone",
            "Messages": [],
        }
        for name in _zone_names()
    ]
    for member, wanted in (("ZoneName", request.get("ZoneNames")), ("ZoneId", request.get("ZoneIds"))):
        unknown = sorted(set(wanted or []) - {zone[member] for zone in zones})
        if unknown:
            raise AWSError("InvalidParameterValue", f"Invalid availability zone: [{unknown[0]}]")
        if wanted:
            zones = [zone for zone in zones if zone[member] in wanted]
    filters = request.get("Filters", [])
    return {"AvailabilityZones": [zone for zone in zones if matches_filters(zone, filters, _ZONE_FILTERS, {})]}


def _check_subnet(request: dict[str, Any]) -> None:
    vpc = vpc_of(request.get("VpcId"))
    cidr = request.get("CidrBlock", "")
    try:
        block = ipaddress.ip_network(cidr)
    except ValueError:
        raise AWSError(
            "InvalidParameterValue",
            f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ) from None
    zone = request.get("AvailabilityZone")
    if zone and zone not in _zone_names():
        raise AWSError(
            "InvalidParameterValue",
            f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the "
            f"following availability zones: {', '.join(_zone_names())}.",
        )
    if not 16 <= block.prefixlen <= 28 or not any(block.subnet_of(network) for network in networks_of(vpc)):
        raise AWSError("InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid.")
    for subnet in ec2._subnets.values():
        if subnet["VpcId"] == vpc["VpcId"] and block.overlaps(ipaddress.ip_network(subnet["CidrBlock"])):
            raise AWSError("InvalidSubnet.Conflict", f"The CIDR '{cidr}' conflicts with another subnet")


def _count_addresses(_request: dict[str, Any], _response: Response) -> None:
    for subnet in ec2._subnets.values():
        if not subnet.get("DefaultForAz"):
            subnet["AvailableIpAddressCount"] = ipaddress.ip_network(subnet["CidrBlock"]).num_addresses - 5


def _refuse_second_route(request: dict[str, Any]) -> None:
    table = ec2._route_tables.get(request["RouteTableId"])
    destination = request.get("DestinationCidrBlock")
    if table is None or destination is None:
        return
    same: list[Mapping[str, Any]] = [
        route for route in table["Routes"] if route.get("DestinationCidrBlock") == destination
    ]
    if same:
        raise AWSError("RouteAlreadyExists", f"The route identified by {destination} already exists.")


def _refuse_subnet_in_use(request: dict[str, Any]) -> None:
    subnet_id = request["SubnetId"]
    holders: list[Any] = [gateway for gateway in live_gateways() if gateway["SubnetId"] == subnet_id]
    holders += [endpoint for endpoint in live_endpoints() if subnet_id in endpoint["SubnetIds"]]
    holders += [interface for interface in interfaces() if interface["SubnetId"] == subnet_id]
    # Those that a fleet launches have no interface here.
    holders += [
        instance
        for instance in all_instances()
        if instance.get("SubnetId") == subnet_id and instance["State"]["Name"] != "terminated"
    ]
    if holders:
        raise dependency_violation("subnet", subnet_id)


def _refuse_table_in_use(request: dict[str, Any]) -> None:
    table = ec2._route_tables.get(request["RouteTableId"])
    if table is not None and table["Associations"]:
        raise dependency_violation("routeTable", request["RouteTableId"])


def _refuse_vpc_in_use(request: dict[str, Any]) -> None:
    vpc_id = request["VpcId"]
    tables = [
        table
        for table in ec2._route_tables.values()
        if table["VpcId"] == vpc_id and not any(association.get("Main") for association in table["Associations"])
    ]
    endpoints = [endpoint for endpoint in live_endpoints() if endpoint["VpcId"] == vpc_id]
    if tables or endpoints:
        raise dependency_violation("vpc", vpc_id)


def _refuse_mapped_addresses(request: dict[str, Any]) -> None:
    for gateway in live_gateways():
        if gateway["VpcId"] == request["VpcId"] and gateway["ConnectivityType"] == "public":
            raise AWSError(
                "DependencyViolation",
                f"Network {request['VpcId']} has some mapped public address(es). Please unmap those public address(es) "
                "before detaching the gateway.",
            )
