# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OpenSearch Serverless: what the modules rely on, which is the shim's."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

SETTLED = 1.2  # seconds, see local_cloud
PERMISSIONS = ["aoss:CreateIndex", "aoss:DeleteIndex", "aoss:DescribeIndex", "aoss:UpdateIndex"]
SCHEMA = {
    "settings": {"index.knn": True},
    "mappings": {
        "properties": {
            "vector": {"type": "knn_vector", "dimension": 2, "method": {"name": "hnsw", "engine": "faiss"}},
            "text": {"type": "text", "index": True},
        }
    },
}


@pytest.fixture
def serverless(client: Callable[[str], Any]) -> Any:
    return client("opensearchserverless")


@pytest.fixture
def name(serverless: Any) -> Iterator[str]:
    """A name with an encryption policy for it."""
    name = f"vectors-{uuid.uuid4().hex[:12]}"
    rules = [{"ResourceType": "collection", "Resource": [f"collection/{name}"]}]
    policy = json.dumps({"Rules": rules, "AWSOwnedKey": True})
    serverless.create_security_policy(type="encryption", name=name, policy=policy)
    yield name
    serverless.delete_security_policy(type="encryption", name=name)


def access(name: str, *principals: str) -> str:
    rules = [{"ResourceType": "index", "Resource": [f"index/{name}/*"], "Permission": PERMISSIONS}]
    return json.dumps([{"Rules": rules, "Principal": list(principals)}])


def status(serverless: Any, name: str) -> str | None:
    found = serverless.batch_get_collection(names=[name])["collectionDetails"]
    return found[0]["status"] if found else None


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_a_collection_takes_its_time(serverless: Any, name: str) -> None:
    request = {"name": name, "type": "VECTORSEARCH", "tags": [{"key": "A", "value": "1"}], "clientToken": "x"}
    made = serverless.create_collection(**request)["createCollectionDetail"]
    assert status(serverless, name) == "CREATING"
    # The same token gives the same answer.
    assert serverless.create_collection(**request)["createCollectionDetail"] == made
    assert "ConflictException" in refusal(serverless.create_collection, **{**request, "clientToken": "y"})
    assert "ConflictException" in refusal(serverless.delete_collection, id=made["id"])
    time.sleep(SETTLED)
    assert status(serverless, name) == "ACTIVE"
    serverless.delete_collection(id=made["id"])
    assert status(serverless, name) == "DELETING"
    assert serverless.list_tags_for_resource(resourceArn=made["arn"])["tags"] == request["tags"]
    time.sleep(SETTLED)
    assert status(serverless, name) is None


def test_a_policy_that_changes_nothing_is_refused(serverless: Any, name: str) -> None:
    of = {"type": "encryption", "name": name}
    detail = serverless.get_security_policy(**of)["securityPolicyDetail"]
    same = {**of, "policyVersion": detail["policyVersion"], "policy": json.dumps(detail["policy"])}
    assert "No changes detected in policy or policy description" in refusal(serverless.update_security_policy, **same)
    serverless.update_security_policy(**same, description="x")
    assert "older version" in refusal(serverless.update_security_policy, **same, description="y")


def test_a_principal_that_is_named_twice_is_refused(serverless: Any, name: str) -> None:
    principal = "arn:aws:iam::123456789012:role/x"
    request = {"type": "data", "name": name}
    twice = access(name, principal, principal)
    assert "must be unique" in refusal(serverless.create_access_policy, **request, policy=twice)
    serverless.create_access_policy(**request, policy=access(name, principal))
    serverless.delete_access_policy(**request)


def test_an_index_from_its_creation_to_its_end(serverless: Any, name: str, client: Callable[[str], Any]) -> None:
    caller = client("sts").get_caller_identity()["Arn"]
    number = serverless.create_collection(name=name, type="VECTORSEARCH")["createCollectionDetail"]["id"]
    time.sleep(SETTLED)
    place = {"id": number, "indexName": "index"}
    assert refusal(serverless.get_index, **place) == "AccessDeniedException: Access denied to head index"
    serverless.create_access_policy(type="data", name=name, policy=access(name, caller))
    denied = refusal(serverless.create_index, **place, indexSchema=SCHEMA)
    assert denied == "AccessDeniedException: Access denied to create index"
    time.sleep(SETTLED)
    assert "ResourceNotFoundException" in refusal(serverless.get_index, **place)
    serverless.create_index(**place, indexSchema=SCHEMA)
    assert "ConflictException" in refusal(serverless.create_index, **place, indexSchema=SCHEMA)
    assert "ResourceNotFoundException" in refusal(serverless.get_index, **place)
    time.sleep(SETTLED)
    schema = serverless.get_index(**place)["indexSchema"]
    assert schema["settings"]["index"]["knn"] == "true"
    assert schema["mappings"]["properties"]["text"] == {"type": "text"}
    more = {"mappings": {"properties": {"page": {"type": "integer"}}}, "settings": {"index.refresh_interval": "30s"}}
    serverless.update_index(**place, indexSchema=more)
    schema = serverless.get_index(**place)["indexSchema"]
    assert set(schema["mappings"]["properties"]) == {"vector", "text", "page"}
    assert schema["settings"]["index"]["refresh_interval"] == "30s"
    fixed = refusal(serverless.update_index, **place, indexSchema={"settings": {"index.knn": False}})
    assert "Can't update non dynamic settings" in fixed
    wrong = {"mappings": {"properties": {"vector": {"type": "knn_vector", "dimension": 3}}}}
    assert "ValidationException" in refusal(serverless.update_index, **place, indexSchema=wrong)
    serverless.delete_index(**place)
    assert "ResourceNotFoundException" in refusal(serverless.get_index, **place)
    serverless.delete_access_policy(type="data", name=name)
    serverless.delete_collection(id=number)
    time.sleep(SETTLED)
