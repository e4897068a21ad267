# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ECR repository."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.ecr_repository import Repository, same_lifecycle
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource, sides

NAME = "demo/api"
ARN = f"arn:aws:ecr:us-west-2:123456789012:repository/{NAME}"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
PARAMS = {
    "name": NAME,
    "image_tag_mutability": None,
    "image_tag_mutability_exclusion_filters": None,
    "scan_on_push": None,
    "encryption_type": None,
    "kms_key": None,
    "lifecycle_policy": None,
    "repository_policy": None,
    "force_delete": False,
}
ID = {"repositoryName": NAME}
FILTER = {"filterType": "WILDCARD", "filter": "branch-*"}
DECLARED_FILTER = {"filter_type": "WILDCARD", "filter": "branch-*"}


def rule(priority=1, action="expire", **selection):
    chosen = {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5, **selection}
    return {"rulePriority": priority, "selection": chosen, "action": {"type": action}}


POLICY = {"rules": [rule(), rule(2, tagStatus="any")]}
ACCESS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "ecr:GetImage"}
    ],
}


def described(**members):
    present = {
        "repositoryArn": ARN,
        "repositoryName": NAME,
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": KEY},
        **members,
    }
    return {"repositories": [present]}


def seen(tags=(), lifecycle=None, policy=None, **members):
    """The calls of one reading. lifecycle, policy: those of a run that declares them, {} for none."""
    steps = [
        Step("DescribeRepositories", described(**members), {"repositoryNames": [NAME]}),
        Step("ListTagsForResource", {"tags": [{"Key": k, "Value": v} for k, v in tags]}, {"resourceArn": ARN}),
    ]
    for operation, member, missing, document in (
        ("GetLifecyclePolicy", "lifecyclePolicyText", "LifecyclePolicyNotFoundException", lifecycle),
        ("GetRepositoryPolicy", "policyText", "RepositoryPolicyNotFoundException", policy),
    ):
        if document is not None:
            answer = {member: json.dumps(document)} if document else api_error(operation, missing)
            steps.append(Step(operation, answer, ID))
    return steps


GONE = Step("DescribeRepositories", api_error("DescribeRepositories", "RepositoryNotFoundException"))


def run(params, *steps, **kwargs):
    return run_resource(Repository, {**PARAMS, **params}, *steps, **kwargs)


ALL = {
    "image_tag_mutability": "IMMUTABLE",
    "image_tag_mutability_exclusion_filters": [],
    "scan_on_push": True,
    "encryption_type": "KMS",
    "kms_key": KEY,
    "lifecycle_policy": POLICY,
    "repository_policy": {},
    "tags": {"A": "1"},
}


def test_create_then_the_lifecycle_policy():
    request = {
        **ID,
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": KEY},
        "tags": [{"Key": "A", "Value": "1"}],
    }
    result, _aws, _module = run(
        ALL,
        GONE,
        Step("CreateRepository", {}, request),
        *seen([("A", "1")], lifecycle={}, policy={}),
        Step("PutLifecyclePolicy", {}, {**ID, "lifecyclePolicyText": json.dumps(POLICY)}),
        *seen([("A", "1")], lifecycle=POLICY, policy={}),
        *seen([("A", "1")], lifecycle=POLICY, policy={}),
    )
    assert result["changed"] is True
    assert result["repository"]["repository_arn"] == ARN
    assert result["repository"]["tags"] == {"A": "1"}


def test_second_run_changes_nothing():
    result, _aws, _module = run(ALL, *seen([("A", "1")], lifecycle=POLICY, policy={}))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "operation", "request_"),
    [
        ({"image_tag_mutability": "MUTABLE"}, "PutImageTagMutability", {"imageTagMutability": "MUTABLE"}),
        (
            {
                "image_tag_mutability": "IMMUTABLE_WITH_EXCLUSION",
                "image_tag_mutability_exclusion_filters": [DECLARED_FILTER],
            },
            "PutImageTagMutability",
            {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": [FILTER]},
        ),
        (
            {"scan_on_push": False},
            "PutImageScanningConfiguration",
            {"imageScanningConfiguration": {"scanOnPush": False}},
        ),
    ],
)
def test_each_change_is_its_own_call(params, operation, request_):
    run(params, *seen(), Step(operation, {}, {**ID, **request_}), *seen(), *seen())


def test_exclusions_go_with_the_mutability_that_had_them():
    """ECR refuses filters with a mutability that has no exclusion."""
    had = {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": [FILTER]}
    run(
        {"image_tag_mutability": "IMMUTABLE", "image_tag_mutability_exclusion_filters": []},
        *seen(**had),
        Step("PutImageTagMutability", {}, {**ID, "imageTagMutability": "IMMUTABLE"}),
        *seen(),
        *seen(),
    )


@pytest.mark.parametrize(
    ("mutability", "filters", "text"),
    [
        ("IMMUTABLE", [DECLARED_FILTER], "filters are given, and image_tag_mutability is IMMUTABLE; give"),
        (None, [DECLARED_FILTER], "filters are given, and image_tag_mutability is not; give"),
        ("MUTABLE_WITH_EXCLUSION", None, "is MUTABLE_WITH_EXCLUSION, which takes 1 to 5"),
    ],
)
def test_exclusions_that_do_not_fit_are_refused_before_any_call(mutability, filters, text):
    params = {"image_tag_mutability": mutability, "image_tag_mutability_exclusion_filters": filters}
    assert text in refuse_resource(Repository, {**PARAMS, **params})


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"kms_key": f"{KEY}2"}, f"kms_key: is '{KEY}', declared '{KEY}2'"),
        ({"encryption_type": "AES256"}, "encryption_type: is 'KMS', declared 'AES256'"),
    ],
)
def test_encryption_cannot_be_changed(params, text):
    assert text in refuse_resource(Repository, {**PARAMS, **params}, *seen())


def test_the_id_of_the_key_is_enough():
    result, _aws, _module = run({"encryption_type": "KMS", "kms_key": "k"}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ({"rules": [rule(2, tagStatus="any"), rule()]}, True),
        ({"rules": [rule(storageClass="standard"), {**rule(2, tagStatus="any"), "description": ""}]}, True),
        ({"rules": [rule(tagPrefixList=[]), rule(2, tagStatus="any")]}, True),
        ({"rules": [rule(), rule(2, tagStatus="any", countNumber=6)]}, False),
        ({"rules": [rule(), {**rule(2, tagStatus="any"), "description": "x"}]}, False),
        ({"rules": [rule()]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_lifecycle_policies_are_compared_by_what_they_say(other, equal):
    assert same_lifecycle(other, POLICY) is equal
    assert same_lifecycle(
        {"rules": [rule(tagStatus="tagged", tagPatternList=["a", "b"])]},
        {"rules": [rule(tagStatus="tagged", tagPatternList=["b", "a"])]},
    )
    assert same_lifecycle(None, {})


@pytest.mark.parametrize(
    ("option", "kind", "operation"),
    [
        ("lifecycle_policy", "lifecycle", "DeleteLifecyclePolicy"),
        ("repository_policy", "policy", "DeleteRepositoryPolicy"),
    ],
)
def test_a_policy_of_someone_elses_is_removed(option, kind, operation):
    theirs = POLICY if kind == "lifecycle" else ACCESS
    result, _aws, _module = run(
        {option: {}}, *seen(**{kind: theirs}), Step(operation, {}, ID), *seen(**{kind: {}}), *seen(**{kind: {}})
    )
    assert result["diff"]["before"][option] == theirs


def test_a_repository_policy_is_set_and_a_principal_that_was_just_made_waited_for():
    refused = api_error("SetRepositoryPolicy", "InvalidParameterException", "Invalid repository policy: principal")
    put = Step("SetRepositoryPolicy", {}, {**ID, "policyText": json.dumps(ACCESS)})
    run(
        {"repository_policy": json.dumps(ACCESS)},
        *seen(policy={}),
        Step("SetRepositoryPolicy", refused),
        *seen(policy={}),
        put,
        *seen(policy=ACCESS),
        *seen(policy=ACCESS),
    )


def test_lost_reply_of_create_makes_no_second_call():
    _result, aws, _module = run({}, GONE, Step("CreateRepository", lost_reply()), *seen())
    assert aws.operations().count("CreateRepository") == 1


def test_a_repository_of_someone_else_stays_untouched():
    params = {**PARAMS, "owned_by": {"Project": "demo"}, "scan_on_push": False}
    assert "isn't ours" in refuse_resource(Repository, params, *seen([("Project", "other")]))


def test_a_repository_with_images_stays_unless_they_may_go():
    refused = api_error("DeleteRepository", "RepositoryNotEmptyException", "The repository is not empty")
    text = refuse_resource(Repository, {**PARAMS, "state": "absent"}, *seen(), Step("DeleteRepository", refused, ID))
    assert "To delete the images with it, give force_delete: true" in text
    forced = Step("DeleteRepository", {}, {**ID, "force": True})
    result, _aws, _module = run({"state": "absent", "force_delete": True}, *seen(), forced, GONE)
    assert result["changed"] is True


def test_a_key_that_may_not_be_used_is_explained():
    refused = api_error("CreateRepository", "KmsException", "The operation failed due to a KMS exception")
    text = refuse_resource(
        Repository, {**PARAMS, "encryption_type": "KMS", "kms_key": KEY}, GONE, Step("CreateRepository", refused)
    )
    assert "Allow kms:CreateGrant, kms:DescribeKey and kms:RetireGrant on the key" in text


def test_check_mode_predicts_without_writing():
    result, _aws, _module = run({"scan_on_push": True}, GONE, check_mode=True)
    assert result["changed"] is True
    assert sides(result) == {"before": {}, "after": {"scan_on_push": True}}
