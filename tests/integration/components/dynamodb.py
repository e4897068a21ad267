# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of usage plans and usage logs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, document, tags_of
from ..drift import QUICKLY, Repair, together
from . import encryption

PLANS, LOGS = f"{PREFIX}-usage-plans", f"{PREFIX}-usage-logs"
SUMMARY = PLANS
LEAST_TAGGED = 2
# What can be changed of a table by hand, as its description has it.
PROPERTIES = ("DeletionProtectionEnabled", "OnDemandThroughput", "TableStatus", "StreamSpecification")
KEY = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}


def tables(lister: Lister) -> list[dict]:
    """All tables with what further calls tell of them."""
    return [_table(lister.account, name) for name in lister.account.pages("dynamodb", "list_tables", "TableNames")]


def _table(account: Account, name: str) -> dict:
    dynamodb = account.client("dynamodb")
    found = dynamodb.describe_table(TableName=name)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    insights = dynamodb.list_contributor_insights(TableName=name)["ContributorInsightsSummaries"]
    streams = dynamodb.describe_kinesis_streaming_destination(TableName=name)["KinesisDataStreamDestinations"]
    return {
        **found,
        "Tags": dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"],
        "TimeToLive": dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        "Recovery": [recovery["PointInTimeRecoveryStatus"], recovery.get("RecoveryPeriodInDays")],
        "Insights": [[item.get("IndexName"), item["ContributorInsightsStatus"]] for item in insights],
        "Destinations": [item["StreamArn"] for item in streams if item["DestinationStatus"] == "ACTIVE"],
        "Policy": _policy(dynamodb, found["TableArn"]),
    }


def _policy(dynamodb: Any, arn: str) -> dict:
    try:
        return document(dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])
    except dynamodb.exceptions.PolicyNotFoundException:
        return {}


def _key(item: dict) -> list[str]:
    return [part["AttributeName"] for part in item["KeySchema"]]


def _types(table: dict) -> dict[str, str]:
    return {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}


def _indexes(table: dict) -> list[list]:
    return [
        [item["IndexName"], item["IndexStatus"], _key(item), item["Projection"], item.get("OnDemandThroughput")]
        for item in table.get("GlobalSecondaryIndexes", [])
    ]


def _encryption(table: dict) -> list:
    description = table.get("SSEDescription") or {}
    return [description.get("Status"), description.get("KMSMasterKeyArn")]


def census(lister: Lister) -> dict[str, list]:
    found = tables(lister)
    return {
        "tables": [
            [
                item["TableName"],
                {key: item[key] for key in PROPERTIES if key in item},
                item["BillingModeSummary"]["BillingMode"],
                item.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
                [item["TimeToLive"].get(key) for key in ("TimeToLiveStatus", "AttributeName")],
                item["Recovery"],
                item["Destinations"],
                item["Policy"],
            ]
            for item in found
        ],
        "insights": [[item["TableName"], item["Insights"]] for item in found],
        "indexes": [[item["TableName"], _key(item), _indexes(item), _types(item)] for item in found],
        "encryption of tables": [[item["TableName"], _encryption(item)] for item in found],
        "scaling": [
            [item["ResourceId"], item["ScalableDimension"]]
            for item in lister.account.pages(
                "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="dynamodb"
            )
        ],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from (("table", item) for item in tables(lister))


def _make(account: Account, name: str, tags: dict[str, str]) -> None:
    account.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        **KEY,
    )
    account.client("dynamodb").get_waiter("table_exists").wait(TableName=name, WaiterConfig=QUICKLY)


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    _make(account, f"{prefix}-usage-plans", tags)


def take_names(account: Account) -> list[str]:
    _make(account, LOGS, neighbours.OTHER)
    return [LOGS]


# What is done behind the platform's back


def _settled(account: Account, name: str) -> dict:
    for _time in range(100):
        found = account.client("dynamodb").describe_table(TableName=name)["Table"]
        states = {found["TableStatus"], *(item["IndexStatus"] for item in found.get("GlobalSecondaryIndexes", []))}
        if states == {"ACTIVE"}:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{name} doesn't settle")


def _update(account: Account, name: str, **members: Any) -> None:
    _settled(account, name)
    account.client("dynamodb").update_table(TableName=name, **members)
    _settled(account, name)


def _delete(account: Account, name: str) -> None:
    dynamodb = account.client("dynamodb")
    _settled(account, name)
    dynamodb.delete_table(TableName=name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig=QUICKLY)


def _delete_index(account: Account) -> None:
    _update(account, LOGS, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "tenant_timestamp_index"}}])


def _add_index(account: Account) -> None:
    _update(
        account,
        PLANS,
        AttributeDefinitions=[{"AttributeName": "theirs", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "theirs",
                    "KeySchema": [{"AttributeName": "theirs", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )


def _other_view(account: Account) -> None:
    _update(account, LOGS, StreamSpecification={"StreamEnabled": False})
    _update(account, LOGS, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})


def _provision(account: Account) -> None:
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 7}
    of_index = {"Update": {"IndexName": "tenant_index", "ProvisionedThroughput": units}}
    _update(
        account,
        PLANS,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units,
        GlobalSecondaryIndexUpdates=[of_index],
    )


def _expire_nothing(account: Account) -> None:
    time.sleep(0.5)
    account.client("dynamodb").update_time_to_live(
        TableName=LOGS, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
    )
    time.sleep(0.5)


def _recover(account: Account, **recovery: Any) -> None:
    account.client("dynamodb").update_continuous_backups(TableName=PLANS, PointInTimeRecoverySpecification=recovery)


def _let_anyone_in(account: Account) -> None:
    arn = _settled(account, LOGS)["TableArn"]
    anyone = {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "dynamodb:Scan", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
    account.client("dynamodb").put_resource_policy(ResourceArn=arn, Policy=policy)


def _send_away(account: Account) -> None:
    account.client("dynamodb").enable_kinesis_streaming_destination(
        TableName=LOGS, StreamArn=f"arn:aws:kinesis:{REGION}:{account.id}:stream/theirs"
    )


def _count_keys(account: Account) -> None:
    account.client("dynamodb").update_contributor_insights(TableName=PLANS, ContributorInsightsAction="ENABLE")


def _scale(account: Account) -> None:
    account.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="dynamodb",
        ResourceId=f"table/{PLANS}",
        ScalableDimension="dynamodb:table:ReadCapacityUnits",
        MinCapacity=1,
        MaxCapacity=9,
    )


MADE = frozenset({"Make the tables"})


def _repair(harm: Callable[[Account], Any], operation: str, count: int = 1) -> Repair:
    return Repair(harm, Calls({("dynamodb", operation): count}), MADE, dry=True)


# Each on a table of its own, or by a call of its own: a run mends those that stand together at once.
REPAIRS: dict[str, Repair] = {
    **together(
        no_expiry=_repair(_expire_nothing, "UpdateTimeToLive"),
        no_recovery=_repair(
            lambda account: _recover(account, PointInTimeRecoveryEnabled=False), "UpdateContinuousBackups"
        ),
        a_policy_for_others=_repair(_let_anyone_in, "DeleteResourcePolicy"),
        changes_sent_to_a_stream_of_others=_repair(_send_away, "DisableKinesisStreamingDestination"),
        contributor_insights=_repair(_count_keys, "UpdateContributorInsights"),
        a_scaling_target=Repair(
            _scale,
            Calls({("application-autoscaling", "DeregisterScalableTarget"): 1}),
            frozenset({"Let no longer follow the load what shall not"}),
            dry=True,
        ),
    ),
    **together(
        a_deleted_global_index=_repair(_delete_index, "UpdateTable"),
        another_class=_repair(
            lambda account: _update(account, PLANS, TableClass="STANDARD_INFREQUENT_ACCESS"), "UpdateTable"
        ),
    ),
    **together(
        another_view_of_a_stream=_repair(_other_view, "UpdateTable", 2),
        a_global_index_too_much=_repair(_add_index, "UpdateTable"),
    ),
    **together(
        a_stream_that_was_ended=_repair(
            lambda account: _update(account, PLANS, StreamSpecification={"StreamEnabled": False}), "UpdateTable"
        ),
        deletion_protection=_repair(
            lambda account: _update(account, LOGS, DeletionProtectionEnabled=True), "UpdateTable"
        ),
    ),
    **together(
        another_key=_repair(
            lambda account: _update(account, PLANS, SSESpecification={"Enabled": False}), "UpdateTable"
        ),
        days_of_recovery=_repair(
            lambda account: _recover(account, PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=1),
            "UpdateContinuousBackups",
        ),
    ),
    "another mode of billing": _repair(_provision, "UpdateTable"),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    return {
        "table": lambda: _delete(account, LOGS),
        "index of a table": lambda: _update(
            account, PLANS, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "tenant_index"}}]
        ),
        "recovery of a table": lambda: _recover(account, PointInTimeRecoveryEnabled=False),
        "scaling of a table": lambda: _scale(account),
    }


def lasting(account: Account) -> list[str]:
    return [account.client("dynamodb").describe_table(TableName=PLANS)["Table"]["TableId"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    found = {item["TableName"]: item for item in tables(lister)}
    assert facts["tables"] == {"usage-plans": PLANS, "usage-logs": LOGS}
    assert sorted(facts["table_arns"]) == sorted(found[name]["TableArn"] for name in (PLANS, LOGS))
    assert facts["stream_arns"]["usage-logs"] == found[LOGS]["LatestStreamArn"]
    assert facts["left_tables"] == []


class TestTables:
    @pytest.fixture(scope="class")
    def found(self, lister):
        return {item["TableName"]: item for item in tables(lister)}

    @pytest.mark.parametrize(
        ("name", "key", "types"),
        [
            (PLANS, ["entity_id", "entity_type"], {"entity_id": "S", "entity_type": "S", "tenant_id": "S"}),
            (LOGS, ["tenant_id", "usage_id"], {"tenant_id": "S", "timestamp": "N", "usage_id": "S"}),
        ],
    )
    def test_keys(self, found, name, key, types):
        assert _key(found[name]) == key
        assert {item["AttributeName"]: item["AttributeType"] for item in found[name]["AttributeDefinitions"]} == types

    @pytest.mark.parametrize(
        ("name", "index", "key"),
        [
            (PLANS, "tenant_index", ["tenant_id"]),
            (LOGS, "tenant_timestamp_index", ["tenant_id", "timestamp"]),
        ],
    )
    def test_indexes(self, found, name, index, key):
        (only,) = found[name]["GlobalSecondaryIndexes"]
        assert (only["IndexName"], only["IndexStatus"], _key(only)) == (index, "ACTIVE", key)
        assert only["Projection"] == {"ProjectionType": "ALL"}

    @pytest.mark.parametrize(("name", "view"), [(PLANS, "NEW_AND_OLD_IMAGES"), (LOGS, "NEW_IMAGE")])
    def test_streams(self, found, name, view):
        assert found[name]["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": view}

    def test_expiry_of_logs_only(self, found):
        assert found[LOGS]["TimeToLive"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
        assert found[PLANS]["TimeToLive"]["TimeToLiveStatus"] == "DISABLED"

    @pytest.mark.parametrize("name", [PLANS, LOGS])
    def test_what_both_have(self, lister, found, name):
        table = found[name]
        assert table["TableStatus"] == "ACTIVE"
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert _encryption(table) == ["ENABLED", encryption.key(lister.account)["Arn"]]
        assert table["Recovery"] == ["ENABLED", 35]
        assert table["Policy"] == {}
        assert OWNER.items() <= tags_of(table).items()
