# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_policy
short_description: Resource policy of a secret that few may read
version_added: 0.1.0
description:
  - Returns a policy of a secret that denies everybody to read its value but the platform's own roles and the principals
    given. IAM policies have to allow it besides. Without any principals it is an empty document, and IAM policies alone
    decide.
  - Nothing but reading is denied, so whoever may change policies of secrets can always take it away.
  - A session is compared by the ARN of its role, with the role's path, also one of EKS Pod Identity or of a service
    account. AWS services that act in their own name aren't meant.
positional: _input, platform, path, prefix
options:
  _input:
    description: ARNs of the principals besides the platform's roles. C(*) stands for any text, C(?) for a character.
    type: list
    elements: str
    required: true
  platform:
    description: The account, as M(agent_platform.aws.platform_info) returns it under C(platform).
    type: dict
    required: true
  path:
    description: Path of the platform's roles.
    type: str
    required: true
  prefix:
    description: What the platform's names begin with.
    type: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Keep a secret from all but the platform and its operators
  agent_platform.aws.secretsmanager_secret:
    name: demo/token
    resource_policy: >-
      {{ ['arn:aws:iam::123456789012:role/operators']
         | agent_platform.aws.secret_policy(component_found.platform, '/', 'demo') }}
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""


def secret_policy(readers, platform, path, prefix):
    if not readers:
        return {}
    own = f"arn:{platform['partition']}:iam::{platform['account_id']}:role{path}{prefix}-*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "NobodyElseReads",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
                "Condition": {
                    "ArnNotLike": {"aws:PrincipalArn": [own, *readers]},
                    "Bool": {"aws:PrincipalIsAWSService": "false"},
                },
            }
        ],
    }


class FilterModule:
    def filters(self):
        return {"secret_policy": secret_policy}
