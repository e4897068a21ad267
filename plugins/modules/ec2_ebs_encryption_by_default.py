#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_ebs_encryption_by_default
version_added: 0.1.0
short_description: Have all new EBS volumes of an account encrypted
description:
  - Turns on, for the account and the region, that new EBS volumes and copies of snapshots are encrypted, whatever those
    who make them say, and says with which key.
  - It is the account's setting, which others rely on as well, so this module never turns it off.
options:
  kms_key_id:
    description:
      - ARN, ID or alias of the symmetric KMS key by which volumes are encrypted that name none. Whoever makes such a
        volume must be allowed to use it.
      - If it isn't set, the account's key is left as it is, C(alias/aws/ebs) unless somebody has chosen another one.
    type: str
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode, of the options that are set.
    support: full
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Encrypt all new volumes, with AWS's own key
  agent_platform.aws.ec2_ebs_encryption_by_default:

- name: Encrypt all new volumes that name no key with this one
  agent_platform.aws.ec2_ebs_encryption_by_default:
    kms_key_id: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
"""

RETURN = r"""
encryption:
  description: The setting of the account in the region.
  returned: always
  type: dict
  contains:
    enabled:
      description: Whether new volumes are encrypted.
      type: bool
    kms_key_id:
      description: By which key those are that name none; only where O(kms_key_id) is set.
      type: str
      sample: alias/aws/ebs
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.calls import Calls, Repeat
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.values import same_key


class EbsEncryption(Calls):
    """Two switches of the account, each sent only where it differs."""

    service = "ec2"
    title = "encryption of EBS volumes by default"
    hints = {"InvalidParameterValue": {"": "The key must be a symmetric one of this region that this run may use."}}

    def run(self):
        before = None
        while True:
            try:
                found = self.look()
                before = before or found
                wanted = self.wanted(found)
                if not self.check_mode:
                    self.send_changes(found, wanted)
                break
            except Repeat as repeat:
                self.patience.pause(repeat)
        result = {"changed": wanted != before, "encryption": wanted}
        return self.with_difference(result, lambda: (before, wanted))

    def look(self):
        found = {"enabled": self.read("GetEbsEncryptionByDefault", {})["EbsEncryptionByDefault"]}
        if self.options["kms_key_id"]:
            found["kms_key_id"] = self.read("GetEbsDefaultKmsKeyId", {})["KmsKeyId"]
        return found

    def wanted(self, found):
        key = self.options["kms_key_id"]
        if not key:
            return {"enabled": True}
        return {"enabled": True, "kms_key_id": found["kms_key_id"] if same_key(found["kms_key_id"], key) else key}

    def send_changes(self, found, wanted):
        # The key first: no volume in between gets the other one for good.
        if wanted.get("kms_key_id") != found.get("kms_key_id"):
            self.write("ModifyEbsDefaultKmsKeyId", {"KmsKeyId": wanted["kms_key_id"]}, f"set the key of {self.title}")
        if not found["enabled"]:
            self.write("EnableEbsEncryptionByDefault", {}, f"turn on {self.title}")


def main():
    module = AnsibleAWSModule(
        argument_spec=argument_spec(DOCUMENTATION, {"kms_key_id": {"no_log": False}}), supports_check_mode=True
    )
    try:
        result = EbsEncryption(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
