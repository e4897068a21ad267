# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Session Manager: where ministack 1.5.33 answers otherwise than AWS.

| operation | different |
|---|---|
| StartSession, ResumeSession, TerminateSession, DescribeSessions | missing |
| DescribeInstanceInformation | knows only instances that have a container, and no filters |

An instance's agent answers here when the instance runs with a profile. What a session is good for, and what not:
tests/support/session_manager.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.iam_evaluator import request_caller_arn
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import ec2, ssm

from tests.support.session_manager.service import SessionManager

from ..wire import AWSError, Response
from .patching import on_reset
from .ssm import _denied

_managers: dict[tuple[str, str], SessionManager] = {}


def install() -> None:
    ssm.handle_request = functools.partial(_handle, ssm.handle_request)
    ssm._managed_instance_ids = lambda: {name for name in ec2._instances if _is_online(name)}
    ssm._describe_instance_information = _describe
    on_reset(ssm, _clear)


def _clear() -> None:
    for manager in _managers.values():
        manager.close()
    _managers.clear()


def _manager() -> SessionManager:
    return _managers.setdefault((get_account_id(), get_region()), SessionManager())


def _state(instance_id: str) -> str:
    return str((ec2._instances.get(instance_id) or {}).get("State", {}).get("Name", ""))


def _has_agent(instance_id: str) -> bool:
    return bool((ec2._instances.get(instance_id) or {}).get("IamInstanceProfile"))


def _is_online(instance_id: str) -> bool:
    return _state(instance_id) == "running" and _has_agent(instance_id)


def _describe(request: Mapping[str, Any]) -> Response:
    now = ssm._now_epoch()
    wanted = {item["Key"]: item["Values"] for item in request.get("Filters", [])}
    shown = [
        {
            "InstanceId": name,
            "PingStatus": "Online" if _is_online(name) else "ConnectionLost",
            "LastPingDateTime": now,
            "AgentVersion": "3.3.1957.0",
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": "Ubuntu",
            "PlatformVersion": "24.04",
            "ResourceType": "EC2Instance",
            "IPAddress": instance.get("PrivateIpAddress", ""),
            "ComputerName": instance.get("PrivateDnsName", ""),
        }
        for name, instance in sorted(ec2._instances.items())
        if _has_agent(name) and _state(name) in ("running", "stopping", "stopped")
    ]
    names, states = wanted.get("InstanceIds"), wanted.get("PingStatus")
    found = [
        item
        for item in shown
        if (names is None or item["InstanceId"] in names) and (states is None or item["PingStatus"] in states)
    ]
    return json_response({"InstanceInformationList": found})


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    request = json.loads(body or b"{}")
    caller = request_caller_arn(dict(headers), dict(query))
    try:
        if operation == "StartSession":
            node = f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{request['Target']}"
            document = f"arn:aws:ssm:{get_region()}::document/{request.get('DocumentName', '')}"
            for arn in (node, document):
                if denied := _denied("ssm:StartSession", arn, headers, query):
                    return denied
            if not _is_online(request["Target"]):
                raise AWSError("TargetNotConnected", f"{request['Target']} is not connected.")
            return json_response(_manager().start(request, caller))
        if operation == "ResumeSession":
            return json_response(_manager().resume(request))
        if operation == "TerminateSession":
            return json_response(_manager().terminate(request))
        if operation == "DescribeSessions":
            return json_response(_manager().describe(request))
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)
    return await original(method, path, headers, body, query)
