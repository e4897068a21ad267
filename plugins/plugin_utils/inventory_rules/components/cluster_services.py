# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the cluster_services component."""

from __future__ import annotations

import os
import re
import tarfile
import typing as t
from collections.abc import Collection, Iterator, Mapping

import yaml

from ..fault import Fault, did_you_mean, fault
from ..formats import dns_name_rule, repeated, repeated_names
from ..internet import image_faults
from ..kubernetes import label_faults, namespace_rule, quantity_rule, resource_faults
from ..permissions import RESERVED_GROUP_PREFIXES
from ..prerequisites import Prerequisite, in_cluster
from ..ranges import Range

PREFIX = "cluster_services_"
# By the beginning of its variables the chart, as it names itself.
CHARTS = {
    f"{PREFIX}load_balancer_controller": "aws-load-balancer-controller",
    f"{PREFIX}external_secrets": "external-secrets",
}
# Made only if it is asked for.
OPTIONAL = f"{PREFIX}external_secrets"
OPERATOR_NAMESPACE = "external-secrets-system"
# The versions of the controller that its role's permissions are for.
PERMITTED = "3.5"

RANGES = {
    f"{PREFIX}load_balancer_controller_replicas": Range(1, 10, "pods"),
    f"{PREFIX}external_secrets_replicas": Range(1, 10, "pods"),
    # Those above are for Kubernetes' own classes.
    f"{PREFIX}priority_classes[].value": Range(-2147483648, 1000000000),
}

CHART_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
REPOSITORY = re.compile(r"https?://[^\s@]+")
ARTIFACT = re.compile(r"oci://[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+")
IMAGE = re.compile(
    r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(@sha256:[0-9a-f]{64})?"
)
# Names of groups become parts of names of objects.
GROUP = re.compile(r"[A-Za-z0-9]([A-Za-z0-9:._-]{0,98}[A-Za-z0-9])?")
RESOURCE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[A-Za-z0-9.-]+)?")
# What the role itself gives the driver.
OWN_PARAMETERS = ("encrypted", "kmsKeyId")


def _namespace_faults(variable: str, namespaces: Collection[Mapping]) -> Iterator[Fault]:
    yield from repeated_names(variable, list(namespaces))
    for index, namespace in enumerate(namespaces):
        path, name = f"{variable}[{index}]", namespace.get("name")
        rule = namespace_rule(name) if name is not None else None
        if name == OPERATOR_NAMESPACE:
            rule = f"is made with the operator: leave it out and set {PREFIX}external_secrets"
        if rule:
            yield fault(f"{path}.name", name, rule)
        yield from label_faults(f"{path}.labels", namespace.get("labels") or {})
        for traffic in repeated(namespace.get("traffic") or []):
            yield fault(f"{path}.traffic", traffic, "occurs more than once")
        for resource, value in (namespace.get("quota") or {}).items():
            place = f"{path}.quota.{resource}"
            if not isinstance(resource, str) or not RESOURCE.fullmatch(resource):
                yield fault(f"{path}.quota", resource, "is not a resource, such as pods or requests.memory")
            elif rule := quantity_rule(value, resource):
                yield fault(place, value, rule)
        yield from resource_faults(f"{path}.container_defaults", namespace.get("container_defaults") or {})


def _access_faults(variable: str, entries: Collection[Mapping], namespaces: Collection[str]) -> Iterator[Fault]:
    for index, entry in enumerate(entries):
        path, group = f"{variable}[{index}]", entry.get("group")
        if group is not None and group.startswith(RESERVED_GROUP_PREFIXES):
            rule = f"begins with one of {', '.join(RESERVED_GROUP_PREFIXES)}: EKS gives it to no access entry"
            yield fault(f"{path}.group", group, rule)
        elif group is not None and not GROUP.fullmatch(group):
            rule = "is not a group: up to 100 letters, digits and : . _ -, letters or digits at both ends"
            yield fault(f"{path}.group", group, rule)
        yield from _declared_faults(f"{path}.namespaces", entry.get("namespaces") or [], namespaces)
    rights = [
        (entry.get("group"), entry.get("role", "view"), name)
        for entry in entries
        for name in entry.get("namespaces") or []
    ]
    for group, role, name in repeated(rights):
        yield fault(variable, group, f"is given {role} in {name} more than once")


def _declared_faults(variable: str, names: Collection[str], namespaces: Collection[str]) -> Iterator[Fault]:
    for name in names:
        if name not in namespaces:
            rule = f"is none of {PREFIX}namespaces{did_you_mean(name, namespaces)}"
            yield fault(variable, name, rule)


def _class_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable = f"{PREFIX}priority_classes"
    classes = values.get(variable) or []
    yield from repeated_names(variable, classes)
    for index, item in enumerate(classes):
        name = item.get("name")
        rule = dns_name_rule(name) if name is not None else None
        if name is not None and name.startswith("system-"):
            rule = "begins with system-, which Kubernetes keeps for its own"
        if rule:
            yield fault(f"{variable}[{index}].name", name, rule)
    variable = f"{PREFIX}storage_class"
    name = values.get(variable)
    if name is not None and (rule := dns_name_rule(name)):
        yield fault(variable, name, rule)
    if name == "gp2":
        yield fault(variable, name, "is the class that EKS makes with a cluster: choose another name")
    for key, value in (values.get(f"{variable}_parameters") or {}).items():
        path = f"{variable}_parameters.{key}"
        if key in OWN_PARAMETERS:
            yield Fault(path, "is given by the role: volumes are encrypted with the platform's key")
        elif isinstance(value, (Mapping, list)) or value is None:
            yield fault(path, value, "is not a parameter of a driver: a text, a number, true or false")


def _chart_faults(values: Mapping[str, t.Any], variable: str, name: str) -> Iterator[Fault]:
    chart, version = values.get(f"{variable}_chart"), values.get(f"{variable}_chart_version")
    if version is not None and not VERSION.fullmatch(version):
        rule = "is not the version of a chart, exactly, such as 3.5.0: no range, and no latest"
        yield fault(f"{variable}_chart_version", version, rule)
        version = None
    if chart is None:
        return
    place = f"{variable}_chart"
    if chart.startswith("oci://"):
        if not ARTIFACT.fullmatch(chart):
            rule = (
                "is not the address of an OCI artifact, such as oci://registry.example.org/charts/name, without a tag"
            )
            yield fault(place, chart, rule)
    elif "/" in chart or chart.startswith("."):
        yield from _local_chart_faults(place, chart, name, version)
    elif not CHART_NAME.fullmatch(chart):
        yield fault(place, chart, "is neither the name of a chart nor oci:// and an address nor a path")
    else:
        repository = values.get(f"{variable}_chart_repository")
        if repository is not None and not REPOSITORY.fullmatch(repository):
            rule = "is not the address of a repository of charts, such as https://aws.github.io/eks-charts"
            yield fault(f"{variable}_chart_repository", repository, rule)


def _local_chart_faults(variable: str, path: str, name: str, version: str | None) -> Iterator[Fault]:
    if not os.path.isabs(path):
        yield fault(variable, path, "is not a whole path: begin it with '/', or with {{ inventory_dir }}")
        return
    try:
        found = _chart_file(path)
    except (OSError, ValueError, TypeError, StopIteration, tarfile.TarError, yaml.YAMLError):
        yield fault(variable, path, "is neither the folder nor the archive of a chart")
        return
    if found.get("name") != name:
        yield fault(variable, path, f"is the chart {found.get('name')}, not {name}")
    elif version is not None and str(found.get("version")) != version:
        yield fault(f"{variable}_version", version, f"isn't there: {path} is version {found.get('version')}")


def _chart_file(path: str) -> Mapping[str, t.Any]:
    """What a chart in a folder or an archive says of itself."""
    if os.path.isdir(path):
        with open(os.path.join(path, "Chart.yaml"), encoding="utf-8") as file:
            return dict(yaml.safe_load(file))
    with tarfile.open(path) as archive:
        member = next(item for item in archive.getnames() if re.fullmatch(r"[^/]+/Chart\.yaml", item))
        return dict(yaml.safe_load(archive.extractfile(member)))


def _image_faults(variable: str, image: str) -> Iterator[Fault]:
    found = IMAGE.fullmatch(image)
    if not found:
        yield fault(variable, image, "is not an image with registry and tag, such as registry.example.org/name:v1.0.0")
    elif found["tag"] == "latest":
        yield fault(variable, image, "is another image tomorrow: name a version instead of latest")


def _tag_faults(tags: Mapping[t.Any, t.Any]) -> Iterator[Fault]:
    """The controller is told the tags of load balancers as key=value,key=value."""
    for key in tags:
        if "=" in str(key):
            yield fault("platform_tags", key, "has '=' in its key, which the load balancer controller can't be told")


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    namespaces = values.get(f"{PREFIX}namespaces") or []
    declared = [item["name"] for item in namespaces if "name" in item]
    yield from _namespace_faults(f"{PREFIX}namespaces", namespaces)
    if f"{PREFIX}namespaces" in values:
        access, allowed = values.get(f"{PREFIX}access") or [], f"{PREFIX}external_secrets_namespaces"
        yield from _access_faults(f"{PREFIX}access", access, declared)
        yield from _declared_faults(allowed, values.get(allowed) or [], declared)
        for gateway in values.get("platform_gateways") or []:
            wanted = gateway.get("namespace")
            if wanted is not None and gateway.get("state") != "absent" and wanted not in declared:
                rule = f"lacks {wanted}, in which the gateway {gateway.get('name')} of platform_gateways runs"
                yield fault(f"{PREFIX}namespaces", declared, rule)
                break
    yield from _class_faults(values)
    for variable, name in CHARTS.items():
        yield from _chart_faults(values, variable, name)
        if f"{variable}_image" in values:
            yield from _image_faults(f"{variable}_image", values[f"{variable}_image"])
        yield from resource_faults(f"{variable}_resources", values.get(f"{variable}_resources") or {})
    yield from _tag_faults(values.get("platform_tags") or {})


def warnings(values: Mapping[str, t.Any], _platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A controller that may call what its role doesn't allow."""
    variable = f"{PREFIX}load_balancer_controller_chart_version"
    version = values.get(variable)
    if version and VERSION.fullmatch(version) and not version.removeprefix("v").startswith(f"{PERMITTED}."):
        rule = f"may need other permissions than those of its role, which are for {PERMITTED}: compare them with those"
        yield fault(variable, version, f"{rule} that its project publishes, see workload_identity")


def prerequisites(values: Mapping[str, t.Any]) -> Iterator[Prerequisite]:
    yield from in_cluster(values)
    if values.get("platform_cluster_access") != "none":
        yield Prerequisite("helm", values.get("cluster_services_helm") or "")


def internet_faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """The controllers' images. Charts are fetched by whoever runs the playbooks."""
    for variable in CHARTS:
        if variable != OPTIONAL or values.get(OPTIONAL):
            yield from image_faults(f"{variable}_image", values.get(f"{variable}_image"), others)
