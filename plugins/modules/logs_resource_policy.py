#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: logs_resource_policy
version_added: 0.1.0
short_description: Manage a resource policy of an account for CloudWatch Logs
description:
  - Creates, changes and deletes one of the policies by which an account lets services of AWS write to its log groups.
  - An account has ten of them in a region, which can't be raised, and they have no tags. So whose a policy is, its name
    tells and the C(Sid) of its statements. A policy of that name without a statement of ours is refused.
  - Where all ten are taken, O(merge=true) puts our statements into one that exists, beside those of others.
  - The policy of a single log group is an option of M(agent_platform.aws.logs_log_group).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the policy, unique in the account and region.
    type: str
    required: true
  policy:
    description:
      - The policy. Each statement needs a C(Sid) of its own, by which it is known as ours, also where it is removed.
      - CloudWatch Logs takes 5120 characters, white space not counted.
    type: json
    required: true
  merge:
    description:
      - Whether only the statements of O(policy) are ours, those that have its C(Sid)s. The others of the policy are
        left alone, and O(state=absent) removes the policy only when none of them is left.
      - CloudWatch Logs knows no versions of these policies. When two merge into the same one at the same moment, one of
        them may be lost until its next run.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let OpenSearch Service write the logs of a domain
  agent_platform.aws.logs_resource_policy:
    name: demo-opensearch
    policy:
      Version: "2012-10-17"
      Statement:
        - Sid: DemoOpenSearch
          Effect: Allow
          Principal:
            Service: es.amazonaws.com
          Action:
            - logs:CreateLogStream
            - logs:PutLogEvents
          Resource: arn:aws:logs:us-west-2:123456789012:log-group:/aws/opensearch/demo/*:*
          Condition:
            StringEquals:
              aws:SourceAccount: "123456789012"
            ArnEquals:
              aws:SourceArn: arn:aws:es:us-west-2:123456789012:domain/demo-search

- name: Put the statement into a policy of the account that is there already
  agent_platform.aws.logs_resource_policy:
    name: log-delivery
    merge: true
    policy: "{{ lookup('ansible.builtin.file', 'policy.json') }}"
"""

RETURN = r"""
resource_policy:
  description: The policy as CloudWatch Logs describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    policy_name:
      description: Name of the policy.
      type: str
    policy_document:
      description: The policy, as JSON text.
      type: str
    last_updated_time:
      description: When it was changed last, in milliseconds since 1970.
      type: int
"""

import json

from ..module_utils.declarations import Create, Delete, Describe, Update
from ..module_utils.faults import ResourceError
from ..module_utils.policies import policy, to_document
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import listed

LONGEST = 5120


def statements_of(document):
    """The statements of a policy; one alone may stand without its list."""
    statements = (document or {}).get("Statement") or []
    return [statements] if isinstance(statements, dict) else statements


def sids_of(document):
    return [statement.get("Sid") for statement in statements_of(document)]


class ResourcePolicy(Resource):
    service = "logs"
    kind = "CloudWatch Logs resource policy"
    result = "resource_policy"
    names = {"policyName": "name"}
    identifier = "policyName"
    # Those of the account; those of single log groups are another scope.
    describe = Describe("DescribeResourcePolicies", "resourcePolicies", many=True, names={})
    create = Create("PutResourcePolicy", tags=None)
    delete = Delete("DeleteResourcePolicy", missing=("ResourceNotFoundException",))
    settings = (policy("policy", "policyDocument", update="policy"),)
    updates = {"policy": Update("PutResourcePolicy")}
    unmanaged = {
        **dict.fromkeys(
            ("PutResourcePolicy.expectedRevisionId", "PutResourcePolicy.resourceArn"), "of policies of log groups"
        ),
    }
    passing = {"OperationAbortedException": ("",)}
    hints = {
        "LimitExceededException": {
            "": "An account has ten resource policies in a region, which can't be raised. Remove one that nothing uses "
            "(aws logs describe-resource-policies), or name one of them and set merge: true, which puts these "
            "statements into it."
        }
    }

    def prepare(self):
        self.declared = self.options["policy"]
        self.sids = sids_of(self.declared)
        if not self.sids or None in self.sids or len(set(self.sids)) < len(self.sids):
            raise ResourceError(f"Each statement of {self.title} needs a Sid of its own: by that it is known as ours.")

    def others(self, document):
        """The statements of a policy that aren't ours."""
        return [statement for statement in statements_of(document) if statement.get("Sid") not in self.sids]

    def complete(self, description):
        if self.options["merge"]:
            document = to_document(description["policyDocument"])
            if self.options["state"] == "absent" and not set(self.sids) & set(sids_of(document)):
                return None  # nothing of it is ours
            statements = self.others(document) + statements_of(self.declared)
            self.options["policy"] = {**document, "Statement": statements}
        return description

    def check_owner(self, current):
        if current is None or self.options["merge"]:
            return
        found = sids_of(to_document(current["policyDocument"]))
        if not set(self.sids) & set(found):
            named = [repr(sid) for sid in found if sid]
            raise ResourceError(
                f"{self.title} exists but isn't ours: it has {'the Sid ' + listed(named) if named else 'no Sid'}, "
                f"expected {listed(repr(sid) for sid in self.sids)}. Nothing was changed. Take another name, or set "
                "merge: true to add our statements to it."
            )

    def refuse(self, current, changes):
        text = json.dumps(self.options["policy"], separators=(",", ":"))
        if len(text) > LONGEST and (current is None or changes):
            raise ResourceError(
                f"{self.title} would have {len(text)} characters, CloudWatch Logs takes {LONGEST}. "
                "Name fewer resources in it, or put the statements into another policy."
            )

    def remove(self, current):
        document = to_document(current["policyDocument"])
        others = self.others(document) if self.options["merge"] else []
        if not others:
            super().remove(current)
            return
        self.left = current
        rest = json.dumps({**document, "Statement": others})
        self.write(
            "PutResourcePolicy", {**self.named(), "policyDocument": rest}, f"take our statements from {self.title}"
        )


def main():
    run_module(ResourcePolicy, DOCUMENTATION)


if __name__ == "__main__":
    main()
