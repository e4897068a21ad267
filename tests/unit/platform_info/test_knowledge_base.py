# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The knowledge base with its documents and vectors, the guardrail, and the log of what models are asked."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.scripted_aws import api_error

from .fake_aws import (
    ACCOUNT,
    ALL_BUCKETS,
    PREFIX,
    REGION,
    SOMEONE_ELSES_ROLES,
    bucket_tags,
    look,
    marks,
    owned,
    role,
    taken,
)
from .test_workload_identity import BEDROCK

COMPONENT = "knowledge_base"
OURS = {"tags": marks(COMPONENT)}
THEIRS = {"tags": {"Project": "other"}}
NAME, GUARDRAIL, VECTORS = (f"{PREFIX}-{thing}" for thing in ("knowledge-base", "guardrail", "vectors"))
BUCKET = f"{PREFIX}-documents-{ACCOUNT}"
ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}"
BASE_ARN, GUARDRAIL_ARN = f"{ARN}:knowledge-base/BASE000000", f"{ARN}:guardrail/guard0000000"
BUCKET_ARN = f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/{VECTORS}"
COLLECTION_ARN = f"arn:aws:aoss:{REGION}:{ACCOUNT}:collection/collection0"
TITAN = f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-embed-text-v2:0"
LOG = f"/aws/bedrock/{PREFIX}/model-invocations"
SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{PREFIX}-knowledge-base-database-AbCdEf"
PLACE = {"knowledgeBaseId": "BASE000000"}
CHUNKING = {"chunkingStrategy": "NONE"}


def base(store="S3_VECTORS", dimensions=1024):
    model = {"bedrockEmbeddingModelConfiguration": {"dimensions": dimensions}}
    vector = {"embeddingModelArn": TITAN, **({"embeddingModelConfiguration": model} if dimensions else {})}
    return {
        "knowledgeBase": {
            **PLACE,
            "name": NAME,
            "knowledgeBaseArn": BASE_ARN,
            "status": "ACTIVE",
            "knowledgeBaseConfiguration": {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vector},
            "storageConfiguration": {"type": store},
        }
    }


def sources(*names):
    found = [{**PLACE, "dataSourceId": f"SOURCE{number:04}", "name": name} for number, name in enumerate(names)]
    return {"dataSourceSummaries": found}


def guardrails(request):
    """All drafts, or the versions of one."""
    one = {"id": "guard0000000", "arn": GUARDRAIL_ARN, "name": GUARDRAIL, "status": "READY", "version": "DRAFT"}
    if "guardrailIdentifier" not in request:
        return {"guardrails": [{**one, "id": "other0000000", "name": "other"}, one]}
    assert request["guardrailIdentifier"] == "guard0000000"
    return {"guardrails": [one, *({**one, "version": version} for version in ("9", "10", "2"))]}


def logging(group):
    return {"loggingConfig": {"cloudWatchConfig": {"logGroupName": group, "roleArn": "arn:aws:iam::1:role/logs"}}}


EMPTY_IF_ALL_IS_WELL = ("index_missing",)
MISSING = {
    "GetVectorBucket": "NotFoundException",
    "GetIndex": "NotFoundException",
    "GetKnowledgeBase": "ResourceNotFoundException",
    "DescribeSecret": "ResourceNotFoundException",
}
ANSWERS = {
    "DescribeSecret": {"Name": f"{PREFIX}-knowledge-base-database", "ARN": SECRET_ARN, "Tags": owned(COMPONENT)},
    "GetRole": role,
    **BEDROCK,
    "ListKnowledgeBases": {
        "knowledgeBaseSummaries": [
            {"knowledgeBaseId": "OTHER00000", "name": "other"},
            {"knowledgeBaseId": "BASE000000", "name": NAME},
        ]
    },
    "GetKnowledgeBase": base(),
    "bedrock-agent.ListTagsForResource": OURS,
    "ListDataSources": sources("theirs", "documents"),
    "GetDataSource": {"dataSource": {"vectorIngestionConfiguration": {"chunkingConfiguration": CHUNKING}}},
    "ListGuardrails": guardrails,
    "bedrock.ListTagsForResource": {"tags": [{"key": key, "value": value} for key, value in OURS["tags"].items()]},
    "GetModelInvocationLoggingConfiguration": logging(LOG),
    "ListBuckets": ALL_BUCKETS,
    "GetBucketTagging": bucket_tags,
    "GetVectorBucket": {"vectorBucket": {"vectorBucketName": VECTORS, "vectorBucketArn": BUCKET_ARN}},
    "s3vectors.ListTagsForResource": OURS,
    "s3vectors.GetIndex": {"index": {"indexName": "documents", "dimension": 1024, "distanceMetric": "cosine"}},
    "ListCollections": {
        "collectionSummaries": [{"id": "collection0", "name": VECTORS, "arn": COLLECTION_ARN, "status": "ACTIVE"}]
    },
    "opensearchserverless.GetIndex": {
        "indexSchema": {"mappings": {"properties": {"text": {"type": "text"}, "vector": {"dimension": 1024}}}}
    },
    "opensearchserverless.ListTagsForResource": {
        "tags": [{"key": key, "value": value} for key, value in OURS["tags"].items()]
    },
}
FACTS = {
    "exists": True,
    "knowledge_base_id": "BASE000000",
    "knowledge_base_arn": BASE_ARN,
    "status": "ACTIVE",
    "vector_store": "s3_vectors",
    "embedding_model_arn": TITAN,
    "embedding_dimensions": 1024,
    "data_source_id": "SOURCE0001",
    "chunking": CHUNKING,
    "documents_bucket": BUCKET,
    "vector_bucket": VECTORS,
    "index_dimension": 1024,
    "index_distance_metric": "cosine",
    "collection_arn": COLLECTION_ARN,
    "index_missing": None,
    "guardrail_id": "guard0000000",
    "guardrail_arn": GUARDRAIL_ARN,
    "guardrail_version": "10",
    "role_arn": f"arn:aws:iam::{ACCOUNT}:role/{NAME}",
    "logging_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-model-invocation-logs",
    "invocation_log_group": LOG,
    "database_secret_arn": SECRET_ARN,
}


def facts_of(**changed):
    return look({**ANSWERS, **changed}, COMPONENT)[0].components[COMPONENT]


def test_facts():
    found, aws = look(ANSWERS, COMPONENT)
    assert found.components[COMPONENT] == FACTS
    assert found.warnings == []
    assert found.conflicts == []
    assert found.summary[COMPONENT]["lines"] == [
        "BASE000000 ACTIVE, vectors in s3_vectors",
        f"documents in {BUCKET}",
        "guardrail guard0000000 version 10",
    ]
    assert aws.requests("ListDataSources") == [PLACE]
    assert {"resourceArn": BASE_ARN} in aws.requests("ListTagsForResource")


def test_nothing_there():
    found, _aws = look({}, COMPONENT)
    assert found.components[COMPONENT]["exists"] is False
    assert found.summary[COMPONENT] == {"state": "absent", "lines": []}


def test_who_looks_is_whom_a_policy_must_name():
    assert look(ANSWERS, COMPONENT)[0].deployer == {
        "principal_arn": f"arn:aws:iam::{ACCOUNT}:user/someone",
        "rights": None,
    }


def test_a_half_of_it():
    found, _aws = look({**ANSWERS, "ListDataSources": sources("theirs")}, COMPONENT)
    facts = found.components[COMPONENT]
    assert (facts["exists"], facts["data_source_id"], facts["chunking"]) == (False, None, None)
    assert found.summary[COMPONENT]["state"] == "partial"


@pytest.mark.parametrize(
    ("store", "kind"), [("OPENSEARCH_SERVERLESS", "opensearch_serverless"), ("RDS", "aurora"), ("PINECONE", None)]
)
def test_other_vector_stores(store, kind):
    assert facts_of(GetKnowledgeBase=base(store))["vector_store"] == kind


def test_a_model_of_one_size():
    assert facts_of(GetKnowledgeBase=base(dimensions=None))["embedding_dimensions"] is None


def test_a_guardrail_that_was_never_published():
    def draft_only(request):
        return {"guardrails": guardrails({})["guardrails"][1:]}

    assert facts_of(ListGuardrails=draft_only)["guardrail_version"] is None


def test_no_guardrail():
    found, _aws = look({**ANSWERS, "ListGuardrails": {"guardrails": []}}, COMPONENT)
    assert found.components[COMPONENT]["guardrail_id"] is None
    assert found.summary[COMPONENT]["lines"][-1] == "no guardrail"


def test_a_log_of_someone_else():
    assert facts_of(GetModelInvocationLoggingConfiguration=logging("/theirs"))["invocation_log_group"] is None


NOWHERE = EndpointConnectionError(endpoint_url="https://service.example")


def test_where_there_is_no_such_service():
    answers = {**ANSWERS, "GetVectorBucket": NOWHERE, "ListCollections": NOWHERE, "GetKnowledgeBase": base("RDS")}
    facts = look(answers, COMPONENT)[0].components[COMPONENT]
    assert (facts["vector_bucket"], facts["index_dimension"], facts["collection_arn"]) == (None, None, None)
    assert facts["exists"] is True


@pytest.mark.parametrize(
    ("store", "operation"), [("S3_VECTORS", "GetVectorBucket"), ("OPENSEARCH_SERVERLESS", "ListCollections")]
)
def test_a_store_that_is_used_and_not_reached_is_not_taken_for_gone(store, operation):
    with pytest.raises(ResourceError, match="Check the network"):
        look({**ANSWERS, "GetKnowledgeBase": base(store), operation: NOWHERE}, COMPONENT)


def test_a_collection_whose_index_is_gone_or_not_told_of():
    gone = api_error("GetIndex", "ResourceNotFoundException", "no", 400)
    denied = api_error("GetIndex", "AccessDeniedException", "Access denied to head index", 403)
    only = {"GetVectorBucket": None, "GetKnowledgeBase": base("OPENSEARCH_SERVERLESS")}
    for answer, missing in ((gone, True), (denied, None)):
        facts = facts_of(**{**only, "opensearchserverless.GetIndex": answer})
        assert (facts["collection_arn"], facts["index_missing"], facts["index_dimension"]) == (
            COLLECTION_ARN,
            missing,
            None,
        )


def test_which_vector_stores_are_offered():
    found, _aws = look({**ANSWERS, "ListVectorBuckets": NOWHERE}, COMPONENT, offers=True)
    assert found.offers[COMPONENT]["vector_stores"] == {"opensearch_serverless": True, "s3_vectors": False}
    denied = api_error("ListVectorBuckets", "AccessDeniedException", "no", 403)
    found, _aws = look({**ANSWERS, "ListVectorBuckets": denied}, COMPONENT, offers=True)
    assert found.offers[COMPONENT]["vector_stores"] == {"opensearch_serverless": True}


@pytest.mark.parametrize(
    ("changed", "resources", "fact"),
    [
        ({"bedrock-agent.ListTagsForResource": THEIRS}, [f"knowledge base {NAME}"], "knowledge_base_id"),
        (
            {"bedrock.ListTagsForResource": {"tags": [{"key": "Project", "value": "other"}]}},
            [f"guardrail {GUARDRAIL}"],
            "guardrail_id",
        ),
        ({"s3vectors.ListTagsForResource": THEIRS}, [f"S3 vector bucket {VECTORS}"], "vector_bucket"),
        (
            {"opensearchserverless.ListTagsForResource": {"tags": []}},
            [f"collection {VECTORS} of OpenSearch Serverless"],
            "collection_arn",
        ),
        ({"GetBucketTagging": {"TagSet": []}}, [f"S3 bucket {BUCKET}"], "documents_bucket"),
        (
            SOMEONE_ELSES_ROLES,
            [f"IAM role {NAME}", f"IAM role {PREFIX}-model-invocation-logs"],
            "role_arn",
        ),
    ],
)
def test_names_that_someone_else_has(changed, resources, fact):
    assert taken({**ANSWERS, **changed}, COMPONENT) == resources
    assert facts_of(**changed)[fact] is None


@pytest.mark.parametrize("name", [LOG, f"/aws/vendedlogs/{PREFIX}/knowledge-base"])
def test_a_log_group_of_someone_else(name):
    def groups(request):
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"
        there = request["logGroupNamePrefix"] == name
        return {"logGroups": [{"logGroupName": name, "arn": arn}] if there else []}

    answers = {**ANSWERS, "DescribeLogGroups": groups, "logs.ListTagsForResource": THEIRS}
    assert taken(answers, COMPONENT) == [f"log group {name}"]
