# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The nodes of managed node groups, as they join a cluster on AWS; kwok plays them."""

from __future__ import annotations

import hashlib
import ipaddress
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .plane import Plane, PlaneError

_GROUP_LABEL = "eks.amazonaws.com/nodegroup"
_TYPE_LABEL = "node.kubernetes.io/instance-type"
# Which node of its group it is.
_NUMBER = "local-cloud/number"
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
# vCPUs and GiB per size, and GiB per vCPU by family, where a type is made as most are.
_VCPUS = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8, "t": 2, "x": 16}
_PODS = 58
_SLICE_PREFIX = 26


class Place(NamedTuple):
    """A subnet of a node group."""

    subnet_id: str
    zone: str
    block: str


class _Seat(NamedTuple):
    """What a node keeps for its life: its name, which has its address, and the addresses of its pods."""

    name: str
    pods: str


def follow(plane: Plane, group: Mapping[str, Any], places: Sequence[Place], instance_type: str) -> None:
    """Make the cluster's nodes those of this node group: its size, labels and taints.

    Nodes of another version or instance type are replaced, and surplus ones drained, new ones first.
    """
    everyone = plane.request("GET", "/api/v1/nodes")["items"]
    seats = [_Seat(node["metadata"]["name"], node["spec"].get("podCIDR", "")) for node in everyone]
    ours = [
        (node, seat)
        for node, seat in zip(everyone, seats, strict=True)
        if node["metadata"]["labels"].get(_GROUP_LABEL) == group["nodegroupName"]
    ]
    kept = {
        int(node["metadata"]["annotations"][_NUMBER]): seat
        for node, seat in ours
        if node["metadata"]["labels"][_TYPE_LABEL] == instance_type
        and node["status"]["nodeInfo"]["kubeletVersion"] == _kubelet_version(group)
    }
    wanted = set()
    for number in range(group["scalingConfig"]["desiredSize"]):
        place = places[number % len(places)]
        seat = kept.get(number) or _free_seat(place, seats, plane.region)
        seats.append(seat)
        wanted.add(seat)
        plane.apply("/api/v1/nodes", _node(plane, group, place, number, seat, instance_type))
    for _node_of_ours, seat in ours:
        if seat not in wanted:
            _remove(plane, seat.name)


def remove(plane: Plane, group_name: str) -> None:
    """Drain all nodes of a group and take them away."""
    answer = plane.request("GET", f"/api/v1/nodes?labelSelector={_GROUP_LABEL}%3D{group_name}")
    for node in answer["items"]:
        _remove(plane, node["metadata"]["name"])


def _remove(plane: Plane, name: str) -> None:
    """Drain a node and take it away; its pods are made elsewhere by who has made them."""
    cordon = {"spec": {"unschedulable": True}}
    plane.request("PATCH", f"/api/v1/nodes/{name}", cordon, "application/merge-patch+json", absent_ok=True)
    for pod in plane.request("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}")["items"]:
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        plane.request("DELETE", f"{path}?gracePeriodSeconds=0", absent_ok=True)
    plane.request("DELETE", f"/api/v1/nodes/{name}", absent_ok=True)


def _free_seat(place: Place, seats: Sequence[_Seat], region: str) -> _Seat:
    """A subnet's first part is for nodes, each other part for the pods of one of them."""
    block = ipaddress.IPv4Network(place.block)
    first, *others = block.subnets(new_prefix=min(32, max(_SLICE_PREFIX, block.prefixlen + 2)))
    # The first four addresses of a subnet are AWS's own.
    names = [f"ip-{str(address).replace('.', '-')}.{region}.compute.internal" for address in list(first)[4:-1]]
    free_names = [name for name in names if name not in {seat.name for seat in seats}]
    free_parts = [str(part) for part in others if str(part) not in {seat.pods for seat in seats}]
    if not free_names or not free_parts:
        raise PlaneError(f"{place.subnet_id} has no room for another node")
    # Not always the lowest ones: nobody shall rely on a name.
    return _Seat(random.choice(free_names), free_parts[0])


def _kubelet_version(group: Mapping[str, Any]) -> str:
    return f"v{group['version']}.0" if group["amiType"] == "CUSTOM" else f"v{group['releaseVersion'].partition('-')[0]}"


def _node(
    plane: Plane, group: Mapping[str, Any], place: Place, number: int, seat: _Seat, instance_type: str
) -> dict[str, Any]:
    architecture = "arm64" if "ARM_64" in group["amiType"] else "amd64"
    labels = {
        **group["labels"],
        "topology.kubernetes.io/region": plane.region,
        "topology.kubernetes.io/zone": place.zone,
        _TYPE_LABEL: instance_type,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": seat.name,
        _GROUP_LABEL: group["nodegroupName"],
        "eks.amazonaws.com/capacityType": group["capacityType"],
    }
    taints = [{**taint, "effect": _EFFECTS[taint["effect"]]} for taint in group["taints"]]
    cpus, memory = _size(instance_type)
    capacity = {"cpu": str(cpus), "memory": f"{memory}Gi", "pods": str(_PODS), "ephemeral-storage": "50Gi"}
    # A kubelet keeps some for itself and the system.
    allocatable = {**capacity, "cpu": f"{cpus * 1000 - 70}m", "memory": f"{memory * 1024 - 600}Mi"}
    instance_id = hashlib.sha256(f"{group['nodegroupArn']} {seat.name}".encode()).hexdigest()[:17]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": seat.name, "labels": labels, "annotations": {_NUMBER: str(number)}},
        "spec": {
            "providerID": f"aws:///{place.zone}/i-{instance_id}",
            "podCIDR": seat.pods,
            "podCIDRs": [seat.pods],
            **({"taints": taints} if taints else {}),
        },
        "status": {
            "capacity": capacity,
            "allocatable": allocatable,
            "nodeInfo": {
                "architecture": architecture,
                "operatingSystem": "linux",
                "kubeletVersion": _kubelet_version(group),
                "kubeProxyVersion": "",
                "osImage": "kwok",
                "kernelVersion": "kwok",
                "containerRuntimeVersion": "kwok",
                "bootID": "",
                "machineID": "",
                "systemUUID": "",
            },
        },
    }


def _size(instance_type: str) -> tuple[int, int]:
    family, _, size = instance_type.partition(".")
    number = size.removesuffix("xlarge")
    cpus = 4 * int(number) if number.isdigit() else _VCPUS.get(size, 2)
    return cpus, cpus * _GIB_PER_VCPU.get(family[:1], 4)
