#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_cluster
version_added: 0.1.0
short_description: Manage an Amazon Aurora cluster
description:
  - Creates, changes, upgrades, restores and deletes an Aurora cluster. Its instances are made by
    M(agent_platform.aws.rds_instance).
  - RDS makes the master password and keeps it in Secrets Manager. There is no option for one of your own.
  - It replaces M(amazon.aws.rds_cluster), which in release 11.4.0 has no network type, Database Insights, log types at
    the restoration, or managed password with a key, needs several runs for a restored cluster, changes a cluster of
    that name whoever made it, and doesn't see changes that wait for the maintenance window.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Identifier of the cluster, 1 to 63 letters, digits and single hyphens with a letter first. RDS keeps it in lower
        case.
    type: str
    required: true
  engine:
    description:
      - Engine of the cluster. Needed to create it. It can't be changed later.
    type: str
    choices: [aurora-mysql, aurora-postgresql]
  engine_version:
    description:
      - Version of the engine, in quotes. If not set, a new cluster gets the default version of RDS.
      - A newer one is an upgrade in place. It is never taken back.
    type: str
  allow_major_version_upgrade:
    description:
      - Whether O(engine_version) may be of another major version than the cluster runs. The groups of parameters of
        the new family, O(db_cluster_parameter_group_name) and O(db_instance_parameter_group_name), go with the upgrade.
    type: bool
    default: false
  engine_lifecycle_support:
    description:
      - What happens when the standard support of the major version ends. V(open-source-rds-extended-support) means that
        it goes on at a higher price, V(open-source-rds-extended-support-disabled) that RDS upgrades the cluster.
    type: str
    choices: [open-source-rds-extended-support, open-source-rds-extended-support-disabled]
  database_name:
    description:
      - Name of the first database. It can't be changed later.
    type: str
  master_username:
    description:
      - Name of the master user. Needed to create a cluster other than by restoring one. It can't be changed later.
    type: str
  manage_master_user_password:
    description:
      - Has RDS make and rotate the password of the master user, in Secrets Manager. V(false) leaves the password of a
        cluster that exists alone.
    type: bool
    default: true
  master_user_secret_kms_key_id:
    description:
      - ARN or ID of the KMS key of that secret. It can't be changed as long as RDS manages the password.
    type: str
  port:
    description:
      - Port of the database, from 1150 to 65535. A change interrupts connections.
    type: int
  db_subnet_group_name:
    description:
      - Subnet group. It can't be changed later.
    type: str
  vpc_security_group_ids:
    description:
      - Security groups.
    type: list
    elements: str
  network_type:
    description:
      - Address family. V(DUAL) takes a subnet group whose subnets have IPv6 addresses.
    type: str
    choices: [IPV4, DUAL]
  db_cluster_parameter_group_name:
    description:
      - Group of the cluster's parameters, of the family of the engine version.
    type: str
  db_instance_parameter_group_name:
    description:
      - Group that the instances get with the upgrade of the major version. Not used otherwise.
    type: str
  storage_encrypted:
    description:
      - Whether the cluster is encrypted. It can't be changed later.
    type: bool
  kms_key_id:
    description:
      - ARN or ID of the KMS key of the storage. It can't be changed later.
    type: str
  storage_type:
    description:
      - How storage is paid. V(aurora-iopt1) has no charges for I/O; a cluster can change to it once in 30 days.
    type: str
    choices: [aurora, aurora-iopt1]
  iam_database_authentication:
    description:
      - Whether database users may log in with tokens of IAM.
    type: bool
  enable_http_endpoint:
    description:
      - Whether the cluster can be used through the RDS Data API.
    type: bool
  serverless_scaling:
    description:
      - Capacity of instances of the class C(db.serverless).
    type: dict
    suboptions:
      min_capacity:
        description:
          - The least Aurora capacity units of an instance, in steps of 0.5. With 0 it pauses when it is idle.
        type: float
      max_capacity:
        description:
          - The most Aurora capacity units of an instance, in steps of 0.5.
        type: float
      seconds_until_auto_pause:
        description:
          - After how many idle seconds an instance pauses, from 300 to 86400.
        type: int
  backup_retention_days:
    description:
      - For how many days the cluster can be restored, 1 to 35.
    type: int
  preferred_backup_window:
    description:
      - Daily window for backups, in UTC, such as V(03:00-04:00).
    type: str
  preferred_maintenance_window:
    description:
      - Weekly window for maintenance, in UTC, such as V(sat:05:00-sat:06:00).
    type: str
  auto_minor_version_upgrade:
    description:
      - Whether RDS upgrades the cluster to newer minor versions in the maintenance window.
    type: bool
  copy_tags_to_snapshot:
    description:
      - Whether snapshots get the tags of the cluster.
    type: bool
  log_types:
    description:
      - Logs that go to CloudWatch Logs, to the groups C(/aws/rds/cluster/<name>/<type>). RDS makes a group that doesn't
        exist, without key and retention. Those not listed are turned off.
    type: list
    elements: str
  monitoring_interval:
    description:
      - Seconds between two measurements of the operating system of each instance; V(0) for none.
    type: int
    choices: [0, 1, 5, 10, 15, 30, 60]
  monitoring_role_arn:
    description:
      - Role that RDS delivers them with.
    type: str
  database_insights_mode:
    description:
      - Mode of CloudWatch Database Insights. V(advanced) takes O(performance_insights) and a retention of 465 days.
    type: str
    choices: [standard, advanced]
  performance_insights:
    description:
      - Whether the load of the database is recorded, for all instances.
    type: bool
  performance_insights_kms_key_id:
    description:
      - ARN or ID of the KMS key of that record. It can't be changed once there is one.
    type: str
  performance_insights_retention_days:
    description:
      - For how many days the record is kept, V(7), V(731), or a multiple of 31 up to 713.
    type: int
  deletion_protection:
    description:
      - Whether RDS refuses to delete the cluster.
      - With O(state=absent) a protected cluster is deleted only if this option is V(false); the module then turns the
        protection off first.
    type: bool
  apply_immediately:
    description:
      - Whether what would interrupt the database, such as an upgrade, is done now. With V(false) RDS keeps it until the
        maintenance window, and the module says so.
    type: bool
    default: true
  restore_snapshot:
    description:
      - Identifier or ARN of a snapshot that a new cluster is restored from. A cluster that exists isn't touched by it.
      - What the restoration doesn't take is set right after it.
    type: str
  restore_cluster:
    description:
      - Identifier of a cluster that a new one is restored from, or resource ID (C(cluster-...)) of a deleted one whose
        automated backups are still there. A cluster that exists isn't touched by it.
    type: str
  restore_time:
    description:
      - The moment of O(restore_cluster) that is restored, in ISO 8601 with its time zone, or V(latest).
    type: str
    default: latest
  skip_final_snapshot:
    description:
      - With O(state=absent), whether the cluster is deleted without a last snapshot.
    type: bool
    default: false
  final_snapshot_name:
    description:
      - Identifier of the last snapshot. If not set, it is made of O(name), C(final) and the resource ID of the cluster,
        which no other has.
    type: str
  delete_automated_backups:
    description:
      - With O(state=absent), whether the automated backups go with the cluster. With V(false) they stay for the rest of
        their retention.
    type: bool
    default: true
notes:
  - O(wait_timeout) is 1800 seconds by default and counts for each step, such as the creation or one change.
seealso:
  - module: agent_platform.aws.rds_instance
  - module: agent_platform.aws.rds_cluster_parameter_group
  - module: agent_platform.aws.rds_subnet_group
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Create an encrypted cluster
  agent_platform.aws.rds_cluster:
    name: demo-aurora
    engine: aurora-postgresql
    engine_version: "17.10"
    master_username: postgres
    master_user_secret_kms_key_id: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    db_subnet_group_name: demo-aurora
    vpc_security_group_ids: [sg-0a1b2c3d4e5f60001]
    storage_encrypted: true
    kms_key_id: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    backup_retention_days: 7
    deletion_protection: true
    tags:
      Project: demo

- name: Restore another one to a moment of it
  agent_platform.aws.rds_cluster:
    name: demo-aurora-restored
    engine: aurora-postgresql
    restore_cluster: demo-aurora
    restore_time: "2026-11-28T09:30:00Z"
    db_subnet_group_name: demo-aurora

- name: Delete a protected cluster, with a last snapshot
  agent_platform.aws.rds_cluster:
    name: demo-aurora
    deletion_protection: false
    state: absent
"""

RETURN = r"""
cluster:
  description: The cluster as RDS describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    database_name:
      description: Name of the first database.
      type: str
    db_cluster_arn:
      description: ARN of the cluster.
      type: str
      sample: arn:aws:rds:us-west-2:123456789012:cluster:demo-aurora
    db_cluster_identifier:
      description: Identifier of the cluster.
      type: str
    db_cluster_members:
      description: The instances, each with db_instance_identifier, is_cluster_writer and promotion_tier.
      type: list
      elements: dict
    db_cluster_resource_id:
      description: Resource ID of the cluster, which policies for logins with IAM name.
      type: str
      sample: cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ
    endpoint:
      description: Address of the writer.
      type: str
    engine_version:
      description: Version that runs.
      type: str
      sample: "17.10"
    master_user_secret:
      description: The secret with the master password, with secret_arn, secret_status and kms_key_id.
      type: dict
    pending_modified_values:
      description: What waits for the maintenance window.
      type: dict
    port:
      description: Port of the database.
      type: int
    reader_endpoint:
      description: Address of the readers.
      type: str
    status:
      description: State of the cluster.
      type: str
      sample: available
    tags:
      description: Tags of the cluster.
      type: dict
"""

import datetime
import re

from ..module_utils.databases import (
    BUSY,
    DEGRADED,
    DELETING,
    FAILED,
    NOT_YET,
    READY,
    UNDER_WAY,
    Database,
    lower,
    major,
)
from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update
from ..module_utils.faults import ResourceError
from ..module_utils.rds import rds_tagging
from ..module_utils.resource import run_module
from ..module_utils.values import placeholder, same_key, version_numbers

ARN = "DBClusterArn"
NOT_FOUND = ("DBClusterNotFoundFault",)
MODIFY = "ModifyDBCluster"
FROM_SNAPSHOT = "RestoreDBClusterFromSnapshot"
TO_TIME = "RestoreDBClusterToPointInTime"
LATEST = "latest"
RESOURCE_ID = re.compile(r"cluster-[A-Z0-9]+")
LOGS = ("CloudwatchLogsExportConfiguration.EnableLogTypes", "CloudwatchLogsExportConfiguration.DisableLogTypes")


def group_ids(memberships):
    # A prediction has the ids themselves.
    return [item if isinstance(item, str) else item["VpcSecurityGroupId"] for item in memberships]


def moment(text):
    """A moment as the API takes it, or nothing where it is the latest one."""
    if text == LATEST:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ResourceError(f"restore_time {text} isn't a moment with a time zone, such as 2026-11-28T09:30:00Z.")
    return found


def plain(option, member, **how):
    return Setting(option, member, update=how.pop("update", "settings"), **how)


class RdsCluster(Database):
    kind = "RDS cluster"
    result = "cluster"
    names = {"DBClusterIdentifier": "name"}
    identifier = "DbClusterResourceId"
    needed = ("engine",)
    protection = "deletion_protection"
    describe = Describe("DescribeDBClusters", "DBClusters", missing=NOT_FOUND, many=True)
    create = Create("CreateDBCluster", exists=("DBClusterAlreadyExistsFault",), tags="Tags")
    delete = Delete("DeleteDBCluster", missing=NOT_FOUND)
    settings = (
        Setting("engine", "Engine"),
        Setting("database_name", "DatabaseName", absent=""),
        Setting("master_username", "MasterUsername"),
        Setting("db_subnet_group_name", "DBSubnetGroupName", read="DBSubnetGroup", given=lower),
        Setting("storage_encrypted", "StorageEncrypted", absent=False),
        Setting("kms_key_id", "KmsKeyId", same=lambda current, desired: same_key(current or "", desired)),
        Setting(
            "manage_master_user_password",
            "ManageMasterUserPassword",
            read="MasterUserSecret.SecretStatus",
            update="password",
            decode=bool,
            absent=False,
        ),
        Setting(
            "master_user_secret_kms_key_id",
            "MasterUserSecretKmsKeyId",
            read="MasterUserSecret.KmsKeyId",
            update="password",
            same=lambda current, desired: same_key(current or "", desired),
        ),
        plain("engine_lifecycle_support", "EngineLifecycleSupport"),
        plain("port", "Port"),
        plain(
            "vpc_security_group_ids",
            "VpcSecurityGroupIds",
            read="VpcSecurityGroups",
            unordered=True,
            decode=group_ids,
        ),
        plain("network_type", "NetworkType", absent="IPV4"),
        # RDS doesn't name the type that is the default.
        plain("storage_type", "StorageType", absent="aurora"),
        plain(
            "iam_database_authentication",
            "EnableIAMDatabaseAuthentication",
            read="IAMDatabaseAuthenticationEnabled",
            absent=False,
        ),
        plain("serverless_scaling", "ServerlessV2ScalingConfiguration", partial=True),
        plain("backup_retention_days", "BackupRetentionPeriod"),
        plain("preferred_backup_window", "PreferredBackupWindow"),
        plain("preferred_maintenance_window", "PreferredMaintenanceWindow", given=lower),
        plain("auto_minor_version_upgrade", "AutoMinorVersionUpgrade"),
        plain("copy_tags_to_snapshot", "CopyTagsToSnapshot", absent=False),
        plain("deletion_protection", "DeletionProtection", absent=False),
        Setting(
            "log_types",
            "EnableCloudwatchLogsExports",
            read="EnabledCloudwatchLogsExports",
            update="logs",
            update_members=LOGS,
            unordered=True,
            absent=[],
        ),
        Setting("monitoring_interval", "MonitoringInterval", update="monitoring", absent=0),
        Setting("monitoring_role_arn", "MonitoringRoleArn", update="monitoring"),
        Setting("database_insights_mode", "DatabaseInsightsMode", update="insights", absent="standard"),
        Setting(
            "performance_insights",
            "EnablePerformanceInsights",
            read="PerformanceInsightsEnabled",
            update="insights",
            absent=False,
        ),
        Setting(
            "performance_insights_kms_key_id",
            "PerformanceInsightsKMSKeyId",
            update="insights",
            same=lambda current, desired: same_key(current or "", desired),
        ),
        Setting("performance_insights_retention_days", "PerformanceInsightsRetentionPeriod", update="insights"),
        Setting(
            "enable_http_endpoint",
            "EnableHttpEndpoint",
            read="HttpEndpointEnabled",
            update="http_endpoint",
            update_members=(),
            absent=False,
        ),
        Setting("engine_version", "EngineVersion", update="version"),
        Setting(
            "db_cluster_parameter_group_name",
            "DBClusterParameterGroupName",
            read="DBClusterParameterGroup",
            update="parameters",
            given=lower,
        ),
    )
    # The groups of parameters of another major version go with the upgrade; after it nothing is left to change of them.
    updates = {
        "password": Update(MODIFY, whole=True),
        "settings": Update(MODIFY),
        "logs": Update(MODIFY),
        "monitoring": Update(MODIFY, whole=True),
        "insights": Update(MODIFY, whole=True),
        "http_endpoint": Update("EnableHttpEndpoint", by={"ResourceArn": ARN}, clear="DisableHttpEndpoint"),
        "version": Update(MODIFY),
        "parameters": Update(MODIFY),
    }
    update_call = MODIFY
    pending_members = {
        "backup_retention_days": "BackupRetentionPeriod",
        "engine_version": "EngineVersion",
        "iam_database_authentication": "IAMDatabaseAuthenticationEnabled",
        "storage_type": "StorageType",
    }
    tagging = rds_tagging(ARN)
    states = States("Status", ready=READY, pending=BUSY, deleting=DELETING, failed=FAILED, degraded=DEGRADED)
    timeout = 1800
    extra_operations = (
        FROM_SNAPSHOT,
        TO_TIME,
        "DescribeDBClusterAutomatedBackups",
        "DescribeDBClusterSnapshots",
    )
    passing = {**NOT_YET, "DBClusterParameterGroupNotFound": ("",), "InvalidDBClusterStateFault": UNDER_WAY}
    hints = {
        "DBClusterSnapshotAlreadyExistsFault": {"": "Give another final_snapshot_name, and run again."},
        "InvalidDBClusterStateFault": {
            "contain": "Remove its instances first (agent_platform.aws.rds_instance), and run again."
        },
        "InvalidParameterCombination": {
            "Cannot find version": "DescribeDBEngineVersions lists the versions that RDS offers.",
            "Cannot upgrade": "DescribeDBEngineVersions lists the versions that it can be upgraded to.",
        },
        "KMSKeyNotAccessibleFault": {"": "Let this identity use the KMS key (kms:CreateGrant, kms:DescribeKey)."},
        "DBClusterQuotaExceededFault": {"": "Ask for more DB clusters in Service Quotas, or remove unused ones."},
    }
    renewal = "A snapshot of it can be restored under another name with other settings."
    unmanaged = {
        **dict.fromkeys(
            (
                "BacktrackDBCluster",
                "FailoverDBCluster",
                "PromoteReadReplicaDBCluster",
                "RebootDBCluster",
                "StartDBCluster",
                "StopDBCluster",
            ),
            "what is done with a cluster, not how it is set; one that is stopped is reported",
        ),
        "ApplyPendingMaintenanceAction": "maintenance is RDS's, in the window",
        **dict.fromkeys(
            ("CreateDBClusterSnapshot", "RestoreDBClusterFromS3"), "snapshots and imports of data are others' business"
        ),
        **dict.fromkeys(
            (
                "AddRoleToDBCluster",
                "CreateDBClusterEndpoint",
                "DeregisterDBProxyTargets",
                "ModifyActivityStream",
                "RegisterDBProxyTargets",
                "RemoveRoleFromDBCluster",
                "StartActivityStream",
                "StopActivityStream",
                "CreateDBCluster.AssociatedRoles",
            ),
            "roles for extensions, endpoints of your own, proxies and activity streams are left alone",
        ),
        **dict.fromkeys(
            (
                "RemoveFromGlobalCluster",
                "CreateDBCluster.GlobalClusterIdentifier",
                "CreateDBCluster.ReplicationSourceIdentifier",
                "CreateDBCluster.PreSignedUrl",
                "CreateDBCluster.SourceRegion",
            ),
            "no copies in other regions",
        ),
        **dict.fromkeys(
            (
                "CreateDBShardGroup",
                "CreateDBCluster.EnableLimitlessDatabase",
                "CreateDBCluster.ClusterScalabilityType",
                "ModifyDBCluster.EnableLimitlessDatabase",
            ),
            "no Limitless Database",
        ),
        **dict.fromkeys(
            ("CreateDBCluster.MasterUserPassword", "ModifyDBCluster.MasterUserPassword"), "RDS makes the password"
        ),
        "ModifyDBCluster.RotateMasterUserPassword": "Secrets Manager rotates it every seven days",
        "ModifyDBCluster.NewDBClusterIdentifier": "a cluster keeps its name",
        "ModifyDBCluster.AwsBackupRecoveryPointArn": "AWS Backup's",
        "CreateDBCluster.AvailabilityZones": "RDS keeps the data in three zones of the region",
        "CreateDBCluster.TagSpecifications": "the tags of what RDS makes for it",
        "CreateDBCluster.CharacterSetName": "the engine's",
        **dict.fromkeys(
            (
                f"{operation}.{member}"
                for operation in ("CreateDBCluster", "ModifyDBCluster")
                for member in (
                    "Domain",
                    "DomainIAMRoleName",
                    "EnableGlobalWriteForwarding",
                    "EnableLocalWriteForwarding",
                    "EngineMode",
                    "MasterUserAuthenticationType",
                    "OptionGroupName",
                )
            ),
            "AWS's defaults",
        ),
        **dict.fromkeys(
            (
                *(
                    f"{operation}.{member}"
                    for operation in ("CreateDBCluster", "ModifyDBCluster")
                    for member in (
                        "AllocatedStorage",
                        "BacktrackWindow",
                        "CACertificateIdentifier",
                        "DBClusterInstanceClass",
                        "Iops",
                        "ScalingConfiguration",
                    )
                ),
                "CreateDBCluster.DBSystemId",
                "CreateDBCluster.PubliclyAccessible",
                "CreateDBCluster.RdsCustomClusterConfiguration",
                "CreateDBCluster.WithExpressConfiguration",
                "ModifyCurrentDBClusterCapacity",
                "ModifyDBCluster.AllowEngineModeChange",
            ),
            "of other kinds of clusters",
        ),
    }

    def prepare(self):
        super().prepare()
        if self.options["manage_master_user_password"] is False:
            self.options["manage_master_user_password"] = None
        self.source = self.options["restore_snapshot"] or self.options["restore_cluster"] or None
        if self.source:
            operation = FROM_SNAPSHOT if self.options["restore_snapshot"] else TO_TIME
            self.create = Create(operation, exists=self.create.exists, tags=self.create.tags)

    # ---- Requests

    def create_request(self):
        request = super().create_request()
        if not self.source:
            return request
        # The rest is set once it is there; its database and its users are those of the source.
        known = self.writer.meta.service_model.operation_model(self.create.operation).input_shape.members
        request = {name: value for name, value in request.items() if name in known and name != "DatabaseName"}
        if self.options["restore_snapshot"]:
            return {**request, "SnapshotIdentifier": self.source}
        by = "SourceDbClusterResourceId" if RESOURCE_ID.fullmatch(self.source) else "SourceDBClusterIdentifier"
        when = moment(self.options["restore_time"])
        return {**request, by: self.source, **({"RestoreToTime": when} if when else {"UseLatestRestorableTime": True})}

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if name == "logs":
            change = changes["log_types"]
            wanted = {"EnableLogTypes": change.added, "DisableLogTypes": change.removed}
            request["CloudwatchLogsExportConfiguration"] = {kind: types for kind, types in wanted.items() if types}
        return request

    def update_version(self, changes, current):
        request = self.update_request("version", changes, current)
        if self.is_major(current):
            groups = {
                "DBClusterParameterGroupName": self.options["db_cluster_parameter_group_name"],
                "DBInstanceParameterGroupName": self.options["db_instance_parameter_group_name"],
            }
            request["AllowMajorVersionUpgrade"] = True
            request |= {member: group for member, group in groups.items() if group}
        self.write(MODIFY, request, f"upgrade {self.title} to {self.options['engine_version']}")

    def is_major(self, current):
        """Whether the declared version is of another major one than runs."""
        wanted, runs = self.options["engine_version"], current.get("EngineVersion")
        return bool(wanted and runs) and not placeholder(wanted) and major(wanted) != major(runs)

    def delete_request(self, current):
        request = {
            **super().delete_request(current),
            "SkipFinalSnapshot": self.options["skip_final_snapshot"],
            "DeleteAutomatedBackups": self.options["delete_automated_backups"],
        }
        if self.options["skip_final_snapshot"]:
            return request
        own = current["DbClusterResourceId"].removeprefix("cluster-").lower()
        name = self.options["final_snapshot_name"] or f"{self.options['name']}-final-{own}"
        return {**request, "FinalDBSnapshotIdentifier": name}

    def before_delete(self, current):
        protected = self.is_protected(current)
        super().before_delete(current)
        if protected:
            self.settled()

    # ---- What waits

    def changes(self, current):
        found = super().changes(current)
        if self.is_major(current) and "engine_version" in self.waiting:
            # They go with the upgrade.
            found.pop("db_cluster_parameter_group_name", None)
        return found

    def tell_of_restarts(self, shown):
        waiting = [
            member["db_instance_identifier"]
            for member in shown.get("db_cluster_members") or []
            if member.get("db_cluster_parameter_group_status") == "pending-reboot"
        ]
        if waiting:
            self.module.warn(
                f"{self.title}: {', '.join(waiting)} must be restarted (aws rds reboot-db-instance) to take up static "
                f"parameters of {shown.get('db_cluster_parameter_group')}."
            )

    # ---- Refusals

    def refuse(self, current, changes):
        if current is None:
            self.refuse_new()
            return
        if not self.stays(changes, "engine_version"):
            self.refuse_version(changes["engine_version"])
        if current.get("MasterUserSecret") and not self.stays(changes, "master_user_secret_kms_key_id"):
            self.refuse_key(changes["master_user_secret_kms_key_id"], "master password")
        if current.get("PerformanceInsightsKMSKeyId") and not self.stays(changes, "performance_insights_kms_key_id"):
            self.refuse_key(changes["performance_insights_kms_key_id"], "record of its load")

    def refuse_key(self, change, what):
        raise ResourceError(
            f"The {what} of {self.title} is encrypted with {change.current}, declared is {change.desired}: RDS can't "
            f"change that key in place. Declare the present one."
        )

    def refuse_version(self, change):
        present, wanted = version_numbers(change.current), version_numbers(change.desired)
        runs = f"{self.title} runs {change.current}, declared is {change.desired}"
        if wanted < present:
            raise ResourceError(f'{runs}: an upgrade isn\'t taken back. Declare engine_version "{change.current}".')
        if major(change.current) != major(change.desired) and not self.options["allow_major_version_upgrade"]:
            raise ResourceError(
                f"{runs}, another major version. Test the upgrade on a restored copy, then set "
                "allow_major_version_upgrade to true."
            )

    def refuse_new(self):
        if not self.source:
            missing = self.missing(("master_username",))
            if missing or not self.options["manage_master_user_password"]:
                raise ResourceError(
                    f"{self.title} doesn't exist; to create it master_username and manage_master_user_password: true "
                    "must be given."
                )
            return
        found = self.read_source()
        if found is None:
            raise ResourceError(f"{self.title} can't be restored: AWS knows no {self.source_title}.")
        self.refuse_source(found)

    @property
    def source_title(self):
        return f"{'snapshot' if self.options['restore_snapshot'] else 'cluster'} {self.source!r}"

    def read_source(self):
        """What the cluster is to be restored from, as RDS describes it."""
        doing = f"read the {self.source_title}"
        if self.options["restore_snapshot"]:
            shared = {"IncludeShared": True} if self.source.startswith("arn:") else {}
            request = {"DBClusterSnapshotIdentifier": self.source, **shared}
            missing = ("DBClusterSnapshotNotFoundFault",)
            answer = self.read("DescribeDBClusterSnapshots", request, missing, doing) or {}
            return next(iter(answer.get("DBClusterSnapshots", [])), None)
        if RESOURCE_ID.fullmatch(self.source):
            request = {"DbClusterResourceId": self.source}
            missing = ("DBClusterAutomatedBackupNotFoundFault",)
            answer = self.read("DescribeDBClusterAutomatedBackups", request, missing, doing) or {}
            found = next(iter(answer.get("DBClusterAutomatedBackups", [])), None)
            # A deleted cluster is no longer in any state.
            return found and {**found.get("RestoreWindow", {}), **found, "Status": None}
        answer = self.read("DescribeDBClusters", {"DBClusterIdentifier": self.source}, NOT_FOUND, doing) or {}
        found = next(iter(answer.get("DBClusters", [])), None)
        names = {"EarliestTime": "EarliestRestorableTime", "LatestTime": "LatestRestorableTime"}
        return found and {**found, **{name: found.get(member) for name, member in names.items()}, "Status": None}

    def refuse_source(self, found):
        told = f"{self.title} can't be restored from the {self.source_title}"
        if found.get("Status") not in (None, "available"):
            raise ResourceError(f"{told}, which is {found['Status']}. Run again when it is available.")
        for option, member in (("engine", "Engine"), ("master_username", "MasterUsername")):
            wanted, have = self.options[option], found.get(member)
            if wanted and have and wanted != have:
                raise ResourceError(f"{told}: its {option} is {have}, declared is {wanted}. Declare {have}.")
        wanted, have = self.options["engine_version"], found.get("EngineVersion")
        if wanted and have and version_numbers(wanted) < version_numbers(have):
            raise ResourceError(f"{told}: it is of {have}, declared is the older {wanted}. Declare {have}.")
        if wanted and have and major(wanted) != major(have):
            raise ResourceError(
                f"{told}: it is of {have}, declared is {wanted}, another major version. Restore with {have}, then "
                "upgrade."
            )
        when = None if self.options["restore_snapshot"] else moment(self.options["restore_time"])
        earliest, latest = found.get("EarliestTime"), found.get("LatestTime")
        if when and earliest and latest and not earliest <= when <= latest:
            raise ResourceError(
                f"{told} to {when.isoformat()}: it can be restored from {earliest.isoformat()} to {latest.isoformat()}."
            )


def main():
    run_module(
        RdsCluster,
        DOCUMENTATION,
        {
            "manage_master_user_password": {"no_log": False},
            "master_user_secret_kms_key_id": {"no_log": False},
        },
        mutually_exclusive=[("restore_snapshot", "restore_cluster")],
    )


if __name__ == "__main__":
    main()
