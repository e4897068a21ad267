# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deliveries of CloudWatch Logs: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | missing |
|---|---|
| PutDeliverySource | refuses another resource, a log that has a source, and CloudFront outside of us-east-1 |
| PutDeliveryDestination | the format can't be changed |
| CreateDelivery | an id without hyphens, the fields and the path that AWS puts there, the policy of the log group |
| UpdateDeliveryConfiguration | unknown |
| DeleteDeliverySource, DeleteDeliveryDestination | refused as long as there are deliveries |
| Get and Describe of all three | have no tags on AWS |
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import cloudwatch_logs as logs

from ..wire import AWSError, Response
from .patching import answering

Put = Callable[[dict[str, Any]], Response]

# What CloudFront logs where nothing is said.
FIELDS = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
]
SETTINGS = ("recordFields", "fieldDelimiter", "s3DeliveryConfiguration")


def install() -> None:
    logs.handle_request = functools.partial(_handle, logs.handle_request)
    logs._put_delivery_source = answering(functools.partial(_put_source, logs._put_delivery_source))
    logs._put_delivery_destination = answering(functools.partial(_put_destination, logs._put_delivery_destination))
    logs._create_delivery = functools.partial(_create, logs._create_delivery)
    logs._delete_delivery_source = answering(functools.partial(_delete_source, logs._delete_delivery_source))
    logs._delete_delivery_destination = answering(
        functools.partial(_delete_destination, logs._delete_delivery_destination)
    )
    for kind in ("source", "destination"):
        name = f"_format_delivery_{kind}"
        setattr(logs, name, functools.partial(_untagged, getattr(logs, name)))
    logs._format_delivery = functools.partial(_untagged, logs._format_delivery)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    if headers.get("x-amz-target", "").endswith(".UpdateDeliveryConfiguration"):
        return answering(_update)(json.loads(body))
    return await original(method, path, headers, body, query)


def _untagged(original: Callable[[dict[str, Any]], dict[str, Any]], record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in original(record).items() if name != "tags"}


def _put_source(original: Put, request: dict[str, Any]) -> Response:
    name, resource = request.get("name"), request.get("resourceArn", "")
    if resource.startswith("arn:aws:cloudfront:") and get_region() != "us-east-1":
        raise AWSError(
            "ValidationException", "Cross-region Delivery Source is not supported. Please use a different region."
        )
    there = logs._delivery_sources.get(name)
    if there and there["resourceArns"] != [resource]:
        raise AWSError(
            "ConflictException",
            "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery "
            "Source instead.",
        )
    for other in logs._delivery_sources.values():
        same = other["resourceArns"] == [resource] and other["logType"] == request.get("logType")
        if same and other["name"] != name:
            raise AWSError(
                "ConflictException", "This ResourceId has already been used in another Delivery Source in this account."
            )
    return original(request)


def _put_destination(original: Put, request: dict[str, Any]) -> Response:
    there = logs._delivery_destinations.get(request.get("name"))
    if there and request.get("outputFormat", there["outputFormat"]) != there["outputFormat"]:
        raise AWSError("ConflictException", "The output format of a Delivery Destination cannot be updated.")
    return original(request)


def _create(original: Put, request: dict[str, Any]) -> Response:
    response = original(request)
    if response[0] >= 300:
        return response
    delivery = logs._deliveries.pop(json.loads(response[2])["delivery"]["id"])
    delivery["id"] = uuid.uuid4().hex[:16]
    delivery["arn"] = logs._make_delivery_arn(delivery["id"])
    logs._deliveries[delivery["id"]] = delivery
    source = logs._delivery_sources[delivery["deliverySourceName"]]
    if source["service"] == "cloudfront" and not delivery["recordFields"]:
        delivery["recordFields"] = FIELDS
    destination = logs._delivery_destinations[delivery["deliveryDestinationArn"].rpartition(":")[2]]
    arn = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
    if delivery["deliveryDestinationType"] == "S3" and "/" not in arn:
        service = {"cloudfront": "CloudFront"}.get(source["service"], source["service"])
        path = delivery["s3DeliveryConfiguration"].get("suffixPath", "").lstrip("/")
        delivery["s3DeliveryConfiguration"]["suffixPath"] = f"AWSLogs/{{account-id}}/{service}/{path}"
    if delivery["deliveryDestinationType"] == "CWL":
        let_write(arn)
    return json_response({"delivery": logs._format_delivery(delivery)})


def let_write(arn: str) -> None:
    """Give a log group that has no policy the one that AWS gives it, so that logs can be delivered."""
    arn = arn.removesuffix(":*")
    group = logs._resolve_group_by_arn(arn)
    if group is None or logs._log_group_policies.get(group):
        return
    statement = {
        "Sid": "AWSLogDeliveryWrite20150319",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [f"{arn}:log-stream:*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": [get_account_id()]},
            "ArnLike": {"aws:SourceArn": [f"arn:aws:logs:{get_region()}:{get_account_id()}:*"]},
        },
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    logs._put_resource_policy({"resourceArn": arn, "policyDocument": json.dumps(document)})


def _update(request: dict[str, Any]) -> Response:
    delivery = logs._deliveries.get(request.get("id"))
    if delivery is None:
        return error_response_json("ResourceNotFoundException", f"Delivery does not exist: {request.get('id')}")
    delivery.update({name: request[name] for name in SETTINGS if name in request})
    return json_response({})


def _delete_source(original: Put, request: dict[str, Any]) -> Response:
    if any(delivery["deliverySourceName"] == request.get("name") for delivery in logs._deliveries.values()):
        raise AWSError("ConflictException", "Delivery Source has Deliveries associated with it. Delete them first.")
    return original(request)


def _delete_destination(original: Put, request: dict[str, Any]) -> Response:
    arn = logs._make_delivery_destination_arn(request.get("name"))
    if any(delivery["deliveryDestinationArn"] == arn for delivery in logs._deliveries.values()):
        raise AWSError(
            "ConflictException", "Delivery Destination has Deliveries associated with it. Delete them first."
        )
    return original(request)
