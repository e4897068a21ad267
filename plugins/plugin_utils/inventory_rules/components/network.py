# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the network component."""

from __future__ import annotations

import math
import re
import typing as t
from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Network

from ansible_collections.agent_platform.aws.plugins.filter.security_group_rules import (
    HIGHEST_PORT,
    TrafficError,
    openings,
)
from ansible_collections.agent_platform.aws.plugins.filter.security_group_rules import check as check_traffic
from ansible_collections.agent_platform.aws.plugins.filter.subnet_plan import TIERS, VPC_PREFIX_LENGTHS, PlanError, plan
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.network import BARRED_BY_EKS, PREFIX_LISTS
from ansible_collections.agent_platform.aws.plugins.module_utils.names import SECURITY_GROUPS
from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

from .. import existing_vpc
from ..fault import Fault, fault
from ..formats import dns_name_rule, network_rule, repeated
from ..internet import CLOSED, is_closed
from ..names import Name, fixed_names
from ..quotas import Need

FEWEST_ZONES = 2
# Of each subnet AWS keeps five addresses. EKS refuses a subnet with fewer than six free ones.
KEPT_BY_AWS = 5
KEPT_FOR_CLUSTER = 6
# Networks that AWS accepts for no VPC.
UNUSABLE = tuple(IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))
DHCP_OPTIONS = re.compile(r"dopt-[0-9a-f]{8,17}")
SAMPLES = {
    "vpc_id": "vpc-" + 17 * "x",
    "vpc_owner_id": "{account_id}",
    **dict.fromkeys(PREFIX_LISTS, "pl-" + 8 * "x"),
}
BUCKET_ARN = re.compile(r"arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"[\w!.*'()-]+(/[\w!.*'()-]+)*", re.ASCII)
FOR_S3 = (
    "network_flow_log_bucket_arn",
    "network_flow_log_prefix",
    "network_flow_log_file_format",
    "network_flow_log_hive_compatible_partitions",
    "network_flow_log_per_hour_partition",
)
SERVICE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
# What those let through the endpoints are written like.
ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
ACCOUNT = re.compile(r"\d{12}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
FULL = "full"
GATEWAY_SERVICES = {"s3", "dynamodb"}


def _zone_faults(zones: list[str], region: str | None) -> Iterator[Fault]:
    variable = "network_availability_zones"
    for zone in repeated(zones):
        yield fault(variable, zones, f"names {zone} more than once")
    if zones and len(set(zones)) < FEWEST_ZONES:
        yield fault(variable, zones, f"has fewer than {FEWEST_ZONES} Availability Zones, the least that EKS accepts")
    for index, zone in enumerate(zones):
        if region and not re.fullmatch(re.escape(region) + r"[a-z]", zone):
            yield fault(
                f"{variable}[{index}]",
                zone,
                f"is not an Availability Zone of platform_region {region}, such as {region}a",
            )


def _declared_faults(values: Mapping[str, t.Any], vpc: IPv4Network | None, zone_count: int) -> Iterator[Fault]:
    seen: list[tuple[str, IPv4Network]] = []
    for tier in TIERS:
        variable = f"network_{tier}_subnet_cidrs"
        texts = values.get(variable) or []
        if texts and len(texts) != zone_count:
            yield fault(
                variable,
                texts,
                f"has {len(texts)} networks for {zone_count} Availability Zones; one for each is needed",
            )
        for index, text in enumerate(texts):
            path = f"{variable}[{index}]"
            rule = network_rule(text, *VPC_PREFIX_LENGTHS)
            if rule:
                yield fault(path, text, rule)
                continue
            network = IPv4Network(text)
            if vpc and not network.subnet_of(vpc):
                yield fault(path, text, f"is not inside network_vpc_cidr {vpc}")
            for other_path, other in seen:
                if network.overlaps(other):
                    yield fault(path, text, f"overlaps {other} of {other_path}")
            seen.append((path, network))


def _needed(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> list[str]:
    """The services to which endpoints must lead, because nothing else does."""
    if not is_closed({"network": values}):
        return []
    return roles.endpoints(others, lambda component, variable: others[component].get(variable))


def _interface_endpoints(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> set[str]:
    declared = values.get("network_interface_endpoints") or []
    found = {*(declared if values.get("network_interface_endpoints_enabled") else []), *_needed(values, others)}
    return found - GATEWAY_SERVICES


def _addresses_needed(values: Mapping[str, t.Any], others: Mapping[str, Mapping], zone_count: int) -> tuple[int, str]:
    """Addresses that a private subnet must have for what the inventory puts in it at the least, and what that is."""
    endpoints = len(_interface_endpoints(values, others))
    cluster = others.get("eks", {})
    groups = [group for group in cluster.get("eks_node_groups") or [] if group.get("state") != "absent"]
    nodes = math.ceil(sum(group.get("max_size", 0) for group in groups) / zone_count)
    parts = [f"{KEPT_FOR_CLUSTER} of EKS"]
    if endpoints:
        parts.append(f"{endpoints} of interface endpoints")
    if nodes:
        parts.append(f"{nodes} of nodes")
    return KEPT_FOR_CLUSTER + endpoints + nodes, ", ".join(parts)


def _plan_faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping], zones: list[str]) -> Iterator[Fault]:
    """Whether the subnets fit into the VPC, and what is planned for them into the subnets."""
    declared = {tier: values.get(f"network_{tier}_subnet_cidrs") or [] for tier in TIERS}
    try:
        subnets = plan(values["network_vpc_cidr"], zones, declared["public"], declared["private"])
    except PlanError as error:
        variable, _colon, text = str(error).partition(": ")
        yield Fault(variable, text)
        return
    needed, why = _addresses_needed(values, others, len(zones))
    private = [subnet["cidr_block"] for subnet in subnets if subnet["tier"] == "private"]
    for index, text in enumerate(private):
        free = IPv4Network(text).num_addresses - KEPT_BY_AWS
        if free < needed:
            rule = f"has {free} free addresses, but {needed} are needed ({why})"
            if declared["private"]:
                yield fault(f"network_private_subnet_cidrs[{index}]", text, rule)
            else:
                yield fault(
                    "network_vpc_cidr", values["network_vpc_cidr"], f"is too small: its private subnet {text} {rule}"
                )
                return


def _vpc_faults(text: str) -> Iterator[Fault]:
    rule = network_rule(text, *VPC_PREFIX_LENGTHS)
    if rule is None and any(IPv4Network(text).overlaps(other) for other in UNUSABLE):
        rule = "is in a range that AWS accepts for no VPC (loopback, link-local, multicast or reserved)"
    if rule:
        yield fault("network_vpc_cidr", text, rule)


def _endpoint_faults(variable: str, services: list[str]) -> Iterator[Fault]:
    for index, service in enumerate(services):
        if service.startswith("com.amazonaws."):
            yield fault(f"{variable}[{index}]", service, "is a full name: leave out com.amazonaws.<region>.")
        elif not SERVICE.fullmatch(service):
            yield fault(f"{variable}[{index}]", service, "is not the name of an endpoint's service, such as ecr.api")
    for service in repeated(services):
        yield fault(variable, service, "occurs more than once")


def _perimeter_faults(values: Mapping[str, t.Any], services: Collection[str]) -> Iterator[Fault]:
    """Who and what is let through the endpoints."""
    variable = "network_endpoint_organization_id"
    organization = values.get(variable)
    if organization and not ORGANIZATION.fullmatch(organization):
        yield fault(variable, organization, "is not the id of an organisation, such as o-a1b2c3d4e5")
    for variable, pattern, rule in (
        ("network_endpoint_accounts", ACCOUNT, "is not an AWS account id of 12 digits, in quotes"),
        ("network_endpoint_buckets", BUCKET, "is not the name of a bucket, without s3:// and path"),
    ):
        for index, name in enumerate(values.get(variable) or []):
            if not pattern.fullmatch(name):
                yield fault(f"{variable}[{index}]", name, rule)
    policies, statements = (values.get(f"network_endpoint_{what}") or {} for what in ("policies", "statements"))
    for service, policy in policies.items():
        if service not in services:
            yield fault("network_endpoint_policies", service, "is the policy of an endpoint that isn't declared")
        elif policy != FULL and not isinstance(policy, Mapping):
            yield fault(f"network_endpoint_policies.{service}", policy, f"is neither a policy nor {FULL}, AWS's own")
    for service, added in statements.items():
        variable = "network_endpoint_statements"
        if service not in services:
            yield fault(variable, service, "has statements for an endpoint that isn't declared")
        elif service in policies:
            yield fault(variable, service, "has a policy of its own in network_endpoint_policies: put them there")
        elif not isinstance(added, list) or not all(isinstance(item, Mapping) for item in added):
            yield fault(f"{variable}.{service}", added, "is not a list of statements")


def _traffic_faults(entries: list[Mapping]) -> Iterator[Fault]:
    variable, groups, right = "network_additional_traffic", dict.fromkeys(SECURITY_GROUPS), []
    for index, entry in enumerate(entries):
        if {"source", "destination"} <= set(entry):
            try:
                # A missing description is reported by the schema.
                right.append(check_traffic({"description": "missing", **entry}, groups))
            except TrafficError as error:
                yield Fault(f"{variable}[{index}]", str(error))
    for opening in openings(right, groups):
        yield Fault(variable, opening)


def _ingress_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    for name, rule in (("network_ingress_cidrs", network_rule), ("network_ingress_target_ports", _port_rule)):
        for index, value in enumerate(values.get(name) or []):
            if text := rule(value):
                yield fault(f"{name}[{index}]", value, text)
        for value in repeated(values.get(name) or []):
            yield fault(name, value, "occurs more than once")


def _flow_log_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    destination, bucket = (values.get(f"network_flow_log_{name}") for name in ("destination", "bucket_arn"))
    if destination == "none" and not existing_vpc.declared(values):
        rule = f"leaves the traffic of the platform's own VPC unrecorded: it is for one of others ({existing_vpc.VPC})"
        yield fault("network_flow_log_destination", destination, rule)
    if destination == "s3" and not bucket:
        yield fault("network_flow_log_destination", destination, "needs the bucket in network_flow_log_bucket_arn")
    defaults = roles.load("network", "defaults/main.yml")
    for name in FOR_S3:
        if destination not in (None, "s3") and values.get(name, defaults[name]) != defaults[name]:
            yield fault(name, values[name], "is for network_flow_log_destination s3")
    if bucket and not BUCKET_ARN.fullmatch(bucket):
        yield fault(
            "network_flow_log_bucket_arn", bucket, "is not the ARN of a bucket, such as arn:aws:s3:::log-archive"
        )
    prefix = values.get("network_flow_log_prefix")
    if prefix and (not PREFIX.fullmatch(prefix) or prefix.partition("/")[0] == "AWSLogs"):
        rule = "is not a folder such as network/traffic, without '/' at its ends; AWS keeps AWSLogs for itself"
        yield fault("network_flow_log_prefix", prefix, rule)


def _port_rule(port: int) -> str | None:
    return None if 1 <= port <= HIGHEST_PORT else f"is not a port from 1 to {HIGHEST_PORT}"


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from existing_vpc.faults(values, others)
    ours = not existing_vpc.declared(values)
    vpc = None
    if "network_vpc_cidr" in values and ours:
        found = list(_vpc_faults(values["network_vpc_cidr"]))
        yield from found
        vpc = None if found else IPv4Network(values["network_vpc_cidr"])

    zones = values.get("network_availability_zones")
    if zones is not None and ours:
        yield from _zone_faults(zones, values.get("platform_region"))
        # Which zones an empty list stands for is known only to AWS; their number is not.
        zones = zones or [f"zone {number}" for number in range(1, FEWEST_ZONES + 1)]
        found = list(_declared_faults(values, vpc, len(zones)))
        yield from found
        if vpc and not found and len(set(zones)) == len(zones) >= FEWEST_ZONES:
            yield from _plan_faults(values, others, zones)

    services = _needed(values, others)
    for name in ("network_gateway_endpoints", "network_interface_endpoints"):
        services += values.get(name) or []
        yield from _endpoint_faults(name, values.get(name) or [])
    yield from _perimeter_faults(values, services)
    for index, host in enumerate(values.get("network_private_hosts") or []):
        if dns_name_rule(host) or "." not in host:
            rule = "is not the name of a host, such as registry.example.com, without https:// and path"
            yield fault(f"network_private_hosts[{index}]", host, rule)
    dhcp = values.get("network_dhcp_options_id")
    if dhcp and not DHCP_OPTIONS.fullmatch(dhcp):
        yield fault("network_dhcp_options_id", dhcp, "is not the id of DHCP options, such as dopt-0123456789abcdef0")
    yield from _traffic_faults(values.get("network_additional_traffic") or [])
    yield from _ingress_faults(values)
    yield from _flow_log_faults(values)


def internet_faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """CloudFront's way in."""
    variable = "network_ingress_from_cloudfront"
    if values.get(variable) and "vpc_origin" in others:
        rule = (
            "lets the front end reach the gateways by a VPC origin, which CloudFront makes only where the VPC has an "
            "internet gateway, and network_nat_gateways: none has none: make it false"
        )
        yield fault(variable, True, rule)


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    yield from fixed_names(prefix, iam_role=["flow-logs"], security_group=SECURITY_GROUPS)
    if prefix:
        yield Name("log_group", f"/aws/vpc/{prefix}/flow-logs")


def _offer_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Zones that the account doesn't have, or that EKS takes no subnet of, which would show when all else is made."""
    offers = (platform.get("offers") or {}).get("network") or {}
    offered, usable = offers.get("zones") or {}, offers.get("usable_zones") or []
    if not offered:
        return
    variable, zones = "network_availability_zones", values.get("network_availability_zones") or []
    choice = f"choose among {', '.join(usable)}"
    for index, zone in enumerate(zones):
        if zone not in offered:
            yield fault(f"{variable}[{index}]", zone, f"is not offered to this account: {choice}")
        elif offered[zone] in BARRED_BY_EKS:
            rule = f"is {offered[zone]}, in which EKS makes no cluster: {choice}"
            yield fault(f"{variable}[{index}]", zone, rule)
    exist = (platform.get("network") or {}).get("availability_zones") or []
    if not zones and len(exist) < FEWEST_ZONES and len({*exist, *usable}) < FEWEST_ZONES:
        yield fault(variable, zones, f"can't be chosen: the region offers {len(usable)} zones that EKS takes")


def _service_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Services that have no endpoint in the region or in one of the zones, or one that takes no policy."""
    offered = ((platform.get("offers") or {}).get("network") or {}).get("endpoint_services") or {}
    if not offered:
        return
    zones = values.get("network_availability_zones") or (platform.get("network") or {}).get("availability_zones") or []
    enabled = values.get("network_interface_endpoints_enabled")
    # Of those that are needed under a condition AWS tells.
    needed = roles.endpoints(platform, lambda _component, _variable: False) if is_closed({"network": values}) else []
    declared = {
        "network_gateway_endpoints": values.get("network_gateway_endpoints") or [],
        "network_interface_endpoints": (values.get("network_interface_endpoints") or []) if enabled else [],
    }
    known = [service for services in declared.values() for service in services]
    declared["network_nat_gateways"] = [service for service in needed if service not in known]
    for variable, services in declared.items():
        for service in services:
            told = offered.get(service)
            missing = [zone for zone in zones if told and service not in GATEWAY_SERVICES and zone not in told["zones"]]
            why = ", which is needed without a way to the internet" if variable == "network_nat_gateways" else ""
            if told is None:
                yield fault(variable, service, f"has no endpoint in this region{why}")
            elif missing:
                yield fault(variable, service, f"has no endpoint in {' and '.join(missing)}{why}")
            elif not told["takes_policy"] and (values.get("network_endpoint_policies") or {}).get(service) != FULL:
                rule = f"has an endpoint that takes no policy: put {service}: {FULL} in network_endpoint_policies"
                yield fault(variable, service, rule)


def needs(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Need]:
    """The VPC, and an address for each NAT gateway, unless others have made it."""
    if existing_vpc.declared(values):
        return
    yield Need("vpcs", 1, "network_vpc_cidr")
    existing = (platform.get("network") or {}).get("availability_zones") or []
    zones = values.get("network_availability_zones") or existing
    counts = {"per_az": max(len(zones), FEWEST_ZONES), "single": 1, CLOSED: 0}
    yield Need("elastic_ips", counts[values.get("network_nat_gateways", "single")], "network_nat_gateways")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What would have to change of a network that exists and can't be changed, and what AWS doesn't offer for it."""
    network = platform.get("network") or {}
    yield from existing_vpc.move_faults(values, network)
    if existing_vpc.declared(values):
        yield from existing_vpc.change_faults(values, platform)
        yield from _service_faults(values, platform)
        return
    yield from _offer_faults(values, platform)
    yield from _service_faults(values, platform)
    existing, declared = network.get("cidr_block"), values.get("network_vpc_cidr")
    if not existing or not declared:
        return
    if existing != declared:
        yield fault(
            "network_vpc_cidr",
            declared,
            f"is not the network of the VPC that exists, {existing} ({network.get('vpc_id')}): AWS can't change it",
        )
        return
    zones = values.get("network_availability_zones") or network.get("availability_zones") or []
    if len(zones) < FEWEST_ZONES:
        # Zones are still to be chosen: nothing exists that could stand in the way.
        return
    declared_subnets = [values.get(f"network_{tier}_subnet_cidrs") or [] for tier in TIERS]
    try:
        plan(declared, zones, *declared_subnets, existing=network.get("subnets"))
    except PlanError as error:
        variable, _colon, text = str(error).partition(": ")
        yield Fault(variable, text)


def removal_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A network that isn't where the inventory says would be left behind."""
    yield from existing_vpc.move_faults(values, platform.get("network") or {})


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    if existing_vpc.declared(values):
        yield from existing_vpc.warnings(values, platform)
