#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_client_secret_rotation
version_added: 0.1.0
short_description: Replace the secret of an Amazon Cognito app client
description:
  - Replaces the secret of an app client by one that Secrets Manager generates, in two steps. At no moment Cognito
    refuses what the secret in Secrets Manager tells. That one is made by M(agent_platform.aws.secretsmanager_secret)
    with its option C(cognito_client).
  - O(step=begin) puts the new secret in Secrets Manager as C(AWSPENDING), which nobody reads, gives it to the client as
    its second one, and then makes it C(AWSCURRENT).
  - O(step=finish), once all services have read it, takes the first one from the client.
  - A call that comes after an interrupted one goes on where that has stopped. What is under way is told by the versions
    of the secret and by the ids of the client's secrets. A second new secret is never made.
  - The secret is in no output, and reaches this machine only on its way from one service to the other.
options:
  user_pool_id:
    description:
      - ID of the user pool.
    type: str
    required: true
  client_id:
    description:
      - ID of the app client.
    type: str
    required: true
  secret_id:
    description:
      - Name or ARN of the secret in Secrets Manager that tells the client's one.
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
      - Characters of a new secret, letters and digits, from 24 to 64.
    type: int
    default: 64
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
- name: Let in with a new secret, too
  agent_platform.aws.cognito_idp_client_secret_rotation:
    user_pool_id: us-west-2_AbCdEfGhI
    client_id: 1h57kf5cpq17m0eml12EXAMPLE
    secret_id: demo/machine-client
    step: begin

- name: Let services read the new secret
  ansible.builtin.pause:
    minutes: 15

- name: Let in with the new secret alone
  agent_platform.aws.cognito_idp_client_secret_rotation:
    user_pool_id: us-west-2_AbCdEfGhI
    client_id: 1h57kf5cpq17m0eml12EXAMPLE
    secret_id: demo/machine-client
    step: finish
"""

RETURN = r"""
version_id:
  description: Version of the secret in Secrets Manager that tells the new one. In check mode the one that is there.
  returned: always
  type: str
  sample: ec0c79c2-9cdd-4a12-8d5b-7a7a4f3cbd8e
resumed:
  description: Whether a rotation that was under way already was gone on with.
  returned: always
  type: bool
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.cognito_secrets import MOST, ClientSecrets, as_text, parsed, proposal_beside, version_of
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.secret_rotation import CURRENT, PENDING, SecretVersions, Stepwise

# Characters of a secret that Cognito takes.
SHORTEST = 24
LONGEST = 64
# AWS doesn't say how soon all of Cognito knows a new secret. So long it isn't told yet.
KNOWN_AFTER = 10.0
MEND = "Run its component first (ansible-playbook site.yml --limit cognito)."


class SecretRotation(Stepwise, ClientSecrets):
    """One rotation of a client's secret."""

    def __init__(self, module):
        super().__init__(module, module.params["user_pool_id"], module.params["client_id"])
        self.secret = SecretVersions(module, self.options["secret_id"])
        self.proposed = False  # this run has made the new secret
        self.asked = False  # this run has asked for the removal of the old one
        if not SHORTEST <= self.options["length"] <= LONGEST:
            raise ResourceError(f"The length is {self.options['length']}; give {SHORTEST} to {LONGEST}.")

    def found(self):
        """The ids of the client's secrets, the told one's, the versions by label, and what the current one tells."""
        keys, versions = self.ids(), self.secret.versions()
        current = self.secret.current()
        credentials = parsed(self.secret.value(current["VersionId"]))
        if credentials is not None:
            self.hide(credentials["client_secret"])
            for key in keys:
                right = credentials["client_id"] == self.client_id
                if right and version_of(key, credentials) == current["VersionId"]:
                    return keys, key, versions, credentials
        raise ResourceError(f"The {self.secret.title} doesn't tell a secret of {self.title}. {MEND}")

    def begin(self):
        keys, told, versions, credentials = self.found()
        pending = versions.get(PENDING)
        proposal = pending is not None and pending["VersionId"] == proposal_beside(keys[0])
        if len(keys) == MOST and told == keys[-1]:
            if proposal and not self.check_mode:
                self.secret.move(PENDING, None, versions)
            return self.result(versions)
        if len(keys) == MOST and not proposal:
            raise ResourceError(
                f"{self.title} has a second secret, {keys[-1]}, which {self.secret.title} doesn't tell: someone else "
                "has added it. Remove it (aws cognito-idp delete-user-pool-client-secret) and run again."
            )
        if self.check_mode:
            return self.result(versions, changed=True)
        if not proposal:
            self.propose(told, credentials, versions)
            return self.begin()
        new = parsed(self.secret.value(pending["VersionId"]))
        if new is None:
            raise ResourceError(f"The version {PENDING} of {self.secret.title} is no client's. Remove the label.")
        if len(keys) < MOST:
            self.let_in(self.hide(new["client_secret"]))
            return self.begin()
        time.sleep(KNOWN_AFTER)
        text, version = as_text(credentials, self.hide(new["client_secret"])), version_of(keys[-1], credentials)
        self.label(CURRENT, version, text, versions, "the new secret")
        return self.begin()

    def propose(self, told, credentials, versions):
        """Put a new secret in, which nobody reads yet. Two runs at once propose the same version; one of them wins."""
        text = as_text(credentials, self.secret.generated(self.options["length"]))
        self.label(PENDING, proposal_beside(told), text, versions, "a new secret")
        self.proposed = True

    def label(self, label, version, text, versions, what):
        """Have the version with the label, which is made unless there is one already."""
        if any(one["VersionId"] == version for one in self.secret.listed(deprecated=True)):
            self.secret.move(label, version, versions)
        else:
            self.secret.put(label, version, text, what)

    def let_in(self, secret):
        try:
            self.add(secret)
        except ResourceError as error:
            # Another run was first: then there are two now.
            if error_code(error.cause) != "LimitExceededException" or len(self.ids()) < MOST:
                raise

    def finish(self):
        keys, told, versions, _credentials = self.found()
        pending = versions.get(PENDING, {}).get("VersionId")
        if told != keys[-1] or pending == proposal_beside(keys[0]) or (len(keys) < MOST and not self.asked):
            raise ResourceError(f"No rotation of the secret of {self.title} is under way: step: begin comes first.")
        if self.check_mode:
            return self.result(versions, changed=True)
        for key in keys[:-1]:
            self.asked = True
            self.remove(key)
        return self.result(versions)

    def result(self, versions, changed=False):
        return {
            "changed": changed or self.changed or self.secret.changed,
            "version_id": versions[CURRENT]["VersionId"],
            "resumed": not self.proposed,
        }


def main():
    module = AnsibleAWSModule(
        argument_spec=argument_spec(DOCUMENTATION, {"secret_id": {"no_log": False}}), supports_check_mode=True
    )
    try:
        result = SecretRotation(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
