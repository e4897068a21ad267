# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VPC and what lies in it."""

from __future__ import annotations

import functools

import pytest

from tests.support.scripted_aws import api_error

from . import fake_aws
from .fake_aws import PREFIX, REGION, SOMEONE_ELSES_ROLES, log_groups, look, marks, role, tag_list, taken

OWNER = marks("network")
owned = functools.partial(fake_aws.owned, "network")

LOG_GROUP = f"/aws/vpc/{PREFIX}/flow-logs"


def vpc(vpc_id="vpc-1", tags=None):
    return {"VpcId": vpc_id, "CidrBlock": "10.0.0.0/16", "Tags": owned("vpc") if tags is None else tags}


def subnet(subnet_id, tier, zone, vpc_id="vpc-1", tags=None):
    return {
        "SubnetId": subnet_id,
        "VpcId": vpc_id,
        "AvailabilityZone": zone,
        "CidrBlock": "10.0.1.0/24",
        "Tags": owned(f"{tier}-{zone}", Tier=tier) if tags is None else tags,
    }


def nat(nat_id, subnet_id, zone, state="available", **members):
    addresses = [{"PublicIp": "203.0.113.7"}]
    return {
        "NatGatewayId": nat_id,
        "VpcId": "vpc-1",
        "SubnetId": subnet_id,
        "State": state,
        "NatGatewayAddresses": addresses,
        "Tags": owned(f"nat-{zone}"),
        **members,
    }


def group(group_id, name, tags=()):
    return {"GroupId": group_id, "GroupName": name, "VpcId": "vpc-1", "Tags": list(tags)}


MISSING = {"GetServiceQuota": "NoSuchResourceException"}
ANSWERS = {
    "GetServiceQuota": {"Quota": {"Value": 64.0}},
    "DescribeVpcs": {"Vpcs": [vpc()]},
    "GetRole": role,
    "DescribeSubnets": {
        "Subnets": [
            subnet("subnet-d", "private", "us-west-2b"),
            subnet("subnet-c", "private", "us-west-2a"),
            subnet("subnet-b", "public", "us-west-2b"),
            subnet("subnet-a", "public", "us-west-2a"),
        ]
    },
    "DescribeInternetGateways": {
        "InternetGateways": [
            {
                "InternetGatewayId": "igw-1",
                "Attachments": [{"VpcId": "vpc-1", "State": "attached"}],
                "Tags": owned("internet-gateway"),
            }
        ]
    },
    "DescribeAddresses": {
        "Addresses": [
            {"PublicIp": "203.0.113.9", "Tags": owned("nat-us-west-2a")},
            {"PublicIp": "203.0.113.7", "AssociationId": "eipassoc-b", "Tags": owned("nat-us-west-2b")},
            {"PublicIp": "203.0.113.8", "Tags": tag_list(Name="someone-else")},
        ]
    },
    "DescribeNatGateways": {
        "NatGateways": [
            nat("nat-b", "subnet-b", "us-west-2b"),
            nat("nat-a", "subnet-a", "us-west-2a"),
            nat("nat-0", "subnet-a", "us-west-2a", state="deleted"),
        ]
    },
    "DescribeRouteTables": {
        "RouteTables": [
            {"RouteTableId": "rtb-0", "VpcId": "vpc-1", "Tags": owned("public")},
            {"RouteTableId": "rtb-a", "VpcId": "vpc-1", "Tags": owned("private-us-west-2a")},
            {"RouteTableId": "rtb-b", "VpcId": "vpc-1", "Tags": owned("private-us-west-2b")},
        ]
    },
    "DescribeVpcEndpoints": {
        "VpcEndpoints": [
            {
                "VpcEndpointId": "vpce-s3",
                "VpcId": "vpc-1",
                "ServiceName": f"com.amazonaws.{REGION}.s3",
                "State": "available",
                "Tags": owned("endpoint-s3"),
            },
            {
                "VpcEndpointId": "vpce-ecr",
                "VpcId": "vpc-1",
                "ServiceName": f"com.amazonaws.{REGION}.ecr.api",
                "State": "Available",
                "Tags": owned("endpoint-ecr.api"),
            },
            {
                "VpcEndpointId": "vpce-old",
                "VpcId": "vpc-1",
                "ServiceName": f"com.amazonaws.{REGION}.sts",
                "State": "deleted",
                "Tags": owned("endpoint-sts"),
            },
        ]
    },
    "DescribeFlowLogs": {"FlowLogs": [{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "Tags": owned("flow-log")}]},
    "DescribeSecurityGroups": {
        "SecurityGroups": [
            group("sg-default", "default"),
            group("sg-nodes", f"{PREFIX}-nodes", owned("nodes")),
            group("sg-redis", f"{PREFIX}-redis", owned("redis")),
        ]
    },
}


def test_facts():
    found, _aws = look(ANSWERS, "network")
    network = found.components["network"]
    assert network["exists"]
    assert network["vpc_id"] == "vpc-1"
    assert network["cidr_block"] == "10.0.0.0/16"
    assert network["internet_gateway_id"] == "igw-1"
    assert network["availability_zones"] == ["us-west-2a", "us-west-2b"]
    assert network["subnet_ids"] == {"public": ["subnet-a", "subnet-b"], "private": ["subnet-c", "subnet-d"]}
    assert network["subnets"]["private"][0] == {
        "id": "subnet-c",
        "availability_zone": "us-west-2a",
        "cidr_block": "10.0.1.0/24",
    }
    assert network["nat_gateways"] == [
        {"id": "nat-a", "availability_zone": "us-west-2a", "public_ip": "203.0.113.7", "state": "available"},
        {"id": "nat-b", "availability_zone": "us-west-2b", "public_ip": "203.0.113.7", "state": "available"},
    ]
    assert network["addresses"] == [
        {"public_ip": "203.0.113.9", "association_id": None},
        {"public_ip": "203.0.113.7", "association_id": "eipassoc-b"},
    ]
    assert network["route_tables"] == {"public": "rtb-0", "private": {"us-west-2a": "rtb-a", "us-west-2b": "rtb-b"}}
    assert network["endpoints"] == {"ecr.api": "vpce-ecr", "s3": "vpce-s3"}
    assert network["flow_log_id"] == "fl-1"
    assert network["default_security_group_id"] == "sg-default"
    assert network["security_groups"]["nodes"] == "sg-nodes"
    assert network["security_groups"]["bastion"] is None
    assert (found.conflicts, found.warnings) == ([], [])


def test_what_an_endpoint_returns_in_spite_of_the_filter_is_not_ours():
    foreign = tag_list(Name=f"{PREFIX}-private-us-west-2a", Tier="private")
    answers = {
        **ANSWERS,
        "DescribeSubnets": {"Subnets": [subnet("subnet-x", "private", "us-west-2a", tags=foreign)]},
    }
    found, _aws = look(answers, "network")
    assert found.components["network"]["subnet_ids"] == {"public": [], "private": []}
    assert not found.components["network"]["exists"]


def test_of_two_vpcs_the_one_that_was_built_upon():
    answers = {**ANSWERS, "DescribeVpcs": {"Vpcs": [vpc("vpc-0"), vpc("vpc-1")]}}
    found, _aws = look(answers, "network")
    assert found.components["network"]["vpc_id"] == "vpc-1"
    (warning,) = found.warnings
    assert "2 VPCs" in warning
    assert "vpc-1 is used; left alone: vpc-0" in warning


def test_of_two_empty_vpcs_the_one_of_the_lowest_id():
    found, _aws = look({"DescribeVpcs": {"Vpcs": [vpc("vpc-9"), vpc("vpc-2")]}}, "network")
    assert found.components["network"]["vpc_id"] == "vpc-2"


def test_a_vpc_whose_name_was_changed_is_still_ours():
    answers = {**ANSWERS, "DescribeVpcs": {"Vpcs": [vpc(tags=owned("renamed"))]}}
    found, _aws = look(answers, "network")
    assert found.components["network"]["vpc_id"] == "vpc-1"
    assert found.conflicts == []


def test_a_gateway_that_no_vpc_has_yet_is_found():
    gateway = {"InternetGatewayId": "igw-2", "Attachments": [], "Tags": owned("internet-gateway")}
    found, _aws = look({"DescribeInternetGateways": {"InternetGateways": [gateway]}}, "network")
    assert found.components["network"]["internet_gateway_id"] == "igw-2"


def test_a_gateway_of_another_vpc_is_not_taken():
    gateway = {"InternetGatewayId": "igw-2", "Attachments": [{"VpcId": "vpc-9"}], "Tags": owned()}
    answers = {**ANSWERS, "DescribeInternetGateways": {"InternetGateways": [gateway]}}
    found, _aws = look(answers, "network")
    assert found.components["network"]["internet_gateway_id"] is None


def test_two_subnets_of_one_name_are_reported():
    subnets = [subnet("subnet-2", "private", "us-west-2a"), subnet("subnet-1", "private", "us-west-2a")]
    found, _aws = look({**ANSWERS, "DescribeSubnets": {"Subnets": subnets}}, "network")
    assert found.components["network"]["subnet_ids"]["private"] == ["subnet-1"]
    assert f"subnets named {PREFIX}-private-us-west-2a" in found.warnings[0]


def test_a_vpc_that_has_just_gone_is_no_failure():
    answers = {**ANSWERS, "DescribeSecurityGroups": api_error("DescribeSecurityGroups", "InvalidVpcID.NotFound")}
    found, _aws = look(answers, "network")
    assert found.components["network"]["security_groups"]["nodes"] is None


@pytest.mark.parametrize(
    ("answers", "resource"),
    [
        ({"DescribeVpcs": {"Vpcs": [vpc("vpc-7", tag_list(Name=f"{PREFIX}-vpc"))]}}, "VPC vpc-7"),
        (
            {**ANSWERS, "DescribeSecurityGroups": {"SecurityGroups": [group("sg-7", f"{PREFIX}-nodes")]}},
            f"security group {PREFIX}-nodes (sg-7)",
        ),
        (SOMEONE_ELSES_ROLES, f"IAM role {PREFIX}-flow-logs"),
        ({"DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": {}}}, f"log group {LOG_GROUP}"),
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken(answers, "network") == [resource]


def test_its_log_group():
    assert taken({"DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": OWNER}}, "network") == []


def test_a_log_group_that_aws_made_again():
    answers = {**ANSWERS, "DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": {}}}
    assert taken(answers, "network") == []


def test_ec2_is_asked_by_the_tags_of_the_owner():
    _found, aws = look(ANSWERS, "network")
    by_tag = [{"Name": f"tag:{key}", "Values": [value]} for key, value in OWNER.items()]
    for operation in (
        "DescribeSubnets",
        "DescribeRouteTables",
        "DescribeVpcEndpoints",
        "DescribeInternetGateways",
        "DescribeAddresses",
    ):
        assert aws.requests(operation) == [{"Filters": by_tag}]
    for operation in ("DescribeNatGateways", "DescribeFlowLogs"):
        assert aws.requests(operation) == [{"Filter": by_tag}]
