#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_instance
version_added: 0.1.0
short_description: Manage instances of an Amazon Aurora cluster
description:
  - Creates, changes and deletes the instances of a cluster of M(agent_platform.aws.rds_cluster). Storage, network,
    backups and passwords are the cluster's.
  - Instances of one call that must be restarted for a change, such as one of their class, are changed one after the
    other, so the cluster can be used meanwhile.
  - It replaces M(amazon.aws.rds_instance), which in release 11.4.0 changes an instance of that name whoever made it,
    restarts all instances at once, and sends changes again that wait for the maintenance window.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Identifier of the instance, 1 to 63 letters, digits and single hyphens with a letter first. RDS keeps it in
        lower case.
      - Required, but with O(aggregate).
    type: str
  db_cluster_identifier:
    description:
      - Cluster of the instance. Needed to create it. It can't be changed later.
    type: str
  engine:
    description:
      - Engine of the cluster. Needed to create an instance.
    type: str
    choices: [aurora-mysql, aurora-postgresql]
  db_instance_class:
    description:
      - Class of the instance, such as V(db.r8g.large), or V(db.serverless). Needed to create it. A change restarts it.
    type: str
  availability_zone:
    description:
      - Zone of the instance. RDS chooses one of the cluster's if not set. It can't be changed later.
    type: str
  promotion_tier:
    description:
      - Which reader becomes the writer when that fails, that of the lowest tier first, from 0 to 15.
    type: int
  db_parameter_group_name:
    description:
      - Group of the instance's parameters, of the family of the engine version.
    type: str
  preferred_maintenance_window:
    description:
      - Weekly window for maintenance, in UTC, such as V(sat:05:00-sat:06:00).
    type: str
  auto_minor_version_upgrade:
    description:
      - Whether RDS may upgrade the instance, which it does with the cluster only where all instances allow it.
    type: bool
  publicly_accessible:
    description:
      - Whether the name of the instance resolves to a public address outside of the VPC.
    type: bool
  ca_certificate_identifier:
    description:
      - Authority of the server's certificate, such as V(rds-ca-rsa2048-g1). A change may restart the instance.
    type: str
  monitoring_interval:
    description:
      - Seconds between two measurements of the operating system; V(0) for none.
    type: int
    choices: [0, 1, 5, 10, 15, 30, 60]
  monitoring_role_arn:
    description:
      - Role that RDS delivers them with.
    type: str
  apply_immediately:
    description:
      - Whether what restarts the instance is done now. With V(false) RDS keeps it until the maintenance window, and the
        module says so.
    type: bool
    default: true
notes:
  - O(wait_timeout) is 1800 seconds by default and counts for each step, such as the creation or one change.
seealso:
  - module: agent_platform.aws.rds_cluster
  - module: agent_platform.aws.rds_instance_parameter_group
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Create a writer and a reader side by side
  agent_platform.aws.rds_instance:
    db_cluster_identifier: demo-aurora
    engine: aurora-postgresql
    db_instance_class: db.r8g.large
    aggregate:
      - name: demo-aurora-1
        availability_zone: us-west-2a
      - name: demo-aurora-2
        availability_zone: us-west-2b

- name: Give one of them another class in the maintenance window
  agent_platform.aws.rds_instance:
    name: demo-aurora-2
    db_instance_class: db.r8g.xlarge
    apply_immediately: false

- name: Remove it
  agent_platform.aws.rds_instance:
    name: demo-aurora-2
    state: absent
"""

RETURN = r"""
instance:
  description: The instance as RDS describes it; empty when it is absent.
  returned: when O(aggregate) isn't given
  type: dict
  contains:
    availability_zone:
      description: Zone of the instance.
      type: str
    db_cluster_identifier:
      description: Cluster of the instance.
      type: str
    db_instance_arn:
      description: ARN of the instance.
      type: str
      sample: arn:aws:rds:us-west-2:123456789012:db:demo-aurora-1
    db_instance_class:
      description: Class of the instance.
      type: str
    db_instance_identifier:
      description: Identifier of the instance.
      type: str
    db_instance_status:
      description: State of the instance.
      type: str
      sample: available
    db_parameter_groups:
      description: Its groups of parameters, each with db_parameter_group_name and parameter_apply_status.
      type: list
      elements: dict
    endpoint:
      description: Where it can be reached, with address and port.
      type: dict
    pending_modified_values:
      description: What waits for the maintenance window.
      type: dict
    promotion_tier:
      description: Which reader becomes the writer.
      type: int
    tags:
      description: Tags of the instance.
      type: dict
results:
  description: With O(aggregate), for each entry in its order what the module returns for one, and the entry as item.
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

import threading

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
)
from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update
from ..module_utils.rds import rds_tagging
from ..module_utils.resource import run_module

ARN = "DBInstanceArn"
NOT_FOUND = ("DBInstanceNotFound",)
MODIFY = "ModifyDBInstance"
# Members of both calls, of the one that creates and of the one that changes: what the cluster has, for all instances...
OF_CLUSTER = (
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBSubnetGroupName",
    "DatabaseInsightsMode",
    "DeletionProtection",
    "Domain",
    "DomainIAMRoleName",
    "EnableIAMDatabaseAuthentication",
    "EnablePerformanceInsights",
    "EngineLifecycleSupport",
    "EngineVersion",
    "ManageMasterUserPassword",
    "MasterUserAuthenticationType",
    "MasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "NetworkType",
    "OptionGroupName",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "StorageType",
    "TagSpecifications",
    "VpcSecurityGroupIds",
)
CREATED_OF_CLUSTER = (
    "CharacterSetName",
    "DBName",
    "EnableCloudwatchLogsExports",
    "KmsKeyId",
    "MasterUsername",
    "Port",
    "StorageEncrypted",
)
CHANGED_OF_CLUSTER = (
    "AllowMajorVersionUpgrade",
    "CloudwatchLogsExportConfiguration",
    "DBPortNumber",
    "Engine",
    "RotateMasterUserPassword",
)
# ... and what instances outside of an Aurora cluster have.
OF_OTHERS = (
    "AdditionalStorageVolumes",
    "AllocatedStorage",
    "DBSecurityGroups",
    "DedicatedLogVolume",
    "DomainAuthSecretArn",
    "DomainDnsIps",
    "DomainFqdn",
    "DomainOu",
    "EnableCustomerOwnedIp",
    "Iops",
    "LicenseModel",
    "MaxAllocatedStorage",
    "MultiAZ",
    "MultiTenant",
    "ProcessorFeatures",
    "StorageThroughput",
    "TdeCredentialArn",
    "TdeCredentialPassword",
)
CREATED_OF_OTHERS = ("BackupTarget", "CustomIamInstanceProfile", "DBSystemId", "NcharCharacterSetName", "Timezone")
CHANGED_OF_OTHERS = (
    "AutomationMode",
    "DisableDomain",
    "ReplicaMode",
    "ResumeFullAutomationModeMinutes",
    "UseDefaultProcessorFeatures",
)
# One instance of a call is restarted at a time.
RESTARTING = threading.Lock()


def group_name(groups):
    # A prediction has the name itself.
    if isinstance(groups, str):
        return groups
    return groups[0]["DBParameterGroupName"] if groups else None


def plain(option, member, **how):
    return Setting(option, member, update=how.pop("update", "settings"), **how)


class RdsInstance(Database):
    kind = "RDS instance"
    result = "instance"
    names = {"DBInstanceIdentifier": "name"}
    identifier = "DbiResourceId"
    needed = ("db_cluster_identifier", "engine", "db_instance_class")
    describe = Describe("DescribeDBInstances", "DBInstances", missing=NOT_FOUND, many=True)
    create = Create("CreateDBInstance", exists=("DBInstanceAlreadyExists",), tags="Tags")
    delete = Delete("DeleteDBInstance", missing=NOT_FOUND)
    settings = (
        Setting("db_cluster_identifier", "DBClusterIdentifier", given=lower),
        Setting("engine", "Engine"),
        Setting("availability_zone", "AvailabilityZone"),
        plain("promotion_tier", "PromotionTier"),
        plain("preferred_maintenance_window", "PreferredMaintenanceWindow", given=lower),
        plain("auto_minor_version_upgrade", "AutoMinorVersionUpgrade"),
        plain("publicly_accessible", "PubliclyAccessible", absent=False),
        plain(
            "db_parameter_group_name",
            "DBParameterGroupName",
            read="DBParameterGroups",
            given=lower,
            encode=lambda name: name,
            decode=group_name,
        ),
        Setting("monitoring_interval", "MonitoringInterval", update="monitoring", absent=0),
        Setting("monitoring_role_arn", "MonitoringRoleArn", update="monitoring"),
        Setting("db_instance_class", "DBInstanceClass", update="restart"),
        Setting("ca_certificate_identifier", "CACertificateIdentifier", update="restart"),
    )
    updates = {
        "settings": Update(MODIFY),
        "monitoring": Update(MODIFY, whole=True),
        "restart": Update(MODIFY),
    }
    update_call = MODIFY
    pending_members = {
        "ca_certificate_identifier": "CACertificateIdentifier",
        "db_instance_class": "DBInstanceClass",
    }
    tagging = rds_tagging(ARN)
    states = States("DBInstanceStatus", ready=READY, pending=BUSY, deleting=DELETING, failed=FAILED, degraded=DEGRADED)
    timeout = 1800
    passing = {
        **NOT_YET,
        "DBParameterGroupNotFound": ("",),
        "InvalidDBClusterStateFault": UNDER_WAY,
        "InvalidDBInstanceState": UNDER_WAY,
    }
    hints = {
        "InsufficientDBInstanceCapacity": {"": "AWS has no capacity of this class now: take another class or zone."},
        "InstanceQuotaExceeded": {"": "Ask for more DB instances in Service Quotas, or remove unused ones."},
        "InvalidParameterCombination": {
            "does not support": "DescribeOrderableDBInstanceOptions lists the classes of the engine version.",
            "CreateDBInstance with requested DB Instance Class": (
                "DescribeOrderableDBInstanceOptions lists the classes of the engine version."
            ),
        },
    }
    renewal = "Another instance can be made beside it first."
    unmanaged = {
        **dict.fromkeys(
            ("RebootDBInstance", "StartDBInstance", "StopDBInstance", "SwitchoverReadReplica"),
            "what is done with an instance, not how it is set",
        ),
        **dict.fromkeys(
            ("CreateDBSnapshot", "DownloadDBLogFilePortion", "DeregisterDBProxyTargets", "RegisterDBProxyTargets"),
            "they change nothing of the instance",
        ),
        **dict.fromkeys(
            (
                "AddRoleToDBInstance",
                "CreateDBInstanceReadReplica",
                "CreateTenantDatabase",
                "DeleteTenantDatabase",
                "ModifyTenantDatabase",
                "PromoteReadReplica",
                "RemoveRoleFromDBInstance",
                "RestoreDBInstanceFromDBSnapshot",
                "RestoreDBInstanceFromS3",
            ),
            "of databases that aren't in an Aurora cluster",
        ),
        "ModifyDBInstance.NewDBInstanceIdentifier": "an instance keeps its name",
        "ModifyDBInstance.AwsBackupRecoveryPointArn": "AWS Backup's",
        "ModifyDBInstance.CertificateRotationRestart": "the engine says whether a new certificate takes a restart",
        **dict.fromkeys(
            (
                *(f"{operation}.{member}" for operation in ("CreateDBInstance", MODIFY) for member in OF_CLUSTER),
                *(f"CreateDBInstance.{member}" for member in CREATED_OF_CLUSTER),
                *(f"{MODIFY}.{member}" for member in CHANGED_OF_CLUSTER),
            ),
            "the cluster's, which hold for all its instances",
        ),
        **dict.fromkeys(
            (
                *(f"{operation}.{member}" for operation in ("CreateDBInstance", MODIFY) for member in OF_OTHERS),
                *(f"CreateDBInstance.{member}" for member in CREATED_OF_OTHERS),
                *(f"{MODIFY}.{member}" for member in CHANGED_OF_OTHERS),
            ),
            "of databases that aren't in an Aurora cluster",
        ),
    }

    def in_our_place(self, current):
        # The cluster has been made, or found, as ours.
        cluster = self.options["db_cluster_identifier"]
        return bool(cluster) and current.get("DBClusterIdentifier") == cluster

    def apply_update(self, name, changes, current):
        if name != "restart" or not self.options["apply_immediately"]:
            super().apply_update(name, changes, current)
            return
        with RESTARTING:
            super().apply_update(name, changes, current)
            self.until_shown(name, current)

    def tell_of_restarts(self, shown):
        for group in [] if self.check_mode else shown.get("db_parameter_groups") or []:
            if group.get("parameter_apply_status") == "pending-reboot":
                self.module.warn(
                    f"{self.title} must be restarted (aws rds reboot-db-instance) to take up static parameters of "
                    f"{group['db_parameter_group_name']}."
                )


def main():
    run_module(RdsInstance, DOCUMENTATION)


if __name__ == "__main__":
    main()
