# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VPC with its attributes."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_vpc import Vpc
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

OWNER = {"Project": "demo"}
PARAMS = {
    "name": "demo-vpc",
    "vpc_id": None,
    "cidr_block": "10.0.0.0/16",
    "instance_tenancy": None,
    "dhcp_options_id": None,
    "dns_support": None,
    "dns_hostnames": None,
    "network_address_usage_metrics": None,
    "tags": OWNER,
    "owned_by": OWNER,
}


def tag_list(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def vpc(number=1, tags=None, **members):
    return {
        "VpcId": f"vpc-{number}",
        "CidrBlock": "10.0.0.0/16",
        "InstanceTenancy": "default",
        "DhcpOptionsId": "dopt-1",
        "State": "available",
        "Tags": tag_list(**({**OWNER, "Name": "demo-vpc"} if tags is None else tags)),
        **members,
    }


def described(*vpcs):
    return Step("DescribeVpcs", {"Vpcs": [vpc(9, {"Name": "demo-vpc"}), *vpcs]})


def attribute(member, value):
    request = {"VpcId": "vpc-1", "Attribute": member[0].lower() + member[1:]}
    return Step("DescribeVpcAttribute", {"VpcId": "vpc-1", member: {"Value": value}}, request)


def run(params, *steps, **kwargs):
    return run_resource(Vpc, {**PARAMS, **params}, *steps, **kwargs)


def check_tags(request):
    assert {item["Key"]: item["Value"] for item in request["TagSpecifications"][0]["Tags"]} == {
        **OWNER,
        "Name": "demo-vpc",
    }


def test_create():
    result, _aws, _module = run(
        {},
        described(),
        Step("CreateVpc", {"Vpc": {"VpcId": "vpc-1"}}, check_tags),
        described(vpc()),
    )
    assert result["changed"] is True
    assert result["vpc"]["vpc_id"] == "vpc-1"


def test_what_aws_does_not_show_yet_is_waited_for():
    run(
        {},
        described(),
        Step("CreateVpc", {"Vpc": {"VpcId": "vpc-1"}}),
        described(),
        described(vpc()),
    )


def test_a_lost_reply_makes_no_second_one():
    result, aws, _module = run({}, described(), Step("CreateVpc", lost_reply()), described(), described(vpc()))
    assert result["changed"] is True
    assert aws.operations().count("CreateVpc") == 1


def test_a_second_run_changes_nothing():
    result, _aws, _module = run(
        {"dns_support": True, "instance_tenancy": "default"}, described(vpc()), attribute("EnableDnsSupport", True)
    )
    assert result["changed"] is False


def test_each_attribute_takes_a_call_of_its_own():
    wanted = {"dns_support": True, "dns_hostnames": True, "network_address_usage_metrics": False}
    members = ("EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics")

    def look(*values):
        return [described(vpc()), *(attribute(*pair) for pair in zip(members, values, strict=True))]

    result, _aws, _module = run(
        wanted,
        *look(False, False, True),
        Step("ModifyVpcAttribute", {}, {"VpcId": "vpc-1", "EnableDnsSupport": {"Value": True}}),
        *look(True, False, True),
        Step("ModifyVpcAttribute", {}, {"VpcId": "vpc-1", "EnableDnsHostnames": {"Value": True}}),
        *look(True, True, True),
        Step("ModifyVpcAttribute", {}, {"VpcId": "vpc-1", "EnableNetworkAddressUsageMetrics": {"Value": False}}),
        *look(True, True, False),
        *look(True, True, False),
    )
    assert result["diff"]["before"]["dns_support"] is False
    assert result["diff"]["after"]["network_address_usage_metrics"] is False


def test_dhcp_options_and_tenancy():
    result, _aws, _module = run(
        {"dhcp_options_id": "dopt-2", "instance_tenancy": "default"},
        described(vpc(InstanceTenancy="dedicated")),
        Step("ModifyVpcTenancy", {}, {"VpcId": "vpc-1", "InstanceTenancy": "default"}),
        described(vpc()),
        Step("AssociateDhcpOptions", {}, {"VpcId": "vpc-1", "DhcpOptionsId": "dopt-2"}),
        described(vpc(DhcpOptionsId="dopt-2")),
        described(vpc(DhcpOptionsId="dopt-2")),
    )
    assert result["changed"] is True


def test_another_network_is_refused():
    with pytest.raises(ResourceError, match=r"cidr_block: is '10.0.0.0/16', declared '10.1.0.0/16'"):
        run({"cidr_block": "10.1.0.0/16"}, described(vpc()))


@pytest.mark.parametrize("tags", [OWNER, {"Name": "demo-vpc", "Team": "a"}, {**OWNER, "Name": "renamed"}])
def test_one_that_is_known_gets_its_tags_back(tags):
    result, _aws, _module = run(
        {"vpc_id": "vpc-1", "purge_tags": False},
        described(vpc(tags=tags)),
        Step("CreateTags", {}),
        described(vpc()),
    )
    assert result["changed"] is True


def test_one_that_is_known_and_someone_elses_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({"vpc_id": "vpc-1"}, described(vpc(tags={"Name": "demo-vpc", "Project": "other"})))


def test_one_that_is_only_named_alike_is_not_taken():
    result, _aws, _module = run({}, described(), check_mode=True)
    assert result["changed"] is True
    assert "vpc_id" not in result["vpc"]


def test_what_is_to_be_removed_is_the_known_one_and_no_other():
    result, _aws, _module = run({"vpc_id": "vpc-2", "state": "absent"}, described(vpc()))
    assert result["changed"] is False


IN_IT = {
    "DescribeNetworkInterfaces": {
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": "eni-1",
                "Description": "ELB app/shop",
                "RequesterId": "amazon-elb",
                "OwnerId": "111122223333",
            }
        ]
    },
    "DescribeSubnets": {"Subnets": [{"SubnetId": "subnet-1", "Tags": tag_list(Name="shop", Project="other")}]},
    "DescribeSecurityGroups": {
        "SecurityGroups": [
            {"GroupId": "sg-0", "GroupName": "default"},
            {"GroupId": "sg-1", "GroupName": "shop", "Description": "Shop"},
        ]
    },
    "DescribeRouteTables": {"RouteTables": [{"RouteTableId": "rtb-0", "Associations": [{"Main": True}]}]},
    "DescribeInternetGateways": {"InternetGateways": []},
    "DescribeVpcEndpoints": {"VpcEndpoints": []},
    "DescribeVpnGateways": {"VpnGateways": []},
    "DescribeVpcPeeringConnections": {"VpcPeeringConnections": []},
}
IN_USE = api_error("DeleteVpc", "DependencyViolation", "The vpc 'vpc-1' has dependencies and cannot be deleted.")


def test_delete():
    result, _aws, _module = run(
        {"state": "absent"}, described(vpc()), Step("DeleteVpc", {}, {"VpcId": "vpc-1"}), described()
    )
    assert result["changed"] is True


def test_delete_waits_until_nothing_is_in_it(clock):
    result, _aws, _module = run(
        {"state": "absent"},
        described(vpc()),
        Step("DeleteVpc", IN_USE),
        described(vpc()),
        Step("DeleteVpc", {}),
        described(),
    )
    assert result["changed"] is True
    assert clock[0] >= 1


def test_delete_says_what_is_in_the_way():
    steps = [described(vpc()), *[Step("DeleteVpc", IN_USE), described(vpc())] * 2]
    steps += [Step(operation, answer) for operation, answer in IN_IT.items()]
    with pytest.raises(ResourceError) as caught:
        run({"state": "absent", "wait_timeout": 2}, *steps)
    told = str(caught.value)
    assert "eni-1 (ELB app/shop, amazon-elb, account 111122223333)" in told
    assert "subnet-1 (shop, Project=other)" in told
    assert "sg-1 (shop, Shop)" in told
    assert "sg-0" not in told
    assert "rtb-0" not in told
