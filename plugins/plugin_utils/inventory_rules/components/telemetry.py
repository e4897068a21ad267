# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the telemetry component."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.telemetry import LOGS, METRICS, log_group
from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from ansible_collections.agent_platform.aws.plugins.plugin_utils import collectors

from ..fault import Fault, fault
from ..formats import dns_label_rule, repeated
from ..internet import WHY, image_faults
from ..kubernetes import namespace_rule, resource_faults
from ..names import Name
from ..prerequisites import in_cluster

TABLE = "telemetry_collectors"
IMAGES = ("telemetry_image", "telemetry_opensearch_image")
# The operator cuts <name>-collector-monitoring, the longest of the names that it makes, at 63 characters.
LONGEST_COLLECTOR = 63 - len("-collector-monitoring")
LARGEST_PORT = 65535


def _image_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    for variable in IMAGES:
        image = values.get(variable)
        if image is not None and (rule := collectors.image_rule(image)):
            yield fault(variable, image, rule)


def _namespace_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable = "telemetry_otlp_namespaces"
    namespaces = values.get(variable)
    for namespace in namespaces or []:
        if rule := namespace_rule(namespace):
            yield fault(variable, namespace, rule)
    for namespace in repeated(namespaces or []):
        yield fault(variable, namespace, "occurs more than once")
    if namespaces == []:
        yield fault(variable, [], "names no namespace, so nothing could send telemetry")


def _entry_faults(name: str, entry: Mapping[str, t.Any]) -> Iterator[Fault]:
    path = f"{TABLE}.{name}"
    if rule := dns_label_rule(name):
        yield fault(TABLE, name, rule)
    elif len(name) > LONGEST_COLLECTOR:
        yield fault(
            TABLE, name, f"is longer than {LONGEST_COLLECTOR} characters: the operator makes longer names of it"
        )
    if not isinstance(entry, Mapping):
        return
    for key, rule_of in (("namespace", namespace_rule), ("service_account", dns_label_rule)):
        if entry.get(key) and (rule := rule_of(str(entry[key]))):
            yield fault(f"{path}.{key}", entry[key], rule)
    for index, port in enumerate(entry.get("from_workloads") or []):
        number = port.get("port") if isinstance(port, Mapping) else port
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= LARGEST_PORT:
            rule = f"is not a port from 1 to {LARGEST_PORT}, as {{port: 4318, protocol: TCP}}"
            yield fault(f"{path}.from_workloads[{index}]", port, rule)
    spec = entry.get("spec")
    resources = spec.get("resources") if isinstance(spec, Mapping) else None
    if isinstance(resources, Mapping):
        yield from resource_faults(f"{path}.spec.resources", resources)


def _identity_faults(name: str, entry: Mapping[str, t.Any], roles: list[Mapping]) -> Iterator[Fault]:
    """A collector acts as a role that trusts its service account, and no other."""
    wanted = entry.get("role")
    if not wanted:
        return
    path = f"{TABLE}.{name}.role"
    role = next((item for item in roles if item.get("name") == wanted), None)
    if role is None:
        yield fault(path, wanted, "is none of workload_identity_roles")
        return
    account = (entry.get("namespace"), entry.get("service_account"))
    trusted = [(role.get("namespace"), item) for item in role.get("service_accounts") or []]
    if account not in trusted:
        told = ", ".join(f"{namespace}:{item}" for namespace, item in trusted) or "none"
        rule = f"doesn't trust the service account {account[0]}:{account[1]}, by workload_identity_roles only {told}"
        yield fault(path, wanted, f"{rule}: nothing could be sent")


def _admission_faults(name: str, entry: Mapping[str, t.Any], namespaces: list[Mapping]) -> Iterator[Fault]:
    """A namespace that there is, and that admits the pods."""
    wanted = entry.get("namespace")
    found = next((item for item in namespaces if item.get("name") == wanted), None)
    if found is None:
        yield fault(f"{TABLE}.{name}.namespace", wanted, "is none of cluster_services_namespaces")
        return
    spec = entry.get("spec")
    volumes = (spec.get("volumes") if isinstance(spec, Mapping) else None) or []
    level = found.get("pod_security", "restricted")
    mounted = [volume.get("name") for volume in volumes if isinstance(volume, Mapping) and volume.get("hostPath")]
    if mounted and level != "privileged":
        rule = f"admits no folder of the node ({', '.join(map(str, mounted))}): by cluster_services_namespaces its pods"
        text = f"{rule} are {level}, and only privileged ones may have that"
        yield fault(f"{TABLE}.{name}.namespace", wanted, text)


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _image_faults(values)
    yield from _namespace_faults(values)
    changes = values.get(TABLE)
    if changes is None:
        changes = {}
    options = ["opensearch"] if values.get("telemetry_opensearch") != "disabled" else []
    options += ["prometheus"] if values.get("platform_prometheus_workspace_arn") else []
    # Those with a fault have been told of.
    images = {name: image for name in IMAGES if (image := values.get(name)) and not collectors.image_rule(image)}
    whole = collectors.declared(changes, options, images)
    for where, rule in collectors.faults(whole):
        yield Fault(f"{TABLE}.{where}", rule)
    identity, services = others.get("workload_identity"), others.get("cluster_services")
    for name, entry in whole.items():
        yield from _entry_faults(name, entry)
        if not isinstance(entry, Mapping):
            continue
        if identity is not None and identity.get("workload_identity_roles") is not None:
            yield from _identity_faults(name, entry, identity["workload_identity_roles"])
        if services is not None and services.get("cluster_services_namespaces") is not None:
            yield from _admission_faults(name, entry, services["cluster_services_namespaces"])
    namespace = values.get("telemetry_metric_namespace")
    allowed = (identity or {}).get("workload_identity_metric_namespaces") if identity is not None else None
    if namespace is not None and allowed is not None and namespace not in allowed:
        rule = f"is none of workload_identity_metric_namespaces: {', '.join(allowed) or 'none'}"
        yield fault("telemetry_metric_namespace", namespace, rule)
    addons = others["eks"].get("eks_addons") if others.get("eks") is not None else None
    if addons is not None and not any(
        addon.get("name") == "adot" and addon.get("state", "present") == "present" for addon in addons
    ):
        yield Fault(
            "eks_addons", "has no adot, whose operator makes the collectors: add it, and cert-manager before it"
        )
    program = values.get("telemetry_collector_binary")
    if program and not os.access(program, os.X_OK):
        yield fault("telemetry_collector_binary", program, "is no program on this machine")


prerequisites = in_cluster


def internet_faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """The collectors' images, and a workspace of Prometheus that no endpoint leads to."""
    searching = values.get("telemetry_opensearch")
    if searching == "enabled" or (searching == "where_possible" and "opensearch" in others):
        yield from image_faults(IMAGES[1], values.get(IMAGES[1]), others)
    yield from image_faults(IMAGES[0], values.get(IMAGES[0]), others)
    for name, entry in (values.get(TABLE) or {}).items():
        yield from image_faults(f"{TABLE}.{name}.image", (entry or {}).get("image"), others)
    variable = "platform_prometheus_workspace_arn"
    workspace = values.get(variable)
    if workspace and workspace.split(":")[3] != values.get("platform_region"):
        yield fault(variable, workspace, f"is in another region, {WHY}")


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    if prefix := values.get("platform_prefix"):
        cluster = resource_name("eks", prefix, "eks_cluster")
        yield from (Name("log_group", log_group(cluster, log)) for log in (LOGS, METRICS))
