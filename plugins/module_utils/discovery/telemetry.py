# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collectors in the cluster, where workloads send what they measure, and the log groups that it goes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search, listed

API_VERSION, KIND = "opentelemetry.io/v1beta1", "OpenTelemetryCollector"
# The log groups: what containers print, and the events of which CloudWatch makes metrics.
LOGS, METRICS = "application", "performance"


def log_group(cluster_name: str, log: str) -> str:
    return f"/aws/containerinsights/{cluster_name}/{log}"


def empty(_search: Search) -> dict[str, Any]:
    return {
        "collectors": {},
        "log_group": None,
        "metrics_log_group": None,
        "otlp_endpoint": None,
        "otlp_grpc_endpoint": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    cluster_name = search.scope.name("eks", "eks_cluster")
    groups = search.start_log_group(log_group(cluster_name, ""))
    objects = search.start_objects(API_VERSION, KIND)
    names = {group["logGroupName"]: group.get("arn") for group in (groups.result() or {}).get("logGroups", [])}
    for fact, log in (("log_group", LOGS), ("metrics_log_group", METRICS)):
        name = log_group(cluster_name, log)
        search.check_log_group(name, groups, written=False)
        facts[fact] = name if name in names else None
    for found in objects.result():
        facts["collectors"][found["metadata"]["name"]] = _collector(found)
        for fact, protocol in (("otlp_endpoint", "http"), ("otlp_grpc_endpoint", "grpc")):
            facts[fact] = facts[fact] or _otlp_endpoint(found, protocol)


def _collector(found: Mapping[str, Any]) -> dict[str, Any]:
    """A collector; the operator tells of its pods as <ready>/<wanted>."""
    ready, _of, wanted = ((found.get("status") or {}).get("scale") or {}).get("statusReplicas", "").partition("/")
    return {
        "namespace": found["metadata"]["namespace"],
        "mode": found["spec"].get("mode"),
        "image": found["spec"].get("image"),
        "ready": bool(wanted) and ready == wanted and ready != "0",
    }


def _otlp_endpoint(found: Mapping[str, Any], protocol: str) -> str | None:
    """Where a collector takes OTLP: at the Service that the operator makes of it."""
    receivers = (found["spec"].get("config") or {}).get("receivers") or {}
    listens = (((receivers.get("otlp") or {}).get("protocols") or {}).get(protocol) or {}).get("endpoint")
    if not listens:
        return None
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    return f"http://{name}-collector.{namespace}.svc.cluster.local:{listens.rpartition(':')[2]}"


def summary(facts: Mapping[str, Any]) -> list[str]:
    collectors = [
        f"{name} {collector['mode']}{'' if collector['ready'] else ' (not ready)'}"
        for name, collector in sorted(facts["collectors"].items())
    ]
    return [f"collectors: {listed(collectors)}", f"OTLP: {facts['otlp_endpoint'] or 'nowhere'}"]


COMPONENT = Component(
    name="telemetry",
    services=("logs",),
    empty=empty,
    collect=collect,
    exists=lambda facts: bool(facts["collectors"]),
    summary=summary,
)
