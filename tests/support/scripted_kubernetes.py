# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Kubernetes API for unit tests: it serves the objects that it is given, and fails as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import Answer, Api

# Kinds without a namespace; all others have one.
CLUSTER_WIDE = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "IngressClass": "ingressclasses",
    "Namespace": "namespaces",
    "PriorityClass": "priorityclasses",
    "StorageClass": "storageclasses",
}
# Of the names in paths those that aren't the kind's with an s.
PLURALS = {**CLUSTER_WIDE, "Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def failure(status: int, reason: str, message: str, retry_after: float | None = None) -> Answer:
    """What the server says of a request that it refuses."""
    told = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status}
    return Answer(status, json.dumps(told).encode(), retry_after)


class ScriptedKubernetes:
    """Serves objects by list and by name, with selectors of labels.

    answers: called with method, path, query and body before anything is served; what it returns is the answer, and an
    exception is raised. kinds: (api_version, kind) that are served besides those of the objects.
    """

    def __init__(
        self,
        objects: Iterable[Mapping[str, Any]] = (),
        answers: Callable[[str, str, dict, Any], Answer | Mapping | Exception | None] | None = None,
        kinds: Iterable[tuple[str, str]] = (),
    ):
        self.objects = [dict(item) for item in objects]
        self.answers = answers
        self.kinds = {*kinds, *((item["apiVersion"], item["kind"]) for item in self.objects)}
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.lock = threading.Lock()

    def api(self, patience: float = 0.0) -> Api:
        return Api(self.send, patience)

    def send(self, method: str, target: str, body: Any = None, **_headers: str) -> Answer:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self.lock:
            self.requests.append((method, parts.path, query, body))
            told = self.answers(method, parts.path, query, body) if self.answers else None
        if isinstance(told, Exception):
            raise told
        if told is None:
            told = self._serve(method, parts.path, query)
        return told if isinstance(told, Answer) else Answer(200, json.dumps(told).encode())

    def asked(self, *methods: str) -> list[tuple[str, str]]:
        """Method and path of what was asked, but for what is served."""
        return [
            (method, path)
            for method, path, _query, _body in self.requests
            if path not in ("/api", "/apis") and (not methods or method in methods)
        ]

    def _serve(self, method: str, path: str, query: Mapping[str, str]) -> Any:
        if path in ("/api", "/apis"):
            return self._discovery(core=path == "/api")
        # Both ways to write it: /api/v1/..., /apis/<group>/<version>/...
        first, *rest = path.strip("/").split("/")
        version, rest = (rest[0], rest[1:]) if first == "api" else ("/".join(rest[:2]), rest[2:])
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        found = [
            item
            for item in self.objects
            if item["apiVersion"] == version
            and plural(item["kind"]) == rest[0]
            and namespace in (None, item["metadata"].get("namespace"))
        ]
        if len(rest) > 1:
            one = next((item for item in found if item["metadata"]["name"] == rest[1]), None)
            return one or failure(404, "NotFound", f'{rest[0]} "{rest[1]}" not found')
        assert method == "GET", f"{method} {path} has no answer"
        wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
        field = query.get("fieldSelector", "").removeprefix("metadata.name=")
        return {
            "items": [
                {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
                for item in found
                if wanted.items() <= (item["metadata"].get("labels") or {}).items()
                and field in ("", item["metadata"]["name"])
            ]
        }

    def _discovery(self, core: bool) -> dict:
        items: list[dict] = []
        for api_version, kind in sorted(self.kinds):
            group, _slash, version = api_version.rpartition("/")
            if core is not (group == ""):
                continue
            resource = {
                "resource": plural(kind),
                "responseKind": {"group": group, "version": version, "kind": kind},
                "scope": "Cluster" if kind in CLUSTER_WIDE else "Namespaced",
                "verbs": VERBS,
            }
            items.append({"metadata": {"name": group}, "versions": [{"version": version, "resources": [resource]}]})
        return {"kind": "APIGroupDiscoveryList", "items": items}


def plural(kind: str) -> str:
    return PLURALS.get(kind, f"{kind.lower()}s")
