# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the gateways: what Kubernetes, Elastic Load Balancing and good sense refuse of their table."""

from __future__ import annotations

import fnmatch
import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.agent_platform.aws.plugins.plugin_utils import gateways as table
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import untold

from ..confidential import looks_like
from ..databases import LITELLM, database_faults
from ..fault import Fault, did_you_mean, fault
from ..formats import dns_label_rule, repeated
from ..internet import WHY, image_faults, reaches
from ..kubernetes import resource_faults
from ..names import Name, fixed_names
from ..prerequisites import in_cluster
from ..ranges import Range

Entry = Mapping[str, t.Any]

# https://github.com/distribution/reference: a registry, which may have a port, and parts of a path.
REPOSITORY = re.compile(
    r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*"
)
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
IMAGE_KEYS = ("repository", "tag", "digest")
MOVING = re.compile(r"(.*-)?latest")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FILE_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}")
# A listener rule's path takes up to 128 characters, and * and ? stand for others in it.
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST_PATH = 128
PROBE_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1023}")
SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):(\d{12}):secret:[A-Za-z0-9/_+=.@-]+")
WEB_ACL_ARN = re.compile(r"arn:aws[a-z-]*:wafv2:([a-z0-9-]+):(\d{12}):regional/webacl/[\w-]+/[0-9a-f-]{36}")
SSL_POLICY = re.compile(r"ELBSecurityPolicy-[A-Za-z0-9-]+")
ATTRIBUTE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
# What a ConfigMap can hold, with some room for its own words.
LARGEST_MAP = 1_000_000

# The setting by which a gateway checks tokens.
USER_POOL = "COGNITO_USER_POOL_ID"

RANGES = {
    "gateways_minimum_replicas": Range(1),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    "gateways_health_check_interval_seconds": Range(5, 300, of="seconds"),
    "gateways_deregistration_delay_seconds": Range(0, 3600, of="seconds"),
    "gateways_drain_seconds": Range(1, 3700, of="seconds"),
    "gateways_shutdown_seconds": Range(1, 3600, of="seconds"),
    "gateways_secret_recovery_days": Range(7, 30, "days", besides=(0,)),
}
PROBE_RANGES = {
    "startup_seconds": Range(5, 3600, of="seconds"),
    "period_seconds": Range(1, 300, of="seconds"),
    "timeout_seconds": Range(2, 120, of="seconds"),
    "failure_threshold": Range(2, 10, of="looks"),
}


def faults(values: Entry, others: Mapping[str, Entry]) -> Iterator[Fault]:
    given = values.get("platform_gateways") or []
    images = values.get("gateways_images") or {}
    yield from _images_faults(images, given)
    usable = {name: image for name, image in images.items() if isinstance(image, Mapping)}
    entries = [
        (f"platform_gateways[{index}]", entry)
        for index, entry in enumerate(table.complete(given, usable))
        if entry.get("state", "present") == "present"
    ]
    for path, entry in entries:
        yield from _preset_faults(path, entry)
        yield from _image_faults(path, entry, entry.get("name") in usable, others)
        yield from _told_faults(path, entry, [one for _path, one in entries], values)
        yield from _size_faults(path, entry, values, others)
        yield from _probe_faults(path, entry, values)
        yield from _place_faults(path, entry, others)
    yield from _path_faults(entries)
    yield from _account_faults(entries)
    yield from _balancer_faults(values, others)
    yield from database_faults(values, others)
    for index, namespace in enumerate(values.get("gateways_client_namespaces") or []):
        if rule := dns_label_rule(namespace):
            yield fault(f"gateways_client_namespaces[{index}]", namespace, rule)
    classes = (others.get("cluster_services") or {}).get("cluster_services_priority_classes")
    name = values.get("gateways_priority_class")
    if name and classes is not None and name not in [one.get("name") for one in classes]:
        rule = "is not among cluster_services_priority_classes"
        known = did_you_mean(name, [one["name"] for one in classes if "name" in one])
        yield fault("gateways_priority_class", name, f"{rule}{known}")


prerequisites = in_cluster


def internet_faults(values: Entry, others: Mapping[str, Entry]) -> Iterator[Fault]:
    """Images, clients that come from there, and Cognito, which knows no endpoint for a user pool with a domain."""
    given, images = values.get("platform_gateways") or [], values.get("gateways_images") or {}
    usable = {name: image for name, image in images.items() if isinstance(image, Mapping)}
    told = []
    for index, entry in enumerate(table.complete(given, usable)):
        if entry.get("state", "present") != "present":
            continue
        name, repository = entry.get("name"), (entry.get("image") or {}).get("repository")
        where = f"gateways_images.{name}" if name in usable else f"platform_gateways[{index}].image"
        yield from image_faults(f"{where}.repository", repository, others)
        told += [name] if USER_POOL in (entry.get("configuration") or []) else []
    if values.get("gateways_database_bootstrap") and "aurora" in others:
        yield from image_faults("gateways_database_image", values.get("gateways_database_image"), others)
    host = f"cognito-idp.{values.get('platform_region')}.amazonaws.com"
    if told and "cognito" in others and not reaches(host, others):
        rule = (
            f"have {USER_POOL}: the keys by which they check its tokens are at {host}, {WHY}, because AWS lets nothing "
            "of a user pool with a domain through an endpoint: take it out of their configuration, or name that host "
            "in network_private_hosts, if it is reached in another way or done without"
        )
        yield fault("platform_gateways", told, rule)
    scheme, firewall = values.get("gateways_scheme"), values.get("gateways_web_acl_arn")
    if scheme == "internet-facing":
        yield fault("gateways_scheme", scheme, f"is for clients on the internet, {WHY}: make it internal")
    elif firewall:
        yield fault("gateways_web_acl_arn", firewall, f"is attached by a call of WAF's API, {WHY}: leave it empty")


def names(values: Entry) -> Iterator[Name]:
    given = values.get("platform_gateways") or []
    own = [gateway["name"] for gateway in given if gateway.get("preset") == LITELLM and gateway.get("name")]
    yield from fixed_names(
        values.get("platform_prefix"), secret=[f"{name}-{key}" for name in own for key in ("master-key", "salt-key")]
    )


# ---- One gateway


def _preset_faults(path: str, entry: Entry) -> Iterator[Fault]:
    preset = entry.get("preset")
    if preset and preset not in table.presets():
        known = ", ".join(sorted(table.presets())) or "none"
        yield fault(f"{path}.preset", preset, f"is no preset; there are {known}{did_you_mean(preset, table.presets())}")


def _images_faults(images: Mapping[t.Any, t.Any], gateways: Sequence[Entry]) -> Iterator[Fault]:
    names = [gateway.get("name") for gateway in gateways]
    for name, image in images.items():
        path = f"gateways_images.{name}"
        if name not in names:
            yield Fault(path, f"there is no gateway of that name in platform_gateways{did_you_mean(str(name), names)}")
        if not isinstance(image, Mapping):
            yield fault(path, image, "is not a mapping with tag or digest")
            continue
        for key, value in image.items():
            if key not in IMAGE_KEYS:
                yield Fault(f"{path}.{key}", f"there is no such key; known: {', '.join(IMAGE_KEYS)}")
            elif not isinstance(value, str):
                yield fault(f"{path}.{key}", value, "is not a text: put it in quotes, as a number it loses zeros")


def _image_faults(path: str, entry: Entry, overridden: bool, others: Mapping[str, Entry]) -> Iterator[Fault]:
    """An image whose name says for ever which one it is."""
    image = entry.get("image") or {}
    where = f"gateways_images.{entry.get('name')}" if overridden else f"{path}.image"
    repository, tag, digest = (str(image.get(key) or "") for key in IMAGE_KEYS)
    if repository and not REPOSITORY.fullmatch(repository):
        rule = "is not a repository, such as ghcr.io/example/gateway, without a tag"
        yield fault(f"{where}.repository", repository, rule)
    if digest:
        if not DIGEST.fullmatch(digest):
            yield fault(f"{where}.digest", digest, "is not a digest: sha256: and 64 digits from 0 to f")
        return
    if not tag:
        rule = f"names neither a digest nor a tag: say which version runs, in gateways_images.{entry.get('name')}"
        yield Fault(where, rule)
    elif not TAG.fullmatch(tag):
        rule = "is not a tag: up to 128 letters, digits and _ . -, no . or - first"
        yield fault(f"{where}.tag", tag, rule)
    elif MOVING.fullmatch(tag):
        yield fault(f"{where}.tag", tag, "is another image tomorrow: name a digest, or the tag of a version")
    elif not repository:
        yield from _moving_faults(f"{where}.tag", tag, others.get("registry") or {})


def _moving_faults(where: str, tag: str, registry: Entry) -> Iterator[Fault]:
    """A tag that the platform's own repository lets move."""
    mutability = registry.get("registry_tag_mutability") or "IMMUTABLE"
    excluded = [
        pattern for pattern in registry.get("registry_tag_exclusions") or [] if fnmatch.fnmatchcase(tag, pattern)
    ]
    if mutability == "MUTABLE" or (mutability == "MUTABLE_WITH_EXCLUSION" and not excluded):
        yield fault(where, tag, f"may become another image, as registry_tag_mutability is {mutability}: name a digest")
    elif mutability == "IMMUTABLE_WITH_EXCLUSION" and excluded:
        rule = f"may become another image, as registry_tag_exclusions has {excluded[0]}: name a digest"
        yield fault(where, tag, rule)


def _told_faults(path: str, entry: Entry, entries: Sequence[Entry], values: Entry) -> Iterator[Fault]:
    """What a gateway is told: keys that there are, each once, no secrets."""
    known = {**table.settings_table(), **table.service_keys(entries)}
    keys = entry.get("configuration") or []
    for index, key in enumerate(keys):
        if key not in known:
            rule = f"is no key of the component configuration{did_you_mean(key, known)}"
            yield fault(f"{path}.configuration[{index}]", key, rule)
        elif key in table.settings_table() and (other := untold("gateways", table.settings_table()[key][0])):
            rule = f"tells of {other}, which gateways doesn't read, so it would never be told"
            yield fault(f"{path}.configuration[{index}]", key, f"{rule}: write its value into environment instead")
    for key in repeated(keys):
        yield fault(f"{path}.configuration", key, "occurs more than once")
    secrets = entry.get("secrets") or {}
    for key, arn in secrets.items():
        where = f"{path}.secrets.{key}"
        found = SECRET_ARN.fullmatch(arn) if isinstance(arn, str) else None
        if not found:
            yield Fault(where, "is not the ARN of a secret of Secrets Manager: its pods read it themselves")
        elif values.get("platform_region") and found[1] != values["platform_region"]:
            yield fault(where, arn, f"is a secret of another region than {values['platform_region']}")
    environments = {
        f"{path}.environment": entry.get("environment") or {},
        "gateways_environment": values.get("gateways_environment") or {},
    }
    for where, environment in environments.items():
        if where == "gateways_environment" and path != "platform_gateways[0]":
            continue
        for key, value in environment.items():
            if isinstance(value, (Mapping, list, tuple)) or value is None:
                yield fault(f"{where}.{key}", value, "is not a text")
            elif what := looks_like(str(key), str(value)):
                rule = "put it into Secrets Manager, and its ARN into secrets, which the pods read with their role"
                yield Fault(f"{where}.{key}", f"looks like {what}, which everyone who sees a ConfigMap reads: {rule}")
    own = [*keys, *secrets, *(entry.get("environment") or {})]
    for key in {*secrets, *(entry.get("environment") or {})}:
        if not isinstance(key, str) or not VARIABLE.fullmatch(key):
            yield fault(
                path, key, "is not the name of an environment variable: letters, digits and '_', no digit first"
            )
    for key in repeated(own):
        if key not in repeated(keys):
            yield fault(path, key, "is told twice: of configuration, secrets and environment each key is in one")
    files = entry.get("files") or {}
    for name, text in files.items():
        if not isinstance(name, str) or not FILE_NAME.fullmatch(name):
            yield fault(f"{path}.files", name, "is not the name of a file: letters, digits and - _ .")
        elif not isinstance(text, str):
            yield Fault(f"{path}.files.{name}", "is not a text")
    size = sum(len(str(text).encode()) for text in files.values())
    if size > LARGEST_MAP:
        yield Fault(f"{path}.files", f"have {size} bytes, and a ConfigMap holds {LARGEST_MAP}")


def _size_faults(path: str, entry: Entry, values: Entry, others: Mapping[str, Entry]) -> Iterator[Fault]:
    """How many pods, and how large."""
    yield from resource_faults(f"{path}.resources", entry.get("resources") or {})
    yield from Range(1024, 65535, of="as the port of what is not root").faults(f"{path}.port", entry.get("port"))
    yield from Range(1, 2**31 - 1, of="as a user who is not root").faults(f"{path}.user_id", entry.get("user_id"))
    replicas, least = entry.get("replicas"), values.get("gateways_minimum_replicas")
    if None not in (replicas, least) and replicas < least:
        rule = f"is below gateways_minimum_replicas, {least}: with fewer none would serve while a node is replaced"
        yield fault(f"{path}.replicas", replicas, rule)
    scaling = entry.get("autoscaling") or {}
    most = scaling.get("max_replicas") or 0
    if most < 0 or (most and replicas is not None and most < replicas):
        rule = f"is below replicas, {replicas}; 0 leaves their number as it is"
        yield fault(f"{path}.autoscaling.max_replicas", most, rule)
    targets = [scaling.get(key) or 0 for key in ("cpu_percent", "memory_percent")]
    for key, value in zip(("cpu_percent", "memory_percent"), targets, strict=True):
        yield from Range(0, 1000, of="percent").faults(f"{path}.autoscaling.{key}", value)
    if most and not any(targets):
        yield Fault(f"{path}.autoscaling", "has no target: set cpu_percent or memory_percent")
    addons = (others.get("eks") or {}).get("eks_addons")
    if most and addons is not None and "metrics-server" not in _present(addons):
        rule = "needs the load of the pods: add metrics-server to eks_addons"
        yield fault(f"{path}.autoscaling.max_replicas", most, rule)


def _present(entries: Sequence[Entry]) -> list[str]:
    return [entry.get("name", "") for entry in entries if entry.get("state", "present") == "present"]


def _probe_faults(path: str, entry: Entry, values: Entry) -> Iterator[Fault]:
    probes = entry.get("probes") or {}
    for key, wanted in PROBE_RANGES.items():
        yield from wanted.faults(f"{path}.probes.{key}", probes.get(key))
    for key in ("path", "liveness_path"):
        value = probes.get(key)
        if value and not PROBE_PATH.fullmatch(value):
            yield fault(f"{path}.probes.{key}", value, "is not a path, such as /health")
    if probes.get("path") == "":
        yield fault(f"{path}.probes.path", "", "is not a path, such as /health")
    interval, timeout = values.get("gateways_health_check_interval_seconds"), probes.get("timeout_seconds")
    if entry.get("ingress_path") and interval and timeout and timeout >= interval:
        rule = f"is not below gateways_health_check_interval_seconds, {interval}, as Elastic Load Balancing wants it"
        yield fault(f"{path}.probes.timeout_seconds", timeout, rule)


def _place_faults(path: str, entry: Entry, others: Mapping[str, Entry]) -> Iterator[Fault]:
    """A namespace that nobody makes."""
    namespaces = (others.get("cluster_services") or {}).get("cluster_services_namespaces")
    name = entry.get("namespace")
    if name and namespaces is not None:
        known = [one["name"] for one in namespaces if "name" in one]
        if name not in known:
            rule = f"is not among cluster_services_namespaces{did_you_mean(name, known)}"
            yield fault(f"{path}.namespace", name, rule)


# ---- All of them


def _path_faults(entries: Sequence[tuple[str, Entry]]) -> Iterator[Fault]:
    """Paths that the load balancer tells apart, whatever their order."""
    seen: list[tuple[str, str]] = []
    for path, entry in entries:
        value = entry.get("ingress_path")
        if not value:
            continue
        where = f"{path}.ingress_path"
        if not PATH.fullmatch(value) or len(value) > LONGEST_PATH:
            rule = (
                f"is not a path of up to {LONGEST_PATH} letters, digits and . _ ~ - between single '/', none at the end"
            )
            yield fault(where, value, rule)
            continue
        for other, taken in seen:
            if value == taken:
                yield fault(where, value, f"is that of {other}, too: give this one another")
            elif f"{value}/".startswith(f"{taken}/") or f"{taken}/".startswith(f"{value}/"):
                yield fault(where, value, f"and {taken} of {other} begin alike, so one would get what is the other's")
        seen.append((str(entry.get("name")), value))


def _account_faults(entries: Sequence[tuple[str, Entry]]) -> Iterator[Fault]:
    """A service account has one role."""
    seen: dict[tuple[str, str], str] = {}
    for path, entry in entries:
        for account in entry.get("service_accounts") or []:
            key = (entry.get("namespace", ""), account)
            if key in seen and seen[key] != entry.get("name"):
                rule = f"is one of {seen[key]}, too: a service account has one role"
                yield fault(f"{path}.service_accounts", account, rule)
            seen[key] = entry.get("name", "")


def _balancer_faults(values: Entry, others: Mapping[str, Entry]) -> Iterator[Fault]:
    delay, drain = (values.get(f"gateways_{key}_seconds") for key in ("deregistration_delay", "drain"))
    if None not in (delay, drain) and drain <= delay:
        rule = f"is not longer than gateways_deregistration_delay_seconds, {delay}: requests would be cut off"
        yield fault("gateways_drain_seconds", drain, rule)
    certificate, region = values.get("gateways_certificate"), values.get("platform_region")
    declared = (others.get("certificate") or {}).get("certificate_certificates")
    if certificate and declared is not None:
        found = [one for one in declared if one.get("name") == certificate and one.get("state") != "absent"]
        names = _present(declared)
        if not found:
            rule = f"is not among certificate_certificates{did_you_mean(certificate, names)}"
            yield fault("gateways_certificate", certificate, rule)
        elif region and (found[0].get("region") or region) != region:
            rule = f"is a certificate of {found[0]['region']}: a load balancer takes one of its own region, {region}"
            yield fault("gateways_certificate", certificate, rule)
    policy = values.get("gateways_ssl_policy")
    if policy and not SSL_POLICY.fullmatch(policy):
        rule = "is not a security policy, such as ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
        yield fault("gateways_ssl_policy", policy, rule)
    acl = values.get("gateways_web_acl_arn")
    if acl:
        arn = WEB_ACL_ARN.fullmatch(acl)
        if not arn:
            yield fault("gateways_web_acl_arn", acl, "is not the ARN of a regional web ACL of AWS WAF")
        elif region and arn[1] != region:
            yield fault("gateways_web_acl_arn", acl, f"is a web ACL of another region than {region}")
    if values.get("gateways_scheme") == "internet-facing":
        for name, what in (("gateways_certificate", "a certificate"), ("gateways_web_acl_arn", "a web ACL")):
            if not values.get(name):
                yield fault("gateways_scheme", "internet-facing", f"takes {what}: set {name}")
    for key, value in (values.get("gateways_load_balancer_attributes") or {}).items():
        where = f"gateways_load_balancer_attributes.{key}"
        if not isinstance(key, str) or not ATTRIBUTE.fullmatch(key):
            yield Fault(where, "is not the name of an attribute, such as idle_timeout.timeout_seconds")
        elif not isinstance(value, str) or "," in value or "=" in value:
            yield fault(where, value, "is not a text without ',' and '='")
        elif key == "deletion_protection.enabled" and value == "true":
            yield fault(where, value, "keeps the controller, and so a teardown, from removing the load balancer")


# ---- What exists


def change_faults(values: Entry, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A version that isn't among those that have been pushed. Where none has, the gateway waits for its first."""
    pushed = (platform.get("registry") or {}).get("images") or {}
    images = values.get("gateways_images") or {}
    for index, entry in enumerate(table.complete(values.get("platform_gateways") or [], images)):
        name, image = entry.get("name"), entry.get("image") or {}
        version = image.get("digest") or image.get("tag")
        if image.get("repository") or not version or entry.get("state") == "absent":
            continue
        if table.is_missing(version, pushed.get(name) or []):
            where = f"gateways_images.{name}" if name in images else f"platform_gateways[{index}].image"
            rule = f"is not in the repository of {name}: push it first, or name one that is there"
            yield fault(where, version, rule)


def warnings(values: Entry, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A load balancer that becomes another one."""
    facts = platform.get("gateways") or {}
    scheme, now = values.get("gateways_scheme"), facts.get("load_balancer_scheme")
    if scheme and now and scheme != now:
        rule = f"and the load balancer is {now}: the controller makes another one, with another name, and removes it"
        led_to = (platform.get("vpc_origin") or {}).get("load_balancer_arn")
        front_end = "; /api/* of the front end goes with it" if led_to and led_to == facts["load_balancer_arn"] else ""
        yield fault("gateways_scheme", scheme, f"{rule}{front_end}")
