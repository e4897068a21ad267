# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Application Auto Scaling, of which ministack 1.5.33 knows nothing: scalable targets and their policies.

Nothing is scaled. A target needs the table or the cluster that it is of; its policies go with it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import ministack.app
from ministack.core import router
from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import dynamodb, rds

from ..wire import AWSError, Response, now
from .patching import on_reset

TARGET = "AnyScaleFrontendService"
NAMES = ("ServiceNamespace", "ResourceId", "ScalableDimension")
ROLES = {
    "dynamodb": "dynamodb.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
    "rds": "rds.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_RDSCluster",
}
AWAKE = dict.fromkeys(("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False)

_targets = AccountRegionScopedDict()
_policies = AccountRegionScopedDict()


def install() -> None:
    router.SERVICE_PATTERNS["application-autoscaling"] = {"target_prefixes": [TARGET]}
    ministack.app.SERVICE_HANDLERS["application-autoscaling"] = _handle
    # What is scaled is theirs.
    on_reset(rds, _clear)


def _clear() -> None:
    _targets.clear()
    _policies.clear()


async def _handle(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Mapping[str, Any]
) -> Response:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    handler = _HANDLERS.get(operation)
    if handler is None:
        return error_response_json("UnknownOperationException", operation, 400)
    try:
        return json_response(handler(json.loads(body)))
    except AWSError as refusal:
        return error_response_json(refusal.code, refusal.message, refusal.status)


def _name(request: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(request[member] for member in NAMES)


def _target(request: Mapping[str, Any]) -> dict[str, Any]:
    name = _name(request)
    if name not in _targets:
        raise AWSError(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {name[0]}, resource ID: {name[1]}, "
            f"scalable dimension: {name[2]}",
        )
    return _targets[name]


def _check_resource(namespace: str, resource_id: str) -> None:
    """What shall be scaled must exist."""
    if namespace == "dynamodb":
        _word, table, *index = resource_id.split("/")
        found = dynamodb._tables.get(table)
        indexes = [item["IndexName"] for item in (found or {}).get("GlobalSecondaryIndexes") or []]
        if found is None or (index and index[-1] not in indexes):
            raise AWSError("ValidationException", f"DynamoDB table does not exist: {resource_id}")
    if namespace == "rds" and resource_id.partition(":")[2] not in rds._clusters:
        raise AWSError("ValidationException", f"RDS cluster does not exist: {resource_id}")


def _register(request: dict[str, Any]) -> dict[str, Any]:
    name = _name(request)
    _check_resource(name[0], name[1])
    if name not in _targets and not {"MinCapacity", "MaxCapacity"} <= request.keys():
        text = "MinCapacity and MaxCapacity must be specified when registering a new scalable target."
        raise AWSError("ValidationException", text)
    arn = f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:scalable-target/{uuid.uuid4().hex}"
    role = ROLES.get(name[0], "AWSServiceRoleForApplicationAutoScaling")
    target = _targets.get(name) or {
        **dict(zip(NAMES, name, strict=True)),
        "RoleARN": f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{role}",
        "CreationTime": now().timestamp(),
        "SuspendedState": AWAKE,
        "ScalableTargetARN": arn,
        "_tags": request.get("Tags", {}),
    }
    changed = {member: request[member] for member in ("MinCapacity", "MaxCapacity") if member in request}
    changed["SuspendedState"] = {**target["SuspendedState"], **request.get("SuspendedState", {})}
    after = {**target, **changed}
    if after["MinCapacity"] > after["MaxCapacity"]:
        raise AWSError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    _targets[name] = after
    return {"ScalableTargetARN": after["ScalableTargetARN"]}


def _describe_targets(request: dict[str, Any]) -> dict[str, Any]:
    found = [
        {member: value for member, value in target.items() if not member.startswith("_")}
        for target in _targets.values()
        if target["ServiceNamespace"] == request["ServiceNamespace"]
        and target["ResourceId"] in request.get("ResourceIds", [target["ResourceId"]])
        and target["ScalableDimension"] == request.get("ScalableDimension", target["ScalableDimension"])
    ]
    return {"ScalableTargets": found}


def _deregister(request: dict[str, Any]) -> dict[str, Any]:
    _target(request)
    name = _name(request)
    del _targets[name]
    for policy in [key for key in _policies if key[:3] == name]:
        del _policies[policy]
    return {}


def _put_policy(request: dict[str, Any]) -> dict[str, Any]:
    _target(request)
    name = (*_name(request), request["PolicyName"])
    place = f"{name[0]}/{name[1]}:policyName/{name[3]}"
    kind = request.get("PolicyType", "StepScaling")
    policy = _policies.get(name)
    if policy is not None and policy["PolicyType"] != kind:
        raise AWSError("ValidationException", "The policy type cannot be changed.")
    configuration = request.get(f"{kind}PolicyConfiguration")
    if configuration is None:
        raise AWSError("ValidationException", f"{kind}PolicyConfiguration must be specified.")
    other = [item for key, item in _policies.items() if key[:3] == name[:3] and key != name]
    metric = configuration.get("PredefinedMetricSpecification")
    if metric and any(
        item[f"{kind}PolicyConfiguration"].get("PredefinedMetricSpecification") == metric for item in other
    ):
        raise AWSError(
            "ValidationException",
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
        )
    arn = f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{uuid.uuid4()}:resource/{place}"
    made = policy or {"PolicyARN": arn, "CreationTime": now().timestamp(), "Alarms": _alarms(name)}
    # A cooldown that isn't given is the service's own, which the answers leave out.
    _policies[name] = {
        "PolicyARN": made["PolicyARN"],
        "CreationTime": made["CreationTime"],
        "Alarms": made["Alarms"],
        **dict(zip((*NAMES, "PolicyName"), name, strict=True)),
        "PolicyType": kind,
        f"{kind}PolicyConfiguration": {"DisableScaleIn": False, **configuration},
    }
    return {"PolicyARN": made["PolicyARN"], "Alarms": made["Alarms"]}


def _alarms(name: tuple[str, ...]) -> list[dict[str, str]]:
    names = [f"TargetTracking-{name[1]}-Alarm{side}-{uuid.uuid4()}" for side in ("High", "Low")]
    place = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm"
    return [{"AlarmName": alarm, "AlarmARN": f"{place}:{alarm}"} for alarm in names]


def _describe_policies(request: dict[str, Any]) -> dict[str, Any]:
    asked = [member for member in NAMES if member in request]
    found = [
        policy
        for policy in _policies.values()
        if all(policy[member] == request[member] for member in asked)
        and policy["PolicyName"] in request.get("PolicyNames", [policy["PolicyName"]])
    ]
    return {"ScalingPolicies": found}


def _delete_policy(request: dict[str, Any]) -> dict[str, Any]:
    name = (*_name(request), request["PolicyName"])
    if name not in _policies:
        raise AWSError("ObjectNotFoundException", f"No scaling policy found with name {name[3]}.")
    del _policies[name]
    return {}


def _tags(request: Mapping[str, Any]) -> dict[str, str]:
    for target in _targets.values():
        if target["ScalableTargetARN"] == request["ResourceARN"]:
            return target["_tags"]
    raise AWSError("ResourceNotFoundException", f"No scalable target found for {request['ResourceARN']}.")


def _tag(request: dict[str, Any]) -> dict[str, Any]:
    _tags(request).update(request["Tags"])
    return {}


def _untag(request: dict[str, Any]) -> dict[str, Any]:
    tags = _tags(request)
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


_HANDLERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "RegisterScalableTarget": _register,
    "DescribeScalableTargets": _describe_targets,
    "DeregisterScalableTarget": _deregister,
    "PutScalingPolicy": _put_policy,
    "DescribeScalingPolicies": _describe_policies,
    "DeleteScalingPolicy": _delete_policy,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": lambda request: {"Tags": _tags(request)},
}
