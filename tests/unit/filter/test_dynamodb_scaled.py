# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of tables follows the load."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.filter.dynamodb_scaled import dynamodb_scaled

CAPACITY = {
    "read_capacity_units": 5,
    "most_read_capacity_units": 9,
    "write_capacity_units": 5,
    "most_write_capacity_units": 5,
}
TABLE = {"name": "logs", "provisioned_throughput": CAPACITY, "global_indexes": [{"name": "by_time"}]}


def test_what_has_room_to_scale():
    metric = {"min": 5, "max": 9, "metric": "DynamoDBReadCapacityUtilization"}
    assert dynamodb_scaled([TABLE]) == [
        {"resource_id": "table/logs", "scalable_dimension": "dynamodb:table:ReadCapacityUnits", **metric},
        {"resource_id": "table/logs/index/by_time", "scalable_dimension": "dynamodb:index:ReadCapacityUnits", **metric},
    ]


def test_what_is_paid_by_request_or_going_is_not_scaled():
    assert dynamodb_scaled([{"name": "logs", "global_indexes": []}, {**TABLE, "state": "absent"}]) == []
