# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's EKS cluster with its nodes, add-ons and access entries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from datetime import UTC
from typing import Any

from ..controllers import KINDS, Kind, found
from ..machine_images import images_of, start_images
from ..principals import is_administrator, same_principal
from .base import Component, Search, if_allowed, listed, tags_of, text_of

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore import xform_name

CLUSTER_ROLE = "eks-cluster"
NODE_ROLE = "eks-nodes"
ADMIN_ROLE = "eks-admin"
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
        "kms_key_arn": None,
        "vpc_id": None,
        "service_ipv4_cidr": None,
        "availability_zones": [],
        "node_groups": {},
        "addons": {},
        "role_arn": None,
        "cluster_role_arn": None,
        "node_role_arn": None,
        "administrator_role_arn": None,
        "access_entries": [],
        "foreign_nodes": [],
        "launch_templates": [],
        "left_oidc_providers": [],
        "controller_resources": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    name = search.scope.name("eks", "eks_cluster")
    log_group = f"/aws/eks/{name}/cluster"
    described = search.start("eks", "describe_cluster", name=name)
    roles = search.start_roles([CLUSTER_ROLE, NODE_ROLE, ADMIN_ROLE, *ADDON_ROLES])
    principal = search.start_principal()
    # AWS refuses a filter without values.
    templates = (
        search.start("ec2", "describe_launch_templates", Filters=_template_filters(search)) if search.entries else None
    )
    our_templates = search.start_owned("describe_launch_templates")
    providers = search.start("iam", "list_open_id_connect_providers")
    log_groups = search.start_log_group(log_group)
    made = [search.reader.executor.submit(_made_by_controllers, search, kind, name) for kind in KINDS]

    search.deployer = {
        "principal_arn": principal(),
        "rights": "none",
    }
    cluster = (described.result() or {}).get("cluster")
    ours = bool(cluster) and search.owns(tags_of(cluster, "tags"))
    if ours:
        _add_cluster(search, facts, cluster)
    elif cluster:
        search.foreign(f"EKS cluster {name}", tags_of(cluster, "tags"))
    _add_providers(search, facts, providers, cluster or {}, ours)
    arns = search.roles(roles)
    facts.update(
        cluster_role_arn=arns[CLUSTER_ROLE],
        node_role_arn=arns[NODE_ROLE],
        administrator_role_arn=arns[ADMIN_ROLE],
    )
    facts["launch_templates"] = sorted(
        template["LaunchTemplateName"] for template in search.owned(our_templates.result(), "LaunchTemplates")
    )
    for template in ((templates and templates.result()) or {}).get("LaunchTemplates", []):
        if not search.owns(tags_of(template)):
            search.foreign(f"launch template {template['LaunchTemplateName']}", tags_of(template))
    search.check_log_group(log_group, log_groups, written=ours, remade=True)
    facts["controller_resources"] = [text for future in made for text in future.result()]


def _made_by_controllers(search: Search, kind: Kind, cluster: str) -> list[str]:
    """What controllers have made of one kind, also of a cluster that is gone."""

    def read(service: str, operation: str, request: Mapping[str, Any]) -> dict | None:
        return search.read(service, xform_name(operation), **request)

    return [str(made) for made in found(read, kind, cluster)]


def _template_filters(search: Search) -> list[dict]:
    names = [search.scope.name(f"eks-{group}", "launch_template") for group in search.entries]
    return [{"Name": "launch-template-name", "Values": names}]


def _add_providers(
    search: Search, facts: dict[str, Any], listed: Future, cluster: Mapping[str, Any], ours: bool
) -> None:
    """The cluster's OIDC provider, and those of ours whose cluster is gone: a new one has another issuer."""
    arns = [item["Arn"] for item in (listed.result() or {}).get("OpenIDConnectProviderList", [])]
    issuer = _issuer(cluster)
    started = {
        arn: search.start("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
        for arn in sorted(arns)
        if f":oidc-provider/oidc.eks.{search.scope.region}." in arn or _path(arn) == issuer
    }
    for arn, future in started.items():
        provider = future.result()
        if provider is None:
            continue
        tags = tags_of(provider)
        if _path(arn) == issuer:
            facts["oidc_provider_arn"] = arn if ours else None
            # Its issuer is our cluster, so it is ours although a tag was lost; the module puts that back.
            if ours and not search.keeps_marks(tags):
                search.foreign(f"IAM OIDC provider {arn}", tags)
        elif search.owns(tags):
            facts["left_oidc_providers"].append(arn)
            search.warnings.append(
                f"{search.component.name}: the IAM OIDC provider {arn} is left of a cluster that is gone."
                f" The next run of {search.component.name} removes it."
            )


def _path(arn: str) -> str:
    """IAM names an OIDC provider by the issuer's address without its scheme."""
    return arn.partition(":oidc-provider/")[2]


def _issuer(cluster: Mapping[str, Any]) -> str | None:
    """The issuer's address as IAM has it."""
    address = cluster.get("identity", {}).get("oidc", {}).get("issuer")
    return address.split("://", 1)[-1].rstrip("/") if address else None


def _add_cluster(search: Search, facts: dict[str, Any], cluster: Mapping[str, Any]) -> None:
    name, network = cluster["name"], cluster.get("resourcesVpcConfig") or {}
    vpc_id = network.get("vpcId")
    # By the VPC and not by their ids: of those that are gone AWS knows none.
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    subnets = search.start("ec2", "describe_subnets", Filters=filters) if vpc_id else None
    inside = _Inside(search, name)
    # EKS refuses to list the entries of a cluster whose access is given by the aws-auth ConfigMap alone.
    by_entries = (cluster.get("accessConfig") or {}).get("authenticationMode") != "CONFIG_MAP"
    listed = {
        kind: search.start("eks", f"list_{kind}", clusterName=name)
        for kind in (
            "nodegroups",
            "addons",
            *(["access_entries"] if by_entries else []),
            "pod_identity_associations",
            "fargate_profiles",
            "identity_provider_configs",
        )
    }

    def names(kind: str, member: str) -> list:
        return ((kind in listed and listed[kind].result()) or {}).get(member, [])

    node_groups = inside.each(names("nodegroups", "nodegroups"), "describe_nodegroup", "nodegroupName")
    addons = inside.each(names("addons", "addons"), "describe_addon", "addonName")
    entries = inside.each(names("access_entries", "accessEntries"), "describe_access_entry", "principalArn")
    own = [arn for arn in entries if same_principal(arn, search.deployer["principal_arn"])]
    policies = inside.each(own, "list_associated_access_policies", "principalArn")
    zones = {
        subnet["SubnetId"]: subnet["AvailabilityZone"]
        for subnet in ((subnets and subnets.result()) or {}).get("Subnets", [])
    }
    facts.update(
        cluster_name=name,
        cluster_arn=cluster["arn"],
        status=cluster["status"],
        role_arn=cluster.get("roleArn"),
        version=cluster.get("version"),
        endpoint=cluster.get("endpoint") or None,
        certificate_authority=(cluster.get("certificateAuthority") or {}).get("data") or None,
        oidc_issuer=cluster.get("identity", {}).get("oidc", {}).get("issuer"),
        cluster_security_group_id=network.get("clusterSecurityGroupId") or None,
        kms_key_arn=_key_arn(cluster),
        vpc_id=vpc_id or None,
        service_ipv4_cidr=(cluster.get("kubernetesNetworkConfig") or {}).get("serviceIpv4Cidr") or None,
        availability_zones=_zones(network.get("subnetIds"), zones),
        access_entries=list(entries),
    )
    # Deleted between the list and the look at it: not there.
    found_groups = {group: answer["nodegroup"] for group, answer in inside.found(node_groups)}
    for group, description in found_groups.items():
        facts["node_groups"][group] = _node_group(description, zones)
        if not inside.check(f"node group {group}", description):
            facts["foreign_nodes"].append(f"node group {group}")
    for addon, answer in inside.found(addons):
        ours = inside.check(f"add-on {addon}", answer["addon"])
        facts["addons"][addon] = {**_addon(answer["addon"]), "ours": ours}
    if by_entries:
        search.deployer["rights"] = _rights([(entries[arn], policies[arn]) for arn in own])
    node_roles = {description.get("nodeRole") for description in found_groups.values()}
    for arn, answer in inside.found(entries):
        entry = answer["accessEntry"]
        # EKS itself lets the nodes of a group in, and its own service.
        if not (entry.get("type") != "STANDARD" and arn in node_roles) and ":role/aws-service-role/" not in arn:
            inside.check(f"access entry of {arn}", entry)
    # An add-on's own are that add-on's.
    others = [item for item in names("pod_identity_associations", "associations") if not item.get("ownerArn")]
    ids = [item["associationId"] for item in others]
    for _id, answer in inside.found(inside.each(ids, "describe_pod_identity_association", "associationId")):
        account = "{namespace}/{serviceAccount}".format_map(answer["association"])
        inside.check(f"pod identity association of {account}", answer["association"])
    for profile in names("fargate_profiles", "fargateProfileNames"):
        inside.foreign(f"Fargate profile {profile}")
        facts["foreign_nodes"].append(f"Fargate profile {profile}")
    for provider in names("identity_provider_configs", "identityProviderConfigs"):
        inside.foreign(f"identity provider {provider['name']}")


class _Inside:
    """What lies in the cluster is ours to report, whatever its tags."""

    def __init__(self, search: Search, cluster: str):
        self.search = search
        self.cluster = cluster

    def each(self, names: Iterable[str], operation: str, member: str) -> dict[str, Future]:
        """The look at each thing of a kind, by its name."""
        return {
            name: self.search.start("eks", operation, clusterName=self.cluster, **{member: name})
            for name in sorted(names)
        }

    @staticmethod
    def found(started: Mapping[str, Future]) -> Iterator[tuple[str, dict]]:
        """What there still is, in the order of the names."""
        for name, future in sorted(started.items()):
            if answer := future.result():
                yield name, answer

    def check(self, thing: str, description: Mapping[str, Any]) -> bool:
        """Whether it is the platform's; what isn't, or has lost some of its tags, is reported."""
        owner = {key: str(value) for key, value in self.search.scope.owner_tags.items()}
        tags = tags_of(description, "tags")
        found = {key: tags[key] for key in owner if key in tags}
        if found == owner:
            return True
        if found and found.items() <= owner.items():
            self.warn(f"{thing} of cluster {self.cluster} has lost tags of the platform", "A run puts them back.")
            return True
        self.foreign(thing)
        return False

    def foreign(self, thing: str) -> None:
        self.warn(
            f"{thing} of cluster {self.cluster} does not carry the platform's tags",
            "It was made by someone else and is left alone. Check who needs it, and remove it or declare it.",
        )

    def warn(self, told: str, helps: str) -> None:
        owner = text_of(self.search.scope.owner_tags)
        self.search.warnings.append(f"{self.search.component.name}: {told} ({owner}). {helps}")


def _rights(found: Iterable[tuple[Future, Future]]) -> str | None:
    """What the entry of whoever asks gives: none, some, the groups that it names, or administrator."""
    for entry, policies in found:
        answer = if_allowed(policies)
        if answer is None:
            return None
        if is_administrator(answer.get("associatedAccessPolicies", [])):
            return "administrator"
        return "groups" if ((entry.result() or {}).get("accessEntry") or {}).get("kubernetesGroups") else "some"
    return "none"


def _zones(subnet_ids: Iterable[str] | None, zones: Mapping[str, str]) -> list[str]:
    return sorted({zones[subnet_id] for subnet_id in subnet_ids or [] if subnet_id in zones})


def _node_group(group: Mapping[str, Any], zones: Mapping[str, str]) -> dict[str, Any]:
    scaling = group.get("scalingConfig") or {}
    return {
        "arn": group["nodegroupArn"],
        "status": group["status"],
        "version": group.get("version"),
        "release_version": group.get("releaseVersion"),
        "node_role_arn": group.get("nodeRole"),
        "ami_type": group.get("amiType"),
        "capacity_type": group.get("capacityType"),
        "instance_types": group.get("instanceTypes") or [],
        "min_size": scaling.get("minSize"),
        "max_size": scaling.get("maxSize"),
        "desired_size": scaling.get("desiredSize"),
        "availability_zones": _zones(group.get("subnets"), zones),
    }


def _addon(addon: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": addon.get("addonArn"),
        "version": addon.get("addonVersion") or None,
        "status": addon["status"],
        "service_account_role_arn": addon.get("serviceAccountRoleArn") or None,
    }


def summary(facts: Mapping[str, Any]) -> list[str]:
    groups = [f"{name} {group['version']} {group['status']}" for name, group in sorted(facts["node_groups"].items())]
    addons = [
        f"{name} {addon['version']}" + (f" {addon['status']}" if addon["status"] != "ACTIVE" else "")
        for name, addon in sorted(facts["addons"].items())
    ]
    return [
        f"{facts['cluster_name']} Kubernetes {facts['version']} {facts['status']}",
        f"node groups: {listed(groups)}",
        f"add-ons: {listed(addons)}",
    ]


def _key_arn(cluster: Mapping[str, Any]) -> str | None:
    """The key that the secrets in the cluster are encrypted with."""
    keys = [item.get("provider", {}).get("keyArn") for item in cluster.get("encryptionConfig") or []]
    return next(filter(None, keys), None)


def offers(search: Search) -> dict[str, Any]:
    """The Kubernetes versions that EKS offers, with the days on which their support ends, and images of node groups."""
    images = start_images(search, search.scope.images)
    answer = search.read("eks", "describe_cluster_versions") or {}
    members = {f"end_of_{kind.lower()}_support": f"endOf{kind}SupportDate" for kind in ("Standard", "Extended")}
    return {
        "versions": {
            item["clusterVersion"]: {
                end: item[member].astimezone(UTC).date().isoformat() for end, member in members.items()
            }
            for item in answer.get("clusterVersions", [])
            if all(item.get(member) for member in members.values())
        },
        "images": images_of(images),
    }


def offer_lines(facts: Mapping[str, Any], offered: Mapping[str, Any]) -> list[str]:
    ends = offered["versions"].get(facts["version"])
    if not ends:
        return []
    standard, extended = ends["end_of_standard_support"], ends["end_of_extended_support"]
    return [f"support of Kubernetes {facts['version']}: standard until {standard}, extended until {extended}"]


COMPONENT = Component(
    name="eks",
    services=("ec2", "eks", "elb", "elbv2", "iam", "logs"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["cluster_name"] is not None,
    summary=summary,
    offers=offers,
    offer_lines=offer_lines,
    quotas=(
        "trust_policy",
        "policies_per_role",
        "standard_vcpus",
        "standard_spot_vcpus",
        "graphics_vcpus",
        "graphics_spot_vcpus",
    ),
)
