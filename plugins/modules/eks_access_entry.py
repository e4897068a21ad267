#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_access_entry
version_added: 0.1.0
short_description: Manage an access entry of an Amazon EKS cluster with its access policies
description:
  - Creates, changes, tags and deletes the entry that gives an IAM principal access to a cluster.
  - Access policies are associated with the entry, changed in scope, and taken from it.
  - The cluster's authentication mode must be C(API) or C(API_AND_CONFIG_MAP).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  cluster_name:
    description:
      - Name of the cluster. It is needed, here or in each entry of O(aggregate).
    type: str
  principal_arn:
    description:
      - ARN of the IAM role or user, with its path. A principal that was made a moment ago is waited for.
        It is needed, here or in each entry of O(aggregate).
    type: str
  type:
    description:
      - Type of the entry. It can't be changed later. AWS makes a V(STANDARD) one if it isn't set.
      - Entries of the other types are for nodes. EKS makes those of managed node groups and Fargate profiles by itself.
    type: str
    choices: [STANDARD, EC2, EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, HYBRID_LINUX, HYPERPOD_LINUX]
  kubernetes_groups:
    description:
      - Kubernetes groups that the principal is in. Others are removed.
    type: list
    elements: str
  username:
    description:
      - Kubernetes user name of the principal. AWS makes one from the ARN if it isn't set.
      - An empty text stands for the one that AWS makes. With a role it is that of its sessions.
    type: str
  access_policies:
    description:
      - Access policies of the entry.
    type: list
    elements: dict
    suboptions:
      policy_arn:
        description: ARN of the policy, as C(arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy).
        type: str
        required: true
      access_scope:
        description: Where the policy applies.
        type: dict
        required: true
        suboptions:
          type:
            description: In the whole cluster, or in some namespaces.
            type: str
            choices: [cluster, namespace]
            required: true
          namespaces:
            description: The namespaces, for the type V(namespace). A C(*) at the end stands for any characters.
            type: list
            elements: str
  purge_access_policies:
    description:
      - Whether policies that aren't in O(access_policies) are taken from the entry.
      - Nothing is taken from it as long as O(access_policies) isn't set.
    type: bool
    default: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - An entry belongs to the principal and not just to its name. If a role is deleted and made anew, delete its entry
    and run again.
"""

EXAMPLES = r"""
- name: Make a role administrator of the cluster
  agent_platform.aws.eks_access_entry:
    cluster_name: demo-eks
    principal_arn: arn:aws:iam::123456789012:role/platform-admins
    access_policies:
      - policy_arn: arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy
        access_scope:
          type: cluster

- name: Let developers view two namespaces, and be in a group that role bindings name
  agent_platform.aws.eks_access_entry:
    cluster_name: demo-eks
    principal_arn: arn:aws:iam::123456789012:role/developers
    kubernetes_groups: [developers]
    access_policies:
      - policy_arn: arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy
        access_scope:
          type: namespace
          namespaces: [agents, tools]

- name: Take the access away
  agent_platform.aws.eks_access_entry:
    cluster_name: demo-eks
    principal_arn: arn:aws:iam::123456789012:role/developers
    state: absent
"""

RETURN = r"""
access_entry:
  description: The entry as EKS describes it, with its policies; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    access_entry_arn:
      description: ARN of the entry.
      type: str
    cluster_name:
      description: Name of the cluster.
      type: str
    principal_arn:
      description: ARN of the principal.
      type: str
    type:
      description: Type of the entry.
      type: str
      sample: STANDARD
    username:
      description: Kubernetes user name.
      type: str
    kubernetes_groups:
      description: Kubernetes groups.
      type: list
      elements: str
    access_policies:
      description: Access policies of the entry.
      type: list
      elements: dict
      contains:
        policy_arn:
          description: ARN of the policy.
          type: str
        access_scope:
          description: Where the policy applies.
          type: dict
    tags:
      description: Tags of the entry.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.eks import NOT_FOUND, TOKEN, EksResource
from ..module_utils.resource import run_module


def default_username(principal_arn):
    """The user name that EKS gives an entry that is made without one."""
    account, is_role, path = principal_arn.partition(":role/")
    if not is_role:
        return principal_arn
    return f"{account.replace(':iam:', ':sts:')}:assumed-role/{path.rpartition('/')[2]}/{{{{SessionName}}}}"


def declarable(policies):
    """What of an access policy the user declares."""
    return [{member: policy[member] for member in ("policyArn", "accessScope")} for policy in policies]


class AccessEntry(EksResource):
    kind = "EKS access entry"
    result = "access_entry"
    names = {"clusterName": "cluster_name", "principalArn": "principal_arn"}
    describe = Describe("DescribeAccessEntry", "accessEntry", missing=NOT_FOUND)
    additions = (
        Addition(
            "ListAssociatedAccessPolicies",
            "associatedAccessPolicies",
            "accessPolicies",
            missing=NOT_FOUND,
            empty=[],
            take=declarable,
        ),
    )
    create = Create("CreateAccessEntry", token=TOKEN, exists=("ResourceInUseException",))
    delete = Delete("DeleteAccessEntry", missing=NOT_FOUND)
    settings = (
        Setting("type", "type"),
        Setting("kubernetes_groups", "kubernetesGroups", update="entry", unordered=True),
        Setting("username", "username", update="entry"),
        Setting(
            "access_policies",
            None,
            read="accessPolicies",
            update="policies",
            update_members=("policyArn", "accessScope"),
            unordered=True,
            key="policy_arn",
        ),
    )
    updates = {
        "entry": Update("UpdateAccessEntry", whole=True, token=TOKEN),
        "policies": Update("AssociateAccessPolicy", remove="DisassociateAccessPolicy", missing=NOT_FOUND),
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "accessEntryArn"})
    # IAM may not have told EKS yet of a principal that was just made, nor EKS its own reads of the entry.
    passing = {
        "InvalidParameterException": ("invalid principal",),
        "ResourceNotFoundException": ("specified principalArn could not be found",),
    }
    timeout = 120

    def prepare(self):
        if self.options["username"] == "":
            self.options["username"] = default_username(self.options["principal_arn"])


def main():
    run_module(AccessEntry, DOCUMENTATION)


if __name__ == "__main__":
    main()
