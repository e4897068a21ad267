# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documents of Systems Manager, of the type Session: ministack 1.5.33 knows none.

| operation | here |
|---|---|
| CreateDocument, DescribeDocument, GetDocument, DeleteDocument | with all versions |
| ListDocuments | those of the account |
| UpdateDocument | makes a version, unless the latest one says the same, and leaves the default version as it is |
| UpdateDocumentDefaultVersion | as AWS |
| AddTagsToResource, RemoveTagsFromResource, ListTagsForResource | refuse a document that doesn't exist |
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import ssm

from ..wire import AWSError, Response, now
from .patching import adding, on_reset

NAME = re.compile(r"[a-zA-Z0-9_\-.]{3,128}")
RESERVED = ("aws", "amazon", "amzn")
SESSION_TYPES = ("InteractiveCommands", "NonInteractiveCommands", "Port", "Standard_Stream")
TAGGING = ("AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource")
MOST_VERSIONS = 1000

_documents: dict[tuple[str, str, str], dict[str, Any]] = {}


def install() -> None:
    ssm.handle_request = functools.partial(_handle, ssm.handle_request)
    on_reset(ssm, _documents.clear)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    request = json.loads(body or b"{}")
    tagging = operation in TAGGING and request.get("ResourceType") == "Document"

    async def otherwise(_operation: str, _request: dict[str, Any]) -> Response:
        return await original(method, path, headers, body, query)

    known = {operation: functools.partial(_tagging, operation)} if tagging else ACTIONS
    return await adding(otherwise, known)(operation, request)


def _place(name: str) -> tuple[str, str, str]:
    return get_account_id(), get_region(), name


def _of(name: str) -> dict[str, Any]:
    """The document of that name, or of that ARN."""
    found = _documents.get(_place(name.rpartition("/")[2]))
    if found is None:
        raise AWSError("InvalidDocument", f"Document with name {name} does not exist.")
    return found


def exists(name: str) -> bool:
    return _place(name) in _documents


def _version(document: Mapping[str, Any], asked: str | None) -> str:
    number = {"$LATEST": str(len(document["Versions"])), "$DEFAULT": document["Default"], None: document["Default"]}
    found = number.get(asked, asked)
    if not str(found).isdigit() or not 1 <= int(str(found)) <= len(document["Versions"]):
        raise AWSError("InvalidDocumentVersion", f"The document version {asked} is not valid or does not exist.")
    return str(found)


def _content(request: Mapping[str, Any]) -> str:
    """The text of a request, if it is a Session document."""
    text = str(request.get("Content", ""))
    try:
        content = json.loads(text)
    except ValueError as error:
        raise AWSError("InvalidDocumentContent", f"Failed to parse the document: {error}") from error
    if not isinstance(content, dict) or content.get("schemaVersion") != "1.0":
        raise AWSError("InvalidDocumentSchemaVersion", "Session documents have the schema version 1.0.")
    if content.get("sessionType") not in SESSION_TYPES:
        raise AWSError("InvalidDocumentContent", f"sessionType must be one of {', '.join(SESSION_TYPES)}")
    inputs = content.get("inputs", {})
    if content["sessionType"] == "Standard_Stream" and not inputs:
        raise AWSError("InvalidDocumentContent", "inputs is required for sessions of type Standard_Stream")
    for key, most in (("idleSessionTimeout", 60), ("maxSessionDuration", 1440)):
        value = inputs.get(key, "")
        if not isinstance(value, str) or (value and not (value.isdigit() and 1 <= int(value) <= most)):
            raise AWSError("InvalidDocumentContent", f"{key} must be a text with a number from 1 to {most}")
    return text


def _described(document: Mapping[str, Any], version: str) -> dict[str, Any]:
    return {
        "Name": document["Name"],
        "Owner": get_account_id(),
        "CreatedDate": document["Versions"][int(version) - 1]["At"],
        "Status": "Active",
        "DocumentVersion": version,
        "PlatformTypes": ["Windows", "Linux", "MacOS"],
        "DocumentType": "Session",
        "SchemaVersion": "1.0",
        "LatestVersion": str(len(document["Versions"])),
        "DefaultVersion": document["Default"],
        "DocumentFormat": "JSON",
        "Tags": _tags(document),
    }


def _tags(document: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in document["Tags"].items()]


def _create(request: dict[str, Any]) -> Response:
    name = request["Name"]
    if not NAME.fullmatch(name) or name.lower().startswith(RESERVED):
        raise AWSError("ValidationException", f"The document name {name} is not valid.")
    if request.get("DocumentType") != "Session" or request.get("DocumentFormat", "JSON") != "JSON":
        raise AWSError("ValidationException", "Only documents of type Session, in JSON, are emulated.")
    if exists(name):
        raise AWSError("DocumentAlreadyExists", f"Document with the specified name {name} already exists.")
    version = {"Content": _content(request), "At": now().timestamp()}
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    _documents[_place(name)] = document = {"Name": name, "Versions": [version], "Default": "1", "Tags": tags}
    return json_response({"DocumentDescription": _described(document, "1")})


def _update(request: dict[str, Any]) -> Response:
    document, text = _of(request["Name"]), _content(request)
    _version(document, request.get("DocumentVersion", "$LATEST"))
    if text == document["Versions"][-1]["Content"]:
        raise AWSError("DuplicateDocumentContent", "The content of the document version is the same as the latest.")
    if len(document["Versions"]) == MOST_VERSIONS:
        raise AWSError("DocumentVersionLimitExceeded", "The document has too many versions.")
    document["Versions"].append({"Content": text, "At": now().timestamp()})
    return json_response({"DocumentDescription": _described(document, str(len(document["Versions"])))})


def _choose(request: dict[str, Any]) -> Response:
    document = _of(request["Name"])
    document["Default"] = _version(document, request["DocumentVersion"])
    return json_response({"Description": {"Name": document["Name"], "DefaultVersion": document["Default"]}})


def _describe(request: dict[str, Any]) -> Response:
    document = _of(request["Name"])
    return json_response({"Document": _described(document, _version(document, request.get("DocumentVersion")))})


def _get(request: dict[str, Any]) -> Response:
    document = _of(request["Name"])
    version = _version(document, request.get("DocumentVersion"))
    shown = {key: value for key, value in _described(document, version).items() if key not in ("Tags", "Owner")}
    return json_response({**shown, "Content": document["Versions"][int(version) - 1]["Content"]})


def _list(request: dict[str, Any]) -> Response:
    """Those of the account. AWS lists its own, too, where nobody asks for those of an owner."""
    wanted = {item["Key"]: item["Values"] for item in request.get("Filters", [])}
    if wanted.get("Owner") != ["Self"]:
        raise AWSError("InvalidFilterKey", "Only the documents of the account are emulated: Owner=Self.")
    names = wanted.get("Name")
    mine = [document for place, document in sorted(_documents.items()) if place == _place(document["Name"])]
    found = [
        {key: value for key, value in _described(document, document["Default"]).items() if key != "Status"}
        for document in mine
        if "Session" in wanted.get("DocumentType", ["Session"])
        and (names is None or any(document["Name"].startswith(name) for name in names))
    ]
    return json_response({"DocumentIdentifiers": found})


def _delete(request: dict[str, Any]) -> Response:
    del _documents[_place(_of(request["Name"])["Name"])]
    return json_response({})


def _tagging(operation: str, request: dict[str, Any]) -> Response:
    if not exists(request["ResourceId"]):
        raise AWSError("InvalidResourceId", "The resource ID isn't valid.")
    document = _of(request["ResourceId"])
    if operation == "ListTagsForResource":
        return json_response({"TagList": _tags(document)})
    document["Tags"] |= {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    for key in request.get("TagKeys", []):
        document["Tags"].pop(key, None)
    return json_response({})


ACTIONS: dict[str, Callable[[dict[str, Any]], Response]] = {
    "CreateDocument": _create,
    "DeleteDocument": _delete,
    "DescribeDocument": _describe,
    "GetDocument": _get,
    "ListDocuments": _list,
    "UpdateDocument": _update,
    "UpdateDocumentDefaultVersion": _choose,
}
