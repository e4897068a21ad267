# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudFront: what ministack 1.5.33 does otherwise than AWS.

| operation | on AWS |
|---|---|
| CreateDistribution, UpdateDistribution | are under way for some minutes; fill in what isn't sent; refuse what a configuration names and doesn't exist, an alias that another one has or no certificate covers, and an update that leaves out what it has to have |
| CreateDistribution | refuses a reference that another one has, and says which |
| DeleteDistribution | refuses one whose change is still under way |
| CreateVpcOrigin, UpdateVpcOrigin, DeleteVpcOrigin | are under way for some minutes; the first one of a VPC brings a security group |
| DeleteFunction, DeleteOriginAccessControl, DeleteResponseHeadersPolicy | are refused while a distribution uses it |
| CreateResponseHeadersPolicy, UpdateResponseHeadersPolicy | refuse a policy for content that is too long |
| TestFunction | exists |
"""  # noqa: E501

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring
from ministack.core import cloudfront_js
from ministack.core.concurrency import run_offloop
from ministack.core.responses import get_account_id
from ministack.services import acm, alb, cloudfront, ec2

from ..wire import AWSError, Response
from . import timing
from .ec2.records import new_id

CERTIFICATE_REGION = "us-east-1"
LONGEST_CSP = 1783
SERVICE_GROUP = "CloudFront-VPCOrigins-Service-SG"
# What an update has to have, and what a create fills in.
DEFAULTS = (
    "<Aliases><Quantity>0</Quantity></Aliases>",
    "<DefaultRootObject/>",
    "<CacheBehaviors><Quantity>0</Quantity></CacheBehaviors>",
    "<CustomErrorResponses><Quantity>0</Quantity></CustomErrorResponses>",
    "<Logging><Enabled>false</Enabled><IncludeCookies>false</IncludeCookies><Bucket/><Prefix/></Logging>",
    "<PriceClass>PriceClass_All</PriceClass>",
    "<ViewerCertificate><CloudFrontDefaultCertificate>true</CloudFrontDefaultCertificate></ViewerCertificate>",
    "<Restrictions><GeoRestriction><RestrictionType>none</RestrictionType><Quantity>0</Quantity></GeoRestriction>"
    "</Restrictions>",
    "<WebACLId/>",
    "<HttpVersion>http2</HttpVersion>",
)
BEHAVIOR_DEFAULTS = (
    "<AllowedMethods><Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items><CachedMethods>"
    "<Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items></CachedMethods></AllowedMethods>",
    "<SmoothStreaming>false</SmoothStreaming>",
    "<Compress>false</Compress>",
    "<LambdaFunctionAssociations><Quantity>0</Quantity></LambdaFunctionAssociations>",
    "<FieldLevelEncryptionId/>",
)
MORE_DEFAULTS = (
    "<FunctionAssociations><Quantity>0</Quantity></FunctionAssociations>",
    "<TrustedSigners><Enabled>false</Enabled><Quantity>0</Quantity></TrustedSigners>",
    "<TrustedKeyGroups><Enabled>false</Enabled><Quantity>0</Quantity></TrustedKeyGroups>",
)
_TEST = re.compile(r"^/2020-05-31/function/([^/]+)/test/?$")
_CONFIG_OF = {"POST": re.compile(r"^/2020-05-31/distribution/?$"), "PUT": cloudfront._DIST_CFG_RE}


def install() -> None:
    cloudfront.handle_request = functools.partial(_handle, cloudfront.handle_request)
    for name, wrapper in {
        "_create_distribution": _create_distribution,
        "_update_distribution": _update_distribution,
        "_delete_distribution": _delete_distribution,
        "_create_vpc_origin": _create_vpc_origin,
        "_update_vpc_origin": _update_vpc_origin,
        "_delete_vpc_origin": _delete_vpc_origin,
        "_vpc_origin_response": _vpc_origin_response,
        "_cf_delete_function": _delete_function,
        "_delete_oac": _delete_oac,
    }.items():
        setattr(cloudfront, name, functools.partial(wrapper, getattr(cloudfront, name)))
    cloudfront._RHP_SPEC["parse"] = functools.partial(_parse_policy, cloudfront._RHP_SPEC["parse"])
    # It looks for a value that is the policy's id, and they stand in a text.
    cloudfront._distributions_using_policy = _users
    cloudfront._distributions_using_cache_policy = _users


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    _settle()
    try:
        test = _TEST.match(path) if method == "POST" else None
        if test:
            return await _test(test[1], headers, body)
        return await original(method, path, headers, body, query)
    except AWSError as refusal:
        return cloudfront._error(refusal.code, refusal.message, refusal.status)


def _settle() -> None:
    """What was under way and has come to its end."""
    for distribution in list(cloudfront._distributions.values()):
        if timing.is_due(distribution):
            timing.finish(distribution)
            distribution["Status"] = "Deployed"
    for origin in list(cloudfront._vpc_origins.values()):
        if timing.is_due(origin):
            timing.finish(origin)
            origin["Status"] = "Deployed"
            if origin.get("_leaves"):
                del cloudfront._vpc_origins[origin["Id"]]
                cloudfront._tags.pop(origin["Arn"], None)
                _remove_service_group(origin)


def _users(value: str) -> list[str]:
    """The distributions whose configuration has that value."""
    return [
        distribution["Id"]
        for distribution in cloudfront._distributions.values()
        if f">{value}<" in distribution["config_xml"]
    ]


# ---- Distributions


def _create_distribution(original: Callable[..., Response], headers: Mapping[str, str], body: bytes) -> Response:
    root = cloudfront._strip_namespace(fromstring(body))
    config = root if root.tag == "DistributionConfig" else root.find("DistributionConfig")
    reference = config.findtext("CallerReference")
    for there in cloudfront._distributions.values():
        if there["CallerReference"] == reference:
            raise AWSError(
                "DistributionAlreadyExists",
                "The caller reference that you are using to create a distribution is associated with another "
                f"distribution. Already exists: {there['Id']}",
                409,
            )
    for text in DEFAULTS:
        _fill(config, text)
    for behavior in _behaviors(config):
        for text in BEHAVIOR_DEFAULTS:
            _fill(behavior, text)
    _complete(config)
    _check(config, None)
    response = original(headers, tostring(root))
    return _under_way(response)


def _update_distribution(
    original: Callable[..., Response], dist_id: str, headers: Mapping[str, str], body: bytes
) -> Response:
    distribution = cloudfront._distributions.get(dist_id)
    if distribution is None or headers.get("if-match") != distribution["ETag"]:
        return original(dist_id, headers, body)
    config = cloudfront._strip_namespace(fromstring(body))
    if config.findtext("CallerReference") != distribution["CallerReference"]:
        raise AWSError("IllegalUpdate", "CallerReference cannot be updated.")
    for place, texts in ((config, DEFAULTS), *((behavior, BEHAVIOR_DEFAULTS) for behavior in _behaviors(config))):
        for member in (fromstring(text).tag for text in texts):
            if place.find(member) is None:
                raise AWSError("IllegalUpdate", f"{member} isn't set in the update of the distribution.")
    _complete(config)
    _check(config, dist_id)
    return _under_way(original(dist_id, headers, tostring(config)))


def _delete_distribution(original: Callable[..., Response], dist_id: str, headers: Mapping[str, str]) -> Response:
    distribution = cloudfront._distributions.get(dist_id)
    if distribution is not None and distribution["Status"] != "Deployed":
        text = "The distribution you are trying to delete has not been disabled."
        raise AWSError("DistributionNotDisabled", text, 409)
    return original(dist_id, headers)


def _under_way(response: Response) -> Response:
    """The answer that tells of a change whose end is to come."""
    if response[0] >= 300:
        return response
    dist_id = fromstring(response[2]).findtext(f"{{{cloudfront.NS}}}Id")
    distribution = cloudfront._distributions[dist_id]
    distribution["Status"] = "InProgress"
    timing.start(distribution)
    return cloudfront._xml_response(
        "Distribution",
        lambda root: cloudfront._build_distribution_xml(root, distribution),
        status=response[0],
        extra_headers={name: value for name, value in response[1].items() if name in ("ETag", "Location")},
    )


def _fill(place: Element, text: str) -> None:
    element = fromstring(text)
    if place.find(element.tag) is None:
        place.append(element)


def _complete(config: Element) -> None:
    """What AWS adds whatever was sent."""
    for behavior in _behaviors(config):
        for text in MORE_DEFAULTS:
            _fill(behavior, text)
    for text in ("<Staging>false</Staging>", "<ContinuousDeploymentPolicyId/>"):
        _fill(config, text)
    certificate = config.find("ViewerCertificate")
    arn = certificate.findtext("ACMCertificateArn")
    added = {"Certificate": arn, "CertificateSource": "acm"} if arn else {"CertificateSource": "cloudfront"}
    if not arn:
        added |= {"SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1"}
    else:
        added["CloudFrontDefaultCertificate"] = "false"
    for member, value in added.items():
        for old in certificate.findall(member):
            certificate.remove(old)
        SubElement(certificate, member).text = value


def _behaviors(config: Element) -> Iterator[Element]:
    yield config.find("DefaultCacheBehavior")
    yield from config.iterfind("CacheBehaviors/Items/CacheBehavior")


def _check(config: Element, dist_id: str | None) -> None:
    """Refuse what isn't there, or is another's."""
    origins = {origin.findtext("Id") for origin in config.iterfind("Origins/Items/Origin")}
    for origin in config.iterfind("Origins/Items/Origin"):
        control = origin.findtext("OriginAccessControlId")
        if control and control not in cloudfront._oacs:
            raise AWSError("InvalidOriginAccessControl", "The specified origin access control does not exist.")
    for behavior in _behaviors(config):
        _check_behavior(behavior, origins)
    web_acl = config.findtext("WebACLId")
    if web_acl and not re.match(r"arn:aws:wafv2:us-east-1:\d+:global/webacl/", web_acl):
        raise AWSError("InvalidWebACLId", "Web ACL is not accessible by the requester.")
    aliases = [(alias.text or "").lower() for alias in config.iterfind("Aliases/Items/CNAME")]
    _check_certificate(config.find("ViewerCertificate"), aliases)
    for other in cloudfront._distributions.values():
        if other["Id"] != dist_id and set(aliases) & set(cloudfront._get_distribution_aliases(other)):
            text = "One or more of the CNAMEs you provided are already associated with a different resource."
            raise AWSError("CNAMEAlreadyExists", text, 409)


def _check_behavior(behavior: Element, origins: set[str | None]) -> None:
    if behavior.findtext("TargetOriginId") not in origins:
        raise AWSError("NoSuchOrigin", "One or more of your origins or origin groups do not exist.", 404)
    for member, (own, managed, code) in {
        "CachePolicyId": (cloudfront._cache_policies, cloudfront._MANAGED_CACHE_POLICIES, "NoSuchCachePolicy"),
        "OriginRequestPolicyId": (
            cloudfront._origin_request_policies,
            cloudfront._MANAGED_ORIGIN_REQUEST_POLICIES,
            "NoSuchOriginRequestPolicy",
        ),
        "ResponseHeadersPolicyId": (
            cloudfront._response_headers_policies,
            cloudfront._MANAGED_RESPONSE_HEADERS_POLICIES,
            "NoSuchResponseHeadersPolicy",
        ),
    }.items():
        policy = behavior.findtext(member)
        if policy and policy not in own and policy not in managed:
            raise AWSError(code, "The specified policy does not exist.", 404)
    for function in behavior.iterfind("FunctionAssociations/Items/FunctionAssociation"):
        if cloudfront.live_function_code(function.findtext("FunctionARN")) is None:
            text = "The function must exist, be published, and be in the LIVE stage."
            raise AWSError("InvalidFunctionAssociation", text)


def _check_certificate(viewer: Element, aliases: list[str]) -> None:
    arn = viewer.findtext("ACMCertificateArn")
    found = acm._certificates.get_scoped(get_account_id(), CERTIFICATE_REGION, arn) if arn else None
    if arn and (found is None or found["Status"] != "ISSUED"):
        raise AWSError(
            "InvalidViewerCertificate",
            "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a "
            "valid certificate chain.",
        )
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])} if found else set()
    if any(alias not in names and f"*.{alias.partition('.')[2]}" not in names for alias in aliases):
        raise AWSError(
            "InvalidViewerCertificate",
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted "
            "certificate that validates your authorization to use the domain name.",
        )


def users_of_certificate(arn: str) -> list[str]:
    """The ARNs of the distributions that use a certificate."""
    return [cloudfront._distributions[dist_id]["ARN"] for dist_id in _users(arn)]


# ---- VPC origins


def _create_vpc_origin(original: Callable[..., Response], body: bytes) -> Response:
    before = set(cloudfront._vpc_origins)
    response = original(body)
    for name in set(cloudfront._vpc_origins) - before:
        origin = cloudfront._vpc_origins[name]
        _deploy(origin)
        _make_service_group(origin)
    return response


def _update_vpc_origin(
    original: Callable[..., Response], vo_id: str, headers: Mapping[str, str], body: bytes
) -> Response:
    origin = cloudfront._vpc_origins.get(vo_id, {})
    before = origin.get("Version")
    response = original(vo_id, headers, body)
    if origin.get("Version") != before:
        _deploy(origin)
    return response


def _delete_vpc_origin(original: Callable[..., Response], vo_id: str, headers: Mapping[str, str]) -> Response:
    origin = cloudfront._vpc_origins.get(vo_id)
    tags = cloudfront._tags.get(origin["Arn"], []) if origin else []
    response = original(vo_id, headers)
    if origin is not None and vo_id not in cloudfront._vpc_origins:
        origin |= {"_leaves": True, "Version": origin["Version"] + 2}
        cloudfront._vpc_origins[vo_id], cloudfront._tags[origin["Arn"]] = origin, tags
        _deploy(origin)
    return response


def _deploy(origin: dict[str, Any]) -> None:
    origin["Status"] = "Deploying"
    timing.start(origin)


def _vpc_origin_response(original: Callable[..., Response], origin: dict[str, Any], *args: Any, **how: Any) -> Response:
    return original(origin, *args, **{**how, "deploying": how.get("deploying") or timing.is_running(origin)})


def led_to() -> set[str]:
    """The ARNs of what VPC origins stand for."""
    _settle()
    return {origin["VpcOriginEndpointConfig"]["Arn"] for origin in cloudfront._vpc_origins.values()}


def _vpc_of(origin: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Account, region and VPC of what it stands for, where that is a load balancer."""
    arn = origin["VpcOriginEndpointConfig"]["Arn"]
    _arn, _partition, _service, region, account, _resource = arn.split(":", 5)
    balancer = alb._lbs.get_scoped(account, region, arn)
    return (account, region, balancer["VpcId"]) if balancer else None


def _make_service_group(origin: dict[str, Any]) -> None:
    place = origin["_vpc"] = _vpc_of(origin)
    if place and not _service_groups(place):
        account, region, vpc_id = place
        group_id = new_id("sg")
        ec2._security_groups.set_scoped(
            account,
            region,
            group_id,
            {
                "GroupId": group_id,
                "GroupName": SERVICE_GROUP,
                "Description": "Security group for CloudFront VPC origins",
                "VpcId": vpc_id,
                "OwnerId": account,
                "IpPermissions": [],
                "IpPermissionsEgress": [],
            },
        )


def _remove_service_group(origin: Mapping[str, Any]) -> None:
    place = origin.get("_vpc")
    if place and not any(other.get("_vpc") == place for other in cloudfront._vpc_origins.values()):
        for group_id in _service_groups(place):
            ec2._security_groups.pop_scoped(*place[:2], group_id, None)


def _service_groups(place: tuple[str, str, str]) -> list[str]:
    account, region, vpc_id = place
    return [
        key[2]
        for key, group in list(ec2._security_groups._data.items())
        if key[:2] == (account, region) and (group["VpcId"], group["GroupName"]) == (vpc_id, SERVICE_GROUP)
    ]


# ---- Functions, access controls, policies


def _delete_function(original: Callable[..., Response], name: str, headers: Mapping[str, str]) -> Response:
    there = cloudfront._functions.get(name)
    if there and headers.get("if-match") == there["dev_etag"] and _users(there["arn"]):
        text = "Cannot delete function, it is in use by one or more distributions."
        raise AWSError("FunctionInUse", text, 409)
    return original(name, headers)


def _delete_oac(original: Callable[..., Response], oac_id: str, headers: Mapping[str, str]) -> Response:
    there = cloudfront._oacs.get(oac_id)
    if there and headers.get("if-match") == there["ETag"] and _users(oac_id):
        text = "Cannot delete the origin access control because it's in use by one or more distributions."
        raise AWSError("OriginAccessControlInUse", text, 409)
    return original(oac_id, headers)


def _parse_policy(original: Callable[..., Any], element: Element) -> Any:
    config, refusal = original(element)
    policy = ((config or {}).get("Security") or {}).get("ContentSecurityPolicy") or {}
    if len(policy.get("ContentSecurityPolicy", "")) > LONGEST_CSP:
        text = f"The Content-Security-Policy header value is longer than {LONGEST_CSP} characters."
        raise AWSError("TooLongCSPInResponseHeadersPolicy", text)
    return config, refusal


async def _test(name: str, headers: Mapping[str, str], body: bytes) -> Response:
    function = cloudfront._functions.get(name)
    if function is None:
        raise AWSError("NoSuchFunctionExists", "The specified function does not exist.", 404)
    request = cloudfront._strip_namespace(fromstring(body))
    stage = request.findtext("Stage") or "DEVELOPMENT"
    if stage == "DEVELOPMENT" and headers.get("if-match") != function["dev_etag"]:
        text = "The If-Match version is missing or not valid for the resource."
        raise AWSError("InvalidIfMatchVersion", text)
    event = json.loads(base64.b64decode(request.findtext("EventObject") or ""))
    code = cloudfront._function_view(function, stage)["code"]
    output, wrong = None, ""
    try:
        output = await run_offloop(cloudfront_js.evaluate, code, event)
    except cloudfront_js.CloudFrontFunctionError as error:
        wrong = str(error)
    # A function gives the request or the response back, and the result names which.
    kind = "response" if isinstance(output, dict) and "statusCode" in output else "request"

    def build(root: Element) -> None:
        summary = SubElement(root, "FunctionSummary")
        status = cloudfront._function_dev_status(function)
        cloudfront._function_summary_builder(function, stage, status, function["last_modified_dev"])(summary)
        SubElement(root, "ComputeUtilization").text = "10"
        SubElement(root, "FunctionExecutionLogs")
        SubElement(root, "FunctionErrorMessage").text = wrong
        SubElement(root, "FunctionOutput").text = "" if wrong else json.dumps({kind: output})

    return cloudfront._xml_response("TestResult", build)
