# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Application of AppConfig."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.modules.appconfig_application import Application
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "demo-feature-flags"
PARAMS = {"name": NAME, "description": None}
IT = {"ApplicationId": "abc1234"}
FOUND = {"Id": "abc1234", "Name": NAME, "Description": "Flags"}
ARN = "arn:aws:appconfig:us-west-2:123456789012:application/abc1234"
CALLER = Step("GetCallerIdentity", {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/someone"}, {})
NONE = Step("ListApplications", {"Items": [{"Id": "other12", "Name": "other"}]}, {})


def seen(first=True, tags=None, **members):
    """The calls of one reading; the first one that finds something asks whose account it is."""
    return [
        Step("ListApplications", {"Items": [{"Id": "other12", "Name": "other"}, {**FOUND, **members}]}, {}),
        *([CALLER] if first else []),
        Step("ListTagsForResource", {"Tags": tags or {}}, {"ResourceArn": ARN}),
    ]


def run(params, *steps, **kwargs):
    return run_resource(Application, {**PARAMS, **params}, *steps, **kwargs)


def test_create():
    result, _aws, _module = run(
        {"description": "Flags", "tags": {"A": "1"}},
        NONE,
        Step("CreateApplication", FOUND, {"Name": NAME, "Description": "Flags", "Tags": {"A": "1"}}),
        *seen(tags={"A": "1"}),
    )
    assert result["changed"] is True
    assert result["application"] == {
        "arn": ARN,
        "description": "Flags",
        "id": "abc1234",
        "name": NAME,
        "tags": {"A": "1"},
    }


def test_second_run_changes_nothing():
    result, _aws, _module = run({"description": "Flags", "tags": {"A": "1"}}, *seen(tags={"A": "1"}))
    assert result["changed"] is False


def test_description_and_tags():
    result, _aws, _module = run(
        {"description": "", "tags": {"A": "1"}},
        *seen(tags={"B": "2"}),
        Step("UpdateApplication", {}, {**IT, "Description": ""}),
        *seen(first=False, tags={"B": "2"}, Description=""),
        Step("UntagResource", {}, {"ResourceArn": ARN, "TagKeys": ["B"]}),
        Step("TagResource", {}, {"ResourceArn": ARN, "Tags": {"A": "1"}}),
        *seen(first=False, tags={"A": "1"}, Description=""),
    )
    assert result["application"]["tags"] == {"A": "1"}


def test_a_lost_reply_makes_no_second_one():
    taken = f"Application with name {NAME} already exists with id abc1234 in account 123456789012"
    result, aws, _module = run(
        {},
        NONE,
        Step("CreateApplication", lost_reply()),
        NONE,
        Step("CreateApplication", api_error("CreateApplication", "BadRequestException", taken)),
        *seen(),
    )
    assert aws.operations().count("CreateApplication") == 2
    assert result["application"]["id"] == "abc1234"


def test_one_that_someone_else_has_made_meanwhile():
    taken = f"Application with name {NAME} already exists with id abc1234 in account 123456789012"
    text = refuse_resource(
        Application,
        {**PARAMS, "owned_by": {"Project": "demo"}},
        NONE,
        Step("CreateApplication", api_error("CreateApplication", "BadRequestException", taken)),
        *seen(tags={"Project": "other"}),
    )
    assert "exists but isn't ours" in text


def test_delete():
    result, _aws, _module = run({"state": "absent"}, *seen(), Step("DeleteApplication", {}, IT), NONE)
    assert result == {**result, "changed": True, "application": {}}


def test_one_that_isnt_empty():
    said = "Cannot delete application abc1234, because there are still environments existing under it."
    text = refuse_resource(
        Application,
        {**PARAMS, "state": "absent"},
        *seen(),
        Step("DeleteApplication", api_error("DeleteApplication", "BadRequestException", said)),
    )
    assert "Remove its environments, configuration profiles and experiments first" in text
