#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearchserverless_collection
version_added: 0.1.0
short_description: Manage a collection of Amazon OpenSearch Serverless
description:
  - Creates, changes and deletes a collection, and waits until it is active, or gone with all indexes in it.
  - An encryption policy that fits its name must be there before, see
    M(agent_platform.aws.opensearchserverless_security_policy).
  - Its type, its key and whether it has standby replicas can't be changed later. The module refuses that; it never
    replaces a collection.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the collection, of which an account has one in a region. It has 3 to 32 small letters, digits and
        hyphens and begins with a letter.
    type: str
    required: true
  type:
    description:
      - What the collection is for. It can't be changed later. AWS takes V(TIMESERIES) for a new one if it isn't set.
    type: str
    choices: [SEARCH, TIMESERIES, VECTORSEARCH]
  description:
    description:
      - What the collection holds, up to 1000 characters. An empty text removes it.
    type: str
  standby_replicas:
    description:
      - Whether there are replicas in another availability zone. Without them the collection costs half as much when it
        is idle. It can't be changed later. AWS takes V(ENABLED) for a new one if it isn't set.
    type: str
    choices: [ENABLED, DISABLED]
  kms_key_arn:
    description:
      - ARN of the KMS key that the collection must be encrypted with, V(auto) for a key of AWS. It isn't sent. The
        encryption policy decides when the collection is made, and the module fails where it is another key.
    type: str
  deletion_protection:
    description:
      - Whether AWS refuses to delete the collection. A removal turns it off first where it is V(false) there.
      - Older versions of botocore don't know it; 1.43.106 does.
    type: bool
  serverless_vector_acceleration:
    description:
      - Whether large vector indexes are built with graphics processors, with O(type=VECTORSEARCH).
    type: str
    choices: [ENABLED, DISABLED, ALLOWED]
notes:
  - The first collection of an account needs C(iam:CreateServiceLinkedRole), with which OpenSearch Serverless makes its
    role for metrics.
  - To create a collection with tags, the identity needs C(aoss:TagResource) besides C(aoss:CreateCollection).
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a collection for vectors
  agent_platform.aws.opensearchserverless_collection:
    name: demo-vectors
    type: VECTORSEARCH
    description: Vectors of the knowledge base
    standby_replicas: DISABLED
    deletion_protection: true
    tags:
      Project: demo

- name: Delete a collection with all indexes in it
  agent_platform.aws.opensearchserverless_collection:
    name: demo-vectors
    owned_by:
      Project: demo
    deletion_protection: false
    state: absent
"""

RETURN = r"""
collection:
  description: The collection as OpenSearch Serverless describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the collection. Not known in check mode before it exists.
      type: str
      sample: "arn:aws:aoss:us-west-2:123456789012:collection/abc123def456ghi789jk"
    collection_endpoint:
      description: URL at which its indexes are searched and filled.
      type: str
      sample: "https://abc123def456ghi789jk.us-west-2.aoss.amazonaws.com"
    id:
      description: ID of the collection. Not known in check mode before it exists.
      type: str
      sample: abc123def456ghi789jk
    kms_key_arn:
      description: ARN of the key that it is encrypted with, V(auto) for a key of AWS.
      type: str
    name:
      description: Name of the collection.
      type: str
    status:
      description: Its state, as ACTIVE.
      type: str
    tags:
      description: Tags of the collection.
      type: dict
    type:
      description: What it is for.
      type: str
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Tagging, Update
from ..module_utils.opensearch_serverless import NOT_FOUND, ServerlessResource
from ..module_utils.resource import run_module
from ..module_utils.values import same_key

ARN = {"resourceArn": "arn"}
PROTECTED = {True: "ENABLED", False: "DISABLED"}


class Collection(ServerlessResource):
    kind = "OpenSearch Serverless collection"
    result = "collection"
    names = {"name": "name"}
    identifier = "id"
    timeout = 1200
    describe = Describe("BatchGetCollection", "collectionDetails", many=True)
    create = Create("CreateCollection", token="clientToken", exists=("ConflictException",))
    delete = Delete("DeleteCollection", missing=NOT_FOUND, by="id")
    protection = "deletion_protection"
    settings = (
        Setting("type", "type"),
        Setting("description", "description", update="collection", absent=""),
        Setting("standby_replicas", "standbyReplicas"),
        # The encryption policy says it.
        Setting("kms_key_arn", None, read="kmsKeyArn", absent="", same=same_key),
        Setting(
            "deletion_protection",
            "deletionProtection",
            update="collection",
            absent=False,
            encode=PROTECTED.get,
            decode=lambda value: value == PROTECTED[True],
        ),
        Setting(
            "serverless_vector_acceleration",
            "vectorOptions.ServerlessVectorAcceleration",
            update="collection",
        ),
    )
    updates = {"collection": Update("UpdateCollection", by="id", token="clientToken")}
    additions = (Addition("ListTagsForResource", "tags", "tags", by=ARN, missing=NOT_FOUND, empty=[]),)
    tagging = Tagging("TagResource", "UntagResource", by=ARN, style="list")
    states = States(
        path="status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={"FAILED": "Remove the cause, delete it (state: absent), and run again."},
        degraded={"UPDATE_FAILED": "Remove the cause, and run again."},
        remade=frozenset({"FAILED"}),
    )
    unmanaged = {
        **dict.fromkeys(
            ("CreateCollection.collectionGroupName", "CreateCollection.encryptionConfig"),
            "a collection stands alone, with the key of its encryption policy",
        ),
    }
    # A policy that was made a moment ago.
    passing = {"ValidationException": ("No matching security policy",)}
    hints = {
        "ValidationException": {
            "no matching security policy": "Make an encryption policy for collection/<its name> first.",
            "deletion protection": "Give deletion_protection: false together with state: absent if it shall really go.",
        },
        "OcuLimitExceededException": {
            "": "Raise the account's capacity limits (aws opensearchserverless update-account-settings), and run again."
        },
    }

    def permission(self, operation, service):
        permission = super().permission(operation, service)
        return f"{permission} and aoss:TagResource" if operation == "CreateCollection" else permission

    def describe_request(self):
        return {"names": [self.options["name"]]}

    def encoded_tags(self, tags):
        return [{"key": key, "value": str(value)} for key, value in tags.items()]

    def reasons(self, current):
        said = [current[member] for member in ("failureCode", "failureMessage") if current.get(member)]
        return f"{': '.join(said)}.".replace("..", ".") if said else ""


def main():
    run_module(Collection, DOCUMENTATION, {"kms_key_arn": {"no_log": False}})


if __name__ == "__main__":
    main()
