# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the frontend component."""

from __future__ import annotations

import re
import typing as t
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.certificate import GLOBAL_REGION
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.frontend import (
    ROUTING,
    THING,
    bucket_name,
    log_groups,
)

from ..fault import Fault, did_you_mean, fault
from ..formats import partition_of, repeated, repeated_names
from ..names import Name, fixed_names, log_bucket
from ..ranges import Range
from .certificate import name_rule
from .cognito import CERTIFICATE

# What CloudFront takes of a header unless the quota has been raised.
LONGEST_HEADER = 1783
# Where browsers begin to take a name into what they are shipped with.
PRELOADED_FROM = 31536000
SOURCE = re.compile(r"(https|wss)://(\*\.)?[a-z0-9.-]+(:\d+)?(/[\w./%~-]*)?|http://(localhost|127\.0\.0\.1)(:\d+)?")
KEY = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:key/[\w-]+")
INDEX = "index.html"

# The groups of AWS WAF, with the capacity units that they take.
CAPACITIES = {
    "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesAnonymousIpList": 50,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesLinuxRuleSet": 200,
    "AWSManagedRulesPHPRuleSet": 100,
    "AWSManagedRulesSQLiRuleSet": 200,
    "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesWindowsRuleSet": 200,
    "AWSManagedRulesWordPressRuleSet": 100,
}
RATE_CAPACITY = 2
# What the price of a web ACL includes.
INCLUDED_CAPACITY = 1500
# Groups that can't do without settings of their own.
WITH_SETTINGS = (
    "AWSManagedRulesACFPRuleSet",
    "AWSManagedRulesATPRuleSet",
    "AWSManagedRulesAntiDDoSRuleSet",
    "AWSManagedRulesBotControlRuleSet",
)
RULE = re.compile(r"[A-Za-z0-9_-]{1,128}")
MOST_ALIASES, MOST_OVERRIDES = 100, 100

RANGES = {
    "frontend_rate_limit": Range(10, 2_000_000_000, "requests"),
    "frontend_hsts_max_age_seconds": Range(0, 2**31 - 1, "seconds"),
    "frontend_api_read_seconds": Range(1, 120, "seconds"),
}
SAMPLES = {
    "distribution_id": 14 * "x",
    "distribution_arn": "arn:{partition}:cloudfront::{account_id}:distribution/" + 14 * "x",
    "domain_name": 14 * "x" + ".cloudfront.net",
    "origin_access_control_id": 14 * "x",
    "response_headers_policy_id": 36 * "x",
    "web_acl_arn": "arn:{partition}:wafv2:us-east-1:{account_id}:global/webacl/" + 165 * "x",
}


def _source_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable, given = "frontend_source", values.get("frontend_source")
    if not given:
        return
    folder = Path(given).expanduser()
    if not folder.is_dir():
        yield fault(variable, given, "is not a folder on this machine")
    elif not (folder / INDEX).is_file():
        yield fault(
            variable, given, f"has no {INDEX}, which is sent for every page: name the folder that a build makes"
        )


def _header_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    for variable in ("frontend_content_security_policy", "frontend_permissions_policy"):
        text = values.get(variable) or ""
        if any(unicodedata.category(letter) == "Cc" for letter in text):
            yield fault(
                variable,
                text,
                "has a line break or another control character, which a header can't have: fold it with >-",
            )
        elif not text.isascii():
            yield fault(variable, text, "has other characters than those of ASCII, which a header can't have")
        elif text != text.strip():
            yield fault(variable, text, "begins or ends with a space")
    sources = values.get("frontend_connect_sources") or []
    for index, source in enumerate(sources):
        if not SOURCE.fullmatch(source):
            rule = "is not an address such as https://telemetry.example.com"
            yield fault(f"frontend_connect_sources[{index}]", source, rule)
    for source in repeated(sources):
        yield fault("frontend_connect_sources", source, "occurs more than once")
    if sources and values.get("frontend_content_security_policy"):
        rule = "have no meaning with frontend_content_security_policy: put them into its connect-src"
        yield fault("frontend_connect_sources", sources, rule)
    if values.get("frontend_hsts_preload"):
        if values.get("frontend_hsts_include_subdomains") is False:
            yield fault("frontend_hsts_preload", True, "takes frontend_hsts_include_subdomains")
        if (values.get("frontend_hsts_max_age_seconds") or PRELOADED_FROM) < PRELOADED_FROM:
            rule = f"takes a year at least: set frontend_hsts_max_age_seconds to {PRELOADED_FROM}"
            yield fault("frontend_hsts_preload", True, rule)


def _aliases(values: Mapping[str, t.Any]) -> list[tuple[str, str]]:
    """The names that people use, each with the variable that it stands in."""
    domain, further = values.get("frontend_domain_name"), values.get("frontend_alternative_names") or []
    first = [("frontend_domain_name", domain)] if domain else []
    return first + [(f"frontend_alternative_names[{index}]", name) for index, name in enumerate(further)]


def _name_faults(values: Mapping[str, t.Any], certificates: list[Mapping]) -> Iterator[Fault]:
    aliases = _aliases(values)
    for variable, name in aliases:
        if wrong := name_rule(name):
            yield fault(variable, name, wrong)
        elif variable == "frontend_domain_name" and name.startswith("*"):
            yield fault(variable, name, "stands for many names: give one here, and this in frontend_alternative_names")
    for twice in repeated([name for _variable, name in aliases]):
        yield fault("frontend_alternative_names", twice, "occurs more than once")
    if len(aliases) > MOST_ALIASES:
        rule = f"{len(aliases)} names are more than the {MOST_ALIASES} that CloudFront takes"
        yield Fault("frontend_alternative_names", rule)
    if aliases and not values.get("frontend_domain_name"):
        yield fault("frontend_alternative_names", [name for _variable, name in aliases], "take a frontend_domain_name")
    given = values.get("frontend_certificate")
    if aliases and given == "":
        found = ", ".join(entry["name"] for entry in certificates if "name" in entry) or "which has none"
        rule = (
            "has no certificate: give frontend_certificate the name of an entry of certificate_certificates"
            f" ({found}), or an ARN"
        )
        yield fault(*aliases[0], rule)
    elif given and not aliases:
        yield fault("frontend_certificate", given, "has no meaning without frontend_domain_name")
    elif given:
        yield from _certificate_faults(given, aliases, values, certificates)
    if values.get("frontend_hosted_zone") and values.get("frontend_alias_records") is False:
        rule = "has no meaning with frontend_alias_records: false"
        yield fault("frontend_hosted_zone", values["frontend_hosted_zone"], rule)


def _certificate_faults(
    given: str, aliases: list[tuple[str, str]], values: Mapping[str, t.Any], certificates: list[Mapping]
) -> Iterator[Fault]:
    variable = "frontend_certificate"
    if given.startswith("arn:"):
        yield from _arn_faults(given, values.get("platform_account_id"))
        return
    entries = {entry["name"]: entry for entry in certificates if "name" in entry and entry.get("state") != "absent"}
    if given not in entries:
        guess = did_you_mean(given, entries)
        yield fault(variable, given, f"is neither an ARN nor an entry of certificate_certificates{guess}")
        return
    entry = entries[given]
    region = entry.get("region") or values.get("platform_region")
    if region and region != GLOBAL_REGION:
        rule = f"is a certificate in {region}, and CloudFront takes those of {GLOBAL_REGION} only: set its region"
        yield fault(variable, given, rule)
    covered = [entry.get("domain_name"), *(entry.get("alternative_names") or [])]
    for place, name in aliases:
        if name not in covered and f"*.{name.partition('.')[2]}" not in covered:
            yield fault(
                place, name, f"is not among the names of the certificate {given}: add it to its alternative_names"
            )


def _arn_faults(arn: str, account: str | None) -> Iterator[Fault]:
    variable, found = "frontend_certificate", CERTIFICATE.fullmatch(arn)
    if not found:
        yield fault(variable, arn, "is not the ARN of a certificate of ACM")
    elif found[1] != GLOBAL_REGION:
        yield fault(variable, arn, f"is in {found[1]}, and CloudFront takes certificates of {GLOBAL_REGION} only")
    elif account and found[2] != account:
        yield fault(variable, arn, f"is a certificate of another account than {account}, which CloudFront doesn't take")


def _web_acl_faults(groups: list[Mapping]) -> Iterator[Fault]:
    variable = "frontend_waf_rule_groups"
    yield from repeated_names(variable, groups)
    for index, group in enumerate(groups):
        name, counted, path = group.get("name"), group.get("counted") or [], f"{variable}[{index}]"
        if name in WITH_SETTINGS:
            yield fault(f"{path}.name", name, "takes settings of its own, which this role has none of")
        elif name is not None and name not in CAPACITIES:
            guess = did_you_mean(name, CAPACITIES, "AWSManagedRules")
            yield fault(f"{path}.name", name, f"is not a group of rules of AWS WAF that this role knows{guess}")
        for place, rule in enumerate(counted):
            if not RULE.fullmatch(rule):
                yield fault(
                    f"{path}.counted[{place}]", rule, "is not the name of a rule, such as SizeRestrictions_BODY"
                )
        for rule in repeated(counted):
            yield fault(f"{path}.counted", rule, "occurs more than once")
        if len(counted) > MOST_OVERRIDES:
            yield Fault(f"{path}.counted", f"{len(counted)} are too many: AWS WAF takes {MOST_OVERRIDES}")


def _log_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    key = values.get("frontend_log_kms_key_arn")
    if not key:
        return
    found = KEY.fullmatch(key)
    if not found:
        yield fault("frontend_log_kms_key_arn", key, "is not the ARN of a KMS key")
    elif found[1] != GLOBAL_REGION:
        rule = f"is a key in {found[1]}, and the logs of CloudFront and its web ACL lie in {GLOBAL_REGION}"
        yield fault("frontend_log_kms_key_arn", key, rule)


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    region = values.get("platform_region")
    if region and partition_of(region) != "aws":
        rule = f"is in the partition {partition_of(region)}, where CloudFront lacks what the front end is made of"
        yield fault("platform_region", region, f"{rule}: add --skip-tags frontend,vpc_origin")
    yield from _source_faults(values)
    yield from _header_faults(values)
    yield from _name_faults(values, others.get("certificate", {}).get("certificate_certificates") or [])
    yield from _web_acl_faults(values.get("frontend_waf_rule_groups") or [])
    yield from _log_faults(values)


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix, account = values.get("platform_prefix"), values.get("platform_account_id")
    yield from fixed_names(
        prefix,
        cloudfront_distribution=[THING],
        cloudfront_function=[ROUTING],
        cloudfront_origin_access_control=[THING],
        cloudfront_response_headers_policy=[THING],
        log_delivery=[THING],
        web_acl=[THING],
    )
    if prefix:
        yield from (Name("log_group", name) for name in log_groups(prefix).values())
    yield from fixed_names(account and prefix, s3_bucket=[bucket_name(account)])
    yield from log_bucket(values, "frontend")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Names that another distribution of the account has."""
    ours = (platform.get("frontend") or {}).get("distribution_id")
    used = ((platform.get("offers") or {}).get("frontend") or {}).get("aliases") or {}
    for variable, name in _aliases(values):
        if name in used and used[name] != ours:
            rule = (
                f"is a name of the distribution {used[name]}, and CloudFront gives it to one only: take it from there"
            )
            yield fault(variable, name, rule)


def warnings(values: Mapping[str, t.Any], _platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    for variable in ("frontend_content_security_policy", "frontend_permissions_policy"):
        length = len(values.get(variable) or "")
        if length > LONGEST_HEADER:
            rule = f"has {length:,} characters, of which CloudFront takes {LONGEST_HEADER:,} unless the quota is raised"
            yield Fault(variable, rule)
    groups = [group.get("name") for group in values.get("frontend_waf_rule_groups") or []]
    capacity = RATE_CAPACITY + sum(CAPACITIES.get(name, 0) for name in groups)
    if capacity > INCLUDED_CAPACITY:
        rule = (
            f"take {capacity} capacity units with the limit of requests; above {INCLUDED_CAPACITY} AWS WAF costs more"
        )
        yield Fault("frontend_waf_rule_groups", rule)
