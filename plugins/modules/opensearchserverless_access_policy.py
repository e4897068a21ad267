#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearchserverless_access_policy
version_added: 0.1.0
short_description: Manage a data access policy of Amazon OpenSearch Serverless
description:
  - Creates, changes and deletes a policy that says who may do what with collections, their indexes and the documents in
    them. It is needed besides the permission C(aoss:APIAccessAll) of IAM.
  - OpenSearch Serverless goes by a new or changed policy after a while only, mostly within a minute.
    M(agent_platform.aws.opensearchserverless_index) waits for that.
  - Policies are compared by what they say, not by their order and form. What is named twice in a list of it is sent
    once, because OpenSearch Serverless refuses a principal that is named twice.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  type:
    description:
      - What the policy is about. There are policies for data only.
    type: str
    choices: [data]
    default: data
  name:
    description:
      - Name of the policy, of which an account has one in a region. It has 3 to 32 small letters, digits and hyphens
        and begins with a letter.
    type: str
    required: true
  policy:
    description:
      - The policy as OpenSearch Serverless has it, a list of statements with C(Rules) and C(Principal). To create it,
        it is needed.
      - A principal is the ARN of a role or a user, or that of a session of a role. For all sessions of a role it is the
        role's own ARN, with its path.
      - A policy of that name that is for none of these collections and indexes, and has another O(description), is
        someone else's. The module then fails.
    type: json
  description:
    description:
      - What the policy is for, up to 1000 characters. An empty text removes it.
    type: str
notes:
  - Policies carry no tags, so O(owned_by) isn't looked at.
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let a knowledge base write and read documents, and an administrator make its index
  agent_platform.aws.opensearchserverless_access_policy:
    name: demo-vectors
    policy:
      - Rules:
          - ResourceType: index
            Resource: [index/demo-vectors/*]
            Permission: [aoss:DescribeIndex, aoss:ReadDocument, aoss:WriteDocument]
        Principal: [arn:aws:iam::123456789012:role/demo-knowledge-base]
      - Rules:
          - ResourceType: index
            Resource: [index/demo-vectors/*]
            Permission: [aoss:CreateIndex, aoss:DeleteIndex, aoss:DescribeIndex, aoss:UpdateIndex]
        Principal: [arn:aws:iam::123456789012:role/administrator]
"""

RETURN = r"""
access_policy:
  description: The policy as OpenSearch Serverless describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    description:
      description: What it is for.
      type: str
    name:
      description: Name of the policy.
      type: str
    policy:
      description: The policy, a list of its statements.
      type: list
      elements: dict
    policy_version:
      description: Its version, which changes with it.
      type: str
    type:
      description: What it is about.
      type: str
"""

from ..module_utils.declarations import Create, Delete, Describe
from ..module_utils.opensearch_serverless import NOT_FOUND, ServerlessPolicy, policy_update
from ..module_utils.resource import run_module


class AccessPolicy(ServerlessPolicy):
    kind = "OpenSearch Serverless access policy"
    result = "access_policy"
    describe = Describe("GetAccessPolicy", "accessPolicyDetail", missing=NOT_FOUND)
    create = Create("CreateAccessPolicy", token="clientToken", exists=("ConflictException",), tags=None)
    delete = Delete("DeleteAccessPolicy", missing=NOT_FOUND)
    updates = {"policy": policy_update("UpdateAccessPolicy")}


def main():
    run_module(AccessPolicy, DOCUMENTATION)


if __name__ == "__main__":
    main()
