# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collectors in the cluster, and the log groups that they write to."""

from __future__ import annotations

import pytest

from .fake_aws import ACCOUNT, OWNER, PREFIX, REGION, in_cluster, look, marks, taken

GROUPS = [f"/aws/containerinsights/{PREFIX}-eks/{log}" for log in ("application", "performance")]
IMAGE = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"


def group(name):
    return {"logGroupName": name, "arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"}


def tags_of(request):
    """Only of log groups that are the cluster's containers'."""
    ours = "containerinsights" in request["resourceArn"]
    return {"tags": marks("telemetry") if ours else {**OWNER, "Component": "other"}}


MISSING = {}
ANSWERS = {
    "DescribeLogGroups": lambda request: {
        "logGroups": [group(name) for name in GROUPS if name.startswith(request["logGroupNamePrefix"])]
    },
    "logs.ListTagsForResource": tags_of,
}


def collector(name="otlp", namespace="observability", replicas="2/2", **protocols):
    receivers = {"otlp": {"protocols": protocols}} if protocols else {"file_log": {}}
    return in_cluster(
        "telemetry",
        "opentelemetry.io/v1beta1",
        "OpenTelemetryCollector",
        name,
        namespace,
        spec={"mode": "daemonset", "image": IMAGE, "config": {"receivers": receivers}},
        status={"scale": {"statusReplicas": replicas}} if replicas else {},
    )


OTLP = collector(http={"endpoint": "0.0.0.0:4318"}, grpc={"endpoint": "0.0.0.0:4317"})
OBJECTS = [collector("logs", "observability-nodes"), OTLP]


def facts(objects=OBJECTS, answers=ANSWERS):
    return look(answers, "telemetry", objects=objects)[0].components["telemetry"]


def test_facts():
    shared = {"mode": "daemonset", "image": IMAGE, "ready": True}
    assert facts() == {
        "exists": True,
        "collectors": {
            "logs": {"namespace": "observability-nodes", **shared},
            "otlp": {"namespace": "observability", **shared},
        },
        "log_group": GROUPS[0],
        "metrics_log_group": GROUPS[1],
        "otlp_endpoint": "http://otlp-collector.observability.svc.cluster.local:4318",
        "otlp_grpc_endpoint": "http://otlp-collector.observability.svc.cluster.local:4317",
    }


@pytest.mark.parametrize("replicas", ["", "1/2", "0/0"])
def test_one_that_does_not_run_yet(replicas):
    found = facts([collector(replicas=replicas)])
    assert found["collectors"]["otlp"]["ready"] is False
    assert found["exists"]


def test_one_that_nobody_may_send_to():
    found = facts([collector(http={}), collector("other")])
    assert found["otlp_endpoint"] is found["otlp_grpc_endpoint"] is None


def test_without_a_way_to_the_cluster_there_are_the_log_groups():
    found, _aws = look(ANSWERS, "telemetry")
    assert found.components["telemetry"]["exists"] is False
    assert found.components["telemetry"]["log_group"] == GROUPS[0]
    assert found.summary["telemetry"]["state"] == "partial"


def test_what_the_end_of_a_run_says():
    objects = [collector("logs", "observability-nodes", replicas="0/2"), OTLP]
    found, _aws = look(ANSWERS, "telemetry", objects=objects)
    assert found.summary["telemetry"] == {
        "state": "exists",
        "lines": [
            "collectors: logs daemonset (not ready), otlp daemonset",
            "OTLP: http://otlp-collector.observability.svc.cluster.local:4318",
        ],
    }


def test_log_groups_that_someone_else_has():
    theirs = {**ANSWERS, "logs.ListTagsForResource": {"tags": {}}}
    assert taken(theirs, "telemetry") == [f"log group {name}" for name in GROUPS]
