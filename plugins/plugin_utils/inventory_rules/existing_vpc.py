# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for a VPC with subnets that others have made: how it is named, and whether it bears the platform."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.network import BARRED_BY_EKS
from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

from .fault import Fault, fault
from .formats import repeated

VPC = "network_vpc_id"
TIERS = {"public": "network_public_subnet_ids", "private": "network_private_subnet_ids"}
VPC_ID = re.compile(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})")
SUBNET_ID = re.compile(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})")
FEWEST_ZONES = 2
# What the run would make of a VPC of its own.
OF_OUR_OWN = (
    "network_vpc_cidr",
    "network_availability_zones",
    "network_public_subnet_cidrs",
    "network_private_subnet_cidrs",
    "network_nat_gateways",
    "network_dhcp_options_id",
    "network_acls_enabled",
)
# What EKS needs of each subnet, and what AWS recommends.
NEEDED_BY_EKS = 6
RECOMMENDED_BY_EKS = 16
# By tier, how load balancer controllers find subnets by themselves.
ROLE_TAGS = {"public": "kubernetes.io/role/elb", "private": "kubernetes.io/role/internal-elb"}
CLUSTER_TAG = "kubernetes.io/cluster/"
ATTRIBUTES = {"dns_support": "DNS support", "dns_hostnames": "DNS host names"}
INTERNET_GATEWAY = "igw-"

Values = Mapping[str, t.Any]


def declared(values: Values) -> bool:
    """Whether the network is one that others have made."""
    return bool(values.get(VPC))


def faults(values: Values, others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """What is wrong with how it is named, as far as the inventory shows it."""
    ids = {tier: values.get(variable) or [] for tier, variable in TIERS.items()}
    vpc_id = values.get(VPC)
    if not vpc_id:
        for tier, variable in TIERS.items():
            if ids[tier]:
                yield fault(variable, ids[tier], f"are subnets of others, whose VPC is to be named in {VPC}")
        return
    if not VPC_ID.fullmatch(vpc_id):
        yield fault(VPC, vpc_id, "is not the id of a VPC, such as vpc-0123456789abcdef0")
    for tier, variable in TIERS.items():
        for index, subnet_id in enumerate(ids[tier]):
            if not SUBNET_ID.fullmatch(subnet_id):
                rule = "is not the id of a subnet, such as subnet-0123456789abcdef0"
                yield fault(f"{variable}[{index}]", subnet_id, rule)
        for subnet_id in repeated(ids[tier]):
            yield fault(variable, subnet_id, "occurs more than once")
    for subnet_id in sorted({*ids["public"]} & {*ids["private"]}):
        yield fault(TIERS["public"], subnet_id, f"is in {TIERS['private']}, too")
    yield from _number_faults(ids, others)
    defaults = roles.load("network", "defaults/main.yml")
    for variable in OF_OUR_OWN:
        if variable in values and values[variable] != defaults[variable]:
            rule = f"is for a VPC that the platform makes, and {VPC} names one of others: leave one of the two out"
            yield fault(variable, values[variable], rule)


def _number_faults(ids: Mapping[str, list[str]], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    private, public = ids["private"], ids["public"]
    if len({*private}) < FEWEST_ZONES:
        rule = f"are fewer than {FEWEST_ZONES} subnets, in as many Availability Zones, the least that EKS accepts"
        yield fault(TIERS["private"], private, rule)
    scheme = others.get("gateways", {}).get("gateways_scheme")
    if not public and scheme == "internet-facing":
        yield fault(TIERS["public"], public, "has no place for the load balancer of gateways_scheme internet-facing")
    elif public and len({*public}) < FEWEST_ZONES:
        rule = f"are fewer than {FEWEST_ZONES} subnets, the least that a load balancer accepts; leave them out, or name"
        yield fault(TIERS["public"], public, f"{rule} one in each of {FEWEST_ZONES} Availability Zones")


def move_faults(values: Values, network: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A platform that is in another VPC than the one that is named: all in it would have to be made anew."""
    others = ", ".join(network.get("other_vpc_ids") or [])
    if others and not network.get("unclear_vpc_ids"):
        declared = values.get(VPC) or ""
        rule = (
            f"is not where the platform is, {others}: AWS moves nothing from one VPC to another. Go back"
            " to that one (network_vpc_id is its id; or empty if the platform has made it, which then needs its tags),"
            " or take all of the platform down first"
        )
        yield fault(VPC, declared, rule)


def change_faults(values: Values, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Why the platform can't be built in what exists."""
    network = platform.get("network") or {}
    existing, vpc_id = network.get("existing") or {}, values[VPC]
    if not existing:
        where = f"account {platform.get('account_id')}, region {platform.get('region')}"
        yield fault(VPC, vpc_id, f"is no VPC of {where}, nor of one that shares it with that account")
        return
    if existing["own"]:
        yield fault(VPC, vpc_id, "is the platform's own VPC, which it would no longer manage: leave the variable out")
    for attribute, title in ATTRIBUTES.items():
        if existing[attribute] is False:
            option = "--enable-" + title.lower().replace("host names", "hostnames").replace(" ", "-")
            command = f"aws ec2 modify-vpc-attribute --vpc-id {vpc_id} {option}"
            yield fault(VPC, vpc_id, f"has {title} off, without which EKS has no nodes: have its owner run {command}")
    yield from _shared_faults(values, platform)
    yield from _endpoint_faults(values, existing)
    for tier, variable in TIERS.items():
        yield from _subnet_faults(tier, variable, values, platform)


def _shared_faults(values: Values, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What only the owner of a VPC can make, where that is another account that shares it by AWS RAM."""
    owner = platform["network"].get("vpc_owner_id")
    if owner in (None, platform.get("account_id")):
        return
    rule = f"can only be made by account {owner}, which shares {values[VPC]} with this one"
    for variable, wanted in (
        ("network_gateway_endpoints", values.get("network_gateway_endpoints")),
        ("network_interface_endpoints_enabled", values.get("network_interface_endpoints_enabled")),
    ):
        if wanted:
            yield fault(variable, wanted, f"{rule}: leave them to it, with {_off(wanted)}")
    if values.get("network_flow_log_destination") != "none":
        yield fault(
            "network_flow_log_destination", values.get("network_flow_log_destination"), f"{rule}: take none, and ask it"
        )


def _off(value: t.Any) -> str:
    return "false" if isinstance(value, bool) else "[]"


def _endpoint_faults(values: Values, existing: Mapping[str, t.Any]) -> Iterator[Fault]:
    lists = [("network_gateway_endpoints", values.get("network_gateway_endpoints") or [])]
    if values.get("network_interface_endpoints_enabled"):
        lists.append(("network_interface_endpoints", values.get("network_interface_endpoints") or []))
    for variable, services in lists:
        for service in services:
            theirs = existing["endpoints"].get(service)
            if theirs:
                rule = f"has the endpoint {theirs} of others already, and AWS takes no second one: leave it out"
                yield fault(variable, service, rule)


def _subnet_faults(tier: str, variable: str, values: Values, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    network, ids = platform["network"], values.get(variable) or []
    found = network["existing"]["subnets"]
    in_zones: dict[str, str] = {}
    lying = 0
    for index, subnet_id in enumerate(ids):
        path, subnet = f"{variable}[{index}]", found.get(subnet_id)
        if subnet is None:
            yield fault(path, subnet_id, f"is no subnet that account {platform.get('account_id')} sees in this region")
            continue
        if subnet["vpc_id"] != values[VPC]:
            yield fault(path, subnet_id, f"is in {subnet['vpc_id']}, not in {VPC} {values[VPC]}")
            continue
        zone = subnet["availability_zone"]
        lying += 1
        if zone in in_zones:
            yield fault(path, subnet_id, f"is in {zone}, as {in_zones[zone]} is: name one {tier} subnet for each zone")
        in_zones.setdefault(zone, subnet_id)
        rules = (
            _zone_rule(zone, subnet["zone_id"], platform.get("region")),
            _route_rule(tier, subnet),
            _address_rule(tier, subnet_id, subnet, network.get("exists")),
            _cluster_rule(subnet, values),
        )
        yield from (fault(path, subnet_id, rule) for rule in rules if rule)
    if lying == len(ids) >= FEWEST_ZONES and len(in_zones) == 1:
        zones = " and ".join(in_zones)
        yield fault(variable, ids, f"are all in {zones}: {FEWEST_ZONES} Availability Zones are the least")


def _zone_rule(zone: str, zone_id: str | None, region: str | None) -> str | None:
    if zone_id in BARRED_BY_EKS:
        return f"is in {zone}, which is {zone_id}, in which EKS makes no cluster"
    if region and not re.fullmatch(re.escape(region) + r"[a-z]", zone):
        return f"is in {zone}, which is no Availability Zone of {region}"
    return None


def _route_rule(tier: str, subnet: Mapping[str, t.Any]) -> str | None:
    """Whether the subnet is what it is taken for. What can't be seen of a shared VPC isn't checked."""
    table, way = subnet["route_table_id"], subnet["way_out"]
    if table is None:
        return None
    if subnet["broken"]:
        return f"has a default route to {way}, which is gone (blackhole in {table}): its owner has to mend that"
    to_internet = bool(way) and way.startswith(INTERNET_GATEWAY)
    if tier == "public" and not to_internet:
        return f"is not public: the default route in {table} leads to {way or 'nothing'}, not to an internet gateway"
    if tier == "private" and to_internet:
        return f"is public: the default route in {table} leads to {way}; name it in {TIERS['public']}, or take another"
    return None


def _address_rule(tier: str, subnet_id: str, subnet: Mapping[str, t.Any], built: bool | None) -> str | None:
    if tier == "private" and subnet["public_addresses"]:
        command = f"aws ec2 modify-subnet-attribute --subnet-id {subnet_id} --no-map-public-ip-on-launch"
        return f"gives instances public addresses, and nothing of the platform has one: have its owner run {command}"
    free = subnet["free_addresses"]
    # Later the platform itself has taken them.
    if tier == "private" and not built and free is not None and free < NEEDED_BY_EKS:
        return f"has {free} free addresses, and EKS needs {NEEDED_BY_EKS} in each subnet"
    return None


def _cluster_rule(subnet: Mapping[str, t.Any], values: Values) -> str | None:
    prefix = values.get("platform_prefix")
    ours = CLUSTER_TAG + resource_name("eks", prefix, "eks_cluster") if prefix else None
    for key, value in subnet["tags"].items():
        if key.startswith(CLUSTER_TAG) and value == "owned" and key != ours:
            return f"has the tag {key}=owned, so it goes with that cluster: take another, or have that made shared"
    return None


def warnings(values: Values, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What the platform can be built with, and what a person should know."""
    network = platform.get("network") or {}
    found = (network.get("existing") or {}).get("subnets") or {}
    shared = network.get("vpc_owner_id") not in (None, platform.get("account_id"))
    for tier, variable in TIERS.items():
        untagged = []
        for index, subnet_id in enumerate(values.get(variable) or []):
            subnet = found.get(subnet_id)
            if subnet is None or subnet["vpc_id"] != values[VPC]:
                continue
            if tier == "private":
                yield from (fault(f"{variable}[{index}]", subnet_id, rule) for rule in _scarcities(subnet))
            if not shared and ROLE_TAGS[tier] not in subnet["tags"]:
                untagged.append(subnet_id)
        if untagged:
            command = f"aws ec2 create-tags --resources {' '.join(untagged)} --tags Key={ROLE_TAGS[tier]},Value=1"
            yield fault(
                variable,
                untagged,
                f"lack the tag {ROLE_TAGS[tier]}: the gateways' load balancer is told its subnets, others that you ask"
                f" for in the cluster find none. Have their owner run {command}",
            )


def _scarcities(subnet: Mapping[str, t.Any]) -> Iterator[str]:
    free = subnet["free_addresses"]
    if subnet["route_table_id"] and not subnet["way_out"]:
        yield (
            f"has no default route in {subnet['route_table_id']}: what runs there reaches AWS and registries only by"
            " endpoints of the VPC, as far as there are any"
        )
    if free is not None and free < RECOMMENDED_BY_EKS:
        yield (
            f"has {free} free addresses: AWS recommends {RECOMMENDED_BY_EKS} for EKS alone, and each node and pod takes"
            " one more"
        )


def zone_faults(zones: Mapping[str, str], network: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Zones, by the variables that name them, in which the subnets of others are not."""
    have = (network.get("availability_zones") or []) if network.get("existing") else []
    for path, zone in zones.items():
        if have and zone not in have:
            yield fault(path, zone, f"is not a zone of the subnets in {TIERS['private']}: {', '.join(have)}")


def free_addresses(network: Mapping[str, t.Any]) -> dict[str, int]:
    """Of the private subnets that others have made, how many addresses are free, by their ids."""
    found = (network.get("existing") or {}).get("subnets") or {}
    private = (network.get("subnet_ids") or {}).get("private") or []
    known = {subnet_id: (found.get(subnet_id) or {}).get("free_addresses") for subnet_id in private}
    return {subnet_id: free for subnet_id, free in known.items() if free is not None}
