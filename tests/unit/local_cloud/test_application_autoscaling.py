# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Application Auto Scaling: targets of tables and clusters, their policies and their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

NAMES = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/shim",
    "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
}
PUT = {
    **NAMES,
    "PolicyName": "reads",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
    },
}


@pytest.fixture(scope="module")
def scaling(client: Callable[[str], Any]) -> Any:
    return client("application-autoscaling")


@pytest.fixture(scope="module")
def table(client: Callable[[str], Any]) -> None:
    client("dynamodb").create_table(
        TableName="shim",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )


@pytest.fixture
def target(scaling: Any, table: None) -> Iterator[str]:
    yield scaling.register_scalable_target(**NAMES, MinCapacity=1, MaxCapacity=4, Tags={"A": "1"})["ScalableTargetARN"]
    scaling.deregister_scalable_target(**NAMES)


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def found(scaling: Any) -> dict[str, Any]:
    names = {"ServiceNamespace": "dynamodb", "ResourceIds": ["table/shim"]}
    (one,) = scaling.describe_scalable_targets(**names)["ScalableTargets"]
    return one


def test_registering_again_changes_what_is_given(scaling: Any, target: str) -> None:
    again = scaling.register_scalable_target(**NAMES, MaxCapacity=9, SuspendedState={"ScheduledScalingSuspended": True})
    assert again["ScalableTargetARN"] == target
    assert (found(scaling)["MinCapacity"], found(scaling)["MaxCapacity"]) == (1, 9)
    assert found(scaling)["SuspendedState"] == {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": True,
    }
    assert "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable" in found(scaling)["RoleARN"]


def test_tags(scaling: Any, target: str) -> None:
    scaling.tag_resource(ResourceARN=target, Tags={"B": "2"})
    scaling.untag_resource(ResourceARN=target, TagKeys=["A"])
    assert scaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"B": "2"}
    assert refusal(scaling.list_tags_for_resource, ResourceARN=f"{target}x")[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"ResourceId": "table/none"}, "DynamoDB table does not exist: table/none"),
        ({"ResourceId": "table/shim/index/none"}, "DynamoDB table does not exist: table/shim/index/none"),
        ({"MinCapacity": 9}, "Maximum capacity cannot be less than minimum capacity"),
        (
            {"ServiceNamespace": "rds", "ResourceId": "cluster:x", "ScalableDimension": "rds:cluster:ReadReplicaCount"},
            "RDS cluster does not exist: cluster:x",
        ),
    ],
)
def test_targets_that_are_refused(scaling: Any, table: None, changed: dict[str, Any], text: str) -> None:
    request = {**NAMES, "MinCapacity": 1, "MaxCapacity": 4, **changed}
    assert refusal(scaling.register_scalable_target, **request) == ("ValidationException", text)


def test_a_policy_has_alarms_and_goes_with_its_target(scaling: Any, table: None) -> None:
    code, text = refusal(scaling.put_scaling_policy, **PUT)
    assert (code, "No scalable target registered" in text) == ("ObjectNotFoundException", True)
    scaling.register_scalable_target(**NAMES, MinCapacity=1, MaxCapacity=4)
    made = scaling.put_scaling_policy(**PUT)
    assert len(made["Alarms"]) == 2
    assert scaling.put_scaling_policy(**PUT)["PolicyARN"] == made["PolicyARN"]
    asked = {**NAMES, "PolicyNames": ["reads"]}
    (policy,) = scaling.describe_scaling_policies(**asked)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0
    assert refusal(scaling.put_scaling_policy, **{**PUT, "PolicyName": "more"})[0] == "ValidationException"
    scaling.deregister_scalable_target(**NAMES)
    assert scaling.describe_scaling_policies(**asked)["ScalingPolicies"] == []


def test_a_policy_is_deleted(scaling: Any, target: str) -> None:
    scaling.put_scaling_policy(**PUT)
    scaling.delete_scaling_policy(**NAMES, PolicyName="reads")
    assert refusal(scaling.delete_scaling_policy, **NAMES, PolicyName="reads")[0] == "ObjectNotFoundException"
