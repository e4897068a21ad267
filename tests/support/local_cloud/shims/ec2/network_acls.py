# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of network ACLs.

ministack drops the ports of a rule, keeps two rules of the same number, and none that denies the rest; it replaces and
deletes rules that aren't there, knows no limit of them, and deletes an ACL that subnets use. Which ACL a subnet has is
in attributes.py.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ec2

from ...wire import AWSError
from ..patching import QueryShims
from .records import dependency_violation, new_id, select, store_tags, vpc_of

_LAST = 32767
# With the last one, in each direction.
_MOST_RULES = 20
_FILTERS = {"default": "IsDefault", "network-acl-id": "NetworkAclId", "vpc-id": "VpcId"}
_MEMBERS = ("RuleNumber", "Protocol", "RuleAction", "Egress", "CidrBlock", "Ipv6CidrBlock", "PortRange", "IcmpTypeCode")


def install(shims: QueryShims) -> None:
    shims.replace("CreateNetworkAcl", _create)
    shims.replace("DescribeNetworkAcls", _describe)
    shims.replace("CreateNetworkAclEntry", _create_entry)
    shims.replace("ReplaceNetworkAclEntry", _replace_entry)
    shims.replace("DeleteNetworkAclEntry", _delete_entry)
    shims.guard("DeleteNetworkAcl", _refuse_acl_in_use)


def _acl_of(acl_id: str) -> dict[str, Any]:
    acl = ec2._network_acls.get(acl_id)
    if acl is None:
        raise AWSError("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{acl_id}' does not exist")
    return acl


def _create(request: dict[str, Any]) -> dict[str, Any]:
    acl: dict[str, Any] = {
        "NetworkAclId": new_id("acl"),
        "VpcId": vpc_of(request["VpcId"])["VpcId"],
        "IsDefault": False,
        "Entries": [
            {
                "RuleNumber": _LAST,
                "Protocol": "-1",
                "RuleAction": "deny",
                "Egress": egress,
                "CidrBlock": "0.0.0.0/0",
            }
            for egress in (True, False)
        ],
        "Associations": [],
        "OwnerId": get_account_id(),
    }
    ec2._network_acls[acl["NetworkAclId"]] = acl
    store_tags(request, "network-acl", acl["NetworkAclId"])
    return {"NetworkAcl": _shown([acl["NetworkAclId"]])[0], "ClientToken": request.get("ClientToken")}


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    return {"NetworkAcls": _shown(request.get("NetworkAclIds"), request.get("Filters"))}


def _shown(acl_ids: list[str] | None, filters: list[Any] | None = None) -> list[dict[str, Any]]:
    found = select(
        ec2._network_acls.values(), "NetworkAclId", acl_ids, filters, _FILTERS, "InvalidNetworkAclID.NotFound"
    )
    for acl in found:
        acl["Associations"] = [{**item, "NetworkAclId": acl["NetworkAclId"]} for item in acl["Associations"]]
    return found


def _place(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The ACL, and the rule of that number and direction that it has."""
    acl = _acl_of(request["NetworkAclId"])
    if not 1 <= request["RuleNumber"] < _LAST:
        raise AWSError("InvalidParameterValue", f"Value ({request['RuleNumber']}) for parameter ruleNumber is invalid.")
    rule = (request["RuleNumber"], request["Egress"])
    return acl, next((item for item in acl["Entries"] if (item["RuleNumber"], item["Egress"]) == rule), None)


def _entry(request: dict[str, Any]) -> dict[str, Any]:
    if request["Protocol"] in ("6", "17") and not request.get("PortRange"):
        raise AWSError("InvalidParameterValue", "The parameter PortRange must be specified for the protocol.")
    return {member: request[member] for member in _MEMBERS if member in request}


def _create_entry(request: dict[str, Any]) -> dict[str, Any]:
    acl, present = _place(request)
    if present is not None:
        raise AWSError(
            "NetworkAclEntryAlreadyExists",
            f"The network acl entry identified by {request['RuleNumber']} already exists.",
        )
    if sum(item["Egress"] == request["Egress"] for item in acl["Entries"]) >= _MOST_RULES:
        raise AWSError("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
    acl["Entries"].append(_entry(request))
    return {}


def _replace_entry(request: dict[str, Any]) -> dict[str, Any]:
    acl, present = _place(request)
    if present is None:
        raise _no_entry(request)
    acl["Entries"][acl["Entries"].index(present)] = _entry(request)
    return {}


def _delete_entry(request: dict[str, Any]) -> dict[str, Any]:
    acl, present = _place(request)
    if present is None:
        raise _no_entry(request)
    acl["Entries"].remove(present)
    return {}


def _no_entry(request: dict[str, Any]) -> AWSError:
    return AWSError(
        "InvalidNetworkAclEntry.NotFound",
        f"The network acl entry identified by {request['RuleNumber']} does not exist.",
    )


def _refuse_acl_in_use(request: dict[str, Any]) -> None:
    acl = _acl_of(request["NetworkAclId"])
    if acl["IsDefault"]:
        raise AWSError("InvalidParameterValue", f"cannot delete default network ACL {acl['NetworkAclId']}")
    if acl["Associations"]:
        raise dependency_violation("networkAcl", acl["NetworkAclId"])
