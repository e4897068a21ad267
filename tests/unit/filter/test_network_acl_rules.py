# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of network ACLs, which know neither groups nor connections, from the table of traffic."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.filter.network_acl_rules import network_acl_rules

VPC, ANYWHERE = "10.0.0.0/16", "0.0.0.0/0"


def traffic(source, destination, first=None, last=None, **entry):
    return {"source": source, "destination": destination, "from_port": first, "to_port": last, **entry}


INSIDE = [
    traffic("nodes", "aurora", 5432),
    traffic("nodes", "nodes", protocol="all"),
    traffic("nodes", "10.0.200.0/24", 8080),
]
OUT = [traffic("nodes", ANYWHERE, 443), traffic("bastion", ANYWHERE, 443), traffic("bastion", ANYWHERE, 80)]


def found(*entries, **options):
    rules = network_acl_rules([*INSIDE, *entries], VPC, **options)
    return {
        (tier, direction): [
            (rule["protocol"], rule.get("from_port"), rule.get("to_port"), rule["cidr_block"])
            for rule in rules[tier][direction]
        ]
        for tier in ("private", "public")
        for direction in ("ingress", "egress")
    }


WITHIN = ("all", None, None, VPC)
ANSWERS = ("tcp", 1024, 65535, ANYWHERE)
WEB = [("tcp", 443, 443, ANYWHERE), ("tcp", 80, 80, ANYWHERE)]


def test_what_stays_in_the_vpc_is_the_groups_affair():
    assert set(map(tuple, found().values())) == {(WITHIN,)}


def test_calls_to_the_internet_and_their_answers():
    for tier in ("private", "public"):
        rules = found(*OUT)
        assert rules[tier, "egress"] == [WITHIN, *WEB]
        assert rules[tier, "ingress"] == [WITHIN, ANSWERS]


@pytest.mark.parametrize("source", ["pl-3b927c52", ANYWHERE])
def test_clients_come_to_the_private_subnets_or_to_the_public_ones_too(source):
    """An ACL takes no list of prefixes."""
    rules = found(traffic(source, "ingress", 443))
    assert rules["private", "ingress"] == [WITHIN, WEB[0]]
    assert rules["private", "egress"] == [WITHIN, ANSWERS]
    assert rules["public", "ingress"] == rules["public", "egress"] == [WITHIN]
    public = found(traffic(source, "ingress", 443), public_clients=True)
    assert public["public", "ingress"] == [WITHIN, WEB[0]]
    assert public["public", "egress"] == [WITHIN, ANSWERS]


def test_what_another_rule_allows_takes_none_of_its_own():
    rules = found(
        traffic("192.0.2.0/24", "ingress", 443),
        traffic(ANYWHERE, "ingress", 443),
        traffic("192.0.2.0/24", "ingress", 80),
    )
    assert rules["private", "ingress"] == [WITHIN, WEB[0], ("tcp", 80, 80, "192.0.2.0/24")]
    assert rules["private", "egress"] == [WITHIN, ANSWERS]


@pytest.mark.parametrize(("protocol", "ports"), [("udp", (1024, 65535)), ("all", (None, None))])
def test_answers_are_of_the_same_protocol(protocol, ports):
    first = None if protocol == "all" else 53
    rules = found(traffic("nodes", "192.0.2.0/24", first, protocol=protocol))
    assert rules["private", "egress"] == [WITHIN, (protocol, first, first, "192.0.2.0/24")]
    assert rules["private", "ingress"] == [WITHIN, (protocol, *ports, "192.0.2.0/24")]


def test_numbers_are_in_order_and_leave_room():
    rules = network_acl_rules(OUT, VPC)["private"]["egress"]
    assert [rule["rule_number"] for rule in rules] == [10, 20, 30]
