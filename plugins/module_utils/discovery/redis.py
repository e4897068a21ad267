# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache: its replication group, the groups of parameters and subnets that it uses, and the secret of its token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search, tags_of

THING = "redis"
LOGS = ("slow-log", "engine-log")
ENGINES = ("valkey", "redis")


def log_group(prefix: str, log_type: str) -> str:
    return f"/aws/elasticache/{prefix}/{THING}/{log_type}"


def empty(search: Search) -> dict[str, Any]:
    return {
        "replication_group_id": None,
        "replication_group_arn": None,
        "status": None,
        "primary_endpoint": None,
        "reader_endpoint": None,
        "port": None,
        "engine": None,
        "engine_version": None,
        "node_type": None,
        "nodes": [],
        "multi_az": None,
        "transit_encryption_mode": None,
        "kms_key_id": None,
        "token_changed_at": None,
        "secret_name": None,
        "secret_arn": None,
        "subnet_group": None,
        "parameter_groups": [],
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    scope = search.scope
    group = search.start(
        "elasticache",
        "describe_replication_groups",
        ReplicationGroupId=scope.name(THING, "elasticache_replication_group"),
    )
    subnets = search.start(
        "elasticache",
        "describe_cache_subnet_groups",
        CacheSubnetGroupName=scope.name(THING, "elasticache_subnet_group"),
    )
    parameters = search.start("elasticache", "describe_cache_parameter_groups")
    secret = search.start("secretsmanager", "describe_secret", SecretId=f"{scope.prefix}/{THING}")
    logs = {name: search.start_log_group(name) for name in (log_group(scope.prefix, log_type) for log_type in LOGS)}
    for found in (group.result() or {}).get("ReplicationGroups", []):
        _group(search, facts, found)
    for found in (subnets.result() or {}).get("CacheSubnetGroups", []):
        if _is_ours(search, f"cache subnet group {found['CacheSubnetGroupName']}", found["ARN"]):
            facts["subnet_group"] = found["CacheSubnetGroupName"]
    # One for each family of engine versions: that of an engine before goes when no node uses it any more.
    begins = f"{scope.prefix}-{THING}-"
    facts["parameter_groups"] = sorted(
        found["CacheParameterGroupName"]
        for found in (parameters.result() or {}).get("CacheParameterGroups", [])
        if found["CacheParameterGroupName"].startswith(begins)
        and _is_ours(search, f"cache parameter group {found['CacheParameterGroupName']}", found["ARN"])
    )
    facts["secret_name"], facts["secret_arn"] = search.secret(secret.result())
    for name, started in logs.items():
        search.check_log_group(name, started, written=facts["status"] is not None, remade=True)


def _group(search: Search, facts: dict[str, Any], group: Mapping[str, Any]) -> None:
    members = group.get("MemberClusters") or []
    node = (
        search.start("elasticache", "describe_cache_clusters", CacheClusterId=members[0])
        if members and group["Status"] != "creating"
        else None
    )
    if not _is_ours(search, f"replication group {group['ReplicationGroupId']}", group["ARN"]):
        return
    endpoints = next(iter(group.get("NodeGroups") or []), {})
    nodes = (node.result() or {}).get("CacheClusters", []) if node else []
    changed = group.get("AuthTokenLastModifiedDate")
    facts.update(
        replication_group_id=group["ReplicationGroupId"],
        replication_group_arn=group["ARN"],
        status=group["Status"],
        primary_endpoint=endpoints.get("PrimaryEndpoint", {}).get("Address"),
        reader_endpoint=endpoints.get("ReaderEndpoint", {}).get("Address"),
        port=endpoints.get("PrimaryEndpoint", {}).get("Port"),
        engine=group.get("Engine"),
        engine_version=nodes[0]["EngineVersion"] if nodes else None,
        node_type=group.get("CacheNodeType"),
        nodes=members,
        multi_az=group.get("MultiAZ") == "enabled",
        transit_encryption_mode=group.get("TransitEncryptionMode"),
        kms_key_id=group.get("KmsKeyId"),
        token_changed_at=changed.isoformat() if changed else None,
    )


def _is_ours(search: Search, resource: str, arn: str) -> bool:
    """Whether it bears our tags. While something is being changed, its tags can't be read; then its name counts."""
    answer = search.read("elasticache", "list_tags_for_resource", ResourceName=arn)
    if answer is None:
        return True
    tags = tags_of(answer, "TagList")
    if not search.owns(tags):
        search.foreign(resource, tags)
        return False
    return True


def offers(search: Search) -> dict[str, Any]:
    """The versions of each engine, each with the family that its parameter group must be of."""
    started = {
        engine: search.start("elasticache", "describe_cache_engine_versions", Engine=engine) for engine in ENGINES
    }
    return {
        "versions": {
            engine: {
                item["EngineVersion"]: item["CacheParameterGroupFamily"]
                for item in (future.result() or {}).get("CacheEngineVersions", [])
            }
            for engine, future in started.items()
        }
    }


def summary(facts: Mapping[str, Any]) -> list[str]:
    zones = "several zones" if facts["multi_az"] else "one zone"
    engine = f"{facts['engine']} {facts['engine_version'] or '(no version yet)'}"
    return [
        f"{facts['replication_group_id']} {engine} {facts['status']}",
        f"{len(facts['nodes'])} {facts['node_type']} in {zones}",
    ]


COMPONENT = Component(
    name="redis",
    services=("elasticache", "logs", "secretsmanager"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["replication_group_id"] is not None,
    summary=summary,
    offers=offers,
)
