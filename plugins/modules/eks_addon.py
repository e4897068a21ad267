#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: eks_addon
version_added: 0.1.0
short_description: Manage an add-on of an Amazon EKS cluster
description:
  - Installs, changes, upgrades and removes a managed add-on, be it one of AWS such as C(vpc-cni) or a community add-on
    such as C(cert-manager). All go through the same API.
  - All that differs is changed in one call, which is followed to its end.
  - An add-on whose creation has failed is updated as declared. If that doesn't bring it up it is deleted and made
    again, once in a run. A warning says so.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the add-on, as C(aws eks describe-addon-versions) lists it.
        It is needed, here or in each entry of O(aggregate).
    type: str
  cluster_name:
    description:
      - Name of the cluster. One that is being made or updated is waited for.
        It is needed, here or in each entry of O(aggregate).
    type: str
  version:
    description:
      - A version such as V(v1.21.1-eksbuild.1), which is checked against those that EKS offers for the cluster's
        Kubernetes version, or one of two words.
      - V(default) means the version that EKS recommends for the cluster's Kubernetes version. An add-on that runs a
        newer one keeps it; only a version that is written out takes an add-on back.
      - V(latest) means the newest version that EKS offers for the cluster's Kubernetes version.
      - With one of these words the add-on moves with every run, as EKS moves the version.
      - If not set, the add-on is created with the default version and keeps the one it has.
    type: str
  service_account_role_arn:
    description:
      - ARN of the IAM role for the service account of the add-on, by way of the cluster's OpenID Connect provider.
      - An empty text takes the role away, so that the add-on acts with the role of the nodes.
    type: str
  configuration_values:
    description:
      - Settings of the add-on, by the schema that C(aws eks describe-addon-configuration) shows. They are compared as
        data, not as text.
      - All settings of the add-on must be given; V({}) removes those that it has.
    type: dict
  resolve_conflicts:
    description:
      - What happens to fields of the add-on's objects in Kubernetes that somebody has changed.
      - V(NONE) leaves them, and the change of the add-on may fail. V(OVERWRITE) sets them to what EKS has in mind.
      - V(PRESERVE) keeps them at an update. At creation it does the same as V(NONE).
      - EKS does V(NONE) if not set. It isn't compared, so it takes effect with the next change.
    type: str
    choices: [NONE, OVERWRITE, PRESERVE]
  pod_identity_associations:
    description:
      - IAM roles for service accounts of the add-on, by way of EKS Pod Identity. Associations that are not listed are
        removed.
    type: list
    elements: dict
    suboptions:
      service_account:
        description:
          - Name of the service account.
        type: str
        required: true
      role_arn:
        description:
          - ARN of the role.
        type: str
        required: true
  preserve:
    description:
      - Used with O(state=absent). Whether the software stays in the cluster, unmanaged.
    type: bool
    default: false
notes:
  - O(wait_timeout) is 1200 seconds by default and counts for each step.
  - An add-on whose pods need nodes, such as C(coredns), is not ready before there are nodes. When the module waits in
    vain, its message has the reasons that EKS gives.
seealso:
  - module: agent_platform.aws.eks_cluster
  - module: agent_platform.aws.eks_pod_identity_association
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Install the network add-on in the version that EKS recommends
  agent_platform.aws.eks_addon:
    cluster_name: demo
    name: vpc-cni
    version: default
    configuration_values:
      enableNetworkPolicy: "true"
    resolve_conflicts: OVERWRITE
    tags:
      Project: demo

- name: Install the EBS driver with a role of its own, in a version that is written out
  agent_platform.aws.eks_addon:
    cluster_name: demo
    name: aws-ebs-csi-driver
    version: v1.54.0-eksbuild.1
    service_account_role_arn: arn:aws:iam::123456789012:role/demo-ebs-csi-driver
    resolve_conflicts: PRESERVE

- name: Give the role by Pod Identity instead
  agent_platform.aws.eks_addon:
    cluster_name: demo
    name: aws-ebs-csi-driver
    service_account_role_arn: ""
    pod_identity_associations:
      - service_account: ebs-csi-controller-sa
        role_arn: arn:aws:iam::123456789012:role/demo-ebs-csi-driver

- name: Stop managing an add-on, and leave it running
  agent_platform.aws.eks_addon:
    cluster_name: demo
    name: vpc-cni
    preserve: true
    state: absent
"""

RETURN = r"""
addon:
  description: The add-on as EKS describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    addon_arn:
      description: ARN of the add-on.
      type: str
    addon_name:
      description: Name of the add-on.
      type: str
      sample: vpc-cni
    addon_version:
      description: Version of the add-on.
      type: str
      sample: v1.21.1-eksbuild.1
    cluster_name:
      description: Name of the cluster.
      type: str
    configuration_values:
      description: Settings of the add-on, as data.
      type: dict
    created_at:
      description: When the add-on was created.
      type: str
    health:
      description: Issues that EKS has found.
      type: dict
      contains:
        issues:
          description: One entry for each issue, with code, message and resource_ids.
          type: list
          elements: dict
    pod_identity_associations:
      description: The associations that belong to the add-on.
      type: list
      elements: dict
      contains:
        association_arn:
          description: ARN of the association.
          type: str
        association_id:
          description: ID of the association.
          type: str
        namespace:
          description: Namespace of the service account.
          type: str
        role_arn:
          description: ARN of the role.
          type: str
        service_account:
          description: Name of the service account.
          type: str
    service_account_role_arn:
      description: ARN of the role of the service account.
      type: str
    status:
      description: State of the add-on.
      type: str
      sample: ACTIVE
    tags:
      description: Tags of the add-on.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

import json
import re

from ansible.module_utils.common.yaml import HAS_YAML, yaml_load

from ..module_utils.calls import Repeat
from ..module_utils.declarations import Change, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.eks import NOT_FOUND, TOKEN, EksResource
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.resource import run_module
from ..module_utils.values import PLACEHOLDER, placeholder, without_unset

# EKS is still at it: DEGRADED means that pods aren't up yet, which may pass.
COMING_UP = ("CREATING", "UPDATING", "DEGRADED")


def values_to_api(values):
    return json.dumps(values, sort_keys=True)


def values_from_api(text):
    """The settings as data; EKS keeps the text as it was given, in JSON or YAML."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    if not HAS_YAML:
        return text
    try:
        return yaml_load(text)
    # Whatever the parser dislikes: the text then differs from any data and is replaced.
    except Exception:
        return text


def same_values(current, desired):
    return (current or {}) == desired


def associations_from_api(associations):
    """What of an association the user declares."""
    pairs = [{"service_account": item["serviceAccount"], "role_arn": item["roleArn"]} for item in associations]
    return sorted(pairs, key=lambda pair: pair["service_account"])


def version_key(version):
    """Versions such as v1.21.1-eksbuild.10 in their order."""
    return [int(number) for number in re.findall(r"\d+", version)]


class EksAddon(EksResource):
    kind = "EKS add-on"
    result = "addon"
    names = {"clusterName": "cluster_name", "addonName": "name"}
    update_names = {"name": "cluster_name", "addonName": "name"}
    describe = Describe("DescribeAddon", "addon", missing=NOT_FOUND)
    create = Create("CreateAddon", token=TOKEN, exists=("ResourceInUseException",))
    delete = Delete("DeleteAddon", missing=NOT_FOUND)
    settings = (
        Setting("version", "addonVersion", update="addon"),
        Setting("service_account_role_arn", "serviceAccountRoleArn", update="addon", absent=""),
        Setting(
            "configuration_values",
            "configurationValues",
            update="addon",
            absent={},
            same=same_values,
            encode=values_to_api,
            decode=values_from_api,
        ),
        Setting(
            "pod_identity_associations",
            "podIdentityAssociations",
            update="addon",
            unordered=True,
            absent=[],
            decode=associations_from_api,
        ),
    )
    # EKS takes the absence of the role or the settings for a wish to do without.
    updates = {
        "addon": Update("UpdateAddon", token=TOKEN, kept=("serviceAccountRoleArn", "configurationValues")),
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "addonArn"})
    states = States(
        "status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={
            "CREATE_FAILED": "Mend the cause and run again, which makes it again.",
            "DELETE_FAILED": "Mend the cause and remove it again (state: absent); preserve: true leaves its software.",
        },
        degraded={
            "DEGRADED": "It becomes ACTIVE by itself when the cause is mended.",
            "UPDATE_FAILED": "Mend the cause, or change what was declared, and run again.",
        },
        remade=frozenset({"CREATE_FAILED"}),
    )
    timeout = 1200
    extra_operations = ("DescribeAddonVersions", "DescribeCluster", "DescribePodIdentityAssociation", "DescribeUpdate")
    unmanaged = {"CreateAddon.namespaceConfig": "add-ons live in the namespace that AWS chooses"}
    # The role of the service account was made a moment ago.
    passing = {"InvalidParameterException": ("does not exist", "could not be assumed")}

    def prepare(self):
        self.present_cluster = None
        self.tried_to_revive = False

    # ---- The version

    def converge(self, current):
        if self.options["state"] == "present":
            self.options["version"] = self.resolved_version(current)
        return super().converge(current)

    def resolved_version(self, current):
        """The version to bring about: what is declared, with the two words replaced by what they mean now."""
        wanted = self.options["version"]
        leaving = current is None or current.get("status") in self.states.deleting
        running = None if leaving else current.get("addonVersion")
        if wanted is None or wanted == running or placeholder(wanted):
            return wanted
        by_word = wanted in ("default", "latest")
        if self.check_mode:
            cluster = self.cluster()
            if cluster is None:
                return PLACEHOLDER if by_word else wanted
        else:
            cluster = self.present_cluster = self.usable_cluster()
        offered = self.offered_versions(cluster["version"])
        if not by_word:
            self.check_offered(wanted, offered, cluster["version"])
            return wanted
        newest = next(iter(offered))
        default = next((name for name, is_default in offered.items() if is_default), newest)
        meant = newest if wanted == "latest" else default
        return running if running and version_key(running) > version_key(meant) else meant

    def offered_versions(self, kubernetes):
        """The versions for a Kubernetes version, newest first, each with whether it is the default."""
        name = self.options["name"]
        request = {"addonName": name, "kubernetesVersion": kubernetes}
        response = self.read("DescribeAddonVersions", request, NOT_FOUND, f"list the versions of EKS add-on {name!r}")
        offered = {}
        for addon in (response or {}).get("addons", []):
            if addon.get("addonName") != name:
                continue
            for version in addon.get("addonVersions", []):
                compatible = version.get("compatibilities", [])
                fitting = [item for item in compatible if item.get("clusterVersion") == kubernetes]
                if fitting:
                    offered[version["addonVersion"]] = any(item.get("defaultVersion") for item in fitting)
        if not offered:
            raise ResourceError(
                f"EKS offers no add-on {name!r} for Kubernetes {kubernetes}, which cluster "
                f"{self.options['cluster_name']!r} runs. Check the name: aws eks describe-addon-versions lists all."
            )
        return dict(sorted(offered.items(), key=lambda item: version_key(item[0]), reverse=True))

    def check_offered(self, wanted, offered, kubernetes):
        if wanted in offered:
            return
        listed = ", ".join(f"{name} (default)" if is_default else name for name, is_default in offered.items())
        message = (
            f"{self.title} has no version {wanted} for Kubernetes {kubernetes}, which the cluster runs. "
            f"There are: {listed}."
        )
        if not self.check_mode:
            raise ResourceError(message)
        # The same run may upgrade the cluster first.
        self.module.warn(f"{message} This fails unless the cluster has another Kubernetes version by then.")

    # ---- Reading

    def complete(self, description):
        arns = description.get("podIdentityAssociations")
        if not arns:
            return description
        associations = [self.association(arn) for arn in arns]
        return {**description, "podIdentityAssociations": [found for found in associations if found]}

    def association(self, arn):
        request = {"clusterName": self.options["cluster_name"], "associationId": arn.rsplit("/", 1)[-1]}
        doing = f"read a pod identity association of {self.title}"
        response = self.read("DescribePodIdentityAssociation", request, NOT_FOUND, doing)
        return response["association"] if response else None

    # ---- Requests

    def refuse(self, current, changes):
        if current is None and not self.check_mode and self.present_cluster is None:
            self.present_cluster = self.usable_cluster()

    def create_request(self):
        request = super().create_request()
        conflicts = self.options["resolve_conflicts"]
        if conflicts:
            request["resolveConflicts"] = "NONE" if conflicts == "PRESERVE" else conflicts
        return request

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if self.options["resolve_conflicts"]:
            request["resolveConflicts"] = self.options["resolve_conflicts"]
        return request

    def delete_request(self, current):
        return {**self.named(), **({"preserve": True} if self.options["preserve"] else {})}

    # ---- One whose creation has failed

    def revived(self, current):
        """EKS takes an update of it and may have it run then, so that what pods there are go on running."""
        if self.tried_to_revive:
            return None
        # What is declared as none is left out: not every add-on takes the member.
        changes = {
            setting.option: Change(setting, None, without_unset(self.options[setting.option]))
            for setting in self.settings_of("addon")
            if self.options[setting.option] not in (None, setting.absent)
        }
        failure = None
        try:
            self.apply_update("addon", changes, current)
            self.finish_update()
        except Repeat as repeat:
            # Throttling and a lost reply say nothing of whether EKS takes it.
            self.tried_to_revive = error_code(repeat.error) in self.passing
            raise
        except ResourceError as error:
            failure = error
        self.tried_to_revive = True
        found = self.wait_until(lambda now: now is None or now.get("status") not in COMING_UP, "ACTIVE")
        if found is not None and found.get("status") not in (*self.states.failed, "UPDATE_FAILED"):
            return found
        if failure:
            self.module.warn(f"An update didn't bring it up. {failure}")
        return None

    # ---- Waiting and showing

    def settle(self, current, acted=False):
        # A lost reply may hide that this run has changed it.
        acted = acted or self.changed
        if acted and self.options["wait"] and current and current.get("status") in COMING_UP:
            current = self.wait_until(lambda now: now is not None and now.get("status") not in COMING_UP, "ACTIVE")
        return super().settle(current, acted)

    def shown(self, description):
        shown = super().shown(description)
        if shown.get("configuration_values"):
            shown["configuration_values"] = values_from_api(shown["configuration_values"])
        return shown


def main():
    run_module(EksAddon, DOCUMENTATION)


if __name__ == "__main__":
    main()
