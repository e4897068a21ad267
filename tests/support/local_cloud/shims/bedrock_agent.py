# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Knowledge bases of Bedrock: what ministack 1.5.33 doesn't know, or answers otherwise than AWS.

| operation | missing |
|---|---|
| CreateKnowledgeBase, CreateDataSource | a name that is taken is refused, client tokens, states while it is made |
| CreateKnowledgeBase, UpdateKnowledgeBase | the role must be one that Bedrock can assume |
| CreateKnowledgeBase | an index of S3 Vectors must be there, for vectors of that size |
| UpdateKnowledgeBase, UpdateDataSource | what isn't sent is reset, what can't be changed refused, states |
| DeleteKnowledgeBase, DeleteDataSource | states while it is deleted; data sources and tags go with the knowledge base |
| DeleteDataSource | no vectors can be deleted where their index is gone |
| StartIngestionJob | a second one at once is refused, client tokens, documents that are gone are forgotten |
| GetIngestionJob, ListIngestionJobs | states while it runs |
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.services import bedrock_agent as agent
from ministack.services import iam, s3

from ..wire import AWSError, Response
from . import s3vectors, timing
from .patching import IdempotencyTokens, on_reset

TOKENS = IdempotencyTokens("ConflictException")
RUNNING = ("IN_PROGRESS", "STARTING", "STOPPING")
ROLE = (
    "Bedrock Knowledge Base was unable to assume the given role. Provide the proper permissions and retry the request."
)
STORAGE = (
    "The knowledge base storage configuration provided is invalid... The index isn't there, or has other dimensions."
)
NO_STORE = "Unable to delete data from vector store for data source."
# What a job has come to, while it seems to run.
END = "_end"


def install() -> None:
    agent.handle_request = functools.partial(_handle, agent.handle_request)
    for name, replacement in (
        ("_create_kb", _create_base),
        ("_update_kb", _update_base),
        ("_create_ds", _create_source),
        ("_update_ds", _update_source),
        ("_start_ingestion_job", _start_job),
        ("_stop_ingestion_job", _stop_job),
    ):
        setattr(agent, name, functools.partial(replacement, getattr(agent, name)))
    agent._delete_kb = _delete_base
    agent._delete_ds = functools.partial(_delete_source, agent._delete_ds)
    on_reset(agent, TOKENS.clear)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    with TOKENS.lock:
        _go_on()
        try:
            response = await original(method, path, headers, body, query)
        except AWSError as refusal:
            return agent._error(refusal.code, refusal.message, refusal.status)
        if path.startswith("/knowledgebases/") and response[0] < 300:
            return response[0], response[1], json.dumps(_without_nothing(json.loads(response[2]))).encode()
        return response


def _go_on() -> None:
    """What is under way comes to its end when its time is over."""
    for number, job in list(agent._ingestion_jobs.items()):
        if timing.is_due(job):
            timing.finish(job)
            agent._ingestion_jobs[number]["Status"] = job.pop(END)
    for place, source in list(agent._data_sources.items()):
        if timing.is_due(source):
            timing.finish(source)
            if source["Status"] != "DELETING":
                source["Status"] = "AVAILABLE"
            elif source["DataDeletionPolicy"] == "DELETE" and _index_is_gone(place):
                source.update(Status="DELETE_UNSUCCESSFUL", FailureReasons=[NO_STORE])
            else:
                _forget_source(place)
    for number, base in list(agent._knowledge_bases.items()):
        if timing.is_due(base):
            timing.finish(base)
            if base["Status"] != "DELETING":
                base["Status"] = "ACTIVE"
                continue
            for place in [place for place in agent._data_sources if place.startswith(f"{number}/")]:
                _forget_source(place)
            agent._tags.pop(base["KnowledgeBaseArn"], None)
            del agent._knowledge_bases[number]


def _index_of(storage: Mapping[str, Any] | None) -> str | None:
    """The ARN of the index of S3 Vectors, where vectors lie in one."""
    return ((storage or {}).get("s3VectorsConfiguration") or {}).get("indexArn")


def _index_is_gone(place: str) -> bool:
    index = _index_of(agent._knowledge_bases[place.partition("/")[0]].get("StorageConfiguration"))
    return index is not None and index not in s3vectors._indexes


def _check_index(request: Mapping[str, Any]) -> None:
    arn = _index_of(request.get("storageConfiguration"))
    if arn is None:
        return
    index = s3vectors._indexes.get(arn)
    vectors = request["knowledgeBaseConfiguration"].get("vectorKnowledgeBaseConfiguration", {})
    model = vectors.get("embeddingModelConfiguration", {}).get("bedrockEmbeddingModelConfiguration", {})
    if index is None or model.get("dimensions", index["dimension"]) != index["dimension"]:
        raise AWSError("ValidationException", STORAGE)


def _begin(record: dict[str, Any], status: str) -> None:
    record["Status"] = status
    timing.start(record)


def _once(operation: str, body: bytes, act: Callable[[], Response], *place: str) -> Response:
    request = json.loads(body or b"{}")
    token = request.pop("clientToken", None)
    return TOKENS.answer(operation, token, {"place": place, **request}, act)


def _check_role(arn: str) -> None:
    role = iam._roles.get(arn.rpartition("/")[2]) or {}
    if "bedrock.amazonaws.com" not in json.dumps(role.get("AssumeRolePolicyDocument", "")):
        raise AWSError("ValidationException", ROLE)


def _without_nothing(answer: Any) -> Any:
    """AWS leaves out what there isn't."""
    if isinstance(answer, list):
        return [_without_nothing(item) for item in answer]
    if isinstance(answer, dict):
        return {member: _without_nothing(value) for member, value in answer.items() if value not in ("", None)}
    return answer


# ---- Knowledge bases


def _create_base(original: Callable[..., Response], body: bytes) -> Response:
    def create() -> Response:
        request = json.loads(body)
        if any(base["Name"] == request.get("name") for base in agent._knowledge_bases.values()):
            raise AWSError("ConflictException", f"KnowledgeBase with name {request['name']} already exists.", 409)
        _check_role(request.get("roleArn", ""))
        _check_index(request)
        response = original(body)
        if response[0] >= 300:
            return response
        base = agent._knowledge_bases[json.loads(response[2])["knowledgeBase"]["knowledgeBaseId"]]
        _begin(base, "CREATING")
        return agent._json({"KnowledgeBase": base}, 202)

    return _once("CreateKnowledgeBase", body, create)


def _update_base(original: Callable[..., Response], number: str, body: bytes) -> Response:
    request, base = json.loads(body), agent._knowledge_bases.get(number)
    if base is None:
        return original(number, body)
    _check_role(request.get("roleArn", ""))
    for member in ("knowledgeBaseConfiguration", "storageConfiguration"):
        if request.get(member, {}) != base[member[0].upper() + member[1:]]:
            raise AWSError(
                "ValidationException", f"The {member} can't be changed after the knowledge base was created."
            )
    base["Description"] = ""
    original(number, body)
    _begin(base, "UPDATING")
    return agent._json({"KnowledgeBase": base}, 202)


def _delete_base(number: str) -> Response:
    base = agent._knowledge_bases.get(number)
    if base is None:
        return agent._not_found(f"Knowledge base {number} not found.")
    _begin(base, "DELETING")
    return agent._json({"KnowledgeBaseId": number, "Status": "DELETING"}, 202)


# ---- Data sources


def _create_source(original: Callable[..., Response], number: str, body: bytes) -> Response:
    def create() -> Response:
        name = json.loads(body).get("name")
        others = [source for place, source in agent._data_sources.items() if place.startswith(f"{number}/")]
        if any(source["Name"] == name for source in others):
            raise AWSError("ConflictException", f"DataSource with name {name} already exists.", 409)
        response = original(number, body)
        if response[0] >= 300:
            return response
        source = agent._data_sources[f"{number}/{json.loads(response[2])['dataSource']['dataSourceId']}"]
        _begin(source, "CREATING")
        return agent._json({"DataSource": source})

    return _once("CreateDataSource", body, create, number)


def _update_source(original: Callable[..., Response], number: str, source_id: str, body: bytes) -> Response:
    request, source = json.loads(body), agent._data_sources.get(f"{number}/{source_id}")
    if source is None:
        return original(number, source_id, body)
    # Left out is not the same as changed.
    ingestion = request.get("vectorIngestionConfiguration")
    if ingestion is not None and ingestion != source.get("VectorIngestionConfiguration"):
        text = "The chunkingConfiguration can't be changed after the data source was created."
        raise AWSError("ValidationException", text)
    source.update(Description="", ServerSideEncryptionConfiguration=None)
    original(number, source_id, body)
    _begin(source, "UPDATING")
    return agent._json({"DataSource": source})


def _delete_source(original: Callable[..., Response], number: str, source_id: str) -> Response:
    source = agent._data_sources.get(f"{number}/{source_id}")
    if source is None:
        return original(number, source_id)
    _begin(source, "DELETING")
    return agent._json({"KnowledgeBaseId": number, "DataSourceId": source_id, "Status": "DELETING"}, 202)


def _forget_source(place: str) -> None:
    """The data source, its jobs and, unless they are retained, its documents."""
    kept = agent._data_sources.pop(place).get("DataDeletionPolicy") == "RETAIN"
    held = [agent._ingestion_jobs] if kept else [agent._ingestion_jobs, agent._kb_documents, agent._kb_document_texts]
    for records in held:
        for key in [key for key in records if key.startswith(f"{place}/")]:
            del records[key]


# ---- Jobs


def _start_job(original: Callable[..., Response], number: str, source_id: str, body: bytes) -> Response:
    place = f"{number}/{source_id}"

    def start() -> Response:
        jobs = [job for key, job in agent._ingestion_jobs.items() if key.startswith(f"{place}/")]
        if any(job["Status"] in RUNNING for job in jobs):
            text = f"There is an ongoing ingestion job for data source {source_id}. Wait for it to complete."
            raise AWSError("ConflictException", text, 409)
        response = original(number, source_id, body)
        if response[0] >= 300:
            return response
        job = agent._ingestion_jobs[f"{place}/{json.loads(response[2])['ingestionJob']['ingestionJobId']}"]
        job["Statistics"]["NumberOfDocumentsDeleted"] = _forget_documents(place)
        job[END] = job["Status"]
        _begin(job, "IN_PROGRESS")
        return agent._json({"IngestionJob": {**job, "Status": "STARTING"}}, 202)

    return _once("StartIngestionJob", body, start, number, source_id)


def _forget_documents(place: str) -> int:
    """Those that aren't in the bucket any more; how many there were."""
    where = agent._data_sources[place]["DataSourceConfiguration"].get("s3Configuration", {})
    bucket = s3._buckets.get(where.get("bucketArn", "").rpartition(":")[2])
    if bucket is None:
        return 0
    keys = [key for key in agent._kb_document_texts if key.startswith(f"{place}/")]
    gone = [key for key in keys if key.removeprefix(f"{place}/") not in bucket["objects"]]
    for key in gone:
        del agent._kb_document_texts[key]
        agent._kb_documents.pop(key, None)
    return len(gone)


def _stop_job(original: Callable[..., Response], number: str, source_id: str, job_id: str) -> Response:
    job = agent._ingestion_jobs.get(f"{number}/{source_id}/{job_id}")
    if job is None or job["Status"] not in RUNNING:
        return original(number, source_id, job_id)
    job[END] = "STOPPED"
    _begin(job, "STOPPING")
    return agent._json({"IngestionJob": job}, 202)
