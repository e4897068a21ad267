#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_group
version_added: 0.1.0
short_description: Manage a group of an Amazon Cognito user pool
description:
  - Creates, changes and deletes a group of a user pool with its precedence and its IAM role. Who is in it is for
    M(agent_platform.aws.cognito_idp_user).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user_pool_id:
    description:
      - ID of the user pool. It is needed, here or in each entry of O(aggregate).
    type: str
  name:
    description:
      - Name of the group, 1 to 128 characters without spaces. It is needed, here or in each entry of O(aggregate).
      - It stands in the claim C(cognito:groups) of its members' tokens.
    type: str
  description:
    description:
      - What the group is for, up to 2048 characters.
    type: str
  precedence:
    description:
      - Of several groups of a user, the one of the lowest number gives the role that the user's tokens prefer. Zero is
        the lowest.
      - Two groups may have the same number. Then neither comes first, and no role is preferred unless both have the
        same one.
      - AWS has no way to take it from a group again.
    type: int
  role_arn:
    description:
      - ARN of the IAM role that tokens of the group's members name. An identity pool gives credentials of it where it
        chooses the role by the token. An empty text stands for none.
      - The identity of the run needs C(iam:PassRole) for it.
      - AWS knows no call that takes the role from a group. If it keeps it, the module fails and says so.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - A group has no tags, so O(owned_by) isn't looked at. It is its user pool's.
"""

EXAMPLES = r"""
- name: Make the groups of a platform
  agent_platform.aws.cognito_idp_group:
    user_pool_id: us-west-2_a1b2c3d4e
    aggregate:
      - name: super_admin
        description: May do everything
        precedence: 1
      - name: platform_user
        precedence: 3

- name: Remove a group
  agent_platform.aws.cognito_idp_group:
    user_pool_id: us-west-2_a1b2c3d4e
    name: platform_user
    state: absent
"""

RETURN = r"""
group:
  description: The group as Cognito describes it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    description:
      description: What the group is for.
      type: str
    group_name:
      description: Name of the group.
      type: str
    precedence:
      description: Which group of a user comes first.
      type: int
    role_arn:
      description: ARN of its role, if it has one.
      type: str
    user_pool_id:
      description: ID of the user pool.
      type: str
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

from ..module_utils.cognito import PoolResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module

MISSING = ("ResourceNotFoundException",)
# For how long a group may still be shown with the role that was taken from it, in seconds.
ROLE_SHOWN_FOR = 10.0


class Group(PoolResource):
    kind = "user pool group"
    result = "group"
    names = {"UserPoolId": "user_pool_id", "GroupName": "name"}
    describe = Describe("GetGroup", "Group", missing=MISSING)
    create = Create("CreateGroup", exists=("GroupExistsException",), tags=None)
    delete = Delete("DeleteGroup", missing=MISSING)
    settings = (
        Setting("description", "Description", update="group", absent=""),
        Setting("precedence", "Precedence", update="group"),
        Setting("role_arn", "RoleArn", update="group", absent=""),
    )
    updates = {"group": Update("UpdateGroup", whole=True)}
    hints = {
        "AccessDeniedException": {
            "iam:PassRole": "Allow iam:PassRole on the role for the identity of this run, and run again."
        },
        "LimitExceededException": {"": "A user pool has 10,000 groups at most. Remove what is unused, and run again."},
    }

    def update_request(self, name, changes, current):
        # AWS doesn't say what becomes of a member that isn't sent.
        kept = {setting.member: current[setting.member] for setting in self.settings if setting.member in current}
        request = {**kept, **super().update_request(name, changes, current)}
        # It takes no empty one.
        return {member: value for member, value in request.items() if (member, value) != ("RoleArn", "")}

    def update_group(self, changes, current):
        self.write("UpdateGroup", self.update_request("group", changes, current), f"update {self.title}")
        if "role_arn" not in changes or changes["role_arn"].desired:
            return
        for seen in self.looks(self.find, ROLE_SHOWN_FOR, pause=0.5, longest=2.0):
            if not (seen or {}).get("RoleArn"):
                return
        raise ResourceError(
            f"{self.title} keeps its role {changes['role_arn'].current}, which AWS doesn't take from a group. "
            "Declare that role or another one; or delete the group, by which it loses its members, and run again."
        )


def main():
    run_module(Group, DOCUMENTATION)


if __name__ == "__main__":
    main()
