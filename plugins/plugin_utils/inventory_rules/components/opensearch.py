# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the opensearch component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from ansible_collections.agent_platform.aws.plugins.module_utils.values import version_numbers

from ..fault import Fault, did_you_mean, fault
from ..formats import principal_rule, repeated
from ..names import Name, fixed_names
from ..prerequisites import Prerequisite
from ..ranges import Range

VERSION = re.compile(r"OpenSearch_(\d{1,2})\.(\d{1,2})")
INSTANCE_TYPE = re.compile(r"([a-z][a-z0-9]*)\.([a-z0-9]+)\.search")
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
POLICY_NAME = re.compile(r"([^:*/]+/?)*[^:*/]+")
RANGES = {
    # One in each zone at least; more than 80 AWS grants on request.
    "opensearch_instance_count": Range(2, 200, "nodes"),
    "opensearch_warm_count": Range(2, 150, "nodes", besides=(0,)),
    "opensearch_volume_size_gib": Range(10, 24576, "GiB", besides=(0,)),
    # What gp3 has for nothing, and the least that it has.
    "opensearch_volume_iops": Range(3000),
    "opensearch_volume_throughput": Range(125, of="MiB/s"),
    "opensearch_index_retention_days": Range(1, of="days"),
    "opensearch_index_shards": Range(1, 1024),
}
SAMPLES = {
    "domain_arn": "arn:{partition}:es:{region}:{account_id}:domain/" + 28 * "x",
    "endpoint": "vpc-" + 54 * "x" + ".{region}.es.amazonaws.com",
    "master_role_arn": "arn:{partition}:iam::{account_id}:role/" + 64 * "x",
}
# Families of small nodes, of which AWS tunes none and stops at what is below.
SMALL = ("t2", "t3")
MOST_NODES_OF_SMALL_MASTERS = 10
# Families whose nodes have disks of their own and take no volume.
WITH_DISKS = ("i3", "i4g", "i4i", "i7i", "i7ie", "i8g", "i8ge", "im4gn", "r6gd")
# The largest gp3 volume of a node in GiB, by AWS's table of EBS volume sizes; other types aren't checked.
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html#ebsresource
_GENERAL = {"large": 1024, "xlarge": 2048, "2xlarge": 3072, "4xlarge": 6144, "8xlarge": 12288, "12xlarge": 18432}
_MEMORY = {"large": 2048, "xlarge": 3072, "2xlarge": 6144, "4xlarge": 12288, "8xlarge": 16384, "12xlarge": 24576}
_COMPUTE = {"large": 256, "xlarge": 512, "2xlarge": 1024, "4xlarge": 1536, "8xlarge": 3072, "12xlarge": 4608}
LARGEST_VOLUMES = {
    "t3": {"small": 200, "medium": 400},
    **dict.fromkeys(("m5", "m6g"), _GENERAL),
    **dict.fromkeys(("r5", "r6g"), _MEMORY),
    "c6g": _COMPUTE,
    "c5": {**_COMPUTE, "9xlarge": 3584, "18xlarge": 7168},
}
LOGS = ("application", "audit", "index-slow", "search-slow")
MOST_LOG_POLICIES = 10
# AWS takes no more on a domain.
MOST_TAGS = 10
# Those that the platform sets itself: Project, Environment, Region, ManagedBy, Component, Name.
OWN_TAGS = 6


def family(kind: str | None) -> str:
    """The family of an instance type: r7g of r7g.large.search."""
    return (kind or "").partition(".")[0]


def _type_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    masters = values.get("opensearch_master_count")
    for variable in ("opensearch_instance_type", *(["opensearch_master_type"] if masters else [])):
        kind = values.get(variable)
        if kind is None:
            continue
        if not INSTANCE_TYPE.fullmatch(kind):
            yield fault(variable, kind, "is not an instance type of OpenSearch Service, such as r7g.large.search")
        elif family(kind) == "t2":
            yield fault(
                variable, kind, "encrypts nothing at rest, which access control needs: take t3 or another family"
            )
    kind, count = values.get("opensearch_master_type"), values.get("opensearch_instance_count")
    if masters and family(kind) in SMALL and (count or 0) > MOST_NODES_OF_SMALL_MASTERS:
        rule = f"leads at most {MOST_NODES_OF_SMALL_MASTERS} data nodes, opensearch_instance_count is {count}"
        yield fault("opensearch_master_type", kind, rule)


def _count_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    zones, count = values.get("opensearch_availability_zones"), values.get("opensearch_instance_count")
    if zones is None or count is None:
        return
    if values.get("opensearch_standby"):
        if zones != 3:
            yield fault("opensearch_standby", True, f"takes 3 zones, opensearch_availability_zones is {zones}")
        elif count % 3:
            yield fault("opensearch_instance_count", count, "is not a multiple of 3, which opensearch_standby takes")
        if not values.get("opensearch_master_count"):
            yield fault("opensearch_standby", True, "takes dedicated masters: set opensearch_master_count to 3")
        for variable in ("opensearch_instance_type", "opensearch_master_type"):
            if family(values.get(variable)) in SMALL:
                yield fault(variable, values[variable], "is too small for opensearch_standby: take another family")
    elif zones == 2 and count % 2:
        yield fault("opensearch_instance_count", count, "is not even, as AWS asks for in two zones")
    elif zones == 3 and count < 3:
        yield fault("opensearch_instance_count", count, "is less than 3, the least that AWS takes in three zones")


def _option_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    kind = values.get("opensearch_instance_type")
    small = family(kind) in SMALL
    if values.get("opensearch_auto_tune") == "enabled" and small:
        yield fault("opensearch_auto_tune", "enabled", f"is not for {kind}: AWS tunes no node of t2 and t3")
    if values.get("opensearch_warm_count"):
        if not values.get("opensearch_master_count"):
            yield fault("opensearch_warm_count", values["opensearch_warm_count"], "takes dedicated masters")
        if small:
            rule = f"is not for data nodes of type {kind}: take another family than t2 and t3"
            yield fault("opensearch_warm_count", values["opensearch_warm_count"], rule)
    elif values.get("opensearch_cold_storage"):
        yield fault("opensearch_cold_storage", True, "takes warm nodes: set opensearch_warm_count")
    window = values.get("opensearch_off_peak_window_start")
    if window is not None and not TIME.fullmatch(window):
        yield fault(
            "opensearch_off_peak_window_start", window, "is not a time of day as HH:MM in quotes, such as '02:00'"
        )
    policy = values.get("opensearch_log_policy_name")
    if policy and (len(policy) > 255 or not POLICY_NAME.fullmatch(policy)):
        yield fault("opensearch_log_policy_name", policy, "is not the name of a resource policy of CloudWatch Logs")


def _volume_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    kind, size = values.get("opensearch_instance_type"), values.get("opensearch_volume_size_gib")
    found = INSTANCE_TYPE.fullmatch(kind or "")
    if size is None or not found:
        return
    largest = LARGEST_VOLUMES.get(found[1], {}).get(found[2])
    if found[1] in WITH_DISKS:
        if size:
            yield fault(
                "opensearch_volume_size_gib", size, f"is not for {kind}, which has disks of its own: set it to 0"
            )
    elif not size:
        yield fault(
            "opensearch_volume_size_gib", size, f"leaves {kind} without any storage: it has no disks of its own"
        )
    elif largest and size > largest:
        yield fault("opensearch_volume_size_gib", size, f"is more than the {largest} GiB that {kind} takes")


def _principal_faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    for variable in ("opensearch_principals", "opensearch_master_principals"):
        for index, arn in enumerate(values.get(variable) or []):
            if rule := principal_rule(arn, values.get("platform_region")):
                yield fault(f"{variable}[{index}]", arn, rule)
        for arn in repeated(values.get(variable) or []):
            yield fault(variable, arn, "occurs more than once")
    roles = others.get("workload_identity", {}).get("workload_identity_roles")
    known = [role["name"] for role in roles or [] if "name" in role]
    for index, name in enumerate(values.get("opensearch_workloads") or []):
        if known and name not in known:
            rule = f"is no workload of workload_identity_roles{did_you_mean(name, known)}"
            yield fault(f"opensearch_workloads[{index}]", name, rule)


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    version = values.get("opensearch_engine_version")
    if version is not None and not VERSION.fullmatch(version):
        yield fault("opensearch_engine_version", version, "is not a version of OpenSearch, such as OpenSearch_3.5")
    yield from _type_faults(values)
    yield from _count_faults(values)
    yield from _option_faults(values)
    yield from _volume_faults(values)
    yield from _principal_faults(values, others)
    yield from _zone_faults(values, others.get("network", {}).get("network_availability_zones") or [])
    tags = values.get("platform_tags") or {}
    if len(tags) + OWN_TAGS > MOST_TAGS:
        text = f"{len(tags)} tags are too many for an OpenSearch domain, which takes {MOST_TAGS}"
        yield Fault("platform_tags", f"{text} of which the platform needs {OWN_TAGS}")


def _zone_faults(values: Mapping[str, t.Any], zones: list[str]) -> Iterator[Fault]:
    wanted = values.get("opensearch_availability_zones")
    if wanted and zones and len(zones) < wanted:
        rule = (
            f"is more zones than the network has ({', '.join(zones)}): name {wanted} in network_availability_zones"
            " (subnets in as many, where others have made them)"
        )
        yield fault("opensearch_availability_zones", wanted, rule)


def prerequisites(values: Mapping[str, t.Any]) -> Iterator[Prerequisite]:
    if values.get("opensearch_api_access") == "tunnel":
        yield Prerequisite("session-manager-plugin")


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    yield from fixed_names(
        prefix,
        opensearch_domain=["search"],
        iam_role=["opensearch-master"],
        logs_resource_policy=["opensearch-logs"],
    )
    if prefix:
        yield from (Name("log_group", f"/aws/opensearch/{prefix}/{log}") for log in LOGS)


def _version_faults(wanted: str, domain: Mapping[str, t.Any], offered: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable, running, versions = "opensearch_engine_version", domain.get("engine_version"), offered.get("versions")
    if wanted == running:
        return
    if versions and wanted not in versions:
        known = [version for version in versions if version.startswith("OpenSearch_")]
        yield fault(variable, wanted, f"is not a version that OpenSearch Service offers: {', '.join(known)}")
    elif running and running.startswith("OpenSearch_") and version_numbers(wanted) < version_numbers(running):
        rule = f"is older than {running}, which {domain['domain_name']} runs: an upgrade isn't taken back"
        yield fault(variable, wanted, rule)
    elif running and versions and wanted not in (offered.get("upgrades") or []):
        ways = ", ".join(offered.get("upgrades") or []) or "none"
        rule = f"can't be reached from {running}, which {domain['domain_name']} runs; AWS upgrades to {ways}"
        yield fault(variable, wanted, f"{rule}. Set one of these first")


def _offer_faults(values: Mapping[str, t.Any], offered: Mapping[str, t.Any]) -> Iterator[Fault]:
    types = offered.get("instance_types") or {}
    roles = {"opensearch_instance_type": "data", "opensearch_master_type": "master"}
    for variable, role in roles.items():
        kind = values.get(variable)
        if not types or not kind or (role == "master" and not values.get("opensearch_master_count")):
            continue
        if kind not in types:
            rule = f"is not an instance type that OpenSearch Service offers here{did_you_mean(kind, types)}"
            yield fault(variable, kind, rule)
        # Older answers name no roles.
        elif not any(role in known for known in types[kind]) and any("data" in known for known in types[kind]):
            yield fault(variable, kind, f"is not for {role} nodes")
    policies, prefix = offered.get("log_policies") or [], values.get("platform_prefix")
    taken_in = values.get("opensearch_log_policy_name")
    wanted = taken_in or (prefix and resource_name("opensearch-logs", prefix, "logs_resource_policy"))
    if wanted and wanted not in policies and len(policies) >= MOST_LOG_POLICIES:
        yield fault(
            "opensearch_log_policy_name",
            taken_in or "",
            f"would be one resource policy of CloudWatch Logs more than the {MOST_LOG_POLICIES} that an account has in"
            f" a region: name one that takes in the platform's statement ({', '.join(policies)}), or remove one",
        )


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What can't become of the domain that exists, and what AWS doesn't offer."""
    domain, network = platform.get("opensearch") or {}, platform.get("network") or {}
    offered = (platform.get("offers") or {}).get("opensearch") or {}
    wanted = values.get("opensearch_engine_version")
    if wanted and VERSION.fullmatch(wanted):
        yield from _version_faults(wanted, domain, offered)
    yield from _offer_faults(values, offered)
    if network.get("existing"):
        yield from _zone_faults(values, network.get("availability_zones") or [])
    if domain.get("vpc_id") and network.get("vpc_id") and domain["vpc_id"] != network["vpc_id"]:
        rule = f"the domain is in {domain['vpc_id']}, the network is {network['vpc_id']}: AWS can't move it"
        yield Fault("opensearch", f"{rule}. Find out which is yours")
    size, present = values.get("opensearch_volume_size_gib"), domain.get("volume_size_gib")
    if size and present and size < present:
        yield fault(
            "opensearch_volume_size_gib",
            size,
            f"is less than the {present} GiB of {domain['domain_name']}, whose data may not fit into that: leave it, or"
            " build a new domain and reindex",
        )


def warnings(values: Mapping[str, t.Any], _platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    zones, count = values.get("opensearch_availability_zones"), values.get("opensearch_instance_count")
    if zones == 3 and count and count % 3:
        yield fault("opensearch_instance_count", count, "is not a multiple of 3, so the zones are loaded unevenly")
