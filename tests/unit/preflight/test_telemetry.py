# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the collectors: what the images have, what a collector refuses at its start, and whom AWS would let in."""

from __future__ import annotations

import pytest

from .declared import fault_lines

ROLES = [
    {"name": "log-collector", "namespace": "observability-nodes", "service_accounts": ["log-collector"]},
    {"name": "otel-collector", "namespace": "observability", "service_accounts": ["otel-collector"]},
]
NAMESPACES = [
    {"name": "observability", "pod_security": "restricted"},
    {"name": "observability-nodes", "pod_security": "privileged"},
]
OTHERS = {
    "workload_identity": {
        "workload_identity_roles": ROLES,
        "workload_identity_metric_namespaces": ["AgentPlatform", "Other"],
    },
    "cluster_services": {"cluster_services_namespaces": NAMESPACES},
    "eks": {"eks_addons": [{"name": "cert-manager"}, {"name": "adot"}]},
}
GIVEN = {
    "platform_prefix": "demo-dev",
    "platform_prometheus_workspace_arn": "",
    "telemetry_image": "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0",
    "telemetry_opensearch_image": "ghcr.io/open-telemetry/opentelemetry-collector-contrib:0.156.0",
    "telemetry_opensearch": "where_possible",
    "telemetry_metric_namespace": "AgentPlatform",
    "telemetry_otlp_namespaces": ["gateways", "agents"],
    "telemetry_collectors": {},
}
PIPELINE = "telemetry_collectors.otlp.spec.config.service.pipelines"
DIGEST = f"@sha256:{64 * 'a'}"


def lines(others=OTHERS, **given):
    return fault_lines("telemetry", {**GIVEN, **{f"telemetry_{key}": value for key, value in given.items()}}, **others)


def config(name="otlp", **parts):
    return {"collectors": {name: {"spec": {"config": parts}}}}


def pipelines(**pipelines):
    return config(service={"pipelines": pipelines})


@pytest.mark.parametrize("opensearch", ["where_possible", "enabled", "disabled"])
def test_what_is_right_has_no_fault(opensearch):
    assert lines(opensearch=opensearch) == []
    workspace = "arn:aws:aps:us-west-2:123456789012:workspace/ws-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    assert fault_lines("telemetry", {**GIVEN, "platform_prometheus_workspace_arn": workspace}, **OTHERS) == []
    assert fault_lines("telemetry", {}) == []


def test_what_is_added_is_merged():
    receivers = {"zipkin": {"endpoint": "0.0.0.0:9411"}}
    service = {"pipelines": {"traces": {"receivers": ["zipkin"]}, "traces/own": None}}
    exporters = {"otlp_http/own": {"endpoint": "https://example.org", "headers": {"authorization": "${env:TOKEN}"}}}
    service["pipelines"]["traces"]["exporters"] = ["otlp_http/own"]
    assert lines(**config(receivers=receivers, exporters=exporters, service=service)) == []
    # A pipeline that is taken out, and a collector that is.
    assert lines(collectors={"otlp": {"spec": {"config": {"service": {"pipelines": {"metrics": None}}}}}}) == []
    assert lines(collectors={"otlp": None}) == []


def test_a_collector_of_ones_own():
    spec = {
        "mode": "deployment",
        "config": {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": "0.0.0.0:4318"}}}},
            "exporters": {"debug": {}},
            "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["debug"]}}},
        },
    }
    entry = {"namespace": "observability", "service_account": "events", "spec": spec}
    assert lines(collectors={"events": entry}) == []


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"image": "aws-otel-collector:latest"}, "telemetry_image: 'aws-otel-collector:latest' is another image each"),
        ({"image": "registry:5000/aws-otel-collector"}, "has neither a tag nor a digest"),
        ({"image": "Not an image"}, "is not the name of an image"),
        ({"opensearch_image": "contrib:latest"}, "telemetry_opensearch_image: 'contrib:latest' is another image each"),
        (
            {"metric_namespace": "Elsewhere"},
            "'Elsewhere' is none of workload_identity_metric_namespaces: AgentPlatform",
        ),
        ({"otlp_namespaces": []}, "telemetry_otlp_namespaces: [] names no namespace"),
        ({"otlp_namespaces": ["Agents"]}, "telemetry_otlp_namespaces: 'Agents' is not a Kubernetes name"),
        ({"otlp_namespaces": ["a", "a"]}, "telemetry_otlp_namespaces: 'a' occurs more than once"),
        ({"collector_binary": "/nowhere/otelcol"}, "'/nowhere/otelcol' is no program on this machine"),
        ({"timeout_seconds": 0}, "telemetry_timeout_seconds: 0 is not 1 or more seconds"),
    ],
)
def test_faults(given, part):
    (line,) = lines(**given)
    assert part in line


def test_images_that_stay_the_same():
    for image in (f"aws-otel-collector{DIGEST}", f"registry:5000/x/aws-otel-collector:v1{DIGEST}", "collector:0.156.0"):
        assert lines(image=image) == []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (pipelines(logs={"exporters": ["awsemf"]}), f"{PIPELINE}.logs: names no receiver, so nothing comes in"),
        (pipelines(logs={"receivers": ["otlp"]}), f"{PIPELINE}.logs: names no exporter, so nothing goes out"),
        (
            pipelines(traces={"receivers": ["jaeger"]}),
            f"{PIPELINE}.traces.receivers: names 'jaeger', which receivers doesn't have",
        ),
        (
            pipelines(traces={"exporters": ["otlp_http"]}),
            f"{PIPELINE}.traces.exporters: names 'otlp_http', which exporters doesn't have",
        ),
        (
            pipelines(other={"receivers": ["otlp"], "exporters": ["awsxray"]}),
            f"{PIPELINE}.other: is not a pipeline: its name begins with logs, metrics or traces",
        ),
        (
            config(receivers={"hostmetrics": {}}),
            "telemetry_collectors.otlp.spec.config.receivers.hostmetrics: is no component of the ADOT collector",
        ),
        (
            config(extensions={"pprof": {}}),
            "telemetry_collectors.otlp.spec.config.extensions.pprof: is not enabled: name it in service.extensions",
        ),
        (
            config(service={"extensions": ["zpages"]}),
            "telemetry_collectors.otlp.spec.config.service.extensions: names 'zpages', which extensions doesn't have",
        ),
        (
            config(exporters={"awsemf": {"auth": {"authenticator": "sigv4auth"}}}),
            "exporters.awsemf.auth.authenticator: names 'sigv4auth', which extensions doesn't have",
        ),
        (config(exporters={"awsemf": {"log_stream_name": "{Pod}"}}), "has {Pod}, which this exporter doesn't know"),
        (config(reciever={}), "spec.config.reciever: is not known to a collector: there are receivers"),
        (
            config(processors={"batch ": {}}),
            "is not the id of a component: its type, and if there are several a '/' and a name",
        ),
        (
            {"collectors": {"otlp": {"spec": {"mode": "sidecar"}}}},
            "spec.mode: 'sidecar' is none of daemonset, deployment, statefulset",
        ),
        ({"collectors": {"otlp": {"specs": {}}}}, "telemetry_collectors.otlp.specs: is not known here"),
        (
            {"collectors": {"otlp": {"spec": {"resources": {"requests": {"memory": "1Gi"}}}}}},
            "telemetry_collectors.otlp.spec.resources.requests.memory: '1Gi' is above",
        ),
        (
            {"collectors": {"otlp": {"from_workloads": [{"port": 70000}]}}},
            "from_workloads[2]: {port: 70000} is not a port from 1 to 65535",
        ),
        (
            {"collectors": {"otlp": {"spec": {"image": "aws-otel-collector"}}}},
            "telemetry_collectors.otlp.spec.image: 'aws-otel-collector' has neither a tag nor a digest",
        ),
    ],
)
def test_collectors(given, line):
    (found,) = lines(**given)
    assert line in found


def test_a_log_group_of_the_exporter_for_logs():
    # What the operator's users have copied from each other, and what makes the collector end.
    (line,) = lines(**config("logs", exporters={"awscloudwatchlogs": {"log_stream_name": "/k8s/%{k8s.pod.name}"}}))
    assert line.startswith(
        "telemetry_collectors.logs.spec.config.exporters.awscloudwatchlogs.log_stream_name: has %{k8s.pod.name}, which"
    )
    (line,) = lines(**config("logs", exporters={"awscloudwatchlogs": {"log_stream_name": "a:b"}}))
    assert "'a:b' is not a name that CloudWatch Logs takes" in line


def test_the_memory_limiter_comes_first():
    change = {"otlp": {"spec": {"config": {"service": {"pipelines": {"traces": None}}}}}}
    processors = ["batch", "memory_limiter"]
    own = {"traces/own": {"receivers": ["otlp"], "processors": processors, "exporters": ["awsxray"]}}
    change["otlp"]["spec"]["config"]["service"]["pipelines"].update(own)
    (line,) = lines(collectors=change)
    assert line.startswith(f"{PIPELINE}.traces/own.processors: 'memory_limiter' is not the first")


@pytest.mark.parametrize(
    "settings",
    [
        {"headers": {"authorization": "Bearer hunter2hunter2"}},
        {"tls": {"password": "hunter2hunter2"}},
        {"api_key": "hunter2hunter2"},
        {"clients": [{"client_secret": "hunter2hunter2"}]},
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_shown(settings):
    pipeline = {"traces": {"exporters": ["otlp_http"]}}
    (line,) = lines(**config(exporters={"otlp_http": settings}, service={"pipelines": pipeline}))
    assert "is a secret in plain text: put it into a Secret, and write ${env:NAME}" in line
    assert "hunter2" not in line


def test_an_image_of_ones_own_may_have_other_components():
    change = config(receivers={"hostmetrics": {}}, service={"pipelines": {"metrics": {"receivers": ["hostmetrics"]}}})
    change["collectors"]["otlp"]["spec"]["image"] = "registry.example.org/collector:1.2.3"
    assert lines(**change) == []


def test_the_role_trusts_the_service_account():
    """Where it doesn't, nothing is ever sent, and only the collectors' logs tell."""
    (line,) = lines(collectors={"otlp": {"service_account": "otel-collector-sa"}})
    assert line == (
        "telemetry_collectors.otlp.role: 'otel-collector' doesn't trust the service account"
        " observability:otel-collector-sa, by workload_identity_roles only observability:otel-collector: nothing could"
        " be sent"
    )
    (line,) = lines(collectors={"otlp": {"role": "telemetry"}})
    assert line == "telemetry_collectors.otlp.role: 'telemetry' is none of workload_identity_roles"


def test_a_namespace_that_admits_the_pods():
    """A DaemonSet whose pods are refused looks like any other object that was applied."""
    others = {**OTHERS, "cluster_services": {"cluster_services_namespaces": [NAMESPACES[0]]}}
    (line,) = lines(others)
    assert line == "telemetry_collectors.logs.namespace: 'observability-nodes' is none of cluster_services_namespaces"
    baseline = [NAMESPACES[0], {**NAMESPACES[1], "pod_security": "baseline"}]
    (line,) = lines({**OTHERS, "cluster_services": {"cluster_services_namespaces": baseline}})
    assert "'observability-nodes' admits no folder of the node (logs)" in line
    assert "its pods are baseline, and only privileged ones may have that" in line


def test_the_operator_is_an_add_on():
    for addons in ([{"name": "cert-manager"}], [{"name": "adot", "state": "absent"}]):
        (line,) = lines({**OTHERS, "eks": {"eks_addons": addons}})
        assert line.startswith("eks_addons: has no adot, whose operator makes the collectors")
