# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes of VPCs and subnets, and the network ACL that each subnet has.

ministack keeps two attributes of a VPC of three, and not EnableDns64 of a subnet; it takes several in one call, which
AWS refuses, and knows no ModifyVpcTenancy. It gives a subnet no network ACL, and forgets the subnet when the ACL is
replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import ec2

from ...wire import AWSError, Response
from ..patching import QueryShims
from .records import new_id, subnet_of, vpc_of

_VPC_DEFAULTS = {
    "EnableDnsSupport": True,
    "EnableDnsHostnames": False,
    "EnableNetworkAddressUsageMetrics": False,
}
_SUBNET_SWITCHES = ("EnableDns64", "MapPublicIpOnLaunch")
_NAME_OPTIONS = {
    "EnableResourceNameDnsARecordOnLaunch": "EnableResourceNameDnsARecord",
    "EnableResourceNameDnsAAAARecordOnLaunch": "EnableResourceNameDnsAAAARecord",
}


def install(shims: QueryShims) -> None:
    shims.replace("ModifyVpcAttribute", _modify_vpc)
    shims.replace("DescribeVpcAttribute", _describe_vpc)
    shims.replace("ModifyVpcTenancy", _modify_tenancy)
    shims.replace("ModifySubnetAttribute", _modify_subnet)
    shims.after("CreateSubnet", _associate_default_acl)
    shims.after("DeleteSubnet", _forget_subnet)
    shims.replace("ReplaceNetworkAclAssociation", _replace_acl)


def _only_one(changes: Mapping[str, Any]) -> None:
    if len(changes) != 1:
        raise AWSError(
            "InvalidParameterCombination", f"Only one attribute can be modified at a time: {sorted(changes)}"
        )


def _modify_vpc(request: dict[str, Any]) -> dict[str, Any]:
    vpc = vpc_of(request.pop("VpcId"))
    _only_one(request)
    ((member, value),) = request.items()
    if member == "EnableDnsHostnames" and value["Value"] and not vpc.get("EnableDnsSupport", True):
        raise AWSError(
            "InvalidParameterValue", "Attribute enableDnsSupport must be enabled in order to enable DNS names"
        )
    vpc[member] = value["Value"]
    return {}


def _describe_vpc(request: dict[str, Any]) -> dict[str, Any]:
    vpc, attribute = vpc_of(request["VpcId"]), request["Attribute"]
    member = attribute[0].upper() + attribute[1:]
    return {"VpcId": vpc["VpcId"], member: {"Value": vpc.get(member, _VPC_DEFAULTS[member])}}


def _modify_tenancy(request: dict[str, Any]) -> dict[str, Any]:
    vpc_of(request["VpcId"])["InstanceTenancy"] = request["InstanceTenancy"]
    return {"ReturnValue": True}


def _modify_subnet(request: dict[str, Any]) -> dict[str, Any]:
    subnet = subnet_of(request.pop("SubnetId"))
    _only_one(request)
    ((member, value),) = request.items()
    if member == "AssignIpv6AddressOnCreation":
        if value["Value"]:
            raise AWSError("InvalidParameterValue", f"{subnet['SubnetId']} does not have an IPv6 CIDR block.")
        return {}
    if member in _SUBNET_SWITCHES:
        subnet[member] = value["Value"]
        return {}
    options = dict(ec2._subnet_dns_name_options(subnet))
    if member in _NAME_OPTIONS:
        options[_NAME_OPTIONS[member]] = value["Value"]
    else:
        options["HostnameType"] = value
    subnet["PrivateDnsNameOptionsOnLaunch"] = options
    return {}


def _acl(vpc_id: str) -> dict[str, Any] | None:
    return next((acl for acl in ec2._network_acls.values() if acl["VpcId"] == vpc_id and acl["IsDefault"]), None)


def _associate_default_acl(_request: dict[str, Any], _response: Response) -> None:
    held = {item["SubnetId"] for acl in ec2._network_acls.values() for item in acl["Associations"]}
    for subnet in ec2._subnets.values():
        acl = _acl(subnet["VpcId"])
        if acl is not None and subnet["SubnetId"] not in held:
            _give(acl, subnet["SubnetId"])


def _give(acl: dict[str, Any], subnet_id: str) -> str:
    association = {"NetworkAclAssociationId": new_id("aclassoc"), "SubnetId": subnet_id}
    acl["Associations"].append(association)
    return association["NetworkAclAssociationId"]


def _forget_subnet(request: dict[str, Any], _response: Response) -> None:
    _take_from_acls(lambda item: item["SubnetId"] == request["SubnetId"])


def _take_from_acls(chosen: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    taken = []
    for acl in ec2._network_acls.values():
        taken += [item for item in acl["Associations"] if chosen(item)]
        acl["Associations"] = [item for item in acl["Associations"] if not chosen(item)]
    return taken


def _replace_acl(request: dict[str, Any]) -> dict[str, Any]:
    acl = ec2._network_acls.get(request["NetworkAclId"])
    if acl is None:
        raise AWSError("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{request['NetworkAclId']}' does not exist")
    taken = _take_from_acls(lambda item: item["NetworkAclAssociationId"] == request["AssociationId"])
    if not taken:
        message = f"The association ID '{request['AssociationId']}' does not exist"
        raise AWSError("InvalidAssociationID.NotFound", message)
    return {"NewAssociationId": _give(acl, taken[0]["SubnetId"])}
