# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances with all that they were launched with, their states, and what AWS lets be changed in which of them.

ministack drops most of a launch (volumes, metadata options, monitoring, protection, user data), takes images, subnets
and groups that don't exist, gives every instance a public address and a made-up private one, knows no network interface
of an instance, and goes from one state to the next at once. It lacks ModifyInstanceAttribute,
ModifyInstanceMetadataOptions, ModifyInstanceCreditSpecification and MonitorInstances, and forgets maintenance options.
Instances of images that were registered as containers stay its own.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import secrets
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from ...wire import AWSError, matches_filters, now, service_model
from .. import timing
from ..patching import QueryShims
from . import instance_profiles, volumes
from .launch_templates import find_template, find_version
from .nat_gateways import live_gateways
from .records import new_id, security_group_of, store_tags, subnet_of, tag_dict, tag_list, vpc_of

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
_NEXT = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}
_ENDED = ("shutting-down", "terminated")
# What AWS takes where a launch says nothing.
_METADATA = {
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": 1,
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}
_CANONICAL = "099720109477"
# Attribute of DescribeInstanceAttribute -> member of its answer, and of ModifyInstanceAttribute.
_ATTRIBUTES = {
    "disableApiStop": "DisableApiStop",
    "disableApiTermination": "DisableApiTermination",
    "ebsOptimized": "EbsOptimized",
    "enaSupport": "EnaSupport",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "instanceType": "InstanceType",
    "rootDeviceName": "RootDeviceName",
    "sourceDestCheck": "SourceDestCheck",
    "userData": "UserData",
}
_NEED_A_STOP = ("InstanceType", "EbsOptimized", "UserData", "EnaSupport")


def install(shims: QueryShims) -> None:
    _correct_images()
    shims.replace("RunInstances", _run, unless=_is_container)
    shims.replace("DescribeInstances", _describe)
    shims.replace("TerminateInstances", _terminate)
    shims.replace("StopInstances", _stop)
    shims.replace("StartInstances", _start)
    shims.replace("DescribeInstanceAttribute", _describe_attribute)
    shims.replace("ModifyInstanceAttribute", _modify_attribute)
    shims.replace("ModifyInstanceMetadataOptions", _modify_metadata)
    shims.replace("ModifyInstanceMaintenanceOptions", _modify_maintenance)
    shims.replace("DescribeInstanceCreditSpecifications", _describe_credits)
    shims.replace("ModifyInstanceCreditSpecification", _modify_credits)
    shims.replace("MonitorInstances", functools.partial(_monitor, "enabled"))
    shims.replace("UnmonitorInstances", functools.partial(_monitor, "disabled"))
    shims.guard("DescribeInstanceStatus", lambda _request: _settle())


def _correct_images() -> None:
    """Canonical's images have the root device /dev/sda1; ministack says /dev/xvda."""
    ec2._STUB_AMIS = [
        (*image[:4], "/dev/sda1", *image[5:]) if image[5] == _CANONICAL else image for image in ec2._STUB_AMIS
    ]


# ---- What there is


def all_instances() -> list[dict[str, Any]]:
    """The instances as they are now, with those that are terminated."""
    _settle()
    return list(ec2._instances.values())


def interfaces() -> list[dict[str, Any]]:
    """The network interfaces that exist now: those of instances until they are terminated, and others."""
    _settle()
    return list(ec2._network_interfaces.values())


def _settle() -> None:
    """Make the transitions that have come to their end."""
    for instance in list(ec2._instances.values()):
        if timing.is_due(instance):
            _arrive(instance)


def _arrive(instance: dict[str, Any]) -> None:
    timing.finish(instance)
    if instance["State"]["Name"] == "pending" and instance.get("_key_is_missing"):
        message = "Client.InternalError: Client error on launch"
        instance["StateReason"] = {"Code": "Client.InternalError", "Message": message}
        _enter(instance, "shutting-down")
        return
    _enter(instance, _NEXT[instance["State"]["Name"]])
    if instance["State"]["Name"] == "terminated":
        _let_go(instance)


def _enter(instance: dict[str, Any], state: str) -> dict[str, Any]:
    """Bring the instance into a state. Gives what the calls that do so answer."""
    before = instance["State"]
    instance["State"] = {"Code": _CODES[state], "Name": state}
    if state in _NEXT:
        timing.start(instance)
    return {"InstanceId": instance["InstanceId"], "PreviousState": before, "CurrentState": instance["State"]}


def _let_go(instance: dict[str, Any]) -> None:
    """What becomes of the parts of an instance that is terminated."""
    instance["_terminated_at"] = time.time()
    identifier = instance["InstanceId"]
    for interface in _interfaces_of(identifier):
        ec2._network_interfaces.pop(interface["NetworkInterfaceId"], None)
        ec2._tags.pop(interface["NetworkInterfaceId"], None)
    volumes.let_go(identifier)
    instance_profiles.let_go(identifier)
    instance.update(SecurityGroups=[], IamInstanceProfile=None, PrivateDnsName="", PublicDnsName="")
    for member in ("SubnetId", "VpcId", "PrivateIpAddress", "PublicIpAddress"):
        instance.pop(member, None)


def _interfaces_of(instance_id: str) -> list[dict[str, Any]]:
    return [
        interface
        for interface in ec2._network_interfaces.values()
        if (interface.get("Attachment") or {}).get("InstanceId") == instance_id
    ]


def _instances_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The instances that a call names, in its order."""
    present = {instance["InstanceId"]: instance for instance in all_instances()}
    wanted = request.get("InstanceIds") or [request["InstanceId"]]
    for identifier in wanted:
        if not re.fullmatch(ec2._INSTANCE_ID_RE, identifier):
            raise AWSError("InvalidInstanceID.Malformed", f'Invalid id: "{identifier}"')
        if identifier not in present:
            raise AWSError("InvalidInstanceID.NotFound", f"The instance ID '{identifier}' does not exist")
    return [present[identifier] for identifier in wanted]


def _living(request: dict[str, Any]) -> dict[str, Any]:
    """The instance that a change is for."""
    (instance,) = _instances_of(request)
    if instance["State"]["Name"] in _ENDED:
        raise _wrong_state(instance, "modified")
    return instance


def _wrong_state(instance: dict[str, Any], action: str) -> AWSError:
    return AWSError(
        "IncorrectInstanceState",
        f"The instance '{instance['InstanceId']}' is not in a state from which it can be {action}.",
    )


# ---- Launching


def _is_container(request: dict[str, Any]) -> bool:
    return ec2._registered_image(request.get("ImageId")) is not None


def _run(request: dict[str, Any]) -> dict[str, Any]:
    template = request.get("LaunchTemplate")
    if template:
        found = find_template(template.get("LaunchTemplateId"), template.get("LaunchTemplateName"))
        request = {**find_version(found, template.get("Version", "$Default"))["LaunchTemplateData"], **request}
    image = _image_of(request)
    subnet = subnet_of(request.get("SubnetId") or ec2._DEFAULT_SUBNET_ID)
    groups = _groups_of(request, subnet)
    profile = instance_profiles.profile_of(request.get("IamInstanceProfile"))
    _check_type(request.get("InstanceType", "m1.small"))
    for mapping in request.get("BlockDeviceMappings", []):
        volumes.check_volume(mapping.get("Ebs", {}))
    if not 1 <= request["MinCount"] <= request["MaxCount"]:
        raise AWSError("InvalidParameterValue", "The value of MinCount must be from 1 to that of MaxCount.")
    made = [_launch(request, image, subnet, groups, index) for index in range(request["MaxCount"])]
    for instance in made:
        instance_profiles.associate(instance, profile)
    return {**_reservation(made), "Instances": [_shown(instance) for instance in made]}


def _image_of(request: dict[str, Any]) -> dict[str, str]:
    identifier = request.get("ImageId")
    if not identifier:
        raise AWSError("MissingParameter", "The request must contain the parameter ImageId")
    if not re.fullmatch(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", identifier):
        raise AWSError("InvalidAMIID.Malformed", f'Invalid id: "{identifier}" (expecting "ami-...")')
    for image in ec2._STUB_AMIS:
        if image[0] == identifier:
            return {"ImageId": identifier, "Platform": image[3], "RootDeviceName": image[4]}
    raise AWSError("InvalidAMIID.NotFound", f"The image id '[{identifier}]' does not exist")


def _groups_of(request: dict[str, Any], subnet: dict[str, Any]) -> list[dict[str, str]]:
    identifiers = request.get("SecurityGroupIds") or [vpc_of(subnet["VpcId"])["DefaultSecurityGroupId"]]
    groups = [security_group_of(identifier) for identifier in identifiers]
    for group in groups:
        if group["VpcId"] != subnet["VpcId"]:
            raise AWSError(
                "InvalidParameter",
                f"Security group {group['GroupId']} and subnet {subnet['SubnetId']} belong to different networks.",
            )
    return [{"GroupId": group["GroupId"], "GroupName": group["GroupName"]} for group in groups]


def _check_type(instance_type: str) -> None:
    if instance_type not in service_model("ec2").shape_for("InstanceType").enum:
        raise AWSError("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")


def _launch(
    request: dict[str, Any], image: dict[str, str], subnet: dict[str, Any], groups: list[dict[str, str]], index: int
) -> dict[str, Any]:
    identifier = new_id("i")
    address = _free_address(subnet)
    public = ec2._random_ip("54.") if subnet.get("MapPublicIpOnLaunch") else None
    instance: dict[str, Any] = {
        "InstanceId": identifier,
        "ImageId": image["ImageId"],
        "Platform": image["Platform"] or None,
        "InstanceType": request.get("InstanceType", "m1.small"),
        "State": {"Code": 0, "Name": "pending"},
        "StateTransitionReason": "",
        "KeyName": request.get("KeyName"),
        "AmiLaunchIndex": index,
        "ClientToken": request.get("ClientToken", ""),
        "LaunchTime": now(),
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "PrivateIpAddress": address,
        "PrivateDnsName": _private_name(address),
        "PublicIpAddress": public,
        "PublicDnsName": f"ec2-{public.replace('.', '-')}.{get_region()}.compute.amazonaws.com" if public else "",
        "SourceDestCheck": True,
        "SecurityGroups": groups,
        "Architecture": "x86_64",
        "RootDeviceType": "ebs",
        "RootDeviceName": image["RootDeviceName"],
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        # The emulator's own handlers read it by this name.
        "Virtualization": "hvm",
        "EnaSupport": True,
        "EbsOptimized": request.get("EbsOptimized", False),
        "Placement": {
            "AvailabilityZone": subnet["AvailabilityZone"],
            "Tenancy": (request.get("Placement") or {}).get("Tenancy", "default"),
            "GroupName": "",
        },
        "Monitoring": {"State": "disabled"},
        "MetadataOptions": {**_METADATA, **request.get("MetadataOptions", {})},
        "_metadata_change": {},
        "IamInstanceProfile": None,
        "InstanceInitiatedShutdownBehavior": request.get("InstanceInitiatedShutdownBehavior", "stop"),
        "DisableApiTermination": request.get("DisableApiTermination", False),
        "DisableApiStop": request.get("DisableApiStop", False),
        "UserData": request.get("UserData", ""),
        "MaintenanceOptions": {
            "AutoRecovery": (request.get("MaintenanceOptions") or {}).get("AutoRecovery", "default")
        },
        "_cpu_credits": _credits_of(request),
    }
    if (request.get("Monitoring") or {}).get("Enabled"):
        instance["Monitoring"] = {"State": "enabled"}
    ec2._instances[identifier] = instance
    interface = _make_interface(instance, subnet, groups)
    timing.start(instance)
    timing.start(instance["_metadata_change"])
    store_tags(request, "instance", identifier)
    store_tags(request, "network-interface", interface["NetworkInterfaceId"])
    for device, ebs in _devices(request, image).items():
        volume = volumes.make_volume(instance, device, ebs)
        store_tags(request, "volume", volume["VolumeId"])
        # AWS takes the launch, and ends the instance when it comes to the volume.
        instance["_key_is_missing"] = instance.get("_key_is_missing") or bool(
            volume["Encrypted"] and not volume["KmsKeyId"]
        )
    return instance


def _devices(request: dict[str, Any], image: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The volumes of a launch by their devices: that of the image in any case."""
    devices: dict[str, dict[str, Any]] = {image["RootDeviceName"]: {}}
    for mapping in request.get("BlockDeviceMappings", []):
        if "Ebs" in mapping:
            devices[mapping["DeviceName"]] = mapping["Ebs"]
    return devices


def _make_interface(instance: dict[str, Any], subnet: dict[str, Any], groups: list[dict[str, str]]) -> dict[str, Any]:
    identifier = new_id("eni")
    interface = {
        "NetworkInterfaceId": identifier,
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "AvailabilityZone": subnet["AvailabilityZone"],
        "Description": "",
        "OwnerId": get_account_id(),
        "Status": "in-use",
        "PrivateIpAddress": instance["PrivateIpAddress"],
        "PrivateDnsName": instance["PrivateDnsName"],
        "InterfaceType": "interface",
        "SourceDestCheck": True,
        "MacAddress": ":".join(["02", *(f"{byte:02x}" for byte in secrets.token_bytes(5))]),
        "Groups": groups,
        "Attachment": {
            "AttachmentId": new_id("eni-attach"),
            "InstanceId": instance["InstanceId"],
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "Status": "attached",
            "AttachTime": now(),
            "DeleteOnTermination": True,
        },
    }
    ec2._network_interfaces[identifier] = interface
    return interface


def _free_address(subnet: dict[str, Any]) -> str:
    # AWS keeps the first four addresses of a subnet for itself, and the last one.
    network = ipaddress.ip_network(subnet["CidrBlock"])
    identifier = subnet["SubnetId"]
    taken = {one["PrivateIpAddress"] for one in interfaces() if one["SubnetId"] == identifier}
    taken |= {
        address["PrivateIp"]
        for gateway in live_gateways()
        for address in gateway["NatGatewayAddresses"]
        if gateway["SubnetId"] == identifier
    }
    for index in range(4, network.num_addresses - 1):
        if str(network[index]) not in taken:
            return str(network[index])
    raise AWSError(
        "InsufficientFreeAddressesInSubnet", f"There are not enough free addresses in subnet '{identifier}'."
    )


def _private_name(address: str) -> str:
    domain = "ec2.internal" if get_region() == "us-east-1" else f"{get_region()}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


# ---- Describing


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    ec2._cleanup_terminated()
    if ec2._docker_touched():
        ec2._vm_reconcile_running(list(ec2._instances.values()))
    chosen = _instances_of(request) if request.get("InstanceIds") else all_instances()
    filters = request.get("Filters", [])
    found = [instance for instance in chosen if _passes(instance, filters)]
    return {"Reservations": [{**_reservation([one]), "Instances": [_shown(one)]} for one in found]}


def _reservation(instances: list[dict[str, Any]]) -> dict[str, Any]:
    return {"ReservationId": f"r-{instances[0]['InstanceId'][2:]}", "OwnerId": get_account_id(), "Groups": []}


def _shown(instance: dict[str, Any]) -> dict[str, Any]:
    identifier = instance["InstanceId"]
    change = instance.get("_metadata_change", {})
    metadata = {"State": "pending" if timing.is_running(change) else "applied", **instance.get("MetadataOptions", {})}
    return {
        **instance,
        # Here all have two virtual CPUs.
        "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
        "KeyName": instance.get("KeyName") or None,
        "MetadataOptions": metadata,
        "BlockDeviceMappings": _block_devices(identifier),
        "NetworkInterfaces": [_interface_of(instance, interface) for interface in _interfaces_of(identifier)],
        "Tags": tag_list(identifier) or None,
    }


def _block_devices(instance_id: str) -> list[dict[str, Any]]:
    return [
        {
            "DeviceName": attachment["Device"],
            "Ebs": {
                "VolumeId": volume["VolumeId"],
                "Status": attachment["State"],
                "AttachTime": attachment["AttachTime"],
                "DeleteOnTermination": attachment["DeleteOnTermination"],
            },
        }
        for volume in volumes.volumes_of(instance_id)
        for attachment in volume["Attachments"]
        if attachment["InstanceId"] == instance_id
    ]


def _interface_of(instance: dict[str, Any], interface: dict[str, Any]) -> dict[str, Any]:
    """An interface as the description of its instance shows it."""
    names = {name: interface.get(name) for name in ("PrivateIpAddress", "PrivateDnsName")}
    public = instance.get("PublicIpAddress")
    association = {"PublicIp": public, "PublicDnsName": instance["PublicDnsName"], "IpOwnerId": "amazon"}
    shown = {**interface, "PrivateIpAddresses": [{**names, "Primary": True}], "Ipv6Addresses": []}
    return {**shown, "Association": association} if public else shown


def _passes(instance: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    shown = _shown(instance)
    interfaces_shown = shown["NetworkInterfaces"]
    groups = shown.get("SecurityGroups") or []
    values = {
        "architecture": shown["Architecture"],
        "availability-zone": shown["Placement"]["AvailabilityZone"],
        "block-device-mapping.device-name": [device["DeviceName"] for device in shown["BlockDeviceMappings"]],
        "block-device-mapping.volume-id": [device["Ebs"]["VolumeId"] for device in shown["BlockDeviceMappings"]],
        "client-token": shown.get("ClientToken"),
        "dns-name": shown["PublicDnsName"],
        "iam-instance-profile.arn": (shown.get("IamInstanceProfile") or {}).get("Arn"),
        "image-id": shown["ImageId"],
        "instance-id": shown["InstanceId"],
        "instance-state-code": shown["State"]["Code"],
        "instance-state-name": shown["State"]["Name"],
        "instance-type": shown["InstanceType"],
        "instance.group-id": [group["GroupId"] for group in groups],
        "instance.group-name": [group["GroupName"] for group in groups],
        "ip-address": shown.get("PublicIpAddress"),
        "key-name": shown["KeyName"],
        "monitoring-state": shown["Monitoring"]["State"],
        "network-interface.group-id": [
            group["GroupId"] for interface in interfaces_shown for group in interface["Groups"]
        ],
        "network-interface.network-interface-id": [item["NetworkInterfaceId"] for item in interfaces_shown],
        "network-interface.subnet-id": [item["SubnetId"] for item in interfaces_shown],
        "network-interface.vpc-id": [item["VpcId"] for item in interfaces_shown],
        "owner-id": get_account_id(),
        "private-dns-name": shown["PrivateDnsName"],
        "private-ip-address": shown.get("PrivateIpAddress"),
        "root-device-name": shown["RootDeviceName"],
        "root-device-type": shown["RootDeviceType"],
        "subnet-id": shown.get("SubnetId"),
        "tenancy": shown["Placement"]["Tenancy"],
        "vpc-id": shown.get("VpcId"),
    }
    return matches_filters(values, filters, {name: name for name in values}, tag_dict(shown["InstanceId"]))


def _describe_attribute(request: dict[str, Any]) -> dict[str, Any]:
    (instance,) = _instances_of(request)
    attribute = request["Attribute"]
    answer: dict[str, Any] = {"InstanceId": instance["InstanceId"]}
    if attribute == "groupSet":
        answer["Groups"] = instance["SecurityGroups"]
    elif attribute == "blockDeviceMapping":
        answer["BlockDeviceMappings"] = _block_devices(instance["InstanceId"])
    elif attribute in _ATTRIBUTES:
        member = _ATTRIBUTES[attribute]
        value = instance.get(member, False if member.startswith("Disable") else None)
        answer[member] = {} if value in ("", None) else {"Value": value}
    return answer


# ---- Changing


def _modify_attribute(request: dict[str, Any]) -> None:
    instance = _living(request)
    changes = {name: value for name, value in request.items() if name not in ("InstanceId", "DryRun")}
    if len(changes) != 1:
        raise AWSError(
            "InvalidParameterCombination",
            f"Fields for multiple attribute types specified: {', '.join(changes)}"
            if changes
            else "No attributes specified.",
        )
    ((member, value),) = changes.items()
    if member in _NEED_A_STOP and instance["State"]["Name"] != "stopped":
        raise AWSError(
            "IncorrectInstanceState", f"The instance '{instance['InstanceId']}' is not in the 'stopped' state."
        )
    if member == "Groups":
        groups = _groups_of({"SecurityGroupIds": value}, subnet_of(instance["SubnetId"]))
        instance["SecurityGroups"] = groups
        for interface in _interfaces_of(instance["InstanceId"]):
            interface["Groups"] = groups
    elif member == "BlockDeviceMappings":
        for mapping in value:
            _keep_or_delete(instance["InstanceId"], mapping)
    elif member in _ATTRIBUTES.values():
        if member == "InstanceType":
            _check_type(value["Value"])
        instance[member] = value.get("Value")
    else:
        raise AWSError("InvalidParameterCombination", f"The emulator doesn't know the attribute {member}.")


def _keep_or_delete(instance_id: str, mapping: dict[str, Any]) -> None:
    for volume in volumes.volumes_of(instance_id):
        for attachment in volume["Attachments"]:
            if (attachment["InstanceId"], attachment["Device"]) == (instance_id, mapping["DeviceName"]):
                attachment["DeleteOnTermination"] = mapping["Ebs"].get("DeleteOnTermination", True)
                return
    raise AWSError("InvalidInstanceAttributeValue", f"No device is currently mapped at {mapping['DeviceName']}")


def _modify_metadata(request: dict[str, Any]) -> dict[str, Any]:
    instance = _living(request)
    if not 1 <= request.get("HttpPutResponseHopLimit", 1) <= 64:
        raise AWSError("InvalidParameterValue", "HttpPutResponseHopLimit must be from 1 to 64.")
    options = instance.setdefault("MetadataOptions", dict(_METADATA))
    options.update({member: request[member] for member in _METADATA if member in request})
    timing.start(instance.setdefault("_metadata_change", {}))
    return {"InstanceId": instance["InstanceId"], "InstanceMetadataOptions": _shown(instance)["MetadataOptions"]}


def _modify_maintenance(request: dict[str, Any]) -> dict[str, Any]:
    instance = _living(request)
    instance["MaintenanceOptions"] = {"AutoRecovery": request["AutoRecovery"]}
    return {"InstanceId": instance["InstanceId"], "AutoRecovery": request["AutoRecovery"]}


def _credits_of(request: dict[str, Any]) -> str | None:
    """What a launch has: T2 earns its credits, the newer ones may go into debt, others know none."""
    kind = request.get("InstanceType", "m1.small")
    asked = (request.get("CreditSpecification") or {}).get("CpuCredits")
    if not _is_burstable(kind):
        if asked:
            raise AWSError("InvalidParameterCombination", f"CreditSpecification is not supported for {kind}.")
        return None
    return asked or ("standard" if kind.startswith("t2.") else "unlimited")


def _is_burstable(instance_type: str) -> bool:
    return instance_type.partition(".")[0] in ("t2", "t3", "t3a", "t4g")


def _describe_credits(request: dict[str, Any]) -> dict[str, Any]:
    """Asked by id, AWS refuses instances that know none; otherwise it tells of those that may go into debt."""
    if request.get("InstanceIds"):
        chosen = _instances_of(request)
        for instance in chosen:
            if not _is_burstable(instance["InstanceType"]):
                raise AWSError(
                    "UnsupportedOperation",
                    f"The instance type of {instance['InstanceId']} isn't a burstable performance instance type.",
                )
    else:
        chosen = [instance for instance in all_instances() if instance.get("_cpu_credits") == "unlimited"]
    names = {"instance-id": "InstanceId"}
    return {
        "InstanceCreditSpecifications": [
            {"InstanceId": instance["InstanceId"], "CpuCredits": instance["_cpu_credits"]}
            for instance in chosen
            if matches_filters(instance, request.get("Filters", []), names, tag_dict(instance["InstanceId"]))
        ]
    }


def _modify_credits(request: dict[str, Any]) -> dict[str, Any]:
    done, refused = [], []
    for asked in request["InstanceCreditSpecifications"]:
        identifier = asked["InstanceId"]
        instance = ec2._instances.get(identifier)
        if instance is None or instance["State"]["Name"] in _ENDED:
            error = {"Code": "InvalidInstanceID.NotFound", "Message": f"The instance ID '{identifier}' does not exist"}
            refused.append({"InstanceId": identifier, "Error": error})
            continue
        instance["_cpu_credits"] = asked["CpuCredits"]
        done.append({"InstanceId": identifier})
    return {
        "SuccessfulInstanceCreditSpecifications": done,
        "UnsuccessfulInstanceCreditSpecifications": refused,
    }


def _monitor(state: str, request: dict[str, Any]) -> dict[str, Any]:
    answers = []
    for instance in _instances_of(request):
        if instance["State"]["Name"] in _ENDED:
            raise _wrong_state(instance, "monitored")
        instance["Monitoring"] = {"State": state}
        passing = {"enabled": "pending", "disabled": "disabling"}[state]
        answers.append({"InstanceId": instance["InstanceId"], "Monitoring": {"State": passing}})
    return {"InstanceMonitorings": answers}


# ---- Stopping, starting, terminating


def _stop(request: dict[str, Any]) -> dict[str, Any]:
    chosen = _instances_of(request)
    for instance in chosen:
        identifier, state = instance["InstanceId"], instance["State"]["Name"]
        if instance.get("RootDeviceType") == "instance-store":
            raise AWSError(
                "UnsupportedOperation",
                f"You can't stop the instance '{identifier}' because it is an instance store-backed instance",
            )
        if state == "pending":
            raise AWSError(
                "IncorrectInstanceState",
                f"Instance '{identifier}' cannot be stopped as it has never reached the 'running' state.",
            )
        if state in _ENDED:
            raise _wrong_state(instance, "stopped")
        if instance.get("DisableApiStop"):
            raise AWSError(
                "OperationNotPermitted",
                f"The instance '{identifier}' may not be stopped. Modify its 'disableApiStop' instance attribute and "
                "try again.",
            )
    answers = []
    for instance in chosen:
        stopped = instance["State"]["Name"] in ("stopping", "stopped")
        answers.append(_enter(instance, instance["State"]["Name"] if stopped else "stopping"))
        _say_why(instance, "Client.UserInitiatedShutdown: User initiated shutdown")
    return {"StoppingInstances": answers}


def _start(request: dict[str, Any]) -> dict[str, Any]:
    chosen = _instances_of(request)
    for instance in chosen:
        if instance.get("RootDeviceType") == "instance-store":
            raise AWSError(
                "UnsupportedOperation",
                f"You can't start the instance '{instance['InstanceId']}' because it is an instance store-backed "
                "instance",
            )
        if instance["State"]["Name"] in ("stopping", *_ENDED):
            raise _wrong_state(instance, "started")
    answers = []
    for instance in chosen:
        runs = instance["State"]["Name"] in ("pending", "running")
        answers.append(_enter(instance, instance["State"]["Name"] if runs else "pending"))
        instance.update(StateReason=None, StateTransitionReason="")
    return {"StartingInstances": answers}


def _terminate(request: dict[str, Any]) -> dict[str, Any]:
    chosen = _instances_of(request)
    for instance in chosen:
        if instance.get("DisableApiTermination") and instance["State"]["Name"] not in _ENDED:
            raise AWSError(
                "OperationNotPermitted",
                f"The instance '{instance['InstanceId']}' may not be terminated. Modify its 'disableApiTermination' "
                "instance attribute and try again.",
            )
    answers = []
    for instance in chosen:
        ended = instance["State"]["Name"] in _ENDED
        answers.append(_enter(instance, instance["State"]["Name"] if ended else "shutting-down"))
        if not ended:
            _say_why(instance, "Client.UserInitiatedShutdown: User initiated shutdown")
        if instance.get("VmManager") == "docker":
            ec2._vm_remove_container(instance)
    return {"TerminatingInstances": answers}


def _say_why(instance: dict[str, Any], message: str) -> None:
    instance["StateReason"] = {"Code": message.partition(":")[0], "Message": message}
    instance["StateTransitionReason"] = f"User initiated ({now():%Y-%m-%d %H:%M:%S} GMT)"
