# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the component cognito makes of its options, and of a platform of which a half is gone."""

from __future__ import annotations

import pytest

from tests.support.playbook import PREFIX, Account

from . import census
from .components import certificate, cognito

pytestmark = [pytest.mark.by_component("cognito"), pytest.mark.options]

LOGIN = certificate.LOGIN
OPTIONS = {
    "cognito_passkeys": True,
    "cognito_custom_domain": LOGIN,
    "cognito_custom_domain_certificate": "login",
    "cognito_resource_server": "https://api.example.com",
    "cognito_authenticated_statements": [
        {"Sid": "Read", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::docs/${aws:PrincipalTag/username}/*"]}
    ],
}
ALL = ("--limit", "encryption,certificate,cognito")
ONLY = ("--limit", "cognito")


def aliases(account: Account) -> list[str]:
    return [record["Name"] for record in certificate.records(account) if "AliasTarget" in record]


def test_options_are_taken_and_taken_back(new_account):
    account = new_account("540100000001")
    account.run(*ALL, variables=OPTIONS, note="all options").assert_converged()

    told = cognito.credentials(account)
    assert told["token_url"] == f"https://{LOGIN}/oauth2/token"
    assert told["scopes"] == "https://api.example.com/read https://api.example.com/write"
    assert aliases(account) == [f"{LOGIN}."]
    pool = cognito.user_pool(account)
    assert pool["Mfa"]["WebAuthnConfiguration"]["RelyingPartyId"] == LOGIN
    assert "ALLOW_USER_AUTH" in cognito.client(account, cognito.WEB)["ExplicitAuthFlows"]
    (statement,) = census.statements_of(account, cognito.ROLE)
    assert statement["Resource"] == ["arn:aws:s3:::docs/${aws:PrincipalTag/username}/*"]
    account.run(*ONLY, variables=OPTIONS, note="all options again").assert_nothing_to_do()

    account.run(*ONLY, note="without options").assert_converged()
    pool = cognito.user_pool(account)
    told = cognito.credentials(account)
    assert told["token_url"] == f"https://{pool['Domain']}.auth.us-west-2.amazoncognito.com/oauth2/token"
    assert told["scopes"] == f"{cognito.API}/read {cognito.API}/write"
    assert "CustomDomain" not in pool
    assert aliases(account) == []
    servers = account.client("cognito-idp").list_resource_servers(UserPoolId=pool["Id"], MaxResults=50)
    assert [item["Identifier"] for item in servers["ResourceServers"]] == [cognito.API]
    assert census.statements_of(account, cognito.ROLE) == []


def test_a_half_is_removed_like_a_whole(new_account):
    account = new_account("540100000002")
    account.run("--limit", "encryption,cognito", note="to be halved").assert_converged()
    pool = cognito.user_pool(account)
    users = account.client("cognito-idp")
    users.delete_user_pool_domain(UserPoolId=pool["Id"], Domain=pool["Domain"])
    users.delete_user_pool(UserPoolId=pool["Id"])

    variables = {"platform_teardown_confirm": PREFIX}
    run = account.run(*ONLY, playbook="playbooks/teardown.yml", variables=variables, note="a half").assert_converged()
    assert run.calls.writes == {
        ("secretsmanager", "DeleteSecret"): 1,
        ("cognito-identity", "DeleteIdentityPool"): 1,
        ("iam", "DeleteRole"): 1,
    }
    left = [kind for kind, item in census.Lister(account).tagged() if "cognito" in census.tags_of(item).values()]
    assert left == []
