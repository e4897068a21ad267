# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways and the load balancer before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.cluster.objects import Api
from tests.support.components import shared

NAMESPACE = "gateways"
NAMES = [gateway["name"] for gateway in shared()["platform_gateways"]]
LLM, MEMORY, RETRIEVAL = NAMES
SUMMARY = f"{LLM} 2/2 pods ready"
ALB = "alb.ingress.kubernetes.io/"
CONTAINER = "/spec/template/spec/containers/0"
ELSEWHERE = {"ipBlock": {"cidr": "0.0.0.0/0"}}


def check_discovery(api: Api, facts: dict[str, Any]) -> None:
    assert list(facts["gateways"]) == NAMES
    for name, told in facts["gateways"].items():
        deployment = api.read("Deployment", name, NAMESPACE)
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        address = api.read("Ingress", name, NAMESPACE)["status"]["loadBalancer"]["ingress"][0]["hostname"]
        assert told == {
            "namespace": NAMESPACE,
            "image": container["image"],
            "replicas": 2,
            "ready": 2,
            "path": f"/api/{name}",
            "url": f"http://{address}/api/{name}",
        }
        assert facts["load_balancer_dns_name"] == address
    assert (facts["load_balancer_state"], facts["load_balancer_scheme"]) == ("active", "internal")
    assert facts["url"] == f"http://{facts['load_balancer_dns_name']}"


def _edit(kind: str, name: str, patch: dict | list) -> Callable[[Api], Any]:
    return lambda api: api.edit(kind, name, patch, NAMESPACE)


def _delete(kind: str, name: str) -> Callable[[Api], Any]:
    return lambda api: api.delete(kind, name, NAMESPACE)


def _set(kind: str, name: str, path: str, value: Any) -> Callable[[Api], Any]:
    return _edit(kind, name, [{"op": "replace", "path": path, "value": value}])


def settings(api: Api, name: str) -> str:
    """The name of the ConfigMap with what a gateway is told."""
    (container,) = api.read("Deployment", name, NAMESPACE)["spec"]["template"]["spec"]["containers"]
    return container["envFrom"][0]["configMapRef"]["name"]


HARMS: dict[str, Callable[[Api], Any]] = {
    "how many pods there are": _edit("Deployment", MEMORY, {"spec": {"replicas": 3}}),
    "an image": _set("Deployment", LLM, f"{CONTAINER}/image", "images.example/llm-gateway:0.9"),
    "a variable of the pods": _edit(
        "Deployment",
        RETRIEVAL,
        [{"op": "add", "path": f"{CONTAINER}/env", "value": [{"name": "LOG_LEVEL", "value": "debug"}]}],
    ),
    "a pod that may become root": _set(
        "Deployment", RETRIEVAL, f"{CONTAINER}/securityContext/readOnlyRootFilesystem", False
    ),
    "a limit": _set("Deployment", MEMORY, f"{CONTAINER}/resources/limits/memory", "4Gi"),
    "a probe": _set("Deployment", MEMORY, f"{CONTAINER}/readinessProbe/httpGet/path", "/"),
    "time to drain": _set("Deployment", LLM, "/spec/template/spec/terminationGracePeriodSeconds", 300),
    "pods that may be missing in an update": _set(
        "Deployment", LLM, "/spec/strategy/rollingUpdate/maxUnavailable", "50%"
    ),
    "a label": lambda api: api.label("Deployment", LLM, NAMESPACE, **{"app.kubernetes.io/name": "other"}),
    "a label more": lambda api: api.label("Service", LLM, NAMESPACE, team="strangers"),
    "a label of the platform": lambda api: api.label(
        "PodDisruptionBudget", LLM, NAMESPACE, **{"agent-platform.aws/component": None}
    ),
    "what a gateway is told": lambda api: api.delete("ConfigMap", settings(api, MEMORY), NAMESPACE),
    "its role": _edit("ServiceAccount", LLM, {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "x"}}}),
    "a token for the API of the cluster": _edit("ServiceAccount", MEMORY, {"automountServiceAccountToken": True}),
    "who reaches it": _edit(
        "NetworkPolicy", LLM, [{"op": "add", "path": "/spec/ingress/0/from/-", "value": ELSEWHERE}]
    ),
    "whom it reaches": _edit("NetworkPolicy", RETRIEVAL, {"spec": {"egress": [{"to": [ELSEWHERE]}]}}),
    "no policy": _delete("NetworkPolicy", MEMORY),
    "a port of a service": _set("Service", LLM, "/spec/ports/0/port", 8080),
    "no budget": _delete("PodDisruptionBudget", MEMORY),
    "most pods": _edit("HorizontalPodAutoscaler", LLM, {"spec": {"maxReplicas": 60}}),
    "no autoscaler": _delete("HorizontalPodAutoscaler", RETRIEVAL),
    "a health check": _edit("Ingress", LLM, {"metadata": {"annotations": {f"{ALB}healthcheck-path": "/"}}}),
    "a path": _set("Ingress", RETRIEVAL, "/spec/rules/0/http/paths/0/path", "/"),
    "an address more": _edit(
        "Ingress", MEMORY, {"metadata": {"annotations": {f"{ALB}conditions.memory-gateway": "[]"}}}
    ),
}
