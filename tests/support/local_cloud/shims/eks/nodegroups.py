# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Managed node groups with launch template, update settings, versions and the access entry of their role."""

from __future__ import annotations

from typing import Any

from ministack.services import ec2, eks

from ...wire import AWSError
from .. import timing
from ..ec2.launch_templates import find_template, find_version
from . import catalog, planes
from .access import add_node_entry, drop_node_entry
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

_TAINT_EFFECTS = ("NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE")


def _release(version: str) -> str:
    known = catalog.kubernetes_version(version)
    return f"{known.patch if known else version}-20260115"


def _nodegroup(cluster: str, name: str) -> dict[str, Any]:
    key = f"{cluster}/{name}"
    record = eks._nodegroups.get(key) or departing_record("nodegroup", key)
    if record is None:
        raise not_found(f"No node group found for name: {name}.")
    return record


def _create(call: Call) -> dict[str, Any]:
    request = call.request
    cluster = active_cluster(request["clusterName"])
    name = request["nodegroupName"]
    key = f"{cluster['name']}/{name}"
    if departing_record("nodegroup", key):
        raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster['name']}")
    check_role(request["nodeRole"])
    for subnet_id in request["subnets"]:
        if ec2._subnets.get(subnet_id, {}).get("VpcId") != cluster["resourcesVpcConfig"]["vpcId"]:
            raise invalid(f"The subnet ID '{subnet_id}' does not exist in the VPC of the cluster")
    version = request.get("version", cluster["version"])
    _check_version(cluster, version)
    scaling = {"minSize": 1, "maxSize": 2, "desiredSize": 2, **request.get("scalingConfig", {})}
    _check_scaling(scaling)
    template = _launch_template(request) if "launchTemplate" in request else None
    taints = request.get("taints", [])
    _check_taints(taints)

    call.forwarded()
    record = eks._nodegroups[key]
    data = template["data"] if template else {}
    custom_image = "ImageId" in data
    instance_types = request.get("instanceTypes") or ([] if "InstanceType" in data else ["t3.medium"])
    record.update(
        createdAt=eks._now(),
        modifiedAt=eks._now(),
        version=version,
        releaseVersion=data["ImageId"] if custom_image else request.get("releaseVersion", _release(version)),
        amiType="CUSTOM" if custom_image else request.get("amiType", "AL2023_x86_64_STANDARD"),
        capacityType=request.get("capacityType", "ON_DEMAND"),
        scalingConfig=scaling,
        instanceTypes=instance_types or None,
        labels=request.get("labels", {}),
        taints=taints,
        updateConfig=_update_settings(request.get("updateConfig", {})),
        nodeRepairConfig=request.get("nodeRepairConfig", {"enabled": False}),
        diskSize=None if template else request.get("diskSize", 20),
        launchTemplate=template["shown"] if template else None,
        remoteAccess=request.get("remoteAccess"),
    )
    if "remoteAccess" not in request:
        record["resources"].pop("remoteAccessSecurityGroup", None)
    add_node_entry(cluster, request["nodeRole"])
    planes.follow_group(cluster, record)
    begin(record, "CREATING")
    return {"nodegroup": shown(record)}


def _check_version(cluster: dict[str, Any], version: str) -> None:
    if catalog.kubernetes_version(version) is None or catalog.minor(version) > catalog.minor(cluster["version"]):
        raise invalid(f"Nodegroup version {version} is not compatible with cluster version {cluster['version']}")


def _check_scaling(scaling: dict[str, int]) -> None:
    low, high, desired = scaling["minSize"], scaling["maxSize"], scaling["desiredSize"]
    if high < 1:
        raise invalid("Maximum capacity can't be less than 1")
    if low > desired:
        raise invalid(f"Minimum capacity {low} can't be greater than desired size {desired}")
    if desired > high:
        raise invalid(f"desired capacity {desired} can't be greater than max size {high}")


def _check_taints(taints: list[dict[str, str]]) -> None:
    for taint in taints:
        if taint.get("effect") not in _TAINT_EFFECTS:
            raise invalid(f"Invalid taint effect: {taint.get('effect')}")


def _update_settings(wanted: dict[str, Any]) -> dict[str, Any]:
    if "maxUnavailable" in wanted and "maxUnavailablePercentage" in wanted:
        raise invalid("Only one of maxUnavailable and maxUnavailablePercentage can be specified")
    return dict(wanted) or {"maxUnavailable": 1}


def _launch_template(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request["launchTemplate"]
    try:
        # EKS takes the default version when none is named, and keeps its number.
        template = find_template(wanted.get("id"), None if wanted.get("id") else wanted.get("name"))
        version = find_version(template, str(wanted.get("version", "$Default")))
    except AWSError as refusal:
        raise AWSError("InvalidRequestException", refusal.message) from None
    data = version["LaunchTemplateData"]
    if "diskSize" in request:
        raise invalid("Disk size must be specified within the launch template.")
    if "remoteAccess" in request:
        raise invalid("Remote access configuration cannot be specified with a launch template.")
    if request.get("instanceTypes") and "InstanceType" in data:
        raise invalid("Cannot specify instance types in launch template and API request")
    if "IamInstanceProfile" in data:
        raise invalid("Launch template should not specify an instance profile.")
    if "ImageId" in data and ("amiType" in request or "releaseVersion" in request):
        raise invalid("You cannot specify an AMI type or release version with a launch template that has an image.")
    if data.get("InstanceMarketOptions"):
        raise invalid("Launch template should not request spot instances; use the capacity type.")
    shown_template = {
        "id": template["LaunchTemplateId"],
        "name": template["LaunchTemplateName"],
        "version": str(version["VersionNumber"]),
    }
    return {"shown": shown_template, "data": data}


def _describe(call: Call) -> dict[str, Any]:
    cluster_of(call.request["clusterName"])
    return {"nodegroup": shown(_nodegroup(call.request["clusterName"], call.request["nodegroupName"]))}


def _list(call: Call) -> dict[str, Any]:
    name = call.request["clusterName"]
    cluster_of(name)
    keys = [*eks._nodegroups.keys(), *departing_keys("nodegroup")]
    return {"nodegroups": sorted(key.split("/", 1)[1] for key in keys if key.startswith(f"{name}/"))}


def _idle(call: Call, kind: str) -> dict[str, Any]:
    """The node group of the call, refused while another operation on it runs."""
    active_cluster(call.request["clusterName"])
    record = _nodegroup(call.request["clusterName"], call.request["nodegroupName"])
    if status_of(record) != "ACTIVE":
        raise in_use(
            f"Cannot {kind} because nodegroup {record['nodegroupName']} is in status {status_of(record)}, or has an "
            "update in progress"
        )
    return record


def _update_config(call: Call) -> dict[str, Any]:
    request = call.request
    record = _idle(call, "ConfigUpdate")
    params: dict[str, Any] = {}
    if "scalingConfig" in request:
        scaling = {**record["scalingConfig"], **request["scalingConfig"]}
        _check_scaling(scaling)
        record["scalingConfig"] = scaling
        params.update({f"{name[0].upper()}{name[1:]}": str(value) for name, value in request["scalingConfig"].items()})
    if "labels" in request:
        wanted = request["labels"]
        removed = wanted.get("removeLabels", [])
        kept = {name: value for name, value in record["labels"].items() if name not in removed}
        record["labels"] = {**kept, **wanted.get("addOrUpdateLabels", {})}
        params.update(LabelsToAdd=wanted.get("addOrUpdateLabels"), LabelsToRemove=wanted.get("removeLabels"))
    if "taints" in request:
        wanted = request["taints"]
        added = wanted.get("addOrUpdateTaints", [])
        _check_taints(added)
        replaced = {_taint_identity(taint) for taint in [*added, *wanted.get("removeTaints", [])]}
        kept_taints = [taint for taint in record["taints"] if _taint_identity(taint) not in replaced]
        record["taints"] = kept_taints + added
        params.update(TaintsToAdd=wanted.get("addOrUpdateTaints"), TaintsToRemove=wanted.get("removeTaints"))
    if "updateConfig" in request:
        record["updateConfig"] = _update_settings(request["updateConfig"])
        params.update({f"{name[0].upper()}{name[1:]}": str(value) for name, value in request["updateConfig"].items()})
    if "nodeRepairConfig" in request:
        record["nodeRepairConfig"] = request["nodeRepairConfig"]
        params.update(NodeRepairEnabled=str(request["nodeRepairConfig"].get("enabled", False)).lower())
    if not request.keys() & {"scalingConfig", "labels", "taints", "updateConfig", "nodeRepairConfig"}:
        raise invalid("No changes were given for the nodegroup configuration")
    return _started(record, "ConfigUpdate", params)


def _taint_identity(taint: dict[str, str]) -> tuple[str | None, str | None]:
    return taint.get("key"), taint.get("effect")


def _update_version(call: Call) -> dict[str, Any]:
    request = call.request
    record = _idle(call, "VersionUpdate")
    cluster = cluster_of(record["clusterName"])
    version = request.get("version", record["version"])
    _check_version(cluster, version)
    if catalog.minor(version) < catalog.minor(record["version"]):
        raise invalid(f"Nodegroup version {version} is older than its current version {record['version']}")
    params: dict[str, Any] = {"Version": version}
    if "launchTemplate" in request:
        if not record.get("launchTemplate"):
            raise invalid("Cannot update nodegroup to a launch template: it was created without one.")
        template = _launch_template({"launchTemplate": request["launchTemplate"]})
        if template["shown"]["id"] != record["launchTemplate"]["id"]:
            raise invalid("The launch template of a nodegroup cannot be changed, only its version.")
        record["launchTemplate"] = template["shown"]
        params.update(LaunchTemplateName=template["shown"]["name"], LaunchTemplateVersion=template["shown"]["version"])
    if record["amiType"] == "CUSTOM" and ("version" in request or "releaseVersion" in request):
        raise invalid("You cannot specify a version or release version for a nodegroup with an image of its own.")
    release = request.get("releaseVersion", _release(version))
    if not release.startswith(f"{version}."):
        raise invalid(f"Requested release version {release} is not valid for kubernetes version {version}.")
    if record["amiType"] != "CUSTOM":
        record.update(version=version, releaseVersion=release)
        params["ReleaseVersion"] = release
    return _started(record, "VersionUpdate", params)


def _started(record: dict[str, Any], kind: str, params: dict[str, Any]) -> dict[str, Any]:
    record["modifiedAt"] = eks._now()
    planes.follow_group(cluster_of(record["clusterName"]), record)
    begin(record, "UPDATING")
    return {"update": record_update(kind, params, record["clusterName"], nodegroup=record["nodegroupName"])}


def _delete(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call.request["clusterName"])
    name = call.request["nodegroupName"]
    key = f"{cluster['name']}/{name}"
    record = _nodegroup(cluster["name"], name)
    if departing_record("nodegroup", key) or timing.is_running(record):
        raise in_use(f"Nodegroup {name} is in status {status_of(record)} and can't be deleted now")
    call.forwarded()
    planes.remove_group(cluster, name)
    others = [one for one in eks._nodegroups.values() if one["clusterName"] == cluster["name"]]
    if all(one["nodeRole"] != record["nodeRole"] for one in others):
        drop_node_entry(cluster, record["nodeRole"])
    depart("nodegroup", key, record)
    return {"nodegroup": shown(record)}


HANDLERS: dict[str, Handler] = {
    "CreateNodegroup": _create,
    "DescribeNodegroup": _describe,
    "ListNodegroups": _list,
    "UpdateNodegroupConfig": _update_config,
    "UpdateNodegroupVersion": _update_version,
    "DeleteNodegroup": _delete,
}
