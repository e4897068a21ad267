# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What IAM policies are held against where they are enforced (AUTH=true): what ministack 1.5.33 leaves out or does
otherwise than AWS, by the service authorization reference (tests/support/service_authorization.yml).

| | missing or different |
|---|---|
| actions | CreateDistributionWithTags isn't one; application-autoscaling and servicequotas aren't asked at all |
| resources | one of each call, by a few members, for most services none ("*"); AWS looks at each that a call is about |
| aws:RequestTag | of tags at the top of a request only |
| aws:ResourceTag | not of EC2, ACM, CloudFront, Cognito, AppConfig, Bedrock |
| aws:SecureTransport | false, though AWS's endpoints, for which the emulator stands, are reached by TLS |
| iam:PassRole, ec2:CreateTags for what is made with tags | not asked |
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import ministack.app
import yaml
from ministack.core import iam_actions, iam_evaluator
from ministack.services import acm, appconfig, bedrock, bedrock_agent, cloudfront, cognito, ec2, kms, tagging

from ..wire import QueryWire, RestJsonWire, service_model

REFERENCE = Path(__file__).parents[2] / "service_authorization.yml"
# Services whose ARNs have no region, or no account.
WITHOUT_REGION = {"cloudfront", "iam", "route53", "s3", "sts"}
WITHOUT_ACCOUNT = {"route53", "s3"}
# botocore's name of a service, where ministack's or IAM's is another one.
MODELS = {
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
    "monitoring": "cloudwatch",
}
RENAMED = {"cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution"}
# Of an id in EC2 the beginning, where it isn't the resource's type.
EC2_IDS = {
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "i": "instance",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "acl": "network-acl",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
# Which service takes a role that a call hands over, by service or action.
PASSED = {
    "bedrock": "bedrock.amazonaws.com",
    "cognito-identity": "cognito-identity.amazonaws.com",
    "cognito-idp": "cognito-idp.amazonaws.com",
    "ec2": "ec2.amazonaws.com",
    "ec2:CreateFlowLogs": "vpc-flow-logs.amazonaws.com",
    "eks": "eks.amazonaws.com",
    "iam:AddRoleToInstanceProfile": "ec2.amazonaws.com",
    "rds": "monitoring.rds.amazonaws.com",
}
ROLE = re.compile(r"arn:aws:iam::\d+:role/.+")
# Further conditions, by the member of a request that tells.
CONDITIONS = {
    "iam:AWSServiceName": "AWSServiceName",
    "iam:PermissionsBoundary": "PermissionsBoundary",
    "iam:PolicyARN": "PolicyArn",
}
TAG_MEMBERS = {"Tags", "tags", "TagList", "UserPoolTags", "IdentityPoolTags"}

# What else a call is checked on: actions, resources and conditions of their own.
_more: contextvars.ContextVar[tuple[tuple[str, str, dict[str, Any]], ...]] = contextvars.ContextVar("more", default=())


def install() -> None:
    iam_actions.SERVICE_TO_IAM_NAMESPACE |= {
        "application-autoscaling": "application-autoscaling",
        "servicequotas": "servicequotas",
    }
    action_of = iam_actions.extract_iam_action

    def extract_iam_action(*request: Any) -> str | None:
        _more.set(())
        action = action_of(*request)
        return RENAMED.get(action, action) if action else None

    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = _resource(iam_actions.extract_resource_arn, extract_iam_action)
    iam_actions.request_tag_context = _tag_context(iam_actions.request_tag_context)
    origin = ministack.app.pin_request_origin
    ministack.app.pin_request_origin = lambda address, _secure: origin(address, True)
    iam_evaluator.enforce = _each(iam_evaluator.enforce)
    tagging.resource_tags = _tags(tagging.resource_tags)


@cache
def reference() -> Mapping[str, Any]:
    return yaml.safe_load(REFERENCE.read_text())


# ---- What a call asks for


def request_of(service: str, action: str, method: str, path: str, body: bytes, query: Mapping[str, Any]) -> dict:
    """The members of a request, wherever they were sent; names in it that aren't the API's are its own."""
    model = service_model(MODELS.get(service, service))
    operation = action.partition(":")[2]
    protocol = model.metadata["protocol"]
    if protocol in ("ec2", "query"):
        return QueryWire(model.service_name).parse(operation, query) if operation in model.operation_names else {}
    found: dict[str, Any] = {}
    if protocol.startswith("rest"):
        matched = RestJsonWire(model.service_name).match(method, path)
        found |= matched[1] if matched else {}
        found |= {name: value[0] if isinstance(value, list) else value for name, value in query.items()}
    if body[:1] == b"{":
        found |= json.loads(body)
    elif body[:1] == b"<":
        text = body.decode(errors="replace")
        found["Tags"] = [
            {"Key": key, "Value": value}
            for key, value in re.findall(r"<Tag><Key>([^<]*)</Key><Value>([^<]*)</Value></Tag>", text)
        ]
        if name := re.search(r"<Name>([^<]*)</Name>", text):
            found["Name"] = name[1]
    return found


def values(request: Any, members: tuple[str, ...], deep: bool = False) -> Iterator[str]:
    """What stands under these members of a request. deep: also inside of others, as in EC2."""
    if isinstance(request, Mapping):
        for name, value in request.items():
            if name.lower() in members and isinstance(value, str | int):
                yield str(value)
            elif name.lower() in members and isinstance(value, list):
                yield from (str(item) for item in value if isinstance(item, str))
            elif deep:
                yield from values(value, members, deep)
    elif isinstance(request, list):
        for item in request:
            yield from values(item, members, deep)


def tags_in(request: Any) -> dict[str, str]:
    """The tags that a request sets."""
    found: dict[str, str] = {}
    if isinstance(request, list):
        for item in request:
            found |= tags_in(item)
    elif isinstance(request, Mapping):
        for name, value in request.items():
            if name not in TAG_MEMBERS:
                found |= tags_in(value)
            elif isinstance(value, Mapping) and "Items" not in value:
                found |= {str(key): str(text) for key, text in value.items()}
            elif isinstance(value, list):
                pairs = [{key.lower().removeprefix("tag"): text for key, text in item.items()} for item in value]
                found |= {str(pair["key"]): str(pair.get("value", "")) for pair in pairs if "key" in pair}
    return found


# ---- What it is about


def resources(action: str, request: Mapping[str, Any], region: str, account: str) -> list[str]:
    """The ARNs that a call is checked on; none where AWS knows no resources for it."""
    service, _colon, operation = action.partition(":")
    known = reference()[service]
    start = (
        f"arn:aws:{service}:{'' if service in WITHOUT_REGION else region}:"
        f"{'' if service in WITHOUT_ACCOUNT else account}:"
    )
    if action in ("ec2:CreateTags", "ec2:DeleteTags"):
        return [f"{start}{ec2_type(item)}/{item}" for item in values(request, ("resources",))]
    if action == "iam:CreateServiceLinkedRole":
        return [f"{start}role/aws-service-role/{request['AWSServiceName']}/*"]
    if service == "ec2" and (association := next(values(request, ("associationid",)), "")):
        request = {**request, **_associated(association)}
    if service == "ssm" and "ResourceType" in request:
        return [f"{start}{request['ResourceType'].lower()}/{request['ResourceId'].lstrip('/')}"]
    request = {**request, **request.get("LoggingConfiguration", {})} if service == "wafv2" else request
    types = [known["types"][name.rstrip("?")] for name in known["actions"][operation]]
    every = tuple(member.lower() for kind in types for member in kind["from"])
    if whole := [value for value in values(request, every) if value.startswith(f"arn:aws:{service}:")]:
        return whole
    found = []
    for name in known["actions"][operation]:
        kind = known["types"][name.rstrip("?")]
        # What a call makes has no id yet, though the call may name others of its kind.
        made = service == "ec2" and operation.startswith(("Create", "Allocate", "Run")) and name in _made(operation)
        members = tuple(member.lower() for member in kind["from"])
        named = [] if made else [value for value in values(request, members, service == "ec2") if value]
        prefix = re.sub(r"\{(\w+)\}", lambda match: next(values(request, (match[1].lower(),)), "*"), kind["prefix"])
        named = [value.removeprefix(prefix) for value in named if not value.startswith("arn:")]
        if service == "kms" and name == "key":
            named = [key_of(value) for value in named]
        if service == "iam" and name == "oidc-provider":
            named = [value.partition("://")[2] or value for value in named]
        if service in ("eks", "wafv2") and name not in ("cluster",):
            named = [f"{value}/*" for value in named]
        if not named and not name.endswith("?"):
            named = ["*"]
        # Images and snapshots may be anybody's.
        place = f"arn:aws:ec2:{region}::" if service == "ec2" and name in ("image", "snapshot") else start
        found += [f"{place}{prefix}{value}" for value in named]
    return list(dict.fromkeys(found))


def _is_known(action: str) -> bool:
    """Whether the reference has it, which is of the calls of who runs the playbooks, not of those of workloads."""
    service, _colon, operation = action.partition(":")
    return operation in reference().get(service, {"actions": {}})["actions"]


def _associated(identifier: str) -> dict[str, str]:
    """What an association in EC2 is of, which is what IAM looks at."""
    for table in ec2._route_tables.values():
        if identifier in [item["RouteTableAssociationId"] for item in table.get("Associations", [])]:
            return {"RouteTableId": table["RouteTableId"]}
    for acl in ec2._network_acls.values():
        for item in acl.get("Associations", []):
            if identifier == item["NetworkAclAssociationId"]:
                return {"SubnetId": item["SubnetId"]}
    profile = ec2._iam_instance_profile_associations.get(identifier)
    return {"InstanceId": profile["InstanceId"]} if profile else {}


def _made(operation: str) -> set[str]:
    made = {
        "AllocateAddress": {"elastic-ip"},
        "CreateFlowLogs": {"vpc-flow-log"},
        "CreateInternetGateway": {"internet-gateway"},
        "CreateLaunchTemplate": {"launch-template"},
        "CreateNatGateway": {"natgateway"},
        "CreateNetworkAcl": {"network-acl"},
        "CreateRouteTable": {"route-table"},
        "CreateSecurityGroup": {"security-group"},
        "CreateSubnet": {"subnet"},
        "CreateVpc": {"vpc"},
        "CreateVpcEndpoint": {"vpc-endpoint"},
        "RunInstances": {"instance", "network-interface", "volume"},
    }
    return made.get(operation, set())


def key_of(name: str) -> str:
    """The id of the key that an alias is for, which is what IAM looks at."""
    return kms._aliases.get(kms._alias_arn(name), "*") if name.startswith("alias/") else name


def ec2_type(identifier: str) -> str:
    return EC2_IDS.get(identifier.partition("-")[0], "unknown")


def _resource(original: Callable[..., str], action_of: Callable[..., str | None]) -> Callable[..., str]:
    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        told = original(service, method, path, headers, body, query, region, account)
        action = action_of(service, method, path, headers, body, query)
        if not action or service in ("s3", "sts") or not _is_known(action):
            return told
        request = request_of(service, action, method, path, body, query)
        # Parameters and secrets have ARNs that a request doesn't tell.
        told = "*" if action.startswith("ssm:") and "Document" in action else told
        kept = told if service in ("dynamodb", "secretsmanager", "ssm") and told != "*" else ""
        found = [kept] if kept else resources(action, request, region, account)
        more = [(action, arn, {}) for arn in found[1:]] + list(_implied(action, request, found, region, account))
        _more.set(tuple(more))
        return found[0] if found else "*"

    return extract_resource_arn


def _implied(
    action: str, request: Mapping[str, Any], found: list[str], region: str, account: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The permissions that a call takes beside its own."""
    service, _colon, operation = action.partition(":")
    if service == "ec2" and "TagSpecifications" in request and action != "ec2:CreateLaunchTemplateVersion":
        tags = {f"aws:RequestTag/{key}": value for key, value in tags_in(request).items()}
        for specification in request["TagSpecifications"]:
            arn = f"arn:aws:ec2:{region}:{account}:{specification['ResourceType']}/*"
            yield "ec2:CreateTags", arn, {**tags, "ec2:CreateAction": operation}
    if passed := PASSED.get(action) or PASSED.get(service):
        for role in roles_in(request, action, account):
            yield "iam:PassRole", role, {"iam:PassedToService": passed}


def roles_in(request: Any, action: str, account: str) -> list[str]:
    if action == "iam:AddRoleToInstanceProfile":
        return [f"arn:aws:iam::{account}:role/{request['RoleName']}"]
    if not action.partition(":")[2].startswith(("Create", "Update", "Set", "Modify", "Put")):
        return []
    # Whom an access entry or a resource's tags name, isn't handed over.
    if action.startswith(("eks:CreateAccessEntry", "eks:Update", "ec2:CreateTags")):
        return []
    texts = json.dumps({name: value for name, value in request.items() if name != "Tags"} if request else {})
    return sorted({text for text in re.findall(r'"([^"]*)"', texts) if ROLE.fullmatch(text)})


# ---- What it is checked with


def _tag_context(original: Callable[..., dict]) -> Callable[..., dict]:
    def request_tag_context(service: str, action: str, body: bytes, query: Mapping[str, Any]) -> dict:
        context = original(service, action, body, query)
        if service in ("s3", "sts"):
            return context
        request = request_of(service, action, "", "", body, query)
        tags = {f"aws:RequestTag/{key}": value for key, value in tags_in(request).items()}
        told = {key: request[member] for key, member in CONDITIONS.items() if service == "iam" and member in request}
        known = any(key.lower().startswith("aws:requesttag/") for key in context)
        return {**context, **({} if known else tags), **told}

    return request_tag_context


def _each(original: Callable[..., Any]) -> Callable[..., Any]:
    def enforce(
        key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:
        more, _token = _more.get(), _more.set(())
        denied = original(key, action, service, region, resource_arn=resource_arn, service_context=service_context)
        for other, arn, context in more:
            if denied:
                break
            whole = {**(service_context or {}), **context}
            denied = original(key, other, other.partition(":")[0], region, resource_arn=arn, service_context=whole)
        return denied

    return enforce


def _tags(original: Callable[[str], dict[str, str] | None]) -> Callable[[str], dict[str, str] | None]:
    def resource_tags(arn: str) -> dict[str, str] | None:
        if arn.count(":") < 5:  # no resource at all
            return None
        service, rest = arn.split(":", 5)[2::3]
        identifier = rest.split("/", 1)[-1]
        stores: dict[str, Callable[[], Any]] = {
            "acm": lambda: (acm._certificates.get(arn) or {}).get("Tags"),
            "appconfig": lambda: appconfig._tags.get(arn),
            "bedrock": lambda: bedrock._tags.get(arn) or bedrock_agent._tags.get(arn),
            "cloudfront": lambda: cloudfront._tags.get(arn),
            "cognito-identity": lambda: cognito._identity_tags.get(identifier),
            "cognito-idp": lambda: (cognito._user_pools.get(identifier) or {}).get("UserPoolTags"),
            "ec2": lambda: ec2._tags.get(identifier),
        }
        if service not in stores:
            return original(arn)
        tags = stores[service]() or {}
        return dict(tags) if isinstance(tags, Mapping) else {tag["Key"]: tag["Value"] for tag in tags}

    return resource_tags
