# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudFront distribution: found by its tags, changed as a whole, disabled before it goes."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.cloudfront_distribution import Distribution
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME, ID = "demo-frontend", "EOURS"
TAGS = {**OWNER, "Name": NAME}
ARN = "arn:aws:cloudfront::123456789012:distribution/{}"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
FUNCTION = "arn:aws:cloudfront::123456789012:function/demo"
CACHING, DISABLED = "658327ea-f89d-4fab-a63d-7e88639e58f6", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
VIEWER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
HEADERS = "01234567-89ab-cdef-0123-456789abcdef"
OPTIONS = {
    "name": NAME,
    "owned_by": OWNER,
    "tags": OWNER,
    "aliases": ["WWW.example.com"],
    "default_root_object": "index.html",
    "origins": [
        {
            "id": "site",
            "domain_name": "demo.s3.us-west-2.amazonaws.com",
            "origin_access_control_id": "E1",
            "origin_shield_region": "us-west-2",
        },
        {
            "id": "api",
            "domain_name": "internal-demo.elb.amazonaws.com",
            "vpc_origin_config": {"vpc_origin_id": "vo_1"},
            "custom_headers": [{"header_name": "X-Key", "header_value": "hush"}],
        },
    ],
    "default_cache_behavior": {
        "target_origin_id": "site",
        "cache_policy": "CachingOptimized",
        "response_headers_policy": HEADERS,
        "function_associations": [{"event_type": "viewer-request", "function_arn": FUNCTION}],
    },
    "cache_behaviors": [
        {
            "path_pattern": "/api/*",
            "target_origin_id": "api",
            "viewer_protocol_policy": "https-only",
            "allowed_methods": ["GET", "HEAD", "OPTIONS"],
            "cache_policy": "Managed-CachingDisabled",
            "origin_request_policy": "AllViewerExceptHostHeader",
        }
    ],
    "custom_error_responses": [{"error_code": 404, "response_page_path": "/index.html", "response_code": "200"}],
    "geo_restriction": {"restriction_type": "whitelist", "locations": ["DE", "FR"]},
    "viewer_certificate": {"acm_certificate_arn": CERTIFICATE},
    "http_version": "http2and3",
    "ipv6_enabled": True,
    "price_class": "PriceClass_100",
    "web_acl_id": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/demo/1",
}
METHODS = {"Quantity": 2, "Items": ["GET", "HEAD"]}
ORIGIN = {"OriginPath": "", "CustomHeaders": {"Quantity": 0}, "ConnectionAttempts": 3, "ConnectionTimeout": 10}
BEHAVIOR = {
    "AllowedMethods": {**METHODS, "CachedMethods": METHODS},
    "Compress": True,
    "FunctionAssociations": {"Quantity": 0},
    "LambdaFunctionAssociations": {"Quantity": 0},
    "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
}
SENT = {
    "CallerReference": NAME,
    "Comment": NAME,
    "Enabled": True,
    "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
    "DefaultRootObject": "index.html",
    "Origins": {
        "Quantity": 2,
        "Items": [
            {
                **ORIGIN,
                "Id": "site",
                "DomainName": "demo.s3.us-west-2.amazonaws.com",
                "OriginAccessControlId": "E1",
                "OriginShield": {"Enabled": True, "OriginShieldRegion": "us-west-2"},
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            },
            {
                **ORIGIN,
                "Id": "api",
                "DomainName": "internal-demo.elb.amazonaws.com",
                "OriginAccessControlId": "",
                "OriginShield": {"Enabled": False},
                "VpcOriginConfig": {"VpcOriginId": "vo_1", "OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5},
                "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "X-Key", "HeaderValue": "hush"}]},
            },
        ],
    },
    "DefaultCacheBehavior": {
        **BEHAVIOR,
        "TargetOriginId": "site",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": CACHING,
        "ResponseHeadersPolicyId": HEADERS,
        "FunctionAssociations": {
            "Quantity": 1,
            "Items": [{"EventType": "viewer-request", "FunctionARN": FUNCTION}],
        },
    },
    "CacheBehaviors": {
        "Quantity": 1,
        "Items": [
            {
                **BEHAVIOR,
                "PathPattern": "/api/*",
                "TargetOriginId": "api",
                "ViewerProtocolPolicy": "https-only",
                "AllowedMethods": {"Quantity": 3, "Items": ["GET", "HEAD", "OPTIONS"], "CachedMethods": METHODS},
                "CachePolicyId": DISABLED,
                "OriginRequestPolicyId": VIEWER,
            }
        ],
    },
    "CustomErrorResponses": {
        "Quantity": 1,
        "Items": [
            {"ErrorCode": 404, "ResponsePagePath": "/index.html", "ResponseCode": "200", "ErrorCachingMinTTL": 10}
        ],
    },
    "Restrictions": {
        "GeoRestriction": {"RestrictionType": "whitelist", "Quantity": 2, "Items": ["DE", "FR"]},
    },
    "ViewerCertificate": {
        "ACMCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SSLSupportMethod": "sni-only",
    },
    "HttpVersion": "http2and3",
    "IsIPV6Enabled": True,
    "PriceClass": "PriceClass_100",
    "WebACLId": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/demo/1",
}


def kept():
    """What AWS has of it besides what was sent, and in another order."""
    config = copy.deepcopy(SENT)
    config["Logging"] = {"Enabled": True, "IncludeCookies": False, "Bucket": "logs.s3.amazonaws.com", "Prefix": ""}
    config["ViewerCertificate"] |= {"Certificate": CERTIFICATE, "CertificateSource": "acm"}
    config["Origins"]["Items"].reverse()
    config["Restrictions"]["GeoRestriction"]["Items"].reverse()
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]["Items"]):
        behavior |= {"SmoothStreaming": True, "FieldLevelEncryptionId": "F1"}
        behavior["AllowedMethods"]["Items"] = behavior["AllowedMethods"]["Items"][::-1]
    return config


def run(options, *steps, **kwargs):
    return run_resource(Distribution, given("cloudfront_distribution", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Distribution, given("cloudfront_distribution", {**OPTIONS, **options}), *steps)


def listing(**comments):
    items = [{"Id": name, "ARN": ARN.format(name), "Comment": comment} for name, comment in comments.items()]
    return Step("ListDistributions", {"DistributionList": {"Items": items}}, {})


def tagged(name=ID, tags=TAGS):
    return Step("ListTagsForResource", {"Tags": {"Items": tag_list(**tags)}}, {"Resource": ARN.format(name)})


def got(config=None, status="Deployed", version="v1", name=ID):
    distribution = {
        "Id": name,
        "ARN": ARN.format(name),
        "Status": status,
        "DomainName": "d1.cloudfront.net",
        "DistributionConfig": config or kept(),
    }
    return Step("GetDistribution", {"Distribution": distribution, "ETag": version}, {"Id": name})


def seen(config=None, status="Deployed", version="v1", tags=TAGS):
    """One look at it, where another one has been made before."""
    comment = (config or SENT)["Comment"]
    looks = [] if comment == NAME else [tagged("EOTHER", {"Name": "other"})]
    return [listing(EOTHER="other", EOURS=comment), *looks, tagged(tags=tags), got(config, status, version)]


MADE = {"Distribution": {"Id": ID, "ARN": ARN.format(ID), "Status": "InProgress"}, "ETag": "v1"}


def created(reference=NAME, answer=None):
    def check(request):
        sent = request["DistributionConfigWithTags"]
        assert sent["DistributionConfig"] == {**SENT, "CallerReference": reference}
        assert {tag["Key"]: tag["Value"] for tag in sent["Tags"]["Items"]} == TAGS

    return Step("CreateDistributionWithTags", answer or MADE, check)


def updated(config, version="v1", answer=None):
    request = {"Id": ID, "IfMatch": version, "DistributionConfig": config}
    return Step("UpdateDistribution", answer or {"ETag": "v2"}, request)


def changed(**members):
    return {**kept(), **members}


# ---- Making


def test_made_and_waited_for(clock):
    nothing = [listing(EOTHER="other"), tagged("EOTHER", {**OWNER, "Name": "other"})]
    result, _aws, _module = run(
        {}, *nothing, created(), *seen(status="InProgress"), *seen(status="InProgress"), *seen()
    )
    assert result["changed"] is True
    shown = result["distribution"]
    assert (shown["id"], shown["arn"], shown["domain_name"]) == (ID, ARN.format(ID), "d1.cloudfront.net")
    assert shown["default_cache_behavior"]["cache_policy"] == "CachingOptimized"
    assert clock[0] > 0


def test_a_list_may_be_behind():
    other = [listing(EOTHER="other")]
    looks = [*other, tagged(), got()]
    result, _aws, _module = run({}, *other, tagged("EOTHER", {"Name": "other"}), created(), *looks)
    assert result["distribution"]["id"] == ID


def test_second_run_changes_nothing_however_aws_orders_and_completes():
    result, _aws, _module = run({}, *seen())
    assert result["changed"] is False


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, listing(), check_mode=True)
    assert result["changed"] is True
    result, _aws, _module = run({"price_class": "PriceClass_All"}, *seen(), check_mode=True)
    assert result["diff"]["before"]["price_class"] == "PriceClass_100"
    assert result["diff"]["after"]["price_class"] == "PriceClass_All"


def test_lost_reply_of_the_create_makes_no_second_one():
    _result, aws, _module = run({}, listing(), created(answer=lost_reply()), *seen())
    assert aws.operations().count("CreateDistributionWithTags") == 1


def exists(name):
    text = f"The caller reference that you are using ... Already exists: {name}"
    return api_error("CreateDistributionWithTags", "DistributionAlreadyExists", text, 409)


def test_made_by_another_run_at_the_same_time():
    result, _aws, _module = run({}, listing(), created(answer=exists(ID)), *seen(), *seen())
    assert result["distribution"]["id"] == ID


def test_the_reference_of_one_that_is_gone():
    none = [listing()] * 6
    run({}, listing(), created(answer=exists("EGONE")), *none[:5], created(f"{NAME}-EGONE"), *seen())


# ---- Finding


def test_found_by_its_tags_whatever_its_comment():
    result, _aws, _module = run({}, *seen(changed(Comment="changed by hand")))
    assert result["changed"] is False


def test_one_that_has_lost_a_tag_gets_it_back():
    lost = {"Name": NAME}
    run(
        {},
        *seen(tags=lost),
        Step("TagResource", {}, lambda request: request["Tags"]["Items"]),
        *seen(),
    )
    only = {**OWNER}
    run({}, *seen(tags=only), Step("TagResource", {}), *seen())


def test_one_that_has_our_name_and_not_our_reference_is_left_alone():
    said = refuse({}, *seen(changed(CallerReference="theirs"), tags={"Name": NAME}))
    assert "isn't ours" in said


def test_another_owners_of_the_same_name_is_another_one():
    other = {"Project": "other", "Name": NAME}
    result, _aws, _module = run(
        {},
        listing(EOTHER=NAME),
        tagged("EOTHER", other),
        created(),
        listing(EOTHER=NAME, EOURS=NAME),
        tagged("EOTHER", other),
        tagged(),
        got(),
    )
    assert result["distribution"]["id"] == ID


# ---- Changing


CHANGES = {
    "aliases": {"Aliases": {"Quantity": 2, "Items": ["www.example.com", "old.example.com"]}},
    "default_root_object": {"DefaultRootObject": ""},
    "custom_error_responses": {"CustomErrorResponses": {"Quantity": 0}},
    "geo_restriction": {"Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}}},
    "http_version": {"HttpVersion": "http1.1"},
    "ipv6_enabled": {"IsIPV6Enabled": False},
    "price_class": {"PriceClass": "PriceClass_All"},
    "web_acl_id": {"WebACLId": ""},
}
MEMBERS = {
    "geo_restriction": "Restrictions",
    "http_version": "HttpVersion",
    "ipv6_enabled": "IsIPV6Enabled",
    "web_acl_id": "WebACLId",
}


@pytest.mark.parametrize("option", CHANGES)
def test_what_was_changed_by_hand_is_taken_back_and_nothing_else(option):
    config = changed(**CHANGES[option])
    (member,) = CHANGES[option]
    sent = {**config, member: SENT[member]}
    result, _aws, _module = run({}, *seen(config), updated(sent), *seen(version="v2"), *seen(version="v2"))
    assert list(result["diff"]["before"]) != []
    assert result["diff"]["before"][option] != result["diff"]["after"][option]


def test_a_certificate_takes_the_place_of_what_belongs_to_the_old_one():
    config = changed(ViewerCertificate={"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"})
    sent = {**config, "ViewerCertificate": SENT["ViewerCertificate"]}
    run({}, *seen(config), updated(sent), *seen(), *seen())
    none = {**config, "ViewerCertificate": {**config["ViewerCertificate"], "SSLSupportMethod": "vip"}}
    result, _aws, _module = run({"viewer_certificate": {}}, *seen(none))
    assert result["changed"] is False
    sent = {**kept(), "ViewerCertificate": {"CloudFrontDefaultCertificate": True}}
    run({"viewer_certificate": {}}, *seen(), updated(sent), *seen(none), *seen(none))


@pytest.mark.parametrize(
    "by_hand",
    [
        {"Compress": False},
        {"FunctionAssociations": {"Quantity": 0}},
        {"ViewerProtocolPolicy": "allow-all"},
        {"ResponseHeadersPolicyId": ""},
        {"OriginRequestPolicyId": VIEWER},
        {"AllowedMethods": {**METHODS, "Items": ["GET", "HEAD", "OPTIONS"], "CachedMethods": METHODS}},
        {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": ["K1"]}},
        {
            "LambdaFunctionAssociations": {
                "Quantity": 1,
                "Items": [{"LambdaFunctionARN": "f", "EventType": "viewer-request"}],
            }
        },
    ],
)
def test_a_behavior_is_put_back_and_keeps_what_is_not_declared(by_hand):
    config = kept()
    config["DefaultCacheBehavior"] |= by_hand
    behavior = {**SENT["DefaultCacheBehavior"], "SmoothStreaming": True, "FieldLevelEncryptionId": "F1"}
    behavior["LambdaFunctionAssociations"] = {"Quantity": 0}
    run({}, *seen(config), updated({**config, "DefaultCacheBehavior": behavior}), *seen(), *seen())


def test_a_cache_policy_takes_the_place_of_older_settings():
    config = kept()
    config["DefaultCacheBehavior"].pop("CachePolicyId")
    config["DefaultCacheBehavior"] |= {"MinTTL": 1, "ForwardedValues": {"QueryString": True}}

    def check(request):
        behavior = request["DistributionConfig"]["DefaultCacheBehavior"]
        assert behavior["CachePolicyId"] == CACHING
        assert not {"MinTTL", "ForwardedValues"} & set(behavior)

    run({}, *seen(config), Step("UpdateDistribution", {"ETag": "v2"}, check), *seen(), *seen())


def test_behaviors_come_and_go_and_have_an_order():
    new = {"path_pattern": "/new/*", "target_origin_id": "site", "cache_policy": "CachingOptimized"}
    config = kept()

    def check(request):
        first, second = request["DistributionConfig"]["CacheBehaviors"]["Items"]
        assert (first["PathPattern"], first["SmoothStreaming"], first["FieldLevelEncryptionId"]) == (
            "/new/*",
            False,
            "",
        )
        assert second == {**SENT["CacheBehaviors"]["Items"][0], "SmoothStreaming": True, "FieldLevelEncryptionId": "F1"}

    after = changed(
        CacheBehaviors={
            "Quantity": 2,
            "Items": [
                {
                    **BEHAVIOR,
                    "PathPattern": "/new/*",
                    "TargetOriginId": "site",
                    "ViewerProtocolPolicy": "redirect-to-https",
                    "CachePolicyId": CACHING,
                },
                *config["CacheBehaviors"]["Items"],
            ],
        }
    )
    both = [new, *OPTIONS["cache_behaviors"]]
    step = Step("UpdateDistribution", {"ETag": "v2"}, check)
    run({"cache_behaviors": both}, *seen(), step, *seen(after), *seen(after))
    turned = changed(CacheBehaviors={"Quantity": 2, "Items": after["CacheBehaviors"]["Items"][::-1]})
    result, _aws, _module = run({"cache_behaviors": both}, *seen(turned), check_mode=True)
    assert result["changed"] is True
    sent = {**kept(), "CacheBehaviors": {"Quantity": 0}}
    run({"cache_behaviors": []}, *seen(), updated(sent), *seen(sent), *seen(sent))


def test_an_origin_is_put_back_and_may_become_one_of_another_kind():
    config = kept()
    api, site = config["Origins"]["Items"]
    api.pop("VpcOriginConfig")
    api |= {
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"},
        "ResponseCompletionTimeout": 60,
    }
    site["S3OriginConfig"]["OriginReadTimeout"] = 20
    site["OriginShield"] = {"Enabled": False}

    def check(request):
        first, second = request["DistributionConfig"]["Origins"]["Items"]
        bucket = {"OriginAccessIdentity": "", "OriginReadTimeout": 20}
        assert first == {**SENT["Origins"]["Items"][0], "S3OriginConfig": bucket}
        assert second == {**SENT["Origins"]["Items"][1], "ResponseCompletionTimeout": 60}

    run({}, *seen(config), Step("UpdateDistribution", {"ETag": "v2"}, check), *seen(), *seen())


@pytest.mark.parametrize("code", ["PreconditionFailed", "InvalidIfMatchVersion"])
def test_what_someone_has_changed_meanwhile_is_read_again_and_not_undone(code):
    config, theirs = changed(PriceClass="PriceClass_All"), changed(PriceClass="PriceClass_All", Comment="theirs")
    refused = updated(
        {**config, "PriceClass": "PriceClass_100"}, answer=api_error("UpdateDistribution", code, status=412)
    )
    run(
        {},
        *seen(config),
        refused,
        # Its id is known by now.
        listing(EOTHER="other", EOURS="theirs"),
        tagged(),
        got(theirs, version="v2"),
        updated({**theirs, "PriceClass": "PriceClass_100"}, "v2"),
        *seen(version="v3"),
        *seen(version="v3"),
    )


def test_headers_for_origins_are_not_shown():
    config = kept()
    config["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderValue"] = "other"
    result, _aws, _module = run({}, *seen(config), Step("UpdateDistribution", {"ETag": "v2"}), *seen(), *seen())
    assert result["changed"] is True
    assert not {"hush", "other"} & set(json.dumps(result).split('"'))


# ---- Refusals of AWS


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("AccessDenied", "Access denied.", "Allow cloudfront:CreateDistribution and cloudfront:TagResource for"),
        ("TooManyDistributions", "...", "ask for a higher quota of CloudFront"),
        ("CNAMEAlreadyExists", "One or more of the CNAMEs ...", "list-conflicting-aliases"),
        ("InvalidViewerCertificate", "you must attach a trusted certificate", "in us-east-1, and cover all aliases"),
    ],
)
def test_what_helps(code, text, said):
    assert said in refuse({}, listing(), created(answer=api_error("CreateDistributionWithTags", code, text, 409)))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("InvalidOriginAccessControl", "The specified origin access control does not exist."),
        ("NoSuchResponseHeadersPolicy", "The specified policy does not exist."),
        ("InvalidFunctionAssociation", "must be published"),
        ("InvalidWebACLId", "Web ACL is not accessible by the requester."),
        ("EntityNotFound", "The specified vpc origin does not exist"),
        ("InvalidViewerCertificate", "The specified SSL certificate doesn't exist, isn't in us-east-1 region"),
    ],
)
def test_what_was_made_a_moment_ago(code, text):
    refused = api_error("CreateDistributionWithTags", code, text)
    run({}, listing(), created(answer=refused), listing(), created(), *seen())


# ---- Deleting


def off(**members):
    return changed(Enabled=False, **members)


def test_disabled_waited_for_and_deleted(clock):
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        updated(off()),
        *seen(status="Deployed"),  # The change isn't seen at once.
        *seen(off(), "InProgress", "v2"),
        *seen(off(), "Deployed", "v2"),
        Step("DeleteDistribution", {}, {"Id": ID, "IfMatch": "v2"}),
        listing(),
    )
    assert result["changed"] is True
    assert clock[0] > 0


@pytest.mark.parametrize("code", ["DistributionNotDisabled", "PreconditionFailed"])
def test_that_it_is_disabled_is_not_known_everywhere(code):
    delete = {"Id": ID, "IfMatch": "v1"}
    run(
        {"state": "absent"},
        *seen(off()),
        Step("DeleteDistribution", api_error("DeleteDistribution", code, status=409), delete),
        *seen(off()),
        Step("DeleteDistribution", {}, delete),
        listing(),
    )


def test_none_to_delete_and_someone_elses():
    result, _aws, _module = run({"state": "absent"}, listing(EOTHER="other"), tagged("EOTHER", {"Name": "other"}))
    assert result["changed"] is False
    result, _aws, _module = run({"state": "absent"}, *seen(), check_mode=True)
    assert result["changed"] is True


# ---- Bad input


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"default_cache_behavior": {"target_origin_id": "site", "cache_policy": "CachingOptimised"}},
            "has the cache_policy 'CachingOptimised', which is neither an ID nor one of AWS: Amplify, CachingDisabled",
        ),
        (
            {"default_cache_behavior": {"target_origin_id": "web", "cache_policy": "CachingOptimized"}},
            "has the target_origin_id 'web'; the origins are site, api",
        ),
        (
            {
                "origins": [
                    {
                        "id": "site",
                        "domain_name": "x",
                        "custom_origin_config": {},
                        "vpc_origin_config": {"vpc_origin_id": "v"},
                    }
                ]
            },
            "has both a custom_origin_config and a vpc_origin_config",
        ),
        ({"comment": "x" * 129}, "longer than 128 characters"),
    ],
)
def test_refused_before_anything_is_read(options, said):
    assert said in refuse(options)


def test_incomplete_and_twice():
    assert "origins must be given" in refuse({"origins": None, "cache_behaviors": None}, listing())
    twice = [OPTIONS["origins"][0], OPTIONS["origins"][0], OPTIONS["origins"][1]]
    assert "have the id site more than once" in refuse({"origins": twice}, listing())
