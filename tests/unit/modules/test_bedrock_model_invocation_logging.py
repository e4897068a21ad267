# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The logging of model invocations, of which an account has one in a region."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.bedrock_model_invocation_logging import SWITCHES, Logging
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

GROUP = "/aws/bedrock/demo-dev/invocations"
ROLE = "arn:aws:iam::123456789012:role/demo-dev-invocation-logs"
LOG = {"logGroupName": GROUP, "roleArn": ROLE}
DECLARED = {"log_group_name": GROUP, "role_arn": ROLE, "large_data_delivery_s3_config": None}
BUCKET = {"bucketName": "demo-dev-logs", "keyPrefix": "bedrock"}
TEXTS = {"textDataDeliveryEnabled": True, "imageDataDeliveryEnabled": False}
PARAMS = {
    "cloud_watch_config": DECLARED,
    "s3_config": None,
    **dict.fromkeys(SWITCHES),
    "text_data_delivery_enabled": True,
    "image_data_delivery_enabled": False,
    "destinations": [],
    "foreign": "refuse",
}
THEIRS = {"cloudWatchConfig": {"logGroupName": "/theirs", "roleArn": ROLE}, "textDataDeliveryEnabled": True}


def seen(**config):
    return Step("GetModelInvocationLoggingConfiguration", {"loggingConfig": config} if config else {}, {})


OURS = seen(cloudWatchConfig=LOG, **TEXTS)


def put(answer=None, **config):
    return Step("PutModelInvocationLoggingConfiguration", answer or {}, {"loggingConfig": config})


GONE = Step("DeleteModelInvocationLoggingConfiguration", {}, {})


def run(params, *steps, **kwargs):
    return run_resource(Logging, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps):
    return refuse_resource(Logging, {**PARAMS, **params}, *steps)


def test_set_where_there_is_none():
    result, _aws, _module = run({}, seen(), put(cloudWatchConfig=LOG, **TEXTS), OURS)
    assert result["changed"] is True
    assert result["ours"] is True
    assert result["logging"]["cloud_watch_config"]["log_group_name"] == GROUP


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, OURS)
    assert result["changed"] is False
    assert result["ours"] is True


def test_what_goes_nowhere_is_none():
    """As after the destination was taken away by hand."""
    assert run({}, seen(**TEXTS), put(cloudWatchConfig=LOG, **TEXTS), OURS)[0]["changed"] is True


@pytest.mark.parametrize(
    "config",
    [
        {"cloudWatchConfig": LOG, "textDataDeliveryEnabled": False},
        {"cloudWatchConfig": {**LOG, "roleArn": f"{ROLE}-other"}, **TEXTS},
        {"cloudWatchConfig": {**LOG, "largeDataDeliveryS3Config": BUCKET}, **TEXTS},
    ],
)
def test_what_was_changed_by_hand_is_taken_back(config):
    result, _aws, _module = run({}, seen(**config), put(cloudWatchConfig=LOG, **TEXTS), OURS, OURS)
    assert result["changed"] is True


def test_what_isnt_declared_is_sent_along():
    kept = {"s3Config": BUCKET, "videoDataDeliveryEnabled": True}
    run(
        {"text_data_delivery_enabled": False},
        seen(cloudWatchConfig=LOG, **TEXTS, **kept),
        put(cloudWatchConfig=LOG, **{**TEXTS, "textDataDeliveryEnabled": False}, **kept),
        seen(cloudWatchConfig=LOG, **{**TEXTS, "textDataDeliveryEnabled": False}, **kept),
        seen(cloudWatchConfig=LOG, **{**TEXTS, "textDataDeliveryEnabled": False}, **kept),
    )


def test_from_one_destination_to_the_other():
    to_bucket = {"cloud_watch_config": {}, "s3_config": {"bucket_name": "demo-dev-logs", "key_prefix": "bedrock"}}
    both = seen(s3Config=BUCKET, **TEXTS)
    result, _aws, _module = run({**to_bucket, "destinations": [GROUP]}, OURS, put(s3Config=BUCKET, **TEXTS), both, both)
    assert result["diff"]["after"]["cloud_watch_config"] == {}
    assert "isn't ours: it goes to /aws/bedrock/demo-dev/invocations" in refuse(to_bucket, OURS)


def test_large_data_goes_to_a_bucket():
    large = {**DECLARED, "large_data_delivery_s3_config": {"bucket_name": "demo-dev-logs", "key_prefix": None}}
    there = {**LOG, "largeDataDeliveryS3Config": {"bucketName": "demo-dev-logs"}}
    run(
        {"cloud_watch_config": large},
        OURS,
        put(cloudWatchConfig=there, **TEXTS),
        seen(cloudWatchConfig=there, **TEXTS),
        seen(cloudWatchConfig=there, **TEXTS),
    )
    shown = {**LOG, "largeDataDeliveryS3Config": {"bucketName": "demo-dev-logs", "keyPrefix": ""}}
    assert run({"cloud_watch_config": large}, seen(cloudWatchConfig=shown, **TEXTS))[0]["changed"] is False


def test_check_mode_writes_nothing():
    assert run({}, seen(), check_mode=True)[0]["changed"] is True


# ---- someone else's


def test_one_of_someone_else_is_refused():
    said = refuse({}, seen(**THEIRS))
    assert said.startswith("Bedrock model invocation logging exists but isn't ours: it goes to /theirs.")


@pytest.mark.parametrize("check_mode", [False, True])
def test_or_left_alone(check_mode):
    result, _aws, module = run({"foreign": "leave"}, seen(**THEIRS), check_mode=check_mode)
    assert result["changed"] is False
    assert result["ours"] is False
    assert result["logging"]["cloud_watch_config"]["log_group_name"] == "/theirs"
    assert "isn't ours: it goes to /theirs. Nothing was changed." in module.warnings[0]


def test_set_by_someone_else_meanwhile():
    lost = put(lost_reply(), cloudWatchConfig=LOG, **TEXTS)
    assert "isn't ours" in refuse({}, seen(), lost, seen(**THEIRS))


def test_and_never_removed():
    result, _aws, module = run({"state": "absent"}, seen(**THEIRS))
    assert result["changed"] is False
    assert module.warnings == []


# ---- removal, failures


def test_removed():
    bare = {"cloud_watch_config": None, "destinations": [GROUP], "state": "absent"}
    assert run(bare, OURS, GONE, seen())[0]["changed"] is True
    result, _aws, _module = run(bare, seen())
    assert result["changed"] is False
    assert result["ours"] is False


def test_a_role_made_a_moment_ago_is_waited_for():
    text = f"Failed to validate permissions for log group: {GROUP}, with role: {ROLE}. Verify the IAM role permissions"
    early = api_error("PutModelInvocationLoggingConfiguration", "ValidationException", text)
    sent = {"cloudWatchConfig": LOG, **TEXTS}
    run({}, seen(), put(early, **sent), seen(), put(**sent), OURS)


def test_lost_reply_is_looked_after():
    _result, aws, _module = run({}, seen(), put(lost_reply(), cloudWatchConfig=LOG, **TEXTS), OURS)
    assert aws.operations().count("PutModelInvocationLoggingConfiguration") == 1


def test_nowhere_to_go():
    assert "needs a log group or a bucket" in refuse({"cloud_watch_config": {}}, seen())
    assert "needs a log group or a bucket" in refuse({"cloud_watch_config": {}, "destinations": [GROUP]}, OURS)


def test_a_log_group_without_a_role():
    assert "needs the role_arn" in refuse({"cloud_watch_config": {"log_group_name": GROUP}}, seen())
