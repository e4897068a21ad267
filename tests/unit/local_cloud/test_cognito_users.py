# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cognito's users and groups: the shim for what changes of them, and for roles in tokens."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/{}"
NAME = "jo@example.com"
PASSWORD = "A-g00d-passw0rd"


@pytest.fixture(scope="module")
def cognito(client: Callable[[str], Any]) -> Any:
    return client("cognito-idp")


@pytest.fixture(scope="module")
def pool(cognito: Any) -> str:
    made = cognito.create_user_pool(PoolName="users", UsernameAttributes=["email"], AutoVerifiedAttributes=["email"])
    return str(made["UserPool"]["Id"])


@pytest.fixture
def user(cognito: Any, pool: str) -> dict[str, str]:
    """The members that name a user who was just made."""
    named = {"UserPoolId": pool, "Username": NAME}
    with contextlib.suppress(cognito.exceptions.UserNotFoundException):
        cognito.admin_delete_user(**named)
    cognito.admin_create_user(**named, DesiredDeliveryMediums=["EMAIL"])
    return named


def claims_of(cognito: Any, user: dict[str, str]) -> dict[str, Any]:
    """Those of the user's ID token."""
    cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    made = cognito.create_user_pool_client(UserPoolId=user["UserPoolId"], ClientName="x", ExplicitAuthFlows=flows)
    answer = cognito.admin_initiate_auth(
        UserPoolId=user["UserPoolId"],
        ClientId=made["UserPoolClient"]["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user["Username"], "PASSWORD": PASSWORD},
    )
    payload = answer["AuthenticationResult"]["IdToken"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def test_an_update_changes_what_it_is_given(cognito: Any, pool: str) -> None:
    named = {"UserPoolId": pool, "GroupName": "changed"}
    cognito.create_group(**named, Description="one", Precedence=3, RoleArn=ROLE.format("one"))
    updated = cognito.update_group(**named, Precedence=0)["Group"]
    group = cognito.get_group(**named)["Group"]
    assert group == updated
    assert (group["Description"], group["Precedence"], group["RoleArn"]) == ("one", 0, ROLE.format("one"))
    assert "Description" not in cognito.update_group(**named, Description="")["Group"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cognito.update_group(UserPoolId=pool, GroupName="unknown")


def test_a_group_has_what_it_was_given(cognito: Any, pool: str) -> None:
    made = cognito.create_group(UserPoolId=pool, GroupName="bare")["Group"]
    assert not {"Precedence", "RoleArn", "Description"} & set(made)
    assert made == cognito.get_group(UserPoolId=pool, GroupName="bare")["Group"]


def test_an_empty_text_removes_an_attribute(cognito: Any, user: dict[str, str]) -> None:
    cognito.admin_update_user_attributes(**user, UserAttributes=[{"Name": "nickname", "Value": "J"}])
    cognito.admin_update_user_attributes(**user, UserAttributes=[{"Name": "nickname", "Value": ""}])
    names = [item["Name"] for item in cognito.admin_get_user(**user)["UserAttributes"]]
    assert "nickname" not in names


def test_an_invitation_is_renewed_for_whom_it_is_due(cognito: Any, user: dict[str, str]) -> None:
    resend = {**user, "MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]}
    assert cognito.admin_create_user(**resend)["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    with pytest.raises(ClientError, match="UnsupportedUserStateException"):
        cognito.admin_create_user(**resend)


def test_a_token_names_the_roles_of_groups(cognito: Any, pool: str, user: dict[str, str]) -> None:
    for name, precedence in (("second", 2), ("first", 1)):
        named = {"UserPoolId": pool, "GroupName": name}
        cognito.create_group(**named, Precedence=precedence, RoleArn=ROLE.format(name))
        cognito.admin_add_user_to_group(**user, GroupName=name)
    claims = claims_of(cognito, user)
    assert claims["cognito:roles"] == [ROLE.format("first"), ROLE.format("second")]
    assert claims["cognito:preferred_role"] == ROLE.format("first")


def test_no_role_comes_first_where_two_groups_do(cognito: Any, pool: str, user: dict[str, str]) -> None:
    for name in ("even", "odd"):
        named = {"UserPoolId": pool, "GroupName": name}
        cognito.create_group(**named, Precedence=7, RoleArn=ROLE.format(name))
        cognito.admin_add_user_to_group(**user, GroupName=name)
    claims = claims_of(cognito, user)
    assert len(claims["cognito:roles"]) == 2
    assert "cognito:preferred_role" not in claims
