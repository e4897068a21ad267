#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearch_role
version_added: 0.1.0
short_description: Manage a role of an OpenSearch domain
description:
  - Creates, changes and deletes a role of the domain's fine-grained access control, through the domain's own API. Who
    has it is said by M(agent_platform.aws.opensearch_role_mapping).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  description:
    description:
      - What the role is for.
    type: str
  cluster_permissions:
    description:
      - What it may do with the domain as a whole, as actions or action groups.
    type: list
    elements: str
  index_permissions:
    description:
      - What it may do with indices. What isn't listed goes.
    type: list
    elements: dict
    suboptions:
      index_patterns:
        description:
          - Patterns of the names of the indices.
        type: list
        elements: str
        required: true
      allowed_actions:
        description:
          - What it may do, as actions or action groups.
        type: list
        elements: str
        required: true
      dls:
        description:
          - A query that picks out the documents which it may read.
        type: str
      fls:
        description:
          - Fields that it may read, or with C(~) before them those that it may not.
        type: list
        elements: str
      masked_fields:
        description:
          - Fields of which it reads a hash only.
        type: list
        elements: str
  tenant_permissions:
    description:
      - What it may do in tenants of the dashboards.
    type: list
    elements: dict
    suboptions:
      tenant_patterns:
        description:
          - Patterns of the names of the tenants.
        type: list
        elements: str
        required: true
      allowed_actions:
        description:
          - What it may do, as action groups.
        type: list
        elements: str
        required: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - agent_platform.aws.resource.domain
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: A role that may write logs and nothing more
  agent_platform.aws.opensearch_role:
    endpoint: vpc-demo-search-0123456789abcdef.us-west-2.es.amazonaws.com
    assume_role_arn: arn:aws:iam::123456789012:role/demo-search-master
    name: demo-collector
    cluster_permissions: [cluster:monitor/main, "indices:data/write/bulk"]
    index_permissions:
      - index_patterns: ["demo-logs-*"]
        allowed_actions: [create_index, write]
"""

RETURN = r"""
role:
  description: The role as the domain has it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    cluster_permissions:
      description: What it may do with the domain as a whole.
      type: list
      elements: str
    index_permissions:
      description: What it may do with indices.
      type: list
      elements: dict
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

import functools

from ..module_utils.declarations import Setting
from ..module_utils.opensearch_api import DomainObject, run_api_module, same

same_permissions = functools.partial(same, unordered=True)


def permissions(option):
    return Setting(option, option, update="put", verbatim=True, same=same_permissions, absent=[])


class Role(DomainObject):
    kind = "OpenSearch role"
    result = "role"
    path = "/_plugins/_security/api/roles"
    settings = (
        Setting("description", "description", update="put", absent=""),
        permissions("cluster_permissions"),
        permissions("index_permissions"),
        permissions("tenant_permissions"),
    )

    def taken(self, answer):
        return answer.get(self.options["name"])


def main():
    run_api_module(Role, DOCUMENTATION)


if __name__ == "__main__":
    main()
