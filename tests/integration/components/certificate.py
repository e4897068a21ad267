# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificates in both regions, and the records of the account's hosted zone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.faults import Calls
from tests.support.local_cloud.settings import HOSTED_ZONE
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, tags_of
from ..drift import Repair

GLOBAL = "us-east-1"
REGIONS = (REGION, GLOBAL)
API, LOGIN = f"api.{HOSTED_ZONE}", f"login.{HOSTED_ZONE}"
SUMMARY = f"login {LOGIN} in us-east-1 ISSUED until"
LEAST_TAGGED = 2
KEYS = {"keyTypes": ["RSA_2048", "EC_prime256v1", "EC_secp384r1"]}
MEMBERS = ("DomainName", "SubjectAlternativeNames", "KeyAlgorithm", "Options", "Status")


def certificates(lister: Lister) -> list[dict]:
    """With their Tags and Region."""
    found = []
    for region in REGIONS:
        acm = lister.account.client("acm", region)
        for item in acm.list_certificates(Includes=KEYS)["CertificateSummaryList"]:
            arn = item["CertificateArn"]
            certificate = acm.describe_certificate(CertificateArn=arn)["Certificate"]
            tags = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
            found.append({**certificate, "Tags": tags, "Region": region})
    return found


def zone_id(account: Account) -> str:
    (zone,) = [
        zone
        for zone in account.client("route53").list_hosted_zones()["HostedZones"]
        if zone["Name"] == f"{HOSTED_ZONE}."
    ]
    return zone["Id"]


def records(account: Account) -> list[dict]:
    """Those of all zones, but for what the account's zone has from the beginning."""
    route53 = account.client("route53")
    return [
        record
        for zone in route53.list_hosted_zones()["HostedZones"]
        for record in account.pages(
            "route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"]
        )
        if record["Type"] not in ("SOA", "NS") and record["Name"] != f"{HOSTED_ZONE}."
    ]


def change(account: Account, action: str, record: dict) -> None:
    account.client("route53").change_resource_record_sets(
        HostedZoneId=zone_id(account), ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    )


def record_of(account: Account, name: str) -> dict:
    """The validation record of a name."""
    (found,) = [
        item for item in records(account) if re.fullmatch(rf"_[0-9a-f]{{32}}\.{re.escape(name)}\.", item["Name"])
    ]
    return found


def ours(account: Account, domain: str, name: str | None = None) -> dict:
    """The certificate of the platform."""
    (found,) = [
        item
        for item in certificates(Lister(account))
        if item["DomainName"] == domain
        and tags_of(item).items() >= {**OWNER, **({"Name": name} if name else {})}.items()
    ]
    return found


def issued(account: Account, arn: str) -> None:
    acm = account.client("acm", arn.split(":")[3])
    for _time in range(100):
        if acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED":
            return
        time.sleep(0.1)
    raise AssertionError(f"{arn} isn't issued")


def validation_record(account: Account, arn: str) -> dict:
    """The record that ACM asks for, as soon as it tells."""
    acm = account.client("acm", arn.split(":")[3])
    for _time in range(100):
        options = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        if record := options[0].get("ResourceRecord"):
            value = [{"Value": record["Value"]}]
            return {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": value}
        time.sleep(0.1)
    raise AssertionError(f"{arn} has no record")


# For the shared tests


def _alike(value: Any) -> Any:
    """What depends on the account in names and values that ACM gives."""
    return re.sub(r"_[0-9a-f]{32}", "_digest", value)


def census(lister: Lister) -> dict[str, list]:
    return {
        "certificates": [
            [item["Region"], *(item.get(member) for member in MEMBERS), tags_of(item)] for item in certificates(lister)
        ],
        "records": [
            [
                _alike(item["Name"]),
                item["Type"],
                [_alike(value["Value"]) for value in item.get("ResourceRecords", [])],
                item.get("AliasTarget"),
            ]
            for item in records(lister.account)
        ],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    members = ("CertificateArn", "Region", "Tags", *MEMBERS)
    for item in certificates(lister):
        yield f"certificate {item['DomainName']}", {member: item[member] for member in members}


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    """One for the same name, valid by the same record, which is the account's."""
    acm = account.client("acm")
    arn = acm.request_certificate(
        DomainName=API, ValidationMethod="DNS", Tags=neighbours.tag_list(tags, Name=f"{prefix}-api")
    )["CertificateArn"]
    change(account, "UPSERT", validation_record(account, arn))
    issued(account, arn)


def take_names(account: Account) -> list[str]:
    account.client("acm").request_certificate(
        DomainName=API, ValidationMethod="DNS", Tags=neighbours.tag_list({"Name": f"{PREFIX}-api"})
    )
    return [f"ACM certificate {API}"]


def _delete(account: Account, domain: str) -> None:
    found = ours(account, domain)
    account.client("acm", found["Region"]).delete_certificate(CertificateArn=found["CertificateArn"])


GET = frozenset({"Get the certificates"})
REPAIRS = {
    "a deleted validation record": Repair(
        lambda account: change(account, "DELETE", record_of(account, LOGIN)),
        Calls({("route53", "ChangeResourceRecordSets"): 1}),
        GET,
        dry=True,
    ),
    "a deleted certificate": Repair(
        lambda account: _delete(account, LOGIN), Calls({("acm", "RequestCertificate"): 1}), GET, dry=True
    ),
    "another tag and no Name": Repair(
        lambda account: _tag_otherwise(account, API),
        Calls({("acm", "AddTagsToCertificate"): 1, ("acm", "RemoveTagsFromCertificate"): 1}),
        GET,
        dry=True,
    ),
}


def _tag_otherwise(account: Account, domain: str) -> None:
    found = ours(account, domain)
    acm, arn = account.client("acm", found["Region"]), found["CertificateArn"]
    acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": "Name"}])
    acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "Theirs", "Value": "1"}])


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    def point_elsewhere() -> None:
        record = record_of(account, API)
        value = [{"Value": "_other.acm-validations.aws."}]
        change(account, "UPSERT", {**record, "ResourceRecords": value})

    return {
        "certificate": lambda: _delete(account, LOGIN),
        "record of the certificate": lambda: change(account, "DELETE", record_of(account, LOGIN)),
        "value of a record": point_elsewhere,
        "tags": lambda: _tag_otherwise(account, API),
    }


def lasting(account: Account) -> list[str]:
    return [ours(account, API)["CertificateArn"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    assert {entry: found["arn"] for entry, found in facts["certificates"].items()} == {
        "api": ours(lister.account, API)["CertificateArn"],
        "login": ours(lister.account, LOGIN)["CertificateArn"],
    }
    assert facts["certificates"]["login"]["region"] == GLOBAL
    assert facts["certificates"]["api"]["alternative_names"] == [f"*.{API}"]
    zone = zone_id(lister.account).rpartition("/")[2]
    assert {found["hosted_zone_id"] for found in facts["certificates"].values()} == {zone}
    assert facts["superseded"] == []


class TestCertificates:
    def test_as_declared(self, lister):
        for domain, region, names in ((API, REGION, {API, f"*.{API}"}), (LOGIN, GLOBAL, {LOGIN})):
            found = ours(lister.account, domain)
            assert found["Region"] == region
            assert found["Status"] == "ISSUED"
            assert set(found["SubjectAlternativeNames"]) == names
            assert (found["KeyAlgorithm"], found["Options"]["Export"]) == ("RSA-2048", "DISABLED")
            assert tags_of(found) == {
                **OWNER,
                "Component": "certificate",
                "Name": f"{PREFIX}-{domain.partition('.')[0]}",
            }

    def test_each_name_has_its_record(self, lister):
        for domain in (API, LOGIN):
            record = record_of(lister.account, domain)
            (value,) = [item["Value"] for item in record["ResourceRecords"]]
            assert value.endswith(".acm-validations.aws.")
