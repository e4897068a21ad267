# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine images that an inventory names, as EC2 tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .discovery.base import Search


def start_images(search: Search, names: Iterable[str]) -> Future | None:
    """The look at those that are named by an id (ami-...), or None where there are none."""
    # By a filter: asked by their ids, EC2 tells of none where one isn't there.
    ids = sorted({name for name in names if name.startswith("ami-")})
    return search.start("ec2", "describe_images", Filters=[{"Name": "image-id", "Values": ids}]) if ids else None


def images_of(started: Future | None) -> dict[str, Any] | None:
    """The images by their ids; None where EC2 doesn't tell."""
    if started is None:
        return {}
    answer = started.result()
    return None if answer is None else {image["ImageId"]: _image(image) for image in answer.get("Images", [])}


def _image(image: Mapping[str, Any]) -> dict[str, Any]:
    root = image.get("RootDeviceName")
    devices = image.get("BlockDeviceMappings") or []
    sizes = {item.get("DeviceName"): (item.get("Ebs") or {}).get("VolumeSize") for item in devices}
    return {
        "state": image.get("State"),
        "architecture": image.get("Architecture"),
        "owner": image.get("ImageOwnerAlias") or image.get("OwnerId"),
        "root_device_name": root,
        "root_volume_size_gib": sizes.get(root),
    }
