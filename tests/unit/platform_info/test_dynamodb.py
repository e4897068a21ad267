# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, PREFIX, REGION, look, marks, tag_list, taken

OWNER = marks("dynamodb")
PLANS, LOGS = f"{PREFIX}-usage-plans", f"{PREFIX}-usage-logs"
KEYS = {PLANS: ("entity_id", "entity_type"), LOGS: ("tenant_id", "usage_id")}
INDEXES = {PLANS: "tenant_index", LOGS: "tenant_timestamp_index"}


def arn(name):
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def table(name, **members):
    hash_key, range_key = KEYS.get(name, ("id", "sort"))
    return {
        "TableName": name,
        "TableArn": arn(name),
        "TableStatus": "ACTIVE",
        "KeySchema": [
            {"AttributeName": hash_key, "KeyType": "HASH"},
            {"AttributeName": range_key, "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": hash_key, "AttributeType": "S"},
            {"AttributeName": range_key, "AttributeType": "S"},
        ],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "GlobalSecondaryIndexes": [{"IndexName": INDEXES.get(name, "index"), "IndexStatus": "ACTIVE"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        "LatestStreamArn": f"{arn(name)}/stream/now",
        "DeletionProtectionEnabled": True,
        **members,
    }


def target(resource_id):
    dimension = "dynamodb:table:ReadCapacityUnits"
    return {
        "ServiceNamespace": "dynamodb",
        "ResourceId": resource_id,
        "ScalableDimension": dimension,
        "MinCapacity": 1,
        "MaxCapacity": 2,
        "RoleARN": "arn",
        "CreationTime": 0,
    }


def tags_of(request, **other):
    return {"Tags": tag_list(**other.get(request["ResourceArn"].rpartition("/")[2], OWNER))}


EMPTY_IF_ALL_IS_WELL = ("left_tables",)
MISSING = {"DescribeTable": "ResourceNotFoundException"}
ANSWERS = {
    "DescribeTable": lambda request: {"Table": table(request["TableName"])},
    "ListTables": {"TableNames": [LOGS, PLANS, "other"]},
    "dynamodb.ListTagsOfResource": tags_of,
    "DescribeScalableTargets": {"ScalableTargets": [target(f"table/{PLANS}"), target("table/other")]},
}


def test_tables_by_their_names():
    found, aws = look(ANSWERS, "dynamodb")
    settings = {
        "status": "ACTIVE",
        "hash_key": "tenant_id",
        "range_key": "usage_id",
        "hash_key_type": "S",
        "range_key_type": "S",
        "billing_mode": "PAY_PER_REQUEST",
        "global_indexes": ["tenant_timestamp_index"],
        "local_indexes": [],
        "deletion_protection": True,
    }
    facts = found.components["dynamodb"]
    assert facts["settings"].pop("usage-logs") == settings
    assert list(facts.pop("settings")) == ["usage-plans"]
    assert facts == {
        "exists": True,
        "tables": {"usage-plans": PLANS, "usage-logs": LOGS},
        "table_arns": [arn(PLANS), arn(LOGS)],
        "stream_arns": {"usage-plans": f"{arn(PLANS)}/stream/now", "usage-logs": f"{arn(LOGS)}/stream/now"},
        "left_tables": [],
        "scaling_targets": [
            {"resource_id": f"table/{PLANS}", "scalable_dimension": "dynamodb:table:ReadCapacityUnits"}
        ],
    }
    assert found.warnings == []
    assert {request["TableName"] for request in aws.requests("DescribeTable")} == {PLANS, LOGS}


def test_a_table_that_is_going_is_gone():
    answers = {
        **ANSWERS,
        "DescribeTable": lambda request: {"Table": table(request["TableName"], TableStatus="DELETING")},
    }
    found, _aws = look(answers, "dynamodb")
    assert not found.components["dynamodb"]["exists"]


def test_a_stream_that_has_ended_is_none():
    answers = {
        **ANSWERS,
        "DescribeTable": lambda request: {
            "Table": table(request["TableName"], StreamSpecification={"StreamEnabled": False})
        },
    }
    found, _aws = look(answers, "dynamodb")
    assert found.components["dynamodb"]["stream_arns"] == {}


def test_a_table_that_is_no_longer_declared_is_told():
    """One of the names that begin as ours is someone else's."""
    left, other = f"{PREFIX}-old", f"{PREFIX}-other"
    answers = {
        **ANSWERS,
        "ListTables": {"TableNames": [LOGS, other, left, PLANS]},
        "dynamodb.ListTagsOfResource": lambda request: tags_of(request, **{other: {"Project": "other"}}),
    }
    found, _aws = look(answers, "dynamodb")
    assert found.components["dynamodb"]["left_tables"] == [left]
    assert f"{left} of this platform isn't declared any more" in found.warnings[0]
    assert found.conflicts == []


def test_names_that_someone_else_has():
    answers = {**ANSWERS, "dynamodb.ListTagsOfResource": {"Tags": tag_list(Project="other")}}
    assert sorted(taken(answers, "dynamodb")) == [f"DynamoDB table {LOGS}", f"DynamoDB table {PLANS}"]


def test_tags_that_cannot_be_read_are_an_error():
    denied = api_error("ListTagsOfResource", "AccessDeniedException")
    with pytest.raises(ResourceError, match="Allow dynamodb:ListTagsOfResource"):
        look({**ANSWERS, "dynamodb.ListTagsOfResource": denied}, "dynamodb")
