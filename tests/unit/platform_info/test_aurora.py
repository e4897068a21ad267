# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database: its cluster, instances, groups and the topic for its events."""

from __future__ import annotations

import datetime

import pytest

from .fake_aws import ACCOUNT, PREFIX, REGION, SOMEONE_ELSES_ROLES, log_groups, look, marks, role, tag_list, taken

OURS = tag_list(**marks("aurora"))
NAME = f"{PREFIX}-aurora"
RDS = f"arn:aws:rds:{REGION}:{ACCOUNT}"
SNS = f"arn:aws:sns:{REGION}:{ACCOUNT}"
LOG_GROUP = f"/aws/rds/cluster/{NAME}/postgresql"
SCALED = "application-autoscaling-1"


def cluster(tags=OURS, **members):
    found = {
        "DBClusterIdentifier": NAME,
        "DBClusterArn": f"{RDS}:cluster:{NAME}",
        "DbClusterResourceId": "cluster-ABC",
        "Status": "available",
        "EngineVersion": "17.10",
        "Endpoint": "writer.example",
        "ReaderEndpoint": "reader.example",
        "Port": 5432,
        "DatabaseName": "postgres",
        "MasterUsername": "postgres",
        "MasterUserSecret": {"SecretArn": "arn:secret"},
        "KmsKeyId": "arn:key",
        "BackupRetentionPeriod": 7,
        "LatestRestorableTime": datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC),
        "DeletionProtection": True,
        "HttpEndpointEnabled": True,
        "DBClusterMembers": [
            {"DBInstanceIdentifier": f"{NAME}-1", "IsClusterWriter": False},
            {"DBInstanceIdentifier": f"{NAME}-2", "IsClusterWriter": True},
        ],
        "TagList": tags,
        **members,
    }
    return {"DBClusters": [found]}


def instance(name, tags=OURS, **members):
    return {
        "DBInstanceIdentifier": name,
        "DBClusterIdentifier": NAME,
        "DBInstanceArn": f"{RDS}:db:{name}",
        "DBInstanceStatus": "available",
        "DBInstanceClass": "db.t4g.medium",
        "AvailabilityZone": f"{REGION}a",
        "PromotionTier": 1,
        "TagList": tags,
        **members,
    }


def instances(*found):
    """All for the cluster, each by its own name."""

    def answer(request):
        wanted = request.get("DBInstanceIdentifier")
        return {"DBInstances": [item for item in found if wanted in (None, item["DBInstanceIdentifier"])]}

    return answer


def tags_by_arn(tags):
    return lambda request: {"TagList": tags}


EMPTY_IF_ALL_IS_WELL = ("other_instances",)
MISSING = {
    "DescribeDBClusters": "DBClusterNotFoundFault",
    "DescribeDBInstances": "DBInstanceNotFound",
    "DescribeDBSubnetGroups": "DBSubnetGroupNotFoundFault",
    "DescribeEventSubscriptions": "SubscriptionNotFound",
}
ANSWERS = {
    "DescribeDBClusters": cluster(),
    "DescribeDBInstances": instances(
        instance(f"{NAME}-2"), instance(f"{NAME}-1", DBInstanceStatus="modifying"), instance(SCALED, tags=[])
    ),
    "DescribeEventSubscriptions": {
        "EventSubscriptionsList": [
            {
                "CustSubscriptionId": NAME,
                "EventSubscriptionArn": f"{RDS}:es:{NAME}",
            }
        ]
    },
    "DescribeDBSubnetGroups": {
        "DBSubnetGroups": [{"DBSubnetGroupName": NAME, "DBSubnetGroupArn": f"{RDS}:subgrp:{NAME}"}]
    },
    "DescribeDBClusterParameterGroups": {
        "DBClusterParameterGroups": [
            {"DBClusterParameterGroupName": name, "DBClusterParameterGroupArn": f"{RDS}:cluster-pg:{name}"}
            for name in (f"{NAME}-17", f"{NAME}-16", f"{NAME}-x", "default.other")
        ]
    },
    "DescribeDBParameterGroups": {
        "DBParameterGroups": [{"DBParameterGroupName": f"{NAME}-17", "DBParameterGroupArn": f"{RDS}:pg:{NAME}-17"}]
    },
    "rds.ListTagsForResource": tags_by_arn(OURS),
    "ListTopics": {"Topics": [{"TopicArn": f"{SNS}:other"}, {"TopicArn": f"{SNS}:{NAME}-events"}]},
    "sns.ListTagsForResource": {"Tags": OURS},
    "DescribeScalableTargets": {
        "ScalableTargets": [
            {
                "ServiceNamespace": "rds",
                "ResourceId": f"cluster:{NAME}",
                "ScalableDimension": "rds:cluster:ReadReplicaCount",
                "MinCapacity": 1,
                "MaxCapacity": 3,
                "RoleARN": "arn:role",
                "CreationTime": datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC),
            }
        ]
    },
    "GetRole": role,
    "DescribeDBEngineVersions": {
        "DBEngineVersions": [
            {
                "EngineVersion": "16.14",
                "ValidUpgradeTarget": [{"EngineVersion": "17.10", "IsMajorVersionUpgrade": True}],
            },
            {
                "EngineVersion": "17.9",
                "ValidUpgradeTarget": [{"EngineVersion": "17.10", "IsMajorVersionUpgrade": False}],
            },
            {"EngineVersion": "17.10"},
            {"EngineVersion": "15.10"},
            {"EngineVersion": "18.4"},
            {"EngineVersion": "16.9-limitless"},
        ]
    },
    "DescribeOrderableDBInstanceOptions": {
        "OrderableDBInstanceOptions": [
            {"DBInstanceClass": name} for name in ("db.t4g.medium", "db.r8g.large", "db.t4g.medium")
        ]
    },
}


def facts_of(**answers):
    return look({**ANSWERS, **answers}, "aurora")[0].components["aurora"]


def test_facts():
    found, _aws = look(ANSWERS, "aurora")
    facts = found.components["aurora"]
    assert facts["exists"]
    assert facts["cluster_identifier"] == NAME
    assert facts["cluster_resource_id"] == "cluster-ABC"
    assert (facts["writer_endpoint"], facts["reader_endpoint"]) == ("writer.example", "reader.example")
    assert (facts["port"], facts["database"], facts["master_secret_arn"]) == (5432, "postgres", "arn:secret")
    assert facts["latest_restorable_time"] == "2026-11-29T00:00:00+00:00"
    assert facts["deletion_protection"] is True
    assert facts["data_api"] is True
    # In the order of their names.
    assert list(facts["instances"]) == [f"{NAME}-1", f"{NAME}-2"]
    assert [item["writer"] for item in facts["instances"].values()] == [False, True]
    assert facts["instances"][f"{NAME}-1"]["availability_zone"] == f"{REGION}a"
    assert facts["scaled_instances"] == [SCALED]
    assert facts["other_instances"] == []
    assert facts["topic_arn"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-events"
    assert facts["monitoring_role_arn"] == f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-aurora-monitoring"
    assert facts["parameter_groups"] == {"cluster": [f"{NAME}-16", f"{NAME}-17"], "instance": [f"{NAME}-17"]}
    assert facts["subnet_group"] == NAME
    assert facts["scalable"] is True
    assert (found.conflicts, found.warnings) == ([], [])


def test_summary():
    found, _aws = look(ANSWERS, "aurora")
    assert found.summary["aurora"]["lines"] == [
        f"{NAME} Aurora PostgreSQL 17.10 available",
        f"instances: {NAME}-1 db.t4g.medium modifying, {NAME}-2 db.t4g.medium (writer), {SCALED}",
        "endpoints: writer.example, reader.example (read only)",
    ]


def test_one_under_way_has_no_address_yet():
    facts = facts_of(DescribeDBClusters=cluster(Status="creating", Endpoint="", MasterUserSecret={}))
    assert (facts["status"], facts["writer_endpoint"], facts["master_secret_arn"]) == ("creating", None, None)


def test_instances_of_others_in_the_cluster():
    found, _aws = look({**ANSWERS, "DescribeDBInstances": instances(instance("theirs", tags=[]))}, "aurora")
    assert found.components["aurora"]["other_instances"] == ["theirs"]
    assert "the instance theirs" in found.warnings[0]
    assert found.conflicts == []


@pytest.mark.parametrize("lost", marks("aurora"))
def test_an_instance_that_has_lost_a_tag_is_ours(lost):
    left = tag_list(**{key: value for key, value in marks("aurora").items() if key != lost})
    found, _aws = look({**ANSWERS, "DescribeDBInstances": instances(instance(f"{NAME}-1", tags=left))}, "aurora")
    assert (found.components["aurora"]["other_instances"], found.warnings) == ([], [])


@pytest.mark.parametrize(
    ("answers", "resources"),
    [
        ({"DescribeDBClusters": cluster(tags=[])}, [f"RDS cluster {NAME}"]),
        (
            {
                "DescribeDBInstances": instances(
                    instance(f"{PREFIX}-aurora-1", tags=[], DBClusterIdentifier="theirs"),
                )
            },
            [f"RDS instance {PREFIX}-aurora-1"],
        ),
        (
            {
                "rds.ListTagsForResource": tags_by_arn([]),
                **{name: ANSWERS[name] for name in ("DescribeEventSubscriptions", "DescribeDBSubnetGroups")},
            },
            [f"RDS event subscription {NAME}", f"RDS subnet group {NAME}"],
        ),
        (
            {"DescribeLogGroups": log_groups, "logs.ListTagsForResource": {"tags": {"Project": "other"}}},
            [f"log group {LOG_GROUP}"],
        ),
        (
            {
                "rds.ListTagsForResource": tags_by_arn([]),
                **{name: ANSWERS[name] for name in ("DescribeDBClusterParameterGroups", "DescribeDBParameterGroups")},
            },
            [
                f"RDS parameter group {NAME}-16 (of the cluster)",
                f"RDS parameter group {NAME}-17 (of the cluster)",
                f"RDS parameter group {NAME}-17 (of the instance)",
            ],
        ),
        (
            {"ListTopics": ANSWERS["ListTopics"], "sns.ListTagsForResource": {"Tags": tag_list(Project="other")}},
            [f"SNS topic {NAME}-events"],
        ),
        (SOMEONE_ELSES_ROLES, [f"IAM role {PREFIX}-aurora-monitoring"]),
    ],
)
def test_names_that_someone_else_has(answers, resources):
    assert taken(answers, "aurora") == resources


def test_a_cluster_of_someone_else_is_not_told_of():
    facts = facts_of(DescribeDBClusters=cluster(tags=[]))
    assert not facts["exists"]
    assert facts["instances"] == {}


@pytest.mark.parametrize("there", [ANSWERS, {}])
def test_a_log_group_that_rds_made_again(there):
    answers = {**there, "DescribeLogGroups": log_groups, "logs.ListTagsForResource": {"tags": {}}}
    assert taken(answers, "aurora") == []


def test_what_rds_offers():
    found, aws = look(ANSWERS, "aurora", offers=True)
    offered = found.offers["aurora"]
    assert offered["versions"]["17.9"] == [{"version": "17.10", "major": False}]
    assert "16.9-limitless" not in offered["versions"]
    assert offered["classes"] == {major: ["db.r8g.large", "db.t4g.medium"] for major in ("16", "17", "18")}
    asked = [request["EngineVersion"] for request in aws.requests("DescribeOrderableDBInstanceOptions")]
    assert sorted(asked) == ["16.14", "17.10", "18.4"]
