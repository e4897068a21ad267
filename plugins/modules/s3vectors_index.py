#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3vectors_index
version_added: 0.1.0
short_description: Manage a vector index in a vector bucket of Amazon S3 Vectors
description:
  - Creates and deletes a vector index and changes its tags. Nothing else of an index can be changed. The module refuses
    that, unless O(replace) says that the index may be made anew, without the vectors in it.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vector_bucket_name:
    description:
      - Name of the vector bucket that the index lies in.
    type: str
    required: true
  name:
    description:
      - Name of the index, of which a vector bucket has one. It has 3 to 63 small letters, digits, hyphens and dots, and
        begins and ends with one of the first two.
    type: str
    required: true
  dimension:
    description:
      - How many numbers a vector has, 1 to 4096. It must be what the embedding model gives. To create the index it is
        needed, and it can't be changed later.
    type: int
  distance_metric:
    description:
      - How the distance of two vectors is measured. To create the index it is needed, and it can't be changed later.
    type: str
    choices: [euclidean, cosine]
  data_type:
    description:
      - What the numbers are. It can't be changed later.
    type: str
    choices: [float32]
    default: float32
  non_filterable_metadata_keys:
    description:
      - Keys of metadata that queries can't filter by, up to 10. A vector can have 2 KiB of other metadata at most, so
        longer texts need such a key. It can't be changed later.
      - A knowledge base of Amazon Bedrock needs C(AMAZON_BEDROCK_TEXT) and C(AMAZON_BEDROCK_METADATA) among them.
    type: list
    elements: str
  sse_type:
    description:
      - How the vectors are encrypted, if otherwise than the vector bucket says. It can't be changed later.
    type: str
    choices: [AES256, "aws:kms"]
  kms_key_arn:
    description:
      - ARN of the KMS key, with O(sse_type=aws:kms). It can't be changed later.
    type: str
  replace:
    description:
      - Whether an index that differs in what can't be changed is deleted, with all vectors in it, and made anew.
      - Without it the module fails and says what differs.
    type: bool
    default: false
notes:
  - To create an index with tags, the identity needs C(s3vectors:TagResource) besides C(s3vectors:CreateIndex).
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make an index for a knowledge base with the embedding model Titan V2
  agent_platform.aws.s3vectors_index:
    vector_bucket_name: demo-vectors
    name: knowledge-base
    dimension: 1024
    distance_metric: cosine
    non_filterable_metadata_keys: [AMAZON_BEDROCK_TEXT, AMAZON_BEDROCK_METADATA]
    tags:
      Project: demo

- name: Make it anew for another embedding model, without the vectors that are in it
  agent_platform.aws.s3vectors_index:
    vector_bucket_name: demo-vectors
    name: knowledge-base
    dimension: 1536
    distance_metric: cosine
    replace: true
"""

RETURN = r"""
index:
  description: The index as S3 Vectors describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    data_type:
      description: What the numbers are.
      type: str
    dimension:
      description: How many numbers a vector has.
      type: int
    distance_metric:
      description: How the distance of two vectors is measured.
      type: str
    encryption_configuration:
      description: How vectors are encrypted, with its sse_type and its kms_key_arn.
      type: dict
    index_arn:
      description: ARN of the index. Not known in check mode before it exists.
      type: str
      sample: "arn:aws:s3vectors:us-west-2:123456789012:bucket/demo-vectors/index/knowledge-base"
    index_name:
      description: Name of the index.
      type: str
    metadata_configuration:
      description: The keys that queries can't filter by, as its non_filterable_metadata_keys.
      type: dict
    tags:
      description: Tags of the index.
      type: dict
    vector_bucket_name:
      description: Name of the vector bucket that it lies in.
      type: str
replaced:
  description: Whether the index was made anew in place of another one, or would be in check mode.
  returned: always
  type: bool
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting
from ..module_utils.replacing import Replacing
from ..module_utils.resource import run_module
from ..module_utils.s3vectors import ENCRYPTION, NOT_FOUND, S3VectorsResource, tagging_of, tags_of

ARN = "indexArn"


class Index(S3VectorsResource, Replacing):
    kind = "S3 vector index"
    result = "index"
    names = {"vectorBucketName": "vector_bucket_name", "indexName": "name"}
    identifier = ARN
    describe = Describe("GetIndex", "index", missing=NOT_FOUND)
    create = Create("CreateIndex", exists=("ConflictException",))
    delete = Delete("DeleteIndex", missing=NOT_FOUND)
    needed = ("dimension", "distance_metric")
    settings = (
        Setting("dimension", "dimension"),
        Setting("distance_metric", "distanceMetric"),
        Setting("data_type", "dataType"),
        Setting(
            "non_filterable_metadata_keys",
            "metadataConfiguration.nonFilterableMetadataKeys",
            unordered=True,
            absent=[],
        ),
        *ENCRYPTION,
    )
    additions = (tags_of(ARN),)
    tagging = tagging_of(ARN)
    # It lies in our vector bucket.
    placed = True
    unmanaged = {
        "UpdateIndexMode": "what was made since October 2026 knows one mode only, which filters before it searches",
        "CreateIndex.vectorBucketArn": "the vector bucket is named",
    }
    hints = {"NotFoundException": {"vector bucket": "Make the vector bucket first."}}

    def permission(self, operation, service):
        permission = super().permission(operation, service)
        return f"{permission} and s3vectors:TagResource" if operation == "CreateIndex" else permission


def main():
    names = ("kms_key_arn", "non_filterable_metadata_keys")
    run_module(Index, DOCUMENTATION, {name: {"no_log": False} for name in names})


if __name__ == "__main__":
    main()
