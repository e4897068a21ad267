# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS: Aurora clusters and their instances, with their states, what waits, and what is restored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

ENGINE = "aurora-postgresql"
NAME = "shim-cluster"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1"
LOGIN = {"MasterUsername": "shim", "ManageMasterUserPassword": True}


@pytest.fixture(scope="module")
def rds(client: Callable[[str], Any]) -> Any:
    return client("rds")


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def found(rds: Any, name: str = NAME) -> dict[str, Any]:
    return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]


def ready(rds: Any, name: str = NAME) -> None:
    until(lambda: found(rds, name)["Status"] == "available")


def gone(rds: Any, name: str) -> bool:
    return name not in [item["DBClusterIdentifier"] for item in rds.describe_db_clusters()["DBClusters"]]


def remove(rds: Any, name: str) -> None:
    ready(rds, name)
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    until(lambda: gone(rds, name))


@pytest.fixture
def cluster(rds: Any) -> Iterator[dict[str, Any]]:
    rds.create_db_cluster(
        DBClusterIdentifier=NAME,
        Engine=ENGINE,
        EngineVersion="17.9",
        **LOGIN,
        DatabaseName="app",
        StorageEncrypted=True,
        KmsKeyId=KEY,
        EnableCloudwatchLogsExports=["postgresql"],
        DatabaseInsightsMode="standard",
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=7,
        MonitoringInterval=60,
        MonitoringRoleArn="arn:aws:iam::123456789012:role/shim",
        PreferredBackupWindow="03:00-04:00",
        PreferredMaintenanceWindow="sat:05:00-sat:06:00",
    )
    yield found(rds)
    remove(rds, NAME)


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def modify(rds: Any, **change: Any) -> dict[str, Any]:
    ready(rds)
    rds.modify_db_cluster(DBClusterIdentifier=NAME, **{"ApplyImmediately": True, **change})
    return found(rds)


def test_a_cluster_is_being_made_for_a_moment(rds: Any, cluster: dict[str, Any]) -> None:
    assert cluster["Status"] == "creating"
    assert cluster["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert (cluster["MonitoringInterval"], cluster["PerformanceInsightsRetentionPeriod"]) == (60, 7)
    assert cluster["DatabaseInsightsMode"] == "standard"
    assert "StorageType" not in cluster

    # Where the machine is busy it may be over before the next call, and what that has begun meets the one after it.
    def change_on_and_on() -> None:
        for days in range(3, 36):
            rds.modify_db_cluster(DBClusterIdentifier=NAME, BackupRetentionPeriod=days, ApplyImmediately=True)

    with pytest.raises(ClientError) as refused:
        change_on_and_on()
    assert refused.value.response["Error"]["Code"] == "InvalidDBClusterStateFault"
    ready(rds)


def test_a_change_takes_a_moment(rds: Any, cluster: dict[str, Any]) -> None:
    changed = modify(rds, BackupRetentionPeriod=3, StorageType="aurora-iopt1")
    assert (changed["Status"], changed["BackupRetentionPeriod"]) == ("modifying", 3)
    assert changed["StorageType"] == "aurora-iopt1"
    logs = {"DisableLogTypes": ["postgresql"], "EnableLogTypes": ["instance"]}
    assert modify(rds, CloudwatchLogsExportConfiguration=logs)["EnabledCloudwatchLogsExports"] == ["instance"]
    capacity = {"MinCapacity": 0, "MaxCapacity": 4}
    scaling = modify(rds, ServerlessV2ScalingConfiguration=capacity)["ServerlessV2ScalingConfiguration"]
    assert scaling == {**capacity, "SecondsUntilAutoPause": 300}


def test_an_upgrade_waits_for_the_window(rds: Any, cluster: dict[str, Any]) -> None:
    waiting = modify(rds, EngineVersion="17.10", ApplyImmediately=False)
    assert (waiting["EngineVersion"], waiting["PendingModifiedValues"]) == ("17.9", {"EngineVersion": "17.10"})
    done = modify(rds, BackupRetentionPeriod=2)
    assert (done["EngineVersion"], done.get("PendingModifiedValues")) == ("17.10", None)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"EngineVersion": "17.99"}, "Cannot find version 17.99 for aurora-postgresql"),
        ({"EngineVersion": "17.7"}, "Cannot upgrade aurora-postgresql from 17.9 to 17.7"),
        ({"EngineVersion": "18.4"}, "The AllowMajorVersionUpgrade flag must be present"),
        ({"PreferredBackupWindow": "05:30-06:30"}, "must not overlap"),
        ({"PreferredBackupWindow": "01:00-01:10"}, "must be at least 30 minutes"),
        ({"BackupRetentionPeriod": 36}, "Invalid backup retention period"),
        ({"DatabaseInsightsMode": "advanced"}, "set the retention period for Performance Insights to at least 465"),
    ],
)
def test_what_rds_refuses(rds: Any, cluster: dict[str, Any], change: dict[str, Any], text: str) -> None:
    ready(rds)
    _code, told = refusal(rds.modify_db_cluster, DBClusterIdentifier=NAME, **change)
    assert text in told


def test_a_cluster_that_lacks_something(rds: Any) -> None:
    named = {"DBClusterIdentifier": "shim-none", "Engine": ENGINE}
    code, _text = refusal(rds.create_db_cluster, **named, **LOGIN, DBSubnetGroupName="none")
    assert code == "DBSubnetGroupNotFoundFault"
    _code, text = refusal(rds.create_db_cluster, **named, MasterUsername="shim")
    assert "MasterUserPassword must be provided" in text


def test_the_data_api(rds: Any, cluster: dict[str, Any]) -> None:
    rds.enable_http_endpoint(ResourceArn=cluster["DBClusterArn"])
    assert found(rds)["HttpEndpointEnabled"] is True
    rds.disable_http_endpoint(ResourceArn=cluster["DBClusterArn"])
    assert found(rds)["HttpEndpointEnabled"] is False


def test_instances(rds: Any, cluster: dict[str, Any]) -> None:
    made = {"DBClusterIdentifier": NAME, "Engine": ENGINE, "DBInstanceClass": "db.t4g.medium"}
    named = {"DBInstanceIdentifier": "shim-1"}
    assert refusal(rds.create_db_instance, **named, **made)[0] == "InvalidDBClusterStateFault"
    ready(rds)
    told = refusal(rds.create_db_instance, **named, **{**made, "DBInstanceClass": "db.m5.large"})
    assert "RDS does not support creating a DB instance with the following combination" in told[1]
    rds.create_db_instance(**named, **made, CACertificateIdentifier="rds-ca-ecc384-g1", PromotionTier=3)

    def instance() -> dict[str, Any]:
        return rds.describe_db_instances(**named)["DBInstances"][0]

    def at_rest() -> dict[str, Any]:
        until(lambda: instance()["DBInstanceStatus"] == "available")
        return instance()

    assert instance()["DBInstanceStatus"] == "creating"
    ours = at_rest()
    assert (ours["StorageEncrypted"], ours["KmsKeyId"]) == (True, KEY)
    assert (ours["CACertificateIdentifier"], ours["PromotionTier"]) == ("rds-ca-ecc384-g1", 3)
    assert "rds.amazonaws.com" in found(rds)["Endpoint"]

    rds.modify_db_instance(**named, DBInstanceClass="db.r8g.large", PromotionTier=0)
    waiting = at_rest()
    assert waiting["DBInstanceClass"] == "db.t4g.medium"
    assert waiting["PendingModifiedValues"] == {"DBInstanceClass": "db.r8g.large"}
    rds.modify_db_instance(**named, AutoMinorVersionUpgrade=False, ApplyImmediately=True)
    assert instance()["DBInstanceStatus"] == "modifying"
    done = at_rest()
    assert (done["DBInstanceClass"], done["AutoMinorVersionUpgrade"]) == ("db.r8g.large", False)
    (member,) = found(rds)["DBClusterMembers"]
    assert (member["PromotionTier"], member["DBClusterParameterGroupStatus"]) == (0, "in-sync")

    _code, text = refusal(rds.delete_db_cluster, DBClusterIdentifier=NAME, SkipFinalSnapshot=True)
    assert "it still contains DB instances in non-deleting state" in text
    rds.delete_db_instance(**named)
    assert instance()["DBInstanceStatus"] == "deleting"
    assert refusal(rds.delete_db_instance, **named)[0] == "InvalidDBInstanceState"
    until(lambda: not rds.describe_db_instances()["DBInstances"])


def test_a_last_snapshot_and_what_is_restored_from_it(rds: Any) -> None:
    name, snapshot = "shim-old", "shim-old-final"
    more = {"DatabaseName": "app", "StorageEncrypted": True}
    rds.create_db_cluster(DBClusterIdentifier=name, Engine=ENGINE, EngineVersion="17.9", **LOGIN, **more)
    ready(rds, name)
    named = {"DBClusterIdentifier": name}
    _code, text = refusal(rds.delete_db_cluster, **named)
    assert text == "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
    rds.delete_db_cluster(**named, FinalDBSnapshotIdentifier=snapshot)
    assert found(rds, name)["Status"] == "deleting"
    until(lambda: gone(rds, name))
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="shim-new", SnapshotIdentifier=snapshot, Engine=ENGINE, DeletionProtection=False
    )
    ready(rds, "shim-new")
    restored = found(rds, "shim-new")
    assert (restored["MasterUsername"], restored["EngineVersion"]) == ("shim", "17.9")
    assert (restored["StorageEncrypted"], restored["DatabaseName"]) == (True, "app")
    # The password is that of the source until RDS is told to manage it.
    assert "MasterUserSecret" not in restored
    rds.modify_db_cluster(DBClusterIdentifier="shim-new", ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=KEY)
    assert found(rds, "shim-new")["MasterUserSecret"]["KmsKeyId"] == KEY
    ready(rds, "shim-new")
    told = refusal(rds.delete_db_cluster, DBClusterIdentifier="shim-new", FinalDBSnapshotIdentifier=snapshot)
    assert told[0] == "DBClusterSnapshotAlreadyExistsFault"
    code, _text = refusal(
        rds.restore_db_cluster_from_snapshot, DBClusterIdentifier="x", SnapshotIdentifier="none", Engine=ENGINE
    )
    assert code == "DBClusterSnapshotNotFoundFault"
    remove(rds, "shim-new")


def test_a_moment_of_another_cluster(rds: Any, cluster: dict[str, Any]) -> None:
    ready(rds)
    source = {"DBClusterIdentifier": "shim-then", "SourceDBClusterIdentifier": NAME}
    assert refusal(rds.restore_db_cluster_to_point_in_time, **source)[0] == "InvalidParameterCombination"
    rds.restore_db_cluster_to_point_in_time(**source, UseLatestRestorableTime=True)
    assert found(rds, "shim-then")["DatabaseName"] == "app"
    remove(rds, "shim-then")


def test_what_rds_offers(rds: Any) -> None:
    versions = rds.describe_db_engine_versions(Engine=ENGINE)["DBEngineVersions"]
    targets = next(item["ValidUpgradeTarget"] for item in versions if item["EngineVersion"] == "17.9")
    assert {"17.10": False, "18.4": True}.items() <= {
        target["EngineVersion"]: target["IsMajorVersionUpgrade"] for target in targets
    }.items()
    options = rds.describe_orderable_db_instance_options(Engine=ENGINE, EngineVersion="17.10")
    classes = {option["DBInstanceClass"] for option in options["OrderableDBInstanceOptions"]}
    assert {"db.serverless", "db.t4g.medium", "db.r8g.large"} <= classes
