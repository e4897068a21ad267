"""CloudWatch Logs log group."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.logs_log_group import LogGroup
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource, sides

ARN = "arn:aws:logs:us-west-2:123456789012:log-group:/demo"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
PARAMS = {
    "name": "/demo",
    "retention_days": 30,
    "kms_key_arn": KEY,
    "log_group_class": None,
    "adopt_untagged": False,
    "deletion_protection": None,
    "bearer_token_authentication": None,
    "resource_policy": None,
    "subscription_filters": None,
}


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
    assert sides(result) == {
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


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("InvalidParameterException", "The specified KMS Key Id could not be found. '/demo'"),
        (
            "AccessDeniedException",
            f"The specified KMS key does not exist or is not allowed to be used with Arn '{ARN}'",
        ),
        (
            "InvalidParameterException",
            f"The specified KMS key does not exist or is not allowed to be used with LogGroup '{ARN}'",
        ),
        ("OperationAbortedException", "A conflicting operation is currently in progress against this resource."),
    ],
)
def test_a_key_that_was_just_made_is_waited_for(code, text):
    result, aws, _module = run(
        {"retention_days": None},
        Step("DescribeLogGroups", {"logGroups": []}),
        Step("CreateLogGroup", api_error("CreateLogGroup", code, text)),
        Step("DescribeLogGroups", {"logGroups": []}),
        Step("CreateLogGroup", {}),
        Step("DescribeLogGroups", group()),
        tags(),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateLogGroup") == 2


def test_a_permission_that_is_missing_is_refused_at_once():
    denied = api_error(
        "CreateLogGroup", "AccessDeniedException", "User is not authorized to perform logs:CreateLogGroup"
    )
    with pytest.raises(ResourceError, match="Allow logs:CreateLogGroup"):
        run({}, Step("DescribeLogGroups", {"logGroups": []}), Step("CreateLogGroup", denied))


def test_a_group_that_was_just_made_is_waited_for():
    unknown = api_error("PutRetentionPolicy", "ResourceNotFoundException", "The specified log group does not exist.")
    old = (Step("DescribeLogGroups", group(retentionInDays=None)), tags())
    new = (Step("DescribeLogGroups", group()), tags())
    result, _aws, _module = run(
        {}, *old, Step("PutRetentionPolicy", unknown), *old, Step("PutRetentionPolicy", {}), *new, *new
    )
    assert result["changed"] is True


# ---- What lets events out or others in, and what guards the group

GROUP_ID = {"logGroupIdentifier": "/demo"}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "logs:PutLogEvents", "Resource": "*"}],
}


def seen(filters=None, document=None, **members):
    """The calls of one reading. filters: those of a run that declares filters; document: the group's policy."""
    steps = [Step("DescribeLogGroups", group(**members)), tags()]
    if filters is not None:
        steps.append(Step("DescribeSubscriptionFilters", {"subscriptionFilters": filters}, {"logGroupName": "/demo"}))
    if document is not None:
        policies = [{"policyDocument": json.dumps(document), "revisionId": "7"}] if document else []
        request = {"resourceArn": ARN, "policyScope": "RESOURCE"}
        steps.append(Step("DescribeResourcePolicies", {"resourcePolicies": policies}, request))
    return steps


@pytest.mark.parametrize(
    ("option", "member", "operation"),
    [
        ("deletion_protection", "deletionProtectionEnabled", "PutLogGroupDeletionProtection"),
        ("bearer_token_authentication", "bearerTokenAuthenticationEnabled", "PutBearerTokenAuthentication"),
    ],
)
def test_a_switch_that_someone_has_turned_on_is_turned_off(option, member, operation):
    result, _aws, _module = run(
        {option: False},
        *seen(**{member: True}),
        Step(operation, {}, {**GROUP_ID, member: False}),
        *seen(**{member: False}),
        *seen(**{member: False}),
    )
    assert result["changed"] is True
    result, _aws, _module = run({option: False}, *seen())
    assert result["changed"] is False


def test_a_new_group_is_protected_from_the_start():
    run(
        {"deletion_protection": True, "retention_days": None},
        Step("DescribeLogGroups", {"logGroups": []}),
        Step("CreateLogGroup", {}, {"logGroupName": "/demo", "kmsKeyId": KEY, "deletionProtectionEnabled": True}),
        *seen(deletionProtectionEnabled=True),
    )


def test_a_protected_group_is_not_deleted():
    with pytest.raises(ResourceError, match="is protected against deletion"):
        run({"state": "absent"}, *seen(deletionProtectionEnabled=True))


def test_protection_is_lifted_where_it_is_declared_so():
    run(
        {"state": "absent", "deletion_protection": False},
        *seen(deletionProtectionEnabled=True),
        Step("PutLogGroupDeletionProtection", {}, {**GROUP_ID, "deletionProtectionEnabled": False}),
        Step("DeleteLogGroup", {}, {"logGroupName": "/demo"}),
        Step("DescribeLogGroups", {"logGroups": []}),
    )


def test_a_policy_of_someone_elses_is_removed():
    result, _aws, _module = run(
        {"resource_policy": "{}"},
        *seen(document=POLICY),
        Step("DeleteResourcePolicy", {}, {"resourceArn": ARN, "expectedRevisionId": "7"}),
        *seen(document={}),
        *seen(document={}),
    )
    assert result["diff"]["before"]["resource_policy"] == POLICY


@pytest.mark.parametrize(("before", "revision"), [({}, {}), ({**POLICY, "Id": "old"}, {"expectedRevisionId": "7"})])
def test_a_policy_is_put(before, revision):
    request = {"resourceArn": ARN, "policyDocument": json.dumps(POLICY), **revision}
    run(
        {"resource_policy": json.dumps(POLICY)},
        *seen(document=before),
        Step("PutResourcePolicy", {}, request),
        *seen(document=POLICY),
        *seen(document=POLICY),
    )


STREAM = "arn:aws:kinesis:us-west-2:123456789012:stream/events"
OURS = {"filterName": "central", "filterPattern": "", "destinationArn": STREAM}
DECLARED = {"filter_name": "central", "filter_pattern": "", "destination_arn": STREAM}


def test_filters_are_put_and_those_of_others_removed():
    theirs = {"filterName": "theirs", "filterPattern": "", "destinationArn": f"{STREAM}-of-others"}
    result, _aws, _module = run(
        {"subscription_filters": [DECLARED]},
        *seen(filters=[{**theirs, "logGroupName": "/demo", "creationTime": 1}]),
        Step("PutSubscriptionFilter", {}, {"logGroupName": "/demo", **OURS}),
        Step("DeleteSubscriptionFilter", {}, {"logGroupName": "/demo", "filterName": "theirs"}),
        *seen(filters=[OURS]),
        *seen(filters=[OURS]),
    )
    assert result["changed"] is True


def test_a_filter_is_as_declared():
    result, _aws, _module = run({"subscription_filters": [DECLARED]}, *seen(filters=[{**OURS, "creationTime": 1}]))
    assert result["changed"] is False


def test_a_destination_that_does_not_take_events_yet_is_waited_for():
    text = "Could not deliver test message to specified Kinesis stream."
    run(
        {"subscription_filters": [DECLARED]},
        *seen(filters=[]),
        Step("PutSubscriptionFilter", api_error("PutSubscriptionFilter", "InvalidParameterException", text)),
        *seen(filters=[]),
        Step("PutSubscriptionFilter", {}),
        *seen(filters=[OURS]),
        *seen(filters=[OURS]),
    )
