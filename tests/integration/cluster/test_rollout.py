# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A version that doesn't start: the run says why within its time, and the version before serves on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.components import shared
from tests.support.playbook import Run

from .components.gateways import LLM, MEMORY, NAMES, NAMESPACE, settings
from .conftest import ClusterPlatform
from .objects import Api, differences

pytestmark = pytest.mark.by_component("gateways")

IMAGES = {name: {"repository": f"images.example/{name}", "tag": "1.0.0"} for name in NAMES}
BAD_IMAGE = {**IMAGES, LLM: {"repository": f"images.invalid/{LLM}", "tag": "2.0.0"}}
REASONS = {
    LLM: (
        "ImagePullBackOff",
        "Check the image's repository and digest, and that the nodes may pull from there.",
        "event: Pod ",
    ),
    MEMORY: ("CrashLoopBackOff",),
}
# Seconds, and how long a run of one component may take besides on a machine with much else to do.
LIMIT = 5
LONGEST = LIMIT + 120


def serving(kubernetes: Api, name: str) -> dict[str, int]:
    """How many pods of each revision are available."""
    uid = kubernetes.read("Deployment", name, NAMESPACE)["metadata"]["uid"]
    return {
        found["metadata"]["name"]: (found["status"].get("availableReplicas") or 0)
        for found in kubernetes.list("ReplicaSet", NAMESPACE)
        if uid in [owner["uid"] for owner in found["metadata"]["ownerReferences"]]
    }


def pods_of(kubernetes: Api, name: str) -> set[str]:
    """The pods that serve."""
    return {
        pod["metadata"]["name"]
        for pod in kubernetes.list("Pod", NAMESPACE, **{"app.kubernetes.io/name": name})
        if {"type": "Ready", "status": "True"}.items()
        <= next((c for c in pod["status"]["conditions"] if c["type"] == "Ready"), {}).items()
    }


def failing(cluster_platform: ClusterPlatform, note: str, **variables: Any) -> Run:
    given: Mapping[str, Any] = {"gateways_rollout_timeout_seconds": LIMIT, **variables}
    run = cluster_platform.run("--limit", "gateways", variables=given, note=note)
    assert run.total("failures") == 1, run.explain()
    assert run.seconds < LONGEST, run.explain()
    return run


def lasting(kubernetes: Api) -> dict[str, Any]:
    """What there is, but for how long a rollout may take, which the tests shorten."""
    found = kubernetes.everything()
    for item in found.values():
        item.get("spec", {}).pop("progressDeadlineSeconds", None)
    return found


def assert_told(run: Run, name: str) -> None:
    told = " ".join(run.output.split())
    assert f"Deployment {NAMESPACE}/{name} did not roll out within {LIMIT} s: pod {name}-" in told, run.explain()
    assert "Of the revision before 2 pods serve on." in told, run.explain()
    for words in REASONS[name]:
        assert words in told, run.explain()


def image_of(kubernetes: Api, name: str) -> str:
    return kubernetes.read("Deployment", name, NAMESPACE)["spec"]["template"]["spec"]["containers"][0]["image"]


def test_what_served_before_is_put_back(cluster_platform: ClusterPlatform, kubernetes: Api):
    before, pods = lasting(kubernetes), pods_of(kubernetes, LLM)
    run = failing(
        cluster_platform,
        "an image that can't be pulled, rollback",
        gateways_images=BAD_IMAGE,
        gateways_rollback_on_failure=True,
    )
    assert_told(run, LLM)
    assert "What served before was put back." in " ".join(run.output.split())
    assert image_of(kubernetes, LLM).startswith("images.example/")
    # The very pods of before.
    assert pods == pods_of(kubernetes, LLM)
    assert differences(before, lasting(kubernetes)) == []


def test_an_image_that_can_not_be_pulled_and_a_probe_that_fails(cluster_platform: ClusterPlatform, kubernetes: Api):
    """Each is told. What the pods of before were started with is kept as long as they serve."""
    before, pods = lasting(kubernetes), {name: pods_of(kubernetes, name) for name in NAMES}
    told_before = settings(kubernetes, MEMORY)
    table = [
        {**entry, **({"probes": {"path": "/never"}} if entry["name"] == MEMORY else {})}
        for entry in shared()["platform_gateways"]
    ]
    run = failing(
        cluster_platform,
        "an image that can't be pulled, and a probe that fails",
        gateways_images=BAD_IMAGE,
        gateways_rollback_on_failure=False,
        platform_gateways=table,
    )
    for name in (LLM, MEMORY):
        assert_told(run, name)
        assert pods[name] <= pods_of(kubernetes, name)
    assert "What served before was put back." not in " ".join(run.output.split())
    assert image_of(kubernetes, LLM).startswith("images.invalid/")
    assert kubernetes.read("ConfigMap", told_before, NAMESPACE)
    for name in NAMES:
        assert sorted(serving(kubernetes, name).values())[-1] == 2

    cluster_platform.run("--limit", "gateways", note="the versions of before").assert_converged()
    assert differences(before, lasting(kubernetes)) == []
    assert pods == {name: pods_of(kubernetes, name) for name in NAMES}
