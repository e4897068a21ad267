# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Session documents: versions, of which one is the default, tags, and what AWS refuses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TAGS = [{"Key": "Project", "Value": "demo"}]
INPUTS = {"runAsEnabled": True, "runAsDefaultUser": "developer", "idleSessionTimeout": "20"}


@pytest.fixture
def ssm(client: Callable[[str], Any]) -> Any:
    return client("ssm")


@pytest.fixture
def name() -> str:
    return f"demo-{uuid.uuid4().hex}"


def content(**inputs: Any) -> str:
    return json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {**INPUTS, **inputs}})


def create(ssm: Any, name: str, text: str = "", **options: Any) -> Any:
    return ssm.create_document(
        **{"Name": name, "Content": text or content(), "DocumentType": "Session", "DocumentFormat": "JSON", **options}
    )


def code_of(call: Callable[..., Any], *args: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(*args, **request)
    return str(raised.value.response["Error"]["Code"])


def test_a_change_is_a_version_that_counts_once_it_is_the_default(ssm, name):
    create(ssm, name)
    changed = content(runAsDefaultUser="other")
    answer = ssm.update_document(Name=name, Content=changed, DocumentVersion="$LATEST", DocumentFormat="JSON")
    assert answer["DocumentDescription"]["DocumentVersion"] == "2"
    described = ssm.describe_document(Name=name)["Document"]
    assert (described["DefaultVersion"], described["LatestVersion"]) == ("1", "2")
    assert ssm.get_document(Name=name)["Content"] == content()
    assert ssm.get_document(Name=name, DocumentVersion="$LATEST")["Content"] == changed

    ssm.update_document_default_version(Name=name, DocumentVersion="2")

    assert ssm.get_document(Name=name)["Content"] == changed
    assert code_of(ssm.update_document, Name=name, Content=changed) == "DuplicateDocumentContent"


def test_those_of_the_account_are_listed_and_tagged(ssm, name):
    create(ssm, name, Tags=TAGS)
    resource = {"ResourceType": "Document", "ResourceId": name}
    assert ssm.list_tags_for_resource(**resource)["TagList"] == TAGS
    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "Name", "Value": name}])
    ssm.remove_tags_from_resource(**resource, TagKeys=["Project"])
    filters = [{"Key": "Owner", "Values": ["Self"]}, {"Key": "DocumentType", "Values": ["Session"]}]
    pages = ssm.get_paginator("list_documents").paginate(Filters=filters).build_full_result()
    found = {item["Name"]: item for item in pages["DocumentIdentifiers"]}
    assert found[name]["Tags"] == [{"Key": "Name", "Value": name}]


def test_it_goes_with_all_of_its_versions(ssm, name):
    create(ssm, name)
    ssm.update_document(Name=name, Content=content(runAsEnabled=False), DocumentVersion="$LATEST")
    ssm.delete_document(Name=name)
    for call in (ssm.describe_document, ssm.get_document, ssm.delete_document):
        assert code_of(call, Name=name) == "InvalidDocument"
    assert code_of(ssm.list_tags_for_resource, ResourceType="Document", ResourceId=name) == "InvalidResourceId"


def test_what_is_refused(ssm, name):
    create(ssm, name)
    assert code_of(create, ssm, name) == "DocumentAlreadyExists"
    assert code_of(ssm.get_document, Name=name, DocumentVersion="2") == "InvalidDocumentVersion"
    assert code_of(ssm.update_document_default_version, Name=name, DocumentVersion="7") == "InvalidDocumentVersion"
    assert code_of(create, ssm, "AWS-Session") == "ValidationException"
    for text, code in (
        ("{", "InvalidDocumentContent"),
        ('{"schemaVersion": "2.2"}', "InvalidDocumentSchemaVersion"),
        (content(idleSessionTimeout=20), "InvalidDocumentContent"),
        (content(idleSessionTimeout="61"), "InvalidDocumentContent"),
        (content(maxSessionDuration="1441"), "InvalidDocumentContent"),
    ):
        assert code_of(create, ssm, f"{name}-2", text) == code
