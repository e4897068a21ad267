# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user pool with all that the highest tier has: passkeys on the newer pages, threats answered, sign-ins told of; and
the way back to the defaults, in which AWS takes each change in its order only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.playbook import PREFIX, Account

pytestmark = [pytest.mark.by_component("cognito"), pytest.mark.options]

OPTIONS = {
    "cognito_tier": "PLUS",
    "cognito_passkeys": True,
    "cognito_managed_login_version": 2,
    "cognito_threat_protection_mode": "enforced",
    "cognito_log_sources": ["userNotification", "userAuthEvents"],
    "cognito_custom_attributes": [{"name": "team", "type": "String"}],
}
# An attribute never goes.
BACK = {"cognito_custom_attributes": OPTIONS["cognito_custom_attributes"]}


def described(account: Account) -> tuple[Any, dict[str, Any]]:
    idp = account.client("cognito-idp")
    (pool,) = [pool for pool in idp.list_user_pools(MaxResults=60)["UserPools"] if pool["Name"] == f"{PREFIX}-users"]
    return idp, idp.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]


def test_all_options_and_back(new_account):
    account = new_account("510100000003")
    account.run("--limit", "encryption,cognito", variables=OPTIONS).assert_converged()
    idp, pool = described(account)
    named = {"UserPoolId": pool["Id"]}
    assert pool["UserPoolTier"] == "PLUS"
    assert pool["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
    assert sorted(pool["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"]) == ["PASSWORD", "WEB_AUTHN"]
    factors = idp.get_user_pool_mfa_config(**named)
    assert factors["MfaConfiguration"] == "OPTIONAL"
    assert factors["WebAuthnConfiguration"]["UserVerification"] == "required"
    risks = idp.describe_risk_configuration(**named)["RiskConfiguration"]
    assert risks["CompromisedCredentialsRiskConfiguration"]["Actions"] == {"EventAction": "BLOCK"}
    logs = idp.get_log_delivery_configuration(**named)["LogDeliveryConfiguration"]["LogConfigurations"]
    assert {item["EventSource"] for item in logs} == {"userNotification", "userAuthEvents"}
    email = next(item for item in pool["SchemaAttributes"] if item["Name"] == "email")
    assert (email["Required"], email["Mutable"]) == (True, True)
    clients = idp.list_user_pool_clients(**named, MaxResults=60)["UserPoolClients"]
    (web,) = [client["ClientId"] for client in clients if client["ClientName"] == f"{PREFIX}-web"]
    style = idp.describe_managed_login_branding_by_client(**named, ClientId=web)["ManagedLoginBranding"]
    assert style["UseCognitoProvidedValues"] is True
    account.run("--limit", "cognito", variables=OPTIONS).assert_nothing_to_do()

    account.run("--limit", "cognito", variables=BACK).assert_converged()
    _idp, now = described(account)
    assert (now["Id"], now["UserPoolTier"]) == (pool["Id"], "ESSENTIALS")
    assert now["UserPoolAddOns"] == {"AdvancedSecurityMode": "OFF"}
    assert now["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"] == ["PASSWORD"]
    assert idp.get_log_delivery_configuration(**named)["LogDeliveryConfiguration"]["LogConfigurations"] == []
    # What the change wasn't about is as it was.
    same = ("AccountRecoverySetting", "AdminCreateUserConfig", "AutoVerifiedAttributes", "DeletionProtection")
    assert {member: now[member] for member in same} == {member: pool[member] for member in same}
