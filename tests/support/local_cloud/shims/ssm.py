# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parameter Store: where ministack 1.5.33 answers otherwise than AWS.

| operation | different |
|---|---|
| DescribeParameters | filters for tags let everything through |
| PutParameter | changes a type, makes an advanced parameter a standard one, and stores Intelligent-Tiering as a tier |
| PutParameter | takes empty values, those too long for their tier or unlike the pattern, and any number of levels |
| ListTagsForResource, AddTagsToResource, RemoveTagsFromResource | know parameters that don't exist |
| GetParametersByPath, GetParameters, DeleteParameters | where policies are enforced they are asked for "*" |
| GetParameter, GetParameters, GetParametersByPath | decrypt for everybody: no policy is asked for kms:Decrypt |
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import ministack.app
from ministack.core import iam_actions
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import ssm

from ..wire import AWSError, Response

LONGEST = {"Standard": 4096, "Advanced": 8192}
MOST_LEVELS = 15
TAGGING = ("AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource")


def install() -> None:
    ssm.handle_request = functools.partial(_handle, ssm.handle_request)
    ssm._apply_filter = functools.partial(_apply_filter, ssm._apply_filter)
    iam_actions.extract_resource_arn = functools.partial(_resource_arn, iam_actions.extract_resource_arn)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation, request = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
    for name in _names(request)[1:]:
        # The first one was asked for before.
        if denied := _denied(f"ssm:{operation}", ssm._param_arn(name), headers, query):
            return denied
    try:
        if operation == "PutParameter":
            request = _checked(request)
        elif operation in TAGGING and request.get("ResourceType") == "Parameter":
            _there(request["ResourceId"])
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    response = await original(method, path, headers, json.dumps(request).encode(), query)
    if response[0] < 300 and request.get("WithDecryption"):
        for arn, key in _encrypted(json.loads(response[2])):
            context = {
                "kms:ViaService": f"ssm.{get_region()}.amazonaws.com",
                "kms:EncryptionContext:PARAMETER_ARN": arn,
            }
            if denied := _denied("kms:Decrypt", key, headers, query, context):
                return denied
    return response


def _denied(
    action: str,
    resource: str,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    context: dict[str, Any] | None = None,
) -> Response | None:
    """The answer where the caller's policies don't allow it; None where they do, or nobody asks."""
    service = action.partition(":")[0]
    denied: Response | None = ministack.app._enforce_data_plane(
        service, action, dict(headers), dict(query), "", resource_arn=resource, service_context=context
    )
    return denied and error_response_json("AccessDeniedException", f"not authorized to perform: {action}", 400)


def _names(request: Mapping[str, Any]) -> list[str]:
    return request["Names"] if isinstance(request.get("Names"), list) else []


def _resource_arn(original: Callable[..., str], service: str, *request: Any) -> str:
    if service == "ssm":
        *_before, headers, body, _query, _region, _account = request
        asked = json.loads(body or b"{}")
        name = asked.get("Path") or next(iter(_names(asked)), None)
        if name and headers.get("x-amz-target", "").startswith("AmazonSSM."):
            return str(ssm._param_arn(name))
    return original(service, *request)


def _encrypted(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parameters in an answer that a key of the account's encrypts, each with the key."""
    for found in [*answer.get("Parameters", []), answer.get("Parameter", {})]:
        if found.get("Type") == "SecureString":
            key = ssm._parameters[found["Name"]]["KeyId"]
            if not key.startswith("alias/aws/"):
                arn = key if key.startswith("arn:") else f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{key}"
                yield found["ARN"], arn


def _apply_filter(
    original: Callable[..., bool], parameter: Mapping[str, Any], key: str, option: str, values: list[str]
) -> bool:
    if key.startswith("tag:"):
        return ssm._tags.get(parameter["ARN"], {}).get(key.removeprefix("tag:")) in values
    return original(parameter, key, option, values)


def _there(name: str) -> None:
    if ssm._parameters.get(name) is None:
        raise AWSError("InvalidResourceId", "The resource ID isn't valid.")


def _checked(request: dict[str, Any]) -> dict[str, Any]:
    """The request with the tier that AWS takes, unless it refuses it."""
    name, value = str(request.get("Name", "")), str(request.get("Value", ""))
    there = ssm._parameters.get(name) or {}
    if name.count("/") > MOST_LEVELS:
        text = f"A hierarchy can have a maximum of {MOST_LEVELS} levels."
        raise AWSError("HierarchyLevelLimitExceededException", text)
    if not value:
        raise AWSError("ValidationException", "Value at 'value' failed to satisfy constraint: length >= 1")
    if there and request.get("Overwrite") and request.get("Type", there["Type"]) != there["Type"]:
        text = f"Parameter type can't be changed from {there['Type']} to {request['Type']}."
        raise AWSError("HierarchyTypeMismatchException", text)
    tier = request.get("Tier") or there.get("Tier") or "Standard"
    if tier == "Intelligent-Tiering":
        advanced = there.get("Tier") == "Advanced" or len(value.encode()) > LONGEST["Standard"]
        tier = "Advanced" if advanced else "Standard"
    if tier == "Standard" and there.get("Tier") == "Advanced":
        text = (
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
            "advanced-parameter tier to the standard-parameter tier."
        )
        raise AWSError("ValidationException", text)
    if len(value.encode()) > LONGEST[tier]:
        text = f"{tier} tier parameters support a maximum parameter value of {LONGEST[tier]} characters."
        raise AWSError("ValidationException", text)
    pattern = request.get("AllowedPattern")
    if pattern and not re.search(pattern, value):
        text = f"Parameter value, cannot be validated against allowedPattern: {pattern}"
        raise AWSError("ParameterPatternMismatchException", text)
    return {**request, "Tier": tier}
