# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The table of collectors, and what is wrong with the configuration of one.

A collector that can't start says so in its log only, a node at a time, while Kubernetes reports an applied object. So
what its own check at the start would refuse is found beforehand, as far as it follows from the configuration alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ansible.utils.vars import merge_hash

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles

SIGNALS = ("logs", "metrics", "traces")
MODES = ("daemonset", "deployment", "statefulset")
KINDS = ("receivers", "processors", "exporters", "connectors", "extensions")
# What an entry of the table has.
KEYS = ("namespace", "service_account", "role", "from_workloads", "spec")
# The annotation by which it is seen that the operator has taken a specification over.
REVISION = "agent-platform.aws/specification"

# What the images' builds contain, by how the name of the image ends: pkg/defaultcomponents/defaults.go of
# aws-observability/aws-otel-collector v0.49.0, which is built with release 0.156.0 of the components. Those that have
# been renamed go by both names. Of other images nothing is known.
ADOT = {
    "receivers": (
        "awscontainerinsightreceiver awsecscontainermetrics awsxray file_log filelog jaeger kafka otlp prometheus"
        " statsd zipkin"
    ),
    "processors": (
        "attributes batch cumulativetodelta deltatorate filter groupbytrace k8s_attributes k8sattributes memory_limiter"
        " metrics_transform metricsgeneration metricstransform probabilistic_sampler resource resource_detection"
        " resourcedetection span tail_sampling"
    ),
    "exporters": (
        "awscloudwatchlogs awsemf awsxray datadog debug file kafka load_balancing loadbalancing logzio otlp otlp_grpc"
        " otlp_http otlphttp prometheus prometheus_remote_write prometheusremotewrite signalfx"
    ),
    "connectors": "",
    "extensions": "awsproxy ecs_observer file_storage health_check pprof sigv4auth zpages",
}
BUILDS = {"aws-otel-collector": {kind: frozenset(names.split()) for kind, names in ADOT.items()}}

# What stands for a value of an event's resource in the names of log groups and streams, and nothing else does.
# https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/43218
EVERYWHERE = (
    "ClusterName",
    "ContainerInstanceId",
    "NodeName",
    "PodName",
    "ServiceName",
    "TaskDefinitionFamily",
    "TaskId",
)
PLACEHOLDERS = {
    "awscloudwatchlogs": (*EVERYWHERE, "FaasName", "FaasVersion", "InstanceId"),
    "awsemf": EVERYWHERE,
}
LOG_NAMES = ("log_group_name", "log_stream_name")
BRACES = re.compile(r"(?<!\$)\{([^{}]*)\}")
PERCENT = re.compile(r"%\{[^}]*\}?")
# Characters that CloudWatch Logs takes; what the collector fills in stands for one.
LOG_NAME = {
    "log_group_name": re.compile(r"[\w./#-]{1,512}", re.ASCII),
    "log_stream_name": re.compile(r"[^:*]{1,512}"),
}
FILLED_IN = re.compile(r"\$?\{[^{}]*\}")

# Keys that hold a secret, and values that say where one is.
SECRET = re.compile(
    r"(^|_)(password|passwd|secret|token|bearertoken|api_?key|access_key|private_key|credentials?)$|^authorization$"
)
REFERENCE = re.compile(r"\$\{[^}]+\}")
# Keys that name an extension.
USES = ("authenticator", "storage")

COMPONENT_ID = re.compile(r"(?P<type>[a-z][a-z0-9_]*)(/[^\s/]+)?", re.IGNORECASE)
PIPELINE = re.compile(r"(?P<signal>[a-z]+)(/[^\s/]+)?")
IMAGE = re.compile(
    r"(?P<name>([a-z0-9.-]+(:\d+)?/)?[a-z0-9._/-]+?)(:(?P<tag>\w[\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)

Faults = Iterator[tuple[str, str]]


def merged(*parts: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The parts in one: mappings are merged, a list gets what a later one adds, and null takes something out."""
    whole: dict[str, t.Any] = {}
    for part in parts:
        whole = merge_hash(whole, dict(part), recursive=True, list_merge="append_rp")
    return _without_nulls(whole)


def _without_nulls(value: t.Any) -> t.Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def table(common: Mapping[str, t.Any], *tables: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The tables in one, with what is common to all specifications before each of them."""
    whole = merged(*tables)
    return {
        name: {**entry, "spec": merged(common, entry["spec"])} if _is_complete(entry) else entry
        for name, entry in whole.items()
    }


def _is_complete(entry: t.Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("spec"), Mapping)


def declared(
    changes: Mapping[str, t.Any], options: Iterable[str] = (), images: Mapping[str, t.Any] | None = None
) -> dict[str, t.Any]:
    """The table as the role declares it, with options and the changes of an inventory. Of what is evaluated in it only
    the images are, by the variables that name them."""
    found = roles.load("telemetry", "vars/main.yml")
    extra = [found[f"__telemetry_{option}"] for option in options]
    whole = table(found["__telemetry_common"], found["__telemetry_table"], *extra, changes)
    for entry in whole.values():
        if _is_complete(entry):
            image = entry["spec"].get("image")
            entry["spec"]["image"] = (images or {}).get(str(image).strip("{} "), image)
    return whole


def complete(name: str, entry: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A collector with all that its objects need."""
    spec = {**entry["spec"], "serviceAccount": entry["service_account"]}
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return {
        "role": "",
        "from_workloads": [],
        **entry,
        "name": name,
        "spec": merged(spec, {"podAnnotations": {REVISION: digest}}),
        # internal/manifests/manifestutils/labels.go of the operator.
        "pod_labels": {
            "app.kubernetes.io/component": "opentelemetry-collector",
            "app.kubernetes.io/instance": f"{entry['namespace']}.{name}",
            "app.kubernetes.io/managed-by": "opentelemetry-operator",
        },
    }


def image_rule(image: str) -> str | None:
    """An image that is always the same."""
    found = IMAGE.fullmatch(image)
    if not found:
        return "is not the name of an image, such as public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"
    if found.group("digest"):
        return None
    if not found.group("tag"):
        return "has neither a tag nor a digest, so it is another image each time that it is built: name a version"
    if found.group("tag") == "latest":
        return "is another image each time that it is built: name a version in place of latest"
    return None


def faults(whole: Mapping[str, t.Any]) -> Faults:
    """What is wrong with the collectors: where, as a path in the table, and why. No value of a secret is told."""
    for name, entry in whole.items():
        if not isinstance(entry, Mapping):
            yield name, "is not a mapping with namespace, service_account and spec"
            continue
        for key in entry:
            if key not in KEYS:
                yield f"{name}.{key}", f"is not known here: there are {', '.join(KEYS)}"
        for key in ("namespace", "service_account"):
            if not entry.get(key):
                yield f"{name}.{key}", f"is missing: name the {key.replace('_', ' ')} that the collector runs in"
        spec = entry.get("spec")
        if not isinstance(spec, Mapping):
            yield f"{name}.spec", "is missing: the specification of an OpenTelemetryCollector"
            continue
        yield from _spec_faults(f"{name}.spec", spec)


def _spec_faults(path: str, spec: Mapping[str, t.Any]) -> Faults:
    if spec.get("mode") not in MODES:
        yield f"{path}.mode", f"{spec.get('mode')!r} is none of {', '.join(MODES)}"
    image = spec.get("image")
    if isinstance(image, str) and "{{" not in image and (rule := image_rule(image)):
        yield f"{path}.image", f"{image!r} {rule}"
    config = spec.get("config")
    if not isinstance(config, Mapping):
        yield f"{path}.config", "is missing: the configuration of the collector"
        return
    build = next((known for end, known in BUILDS.items() if _repository(image).endswith(end)), None)
    yield from _config_faults(f"{path}.config", config, build)


def _repository(image: t.Any) -> str:
    found = IMAGE.fullmatch(image) if isinstance(image, str) else None
    return found.group("name") if found else ""


def _config_faults(path: str, config: Mapping[str, t.Any], build: Mapping[str, frozenset] | None) -> Faults:
    for key, value in config.items():
        if key not in (*KINDS, "service"):
            yield f"{path}.{key}", f"is not known to a collector: there are {', '.join(KINDS)} and service"
        elif not isinstance(value, Mapping):
            yield f"{path}.{key}", "is not a mapping"
    parts = {kind: found if isinstance(found := config.get(kind), Mapping) else {} for kind in KINDS}
    for kind, components in parts.items():
        for name, settings in components.items():
            here = f"{path}.{kind}.{name}"
            yield from _component_faults(here, kind, str(name), build)
            yield from _secret_faults(here, settings)
            if kind == "exporters" and isinstance(settings, Mapping):
                yield from _log_name_faults(here, _type(name), settings)
    service = config.get("service")
    service = service if isinstance(service, Mapping) else {}
    yield from _extension_faults(path, service, parts)
    pipelines = service.get("pipelines")
    if not isinstance(pipelines, Mapping) or not pipelines:
        yield f"{path}.service.pipelines", "is empty: a collector without a pipeline doesn't start"
        return
    for name, pipeline in pipelines.items():
        yield from _pipeline_faults(f"{path}.service.pipelines.{name}", str(name), pipeline, parts)


def _type(component: t.Any) -> str:
    return str(component).partition("/")[0]


def _component_faults(path: str, kind: str, name: str, build: Mapping[str, frozenset] | None) -> Faults:
    if not COMPONENT_ID.fullmatch(name):
        yield path, "is not the id of a component: its type, and if there are several a '/' and a name"
    elif build is not None and _type(name) not in build[kind]:
        known = ", ".join(sorted(build[kind])) or "none"
        yield (
            path,
            f"is no component of the ADOT collector, whose {kind} are {known}: give the collector an image that has it",
        )


def _pipeline_faults(path: str, name: str, pipeline: t.Any, parts: Mapping[str, Mapping]) -> Faults:
    found = PIPELINE.fullmatch(name)
    if not found or found.group("signal") not in SIGNALS:
        yield path, f"is not a pipeline: its name begins with {', '.join(SIGNALS[:-1])} or {SIGNALS[-1]}"
    if not isinstance(pipeline, Mapping):
        yield path, "is not a mapping of receivers, processors and exporters"
        return
    for key in pipeline:
        if key not in ("receivers", "processors", "exporters"):
            yield f"{path}.{key}", "is not known in a pipeline: there are receivers, processors and exporters"
    for kind, gone in (("receivers", "comes in"), ("exporters", "goes out")):
        if not pipeline.get(kind):
            yield path, f"names no {kind[:-1]}, so nothing {gone}"
    for kind in ("receivers", "processors", "exporters"):
        used = pipeline.get(kind) or []
        if not isinstance(used, list):
            yield f"{path}.{kind}", "is not a list of names"
            continue
        there = {*parts[kind], *(parts["connectors"] if kind != "processors" else ())}
        for component in used:
            if component not in there:
                yield f"{path}.{kind}", f"names {component!r}, which {kind} doesn't have"
        for component in sorted({str(one) for one in used if used.count(one) > 1}):
            yield f"{path}.{kind}", f"names {component!r} twice"
    processors = pipeline.get("processors") or []
    limiters = [number for number, one in enumerate(processors) if _type(one) == "memory_limiter"]
    if limiters and limiters[0] != 0:
        yield (
            f"{path}.processors",
            f"{processors[limiters[0]]!r} is not the first: it must refuse what comes in, before others hold it",
        )


def _extension_faults(path: str, service: Mapping[str, t.Any], parts: Mapping[str, Mapping]) -> Faults:
    enabled = service.get("extensions") or []
    if not isinstance(enabled, list):
        yield f"{path}.service.extensions", "is not a list of names"
        return
    for name in enabled:
        if name not in parts["extensions"]:
            yield f"{path}.service.extensions", f"names {name!r}, which extensions doesn't have"
    for name in parts["extensions"]:
        if name not in enabled:
            yield f"{path}.extensions.{name}", "is not enabled: name it in service.extensions"
    for kind in KINDS:
        for name, settings in parts[kind].items():
            for where, extension in _used(f"{path}.{kind}.{name}", settings):
                if extension not in parts["extensions"]:
                    yield where, f"names {extension!r}, which extensions doesn't have"


def _used(path: str, settings: t.Any) -> Faults:
    """The extensions that a component uses."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            if key in USES and isinstance(value, str):
                yield f"{path}.{key}", value
            else:
                yield from _used(f"{path}.{key}", value)


def _secret_faults(path: str, settings: t.Any) -> Faults:
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            here = f"{path}.{key}"
            if isinstance(value, str) and SECRET.search(str(key).lower()) and value and not REFERENCE.search(value):
                yield (
                    here,
                    "is a secret in plain text: put it into a Secret, and write ${env:NAME} here with spec.envFrom",
                )
            else:
                yield from _secret_faults(here, value)
    elif isinstance(settings, list):
        for number, item in enumerate(settings):
            yield from _secret_faults(f"{path}[{number}]", item)


def _log_name_faults(path: str, kind: str, settings: Mapping[str, t.Any]) -> Faults:
    if kind not in PLACEHOLDERS:
        return
    known = PLACEHOLDERS[kind]
    for key in LOG_NAMES:
        name = settings.get(key)
        if not isinstance(name, str):
            if name is not None or kind == "awscloudwatchlogs":
                yield f"{path}.{key}", "is missing: the exporter needs a text"
            continue
        if "{{" in name:
            # Evaluated later; what is left then is looked at then.
            continue
        if found := PERCENT.search(name):
            yield (
                f"{path}.{key}",
                f"has {found.group()}, which this exporter doesn't know: it fills in {_braced(known)}",
            )
            continue
        unknown = [place for place in BRACES.findall(name) if place not in known]
        for place in unknown:
            yield f"{path}.{key}", f"has {{{place}}}, which this exporter doesn't know: it fills in {_braced(known)}"
        if not unknown and not LOG_NAME[key].fullmatch(FILLED_IN.sub("x", name)):
            yield f"{path}.{key}", f"{name!r} is not a name that CloudWatch Logs takes"


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
