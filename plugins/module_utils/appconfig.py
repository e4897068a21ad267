# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the resources of AWS AppConfig have in common: ids in place of names, ARNs that no answer tells, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .declarations import Addition, Delete, Tagging, Update
from .resource import Resource
from .values import placeholder

NOT_FOUND = ("ResourceNotFoundException",)
ARN = {"ResourceArn": "Id"}  # see AppConfigResource.target()
TAGS = Addition("ListTagsForResource", "Tags", "Tags", by=ARN, missing=NOT_FOUND, empty={})
# What others do with an application, an environment or a profile, and nothing of these themselves.
USES = {
    "CreateExperimentDefinition": "experiments with flags are left to those who make them",
    "StartDeployment": "what is deployed is the matter of another module, and of operators",
}
RENAMED = "a renamed one isn't found again, and is made anew"
# Deployments that keep an environment from taking another one, or from being removed.
UNDER_WAY = frozenset({"BAKING", "DEPLOYING", "ROLLING_BACK", "VALIDATING"})


def under_way(deployments: Iterable[Mapping]) -> list[dict]:
    """Those of the deployments of an environment that aren't over, of which there is one at most."""
    return [dict(deployment) for deployment in deployments if deployment["State"] in UNDER_WAY]


class AppConfigResource(Resource):
    """A resource of AppConfig, which is found by its name among all of its kind and changed by its id."""

    service = "appconfig"
    capital_members = True
    identifier = "Id"
    arn_ends: str = ""  # how its ARN ends, made of its description
    additions: tuple[Addition, ...] = (TAGS,)
    tagging: Tagging | None = Tagging(
        "TagResource",
        "UntagResource",
        by=ARN,
        read="Tags",
        tags_member="Tags",
        keys_member="TagKeys",
    )
    # Someone has made it since we looked: the next look tells who. BadRequestException is the code for it, too:
    # "Application with name x already exists with id abc1234 in account 123456789012".
    passing: Mapping[str, tuple[str, ...]] = {"BadRequestException": ("already exists with id",)}

    def prepare(self) -> None:
        self.arn_begins: str | None = None  # how the ARNs of the account begin, as soon as there is one

    def find(self) -> dict | None:
        # What lies in an application that a dry run only predicts isn't there, either.
        return None if any(placeholder(value) for value in self.named(self.describe.names).values()) else super().find()

    def complete(self, description: dict) -> dict | None:
        return {**description, "Arn": self.arn(description)}

    def target(self, call: Addition | Update | Delete | Tagging, current: Mapping) -> dict:
        target = super().target(call, current)
        return {**target, "ResourceArn": self.arn(current)} if "ResourceArn" in target else target

    def arn(self, description: Mapping) -> str:
        return f"{self.arn_begins}:{self.arn_ends.format(**description)}"

    def select(self, found: list[dict]) -> list[dict]:
        mine = super().select(found)
        if mine and not self.arn_begins:
            caller: Any = self.read("GetCallerIdentity", {}, service="sts", doing="find out the account")
            partition = caller["Arn"].split(":")[1]
            self.arn_begins = f"arn:{partition}:appconfig:{self.module.region}:{caller['Account']}"
        return mine
