# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the cognito component."""

from __future__ import annotations

import re
import typing as t
import unicodedata
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.cognito import (
    IDENTITY_POOL,
    LOGS,
    RESOURCE_SERVER,
    ROLE,
    SECRET,
    USER_POOL,
    domain_prefix,
    log_group,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name

from ..fault import Fault, did_you_mean, fault, show
from ..formats import repeated, repeated_names
from ..names import Name, fixed_names
from ..permissions import statement_faults
from ..ranges import Range

# A domain prefix with one of these words is refused.
RESERVED_WORDS = ("aws", "amazon", "cognito")
PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,}[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_DOMAIN = 63
# Where CloudFront, which serves custom domains, looks for their certificates.
CERTIFICATE_REGION = "us-east-1"
CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):(\d{12}):certificate/[\w-]+")

IDENTIFIER = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
SCOPE = re.compile(r"[\x21\x23-\x2E\x30-\x5B\x5D-\x7E]+")
LONGEST_SCOPE = 256
STANDARD_SCOPES = ("openid", "email", "phone", "profile", "aws.cognito.signin.user.admin")
MOST_SCOPES, MOST_CLIENT_SCOPES = 100, 50

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
# For these alone Cognito takes http.
LOCAL = re.compile(r"//(localhost|127\.0\.0\.1|\[::1\])(:\d+)?([/?].*)?")
AUTHORITY = re.compile(r"//[^/?#@]+([/?].*)?")
# What a browser would run or show, and no app has.
NO_APP_SCHEMES = ("about", "blob", "data", "file", "ftp", "javascript", "vbscript", "ws", "wss")
LONGEST_URL, MOST_URLS = 1024, 100

EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@(([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63})")
FROM = re.compile(r"[^<>]*<([^<>]+)>")
LONGEST_EMAIL = 128
SES_IDENTITY = re.compile(r"arn:aws[a-z-]*:ses:[a-z0-9-]+:\d{12}:identity/(.+)")
CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")

LONGEST_ATTRIBUTE, MOST_ATTRIBUTES = 20, 50
LONGEST_GROUP = 128
MOST_TAGS, LONGEST_TAG, LONGEST_CLAIM = 50, 128, 256

TOKEN = Range(5, 24 * 60, "minutes")
RANGES = {
    "cognito_password_minimum_length": Range(6, 99, "characters"),
    "cognito_password_history": Range(0, 24, "passwords"),
    # For Cognito 0 stands for 7.
    "cognito_temporary_password_days": Range(1, 365, "days"),
    "cognito_web_access_token_minutes": TOKEN,
    "cognito_web_id_token_minutes": TOKEN,
    "cognito_machine_access_token_minutes": TOKEN,
    "cognito_web_refresh_token_hours": Range(1, 10 * 365 * 24, "hours"),
    "cognito_web_session_minutes": Range(3, 15, "minutes"),
    "cognito_secret_recovery_days": Range(7, 30, "days", besides=(0,)),
    "cognito_secret_grace_seconds": Range(1, 86400, "seconds"),
    "cognito_groups[].precedence": Range(0, 2**31 - 1),
}
SAMPLES = {
    "user_pool_id": "{region}_" + 9 * "x",
    "user_pool_arn": "arn:{partition}:cognito-idp:{region}:{account_id}:userpool/{region}_" + 9 * "x",
    "web_client_id": 26 * "x",
    "machine_client_id": 26 * "x",
    "identity_pool_id": "{region}:" + 36 * "x",
    "authenticated_role_arn": "arn:{partition}:iam::{account_id}:role/" + 64 * "x",
    "machine_client_secret_arn": "arn:{partition}:secretsmanager:{region}:{account_id}:secret:" + 44 * "x",
}


def _visible(text: str) -> bool:
    """Whether a text has letters, marks, symbols, numbers and punctuation alone."""
    return bool(text) and all(unicodedata.category(letter)[0] in "LMSNP" for letter in text)


# ---- the user pool


def _tier_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    tier = values.get("cognito_tier")
    if tier == "LITE":
        takes = "takes the tier ESSENTIALS or PLUS, cognito_tier is LITE"
        if values.get("cognito_passkeys"):
            yield fault("cognito_passkeys", True, takes)
        if values.get("cognito_password_history"):
            yield fault("cognito_password_history", values["cognito_password_history"], takes)
        if "email" in (values.get("cognito_mfa_factors") or []):
            yield fault("cognito_mfa_factors", "email", takes)
        if values.get("cognito_managed_login_version") == 2:
            yield fault("cognito_managed_login_version", 2, takes)
    protection, sources = values.get("cognito_threat_protection_mode"), values.get("cognito_log_sources") or []
    if tier not in (None, "PLUS"):
        takes = f"takes the tier PLUS, cognito_tier is {tier}"
        if protection not in (None, "none"):
            yield fault("cognito_threat_protection_mode", protection, takes)
        if "userAuthEvents" in sources:
            yield fault("cognito_log_sources", "userAuthEvents", takes)
    elif tier and "userAuthEvents" in sources and protection == "none":
        rule = "tells of the risk of sign-ins, which nobody rates while cognito_threat_protection_mode is none"
        yield fault("cognito_log_sources", "userAuthEvents", rule)


def _sign_in_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    mfa, factors = values.get("cognito_mfa"), values.get("cognito_mfa_factors")
    if mfa in ("optional", "required") and factors == []:
        yield fault("cognito_mfa", mfa, "has no factor: name totp or email in cognito_mfa_factors")
    if mfa != "none" and "email" in (factors or []) and values.get("cognito_ses_identity_arn") == "":
        yield fault("cognito_mfa_factors", "email", "takes SES: set cognito_ses_identity_arn and cognito_ses_from")
    domain = values.get("cognito_passkey_domain")
    if domain and not HOST.fullmatch(domain):
        yield fault("cognito_passkey_domain", domain, "is not a domain in lower-case letters, such as example.com")
    for variable in (
        "cognito_mfa_factors",
        "cognito_password_classes",
        "cognito_required_attributes",
        "cognito_log_sources",
    ):
        for item in repeated(values.get(variable) or []):
            yield fault(variable, item, "occurs more than once")


def _attribute_faults(attributes: list[Mapping]) -> Iterator[Fault]:
    variable = "cognito_custom_attributes"
    yield from repeated_names(variable, attributes)
    if len(attributes) > MOST_ATTRIBUTES:
        yield Fault(variable, f"{len(attributes)} attributes are more than the {MOST_ATTRIBUTES} that Cognito takes")
    for index, attribute in enumerate(attributes):
        path, name = f"{variable}[{index}]", attribute.get("name")
        if name is not None and not (_visible(name) and len(name) <= LONGEST_ATTRIBUTE):
            rule = f"is not the name of an attribute: 1 to {LONGEST_ATTRIBUTE} characters without spaces"
            yield fault(f"{path}.name", name, rule)
        elif name is not None and name.startswith(("custom:", "dev:")):
            yield fault(f"{path}.name", name, "begins with what Cognito puts before it: leave that out")
        least, most = attribute.get("minimum"), attribute.get("maximum")
        kind = attribute.get("type")
        for key, value in (("minimum", least), ("maximum", most)):
            if value is not None and kind in ("DateTime", "Boolean"):
                yield fault(f"{path}.{key}", value, f"is for texts and numbers, this attribute is a {kind}")
            elif value is not None and kind == "String" and not 0 <= value <= 2048:
                yield fault(f"{path}.{key}", value, "is not the length of a text, from 0 to 2048")
        if least is not None and most is not None and least > most:
            yield fault(f"{path}.minimum", least, f"is more than maximum {most}")


def _email_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    identity, sender = values.get("cognito_ses_identity_arn"), values.get("cognito_ses_from")
    found = SES_IDENTITY.fullmatch(identity) if identity else None
    if identity and not found:
        example = "such as arn:aws:ses:us-west-2:123456789012:identity/example.com"
        yield fault("cognito_ses_identity_arn", identity, f"is not the ARN of an identity of SES, {example}")
    if identity and sender == "":
        yield fault("cognito_ses_identity_arn", identity, "sends for no address: set cognito_ses_from")
    if identity == "":
        for variable in ("cognito_ses_from", "cognito_ses_configuration_set"):
            if values.get(variable):
                yield fault(variable, values[variable], "is for SES: set cognito_ses_identity_arn, too")
    for variable in ("cognito_ses_from", "cognito_ses_reply_to"):
        text = values.get(variable)
        named = FROM.fullmatch(text) if text and variable == "cognito_ses_from" else None
        address = EMAIL.fullmatch(named[1] if named else text) if text else None
        if text and not address:
            yield fault(variable, text, "is not an e-mail address")
        elif address and variable == "cognito_ses_from" and found and not _sends_for(found[1], address):
            yield fault(variable, text, f"is not an address of the identity {found[1]}")
    name = values.get("cognito_ses_configuration_set")
    if name and not CONFIGURATION_SET.fullmatch(name):
        rule = "is not the name of a configuration set: 1 to 64 letters, digits, - and _"
        yield fault("cognito_ses_configuration_set", name, rule)


def _sends_for(identity: str, address: re.Match) -> bool:
    """Whether an identity of SES, an address or a domain, covers an address."""
    whole, domain = address[0].lower(), address[1].lower()
    identity = identity.lower()
    return whole == identity if "@" in identity else domain == identity or domain.endswith(f".{identity}")


# ---- domains


def _domain_faults(values: Mapping[str, t.Any], certificates: list[Mapping]) -> Iterator[Fault]:
    prefix = values.get("cognito_domain_prefix")
    if prefix:
        if not PREFIX.fullmatch(prefix):
            rule = "is not the prefix of a domain: 1 to 63 lower-case letters, digits and '-', no '-' at its ends"
            yield fault("cognito_domain_prefix", prefix, rule)
        else:
            yield from _word_faults("cognito_domain_prefix", prefix, "")
    elif prefix == "" and (name := values.get("platform_prefix")):
        yield from _word_faults("platform_name", name, ": set cognito_domain_prefix to another text")
    host = values.get("cognito_custom_domain")
    if not host:
        return
    if not HOST.fullmatch(host) or len(host) > LONGEST_DOMAIN:
        rule = f"is not a host name of up to {LONGEST_DOMAIN} lower-case letters, digits, '-' and '.'"
        yield fault("cognito_custom_domain", host, rule)
    elif host.count(".") < 2:
        rule = "is not below a domain of yours, as auth.example.com is, and that must have an A record for Cognito"
        yield fault("cognito_custom_domain", host, rule)
    else:
        yield from _certificate_faults(host, values, certificates)


def _word_faults(variable: str, text: str, remedy: str) -> Iterator[Fault]:
    for word in RESERVED_WORDS:
        if word in text:
            yield fault(variable, text, f"has {word} in it, which Cognito refuses in the prefix of a domain{remedy}")
            return


def _covers(certificate: Mapping[str, t.Any], host: str) -> bool:
    """Whether a certificate is for a host, by its name or with a * in place of the first label."""
    names = [certificate.get("domain_name"), *(certificate.get("alternative_names") or [])]
    return host in names or f"*.{host.partition('.')[2]}" in names


def _certificate_faults(host: str, values: Mapping[str, t.Any], certificates: list[Mapping]) -> Iterator[Fault]:
    variable, given = "cognito_custom_domain_certificate", values.get("cognito_custom_domain_certificate")
    entries = {entry["name"]: entry for entry in certificates if "name" in entry and entry.get("state") != "absent"}
    if given == "":
        right = [name for name, entry in entries.items() if _covers(entry, host)]
        found = f"such as {right[0]}" if right else f"for it in {CERTIFICATE_REGION}"
        rule = (
            f"has no certificate: give {variable} the name of an entry of certificate_certificates {found}, or an ARN"
        )
        yield fault("cognito_custom_domain", host, rule)
    elif given and given.startswith("arn:"):
        yield from _certificate_arn_faults(given, values.get("platform_account_id"))
    elif given and given not in entries:
        guess = did_you_mean(given, entries)
        yield fault(variable, given, f"is neither an ARN nor an entry of certificate_certificates{guess}")
    elif given:
        entry, here = entries[given], values.get("platform_region")
        region = entry.get("region") or here
        if not _covers(entry, host):
            yield fault(variable, given, f"is a certificate for {entry.get('domain_name')} and not for {host}")
        elif region and region != CERTIFICATE_REGION:
            rule = f"is in {region}, and Cognito takes one of {CERTIFICATE_REGION} alone: set its region"
            yield fault(variable, given, rule)


def _certificate_arn_faults(arn: str, account: str | None) -> Iterator[Fault]:
    variable, found = "cognito_custom_domain_certificate", CERTIFICATE.fullmatch(arn)
    if not found:
        yield fault(variable, arn, "is not the ARN of a certificate of ACM")
    elif found[1] != CERTIFICATE_REGION:
        yield fault(variable, arn, f"is in {found[1]}, and Cognito takes one of {CERTIFICATE_REGION} alone")
    elif account and found[2] != account:
        yield fault(variable, arn, f"is a certificate of another account than {account}, which Cognito doesn't take")


# ---- clients


def url_rule(url: str) -> str | None:
    """What is wrong with where people may be sent back to."""
    if not _visible(url) or len(url) > LONGEST_URL:
        return f"is not a URL of 1 to {LONGEST_URL} characters without spaces"
    if "#" in url:
        return "has a fragment (what follows #), which Cognito refuses"
    if "*" in url:
        return "has a *: Cognito compares the whole URL and knows no wildcards"
    found = SCHEME.fullmatch(url)
    scheme, rest = (found[1].lower(), found[2]) if found else ("", "")
    if not scheme or scheme in NO_APP_SCHEMES or (scheme != "https" and scheme != "http" and not rest):
        return "is not an absolute URL with https, such as https://app.example.com/callback"
    if scheme == "http" and not LOCAL.fullmatch(rest):
        return "is not https: Cognito takes http for localhost, 127.0.0.1 and [::1] alone"
    if scheme == "https" and not AUTHORITY.fullmatch(rest):
        return "is not an absolute URL with https, such as https://app.example.com/callback"
    return None


def _url_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    for variable in ("cognito_web_callback_urls", "cognito_web_logout_urls"):
        urls = values.get(variable) or []
        if len(urls) > MOST_URLS:
            yield Fault(variable, f"{len(urls)} URLs are more than the {MOST_URLS} that Cognito takes")
        for url in repeated(urls):
            yield fault(variable, url, "occurs more than once")
        for index, url in enumerate(urls):
            if rule := url_rule(url):
                yield fault(f"{variable}[{index}]", url, rule)


def _scope_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    scopes, identifier = values.get("cognito_scopes"), values.get("cognito_resource_server")
    if not identifier and (prefix := values.get("platform_prefix")):
        identifier = resource_name(RESOURCE_SERVER, prefix, "cognito_resource_server")
    if identifier and not (IDENTIFIER.fullmatch(identifier) and len(identifier) <= LONGEST_SCOPE):
        rule = f"is not 1 to {LONGEST_SCOPE} characters of ASCII without spaces, quotation marks and backslashes"
        yield fault("cognito_resource_server", identifier, rule)
        identifier = None
    if scopes is None:
        return
    yield from repeated_names("cognito_scopes", scopes)
    if len(scopes) > MOST_SCOPES:
        yield Fault("cognito_scopes", f"{len(scopes)} scopes are more than the {MOST_SCOPES} that Cognito takes")
    for index, scope in enumerate(scopes):
        name, text = scope.get("name"), scope.get("description")
        path = f"cognito_scopes[{index}]"
        if name is not None and not (SCOPE.fullmatch(name) and len(name) <= LONGEST_SCOPE):
            rule = f'is not the name of a scope: 1 to {LONGEST_SCOPE} characters of ASCII without spaces and / " \\'
            yield fault(f"{path}.name", name, rule)
        elif name is not None and identifier and len(f"{identifier}/{name}") > LONGEST_SCOPE:
            yield fault(f"{path}.name", name, f"is with {identifier} before it longer than {LONGEST_SCOPE} characters")
        if text is not None and not 1 <= len(text) <= LONGEST_SCOPE:
            yield fault(f"{path}.description", text, f"is not 1 to {LONGEST_SCOPE} characters long")
    own = [scope["name"] for scope in scopes if "name" in scope]
    yield from _asked_faults("cognito_web_scopes", values.get("cognito_web_scopes"), [*STANDARD_SCOPES, *own])
    yield from _asked_faults("cognito_machine_scopes", values.get("cognito_machine_scopes"), own)


def _asked_faults(variable: str, asked: list[str] | None, known: list[str]) -> Iterator[Fault]:
    if asked is None:
        return
    if not asked:
        yield fault(variable, [], "names no scope, and Cognito gives no token without one")
    if len(asked) > MOST_CLIENT_SCOPES:
        yield Fault(variable, f"{len(asked)} scopes are more than the {MOST_CLIENT_SCOPES} that a client can have")
    for scope in repeated(asked):
        yield fault(variable, scope, "occurs more than once")
    for index, scope in enumerate(asked):
        path = f"{variable}[{index}]"
        if scope in STANDARD_SCOPES and scope not in known:
            yield fault(path, scope, "is about a person, and this client acts for none: name scopes of cognito_scopes")
        elif scope not in known:
            yield fault(
                path,
                scope,
                f"is a scope that neither OpenID Connect nor cognito_scopes has{did_you_mean(scope, known)}",
            )


def _token_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable = "cognito_web_refresh_token_hours"
    hours = values.get(variable)
    for kind in ("access", "id"):
        minutes = values.get(f"cognito_web_{kind}_token_minutes")
        if hours is not None and minutes is not None and hours * 60 <= minutes:
            rule = f"is not longer than cognito_web_{kind}_token_minutes, {minutes}: a refresh token must outlast it"
            yield fault(variable, hours, rule)


# ---- groups and users


def _group_faults(groups: list[Mapping]) -> Iterator[Fault]:
    variable = "cognito_groups"
    yield from repeated_names(variable, groups)
    present = [group for group in groups if group.get("state") != "absent"]
    for precedence in repeated(group["precedence"] for group in present if group.get("precedence") is not None):
        those = " and ".join(group["name"] for group in present if group.get("precedence") == precedence)
        yield fault(f"{variable}[].precedence", precedence, f"is that of {those}: which one goes before is open")
    for index, group in enumerate(groups):
        name = group.get("name")
        if name is not None and not (_visible(name) and len(name) <= LONGEST_GROUP):
            rule = f"is not the name of a group: 1 to {LONGEST_GROUP} characters without spaces"
            yield fault(f"{variable}[{index}].name", name, rule)
        role = group.get("role_arn")
        if role and not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", role, re.ASCII):
            yield fault(f"{variable}[{index}].role_arn", role, "is not the ARN of an IAM role")


def _user_faults(users: list[Mapping], groups: list[Mapping]) -> Iterator[Fault]:
    variable = "cognito_users"
    known = [group["name"] for group in groups if "name" in group and group.get("state") != "absent"]
    for address in repeated(user["email"].lower() for user in users if "email" in user):
        yield fault(f"{variable}[].email", address, "occurs more than once")
    for index, user in enumerate(users):
        address = user.get("email")
        if address is not None and not (EMAIL.fullmatch(address) and len(address) <= LONGEST_EMAIL):
            rule = f"is not an e-mail address of up to {LONGEST_EMAIL} characters"
            yield fault(f"{variable}[{index}].email", address, rule)
        for number, group in enumerate(user.get("groups") or []):
            if group not in known and user.get("state") != "absent":
                rule = f"is no group of cognito_groups{did_you_mean(group, known)}"
                yield fault(f"{variable}[{index}].groups[{number}]", group, rule)


def _principal_tag_faults(tags: Mapping[t.Any, t.Any]) -> Iterator[Fault]:
    variable = "cognito_principal_tags"
    if len(tags) > MOST_TAGS:
        yield Fault(variable, f"{len(tags)} tags are more than the {MOST_TAGS} that a session can have")
    for key, claim in tags.items():
        if not 1 <= len(str(key)) <= LONGEST_TAG:
            yield fault(variable, key, f"is not the key of a tag, of 1 to {LONGEST_TAG} characters")
        if not isinstance(claim, str) or not 1 <= len(claim) <= LONGEST_CLAIM:
            yield fault(f"{variable}.{key}", claim, "is not the name of a claim, such as sub or email")


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _tier_faults(values)
    yield from _sign_in_faults(values)
    yield from _attribute_faults(values.get("cognito_custom_attributes") or [])
    yield from _email_faults(values)
    yield from _domain_faults(values, others.get("certificate", {}).get("certificate_certificates") or [])
    yield from _url_faults(values)
    yield from _scope_faults(values)
    yield from _token_faults(values)
    groups = values.get("cognito_groups") or []
    yield from _group_faults(groups)
    yield from _user_faults(values.get("cognito_users") or [], groups)
    variable = "cognito_authenticated_statements"
    yield from statement_faults(variable, values.get(variable) or [], "cognito")
    yield from _principal_tag_faults(values.get("cognito_principal_tags") or {})


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    yield from fixed_names(
        prefix, cognito_identity_pool=[IDENTITY_POOL], cognito_user_pool=[USER_POOL], iam_role=[ROLE]
    )
    if not prefix:
        return
    yield Name("secret", f"{prefix}/{SECRET}")
    account, region = values.get("platform_account_id"), values.get("platform_region")
    if given := values.get("cognito_domain_prefix"):
        yield Name("cognito_domain", given, "cognito_domain_prefix")
    elif account and region:
        yield Name("cognito_domain", domain_prefix(prefix, account, region))
    yield from (
        Name("log_group", log_group(prefix, source))
        for source in values.get("cognito_log_sources") or []
        if source in LOGS
    )


# ---- what exists


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What Cognito can't make of the user pool that there is."""
    found = platform.get("cognito") or {}
    pool = found.get("user_pool_id")
    if not pool:
        return
    never = "and Cognito can't change it: another user pool would be needed, without these users"
    if found.get("username_attributes") not in (None, ["email"]):
        told = show(found["username_attributes"])
        yield Fault(
            "cognito", f"the user pool {pool} has users who sign in with {told} and not with ['email'] alone, {never}"
        )
    case = values.get("cognito_username_case_sensitive")
    if None not in (case, found.get("username_case_sensitive")) and case != found["username_case_sensitive"]:
        yield fault("cognito_username_case_sensitive", case, f"is not so in the user pool {pool}, {never}")
    required = values.get("cognito_required_attributes")
    if required is not None and sorted(required) != sorted(found.get("required_attributes") or []):
        is_so = show(sorted(found.get("required_attributes") or []))
        yield fault("cognito_required_attributes", required, f"are {is_so} in the user pool {pool}, {never}")
    for index, attribute in enumerate(values.get("cognito_custom_attributes") or []):
        existing = (found.get("custom_attributes") or {}).get(attribute.get("name")) or {}
        for key in ("type", "mutable", "minimum", "maximum"):
            declared = attribute.get(key)
            if declared is not None and existing.get(key) is not None and declared != existing[key]:
                rule = f"is {show(existing[key])} in the user pool {pool}, {never}"
                yield fault(f"cognito_custom_attributes[{index}].{key}", declared, rule)


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Custom attributes that are left in the user pool."""
    attributes = values.get("cognito_custom_attributes")
    if attributes is None:
        return
    found = platform.get("cognito") or {}
    left = sorted(set(found.get("custom_attributes") or {}) - {attribute.get("name") for attribute in attributes})
    if left:
        text = f"doesn't have {', '.join(left)} of the user pool {found['user_pool_id']}; Cognito never removes any"
        yield Fault("cognito_custom_attributes", text)
