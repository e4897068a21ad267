# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IAM: what ministack 1.5.33 leaves out, and where its answers differ from AWS.

| operation | missing or different |
|---|---|
| UpdateOpenIDConnectProviderThumbprint, Add- and RemoveClientID...OpenIDConnectProvider | unknown |
| Tag-, UntagOpenIDConnectProvider, ListOpenIDConnectProviderTags | unknown |
| CreateOpenIDConnectProvider | takes http addresses; no thumbprint of its own when none is given |
| GetOpenIDConnectProvider | gives the address back with its scheme, which AWS drops |
| CreateServiceLinkedRole | made-up role names; EntityAlreadyExists for a second call instead of InvalidInput |
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any
from urllib.parse import quote

from ministack.core.responses import get_account_id
from ministack.services import iam

from ..wire import AWSError, QueryWire, now
from .patching import QueryShims

# The names don't follow from the service's name.
_LINKED_ROLE_NAMES = {
    "autoscaling": "AutoScaling",
    "backup": "Backup",
    "dynamodb.application-autoscaling": "ApplicationAutoScaling_DynamoDBTable",
    "eks": "AmazonEKS",
    "eks-nodegroup": "AmazonEKSNodegroup",
    "elasticache": "ElastiCache",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "guardduty": "AmazonGuardDuty",
    "observability.aoss": "AmazonOpenSearchServerless",
    "opensearchservice": "AmazonOpenSearchService",
    "ops.apigateway": "APIGateway",
    "rds": "RDS",
    "rds.application-autoscaling": "ApplicationAutoScaling_RDSCluster",
    "securityhub": "SecurityHub",
    "spot": "EC2Spot",
}


def install() -> None:
    shims = QueryShims(QueryWire("iam"), iam._IAM_HANDLERS)
    shims.replace("CreateOpenIDConnectProvider", _create_provider)
    shims.replace("GetOpenIDConnectProvider", _get_provider)
    shims.replace("UpdateOpenIDConnectProviderThumbprint", _update_thumbprints)
    shims.replace("AddClientIDToOpenIDConnectProvider", _add_client)
    shims.replace("RemoveClientIDFromOpenIDConnectProvider", _remove_client)
    shims.replace("TagOpenIDConnectProvider", _tag_provider)
    shims.replace("UntagOpenIDConnectProvider", _untag_provider)
    shims.replace("ListOpenIDConnectProviderTags", _list_provider_tags)
    shims.replace("CreateServiceLinkedRole", _create_linked_role)


def _provider(request: dict[str, Any]) -> dict[str, Any]:
    arn = request["OpenIDConnectProviderArn"]
    provider = iam._oidc_providers.get(arn)
    if provider is None:
        raise AWSError("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", 404)
    return provider


def _create_provider(request: dict[str, Any]) -> dict[str, Any]:
    url = request["Url"]
    if not url.startswith("https://"):
        raise AWSError("InvalidInput", "Invalid Open ID Connect Provider URL: it must begin with https://")
    host = url.removeprefix("https://").rstrip("/")
    arn = f"arn:aws:iam::{get_account_id()}:oidc-provider/{host}"
    if arn in iam._oidc_providers:
        raise AWSError("EntityAlreadyExists", f"Provider with url {url} already exists.", 409)
    thumbprints = request.get("ThumbprintList") or [hashlib.sha1(host.encode(), usedforsecurity=False).hexdigest()]
    _check_thumbprints(thumbprints)
    iam._oidc_providers[arn] = {
        "Arn": arn,
        "Url": host,
        "ClientIDList": list(request.get("ClientIDList", [])),
        "ThumbprintList": list(thumbprints),
        "CreateDate": now(),
        "Tags": _tags(request),
    }
    return {"OpenIDConnectProviderArn": arn, "Tags": _tags(request)}


def _check_thumbprints(thumbprints: list[str]) -> None:
    if len(thumbprints) > 5:
        raise AWSError("LimitExceeded", "Cannot exceed quota for ThumbprintsPerOpenIdConnectProvider: 5", 409)
    for thumbprint in thumbprints:
        if len(thumbprint) != 40:
            raise AWSError("ValidationError", "Thumbprints must be 40 characters long.")


def _get_provider(request: dict[str, Any]) -> dict[str, Any]:
    return _provider(request)


def _update_thumbprints(request: dict[str, Any]) -> None:
    _check_thumbprints(request["ThumbprintList"])
    _provider(request)["ThumbprintList"] = list(request["ThumbprintList"])


def _add_client(request: dict[str, Any]) -> None:
    clients = _provider(request)["ClientIDList"]
    # "This operation is idempotent; it does not fail or return an error if you add an existing client ID."
    if request["ClientID"] not in clients:
        clients.append(request["ClientID"])


def _remove_client(request: dict[str, Any]) -> None:
    clients = _provider(request)["ClientIDList"]
    if request["ClientID"] in clients:
        clients.remove(request["ClientID"])


def _tags(request: dict[str, Any]) -> list[dict[str, str]]:
    return [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in request.get("Tags", [])]


def _tag_provider(request: dict[str, Any]) -> None:
    provider = _provider(request)
    changed = {tag["Key"] for tag in _tags(request)}
    provider["Tags"] = [tag for tag in provider["Tags"] if tag["Key"] not in changed] + _tags(request)


def _untag_provider(request: dict[str, Any]) -> None:
    provider = _provider(request)
    provider["Tags"] = [tag for tag in provider["Tags"] if tag["Key"] not in request["TagKeys"]]


def _list_provider_tags(request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _provider(request)["Tags"], "IsTruncated": False}


def _create_linked_role(request: dict[str, Any]) -> dict[str, Any]:
    service = request["AWSServiceName"]
    short = service.removesuffix(".amazonaws.com")
    name = f"AWSServiceRoleFor{_LINKED_ROLE_NAMES.get(short, short.title().replace('-', '').replace('.', ''))}"
    if request.get("CustomSuffix"):
        name = f"{name}_{request['CustomSuffix']}"
    if name in iam._roles:
        raise AWSError(
            "InvalidInput",
            f"Service role name {name} has been taken in this account, please try a different suffix.",
        )
    path = f"/aws-service-role/{service}/"
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    role = {
        "RoleName": name,
        "RoleId": f"AROA{secrets.token_hex(9)[:17].upper()}",
        "Arn": f"arn:aws:iam::{get_account_id()}:role{path}{name}",
        "Path": path,
        "CreateDate": iam._now(),
        "AssumeRolePolicyDocument": json.dumps(trust),
        "Description": request.get("Description", ""),
        "MaxSessionDuration": 3600,
        "AttachedPolicies": [],
        "InlinePolicies": {},
        "Tags": [],
    }
    iam._roles[name] = role
    return {"Role": {**role, "AssumeRolePolicyDocument": quote(role["AssumeRolePolicyDocument"])}}
