# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's VPC and what lies in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..names import SECURITY_GROUPS
from .base import Component, Search, listed, name_of, tags_of

TIERS = ("public", "private")
ENDING = ("deleting", "deleted")


def empty(search: Search) -> dict[str, Any]:
    return {
        "vpc_id": None,
        "cidr_block": None,
        "internet_gateway_id": None,
        "availability_zones": [],
        "subnets": {tier: [] for tier in TIERS},
        "subnet_ids": {tier: [] for tier in TIERS},
        "nat_gateways": [],
        "addresses": [],
        "route_tables": {"public": None, "private": {}},
        "security_groups": dict.fromkeys(SECURITY_GROUPS),
        "endpoints": {},
        "flow_log_id": None,
        "default_security_group_id": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    vpc_name = search.scope.name("vpc", "ec2_tag_name")
    log_group = f"/aws/vpc/{search.scope.prefix}/flow-logs"
    same_name = search.start("ec2", "describe_vpcs", Filters=[{"Name": "tag:Name", "Values": [vpc_name]}])
    vpcs = search.start_owned("describe_vpcs")
    subnets = search.start_owned("describe_subnets")
    gateways = search.start_owned("describe_internet_gateways")
    nat_gateways = search.start_owned("describe_nat_gateways", "Filter")
    addresses = search.start_owned("describe_addresses")
    route_tables = search.start_owned("describe_route_tables")
    endpoints = search.start_owned("describe_vpc_endpoints")
    flow_logs = search.start_owned("describe_flow_logs", "Filter")
    roles = search.start_roles(["flow-logs"])
    log_groups = search.start_log_group(log_group)

    ours = search.owned(subnets.result(), "Subnets")
    # After a lost reply two VPCs may carry our tags; the one that was built upon is the platform's.
    vpc = search.one(
        "VPCs",
        search.owned(vpcs.result(), "Vpcs"),
        "VpcId",
        weight=lambda vpc: sum(subnet["VpcId"] == vpc["VpcId"] for subnet in ours),
    )
    for other in (same_name.result() or {}).get("Vpcs", []):
        if name_of(other) == vpc_name and not search.scope.owns(tags_of(other)):
            search.foreign(f"VPC {other['VpcId']}", f"is named {vpc_name}")

    vpc_id = vpc["VpcId"] if vpc else None
    facts["internet_gateway_id"] = _internet_gateway(search, gateways.result(), vpc_id)
    _add_addresses(facts, search.owned(addresses.result(), "Addresses"))
    if vpc:
        facts.update(vpc_id=vpc_id, cidr_block=vpc["CidrBlock"])
        groups = search.start("ec2", "describe_security_groups", Filters=_group_filters(search, vpc_id))
        named = search.one_of_each("subnets", (subnet for subnet in ours if subnet["VpcId"] == vpc_id), "SubnetId")
        _add_subnets(facts, named.values())
        zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in ours}
        nats = search.owned(nat_gateways.result(), "NatGateways", VpcId=vpc_id)
        _add_nat_gateways(search, facts, nats, zones)
        _add_route_tables(search, facts, search.owned(route_tables.result(), "RouteTables", VpcId=vpc_id))
        _add_endpoints(search, facts, search.owned(endpoints.result(), "VpcEndpoints", VpcId=vpc_id))
        flow_log = search.one("flow logs", search.owned(flow_logs.result(), "FlowLogs", ResourceId=vpc_id), "FlowLogId")
        facts["flow_log_id"] = flow_log and flow_log["FlowLogId"]
        _add_security_groups(search, facts, groups.result())
    search.roles(roles)
    search.check_log_group(log_group, log_groups, written=facts["flow_log_id"] is not None)


def _internet_gateway(search: Search, answer: dict | None, vpc_id: str | None) -> str | None:
    """The gateway of the VPC, or one of ours that no VPC has yet: a run may have ended before it was attached."""

    def attached(gateway: Mapping[str, Any]) -> set[str]:
        return {attachment["VpcId"] for attachment in gateway.get("Attachments", [])}

    usable = [gateway for gateway in search.owned(answer, "InternetGateways") if not attached(gateway) - {vpc_id}]
    gateway = search.one(
        "internet gateways", usable, "InternetGatewayId", weight=lambda gateway: len(attached(gateway))
    )
    return gateway and gateway["InternetGatewayId"]


def _add_subnets(facts: dict[str, Any], subnets: Any) -> None:
    for subnet in sorted(subnets, key=lambda subnet: (subnet["AvailabilityZone"], subnet["SubnetId"])):
        tier = tags_of(subnet).get("Tier")
        if tier in TIERS:
            facts["subnets"][tier].append(
                {
                    "id": subnet["SubnetId"],
                    "availability_zone": subnet["AvailabilityZone"],
                    "cidr_block": subnet["CidrBlock"],
                }
            )
            facts["subnet_ids"][tier].append(subnet["SubnetId"])
    facts["availability_zones"] = sorted(
        {subnet["availability_zone"] for tier in TIERS for subnet in facts["subnets"][tier]}
    )


def _add_nat_gateways(search: Search, facts: dict[str, Any], gateways: list[dict], zones: Mapping[str, str]) -> None:
    living = [gateway for gateway in gateways if gateway["State"] not in ENDING]
    for gateway in search.one_of_each("NAT gateways", living, "NatGatewayId").values():
        addresses = gateway.get("NatGatewayAddresses") or [{}]
        facts["nat_gateways"].append(
            {
                "id": gateway["NatGatewayId"],
                "availability_zone": zones.get(gateway["SubnetId"]),
                "public_ip": addresses[0].get("PublicIp"),
                "state": gateway["State"],
            }
        )


def _add_addresses(facts: dict[str, Any], addresses: list[dict]) -> None:
    facts["addresses"] = [
        {"public_ip": address["PublicIp"], "association_id": address.get("AssociationId")}
        for address in sorted(addresses, key=lambda address: (name_of(address) or "", address["PublicIp"]))
    ]


def _add_route_tables(search: Search, facts: dict[str, Any], tables: list[dict]) -> None:
    private = search.scope.name("private", "ec2_tag_name") + "-"
    for name, table in search.one_of_each("route tables", tables, "RouteTableId").items():
        if name == search.scope.name("public", "ec2_tag_name"):
            facts["route_tables"]["public"] = table["RouteTableId"]
        elif name.startswith(private):
            facts["route_tables"]["private"][name.removeprefix(private)] = table["RouteTableId"]


def _add_endpoints(search: Search, facts: dict[str, Any], endpoints: list[dict]) -> None:
    living = [endpoint for endpoint in endpoints if endpoint["State"].lower() not in ENDING]
    for endpoint in search.one_of_each("VPC endpoints", living, "VpcEndpointId").values():
        # com.amazonaws.us-west-2.ecr.api is ecr.api; other partitions begin differently.
        service = endpoint["ServiceName"].split(f".{search.scope.region}.", 1)[-1]
        facts["endpoints"][service] = endpoint["VpcEndpointId"]


def _group_filters(search: Search, vpc_id: str) -> list[dict]:
    names = [search.scope.name(thing, "security_group") for thing in SECURITY_GROUPS]
    return [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default", *names]}]


def _add_security_groups(search: Search, facts: dict[str, Any], answer: dict | None) -> None:
    groups = {group["GroupName"]: group for group in (answer or {}).get("SecurityGroups", [])}
    if "default" in groups:
        facts["default_security_group_id"] = groups["default"]["GroupId"]
    for thing in SECURITY_GROUPS:
        group = groups.get(search.scope.name(thing, "security_group"))
        if group and search.scope.owns(tags_of(group)):
            facts["security_groups"][thing] = group["GroupId"]
        elif group:
            search.foreign(f"security group {group['GroupName']} ({group['GroupId']})")


def summary(facts: Mapping[str, Any]) -> list[str]:
    subnets = [f"{len(facts['subnets'][tier])} {tier}" for tier in TIERS]
    nats = [f"{nat['id']} {nat['state']} {nat['public_ip']}" for nat in facts["nat_gateways"]]
    return [
        f"{facts['vpc_id']} {facts['cidr_block']} in {listed(facts['availability_zones'])}",
        f"subnets: {', '.join(subnets)}; endpoints: {listed(sorted(facts['endpoints']))}",
        f"NAT gateways: {listed(nats)}",
    ]


COMPONENT = Component(
    name="network",
    services=("ec2", "iam", "logs"),
    empty=empty,
    collect=collect,
    # A VPC alone carries nothing: the next components need private subnets to put things in.
    exists=lambda facts: bool(facts["vpc_id"] and facts["subnet_ids"]["private"]),
    summary=summary,
    quotas=("trust_policy", "policies_per_role", "vpcs", "elastic_ips", "rules_per_group"),
)
