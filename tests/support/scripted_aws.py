# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scripted AWS for unit tests of modules: it answers call by call and checks every request and response against
botocore's service model, so a test can't pass on an API that doesn't exist."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.validate import ParamValidator

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError


@dataclass
class Step:
    """One expected call. request: exact parameters, None for any, or a function that asserts on them.
    answer: the response, or an exception to raise."""

    operation: str
    answer: Any
    request: Mapping | Callable[[dict], None] | None = None
    may_come: bool = False  # it need not


def endless(*steps: Step) -> list[Step]:
    """The same calls again and again: however often a module tries before it gives up."""
    return [dataclasses.replace(step, may_come=True) for _time in range(100) for step in steps]


def api_error(operation: str, code: str, message: str = "refused", status: int = 400) -> ClientError:
    """The exception that boto3 raises for an error answer of AWS."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def lost_reply() -> ConnectionClosedError:
    """What boto3 raises when the connection ends before the reply: the call may have taken effect."""
    return ConnectionClosedError(endpoint_url="https://aws.example")


class ScriptedAws:
    """Holds the script of one test; client() gives clients of any service that follow it in order."""

    def __init__(self, *steps: Step):
        self.steps = list(steps)
        self.calls: list[tuple[str, dict]] = []

    def client(self, service: str) -> ScriptedClient:
        return ScriptedClient(self, service)

    def answer(self, client: ScriptedClient, operation: str, request: dict) -> Any:
        shown = f"{operation}({request})"
        assert self.steps, f"unexpected call after the end of the script: {shown}"
        step = self.steps.pop(0)
        assert step.operation == operation, f"expected {step.operation}, got {shown}"
        model = client.model.operation_model(operation)
        if model.input_shape:
            report = ParamValidator().validate(request, model.input_shape)
            assert not report.has_errors(), f"{shown}: {report.generate_report()}"
        if callable(step.request):
            step.request(request)
        elif step.request is not None:
            assert request == step.request, f"{operation}: expected {step.request}, got {request}"
        self.calls.append((operation, request))
        if isinstance(step.answer, Exception):
            raise step.answer
        if model.output_shape:
            _check_response(operation, step.answer, model.output_shape)
        return step.answer

    def operations(self) -> list[str]:
        return [operation for operation, _request in self.calls]

    def assert_done(self) -> None:
        left = [step.operation for step in self.steps if not step.may_come]
        assert not left, f"calls that never came: {left}"


def _check_response(operation: str, answer: dict, shape: Any) -> None:
    unknown = set(answer) - set(shape.members) - {"ResponseMetadata"}
    assert not unknown, f"{operation} doesn't answer with {sorted(unknown)}"
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    optional = _Lenient()
    report = optional.validate(answer, shape)
    assert not report.has_errors(), f"answer of {operation}: {report.generate_report()}"


class _Lenient(ParamValidator):
    """Responses in tests may leave out members, but may not invent them or give them other types."""

    def _validate_structure(self, params: Any, shape: Any, errors: Any, name: str) -> None:
        if not isinstance(params, dict):
            errors.report(name, "invalid type", param=params, valid_types=["dict"])
            return
        for key, value in params.items():
            if key not in shape.members:
                errors.report(name, "unknown field", unknown_param=key, valid_names=sorted(shape.members))
            else:
                self._validate(value, shape.members[key], errors, f"{name}.{key}")


class ScriptedClient:
    """Looks like a boto3 client to the module."""

    def __init__(self, aws: ScriptedAws, service: str):
        self.aws = aws
        self.real = boto3.client(
            service, region_name="us-west-2", aws_access_key_id="unused", aws_secret_access_key="unused"
        )
        self.meta = self.real.meta
        self.model = self.meta.service_model
        self.operation_names = {xform_name(name): name for name in self.model.operation_names}

    def can_paginate(self, method: str) -> bool:
        return self.real.can_paginate(method)

    def get_paginator(self, method: str) -> _ScriptedPaginator:
        return _ScriptedPaginator(self, self.operation_names[method])

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method not in self.operation_names:
            raise AttributeError(f"{self.model.service_name} has no operation {method}")
        operation = self.operation_names[method]
        return lambda **request: self.aws.answer(self, operation, request)


class _ScriptedPaginator:
    def __init__(self, client: ScriptedClient, operation: str):
        self.client = client
        self.operation = operation
        self.request: dict = {}

    def paginate(self, **request: Any) -> _ScriptedPaginator:
        # How much is read of it, and at a time, is the SDK's business.
        request.pop("PaginationConfig", None)
        self.request = request
        return self

    def build_full_result(self) -> Any:
        return self.client.aws.answer(self.client, self.operation, self.request)


class ScriptedModule:
    """Looks like an AnsibleAWSModule to a Resource, with scripted clients."""

    def __init__(self, aws: ScriptedAws, params: Mapping[str, Any], check_mode: bool = False):
        defaults = {"state": "present", "wait": True, "wait_timeout": None, "owned_by": None}
        self.params = {**defaults, "tags": None, "purge_tags": True, **params}
        self.check_mode = check_mode
        self._diff = True
        self._name = "test"
        self.region = "us-west-2"
        self.warnings: list[str] = []
        self.no_log_values: set[str] = set()
        self.aws = aws

    def client(self, service: str, **_config: Any) -> ScriptedClient:
        return self.aws.client(service)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def run_resource(
    resource: type, params: Mapping[str, Any], *steps: Step, check_mode: bool = False, done: bool = True
) -> tuple[dict, ScriptedAws, ScriptedModule]:
    """Run a Resource against a script; returns the module's result, the calls made and the module."""
    aws = ScriptedAws(*steps)
    module = ScriptedModule(aws, params, check_mode)
    result = resource(module).run()
    if done:
        aws.assert_done()
    return result, aws, module


def sides(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a module's result tells of before and after, without whose they are."""
    return {side: result["diff"][side] for side in ("before", "after")}


def refuse_resource(resource: type, params: Mapping[str, Any], *steps: Step, check_mode: bool = False) -> str:
    """Run a Resource against a script that ends in a refusal; returns what the user is told."""
    aws = ScriptedAws(*steps)
    with pytest.raises(ResourceError) as caught:
        resource(ScriptedModule(aws, params, check_mode)).run()
    aws.assert_done()
    return str(caught.value)


def with_token(expected: Mapping[str, Any]) -> Callable[[dict], None]:
    """Asserts that a request to EKS is the expected one and has a client token besides."""

    def check(request: dict) -> None:
        token = request.get("clientRequestToken")
        assert token
        assert request == {**expected, "clientRequestToken": token}

    return check


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only by sleeping. In force where a conftest.py imports it.

    Only for the test's own thread: the stories of faults go on beside it in others, by the real clock.
    """
    now = [0.0]
    thread, monotonic, sleep = threading.get_ident(), time.monotonic, time.sleep

    def scripted_sleep(seconds: float) -> None:
        if threading.get_ident() == thread:
            now[0] += seconds
        else:
            sleep(seconds)

    monkeypatch.setattr(time, "monotonic", lambda: now[0] if threading.get_ident() == thread else monotonic())
    monkeypatch.setattr(time, "sleep", scripted_sleep)
    return now
