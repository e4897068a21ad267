# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificates, in two regions, and what is the matter with them."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery import certificate

from .fake_aws import ACCOUNT, PREFIX, REGION, InRegions, look, owned, tag_list

TODAY = datetime.date(2026, 11, 29)
MADE = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
ENDS = datetime.datetime(2027, 5, 1, tzinfo=datetime.UTC)
USER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/api/1"
ZONES = [
    {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "1", "Config": {"PrivateZone": False}},
    {"Id": "/hostedzone/Z2", "Name": "api.example.com.", "CallerReference": "2", "Config": {"PrivateZone": True}},
]
EMPTY_IF_ALL_IS_WELL = ("superseded",)


@pytest.fixture(autouse=True)
def _a_day(monkeypatch):
    monkeypatch.setattr(certificate, "today", lambda: TODAY)


def arn(entry, region=REGION):
    return f"arn:aws:acm:{region}:{ACCOUNT}:certificate/{entry}"


def described(entry, region=REGION, **members):
    domain = f"{entry.partition('-')[0]}.example.com"
    return {
        "CertificateArn": arn(entry, region),
        "DomainName": domain,
        "SubjectAlternativeNames": [domain, f"other.{domain}"],
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA-2048",
        "CreatedAt": MADE,
        "NotAfter": ENDS,
        "InUseBy": [USER],
        **members,
    }


def listing(*certificates):
    members = ("CertificateArn", "DomainName", "Status", "Type")
    return {"CertificateSummaryList": [{member: item[member] for member in members} for item in certificates]}


def answers(*certificates, tags=None):
    """What ACM tells of these; tags: by ARN those that aren't ours under the entry's name."""
    by_arn = {item["CertificateArn"]: item for item in certificates}

    def tags_of(request):
        entry = request["CertificateArn"].rpartition("/")[2].partition("-")[0]
        return {"Tags": (tags or {}).get(request["CertificateArn"], owned("certificate", entry))}

    regions = {item.split(":")[3] for item in by_arn} | {REGION}
    return {
        "ListCertificates": InRegions(
            {
                region: listing(*(item for item in certificates if item["CertificateArn"].split(":")[3] == region))
                for region in regions
            }
        ),
        "ListTagsForCertificate": tags_of,
        "DescribeCertificate": lambda request: {"Certificate": by_arn[request["CertificateArn"]]},
        "ListHostedZones": {"HostedZones": ZONES, "Marker": "", "IsTruncated": False, "MaxItems": "100"},
    }


MISSING = {}
ANSWERS = answers(described("api"), described("login", "us-east-1"))
FACTS = {
    "arn": arn("api"),
    "domain_name": "api.example.com",
    "alternative_names": ["other.api.example.com"],
    "region": REGION,
    "key_algorithm": "RSA_2048",
    "status": "ISSUED",
    "not_after": "2027-05-01T00:00:00+00:00",
    "renewal_status": None,
    "renewal_reason": None,
    "in_use_by": [USER],
    "hosted_zone_id": "Z1",
}


def facts(*certificates, entries=("api", "login"), **more):
    found, aws = look(answers(*certificates, **more), "certificate", entries={"certificate": list(entries)})
    return found.components["certificate"], found, aws


def test_facts_of_two_regions():
    told, found, aws = facts(described("api"), described("login", "us-east-1"))
    there = {"arn": arn("login", "us-east-1"), "domain_name": "login.example.com", "region": "us-east-1"}
    assert told == {
        "exists": True,
        "certificates": {
            "api": FACTS,
            "login": {**FACTS, **there, "alternative_names": ["other.login.example.com"]},
        },
        "superseded": [],
    }
    assert (found.conflicts, found.warnings) == ([], [])
    assert aws.clients == ["sts", "acm", "acm@us-east-1", "route53"]
    asked = [
        region for region, (name, _request) in zip(aws.regions, aws.calls, strict=True) if name != "GetCallerIdentity"
    ]
    assert set(asked) == {REGION, "us-east-1"}


def test_all_kinds_of_keys_are_listed():
    _told, _found, aws = facts()
    assert all("EC_prime256v1" in request["Includes"]["keyTypes"] for request in aws.requests("ListCertificates"))


def test_those_of_others_are_not_read():
    other = described("api-2")
    told, found, aws = facts(other, tags={other["CertificateArn"]: tag_list(Project="other")})
    assert told["certificates"] == {"api": None, "login": None}
    assert aws.requests("DescribeCertificate") == []
    assert (found.conflicts, found.warnings) == ([], [])


def test_imported_ones_are_not_even_asked_for_their_tags():
    _told, _found, aws = facts(described("api", Type="IMPORTED"))
    assert aws.requests("ListTagsForCertificate") == []


def test_the_newest_that_is_issued_is_used_and_the_others_are_superseded():
    later = MADE + datetime.timedelta(days=1)
    new = described("api-new", CreatedAt=later, SubjectAlternativeNames=["api.example.com"])
    told, found, _aws = facts(described("api"), new)
    assert told["certificates"]["api"]["arn"] == arn("api-new")
    assert told["superseded"] == [arn("api")]
    assert found.summary["certificate"]["lines"][-1] == f"superseded, and removed once nothing uses it: {arn('api')}"
    told, _found, _aws = facts(described("api"), {**new, "Status": "PENDING_VALIDATION"})
    assert told["certificates"]["api"]["arn"] == arn("api")


def test_one_that_is_over_is_told_as_such():
    told, found, _aws = facts(described("api", Status="EXPIRED"), entries=["api"])
    assert told["certificates"]["api"]["status"] == "EXPIRED"
    assert (
        "LOOK: EXPIRED: run ansible-playbook site.yml --limit certificate" in found.summary["certificate"]["lines"][0]
    )


def test_one_that_is_not_declared_any_more_is_left_with_a_word():
    told, found, _aws = facts(described("api"), entries=[])
    assert told["certificates"]["api"]["arn"] == arn("api")
    (warning,) = found.warnings
    assert warning.startswith("certificate: the certificate api of this platform isn't declared any more")


def test_one_that_has_lost_its_name_goes_by_its_domain():
    told, found, _aws = facts(described("api"), entries=["api"], tags={arn("api"): owned("certificate")})
    assert told["certificates"] == {"api": None, "api.example.com": FACTS}
    assert found.warnings == []


def test_a_name_of_ours_without_our_tags_is_taken():
    named = {"Key": "Name", "Value": f"{PREFIX}-api"}
    for tags in ([named], [tag for tag in owned("certificate", "api") if tag["Key"] != "ManagedBy"]):
        told = taken({**answers(described("api"), tags={arn("api"): tags})}, "certificate", entries=["api"])
        assert told == ["ACM certificate api.example.com"]
    # The same platform in another region, or someone else, may call theirs so.
    elsewhere = [*owned("certificate"), named]
    elsewhere = [{**tag, "Value": "eu-west-1"} if tag["Key"] == "Region" else tag for tag in elsewhere]
    assert taken(answers(described("api"), tags={arn("api"): elsewhere}), "certificate", entries=["api"]) == []


def taken(given, component, entries):
    found, _aws = look(given, component, entries={component: entries})
    return [item["resource"] for item in found.conflicts]


def renewed(status, reason=None):
    summary = {
        "RenewalStatus": status,
        "DomainValidationOptions": [{"DomainName": "api.example.com"}],
        "UpdatedAt": MADE,
    }
    return {"RenewalSummary": {**summary, **({"RenewalStatusReason": reason} if reason else {})}}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, None),
        (renewed("SUCCESS"), None),
        (renewed("PENDING_AUTO_RENEWAL"), None),
        (renewed("PENDING_VALIDATION"), "its renewal waits for a validation record: run ansible-playbook"),
        (renewed("FAILED", "CAA_ERROR"), "its renewal has FAILED (CAA_ERROR)"),
        ({"NotAfter": MADE + datetime.timedelta(days=28 + 45)}, None),
        ({"NotAfter": MADE + datetime.timedelta(days=28 + 44)}, "it ends in 44 days and hasn't been renewed"),
        (
            {"NotAfter": MADE + datetime.timedelta(days=30), "InUseBy": []},
            "it ends in 2 days and hasn't been renewed: nothing uses it, and ACM renews only what is in use",
        ),
    ],
)
def test_what_a_person_should_look_at(members, told):
    _told, found, _aws = facts(described("api", **members), entries=["api"])
    (line,) = found.summary["certificate"]["lines"]
    assert line.startswith(f"api api.example.com in {REGION} ISSUED until ")
    assert ("LOOK" in line) is (told is not None)
    assert told is None or f"; LOOK: {told}" in line


def test_nothing_declared_is_no_fault():
    found, _aws = look({}, "certificate", entries={"certificate": []})
    assert found.summary["certificate"] == {"state": "absent", "lines": ["no certificates are declared"]}
    found, _aws = look({}, "certificate", entries={"certificate": ["api"]})
    assert found.summary["certificate"] == {"state": "absent", "lines": []}


def test_offers():
    found, _aws = look(ANSWERS, "certificate", offers=True)
    assert found.offers["certificate"] == {
        "hosted_zones": {
            "Z1": {"name": "example.com", "private": False},
            "Z2": {"name": "api.example.com", "private": True},
        }
    }
