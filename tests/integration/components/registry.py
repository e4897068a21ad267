# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repositories of images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, Account

from .. import neighbours
from ..census import Lister, document, tags_of
from ..drift import Repair
from . import encryption

GATEWAYS = ("llm-gateway", "memory-gateway", "retrieval-gateway")
NAMES = [f"{PREFIX}/{gateway}" for gateway in GATEWAYS]
SUMMARY = "repositories: llm-gateway, memory-gateway, retrieval-gateway"
LEAST_TAGGED = len(NAMES)
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})


def _policy(account: Account, operation: str, member: str, name: str) -> dict:
    """One of the policies of a repository; ECR answers with an error where there is none."""
    try:
        return document(getattr(account.client("ecr"), operation)(repositoryName=name)[member])
    except ClientError as error:
        if not error.response["Error"]["Code"].endswith("PolicyNotFoundException"):
            raise
        return {}


def repositories(lister: Lister) -> list[dict]:
    """With their tags, the Lifecycle, and the Policy."""
    account = lister.account
    return [
        {
            **item,
            "tags": account.client("ecr").list_tags_for_resource(resourceArn=item["repositoryArn"])["tags"],
            "Lifecycle": _policy(account, "get_lifecycle_policy", "lifecyclePolicyText", item["repositoryName"]),
            "Policy": _policy(account, "get_repository_policy", "policyText", item["repositoryName"]),
        }
        for item in account.pages("ecr", "describe_repositories", "repositories")
    ]


def census(lister: Lister) -> dict[str, list]:
    return {
        "repositories": [
            [
                item["repositoryName"],
                item["imageTagMutability"],
                item.get("imageTagMutabilityExclusionFilters"),
                item["imageScanningConfiguration"],
                item["encryptionConfiguration"],
                item["Lifecycle"],
                item["Policy"],
            ]
            for item in repositories(lister)
        ]
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"repository {item['repositoryName']}", item) for item in repositories(lister))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    account.client("ecr").create_repository(
        repositoryName=f"{prefix}/llm-gateway", tags=neighbours.tag_list(tags), imageTagMutability="MUTABLE"
    )


def take_names(account: Account) -> list[str]:
    account.client("ecr").create_repository(repositoryName=NAMES[0], tags=neighbours.tag_list(neighbours.OTHER))
    return [f"ECR repository {NAMES[0]}"]


def _delete(account: Account) -> None:
    account.client("ecr").delete_repository(repositoryName=NAMES[2], force=True)


def _let_tags_move(account: Account) -> None:
    account.client("ecr").put_image_tag_mutability(repositoryName=NAMES[0], imageTagMutability="MUTABLE")


MAKE = frozenset({"Make the repositories"})
REPAIRS = {
    "a deleted repository": Repair(
        _delete, Calls({("ecr", "CreateRepository"): 1, ("ecr", "PutLifecyclePolicy"): 1}), MAKE, dry=True
    ),
    "tags that move": Repair(_let_tags_move, Calls({("ecr", "PutImageTagMutability"): 1}), MAKE, dry=True),
}
ANYBODY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}
)
KEEP_ONE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
                "action": {"type": "expire"},
            }
        ]
    }
)


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    ecr, (one, two, three) = account.client("ecr"), NAMES
    branches = [{"filterType": "WILDCARD", "filter": "*"}]
    return {
        "repository": lambda: ecr.delete_repository(repositoryName=two, force=True),
        "exclusions": lambda: ecr.put_image_tag_mutability(
            repositoryName=one,
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=branches,
        ),
        "scan on push": lambda: ecr.put_image_scanning_configuration(
            repositoryName=one, imageScanningConfiguration={"scanOnPush": False}
        ),
        "lifecycle": lambda: ecr.put_lifecycle_policy(repositoryName=one, lifecyclePolicyText=KEEP_ONE),
        "no lifecycle": lambda: ecr.delete_lifecycle_policy(repositoryName=three),
        "repository policy": lambda: ecr.set_repository_policy(repositoryName=three, policyText=ANYBODY),
    }


def repository(account: Account, name: str) -> dict:
    (found,) = account.client("ecr").describe_repositories(repositoryNames=[name])["repositories"]
    return found


def lasting(account: Account) -> list[str]:
    return [str(repository(account, name)["createdAt"]) for name in (NAMES[0], NAMES[2])]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    ours = {item["repositoryName"]: item for item in repositories(lister) if item["repositoryName"] in NAMES}
    assert facts["repositories"] == {
        gateway: ours[name]["repositoryUri"] for gateway, name in zip(GATEWAYS, NAMES, strict=True)
    }
    assert sorted(facts["repository_arns"]) == sorted(item["repositoryArn"] for item in ours.values())
    assert facts["holding_images"] == []


class TestRepositories:
    @pytest.mark.parametrize("name", NAMES)
    def test_as_declared(self, lister, name):
        (ours,) = [item for item in repositories(lister) if item["repositoryName"] == name]
        assert ours["imageTagMutability"] == "IMMUTABLE"
        assert ours["imageScanningConfiguration"] == {"scanOnPush": True}
        key = encryption.key(lister.account)["Arn"]
        assert ours["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
        assert [rule["selection"]["tagStatus"] for rule in ours["Lifecycle"]["rules"]] == ["untagged", "any"]
        assert ours["Policy"] == {}
        assert tags_of(ours).items() >= {**OWNER, "Component": "registry"}.items()
