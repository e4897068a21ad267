#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_managed_login_branding
version_added: 0.1.0
short_description: Manage that an app client of a Cognito user pool has a style for managed login
description:
  - Gives an app client a style for the pages of managed login, or takes it away. Without one these pages don't work for
    that client. The classic hosted UI needs none.
  - How the pages look is drawn in the branding editor of the console. A style that has been drawn is kept as it is,
    unless O(use_cognito_provided_values) says otherwise.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user_pool_id:
    description:
      - ID of the user pool.
    type: str
    required: true
  client_id:
    description:
      - ID of the app client. A style goes with its client.
    type: str
    required: true
  use_cognito_provided_values:
    description:
      - Whether the pages look as Cognito makes them. V(true) takes a style back that others have drawn.
      - A style that is made looks so in any case. If this isn't set, it is left to whoever changes it.
    type: bool
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Have the pages of managed login work for the client
  agent_platform.aws.cognito_idp_managed_login_branding:
    user_pool_id: us-west-2_aBcDeFgHi
    client_id: 1example23456789
"""

RETURN = r"""
managed_login_branding:
  description: The style as Cognito describes it, without its images; empty when it is absent.
  returned: always
  type: dict
  contains:
    managed_login_branding_id:
      description: ID of the style. Not known in check mode before it exists.
      type: str
      sample: a1b2c3d4-5678-90ab-cdef-1234567890ab
    use_cognito_provided_values:
      description: Whether the pages look as Cognito makes them.
      type: bool
    user_pool_id:
      description: ID of the user pool.
      type: str
"""

from ..module_utils.cognito import NOT_FOUND, PoolResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module
from ..module_utils.values import placeholder

ID = ("UserPoolId", "ManagedLoginBrandingId")
DEFAULT = "UseCognitoProvidedValues"


class Branding(PoolResource):
    kind = "managed login style"
    result = "managed_login_branding"
    names = {"UserPoolId": "user_pool_id", "ClientId": "client_id"}
    describe = Describe("DescribeManagedLoginBrandingByClient", "ManagedLoginBranding", missing=NOT_FOUND)
    create = Create("CreateManagedLoginBranding", exists=("ManagedLoginBrandingExistsException",), tags=None)
    delete = Delete("DeleteManagedLoginBranding", missing=NOT_FOUND, by=ID)
    settings = (Setting("use_cognito_provided_values", DEFAULT, update="style", absent=False),)
    updates = {"style": Update("UpdateManagedLoginBranding", by=ID)}
    unmanaged = {
        f"{operation}.{member}": "how the pages look is drawn in the console"
        for operation in ("CreateManagedLoginBranding", "UpdateManagedLoginBranding")
        for member in ("Assets", "Settings")
    }
    passing = {"ConcurrentModificationException": ("",)}
    timeout = 120

    def find(self):
        # In a dry run the client may not exist yet.
        return None if placeholder(self.options["client_id"]) else super().find()

    def normal(self, description):
        # What the images weigh is no result to show.
        return {member: value for member, value in description.items() if member not in ("Assets", "Settings")}

    def create_request(self):
        # A new one has to look like something, and nobody has drawn it yet.
        return {**super().create_request(), DEFAULT: True}


def main():
    run_module(Branding, DOCUMENTATION)


if __name__ == "__main__":
    main()
