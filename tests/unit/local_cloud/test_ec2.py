# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The EC2 shims: without them (LOCAL_CLOUD_SHIMS=0) each of these tests fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

LOG_ROLE = "arn:aws:iam::123456789012:role/flow-logs"


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return raised.value.response["Error"]["Code"]


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make_flow_log(ec2: Any, vpc: str, **parameters: Any) -> dict[str, Any]:
    arguments = {
        "ResourceIds": [vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogGroupName": "/aws/vpc/flow-logs",
        "DeliverLogsPermissionArn": LOG_ROLE,
        **parameters,
    }
    return ec2.create_flow_logs(**arguments)


def test_flow_log_gives_back_what_it_was_made_with(ec2: Any, vpc: str) -> None:
    (flow_log_id,) = make_flow_log(
        ec2, vpc, MaxAggregationInterval=60, TagSpecifications=tagged("vpc-flow-log", Name="one", Component="network")
    )["FlowLogIds"]
    filters = [{"Name": "resource-id", "Values": [vpc]}, {"Name": "tag:Name", "Values": ["on?"]}]
    (flow_log,) = ec2.describe_flow_logs(Filters=filters)["FlowLogs"]
    assert flow_log["FlowLogId"] == flow_log_id
    assert flow_log["LogGroupName"] == "/aws/vpc/flow-logs"
    assert flow_log["MaxAggregationInterval"] == 60
    assert flow_log["DeliverLogsPermissionArn"] == LOG_ROLE
    assert flow_log["FlowLogStatus"] == "ACTIVE"
    assert {tag["Key"] for tag in flow_log["Tags"]} == {"Name", "Component"}
    assert not ec2.describe_flow_logs(Filters=[{"Name": "tag:Name", "Values": ["other"]}])["FlowLogs"]
    assert ec2.delete_flow_logs(FlowLogIds=[flow_log_id])["Unsuccessful"] == []
    (refused,) = ec2.delete_flow_logs(FlowLogIds=[flow_log_id])["Unsuccessful"]
    assert refused["Error"]["Code"] == "InvalidFlowLogId.NotFound"


def test_second_flow_log_to_the_same_place_is_refused(ec2: Any, vpc: str) -> None:
    make_flow_log(ec2, vpc)
    answer = make_flow_log(ec2, vpc)
    assert not answer.get("FlowLogIds")
    assert answer["Unsuccessful"][0]["Error"]["Code"] == "FlowLogAlreadyExists"


def test_client_token_makes_one_flow_log(ec2: Any, vpc: str) -> None:
    first = make_flow_log(ec2, vpc, ClientToken="token-of-flow-log")
    assert make_flow_log(ec2, vpc, ClientToken="token-of-flow-log")["FlowLogIds"] == first["FlowLogIds"]
    with pytest.raises(ClientError) as raised:
        make_flow_log(ec2, vpc, ClientToken="token-of-flow-log", LogGroupName="/other")
    assert code_of(raised) == "IdempotentParameterMismatch"


def test_interface_endpoint_gives_back_what_it_was_made_with(ec2: Any, vpc: str, subnets: list[str]) -> None:
    groups = [
        ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"] for name in ("one", "two")
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-west-2.bedrock-runtime",
        VpcEndpointType="Interface",
        SubnetIds=subnets[:1],
        SecurityGroupIds=groups[:1],
        PrivateDnsEnabled=True,
        PolicyDocument=policy,
        TagSpecifications=tagged("vpc-endpoint", Name="bedrock"),
    )["VpcEndpoint"]
    assert made["State"] == "pending"

    def described() -> dict[str, Any]:
        filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "tag:Name", "Values": ["bedrock"]}]
        (endpoint,) = ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
        return endpoint

    until(lambda: described()["State"] == "available")
    endpoint = described()
    assert endpoint["Groups"] == [{"GroupId": groups[0], "GroupName": "one"}]
    assert endpoint["PrivateDnsEnabled"] is True
    assert endpoint["PolicyDocument"] == policy
    assert endpoint["SubnetIds"] == subnets[:1]

    ec2.modify_vpc_endpoint(
        VpcEndpointId=made["VpcEndpointId"],
        AddSubnetIds=subnets[1:],
        AddSecurityGroupIds=groups[1:],
        RemoveSecurityGroupIds=groups[:1],
        PrivateDnsEnabled=False,
        ResetPolicy=True,
    )
    endpoint = described()
    assert endpoint["SubnetIds"] == subnets
    assert [group["GroupId"] for group in endpoint["Groups"]] == groups[1:]
    assert endpoint["PrivateDnsEnabled"] is False
    assert json.loads(endpoint["PolicyDocument"])["Statement"][0]["Action"] == "*"

    with pytest.raises(ClientError) as raised:
        ec2.delete_subnet(SubnetId=subnets[0])
    assert code_of(raised) == "DependencyViolation"
    with pytest.raises(ClientError) as raised:
        ec2.delete_security_group(GroupId=groups[1])
    assert code_of(raised) == "DependencyViolation"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    assert described()["State"] == "deleting"
    until(lambda: not ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"])


def test_private_dns_can_be_taken_once_and_needs_dns_names(ec2: Any, vpc: str) -> None:
    arguments = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-west-2.sts", "VpcEndpointType": "Interface"}
    first = ec2.create_vpc_endpoint(**arguments, ClientToken="sts")["VpcEndpoint"]
    again = ec2.create_vpc_endpoint(**arguments, ClientToken="sts")["VpcEndpoint"]
    assert again["VpcEndpointId"] == first["VpcEndpointId"]
    with pytest.raises(ClientError, match="conflicting DNS domain"):
        ec2.create_vpc_endpoint(**arguments)
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    with pytest.raises(ClientError, match="enableDnsHostnames"):
        ec2.create_vpc_endpoint(**{**arguments, "ServiceName": "com.amazonaws.us-west-2.logs"})


def test_gateway_endpoint_puts_routes_into_its_tables(ec2: Any, vpc: str) -> None:
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _index in range(2)]
    endpoint_id = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-west-2.s3", RouteTableIds=tables[:1]
    )["VpcEndpoint"]["VpcEndpointId"]

    def with_route() -> list[str]:
        found = ec2.describe_route_tables(RouteTableIds=tables)["RouteTables"]
        return [
            table["RouteTableId"]
            for table in found
            if any(route.get("GatewayId") == endpoint_id for route in table["Routes"])
        ]

    assert with_route() == tables[:1]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddRouteTableIds=tables[1:], RemoveRouteTableIds=tables[:1])
    assert with_route() == tables[1:]
    with pytest.raises(ClientError) as raised:
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-west-2.s3", RouteTableIds=tables[1:])
    assert code_of(raised) == "RouteAlreadyExists"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    assert with_route() == []


def test_endpoint_services_have_what_the_platform_uses(ec2: Any) -> None:
    names = [f"com.amazonaws.us-west-2.{short}" for short in ("bedrock-runtime", "ecr.api", "ssmmessages", "s3")]
    assert set(names) <= set(ec2.describe_vpc_endpoint_services(ServiceNames=names)["ServiceNames"])
    with pytest.raises(ClientError) as raised:
        ec2.describe_vpc_endpoint_services(ServiceNames=["com.amazonaws.us-west-2.nothing"])
    assert code_of(raised) == "InvalidServiceName"


def test_nat_gateway_holds_its_elastic_ip(ec2: Any, subnets: list[str]) -> None:
    addresses = [
        ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", Name=name)) for name in ("a", "b")
    ]
    allocation_id = addresses[0]["AllocationId"]
    arguments = {"SubnetId": subnets[0], "AllocationId": allocation_id}
    made = ec2.create_nat_gateway(**arguments, ClientToken="nat")["NatGateway"]
    again = ec2.create_nat_gateway(**arguments, ClientToken="nat")["NatGateway"]
    assert again["NatGatewayId"] == made["NatGatewayId"]
    (gateway,) = ec2.describe_nat_gateways(Filters=[{"Name": "subnet-id", "Values": subnets[:1]}])["NatGateways"]
    (address,) = gateway["NatGatewayAddresses"]
    assert (address["AllocationId"], address["PublicIp"]) == (allocation_id, addresses[0]["PublicIp"])
    (found,) = ec2.describe_addresses(Filters=[{"Name": "tag:Name", "Values": ["a"]}])["Addresses"]
    assert found["AssociationId"] == address["AssociationId"]
    with pytest.raises(ClientError) as raised:
        ec2.create_nat_gateway(**arguments)
    assert code_of(raised) == "Resource.AlreadyAssociated"
    with pytest.raises(ClientError) as raised:
        ec2.release_address(AllocationId=allocation_id)
    assert code_of(raised) == "InvalidIPAddress.InUse"
    with pytest.raises(ClientError) as raised:
        ec2.delete_subnet(SubnetId=subnets[0])
    assert code_of(raised) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    ec2.release_address(AllocationId=allocation_id)
    ec2.delete_subnet(SubnetId=subnets[0])


def test_internet_gateway_stays_while_addresses_are_mapped(ec2: Any, vpc: str, subnets: list[str]) -> None:
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    allocation_id = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=allocation_id)["NatGateway"]["NatGatewayId"]
    with pytest.raises(ClientError) as raised:
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert code_of(raised) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def test_launch_template_gives_back_all_of_its_data(ec2: Any) -> None:
    data = {
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "VolumeSize": 20,
                    "VolumeType": "gp3",
                    "Encrypted": True,
                    "DeleteOnTermination": True,
                    "KmsKeyId": "arn:aws:kms:us-west-2:123456789012:key/one",
                    "Iops": 3000,
                    "Throughput": 125,
                },
            }
        ],
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "disabled",
        },
        "Monitoring": {"Enabled": True},
        "SecurityGroupIds": ["sg-0123456789abcdef1"],
        "TagSpecifications": tagged("instance", Name="node") + tagged("volume", Name="disk"),
        "MaintenanceOptions": {"AutoRecovery": "default"},
    }
    arguments = {"LaunchTemplateName": "nodes", "LaunchTemplateData": data, "ClientToken": "nodes"}
    made = ec2.create_launch_template(**arguments, TagSpecifications=tagged("launch-template", Component="eks"))
    template_id = made["LaunchTemplate"]["LaunchTemplateId"]
    assert made["LaunchTemplate"]["Tags"] == [{"Key": "Component", "Value": "eks"}]
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="nodes")["LaunchTemplateVersions"]
    shown = version["LaunchTemplateData"]
    shown["MetadataOptions"].pop("State")
    assert shown == data
    assert version["DefaultVersion"] is True

    ec2.create_launch_template_version(
        LaunchTemplateId=template_id, LaunchTemplateData={"Monitoring": {"Enabled": False}}
    )
    changed = ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion="2")["LaunchTemplate"]
    assert (changed["DefaultVersionNumber"], changed["LatestVersionNumber"]) == (2, 2)
    (default,) = ec2.describe_launch_template_versions(LaunchTemplateId=template_id, Versions=["$Default"])[
        "LaunchTemplateVersions"
    ]
    assert default["LaunchTemplateData"] == {"Monitoring": {"Enabled": False}}
    ec2.delete_tags(Resources=[template_id], Tags=[{"Key": "Component"}])
    (template,) = ec2.describe_launch_templates(LaunchTemplateIds=[template_id])["LaunchTemplates"]
    assert template.get("Tags", []) == []
    with pytest.raises(ClientError) as raised:
        ec2.describe_launch_templates(LaunchTemplateNames=["nothing"])
    assert code_of(raised) == "InvalidLaunchTemplateName.NotFoundException"
    ec2.delete_launch_template(LaunchTemplateId=template_id)
    with pytest.raises(ClientError) as raised:
        ec2.describe_launch_template_versions(LaunchTemplateId=template_id)
    assert code_of(raised) == "InvalidLaunchTemplateId.NotFound"


def test_subnet_must_fit_and_not_overlap(ec2: Any, vpc: str, subnets: list[str]) -> None:
    assert len(subnets) == 2
    for cidr, expected in (
        ("10.0.1.128/25", "InvalidSubnet.Conflict"),
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.9.0/29", "InvalidSubnet.Range"),
    ):
        with pytest.raises(ClientError) as raised:
            ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone="us-west-2a")
        assert code_of(raised) == expected
    with pytest.raises(ClientError, match="us-west-2z"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-west-2z")


def test_zones_are_those_of_the_region(ec2: Any) -> None:
    zones = ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])["AvailabilityZones"]
    assert [zone["ZoneName"] for zone in zones] == [f"us-west-2{letter}" for letter in "abcd"]
    with pytest.raises(ClientError) as raised:
        ec2.describe_availability_zones(Filters=[{"Name": "colour", "Values": ["red"]}])
    assert code_of(raised) == "InvalidParameterValue"


def test_rule_descriptions_can_be_changed(ec2: Any, vpc: str) -> None:
    group = ec2.create_security_group(VpcId=vpc, GroupName="rules", Description="rules")["GroupId"]

    def permission(description: str) -> dict[str, Any]:
        ranges = [{"CidrIp": "10.0.0.0/16", "Description": description}]
        return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}

    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("before")])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission("before")])
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[permission("in")])
    ec2.update_security_group_rule_descriptions_egress(GroupId=group, IpPermissions=[permission("out")])
    (shown,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert shown["IpPermissions"][0]["IpRanges"][0]["Description"] == "in"
    egress = [rule for rule in shown["IpPermissionsEgress"] if rule["IpProtocol"] == "tcp"]
    assert egress[0]["IpRanges"][0]["Description"] == "out"


def test_group_that_another_one_refers_to_stays(ec2: Any, vpc: str) -> None:
    first, second = (
        ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"]
        for name in ("first", "second")
    )
    pairs = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": first}]}]
    ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=pairs)
    with pytest.raises(ClientError) as raised:
        ec2.delete_security_group(GroupId=first)
    assert code_of(raised) == "DependencyViolation"
    ec2.delete_security_group(GroupId=second)
    ec2.delete_security_group(GroupId=first)


def test_rule_is_the_same_with_and_without_the_owner_of_its_group(ec2: Any, vpc: str) -> None:
    group = ec2.create_security_group(VpcId=vpc, GroupName="owner", Description="owner")["GroupId"]

    def permission(*ranges: str, **pair: str) -> dict[str, Any]:
        return {
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "IpRanges": [{"CidrIp": cidr} for cidr in ranges],
            "UserIdGroupPairs": [pair] if pair else [],
        }

    def shown() -> list[dict[str, Any]]:
        return ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroups"][0][
            "IpPermissions"
        ]

    sent = permission("10.0.0.0/24", "10.0.1.0/24", GroupId=group)
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[sent])
    assert len({rule["SecurityGroupRuleId"] for rule in answer["SecurityGroupRules"]}) == 3
    (gathered,) = shown()
    assert [entry["CidrIp"] for entry in gathered["IpRanges"]] == ["10.0.0.0/24", "10.0.1.0/24"]
    assert gathered["UserIdGroupPairs"] == [{"GroupId": group, "UserId": "123456789012"}]

    with pytest.raises(ClientError) as raised:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("10.0.1.0/24")])
    assert code_of(raised) == "InvalidPermission.Duplicate"
    with_owner = permission("10.0.0.0/24", GroupId=group, UserId="123456789012")
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[with_owner])
    (left,) = shown()
    assert (left["IpRanges"], left["UserIdGroupPairs"]) == ([{"CidrIp": "10.0.1.0/24"}], [])
    with pytest.raises(ClientError) as raised:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[with_owner])
    assert code_of(raised) == "InvalidPermission.NotFound"


def test_default_group_begins_with_its_rule_for_itself(ec2: Any, vpc: str) -> None:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    (rule,) = group["IpPermissions"]
    assert rule["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]


def test_route_table_in_use_and_second_route_are_refused(ec2: Any, vpc: str, subnets: list[str]) -> None:
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    with pytest.raises(ClientError) as raised:
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert code_of(raised) == "RouteAlreadyExists"
    with pytest.raises(ClientError) as raised:
        ec2.delete_route_table(RouteTableId=table)
    assert code_of(raised) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)
