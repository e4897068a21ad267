# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's certificates, in its region and in the one where CloudFront and Cognito look for theirs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from ..acm import ISSUED, LISTED, algorithm_of, in_force, is_requested
from ..route53 import Zone, choose, zone_of
from .base import Component, Search, listed, name_of, tags_of

# In the partition aws the region of what is global, whose certificates lie there, too.
GLOBAL_REGION = "us-east-1"
GLOBAL = f"acm@{GLOBAL_REGION}"
# Days before the end in which ACM has renewed a certificate that is in use, or tries to.
RENEWED_BEFORE = 45


def empty(search: Search) -> dict[str, Any]:
    return {"certificates": dict.fromkeys(search.entries), "superseded": []}


def collect(search: Search, facts: dict[str, Any]) -> None:
    places = {search.scope.region: "acm"}
    if search.partition == "aws" and search.scope.region != GLOBAL_REGION:
        places[GLOBAL_REGION] = GLOBAL
    names = {search.scope.name(entry, "ec2_tag_name") for entry in search.entries}
    started = {region: search.start(service, "list_certificates", **LISTED) for region, service in places.items()}
    found = [
        (region, item["CertificateArn"], item["DomainName"])
        for region, asked in started.items()
        for item in (asked.result() or {}).get("CertificateSummaryList", [])
        if is_requested(item)
    ]
    tags = {
        arn: search.start(places[region], "list_tags_for_certificate", CertificateArn=arn)
        for region, arn, _domain in found
    }
    ours = []
    for region, arn, domain in found:
        bearing = tags_of(tags[arn].result() or {})
        if search.owns(bearing):
            ours.append((region, arn))
        elif bearing.get("Name") in names and search.keeps_marks(bearing):
            search.foreign(f"ACM certificate {domain}", bearing)
    described = {arn: search.start(places[region], "describe_certificate", CertificateArn=arn) for region, arn in ours}
    zones = _zones(search.start("route53", "list_hosted_zones")) if ours else []
    by_entry: dict[str, list[dict[str, Any]]] = {}
    for region, arn in ours:
        certificate = (described[arn].result() or {}).get("Certificate")
        if certificate:
            entry = _entry(search, tags[arn].result() or {}, certificate)
            by_entry.setdefault(entry, []).append({**certificate, "Region": region})
    for entry, several in sorted(by_entry.items()):
        used = _in_force(several)
        facts["certificates"][entry] = _facts(used, zones)
        facts["superseded"] += sorted(item["CertificateArn"] for item in several if item is not used)
    # One that has lost its Name may be declared.
    named = {name_of(tags[arn].result() or {}) for _region, arn in ours} - {None}
    left = sorted({name.removeprefix(f"{search.scope.prefix}-") for name in named} - set(search.entries))
    if left:
        search.warnings.append(
            f"{search.component.name}: the certificate {listed(left)} of this platform isn't declared any more and is"
            " left alone. Declare it, with state: absent if it shall go."
        )


def _entry(search: Search, tagged: Mapping[str, Any], certificate: Mapping[str, Any]) -> str:
    """What the inventory calls it; one that has lost its Name goes by its domain name."""
    return (name_of(tagged) or certificate["DomainName"]).removeprefix(f"{search.scope.prefix}-")


def _zones(asked: Future) -> list[Zone]:
    return [zone_of(item) for item in (asked.result() or {}).get("HostedZones", [])]


def _in_force(several: list[dict[str, Any]]) -> dict[str, Any]:
    """The one to use: while another is still being validated, the one before; of those that are over, the last."""
    issued = [item for item in several if item["Status"] == ISSUED]
    last = max(several, key=lambda item: str(item.get("CreatedAt") or ""))
    return next(iter(in_force(issued) or in_force(several)), last)


def _facts(certificate: Mapping[str, Any], zones: Iterable[Zone]) -> dict[str, Any]:
    domain = certificate["DomainName"]
    zone = choose(zones, domain.removeprefix("*.")).zone
    ends = certificate.get("NotAfter")
    return {
        "arn": certificate["CertificateArn"],
        "domain_name": domain,
        "alternative_names": sorted(set(certificate.get("SubjectAlternativeNames") or []) - {domain}),
        "region": certificate["Region"],
        "key_algorithm": algorithm_of(certificate),
        "status": certificate["Status"],
        "not_after": ends.isoformat() if ends else None,
        "renewal_status": (certificate.get("RenewalSummary") or {}).get("RenewalStatus"),
        "renewal_reason": (certificate.get("RenewalSummary") or {}).get("RenewalStatusReason"),
        "in_use_by": sorted(certificate.get("InUseBy") or []),
        "hosted_zone_id": zone.id if zone else None,
    }


def today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def problem(certificate: Mapping[str, Any]) -> str | None:
    """What a person should look at."""
    if certificate["status"] != ISSUED:
        return f"{certificate['status']}: run ansible-playbook site.yml --limit certificate, which says what is missing"
    renewal = certificate["renewal_status"]
    if renewal == "PENDING_VALIDATION":
        return (
            "its renewal waits for a validation record: run ansible-playbook site.yml --limit certificate, which puts"
            " it back, and see that the domain's name servers are those of the zone"
        )
    if renewal == "FAILED":
        return f"its renewal has FAILED ({certificate['renewal_reason'] or 'ACM gives no reason'})"
    ends = certificate["not_after"]
    days = (datetime.date.fromisoformat(ends[:10]) - today()).days if ends else RENEWED_BEFORE
    if days < RENEWED_BEFORE:
        why = "" if certificate["in_use_by"] else ": nothing uses it, and ACM renews only what is in use"
        return f"it ends in {days} days and hasn't been renewed{why}"
    return None


def summary(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    for entry, certificate in facts["certificates"].items():
        if not certificate:
            lines.append(f"{entry} doesn't exist yet")
            continue
        ends = f" until {certificate['not_after'][:10]}" if certificate["not_after"] else ""
        about = f"{entry} {certificate['domain_name']} in {certificate['region']} {certificate['status']}{ends}"
        told = problem(certificate)
        lines.append(f"{about}; LOOK: {told}" if told else about)
    if facts["superseded"]:
        lines.append(f"superseded, and removed once nothing uses it: {listed(facts['superseded'])}")
    return lines


def offers(search: Search) -> dict[str, Any]:
    """The hosted zones of the account by their IDs."""
    answer = search.read("route53", "list_hosted_zones")
    return {
        "hosted_zones": {
            zone.id: {"name": zone.name, "private": zone.private}
            for zone in map(zone_of, (answer or {}).get("HostedZones", []))
        }
    }


COMPONENT = Component(
    name="certificate",
    services=("acm", GLOBAL, "route53"),
    empty=empty,
    collect=collect,
    exists=lambda facts: any(facts["certificates"].values()),
    summary=summary,
    offers=offers,
    idle="no certificates are declared",
)
