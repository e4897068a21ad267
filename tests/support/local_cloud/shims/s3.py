# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3: what ministack 1.5.33 doesn't do as AWS does.

| what | on AWS |
|---|---|
| a new bucket | blocks all public access, since April 2023; here only where credentials are checked |
| GetBucketRequestPayment | answers what was put; here it looks under a name of its own |
| inventories and analyses of a bucket | exist; here such a request means the bucket itself |
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import AccountScopedDict
from ministack.services import s3

from ..wire import Response
from .patching import on_reset

# Sub-resources of which a bucket has several, each with the element that a list of them is.
LISTS = {"analytics": "ListBucketAnalyticsConfigurationResult", "inventory": "ListInventoryConfigurationsResult"}
_configurations = AccountScopedDict()


def install() -> None:
    s3._new_bucket_public_access_block = lambda: {"_public_access_block": s3._NEW_BUCKET_PUBLIC_ACCESS_BLOCK}
    s3._dispatch = functools.partial(_dispatch, s3._dispatch)
    on_reset(s3, _configurations.clear)


def _dispatch(
    original: Callable[..., Response],
    method: str,
    bucket: str,
    key: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    kind = next((name for name in LISTS if name in query), None)
    if kind and bucket and not key:
        return _listed(method, kind, bucket, s3._qp(query, "id"), body)
    if method == "GET" and "requestPayment" in query:
        query = {**query, "request-payment": query["requestPayment"]}
    return original(method, bucket, key, headers, body, query)


def _listed(method: str, kind: str, bucket: str, id_: str, body: bytes) -> Response:
    if bucket not in s3._buckets:
        return s3._no_such_bucket(bucket)
    there = {one: text for one, text in _configurations.items() if one[:2] == (bucket, kind)}
    if method == "PUT":
        _configurations[bucket, kind, id_] = body.decode()
        return 200, {}, b""
    if method == "DELETE":
        _configurations.pop((bucket, kind, id_), None)
        return 204, {}, b""
    inner = "".join(text.partition("?>")[2] or text for text in there.values())
    answer = f'<?xml version="1.0" encoding="UTF-8"?><{LISTS[kind]} xmlns="{s3.S3_NS}">{inner}</{LISTS[kind]}>'
    return 200, {"Content-Type": "application/xml"}, answer.encode()
