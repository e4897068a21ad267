# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cognito user pools: what a change sets back, what is refused, risks and logs, and the states of custom domains."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

CERTIFICATE = f"arn:aws:acm:us-east-1:{settings.ACCOUNT_ID}:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_CERTIFICATE = CERTIFICATE.replace("1234abcd", "4321dcba")
TRIGGERS = {"PreSignUp": f"arn:aws:lambda:{settings.REGION}:{settings.ACCOUNT_ID}:function:hook"}
SOFTWARE = {"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": True}}
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def idp(client: Callable[[str], Any]) -> Any:
    return client("cognito-idp")


@pytest.fixture
def make(idp: Any) -> Callable[..., str]:
    def make(**members: Any) -> str:
        return idp.create_user_pool(PoolName=f"pool-{next(NUMBERS)}", **members)["UserPool"]["Id"]

    return make


@pytest.fixture
def zone(client: Callable[[str], Any]) -> str:
    """The name of a hosted zone that has an A record of its own name."""
    route53, name = client("route53"), f"zone{next(NUMBERS)}.example.com"
    zone_id = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=change)
    return name


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def described(idp: Any, pool: str) -> dict[str, Any]:
    return idp.describe_user_pool(UserPoolId=pool)["UserPool"]


def status_of(idp: Any, domain: str) -> str | None:
    return idp.describe_user_pool_domain(Domain=domain)["DomainDescription"].get("Status")


def test_what_a_change_leaves_out_is_set_back(idp: Any, make: Callable[..., str]) -> None:
    kept = {"Policies": {"PasswordPolicy": {"MinimumLength": 14, "RequireSymbols": True}}, "UserPoolTier": "PLUS"}
    pool = make(
        **kept,
        AutoVerifiedAttributes=["email"],
        DeletionProtection="ACTIVE",
        LambdaConfig=TRIGGERS,
        UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"},
        AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        UserPoolTags={"A": "1"},
    )
    idp.set_user_pool_mfa_config(UserPoolId=pool, **SOFTWARE)
    idp.update_user_pool(UserPoolId=pool)
    now = described(idp, pool)
    assert now["AutoVerifiedAttributes"] == []
    assert now["DeletionProtection"] == "INACTIVE"
    assert now["LambdaConfig"] == {}
    assert now["AccountRecoverySetting"] == {}
    assert now["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is False
    assert "UserPoolAddOns" not in now
    assert now["Policies"]["PasswordPolicy"]["MinimumLength"] == 14
    assert now["UserPoolTier"] == "PLUS"
    assert now["MfaConfiguration"] == "OPTIONAL"
    assert now["UserPoolTags"] == {"A": "1"}


def test_a_part_of_the_policies_leaves_the_other(idp: Any, make: Callable[..., str]) -> None:
    pool = make(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}})
    idp.update_user_pool(UserPoolId=pool, Policies={"PasswordPolicy": {"MinimumLength": 20}})
    policies = described(idp, pool)["Policies"]
    assert policies["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
    assert policies["PasswordPolicy"]["MinimumLength"] == 20


def test_what_aws_adds_is_there(idp: Any, make: Callable[..., str]) -> None:
    pool = make(
        Policies={"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 3}},
        VerificationMessageTemplate={"EmailSubject": "Verify"},
        KeyConfiguration={"KeyType": "AWS_OWNED_KEY"},
        IssuerConfiguration={"Type": "UPDATED"},
    )
    now = described(idp, pool)
    assert now["Policies"]["PasswordPolicy"]["RequireSymbols"] is False
    assert now["Policies"]["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD"]}
    assert now["AdminCreateUserConfig"]["UnusedAccountValidityDays"] == 3
    assert now["EmailVerificationSubject"] == "Verify"
    assert now["KeyConfiguration"] == {"KeyType": "AWS_OWNED_KEY"}
    assert now["IssuerConfiguration"] == {"Type": "UPDATED"}


def test_an_attribute_that_is_named_is_immutable_by_default(idp: Any, make: Callable[..., str]) -> None:
    pool = make(Schema=[{"Name": "email", "Required": True}, {"Name": "nickname", "Mutable": True}])
    attributes = {attribute["Name"]: attribute for attribute in described(idp, pool)["SchemaAttributes"]}
    assert attributes["email"]["Mutable"] is False
    assert attributes["nickname"]["Mutable"] is True
    assert attributes["website"]["Mutable"] is True


def test_older_forms_are_refused_beside_the_newer(idp: Any, make: Callable[..., str]) -> None:
    pool = make()
    now = described(idp, pool)
    told = refused(
        idp.update_user_pool,
        UserPoolId=pool,
        Policies=now["Policies"],
        AdminCreateUserConfig=now["AdminCreateUserConfig"],
    )
    assert told.startswith("InvalidParameterException: Please use TemporaryPasswordValidityDays")


def test_a_pool_with_a_domain_or_protected_stays(idp: Any, make: Callable[..., str]) -> None:
    pool = make(DeletionProtection="ACTIVE")
    assert "deletion protection is activated" in refused(idp.delete_user_pool, UserPoolId=pool)
    idp.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    idp.create_user_pool_domain(UserPoolId=pool, Domain="stays-1")
    assert "It has a domain configured that should be deleted first." in refused(idp.delete_user_pool, UserPoolId=pool)
    idp.delete_user_pool_domain(UserPoolId=pool, Domain="stays-1")
    idp.delete_user_pool(UserPoolId=pool)


def test_mfa_and_its_factors_go_together(idp: Any, make: Callable[..., str]) -> None:
    assert "SMS configuration" in refused(idp.create_user_pool, PoolName="mfa", MfaConfiguration="ON")
    pool = make()
    assert "SMS configuration" in refused(idp.update_user_pool, UserPoolId=pool, MfaConfiguration="ON")
    off = {**SOFTWARE, "MfaConfiguration": "OFF"}
    assert "can't turn off MFA" in refused(idp.set_user_pool_mfa_config, UserPoolId=pool, **off)
    bare = refused(idp.set_user_pool_mfa_config, UserPoolId=pool, MfaConfiguration="ON")
    assert "must be enabled" in bare
    idp.set_user_pool_mfa_config(UserPoolId=pool, **SOFTWARE, EmailMfaConfiguration={})
    assert idp.get_user_pool_mfa_config(UserPoolId=pool)["EmailMfaConfiguration"] == {}
    idp.set_user_pool_mfa_config(UserPoolId=pool, **SOFTWARE)
    assert "EmailMfaConfiguration" not in idp.get_user_pool_mfa_config(UserPoolId=pool)
    passkeys = {"RelyingPartyId": "auth.example.com", "UserVerification": "required"}
    answer = idp.set_user_pool_mfa_config(UserPoolId=pool, WebAuthnConfiguration=passkeys)
    assert answer["MfaConfiguration"] == "OFF"
    now = idp.get_user_pool_mfa_config(UserPoolId=pool)
    assert "SoftwareTokenMfaConfiguration" not in now
    assert now["WebAuthnConfiguration"] == passkeys


def test_risks_take_threat_protection(idp: Any, make: Callable[..., str]) -> None:
    pool = make()
    blocking = {"Actions": {"EventAction": "BLOCK"}}
    told = refused(idp.set_risk_configuration, UserPoolId=pool, CompromisedCredentialsRiskConfiguration=blocking)
    assert told.startswith("UserPoolAddOnNotEnabledException")
    assert refused(idp.describe_risk_configuration, UserPoolId=pool).startswith("UserPoolAddOnNotEnabledException")
    pool = make(UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"})
    assert idp.describe_risk_configuration(UserPoolId=pool)["RiskConfiguration"] == {"UserPoolId": pool}
    idp.set_risk_configuration(UserPoolId=pool, CompromisedCredentialsRiskConfiguration=blocking)
    risk = idp.describe_risk_configuration(UserPoolId=pool)["RiskConfiguration"]
    assert risk["CompromisedCredentialsRiskConfiguration"] == {
        **blocking,
        "EventFilter": ["SIGN_IN", "PASSWORD_CHANGE", "SIGN_UP"],
    }
    skipped = {"SkippedIPRangeList": ["192.0.2.0/24"]}
    idp.set_risk_configuration(UserPoolId=pool, RiskExceptionConfiguration=skipped)
    risk = idp.describe_risk_configuration(UserPoolId=pool)["RiskConfiguration"]
    assert risk["RiskExceptionConfiguration"] == skipped
    assert "CompromisedCredentialsRiskConfiguration" not in risk


def test_logs_are_delivered(idp: Any, client: Callable[[str], Any], make: Callable[..., str]) -> None:
    pool, logs = make(), client("logs")
    empty = {"UserPoolId": pool, "LogConfigurations": []}
    assert idp.get_log_delivery_configuration(UserPoolId=pool)["LogDeliveryConfiguration"] == empty
    logs.create_log_group(logGroupName="/aws/vendedlogs/users")
    arn = f"arn:aws:logs:{settings.REGION}:{settings.ACCOUNT_ID}:log-group:/aws/vendedlogs/users"

    def delivery(source: str = "userNotification", level: str = "ERROR", arn: str = arn) -> dict[str, Any]:
        item = {"EventSource": source, "LogLevel": level, "CloudWatchLogsConfiguration": {"LogGroupArn": arn}}
        return {"UserPoolId": pool, "LogConfigurations": [item]}

    told = refused(idp.set_log_delivery_configuration, **delivery("userAuthEvents", "INFO"))
    assert told.startswith("FeatureUnavailableInTierException")
    assert "does not exist" in refused(idp.set_log_delivery_configuration, **delivery(arn=f"{arn}-2"))
    idp.set_log_delivery_configuration(**delivery())
    assert idp.get_log_delivery_configuration(UserPoolId=pool)["LogDeliveryConfiguration"] == delivery()
    idp.set_log_delivery_configuration(**empty)
    assert idp.get_log_delivery_configuration(UserPoolId=pool)["LogDeliveryConfiguration"] == empty


@pytest.mark.parametrize("prefix", ["my-aws-login", "cognito-demo", "amazon1"])
def test_reserved_words_are_refused(idp: Any, make: Callable[..., str], prefix: str) -> None:
    told = refused(idp.create_user_pool_domain, UserPoolId=make(), Domain=prefix)
    assert "Domain cannot contain reserved word: " in told


def test_a_prefix_is_one_of_its_region(local_cloud: settings.Instance, idp: Any, make: Callable[..., str]) -> None:
    idp.create_user_pool_domain(UserPoolId=make(), Domain="taken-1")
    told = refused(idp.create_user_pool_domain, UserPoolId=make(), Domain="taken-1")
    assert told == "InvalidParameterException: Domain already associated with another user pool."
    other = boto3.client(
        "cognito-idp",
        region_name=settings.REGION,
        endpoint_url=local_cloud.endpoint,
        aws_access_key_id="510100000001",
        aws_secret_access_key="unused",
        config=Config(retries={"total_max_attempts": 1}),
    )
    theirs = other.create_user_pool(PoolName="theirs")["UserPool"]["Id"]
    assert told == refused(other.create_user_pool_domain, UserPoolId=theirs, Domain="taken-1")
    assert other.describe_user_pool_domain(Domain="taken-1")["DomainDescription"] == {}


def test_a_missing_domain_is_not_deleted(idp: Any, make: Callable[..., str]) -> None:
    told = refused(idp.delete_user_pool_domain, UserPoolId=make(), Domain="missing-1")
    assert told == "InvalidParameterException: No such domain or user pool exists."


def test_a_custom_domain_takes_its_time(idp: Any, make: Callable[..., str], zone: str) -> None:
    pool, domain = make(), f"auth.{zone}"
    elsewhere = {"CertificateArn": CERTIFICATE.replace("us-east-1", "us-west-2")}
    request = {"UserPoolId": pool, "Domain": domain}
    assert "isn't in us-east-1" in refused(idp.create_user_pool_domain, **request, CustomDomainConfig=elsewhere)
    there = {"CertificateArn": CERTIFICATE, "SecurityPolicy": "TLS_V1_2_2021"}
    orphan = {**request, "Domain": f"auth.sub.{zone}"}
    assert "resolve a DNS A record" in refused(idp.create_user_pool_domain, **orphan, CustomDomainConfig=there)

    answer = idp.create_user_pool_domain(**request, CustomDomainConfig=there)
    assert status_of(idp, domain) == "CREATING"
    found = idp.describe_user_pool_domain(Domain=domain)["DomainDescription"]
    assert found["CloudFrontDistribution"] == answer["CloudFrontDomain"]
    assert found["CustomDomainConfig"] == there
    second = refused(idp.create_user_pool_domain, UserPoolId=pool, Domain=f"in.{zone}", CustomDomainConfig=there)
    assert "User pool already has a domain configured." in second
    time.sleep(0.4)
    assert status_of(idp, domain) == "ACTIVE"

    idp.update_user_pool_domain(**request, CustomDomainConfig={"CertificateArn": OTHER_CERTIFICATE})
    assert status_of(idp, domain) == "UPDATING"
    time.sleep(0.4)
    assert status_of(idp, domain) == "ACTIVE"

    idp.delete_user_pool_domain(**request)
    assert status_of(idp, domain) == "DELETING"
    time.sleep(0.4)
    assert status_of(idp, domain) is None


def test_a_client_has_one_style(idp: Any, make: Callable[..., str]) -> None:
    pool = make()
    client = idp.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
    named = {"UserPoolId": pool, "ClientId": client}
    assert refused(idp.describe_managed_login_branding_by_client, **named).startswith("ResourceNotFoundException")
    assert refused(idp.create_managed_login_branding, **named).startswith("InvalidParameterException")
    made = idp.create_managed_login_branding(**named, UseCognitoProvidedValues=True)["ManagedLoginBranding"]
    assert idp.describe_managed_login_branding_by_client(**named)["ManagedLoginBranding"] == made
    again = refused(idp.create_managed_login_branding, **named, UseCognitoProvidedValues=True)
    assert again.startswith("ManagedLoginBrandingExistsException")
    style = {"UserPoolId": pool, "ManagedLoginBrandingId": made["ManagedLoginBrandingId"]}
    drawn = idp.update_managed_login_branding(**style, Settings={"a": 1})["ManagedLoginBranding"]
    assert drawn["UseCognitoProvidedValues"] is False
    assert drawn["Settings"] == {"a": 1}
    back = idp.update_managed_login_branding(**style, UseCognitoProvidedValues=True)["ManagedLoginBranding"]
    assert "Settings" not in back
    idp.delete_managed_login_branding(**style)
    assert refused(idp.delete_managed_login_branding, **style).startswith("ResourceNotFoundException")
    idp.create_managed_login_branding(**named, UseCognitoProvidedValues=True)
    idp.delete_user_pool_client(**named)
    assert refused(idp.describe_managed_login_branding_by_client, **named).startswith("ResourceNotFoundException")
    missing = refused(idp.create_managed_login_branding, **named, UseCognitoProvidedValues=True)
    assert missing.startswith("ResourceNotFoundException")


def test_scopes_that_are_not_sent_go(idp: Any, make: Callable[..., str]) -> None:
    named = {"UserPoolId": make(), "Identifier": "api", "Name": "API"}
    idp.create_resource_server(**named, Scopes=[{"ScopeName": "read", "ScopeDescription": "Read"}])
    idp.update_resource_server(**named)
    server = idp.describe_resource_server(UserPoolId=named["UserPoolId"], Identifier="api")["ResourceServer"]
    assert server.get("Scopes", []) == []
