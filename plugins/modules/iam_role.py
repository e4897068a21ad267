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
      - Name of the role.
    type: str
    required: true
  trust_policy:
    description:
      - Policy document that says who may assume the role. Required to create it.
    type: json
  description:
    description:
      - What the role is for.
    type: str
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
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
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
  returned: always
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
    tags:
      description: Tags of the role.
      type: dict
"""

import json

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.resource import (
    Addition,
    Create,
    Delete,
    Describe,
    Resource,
    Setting,
    Tagging,
    Update,
    run_module,
)

MISSING = ("NoSuchEntity",)


def to_text(document):
    return json.dumps(document, sort_keys=True)


def to_document(value):
    return json.loads(value) if isinstance(value, str) else value


def same_policy(have, want):
    return have is not None and not compare_policies(have, want)


def stale(have, want):
    """Names of the policies that aren't as declared."""
    return [name for name, document in want.items() if not same_policy(have.get(name), document)]


def same_policies(have, want):
    return have.keys() == want.keys() and not stale(have, want)


class Role(Resource):
    service = "iam"
    kind = "IAM role"
    result = "role"
    names = {"RoleName": "name"}
    identifier = "Arn"
    capital_members = True
    describe = Describe("GetRole", "Role", missing=MISSING)
    additions = (
        Addition("ListAttachedRolePolicies", "AttachedPolicies.PolicyArn", "ManagedPolicies"),
        Addition("GetRolePolicy", "PolicyDocument", "InlinePolicies"),
    )
    create = Create("CreateRole", exists=("EntityAlreadyExists",), tags="Tags")
    delete = Delete("DeleteRole", missing=MISSING)
    settings = (
        Setting(
            "trust_policy",
            "AssumeRolePolicyDocument",
            update="trust",
            update_members=("PolicyDocument",),
            same=same_policy,
            encode=to_text,
            decode=to_document,
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
            same=same_policies,
            absent={},
            verbatim=True,
        ),
    )
    updates = {
        "trust": Update("UpdateAssumeRolePolicy"),
        "role": Update("UpdateRole"),
        "managed": Update("AttachRolePolicy"),
        "inline": Update("PutRolePolicy"),
    }
    tagging = Tagging(
        "TagRole",
        "UntagRole",
        arn="RoleName",
        read="Tags",
        style="list",
        resource_member="RoleName",
        tags_member="Tags",
        keys_member="TagKeys",
    )
    free_form = ("AssumeRolePolicyDocument", "InlinePolicies")
    extra_operations = (
        "ListRolePolicies",
        "DetachRolePolicy",
        "DeleteRolePolicy",
        "ListInstanceProfilesForRole",
        "RemoveRoleFromInstanceProfile",
    )
    # IAM takes a while to know everywhere what was made a moment ago: a principal of the trust policy, the role itself.
    passing = {
        "ConcurrentModification": ("",),
        "MalformedPolicyDocument": ("Invalid principal",),
        "NoSuchEntity": ("role with name",),
    }

    def __init__(self, module):
        super().__init__(module)
        # A policy given as JSON text is compared and sent as what it means.
        self.options["trust_policy"] = to_document(self.options["trust_policy"])
        inline = self.options["inline_policies"]
        if inline is not None:
            self.options["inline_policies"] = {name: to_document(document) for name, document in inline.items()}

    def refuse(self, current, changes):
        if current is None and self.options["trust_policy"] is None:
            raise ResourceError(f"{self.title} doesn't exist, and can't be created without trust_policy.")

    # ---- Reading

    def complete(self, description):
        role = self.named()
        attached = self.read("ListAttachedRolePolicies", role, MISSING) or {}
        inline = self.read("ListRolePolicies", role, MISSING) or {}
        documents = {}
        for name in inline.get("PolicyNames", []):
            if policy := self.read("GetRolePolicy", {**role, "PolicyName": name}, MISSING):
                documents[name] = to_document(policy["PolicyDocument"])
        return {
            **description,
            "ManagedPolicies": sorted(policy["PolicyArn"] for policy in attached.get("AttachedPolicies", [])),
            "InlinePolicies": documents,
        }

    def predicted(self, current):
        future = super().predicted(current)
        if self.options["inline_policies"] is not None:
            future["InlinePolicies"] = self.options["inline_policies"]
        return future

    # ---- Acting

    def apply_update(self, name, changes, current):
        role = self.named()
        if name == "trust":
            document = to_text(self.options["trust_policy"])
            self.write(
                "UpdateAssumeRolePolicy", {**role, "PolicyDocument": document}, f"change who may use {self.title}"
            )
        elif name == "role":
            # UpdateRole sets what it isn't given back to its default.
            kept = {key: current[key] for key in ("Description", "MaxSessionDuration") if current.get(key)}
            declared = {change.setting.member: change.desired for change in changes.values()}
            self.write("UpdateRole", {**role, **kept, **declared}, f"update {self.title}")
        elif name == "managed":
            self.apply_managed(current["ManagedPolicies"], self.options["managed_policies"])
        else:
            self.apply_inline(current["InlinePolicies"], self.options["inline_policies"])

    # Permissions are given before others are taken away, so that what works goes on working.

    def apply_managed(self, have, want):
        for arn in sorted(set(want) - set(have)):
            self.write("AttachRolePolicy", {**self.named(), "PolicyArn": arn}, f"attach {arn} to {self.title}")
        self.detach(set(have) - set(want))

    def apply_inline(self, have, want):
        for name in stale(have, want):
            request = {**self.named(), "PolicyName": name, "PolicyDocument": to_text(want[name])}
            self.write("PutRolePolicy", request, f"put policy {name!r} into {self.title}")
        self.remove_inline(have.keys() - want.keys())

    def detach(self, arns):
        for arn in sorted(arns):
            request = {**self.named(), "PolicyArn": arn}
            self.write("DetachRolePolicy", request, f"detach {arn} from {self.title}", MISSING)

    def remove_inline(self, names):
        for name in sorted(names):
            request = {**self.named(), "PolicyName": name}
            self.write("DeleteRolePolicy", request, f"remove policy {name!r} of {self.title}", MISSING)

    def before_delete(self, current):
        profiles = self.read("ListInstanceProfilesForRole", self.named(), MISSING) or {}
        for profile in profiles.get("InstanceProfiles", []):
            request = {**self.named(), "InstanceProfileName": profile["InstanceProfileName"]}
            doing = f"take {self.title} out of instance profile {profile['InstanceProfileName']!r}"
            self.write("RemoveRoleFromInstanceProfile", request, doing, MISSING)
        self.detach(current["ManagedPolicies"])
        self.remove_inline(current["InlinePolicies"])


def main():
    run_module(
        Role,
        {
            "name": {"type": "str", "required": True},
            "trust_policy": {"type": "json"},
            "description": {"type": "str"},
            "max_session_duration": {"type": "int"},
            "managed_policies": {"type": "list", "elements": "str"},
            "inline_policies": {"type": "dict"},
        },
    )


if __name__ == "__main__":
    main()
