# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user pool with what lies in it, the identity pool with its role, and the credentials of the machine client."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.cognito import domain_prefix
from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account
from tests.support.tokens import get_token, verified

from .. import neighbours
from ..census import Lister, document, statements_of, tags_of
from ..drift import Repair, together
from . import encryption

USERS, IDENTITIES = f"{PREFIX}-users", f"{PREFIX}-identities"
WEB, MACHINE = f"{PREFIX}-web", f"{PREFIX}-machine"
API, ROLE, SECRET = f"{PREFIX}-api", f"{PREFIX}-authenticated", f"{PREFIX}/machine-client"
GROUPS = {"super_admin": 1, "platform_admin": 2, "platform_user": 3}
SECRETS = 1
SUMMARY = f"{USERS} {REGION}_"
# The pools; role and secret are counted with those of other components.
LEAST_TAGGED = 2

# Times, ids, and what has a place of its own below.
UNTOLD = (
    "Arn",
    "ClientId",
    "ClientSecret",
    "CreationDate",
    "CustomDomain",
    "Domain",
    "EstimatedNumberOfUsers",
    "Id",
    "LastModifiedDate",
    "ResponseMetadata",
    "SchemaAttributes",
    "UserPoolId",
    "UserPoolTags",
)


def _told(item: dict) -> dict:
    return {member: value for member, value in item.items() if member not in UNTOLD}


# What an account holds


def user_pools(lister: Lister) -> list[dict]:
    """With their Mfa, and Tags in the form of other services."""
    cognito = lister.account.client("cognito-idp")
    found = []
    for listed in lister.account.pages("cognito-idp", "list_user_pools", "UserPools", MaxResults=60):
        pool = cognito.describe_user_pool(UserPoolId=listed["Id"])["UserPool"]
        lister.named("user pool", pool["Id"], pool["Name"])
        mfa = _told(cognito.get_user_pool_mfa_config(UserPoolId=pool["Id"]))
        logs = cognito.get_log_delivery_configuration(UserPoolId=pool["Id"])["LogDeliveryConfiguration"]
        found.append(
            {**pool, "Mfa": mfa, "Logs": logs.get("LogConfigurations", []), "Tags": pool.get("UserPoolTags", {})}
        )
    return found


def clients(lister: Lister, pool_id: str) -> list[dict]:
    cognito = lister.account.client("cognito-idp")
    found = [
        cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=item["ClientId"])["UserPoolClient"]
        for item in lister.account.pages(
            "cognito-idp", "list_user_pool_clients", "UserPoolClients", UserPoolId=pool_id, MaxResults=60
        )
    ]
    for item in found:
        lister.named("client", item["ClientId"], item["ClientName"])
    return found


def identity_pools(lister: Lister) -> list[dict]:
    """With their Roles and PrincipalTags, and Tags in the form of other services."""
    identity = lister.account.client("cognito-identity")
    found = []
    for listed in lister.account.pages("cognito-identity", "list_identity_pools", "IdentityPools", MaxResults=60):
        pool_id = listed["IdentityPoolId"]
        pool = identity.describe_identity_pool(IdentityPoolId=pool_id)
        del pool["ResponseMetadata"]
        lister.named("identity pool", pool_id, pool["IdentityPoolName"])
        providers = [item["ProviderName"] for item in pool.get("CognitoIdentityProviders", [])]
        found.append(
            {
                **pool,
                "Roles": _told(identity.get_identity_pool_roles(IdentityPoolId=pool_id)),
                "PrincipalTags": [
                    _told(
                        identity.get_principal_tag_attribute_map(IdentityPoolId=pool_id, IdentityProviderName=provider)
                    )
                    for provider in providers
                ],
                "Tags": pool.get("IdentityPoolTags", {}),
            }
        )
    return found


def user_pool(account: Account) -> dict:
    """The platform's user pool."""
    (found,) = [pool for pool in user_pools(Lister(account)) if pool["Name"] == USERS]
    return found


def identity_pool(account: Account) -> dict:
    (found,) = [pool for pool in identity_pools(Lister(account)) if pool["IdentityPoolName"] == IDENTITIES]
    return found


def client(account: Account, name: str) -> dict:
    pool_id = user_pool(account)["Id"]
    (found,) = [item for item in clients(Lister(account), pool_id) if item["ClientName"] == name]
    return found


def credentials(account: Account) -> dict[str, str]:
    """What the secret tells."""
    return json.loads(account.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    account = lister.account
    cognito, pools = account.client("cognito-idp"), user_pools(lister)
    # Its name is another in each account.
    lister.named("domain", domain_prefix(PREFIX, account.id, REGION), PREFIX)
    found: dict[str, list] = {
        "user pools": [],
        "user pool domains": [],
        "user pool clients": [],
        "resource servers": [],
        "user pool groups": [],
        "users": [],
    }
    for pool in pools:
        pool_id, name = pool["Id"], pool["Name"]
        attributes = [
            item for item in pool["SchemaAttributes"] if item.get("Required") or item["Name"].startswith("custom:")
        ]
        found["user pools"].append([name, _told(pool), sorted(attributes, key=lambda item: item["Name"])])
        for domain in filter(None, (pool.get("Domain"), pool.get("CustomDomain"))):
            told = cognito.describe_user_pool_domain(Domain=domain)["DomainDescription"]
            found["user pool domains"].append([name, domain, told.get("ManagedLoginVersion"), told.get("Status")])
        found["user pool clients"] += [
            [name, _in_order(_told(item)), "ClientSecret" in item] for item in clients(lister, pool_id)
        ]
        for member, operation, values, size in (
            ("resource servers", "list_resource_servers", "ResourceServers", {"MaxResults": 50}),
            ("user pool groups", "list_groups", "Groups", {"Limit": 60}),
            ("users", "list_users", "Users", {"Limit": 60}),
        ):
            items = account.pages("cognito-idp", operation, values, UserPoolId=pool_id, **size)
            found[member] += [[name, _in_order(_told(item))] for item in items]
    return {
        **found,
        "identity pools": [_told(item) for item in identity_pools(lister)],
        "credentials of machines": [_of_machine(lister)] if any(pool["Name"] == USERS for pool in pools) else [],
    }


def _in_order(item: dict) -> dict:
    """Lists of texts, and scopes, have no order."""
    return {
        member: sorted(value, key=json.dumps) if isinstance(value, list) else value for member, value in item.items()
    }


def _of_machine(lister: Lister) -> Any:
    """What the secret tells, with whether its credentials are those of the client in the secret's place."""
    names = [item["Name"] for item in lister.account.pages("secretsmanager", "list_secrets", "SecretList")]
    ours = [pool for pool in user_pools(lister) if pool["Name"] == USERS]
    if SECRET not in names or len(ours) != 1:
        return None
    told = dict(credentials(lister.account)) if "theirs" not in _text(lister.account) else {}
    secrets = [item.get("ClientSecret") for item in clients(lister, ours[0]["Id"]) if item["ClientName"] == MACHINE]
    return {**told, "client_secret": told.get("client_secret") in secrets}


def _text(account: Account) -> str:
    return account.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"user pool {item['Name']}", item) for item in user_pools(lister))
    yield from ((f"identity pool {item['IdentityPoolName']}", item) for item in identity_pools(lister))


def _make(account: Account, prefix: str, tags: dict[str, str], domain: str) -> None:
    """Pools of someone's, with what may lie in them."""
    cognito = account.client("cognito-idp")
    pool_id = cognito.create_user_pool(PoolName=f"{prefix}-users", UserPoolTags=tags)["UserPool"]["Id"]
    cognito.create_resource_server(
        UserPoolId=pool_id,
        Identifier=f"{prefix}-api",
        Name=f"{prefix}-api",
        Scopes=[{"ScopeName": "read", "ScopeDescription": "theirs"}],
    )
    for name in ("web", "machine"):
        cognito.create_user_pool_client(UserPoolId=pool_id, ClientName=f"{prefix}-{name}", GenerateSecret=True)
    cognito.create_group(UserPoolId=pool_id, GroupName="super_admin", Description="theirs")
    cognito.create_user_pool_domain(UserPoolId=pool_id, Domain=domain)
    account.client("cognito-identity").create_identity_pool(
        IdentityPoolName=f"{prefix}-identities", AllowUnauthenticatedIdentities=True, IdentityPoolTags=tags
    )
    neighbours.make_role(account, f"{prefix}-authenticated", tags)
    account.client("secretsmanager").create_secret(
        Name=f"{prefix}/machine-client", SecretString="theirs", Tags=neighbours.tag_list(tags)
    )


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    _make(account, prefix, tags, f"{prefix}-{account.id}")


def take_names(account: Account) -> list[str]:
    domain = domain_prefix(PREFIX, account.id, REGION)
    _make(account, PREFIX, neighbours.OTHER, domain)
    return [
        f"user pool {USERS}",
        f"domain {domain}",
        f"identity pool {IDENTITIES}",
        f"IAM role {ROLE}",
        f"secret {SECRET}",
    ]


# Harm

# What UpdateUserPool takes of what DescribeUserPool tells: it sets back what isn't sent.
KEPT = (
    "AccountRecoverySetting",
    "AutoVerifiedAttributes",
    "DeletionProtection",
    "EmailConfiguration",
    "MfaConfiguration",
    "Policies",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "UserPoolTags",
    "UserPoolTier",
    "VerificationMessageTemplate",
)


def _update_pool(account: Account, **change: Any) -> None:
    pool = user_pool(account)
    kept = {member: pool[member] for member in KEPT if member in pool}
    kept["AdminCreateUserConfig"] = {"AllowAdminCreateUserOnly": True}
    account.client("cognito-idp").update_user_pool(UserPoolId=pool["Id"], **{**kept, **change})


def _update_policy(account: Account, **change: Any) -> None:
    policies = copy.deepcopy(user_pool(account)["Policies"])
    policies["PasswordPolicy"].update(change)
    _update_pool(account, Policies=policies)


def _update_client(account: Account, name: str, **change: Any) -> None:
    """Likewise."""
    kept = {
        member: value
        for member, value in client(account, name).items()
        if member not in ("ClientSecret", "CreationDate", "LastModifiedDate")
    }
    account.client("cognito-idp").update_user_pool_client(**{**kept, **change})


def _in_pool(account: Account, operation: str, **params: Any) -> None:
    getattr(account.client("cognito-idp"), operation)(UserPoolId=user_pool(account)["Id"], **params)


def _turn_mfa_off(account: Account) -> None:
    _in_pool(account, "set_user_pool_mfa_config", MfaConfiguration="OFF")


def _delete_domain(account: Account) -> None:
    _in_pool(account, "delete_user_pool_domain", Domain=domain_prefix(PREFIX, account.id, REGION))


def _delete_client(account: Account, name: str) -> None:
    _in_pool(account, "delete_user_pool_client", ClientId=client(account, name)["ClientId"])


def _delete_identity_pool(account: Account) -> None:
    account.client("cognito-identity").delete_identity_pool(IdentityPoolId=identity_pool(account)["IdentityPoolId"])


def _let_everybody_in(account: Account) -> None:
    """Identities without signing in; what else the pool has is sent along, or set back."""
    pool = identity_pool(account)
    account.client("cognito-identity").update_identity_pool(
        **{
            member: pool[member]
            for member in ("IdentityPoolId", "IdentityPoolName", "CognitoIdentityProviders", "IdentityPoolTags")
        },
        AllowUnauthenticatedIdentities=True,
    )


def _set_roles(account: Account, **change: Any) -> None:
    pool = identity_pool(account)
    roles = {member: pool["Roles"].get(member, {}) for member in ("Roles", "RoleMappings")}
    account.client("cognito-identity").set_identity_pool_roles(
        IdentityPoolId=pool["IdentityPoolId"], **{**roles, **change}
    )


def _tag_sessions_otherwise(account: Account) -> None:
    pool = identity_pool(account)
    account.client("cognito-identity").set_principal_tag_attribute_map(
        IdentityPoolId=pool["IdentityPoolId"],
        IdentityProviderName=pool["CognitoIdentityProviders"][0]["ProviderName"],
        UseDefaults=False,
        PrincipalTags={"theirs": "sub"},
    )


def _put_another_value(account: Account) -> None:
    value = {**credentials(account), "token_url": "https://example.com/oauth2/token"}
    account.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=json.dumps(value))


def _delete_secret(account: Account) -> None:
    account.client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


POOL, CLIENTS = frozenset({"Make the user pool"}), frozenset({"Make the clients of people and of programs"})
KEEP = frozenset({"Keep the credentials of the client of programs"})
REPAIRS = {
    **together(
        another_password_policy=Repair(
            lambda account: _update_policy(account, MinimumLength=6, RequireSymbols=False),
            Calls({("cognito-idp", "UpdateUserPool"): 1}),
            POOL,
            dry=True,
        ),
        a_deleted_domain=Repair(
            _delete_domain,
            Calls({("cognito-idp", "CreateUserPoolDomain"): 1}),
            frozenset({"Make the domain"}),
            dry=True,
        ),
        a_client_that_may_do_more=Repair(
            lambda account: _update_client(
                account, WEB, AllowedOAuthFlows=["code", "implicit"], CallbackURLs=["https://theirs.example.com"]
            ),
            Calls({("cognito-idp", "UpdateUserPoolClient"): 1}),
            CLIENTS,
            dry=True,
        ),
        identities_without_signing_in=Repair(
            _let_everybody_in,
            Calls({("cognito-identity", "UpdateIdentityPool"): 1}),
            frozenset({"Give signed-in users the role"}),
            dry=True,
        ),
        a_deleted_secret=Repair(_delete_secret, Calls({("secretsmanager", "CreateSecret"): 1}), KEEP, dry=True),
    ),
    **together(
        # Its credentials are new ones, and the secret tells them.
        a_deleted_machine_client=Repair(
            lambda account: _delete_client(account, MACHINE),
            Calls({("cognito-idp", "CreateUserPoolClient"): 1, ("secretsmanager", "PutSecretValue"): 1}),
            CLIENTS | KEEP,
        ),
        # Its id is a new one, which the role's trust must name.
        a_deleted_identity_pool=Repair(
            _delete_identity_pool,
            Calls(
                {
                    ("cognito-identity", "CreateIdentityPool"): 1,
                    ("cognito-identity", "UpdateIdentityPool"): 1,
                    ("cognito-identity", "SetIdentityPoolRoles"): 1,
                    ("cognito-identity", "SetPrincipalTagAttributeMap"): 1,
                    ("iam", "UpdateAssumeRolePolicy"): 1,
                }
            ),
            frozenset(
                {"Make the identity pool, once", "Make the role of signed-in users", "Give signed-in users the role"}
            ),
        ),
    ),
    "no second factors": Repair(_turn_mfa_off, Calls({("cognito-idp", "SetUserPoolMfaConfig"): 1}), POOL, dry=True),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    iam, secrets = account.client("iam"), account.client("secretsmanager")
    cognito, identity = account.client("cognito-idp"), account.client("cognito-identity")
    pool, identities = user_pool(account), identity_pool(account)
    arn = f"arn:aws:cognito-identity:{REGION}:{account.id}:identitypool/{identities['IdentityPoolId']}"
    scope = {"ScopeName": "read", "ScopeDescription": "theirs"}
    pool_changes: dict[str, dict[str, Any]] = {
        "sign-up": {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False}},
        "recovery": {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}},
        "devices": {"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True}},
        "verified attributes": {"AutoVerifiedAttributes": []},
        "unproved addresses": {"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []}},
        "first factors": {
            "Policies": {**pool["Policies"], "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
        },
        "tier and threat protection": {
            "UserPoolTier": "PLUS",
            "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
        },
        "deletion protection": {"DeletionProtection": "ACTIVE"},
    }
    client_changes: dict[str, tuple[str, dict[str, Any]]] = {
        "token lifetimes": (WEB, {"AccessTokenValidity": 1440, "RefreshTokenValidity": 87600}),
        "units of lifetimes": (
            MACHINE,
            {"TokenValidityUnits": {"AccessToken": "hours"}, "AccessTokenValidity": 1, "IdTokenValidity": 1},
        ),
        "ways of signing in": (WEB, {"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}),
        "told users": (WEB, {"PreventUserExistenceErrors": "LEGACY"}),
        "revocation": (WEB, {"EnableTokenRevocation": False}),
        "logout": (WEB, {"LogoutURLs": ["https://theirs.example.com"]}),
        "scopes of machines": (MACHINE, {"AllowedOAuthScopes": [f"{API}/read", f"{API}/write", f"{API}/admin"]}),
        "no flows": (MACHINE, {"AllowedOAuthFlowsUserPoolClient": False}),
    }
    return {
        **{name: lambda change=change: _update_pool(account, **change) for name, change in pool_changes.items()},
        **{
            name: lambda of=of, change=change: _update_client(account, of, **change)
            for name, (of, change) in client_changes.items()
        },
        "sign-in pages": lambda: cognito.update_user_pool_domain(
            UserPoolId=pool["Id"], Domain=pool["Domain"], ManagedLoginVersion=2
        ),
        "scopes": lambda: _in_pool(account, "update_resource_server", Identifier=API, Name=API, Scopes=[scope]),
        "precedence": lambda: _in_pool(account, "update_group", GroupName="platform_user", Precedence=0),
        "group": lambda: _in_pool(account, "delete_group", GroupName="super_admin"),
        "tag of the user pool": lambda: cognito.untag_resource(ResourceArn=pool["Arn"], TagKeys=["Name"]),
        "tag of the identity pool": lambda: identity.tag_resource(ResourceArn=arn, Tags={"Name": "theirs"}),
        "role": lambda: _set_roles(account, Roles={}),
        "choice of roles": lambda: _set_roles(account, RoleMappings={}),
        "tags of sessions": lambda: _tag_sessions_otherwise(account),
        "permissions": lambda: iam.put_role_policy(
            RoleName=ROLE,
            PolicyName="theirs",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/*"}],
                }
            ),
        ),
        "credentials": lambda: _put_another_value(account),
        "description of the secret": lambda: secrets.update_secret(SecretId=SECRET, Description="theirs"),
    }


def lasting(account: Account) -> list[str]:
    return [
        user_pool(account)["Id"],
        identity_pool(account)["IdentityPoolId"],
        *(client(account, name)["ClientId"] for name in (WEB, MACHINE)),
    ]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    account, pool = lister.account, user_pool(lister.account)
    assert {fact for fact, value in facts.items() if not value} == {
        "custom_attributes",
        "custom_domain",
        "deletion_protection",
        "log_groups",
        "username_case_sensitive",
    }
    assert (facts["user_pool_id"], facts["user_pool_arn"]) == (pool["Id"], pool["Arn"])
    assert facts["web_client_id"] == client(account, WEB)["ClientId"]
    assert facts["machine_client_id"] == client(account, MACHINE)["ClientId"]
    assert facts["scopes"] == [f"{API}/{scope}" for scope in ("admin", "read", "write")]
    assert facts["groups"] == sorted(GROUPS)
    assert facts["identity_pool_id"] == identity_pool(account)["IdentityPoolId"]
    secret = account.client("secretsmanager").describe_secret(SecretId=SECRET)
    assert facts["machine_client_secret_arn"] == secret["ARN"]
    assert facts["token_url"] == credentials(account)["token_url"]


class TestCognito:
    def test_user_pool(self, lister):
        pool = user_pool(lister.account)
        expected = {
            "UserPoolTier": "ESSENTIALS",
            "UsernameAttributes": ["email"],
            "AutoVerifiedAttributes": ["email"],
            "MfaConfiguration": "OPTIONAL",
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
        }
        assert {member: pool[member] for member in expected} == expected
        assert pool["Policies"]["PasswordPolicy"] == {
            "MinimumLength": 12,
            "RequireUppercase": True,
            "RequireLowercase": True,
            "RequireNumbers": True,
            "RequireSymbols": True,
            "PasswordHistorySize": 5,
            "TemporaryPasswordValidityDays": 7,
        }
        assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
        assert pool["UsernameConfiguration"] == {"CaseSensitive": False}
        assert pool["Mfa"]["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
        assert tags_of(pool).items() >= {**OWNER, "Component": "cognito"}.items()

    def test_people_get_a_code_and_no_token_by_the_way(self, lister):
        web = client(lister.account, WEB)
        assert "ClientSecret" not in web
        assert web["AllowedOAuthFlowsUserPoolClient"] is True
        assert web["AllowedOAuthFlows"] == ["code"]
        assert sorted(web["AllowedOAuthScopes"]) == ["email", "openid", "profile"]
        assert sorted(web["ExplicitAuthFlows"]) == ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
        assert web["PreventUserExistenceErrors"] == "ENABLED"
        assert web["EnableTokenRevocation"] is True
        assert (web["AccessTokenValidity"], web["IdTokenValidity"], web["RefreshTokenValidity"]) == (60, 60, 720)
        assert web["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "hours"}

    def test_programs_get_tokens_for_what_is_in_the_secret(self, lister):
        machine, told = client(lister.account, MACHINE), credentials(lister.account)
        assert machine["AllowedOAuthFlows"] == ["client_credentials"]
        assert sorted(machine["AllowedOAuthScopes"]) == [f"{API}/read", f"{API}/write"]
        assert told == {
            "client_id": machine["ClientId"],
            "client_secret": machine["ClientSecret"],
            "token_url": f"https://{user_pool(lister.account)['Domain']}.auth.{REGION}.amazoncognito.com/oauth2/token",
            "scopes": f"{API}/read {API}/write",
        }
        secret = lister.account.client("secretsmanager").describe_secret(SecretId=SECRET)
        assert secret["KmsKeyId"] == encryption.key(lister.account)["Arn"]

    def test_what_is_in_the_secret_gets_a_token(self, lister):
        told, endpoint = credentials(lister.account), lister.account.endpoint
        issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{user_pool(lister.account)['Id']}"
        claims = verified(endpoint, get_token(endpoint, told)["access_token"], issuer)
        assert (claims["client_id"], claims["token_use"]) == (told["client_id"], "access")
        assert set(claims["scope"].split()) == set(told["scopes"].split())

    def test_groups(self, lister):
        found = lister.account.pages(
            "cognito-idp", "list_groups", "Groups", UserPoolId=user_pool(lister.account)["Id"], Limit=60
        )
        assert {item["GroupName"]: item["Precedence"] for item in found} == GROUPS
        assert all("RoleArn" not in item for item in found)

    def test_signed_in_users_may_do_nothing_by_default(self, lister):
        pool = identity_pool(lister.account)
        assert pool["AllowUnauthenticatedIdentities"] is False
        (role,) = [item for item in lister.roles() if item["RoleName"] == ROLE]
        assert pool["Roles"]["Roles"] == {"authenticated": role["Arn"]}
        assert (statements_of(lister.account, ROLE), role["Attached"]) == ([], [])
        (statement,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        assert statement["Principal"] == {"Federated": "cognito-identity.amazonaws.com"}
        assert statement["Condition"] == {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": pool["IdentityPoolId"]},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
        }
        (provider,) = pool["CognitoIdentityProviders"]
        assert provider["ClientId"] == client(lister.account, WEB)["ClientId"]
        assert provider["ServerSideTokenCheck"] is True
        assert [item["PrincipalTags"] for item in pool["PrincipalTags"]] == [{"client": "aud", "username": "sub"}]

    def test_the_secret_is_only_in_secrets_manager(self, platform):
        value = credentials(platform.account)["client_secret"]
        assert len(value) >= 24
        assert value not in platform.first_run.output + json.dumps(platform.first_run.records)
