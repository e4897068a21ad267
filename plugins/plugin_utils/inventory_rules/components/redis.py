# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the redis component."""

from __future__ import annotations

import datetime
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.redis import LOGS, log_group
from ansible_collections.agent_platform.aws.plugins.module_utils.values import version_numbers

from ..fault import Fault, fault
from ..names import Name, fixed_names
from ..ranges import Range
from ..windows import window_faults

# What ElastiCache itself says of its versions goes before this table; it serves where that can't be read.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html
VERSIONS = {
    "valkey": ("7.2", "8.0", "8.1", "8.2", "9.0", "9.1"),
    "redis": ("6.0", "6.2", "7.0", "7.1"),
}
# When standard support of a major version of Redis OSS ends; it costs more from then on.
SUPPORT_ENDS = {"4": "2026-01-31", "5": "2026-01-31", "6": "2027-01-31"}
# Days before an end of support in which a run tells of it.
NOTICE = 90

VERSION = re.compile(r"\d+\.\d+(\.\d+)?")
NODE_TYPE = re.compile(r"cache\.[a-z]\d[a-z0-9-]*\.[a-z0-9]+")
PARAMETER = re.compile(r"[a-z0-9-]+")
# Parameters of the engine that hold a secret. ElastiCache sets them of the AUTH token.
SECRETS = frozenset({"requirepass", "masterauth", "masteruser", "tls-key-file-pass", "aclfile", "user"})
SNAPSHOT_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9]|-(?=[A-Za-z0-9])){0,254}")
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):(\d{12}):[A-Za-z0-9_-]{1,256}")
SHORTEST_WINDOW = 60

RANGES = {
    "redis_nodes": Range(1, 6, "nodes"),
    "redis_snapshot_retention_days": Range(0, 35, "days"),
    "redis_secret_recovery_days": Range(7, 30, "days", besides=(0,)),
    "redis_token_grace_seconds": Range(1, 86400, "seconds"),
}
SAMPLES = {
    "replication_group_arn": "arn:{partition}:elasticache:{region}:{account_id}:replicationgroup:" + 40 * "x",
    "secret_arn": "arn:{partition}:secretsmanager:{region}:{account_id}:secret:" + 44 * "x",
}


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _offered(engine: str, platform: Mapping[str, t.Any]) -> list[str]:
    told = ((platform.get("offers") or {}).get("redis") or {}).get("versions") or {}
    return sorted(told.get(engine) or VERSIONS[engine], key=version_numbers)


def _version_faults(engine: str | None, version: str | None) -> Iterator[Fault]:
    if engine is None or version is None:
        return
    if not VERSION.fullmatch(version):
        yield fault("redis_engine_version", version, "is not a version as major.minor in quotes, such as '8.2'")
    elif version_numbers(version) < version_numbers(VERSIONS[engine][0]):
        rule = f"is not a version of {engine} that ElastiCache offers: {', '.join(VERSIONS[engine])}"
        yield fault("redis_engine_version", version, rule)


def _node_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    kind, nodes = values.get("redis_node_type"), values.get("redis_nodes")
    if values.get("redis_multi_az") and nodes == 1:
        yield fault("redis_multi_az", True, "takes two nodes or more, redis_nodes is 1")
    if kind is None:
        return
    if not NODE_TYPE.fullmatch(kind):
        yield fault("redis_node_type", kind, "is not a type of cache nodes, such as cache.t4g.micro")
    elif kind.startswith("cache.t1."):
        yield fault("redis_node_type", kind, "knows neither failover nor encryption: take cache.t4g.micro or larger")
    elif kind.startswith("cache.r6gd."):
        rule = "keeps a part of the data on a disk (data tiering), which this role doesn't set up: take cache.r7g"
        yield fault("redis_node_type", kind, rule)


def _parameter_faults(parameters: Mapping[t.Any, t.Any]) -> Iterator[Fault]:
    for name, value in parameters.items():
        path = f"redis_parameters.{name}"
        if not PARAMETER.fullmatch(str(name)):
            yield fault("redis_parameters", name, "is not the name of a parameter: lower-case letters, digits and '-'")
        elif name in SECRETS:
            rule = "is a secret in plain text: leave it out, the AUTH token is generated and stays in Secrets Manager"
            yield Fault(path, rule)
        elif isinstance(value, (Mapping, list)) or value is None:
            yield fault(path, value, "is not the value of a parameter: a text, a number, true or false")


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from _version_faults(values.get("redis_engine"), values.get("redis_engine_version"))
    yield from _node_faults(values)
    yield from window_faults(values, "redis_snapshot_window", "redis_maintenance_window", SHORTEST_WINDOW)
    yield from _parameter_faults(values.get("redis_parameters") or {})
    network, discovery = values.get("redis_network_type"), values.get("redis_ip_discovery")
    if network in ("ipv4", "ipv6") and discovery is not None and discovery != network:
        yield fault("redis_ip_discovery", discovery, f"can't be told, redis_network_type is {network}")
    name = values.get("redis_final_snapshot_name")
    if name and not SNAPSHOT_NAME.fullmatch(name):
        rule = "is not the name of a snapshot: letters, digits and single '-', a letter first and no '-' at the end"
        yield fault("redis_final_snapshot_name", name, rule)
    topic = values.get("redis_notification_topic_arn")
    place = (values.get("platform_region"), values.get("platform_account_id"))
    if topic and (found := TOPIC.fullmatch(topic)) is None:
        yield fault("redis_notification_topic_arn", topic, "is not the ARN of an SNS topic")
    elif topic and None not in place and found.groups() != place:
        rule = f"is not a topic of this account and region, {place[1]} in {place[0]}: ElastiCache takes no other"
        yield fault("redis_notification_topic_arn", topic, rule)


def family(engine: str, version: str) -> str:
    """The family of parameters of a version."""
    major = version.partition(".")[0]
    return f"{engine}{'6.x' if engine == 'redis' and major == '6' else major}"


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    engine, version = values.get("redis_engine"), values.get("redis_engine_version")
    if engine and version:
        thing = f"redis-{family(engine, version).replace('.', '-')}"
        yield from fixed_names(prefix, elasticache_parameter_group=[thing])
    yield from fixed_names(prefix, elasticache_replication_group=["redis"], elasticache_subnet_group=["redis"])
    if prefix:
        yield Name("secret", f"{prefix}/redis")
        yield from (Name("log_group", log_group(prefix, log)) for log in LOGS)


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What ElastiCache doesn't offer, or can't make of the cache that runs."""
    engine, version = values.get("redis_engine"), values.get("redis_engine_version")
    if engine is None or version is None:
        return
    found = platform.get("redis") or {}
    running, runs = found.get("engine"), found.get("engine_version")
    if running == "valkey" and engine == "redis":
        rule = f"can't be had of {found['replication_group_id']}, which runs Valkey: ElastiCache never goes back"
        yield fault("redis_engine", engine, rule)
        return
    offered = _offered(engine, platform)
    kept = running == engine and runs is not None and runs.startswith(f"{version}.")
    if version not in offered and not kept:
        rule = f"is not a version of {engine} that ElastiCache offers: {', '.join(offered)}"
        yield fault("redis_engine_version", version, rule)
    elif running == engine and runs and version_numbers(version) < version_numbers(runs)[: version.count(".") + 1]:
        # A minor version that ElastiCache has upgraded to by itself is left.
        by_itself = (
            values.get("redis_auto_minor_version_upgrade") and version_numbers(version)[0] == version_numbers(runs)[0]
        )
        if not by_itself:
            rule = f"is older than {runs}, which {found['replication_group_id']} runs: ElastiCache never goes back"
            yield fault("redis_engine_version", version, rule)


def warnings(values: Mapping[str, t.Any], _platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Redis OSS that costs more soon."""
    version = values.get("redis_engine_version") or ""
    end = SUPPORT_ENDS.get(version.split(".")[0]) if values.get("redis_engine") == "redis" else None
    if end and datetime.date.fromisoformat(end) - _today() <= datetime.timedelta(days=NOTICE):
        rule = f"is near its end: its standard support ends on {end}, and it costs more from then on. Set"
        yield fault("redis_engine_version", version, f"{rule} redis_engine to valkey, which is an upgrade in place")
