# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DynamoDB table: one kind of change at a time, each waited for."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.dynamodb_table import Table
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource, sides

NAME = "demo-usage-logs"
ARN = f"arn:aws:dynamodb:us-west-2:123456789012:table/{NAME}"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
STREAM = "arn:aws:kinesis:us-west-2:123456789012:stream/events"
OWNER = {"Project": "demo"}
NAMED = {"TableName": NAME}
OPTIONS = (
    "attributes",
    "hash_key",
    "range_key",
    "billing_mode",
    "provisioned_throughput",
    "on_demand_throughput",
    "warm_throughput",
    "global_indexes",
    "local_indexes",
    "stream_view_type",
    "kms_key_arn",
    "point_in_time_recovery_days",
    "ttl_attribute",
    "table_class",
    "deletion_protection",
    "contributor_insights",
    "resource_policy",
    "kinesis_destinations",
    "replicas",
)
PARAMS = {**dict.fromkeys(OPTIONS), "name": NAME, "replace_indexes": False}


def index_option(name="by_time", hash_key=("tenant_id",), range_key=("timestamp",), **more):
    return {
        "name": name,
        "hash_key": list(hash_key),
        "range_key": list(range_key),
        "projection": "ALL",
        "non_key_attributes": [],
        "provisioned_throughput": None,
        "on_demand_throughput": None,
        **more,
    }


def schema(hash_key, range_key=None):
    keys = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    return keys + ([{"AttributeName": range_key, "KeyType": "RANGE"}] if range_key else [])


def definitions(**types):
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def index(name="by_time", keys=("tenant_id", "timestamp"), status="ACTIVE", **more):
    return {
        "IndexName": name,
        "KeySchema": schema(*keys),
        "Projection": {"ProjectionType": "ALL"},
        "IndexStatus": status,
        **more,
    }


TABLE = {
    "TableName": NAME,
    "TableArn": ARN,
    "TableStatus": "ACTIVE",
    "KeySchema": schema("tenant_id", "usage_id"),
    "AttributeDefinitions": definitions(tenant_id="S", usage_id="S", timestamp="N"),
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "GlobalSecondaryIndexes": [index()],
}
KEYS = {
    "attributes": {"tenant_id": "S", "usage_id": "S", "timestamp": "N"},
    "hash_key": "tenant_id",
    "range_key": "usage_id",
    "global_indexes": [index_option()],
    "local_indexes": [],
}


def missing(operation="DescribeTable"):
    return Step(operation, api_error(operation, "ResourceNotFoundException"))


def tags():
    return Step(
        "ListTagsOfResource",
        {"Tags": [{"Key": key, "Value": value} for key, value in OWNER.items()]},
        {"ResourceArn": ARN},
    )


def seen(*more, **members):
    """The calls of one look: the table, its tags, and the further reads."""
    table = {key: value for key, value in {**TABLE, **members}.items() if value is not None}
    return [Step("DescribeTable", {"Table": table}, NAMED), tags(), *more]


def update(request=None, answer=None, operation="UpdateTable"):
    return Step(operation, answer or {}, request if request is None else {**NAMED, **request})


def run(params, *steps, **kwargs):
    given = copy.deepcopy({**PARAMS, "owned_by": OWNER, **params})
    return run_resource(Table, given, *steps, **kwargs)


# ---- create and delete


def test_create_with_all_that_create_takes_and_the_rest_afterwards():
    expiry = {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    expires = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLING", "AttributeName": "ttl"}}
    result, _aws, _module = run(
        {
            **KEYS,
            "billing_mode": "PAY_PER_REQUEST",
            "stream_view_type": "NEW_IMAGE",
            "kms_key_arn": KEY,
            "deletion_protection": True,
            "ttl_attribute": "ttl",
            "tags": OWNER,
        },
        missing(),
        Step(
            "CreateTable",
            {},
            {
                **NAMED,
                "AttributeDefinitions": definitions(tenant_id="S", usage_id="S", timestamp="N"),
                "KeySchema": schema("tenant_id", "usage_id"),
                "BillingMode": "PAY_PER_REQUEST",
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by_time",
                        "KeySchema": schema("tenant_id", "timestamp"),
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
                "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
                "DeletionProtectionEnabled": True,
                "Tags": [{"Key": "Project", "Value": "demo"}],
            },
        ),
        *seen(TableStatus="CREATING"),
        *made(Step("DescribeTimeToLive", expiry)),
        update({"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}}, operation="UpdateTimeToLive"),
        *made(Step("DescribeTimeToLive", expires)),
        *made(Step("DescribeTimeToLive", expires)),
    )
    assert result["changed"] is True
    assert result["table"]["table_arn"] == ARN


def made(*more):
    return seen(
        *more,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        SSEDescription={"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY},
        DeletionProtectionEnabled=True,
    )


def test_what_is_declared_as_none_is_left_out_of_create():
    none = {
        "stream_view_type": "DISABLED",
        "kms_key_arn": "",
        "resource_policy": "{}",
        "replicas": [],
        "on_demand_throughput": {"max_read_request_units": -1, "max_write_request_units": -1},
    }
    policy = Step("GetResourcePolicy", api_error("GetResourcePolicy", "PolicyNotFoundException"), {"ResourceArn": ARN})
    request = {
        **NAMED,
        "AttributeDefinitions": definitions(id="S"),
        "KeySchema": schema("id"),
        "BillingMode": "PAY_PER_REQUEST",
    }
    keys = {"attributes": {"id": "S"}, "hash_key": "id", "range_key": "", "global_indexes": [], "local_indexes": []}
    members = {
        "KeySchema": schema("id"),
        "AttributeDefinitions": definitions(id="S"),
        "GlobalSecondaryIndexes": None,
    }
    run(
        {**keys, **none, "billing_mode": "PAY_PER_REQUEST"},
        missing(),
        Step("CreateTable", {}, request),
        *seen(policy, **members),
    )


def test_a_lost_reply_makes_no_second_table():
    result, aws, _module = run(KEYS, missing(), Step("CreateTable", lost_reply()), *seen())
    assert result["changed"] is True
    assert aws.operations().count("CreateTable") == 1


def test_a_name_that_is_taken_meanwhile_is_looked_at():
    taken = api_error("CreateTable", "ResourceInUseException", f"Table already exists: {NAME}")
    result, _aws, _module = run(KEYS, missing(), Step("CreateTable", taken), *seen(), *seen())
    assert result["changed"] is False


def test_a_table_that_is_still_going_is_waited_for():
    run(
        KEYS,
        *seen(TableStatus="DELETING"),
        missing(),
        Step("CreateTable", {}),
        *seen(),
    )


def test_nothing_more_is_read_of_a_table_that_goes():
    run(
        {"state": "absent", "ttl_attribute": "ttl", "deletion_protection": False},
        *seen(),
        Step("DeleteTable", {}, NAMED),
        Step("DescribeTable", {"Table": {**TABLE, "TableStatus": "DELETING"}}),
        missing(),
    )


def test_a_protected_table_stays():
    with pytest.raises(ResourceError, match="is protected against deletion"):
        run({"state": "absent"}, *seen(DeletionProtectionEnabled=True))


def test_protection_is_lifted_where_it_is_declared_so():
    run(
        {"state": "absent", "deletion_protection": False},
        *seen(DeletionProtectionEnabled=True),
        update({"DeletionProtectionEnabled": False}),
        Step("DeleteTable", {}, NAMED),
        missing(),
    )


def test_a_table_with_replicas_goes_only_with_their_consent():
    replica = [{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"}]
    with pytest.raises(ResourceError, match=r"has replicas in eu-west-1.*replicas: \[\]"):
        run({"state": "absent"}, *seen(Replicas=replica))
    run(
        {"state": "absent", "replicas": []},
        *seen(Replicas=replica),
        update({"ReplicaUpdates": [{"Delete": {"RegionName": "eu-west-1"}}]}),
        Step("DescribeTable", {"Table": TABLE}),
        Step("DeleteTable", {}, NAMED),
        missing(),
    )


def test_a_table_of_someone_else_stays_untouched():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({**KEYS, "owned_by": {"Project": "other"}}, *seen())


def test_second_run_changes_nothing():
    result, _aws, _module = run({**KEYS, "billing_mode": "PAY_PER_REQUEST"}, *seen())
    assert result["changed"] is False


# ---- keys


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"hash_key": "usage_id", "range_key": ""}, "hash_key: is 'tenant_id', declared 'usage_id'"),
        ({"range_key": "timestamp"}, "range_key: is 'usage_id', declared 'timestamp'"),
        (
            {
                "local_indexes": [
                    {"name": "own", "range_key": "timestamp", "projection": "ALL", "non_key_attributes": []}
                ]
            },
            "local_indexes: is",
        ),
        ({"attributes": {**KEYS["attributes"], "tenant_id": "N"}}, "the key tenant_id has another type"),
    ],
)
def test_what_would_lose_the_items_is_refused(params, found):
    with pytest.raises(ResourceError, match=found) as refusal:
        run({**KEYS, "global_indexes": None, **params}, *seen())
    assert "make a table of another name, copy the items" in str(refusal.value)


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"tenant_id": "S", "usage_id": "S"}, r"lack timestamp \(the index by_time\): give their types"),
        ({**KEYS["attributes"], "other": "S"}, "have other, of which no key is made"),
    ],
)
def test_attributes_are_those_of_keys(attributes, found):
    with pytest.raises(ResourceError, match=found):
        run({**KEYS, "attributes": attributes}, missing())


# ---- indexes, one at a time


def indexes(*those, types=("timestamp",)):
    known = {"tenant_id": "S", "usage_id": "S", **dict.fromkeys(types, "N")}
    return seen(GlobalSecondaryIndexes=list(those), AttributeDefinitions=definitions(**known))


CREATE = {
    "IndexName": "by_time",
    "KeySchema": schema("tenant_id", "timestamp"),
    "Projection": {"ProjectionType": "ALL"},
}


def test_indexes_go_and_come_one_by_one_and_are_waited_for():
    other = index("other", ("usage_id",))
    run(
        KEYS,
        *indexes(other, types=()),
        update({"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "other"}}]}),
        *indexes({**other, "IndexStatus": "DELETING"}, types=()),
        *indexes(types=()),
        update(
            {
                "AttributeDefinitions": definitions(tenant_id="S", usage_id="S", timestamp="N"),
                "GlobalSecondaryIndexUpdates": [{"Create": CREATE}],
            }
        ),
        *indexes(index(status="CREATING", Backfilling=True)),
        *indexes(index()),
        *indexes(index()),
        *indexes(index()),
    )


def test_the_index_that_someone_is_filling_is_waited_for():
    run(KEYS, *indexes(index(status="CREATING", Backfilling=True)), *indexes(index()))


def test_an_index_that_takes_too_long_is_named():
    with pytest.raises(
        ResourceError, match=r"still UPDATING after 1 s.*Its index by_time is CREATING and being filled"
    ):
        run(
            {**KEYS, "wait_timeout": 1},
            *indexes(index(status="CREATING", Backfilling=True)),
            *[step for _time in range(2) for step in indexes(index(status="CREATING", Backfilling=True))],
        )


def test_another_change_that_is_under_way_is_waited_for():
    busy = api_error(
        "UpdateTable",
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )
    run(
        KEYS,
        *indexes(types=()),
        update(answer=busy),
        *indexes(types=()),
        update(),
        *indexes(index()),
        *indexes(index()),
        *indexes(index()),
    )


def test_an_index_with_other_keys_is_not_replaced_by_itself():
    with pytest.raises(ResourceError, match=r"those of by_time of .* are declared otherwise.*replace_indexes: true"):
        run(KEYS, *indexes(index(keys=("usage_id",))))


def test_and_is_where_that_is_declared():
    result, aws, _module = run(
        {**KEYS, "replace_indexes": True},
        *indexes(index(keys=("usage_id",)), types=()),
        update({"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by_time"}}]}),
        *indexes(types=()),
        update(),
        *indexes(index()),
        *indexes(index()),
        *indexes(index()),
    )
    assert result["changed"] is True
    assert aws.operations().count("UpdateTable") == 2


def test_another_type_of_an_index_key_takes_a_new_index():
    texts = seen(AttributeDefinitions=definitions(tenant_id="S", usage_id="S", timestamp="S"))
    with pytest.raises(ResourceError, match="indexes of timestamp with another type"):
        run(KEYS, *texts)
    run(
        {**KEYS, "replace_indexes": True},
        *texts,
        update({"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by_time"}}]}),
        *indexes(types=()),
        update(),
        *indexes(index()),
        *indexes(index()),
        *indexes(index()),
    )


# ---- capacity


UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
RANGE = {
    "read_capacity_units": 5,
    "write_capacity_units": 5,
    "most_read_capacity_units": 20,
    "most_write_capacity_units": None,
}
PROVISIONED = {**KEYS, "billing_mode": "PROVISIONED", "provisioned_throughput": RANGE}


def capacity(table, of_index=None):
    return seen(
        BillingModeSummary={"BillingMode": "PROVISIONED"},
        ProvisionedThroughput=table,
        GlobalSecondaryIndexes=[index(ProvisionedThroughput=of_index or UNITS)],
    )


def test_the_capacity_of_indexes_goes_along_to_provisioned():
    run(
        PROVISIONED,
        *seen(),
        update(
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": UNITS,
                "GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by_time", "ProvisionedThroughput": UNITS}}],
            }
        ),
        *capacity(UNITS),
        *capacity(UNITS),
    )


def test_what_autoscaling_has_set_is_no_drift():
    moved = {"ReadCapacityUnits": 17, "WriteCapacityUnits": 5}
    result, _aws, _module = run(PROVISIONED, *capacity(moved, moved))
    assert result["changed"] is False


def test_what_is_out_of_the_range_is_brought_back_to_it():
    run(
        PROVISIONED,
        *capacity({"ReadCapacityUnits": 17, "WriteCapacityUnits": 9}),
        update({"ProvisionedThroughput": {"ReadCapacityUnits": 17, "WriteCapacityUnits": 5}}),
        *capacity({"ReadCapacityUnits": 17, "WriteCapacityUnits": 5}),
        *capacity({"ReadCapacityUnits": 17, "WriteCapacityUnits": 5}),
    )


def test_the_capacity_of_an_index_is_its_own_change():
    low = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 5}
    of_index = {"IndexName": "by_time", "ProvisionedThroughput": UNITS}
    run(
        PROVISIONED,
        *capacity(UNITS, low),
        update({"GlobalSecondaryIndexUpdates": [{"Update": of_index}]}),
        *capacity(UNITS),
        *capacity(UNITS),
        *capacity(UNITS),
    )


def test_back_to_paying_by_request_is_refused_for_a_while():
    refused = api_error(
        "UpdateTable",
        "LimitExceededException",
        "Subscriber limit exceeded: Update to PayPerRequest mode are limited to once in 1 day(s).",
    )
    with pytest.raises(ResourceError, match="a few times a day only"):
        run({**KEYS, "billing_mode": "PAY_PER_REQUEST"}, *capacity(UNITS), update(answer=refused))


def test_limits_of_a_table_that_is_paid_by_request():
    limits = {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": -1}
    run(
        {"on_demand_throughput": {"max_read_request_units": 100, "max_write_request_units": None}},
        *seen(),
        update({"OnDemandThroughput": limits}),
        *seen(OnDemandThroughput=limits),
        *seen(OnDemandThroughput=limits),
    )


def test_warm_throughput_only_rises():
    warm = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 9000, "Status": "ACTIVE"}
    declared = {"read_units_per_second": 13000, "write_units_per_second": 8000}
    higher = {**warm, "ReadUnitsPerSecond": 13000}
    run(
        {"warm_throughput": declared},
        *seen(WarmThroughput=warm),
        update({"WarmThroughput": {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 9000}}),
        *seen(WarmThroughput={**higher, "Status": "UPDATING"}),
        *seen(WarmThroughput=higher),
        *seen(WarmThroughput=higher),
    )


# ---- each other setting


def test_another_view_is_another_stream():
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    other = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    run(
        {"stream_view_type": "NEW_IMAGE"},
        *seen(StreamSpecification=other),
        update({"StreamSpecification": {"StreamEnabled": False}}),
        *seen(TableStatus="UPDATING"),
        *seen(),
        update({"StreamSpecification": stream}),
        *seen(StreamSpecification=stream),
        *seen(StreamSpecification=stream),
        *seen(StreamSpecification=stream),
    )


@pytest.mark.parametrize(
    ("params", "before", "request_", "after"),
    [
        (
            {"table_class": "STANDARD_INFREQUENT_ACCESS"},
            {},
            {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
            {"TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"}},
        ),
        (
            {"deletion_protection": True},
            {"DeletionProtectionEnabled": False},
            {"DeletionProtectionEnabled": True},
            {"DeletionProtectionEnabled": True},
        ),
        (
            {"kms_key_arn": KEY},
            {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": f"{KEY}2"}},
            {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}},
            {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY}},
        ),
        (
            {"kms_key_arn": ""},
            {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY}},
            {"SSESpecification": {"Enabled": False}},
            {},
        ),
        (
            {"replicas": [{"region_name": "eu-west-1", "kms_key_arn": KEY}]},
            {},
            {"ReplicaUpdates": [{"Create": {"RegionName": "eu-west-1", "KMSMasterKeyId": KEY}}]},
            {"Replicas": [{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE", "KMSMasterKeyId": KEY}]},
        ),
    ],
)
def test_each_change_is_a_call_of_its_own(params, before, request_, after):
    waited = seen(**after) if "replicas" in params else []
    result, _aws, _module = run(params, *seen(**before), update(request_), *waited, *seen(**after), *seen(**after))
    assert result["changed"] is True


def test_a_table_that_changes_is_waited_for():
    key = {"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": KEY}
    run(
        {"kms_key_arn": KEY},
        *seen(),
        update(),
        *seen(SSEDescription=key),
        *seen(SSEDescription={**key, "Status": "ENABLED"}),
        *seen(SSEDescription={**key, "Status": "ENABLED"}),
    )


def recovery(days):
    status = {"PointInTimeRecoveryStatus": "ENABLED" if days else "DISABLED"}
    found = {**status, **({"RecoveryPeriodInDays": days} if days else {})}
    answer = {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}}
    answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"] = found
    return seen(Step("DescribeContinuousBackups", answer, NAMED))


@pytest.mark.parametrize(
    ("days", "before", "request_"),
    [
        (7, 35, {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}),
        (35, 0, {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}),
        (0, 35, {"PointInTimeRecoveryEnabled": False}),
    ],
)
def test_days_of_recovery(days, before, request_):
    change = update({"PointInTimeRecoverySpecification": request_}, operation="UpdateContinuousBackups")
    run({"point_in_time_recovery_days": days}, *recovery(before), change, *recovery(days), *recovery(days))


def test_recovery_of_a_new_table_is_waited_for():
    early = api_error(
        "UpdateContinuousBackups",
        "ContinuousBackupsUnavailableException",
        f"Backups are being enabled for the table: {NAME}. Please retry later",
    )
    run(
        {"point_in_time_recovery_days": 35},
        *recovery(0),
        update(answer=early, operation="UpdateContinuousBackups"),
        *recovery(0),
        update(operation="UpdateContinuousBackups"),
        *recovery(35),
        *recovery(35),
    )


def expiry(attribute, status="ENABLED"):
    told = {"TimeToLiveStatus": status, "AttributeName": attribute} if attribute else {"TimeToLiveStatus": "DISABLED"}
    return seen(Step("DescribeTimeToLive", {"TimeToLiveDescription": told}, NAMED))


def change_expiry(on, attribute, answer=None):
    members = {"TimeToLiveSpecification": {"Enabled": on, "AttributeName": attribute}}
    return update(members, answer, operation="UpdateTimeToLive")


def test_another_attribute_of_expiry_takes_an_hour():
    refused = api_error(
        "UpdateTimeToLive",
        "ValidationException",
        "Time to live has been modified multiple times within a fixed interval",
    )
    with pytest.raises(ResourceError, match="run again in an hour"):
        run(
            {"ttl_attribute": "ttl"},
            *expiry("old"),
            change_expiry(False, "old"),
            change_expiry(True, "ttl", refused),
        )


@pytest.mark.parametrize("status", ["ENABLED", "ENABLING"])
def test_expiry_that_is_being_enabled_is_enabled(status):
    result, _aws, _module = run({"ttl_attribute": "ttl"}, *expiry("ttl", status))
    assert result["changed"] is False


def test_expiry_ends():
    run({"ttl_attribute": ""}, *expiry("ttl"), change_expiry(False, "ttl"), *expiry("ttl", "DISABLING"), *expiry(""))


def insights(of_table, of_index):
    def told(mode, **named):
        status = {"ContributorInsightsStatus": "ENABLED", "ContributorInsightsMode": mode}
        return [{**NAMED, **named, **status}] if mode else []

    summaries = told(of_table) + told(of_index, IndexName="by_time")
    return seen(Step("ListContributorInsights", {"ContributorInsightsSummaries": summaries}, NAMED))


ALL, THROTTLED = "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"


def change_insights(mode, **named):
    action = {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": mode}
    action = action if mode else {"ContributorInsightsAction": "DISABLE"}
    return update({**named, **action}, operation="UpdateContributorInsights")


def test_insights_of_the_table_and_its_indexes():
    declared = {"contributor_insights": THROTTLED}
    run(
        declared,
        *insights(ALL, None),
        change_insights(THROTTLED),
        change_insights(THROTTLED, IndexName="by_time"),
        *insights(THROTTLED, THROTTLED),
        *insights(THROTTLED, THROTTLED),
    )
    result, _aws, _module = run(declared, *insights(THROTTLED, THROTTLED))
    assert result["changed"] is False


def test_insights_of_a_single_index_end():
    run(
        {"contributor_insights": "DISABLED"},
        *insights(None, ALL),
        change_insights(None, IndexName="by_time"),
        *insights(None, None),
        *insights(None, None),
    )


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "dynamodb:Scan", "Resource": ARN}
    ],
}


def policy(document):
    answer = {"Policy": json.dumps(document)} if document else api_error("Get", "PolicyNotFoundException")
    return seen(Step("GetResourcePolicy", answer, {"ResourceArn": ARN}))


def test_a_policy_of_someone_else_is_removed():
    run(
        {"resource_policy": "{}"},
        *policy(POLICY),
        Step("DeleteResourcePolicy", {}, {"ResourceArn": ARN}),
        *policy(None),
        *policy(None),
    )


def test_a_policy_is_put():
    run(
        {"resource_policy": json.dumps(POLICY)},
        *policy(None),
        Step("PutResourcePolicy", {}, {"ResourceArn": ARN, "Policy": json.dumps(POLICY)}),
        *policy(POLICY),
        *policy(POLICY),
    )


def destinations(*arns, status="ACTIVE"):
    those = [{"StreamArn": arn, "DestinationStatus": status} for arn in arns]
    return seen(Step("DescribeKinesisStreamingDestination", {"KinesisDataStreamDestinations": those}, NAMED))


def test_changes_go_to_no_other_stream():
    run(
        {"kinesis_destinations": []},
        *destinations(STREAM),
        update({"StreamArn": STREAM}, operation="DisableKinesisStreamingDestination"),
        *destinations(STREAM, status="DISABLING"),
        *destinations(STREAM, status="DISABLED"),
    )


def test_changes_go_to_a_stream():
    run(
        {"kinesis_destinations": [STREAM]},
        *destinations(),
        update({"StreamArn": STREAM}, operation="EnableKinesisStreamingDestination"),
        *destinations(STREAM, status="ENABLING"),
        *destinations(STREAM),
    )


def test_check_mode_predicts_without_writing():
    result, _aws, _module = run(
        {"table_class": "STANDARD_INFREQUENT_ACCESS", "deletion_protection": True}, *seen(), check_mode=True
    )
    assert sides(result) == {
        "before": {"deletion_protection": False, "table_class": "STANDARD"},
        "after": {"deletion_protection": True, "table_class": "STANDARD_INFREQUENT_ACCESS"},
    }


@pytest.mark.parametrize(
    ("option", "look", "desired", "before"),
    [
        ("ttl_attribute", lambda: expiry("old"), "ttl", "old"),
        ("ttl_attribute", lambda: expiry("old"), "", "old"),
        ("point_in_time_recovery_days", lambda: recovery(35), 7, 35),
        ("point_in_time_recovery_days", lambda: recovery(35), 0, 35),
        ("contributor_insights", lambda: insights(ALL, ALL), THROTTLED, ALL),
        ("kinesis_destinations", lambda: destinations(STREAM), [], [STREAM]),
        ("kinesis_destinations", lambda: destinations(), [STREAM], []),
        ("stream_view_type", lambda: seen(), "NEW_IMAGE", "DISABLED"),
        ("kms_key_arn", lambda: seen(), KEY, ""),
        ("billing_mode", lambda: seen(), "PROVISIONED", "PAY_PER_REQUEST"),
    ],
)
def test_check_mode_predicts_each_setting(option, look, desired, before):
    result, _aws, _module = run({option: desired}, *look(), check_mode=True)
    assert sides(result) == {"before": {option: before}, "after": {option: desired}}


def test_check_mode_predicts_a_new_table():
    policy = {"resource_policy": "{}", "kms_key_arn": KEY, "provisioned_throughput": None, "replicas": []}
    result, _aws, _module = run({**KEYS, **policy, "contributor_insights": "DISABLED"}, missing(), check_mode=True)
    assert result["diff"]["before"] == {}
    after = result["diff"]["after"]
    assert (after["hash_key"], after["range_key"], after["kms_key_arn"]) == ("tenant_id", "usage_id", KEY)
    assert [index["name"] for index in after["global_indexes"]] == ["by_time"]


def test_a_table_whose_key_cannot_be_used_is_told():
    with pytest.raises(ResourceError, match=r"INACCESSIBLE_ENCRYPTION_CREDENTIALS.*enable the key"):
        run(KEYS, *seen(TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS"))
