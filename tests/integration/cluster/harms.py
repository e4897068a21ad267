# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done by hand to objects of every component alike: each kind labelled, changed where it can be, removed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .objects import Api

Patch = Mapping[str, Any] | list[Any]
HAND = "by-hand"
RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
SUBJECT = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": HAND}
# Of these one is removed, where there are several, so that another has the change.
REMOVED = (
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "LimitRange",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
)


def _variable(item: Mapping[str, Any]) -> Patch:
    """A variable of the environment more."""
    path, added = "/spec/template/spec/containers/0/env", {"name": "BY_HAND", "value": "1"}
    there = "env" in item["spec"]["template"]["spec"]["containers"][0]
    return [{"op": "add", "path": f"{path}/-" if there else path, "value": added if there else [added]}]


# By kind: a change that people make, of the object as it is.
CHANGES: dict[str, Callable[[Mapping[str, Any]], Patch | None]] = {
    "ConfigMap": lambda item: None if item.get("immutable") else {"data": {"BY_HAND": "1"}},
    "ClusterRole": lambda _item: [{"op": "add", "path": "/rules/-", "value": RULE}],
    "ClusterRoleBinding": lambda _item: [{"op": "add", "path": "/subjects/-", "value": SUBJECT}],
    "DaemonSet": _variable,
    "Deployment": _variable,
    "HorizontalPodAutoscaler": lambda item: {"spec": {"maxReplicas": item["spec"]["maxReplicas"] + 1}},
    "Ingress": lambda _item: {"metadata": {"annotations": {HAND: "1"}}},
    "Namespace": lambda _item: {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
    "NetworkPolicy": lambda _item: {"spec": {"ingress": [{}]}},
    "ResourceQuota": lambda _item: {"spec": {"hard": {"count/jobs.batch": "999"}}},
    "Role": lambda _item: [{"op": "add", "path": "/rules/-", "value": RULE}],
    "RoleBinding": lambda _item: [{"op": "add", "path": "/subjects/-", "value": SUBJECT}],
    "Service": lambda _item: [{"op": "add", "path": "/spec/ports/-", "value": {"name": HAND, "port": 8181}}],
    "StorageClass": lambda _item: {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "no"}}},
}


def of_kinds(api: Api, component: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """By name, what is done to the objects of a component."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for item in api.everything(component).values():
        by_kind.setdefault(item["kind"], []).append(item)
    for kind, items in sorted(by_kind.items()):
        first, last = items[0], items[-1]
        patch = CHANGES[kind](first) if kind in CHANGES else None
        if patch is not None:
            yield f"{kind} changed", functools.partial(api.edit, kind, *_where(first, patch))
        yield (
            f"{kind} labelled",
            functools.partial(api.edit, kind, *_where(first, {"metadata": {"labels": {HAND: "1"}}})),
        )
        if kind in REMOVED and last is not first:
            yield f"{kind} removed", functools.partial(api.delete, kind, last["metadata"]["name"], _namespace(last))


def _namespace(item: Mapping[str, Any]) -> str | None:
    return item["metadata"].get("namespace")


def _where(item: Mapping[str, Any], patch: Patch) -> tuple[str, Patch, str | None]:
    return item["metadata"]["name"], patch, _namespace(item)
