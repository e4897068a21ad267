# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user pool with what lies in it, the identity pool with its role, and the secret of the machine client."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.cognito import domain_prefix, domain_url

from .fake_aws import ACCOUNT, PREFIX, REGION, log_groups, look, marks, owned, role, tag_list, taken

POOL = f"{REGION}_AbCdEfGhI"
ARN = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{POOL}"
IDENTITIES = f"{REGION}:0a1b2c3d-0000-4000-8000-000000000000"
DOMAIN = domain_prefix(PREFIX, ACCOUNT, REGION)
TAGS = marks("cognito")
MADE = datetime.datetime(2026, 11, 29, 4, tzinfo=datetime.UTC)
USER_POOL = {
    "Id": POOL,
    "Name": f"{PREFIX}-users",
    "Arn": ARN,
    "CreationDate": MADE,
    "UserPoolTier": "ESSENTIALS",
    "DeletionProtection": "ACTIVE",
    "UsernameAttributes": ["email"],
    "UsernameConfiguration": {"CaseSensitive": False},
    "SchemaAttributes": [
        {"Name": "sub", "AttributeDataType": "String", "Mutable": False, "Required": True},
        {"Name": "email", "AttributeDataType": "String", "Mutable": True, "Required": True},
        {"Name": "name", "AttributeDataType": "String", "Mutable": True, "Required": False},
        {
            "Name": "custom:team",
            "AttributeDataType": "String",
            "Mutable": True,
            "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "64"},
        },
        {
            "Name": "custom:level",
            "AttributeDataType": "Number",
            "Mutable": False,
            "NumberAttributeConstraints": {"MaxValue": "9"},
        },
    ],
    "Domain": DOMAIN,
    "CustomDomain": "auth.example.com",
    "UserPoolTags": TAGS,
}
IDENTITY_POOL = {
    "IdentityPoolId": IDENTITIES,
    "IdentityPoolName": f"{PREFIX}-identities",
    "AllowUnauthenticatedIdentities": False,
    "IdentityPoolTags": TAGS,
}
SECRET = {
    "Name": f"{PREFIX}/machine-client",
    "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{PREFIX}/machine-client-AbCdEf",
}
SERVER = {
    "UserPoolId": POOL,
    "Name": f"{PREFIX}-api",
    "Identifier": f"{PREFIX}-api",
    "Scopes": [{"ScopeName": name, "ScopeDescription": name} for name in ("write", "read")],
}


def pools(*found):
    """What tells of user pools: the list, and a look at each."""
    by_id = {pool["Id"]: pool for pool in found}
    return {
        "ListUserPools": {"UserPools": [{"Id": pool["Id"], "Name": pool["Name"]} for pool in found]},
        "DescribeUserPool": lambda request: {"UserPool": by_id[request["UserPoolId"]]},
    }


def identity_pools(*found):
    by_id = {pool["IdentityPoolId"]: pool for pool in found}
    return {
        "ListIdentityPools": {
            "IdentityPools": [{key: pool[key] for key in ("IdentityPoolId", "IdentityPoolName")} for pool in found]
        },
        "DescribeIdentityPool": lambda request: by_id[request["IdentityPoolId"]],
    }


def clients(**names):
    return {
        "ListUserPoolClients": {
            "UserPoolClients": [
                {"UserPoolId": POOL, "ClientId": client, "ClientName": f"{PREFIX}-{name}"}
                for client, name in names.items()
            ]
        }
    }


def domain_of(pool, account=ACCOUNT):
    return {
        "DescribeUserPoolDomain": lambda request: {
            "DomainDescription": {"UserPoolId": pool, "AWSAccountId": account, "Domain": request["Domain"]}
        }
    }


MISSING = {"DescribeSecret": "ResourceNotFoundException"}
ANSWERS = {
    **pools({**USER_POOL, "Id": f"{REGION}_other", "Name": "other"}, USER_POOL),
    **identity_pools(IDENTITY_POOL),
    **clients(web="web", machine="machine", other="other"),
    "ListResourceServers": {"ResourceServers": [SERVER, {**SERVER, "Identifier": "other", "Name": "other"}]},
    "ListGroups": {"Groups": [{"GroupName": name} for name in ("super_admin", "platform_user")]},
    **domain_of(POOL),
    "DescribeSecret": {**SECRET, "Tags": owned("cognito")},
    "GetRole": role,
}
EMPTY_IF_ALL_IS_WELL = ("log_groups",)


def facts(**answers):
    found, aws = look({**ANSWERS, **answers}, "cognito")
    return found.components["cognito"], found, aws


def test_facts():
    told, found, _aws = facts()
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
    assert told == {
        "exists": True,
        "user_pool_id": POOL,
        "user_pool_arn": ARN,
        "user_pool_name": f"{PREFIX}-users",
        "tier": "ESSENTIALS",
        "deletion_protection": True,
        "issuer": issuer,
        "jwks_url": f"{issuer}/.well-known/jwks.json",
        "username_attributes": ["email"],
        "username_case_sensitive": False,
        "required_attributes": ["email"],
        "custom_attributes": {
            "team": {"type": "String", "mutable": True, "minimum": 1, "maximum": 64},
            "level": {"type": "Number", "mutable": False, "minimum": None, "maximum": 9},
        },
        "domain": DOMAIN,
        "custom_domain": "auth.example.com",
        "domain_url": "https://auth.example.com",
        "token_url": "https://auth.example.com/oauth2/token",
        "resource_server": f"{PREFIX}-api",
        "resource_servers": [f"{PREFIX}-api"],
        "scopes": [f"{PREFIX}-api/read", f"{PREFIX}-api/write"],
        "web_client_id": "web",
        "machine_client_id": "machine",
        "machine_client_secret_name": SECRET["Name"],
        "machine_client_secret_arn": SECRET["ARN"],
        "groups": ["platform_user", "super_admin"],
        "log_groups": [],
        "identity_pool_id": IDENTITIES,
        "authenticated_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-authenticated",
    }
    assert (found.conflicts, found.warnings) == ([], [])


def test_what_others_have_is_neither_looked_into_nor_told():
    _told, _found, aws = facts()
    assert {request["UserPoolId"] for request in aws.requests("DescribeUserPool")} == {POOL}
    assert {request["UserPoolId"] for request in aws.requests("ListGroups")} == {POOL}


def test_without_a_custom_domain_the_prefix_counts():
    pool = {key: value for key, value in USER_POOL.items() if key != "CustomDomain"}
    told, _found, _aws = facts(**pools(pool))
    assert told["token_url"] == f"https://{DOMAIN}.auth.{REGION}.amazoncognito.com/oauth2/token"
    told, _found, _aws = facts(**pools({key: value for key, value in pool.items() if key != "Domain"}))
    assert told["domain_url"] is told["token_url"] is None
    assert told["exists"]


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://demo.auth.eu-west-1.amazoncognito.com"),
        ("us-gov-west-1", "https://demo.auth-fips.us-gov-west-1.amazoncognito.com"),
    ],
)
def test_the_address_of_a_prefix(region, url):
    assert domain_url(region, "demo", None) == url


def test_the_default_prefix_is_the_accounts_and_regions_own():
    names = {domain_prefix(PREFIX, account, region) for account in ("1", "2") for region in ("a", "b")}
    assert len(names) == 4
    assert all(name.startswith(f"{PREFIX}-") and len(name) == len(PREFIX) + 9 for name in names)
    assert len(domain_prefix(80 * "x", "1", "a")) == 63


@pytest.mark.parametrize(
    ("account", "where"), [(ACCOUNT, ""), ("210987654321", " of the account 210987654321"), (None, "")]
)
def test_a_domain_that_another_user_pool_has(account, where):
    answer = domain_of("us-west-2_theirs", account)
    if account is None:
        answer = {"DescribeUserPoolDomain": {"DomainDescription": {"UserPoolId": "us-west-2_theirs", "Domain": DOMAIN}}}
    for answers in ({**ANSWERS, **answer}, answer):
        (conflict,) = look(answers, "cognito")[0].conflicts
        assert conflict == {
            "component": "cognito",
            "resource": f"domain {DOMAIN}",
            "reason": f"exists and is that of the user pool us-west-2_theirs{where}",
            "remedy": "give cognito_domain_prefix another value",
        }


def test_the_prefix_of_the_inventory_is_looked_for():
    _found, aws = look(ANSWERS, "cognito", entries={"cognito": ["acme"]})
    assert aws.requests("DescribeUserPoolDomain") == [{"Domain": "acme"}]


def test_of_two_user_pools_the_older_one():
    younger = {**USER_POOL, "Id": f"{REGION}_AAAAAAAAA", "CreationDate": MADE + datetime.timedelta(days=1)}
    told, found, _aws = facts(**pools(younger, USER_POOL))
    assert told["user_pool_id"] == POOL
    (warning,) = found.warnings
    assert "2 user pools carry the platform's tags" in warning
    assert f"{POOL} is used; left alone: {younger['Id']}" in warning


def test_of_two_clients_of_a_name_the_older_one():
    made = {"first": MADE + datetime.timedelta(days=1), "second": MADE}
    told, found, _aws = facts(
        **clients(first="web", second="web"),
        DescribeUserPoolClient=lambda request: {
            "UserPoolClient": {"ClientId": request["ClientId"], "CreationDate": made[request["ClientId"]]}
        },
    )
    assert told["web_client_id"] == "second"
    (warning,) = found.warnings
    assert f"2 clients of the user pool are named {PREFIX}-web" in warning
    assert "second is used; left alone: first" in warning


def test_one_that_went_between_the_list_and_the_look():
    told, _found, _aws = facts(DescribeUserPool=None, DescribeIdentityPool=None)
    assert (told["exists"], told["groups"]) == (False, [])


def test_an_identifier_that_was_to_be_changed():
    """Both are told, until the run that makes the second has removed the first."""
    told, _found, _aws = facts(ListResourceServers={"ResourceServers": [{**SERVER, "Identifier": "z"}, SERVER]})
    assert told["resource_servers"] == [f"{PREFIX}-api", "z"]


def test_log_groups():
    ours = {"DescribeLogGroups": log_groups, "logs.ListTagsForResource": {"tags": TAGS}}
    told, found, _aws = facts(**ours)
    assert told["log_groups"] == [
        f"/aws/vendedlogs/{PREFIX}/cognito/{log}" for log in ("user-notification", "user-auth-events")
    ]
    assert found.conflicts == []


def test_log_groups_that_someone_else_has():
    others = {"DescribeLogGroups": log_groups, "logs.ListTagsForResource": {"tags": {"Project": "other"}}}
    assert taken(others, "cognito") == [
        f"log group /aws/vendedlogs/{PREFIX}/cognito/{log}" for log in ("user-notification", "user-auth-events")
    ]


def test_a_secret_on_its_way_out_does_not_exist():
    told, found, _aws = facts(DescribeSecret={**SECRET, "Tags": owned("cognito"), "DeletedDate": MADE})
    assert told["machine_client_secret_name"] is told["machine_client_secret_arn"] is None
    assert found.conflicts == []


@pytest.mark.parametrize(
    ("answers", "resource"),
    [
        (
            {**pools({**USER_POOL, "UserPoolTags": {}}), "DescribeUserPoolDomain": {"DomainDescription": {}}},
            f"user pool {PREFIX}-users",
        ),
        (identity_pools({**IDENTITY_POOL, "IdentityPoolTags": {"Project": "x"}}), f"identity pool {PREFIX}-identities"),
        ({"GetRole": lambda request: role(request, tag_list(Project="x"))}, f"IAM role {PREFIX}-authenticated"),
        ({"DescribeSecret": {**SECRET, "Tags": []}}, f"secret {PREFIX}/machine-client"),
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken({**ANSWERS, **answers}, "cognito") == [resource]
