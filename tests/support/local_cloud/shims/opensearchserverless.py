# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OpenSearch Serverless: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | different |
|---|---|
| CreateCollection, CreateSecurityPolicy, CreateAccessPolicy | client tokens; a collection is being made for a moment |
| DeleteCollection | it is being deleted for a moment; its indexes go with it |
| UpdateSecurityPolicy, UpdateAccessPolicy | refused where nothing changes |
| CreateAccessPolicy, UpdateAccessPolicy | a principal that is named twice is refused |
| CreateIndex, GetIndex, UpdateIndex, DeleteIndex | missing |

Who may do what with an index says the data access policy, and that only some moments after it was made or changed. A
new index isn't shown at once. It is kept as OpenSearch tells it: settings as texts, fields without what is their
default.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.iam_evaluator import request_caller_arn
from ministack.core.responses import AccountRegionScopedDict, json_response
from ministack.services import opensearchserverless as serverless

from ..wire import AWSError, Response
from . import timing
from .patching import IdempotencyTokens, answering, on_reset

TOKENS = IdempotencyTokens("ConflictException")
CREATES = ("CreateCollection", "CreateSecurityPolicy", "CreateAccessPolicy")
CHANGEABLE = ("index.knn.algo_param.ef_search", "index.refresh_interval")

_indexes = AccountRegionScopedDict()  # "<collection id>/<name>" -> {"schema": ..., "shown_at": ...}


def install() -> None:
    serverless.handle_request = functools.partial(_handle, serverless.handle_request)
    serverless._start_provisioning = timing.start
    serverless._put_policy = functools.partial(_put_policy, serverless._put_policy)
    serverless._update_policy = functools.partial(_update_policy, serverless._update_policy)
    serverless._HANDLERS["DeleteCollection"] = functools.partial(
        _delete_collection, serverless._HANDLERS["DeleteCollection"]
    )
    on_reset(serverless, _clear)


def _clear() -> None:
    TOKENS.clear()
    _indexes.clear()


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation, request = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
    _go_on()
    if operation in _INDEXES:
        caller = request_caller_arn(dict(headers), dict(query))
        return answering(lambda: json_response(_INDEXES[operation](request, caller)))()
    if operation in CREATES:
        token = request.pop("clientToken", None)
        return answering(lambda: TOKENS.answer(operation, token, request, lambda: _act(operation, request)))()
    return await original(method, path, headers, body, query)


def _act(operation: str, request: dict[str, Any]) -> Response:
    try:
        response: Response = serverless._HANDLERS[operation](request)
    except serverless._Invalid as refusal:
        raise AWSError(refusal.code, refusal.message) from refusal
    return response


def _go_on() -> None:
    """What is under way comes to its end when its time is over."""
    for number, record in list(serverless._collections.items()):
        if not timing.is_due(record):
            continue
        timing.finish(record)
        if record["status"] == "DELETING":
            del serverless._collections[number]
            serverless._tags.pop(record["arn"], None)
        else:
            record["status"] = "ACTIVE"


def _delete_collection(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    record = serverless._collections.get(request.get("id"))
    tags = serverless._tags.get((record or {}).get("arn"))
    response = original(request)
    record["status"] = "DELETING"
    timing.start(record)
    serverless._collections[record["id"]] = record
    serverless._tags[record["arn"]] = tags
    for key in [key for key in _indexes if key.startswith(f"{record['id']}/")]:
        del _indexes[key]
    return response


# ---- Policies


def _refuse_doubles(request: Mapping[str, Any]) -> None:
    document = json.loads(request.get("policy") or "[]")
    for statement in document if isinstance(document, list) else []:
        principals = statement.get("Principal", [])
        if len(set(principals)) < len(principals):
            text = "Policy json is invalid, error: [$[0].Principal: the items in the array must be unique]"
            raise serverless._Invalid(text)


def _put_policy(original: Callable[..., dict[str, Any]], store: Any, kind: str, *request: Any) -> dict[str, Any]:
    _refuse_doubles(request[0])
    return _counting(original(store, kind, *request))


def _update_policy(original: Callable[..., dict[str, Any]], store: Any, kind: str, *request: Any) -> dict[str, Any]:
    _refuse_doubles(request[0])
    before = (store.get(f"{request[0].get('type')}/{request[0].get('name')}") or {}).get("policyVersion")
    record = original(store, kind, *request)
    if record["policyVersion"] == before:
        raise serverless._Invalid("No changes detected in policy or policy description")
    return _counting(record)


def _counting(record: dict[str, Any]) -> dict[str, Any]:
    """From when on the policy counts."""
    record["_counts_at"] = timing.now() + timing.SETTLE_SECONDS
    return record


# ---- Indexes


def _allowed(request: Mapping[str, Any], caller: str, permission: str, doing: str) -> dict[str, Any]:
    """The collection, if a data access policy lets the caller do that with the index."""
    collection: dict[str, Any] | None = serverless._collections.get(request["id"])
    if collection is None or collection["status"] != "ACTIVE":
        raise AWSError("ResourceNotFoundException", f"Collection with id {request['id']} is not found")
    name = f"index/{collection['name']}/{request['indexName']}"
    for policy in serverless._access_policies.values():
        if timing.now() < policy["_counts_at"]:
            continue
        for statement in policy["policy"]:
            if any(_is(caller, principal) for principal in statement["Principal"]) and any(
                serverless._pattern_matches(pattern, name)
                for rule in statement["Rules"]
                for pattern in rule["Resource"]
                if {permission, "aoss:*"} & set(rule["Permission"])
            ):
                return collection
    raise AWSError("AccessDeniedException", f"Access denied to {doing} index", 403)


def _is(caller: str, principal: str) -> bool:
    """Whether the caller is that principal, or a session of that role."""
    session = re.fullmatch(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/.+", caller)
    role = session and re.fullmatch(rf"arn:aws:iam::{session[1]}:role/(.+/)?{re.escape(session[2])}", principal)
    return caller == principal or bool(role)


def _key(request: Mapping[str, Any]) -> str:
    return f"{request['id']}/{request['indexName']}"


def _there(request: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] | None = _indexes.get(_key(request))
    if record is None or timing.now() < record["shown_at"]:
        raise AWSError("ResourceNotFoundException", f"Index {request['indexName']} is not found")
    return record


def _settings(schema: Mapping[str, Any]) -> dict[str, str]:
    """The settings by their whole names, as texts."""
    named = _flat(schema.get("settings") or {}).items()
    return {name if name.startswith("index.") else f"index.{name}": value for name, value in named}


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[before + key] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    fields = schema.get("mappings", {}).get("properties", {})
    return {
        name: {part: value for part, value in field.items() if (part, value) != ("index", True)}
        for name, field in fields.items()
    }


def _create_index(request: dict[str, Any], caller: str) -> dict[str, Any]:
    _allowed(request, caller, "aoss:CreateIndex", "create")
    if _key(request) in _indexes:
        raise AWSError("ConflictException", f"Index {request['indexName']} already exists")
    schema = request.get("indexSchema") or {}
    for name, field in _fields(schema).items():
        if field.get("type") == "knn_vector" and not isinstance(field.get("dimension"), int):
            raise AWSError("ValidationException", f"Dimension value missing for vector: {name}")
        if "spaceType" in field.get("method", {}):
            raise AWSError("ValidationException", "Invalid parameter: spaceType")
    kept = {"settings": _settings(schema) | {"index.provided_name": request["indexName"]}, "fields": _fields(schema)}
    _indexes[_key(request)] = {**kept, "shown_at": timing.now() + timing.SETTLE_SECONDS}
    return {}


def _get_index(request: dict[str, Any], caller: str) -> dict[str, Any]:
    _allowed(request, caller, "aoss:DescribeIndex", "head")
    record = _there(request)
    settings = {"index": {name.removeprefix("index."): value for name, value in record["settings"].items()}}
    return {"indexSchema": {"settings": settings, "mappings": {"properties": record["fields"]}}}


def _update_index(request: dict[str, Any], caller: str) -> dict[str, Any]:
    _allowed(request, caller, "aoss:UpdateIndex", "update")
    record, schema = _there(request), request.get("indexSchema") or {}
    fixed = [name for name in _settings(schema) if name not in CHANGEABLE]
    if fixed:
        raise AWSError("ValidationException", f"Can't update non dynamic settings [{', '.join(fixed)}]")
    for name, field in _fields(schema).items():
        if record["fields"].get(name, field) != field:
            raise AWSError("ValidationException", f"Mapper for [{name}] conflicts with existing mapper")
    record["settings"] |= _settings(schema)
    record["fields"] |= _fields(schema)
    return {}


def _delete_index(request: dict[str, Any], caller: str) -> dict[str, Any]:
    _allowed(request, caller, "aoss:DeleteIndex", "delete")
    _there(request)
    del _indexes[_key(request)]
    return {}


_INDEXES: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "CreateIndex": _create_index,
    "GetIndex": _get_index,
    "UpdateIndex": _update_index,
    "DeleteIndex": _delete_index,
}
