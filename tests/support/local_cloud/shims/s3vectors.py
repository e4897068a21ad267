# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""S3 Vectors, of which ministack 1.5.33 knows nothing: vector buckets, their policies and indexes, and the vectors.

Vectors are searched one by one. Refusals have the codes, the words and the HTTP states of AWS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import ministack.app
from ministack.core import iam_actions, router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import kms, s3

from ..wire import AWSError, Response, RestJsonWire, now
from .patching import on_reset

SERVICE = "s3vectors"
INDEXING = "indexing.s3vectors.amazonaws.com"
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
MOST_ON_A_PAGE = 500
MOST_TAGS = 50
MOST_KEYS = 10
BUCKET_MISSING = "The specified vector bucket could not be found"
INDEX_MISSING = "The specified index could not be found"

_wire = RestJsonWire(SERVICE)
_buckets = AccountRegionScopedDict()  # by name
_indexes = AccountRegionScopedDict()  # by ARN; each has its vectors, by their keys
_tags = AccountRegionScopedDict()  # by ARN


def install() -> None:
    router.SERVICE_PATTERNS[SERVICE] = {"credential_scope": SERVICE}
    ministack.app.SERVICE_HANDLERS[SERVICE] = _handle
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVICE] = SERVICE
    iam_actions._BOTOCORE_SERVICE_MAP[SERVICE] = [SERVICE]
    on_reset(s3, _clear)


def _clear() -> None:
    for records in (_buckets, _indexes, _tags):
        records.clear()


async def _handle(
    method: str, path: str, _headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Response:
    try:
        found = _wire.match(method, path)
        handler = _HANDLERS.get(found[0].name) if found else None
        if not found or not handler:
            raise AWSError("UnknownOperationException", f"{method} {path}", 404)
        operation, labels = found
        return _wire.respond(operation, handler(_wire.parse(operation, labels, query, body)))
    except AWSError as refusal:
        return _wire.error(refusal)


def _missing(text: str) -> AWSError:
    return AWSError("NotFoundException", text, 404)


def _conflict(text: str) -> AWSError:
    return AWSError("ConflictException", text, 409)


def _invalid(text: str) -> AWSError:
    return AWSError("ValidationException", text)


def _arn(bucket: str, index: str | None = None) -> str:
    begins = f"arn:aws:s3vectors:{get_region()}:{get_account_id()}:bucket/{bucket}"
    return f"{begins}/index/{index}" if index else begins


def _page(items: list[dict[str, Any]], request: Mapping[str, Any], member: str, most: int = MOST_ON_A_PAGE) -> dict:
    begin, size = int(request.get("nextToken", 0)), request.get("maxResults", most)
    rest = {"nextToken": str(begin + size)} if begin + size < len(items) else {}
    return {member: items[begin : begin + size], **rest}


def _encryption(request: Mapping[str, Any]) -> dict[str, str]:
    """How it is encrypted. The service must be able to use a key of KMS in its own name."""
    asked: dict[str, str] = request.get("encryptionConfiguration") or {"sseType": "AES256"}
    if (asked.get("sseType") == "aws:kms") != ("kmsKeyArn" in asked):
        raise _invalid("kmsKeyArn must be specified if and only if sseType is aws:kms")
    key = kms._keys.get(asked.get("kmsKeyArn", "").rpartition("/")[2])
    if key and INDEXING not in (key.get("Policy") or ""):
        raise AWSError("AccessDeniedException", "Insufficient access to perform asynchronous indexing", 403)
    return asked


def _tagged(arn: str, tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise _invalid(f"a resource has up to {MOST_TAGS} tags")
    _tags[arn] = dict(tags)


# ---- Vector buckets


def _bucket(request: Mapping[str, Any]) -> dict[str, Any]:
    name = request.get("vectorBucketName") or request.get("vectorBucketArn", "").rpartition("/")[2]
    if name not in _buckets:
        raise _missing(BUCKET_MISSING)
    return dict(_buckets[name])


def _create_bucket(request: dict[str, Any]) -> dict[str, Any]:
    name = request["vectorBucketName"]
    if not NAME.fullmatch(name):
        raise _invalid("Invalid vector bucket name")
    if name in _buckets:
        raise _conflict("A vector bucket with the specified name already exists")
    _buckets[name] = {
        "vectorBucketName": name,
        "vectorBucketArn": _arn(name),
        "creationTime": now(),
        "encryptionConfiguration": _encryption(request),
        "defaultIndexMode": "ENHANCED",
    }
    _tagged(_arn(name), request.get("tags", {}))
    return {"vectorBucketArn": _arn(name)}


def _delete_bucket(request: dict[str, Any]) -> None:
    name = _bucket(request)["vectorBucketName"]
    if any(index["vectorBucketName"] == name for index in _indexes.values()):
        raise _conflict("The specified vector bucket is not empty")
    del _buckets[name]
    _tags.pop(_arn(name), None)


def _list_buckets(request: dict[str, Any]) -> dict[str, Any]:
    names = sorted(name for name in _buckets if name.startswith(request.get("prefix", "")))
    return _page([dict(_buckets[name]) for name in names], request, "vectorBuckets")


def _put_policy(request: dict[str, Any]) -> None:
    name = _bucket(request)["vectorBucketName"]
    _buckets[name] = {**_buckets[name], "policy": request["policy"]}


def _get_policy(request: dict[str, Any]) -> dict[str, Any]:
    bucket = _bucket(request)
    if "policy" not in bucket:
        raise _missing("The specified vector bucket policy could not be found")
    return {"policy": bucket["policy"]}


def _delete_policy(request: dict[str, Any]) -> None:
    bucket = _bucket(request)
    bucket.pop("policy", None)
    _buckets[bucket["vectorBucketName"]] = bucket


# ---- Indexes


def _index(request: Mapping[str, Any]) -> dict[str, Any]:
    """The index itself. AWS doesn't say whether it is the bucket that is missing."""
    arn = request.get("indexArn") or _arn(request.get("vectorBucketName", ""), request.get("indexName"))
    if arn not in _indexes:
        raise _missing(INDEX_MISSING)
    index: dict[str, Any] = _indexes[arn]
    return index


def _create_index(request: dict[str, Any]) -> dict[str, Any]:
    bucket = _bucket(request)
    name, arn = request["indexName"], _arn(bucket["vectorBucketName"], request["indexName"])
    if not NAME.fullmatch(name):
        raise _invalid("Invalid index name")
    if arn in _indexes:
        raise _conflict("An index with the specified name already exists")
    if not 1 <= request["dimension"] <= 4096:
        raise _invalid("1 validation error detected: dimension must be between 1 and 4096")
    keys = request.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", [])
    if "metadataConfiguration" in request and not 1 <= len(keys) <= MOST_KEYS:
        raise _invalid(f"nonFilterableMetadataKeys must have 1 to {MOST_KEYS} keys")
    own = "encryptionConfiguration" in request
    _indexes[arn] = {
        **{member: request[member] for member in ("dataType", "dimension", "distanceMetric")},
        **({"metadataConfiguration": request["metadataConfiguration"]} if keys else {}),
        "vectorBucketName": bucket["vectorBucketName"],
        "indexName": name,
        "indexArn": arn,
        "creationTime": now(),
        "encryptionConfiguration": _encryption(request) if own else bucket["encryptionConfiguration"],
        "indexMode": bucket["defaultIndexMode"],
        "vectors": {},
    }
    _tagged(arn, request.get("tags", {}))
    return {"indexArn": arn}


def _delete_index(request: dict[str, Any]) -> None:
    arn = _index(request)["indexArn"]
    del _indexes[arn]
    _tags.pop(arn, None)


def _list_indexes(request: dict[str, Any]) -> dict[str, Any]:
    bucket, prefix = _bucket(request)["vectorBucketName"], request.get("prefix", "")
    found = [dict(index) for index in _indexes.values() if index["vectorBucketName"] == bucket]
    found = sorted((index for index in found if index["indexName"].startswith(prefix)), key=lambda i: i["indexName"])
    return _page(found, request, "indexes")


# ---- Tags


def _of_arn(request: Mapping[str, Any]) -> str:
    arn = str(request["resourceArn"])
    if arn not in _tags:
        raise _missing("The specified resource could not be found")
    return arn


def _tag(request: dict[str, Any]) -> None:
    arn = _of_arn(request)
    _tagged(arn, {**_tags[arn], **request["tags"]})


def _untag(request: dict[str, Any]) -> None:
    arn = _of_arn(request)
    _tags[arn] = {key: value for key, value in _tags[arn].items() if key not in request["tagKeys"]}


# ---- Vectors


def _put_vectors(request: dict[str, Any]) -> None:
    index = _index(request)
    for vector in request["vectors"]:
        length = len(vector["data"]["float32"])
        if length != index["dimension"]:
            raise _invalid(
                f"Invalid record for key '{vector['key']}': vector must have length {index['dimension']}, but has "
                f"length {length}"
            )
    index["vectors"].update({vector["key"]: vector for vector in request["vectors"]})


def _shown(vector: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    told = {"key", *(member for member in ("data", "metadata") if request.get(f"return{member.capitalize()}"))}
    return {member: value for member, value in vector.items() if member in told}


def _get_vectors(request: dict[str, Any]) -> dict[str, Any]:
    vectors = _index(request)["vectors"]
    return {"vectors": [_shown(vectors[key], request) for key in request["keys"] if key in vectors]}


def _list_vectors(request: dict[str, Any]) -> dict[str, Any]:
    return _page([_shown(vector, request) for vector in _index(request)["vectors"].values()], request, "vectors")


def _delete_vectors(request: dict[str, Any]) -> None:
    vectors = _index(request)["vectors"]
    for key in request["keys"]:
        vectors.pop(key, None)


def _query(request: dict[str, Any]) -> dict[str, Any]:
    index, asked = _index(request), request["queryVector"]["float32"]
    if len(asked) != index["dimension"]:
        raise _invalid("Query vector contains invalid values or is invalid for this index")
    hidden = set(index.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", []))
    if hidden & set(request.get("filter", {})):
        raise _invalid("Invalid filter: a key of it is not filterable")
    measure = _cosine if index["distanceMetric"] == "cosine" else math.dist
    found = [
        {**_shown(vector, request), "distance": measure(asked, vector["data"]["float32"])}
        for vector in index["vectors"].values()
        if _fits(vector.get("metadata") or {}, request.get("filter", {}))
    ]
    found = sorted(found, key=lambda vector: vector["distance"])[: request["topK"]]
    if not request.get("returnDistance"):
        found = [{member: value for member, value in vector.items() if member != "distance"} for vector in found]
    return {"vectors": found, "distanceMetric": index["distanceMetric"]}


def _cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return 1 - sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 1.0


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda have, want: have == want or (isinstance(have, list) and want in have),
    "$ne": lambda have, want: have != want,
    "$gt": lambda have, want: have > want,
    "$gte": lambda have, want: have >= want,
    "$lt": lambda have, want: have < want,
    "$lte": lambda have, want: have <= want,
    "$in": lambda have, want: have in want,
    "$nin": lambda have, want: have not in want,
}


def _fits(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    for key, want in wanted.items():
        if key in ("$and", "$or"):
            combined = all if key == "$and" else any
            if not combined(_fits(metadata, part) for part in want):
                return False
            continue
        conditions = want if isinstance(want, Mapping) else {"$eq": want}
        for operator, value in conditions.items():
            if operator == "$exists":
                if (key in metadata) != value:
                    return False
            elif key not in metadata or not _OPERATORS[operator](metadata[key], value):
                return False
    return True


_HANDLERS: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "CreateVectorBucket": _create_bucket,
    "GetVectorBucket": lambda request: {"vectorBucket": _bucket(request)},
    "ListVectorBuckets": _list_buckets,
    "DeleteVectorBucket": _delete_bucket,
    "PutVectorBucketPolicy": _put_policy,
    "GetVectorBucketPolicy": _get_policy,
    "DeleteVectorBucketPolicy": _delete_policy,
    "CreateIndex": _create_index,
    "GetIndex": lambda request: {"index": _index(request)},
    "ListIndexes": _list_indexes,
    "DeleteIndex": _delete_index,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": lambda request: {"tags": _tags[_of_arn(request)]},
    "PutVectors": _put_vectors,
    "GetVectors": _get_vectors,
    "ListVectors": _list_vectors,
    "DeleteVectors": _delete_vectors,
    "QueryVectors": _query,
}
