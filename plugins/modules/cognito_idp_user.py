#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_user
version_added: 0.1.0
short_description: Manage a user of an Amazon Cognito user pool
description:
  - Creates a user once, with attributes and groups. Cognito makes a temporary password and sends it by e-mail; the
    module neither takes nor gets to know any.
  - Of a user who exists already, attributes, groups and whether signing in is allowed are compared and mended.
    Password, second factors and status are the user's own and never touched.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user_pool_id:
    description:
      - ID of the user pool. It is needed, here or in each entry of O(aggregate).
    type: str
  username:
    description:
      - What the user signs in with, 1 to 128 characters without spaces. It is needed, here or in each entry of
        O(aggregate).
      - In a pool whose users sign in with their e-mail address it is that address. Cognito then makes the real user
        name, which is the user's C(sub).
    type: str
  attributes:
    description:
      - Attributes by their names, such as C(email), C(given_name) or C(custom:team). Those that aren't named here are
        left alone; an empty text removes one.
      - C(email_verified) must be V(true) for a user who shall reset a forgotten password by e-mail.
      - Addresses in C(email) are compared without regard to capitals.
    type: dict
  groups:
    description:
      - Names of the groups of the pool that the user is in. They must exist.
    type: list
    elements: str
  purge_groups:
    description:
      - Whether the user is taken out of the groups that O(groups) doesn't name.
      - Nothing is taken as long as O(groups) isn't set.
    type: bool
    default: false
  enabled:
    description:
      - Whether the user may sign in.
    type: bool
  renew_invitation_after_days:
    description:
      - Sends the invitation anew, with another temporary password, to a user who has not signed in for the first time
        in so many days since the last invitation, or since the user was changed otherwise. A run sends one at most.
      - Give it the time for which a temporary password is valid in the pool, at least 1. It is 7 days if the pool
        doesn't say otherwise.
      - If not set, no second invitation is ever sent.
    type: int
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - A user has no tags, so O(owned_by) isn't looked at. Users that aren't declared are left alone.
  - An invitation whose call had no reply is not sent twice. The user is looked for first.
  - Where Cognito can't deliver the invitation, the user exists nevertheless. The module fails and says so, once.
  - Of the attributes only those that are declared, and C(sub), are returned.
"""

EXAMPLES = r"""
- name: Invite two users
  agent_platform.aws.cognito_idp_user:
    user_pool_id: us-west-2_a1b2c3d4e
    attributes:
      email_verified: true
    aggregate:
      - username: jo@example.com
        groups: [platform_admin]
      - username: kim@example.com
        groups: [platform_user]

- name: Keep a user from signing in
  agent_platform.aws.cognito_idp_user:
    user_pool_id: us-west-2_a1b2c3d4e
    username: kim@example.com
    enabled: false

- name: Remove a user
  agent_platform.aws.cognito_idp_user:
    user_pool_id: us-west-2_a1b2c3d4e
    username: kim@example.com
    state: absent
"""

RETURN = r"""
user:
  description: The user as Cognito describes it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    enabled:
      description: Whether the user may sign in.
      type: bool
    groups:
      description: Names of the groups that the user is in, if O(groups) was given.
      type: list
      elements: str
    user_attributes:
      description: The attributes that were declared, and C(sub).
      type: dict
    user_status:
      description: How far the user has come.
      type: str
      sample: FORCE_CHANGE_PASSWORD
    username:
      description: The user name that Cognito has given.
      type: str
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

import datetime

from ..module_utils.cognito import PoolResource
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module

MISSING = ("UserNotFoundException", "ResourceNotFoundException")
DELIVERY = {"DesiredDeliveryMediums": ["EMAIL"]}
INVITED = "FORCE_CHANGE_PASSWORD"
RENEW = "renew_invitation_after_days"
# What says of an attribute that it needn't be proved. Without it AWS forgets that, or writes to the user.
PROOF_OF = {"email": "email_verified", "phone_number": "phone_number_verified"}


def texts_of(attributes):
    """Attributes as AWS keeps them: all are texts."""
    for name, value in attributes.items():
        if isinstance(value, (dict, list)):
            raise ValueError(f"have a {name} that is no text")
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in attributes.items()
        if value is not None
    }


def days(number):
    if number < 1:
        raise ValueError("is less than 1, so that each run would send another invitation")
    return number


def differing(current, desired):
    """The attributes that aren't as declared."""
    return {name: value for name, value in desired.items() if not same_attribute(name, current.get(name, ""), value)}


def same_attribute(name, current, desired):
    return current.lower() == desired.lower() if name == "email" else current == desired


def pairs(attributes):
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def by_name(attributes):
    return {attribute["Name"]: attribute.get("Value", "") for attribute in attributes}


def now():
    return datetime.datetime.now(datetime.UTC)


class User(PoolResource):
    kind = "user"
    result = "user"
    names = {"UserPoolId": "user_pool_id", "Username": "username"}
    describe = Describe("AdminGetUser", "", missing=MISSING)
    create = Create("AdminCreateUser", exists=("UsernameExistsException",), tags=None)
    delete = Delete("AdminDeleteUser", missing=MISSING)
    settings = (
        Setting(
            "attributes",
            "UserAttributes",
            update="attributes",
            absent={},
            given=texts_of,
            same=lambda have, want: not differing(have, want),
            encode=pairs,
            decode=by_name,
        ),
        Setting(
            "groups", None, read="Groups", update="groups", update_members=("GroupName",), unordered=True, absent=[]
        ),
        Setting("enabled", None, read="Enabled", update="enabled", update_members=(), absent=True),
        Setting(
            RENEW,
            None,
            read="UserLastModifiedDate",
            update="invitation",
            update_members=(),
            given=days,
            same=lambda have, want: have is None or have < want,
            encode=lambda _days: now(),
            decode=lambda changed_at: (now() - changed_at).days,
        ),
    )
    updates = {
        "attributes": Update("AdminUpdateUserAttributes"),
        "groups": Update("AdminAddUserToGroup", remove="AdminRemoveUserFromGroup"),
        "enabled": Update("AdminEnableUser", clear="AdminDisableUser"),
        "invitation": Update("AdminCreateUser"),
    }
    additions = (
        Addition("AdminListGroupsForUser", "Groups.GroupName", "Groups", missing=MISSING, empty=[], option="groups"),
    )
    free_form = ("UserAttributes",)
    unmanaged = {
        **dict.fromkeys(
            (
                "AdminConfirmSignUp",
                "AdminDeleteSoftwareToken",
                "AdminForgetDevice",
                "AdminResetUserPassword",
                "AdminSetUserMFAPreference",
                "AdminSetUserPassword",
                "AdminSetUserSettings",
                "AdminUpdateDeviceStatus",
            ),
            "password, second factors, devices and the way to them are the user's own",
        ),
        **dict.fromkeys(
            ("AdminUpdateAuthEventFeedback", "AdminUserGlobalSignOut", "UpdateAuthEventFeedback"),
            "they are about what the user does",
        ),
        "AdminCreateUser.TemporaryPassword": "Cognito makes it, and only the user gets to know it",
        "AdminCreateUser.ForceAliasCreation": "no other user loses the address to the new one",
        **dict.fromkeys(
            (
                "AdminCreateUser.ClientMetadata",
                "AdminCreateUser.ValidationData",
                "AdminUpdateUserAttributes.ClientMetadata",
            ),
            "input of functions that the pool may call",
        ),
        "AdminDeleteUserAttributes": "an attribute that is declared empty is removed",
    }
    hints = {
        "CodeDeliveryFailureException": {
            "": "The user exists nevertheless, without an invitation. Mend the address, or what the pool sends e-mail"
            " with; then call AdminCreateUser with the MessageAction RESEND, or delete the user and run again."
        },
        "LimitExceededException": {
            "email limit": "Wait for the next day, or let the pool send with Amazon SES, and run again."
        },
    }

    def decoded(self, setting, description):
        # Who has signed in, or may not, needs no invitation.
        invited = description.get("UserStatus") == INVITED and description.get("Enabled", True)
        if setting.option == RENEW and not invited:
            return None
        return super().decoded(setting, description)

    def create_request(self):
        attributes = {name: value for name, value in (self.options["attributes"] or {}).items() if value != ""}
        request = {**self.named(), **DELIVERY}
        return {**request, "UserAttributes": pairs(attributes)} if attributes else request

    def update_attributes(self, changes, current):
        change = changes["attributes"]
        changed = differing(change.current, change.desired)
        for name, proof in PROOF_OF.items():
            if name in changed and proof in change.desired:
                changed[proof] = change.desired[proof]
        request = {**self.named(), "UserAttributes": pairs(changed)}
        self.write("AdminUpdateUserAttributes", request, f"update {self.title}")

    def update_invitation(self, _changes, _current):
        request = {**self.named(), **DELIVERY, "MessageAction": "RESEND"}
        self.write("AdminCreateUser", request, f"renew the invitation of {self.title}")

    # ---- What the user sees: of a person no more than was declared.

    def shown(self, description):
        attributes = by_name((description or {}).get("UserAttributes", []))
        return super().shown(description and {**description, "UserAttributes": self.declared(attributes, "sub")})

    def view(self, description):
        view = super().view(description)
        return {**view, "attributes": self.declared(view["attributes"])} if "attributes" in view else view

    def declared(self, attributes, *others):
        names = {*(self.options["attributes"] or {}), *others}
        return {name: value for name, value in attributes.items() if name in names}


def main():
    run_module(User, DOCUMENTATION)


if __name__ == "__main__":
    main()
