# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parameter Store: what ssm_parameters relies on, and what AWS refuses. test_real_use.py shows that policies count."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TAGS = [{"Key": "Project", "Value": "demo"}, {"Key": "Component", "Value": "configuration"}]


@pytest.fixture
def ssm(client: Callable[[str], Any]) -> Any:
    return client("ssm")


@pytest.fixture
def path() -> str:
    return f"/demo/{uuid.uuid4().hex}"


def code_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return str(raised.value.response["Error"]["Code"])


def put(ssm: Any, name: str, value: str = "a", **request: Any) -> Any:
    return ssm.put_parameter(Name=name, Value=value, **{"Type": "String", **request})


def names(ssm: Any, path: str, **tags: str) -> list[str]:
    filters = [{"Key": "Path", "Option": "Recursive", "Values": [path]}]
    filters += [{"Key": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    pages = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
    return [item["Name"] for item in pages.build_full_result()["Parameters"]]


def test_tags_find_parameters(ssm: Any, path: str) -> None:
    put(ssm, f"{path}/a/A", Tags=TAGS)
    put(ssm, f"{path}/B", Tags=TAGS[:1])
    put(ssm, f"{path}2/C", Tags=TAGS)
    assert names(ssm, path) == [f"{path}/B", f"{path}/a/A"]
    assert names(ssm, path, Project="demo") == [f"{path}/B", f"{path}/a/A"]
    assert names(ssm, path, Project="demo", Component="configuration") == [f"{path}/a/A"]
    assert names(ssm, path, Project="other") == []


def test_a_type_can_not_be_changed(ssm: Any, path: str) -> None:
    put(ssm, f"{path}/A")
    request = {"Name": f"{path}/A", "Value": "b", "Type": "SecureString", "Overwrite": True}
    assert code_of(ssm.put_parameter, **request) == "HierarchyTypeMismatchException"


def test_tiers(ssm: Any, path: str) -> None:
    assert put(ssm, f"{path}/A", Tier="Intelligent-Tiering")["Tier"] == "Standard"
    assert put(ssm, f"{path}/A", "x" * 5000, Tier="Intelligent-Tiering", Overwrite=True)["Tier"] == "Advanced"
    assert put(ssm, f"{path}/A", "b", Tier="Intelligent-Tiering", Overwrite=True)["Tier"] == "Advanced"
    request = {"Name": f"{path}/A", "Value": "c", "Type": "String", "Tier": "Standard", "Overwrite": True}
    assert code_of(ssm.put_parameter, **request) == "ValidationException"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Value": "x" * 4097}, "ValidationException"),
        ({"Value": "x" * 8193, "Tier": "Advanced"}, "ValidationException"),
        ({"Value": ""}, "ValidationException"),
        ({"Value": "a", "AllowedPattern": r"^\d+$"}, "ParameterPatternMismatchException"),
        ({"Name": "/x" * 16, "Value": "a"}, "HierarchyLevelLimitExceededException"),
    ],
)
def test_what_is_refused(ssm: Any, path: str, request_: dict[str, str], code: str) -> None:
    assert code_of(ssm.put_parameter, **{"Name": f"{path}/A", "Type": "String", **request_}) == code


def test_tags_of_what_does_not_exist(ssm: Any, path: str) -> None:
    resource = {"ResourceType": "Parameter", "ResourceId": f"{path}/A"}
    assert code_of(ssm.list_tags_for_resource, **resource) == "InvalidResourceId"
    assert code_of(ssm.add_tags_to_resource, **resource, Tags=TAGS) == "InvalidResourceId"
    put(ssm, f"{path}/A", Tags=TAGS[:1])
    ssm.add_tags_to_resource(**resource, Tags=TAGS[1:])
    assert ssm.list_tags_for_resource(**resource)["TagList"] == TAGS


def test_an_overwrite_takes_no_tags_and_makes_a_version(ssm: Any, path: str) -> None:
    put(ssm, f"{path}/A", Tags=TAGS)
    request = {"Name": f"{path}/A", "Value": "b", "Type": "String", "Overwrite": True}
    assert code_of(ssm.put_parameter, **request, Tags=TAGS) == "ValidationException"
    assert ssm.put_parameter(**request)["Version"] == 2
    assert code_of(ssm.put_parameter, Name=f"{path}/A", Value="b", Type="String") == "ParameterAlreadyExists"
