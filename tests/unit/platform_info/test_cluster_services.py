# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster has been prepared with."""

from __future__ import annotations

from .fake_aws import PREFIX, in_cluster, look


def controller(name, namespace, part_of=PREFIX, replicas=2, **status):
    """A Deployment of a chart: Helm manages it, and its labels say whose it is."""
    labels = {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/version": "v3.5.0"}
    labels |= {"app.kubernetes.io/part-of": part_of}
    full = {"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "generation": 1},
        "spec": {"replicas": 2},
        "status": {**full, **status},
    }


BALANCERS = controller("aws-load-balancer-controller", "kube-system")
SECRETS = controller("external-secrets", "external-secrets-system", replicas=1)
CLASSES = [
    in_cluster("cluster_services", "storage.k8s.io/v1", "StorageClass", "gp3"),
    in_cluster("cluster_services", "networking.k8s.io/v1", "IngressClass", "alb"),
]
NAMESPACES = [in_cluster("cluster_services", "v1", "Namespace", name) for name in ("gateways", "agents")]
ANSWERS: dict = {}
MISSING: dict = {}
OBJECTS = [BALANCERS, SECRETS, *CLASSES, *NAMESPACES]


def facts_of(objects):
    found, _aws = look(ANSWERS, "cluster_services", objects=objects)
    return found.components["cluster_services"], found.summary["cluster_services"]


def test_what_there_is():
    facts, summary = facts_of(OBJECTS)
    assert facts == {
        "exists": True,
        "namespaces": ["agents", "gateways"],
        "storage_class": "gp3",
        "ingress_class": "alb",
        "load_balancer_controller": {"version": "v3.5.0", "ready": True},
        "external_secrets": {"version": "v3.5.0", "ready": False},
    }
    assert summary == {
        "state": "exists",
        "lines": [
            "namespaces agents, gateways",
            "storage class gp3, ingress class alb",
            "load balancer controller v3.5.0",
            "external secrets v3.5.0, not ready",
        ],
    }


def test_without_the_controller_nothing_is_to_build_on():
    facts, summary = facts_of([*CLASSES, *NAMESPACES])
    assert not facts["exists"]
    assert summary["state"] == "partial"


def test_what_is_someone_elses_or_about_to_go_does_not_count():
    going = in_cluster("cluster_services", "v1", "Namespace", "old")
    going["metadata"]["deletionTimestamp"] = "2026-11-29T00:00:00Z"
    others = in_cluster("other", "v1", "Namespace", "others")
    facts, _summary = facts_of([controller("aws-load-balancer-controller", "kube-system", "else"), going, others])
    assert facts["load_balancer_controller"] == {}
    assert facts["namespaces"] == []


def test_without_a_way_into_the_cluster_there_is_nothing():
    facts, summary = facts_of(None)
    assert not facts["exists"]
    assert summary["state"] == "absent"


def test_a_rollout_that_is_not_seen_yet_is_not_ready():
    facts, _summary = facts_of([{**BALANCERS, "metadata": {**BALANCERS["metadata"], "generation": 2}}])
    assert facts["load_balancer_controller"]["ready"] is False
