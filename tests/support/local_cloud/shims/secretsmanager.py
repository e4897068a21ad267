# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets Manager: CreateSecret, which ministack 1.5.33 answers otherwise than AWS.

It ignores the client token, by which AWS knows a repeated call and which is the ID of the first version. It refuses a
name whose deletion is scheduled as one that exists. Without a value it makes a version without one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import secretsmanager

from ..wire import Response

VALUES = ("SecretString", "SecretBinary")


def install() -> None:
    secretsmanager._create_secret = functools.partial(_create, secretsmanager._create_secret)


def _create(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    token = request.get("ClientRequestToken")
    secret = secretsmanager._secrets.get(request.get("Name"))
    if secret is not None and secret["DeletedDate"]:
        return error_response_json(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
            400,
        )
    version = secret["Versions"].get(token) if secret else None
    if version and all(version[name] == request.get(name) for name in VALUES):
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})
    response = original(request)
    if response[0] >= 300:
        return response
    answer = json.loads(response[2])
    versions = secretsmanager._secrets[request["Name"]]["Versions"]
    version_id = answer.pop("VersionId")
    first = versions.pop(version_id)
    if any(request.get(name) is not None for name in VALUES):
        answer["VersionId"] = token or version_id
        versions[answer["VersionId"]] = first
    return json_response(answer)
