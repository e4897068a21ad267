# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Origin access control of CloudFront: found by its name, ours by its description or by who uses it."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.cloudfront_origin_access_control import OriginAccessControl
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME, ID = "demo-frontend", "E2QWRUHEXAMPLE"
MARK = "agent_platform.aws/demo"
CONFIG = {
    "Name": NAME,
    "Description": MARK,
    "OriginAccessControlOriginType": "s3",
    "SigningBehavior": "always",
    "SigningProtocol": "sigv4",
}
OPTIONS = {"name": NAME, "origin_type": "s3", "owned_by": OWNER}
DELETED = Step("DeleteOriginAccessControl", {}, {"Id": ID, "IfMatch": "v1"})


def run(options, *steps, **kwargs):
    return run_resource(
        OriginAccessControl, given("cloudfront_origin_access_control", {**OPTIONS, **options}), *steps, **kwargs
    )


def refuse(options, *steps):
    return refuse_resource(
        OriginAccessControl, given("cloudfront_origin_access_control", {**OPTIONS, **options}), *steps
    )


def listing(*configs):
    items = [{"Id": f"E{number}", **config} for number, config in enumerate(configs)]
    return Step("ListOriginAccessControls", {"OriginAccessControlList": {"Items": items}}, {})


def seen(version="v1", **members):
    config = {**CONFIG, **members}
    others = {"Id": "E0", **CONFIG, "Name": "other"}
    return (
        Step("ListOriginAccessControls", {"OriginAccessControlList": {"Items": [others, {"Id": ID, **config}]}}, {}),
        Step(
            "GetOriginAccessControl",
            {"OriginAccessControl": {"Id": ID, "OriginAccessControlConfig": config}, "ETag": version},
            {"Id": ID},
        ),
    )


def used(*distributions):
    items = [
        {
            "Id": name,
            "ARN": f"arn:aws:cloudfront::123456789012:distribution/{name}",
            "DomainName": f"{name}.cloudfront.net",
            "Origins": {"Quantity": 1, "Items": [{"Id": "site", "OriginAccessControlId": control}]},
        }
        for name, control in distributions
    ]
    return Step("ListDistributions", {"DistributionList": {"Items": items}}, {})


def tagged(name, **tags):
    arn = f"arn:aws:cloudfront::123456789012:distribution/{name}"
    return Step("ListTagsForResource", {"Tags": {"Items": tag_list(**tags)}}, {"Resource": arn})


def created(answer=None, **members):
    request = {"OriginAccessControlConfig": {**CONFIG, **members}}
    return Step("CreateOriginAccessControl", answer or {"ETag": "v1"}, request)


def updated(version="v1", answer=None, **members):
    request = {"Id": ID, "IfMatch": version, "OriginAccessControlConfig": {**CONFIG, **members}}
    return Step("UpdateOriginAccessControl", answer or {"ETag": "v2"}, request)


def test_made_with_what_says_whose_it_is():
    result, _aws, _module = run({}, listing({**CONFIG, "Name": "other"}), created(), *seen())
    assert result["changed"] is True
    assert result["origin_access_control"]["id"] == ID
    assert result["origin_access_control"]["description"] == MARK


def test_the_users_own_words_come_first():
    words = f"The site ({MARK})"
    run({"description": "The site"}, listing(), created(Description=words), *seen(Description=words))


def test_second_run_changes_nothing():
    result, _aws, _module = run({"signing_behavior": "always", "signing_protocol": "sigv4"}, *seen())
    assert result["changed"] is False


def test_check_mode_writes_nothing():
    result, _aws, _module = run({}, listing(), check_mode=True)
    assert result["changed"] is True
    assert result["origin_access_control"]["name"] == NAME


def test_a_change_sends_the_whole_with_its_version():
    result, _aws, _module = run(
        {"signing_behavior": "always"},
        *seen(SigningBehavior="never", SigningProtocol="sigv4a"),
        updated(SigningProtocol="sigv4a"),
        *seen("v2", SigningProtocol="sigv4a"),
        *seen("v2", SigningProtocol="sigv4a"),
    )
    assert result["diff"]["before"]["signing_behavior"] == "never"
    assert result["diff"]["after"]["signing_behavior"] == "always"


@pytest.mark.parametrize("code", ["PreconditionFailed", "InvalidIfMatchVersion"])
def test_what_someone_has_changed_meanwhile_is_read_again(code):
    _result, aws, _module = run(
        {"signing_behavior": "always"},
        *seen(SigningBehavior="never"),
        updated(answer=api_error("UpdateOriginAccessControl", code, status=412)),
        *seen("v2", SigningBehavior="never"),
        updated("v2"),
        *seen("v3"),
        *seen("v3"),
    )
    assert aws.operations().count("UpdateOriginAccessControl") == 2


def test_lost_reply_of_the_create_makes_no_second_one():
    _result, aws, _module = run({}, listing(), created(lost_reply()), *seen())
    assert aws.operations().count("CreateOriginAccessControl") == 1


def test_made_by_another_run_at_the_same_time():
    exists = api_error("CreateOriginAccessControl", "OriginAccessControlAlreadyExists", status=409)
    result, _aws, _module = run({}, listing(), created(exists), *seen(), *seen())
    assert result["origin_access_control"]["id"] == ID


def test_someone_elses_is_left_alone():
    said = refuse({}, *seen(Description="Mine"), used(("EOTHER", "E9")))
    assert "isn't ours: its description is 'Mine'" in said
    assert MARK in said
    said = refuse({"state": "absent"}, *seen(Description=f"not {MARK}"), used())
    assert "isn't ours" in said


def test_one_that_our_distribution_uses_is_ours_whatever_its_description():
    _result, _aws, _module = run(
        {},
        *seen(Description="Changed"),
        used(("EOTHER", "E9"), ("EOURS", ID)),
        tagged("EOURS", **OWNER),
        updated(),
        *seen("v2"),
        *seen("v2"),
    )
    said = refuse({}, *seen(Description="Changed"), used(("EOTHER", ID)), tagged("EOTHER", Project="other"))
    assert "isn't ours" in said


def test_without_an_owner_any_of_that_name_is_meant():
    result, _aws, _module = run({"owned_by": None}, *seen(Description="Mine"))
    assert result["changed"] is False


def test_removed():
    result, _aws, _module = run({"state": "absent"}, *seen(), used(("EOTHER", "E9")), DELETED, listing())
    assert result["changed"] is True
    result, _aws, _module = run({"state": "absent"}, listing())
    assert result["changed"] is False


def test_one_that_is_used_is_not_removed():
    said = refuse({"state": "absent"}, *seen(), used(("EOURS", ID)))
    assert "is used by distribution EOURS (EOURS.cloudfront.net)" in said


def test_a_dry_run_does_not_ask_what_uses_it():
    """It may be what the same run would have removed before."""
    result, _aws, _module = run({"state": "absent"}, *seen(), check_mode=True)
    assert result["changed"] is True


def test_one_that_was_used_until_now():
    busy = api_error("DeleteOriginAccessControl", "OriginAccessControlInUse", status=409)
    run(
        {"state": "absent"},
        *seen(),
        used(),
        Step("DeleteOriginAccessControl", busy, DELETED.request),
        *seen(),
        used(),
        DELETED,
        listing(),
    )


def test_gone_between_two_reads():
    gone = api_error("GetOriginAccessControl", "NoSuchOriginAccessControl", status=404)
    result, _aws, _module = run({"state": "absent"}, seen()[0], Step("GetOriginAccessControl", gone))
    assert result["changed"] is False


def test_too_long_and_incomplete():
    said = refuse({"description": "x" * 250})
    assert "too long: CloudFront takes 256 characters" in said
    assert "has 20 more" in said
    assert "origin_type must be given" in refuse({"origin_type": None}, listing())
