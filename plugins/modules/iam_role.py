#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: iam_role
version_added: 0.1.0
short_description: Manage an IAM role with all its permissions
description:
  - Creates, changes and deletes an IAM role with its trust policy, its inline policies and the managed policies that
    are attached to it, in one call.
  - It replaces M(amazon.aws.iam_role) together with M(amazon.aws.iam_policy). In release 11.4.0 the latter fails in
    check mode for a role that doesn't exist yet and leaves inline policies of others in place, and the former takes
    over a role of someone else. It also replaces M(amazon.aws.iam_managed_policy), which reads the list of all AWS
    managed policies at each call.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the role. It is needed, here or in each entry of O(aggregate).
    type: str
  trust_policy:
    description:
      - Policy document that says who may assume the role. Required to create it.
    type: json
  description:
    description:
      - What the role is for.
    type: str
  path:
    description:
      - Path of the role, which is a part of its ARN. It begins and ends with a slash; V(/) is that of roles without
        one.
      - It can't be changed later, and a role of the same name can't be made under another path.
    type: str
  permissions_boundary:
    description:
      - ARN of the managed policy beyond which no policy of the role gives permissions. An empty text stands for none.
    type: str
  existing_roles:
    description:
      - ARNs of roles that someone else has made, by the names of those in whose place they are.
      - With one for O(name), the module looks at that role and changes nothing of it, nor does it make one of its own.
        It fails if that role isn't there or if nobody of O(trust_policy) may assume it, and warns of what it lacks of
        O(managed_policies) and O(inline_policies), as far as its policies tell. With O(state=absent) it removes the
        role O(name) as ever, and not the other.
    type: dict
    default: {}
  max_session_duration:
    description:
      - Longest session, in seconds, from 3600 to 43200.
    type: int
  managed_policies:
    description:
      - ARNs of the managed policies that are attached to the role. Others are detached.
    type: list
    elements: str
  inline_policies:
    description:
      - Policy documents that are part of the role, by name. Others are deleted.
    type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let the flow logs of a VPC write to their log group
  agent_platform.aws.iam_role:
    name: demo-flow-logs
    trust_policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: {Service: vpc-flow-logs.amazonaws.com}
          Action: sts:AssumeRole
    managed_policies: []
    inline_policies:
      permissions:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: [logs:CreateLogStream, logs:PutLogEvents]
            Resource: arn:aws:logs:us-west-2:123456789012:log-group:/aws/vpc/demo:*

- name: Delete a role with its inline policies
  agent_platform.aws.iam_role:
    name: demo-flow-logs
    state: absent
"""

RETURN = r"""
role:
  description: The role as IAM describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    arn:
      description: ARN of the role. Not known in check mode before the role exists.
      type: str
      sample: "arn:aws:iam::123456789012:role/demo-flow-logs"
    role_name:
      description: Name of the role.
      type: str
    assume_role_policy_document:
      description: The trust policy.
      type: dict
    managed_policies:
      description: ARNs of the attached managed policies.
      type: list
      elements: str
    inline_policies:
      description: The inline policies, by name.
      type: dict
    path:
      description: Path of the role.
      type: str
    permissions_boundary:
      description: The boundary with its ARN in C(permissions_boundary_arn); absent when there is none.
      type: dict
    tags:
      description: Tags of the role.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

import json

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update, tag_list
from ..module_utils.faults import ResourceError
from ..module_utils.policies import lacking, mistrusted, policy, same_policy, to_document
from ..module_utils.resource import Resource, run_module

MISSING = ("NoSuchEntity",)


def to_text(document):
    return json.dumps(document, sort_keys=True)


def to_documents(policies):
    return {name: to_document(document) for name, document in policies.items()}


def stale(have, want):
    """Names of the policies that aren't as declared."""
    return [name for name, document in want.items() if not same_policy(have.get(name), document)]


def same_policies(have, want):
    return have.keys() == want.keys() and not stale(have, want)


class Role(Resource):
    service = "iam"
    kind = "IAM role"
    result = "role"
    needed = ("trust_policy",)
    names = {"RoleName": "name"}
    identifier = "Arn"
    capital_members = True
    describe = Describe("GetRole", "Role", missing=MISSING)
    additions = (
        Addition(
            "ListAttachedRolePolicies",
            "AttachedPolicies.PolicyArn",
            "ManagedPolicies",
            missing=MISSING,
            empty=[],
            take=sorted,
        ),
        Addition("GetRolePolicy", "PolicyDocument", "InlinePolicies", by_hand=True),
    )
    create = Create("CreateRole", exists=("EntityAlreadyExists",), tags="Tags")
    delete = Delete("DeleteRole", missing=MISSING)
    settings = (
        policy(
            "trust_policy",
            "AssumeRolePolicyDocument",
            update="trust",
            update_members=("PolicyDocument",),
            encode=to_text,
        ),
        Setting("path", "Path", absent="/"),
        Setting(
            "permissions_boundary",
            "PermissionsBoundary",
            read="PermissionsBoundary.PermissionsBoundaryArn",
            update="boundary",
            absent="",
        ),
        Setting("description", "Description", update="role", absent=""),
        Setting("max_session_duration", "MaxSessionDuration", update="role"),
        Setting(
            "managed_policies",
            None,
            read="ManagedPolicies",
            update="managed",
            update_members=("PolicyArn",),
            unordered=True,
            absent=[],
            verbatim=True,
        ),
        Setting(
            "inline_policies",
            None,
            read="InlinePolicies",
            update="inline",
            update_members=("PolicyName", "PolicyDocument"),
            given=to_documents,
            same=same_policies,
            absent={},
            verbatim=True,
        ),
    )
    # The boundary first: it may be what allows the rest. What stands in the role itself may take the place of managed
    # policies, which go after it has come.
    updates = {
        "boundary": Update("PutRolePermissionsBoundary", clear="DeleteRolePermissionsBoundary"),
        "trust": Update("UpdateAssumeRolePolicy"),
        "role": Update("UpdateRole", kept=("Description", "MaxSessionDuration")),
        "inline": Update("PutRolePolicy"),
        "managed": Update("AttachRolePolicy", remove="DetachRolePolicy", missing=MISSING),
    }
    unmanaged = {"UpdateRoleDescription": "an older form of UpdateRole"}
    tagging = tag_list("TagRole", "UntagRole")
    free_form = ("AssumeRolePolicyDocument", "InlinePolicies")
    extra_operations = (
        "GetPolicy",
        "GetPolicyVersion",
        "ListRolePolicies",
        "DeleteRolePolicy",
        "ListInstanceProfilesForRole",
        "RemoveRoleFromInstanceProfile",
    )
    # IAM takes a while to know everywhere what was done a moment ago: that a principal of the trust policy or the role
    # itself was made, that a policy was detached before the role is deleted.
    passing = {
        "ConcurrentModification": ("",),
        "DeleteConflict": ("must detach all policies first", "must delete policies first", "must remove roles from"),
        "MalformedPolicyDocument": ("Invalid principal",),
        "NoSuchEntity": ("role with name",),
    }
    hints = {"NoSuchEntity": {"Scope ARN": "Make the policy of that ARN first, or correct permissions_boundary."}}
    renewal = "A role's path is a part of its ARN: whatever names the ARN has to be changed with it."

    # ---- Reading

    def complete(self, description):
        role = self.named()
        inline = self.read("ListRolePolicies", role, MISSING) or {}
        documents = {}
        for name in inline.get("PolicyNames", []):
            if answer := self.read("GetRolePolicy", {**role, "PolicyName": name}, MISSING):
                documents[name] = to_document(answer["PolicyDocument"])
        return {**description, "InlinePolicies": documents}

    # ---- A role that someone else has made

    def run(self):
        own = self.options["name"]
        arn = (self.options["existing_roles"] or {}).get(own)
        if arn is None:
            return super().run()
        name = arn.rpartition("/")[2]
        if self.options["state"] == "absent":
            return {"changed": False, self.result: {}} if name.lower() == own.lower() else super().run()
        self.options["name"] = name
        return self.look(own, arn)

    def look(self, own, arn):
        """What is there, and a word on what of the declaration it lacks."""
        found = self.find()
        told = f"The role {arn}, which is to be in the place of {own},"
        if found is None or found["Arn"] != arn:
            raise ResourceError(f"{told} isn't there. Have it made, or correct its ARN.")
        closed, limited = mistrusted(self.options["trust_policy"], to_document(found["AssumeRolePolicyDocument"]))
        if closed:
            raise ResourceError(
                f"{told} can't be assumed by what is to have it. Have its trust policy hold: {to_text(closed)}"
            )
        if limited:
            self.module.warn(f"{told} has other conditions in its trust policy than: {to_text(limited)}")
        if lacks := self.lacks(found):
            self.module.warn(f"{told} lacks, as far as its policies tell: {to_text(lacks)}")
        result = {"changed": False, self.result: self.shown(found)}
        return self.with_difference(result, lambda: (self.view(found), self.view(found)))

    def lacks(self, found):
        """What the role's policies don't allow. A managed policy that isn't attached counts by what it says."""
        wanted = list((self.options["inline_policies"] or {}).values())
        apart = [arn for arn in self.options["managed_policies"] or [] if arn not in found["ManagedPolicies"]]
        held = list(found["InlinePolicies"].values())
        if not apart and not lacking(wanted, held):
            return []
        wanted += [document for arn in apart if (document := self.document(arn))]
        held += [document for arn in found["ManagedPolicies"] if (document := self.document(arn))]
        return lacking(wanted, held)

    def document(self, arn):
        """What a managed policy says."""
        answer = self.read("GetPolicy", {"PolicyArn": arn}, MISSING)
        if answer is None:
            return None
        version = {"PolicyArn": arn, "VersionId": answer["Policy"]["DefaultVersionId"]}
        answer = self.read("GetPolicyVersion", version, MISSING)
        return answer and to_document(answer["PolicyVersion"]["Document"])

    # ---- Acting

    # Permissions are given before others are taken away, so that what works goes on working.

    def update_inline(self, changes, current):
        have, want = current["InlinePolicies"], self.options["inline_policies"]
        for name in stale(have, want):
            request = {**self.named(), "PolicyName": name, "PolicyDocument": to_text(want[name])}
            self.write("PutRolePolicy", request, f"put policy {name!r} into {self.title}")
        self.remove_inline(have.keys() - want.keys())

    def remove_inline(self, names):
        for name in sorted(names):
            request = {**self.named(), "PolicyName": name}
            self.write("DeleteRolePolicy", request, f"remove policy {name!r} of {self.title}", MISSING)

    def profiles(self):
        """The names of the instance profiles that the role is in."""
        answer = self.read("ListInstanceProfilesForRole", self.named(), MISSING) or {}
        return [profile["InstanceProfileName"] for profile in answer.get("InstanceProfiles", [])]

    def in_the_way(self, current):
        current = self.find() or current
        return [
            *(f"instance profile {name}" for name in self.profiles()),
            *(f"policy {name}" for name in (*current["ManagedPolicies"], *current["InlinePolicies"])),
        ]

    def before_delete(self, current):
        for name in self.profiles():
            request = {**self.named(), "InstanceProfileName": name}
            doing = f"take {self.title} out of instance profile {name!r}"
            self.write("RemoveRoleFromInstanceProfile", request, doing, MISSING)
        for arn in current["ManagedPolicies"]:
            self.write("DetachRolePolicy", {**self.named(), "PolicyArn": arn}, f"take {arn} from {self.title}", MISSING)
        self.remove_inline(current["InlinePolicies"])


def main():
    run_module(Role, DOCUMENTATION)


if __name__ == "__main__":
    main()
