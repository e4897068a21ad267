# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a workload of a cluster has rolled out, and if not, why. Objects are mappings, as the API writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .kubernetes_api import Kind

Object = Mapping[str, Any]

KINDS = {
    "Deployment": Kind("apps", "v1", "Deployment", "deployments", namespaced=True),
    "DaemonSet": Kind("apps", "v1", "DaemonSet", "daemonsets", namespaced=True),
    "StatefulSet": Kind("apps", "v1", "StatefulSet", "statefulsets", namespaced=True),
    "Job": Kind("batch", "v1", "Job", "jobs", namespaced=True),
    "Ingress": Kind("networking.k8s.io", "v1", "Ingress", "ingresses", namespaced=True),
}
REPLICA_SETS = Kind("apps", "v1", "ReplicaSet", "replicasets", namespaced=True)
PODS = Kind("", "v1", "Pod", "pods", namespaced=True)
EVENTS = Kind("", "v1", "Event", "events", namespaced=True)
TEMPLATE_HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
# So many pods are told of: the others of a rollout fail alike.
MOST_PODS = 3
# What no waiting changes: the object itself has to be changed.
HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "the job has failed")
HOPELESS_TEXTS = ("violates PodSecurity", "is invalid:", "no PriorityClass with name", "is forbidden: maximum")
JOB_FAILED = "the job has failed"
LATE = "ProgressDeadlineExceeded"
# What helps, by a word of the reason or of what is said with it. The first that fits is taken.
REMEDIES = {
    "FailedBuildModel": "The load balancer controller refuses the Ingress: correct what it names.",
    "FailedDeployModel": "AWS refuses what the load balancer controller asks for: correct what it names.",
    "violates PodSecurity": "Correct the pod's securityContext: its namespace admits no other.",
    "exceeded quota": "Raise the quota of the namespace, or lower what the pods request.",
    "ImagePull": "Check the image's repository and digest, and that the nodes may pull from there.",
    "InvalidImageName": "Correct the image.",
    "ErrImageNeverPull": "Correct the image, or let it be pulled.",
    "CreateContainerConfigError": "A ConfigMap, Secret or key that it names isn't there.",
    "OOMKilled": "Raise its memory limit.",
    "CrashLoopBackOff": "Its log says why it ends.",
    "Error": "Its log says why it ended.",
    "Unschedulable": "Give the node groups room, or change what the pod asks of a node.",
    "target-health": "Look at the health checks of its target group and at the load balancer controller.",
    "probe failed": "Check the probe's path and port, and the log; a slow start needs a longer startup probe.",
    "no load balancer": "Look whether the load balancer controller runs, and at its log.",
    "deadline": "Its pods' events and logs say why.",
}
LAST_RESORT = "Look at its pods, events and logs."


def selector_of(workload: Object) -> str:
    """The labels of its pods; none of what has no pods. Those of ours have no expressions."""
    labels = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def counts(kind: str, workload: Object) -> dict[str, int]:
    """How many pods there are to be, are, are of the newest revision, are ready, are available."""
    spec, status = workload["spec"], workload.get("status") or {}
    if kind == "Ingress":
        return {}
    if kind == "DaemonSet":
        names = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberReady")
        desired, current, updated, ready = (status.get(name) or 0 for name in names)
        available = status.get("numberAvailable") or 0
    elif kind == "Job":
        desired = 1 if spec.get("completions") is None else spec["completions"]
        current = updated = status.get("active") or 0
        ready, available = status.get("ready") or 0, status.get("succeeded") or 0
    else:
        desired = 1 if spec.get("replicas") is None else spec["replicas"]
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        current, updated, ready, available = (status.get(name) or 0 for name in names)
    return {"desired": desired, "current": current, "updated": updated, "ready": ready, "available": available}


def has_annotations(workload: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether the template of its pods bears the annotations."""
    template = (workload.get("spec") or {}).get("template") or {}
    found = (template.get("metadata") or {}).get("annotations") or {}
    return all(found.get(key) == value for key, value in wanted.items())


def is_seen(workload: Object) -> bool:
    """Whether the status is that of what is declared now. That of a Job and of an Ingress doesn't say."""
    status = workload.get("status") or {}
    if workload.get("kind") in ("Job", "Ingress"):
        return True
    return (status.get("observedGeneration") or 0) >= workload["metadata"].get("generation", 0)


def is_done(kind: str, workload: Object, minimum: int = 0) -> bool:
    """Whether all its pods are of the newest revision and available, at least so many, and no other is left.

    A Job has ended well then, and an Ingress has a load balancer.
    """
    status, number = workload.get("status") or {}, counts(kind, workload)
    if kind == "Ingress":
        return bool((status.get("loadBalancer") or {}).get("ingress"))
    if kind == "Job":
        return conditions(workload).get("Complete", {}).get("status") == "True"
    if not is_seen(workload):
        return False
    if kind == "StatefulSet" and number["desired"] and status.get("updateRevision") != status.get("currentRevision"):
        return False
    enough = min(number["updated"], number["available"]) >= max(number["desired"], minimum)
    return enough and (kind == "DaemonSet" or number["current"] <= number["updated"])


def conditions(thing: Object) -> dict[str, Object]:
    return {found["type"]: found for found in (thing.get("status") or {}).get("conditions") or []}


def refusal(workload: Object) -> str | None:
    """Why a workload gets no further, by its own conditions."""
    found = conditions(workload)
    failure, progress, failed = (found.get(name, {}) for name in ("ReplicaFailure", "Progressing", "Failed"))
    if failed.get("status") == "True":
        return f"{JOB_FAILED}: {failed.get('reason')}: {failed.get('message')}"
    if failure.get("status") == "True":
        return f"{failure.get('reason')}: {failure.get('message')}"
    if progress.get("status") == "False":
        return f"{progress.get('reason')}: {progress.get('message')}"
    return None


def by_revision(workload: Object, replica_sets: Iterable[Object]) -> list[Object]:
    """The ReplicaSets of a Deployment, the newest revision first."""
    uid = workload["metadata"].get("uid")
    own = [found for found in replica_sets if uid in owners(found)]
    return sorted(own, key=lambda found: -int((found["metadata"].get("annotations") or {}).get(REVISION, 0)))


def available(replica_set: Object) -> int:
    """How many pods of a revision serve."""
    return (replica_set.get("status") or {}).get("availableReplicas") or 0


def template_of(replica_set: Object) -> dict[str, Any]:
    """The pod template of a revision, as a Deployment has it."""
    template = replica_set["spec"]["template"]
    metadata = {key: value for key, value in template["metadata"].items() if value is not None}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def owners(thing: Object) -> list[str]:
    return [owner["uid"] for owner in thing["metadata"].get("ownerReferences") or []]


def is_available(pod: Object) -> bool:
    return conditions(pod).get("Ready", {}).get("status") == "True" and not pod["metadata"].get("deletionTimestamp")


def failing_pods(owner: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods of a revision that aren't ready, without those that are on their way out."""
    uid = (owner.get("metadata") or {}).get("uid")
    own = [pod for pod in pods if uid in owners(pod) and not pod["metadata"].get("deletionTimestamp")]
    bad = (pod for pod in own if not is_available(pod) and (pod.get("status") or {}).get("phase") != "Succeeded")
    return sorted(bad, key=lambda pod: pod["metadata"]["name"])[:MOST_PODS]


def statuses(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def pod_reason(pod: Object, events: Iterable[Object] = ()) -> str:
    """Why a pod isn't ready: what its containers say, else its conditions, else its last warning."""
    for container in statuses(pod):
        state = container.get("state") or {}
        last = (container.get("lastState") or {}).get("terminated") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason") and waiting["reason"] not in ("ContainerCreating", "PodInitializing"):
            before = f", last {last['reason']} with exit code {last.get('exitCode')}" if last.get("reason") else ""
            return _said(waiting["reason"], waiting.get("message"), before)
        if ended and ended.get("exitCode"):
            return _said(f"{ended.get('reason') or 'Error'} with exit code {ended['exitCode']}", ended.get("message"))
    found = conditions(pod)
    scheduled = found.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return _said(scheduled.get("reason") or "Unschedulable", scheduled.get("message"))
    for gate in (pod.get("spec") or {}).get("readinessGates") or []:
        condition = found.get(gate["conditionType"], {})
        if condition.get("status") != "True" and found.get("ContainersReady", {}).get("status") == "True":
            reason = condition.get("reason") or "not told yet"
            return _said(f"{gate['conditionType']}: {reason}", condition.get("message"))
    warnings = [event for event in events if event.get("type") == "Warning"]
    if warnings:
        return _said(warnings[-1].get("reason") or "Warning", warnings[-1].get("message"))
    ready = found.get("Ready", {})
    phase = (pod.get("status") or {}).get("phase") or "Pending"
    return _said(ready.get("reason") or f"not ready ({phase})", ready.get("message"))


def progress(kind: str, workload: Object, events: Iterable[Object] = ()) -> str:
    """How far a workload is whose pods say nothing of it."""
    warnings = [event for event in events if event.get("type") == "Warning"]
    if kind == "Ingress":
        said = f": {warnings[-1].get('reason')}: {one_line(warnings[-1].get('message'))}" if warnings else ""
        return f"it has no load balancer{said}"
    if not is_seen(workload):
        return "its controller hasn't seen the last change yet"
    number = counts(kind, workload)
    if kind == "Job":
        return f"{number['available']} of {number['desired']} pods have ended well, {number['current']} are at work"
    return (
        f"{number['updated']} of {number['desired']} pods are of the newest revision, {number['available']} are"
        f" available, there are {number['current']}"
    )


def is_hopeless(reason: str) -> bool:
    """Whether no waiting changes it."""
    return reason.partition(":")[0] in HOPELESS or any(text in reason for text in HOPELESS_TEXTS)


def remedy(reason: str) -> str:
    return next((text for word, text in REMEDIES.items() if word in reason), LAST_RESORT)


def started_containers(pod: Object) -> list[tuple[str, bool]]:
    """The containers that may have a log, each with whether it is the one of the run before."""
    found = []
    for container in statuses(pod):
        state = container.get("state") or {}
        if "running" in state or "terminated" in state:
            found.append((container["name"], False))
        elif container.get("restartCount"):
            found.append((container["name"], True))
    return found


def in_order(events: Iterable[Object]) -> list[Object]:
    """Events by when they were last seen."""

    def when(event: Object) -> str:
        series = event.get("series") or {}
        return (
            series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
            or event["metadata"].get("creationTimestamp") or ""
        )  # fmt: skip

    return sorted(events, key=when)


def event_line(event: Object) -> str:
    about = event.get("involvedObject") or {}
    times = event.get("count") or (event.get("series") or {}).get("count") or 1
    again = f" ({times} times)" if times > 1 else ""
    return f"{about.get('kind')} {about.get('name')}: {event.get('reason')}: {one_line(event.get('message'))}{again}"


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _said(reason: str, message: str | None, more: str = "") -> str:
    text = one_line(message)
    return f"{reason}{f': {text}' if text else ''}{more}"
