# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudWatch Logs: what ministack 1.5.33 doesn't know.

| operation | missing |
|---|---|
| AssociateKmsKey, DisassociateKmsKey | unknown |
| PutLogGroupDeletionProtection, PutBearerTokenAuthentication | unknown, and not in the answer of DescribeLogGroups |
| CreateLogGroup, DeleteLogGroup | take no deletion protection |
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch_logs

from ..wire import AWSError, Response

SWITCHES = ("bearerTokenAuthenticationEnabled", "deletionProtectionEnabled")


def install() -> None:
    cloudwatch_logs.handle_request = functools.partial(_handle, cloudwatch_logs.handle_request)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    handler = _HANDLERS.get(operation)
    try:
        if operation == "DeleteLogGroup":
            _refuse_protected(json.loads(body))
        if handler is None:
            response = await original(method, path, headers, body, query)
            return _completed(operation, json.loads(body or b"{}"), response)
        handler(json.loads(body))
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    return json_response({})


def _refuse_protected(request: dict[str, Any]) -> None:
    group = cloudwatch_logs._log_groups.get(request.get("logGroupName"), {})
    if group.get("deletionProtectionEnabled"):
        raise AWSError("ValidationException", "The log group has deletion protection enabled and can't be deleted.")


def _completed(operation: str, request: dict[str, Any], response: Response) -> Response:
    """The answer with the switches that the emulator doesn't know, or the group with those that it was made with."""
    if response[0] >= 300:
        return response
    groups = cloudwatch_logs._log_groups
    if operation == "CreateLogGroup" and request.get("deletionProtectionEnabled"):
        groups[request["logGroupName"]]["deletionProtectionEnabled"] = True
    if operation != "DescribeLogGroups":
        return response
    answer = json.loads(response[2])
    for item in answer["logGroups"]:
        switches = {name: groups[item["logGroupName"]].get(name, False) for name in SWITCHES}
        item.update(switches)
    return json_response(answer)


def _group(request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("logGroupName") or request.get("logGroupIdentifier") or request.get("resourceIdentifier", "")
    name = name.partition(":log-group:")[2] or name
    group = cloudwatch_logs._log_groups.get(name.removesuffix(":*"))
    if group is None:
        raise AWSError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _associate(request: dict[str, Any]) -> None:
    if not request["kmsKeyId"].startswith("arn:"):
        raise AWSError("InvalidParameterException", "The specified KMS Key Id must be the ARN of a key.")
    _group(request)["kmsKeyId"] = request["kmsKeyId"]


def _disassociate(request: dict[str, Any]) -> None:
    _group(request)["kmsKeyId"] = None


def _switch(request: dict[str, Any]) -> None:
    _group(request).update({name: request[name] for name in SWITCHES if name in request})


_HANDLERS = {
    "AssociateKmsKey": _associate,
    "DisassociateKmsKey": _disassociate,
    "PutBearerTokenAuthentication": _switch,
    "PutLogGroupDeletionProtection": _switch,
}
