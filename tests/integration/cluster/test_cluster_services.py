# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster is prepared with, as pods and people meet it, and where charts come from."""

from __future__ import annotations

import base64
import functools
import gzip
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import ApiError
from tests.support.components import ROOT
from tests.support.local_cloud.kubernetes import programs
from tests.support.playbook import PREFIX

from .components.cluster_services import CONTROLLER, DEFAULT, NAMESPACES
from .conftest import ClusterPlatform
from .objects import Api, differences

pytestmark = pytest.mark.by_component("cluster_services")

ONLY = ("--limit", "cluster_services")
CHART = ROOT / "tests/support/charts/aws-load-balancer-controller"
VARIABLE = "cluster_services_load_balancer_controller_chart"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def try_to_make(api: Api, item: dict[str, Any]) -> dict[str, Any]:
    """What would come of creating it: the API server says so, and makes nothing."""
    path = api.kind(item["kind"]).path(item["metadata"]["namespace"])
    return api.api.request("POST", path, "try it", {"dryRun": "All"}, body=item)


def pod(namespace: str, **security: Any) -> dict[str, Any]:
    container = {"name": "a", "image": "registry.example.org/a:1", "securityContext": security}
    metadata = {"name": "a", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


class TestNamespaces:
    def test_only_restricted_pods_get_in_but_where_logs_are_read(self, kubernetes: Api):
        for namespace in NAMESPACES:
            try_to_make(kubernetes, pod(namespace, **RESTRICTED))
            if namespace == "observability-nodes":
                try_to_make(kubernetes, pod(namespace, privileged=True))
                continue
            with pytest.raises(ApiError, match=r"violates PodSecurity .restricted:v1\.36"):
                try_to_make(kubernetes, pod(namespace, privileged=True))
            with pytest.raises(ApiError, match="violates PodSecurity"):
                try_to_make(kubernetes, pod(namespace))

    def test_what_a_container_does_not_say(self, kubernetes: Api):
        for namespace in ("gateways", "agents"):
            (container,) = try_to_make(kubernetes, pod(namespace, **RESTRICTED))["spec"]["containers"]
            assert container["resources"] == {
                "requests": {"cpu": "100m", "memory": "256Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            }

    def test_nobody_makes_a_load_balancer_of_a_service(self, kubernetes: Api):
        for namespace in NAMESPACES:
            spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
            service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": namespace}}
            with pytest.raises(ApiError, match=r"exceeded quota: platform, requested: services\.loadbalancers=1"):
                try_to_make(kubernetes, {**service, "spec": spec})

    def test_traffic_is_denied_but_for_what_is_needed(self, kubernetes: Api):
        inside = ["10.0.0.0/16", "172.20.0.0/16", "169.254.0.0/16"]
        for namespace in NAMESPACES:
            policies = {
                item["metadata"]["name"]: item["spec"]
                for item in kubernetes.ours("cluster_services", "NetworkPolicy", namespace)
            }
            assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
            dns, local = policies["allow-dns"]["egress"][0]["to"]
            assert dns["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
            assert local == {"ipBlock": {"cidr": "169.254.20.10/32"}}
            assert "allow-aws" in policies or namespace == "agents"
        outside = policies["allow-aws"]["egress"][0]
        assert outside["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": inside}}]
        assert outside["ports"] == [{"protocol": "TCP", "port": 443}]
        api, *zones = [peer["ipBlock"]["cidr"] for peer in policies["allow-kubernetes-api"]["egress"][0]["to"]]
        assert api == f"{kubernetes.read('Service', 'kubernetes', 'default')['spec']['clusterIP']}/32"
        assert zones == ["10.0.11.0/24", "10.0.12.0/24"]


class TestPeople:
    @pytest.mark.parametrize(
        ("group", "verb", "resource", "namespace", "allowed"),
        [
            ("platform-viewers", "get", "apps/deployments", "gateways", True),
            ("platform-viewers", "get", "/pods", "observability-nodes", True),
            ("platform-viewers", "patch", "apps/deployments", "gateways", False),
            ("platform-viewers", "get", "/secrets", "gateways", False),
            ("platform-viewers", "get", "/pods", "kube-system", False),
            ("platform-viewers", "list", "/nodes", "", True),
            ("platform-operators", "get", "/pods", "observability-nodes", True),
            ("platform-operators", "delete", "/pods", "gateways", True),
            ("platform-operators", "delete", "/pods", "observability-nodes", False),
            ("platform-operators", "create", "/pods", "gateways", False),
            ("platform-operators", "patch", "apps/deployments", "gateways", False),
            ("platform-operators", "patch", "apps/deployments/scale", "gateways", True),
            ("platform-operators", "create", "/pods/exec", "gateways", False),
            ("platform-operators", "get", "/secrets", "gateways", False),
            ("platform-editors", "patch", "apps/deployments", "agents", True),
            ("platform-editors", "patch", "apps/deployments", "observability", False),
            ("platform-editors", "create", "rbac.authorization.k8s.io/rolebindings", "agents", False),
            ("strangers", "list", "/namespaces", "", False),
        ],
    )
    def test_what_a_group_may_do(self, kubernetes: Api, group, verb, resource, namespace, allowed):
        attributes = {"verb": verb, "namespace": namespace}
        attributes |= zip(("group", "resource", "subresource"), resource.split("/"), strict=False)
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "someone", "groups": [group, "system:authenticated"], "resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        assert kubernetes.api.request("POST", path, "ask", body=review)["status"]["allowed"] is allowed


def defaults(api: Api) -> list[str]:
    found = api.list("StorageClass")
    return [
        item["metadata"]["name"] for item in found if (item["metadata"].get("annotations") or {}).get(DEFAULT) == "true"
    ]


class TestClasses:
    def test_volumes_are_encrypted_with_the_platforms_key(self, kubernetes: Api, cluster_platform: ClusterPlatform):
        found = kubernetes.read("StorageClass", "gp3")
        (alias,) = [
            item
            for item in cluster_platform.account.pages("kms", "list_aliases", "Aliases")
            if not item["AliasName"].startswith("alias/aws/")
        ]
        assert found["parameters"]["encrypted"] == "true"
        assert found["parameters"]["kmsKeyId"].endswith(f":key/{alias['TargetKeyId']}")
        assert found["volumeBindingMode"] == "WaitForFirstConsumer"

    def test_there_are_never_two_defaults(self, kubernetes: Api, cluster_platform: ClusterPlatform):
        assert defaults(kubernetes) == ["gp3"]
        before = kubernetes.everything()
        kubernetes.edit("StorageClass", "gp2", {"metadata": {"annotations": {DEFAULT: "true"}}})
        cluster_platform.run(*ONLY, note="the class of EKS is the default again").assert_converged()
        assert defaults(kubernetes) == ["gp3"]

        metadata = {"name": "theirs", "annotations": {DEFAULT: "true"}}
        theirs = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "x", "metadata": metadata}
        kubernetes.create(theirs)
        run = cluster_platform.run(*ONLY, note="another default class").assert_refused()
        assert "The StorageClass theirs is the default of the cluster, and isn't the platform's" in " ".join(
            run.failures
        ), run.explain()
        assert differences(before, kubernetes.everything()) == []
        kubernetes.delete("StorageClass", "theirs")


@pytest.fixture(scope="module")
def helm() -> str:
    found = programs.find("1.36")
    assert found
    return str(found.helm)


@pytest.fixture
def repository(helm: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A repository of charts with the stand-in as version 3.5.9, and a kind more: its address, and the archive."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    about = chart / "Chart.yaml"
    about.write_text(about.read_text().replace("3.5.0", "3.5.9"))
    definitions = chart / "crds/crds.yaml"
    text = definitions.read_text()
    definitions.write_text(
        text.replace("targetType: {type: string, enum: [instance, ip]}", "targetType: {type: string}")
    )
    charts = tmp_path / "charts"
    subprocess.run([helm, "package", str(chart), "-d", str(charts)], check=True, capture_output=True)
    subprocess.run([helm, "repo", "index", str(charts)], check=True, capture_output=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(charts))
    handler.log_message = lambda *_arguments: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", charts / f"{CHART.name}-3.5.9.tgz"
    server.shutdown()
    thread.join()
    server.server_close()


def target_type(api: Api) -> dict[str, Any]:
    found = api.read("CustomResourceDefinition", "ingressclassparams.elbv2.k8s.aws")
    spec = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec["properties"]["targetType"]


class TestCharts:
    def test_a_version_that_is_not_there(self, kubernetes: Api, cluster_platform: ClusterPlatform, repository):
        before = kubernetes.everything()
        address, _archive = repository
        chart = {VARIABLE: CHART.name, f"{VARIABLE}_repository": address, f"{VARIABLE}_version": "3.5.8"}
        run = cluster_platform.run(*ONLY, variables=chart, note="no such version").assert_refused()
        line = " ".join(run.failures)
        assert f"Helm can't install the release {CONTROLLER} from the chart {CHART.name} 3.5.8 of {address}" in line
        assert "not found" in line
        assert "Choose a version that is there" in line, run.explain()
        assert differences(before, kubernetes.everything()) == []

    @pytest.mark.options
    def test_an_upgrade_and_another_operator_and_the_way_back(
        self, kubernetes: Api, cluster_platform: ClusterPlatform, repository
    ):
        """The controller from a repository, External Secrets besides, the same from an archive, and neither."""
        before = kubernetes.everything()
        address, archive = repository
        chart = {VARIABLE: CHART.name, f"{VARIABLE}_repository": address, f"{VARIABLE}_version": "3.5.9"}
        wanted = {**chart, "cluster_services_external_secrets": True}
        cluster_platform.run(*ONLY, variables=wanted, note="upgrade, external secrets").assert_converged()
        deployment = kubernetes.read("Deployment", CONTROLLER, "kube-system")
        assert deployment["metadata"]["labels"]["app.kubernetes.io/version"] == "v3.5.9"
        # Helm alone would have left the definition as it was.
        assert target_type(kubernetes) == {"type": "string"}
        stores = {item["metadata"]["name"]: item["spec"] for item in kubernetes.list("ClusterSecretStore")}
        assert {name: spec["provider"]["aws"]["service"] for name, spec in stores.items()} == {
            "aws-parameter-store": "ParameterStore",
            "aws-secrets-manager": "SecretsManager",
        }
        account = kubernetes.read("ServiceAccount", "external-secrets", "external-secrets-system")
        assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith("-external-secrets")
        same = {**wanted, VARIABLE: str(archive)}
        cluster_platform.run(*ONLY, variables=same, note="the same from an archive").assert_nothing_to_do()

        cluster_platform.run(*ONLY, note="takes both back").assert_converged()
        assert target_type(kubernetes)["enum"] == ["instance", "ip"]
        assert differences(before, kubernetes.everything()) == []
        assert kubernetes.read("Namespace", "external-secrets-system") is None

    def test_what_a_killed_run_has_left_pending(self, kubernetes: Api, cluster_platform: ClusterPlatform):
        before = kubernetes.everything()
        secrets = kubernetes.list("Secret", "kube-system", owner="helm", name=CONTROLLER)
        last = max(secrets, key=lambda item: int(item["metadata"]["labels"]["version"]))
        number = int(last["metadata"]["labels"]["version"]) + 1
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(last["data"]["release"]))))
        release["version"] = number
        release["info"] |= {"status": "pending-upgrade", "last_deployed": "2026-11-29T00:00:00Z"}
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
        name = f"sh.helm.release.v1.{CONTROLLER}.v{number}"
        labels = {**last["metadata"]["labels"], "version": str(number), "status": "pending-upgrade"}
        metadata = {"name": name, "namespace": "kube-system", "labels": labels}
        kubernetes.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": metadata,
                "type": last["type"],
                "data": {"release": packed},
            }
        )
        cluster_platform.run(*ONLY, note="after a killed helm").assert_converged()
        found = kubernetes.list("Secret", "kube-system", owner="helm", name=CONTROLLER)
        assert {item["metadata"]["labels"]["status"] for item in found} <= {"deployed", "superseded"}
        assert differences(before, kubernetes.everything()) == []
        cluster_platform.run(*ONLY, note="after that").assert_nothing_to_do()


@pytest.mark.options
def test_what_others_have_in_a_namespace_keeps_it(kubernetes: Api, cluster_platform: ClusterPlatform):
    metadata = {"name": "theirs", "namespace": "agents"}
    kubernetes.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    run = cluster_platform.run(
        "--limit",
        "cluster",
        "--check",
        playbook="playbooks/teardown.yml",
        variables={"platform_teardown_confirm": PREFIX},
        note="shows what is kept",
    ).assert_converged()
    assert "The namespace agents is kept, as others have something in it: ConfigMap theirs" in " ".join(
        run.output.split()
    ), run.explain()
    kubernetes.delete("ConfigMap", "theirs", "agents")
