# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster is prepared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.cluster.objects import Api

NAMESPACES = ["agents", "gateways", "observability", "observability-nodes"]
CONTROLLER = "aws-load-balancer-controller"
SUMMARY = "load balancer controller v3.5.0"
SECURITY = "pod-security.kubernetes.io/"
DEFAULT = "storageclass.kubernetes.io/is-default-class"


def check_discovery(api: Api, facts: dict[str, Any]) -> None:
    assert facts["namespaces"] == NAMESPACES
    assert (facts["storage_class"], facts["ingress_class"]) == ("gp3", "alb")
    deployment = api.read("Deployment", CONTROLLER, "kube-system")
    assert deployment["status"]["availableReplicas"] == 2
    assert facts["load_balancer_controller"] == {"version": "v3.5.0", "ready": True}
    assert facts["external_secrets"] == {}


def _edit(kind: str, name: str, patch: dict | list, namespace: str | None = None) -> Callable[[Api], Any]:
    return lambda api: api.edit(kind, name, patch, namespace)


def _delete(kind: str, name: str, namespace: str | None = None) -> Callable[[Api], Any]:
    return lambda api: api.delete(kind, name, namespace)


CONTAINER = "/spec/template/spec/containers/0"
# On other objects than those that the harms of kinds are done to.
HARMS: dict[str, Callable[[Api], Any]] = {
    "no Pod Security": lambda api: api.label("Namespace", "gateways", **{f"{SECURITY}enforce": None}),
    "the readiness gates of a namespace": lambda api: api.label(
        "Namespace", "gateways", **{"elbv2.k8s.aws/pod-readiness-gate-inject": None}
    ),
    "traffic to anywhere": _edit("NetworkPolicy", "allow-aws", {"spec": {"egress": [{}]}}, "observability"),
    "traffic that nobody denies": _delete("NetworkPolicy", "default-deny", "gateways"),
    "a quota less": _edit(
        "ResourceQuota", "platform", [{"op": "remove", "path": "/spec/hard/services.loadbalancers"}], "gateways"
    ),
    "limits that containers get": _edit("LimitRange", "platform", {"spec": {"limits": [{"type": "Pod"}]}}, "agents"),
    "volumes that can't grow": _edit("StorageClass", "gp3", {"allowVolumeExpansion": False}),
    "a class of priority": _delete("PriorityClass", "platform-agents"),
    "what load balancers lead to": _edit("IngressClassParams", "alb", {"spec": {"targetType": "instance"}}),
    "a class of load balancers": _delete("IngressClass", "alb"),
    "pods of the controller": _edit("Deployment", CONTROLLER, {"spec": {"replicas": 3}}, "kube-system"),
    "an argument of the controller": _edit(
        "Deployment",
        CONTROLLER,
        [{"op": "replace", "path": f"{CONTAINER}/args/0", "value": "--cluster-name=else"}],
        "kube-system",
    ),
    "the controller's budget": _delete("PodDisruptionBudget", CONTROLLER, "kube-system"),
    "the controller's role": _edit(
        "ServiceAccount",
        CONTROLLER,
        {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": None}}},
        "kube-system",
    ),
    "what the controller may do": _edit("ClusterRole", f"{CONTROLLER}-role", [{"op": "remove", "path": "/rules/0"}]),
}
