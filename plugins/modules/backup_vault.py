#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_vault
version_added: 0.1.0
short_description: Manage a vault of AWS Backup
description:
  - Creates, tags and deletes a vault, in which AWS Backup keeps recovery points.
  - A vault in which there are recovery points is never deleted, nor is any recovery point. The module then fails and
    says how many there are.
  - It replaces M(amazon.aws.backup_vault), which changes a vault of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, of which an account has one in a region. 2 to 50 letters, digits, hyphens and underscores.
    type: str
    required: true
  encryption_key_arn:
    description:
      - ARN of the KMS key that encrypts what is in the vault. AWS takes its own if it isn't set. It can't be changed
        later.
      - Recovery points of EC2 and EBS are snapshots, which have the key of the volume, whatever the vault's is.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a vault
  agent_platform.aws.backup_vault:
    name: demo-bastion
    encryption_key_arn: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    owned_by:
      Project: demo
    tags:
      Project: demo

- name: Delete it, if nothing is in it
  agent_platform.aws.backup_vault:
    name: demo-bastion
    state: absent
"""

RETURN = r"""
backup_vault:
  description: The vault as AWS Backup lists it; empty when it is absent.
  returned: always
  type: dict
  contains:
    backup_vault_arn:
      description: Its ARN. Not known in check mode before it exists.
      type: str
      sample: arn:aws:backup:us-west-2:123456789012:backup-vault:demo-bastion
    backup_vault_name:
      description: Its name.
      type: str
    encryption_key_arn:
      description: ARN of its key.
      type: str
    number_of_recovery_points:
      description: How many recovery points are in it.
      type: int
    tags:
      description: Its tags.
      type: dict
"""

from ..module_utils.backup import MISSING, BackupResource, backup_tagging, listed_tags
from ..module_utils.declarations import Create, Delete, Describe, Setting, States
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import same_key

ARN = "BackupVaultArn"


def same_vault_key(current, desired):
    return current is not None and same_key(current, desired)


class Vault(BackupResource):
    kind = "backup vault"
    result = "backup_vault"
    names = {"BackupVaultName": "name"}
    # A look at a vault that isn't there may be answered as if it were forbidden; the list is clear.
    describe = Describe("ListBackupVaults", "BackupVaultList", many=True, names={})
    additions = (listed_tags(ARN),)
    create = Create(
        "CreateBackupVault", token="CreatorRequestId", exists=("AlreadyExistsException",), tags="BackupVaultTags"
    )
    delete = Delete("DeleteBackupVault", missing=MISSING)
    settings = (Setting("encryption_key_arn", "EncryptionKeyArn", same=same_vault_key),)
    tagging = backup_tagging(ARN)
    identifier = ARN
    # Most vaults have none.
    states = States(
        "VaultState",
        ready=frozenset({"AVAILABLE"}),
        pending=frozenset({"CREATING"}),
        failed={"FAILED": "Remove it (state: absent) and run again."},
    )
    # Recovery points that were removed a moment ago still count.
    passing = {"InvalidRequestException": ("contains recovery points",)}
    hints = {
        "AccessDeniedException": {
            "": "A vault also takes backup-storage:MountCapsule, and of its key kms:CreateGrant, kms:Decrypt, "
            "kms:DescribeKey, kms:GenerateDataKey and kms:RetireGrant."
        },
    }
    unmanaged = {
        **dict.fromkeys(
            ("PutBackupVaultAccessPolicy", "DeleteBackupVaultAccessPolicy"),
            "who may do what with recovery points is left to IAM policies; a denial that others have put there stays",
        ),
        **dict.fromkeys(
            ("PutBackupVaultLockConfiguration", "DeleteBackupVaultLockConfiguration"),
            "a lock can't be taken off once it counts; one that others have put there stays",
        ),
        **dict.fromkeys(
            ("PutBackupVaultNotifications", "DeleteBackupVaultNotifications"), "who wants to hear of jobs may ask"
        ),
        **dict.fromkeys(
            (
                "AssociateBackupVaultMpaApprovalTeam",
                "CreateLogicallyAirGappedBackupVault",
                "CreateRestoreAccessBackupVault",
                "DisassociateBackupVaultMpaApprovalTeam",
                "RevokeRestoreAccessBackupVault",
            ),
            "vaults of another kind",
        ),
        **dict.fromkeys(
            (
                "DeleteRecoveryPoint",
                "DisassociateRecoveryPoint",
                "DisassociateRecoveryPointFromParent",
                "StartBackupJob",
                "StartScanJob",
                "UpdateRecoveryPointIndexSettings",
                "UpdateRecoveryPointLifecycle",
            ),
            "what is in the vault, nothing of the vault",
        ),
    }

    def refuse_removal(self, current):
        super().refuse_removal(current)
        points = current.get("NumberOfRecoveryPoints", 0)
        if points:
            raise ResourceError(
                f"{self.title} has {points} recovery points, which are never removed here. Wait until they have "
                "expired, or remove them (aws backup delete-recovery-point), and run again."
            )


def main():
    run_module(Vault, DOCUMENTATION, {"encryption_key_arn": {"no_log": False}})


if __name__ == "__main__":
    main()
