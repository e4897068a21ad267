#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_nodegroup
version_added: 0.1.0
short_description: Manage a managed node group of an Amazon EKS cluster
description:
  - Creates, changes, upgrades and deletes a managed node group.
  - It replaces M(community.aws.eks_nodegroup), which in release 11.2.0 knows no Amazon Linux 2023, doesn't see changed
    values of labels, and fails on changed taints and tags.
  - Labels, taints, sizes and the update configuration are changed in one call, the versions of Kubernetes, the image
    and the launch template in another one. Each is followed to its end. EKS replaces the nodes for the latter.
  - A node group whose creation has failed is deleted and made again, once in a run. A warning says so.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the node group, unique in its cluster. It is needed, here or in each entry of O(aggregate).
    type: str
  cluster_name:
    description:
      - Name of the cluster. One that is being made or updated is waited for.
        It is needed, here or in each entry of O(aggregate).
    type: str
  node_role_arn:
    description:
      - ARN of the IAM role of the nodes.
      - Needed to create the node group. It can't be changed later.
    type: str
  subnet_ids:
    description:
      - Subnets in which nodes are started.
      - Needed to create the node group. They can't be changed later.
    type: list
    elements: str
  instance_types:
    description:
      - Instance types, in the order in which On-Demand capacity is looked for. EKS takes C(t3.medium) if neither this
        option nor the launch template names one.
      - They can't be changed later.
    type: list
    elements: str
  capacity_type:
    description:
      - How the capacity is bought. It can't be changed later.
    type: str
    choices: [ON_DEMAND, SPOT, CAPACITY_BLOCK]
  ami_type:
    description:
      - Kind of image of the nodes. It can't be changed later.
      - V(CUSTOM) can't be asked for; EKS shows it when the launch template names an image.
    type: str
    choices:
      - AL2_x86_64
      - AL2_x86_64_GPU
      - AL2_ARM_64
      - CUSTOM
      - BOTTLEROCKET_ARM_64
      - BOTTLEROCKET_x86_64
      - BOTTLEROCKET_ARM_64_FIPS
      - BOTTLEROCKET_x86_64_FIPS
      - BOTTLEROCKET_ARM_64_NVIDIA
      - BOTTLEROCKET_x86_64_NVIDIA
      - BOTTLEROCKET_ARM_64_NVIDIA_FIPS
      - BOTTLEROCKET_x86_64_NVIDIA_FIPS
      - WINDOWS_CORE_2019_x86_64
      - WINDOWS_FULL_2019_x86_64
      - WINDOWS_CORE_2022_x86_64
      - WINDOWS_FULL_2022_x86_64
      - WINDOWS_CORE_2025_x86_64
      - WINDOWS_FULL_2025_x86_64
      - AL2023_x86_64_STANDARD
      - AL2023_ARM_64_STANDARD
      - AL2023_x86_64_NEURON
      - AL2023_x86_64_NVIDIA
      - AL2023_ARM_64_NVIDIA
  disk_size:
    description:
      - Size of the root volume in GiB. With a launch template, set it there instead.
      - It can't be changed later.
    type: int
  version:
    description:
      - Kubernetes minor version of the nodes, in quotes. It must be the version that the control plane runs, so upgrade
        that first.
      - If not set, new nodes get the version of the control plane, and existing ones keep theirs.
      - EKS never takes nodes back to an older version.
    type: str
  release_version:
    description:
      - Release of the EKS optimised image, such as V(1.34.1-20260301).
      - If not set, the node group is created with the newest one, and gets the newest one whenever its nodes are
        replaced for another reason.
    type: str
  launch_template:
    description:
      - The launch template that nodes are started from.
      - A node group keeps the template that it was created with, or none; only the template's version can be changed.
    type: dict
    suboptions:
      id:
        description:
          - ID of the template.
        type: str
      name:
        description:
          - Name of the template.
        type: str
      version:
        description:
          - Number of the template's version. V($Latest) and V($Default) are refused, because EKS replaces them by the
            number of that moment and never looks again.
          - If not set, the node group is created with the default version and keeps the one it has.
        type: str
  scaling_config:
    description:
      - How many nodes there are.
    type: dict
    suboptions:
      min_size:
        description:
          - The fewest nodes. Needed to create the node group.
        type: int
      max_size:
        description:
          - The most nodes. Needed to create the node group.
        type: int
      desired_size:
        description:
          - The number of nodes now. Leave it out where an autoscaler decides.
          - If not set, the node group is created with O(scaling_config.min_size), and the present number is changed
            only as far as new limits demand.
        type: int
  update_config:
    description:
      - How many nodes may be missing while nodes are replaced.
    type: dict
    suboptions:
      max_unavailable:
        description:
          - As a number from 1 to 100.
        type: int
      max_unavailable_percentage:
        description:
          - As a percentage of the nodes.
        type: int
      update_strategy:
        description:
          - V(DEFAULT) starts new nodes before it ends old ones, V(MINIMAL) the other way round.
        type: str
        choices: [DEFAULT, MINIMAL]
  node_repair:
    description:
      - Whether EKS replaces or restarts nodes that it finds unhealthy.
    type: bool
  labels:
    description:
      - Kubernetes labels of the nodes. Labels that are not listed are removed; V({}) removes all.
    type: dict
  taints:
    description:
      - Kubernetes taints of the nodes. Taints that are not listed are removed; V([]) removes all.
    type: list
    elements: dict
    suboptions:
      key:
        description:
          - Key of the taint.
        type: str
        required: true
      value:
        description:
          - Value of the taint.
        type: str
        default: ''
      effect:
        description:
          - What the taint does to pods that don't tolerate it.
        type: str
        required: true
        choices: [NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE]
  force:
    description:
      - Replace nodes even where a pod disruption budget keeps their pods from leaving.
    type: bool
    default: false
notes:
  - O(wait_timeout) is 1800 seconds by default and counts for each step, such as the creation or one update.
  - Without O(wait) the module still waits between the updates of one call, because EKS takes them only one by one.
seealso:
  - module: agent_platform.aws.eks_cluster
  - module: agent_platform.aws.ec2_launch_template
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Create a node group from a launch template
  agent_platform.aws.eks_nodegroup:
    cluster_name: demo
    name: demo-default
    node_role_arn: arn:aws:iam::123456789012:role/demo-nodes
    subnet_ids:
      - subnet-0a1b2c3d4e5f60001
      - subnet-0a1b2c3d4e5f60002
    instance_types:
      - t3.medium
    ami_type: AL2023_x86_64_STANDARD
    version: "1.34"
    launch_template:
      id: lt-0a1b2c3d4e5f60001
      version: "1"
    scaling_config:
      min_size: 2
      max_size: 6
      desired_size: 2
    update_config:
      max_unavailable: 1
    labels:
      workload: general
    taints:
      - key: dedicated
        value: agents
        effect: NO_SCHEDULE
    tags:
      Project: demo

- name: Replace the nodes by ones from a new version of the template
  agent_platform.aws.eks_nodegroup:
    cluster_name: demo
    name: demo-default
    launch_template:
      id: lt-0a1b2c3d4e5f60001
      version: "2"

- name: Remove the node group
  agent_platform.aws.eks_nodegroup:
    cluster_name: demo
    name: demo-default
    state: absent
"""

RETURN = r"""
nodegroup:
  description: The node group as EKS describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    ami_type:
      description: Kind of image.
      type: str
      sample: AL2023_x86_64_STANDARD
    capacity_type:
      description: How the capacity is bought.
      type: str
    cluster_name:
      description: Name of the cluster.
      type: str
    created_at:
      description: When the node group was created.
      type: str
    health:
      description: Issues that EKS has found.
      type: dict
      contains:
        issues:
          description: One entry for each issue, with code, message and resource_ids.
          type: list
          elements: dict
    instance_types:
      description: Instance types; absent if the launch template names one.
      type: list
      elements: str
    labels:
      description: Labels of the nodes.
      type: dict
    launch_template:
      description: Template of the nodes, with id, name and version.
      type: dict
      sample:
        id: lt-0a1b2c3d4e5f60001
        name: demo-eks-default
        version: "1"
    node_role:
      description: ARN of the role of the nodes.
      type: str
    nodegroup_arn:
      description: ARN of the node group.
      type: str
    nodegroup_name:
      description: Name of the node group.
      type: str
    release_version:
      description: Release of the image.
      type: str
      sample: 1.34.1-20260301
    resources:
      description: What EKS has made for it.
      type: dict
      contains:
        auto_scaling_groups:
          description: The Auto Scaling groups, each with its name.
          type: list
          elements: dict
    scaling_config:
      description: Sizes, as min_size, max_size and desired_size.
      type: dict
    status:
      description: State of the node group.
      type: str
      sample: ACTIVE
    subnets:
      description: Subnets of the nodes.
      type: list
      elements: str
    tags:
      description: Tags of the node group.
      type: dict
    taints:
      description: Taints of the nodes.
      type: list
      elements: dict
    update_config:
      description: How many nodes may be missing while nodes are replaced.
      type: dict
    version:
      description: Kubernetes minor version of the nodes.
      type: str
      sample: "1.34"
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

import operator

from ..module_utils.declarations import Change, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.eks import NOT_FOUND, TOKEN, EksResource, minor_version
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, placeholder, set_path


def taints_from_api(taints):
    # EKS leaves out an empty value.
    return [{"key": taint["key"], "value": taint.get("value") or "", "effect": taint["effect"]} for taint in taints]


def taints_to_api(taints):
    return [{member: text for member, text in taint.items() if text} for taint in taints]


def label_texts(labels):
    """What YAML reads as true is the text "true" in Kubernetes."""
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in labels.items()}


class EksNodegroup(EksResource):
    kind = "EKS node group"
    result = "nodegroup"
    names = {"clusterName": "cluster_name", "nodegroupName": "name"}
    update_names = {"name": "cluster_name", "nodegroupName": "name"}
    needed = ("node_role_arn", "subnet_ids")
    describe = Describe("DescribeNodegroup", "nodegroup", missing=NOT_FOUND)
    create = Create("CreateNodegroup", token=TOKEN, exists=("ResourceInUseException",))
    delete = Delete("DeleteNodegroup", missing=NOT_FOUND)
    settings = (
        Setting("node_role_arn", "nodeRole"),
        Setting("subnet_ids", "subnets", unordered=True),
        Setting("instance_types", "instanceTypes"),
        Setting("capacity_type", "capacityType"),
        Setting("ami_type", "amiType"),
        Setting("disk_size", "diskSize"),
        Setting(
            "labels",
            "labels",
            update="config",
            update_members=("labels.addOrUpdateLabels", "labels.removeLabels"),
            same=operator.eq,
            given=label_texts,
            absent={},
            verbatim=True,
        ),
        Setting(
            "taints",
            "taints",
            update="config",
            update_members=("taints.addOrUpdateTaints", "taints.removeTaints"),
            unordered=True,
            absent=[],
            encode=taints_to_api,
            decode=taints_from_api,
        ),
        Setting("scaling_config", "scalingConfig", update="config", partial=True),
        Setting("update_config", "updateConfig", update="config"),
        Setting("node_repair", "nodeRepairConfig.enabled", update="config", absent=False),
        Setting("version", "version", update="version"),
        Setting("release_version", "releaseVersion", update="version"),
        Setting("launch_template", "launchTemplate", update="version"),
    )
    # The update configuration first: it says how the nodes are replaced by the version update.
    updates = {
        "config": Update("UpdateNodegroupConfig", token=TOKEN),
        "version": Update("UpdateNodegroupVersion", token=TOKEN),
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "nodegroupArn"})
    states = States(
        "status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={
            "CREATE_FAILED": "Mend the cause and run again, which makes it again.",
            "DELETE_FAILED": "Mend the cause and remove it again (state: absent).",
        },
        degraded={"DEGRADED": "It becomes ACTIVE when the cause is mended; until then EKS may refuse changes of it."},
        remade=frozenset({"CREATE_FAILED"}),
    )
    free_form = ("labels",)
    timeout = 1800
    extra_operations = ("DescribeCluster", "DescribeUpdate")
    passing = {
        # The role or the launch template was made a moment ago, and not all of AWS has seen it yet.
        "InvalidParameterException": (
            "does not exist",
            "The role with name",
            "required service principals",
        ),
        "InvalidRequestException": ("does not exist",),
    }
    unmanaged = {
        "CreateNodegroup.remoteAccess": "no SSH: the launch template has no key, and says which groups there are",
        **dict.fromkeys(
            (
                f"{operation}.nodeRepairConfig.{member}"
                for operation in ("CreateNodegroup", "UpdateNodegroupConfig")
                for member in (
                    "maxUnhealthyNodeThresholdCount",
                    "maxUnhealthyNodeThresholdPercentage",
                    "maxParallelNodesRepairedCount",
                    "maxParallelNodesRepairedPercentage",
                    "nodeRepairConfigOverrides",
                )
            ),
            "node repair is on or off",
        ),
        **dict.fromkeys(
            ("CreateNodegroup.warmPoolConfig", "UpdateNodegroupConfig.warmPoolConfig"), "no pool of spare nodes"
        ),
        "UpdateNodegroupVersion.launchTemplate.id": "the template is named by its name",
    }
    hints = {
        "InvalidParameterException": {
            "Kubernetes version should be equal": "Upgrade the control plane first (agent_platform.aws.eks_cluster)."
        }
    }
    renewal = (
        "To move the nodes without a gap, declare a node group under another name, and remove this one "
        "(state: absent) once it is there."
    )

    # ---- Requests

    def create_request(self):
        request = super().create_request()
        sizes = request.get("scalingConfig")
        if sizes:
            sizes.setdefault("desiredSize", sizes["minSize"])
        return request

    def changes(self, current):
        found = super().changes(current)
        if "scaling_config" in found:
            change = found["scaling_config"]
            found["scaling_config"] = Change(change.setting, change.current, self.sizes(change))
        return found

    def sizes(self, change):
        """The declared sizes, and the present number of nodes where new limits don't allow it any more."""
        declared = dict(change.desired)
        sizes = {**(change.current or {}), **declared}
        present, fewest, most = (sizes.get(name) for name in ("desired_size", "min_size", "max_size"))
        if "desired_size" not in declared and None not in (present, fewest, most) and fewest <= most:
            allowed = min(max(present, fewest), most)
            if allowed != present:
                declared["desired_size"] = allowed
        return declared

    def update_request(self, name, changes, current):
        if name == "version":
            return self.version_request(current)
        plain = {option: change for option, change in changes.items() if option in ("scaling_config", "node_repair")}
        request = super().update_request(name, plain, current)
        if "labels" in changes:
            have, want = changes["labels"].current or {}, changes["labels"].desired
            parts = {
                "addOrUpdateLabels": {key: value for key, value in want.items() if have.get(key) != value},
                "removeLabels": sorted(key for key in have if key not in want),
            }
            request["labels"] = {member: part for member, part in parts.items() if part}
        if "taints" in changes:
            have, want = changes["taints"].current, changes["taints"].desired
            kept = {(taint["key"], taint["effect"]) for taint in want}
            parts = {
                "addOrUpdateTaints": [taint for taint in want if taint not in have],
                "removeTaints": [taint for taint in have if (taint["key"], taint["effect"]) not in kept],
            }
            request["taints"] = {member: taints_to_api(part) for member, part in parts.items() if part}
        if "update_config" in changes:
            request["updateConfig"] = self.limits(changes["update_config"])
        return request

    def limits(self, change):
        """EKS wants one of the two limits in every request, and takes only one."""
        limits = {"max_unavailable", "max_unavailable_percentage"}
        current = {
            key: value
            for key, value in (change.current or {}).items()
            if key not in limits or not limits & set(change.desired)
        }
        return self.encode(change.setting, {**current, **change.desired})

    def version_request(self, current):
        """All three together: what is left out, EKS would move to the newest of its kind."""
        request = self.named()
        version = self.options["version"] or current.get("version")
        # An image of the user's own has no Kubernetes version that EKS could change.
        if version and current.get("amiType") != "CUSTOM":
            request["version"] = version
        if self.options["release_version"]:
            request["releaseVersion"] = self.options["release_version"]
        present = current.get("launchTemplate")
        if present:
            declared = self.options["launch_template"] or {}
            name = declared.get("name")
            request["launchTemplate"] = {
                **({"name": name} if name else {"id": present["id"]}),
                "version": declared.get("version") or present["version"],
            }
        if self.options["force"]:
            request["force"] = True
        return request

    def predicted(self, current):
        future = super().predicted(current)
        change = self.changes(current or {}).get("update_config")
        if change:
            set_path(future, "updateConfig", self.limits(change))
        return future

    # ---- Refusals

    def refuse(self, current, changes):
        self.refuse_sizes(current)
        self.refuse_template(current, changes)
        if current is None:
            self.refuse_new()
        elif "version" in changes:
            self.refuse_version(changes["version"])

    def refuse_new(self):
        sizes = self.options["scaling_config"]
        if sizes and (sizes.get("min_size") is None or sizes.get("max_size") is None):
            raise ResourceError(f"To create {self.title}, scaling_config needs min_size and max_size.")
        if self.options["disk_size"] is not None and self.options["launch_template"]:
            raise ResourceError(
                f"{self.title}: disk_size and launch_template exclude each other. Set the size in the template."
            )
        if self.options["version"] is not None and not placeholder(self.options["version"]):
            minor_version(self.options["version"], "version")
        if not self.check_mode:
            self.refuse_other_version(self.usable_cluster())

    def refuse_sizes(self, current):
        declared = {key: value for key, value in (self.options["scaling_config"] or {}).items() if value is not None}
        if not declared:
            return
        sizes = {**self.decoded_sizes(current), **declared}
        fewest, most = sizes.get("min_size"), sizes.get("max_size")
        wanted = declared.get("desired_size")
        if any(value < 0 for value in declared.values()) or most == 0:
            raise ResourceError(
                f"{self.title}: sizes can't be negative, and max_size is at least 1; declared: {declared}."
            )
        if fewest is not None and most is not None and fewest > most:
            raise ResourceError(f"{self.title}: min_size {fewest} is more than max_size {most}.")
        if wanted is None:
            return
        if (fewest is not None and wanted < fewest) or (most is not None and wanted > most):
            raise ResourceError(
                f"{self.title}: desired_size {wanted} is outside of min_size {fewest} and max_size {most}."
            )

    def decoded_sizes(self, current):
        names = {"min_size": "minSize", "max_size": "maxSize", "desired_size": "desiredSize"}
        sizes = get_path(current or {}, "scalingConfig") or {}
        return {option: sizes[member] for option, member in names.items() if member in sizes}

    def refuse_template(self, current, changes):
        template = self.options["launch_template"]
        if not template:
            return
        if str(template.get("version") or "").startswith("$"):
            raise ResourceError(
                f"{self.title}: launch_template.version must be a number, not {template['version']}: EKS puts the "
                "number of this moment in its place and never looks again. Use the version that "
                "agent_platform.aws.ec2_launch_template returns."
            )
        change = changes.get("launch_template")
        if current is None or change is None:
            return
        have = change.current or {}
        key = "id" if template.get("id") else "name"
        if have.get(key) != template[key] and not placeholder(template[key]):
            raise ResourceError(
                f"{self.title} can't change to another launch template (is {have.get(key) or 'none'}, "
                f"declared {template[key]}); only the version of the template can be changed. {self.renewal}"
            )

    def refuse_version(self, change):
        if placeholder(change.desired):
            return
        wanted = minor_version(change.desired, "version")
        if change.current and wanted < minor_version(change.current, "version"):
            raise ResourceError(
                f"{self.title} runs Kubernetes {change.current}, declared is {change.desired}: EKS never takes nodes "
                f'back to an older version. Declare version "{change.current}".'
            )
        # In a dry run the control plane still has the version from which it would be upgraded.
        if not self.check_mode:
            self.refuse_other_version(self.usable_cluster())

    def refuse_other_version(self, cluster):
        version = self.options["version"]
        if version is not None and cluster.get("version") not in (None, version):
            raise ResourceError(
                f"{self.title} can't run Kubernetes {version}, because the control plane runs {cluster['version']}. "
                f'Declare version "{cluster["version"]}", or upgrade the control plane first '
                "(agent_platform.aws.eks_cluster)."
            )


def main():
    template = [("id", "name")]
    refined = {
        "launch_template": {"mutually_exclusive": template, "required_one_of": template},
        "update_config": {"mutually_exclusive": [("max_unavailable", "max_unavailable_percentage")]},
        "taints.key": {"no_log": False},
    }
    run_module(EksNodegroup, DOCUMENTATION, refined)


if __name__ == "__main__":
    main()
