# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Session document: changed by new versions, of which one is the default, and compared as data."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.ssm_session_document import SessionDocument
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.module_runs import run as run_module
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource

NAME = "demo-session"
CONTENT = {
    "schemaVersion": "1.0",
    "sessionType": "Standard_Stream",
    "inputs": {"runAsEnabled": True, "runAsDefaultUser": "developer", "idleSessionTimeout": "20"},
}
OLD = {**CONTENT, "inputs": {**CONTENT["inputs"], "runAsDefaultUser": "root"}}
OPTIONS = {"name": NAME, "content": json.dumps(CONTENT), "owned_by": OWNER, "tags": OWNER}
ABSENT = Step("DescribeDocument", api_error("DescribeDocument", "InvalidDocument"), {"Name": NAME})


def run(options, *steps, **kwargs):
    return run_module("ssm_session_document", {**OPTIONS, **options}, *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(SessionDocument, given("ssm_session_document", {**OPTIONS, **options}), *steps)


def seen(content=CONTENT, default="1", latest="1", tags=OWNER, status="Active"):
    """One look at it. content: what its default version says."""
    described = {"Name": NAME, "Status": status, "DefaultVersion": default, "LatestVersion": latest}
    text = content if isinstance(content, str) else json.dumps(content)
    return [
        Step("DescribeDocument", {"Document": described}, {"Name": NAME}),
        Step("GetDocument", {"Content": text}, {"Name": NAME}),
        Step(
            "ListTagsForResource",
            {"TagList": tag_list(**tags)},
            {"ResourceType": "Document", "ResourceId": NAME},
        ),
    ]


def latest(number, content):
    return Step("GetDocument", {"Content": json.dumps(content)}, {"Name": NAME, "DocumentVersion": number})


def created(answer=None):
    def check(request):
        assert json.loads(request.pop("Content")) == CONTENT
        assert {tag["Key"]: tag["Value"] for tag in request.pop("Tags")} == OWNER
        assert request == {"Name": NAME, "DocumentType": "Session", "DocumentFormat": "JSON"}

    return Step("CreateDocument", answer or {}, check)


def updated(version, answer=None):
    def check(request):
        assert json.loads(request.pop("Content")) == CONTENT
        assert request == {"Name": NAME, "DocumentFormat": "JSON", "DocumentVersion": "$LATEST"}

    return Step("UpdateDocument", answer or {"DocumentDescription": {"DocumentVersion": version}}, check)


def chosen(version, answer=None):
    return Step("UpdateDocumentDefaultVersion", answer or {}, {"Name": NAME, "DocumentVersion": version})


def test_made():
    result, _aws, _module = run({}, ABSENT, created(), *seen())
    assert result["changed"] is True
    assert result["document"]["content"] == CONTENT
    assert result["document"]["tags"] == OWNER
    assert "resource_type" not in result["document"]


def test_second_run_changes_nothing_whatever_the_order_and_the_white_space():
    text = json.dumps(dict(reversed(CONTENT.items())), indent=4)
    result, _aws, _module = run({}, *seen(text))
    assert result["changed"] is False


def test_a_change_is_a_new_version_which_becomes_the_default():
    steps = [*seen(OLD), updated("2"), chosen("2"), *seen(default="2", latest="2"), *seen(default="2", latest="2")]
    result, _aws, _module = run({}, *steps)
    assert result["diff"]["before"]["content"]["inputs"]["runAsDefaultUser"] == "root"
    assert result["diff"]["after"]["content"] == CONTENT


def test_what_someone_has_added_goes():
    more = {**CONTENT, "inputs": {**CONTENT["inputs"], "s3BucketName": "theirs"}}
    result, _aws, _module = run({}, *seen(more), updated("2"), chosen("2"), *seen(), *seen())
    assert result["changed"] is True


def test_an_old_version_that_was_made_the_default_is_put_back_without_another_one():
    steps = [
        *seen(OLD, "1", "2"),
        latest("2", CONTENT),
        chosen("2"),
        *seen(CONTENT, "2", "2"),
        *seen(CONTENT, "2", "2"),
    ]
    _result, aws, _module = run({}, *steps)
    assert "UpdateDocument" not in aws.operations()


def test_a_latest_version_that_says_something_else_is_followed_by_another():
    steps = [*seen(OLD, "1", "2"), latest("2", OLD), updated("3"), chosen("3"), *seen(CONTENT, "3", "3")]
    run({}, *steps, *seen(CONTENT, "3", "3"))


def test_lost_replies_make_no_second_version():
    there = seen(CONTENT, "2", "2")
    _result, aws, _module = run(
        {},
        *seen(OLD),
        updated("2", lost_reply()),
        *seen(OLD, "1", "2"),
        latest("2", CONTENT),
        chosen("2", lost_reply()),
        *there,
    )
    assert aws.operations().count("UpdateDocument") == 1
    _result, aws, _module = run({}, ABSENT, created(lost_reply()), *seen())
    assert aws.operations().count("CreateDocument") == 1


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, *seen(OLD), check_mode=True)
    assert result["diff"]["after"]["content"] == CONTENT
    result, _aws, _module = run({}, ABSENT, check_mode=True)
    assert result["document"]["content"] == CONTENT


def test_tags():
    theirs = {**OWNER, "Theirs": "1"}
    removed = {"ResourceType": "Document", "ResourceId": NAME, "TagKeys": ["Theirs"]}
    run({}, *seen(tags=theirs), Step("RemoveTagsFromResource", {}, removed), *seen())
    added = {"ResourceType": "Document", "ResourceId": NAME, "Tags": tag_list(Name="a")}
    tags = {**OWNER, "Name": "a"}
    run({"tags": tags}, *seen(), Step("AddTagsToResource", {}, added), *seen(tags=tags))


@pytest.mark.parametrize("tags", [{}, {"Project": "other"}])
def test_someone_elses_is_left_alone(tags):
    """The console gives the account's preferences no tags."""
    for options in ({}, {"state": "absent"}):
        message = refuse(options, *seen(OLD, tags=tags))
        assert "isn't ours" in message
        assert "Nothing was changed" in message


def test_removed_with_all_of_its_versions():
    run({"state": "absent"}, *seen(default="1", latest="3"), Step("DeleteDocument", {}, {"Name": NAME}), ABSENT)
    result, _aws, _module = run({"state": "absent"}, ABSENT)
    assert result["changed"] is False


def test_it_is_waited_for():
    result, _aws, _module = run({}, ABSENT, created(), *seen(status="Creating"), *seen())
    assert result["changed"] is True


def test_bad_input():
    assert "content must be given" in refuse({"content": None}, ABSENT)
    assert "isn't JSON" in refuse({"content": "{"})
    refused = api_error("CreateDocument", "InvalidDocumentContent", "Unknown input")
    assert "session-manager-schema" in refuse({}, ABSENT, Step("CreateDocument", refused))
    full = api_error("UpdateDocument", "DocumentVersionLimitExceeded")
    assert "delete-document" in refuse({}, *seen(OLD), Step("UpdateDocument", full))
