# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Vault of AWS Backup: what is in it is never removed."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.backup_vault import Vault
from tests.support.module_runs import OWNER, given
from tests.support.module_runs import run as run_module
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource

NAME = "demo-bastion"
ARN = f"arn:aws:backup:us-west-2:123456789012:backup-vault:{NAME}"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = {"BackupVaultName": "Default", "BackupVaultArn": f"{ARN}-other", "NumberOfRecoveryPoints": 5}
OPTIONS = {"name": NAME, "encryption_key_arn": KEY, "owned_by": OWNER, "tags": OWNER}
ABSENT = Step("ListBackupVaults", {"BackupVaultList": [OTHER]}, {})


def run(options, *steps, **kwargs):
    return run_module("backup_vault", {**OPTIONS, **options}, *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Vault, given("backup_vault", {**OPTIONS, **options}), *steps)


def seen(tags=OWNER, **members):
    vault = {"BackupVaultName": NAME, "BackupVaultArn": ARN, "EncryptionKeyArn": KEY, **members}
    return [
        Step("ListBackupVaults", {"BackupVaultList": [OTHER, vault]}, {}),
        Step("ListTags", {"Tags": tags}, {"ResourceArn": ARN}),
    ]


def created(answer=None):
    def check(request):
        assert request.pop("CreatorRequestId")
        assert request == {"BackupVaultName": NAME, "EncryptionKeyArn": KEY, "BackupVaultTags": OWNER}

    return Step("CreateBackupVault", answer or {}, check)


def test_made():
    result, _aws, _module = run({}, ABSENT, created(), *seen())
    assert result["backup_vault"]["backup_vault_arn"] == ARN
    assert result["backup_vault"]["tags"] == OWNER


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, *seen(NumberOfRecoveryPoints=7))
    assert result["changed"] is False


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, ABSENT, check_mode=True)
    assert (result["changed"], result["backup_vault"]["encryption_key_arn"]) == (True, KEY)


def test_a_lost_reply_makes_no_second_one():
    _result, aws, _module = run({}, ABSENT, created(lost_reply()), *seen())
    assert aws.operations().count("CreateBackupVault") == 1


def test_a_throttled_one_is_tried_again():
    throttled = Step("CreateBackupVault", api_error("CreateBackupVault", "ThrottlingException"))
    run({}, ABSENT, throttled, ABSENT, created(), *seen())


def test_tags():
    tagged = Step("TagResource", {}, {"ResourceArn": ARN, "Tags": {"Project": "demo"}})
    lost = {key: value for key, value in OWNER.items() if key != "Project"}
    run({"owned_by": {}}, *seen(tags=lost), tagged, *seen())
    untagged = Step("UntagResource", {}, {"ResourceArn": ARN, "TagKeyList": ["Theirs"]})
    run({}, *seen(tags={**OWNER, "Theirs": "1"}), untagged, *seen())


def test_the_key_can_not_change():
    told = refuse({}, *seen(EncryptionKeyArn=f"{KEY[:-4]}0000"))
    assert "encryption_key_arn" in told
    assert "can't be changed in place" in told


@pytest.mark.parametrize("state", ["present", "absent"])
def test_someone_elses_is_left_alone(state):
    assert "isn't ours" in refuse({"state": state}, *seen(tags={"Project": "other"}))


def test_an_empty_one_is_deleted():
    deleted = Step("DeleteBackupVault", {}, {"BackupVaultName": NAME})
    result, _aws, _module = run({"state": "absent"}, *seen(NumberOfRecoveryPoints=0), deleted, ABSENT)
    assert result["changed"] is True
    result, _aws, _module = run({"state": "absent"}, ABSENT)
    assert result["changed"] is False


def test_one_with_recovery_points_stays():
    told = refuse({"state": "absent"}, *seen(NumberOfRecoveryPoints=3))
    assert "3 recovery points, which are never removed here" in told


def test_recovery_points_that_have_just_gone_are_waited_for():
    text = "Backup vault cannot be deleted because it contains recovery points."
    refused = Step("DeleteBackupVault", api_error("DeleteBackupVault", "InvalidRequestException", text))
    steps = [*seen(NumberOfRecoveryPoints=0), refused, *seen(NumberOfRecoveryPoints=0)]
    _result, aws, _module = run({"state": "absent"}, *steps, Step("DeleteBackupVault", {}), ABSENT)
    assert aws.operations().count("DeleteBackupVault") == 2


def test_what_it_takes_is_told():
    denied = Step("CreateBackupVault", api_error("CreateBackupVault", "AccessDeniedException", status=403))
    assert "backup-storage:MountCapsule" in refuse({}, ABSENT, denied)
