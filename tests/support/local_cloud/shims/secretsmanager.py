# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets Manager: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

CreateSecret ignores the client token, by which AWS knows a repeated call and which is the ID of the first version. It
refuses a name whose deletion is scheduled as one that exists. Without a value it makes a version without one.
PutSecretValue replaces the version of the token that it is given, and leaves a label on two versions.
CancelRotateSecret and RemoveRegionsFromReplication are unknown. A secret with replicas is deleted.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import secretsmanager

from ..wire import AWSError, Response

VALUES = ("SecretString", "SecretBinary")


def install() -> None:
    secretsmanager._create_secret = functools.partial(_create, secretsmanager._create_secret)
    secretsmanager._put_secret_value = functools.partial(_put, secretsmanager._put_secret_value)
    secretsmanager._delete_secret = functools.partial(_delete, secretsmanager._delete_secret)
    secretsmanager.handle_request = functools.partial(_handle, secretsmanager.handle_request)


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
    request = json.loads(body)
    try:
        secret = _secret(request)
        handler(secret, request)
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    return json_response({"ARN": secret["ARN"], "Name": secret["Name"]})


def _secret(request: dict[str, Any]) -> dict[str, Any]:
    _key, secret = secretsmanager._resolve(request["SecretId"])
    if not secret:
        raise AWSError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    return secret


def _cancel_rotation(secret: dict[str, Any], _request: dict[str, Any]) -> None:
    secret["RotationEnabled"] = False


def _remove_replicas(secret: dict[str, Any], request: dict[str, Any]) -> None:
    gone = set(request["RemoveReplicaRegions"])
    for region in gone:
        secretsmanager._secrets.pop_scoped(get_account_id(), region, secret["Name"], None)
    secret["ReplicationStatus"] = [item for item in secret["ReplicationStatus"] if item["Region"] not in gone]


_HANDLERS = {"CancelRotateSecret": _cancel_rotation, "RemoveRegionsFromReplication": _remove_replicas}


def _delete(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    _key, secret = secretsmanager._resolve(request.get("SecretId"))
    if secret and secret.get("ReplicationStatus"):
        return error_response_json(
            "InvalidRequestException",
            "You can't delete secret that still has replica regions.",
            400,
        )
    return original(request)


def _put(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    _key, secret = secretsmanager._resolve(request.get("SecretId"))
    version = secret["Versions"].get(request.get("ClientRequestToken")) if secret else None
    if version:
        if any(version[name] != request.get(name) for name in VALUES):
            text = "You can't modify an existing version, you can only create new version."
            return error_response_json("ResourceExistsException", text, 400)
        return json_response(
            {
                "ARN": secret["ARN"],
                "Name": secret["Name"],
                "VersionId": request["ClientRequestToken"],
                "VersionStages": version["Stages"],
            }
        )
    response = original(request)
    if response[0] < 300:
        made = json.loads(response[2])["VersionId"]
        for label in request.get("VersionStages", []):
            secretsmanager._remove_stage_everywhere(secret, label, except_version_id=made)
    return response


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
