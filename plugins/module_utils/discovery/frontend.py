# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The distribution of CloudFront with what it is made of, the bucket behind it, and the logs of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from ..cloudfront import mark_of, occurs
from .base import LOG_GROUP, Component, Search, listed, tags_of
from .certificate import GLOBAL_REGION

THING = "frontend"
ROUTING = "frontend-routing"
# What CloudFront needs besides lies in its region.
WAF, LOGS = f"wafv2@{GLOBAL_REGION}", f"logs@{GLOBAL_REGION}"
# Characters of the texts that say whose something is that has no tags.
LONGEST_DESCRIPTION, LONGEST_COMMENT = 256, 128


def bucket_name(account_id: str) -> str:
    """What the bucket is called after the prefix."""
    return f"{THING}-{account_id}"


def log_groups(prefix: str) -> dict[str, str]:
    """Where requests are logged, by what is told of them. AWS WAF asks for such a beginning."""
    return {"access": f"/aws/vendedlogs/{prefix}/cloudfront", "web_acl": f"aws-waf-logs-{prefix}-{THING}"}


def empty(_search: Search) -> dict[str, Any]:
    return {
        "url": None,
        "distribution_id": None,
        "distribution_arn": None,
        "domain_name": None,
        "aliases": [],
        "enabled": None,
        "status": None,
        "certificate_arn": None,
        "minimum_tls": None,
        "origin_access_control_id": None,
        "response_headers_policy_id": None,
        "function_arn": None,
        "bucket": None,
        "web_acl_arn": None,
        "log_groups": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    # CloudFront with all of this is in the partition aws alone.
    if search.partition != "aws":
        return
    scope = search.scope
    started = {
        "distributions": search.start("cloudfront", "list_distributions"),
        "controls": search.start("cloudfront", "list_origin_access_controls"),
        "policies": search.start("cloudfront", "list_response_headers_policies", Type="custom"),
        "function": search.start(
            "cloudfront", "describe_function", Name=scope.name(ROUTING, "cloudfront_function"), Stage="DEVELOPMENT"
        ),
        "buckets": search.start("s3", "list_buckets"),
        "web_acls": search.start(WAF, "list_web_acls", Scope="CLOUDFRONT", Limit=100),
        "source": search.start(LOGS, "get_delivery_source", name=scope.name(THING, "log_delivery")),
    }
    logs = {name: search.start(LOGS, "describe_log_groups", logGroupNamePrefix=name) for name in _logs(search)}
    facts["bucket"] = search.bucket(bucket_name(search.account_id), started["buckets"].result())
    distribution = _distribution(search, _items(started["distributions"], "DistributionList"))
    if distribution:
        facts.update(_facts_of(search, distribution))
    facts["origin_access_control_id"] = _untagged(
        search,
        "origin access control",
        _controls(started["controls"]),
        "cloudfront_origin_access_control",
        distribution,
    )
    facts["response_headers_policy_id"] = _untagged(
        search,
        "response headers policy",
        _policies(started["policies"]),
        "cloudfront_response_headers_policy",
        distribution,
    )
    facts["function_arn"] = _function(search, started["function"])
    facts["web_acl_arn"] = _web_acl(search, started["web_acls"])
    _check_source(search, started["source"])
    facts["log_groups"] = [name for name, asked in logs.items() if _has_log_group(search, name, asked)]


def _items(asked: Future, path: str) -> list[dict[str, Any]]:
    return ((asked.result() or {}).get(path) or {}).get("Items") or []


def _logs(search: Search) -> list[str]:
    return list(log_groups(search.scope.prefix).values())


def _tags(search: Search, arn: str) -> dict[str, str]:
    answer = search.read("cloudfront", "list_tags_for_resource", Resource=arn)
    return {tag["Key"]: tag.get("Value", "") for tag in ((answer or {}).get("Tags") or {}).get("Items") or []}


def _distribution(search: Search, all_of_them: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Ours. Names of distributions are tags, and only those that look like ours are asked for theirs.

    One that serves our bucket is ours though it may have lost a tag.
    """
    name = search.scope.name(THING, "cloudfront_distribution")
    place = f"{_bucket_name(search)}.s3."
    ours = []
    for item in all_of_them:
        placed = any(origin["DomainName"].startswith(place) for origin in item["Origins"].get("Items") or [])
        if placed or item.get("Comment") == name:
            tags = _tags(search, item["ARN"])
            if search.owns(tags) or (placed and search.keeps_marks(tags)):
                ours.append(item)
    return search.one("distributions", ours, "Id")


def _facts_of(search: Search, distribution: Mapping[str, Any]) -> dict[str, Any]:
    aliases = sorted(distribution["Aliases"].get("Items") or [])
    # The name that people use is the one that is declared so; else the first that is a name.
    used = [
        *(name for name in search.entries if name in aliases),
        *(name for name in aliases if not name.startswith("*")),
        distribution["DomainName"],
    ]
    certificate = distribution.get("ViewerCertificate") or {}
    return {
        "url": f"https://{used[0]}",
        "distribution_id": distribution["Id"],
        "distribution_arn": distribution["ARN"],
        "domain_name": distribution["DomainName"],
        "aliases": aliases,
        "enabled": distribution["Enabled"],
        "status": distribution["Status"],
        "certificate_arn": certificate.get("ACMCertificateArn"),
        "minimum_tls": certificate.get("MinimumProtocolVersion"),
    }


def _controls(asked: Future) -> list[tuple[str, str, str, int]]:
    return [
        (item["Name"], item["Id"], item.get("Description") or "", LONGEST_DESCRIPTION)
        for item in _items(asked, "OriginAccessControlList")
    ]


def _policies(asked: Future) -> list[tuple[str, str, str, int]]:
    found = [item["ResponseHeadersPolicy"] for item in _items(asked, "ResponseHeadersPolicyList")]
    return [
        (config["Name"], item["Id"], config.get("Comment") or "", LONGEST_COMMENT)
        for item in found
        for config in (item["ResponseHeadersPolicyConfig"],)
    ]


def _untagged(
    search: Search,
    kind: str,
    found: Iterable[tuple[str, str, str, int]],
    names: str,
    distribution: Mapping[str, Any] | None,
) -> str | None:
    """The id of what says in its text whose it is, or of what our distribution uses."""
    name = search.scope.name(THING, names)
    for other, identifier, text, longest in found:
        if other != name:
            continue
        mark = mark_of(search.marks, longest)
        if text == mark or text.endswith(f"({mark})") or (distribution and occurs(distribution, identifier)):
            return identifier
        search.foreign(f"CloudFront {kind} {name}", {})
    return None


def _function(search: Search, asked: Future) -> str | None:
    described = (asked.result() or {}).get("FunctionSummary")
    if not described:
        return None
    arn = described["FunctionMetadata"]["FunctionARN"]
    if not search.owns(tags := _tags(search, arn)):
        search.foreign(f"CloudFront function {described['Name']}", tags)
        return None
    return arn


def _bucket_name(search: Search) -> str:
    return search.scope.name(bucket_name(search.account_id), "s3_bucket")


def _web_acl(search: Search, asked: Future) -> str | None:
    name = search.scope.name(THING, "web_acl")
    for item in (asked.result() or {}).get("WebACLs", []):
        if item["Name"] == name:
            answer = search.read(WAF, "list_tags_for_resource", ResourceARN=item["ARN"])
            tags = tags_of((answer or {}).get("TagInfoForResource") or {}, "TagList")
            if search.owns(tags):
                return item["ARN"]
            search.foreign(f"web ACL {name}", tags)
    return None


def _check_source(search: Search, asked: Future) -> None:
    source = (asked.result() or {}).get("deliverySource")
    tags = source and _tags_in_logs(search, source["arn"])
    if source and not search.owns(tags):
        search.foreign(f"log delivery source {source['name']}", tags)


def _tags_in_logs(search: Search, arn: str) -> dict[str, str]:
    return tags_of(search.read(LOGS, "list_tags_for_resource", resourceArn=arn) or {}, "tags")


def _has_log_group(search: Search, name: str, asked: Future) -> bool:
    groups = (asked.result() or {}).get("logGroups", [])
    arn = next((group["arn"].removesuffix(":*") for group in groups if group["logGroupName"] == name), None)
    if arn is None:
        return False
    tags = _tags_in_logs(search, arn)
    if not search.owns(tags):
        search.foreign(f"{LOG_GROUP.replace('_', ' ')} {name} in {GLOBAL_REGION}", tags)
        return False
    return True


def offers(search: Search) -> dict[str, Any]:
    """Names that distributions of the account have, and which has each."""
    if search.partition != "aws":
        return {"aliases": {}}
    found = _items(search.start("cloudfront", "list_distributions"), "DistributionList")
    return {"aliases": {alias: item["Id"] for item in found for alias in item["Aliases"].get("Items") or []}}


def summary(facts: Mapping[str, Any]) -> list[str]:
    state = facts["status"] if facts["enabled"] else "disabled"
    lines = [f"{facts['url']} by distribution {facts['distribution_id']}, {state}"]
    others = [name for name in facts["aliases"] if facts["url"] != f"https://{name}"]
    return lines + ([f"also {listed(others)}"] if others else [])


COMPONENT = Component(
    name="frontend",
    services=("cloudfront", "s3", WAF, LOGS),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["distribution_id"] is not None,
    summary=summary,
    offers=offers,
)
