#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_agent_knowledge_base
version_added: 0.1.0
short_description: Manage a knowledge base of Amazon Bedrock
description:
  - Creates, changes and deletes a knowledge base that searches vectors which a model makes of documents, and waits
    until it can be searched.
  - The vector store must be there before it, see M(agent_platform.aws.s3vectors_index).
  - One whose creation has failed is deleted and made again.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the knowledge base, up to 100 letters and digits, each with a C(-) or C(_) after it at most. An account
        has one of that name in a region.
    type: str
    required: true
  description:
    description:
      - What the knowledge base is for, up to 200 characters. An empty text removes it.
    type: str
  role_arn:
    description:
      - ARN of the role by which Bedrock reads documents, calls the model and uses the vector store. Needed to create
        one.
    type: str
  embedding_model_arn:
    description:
      - ARN of the model that makes vectors. It can't be changed later. Needed to create a knowledge base.
    type: str
  embedding_dimensions:
    description:
      - How many numbers a vector has, as many as the index of the vector store is made for. It can't be changed later.
      - Only for models that let one choose. The model's own number if it isn't set.
    type: int
  embedding_data_type:
    description:
      - Whether the numbers of a vector are real or bits. It can't be changed later. AWS takes V(FLOAT32) if it isn't
        set.
    type: str
    choices: [FLOAT32, BINARY]
  storage_configuration:
    description:
      - The vector store. It can't be changed later. Needed to create a knowledge base.
    type: dict
    suboptions:
      type:
        description: The kind of the vector store. Its own suboption says more.
        type: str
        choices: [S3_VECTORS, OPENSEARCH_SERVERLESS, RDS]
        required: true
      s3_vectors_configuration:
        description: The index of S3 Vectors.
        type: dict
        suboptions:
          index_arn:
            description: ARN of the index.
            type: str
            required: true
      opensearch_serverless_configuration:
        description: The index in a collection of OpenSearch Serverless.
        type: dict
        suboptions:
          collection_arn:
            description: ARN of the collection.
            type: str
            required: true
          vector_index_name:
            description: Name of the index.
            type: str
            required: true
          field_mapping:
            description: The fields of the index.
            type: dict
            required: true
            suboptions:
              vector_field:
                description: Field of the vectors.
                type: str
                required: true
              text_field:
                description: Field of the texts.
                type: str
                required: true
              metadata_field:
                description: Field of what is known of a text besides.
                type: str
                required: true
      rds_configuration:
        description: The table in an Aurora cluster, whose Data API must be on.
        type: dict
        suboptions:
          resource_arn:
            description: ARN of the cluster.
            type: str
            required: true
          credentials_secret_arn:
            description: ARN of the secret with the name and password of a user of the database.
            type: str
            required: true
          database_name:
            description: Name of the database.
            type: str
            required: true
          table_name:
            description: Name of the table, with its schema before a C(.).
            type: str
            required: true
          field_mapping:
            description: The columns of the table.
            type: dict
            required: true
            suboptions:
              primary_key_field:
                description: Column of the ids.
                type: str
                required: true
              vector_field:
                description: Column of the vectors.
                type: str
                required: true
              text_field:
                description: Column of the texts.
                type: str
                required: true
              metadata_field:
                description: Column of what is known of a text besides.
                type: str
                required: true
              custom_metadata_field:
                description: Column of what documents say of themselves, all in one.
                type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a knowledge base in S3 Vectors
  agent_platform.aws.bedrock_agent_knowledge_base:
    name: demo-docs
    role_arn: arn:aws:iam::123456789012:role/demo-docs
    embedding_model_arn: arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-embed-text-v2:0
    embedding_dimensions: 1024
    storage_configuration:
      type: S3_VECTORS
      s3_vectors_configuration:
        index_arn: arn:aws:s3vectors:us-west-2:123456789012:bucket/demo-vectors/index/docs

- name: Remove it
  agent_platform.aws.bedrock_agent_knowledge_base:
    name: demo-docs
    state: absent
"""

RETURN = r"""
knowledge_base:
  description: The knowledge base as Bedrock describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    description:
      description: What it is for.
      type: str
    knowledge_base_arn:
      description: ARN of the knowledge base. Not known in check mode before it exists.
      type: str
      sample: arn:aws:bedrock:us-west-2:123456789012:knowledge-base/ABCDEFGHIJ
    knowledge_base_configuration:
      description: The model that makes vectors, and how many numbers they have.
      type: dict
    knowledge_base_id:
      description: ID of the knowledge base. Not known in check mode before it exists.
      type: str
      sample: ABCDEFGHIJ
    name:
      description: Name of the knowledge base.
      type: str
    role_arn:
      description: ARN of the role by which Bedrock works.
      type: str
    status:
      description: The state that it is in, as ACTIVE.
      type: str
    storage_configuration:
      description: The vector store.
      type: dict
    tags:
      description: Tags of the knowledge base.
      type: dict
"""

from ..module_utils.bedrock_agent import NOT_FOUND, ROLE_NOT_KNOWN, BedrockAgentResource
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.resource import run_module

VECTORS = "knowledgeBaseConfiguration.vectorKnowledgeBaseConfiguration"
MODEL = f"{VECTORS}.embeddingModelConfiguration.bedrockEmbeddingModelConfiguration"
IT = "knowledgeBaseId"


class KnowledgeBase(BedrockAgentResource):
    kind = "knowledge base"
    result = "knowledge_base"
    names = {"name": "name"}
    describe = Describe("ListKnowledgeBases", "knowledgeBaseSummaries", many=True, names={})
    identifier = IT
    # A list tells its id, its state and little more.
    additions = (
        Addition("GetKnowledgeBase", "knowledgeBase", by=IT, missing=NOT_FOUND, itself=True),
        Addition(
            "ListTagsForResource", "tags", "tags", by={"resourceArn": "knowledgeBaseArn"}, missing=NOT_FOUND, empty={}
        ),
    )
    states = States(
        path="status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={
            "FAILED": "Mend what AWS says, and run again.",
            "DELETE_UNSUCCESSFUL": "Delete it (state: absent) before it is made again. Where its vector store is gone, "
            "let its data sources retain their data first.",
        },
        degraded={"UPDATE_UNSUCCESSFUL": "Mend what AWS says, and run again."},
        remade=frozenset({"FAILED"}),
    )
    create = Create("CreateKnowledgeBase", token="clientToken", exists=("ConflictException",))
    delete = Delete("DeleteKnowledgeBase", by=IT, missing=NOT_FOUND)
    settings = (
        Setting("description", "description", update="knowledge_base", absent=""),
        Setting("role_arn", "roleArn", update="knowledge_base"),
        Setting("embedding_model_arn", f"{VECTORS}.embeddingModelArn"),
        Setting("embedding_dimensions", f"{MODEL}.dimensions"),
        Setting("embedding_data_type", f"{MODEL}.embeddingDataType", absent="FLOAT32"),
        Setting("storage_configuration", "storageConfiguration"),
    )
    updates = {"knowledge_base": Update("UpdateKnowledgeBase", by=IT)}
    resent = ("description", "roleArn", "knowledgeBaseConfiguration", "storageConfiguration")
    needed = ("role_arn", "embedding_model_arn", "storage_configuration")
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "knowledgeBaseArn"})
    # What the role may do, or whom a collection lets in, may not be known everywhere yet.
    passing = {"ValidationException": (*ROLE_NOT_KNOWN, "storage configuration provided is invalid")}
    hints = {
        "ValidationException": {
            "assume": "See that the trust policy of the role names bedrock.amazonaws.com, and this account and region.",
            "storage configuration provided is invalid": "See that the vector store is there, that the role may use "
            "it, and that its index takes vectors of the model.",
        },
    }
    unmanaged = {
        **dict.fromkeys(
            ("AssociateAgentKnowledgeBase", "DisassociateAgentKnowledgeBase", "UpdateAgentKnowledgeBase"),
            "agents that search it are the matter of those who make them",
        ),
        **dict.fromkeys(
            ("DeleteKnowledgeBaseDocuments", "IngestKnowledgeBaseDocuments", "StartIngestionJob"),
            "documents are its content",
        ),
        **dict.fromkeys(
            ("CreateVpcConfiguration", "DeleteVpcConfiguration"),
            "its vector store is reached by AWS's own ways",
        ),
        **dict.fromkeys(
            (
                f"CreateKnowledgeBase.knowledgeBaseConfiguration.{kind}KnowledgeBaseConfiguration"
                for kind in ("kendra", "managed", "sql")
            ),
            "it searches vectors in a store of one's own",
        ),
        **dict.fromkeys(
            (
                *(f"CreateKnowledgeBase.{MODEL}.{of}" for of in ("audio", "video")),
                f"CreateKnowledgeBase.{MODEL}.modelConfiguration",
                f"CreateKnowledgeBase.{VECTORS}.supplementalDataStorageConfiguration",
            ),
            "documents are texts",
        ),
        **dict.fromkeys(
            (
                f"CreateKnowledgeBase.storageConfiguration.{kind}Configuration"
                for kind in (
                    "mongoDbAtlas",
                    "neptuneAnalytics",
                    "opensearchManagedCluster",
                    "pinecone",
                    "redisEnterpriseCloud",
                )
            ),
            "stores of others, or for other uses",
        ),
        **dict.fromkeys(
            (
                f"CreateKnowledgeBase.storageConfiguration.s3VectorsConfiguration.{it}"
                for it in ("indexName", "vectorBucketArn")
            ),
            "the index is named by its ARN",
        ),
    }

    def create_request(self):
        request = super().create_request()
        request.setdefault("knowledgeBaseConfiguration", {})["type"] = "VECTOR"
        return request


def main():
    rds = "storage_configuration.rds_configuration"
    # They sound like secrets and are none.
    names = (f"{rds}.credentials_secret_arn", f"{rds}.field_mapping.primary_key_field")
    run_module(KnowledgeBase, DOCUMENTATION, {path: {"no_log": False} for path in names})


if __name__ == "__main__":
    main()
