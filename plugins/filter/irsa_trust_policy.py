# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: irsa_trust_policy
short_description: Trust policy of a role for Kubernetes service accounts
version_added: 0.1.0
description:
  - Returns the trust policy of an IAM role that pods assume by the token of their service account.
  - The token must come from the cluster's OIDC provider, name one of the service accounts, and be meant for AWS STS.
    All comparisons are exact.
positional: _input, namespace, service_accounts
options:
  _input:
    description: ARN of the IAM OIDC provider of the cluster, or the placeholder of a dry run.
    type: str
    required: true
  namespace:
    description: Namespace of the service accounts.
    type: str
    required: true
  service_accounts:
    description: Names of the service accounts.
    type: list
    elements: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Let the external-secrets operator assume the role
  amazon.aws.iam_role:
    name: example-external-secrets
    assume_role_policy_document: >-
      {{ oidc_provider_arn | agent_platform.aws.irsa_trust_policy('external-secrets-system', ['external-secrets']) }}
"""

RETURN = r"""
_value:
  description: The policy document.
  type: dict
"""

from ansible.errors import AnsibleFilterError

AUDIENCE = "sts.amazonaws.com"


def irsa_trust_policy(oidc_provider_arn, namespace, service_accounts):
    accounts = list(service_accounts)
    # An asterisk would be taken literally by StringEquals, so it grants nothing: surely not what was meant.
    wild = [text for text in [namespace, *accounts] if not text or "*" in text or "?" in text or ":" in text]
    if not accounts or wild:
        raise AnsibleFilterError(
            "agent_platform.aws.irsa_trust_policy: namespace and service accounts must be given by their exact names,"
            f" got namespace={namespace!r} service_accounts={accounts!r}"
        )
    issuer = oidc_provider_arn.partition(":oidc-provider/")[2] or oidc_provider_arn
    subjects = [f"system:serviceaccount:{namespace}:{account}" for account in accounts]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": oidc_provider_arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        # IAM stores a list of one as the item itself.
                        f"{issuer}:sub": subjects if len(subjects) > 1 else subjects[0],
                        f"{issuer}:aud": AUDIENCE,
                    }
                },
            }
        ],
    }


class FilterModule:
    def filters(self):
        return {"irsa_trust_policy": irsa_trust_policy}
