# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS WAF: what the module of web ACLs relies on, which is the shim's."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

ACCOUNT = settings.ACCOUNT_ID
VISIBLE = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "demo"}
REGIONAL = {"Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": VISIBLE}


@pytest.fixture
def waf(client: Callable[[str], Any]) -> Any:
    return client("wafv2")


def rule(name: str, priority: int = 1, **statement: Any) -> dict[str, Any]:
    action = {"OverrideAction": {"None": {}}} if "ManagedRuleGroupStatement" in statement else {"Action": {"Block": {}}}
    return {"Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": VISIBLE, **action}


def managed(name: str, priority: int = 1) -> dict[str, Any]:
    return rule("managed", priority, ManagedRuleGroupStatement={"VendorName": "AWS", "Name": name})


RATE = rule("rate", 2, RateBasedStatement={"Limit": 100, "AggregateKeyType": "IP"})


def make(waf: Any, **members: Any) -> dict[str, Any]:
    name = uuid.uuid4().hex
    made = waf.create_web_acl(Name=name, **REGIONAL, **members)["Summary"]
    return {"Name": name, "Scope": "REGIONAL", "Id": made["Id"]}


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_all_members_are_kept_and_what_an_update_leaves_out_is_set_back(waf: Any) -> None:
    bodies = {"sorry": {"ContentType": "TEXT_PLAIN", "Content": "no"}}
    names = make(waf, Rules=[RATE], Description="A web ACL", CustomResponseBodies=bodies, TokenDomains=["a.example"])
    got = waf.get_web_acl(**names)
    acl = got["WebACL"]
    assert (acl["CustomResponseBodies"], acl["TokenDomains"], acl["Capacity"]) == (bodies, ["a.example"], 2)
    assert acl["Rules"][0]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == 300
    waf.update_web_acl(**names, LockToken=got["LockToken"], DefaultAction={"Block": {}}, VisibilityConfig=VISIBLE)
    acl = waf.get_web_acl(**names)["WebACL"]
    assert (acl["Rules"], acl["DefaultAction"]) == ([], {"Block": {}})
    assert not {"Description", "CustomResponseBodies", "TokenDomains"} & set(acl)


def test_capacity_is_counted(waf: Any) -> None:
    def units(*rules: Any) -> int:
        return int(waf.check_capacity(Scope="REGIONAL", Rules=rules)["Capacity"])

    assert units(managed("AWSManagedRulesCommonRuleSet"), RATE) == 702
    geo = {"GeoMatchStatement": {"CountryCodes": ["AQ"]}}
    assert units(rule("not", NotStatement={"Statement": {"AndStatement": {"Statements": [geo, geo]}}})) == 2
    unknown = [managed("AWSManagedRulesNone")]
    assert "WAFNonexistentItemException" in refusal(waf.check_capacity, Scope="REGIONAL", Rules=unknown)
    arn = f"arn:aws:wafv2:us-west-2:{ACCOUNT}:regional/ipset/none/{uuid.uuid4()}"
    unknown = [rule("set", IPSetReferenceStatement={"ARN": arn})]
    assert "WAFNonexistentItemException" in refusal(waf.check_capacity, Scope="REGIONAL", Rules=unknown)


def test_wrong_rules_are_refused(waf: Any) -> None:
    def refused(*rules: Any) -> str:
        return refusal(waf.create_web_acl, Name="wrong", **REGIONAL, Rules=rules)

    assert "WAFInvalidParameterException" in refused(RATE, {**RATE, "Name": "other"})
    assert "RULE_ACTION" in refused({**managed("AWSManagedRulesCommonRuleSet"), "Action": {"Block": {}}})
    window = {"Limit": 100, "AggregateKeyType": "IP", "EvaluationWindowSec": 90}
    assert "EVALUATION_WINDOW_SEC" in refused(rule("rate", RateBasedStatement=window))
    many = [managed("AWSManagedRulesCommonRuleSet", number) for number in range(8)]
    assert "WAFLimitsExceededException" in refused(*many)


def test_what_is_for_cloudfront_lies_in_us_east_1(waf: Any, local_cloud: settings.Instance) -> None:
    there = refusal(waf.list_web_acls, Scope="CLOUDFRONT")
    assert there.endswith("field: SCOPE_VALUE, parameter: CLOUDFRONT")
    session = boto3.Session(ACCOUNT, "unused", region_name="us-east-1")
    home = session.client("wafv2", endpoint_url=local_cloud.endpoint)
    assert home.list_web_acls(Scope="CLOUDFRONT")["WebACLs"] == []


def test_the_list_has_pages(waf: Any) -> None:
    for _one in range(2):
        make(waf)
    page = waf.list_web_acls(Scope="REGIONAL", Limit=1)
    assert len(page["WebACLs"]) == 1
    assert waf.list_web_acls(Scope="REGIONAL", NextMarker=page["NextMarker"])["WebACLs"]


def test_one_that_protects_something_is_not_deleted(waf: Any) -> None:
    names = make(waf)
    got = waf.get_web_acl(**names)
    balancer = f"arn:aws:elasticloadbalancing:us-west-2:{ACCOUNT}:loadbalancer/app/demo/1"
    waf.associate_web_acl(WebACLArn=got["WebACL"]["ARN"], ResourceArn=balancer)
    assert "WAFAssociatedItemException" in refusal(waf.delete_web_acl, **names, LockToken=got["LockToken"])
    waf.disassociate_web_acl(ResourceArn=balancer)
    waf.delete_web_acl(**names, LockToken=got["LockToken"])


def test_logging(waf: Any, client: Callable[[str], Any]) -> None:
    logs = client("logs")
    names = make(waf)
    arn = waf.get_web_acl(**names)["WebACL"]["ARN"]
    group = f"aws-waf-logs-{names['Name']}"
    destination = f"arn:aws:logs:us-west-2:{ACCOUNT}:log-group:{group}"
    assert "WAFNonexistentItemException" in refusal(waf.get_logging_configuration, ResourceArn=arn)

    def put(destination: str) -> dict[str, Any]:
        redacted = [{"SingleHeader": {"Name": "Authorization"}}]
        return {"ResourceArn": arn, "LogDestinationConfigs": [destination], "RedactedFields": redacted}

    wrong = put(f"arn:aws:logs:us-west-2:{ACCOUNT}:log-group:other")
    assert "LOG_DESTINATION" in refusal(waf.put_logging_configuration, LoggingConfiguration=wrong)
    absent = refusal(waf.put_logging_configuration, LoggingConfiguration=put(destination))
    assert "WAFLogDestinationPermissionIssueException" in absent
    logs.create_log_group(logGroupName=group)
    waf.put_logging_configuration(LoggingConfiguration=put(destination))
    (policy,) = logs.describe_resource_policies(resourceArn=destination, policyScope="RESOURCE")["resourcePolicies"]
    statement = json.loads(policy["policyDocument"])["Statement"][0]
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    there = waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
    assert there["LogDestinationConfigs"] == [destination]
    assert there["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]
    waf.delete_logging_configuration(ResourceArn=arn)
    assert "WAFNonexistentItemException" in refusal(waf.get_logging_configuration, ResourceArn=arn)
