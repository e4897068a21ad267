# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All objects that the components apply, as others judge them: the API server and its Pod Security, the schemas of the
versions of Kubernetes that EKS supports, and checkov.

Those of the platform as it is built, and those that differ where options are on, which a dry run tells.
"""

from __future__ import annotations

import copy
import fnmatch
import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import MANAGER, ApiError
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.components.eks import SUPPORT_ENDS
from tests.support import checkov
from tests.support.components import IN_CLUSTER, shared

from .conftest import ClusterPlatform
from .objects import Api

pytestmark = pytest.mark.by_component(*IN_CLUSTER)

# Options that make further objects, or other ones.
LITELLM = {
    "name": "llm-gateway",
    "namespace": "gateways",
    "service_accounts": ["llm-gateway"],
    "ingress_path": "/api/llm-gateway",
    "preset": "litellm",
    "autoscaling": {"max_replicas": 4},
}
OPTIONS = {
    "platform_gateways": [LITELLM, *shared()["platform_gateways"][1:]],
    "gateways_images": {
        name: {"repository": "images.example/gateway", "digest": f"sha256:{'0' * 64}"}
        for name in ("memory-gateway", "retrieval-gateway")
    },
}
# Checks that fail, with the objects that they are about, and why that is as it should be. Each must be needed.
ACCEPTED = {
    ("CKV_K8S_15", "Deployment.gateways.*"): "a tag that doesn't move is one image for ever, so a node pulls it once",
    ("CKV_K8S_43", "Deployment.gateways.*"): "the registry's tags don't move, and preflight refuses one that does",
}
MANAGED_BY = "app.kubernetes.io/managed-by"
POD_KINDS = ("Deployment", "DaemonSet", "StatefulSet", "Job")
# What the server adds to an object by itself, and what of it nobody declares.
OF_THE_SERVER = ("managedFields", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink")


def title(item: dict[str, Any]) -> str:
    metadata = item["metadata"]
    return f"{item['kind']} {metadata.get('namespace', '-')}/{metadata['name']}"


def as_declared(item: dict[str, Any]) -> dict[str, Any]:
    """An object without what the server and its controllers have put into it."""
    item = {key: copy.deepcopy(value) for key, value in item.items() if key != "status"}
    for member in OF_THE_SERVER:
        item["metadata"].pop(member, None)
    if item["kind"] == "Job":
        # By its UID, which the next one hasn't.
        item["spec"].pop("selector", None)
        labels = item["spec"]["template"]["metadata"].get("labels") or {}
        for label in [label for label in labels if label.endswith(("controller-uid", "job-name"))]:
            del labels[label]
    return item


@pytest.fixture(scope="module")
def built(kubernetes: Api) -> list[dict[str, Any]]:
    """What the platform has in its cluster."""
    return [as_declared(item) for item in kubernetes.everything().values()]


@pytest.fixture(scope="module")
def optional(cluster_platform: ClusterPlatform) -> list[dict[str, Any]]:
    """What would be applied with the options on."""
    arguments = ("--check", "--limit", "gateways")
    started = cluster_platform.account.start(*arguments, variables=OPTIONS, environment={"TEST_RECORDS_FULL": "1"})
    run = started.wait().assert_converged()
    found = [
        item
        for record in run.records
        if record["action"].endswith("k8s_owned_objects")
        for item in (record.get("result") or {}).get("apply") or []
    ]
    assert {"ConfigMap", "Deployment"} <= {item["kind"] for item in found}, run.explain()
    return found


@pytest.fixture(scope="module")
def manifests(built: list[dict[str, Any]], optional: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert {"Namespace", "NetworkPolicy", "Deployment", "Ingress", "ServiceAccount"} <= {item["kind"] for item in built}
    return [*built, *optional]


def apply_dry(api: Api, item: dict[str, Any]) -> None:
    """Have the server check an object as it would be applied, strictly: no field may be unknown or there twice."""
    kind, metadata = api.kind(item["kind"]), item["metadata"]
    # As the platform: what another manager once had of the object would stay beside it.
    query = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": MANAGER, "force": "true"}
    path = kind.path(metadata.get("namespace"), metadata["name"])
    api.api.request("PATCH", path, f"try {title(item)}", query, body=item, content_type="application/apply-patch+yaml")


def pods_of(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in manifests:
        if item["kind"] in POD_KINDS:
            template = item["spec"]["template"]
            name = f"{item['metadata']['name']}-tried"[-63:].strip("-")
            metadata = {**template.get("metadata", {}), "name": name, "namespace": item["metadata"]["namespace"]}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def create_dry(api: Api, item: dict[str, Any]) -> None:
    """Have the server admit an object, Pod Security included, and make nothing."""
    path = api.kind(item["kind"]).path(item["metadata"]["namespace"])
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    api.api.request("POST", path, f"try {title(item)}", query, body=item)


class TestTheServer:
    def test_takes_every_object_strictly(self, kubernetes: Api, manifests: list[dict[str, Any]], figures: list[str]):
        for item in manifests:
            apply_dry(kubernetes, item)
        figures.append(f"{len(manifests)} objects in the cluster pass the server's strict validation")

    def test_refuses_a_field_that_there_is_not(self, kubernetes: Api, built: list[dict[str, Any]]):
        for kind in ("Deployment", "NetworkPolicy", "OpenTelemetryCollector"):
            item = next((item for item in built if item["kind"] == kind), None)
            if item is not None:
                spoilt = {
                    **item,
                    "metadata": {**item["metadata"], "name": "tried"},
                    "spec": {**item["spec"], "replcas": 2},
                }
                with pytest.raises(ApiError, match="unknown field"):
                    create_dry(kubernetes, spoilt)

    def test_admits_every_pod(self, kubernetes: Api, manifests: list[dict[str, Any]]):
        pods = list(pods_of(manifests))
        assert pods
        for pod in pods:
            create_dry(kubernetes, pod)

    def test_refuses_one_that_may_more(self, kubernetes: Api, built: list[dict[str, Any]]):
        restricted = [pod for pod in pods_of(built) if pod["metadata"]["namespace"] == "gateways"]
        for pod in restricted[:1]:
            spoilt = copy.deepcopy(pod)
            spoilt["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
            with pytest.raises(ApiError, match="violates PodSecurity"):
                create_dry(kubernetes, spoilt)

    def test_runs_pods_in_every_namespace_of_ours_that_has_workloads(self, kubernetes: Api):
        """What an operator makes of objects of ours is admitted, too: its pods are there."""
        for kind in ("Deployment", "DaemonSet", "StatefulSet"):
            for item in kubernetes.list(kind):
                status = item.get("status") or {}
                assert not [
                    condition
                    for condition in status.get("conditions") or []
                    if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
                ], title(item)


VERSIONS = sorted(SUPPORT_ENDS, key=lambda version: tuple(map(int, version.split("."))))
# Groups whose objects are custom resources.
CUSTOM = re.compile(
    r"[^/]+\.(x-)?(k8s\.aws|opentelemetry\.io|external-secrets\.io)/|opentelemetry\.io/|external-secrets"
)


class TestSchemas:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_every_object_is_one_of_each_supported_version(self, manifests: list[dict[str, Any]], version: str):
        for item in manifests:
            if not CUSTOM.match(item["apiVersion"]):
                kubernetes_validate.validate(item, f"{version}.0", strict=True)

    def test_a_wrong_one_would_be_noticed(self, built: list[dict[str, Any]]):
        item = next(item for item in built if item["kind"] == "Deployment")
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**item, "spec": {**item["spec"], "replcas": 2}}, "1.36.0", strict=True)


class TestCheckov:
    @pytest.fixture(scope="class")
    def program(self) -> Any:
        found = checkov.program()
        if found is None:
            pytest.skip(f"checkov {checkov.VERSION} can't be had from PyPI")
        return found

    def test_finds_nothing_without_a_reason(self, program, manifests, tmp_path, figures):
        # What a chart makes is its makers' affair, and here it is a stand-in.
        ours = [item for item in manifests if item["metadata"]["labels"].get(MANAGED_BY) != "Helm"]
        findings, passed = checkov.failed(program, tmp_path, ours)
        reasons = {
            found: {key for key in ACCEPTED if found.check == key[0] and fnmatch.fnmatch(found.resource, key[1])}
            for found in findings
        }
        assert [found for found, accepted in reasons.items() if not accepted] == []
        used = set().union(*reasons.values())
        assert set(ACCEPTED) - used == set(), "these are accepted and don't occur"
        figures.append(
            f"checkov {checkov.VERSION}: {passed} checks of manifests passed, {len(used)} accepted kinds failed"
        )

    def test_a_bad_one_is_found(self, program, tmp_path):
        container = {"name": "a", "image": "a:latest", "securityContext": {"privileged": True}}
        bad = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"}, "spec": {"containers": [container]}}
        findings, _passed = checkov.failed(program, tmp_path, [bad])
        assert {"CKV_K8S_14", "CKV_K8S_16", "CKV_K8S_43"} <= {found.check for found in findings}
