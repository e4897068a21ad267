# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a workload has rolled out, and what is said of one that has not, against a scripted Kubernetes API."""

from __future__ import annotations

import copy
import json
from unittest import mock

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.module_utils import rollouts
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import Answer
from ansible_collections.agent_platform.aws.plugins.modules import k8s_rollout_status
from tests.support.scripted_kubernetes import ScriptedKubernetes, failure

NAMESPACE = "gateways"
LABELS = {"app.kubernetes.io/name": "llm"}


def deployment(replicas=2, generation=2, seen=2, updated=2, current=2, available=2, conditions=(), name="llm"):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": generation},
        "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS}},
        "status": {
            "observedGeneration": seen,
            "replicas": current,
            "updatedReplicas": updated,
            "readyReplicas": available,
            "availableReplicas": available,
            "conditions": list(conditions),
        },
    }


def replica_set(revision, available=0):
    template = {
        "metadata": {"creationTimestamp": None, "labels": {**LABELS, "pod-template-hash": f"hash{revision}"}},
        "spec": {"containers": [{"name": "gateway", "image": f"llm:{revision}"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"llm-{revision}",
            "namespace": NAMESPACE,
            "uid": f"uid-set-{revision}",
            "labels": LABELS,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"uid": "uid-llm"}],
        },
        "spec": {"template": template},
        "status": {"availableReplicas": available},
    }


def pod(name="llm-2-abc", owner="uid-set-2", ready=False, container=None, conditions=(), **more):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "labels": LABELS,
            "ownerReferences": [{"uid": owner}],
        },
        "spec": more.pop("spec", {}),
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}, *conditions],
            "containerStatuses": [{"name": "gateway", **container}] if container else [],
            **more,
        },
    }


def event(about, reason, message, minute=0, kind="Warning", count=1):
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about}.{minute}", "namespace": NAMESPACE},
        "involvedObject": {"kind": "Pod", "name": about.removeprefix("uid-"), "uid": about},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": f"2026-11-29T10:{minute:02}:00Z",
    }


PULL = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image\n llm:2"}}}
LOOPS = {
    "restartCount": 4,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
}
STUCK = deployment(updated=1, current=3, available=2)
NEW, OLD = replica_set(2), replica_set(1, available=2)


class Cluster(ScriptedKubernetes):
    """Serves events of one object, and logs."""

    def __init__(self, *objects, logs=None, answers=None):
        super().__init__([*objects], answers or self.special)
        self.logs = logs or {}

    def special(self, _method, path, query, _body):
        if path.endswith("/log"):
            text = self.logs.get((path.split("/")[-2], query["container"], query.get("previous")))
            return Answer(200, text.encode()) if text is not None else failure(400, "BadRequest", "no log")
        if path.endswith("/events"):
            uid = query["fieldSelector"].removeprefix("involvedObject.uid=")
            return {"items": [one for one in self.objects if one.get("involvedObject", {}).get("uid") == uid]}
        return None


class Ended(Exception):
    def __init__(self, result):
        self.result = result


def end(_module, **result):
    raise Ended(json.loads(json.dumps(result)))


def run(cluster, *workloads, check_mode=False, **options):
    """What the module returns; failed says whether by fail_json."""
    given = [{"namespace": NAMESPACE, "name": "llm", **one} for one in workloads or ({},)]
    arguments = {"workloads": given, "kubeconfig": "/kubeconfig", "timeout": 60, **options}

    def fail(module, **result):
        end(module, failed=True, **result)

    with (
        patch_module_args({**arguments, "_ansible_check_mode": check_mode}),
        mock.patch.object(k8s_rollout_status, "connect", return_value=cluster.api()),
        mock.patch.object(k8s_rollout_status.AnsibleModule, "exit_json", end),
        mock.patch.object(k8s_rollout_status.AnsibleModule, "fail_json", fail),
        pytest.raises(Ended) as ended,
    ):
        k8s_rollout_status.main()
    return ended.value.result


# ---- When it has rolled out


@pytest.mark.parametrize(
    ("change", "done"),
    [
        ({}, True),
        ({"seen": 1}, False),
        ({"updated": 1}, False),
        ({"available": 1}, False),
        ({"current": 3}, False),
        ({"replicas": 0, "updated": 0, "current": 0, "available": 0}, True),
    ],
)
def test_deployments(change, done):
    assert rollouts.is_done("Deployment", deployment(**change)) is done


def test_what_something_else_scales_has_a_minimum():
    assert rollouts.is_done("Deployment", deployment(), minimum=2)
    assert not rollouts.is_done("Deployment", deployment(1, updated=1, current=1, available=1), minimum=2)


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({"updatedNumberScheduled": 3, "numberAvailable": 3}, True),
        ({"updatedNumberScheduled": 2, "numberAvailable": 3}, False),
        ({"updatedNumberScheduled": 3, "numberAvailable": 2}, False),
        ({"observedGeneration": 1, "updatedNumberScheduled": 3, "numberAvailable": 3}, False),
    ],
)
def test_daemon_sets(status, done):
    found = {
        "metadata": {"generation": 2},
        "spec": {},
        "status": {"observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, **status},
    }
    assert rollouts.is_done("DaemonSet", found) is done


def test_stateful_sets():
    status = {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "updateRevision": "b",
        "currentRevision": "b",
    }
    found = {"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status}
    assert rollouts.is_done("StatefulSet", found)
    assert not rollouts.is_done("StatefulSet", {**found, "status": {**status, "currentRevision": "a"}})


def test_jobs_and_ingresses():
    job = {
        "kind": "Job",
        "metadata": {},
        "spec": {},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    }
    assert rollouts.is_done("Job", job)
    assert not rollouts.is_done("Job", {**job, "status": {"active": 1}})
    ingress = {"kind": "Ingress", "metadata": {"generation": 3}, "spec": {}, "status": {"loadBalancer": {}}}
    assert not rollouts.is_done("Ingress", ingress)
    ingress["status"]["loadBalancer"]["ingress"] = [{"hostname": "internal-k8s-platform-1.elb.amazonaws.com"}]
    assert rollouts.is_done("Ingress", ingress)


def test_it_waits_until_all_have_rolled_out():
    cluster = Cluster(STUCK, NEW, OLD)
    later = iter([STUCK, STUCK, deployment()])
    cluster.answers = lambda _method, path, _query, _body: (
        next(later) if path.endswith("/deployments/llm") else Cluster.special(cluster, _method, path, _query, _body)
    )
    result = run(cluster)
    assert result["changed"] is False
    assert result["workloads"] == [
        {
            "kind": "Deployment",
            "namespace": NAMESPACE,
            "name": "llm",
            "exists": True,
            "rolled_out": True,
            "pods": {"desired": 2, "current": 2, "updated": 2, "ready": 2, "available": 2},
        }
    ]
    assert {method for method, _path in cluster.asked()} == {"GET"}


def annotated(revision):
    found = deployment()
    found["spec"].setdefault("template", {})["metadata"] = {"annotations": {"revision": revision, "other": "x"}}
    return found


def test_what_a_controller_makes_is_waited_for_until_it_is_of_the_declared_revision():
    later = iter([None, annotated("1"), annotated("2")])
    gone = failure(404, "NotFound", "none")
    cluster = Cluster(deployment(), answers=lambda *_request: next(later) or gone)
    (found,) = run(cluster, {"pod_annotations": {"revision": "2"}})["workloads"]
    assert found["rolled_out"]
    assert next(later, "nothing is left") == "nothing is left"


def test_what_its_controller_does_not_make():
    wanted = {"pod_annotations": {"revision": "2"}}
    remedy = "what makes it hasn't taken the last change over. Look whether its controller runs, and at its log."
    assert run(Cluster(annotated("1")), wanted)["msg"] == (
        f"Deployment gateways/llm is still what it was after 60 s: {remedy}"
    )
    result = run(Cluster(deployment()), {**wanted, "name": "none"})
    assert result["msg"] == f"Deployment gateways/none isn't there after 60 s: {remedy}"


def test_what_has_rolled_out_takes_one_request_each():
    cluster = Cluster(deployment(), deployment(name="memory"))
    assert [one["rolled_out"] for one in run(cluster, {}, {"name": "memory"})["workloads"]] == [True, True]
    assert len(cluster.requests) == 2


# ---- Why it has not


def test_an_image_that_can_not_be_pulled():
    cluster = Cluster(
        STUCK,
        NEW,
        OLD,
        pod(container=PULL),
        pod("llm-1-old", owner="uid-set-1", ready=True),
        event("uid-llm-2-abc", "BackOff", "Back-off pulling image", 3, count=7),
        event("uid-llm-2-abc", "Failed", "Failed to pull image llm:2: not found", 2),
        event("uid-set-2", "SuccessfulCreate", "Created pod", 1, kind="Normal"),
    )
    result = run(cluster)
    assert result["msg"].splitlines() == [
        "Deployment gateways/llm did not roll out within 60 s: pod llm-2-abc: ImagePullBackOff: Back-off pulling image"
        " llm:2. Check the image's repository and digest, and that the nodes may pull from there."
        " Of the revision before 2 pods serve on.",
        "  event: Pod set-2: SuccessfulCreate: Created pod",
        "  event: Pod llm-2-abc: Failed: Failed to pull image llm:2: not found",
        "  event: Pod llm-2-abc: BackOff: Back-off pulling image (7 times)",
    ]
    (told,) = result["failures"]
    assert told["serving"] == 2
    assert told["template_before"] == {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [{"name": "gateway", "image": "llm:1"}]},
    }
    assert run(cluster, events=1)["failures"][0]["events"] == [
        "Pod llm-2-abc: BackOff: Back-off pulling image (7 times)"
    ]


def test_what_served_is_not_what_failed_before():
    failed = [replica_set(number) for number in (3, 2)]
    found = pod("llm-3-abc", owner="uid-set-3", container=PULL)
    result = run(Cluster(STUCK, OLD, *failed, found))
    assert result["failures"][0]["template_before"]["spec"]["containers"][0]["image"] == "llm:1"
    assert run(Cluster(STUCK, *failed, found))["failures"][0]["template_before"] is None


def test_a_container_that_ends_again_and_again():
    log = "one\ntwo\nthree\n"
    cluster = Cluster(STUCK, NEW, pod(container=LOOPS), logs={("llm-2-abc", "gateway", "true"): log})
    first, *rest = run(cluster, log_lines=2)["msg"].splitlines()
    assert first.endswith(
        "pod llm-2-abc: CrashLoopBackOff: back-off 40s, last OOMKilled with exit code 137. Raise its memory limit."
    )
    assert rest == ["  log of llm-2-abc/gateway: two", "  log of llm-2-abc/gateway: three"]
    assert run(cluster, log_lines=0)["failures"][0]["logs"] == {}


def test_a_probe_that_fails():
    running = {"state": {"running": {}}}
    cluster = Cluster(
        STUCK,
        NEW,
        pod(container=running),
        event("uid-llm-2-abc", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 5),
        logs={("llm-2-abc", "gateway", None): "no database"},
    )
    first, *rest = run(cluster)["msg"].splitlines()
    assert (
        "pod llm-2-abc: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503. Check the" in first
    )
    assert rest[-1] == "  log of llm-2-abc/gateway: no database"


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2"}]),
            "pod llm-2-abc: Unschedulable: 0/2. Give the node groups room, or change what the pod asks of a node.",
        ),
        (
            pod(
                spec={"readinessGates": [{"conditionType": "target-health.elbv2.k8s.aws/x"}]},
                conditions=[
                    {"type": "ContainersReady", "status": "True"},
                    {"type": "target-health.elbv2.k8s.aws/x", "status": "False", "reason": "Elb.InitialHealthChecking"},
                ],
            ),
            "target-health.elbv2.k8s.aws/x: Elb.InitialHealthChecking. Look at the health checks of its target group",
        ),
        (pod(container={"state": {"terminated": {"exitCode": 3, "reason": "Error"}}}), "Error with exit code 3. Its"),
        (pod(phase="Pending"), "pod llm-2-abc: not ready (Pending). Look at its pods, events and logs."),
    ],
)
def test_what_a_pod_says(found, part):
    assert part in run(Cluster(STUCK, NEW, found))["msg"]


def test_what_no_waiting_changes_is_told_at_once(clock):
    invalid = {"state": {"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image"}}}
    result = run(Cluster(STUCK, NEW, pod(container=invalid)))
    assert result["msg"].startswith("Deployment gateways/llm can't roll out: pod llm-2-abc: InvalidImageName: couldn't")
    barred = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
    barred["message"] = 'pods "llm" is forbidden: violates PodSecurity "restricted:v1.36": runAsNonRoot != true'
    result = run(Cluster(deployment(updated=0, conditions=[barred]), NEW))
    assert "can't roll out: FailedCreate: pods" in result["msg"]
    assert "Correct the pod's securityContext" in result["msg"]
    assert clock[0] == 0


def test_a_quota_may_become_free():
    full = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: platform"}
    result = run(Cluster(deployment(updated=0, conditions=[full]), NEW))
    assert "did not roll out within 60 s: FailedCreate: exceeded quota: platform. Raise the quota" in result["msg"]


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}


def test_what_is_late_when_it_comes_may_still_catch_up(clock):
    late = deployment(updated=1, current=3, conditions=[LATE])
    answers = iter([late, late, deployment()])
    cluster = Cluster(NEW)
    cluster.answers = lambda method, path, query, body: (
        next(answers) if path.endswith("/deployments/llm") else Cluster.special(cluster, method, path, query, body)
    )
    assert run(cluster)["workloads"][0]["rolled_out"]


def test_what_becomes_late_meanwhile_is_given_up(clock):
    late = deployment(updated=1, current=3, conditions=[LATE])
    answers = iter([STUCK, late, late])
    cluster = Cluster(NEW, pod(container=PULL))
    cluster.answers = lambda method, path, query, body: (
        next(answers, late)
        if path.endswith("/deployments/llm")
        else Cluster.special(cluster, method, path, query, body)
    )
    assert "did not roll out within 600 s: pod llm-2-abc: ImagePullBackOff" in run(cluster)["msg"]
    assert clock[0] < 5


def test_what_becomes_late_a_moment_after_is_told_with_it(clock):
    late = {name: deployment(updated=1, current=3, conditions=[LATE], name=name) for name in ("llm", "memory", "mail")}

    def answers(method, path, query, body):
        name = path.rpartition("/")[2]
        if "/deployments/" not in path:
            return Cluster.special(cluster, method, path, query, body)
        after = {"llm": 1, "memory": 1 + k8s_rollout_status.SETTLING / 2}.get(name, 1e9)
        return late[name] if clock[0] >= after else {**late[name], "status": STUCK["status"]}

    cluster = Cluster(NEW)
    cluster.answers = answers
    result = run(cluster, *({"name": name} for name in late), timeout=600)
    assert [failure["name"] for failure in result["failures"]] == ["llm", "memory"]
    assert clock[0] < 1 + k8s_rollout_status.SETTLING + k8s_rollout_status.LONGEST_PAUSE


def test_a_job_that_has_failed():
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "database", "namespace": NAMESPACE, "uid": "uid-job"},
        "spec": {"selector": {"matchLabels": {"job": "database"}}},
        "status": {
            "failed": 1,
            "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}],
        },
    }
    failed = pod("database-x", owner="uid-job", container={"state": {"terminated": {"exitCode": 1}}}, phase="Failed")
    failed["metadata"]["labels"] = {"job": "database"}
    cluster = Cluster(job, failed, logs={("database-x", "gateway", None): "permission denied"})
    result = run(cluster, {"kind": "Job", "name": "database"})
    assert result["msg"].splitlines() == [
        "Job gateways/database did not end well: pod database-x: Error with exit code 1. Its log says why it ended.",
        "  log of database-x/gateway: permission denied",
    ]


def test_an_ingress_without_a_load_balancer():
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "llm", "namespace": NAMESPACE, "uid": "uid-ingress"},
        "spec": {},
    }
    result = run(Cluster(ingress), {"kind": "Ingress"})
    assert result["msg"] == (
        "Ingress gateways/llm got no load balancer within 60 s: it has no load balancer."
        " Look whether the load balancer controller runs, and at its log."
    )
    refused = event("uid-ingress", "FailedBuildModel", "ValidationError: no certificate", 1)
    assert (
        ": it has no load balancer: FailedBuildModel: ValidationError: no certificate"
        in (run(Cluster(ingress, refused), {"kind": "Ingress"})["msg"])
    )


def test_without_pods_it_tells_how_far_it_is():
    assert "1 of 2 pods are of the newest revision, 2 are available, there are 3" in run(Cluster(STUCK, NEW))["msg"]
    assert "its controller hasn't seen the last change yet" in run(Cluster(deployment(seen=1)))["msg"]


# ---- What is missing, and what fails


def test_what_does_not_exist():
    result = run(Cluster(deployment()), {}, {"name": "none", "kind": "DaemonSet"})
    assert result["msg"] == "There is no DaemonSet gateways/none. It has to be applied first."


def test_a_dry_run_looks_once_and_never_fails(clock):
    result = run(Cluster(STUCK, NEW), {}, {"name": "none"}, check_mode=True)
    assert [(one["exists"], one["rolled_out"]) for one in result["workloads"]] == [(True, False), (False, False)]
    assert clock[0] == 0


def test_a_broken_way_is_mended_within_the_deadline():
    answers = iter([ConnectionResetError("reset"), failure(503, "ServiceUnavailable", "starting"), deployment()])
    cluster = Cluster(answers=lambda *_request: copy.deepcopy(next(answers)))
    assert run(cluster)["workloads"][0]["rolled_out"]


def test_a_way_that_stays_broken():
    result = run(Cluster(answers=lambda *_request: ConnectionResetError("reset by peer")))
    assert "the cluster's API doesn't answer (reset by peer)" in result["msg"]


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_is_told_at_once(status, clock):
    result = run(Cluster(answers=lambda *_request: failure(status, "Forbidden", "no rights")))
    assert "Could not read Deployment llm in gateways: no rights." in result["msg"]
    assert clock[0] == 0
