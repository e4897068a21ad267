# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ECR: the shim for tags that are excluded from immutability, and for lifecycle policies that AWS refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

FILTERS = [{"filterType": "WILDCARD", "filter": "branch-*"}]
EXCLUDING = {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": FILTERS}


@pytest.fixture(scope="module")
def ecr(client: Callable[[str], Any]) -> Any:
    return client("ecr")


def described(ecr: Any, name: str) -> dict[str, Any]:
    return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"]


def test_excluded_tags_are_kept(ecr: Any) -> None:
    made = ecr.create_repository(repositoryName="ours/excluding", **EXCLUDING)["repository"]
    assert made["imageTagMutabilityExclusionFilters"] == FILTERS
    assert described(ecr, "ours/excluding")["imageTagMutabilityExclusionFilters"] == FILTERS
    ecr.put_image_tag_mutability(repositoryName="ours/excluding", imageTagMutability="IMMUTABLE")
    assert "imageTagMutabilityExclusionFilters" not in described(ecr, "ours/excluding")
    answer = ecr.put_image_tag_mutability(repositoryName="ours/excluding", **EXCLUDING)
    assert answer["imageTagMutabilityExclusionFilters"] == FILTERS


@pytest.mark.parametrize(
    "wrong",
    [
        {**EXCLUDING, "imageTagMutability": "IMMUTABLE"},
        {"imageTagMutability": "MUTABLE_WITH_EXCLUSION"},
        {**EXCLUDING, "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "a*b*c*"}]},
    ],
)
def test_exclusions_that_do_not_fit_are_refused(ecr: Any, wrong: dict[str, Any]) -> None:
    assert refused(ecr.create_repository, repositoryName="ours/wrong", **wrong) == "InvalidParameterException"
    assert refused(ecr.describe_repositories, repositoryNames=["ours/wrong"]) == "RepositoryNotFoundException"


def test_lifecycle_policies_that_aws_refuses(ecr: Any) -> None:
    ecr.create_repository(repositoryName="ours/policy")

    def text(*rules: tuple[int, str]) -> str:
        selection = {"countType": "imageCountMoreThan", "countNumber": 1}
        return json.dumps(
            {
                "rules": [
                    {"rulePriority": n, "selection": {**selection, "tagStatus": status}, "action": {"type": "expire"}}
                    for n, status in rules
                ]
            }
        )

    for wrong in (text((1, "untagged"), (1, "any")), text((1, "any"), (2, "untagged"))):
        code = refused(ecr.put_lifecycle_policy, repositoryName="ours/policy", lifecyclePolicyText=wrong)
        assert code == "InvalidParameterException"
    right = text((1, "untagged"), (2, "any"))
    ecr.put_lifecycle_policy(repositoryName="ours/policy", lifecyclePolicyText=right)
    assert ecr.get_lifecycle_policy(repositoryName="ours/policy")["lifecyclePolicyText"] == right
