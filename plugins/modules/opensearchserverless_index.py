#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearchserverless_index
version_added: 0.1.0
short_description: Manage an index in a collection of Amazon OpenSearch Serverless
description:
  - Creates an index, adds fields to it, changes settings that can be changed, and deletes it.
  - What a field is can't be changed later. The module refuses that, unless O(replace) says that the index may be made
    anew, without the documents in it.
  - It works by calls of AWS and not at the collection's own address. A data access policy must let the identity of the
    run do it nevertheless. OpenSearch Serverless goes by a new policy, and shows a new index, after a while only; the
    module waits for both, up to three minutes for the former.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  collection:
    description:
      - Name of the collection that the index lies in.
    type: str
    required: true
  name:
    description:
      - Name of the index, of which a collection has one. It has up to 255 small letters, digits, hyphens and
        underscores, and begins with a letter.
    type: str
    required: true
  schema:
    description:
      - The index as OpenSearch has it, with its C(settings) and its C(mappings). To create it, it is needed. Settings
        may be written with dots or nested, with C(index.) before them or without.
      - Fields and settings that are there and not declared stay. So do those of a field that isn't given here in full.
      - A knowledge base of Amazon Bedrock takes an index with C(index.knn), with one field of the type C(knn_vector) of
        the engine C(faiss), whose dimension is that of the embedding model, and a text field each for the text and for
        its metadata.
    type: dict
  replace:
    description:
      - Whether an index that differs in what can't be changed is deleted, with all documents in it, and made anew.
      - Without it the module fails and says what differs.
    type: bool
    default: false
notes:
  - The identity needs C(aoss:CreateIndex), C(aoss:GetIndex), C(aoss:UpdateIndex) and C(aoss:DeleteIndex) and
    C(aoss:APIAccessAll) of IAM, and C(aoss:CreateIndex), C(aoss:DescribeIndex), C(aoss:UpdateIndex) and
    C(aoss:DeleteIndex) of a data access policy.
  - Indexes carry no tags, so O(owned_by) isn't looked at. They are the collection's, which is known by its own tags.
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make an index for a knowledge base with the embedding model Titan V2
  agent_platform.aws.opensearchserverless_index:
    collection: demo-vectors
    name: bedrock-knowledge-base-default-index
    schema:
      settings:
        index.knn: true
      mappings:
        properties:
          bedrock-knowledge-base-default-vector:
            type: knn_vector
            dimension: 1024
            method: {name: hnsw, engine: faiss, space_type: l2, parameters: {ef_construction: 512, m: 16}}
          AMAZON_BEDROCK_TEXT_CHUNK: {type: text}
          AMAZON_BEDROCK_METADATA: {type: text, index: false}
"""

RETURN = r"""
index:
  description: The index as OpenSearch Serverless describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    id:
      description: ID of the collection that it lies in.
      type: str
    index_name:
      description: Name of the index.
      type: str
    index_schema:
      description: Its settings and mappings.
      type: dict
replaced:
  description: Whether the index was made anew in place of another one, or would be in check mode.
  returned: always
  type: bool
"""

from ..module_utils.calls import PASSING_FOR
from ..module_utils.declarations import Change, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.opensearch_serverless import NOT_FOUND, ServerlessResource
from ..module_utils.replacing import Replacing
from ..module_utils.resource import run_module
from ..module_utils.values import flat, gather, get_path

DENIED = "AccessDeniedException"
# Settings that OpenSearch takes for an index that is there.
CHANGEABLE = frozenset({"index.knn.algo_param.ef_search", "index.refresh_interval"})
# What a field that doesn't say it stands for.
DEFAULTS = {"index": "true", "store": "false"}


def text_of(value):
    """A value as OpenSearch tells it: settings as texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings_of(schema):
    """The settings by their whole names, each as a text."""
    named = flat((schema or {}).get("settings")).items()
    return {name if name.startswith("index.") else f"index.{name}": text_of(value) for name, value in named}


def fields_of(schema):
    return get_path(schema or {}, "mappings.properties") or {}


def new_fields(current, desired):
    """The declared fields that aren't there, by their names."""
    have = fields_of(current)
    return {name: field for name, field in fields_of(desired).items() if name not in have}


def other_settings(current, desired):
    """The declared settings that are otherwise, by their names. What isn't told of them can't be compared."""
    have = {"index.knn": "false", **settings_of(current)}
    return {name: value for name, value in settings_of(desired).items() if name in have and have[name] != value}


def other_fields(current, desired):
    """What differs in fields that are there: what is there and what is declared, by its path."""
    found = {}
    have = fields_of(current)
    for name, field in fields_of(desired).items():
        there = flat(have.get(name))
        for part, value in flat(field).items() if name in have else ():
            value, is_there = text_of(value), text_of(there.get(part, DEFAULTS.get(part, "")))
            if value != is_there:
                found[f"{name}.{part}"] = (is_there, value)
    return found


def same_schema(current, desired):
    return not (new_fields(current, desired) or other_fields(current, desired) or other_settings(current, desired))


class Index(ServerlessResource, Replacing):
    kind = "OpenSearch Serverless index"
    result = "index"
    names = {"id": "collection", "indexName": "name"}
    needed = ("schema",)
    describe = Describe("GetIndex", "", missing=NOT_FOUND)
    create = Create("CreateIndex", exists=("ConflictException",), tags=None)
    delete = Delete("DeleteIndex", missing=NOT_FOUND)
    settings = (Setting("schema", "indexSchema", update="schema", verbatim=True, same=same_schema, absent={}),)
    updates = {"schema": Update("UpdateIndex")}
    extra_operations = ("BatchGetCollection",)
    free_form = ("indexSchema",)
    # "Access denied to create index", as long as the data access policy doesn't count yet.
    passing = {DENIED: ("Access denied to",)}
    hints = {
        DENIED: {
            "access denied to": "Let a data access policy give the identity of this run aoss:CreateIndex, "
            "aoss:DeleteIndex, aoss:DescribeIndex and aoss:UpdateIndex on the collection's indexes, and IAM "
            "aoss:APIAccessAll on the collection, and look whether the network policy lets it in. A new policy counts "
            "after a few minutes."
        }
    }

    def prepare(self):
        super().prepare()
        self.collection_id = None

    def named(self, names=None):
        named = super().named(names)
        return {**named, "id": self.collection_id} if self.collection_id and "id" in named else named

    # ---- Reading

    def find(self):
        self.collection_id = self.collection_id or self.id_of_collection()
        if self.collection_id is None:
            return None
        for found, denied in self.looks(self.look, PASSING_FOR, pause=2.0, longest=10.0):
            if denied is None:
                return found
            if self.check_mode or self.options["state"] == "absent":
                break
        if not self.check_mode:
            raise denied
        self.module.warn(f"Whether there is the {self.title} isn't known. {denied}")
        return None

    def look(self):
        """The index, and the refusal to tell that the data access policy may be the cause of."""
        try:
            return super().find(), None
        except ResourceError as error:
            if error_code(error.cause) != DENIED:
                raise
            return None, error

    def id_of_collection(self):
        request = {"names": [self.options["collection"]]}
        doing = f"look up the collection {self.options['collection']!r}"
        return next(iter(gather(self.read("BatchGetCollection", request, doing=doing), "collectionDetails.id")), None)

    def complete(self, description):
        return {**self.named(), **description}

    # ---- Differences

    def fixed(self, current):
        fields = other_fields(current["indexSchema"], self.options["schema"])
        found = {path: Change(self.settings[0], *values) for path, values in fields.items()}
        have = settings_of(current["indexSchema"])
        for name, value in other_settings(current["indexSchema"], self.options["schema"]).items():
            if name not in CHANGEABLE:
                found[name] = Change(self.settings[0], have.get(name), value)
        return found

    def refuse(self, current, changes):
        if current is None and self.collection_id is None and not self.check_mode:
            raise ResourceError(
                f"The collection {self.options['collection']!r} doesn't exist, so {self.title} can't be made. Make it "
                "first."
            )
        if current is not None and changes:
            self.refuse_fixed(self.fixed(current))

    def update_schema(self, changes, current):
        """Only what is new: OpenSearch refuses settings that can't be changed, even those that are as they were."""
        desired = changes["schema"].desired
        fields, settings = (part(current["indexSchema"], desired) for part in (new_fields, other_settings))
        schema = {"mappings": {"properties": fields} if fields else {}, "settings": settings}
        request = {**self.named(), "indexSchema": {part: value for part, value in schema.items() if value}}
        self.write("UpdateIndex", request, f"update {self.title}")


def main():
    run_module(Index, DOCUMENTATION)


if __name__ == "__main__":
    main()
