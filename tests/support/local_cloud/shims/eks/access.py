# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access entries: user names, known principals and policies, authentication mode."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import eks, iam

from ...wire import AWSError
from . import catalog
from .records import Call, Handler, cluster_of, invalid

_POLICY_PREFIX = "arn:aws:eks::aws:cluster-access-policy/"


# Nobody chooses these for nodes.
_OF_NODES = {"username": "system:node:{{EC2PrivateDNSName}}", "kubernetesGroups": ["system:nodes"]}


def add_node_entry(cluster: dict[str, Any], role_arn: str) -> None:
    """EKS lets the nodes of a managed group join by itself."""
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        return
    key = eks._ae_key(cluster["name"], role_arn)
    if key not in eks._access_entries:
        body = {"type": "EC2_LINUX", **_OF_NODES}
        eks._access_entries[key] = eks._build_access_entry(cluster["name"], role_arn, body)


def drop_node_entry(cluster: dict[str, Any], role_arn: str) -> None:
    entry = eks._access_entries.get(eks._ae_key(cluster["name"], role_arn))
    if entry is not None and entry["type"] == "EC2_LINUX":
        eks._access_entries.pop(eks._ae_key(cluster["name"], role_arn))


def _cluster(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call.request["clusterName"])
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise AWSError(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
            "operation.",
        )
    return cluster


def _forward(call: Call) -> dict[str, Any]:
    _cluster(call)
    return call.forwarded()


def _default_username(principal: str) -> str:
    account, _, resource = principal.partition(":role/")
    if resource:
        name = resource.rsplit("/", 1)[-1]
        return f"{account.replace(':iam:', ':sts:')}:assumed-role/{name}/{{{{SessionName}}}}"
    return principal


def _check_principal(principal: str) -> None:
    account = f"arn:aws:iam::{get_account_id()}"
    kind, _, name = principal.removeprefix(f"{account}:").partition("/")
    stores = {"role": iam._roles, "user": iam._users}
    if principal.startswith(f"{account}:") and kind in stores and name.rsplit("/", 1)[-1] not in stores[kind]:
        raise invalid("The specified principalArn is invalid: invalid principal.")


def _create(call: Call) -> dict[str, Any]:
    request = call.request
    cluster = _cluster(call)
    _check_principal(request["principalArn"])
    groups = request.get("kubernetesGroups", [])
    if any(group.startswith("system:") for group in groups):
        raise invalid("The kubernetes group name must not start with system:.")
    call.forwarded()
    entry = eks._access_entries[eks._ae_key(cluster["name"], request["principalArn"])]
    if request.get("type") == "EC2_LINUX":
        entry.update(_OF_NODES)
    entry["username"] = entry["username"] or _default_username(request["principalArn"])
    return {"accessEntry": entry}


def _update(call: Call) -> dict[str, Any]:
    cluster = _cluster(call)
    call.forwarded()
    entry = eks._access_entries[eks._ae_key(cluster["name"], call.request["principalArn"])]
    return {"accessEntry": entry}


def _associate(call: Call) -> dict[str, Any]:
    _cluster(call)
    arn = call.request["policyArn"]
    if arn.removeprefix(_POLICY_PREFIX) not in catalog.ACCESS_POLICIES:
        raise invalid(f"The policyArn parameter format is not valid: {arn}")
    return call.forwarded()


def _list_policies(_call: Call) -> dict[str, Any]:
    return {"accessPolicies": [{"name": name, "arn": f"{_POLICY_PREFIX}{name}"} for name in catalog.ACCESS_POLICIES]}


def _list_fargate_profiles(call: Call) -> dict[str, Any]:
    cluster_of(call.request["clusterName"])
    return {"fargateProfileNames": []}


HANDLERS: dict[str, Handler] = {
    "CreateAccessEntry": _create,
    "DescribeAccessEntry": _forward,
    "ListAccessEntries": _forward,
    "UpdateAccessEntry": _update,
    "DeleteAccessEntry": _forward,
    "AssociateAccessPolicy": _associate,
    "DisassociateAccessPolicy": _forward,
    "ListAssociatedAccessPolicies": _forward,
    "ListAccessPolicies": _list_policies,
    "ListFargateProfiles": _list_fargate_profiles,
}
