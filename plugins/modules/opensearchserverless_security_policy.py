#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearchserverless_security_policy
version_added: 0.1.0
short_description: Manage an encryption or network policy of Amazon OpenSearch Serverless
description:
  - Creates, changes and deletes a policy that says with which key collections are encrypted, or from where they can be
    reached.
  - A collection takes the key of the encryption policy that fits its name when it is made, and keeps it. So the policy
    must be there before the collection, and a changed one is for new collections only.
  - Policies are compared by what they say, not by their order and form.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  type:
    description:
      - What the policy is about. It is needed, here or in each entry of O(aggregate).
    type: str
    choices: [encryption, network]
  name:
    description:
      - Name of the policy, of which an account has one of each type in a region. It is needed, here or in each entry of
        O(aggregate).
      - It has 3 to 32 small letters, digits and hyphens and begins with a letter.
    type: str
  policy:
    description:
      - The policy as OpenSearch Serverless has it, a dictionary with C(Rules) and C(AWSOwnedKey) or C(KmsARN) for
        V(encryption), a list of such with C(Rules), C(AllowFromPublic), C(SourceVPCEs) and C(SourceServices) for
        V(network). To create it, it is needed.
      - A policy of that name that is for none of these collections, and has another O(description), is someone else's.
        The module then fails.
    type: json
  description:
    description:
      - What the policy is for, up to 1000 characters. An empty text removes it.
    type: str
notes:
  - Policies carry no tags, so O(owned_by) isn't looked at.
  - With a key of KMS, the identity needs C(kms:DescribeKey) and C(kms:CreateGrant) on it when a collection is made.
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Encrypt a collection with a key of ours, and let only Amazon Bedrock reach it
  agent_platform.aws.opensearchserverless_security_policy:
    aggregate:
      - type: encryption
        name: demo-vectors
        policy:
          Rules:
            - ResourceType: collection
              Resource: [collection/demo-vectors]
          AWSOwnedKey: false
          KmsARN: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
      - type: network
        name: demo-vectors
        policy:
          - Rules:
              - ResourceType: collection
                Resource: [collection/demo-vectors]
            AllowFromPublic: false
            SourceServices: [bedrock.amazonaws.com]
"""

RETURN = r"""
security_policy:
  description: The policy as OpenSearch Serverless describes it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    description:
      description: What it is for.
      type: str
    name:
      description: Name of the policy.
      type: str
    policy:
      description: The policy.
      type: raw
    policy_version:
      description: Its version, which changes with it.
      type: str
    type:
      description: What it is about.
      type: str
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe
from ..module_utils.opensearch_serverless import NOT_FOUND, ServerlessPolicy, policy_update
from ..module_utils.resource import run_module


class SecurityPolicy(ServerlessPolicy):
    kind = "OpenSearch Serverless security policy"
    result = "security_policy"
    describe = Describe("GetSecurityPolicy", "securityPolicyDetail", missing=NOT_FOUND)
    create = Create("CreateSecurityPolicy", token="clientToken", exists=("ConflictException",), tags=None)
    delete = Delete("DeleteSecurityPolicy", missing=NOT_FOUND)
    updates = {"policy": policy_update("UpdateSecurityPolicy")}


def main():
    run_module(SecurityPolicy, DOCUMENTATION)


if __name__ == "__main__":
    main()
