# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects that a component of the platform has in the cluster, compared with those that are declared.

What an apply would change the API server says itself, by a dry run of it: so defaults, units and conversions are its
own. What someone has added it would leave; managed_fields.py finds that. Objects that nobody declares any more are
known by the labels of their component.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import managed_fields
from .faults import ResourceError
from .kubernetes_api import (
    COMPONENT_LABEL,
    JSON,
    JSON_PATCH,
    LONGEST_PAUSE,
    MANAGED_BY,
    MANAGER,
    PART_OF_LABEL,
    REQUESTS_AT_ONCE,
    Api,
    ApiError,
    Kind,
    marks,
    selector,
    title,
)

Object = Mapping[str, Any]
Given = TypeVar("Given")
Told = TypeVar("Told")

# Given "true" in an object's annotations, it is deleted and made anew where it can't be changed in place.
REPLACE = "agent-platform.aws/replace"
# In which order kinds are applied; all others come between these and LAST. They are removed the other way round.
FIRST = (
    ("Namespace",),
    ("CustomResourceDefinition",),
    ("PriorityClass", "StorageClass", "IngressClass", "RuntimeClass", "ResourceQuota", "LimitRange", "NetworkPolicy"),
    ("ServiceAccount", "ClusterRole", "Role"),
    ("ClusterRoleBinding", "RoleBinding"),
    ("ConfigMap", "Secret", "PersistentVolumeClaim"),
    ("Service", "PodDisruptionBudget"),
)
LAST = (
    ("Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob"),
    ("HorizontalPodAutoscaler",),
    # Load balancers follow from them, and go with them.
    ("Ingress",),
)
MIDDLE = len(FIRST)
RANKS = {
    **{kind: rank for rank, kinds in enumerate(FIRST) for kind in kinds},
    **{kind: MIDDLE + 1 + rank for rank, kinds in enumerate(LAST) for kind in kinds},
}
# Kinds that controllers make of others and give these ones' labels, or that nobody makes by declaring them.
OF_CONTROLLERS = frozenset(
    {
        ("", "Endpoints"),
        ("", "Event"),
        ("", "Node"),
        ("", "PersistentVolume"),
        ("", "Pod"),
        ("apps", "ControllerRevision"),
        ("apps", "ReplicaSet"),
        ("coordination.k8s.io", "Lease"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("events.k8s.io", "Event"),
        ("storage.k8s.io", "CSINode"),
        ("storage.k8s.io", "VolumeAttachment"),
    }
)
# What is in a namespace that someone would miss.
MISSED = (("v1", "Pod"), ("v1", "PersistentVolumeClaim"))
# How the API server says that something can't be changed, of which each kind has its own words.
IMMUTABLE = re.compile(
    r"immutable|updates to .{1,200} are forbidden|may not be changed|cannot change roleRef|can(?:'|no)t be changed"
    r"|cannot be updated",
    re.IGNORECASE,
)
# Seconds for which kinds are tried again of which nothing is declared.
OTHERS_PATIENCE = 3.0
METADATA = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# Metadata that each write changes, or that says who wrote.
BOOKKEEPING = ("managedFields", "resourceVersion", "generation")
HIDDEN_OLD, HIDDEN_NEW = "(not shown)", "(not shown, another value)"
MOST_FAULTS = 5


def rank(item: Object) -> int:
    return RANKS.get(item["kind"], MIDDLE)


def name_of(item: Object) -> str:
    metadata = item["metadata"]
    return title(item["kind"], metadata["name"], metadata.get("namespace"))


def key_of(item: Object) -> tuple[str, str, str, str]:
    """What an object is, in whichever version of its group it is written."""
    group = item["apiVersion"].rpartition("/")[0]
    return group, item["kind"], item["metadata"].get("namespace") or "", item["metadata"]["name"]


def reference(item: Object) -> dict[str, Any]:
    """What says which object is meant, and no other of its name."""
    metadata = item["metadata"]
    return {
        "api_version": item["apiVersion"],
        "kind": item["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata.get("uid"),
    }


@dataclass
class Finding:
    """What is to be done about one declared object. now, then: how it is, and will be.

    extra: fields that others have set, to be taken away. replace: it is to be deleted and made anew. waits: it can't be
    tried yet, as its namespace or kind isn't there.
    """

    definition: dict[str, Any]
    now: dict[str, Any] = field(default_factory=dict)
    then: dict[str, Any] = field(default_factory=dict)
    extra: list[managed_fields.Path] = field(default_factory=list)
    replace: bool = False
    waits: bool = False

    @property
    def differs(self) -> bool:
        return self.waits or self.replace or bool(self.extra) or compared(self.now) != compared(self.then)


def compared(item: Object) -> dict[str, Any]:
    """An object without what each write changes. Its status is never declared."""
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in BOOKKEEPING}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata} if item else {}


def overlaid(item: Any, over: Any) -> Any:
    """An object with what is declared of it, where the server can't say how it will be."""
    if isinstance(item, Mapping) and isinstance(over, Mapping):
        return {**item, **{key: overlaid(item.get(key), value) for key, value in over.items()}}
    return over


class Objects:
    """The objects of one component."""

    def __init__(
        self,
        api: Api,
        part_of: str,
        component: str,
        check_mode: bool = False,
        wait_timeout: float = 300.0,
    ):
        self.api = api
        self.marks = marks(part_of, component)
        self.part_of = part_of
        self.component = component
        self.check_mode = check_mode
        self.wait_timeout = wait_timeout

    # ---- What is declared

    def look(self, definitions: Iterable[Object]) -> tuple[list[Finding], list[dict[str, Any]]]:
        """What is to be done about each of the declared objects, and those of the component that aren't declared."""
        declared = sorted(
            ({**item, "metadata": {**item["metadata"], "labels": self._labels(item)}} for item in definitions), key=rank
        )
        there = self._ours(declared)
        found: list[Finding] = []
        # Nothing can be tried in a namespace that isn't there yet, or is on its way out.
        for of_this_rank in (
            [item for item in declared if rank(item) == 0],
            [item for item in declared if rank(item) > 0],
        ):
            new = {name_of(finding.definition) for finding in found if not finding.now or finding.replace}
            found += self._each(lambda item, new=new: self._finding(item, there, new), of_this_rank)
        known = {key_of(item) for item in declared}
        return found, sorted((item for key, item in there.items() if key not in known), key=rank, reverse=True)

    def _labels(self, item: Object) -> dict[str, str]:
        return {**(item["metadata"].get("labels") or {}), **self.marks}

    def _ours(self, declared: Iterable[Object]) -> dict[tuple[str, str, str, str], dict[str, Any]]:
        """What bears the labels of the component, of all kinds that can be listed and deleted.

        What goes with its owner doesn't count; what is being deleted already does, until it has gone.
        """
        wanted = {(item["apiVersion"], item["kind"]) for item in declared}
        listed: dict[tuple[str, str], Kind] = {}
        for kind in self.api.kinds().values():
            if (kind.group, kind.kind) not in OF_CONTROLLERS and {"list", "delete"} <= kind.verbs:
                at = (kind.group, kind.kind)
                # The version that is declared, or else the one that the server prefers.
                if at not in listed or (kind.api_version, kind.kind) in wanted:
                    listed[at] = kind

        def of_kind(kind: Kind) -> list[dict[str, Any]]:
            whole = (kind.api_version, kind.kind) in wanted
            # Of others the names will do, and what serves them, such as a webhook of their own, may be out of order.
            how = {} if whole else {"accept": METADATA, "patience": OTHERS_PATIENCE}
            try:
                return self.api.list(kind, labels=selector(self.marks), **how)
            except ApiError as error:
                # What may not be seen hasn't been made by us either.
                if not whole and (error.status in (403, 404, 405) or error.status >= 500):
                    return []
                raise

        found = [item for items in self._each(of_kind, listed.values()) for item in items]
        return {key_of(item): item for item in found if not item["metadata"].get("ownerReferences")}

    def _finding(self, item: dict[str, Any], there: Mapping, new: Iterable[str]) -> Finding:
        finding = Finding(item)
        kind = self.api.kind(item["apiVersion"], item["kind"])
        if kind is None:
            if not self.check_mode:
                kind = self._served(item)
            if kind is None:
                return self._unseen(finding)
        name, namespace = item["metadata"]["name"], item["metadata"].get("namespace")
        now = there.get(key_of(item)) or self.api.read(kind, name, namespace)
        if now:
            self._refuse_foreign(now)
            if now["metadata"].get("deletionTimestamp"):
                # One that is on its way out can't be kept.
                now = now if self.check_mode else self._gone(kind, now)
        finding.now = now or {}
        if now is None and namespace and title("Namespace", namespace) in new:
            return self._unseen(finding)
        try:
            finding.then = self.api.apply(kind, item, dry_run=True)
        except ApiError as error:
            return self._not_applied(finding, error)
        finding.extra = managed_fields.added(finding.then) if now else []
        if finding.extra:
            finding.then = managed_fields.without(finding.then, finding.extra)
        return finding

    def _unseen(self, finding: Finding) -> Finding:
        finding.waits, finding.then = True, finding.definition
        return finding

    def _served(self, item: Object) -> Kind | None:
        """The kind, which what was installed a moment ago may serve in another; an error when it doesn't in time."""
        deadline = time.monotonic() + self.api.patience
        while True:
            self.api.kinds(again=True)
            if kind := self.api.kind(item["apiVersion"], item["kind"]):
                return kind
            if time.monotonic() + 2 > deadline:
                raise ResourceError(
                    f"{name_of(item)}: the cluster doesn't serve {item['kind']} of {item['apiVersion']}. Install what "
                    "brings that kind (an add-on, a chart), or look why it hasn't."
                )
            time.sleep(2)

    def _not_applied(self, finding: Finding, error: ApiError) -> Finding:
        """What it means that an apply was refused."""
        item = finding.definition
        namespace = item["metadata"].get("namespace")
        if error.status == 404 and namespace and not finding.now:
            if self.check_mode:
                return self._unseen(finding)
            raise ResourceError(f"{name_of(item)}: there is no namespace {namespace}. Run what makes it first.")
        if finding.now and error.status == 422 and IMMUTABLE.search(error.said):
            if (item["metadata"].get("annotations") or {}).get(REPLACE) == "true":
                finding.replace, finding.then = True, item
                return finding
            place = f" -n {namespace}" if namespace else ""
            raise ResourceError(
                f"{name_of(item)} can't be changed in place: {error.said.rstrip('.')}. Delete it (kubectl delete "
                f"{item['kind'].lower()} {item['metadata']['name']}{place}), and run again.",
                error,
            )
        if finding.now and error.status == 422 and (extra := managed_fields.added(finding.now)):
            # What someone has set is in the way of what is declared, such as a port of the same name. It goes first.
            finding.extra = extra
            finding.then = overlaid(managed_fields.without(finding.now, extra), item)
            return finding
        raise error

    def _refuse_foreign(self, now: Object) -> None:
        """Refuse what isn't ours. One that we have applied is, though someone may have taken a label or changed it."""
        labels = now["metadata"].get("labels") or {}
        lost = {key: value for key, value in self.marks.items() if labels.get(key) != value}
        if not lost:
            return
        applied = bool(managed_fields.ours(now))
        theirs = {
            key: labels[key]
            for key in lost
            if key in labels and managed_fields.owner_of(now, ("f:metadata", "f:labels", f"f:{key}")) in (MANAGER, None)
        }
        if applied and not theirs:
            return
        if labels.get(PART_OF_LABEL, self.part_of) != self.part_of and MANAGED_BY.items() <= labels.items():
            whose = f"belongs to the platform {labels[PART_OF_LABEL]}"
        elif lost.keys() == {COMPONENT_LABEL} and COMPONENT_LABEL in labels:
            whose = f"belongs to the component {labels[COMPONENT_LABEL]} of this platform"
        else:
            whose = "isn't this platform's: it lacks " + ", ".join(f"{key}={value}" for key, value in lost.items())
        raise ResourceError(
            f"{name_of(now)} exists and {whose}. It is not changed; give ours another name, or remove it or give it "
            "these labels yourself (kubectl label)."
        )

    # ---- What is done besides applying

    def claim(self, finding: Finding) -> None:
        """Have the API server know what others have set as ours, so that the next apply takes it away."""
        kind, item = self._kind(finding.definition), finding.definition["metadata"]
        doing = f"take back {name_of(finding.definition)}"
        deadline = time.monotonic() + self.api.patience
        while True:
            now = self.api.read(kind, item["name"], item.get("namespace"))
            if now is None:
                return
            patch = [
                {
                    "op": "replace",
                    "path": "/metadata/managedFields",
                    "value": managed_fields.claimed(now, finding.extra),
                },
                {"op": "replace", "path": "/metadata/resourceVersion", "value": now["metadata"]["resourceVersion"]},
            ]
            try:
                self.api.request(
                    "PATCH",
                    kind.path(item.get("namespace"), item["name"]),
                    doing,
                    {"fieldManager": MANAGER},
                    body=patch,
                    content_type=JSON_PATCH,
                    conflicts=False,
                )
                return
            except ApiError as error:
                # Someone was faster: what is there now says what is to be claimed.
                if error.status != 409 or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def remove(self, references: Iterable[Mapping[str, Any]]) -> None:
        """Delete objects, and wait until they have gone: first what others follow from, namespaces last."""
        waves: dict[int, list[Mapping[str, Any]]] = {}
        for wanted in references:
            waves.setdefault(rank(wanted), []).append(wanted)
        for of_rank in sorted(waves, reverse=True):
            self._each(self._delete, waves[of_rank])
            self._each(self._await_end, waves[of_rank])

    def refuse_filled(self, references: Iterable[Mapping[str, Any]]) -> None:
        """Refuse to remove a namespace in which others have something that they would miss."""
        for wanted in references:
            if wanted["kind"] != "Namespace":
                continue
            held = []
            for api_version, name in MISSED:
                kind = self.api.kind(api_version, name)
                items = self.api.list(kind, wanted["name"]) if kind else []
                held += [
                    title(name, item["metadata"]["name"])
                    for item in items
                    if not item["metadata"].get("deletionTimestamp")
                ]
            if held:
                raise ResourceError(
                    f"Namespace {wanted['name']} isn't declared any more and still has {listed(held)}. Remove what is "
                    "in it, or declare it again."
                )

    def _delete(self, wanted: Mapping[str, Any]) -> None:
        kind = self.api.kind(wanted["api_version"], wanted["kind"])
        if kind is None:
            return
        body = {"propagationPolicy": "Background", "preconditions": {"uid": wanted["uid"]}}
        where = (wanted["kind"], wanted["name"], wanted.get("namespace"))
        try:
            self.api.request(
                "DELETE", kind.path(wanted.get("namespace"), wanted["name"]), f"delete {title(*where)}", body=body
            )
        except ApiError as error:
            # It has gone, and what has come since isn't the one that was meant.
            if error.status not in (404, 409):
                raise

    def _await_end(self, wanted: Mapping[str, Any]) -> None:
        kind = self.api.kind(wanted["api_version"], wanted["kind"])
        if kind is not None:
            self._gone(
                kind,
                {
                    "apiVersion": wanted["api_version"],
                    "kind": wanted["kind"],
                    "metadata": {key: wanted.get(key) for key in ("name", "namespace", "uid")},
                },
            )

    def _gone(self, kind: Kind, item: Object) -> None:
        """Wait until an object has gone; an error says what holds it."""
        metadata, pause = item["metadata"], 0.2
        deadline = time.monotonic() + self.wait_timeout
        while True:
            now = self.api.read(kind, metadata["name"], metadata.get("namespace"))
            if now is None or now["metadata"].get("uid") != metadata.get("uid"):
                return
            if time.monotonic() + pause > deadline:
                raise ResourceError(
                    f"{name_of(item)} is still being deleted after {self.wait_timeout:.0f} s: {holding(now)}. Remove "
                    "what holds it, and run again."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE / 2)

    def replace(self, finding: Finding) -> None:
        """Delete what can't be changed in place; what is applied next is made anew."""
        self.remove([reference(finding.now)])

    # ---- Side by side

    def _kind(self, item: Object) -> Kind:
        kind = self.api.kind(item["apiVersion"], item["kind"])
        if kind is None:
            raise AssertionError(f"{item['kind']} was served before")
        return kind

    def _each(self, act: Callable[[Given], Told], items: Iterable[Given]) -> list[Told]:
        """Do it for all of them. What went wrong with several is told at once."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as executor:
            started = [executor.submit(act, item) for item in items]
            results, faults = [], []
            for future in started:
                try:
                    results.append(future.result())
                except ResourceError as error:
                    faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            texts = list(dict.fromkeys(str(error) for error in faults))
            more = f" And {len(texts) - MOST_FAULTS} more." if len(texts) > MOST_FAULTS else ""
            raise ResourceError(" ".join(texts[:MOST_FAULTS]) + more, faults[0].cause)
        return results


def listed(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def holding(now: Object) -> str:
    """Why an object that is being deleted is still there, as far as it says so."""
    told = [
        condition["message"].rstrip(".")
        for condition in (now.get("status") or {}).get("conditions") or []
        # A namespace says what is left in it; that it has been looked at says nothing.
        if condition.get("status") == "True" and condition.get("type", "").startswith("Namespace")
    ]
    finalizers = now["metadata"].get("finalizers") or []
    if finalizers:
        told.append(f"its finalizers are {', '.join(finalizers)}, whose controllers may not run")
    return "; ".join(told) or "it doesn't say why"


# ---- Differences, as they are shown


def difference(now: Object, then: Object) -> dict[str, Any]:
    """What differs, for people. The content of a Secret isn't shown."""
    before, after = _parts(_shown(compared(now)), _shown(compared(then)))
    whose = name_of(then or now)
    if (now or then)["kind"] == "Secret":
        before, after = _hidden(before, after)
    return {"before_header": whose, "after_header": whose, "before": before or {}, "after": after or {}}


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    item = copy.deepcopy(item)
    for member in ("uid", "creationTimestamp", "selfLink"):
        (item.get("metadata") or {}).pop(member, None)
    return item


def _parts(before: Any, after: Any) -> tuple[Any, Any]:
    """What of two values isn't in the other. Lists are shown as a whole."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return before, after
    left, right = {}, {}
    for key in before.keys() | after.keys():
        if key not in after:
            left[key] = before[key]
        elif key not in before:
            right[key] = after[key]
        elif before[key] != after[key]:
            left[key], right[key] = _parts(before[key], after[key])
    return left, right


def _hidden(before: Any, after: Any) -> tuple[Any, Any]:
    for side, text in ((before, HIDDEN_OLD), (after, HIDDEN_NEW)):
        for member in ("data", "stringData"):
            if isinstance(side, dict) and side.get(member):
                side[member] = dict.fromkeys(side[member], text)
    return before, after
