# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VPC endpoints with their security groups, private DNS, policy, states and filters.

ministack keeps type, service, route tables and subnets only, and describes all endpoints whatever the filters say. As
on AWS, an interface endpoint is pending at first and deleting for a moment at the end, a second one for the same
service can't take the private DNS name too, and a gateway endpoint puts a route into each of its route tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from ...wire import AWSError, matches_filters, now
from .. import timing
from ..patching import QueryShims
from .records import new_id, security_group_of, select, store_tags, subnet_of, vpc_of

_GATEWAY_SERVICES = ("s3", "dynamodb")
_INTERFACE_SERVICES = (
    "appconfig",
    "appconfigdata",
    "aps-workspaces",
    "athena",
    "autoscaling",
    "bedrock",
    "bedrock-agent",
    "bedrock-agent-runtime",
    "bedrock-runtime",
    "cloudformation",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticache",
    "elasticloadbalancing",
    "events",
    "execute-api",
    "guardduty-data",
    "kinesis-firehose",
    "kinesis-streams",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "rds",
    "rds-data",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "sts",
    "xray",
)
_OPEN_POLICY = json.dumps(
    {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
)
_FILTERS = {
    "ip-address-type": "IpAddressType",
    "service-name": "ServiceName",
    "service-region": "ServiceRegion",
    "vpc-id": "VpcId",
    "vpc-endpoint-id": "VpcEndpointId",
    "vpc-endpoint-state": "State",
    "vpc-endpoint-type": "VpcEndpointType",
}
_SERVICE_FILTERS = {"service-name": "ServiceName", "service-type": "_Type", "owner": "Owner"}


def install(shims: QueryShims) -> None:
    shims.replace("CreateVpcEndpoint", _create)
    shims.replace("DescribeVpcEndpoints", _describe)
    shims.replace("ModifyVpcEndpoint", _modify)
    shims.replace("DeleteVpcEndpoints", _delete)
    shims.replace("DescribeVpcEndpointServices", _describe_services)


def live_endpoints() -> Iterable[dict[str, Any]]:
    """The endpoints that exist now; those whose deletion has come to its end are gone."""
    for endpoint_id, endpoint in list(ec2._vpc_endpoints.items()):
        if not timing.is_due(endpoint):
            yield endpoint
        elif endpoint["State"] == "deleting":
            ec2._vpc_endpoints.pop(endpoint_id, None)
            ec2._tags.pop(endpoint_id, None)
        else:
            endpoint["State"] = "available"
            timing.finish(endpoint)
            yield endpoint


def _create(request: dict[str, Any]) -> dict[str, Any]:
    vpc = vpc_of(request["VpcId"])
    kind = request.get("VpcEndpointType", "Gateway")
    name = request["ServiceName"]
    if (name, kind) not in {(service["ServiceName"], service["_Type"]) for service in _services()}:
        raise AWSError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    interface = kind == "Interface"
    endpoint: dict[str, Any] = {
        "VpcEndpointId": new_id("vpce"),
        "VpcEndpointType": kind,
        "VpcId": vpc["VpcId"],
        "ServiceName": name,
        "ServiceRegion": get_region(),
        "State": "available",
        "PolicyDocument": _policy(request.get("PolicyDocument") or _OPEN_POLICY),
        "RouteTableIds": [],
        "SubnetIds": [],
        "_group_ids": [],
        "IpAddressType": request.get("IpAddressType", "ipv4"),
        "DnsOptions": {"DnsRecordIpType": "ipv4" if interface else "service-defined"},
        "PrivateDnsEnabled": request.get("PrivateDnsEnabled", True) if interface else False,
        "RequesterManaged": False,
        "NetworkInterfaceIds": [],
        "CreationTimestamp": now(),
        "OwnerId": get_account_id(),
    }
    if interface:
        if request.get("RouteTableIds"):
            raise AWSError("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint.")
        if endpoint["PrivateDnsEnabled"]:
            _check_private_dns(endpoint, vpc)
        _add_subnets(endpoint, request.get("SubnetIds", []))
        _set_groups(endpoint, request.get("SecurityGroupIds") or [vpc["DefaultSecurityGroupId"]])
        endpoint["State"] = "pending"
        timing.start(endpoint)
    else:
        if request.get("SubnetIds") or request.get("SecurityGroupIds"):
            raise AWSError(
                "InvalidParameter", "Subnets and security groups are only supported for Interface type VPC Endpoint."
            )
        _add_route_tables(endpoint, request.get("RouteTableIds", []))
    ec2._vpc_endpoints[endpoint["VpcEndpointId"]] = endpoint
    store_tags(request, "vpc-endpoint", endpoint["VpcEndpointId"])
    (shown,) = _shown([endpoint["VpcEndpointId"]])
    return {"VpcEndpoint": shown, "ClientToken": request.get("ClientToken")}


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    return {"VpcEndpoints": _shown(request.get("VpcEndpointIds"), request.get("Filters"))}


def _shown(endpoint_ids: list[str] | None, filters: list[Any] | None = None) -> list[dict[str, Any]]:
    found = select(live_endpoints(), "VpcEndpointId", endpoint_ids, filters, _FILTERS, "InvalidVpcEndpointId.NotFound")
    for endpoint in found:
        endpoint["Groups"] = [
            {"GroupId": group_id, "GroupName": security_group_of(group_id)["GroupName"]}
            for group_id in endpoint["_group_ids"]
            if group_id in ec2._security_groups
        ]
    return found


def _modify(request: dict[str, Any]) -> dict[str, Any]:
    endpoint_id = request["VpcEndpointId"]
    endpoint = next((one for one in live_endpoints() if one["VpcEndpointId"] == endpoint_id), None)
    if endpoint is None:
        raise AWSError("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{endpoint_id}' does not exist")
    if endpoint["State"] != "available":
        raise AWSError(
            "IncorrectState", f"The VPC endpoint '{endpoint_id}' is in state {endpoint['State']} and can't be changed."
        )
    interface = endpoint["VpcEndpointType"] == "Interface"
    _drop_route_tables(endpoint, request.get("RemoveRouteTableIds", []))
    _add_route_tables(endpoint, request.get("AddRouteTableIds", []))
    gone = set(request.get("RemoveSubnetIds", []))
    endpoint["SubnetIds"] = [subnet_id for subnet_id in endpoint["SubnetIds"] if subnet_id not in gone]
    _add_subnets(endpoint, request.get("AddSubnetIds", []))
    removed = set(request.get("RemoveSecurityGroupIds", []))
    groups = [group_id for group_id in endpoint["_group_ids"] if group_id not in removed]
    groups += [group_id for group_id in request.get("AddSecurityGroupIds", []) if group_id not in groups]
    if interface and not groups:
        raise AWSError("InvalidParameter", "At least one security group is required.")
    _set_groups(endpoint, groups)
    if request.get("ResetPolicy"):
        endpoint["PolicyDocument"] = _OPEN_POLICY
    elif "PolicyDocument" in request:
        endpoint["PolicyDocument"] = _policy(request["PolicyDocument"])
    if "PrivateDnsEnabled" in request:
        if not interface:
            raise AWSError("InvalidParameter", "Private DNS can only be set for Interface type VPC Endpoint.")
        if request["PrivateDnsEnabled"]:
            _check_private_dns(endpoint, vpc_of(endpoint["VpcId"]))
        endpoint["PrivateDnsEnabled"] = request["PrivateDnsEnabled"]
    if interface:
        endpoint["State"] = "pending"
        timing.start(endpoint)
    return {"Return": True}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    refused = []
    present = {endpoint["VpcEndpointId"]: endpoint for endpoint in live_endpoints()}
    for endpoint_id in request["VpcEndpointIds"]:
        endpoint = present.get(endpoint_id)
        if endpoint is None:
            message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
            error = {"Code": "InvalidVpcEndpoint.NotFound", "Message": message}
            refused.append({"ResourceId": endpoint_id, "Error": error})
            continue
        _drop_route_tables(endpoint, list(endpoint["RouteTableIds"]))
        endpoint["State"] = "deleting"
        timing.start(endpoint)
    return {"Unsuccessful": refused}


def _check_private_dns(endpoint: dict[str, Any], vpc: dict[str, Any]) -> None:
    if not (vpc.get("EnableDnsSupport", True) and vpc.get("EnableDnsHostnames", False)):
        raise AWSError(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
            f"{vpc['VpcId']}",
        )
    for other in live_endpoints():
        if (
            other is not endpoint
            and other["PrivateDnsEnabled"]
            and (other["VpcId"], other["ServiceName"]) == (endpoint["VpcId"], endpoint["ServiceName"])
        ):
            raise AWSError(
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
                f"{endpoint['ServiceName']} in the VPC {vpc['VpcId']}",
            )


def _add_subnets(endpoint: dict[str, Any], subnet_ids: list[str]) -> None:
    for subnet_id in subnet_ids:
        subnet = subnet_of(subnet_id)
        if subnet_id in endpoint["SubnetIds"]:
            continue
        if subnet["AvailabilityZone"] in {subnet_of(other)["AvailabilityZone"] for other in endpoint["SubnetIds"]}:
            raise AWSError(
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of {subnet_id}. VPC endpoint subnets "
                "should be in different availability zones supported by the VPC endpoint service.",
            )
        endpoint["SubnetIds"].append(subnet_id)
    interfaces = endpoint["NetworkInterfaceIds"][: len(endpoint["SubnetIds"])]
    endpoint["NetworkInterfaceIds"] = interfaces + [
        new_id("eni") for _index in range(len(endpoint["SubnetIds"]) - len(interfaces))
    ]


def _set_groups(endpoint: dict[str, Any], group_ids: list[str]) -> None:
    for group_id in group_ids:
        security_group_of(group_id)
    endpoint["_group_ids"] = list(dict.fromkeys(group_ids))


def _add_route_tables(endpoint: dict[str, Any], route_table_ids: list[str]) -> None:
    prefix_list = ec2._aws_pl_id_from_name(endpoint["ServiceName"])
    for route_table_id in route_table_ids:
        table = ec2._route_tables.get(route_table_id)
        if table is None:
            raise AWSError("InvalidRouteTableId.NotFound", f"The routeTable ID '{route_table_id}' does not exist")
        if route_table_id in endpoint["RouteTableIds"]:
            continue
        if any(route.get("DestinationPrefixListId") == prefix_list for route in table["Routes"]):
            raise AWSError(
                "RouteAlreadyExists",
                f"route table {route_table_id} already has a route with destination-prefix-list-id {prefix_list}",
            )
        table["Routes"].append(
            {
                "DestinationPrefixListId": prefix_list,
                "GatewayId": endpoint["VpcEndpointId"],
                "State": "active",
                "Origin": "CreateRoute",
            }
        )
        endpoint["RouteTableIds"].append(route_table_id)


def _drop_route_tables(endpoint: dict[str, Any], route_table_ids: list[str]) -> None:
    for route_table_id in route_table_ids:
        table = ec2._route_tables.get(route_table_id)
        if table is not None:
            table["Routes"] = [
                route for route in table["Routes"] if route.get("GatewayId") != endpoint["VpcEndpointId"]
            ]
    endpoint["RouteTableIds"] = [one for one in endpoint["RouteTableIds"] if one not in route_table_ids]


def _policy(document: str) -> str:
    try:
        json.loads(document)
    except ValueError:
        raise AWSError("InvalidPolicyDocument", "Policy document is not valid JSON.") from None
    return document


def _services() -> list[dict[str, Any]]:
    region = get_region()
    zones = [f"{region}{letter}" for letter in "abcdef"]
    return [
        {
            "ServiceName": f"com.amazonaws.{region}.{short}",
            "ServiceId": f"vpce-svc-{kind.lower()}-{short.replace('.', '-')}",
            "ServiceType": [{"ServiceType": kind}],
            "_Type": kind,
            "ServiceRegion": region,
            "AvailabilityZones": zones,
            "Owner": "amazon",
            "BaseEndpointDnsNames": [f"{short}.{region}.{'vpce.' if kind == 'Interface' else ''}amazonaws.com"],
            "PrivateDnsName": f"{short}.{region}.amazonaws.com" if kind == "Interface" else None,
            "VpcEndpointPolicySupported": True,
            "AcceptanceRequired": False,
            "ManagesVpcEndpoints": False,
            "SupportedIpAddressTypes": ["ipv4"],
        }
        for kind, names in (("Gateway", _GATEWAY_SERVICES), ("Interface", _INTERFACE_SERVICES))
        for short in names
    ]


def _describe_services(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("ServiceNames")
    details = [
        service
        for service in _services()
        if (not wanted or service["ServiceName"] in wanted)
        and matches_filters(service, request.get("Filters", []), _SERVICE_FILTERS, {})
    ]
    missing = sorted(set(wanted or []) - {service["ServiceName"] for service in details})
    if missing:
        raise AWSError("InvalidServiceName", f"The Vpc Endpoint Service '{missing[0]}' does not exist")
    return {"ServiceNames": sorted({one["ServiceName"] for one in details}), "ServiceDetails": details}
