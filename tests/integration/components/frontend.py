# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front end: a private bucket, and the distribution that serves it with its headers, routes, web ACL and logs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.components import ROLES
from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import HOME, Lister, tags_of
from ..drift import Repair, together
from . import bastion_instance

NAME = f"{PREFIX}-frontend"
ROUTING = f"{NAME}-routing"
ACCESS_LOG, WAF_LOG = f"/aws/vendedlogs/{PREFIX}/cloudfront", f"aws-waf-logs-{NAME}"
SUMMARY = ".cloudfront.net by distribution "
# Distribution, function, web ACL, bucket, two log groups, and three parts of the delivery.
LEAST_TAGGED = 6
PAGE = ROLES / "frontend/files/page"
# A read of CloudFront's that a page of another's is no part of.
CUSTOM = {"Type": "custom"}
# What differs from account to account, or from read to read.
OWN = ("Id", "ARN", "ETag", "Status", "LastModifiedTime", "DomainName", "InProgressInvalidationBatches")
ALLOW, CLOUDFRONT = {"Allow": {}}, {"Scope": "CLOUDFRONT"}


def bucket_of(account: Account, prefix: str = PREFIX) -> str:
    return f"{prefix}-frontend-{account.id}"


# What an account holds


def _items(account: Account, operation: str, member: str, **params: Any) -> list[dict]:
    return getattr(account.client("cloudfront"), operation)(**params)[member].get("Items", [])


def _with_tags(account: Account, item: dict, arn: str) -> dict:
    tags = account.client("cloudfront").list_tags_for_resource(Resource=arn)["Tags"]["Items"]
    return {**item, "Tags": tags}


def distributions(lister: Lister) -> list[dict]:
    """With their Config and their Tags."""
    account, found = lister.account, []
    for item in _items(account, "list_distributions", "DistributionList"):
        config = account.client("cloudfront").get_distribution_config(Id=item["Id"])["DistributionConfig"]
        found.append(_with_tags(account, {**item, "Config": config}, item["ARN"]))
    return found


def functions(lister: Lister) -> list[dict]:
    """With their Code in both stages and their Tags."""
    account, found = lister.account, []
    cloudfront = account.client("cloudfront")
    for item in _items(account, "list_functions", "FunctionList", Stage="DEVELOPMENT"):
        code = {
            stage: cloudfront.get_function(Name=item["Name"], Stage=stage)["FunctionCode"].read().decode()
            for stage in ("DEVELOPMENT", "LIVE")
            if stage == "DEVELOPMENT" or _is_live(account, item["Name"])
        }
        arn = item["FunctionMetadata"]["FunctionARN"]
        found.append(_with_tags(account, {**item, "ARN": arn, "Code": code}, arn))
    return found


def _is_live(account: Account, name: str) -> bool:
    return name in [item["Name"] for item in _items(account, "list_functions", "FunctionList", Stage="LIVE")]


def controls(account: Account) -> list[dict]:
    return _items(account, "list_origin_access_controls", "OriginAccessControlList")


def policies(account: Account) -> list[dict]:
    found = _items(account, "list_response_headers_policies", "ResponseHeadersPolicyList", **CUSTOM)
    return [item["ResponseHeadersPolicy"] for item in found]


def web_acls(lister: Lister) -> list[dict]:
    """With their Tags, and where they Log to."""
    waf, found = lister.account.client("wafv2", HOME), []
    for item in waf.list_web_acls(**CLOUDFRONT)["WebACLs"]:
        acl = waf.get_web_acl(**CLOUDFRONT, Name=item["Name"], Id=item["Id"])["WebACL"]
        tags = waf.list_tags_for_resource(ResourceARN=item["ARN"])["TagInfoForResource"]["TagList"]
        found.append({**acl, "Tags": tags, "Log": _log_of(waf, acl["ARN"])})
    return found


def _log_of(waf: Any, arn: str) -> dict | None:
    try:
        return waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
    except waf.exceptions.WAFNonexistentItemException:
        return None


def objects(account: Account, bucket: str) -> dict[str, list]:
    """By key the headers and the content of each."""
    s3, found = account.client("s3"), {}
    for item in account.pages("s3", "list_objects_v2", "Contents", Bucket=bucket):
        read = s3.get_object(Bucket=bucket, Key=item["Key"])
        found[item["Key"]] = [read["ContentType"], read.get("CacheControl"), read["Body"].read().decode()]
    return found


def _the(items: list[dict], member: str = "Name", name: str = NAME) -> dict:
    (found,) = [item for item in items if item[member] == name]
    return found


def distribution(account: Account) -> dict:
    """The one of the platform."""
    found = [item for item in distributions(Lister(account)) if tags_of(item).items() >= OWNER.items()]
    return _the(found, "Comment") if len(found) > 1 else found[0]


def function(account: Account) -> dict:
    return _the(functions(Lister(account)), name=ROUTING)


def policy(account: Account) -> dict:
    (found,) = [item for item in policies(account) if item["ResponseHeadersPolicyConfig"]["Name"] == NAME]
    return found


def web_acl(account: Account) -> dict:
    return _the(web_acls(Lister(account)))


def bucket(lister: Lister) -> dict:
    return _the(bastion_instance.buckets(lister), name=bucket_of(lister.account))


def deployed(account: Account, identifier: str) -> None:
    cloudfront = account.client("cloudfront")
    for _time in range(200):
        if cloudfront.get_distribution(Id=identifier)["Distribution"]["Status"] == "Deployed":
            return
        time.sleep(0.1)
    raise AssertionError(f"{identifier} isn't deployed")


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    account = lister.account
    for item in controls(account):
        lister.named("origin access control", item["Id"], item["Name"])
    for item in policies(account):
        lister.named("response headers policy", item["Id"], item["ResponseHeadersPolicyConfig"]["Name"])
    acls = web_acls(lister)
    for item in acls:
        lister.named("web ACL", item["Id"], item["Name"])
    told = distributions(lister)
    for item in told:
        lister.named("distribution", item["Id"], item["Comment"])
        lister.named("distribution's name", item["DomainName"], item["Comment"])
    sites = [item for item in bastion_instance.buckets(lister) if "-frontend-" in item["Name"]]
    return {
        "distributions": [[item["Config"], tags_of(item)] for item in told],
        "functions": [
            [item["Name"], item["FunctionConfig"], item["Code"], tags_of(item)] for item in functions(lister)
        ],
        "origin access controls": [
            {member: value for member, value in item.items() if member != "Id"} for item in controls(account)
        ],
        "response headers policies": [item["ResponseHeadersPolicyConfig"] for item in policies(account)],
        "web ACLs": [
            [{member: value for member, value in item.items() if member not in ("Tags", "LockToken")}, tags_of(item)]
            for item in acls
        ],
        "sites": [
            [
                item["Name"],
                item["Policy"],
                item["PublicAccess"],
                item["Encryption"],
                item["Lifecycle"],
                bastion_instance.versions(lister, item["Name"]),
                [other for other in item["Others"] if other not in (None, "Suspended", [])],
                objects(account, item["Name"]),
            ]
            for item in sites
        ],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    """The bucket is told by the bastion, whose file tells of all buckets."""
    yield from ((f"distribution {item['Comment']}", item) for item in distributions(lister))
    yield from ((f"function {item['Name']}", item) for item in functions(lister))
    yield from ((f"web ACL {item['Name']}", item) for item in web_acls(lister))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    tag_list, name = neighbours.tag_list(tags), f"{prefix}-frontend"
    cloudfront, s3, waf, logs = (
        account.client("cloudfront"),
        account.client("s3"),
        account.client("wafv2", HOME),
        account.client("logs", HOME),
    )
    place = bucket_of(account, prefix)
    s3.create_bucket(Bucket=place, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=place, Tagging={"TagSet": tag_list})
    control = cloudfront.create_origin_access_control(
        OriginAccessControlConfig={
            "Name": name,
            "SigningProtocol": "sigv4",
            "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    )["OriginAccessControl"]["Id"]
    cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig={"Name": name, "Comment": "theirs"})
    cloudfront.create_function(
        Name=f"{name}-routing",
        FunctionConfig={"Comment": "theirs", "Runtime": "cloudfront-js-2.0"},
        FunctionCode=b"function handler(event) { return event.request; }",
        Tags={"Items": tag_list},
    )
    acl = waf.create_web_acl(
        **CLOUDFRONT, Name=name, DefaultAction=ALLOW, VisibilityConfig=_visibility(name), Tags=tag_list
    )["Summary"]["ARN"]
    for group in (f"/aws/vendedlogs/{prefix}/cloudfront", f"aws-waf-logs-{name}"):
        logs.create_log_group(logGroupName=group, tags=tags)
    # It may say that it is ours: what it is for isn't whose it is.
    made = cloudfront.create_distribution_with_tags(
        DistributionConfigWithTags={
            "DistributionConfig": {
                "CallerReference": name,
                "Comment": NAME,
                "Enabled": True,
                "WebACLId": acl,
                "Origins": {
                    "Quantity": 1,
                    "Items": [
                        {
                            "Id": "theirs",
                            "DomainName": f"{place}.s3.{REGION}.amazonaws.com",
                            "OriginAccessControlId": control,
                            "S3OriginConfig": {"OriginAccessIdentity": ""},
                        }
                    ],
                },
                "DefaultCacheBehavior": {
                    "TargetOriginId": "theirs",
                    "ViewerProtocolPolicy": "https-only",
                    "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
                },
            },
            "Tags": {"Items": tag_list},
        }
    )["Distribution"]
    deployed(account, made["Id"])


def _visibility(name: str) -> dict:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def take_names(account: Account) -> list[str]:
    cloudfront = account.client("cloudfront")
    account.client("s3").create_bucket(
        Bucket=bucket_of(account), CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    cloudfront.create_origin_access_control(
        OriginAccessControlConfig={
            "Name": NAME,
            "SigningProtocol": "sigv4",
            "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    )
    cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig={"Name": NAME, "Comment": "theirs"})
    cloudfront.create_function(
        Name=ROUTING,
        FunctionConfig={"Comment": "theirs", "Runtime": "cloudfront-js-2.0"},
        FunctionCode=b"function handler(event) { return event.request; }",
    )
    account.client("wafv2", HOME).create_web_acl(
        **CLOUDFRONT, Name=NAME, DefaultAction=ALLOW, VisibilityConfig=_visibility(NAME)
    )
    for group in (ACCESS_LOG, WAF_LOG):
        account.client("logs", HOME).create_log_group(logGroupName=group)
    return [
        f"S3 bucket {bucket_of(account)}",
        f"CloudFront origin access control {NAME}",
        f"CloudFront response headers policy {NAME}",
        f"CloudFront function {ROUTING}",
        f"web ACL {NAME}",
        f"log group {ACCESS_LOG} in us-east-1",
        f"log group {WAF_LOG} in us-east-1",
    ]


def change(account: Account, **members: Any) -> None:
    """Change the distribution as someone does in the console."""
    cloudfront, identifier = account.client("cloudfront"), distribution(account)["Id"]
    read = cloudfront.get_distribution_config(Id=identifier)
    config = {**read["DistributionConfig"], **members}
    cloudfront.update_distribution(Id=identifier, IfMatch=read["ETag"], DistributionConfig=config)
    deployed(account, identifier)


def _site(found: dict) -> dict:
    """Its origin for the bucket."""
    (site,) = [item for item in found["Config"]["Origins"]["Items"] if item["Id"] == "site"]
    return site


def _unsign(account: Account) -> None:
    items = distribution(account)["Config"]["Origins"]["Items"]
    unsigned = [{**item, "OriginAccessControlId": ""} if item["Id"] == "site" else item for item in items]
    change(account, PriceClass="PriceClass_All", Origins=_counted(unsigned))


def _counted(items: list) -> dict:
    return {"Quantity": len(items), "Items": items}


def _behave(account: Account, **members: Any) -> None:
    config = distribution(account)["Config"]
    change(account, DefaultCacheBehavior={**config["DefaultCacheBehavior"], **members})


def _publish(account: Account, code: str, **config: Any) -> None:
    """Another code, which is live."""
    cloudfront, config = account.client("cloudfront"), {**function(account)["FunctionConfig"], **config}
    cloudfront.update_function(
        Name=ROUTING, IfMatch=_version(account), FunctionConfig=config, FunctionCode=code.encode()
    )
    cloudfront.publish_function(Name=ROUTING, IfMatch=_version(account))


def _version(account: Account) -> str:
    """CloudFront tells it in an update's answer under a name that the SDK doesn't look for."""
    return account.client("cloudfront").describe_function(Name=ROUTING, Stage="DEVELOPMENT")["ETag"]


def _weaken(account: Account, **members: Any) -> None:
    """Change the policy for headers."""
    cloudfront, identifier = account.client("cloudfront"), policy(account)["Id"]
    read = cloudfront.get_response_headers_policy(Id=identifier)
    config = read["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
    cloudfront.update_response_headers_policy(
        Id=identifier, IfMatch=read["ETag"], ResponseHeadersPolicyConfig={**config, **members}
    )


def _security_headers(account: Account, **members: Any) -> dict:
    return {**policy(account)["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"], **members}


def _sign_otherwise(account: Account, **members: Any) -> None:
    cloudfront, identifier = account.client("cloudfront"), _the(controls(account))["Id"]
    read = cloudfront.get_origin_access_control(Id=identifier)
    config = {**read["OriginAccessControl"]["OriginAccessControlConfig"], **members}
    cloudfront.update_origin_access_control(Id=identifier, IfMatch=read["ETag"], OriginAccessControlConfig=config)


def _filter_otherwise(account: Account, **members: Any) -> None:
    waf, found = account.client("wafv2", HOME), web_acl(account)
    read = waf.get_web_acl(**CLOUDFRONT, Name=NAME, Id=found["Id"])
    kept = ("DefaultAction", "Description", "Rules", "VisibilityConfig")
    config = {member: read["WebACL"][member] for member in kept if member in read["WebACL"]}
    waf.update_web_acl(**CLOUDFRONT, Name=NAME, Id=found["Id"], LockToken=read["LockToken"], **{**config, **members})


def _delivery(account: Account) -> dict:
    logs = account.client("logs", HOME)
    return _the(logs.describe_deliveries()["deliveries"], "deliverySourceName")


DISTRIBUTION = frozenset({"Make the distribution"})
UPDATED = Calls({("cloudfront", "UpdateDistribution"): 1})
REPAIRS = {
    **together(
        another_price_class_and_unsigned_origin=Repair(_unsign, UPDATED, DISTRIBUTION, dry=True),
        no_content_security_policy=Repair(
            lambda account: _weaken(
                account, SecurityHeadersConfig={"ContentTypeOptions": {"Override": True}}, Comment="theirs"
            ),
            Calls({("cloudfront", "UpdateResponseHeadersPolicy"): 1}),
            frozenset({"Say by which headers browsers protect the page"}),
            dry=True,
        ),
        unsigned_requests=Repair(
            lambda account: _sign_otherwise(account, SigningBehavior="never"),
            Calls({("cloudfront", "UpdateOriginAccessControl"): 1}),
            frozenset({"Let CloudFront sign what it asks of the bucket"}),
            dry=True,
        ),
        another_function=Repair(
            lambda account: _publish(account, "function handler(event) { return event.request; }"),
            Calls(
                {
                    ("cloudfront", "UpdateFunction"): 1,
                    ("cloudfront", "TestFunction"): 4,
                    ("cloudfront", "PublishFunction"): 1,
                }
            ),
            frozenset({"Lead pages of the application to its document"}),
            dry=True,
        ),
        no_rules=Repair(
            lambda account: _filter_otherwise(account, Rules=[]),
            Calls({("wafv2", "UpdateWebACL"): 1}),
            frozenset({"Make the web ACL"}),
            dry=True,
        ),
        a_public_bucket=Repair(
            lambda account: account.client("s3").delete_bucket_policy(Bucket=bucket_of(account)),
            Calls({("s3", "PutBucketPolicy"): 1}),
            frozenset({"Make the bucket, for the distribution alone"}),
            dry=True,
        ),
    ),
    "no delivery of the log": Repair(
        lambda account: account.client("logs", HOME).delete_delivery(id=_delivery(account)["id"]),
        Calls({("logs", "CreateDelivery"): 1}),
        frozenset({"Log the requests"}),
        dry=True,
    ),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    s3, place = account.client("s3"), bucket_of(account)
    cloudfront, waf, logs = account.client("cloudfront"), account.client("wafv2", HOME), account.client("logs", HOME)
    found, acl = distribution(account), web_acl(account)
    no_error = {"Quantity": 1, "Items": [{"ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200"}]}
    behavior = found["Config"]["DefaultCacheBehavior"]
    return {
        "public access block": lambda: s3.delete_public_access_block(Bucket=place),
        "bucket policy": lambda: s3.put_bucket_policy(
            Bucket=place,
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudfront.amazonaws.com"},
                            "Action": "s3:GetObject",
                            "Resource": f"arn:aws:s3:::{place}/*",
                        }
                    ],
                }
            ),
        ),
        "expiry": lambda: s3.delete_bucket_lifecycle(Bucket=place),
        "versions": lambda: s3.put_bucket_versioning(Bucket=place, VersioningConfiguration={"Status": "Suspended"}),
        "ownership of objects": lambda: s3.put_bucket_ownership_controls(
            Bucket=place, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        ),
        "encryption": lambda: s3.put_bucket_encryption(
            Bucket=place,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            },
        ),
        "website": lambda: s3.put_bucket_website(
            Bucket=place, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
        ),
        "CORS rules": lambda: s3.put_bucket_cors(
            Bucket=place, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
        ),
        "description of the origin access control": lambda: _sign_otherwise(account, Description="theirs"),
        "comment of the function": lambda: _publish(account, function(account)["Code"]["LIVE"], Comment="theirs"),
        "tags of the function": lambda: cloudfront.untag_resource(
            Resource=function(account)["ARN"], TagKeys={"Items": ["Name"]}
        ),
        "a removed header": lambda: _weaken(account, CustomHeadersConfig={"Quantity": 0}),
        "frames": lambda: _weaken(
            account,
            SecurityHeadersConfig=_security_headers(
                account, FrameOptions={"Override": False, "FrameOption": "SAMEORIGIN"}
            ),
        ),
        "HSTS": lambda: _weaken(
            account,
            SecurityHeadersConfig=_security_headers(
                account, StrictTransportSecurity={"Override": True, "AccessControlMaxAgeSec": 60}
            ),
        ),
        "CORS of the pages": lambda: _weaken(
            account,
            CustomHeadersConfig={
                "Quantity": 1,
                "Items": [{"Header": "Access-Control-Allow-Origin", "Value": "*", "Override": True}],
            },
        ),
        "default action": lambda: _filter_otherwise(account, DefaultAction={"Block": {}}),
        "description of the web ACL": lambda: _filter_otherwise(account, Description="theirs"),
        "rate": lambda: _filter_otherwise(account, Rules=web_acl(account)["Rules"][1:]),
        "metrics of the web ACL": lambda: _filter_otherwise(
            account, VisibilityConfig={**_visibility("theirs"), "SampledRequestsEnabled": False}
        ),
        "log of the web ACL": lambda: waf.delete_logging_configuration(ResourceArn=acl["ARN"]),
        "tags of the web ACL": lambda: waf.untag_resource(ResourceARN=acl["ARN"], TagKeys=["Name"]),
        "comment": lambda: change(account, Comment="theirs"),
        "root object": lambda: change(account, DefaultRootObject="home.html"),
        "errors that become pages": lambda: change(account, CustomErrorResponses=no_error),
        "versions of HTTP": lambda: change(account, HttpVersion="http1.1"),
        "IPv6": lambda: change(account, IsIPV6Enabled=False),
        "countries": lambda: change(
            account,
            Restrictions={"GeoRestriction": {"RestrictionType": "blacklist", "Quantity": 1, "Items": ["AQ"]}},
        ),
        "no web ACL": lambda: change(account, WebACLId=""),
        "plain HTTP": lambda: _behave(account, ViewerProtocolPolicy="allow-all"),
        "no compression": lambda: _behave(account, Compress=False),
        "what is cached": lambda: _behave(account, CachePolicyId="4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
        "no headers": lambda: _behave(account, ResponseHeadersPolicyId=""),
        "no function": lambda: _behave(account, FunctionAssociations={"Quantity": 0}),
        "another behaviour": lambda: change(
            account,
            CacheBehaviors=_counted(
                [
                    *(found["Config"]["CacheBehaviors"].get("Items") or []),
                    {**behavior, "PathPattern": "/theirs/*", "FunctionAssociations": {"Quantity": 0}},
                ]
            ),
        ),
        "another origin": lambda: change(
            account,
            Origins=_counted(
                [
                    *found["Config"]["Origins"]["Items"],
                    {**_site(found), "Id": "theirs", "OriginPath": "/theirs"},
                ]
            ),
        ),
        "disabled": lambda: change(account, Enabled=False),
        "tags of the distribution": lambda: cloudfront.tag_resource(
            Resource=found["ARN"], Tags={"Items": neighbours.tag_list({"Theirs": "1"})}
        ),
        "fields of the log": lambda: logs.update_delivery_configuration(
            id=_delivery(account)["id"], recordFields=["timestamp(ms)", "DistributionId", "cs(Cookie)"]
        ),
        "retention": lambda: logs.put_retention_policy(logGroupName=ACCESS_LOG, retentionInDays=1),
        "log group": lambda: logs.delete_log_group(logGroupName=WAF_LOG),
        "a removed file": lambda: s3.delete_object(Bucket=place, Key="app.js"),
    }


def lasting(account: Account) -> list[str]:
    return [
        distribution(account)["Id"],
        _the(controls(account))["Id"],
        policy(account)["Id"],
        web_acl(account)["Id"],
    ]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    account = lister.account
    found = distribution(account)
    assert facts["url"] == f"https://{found['DomainName']}"
    assert (facts["distribution_id"], facts["distribution_arn"]) == (found["Id"], found["ARN"])
    assert facts["bucket"] == bucket_of(account)
    assert facts["web_acl_arn"] == web_acl(account)["ARN"]
    assert facts["function_arn"] == function(account)["ARN"]
    assert facts["response_headers_policy_id"] == policy(account)["Id"]
    assert facts["origin_access_control_id"] == _the(controls(account))["Id"]
    assert facts["log_groups"] == [ACCESS_LOG, WAF_LOG]
    assert (facts["aliases"], facts["status"], facts["enabled"]) == ([], "Deployed", True)


class TestFrontend:
    def test_only_this_distribution_reads_the_bucket(self, lister):
        found, arn = bucket(lister), distribution(lister.account)["ARN"]
        allowed = [item for item in found["Policy"]["Statement"] if item["Effect"] == "Allow"]
        assert allowed == [
            {
                "Sid": "LetThisDistributionRead",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{found['Name']}/*",
                "Condition": {"StringEquals": {"aws:SourceArn": arn}},
            }
        ]
        (denied,) = [item for item in found["Policy"]["Statement"] if item["Effect"] == "Deny"]
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert all(found["PublicAccess"].values())

    def test_the_distribution(self, lister):
        account = lister.account
        config = distribution(account)["Config"]
        origin = _site({"Config": config})
        assert origin["DomainName"] == f"{bucket_of(account)}.s3.{REGION}.amazonaws.com"
        assert origin["OriginAccessControlId"] == _the(controls(account))["Id"]
        assert (config["HttpVersion"], config["IsIPV6Enabled"], config["DefaultRootObject"]) == (
            "http2and3",
            True,
            "index.html",
        )
        assert config["WebACLId"] == web_acl(account)["ARN"]
        assert config["CustomErrorResponses"]["Quantity"] == 0
        behavior = config["DefaultCacheBehavior"]
        assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
        assert sorted(behavior["AllowedMethods"]["Items"]) == ["GET", "HEAD"]
        assert behavior["ResponseHeadersPolicyId"] == policy(account)["Id"]
        assert behavior["FunctionAssociations"]["Items"] == [
            {"FunctionARN": function(account)["ARN"], "EventType": "viewer-request"}
        ]

    def test_the_function_is_live(self, lister):
        code = (ROLES / "frontend/files/routing.js").read_text().rstrip()
        found = function(lister.account)
        assert found["Code"] == {"DEVELOPMENT": code, "LIVE": code}
        assert found["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"

    def test_headers(self, lister):
        headers = policy(lister.account)["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        said = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
        directives = dict(item.split(" ", 1) for item in said.split("; "))
        assert directives["default-src"] == "'none'"
        assert directives["frame-ancestors"] == "'none'"
        assert directives["script-src"] == "'self'"
        sources = directives["connect-src"].split()
        assert sources[:2] == ["'self'", f"https://cognito-idp.{REGION}.amazonaws.com"]
        assert sources[2].endswith(f".auth.{REGION}.amazoncognito.com")
        assert "unsafe" not in said
        assert headers["FrameOptions"]["FrameOption"] == "DENY"
        assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
        assert headers["ReferrerPolicy"]["ReferrerPolicy"] == "strict-origin-when-cross-origin"

    def test_the_web_acl(self, lister):
        found = web_acl(lister.account)
        rules = {item["Name"]: item for item in found["Rules"]}
        assert [item["Name"] for item in sorted(found["Rules"], key=lambda rule: rule["Priority"])] == [
            "rate",
            "AWSManagedRulesAmazonIpReputationList",
            "AWSManagedRulesCommonRuleSet",
            "AWSManagedRulesKnownBadInputsRuleSet",
        ]
        assert rules["rate"]["Action"] == {"Block": {}}
        assert rules["rate"]["Statement"]["RateBasedStatement"]["Limit"] == 2000
        log = found["Log"]
        assert log["LogDestinationConfigs"] == [f"arn:aws:logs:us-east-1:{lister.account.id}:log-group:{WAF_LOG}"]
        assert {"SingleHeader": {"Name": "authorization"}} in log["RedactedFields"]

    def test_logs_tell_no_codes(self, lister):
        (delivery,) = [item for item in lister.log_deliveries("deliveries") if item["deliverySourceName"] == NAME]
        assert not {"cs(Cookie)", "cs-uri-query"} & set(delivery["recordFields"])
        groups = {item["logGroupName"]: item for item in lister.log_groups() if item["Region"] == HOME}
        for name in (ACCESS_LOG, WAF_LOG):
            assert groups[name]["retentionInDays"] == 365
            (allowed,) = groups[name]["Policies"][0]["Statement"]
            assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": [lister.account.id]}

    def test_the_page(self, lister):
        found = objects(lister.account, bucket_of(lister.account))
        assert found.keys() - {"config.json"} == {
            str(file.relative_to(PAGE)) for file in PAGE.rglob("*") if file.is_file()
        }
        assert found["index.html"][0].startswith("text/html")
