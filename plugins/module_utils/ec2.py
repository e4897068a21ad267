# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the resources of Amazon EC2 and Amazon VPC have in common: tags, look-up by tags, partial refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .declarations import Tagging
from .faults import ResourceError, error_code
from .resource import Resource
from .values import gather

# What another call of the same run has just made, and this one doesn't see yet.
NOT_YET_VISIBLE = (
    "InvalidGroup.NotFound",
    "InvalidRouteTableID.NotFound",
    "InvalidRouteTableId.NotFound",
    "InvalidSecurityGroupID.NotFound",
    "InvalidSecurityGroupId.NotFound",
    "InvalidSubnetID.NotFound",
    "InvalidSubnetId.NotFound",
    "InvalidVpcID.NotFound",
    "InvalidVpcId.NotFound",
)


def ec2_tagging(identifier: str) -> Tagging:
    """Tags of a resource whose id is that member of its description."""
    return Tagging(
        tag="CreateTags",
        untag="DeleteTags",
        by={"Resources": [identifier]},
        read="Tags",
        style="list",
        tags_member="Tags",
        keys_member="Tags",
        untag_style="objects",
    )


def group_ids(groups: Iterable[Mapping | str]) -> list[str]:
    """IDs of security groups. A request takes them, a description gives them with names."""
    return [group if isinstance(group, str) else group["GroupId"] for group in groups]


def profile_to_api(profile: str) -> dict[str, str]:
    """An instance profile, given by its name or its ARN, as requests take it."""
    return {"Arn" if profile.startswith("arn:") else "Name": profile}


class Ec2Resource(Resource):
    """A resource of the EC2 API, found among those that a filter gives, and tagged as it is made."""

    service = "ec2"
    capital_members = True
    unique_name = False
    known_by: str = ""  # option with the id of the one that is meant, for whoever has found it by more than its tags
    placed: bool = False  # where it lies says that it is meant, such as the only gateway of a VPC
    tagged_as: str = ""  # the resource's type in TagSpecifications
    filtered_by: Mapping[str, str] = {}  # filter of the describe call -> option
    passing: Mapping[str, tuple[str, ...]] = dict.fromkeys(NOT_YET_VISIBLE, ("",))

    def describe_request(self) -> dict:
        filters = self.filters(self.named(self.filtered_by))
        return {"Filters": filters} if filters else {}

    def select(self, found: list[dict]) -> list[dict]:
        """The one of the id that is given, as long as there is one; else by what the subclass chooses."""
        known = self.known_id
        mine = [item for item in found if item[self.identifier] == known] if known else []
        # What is to be removed is that one and none that looks like it.
        return mine if mine or (known and self.options["state"] == "absent") else self.choose(found)

    def choose(self, found: list[dict]) -> list[dict]:
        """Of those that were described the ones that answer the options, where no id says which is meant."""
        return super().select(found)

    @property
    def known_id(self) -> str | None:
        return self.options.get(self.known_by) or None

    def check_owner(self, current: dict | None) -> None:
        # A tag that was lost is put back with the others. One with another value says that it is someone else's.
        found = current is not None and (self.placed or self.known_id == current.get(self.identifier))
        if not (found and self.keeps_marks(current)):
            super().check_owner(current)

    def keeps_marks(self, description: Mapping) -> bool:
        """Whether it bears one of our marks at least, and none of the owner's tags with another value."""
        tags, owner = self.tags_of(description), self.options.get("owned_by") or {}
        return any(tags.get(key) == value for key, value in self.marks().items()) and all(
            tags.get(key) in (None, str(value)) for key, value in owner.items()
        )

    def create_request(self) -> dict:
        return super().create_request() | self.tag_specifications(self.options.get("tags"))

    def tag_specifications(self, tags: Mapping[str, Any] | None) -> dict:
        """The member of a create request that tags what it makes."""
        if not tags:
            return {}
        return {"TagSpecifications": [{"ResourceType": self.tagged_as, "Tags": self.encoded_tags(tags)}]}

    @staticmethod
    def filters(values: Mapping[str, str]) -> list[dict]:
        """Filters never fail on an id that is malformed or gone, as reading by id does."""
        return [{"Name": name, "Values": [value]} for name, value in values.items()]

    def ours_first(self, found: list[dict]) -> list[dict]:
        """Those that bear the owner's tags, and of these the one of the same Name, as far as there are any."""
        owner = {key: str(value) for key, value in (self.options.get("owned_by") or {}).items()}
        for marks in (owner, self.marks()):
            found = self.marked(found, marks) or found
        return found

    def refused(self, operation: str, request: Mapping, response: Mapping) -> list[dict]:
        return [item.get("Error", {}) for item in response.get("Unsuccessful", [])]


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

    def make_absent(self, current: dict | None) -> None:
        refusals: list[ResourceError] = []
        pause = min(1.0, self.poll)
        for left in self.looks(lambda: self.is_left(refusals, current), self.wait_timeout, pause, self.poll):
            if not left:
                return
            current = self.find()
            if not self.options["wait"]:
                break
        found = ", ".join(self.in_the_way(current)) if current else ""
        text = str(refusals[-1])
        raise ResourceError(f"{text} In the way: {found}." if found else text, refusals[-1].cause)

    def is_left(self, refusals: list[ResourceError], current: dict | None) -> bool:
        """Delete it. Returns whether it is left, and notes the refusal, because something is in the way."""
        try:
            super().make_absent(current)
        except ResourceError as error:
            if error_code(error.cause) != "DependencyViolation":
                raise
            refusals.append(error)
            return True
        return False

    def before_delete(self, current: dict) -> None:
        super().before_delete(current)
        if self.options.get("remove_left_interfaces"):
            for interface in filter(left_by_node, self.read_inside(self.inside[0], current)):
                identifier = {"NetworkInterfaceId": interface["NetworkInterfaceId"]}
                doing = f"delete the network interface {interface['NetworkInterfaceId']} in {self.title}"
                self.write("DeleteNetworkInterface", identifier, doing, ("InvalidNetworkInterfaceID.NotFound",))

    def in_the_way(self, current: dict) -> list[str]:
        """What keeps it from being deleted, each by its id and whose it is."""
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
