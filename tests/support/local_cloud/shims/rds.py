# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS: Aurora clusters and their instances, as far as ministack 1.5.33 doesn't know them.

| operation | missing or different |
|---|---|
| CreateDBCluster, ModifyDBCluster | log exports, monitoring, insights, storage type; takes wrong windows and versions |
| CreateDBInstance, ModifyDBInstance | what an instance has of its cluster, what waits; takes any class and zone |
| DescribeDBClusters, DescribeDBInstances | the same; the endpoints are localhost where nothing runs |
| DeleteDBCluster | no last snapshot |
| RestoreDBClusterFromSnapshot, RestoreDBClusterToPointInTime | unknown |
| EnableHttpEndpoint, DisableHttpEndpoint | leave the cluster as it is |
| DescribeDBEngineVersions | no targets of upgrades |
| DescribeOrderableDBInstanceOptions | ten classes of old |
| all of these | no state but available |
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import rds

from ..wire import AWSError, QueryWire, Response, now
from . import timing
from .patching import QueryShims

ENGINE = "aurora-postgresql"
# What a cluster has by default, by the members of descriptions.
DEFAULTS = {
    "AutoMinorVersionUpgrade": True,
    "DatabaseInsightsMode": "standard",
    "MonitoringInterval": 0,
    "PerformanceInsightsEnabled": False,
}
# Members of requests by those of descriptions, where they differ.
CLUSTER_MEMBERS = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod": "BackupRetentionPeriod",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "DBClusterParameterGroupName": "DBClusterParameterGroup",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "DeletionProtection": "DeletionProtection",
    "EnableHttpEndpoint": "HttpEndpointEnabled",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
    "EngineVersion": "EngineVersion",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "NetworkType": "NetworkType",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "Port": "Port",
    "PreferredBackupWindow": "PreferredBackupWindow",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "StorageType": "StorageType",
}
INSTANCE_MEMBERS = {
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "CACertificateIdentifier": "CACertificateIdentifier",
    "DBInstanceClass": "DBInstanceClass",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "PromotionTier": "PromotionTier",
    "PubliclyAccessible": "PubliclyAccessible",
}
# What waits for the maintenance window without ApplyImmediately.
WAITING = ("DBInstanceClass", "EngineVersion")
GROUPS = ("DBClusterParameterGroupName", "DBInstanceParameterGroupName")
# What instances have of their cluster.
INHERITED = (
    "DatabaseInsightsMode",
    "EnabledCloudwatchLogsExports",
    "EngineVersion",
    "IAMDatabaseAuthenticationEnabled",
    "KmsKeyId",
    "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "StorageEncrypted",
    "VpcSecurityGroups",
)
# What a change of the cluster changes of its instances.
SPREAD = ("AutoMinorVersionUpgrade", "MonitoringInterval", "MonitoringRoleArn")
SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge")
CLASSES = (
    "db.serverless",
    *(f"db.{family}.{size}" for family in ("t3", "t4g") for size in ("medium", "large")),
    *(f"db.{family}.{size}" for family in ("r5", "r6g", "r6i", "r7g", "r7i", "r8g") for size in SIZES),
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
RESTORES = ("RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime")

wire = QueryWire("rds")


def install() -> None:
    shims = QueryShims(wire, rds._ACTION_MAP)
    shims.guard("CreateDBCluster", _check_new_cluster)
    shims.after("CreateDBCluster", lambda request, _response: _complete_cluster(request))
    shims.replace("DescribeDBClusters", _describe_clusters)
    shims.replace("ModifyDBCluster", _modify_cluster, unless=_is_of_password)
    delete_cluster = rds._ACTION_MAP["DeleteDBCluster"]
    shims.replace("DeleteDBCluster", _delete_cluster)
    shims.after("CreateDBClusterSnapshot", lambda request, _response: _name_database(request))
    shims.guard("CreateDBInstance", _check_new_instance)
    shims.after("CreateDBInstance", lambda request, _response: _complete_instance(request))
    shims.replace("DescribeDBInstances", _describe_instances)
    shims.replace("ModifyDBInstance", _modify_instance, unless=_is_alone)
    delete_instance = rds._ACTION_MAP["DeleteDBInstance"]
    shims.replace("DeleteDBInstance", _delete_instance, unless=_is_alone)
    shims.replace("EnableHttpEndpoint", lambda request: _set_http_endpoint(request, True))
    shims.replace("DisableHttpEndpoint", lambda request: _set_http_endpoint(request, False))
    shims.replace("DescribeDBEngineVersions", _describe_versions, unless=_is_of_another_engine)
    shims.replace("DescribeOrderableDBInstanceOptions", _describe_classes, unless=_is_of_another_engine)
    create = rds._ACTION_MAP["CreateDBCluster"]
    for operation in RESTORES:
        rds._ACTION_MAP[operation] = _restores(operation, create)
    _ends.update(cluster=delete_cluster, instance=delete_instance)
    rds._refresh_cluster_status = _unless(_has_states, rds._refresh_cluster_status)
    rds._sync_cluster_endpoints = _unless(_runs_nothing, rds._sync_cluster_endpoints)


_ends: dict[str, Callable[[Mapping[str, Any]], Response]] = {}


def _unless(condition: Callable[[Any], bool], original: Callable[[Any], None]) -> Callable[[Any], None]:
    def call(given: Any) -> None:
        if not condition(given):
            original(given)

    return call


def _has_states(cluster_id: str) -> bool:
    """Whether the states of a cluster are told here, and not by what its instances are doing."""
    return rds._clusters.get(cluster_id, {}).get("Engine") == ENGINE


def _runs_nothing(cluster: Mapping[str, Any]) -> bool:
    return not cluster.get("_shared_container_id")


# ---- States


def _settle() -> None:
    """Bring to their ends all transitions whose time has come."""
    for name, instance in list(rds._instances.items()):
        if timing.is_due(instance):
            timing.finish(instance)
            if instance["DBInstanceStatus"] == "deleting":
                _ends["instance"]({"DBInstanceIdentifier": [name], "SkipFinalSnapshot": ["true"]})
            else:
                instance["DBInstanceStatus"] = "available"
    for name, cluster in list(rds._clusters.items()):
        if timing.is_due(cluster):
            timing.finish(cluster)
            if cluster["Status"] == "deleting":
                cluster["DeletionProtection"] = False
                _ends["cluster"]({"DBClusterIdentifier": [name], "SkipFinalSnapshot": ["true"]})
            else:
                cluster["Status"] = "available"


def _cluster(name: str) -> dict[str, Any]:
    _settle()
    cluster = rds._clusters.get(name.rpartition(":")[2].lower())
    if cluster is None:
        raise AWSError("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
    return cluster


def _instance(name: str) -> dict[str, Any]:
    _settle()
    instance = rds._instances.get(name.lower())
    if instance is None:
        raise AWSError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
    return instance


def _check_available(cluster: Mapping[str, Any], doing: str) -> None:
    if cluster["Status"] != "available":
        text = (
            f"DBCluster {cluster['DBClusterIdentifier']} is not currently in the available state; it can't be {doing}."
        )
        raise AWSError("InvalidDBClusterStateFault", text)


def _members(cluster: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for instance in rds._instances.values():
        if instance.get("DBClusterIdentifier") == cluster["DBClusterIdentifier"]:
            yield instance


def _is_alone(request: Mapping[str, Any]) -> bool:
    """Whether an instance is in no cluster of ours; those are the emulator's."""
    instance = rds._instances.get(request["DBInstanceIdentifier"].lower())
    return instance is not None and instance.get("Engine") != ENGINE


def _is_of_another_engine(request: Mapping[str, Any]) -> bool:
    return request.get("Engine") != ENGINE


def _is_of_password(request: Mapping[str, Any]) -> bool:
    return bool(request.get("MasterUserPassword") or request.get("RotateMasterUserPassword"))


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if not name.startswith("_") and value not in ("", None)}


# ---- Windows


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _daily(window: str) -> tuple[int, int]:
    begin, end = (_minutes(clock) for clock in window.split("-"))
    return begin, (end - begin) % DAY


def _weekly(window: str) -> tuple[int, int]:
    begin, end = (DAYS.index(part[:3]) * DAY + _minutes(part[4:]) for part in window.lower().split("-"))
    return begin, (end - begin) % (7 * DAY)


def _check_windows(backup: str, maintenance: str) -> None:
    (begin, length), (week_begin, week_length) = _daily(backup), _weekly(maintenance)
    for window, minutes in ((backup, length), (maintenance, week_length)):
        if minutes < 30:
            text = f"The window {window} must be at least 30 minutes."
            raise AWSError("InvalidParameterValue", text)
    for day in range(-1, 8):
        if day * DAY + begin < week_begin + week_length and week_begin < day * DAY + begin + length:
            raise AWSError("InvalidParameterValue", "The backup window and maintenance window must not overlap.")


# ---- Clusters


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-")[0]))


def _check_new_cluster(request: dict[str, Any]) -> None:
    _settle()
    if request.get("Engine") != ENGINE:
        return
    group = request.get("DBSubnetGroupName")
    if group and group not in rds._subnet_groups:
        raise AWSError("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.", 404)
    if not (request.get("MasterUserPassword") or request.get("ManageMasterUserPassword")):
        raise AWSError("InvalidParameterValue", "The parameter MasterUserPassword must be provided.")
    _check_cluster(request, {})


def _check_cluster(request: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    days = request.get("BackupRetentionPeriod", 1)
    if not 1 <= days <= 35:
        raise AWSError("InvalidParameterValue", f"Invalid backup retention period: {days}. It must be from 1 to 35.")
    backup, maintenance = (
        request.get(name, cluster.get(name)) for name in ("PreferredBackupWindow", "PreferredMaintenanceWindow")
    )
    if backup and maintenance:
        _check_windows(backup, maintenance)
    state = {member: cluster.get(kept) for member, kept in CLUSTER_MEMBERS.items()} | dict(request)
    if state.get("DatabaseInsightsMode") == "advanced" and (
        not state.get("EnablePerformanceInsights") or (state.get("PerformanceInsightsRetentionPeriod") or 0) < 465
    ):
        raise AWSError(
            "InvalidParameterCombination",
            "To enable the Advanced mode of Database Insights, modify your cluster to enable Performance Insights and"
            " set the retention period for Performance Insights to at least 465 days.",
        )
    if bool(state.get("MonitoringInterval")) != bool(state.get("MonitoringRoleArn")) and request.get(
        "MonitoringInterval"
    ):
        raise AWSError(
            "InvalidParameterCombination", "A MonitoringRoleARN value is required if you specify an interval"
        )


def _take(request: Mapping[str, Any], record: dict[str, Any], members: Mapping[str, str]) -> None:
    record.update({kept: request[member] for member, kept in members.items() if member in request})


def _complete_cluster(request: Mapping[str, Any]) -> None:
    if request.get("Engine", ENGINE) != ENGINE:
        return
    cluster = rds._clusters[request["DBClusterIdentifier"]]
    cluster.update(DEFAULTS)
    _take(request, cluster, CLUSTER_MEMBERS)
    cluster["EnabledCloudwatchLogsExports"] = request.get("EnableCloudwatchLogsExports", [])
    _take_capacity(request, cluster)
    cluster["Status"] = "creating"
    timing.start(cluster)


def _take_capacity(request: Mapping[str, Any], cluster: dict[str, Any]) -> None:
    capacity = request.get("ServerlessV2ScalingConfiguration")
    if capacity:
        if capacity.get("MinCapacity") == 0:
            capacity = {"SecondsUntilAutoPause": 300, **capacity}
        cluster["ServerlessV2ScalingConfiguration"] = capacity


def _cluster_shown(cluster: Mapping[str, Any]) -> dict[str, Any]:
    shown = _shown(cluster)
    # RDS doesn't name the one that is the default.
    if shown.get("StorageType") == "aurora":
        del shown["StorageType"]
    members = [{"DBClusterParameterGroupStatus": "in-sync", **member} for member in cluster["DBClusterMembers"]]
    return {**shown, "DBClusterMembers": members}


def _describe_clusters(request: dict[str, Any]) -> dict[str, Any]:
    _settle()
    if request.get("DBClusterIdentifier"):
        return {"DBClusters": [_cluster_shown(_cluster(request["DBClusterIdentifier"]))]}
    filters = {item["Name"]: item["Values"] for item in request.get("Filters", [])}
    found = rds._apply_cluster_filters(list(rds._clusters.values()), filters)
    return {"DBClusters": [_cluster_shown(cluster) for cluster in found]}


def _modify_cluster(request: dict[str, Any]) -> dict[str, Any]:
    cluster = _cluster(request["DBClusterIdentifier"])
    _check_available(cluster, "modified")
    _check_cluster(request, cluster)
    version = request.get("EngineVersion")
    if version:
        _check_version(cluster, version, request.get("AllowMajorVersionUpgrade"))
    changes, status = dict(request), "modifying"
    if request.get("ApplyImmediately"):
        # It takes along what has waited.
        waiting = {**cluster.pop("PendingModifiedValues", {}), **cluster.pop("_groups_of_upgrade", {})}
        changes = {**waiting, **changes}
    else:
        waiting = {name: changes.pop(name) for name in WAITING if name in changes}
        if waiting:
            cluster["PendingModifiedValues"] = {**cluster.get("PendingModifiedValues", {}), **waiting}
            # They go with the upgrade.
            cluster["_groups_of_upgrade"] = {name: changes.pop(name) for name in GROUPS if name in changes}
    if "EngineVersion" in changes:
        status = "upgrading"
    _take(changes, cluster, CLUSTER_MEMBERS)
    _take_capacity(changes, cluster)
    if "VpcSecurityGroupIds" in changes:
        groups = changes["VpcSecurityGroupIds"]
        cluster["VpcSecurityGroups"] = [{"VpcSecurityGroupId": group, "Status": "active"} for group in groups]
    logs = changes.get("CloudwatchLogsExportConfiguration", {})
    exported = {*cluster["EnabledCloudwatchLogsExports"], *logs.get("EnableLogTypes", [])}
    cluster["EnabledCloudwatchLogsExports"] = sorted(exported - set(logs.get("DisableLogTypes", [])))
    if changes.get("ManageMasterUserPassword") and not cluster.get("MasterUserSecret"):
        _manage_password(cluster, changes)
    for instance in _members(cluster):
        instance.update({name: cluster[name] for name in INHERITED if name in cluster})
        instance.update({name: changes[name] for name in SPREAD if name in changes})
        group = changes.get("DBInstanceParameterGroupName")
        if group:
            instance["DBParameterGroups"] = [{"DBParameterGroupName": group, "ParameterApplyStatus": "in-sync"}]
    cluster["Status"] = status
    timing.start(cluster)
    return {"DBCluster": _cluster_shown(cluster)}


def _check_version(cluster: Mapping[str, Any], version: str, major_too: bool | None) -> None:
    present, known = cluster["EngineVersion"], [name for name, _family in rds.AURORA_POSTGRESQL_ENGINE_VERSIONS]
    if version not in known:
        raise AWSError("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")
    if _numbers(version) < _numbers(present):
        text = f"Cannot upgrade {ENGINE} from {present} to {version}"
        raise AWSError("InvalidParameterCombination", text)
    if _numbers(version)[0] != _numbers(present)[0] and not major_too:
        raise AWSError(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )


def _manage_password(cluster: dict[str, Any], request: Mapping[str, Any]) -> None:
    secret = rds.secretsmanager.create_secret_in_process(
        f"rds!cluster-{rds.new_uuid()}",
        rds.json.dumps({"username": cluster["MasterUsername"], "password": rds._generate_master_user_password()}),
        description=f"Secret managed by RDS for DB cluster {cluster['DBClusterIdentifier']}",
    )
    key = request.get("MasterUserSecretKmsKeyId")
    cluster["MasterUserSecret"] = {"SecretArn": secret, "SecretStatus": "active", "KmsKeyId": key}


def _delete_cluster(request: dict[str, Any]) -> dict[str, Any]:
    cluster = _cluster(request["DBClusterIdentifier"])
    if cluster["DeletionProtection"]:
        text = "Cannot delete protected Cluster, please disable deletion protection and try again."
        raise AWSError("InvalidParameterCombination", text)
    if any(instance["DBInstanceStatus"] != "deleting" for instance in _members(cluster)):
        text = "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
        raise AWSError("InvalidDBClusterStateFault", text)
    _check_available(cluster, "deleted")
    name, skipped = request.get("FinalDBSnapshotIdentifier"), request.get("SkipFinalSnapshot")
    if bool(name) == bool(skipped):
        text = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        raise AWSError("InvalidParameterCombination", text)
    if name in rds._db_cluster_snapshots:
        text = f"Cannot create the snapshot because one with the identifier {name} already exists."
        raise AWSError("DBClusterSnapshotAlreadyExistsFault", text)
    if name:
        rds._create_cluster_snapshot_internal(name, cluster)
        _name_database({"DBClusterSnapshotIdentifier": name, "DBClusterIdentifier": cluster["DBClusterIdentifier"]})
    cluster["Status"] = "deleting"
    timing.start(cluster)
    return {"DBCluster": _cluster_shown(cluster)}


def _set_http_endpoint(request: Mapping[str, Any], on: bool) -> dict[str, Any]:
    cluster = _cluster(request["ResourceArn"])
    cluster["HttpEndpointEnabled"] = on
    return {"ResourceArn": cluster["DBClusterArn"], "HttpEndpointEnabled": on}


# ---- Restoring


def _restores(operation: str, create: Callable[[Mapping[str, Any]], Response]) -> Callable[..., Response]:
    """A cluster made like a new one, with what it has of its source."""

    def action(params: Mapping[str, Any]) -> Response:
        try:
            request = wire.parse(operation, params)
            source = _source(request)
            flat = {key: value for key, value in params.items() if not key.startswith(("Source", "Restore"))}
            given = {
                "Engine": ENGINE,
                "EngineVersion": request.get("EngineVersion", source["EngineVersion"]),
                "MasterUsername": source["MasterUsername"],
                "MasterUserPassword": "of-the-source",
                "StorageEncrypted": "true" if source.get("StorageEncrypted") else "false",
            }
            database = source.get("DatabaseName") or source.get("_DatabaseName")
            if database:
                given["DatabaseName"] = database
            response = create({**flat, "Action": ["CreateDBCluster"], **{key: [text] for key, text in given.items()}})
        except AWSError as refusal:
            return wire.error(refusal)
        if response[0] >= 300:
            return response
        return wire.respond(operation, {"DBCluster": _cluster_shown(rds._clusters[request["DBClusterIdentifier"]])})

    return action


def _name_database(request: Mapping[str, Any]) -> None:
    """A snapshot doesn't tell the name of its database, which a cluster that is made of it has."""
    cluster = rds._clusters[request["DBClusterIdentifier"]]
    rds._db_cluster_snapshots[request["DBClusterSnapshotIdentifier"]]["_DatabaseName"] = cluster.get("DatabaseName")


def _source(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if "SnapshotIdentifier" in request:
        name = urllib.parse.unquote(request["SnapshotIdentifier"]).rpartition(":")[2]
        snapshot = rds._db_cluster_snapshots.get(name)
        if snapshot is None:
            raise AWSError("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {name} not found.", 404)
        return snapshot
    source = _cluster(request.get("SourceDBClusterIdentifier", ""))
    if bool(request.get("RestoreToTime")) == bool(request.get("UseLatestRestorableTime")):
        text = "Either RestoreToTime or UseLatestRestorableTime must be given, not both."
        raise AWSError("InvalidParameterCombination", text)
    moment = request.get("RestoreToTime")
    if moment and moment > now():
        raise AWSError("InvalidParameterValue", "The specified time is later than the latest restorable time.")
    return source


# ---- Instances


def _check_new_instance(request: dict[str, Any]) -> None:
    _settle()
    if not request.get("DBClusterIdentifier") or request.get("Engine") != ENGINE:
        return
    cluster = _cluster(request["DBClusterIdentifier"])
    if cluster["Status"] not in ("available", "modifying", "backing-up"):
        _check_available(cluster, "given instances")
    if request["DBInstanceClass"] not in CLASSES:
        raise AWSError(
            "InvalidParameterCombination",
            "RDS does not support creating a DB instance with the following combination:"
            f" DBInstanceClass={request['DBInstanceClass']}, Engine={ENGINE}, EngineVersion={cluster['EngineVersion']},"
            " LicenseModel=postgresql-license.",
        )
    zones = _zones(cluster)
    if request.get("AvailabilityZone", zones[0]) not in zones:
        text = f"The DB subnet group doesn't have a subnet in {request['AvailabilityZone']}."
        raise AWSError("InvalidVPCNetworkStateFault", text)


def _zones(cluster: Mapping[str, Any]) -> list[str]:
    group = rds._subnet_groups.get(cluster["DBSubnetGroup"], {})
    zones = sorted({subnet["SubnetAvailabilityZone"]["Name"] for subnet in group.get("Subnets", [])})
    return zones or [f"{get_region()}{letter}" for letter in "abc"]


def _complete_instance(request: Mapping[str, Any]) -> None:
    instance = rds._instances[request["DBInstanceIdentifier"]]
    cluster = rds._clusters.get(instance.get("DBClusterIdentifier") or "")
    if cluster is None or cluster["Engine"] != ENGINE:
        return
    _take(request, instance, INSTANCE_MEMBERS)
    instance.update({name: cluster[name] for name in INHERITED if name in cluster})
    instance["AvailabilityZone"] = request.get("AvailabilityZone", _zones(cluster)[0])
    instance["DBSubnetGroup"] = rds._subnet_groups.get(cluster["DBSubnetGroup"], instance["DBSubnetGroup"])
    instance["PendingModifiedValues"] = {}
    instance["DBInstanceStatus"] = "creating"
    timing.start(instance)


def _describe_instances(request: dict[str, Any]) -> dict[str, Any]:
    _settle()
    if request.get("DBInstanceIdentifier"):
        return {"DBInstances": [_shown(_instance(request["DBInstanceIdentifier"]))]}
    filters = {item["Name"]: item["Values"] for item in request.get("Filters", [])}
    found = rds._apply_instance_filters(list(rds._instances.values()), filters)
    return {"DBInstances": [_shown(instance) for instance in found]}


def _modify_instance(request: dict[str, Any]) -> dict[str, Any]:
    instance = _instance(request["DBInstanceIdentifier"])
    if instance["DBInstanceStatus"] != "available":
        text = f"Database instance is not in available state: {instance['DBInstanceStatus']}."
        raise AWSError("InvalidDBInstanceState", text)
    if request.get("DBInstanceClass", CLASSES[0]) not in CLASSES:
        raise AWSError("InvalidParameterCombination", "RDS does not support this class with the engine.")
    changes = dict(request)
    if request.get("ApplyImmediately"):
        changes = {**instance["PendingModifiedValues"], **changes}
        instance["PendingModifiedValues"] = {}
    else:
        waiting = {name: changes.pop(name) for name in WAITING if name in changes}
        instance["PendingModifiedValues"] = {**instance["PendingModifiedValues"], **waiting}
    _take(changes, instance, INSTANCE_MEMBERS)
    if "DBParameterGroupName" in changes:
        group = {"DBParameterGroupName": changes["DBParameterGroupName"], "ParameterApplyStatus": "in-sync"}
        instance["DBParameterGroups"] = [group]
    cluster = rds._clusters.get(instance["DBClusterIdentifier"], {})
    for member in cluster.get("DBClusterMembers", []):
        if member["DBInstanceIdentifier"] == instance["DBInstanceIdentifier"]:
            member["PromotionTier"] = instance["PromotionTier"]
    instance["DBInstanceStatus"] = "modifying"
    timing.start(instance)
    return {"DBInstance": _shown(instance)}


def _delete_instance(request: dict[str, Any]) -> dict[str, Any]:
    instance = _instance(request["DBInstanceIdentifier"])
    if instance["DBInstanceStatus"] == "deleting":
        name = instance["DBInstanceIdentifier"]
        raise AWSError("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
    instance["DBInstanceStatus"] = "deleting"
    timing.start(instance)
    return {"DBInstance": _shown(instance)}


# ---- What RDS offers


def _describe_versions(request: dict[str, Any]) -> dict[str, Any]:
    known = [(name, family) for name, family in rds.AURORA_POSTGRESQL_ENGINE_VERSIONS if "-" not in name]
    asked = request.get("EngineVersion")
    return {
        "DBEngineVersions": [
            {
                "Engine": ENGINE,
                "EngineVersion": name,
                "DBParameterGroupFamily": family,
                "Status": "available",
                "ValidUpgradeTarget": [
                    {
                        "Engine": ENGINE,
                        "EngineVersion": target,
                        "IsMajorVersionUpgrade": _numbers(target)[0] != _numbers(name)[0],
                    }
                    for target, _family in known
                    if _numbers(target) > _numbers(name)
                ],
            }
            for name, family in known
            if not asked or name == asked or name.startswith(f"{asked}.")
        ]
    }


def _describe_classes(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("DBInstanceClass")
    return {
        "OrderableDBInstanceOptions": [
            {"Engine": ENGINE, "EngineVersion": request.get("EngineVersion"), "DBInstanceClass": name}
            for name in CLASSES
            if wanted in (None, name)
        ]
    }
