#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: secretsmanager_secret_rotation
version_added: 0.1.0
short_description: Replace the value of a Secrets Manager secret, once
description:
  - Replaces the value of a secret by one that Secrets Manager generates, in two steps, between which those who use it
    are told.
  - O(step=begin) puts in the new value as C(AWSPENDING) and makes it C(AWSCURRENT), which is read from then on. The
    label C(AWSPENDING) stays on it.
  - O(step=finish), once everyone has the new value, takes that label away. So a call of O(step=begin) that comes after
    an interrupted rotation goes on with it. A second new value is never made.
  - The value is in no output, and reaches this machine only on its way from Secrets Manager and back.
options:
  secret_id:
    description:
      - Name or ARN of the secret.
    type: str
    required: true
  step:
    description:
      - Which step it is.
    type: str
    choices: [begin, finish]
    required: true
  length:
    description:
      - Characters of the new value, letters and digits, from 8 to 4096.
    type: int
    default: 32
notes:
  - In check mode the module only tells whether it would change something.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode, of the options that are set.
    support: none
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Have the secret tell a new value
  agent_platform.aws.secretsmanager_secret_rotation:
    secret_id: demo-code-server
    step: begin

- name: Note that everyone has it
  agent_platform.aws.secretsmanager_secret_rotation:
    secret_id: demo-code-server
    step: finish
"""

RETURN = r"""
version_id:
  description: Version of the secret with the new value. None in check mode, where there is none yet.
  returned: always
  type: str
  sample: ec0c79c2-9cdd-4a12-8d5b-7a7a4f3cbd8e
resumed:
  description: Whether a rotation that was under way already was gone on with.
  returned: always
  type: bool
"""

import uuid

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.secret_rotation import CURRENT, PENDING, SecretVersions, Stepwise

SHORTEST = 8
LONGEST = 4096


class ValueRotation(Stepwise, SecretVersions):
    """One rotation, each step of which is decided by the labels that there are."""

    def __init__(self, module):
        super().__init__(module, module.params["secret_id"])
        self.proposed = False  # this run has made the new value

    def begin(self):
        current, versions = self.current(), self.versions()
        pending = versions.get(PENDING)
        if self.check_mode:
            return self.result(pending, pending is None or pending["VersionId"] != current["VersionId"])
        if pending is None:
            if self.proposed:
                raise ResourceError(f"The new value of {self.title} has lost its label {PENDING}. Run again.")
            self.propose(current)
            return self.begin()
        if pending["VersionId"] != current["VersionId"]:
            self.move(CURRENT, pending["VersionId"], versions)
            self.changed = True
        return self.result(pending)

    def propose(self, current):
        """Put in a value that nobody reads yet. Runs at once, and one after a lost reply, name the same version."""
        length = self.options["length"]
        if not SHORTEST <= length <= LONGEST:
            raise ResourceError(f"{self.title}: length is {length}; give {SHORTEST} to {LONGEST}.")
        # A value that is given up leaves its version behind, whose ID can't be used again.
        old = {version["VersionId"] for version in self.listed(deprecated=True)}
        names = (
            str(uuid.uuid5(uuid.NAMESPACE_OID, f"{current['VersionId']} {count}")) for count in range(len(old) + 1)
        )
        self.proposed = True
        self.put(PENDING, next(name for name in names if name not in old), self.generated(length), "a new value")
        self.changed = True

    def finish(self):
        versions = self.versions()
        current, pending = versions.get(CURRENT), versions.get(PENDING)
        if pending is None:
            return self.result(current)
        if current is None or pending["VersionId"] != current["VersionId"]:
            raise ResourceError(f"The new value of {self.title} isn't the current one: step: begin comes first.")
        if not self.check_mode:
            self.move(PENDING, None, versions)
        return self.result(pending, changed=True)

    def result(self, version, changed=False):
        return {
            "changed": changed or self.changed,
            "version_id": version["VersionId"] if version else None,
            "resumed": version is not None and not self.proposed,
        }


def main():
    module = AnsibleAWSModule(
        argument_spec=argument_spec(DOCUMENTATION, {"secret_id": {"no_log": False}}), supports_check_mode=True
    )
    try:
        result = ValueRotation(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
