# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: published
short_description: What of the platform's facts is published, and what isn't there yet
version_added: 0.1.0
description:
  - Takes the facts of M(agent_platform.aws.platform_info) and a table of keys, and returns the keys with their values.
  - A key is absent while the component that it is grouped under, or the fact itself, isn't there.
positional: _input, table
options:
  _input:
    description: The facts, by component.
    type: dict
    required: true
  table:
    description:
      - Lists of keys by the component that they belong to. Each has a C(key), the path of its C(fact), and may be
        C(confidential).
      - A path may end in an item of a list, such as C(cognito.groups.super_admin), whose value is the item.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what is published of the cache
  ansible.builtin.debug:
    msg: "{{ facts | agent_platform.aws.published(table) }}"
  vars:
    facts: {redis: {exists: true, port: 6379, secret_arn: null}}
    table:
      redis:
        - {key: REDIS_PORT, fact: redis.port}
        - {key: REDIS_PASSWORD_SECRET_ARN, fact: redis.secret_arn, confidential: true}
"""

RETURN = r"""
_value:
  description:
    - C(parameters) are entries for M(agent_platform.aws.ssm_parameters), each with C(name), such as
      C(redis/REDIS_PORT), the value as a text, C(value) or what is confidential C(secure_value), and C(description),
      which names the fact. A list has commas between its items, a mapping gives its keys.
    - C(absent) is a list of texts, one for each component of which keys are missing, with these unless all are.
  type: dict
"""

from collections.abc import Mapping


def found(facts, path):
    """The value at a path, which may end in an item of a list; None where there is nothing."""
    for part in path.split("."):
        if isinstance(facts, Mapping):
            facts = facts.get(part)
        else:
            facts = part if isinstance(facts, list) and part in facts else None
    return facts


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, Mapping)):
        return ",".join(sorted(str(item) for item in value))
    return "" if value is None else str(value)


def published(facts, table):
    parameters, absent = [], []
    for component, keys in table.items():
        # What belongs to none, such as the region, is always there.
        there = (facts.get(component) or {"exists": component not in facts}).get("exists")
        missing = []
        for about in keys:
            key, value = about["key"], text_of(found(facts, about["fact"])) if there else ""
            if value:
                option = "secure_value" if about.get("confidential") else "value"
                parameters.append({"name": f"{component}/{key}", option: value, "description": about["fact"]})
            else:
                missing.append(key)
        if missing:
            absent.append(f"{component} ({', '.join(missing)})" if len(missing) < len(keys) else component)
    return {"parameters": parameters, "absent": absent}


class FilterModule:
    def filters(self):
        return {"published": published}
