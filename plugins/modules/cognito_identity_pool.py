#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_identity_pool
version_added: 0.1.0
short_description: Manage an Amazon Cognito identity pool with its roles and principal tags
description:
  - Creates, changes and deletes an identity pool, which exchanges tokens of its identity providers for credentials of
    IAM roles.
  - The roles, the rules by which one is chosen, and the claims that become tags of the sessions are set with it.
  - Names of identity pools aren't unique. Of several with the same name it is the one that bears the tags of
    O(owned_by).
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the pool, 1 to 128 letters, digits, spaces and characters of C(_+=,.@-).
    type: str
    required: true
  allow_unauthenticated_identities:
    description:
      - Whether everybody gets an identity, without signing in anywhere. AWS must be told for a new pool; it is V(false)
        there if it isn't set.
    type: bool
  allow_classic_flow:
    description:
      - Whether clients may choose the role themselves, with C(GetOpenIdToken) and C(AssumeRoleWithWebIdentity).
    type: bool
  cognito_identity_providers:
    description:
      - User pools whose tokens are taken, each with one of its app clients. They replace those that are there.
    type: list
    elements: dict
    suboptions:
      provider_name:
        description:
          - The user pool, as V(cognito-idp.us-west-2.amazonaws.com/us-west-2_a1b2c3d4e).
        type: str
        required: true
      client_id:
        description:
          - ID of the app client that tokens are for.
        type: str
        required: true
      server_side_token_check:
        description:
          - Whether the user pool is asked if the user is still there and enabled, and hasn't been signed out of all
            devices, before there are credentials.
        type: bool
        default: false
  supported_login_providers:
    description:
      - Public providers, such as V(accounts.google.com), with the app's ID there. They replace those that are there.
    type: dict
  open_id_connect_provider_arns:
    description:
      - ARNs of OpenID Connect providers of IAM. They replace those that are there.
    type: list
    elements: str
  saml_provider_arns:
    description:
      - ARNs of SAML providers of IAM. They replace those that are there.
    type: list
    elements: str
  developer_provider_name:
    description:
      - Name by which a backend vouches for users itself. AWS doesn't change it once it is set.
    type: str
  roles:
    description:
      - ARNs of the roles that identities get. They replace those that are there.
      - They must trust the pool, by its ID. A role that was made a moment ago is waited for.
      - The identity of the run needs C(iam:PassRole) for them.
    type: dict
    suboptions:
      authenticated:
        description:
          - Role of those who have signed in.
        type: str
      unauthenticated:
        description:
          - Role of all others.
        type: str
  role_mappings:
    description:
      - How another role is chosen for those who have signed in with a provider, 10 at most. They replace those that
        are there.
    type: list
    elements: dict
    suboptions:
      identity_provider:
        description:
          - The provider; of a user pool it is its provider name, a colon and the app client's ID.
        type: str
        required: true
      type:
        description:
          - With V(Token) the role is the one that the token's claims C(cognito:preferred_role) and C(cognito:roles)
            name. With V(Rules) it is that of the first of O(role_mappings[].rules) that applies.
        type: str
        choices: [Token, Rules]
        required: true
      ambiguous_role_resolution:
        description:
          - What there is where no role is found, or more than one. V(AuthenticatedRole) is the one of O(roles).
        type: str
        choices: [AuthenticatedRole, Deny]
        default: AuthenticatedRole
      rules:
        description:
          - 1 to 25 rules, for the type V(Rules). Their order counts.
        type: list
        elements: dict
        suboptions:
          claim:
            description:
              - Name of a claim of the token.
            type: str
            required: true
          match_type:
            description:
              - How the claim is compared.
            type: str
            choices: [Equals, Contains, StartsWith, NotEqual]
            required: true
          value:
            description:
              - What it is compared with, up to 128 characters.
            type: str
            required: true
          role_arn:
            description:
              - ARN of the role.
            type: str
            required: true
  principal_tags:
    description:
      - Which claims become tags of the sessions, for policies with C(aws:PrincipalTag). Those of the providers of
        O(cognito_identity_providers) that have no entry are turned off.
      - Roles must let the pool tag sessions, by C(sts:TagSession) in their trust policy. Otherwise it gives no
        credentials.
    type: list
    elements: dict
    suboptions:
      identity_provider_name:
        description:
          - The provider; of a user pool it is its provider name.
        type: str
        required: true
      use_defaults:
        description:
          - Take the tags that AWS has for it. Those of a user pool are C(username), which is the claim C(sub), and
            C(client), which is the claim C(aud).
        type: bool
        default: false
      tags:
        description:
          - Names of tags, each with the claim that it takes its value from. Not with
            O(principal_tags[].use_defaults).
        type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - To change tags it needs the permission C(sts:GetCallerIdentity), since AWS describes a pool without its ARN.
"""

EXAMPLES = r"""
- name: Give credentials to the users of a user pool
  agent_platform.aws.cognito_identity_pool:
    name: demo-identities
    allow_unauthenticated_identities: false
    allow_classic_flow: false
    cognito_identity_providers:
      - provider_name: cognito-idp.us-west-2.amazonaws.com/us-west-2_a1b2c3d4e
        client_id: 1example23456789
        server_side_token_check: true
    roles:
      authenticated: arn:aws:iam::123456789012:role/demo-authenticated
    role_mappings:
      - identity_provider: cognito-idp.us-west-2.amazonaws.com/us-west-2_a1b2c3d4e:1example23456789
        type: Token
    principal_tags:
      - identity_provider_name: cognito-idp.us-west-2.amazonaws.com/us-west-2_a1b2c3d4e
        use_defaults: true
    tags:
      Project: demo

- name: Remove it
  agent_platform.aws.cognito_identity_pool:
    name: demo-identities
    state: absent
    owned_by:
      Project: demo
"""

RETURN = r"""
identity_pool:
  description: The pool as Cognito describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    allow_classic_flow:
      description: Whether clients may choose the role themselves.
      type: bool
    allow_unauthenticated_identities:
      description: Whether there are identities without signing in.
      type: bool
    cognito_identity_providers:
      description: User pools whose tokens are taken.
      type: list
      elements: dict
    identity_pool_id:
      description: ID of the pool. Not known in check mode before it exists.
      type: str
      sample: us-west-2:1a2b3c4d-1234-1234-1234-1a2b3c4d5e6f
    identity_pool_name:
      description: Name of the pool.
      type: str
    roles:
      description: ARNs of the roles that identities get.
      type: dict
    tags:
      description: Tags of the pool.
      type: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import PLACEHOLDER, gather, get_path

MISSING = ("ResourceNotFoundException",)
POOL = "IdentityPoolId"
TAGS = "IdentityPoolTags"
MAPPINGS = "role_mappings"
PRINCIPAL_TAGS = "principal_tags"
# What UpdateIdentityPool sets back where it isn't given.
RESET = (
    "IdentityPoolName",
    "AllowUnauthenticatedIdentities",
    "AllowClassicFlow",
    "CognitoIdentityProviders",
    "SupportedLoginProviders",
    "OpenIdConnectProviderARNs",
    "SamlProviderARNs",
    "DeveloperProviderName",
)
MAPPINGS_AT_MOST = 10
RULES_AT_MOST = 25


# Members of a role mapping, and of a rule, with the option of each.
MAPPING = {"Type": "type", "AmbiguousRoleResolution": "ambiguous_role_resolution"}
RULE = {"Claim": "claim", "MatchType": "match_type", "Value": "value", "RoleARN": "role_arn"}


def members(options, names):
    return {member: options[option] for member, option in names.items()}


def options_of(description, names):
    return {option: description.get(member) for member, option in names.items()}


def mappings_to_api(mappings):
    """Role mappings as the API has them: by provider."""
    return {mapping["identity_provider"]: mapping_to_api(mapping) for mapping in mappings}


def mapping_to_api(mapping):
    rules = [members(rule, RULE) for rule in mapping.get("rules") or []]
    return {**members(mapping, MAPPING), **({"RulesConfiguration": {"Rules": rules}} if rules else {})}


def mappings_of_api(mappings):
    return [mapping_of_api(provider, mapping) for provider, mapping in sorted(mappings.items())]


def mapping_of_api(provider, mapping):
    rules = [options_of(rule, RULE) for rule in get_path(mapping, "RulesConfiguration.Rules") or []]
    return {"identity_provider": provider, **options_of(mapping, MAPPING), **({"rules": rules} if rules else {})}


def same_mappings(current, desired):
    return mappings_to_api(current or []) == mappings_to_api(desired)


def tags_to_api(maps):
    """Principal tags of providers as the calls have them."""
    return [
        {
            "IdentityProviderName": one["identity_provider_name"],
            "UseDefaults": one["use_defaults"],
            "PrincipalTags": one.get("tags", {}),
        }
        for one in maps
    ]


def tags_of_api(maps):
    return [
        {
            "identity_provider_name": one["IdentityProviderName"],
            "use_defaults": bool(one.get("UseDefaults")),
            # Which tags AWS takes by itself is its own.
            **({} if one.get("UseDefaults") else {"tags": one.get("PrincipalTags") or {}}),
        }
        for one in maps
    ]


def active(maps):
    """The principal tags that there are, by provider."""
    return {
        one["identity_provider_name"]: (one["use_defaults"], one.get("tags") or {})
        for one in maps or []
        if one["use_defaults"] or one.get("tags")
    }


class IdentityPool(Resource):
    service = "cognito-identity"
    kind = "identity pool"
    result = "identity_pool"
    names = {"IdentityPoolName": "name"}
    identifier = POOL
    unique_name = False
    capital_members = True
    describe = Describe("ListIdentityPools", "IdentityPools", many=True)
    create = Create("CreateIdentityPool", tags=TAGS, made=POOL)
    delete = Delete("DeleteIdentityPool", missing=MISSING, by=POOL)
    settings = (
        Setting("allow_unauthenticated_identities", "AllowUnauthenticatedIdentities", update="pool", absent=False),
        Setting("allow_classic_flow", "AllowClassicFlow", update="pool", absent=False),
        Setting("cognito_identity_providers", "CognitoIdentityProviders", update="pool", unordered=True, absent=[]),
        Setting(
            "supported_login_providers",
            "SupportedLoginProviders",
            update="pool",
            absent={},
            verbatim=True,
            same=lambda have, want: have == want,
        ),
        Setting("open_id_connect_provider_arns", "OpenIdConnectProviderARNs", update="pool", unordered=True, absent=[]),
        Setting("saml_provider_arns", "SamlProviderARNs", update="pool", unordered=True, absent=[]),
        Setting("developer_provider_name", "DeveloperProviderName", absent=""),
        Setting(
            "roles",
            None,
            read="Roles",
            update="roles",
            update_members=("Roles",),
            absent={},
            verbatim=True,
            same=lambda have, want: have == want,
        ),
        Setting(
            MAPPINGS,
            None,
            read="RoleMappings",
            update="roles",
            update_members=("RoleMappings",),
            key="identity_provider",
            absent=[],
            same=same_mappings,
            encode=mappings_to_api,
            decode=mappings_of_api,
        ),
        Setting(
            PRINCIPAL_TAGS,
            None,
            read="PrincipalTags",
            update="principal_tags",
            update_members=("UseDefaults", "PrincipalTags"),
            key="identity_provider_name",
            absent=[],
            same=lambda have, want: active(have) == active(want),
            encode=tags_to_api,
            decode=tags_of_api,
        ),
    )
    updates = {
        "pool": Update("UpdateIdentityPool", by=POOL, whole=True),
        "roles": Update("SetIdentityPoolRoles", by=POOL, whole=True),
        "principal_tags": Update("SetPrincipalTagAttributeMap", by=POOL),
    }
    additions = (
        Addition("DescribeIdentityPool", "", by=POOL, by_hand=True),
        Addition("GetIdentityPoolRoles", "", by=POOL, missing=MISSING, itself=True),
        Addition("GetPrincipalTagAttributeMap", "PrincipalTags", "PrincipalTags", by=POOL, by_hand=True),
    )
    tagging = Tagging(
        "TagResource",
        "UntagResource",
        by={"ResourceArn": POOL},
        read=TAGS,
        tags_member="Tags",
        keys_member="TagKeys",
    )
    unmanaged = {
        **dict.fromkeys(
            ("MergeDeveloperIdentities", "UnlinkDeveloperIdentity"), "identities are the content of the pool"
        ),
    }
    free_form = ("PrincipalTags", "SupportedLoginProviders", TAGS)
    # A role was made a moment ago, or so was the pool; or another call changes the pool.
    passing = {
        "NotAuthorizedException": ("access to role",),
        "ResourceNotFoundException": ("",),
        "ConcurrentModificationException": ("",),
    }
    hints = {
        "NotAuthorizedException": {
            "access to role": "Allow iam:PassRole on the role for the identity of this run, and see that it is one of"
            " this account, given by its ARN."
        },
        "AccessDeniedException": {
            "iam:PassRole": "Allow iam:PassRole on the role for the identity of this run, and run again."
        },
    }

    def prepare(self):
        self.arn = None

    def run(self):
        problem = self.problem() if self.options["state"] == "present" else None
        if problem:
            raise ResourceError(f"{self.title}: {problem}")
        return super().run()

    def problem(self):
        """What is wrong with the options together."""
        mappings = self.options[MAPPINGS] or []
        if len(mappings) > MAPPINGS_AT_MOST:
            return f"{len(mappings)} role_mappings are given; AWS takes {MAPPINGS_AT_MOST} at most."
        for mapping in mappings:
            provider, rules = mapping["identity_provider"], mapping["rules"]
            if mapping["type"] == "Rules" and not 1 <= len(rules or []) <= RULES_AT_MOST:
                return f"the type Rules of {provider} takes 1 to {RULES_AT_MOST} rules, and has {len(rules or [])}."
            if mapping["type"] == "Token" and rules:
                return f"the type Token of {provider} takes no rules; leave them out, or give the type Rules."
        for one in self.options[PRINCIPAL_TAGS] or []:
            if one["use_defaults"] and one["tags"]:
                provider = one["identity_provider_name"]
                return f"principal_tags of {provider} have use_defaults and tags; leave out one of the two."
        return None

    # ---- Finding

    def describe_request(self):
        return {"MaxResults": 60}

    def find(self):
        listed = self.read("ListIdentityPools", self.describe_request()) or {}
        found = [pool for item in self.select(listed.get("IdentityPools", [])) if (pool := self.described(item))]
        self.viewed = [pool[POOL] for pool in found]
        description = self.one_of(self.ours_first(found))
        return self.complete(self.with_additions(description)) if description else None

    def described(self, item):
        """The pool of a list as it is described alone; None if it is gone."""
        pool = self.read("DescribeIdentityPool", {POOL: item[POOL]}, MISSING)
        return pool and {member: value for member, value in pool.items() if member != "ResponseMetadata"}

    def in_our_place(self, current):
        """Whether it takes the tokens of a user pool that it is declared to take."""
        declared = {provider["provider_name"] for provider in self.options["cognito_identity_providers"] or []}
        return bool(declared & set(gather(current, "CognitoIdentityProviders.ProviderName")))

    def complete(self, description):
        declared = self.options[PRINCIPAL_TAGS]
        if declared is None or self.options["state"] == "absent":
            return description
        providers = [one["identity_provider_name"] for one in declared]
        providers += gather(description, "CognitoIdentityProviders.ProviderName")
        answers = [
            self.read(
                "GetPrincipalTagAttributeMap", {POOL: description[POOL], "IdentityProviderName": provider}, MISSING
            )
            for provider in dict.fromkeys(providers)
            if PLACEHOLDER not in provider
        ]
        maps = [
            {member: answer.get(member) for member in ("IdentityProviderName", "UseDefaults", "PrincipalTags")}
            for answer in answers
            if answer and (answer.get("UseDefaults") or answer.get("PrincipalTags"))
        ]
        return {**description, "PrincipalTags": maps}

    def target(self, call, current):
        if call is not self.tagging:
            return super().target(call, current)
        if self.arn is None:
            caller = self.read("GetCallerIdentity", {}, service="sts", doing="find out the account")
            partition = caller["Arn"].split(":")[1]
            scope = f"arn:{partition}:cognito-identity:{self.module.region}:{caller['Account']}"
            self.arn = f"{scope}:identitypool/{current[POOL]}"
        return {"ResourceArn": self.arn}

    # ---- Requests

    def create_request(self):
        return {"AllowUnauthenticatedIdentities": False, **super().create_request()}

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if name == "roles":
            return {**{member: current.get(member) or {} for member in ("Roles", "RoleMappings")}, **request}
        kept = {member: current[member] for member in RESET if current.get(member) not in (None, "")}
        tags = {key: value for key, value in self.tags_of(current).items() if not key.startswith("aws:")}
        return {**kept, TAGS: tags, **request}

    def update_principal_tags(self, changes, current):
        change = changes[PRINCIPAL_TAGS]
        have, want = active(change.current), active(change.desired)
        for provider in {**have, **want}:
            defaults, tags = want.get(provider, (False, {}))
            if have.get(provider) != want.get(provider):
                request = {POOL: current[POOL], "IdentityProviderName": provider}
                request |= {"UseDefaults": defaults, "PrincipalTags": tags}
                self.write("SetPrincipalTagAttributeMap", request, f"set the principal tags of {self.title}")


def main():
    run_module(IdentityPool, DOCUMENTATION)


if __name__ == "__main__":
    main()
