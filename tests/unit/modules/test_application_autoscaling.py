# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Application Auto Scaling: a scalable target and its policies."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.application_autoscaling_policy import ScalingPolicy
from ansible_collections.agent_platform.aws.plugins.modules.application_autoscaling_target import ScalableTarget
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

ARN = "arn:aws:application-autoscaling:us-west-2:123456789012:scalable-target/1a2b"
POLICY_ARN = "arn:aws:autoscaling:us-west-2:123456789012:scalingPolicy:1:resource/rds/cluster:demo:policyName/demo"
TAGS = {"Project": "demo"}
PLACE = {
    "service_namespace": "rds",
    "resource_id": "cluster:demo",
    "scalable_dimension": "rds:cluster:ReadReplicaCount",
}
NAMES = {
    "ServiceNamespace": "rds",
    "ResourceId": "cluster:demo",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
}
LISTED = {"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount"}
NO_TARGET = (
    "No scalable target registered for service namespace: rds, resource ID: cluster:demo, scalable dimension: "
    "rds:cluster:ReadReplicaCount"
)

# ---- The target

TARGET = {
    **PLACE,
    "min_capacity": 1,
    "max_capacity": 4,
    "suspended_state": None,
    "tags": TAGS,
    "owned_by": TAGS,
}
AWAKE = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def target(tags=TAGS, **members):
    """One look at the target."""
    found = {
        **NAMES,
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "RoleARN": "arn:aws:iam::123456789012:role/r",
        "SuspendedState": AWAKE,
        "ScalableTargetARN": ARN,
        **members,
    }
    steps = [Step("DescribeScalableTargets", {"ScalableTargets": [found]}, {**LISTED, "ResourceIds": ["cluster:demo"]})]
    return [*steps, Step("ListTagsForResource", {"Tags": tags}, {"ResourceARN": ARN})]


def no_target():
    return Step("DescribeScalableTargets", {"ScalableTargets": []})


def run_target(params, *steps, **kwargs):
    return run_resource(ScalableTarget, {**TARGET, **params}, *steps, **kwargs)


def test_register():
    request = {**NAMES, "MinCapacity": 1, "MaxCapacity": 4, "Tags": TAGS}
    result, _aws, _module = run_target({}, no_target(), Step("RegisterScalableTarget", {}, request), *target())
    assert result["target"]["scalable_target_arn"] == ARN
    assert result["target"]["tags"] == TAGS


def test_a_registered_target_stays_as_it_is():
    result, _aws, _module = run_target({}, *target())
    assert result["changed"] is False


def test_limits_are_changed_together():
    """Both are sent: the new least may be more than the greatest of before."""
    request = {**NAMES, "MinCapacity": 5, "MaxCapacity": 4}
    run_target(
        {"min_capacity": 5},
        *target(),
        Step("RegisterScalableTarget", {}, request),
        *target(MinCapacity=5) * 2,
    )


def test_what_was_suspended_by_hand_goes_on():
    asleep = {**AWAKE, "DynamicScalingOutSuspended": True}
    request = {**NAMES, "MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": AWAKE}
    run_target(
        {"suspended_state": {"dynamic_scaling_out_suspended": False}},
        *target(SuspendedState=asleep),
        Step("RegisterScalableTarget", {}, request),
        *target() * 2,
    )


@pytest.mark.parametrize(
    "text",
    [
        "DynamoDB table does not exist: table/demo",
        "Unable to assume IAM role: arn:aws:iam::123456789012:role/r",
    ],
)
def test_what_was_just_made_is_waited_for(text):
    refusal = api_error("RegisterScalableTarget", "ValidationException", text)
    _result, aws, _module = run_target(
        {},
        no_target(),
        Step("RegisterScalableTarget", refusal),
        no_target(),
        Step("RegisterScalableTarget", {}),
        *target(),
    )
    assert aws.operations().count("RegisterScalableTarget") == 2


def test_other_refusals_count_at_once():
    text = "Maximum capacity cannot be less than minimum capacity"
    refusal = api_error("RegisterScalableTarget", "ValidationException", text)
    told = refuse_resource(
        ScalableTarget, {**TARGET, "min_capacity": 9}, no_target(), Step("RegisterScalableTarget", refusal)
    )
    assert text in told


def test_lost_reply_of_register_makes_no_second_call():
    _result, aws, _module = run_target({}, no_target(), Step("RegisterScalableTarget", lost_reply()), *target())
    assert aws.operations().count("RegisterScalableTarget") == 1


def test_tags_are_changed_by_the_arn():
    run_target(
        {"tags": {**TAGS, "A": "1"}},
        *target(),
        Step("TagResource", {}, {"ResourceARN": ARN, "Tags": {"A": "1"}}),
        *target({**TAGS, "A": "1"}),
    )


def test_a_target_of_someone_else_stays_untouched():
    assert "isn't ours" in refuse_resource(ScalableTarget, TARGET, *target({"Project": "other"}))


def test_a_target_from_before_tags_is_no_one_s():
    step = target()[0]
    for found in step.answer["ScalableTargets"]:
        del found["ScalableTargetARN"]
    assert "isn't ours" in refuse_resource(ScalableTarget, TARGET, step)


@pytest.mark.parametrize("answer", [{}, api_error("DeregisterScalableTarget", "ObjectNotFoundException", NO_TARGET)])
def test_deregister(answer):
    run_target({"state": "absent"}, *target(), Step("DeregisterScalableTarget", answer, NAMES), no_target())


# ---- The policy

POLICY = {
    **PLACE,
    "name": "demo",
    "target_value": 60.0,
    "predefined_metric": {"predefined_metric_type": "RDSReaderAverageCPUUtilization", "resource_label": None},
    "customized_metric": None,
    "scale_in_cooldown": 300,
    "scale_out_cooldown": None,
    "disable_scale_in": False,
    "owned_by": TAGS,
}
PREDEFINED = {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"}
CONFIGURATION = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": PREDEFINED,
    "ScaleInCooldown": 300,
    "DisableScaleIn": False,
}
PUT = {**NAMES, "PolicyName": "demo", "PolicyType": "TargetTrackingScaling"}


def policy(**members):
    found = {
        **NAMES,
        "PolicyName": "demo",
        "PolicyARN": POLICY_ARN,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": CONFIGURATION,
        "Alarms": [{"AlarmName": "TargetTracking-high", "AlarmARN": "arn"}],
        **members,
    }
    return Step("DescribeScalingPolicies", {"ScalingPolicies": [found]}, {**NAMES, "PolicyNames": ["demo"]})


def no_policy():
    return Step("DescribeScalingPolicies", {"ScalingPolicies": []})


def run_policy(params, *steps, **kwargs):
    return run_resource(ScalingPolicy, {**POLICY, **params}, *steps, **kwargs)


def put(**configuration):
    configuration = {**CONFIGURATION, **configuration}
    present = {member: value for member, value in configuration.items() if value is not None}
    return Step("PutScalingPolicy", {}, {**PUT, "TargetTrackingScalingPolicyConfiguration": present})


def test_create_a_policy():
    result, _aws, _module = run_policy({}, no_policy(), *target(), put(), policy())
    assert result["changed"] is True
    assert result["policy"]["alarms"][0]["alarm_name"] == "TargetTracking-high"


def test_a_policy_stays_as_it_is():
    result, _aws, _module = run_policy({}, policy(), *target())
    assert result["changed"] is False


def test_a_change_takes_along_what_is_not_declared():
    have = {**CONFIGURATION, "ScaleOutCooldown": 30, "TargetValue": 10.0}
    after = policy(TargetTrackingScalingPolicyConfiguration={**have, "TargetValue": 60.0})
    result, _aws, _module = run_policy(
        {},
        policy(TargetTrackingScalingPolicyConfiguration=have),
        *target(),
        put(ScaleOutCooldown=30),
        after,
        after,
    )
    assert result["diff"]["before"]["target_value"] == 10.0


def test_another_metric_takes_the_place_of_the_old_one():
    metric = {
        "namespace": "AWS/RDS",
        "metric_name": "Load",
        "dimensions": [{"name": "Role", "value": "READER"}],
        "statistic": "Average",
        "unit": None,
    }
    sent = {
        "Namespace": "AWS/RDS",
        "MetricName": "Load",
        "Dimensions": [{"Name": "Role", "Value": "READER"}],
        "Statistic": "Average",
    }
    after = {**CONFIGURATION, "CustomizedMetricSpecification": sent}
    del after["PredefinedMetricSpecification"]
    changed = policy(TargetTrackingScalingPolicyConfiguration=after)
    run_policy(
        {"predefined_metric": None, "customized_metric": metric},
        policy(),
        *target(),
        put(PredefinedMetricSpecification=None, CustomizedMetricSpecification=sent),
        changed,
        changed,
    )


def test_a_target_that_was_just_registered_is_waited_for():
    refusal = api_error("PutScalingPolicy", "ObjectNotFoundException", NO_TARGET)
    _result, aws, _module = run_policy(
        {}, no_policy(), no_target(), Step("PutScalingPolicy", refusal), no_policy(), *target(), put(), policy()
    )
    assert aws.operations().count("PutScalingPolicy") == 2


def test_check_mode_needs_no_target():
    result, _aws, _module = run_policy({}, no_policy(), no_target(), check_mode=True)
    assert result["changed"] is True


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_hangs_on_a_target_of_someone_else_stays_untouched(state):
    params = {**POLICY, "state": state}
    told = refuse_resource(ScalingPolicy, params, policy(), *target({"Project": "other"}))
    assert "target of scaling policy 'demo'" in told
    assert "isn't ours" in told


def test_nothing_is_hung_on_a_target_of_someone_else():
    assert "isn't ours" in refuse_resource(ScalingPolicy, POLICY, no_policy(), *target({}))


def test_a_new_policy_needs_a_metric():
    told = refuse_resource(ScalingPolicy, {**POLICY, "predefined_metric": None}, no_policy(), *target())
    assert "predefined_metric or customized_metric must be given" in told


def test_a_policy_of_another_type_is_not_changed():
    told = refuse_resource(ScalingPolicy, POLICY, policy(PolicyType="StepScaling"), *target())
    assert "is of the type StepScaling" in told


def test_delete_a_policy():
    result, _aws, _module = run_policy(
        {"state": "absent"},
        policy(),
        *target(),
        Step("DeleteScalingPolicy", {}, {**NAMES, "PolicyName": "demo"}),
        no_policy(),
    )
    assert result["changed"] is True
