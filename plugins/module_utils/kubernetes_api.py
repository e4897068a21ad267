# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API of a Kubernetes cluster, as our own modules ask it: objects by their kind, and what a failure means.

All requests of ours may be repeated: they read, or a write names the version or the very object that it is about. So
what passes by itself (a busy or restarting server, a lost connection, an admission webhook whose controller is still
starting) is tried again for a while. Objects are applied by kubernetes.core, not by this.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from .faults import ResourceError

try:
    import urllib3
    from urllib3 import exceptions as http_errors

    LOST: tuple = (http_errors.HTTPError, OSError)
except ImportError:  # the modules report the missing library
    LOST = (OSError,)

# Who applies what is declared: the field manager of every server-side apply.
MANAGER = "agent_platform.aws"
MANAGED_BY = {"app.kubernetes.io/managed-by": MANAGER}
PART_OF_LABEL = "app.kubernetes.io/part-of"
COMPONENT_LABEL = "agent-platform.aws/component"

CONNECT_SECONDS, READ_SECONDS = 5.0, 35.0
# Seconds for which what may pass by itself is tried again. A controller whose webhook isn't reached yet takes a minute.
PATIENCE = 120.0
LONGEST_PAUSE = 10.0
# Requests at a time.
REQUESTS_AT_ONCE = 8
PAGE = 500
# All kinds that the API serves, in one answer (since Kubernetes 1.30).
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
JSON, APPLY, JSON_PATCH = "application/json", "application/apply-patch+yaml", "application/json-patch+json"
# What the API server says of an admission webhook that it doesn't reach. One that refuses says "denied the request".
WEBHOOK_OUT_OF_REACH = "failed calling webhook"


def marks(part_of: str, component: str) -> dict[str, str]:
    """The labels of what a component of the platform has in the cluster."""
    return {**MANAGED_BY, PART_OF_LABEL: part_of, COMPONENT_LABEL: component}


def selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


@dataclass(frozen=True)
class Answer:
    """What the server has answered to one request."""

    status: int
    body: bytes
    retry_after: float | None = None


class ApiError(ResourceError):
    """The API server has refused a request, or fails. reason: as Kubernetes names it, such as NotFound."""

    def __init__(self, status: int, reason: str, said: str, doing: str):
        super().__init__(f"Could not {doing}: {said.rstrip('.')}. {_remedy(status, reason, said)}".strip())
        self.status = status
        self.reason = reason
        self.said = said

    @property
    def passes(self) -> bool:
        """Whether it may pass by itself."""
        return passes(self.status, self.reason, self.said)


class Unreachable(ResourceError):
    """There is no answer from the API server."""


def passes(status: int, reason: str, said: str) -> bool:
    """Whether a refusal may pass by itself."""
    if status == 409:
        return reason == "Conflict" and "uid" not in said.lower()
    # A webhook's own refusal may have any status.
    return status == 429 or (status >= 500 and status != 501) or WEBHOOK_OUT_OF_REACH in said


def _remedy(status: int, reason: str, said: str) -> str:
    if status == 401:
        return "The cluster doesn't know who runs this: give the run's role an access entry (eks_access_entries)."
    if "is being terminated" in said:
        return "Wait until it has gone, and run again."
    if status == 403:
        return "The access entry of the run's role must have the policy AmazonEKSClusterAdminPolicy."
    if WEBHOOK_OUT_OF_REACH in said:
        return "The controller behind this webhook doesn't answer: look at its pods, and run again."
    if passes(status, reason, said):
        return "Run again: what was done is found and kept."
    return ""


@dataclass(frozen=True)
class Kind:
    """A kind of objects that the API serves. plural: its name in paths."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        return "/" + "/".join(quote(part, safe="") for part in (*parts, self.plural, *([name] if name else [])))


Send = Callable[..., Answer]


class Api:
    """The API of one cluster. send: makes one request, see Connection; patience: seconds, see PATIENCE."""

    def __init__(self, send: Send, patience: float = PATIENCE):
        self.send = send
        self.patience = patience
        self._kinds: dict[tuple[str, str, str], Kind] | None = None
        self._lock = threading.Lock()

    # ---- Requests

    def request(
        self,
        method: str,
        path: str,
        doing: str,
        query: Mapping[str, Any] | None = None,
        conflicts: bool = True,
        patience: float | None = None,
        **sent: Any,
    ) -> dict[str, Any]:
        """The answer to a request, which is repeated as long as its failure may pass.

        doing: what it is for, as in "Could not <doing>". conflicts: whether it may be repeated as it is when someone
        else has written at that moment. patience: seconds, where it isn't that of all. sent: body, content_type and
        accept.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        since, attempt = time.monotonic(), 0
        while True:
            try:
                answer = self.send(method, target, **sent)
            except LOST as error:
                failure: ResourceError = Unreachable(
                    f"Could not {doing}: the cluster's API doesn't answer ({_words(error)}). Check the way to it "
                    "(platform_cluster_access), and run again.",
                    error,
                )
                may_pass, pause = not _is_certificate(error), None
            else:
                if answer.status < 400:
                    return json.loads(answer.body or b"{}")
                failure = _refusal(answer, doing)
                may_pass, pause = failure.passes and (conflicts or failure.status != 409), answer.retry_after
            attempt += 1
            pause = min(pause or random.uniform(0.5, 1.0) * 0.5 * 2.0**attempt, LONGEST_PAUSE)
            if not may_pass or time.monotonic() - since + pause > (self.patience if patience is None else patience):
                raise failure
            time.sleep(pause)

    # ---- Kinds

    def kinds(self, again: bool = False) -> dict[tuple[str, str, str], Kind]:
        """All kinds that are served, by group, version and kind."""
        with self._lock:
            if self._kinds is None or again:
                found = {}
                for path in ("/api", "/apis"):
                    answer = self.request("GET", path, "ask the cluster what it serves", accept=DISCOVERY)
                    for kind in _served(answer):
                        # Where two names have one kind the first is it; the others are views.
                        found.setdefault((kind.group, kind.version, kind.kind), kind)
                self._kinds = found
            return self._kinds

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """The kind, or None where the cluster doesn't serve it."""
        group, _slash, version = api_version.rpartition("/")
        return self.kinds().get((group, version, kind))

    # ---- Objects

    def read(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """An object, or None if there is none."""
        try:
            return self.request("GET", kind.path(namespace, name), f"read {title(kind.kind, name, namespace)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(self, kind: Kind, item: Mapping[str, Any], dry_run: bool) -> dict[str, Any]:
        """The object as a server-side apply leaves it."""
        metadata = item["metadata"]
        query = {
            "fieldManager": MANAGER,
            "force": "true",
            "fieldValidation": "Strict",
            **({"dryRun": "All"} if dry_run else {}),
        }
        path = kind.path(metadata.get("namespace"), metadata["name"])
        doing = f"apply {title(kind.kind, metadata['name'], metadata.get('namespace'))}"
        return self.request("PATCH", path, doing, query, body=item, content_type=APPLY)

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        **how: Any,
    ) -> list[dict[str, Any]]:
        """All objects of a kind, of all namespaces where none is given. labels, fields: selectors. how: see request."""
        found: list[dict[str, Any]] = []
        query = {"limit": PAGE, **({"labelSelector": labels} if labels else {})}
        if fields:
            query["fieldSelector"] = fields
        while True:
            answer = self.request("GET", kind.path(namespace), f"list {kind.plural}", query, **how)
            # The items of a list don't say what they are.
            found += [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in answer.get("items") or []]
            query["continue"] = (answer.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return found


def _served(answer: Mapping[str, Any]) -> Iterable[Kind]:
    for group in answer.get("items") or []:
        for version in group.get("versions") or []:
            for resource in version.get("resources") or []:
                # A view of another kind, such as a Scale, has that one's group.
                told = resource.get("responseKind") or {}
                yield Kind(
                    group=(group.get("metadata") or {}).get("name", ""),
                    version=version["version"],
                    kind=told.get("kind", ""),
                    plural=resource["resource"],
                    namespaced=resource.get("scope") == "Namespaced",
                    verbs=frozenset(resource.get("verbs") or []),
                )


def _refusal(answer: Answer, doing: str) -> ApiError:
    text = answer.body.decode(errors="replace").strip()
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    said = str(told.get("message") or text[:300] or f"status {answer.status}")
    return ApiError(answer.status, str(told.get("reason") or ""), said.replace("\n", " "), doing)


def _words(error: BaseException) -> str:
    """The cause of a lost connection, without what urllib3 wraps it in."""
    while (inner := getattr(error, "reason", None)) is not None and isinstance(inner, BaseException):
        error = inner
    text = str(error).partition(">: ")
    return text[2] or text[0] or type(error).__name__


def _is_certificate(error: BaseException) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error) or "Hostname mismatch" in str(error)


def title(kind: str, name: str, namespace: str | None = None) -> str:
    """An object in messages."""
    return f"{kind} {name} in {namespace}" if namespace else f"{kind} {name}"


def connect(kubeconfig: str, patience: float = PATIENCE, seconds: float = READ_SECONDS) -> Api:
    """The API that a kubeconfig leads to. seconds: how long an answer may take."""
    from kubernetes import config

    try:
        client = config.new_client_from_config(config_file=kubeconfig)
    except (config.ConfigException, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResourceError(f"The kubeconfig {kubeconfig} can't be used: {error}", error) from error
    return Api(Connection(client, seconds), patience)


class Connection:
    """Makes requests with a client of the library kubernetes, which knows the kubeconfig and renews the token."""

    def __init__(self, client: Any, seconds: float = READ_SECONDS):
        self.configuration = client.configuration
        self.pool = client.rest_client.pool_manager
        self.timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds)
        self.lock = threading.Lock()

    def __call__(
        self, method: str, target: str, body: Any = None, content_type: str = JSON, accept: str = JSON
    ) -> Answer:
        with self.lock:  # a token is renewed once
            headers = {
                setting["key"]: setting["value"]
                for setting in self.configuration.auth_settings().values()
                if setting["in"] == "header"
            }
        headers |= {"Accept": accept, "User-Agent": MANAGER}
        if body is not None:
            headers["Content-Type"] = content_type
        response = self.pool.request(
            method,
            self.configuration.host.rstrip("/") + target,
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=self.timeout,
            retries=False,
        )
        told = response.headers.get("Retry-After", "")
        return Answer(response.status, response.data, float(told) if told.isdecimal() else None)
