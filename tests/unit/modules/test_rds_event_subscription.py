# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS event notification subscription."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.rds_event_subscription import EventSubscription
from tests.support.scripted_aws import Step, api_error, refuse_resource, run_resource

ARN = "arn:aws:rds:us-west-2:123456789012:es:demo"
TOPIC = "arn:aws:sns:us-west-2:123456789012:demo"
NAME = {"SubscriptionName": "demo"}
TAGS = {"Project": "demo"}
PARAMS = {
    "name": "demo",
    "sns_topic_arn": TOPIC,
    "source_type": "db-cluster",
    "event_categories": ["failure", "failover"],
    "source_ids": ["demo-aurora"],
    "enabled": True,
    "tags": TAGS,
    "owned_by": TAGS,
}
WHOLE = {
    "SnsTopicArn": TOPIC,
    "SourceType": "db-cluster",
    "EventCategories": ["failure", "failover"],
    "Enabled": True,
}


def seen(tags=TAGS, **members):
    subscription = {
        "CustSubscriptionId": "demo",
        "EventSubscriptionArn": ARN,
        "SnsTopicArn": TOPIC,
        "Status": "active",
        "SourceType": "db-cluster",
        "SourceIdsList": ["demo-aurora"],
        "EventCategoriesList": ["failover", "failure"],
        "Enabled": True,
        **members,
    }
    present = {member: value for member, value in subscription.items() if value is not None}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [
        Step("DescribeEventSubscriptions", {"EventSubscriptionsList": [present]}, NAME),
        Step("ListTagsForResource", {"TagList": listed}, {"ResourceName": ARN}),
    ]


def nothing():
    operation = "DescribeEventSubscriptions"
    return Step(operation, api_error(operation, "SubscriptionNotFound", status=404))


def run(params, *steps, **kwargs):
    return run_resource(EventSubscription, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(EventSubscription, {**PARAMS, **params}, *steps, **kwargs)


def test_create_and_wait_until_it_is_active():
    request = {**NAME, **WHOLE, "SourceIds": ["demo-aurora"], "Tags": [{"Key": "Project", "Value": "demo"}]}
    result, _aws, _module = run(
        {},
        nothing(),
        Step("CreateEventSubscription", {}, request),
        *seen(Status="creating"),
        *seen(Status="creating"),
        *seen(),
    )
    assert result["subscription"]["status"] == "active"


def test_second_run_changes_nothing_whatever_the_order():
    result, _aws, _module = run({}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "changed"),
    [
        ({"sns_topic_arn": f"{TOPIC}-2"}, {"SnsTopicArn": f"{TOPIC}-2"}),
        ({"event_categories": ["failure", "deletion"]}, {"EventCategories": ["failure", "deletion"]}),
        ({"enabled": False}, {"Enabled": False}),
        ({"source_type": "db-instance"}, {"SourceType": "db-instance"}),
    ],
)
def test_a_change_sends_the_whole_subscription(params, changed):
    after = {"EventCategoriesList" if member == "EventCategories" else member: to for member, to in changed.items()}
    result, _aws, _module = run(
        params,
        *seen(),
        Step("ModifyEventSubscription", {}, {**NAME, **WHOLE, **changed}),
        *seen(Status="modifying"),
        *seen(**after) * 2,
    )
    assert result["changed"] is True


def test_sources_are_added_and_taken_one_by_one():
    run(
        {"source_ids": ["demo-aurora", "more"]},
        *seen(SourceIdsList=["demo-aurora", "theirs"]),
        Step("AddSourceIdentifierToSubscription", {}, {**NAME, "SourceIdentifier": "more"}),
        Step("RemoveSourceIdentifierFromSubscription", {}, {**NAME, "SourceIdentifier": "theirs"}),
        *seen(SourceIdsList=["demo-aurora", "more"]) * 2,
    )


def test_no_sources_stand_for_all():
    run(
        {"source_ids": []},
        *seen(),
        Step("RemoveSourceIdentifierFromSubscription", {}, {**NAME, "SourceIdentifier": "demo-aurora"}),
        *seen(SourceIdsList=None) * 2,
    )
    result, _aws, _module = run({"source_ids": []}, *seen(SourceIdsList=None))
    assert result["changed"] is False


@pytest.mark.parametrize("code", ["SNSNoAuthorization", "SNSTopicArnNotFound"])
def test_a_topic_that_was_just_made_is_waited_for(code):
    _result, aws, _module = run(
        {},
        nothing(),
        Step("CreateEventSubscription", api_error("CreateEventSubscription", code)),
        nothing(),
        Step("CreateEventSubscription", {}),
        *seen(),
    )
    assert aws.operations().count("CreateEventSubscription") == 2


@pytest.mark.parametrize(
    ("status", "told"),
    [("no-permission", "Let events.rds.amazonaws.com publish"), ("topic-not-exist", "Make the topic again")],
)
def test_one_that_can_not_send_is_warned_of(status, told):
    _result, _aws, module = run({}, *seen(Status=status))
    assert told in module.warnings[0]
    assert told in refuse({}, nothing(), Step("CreateEventSubscription", {}), *seen(Status=status))


def test_categories_and_sources_need_a_kind():
    assert "event_categories needs source_type" in refuse({"source_type": None}, nothing())
    told = refuse({"source_type": None, "event_categories": None}, nothing(), check_mode=True)
    assert "source_ids needs source_type" in told


def test_no_categories_are_a_mistake():
    with pytest.raises(ResourceError, match=r"event_categories of .* can't be an empty list"):
        run({"event_categories": []})


def test_a_subscription_of_someone_else_stays_untouched():
    assert "isn't ours" in refuse({"enabled": False}, *seen(tags={"Project": "other"}))


def test_delete_waits_until_it_is_gone():
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        Step("DeleteEventSubscription", {}, NAME),
        *seen(Status="deleting"),
        nothing(),
    )
    assert result["changed"] is True
