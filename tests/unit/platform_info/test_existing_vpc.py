# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VPC that others have made: what is told of it, what in it is ours, and that nothing of theirs is taken for ours."""

from __future__ import annotations

from typing import Any

import pytest

from .fake_aws import ACCOUNT, PREFIX, look, tag_list
from .test_network import ANSWERS, endpoint, group, owned, role, table, vpc

THEIRS = tag_list(Project="landing-zone")
ENTRIES = {"network": {"vpc": ["vpc-1"], "public": ["subnet-p"], "private": ["subnet-b", "subnet-a"]}}
SUBNETS = {"subnet-p": "us-west-2a", "subnet-a": "us-west-2a", "subnet-b": "us-west-2b"}


def subnet(subnet_id: str, zone: str, **members: Any) -> dict[str, Any]:
    return {
        "SubnetId": subnet_id,
        "VpcId": "vpc-1",
        "AvailabilityZone": zone,
        "AvailabilityZoneId": f"usw2-az{zone[-1]}",
        "CidrBlock": "10.0.1.0/24",
        "AvailableIpAddressCount": 251,
        "MapPublicIpOnLaunch": False,
        "Tags": tag_list(**{"kubernetes.io/role/elb": "1"}),
        **members,
    }


def route(**target: str) -> dict[str, str]:
    return {"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **target}


NETWORKS = [
    {"CidrBlock": cidr, "CidrBlockState": {"State": state}}
    for cidr, state in (
        ("100.64.0.0/16", "associated"),
        ("10.0.0.0/16", "associated"),
        ("10.9.0.0/16", "disassociated"),
    )
]
TABLES = [
    table(0, None, Associations=[{"Main": True}], Routes=[route(NatGatewayId="nat-1")], Tags=THEIRS),
    table(1, None, "subnet-p", Routes=[route(GatewayId="igw-1")], Tags=owned("public")),
]
OURS = {
    **ANSWERS,
    "DescribeVpcs": {"Vpcs": [{**vpc(tags=THEIRS), "OwnerId": ACCOUNT, "CidrBlockAssociationSet": NETWORKS}]},
    "DescribeVpcAttribute": lambda request: {
        request["Attribute"][0].upper() + request["Attribute"][1:]: {
            "Value": request["Attribute"] == "enableDnsSupport"
        }
    },
    "DescribeSubnets": {"Subnets": [subnet(*item) for item in SUBNETS.items()]},
    "DescribeRouteTables": {"RouteTables": TABLES},
    "DescribeVpcEndpoints": {
        "VpcEndpoints": [
            endpoint("ours", "dynamodb"),
            # Named as ours would be.
            endpoint("theirs", "s3", Tags=tag_list(Name=f"{PREFIX}-endpoint-s3"), RouteTableIds=["rtb-1"]),
            endpoint("aside", "sts", Tags=THEIRS, RouteTableIds=["rtb-9"]),
            endpoint("named", "ssm", Tags=THEIRS, PrivateDnsEnabled=True),
        ]
    },
}


def facts(answers: dict[str, Any] = OURS, entries: Any = ENTRIES) -> tuple[dict[str, Any], Any, Any]:
    found, aws = look(answers, "network", entries=entries)
    return found.components["network"], found, aws


def test_facts():
    network, found, aws = facts()
    assert network["exists"]
    assert (network["vpc_id"], network["vpc_owner_id"]) == ("vpc-1", ACCOUNT)
    assert network["cidr_blocks"] == ["10.0.0.0/16", "100.64.0.0/16"]
    assert network["subnet_ids"] == {"public": ["subnet-p"], "private": ["subnet-a", "subnet-b"]}
    assert network["availability_zones"] == ["us-west-2a", "us-west-2b"]
    assert network["endpoints"] == {"dynamodb": "vpce-ours"}
    assert network["flow_log_id"] == "fl-1"
    assert network["security_groups"]["nodes"] == "sg-nodes"
    # What others make there isn't ours, whatever it bears.
    assert (network["internet_gateway_id"], network["nat_gateways"]) == (None, [])
    assert network["route_tables"] == {"public": None, "private": {}}
    existing = network["existing"]
    assert (existing["own"], existing["dns_support"], existing["dns_hostnames"]) == (False, True, False)
    assert existing["route_table_ids"] == ["rtb-0", "rtb-1"]
    assert existing["endpoints"] == {"s3": "vpce-theirs", "ssm": "vpce-named"}
    assert existing["interface_endpoints"] == ["ssm"]
    assert existing["subnets"]["subnet-b"] == {
        "vpc_id": "vpc-1",
        "availability_zone": "us-west-2b",
        "zone_id": "usw2-azb",
        "cidr_block": "10.0.1.0/24",
        "free_addresses": 251,
        "public_addresses": False,
        "route_table_id": "rtb-0",
        "way_out": "nat-1",
        "broken": False,
        "tags": {"kubernetes.io/role/elb": "1"},
    }
    assert existing["subnets"]["subnet-p"]["way_out"] == "igw-1"
    assert (found.conflicts, found.warnings, found.amiss) == ([], [], {})
    assert not {"DescribeNatGateways", "DescribeNetworkAcls"} & {*aws.operations()}
    assert "which others have made" in found.summary["network"]["lines"][0]


def test_a_vpc_that_is_not_there():
    network, found, _aws = facts({**OURS, "DescribeVpcs": {}})
    assert (network["exists"], network["vpc_id"], network["existing"]) == (False, None, {})
    assert found.summary["network"]["state"] == "partial"


def test_without_anything_of_ours_there_is_no_network():
    """Theirs is there, before the first run and after the teardown."""
    nothing = {
        "DescribeSecurityGroups": {},
        "DescribeVpcEndpoints": {},
        "DescribeFlowLogs": {},
        "DescribeAddresses": {},
        "DescribeLogGroups": {},
    }
    network, found, _aws = facts({**OURS, **nothing, "GetRole": None})
    assert (network["exists"], network["vpc_id"]) == (False, "vpc-1")
    assert found.summary["network"]["state"] == "absent"


def test_a_subnet_of_another_vpc_is_told_and_not_used():
    subnets = [subnet("subnet-a", "us-west-2a"), subnet("subnet-b", "us-west-2b", VpcId="vpc-9")]
    network, _found, _aws = facts({**OURS, "DescribeSubnets": {"Subnets": subnets}})
    assert network["subnet_ids"] == {"public": [], "private": ["subnet-a"]}
    assert network["existing"]["subnets"]["subnet-b"]["vpc_id"] == "vpc-9"


@pytest.mark.parametrize(
    ("answers", "entries", "others"),
    [
        # Of its own, and one of others is named; it bears the platform's tags, as it would after a mistake.
        ({"DescribeVpcs": {"Vpcs": [vpc("vpc-1", THEIRS), vpc("vpc-2")]}}, ENTRIES, ["vpc-2"]),
        ({"DescribeVpcs": {"Vpcs": [vpc()]}}, ENTRIES, []),
        # In one of others, and none or another one is named.
        (
            {"DescribeVpcs": {}, "DescribeSecurityGroups": {"SecurityGroups": [group("sg-1", "x", owned("x"))]}},
            {},
            ["vpc-1"],
        ),
        (
            {"DescribeSecurityGroups": {"SecurityGroups": [{**group("sg-1", "x", owned("x")), "VpcId": "vpc-7"}]}},
            ENTRIES,
            ["vpc-7"],
        ),
    ],
)
def test_nothing_is_built_on_a_platform_that_is_elsewhere(answers, entries, others):
    network, found, _aws = facts({**OURS, **answers}, entries)
    assert network["other_vpc_ids"] == others
    assert [text for text in found.amiss.get("network", []) if "the platform is in" in text] == [
        f"the platform is in {', '.join(others)}, and "
        + ("network_vpc_id is vpc-1" if entries else "network_vpc_id names none")
    ] * bool(others)
    if entries and "DescribeVpcs" in answers and not others:
        assert network["existing"]["own"]


def test_the_role_of_the_flow_log_is_told():
    network, _found, _aws = facts({**OURS, "GetRole": role, "DescribeLogGroups": {}})
    assert network["flow_log_role_arn"].endswith(f"{PREFIX}-flow-logs")
    assert network["flow_log_group"] is None
