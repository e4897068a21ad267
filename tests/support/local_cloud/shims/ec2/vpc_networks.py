# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Further IPv4 networks of a VPC.

ministack knows no AssociateVpcCidrBlock, and describes a VPC with its first network alone.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ministack.services import ec2

from ...wire import AWSError
from ..patching import QueryShims
from .records import new_id, vpc_of

_FURTHER = "_FurtherNetworks"
_END = "</cidrBlockAssociationSet>"


def install(shims: QueryShims) -> None:
    shims.replace("AssociateVpcCidrBlock", _associate)
    original = ec2._vpc_fields_xml

    def described(vpc: dict[str, Any], tag: str = "item") -> str:
        items = "".join(
            f"<item><cidrBlock>{cidr}</cidrBlock><associationId>{association}</associationId>"
            "<cidrBlockState><state>associated</state></cidrBlockState></item>"
            for association, cidr in vpc.get(_FURTHER, {}).items()
        )
        return original(vpc, tag=tag).replace(_END, items + _END, 1)

    ec2._vpc_fields_xml = described


def networks_of(vpc: dict[str, Any]) -> list[ipaddress.IPv4Network]:
    """All networks of the VPC."""
    return [ipaddress.IPv4Network(cidr) for cidr in (vpc["CidrBlock"], *vpc.get(_FURTHER, {}).values())]


def _associate(request: dict[str, Any]) -> dict[str, Any]:
    vpc, cidr = vpc_of(request["VpcId"]), request["CidrBlock"]
    if any(ipaddress.IPv4Network(cidr).overlaps(network) for network in networks_of(vpc)):
        raise AWSError("InvalidVpc.Range", f"The CIDR '{cidr}' conflicts with another CIDR of the VPC")
    association = new_id("vpc-cidr-assoc")
    vpc.setdefault(_FURTHER, {})[association] = cidr
    state = {"CidrBlock": cidr, "AssociationId": association, "CidrBlockState": {"State": "associated"}}
    return {"VpcId": vpc["VpcId"], "CidrBlockAssociation": state}
