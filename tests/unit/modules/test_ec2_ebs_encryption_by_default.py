# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Encryption of volumes by default: each switch is sent only where it differs, and none is turned off."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import ec2_ebs_encryption_by_default as module
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error, lost_reply, sides

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
AWS_KEY = "alias/aws/ebs"
TURN_ON = Step("EnableEbsEncryptionByDefault", {"EbsEncryptionByDefault": True}, {})
SET_KEY = Step("ModifyEbsDefaultKmsKeyId", {"KmsKeyId": KEY}, {"KmsKeyId": KEY})


def state(on, key=None):
    steps = [Step("GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": on}, {})]
    return [*steps, *([Step("GetEbsDefaultKmsKeyId", {"KmsKeyId": key}, {})] if key else [])]


def run(*steps, key=None, check_mode=False):
    aws = ScriptedAws(*steps)
    result = module.EbsEncryption(ScriptedModule(aws, {"kms_key_id": key}, check_mode)).run()
    aws.assert_done()
    return result


@pytest.mark.parametrize(
    ("on", "has", "wants", "writes"),
    [
        (False, None, None, [TURN_ON]),
        (True, None, None, []),
        (False, AWS_KEY, KEY, [SET_KEY, TURN_ON]),
        (True, AWS_KEY, KEY, [SET_KEY]),
        (True, KEY, KEY, []),
        (True, KEY.rpartition("/")[2], KEY, []),
    ],
)
def test_only_what_differs_is_sent(on, has, wants, writes):
    result = run(*state(on, has), *writes, key=wants)
    assert result["changed"] is bool(writes)
    assert result["encryption"]["enabled"] is True
    dry = run(*state(on, has), key=wants, check_mode=True)
    assert (dry["changed"], dry["diff"]) == (result["changed"], result["diff"])


def test_a_lost_reply_is_looked_at():
    lost = Step("EnableEbsEncryptionByDefault", lost_reply(), {})
    result = run(*state(False), lost, *state(True))
    assert result["changed"]
    assert sides(result) == {"before": {"enabled": False}, "after": {"enabled": True}}


def test_a_key_that_is_none_is_told_with_what_helps():
    refused = Step("ModifyEbsDefaultKmsKeyId", api_error("ModifyEbsDefaultKmsKeyId", "InvalidParameterValue", "no"))
    with pytest.raises(ResourceError, match="must be a symmetric one of this region"):
        run(*state(True, AWS_KEY), refused, key=KEY)
