# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The subnets of a VPC: computed, declared, and kept as they are."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.subnet_plan import subnet_plan

ZONES = ["us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d", "us-west-2e", "us-west-2f"]
A, B, C = ZONES[:3]


def networks(planned, tier):
    return [subnet["cidr_block"] for subnet in planned if subnet["tier"] == tier]


def existing(**tiers):
    return {
        tier: [{"id": "subnet-1", "availability_zone": zone, "cidr_block": cidr} for zone, cidr in subnets.items()]
        for tier, subnets in tiers.items()
    }


@pytest.mark.parametrize(
    ("vpc", "zones", "public", "private"),
    [
        ("10.0.0.0/16", 2, ["10.0.1.0/24", "10.0.2.0/24"], ["10.0.11.0/24", "10.0.12.0/24"]),
        (
            "10.0.0.0/16",
            3,
            ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"],
            ["10.0.11.0/24", "10.0.12.0/24", "10.0.13.0/24"],
        ),
        ("172.20.16.0/20", 2, ["172.20.17.0/24", "172.20.18.0/24"], ["172.20.27.0/24", "172.20.28.0/24"]),
        ("192.168.8.0/21", 2, ["192.168.8.0/24", "192.168.9.0/24"], ["192.168.12.0/24", "192.168.13.0/24"]),
        ("192.0.2.0/24", 2, ["192.0.2.0/27", "192.0.2.32/27"], ["192.0.2.128/27", "192.0.2.160/27"]),
        ("192.0.2.0/25", 2, ["192.0.2.0/28", "192.0.2.16/28"], ["192.0.2.64/28", "192.0.2.80/28"]),
        ("192.0.2.0/26", 2, ["192.0.2.0/28", "192.0.2.16/28"], ["192.0.2.32/28", "192.0.2.48/28"]),
    ],
)
def test_computed(vpc, zones, public, private):
    planned = subnet_plan(vpc, ZONES[:zones])
    assert networks(planned, "public") == public
    assert networks(planned, "private") == private
    assert [subnet["availability_zone"] for subnet in planned] == ZONES[:zones] * 2


@pytest.mark.parametrize("prefix_length", range(16, 29))
@pytest.mark.parametrize("zones", range(2, 7))
def test_whatever_is_computed_fits(prefix_length, zones):
    vpc = IPv4Network(f"10.64.0.0/{prefix_length}")
    # A /26 holds four networks of the smallest size that AWS takes, a /25 eight, a /24 sixteen.
    if zones > {25: 4, 26: 2, 27: 0, 28: 0}.get(prefix_length, 5 if prefix_length == 20 else 6):
        with pytest.raises(AnsibleFilterError, match="no room"):
            subnet_plan(str(vpc), ZONES[:zones])
        return
    found = [IPv4Network(subnet["cidr_block"]) for subnet in subnet_plan(str(vpc), ZONES[:zones])]
    assert len(found) == 2 * zones
    assert all(network.subnet_of(vpc) and network.prefixlen <= 28 for network in found)
    assert not any(one.overlaps(other) for one in found for other in found if one is not other)


@pytest.mark.parametrize("vpc", ["10.0.0.0/16", "192.168.8.0/21", "192.0.2.0/24"])
def test_a_third_zone_leaves_the_first_two_as_they_are(vpc):
    two, three = subnet_plan(vpc, [A, B]), subnet_plan(vpc, [A, B, C])
    assert [subnet for subnet in three if subnet["availability_zone"] != C] == two


def test_declared_networks_are_taken():
    planned = subnet_plan("10.0.0.0/16", [A, B], ["10.0.0.0/26", "10.0.0.64/26"], ["10.0.64.0/18", "10.0.128.0/18"])
    assert networks(planned, "public") == ["10.0.0.0/26", "10.0.0.64/26"]
    assert networks(planned, "private") == ["10.0.64.0/18", "10.0.128.0/18"]


def test_one_tier_declared_the_other_computed_around_it():
    planned = subnet_plan("10.0.0.0/16", [A, B], private=["10.0.0.0/22", "10.0.12.0/22"])
    assert networks(planned, "public") == ["10.0.4.0/24", "10.0.5.0/24"]


def test_existing_subnets_keep_their_networks():
    found = existing(public={A: "10.0.1.0/24", C: "10.0.2.0/24"}, private={A: "10.0.11.0/24", C: "10.0.12.0/24"})
    planned = subnet_plan("10.0.0.0/16", [A, B, C], [], [], found)
    assert networks(planned, "public") == ["10.0.1.0/24", "10.0.3.0/24", "10.0.2.0/24"]
    assert networks(planned, "private") == ["10.0.11.0/24", "10.0.13.0/24", "10.0.12.0/24"]


def test_a_subnet_that_is_missing_comes_back_with_its_network():
    found = existing(public={A: "10.0.1.0/24", B: "10.0.2.0/24"}, private={B: "10.0.12.0/24"})
    assert subnet_plan("10.0.0.0/16", [A, B], existing=found) == subnet_plan("10.0.0.0/16", [A, B])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("10.0.0.0/33", [A, B]), "network_vpc_cidr: '10.0.0.0/33' is not an IPv4 network"),
        (("10.0.0.5/16", [A, B]), "network_vpc_cidr: '10.0.0.5/16' is not an IPv4 network: .*host bits"),
        (("10.0.0.0/8", [A, B]), "network_vpc_cidr: 10.0.0.0/8 is not between /16 and /28"),
        (("10.0.0.0/29", [A, B]), "network_vpc_cidr: 10.0.0.0/29 is not between /16 and /28"),
        (("2001:db8::/56", [A, B]), "network_vpc_cidr: '2001:db8::/56' is not an IPv4 network"),
        (("10.0.0.0/27", [A, B]), "network_vpc_cidr: 10.0.0.0/27 has no room"),
        (("10.0.0.0/28", [A, B]), "network_vpc_cidr: 10.0.0.0/28 has no room"),
        (("10.0.0.0/16", [A]), "network_availability_zones: .* are not two or more different"),
        (("10.0.0.0/16", [A, A]), "network_availability_zones: .* are not two or more different"),
        (("10.0.0.0/16", [A, B], ["10.0.1.0/24"]), "network_public_subnet_cidrs: 1 networks for 2 Availability Zones"),
        (
            ("10.0.0.0/16", [A, B], ["10.0.1.0/24", "10.1.0.0/24"]),
            "network_public_subnet_cidrs: 10.1.0.0/24 is not inside network_vpc_cidr 10.0.0.0/16",
        ),
        (
            ("10.0.0.0/16", [A, B], [], ["10.0.1.0/24", "10.0.2.0/29"]),
            "network_private_subnet_cidrs: 10.0.2.0/29 is smaller than /28",
        ),
        (
            ("10.0.0.0/16", [A, B], ["10.0.1.0/24", "10.0.2.0/24"], ["10.0.3.0/24", "10.0.2.128/25"]),
            "network_private_subnet_cidrs: 10.0.2.128/25 overlaps 10.0.2.0/24 of network_public_subnet_cidrs",
        ),
        (
            ("10.0.0.0/16", [A, B], ["10.0.1.0/24", "10.0.2.1/24"]),
            "network_public_subnet_cidrs: '10.0.2.1/24' is not an IPv4 network",
        ),
        (
            ("10.0.0.0/16", [A, B], ["10.0.5.0/24", "10.0.6.0/24"], [], existing(public={A: "10.0.1.0/24"})),
            "network_public_subnet_cidrs: 10.0.5.0/24 for us-west-2a, where the public subnet is 10.0.1.0/24",
        ),
        (
            ("10.0.0.0/16", [A, B], [], [], existing(private={C: "10.0.13.0/24"})),
            "leaves out us-west-2c, where a private subnet of the platform exists",
        ),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(AnsibleFilterError, match=message):
        subnet_plan(*arguments)
