# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's Aurora PostgreSQL cluster with its instances and the topic for its events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..values import version_numbers
from .base import Component, Search, listed, tags_of

ENGINE = "aurora-postgresql"
MONITORING_ROLE = "aurora-monitoring"
LOGS = "/aws/rds/cluster/{}/postgresql"
# How Application Auto Scaling calls the readers that it adds.
SCALED = "application-autoscaling-"
# Of how many major versions, the newest ones, classes are looked up.
MAJORS = 3
# Parameter groups of the cluster and of its instances: operation, member with the list, member with the name, ARN.
GROUPS = {
    "cluster": (
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
        "DBClusterParameterGroupArn",
    ),
    "instance": (
        "describe_db_parameter_groups",
        "DBParameterGroups",
        "DBParameterGroupName",
        "DBParameterGroupArn",
    ),
}


def empty(search: Search) -> dict[str, Any]:
    return {
        "cluster_identifier": None,
        "cluster_arn": None,
        "cluster_resource_id": None,
        "status": None,
        "engine_version": None,
        "writer_endpoint": None,
        "reader_endpoint": None,
        "port": None,
        "database": None,
        "master_username": None,
        "master_secret_arn": None,
        "kms_key_arn": None,
        "backup_retention_days": None,
        "latest_restorable_time": None,
        "deletion_protection": None,
        "data_api": None,
        "instances": {},
        "scaled_instances": [],
        "other_instances": [],
        "topic_arn": None,
        "monitoring_role_arn": None,
        "parameter_groups": {kind: [] for kind in GROUPS},
        "subnet_group": None,
        "scalable": False,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    name = search.scope.name("aurora", "rds_cluster")
    described = search.start("rds", "describe_db_clusters", DBClusterIdentifier=name)
    of_cluster = [{"Name": "db-cluster-id", "Values": [name]}]
    members = search.start("rds", "describe_db_instances", Filters=of_cluster)
    declared = {
        identifier: search.start("rds", "describe_db_instances", DBInstanceIdentifier=identifier)
        for identifier in (search.scope.name(f"aurora-{entry}", "rds_instance") for entry in search.entries)
    }
    subscription = search.start(
        "rds",
        "describe_event_subscriptions",
        SubscriptionName=search.scope.name("aurora", "rds_event_subscription"),
    )
    subnet_group = search.start(
        "rds", "describe_db_subnet_groups", DBSubnetGroupName=search.scope.name("aurora", "rds_subnet_group")
    )
    groups = {kind: search.start("rds", look[0]) for kind, look in GROUPS.items()}
    topics = search.start("sns", "list_topics")
    scalable = search.start(
        "application-autoscaling",
        "describe_scalable_targets",
        ServiceNamespace="rds",
        ResourceIds=[f"cluster:{name}"],
        ScalableDimension="rds:cluster:ReadReplicaCount",
    )
    roles = search.start_roles([MONITORING_ROLE])
    log_groups = search.start_log_group(LOGS.format(name))

    cluster = next(iter((described.result() or {}).get("DBClusters", [])), None)
    ours = bool(cluster) and search.owns(tags_of(cluster, "TagList"))
    if ours:
        _add_cluster(facts, cluster)
        found = (members.result() or {}).get("DBInstances", [])
        _add_instances(search, facts, cluster, found)
        facts["scalable"] = bool((scalable.result() or {}).get("ScalableTargets"))
    elif cluster:
        search.foreign(f"RDS cluster {name}", tags_of(cluster, "TagList"))
    for identifier, future in declared.items():
        for instance in (future.result() or {}).get("DBInstances", []):
            # What is in our cluster is ours, though it has lost a tag.
            inside = ours and instance.get("DBClusterIdentifier") == name
            if not search.owns(tags_of(instance, "TagList")) and not inside:
                search.foreign(f"RDS instance {identifier}", tags_of(instance, "TagList"))
    _add_groups(search, facts, {kind: future.result() or {} for kind, future in groups.items()})
    _add_tagged(search, facts, subscription.result() or {}, subnet_group.result() or {})
    _add_topic(search, facts, topics.result() or {})
    facts["monitoring_role_arn"] = search.roles(roles)[MONITORING_ROLE]
    search.check_log_group(LOGS.format(name), log_groups, written=ours, remade=True)


def _add_cluster(facts: dict[str, Any], cluster: Mapping[str, Any]) -> None:
    latest = cluster.get("LatestRestorableTime")
    facts.update(
        cluster_identifier=cluster["DBClusterIdentifier"],
        cluster_arn=cluster["DBClusterArn"],
        cluster_resource_id=cluster["DbClusterResourceId"],
        status=cluster["Status"],
        engine_version=cluster["EngineVersion"],
        writer_endpoint=cluster.get("Endpoint") or None,
        reader_endpoint=cluster.get("ReaderEndpoint") or None,
        port=cluster.get("Port"),
        database=cluster.get("DatabaseName") or None,
        master_username=cluster.get("MasterUsername"),
        master_secret_arn=(cluster.get("MasterUserSecret") or {}).get("SecretArn"),
        kms_key_arn=cluster.get("KmsKeyId") or None,
        backup_retention_days=cluster.get("BackupRetentionPeriod"),
        latest_restorable_time=latest.isoformat() if latest else None,
        deletion_protection=bool(cluster.get("DeletionProtection")),
        data_api=bool(cluster.get("HttpEndpointEnabled")),
    )


def _add_instances(
    search: Search, facts: dict[str, Any], cluster: Mapping[str, Any], instances: Iterable[Mapping[str, Any]]
) -> None:
    writers = {
        member["DBInstanceIdentifier"] for member in cluster.get("DBClusterMembers", []) if member["IsClusterWriter"]
    }
    for instance in sorted(instances, key=lambda item: item["DBInstanceIdentifier"]):
        identifier, tags = instance["DBInstanceIdentifier"], tags_of(instance, "TagList")
        if identifier.startswith(SCALED):
            facts["scaled_instances"].append(identifier)
            continue
        facts["instances"][identifier] = {
            "arn": instance["DBInstanceArn"],
            "status": instance["DBInstanceStatus"],
            "class": instance["DBInstanceClass"],
            "availability_zone": instance.get("AvailabilityZone"),
            "promotion_tier": instance.get("PromotionTier"),
            "writer": identifier in writers,
        }
        if not search.keeps_marks(tags):
            facts["other_instances"].append(identifier)
            search.warnings.append(
                f"{search.component.name}: the instance {identifier} of {cluster['DBClusterIdentifier']} does not carry"
                " the platform's tags. It was made by someone else and is left alone. Check who needs it, and remove it"
                " or declare it."
            )


def _add_groups(search: Search, facts: dict[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> None:
    """The parameter groups of this cluster, one of each major version that it has had."""
    prefix = search.scope.name("aurora", "rds_parameter_group")
    found = [
        (kind, group[name], search.start("rds", "list_tags_for_resource", ResourceName=group[arn]))
        for kind, (_operation, member, name, arn) in GROUPS.items()
        for group in answers[kind].get(member, [])
        if re.fullmatch(rf"{re.escape(prefix)}-\d+", group[name])
    ]
    for kind, name, started in sorted(found, key=lambda item: item[:2]):
        tags = tags_of(started.result() or {}, "TagList")
        if search.owns(tags):
            facts["parameter_groups"][kind].append(name)
        else:
            search.foreign(f"RDS parameter group {name} (of the {kind})", tags)


def _add_tagged(
    search: Search, facts: dict[str, Any], subscriptions: Mapping[str, Any], groups: Mapping[str, Any]
) -> None:
    """What RDS describes without its tags."""
    found = [
        ("RDS event subscription", item["CustSubscriptionId"], item["EventSubscriptionArn"])
        for item in subscriptions.get("EventSubscriptionsList", [])
    ] + [
        ("RDS subnet group", item["DBSubnetGroupName"], item["DBSubnetGroupArn"])
        for item in groups.get("DBSubnetGroups", [])
    ]
    started = {thing: search.start("rds", "list_tags_for_resource", ResourceName=thing[2]) for thing in found}
    for kind, name, arn in found:
        tags = tags_of(started[kind, name, arn].result() or {}, "TagList")
        if not search.owns(tags):
            search.foreign(f"{kind} {name}", tags)
        elif kind == "RDS subnet group":
            facts["subnet_group"] = name


def _add_topic(search: Search, facts: dict[str, Any], topics: Mapping[str, Any]) -> None:
    name = search.scope.name("aurora-events", "sns_topic")
    for arn in (item["TopicArn"] for item in topics.get("Topics", []) if item["TopicArn"].endswith(f":{name}")):
        tags = tags_of(search.read("sns", "list_tags_for_resource", ResourceArn=arn) or {})
        if search.owns(tags):
            facts["topic_arn"] = arn
        else:
            search.foreign(f"SNS topic {name}", tags)


def summary(facts: Mapping[str, Any]) -> list[str]:
    instances = [
        f"{name} {instance['class']}" + (" (writer)" if instance["writer"] else "") + _unless(instance["status"])
        for name, instance in sorted(facts["instances"].items())
    ]
    return [
        f"{facts['cluster_identifier']} Aurora PostgreSQL {facts['engine_version']} {facts['status']}",
        f"instances: {listed([*instances, *facts['scaled_instances']])}",
        f"endpoints: {facts['writer_endpoint']}, {facts['reader_endpoint']} (read only)",
    ]


def _unless(status: str) -> str:
    return "" if status == "available" else f" {status}"


def offers(search: Search) -> dict[str, Any]:
    """The versions of Aurora PostgreSQL with those that each can be upgraded to, and classes by major versions."""
    answer = search.read("rds", "describe_db_engine_versions", Engine=ENGINE) or {}
    found = {
        item["EngineVersion"]: item for item in answer.get("DBEngineVersions", []) if "-" not in item["EngineVersion"]
    }
    newest: dict[str, str] = {}
    for version in sorted(found, key=version_numbers):
        newest[version.partition(".")[0]] = version
    # Older ones are past their support.
    classes = {
        major: search.start(
            "rds", "describe_orderable_db_instance_options", Engine=ENGINE, EngineVersion=version, Vpc=True
        )
        for major, version in [*newest.items()][-MAJORS:]
    }
    return {
        "versions": {
            version: [
                {"version": target["EngineVersion"], "major": bool(target.get("IsMajorVersionUpgrade"))}
                for target in item.get("ValidUpgradeTarget") or []
            ]
            for version, item in found.items()
        },
        "classes": {
            major: sorted(
                {option["DBInstanceClass"] for option in (future.result() or {}).get("OrderableDBInstanceOptions", [])}
            )
            for major, future in classes.items()
        },
    }


COMPONENT = Component(
    name="aurora",
    services=("application-autoscaling", "iam", "logs", "rds", "sns"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["cluster_identifier"] is not None,
    summary=summary,
    offers=offers,
)
