# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's EKS cluster with its nodes, add-ons and access entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search, listed, tags_of

CLUSTER_ROLE = "eks-cluster"
NODE_ROLE = "eks-nodes"
# Made with the cluster, because its add-ons need them.
ADDON_ROLES = ("ebs-csi-driver", "vpc-cni")


def empty(search: Search) -> dict[str, Any]:
    return {
        "cluster_name": None,
        "cluster_arn": None,
        "status": None,
        "version": None,
        "endpoint": None,
        "certificate_authority": None,
        "oidc_issuer": None,
        "oidc_provider_arn": None,
        "cluster_security_group_id": None,
        "node_groups": {},
        "addons": {},
        "cluster_role_arn": None,
        "node_role_arn": None,
        "access_entries": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    name = search.scope.name("eks", "eks_cluster")
    log_group = f"/aws/eks/{name}/cluster"
    described = search.start("eks", "describe_cluster", name=name)
    roles = search.start_roles([CLUSTER_ROLE, NODE_ROLE, *ADDON_ROLES])
    # AWS refuses a filter without values.
    templates = (
        search.start("ec2", "describe_launch_templates", Filters=_template_filters(search)) if search.entries else None
    )
    log_groups = search.start_log_group(log_group)

    cluster = (described.result() or {}).get("cluster")
    ours = bool(cluster) and search.scope.owns(tags_of(cluster, "tags"))
    if ours:
        _add_cluster(search, facts, cluster)
    elif cluster:
        search.foreign(f"EKS cluster {name}")
    arns = search.roles(roles)
    facts.update(cluster_role_arn=arns[CLUSTER_ROLE], node_role_arn=arns[NODE_ROLE])
    for template in ((templates and templates.result()) or {}).get("LaunchTemplates", []):
        if not search.scope.owns(tags_of(template)):
            search.foreign(f"launch template {template['LaunchTemplateName']}")
    search.check_log_group(log_group, log_groups, written=ours)


def _template_filters(search: Search) -> list[dict]:
    names = [search.scope.name(f"eks-{group}", "launch_template") for group in search.entries]
    return [{"Name": "launch-template-name", "Values": names}]


def _add_cluster(search: Search, facts: dict[str, Any], cluster: Mapping[str, Any]) -> None:
    name = cluster["name"]
    issuer = cluster.get("identity", {}).get("oidc", {}).get("issuer")
    provider = search.start("iam", "get_open_id_connect_provider", **_provider(cluster, issuer)) if issuer else None
    node_groups = search.start("eks", "list_nodegroups", clusterName=name)
    addons = search.start("eks", "list_addons", clusterName=name)
    # EKS refuses to list the entries of a cluster whose access is given by the aws-auth ConfigMap alone.
    mode = (cluster.get("accessConfig") or {}).get("authenticationMode")
    access_entries = search.start("eks", "list_access_entries", clusterName=name) if mode != "CONFIG_MAP" else None
    started_groups = {
        group: search.start("eks", "describe_nodegroup", clusterName=name, nodegroupName=group)
        for group in (node_groups.result() or {}).get("nodegroups", [])
    }
    started_addons = {
        addon: search.start("eks", "describe_addon", clusterName=name, addonName=addon)
        for addon in (addons.result() or {}).get("addons", [])
    }
    facts.update(
        cluster_name=name,
        cluster_arn=cluster["arn"],
        status=cluster["status"],
        version=cluster.get("version"),
        endpoint=cluster.get("endpoint") or None,
        certificate_authority=(cluster.get("certificateAuthority") or {}).get("data") or None,
        oidc_issuer=issuer,
        cluster_security_group_id=(cluster.get("resourcesVpcConfig") or {}).get("clusterSecurityGroupId") or None,
        access_entries=sorted(((access_entries and access_entries.result()) or {}).get("accessEntries", [])),
    )
    if provider and provider.result() is not None:
        facts["oidc_provider_arn"] = _provider(cluster, issuer)["OpenIDConnectProviderArn"]
    # Deleted between the list and the look at it: not there.
    for group, future in sorted(started_groups.items()):
        if answer := future.result():
            facts["node_groups"][group] = _node_group(answer["nodegroup"])
    for addon, future in sorted(started_addons.items()):
        if answer := future.result():
            facts["addons"][addon] = _addon(answer["addon"])


def _provider(cluster: Mapping[str, Any], issuer: str) -> dict[str, str]:
    """IAM names an OIDC provider by the issuer's address without its scheme."""
    partition, account = (cluster["arn"].split(":", 5)[part] for part in (1, 4))
    path = issuer.split("://", 1)[-1].rstrip("/")
    return {"OpenIDConnectProviderArn": f"arn:{partition}:iam::{account}:oidc-provider/{path}"}


def _node_group(group: Mapping[str, Any]) -> dict[str, Any]:
    scaling = group.get("scalingConfig") or {}
    return {
        "arn": group["nodegroupArn"],
        "status": group["status"],
        "version": group.get("version"),
        "release_version": group.get("releaseVersion"),
        "ami_type": group.get("amiType"),
        "capacity_type": group.get("capacityType"),
        "instance_types": group.get("instanceTypes") or [],
        "min_size": scaling.get("minSize"),
        "max_size": scaling.get("maxSize"),
        "desired_size": scaling.get("desiredSize"),
    }


def _addon(addon: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": addon.get("addonArn"),
        "version": addon.get("addonVersion") or None,
        "status": addon["status"],
        "service_account_role_arn": addon.get("serviceAccountRoleArn") or None,
    }


def summary(facts: Mapping[str, Any]) -> list[str]:
    groups = [f"{name} {group['status']}" for name, group in sorted(facts["node_groups"].items())]
    addons = [
        f"{name} {addon['version']}" + (f" {addon['status']}" if addon["status"] != "ACTIVE" else "")
        for name, addon in sorted(facts["addons"].items())
    ]
    return [
        f"{facts['cluster_name']} Kubernetes {facts['version']} {facts['status']}",
        f"node groups: {listed(groups)}",
        f"add-ons: {listed(addons)}",
    ]


COMPONENT = Component(
    name="eks",
    services=("ec2", "eks", "iam", "logs"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["cluster_name"] is not None,
    summary=summary,
    quotas=(
        "trust_policy",
        "policies_per_role",
        "standard_vcpus",
        "standard_spot_vcpus",
        "graphics_vcpus",
        "graphics_spot_vcpus",
    ),
)
