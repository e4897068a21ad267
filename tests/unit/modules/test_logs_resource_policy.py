"""Resource policy of an account for CloudWatch Logs."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.logs_resource_policy import ResourcePolicy
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "demo-opensearch"


def statement(sid="Ours", service="es", **members):
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:us-west-2:123456789012:log-group:/demo:*",
        **members,
    }


THEIRS = statement("Theirs", "delivery.logs")


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def seen(*statements):
    """The account's policies: someone else's, and one of our name if there are statements."""
    found = [{"policyName": "route53", "policyDocument": json.dumps(document(THEIRS))}]
    if statements:
        found.append({"policyName": NAME, "policyDocument": json.dumps(document(*statements))})
    return Step("DescribeResourcePolicies", {"resourcePolicies": found}, {})


def put(*statements, answer=None):
    request = {"policyName": NAME, "policyDocument": json.dumps(document(*statements))}
    return Step("PutResourcePolicy", answer or {}, request)


PARAMS = {"name": NAME, "policy": json.dumps(document(statement())), "merge": False}


def run(params, *steps, **kwargs):
    return run_resource(ResourcePolicy, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps):
    return refuse_resource(ResourcePolicy, {**PARAMS, **params}, *steps)


def test_created_where_there_is_none():
    result, _aws, _module = run({}, seen(), put(statement()), seen(statement()))
    assert result["changed"] is True
    assert result["resource_policy"]["policy_name"] == NAME


def test_second_run_changes_nothing_whatever_the_order_of_actions():
    same = statement(Action=["logs:PutLogEvents", "logs:CreateLogStream"])
    result, _aws, _module = run({}, seen(same))
    assert result["changed"] is False


def test_what_was_changed_or_added_by_hand_is_taken_back():
    widened = statement(Resource="*")
    result, _aws, _module = run({}, seen(widened, THEIRS), put(statement()), seen(statement()), seen(statement()))
    assert result["diff"]["before"]["policy"] == document(widened, THEIRS)
    assert result["diff"]["after"]["policy"] == document(statement())


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, seen(), check_mode=True)
    assert result["changed"] is True


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_policy_without_a_statement_of_ours_stays_untouched(state):
    said = refuse({"state": state}, seen(THEIRS))
    assert "isn't ours: it has the Sid 'Theirs', expected 'Ours'" in said
    assert "merge: true" in said


def test_removed():
    result, _aws, _module = run(
        {"state": "absent"}, seen(statement()), Step("DeleteResourcePolicy", {}, {"policyName": NAME}), seen()
    )
    assert result["changed"] is True
    result, _aws, _module = run({"state": "absent"}, seen())
    assert result["changed"] is False


def test_lost_reply_is_looked_after():
    result, aws, _module = run({}, seen(), put(statement(), answer=lost_reply()), seen(statement()))
    assert result["changed"] is True
    assert aws.operations().count("PutResourcePolicy") == 1


def test_another_change_under_way_is_waited_for():
    busy = api_error("PutResourcePolicy", "OperationAbortedException", "Multiple concurrent requests were in conflict.")
    run({}, seen(), put(statement(), answer=busy), seen(), put(statement()), seen(statement()))


# ---- beside statements of others


MERGE = {"merge": True}


def test_merged_beside_others():
    result, _aws, _module = run(
        MERGE, seen(THEIRS), put(THEIRS, statement()), seen(THEIRS, statement()), seen(THEIRS, statement())
    )
    assert result["changed"] is True
    result, _aws, _module = run(MERGE, seen(statement(), THEIRS))
    assert result["changed"] is False


def test_an_older_statement_of_ours_is_replaced():
    run(
        MERGE,
        seen(statement(Resource="*"), THEIRS),
        put(THEIRS, statement()),
        seen(THEIRS, statement()),
        seen(THEIRS, statement()),
    )


def test_a_statement_without_a_list_and_one_without_a_sid_are_kept():
    nameless = {key: value for key, value in THEIRS.items() if key != "Sid"}
    alone = {"Version": "2012-10-17", "Statement": nameless}
    found = {"resourcePolicies": [{"policyName": NAME, "policyDocument": json.dumps(alone)}]}
    both = seen(nameless, statement())
    run(MERGE, Step("DescribeResourcePolicies", found), put(nameless, statement()), both, both)


def test_made_where_there_is_none_to_merge_into():
    run(MERGE, seen(), put(statement()), seen(statement()))


def test_only_our_statements_are_removed():
    result, _aws, _module = run({**MERGE, "state": "absent"}, seen(THEIRS, statement()), put(THEIRS), seen(THEIRS))
    assert result["changed"] is True
    result, _aws, _module = run({**MERGE, "state": "absent"}, seen(THEIRS))
    assert result["changed"] is False


def test_and_the_policy_with_the_last_of_them():
    run(
        {**MERGE, "state": "absent"},
        seen(statement()),
        Step("DeleteResourcePolicy", {}, {"policyName": NAME}),
        seen(),
    )


# ---- refusals


def test_the_eleventh_policy():
    full = api_error("PutResourcePolicy", "LimitExceededException", "Resource limit exceeded.")
    said = refuse({}, seen(), put(statement(), answer=full))
    assert "ten resource policies in a region" in said
    assert "merge: true" in said


@pytest.mark.parametrize(
    "statements", [[], [statement(), statement()], [{key: value for key, value in THEIRS.items() if key != "Sid"}]]
)
def test_statements_without_a_sid_of_their_own(statements):
    with pytest.raises(ResourceError, match="needs a Sid of its own"):
        run({"policy": json.dumps(document(*statements))})


def test_too_long():
    groups = [f"arn:aws:logs:us-west-2:123456789012:log-group:/demo/{number}:*" for number in range(90)]
    long = statement(Resource=groups)
    said = refuse({"policy": json.dumps(document(long))}, seen())
    assert "CloudWatch Logs takes 5120" in said
    said = refuse({**MERGE, "policy": json.dumps(document(long))}, seen(THEIRS))
    assert "CloudWatch Logs takes 5120" in said
