# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One table of traffic as the rules of all security groups; and the platform's own table."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.security_group_rules import DESCRIPTION, security_group_rules

CONSTANTS = yaml.safe_load((Path(__file__).parents[3] / "roles" / "network" / "vars" / "main.yml").read_text())
GROUPS = {name: f"sg-{name}" for name in CONSTANTS["__network_groups"]}
PAIR = {"web": "sg-web", "database": "sg-database"}
LAST = ip_network("255.255.255.255/32")
SQL = {"source": "web", "destination": "database", "from_port": 5432, "description": "SQL"}


def short(rule):
    """A rule as "peer ports"."""
    peer = rule.get("group_id", rule.get("cidr_ip")).removeprefix("sg-")
    if rule["protocol"] == "all":
        return f"{peer} all"
    first, last = rule["from_port"], rule["to_port"]
    return f"{peer} {first}" if first == last else f"{peer} {first}-{last}"


@pytest.fixture(scope="module")
def platform():
    found = security_group_rules(CONSTANTS["__network_traffic"] + CONSTANTS["__network_open_traffic"], GROUPS)
    return {
        group: {way: sorted(short(rule) for rule in rules) for way, rules in ways.items()}
        for group, ways in found.items()
    }


def test_an_entry_is_a_rule_at_both_ends():
    found = security_group_rules([SQL], PAIR)
    rule = {"protocol": "tcp", "from_port": 5432, "to_port": 5432, "description": "SQL"}
    assert found == {
        "web": {"ingress": [], "egress": [{**rule, "group_id": "sg-database"}]},
        "database": {"ingress": [{**rule, "group_id": "sg-web"}], "egress": []},
    }


def test_a_network_has_no_rules_of_its_own():
    traffic = [
        {"source": "192.0.2.0/24", "destination": "web", "from_port": 443, "description": "Office"},
        {
            "source": "web",
            "destination": "0.0.0.0/0",
            "protocol": "udp",
            "from_port": 1,
            "to_port": 9,
            "description": "Out",
        },
    ]
    found = security_group_rules(traffic, PAIR)
    assert [rule["cidr_ip"] for rule in found["web"]["ingress"]] == ["192.0.2.0/24"]
    assert found["web"]["egress"] == [
        {"protocol": "udp", "from_port": 1, "to_port": 9, "cidr_ip": "0.0.0.0/0", "description": "Out"}
    ]


def test_a_prefix_list_is_no_network():
    entry = {"source": "pl-82a045eb", "destination": "web", "from_port": 443, "description": "CloudFront"}
    assert security_group_rules([entry], PAIR)["web"]["ingress"] == [
        {
            "protocol": "tcp",
            "from_port": 443,
            "to_port": 443,
            "prefix_list_id": "pl-82a045eb",
            "description": "CloudFront",
        }
    ]


def test_all_protocols_have_no_ports():
    found = security_group_rules([{**SQL, "from_port": None, "protocol": "all"}], PAIR)
    assert found["web"]["egress"] == [{"protocol": "all", "group_id": "sg-database", "description": "SQL"}]


def test_the_same_traffic_twice_is_one_rule():
    found = security_group_rules([SQL, {**SQL, "to_port": 5432, "protocol": "tcp", "description": "Again"}], PAIR)
    assert [rule["description"] for rule in found["database"]["ingress"]] == ["SQL"]


def test_the_load_balancer_alone_may_be_open_to_all():
    entry = {"source": "0.0.0.0/0", "destination": "ingress", "from_port": 443, "description": "Clients"}
    found = security_group_rules([entry], {"ingress": "sg-ingress"})
    assert [short(rule) for rule in found["ingress"]["ingress"]] == ["0.0.0.0/0 443"]


TOGETHER = "together these are 0.0.0.0/0, and no security group of the platform may be open to the whole internet"
HALVES = ("0.0.0.0/1", "128.0.0.0/1")


def from_networks(*networks, **change):
    """Traffic from networks; each may have ports or a protocol of its own."""
    given = [(network, {}) if isinstance(network, str) else network for network in networks]
    return [{**SQL, **change, "source": network, **own} for network, own in given]


@pytest.mark.parametrize(
    ("traffic", "what"),
    [
        (from_networks(*HALVES), "from 0.0.0.0/1, 128.0.0.0/1 to database by tcp 5432"),
        (
            from_networks("64.0.0.0/2", "10.0.0.0/8", "128.0.0.0/1", "0.0.0.0/2", "0.0.0.0/2"),
            "from 0.0.0.0/2, 64.0.0.0/2, 128.0.0.0/1 to database by tcp 5432",
        ),
        (
            from_networks(*HALVES, protocol="udp", from_port=53),
            "from 0.0.0.0/1, 128.0.0.0/1 to database by udp 53",
        ),
        (
            from_networks(*HALVES, protocol="all", from_port=None),
            "from 0.0.0.0/1, 128.0.0.0/1 to database by all",
        ),
        # On the ports alone that both have.
        (
            from_networks(("0.0.0.0/1", {"to_port": 6000}), ("128.0.0.0/1", {"from_port": 5999, "to_port": 7000})),
            "from 0.0.0.0/1, 128.0.0.0/1 to database by tcp 5999",
        ),
        (
            from_networks("0.0.0.0/1", ("128.0.0.0/1", {"protocol": "all", "from_port": None})),
            "from 0.0.0.0/1, 128.0.0.0/1 to database by tcp 5432",
        ),
    ],
)
def test_networks_that_are_together_the_whole_internet_are_refused(traffic, what):
    with pytest.raises(AnsibleFilterError, match=f"^traffic {re.escape(f'{what}: {TOGETHER}')}$"):
        security_group_rules(traffic, PAIR)


@pytest.mark.parametrize(
    "traffic",
    [
        from_networks("0.0.0.0/1"),
        # All but 255.255.255.255.
        from_networks(*(str(network) for network in ip_network("0.0.0.0/0").address_exclude(LAST))),
        from_networks(*HALVES, destination="ingress"),
        # Of another group, protocol or port each.
        from_networks("0.0.0.0/1", ("128.0.0.0/1", {"destination": "web"})),
        from_networks("0.0.0.0/1", ("128.0.0.0/1", {"protocol": "udp"})),
        from_networks(("0.0.0.0/1", {"to_port": 6000}), ("128.0.0.0/1", {"from_port": 6001})),
        # Of what a prefix list holds nothing is known, and what goes out may go anywhere.
        from_networks("0.0.0.0/1", "pl-82a045eb"),
        [{**SQL, "source": "web", "destination": network} for network in HALVES],
    ],
)
def test_networks_that_are_less_are_not(traffic):
    found = security_group_rules(traffic, {**PAIR, "ingress": "sg-ingress"})
    assert sum(len(rules) for ways in found.values() for rules in ways.values()) == len(traffic)


def test_a_group_that_does_not_exist_yet():
    found = security_group_rules([SQL], {**PAIR, "database": "(known after apply)"})
    assert found["web"]["egress"][0]["group_id"] == "(known after apply)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "wbe"}, "'wbe' is neither a security group of the platform nor an IPv4 network"),
        ({"source": "192.0.2.1/24"}, "'192.0.2.1/24' is neither"),
        ({"source": "0.0.0.0/0"}, "may be open to the whole internet"),
        ({"source": "::/0"}, "'::/0' is neither a security group of the platform nor an IPv4 network"),
        ({"source": "8000::/1"}, "'8000::/1' is neither a security group of the platform nor an IPv4 network"),
        ({"source": "192.0.2.0/24", "destination": "198.51.100.0/24"}, "neither end is a security group"),
        ({"protocol": "icmp"}, "protocol 'icmp' is none of tcp, udp, all"),
        ({"protocol": "all"}, "protocol all takes no ports"),
        ({"from_port": None}, "protocol tcp needs from_port"),
        ({"to_port": 80}, "ports 5432 to 80 are not a range"),
        ({"from_port": 65536}, "ports 65536 to 65536 are not a range"),
        ({"description": "the database's port"}, "is not 1 to 255 of the characters that EC2 accepts"),
        ({"description": ""}, "is not 1 to 255 of the characters that EC2 accepts"),
    ],
)
def test_refused(change, message):
    with pytest.raises(AnsibleFilterError, match=re.escape(message)):
        security_group_rules([{**SQL, **change}], PAIR)


def test_platform_nodes(platform):
    assert platform["nodes"] == {
        "ingress": ["cluster 1025-65535", "cluster 10250", "cluster 443", "nodes all"],
        "egress": sorted(
            [
                "0.0.0.0/0 443",
                "aurora 5432",
                "cluster 443",
                "endpoints 443",
                "nodes all",
                "opensearch 443",
                "redis 6379",
            ]
        ),
    }


def test_platform_cluster_talks_to_nodes_only(platform):
    assert platform["cluster"]["egress"] == ["nodes 1025-65535", "nodes 10250", "nodes 443"]
    assert platform["cluster"]["ingress"] == ["bastion 443", "nodes 443"]


def test_platform_bastion_lets_nobody_in(platform):
    assert platform["bastion"]["ingress"] == []
    assert platform["bastion"]["egress"] == sorted(
        ["0.0.0.0/0 443", "0.0.0.0/0 80", "aurora 5432", "cluster 443", "endpoints 443", "opensearch 443", "redis 6379"]
    )


@pytest.mark.parametrize(
    ("group", "ingress"),
    [
        ("aurora", ["bastion 5432", "nodes 5432"]),
        ("redis", ["bastion 6379", "nodes 6379"]),
        ("opensearch", ["bastion 443", "nodes 443"]),
        ("endpoints", ["bastion 443", "nodes 443"]),
    ],
)
def test_platform_data_stores_start_nothing(platform, group, ingress):
    assert platform[group] == {"ingress": ingress, "egress": []}


def test_platform_groups_have_descriptions_that_ec2_accepts():
    assert all(DESCRIPTION.fullmatch(text) for text in CONSTANTS["__network_groups"].values())
