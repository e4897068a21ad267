# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The distribution, what it is made of, and whose the names are."""

from __future__ import annotations

import datetime
import functools

import pytest

from .fake_aws import (
    ACCOUNT,
    ALL_BUCKETS,
    OWNER,
    PREFIX,
    REGION,
    InRegions,
    bucket_tags,
    log_groups,
    look,
    marks,
    tag_list,
    taken,
)

ARN = f"arn:aws:cloudfront::{ACCOUNT}"
BUCKET = f"{PREFIX}-frontend-{ACCOUNT}"
NAME = f"{PREFIX}-frontend"
ROUTING = f"{NAME}-routing"
ACL = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/{NAME}/1"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
# What the modules write of the owner's tags.
MARK = f"frontend/dev/agent_platform.aws/agent-platform/{REGION}"
LOGS = [f"/aws/vendedlogs/{PREFIX}/cloudfront", f"aws-waf-logs-{NAME}"]
SOURCE = f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:{NAME}"
ALIAS = "agents.example.com"
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"


def listed(*items):
    return {"Quantity": len(items), "Items": list(items)} if items else {"Quantity": 0}


def distribution(identifier="E1", comment=NAME, bucket=BUCKET, aliases=(), **more):
    return {
        "Id": identifier,
        "ARN": f"{ARN}:distribution/{identifier}",
        "Status": "Deployed",
        "LastModifiedTime": NOW,
        "DomainName": f"{identifier.lower()}.cloudfront.net",
        "Aliases": listed(*aliases),
        "Origins": listed(
            {"Id": "site", "DomainName": f"{bucket}.s3.{REGION}.amazonaws.com", "OriginAccessControlId": "OAC"}
        ),
        "DefaultCacheBehavior": {
            "TargetOriginId": "site",
            "ViewerProtocolPolicy": "redirect-to-https",
            "ResponseHeadersPolicyId": "policy",
        },
        "CacheBehaviors": listed(),
        "CustomErrorResponses": listed(),
        "Comment": comment,
        "PriceClass": "PriceClass_100",
        "Enabled": True,
        "ViewerCertificate": {
            "ACMCertificateArn": CERTIFICATE,
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2025",
        },
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": ACL,
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
        "Staging": False,
        **more,
    }


def distributions(*items):
    page = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(items)}
    return {"DistributionList": {**page, "Items": list(items)} if items else page}


def control(description=MARK):
    item = {
        "Id": "OAC",
        "Name": NAME,
        "Description": description,
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    page = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": 2}
    return {"OriginAccessControlList": {**page, "Items": [{**item, "Id": "other", "Name": "other"}, item]}}


def policy(comment=MARK):
    item = {
        "Type": "custom",
        "ResponseHeadersPolicy": {
            "Id": "policy",
            "LastModifiedTime": NOW,
            "ResponseHeadersPolicyConfig": {"Name": NAME, "Comment": comment},
        },
    }
    return {"ResponseHeadersPolicyList": {"MaxItems": 100, "Quantity": 1, "Items": [item]}}


def tags(request, **bearing):
    """The tags of what CloudFront has: ours, but for those whose ARN ends so."""
    kind, _slash, name = request["Resource"].rpartition(":")[2].partition("/")
    found = bearing.get(name, marks("vpc_origin" if kind == "vpcorigin" else "frontend"))
    return {"Tags": {"Items": tag_list(**found)}}


def tagged(**bearing):
    return functools.partial(tags, **bearing)


def function(request):
    metadata = {"FunctionARN": f"{ARN}:function/{request['Name']}", "Stage": "DEVELOPMENT", "LastModifiedTime": NOW}
    return {
        "FunctionSummary": {
            "Name": request["Name"],
            "FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"},
            "FunctionMetadata": metadata,
        }
    }


def log_tags(request, others=()):
    return {"tags": {"Project": "other"} if request["resourceArn"] in others else marks("frontend")}


def labelled(*others):
    """The tags of what lies in CloudWatch Logs: ours, but for these ARNs."""
    return functools.partial(log_tags, others=others)


ANSWERS = {
    "cloudfront.ListDistributions": distributions(
        distribution("E9", comment="theirs", bucket="theirs", aliases=["www.example.net"]),
        distribution(aliases=[ALIAS]),
    ),
    "cloudfront.ListTagsForResource": tags,
    "ListOriginAccessControls": control(),
    "ListResponseHeadersPolicies": policy(),
    "cloudfront.DescribeFunction": function,
    "ListBuckets": ALL_BUCKETS,
    "wafv2.ListWebACLs": InRegions(
        {"us-east-1": {"WebACLs": [{"Name": "other", "ARN": "x" * 20}, {"Name": NAME, "ARN": ACL}]}}
    ),
    "wafv2.ListTagsForResource": {"TagInfoForResource": {"TagList": tag_list(**marks("frontend"))}},
    "GetDeliverySource": {"deliverySource": {"name": NAME, "arn": SOURCE}},
    "GetBucketTagging": bucket_tags,
    "DescribeLogGroups": InRegions({"us-east-1": log_groups}),
    "logs.ListTagsForResource": InRegions({"us-east-1": log_tags}),
}
MISSING = {"DescribeFunction": "NoSuchFunctionExists", "GetDeliverySource": "ResourceNotFoundException"}
FACTS = {
    "exists": True,
    "url": f"https://{ALIAS}",
    "distribution_id": "E1",
    "distribution_arn": f"{ARN}:distribution/E1",
    "domain_name": "e1.cloudfront.net",
    "aliases": [ALIAS],
    "enabled": True,
    "status": "Deployed",
    "certificate_arn": CERTIFICATE,
    "minimum_tls": "TLSv1.2_2025",
    "origin_access_control_id": "OAC",
    "response_headers_policy_id": "policy",
    "function_arn": f"{ARN}:function/{ROUTING}",
    "bucket": BUCKET,
    "web_acl_arn": ACL,
    "log_groups": LOGS,
}


def facts_and_lines(entries=(), **changed):
    found, aws = look({**ANSWERS, **changed}, "frontend", entries={"frontend": list(entries)})
    return found.components["frontend"], found.summary["frontend"]["lines"], aws


def test_all_of_it():
    facts, lines, aws = facts_and_lines()
    assert facts == FACTS
    assert lines == [f"https://{ALIAS} by distribution E1, Deployed"]
    # Of another's distribution not even the tags are asked for.
    assert [request["Resource"] for request in aws.requests("ListTagsForResource") if "Resource" in request].count(
        f"{ARN}:distribution/E9"
    ) == 0
    assert "wafv2@us-east-1" in aws.clients
    assert "logs@us-east-1" in aws.clients


def test_without_a_name_of_its_own_it_has_cloudfronts():
    facts, lines, _aws = facts_and_lines(**{"cloudfront.ListDistributions": distributions(distribution())})
    assert facts["url"] == "https://e1.cloudfront.net"
    assert lines == ["https://e1.cloudfront.net by distribution E1, Deployed"]


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        ([], "https://a.example.com"),
        (["z.example.com"], "https://z.example.com"),
        # Declared, and not there yet.
        (["new.example.com"], "https://a.example.com"),
    ],
)
def test_the_name_that_people_use(entries, url):
    names = ["*.example.com", "z.example.com", "a.example.com"]
    facts, lines, _aws = facts_and_lines(
        entries, **{"cloudfront.ListDistributions": distributions(distribution(aliases=names))}
    )
    assert facts["url"] == url
    assert facts["aliases"] == sorted(names)
    assert lines[0].startswith(f"{url} by distribution E1")
    assert lines[1].startswith("also *.example.com, ")


def test_one_whose_comment_was_changed_is_known_by_its_bucket():
    facts, _lines, _aws = facts_and_lines(
        **{"cloudfront.ListDistributions": distributions(distribution(comment="changed"))}
    )
    assert facts["distribution_id"] == "E1"


def test_one_that_has_lost_a_tag_is_known_by_its_bucket():
    lost = {key: value for key, value in marks("frontend").items() if key != "ManagedBy"}
    answers = {"cloudfront.ListTagsForResource": tagged(E1=lost)}
    assert facts_and_lines(**answers)[0]["distribution_id"] == "E1"
    elsewhere = distributions(distribution(bucket="another"))
    assert facts_and_lines(**answers, **{"cloudfront.ListDistributions": elsewhere})[0]["distribution_id"] is None


def test_one_of_someone_else_is_left():
    facts, _lines, _aws = facts_and_lines(
        **{"cloudfront.ListTagsForResource": tagged(E1={**OWNER, "Environment": "prod", "Component": "frontend"})}
    )
    assert facts["distribution_id"] is None
    assert facts["exists"] is False


def test_what_has_no_tags_is_ours_by_its_text_or_by_our_distribution():
    facts, _lines, _aws = facts_and_lines(
        ListOriginAccessControls=control(f"for pages ({MARK})"), ListResponseHeadersPolicies=policy("changed")
    )
    assert facts["origin_access_control_id"] == "OAC"
    assert facts["response_headers_policy_id"] == "policy"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ListOriginAccessControls": control("theirs")}, f"CloudFront origin access control {NAME}"),
        ({"ListResponseHeadersPolicies": policy("theirs")}, f"CloudFront response headers policy {NAME}"),
        (
            {"cloudfront.ListTagsForResource": tagged(**{ROUTING: {"Project": "other"}})},
            f"CloudFront function {ROUTING}",
        ),
        ({"GetBucketTagging": {"TagSet": tag_list(Project="other")}}, f"S3 bucket {BUCKET}"),
        (
            {"wafv2.ListTagsForResource": {"TagInfoForResource": {"TagList": tag_list(Project="other")}}},
            f"web ACL {NAME}",
        ),
        ({"logs.ListTagsForResource": labelled(SOURCE)}, f"log delivery source {NAME}"),
    ],
)
def test_names_that_someone_else_has(changed, told):
    answers = {**ANSWERS, "cloudfront.ListDistributions": distributions(), **changed}
    assert taken(answers, "frontend") == [told]


def test_log_groups_of_someone_else():
    arns = [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}" for name in LOGS]
    answers = {**ANSWERS, "logs.ListTagsForResource": labelled(*arns)}
    assert taken(answers, "frontend") == [f"log group {name} in us-east-1" for name in LOGS]


def test_a_half_of_it():
    facts, lines, _aws = facts_and_lines(**{"cloudfront.ListDistributions": distributions()})
    assert facts["exists"] is False
    assert lines[0].startswith("only origin_access_control_id OAC, response_headers_policy_id policy")


def test_names_that_distributions_have():
    found, _aws = look(ANSWERS, "frontend", offers=True)
    assert found.offers["frontend"] == {"aliases": {"www.example.net": "E9", ALIAS: "E1"}}
