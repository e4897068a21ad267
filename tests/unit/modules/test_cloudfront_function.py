# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CloudFront function: changed in one stage, tested, and published to the other only when that differs."""

from __future__ import annotations

import io
import json

import pytest
from botocore.exceptions import ResponseStreamingError

from ansible_collections.agent_platform.aws.plugins.modules.cloudfront_function import Function
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "demo-frontend"
ARN = f"arn:aws:cloudfront::123456789012:function/{NAME}"
CODE = "function handler(event) { return event.request; }"
OLD = "function handler(event) { return null; }"
CONFIG = {"Comment": "", "Runtime": "cloudfront-js-2.0", "KeyValueStoreAssociations": {"Quantity": 0}}
OPTIONS = {"name": NAME, "code": CODE, "owned_by": OWNER, "tags": OWNER}
EVENT = {"version": "1.0", "request": {"uri": "/somewhere"}}
TESTS = [{"event": EVENT, "expected": {"request": {"uri": "/index.html"}}}]


def run(options, *steps, **kwargs):
    return run_resource(Function, given("cloudfront_function", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(Function, given("cloudfront_function", {**OPTIONS, **options}), *steps)


def missing(operation):
    return api_error(operation, "NoSuchFunctionExists", status=404)


ABSENT = Step("DescribeFunction", missing("DescribeFunction"), {"Name": NAME, "Stage": "DEVELOPMENT"})


def described(stage, config=CONFIG):
    metadata = {"FunctionARN": ARN, "Stage": stage}
    summary = {"Name": NAME, "Status": "UNPUBLISHED", "FunctionConfig": config, "FunctionMetadata": metadata}
    return Step("DescribeFunction", {"FunctionSummary": summary, "ETag": "v"}, {"Name": NAME, "Stage": stage})


def code(stage, text, version="v"):
    return Step(
        "GetFunction", {"FunctionCode": io.BytesIO(text.encode()), "ETag": version}, {"Name": NAME, "Stage": stage}
    )


def seen(text=CODE, live=CODE, version="v1", config=CONFIG, live_config=CONFIG, tags=OWNER):
    """One look at it. live: the code that is live, None if there is none."""
    steps = [
        described("DEVELOPMENT", config),
        Step("ListTagsForResource", {"Tags": {"Items": tag_list(**tags)}}, {"Resource": ARN}),
        code("DEVELOPMENT", text, version),
    ]
    if live is None:
        return [*steps, Step("DescribeFunction", missing("DescribeFunction"), {"Name": NAME, "Stage": "LIVE"})]
    return [*steps, described("LIVE", live_config), *([code("LIVE", live)] if live_config == config else [])]


def created(answer=None):
    def check(request):
        tags = {tag["Key"]: tag["Value"] for tag in request.pop("Tags")["Items"]}
        assert tags == OWNER
        config = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
        assert request == {"Name": NAME, "FunctionConfig": config, "FunctionCode": CODE.encode()}

    return Step("CreateFunction", answer or {"ETag": "v1"}, check)


def published(version="v1", answer=None):
    return Step("PublishFunction", answer or {}, {"Name": NAME, "IfMatch": version})


def tried(result, version="v1"):
    def check(request):
        assert json.loads(request.pop("EventObject")) == EVENT
        assert request == {"Name": NAME, "IfMatch": version, "Stage": "DEVELOPMENT"}

    return Step("TestFunction", {"TestResult": result}, check)


def test_made_and_published():
    result, _aws, _module = run({}, ABSENT, created(), *seen(live=None), published(), *seen(), *seen())
    assert result["changed"] is True
    assert (result["function"]["arn"], result["function"]["publish"]) == (ARN, True)
    assert result["function"]["code"] == CODE


def test_made_and_not_published():
    result, _aws, _module = run({"publish": False}, ABSENT, created(), *seen(live=None))
    assert result["function"]["publish"] is False
    result, _aws, _module = run({"publish": False}, *seen(live=OLD))
    assert result["changed"] is False


def test_a_stage_that_says_nothing_of_stores_has_none():
    without = {key: value for key, value in CONFIG.items() if key != "KeyValueStoreAssociations"}
    steps = [*seen()[:3], described("LIVE", without), code("LIVE", CODE)]
    result, _aws, _module = run({}, *steps)
    assert result["changed"] is False


def test_second_run_changes_nothing():
    result, _aws, _module = run({"runtime": "cloudfront-js-2.0", "comment": "", "test_events": TESTS}, *seen())
    assert result["changed"] is False


def test_a_change_keeps_what_is_not_declared_and_is_published():
    config = {**CONFIG, "Comment": "Theirs"}
    request = {"Name": NAME, "IfMatch": "v1", "FunctionConfig": config, "FunctionCode": CODE.encode()}
    result, _aws, _module = run(
        {},
        *seen(OLD, OLD, config=config, live_config=config),
        Step("UpdateFunction", {"ETag": "v2"}, request),
        *seen(CODE, OLD, "v2", config, config),
        published("v2"),
        *seen(CODE, CODE, "v2", config, config),
        *seen(CODE, CODE, "v2", config, config),
    )
    assert result["diff"]["before"]["code"] == OLD
    assert result["diff"]["after"]["code"] == CODE


def test_what_someone_has_changed_in_the_stage_is_taken_back_and_needs_no_publishing():
    _result, aws, _module = run({}, *seen(OLD), Step("UpdateFunction", {"ETag": "v2"}), *seen(), *seen())
    assert "PublishFunction" not in aws.operations()


@pytest.mark.parametrize("live", [{"live": OLD}, {"live": None}, {"live_config": {**CONFIG, "Comment": "Old"}}])
def test_what_is_live_and_differs_is_published_over(live):
    result, _aws, _module = run({}, *seen(**live), published(), *seen(), *seen())
    assert result["changed"] is True


def test_stores():
    store = "arn:aws:cloudfront::123456789012:key-value-store/01234567-89ab-cdef-0123-456789abcdef"
    associations = {"Quantity": 1, "Items": [{"KeyValueStoreARN": store}]}
    config = {**CONFIG, "KeyValueStoreAssociations": associations}
    request = {"Name": NAME, "IfMatch": "v1", "FunctionConfig": config, "FunctionCode": CODE.encode()}
    updated = Step("UpdateFunction", {"ETag": "v2"}, request)
    run({"key_value_stores": [store], "publish": False}, *seen(), updated, *seen(config=config), *seen(config=config))


def test_published_after_its_tests():
    told = {"FunctionOutput": json.dumps({"request": {"uri": "/index.html", "method": "GET"}})}
    run({"test_events": TESTS}, *seen(live=OLD), tried(told), published(), *seen(), *seen())


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"FunctionErrorMessage": "The function threw a TypeError"}, "threw a TypeError"),
        ({"FunctionOutput": '{"request": {"uri": "/"}}'}, 'comes to {"request": {"uri": "/"}}, expected'),
    ],
)
def test_nothing_is_published_that_fails_its_tests(told, said):
    message = refuse({"test_events": TESTS}, *seen(live=OLD), tried(told))
    assert said in message
    assert "What is live stays as it is" in message


def test_check_mode_writes_nothing():
    result, _aws, _module = run({"test_events": TESTS}, *seen(OLD, OLD), check_mode=True)
    assert result["changed"] is True
    result, _aws, _module = run({}, ABSENT, check_mode=True)
    assert result["function"]["code"] == CODE


def test_lost_replies_and_other_runs():
    raced = api_error("PublishFunction", "PreconditionFailed", status=412)
    _result, aws, _module = run(
        {},
        ABSENT,
        created(lost_reply()),
        *seen(live=None),
        published(answer=raced),
        *seen(live=None, version="v2"),
        published("v2", lost_reply()),
        *seen(),
    )
    assert aws.operations().count("CreateFunction") == 1


def test_someone_elses_is_left_alone():
    assert "isn't ours" in refuse({}, *seen(tags={"Project": "other"}))


def test_removed_once_nothing_uses_it():
    gone = [*seen()[:3]]
    association = {"FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": ARN}]}}
    distribution = {"Id": "EOURS", "DomainName": "d.cloudfront.net", "DefaultCacheBehavior": association}
    users = Step("ListDistributions", {"DistributionList": {"Items": [distribution]}}, {})
    assert "is used by distribution EOURS" in refuse({"state": "absent"}, *gone, users)
    delete = {"Name": NAME, "IfMatch": "v1"}
    busy = api_error("DeleteFunction", "FunctionInUse", status=409)
    none = Step("ListDistributions", {"DistributionList": {}}, {})
    run(
        {"state": "absent"},
        *seen()[:3],
        none,
        Step("DeleteFunction", busy, delete),
        *seen()[:3],
        none,
        Step("DeleteFunction", {}, delete),
        ABSENT,
    )


def test_code_whose_transfer_breaks_off():
    class Broken:
        def read(self):
            raise ResponseStreamingError(error="reset")

    steps = [*seen()[:2], Step("GetFunction", {"FunctionCode": Broken(), "ETag": "v"})]
    assert "read the code of CloudFront function" in refuse({}, *steps)


def test_bad_input():
    assert "has 10241 bytes; CloudFront takes 10240" in refuse({"code": "x" * 10241})
    assert "isn't JSON" in refuse({"test_events": [{"event": "{"}]})
    assert "code must be given" in refuse({"code": None}, ABSENT)
