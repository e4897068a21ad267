# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: eks_access_policies
short_description: Access policies of an EKS access entry from their short names
version_added: 0.1.0
description:
  - Turns C(policies) of an entry of C(eks_access_entries) into C(access_policies) of the module
    M(agent_platform.aws.eks_access_entry).
positional: _input, partition
options:
  _input:
    description:
      - The policies, each with C(policy), such as V(AmazonEKSViewPolicy), and optionally C(scope) and C(namespaces).
    type: list
    elements: dict
    required: true
  partition:
    description: The AWS partition.
    type: str
    default: aws
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Let a team look at its namespace
  agent_platform.aws.eks_access_entry:
    cluster_name: demo
    principal_arn: arn:aws:iam::123456789012:role/team
    access_policies: "{{ policies | agent_platform.aws.eks_access_policies }}"
  vars:
    policies:
      - policy: AmazonEKSViewPolicy
        scope: namespace
        namespaces: [team]
"""

RETURN = r"""
_value:
  description: The policies by ARN, with their scope.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleFilterError


def eks_access_policies(policies, partition="aws"):
    result = []
    for policy in policies:
        name, scope = policy["policy"], policy.get("scope", "cluster")
        namespaces = list(policy.get("namespaces") or [])
        if (scope == "namespace") != bool(namespaces):
            raise AnsibleFilterError(
                f"agent_platform.aws.eks_access_policies: {name} has scope {scope} and"
                f" {'the namespaces ' + ', '.join(namespaces) if namespaces else 'no namespaces'};"
                " scope namespace needs namespaces, scope cluster has none"
            )
        access_scope = {"type": scope, **({"namespaces": namespaces} if namespaces else {})}
        arn = f"arn:{partition}:eks::aws:cluster-access-policy/{name}"
        result.append({"policy_arn": arn, "access_scope": access_scope})
    return result


class FilterModule:
    def filters(self):
        return {"eks_access_policies": eks_access_policies}
