#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearch_role_mapping
version_added: 0.1.0
short_description: Map users to a role of an OpenSearch domain
description:
  - Says who has a role of the domain's fine-grained access control, through the domain's own API.
  - The mapping bears the name of the role, which must exist. IAM roles and users are mapped by their ARNs, as
    O(backend_roles) and O(users).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  backend_roles:
    description:
      - Who has the role, as ARNs of IAM roles or names of groups. One of them is enough.
    type: list
    elements: str
  and_backend_roles:
    description:
      - Who has all of these has the role as well.
    type: list
    elements: str
  users:
    description:
      - Names of users who have the role, or ARNs of IAM users.
    type: list
    elements: str
  hosts:
    description:
      - Addresses or host names from which every request has the role.
    type: list
    elements: str
  description:
    description:
      - What the mapping is for.
    type: str
  purge_backend_roles:
    description:
      - Whether others than O(backend_roles) lose the role. Say V(false) where others map the same role, such as
        C(all_access), to which the domain itself maps its master user.
    type: bool
    default: true
  purge_users:
    description:
      - The same for O(users).
    type: bool
    default: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - agent_platform.aws.resource.domain
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let the collector write
  agent_platform.aws.opensearch_role_mapping:
    endpoint: vpc-demo-search-0123456789abcdef.us-west-2.es.amazonaws.com
    assume_role_arn: arn:aws:iam::123456789012:role/demo-search-master
    name: demo-collector
    backend_roles:
      - arn:aws:iam::123456789012:role/demo-otel-collector

- name: Let people of another role in, beside the master user
  agent_platform.aws.opensearch_role_mapping:
    endpoint: vpc-demo-search-0123456789abcdef.us-west-2.es.amazonaws.com
    connect_to: 127.0.0.1:9443
    name: all_access
    backend_roles:
      - arn:aws:iam::123456789012:role/administrators
    purge_backend_roles: false
"""

RETURN = r"""
role_mapping:
  description: The mapping as the domain has it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    backend_roles:
      description: Who has the role.
      type: list
      elements: str
    users:
      description: Names of users who have it.
      type: list
      elements: str
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
from ..module_utils.opensearch_api import DomainObject, run_api_module


def listed(option):
    return Setting(option, option, update="put", verbatim=True, unordered=True, absent=[])


class RoleMapping(DomainObject):
    kind = "OpenSearch role mapping"
    result = "role_mapping"
    path = "/_plugins/_security/api/rolesmapping"
    settings = (
        listed("backend_roles"),
        listed("and_backend_roles"),
        listed("users"),
        listed("hosts"),
        Setting("description", "description", update="put", absent=""),
    )

    def taken(self, answer):
        return answer.get(self.options["name"])


def main():
    run_api_module(RoleMapping, DOCUMENTATION)


if __name__ == "__main__":
    main()
