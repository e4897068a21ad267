# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for tables: keys, indexes, capacity, and what DynamoDB can't change."""

from __future__ import annotations

import pytest

from .declared import change_fault_lines, fault_lines, removal_fault_lines

INDEX = {"name": "by_time", "hash_key": ["tenant_id"], "range_key": ["timestamp"]}
TABLE = {
    "name": "usage-logs",
    "attributes": {"tenant_id": "S", "usage_id": "S", "timestamp": "N"},
    "hash_key": "tenant_id",
    "range_key": "usage_id",
    "global_indexes": [INDEX],
}
RIGHT = {
    "platform_prefix": "agent-platform-dev",
    "dynamodb_deletion_protection": True,
    "dynamodb_read_capacity": {"min": 5, "max": 100},
    "dynamodb_write_capacity": {"min": 5, "max": 5},
    "dynamodb_point_in_time_recovery_days": 35,
    "dynamodb_tables": [TABLE],
}


def lines(**change):
    return fault_lines("dynamodb", {**RIGHT, **change})


def of_table(**change):
    return [line.removeprefix("dynamodb_tables[0]") for line in lines(dynamodb_tables=[{**TABLE, **change}])]


def of_index(**change):
    return [line.removeprefix(".global_indexes[0]") for line in of_table(global_indexes=[{**INDEX, **change}])]


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert of_table(ttl_attribute="ttl", point_in_time_recovery_days=0) == []
    assert of_index(projection="INCLUDE", non_key_attributes=["tokens"]) == []


def test_missing_values_are_the_schemas_business():
    assert fault_lines("dynamodb", {}) == []
    assert lines(dynamodb_tables=[{}]) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            {"global_indexes": [{**INDEX, "range_key": ["time"]}], "attributes": {"tenant_id": "S", "usage_id": "S"}},
            [
                ".global_indexes[0].range_key: 'time' has no type in dynamodb_tables[0].attributes: add it there, such"
                " as time: S"
            ],
        ),
        (
            {"hash_key": "other"},
            [".hash_key: 'other' has no type in dynamodb_tables[0].attributes: add it there, such as other: S"],
        ),
        (
            {"local_indexes": [{"name": "own", "range_key": "time"}]},
            [
                ".local_indexes[0].range_key: 'time' has no type in dynamodb_tables[0].attributes: add it there, such"
                " as time: S"
            ],
        ),
        (
            {"attributes": {**TABLE["attributes"], "ttl": "N"}, "ttl_attribute": "ttl"},
            [".attributes: 'ttl' is part of no key: only attributes of keys are declared, items may have any others"],
        ),
        (
            {"attributes": {**TABLE["attributes"], "timestamp": "number"}},
            [".attributes.timestamp: 'number' is not the type of a key: S (text), N (number) or B (bytes)"],
        ),
        (
            {"range_key": "tenant_id", "attributes": {"tenant_id": "S", "timestamp": "N"}},
            [".range_key: 'tenant_id' is the hash key, too: a key has two different attributes"],
        ),
        ({"hash_key": "", "range_key": "usage_id"}, [".hash_key: must be given: each table has one"]),
        ({"ttl_attribute": "usage_id"}, [".ttl_attribute: 'usage_id' is not a number, which the time of expiry is"]),
        ({"name": "usage logs"}, [".name: 'usage logs' is not letters, digits and '_', '-' or '.'"]),
        (
            {"point_in_time_recovery_days": 36},
            [".point_in_time_recovery_days: 36 is not 0 or from 1 to 35 days"],
        ),
        (
            {"read_capacity": {"min": 0, "max": 5}},
            [".read_capacity.min: 0 is not 1 or more units"],
        ),
        (
            {"write_capacity": {"min": 9, "max": 5}},
            [".write_capacity.min: 9 is more than dynamodb_tables[0].write_capacity.max, 5"],
        ),
    ],
)
def test_a_table(change, found):
    assert of_table(**change) == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"name": "by"}, [".name: 'by' is not 3 to 255 letters, digits and '_', '-' or '.'"]),
        (
            {"projection": "INCLUDE"},
            [".non_key_attributes: must name attributes, as the projection is INCLUDE"],
        ),
        (
            {"non_key_attributes": ["tokens"]},
            [".non_key_attributes: ['tokens'] is for the projection INCLUDE only, this one is ALL"],
        ),
        (
            {"projection": "INCLUDE", "non_key_attributes": ["tokens", "tokens"]},
            [".non_key_attributes: 'tokens' occurs more than once"],
        ),
        ({"hash_key": [], "range_key": ["tenant_id", "timestamp"]}, [".hash_key: must name an attribute"]),
    ],
)
def test_an_index(change, found):
    assert of_index(**change) == found


def test_keys_of_an_index_end_at_four():
    keys = [f"key{number}" for number in range(5)]
    attributes = {**TABLE["attributes"], **dict.fromkeys(keys, "S")}
    (fault,) = of_table(global_indexes=[INDEX, {"name": "wide", "hash_key": keys}], attributes=attributes)
    assert fault.endswith("has more than 4 attributes")


def test_indexes_end_at_twenty_and_five():
    indexes = [{**INDEX, "name": f"by_{number:03}"} for number in range(21)]
    assert of_table(global_indexes=indexes) == [
        ".global_indexes: 21 indexes are more than the 20 that a table may have"
    ]
    local = [{"name": f"own_{number}", "range_key": "timestamp"} for number in range(6)]
    assert of_table(local_indexes=local) == [".local_indexes: 6 indexes are more than the 5 that a table may have"]


def test_projected_attributes_end_at_a_hundred_in_all():
    half = {**INDEX, "projection": "INCLUDE"}
    indexes = [
        {**half, "name": name, "non_key_attributes": [f"{name}{number}" for number in range(51)]}
        for name in ("one", "two")
    ]
    assert of_table(global_indexes=indexes) == [
        ": 102 attributes in the projections of all indexes are more than the 100 of a table"
    ]


def test_names_are_one_each():
    assert of_table(global_indexes=[INDEX, INDEX]) == [
        ".global_indexes[].name: 'by_time' occurs more than once among the indexes of the table"
    ]
    assert lines(dynamodb_tables=[TABLE, TABLE]) == ["dynamodb_tables[].name: 'usage-logs' occurs more than once"]


def test_local_indexes_need_a_range_key():
    assert of_table(
        range_key="",
        attributes={"tenant_id": "S", "timestamp": "N"},
        local_indexes=[{"name": "own", "range_key": "timestamp"}],
    ) == [".local_indexes: needs a table with a range_key"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"dynamodb_point_in_time_recovery_days": 36}, "36 is not 0 or from 1 to 35 days"),
        ({"dynamodb_point_in_time_recovery_days": -1}, "-1 is not 0 or from 1 to 35 days"),
        ({"dynamodb_capacity_target_percent": 10}, "10 is not from 20 to 90 percent"),
        ({"dynamodb_read_capacity": {"min": 9, "max": 5}}, "9 is more than dynamodb_read_capacity.max, 5"),
    ],
)
def test_what_is_said_for_all(given, found):
    (line,) = lines(**given)
    assert line.endswith(found)


def test_a_protected_table_is_not_removed():
    protects = (
        "dynamodb_tables[0]: 'usage-logs' has state: absent and deletion protection: to remove it with all its items,"
        " add deletion_protection: false to this entry"
    )
    gone = {"name": "usage-logs", "state": "absent"}
    assert lines(dynamodb_tables=[gone]) == [protects]
    assert lines(dynamodb_tables=[{**gone, "deletion_protection": False}]) == []
    assert lines(dynamodb_tables=[gone], dynamodb_deletion_protection=False) == []


# ---- What exists

SETTINGS = {
    "status": "ACTIVE",
    "hash_key": "tenant_id",
    "range_key": "usage_id",
    "hash_key_type": "S",
    "range_key_type": "S",
    "billing_mode": "PAY_PER_REQUEST",
    "global_indexes": ["by_time"],
    "local_indexes": [],
    "deletion_protection": True,
}
FOUND = {"dynamodb": {"exists": True, "tables": {"usage-logs": "agent-platform-dev-usage-logs"}, "settings": {}}}
FOUND["dynamodb"]["settings"]["usage-logs"] = SETTINGS


def changes(**change):
    return change_fault_lines("dynamodb", {**RIGHT, "dynamodb_tables": [{**TABLE, **change}]}, FOUND)


LOST = (
    "DynamoDB can't change it, and all items would be lost with the table: add a table of another name, copy the items,"
    " and then remove this one (state: absent)"
)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, None),
        ({"global_indexes": []}, None),
        (
            {"hash_key": "usage_id"},
            ".hash_key: 'usage_id' is not that of the table agent-platform-dev-usage-logs, 'tena",
        ),
        ({"range_key": ""}, ".range_key: null is not that of the table agent-platform-dev-usage-logs, 'usage_id'"),
        (
            {"attributes": {**TABLE["attributes"], "usage_id": "N"}},
            ".attributes.usage_id: 'N' is not that of the table agent-platform-dev-usage-logs, 'S'",
        ),
        (
            {"local_indexes": [{"name": "own", "range_key": "timestamp"}]},
            ".local_indexes: ['own'] is not that of the table agent-platform-dev-usage-logs, []",
        ),
        ({"state": "absent", "hash_key": "other"}, None),
    ],
)
def test_what_would_lose_the_items(change, found):
    lines = changes(**change)
    if found is None:
        assert lines == []
    else:
        (line,) = lines
        assert line.startswith(f"dynamodb_tables[0]{found}")
        assert line.endswith(LOST)


def test_nothing_is_said_of_a_table_that_is_to_come():
    assert change_fault_lines("dynamodb", RIGHT, {"dynamodb": {"tables": {}, "settings": {}}}) == []


def test_what_protects_the_tables():
    off = {**RIGHT, "dynamodb_deletion_protection": False}
    assert removal_fault_lines("dynamodb", off, FOUND) == []
    (line,) = removal_fault_lines("dynamodb", RIGHT, FOUND)
    assert "dynamodb_deletion_protection: true protects dynamodb" in line
    own = [{**TABLE, "deletion_protection": True}]
    (line,) = removal_fault_lines("dynamodb", {**off, "dynamodb_tables": own}, FOUND)
    assert "protects the table agent-platform-dev-usage-logs" in line


def test_tables_that_no_entry_is_for_keep_the_rest_from_being_removed():
    left = {"dynamodb": {**FOUND["dynamodb"], "left_tables": ["agent-platform-dev-old"]}}
    (line,) = removal_fault_lines("dynamodb", {**RIGHT, "dynamodb_deletion_protection": False}, left)
    assert line.startswith("dynamodb_tables: agent-platform-dev-old aren't declared any more")
