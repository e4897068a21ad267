# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NAT gateways with their addresses, and the Elastic IPs that they hold.

ministack always gives an empty list of NAT gateway addresses, lets two gateways share an Elastic IP, releases one that
is in use, and describes all Elastic IPs whatever the filters say. As on AWS, a gateway is pending at first, and failed
afterwards where another one has its address; it is deleting for a moment, and its address is mapped until then.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2

from ...wire import AWSError, now
from .. import timing
from ..patching import QueryShims
from .records import new_id, select, store_tags, subnet_of, tag_list

_FILTERS = {
    "nat-gateway-id": "NatGatewayId",
    "state": "State",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
    "connectivity-type": "ConnectivityType",
}
_ADDRESS_FILTERS = {
    "allocation-id": "AllocationId",
    "association-id": "AssociationId",
    "domain": "Domain",
    "instance-id": "InstanceId",
    "network-interface-id": "NetworkInterfaceId",
    "private-ip-address": "PrivateIpAddress",
    "public-ip": "PublicIp",
}


def install(shims: QueryShims) -> None:
    shims.replace("CreateNatGateway", _create)
    shims.replace("DescribeNatGateways", _describe)
    shims.replace("DeleteNatGateway", _delete)
    shims.replace("DescribeAddresses", _describe_addresses)
    shims.guard("ReleaseAddress", _refuse_release_in_use)


def live_gateways() -> list[dict[str, Any]]:
    _settle()
    return [gateway for gateway in ec2._nat_gateways.values() if gateway["State"] not in ("deleted", "failed")]


def _settle() -> None:
    """Make the transitions that have come to their end."""
    for gateway in ec2._nat_gateways.values():
        if timing.is_due(gateway):
            timing.finish(gateway)
            if gateway["State"] == "pending":
                gateway["State"] = "failed" if gateway.get("FailureCode") else "available"
            else:
                gateway.update(State="deleted", DeleteTime=now())
                _let_go(gateway)


def _let_go(gateway: dict[str, Any]) -> None:
    for address in gateway["NatGatewayAddresses"]:
        elastic_ip = ec2._addresses.get(address.get("AllocationId"))
        if elastic_ip is not None and elastic_ip["AssociationId"] == address.get("AssociationId"):
            elastic_ip.update(AssociationId=None, NetworkInterfaceId=None, PrivateIpAddress=None)


def _create(request: dict[str, Any]) -> dict[str, Any]:
    _settle()
    subnet = subnet_of(request["SubnetId"])
    failure: dict[str, str] = {}
    kind = request.get("ConnectivityType", "public")
    allocation_id = request.get("AllocationId")
    address: dict[str, Any] = {
        "NetworkInterfaceId": new_id("eni"),
        "PrivateIp": _free_address(subnet),
        "IsPrimary": True,
        "Status": "succeeded",
    }
    if kind == "public":
        if not allocation_id:
            raise AWSError("MissingParameter", "The request must include the AllocationId parameter.")
        elastic_ip = ec2._addresses.get(allocation_id)
        if elastic_ip is None:
            raise AWSError(
                "InvalidElasticIpID.NotFound",
                f"The elastic-ip ID '{allocation_id}' does not exist",
            )
        address["AllocationId"] = allocation_id
        if elastic_ip.get("AssociationId"):
            failure = {
                "FailureCode": "Resource.AlreadyAssociated",
                "FailureMessage": f"Elastic IP address [{allocation_id}] is already associated",
            }
        else:
            elastic_ip.update(
                AssociationId=new_id("eipassoc"),
                NetworkInterfaceId=address["NetworkInterfaceId"],
                PrivateIpAddress=address["PrivateIp"],
            )
            address.update(PublicIp=elastic_ip["PublicIp"], AssociationId=elastic_ip["AssociationId"])
    gateway = {
        "NatGatewayId": new_id("nat"),
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "ConnectivityType": kind,
        "State": "pending",
        "CreateTime": now(),
        "NatGatewayAddresses": [address],
        **failure,
    }
    timing.start(gateway)
    ec2._nat_gateways[gateway["NatGatewayId"]] = gateway
    store_tags(request, "natgateway", gateway["NatGatewayId"])
    shown = {**gateway, "Tags": tag_list(gateway["NatGatewayId"])}
    return {"NatGateway": shown, "ClientToken": request.get("ClientToken")}


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    _settle()
    found = select(
        ec2._nat_gateways.values(),
        "NatGatewayId",
        request.get("NatGatewayIds"),
        request.get("Filter"),
        _FILTERS,
        "NatGatewayNotFound",
    )
    return {"NatGateways": found}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    _settle()
    gateway = ec2._nat_gateways.get(request["NatGatewayId"])
    if gateway is None:
        raise AWSError("NatGatewayNotFound", f"NatGateway {request['NatGatewayId']} was not found", 404)
    if gateway["State"] not in ("deleting", "deleted"):
        gateway["State"] = "deleting"
        timing.start(gateway)
    return {"NatGatewayId": gateway["NatGatewayId"]}


def _free_address(subnet: dict[str, Any]) -> str:
    # AWS keeps the first four addresses of a subnet for itself.
    network = ipaddress.ip_network(subnet["CidrBlock"])
    taken = {
        address["PrivateIp"]
        for gateway in live_gateways()
        for address in gateway["NatGatewayAddresses"]
        if gateway["SubnetId"] == subnet["SubnetId"]
    }
    return next(
        str(network[index]) for index in range(4, network.num_addresses - 1) if str(network[index]) not in taken
    )


def _describe_addresses(request: dict[str, Any]) -> dict[str, Any]:
    _settle()
    wanted = list(request.get("AllocationIds", []))
    by_ip = {address["PublicIp"]: address["AllocationId"] for address in ec2._addresses.values()}
    for public_ip in request.get("PublicIps", []):
        if public_ip not in by_ip:
            raise AWSError("InvalidAddress.NotFound", f"Address '{public_ip}' not found.")
        wanted.append(by_ip[public_ip])
    found = select(
        ec2._addresses.values(),
        "AllocationId",
        wanted,
        request.get("Filters"),
        _ADDRESS_FILTERS,
        "InvalidAllocationID.NotFound",
    )
    return {"Addresses": [{"NetworkBorderGroup": get_region(), "PublicIpv4Pool": "amazon", **one} for one in found]}


def _refuse_release_in_use(request: dict[str, Any]) -> None:
    _settle()
    address = ec2._addresses.get(request.get("AllocationId"))
    if address is not None and address.get("AssociationId"):
        raise AWSError("InvalidIPAddress.InUse", f"The address {address['PublicIp']} is in use.")
