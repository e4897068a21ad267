# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OpenSearch Service: what ministack 1.5.33 leaves out, and where its answers differ from AWS.

| operation | gap |
|---|---|
| CreateDomain, UpdateDomainConfig | logs and kind of addresses are dropped; VPC and zones are made up; Auto-Tune has no state; the engine's default options and the off-peak window are missing; takes subnets that don't exist, zones that don't fit, logs that no policy lets it write, a VPC without the service-linked role |
| UpdateDomainConfig | a part replaces what was there; encryption and access control can be turned off; changes nothing of ChangeProgressDetails; another change under way doesn't matter |
| DescribeDomain | no DomainProcessingStatus: here Creating, Modifying, UpgradingEngineVersion and Deleting last a moment |
| GetCompatibleVersions | also goes back, and skips 2.19 |
| GetUpgradeHistory, GetUpgradeStatus, ListInstanceTypeDetails, UpgradeDomain | unknown |
"""  # noqa: E501

from __future__ import annotations

import fnmatch
import functools
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, ec2, iam, opensearch

from ..wire import AWSError, Response, RestJsonWire
from . import timing

_WIRE = RestJsonWire("opensearch")
LINKED_ROLE = "AWSServiceRoleForAmazonOpenSearchService"
DEFAULT_OPTIONS = {"override_main_response_version": "false", "rest.action.multi.allow_explicit_index": "true"}
BUSY = "A change/update is in progress. Please wait for it to complete before requesting another change."
NEWEST_OF_2 = "OpenSearch_2.19"
# Nodes of each kind that have been seen on AWS; it has more.
TYPES = {
    **{f"{family}.{size}.search": ["data", "master"] for family in ("m7g", "r7g", "c7g", "m6g", "r6g")
       for size in ("large", "xlarge", "2xlarge", "4xlarge")},
    **{f"t3.{size}.search": ["data", "master"] for size in ("small", "medium")},
    **{f"or1.{size}.search": ["data"] for size in ("medium", "large", "xlarge", "2xlarge")},
    **{f"i4i.{size}.search": ["data"] for size in ("large", "xlarge", "2xlarge")},
    **{f"ultrawarm1.{size}.search": ["warm"] for size in ("medium", "large", "xlarge")},
}  # fmt: skip


def install() -> None:
    opensearch.handle_request = functools.partial(_handle, opensearch.handle_request)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    match = _WIRE.match(method, path)
    if match is None:
        return await original(method, path, headers, body, query)
    operation, labels = match
    try:
        request = _WIRE.parse(operation, labels, query, body)
        if "DomainName" in request and operation.name != "CreateDomain":
            _end_of_deletion(request["DomainName"])
        if operation.name in _ANSWERS:
            return _WIRE.respond(operation, _ANSWERS[operation.name](request))
        if operation.name == "CreateDomain":
            _check_domain(request)
            response = await original(method, path, headers, json.dumps(_with_defaults(request)).encode(), query)
            return _created(operation, request) if response[0] < 300 else response
        return await original(method, path, headers, body, query)
    except AWSError as refusal:
        return _WIRE.error(refusal)


def _invalid(message: str) -> AWSError:
    return AWSError("ValidationException", message)


def _domain(name: str) -> dict[str, Any]:
    record = opensearch._domains.get(name)
    if record is None:
        raise AWSError("ResourceNotFoundException", f"Domain not found: {name}", 409)
    return record


# ---- States


def _end_of_deletion(name: str) -> None:
    record = opensearch._domains.get(name)
    if record and record.get("Deleted") and not timing.is_running(record):
        opensearch.delete_domain_record(name)


def _begin(record: dict[str, Any], status: str) -> None:
    record["_status"] = status
    timing.start(record)


def _described(record: dict[str, Any]) -> dict[str, Any]:
    """The domain as it is now."""
    running = timing.is_running(record)
    status = record.get("_status", "Active") if running else "Active"
    if not running and "_version" in record:
        record["EngineVersion"] = record.pop("_version")
    shown = opensearch._public(record)
    shown["DomainProcessingStatus"] = status
    shown["Processing"] = running and status != "UpgradingEngineVersion"
    shown["UpgradeProcessing"] = running and status == "UpgradingEngineVersion"
    shown["AutoTuneOptions"] = {
        "State": "ENABLED" if record["AutoTuneOptions"].get("DesiredState") == "ENABLED" else "DISABLED",
        "UseOffPeakWindow": record["AutoTuneOptions"].get("UseOffPeakWindow", False),
    }
    if status == "Creating":
        for member in ("Endpoint", "Endpoints"):
            shown.pop(member, None)
    return shown


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    return {"DomainStatus": _described(_domain(request["DomainName"]))}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    record = _domain(request["DomainName"])
    record["Deleted"] = True
    _begin(record, "Deleting")
    return {"DomainStatus": _described(record)}


# ---- Configuration


def _with_defaults(request: dict[str, Any]) -> dict[str, Any]:
    given = {"WindowStartTime": {"Hours": 22, "Minutes": 0}}
    window = {"Enabled": True, "OffPeakWindow": (request.get("OffPeakWindowOptions") or {}).get("OffPeakWindow", given)}
    options = {**DEFAULT_OPTIONS, **request.get("AdvancedOptions", {})}
    return {**request, "AdvancedOptions": options, "OffPeakWindowOptions": window}


def _created(operation: Any, request: dict[str, Any]) -> Response:
    record = opensearch._domains[request["DomainName"]]
    record["LogPublishingOptions"] = request.get("LogPublishingOptions", {})
    record["AdvancedSecurityOptions"].setdefault("AnonymousAuthEnabled", False)
    record["IPAddressType"] = request.get("IPAddressType", "ipv4")
    host = f"{record['DomainName']}-{uuid.uuid4().hex[:26]}.{get_region()}.es.amazonaws.com"
    record["_Endpoint"] = f"vpc-{host}" if "VPCOptions" in request else f"search-{host}"
    _place(record, request.get("VPCOptions"))
    _begin(record, "Creating")
    return _WIRE.respond(operation, {"DomainStatus": _described(record)})


def _place(record: dict[str, Any], network: Mapping[str, Any] | None) -> None:
    if not network:
        record["Endpoint"] = record["_Endpoint"]
        return
    subnets = [ec2._subnets[subnet] for subnet in network["SubnetIds"]]
    zones = [subnet["AvailabilityZone"] for subnet in subnets]
    record["VPCOptions"] = {**network, "VPCId": subnets[0]["VpcId"], "AvailabilityZones": zones}
    record["Endpoints"] = {"vpc": record["_Endpoint"]}
    record.pop("Endpoint", None)


def _update(request: dict[str, Any]) -> dict[str, Any]:
    record = _domain(request["DomainName"])
    if timing.is_running(record):
        raise _invalid(BUSY)
    for part in ("EncryptionAtRestOptions", "NodeToNodeEncryptionOptions", "AdvancedSecurityOptions"):
        if record[part].get("Enabled") and request.get(part, {}).get("Enabled") is False:
            raise _invalid(f"{part} can't be disabled.")
    parts = {name: value for name, value in request.items() if name not in ("DomainName", "DryRun", "DryRunMode")}
    merged = {
        name: {**(record.get(name) or {}), **value} if isinstance(value, dict) else value
        for name, value in parts.items()
    }
    _check_domain({**record, **merged}, merged)
    record.update({name: value for name, value in merged.items() if name != "VPCOptions"})
    if "VPCOptions" in merged:
        _place(record, {key: merged["VPCOptions"][key] for key in ("SubnetIds", "SecurityGroupIds")})
    change = {"ChangeId": str(uuid.uuid4()), "ConfigChangeStatus": "Completed", "InitiatedBy": "CUSTOMER"}
    record["ChangeProgressDetails"] = change
    _begin(record, "Modifying")
    return {"DomainConfig": {"ChangeProgressDetails": change}}


# ---- What AWS refuses


def _check_domain(domain: Mapping[str, Any], changed: Mapping[str, Any] | None = None) -> None:
    """Refuse a configuration. changed: only what of it is new is looked up elsewhere."""
    changed = domain if changed is None else changed
    cluster, network = domain.get("ClusterConfig") or {}, changed.get("VPCOptions")
    zones = _zones(cluster)
    if zones == 2 and cluster.get("InstanceCount", 1) % 2:
        raise _invalid("You must choose an even number of data nodes for a two Availability Zone deployment")
    if zones == 3 and cluster.get("InstanceCount", 1) < 3:
        raise _invalid("You must choose a minimum of three data nodes for a three Availability Zone deployment")
    if network:
        _check_network(network, zones)
    types = [cluster.get("InstanceType", ""), cluster.get("DedicatedMasterType") or ""]
    tuned = (domain.get("AutoTuneOptions") or {}).get("DesiredState") == "ENABLED"
    if tuned and any(re.match(r"t[23]\.", kind) for kind in types[:1]):
        raise _invalid("Autotune is not supported in t2/t3 instance types. Disable autotune or change the type.")
    for log in (changed.get("LogPublishingOptions") or {}).values():
        if log.get("Enabled", True):
            _check_log(log["CloudWatchLogsLogGroupArn"].removesuffix(":*"))


def _zones(cluster: Mapping[str, Any]) -> int:
    if not cluster.get("ZoneAwarenessEnabled"):
        return 1
    return int((cluster.get("ZoneAwarenessConfig") or {}).get("AvailabilityZoneCount", 2))


def _check_network(network: Mapping[str, Any], zones: int) -> None:
    if LINKED_ROLE not in iam._roles:
        raise _invalid(
            "Before you can proceed, you must enable a service-linked role to give Amazon OpenSearch Service"
            " permissions to access your VPC."
        )
    unknown = [subnet for subnet in network["SubnetIds"] if subnet not in ec2._subnets]
    if unknown:
        raise _invalid(f"The subnet ID '{unknown[0]}' does not exist")
    found = {ec2._subnets[subnet]["AvailabilityZone"] for subnet in network["SubnetIds"]}
    if len(network["SubnetIds"]) != zones or len(found) != zones:
        raise _invalid(f"You must specify exactly {zones} subnets in different Availability Zones")


def _check_log(group: str) -> None:
    """Whether a policy of the account lets the service write there."""
    name = group.partition(":log-group:")[2]
    if name not in cloudwatch_logs._log_groups or not any(_allows(item, group) for item in _statements()):
        raise _invalid(
            f"The Resource Access Policy specified for the CloudWatch Logs log group {name} does not grant sufficient"
            " permissions for Amazon OpenSearch Service to create a log stream. Please check the Resource Access"
            " Policy."
        )


def _statements() -> Iterator[dict[str, Any]]:
    for policy in cloudwatch_logs._resource_policies.values():
        yield from _listed(json.loads(policy["policyDocument"])["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _allows(statement: Mapping[str, Any], group: str) -> bool:
    services = _listed((statement.get("Principal") or {}).get("Service", []))
    account = ((statement.get("Condition") or {}).get("StringEquals") or {}).get("aws:SourceAccount", get_account_id())
    return (
        bool({"es.amazonaws.com", "opensearchservice.amazonaws.com"} & set(services))
        and account == get_account_id()
        and any(fnmatch.fnmatchcase(f"{group}:log-stream:x", pattern) for pattern in _listed(statement["Resource"]))
    )


# ---- Versions


def _numbers(version: str) -> tuple[bool, ...]:
    engine, _underline, numbers = version.partition("_")
    return engine == "OpenSearch", *map(int, numbers.split("."))  # type: ignore[return-value]


def _targets(source: str) -> list[str]:
    """Versions to which AWS upgrades: higher ones, but to 3.x from 2.19 only."""
    higher = [version for version in opensearch._SUPPORTED_VERSIONS if _numbers(version) > _numbers(source)]
    if _numbers(source) < _numbers(NEWEST_OF_2):
        higher = [version for version in higher if _numbers(version) <= _numbers(NEWEST_OF_2)]
    return higher


def _compatible(request: dict[str, Any]) -> dict[str, Any]:
    sources = [_domain(request["DomainName"])["EngineVersion"]] if "DomainName" in request else None
    found = [
        {"SourceVersion": source, "TargetVersions": _targets(source)}
        for source in sources or opensearch._SUPPORTED_VERSIONS
    ]
    return {"CompatibleVersions": found}


def _upgrade(request: dict[str, Any]) -> dict[str, Any]:
    record, target = _domain(request["DomainName"]), request["TargetVersion"]
    if timing.is_running(record):
        raise _invalid(BUSY)
    if target not in _targets(record["EngineVersion"]):
        raise _invalid(f"Upgrade from {record['EngineVersion']} to {target} is not supported")
    check = request.get("PerformCheckOnly", False)
    record["_upgrade"] = {"name": f"Upgrade from {record['EngineVersion']} to {target}", "check": check}
    if not check:
        record["_version"] = target
    _begin(record, "UpgradingEngineVersion")
    return {"DomainName": request["DomainName"], "TargetVersion": target, "PerformCheckOnly": check}


def _upgrade_status(request: dict[str, Any]) -> dict[str, Any]:
    record = _domain(request["DomainName"])
    last = record.get("_upgrade") or {"name": "", "check": True}
    return {
        "UpgradeStep": "PRE_UPGRADE_CHECK" if last["check"] else "UPGRADE",
        "StepStatus": "IN_PROGRESS" if timing.is_running(record) else "SUCCEEDED",
        "UpgradeName": last["name"],
    }


def _instance_types(request: dict[str, Any]) -> dict[str, Any]:
    found = [
        {"InstanceType": kind, "InstanceRole": roles, "EncryptionEnabled": True, "AdvancedSecurityEnabled": True}
        for kind, roles in TYPES.items()
        if request.get("InstanceType", kind) == kind
    ]
    return {"InstanceTypeDetails": found}


_ANSWERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "DeleteDomain": _delete,
    "DescribeDomain": _describe,
    "GetCompatibleVersions": _compatible,
    "GetUpgradeHistory": lambda _request: {"UpgradeHistories": []},
    "GetUpgradeStatus": _upgrade_status,
    "ListInstanceTypeDetails": _instance_types,
    "UpdateDomainConfig": _update,
    "UpgradeDomain": _upgrade,
}
