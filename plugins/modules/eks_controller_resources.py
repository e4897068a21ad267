#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_controller_resources
version_added: 0.1.0
short_description: Remove what the controllers of an Amazon EKS cluster have made in AWS
description:
  - Removes load balancers, target groups, security groups and volumes that controllers in a cluster have made, such as
    the AWS Load Balancer Controller and the EBS driver. They stay when the cluster is removed, cost money and keep its
    VPC from being removed.
  - They are known by the tags that the controllers give them, C(kubernetes.io/cluster/<name>) with the value C(owned),
    C(elbv2.k8s.aws/cluster), C(eks:eks-cluster-name), C(ebs.csi.aws.com/cluster-name) and C(KubernetesCluster). What
    EKS itself has made for the cluster is left alone.
  - B(The data on the volumes are lost.)
  - Remove the nodes first. As long as a controller runs it makes again what has gone.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  cluster_name:
    description:
      - Name of the cluster. It need not exist any more.
    type: str
    required: true
  vpc_id:
    description:
      - ID of the VPC in which to look. In all of the region by default. Volumes are in none.
    type: str
  wait_timeout:
    description:
      - How long to wait until all is gone, in seconds.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Removes nothing and returns what would be.
    support: full
  diff_mode:
    description: There are no settings to compare.
    support: none
"""

EXAMPLES = r"""
- name: Remove what the controllers of a cluster have left behind
  agent_platform.aws.eks_controller_resources:
    cluster_name: demo
"""

RETURN = r"""
removed:
  description: What was removed, or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: What it is.
      type: str
      sample: load balancer
    id:
      description: Its ARN, id or name, whichever its calls take.
      type: str
    name:
      description: Its name, or that of the volume claim.
      type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.calls import Calls, Repeat
from ..module_utils.controllers import KINDS, found
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError, error_code

# They are gone already.
MISSING = (
    "LoadBalancerNotFound",
    "TargetGroupNotFound",
    "InvalidGroup.NotFound",
    "InvalidGroupId.NotFound",
    "InvalidPermission.NotFound",
    "InvalidVolume.NotFound",
)


class ControllerResources(Calls):
    """The resources of one cluster's controllers."""

    # What goes first is still on its way.
    passing = {"DependencyViolation": ("",), "ResourceInUse": ("",), "VolumeInUse": ("",), "InvalidGroup.InUse": ("",)}
    hints = {
        "OperationNotPermitted": {"": "Turn its deletion protection off, and run again."},
        "VolumeInUse": {"": "Detach it, or remove the instance that it is attached to, and run again."},
    }
    poll = 5.0

    def __init__(self, module):
        super().__init__(module)
        self.cluster = self.options["cluster_name"]
        self.title = f"what the controllers of EKS cluster {self.cluster!r} have made"

    def run(self):
        gone = self.find()
        if not self.check_mode:
            self.remove_all(gone)
        return {
            "changed": bool(gone),
            "removed": [{"kind": made.kind.title, "id": made.identifier, "name": made.name} for made in gone],
        }

    def find(self):
        def read(service, operation, request):
            return self.read(operation, request, MISSING, service=service)

        return [made for kind in KINDS for made in found(read, kind, self.cluster, self.options["vpc_id"])]

    def remove_all(self, present):
        accepted, refused = set(), {}
        for left in self.looks(self.find, self.wait_timeout, pause=1.0, longest=self.poll) if present else ():
            if not left:
                return
            for made in left:
                if made.identifier in accepted:
                    continue
                try:
                    self.remove(made)
                    accepted.add(made.identifier)
                except Repeat as repeat:
                    refused[made.identifier] = str(repeat)
        if present:
            reasons = [refused.get(made.identifier, f"{made} is still there.") for made in left]
            raise ResourceError(f"Not all is gone after {self.wait_timeout} s: {' '.join(reasons)} Run again.")

    def remove(self, made):
        self.service = made.kind.service
        if made.kind.title == "security group":
            self.release(made.identifier)
        self.write(made.kind.delete, {made.kind.identifier: made.identifier}, f"delete {made}", MISSING)

    def release(self, group_id):
        """Take away the rules of other groups that name this one: it can't be deleted before."""
        for filter_, member, operation in (
            ("ip-permission.group-id", "IpPermissions", "RevokeSecurityGroupIngress"),
            ("egress.ip-permission.group-id", "IpPermissionsEgress", "RevokeSecurityGroupEgress"),
        ):
            request = {"Filters": [{"Name": filter_, "Values": [group_id]}]}
            for group in self.read("DescribeSecurityGroups", request).get("SecurityGroups", []):
                rules = [
                    {
                        **{key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule},
                        "UserIdGroupPairs": [{"GroupId": group_id}],
                    }
                    for rule in group.get(member, [])
                    if group_id in [pair.get("GroupId") for pair in rule.get("UserIdGroupPairs", [])]
                ]
                if rules and group["GroupId"] != group_id:
                    doing = f"take the rules for {group_id} from security group {group['GroupId']}"
                    self.write(operation, {"GroupId": group["GroupId"], "IpPermissions": rules}, doing, MISSING)


def main():
    module = AnsibleAWSModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    try:
        result = ControllerResources(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
