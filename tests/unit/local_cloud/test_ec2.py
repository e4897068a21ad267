# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The EC2 shims: without them (LOCAL_CLOUD_SHIMS=0) each of these tests fails."""

from __future__ import annotations

import base64
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


def state_of_nat(ec2: Any, gateway_id: str, past: str) -> str:
    """The state of a NAT gateway when it isn't that one any more."""
    for _attempt in range(50):
        (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"]
        if gateway["State"] != past:
            break
        time.sleep(0.1)
    return gateway["State"]


def test_attributes_are_changed_one_at_a_time(ec2: Any, vpc: str, subnets: list[str]) -> None:
    ec2.modify_vpc_attribute(VpcId=vpc, EnableNetworkAddressUsageMetrics={"Value": True})
    answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableNetworkAddressUsageMetrics")
    assert answer["EnableNetworkAddressUsageMetrics"] == {"Value": True}
    with pytest.raises(ClientError) as raised:
        ec2.modify_subnet_attribute(
            SubnetId=subnets[0], MapPublicIpOnLaunch={"Value": True}, EnableDns64={"Value": True}
        )
    assert code_of(raised) == "InvalidParameterCombination"
    ec2.modify_subnet_attribute(SubnetId=subnets[0], EnableResourceNameDnsARecordOnLaunch={"Value": True})
    (subnet,) = ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"]
    assert subnet["PrivateDnsNameOptionsOnLaunch"]["EnableResourceNameDnsARecord"] is True


def test_a_subnet_has_a_network_acl(ec2: Any, vpc: str, subnets: list[str]) -> None:
    by_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    (acl,) = ec2.describe_network_acls(Filters=by_vpc)["NetworkAcls"]
    held = {item["SubnetId"]: item["NetworkAclAssociationId"] for item in acl["Associations"]}
    assert set(subnets) <= set(held)
    other = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.replace_network_acl_association(AssociationId=held[subnets[0]], NetworkAclId=other)
    found = {item["NetworkAclId"]: item for item in ec2.describe_network_acls(Filters=by_vpc)["NetworkAcls"]}
    assert [item["SubnetId"] for item in found[other]["Associations"]] == subnets[:1]


def test_rules_of_a_network_acl(ec2: Any, vpc: str) -> None:
    acl = ec2.create_network_acl(VpcId=vpc, TagSpecifications=tagged("network-acl", Name="mine"))["NetworkAcl"]
    assert [item["RuleAction"] for item in acl["Entries"]] == ["deny", "deny"]
    rule = {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": 10, "Egress": False}
    web = {
        **rule,
        "Protocol": "6",
        "RuleAction": "allow",
        "CidrBlock": "0.0.0.0/0",
        "PortRange": {"From": 80, "To": 80},
    }
    ec2.create_network_acl_entry(**web)
    ec2.replace_network_acl_entry(**{**web, "PortRange": {"From": 443, "To": 443}})
    (shown,) = ec2.describe_network_acls(Filters=[{"Name": "tag:Name", "Values": ["mine"]}])["NetworkAcls"]
    (kept,) = [item for item in shown["Entries"] if item["RuleNumber"] == 10]
    assert (kept["PortRange"], kept["CidrBlock"], kept["Egress"]) == ({"From": 443, "To": 443}, "0.0.0.0/0", False)
    for call, request, code in (
        (ec2.create_network_acl_entry, web, "NetworkAclEntryAlreadyExists"),
        (ec2.replace_network_acl_entry, {**web, "Egress": True}, "InvalidNetworkAclEntry.NotFound"),
        (ec2.create_network_acl_entry, {**web, "RuleNumber": 32767}, "InvalidParameterValue"),
    ):
        with pytest.raises(ClientError) as raised:
            call(**request)
        assert code_of(raised) == code
    for number in range(11, 29):
        ec2.create_network_acl_entry(**{**web, "RuleNumber": number})
    with pytest.raises(ClientError) as raised:
        ec2.create_network_acl_entry(**{**web, "RuleNumber": 29})
    assert code_of(raised) == "NetworkAclEntryLimitExceeded"
    ec2.delete_network_acl_entry(**rule)
    with pytest.raises(ClientError) as raised:
        ec2.delete_network_acl_entry(**rule)
    assert code_of(raised) == "InvalidNetworkAclEntry.NotFound"
    ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])


def test_a_network_acl_in_use_is_kept(ec2: Any, vpc: str, subnets: list[str]) -> None:
    by_vpc = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "default", "Values": ["true"]}]
    (default,) = ec2.describe_network_acls(Filters=by_vpc)["NetworkAcls"]
    held = {item["SubnetId"]: item["NetworkAclAssociationId"] for item in default["Associations"]}
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    association = ec2.replace_network_acl_association(AssociationId=held[subnets[1]], NetworkAclId=acl)
    for wanted, code in ((acl, "DependencyViolation"), (default["NetworkAclId"], "InvalidParameterValue")):
        with pytest.raises(ClientError) as raised:
            ec2.delete_network_acl(NetworkAclId=wanted)
        assert code_of(raised) == code
    ec2.replace_network_acl_association(
        AssociationId=association["NewAssociationId"], NetworkAclId=default["NetworkAclId"]
    )
    ec2.delete_network_acl(NetworkAclId=acl)


def test_network_interfaces_are_found_and_guarded(ec2: Any, vpc: str, subnets: list[str]) -> None:
    group = ec2.create_security_group(GroupName="of-interfaces", Description="x", VpcId=vpc)["GroupId"]
    made = ec2.create_network_interface(
        SubnetId=subnets[0], Groups=[group], TagSpecifications=tagged("network-interface", Name="mine")
    )["NetworkInterface"]["NetworkInterfaceId"]
    for name, value in (("subnet-id", subnets[0]), ("vpc-id", vpc), ("group-id", group), ("tag:Name", "mine")):
        found = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
        assert made in [interface["NetworkInterfaceId"] for interface in found]
    assert not ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": subnets[1:2]}])[
        "NetworkInterfaces"
    ]
    with pytest.raises(ClientError) as raised:
        ec2.delete_security_group(GroupId=group)
    assert code_of(raised) == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=made)
    ec2.delete_security_group(GroupId=group)


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
    second = ec2.create_nat_gateway(**arguments)["NatGateway"]["NatGatewayId"]
    assert state_of_nat(ec2, second, past="pending") == "failed"
    assert state_of_nat(ec2, made["NatGatewayId"], past="pending") == "available"
    with pytest.raises(ClientError) as raised:
        ec2.release_address(AllocationId=allocation_id)
    assert code_of(raised) == "InvalidIPAddress.InUse"
    with pytest.raises(ClientError) as raised:
        ec2.delete_subnet(SubnetId=subnets[0])
    assert code_of(raised) == "DependencyViolation"
    ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    with pytest.raises(ClientError) as raised:
        ec2.release_address(AllocationId=allocation_id)
    assert code_of(raised) == "InvalidIPAddress.InUse"
    assert state_of_nat(ec2, made["NatGatewayId"], past="deleting") == "deleted"
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
    assert state_of_nat(ec2, nat, past="deleting") == "deleted"
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


def test_a_vpc_has_further_networks(ec2: Any, vpc: str) -> None:
    association = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="100.64.0.0/16")["CidrBlockAssociation"]
    (described,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert described["CidrBlockAssociationSet"][0]["CidrBlock"] == described["CidrBlock"]
    assert described["CidrBlockAssociationSet"][1] == association
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="100.64.1.0/24")["Subnet"]
    assert made["VpcId"] == vpc
    with pytest.raises(ClientError) as refused:
        ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="100.64.128.0/17")
    assert code_of(refused) == "InvalidVpc.Range"


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


def test_a_rule_for_a_prefix_list(ec2: Any, vpc: str) -> None:
    group_id = ec2.create_security_group(GroupName="lists", Description="lists", VpcId=vpc)["GroupId"]
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    entry = {"PrefixListId": "pl-82a045eb", "Description": "CloudFront"}
    rule = {**web, "PrefixListIds": [entry]}
    ec2.authorize_security_group_ingress(
        GroupId=group_id, IpPermissions=[{**web, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, rule]
    )

    def lists() -> list[Any]:
        (group,) = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
        return [one for permission in group["IpPermissions"] for one in permission["PrefixListIds"]]

    assert lists() == [entry]
    with pytest.raises(ClientError, match="already exists"):
        ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    assert lists() == []


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


# ---- Instances

UBUNTU = "ami-0123456789abcdef0"


class Launches:
    """Instances of one test in a subnet of its own."""

    def __init__(self, ec2: Any, vpc: str, subnet: str):
        self.ec2, self.vpc, self.subnet = ec2, vpc, subnet
        self.group = self.make_group("instances")

    def make_group(self, name: str) -> str:
        return self.ec2.create_security_group(VpcId=self.vpc, GroupName=name, Description=name)["GroupId"]

    def run(self, **parameters: Any) -> str:
        arguments = {
            "ImageId": UBUNTU,
            "InstanceType": "t3.micro",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": self.subnet,
            "SecurityGroupIds": [self.group],
            **parameters,
        }
        (instance,) = self.ec2.run_instances(**arguments)["Instances"]
        assert instance["State"]["Name"] == "pending"
        return instance["InstanceId"]

    def running(self, **parameters: Any) -> str:
        identifier = self.run(**parameters)
        self.until(identifier, "running")
        return identifier

    def shown(self, identifier: str) -> dict[str, Any]:
        (reservation,) = self.ec2.describe_instances(InstanceIds=[identifier])["Reservations"]
        return reservation["Instances"][0]

    def found(self, **filters: str) -> list[str]:
        sent = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        return [
            instance["InstanceId"]
            for reservation in self.ec2.describe_instances(Filters=[*sent, {"Name": "vpc-id", "Values": [self.vpc]}])[
                "Reservations"
            ]
            for instance in reservation["Instances"]
        ]

    def until(self, identifier: str, state: str) -> None:
        until(lambda: self.shown(identifier)["State"]["Name"] == state)

    def volume(self, identifier: str) -> dict[str, Any]:
        filters = [{"Name": "attachment.instance-id", "Values": [identifier]}]
        (volume,) = self.ec2.describe_volumes(Filters=filters)["Volumes"]
        return volume

    def attribute(self, identifier: str, name: str) -> Any:
        return self.ec2.describe_instance_attribute(InstanceId=identifier, Attribute=name)

    def associations(self, identifier: str) -> list[str]:
        filters = [{"Name": "instance-id", "Values": [identifier]}]
        found = self.ec2.describe_iam_instance_profile_associations(Filters=filters)["IamInstanceProfileAssociations"]
        return [association["AssociationId"] for association in found]

    def terminate(self, identifier: str) -> None:
        self.ec2.terminate_instances(InstanceIds=[identifier])
        self.until(identifier, "terminated")


@pytest.fixture
def launches(ec2: Any, vpc: str, subnets: list[str]) -> Launches:
    return Launches(ec2, vpc, subnets[0])


def refusal(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return code_of(raised)


def tagged_launch(**tags: str) -> list[dict[str, Any]]:
    return [*tagged("instance", **tags), *tagged("volume", **tags), *tagged("network-interface", **tags)]


def test_instance_gives_back_what_it_was_launched_with(ec2: Any, launches: Launches, client: Callable) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    identifier = launches.run(
        EbsOptimized=True,
        Monitoring={"Enabled": True},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        DisableApiTermination=False,
        UserData="#cloud-config\n",
        BlockDeviceMappings=[
            {
                "DeviceName": "/dev/sda1",
                "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True, "KmsKeyId": key, "Iops": 4000},
            }
        ],
        TagSpecifications=tagged_launch(Name="one"),
    )
    assert launches.shown(identifier)["MetadataOptions"]["State"] == "pending"
    launches.until(identifier, "running")
    instance = launches.shown(identifier)
    assert (instance["EbsOptimized"], instance["Monitoring"]) == (True, {"State": "enabled"})
    assert instance["MetadataOptions"] == {
        "State": "applied",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
        "HttpEndpoint": "enabled",
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "disabled",
    }
    assert "KeyName" not in instance
    assert "PublicIpAddress" not in instance
    address = instance["PrivateIpAddress"]
    assert address.startswith("10.0.0.")
    assert instance["PrivateDnsName"] == f"ip-{address.replace('.', '-')}.us-west-2.compute.internal"
    assert instance["Placement"]["AvailabilityZone"] == "us-west-2a"
    (interface,) = instance["NetworkInterfaces"]
    assert (interface["SubnetId"], interface["PrivateIpAddress"]) == (launches.subnet, address)
    assert [group["GroupId"] for group in interface["Groups"]] == [launches.group]
    assert instance["RootDeviceName"] == "/dev/sda1"
    (device,) = instance["BlockDeviceMappings"]
    volume = launches.volume(identifier)
    assert (device["DeviceName"], device["Ebs"]["VolumeId"]) == ("/dev/sda1", volume["VolumeId"])
    assert (volume["Size"], volume["VolumeType"], volume["Iops"], volume["Throughput"]) == (30, "gp3", 4000, 125)
    assert (volume["Encrypted"], volume["KmsKeyId"]) == (True, key)
    assert volume["Attachments"][0]["DeleteOnTermination"] is True
    assert instance["Tags"] == volume["Tags"] == [{"Key": "Name", "Value": "one"}]
    data = launches.attribute(identifier, "userData")["UserData"]["Value"]
    assert base64.b64decode(data) == b"#cloud-config\n"


def test_instances_share_no_address_and_are_private(launches: Launches) -> None:
    first, second = (launches.shown(launches.run()) for _index in range(2))
    assert first["PrivateIpAddress"] != second["PrivateIpAddress"]
    assert "PublicIpAddress" not in first


def test_client_token_makes_one_instance(ec2: Any, launches: Launches) -> None:
    first = launches.run(ClientToken="token-of-instance")
    assert launches.run(ClientToken="token-of-instance") == first
    assert launches.found() == [first]
    code = refusal(launches.run, ClientToken="token-of-instance", InstanceType="t3.small")
    assert code == "IdempotentParameterMismatch"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "resolve:ssm:/none"}, "InvalidAMIID.Malformed"),
        ({"InstanceType": "t9.large"}, "InvalidParameterValue"),
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 4}}]}, "InvalidBlockDeviceMapping"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"KmsKeyId": "alias/none"}}]},
            "InvalidParameterDependency",
        ),
    ],
)
def test_launch_of_what_does_not_exist_is_refused(launches: Launches, parameters: dict, code: str) -> None:
    assert refusal(launches.run, **parameters) == code
    assert launches.found() == []


def test_launch_in_a_group_of_another_network_is_refused(ec2: Any, launches: Launches) -> None:
    other = Launches(ec2, ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"], "")
    assert refusal(launches.run, SecurityGroupIds=[other.group]) == "InvalidParameter"


def test_launch_with_a_key_that_does_not_exist_ends_at_once(launches: Launches) -> None:
    ebs = {"Encrypted": True, "KmsKeyId": "arn:aws:kms:us-west-2:123456789012:key/none"}
    identifier = launches.run(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": ebs}])
    launches.until(identifier, "terminated")
    assert launches.shown(identifier)["StateReason"]["Code"] == "Client.InternalError"


def test_instances_are_found_by_filters(launches: Launches, subnets: list[str]) -> None:
    first = launches.running(TagSpecifications=tagged("instance", Name="first", Team="a"))
    second = launches.run(SubnetId=subnets[1], TagSpecifications=tagged("instance", Name="second", Team="a"))
    assert launches.found(**{"tag:Team": "a"}) == [first, second]
    assert launches.found(**{"tag:Name": "fir*"}) == [first]
    for filters in (
        {"subnet_id": subnets[0]},
        {"instance_id": first},
        {"private_ip_address": launches.shown(first)["PrivateIpAddress"]},
        {
            "instance_state_name": "running",
            "tag:Name": "first",
            "image_id": UBUNTU,
            "instance.group_id": launches.group,
        },
    ):
        assert launches.found(**filters) == [first], filters
    assert launches.found(instance_type="t3.large") == []
    assert refusal(launches.found, colour="red") == "InvalidParameterValue"


def test_instance_goes_from_state_to_state(ec2: Any, launches: Launches) -> None:
    identifier = launches.run()
    ids = {"InstanceIds": [identifier]}
    assert refusal(ec2.stop_instances, **ids) == "IncorrectInstanceState"
    launches.until(identifier, "running")
    (change,) = ec2.stop_instances(**ids)["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    assert refusal(ec2.start_instances, **ids) == "IncorrectInstanceState"
    launches.until(identifier, "stopped")
    assert launches.shown(identifier)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    (change,) = ec2.start_instances(**ids)["StartingInstances"]
    assert change["CurrentState"]["Name"] == "pending"
    launches.until(identifier, "running")
    (change,) = ec2.terminate_instances(**ids)["TerminatingInstances"]
    assert change["CurrentState"]["Name"] == "shutting-down"
    assert refusal(ec2.start_instances, **ids) == "IncorrectInstanceState"
    launches.until(identifier, "terminated")
    assert ec2.terminate_instances(**ids)["TerminatingInstances"][0]["CurrentState"]["Name"] == "terminated"
    assert "SubnetId" not in launches.shown(identifier)


def test_group_and_subnet_of_an_instance_stay_until_it_is_terminated(ec2: Any, launches: Launches) -> None:
    identifier = launches.running()
    volume = launches.volume(identifier)["VolumeId"]
    for wait in (lambda: None, lambda: ec2.terminate_instances(InstanceIds=[identifier])):
        wait()
        assert refusal(ec2.delete_security_group, GroupId=launches.group) == "DependencyViolation"
        assert refusal(ec2.delete_subnet, SubnetId=launches.subnet) == "DependencyViolation"
    launches.until(identifier, "terminated")
    ec2.delete_security_group(GroupId=launches.group)
    ec2.delete_subnet(SubnetId=launches.subnet)
    assert refusal(ec2.describe_volumes, VolumeIds=[volume]) == "InvalidVolume.NotFound"


def test_protected_instance_is_not_terminated(ec2: Any, launches: Launches) -> None:
    identifier = launches.run(DisableApiTermination=True)
    assert launches.attribute(identifier, "disableApiTermination")["DisableApiTermination"]["Value"] is True
    assert refusal(ec2.terminate_instances, InstanceIds=[identifier]) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=identifier, DisableApiTermination={"Value": False})
    launches.terminate(identifier)


def test_attributes_are_changed_one_by_one_and_some_on_a_stopped_instance_only(ec2: Any, launches: Launches) -> None:
    identifier = launches.running()
    other = launches.make_group("other")

    def modify(**attributes: Any) -> None:
        ec2.modify_instance_attribute(InstanceId=identifier, **attributes)

    modify(Groups=[other])
    shown = launches.shown(identifier)
    assert [group["GroupId"] for group in shown["SecurityGroups"]] == [other]
    assert [group["GroupId"] for group in shown["NetworkInterfaces"][0]["Groups"]] == [other]
    assert refusal(modify, Groups=["sg-00000000000000000"]) == "InvalidGroup.NotFound"
    assert refusal(modify, InstanceType={"Value": "t3.small"}) == "IncorrectInstanceState"
    both = {"DisableApiTermination": {"Value": False}, "SourceDestCheck": {"Value": False}}
    assert refusal(modify, **both) == "InvalidParameterCombination"
    ec2.stop_instances(InstanceIds=[identifier])
    launches.until(identifier, "stopped")
    modify(InstanceType={"Value": "t3.small"})
    modify(EbsOptimized={"Value": True})
    assert refusal(modify, InstanceType={"Value": "t9.small"}) == "InvalidParameterValue"
    shown = launches.shown(identifier)
    assert (shown["InstanceType"], shown["EbsOptimized"]) == ("t3.small", True)
    launches.terminate(identifier)
    assert refusal(modify, Groups=[other]) == "IncorrectInstanceState"


@pytest.mark.parametrize(
    ("identifier", "code"),
    [("i-00000000000000000", "InvalidInstanceID.NotFound"), ("i-none", "InvalidInstanceID.Malformed")],
)
def test_changes_of_instances_that_do_not_exist_are_refused(ec2: Any, identifier: str, code: str) -> None:
    assert refusal(ec2.modify_instance_attribute, InstanceId=identifier, EbsOptimized={"Value": True}) == code
    assert refusal(ec2.monitor_instances, InstanceIds=[identifier]) == code


def test_metadata_options_are_pending_for_a_moment(ec2: Any, launches: Launches) -> None:
    identifier = launches.running()

    def options() -> dict[str, Any]:
        return launches.shown(identifier)["MetadataOptions"]

    answer = ec2.modify_instance_metadata_options(InstanceId=identifier, HttpTokens="required")
    assert answer["InstanceMetadataOptions"]["State"] == "pending"
    until(lambda: options()["State"] == "applied")
    assert (options()["HttpTokens"], options()["HttpPutResponseHopLimit"]) == ("required", 1)
    modify = ec2.modify_instance_metadata_options
    assert refusal(modify, InstanceId=identifier, HttpPutResponseHopLimit=65) == "InvalidParameterValue"


def test_monitoring_is_switched(ec2: Any, launches: Launches) -> None:
    identifier = launches.running()
    (answer,) = ec2.monitor_instances(InstanceIds=[identifier])["InstanceMonitorings"]
    assert answer["Monitoring"]["State"] == "pending"
    assert launches.shown(identifier)["Monitoring"]["State"] == "enabled"
    ec2.unmonitor_instances(InstanceIds=[identifier])
    assert launches.shown(identifier)["Monitoring"]["State"] == "disabled"


def test_instance_profile_is_replaced_while_the_instance_runs(ec2: Any, iam: Any, launches: Launches) -> None:
    arns = {}
    for name in ("profile-a", "profile-b"):
        arns[name] = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    identifier = launches.running(IamInstanceProfile={"Name": "profile-a"})
    assert launches.shown(identifier)["IamInstanceProfile"]["Arn"] == arns["profile-a"]

    def association() -> str:
        (found,) = launches.associations(identifier)
        return found

    def replace(profile: str) -> None:
        ec2.replace_iam_instance_profile_association(AssociationId=association(), IamInstanceProfile={"Name": profile})

    def associate(profile: str) -> None:
        ec2.associate_iam_instance_profile(InstanceId=identifier, IamInstanceProfile={"Name": profile})

    first = association()
    assert refusal(replace, profile="nobody") == "InvalidParameterValue"
    assert refusal(associate, profile="profile-b") == "IncorrectState"
    replace("profile-b")
    assert launches.shown(identifier)["IamInstanceProfile"]["Arn"] == arns["profile-b"]
    assert association() != first
    ec2.stop_instances(InstanceIds=[identifier])
    launches.until(identifier, "stopped")
    assert refusal(replace, profile="profile-a") == "IncorrectState"
    ec2.disassociate_iam_instance_profile(AssociationId=association())
    # At once: it takes but a moment.
    assert refusal(associate, profile="profile-a") == "IncorrectState"
    assert "IamInstanceProfile" not in launches.shown(identifier)
    until(lambda: not launches.associations(identifier))
    associate("profile-a")
    assert launches.shown(identifier)["IamInstanceProfile"]["Arn"] == arns["profile-a"]


def test_volume_grows_after_a_moment_and_never_shrinks(ec2: Any, launches: Launches) -> None:
    identifier = launches.running()
    volume = launches.volume(identifier)["VolumeId"]
    by_volume = {"Filters": [{"Name": "volume-id", "Values": [volume]}]}
    assert ec2.describe_volumes_modifications(**by_volume)["VolumesModifications"] == []
    answer = ec2.modify_volume(VolumeId=volume, Size=20, Throughput=250)["VolumeModification"]
    assert (answer["ModificationState"], answer["OriginalSize"], answer["TargetSize"]) == ("modifying", 8, 20)
    assert launches.volume(identifier)["Size"] == 8
    assert refusal(ec2.modify_volume, VolumeId=volume, Size=30) == "IncorrectModificationState"
    until(lambda: launches.volume(identifier)["Size"] == 20)
    assert launches.volume(identifier)["Throughput"] == 250
    (done,) = ec2.describe_volumes_modifications(**by_volume)["VolumesModifications"]
    assert done["ModificationState"] == "completed"
    assert refusal(ec2.modify_volume, VolumeId=volume, Size=10) == "InvalidParameterValue"


def test_volume_that_is_kept_outlives_its_instance(ec2: Any, launches: Launches) -> None:
    identifier = launches.running()
    volume = launches.volume(identifier)["VolumeId"]
    kept = [{"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": False}}]
    ec2.modify_instance_attribute(InstanceId=identifier, BlockDeviceMappings=kept)
    launches.terminate(identifier)
    (left,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert (left["State"], left["Attachments"]) == ("available", [])


def test_encryption_of_volumes_by_default(ec2: Any) -> None:
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    assert ec2.enable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    assert ec2.modify_ebs_default_kms_key_id(KmsKeyId="alias/other")["KmsKeyId"] == "alias/other"
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/other"
    assert ec2.reset_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    assert ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
