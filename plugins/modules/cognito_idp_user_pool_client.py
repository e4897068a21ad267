#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_user_pool_client
version_added: 0.1.0
short_description: Manage an app client of an Amazon Cognito user pool
description:
  - Creates, changes and deletes an app client.
  - A client has no tags. One of that name in the pool is the one that is meant.
  - Cognito sets back whatever an update leaves out, so what isn't declared is sent along as it is.
  - The client's secret is never returned. M(agent_platform.aws.secretsmanager_secret) takes it to Secrets Manager, and
    M(agent_platform.aws.cognito_idp_client_secret_rotation) replaces it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  user_pool_id:
    description:
      - ID of the user pool. It is needed, here or in each entry of O(aggregate).
    type: str
  client_name:
    description:
      - Name of the client, up to 128 letters, digits, spaces and characters of C(_+=,.@-). It is needed, here or in
        each entry of O(aggregate).
      - Cognito takes several clients of the same name. With O(state=absent) all of them are removed.
    type: str
  generate_secret:
    description:
      - Whether the client has a secret, which Cognito generates. Only such a client gets tokens of its own
        (C(client_credentials)); one in a browser or an app on a device can't keep a secret.
      - It can't be changed later.
    type: bool
  access_token_validity:
    description:
      - For how long an access token is valid, from 5 minutes to a day, in the unit of
        O(token_validity_units.access_token).
    type: int
  id_token_validity:
    description:
      - For how long an ID token is valid, from 5 minutes to a day, in the unit of O(token_validity_units.id_token).
    type: int
  refresh_token_validity:
    description:
      - For how long a refresh token is valid, from an hour to ten years, in the unit of
        O(token_validity_units.refresh_token).
    type: int
  token_validity_units:
    description:
      - The units of the validities.
    type: dict
    suboptions:
      access_token:
        description: Of access tokens. Hours if it has never been set.
        type: str
        choices: [seconds, minutes, hours, days]
      id_token:
        description: Of ID tokens. Hours if it has never been set.
        type: str
        choices: [seconds, minutes, hours, days]
      refresh_token:
        description: Of refresh tokens. Days if it has never been set.
        type: str
        choices: [seconds, minutes, hours, days]
  auth_session_validity:
    description:
      - Minutes in which each challenge of a sign-in has to be answered, from 3 to 15.
    type: int
  enable_token_revocation:
    description:
      - Whether tokens can be revoked. Tokens then have the claims C(origin_jti) and C(jti).
    type: bool
  refresh_token_rotation:
    description:
      - Whether each use of a refresh token gives a new one in its place.
      - Cognito takes it only without V(ALLOW_REFRESH_TOKEN_AUTH) among the O(explicit_auth_flows).
    type: dict
    suboptions:
      feature:
        description: Whether they are rotated.
        type: str
        choices: [ENABLED, DISABLED]
        required: true
      retry_grace_period_seconds:
        description: Seconds for which the one before is still taken, from 0 to 60.
        type: int
  explicit_auth_flows:
    description:
      - The ways of signing in by the API. An empty list stands for those that Cognito allows by itself, which are
        refreshing, SRP and flows of your own.
      - Those without C(ALLOW_) are from before 2019 and can't be mixed with the others.
    type: list
    elements: str
    choices:
      - ADMIN_NO_SRP_AUTH
      - ALLOW_ADMIN_USER_PASSWORD_AUTH
      - ALLOW_CUSTOM_AUTH
      - ALLOW_REFRESH_TOKEN_AUTH
      - ALLOW_USER_AUTH
      - ALLOW_USER_PASSWORD_AUTH
      - ALLOW_USER_SRP_AUTH
      - CUSTOM_AUTH_FLOW_ONLY
      - USER_PASSWORD_AUTH
  prevent_user_existence_errors:
    description:
      - With V(ENABLED) a failed sign-in doesn't tell whether there is such a user.
    type: str
    choices: [ENABLED, LEGACY]
  enable_propagate_additional_user_context_data:
    description:
      - Whether the client may tell threat protection the IP address of its users. It needs a secret.
    type: bool
  allowed_oauth_flows_user_pool_client:
    description:
      - Whether the client may use OAuth at all. Without it Cognito keeps the flows, scopes and URLs, and lets nobody
        use them.
    type: bool
  allowed_oauth_flows:
    description:
      - The OAuth grants that the client may use. V(client_credentials) goes with no other.
    type: list
    elements: str
    choices: [code, implicit, client_credentials]
  allowed_oauth_scopes:
    description:
      - The scopes that the client may ask for. Those of a resource server are C(identifier/name). A resource server
        that was made a moment ago is waited for.
    type: list
    elements: str
  callback_urls:
    description:
      - Where users may be sent back to after signing in, up to 100 URLs without a fragment. Those with C(http) are for
        this machine only (C(localhost), C(127.0.0.1), C([::1])).
    type: list
    elements: str
  logout_urls:
    description:
      - Where users may be sent after signing out, up to 100 URLs.
    type: list
    elements: str
  default_redirect_uri:
    description:
      - Where users are sent back to if the request says nothing. It is one of the O(callback_urls). An empty text
        removes it.
    type: str
  supported_identity_providers:
    description:
      - Names of the identity providers by which users sign in on the pages of the pool. Users of the pool itself need
        V(COGNITO).
    type: list
    elements: str
  read_attributes:
    description:
      - Attributes of users that the client may read. An empty list stands for what Cognito allows by itself, which are
        all standard attributes.
    type: list
    elements: str
  write_attributes:
    description:
      - Attributes of users that the client may write. An empty list stands for what Cognito allows by itself, which are
        all standard attributes.
    type: list
    elements: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let a front end sign users in
  agent_platform.aws.cognito_idp_user_pool_client:
    user_pool_id: us-west-2_AbCdEfGhI
    client_name: demo-web
    generate_secret: false
    allowed_oauth_flows_user_pool_client: true
    allowed_oauth_flows: [code]
    allowed_oauth_scopes: [openid, email, demo-api/read]
    callback_urls: [https://demo.example.com/callback]
    logout_urls: [https://demo.example.com/]
    supported_identity_providers: [COGNITO]
    prevent_user_existence_errors: ENABLED

- name: Let services and front end in, by one call
  agent_platform.aws.cognito_idp_user_pool_client:
    user_pool_id: us-west-2_AbCdEfGhI
    allowed_oauth_flows_user_pool_client: true
    aggregate:
      - client_name: demo-web
        generate_secret: false
        allowed_oauth_flows: [code]
        allowed_oauth_scopes: [openid]
        callback_urls: [https://demo.example.com/callback]
      - client_name: demo-machine
        generate_secret: true
        allowed_oauth_flows: [client_credentials]
        allowed_oauth_scopes: [demo-api/read, demo-api/write]
        access_token_validity: 30
        token_validity_units:
          access_token: minutes
"""

RETURN = r"""
user_pool_client:
  description: The client as Cognito describes it, without its secret; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    client_id:
      description: ID of the client. Not known in check mode before the client exists.
      type: str
      sample: 1h57kf5cpq17m0eml12EXAMPLE
    client_name:
      description: Name of the client.
      type: str
    user_pool_id:
      description: ID of the user pool.
      type: str
    generate_secret:
      description: Whether it has a secret.
      type: bool
    allowed_oauth_flows:
      description: The OAuth grants.
      type: list
      elements: str
    allowed_oauth_scopes:
      description: The scopes.
      type: list
      elements: str
    callback_urls:
      description: Where users may be sent back to.
      type: list
      elements: str
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.cognito import NOT_FOUND, PoolResource
from ..module_utils.cognito_secrets import ClientSecrets
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import camel, get_path, listed, snake

CLIENT = ("UserPoolId", "ClientId")
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
UNITS = {"access_token": "hours", "id_token": "hours", "refresh_token": "days"}
# The shortest and the longest validity of a token in seconds, and the words for them.
VALIDITIES = {
    "access_token": (300, 86400, "5 minutes to a day"),
    "id_token": (300, 86400, "5 minutes to a day"),
    "refresh_token": (3600, 315360000, "an hour to ten years"),
}


def without_secret(client):
    """The client with whether it has a secret in the secret's place."""
    told = {member: value for member, value in client.items() if member != "ClientSecret"}
    return {**told, "GenerateSecret": "ClientSecret" in client}


def rotation_of(declared):
    """The rotation of refresh tokens as Cognito takes it: one that is off has no grace period."""
    return camel({"feature": "DISABLED"} if declared["feature"] == "DISABLED" else declared, capital=True)


def listing(option, member):
    """A list whose order has no meaning, and which Cognito doesn't tell where it is empty."""
    return Setting(option, member, update="client", unordered=True, absent=[])


class UserPoolClient(PoolResource):
    kind = "user pool client"
    result = "user_pool_client"
    names = {"UserPoolId": "user_pool_id", "ClientName": "client_name"}
    unique_name = False
    identifier = "ClientId"
    made_at = "CreationDate"
    describe = Describe(
        "ListUserPoolClients", "UserPoolClients", missing=NOT_FOUND, many=True, names={"UserPoolId": "user_pool_id"}
    )
    additions = (
        Addition(
            "DescribeUserPoolClient", "UserPoolClient", by=CLIENT, missing=NOT_FOUND, itself=True, take=without_secret
        ),
        Addition("DescribeUserPoolClient", "UserPoolClient.ClientSecret", "GenerateSecret", by=CLIENT, by_hand=True),
    )
    create = Create("CreateUserPoolClient", tags=None, made="UserPoolClient.ClientId")
    delete = Delete("DeleteUserPoolClient", missing=NOT_FOUND, by=CLIENT)
    settings = (
        Setting("generate_secret", "GenerateSecret", absent=False),
        Setting("access_token_validity", "AccessTokenValidity", update="client"),
        Setting("id_token_validity", "IdTokenValidity", update="client"),
        Setting("refresh_token_validity", "RefreshTokenValidity", update="client"),
        Setting(
            "token_validity_units",
            "TokenValidityUnits",
            update="client",
            partial=True,
            absent=UNITS,
            decode=lambda units: {**UNITS, **snake(units)},
        ),
        Setting("auth_session_validity", "AuthSessionValidity", update="client"),
        Setting("enable_token_revocation", "EnableTokenRevocation", update="client"),
        Setting(
            "refresh_token_rotation",
            "RefreshTokenRotation",
            update="client",
            partial=True,
            absent={"feature": "DISABLED"},
            encode=rotation_of,
        ),
        listing("explicit_auth_flows", "ExplicitAuthFlows"),
        Setting("prevent_user_existence_errors", "PreventUserExistenceErrors", update="client", absent="LEGACY"),
        Setting(
            "enable_propagate_additional_user_context_data",
            "EnablePropagateAdditionalUserContextData",
            update="client",
            absent=False,
        ),
        Setting(
            "allowed_oauth_flows_user_pool_client", "AllowedOAuthFlowsUserPoolClient", update="client", absent=False
        ),
        listing("allowed_oauth_flows", "AllowedOAuthFlows"),
        listing("allowed_oauth_scopes", "AllowedOAuthScopes"),
        listing("callback_urls", "CallbackURLs"),
        listing("logout_urls", "LogoutURLs"),
        Setting("default_redirect_uri", "DefaultRedirectURI", update="client", absent=""),
        listing("supported_identity_providers", "SupportedIdentityProviders"),
        listing("read_attributes", "ReadAttributes"),
        listing("write_attributes", "WriteAttributes"),
    )
    updates = {"client": Update("UpdateUserPoolClient", whole=True, kept=("AnalyticsConfiguration",), by=CLIENT)}
    unmanaged = {
        "CreateUserPoolClient.AnalyticsConfiguration": "Amazon Pinpoint has ended; what is there stays",
        "CreateUserPoolClient.ClientSecret": "Cognito generates it",
        "UpdateUserPoolClient.ClientName": "the client is found by its name",
        **dict.fromkeys(
            ("AddUserPoolClientSecret", "DeleteUserPoolClientSecret"),
            "secrets are replaced by cognito_idp_client_secret_rotation",
        ),
        **dict.fromkeys(
            ("CreateTerms", "SetUICustomization"),
            "how the sign-in pages look is left to who brands them",
        ),
    }
    # A resource server that was just made isn't known at once.
    passing = {"ScopeDoesNotExistException": ("",), "ConcurrentModificationException": ("",)}
    hints = {
        "ScopeDoesNotExistException": {"": "Make a resource server of the pool with these scopes first."},
        "FeatureUnavailableInTierException": {"": "Raise the tier of the user pool, or leave that out."},
    }
    timeout = 120

    # ---- Reading

    def select(self, found):
        mine = super().select(found)
        # Only the description tells which is the oldest.
        return [full for item in mine if (full := self.with_additions(item))] if len(mine) > 1 else mine

    def complete(self, description):
        # Whether one whose first secret was replaced is still described with a secret, AWS doesn't say.
        if self.options["generate_secret"] and not description["GenerateSecret"]:
            keys = ClientSecrets(self.module, description["UserPoolId"], description["ClientId"]).listed()
            return {**description, "GenerateSecret": bool(keys)}
        return description

    def marks(self):
        """The pool is ours, so its name says that it is the one that is meant."""
        return self.named()

    # ---- Refusals

    def refuse(self, current, changes):
        if current is not None and not changes:
            return
        problem = next(self.problems(current or {}), None)
        if problem:
            raise ResourceError(f"{self.title}: {problem}.")

    def problems(self, current):
        """What Cognito would refuse, of what is declared and what is there."""
        secret, flows = self.wanted_of("generate_secret", current), self.wanted_of("allowed_oauth_flows", current)
        enabled = self.wanted_of("allowed_oauth_flows_user_pool_client", current)
        if "client_credentials" in flows:
            if not secret:
                yield "the flow client_credentials needs a client with a secret (generate_secret: true)"
            if len(flows) > 1:
                yield "the flow client_credentials goes with no other; make a client for each"
        elif flows and not self.wanted_of("callback_urls", current):
            yield f"the flow {listed(sorted(flows))} needs callback_urls"
        if enabled and not (flows and self.wanted_of("allowed_oauth_scopes", current)):
            yield "allowed_oauth_flows_user_pool_client needs allowed_oauth_flows and allowed_oauth_scopes"
        redirect = self.wanted_of("default_redirect_uri", current)
        if redirect and redirect not in self.wanted_of("callback_urls", current):
            yield f"the default_redirect_uri {redirect} is none of its callback_urls"
        if self.wanted_of("enable_propagate_additional_user_context_data", current) and not secret:
            yield "enable_propagate_additional_user_context_data needs a client with a secret"
        rotated = self.wanted_of("refresh_token_rotation", current)["feature"] == "ENABLED"
        if rotated and "ALLOW_REFRESH_TOKEN_AUTH" in self.wanted_of("explicit_auth_flows", current):
            yield "with refresh_token_rotation ALLOW_REFRESH_TOKEN_AUTH can't be among the explicit_auth_flows"
        yield from self.problems_of_validities(current)

    def problems_of_validities(self, current):
        seconds = {}
        units = self.wanted_of("token_validity_units", current)
        for token, (shortest, longest, words) in VALIDITIES.items():
            value = self.wanted_of(f"{token}_validity", current)
            if value is None:
                continue
            seconds[token] = value * SECONDS[units[token]]
            if not shortest <= seconds[token] <= longest:
                yield f"{token}_validity is {value} {units[token]}; give {words}"
        for token in ("access_token", "id_token"):
            if seconds.get(token, 0) > seconds.get("refresh_token", seconds.get(token, 0)):
                yield f"{token}_validity is longer than refresh_token_validity"

    def wanted_of(self, option, current):
        """The value that a setting will have."""
        setting = next(item for item in self.settings if item.option == option)
        declared, there = self.options[option], self.decoded(setting, current)
        if setting.partial:
            return {**there, **{key: value for key, value in (declared or {}).items() if value is not None}}
        return there if declared is None else declared

    # ---- Acting

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        for setting in self.settings_of(name):
            value = get_path(current, setting.path)
            if self.options[setting.option] is None and value is not None:
                request[setting.member] = value
        # What means none is left out: it isn't a value that Cognito would take.
        return {member: value for member, value in request.items() if value not in ("", [], {})}

    def delete_request(self, current):
        # Of what another run has made as well the id alone is known.
        return super().delete_request({"UserPoolId": self.options["user_pool_id"], **current})

    def make_all_absent(self, current):
        for client in (current, *self.twins) if current else ():
            self.make_absent(client)

    # ---- What the user sees

    def shown(self, description):
        return {key.replace("o_auth", "oauth"): value for key, value in super().shown(description).items()}


def main():
    tokens = (
        *(f"{token}_validity" for token in VALIDITIES),
        "enable_token_revocation",
        "refresh_token_rotation",
        "token_validity_units",
    )
    run_module(UserPoolClient, DOCUMENTATION, {option: {"no_log": False} for option in tokens})


if __name__ == "__main__":
    main()
