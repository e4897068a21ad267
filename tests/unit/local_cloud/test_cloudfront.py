# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudFront: what the modules rely on, which is the shim's."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CODE = b"function handler(event) { event.request.uri = '/index.html'; return event.request; }"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/demo/1"


@pytest.fixture
def cloudfront(client: Callable[[str], Any]) -> Any:
    return client("cloudfront")


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def config(**members: Any) -> dict[str, Any]:
    origin = {"Id": "site", "DomainName": "demo.s3.us-west-2.amazonaws.com", "S3OriginConfig": {}}
    origin["S3OriginConfig"] = {"OriginAccessIdentity": ""}
    return {
        "CallerReference": uuid.uuid4().hex,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "site",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": CACHING_DISABLED,
        },
        **members,
    }


def behavior(**members: Any) -> dict[str, Any]:
    return {"DefaultCacheBehavior": {**config()["DefaultCacheBehavior"], **members}}


def make(cloudfront: Any, **members: Any) -> str:
    return str(cloudfront.create_distribution(DistributionConfig=config(**members))["Distribution"]["Id"])


def deployed(cloudfront: Any, distribution: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = cloudfront.get_distribution(Id=distribution)
        if found["Distribution"]["Status"] == "Deployed":
            return dict(found)
        time.sleep(0.1)
    raise AssertionError("never deployed")


def change(cloudfront: Any, distribution: str, **members: Any) -> dict[str, Any]:
    found = cloudfront.get_distribution_config(Id=distribution)
    return dict(
        cloudfront.update_distribution(
            Id=distribution, IfMatch=found["ETag"], DistributionConfig={**found["DistributionConfig"], **members}
        )
    )


def remove(cloudfront: Any, distribution: str) -> None:
    change(cloudfront, distribution, Enabled=False)
    cloudfront.delete_distribution(Id=distribution, IfMatch=deployed(cloudfront, distribution)["ETag"])


def test_a_change_is_under_way_for_a_moment(cloudfront: Any) -> None:
    made = cloudfront.create_distribution(DistributionConfig=config())["Distribution"]
    assert made["Status"] == "InProgress"
    assert cloudfront.get_distribution(Id=made["Id"])["Distribution"]["Status"] == "InProgress"
    deployed(cloudfront, made["Id"])
    changed = change(cloudfront, made["Id"], Enabled=False)
    assert changed["Distribution"]["Status"] == "InProgress"
    request = {"Id": made["Id"], "IfMatch": changed["ETag"]}
    assert refusal(cloudfront.delete_distribution, **request).startswith("DistributionNotDisabled")
    deployed(cloudfront, made["Id"])
    cloudfront.delete_distribution(**request)


def test_what_is_not_sent_is_filled_in(cloudfront: Any) -> None:
    there = deployed(cloudfront, make(cloudfront, WebACLId=ACL))["Distribution"]["DistributionConfig"]
    assert there["Aliases"] == {"Quantity": 0}
    assert there["PriceClass"] == "PriceClass_All"
    assert there["HttpVersion"] == "http2"
    assert there["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1"
    assert there["ViewerCertificate"]["CertificateSource"] == "cloudfront"
    assert there["DefaultCacheBehavior"]["AllowedMethods"]["CachedMethods"]["Quantity"] == 2
    assert there["DefaultCacheBehavior"]["FunctionAssociations"] == {"Quantity": 0}


@pytest.mark.parametrize("member", ["Logging", "WebACLId", "DefaultCacheBehavior.SmoothStreaming"])
def test_an_update_that_leaves_something_out(cloudfront: Any, member: str) -> None:
    distribution = make(cloudfront)
    found = cloudfront.get_distribution_config(Id=distribution)
    whole = copy.deepcopy(found["DistributionConfig"])
    *above, last = member.split(".")
    (whole[above[0]] if above else whole).pop(last)
    request = {"Id": distribution, "IfMatch": found["ETag"], "DistributionConfig": whole}
    assert refusal(cloudfront.update_distribution, **request).startswith("IllegalUpdate")
    whole = {**found["DistributionConfig"], "CallerReference": "other"}
    assert refusal(cloudfront.update_distribution, **{**request, "DistributionConfig": whole}).startswith("Illegal")


def test_a_reference_that_another_one_has(cloudfront: Any) -> None:
    reference = uuid.uuid4().hex
    distribution = make(cloudfront, CallerReference=reference)
    said = refusal(cloudfront.create_distribution, DistributionConfig=config(CallerReference=reference))
    assert said.startswith("DistributionAlreadyExists")
    assert said.endswith(f"Already exists: {distribution}")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"WebACLId": "demo"}, "InvalidWebACLId"),
        (behavior(TargetOriginId="api"), "NoSuchOrigin"),
        (behavior(CachePolicyId="demo"), "NoSuchCachePolicy"),
        (behavior(OriginRequestPolicyId="demo"), "NoSuchOriginRequestPolicy"),
        (behavior(ResponseHeadersPolicyId="demo"), "NoSuchResponseHeadersPolicy"),
        ({"Aliases": {"Quantity": 1, "Items": ["www.example.com"]}}, "InvalidViewerCertificate"),
    ],
)
def test_what_it_names_and_does_not_exist(cloudfront: Any, members: dict[str, Any], code: str) -> None:
    assert refusal(cloudfront.create_distribution, DistributionConfig=config(**members)).startswith(code)


def certificate(local_cloud: settings.Instance, name: str) -> tuple[Any, str]:
    """A certificate of us-east-1 that has been issued."""
    session = boto3.Session(settings.ACCOUNT_ID, "unused", region_name="us-east-1")
    how = {"endpoint_url": local_cloud.endpoint, "config": Config(retries={"total_max_attempts": 1})}
    acm, dns = session.client("acm", **how), session.client("route53", **how)
    arn = acm.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    zone = dns.list_hosted_zones_by_name(DNSName=settings.HOSTED_ZONE)["HostedZones"][0]["Id"]
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        record = found["DomainValidationOptions"][0].get("ResourceRecord")
        if found["Status"] == "ISSUED":
            break
        if record:
            one = {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
            changes = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": one}]}
            dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)
        time.sleep(0.2)
    return acm, arn


def test_aliases_and_their_certificate(cloudfront: Any, local_cloud: settings.Instance) -> None:
    name = f"www.{settings.HOSTED_ZONE}"
    acm, arn = certificate(local_cloud, name)
    viewer = {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
    members = {"Aliases": {"Quantity": 1, "Items": [name]}, "ViewerCertificate": viewer}
    distribution = make(cloudfront, **members)
    assert refusal(cloudfront.create_distribution, DistributionConfig=config(**members)).startswith("CNAMEAlready")
    assert change(cloudfront, distribution, Comment="again")
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"][0].endswith(distribution)
    assert refusal(acm.delete_certificate, CertificateArn=arn).startswith("ResourceInUseException")
    other = {"Aliases": {"Quantity": 1, "Items": ["www.example.org"]}, "ViewerCertificate": viewer}
    assert refusal(cloudfront.create_distribution, DistributionConfig=config(**other)).startswith("InvalidViewer")
    remove(cloudfront, distribution)
    acm.delete_certificate(CertificateArn=arn)


def test_a_control_that_is_used_stays(cloudfront: Any) -> None:
    control = {
        "Name": uuid.uuid4().hex,
        "OriginAccessControlOriginType": "s3",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
    made = cloudfront.create_origin_access_control(OriginAccessControlConfig=control)
    request = {"Id": made["OriginAccessControl"]["Id"], "IfMatch": made["ETag"]}
    origins = config()["Origins"]
    origins["Items"][0]["OriginAccessControlId"] = "unknown"
    said = refusal(cloudfront.create_distribution, DistributionConfig=config(Origins=origins))
    assert said.startswith("InvalidOriginAccessControl")
    origins["Items"][0]["OriginAccessControlId"] = request["Id"]
    distribution = make(cloudfront, Origins=origins)
    assert refusal(cloudfront.delete_origin_access_control, **request).startswith("OriginAccessControlInUse")
    remove(cloudfront, distribution)
    cloudfront.delete_origin_access_control(**request)


def test_a_policy_that_is_used_stays(cloudfront: Any) -> None:
    def policy(text: str) -> dict[str, Any]:
        csp = {"ContentSecurityPolicy": text, "Override": True}
        return {"Name": uuid.uuid4().hex, "SecurityHeadersConfig": {"ContentSecurityPolicy": csp}}

    said = refusal(cloudfront.create_response_headers_policy, ResponseHeadersPolicyConfig=policy("x" * 1784))
    assert said.startswith("TooLongCSPInResponseHeadersPolicy")
    made = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=policy("default-src 'self'"))
    request = {"Id": made["ResponseHeadersPolicy"]["Id"], "IfMatch": made["ETag"]}
    make(cloudfront, **behavior(ResponseHeadersPolicyId=request["Id"]))
    assert refusal(cloudfront.delete_response_headers_policy, **request).startswith("ResponseHeadersPolicyInUse")


def test_a_function_is_tested_published_and_used(cloudfront: Any) -> None:
    name = uuid.uuid4().hex
    runtime = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
    made = cloudfront.create_function(Name=name, FunctionConfig=runtime, FunctionCode=CODE)
    arn = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    request = {"Name": name, "IfMatch": made["ETag"]}
    event = {"version": "1.0", "request": {"method": "GET", "uri": "/", "headers": {}}}
    result = cloudfront.test_function(**request, EventObject=json.dumps(event).encode())["TestResult"]
    assert json.loads(result["FunctionOutput"])["request"]["uri"] == "/index.html"
    assert not result.get("FunctionErrorMessage")
    event["request"] = None
    result = cloudfront.test_function(**request, EventObject=json.dumps(event).encode())["TestResult"]
    assert result["FunctionErrorMessage"]
    uses = {"FunctionAssociations": {"Quantity": 1, "Items": [{"EventType": "viewer-request", "FunctionARN": arn}]}}
    said = refusal(cloudfront.create_distribution, DistributionConfig=config(**behavior(**uses)))
    assert said.startswith("InvalidFunctionAssociation")
    cloudfront.publish_function(**request)
    make(cloudfront, **behavior(**uses))
    assert refusal(cloudfront.delete_function, **request).startswith("FunctionInUse")


def test_a_vpc_origin_comes_and_goes(
    cloudfront: Any, client: Callable[[str], Any], vpc: str, subnets: list[str]
) -> None:
    balancer = client("elbv2").create_load_balancer(Name=uuid.uuid4().hex[:30], Subnets=subnets, Scheme="internal")
    endpoint = {
        "Name": uuid.uuid4().hex,
        "Arn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
    }
    made = cloudfront.create_vpc_origin(VpcOriginEndpointConfig=endpoint)["VpcOrigin"]
    assert status(cloudfront, made["Id"]) == "Deploying"
    assert cloudfront.get_vpc_origin(Id=made["Id"])["VpcOrigin"]["Status"] == "Deploying"
    assert groups(client("ec2"), vpc) == 1
    wait_for(cloudfront, made["Id"], "Deployed")
    found = cloudfront.get_vpc_origin(Id=made["Id"])
    cloudfront.update_vpc_origin(
        Id=made["Id"], IfMatch=found["ETag"], VpcOriginEndpointConfig={**endpoint, "HTTPPort": 8080}
    )
    assert status(cloudfront, made["Id"]) == "Deploying"
    wait_for(cloudfront, made["Id"], "Deployed")
    cloudfront.delete_vpc_origin(Id=made["Id"], IfMatch=cloudfront.get_vpc_origin(Id=made["Id"])["ETag"])
    assert status(cloudfront, made["Id"]) == "Deploying"
    wait_for(cloudfront, made["Id"], None)
    assert groups(client("ec2"), vpc) == 0


def status(cloudfront: Any, origin: str) -> str | None:
    found = {item["Id"]: item["Status"] for item in cloudfront.list_vpc_origins()["VpcOriginList"].get("Items", [])}
    return found.get(origin)


def wait_for(cloudfront: Any, origin: str, wanted: str | None) -> None:
    deadline = time.monotonic() + 10
    while status(cloudfront, origin) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def groups(ec2: Any, vpc: str) -> int:
    filters = [
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "group-name", "Values": ["CloudFront-VPCOrigins-Service-SG"]},
    ]
    return len(ec2.describe_security_groups(Filters=filters)["SecurityGroups"])
