# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the resources of Amazon Cognito user pools have in common: their service, and the pool that most lie in."""

from __future__ import annotations

from .resource import Resource
from .values import placeholder

NOT_FOUND = ("ResourceNotFoundException",)


class CognitoResource(Resource):
    """A user pool, or something in one."""

    service = "cognito-idp"
    capital_members = True


class PoolResource(CognitoResource):
    """Something in a user pool. It has no tags: what lies in a pool of ours is ours."""

    # A pool that was made a moment ago isn't known everywhere yet.
    passing = {"ResourceNotFoundException": ("",)}
    hints = {
        "ResourceNotFoundException": {
            "pool": "Check user_pool_id and the region: the pool must exist, cognito_idp_user_pool makes it."
        }
    }

    def find(self):
        # In a dry run the pool may not exist yet, and nothing does that would lie in it.
        return None if placeholder(self.options["user_pool_id"]) else super().find()
