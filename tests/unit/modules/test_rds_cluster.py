# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Aurora cluster: created, changed, upgraded, restored, deleted."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.rds_cluster import RdsCluster
from tests.support.scripted_aws import Step, api_error, refuse_resource, run_resource

ARN = "arn:aws:rds:us-west-2:123456789012:cluster:demo"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1"
NAME = {"DBClusterIdentifier": "demo"}
TAGS = {"Project": "demo"}
PARAMS = {
    "name": "Demo",
    "engine": "aurora-postgresql",
    "engine_version": "17.9",
    "allow_major_version_upgrade": False,
    "engine_lifecycle_support": None,
    "database_name": None,
    "master_username": "postgres",
    "manage_master_user_password": True,
    "master_user_secret_kms_key_id": KEY,
    "port": None,
    "db_subnet_group_name": "demo",
    "vpc_security_group_ids": ["sg-1"],
    "network_type": None,
    "db_cluster_parameter_group_name": "demo-17",
    "db_instance_parameter_group_name": "demo-17",
    "storage_encrypted": True,
    "kms_key_id": KEY,
    "storage_type": "aurora",
    "iam_database_authentication": True,
    "enable_http_endpoint": None,
    "serverless_scaling": None,
    "backup_retention_days": 7,
    "preferred_backup_window": "03:00-04:00",
    "preferred_maintenance_window": "Sat:05:00-Sat:06:00",
    "auto_minor_version_upgrade": True,
    "copy_tags_to_snapshot": True,
    "log_types": ["postgresql"],
    "monitoring_interval": None,
    "monitoring_role_arn": None,
    "database_insights_mode": "standard",
    "performance_insights": True,
    "performance_insights_kms_key_id": KEY,
    "performance_insights_retention_days": 7,
    "deletion_protection": True,
    "apply_immediately": True,
    "restore_snapshot": None,
    "restore_cluster": None,
    "restore_time": "latest",
    "skip_final_snapshot": False,
    "final_snapshot_name": None,
    "delete_automated_backups": True,
    "tags": TAGS,
    "owned_by": TAGS,
}
CREATED = {
    **NAME,
    "Engine": "aurora-postgresql",
    "EngineVersion": "17.9",
    "MasterUsername": "postgres",
    "ManageMasterUserPassword": True,
    "MasterUserSecretKmsKeyId": KEY,
    "DBSubnetGroupName": "demo",
    "VpcSecurityGroupIds": ["sg-1"],
    "DBClusterParameterGroupName": "demo-17",
    "StorageEncrypted": True,
    "KmsKeyId": KEY,
    "StorageType": "aurora",
    "EnableIAMDatabaseAuthentication": True,
    "BackupRetentionPeriod": 7,
    "PreferredBackupWindow": "03:00-04:00",
    "PreferredMaintenanceWindow": "sat:05:00-sat:06:00",
    "AutoMinorVersionUpgrade": True,
    "CopyTagsToSnapshot": True,
    "EnableCloudwatchLogsExports": ["postgresql"],
    "DatabaseInsightsMode": "standard",
    "EnablePerformanceInsights": True,
    "PerformanceInsightsKMSKeyId": KEY,
    "PerformanceInsightsRetentionPeriod": 7,
    "DeletionProtection": True,
    "Tags": [{"Key": "Project", "Value": "demo"}],
}
# As RDS describes it: without the storage type that is the default.
THERE = {
    **NAME,
    "DBClusterArn": ARN,
    "DbClusterResourceId": "cluster-ABC",
    "Status": "available",
    "Engine": "aurora-postgresql",
    "EngineVersion": "17.9",
    "MasterUsername": "postgres",
    "MasterUserSecret": {"SecretArn": "arn:secret", "SecretStatus": "active", "KmsKeyId": KEY},
    "DBSubnetGroup": "demo",
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
    "DBClusterParameterGroup": "demo-17",
    "StorageEncrypted": True,
    "KmsKeyId": KEY,
    "IAMDatabaseAuthenticationEnabled": True,
    "BackupRetentionPeriod": 7,
    "PreferredBackupWindow": "03:00-04:00",
    "PreferredMaintenanceWindow": "sat:05:00-sat:06:00",
    "AutoMinorVersionUpgrade": True,
    "CopyTagsToSnapshot": True,
    "EnabledCloudwatchLogsExports": ["postgresql"],
    "DatabaseInsightsMode": "standard",
    "PerformanceInsightsEnabled": True,
    "PerformanceInsightsKMSKeyId": KEY,
    "PerformanceInsightsRetentionPeriod": 7,
    "DeletionProtection": True,
    "TagList": [{"Key": "Project", "Value": "demo"}],
}


def seen(**members):
    shown = {member: value for member, value in {**THERE, **members}.items() if value is not None}
    return Step("DescribeDBClusters", {"DBClusters": [shown]}, NAME)


def nothing():
    return Step("DescribeDBClusters", api_error("DescribeDBClusters", "DBClusterNotFoundFault", status=404), NAME)


def modify(immediately=True, **members):
    return Step("ModifyDBCluster", {}, {**NAME, **members, "ApplyImmediately": immediately})


def run(params, *steps, **kwargs):
    return run_resource(RdsCluster, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(RdsCluster, {**PARAMS, **params}, *steps, **kwargs)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


# ---- creation


def test_create_and_wait_until_it_is_available():
    result, _aws, _module = run(
        {},
        nothing(),
        Step("CreateDBCluster", {}, CREATED),
        seen(Status="creating"),
        seen(Status="configuring-enhanced-monitoring"),
        seen(),
    )
    assert result["changed"]
    assert result["cluster"]["master_user_secret"]["secret_arn"] == "arn:secret"


def test_second_run_changes_nothing():
    result, _aws, module = run({}, seen())
    assert not result["changed"]
    assert module.warnings == []


def test_a_lost_reply_makes_no_second_one():
    result, _aws, _module = run(
        {},
        nothing(),
        Step("CreateDBCluster", api_error("CreateDBCluster", "InternalFailure", status=500)),
        seen(),
    )
    assert result["changed"]


def test_a_role_that_rds_does_not_know_yet():
    message = "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING"
    run(
        {},
        nothing(),
        Step("CreateDBCluster", api_error("CreateDBCluster", "InvalidParameterValue", message)),
        nothing(),
        Step("CreateDBCluster", {}, CREATED),
        seen(),
    )


@pytest.mark.parametrize("params", [{"master_username": None}, {"manage_master_user_password": False}])
def test_what_a_new_one_needs(params):
    assert "master_username and manage_master_user_password: true must be given" in refuse(params, nothing())


def test_someone_elses_is_left_alone():
    told = refuse({}, seen(TagList=[]))
    assert "exists but isn't ours" in told


def test_a_stopped_one_says_what_helps():
    assert "Start it (aws rds start-db-cluster)" in refuse({}, seen(Status="stopped"))


# ---- changes


@pytest.mark.parametrize(
    ("params", "members", "after"),
    [
        ({"backup_retention_days": 14}, {"BackupRetentionPeriod": 14}, {"BackupRetentionPeriod": 14}),
        (
            {"vpc_security_group_ids": ["sg-2"]},
            {"VpcSecurityGroupIds": ["sg-2"]},
            {"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-2", "Status": "active"}]},
        ),
        ({"storage_type": "aurora-iopt1"}, {"StorageType": "aurora-iopt1"}, {"StorageType": "aurora-iopt1"}),
        (
            {"log_types": ["iam-db-auth-error"]},
            {
                "CloudwatchLogsExportConfiguration": {
                    "EnableLogTypes": ["iam-db-auth-error"],
                    "DisableLogTypes": ["postgresql"],
                }
            },
            {"EnabledCloudwatchLogsExports": ["iam-db-auth-error"]},
        ),
        (
            {"database_insights_mode": "advanced", "performance_insights_retention_days": 465},
            {
                "DatabaseInsightsMode": "advanced",
                "EnablePerformanceInsights": True,
                "PerformanceInsightsKMSKeyId": KEY,
                "PerformanceInsightsRetentionPeriod": 465,
            },
            {"DatabaseInsightsMode": "advanced", "PerformanceInsightsRetentionPeriod": 465},
        ),
        (
            {"monitoring_interval": 60, "monitoring_role_arn": "arn:role"},
            {"MonitoringInterval": 60, "MonitoringRoleArn": "arn:role"},
            {"MonitoringInterval": 60, "MonitoringRoleArn": "arn:role"},
        ),
        (
            {"serverless_scaling": {"min_capacity": 0.5, "max_capacity": 4.0, "seconds_until_auto_pause": None}},
            {"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0}},
            {"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0}},
        ),
        ({"engine_version": "17.10"}, {"EngineVersion": "17.10"}, {"EngineVersion": "17.10"}),
        (
            {"db_cluster_parameter_group_name": "demo-other"},
            {"DBClusterParameterGroupName": "demo-other"},
            {"DBClusterParameterGroup": "demo-other"},
        ),
    ],
)
def test_a_change_sends_what_differs_and_is_waited_for(params, members, after):
    result, _aws, _module = run(
        params,
        seen(),
        modify(**members),
        # RDS shows for a moment what was before, and then that it is at it.
        seen(),
        seen(Status="modifying"),
        seen(**after),
        seen(**after),
    )
    assert result["changed"]


def test_the_data_api_has_calls_of_its_own():
    run(
        {"enable_http_endpoint": True},
        seen(HttpEndpointEnabled=False),
        Step("EnableHttpEndpoint", {}, {"ResourceArn": ARN}),
        *[seen(HttpEndpointEnabled=True)] * 2,
    )
    run(
        {"enable_http_endpoint": False},
        seen(HttpEndpointEnabled=True),
        Step("DisableHttpEndpoint", {}, {"ResourceArn": ARN}),
        *[seen(HttpEndpointEnabled=False)] * 2,
    )


def test_a_change_while_another_is_under_way_is_tried_again():
    message = "DB cluster demo is not currently in the available state"
    run(
        {"backup_retention_days": 14},
        seen(),
        Step("ModifyDBCluster", api_error("ModifyDBCluster", "InvalidDBClusterStateFault", message)),
        seen(Status="backing-up"),
        seen(),
        modify(BackupRetentionPeriod=14),
        *[seen(BackupRetentionPeriod=14)] * 2,
    )


def test_what_waits_for_the_window_is_told_and_not_sent_again():
    params = {"engine_version": "17.10", "apply_immediately": False}
    waiting = {"PendingModifiedValues": {"EngineVersion": "17.10"}}
    result, _aws, module = run(params, seen(), modify(False, EngineVersion="17.10"), *[seen(**waiting)] * 2)
    assert result["changed"]
    result, _aws, module = run(params, seen(**waiting))
    assert not result["changed"]
    (warning,) = module.warnings
    assert "engine_version (17.10) takes effect in the maintenance window (sat:05:00-sat:06:00, UTC)" in warning


def test_what_waits_is_done_at_once_if_that_is_declared():
    waiting = {"PendingModifiedValues": {"EngineVersion": "17.10"}}
    run(
        {"engine_version": "17.10"},
        seen(**waiting),
        modify(EngineVersion="17.10"),
        seen(Status="upgrading"),
        *[seen(EngineVersion="17.10")] * 2,
    )


def test_instances_that_have_to_be_restarted():
    members = [
        {"DBInstanceIdentifier": "demo-1", "DBClusterParameterGroupStatus": "pending-reboot"},
        {"DBInstanceIdentifier": "demo-2", "DBClusterParameterGroupStatus": "in-sync"},
    ]
    _result, _aws, module = run({}, seen(DBClusterMembers=members))
    (warning,) = module.warnings
    assert "demo-1 must be restarted" in warning


# ---- upgrades


def test_another_major_version_takes_the_switch():
    told = refuse({"engine_version": "18.4"}, seen())
    assert "runs 17.9, declared is 18.4, another major version" in told
    assert "allow_major_version_upgrade to true" in told


def test_another_major_version_takes_its_groups_along():
    params = {
        "engine_version": "18.4",
        "allow_major_version_upgrade": True,
        "db_cluster_parameter_group_name": "demo-18",
        "db_instance_parameter_group_name": "demo-18",
    }
    after = {"EngineVersion": "18.4", "DBClusterParameterGroup": "demo-18"}
    run(
        params,
        seen(),
        modify(
            EngineVersion="18.4",
            AllowMajorVersionUpgrade=True,
            DBClusterParameterGroupName="demo-18",
            DBInstanceParameterGroupName="demo-18",
        ),
        seen(Status="upgrading"),
        *[seen(**after)] * 2,
    )


@pytest.mark.parametrize("version", ["17.8", "16.10"])
def test_a_version_never_goes_back(version):
    assert 'Declare engine_version "17.9"' in refuse({"engine_version": version}, seen())


# ---- what can't be changed


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"kms_key_id": f"{KEY}2"}, "kms_key_id: is"),
        ({"master_username": "other"}, "master_username: is 'postgres', declared 'other'"),
        ({"db_subnet_group_name": "other"}, "db_subnet_group_name: is 'demo'"),
        ({"master_user_secret_kms_key_id": f"{KEY}2"}, "The master password of RDS cluster 'Demo'".replace("D", "d")),
        ({"performance_insights_kms_key_id": f"{KEY}2"}, "The record of its load of RDS cluster"),
    ],
)
def test_what_rds_can_not_change_is_refused(params, told):
    assert told.lower() in refuse(params, seen()).lower()


# ---- restoring

SNAPSHOT = {
    "DBClusterSnapshotIdentifier": "last",
    "Status": "available",
    "Engine": "aurora-postgresql",
    "EngineVersion": "17.9",
    "MasterUsername": "postgres",
}
BARE = {
    "MasterUserSecret": None,
    "BackupRetentionPeriod": 1,
    "AutoMinorVersionUpgrade": False,
    "DatabaseInsightsMode": None,
}
NOT_RESTORED = (
    "AutoMinorVersionUpgrade",
    "DatabaseInsightsMode",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "MasterUsername",
    "PreferredMaintenanceWindow",
    "StorageEncrypted",
)


def snapshot(**members):
    request = {"DBClusterSnapshotIdentifier": "last"}
    return Step("DescribeDBClusterSnapshots", {"DBClusterSnapshots": [{**SNAPSHOT, **members}]}, request)


def test_restore_from_a_snapshot_and_set_the_rest():
    request = {name: value for name, value in CREATED.items() if name not in NOT_RESTORED}
    upgrades = {**BARE, "AutoMinorVersionUpgrade": True, "BackupRetentionPeriod": 7}
    managed = {**BARE, "MasterUserSecret": THERE["MasterUserSecret"]}
    run(
        {"restore_snapshot": "last"},
        nothing(),
        snapshot(),
        Step("RestoreDBClusterFromSnapshot", {}, {**request, "SnapshotIdentifier": "last"}),
        seen(**BARE),
        modify(ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=KEY),
        seen(**managed),
        modify(BackupRetentionPeriod=7, AutoMinorVersionUpgrade=True),
        *[seen(**{**upgrades, "MasterUserSecret": THERE["MasterUserSecret"]})] * 2,
    )


def test_restore_to_a_moment_of_another_cluster():
    moment = datetime.datetime(2026, 11, 28, 9, 30, tzinfo=datetime.UTC)
    request = {name: value for name, value in CREATED.items() if name not in (*NOT_RESTORED, "Engine", "EngineVersion")}
    source = {
        **THERE,
        "DBClusterIdentifier": "other",
        "EarliestRestorableTime": moment - datetime.timedelta(days=1),
        "LatestRestorableTime": moment + datetime.timedelta(days=1),
    }
    run(
        {"restore_cluster": "other", "restore_time": "2026-11-28T09:30:00Z"},
        nothing(),
        Step("DescribeDBClusters", {"DBClusters": [source]}, {"DBClusterIdentifier": "other"}),
        Step(
            "RestoreDBClusterToPointInTime",
            {},
            {**request, "SourceDBClusterIdentifier": "other", "RestoreToTime": moment},
        ),
        seen(),
    )


def test_restore_of_a_deleted_cluster_to_the_latest_moment():
    backup = {"DbClusterResourceId": "cluster-OLD", "Engine": "aurora-postgresql", "EngineVersion": "17.9"}

    def check(request):
        assert request["SourceDbClusterResourceId"] == "cluster-OLD"
        assert request["UseLatestRestorableTime"] is True
        assert "RestoreToTime" not in request

    run(
        {"restore_cluster": "cluster-OLD"},
        nothing(),
        Step(
            "DescribeDBClusterAutomatedBackups",
            {"DBClusterAutomatedBackups": [backup]},
            {"DbClusterResourceId": "cluster-OLD"},
        ),
        Step("RestoreDBClusterToPointInTime", {}, check),
        seen(),
    )


@pytest.mark.parametrize("params", [{"restore_snapshot": "last"}, {"restore_cluster": "other"}])
def test_a_cluster_that_exists_is_not_restored(params):
    result, _aws, _module = run(params, seen())
    assert not result["changed"]


@pytest.mark.parametrize(
    ("params", "source", "told"),
    [
        ({}, {"Status": "creating"}, "which is creating"),
        ({"engine": "aurora-mysql"}, {}, "its engine is aurora-postgresql"),
        ({"master_username": "other"}, {}, "its master_username is postgres, declared is other"),
        ({"engine_version": "17.8"}, {}, "declared is the older 17.8"),
        ({"engine_version": "18.4"}, {}, "another major version. Restore with 17.9, then upgrade."),
    ],
)
def test_what_a_snapshot_does_not_fit(params, source, told):
    assert told in refuse({"restore_snapshot": "last", **params}, nothing(), snapshot(**source))


def test_a_source_that_is_not_there():
    missing = api_error("DescribeDBClusterSnapshots", "DBClusterSnapshotNotFoundFault", status=404)
    told = refuse({"restore_snapshot": "last"}, nothing(), Step("DescribeDBClusterSnapshots", missing))
    assert "AWS knows no snapshot 'last'" in told


def test_a_moment_that_can_not_be_restored():
    now = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
    source = {**THERE, "EarliestRestorableTime": now, "LatestRestorableTime": now}
    told = refuse(
        {"restore_cluster": "other", "restore_time": "2026-11-20T00:00:00Z"},
        nothing(),
        Step("DescribeDBClusters", {"DBClusters": [source]}, {"DBClusterIdentifier": "other"}),
    )
    assert "it can be restored from 2026-11-28T00:00:00+00:00" in told


# ---- deletion

ABSENT = {"state": "absent", "deletion_protection": False}
DELETED = {**NAME, "SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": "demo-final-abc"}


def test_delete_with_a_last_snapshot_of_a_name_of_its_own():
    run(
        ABSENT,
        seen(),
        modify(DeletionProtection=False),
        seen(Status="modifying", DeletionProtection=False),
        seen(DeletionProtection=False),
        Step("DeleteDBCluster", {}, {**DELETED, "DeleteAutomatedBackups": True}),
        seen(Status="deleting"),
        nothing(),
    )


def test_delete_without_a_last_snapshot():
    run(
        {**ABSENT, "skip_final_snapshot": True, "delete_automated_backups": False},
        seen(DeletionProtection=False),
        Step("DeleteDBCluster", {}, {**NAME, "SkipFinalSnapshot": True, "DeleteAutomatedBackups": False}),
        nothing(),
    )


def test_a_protected_one_is_kept():
    assert "is protected against deletion" in refuse({"state": "absent"}, seen())


def test_one_that_has_instances_says_what_helps():
    message = "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
    told = refuse(
        ABSENT,
        seen(DeletionProtection=False),
        Step("DeleteDBCluster", api_error("DeleteDBCluster", "InvalidDBClusterStateFault", message)),
    )
    assert "Remove its instances first" in told


def test_a_dry_run_writes_nothing():
    result, aws, _module = run({"backup_retention_days": 14}, seen(), check_mode=True)
    assert result["changed"]
    assert aws.operations() == ["DescribeDBClusters"]
    assert result["diff"]["after"]["backup_retention_days"] == 14
    result, aws, _module = run({}, nothing(), check_mode=True)
    assert result["changed"]
    assert aws.operations() == ["DescribeDBClusters"]
