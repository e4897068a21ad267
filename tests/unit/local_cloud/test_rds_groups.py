# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS: parameters with what RDS says and refuses of them, groups that are in use, event subscriptions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

FAMILY = "aurora-postgresql16"
NAME = "shim"
TAGS = [{"Key": "Project", "Value": "demo"}]


@pytest.fixture(scope="module")
def rds(client: Callable[[str], Any]) -> Any:
    return client("rds")


@pytest.fixture
def groups(rds: Any) -> Iterator[str]:
    """A parameter group of each kind."""
    more = {"DBParameterGroupFamily": FAMILY, "Description": "shim", "Tags": TAGS}
    rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=NAME, **more)
    rds.create_db_parameter_group(DBParameterGroupName=NAME, **more)
    yield NAME
    rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=NAME)
    rds.delete_db_parameter_group(DBParameterGroupName=NAME)


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def parameter(name: str, value: str | None = None, method: str = "immediate") -> dict[str, str]:
    return {"ParameterName": name, "ApplyMethod": method, **({"ParameterValue": value} if value is not None else {})}


def by_name(parameters: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["ParameterName"]: item for item in parameters}


def test_defaults_are_listed_apart_from_what_was_set(rds: Any, groups: str) -> None:
    group = {"DBClusterParameterGroupName": groups}
    listed = by_name(rds.describe_db_cluster_parameters(**group)["Parameters"])
    assert listed["rds.force_ssl"]["ParameterValue"] == "0"
    assert listed["rds.force_ssl"]["Source"] == "engine-default"
    assert listed["shared_preload_libraries"]["ApplyType"] == "static"
    assert "ParameterValue" not in listed["log_statement"]
    wanted = [{"Name": "parameter-name", "Values": ["work_mem", "nothing"]}]
    assert set(by_name(rds.describe_db_cluster_parameters(**group, Filters=wanted)["Parameters"])) == {"work_mem"}
    rds.modify_db_cluster_parameter_group(**group, Parameters=[parameter("rds.force_ssl", "1")])
    (found,) = rds.describe_db_cluster_parameters(**group, Source="user")["Parameters"]
    assert (found["ParameterName"], found["ParameterValue"], found["ApplyType"]) == ("rds.force_ssl", "1", "dynamic")
    rds.reset_db_cluster_parameter_group(**group, ResetAllParameters=False, Parameters=[parameter("rds.force_ssl")])
    assert rds.describe_db_cluster_parameters(**group, Source="user")["Parameters"] == []


def test_groups_of_instances_lack_what_is_of_the_cluster(rds: Any, groups: str) -> None:
    listed = by_name(rds.describe_db_parameters(DBParameterGroupName=groups)["Parameters"])
    assert "log_statement" in listed
    assert "rds.force_ssl" not in listed
    family = {"DBParameterGroupFamily": FAMILY}
    of_cluster = rds.describe_engine_default_cluster_parameters(**family)["EngineDefaults"]["Parameters"]
    of_instance = rds.describe_engine_default_parameters(**family)["EngineDefaults"]["Parameters"]
    assert "rds.force_ssl" in by_name(of_cluster)
    assert by_name(of_instance).keys() == listed.keys()


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        (
            [parameter("log_statment", "ddl")],
            "InvalidParameterValue",
            "Could not find parameter with name: log_statment",
        ),
        ([parameter("log_statement", "some")], "InvalidParameterValue", "allowed values are: none,ddl,mod,all"),
        ([parameter("work_mem", "1")], "InvalidParameterValue", "Invalid parameter value: 1 for: work_mem"),
        ([parameter("shared_preload_libraries", "x", "pending-reboot")], "InvalidParameterValue", "allowed values are"),
        ([parameter("archive_mode", "on", "pending-reboot")], "InvalidParameterValue", "cannot be modified"),
        (
            [parameter("shared_preload_libraries", "pg_stat_statements")],
            "InvalidParameterCombination",
            "cannot use immediate apply method for static parameter",
        ),
        ([parameter("work_mem", "64")] * 21, "InvalidParameterValue", "20"),
    ],
)
def test_parameters_that_rds_refuses(rds: Any, groups: str, changes: list[dict], code: str, text: str) -> None:
    found = refusal(rds.modify_db_cluster_parameter_group, DBClusterParameterGroupName=groups, Parameters=changes)
    assert (found[0], text in found[1]) == (code, True)


def test_other_engines_are_left_to_the_emulator(rds: Any) -> None:
    group = {"DBParameterGroupName": "mysql"}
    rds.create_db_parameter_group(**group, DBParameterGroupFamily="mysql8.0", Description="x")
    rds.modify_db_parameter_group(**group, Parameters=[parameter("slow_query_log", "1")])
    assert by_name(rds.describe_db_parameters(**group)["Parameters"])["slow_query_log"]["ParameterValue"] == "1"
    rds.delete_db_parameter_group(**group)


@pytest.fixture
def cluster(rds: Any, groups: str, subnets: list[str]) -> Iterator[str]:
    """A cluster that uses the groups."""
    rds.create_db_subnet_group(DBSubnetGroupName=NAME, DBSubnetGroupDescription="shim", SubnetIds=subnets)
    rds.create_db_cluster(
        DBClusterIdentifier=NAME,
        Engine="aurora-postgresql",
        MasterUsername="demo",
        MasterUserPassword="not-a-secret",
        DBClusterParameterGroupName=groups,
        DBSubnetGroupName=NAME,
    )
    waiting = {"DBClusterIdentifier": NAME, "WaiterConfig": {"Delay": 1}}
    rds.get_waiter("db_cluster_available").wait(**waiting)
    yield NAME
    rds.delete_db_cluster(DBClusterIdentifier=NAME, SkipFinalSnapshot=True)
    rds.get_waiter("db_cluster_deleted").wait(**waiting)
    rds.delete_db_subnet_group(DBSubnetGroupName=NAME)


def test_what_is_in_use_stays(rds: Any, cluster: str) -> None:
    code, text = refusal(rds.delete_db_cluster_parameter_group, DBClusterParameterGroupName=NAME)
    assert (code, "are still members of this parameter group" in text) == ("InvalidDBParameterGroupState", True)
    code, text = refusal(rds.delete_db_subnet_group, DBSubnetGroupName=NAME)
    assert (code, "still using it" in text) == ("InvalidDBSubnetGroupStateFault", True)


def test_a_subnet_group_needs_two_zones_and_is_not_replaced(rds: Any, subnets: list[str]) -> None:
    request = {"DBSubnetGroupName": "zones", "DBSubnetGroupDescription": "shim"}
    code, _text = refusal(rds.create_db_subnet_group, **request, SubnetIds=subnets[:1])
    assert code == "DBSubnetGroupDoesNotCoverEnoughAZs"
    rds.create_db_subnet_group(**request, SubnetIds=subnets)
    code, _text = refusal(rds.create_db_subnet_group, **request, SubnetIds=subnets)
    assert code == "DBSubnetGroupAlreadyExists"
    code, _text = refusal(rds.modify_db_subnet_group, DBSubnetGroupName="zones", SubnetIds=subnets[:1])
    assert code == "DBSubnetGroupDoesNotCoverEnoughAZs"
    rds.delete_db_subnet_group(DBSubnetGroupName="zones")


# ---- Event subscriptions


@pytest.fixture
def topic(client: Callable[[str], Any]) -> str:
    return client("sns").create_topic(Name="shim-events")["TopicArn"]


def settled(rds: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (found,) = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
        if found["Status"] not in ("creating", "modifying", "deleting"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{name} never settles")


def test_the_life_of_a_subscription(rds: Any, cluster: str, topic: str) -> None:
    made = rds.create_event_subscription(
        SubscriptionName="life",
        SnsTopicArn=topic,
        SourceType="db-cluster",
        EventCategories=["failover"],
        Tags=TAGS,
    )["EventSubscription"]
    assert made["Status"] == "creating"
    assert settled(rds, "life")["Status"] == "active"
    assert rds.list_tags_for_resource(ResourceName=made["EventSubscriptionArn"])["TagList"] == TAGS
    changed = rds.modify_event_subscription(
        SubscriptionName="life", SourceType="db-cluster", EventCategories=["failure", "deletion"], Enabled=False
    )["EventSubscription"]
    assert changed["Status"] == "modifying"
    rds.add_source_identifier_to_subscription(SubscriptionName="life", SourceIdentifier=cluster)
    found = settled(rds, "life")
    assert (found["EventCategoriesList"], found["Enabled"]) == (["failure", "deletion"], False)
    assert found["SourceIdsList"] == [cluster]
    rds.remove_source_identifier_from_subscription(SubscriptionName="life", SourceIdentifier=cluster)
    assert not settled(rds, "life").get("SourceIdsList")
    assert rds.delete_event_subscription(SubscriptionName="life")["EventSubscription"]["Status"] == "deleting"
    with pytest.raises(ClientError, match="SubscriptionNotFound"):
        settled(rds, "life")


def test_subscriptions_that_rds_refuses(rds: Any, client: Callable[[str], Any], topic: str) -> None:
    def code_of(**changed: Any) -> str:
        request = {"SubscriptionName": "refused", "SnsTopicArn": topic, "SourceType": "db-cluster", **changed}
        return refusal(rds.create_event_subscription, **request)[0]

    assert code_of(SnsTopicArn=f"{topic}-none") == "SNSTopicArnNotFound"
    assert code_of(EventCategories=["dinner"]) == "SubscriptionCategoryNotFound"
    assert code_of(SourceIds=["nothing"]) == "SourceNotFound"
    sns = client("sns")
    fifo = sns.create_topic(Name="shim.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    assert code_of(SnsTopicArn=fifo) == "SNSInvalidTopic"
    closed = sns.create_topic(Name="closed", Attributes={"Policy": json.dumps({"Statement": []})})["TopicArn"]
    assert code_of(SnsTopicArn=closed) == "SNSNoAuthorization"


def test_a_subscription_whose_topic_is_gone_says_so(rds: Any, client: Callable[[str], Any]) -> None:
    arn = client("sns").create_topic(Name="going")["TopicArn"]
    rds.create_event_subscription(SubscriptionName="orphan", SnsTopicArn=arn)
    assert settled(rds, "orphan")["Status"] == "active"
    client("sns").delete_topic(TopicArn=arn)
    assert settled(rds, "orphan")["Status"] == "topic-not-exist"
    rds.delete_event_subscription(SubscriptionName="orphan")


def test_categories_are_listed(rds: Any) -> None:
    (found,) = rds.describe_event_categories(SourceType="db-cluster")["EventCategoriesMapList"]
    assert "failover" in found["EventCategories"]
