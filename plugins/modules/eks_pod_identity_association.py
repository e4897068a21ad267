#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_pod_identity_association
version_added: 0.1.0
short_description: Manage an EKS Pod Identity association
description:
  - Creates, changes, tags and deletes the association that gives the pods of a service account the permissions of a
    role.
  - A service account has one association. It is found by cluster, namespace and service account.
  - The nodes must run the add-on C(eks-pod-identity-agent). An add-on's own associations are managed by the module
    M(agent_platform.aws.eks_addon).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  cluster_name:
    description:
      - Name of the cluster.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the service account. It need not exist yet.
    type: str
    required: true
  service_account:
    description:
      - Name of the service account. It need not exist yet.
    type: str
    required: true
  role_arn:
    description:
      - ARN of the role. It must trust the service C(pods.eks.amazonaws.com).
      - A role that was made a moment ago is waited for.
      - It is needed to make an association.
    type: str
  target_role_arn:
    description:
      - ARN of a role, maybe of another account, that EKS assumes with O(role_arn) and whose permissions the pods get.
    type: str
  disable_session_tags:
    description:
      - Whether the tags that EKS gives the sessions (cluster, namespace, service account) are left out.
    type: bool
  policy:
    description:
      - A policy that narrows the permissions of the role for these pods. With V({}) there is none.
      - Sessions with one can't have the tags of EKS, so it takes O(disable_session_tags=true).
    type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Give the agents' service account a role
  agent_platform.aws.eks_pod_identity_association:
    cluster_name: demo-eks
    namespace: agents
    service_account: agent
    role_arn: arn:aws:iam::123456789012:role/demo-agent
    tags:
      Project: demo

- name: Take the role away
  agent_platform.aws.eks_pod_identity_association:
    cluster_name: demo-eks
    namespace: agents
    service_account: agent
    state: absent
"""

RETURN = r"""
association:
  description: The association as EKS describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    association_arn:
      description: ARN of the association.
      type: str
    association_id:
      description: ID of the association.
      type: str
      sample: a-0123456789abcdef0
    cluster_name:
      description: Name of the cluster.
      type: str
    namespace:
      description: Namespace of the service account.
      type: str
    service_account:
      description: Name of the service account.
      type: str
    role_arn:
      description: ARN of the role.
      type: str
    target_role_arn:
      description: ARN of the role that is assumed with the first one.
      type: str
    external_id:
      description: What the trust policy of the target role can check.
      type: str
    disable_session_tags:
      description: Whether sessions lack the tags of EKS.
      type: bool
    owner_arn:
      description: ARN of the add-on that the association belongs to, if any.
      type: str
    tags:
      description: Tags of the association.
      type: dict
"""

import json

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.eks import NOT_FOUND, TOKEN, EksResource
from ..module_utils.faults import ResourceError
from ..module_utils.policies import policy
from ..module_utils.resource import run_module


def to_text(document):
    return json.dumps(document) if document else ""


ASSOCIATION = ("clusterName", "associationId")


class PodIdentityAssociation(EksResource):
    kind = "EKS Pod Identity association"
    result = "association"
    names = {"clusterName": "cluster_name", "namespace": "namespace", "serviceAccount": "service_account"}
    identifier = "associationId"
    needed = ("role_arn",)
    describe = Describe("ListPodIdentityAssociations", "associations", missing=NOT_FOUND, many=True)
    additions = (
        Addition("DescribePodIdentityAssociation", "association", by=ASSOCIATION, missing=NOT_FOUND, itself=True),
    )
    create = Create("CreatePodIdentityAssociation", token=TOKEN, exists=("ResourceInUseException",))
    delete = Delete("DeletePodIdentityAssociation", missing=NOT_FOUND, by=ASSOCIATION)
    settings = (
        Setting("role_arn", "roleArn", update="association"),
        Setting("target_role_arn", "targetRoleArn", update="association", absent=""),
        Setting("disable_session_tags", "disableSessionTags", update="association", absent=False),
        policy("policy", "policy", update="association", absent={}, encode=to_text),
    )
    updates = {"association": Update("UpdatePodIdentityAssociation", token=TOKEN, by=ASSOCIATION)}
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "associationArn"})
    # IAM may not have told EKS yet of a role that was just made.
    passing = {"InvalidParameterException": ("Role provided in the request does not exist",)}
    timeout = 120

    def check_owner(self, current):
        # First: what belongs to an add-on doesn't bear our tags either.
        if self.options["state"] == "absent":
            self.refuse_owned(current)
        super().check_owner(current)

    def refuse(self, current, changes):
        if changes:
            self.refuse_owned(current)

    def refuse_owned(self, current):
        """An add-on would put its own association back, or stop working without it."""
        if current and current.get("ownerArn"):
            raise ResourceError(
                f"{self.title} belongs to {current['ownerArn']}. "
                "Change it there: pod_identity_associations of agent_platform.aws.eks_addon."
            )


def main():
    run_module(PodIdentityAssociation, DOCUMENTATION)


if __name__ == "__main__":
    main()
