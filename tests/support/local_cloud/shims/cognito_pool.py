# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cognito user pools, their domains and resource servers: what ministack 1.5.33 lacks, or answers otherwise.

| operation | missing |
|---|---|
| CreateUserPool | key, issuer, what AWS adds to what it is given; takes MFA without text messages |
| UpdateUserPool | keeps what isn't sent, takes older forms beside newer ones, and MFA without a factor |
| DeleteUserPool | takes a pool that is protected, or has a domain |
| SetUserPoolMfaConfig | keeps factors that aren't sent, takes them with MFA off, and MFA without one |
| Set-, DescribeRiskConfiguration, Set-, GetLogDeliveryConfiguration | unknown |
| CreateUserPoolDomain | takes reserved words, names of other accounts, a second custom domain, any certificate |
| Create-, Update-, DeleteUserPoolDomain | a custom domain is ready, changed and gone at once |
| Create-, Update-, DeleteManagedLoginBranding, DescribeManagedLoginBrandingByClient | unknown |
| UpdateResourceServer | keeps scopes that aren't sent |
"""

from __future__ import annotations

import copy
import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import (
    AccountRegionScopedDict,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import cloudwatch_logs, cognito, route53

from ..wire import AWSError, Response
from . import timing
from .patching import adding, answering, on_reset

Request = dict[str, Any]
Action = Callable[[Request], Response]

# What UpdateUserPool makes of members that aren't sent. Of Policies, MfaConfiguration, UserAttributeUpdateSettings,
# UserPoolTags and UserPoolTier is known that they stay.
DEFAULTS: dict[str, Any] = {
    "AccountRecoverySetting": {},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False},
    "AutoVerifiedAttributes": [],
    "DeletionProtection": "INACTIVE",
    "EmailConfiguration": {},
    "EmailVerificationMessage": "",
    "EmailVerificationSubject": "",
    "LambdaConfig": {},
    "SmsAuthenticationMessage": "",
    "SmsConfiguration": {},
    "SmsVerificationMessage": "",
}
# These are absent by default.
ABSENT = (
    "DeviceConfiguration",
    "IssuerConfiguration",
    "KeyConfiguration",
    "UserPoolAddOns",
    "VerificationMessageTemplate",
)
UNKNOWN = ("IssuerConfiguration", "KeyConfiguration")
OLDER_MESSAGES = {
    "EmailMessage": "EmailVerificationMessage",
    "EmailSubject": "EmailVerificationSubject",
    "SmsMessage": "SmsVerificationMessage",
}
PASSWORDS = {
    "MinimumLength": 8,
    **dict.fromkeys(("RequireUppercase", "RequireLowercase", "RequireNumbers", "RequireSymbols"), False),
    "TemporaryPasswordValidityDays": 7,
}
FACTORS = ("SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration")
RISKS = (
    "CompromisedCredentialsRiskConfiguration",
    "AccountTakeoverRiskConfiguration",
    "RiskExceptionConfiguration",
)
PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
RESERVED = ("aws", "amazon", "cognito")

# Custom domains that are on their way out, each as it was described last.
_leaving = AccountRegionScopedDict()


def install() -> None:
    cognito._dispatch_idp = adding(cognito._dispatch_idp, _ADDED)
    for name, shim in _SHIMS.items():
        setattr(cognito, name, answering(functools.partial(shim, getattr(cognito, name))))
    on_reset(cognito, _leaving.clear)


def invalid(text: str) -> AWSError:
    """A refusal of a parameter."""
    return AWSError("InvalidParameterException", text)


def pool_of(request: Request) -> dict[str, Any]:
    """The user pool that a request is about, as the emulator keeps it."""
    pool, refusal = cognito._resolve_pool(request.get("UserPoolId"))
    if refusal:
        told = json.loads(refusal[2])
        raise AWSError(told["__type"], told["message"])
    return pool


# ---- User pools


def _create_pool(original: Action, request: Request) -> Response:
    _check_validity(request)
    if request.get("MfaConfiguration", "OFF") != "OFF" and not request.get("SmsConfiguration"):
        raise invalid(
            "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
        )
    response = original(request)
    if response[0] >= 300:
        return response
    pool = pool_of({"UserPoolId": json.loads(response[2])["UserPool"]["Id"]})
    pool.update({member: request[member] for member in UNKNOWN if member in request})
    _make_immutable(pool, request.get("Schema", []))
    _complete(pool)
    return json_response({"UserPool": cognito._pool_out(pool)})


def _make_immutable(pool: dict[str, Any], schema: list[dict[str, Any]]) -> None:
    """An attribute that is named is as mutable as is said of it, and not at all where nothing is."""
    for given in schema:
        name = cognito._schema_attribute_name(given)
        (attribute,) = [attribute for attribute in pool["SchemaAttributes"] if attribute["Name"] == name]
        attribute["Mutable"] = given.get("Mutable", False)


def _update_pool(original: Action, request: Request) -> Response:
    pool = pool_of(request)
    _check_validity(request)
    mode = request.get("MfaConfiguration", "OFF")
    if mode != "OFF" and not any(factor in pool for factor in FACTORS) and not request.get("SmsConfiguration"):
        raise invalid(
            "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
        )
    policies = {**pool["Policies"], **request.get("Policies", {})}
    response = original({**copy.deepcopy(DEFAULTS), **request, "Policies": policies})
    if response[0] >= 300:
        return response
    for member in ABSENT:
        if member not in request:
            pool.pop(member, None)
    pool.update({member: request[member] for member in UNKNOWN if member in request})
    _complete(pool)
    return response


def _check_validity(request: Request) -> None:
    """The older and the newer form of the validity of temporary passwords go ill together."""
    passwords = request.get("Policies", {}).get("PasswordPolicy", {})
    older = request.get("AdminCreateUserConfig", {}).get("UnusedAccountValidityDays")
    if older and passwords.get("TemporaryPasswordValidityDays"):
        raise invalid("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")


def _complete(pool: dict[str, Any]) -> None:
    """What AWS adds to what it is given, older members among them."""
    policies = pool["Policies"]
    policies["PasswordPolicy"] = {**PASSWORDS, **policies.get("PasswordPolicy", {})}
    if cognito._user_pool_tier(pool) != "LITE":
        policies.setdefault("SignInPolicy", {"AllowedFirstAuthFactors": ["PASSWORD"]})
    pool["AdminCreateUserConfig"] = {
        "AllowAdminCreateUserOnly": False,
        **pool["AdminCreateUserConfig"],
        "UnusedAccountValidityDays": policies["PasswordPolicy"]["TemporaryPasswordValidityDays"],
    }
    template = pool.setdefault("VerificationMessageTemplate", {})
    template.setdefault("DefaultEmailOption", "CONFIRM_WITH_CODE")
    for member, older in OLDER_MESSAGES.items():
        if template.get(member):
            pool[older] = template[member]
        elif pool.get(older):
            template[member] = pool[older]


def _delete_pool(original: Action, request: Request) -> Response:
    pool = pool_of(request)
    if pool.get("DeletionProtection") == "ACTIVE":
        raise invalid(
            "The user pool cannot be deleted because deletion protection is activated. "
            "Deletion protection must be inactivated first."
        )
    if pool.get("Domain") or pool.get("CustomDomain"):
        raise invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")
    return original(request)


# ---- Factors


def _set_mfa(original: Action, request: Request) -> Response:
    pool = pool_of(request)
    mode = request.get("MfaConfiguration", "OFF")
    given = [factor for factor in FACTORS if factor in request]
    if mode == "OFF" and given:
        raise invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
    if mode != "OFF" and not given:
        raise invalid("Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled.")
    for factor in FACTORS:
        pool.pop(factor, None)
    return _with_email(original({**request, "MfaConfiguration": mode}), pool)


def _get_mfa(original: Action, request: Request) -> Response:
    return _with_email(original(request), pool_of(request))


def _with_email(response: Response, pool: Mapping[str, Any]) -> Response:
    """Codes by e-mail in AWS's own words are a factor, too, though there is nothing to say of them."""
    if response[0] >= 300 or "EmailMfaConfiguration" not in pool:
        return response
    return json_response({**json.loads(response[2]), "EmailMfaConfiguration": pool["EmailMfaConfiguration"]})


# ---- Threat protection


def _risk_pool(request: Request) -> dict[str, Any]:
    pool = pool_of(request)
    if not cognito._threat_protection_on(pool.get("UserPoolAddOns")):
        raise AWSError("UserPoolAddOnNotEnabledException", "Advanced security is not enabled for the user pool.")
    return pool


def _set_risk(request: Request) -> Response:
    pool = _risk_pool(request)
    risk = {member: request[member] for member in RISKS if member in request}
    stolen = risk.get("CompromisedCredentialsRiskConfiguration")
    if stolen:
        stolen.setdefault("EventFilter", ["SIGN_IN", "PASSWORD_CHANGE", "SIGN_UP"])
    pool.setdefault("_risks", {})[request.get("ClientId", "")] = {**risk, "LastModifiedDate": cognito._now_epoch()}
    return _describe_risk(request)


def _describe_risk(request: Request) -> Response:
    pool = _risk_pool(request)
    risk = pool.get("_risks", {}).get(request.get("ClientId", ""), {})
    named = {member: request[member] for member in ("UserPoolId", "ClientId") if member in request}
    return json_response({"RiskConfiguration": {**named, **risk}})


# ---- Logs


def _set_logs(request: Request) -> Response:
    pool = pool_of(request)
    for item in request["LogConfigurations"]:
        if item["EventSource"] == "userAuthEvents" and cognito._user_pool_tier(pool) != "PLUS":
            raise AWSError(
                "FeatureUnavailableInTierException",
                "The following features need to be disabled for the "
                f"{cognito._user_pool_tier(pool)} pricing tier configured: Log Delivery",
            )
        _check_log_group(item.get("CloudWatchLogsConfiguration", {}).get("LogGroupArn"))
    pool["_logs"] = request["LogConfigurations"]
    return _get_logs(request)


def _check_log_group(arn: str | None) -> None:
    if not arn:
        return
    group = cloudwatch_logs._log_groups.get(arn.partition(":log-group:")[2].removesuffix(":*"))
    if group is None:
        raise invalid(f"The specified log group does not exist: {arn}")
    if group.get("kmsKeyId"):
        raise invalid(f"The specified log group is encrypted with a KMS key: {arn}")


def _get_logs(request: Request) -> Response:
    configurations = pool_of(request).get("_logs", [])
    answer = {"UserPoolId": request["UserPoolId"], "LogConfigurations": configurations}
    return json_response({"LogDeliveryConfiguration": answer})


# ---- Domains


def _create_domain(original: Action, request: Request) -> Response:
    pool, domain, custom = pool_of(request), request["Domain"], request.get("CustomDomainConfig")
    _check_free(domain, bool(custom))
    if custom:
        if pool.get("CustomDomain"):
            raise invalid("User pool already has a domain configured.")
        _check_certificate(custom)
        _check_parent(domain)
    else:
        _check_prefix(domain)
    response = original(request)
    if response[0] < 300 and custom:
        _start(pool, domain, "CREATING")
    return response


def _check_prefix(prefix: str) -> None:
    for word in RESERVED:
        if word in prefix:
            raise invalid(f"Domain cannot contain reserved word: {word}")
    if not PREFIX.fullmatch(prefix):
        raise invalid(
            "The domain name contains an invalid character. Domain names can only contain lower-case letters, numbers, "
            "and hyphens. Please enter a different name that follows this format: "
            "^[a-z0-9](?:[a-z0-9\\-]{0,61}[a-z0-9])?$"
        )


def _check_free(domain: str, custom: bool) -> None:
    """A prefix is one of its region, a custom domain one of the world."""
    for _account, region, name in cognito._pool_domain_map._data:
        if name == domain and (custom or region == get_region()):
            raise invalid("Domain already associated with another user pool.")


def _check_certificate(custom: Mapping[str, Any]) -> None:
    if custom.get("CertificateArn", "").split(":")[3:4] != ["us-east-1"]:
        raise invalid(
            "Invalid request provided: The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't "
            "valid, or doesn't include a valid certificate chain."
        )


def _check_parent(domain: str) -> None:
    """What resolves is what stands in the hosted zones of the account."""
    parent = domain.partition(".")[2]
    records = [record for records in route53._records.values() for record in records]
    if not any(record["Type"] == "A" and record["Name"].rstrip(".") == parent for record in records):
        raise invalid(
            "Custom domain is not a valid subdomain: Was not able to resolve a DNS A record for the parent domain or "
            "domain parent is a top-level domain."
        )


def _update_domain(original: Action, request: Request) -> Response:
    if request.get("CustomDomainConfig"):
        _check_certificate(request["CustomDomainConfig"])
    response = original(request)
    if response[0] < 300 and request.get("CustomDomainConfig"):
        _start(pool_of(request), request["Domain"], "UPDATING")
    return response


def _delete_domain(original: Action, request: Request) -> Response:
    pool, domain = pool_of(request), request["Domain"]
    if cognito._pool_domain_map.get(domain) != request["UserPoolId"]:
        raise invalid("No such domain or user pool exists.")
    if pool.get("CustomDomain") == domain:
        described = json.loads(cognito._describe_user_pool_domain({"Domain": domain})[2])["DomainDescription"]
        _leaving[domain] = {**described, "Status": "DELETING"}
        timing.start(_leaving[domain])
    pool.get("_domain_states", {}).pop(domain, None)
    return original(request)


def _describe_domain(original: Action, request: Request) -> Response:
    answer = json.loads(original(request)[2])
    described, leaving = answer["DomainDescription"], _leaving.get(request["Domain"])
    if not described and leaving and timing.is_running(leaving):
        return json_response({"DomainDescription": {key: leaving[key] for key in leaving if key[0] != "_"}})
    if described and described["AWSAccountId"] == get_account_id():
        state = pool_of({"UserPoolId": described["UserPoolId"]}).get("_domain_states", {}).get(request["Domain"], {})
        if timing.is_running(state):
            described["Status"] = state["status"]
    return json_response(answer)


def _start(pool: dict[str, Any], domain: str, status: str) -> None:
    state = pool.setdefault("_domain_states", {})[domain] = {"status": status}
    timing.start(state)


# ---- Styles of managed login


def _styles(request: Request) -> dict[str, dict[str, Any]]:
    """Those of a pool, by client. They go with their clients."""
    pool = pool_of(request)
    styles = pool.setdefault("_styles", {})
    for client in set(styles) - set(pool["_clients"]):
        del styles[client]
    return styles


def _create_style(request: Request) -> Response:
    styles, client = _styles(request), request["ClientId"]
    if client not in pool_of(request)["_clients"]:
        raise AWSError("ResourceNotFoundException", f"User pool client {client} does not exist.")
    if client in styles:
        raise AWSError("ManagedLoginBrandingExistsException", f"Client {client} already has a style.")
    default = request.get("UseCognitoProvidedValues", False)
    if default == bool(request.get("Settings") or request.get("Assets")):
        raise invalid("Either UseCognitoProvidedValues, or Settings and Assets must be given.")
    style = {"UserPoolId": request["UserPoolId"], "ManagedLoginBrandingId": str(uuid.uuid4())}
    made = cognito._now_epoch()
    styles[client] = {**style, **_drawn(request), "CreationDate": made, "LastModifiedDate": made}
    return json_response({"ManagedLoginBranding": styles[client]})


def _drawn(request: Request) -> dict[str, Any]:
    members = {member: request[member] for member in ("Settings", "Assets") if member in request}
    return {"UseCognitoProvidedValues": request.get("UseCognitoProvidedValues", False), **members}


def _describe_style(request: Request) -> Response:
    style = _styles(request).get(request["ClientId"])
    if style is None:
        raise AWSError("ResourceNotFoundException", f"Client {request['ClientId']} has no style.")
    return json_response({"ManagedLoginBranding": style})


def _style(request: Request) -> tuple[str, dict[str, Any]]:
    """The style of that id, and the client that it is of."""
    for client, style in _styles(request).items():
        if style["ManagedLoginBrandingId"] == request["ManagedLoginBrandingId"]:
            return client, style
    raise AWSError("ResourceNotFoundException", f"Style {request['ManagedLoginBrandingId']} does not exist.")


def _update_style(request: Request) -> Response:
    _client, style = _style(request)
    style.update(_drawn(request), LastModifiedDate=cognito._now_epoch())
    if style["UseCognitoProvidedValues"]:
        style.pop("Settings", None)
        style.pop("Assets", None)
    return json_response({"ManagedLoginBranding": style})


def _delete_style(request: Request) -> Response:
    client, _found = _style(request)
    del _styles(request)[client]
    return json_response({})


# ---- Resource servers


def _update_server(original: Action, request: Request) -> Response:
    return original({"Scopes": [], **request})


_SHIMS = {
    "_create_user_pool": _create_pool,
    "_update_user_pool": _update_pool,
    "_delete_user_pool": _delete_pool,
    "_set_user_pool_mfa_config": _set_mfa,
    "_get_user_pool_mfa_config": _get_mfa,
    "_create_user_pool_domain": _create_domain,
    "_update_user_pool_domain": _update_domain,
    "_delete_user_pool_domain": _delete_domain,
    "_describe_user_pool_domain": _describe_domain,
    "_update_resource_server": _update_server,
}
_ADDED: dict[str, Action] = {
    "SetRiskConfiguration": _set_risk,
    "DescribeRiskConfiguration": _describe_risk,
    "SetLogDeliveryConfiguration": _set_logs,
    "GetLogDeliveryConfiguration": _get_logs,
    "CreateManagedLoginBranding": _create_style,
    "DescribeManagedLoginBrandingByClient": _describe_style,
    "UpdateManagedLoginBranding": _update_style,
    "DeleteManagedLoginBranding": _delete_style,
}
