# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Knowledge bases of Bedrock: what their modules rely on, which is the shim's."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TITAN = "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0"
CONFIGURATION = {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": TITAN}}
STORAGE = {
    "type": "RDS",
    "rdsConfiguration": {
        "resourceArn": "arn:aws:rds:us-west-2:123456789012:cluster:demo",
        "credentialsSecretArn": "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo-AbCdEf",
        "databaseName": "demo",
        "tableName": "docs",
        "fieldMapping": {
            "primaryKeyField": "id",
            "vectorField": "embedding",
            "textField": "chunks",
            "metadataField": "metadata",
        },
    },
}
FIXED = {
    "chunkingConfiguration": {
        "chunkingStrategy": "FIXED_SIZE",
        "fixedSizeChunkingConfiguration": {"maxTokens": 300, "overlapPercentage": 20},
    }
}


@pytest.fixture
def bedrock(client: Callable[[str], Any]) -> Any:
    return client("bedrock-agent")


def role(iam: Any, service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return str(iam.create_role(RoleName=uuid.uuid4().hex, AssumeRolePolicyDocument=trust)["Role"]["Arn"])


@pytest.fixture
def request_of(iam: Any) -> Callable[..., dict[str, Any]]:
    def make(**members: Any) -> dict[str, Any]:
        return {
            "name": uuid.uuid4().hex,
            "roleArn": role(iam, "bedrock.amazonaws.com"),
            "knowledgeBaseConfiguration": CONFIGURATION,
            "storageConfiguration": STORAGE,
            **members,
        }

    return make


def state_of(bedrock: Any, place: dict[str, str]) -> str | None:
    """The state of a knowledge base, or of a data source; None where there is none."""
    try:
        if "dataSourceId" in place:
            return str(bedrock.get_data_source(**place)["dataSource"]["status"])
        return str(bedrock.get_knowledge_base(**place)["knowledgeBase"]["status"])
    except bedrock.exceptions.ResourceNotFoundException:
        return None


def states(bedrock: Any, place: dict[str, str], last: str | None) -> list[str | None]:
    """The states that are seen until the last one."""
    seen: list[str | None] = []
    for _time in range(100):
        state = state_of(bedrock, place)
        if not seen or seen[-1] != state:
            seen.append(state)
        if state == last:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"{place} doesn't get {last}: {seen}")


@pytest.fixture
def base(bedrock: Any, request_of: Callable[..., dict[str, Any]]) -> dict[str, str]:
    made = bedrock.create_knowledge_base(**request_of(description="Ours", tags={"A": "1"}))["knowledgeBase"]
    place = {"knowledgeBaseId": made["knowledgeBaseId"]}
    states(bedrock, place, "ACTIVE")
    return place


@pytest.fixture
def bucket(client: Callable[[str], Any]) -> str:
    name = uuid.uuid4().hex
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return name


@pytest.fixture
def source_request(base: dict[str, str], bucket: str) -> dict[str, Any]:
    where = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{bucket}"}}
    return {**base, "name": "docs", "dataSourceConfiguration": where, "vectorIngestionConfiguration": FIXED}


@pytest.fixture
def source(bedrock: Any, base: dict[str, str], source_request: dict[str, Any]) -> dict[str, str]:
    made = bedrock.create_data_source(**source_request, dataDeletionPolicy="DELETE", description="Ours")["dataSource"]
    place = {**base, "dataSourceId": made["dataSourceId"]}
    states(bedrock, place, "AVAILABLE")
    return place


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def run_job(bedrock: Any, source: dict[str, str], **request: Any) -> dict[str, Any]:
    started = bedrock.start_ingestion_job(**source, **request)["ingestionJob"]
    assert started["status"] == "STARTING"
    for _time in range(100):
        job = bedrock.get_ingestion_job(**source, ingestionJobId=started["ingestionJobId"])["ingestionJob"]
        if job["status"] == "COMPLETE":
            return dict(job)
        time.sleep(0.1)
    raise AssertionError("a job goes on and on")


def test_a_knowledge_base_is_made_changed_and_deleted(bedrock: Any, request_of: Callable[..., dict[str, Any]]) -> None:
    request = request_of(description="Ours", tags={"A": "1"})
    made = bedrock.create_knowledge_base(**request)["knowledgeBase"]
    place = {"knowledgeBaseId": made["knowledgeBaseId"]}
    assert states(bedrock, place, "ACTIVE") == ["CREATING", "ACTIVE"]
    again = {member: value for member, value in request.items() if member not in ("description", "tags")}
    bedrock.update_knowledge_base(**place, **again)
    assert states(bedrock, place, "ACTIVE") == ["UPDATING", "ACTIVE"]
    assert "description" not in bedrock.get_knowledge_base(**place)["knowledgeBase"]
    listed = {item["name"]: item for item in bedrock.list_knowledge_bases()["knowledgeBaseSummaries"]}
    assert "description" not in listed[request["name"]]
    bedrock.delete_knowledge_base(**place)
    assert states(bedrock, place, None) == ["DELETING", None]


def test_a_knowledge_base_s_name_is_its_own(bedrock: Any, request_of: Callable[..., dict[str, Any]]) -> None:
    request = request_of()
    bedrock.create_knowledge_base(**request)
    said = refusal(bedrock.create_knowledge_base, **request_of(name=request["name"]))
    assert said == f"ConflictException: KnowledgeBase with name {request['name']} already exists."


def test_a_call_with_the_same_token_makes_nothing_twice(
    bedrock: Any, request_of: Callable[..., dict[str, Any]], source_request: dict[str, Any], source: dict[str, str]
) -> None:
    request = request_of(clientToken=str(uuid.uuid4()))
    first, second = (bedrock.create_knowledge_base(**request)["knowledgeBase"] for _time in range(2))
    assert first["knowledgeBaseId"] == second["knowledgeBaseId"]
    request = {**source_request, "name": "more", "clientToken": str(uuid.uuid4())}
    first, second = (bedrock.create_data_source(**request)["dataSource"] for _time in range(2))
    assert first["dataSourceId"] == second["dataSourceId"]
    token = str(uuid.uuid4())
    jobs = [bedrock.start_ingestion_job(**source, clientToken=token)["ingestionJob"] for _time in range(2)]
    assert jobs[0]["ingestionJobId"] == jobs[1]["ingestionJobId"]


def test_bedrock_must_be_able_to_assume_the_role(
    bedrock: Any, iam: Any, base: dict[str, str], request_of: Callable[..., dict[str, Any]]
) -> None:
    for arn in (role(iam, "ec2.amazonaws.com"), "arn:aws:iam::123456789012:role/nobody"):
        assert "unable to assume the given role" in refusal(bedrock.create_knowledge_base, **request_of(roleArn=arn))
        assert "unable to assume the given role" in refusal(
            bedrock.update_knowledge_base, **base, **request_of(roleArn=arn)
        )


def test_model_and_store_of_a_knowledge_base_stay(
    bedrock: Any, base: dict[str, str], request_of: Callable[..., dict[str, Any]]
) -> None:
    other = {
        "type": "VECTOR",
        "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": TITAN.replace("v2:0", "v1")},
    }
    for change in ({"knowledgeBaseConfiguration": other}, {"storageConfiguration": {**STORAGE, "type": "PINECONE"}}):
        said = refusal(bedrock.update_knowledge_base, **base, **request_of(**change))
        assert said.startswith("ValidationException")


def test_data_sources_and_tags_go_with_the_knowledge_base(
    bedrock: Any, base: dict[str, str], source: dict[str, str]
) -> None:
    bedrock.delete_knowledge_base(**base)
    states(bedrock, base, None)
    assert state_of(bedrock, source) is None


def test_a_data_source_is_made_changed_and_deleted(
    bedrock: Any, base: dict[str, str], source_request: dict[str, Any]
) -> None:
    made = bedrock.create_data_source(**source_request, description="Ours")["dataSource"]
    place = {**base, "dataSourceId": made["dataSourceId"]}
    assert states(bedrock, place, "AVAILABLE") == ["CREATING", "AVAILABLE"]
    assert "already exists" in refusal(bedrock.create_data_source, **source_request)
    bedrock.update_data_source(**{**source_request, **place})
    assert states(bedrock, place, "AVAILABLE") == ["UPDATING", "AVAILABLE"]
    assert "description" not in bedrock.get_data_source(**place)["dataSource"]
    bedrock.delete_data_source(**place)
    assert states(bedrock, place, None) == ["DELETING", None]


def test_how_documents_are_cut_stays(bedrock: Any, source: dict[str, str], source_request: dict[str, Any]) -> None:
    other = {"chunkingConfiguration": {"chunkingStrategy": "NONE"}}
    said = refusal(bedrock.update_data_source, **{**source_request, **source, "vectorIngestionConfiguration": other})
    assert said.startswith("ValidationException")


def test_one_job_at_a_time_and_what_is_gone_is_forgotten(
    bedrock: Any, client: Callable[[str], Any], source: dict[str, str], bucket: str
) -> None:
    s3, runtime = client("s3"), client("bedrock-agent-runtime")
    for key in ("cats.md", "dogs.md"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    started = bedrock.start_ingestion_job(**source)["ingestionJob"]
    (listed,) = bedrock.list_ingestion_jobs(**source)["ingestionJobSummaries"]
    assert (listed["ingestionJobId"], listed["status"]) == (started["ingestionJobId"], "IN_PROGRESS")
    assert refusal(bedrock.start_ingestion_job, **source).startswith("ConflictException")
    bedrock.stop_ingestion_job(**source, ingestionJobId=started["ingestionJobId"])
    for _time in range(100):
        (listed,) = bedrock.list_ingestion_jobs(**source)["ingestionJobSummaries"]
        if listed["status"] == "STOPPED":
            break
        assert listed["status"] == "STOPPING"
        time.sleep(0.1)
    run_job(bedrock, source)
    s3.delete_object(Bucket=bucket, Key="dogs.md")
    assert run_job(bedrock, source)["statistics"]["numberOfDocumentsDeleted"] == 1
    place = {"knowledgeBaseId": source["knowledgeBaseId"]}
    found = runtime.retrieve(**place, retrievalQuery={"text": "cats dogs md"})["retrievalResults"]
    assert [item["content"]["text"] for item in found] == ["cats.md"]


def test_retained_documents_are_found_without_their_data_source(
    bedrock: Any, client: Callable[[str], Any], source: dict[str, str], source_request: dict[str, Any], bucket: str
) -> None:
    client("s3").put_object(Bucket=bucket, Key="cats.md", Body=b"cats")
    run_job(bedrock, source)
    bedrock.update_data_source(**{**source_request, **source, "dataDeletionPolicy": "RETAIN"})
    states(bedrock, source, "AVAILABLE")
    bedrock.delete_data_source(**source)
    # It is there until it is deleted.
    assert state_of(bedrock, source) == "DELETING"
    states(bedrock, source, None)
    place = {"knowledgeBaseId": source["knowledgeBaseId"]}
    found = client("bedrock-agent-runtime").retrieve(**place, retrievalQuery={"text": "cats"})["retrievalResults"]
    assert len(found) == 1


@pytest.fixture
def index(client: Callable[[str], Any]) -> Any:
    vectors, name = client("s3vectors"), uuid.uuid4().hex
    vectors.create_vector_bucket(vectorBucketName=name)
    return vectors.create_index(
        vectorBucketName=name, indexName="docs", dataType="float32", dimension=1024, distanceMetric="cosine"
    )["indexArn"]


def in_vectors(arn: str) -> dict[str, Any]:
    return {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": arn}}


def test_an_index_must_be_there_for_vectors_of_that_size(
    bedrock: Any, request_of: Callable[..., dict[str, Any]], index: str
) -> None:
    said = refusal(bedrock.create_knowledge_base, **request_of(storageConfiguration=in_vectors(index + "s")))
    assert said.startswith("ValidationException: The knowledge base storage configuration provided is invalid")
    model = {"bedrockEmbeddingModelConfiguration": {"dimensions": 512}}
    vectors = {**CONFIGURATION["vectorKnowledgeBaseConfiguration"], "embeddingModelConfiguration": model}
    other = {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vectors}
    request = request_of(storageConfiguration=in_vectors(index), knowledgeBaseConfiguration=other)
    assert "storage configuration provided is invalid" in refusal(bedrock.create_knowledge_base, **request)


def test_vectors_can_t_be_deleted_where_their_index_is_gone(
    bedrock: Any, client: Callable[[str], Any], request_of: Callable[..., dict[str, Any]], index: str, bucket: str
) -> None:
    made = bedrock.create_knowledge_base(**request_of(storageConfiguration=in_vectors(index)))["knowledgeBase"]
    base = {"knowledgeBaseId": made["knowledgeBaseId"]}
    states(bedrock, base, "ACTIVE")
    where = {"type": "S3", "s3Configuration": {"bucketArn": f"arn:aws:s3:::{bucket}"}}
    request = {**base, "name": "docs", "dataSourceConfiguration": where, "dataDeletionPolicy": "DELETE"}
    place = {**base, "dataSourceId": bedrock.create_data_source(**request)["dataSource"]["dataSourceId"]}
    states(bedrock, place, "AVAILABLE")
    client("s3vectors").delete_index(indexArn=index)
    bedrock.delete_data_source(**place)
    states(bedrock, place, "DELETE_UNSUCCESSFUL")
    assert "vector store" in bedrock.get_data_source(**place)["dataSource"]["failureReasons"][0]
    bedrock.update_data_source(**{**request, **place, "dataDeletionPolicy": "RETAIN"})
    states(bedrock, place, "AVAILABLE")
    bedrock.delete_data_source(**place)
    states(bedrock, place, None)
