# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster needs before anything of the platform runs in it: namespaces, classes, controllers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..helm_releases import is_rolled_out
from ..kubernetes_api import PART_OF_LABEL
from .base import Component, Search, listed

# By fact where the controller's Deployment is.
CONTROLLERS = {
    "load_balancer_controller": ("kube-system", "aws-load-balancer-controller"),
    "external_secrets": ("external-secrets-system", "external-secrets"),
}


def empty(_search: Search) -> dict[str, Any]:
    return {
        "namespaces": [],
        "storage_class": None,
        "ingress_class": None,
        "load_balancer_controller": {},
        "external_secrets": {},
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    namespaces = search.start_objects("v1", "Namespace")
    storage_classes = search.start_objects("storage.k8s.io/v1", "StorageClass")
    ingress_classes = search.start_objects("networking.k8s.io/v1", "IngressClass")
    deployments = {
        fact: search.start_objects(
            "apps/v1",
            "Deployment",
            namespace=namespace,
            name=name,
            labels={PART_OF_LABEL: search.scope.prefix},
            ours=False,
        )
        for fact, (namespace, name) in CONTROLLERS.items()
    }
    facts["namespaces"] = _names(namespaces.result())
    facts["storage_class"] = next(iter(_names(storage_classes.result())), None)
    facts["ingress_class"] = next(iter(_names(ingress_classes.result())), None)
    for fact, started in deployments.items():
        for deployment in started.result():
            facts[fact] = _controller(deployment)


def _names(items: list[dict]) -> list[str]:
    return [item["metadata"]["name"] for item in items if not item["metadata"].get("deletionTimestamp")]


def _controller(deployment: Mapping[str, Any]) -> dict[str, Any]:
    labels = deployment["metadata"].get("labels") or {}
    return {"version": labels.get("app.kubernetes.io/version"), "ready": is_rolled_out(deployment)}


def summary(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"namespaces {listed(facts['namespaces'])}"]
    lines.append(f"storage class {facts['storage_class'] or 'none'}, ingress class {facts['ingress_class'] or 'none'}")
    for title, fact in (
        ("load balancer controller", "load_balancer_controller"),
        ("external secrets", "external_secrets"),
    ):
        if controller := facts[fact]:
            lines.append(f"{title} {controller['version']}{'' if controller['ready'] else ', not ready'}")
    return lines


COMPONENT = Component(
    name="cluster_services",
    services=(),
    empty=empty,
    collect=collect,
    exists=lambda facts: bool(facts["namespaces"] and facts["load_balancer_controller"]),
    summary=summary,
)
