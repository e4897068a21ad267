# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is in a cluster, and what someone with kubectl's rights does to it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils import kubernetes_api, kubernetes_objects
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import (
    COMPONENT_LABEL,
    JSON_PATCH,
    PART_OF_LABEL,
    Kind,
)
from tests.support.playbook import PREFIX

MERGE = "application/merge-patch+json"
# As whom the tests write: as `kubectl edit` does.
EDITOR = "kubectl-edit"
# What controllers write into objects of ours, and is another value after each change.
OF_CONTROLLERS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")


class Api:
    """A cluster as its administrator has it. A kind is named by its name alone, such as Deployment."""

    def __init__(self, kubeconfig: Path):
        self.kubeconfig = kubeconfig
        self.api = kubernetes_api.connect(str(kubeconfig))

    def kind(self, name: str) -> Kind:
        found = next((kind for kind in self.api.kinds().values() if kind.kind == name), None)
        # One that has been installed since.
        return found or next(kind for kind in self.api.kinds(again=True).values() if kind.kind == name)

    def read(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        return self.api.read(self.kind(kind), name, namespace)

    def list(self, kind: str, namespace: str | None = None, **labels: str) -> list[dict[str, Any]]:
        return self.api.list(self.kind(kind), namespace, kubernetes_api.selector(labels))

    def ours(self, component: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """Objects that a component has made."""
        labels = kubernetes_api.marks(PREFIX, component)
        return [item for item in self.list(kind, namespace, **labels) if not item["metadata"].get("ownerReferences")]

    def edit(self, kind: str, name: str, patch: Mapping | list, namespace: str | None = None) -> dict[str, Any]:
        """Change it. A list is a JSON patch, anything else is merged."""
        return self.api.request(
            "PATCH",
            self.kind(kind).path(namespace, name),
            f"edit {name}",
            {"fieldManager": EDITOR},
            body=patch,
            content_type=JSON_PATCH if isinstance(patch, list) else MERGE,
        )

    def label(self, kind: str, name: str, namespace: str | None = None, **labels: str | None) -> None:
        """Add labels, or take away those that are None."""
        self.edit(kind, name, {"metadata": {"labels": labels}}, namespace)

    def create(self, item: Mapping[str, Any]) -> dict[str, Any]:
        kind = self.kind(item["kind"])
        path = kind.path(item["metadata"].get("namespace"))
        return self.api.request("POST", path, f"create {item['metadata']['name']}", {"fieldManager": EDITOR}, body=item)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete it, and wait until it has gone."""
        found = self.read(kind, name, namespace)
        assert found, f"there is no {kind} {name}"
        objects = kubernetes_objects.Objects(self.api, PREFIX, "", wait_timeout=60)
        objects.remove([kubernetes_objects.reference(found)])

    def everything(self, component: str | None = None) -> dict[str, dict[str, Any]]:
        """All that the platform, or a component of it, has made, without what changes by itself."""
        labels = {PART_OF_LABEL: PREFIX, **({COMPONENT_LABEL: component} if component else {})}
        found = {}
        for kind in {(kind.group, kind.kind): kind for kind in reversed(self.api.kinds(again=True).values())}.values():
            if {"list", "delete"} <= kind.verbs and (kind.group, kind.kind) not in kubernetes_objects.OF_CONTROLLERS:
                for item in self.api.list(kind, labels=kubernetes_api.selector(labels)):
                    if not item["metadata"].get("ownerReferences"):
                        found[kubernetes_objects.name_of(item)] = lasting(item)
        return found


def lasting(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object as far as it is declared, or follows from that."""
    item = copy.deepcopy(kubernetes_objects.compared(item))
    metadata = item["metadata"]
    for member in ("uid", "creationTimestamp"):
        metadata.pop(member, None)
    notes = metadata.pop("annotations", None) or {}
    notes = {key: value for key, value in notes.items() if key not in OF_CONTROLLERS}
    if item["kind"] == "Service":
        # One that was removed has another address.
        item["spec"] = {key: value for key, value in item["spec"].items() if key not in ("clusterIP", "clusterIPs")}
    return {**item, "metadata": {**metadata, **({"annotations": notes} if notes else {})}}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What the one has and the other has not, in lines."""
    lines = [f"{name} is gone" for name in before.keys() - after.keys()]
    lines += [f"{name} is new" for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            shown = kubernetes_objects.difference(before[name], after[name])
            lines.append(f"{name}: {shown['before']} became {shown['after']}")
    return sorted(lines)


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What a condition gives as soon as it holds."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it doesn't come about"
        time.sleep(0.1)
    return result
