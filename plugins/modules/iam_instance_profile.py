#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_instance_profile
version_added: 0.1.0
short_description: Manage an IAM instance profile with its role
description:
  - Creates, changes, tags and deletes an instance profile, by which an EC2 instance gets the credentials of a role.
  - A profile holds one role. Another one than O(role) is taken out of it.
  - It replaces M(amazon.aws.iam_instance_profile), which in release 11.4.0 repeats what AWS throttles without an end,
    and takes over a profile of someone else.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the profile.
    type: str
    required: true
  path:
    description:
      - Path of the profile, which is a part of its ARN. It begins and ends with a slash; V(/) is that of profiles
        without one.
      - It can't be changed later, and a profile of the same name can't be made under another path.
    type: str
  role:
    description:
      - Name of the role in it, without path. An empty text stands for none.
      - The identity of the run needs C(iam:PassRole) for it.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Give an instance the role of the bastion
  agent_platform.aws.iam_instance_profile:
    name: demo-bastion
    role: demo-bastion
    tags:
      Name: demo-bastion

- name: Delete an instance profile; the role stays
  agent_platform.aws.iam_instance_profile:
    name: demo-bastion
    state: absent
"""

RETURN = r"""
instance_profile:
  description: The instance profile as IAM describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the profile. Not known in check mode before the profile exists.
      type: str
      sample: "arn:aws:iam::123456789012:instance-profile/demo-bastion"
    instance_profile_name:
      description: Name of the profile.
      type: str
    path:
      description: Path of the profile.
      type: str
    roles:
      description: The role in it, if there is one.
      type: list
      elements: dict
    tags:
      description: Tags of the profile.
      type: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update, tag_list
from ..module_utils.resource import Resource, run_module

MISSING = ("NoSuchEntity",)
ADD = "AddRoleToInstanceProfile"


def role_in(roles):
    return roles[0]["RoleName"] if roles else ""


class InstanceProfile(Resource):
    service = "iam"
    kind = "IAM instance profile"
    result = "instance_profile"
    names = {"InstanceProfileName": "name"}
    identifier = "Arn"
    capital_members = True
    describe = Describe("GetInstanceProfile", "InstanceProfile", missing=MISSING)
    create = Create("CreateInstanceProfile", exists=("EntityAlreadyExists",), tags="Tags")
    delete = Delete("DeleteInstanceProfile", missing=MISSING)
    settings = (
        Setting("path", "Path", absent="/"),
        Setting(
            "role",
            None,
            read="Roles",
            update="role",
            update_members=("RoleName",),
            absent="",
            encode=lambda role: [{"RoleName": role}] if role else [],
            decode=role_in,
        ),
    )
    updates = {"role": Update(ADD)}
    extra_operations = ("RemoveRoleFromInstanceProfile",)
    tagging = tag_list("TagInstanceProfile", "UntagInstanceProfile")
    # IAM takes a while to know everywhere what was done a moment ago: that the role or the profile was made, that a
    # role was taken out of the profile or put into it.
    passing = {
        "ConcurrentModification": ("",),
        "DeleteConflict": ("must remove roles from instance profile first",),
        "LimitExceeded": ("InstanceSessionsPerInstanceProfile",),
        "NoSuchEntity": ("role with name", "Instance Profile"),
    }
    renewal = "A profile's path is a part of its ARN: whatever names the ARN has to be changed with it."
    timeout = 120

    def permission(self, operation, service):
        needed = super().permission(operation, service)
        return f"{needed} and iam:PassRole for the role" if operation == ADD else needed

    def update_role(self, changes, current):
        change = changes["role"]
        self.take_out(change.current)
        if change.desired:
            request = {**self.named(), "RoleName": change.desired}
            self.write(ADD, request, f"put role {change.desired!r} into {self.title}")

    def before_delete(self, current):
        self.take_out(role_in(current.get("Roles")))

    def take_out(self, role):
        if role:
            request = {**self.named(), "RoleName": role}
            self.write("RemoveRoleFromInstanceProfile", request, f"take role {role!r} out of {self.title}", MISSING)


def main():
    run_module(InstanceProfile, DOCUMENTATION)


if __name__ == "__main__":
    main()
