# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Network interfaces by themselves: filters, tags, and what they keep from being deleted.

ministack drops the tags that CreateNetworkInterface carries, describes all interfaces whatever the filters say, and
deletes one that is in use.
"""

from __future__ import annotations

from typing import Any

from ministack.services import ec2

from ...wire import AWSError, Response, matches_filters
from ..patching import QueryShims
from .records import store_tags, tag_dict, tag_list

_FILTERS = {
    "description": "Description",
    "network-interface-id": "NetworkInterfaceId",
    "status": "Status",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


def install(shims: QueryShims) -> None:
    shims.after("CreateNetworkInterface", _keep_tags)
    shims.replace("DescribeNetworkInterfaces", _describe)
    shims.guard("DeleteNetworkInterface", _refuse_in_use)


def _keep_tags(request: dict[str, Any], _response: Response) -> None:
    store_tags(request, "network-interface", list(ec2._network_interfaces)[-1])


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    filters = request.get("Filters", [])
    of_groups = [item["Values"] for item in filters if item["Name"] == "group-id"]
    others = [item for item in filters if item["Name"] != "group-id"]
    wanted = request.get("NetworkInterfaceIds")
    return {
        "NetworkInterfaces": [
            {**interface, "TagSet": tag_list(identifier)}
            for identifier, interface in ec2._network_interfaces.items()
            if (not wanted or identifier in wanted)
            and all({group["GroupId"] for group in interface["Groups"]} & set(values) for values in of_groups)
            and matches_filters(interface, others, _FILTERS, tag_dict(identifier))
        ]
    }


def _refuse_in_use(request: dict[str, Any]) -> None:
    interface = ec2._network_interfaces.get(request["NetworkInterfaceId"])
    if interface is not None and interface["Status"] != "available":
        raise AWSError(
            "InvalidParameterValue", f"Network interface '{request['NetworkInterfaceId']}' is currently in use."
        )
