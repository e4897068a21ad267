# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Knowledge base of Bedrock."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.bedrock_agent_knowledge_base import KnowledgeBase
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

NAME, ID = "demo-docs", "ABCDEFGHIJ"
ARN = f"arn:aws:bedrock:us-west-2:123456789012:knowledge-base/{ID}"
ROLE = "arn:aws:iam::123456789012:role/demo-docs"
TITAN = "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0"
INDEX = "arn:aws:s3vectors:us-west-2:123456789012:bucket/demo-vectors/index/docs"
STORE = {"type": "S3_VECTORS", "s3_vectors_configuration": {"index_arn": INDEX}}
PARAMS = {
    "name": NAME,
    "description": None,
    "role_arn": ROLE,
    "embedding_model_arn": TITAN,
    "embedding_dimensions": 1024,
    "embedding_data_type": None,
    "storage_configuration": STORE,
}
CONFIGURATION = {
    "type": "VECTOR",
    "vectorKnowledgeBaseConfiguration": {
        "embeddingModelArn": TITAN,
        "embeddingModelConfiguration": {"bedrockEmbeddingModelConfiguration": {"dimensions": 1024}},
    },
}
STORAGE = {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": INDEX}}
BASE = {
    "knowledgeBaseId": ID,
    "knowledgeBaseArn": ARN,
    "name": NAME,
    "roleArn": ROLE,
    "knowledgeBaseConfiguration": CONFIGURATION,
    "storageConfiguration": STORAGE,
}
OTHER = {"knowledgeBaseId": "ZZZZZZZZZZ", "name": "other", "status": "ACTIVE"}
NONE = Step("ListKnowledgeBases", {"knowledgeBaseSummaries": [OTHER]}, {})


def seen(status="ACTIVE", tags=None, **members):
    summary = {"knowledgeBaseId": ID, "name": NAME, "status": status}
    return [
        Step("ListKnowledgeBases", {"knowledgeBaseSummaries": [OTHER, summary]}, {}),
        Step("GetKnowledgeBase", {"knowledgeBase": {**BASE, "status": status, **members}}, {"knowledgeBaseId": ID}),
        Step("ListTagsForResource", {"tags": tags or {}}, {"resourceArn": ARN}),
    ]


def created(answer=None, **members):
    def check(request):
        assert len(request.pop("clientToken")) >= 33
        expected = {
            "name": NAME,
            "roleArn": ROLE,
            "knowledgeBaseConfiguration": CONFIGURATION,
            "storageConfiguration": STORAGE,
        }
        assert request == {**expected, **members}

    return Step("CreateKnowledgeBase", answer or {"knowledgeBase": BASE}, check)


def run(params, *steps, **kwargs):
    return run_resource(KnowledgeBase, {**PARAMS, **params}, *steps, **kwargs)


def test_create_and_wait():
    result, _aws, _module = run(
        {"description": "What we know", "tags": {"A": "1"}},
        NONE,
        created(description="What we know", tags={"A": "1"}),
        *seen("CREATING", tags={"A": "1"}, description="What we know"),
        *seen(tags={"A": "1"}, description="What we know"),
    )
    assert result["changed"] is True
    assert result["knowledge_base"]["knowledge_base_id"] == ID


def test_nothing_to_do():
    result, _aws, _module = run({"description": ""}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    "said",
    [
        "Bedrock Knowledge Base was unable to assume the given role.",
        "The knowledge base storage configuration provided is invalid... Request failed: [http_exception] "
        "server returned 401",
    ],
)
def test_what_was_made_a_moment_ago_may_not_be_known_yet(said):
    result, _aws, _module = run(
        {},
        NONE,
        created(api_error("CreateKnowledgeBase", "ValidationException", said)),
        NONE,
        created(),
        *seen(),
    )
    assert result["changed"] is True


def test_a_role_that_stays_unknown():
    said = "Bedrock Knowledge Base was unable to assume the given role."
    text = refuse_resource(
        KnowledgeBase,
        PARAMS,
        *endless(NONE, created(api_error("CreateKnowledgeBase", "ValidationException", said))),
    )
    assert "See that the trust policy of the role names bedrock.amazonaws.com" in text
    assert "Given up after" in text


def test_a_lost_reply_makes_nothing_twice():
    result, aws, _module = run({}, NONE, created(lost_reply()), *seen())
    assert result["changed"] is True
    assert aws.operations().count("CreateKnowledgeBase") == 1


def test_one_of_that_name_that_someone_else_has_made_meanwhile():
    said = f"KnowledgeBase with name {NAME} already exists."
    text = refuse_resource(
        KnowledgeBase,
        {**PARAMS, "owned_by": {"Project": "demo"}},
        NONE,
        created(api_error("CreateKnowledgeBase", "ConflictException", said, 409)),
        *seen(),
        *seen(),
    )
    assert "exists but isn't ours: it has no Project" in text


def test_one_whose_creation_has_failed_is_made_again():
    result, aws, module = run(
        {},
        *seen("FAILED", failureReasons=["The index is gone."]),
        Step("DeleteKnowledgeBase", {}, {"knowledgeBaseId": ID}),
        *seen("DELETING"),
        NONE,
        created(),
        *seen(),
    )
    assert result["changed"] is True
    assert "The index is gone. It is deleted and made again." in module.warnings[0]
    assert aws.operations().count("CreateKnowledgeBase") == 1


def test_an_update_says_all_again():
    other = "arn:aws:iam::123456789012:role/other"
    request = {
        "knowledgeBaseId": ID,
        "name": NAME,
        "description": "Kept",
        "roleArn": ROLE,
        "knowledgeBaseConfiguration": CONFIGURATION,
        "storageConfiguration": STORAGE,
    }
    result, _aws, _module = run(
        {},
        *seen(roleArn=other, description="Kept"),
        Step("UpdateKnowledgeBase", {}, request),
        *seen("UPDATING", description="Kept"),
        *seen(description="Kept"),
        *seen(description="Kept"),
    )
    assert result["changed"] is True


def test_a_description_is_taken_away():
    def check(request):
        assert "description" not in request

    run({"description": ""}, *seen(description="Old"), Step("UpdateKnowledgeBase", {}, check), *seen(), *seen())


def test_an_update_that_aws_gives_up():
    text = refuse_resource(
        KnowledgeBase,
        PARAMS,
        *seen(roleArn="arn:aws:iam::123456789012:role/other"),
        Step("UpdateKnowledgeBase", {}),
        *seen("UPDATE_UNSUCCESSFUL", failureReasons=["The role may not use the index"]),
    )
    assert "is UPDATE_UNSUCCESSFUL. The role may not use the index. Mend what AWS says" in text


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"embedding_dimensions": 512}, "embedding_dimensions: is 1024, declared 512"),
        ({"embedding_model_arn": TITAN.replace("v2", "v1")}, "embedding_model_arn: is"),
        ({"embedding_data_type": "BINARY"}, "embedding_data_type: is 'FLOAT32', declared 'BINARY'"),
        (
            {"storage_configuration": {"type": "S3_VECTORS", "s3_vectors_configuration": {"index_arn": "other"}}},
            "storage_configuration: is",
        ),
    ],
)
def test_what_can_t_be_changed(params, said):
    text = refuse_resource(KnowledgeBase, {**PARAMS, **params}, *seen())
    assert "can't be changed in place" in text
    assert said in text


def test_other_stores_are_named_as_aws_names_them():
    fields = {"vector_field": "vector", "text_field": "text", "metadata_field": "metadata"}
    collection = "arn:aws:aoss:us-west-2:123456789012:collection/abcdefghij"
    declared = {"collection_arn": collection, "vector_index_name": "docs", "field_mapping": fields}
    run(
        {
            "storage_configuration": {
                "type": "OPENSEARCH_SERVERLESS",
                "s3_vectors_configuration": None,
                "opensearch_serverless_configuration": declared,
            }
        },
        NONE,
        created(
            storageConfiguration={
                "type": "OPENSEARCH_SERVERLESS",
                "opensearchServerlessConfiguration": (
                    stored := {
                        "collectionArn": collection,
                        "vectorIndexName": "docs",
                        "fieldMapping": {"vectorField": "vector", "textField": "text", "metadataField": "metadata"},
                    }
                ),
            }
        ),
        *seen(storageConfiguration={"type": "OPENSEARCH_SERVERLESS", "opensearchServerlessConfiguration": stored}),
    )


def test_a_dry_run():
    result, aws, _module = run({"role_arn": "(known after apply)"}, NONE, check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["ListKnowledgeBases"]


def test_tags():
    _result, aws, _module = run(
        {"tags": {"A": "1"}},
        *seen(tags={"B": "2"}),
        Step("UntagResource", {}, {"resourceArn": ARN, "tagKeys": ["B"]}),
        Step("TagResource", {}, {"resourceArn": ARN, "tags": {"A": "1"}}),
        *seen(tags={"A": "1"}),
    )
    assert "TagResource" in aws.operations()


def test_delete_and_wait():
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        Step("DeleteKnowledgeBase", {}, {"knowledgeBaseId": ID}),
        *seen("DELETING"),
        NONE,
    )
    assert result["changed"] is True


def test_it_may_be_gone_between_the_list_and_the_look_at_it():
    listed, *_rest = seen("DELETING")
    gone = Step("GetKnowledgeBase", api_error("GetKnowledgeBase", "ResourceNotFoundException"), {"knowledgeBaseId": ID})
    assert run({"state": "absent"}, listed, gone)[0]["changed"] is False
    deleted = Step("DeleteKnowledgeBase", {}, {"knowledgeBaseId": ID})
    assert run({"state": "absent"}, *seen(), deleted, *seen("DELETING"), listed, gone)[0]["changed"] is True


def test_a_deletion_that_aws_gives_up():
    text = refuse_resource(
        KnowledgeBase,
        {**PARAMS, "state": "absent"},
        *seen(),
        Step("DeleteKnowledgeBase", {}),
        *seen("DELETING"),
        *seen("DELETE_UNSUCCESSFUL", failureReasons=["The vector store is gone"]),
    )
    assert "The deletion was given up." in text
    assert "let its data sources retain their data first" in text


def test_permissions_are_bedrock_s():
    denied = api_error("ListKnowledgeBases", "AccessDeniedException", "no", 403)
    text = refuse_resource(KnowledgeBase, PARAMS, Step("ListKnowledgeBases", denied))
    assert "Allow bedrock:ListKnowledgeBases" in text
