# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudWatch Logs: AssociateKmsKey and DisassociateKmsKey, which ministack 1.5.33 doesn't know."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch_logs

from ..wire import AWSError, Response


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
    handler = _HANDLERS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if handler is None:
        return await original(method, path, headers, body, query)
    try:
        handler(json.loads(body))
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    return json_response({})


def _group(request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("logGroupName") or request.get("resourceIdentifier", "").partition(":log-group:")[2]
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


_HANDLERS = {"AssociateKmsKey": _associate, "DisassociateKmsKey": _disassociate}
