#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3vectors_vector_bucket
version_added: 0.1.0
short_description: Manage a vector bucket of Amazon S3 Vectors
description:
  - Creates, changes and deletes a vector bucket, in which vector indexes lie, with its encryption, its policy and its
    tags.
  - The encryption can't be changed later. The module refuses that; it never replaces a bucket.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the vector bucket, of which an account has one in a region. It has 3 to 63 small letters, digits and
        hyphens, and begins and ends with one of the first two.
    type: str
    required: true
  sse_type:
    description:
      - How vectors are encrypted, with a key of S3 (V(AES256)) or of KMS (V(aws:kms)). It can't be changed later. AWS
        takes V(AES256) for a new bucket if it isn't set.
    type: str
    choices: [AES256, "aws:kms"]
  kms_key_arn:
    description:
      - ARN of the KMS key, with O(sse_type=aws:kms). It can't be changed later.
      - The key's policy must let the service C(indexing.s3vectors.amazonaws.com) call C(kms:Decrypt), by which S3
        Vectors keeps its indexes in order. Whoever writes vectors needs C(kms:GenerateDataKey) and C(kms:Decrypt), and
        who queries them C(kms:Decrypt).
    type: str
  policy:
    description:
      - Who may use the bucket and its indexes besides those whom IAM policies of the account let. An empty document,
        C({}), removes it.
    type: json
  force_destroy:
    description:
      - With O(state=absent), whether to delete all indexes with all their vectors for good first.
      - With V(false), the module fails on a bucket that has indexes, also in check mode.
    type: bool
    default: false
notes:
  - To create a bucket with tags, the identity needs C(s3vectors:TagResource) besides C(s3vectors:CreateVectorBucket).
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a vector bucket that is encrypted with a key of KMS
  agent_platform.aws.s3vectors_vector_bucket:
    name: demo-vectors
    sse_type: aws:kms
    kms_key_arn: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    tags:
      Project: demo

- name: Delete a vector bucket with all indexes in it
  agent_platform.aws.s3vectors_vector_bucket:
    name: demo-vectors
    owned_by:
      Project: demo
    force_destroy: true
    state: absent
"""

RETURN = r"""
vector_bucket:
  description: The vector bucket as S3 Vectors describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    encryption_configuration:
      description: How vectors are encrypted, with its sse_type and its kms_key_arn.
      type: dict
    policy:
      description: The policy, as JSON text, if it was declared and there is one.
      type: str
    tags:
      description: Tags of the bucket.
      type: dict
    vector_bucket_arn:
      description: ARN of the bucket. Not known in check mode before it exists.
      type: str
      sample: "arn:aws:s3vectors:us-west-2:123456789012:bucket/demo-vectors"
    vector_bucket_name:
      description: Name of the bucket.
      type: str
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Update
from ..module_utils.faults import ResourceError
from ..module_utils.policies import policy
from ..module_utils.resource import run_module
from ..module_utils.s3vectors import ENCRYPTION, NOT_FOUND, S3VectorsResource, tagging_of, tags_of
from ..module_utils.values import gather, listed

ARN = "vectorBucketArn"
MOST_NAMES = 5


class VectorBucket(S3VectorsResource):
    kind = "S3 vector bucket"
    result = "vector_bucket"
    names = {"vectorBucketName": "name"}
    identifier = ARN
    describe = Describe("GetVectorBucket", "vectorBucket", missing=NOT_FOUND)
    create = Create("CreateVectorBucket", exists=("ConflictException",))
    delete = Delete("DeleteVectorBucket", missing=NOT_FOUND)
    settings = (
        *ENCRYPTION,
        policy("policy", None, read="policy", update="policy", update_members=("policy",)),
    )
    updates = {"policy": Update("PutVectorBucketPolicy", clear="DeleteVectorBucketPolicy")}
    additions = (
        tags_of(ARN),
        Addition("GetVectorBucketPolicy", "policy", "policy", missing=NOT_FOUND, option="policy"),
    )
    extra_operations = ("DeleteIndex", "ListIndexes")
    tagging = tagging_of(ARN)
    unmanaged = {
        "PutVectorBucketDefaultIndexMode": "what was made since October 2026 knows one mode only, which filters before "
        "it searches",
        "PutVectorBucketPolicy.vectorBucketArn": "the vector bucket is named",
    }
    # A role that the policy names isn't known everywhere at once.
    passing = {"ValidationException": ("principal",)}
    hints = {
        "ConflictException": {
            "not empty": "Give force_destroy: true to delete its indexes with all their vectors for good."
        },
    }

    def prepare(self):
        if self.options["force_destroy"]:
            # An index was made while they were deleted.
            self.passing = {**self.passing, "ConflictException": ("not empty",)}

    def permission(self, operation, service):
        permission = super().permission(operation, service)
        return f"{permission} and s3vectors:TagResource" if operation == "CreateVectorBucket" else permission

    def indexes(self):
        answer = self.read("ListIndexes", self.named(), NOT_FOUND, doing=f"list the indexes of {self.title}")
        return gather(answer, "indexes.indexName")

    def refuse_removal(self, current):
        found = [] if self.options["force_destroy"] else self.indexes()
        if found:
            more = [f"{len(found) - MOST_NAMES} more"] if len(found) > MOST_NAMES else []
            raise ResourceError(
                f"{self.title} has the {'indexes' if len(found) > 1 else 'index'} {listed(found[:MOST_NAMES] + more)}. "
                "Give force_destroy: true to delete them with all their vectors for good."
            )

    def before_delete(self, current):
        if self.options["force_destroy"]:
            for name in self.indexes():
                request = {**self.named(), "indexName": name}
                self.write("DeleteIndex", request, f"delete the index {name!r} of {self.title}", NOT_FOUND)


def main():
    run_module(VectorBucket, DOCUMENTATION, {"kms_key_arn": {"no_log": False}})


if __name__ == "__main__":
    main()
