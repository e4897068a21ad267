# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Subnet with its attributes, and what keeps it from being deleted."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_subnet import Subnet
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

OWNER = {"Project": "demo"}
TAGS = {**OWNER, "Name": "demo-private"}
PARAMS = {
    "vpc_id": "vpc-1",
    "cidr_block": "10.0.11.0/24",
    "availability_zone": "us-west-2a",
    "map_public_ip_on_launch": None,
    "assign_ipv6_address_on_creation": None,
    "enable_dns64": None,
    "hostname_type": None,
    "resource_name_dns_a_record": None,
    "resource_name_dns_aaaa_record": None,
    "remove_left_interfaces": False,
    "tags": TAGS,
    "owned_by": OWNER,
}
FIXED = {
    "map_public_ip_on_launch": False,
    "assign_ipv6_address_on_creation": False,
    "enable_dns64": False,
    "hostname_type": "ip-name",
    "resource_name_dns_a_record": False,
    "resource_name_dns_aaaa_record": False,
}


def tag_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def subnet(number=1, tags=TAGS, **members):
    return {
        "SubnetId": f"subnet-{number}",
        "VpcId": "vpc-1",
        "CidrBlock": "10.0.11.0/24",
        "AvailabilityZone": "us-west-2a",
        "State": "available",
        "Tags": tag_list(tags),
        **members,
    }


def described(*subnets):
    other = subnet(9, CidrBlock="10.0.12.0/24")
    return Step(
        "DescribeSubnets", {"Subnets": [other, *subnets]}, {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}
    )


def run(params, *steps, **kwargs):
    return run_resource(Subnet, {**PARAMS, **params}, *steps, **kwargs)


CREATED = Step(
    "CreateSubnet",
    {"Subnet": {"SubnetId": "subnet-1"}},
    {
        "VpcId": "vpc-1",
        "CidrBlock": "10.0.11.0/24",
        "AvailabilityZone": "us-west-2a",
        "TagSpecifications": [{"ResourceType": "subnet", "Tags": tag_list(TAGS)}],
    },
)


def test_create_and_wait(clock):
    result, _aws, _module = run(
        FIXED,
        described(),
        CREATED,
        described(subnet(State="pending")),
        described(subnet(State="pending")),
        described(subnet()),
    )
    assert result["subnet"]["subnet_id"] == "subnet-1"


def test_a_second_run_changes_nothing():
    assert run(FIXED, described(subnet()))[0]["changed"] is False


def test_each_attribute_takes_a_call_of_its_own():
    names = {"HostnameType": "resource-name", "EnableResourceNameDnsARecord": True}
    ipv6 = {"AssignIpv6AddressOnCreation": True}
    run(
        FIXED,
        described(subnet(MapPublicIpOnLaunch=True, PrivateDnsNameOptionsOnLaunch=names, **ipv6)),
        Step("ModifySubnetAttribute", {}, {"SubnetId": "subnet-1", "MapPublicIpOnLaunch": {"Value": False}}),
        described(subnet(PrivateDnsNameOptionsOnLaunch=names, **ipv6)),
        Step("ModifySubnetAttribute", {}, {"SubnetId": "subnet-1", "AssignIpv6AddressOnCreation": {"Value": False}}),
        described(subnet(PrivateDnsNameOptionsOnLaunch=names)),
        Step(
            "ModifySubnetAttribute",
            {},
            {"SubnetId": "subnet-1", "EnableResourceNameDnsARecordOnLaunch": {"Value": False}},
        ),
        described(subnet(PrivateDnsNameOptionsOnLaunch={"HostnameType": "resource-name"})),
        Step("ModifySubnetAttribute", {}, {"SubnetId": "subnet-1", "PrivateDnsHostnameTypeOnLaunch": "ip-name"}),
        described(subnet()),
        described(subnet()),
    )


def test_one_that_another_run_has_made_is_taken():
    conflict = api_error("CreateSubnet", "InvalidSubnet.Conflict", "The CIDR '10.0.11.0/24' conflicts")
    result, _aws, _module = run(
        {}, described(), Step("CreateSubnet", conflict), described(subnet()), described(subnet())
    )
    assert result["subnet"]["subnet_id"] == "subnet-1"


def test_a_network_that_overlaps_another_ones_is_refused(clock):
    conflict = api_error("CreateSubnet", "InvalidSubnet.Conflict", "The CIDR '10.0.11.0/24' conflicts")
    with pytest.raises(ResourceError, match="conflicts"):
        run({}, described(), Step("CreateSubnet", conflict), *[described()] * 20, done=False)


def test_a_lost_reply_makes_no_second_one():
    _result, aws, _module = run({}, described(), Step("CreateSubnet", lost_reply()), described(subnet()))
    assert aws.operations().count("CreateSubnet") == 1


@pytest.mark.parametrize("tags", [OWNER, {"Name": "demo-private"}, {**OWNER, "Name": "renamed"}])
def test_lost_tags_are_put_back(tags):
    result, _aws, _module = run({}, described(subnet(tags=tags)), Step("CreateTags", {}), described(subnet()))
    assert result["changed"] is True


@pytest.mark.parametrize("tags", [{}, {"Name": "demo-private", "Project": "other"}])
def test_someone_elses_is_refused(tags):
    with pytest.raises(ResourceError, match="isn't ours"):
        run({}, described(subnet(tags=tags)))


def test_a_failed_one_is_told():
    with pytest.raises(ResourceError, match=r"is failed-insufficient-capacity. Remove it"):
        run({}, described(subnet(State="failed-insufficient-capacity")))


def interface(number, **members):
    return {
        "NetworkInterfaceId": f"eni-{number}",
        "Status": "available",
        "Description": "aws-K8S-i-0123456789abcdef0",
        "TagSet": tag_list({"node.k8s.amazonaws.com/instance_id": "i-0123456789abcdef0"}),
        **members,
    }


INTERFACES = [
    interface(1),
    interface(2, Status="in-use", Attachment={"InstanceId": "i-0123456789abcdef0"}),
    interface(3, TagSet=tag_list({"Name": "shop", "Project": "other"}), OwnerId="111122223333"),
    interface(4, Description="Shop"),
]
IN_USE = api_error("DeleteSubnet", "DependencyViolation", "The subnet 'subnet-1' has dependencies")


def in_it(*interfaces):
    return Step(
        "DescribeNetworkInterfaces",
        {"NetworkInterfaces": list(interfaces)},
        {"Filters": [{"Name": "subnet-id", "Values": ["subnet-1"]}]},
    )


def test_what_nodes_have_left_goes_with_it():
    result, _aws, _module = run(
        {"state": "absent", "remove_left_interfaces": True},
        described(subnet()),
        in_it(*INTERFACES),
        Step("DeleteNetworkInterface", {}, {"NetworkInterfaceId": "eni-1"}),
        Step("DeleteSubnet", {}, {"SubnetId": "subnet-1"}),
        described(),
    )
    assert result["changed"] is True


def test_what_nodes_leave_later_goes_too(clock):
    run(
        {"state": "absent", "remove_left_interfaces": True},
        described(subnet()),
        in_it(interface(1, Status="in-use")),
        Step("DeleteSubnet", IN_USE),
        described(subnet()),
        in_it(interface(1)),
        Step("DeleteNetworkInterface", {}),
        Step("DeleteSubnet", {}),
        described(),
    )


def test_one_that_is_gone_already_is_no_failure():
    gone = api_error("DeleteNetworkInterface", "InvalidNetworkInterfaceID.NotFound")
    run(
        {"state": "absent", "remove_left_interfaces": True},
        described(subnet()),
        in_it(interface(1)),
        Step("DeleteNetworkInterface", gone),
        Step("DeleteSubnet", {}),
        described(),
    )


def test_by_itself_it_touches_no_interface():
    run({"state": "absent"}, described(subnet()), Step("DeleteSubnet", {}), described())


def test_what_is_in_the_way_is_told(clock):
    with pytest.raises(ResourceError) as caught:
        run(
            {"state": "absent", "wait_timeout": 1},
            described(subnet()),
            *[Step("DeleteSubnet", IN_USE), described(subnet())] * 2,
            in_it(*INTERFACES[2:]),
        )
    told = str(caught.value)
    assert "eni-3 (shop, aws-K8S-i-0123456789abcdef0, account 111122223333, Project=other)" in told
    assert "eni-4 (Shop)" in told
