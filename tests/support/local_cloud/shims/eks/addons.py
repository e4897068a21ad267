# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add-ons by the catalogue: versions, defaults, health, pod identity associations."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import eks

from ...wire import AWSError
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
    not_found,
    shown,
    status_of,
)
from .updates import record_update

# These run as DaemonSets, which are complete without a node.
_NEED_NO_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")


def _catalogued(name: str) -> catalog.Addon:
    addon = catalog.ADDONS_BY_NAME.get(name)
    if addon is None:
        raise invalid(f"Addon {name} specified is not supported in the local emulator's catalogue")
    return addon


def _version(addon: catalog.Addon, wanted: str | None, kubernetes_version: str) -> str:
    version = wanted or addon.defaults[kubernetes_version]
    if not addon.supports(version, kubernetes_version):
        raise invalid(
            f"Addon version specified is not supported: {addon.name} {version} with Kubernetes {kubernetes_version}"
        )
    return version


def _configuration(values: str | None) -> str | None:
    if not values:
        return None
    try:
        valid = isinstance(json.loads(values), dict)
    except ValueError:
        # EKS takes YAML too; whoever sends it must have begun with a key.
        valid = ":" in values
    if not valid:
        raise invalid("ConfigurationValue is not in valid JSON or YAML format")
    return values


def _addon(cluster: str, name: str) -> dict[str, Any]:
    key = f"{cluster}/{name}"
    record = eks._addons.get(key) or departing_record("addon", key)
    if record is None:
        raise not_found(f"No addon: {name} found in cluster: {cluster}")
    return record


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    """The add-on with its status; a Deployment without nodes makes it DEGRADED."""
    result = shown(record)
    has_nodes = any(one["clusterName"] == record["clusterName"] for one in eks._nodegroups.values())
    if result["status"] == "ACTIVE" and not has_nodes and record["addonName"] not in _NEED_NO_NODES:
        issue = {
            "code": "InsufficientNumberOfReplicas",
            "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
            "resourceIds": [],
        }
        result.update(status="DEGRADED", health={"issues": [issue]})
    for optional in ("serviceAccountRoleArn", "configurationValues"):
        result[optional] = result[optional] or None
    return result


def _create(call: Call) -> dict[str, Any]:
    request = call.request
    cluster = active_cluster(request["clusterName"])
    addon = _catalogued(request["addonName"])
    key = f"{cluster['name']}/{addon.name}"
    if departing_record("addon", key):
        raise in_use("Addon already exists.")
    version = _version(addon, request.get("addonVersion"), cluster["version"])
    configuration = _configuration(request.get("configurationValues"))
    if "serviceAccountRoleArn" in request:
        check_role(request["serviceAccountRoleArn"])
    _check_associations(addon, request.get("podIdentityAssociations", []))
    call.forwarded()
    record = eks._addons[key]
    record.update(
        addonVersion=version,
        configurationValues=configuration,
        createdAt=eks._now(),
        modifiedAt=eks._now(),
        namespaceConfig={"namespace": addon.namespace},
        podIdentityAssociations=[],
    )
    _associate(addon, record, request.get("podIdentityAssociations", []))
    planes.install_addon(cluster, record)
    begin(record, "CREATING")
    return {"addon": _shown(record)}


def _check_associations(addon: catalog.Addon, wanted: list[dict[str, str]]) -> None:
    for association in wanted:
        check_role(association["roleArn"])
        if association["serviceAccount"] not in addon.service_accounts:
            raise invalid(f"Service account {association['serviceAccount']} is not supported by addon {addon.name}")


def _associate(addon: catalog.Addon, record: dict[str, Any], wanted: list[dict[str, str]]) -> None:
    """Make exactly these associations, which belong to the add-on, and note their ARNs in it."""
    cluster = record["clusterName"]
    for key, existing in list(eks._pod_identity_associations.items()):
        if key.startswith(f"{cluster}\x00") and existing.get("ownerArn") == record["addonArn"]:
            eks._pod_identity_associations.pop(key)
    record["podIdentityAssociations"] = []
    for entry in wanted:
        body = {**entry, "namespace": addon.namespace}
        status, _headers, content = eks._create_pod_identity_association(cluster, body)
        answer = json.loads(content)
        if status >= 300:
            raise AWSError(answer["__type"], answer["message"], status)
        association = answer["association"]
        key = eks._pia_key(cluster, association["associationId"])
        eks._pod_identity_associations[key]["ownerArn"] = record["addonArn"]
        record["podIdentityAssociations"].append(association["associationArn"])


def _describe(call: Call) -> dict[str, Any]:
    cluster_of(call.request["clusterName"])
    return {"addon": _shown(_addon(call.request["clusterName"], call.request["addonName"]))}


def _list(call: Call) -> dict[str, Any]:
    name = call.request["clusterName"]
    cluster_of(name)
    keys = [*eks._addons.keys(), *departing_keys("addon")]
    return {"addons": sorted(key.split("/", 1)[1] for key in keys if key.startswith(f"{name}/"))}


def _update(call: Call) -> dict[str, Any]:
    request = call.request
    cluster = active_cluster(request["clusterName"])
    addon = _catalogued(request["addonName"])
    record = _addon(cluster["name"], addon.name)
    if status_of(record) != "ACTIVE":
        raise in_use(f"Addon {addon.name} cannot be updated as it is currently in {status_of(record)} state")
    version = _version(addon, request.get("addonVersion") or record["addonVersion"], cluster["version"])
    if "configurationValues" in request:
        record["configurationValues"] = _configuration(request["configurationValues"])
    # "If you don't specify an existing IAM role, then the add-on uses the permissions assigned to the node IAM role."
    if request.get("serviceAccountRoleArn"):
        check_role(request["serviceAccountRoleArn"])
    record["serviceAccountRoleArn"] = request.get("serviceAccountRoleArn")
    if "podIdentityAssociations" in request:
        _check_associations(addon, request["podIdentityAssociations"])
        _associate(addon, record, request["podIdentityAssociations"])
    record.update(addonVersion=version, modifiedAt=eks._now())
    begin(record, "UPDATING")
    params = {
        "AddonVersion": version,
        "ServiceAccountRoleArn": request.get("serviceAccountRoleArn"),
        "ResolveConflicts": request.get("resolveConflicts"),
        "ConfigurationValues": request.get("configurationValues"),
        "PodIdentityAssociations": request.get("podIdentityAssociations"),
    }
    return {"update": record_update("AddonUpdate", params, cluster["name"], addon=addon.name)}


def _delete(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call.request["clusterName"])
    name = call.request["addonName"]
    key = f"{cluster['name']}/{name}"
    record = _addon(cluster["name"], name)
    if departing_record("addon", key):
        raise in_use(f"Addon {name} is already being deleted")
    call.forwarded()
    # With `preserve` the add-on's objects stay, and nobody at EKS manages them any more.
    if not call.request.get("preserve"):
        planes.remove_addon(cluster, record)
    _associate(_catalogued(name), record, [])
    depart("addon", key, record)
    return {"addon": shown(record)}


def _describe_versions(call: Call) -> dict[str, Any]:
    request = call.request
    wanted_kubernetes = request.get("kubernetesVersion")
    if "addonName" in request and request["addonName"] not in catalog.ADDONS_BY_NAME:
        # AWS answers with an empty list, not with an error.
        return {"addons": []}
    found = []
    for addon in catalog.ADDONS:
        if request.get("addonName", addon.name) != addon.name or addon.kind not in request.get("types", [addon.kind]):
            continue
        versions = [
            {
                "addonVersion": version,
                "architecture": ["amd64", "arm64"],
                "computeTypes": ["ec2", "auto", "hybrid"],
                "compatibilities": [
                    {
                        "clusterVersion": kubernetes_version,
                        "platformVersions": ["*"],
                        "defaultVersion": addon.defaults.get(kubernetes_version) == version,
                    }
                    for kubernetes_version in reversed(supported)
                    if wanted_kubernetes in (None, kubernetes_version)
                ],
                "requiresConfiguration": False,
                "requiresIamPermissions": bool(addon.service_accounts),
            }
            for version, supported in addon.versions.items()
            if wanted_kubernetes is None or wanted_kubernetes in supported
        ]
        found.append(
            {
                "addonName": addon.name,
                "type": addon.kind,
                "addonVersions": versions,
                "publisher": "eks",
                "owner": "aws",
                "defaultNamespace": addon.namespace,
            }
        )
    return {"addons": [entry for entry in found if entry["addonVersions"]]}


def _describe_configuration(call: Call) -> dict[str, Any]:
    addon = _catalogued(call.request["addonName"])
    version = call.request["addonVersion"]
    if version not in addon.versions:
        raise not_found(f"No configuration schema found for addon {addon.name} version {version}")
    return {
        "addonName": addon.name,
        "addonVersion": version,
        "configurationSchema": json.dumps(addon.schema()),
        "podIdentityConfiguration": [
            {"serviceAccount": account, "recommendedManagedPolicies": list(policies)}
            for account, policies in addon.service_accounts.items()
        ],
    }


HANDLERS: dict[str, Handler] = {
    "CreateAddon": _create,
    "DescribeAddon": _describe,
    "ListAddons": _list,
    "UpdateAddon": _update,
    "DeleteAddon": _delete,
    "DescribeAddonVersions": _describe_versions,
    "DescribeAddonConfiguration": _describe_configuration,
}
