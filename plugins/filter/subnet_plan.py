# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: subnet_plan
short_description: The subnets of a VPC, two in each Availability Zone
version_added: 0.1.0
description:
  - Gives each Availability Zone a public and a private subnet, with networks that are declared, or computed from the
    VPC's.
  - A computed layout leaves room for more zones. In a VPC from /16 to /20 the subnets are /24 networks, the public ones
    from the second on and the private ones from the twelfth on, so 10.0.0.0/16 gives 10.0.1.0/24 and 10.0.11.0/24
    first. A smaller VPC is halved, the first half for public and the second for private subnets, and each half is cut
    into four.
  - A subnet that exists keeps its network, since AWS can't change it. Zones that are added get free networks.
  - What AWS would refuse, or what would strand a subnet that exists, is an error.
positional: _input, zones, public, private, existing
options:
  _input:
    description: IPv4 network of the VPC, such as V(10.0.0.0/16).
    type: str
    required: true
  zones:
    description: Names of the Availability Zones, at least two.
    type: list
    elements: str
    required: true
  public:
    description: Networks of the public subnets, one for each zone. Computed when empty.
    type: list
    elements: str
    default: []
  private:
    description: Networks of the private subnets, one for each zone. Computed when empty.
    type: list
    elements: str
    default: []
  existing:
    description:
      - Subnets that exist, as C(platform_info) returns them under C(network.subnets).
    type: dict
    default: {}
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the subnets of a small VPC
  ansible.builtin.debug:
    msg: "{{ '192.0.2.0/24' | agent_platform.aws.subnet_plan(['us-west-2a', 'us-west-2b']) }}"
"""

RETURN = r"""
_value:
  description: The subnets, public ones first, as dicts with C(tier), C(availability_zone) and C(cidr_block).
  type: list
  elements: dict
"""

from ipaddress import IPv4Network

from ansible.errors import AnsibleFilterError

TIERS = ("public", "private")
# Limits of AWS for a VPC and for a subnet.
LARGEST_PREFIX_LENGTH = 28
VPC_PREFIX_LENGTHS = (16, LARGEST_PREFIX_LENGTH)
# Layout of a VPC that holds at least sixteen /24 networks: where each tier begins and ends among them.
WIDE_VPC = 20
WIDE_SUBNET = 24
WIDE_START = {"public": 1, "private": 11}
WIDE_END = {"public": 11, "private": None}
# A smaller VPC leaves room for so many zones where it can.
ROOM_FOR_ZONES = 4


class PlanError(ValueError):
    """The subnets asked for can't be made."""


def _network(text: str, variable: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise PlanError(f"{variable}: {text!r} is not an IPv4 network: {error}") from error


def vpc_network(text: str) -> IPv4Network:
    network = _network(text, "network_vpc_cidr")
    smallest, largest = VPC_PREFIX_LENGTHS
    if not smallest <= network.prefixlen <= largest:
        raise PlanError(
            f"network_vpc_cidr: {text} is not between /{smallest} and /{largest}, which AWS requires of a VPC"
        )
    return network


def _pieces(network: IPv4Network, count: int) -> list[IPv4Network]:
    """Cut a network into at least count equal parts, a power of two."""
    bits = (count - 1).bit_length()
    if network.prefixlen + bits > LARGEST_PREFIX_LENGTH:
        return []
    return list(network.subnets(prefixlen_diff=bits))


def candidates(vpc: IPv4Network, tier: str, zone_count: int) -> list[IPv4Network]:
    """Networks that the tier may use, in the order in which zones take them."""
    if vpc.prefixlen <= WIDE_VPC:
        slices = list(vpc.subnets(new_prefix=WIDE_SUBNET))
        return slices[slice(WIDE_START[tier], WIDE_END[tier])]
    half = list(vpc.subnets())[TIERS.index(tier)]
    return _pieces(half, max(ROOM_FOR_ZONES, zone_count)) or _pieces(half, zone_count)


def _check_declared(vpc: IPv4Network, declared: dict[str, list[str]], zones: list[str]) -> dict[str, list[IPv4Network]]:
    networks: dict[str, list[IPv4Network]] = {}
    seen: list[tuple[str, IPv4Network]] = []
    for tier in TIERS:
        variable = f"network_{tier}_subnet_cidrs"
        texts = declared[tier]
        if texts and len(texts) != len(zones):
            raise PlanError(
                f"{variable}: {len(texts)} networks for {len(zones)} Availability Zones; one for each is needed"
            )
        networks[tier] = [_network(text, variable) for text in texts]
        for network in networks[tier]:
            if not network.subnet_of(vpc):
                raise PlanError(f"{variable}: {network} is not inside network_vpc_cidr {vpc}")
            if network.prefixlen > LARGEST_PREFIX_LENGTH:
                raise PlanError(
                    f"{variable}: {network} is smaller than /{LARGEST_PREFIX_LENGTH}, which AWS requires of a subnet"
                )
            for other_variable, other in seen:
                if network.overlaps(other):
                    raise PlanError(f"{variable}: {network} overlaps {other} of {other_variable}")
            seen.append((variable, network))
    return networks


def _free(choices: list[IPv4Network], taken: list[IPv4Network]) -> IPv4Network | None:
    return next((choice for choice in choices if not any(choice.overlaps(other) for other in taken)), None)


def plan(
    vpc_cidr: str,
    zones: list[str],
    public: list[str] | None = None,
    private: list[str] | None = None,
    existing: dict[str, list[dict]] | None = None,
) -> list[dict[str, str]]:
    vpc = vpc_network(vpc_cidr)
    zones = list(zones)
    if len(set(zones)) < 2 or len(set(zones)) != len(zones):
        raise PlanError(f"network_availability_zones: {zones} are not two or more different Availability Zones")
    declared = _check_declared(vpc, {"public": list(public or []), "private": list(private or [])}, zones)

    kept: dict[str, dict[str, IPv4Network]] = {}
    for tier in TIERS:
        kept[tier] = {
            subnet["availability_zone"]: IPv4Network(subnet["cidr_block"])
            for subnet in (existing or {}).get(tier) or []
        }
        stranded = sorted(set(kept[tier]) - set(zones))
        if stranded:
            raise PlanError(
                f"network_availability_zones: {zones} leaves out {', '.join(stranded)}, where a {tier} subnet of the"
                " platform exists; name that zone too, or remove the network first"
            )
        for zone, network in kept[tier].items():
            wanted = declared[tier][zones.index(zone)] if declared[tier] else network
            if wanted != network:
                raise PlanError(
                    f"network_{tier}_subnet_cidrs: {wanted} for {zone}, where the {tier} subnet is {network};"
                    " AWS can't change the network of a subnet"
                )

    taken = [network for tier in TIERS for network in (*kept[tier].values(), *declared[tier])]
    chosen: list[dict[str, str]] = []
    for tier in TIERS:
        choices = [] if declared[tier] else candidates(vpc, tier, len(zones))
        for index, zone in enumerate(zones):
            network = kept[tier].get(zone) or (declared[tier][index] if declared[tier] else None)
            if network is None:
                network = _free(choices, taken)
                if network is None:
                    raise PlanError(
                        f"network_vpc_cidr: {vpc} has no room for a public and a private subnet in {len(zones)}"
                        f" Availability Zones; take a larger network or set network_{tier}_subnet_cidrs"
                    )
                taken.append(network)
            chosen.append({"tier": tier, "availability_zone": zone, "cidr_block": str(network)})
    return chosen


def subnet_plan(vpc_cidr, zones, public=None, private=None, existing=None):
    try:
        return plan(vpc_cidr, zones, public, private, existing)
    except PlanError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self):
        return {"subnet_plan": subnet_plan}
