# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Collection of OpenSearch Serverless."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.opensearchserverless_collection import Collection
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

NAME = "demo-vectors"
ID = "abc123def456ghi789jk"
ARN = f"arn:aws:aoss:us-west-2:123456789012:collection/{ID}"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
PARAMS = {
    "name": NAME,
    "type": None,
    "description": None,
    "standby_replicas": None,
    "kms_key_arn": None,
    "deletion_protection": None,
    "serverless_vector_acceleration": None,
}
ALL = {
    "type": "VECTORSEARCH",
    "description": "vectors",
    "standby_replicas": "DISABLED",
    "kms_key_arn": KEY,
    "deletion_protection": True,
    "serverless_vector_acceleration": "DISABLED",
    "tags": {"A": "1"},
}
MADE = {
    "name": NAME,
    "type": "VECTORSEARCH",
    "description": "vectors",
    "standbyReplicas": "DISABLED",
    "deletionProtection": "ENABLED",
    "vectorOptions": {"ServerlessVectorAcceleration": "DISABLED"},
}
BY_NAME = {"names": [NAME]}
GONE = Step("BatchGetCollection", {"collectionDetails": [], "collectionErrorDetails": [{"name": NAME}]}, BY_NAME)


def seen(tags=None, **members):
    detail = {"id": ID, "arn": ARN, "status": "ACTIVE", "kmsKeyArn": KEY, **MADE, **members}
    tags = [{"key": key, "value": value} for key, value in (tags or {"A": "1"}).items()]
    return [
        Step("BatchGetCollection", {"collectionDetails": [detail]}, BY_NAME),
        Step("ListTagsForResource", {"tags": tags}, {"resourceArn": ARN}),
    ]


def tokened(**expected):
    def check(request):
        assert request.pop("clientToken")
        assert request == expected

    return check


def run(params, *steps, **kwargs):
    return run_resource(Collection, {**PARAMS, **params}, *steps, **kwargs)


def refusal(params, *steps):
    return refuse_resource(Collection, {**PARAMS, **params}, *steps)


CREATE = Step("CreateCollection", {}, tokened(**MADE, tags=[{"key": "A", "value": "1"}]))
DELETE = Step("DeleteCollection", {}, {"id": ID})


def test_made_and_waited_for():
    result, _aws, _module = run(ALL, GONE, CREATE, *seen(status="CREATING"), *seen(status="CREATING"), *seen())
    assert result["changed"] is True
    assert result["collection"]["id"] == ID
    assert result["collection"]["tags"] == {"A": "1"}


def test_left_alone_as_declared():
    result, _aws, _module = run(ALL, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"description": ""}, {"description": ""}),
        ({"deletion_protection": False}, {"deletionProtection": "DISABLED"}),
        (
            {"serverless_vector_acceleration": "ALLOWED"},
            {"vectorOptions": {"ServerlessVectorAcceleration": "ALLOWED"}},
        ),
    ],
)
def test_changed_by_its_id(params, sent):
    run(params, *seen(), Step("UpdateCollection", {}, tokened(id=ID, **sent)), *seen(**sent), *seen(**sent))


def test_a_protection_that_is_not_told_is_none():
    detail = {"id": ID, "arn": ARN, "status": "ACTIVE", "name": NAME}
    steps = [Step("BatchGetCollection", {"collectionDetails": [detail]}), Step("ListTagsForResource", {"tags": []})]
    assert run({"deletion_protection": False}, *steps)[0]["changed"] is False


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"type": "SEARCH"}, "type: is 'VECTORSEARCH', declared 'SEARCH'"),
        ({"standby_replicas": "ENABLED"}, "standby_replicas: is 'DISABLED', declared 'ENABLED'"),
        ({"kms_key_arn": "auto"}, f"kms_key_arn: is '{KEY}', declared 'auto'"),
    ],
)
def test_what_cannot_be_changed_is_refused(params, text):
    assert text in refusal(params, *seen())


def test_tags_are_put_back():
    run(
        {"tags": {"A": "1"}},
        *seen({"B": "2"}),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["B"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": [{"key": "A", "value": "1"}]}),
        *seen(),
    )


def test_a_policy_that_was_just_made_is_waited_for():
    text = f"No matching security policy of encryption type found for collection name: {NAME}."
    refused = Step("CreateCollection", api_error("CreateCollection", "ValidationException", text))
    run({}, GONE, refused, GONE, Step("CreateCollection", {}), *seen())


def test_one_that_failed_is_made_again_with_its_reason():
    failed = {"status": "FAILED", "failureCode": "KMS_ERROR", "failureMessage": "The key is disabled."}
    unprotect = Step("UpdateCollection", {}, tokened(id=ID, deletionProtection="DISABLED"))
    result, _aws, module = run(ALL, *seen(**failed), unprotect, DELETE, GONE, CREATE, *seen())
    assert "is FAILED and has never run. KMS_ERROR: The key is disabled. It is deleted" in module.warnings[0]
    assert result["changed"] is True
    text = refusal(ALL, GONE, CREATE, *seen(**failed))
    assert "is FAILED. KMS_ERROR: The key is disabled. Remove the cause" in text


def test_lost_reply_makes_no_second_one():
    _result, aws, _module = run({}, GONE, Step("CreateCollection", lost_reply()), *seen())
    assert aws.operations().count("CreateCollection") == 1


def test_one_of_someone_else_stays_untouched():
    assert "isn't ours" in refusal({**ALL, "owned_by": {"A": "1"}}, *seen({"A": "2"}))


def test_one_that_is_protected_stays():
    assert "is protected against deletion" in refusal({"state": "absent"}, *seen())
    unprotect = Step("UpdateCollection", {}, tokened(id=ID, deletionProtection="DISABLED"))
    absent = {"state": "absent", "deletion_protection": False}
    result, _aws, _module = run(absent, *seen(), unprotect, DELETE, *seen(status="DELETING"), GONE)
    assert result["changed"] is True


def test_one_that_is_being_made_is_removed_when_it_is():
    run(
        {"state": "absent"},
        *seen(status="CREATING", deletionProtection="DISABLED"),
        *seen(deletionProtection="DISABLED"),
        DELETE,
        GONE,
    )


def test_one_that_is_being_deleted_is_waited_for_and_made_anew():
    run(ALL, *seen(status="DELETING"), *seen(status="DELETING"), GONE, CREATE, *seen())


def test_too_little_capacity_is_explained():
    error = api_error("CreateCollection", "OcuLimitExceededException", "The account limit is exceeded", 400)
    assert "capacity limits" in refusal({}, GONE, Step("CreateCollection", error))


def test_check_mode_predicts_without_writing():
    result, _aws, _module = run(ALL, GONE, check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["deletion_protection"] is True
