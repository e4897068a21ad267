#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_resource_server
version_added: 0.1.0
short_description: Manage a resource server of a Cognito user pool with its scopes
description:
  - Creates, changes and deletes a resource server, which names an API and the scopes that access tokens can have.
  - A client refers to a scope as C(identifier/scope).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user_pool_id:
    description:
      - ID of the user pool. It is needed, here or in each entry of O(aggregate).
    type: str
  identifier:
    description:
      - What the API is called in tokens, often its URL. It is needed, here or in each entry of O(aggregate).
      - It has 1 to 256 characters of ASCII without spaces, quotation marks and backslashes. It can't be changed later.
    type: str
  name:
    description:
      - Name for people. It is needed to create the resource server.
      - 1 to 256 letters, digits, spaces and characters of C(_+=,.@-).
    type: str
  scopes:
    description:
      - The scopes, 100 at most. Others are removed, and clients that ask for them are refused from then on.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the scope, of 1 to 256 characters of ASCII without spaces, quotation marks, slashes and backslashes.
        type: str
        required: true
      description:
        description:
          - What it lets one do, in 1 to 256 characters.
        type: str
        required: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Name the scopes of the API
  agent_platform.aws.cognito_idp_resource_server:
    user_pool_id: us-west-2_aBcDeFgHi
    identifier: demo-api
    name: Demo API
    scopes:
      - name: read
        description: Read what there is
      - name: write
        description: Change it

- name: Remove a resource server
  agent_platform.aws.cognito_idp_resource_server:
    user_pool_id: us-west-2_aBcDeFgHi
    identifier: demo-api
    state: absent
"""

RETURN = r"""
resource_server:
  description: The resource server as Cognito describes it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    identifier:
      description: What the API is called in tokens.
      type: str
      sample: demo-api
    name:
      description: Name for people.
      type: str
    scopes:
      description: Its scopes, each with C(scope_name) and C(scope_description).
      type: list
      elements: dict
    user_pool_id:
      description: ID of the user pool.
      type: str
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

from ..module_utils.cognito import NOT_FOUND, PoolResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module


def to_scopes(scopes):
    return [{"ScopeName": scope["name"], "ScopeDescription": scope["description"]} for scope in scopes]


def of_scopes(scopes):
    return [{"name": scope["ScopeName"], "description": scope.get("ScopeDescription")} for scope in scopes]


class ResourceServer(PoolResource):
    kind = "resource server"
    result = "resource_server"
    names = {"UserPoolId": "user_pool_id", "Identifier": "identifier"}
    describe = Describe("DescribeResourceServer", "ResourceServer", missing=NOT_FOUND)
    create = Create("CreateResourceServer", exists=("InvalidParameterException",), tags=None)
    delete = Delete("DeleteResourceServer", missing=NOT_FOUND)
    settings = (
        Setting("name", "Name", update="server"),
        Setting(
            "scopes",
            "Scopes",
            update="server",
            unordered=True,
            key="name",
            absent=[],
            encode=to_scopes,
            decode=of_scopes,
        ),
    )
    # What isn't sent is emptied.
    updates = {"server": Update("UpdateResourceServer", whole=True, kept=("Name", "Scopes"))}
    needed = ("name",)
    timeout = 120


def main():
    run_module(ResourceServer, DOCUMENTATION)


if __name__ == "__main__":
    main()
