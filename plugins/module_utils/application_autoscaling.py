# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Application Auto Scaling modules have in common: how a target is named and found, and whose it is."""

from __future__ import annotations

from typing import Any

from .declarations import Describe
from .resource import Resource

TARGET = {
    "ServiceNamespace": "service_namespace",
    "ResourceId": "resource_id",
    "ScalableDimension": "scalable_dimension",
}
TAGLESS = ("ResourceNotFoundException",)
NOT_FOUND = ("ObjectNotFoundException",)
TARGETS = Describe("DescribeScalableTargets", "ScalableTargets", many=True)


class ScalingResource(Resource):
    """A scalable target, or a policy of one."""

    service = "application-autoscaling"
    capital_members = True
    # Another change of the same target is under way; the role with which the service acts was made a moment ago.
    passing = {
        "ConcurrentUpdateException": ("",),
        "ValidationException": ("Unable to assume IAM role",),
    }

    def targets_request(self) -> dict[str, Any]:
        """The request that lists the target alone."""
        request = self.named(TARGET)
        resource_id = request.pop("ResourceId")
        return {**request, "ResourceIds": [resource_id]}

    def tags_of_target(self, target: dict) -> dict[str, str]:
        """The tags of a target. One from before 2023 has no ARN, and no tags."""
        if not target.get("ScalableTargetARN"):
            return {}
        answer = self.read("ListTagsForResource", {"ResourceARN": target["ScalableTargetARN"]}, TAGLESS)
        return (answer or {}).get("Tags", {})
