# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Volumes: those of instances as they were asked for, and changes that take a while.

ministack drops the key and the throughput of a volume, lets it shrink, and changes it at once. As on AWS, and here, a
change is modifying for a moment in which the volume shows its old size, and no other one is taken. Unlike AWS, a volume
may be changed any number of times a day, and one that is optimizing is done at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, kms

from ...wire import AWSError, matches_filters, now
from .. import timing
from ..patching import QueryShims
from .records import new_id, select, tag_list

_FILTERS = {
    "attachment.delete-on-termination": "_delete_on_termination",
    "attachment.device": "_devices",
    "attachment.instance-id": "_instance_ids",
    "attachment.status": "_attachment_states",
    "availability-zone": "AvailabilityZone",
    "encrypted": "Encrypted",
    "size": "Size",
    "snapshot-id": "SnapshotId",
    "status": "State",
    "volume-id": "VolumeId",
    "volume-type": "VolumeType",
}
_MODIFICATION_FILTERS = {"volume-id": "VolumeId", "modification-state": "ModificationState"}
_CHANGEABLE = ("Size", "VolumeType", "Iops", "Throughput")
# What AMIs ask for, and what a gp3 volume has by itself.
_SMALLEST = 8
_GP3 = {"Iops": 3000, "Throughput": 125}


def install(shims: QueryShims) -> None:
    shims.replace("DescribeVolumes", _describe)
    shims.replace("ModifyVolume", _modify)
    shims.replace("DescribeVolumesModifications", _describe_modifications)


def all_volumes() -> Iterator[dict[str, Any]]:
    """The volumes as they are now; a change that has come to its end is made."""
    for volume in list(ec2._volumes.values()):
        if timing.is_due(volume):
            timing.finish(volume)
            modification = volume["_modification"]
            volume.update({member: modification[f"Target{member}"] for member in _CHANGEABLE})
            modification.update(ModificationState="completed", Progress=100, EndTime=now())
        yield volume


def check_volume(ebs: dict[str, Any]) -> None:
    """Refuse what RunInstances can't make a volume of."""
    size = ebs.get("VolumeSize", _SMALLEST)
    if size < _SMALLEST:
        raise AWSError(
            "InvalidBlockDeviceMapping",
            f"Volume of size {size}GB is smaller than snapshot, expect size >= {_SMALLEST}GB",
        )
    if ebs.get("KmsKeyId") and not ebs.get("Encrypted"):
        raise AWSError(
            "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set to true."
        )


def key_of(ebs: dict[str, Any]) -> str | None:
    """ARN of the key that encrypts a volume; None if it isn't encrypted, or if there is no such key."""
    if not ebs.get("Encrypted"):
        return None
    if not ebs.get("KmsKeyId"):
        # The key that AWS manages for EBS.
        own = uuid.uuid5(uuid.NAMESPACE_URL, f"aws/ebs {get_account_id()} {get_region()}")
        return f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{own}"
    key = kms._resolve_key(ebs["KmsKeyId"])
    return key["Arn"] if key else None


def make_volume(instance: dict[str, Any], device: str, ebs: dict[str, Any]) -> dict[str, Any]:
    """A volume of an instance."""
    kind = ebs.get("VolumeType", "gp3")
    size = ebs.get("VolumeSize", _SMALLEST)
    speed = dict(_GP3) if kind == "gp3" else {"Iops": max(100, 3 * size)} if kind == "gp2" else {}
    volume_id = new_id("vol")
    volume = {
        "VolumeId": volume_id,
        "Size": size,
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"],
        "State": "in-use",
        "VolumeType": kind,
        "SnapshotId": ebs.get("SnapshotId", ""),
        # The emulator's own handlers read these, whether the type has them or not.
        "Iops": ebs.get("Iops", speed.get("Iops")),
        "Throughput": ebs.get("Throughput", speed.get("Throughput")),
        "Encrypted": bool(ebs.get("Encrypted")),
        "KmsKeyId": key_of(ebs),
        "CreateTime": now(),
        "MultiAttachEnabled": False,
        "Attachments": [
            {
                "VolumeId": volume_id,
                "InstanceId": instance["InstanceId"],
                "Device": device,
                "State": "attached",
                "AttachTime": now(),
                "DeleteOnTermination": ebs.get("DeleteOnTermination", True),
            }
        ],
    }
    ec2._volumes[volume_id] = volume
    return volume


def volumes_of(instance_id: str) -> list[dict[str, Any]]:
    return [
        volume
        for volume in all_volumes()
        if any(attachment["InstanceId"] == instance_id for attachment in volume["Attachments"])
    ]


def let_go(instance_id: str) -> None:
    """What becomes of the volumes of an instance that is terminated."""
    for volume in volumes_of(instance_id):
        (attachment,) = (item for item in volume["Attachments"] if item["InstanceId"] == instance_id)
        volume["Attachments"].remove(attachment)
        if attachment["DeleteOnTermination"]:
            ec2._volumes.pop(volume["VolumeId"], None)
            ec2._tags.pop(volume["VolumeId"], None)
        elif not volume["Attachments"]:
            volume["State"] = "available"


def _filterable(volume: dict[str, Any]) -> dict[str, Any]:
    attachments = volume["Attachments"]
    return {
        **volume,
        "_delete_on_termination": [attachment["DeleteOnTermination"] for attachment in attachments],
        "_devices": [attachment["Device"] for attachment in attachments],
        "_instance_ids": [attachment["InstanceId"] for attachment in attachments],
        "_attachment_states": [attachment["State"] for attachment in attachments],
    }


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    found = select(
        [_filterable(volume) for volume in all_volumes()],
        "VolumeId",
        request.get("VolumeIds"),
        request.get("Filters"),
        _FILTERS,
        "InvalidVolume.NotFound",
    )
    return {"Volumes": [{**volume, "Tags": tag_list(volume["VolumeId"]) or None} for volume in found]}


def _modify(request: dict[str, Any]) -> dict[str, Any]:
    volume = next((one for one in all_volumes() if one["VolumeId"] == request["VolumeId"]), None)
    if volume is None:
        raise AWSError("InvalidVolume.NotFound", f"The volume '{request['VolumeId']}' does not exist.")
    if timing.is_running(volume):
        raise AWSError(
            "IncorrectModificationState",
            f"Volume {volume['VolumeId']} cannot be modified in modification state MODIFYING",
        )
    if request.get("Size", volume["Size"]) < volume["Size"]:
        raise AWSError("InvalidParameterValue", "New size cannot be smaller than existing size")
    wanted = {member: request.get(member, volume.get(member)) for member in _CHANGEABLE}
    if wanted["VolumeType"] == "gp3":
        wanted |= {member: wanted[member] or value for member, value in _GP3.items()}
    volume["_modification"] = {
        "VolumeId": volume["VolumeId"],
        "ModificationState": "modifying",
        "Progress": 0,
        "StartTime": now(),
        **{f"Target{member}": value for member, value in wanted.items()},
        **{f"Original{member}": volume.get(member) for member in _CHANGEABLE},
    }
    timing.start(volume)
    return {"VolumeModification": volume["_modification"]}


def _describe_modifications(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("VolumeIds")
    found = [volume["_modification"] for volume in all_volumes() if "_modification" in volume]
    return {
        "VolumesModifications": [
            modification
            for modification in found
            if (not wanted or modification["VolumeId"] in wanted)
            and matches_filters(modification, request.get("Filters", []), _MODIFICATION_FILTERS, {})
        ]
    }
