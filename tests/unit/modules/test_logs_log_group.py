"""CloudWatch Logs log group."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.logs_log_group import LogGroup
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

ARN = "arn:aws:logs:us-west-2:123456789012:log-group:/demo"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
PARAMS = {"name": "/demo", "retention_days": 30, "kms_key_arn": KEY, "log_group_class": None, "adopt_untagged": False}


def group(**members):
    present = {"logGroupName": "/demo", "arn": f"{ARN}:*", "retentionInDays": 30, "kmsKeyId": KEY, **members}
    neighbour = {"logGroupName": "/demo-2", "arn": f"{ARN}-2:*"}
    return {"logGroups": [neighbour, {key: value for key, value in present.items() if value is not None}]}


def tags(**values):
    return Step("ListTagsForResource", {"tags": values}, {"resourceArn": ARN})


def run(params, *steps, **kwargs):
    return run_resource(LogGroup, {**PARAMS, **params}, *steps, **kwargs)


def test_create_with_key_and_tags_then_retention():
    result, _aws, _module = run(
        {"tags": {"A": "1"}},
        Step("DescribeLogGroups", {"logGroups": []}, {"logGroupNamePrefix": "/demo"}),
        Step("CreateLogGroup", {}, {"logGroupName": "/demo", "kmsKeyId": KEY, "tags": {"A": "1"}}),
        Step("DescribeLogGroups", group(retentionInDays=None)),
        tags(A="1"),
        Step("PutRetentionPolicy", {}, {"logGroupName": "/demo", "retentionInDays": 30}),
        Step("DescribeLogGroups", group()),
        tags(A="1"),
        Step("DescribeLogGroups", group()),
        tags(A="1"),
    )
    assert result["changed"] is True
    assert result["log_group"]["log_group_arn"] == ARN


def test_second_run_changes_nothing():
    result, _aws, _module = run({"tags": {"A": "1"}}, Step("DescribeLogGroups", group()), tags(A="1"))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "operation", "request_"),
    [
        ({"retention_days": 7}, "PutRetentionPolicy", {"logGroupName": "/demo", "retentionInDays": 7}),
        ({"retention_days": 0}, "DeleteRetentionPolicy", {"logGroupName": "/demo"}),
        ({"kms_key_arn": f"{KEY}2"}, "AssociateKmsKey", {"logGroupName": "/demo", "kmsKeyId": f"{KEY}2"}),
        ({"kms_key_arn": ""}, "DisassociateKmsKey", {"logGroupName": "/demo"}),
    ],
)
def test_each_change_is_its_own_call(params, operation, request_):
    result, _aws, _module = run(
        params,
        Step("DescribeLogGroups", group()),
        tags(),
        Step(operation, {}, request_),
        Step("DescribeLogGroups", group()),
        tags(),
        Step("DescribeLogGroups", group()),
        tags(),
    )
    assert result["changed"] is True


def test_check_mode_predicts_a_retention_without_writing():
    result, _aws, _module = run({"retention_days": 7}, Step("DescribeLogGroups", group()), tags(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"] == {
        "before": {"kms_key_arn": KEY, "retention_days": 30},
        "after": {"kms_key_arn": KEY, "retention_days": 7},
    }


def test_lost_reply_of_create_makes_no_second_call():
    result, aws, _module = run(
        {},
        Step("DescribeLogGroups", {"logGroups": []}),
        Step("CreateLogGroup", lost_reply()),
        Step("DescribeLogGroups", group()),
        tags(),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateLogGroup") == 1


def test_the_class_cannot_be_changed():
    with pytest.raises(ResourceError, match="log_group_class: is 'STANDARD', declared 'INFREQUENT_ACCESS'"):
        run({"log_group_class": "INFREQUENT_ACCESS"}, Step("DescribeLogGroups", group()), tags())


def test_delete():
    result, _aws, _module = run(
        {"state": "absent"},
        Step("DescribeLogGroups", group()),
        tags(),
        Step("DeleteLogGroup", {}, {"logGroupName": "/demo"}),
        Step("DescribeLogGroups", {"logGroups": []}),
    )
    assert result["changed"] is True


def test_a_group_of_someone_else_stays_untouched():
    with pytest.raises(ResourceError, match="isn't ours"):
        run(
            {"owned_by": {"Project": "demo"}, "retention_days": 1},
            Step("DescribeLogGroups", group()),
            tags(Project="other"),
        )


def test_throttled_tagging_is_repeated():
    result, _aws, _module = run(
        {"tags": {"A": "2"}},
        Step("DescribeLogGroups", group()),
        tags(A="1"),
        Step("TagResource", api_error("TagResource", "ThrottlingException")),
        Step("DescribeLogGroups", group()),
        tags(A="1"),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"A": "2"}}),
        Step("DescribeLogGroups", group()),
        tags(A="2"),
    )
    assert result["changed"] is True


# ---- a group that its service has made again


OWNER = {"ManagedBy": "agent_platform.aws"}
AGAIN = group(retentionInDays=None, kmsKeyId=None)


def test_a_group_that_its_service_has_made_again_is_adopted():
    result, _aws, _module = run(
        {"adopt_untagged": True, "owned_by": OWNER, "tags": OWNER},
        Step("DescribeLogGroups", AGAIN),
        tags(),
        Step("AssociateKmsKey", {}, {"logGroupName": "/demo", "kmsKeyId": KEY}),
        Step("DescribeLogGroups", group(retentionInDays=None)),
        tags(),
        Step("PutRetentionPolicy", {}, {"logGroupName": "/demo", "retentionInDays": 30}),
        Step("DescribeLogGroups", group()),
        tags(),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": OWNER}),
        Step("DescribeLogGroups", group()),
        tags(**OWNER),
    )
    assert result["changed"] is True


def test_and_removed():
    result, _aws, _module = run(
        {"adopt_untagged": True, "owned_by": OWNER, "state": "absent"},
        Step("DescribeLogGroups", AGAIN),
        tags(),
        Step("DeleteLogGroup", {}, {"logGroupName": "/demo"}),
        Step("DescribeLogGroups", {"logGroups": []}),
    )
    assert result["changed"] is True


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(("adopt", "found"), [(True, {"Project": "other"}), (False, {})])
def test_whose_group_it_is_otherwise(adopt, found, state):
    params = {"adopt_untagged": adopt, "owned_by": OWNER, "state": state}
    with pytest.raises(ResourceError, match="isn't ours"):
        run(params, Step("DescribeLogGroups", AGAIN), tags(**found))
