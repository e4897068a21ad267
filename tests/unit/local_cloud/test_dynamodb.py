# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DynamoDB: states that last a moment, changes that are refused meanwhile, and what the emulator would drop."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud.shims.timing import SETTLE_SECONDS

KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
ATTRIBUTES = [{"AttributeName": "id", "AttributeType": "S"}]
OTHER = [{"AttributeName": "by", "AttributeType": "S"}]
INDEX = {
    "IndexName": "by_other",
    "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


@pytest.fixture(scope="module")
def dynamodb(client: Callable[[str], Any]) -> Any:
    return client("dynamodb")


@pytest.fixture
def name(dynamodb: Any) -> Iterator[str]:
    """A table that is ready."""
    name = f"table-{uuid.uuid4().hex}"
    make(dynamodb, name)
    settled(dynamodb, name)
    yield name
    settled(dynamodb, name)
    dynamodb.delete_table(TableName=name)


def make(dynamodb: Any, name: str, **members: Any) -> dict:
    wanted = {"AttributeDefinitions": ATTRIBUTES, "BillingMode": "PAY_PER_REQUEST", **members}
    return dynamodb.create_table(TableName=name, KeySchema=KEY, **wanted)["TableDescription"]


def table(dynamodb: Any, name: str) -> dict:
    return dynamodb.describe_table(TableName=name)["Table"]


def settled(dynamodb: Any, name: str) -> dict:
    """The table once it and its indexes are ready."""
    while True:
        found = table(dynamodb, name)
        states = [item["IndexStatus"] for item in found.get("GlobalSecondaryIndexes", [])]
        if {found["TableStatus"], *states} == {"ACTIVE"}:
            return found
        time.sleep(0.05)


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return str(refusal.value.response["Error"]["Message"])


def test_a_table_comes_and_goes_in_a_moment(dynamodb: Any) -> None:
    name = f"table-{uuid.uuid4().hex}"
    assert make(dynamodb, name)["TableStatus"] == "CREATING"
    assert "Table is being created" in refused(dynamodb.delete_table, TableName=name)
    settled(dynamodb, name)
    assert dynamodb.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    assert table(dynamodb, name)["TableStatus"] == "DELETING"
    assert "already exists" in refused(lambda: make(dynamodb, name))
    time.sleep(SETTLE_SECONDS + 0.1)
    assert "not found" in refused(dynamodb.describe_table, TableName=name)


def test_one_index_at_a_time_is_filled(dynamodb: Any, name: str) -> None:
    update = {"TableName": name, "AttributeDefinitions": ATTRIBUTES + OTHER}
    both = [{"Create": INDEX}, {"Create": {**INDEX, "IndexName": "by_other_again"}}]
    assert "Only 1 online index" in refused(dynamodb.update_table, **update, GlobalSecondaryIndexUpdates=both)
    dynamodb.update_table(**update, GlobalSecondaryIndexUpdates=both[:1])
    (index,) = table(dynamodb, name)["GlobalSecondaryIndexes"]
    assert (index["IndexStatus"], index["Backfilling"]) == ("CREATING", True)
    assert "Backfilling" not in settled(dynamodb, name)["GlobalSecondaryIndexes"][0]
    going = [{"Delete": {"IndexName": "by_other"}}]
    dynamodb.update_table(TableName=name, GlobalSecondaryIndexUpdates=going)
    assert table(dynamodb, name)["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"
    found = settled(dynamodb, name)
    assert "GlobalSecondaryIndexes" not in found
    assert found["AttributeDefinitions"] == ATTRIBUTES


def test_a_stream_is_not_changed_but_ended(dynamodb: Any, name: str) -> None:
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    dynamodb.update_table(TableName=name, StreamSpecification=on)
    settled(dynamodb, name)
    other = {**on, "StreamViewType": "KEYS_ONLY"}
    assert "enabled stream" in refused(dynamodb.update_table, TableName=name, StreamSpecification=other)


def test_the_capacity_of_indexes_goes_along(dynamodb: Any, name: str) -> None:
    dynamodb.update_table(
        TableName=name,
        AttributeDefinitions=ATTRIBUTES + OTHER,
        GlobalSecondaryIndexUpdates=[{"Create": INDEX}],
    )
    settled(dynamodb, name)
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}
    mode = {"TableName": name, "BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    assert "for index: by_other" in refused(dynamodb.update_table, **mode)
    of_index = [{"Update": {"IndexName": "by_other", "ProvisionedThroughput": units}}]
    dynamodb.update_table(**mode, GlobalSecondaryIndexUpdates=of_index)
    assert settled(dynamodb, name)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == units


def test_limits_and_warmth_are_kept(dynamodb: Any, name: str) -> None:
    dynamodb.update_table(
        TableName=name, AttributeDefinitions=ATTRIBUTES + OTHER, GlobalSecondaryIndexUpdates=[{"Create": INDEX}]
    )
    settled(dynamodb, name)
    limits = {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20}
    of_index = [{"Update": {"IndexName": "by_other", "OnDemandThroughput": limits}}]
    dynamodb.update_table(TableName=name, GlobalSecondaryIndexUpdates=of_index)
    assert settled(dynamodb, name)["GlobalSecondaryIndexes"][0]["OnDemandThroughput"] == limits
    warm = {"ReadUnitsPerSecond": 15000, "WriteUnitsPerSecond": 5000}
    dynamodb.update_table(TableName=name, WarmThroughput=warm)
    assert settled(dynamodb, name)["WarmThroughput"] == {**warm, "Status": "ACTIVE"}


def test_days_of_recovery_are_kept(dynamodb: Any, name: str) -> None:
    wanted = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wanted)
    found = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert found["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7


def test_the_mode_of_insights_is_kept(dynamodb: Any, name: str) -> None:
    on = {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": "THROTTLED_KEYS"}
    dynamodb.update_contributor_insights(TableName=name, **on)
    (found,) = dynamodb.list_contributor_insights(TableName=name)["ContributorInsightsSummaries"]
    assert (found["ContributorInsightsStatus"], found["ContributorInsightsMode"]) == ("ENABLED", "THROTTLED_KEYS")


def test_expiry_changes_once_in_a_while(dynamodb: Any, name: str) -> None:
    def change(on: bool, attribute: str) -> dict:
        return {"TableName": name, "TimeToLiveSpecification": {"Enabled": on, "AttributeName": attribute}}

    assert "already disabled" in refused(dynamodb.update_time_to_live, **change(False, "ttl"))
    dynamodb.update_time_to_live(**change(True, "ttl"))
    assert "modified multiple times" in refused(dynamodb.update_time_to_live, **change(False, "ttl"))
    time.sleep(SETTLE_SECONDS)
    assert "already enabled" in refused(dynamodb.update_time_to_live, **change(True, "ttl"))
    assert "different AttributeName" in refused(dynamodb.update_time_to_live, **change(True, "other"))


def test_a_policy_comes_with_the_table(dynamodb: Any) -> None:
    name = f"table-{uuid.uuid4().hex}"
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    arn = make(dynamodb, name, ResourcePolicy=document)["TableArn"]
    assert dynamodb.get_resource_policy(ResourceArn=arn)["Policy"] == document
