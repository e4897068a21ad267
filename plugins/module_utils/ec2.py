# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the resources of Amazon EC2 and Amazon VPC have in common: tags, look-up by tags, partial refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .declarations import Tagging
from .resource import Resource

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

    def in_our_place(self, current: Mapping) -> bool:
        return super().in_our_place(current) or self.known_id == current.get(self.identifier)

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

    def refused(self, operation: str, request: Mapping, response: Mapping) -> list[dict]:
        return [item.get("Error", {}) for item in response.get("Unsuccessful", [])]
