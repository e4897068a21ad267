#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: elasticache_token_rotation
version_added: 0.1.0
short_description: Replace the AUTH token of an ElastiCache replication group
description:
  - Replaces the AUTH token of a replication group by one that Secrets Manager generates, in two steps. At no moment the
    group refuses what the secret tells.
  - O(step=begin) puts the new token in the secret as C(AWSPENDING), which nobody reads, has the group let in with it
    beside the old one (C(ROTATE)), and then makes it C(AWSCURRENT).
  - O(step=finish), once all clients have read it, has the group let in with the new one alone (C(SET)).
  - A call that comes after an interrupted one goes on where that has stopped. What is under way is told by the labels
    of the secret's versions and by the time when the group got its last token. A second new token is never made.
  - The token is in no output, and reaches this machine only on its way from one service to the other.
options:
  name:
    description:
      - Identifier of the replication group.
    type: str
    required: true
  secret_id:
    description:
      - Name or ARN of the secret whose value is the token.
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
      - Characters of a new token, letters and digits, from 16 to 128.
    type: int
    default: 64
  wait_timeout:
    description:
      - How long to wait for each change, in seconds.
    type: int
    default: 1800
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
- name: Let in with a new token, too
  agent_platform.aws.elasticache_token_rotation:
    name: demo-redis
    secret_id: demo/redis
    step: begin

- name: Let clients read the new token
  ansible.builtin.pause:
    minutes: 15

- name: Let in with the new token alone
  agent_platform.aws.elasticache_token_rotation:
    name: demo-redis
    secret_id: demo/redis
    step: finish
"""

RETURN = r"""
version_id:
  description: Version of the secret with the new token. None in check mode, where there is none yet.
  returned: always
  type: str
  sample: ec0c79c2-9cdd-4a12-8d5b-7a7a4f3cbd8e
resumed:
  description: Whether a rotation that was under way already was gone on with.
  returned: always
  type: bool
"""

import time
import uuid

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.documentation import argument_spec
from ..module_utils.elasticache import OWED, CacheGroup, TokenSecret, token_is_older
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.secret_rotation import CURRENT, PENDING, Stepwise

# Times of AWS may lack parts of seconds. So long a token is left alone before the next one is made.
APART = 2.0


class TokenRotation(Stepwise, CacheGroup):
    """One rotation. ROTATE twice with the same token would shut out the one before, which the secret still tells."""

    def __init__(self, module):
        super().__init__(module)
        self.secret = TokenSecret(module, self.options["secret_id"])
        self.proposed = False  # this run has made the new token
        self.asked = False  # this run has asked for SET

    def group(self):
        """The group, in which a token is of use."""
        group = self.find()
        if group is None:
            raise ResourceError(f"There is no {self.title} whose AUTH token could be replaced.")
        if not group.get("AuthTokenEnabled"):
            raise ResourceError(
                f"{self.title} has no AUTH token. Run its component first (ansible-playbook site.yml --limit redis)."
            )
        return group if self.check_mode else self.wait_available()

    def begin(self):
        group, versions = self.group(), self.secret.versions()
        current, pending = self.secret.current(), versions.get(PENDING)
        if token_is_older(group, current) or OWED in versions:
            raise ResourceError(
                f"{self.title} doesn't have the token of {self.secret.title} yet, or not alone. "
                "Run its component first (ansible-playbook site.yml --limit redis)."
            )
        if self.check_mode:
            return self.result(pending, changed=pending is None or pending["VersionId"] != current["VersionId"])
        if pending is None:
            if self.proposed:
                raise ResourceError(f"The new token in {self.secret.title} has lost its label {PENDING}. Run again.")
            time.sleep(APART)
            # Two runs at once, which see the same, propose the same version, of which Secrets Manager keeps one.
            seed = f"{current['VersionId']} {group.get('AuthTokenLastModifiedDate')}"
            self.secret.propose(self.options["length"], str(uuid.uuid5(uuid.NAMESPACE_OID, seed)))
            self.proposed = True
            return self.begin()
        if pending["VersionId"] != current["VersionId"]:
            if token_is_older(group, pending):
                self.send_token("ROTATE", self.secret.value(pending["VersionId"]))
                self.wait_until(lambda now: now is not None and not token_is_older(now, pending), "with the new token")
            self.secret.move(CURRENT, pending["VersionId"], versions)
            self.changed = True
        return self.result(pending)

    def finish(self):
        self.group()
        versions = self.secret.versions()
        current, pending = versions.get(CURRENT), versions.get(PENDING)
        if pending is None and self.asked:
            return self.result(current)
        if pending is None or current is None or pending["VersionId"] != current["VersionId"]:
            raise ResourceError(f"No rotation of the AUTH token of {self.title} is under way: step: begin comes first.")
        if self.check_mode:
            return self.result(pending, changed=True)
        self.asked = True
        token = self.secret.value(pending["VersionId"])
        try:
            self.send_token("SET", token)
        except ResourceError as error:
            # A run before this one may have had it done already; SET comes after ROTATE only. What the secret tells is
            # let in all along.
            if not error_code(error.cause).startswith("InvalidParameter"):
                raise
            self.send_token("ROTATE", token)
            self.send_token("SET", token)
        self.secret.move(PENDING, None, versions)
        self.changed = True
        return self.result(pending)

    def result(self, version, changed=False):
        changed = changed or self.changed or self.secret.changed
        return {
            "changed": changed,
            "version_id": version["VersionId"] if version else None,
            "resumed": version is not None and not self.proposed,
        }


def main():
    module = AnsibleAWSModule(
        argument_spec=argument_spec(DOCUMENTATION, {"secret_id": {"no_log": False}}), supports_check_mode=True
    )
    try:
        result = TokenRotation(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
