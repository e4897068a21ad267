# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for certificates: names, regions, zones, and what ACM can't change."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery import certificate

from .declared import change_fault_lines, fault_lines, warning_lines

ARN = "arn:aws:acm:us-west-2:123456789012:certificate/1"
FOUND = {
    "arn": ARN,
    "domain_name": "api.example.com",
    "alternative_names": [],
    "region": "us-west-2",
    "key_algorithm": "RSA_2048",
    "status": "ISSUED",
    "not_after": "2027-05-01T00:00:00+00:00",
    "renewal_status": None,
    "renewal_reason": None,
    "in_use_by": ["arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/api/1"],
    "hosted_zone_id": "Z1",
}
ZONES = {
    "Z1": {"name": "example.com", "private": False},
    "Z2": {"name": "inside.example.com", "private": True},
    "Z3": {"name": "twice.example.net", "private": False},
    "Z4": {"name": "twice.example.net", "private": False},
}


def declared(home="us-west-2", **members):
    entry = {"name": "api", "domain_name": "api.example.com", **members}
    return {"platform_region": home, "certificate_certificates": [entry]}


def found(zones=ZONES, **members):
    return {
        "certificate": {"certificates": {"api": {**FOUND, **members}} if members else {}},
        "offers": {"certificate": {"hosted_zones": zones}},
    }


def test_what_is_right_has_no_fault():
    assert fault_lines("certificate", {}) == []
    assert fault_lines("certificate", {"certificate_certificates": []}) == []
    entries = [
        {"name": "api", "domain_name": "api.example.com"},
        {
            "name": "login.v2",
            "domain_name": "*.example.com",
            "alternative_names": ["example.com", "xn--bcher-kva.example.com", f"{'a' * 63}.{'b' * 63}.example.com"],
            "region": "us-east-1",
            "hosted_zone": "example.com",
            "key_algorithm": "EC_prime256v1",
        },
    ]
    given = {"platform_region": "us-west-2", "certificate_certificates": entries}
    assert fault_lines("certificate", given) == []
    assert change_fault_lines("certificate", given, found()) == []
    assert change_fault_lines("certificate", given, {}) == []
    assert change_fault_lines("certificate", declared(), found(domain_name="api.example.com")) == []


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"name": "a b"}, "[0].name: 'a b' is not a name of 1 to 64 letters"),
        ({"domain_name": "api"}, "[0].domain_name: 'api' is not a full domain name, such as api.example.com"),
        ({"domain_name": "api.example.com."}, "is not a full domain name"),
        ({"domain_name": "https://api.example.com"}, "is not a full domain name"),
        ({"domain_name": "-api.example.com"}, "is not a full domain name"),
        ({"domain_name": f"{'a' * 64}.example.com"}, "has 76 characters, of which ACM takes 64 here"),
        (
            {"domain_name": f"{'a' * 60}.example.com"},
            "takes 64 here: put it into alternative_names, beside a shorter one",
        ),
        ({"domain_name": "API.example.com"}, "has capitals: write api.example.com"),
        ({"domain_name": "api.*.example.com"}, "has a * elsewhere than in front"),
        ({"domain_name": "a*.example.com"}, "has a * elsewhere than in front"),
        ({"domain_name": "10.0.0.1"}, "is an address"),
        ({"domain_name": "api.internal"}, "ends in .internal, for which there are no public certificates"),
        ({"domain_name": "ab--c.example.com"}, "has a label ab--c with -- in the third place"),
        ({"alternative_names": ["www"]}, "[0].alternative_names[0]: 'www' is not a full domain name"),
        (
            {"alternative_names": [f"{'a' * 63}." * 4 + "example.com"]},
            "has 267 characters, of which ACM takes 253 here",
        ),
        ({"alternative_names": ["api.example.com"]}, "alternative_names: 'api.example.com' occurs more than once"),
        ({"alternative_names": ["b.example.com"] * 2}, "alternative_names: 'b.example.com' occurs more than once"),
        (
            {"alternative_names": [f"n{index}.example.com" for index in range(100)]},
            "100 are too many: a certificate has up to 100 names",
        ),
        (
            {"region": "eu-west-1"},
            "[0].region: 'eu-west-1' is not us-west-2 or us-east-1, where services of the platform",
        ),
        ({"region": "us-weast-1"}, "is not us-west-2 or us-east-1"),
        (
            {"hosted_zone": "example.com", "validation_records": False},
            "hosted_zone: 'example.com' has no meaning with validation_records: false",
        ),
    ],
)
def test_faults(members, part):
    (line,) = fault_lines("certificate", declared(**members))
    assert line.startswith("certificate_certificates[0].")
    assert part in line


def test_names_of_entries_occur_once():
    given = {"certificate_certificates": [{"name": "api", "domain_name": f"{name}.example.com"} for name in "ab"]}
    assert fault_lines("certificate", given) == ["certificate_certificates[].name: 'api' occurs more than once"]


def test_other_partitions_know_no_global_region():
    (line,) = fault_lines("certificate", declared("eu-central-1", region="us-west-2"))
    assert "is not eu-central-1 or us-east-1" in line
    (line,) = fault_lines("certificate", declared("us-gov-west-1", region="us-east-1"))
    assert "is not us-gov-west-1, where" in line
    assert fault_lines("certificate", declared("us-east-1", region="us-east-1")) == []


@pytest.mark.parametrize(
    ("members", "part"),
    [
        (
            {"domain_name": "api.example.org"},
            "domain_name: 'api.example.org' is in no public hosted zone of this account, which has example.com (Z1),",
        ),
        (
            {"alternative_names": ["api.example.org"]},
            "alternative_names: 'api.example.org' is in no public hosted zone of this account",
        ),
        ({"domain_name": "myexample.com"}, "is in no public hosted zone of this account"),
        ({"hosted_zone": "example.org"}, "hosted_zone: 'example.org' is not a hosted zone of this account, which has"),
        ({"hosted_zone": "Z9"}, "hosted_zone: 'Z9' is not a hosted zone of this account"),
        (
            {"domain_name": "api.inside.example.com", "hosted_zone": "Z2"},
            "hosted_zone: 'Z2' is a private hosted zone",
        ),
        ({"hosted_zone": "Z3"}, "hosted_zone: 'Z3' is not the hosted zone of api.example.com: the account has"),
        (
            {"domain_name": "api.twice.example.net"},
            "could belong to Z3 and Z4, both called twice.example.net: give the zone's ID",
        ),
    ],
)
def test_zones(members, part):
    (line,) = change_fault_lines("certificate", declared(**members), found())
    assert part in line
    # Where the account's zones aren't known, or the records are someone else's, nothing is said.
    assert change_fault_lines("certificate", declared(**members), {"certificate": {"certificates": {}}}) == []
    mine = {key: value for key, value in members.items() if key != "hosted_zone"}
    assert change_fault_lines("certificate", declared(**mine, validation_records=False), found()) == []


def test_a_zone_is_named_by_its_name_or_id_and_may_be_the_nearest():
    for members in (
        {"hosted_zone": "example.com"},
        {"hosted_zone": "Z1"},
        {"domain_name": "api.inside.example.com"},
        {"domain_name": "api.twice.example.net", "hosted_zone": "Z4"},
        {"domain_name": "*.example.com"},
    ):
        assert change_fault_lines("certificate", declared(**members), found()) == []


def test_what_acm_cannot_change():
    (line,) = change_fault_lines("certificate", declared(domain_name="new.example.com"), found(region="us-west-2"))
    assert f"domain_name: 'new.example.com' can't be had of {ARN}, whose domain_name is api.example.com" in line
    assert line.endswith("declare another entry, move to it, and then give this one state: absent")
    (line,) = change_fault_lines("certificate", declared(region="us-east-1"), found(status="ISSUED"))
    assert f"region: 'us-east-1' can't be had of {ARN}, whose region is us-west-2" in line
    gone = declared(domain_name="new.example.com", state="absent")
    assert change_fault_lines("certificate", gone, found(region="us-west-2")) == []


def test_warnings(monkeypatch):
    monkeypatch.setattr(certificate, "today", lambda: datetime.date(2026, 11, 29))
    assert warning_lines("certificate", declared(), found(status="ISSUED")) == []
    assert warning_lines("certificate", declared(), found(status="PENDING_VALIDATION")) == []
    (line,) = warning_lines("certificate", declared(), found(renewal_status="FAILED", renewal_reason="CAA_ERROR"))
    assert line == "certificate_certificates[0].name: 'api' needs a look: its renewal has FAILED (CAA_ERROR)"
    many = declared(alternative_names=[f"n{index}.example.com" for index in range(10)])
    (line,) = warning_lines("certificate", many, found())
    assert "11 names are more than ACM's default quota of 10" in line
    assert warning_lines("certificate", many, found(status="ISSUED")) == []
