# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repositories of images."""

from __future__ import annotations

import functools

from .fake_aws import ACCOUNT, PREFIX, REGION, look, owned, tag_list, taken

ARN = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository"
URI = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def repositories(request):
    (name,) = request["repositoryNames"]
    found = {"repositoryName": name, "repositoryArn": f"{ARN}/{name}", "repositoryUri": f"{URI}/{name}"}
    return {"repositories": [found]}


def tags(request, bearing=None):
    return {"tags": owned("registry") if bearing is None else bearing}


def images(request):
    known = {"imageIds": [{"imageDigest": "sha256:0", "imageTag": "1.0.0"}, {"imageDigest": "sha256:0"}]}
    return known if request["repositoryName"].endswith("llm-gateway") else {}


MISSING = {"DescribeRepositories": "RepositoryNotFoundException", "ListImages": "RepositoryNotFoundException"}
ANSWERS = {
    "DescribeRepositories": repositories,
    "ecr.ListTagsForResource": tags,
    "ListImages": images,
}
GATEWAYS = ("llm-gateway", "memory-gateway", "retrieval-gateway")


def test_a_repository_for_each_gateway():
    found, _aws = look(ANSWERS, "registry")
    assert found.components["registry"] == {
        "exists": True,
        "repositories": {name: f"{URI}/{PREFIX}/{name}" for name in GATEWAYS},
        "repository_arns": [f"{ARN}/{PREFIX}/{name}" for name in GATEWAYS],
        "holding_images": [f"{PREFIX}/llm-gateway"],
        "images": {"llm-gateway": ["1.0.0", "sha256:0"]},
    }
    assert found.summary["registry"]["lines"] == ["repositories: llm-gateway, memory-gateway, retrieval-gateway"]


def test_repositories_of_ones_own_and_those_that_are_missing():
    def some(request):
        return None if request["repositoryNames"] == [f"{PREFIX}/new"] else repositories(request)

    answers = {**ANSWERS, "DescribeRepositories": some}
    found, aws = look(answers, "registry", entries={"registry": ["agents/support", "new"]})
    facts = found.components["registry"]
    assert facts["repositories"] == {"agents/support": f"{URI}/{PREFIX}/agents/support", "new": None}
    assert facts["repository_arns"] == [f"{ARN}/{PREFIX}/agents/support"]
    assert len(aws.requests("ListTagsForResource")) == 1


def test_without_any_it_does_not_exist():
    found, _aws = look({}, "registry")
    assert found.components["registry"] == {
        "exists": False,
        "repositories": dict.fromkeys(GATEWAYS),
        "repository_arns": [],
        "holding_images": [],
        "images": {},
    }


def test_repositories_that_someone_else_has():
    answers = {**ANSWERS, "ecr.ListTagsForResource": functools.partial(tags, bearing=tag_list(Project="other"))}
    assert taken(answers, "registry") == [f"ECR repository {PREFIX}/{name}" for name in GATEWAYS]
    found, _aws = look(answers, "registry")
    assert not found.components["registry"]["exists"]
