# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log delivery: source, destination and what is between them, made, made anew and removed in the order AWS takes."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.log_deliveries import Destination, Source
from ansible_collections.agent_platform.aws.plugins.modules.logs_delivery import Delivery
from tests.support.declarations import Checker, load
from tests.support.module_runs import OWNER, given
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

ACCOUNT = "123456789012"
RESOURCE = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E2EXAMPLE1"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/vendedlogs/demo/web"
SOURCE = f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:demo-web"
DESTINATION = f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-destination:demo-web"
LINK = f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery:one"
NAME = {"name": "demo-web"}
TAGS = {**OWNER, "Name": "demo-web"}
OPTIONS = {
    "name": "demo-web",
    "resource_arn": RESOURCE,
    "log_type": "ACCESS_LOGS",
    "destination_arn": GROUP,
    "output_format": "json",
    "tags": TAGS,
    "owned_by": OWNER,
}
ABSENT = {"state": "absent"}


def run(options, *steps, **kwargs):
    return run_resource(Delivery, given("logs_delivery", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps, **kwargs):
    return refuse_resource(Delivery, given("logs_delivery", {**OPTIONS, **options}), *steps, **kwargs)


def missing(operation):
    return Step(operation, api_error(operation, "ResourceNotFoundException"), NAME)


NO_SOURCE, NO_DESTINATION = missing("GetDeliverySource"), missing("GetDeliveryDestination")


def tags(arn, **found):
    return Step("ListTagsForResource", {"tags": found or TAGS}, {"resourceArn": arn})


def source(resource=RESOURCE, **found):
    answer = {
        "name": "demo-web",
        "arn": SOURCE,
        "resourceArns": [resource],
        "service": "cloudfront",
        "logType": "ACCESS_LOGS",
    }
    return [Step("GetDeliverySource", {"deliverySource": answer}, NAME), tags(SOURCE, **found)]


def destination(arn=GROUP, output="json", **found):
    answer = {
        "name": "demo-web",
        "arn": DESTINATION,
        "deliveryDestinationType": "CWL",
        "outputFormat": output,
        "deliveryDestinationConfiguration": {"destinationResourceArn": arn},
    }
    return [Step("GetDeliveryDestination", {"deliveryDestination": answer}, NAME), tags(DESTINATION, **found)]


def delivery(id_="one", to=DESTINATION, **members):
    return {
        "id": id_,
        "arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery:{id_}",
        "deliverySourceName": "demo-web",
        "deliveryDestinationArn": to,
        "deliveryDestinationType": "CWL",
        "recordFields": ["date", "time"],
        "fieldDelimiter": "",
        **members,
    }


OTHER = delivery("other", deliverySourceName="demo-web-2")


def deliveries(*found, tagged=TAGS):
    steps = [Step("DescribeDeliveries", {"deliveries": [OTHER, *found]}, {})]
    return [*steps, tags(found[0]["arn"], **tagged)] if found else steps


def linked(**members):
    return deliveries(delivery(**members))


def put_source(answer=None):
    request = {**NAME, "resourceArn": RESOURCE, "logType": "ACCESS_LOGS", "tags": TAGS}
    return Step("PutDeliverySource", answer or {}, request)


def put_destination(answer=None):
    request = {
        **NAME,
        "deliveryDestinationConfiguration": {"destinationResourceArn": GROUP},
        "outputFormat": "json",
        "tags": TAGS,
    }
    return Step("PutDeliveryDestination", answer or {}, request)


def created(answer=None, **members):
    request = {"deliverySourceName": "demo-web", "deliveryDestinationArn": DESTINATION, **members, "tags": TAGS}
    return Step("CreateDelivery", answer or {}, request)


def removed(id_="one", answer=None):
    return Step("DeleteDelivery", answer or {}, {"id": id_})


def removed_end(operation, answer=None):
    return Step(operation, answer or {}, NAME)


# The looks at what is as it should be before anything is done.
SOUND = [*source(), *destination()]


@pytest.mark.parametrize("end", [Source, Destination])
def test_the_ends_fit_the_api(end):
    declared = load("logs_delivery")
    checker = Checker(dataclasses.replace(declared, resource=end, source=""))
    assert checker.problems() == []


# ---- Making


def test_all_three_are_made():
    result, _aws, _module = run(
        {},
        NO_SOURCE,
        NO_DESTINATION,
        NO_SOURCE,
        put_source(),
        *source(),
        NO_DESTINATION,
        put_destination(),
        *destination(),
        *deliveries(),
        created(),
        *linked(),
    )
    assert result["changed"] is True
    assert result["delivery"]["arn"] == LINK
    assert result["source"]["service"] == "cloudfront"
    assert result["destination"]["arn"] == DESTINATION
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["resource_arn"] == RESOURCE
    assert result["diff"]["after"]["destination_arn"] == GROUP


def test_second_run_changes_nothing():
    result, _aws, _module = run({"record_fields": ["date", "time"]}, *SOUND, *linked())
    assert result["changed"] is False


def test_a_dry_run_predicts_all_three():
    result, _aws, _module = run(
        {}, NO_SOURCE, NO_DESTINATION, NO_SOURCE, NO_DESTINATION, *deliveries(), check_mode=True
    )
    assert result["changed"] is True


def test_what_a_dry_run_does_not_know_yet_is_no_difference():
    unknown = {"resource_arn": "(known after apply)", "destination_arn": "(known after apply)"}
    result, _aws, _module = run(unknown, *SOUND, *linked(), check_mode=True)
    assert "delivery" in result


def test_lost_replies_make_nothing_twice():
    _result, aws, _module = run(
        {},
        NO_SOURCE,
        NO_DESTINATION,
        NO_SOURCE,
        put_source(lost_reply()),
        *source(),
        NO_DESTINATION,
        put_destination(lost_reply()),
        *destination(),
        *deliveries(),
        created(lost_reply()),
        *linked(),
    )
    for operation in ("PutDeliverySource", "PutDeliveryDestination", "CreateDelivery"):
        assert aws.operations().count(operation) == 1


def test_another_run_that_makes_the_same_is_no_failure():
    exists = api_error("CreateDelivery", "ConflictException", "A delivery already exists for this source.")
    result, _aws, _module = run({}, *SOUND, *deliveries(), created(exists), *linked(), *linked())
    assert result["delivery"]["id"] == "one"


def test_an_end_that_is_being_updated_is_waited_for():
    busy = api_error(
        "CreateDelivery", "ConflictException", "Requested resource is currently being updated. Please try again later."
    )
    run({}, *SOUND, *deliveries(), created(busy), *deliveries(), created(), *linked())


def test_a_resource_that_has_a_source_already():
    taken = api_error(
        "PutDeliverySource",
        "ConflictException",
        "This ResourceId has already been used in another Delivery Source in this account.",
    )
    said = refuse({}, NO_SOURCE, NO_DESTINATION, NO_SOURCE, put_source(taken))
    assert "another one has it: aws logs describe-delivery-sources names it" in said


def test_what_is_needed_is_told():
    said = refuse({"resource_arn": None}, NO_SOURCE, NO_DESTINATION, NO_SOURCE)
    assert "to create it resource_arn must be given" in said


# ---- What can be changed of a delivery


def configured(**members):
    return Step("UpdateDeliveryConfiguration", {}, {"id": "one", **members})


def test_fields_are_changed_in_place_and_the_rest_stays():
    s3 = {"s3DeliveryConfiguration": {"suffixPath": "{yyyy}", "enableHiveCompatiblePath": True}}
    before, after = linked(fieldDelimiter=",", **s3), linked(recordFields=["date"], fieldDelimiter=",", **s3)
    run(
        {"record_fields": ["date"]},
        *SOUND,
        *before,
        configured(recordFields=["date"], fieldDelimiter=",", **s3),
        *after,
        *after,
    )


def test_a_path_keeps_what_aws_has_put_before_it():
    implied = "AWSLogs/{account-id}/CloudFront/"
    there = {"s3DeliveryConfiguration": {"suffixPath": f"{implied}{{yyyy}}", "enableHiveCompatiblePath": False}}
    then = {"s3DeliveryConfiguration": {"suffixPath": f"{implied}{{yyyy}}/{{MM}}", "enableHiveCompatiblePath": False}}
    result, _aws, _module = run({"suffix_path": "/{yyyy}"}, *SOUND, *linked(**there))
    assert result["changed"] is False
    run(
        {"suffix_path": "{yyyy}/{MM}"},
        *SOUND,
        *linked(**there),
        configured(recordFields=["date", "time"], **then),
        *linked(**then),
        *linked(**then),
    )


def test_lost_tags_are_put_back():
    bare = deliveries(delivery(), tagged={"Name": "demo-web"})
    tagged = Step("TagResource", {}, {"resourceArn": LINK, "tags": OWNER})
    result, _aws, _module = run({}, *SOUND, *bare, tagged, *linked())
    assert result["changed"] is True


def test_a_delivery_to_elsewhere_is_removed():
    stray = delivery("stray", to=f"{DESTINATION}-theirs")
    result, _aws, _module = run({}, *SOUND, *deliveries(delivery(), stray), removed("stray"))
    assert result["changed"] is True
    assert result["diff"]["before"]["strays"] == [f"{DESTINATION}-theirs"]
    result, _aws, _module = run({}, *SOUND, *deliveries(delivery(), stray), check_mode=True)
    assert result["changed"] is True


# ---- What is made anew


def test_a_source_of_a_resource_that_was_replaced():
    old = source(f"{RESOURCE}-old")
    result, _aws, _module = run(
        {},
        *old,
        *destination(),
        *linked(),
        removed(),
        *deliveries(),
        *deliveries(),
        removed_end("DeleteDeliverySource"),
        NO_SOURCE,
        NO_SOURCE,
        put_source(),
        *source(),
        *deliveries(),
        created(),
        *linked(),
    )
    assert result["changed"] is True


def test_another_format_makes_the_destination_anew():
    plain = destination(output="plain")
    busy = api_error("DeleteDeliveryDestination", "ConflictException", "still has deliveries")
    run(
        {},
        *source(),
        *plain,
        *linked(),
        removed(),
        *deliveries(),
        *deliveries(),
        removed_end("DeleteDeliveryDestination", busy),
        *plain,
        removed_end("DeleteDeliveryDestination"),
        NO_DESTINATION,
        NO_DESTINATION,
        put_destination(),
        *destination(),
        *deliveries(),
        created(),
        *linked(),
    )


def test_a_dry_run_makes_nothing_anew():
    old = source(f"{RESOURCE}-old")
    result, aws, _module = run({}, *old, *destination(), *linked(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["resource_arn"] == f"{RESOURCE}-old"
    assert result["diff"]["after"]["resource_arn"] == RESOURCE
    assert not [operation for operation in aws.operations() if operation.startswith(("Delete", "Put", "Create"))]


# ---- Removal


def test_all_three_are_removed_in_order_with_deliveries_of_others():
    stray = delivery("stray", to=f"{DESTINATION}-theirs")
    result, _aws, _module = run(
        ABSENT,
        *source(),
        *deliveries(delivery(), stray),
        removed(),
        *deliveries(stray),
        *deliveries(stray),
        removed("stray"),
        *deliveries(),
        *deliveries(),
        removed_end("DeleteDeliverySource"),
        NO_SOURCE,
        *destination(),
        removed_end("DeleteDeliveryDestination"),
        NO_DESTINATION,
    )
    assert result["changed"] is True


def test_what_a_killed_run_has_left_is_removed():
    result, _aws, _module = run(
        ABSENT, NO_SOURCE, NO_SOURCE, *destination(), removed_end("DeleteDeliveryDestination"), NO_DESTINATION
    )
    assert result["changed"] is True
    result, _aws, _module = run(ABSENT, NO_SOURCE, NO_SOURCE, NO_DESTINATION)
    assert result["changed"] is False
    assert result["delivery"] == {}


def test_a_source_that_still_counts_a_removed_delivery_is_waited_for():
    busy = api_error("DeleteDeliverySource", "ConflictException", "has deliveries")
    run(
        ABSENT,
        *source(),
        *deliveries(),
        removed_end("DeleteDeliverySource", busy),
        *source(),
        removed_end("DeleteDeliverySource"),
        NO_SOURCE,
        NO_DESTINATION,
    )


def test_a_dry_run_removes_nothing():
    result, _aws, _module = run(ABSENT, *source(), *linked(), *destination(), check_mode=True)
    assert result["changed"] is True


@pytest.mark.parametrize("options", [{}, ABSENT])
def test_of_someone_else(options):
    assert "isn't ours" in refuse(options, *source(Project="other"))


def test_a_destination_of_someone_else():
    assert "isn't ours" in refuse({}, *source(), *destination(Project="other"))
