# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two ends of a log delivery of CloudWatch Logs, of the same name: what sends a log, and what gets it."""

from __future__ import annotations

from collections.abc import Mapping

from .declarations import Addition, Create, Delete, Describe, Setting, Tagging
from .resource import Resource
from .values import placeholder

MISSING = ("ResourceNotFoundException",)
TAGGING = Tagging("TagResource", "UntagResource", by={"resourceArn": "arn"})
# The answers of the other reads have no tags.
TAGS = Addition("ListTagsForResource", "tags", "tags", by={"resourceArn": "arn"}, missing=MISSING, empty={})
BEING_UPDATED = "currently being updated"


def only(arns: list[str] | str) -> str:
    """The resource of a source; a dry run predicts it as it is sent."""
    return arns if isinstance(arns, str) else next(iter(arns), "")


class End(Resource):
    """One end. AWS changes next to nothing of it; but as it holds nothing either, it is made anew in its place."""

    service = "logs"
    names = {"name": "name"}
    additions = (TAGS,)
    tagging = TAGGING
    # What it names may have been made a moment ago.
    passing = {"ConflictException": (BEING_UPDATED,), "ResourceNotFoundException": ("",)}

    def prepare(self) -> None:
        self.replaced = False  # in a dry run: it would be made anew
        self.before: dict = {}  # what of it was there, if it has to be made anew
        self.first: dict | None = None  # what look() has seen, until it is asked for

    def look(self) -> dict | None:
        """A look from which run() goes on. ResourceError for one of someone else."""
        self.first = self.find()
        self.check_owner(self.first)
        return self.first

    def is_stale(self) -> bool:
        """Whether there is one of ours which has to be made anew."""
        current = self.look()
        changes = self.changes(current) if current else {}
        stale = any(not placeholder(change.desired) for change in changes.values())
        self.before = self.view(current) if stale else {}
        return stale

    def replace(self) -> None:
        """Remove it, so that it is made anew."""
        self.replaced = self.check_mode
        if not self.check_mode:
            self.options["state"] = "absent"
            self.run()
            self.options["state"] = "present"

    def find(self) -> dict | None:
        if self.replaced:
            return None
        first, self.first = self.first, None
        return first or super().find()

    def before_delete(self, current: dict) -> None:
        super().before_delete(current)
        # A delivery that was removed a moment ago still counts.
        self.passing = {**self.passing, "ConflictException": ("",)}


class Source(End):
    """What sends a log."""

    kind = "log delivery source"
    result = "source"
    describe = Describe("GetDeliverySource", "deliverySource", missing=MISSING)
    create = Create("PutDeliverySource")
    delete = Delete("DeleteDeliverySource", missing=MISSING)
    settings = (
        Setting("resource_arn", "resourceArn", read="resourceArns", decode=only),
        Setting("log_type", "logType"),
    )
    needed = ("resource_arn", "log_type")
    hints: Mapping[str, Mapping[str, str]] = {
        "ConflictException": {
            "already been used": "AWS takes one delivery source for a log of a resource, and another one has it: "
            "aws logs describe-delivery-sources names it. Remove it with its deliveries, and run again."
        },
    }


class Destination(End):
    """What gets a log."""

    kind = "log delivery destination"
    result = "destination"
    describe = Describe("GetDeliveryDestination", "deliveryDestination", missing=MISSING)
    create = Create("PutDeliveryDestination")
    delete = Delete("DeleteDeliveryDestination", missing=MISSING)
    settings = (
        Setting(
            "destination_arn",
            "deliveryDestinationConfiguration.destinationResourceArn",
            absent="",
            # That of a log group may end in its streams.
            same=lambda have, want: have.removesuffix(":*") == want.removesuffix(":*"),
        ),
        Setting("output_format", "outputFormat"),
    )
    needed = ("destination_arn",)
    hints: Mapping[str, Mapping[str, str]] = {
        "ConflictException": {
            "": "Deliveries of other sources go there: aws logs describe-deliveries names them. Remove them, and run "
            "again."
        },
    }
