# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: iam_permissions
short_description: What roles may do, filled in from what exists
version_added: 0.1.0
description:
  - Takes a list of roles and returns it with the permissions of each role, as IAM statements.
  - A statement names what it is about by placeholders in angle brackets, such as V(<dynamodb.table_arns>), the path
    of a fact. A list in place of a single value gives one resource for each of its items. What comes out twice is
    named once.
  - A statement of which a fact is missing, null or empty is left out and listed as waiting. One that denies something
    is an error then, since without it more would be allowed than is meant.
positional: _input, table, facts
options:
  _input:
    description:
      - The roles. Each has a C(name), and may have C(managed_policies) and C(statements) of its own.
    type: list
    elements: dict
    required: true
  table:
    description: Statements by the name of the role, to which those of the role itself are added.
    type: dict
    required: true
  facts:
    description: The facts that placeholders stand for.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what the role may do
  ansible.builtin.debug:
    msg: "{{ roles | agent_platform.aws.iam_permissions({}, {'dynamodb': {'table_arns': arns}}) }}"
  vars:
    arns: ["arn:aws:dynamodb:us-west-2:123456789012:table/usage"]
    roles:
      - name: gateway
        statements:
          - Sid: ReadUsage
            Action: ["dynamodb:GetItem"]
            Resource: ["<dynamodb.table_arns>", "<dynamodb.table_arns>/index/*"]
          - Sid: ReadSecret
            Action: ["secretsmanager:GetSecretValue"]
            Resource: ["<redis.secret_arn>"]
  # statements has ReadUsage, waiting has {"sid": "ReadSecret", "facts": ["redis.secret_arn"]}
"""

RETURN = r"""
_value:
  description:
    - The roles, each with its C(statements) that can be filled in, C(waiting) with those that can't (C(sid) and the
      C(facts) that are missing), and C(managed_policies).
  type: list
  elements: dict
"""

import itertools
import re
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.fact import look_up

PLACEHOLDER = re.compile(r"<([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)>")
SID = re.compile(r"[A-Za-z0-9]+")


def fill_text(text, facts):
    """All texts that a text with placeholders stands for: one, or one for each item of the lists that it names."""
    paths = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    values = [look_up(facts, path) for path in paths]
    choices = [value if isinstance(value, list) else [value] for value in values]
    filled = []
    for chosen in itertools.product(*choices):
        one = text
        for path, value in zip(paths, chosen, strict=True):
            one = one.replace(f"<{path}>", str(value))
        filled.append(one)
    return filled


def fill(value, facts):
    if isinstance(value, str):
        filled = fill_text(value, facts)
        return filled[0] if len(filled) == 1 else filled
    if isinstance(value, Mapping):
        return {fill_text(key, facts)[0]: fill(item, facts) for key, item in value.items()}
    if isinstance(value, list):
        # Two facts may tell the same.
        filled = [text for item in value for text in (fill_text(item, facts) if isinstance(item, str) else [item])]
        return [item for index, item in enumerate(filled) if item not in filled[:index]]
    return value


def placeholders(value):
    if isinstance(value, str):
        return PLACEHOLDER.findall(value)
    if isinstance(value, Mapping):
        return [path for pair in value.items() for part in pair for path in placeholders(part)]
    if isinstance(value, list):
        return [path for item in value for path in placeholders(item)]
    return []


def iam_permissions(roles, table, facts):
    result = []
    for role in roles:
        name = role["name"]
        statements, waiting = [], []
        for statement in [*table.get(name, []), *role.get("statements", [])]:
            sid = statement.get("Sid", "")
            if not SID.fullmatch(sid):
                raise AnsibleFilterError(
                    f"agent_platform.aws.iam_permissions: a statement of {name} has the Sid {sid!r};"
                    " IAM wants letters and digits"
                )
            if sid in {known["Sid"] for known in statements} | {known["sid"] for known in waiting}:
                raise AnsibleFilterError(f"agent_platform.aws.iam_permissions: {name} has two statements named {sid}")
            missing = [path for path in dict.fromkeys(placeholders(statement)) if look_up(facts, path) is None]
            if missing and statement.get("Effect") == "Deny":
                raise AnsibleFilterError(
                    f"agent_platform.aws.iam_permissions: the statement {sid} of {name} denies something of"
                    f" {', '.join(missing)}, which isn't there yet, and without it more would be allowed than is meant."
                    " Build that first, or leave the statement out until then"
                )
            if missing:
                waiting.append({"sid": sid, "facts": missing})
                continue
            statements.append(
                {"Effect": "Allow", **{key: item for key, item in fill(statement, facts).items() if item}}
            )
        result.append(
            {
                **role,
                "managed_policies": list(role.get("managed_policies", [])),
                "statements": statements,
                "waiting": waiting,
            }
        )
    return result


class FilterModule:
    def filters(self):
        return {"iam_permissions": iam_permissions}
