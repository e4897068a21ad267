#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_distribution
version_added: 0.1.0
short_description: Manage a distribution of CloudFront
description:
  - Creates, changes, tags and deletes a distribution, and waits until CloudFront has deployed it everywhere.
  - An account has no names for distributions. This one is known by its tag C(Name), which is O(name), and by the tags
    of O(owned_by). A create whose reply was lost, or that two runs send at once, makes one, since both bear the same
    reference.
  - A change sends all that was read together with what differs, so it resets nothing. Someone else's change at the same
    time is seen, and not undone.
  - To be deleted a distribution is disabled first. That takes as long as a change does, and is waited for in any case.
  - It replaces M(community.aws.cloudfront_distribution), which in release 11.2.0 knows neither origin access controls
    nor VPC origins nor functions, has no check mode, and changes a distribution whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the distribution, kept in its tag C(Name).
    type: str
    required: true
  comment:
    description:
      - What it is for, up to 128 characters. Lists show it. It is O(name) in a new one if not set.
    type: str
  enabled:
    description:
      - Whether it answers. It is V(true) in a new one if not set.
    type: bool
  aliases:
    description:
      - Its own names, such as C(www.example.com). O(viewer_certificate) must cover them. No two distributions, of
        whatever account, have the same one.
    type: list
    elements: str
  default_root_object:
    description:
      - What is sent for C(/), such as V(index.html). An empty text takes it away.
    type: str
  origins:
    description:
      - Where the content comes from. Others are removed. It is needed to create a distribution.
      - One that has neither O(origins.custom_origin_config) nor O(origins.vpc_origin_config) is a bucket.
    type: list
    elements: dict
    suboptions:
      id:
        description: Its name in this distribution.
        type: str
        required: true
      domain_name:
        description:
          - Its host name, for a bucket C(NAME.s3.REGION.amazonaws.com), for a VPC origin the one of the load balancer.
        type: str
        required: true
      origin_path:
        description: Folder in it that the paths begin in, with a slash before and none after.
        type: str
        default: ""
      origin_access_control_id:
        description: ID of the origin access control that signs what is asked of it.
        type: str
        default: ""
      custom_headers:
        description: Headers that are sent along to it. Their values aren't shown.
        type: list
        elements: dict
        default: []
        suboptions:
          header_name:
            description: Name of the header.
            type: str
            required: true
          header_value:
            description: Its value.
            type: str
            required: true
      connection_attempts:
        description: How often CloudFront tries to connect, from 1 to 3.
        type: int
        default: 3
      connection_timeout:
        description: For how many seconds each time, from 1 to 10.
        type: int
        default: 10
      origin_shield_region:
        description: Region whose cache stands before the origin. Without one there is none.
        type: str
        default: ""
      custom_origin_config:
        description: For a server that the internet reaches.
        type: dict
        suboptions:
          http_port:
            description: Port for HTTP.
            type: int
            default: 80
          https_port:
            description: Port for HTTPS.
            type: int
            default: 443
          origin_protocol_policy:
            description: How CloudFront talks to it.
            type: str
            choices: [http-only, match-viewer, https-only]
            default: https-only
          origin_ssl_protocols:
            description: Versions of TLS that CloudFront may use for that.
            type: list
            elements: str
            choices: [SSLv3, TLSv1, TLSv1.1, TLSv1.2]
            default: [TLSv1.2]
          origin_read_timeout:
            description: For how many seconds CloudFront waits for an answer, from 1 to 120.
            type: int
            default: 30
          origin_keepalive_timeout:
            description: For how many seconds it keeps an idle connection, from 1 to 120.
            type: int
            default: 5
      vpc_origin_config:
        description: For what lies in a VPC.
        type: dict
        suboptions:
          vpc_origin_id:
            description: ID of the VPC origin, see M(agent_platform.aws.cloudfront_vpc_origin).
            type: str
            required: true
          origin_read_timeout:
            description: For how many seconds CloudFront waits for an answer, from 1 to 120.
            type: int
            default: 30
          origin_keepalive_timeout:
            description: For how many seconds it keeps an idle connection, from 1 to 120.
            type: int
            default: 5
  default_cache_behavior:
    description:
      - How requests are handled that no entry of O(cache_behaviors) is for. It is needed to create a distribution.
    type: dict
    suboptions: &behavior
      target_origin_id:
        description: The origin that answers them, by its id.
        type: str
        required: true
      viewer_protocol_policy:
        description: What becomes of requests by HTTP.
        type: str
        choices: [allow-all, https-only, redirect-to-https]
        default: redirect-to-https
      allowed_methods:
        description: Methods that are passed on, V(GET) and V(HEAD), these and V(OPTIONS), or all seven.
        type: list
        elements: str
        choices: [GET, HEAD, POST, PUT, PATCH, OPTIONS, DELETE]
        default: [GET, HEAD]
      cached_methods:
        description: Methods whose answers are kept, V(GET) and V(HEAD), or these and V(OPTIONS).
        type: list
        elements: str
        choices: [GET, HEAD, POST, PUT, PATCH, OPTIONS, DELETE]
        default: [GET, HEAD]
      compress:
        description: Whether CloudFront compresses what it sends.
        type: bool
        default: true
      cache_policy:
        description: ID of the policy for what is kept, or the name of one of AWS, such as V(CachingOptimized).
        type: str
        required: true
      origin_request_policy:
        description:
          - ID of the policy for what is passed on to the origin, or the name of one of AWS, such as
            V(AllViewerExceptHostHeader). Without one it is what the cache policy has.
        type: str
        default: ""
      response_headers_policy:
        description:
          - ID of the policy for headers of responses, or the name of one of AWS, such as V(SecurityHeadersPolicy).
        type: str
        default: ""
      function_associations:
        description: Functions that work on requests and responses. They must be published.
        type: list
        elements: dict
        default: []
        suboptions:
          event_type:
            description: When it runs.
            type: str
            choices: [viewer-request, viewer-response]
            required: true
          function_arn:
            description: ARN of the function.
            type: str
            required: true
      lambda_function_associations:
        description: Versions of functions of Lambda@Edge that work on requests and responses.
        type: list
        elements: dict
        default: []
        suboptions:
          event_type:
            description: When it runs.
            type: str
            choices: [viewer-request, viewer-response, origin-request, origin-response]
            required: true
          lambda_function_arn:
            description: ARN of the version, in us-east-1.
            type: str
            required: true
          include_body:
            description: Whether it gets the body of a request.
            type: bool
            default: false
      trusted_key_groups:
        description: IDs of the groups of keys by one of which requests must be signed.
        type: list
        elements: str
        default: []
  cache_behaviors:
    description:
      - How requests for certain paths are handled. The first whose pattern fits counts. Others are removed.
    type: list
    elements: dict
    suboptions:
      path_pattern:
        description: The paths, such as V(/api/*).
        type: str
        required: true
      <<: *behavior
  custom_error_responses:
    description:
      - What is sent instead of an error of an origin, of whichever. Others are removed.
    type: list
    elements: dict
    suboptions:
      error_code:
        description: Status of the origin.
        type: int
        required: true
      response_page_path:
        description: What is sent instead, such as V(/error.html).
        type: str
        default: ""
      response_code:
        description: Status that it is sent with. It goes together with O(custom_error_responses.response_page_path).
        type: str
        default: ""
      error_caching_min_ttl:
        description: For how many seconds the error is kept.
        type: int
        default: 10
  geo_restriction:
    description:
      - From which countries it is reached.
    type: dict
    suboptions:
      restriction_type:
        description: From all but those (V(blacklist)), from those only (V(whitelist)), or from everywhere.
        type: str
        choices: [blacklist, whitelist, none]
        required: true
      locations:
        description: The countries, by their codes of ISO 3166 such as V(DE).
        type: list
        elements: str
        default: []
  viewer_certificate:
    description:
      - The certificate for O(aliases), and what viewers must know of TLS.
    type: dict
    suboptions:
      acm_certificate_arn:
        description: >-
          ARN of a certificate of ACM in us-east-1. Without one it is that of CloudFront for its own name, which takes
          TLS from version 1.0 on.
        type: str
        default: ""
      minimum_protocol_version:
        description: The least version of TLS, and with it the ciphers.
        type: str
        choices:
          - SSLv3
          - TLSv1
          - TLSv1_2016
          - TLSv1.1_2016
          - TLSv1.2_2018
          - TLSv1.2_2019
          - TLSv1.2_2021
          - TLSv1.2_2025
          - TLSv1.3_2025
        default: TLSv1.2_2021
      ssl_support_method:
        description: How viewers say which name they mean. AWS charges for all but V(sni-only).
        type: str
        choices: [sni-only, vip, static-ip]
        default: sni-only
  http_version:
    description:
      - Versions of HTTP that viewers may use.
    type: str
    choices: [http1.1, http2, http3, http2and3]
  ipv6_enabled:
    description:
      - Whether viewers may come by IPv6.
    type: bool
  price_class:
    description:
      - From where it is served. V(PriceClass_100) are North America, Europe and Israel.
    type: str
    choices: [PriceClass_100, PriceClass_200, PriceClass_All]
  web_acl_id:
    description:
      - ARN of a web ACL of WAFv2 of the scope CLOUDFRONT. An empty text takes it away.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - CloudFront is the same in all regions, so O(region) has no meaning here.
  - An entry of a list is declared as a whole. What it doesn't name gets the default.
  - CloudFront takes a configuration as a whole. A setting that is newer than the boto3 of this run is neither read nor
    sent, so a change sets it back.
"""

EXAMPLES = r"""
- name: Serve a private bucket, and an API behind it
  agent_platform.aws.cloudfront_distribution:
    name: demo-frontend
    default_root_object: index.html
    aliases: [www.example.com]
    viewer_certificate:
      acm_certificate_arn: arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab
    origins:
      - id: site
        domain_name: demo-frontend.s3.us-west-2.amazonaws.com
        origin_access_control_id: E2QWRUHEXAMPLE
      - id: api
        domain_name: internal-demo-1234567890.us-west-2.elb.amazonaws.com
        vpc_origin_config:
          vpc_origin_id: vo_0123456789abcdefghijkl
    default_cache_behavior:
      target_origin_id: site
      cache_policy: CachingOptimized
      response_headers_policy: SecurityHeadersPolicy
    cache_behaviors:
      - path_pattern: /api/*
        target_origin_id: api
        allowed_methods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
        cache_policy: CachingDisabled
        origin_request_policy: AllViewerExceptHostHeader
    http_version: http2and3
    owned_by:
      Project: demo
    tags:
      Project: demo

- name: Delete it
  agent_platform.aws.cloudfront_distribution:
    name: demo-frontend
    owned_by:
      Project: demo
    state: absent
"""

RETURN = r"""
distribution:
  description: The distribution, with its configuration as the options have it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: Its ARN. Not known in check mode before it exists.
      type: str
      sample: arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE
    domain_name:
      description: CloudFront's own name for it.
      type: str
      sample: d111111abcdef8.cloudfront.net
    id:
      description: Its ID.
      type: str
      sample: EDFDVBD6EXAMPLE
    origins:
      description: Where the content comes from.
      type: list
      elements: dict
    status:
      description: InProgress or Deployed.
      type: str
    tags:
      description: Its tags.
      type: dict
"""

import re

from ..module_utils.cloudfront import (
    CACHE_POLICIES,
    ORIGIN_REQUEST_POLICIES,
    RESPONSE_HEADERS_POLICIES,
    CloudFrontResource,
    cloudfront_tagging,
    from_api,
    to_api,
)
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update
from ..module_utils.faults import ResourceError, error_code, error_text
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, is_satisfied, placeholder

MISSING = ("NoSuchDistribution",)
EXISTS = "DistributionAlreadyExists"
CONFIG = "DistributionConfig"
WITH_TAGS = "DistributionConfigWithTags"
LONGEST_COMMENT = 128
# How often the reference of one that is gone is met at most.
MOST_BEFORE = 20
HIDDEN = "(not shown)"
POLICIES = {
    "cache_policy": CACHE_POLICIES,
    "origin_request_policy": ORIGIN_REQUEST_POLICIES,
    "response_headers_policy": RESPONSE_HEADERS_POLICIES,
}
POLICY_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# What an update asks for and a create doesn't.
ASKED_OF_BEHAVIORS = {"FieldLevelEncryptionId": "", "SmoothStreaming": False}
# What a policy for the cache takes the place of.
WITHOUT_POLICY = frozenset({"ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL"})
KINDS = ("CustomOriginConfig", "S3OriginConfig", "VpcOriginConfig")


# ---- The words of options, and those of the API


def to_origin(origin):
    region = origin.pop("origin_shield_region", "")
    shield = {"OriginShield": {"Enabled": bool(region), **({"OriginShieldRegion": region} if region else {})}}
    kinds = [kind for kind in ("custom_origin_config", "vpc_origin_config") if origin.get(kind)]
    # A bucket has to have an identity of the older kind, which may be none.
    bucket = {} if kinds else {"S3OriginConfig": {"OriginAccessIdentity": ""}}
    return {**to_api(origin), **shield, **bucket}


def of_origin(origin):
    shield = origin.get("OriginShield") or {}
    region = shield.get("OriginShieldRegion", "") if shield.get("Enabled") else ""
    words = from_api({member: value for member, value in origin.items() if member not in ("OriginShield", *KINDS)})
    kinds = {member: origin[member] for member in KINDS if member in origin and member != "S3OriginConfig"}
    return {"origin_access_control_id": "", **words, **from_api(kinds), "origin_shield_region": region}


def to_behavior(behavior):
    names = {
        f"{option}_id": POLICIES[option].get(value.removeprefix("Managed-"), value)
        for option in POLICIES
        if (value := behavior.pop(option, ""))
    }
    allowed, cached = behavior.pop("allowed_methods"), behavior.pop("cached_methods")
    groups = behavior.pop("trusted_key_groups", [])
    return {
        **to_api(behavior | names),
        "AllowedMethods": {**to_api(allowed), "CachedMethods": to_api(cached)},
        "TrustedKeyGroups": {"Enabled": bool(groups), **to_api(groups)},
    }


def of_behavior(behavior):
    methods, groups = behavior.get("AllowedMethods") or {}, behavior.get("TrustedKeyGroups") or {}
    words = from_api(
        {member: value for member, value in behavior.items() if member not in ("AllowedMethods", "TrustedKeyGroups")}
    )
    policies = {
        option: next((name for name, known in POLICIES[option].items() if known == value), value)
        for option in POLICIES
        for value in [words.pop(f"{option}_id", "")]
    }
    return {
        **words,
        **policies,
        "allowed_methods": methods.get("Items") or [],
        "cached_methods": get_path(methods, "CachedMethods.Items") or [],
        "trusted_key_groups": groups.get("Items") or [],
    }


def to_origins(origins):
    return as_list([to_origin(dict(origin)) for origin in origins])


def of_origins(value):
    return [of_origin(origin) for origin in value.get("Items") or []]


def to_behaviors(behaviors):
    return as_list([to_behavior(dict(behavior)) for behavior in behaviors])


def of_behaviors(value):
    return [of_behavior(behavior) for behavior in value.get("Items") or []]


def as_list(items):
    return {"Quantity": len(items), **({"Items": items} if items else {})}


def same_behaviors(current, desired):
    """Their order counts, and that of what they list doesn't."""
    pairs = zip(current or [], desired, strict=False)
    return len(current or []) == len(desired) and all(is_satisfied(have, want, True) for have, want in pairs)


def named_policies(behavior):
    """A behavior with the names of policies as they are compared; ValueError for one that AWS doesn't have."""
    named = dict(behavior)
    for option, known in POLICIES.items():
        value = (behavior.get(option) or "").removeprefix("Managed-")
        if value in known.values():
            value = next(name for name, policy in known.items() if policy == value)
        elif value and value not in known and not re.fullmatch(POLICY_ID, value) and not placeholder(value):
            raise ValueError(
                f"has the {option} {value!r}, which is neither an ID nor one of AWS: {', '.join(sorted(known))}"
            )
        named[option] = value
    return named


def to_certificate(certificate):
    if not certificate["acm_certificate_arn"]:
        return {"CloudFrontDefaultCertificate": True}
    return {
        "ACMCertificateArn": certificate["acm_certificate_arn"],
        "MinimumProtocolVersion": certificate["minimum_protocol_version"],
        "SSLSupportMethod": certificate["ssl_support_method"],
    }


def of_certificate(value):
    return {
        "acm_certificate_arn": value.get("ACMCertificateArn", ""),
        "minimum_protocol_version": value.get("MinimumProtocolVersion", ""),
        "ssl_support_method": value.get("SSLSupportMethod", ""),
    }


def same_certificate(current, desired):
    """Nothing else can be chosen for CloudFront's own."""
    there = (current or {}).get("acm_certificate_arn", "")
    return current == desired if desired["acm_certificate_arn"] else not there


def to_restrictions(restriction):
    return {"RestrictionType": restriction["restriction_type"], **to_api(restriction["locations"])}


def of_restrictions(value):
    return {"restriction_type": value.get("RestrictionType", "none"), "locations": value.get("Items") or []}


def setting(option, member, **how):
    path = f"{CONFIG}.{member}"
    return Setting(
        option,
        f"{WITH_TAGS}.{path}",
        read=f"Distribution.{path}",
        update="config",
        update_members=(path,),
        **how,
    )


STAGED = "for a second distribution that gets a part of the requests"
SHARED = "for distributions that tenants share"
CERTIFIED = "viewers need no certificates"
LEFT_OF_BEHAVIORS = {
    **dict.fromkeys(sorted(WITHOUT_POLICY), "a cache policy takes their place"),
    "FieldLevelEncryptionId": "fields are encrypted by HTTPS only",
    "GrpcConfig": "gRPC is left alone",
    "RealtimeLogConfigArn": "logs in real time are left alone",
    "SmoothStreaming": "for media of a kind that is hardly used any more",
    "TrustedSigners": "today's kind are groups of keys",
}
# What is left alone: part of the configuration -> member -> why.
LEFT = {
    "": {
        "AnycastIpListId": "addresses of its own are left alone",
        "CacheTagConfig": "content is invalidated by its paths",
        "ConnectionFunctionAssociation": CERTIFIED,
        "ConnectionMode": SHARED,
        "ContinuousDeploymentPolicyId": STAGED,
        "Logging": "the older kind of logs; today's are a delivery of CloudWatch Logs",
        "OriginGroups": "an origin that stands in for another is left alone",
        "Staging": STAGED,
        "TenantConfig": SHARED,
        "ViewerMtlsConfig": CERTIFIED,
    },
    "Origins.Items": {
        "CustomOriginConfig.IpAddressType": "CloudFront's default, IPv4",
        "CustomOriginConfig.OriginMtlsConfig": "CloudFront shows origins no certificate",
        "ResponseCompletionTimeout": "there is no limit for a whole answer",
        "S3OriginConfig.OriginReadTimeout": "CloudFront's default",
        "VpcOriginConfig.OwnerAccountId": "VPC origins of the account itself only",
    },
    "DefaultCacheBehavior": LEFT_OF_BEHAVIORS,
    "CacheBehaviors.Items": LEFT_OF_BEHAVIORS,
    "ViewerCertificate": {
        "Certificate": "the older words for the other members",
        "CertificateSource": "the older words for the other members",
        "IAMCertificateId": "certificates of ACM only",
    },
}
# An update sends all that was read, but what a declared part takes the place of.
LEFT_BY_UPDATE = {
    "DefaultCacheBehavior": WITHOUT_POLICY,
    "CacheBehaviors.Items": {*WITHOUT_POLICY, "GrpcConfig", "RealtimeLogConfigArn", "TrustedSigners"},
    "ViewerCertificate": LEFT["ViewerCertificate"],
}


class Distribution(CloudFrontResource):
    kind = "CloudFront distribution"
    result = "distribution"
    names = {"Name": "name"}
    inner = "Distribution"
    identifier = "Id"
    needed = ("origins", "default_cache_behavior")
    describe = Describe("ListDistributions", "DistributionList.Items", many=True, names={})
    additions = (
        Addition("GetDistribution", "", by="Id", missing=MISSING, itself=True),
        # Of each that may be meant.
        Addition("ListTagsForResource", "Tags.Items", "Tags", by_hand=True),
    )
    create = Create("CreateDistributionWithTags", exists=(EXISTS,), tags=f"{WITH_TAGS}.Tags.Items", names=())
    delete = Delete("DeleteDistribution", missing=MISSING, by="Id")
    settings = (
        setting("comment", "Comment", absent=""),
        setting("enabled", "Enabled"),
        setting(
            "aliases",
            "Aliases",
            unordered=True,
            absent=[],
            given=lambda names: [name.lower() for name in names],
            encode=to_api,
            decode=from_api,
        ),
        setting("default_root_object", "DefaultRootObject", absent=""),
        setting("origins", "Origins", key="id", unordered=True, encode=to_origins, decode=of_origins),
        setting(
            "default_cache_behavior",
            "DefaultCacheBehavior",
            unordered=True,
            given=named_policies,
            encode=lambda behavior: to_behavior(dict(behavior)),
            decode=of_behavior,
        ),
        setting(
            "cache_behaviors",
            "CacheBehaviors",
            key="path_pattern",
            absent=[],
            given=lambda behaviors: [named_policies(behavior) for behavior in behaviors],
            same=same_behaviors,
            encode=to_behaviors,
            decode=of_behaviors,
        ),
        setting(
            "custom_error_responses",
            "CustomErrorResponses",
            key="error_code",
            unordered=True,
            absent=[],
            encode=to_api,
            decode=from_api,
        ),
        setting(
            "geo_restriction",
            "Restrictions.GeoRestriction",
            unordered=True,
            absent={"restriction_type": "none", "locations": []},
            encode=to_restrictions,
            decode=of_restrictions,
        ),
        setting(
            "viewer_certificate",
            "ViewerCertificate",
            encode=to_certificate,
            decode=of_certificate,
            same=same_certificate,
        ),
        setting("http_version", "HttpVersion", decode=str.lower),
        setting("ipv6_enabled", "IsIPV6Enabled", absent=False),
        setting("price_class", "PriceClass"),
        setting("web_acl_id", "WebACLId", absent=""),
    )
    updates = {"config": Update("UpdateDistribution", by="Id")}
    tagging = cloudfront_tagging("ARN")
    states = States("Distribution.Status", ready=frozenset({"Deployed"}), pending=frozenset({"InProgress"}))
    unmanaged = {
        **{
            ".".join(filter(None, ("CreateDistributionWithTags", WITH_TAGS, CONFIG, part, member))): why
            for part, members in LEFT.items()
            for member, why in members.items()
        },
        **{
            f"UpdateDistribution.{CONFIG}.{part}.{member}": LEFT[part][member]
            for part, members in LEFT_BY_UPDATE.items()
            for member in sorted(members)
        },
        "AssociateDistributionWebACL": "an update does the same",
        "DisassociateDistributionWebACL": "an update does the same",
        "UpdateDistributionWithStagingConfig": STAGED,
    }
    passing = {
        # What it names was made a moment ago, and isn't known everywhere.
        "EntityNotFound": ("vpc origin",),
        "InvalidFunctionAssociation": ("",),
        "InvalidOriginAccessControl": ("",),
        "InvalidViewerCertificate": ("doesn't exist",),
        "InvalidWebACLId": ("",),
        "NoSuchResponseHeadersPolicy": ("",),
        # That it is disabled isn't known everywhere.
        "DistributionNotDisabled": ("",),
    }
    hints = {
        "CNAMEAlreadyExists": {
            "": "Another distribution, maybe of another account, has that alias, or a wildcard that covers it. aws "
            "cloudfront list-conflicting-aliases tells which. Remove the alias there, or move it here by aws "
            "cloudfront associate-alias, and run again."
        },
        "InvalidViewerCertificate": {
            "": "The certificate must be issued, in us-east-1, and cover all aliases; without one there can be none."
        },
        "InvalidWebACLId": {"": "Give the ARN of a web ACL of WAFv2 that has the scope CLOUDFRONT."},
        "InvalidFunctionAssociation": {"": "A function must be published before a distribution can use it."},
    }
    # CloudFront mostly takes some minutes.
    timeout = 1200

    def prepare(self):
        self.known = None  # the id of the one that is meant
        self.fresh = None  # the one that this run has made, which lists may not show yet
        self.reference = self.options["name"]
        for origin in self.options["origins"] or []:
            if origin.get("custom_origin_config") and origin.get("vpc_origin_config"):
                raise ResourceError(
                    f"Origin {origin['id']!r} of {self.title} has both a custom_origin_config and a vpc_origin_config; "
                    "give one of them."
                )
        behaviors = [self.options["default_cache_behavior"], *(self.options["cache_behaviors"] or [])]
        origins = [origin["id"] for origin in self.options["origins"] or []]
        for behavior in behaviors if origins else []:
            if behavior and behavior["target_origin_id"] not in origins:
                raise ResourceError(
                    f"A behavior of {self.title} has the target_origin_id {behavior['target_origin_id']!r}; the "
                    f"origins are {', '.join(origins)}."
                )
        if len(self.options["comment"] or "") > LONGEST_COMMENT:
            raise ResourceError(f"The comment of {self.title} is longer than {LONGEST_COMMENT} characters; shorten it.")
        # The tag by which it is found is one of those that are declared.
        if self.options["tags"] is None:
            self.options |= {"tags": {}, "purge_tags": False}
        self.options["tags"] = {**self.options["tags"], "Name": self.options["name"]}

    # ---- Reading

    def select(self, found):
        """The one of our marks. It is looked for first where it most likely is: a look at tags is a call each."""
        if self.fresh and self.fresh["Id"] not in [item["Id"] for item in found]:
            found = [*found, self.fresh]
        words = (self.options["comment"], self.options["name"])
        likely = [item for item in found if item["Id"] == self.known or item.get("Comment") in words]
        for items in (likely, [item for item in found if item not in likely]):
            tagged = [{**item, "Tags": tags} for item in items if (tags := self.tags_at(item["ARN"])) is not None]
            meant = [item for item in tagged if self.is_meant(item)]
            if meant:
                self.known = meant[0]["Id"]
                return meant
        return []

    def tags_at(self, arn):
        answer = self.read("ListTagsForResource", {"Resource": arn}, ("NoSuchResource", *MISSING))
        return None if answer is None else get_path(answer, "Tags.Items") or []

    def is_meant(self, tagged):
        """Whether it has the owner's tags and no other Name, or our Name and no tag that is another owner's."""
        owner = self.options["owned_by"]
        name = self.tags_of(tagged).get("Name", self.options["name"] if owner else None)
        return name == self.options["name"] and self.keeps_marks(tagged)

    def in_our_place(self, current):
        """Whether its reference, which nobody can change, is one that this module gives."""
        reference, name = current["Distribution"][CONFIG].get("CallerReference", ""), self.options["name"]
        return reference == name or reference.startswith(f"{name}-")

    # ---- Making

    def create_request(self):
        request = super().create_request()
        config = {
            "CallerReference": self.reference,
            "Comment": self.options["name"][:LONGEST_COMMENT],
            "Enabled": True,
            **request[WITH_TAGS][CONFIG],
        }
        return {WITH_TAGS: {CONFIG: config}}

    def make(self):
        """The reference is its name, and the id of the one before where CloudFront remembers one that is gone."""
        for _time in range(MOST_BEFORE):
            try:
                return super().make()
            except ResourceError as error:
                before = re.search(r"Already exists: (\w+)", error_text(error.cause) if error.cause else "")
                if error_code(error.cause) != EXISTS or not before:
                    raise
                self.reference = f"{self.options['name']}-{before[1]}"
        raise ResourceError(f"{self.title} can't be made: CloudFront knows {MOST_BEFORE} of that name already.")

    def created(self, response):
        self.fresh = {member: response["Distribution"][member] for member in ("Id", "ARN", "Status")}
        self.known = self.fresh["Id"]

    # ---- Changes

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        have, config = current["Distribution"][CONFIG], request[CONFIG]
        if "origins" in changes:
            before = {origin["Id"]: origin for origin in get_path(have, "Origins.Items") or []}
            config["Origins"] = as_list(
                [origin_of(before.get(origin["Id"], {}), origin) for origin in config["Origins"]["Items"]]
            )
        if "default_cache_behavior" in changes:
            config["DefaultCacheBehavior"] = behavior_of(
                get_path(have, "DefaultCacheBehavior") or {}, config["DefaultCacheBehavior"]
            )
        if "cache_behaviors" in changes:
            before = {behavior["PathPattern"]: behavior for behavior in get_path(have, "CacheBehaviors.Items") or []}
            config["CacheBehaviors"] = as_list(
                [
                    behavior_of(before.get(behavior["PathPattern"], {}), behavior)
                    for behavior in config["CacheBehaviors"].get("Items", [])
                ]
            )
        return request

    def remove(self, current):
        """CloudFront deletes one that is disabled, everywhere."""
        if current["Distribution"][CONFIG]["Enabled"]:
            config = {**current["Distribution"][CONFIG], "Enabled": False}
            request = self.versioned({"Id": current["Id"], CONFIG: config}, current)
            self.write("UpdateDistribution", request, f"disable {self.title}", MISSING)
            current = self.wait_until(
                lambda now: now is None or (self.state_of(now) == "Deployed" and not is_enabled(now)), "disabled"
            )
        if current is not None:
            super().remove(current)

    # ---- What the user sees

    def permission(self, operation, service):
        if operation == self.create.operation:
            return "cloudfront:CreateDistribution and cloudfront:TagResource"
        return super().permission(operation, service)

    def shown(self, description):
        return veiled(super().shown(description))

    def view(self, description):
        return veiled(super().view(description))


def is_enabled(description):
    return get_path(description, f"Distribution.{CONFIG}.Enabled")


def origin_of(before, new):
    """What is declared of an origin on top of what else there is of it. It may have become one of another kind."""
    kept = {member: value for member, value in before.items() if member not in KINDS}
    kinds = {kind: {**before.get(kind, {}), **new[kind]} for kind in KINDS if kind in new}
    return {**kept, **new, **kinds}


def behavior_of(before, new):
    policies = {"OriginRequestPolicyId", "ResponseHeadersPolicyId"}
    kept = {member: value for member, value in before.items() if member not in WITHOUT_POLICY | policies}
    return {**ASKED_OF_BEHAVIORS, **kept, **new}


def veiled(shown):
    """What is shown, without the values of headers for origins: they may be secrets by which these know CloudFront."""
    for origin in shown.get("origins") or []:
        for header in origin.get("custom_headers") or []:
            header["header_value"] = HIDDEN
    return shown


# What is a secret, and what only sounds like one.
SECRETS = {
    "origins.custom_headers.header_value": {"no_log": True},
    "default_cache_behavior.trusted_key_groups": {"no_log": False},
    "cache_behaviors.trusted_key_groups": {"no_log": False},
}


def main():
    run_module(Distribution, DOCUMENTATION, SECRETS)


if __name__ == "__main__":
    main()
