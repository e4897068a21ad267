# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the aurora component."""

from __future__ import annotations

import datetime
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from ansible_collections.agent_platform.aws.plugins.module_utils.values import version_numbers

from ...key_policy import EVENTS
from .. import existing_vpc
from ..fault import Fault, did_you_mean, fault
from ..formats import repeated, repeated_names
from ..keys import policy_faults
from ..names import Name, fixed_names, named_entries
from ..ranges import Range
from ..windows import window_faults

VERSION = re.compile(r"\d+\.\d+")
INSTANCE_NAME = re.compile(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9]))*")
# The rest of the 63 characters of an identifier is for the prefix.
LONGEST_INSTANCE_NAME = 20
INSTANCE_CLASS = re.compile(r"db\.(serverless|[a-z0-9]+(-[a-z0-9]+)?\.[a-z0-9]+)")
SERVERLESS = "db.serverless"
WITHOUT_DATA_API = "db.t"
MOST_INSTANCES = 16
DATABASE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
RESERVED_DATABASES = ("rdsadmin", "template0", "template1")
USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}")
RESERVED_USERS = ("admin", "rdsadmin", "rdsproxyadmin", "rdsrepladmin", "rds_superuser", "user")
SNAPSHOT = re.compile(r"(arn:[\w-]+:rds:[a-z0-9-]+:\d{12}:cluster-snapshot:)?((rds|awsbackup):)?[A-Za-z][A-Za-z0-9:-]*")
CLUSTER = re.compile(r"[A-Za-z]([A-Za-z0-9]|-(?=[A-Za-z0-9])){0,62}")

SHORTEST_WINDOW = 30

# Days for which the load of the database is kept: 7, a month of 31 days up to 23 times, or two years.
INSIGHTS_DAYS = (7, *range(31, 24 * 31, 31), 731)
ADVANCED_DAYS = 465
MOST_CAPACITY = 256

RANGES = {
    "aurora_backup_retention_days": Range(1, 35, "days"),
    "aurora_instances[].promotion_tier": Range(0, 15),
    "aurora_timeout_seconds": Range(60),
}


def _major(version: str) -> str:
    return version.partition(".")[0]


def _present(values: Mapping[str, t.Any]) -> list[tuple[int, Mapping[str, t.Any]]]:
    """The instances that are to be there, with their places in the list."""
    listed = enumerate(values.get("aurora_instances") or [])
    return [(index, item) for index, item in listed if item.get("state") != "absent"]


def _classes(values: Mapping[str, t.Any]) -> Iterator[tuple[str, str]]:
    """The classes that instances have, by the variables that say so."""
    own = [
        (f"aurora_instances[{index}].instance_class", item.get("instance_class")) for index, item in _present(values)
    ]
    if values.get("aurora_instance_class") and not (own and all(name for _path, name in own)):
        yield "aurora_instance_class", values["aurora_instance_class"]
    yield from ((path, name) for path, name in own if name)


def faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    version = values.get("aurora_engine_version")
    if version is not None and not VERSION.fullmatch(version):
        yield fault("aurora_engine_version", version, "is not a version as major.minor, such as '17.10'")
    yield from _name_faults(values)
    yield from _instance_faults(values, others.get("network", {}).get("network_availability_zones") or [])
    yield from _capacity_faults(values)
    yield from _scaling_faults(values)
    yield from window_faults(values, "aurora_backup_window", "aurora_maintenance_window", SHORTEST_WINDOW)
    yield from _insights_faults(values)
    yield from _parameter_faults(values)
    yield from _restore_faults(values)
    for variable in ("aurora_log_types", "aurora_event_categories"):
        for item in repeated(values.get(variable) or []):
            yield fault(variable, item, "occurs more than once")
    if values.get("aurora_event_categories") == []:
        yield fault("aurora_event_categories", [], "names no events: RDS would send all of them")


def _name_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    database, user = values.get("aurora_database"), values.get("aurora_master_username")
    if database and (not DATABASE.fullmatch(database) or database.lower() in RESERVED_DATABASES):
        rule = "is not up to 63 letters, digits and '_' with a letter first, or is a name that RDS keeps for itself"
        yield fault("aurora_database", database, rule)
    if user is not None and not USERNAME.fullmatch(user):
        rule = "is not 1 to 16 letters, digits and '_' with a letter first"
        yield fault("aurora_master_username", user, rule)
    elif user is not None and user.lower() in RESERVED_USERS:
        yield fault("aurora_master_username", user, "is a name that RDS or PostgreSQL keeps for itself")


def _instance_faults(values: Mapping[str, t.Any], network_zones: list[str]) -> Iterator[Fault]:
    variable, listed = "aurora_instances", values.get("aurora_instances")
    if listed is None:
        return
    present = _present(values)
    yield from repeated_names(variable, listed)
    if not present:
        yield Fault(variable, "has no instance that is present: without one nobody can reach the database")
    if len(present) > MOST_INSTANCES:
        rule = f"{len(present)} are too many: a cluster has a writer and up to {MOST_INSTANCES - 1} readers"
        yield Fault(variable, rule)
    for index, item in enumerate(listed):
        name = item.get("name")
        if name is not None and (not INSTANCE_NAME.fullmatch(name) or len(name) > LONGEST_INSTANCE_NAME):
            rule = f"is not 1 to {LONGEST_INSTANCE_NAME} lower-case letters, digits and single '-' between them"
            yield fault(f"{variable}[{index}].name", name, rule)
    for index, item in present:
        zone = item.get("availability_zone")
        if zone and network_zones and zone not in network_zones:
            rule = f"is not a zone of the network: {', '.join(network_zones)}"
            yield fault(f"{variable}[{index}].availability_zone", zone, rule)
    zones = {item.get("availability_zone") for _index, item in present}
    if len(present) > 1 and len(zones) == 1 and None not in zones:
        rule = f"all lie in {zones.pop()}: when that zone fails, none can take over"
        yield Fault(variable, rule)
    for path, name in _classes(values):
        if not INSTANCE_CLASS.fullmatch(name):
            yield fault(path, name, "is not a class of instances, such as db.t4g.medium")
        elif name == SERVERLESS and not values.get("aurora_serverless_capacity"):
            yield fault(path, name, "needs aurora_serverless_capacity")
        elif name.startswith(WITHOUT_DATA_API) and values.get("aurora_data_api"):
            rule = "is a class for which AWS has no RDS Data API: take another, such as db.r8g.large or db.serverless"
            yield fault(path, name, f"{rule}, or set aurora_data_api to false")


def _capacity_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable, capacity = "aurora_serverless_capacity", values.get("aurora_serverless_capacity") or {}
    if not capacity:
        return
    least, most, pause = (capacity.get(key) for key in ("min_capacity", "max_capacity", "seconds_until_auto_pause"))
    for key, value, lowest in (("min_capacity", least, 0), ("max_capacity", most, 1)):
        if value is None:
            yield Fault(f"{variable}.{key}", "is missing")
        elif not lowest <= value <= MOST_CAPACITY or value * 2 != int(value * 2):
            rule = f"is not from {lowest} to {MOST_CAPACITY} units in steps of 0.5"
            yield fault(f"{variable}.{key}", value, rule)
    if least is not None and most is not None and least > most:
        yield fault(f"{variable}.min_capacity", least, f"is greater than max_capacity {most}")
    if pause is not None:
        yield from Range(300, 86_400, "seconds").faults(f"{variable}.seconds_until_auto_pause", pause)
        if least:
            rule = f"has no meaning with min_capacity {least}: only from 0 units on does an instance pause"
            yield fault(f"{variable}.seconds_until_auto_pause", pause, rule)


def _scaling_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable, scaling = "aurora_autoscaling", values.get("aurora_autoscaling") or {}
    if not scaling:
        return
    for key in ("min_readers", "max_readers", "target_value"):
        if scaling.get(key) is None:
            yield Fault(f"{variable}.{key}", "is missing")
    least, most, target = (scaling.get(key) for key in ("min_readers", "max_readers", "target_value"))
    readers = Range(0, MOST_INSTANCES - 1, "readers")
    for key, value in (("min_readers", least), ("max_readers", most)):
        yield from readers.faults(f"{variable}.{key}", value)
    if least is not None and most is not None and least > most:
        yield fault(f"{variable}.min_readers", least, f"is greater than max_readers {most}")
    own = len(_present(values)) - 1
    if most is not None and most < own:
        yield fault(f"{variable}.max_readers", most, f"is less than the {own} readers of aurora_instances")
    percent = (scaling.get("metric") or "cpu") == "cpu"
    if target is not None and (target <= 0 or (percent and target > 100)):
        yield fault(f"{variable}.target_value", target, "is not a percentage above 0" if percent else "is not above 0")
    for key in ("scale_in_cooldown", "scale_out_cooldown"):
        yield from Range(0, of="seconds").faults(f"{variable}.{key}", scaling.get(key))


def _insights_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable, days = "aurora_insights_retention_days", values.get("aurora_insights_retention_days")
    if days is None:
        return
    if days not in INSIGHTS_DAYS:
        yield fault(variable, days, "is not 7, 731, or a multiple of 31 up to 713")
    elif values.get("aurora_insights_mode") == "advanced" and days < ADVANCED_DAYS:
        rule = f"is less than {ADVANCED_DAYS}, which aurora_insights_mode advanced needs"
        yield fault(variable, days, rule)


def _parameter_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    for variable in ("aurora_cluster_parameters", "aurora_instance_parameters"):
        for name, value in (values.get(variable) or {}).items():
            if isinstance(value, (list, dict)) or value is None:
                yield fault(f"{variable}.{name}", value, "is not a text or a number: write a list as a,b")


def _restore_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    snapshot, cluster, moment = (values.get(f"aurora_restore_{what}") for what in ("snapshot", "cluster", "time"))
    if snapshot and cluster:
        rule = "and aurora_restore_cluster can't both be what the cluster is made of: remove one of them"
        yield fault("aurora_restore_snapshot", snapshot, rule)
    if snapshot and not SNAPSHOT.fullmatch(snapshot):
        yield fault("aurora_restore_snapshot", snapshot, "is not the identifier or ARN of a snapshot of a cluster")
    if cluster and not CLUSTER.fullmatch(cluster):
        yield fault("aurora_restore_cluster", cluster, "is not the identifier or resource ID of a cluster")
    prefix = values.get("platform_prefix")
    if cluster and prefix and cluster == resource_name("aurora", prefix, "rds_cluster"):
        rule = "is this cluster itself: restore into a platform of another name, or from the cluster's resource ID"
        yield fault("aurora_restore_cluster", cluster, rule)
    if not moment:
        return
    if not cluster:
        yield fault("aurora_restore_time", moment, "is a moment of aurora_restore_cluster, which is not given")
    try:
        known = moment == "latest" or datetime.datetime.fromisoformat(moment)
    except ValueError:
        known = None
    if not known or (known is not True and known.tzinfo is None):
        rule = "is not a moment with a time zone, such as '2026-11-28T09:30:00Z', or latest"
        yield fault("aurora_restore_time", moment, rule)
    elif known is not True and known > _now():
        yield fault("aurora_restore_time", moment, "is in the future")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    yield from fixed_names(
        prefix,
        rds_cluster=["aurora"],
        rds_subnet_group=["aurora"],
        rds_event_subscription=["aurora"],
        sns_topic=["aurora-events"],
        iam_role=["aurora-monitoring"],
    )
    if prefix:
        cluster = resource_name("aurora", prefix, "rds_cluster")
        for kind in values.get("aurora_log_types") or []:
            yield Name("log_group", f"/aws/rds/cluster/{cluster}/{kind}")
    version = values.get("aurora_engine_version")
    if prefix and version:
        group = resource_name("aurora", prefix, "rds_parameter_group")
        yield Name("rds_parameter_group", f"{group}-{_major(version)}")
    instances = values.get("aurora_instances") or []
    yield from named_entries(prefix, "aurora_instances", instances, "rds_instance", before="aurora-")


# ---- What RDS would refuse of what exists, or doesn't offer


def _gone_ahead(values: Mapping[str, t.Any], cluster: Mapping[str, t.Any]) -> bool:
    """Whether RDS has upgraded the cluster by itself within its major version."""
    wanted, running = values.get("aurora_engine_version"), cluster.get("engine_version")
    return bool(
        wanted
        and running
        and values.get("aurora_auto_minor_version_upgrade")
        and _major(wanted) == _major(running)
        and version_numbers(wanted) < version_numbers(running)
    )


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    cluster = platform.get("aurora") or {}
    offered = (platform.get("offers") or {}).get("aurora") or {}
    yield from _version_faults(values, cluster, offered.get("versions") or {})
    yield from _class_faults(values, offered.get("classes") or {})
    yield from policy_faults(values, platform, EVENTS)
    zones = {
        f"aurora_instances[{index}].availability_zone": item["availability_zone"]
        for index, item in _present(values)
        if item.get("availability_zone")
    }
    yield from existing_vpc.zone_faults(zones, platform.get("network") or {})
    if not cluster.get("cluster_identifier"):
        return
    for variable, fact in (("aurora_database", "database"), ("aurora_master_username", "master_username")):
        if values.get(variable) and cluster.get(fact) and values[variable] != cluster[fact]:
            rule = f"is not that of {cluster['cluster_identifier']}, {cluster[fact]}, and RDS can't change it"
            yield fault(variable, values[variable], rule)
    for index, item in _present(values):
        name = resource_name(f"aurora-{item.get('name')}", values.get("platform_prefix") or "x", "rds_instance")
        lies = ((cluster.get("instances") or {}).get(name) or {}).get("availability_zone")
        zone = item.get("availability_zone")
        if zone and lies and zone != lies:
            rule = (
                f"is not that of {name}, {lies}, which it keeps: add an instance of another name, then remove this one"
            )
            yield fault(f"aurora_instances[{index}].availability_zone", zone, rule)


def _version_faults(
    values: Mapping[str, t.Any], cluster: Mapping[str, t.Any], versions: Mapping[str, list]
) -> Iterator[Fault]:
    variable, wanted = "aurora_engine_version", values.get("aurora_engine_version")
    running = cluster.get("engine_version")
    if not wanted or wanted == running or _gone_ahead(values, cluster):
        return
    if versions and wanted not in versions:
        of_major = [name for name in versions if _major(name) == _major(wanted)]
        near = ", ".join(sorted(of_major or versions, key=version_numbers))
        yield fault(variable, wanted, f"is not a version that Aurora PostgreSQL has here: {near}")
        return
    if running and version_numbers(wanted) < version_numbers(running):
        yield fault(variable, wanted, f"is older than {running}, which runs: an upgrade isn't taken back")
        return
    if running and _major(wanted) != _major(running) and not values.get("aurora_allow_major_version_upgrade"):
        rule = (
            f"is another major version than {running}, which runs: test the upgrade on a restored copy, then set"
            " aurora_allow_major_version_upgrade to true"
        )
        yield fault(variable, wanted, rule)
        return
    targets = [target["version"] for target in versions.get(running) or []]
    if targets and wanted not in targets:
        rule = f"is not one that {running}, which runs, can be upgraded to: {', '.join(targets)}"
        yield fault(variable, wanted, rule)


def _class_faults(values: Mapping[str, t.Any], classes: Mapping[str, list[str]]) -> Iterator[Fault]:
    version = values.get("aurora_engine_version") or ""
    offered = classes.get(_major(version)) or []
    for path, name in _classes(values) if offered else ():
        if name not in offered:
            rule = f"is not a class that Aurora PostgreSQL {_major(version)} has here{did_you_mean(name, offered)}"
            yield fault(path, name, rule)


def removal_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A cluster is only removed when it has no instances."""
    foreign = (platform.get("aurora") or {}).get("other_instances")
    if foreign:
        rule = f"can't be removed while the cluster has instances of others: {', '.join(foreign)}. Remove those first"
        yield Fault("aurora", rule)


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    cluster = platform.get("aurora") or {}
    if _gone_ahead(values, cluster):
        running = cluster["engine_version"]
        yield fault(
            "aurora_engine_version",
            values["aurora_engine_version"],
            f"is older than {running}, to which RDS has upgraded {cluster.get('cluster_identifier')}. The run goes on"
            f" with {running}; set aurora_engine_version to '{running}'",
        )
    if values.get("aurora_instances") and len(_present(values)) == 1:
        yield Fault("aurora_instances", "has one instance: none can take over when it fails")
    for variable in ("aurora_restore_snapshot", "aurora_restore_cluster"):
        if values.get(variable) and cluster.get("cluster_identifier"):
            rule = f"has no effect any more: {cluster['cluster_identifier']} exists. Remove it from the inventory"
            yield fault(variable, values[variable], rule)
