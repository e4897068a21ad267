# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS wire formats, read from botocore's service models.

A shim deals in the same Python structures as a boto3 caller: it gets the parameters of one call as a dictionary and
gives back the result as a dictionary. What travels in between is derived here from the model that botocore itself uses,
so a shim can't invent a member that AWS doesn't have: unknown ones are dropped from the answer.
"""

from __future__ import annotations

import datetime
import json
import re
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

Response = tuple[int, dict[str, str], bytes]


class AWSError(Exception):
    """The refusal of a call, as AWS words it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class QueryWire:
    """The EC2 protocol and the older query protocol (IAM): parameters in a form, the answer in XML."""

    def __init__(self, service: str) -> None:
        self.model = service_model(service)
        self.is_ec2 = self.model.metadata["protocol"] == "ec2"

    # -- request ------------------------------------------------------------

    def parse(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a call by their names in the API; a member that wasn't sent is absent."""
        flat = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
        shape = self.model.operation_model(operation).input_shape
        return self._parse_structure(shape, "", flat) or {} if shape else {}

    def _parse(self, shape: Shape, prefix: str, flat: dict[str, str]) -> Any:
        if shape.type_name == "structure":
            return self._parse_structure(shape, prefix, flat)
        if shape.type_name == "list":
            return self._parse_list(shape, prefix, flat)
        if prefix not in flat:
            return None
        return _scalar(shape, flat[prefix])

    def _parse_structure(self, shape: Shape, prefix: str, flat: dict[str, str]) -> dict[str, Any] | None:
        parsed = {}
        for name, member in shape.members.items():
            key = f"{prefix}.{self._request_name(name, member)}" if prefix else self._request_name(name, member)
            value = self._parse(member, key, flat)
            if value is not None:
                parsed[name] = value
        return parsed or None

    def _parse_list(self, shape: Shape, prefix: str, flat: dict[str, str]) -> list[Any] | None:
        if not self.is_ec2 and not shape.serialization.get("flattened"):
            prefix = f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        indexes = sorted({int(match) for match in re.findall(rf"^{re.escape(prefix)}\.(\d+)", "\n".join(flat), re.M)})
        items = [self._parse(shape.member, f"{prefix}.{index}", flat) for index in indexes]
        return [item if item is not None else {} for item in items] or None

    def _request_name(self, name: str, member: Shape) -> str:
        if not self.is_ec2:
            return member.serialization.get("name", name)
        if "queryName" in member.serialization:
            return member.serialization["queryName"]
        wire_name = member.serialization.get("name", name)
        return wire_name[0].upper() + wire_name[1:]

    # -- response -----------------------------------------------------------

    def respond(self, operation: str, result: Mapping[str, Any] | None = None) -> Response:
        shape = self.model.operation_model(operation).output_shape
        body = self._render_members(shape, result or {}) if shape else ""
        namespace = self.model.metadata.get("xmlNamespace") or f"http://ec2.amazonaws.com/doc/{self.model.api_version}/"
        if self.is_ec2:
            content = f"{body}<requestId>{uuid.uuid4()}</requestId>"
        else:
            if shape:
                wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
                body = f"<{wrapper}>{body}</{wrapper}>"
            content = f"{body}<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        return _xml(200, f'<{operation}Response xmlns="{namespace}">{content}</{operation}Response>')

    def error(self, error: AWSError) -> Response:
        code, message = escape(error.code), escape(error.message)
        if self.is_ec2:
            return _xml(
                error.status,
                f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
                f"<RequestID>{uuid.uuid4()}</RequestID></Response>",
            )
        side = "Sender" if error.status < 500 else "Receiver"
        return _xml(
            error.status,
            f"<ErrorResponse><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>",
        )

    def _render_members(self, shape: Shape, value: Mapping[str, Any]) -> str:
        parts = []
        for name, member in shape.members.items():
            if value.get(name) is not None:
                parts.append(self._render(member, member.serialization.get("name", name), value[name]))
        return "".join(parts)

    def _render(self, shape: Shape, tag: str, value: Any) -> str:
        if shape.type_name == "structure":
            return f"<{tag}>{self._render_members(shape, value)}</{tag}>"
        if shape.type_name == "list":
            if shape.serialization.get("flattened"):
                return "".join(self._render(shape.member, tag, item) for item in value)
            item_tag = shape.member.serialization.get("name", "item" if self.is_ec2 else "member")
            return f"<{tag}>{''.join(self._render(shape.member, item_tag, item) for item in value)}</{tag}>"
        return f"<{tag}>{escape(_text(value))}</{tag}>"


class RestJsonWire:
    """The REST protocol with JSON bodies (EKS): the operation is found by method and path."""

    def __init__(self, service: str) -> None:
        self.model = service_model(service)

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], OperationModel]]:
        routes = []
        for name in self.model.operation_names:
            operation = self.model.operation_model(name)
            routes.append((operation.http["method"], _route(operation.http["requestUri"]), operation))
        # The path with more fixed text is the more exact one: /addons/{name}/update comes before /addons/{name}.
        return sorted(routes, key=lambda route: -len(re.sub(r"{[^}]+}", "", route[2].http["requestUri"])))

    def match(self, method: str, path: str) -> tuple[OperationModel, dict[str, str]] | None:
        for route_method, pattern, operation in self._routes:
            found = pattern.fullmatch(path) if route_method == method else None
            if found:
                labels = operation.http["requestUri"]
                names = [label.rstrip("+") for label in re.findall(r"{([^}]+)}", labels)]
                values = [urllib.parse.unquote(group) for group in found.groups()]
                return operation, dict(zip(names, values, strict=True))
        return None

    def parse(
        self, operation: OperationModel, labels: Mapping[str, str], query: Mapping[str, Any], body: bytes
    ) -> dict[str, Any]:
        parsed: dict[str, Any] = {}
        try:
            content = json.loads(body) if body else {}
        except ValueError:
            raise AWSError("SerializationException", "The request body isn't JSON.") from None
        for name, member in operation.input_shape.members.items() if operation.input_shape else ():
            location = member.serialization.get("location")
            wire_name = member.serialization.get("name", name)
            if location == "uri":
                parsed[name] = labels[wire_name]
            elif location == "querystring":
                if wire_name in query:
                    values = query[wire_name] if isinstance(query[wire_name], list) else [query[wire_name]]
                    is_list = member.type_name == "list"
                    parsed[name] = list(values) if is_list else _scalar(member, values[0])
            elif content.get(wire_name) is not None:
                parsed[name] = content[wire_name]
        return parsed

    def respond(self, operation: OperationModel, result: Mapping[str, Any] | None = None) -> Response:
        shape = operation.output_shape
        body = _json_value(shape, result or {}) if shape else {}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    @staticmethod
    def error(error: AWSError) -> Response:
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        return error.status, {"Content-Type": "application/json", "x-amzn-errortype": error.code}, body


def matches_filters(
    record: Mapping[str, Any],
    filters: list[Mapping[str, Any]],
    members: Mapping[str, str],
    tags: Mapping[str, str],
) -> bool:
    """Whether an EC2 record passes the Filters of a describe call. members: filter name -> member of the record."""
    for entry in filters:
        name, wanted = entry["Name"], entry.get("Values", [])
        if name.startswith("tag:"):
            actual: list[str] = [tags[name[4:]]] if name[4:] in tags else []
        elif name == "tag-key":
            actual = list(tags)
        elif name in members:
            value = record.get(members[name])
            actual = [_text(item) for item in (value if isinstance(value, list) else [value]) if item is not None]
        else:
            raise AWSError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(_glob(pattern).fullmatch(item) for pattern in wanted for item in actual):
            return False
    return True


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.S)


@cache
def _route(request_uri: str) -> re.Pattern[str]:
    parts: Iterator[str] = iter(re.split(r"({[^}]+})", request_uri))
    return re.compile("".join(_label(part) if part.startswith("{") else re.escape(part) for part in parts))


def _label(label: str) -> str:
    # ARNs are sent as one label, with their slashes as they are.
    return "(.+)" if label.endswith("+}") or "Arn" in label else "([^/]+)"


def _scalar(shape: Shape, value: str) -> Any:
    if shape.type_name == "boolean":
        return value.lower() == "true"
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)


def _json_value(shape: Shape, value: Any) -> Any:
    # A document has members of its own.
    if shape.type_name == "structure" and not shape.is_document_type:
        return {
            member.serialization.get("name", name): _json_value(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_json_value(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: _json_value(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value


def _xml(status: int, document: str) -> Response:
    return status, {"Content-Type": "text/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode()
