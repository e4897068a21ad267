# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VPC and what lies in it."""

from __future__ import annotations

import datetime
import functools

import pytest

from tests.support.scripted_aws import api_error

from . import fake_aws
from .fake_aws import PREFIX, REGION, SOMEONE_ELSES_ROLES, log_groups, look, marks, role, tag_list, taken

OWNER = marks("network")
owned = functools.partial(fake_aws.owned, "network")

EMPTY_IF_ALL_IS_WELL = ("existing", "other_vpc_ids", "spare", "unclear_vpc_ids")
LOG_GROUP = f"/aws/vpc/{PREFIX}/flow-logs"
FIRST_DAY, SECOND_DAY = (datetime.datetime(2026, 1, day, tzinfo=datetime.UTC) for day in (1, 2))


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
    addresses = [{"AllocationId": f"eipalloc-{zone[-1]}", "PublicIp": "203.0.113.7"}]
    return {
        "NatGatewayId": nat_id,
        "VpcId": "vpc-1",
        "SubnetId": subnet_id,
        "State": state,
        "CreateTime": FIRST_DAY,
        "NatGatewayAddresses": addresses,
        "Tags": owned(f"nat-{zone}"),
        **members,
    }


def address(letter, number, **members):
    return {
        "AllocationId": f"eipalloc-{letter}",
        "PublicIp": f"203.0.113.{number}",
        "Tags": owned(f"nat-us-west-2{letter}"),
        **members,
    }


def table(number, name, *subnets, **members):
    return {
        "RouteTableId": f"rtb-{number}",
        "VpcId": "vpc-1",
        "Associations": [{"SubnetId": subnet_id} for subnet_id in subnets],
        "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}],
        "Tags": owned(name),
        **members,
    }


def endpoint(thing, service, state="available", **members):
    return {
        "VpcEndpointId": f"vpce-{thing}",
        "VpcId": "vpc-1",
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "State": state,
        "CreationTimestamp": FIRST_DAY,
        "Tags": owned(f"endpoint-{service}"),
        **members,
    }


def acl(*subnets, **members):
    """As AWS makes it with the VPC."""
    return {
        "NetworkAclId": "acl-1",
        "VpcId": "vpc-1",
        "IsDefault": True,
        "Associations": [{"SubnetId": subnet_id} for subnet_id in subnets],
        "Entries": [
            {"CidrBlock": "0.0.0.0/0", "Egress": egress, "Protocol": "-1", "RuleAction": action, "RuleNumber": number}
            for egress in (True, False)
            for action, number in (("allow", 100), ("deny", 32767))
        ],
        **members,
    }


def own_acl(number, name, *subnets, **members):
    own = {"NetworkAclId": f"acl-{number}", "IsDefault": False, "Tags": owned(name)}
    return acl(*subnets, **{**own, **members})


def group(group_id, name, tags=()):
    return {"GroupId": group_id, "GroupName": name, "VpcId": "vpc-1", "Tags": list(tags)}


MISSING = {"GetServiceQuota": "NoSuchResourceException"}
ANSWERS = {
    "GetServiceQuota": {"Quota": {"Value": 64.0}},
    "DescribeVpcs": {"Vpcs": [vpc()]},
    "DescribeManagedPrefixLists": {
        "PrefixLists": [
            {"PrefixListId": "pl-1", "PrefixListName": "com.amazonaws.global.ipv6.cloudfront.origin-facing"},
            {"PrefixListId": "pl-2", "PrefixListName": "com.amazonaws.global.cloudfront.origin-facing"},
            {"PrefixListId": "pl-3", "PrefixListName": f"com.amazonaws.{REGION}.s3"},
            {"PrefixListId": "pl-4", "PrefixListName": f"com.amazonaws.{REGION}.dynamodb"},
        ]
    },
    "GetRole": role,
    "DescribeLogGroups": log_groups,
    "ListTagsForResource": {"tags": OWNER},
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
            address("a", 9),
            address("b", 7, AssociationId="eipassoc-b"),
            address("x", 8, Tags=tag_list(Name="someone-else")),
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
            table(9, None, Associations=[{"Main": True}], Tags=[]),
            table(0, "public", "subnet-a", "subnet-b"),
            table("a", "private-us-west-2a", "subnet-c"),
            table("b", "private-us-west-2b", "subnet-d"),
        ]
    },
    "DescribeVpcEndpoints": {
        "VpcEndpoints": [
            endpoint("s3", "s3"),
            endpoint("ecr", "ecr.api", "Available"),
            endpoint("old", "sts", "deleted"),
        ]
    },
    "DescribeFlowLogs": {
        "FlowLogs": [{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "CreationTime": FIRST_DAY, "Tags": owned("flow-log")}]
    },
    "DescribeSecurityGroups": {
        "SecurityGroups": [
            group("sg-default", "default"),
            group("sg-nodes", f"{PREFIX}-nodes", owned("nodes")),
            group("sg-redis", f"{PREFIX}-redis", owned("redis")),
        ]
    },
    "DescribeNetworkAcls": {
        "NetworkAcls": [
            acl(),
            own_acl(3, "public", "subnet-a", "subnet-b"),
            own_acl(2, "private", "subnet-c", "subnet-d", Entries=[]),
        ]
    },
    "DescribeVpcEndpointServices": {
        "ServiceDetails": [
            {
                "ServiceName": f"com.amazonaws.{REGION}.{service}",
                "AvailabilityZones": zones,
                "VpcEndpointPolicySupported": service != "plain",
            }
            for service, zones in (
                ("s3", ["us-west-2a"]),
                ("s3", ["us-west-2a", "us-west-2b"]),
                ("ecr.api", ["us-west-2b", "us-west-2a"]),
                ("plain", ["us-west-2a"]),
            )
        ]
    },
    "DescribeAvailabilityZones": {
        "AvailabilityZones": [
            {"ZoneName": "us-west-2b", "ZoneId": "usw2-az2"},
            {"ZoneName": "us-west-2a", "ZoneId": "usw2-az1"},
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
        {
            "id": f"nat-{letter}",
            "availability_zone": f"us-west-2{letter}",
            "subnet_id": f"subnet-{letter}",
            "allocation_id": f"eipalloc-{letter}",
            "public_ip": "203.0.113.7",
            "state": "available",
        }
        for letter in "ab"
    ]
    assert network["addresses"] == [
        {"allocation_id": "eipalloc-a", "public_ip": "203.0.113.9", "association_id": None},
        {"allocation_id": "eipalloc-b", "public_ip": "203.0.113.7", "association_id": "eipassoc-b"},
    ]
    assert network["route_tables"] == {"public": "rtb-0", "private": {"us-west-2a": "rtb-a", "us-west-2b": "rtb-b"}}
    assert network["endpoints"] == {"ecr.api": "vpce-ecr", "s3": "vpce-s3"}
    assert network["flow_log_id"] == "fl-1"
    assert network["default_security_group_id"] == "sg-default"
    assert network["cloudfront_prefix_list_id"] == "pl-2"
    assert network["security_groups"]["nodes"] == "sg-nodes"
    assert network["security_groups"]["bastion"] is None
    assert (found.conflicts, found.warnings) == ([], [])


IDS = {
    "Subnets": "SubnetId",
    "NatGateways": "NatGatewayId",
    "Addresses": "AllocationId",
    "RouteTables": "RouteTableId",
    "VpcEndpoints": "VpcEndpointId",
    "SecurityGroups": "GroupId",
    "InternetGateways": "InternetGatewayId",
    "FlowLogs": "FlowLogId",
    "NetworkAcls": "NetworkAclId",
}


def changed(kind, *items):
    """The answers with items in the place of those of the same ids, and with new ones."""
    operation, id_member = f"Describe{kind}", IDS[kind]
    ids = [item[id_member] for item in items]
    others = [item for item in ANSWERS[operation][kind] if item[id_member] not in ids]
    return {**ANSWERS, operation: {kind: [*others, *items]}}


def found_with(kind, *items):
    found, _aws = look(changed(kind, *items), "network")
    return found, found.components["network"]


def test_what_an_endpoint_returns_in_spite_of_the_filter_is_not_ours():
    foreign = subnet("subnet-x", "private", "us-west-2a", vpc_id="vpc-9")
    found, _aws = look({**ANSWERS, "DescribeSubnets": {"Subnets": [foreign]}}, "network")
    assert found.components["network"]["subnet_ids"] == {"public": [], "private": []}
    assert not found.components["network"]["exists"]


class TestVpc:
    """All components build on it, so several of them are never told apart by what they hold."""

    def test_the_name_decides(self):
        rich = [subnet(f"subnet-{number}", "private", f"us-west-2{number}", vpc_id="vpc-0") for number in range(9)]
        answers = {
            **changed("Subnets", *rich),
            "DescribeVpcs": {"Vpcs": [vpc("vpc-0", owned("renamed")), vpc("vpc-1")]},
        }
        found, _aws = look(answers, "network")
        assert found.components["network"]["vpc_id"] == "vpc-1"
        assert "vpc-1 is used; left alone: vpc-0" in found.warnings[0]
        assert (found.conflicts, found.amiss) == ([], {})

    def test_so_does_the_component(self):
        other = {**OWNER, "Component": "eks"}
        answers = {**ANSWERS, "DescribeVpcs": {"Vpcs": [vpc("vpc-0", tag_list(**other)), vpc("vpc-1")]}}
        found, _aws = look(answers, "network")
        assert found.components["network"]["vpc_id"] == "vpc-1"

    @pytest.mark.parametrize("name", ["vpc", "renamed"])
    def test_two_that_cannot_be_told_apart_are_refused(self, name):
        vpcs = [vpc("vpc-7", owned(name)), vpc("vpc-0", owned(name))]
        found, _aws = look({**ANSWERS, "DescribeVpcs": {"Vpcs": vpcs}}, "network")
        network = found.components["network"]
        assert network["vpc_id"] is None
        assert network["unclear_vpc_ids"] == ["vpc-0", "vpc-7"]
        (conflict,) = found.conflicts
        assert conflict["resource"] == "VPCs vpc-0, vpc-7"
        assert "delete the one that isn't the platform's" in conflict["remedy"]
        assert "vpc-0, vpc-7" in found.amiss["network"][0]

    def test_one_whose_name_was_changed_is_still_ours(self):
        answers = {**ANSWERS, "DescribeVpcs": {"Vpcs": [vpc(tags=owned("renamed"))]}}
        found, _aws = look(answers, "network")
        assert found.components["network"]["vpc_id"] == "vpc-1"
        assert found.conflicts == []

    @pytest.mark.parametrize("lost", OWNER)
    def test_one_that_lost_a_tag_is_refused_and_never_forgotten(self, lost):
        tags = {key: value for key, value in {**OWNER, "Name": f"{PREFIX}-vpc"}.items() if key != lost}
        found, _aws = look({**ANSWERS, "DescribeVpcs": {"Vpcs": [vpc(tags=tag_list(**tags))]}}, "network")
        assert [conflict["resource"] for conflict in found.conflicts] == ["VPC vpc-1"]
        assert found.components["network"]["unclear_vpc_ids"] == ["vpc-1"]
        assert "vpc-1" in found.amiss["network"][0]

    def test_one_that_lost_its_name_and_its_component_is_not_forgotten_either(self):
        tags = {key: value for key, value in OWNER.items() if key != "Component"}
        found, _aws = look({**ANSWERS, "DescribeVpcs": {"Vpcs": [vpc(tags=tag_list(**tags))]}}, "network")
        assert found.components["network"]["unclear_vpc_ids"] == ["vpc-1"]
        assert "VPC vpc-1" in [conflict["resource"] for conflict in found.conflicts]
        assert "vpc-1" in found.amiss["network"][0]


def without(item, tag):
    return {**item, "Tags": [one for one in item["Tags"] if one["Key"] != tag]}


LOSABLE = {
    "subnet": ("Subnets", subnet("subnet-c", "private", "us-west-2a")),
    "NAT gateway": ("NatGateways", nat("nat-a", "subnet-a", "us-west-2a")),
    "route table": ("RouteTables", table("a", "private-us-west-2a", "subnet-c")),
    "public route table": ("RouteTables", table(0, "public", "subnet-a", "subnet-b")),
    "endpoint": ("VpcEndpoints", endpoint("s3", "s3")),
    "security group": ("SecurityGroups", group("sg-nodes", f"{PREFIX}-nodes", owned("nodes"))),
    "internet gateway": ("InternetGateways", ANSWERS["DescribeInternetGateways"]["InternetGateways"][0]),
    "flow log": ("FlowLogs", ANSWERS["DescribeFlowLogs"]["FlowLogs"][0]),
}


@pytest.mark.parametrize("thing", LOSABLE)
@pytest.mark.parametrize("lost", [*OWNER, "Name"])
def test_what_has_lost_a_tag_is_known_by_its_place(thing, lost):
    kind, item = LOSABLE[thing]
    found, network = found_with(kind, without(item, lost))
    assert (found.conflicts, found.warnings, found.amiss) == ([], [], {})
    assert network == look(ANSWERS, "network")[0].components["network"]


@pytest.mark.parametrize("lost", [*OWNER, "Name"])
def test_an_address_that_has_lost_a_tag_is_known_by_its_gateway(lost):
    found, network = found_with("Addresses", without(address("b", 7, AssociationId="eipassoc-b"), lost))
    assert "eipalloc-b" in [item["allocation_id"] for item in network["addresses"]]
    assert found.conflicts == []


class TestTier:
    def test_a_subnet_without_it_is_amiss(self):
        found, network = found_with("Subnets", without(subnet("subnet-c", "private", "us-west-2a"), "Tier"))
        text = f"subnet subnet-c ({PREFIX}-private-us-west-2a) has no tag Tier"
        assert found.amiss == {"network": [text]}
        # So that a run of the network finds it and puts the tag back.
        assert network["subnet_ids"]["private"] == ["subnet-c", "subnet-d"]

    def test_one_with_another_than_its_name_says_is_amiss(self):
        wrong = subnet("subnet-c", "private", "us-west-2a", tags=owned("private-us-west-2a", Tier="public"))
        found, network = found_with("Subnets", wrong)
        assert "has the tag Tier=public" in found.amiss["network"][0]
        assert network["subnet_ids"]["private"] == ["subnet-c", "subnet-d"]

    def test_one_of_which_nothing_is_known_is_amiss_and_spare(self):
        found, network = found_with("Subnets", subnet("subnet-c", "private", "us-west-2a", tags=owned()))
        assert "subnet subnet-c (10.0.1.0/24) has no tag Tier" in found.amiss["network"][0]
        assert network["subnet_ids"]["private"] == ["subnet-d"]
        assert network["spare"]["subnets"][0]["id"] == "subnet-c"


FREE_GATEWAY = {"InternetGatewayId": "igw-0", "Attachments": [], "Tags": owned("internet-gateway")}
TWINS = {
    "nat_gateways": ("NatGateways", nat("nat-0", "subnet-a", "us-west-2a", CreateTime=SECOND_DAY)),
    "route_tables": ("RouteTables", table("z", "public")),
    "endpoints": ("VpcEndpoints", endpoint("0", "s3", CreationTimestamp=SECOND_DAY)),
    "internet_gateways": ("InternetGateways", FREE_GATEWAY),
    "subnets": ("Subnets", subnet("subnet-0", "private", "us-west-2a", tags=owned(Tier="private"))),
}


class TestTwins:
    """Of several the oldest counts; a person is told of the others, and the teardown finds them."""

    @pytest.mark.parametrize("spare", TWINS)
    def test_one_is_used(self, spare):
        kind, twin = TWINS[spare]
        found, network = found_with(kind, twin)
        assert len(found.warnings) == 1
        assert [item["id"] for item in network["spare"][spare]] == [twin[IDS[kind]]]
        assert {**network, "spare": {}} == look(ANSWERS, "network")[0].components["network"]

    def test_a_nat_gateway_that_has_failed_does_not_stand_for_a_living_one(self):
        failed = nat("nat-0", "subnet-a", "us-west-2a", "failed")
        found, network = found_with(
            "NatGateways", failed, nat("nat-a", "subnet-a", "us-west-2a", CreateTime=SECOND_DAY)
        )
        assert network["nat_gateways"][0]["id"] == "nat-a"
        assert "nat-a is used; left alone: nat-0" in found.warnings[0]

    def test_a_table_that_nothing_uses_and_nobody_named_is_spare(self):
        found, network = found_with("RouteTables", table("z", None))
        assert network["spare"]["route_tables"] == [{"id": "rtb-z"}]
        assert found.warnings == []

    def test_a_group_of_ours_that_is_no_longer_declared_is_spare(self):
        _found, network = found_with("SecurityGroups", group("sg-old", f"{PREFIX}-old", owned("old")))
        assert network["spare"]["security_groups"] == [{"id": "sg-old", "name": f"{PREFIX}-old"}]


class TestNetworkAcls:
    """Those of the platform, one for each tier."""

    def found(self, *acls):
        answers = {**ANSWERS, "DescribeNetworkAcls": {"NetworkAcls": [acl(), *acls]}}
        found, _aws = look(answers, "network")
        return found, found.components["network"]

    def test_by_their_names(self):
        found, network = self.found(own_acl(2, "private", "subnet-c", Entries=[]), own_acl(3, "public", "subnet-a"))
        assert network["network_acls"] == {"public": "acl-3", "private": "acl-2"}
        assert "network_acls" not in network["spare"]
        assert found.warnings == []

    def test_by_their_subnets_where_the_name_is_lost(self):
        lost = [tag for tag in owned("private") if tag["Key"] != "Name"]
        _found, network = self.found(own_acl(2, "private", "subnet-c", Tags=lost))
        assert network["network_acls"] == {"public": None, "private": "acl-2"}

    def test_a_twin_and_what_serves_nothing_are_spare(self):
        _found, network = self.found(
            own_acl(2, "private", "subnet-c"), own_acl(4, "private"), own_acl(5, "something-else")
        )
        assert network["network_acls"]["private"] == "acl-2"
        assert sorted(item["id"] for item in network["spare"]["network_acls"]) == ["acl-4", "acl-5"]

    def test_one_of_others_is_theirs(self):
        found, network = self.found(own_acl(2, "private", "subnet-c", Tags=tag_list(Name="shop")))
        assert network["network_acls"] == {"public": None, "private": None}
        assert "network ACL acl-2, which the platform doesn't manage" in found.warnings[0]


class TestOthersInOurVpc:
    def test_they_are_told(self):
        foreign = nat("nat-x", "subnet-a", "us-west-2a", Tags=tag_list(Name="shop"))
        found, network = found_with("NatGateways", foreign)
        assert [item["id"] for item in network["nat_gateways"]] == ["nat-a", "nat-b"]
        assert "in VPC vpc-1 others have nat-x" in found.warnings[0]

    def test_what_has_a_name_of_ours_and_tags_of_someone_else_is_a_conflict(self):
        tags = tag_list(Name=f"{PREFIX}-nat-us-west-2a", Project="other")
        found, network = found_with("NatGateways", nat("nat-a", "subnet-a", "us-west-2a", Tags=tags))
        assert [item["id"] for item in network["nat_gateways"]] == ["nat-b"]
        assert [conflict["resource"] for conflict in found.conflicts] == ["nat-a"]

    @pytest.mark.parametrize(
        "members",
        [
            {"IsDefault": False},
            {"Entries": []},
            {"Entries": [{**entry, "RuleAction": "deny"} for entry in acl()["Entries"]]},
        ],
    )
    def test_a_network_acl_that_decides_on_our_traffic_is_told(self, members):
        found, _network = found_with("NetworkAcls", acl("subnet-c", **members))
        assert "network ACL acl-1, which the platform doesn't manage" in found.warnings[0]
        assert "subnet-c" in found.warnings[0]

    def test_one_without_a_subnet_of_ours_is_not(self):
        found, _network = found_with("NetworkAcls", acl("subnet-x", IsDefault=False))
        assert found.warnings == []

    def test_routes_of_the_main_table_are_told(self):
        routes = [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]
        main = table(9, None, Associations=[{"Main": True}], Tags=[], Routes=routes)
        found, _network = found_with("RouteTables", main)
        assert "the main route table rtb-9" in found.warnings[0]


def test_zones_that_eks_bars_are_known_by_their_ids():
    zones = {"us-east-1a": "use1-az3", "us-east-1b": "use1-az1", "us-east-1c": "use1-az2"}
    answer = {"AvailabilityZones": [{"ZoneName": name, "ZoneId": zone_id} for name, zone_id in zones.items()]}
    found, _aws = look({"DescribeAvailabilityZones": answer}, "network", offers=True)
    assert found.offers["network"]["zones"] == zones
    assert found.offers["network"]["usable_zones"] == ["us-east-1b", "us-east-1c"]
    assert found.offers["network"]["cloudfront_prefix_list_id"] is None


def test_lists_of_aws_and_services_with_endpoints():
    found, _aws = look(ANSWERS, "network", offers=True)
    offers = found.offers["network"]
    lists = {"cloudfront_prefix_list_id": "pl-2", "s3_prefix_list_id": "pl-3", "dynamodb_prefix_list_id": "pl-4"}
    assert lists.items() <= offers.items()
    assert lists.items() <= found.components["network"].items()
    zones = ["us-west-2a", "us-west-2b"]
    assert offers["endpoint_services"] == {
        "s3": {"zones": zones, "takes_policy": True},
        "ecr.api": {"zones": zones, "takes_policy": True},
        "plain": {"zones": zones[:1], "takes_policy": False},
    }


def test_a_gateway_that_no_vpc_has_yet_is_found():
    gateway = {"InternetGatewayId": "igw-2", "Attachments": [], "Tags": owned("internet-gateway")}
    found, _aws = look({"DescribeInternetGateways": {"InternetGateways": [gateway]}}, "network")
    assert found.components["network"]["internet_gateway_id"] == "igw-2"


def test_a_gateway_of_another_vpc_is_not_taken():
    gateway = {"InternetGatewayId": "igw-2", "Attachments": [{"VpcId": "vpc-9"}], "Tags": owned()}
    answers = {**ANSWERS, "DescribeInternetGateways": {"InternetGateways": [gateway]}}
    found, _aws = look(answers, "network")
    assert found.components["network"]["internet_gateway_id"] is None


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


def test_what_lies_in_the_vpc_is_asked_for_by_its_place():
    _found, aws = look(ANSWERS, "network")
    by_tag = [{"Name": f"tag:{key}", "Values": [value]} for key, value in OWNER.items() if key != "Component"]
    assert {"Filters": by_tag} in aws.requests("DescribeVpcs")
    for kind in ("Subnets", "RouteTables", "VpcEndpoints", "SecurityGroups", "NetworkAcls"):
        assert aws.requests(f"Describe{kind}") == [{"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}]
    assert aws.requests("DescribeNatGateways") == [{"Filter": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}]
    assert aws.requests("DescribeFlowLogs") == [{"Filter": [{"Name": "resource-id", "Values": ["vpc-1"]}]}]
