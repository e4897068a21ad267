# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ECR: what ministack 1.5.33 doesn't know.

| operation | missing |
|---|---|
| CreateRepository, PutImageTagMutability, DescribeRepositories | tags that are excluded from immutability |
| PutLifecyclePolicy | refuses no policy: two rules of one priority, a rule for any image that isn't the last |
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecr

from ..wire import AWSError, Response

FILTERS = "imageTagMutabilityExclusionFilters"
MOST_WILDCARDS = 2


def install() -> None:
    ecr.handle_request = functools.partial(_handle, ecr.handle_request)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation, request = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
    try:
        if operation in ("CreateRepository", "PutImageTagMutability"):
            _check_filters(request)
        if operation == "PutLifecyclePolicy":
            _check_rules(json.loads(request["lifecyclePolicyText"]).get("rules", []))
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    response = await original(method, path, headers, body, query)
    return _completed(operation, request, response) if response[0] < 300 else response


def _invalid(text: str) -> AWSError:
    message = f"Invalid parameter at '{FILTERS}' failed to satisfy constraint: '{text}'"
    return AWSError("InvalidParameterException", message)


def _check_filters(request: dict[str, Any]) -> None:
    filters = request.get(FILTERS) or []
    excluding = request.get("imageTagMutability", "").endswith("_WITH_EXCLUSION")
    if excluding != bool(filters):
        raise _invalid("exclusion filters go with an image tag mutability with exclusion, and with no other")
    if any(item["filter"].count("*") > MOST_WILDCARDS for item in filters):
        raise _invalid(f"a filter has up to {MOST_WILDCARDS} wildcards")


def _check_rules(rules: list[dict[str, Any]]) -> None:
    priorities = [rule["rulePriority"] for rule in rules]
    if len(priorities) != len(set(priorities)):
        raise AWSError("InvalidParameterException", "Lifecycle policy validation failure: priorities must be unique")
    for rule in rules:
        if rule["selection"]["tagStatus"] == "any" and rule["rulePriority"] < max(priorities):
            text = "Lifecycle policy validation failure: a rule with tagStatus any must have the highest priority"
            raise AWSError("InvalidParameterException", text)


def _completed(operation: str, request: dict[str, Any], response: Response) -> Response:
    """The answer with the filters, or the repository with those that it was given."""
    if operation in ("CreateRepository", "PutImageTagMutability"):
        ecr._repositories[request["repositoryName"]][FILTERS] = request.get(FILTERS)
    answer = json.loads(response[2])
    for item in [*answer.get("repositories", []), answer.get("repository", answer)]:
        if isinstance(item, dict) and (filters := _filters_of(item.get("repositoryName"))):
            item[FILTERS] = filters
    return json_response(answer)


def _filters_of(name: str | None) -> list[dict[str, str]] | None:
    return ecr._repositories[name].get(FILTERS) if name in ecr._repositories else None
