# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Flow logs with every member that CreateFlowLogs takes.

ministack keeps the destination only, and gives a log group's name back as LogDestination.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from ...wire import AWSError, now
from ..patching import QueryShims
from .records import new_id, select, store_tags

# AWS: "The default format" of the FlowLog LogFormat member.
_DEFAULT_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)
_FILTERS = {
    "deliver-log-status": "DeliverLogsStatus",
    "log-destination-type": "LogDestinationType",
    "flow-log-id": "FlowLogId",
    "log-group-name": "LogGroupName",
    "resource-id": "ResourceId",
    "traffic-type": "TrafficType",
}
_STORES = {"VPC": "_vpcs", "Subnet": "_subnets", "NetworkInterface": "_network_interfaces"}


def install(shims: QueryShims) -> None:
    shims.replace("CreateFlowLogs", _create)
    shims.replace("DescribeFlowLogs", _describe)
    shims.replace("DeleteFlowLogs", _delete)


def _create(request: dict[str, Any]) -> dict[str, Any]:
    destination_type = request.get("LogDestinationType", "cloud-watch-logs")
    log_group = request.get("LogGroupName")
    destination = request.get("LogDestination")
    if destination_type == "cloud-watch-logs":
        if not request.get("DeliverLogsPermissionArn"):
            raise AWSError(
                "InvalidParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."
            )
        if destination and not log_group:
            log_group = destination.split(":log-group:", 1)[1].removesuffix(":*")
        if not log_group:
            raise AWSError("InvalidParameter", "LogGroupName can't be empty if LogDestination is not given.")
        destination = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{log_group}:*"
    interval = request.get("MaxAggregationInterval", 600)
    if interval not in (60, 600):
        raise AWSError("InvalidParameter", f"Invalid value {interval} for MaxAggregationInterval. Use 60 or 600.")

    created: list[str] = []
    refused: list[dict[str, Any]] = []
    for resource_id in request["ResourceIds"]:
        error = _refusal(request, resource_id, destination)
        if error:
            refused.append({"ResourceId": resource_id, "Error": error})
            continue
        flow_log_id = new_id("fl")
        ec2._flow_logs[flow_log_id] = {
            "FlowLogId": flow_log_id,
            "CreationTime": now(),
            "FlowLogStatus": "ACTIVE",
            "DeliverLogsStatus": "SUCCESS",
            "ResourceId": resource_id,
            "TrafficType": request.get("TrafficType", "ALL"),
            "LogDestinationType": destination_type,
            "LogDestination": destination,
            "LogGroupName": log_group,
            "DeliverLogsPermissionArn": request.get("DeliverLogsPermissionArn"),
            "LogFormat": request.get("LogFormat", _DEFAULT_FORMAT),
            "MaxAggregationInterval": interval,
            "DestinationOptions": request.get("DestinationOptions"),
        }
        store_tags(request, "vpc-flow-log", flow_log_id)
        created.append(flow_log_id)
    return {"FlowLogIds": created, "Unsuccessful": refused, "ClientToken": request.get("ClientToken")}


def _refusal(request: dict[str, Any], resource_id: str, destination: str | None) -> dict[str, str] | None:
    kind = request["ResourceType"]
    if kind in _STORES and resource_id not in getattr(ec2, _STORES[kind]):
        return {"Code": f"Invalid{kind}Id.NotFound", "Message": f"The {kind} ID '{resource_id}' does not exist"}
    for flow_log in ec2._flow_logs.values():
        if flow_log["ResourceId"] == resource_id and flow_log["LogDestination"] == destination:
            return {
                "Code": "FlowLogAlreadyExists",
                "Message": "There is an existing Flow Log with the same configuration and log destination.",
            }
    return None


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    found = select(
        ec2._flow_logs.values(),
        "FlowLogId",
        request.get("FlowLogIds"),
        request.get("Filter"),
        _FILTERS,
        "InvalidFlowLogId.NotFound",
    )
    return {"FlowLogs": found}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    refused = []
    for flow_log_id in request["FlowLogIds"]:
        if ec2._flow_logs.pop(flow_log_id, None) is None:
            message = f"These flow log ids in the input list are not found: [TotalCount: 1] {flow_log_id}"
            refused.append(
                {"ResourceId": flow_log_id, "Error": {"Code": "InvalidFlowLogId.NotFound", "Message": message}}
            )
        ec2._tags.pop(flow_log_id, None)
    return {"Unsuccessful": refused}
