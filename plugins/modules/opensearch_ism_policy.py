#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearch_ism_policy
version_added: 0.1.0
short_description: Manage a lifecycle policy of an OpenSearch domain's indices
description:
  - Creates, changes and deletes a policy of Index State Management, through the domain's own API.
  - A policy that someone else has changed in the same moment is read again, never overwritten unseen.
  - An index goes on by the version of the policy that it began with. One that is made later, and fits
    C(ism_template), goes by the new one.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  policy:
    description:
      - The policy as the API has it, with C(description), C(default_state), C(states) and, for indices that get it by
        themselves, C(ism_template). Needed for a new policy.
      - It is taken as a whole. What isn't declared goes.
    type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - agent_platform.aws.resource.domain
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Delete indices of logs after 30 days
  agent_platform.aws.opensearch_ism_policy:
    endpoint: vpc-demo-search-0123456789abcdef.us-west-2.es.amazonaws.com
    assume_role_arn: arn:aws:iam::123456789012:role/demo-search-master
    name: demo-logs
    policy:
      description: Logs of demo for 30 days
      default_state: hot
      states:
        - name: hot
          transitions:
            - state_name: gone
              conditions:
                min_index_age: 30d
        - name: gone
          actions:
            - delete: {}
      ism_template:
        - index_patterns: ["demo-logs-*"]
          priority: 100
"""

RETURN = r"""
policy:
  description: The policy as the domain has it, with its id and version; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    policy:
      description: The policy itself.
      type: dict
reached:
  description: Whether the domain could be connected to. Only false with O(skip_unreachable=true).
  returned: always
  type: bool
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

from ..module_utils.declarations import Setting
from ..module_utils.opensearch_api import DomainObject, run_api_module, same

# What the domain notes in a policy, and what it does where an action doesn't say how it is retried.
NOTED = ("policy_id", "last_updated_time", "schema_version", "user")
RETRY = {"count": 3, "backoff": "exponential", "delay": "1m"}


def plain(policy):
    """A policy without what the domain adds to it."""
    policy = {key: value for key, value in (policy or {}).items() if key not in NOTED}
    templates = policy.get("ism_template") or []
    templates = [templates] if isinstance(templates, dict) else templates
    policy["ism_template"] = [
        {key: value for key, value in template.items() if key not in NOTED} for template in templates
    ]
    policy["states"] = [
        {**state, "actions": [_action(action) for action in state.get("actions") or []]}
        for state in policy.get("states") or []
    ]
    return policy


def _action(action):
    """An action without what stands for nothing: a switch that is off, and how it is retried unless it says so."""
    return {
        key: {name: item for name, item in value.items() if item is not False} if isinstance(value, dict) else value
        for key, value in action.items()
        if key != "retry" or not same(value, RETRY)
    }


class IsmPolicy(DomainObject):
    kind = "OpenSearch ISM policy"
    result = "policy"
    path = "/_plugins/_ism/policies"
    needed = ("policy",)
    free_form = ("policy",)
    settings = (
        Setting(
            "policy",
            "policy",
            update="put",
            verbatim=True,
            decode=plain,
            same=lambda current, desired: same(current, plain(desired)),
            absent={},
        ),
    )

    def taken(self, answer):
        return answer

    def update_request(self, name, changes, current):
        seen = {"if_seq_no": current["_seq_no"], "if_primary_term": current["_primary_term"]}
        return {**super().update_request(name, changes, current), "query": seen}


def main():
    run_api_module(IsmPolicy, DOCUMENTATION)


if __name__ == "__main__":
    main()
