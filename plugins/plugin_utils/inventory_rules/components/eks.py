# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the eks component."""

from __future__ import annotations

import datetime
import math
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, collapse_addresses

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from ansible_collections.agent_platform.aws.plugins.plugin_utils import node_user_data

from ...key_policy import VOLUMES
from .. import existing_vpc, instance_types
from ..confidential import looks_like
from ..fault import Fault, did_you_mean, fault, show
from ..formats import (
    label_key_rule,
    label_value_rule,
    network_rule,
    networks,
    principal_rule,
    repeated,
    repeated_names,
)
from ..internet import WHY
from ..keys import grant_faults, policy_faults
from ..names import Name, fixed_names, named_entries
from ..permissions import access_policy_faults, group_faults, workload_role_faults
from ..quotas import Need, instance_needs
from ..ranges import Range

# When standard and extended support of a version end. What EKS itself says of its versions goes before this table; it
# serves where that can't be read. https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
SUPPORT_ENDS = {
    "1.31": ("2025-11-26", "2026-11-26"),
    "1.32": ("2026-03-23", "2027-03-23"),
    "1.33": ("2026-07-29", "2027-07-29"),
    "1.34": ("2026-12-02", "2027-12-02"),
    "1.35": ("2027-03-27", "2028-03-27"),
    "1.36": ("2027-08-02", "2028-08-02"),
}
# Days before an end of support in which a run tells of it.
NOTICE = 90

# A kubelet may be that much older than the control plane.
MOST_MINORS_BEHIND = 3

WORLD = IPv4Network("0.0.0.0/0")
PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
MOST_PUBLIC_CIDRS = 40
SERVICE_PREFIX_LENGTHS = (12, 24)

RANGES = {
    "eks_node_groups[].min_size": Range(0),
    "eks_node_groups[].desired_size": Range(0),
    "eks_node_groups[].max_size": Range(1),
    "eks_node_groups[].max_unavailable": Range(1, 100),
    # The images of nodes are 20 GiB; EBS ends at 64 TiB.
    "eks_node_groups[].disk_size_gib": Range(20, 65536, "GiB"),
    "eks_node_groups[].minimum_pods": Range(1, instance_types.MOST_PODS),
    # What IAM takes.
    "eks_administrator_session_seconds": Range(3600, 43200, "seconds"),
}
MOST_INSTANCE_TYPES = 20
MOST_TAINTS = 50
# An upgrade may launch that many nodes more in each zone.
SURGE_PER_ZONE = 2
FEWEST_ZONES = 2
SAMPLES = {
    "oidc_provider_arn": "arn:{partition}:iam::{account_id}:oidc-provider/oidc.eks.{region}.amazonaws.com/id/"
    + 32 * "x",
    "oidc_issuer": "https://oidc.eks.{region}.amazonaws.com/id/" + 32 * "x",
    "endpoint": "https://" + 32 * "x" + ".gr7.{region}.eks.amazonaws.com",
    "certificate_authority": 1500 * "x",
    "service_ipv4_cidr": "172.20.0.0/16",
}
AL2023_RELEASE = re.compile(r"(\d+\.\d+)\.\d+-(\d{8})")
# Before it nodeadm called EC2 without the proxy. https://github.com/awslabs/amazon-eks-ami/pull/2489
FIRST_RELEASE_WITH_PROXY = "20251120"
PROXY = re.compile(r"https?://[\w.-]+(:\d{1,5})?/?", re.ASCII)
# Names, of a domain with all below it or without, addresses and networks; a list of them is parted by commas.
EXEMPT = re.compile(r"\.?[\w*-]+(\.[\w-]+)*(:\d{1,5})?(/\d{1,2})?", re.ASCII)
# The family of an image that isn't EKS's, as EKS shows it.
CUSTOM = "CUSTOM"
IMAGE_ID = re.compile(r"ami-[0-9a-f]{8}([0-9a-f]{9})?")
STAYS = "it stays as it is. Declare it again, or remove it with its name and state: absent"
# The volume that the launch template makes of a node's first one, whatever the image has.
ROOT_DEVICE = "/dev/xvda"
# Families of instance types by whose accelerator they have, what an image for it has in its type, and those images
# that have its driver anyway. g4ad has AMD's, for which EKS has no image.
ACCELERATORS = {
    "NVIDIA": (re.compile(r"(?!g4ad)(g|gr|p)\d"), ()),
    "NEURON": (re.compile(r"(inf|trn)\d"), ("BOTTLEROCKET",)),
}
NODE_GROUP_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]*")
# Labels of these namespaces a kubelet may not give itself, but for those below; it would refuse to start.
RESERVED_LABEL_NAMESPACES = ("kubernetes.io", "k8s.io")
ALLOWED_LABEL_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
ALLOWED_LABELS = frozenset(
    {
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)

ADDON_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]*")
ADDON_VERSION = re.compile(r"default|latest|v\d+\.\d+\.\d+[\w.+-]*")


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def supported_versions(platform: Mapping[str, t.Any]) -> dict[str, tuple[datetime.date, datetime.date]]:
    """The versions that EKS offers for new clusters, with the days on which standard and extended support end."""
    told = (platform.get("offers") or {}).get("eks") or {}
    ends = {
        version: (ends["end_of_standard_support"], ends["end_of_extended_support"])
        for version, ends in (told.get("versions") or {}).items()
    }
    days = {
        version: (datetime.date.fromisoformat(standard), datetime.date.fromisoformat(extended))
        for version, (standard, extended) in (ends or SUPPORT_ENDS).items()
    }
    return {version: days[version] for version in sorted(days, key=_minor) if days[version][1] > _today()}


def _unsupported(offered: Iterable[str]) -> str:
    return f"is not a version that EKS supports: {', '.join(offered)}"


def _version_faults(version: str | None) -> Iterator[Fault]:
    if version is None:
        return
    if not re.fullmatch(r"\d+\.\d+", version):
        yield fault("eks_kubernetes_version", version, "is not a Kubernetes version as major.minor, such as '1.34'")
    elif _minor(version) < _minor(min(SUPPORT_ENDS, key=_minor)):
        yield fault("eks_kubernetes_version", version, _unsupported(supported_versions({})))


def _public_network_rule(text: str) -> str | None:
    if text in (str(WORLD), "::/0"):
        return "opens the Kubernetes API to the whole internet: name the networks that need it"
    rule = network_rule(text)
    if rule is None and any(IPv4Network(text).subnet_of(private_range) for private_range in PRIVATE):
        return "is a private network, which never reaches the public endpoint: EKS refuses it"
    return rule


def _endpoint_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable = "eks_endpoint_public_access_cidrs"
    public, private = values.get("eks_endpoint_public_access"), values.get("eks_endpoint_private_access")
    if public is False and private is False:
        rule = "leaves no way to the Kubernetes API, since the public endpoint is off, too"
        yield fault("eks_endpoint_private_access", False, rule)
    cidrs = values.get(variable)
    if cidrs is None:
        return
    if public and not cidrs:
        yield fault("eks_endpoint_public_access", True, f"needs the networks that may use it in {variable}")
    if len(cidrs) > MOST_PUBLIC_CIDRS:
        yield Fault(variable, f"{len(cidrs)} networks are more than the {MOST_PUBLIC_CIDRS} that EKS takes")
    for index, text in enumerate(cidrs):
        rule = _public_network_rule(text)
        if rule:
            yield fault(f"{variable}[{index}]", text, rule)
    for text in repeated(cidrs):
        yield fault(variable, text, "occurs more than once")
    if str(WORLD) not in cidrs and list(collapse_addresses(networks(cidrs))) == [WORLD]:
        yield fault(variable, cidrs, f"are together {WORLD}, the whole internet: name the networks that need it")


def _service_network_faults(text: str | None, vpc: str | None) -> Iterator[Fault]:
    if not text:
        return
    rule = network_rule(text, *SERVICE_PREFIX_LENGTHS)
    if rule is None:
        network = IPv4Network(text)
        if not any(network.subnet_of(private_range) for private_range in PRIVATE):
            rule = f"is not inside {', '.join(str(private_range) for private_range in PRIVATE)}"
        elif vpc and network_rule(vpc) is None and network.overlaps(IPv4Network(vpc)):
            rule = f"overlaps network_vpc_cidr {vpc}"
    if rule:
        yield fault("eks_service_ipv4_cidr", text, rule)


def _order_faults(path: str, group: Mapping[str, t.Any]) -> Iterator[Fault]:
    smallest, desired, largest = (group.get(key) for key in ("min_size", "desired_size", "max_size"))
    order = "min_size <= desired_size <= max_size"
    if smallest is not None and largest is not None and smallest > largest:
        yield fault(f"{path}.min_size", smallest, f"is greater than max_size {largest}: {order}")
    elif desired is not None and smallest is not None and desired < smallest:
        yield fault(f"{path}.desired_size", desired, f"is less than min_size {smallest}: {order}")
    elif desired is not None and largest is not None and desired > largest:
        yield fault(f"{path}.desired_size", desired, f"is greater than max_size {largest}: {order}")


def _instance_faults(path: str, group: Mapping[str, t.Any], prefix_delegation: bool) -> Iterator[Fault]:
    types = group.get("instance_types")
    if types is None:
        return
    if not 1 <= len(types) <= MOST_INSTANCE_TYPES:
        yield fault(f"{path}.instance_types", types, f"is not a list of 1 to {MOST_INSTANCE_TYPES} instance types")
    for name in repeated(types):
        yield fault(f"{path}.instance_types", name, "occurs more than once")
    for name in types:
        if not instance_types.NAME.fullmatch(name):
            yield fault(f"{path}.instance_types", name, "is not an instance type, such as t3.medium")
            continue
        sizes = instance_types.sizes(name)
        if sizes and name not in sizes:
            yield fault(
                f"{path}.instance_types", name, f"is not an instance type of its family{did_you_mean(name, sizes)}"
            )
            continue
        ami_type = group.get("ami_type")
        architecture = instance_types.architecture(name)
        if ami_type and ("ARM_64" in ami_type) != (architecture == "arm64"):
            yield fault(
                f"{path}.instance_types",
                name,
                f"is a machine of architecture {architecture}, which ami_type {ami_type} is not for",
            )
        pods = instance_types.most_pods(name, prefix_delegation)
        asked = group.get("minimum_pods")
        if pods is not None and asked is not None and asked > pods:
            yield fault(
                f"{path}.instance_types",
                name,
                f"is too small: it has room for {pods} pods, minimum_pods asks for {asked}"
                + (
                    ""
                    if prefix_delegation
                    else "; take a larger type or set ENABLE_PREFIX_DELEGATION in the vpc-cni add-on"
                ),
            )


def _label_faults(path: str, labels: Mapping[t.Any, t.Any]) -> Iterator[Fault]:
    for key, value in labels.items():
        rule = label_key_rule(str(key))
        namespace = str(key).rpartition("/")[0]
        if rule is None and _inside(namespace, ("eks.amazonaws.com",)):
            rule = "is a label that EKS sets itself"
        elif rule is None and key not in ALLOWED_LABELS and _reserved(namespace):
            rule = "is a label of Kubernetes itself that a node may not give itself: its kubelet would not start"
        if rule:
            yield fault(path, key, rule)
        rule = label_value_rule(value)
        if rule:
            yield fault(f"{path}.{key}", value, rule)


def _reserved(namespace: str) -> bool:
    return _inside(namespace, RESERVED_LABEL_NAMESPACES) and not _inside(namespace, ALLOWED_LABEL_NAMESPACES)


def _release_faults(path: str, group: Mapping[str, t.Any], kubernetes_version: str | None) -> Iterator[Fault]:
    """Releases of Amazon Linux images begin with the Kubernetes version that they are for."""
    release = group.get("release_version")
    if not release or not group.get("ami_type", "").startswith("AL2023"):
        return
    found = AL2023_RELEASE.fullmatch(release)
    if not found:
        rule = "is not a release of an Amazon Linux image, such as 1.34.2-20260102"
    elif kubernetes_version and found[1] != kubernetes_version:
        rule = f"is for Kubernetes {found[1]}, eks_kubernetes_version is {kubernetes_version}"
    else:
        return
    yield fault(f"{path}.release_version", release, rule)


def _image_faults(path: str, group: Mapping[str, t.Any], proxy: bool) -> Iterator[Fault]:
    image, release = group.get("ami_id"), group.get("release_version")
    if image and not IMAGE_ID.fullmatch(image):
        yield fault(f"{path}.ami_id", image, "is not the id of an image, such as ami-0123456789abcdef0")
    elif image and release:
        rule = f"is a release of EKS's images, and ami_id names {image}: leave one of the two out"
        yield fault(f"{path}.release_version", release, rule)
    found = AL2023_RELEASE.fullmatch(release or "")
    if proxy and found and found[2] < FIRST_RELEASE_WITH_PROXY:
        rule = f"can't join through a proxy: that works from the releases of {FIRST_RELEASE_WITH_PROXY} on"
        yield fault(f"{path}.release_version", release, rule)


def _part_faults(path: str, parts: list[Mapping]) -> Iterator[Fault]:
    for index, part in enumerate(parts):
        if "content" not in part or "content_type" not in part:
            continue
        # It may hold a secret, so it isn't shown.
        if rule := node_user_data.part_rule(part):
            yield Fault(f"{path}[{index}].content", rule)


def _user_data_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What is wrong with what nodes are told, and with what doesn't fit their images."""
    groups = [
        (f"eks_node_groups[{index}]", group)
        for index, group in enumerate(values.get("eks_node_groups") or [])
        if group.get("state") != "absent" and group.get("ami_type")
    ]
    http, https = (values.get(f"eks_node_{kind}_proxy") or "" for kind in ("http", "https"))
    for kind, address in (("http", http), ("https", https)):
        if address and looks_like("", address):
            rule = (
                "has a password in it, which whoever may look at launch templates reads: let the proxy know the nodes"
            )
            yield Fault(f"eks_node_{kind}_proxy", f"{rule} by their addresses")
        elif address and not PROXY.fullmatch(address):
            rule = "is not the address of a proxy, such as http://proxy.example.com:3128"
            yield fault(f"eks_node_{kind}_proxy", address, rule)
    exempt = values.get("eks_node_no_proxy") or []
    for index, text in enumerate(exempt):
        if not EXEMPT.fullmatch(text):
            rule = "is not a name, an address or a network, one for each entry of the list"
            yield fault(f"eks_node_no_proxy[{index}]", text, rule)
    if exempt and not (http or https):
        yield fault("eks_node_no_proxy", exempt, "is for nodes with eks_node_http_proxy or eks_node_https_proxy")
    certificates = values.get("eks_node_ca_certificates") or []
    for index, text in enumerate(certificates):
        if rule := node_user_data.certificate_rule(text):
            yield Fault(f"eks_node_ca_certificates[{index}]", rule)
    shared = values.get("eks_node_user_data") or []
    faults = list(_part_faults("eks_node_user_data", shared))
    for path, group in groups:
        if http and not https and node_user_data.is_bottlerocket(group):
            rule = "is not for Bottlerocket, which has a proxy for https:// alone: set eks_node_https_proxy"
            yield fault("eks_node_http_proxy", http, f"{rule}, for {path}")
        own = group.get("user_data") or []
        faults += _part_faults(f"{path}.user_data", own)
        for index, part in enumerate(own):
            kind = part.get("content_type")
            if kind and not node_user_data.takes(group, kind):
                rule = f"is not read by images of the family {group['ami_type']}"
                faults.append(fault(f"{path}.user_data[{index}].content_type", kind, rule))
    for index, part in enumerate(shared):
        kind = part.get("content_type")
        if kind and groups and not any(node_user_data.takes(group, kind) for _path, group in groups):
            rule = "is read by the images of none of eks_node_groups"
            faults.append(fault(f"eks_node_user_data[{index}].content_type", kind, rule))
    yield from faults
    most = node_user_data.MOST_BYTES - node_user_data.BYTES_OF_EKS
    for path, group in groups if not faults else []:
        proxy = {"http": http, "https": https, "no_proxy": exempt}
        size = len(node_user_data.user_data(group, shared, proxy, certificates).encode())
        if size > most and not group.get("ami_id"):
            rule = (
                f"its nodes are told {size:,} bytes by eks_node_ca_certificates, eks_node_user_data and its user_data;"
                f" EC2 takes {node_user_data.MOST_BYTES:,}, of which EKS needs {node_user_data.BYTES_OF_EKS:,}. Let a"
                " script fetch what is long"
            )
            yield Fault(path, rule)


def _inside(namespace: str, parents: tuple[str, ...]) -> bool:
    return any(namespace == parent or namespace.endswith(f".{parent}") for parent in parents)


def _taint_faults(path: str, taints: list[Mapping]) -> Iterator[Fault]:
    if len(taints) > MOST_TAINTS:
        yield Fault(path, f"{len(taints)} taints are more than the {MOST_TAINTS} that EKS takes")
    for index, taint in enumerate(taints):
        key, value = taint.get("key"), taint.get("value")
        rule = label_key_rule(key) if key is not None else None
        if rule is None and key is not None and len(key) > 63:
            rule = "is longer than the 63 characters that EKS takes as the key of a taint"
        if rule:
            yield fault(f"{path}[{index}].key", key, rule)
        rule = label_value_rule(value) if value is not None else None
        if rule:
            yield fault(f"{path}[{index}].value", value, rule)
    for key, effect in repeated((taint.get("key"), taint.get("effect")) for taint in taints):
        yield fault(path, f"{key}:{effect}", "occurs more than once")


def _prefix_delegation(addons: list[Mapping]) -> bool:
    """Whether the CNI gives whole prefixes of addresses to a node's interfaces, which makes room for more pods."""
    for addon in addons:
        if addon.get("name") == "vpc-cni":
            environment = (addon.get("configuration") or {}).get("env") or {}
            return str(environment.get("ENABLE_PREFIX_DELEGATION", "")).lower() == "true"
    return False


def _zone_faults(path: str, zones: list[str], network_zones: list[str]) -> Iterator[Fault]:
    for zone in zones:
        if zone not in network_zones:
            rule = "is not a zone of the network"
            rule += f": {', '.join(network_zones)}" if network_zones else ", whose zones are not declared"
            yield fault(path, zone, f"{rule}. Name all zones in network_availability_zones")
    for zone in repeated(zones):
        yield fault(path, zone, "occurs more than once")


def _node_group_faults(
    groups: list[Mapping],
    addons: list[Mapping],
    kubernetes_version: str | None,
    network_zones: list[str] | None,
    proxy: bool,
) -> Iterator[Fault]:
    variable = "eks_node_groups"
    yield from repeated_names(variable, groups)
    for index, group in enumerate(groups):
        path = f"{variable}[{index}]"
        name = group.get("name")
        if name is not None and not NODE_GROUP_NAME.fullmatch(name):
            yield fault(f"{path}.name", name, "is not letters, digits, '-' and '_' with a letter or digit first")
        if group.get("state") == "absent":
            continue
        yield from _order_faults(path, group)
        yield from _instance_faults(path, group, _prefix_delegation(addons))
        yield from _release_faults(path, group, kubernetes_version)
        yield from _image_faults(path, group, proxy)
        yield from _label_faults(f"{path}.labels", group.get("labels") or {})
        yield from _taint_faults(f"{path}.taints", group.get("taints") or [])
        zones = group.get("availability_zones") or []
        yield from _zone_faults(f"{path}.availability_zones", zones, zones if network_zones is None else network_zones)


def _addon_faults(addons: list[Mapping]) -> Iterator[Fault]:
    variable = "eks_addons"
    yield from repeated_names(variable, addons)
    present = [addon for addon in addons if addon.get("state") != "absent"]
    for index, addon in enumerate(addons):
        path = f"{variable}[{index}]"
        for key, pattern, expected in (
            ("name", ADDON_NAME, "is not the name of an add-on, such as vpc-cni"),
            (
                "version",
                ADDON_VERSION,
                "is not a version of an add-on: default, latest or one such as v1.21.1-eksbuild.1",
            ),
        ):
            if key in addon and not pattern.fullmatch(addon[key]):
                yield fault(f"{path}.{key}", addon[key], expected)
        role = addon.get("irsa") or {}
        yield from workload_role_faults(f"{path}.irsa", role, "eks")
    roles = [addon.get("irsa") or {} for addon in present]
    for name in repeated(role["name"] for role in roles if "name" in role):
        yield fault(f"{variable}[].irsa.name", name, "occurs more than once")


def _access_entry_faults(entries: list[Mapping], region: str | None) -> Iterator[Fault]:
    variable = "eks_access_entries"
    yield from repeated_names(variable, entries, "principal_arn")
    for index, entry in enumerate(entries):
        path = f"{variable}[{index}]"
        arn = entry.get("principal_arn")
        rule = principal_rule(arn, region) if arn is not None else None
        if rule is None and arn is not None and ":role/aws-service-role/" in arn:
            rule = "is a service-linked role, for which EKS takes no access entry"
        if rule:
            yield fault(f"{path}.principal_arn", arn, rule)
        kind = entry.get("type", "STANDARD")
        for key in ("policies", "kubernetes_groups"):
            if entry.get(key) and kind != "STANDARD":
                yield fault(f"{path}.{key}", entry[key], f"is only for entries of type STANDARD, this one is {kind}")
        yield from group_faults(f"{path}.kubernetes_groups", entry.get("kubernetes_groups") or [])
        for number, policy in enumerate(entry.get("policies") or []):
            yield from access_policy_faults(f"{path}.policies[{number}]", policy)


def _administrator_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    accounts = values.get("eks_administrator_accounts") or []
    for index, account in enumerate(accounts):
        if not re.fullmatch(r"\d{12}", account):
            yield fault(f"eks_administrator_accounts[{index}]", account, "is not the id of an account, twelve digits")
    variable, administrators = "eks_administrators", values.get("eks_administrators") or []
    for arn in repeated(administrators):
        yield fault(variable, arn, "occurs more than once")
    for index, arn in enumerate(administrators):
        rule = principal_rule(arn, values.get("platform_region")) or _administrator_rule(arn, accounts, values)
        if rule:
            yield fault(f"{variable}[{index}]", arn, rule)


def _administrator_rule(arn: str, accounts: list[str], values: Mapping[str, t.Any]) -> str | None:
    """Why a principal must not be let become an administrator."""
    account, name = arn.split(":")[4], arn.rpartition("/")[2]
    own, prefix = values.get("platform_account_id"), values.get("platform_prefix")
    if ":role/aws-service-role/" in arn:
        return "is a service-linked role, which only a service of AWS can use"
    if own and account not in (own, *accounts):
        return f"is of another account than the platform's, {own}: name that account in eks_administrator_accounts"
    if prefix and account == own and ":role/" in arn and name.startswith(f"{prefix}-"):
        return "is a role of the platform's own, of a program or of whoever is on the bastion: name one of a person"
    return None


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _version_faults(values.get("eks_kubernetes_version"))
    yield from _endpoint_faults(values)
    network = others.get("network", {})
    # That of a VPC of others is known to AWS alone, with its zones.
    ours = not existing_vpc.declared(network)
    yield from _service_network_faults(
        values.get("eks_service_ipv4_cidr"), network.get("network_vpc_cidr") if ours else None
    )
    for log_type in repeated(values.get("eks_log_types") or []):
        yield fault("eks_log_types", log_type, "occurs more than once")
    addons = values.get("eks_addons") or []
    yield from _node_group_faults(
        values.get("eks_node_groups") or [],
        addons,
        values.get("eks_kubernetes_version"),
        network.get("network_availability_zones") or [] if ours else None,
        bool(values.get("eks_node_http_proxy") or values.get("eks_node_https_proxy")),
    )
    yield from _user_data_faults(values)
    yield from _addon_faults(addons)
    yield from _access_entry_faults(values.get("eks_access_entries") or [], values.get("platform_region"))
    yield from _administrator_faults(values)


def internet_faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """The way of nodes to the control plane."""
    variable = "eks_endpoint_private_access"
    if values.get(variable) is False:
        yield fault(variable, False, f"leaves nodes the public address of the Kubernetes API, {WHY}: make it true")


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    yield from fixed_names(prefix, eks_cluster=["eks"], iam_role=["eks-cluster", "eks-nodes"])
    if values.get("eks_administrators"):
        yield from fixed_names(prefix, iam_role=["eks-admin"])
    if prefix:
        yield Name("log_group", f"/aws/eks/{resource_name('eks', prefix, 'eks_cluster')}/cluster")
    groups = values.get("eks_node_groups") or []
    yield from named_entries(prefix, "eks_node_groups", groups, "eks_nodegroup")
    yield from named_entries(prefix, "eks_node_groups", groups, "launch_template", before="eks-")
    yield from named_entries(prefix, "eks_addons", values.get("eks_addons") or [], "iam_role", key="irsa")


def _gone_ahead(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> bool:
    """Whether EKS has upgraded the cluster by itself beyond what is declared, as it does when support ends."""
    wanted, running = values.get("eks_kubernetes_version"), (platform.get("eks") or {}).get("version")
    if not wanted or not running or _minor(running) <= _minor(wanted):
        return False
    return values.get("eks_support_type") != "EXTENDED" or wanted not in supported_versions(platform)


def needs(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Need]:
    """The nodes. What autoscaling adds later is not counted."""
    zones = max(len((platform.get("network") or {}).get("availability_zones") or []), FEWEST_ZONES)
    for index, group in enumerate(values.get("eks_node_groups") or []):
        if group.get("state") == "absent":
            continue
        nodes = group.get("desired_size") or group.get("min_size") or 0
        surge = max(SURGE_PER_ZONE * zones, group.get("max_unavailable") or 0) if nodes else 0
        spot = group.get("capacity_type") == "SPOT"
        types = group.get("instance_types") or []
        yield from instance_needs(types, nodes, f"eks_node_groups[{index}].desired_size", spot, surge)


def _running_version_faults(wanted: str, cluster: Mapping[str, t.Any]) -> Iterator[Fault]:
    name, running = cluster.get("cluster_name"), cluster["version"]
    (major, minor), now = _minor(wanted), _minor(running)
    if (major, minor) < now:
        rule = f"is older than {running}, which {name} runs: EKS never goes back"
    elif (major, minor) > (now[0], now[1] + 1):
        rule = (
            f"skips a minor version: {name} runs {running} and EKS goes up one at a time,"
            f" so set '{now[0]}.{now[1] + 1}' first"
        )
    else:
        behind = [
            f"{group} ({facts['version']})"
            for group, facts in (cluster.get("node_groups") or {}).items()
            if facts.get("version") and minor - _minor(facts["version"])[1] > MOST_MINORS_BEHIND
        ]
        if not behind:
            return
        rule = f"leaves node groups more than {MOST_MINORS_BEHIND} minor versions behind: {', '.join(behind)}"
    yield fault("eks_kubernetes_version", wanted, rule)


def _fixed(group: Mapping[str, t.Any], existing: Mapping[str, t.Any], zones: list[str]) -> Iterator[tuple[str, t.Any]]:
    """What of a node group can't be changed, as it is declared."""
    declared = {**group, "ami_type": CUSTOM} if group.get("ami_id") else group
    for key in ("instance_types", "ami_type", "capacity_type"):
        if existing.get(key) and declared.get(key) and declared[key] != existing[key]:
            yield key, declared[key]
    wanted = sorted(group.get("availability_zones") or zones)
    if existing.get("availability_zones") and wanted and wanted != sorted(existing["availability_zones"]):
        yield "availability_zones", wanted


def _network_faults(values: Mapping[str, t.Any], network: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What doesn't fit a VPC of others, of which the inventory says no more than its id."""
    if not network.get("existing"):
        return
    text = values.get("eks_service_ipv4_cidr")
    for vpc in network.get("cidr_blocks") or []:
        if text and network_rule(text) is None and IPv4Network(text).overlaps(IPv4Network(vpc)):
            yield fault("eks_service_ipv4_cidr", text, f"overlaps {vpc} of the VPC {network['vpc_id']}")
    for index, group in enumerate(values.get("eks_node_groups") or []):
        zones = [] if group.get("state") == "absent" else group.get("availability_zones") or []
        path = f"eks_node_groups[{index}].availability_zones"
        yield from existing_vpc.zone_faults({f"{path}[{number}]": zone for number, zone in enumerate(zones)}, network)


def _room_warnings(values: Mapping[str, t.Any], network: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Subnets of others in which the nodes of a new cluster find no room."""
    free = existing_vpc.free_addresses(network)
    groups = [group for group in values.get("eks_node_groups") or [] if group.get("state") != "absent"]
    nodes = math.ceil(sum(group.get("max_size", 0) for group in groups) / max(len(free), 1))
    needed = nodes + existing_vpc.NEEDED_BY_EKS
    for subnet_id, count in free.items():
        if count < needed:
            rule = f"may get {nodes} nodes in the subnet {subnet_id}, which has {count} free addresses"
            yield Fault("eks_node_groups", f"{rule}; EKS needs {existing_vpc.NEEDED_BY_EKS} and each pod one more")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What EKS would refuse to make, or to change of the cluster that runs."""
    yield from policy_faults(values, platform, VOLUMES)
    yield from grant_faults(values, platform)
    cluster = platform.get("eks") or {}
    vpc_id = (platform.get("network") or {}).get("vpc_id")
    if vpc_id and cluster.get("vpc_id") and cluster["vpc_id"] != vpc_id:
        rule = f"the cluster is in {cluster['vpc_id']}, the network is {vpc_id}: EKS can't move it"
        yield Fault("eks", f"{rule}. Find out which is yours")
    yield from _network_faults(values, platform.get("network") or {})
    wanted, running = values.get("eks_kubernetes_version"), cluster.get("version")
    if wanted and not _gone_ahead(values, platform):
        if wanted != running and wanted not in supported_versions(platform):
            yield fault("eks_kubernetes_version", wanted, _unsupported(supported_versions(platform)))
        elif running:
            yield from _running_version_faults(wanted, cluster)
    yield from _role_faults("eks-cluster", values, cluster.get("role_arn"), "the cluster", "build the cluster anew")
    for name, existing in (cluster.get("node_groups") or {}).items():
        if name in _declared_groups(values):
            remedy = "add a group of another name and remove this one (state: absent) in the same run"
            yield from _role_faults("eks-nodes", values, existing.get("node_role_arn"), f"node group {name}", remedy)
    images = _offered_images(platform)
    for index, group in enumerate(values.get("eks_node_groups") or []):
        if group.get("state") == "absent" or "name" not in group or not values.get("platform_prefix"):
            continue
        if group.get("ami_id") and images is not None:
            yield from _offered_image_faults(f"eks_node_groups[{index}]", group, images.get(group["ami_id"]))
        name = resource_name(group["name"], values["platform_prefix"], "eks_nodegroup")
        existing = (cluster.get("node_groups") or {}).get(name) or {}
        if existing.get("status") == "DELETING":
            continue
        for key, declared in _fixed(group, existing, cluster.get("availability_zones") or []):
            yield fault(
                f"eks_node_groups[{index}].{key}",
                declared,
                f"is not that of the node group {name}, {show(existing[key])}, and EKS can't change it:"
                " add a group of another name and then remove this one (state: absent)",
            )


def _declared_groups(values: Mapping[str, t.Any], absent: bool = False) -> list[str]:
    """Their names in AWS. absent: also of those that are to go."""
    prefix, groups = values.get("platform_prefix"), values.get("eks_node_groups") or []
    there = [group["name"] for group in groups if (absent or group.get("state") != "absent") and "name" in group]
    return [resource_name(name, prefix, "eks_nodegroup") for name in there] if prefix else []


def _role_faults(thing: str, values: Mapping[str, t.Any], role: str | None, owner: str, remedy: str) -> Iterator[Fault]:
    """A role that EKS can't exchange, where another one is declared by now."""
    prefix, existing = values.get("platform_prefix"), values.get("platform_existing_roles") or {}
    if not role or not prefix:
        return
    wanted = existing.get(thing)
    if role != wanted if wanted else role.rpartition("/")[2] != resource_name(thing, prefix, "iam_role"):
        variable, way = f"platform_existing_roles.{thing}", f"EKS can't exchange it: set that, or {remedy}"
        if wanted:
            yield fault(variable, wanted, f"is not the role of {owner}, which is {role}, and {way}")
        else:
            yield Fault(variable, f"isn't set, and {owner} has the role {role}; {way}")


def _offered_images(platform: Mapping[str, t.Any]) -> Mapping[str, Mapping] | None:
    """What EC2 says of the images that node groups name, by their ids; None where that isn't known."""
    return ((platform.get("offers") or {}).get("eks") or {}).get("images")


def _offered_image_faults(path: str, group: Mapping[str, t.Any], image: Mapping[str, t.Any] | None) -> Iterator[Fault]:
    """What of an image doesn't fit the nodes."""
    wrong, told = f"{path}.ami_id", group["ami_id"]
    if image is None:
        rule = "is not an image that this account may use in this region: make it there, or have it shared"
        yield fault(wrong, told, rule)
        return
    if image["state"] != "available":
        yield fault(wrong, told, f"is {image['state']}: nodes start from one that is available")
    for name in group.get("instance_types") or []:
        architecture = instance_types.architecture(name)
        if image["architecture"] != architecture:
            rule = f"is an image for {image['architecture']}, and {name} a machine of architecture {architecture}"
            yield fault(wrong, told, rule)
    if image["root_device_name"] != ROOT_DEVICE:
        rule = f"has its first volume at {image['root_device_name']}, where the launch template encrypts {ROOT_DEVICE}"
        yield fault(wrong, told, f"{rule}: make it as Amazon Linux and Bottlerocket have it")
    size = group.get("disk_size_gib")
    smallest = image["root_volume_size_gib"]
    if size and smallest and size < smallest and not node_user_data.is_bottlerocket(group):
        yield fault(f"{path}.disk_size_gib", size, f"is less than the {smallest} GiB of the image {told}")


def _undeclared_warnings(values: Mapping[str, t.Any], cluster: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What the cluster has of ours and the inventory doesn't name any more: it stays, and gets no newer."""
    if not values.get("platform_prefix"):
        return
    foreign, running = cluster.get("foreign_nodes") or (), cluster.get("version")
    named = _declared_groups(values, absent=True)
    for name, group in (cluster.get("node_groups") or {}).items():
        if name not in named and f"node group {name}" not in foreign:
            behind = "" if group.get("version") == running else f", at {group.get('version')} under {running}"
            yield Fault("eks_node_groups", f"the node group {name} exists, not declared{behind}: {STAYS}")
    addons = [addon.get("name") for addon in values.get("eks_addons") or []]
    for name, addon in (cluster.get("addons") or {}).items():
        if name not in addons and addon.get("ours"):
            yield Fault("eks_addons", f"the add-on {name} exists, not declared: {STAYS}")


def _accelerator_warnings(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Instance types whose accelerator no pod could use, as the image has no driver for it."""
    for index, group in enumerate(values.get("eks_node_groups") or []):
        image = group.get("ami_type")
        if not image or group.get("ami_id") or group.get("state") == "absent":
            continue
        for kind, (families, with_driver) in ACCELERATORS.items():
            types = [name for name in group.get("instance_types") or [] if families.match(name)]
            if types and kind not in image and not image.startswith(with_driver):
                rule = f"has no driver for the accelerator of {', '.join(types)}: take a type with {kind} in its name"
                yield fault(f"eks_node_groups[{index}].ami_type", image, rule)


def _secret_warnings(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Parts of user data that may hold a secret."""
    groups = enumerate(values.get("eks_node_groups") or [])
    lists = {f"eks_node_groups[{index}].user_data": group.get("user_data") or [] for index, group in groups}
    for path, parts in {"eks_node_user_data": values.get("eks_node_user_data") or [], **lists}.items():
        for index, part in enumerate(parts):
            if what := looks_like("", part.get("content") or ""):
                rule = f"has something that looks like {what}: whoever may look at launch templates reads it"
                yield Fault(f"{path}[{index}].content", rule)


def _image_warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Images that neither the account nor Amazon has made: whoever has decides what nodes run."""
    images = _offered_images(platform) or {}
    for index, group in enumerate(values.get("eks_node_groups") or []):
        image = images.get(group.get("ami_id"))
        if image and group.get("state") != "absent" and image["owner"] not in (platform.get("account_id"), "amazon"):
            rule = (
                f"was made by {image['owner']}, who decides what runs on the nodes. Make sure that you know who it is"
            )
            yield fault(f"eks_node_groups[{index}].ami_id", group["ami_id"], rule)


def removal_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What controllers in the cluster have made stays when it goes, and keeps the VPC from being removed."""
    cluster = platform.get("eks") or {}
    foreign, made = cluster.get("foreign_nodes"), cluster.get("controller_resources")
    if foreign:
        rule = f"can't be removed while the cluster has what others have made: {', '.join(foreign)}. Remove that first"
        yield Fault("eks", rule)
    if made and not values.get("eks_remove_controller_resources"):
        yield fault(
            "eks_remove_controller_resources",
            False,
            f"keeps eks from being removed, because controllers in the cluster have made {', '.join(made)}: remove what"
            " asks for them in the cluster (services, ingresses, volume claims), or add"
            " -e '{\"eks_remove_controller_resources\": true}', which removes them with the data on the volumes",
        )


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What EKS has done by itself or will do soon, whose images nodes have, and where it finds no room."""
    yield from _image_warnings(values, platform)
    yield from _secret_warnings(values)
    yield from _accelerator_warnings(values)
    yield from _undeclared_warnings(values, platform.get("eks") or {})
    wanted, cluster = values.get("eks_kubernetes_version"), platform.get("eks") or {}
    if not cluster.get("exists"):
        yield from _room_warnings(values, platform.get("network") or {})
    if not wanted or not re.fullmatch(r"\d+\.\d+", wanted):
        return
    version = wanted
    if _gone_ahead(values, platform):
        version = cluster["version"]
        yield fault(
            "eks_kubernetes_version",
            wanted,
            f"is older than {version}, to which EKS has upgraded {cluster.get('cluster_name')} when its support ended."
            f" The run goes on with {version}; set eks_kubernetes_version to '{version}'",
        )
    ends = supported_versions(platform).get(version)
    if ends:
        yield from _support_warnings(version, ends, values.get("eks_support_type") == "EXTENDED")


def _support_warnings(version: str, ends: tuple[datetime.date, datetime.date], extended: bool) -> Iterator[Fault]:
    standard_end, extended_end = ends
    upgraded = "EKS then upgrades the cluster by itself, at a time of its own. Raise eks_kubernetes_version before"
    if extended and standard_end <= _today():
        day, what, then = extended_end, "extended", upgraded
    elif extended:
        day, what, then = standard_end, "standard", "the cluster costs more from then on. Raise eks_kubernetes_version"
    else:
        day, what, then = standard_end, "standard", upgraded
    if day - _today() <= datetime.timedelta(days=NOTICE):
        end = "ended" if day <= _today() else "ends"
        yield fault("eks_kubernetes_version", version, f"is near its end: its {what} support {end} on {day}; {then}")
