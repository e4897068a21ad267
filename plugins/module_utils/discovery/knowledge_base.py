# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The knowledge base, what it is filled from and searched in, the guardrail, and where calls of models are logged."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from ..bedrock_models import offered_models
from ..faults import DENIED_CODES, ResourceError, error_code
from ..values import get_path
from .base import Component, Reader, Search, tags_of

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore.exceptions import EndpointConnectionError

AGENT = "bedrock-agent"
SERVERLESS = "opensearchserverless"
VECTORS = "s3vectors"
BASE, GUARDRAIL, STORE = "knowledge-base", "guardrail", "vectors"
LOGGING_ROLE = "model-invocation-logs"
SOURCE = INDEX = "documents"
DRAFT = "DRAFT"
# The kinds of vector stores, by AWS's names of them.
STORES = {"S3_VECTORS": "s3_vectors", "OPENSEARCH_SERVERLESS": "opensearch_serverless", "RDS": "aurora"}
CONFIGURATION = "knowledgeBaseConfiguration.vectorKnowledgeBaseConfiguration"
DIMENSIONS = f"{CONFIGURATION}.embeddingModelConfiguration.bedrockEmbeddingModelConfiguration.dimensions"


def invocation_log(prefix: str) -> str:
    """The log group of what models are asked and answer."""
    return f"/aws/bedrock/{prefix}/model-invocations"


def application_log(prefix: str) -> str:
    """The log group of how documents fare."""
    return f"/aws/vendedlogs/{prefix}/knowledge-base"


def database_secret(prefix: str) -> str:
    """The secret of the user by which vectors are kept in the platform's database."""
    return f"{prefix}-knowledge-base-database"


def documents_bucket(account_id: str) -> str:
    """What the bucket for documents is called, after the platform's name."""
    return f"documents-{account_id}"


def empty(_search: Search) -> dict[str, Any]:
    return {
        "knowledge_base_id": None,
        "knowledge_base_arn": None,
        "status": None,
        "vector_store": None,
        "embedding_model_arn": None,
        "embedding_dimensions": None,
        "data_source_id": None,
        "chunking": None,
        "documents_bucket": None,
        "vector_bucket": None,
        "index_dimension": None,
        "index_distance_metric": None,
        "collection_arn": None,
        "index_missing": None,
        "database_secret_arn": None,
        "guardrail_id": None,
        "guardrail_arn": None,
        "guardrail_version": None,
        "role_arn": None,
        "logging_role_arn": None,
        "invocation_log_group": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    prefix = search.scope.prefix
    bases = search.start(AGENT, "list_knowledge_bases")
    guardrails = search.start("bedrock", "list_guardrails")
    logging = search.start("bedrock", "get_model_invocation_logging_configuration")
    collections = _start(search, SERVERLESS, "list_collections", collectionFilters={"name": _store_name(search)})
    vectors = _start(search, VECTORS, "get_vector_bucket", vectorBucketName=_vector_bucket_name(search))
    secret = search.start("secretsmanager", "describe_secret", SecretId=database_secret(prefix))
    principal = search.start_principal()
    buckets = search.start("s3", "list_buckets")
    roles = search.start_roles([BASE, LOGGING_ROLE])
    groups = {name: search.start_log_group(name) for name in (invocation_log(prefix), application_log(prefix))}
    _add_base(search, facts, bases.result())
    _add_guardrail(search, facts, guardrails.result())
    facts["documents_bucket"] = search.bucket(documents_bucket(search.account_id), buckets.result())
    store = facts["vector_store"]
    _add_vectors(search, facts, _if_offered(vectors, used=store == "s3_vectors"))
    _add_collection(search, facts, _if_offered(collections, used=store == "opensearch_serverless"))
    _name, facts["database_secret_arn"] = search.secret(secret.result())
    search.deployer = {**search.deployer, "principal_arn": principal()}
    arns = search.roles(roles)
    facts.update(role_arn=arns[BASE], logging_role_arn=arns[LOGGING_ROLE])
    target = get_path(logging.result() or {}, "loggingConfig.cloudWatchConfig.logGroupName")
    facts["invocation_log_group"] = target if target == invocation_log(prefix) else None
    for name, group in groups.items():
        search.check_log_group(name, group, written=False)


def _store_name(search: Search) -> str:
    return search.scope.name(STORE, "opensearchserverless_collection")


def _vector_bucket_name(search: Search) -> str:
    return search.scope.name(STORE, "s3vectors_vector_bucket")


def _start(search: Search, service: str, operation: str, **params: Any) -> Future:
    """Read beside all else, and apart from it, what isn't offered in all regions."""
    reader = Reader({service: search.reader.clients[service]}, search.reader.executor)
    return search.reader.executor.submit(reader.read, service, operation, **params)


def _if_offered(started: Future, used: bool = False) -> dict | None:
    """What was read; None where the service has no address, so that there is nothing, unless it is known to be used."""
    try:
        return started.result()
    except ResourceError as error:
        if used or not isinstance(error.cause, EndpointConnectionError):
            raise
        return None


def _add_base(search: Search, facts: dict[str, Any], answer: dict | None) -> None:
    name = search.scope.name(BASE, "bedrock_knowledge_base")
    summary = next((item for item in (answer or {}).get("knowledgeBaseSummaries", []) if item["name"] == name), None)
    place = {"knowledgeBaseId": summary["knowledgeBaseId"]} if summary else {}
    found = (search.read(AGENT, "get_knowledge_base", **place) or {}).get("knowledgeBase") if place else None
    if not found:
        return
    sources = search.start(AGENT, "list_data_sources", **place)
    tags = tags_of(search.read(AGENT, "list_tags_for_resource", resourceArn=found["knowledgeBaseArn"]) or {}, "tags")
    if not search.owns(tags):
        search.foreign(f"knowledge base {name}", tags)
        return
    facts.update(
        knowledge_base_id=found["knowledgeBaseId"],
        knowledge_base_arn=found["knowledgeBaseArn"],
        status=found["status"],
        vector_store=STORES.get(get_path(found, "storageConfiguration.type", "")),
        embedding_model_arn=get_path(found, f"{CONFIGURATION}.embeddingModelArn"),
        embedding_dimensions=get_path(found, DIMENSIONS),
    )
    # What lies in our knowledge base is ours.
    listed = (sources.result() or {}).get("dataSourceSummaries", [])
    source = next((item["dataSourceId"] for item in listed if item["name"] == SOURCE), None)
    if source:
        described = (search.read(AGENT, "get_data_source", **place, dataSourceId=source) or {}).get("dataSource")
        facts["data_source_id"] = source
        facts["chunking"] = get_path(described or {}, "vectorIngestionConfiguration.chunkingConfiguration")


def _add_guardrail(search: Search, facts: dict[str, Any], answer: dict | None) -> None:
    name = search.scope.name(GUARDRAIL, "bedrock_guardrail")
    found = next((item for item in (answer or {}).get("guardrails", []) if item["name"] == name), None)
    if found is None:
        return
    versions = search.start("bedrock", "list_guardrails", guardrailIdentifier=found["id"])
    tags = tags_of(search.read("bedrock", "list_tags_for_resource", resourceARN=found["arn"]) or {}, "tags")
    if not search.owns(tags):
        search.foreign(f"guardrail {name}", tags)
        return
    numbers = [item["version"] for item in (versions.result() or {}).get("guardrails", [])]
    facts.update(
        guardrail_id=found["id"],
        guardrail_arn=found["arn"],
        guardrail_version=max((number for number in numbers if number != DRAFT), key=int, default=None),
    )


def _add_vectors(search: Search, facts: dict[str, Any], answer: dict | None) -> None:
    found = (answer or {}).get("vectorBucket")
    if not found:
        return
    name = found["vectorBucketName"]
    index = search.start(VECTORS, "get_index", vectorBucketName=name, indexName=INDEX)
    tags = tags_of(search.read(VECTORS, "list_tags_for_resource", resourceArn=found["vectorBucketArn"]) or {}, "tags")
    if not search.owns(tags):
        search.foreign(f"S3 vector bucket {name}", tags)
        return
    described = (index.result() or {}).get("index") or {}
    facts.update(
        vector_bucket=name,
        index_dimension=described.get("dimension"),
        index_distance_metric=described.get("distanceMetric"),
    )


def _add_collection(search: Search, facts: dict[str, Any], answer: dict | None) -> None:
    name = _store_name(search)
    found = next((item for item in (answer or {}).get("collectionSummaries", []) if item["name"] == name), None)
    if found is None:
        return
    index = search.start(SERVERLESS, "get_index", id=found["id"], indexName=INDEX)
    tags = tags_of(_lower(search.read(SERVERLESS, "list_tags_for_resource", resourceArn=found["arn"])))
    if not search.owns(tags):
        search.foreign(f"collection {name} of OpenSearch Serverless", tags)
        return
    facts["collection_arn"] = str(found["arn"])
    try:
        described = index.result()
    except ResourceError as error:
        # Whom the data access policy doesn't name isn't told.
        if error_code(error.cause) not in DENIED_CODES:
            raise
        return
    fields = get_path(described or {}, "indexSchema.mappings.properties", {})
    sizes = [field["dimension"] for field in fields.values() if "dimension" in field]
    facts.update(index_missing=True if described is None else None, index_dimension=next(iter(sizes), None))


def _lower(answer: dict | None) -> dict[str, Any]:
    """Tags of OpenSearch Serverless, whose members begin with small letters, as others write them."""
    return {"Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in (answer or {}).get("tags", [])]}


def summary(facts: Mapping[str, Any]) -> list[str]:
    guardrail = f"guardrail {facts['guardrail_id']} version {facts['guardrail_version']}"
    return [
        f"{facts['knowledge_base_id']} {facts['status']}, vectors in {facts['vector_store']}",
        f"documents in {facts['documents_bucket']}",
        guardrail if facts["guardrail_id"] else "no guardrail",
    ]


def offers(search: Search) -> dict[str, Any]:
    """Which of the vector stores that not all regions have are offered in this one, and which models."""
    asked = {
        "opensearch_serverless": _start(search, SERVERLESS, "list_collections", maxResults=1),
        "s3_vectors": _start(search, VECTORS, "list_vector_buckets", maxResults=1),
    }
    offered = {}
    for store, answer in asked.items():
        # Who may not look knows nothing of that.
        with contextlib.suppress(ResourceError):
            offered[store] = _if_offered(answer) is not None
    return {"vector_stores": offered, **offered_models(search.start, search.scope.models)}


COMPONENT = Component(
    name="knowledge_base",
    services=("bedrock", AGENT, "iam", "logs", SERVERLESS, "s3", VECTORS, "secretsmanager"),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["knowledge_base_id"] is not None and facts["data_source_id"] is not None,
    summary=summary,
    offers=offers,
)
