# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Invalidations of CloudFront: what ministack 1.5.33 doesn't do as AWS does.

| what | on AWS |
|---|---|
| a new invalidation | is InProgress for a while; here it is over at once |
| in progress at a time | 3,000 paths of a distribution, and 15 with a wildcard; here any number |
| a path that doesn't begin with a slash, isn't encoded, or has a wildcard before its end | is refused |

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from ministack.services import cloudfront

from ..wire import Response
from . import timing

MOST, MOST_WILDCARDS = 3000, 15
PATH = re.compile(r"/(?:[^\s*#%<>\"{}|\\^\[\]`\x00-\x20\x7f-\uffff]|%[0-9A-Fa-f]{2})*\*?")


def install() -> None:
    cloudfront._create_invalidation = functools.partial(_create, cloudfront._create_invalidation)
    for name in ("_get_invalidation", "_list_invalidations"):
        setattr(cloudfront, name, functools.partial(_read, getattr(cloudfront, name)))


def _settle(distribution: str) -> list[dict[str, Any]]:
    """Those of the distribution that are in progress still."""
    found = cloudfront._invalidations.get(distribution, [])
    for record in found:
        if timing.is_due(record):
            timing.finish(record)
            record["Status"] = "Completed"
    return [record for record in found if record["Status"] == "InProgress"]


def _read(original: Callable[..., Response], distribution: str, *which: str) -> Response:
    _settle(distribution)
    return original(distribution, *which)


def _create(original: Callable[..., Response], distribution: str, body: bytes) -> Response:
    if distribution not in cloudfront._distributions:
        return original(distribution, body)
    running = [path for record in _settle(distribution) for path in record["InvalidationBatch"]["Paths"]["Items"]]
    batch = cloudfront._parse_body(body)
    wanted = [node.text or "" for node in batch.iter() if node.tag.rpartition("}")[2] == "Path"]
    if len(wanted) > MOST:
        return cloudfront._error("BatchTooLarge", "Your request contains too many invalidation paths.", 413)
    if not wanted or not all(PATH.fullmatch(path) for path in wanted):
        text = "Your request contains one or more invalid invalidation paths."
        return cloudfront._error("InvalidArgument", text, 400)
    known = [record["Id"] for record in cloudfront._invalidations[distribution]]
    for most, kind, of_kind in ((MOST_WILDCARDS, "wildcard ", True), (MOST, "", False)):
        if sum(path.endswith("*") == of_kind for path in (*running, *wanted)) > most:
            text = "Processing your request will cause you to exceed the maximum number of in-progress "
            text += f"{kind}invalidations."
            return cloudfront._error("TooManyInvalidationsInProgress", text, 400)
    status, headers, answer = original(distribution, body)
    for record in cloudfront._invalidations[distribution]:
        if record["Id"] not in known:
            record["Status"] = "InProgress"
            timing.start(record)
            answer = answer.replace(b"<Status>Completed</Status>", b"<Status>InProgress</Status>")
    return status, headers, answer
