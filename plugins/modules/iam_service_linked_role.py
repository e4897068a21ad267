#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_service_linked_role
version_added: 0.1.0
short_description: Make sure that the service-linked role of an AWS service exists
description:
  - Creates or deletes the role with which an AWS service works in the account.
  - Many services make their role when they are first used, but some things need it earlier, such as a key policy that
    names it.
  - The role belongs to the whole account, so others may use it too. It is found by its service and carries no tags of
    ours, and O(owned_by) has no meaning for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  service_name:
    description:
      - The service, as C(autoscaling.amazonaws.com). It is needed, here or in each entry of O(aggregate).
    type: str
  custom_suffix:
    description:
      - Ending of the role's name, for the few services that can have several such roles in an account.
      - Without it the role without such an ending is meant.
    type: str
  description:
    description:
      - Description of a new role. That of an existing role is left alone.
    type: str
  state:
    description:
      - Whether the role shall exist.
      - With V(absent) AWS refuses as long as a resource of the service uses the role, and the module names what does.
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make sure that Auto Scaling has its role before a key policy names it
  agent_platform.aws.iam_service_linked_role:
    service_name: autoscaling.amazonaws.com

- name: Make sure that OpenSearch Service can reach into the VPC
  agent_platform.aws.iam_service_linked_role:
    service_name: opensearchservice.amazonaws.com
"""

RETURN = r"""
role:
  description: The role as IAM lists it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    arn:
      description: ARN of the role.
      type: str
      sample: arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling
    role_name:
      description: Name of the role.
      type: str
      sample: AWSServiceRoleForAutoScaling
    role_id:
      description: Unique ID of the role.
      type: str
    path:
      description: Path of the role.
      type: str
      sample: /aws-service-role/autoscaling.amazonaws.com/
    description:
      description: Description of the role.
      type: str
    create_date:
      description: When it was made.
      type: str
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe
from ..module_utils.faults import ResourceError
from ..module_utils.resource import Resource, run_module

# Services that can have further roles, named after the first one with "_" and a suffix. The names of other services'
# roles may hold a "_" of their own (AWSServiceRoleForApplicationAutoScaling_RDSCluster).
TAKE_SUFFIX = ("autoscaling.amazonaws.com", "connect.amazonaws.com", "lex.amazonaws.com", "lexv2.amazonaws.com")


class ServiceLinkedRole(Resource):
    service = "iam"
    kind = "service-linked role"
    result = "role"
    names = {"AWSServiceName": "service_name"}
    identifier = "RoleName"
    capital_members = True
    describe = Describe("ListRoles", "Roles", many=True)
    create = Create("CreateServiceLinkedRole", exists=("InvalidInput",), tags=None)
    delete = Delete("DeleteServiceLinkedRole", missing=("NoSuchEntity",), by="RoleName")
    extra_operations = ("GetServiceLinkedRoleDeletionStatus",)
    unmanaged = {"UpdateRoleDescription": "the role is its service's and the account's, whatever it is called"}
    free_form = ("AssumeRolePolicyDocument",)
    timeout = 300
    poll = 5.0

    deletion = None  # ID of the task that deletes it

    def describe_request(self):
        return {"PathPrefix": f"/aws-service-role/{self.options['service_name']}/"}

    def select(self, found):
        suffix = self.options["custom_suffix"]
        if suffix:
            return [role for role in found if role["RoleName"].endswith(f"_{suffix}")]
        if self.options["service_name"] in TAKE_SUFFIX:
            return [role for role in found if "_" not in role["RoleName"]]
        return found

    def create_request(self):
        request = self.named()
        optional = {"Description": self.options["description"], "CustomSuffix": self.options["custom_suffix"]}
        return request | {member: value for member, value in optional.items() if value}

    def deleted(self, response):
        self.deletion = response.get("DeletionTaskId")

    def complete(self, description):
        """IAM deletes the role later, or finds that it can't."""
        if self.deletion:
            task = self.read("GetServiceLinkedRoleDeletionStatus", {"DeletionTaskId": self.deletion}) or {}
            if task.get("Status") == "FAILED":
                raise ResourceError(self.in_use(task.get("Reason", {})))
        return description

    def in_use(self, reason):
        used_by = [
            f"{', '.join(usage.get('Resources', [])) or 'something'} in {usage.get('Region', 'some region')}"
            for usage in reason.get("RoleUsageList", [])
        ]
        return " ".join(
            part
            for part in (
                f"Could not delete {self.title}: {reason.get('Reason', 'AWS gives no reason').rstrip('.')}.",
                f"It is used by {'; '.join(used_by)}." if used_by else "",
                "Remove what uses it and run again.",
            )
            if part
        )


def main():
    run_module(ServiceLinkedRole, DOCUMENTATION)


if __name__ == "__main__":
    main()
