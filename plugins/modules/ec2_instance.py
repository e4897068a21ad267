#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_instance
version_added: 0.1.0
short_description: Manage one EC2 instance
description:
  - Launches, changes, starts, replaces and terminates one instance.
  - The instance is found by its tag C(Name) and the tags in O(owned_by), or by O(instance_id), among those that aren't
    terminated. The tags are part of the call that launches it. Instances of the same name without the tags in
    O(owned_by) are left alone.
  - What others have attached to it, volumes without the tags in O(owned_by), further network interfaces and Elastic IP
    addresses, is left alone, and a warning names it.
  - It runs. One that is stopped is started.
  - It has no key pair. Whether it gets a public address is decided by its subnet.
  - It replaces M(amazon.aws.ec2_instance), which in release 11.4.0 launches a second instance when the image or the
    subnet is another one, never changes volumes and monitoring, stops an instance for another type without being asked,
    and ends with a warning when waiting takes too long.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - The instance's tag C(Name).
    type: str
    required: true
  instance_id:
    description:
      - ID of the instance, where it is known. Then it may have lost its name or one of the tags in O(owned_by), which
        are put back.
    type: str
  image_id:
    description:
      - ID of the image. Needed to launch the instance. Another image takes another instance, see O(replace).
      - V(resolve:ssm:NAME) takes the ID from the Systems Manager parameter of that name, with C(:VERSION) or C(:LABEL)
        at its end if need be. It is read at each run, so it should be one that keeps its value.
    type: str
  instance_type:
    description:
      - Instance type. Needed to launch the instance. To change it, the instance must be stopped, see O(restart).
    type: str
  subnet_id:
    description:
      - ID of the subnet. AWS takes one of the default VPC if it isn't set. Another subnet takes another instance, see
        O(replace).
    type: str
  security_group_ids:
    description:
      - Security groups of the instance, all others are removed. AWS takes the default group of the VPC for a new
        instance if they aren't set.
    type: list
    elements: str
  iam_instance_profile:
    description:
      - Name or ARN of the instance profile. One that was made a moment ago is waited for.
    type: str
  user_data:
    description:
      - User data as plain text, empty for none. The module encodes them. To change them, the instance must be stopped,
        see O(restart); AWS runs parts of them at each start.
      - Everybody who may describe the instance's attributes reads them, so they are no place for secrets.
    type: str
  ebs_optimized:
    description:
      - Whether the instance is optimized for EBS. To change it, the instance must be stopped, see O(restart).
    type: bool
  monitoring:
    description:
      - Whether detailed monitoring is on.
    type: bool
  source_dest_check:
    description:
      - Whether AWS drops what isn't from or for the instance itself. Only what forwards for others needs V(false).
    type: bool
  shutdown_behavior:
    description:
      - What becomes of the instance when it is shut down from within.
    type: str
    choices: [stop, terminate]
  auto_recovery:
    description:
      - Whether AWS moves the instance to other hardware when its own fails, if its type allows it.
    type: str
    choices: [default, disabled]
  cpu_credits:
    description:
      - Whether an instance of a burstable type, such as T3, may use more of a processor than it has earned, which AWS
        charges for. Not for other types.
    type: str
    choices: [standard, unlimited]
  metadata_options:
    description:
      - How the instance metadata service answers.
    type: dict
    suboptions:
      http_endpoint:
        description: Whether the service answers.
        type: str
        choices: [enabled, disabled]
      http_tokens:
        description: Whether a session token (IMDSv2) is needed.
        type: str
        choices: [optional, required]
      http_put_response_hop_limit:
        description: How many network hops the answer may travel, 1 to 64.
        type: int
      http_protocol_ipv6:
        description: Whether it answers on its IPv6 address.
        type: str
        choices: [enabled, disabled]
      instance_metadata_tags:
        description: Whether it gives the instance's tags.
        type: str
        choices: [enabled, disabled]
  disable_api_termination:
    description:
      - Whether AWS refuses to terminate the instance.
      - With V(true) the module neither removes nor replaces it. With V(false) it does, and turns the protection off for
        it. If not set, a protected instance stays.
    type: bool
  disable_api_stop:
    description:
      - Whether AWS refuses to stop the instance, which O(restart) needs.
    type: bool
  block_device_mappings:
    description:
      - Volumes that the instance is launched with. That of the root device has the image's name for it, which is
        C(/dev/sda1) or C(/dev/xvda) as a rule. A volume that isn't listed is as the image says.
      - Size, type, IOPS, throughput and deletion can be changed later, but a volume can't shrink. AWS changes a volume
        a few times a day at most. The file system must be grown on the instance; many images do so when they boot.
      - Anything else takes another instance, see O(replace).
    type: list
    elements: dict
    suboptions:
      device_name:
        description: Name of the device.
        type: str
        required: true
      ebs:
        description: The volume.
        type: dict
        required: true
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
            description: ARN or ID of the KMS key. An alias is refused, because AWS never shows it.
            type: str
          iops:
            description: Operations per second.
            type: int
          throughput:
            description: Throughput in MiB/s, for V(gp3).
            type: int
          delete_on_termination:
            description: Whether the volume is deleted with the instance.
            type: bool
  restart:
    description:
      - Whether a running instance is stopped and started for a change that AWS makes on a stopped one only.
      - With V(false) the module fails and names what differs. One that is stopped anyway is changed in either case.
    type: bool
    default: false
  replace:
    description:
      - Whether an instance is terminated, and another one launched, for a change that AWS can't make. What is on its
        volumes is lost.
      - The new one is launched from the options alone and takes over nothing, so image, type, subnet, groups and any
        profile must be given.
      - With V(false) the module fails and names what differs.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - C(Name) and the tags in O(owned_by) need not be in O(tags) and are never removed.
  - To launch an instance, the identity needs C(ec2:CreateTags) besides C(ec2:RunInstances), C(iam:PassRole) on the role
    of the instance profile, and C(kms:CreateGrant) on the key of an encrypted volume.
  - Volumes and network interfaces are launched with the same tags. Later changes of O(tags) are made to the instance.
  - O(wait_timeout) is 600 seconds by default and counts for each step, such as the launch or one stop.
  - Without O(wait) the module still waits for what the next call needs, such as a stop.
seealso:
  - module: agent_platform.aws.ec2_launch_template
"""

EXAMPLES = r"""
- name: Run a private instance that is reached through Session Manager
  agent_platform.aws.ec2_instance:
    name: demo-bastion
    image_id: ami-0123456789abcdef0
    instance_type: t3.large
    subnet_id: subnet-0123456789abcdef0
    security_group_ids:
      - sg-0123456789abcdef0
    iam_instance_profile: demo-bastion
    ebs_optimized: true
    monitoring: true
    metadata_options:
      http_endpoint: enabled
      http_tokens: required
      http_put_response_hop_limit: 1
    disable_api_termination: true
    block_device_mappings:
      - device_name: /dev/sda1
        ebs:
          volume_type: gp3
          volume_size: 30
          encrypted: true
          delete_on_termination: true
    tags:
      Project: demo
    owned_by:
      Project: demo

- name: Launch it anew from another image, without what is on its volume
  agent_platform.aws.ec2_instance:
    name: demo-bastion
    image_id: ami-0123456789abcdef1
    instance_type: t3.large
    subnet_id: subnet-0123456789abcdef0
    security_group_ids:
      - sg-0123456789abcdef0
    iam_instance_profile: demo-bastion
    disable_api_termination: false
    replace: true

- name: Change the type
  agent_platform.aws.ec2_instance:
    name: demo-bastion
    instance_type: t3.xlarge
    restart: true

- name: Terminate it
  agent_platform.aws.ec2_instance:
    name: demo-bastion
    disable_api_termination: false
    state: absent
"""

RETURN = r"""
instance:
  description: The instance as EC2 describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    instance_id:
      description: ID of the instance. A replacement has a new one.
      type: str
      sample: i-0123456789abcdef0
    state:
      description: State of the instance, as code and name.
      type: dict
      sample: {"code": 16, "name": "running"}
    image_id:
      description: ID of the image.
      type: str
      sample: ami-0123456789abcdef0
    instance_type:
      description: Instance type.
      type: str
      sample: t3.large
    subnet_id:
      description: ID of the subnet.
      type: str
      sample: subnet-0123456789abcdef0
    vpc_id:
      description: ID of the VPC.
      type: str
      sample: vpc-0123456789abcdef0
    private_ip_address:
      description: Private IPv4 address.
      type: str
      sample: 10.0.1.10
    private_dns_name:
      description: Private name.
      type: str
    security_groups:
      description: Security groups, each with group_id and group_name.
      type: list
      elements: dict
    iam_instance_profile:
      description: Instance profile, with arn and id; absent if there is none.
      type: dict
    ebs_optimized:
      description: Whether the instance is optimized for EBS.
      type: bool
    monitoring:
      description: Detailed monitoring, as its state.
      type: dict
      sample: {"state": "enabled"}
    metadata_options:
      description: The options of the metadata service, and the state of their last change.
      type: dict
    network_interfaces:
      description: Network interfaces.
      type: list
      elements: dict
    root_device_name:
      description: Name of the root device.
      type: str
      sample: /dev/sda1
    block_device_mappings:
      description: Which volume is which device.
      type: list
      elements: dict
    volumes:
      description: The volumes, as EC2 describes them.
      returned: when O(block_device_mappings) is set and the instance has been running
      type: list
      elements: dict
    disable_api_termination:
      description: Whether AWS refuses to terminate the instance.
      returned: when O(disable_api_termination) is set or O(replace=true)
      type: bool
    disable_api_stop:
      description: Whether AWS refuses to stop the instance.
      returned: when O(disable_api_stop) is set
      type: bool
    instance_initiated_shutdown_behavior:
      description: What becomes of the instance when it is shut down from within.
      returned: when O(shutdown_behavior) is set
      type: str
      sample: stop
    credit_specification:
      description: Whether it may use more of a processor than it has earned, as C(cpu_credits).
      returned: when O(cpu_credits) is set
      type: dict
      sample: {"cpu_credits": "unlimited"}
    maintenance_options:
      description: Whether AWS recovers it by itself, as C(auto_recovery).
      type: dict
      sample: {"auto_recovery": "default"}
    source_dest_check:
      description: Whether AWS drops what isn't from or for the instance itself.
      type: bool
    tags:
      description: Tags of the instance.
      type: dict
"""

import base64
import dataclasses
import operator

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update
from ..module_utils.ec2 import Ec2Resource, ec2_tagging, group_ids, profile_to_api
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, listed, same_key, without_unset

LIVING = ("pending", "running", "stopping", "stopped")
ENDING = ("shutting-down", "terminated")
GONE = ("InvalidInstanceID.NotFound", "IncorrectInstanceState")
TAGGED = ("instance", "volume", "network-interface")
FROM_PARAMETER = "resolve:ssm:"
# Options whose values the description of the instance doesn't tell -> the attribute to ask for, and the member there.
ATTRIBUTES = {
    "disable_api_termination": ("disableApiTermination", "DisableApiTermination"),
    "disable_api_stop": ("disableApiStop", "DisableApiStop"),
    "shutdown_behavior": ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior"),
    "user_data": ("userData", "UserData"),
}
METADATA = ("HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "HttpProtocolIpv6", "InstanceMetadataTags")
# Suboptions of a volume, and the members of its description and of ModifyVolume.
VOLUME = {
    "volume_size": "Size",
    "volume_type": "VolumeType",
    "encrypted": "Encrypted",
    "kms_key_id": "KmsKeyId",
    "iops": "Iops",
    "throughput": "Throughput",
}
MODIFIABLE = ("volume_size", "volume_type", "iops", "throughput")
NOT_LAUNCHED = (
    "Mend the cause and run again. Where AWS gives none, the identity of this run often lacks kms:CreateGrant on the "
    "key of an encrypted volume."
)


def same_profile(have, want):
    """A name is the last part of the ARN, after a path."""
    return have is not None and want in (have, have.rpartition("/")[2])


def same_attribute(have, want):
    """Not everywhere a new instance is known at once: what couldn't be read isn't another value."""
    return have in (None, want)


def from_base64(text):
    """User data as text; what isn't text, such as an archive, is none that anybody declares."""
    return base64.b64decode(text or "").decode(errors="replace")


def mappings_of(volumes):
    """Volumes in the module's terms. Of one that AWS doesn't show yet, only the device is known."""
    return [
        {
            "device_name": volume["Attachments"][0]["Device"],
            "ebs": {
                **{option: volume[member] for option, member in VOLUME.items() if member in volume},
                "delete_on_termination": volume["Attachments"][0].get("DeleteOnTermination"),
            },
        }
        for volume in volumes
    ]


def differences(have, want):
    """What of the declared volumes is otherwise, by device and suboption: what it is, and what was declared."""
    present = {mapping["device_name"]: mapping["ebs"] for mapping in have}
    found = {}
    for mapping in want:
        device = mapping["device_name"]
        volume = present.get(device)
        if volume is None:
            found[device, "volume"] = (None, "one")
            continue
        # What every shown volume has tells whether AWS shows it yet.
        known = mapping["ebs"] if "encrypted" in volume else ()
        for option in [*known, "delete_on_termination"]:
            is_now, value = volume.get(option), mapping["ebs"].get(option)
            same = same_key if option == "kms_key_id" and is_now else operator.eq
            if value is not None and not same(is_now, value):
                found[device, option] = (is_now, value)
    return found


def same_mappings(have, want):
    return have is None or not differences(have, want)


def needs_another(option, have, want):
    """Whether AWS can't make this difference of a volume on the volume itself."""
    return option not in (*MODIFIABLE, "delete_on_termination") or (option == "volume_size" and want < have)


def volumes_as(declared, volumes=()):
    """Volumes as their descriptions would be when they are as declared."""
    future = {volume["Attachments"][0]["Device"]: volume for volume in volumes}
    for mapping in declared:
        device, ebs = mapping["device_name"], dict(mapping["ebs"])
        volume = future.get(device, {"Attachments": [{"Device": device}]})
        attachment = {**volume["Attachments"][0]}
        if "delete_on_termination" in ebs:
            attachment["DeleteOnTermination"] = ebs.pop("delete_on_termination")
        members = {VOLUME[option]: value for option, value in ebs.items()}
        future[device] = {**volume, **members, "Attachments": [attachment]}
    return list(future.values())


class Instance(Ec2Resource):
    kind = "EC2 instance"
    result = "instance"
    needed = ("image_id", "instance_type")
    names = {"Name": "name"}
    identifier = "InstanceId"
    known_by = "instance_id"
    describe = Describe("DescribeInstances", "Reservations.Instances", many=True)
    additions = (
        *(
            Addition("DescribeInstanceAttribute", f"{member}.Value", member, by_hand=True)
            for _attribute, member in ATTRIBUTES.values()
        ),
        Addition(
            "DescribeInstanceCreditSpecifications",
            "InstanceCreditSpecifications.CpuCredits",
            "CreditSpecification.CpuCredits",
            by_hand=True,
        ),
        Addition("DescribeVolumes", "Volumes", "Volumes", by_hand=True),
    )
    made_at = "LaunchTime"
    create = Create("RunInstances", token="ClientToken", tags=None, made="Instances.InstanceId")
    delete = Delete("TerminateInstances", missing=("InvalidInstanceID.NotFound",), by={"InstanceIds": ["InstanceId"]})
    settings = (
        Setting("image_id", "ImageId", update="replacement"),
        Setting("subnet_id", "SubnetId", update="replacement"),
        Setting(
            "disable_api_termination",
            "DisableApiTermination",
            update="protection",
            update_members=("DisableApiTermination.Value",),
            same=same_attribute,
        ),
        Setting(
            "disable_api_stop",
            "DisableApiStop",
            update="stop_protection",
            update_members=("DisableApiStop.Value",),
            same=same_attribute,
        ),
        Setting(
            "shutdown_behavior",
            "InstanceInitiatedShutdownBehavior",
            update="shutdown",
            update_members=("InstanceInitiatedShutdownBehavior.Value",),
            same=same_attribute,
        ),
        Setting(
            "source_dest_check",
            None,
            read="SourceDestCheck",
            update="forwarding",
            update_members=("SourceDestCheck.Value",),
            absent=True,
        ),
        Setting(
            "auto_recovery",
            "MaintenanceOptions.AutoRecovery",
            update="recovery",
            update_members=("AutoRecovery",),
            absent="default",
        ),
        Setting(
            "iam_instance_profile",
            "IamInstanceProfile",
            update="profile",
            same=same_profile,
            encode=profile_to_api,
            decode=lambda profile: profile.get("Arn"),
        ),
        Setting(
            "security_group_ids",
            "SecurityGroupIds",
            read="SecurityGroups",
            update="groups",
            update_members=("Groups",),
            unordered=True,
            decode=group_ids,
        ),
        Setting("metadata_options", "MetadataOptions", update="metadata", update_members=METADATA),
        Setting(
            "monitoring",
            "Monitoring.Enabled",
            read="Monitoring.State",
            update="monitoring",
            update_members=(),
            absent=False,
            decode=lambda state: state in ("enabled", "pending"),
        ),
        Setting(
            "block_device_mappings",
            "BlockDeviceMappings",
            read="Volumes",
            update="volumes",
            update_members=tuple(VOLUME[option] for option in MODIFIABLE),
            same=same_mappings,
            decode=mappings_of,
        ),
        Setting("instance_type", "InstanceType", update="resize", update_members=("InstanceType.Value",)),
        Setting("ebs_optimized", "EbsOptimized", update="resize", update_members=("EbsOptimized.Value",), absent=False),
        # AWS tells of those that have it, if it isn't asked by id: then it refuses types that have none.
        Setting(
            "cpu_credits", "CreditSpecification.CpuCredits", update="credits", update_members=(), absent="standard"
        ),
        # An instance that is present runs.
        Setting(
            "state",
            None,
            read="State.Name",
            update="start",
            update_members=("InstanceIds",),
            same=lambda have, want: have in ("pending", "running"),
            encode=lambda _state: "running",
        ),
        # Encoded by botocore.
        Setting(
            "user_data",
            "UserData",
            update="resize",
            update_members=("UserData.Value",),
            same=same_attribute,
            secret=True,
        ),
    )
    # A new instance has all that is declared. It starts last: so it has no moment with what the others mend.
    updates = {
        "replacement": Update("RunInstances"),
        "protection": Update("ModifyInstanceAttribute", by="InstanceId"),
        # Before what may need a stop.
        "stop_protection": Update("ModifyInstanceAttribute", by="InstanceId"),
        "shutdown": Update("ModifyInstanceAttribute", by="InstanceId"),
        "forwarding": Update("ModifyInstanceAttribute", by="InstanceId"),
        "recovery": Update("ModifyInstanceMaintenanceOptions", by="InstanceId"),
        "profile": Update("AssociateIamInstanceProfile"),
        "groups": Update("ModifyInstanceAttribute", by="InstanceId"),
        "metadata": Update("ModifyInstanceMetadataOptions", by="InstanceId"),
        "monitoring": Update("MonitorInstances", by={"InstanceIds": ["InstanceId"]}, clear="UnmonitorInstances"),
        "volumes": Update("ModifyVolume"),
        "resize": Update("ModifyInstanceAttribute"),
        "credits": Update("ModifyInstanceCreditSpecification"),
        "start": Update("StartInstances"),
    }
    unmanaged = {
        **dict.fromkeys(
            ("AssociateAddress", "AttachNetworkInterface"),
            "addresses and interfaces that others attach are left alone; a warning names them",
        ),
        **dict.fromkeys(
            ("AttachVolume", "DetachVolume"),
            "volumes beyond the declared ones are left alone; a warning names those without our tags",
        ),
        **dict.fromkeys(("AttachClassicLinkVpc", "DetachClassicLinkVpc"), "AWS has retired EC2-Classic"),
        **dict.fromkeys(
            (
                "BundleInstance",
                "ConfirmProductInstance",
                "CreateImage",
                "CreateInstanceExportTask",
                "ModifyInstanceEventStartTime",
                "RebootInstances",
                "SendDiagnosticInterrupt",
            ),
            "they change nothing of the instance that lasts",
        ),
        **dict.fromkeys(
            (
                "AssociateApplicationStatusCheck",
                "DisableApplicationStatusCheckSuppression",
                "DisassociateApplicationStatusCheck",
                "EnableApplicationStatusCheckSuppression",
            ),
            "status checks of applications are left alone",
        ),
        **dict.fromkeys(
            (
                "CreateDelegateMacVolumeOwnershipTask",
                "CreateMacSystemIntegrityProtectionModificationTask",
                "DisableInstanceSqlHaStandbyDetections",
                "EnableInstanceSqlHaStandbyDetections",
            ),
            "of Mac and SQL Server only",
        ),
        "CreateReplaceRootVolumeTask": "a root volume of another's making is left",
        **dict.fromkeys(
            (
                "ModifyInstanceCapacityReservationAttributes",
                "ModifyInstanceCpuOptions",
                "ModifyInstanceMaintenanceOptions.RebootMigration",
                "ModifyInstanceNetworkPerformanceOptions",
                "ModifyInstancePlacement",
                "ModifyPrivateDnsNameOptions",
                *(
                    f"RunInstances.{member}"
                    for member in (
                        "AdditionalInfo",
                        "CapacityReservationSpecification",
                        "CpuOptions",
                        "ElasticGpuSpecification",
                        "ElasticInferenceAccelerators",
                        "EnablePrimaryIpv6",
                        "EnclaveOptions",
                        "HibernationOptions",
                        "Ipv6AddressCount",
                        "Ipv6Addresses",
                        "KernelId",
                        "LicenseSpecifications",
                        "NetworkPerformanceOptions",
                        "Operator",
                        "Placement",
                        "PrivateDnsNameOptions",
                        "PrivateIpAddress",
                        "RamdiskId",
                    )
                ),
                *(
                    f"ModifyInstanceAttribute.{member}"
                    for member in ("EnaSupport", "EnclaveOptions", "Kernel", "Ramdisk", "SriovNetSupport")
                ),
                "ModifyVolume.MultiAttachEnabled",
                "ResetInstanceAttribute",
                "StartInstances.AdditionalInfo",
            ),
            "AWS's defaults",
        ),
        "RunInstances.SecondaryInterfaces": "one interface",
        "RunInstances.KeyName": "no SSH",
        "RunInstances.LaunchTemplate": "all is declared here",
        "RunInstances.InstanceMarketOptions": "no spot instance",
    }
    extra_operations = (
        "DescribeIamInstanceProfileAssociations",
        "DescribeVolumesModifications",
        "DisassociateIamInstanceProfile",
        "ReplaceIamInstanceProfileAssociation",
        "StopInstances",
    )
    tagging = ec2_tagging("InstanceId")
    states = States(
        "State.Name",
        ready=frozenset({"running", "stopped"}),
        pending=frozenset({"pending", "stopping"}),
        deleting=frozenset({"shutting-down"}),
        gone=frozenset({"terminated"}),
    )
    passing = {
        "InvalidInstanceID.NotFound": ("",),
        # The profile, or the role in it, was made a moment ago.
        "InvalidParameterValue": ("Invalid IAM Instance Profile", "has no associated IAM Roles"),
        # The association of the profile has changed since we looked.
        "IncorrectState": ("association",),
    }
    hints = {
        "IncorrectModificationState": {"": "Run again when AWS has finished the last change of the volume."},
        "InsufficientInstanceCapacity": {
            "": "Choose another instance_type or a subnet in another zone, or run again later."
        },
        "InvalidAMIID.NotFound": {"": "Check image_id and the region."},
        "ParameterNotFound": {"": "Check image_id and the region."},
    }
    poll = 5.0

    def prepare(self):
        self.watched = None  # ID of the instance, once it is found
        self.leaving = False  # it is being terminated, to be replaced
        tags, name = self.options["tags"], self.options["name"]
        if tags is not None:
            if str(tags.get("Name", name)) != name:
                raise ResourceError(f"The tags of {self.title} have the Name {tags['Name']!r}. Leave it out there.")
            self.options["tags"] = {**tags, **self.marks()}
        if self.options["state"] == "present" and (self.options["image_id"] or "").startswith(FROM_PARAMETER):
            self.options["image_id"] = self.from_parameter(self.options["image_id"].removeprefix(FROM_PARAMETER))

    def from_parameter(self, name):
        """The value of a Systems Manager parameter. AWS would look it up, too, but tell the ID alone later on."""
        doing = f"look up the image of {self.title} in the Systems Manager parameter {name}"
        return self.read("GetParameter", {"Name": name}, doing=doing, service="ssm")["Parameter"]["Value"]

    # ---- Finding

    def named(self, _names=None):
        # The name is a tag.
        return {}

    def marks(self):
        return {**super().marks(), "Name": self.options["name"]}

    def describe_request(self):
        if self.watched or self.known_id:
            return {"Filters": self.filters({"instance-id": self.watched or self.known_id})}
        # A deletion that is under way is waited for, but a new instance need not wait for it. What this run has
        # launched is seen in any case, to tell why it ended.
        states = LIVING if self.options["state"] == "present" else (*LIVING, "shutting-down")
        states = (*LIVING, *ENDING) if self.made else states
        tags = {f"tag:{key}": value for key, value in self.marks().items()}
        return {"Filters": [*self.filters(tags), {"Name": "instance-state-name", "Values": list(states)}]}

    def find(self):
        found = super().find()
        if found is None and self.known_id and not self.watched and self.options["state"] == "present":
            # It has gone since.
            self.options["instance_id"] = None
            found = super().find()
        return found

    def select(self, found):
        ended = [item for item in found if get_path(item, "State.Name") in ENDING]
        mine = [item for item in ended if item["InstanceId"] in (self.watched, self.made)]
        if mine and self.options["state"] == "present" and not self.leaving:
            raise ResourceError(
                f"{self.title} ({mine[0]['InstanceId']}) is {get_path(mine[0], 'State.Name')}. {self.reasons(mine[0])} "
                f"{NOT_LAUNCHED}"
            )
        if self.watched:
            return found
        if self.options["state"] == "present":
            found = [item for item in found if item not in ended]
        # The filters of AWS take * and ? for any text.
        return found if self.known_id else self.marked(found, self.marks())

    def in_our_place(self, current):
        return current["InstanceId"] == self.known_id

    def complete(self, description):
        identifier, state = description["InstanceId"], get_path(description, "State.Name")
        if self.made in (None, *self.viewed):
            self.watched = identifier
        description = dict(description)
        for option, (attribute, member) in ATTRIBUTES.items():
            if state in LIVING and self.asks_for(option):
                answer = self.read(
                    "DescribeInstanceAttribute", {"InstanceId": identifier, "Attribute": attribute}, GONE
                )
                if answer:
                    value = answer.get(member, {}).get("Value")
                    description[member] = from_base64(value) if member == "UserData" else value
        if self.options["cpu_credits"] and self.options["state"] == "present" and state in LIVING:
            request = {"Filters": self.filters({"instance-id": identifier})}
            answer = self.read("DescribeInstanceCreditSpecifications", request)
            for credits in answer["InstanceCreditSpecifications"]:
                description["CreditSpecification"] = {"CpuCredits": credits["CpuCredits"]}
        # The devices of a new instance show when it runs.
        if self.options["block_device_mappings"] and state in LIVING and state != "pending":
            description["Volumes"] = self.volumes_of(description)
        return description

    def asks_for(self, option):
        """Whether the attribute matters: it is declared, or it may keep the instance from being terminated."""
        if option == "disable_api_termination" and self.may_end:
            return True
        return self.options["state"] == "present" and self.options[option] is not None

    @property
    def may_end(self):
        """Whether this run may terminate the instance."""
        return self.options["replace"] or self.options["state"] == "absent"

    def volumes_of(self, instance):
        """The instance's volumes, each with the attachment to it alone."""
        devices = {
            device["Ebs"]["VolumeId"]: device for device in instance.get("BlockDeviceMappings", []) if "Ebs" in device
        }
        shown = {}
        if devices:
            request = {"Filters": [{"Name": "volume-id", "Values": sorted(devices)}]}
            answer = self.read("DescribeVolumes", request, doing=f"read the volumes of {self.title}")
            shown = {volume["VolumeId"]: volume for volume in answer["Volumes"]}
        return [
            {
                "VolumeId": volume_id,
                **shown.get(volume_id, {}),
                "Attachments": [
                    {
                        "Device": device["DeviceName"],
                        "DeleteOnTermination": device["Ebs"].get("DeleteOnTermination"),
                    }
                ],
            }
            for volume_id, device in devices.items()
        ]

    def reasons(self, current):
        return get_path(current, "StateReason.Message", "")

    # ---- Deciding

    def changes(self, current):
        changes = super().changes(current)
        change = changes.get("block_device_mappings")
        if change and any(
            needs_another(option, *values)
            for (_device, option), values in differences(change.current, change.desired).items()
        ):
            renewed = dataclasses.replace(change.setting, update="replacement")
            changes["block_device_mappings"] = dataclasses.replace(change, setting=renewed)
        return changes

    def refuse(self, current, changes):
        self.refuse_aliases()
        if current is None:
            return
        replaced = of_update(changes, "replacement")
        if replaced:
            self.refuse_replacement(current, replaced)
            return
        resized = of_update(changes, "resize")
        stopped = get_path(current, "State.Name") in ("stopping", "stopped")
        if resized and not stopped and not self.options["restart"]:
            raise ResourceError(
                f"{self.title} must be stopped to be changed ({differing(resized)}). "
                "Set restart: true to stop it, change it and start it, or go back to the present value."
            )

    def refuse_aliases(self):
        for mapping in self.options["block_device_mappings"] or []:
            key = mapping["ebs"].get("kms_key_id") or ""
            if key.rpartition(":")[2].startswith("alias/"):
                raise ResourceError(
                    f"{self.title}: kms_key_id of {mapping['device_name']} is an alias, {key}, which AWS never shows. "
                    "Give the ARN or the ID of the key."
                )

    def refuse_replacement(self, current, changes):
        if self.accepted:
            raise ResourceError(
                f"{self.title} was launched, but isn't as declared ({differing(changes)}). "
                "Declare what AWS makes of it."
            )
        if not self.options["replace"]:
            raise ResourceError(
                f"{self.title} can't be changed in place ({differing(changes)}). "
                "Set replace: true to terminate it and launch it anew, or go back to the present value."
            )
        needed = ["image_id", "instance_type", "subnet_id", "security_group_ids"]
        if current.get("IamInstanceProfile"):
            needed.append("iam_instance_profile")
        missing = self.missing(needed)
        if missing:
            raise ResourceError(f"To replace {self.title}, give {listed(missing)}: a new instance takes over nothing.")
        self.refuse_protected(current, "replace")

    def refuse_protected(self, current, what):
        declared = self.options["disable_api_termination"]
        if declared or (declared is None and current.get("DisableApiTermination")):
            raise ResourceError(
                f"{self.title} ({current['InstanceId']}) is protected from termination. "
                f"To {what} it, set disable_api_termination: false and run again."
            )

    # ---- What others have attached

    def make_present(self, current):
        current = super().make_present(current)
        parts = list(self.foreign_parts(current))
        if parts and not self.check_mode:
            self.module.warn(
                f"{self.title} ({current['InstanceId']}) has what others have attached to it: {', '.join(parts)}. "
                "It is left alone; take it off if it isn't meant to be there."
            )
        return current

    def foreign_parts(self, instance):
        """Volumes, interfaces and addresses that weren't launched with the instance."""
        declared = [mapping["device_name"] for mapping in self.options["block_device_mappings"] or []]
        owner = {key: str(value) for key, value in (self.options["owned_by"] or {}).items()}
        for volume in instance.get("Volumes", []):
            device = volume["Attachments"][0]["Device"]
            if owner and device not in declared and not self.marked([volume], owner):
                yield f"volume {volume.get('VolumeId')} as {device}"
        for interface in instance.get("NetworkInterfaces", []):
            identifier, association = interface["NetworkInterfaceId"], interface.get("Association", {})
            if get_path(interface, "Attachment.DeviceIndex", 0) != 0:
                yield f"network interface {identifier}"
            if association.get("IpOwnerId", "amazon") != "amazon":
                yield f"address {association.get('PublicIp')}"

    # ---- Launching

    def tag_specifications(self, tags):
        """What it is found by is part of the launch, whatever tags are declared."""
        tags = self.encoded_tags({**(tags or {}), **self.marks()})
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in TAGGED]}

    def create_request(self):
        request = {**super().create_request(), "MinCount": 1, "MaxCount": 1}
        return {member: value for member, value in request.items() if (member, value) != ("UserData", "")}

    def make(self):
        # Looked for by its marks from now on: another run may launch one at the same moment.
        self.watched = self.options["instance_id"] = None
        return super().make()

    def created(self, response):
        instance = response["Instances"][0]
        self.leaving = False
        declared = [mapping["device_name"] for mapping in self.options["block_device_mappings"] or []]
        root = instance.get("RootDeviceName")
        if declared and root and root not in declared:
            self.module.warn(
                f"The root device of {self.title} is {root}, which block_device_mappings doesn't list. "
                "Its volume is as the image says, and the listed ones are further volumes."
            )

    def withdraw(self, made):
        self.unprotect({"InstanceId": made, "DisableApiTermination": self.options["disable_api_termination"]})
        super().withdraw(made)

    def settle(self, current, acted=False):
        current = super().settle(current, acted)
        waits = self.options["metadata_options"] and self.options["wait"] and not self.check_mode
        if waits and takes_over_metadata(current):
            current = self.wait_until(lambda now: not takes_over_metadata(now), "metadata options applied")
        return current

    # ---- Changing

    def update_metadata(self, changes, current):
        change = changes["metadata_options"]
        request = {"InstanceId": current["InstanceId"], **self.encode(change.setting, change.desired)}
        self.write("ModifyInstanceMetadataOptions", request, f"change the metadata options of {self.title}")

    def update_credits(self, changes, current):
        asked = {"InstanceId": current["InstanceId"], "CpuCredits": changes["cpu_credits"].desired}
        request = {"InstanceCreditSpecifications": [asked]}
        self.write("ModifyInstanceCreditSpecification", request, f"change the CPU credits of {self.title}")

    def refused(self, operation, request, response):
        left = response.get("UnsuccessfulInstanceCreditSpecifications", [])
        return [*super().refused(operation, request, response), *(item.get("Error", {}) for item in left)]

    def update_replacement(self, _changes, current):
        self.unprotect(current)
        self.leaving = True
        request = self.delete_request(current)
        self.write(self.delete.operation, request, f"terminate {self.title} to launch it anew", self.delete.missing)
        if self.options["wait"]:
            self.wait_until_gone(current, deleting=True)
        self.make()

    def update_profile(self, changes, current):
        """AWS replaces the profile of a running instance; that of another one must go first."""
        identifier, doing = current["InstanceId"], f"give {self.title} its instance profile"
        profile = {"IamInstanceProfile": profile_to_api(changes["iam_instance_profile"].desired)}
        request = {"Filters": self.filters({"instance-id": identifier})}
        answer = self.read("DescribeIamInstanceProfileAssociations", request)
        present = [
            {"AssociationId": association["AssociationId"]}
            for association in answer["IamInstanceProfileAssociations"]
            if association["State"] in ("associating", "associated")
        ]
        if present and get_path(current, "State.Name") == "running":
            self.write("ReplaceIamInstanceProfileAssociation", {**present[0], **profile}, doing)
            return
        for association in present:
            self.write("DisassociateIamInstanceProfile", association, f"take the instance profile from {self.title}")
        self.write("AssociateIamInstanceProfile", {"InstanceId": identifier, **profile}, doing)

    def update_volumes(self, changes, current):
        change = changes["block_device_mappings"]
        different = differences(change.current, change.desired)
        ids = {volume["Attachments"][0]["Device"]: volume["VolumeId"] for volume in current["Volumes"]}
        for mapping in change.desired:
            device, ebs = mapping["device_name"], mapping["ebs"]
            if (device, "delete_on_termination") in different:
                kept = {"DeviceName": device, "Ebs": {"DeleteOnTermination": ebs["delete_on_termination"]}}
                request = {"InstanceId": current["InstanceId"], "BlockDeviceMappings": [kept]}
                self.write("ModifyInstanceAttribute", request, f"change volume {device} of {self.title}")
            if any((device, option) in different for option in MODIFIABLE):
                wanted = {VOLUME[option]: ebs[option] for option in MODIFIABLE if option in ebs}
                self.modify_volume(ids[device], wanted, f"change volume {device} of {self.title}")
        if self.options["wait"]:
            self.wait_until(
                lambda now: now is not None and "block_device_mappings" not in self.changes(now), "volumes changed"
            )

    def modify_volume(self, volume_id, wanted, doing):
        """AWS shows what it was asked for only after a while, and until then refuses to be asked again."""
        request = {"Filters": self.filters({"volume-id": volume_id})}
        answer = self.read("DescribeVolumesModifications", request, doing=doing)
        for modification in answer["VolumesModifications"]:
            asked = {member: modification.get(f"Target{member}") for member in wanted}
            if modification["ModificationState"] == "modifying" and asked == wanted:
                return
        self.write("ModifyVolume", {"VolumeId": volume_id, **wanted}, doing)

    def update_resize(self, changes, current):
        identifier = current["InstanceId"]
        state = get_path(current, "State.Name")
        if state in ("pending", "running"):
            if state == "pending":
                # Before it has run it can't be stopped.
                self.wait_for("running")
            self.write("StopInstances", {"InstanceIds": [identifier]}, f"stop {self.title}")
        if state != "stopped":
            self.wait_for("stopped")
        try:
            # AWS takes one attribute in a call.
            for change in changes.values():
                (member,) = change.setting.update_members
                request = {"InstanceId": identifier, member.partition(".")[0]: {"Value": change.desired}}
                self.write("ModifyInstanceAttribute", request, f"change {change.setting.option} of {self.title}")
        except ResourceError:
            # It shall not stand still because of what AWS refuses.
            self.start(identifier)
            raise

    def update_start(self, _changes, current):
        if get_path(current, "State.Name") != "stopped":
            self.wait_for("stopped")
        self.start(current["InstanceId"])

    def start(self, identifier):
        self.write("StartInstances", {"InstanceIds": [identifier]}, f"start {self.title}")
        if not self.options["wait"]:
            return
        begun = False

        def over(now):
            nonlocal begun
            # What AWS shows at first may be from before the call.
            state = get_path(now or {}, "State.Name")
            begun = begun or state == "pending"
            return state == "running" or (begun and state in ("stopping", "stopped"))

        left = self.wait_until(over, "running")
        if get_path(left, "State.Name") != "running":
            raise ResourceError(f"{self.title} was started, and stopped at once. {self.reasons(left)} {NOT_LAUNCHED}")

    def wait_for(self, state):
        self.wait_until(lambda now: get_path(now or {}, "State.Name") == state, state)

    # ---- Removing

    def refuse_removal(self, current):
        self.refuse_protected(current, "remove")

    def before_delete(self, current):
        self.unprotect(current)

    def make_absent(self, current):
        super().make_absent(current)
        # Another one may come into view.
        self.watched = None

    def unprotect(self, current):
        if current.get("DisableApiTermination"):
            request = {"InstanceId": current["InstanceId"], "DisableApiTermination": {"Value": False}}
            self.write("ModifyInstanceAttribute", request, f"end the protection of {self.title}", self.delete.missing)

    # ---- What the user sees

    def predicted(self, current):
        if current is not None and of_update(self.changes(current), "replacement"):
            current = None
        changes = self.changes(current or {})
        future = super().predicted(current)
        if current is None:
            future["Tags"] = self.tag_specifications(self.options["tags"])["TagSpecifications"][0]["Tags"]
            for option, (_attribute, member) in ATTRIBUTES.items():
                if self.options[option] is not None:
                    future[member] = self.options[option]
        # What is described in other terms than it is asked for.
        if "state" in changes:
            future["State"] = {"Code": 16, "Name": "running"}
        if "iam_instance_profile" in changes:
            future["IamInstanceProfile"] = profile_to_api(changes["iam_instance_profile"].desired)
        if "security_group_ids" in changes:
            future["SecurityGroups"] = [{"GroupId": group} for group in changes["security_group_ids"].desired]
        if "monitoring" in changes:
            future["Monitoring"] = {"State": "enabled" if changes["monitoring"].desired else "disabled"}
        declared = without_unset(self.options["block_device_mappings"])
        if declared and (current is None or "block_device_mappings" in changes):
            future["Volumes"] = volumes_as(declared, (current or {}).get("Volumes", []))
        return future


def takes_over_metadata(current):
    """Whether the options aren't in force yet. A stopped instance takes them over when it starts."""
    running = get_path(current or {}, "State.Name") == "running"
    return running and get_path(current, "MetadataOptions.State") == "pending"


def of_update(changes, name):
    return {option: change for option, change in changes.items() if change.setting.update == name}


def differing(changes):
    """Differences with both values, for an error."""
    texts = []
    for option, change in changes.items():
        if change.setting.secret:
            texts.append(f"{option}: isn't what is declared")
            continue
        parts = {(option,): (change.current, change.desired)}
        if option == "block_device_mappings":
            parts = differences(change.current, change.desired)
        texts += [f"{' '.join(part)}: is {have!r}, declared {want!r}" for part, (have, want) in parts.items()]
    return "; ".join(texts)


def main():
    run_module(Instance, DOCUMENTATION)


if __name__ == "__main__":
    main()
