# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Invalidations of CloudFront: the shim for their life, their limits and their paths."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

BEHAVIOUR = {
    "TargetOriginId": "site",
    "ViewerProtocolPolicy": "redirect-to-https",
    "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
}
ORIGIN = {
    "Id": "site",
    "DomainName": "site.example.com",
    "CustomOriginConfig": {
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
    },
}


@pytest.fixture
def cloudfront(client: Callable[[str], Any]) -> Any:
    return client("cloudfront")


@pytest.fixture
def forget(cloudfront: Any) -> Callable[..., Any]:
    """Asks a distribution of one's own to forget paths."""
    config = {
        "CallerReference": uuid.uuid4().hex,
        "Comment": "",
        "Enabled": True,
        "DefaultCacheBehavior": BEHAVIOUR,
        "Origins": {"Quantity": 1, "Items": [ORIGIN]},
    }
    distribution = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]

    def ask(*paths: str, reference: str | None = None) -> tuple[dict[str, Any], dict[str, str]]:
        batch = {
            "CallerReference": reference or uuid.uuid4().hex,
            "Paths": {"Quantity": len(paths), "Items": list(paths)},
        }
        made = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
        return made, {"DistributionId": distribution, "Id": made["Id"]}

    return ask


def code_of(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(*arguments)
    return str(raised.value.response["Error"]["Code"])


def test_one_is_in_progress_for_a_while(cloudfront: Any, forget: Callable[..., Any]) -> None:
    made, named = forget("/index.html")
    assert made["Status"] == "InProgress"
    assert cloudfront.get_invalidation(**named)["Invalidation"]["Status"] == "InProgress"
    deadline = time.monotonic() + 10
    while cloudfront.get_invalidation(**named)["Invalidation"]["Status"] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (listed,) = cloudfront.list_invalidations(DistributionId=named["DistributionId"])["InvalidationList"]["Items"]
    assert listed["Status"] == "Completed"


@pytest.mark.parametrize(
    ("before", "one_more", "besides"),
    [
        ([[f"/{number}/*"] for number in range(15)], "/*", "/index.html"),
        ([["/index.html"], [f"/{number}" for number in range(2999)]], "/index.html", "/*"),
    ],
)
def test_too_many_in_progress(forget: Callable[..., Any], before: list[list[str]], one_more: str, besides: str) -> None:
    """Wildcards and other paths are counted apart."""

    def refusal() -> str:
        with contextlib.suppress(ClientError):
            for paths in before:
                forget(*paths)
        try:
            forget(one_more)
        except ClientError as error:
            forget(besides)
            return str(error.response["Error"]["Code"])
        return ""

    # On a busy machine the first may be over before the last is asked for.
    assert next(filter(None, (refusal() for _attempt in range(20))), "") == "TooManyInvalidationsInProgress"


def test_the_same_one_again(forget: Callable[..., Any]) -> None:
    first, _named = forget("/a", reference="one")
    assert forget("/a", reference="one")[0]["Id"] == first["Id"]


@pytest.mark.parametrize("path", ["index.html", "/two words", "/ä", "/a*b", "/50%", ""])
def test_a_path_that_is_none(forget: Callable[..., Any], path: str) -> None:
    assert code_of(forget, path) == "InvalidArgument"


def test_paths_that_are(forget: Callable[..., Any]) -> None:
    forget("/", "/*", "/two%20words", "/%C3%A4", "/a%2Ab", "/a+b~c=(1).js", "/@x/$y'!&,;:")
