#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_launch_template
version_added: 0.1.0
short_description: Manage an EC2 launch template and its default version
description:
  - Creates a launch template, and makes a new default version when the present default differs from what is declared.
  - Only declared options are compared. What AWS adds to a version, such as the state of its metadata options, makes no
    difference, so a second run makes no version.
  - If the latest version is as declared and just isn't the default, it becomes the default.
  - It replaces M(amazon.aws.ec2_launch_template), which makes a new version in every run.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the launch template. It is needed, here or in each entry of O(aggregate).
    type: str
  image_id:
    description:
      - ID of the machine image, or C(resolve:ssm:) with the name of a parameter that holds it.
    type: str
  instance_type:
    description:
      - Type of the instances.
    type: str
  iam_instance_profile:
    description:
      - Name or ARN of the instance profile.
    type: str
  block_device_mappings:
    description:
      - Volumes of the instances.
    type: list
    elements: dict
    suboptions:
      device_name:
        description: Name of the device, as C(/dev/xvda).
        type: str
        required: true
      ebs:
        description: The EBS volume.
        type: dict
        suboptions:
          volume_size:
            description: Size in GiB.
            type: int
          volume_type:
            description: Type of the volume.
            type: str
            choices: [gp3, gp2, io1, io2, st1, sc1, standard]
          encrypted:
            description: Whether the volume is encrypted.
            type: bool
          kms_key_id:
            description: ID or ARN of the KMS key.
            type: str
          iops:
            description: Operations per second.
            type: int
          throughput:
            description: Throughput in MiB per second, for V(gp3).
            type: int
          snapshot_id:
            description: ID of the snapshot that the volume is made from.
            type: str
          delete_on_termination:
            description: Whether the volume is deleted with the instance.
            type: bool
  metadata_options:
    description:
      - How instances reach the instance metadata service.
    type: dict
    suboptions:
      http_tokens:
        description: Whether version 2 of the service is V(required).
        type: str
        choices: [optional, required]
      http_put_response_hop_limit:
        description:
          - How many network hops a token travels.
          - With V(1) containers in a network of their own don't reach the service.
        type: int
      http_endpoint:
        description: Whether the service answers.
        type: str
        choices: [enabled, disabled]
      http_protocol_ipv6:
        description: Whether it answers on its IPv6 address.
        type: str
        choices: [enabled, disabled]
      instance_metadata_tags:
        description: Whether it gives the instance's tags.
        type: str
        choices: [enabled, disabled]
  security_group_ids:
    description:
      - Security groups of the instances.
    type: list
    elements: str
  monitoring:
    description:
      - Whether detailed monitoring is on.
    type: bool
  ebs_optimized:
    description:
      - Whether instances are optimized for EBS.
    type: bool
  user_data:
    description:
      - User data as plain text. The module encodes it.
      - Everybody who may describe the template reads it, so it is no place for secrets.
    type: str
  tag_specifications:
    description:
      - Tags of what is made from the template. The tags of the template itself are in O(tags).
    type: dict
    suboptions:
      instance:
        description: Tags of instances.
        type: dict
      volume:
        description: Tags of volumes.
        type: dict
      network_interface:
        description: Tags of network interfaces.
        type: dict
  purge_data:
    description:
      - Whether what the default version holds beyond the declared options makes a difference, such as a script that
        somebody has slipped in. It isn't in the new version.
    type: bool
    default: false
  keep_versions:
    description:
      - How many versions are kept. Older ones are deleted, but never the default version.
      - Leave room for versions that something names by their number, such as a node group that isn't updated yet.
      - If not set, all versions are kept.
    type: int
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - A new version holds what is declared and nothing else. An undeclared setting of the version before isn't taken over.
"""

EXAMPLES = r"""
- name: Describe the nodes of a cluster
  agent_platform.aws.ec2_launch_template:
    name: demo-eks-default
    block_device_mappings:
      - device_name: /dev/xvda
        ebs:
          volume_size: 50
          volume_type: gp3
          encrypted: true
          delete_on_termination: true
    metadata_options:
      http_tokens: required
      http_put_response_hop_limit: 1
    monitoring: true
    tag_specifications:
      instance:
        Name: demo-node
      volume:
        Name: demo-node
    tags:
      Name: demo-eks-default

- name: Delete a launch template with all its versions
  agent_platform.aws.ec2_launch_template:
    name: demo-eks-default
    state: absent
"""

RETURN = r"""
launch_template:
  description: The launch template as EC2 describes it, with the data of its default version; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    launch_template_id:
      description: ID of the template.
      type: str
      sample: lt-0123456789abcdef0
    launch_template_name:
      description: Name of the template.
      type: str
      sample: demo-eks-default
    default_version_number:
      description: Number of the default version.
      type: int
      sample: 2
    latest_version_number:
      description: Number of the latest version.
      type: int
      sample: 2
    launch_template_data:
      description: Data of the default version.
      type: dict
    version_numbers:
      description: Numbers of all versions, oldest first.
      returned: when O(keep_versions) is set
      type: list
      elements: int
    tags:
      description: Tags of the template.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

import base64
import binascii

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)

from ..module_utils.declarations import Addition, Change, Create, Delete, Describe, Setting, Update
from ..module_utils.ec2 import Ec2Resource, ec2_tagging, profile_to_api
from ..module_utils.resource import run_module

NO_TEMPLATE = ("InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateName.NotFoundException")
MOST_DELETED_AT_ONCE = 200


def encoded_text(text):
    return base64.b64encode(text.encode()).decode()


def decoded_text(data):
    """Plain text; or the data as they are, where they aren't text (a compressed script)."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return data


def tag_lists(specifications):
    texts = {kind: {key: str(value) for key, value in tags.items()} for kind, tags in specifications.items()}
    return [
        {"ResourceType": kind.replace("_", "-"), "Tags": ansible_dict_to_boto3_tag_list(tags)}
        for kind, tags in sorted(texts.items())
        if tags
    ]


def tag_dicts(lists):
    return {
        item["ResourceType"].replace("-", "_"): boto3_tag_list_to_ansible_dict(item.get("Tags", [])) for item in lists
    }


def same_tags(current, desired):
    """A tag that is no longer declared is a difference, too."""
    return tag_dicts(tag_lists(current or {})) == tag_dicts(tag_lists(desired))


def data(option, member, **how):
    """A setting in the data of a version."""
    return Setting(option, f"LaunchTemplateData.{member}", update="version", **how)


class LaunchTemplate(Ec2Resource):
    kind = "launch template"
    result = "launch_template"
    names = {"LaunchTemplateName": "name"}
    identifier = "LaunchTemplateId"
    unique_name = True
    tagged_as = "launch-template"
    filtered_by = {"launch-template-name": "name"}
    describe = Describe("DescribeLaunchTemplates", "LaunchTemplates", many=True)
    additions = (
        Addition(
            "DescribeLaunchTemplateVersions",
            "LaunchTemplateVersions.LaunchTemplateData",
            "LaunchTemplateData",
            by_hand=True,
        ),
        Addition(
            "DescribeLaunchTemplateVersions", "LaunchTemplateVersions.VersionNumber", "VersionNumbers", by_hand=True
        ),
    )
    create = Create(
        "CreateLaunchTemplate",
        token="ClientToken",
        exists=("InvalidLaunchTemplateName.AlreadyExistsException",),
        tags=None,
    )
    delete = Delete("DeleteLaunchTemplate", missing=NO_TEMPLATE, by="LaunchTemplateId")
    settings = (
        data("image_id", "ImageId"),
        data("instance_type", "InstanceType"),
        data(
            "iam_instance_profile",
            "IamInstanceProfile",
            encode=profile_to_api,
            decode=lambda profile: profile.get("Arn") or profile.get("Name"),
        ),
        data("block_device_mappings", "BlockDeviceMappings", unordered=True),
        data("metadata_options", "MetadataOptions"),
        data("security_group_ids", "SecurityGroupIds", unordered=True),
        data("monitoring", "Monitoring.Enabled", absent=False),
        data("ebs_optimized", "EbsOptimized", absent=False),
        data("user_data", "UserData", encode=encoded_text, decode=decoded_text),
        data(
            "tag_specifications",
            "TagSpecifications",
            verbatim=True,
            encode=tag_lists,
            decode=tag_dicts,
            same=same_tags,
        ),
        Setting(
            "keep_versions",
            None,
            read="VersionNumbers",
            update="pruning",
            update_members=("Versions",),
            decode=len,
            same=lambda have, want: have is None or have <= want,
        ),
    )
    updates = {"version": Update("CreateLaunchTemplateVersion"), "pruning": Update("DeleteLaunchTemplateVersions")}
    unmanaged = {
        **dict.fromkeys(
            (
                f"CreateLaunchTemplate.LaunchTemplateData.{member}"
                for member in (
                    "CapacityReservationSpecification",
                    "CpuOptions",
                    "CreditSpecification",
                    "DisableApiStop",
                    "DisableApiTermination",
                    "ElasticGpuSpecifications",
                    "ElasticInferenceAccelerators",
                    "EnclaveOptions",
                    "HibernationOptions",
                    "InstanceInitiatedShutdownBehavior",
                    "InstanceMarketOptions",
                    "InstanceRequirements",
                    "KernelId",
                    "LicenseSpecifications",
                    "MaintenanceOptions",
                    "NetworkPerformanceOptions",
                    "Operator",
                    "Placement",
                    "PrivateDnsNameOptions",
                    "RamDiskId",
                )
            ),
            "in no version of the module's; with purge_data one that has any is replaced",
        ),
        "CreateLaunchTemplate.LaunchTemplateData.KeyName": "no SSH",
        **dict.fromkeys(
            (
                f"CreateLaunchTemplate.LaunchTemplateData.{member}"
                for member in ("NetworkInterfaces", "SecondaryInterfaces", "SecurityGroups")
            ),
            "one interface, in the groups that security_group_ids names",
        ),
        **dict.fromkeys(
            (
                f"CreateLaunchTemplate.LaunchTemplateData.BlockDeviceMappings.{member}"
                for member in ("Ebs.EbsCardIndex", "Ebs.VolumeInitializationRate", "NoDevice", "VirtualName")
            ),
            "EBS volumes with AWS's defaults",
        ),
        "CreateLaunchTemplate.LaunchTemplateData.IamInstanceProfile.Arn": "the profile is named by its name or its ARN",
        **dict.fromkeys(
            (
                "CreateLaunchTemplate.Operator",
                "CreateLaunchTemplate.VersionDescription",
                "CreateLaunchTemplateVersion.VersionDescription",
            ),
            "they change nothing of instances",
        ),
        **dict.fromkeys(
            ("CreateLaunchTemplateVersion.ResolveAlias", "CreateLaunchTemplateVersion.SourceVersion"),
            "a version is declared as a whole",
        ),
    }
    tagging = ec2_tagging("LaunchTemplateId")
    extra_operations = ("ModifyLaunchTemplate",)
    free_form = ("TagSpecifications",)
    passing = dict.fromkeys((*NO_TEMPLATE, "InvalidLaunchTemplateId.VersionNotFound"), ("",))
    timeout = 120
    poll = 5.0

    def prepare(self):
        self.latest = {}

    def complete(self, description):
        keep = self.options["keep_versions"]
        request = {"LaunchTemplateId": description["LaunchTemplateId"]}
        if not keep:
            request["Versions"] = ["$Default", "$Latest"]
        response = self.read("DescribeLaunchTemplateVersions", request, missing=NO_TEMPLATE) or {}
        versions = {version["VersionNumber"]: version for version in response.get("LaunchTemplateVersions", [])}
        default = next((number for number, version in versions.items() if version.get("DefaultVersion")), None)
        if default is None:
            return None
        self.latest = versions[max(versions)]
        return {
            **description,
            "DefaultVersionNumber": default,
            "LatestVersionNumber": max(versions),
            "LaunchTemplateData": versions[default].get("LaunchTemplateData", {}),
            **({"VersionNumbers": sorted(versions)} if keep else {}),
        }

    def create_request(self):
        return {"LaunchTemplateData": {}, **super().create_request()}

    def created(self, response):
        self.pass_on(response)

    def pass_on(self, response):
        """AWS takes data that instances can't be launched with, and says so in a warning."""
        for error in (response.get("Warning") or {}).get("Errors", []):
            self.module.warn(f"{self.title}: {error.get('Code')}: {error.get('Message')}")

    def update_version(self, _changes, current):
        self.prune(self.renew(current))

    def update_pruning(self, _changes, current):
        self.prune(current)

    def renew(self, current):
        """Make the declared data the default version: the latest if it holds them, else a new one."""
        template = {"LaunchTemplateId": current["LaunchTemplateId"]}
        latest = self.latest
        if self.outdated(latest):
            request = {
                **template,
                "LaunchTemplateData": self.create_request()["LaunchTemplateData"],
                # The same for every attempt of this run, so that a lost reply makes no second version.
                "ClientToken": f"{self.token}-version",
            }
            response = self.write("CreateLaunchTemplateVersion", request, f"make a new version of {self.title}")
            self.pass_on(response)
            latest = response["LaunchTemplateVersion"]
        number = latest["VersionNumber"]
        self.write(
            "ModifyLaunchTemplate",
            {**template, "DefaultVersion": str(number)},
            f"make version {number} the default of {self.title}",
        )
        return self.wait_until(
            lambda now: now is not None and now["DefaultVersionNumber"] == number, f"version {number} as the default"
        )

    def outdated(self, version):
        return any(change.setting.update == "version" for change in self.changes(version).values())

    def changes(self, current):
        found = super().changes(current)
        extra = self.undeclared(current)
        if self.options["purge_data"] and extra:
            found["purge_data"] = Change(Setting("purge_data", None, update="version"), extra, [])
        return found

    def undeclared(self, version):
        """What the version's data hold beyond what is declared."""
        declared = [setting for setting in self.settings_of("version") if self.options[setting.option] is not None]
        known = {setting.path.split(".")[1] for setting in declared}
        return sorted(member for member, value in version.get("LaunchTemplateData", {}).items() if member not in known)

    def surplus(self, current):
        """Numbers of the versions that are more than are to be kept, the oldest first."""
        numbers = current.get("VersionNumbers", [])
        spare = [number for number in numbers if number != current["DefaultVersionNumber"]]
        return spare[: max(0, len(numbers) - (self.options["keep_versions"] or len(numbers)))]

    def prune(self, current):
        surplus = self.surplus(current)[:MOST_DELETED_AT_ONCE]
        if surplus:
            request = {
                "LaunchTemplateId": current["LaunchTemplateId"],
                "Versions": [str(number) for number in surplus],
            }
            self.write("DeleteLaunchTemplateVersions", request, f"delete old versions of {self.title}")

    def refused(self, operation, request, response):
        errors = [item["ResponseError"] for item in response.get("UnsuccessfullyDeletedLaunchTemplateVersions", [])]
        return [error for error in errors if error.get("Code") != "launchTemplateVersionDoesNotExist"]

    def predicted(self, current):
        future = super().predicted(current)
        future.pop("VersionNumbers", None)
        future.pop("purge_data", None)
        latest = (current or {}).get("LatestVersionNumber", 0)
        if current is None or self.outdated(current):
            new = current is None or self.outdated(self.latest)
            future["LaunchTemplateData"] = self.create_request()["LaunchTemplateData"]
            future["DefaultVersionNumber"] = future["LatestVersionNumber"] = latest + 1 if new else latest
        numbers = (current or {}).get("VersionNumbers")
        if numbers:
            numbers = sorted({*numbers, future["LatestVersionNumber"]})
            surplus = self.surplus({**future, "VersionNumbers": numbers})
            future["VersionNumbers"] = [number for number in numbers if number not in surplus]
        return future

    def view(self, description):
        extra = self.undeclared(description) if description and self.options["purge_data"] else []
        return {**super().view(description), **({"undeclared": extra} if extra else {})}


def main():
    run_module(LaunchTemplate, DOCUMENTATION)


if __name__ == "__main__":
    main()
