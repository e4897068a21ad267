# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ACM waits for records in Route 53; both refuse what AWS refuses."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

ALL_KEYS = {"keyTypes": ["RSA_2048", "EC_prime256v1"]}


@pytest.fixture(scope="module")
def acm(client: Callable[[str], Any]) -> Any:
    return client("acm")


@pytest.fixture(scope="module")
def there(local_cloud: Any) -> Any:
    """The same of another region."""
    session = boto3.Session(settings.ACCOUNT_ID, "a-secret-key-that-nobody-uses", region_name="us-east-1")
    return session.client("acm", endpoint_url=local_cloud.endpoint)


@pytest.fixture(scope="module")
def route53(client: Callable[[str], Any]) -> Any:
    return client("route53")


@pytest.fixture(scope="module")
def zone_id(route53: Any) -> str:
    (zone,) = [
        zone for zone in route53.list_hosted_zones()["HostedZones"] if zone["Name"] == f"{settings.HOSTED_ZONE}."
    ]
    assert zone["Config"]["PrivateZone"] is False
    return str(zone["Id"])


@pytest.fixture
def name() -> str:
    return f"{uuid.uuid4().hex[:8]}.{settings.HOSTED_ZONE}"


@pytest.fixture
def arn(acm: Any, name: str) -> str:
    made = acm.request_certificate(DomainName=name, ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1")
    return str(made["CertificateArn"])


def described(acm: Any, arn: str) -> dict[str, Any]:
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def soon(look: Callable[[], Any]) -> Any:
    for _time in range(50):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("never")


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def record_of(acm: Any, arn: str) -> dict[str, str]:
    return soon(lambda: described(acm, arn)["DomainValidationOptions"][0].get("ResourceRecord"))


def change(route53: Any, zone_id: str, action: str, name: str, kind: str, value: str) -> None:
    record = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value}]}
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)


def test_a_certificate_waits_for_its_record(acm: Any, route53: Any, zone_id: str, arn: str, name: str) -> None:
    first = described(acm, arn)
    assert (first["Status"], first["KeyAlgorithm"]) == ("PENDING_VALIDATION", "EC-prime256v1")
    assert "NotAfter" not in first
    assert "ResourceRecord" not in first["DomainValidationOptions"][0]
    record = record_of(acm, arn)
    assert record["Name"].endswith(f".{name}.")
    time.sleep(0.4)
    assert described(acm, arn)["Status"] == "PENDING_VALIDATION"
    change(route53, zone_id, "CREATE", record["Name"], "CNAME", record["Value"])
    assert described(acm, arn)["Status"] == "PENDING_VALIDATION"
    issued = soon(lambda: (found := described(acm, arn))["Status"] == "ISSUED" and found)
    assert issued["DomainValidationOptions"][0]["ValidationStatus"] == "SUCCESS"
    assert issued["NotAfter"]


def test_a_name_has_one_record_in_all_regions(acm: Any, there: Any, arn: str, name: str) -> None:
    other = there.request_certificate(DomainName=f"*.{name}", ValidationMethod="DNS")["CertificateArn"]
    assert other.split(":")[3] == "us-east-1"
    record = record_of(acm, arn)
    assert record_of(there, other) == record
    assert re.fullmatch(rf"_[0-9a-f]{{32}}\.{re.escape(name)}\.", record["Name"])
    assert record["Value"].endswith(".acm-validations.aws.")
    assert refused(acm.describe_certificate, CertificateArn=other)[0] == "ResourceNotFoundException"


def test_a_request_that_is_repeated_makes_no_second(acm: Any, name: str) -> None:
    request = {"DomainName": name, "ValidationMethod": "DNS", "IdempotencyToken": uuid.uuid4().hex}
    made = [acm.request_certificate(**request)["CertificateArn"] for _time in range(2)]
    listed = acm.list_certificates()["CertificateSummaryList"]
    assert [item["CertificateArn"] for item in listed if item["DomainName"] == name] == made[:1]
    assert made[0] == made[1]


def test_lists_leave_out_other_keys_unless_told(acm: Any, arn: str, name: str) -> None:
    def listed(**more: Any) -> list[str]:
        return [item["CertificateArn"] for item in acm.list_certificates(**more)["CertificateSummaryList"]]

    assert arn not in listed()
    assert arn in listed(Includes=ALL_KEYS)
    (ours,) = [
        item
        for item in acm.list_certificates(Includes=ALL_KEYS)["CertificateSummaryList"]
        if item["CertificateArn"] == arn
    ]
    assert (ours["SubjectAlternativeNameSummaries"], ours["Type"], ours["InUse"]) == ([name], "AMAZON_ISSUED", False)


def test_what_acm_refuses(acm: Any) -> None:
    long = f"{'a' * 50}.{settings.HOSTED_ZONE}"
    assert refused(acm.request_certificate, DomainName=long)[0] == "InvalidDomainValidationOptionsException"
    many = [f"{index}.{settings.HOSTED_ZONE}" for index in range(10)]
    request = {"DomainName": settings.HOSTED_ZONE, "SubjectAlternativeNames": many}
    assert refused(acm.request_certificate, **request)[0] == "LimitExceededException"


def test_one_that_cognito_uses_cannot_be_deleted(
    there: Any, route53: Any, zone_id: str, client: Callable[[str], Any], name: str
) -> None:
    arn = there.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    record = record_of(there, arn)
    change(route53, zone_id, "CREATE", record["Name"], "CNAME", record["Value"])
    soon(lambda: described(there, arn)["Status"] == "ISSUED")
    cognito = client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="ours")["UserPool"]["Id"]
    cognito.create_user_pool_domain(Domain=name, UserPoolId=pool, CustomDomainConfig={"CertificateArn": arn})
    (user,) = described(there, arn)["InUseBy"]
    assert user.startswith("arn:aws:cloudfront::")
    code, text = refused(there.delete_certificate, CertificateArn=arn)
    assert (code, text.endswith("is in use.")) == ("ResourceInUseException", True)
    cognito.delete_user_pool_domain(Domain=name, UserPoolId=pool)
    soon(lambda: not described(there, arn)["InUseBy"])
    there.delete_certificate(CertificateArn=arn)


def test_what_route_53_refuses(route53: Any, zone_id: str, name: str) -> None:
    change(route53, zone_id, "CREATE", name, "TXT", '"one"')
    code, text = refused(change, route53=route53, zone_id=zone_id, action="CREATE", name=name, kind="CNAME", value="a.")
    assert code == "InvalidChangeBatch"
    assert "conflicts with other records" in text
    other = {"route53": route53, "zone_id": zone_id, "action": "CREATE", "kind": "TXT", "value": '"one"'}
    assert "is not permitted in zone" in refused(change, name="www.example.org", **other)[1]
