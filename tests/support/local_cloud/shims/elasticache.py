# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ElastiCache: what ministack 1.5.33 doesn't know of replication groups, or answers otherwise than AWS.

| operation | missing or different |
|---|---|
| CreateReplicationGroup | drops the KMS key, the topic, addresses, the time of the token; is available at once |
| ModifyReplicationGroup | drops engine, security groups, windows, logs, topic, encryption; SET at any time |
| IncreaseReplicaCount, DecreaseReplicaCount | no clusters come or go |
| DeleteReplicationGroup | gone at once; no final snapshot |
| DescribeCacheClusters | lacks the topic; keeps what was changed of the group |
| DescribeCacheParameters | takes no Source |
| DescribeCacheEngineVersions | lacks the versions of 2026 |
| ListTagsForResource, AddTagsToResource, RemoveTagsFromResource | answer while the group is being changed |
| DeleteCacheParameterGroup | deletes what is in use |
| AuthToken | lets nobody in or out: with LOCAL_CLOUD_CACHE_SOCKET it does, in a real server that listens there |
"""

from __future__ import annotations

import functools
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, elasticache

from ..wire import AWSError, QueryWire, Response, now
from . import timing

VERSIONS = {
    "valkey": ("7.2", "8.0", "8.1", "8.2", "9.0", "9.1"),
    "redis": ("5.0.6", "6.0", "6.2", "7.0", "7.1"),
}
TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
WIRE = QueryWire("elasticache")


def install() -> None:
    handlers: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
        "CreateReplicationGroup": ("_create_replication_group", _create),
        "DescribeReplicationGroups": ("_describe_replication_groups", _describe),
        "ModifyReplicationGroup": ("_modify_replication_group", _modify),
        "DeleteReplicationGroup": ("_delete_replication_group", _delete),
        "IncreaseReplicaCount": ("_increase_replica_count", functools.partial(_count, more=True)),
        "DecreaseReplicaCount": ("_decrease_replica_count", functools.partial(_count, more=False)),
        "DescribeCacheClusters": ("_describe_cache_clusters", _describe_clusters),
        "DescribeCacheEngineVersions": ("_describe_engine_versions", _versions),
    }
    for operation, (name, handler) in handlers.items():
        setattr(elasticache, name, functools.partial(_answer, operation, handler))
    for operation, name in (
        ("ListTagsForResource", "_list_tags"),
        ("AddTagsToResource", "_add_tags"),
        ("RemoveTagsFromResource", "_remove_tags"),
    ):
        setattr(elasticache, name, functools.partial(_tags, operation, getattr(elasticache, name)))
    elasticache._describe_cache_parameters = functools.partial(_parameters, elasticache._describe_cache_parameters)
    elasticache._delete_param_group = functools.partial(_delete_parameters, elasticache._delete_param_group)


def _answer(operation: str, handler: Callable[[dict[str, Any]], dict[str, Any]], params: Mapping[str, Any]) -> Response:
    try:
        return WIRE.respond(operation, handler(WIRE.parse(operation, params)))
    except AWSError as refusal:
        return WIRE.error(refusal)


# ---- Versions and families


def family_of(engine: str, version: str) -> str:
    major = version.split(".")[0]
    if engine == "valkey" or major == "7":
        return f"{engine}{major}"
    return "redis6.x" if major == "6" else "redis5.0"


def _versions(request: dict[str, Any]) -> dict[str, Any]:
    engines = [request["Engine"]] if "Engine" in request else list(VERSIONS)
    return {
        "CacheEngineVersions": [
            {"Engine": engine, "EngineVersion": version, "CacheParameterGroupFamily": family_of(engine, version)}
            for engine in engines
            for version in VERSIONS.get(engine, ())
        ]
    }


# ---- Parameter groups


def _parameters(original: Callable[[Mapping[str, Any]], Response], params: Mapping[str, Any]) -> Response:
    request = WIRE.parse("DescribeCacheParameters", params)
    known = elasticache._param_group_params.get(request["CacheParameterGroupName"])
    if known is None or "Source" not in request:
        return original(params)
    found = [
        {"ParameterName": name, "ParameterValue": value["Value"], "Source": value["Source"], "IsModifiable": True}
        for name, value in known.items()
        if value["Source"] == request["Source"]
    ]
    return WIRE.respond("DescribeCacheParameters", {"Parameters": found})


def _delete_parameters(original: Callable[[Mapping[str, Any]], Response], params: Mapping[str, Any]) -> Response:
    name = WIRE.parse("DeleteCacheParameterGroup", params)["CacheParameterGroupName"]
    if any(group["_node"]["CacheParameterGroup"]["CacheParameterGroupName"] == name for group in _groups()):
        text = f"One or more cache clusters are still using this cache parameter group {name}."
        return WIRE.error(AWSError("InvalidCacheParameterGroupState", text))
    return original(params)


def _check_parameters(name: str, engine: str, version: str) -> None:
    group = elasticache._param_groups.get(name)
    if group is None:
        raise AWSError("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.", 404)
    family = family_of(engine, version)
    if group["CacheParameterGroupFamily"] != family:
        raise AWSError(
            "InvalidParameterCombination",
            f"Expected a parameter group of family {family}, found one of {group['CacheParameterGroupFamily']}",
        )


# ---- Replication groups


def _groups() -> list[dict[str, Any]]:
    """All that there are; those that have been deleted go when their time is over."""
    for name, record in list(elasticache._replication_groups.items()):
        if record["_status"] == "deleting" and timing.is_due(record):
            elasticache._replication_groups.pop(name, None)
            elasticache._tags.pop(record["ARN"], None)
    return list(elasticache._replication_groups.values())


def _group(name: str) -> dict[str, Any]:
    for record in _groups():
        if record["ReplicationGroupId"] == name.lower():
            return record
    raise AWSError("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.", 404)


def _begin(record: dict[str, Any], status: str) -> None:
    record["_status"] = status
    timing.start(record)


def status_of(record: dict[str, Any]) -> str:
    return record["_status"] if timing.is_running(record) else "available"


def _available(name: str, to: str = "modify") -> dict[str, Any]:
    record = _group(name)
    if status_of(record) != "available":
        raise AWSError("InvalidReplicationGroupState", f"Replication group must be in available state to {to}.")
    return record


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    status = status_of(record)
    shown = {**record, "Status": status, "PendingModifiedValues": {}}
    if status == "creating":
        shown.pop("NodeGroups")
    return shown


def _create(request: dict[str, Any]) -> dict[str, Any]:
    name = request["ReplicationGroupId"].lower()
    if any(record["ReplicationGroupId"] == name for record in _groups()):
        raise AWSError("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    engine, version = request.get("Engine", "redis"), request["EngineVersion"]
    if version not in VERSIONS.get(engine, ()):
        raise AWSError("InvalidParameterValue", f"Invalid cache engine version {version}")
    _check_parameters(request["CacheParameterGroupName"], engine, version)
    if request["CacheSubnetGroupName"] not in elasticache._subnet_groups:
        raise AWSError(
            "CacheSubnetGroupNotFoundFault", f"Cache subnet group {request['CacheSubnetGroupName']} not found."
        )
    token, encrypted = request.get("AuthToken"), request.get("TransitEncryptionEnabled", False)
    mode = request.get("TransitEncryptionMode", "required") if encrypted else None
    if token and mode != "required":
        raise AWSError(
            "InvalidParameterValue", "The AUTH token is only supported when encryption-in-transit is enabled"
        )
    nodes = request.get("NumCacheClusters", 1)
    record = {
        "ReplicationGroupId": name,
        "ARN": f"arn:aws:elasticache:{get_region()}:{get_account_id()}:replicationgroup:{name}",
        "Description": request["ReplicationGroupDescription"],
        "ReplicationGroupCreateTime": now(),
        "Engine": engine,
        "CacheNodeType": request["CacheNodeType"],
        "ClusterEnabled": False,
        "ClusterMode": "disabled",
        "SnapshotRetentionLimit": request.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": request.get("SnapshotWindow", "05:00-06:00"),
        "AutoMinorVersionUpgrade": request.get("AutoMinorVersionUpgrade", True),
        "TransitEncryptionEnabled": encrypted,
        "TransitEncryptionMode": mode,
        "AtRestEncryptionEnabled": request.get("AtRestEncryptionEnabled", engine == "valkey"),
        "KmsKeyId": request.get("KmsKeyId"),
        "NetworkType": request.get("NetworkType", "ipv4"),
        "IpDiscovery": request.get("IpDiscovery", "ipv4"),
        "DataTiering": "disabled",
        "AuthTokenEnabled": False,
        "UserGroupIds": request.get("UserGroupIds", []),
        "CacheSubnetGroupName": request["CacheSubnetGroupName"],
        "_tokens": [],
        "_optional": False,
        "_node": {
            "Engine": engine,
            "EngineVersion": f"{version}.0" if version.count(".") == 1 else version,
            "CacheNodeType": request["CacheNodeType"],
            "CacheSubnetGroupName": request["CacheSubnetGroupName"],
            "CacheParameterGroup": {
                "CacheParameterGroupName": request["CacheParameterGroupName"],
                "ParameterApplyStatus": "in-sync",
            },
            "PreferredMaintenanceWindow": request.get("PreferredMaintenanceWindow", "sun:05:00-sun:06:00"),
            "SecurityGroups": _security_groups(request),
            "ReplicationGroupId": name,
            "NumCacheNodes": 1,
        },
        "_port": request.get("Port", 6379),
    }
    _resize(record, nodes)
    _fail_over(record, request)
    _deliver(record, request)
    _notify(record, request)
    if token:
        _let_in(record, "CREATE", token)
    elasticache._replication_groups[name] = record
    elasticache._tags[record["ARN"]] = list(request.get("Tags", []))
    _begin(record, "creating")
    return {"ReplicationGroup": _shown(record)}


def _security_groups(request: dict[str, Any]) -> list[dict[str, str]]:
    return [{"SecurityGroupId": group, "Status": "active"} for group in request.get("SecurityGroupIds", [])]


def _resize(record: dict[str, Any], nodes: int) -> None:
    name, port = record["ReplicationGroupId"], record["_port"]
    host = f"{name}.xxxxxx.use1.cache.amazonaws.com"
    record["MemberClusters"] = [f"{name}-{number:03d}" for number in range(1, nodes + 1)]
    record["NodeGroups"] = [
        {
            "NodeGroupId": "0001",
            "Status": "available",
            "PrimaryEndpoint": {"Address": f"master.{host}", "Port": port},
            "ReaderEndpoint": {"Address": f"replica.{host}", "Port": port},
            "NodeGroupMembers": [
                {
                    "CacheClusterId": cluster,
                    "CacheNodeId": "0001",
                    "CurrentRole": "replica" if index else "primary",
                    "PreferredAvailabilityZone": f"{get_region()}{'ab'[index % 2]}",
                }
                for index, cluster in enumerate(record["MemberClusters"])
            ],
        }
    ]


def _fail_over(record: dict[str, Any], request: dict[str, Any]) -> None:
    failover = request.get("AutomaticFailoverEnabled", record.get("AutomaticFailover") == "enabled")
    zones = request.get("MultiAZEnabled", record.get("MultiAZ") == "enabled")
    if failover and len(record["MemberClusters"]) < 2:
        raise AWSError("InvalidParameterValue", "Automatic failover is not supported for a group with one node.")
    if zones and not failover:
        raise AWSError("InvalidParameterCombination", "Multi-AZ takes automatic failover.")
    record["AutomaticFailover"] = "enabled" if failover else "disabled"
    record["MultiAZ"] = "enabled" if zones else "disabled"


def _deliver(record: dict[str, Any], request: dict[str, Any]) -> None:
    configured = {log["LogType"]: log for log in record.get("LogDeliveryConfigurations", [])}
    for log in request.get("LogDeliveryConfigurations", []):
        if not log.get("Enabled", True):
            configured.pop(log["LogType"], None)
            continue
        group = log["DestinationDetails"].get("CloudWatchLogsDetails", {}).get("LogGroup")
        if group and group not in cloudwatch_logs._log_groups:
            raise AWSError("InvalidParameterValue", f"The log group {group} doesn't exist.")
        shown = {member: value for member, value in log.items() if member != "Enabled"}
        configured[log["LogType"]] = {**shown, "Status": "active"}
    record["LogDeliveryConfigurations"] = list(configured.values())


def _notify(record: dict[str, Any], request: dict[str, Any]) -> None:
    node = record["_node"]
    if "NotificationTopicArn" in request:
        node["NotificationConfiguration"] = {"TopicArn": request["NotificationTopicArn"], "TopicStatus": "active"}
    if "NotificationTopicStatus" in request and "NotificationConfiguration" in node:
        node["NotificationConfiguration"]["TopicStatus"] = request["NotificationTopicStatus"]


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    named = request.get("ReplicationGroupId")
    return {"ReplicationGroups": [_shown(record) for record in ([_group(named)] if named else _groups())]}


def _modify(request: dict[str, Any]) -> dict[str, Any]:
    record = _available(request["ReplicationGroupId"])
    node = record["_node"]
    _upgrade(record, request)
    if "AuthToken" in request:
        _let_in(record, request.get("AuthTokenUpdateStrategy", "ROTATE"), request["AuthToken"])
    _encrypt(record, request)
    _fail_over(record, request)
    _deliver(record, request)
    _notify(record, request)
    for member, name in (
        ("ReplicationGroupDescription", "Description"),
        *((name, name) for name in ("AutoMinorVersionUpgrade", "CacheNodeType", "IpDiscovery")),
        *((name, name) for name in ("SnapshotRetentionLimit", "SnapshotWindow", "SnapshottingClusterId")),
    ):
        if member in request:
            record[name] = request[member]
    if "PreferredMaintenanceWindow" in request:
        node["PreferredMaintenanceWindow"] = request["PreferredMaintenanceWindow"]
    if "SecurityGroupIds" in request:
        node["SecurityGroups"] = _security_groups(request)
    _begin(record, "modifying")
    return {"ReplicationGroup": _shown(record)}


def _upgrade(record: dict[str, Any], request: dict[str, Any]) -> None:
    node = record["_node"]
    engine, version = request.get("Engine", record["Engine"]), request.get("EngineVersion")
    if engine != record["Engine"] and engine != "valkey":
        raise AWSError("InvalidParameterCombination", "Engine downgrade isn't supported.")
    if version:
        if version not in VERSIONS[engine]:
            raise AWSError("InvalidParameterValue", f"Invalid cache engine version {version}")
        if engine == record["Engine"] and _number(version) < _number(node["EngineVersion"])[: version.count(".") + 1]:
            raise AWSError("InvalidParameterCombination", "Cache engine version downgrade isn't supported.")
    parameters = request.get("CacheParameterGroupName", node["CacheParameterGroup"]["CacheParameterGroupName"])
    if version or "CacheParameterGroupName" in request:
        _check_parameters(parameters, engine, version or node["EngineVersion"])
        node["CacheParameterGroup"] = {"CacheParameterGroupName": parameters, "ParameterApplyStatus": "in-sync"}
    if version:
        record["Engine"] = node["Engine"] = engine
        node["EngineVersion"] = f"{version}.0" if version.count(".") == 1 else version


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _encrypt(record: dict[str, Any], request: dict[str, Any]) -> None:
    on, mode = request.get("TransitEncryptionEnabled"), request.get("TransitEncryptionMode")
    if on and not record["TransitEncryptionEnabled"] and mode != "preferred":
        raise AWSError("InvalidParameterCombination", "TransitEncryptionMode must be preferred first.")
    if on is False and record["TransitEncryptionMode"] == "required":
        raise AWSError("InvalidParameterCombination", "TransitEncryptionMode must be preferred first.")
    if mode == "preferred" and record["AuthTokenEnabled"]:
        raise AWSError(
            "InvalidParameterCombination",
            "Transit encryption preferred is not supported with access control enabled clusters.",
        )
    if on is not None:
        record["TransitEncryptionEnabled"] = on
        record["TransitEncryptionMode"] = None if not on else record["TransitEncryptionMode"]
    if mode:
        record["TransitEncryptionMode"] = mode


def _count(request: dict[str, Any], more: bool) -> dict[str, Any]:
    record = _available(request["ReplicationGroupId"])
    have, want = len(record["MemberClusters"]) - 1, request["NewReplicaCount"]
    if want == have or (want > have) is not more:
        raise AWSError("NoOperationFault", "The operation was not performed because no changes were required.")
    if want == 0 and record["AutomaticFailover"] == "enabled":
        raise AWSError("InvalidParameterValue", "Must have at least 1 replica with automatic failover.")
    _resize(record, want + 1)
    _begin(record, "modifying")
    return {"ReplicationGroup": _shown(record)}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    record = _available(request["ReplicationGroupId"], "delete")
    name = request.get("FinalSnapshotIdentifier")
    if name:
        if name in elasticache._snapshots:
            raise AWSError("SnapshotAlreadyExistsFault", f"Snapshot {name} already exists.")
        elasticache._snapshots[name] = {
            "SnapshotName": name,
            "SnapshotStatus": "available",
            "ReplicationGroupId": record["ReplicationGroupId"],
            "ARN": elasticache._arn_snapshot(name),
        }
    _begin(record, "deleting")
    return {"ReplicationGroup": _shown(record)}


def _describe_clusters(request: dict[str, Any]) -> dict[str, Any]:
    named, found = request.get("CacheClusterId"), []
    for record in _groups():
        for cluster in record["MemberClusters"]:
            if named in (None, cluster):
                arn = f"arn:aws:elasticache:{get_region()}:{get_account_id()}:cluster:{cluster}"
                found.append(
                    {**record["_node"], "CacheClusterId": cluster, "CacheClusterStatus": status_of(record), "ARN": arn}
                )
    if named and not found:
        raise AWSError("CacheClusterNotFound", f"CacheCluster not found: {named}", 404)
    return {"CacheClusters": found}


def _tags(operation: str, original: Callable[[Mapping[str, Any]], Response], params: Mapping[str, Any]) -> Response:
    arn = WIRE.parse(operation, params)["ResourceName"]
    record = next((group for group in _groups() if group["ARN"] == arn), None)
    if record is None and ":replicationgroup:" in arn:
        return WIRE.error(AWSError("ReplicationGroupNotFoundFault", f"ReplicationGroup {arn} not found.", 404))
    if record is not None and status_of(record) != "available":
        text = "Cluster not in available state to perform tagging operations."
        return WIRE.error(AWSError("InvalidReplicationGroupState", text))
    response = original(params)
    if record is not None and operation != "ListTagsForResource" and response[0] < 300:
        _begin(record, "modifying")
    return response


# ---- The AUTH token


def _let_in(record: dict[str, Any], strategy: str, token: str) -> None:
    """Who gets in from now on. ROTATE keeps the two newest tokens; SET comes after it, with the newest one."""
    if not TOKEN.fullmatch(token):
        raise AWSError("InvalidParameterValue", "Invalid AuthToken provided.")
    if not record["TransitEncryptionEnabled"]:
        raise AWSError(
            "InvalidParameterValue", "The AUTH token is only supported when encryption-in-transit is enabled"
        )
    if record["UserGroupIds"]:
        raise AWSError(
            "InvalidParameterCombination", "Auth tokens can't be enabled with a user group already associated."
        )
    tokens = record["_tokens"]
    if strategy == "SET":
        if (len(tokens) < 2 and not record["_optional"]) or token != tokens[-1]:
            raise AWSError("InvalidParameterValue", "The SET strategy is allowed only after ROTATE, with its token.")
        record["_tokens"], record["_optional"] = [token], False
    elif strategy == "ROTATE":
        record["_optional"] = record["_optional"] or not tokens
        record["_tokens"] = [*tokens[-1:], token]
    else:
        record["_tokens"] = [token]
    record["AuthTokenEnabled"] = True
    record["AuthTokenLastModifiedDate"] = now()
    # As late as may be where it lets in, as soon as may be where it shuts out.
    if strategy == "ROTATE":
        threading.Timer(timing.SETTLE_SECONDS * 0.8, _tell_server, (record["_tokens"], record["_optional"])).start()
    else:
        _tell_server(record["_tokens"], record["_optional"])


def _tell_server(tokens: list[str], optional: bool) -> None:
    path = os.environ.get("LOCAL_CLOUD_CACHE_SOCKET")
    if not path:
        return
    rules = ["nopass"] if optional else [f">{token}" for token in tokens]
    words = ["ACL", "SETUSER", "default", "on", "resetpass", *rules]
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        server.sendall(b"*3\r\n$4\r\nAUTH\r\n$7\r\nservice\r\n$7\r\nservice\r\n" + request.encode())
        assert server.makefile("rb").readline() == b"+OK\r\n"
