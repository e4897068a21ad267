# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clusters: creation, the kinds of configuration update, versions, protected deletion."""

from __future__ import annotations

import base64
import datetime
import functools
import ipaddress
import uuid
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, eks

from ...wire import AWSError
from ..ec2.records import new_id
from . import catalog, planes
from .records import (
    Call,
    Handler,
    active_cluster,
    begin,
    check_role,
    cluster_of,
    depart,
    departing_keys,
    departing_record,
    in_use,
    invalid,
    shown,
    status_of,
    updates,
)
from .updates import record_update

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_AUTHENTICATION_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
_SERVICE_RANGES = [ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def patch_identity() -> None:
    """Issuers look like those of AWS: https, which IAM insists on, and 32 hexadecimal digits."""
    eks._new_oidc_id = lambda: uuid.uuid4().hex.upper()
    eks._issuer_url = lambda oidc_id: f"https://oidc.eks.{get_region()}.amazonaws.com/id/{oidc_id}"


@functools.cache
def _certificate_authority() -> str:
    """A certificate authority in the form in which DescribeCluster gives it, made once for each emulator."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()


# -- creation -----------------------------------------------------------------


def _create(call: Call) -> dict[str, Any]:
    request = call.request
    name = request["name"]
    if departing_record("cluster", name):
        raise in_use(f"Cluster already exists with name: {name}")
    version = request.get("version", catalog.DEFAULT_KUBERNETES_VERSION)
    if catalog.kubernetes_version(version) is None:
        raise invalid(f"unsupported Kubernetes version {version}")
    check_role(request["roleArn"])
    network = request["resourcesVpcConfig"]
    subnets = _subnets(network.get("subnetIds", []))
    vpc = ec2._vpcs[subnets[0]["VpcId"]]
    for group_id in network.get("securityGroupIds", []):
        if group_id not in ec2._security_groups:
            raise invalid(f"The security group ID '{group_id}' does not exist")
    service_range = _service_range(request.get("kubernetesNetworkConfig", {}).get("serviceIpv4Cidr"), vpc)
    for entry in request.get("encryptionConfig", []):
        if entry.get("resources") != ["secrets"] or not entry.get("provider", {}).get("keyArn"):
            raise invalid("encryptionConfig must name the key and the resources ['secrets']")

    call.forwarded()
    cluster = eks._clusters[name]
    access = request.get("accessConfig", {})
    cluster["_zones"] = sorted({subnet["AvailabilityZone"] for subnet in subnets})
    cluster["version"] = version
    cluster["createdAt"] = eks._now()
    cluster["platformVersion"] = "eks.4"
    cluster["certificateAuthority"]["data"] = cluster["certificateAuthority"]["data"] or _certificate_authority()
    cluster["resourcesVpcConfig"]["vpcId"] = vpc["VpcId"]
    cluster["resourcesVpcConfig"]["clusterSecurityGroupId"] = _create_cluster_group(name, vpc["VpcId"])
    cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"] = service_range
    cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"] = {"enabled": False}
    cluster["logging"] = _logging(_enabled_logs(request.get("logging", {}), set()))
    cluster["accessConfig"] = {
        "authenticationMode": access.get("authenticationMode", "CONFIG_MAP"),
        "bootstrapClusterCreatorAdminPermissions": access.get("bootstrapClusterCreatorAdminPermissions", True),
    }
    cluster["upgradePolicy"] = {"supportType": request.get("upgradePolicy", {}).get("supportType", "EXTENDED")}
    cluster["zonalShiftConfig"] = {"enabled": request.get("zonalShiftConfig", {}).get("enabled", False)}
    cluster["deletionProtection"] = request.get("deletionProtection", False)
    cluster["computeConfig"] = request.get("computeConfig", {"enabled": False})
    cluster["storageConfig"] = request.get("storageConfig", {"blockStorage": {"enabled": False}})
    cluster["controlPlaneScalingConfig"] = request.get("controlPlaneScalingConfig", {"tier": "standard"})
    cluster["health"] = {"issues": []}
    begin(cluster, "CREATING")
    planes.start(cluster, vpc["CidrBlock"])
    return {"cluster": shown(cluster)}


def _subnets(subnet_ids: list[str]) -> list[dict[str, Any]]:
    for subnet_id in subnet_ids:
        if subnet_id not in ec2._subnets:
            raise invalid(f"The subnet ID '{subnet_id}' does not exist")
    subnets = [ec2._subnets[subnet_id] for subnet_id in subnet_ids]
    if len({subnet["VpcId"] for subnet in subnets}) > 1:
        raise invalid("Subnets specified must be in the same VPC.")
    if len({subnet["AvailabilityZone"] for subnet in subnets}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    return subnets


def _service_range(wanted: str | None, vpc: dict[str, Any]) -> str:
    vpc_range = ipaddress.ip_network(vpc["CidrBlock"], strict=False)
    if wanted is None:
        inside_ten = vpc_range.overlaps(ipaddress.ip_network("10.0.0.0/8"))
        return "172.20.0.0/16" if inside_ten else "10.100.0.0/16"
    try:
        block = ipaddress.ip_network(wanted)
    except ValueError:
        raise invalid(f"The service IPv4 CIDR {wanted} is not a valid CIDR block") from None
    if not any(block.subnet_of(outer) for outer in _SERVICE_RANGES) or not 12 <= block.prefixlen <= 24:
        raise invalid(f"The service IPv4 CIDR {wanted} must be a private block between /24 and /12")
    if block.overlaps(vpc_range):
        raise invalid(f"The service IPv4 CIDR {wanted} overlaps with the CIDR block of the VPC")
    return wanted


def _create_cluster_group(cluster: str, vpc_id: str) -> str:
    """The group that EKS itself makes for the control plane and the managed nodes."""
    group_id = new_id("sg")
    name = f"eks-cluster-sg-{cluster}-{uuid.uuid4().int % 10**9:09d}"
    everything = {"IpProtocol": "-1", "Ipv6Ranges": [], "PrefixListIds": []}
    ec2._security_groups[group_id] = {
        "GroupId": group_id,
        "GroupName": name,
        "Description": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
        "as well as any managed workloads.",
        "VpcId": vpc_id,
        "OwnerId": get_account_id(),
        "IpPermissions": [
            {
                **everything,
                "IpRanges": [],
                "UserIdGroupPairs": [{"GroupId": group_id, "UserId": get_account_id()}],
            }
        ],
        "IpPermissionsEgress": [{**everything, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "UserIdGroupPairs": []}],
    }
    ec2._tags[group_id] = [
        {"Key": "Name", "Value": name},
        {"Key": "aws:eks:cluster-name", "Value": cluster},
        {"Key": f"kubernetes.io/cluster/{cluster}", "Value": "owned"},
    ]
    return group_id


def _enabled_logs(logging: dict[str, Any], enabled: set[str]) -> set[str]:
    """The log types that are on after this request; types that it doesn't name stay as they are."""
    result = set(enabled)
    for entry in logging.get("clusterLogging", []):
        for log_type in entry.get("types", []):
            if log_type not in LOG_TYPES:
                raise invalid(f"Invalid log type: {log_type}")
            if entry.get("enabled"):
                result.add(log_type)
            else:
                result.discard(log_type)
    return result


def _logging(enabled: set[str]) -> dict[str, Any]:
    groups = [
        {"types": [log_type for log_type in LOG_TYPES if (log_type in enabled) is state], "enabled": state}
        for state in (True, False)
    ]
    return {"clusterLogging": [group for group in groups if group["types"]]}


# -- reading ------------------------------------------------------------------


def _describe(call: Call) -> dict[str, Any]:
    return {"cluster": shown(cluster_of(call.request["name"]))}


def _list(_call: Call) -> dict[str, Any]:
    return {"clusters": sorted([*eks._clusters.keys(), *departing_keys("cluster")])}


def _describe_versions(call: Call) -> dict[str, Any]:
    request = call.request
    wanted = request.get("clusterVersions")
    found = []
    for one in catalog.KUBERNETES_VERSIONS:
        support = "EXTENDED_SUPPORT" if one.extended_support else "STANDARD_SUPPORT"
        is_default = one.version == catalog.DEFAULT_KUBERNETES_VERSION
        if (
            (wanted and one.version not in wanted)
            or (request.get("defaultOnly") and not is_default)
            or request.get("versionStatus", support) != support
        ):
            continue
        found.append(
            {
                "clusterVersion": one.version,
                "clusterType": "eks",
                "defaultPlatformVersion": "eks.4",
                "defaultVersion": is_default,
                "releaseDate": _date(one.released),
                "endOfStandardSupportDate": _date(one.standard_support_ends),
                "endOfExtendedSupportDate": _date(one.extended_support_ends),
                "status": support.lower().replace("_", "-"),
                "versionStatus": support,
                "kubernetesPatchVersion": one.patch,
            }
        )
    return {"clusterVersions": found}


def _date(day: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)


# -- changes ------------------------------------------------------------------


def _update_config(call: Call) -> dict[str, Any]:
    request = {name: value for name, value in call.request.items() if name != "name"}
    network = request.get("resourcesVpcConfig", {})
    kinds = {_UPDATE_KINDS.get(name) for name in request if name != "resourcesVpcConfig"}
    if network.keys() & {"endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"}:
        kinds.add("EndpointAccessUpdate")
    if network.keys() & {"subnetIds", "securityGroupIds"}:
        kinds.add("VpcConfigUpdate")
    cluster = cluster_of(call.request["name"])
    if None in kinds:
        unknown = sorted(set(request) - set(_UPDATE_KINDS) - {"resourcesVpcConfig"})
        raise AWSError("InvalidRequestException", f"The local emulator has no update of {', '.join(unknown)}")
    if not kinds:
        raise invalid("The type for cluster update was not provided.")
    if len(kinds) > 1:
        raise invalid("Only one type of update can be allowed.")
    kind = kinds.pop()
    if status_of(cluster) == "UPDATING":
        raise in_use(f"Cannot {kind} because cluster {cluster['name']} currently has update in progress")
    active_cluster(cluster["name"])
    params = _UPDATES[kind](cluster, request)
    begin(cluster, "UPDATING")
    return {"update": record_update(kind, params, cluster["name"])}


def _update_logging(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    before = _enabled_logs(cluster["logging"], set())
    after = _enabled_logs(request["logging"], before)
    if after == before:
        raise invalid("No changes needed for the logging config provided")
    cluster["logging"] = _logging(after)
    return {"ClusterLogging": request["logging"]}


def _update_endpoint(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    current = cluster["resourcesVpcConfig"]
    members = ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
    wanted = {member: request["resourcesVpcConfig"].get(member, current[member]) for member in members}
    if not wanted["endpointPrivateAccess"] and not wanted["endpointPublicAccess"]:
        raise invalid("Private and public endpoint access cannot be false.")
    if all(_same(wanted[member], current[member]) for member in members):
        raise invalid(
            f"Cluster is already at the desired configuration with endpointPrivateAccess: "
            f"{str(wanted['endpointPrivateAccess']).lower()} , endpointPublicAccess: "
            f"{str(wanted['endpointPublicAccess']).lower()}, and Public Endpoint Restrictions: "
            f"[{', '.join(wanted['publicAccessCidrs'])}]"
        )
    current.update(wanted)
    return {member[0].upper() + member[1:]: value for member, value in wanted.items()}


def _same(wanted: Any, current: Any) -> bool:
    return sorted(wanted) == sorted(current) if isinstance(wanted, list) else wanted == current


def _update_network(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    current = cluster["resourcesVpcConfig"]
    wanted = {
        member: request["resourcesVpcConfig"].get(member, current[member])
        for member in ("subnetIds", "securityGroupIds")
    }
    if all(_same(value, current[member]) for member, value in wanted.items()):
        raise invalid("No changes needed for the VPC config provided")
    subnets = _subnets(wanted["subnetIds"])
    if subnets[0]["VpcId"] != current["vpcId"]:
        raise invalid("Subnets specified must belong to the VPC of the cluster.")
    elsewhere = [subnet["SubnetId"] for subnet in subnets if subnet["AvailabilityZone"] not in cluster["_zones"]]
    if elsewhere:
        raise invalid(
            f"Subnets {', '.join(elsewhere)} are not in the set of AZs that was provided when the cluster was created:"
            f" {', '.join(cluster['_zones'])}"
        )
    current.update(wanted)
    return {"Subnets": wanted["subnetIds"], "SecurityGroups": wanted["securityGroupIds"]}


def _update_access(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    before = cluster["accessConfig"]["authenticationMode"]
    after = request["accessConfig"].get("authenticationMode", before)
    if _AUTHENTICATION_MODES.index(after) <= _AUTHENTICATION_MODES.index(before):
        raise invalid(f"Unsupported authentication mode update from {before} to {after}")
    cluster["accessConfig"]["authenticationMode"] = after
    return {"AuthenticationMode": after}


def _update_upgrade_policy(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if request["upgradePolicy"] == cluster["upgradePolicy"]:
        raise invalid("No changes needed for the upgrade policy provided")
    cluster["upgradePolicy"] = dict(request["upgradePolicy"])
    return {"UpgradePolicy": request["upgradePolicy"]}


def _update_zonal_shift(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if request["zonalShiftConfig"] == cluster["zonalShiftConfig"]:
        raise invalid("No changes needed for the zonal shift config provided")
    cluster["zonalShiftConfig"] = dict(request["zonalShiftConfig"])
    return {"ZonalShiftConfig": request["zonalShiftConfig"]}


def _update_protection(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if request["deletionProtection"] == cluster["deletionProtection"]:
        raise invalid("No changes needed for the deletion protection provided")
    cluster["deletionProtection"] = request["deletionProtection"]
    return {"DeletionProtection": request["deletionProtection"]}


def _update_auto_mode(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    wanted = [
        request.get("computeConfig", {}).get("enabled"),
        request.get("kubernetesNetworkConfig", {}).get("elasticLoadBalancing", {}).get("enabled"),
        request.get("storageConfig", {}).get("blockStorage", {}).get("enabled"),
    ]
    if wanted not in ([True] * 3, [False] * 3):
        raise invalid("For EKS Auto Mode, compute, load balancing and storage must all be enabled or all disabled.")
    if wanted[0] == cluster["computeConfig"]["enabled"]:
        raise invalid("No changes needed for the auto mode config provided")
    cluster["computeConfig"] = request["computeConfig"]
    cluster["storageConfig"] = request["storageConfig"]
    cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"] = {"enabled": wanted[0]}
    return {"ComputeConfig": request["computeConfig"]}


def _update_tier(cluster: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if request["controlPlaneScalingConfig"] == cluster["controlPlaneScalingConfig"]:
        raise invalid("No changes needed for the control plane scaling config provided")
    cluster["controlPlaneScalingConfig"] = dict(request["controlPlaneScalingConfig"])
    return {"ControlPlaneScalingConfig": request["controlPlaneScalingConfig"]}


_UPDATE_KINDS = {
    "logging": "LoggingUpdate",
    "accessConfig": "AccessConfigUpdate",
    "upgradePolicy": "UpgradePolicyUpdate",
    "zonalShiftConfig": "ZonalShiftConfigUpdate",
    "deletionProtection": "DeletionProtectionUpdate",
    "computeConfig": "AutoModeUpdate",
    "kubernetesNetworkConfig": "AutoModeUpdate",
    "storageConfig": "AutoModeUpdate",
    "controlPlaneScalingConfig": "ControlPlaneScalingConfigUpdate",
}
_UPDATES = {
    "LoggingUpdate": _update_logging,
    "EndpointAccessUpdate": _update_endpoint,
    "VpcConfigUpdate": _update_network,
    "AccessConfigUpdate": _update_access,
    "UpgradePolicyUpdate": _update_upgrade_policy,
    "ZonalShiftConfigUpdate": _update_zonal_shift,
    "DeletionProtectionUpdate": _update_protection,
    "AutoModeUpdate": _update_auto_mode,
    "ControlPlaneScalingConfigUpdate": _update_tier,
}


def _update_version(call: Call) -> dict[str, Any]:
    name, version = call.request["name"], call.request["version"]
    cluster = active_cluster(name)
    current = cluster["version"]
    if catalog.kubernetes_version(version) is None:
        raise invalid(f"unsupported Kubernetes version {version}")
    if catalog.minor(version) != catalog.minor(current) + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {current} to {version}")
    for nodegroup in eks._nodegroups.values():
        if nodegroup["clusterName"] == name and nodegroup["version"] != current:
            raise invalid(
                f"Nodegroups {nodegroup['nodegroupName']} must be updated to match cluster version {current} before "
                "updating cluster version"
            )
    cluster["version"] = version
    begin(cluster, "UPDATING")
    planes.restart(cluster)
    return {"update": record_update("VersionUpdate", {"Version": version, "PlatformVersion": "eks.4"}, name)}


def _associate_encryption(call: Call) -> dict[str, Any]:
    name = call.request["clusterName"]
    cluster = active_cluster(name)
    call.forwarded()
    begin(cluster, "UPDATING")
    params = {"EncryptionConfig": call.request["encryptionConfig"]}
    return {"update": record_update("AssociateEncryptionConfig", params, name)}


def _delete(call: Call) -> dict[str, Any]:
    name = call.request["name"]
    if departing_record("cluster", name):
        raise in_use(f"Cluster {name} is already being deleted")
    cluster = cluster_of(name)
    if cluster["deletionProtection"]:
        raise AWSError(
            "InvalidRequestException",
            f"Cluster {name} cannot be deleted because deletion protection is enabled. Disable it and try again.",
        )
    keys = [*eks._nodegroups.keys(), *departing_keys("nodegroup")]
    if any(key.startswith(f"{name}/") for key in keys):
        raise in_use("Cluster has nodegroups attached")
    if status_of(cluster) != "FAILED":
        active_cluster(name)
    call.forwarded()
    planes.stop(cluster)
    for key in [key for key in eks._addons if key.startswith(f"{name}/")]:
        eks._tags.pop(eks._addons.pop(key)["addonArn"], None)
    for key in [key for key in updates if key.startswith(f"{name}\x00")]:
        updates.pop(key)
    group_id = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    ec2._security_groups.pop(group_id, None)
    ec2._tags.pop(group_id, None)
    depart("cluster", name, cluster)
    return {"cluster": shown(cluster)}


HANDLERS: dict[str, Handler] = {
    "CreateCluster": _create,
    "DescribeCluster": _describe,
    "ListClusters": _list,
    "DescribeClusterVersions": _describe_versions,
    "UpdateClusterConfig": _update_config,
    "UpdateClusterVersion": _update_version,
    "AssociateEncryptionConfig": _associate_encryption,
    "DeleteCluster": _delete,
}
