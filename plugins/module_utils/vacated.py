# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""EC2 resources that other things are in, or use, and that can only be deleted after those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .ec2 import Ec2Resource
from .faults import ResourceError, error_code
from .values import gather

# What the VPC CNI plugin for Kubernetes writes on the network interfaces that it makes for the pods of a node.
CNI_TAG = "node.k8s.amazonaws.com/instance_id"
CNI_DESCRIPTION = "aws-K8S-"


def left_by_node(interface: Mapping) -> bool:
    """Whether it was made for a node's pods and has outlived the node, which can't remove it any more."""
    made_by_cni = interface.get("Description", "").startswith(CNI_DESCRIPTION) and any(
        tag["Key"] == CNI_TAG for tag in interface.get("TagSet", [])
    )
    return made_by_cni and interface.get("Status") == "available"


class Inside(NamedTuple):
    """A read that gives what is in a resource, or uses it: operation, path, the member that names one, the filter."""

    operation: str
    path: str
    identifier: str
    filtered_by: str


def interfaces_by(filtered_by: str) -> Inside:
    return Inside("DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId", filtered_by)


def told(thing: Mapping, identifier: str) -> str:
    """The id of a thing, and whose it is as far as it says so."""
    tags = {tag["Key"]: tag["Value"] for tag in thing.get("TagSet") or thing.get("Tags") or []}
    words = (
        tags.get("Name"),
        thing.get("GroupName"),
        thing.get("Description"),
        (thing.get("Attachment") or {}).get("InstanceId"),
        thing.get("RequesterId"),
        thing.get("OwnerId") and f"account {thing['OwnerId']}",
        *(f"{key}={tags[key]}" for key in ("Project", "Environment", "Component") if key in tags),
    )
    known = ", ".join(dict.fromkeys(word for word in words if word))
    return f"{thing[identifier]} ({known})" if known else thing[identifier]


class Vacated(Ec2Resource):
    """What can only be deleted when nothing is in it or uses it any more, which after other deletions takes minutes.

    A refusal because something is in the way is waited out, and in the end told with what that is.
    """

    # What may be in it; first the network interfaces.
    inside: tuple[Inside, ...] = ()
    timeout = 600
    poll = 15.0

    def make_absent(self, current: dict) -> None:
        self.left = current
        refusal = None
        for refusal in self.looks(self.refusal, self.wait_timeout, pause=min(1.0, self.poll), longest=self.poll):
            if refusal is None:
                return
            if not self.options["wait"]:
                break
        raise refusal

    def refusal(self) -> ResourceError | None:
        """Delete what is left; None when it is gone. Returns AWS's refusal where something is in the way."""
        if self.left is None:
            return None
        try:
            super().make_absent(self.left)
        except ResourceError as error:
            if error_code(error.cause) != "DependencyViolation":
                raise
            self.left = self.find()
            return error
        return None

    def before_delete(self, current: dict) -> None:
        super().before_delete(current)
        if self.options.get("remove_left_interfaces"):
            for interface in filter(left_by_node, self.read_inside(self.inside[0], current)):
                identifier = {"NetworkInterfaceId": interface["NetworkInterfaceId"]}
                doing = f"delete the network interface {interface['NetworkInterfaceId']} in {self.title}"
                self.write("DeleteNetworkInterface", identifier, doing, ("InvalidNetworkInterfaceID.NotFound",))

    def in_the_way(self, current: dict) -> list[str]:
        found = {
            thing[inside.identifier]: told(thing, inside.identifier)
            for inside in self.inside
            for thing in self.read_inside(inside, current)
            if self.keeps(thing)
        }
        return list(found.values())

    def keeps(self, thing: Mapping) -> bool:
        """Whether a thing inside keeps the resource: not what AWS removes with it, such as a VPC's default group."""
        return True

    def place_of(self, current: Mapping) -> str:
        """The id by which the reads find what is inside."""
        return current[self.identifier]

    def read_inside(self, inside: Inside, current: Mapping) -> list[dict]:
        filters = self.filters({inside.filtered_by: self.place_of(current)})
        answer = self.read(inside.operation, {"Filters": filters}, doing=f"read what is in {self.title}")
        return gather(answer or {}, inside.path)
