# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cognito identity pools: the shim for their settings, and for whom they give which credentials."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

SERVICE = "cognito-identity.amazonaws.com"
PASSWORD = "A-g00d-passw0rd"
ARN = f"arn:aws:iam::{settings.ACCOUNT_ID}:role/{{}}"


@pytest.fixture(scope="module")
def identity(client: Callable[[str], Any]) -> Any:
    return client("cognito-identity")


@pytest.fixture(scope="module")
def cognito(client: Callable[[str], Any]) -> Any:
    return client("cognito-idp")


@pytest.fixture
def pool(identity: Any) -> str:
    made = identity.create_identity_pool(
        IdentityPoolName="ours", AllowUnauthenticatedIdentities=False, IdentityPoolTags={"Project": "demo"}
    )
    return str(made["IdentityPoolId"])


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


# ---- The pool


def test_tags_are_described(identity: Any, pool: str) -> None:
    arn = f"arn:aws:cognito-identity:{settings.REGION}:{settings.ACCOUNT_ID}:identitypool/{pool}"
    assert identity.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"Project": "demo"}
    identity.tag_resource(ResourceArn=arn, Tags={"Team": "a"})
    identity.untag_resource(ResourceArn=arn, TagKeys=["Project"])
    assert identity.describe_identity_pool(IdentityPoolId=pool)["IdentityPoolTags"] == {"Team": "a"}


def test_an_update_sets_back_what_it_is_not_given(identity: Any) -> None:
    first = {"IdentityPoolName": "reset", "AllowUnauthenticatedIdentities": False}
    made = identity.create_identity_pool(
        **first,
        AllowClassicFlow=True,
        DeveloperProviderName="backend",
        SupportedLoginProviders={"accounts.google.com": "x"},
        CognitoIdentityProviders=[{"ProviderName": "cognito-idp.x.amazonaws.com/x_y", "ClientId": "web"}],
        IdentityPoolTags={"Project": "demo"},
    )
    identity.update_identity_pool(IdentityPoolId=made["IdentityPoolId"], **first)
    described = identity.describe_identity_pool(IdentityPoolId=made["IdentityPoolId"])
    del described["ResponseMetadata"]
    assert described == {
        "IdentityPoolId": made["IdentityPoolId"],
        **first,
        "AllowClassicFlow": False,
        "DeveloperProviderName": "backend",
        "IdentityPoolTags": {"Project": "demo"},
    }


@pytest.mark.parametrize("role", ["arn:aws:iam::999999999999:role/theirs", "just-a-name-of-a-role"])
def test_roles_are_of_the_account(identity: Any, pool: str, role: str) -> None:
    told = refused(identity.set_identity_pool_roles, IdentityPoolId=pool, Roles={"authenticated": role})
    assert told == f"NotAuthorizedException: Access to Role '{role}' is forbidden."


# ---- Credentials


def trust(pool: str, *actions: str, amr: str = "authenticated") -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": SERVICE},
        "Action": actions or ["sts:AssumeRoleWithWebIdentity"],
        "Condition": {
            "StringEquals": {f"{SERVICE}:aud": pool},
            "ForAnyValue:StringLike": {f"{SERVICE}:amr": amr},
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def signed_in(cognito: Any) -> tuple[str, str, str]:
    """A provider, its client, and the ID token of a user who is in a group that has a role."""
    pool = cognito.create_user_pool(PoolName="identities", UsernameAttributes=["email"])["UserPool"]["Id"]
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    web = cognito.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)
    web = web["UserPoolClient"]["ClientId"]
    user = {"UserPoolId": pool, "Username": "jo@example.com"}
    cognito.admin_create_user(**user)
    cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    cognito.create_group(UserPoolId=pool, GroupName="admins", Precedence=1, RoleArn=ARN.format("of-group"))
    cognito.admin_add_user_to_group(**user, GroupName="admins")
    parameters = {"USERNAME": user["Username"], "PASSWORD": PASSWORD}
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool, ClientId=web, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
    )
    provider = f"cognito-idp.{settings.REGION}.amazonaws.com/{pool}"
    return provider, web, answer["AuthenticationResult"]["IdToken"]


class Guest:
    """Someone who has a token and no keys of AWS."""

    def __init__(self, endpoint: str, pool: str, logins: dict[str, str]) -> None:
        self.pool, self.logins, self.endpoint = pool, logins, endpoint
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        self.client = boto3.client(
            "cognito-identity", region_name=settings.REGION, endpoint_url=endpoint, config=config
        )

    def identity(self) -> str:
        return str(self.client.get_id(IdentityPoolId=self.pool, Logins=self.logins)["IdentityId"])

    def role(self, identity: str | None = None) -> str:
        """The name of the role of the credentials that there are."""
        answer = self.client.get_credentials_for_identity(IdentityId=identity or self.identity(), Logins=self.logins)
        keys = answer["Credentials"]
        session = boto3.Session(
            keys["AccessKeyId"], keys["SecretKey"], keys["SessionToken"], region_name=settings.REGION
        )
        caller = session.client("sts", endpoint_url=self.endpoint).get_caller_identity()
        return str(caller["Arn"]).split("/")[1]


@pytest.fixture
def guest(identity: Any, iam: Any, local_cloud: settings.Instance, pool: str, signed_in: tuple[str, str, str]) -> Guest:
    provider, web, token = signed_in
    identity.update_identity_pool(
        IdentityPoolId=pool,
        IdentityPoolName="ours",
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[{"ProviderName": provider, "ClientId": web}],
    )
    for name in ("signed-in", "of-group"):
        try:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(pool))
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(pool))
    identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={"authenticated": ARN.format("signed-in")})
    return Guest(local_cloud.endpoint, pool, {provider: token})


def test_who_has_signed_in_gets_the_role(guest: Guest) -> None:
    assert guest.role() == "signed-in"


def test_who_has_not_signed_in_gets_nothing(guest: Guest) -> None:
    identity, guest.logins = guest.identity(), {}
    text = "NotAuthorizedException: Unauthenticated access is not supported for this identity pool."
    assert refused(guest.identity) == text
    assert refused(guest.role, identity=identity) == text


def test_a_token_of_someone_else_is_refused(guest: Guest) -> None:
    provider, token = next(iter(guest.logins.items()))
    guest.logins = {provider: token[:-6] + "AAAAAA"}
    assert refused(guest.identity) == "NotAuthorizedException: Invalid login token. Token signature invalid."


def test_the_classic_flow_is_off(guest: Guest) -> None:
    told = refused(guest.client.get_open_id_token, IdentityId=guest.identity(), Logins=guest.logins)
    assert told.startswith("InvalidParameterException: Basic (classic) flow is not enabled")


@pytest.mark.parametrize("wrong", [trust("us-west-2:another"), trust("{}", amr="unauthenticated"), None])
def test_a_role_that_does_not_trust_the_pool_is_given_to_nobody(
    identity: Any, iam: Any, guest: Guest, wrong: str | None
) -> None:
    if wrong:
        iam.update_assume_role_policy(RoleName="signed-in", PolicyDocument=wrong.replace("{}", guest.pool))
    else:
        roles = {"authenticated": ARN.format("missing")}
        identity.set_identity_pool_roles(IdentityPoolId=guest.pool, Roles=roles)
    assert refused(guest.role).startswith("InvalidIdentityPoolConfigurationException")


def test_a_session_is_tagged_only_where_the_role_lets_it(identity: Any, iam: Any, guest: Guest) -> None:
    provider = next(iter(guest.logins))
    identity.set_principal_tag_attribute_map(IdentityPoolId=guest.pool, IdentityProviderName=provider, UseDefaults=True)
    assert refused(guest.role).startswith("InvalidIdentityPoolConfigurationException")
    policy = trust(guest.pool, "sts:AssumeRoleWithWebIdentity", "sts:TagSession")
    iam.update_assume_role_policy(RoleName="signed-in", PolicyDocument=policy)
    assert guest.role() == "signed-in"


def mapped(identity: Any, guest: Guest, web: str, **mapping: Any) -> None:
    provider = next(iter(guest.logins))
    identity.set_identity_pool_roles(
        IdentityPoolId=guest.pool,
        Roles={"authenticated": ARN.format("signed-in")},
        RoleMappings={f"{provider}:{web}": mapping},
    )


def test_the_role_of_the_group(identity: Any, guest: Guest, signed_in: tuple[str, str, str]) -> None:
    mapped(identity, guest, signed_in[1], Type="Token", AmbiguousRoleResolution="Deny")
    assert guest.role() == "of-group"


@pytest.mark.parametrize(
    ("match", "value", "ambiguous", "role"),
    [
        ("Contains", "admin", "Deny", "of-group"),
        ("Equals", "admins", "Deny", "of-group"),
        ("StartsWith", "users", "AuthenticatedRole", "signed-in"),
        ("NotEqual", "admins", "Deny", None),
    ],
)
def test_rules(
    identity: Any,
    guest: Guest,
    signed_in: tuple[str, str, str],
    match: str,
    value: str,
    ambiguous: str,
    role: str | None,
) -> None:
    rule = {"Claim": "cognito:groups", "MatchType": match, "Value": value, "RoleARN": ARN.format("of-group")}
    configuration = {"Rules": [rule]}
    mapped(
        identity,
        guest,
        signed_in[1],
        Type="Rules",
        AmbiguousRoleResolution=ambiguous,
        RulesConfiguration=configuration,
    )
    if role:
        assert guest.role() == role
    else:
        assert refused(guest.role).startswith("NotAuthorizedException")
