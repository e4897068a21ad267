# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collectors, and what the operator makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from tests.integration.census import document
from tests.integration.cluster.objects import Api
from tests.support.playbook import PREFIX

CLUSTER = f"{PREFIX}-eks"
LOG_GROUPS = [f"/aws/containerinsights/{CLUSTER}/{log}" for log in ("application", "performance")]
IMAGE = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"
# Collectors by their names, with their namespaces and service accounts.
COLLECTORS = {"logs": ("observability-nodes", "log-collector"), "otlp": ("observability", "otel-collector")}
SERVICE = "otlp-collector.observability.svc.cluster.local"
POLICY = "otlp-from-workloads"
READER = f"{PREFIX}-collectors"
SUMMARY = "collectors: logs daemonset, otlp daemonset"


def check_discovery(api: Api, facts: dict[str, Any]) -> None:
    shared = {"mode": "daemonset", "image": IMAGE, "ready": True}
    assert facts == {
        "exists": True,
        "collectors": {name: {"namespace": namespace, **shared} for name, (namespace, _account) in COLLECTORS.items()},
        "log_group": LOG_GROUPS[0],
        "metrics_log_group": LOG_GROUPS[1],
        "otlp_endpoint": f"http://{SERVICE}:4318",
        "otlp_grpc_endpoint": f"http://{SERVICE}:4317",
    }
    # Of a name that the operator has really made, on these ports.
    name, namespace = SERVICE.split(".")[:2]
    service = api.read("Service", name, namespace)
    assert {port["port"] for port in service["spec"]["ports"]} == {4317, 4318}


def collector(name: str, **spec: Any) -> Callable[[Api], Any]:
    """Change the specification of a collector."""
    return lambda api: api.edit("OpenTelemetryCollector", name, {"spec": spec}, COLLECTORS[name][0])


def _role(arn: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": arn}}}


WITHOUT_LIMIT = ["k8s_attributes", "resource", "batch"]
HARMS: dict[str, Callable[[Api], Any]] = {
    "the image of a collector": collector("logs", image="example.org/collector:v1"),
    "where logs go to": collector(
        "logs", config={"exporters": {"awscloudwatchlogs": {"log_group_name": "/aws/containerinsights/else"}}}
    ),
    "another exporter": collector("logs", config={"exporters": {"debug": {}}}),
    "a pipeline without its limit": collector(
        "logs", config={"service": {"pipelines": {"logs": {"processors": WITHOUT_LIMIT}}}}
    ),
    "more than a collector may": collector("logs", securityContext={"allowPrivilegeEscalation": True}),
    "a folder more of the node": lambda api: api.edit(
        "OpenTelemetryCollector",
        "logs",
        [{"op": "add", "path": "/spec/volumes/-", "value": {"name": "root", "hostPath": {"path": "/"}}}],
        COLLECTORS["logs"][0],
    ),
    "a collector": lambda api: api.delete("OpenTelemetryCollector", "otlp", COLLECTORS["otlp"][0]),
    "who may send": lambda api: api.edit("NetworkPolicy", POLICY, {"spec": {"ingress": [{}]}}, COLLECTORS["otlp"][0]),
    "another role": lambda api: api.edit(
        "ServiceAccount", "log-collector", _role("arn:aws:iam::123456789012:role/other"), COLLECTORS["logs"][0]
    ),
    "no role": lambda api: api.edit("ServiceAccount", "otel-collector", _role(None), COLLECTORS["otlp"][0]),
    "what collectors may read": lambda api: api.edit(
        "ClusterRole", READER, [{"op": "replace", "path": "/rules/0/resources", "value": ["pods", "secrets"]}]
    ),
    "who reads": lambda api: api.delete("ClusterRoleBinding", READER),
}


def daemon_set(api: Api, name: str) -> dict[str, Any]:
    """What the operator has made of a collector."""
    return api.read("DaemonSet", f"{name}-collector", COLLECTORS[name][0])


def pod_spec(api: Api, name: str) -> dict[str, Any]:
    return daemon_set(api, name)["spec"]["template"]["spec"]


def configuration(api: Api, name: str) -> dict[str, Any]:
    """What a collector reads at its start."""
    (volume,) = [item for item in pod_spec(api, name)["volumes"] if item["name"] == "otc-internal"]
    found = api.read("ConfigMap", volume["configMap"]["name"], COLLECTORS[name][0])
    return yaml.safe_load(found["data"]["collector.yaml"])


class TestCollectors:
    def test_they_run_on_all_nodes(self, kubernetes: Api):
        nodes = len(kubernetes.list("Node"))
        for name in COLLECTORS:
            status = daemon_set(kubernetes, name)["status"]
            assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (nodes, nodes)

    def test_no_pod_is_root_or_may_become_it(self, kubernetes: Api):
        for name, (_namespace, account) in COLLECTORS.items():
            spec = pod_spec(kubernetes, name)
            (container,) = spec["containers"]
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert spec["serviceAccountName"] == account
            assert (container["image"], spec["priorityClassName"]) == (IMAGE, "platform-telemetry")
            assert set(container["resources"]) == {"limits", "requests"}
            assert container["livenessProbe"]["httpGet"]["port"] == 13133

    def test_one_alone_has_a_folder_of_the_node(self, kubernetes: Api):
        folders = {
            name: [
                volume["hostPath"]["path"] for volume in pod_spec(kubernetes, name)["volumes"] if "hostPath" in volume
            ]
            for name in COLLECTORS
        }
        assert folders == {"logs": ["/var/log/pods"], "otlp": []}
        levels = {
            name: kubernetes.read("Namespace", namespace)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            for name, (namespace, _account) in COLLECTORS.items()
        }
        assert levels == {"logs": "privileged", "otlp": "restricted"}

    def test_where_everything_goes(self, kubernetes: Api):
        logs, otlp = configuration(kubernetes, "logs"), configuration(kubernetes, "otlp")
        assert logs["exporters"]["awscloudwatchlogs"]["log_group_name"] == LOG_GROUPS[0]
        assert otlp["exporters"]["awsemf"]["log_group_name"] == LOG_GROUPS[1]
        assert otlp["exporters"]["awsemf"]["namespace"] == "AgentPlatform"
        assert {name: list(pipeline["exporters"]) for name, pipeline in otlp["service"]["pipelines"].items()} == {
            "metrics": ["awsemf"],
            "traces": ["awsxray"],
        }

    def test_they_act_as_roles_that_trust_them(self, cluster_platform: Any, kubernetes: Api):
        iam = cluster_platform.account.client("iam")
        for namespace, account in COLLECTORS.values():
            found = kubernetes.read("ServiceAccount", account, namespace)
            arn = found["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
            role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
            assert role["Arn"] == arn
            (statement,) = document(role["AssumeRolePolicyDocument"])["Statement"]
            subjects = [value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")]
            assert subjects == [f"system:serviceaccount:{namespace}:{account}"]

    def test_they_may_read_pods_and_nothing_else(self, kubernetes: Api):
        assert kubernetes.read("ClusterRole", READER)["rules"] == [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
        ]
        subjects = kubernetes.read("ClusterRoleBinding", READER)["subjects"]
        assert sorted((item["namespace"], item["name"]) for item in subjects) == sorted(COLLECTORS.values())

    def test_the_service_keeps_to_the_node(self, kubernetes: Api):
        assert kubernetes.read("Service", *SERVICE.split(".")[:2])["spec"]["internalTrafficPolicy"] == "Local"

    def test_who_may_send(self, kubernetes: Api):
        spec = kubernetes.read("NetworkPolicy", POLICY, COLLECTORS["otlp"][0])["spec"]
        (rule,) = spec["ingress"]
        (source,) = rule["from"]
        (wanted,) = source["namespaceSelector"]["matchExpressions"]
        assert (wanted["operator"], sorted(wanted["values"])) == ("In", ["agents", "gateways"])
        assert [port["port"] for port in rule["ports"]] == [4317, 4318]
        labels = kubernetes.list("Pod", COLLECTORS["otlp"][0])[0]["metadata"]["labels"]
        assert spec["podSelector"]["matchLabels"].items() <= labels.items()
