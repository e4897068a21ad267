# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scripted OpenSearch domain for unit tests of modules: it answers request by request, below the signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import opensearch_api
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError

from .scripted_aws import ScriptedAws, ScriptedModule

HOST = "search.example.com"


@dataclass
class Request:
    """One expected request. answer: what is in it, or an exception to raise."""

    method: str
    path: str
    answer: Any = None
    status: int = 200
    body: Mapping | None = None


def module(params: Mapping[str, Any], check_mode: bool = False) -> ScriptedModule:
    given = {"endpoint": HOST, "connect_to": None, "assume_role_arn": None, "skip_unreachable": False, **params}
    return ScriptedModule(ScriptedAws(), given, check_mode)


class Script:
    def __init__(self, *requests: Request):
        self.requests = list(requests)

    def send(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        assert self.requests, f"unexpected request after the end of the script: {method} {path}"
        expected = self.requests.pop(0)
        assert (method, path) == (expected.method, expected.path)
        if expected.body is not None:
            assert json.loads(body) == expected.body
        if isinstance(expected.answer, Exception):
            raise expected.answer
        return expected.status, expected.answer


def _run(resource: type, params: Mapping[str, Any], script: Script, check_mode: bool) -> tuple[dict, ScriptedModule]:
    stub = module(params, check_mode)

    def send(domain: Any, method: str, path: str, body: bytes) -> tuple[int, Any]:
        return script.send(method, path, body)

    with mock.patch.object(opensearch_api.Domain, "send", send):
        result = resource(stub).run()
    assert not script.requests, f"requests that never came: {script.requests}"
    return result, stub


def run_object(
    resource: type, params: Mapping[str, Any], *requests: Request, check_mode: bool = False
) -> tuple[dict, ScriptedModule]:
    """Run the module of an object against a script; returns its result and the module."""
    return _run(resource, params, Script(*requests), check_mode)


def refuse_object(resource: type, params: Mapping[str, Any], *requests: Request) -> str:
    """Run it against a script that ends in a refusal; returns what the user is told."""
    with pytest.raises(ResourceError) as caught:
        _run(resource, params, Script(*requests), False)
    return str(caught.value)
