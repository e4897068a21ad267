#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_agent_data_source
version_added: 0.1.0
short_description: Manage a data source of a knowledge base of Amazon Bedrock
description:
  - Creates, changes and deletes a data source, which says in which bucket the documents of a knowledge base lie and how
    they are cut into the pieces that are searched.
  - What is in the bucket is taken in by M(agent_platform.aws.bedrock_agent_ingestion_job).
  - Data sources carry no tags. They are the knowledge base's, which is known by its own, and told apart by their names.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  knowledge_base_id:
    description:
      - ID of the knowledge base.
    type: str
    required: true
  name:
    description:
      - Name of the data source, up to 100 letters and digits, each with a C(-) or C(_) after it at most. A knowledge
        base has one of that name.
    type: str
    required: true
  description:
    description:
      - What the data source is for, up to 200 characters. An empty text removes it.
    type: str
  bucket_arn:
    description:
      - ARN of the bucket with the documents. Needed to create a data source.
    type: str
  bucket_owner_account_id:
    description:
      - The account that the bucket must belong to.
    type: str
  inclusion_prefixes:
    description:
      - How the keys of the documents begin that are taken in. AWS takes one. An empty list stands for all documents.
    type: list
    elements: str
  data_deletion_policy:
    description:
      - Whether the vectors that were made of documents are deleted with the data source, or stay in the store.
      - With O(state=absent) it is set before the deletion. V(RETAIN) is what helps where the vector store is gone.
    type: str
    choices: [DELETE, RETAIN]
  kms_key_arn:
    description:
      - ARN of the KMS key that encrypts what is kept for the time of a job. AWS's own key if it isn't set.
    type: str
  chunking_configuration:
    description:
      - How documents are cut. It can't be changed later, see O(replace). AWS cuts them into pieces of about 300 tokens
        if it isn't set.
    type: dict
    suboptions:
      chunking_strategy:
        description: The way in which documents are cut. But for V(NONE), which doesn't, its own suboption says more.
        type: str
        choices: [FIXED_SIZE, HIERARCHICAL, SEMANTIC, NONE]
        required: true
      fixed_size_chunking_configuration:
        description: Pieces of the same size.
        type: dict
        suboptions:
          max_tokens:
            description: The most tokens that a piece has.
            type: int
            required: true
          overlap_percentage:
            description: How much of a piece the next one repeats, from 1 to 99 percent.
            type: int
            required: true
      hierarchical_chunking_configuration:
        description: Small pieces, which are searched, in larger ones, which are found.
        type: dict
        suboptions:
          level_configurations:
            description: The larger and then the smaller pieces.
            type: list
            elements: dict
            required: true
            suboptions:
              max_tokens:
                description: The most tokens that a piece has.
                type: int
                required: true
          overlap_tokens:
            description: How many tokens of a piece the next one repeats.
            type: int
            required: true
      semantic_chunking_configuration:
        description: Pieces of what belongs together by its meaning.
        type: dict
        suboptions:
          max_tokens:
            description: The most tokens that a piece has.
            type: int
            required: true
          buffer_size:
            description: How many sentences before and after one are looked at with it, 0 or 1.
            type: int
            required: true
          breakpoint_percentile_threshold:
            description: How unlike sentences must be to be cut apart, from 50 to 99 percent.
            type: int
            required: true
  replace:
    description:
      - Whether a data source that can't be changed in place is deleted, with the vectors that were made of its
        documents, and made anew. The documents must be taken in again then.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Fill a knowledge base from a bucket
  agent_platform.aws.bedrock_agent_data_source:
    knowledge_base_id: ABCDEFGHIJ
    name: documents
    bucket_arn: arn:aws:s3:::demo-documents
    bucket_owner_account_id: "123456789012"
    data_deletion_policy: DELETE
    chunking_configuration:
      chunking_strategy: FIXED_SIZE
      fixed_size_chunking_configuration:
        max_tokens: 300
        overlap_percentage: 20

- name: Remove a data source whose vector store is gone
  agent_platform.aws.bedrock_agent_data_source:
    knowledge_base_id: ABCDEFGHIJ
    name: documents
    data_deletion_policy: RETAIN
    state: absent
"""

RETURN = r"""
data_source:
  description: The data source as Bedrock describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    data_deletion_policy:
      description: Whether vectors go with it.
      type: str
    data_source_configuration:
      description: Where the documents lie.
      type: dict
    data_source_id:
      description: ID of the data source. Not known in check mode before it exists.
      type: str
      sample: KLMNOPQRST
    knowledge_base_id:
      description: ID of the knowledge base.
      type: str
    name:
      description: Name of the data source.
      type: str
    status:
      description: The state that it is in, as AVAILABLE.
      type: str
    vector_ingestion_configuration:
      description: How documents are cut.
      type: dict
replaced:
  description: Whether the data source was made anew in place of another one, or would be in check mode.
  returned: always
  type: bool
"""

from ..module_utils.bedrock_agent import NOT_FOUND, ROLE_NOT_KNOWN, RUNNING, BedrockAgentResource
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update
from ..module_utils.faults import ResourceError
from ..module_utils.replacing import Replacing
from ..module_utils.resource import run_module
from ..module_utils.values import get_path

IT = ("knowledgeBaseId", "dataSourceId")
S3 = "dataSourceConfiguration.s3Configuration"
POLICY = "data_deletion_policy"


class DataSource(Replacing, BedrockAgentResource):
    kind = "data source"
    result = "data_source"
    names = {"knowledgeBaseId": "knowledge_base_id", "name": "name"}
    describe = Describe(
        "ListDataSources",
        "dataSourceSummaries",
        missing=NOT_FOUND,
        many=True,
        names={"knowledgeBaseId": "knowledge_base_id"},
    )
    identifier = "dataSourceId"
    # A list tells its id, its state and little more.
    additions = (Addition("GetDataSource", "dataSource", by=IT, missing=NOT_FOUND, itself=True),)
    states = States(
        path="status",
        ready=frozenset({"AVAILABLE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={
            "FAILED": "Mend what AWS says, and run again.",
            "DELETE_UNSUCCESSFUL": "See that the vector store is there and that the role may use it, or delete it with "
            "data_deletion_policy: RETAIN (state: absent), and run again.",
        },
        remade=frozenset({"FAILED"}),
    )
    create = Create("CreateDataSource", token="clientToken", tags=None, exists=("ConflictException",))
    delete = Delete("DeleteDataSource", by=IT, missing=NOT_FOUND)
    settings = (
        Setting("description", "description", update="data_source", absent=""),
        Setting("bucket_arn", f"{S3}.bucketArn", update="data_source"),
        Setting("bucket_owner_account_id", f"{S3}.bucketOwnerAccountId", update="data_source"),
        Setting("inclusion_prefixes", f"{S3}.inclusionPrefixes", update="data_source", unordered=True, absent=[]),
        Setting(POLICY, "dataDeletionPolicy", update="data_source"),
        Setting("kms_key_arn", "serverSideEncryptionConfiguration.kmsKeyArn", update="data_source"),
        Setting("chunking_configuration", "vectorIngestionConfiguration.chunkingConfiguration"),
    )
    updates = {"data_source": Update("UpdateDataSource", by=IT)}
    resent = (
        "description",
        "dataSourceConfiguration",
        "dataDeletionPolicy",
        "serverSideEncryptionConfiguration",
        "vectorIngestionConfiguration",
    )
    needed = ("bucket_arn",)
    renewal = "Or give replace: true to have it deleted and made anew; its documents must be taken in again then."
    extra_operations = ("ListIngestionJobs", "StopIngestionJob")
    passing = {"ValidationException": ROLE_NOT_KNOWN}
    unmanaged = {
        **dict.fromkeys(
            ("DeleteKnowledgeBaseDocuments", "IngestKnowledgeBaseDocuments", "StartIngestionJob"),
            "documents are its content",
        ),
        **dict.fromkeys(
            (
                f"{call}DataSource.dataSourceConfiguration.{kind}Configuration"
                for call in ("Create", "Update")
                for kind in ("confluence", "managedKnowledgeBaseConnector", "salesforce", "sharePoint", "web")
            ),
            "documents lie in a bucket",
        ),
        **dict.fromkeys(
            (
                f"CreateDataSource.vectorIngestionConfiguration.{how}Configuration"
                for how in ("contextEnrichment", "customTransformation", "parsing")
            ),
            "documents are read as they are; it is set at the creation and can't be changed",
        ),
    }

    def create_request(self):
        request = super().create_request()
        request.setdefault("dataSourceConfiguration", {})["type"] = "S3"
        return request

    def refuse(self, current, changes):
        kind = get_path(current or {}, "dataSourceConfiguration.type", "S3")
        if kind != "S3":
            raise ResourceError(
                f"{self.title} takes documents of the kind {kind}, and not of a bucket. Choose another name, or remove "
                "it (state: absent) and run again."
            )

    def update_request(self, name, changes, current):
        # What it could say of other places of documents than a bucket isn't sent again.
        where = {member: current["dataSourceConfiguration"][member] for member in ("type", "s3Configuration")}
        return super().update_request(name, changes, {**current, "dataSourceConfiguration": where})

    def before_delete(self, current):
        pending = self.states.pending
        if self.state_of(current) in pending:
            self.wait_until(lambda now: now is None or self.state_of(now) not in pending, "ready")
        place = {member: current[member] for member in IT}
        for jobs in self.looks(lambda: self.running(place), self.wait_timeout, pause=1.0, longest=self.poll):
            if not jobs:
                break
            for job in jobs:
                if job["status"] != "STOPPING":
                    number = job["ingestionJobId"]
                    request = {**place, "ingestionJobId": number}
                    self.write("StopIngestionJob", request, f"stop job {number} of {self.title}", NOT_FOUND)
        else:
            raise ResourceError(
                f"Job {jobs[0]['ingestionJobId']} of {self.title} is still {jobs[0]['status']} after "
                f"{self.wait_timeout} s. Run again when it is over."
            )
        # What stays of the old one would be found beside the new one's.
        wanted = "DELETE" if self.replaced else self.options[POLICY]
        if wanted and current.get("dataDeletionPolicy") != wanted:
            request = {**self.update_request("data_source", {}, current), "dataDeletionPolicy": wanted}
            self.write("UpdateDataSource", request, f"update {self.title}", NOT_FOUND)
            self.wait_until(lambda now: now is None or self.state_of(now) not in pending, "ready")

    def running(self, place):
        return [job for job in self.jobs(place) if job["status"] in RUNNING]


# What sounds like a secret and is none.
NO_SECRETS = (
    "kms_key_arn",
    "chunking_configuration.fixed_size_chunking_configuration.max_tokens",
    "chunking_configuration.hierarchical_chunking_configuration.level_configurations.max_tokens",
    "chunking_configuration.hierarchical_chunking_configuration.overlap_tokens",
    "chunking_configuration.semantic_chunking_configuration.max_tokens",
)


def main():
    run_module(DataSource, DOCUMENTATION, {path: {"no_log": False} for path in NO_SECRETS})


if __name__ == "__main__":
    main()
