# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repositories of the platform's images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search, listed, tags_of

# So many of the images of a repository are known; it may hold thousands, and keeps 500 by default.
IMAGES = {"MaxItems": 1000, "PageSize": 1000}


def empty(search: Search) -> dict[str, Any]:
    return {"repositories": dict.fromkeys(search.entries), "repository_arns": [], "holding_images": [], "images": {}}


def collect(search: Search, facts: dict[str, Any]) -> None:
    started = {}
    for entry in search.entries:
        name = search.scope.name(entry, "ecr_repository")
        started[entry] = (
            search.start("ecr", "describe_repositories", repositoryNames=[name]),
            search.start("ecr", "list_images", repositoryName=name, PaginationConfig=IMAGES),
        )
    found = {entry: (described.result() or {}).get("repositories") for entry, (described, _images) in started.items()}
    tags = {
        entry: search.start("ecr", "list_tags_for_resource", resourceArn=repositories[0]["repositoryArn"])
        for entry, repositories in found.items()
        if repositories
    }
    for entry, asked in tags.items():
        (repository,) = found[entry]
        if not search.owns(bearing := tags_of(asked.result() or {}, "tags")):
            search.foreign(f"ECR repository {repository['repositoryName']}", bearing)
            continue
        facts["repositories"][entry] = repository["repositoryUri"]
        facts["repository_arns"].append(repository["repositoryArn"])
        _described, images = started[entry]
        if known := (images.result() or {}).get("imageIds"):
            facts["holding_images"].append(repository["repositoryName"])
            facts["images"][entry] = sorted({text for image in known for text in image.values()})


def summary(facts: Mapping[str, Any]) -> list[str]:
    return [f"repositories: {listed(sorted(name for name, uri in facts['repositories'].items() if uri))}"]


COMPONENT = Component(
    name="registry",
    services=("ecr",),
    empty=empty,
    collect=collect,
    exists=lambda facts: any(facts["repositories"].values()),
    summary=summary,
)
