# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Index in a collection of OpenSearch Serverless."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.opensearchserverless_index import Index, same_schema
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

NAME = "bedrock-knowledge-base-default-index"
COLLECTION = "abc123def456ghi789jk"
ID = {"id": COLLECTION, "indexName": NAME}
VECTOR = {
    "type": "knn_vector",
    "dimension": 1024,
    "method": {
        "name": "hnsw",
        "engine": "faiss",
        "space_type": "l2",
        "parameters": {"ef_construction": 512, "m": 16},
    },
}
SCHEMA = {
    "settings": {"index.knn": True},
    "mappings": {
        "properties": {
            "bedrock-knowledge-base-default-vector": VECTOR,
            "AMAZON_BEDROCK_TEXT_CHUNK": {"type": "text", "index": True},
            "AMAZON_BEDROCK_METADATA": {"type": "text", "index": False},
        }
    },
}
# As OpenSearch tells it: settings nested and as texts, with what it adds, and fields without what is its default.
KEPT = {
    "settings": {"index": {"knn": "true", "number_of_shards": "2", "provided_name": NAME}},
    "mappings": {
        "properties": {
            "bedrock-knowledge-base-default-vector": VECTOR,
            "AMAZON_BEDROCK_TEXT_CHUNK": {"type": "text"},
            "AMAZON_BEDROCK_METADATA": {"type": "text", "index": False},
        }
    },
}
PARAMS = {"collection": "demo-vectors", "name": NAME, "schema": SCHEMA, "replace": False}


def collection(*ids):
    return Step(
        "BatchGetCollection", {"collectionDetails": [{"id": name} for name in ids]}, {"names": ["demo-vectors"]}
    )


THERE = collection(COLLECTION)
GONE = Step("GetIndex", api_error("GetIndex", "ResourceNotFoundException", "Index not found"), ID)
CREATE = Step("CreateIndex", {}, {**ID, "indexSchema": SCHEMA})
DELETE = Step("DeleteIndex", {}, ID)


def denied(operation, what):
    return Step(operation, api_error(operation, "AccessDeniedException", f"Access denied to {what} index", 403))


def seen(**changed):
    """changed: other properties of the vector field."""
    schema = copy.deepcopy(KEPT)
    schema["mappings"]["properties"]["bedrock-knowledge-base-default-vector"] |= changed
    return Step("GetIndex", {"indexSchema": schema}, ID)


def run(params, *steps, **kwargs):
    return run_resource(Index, {**PARAMS, **params}, *steps, **kwargs)


def refusal(params, *steps):
    return refuse_resource(Index, {**PARAMS, **params}, *steps)


def test_made_and_waited_for_until_it_is_seen():
    result, _aws, _module = run({}, THERE, GONE, CREATE, GONE, GONE, seen())
    assert result["changed"] is True
    assert result["index"] == {"id": COLLECTION, "index_name": NAME, "index_schema": KEPT}
    assert result["replaced"] is False


def test_left_alone_as_declared():
    result, _aws, _module = run({}, THERE, seen())
    assert result["changed"] is False


def test_a_data_access_policy_that_does_not_count_yet_is_waited_for():
    look, write = denied("GetIndex", "head"), denied("CreateIndex", "create")
    run({}, THERE, look, look, GONE, write, GONE, CREATE, look, seen())


def test_a_refusal_that_stays_says_what_helps():
    text = refusal({}, THERE, *endless(denied("GetIndex", "head")))
    assert "Access denied to head index" in text
    assert "Let a data access policy give the identity of this run aoss:CreateIndex" in text


def test_another_refusal_is_told_at_once():
    missing = "User: x is not authorized to perform: aoss:CreateIndex"
    refused = api_error("CreateIndex", "AccessDeniedException", missing, 403)
    assert "Allow aoss:CreateIndex" in refusal({}, THERE, GONE, Step("CreateIndex", refused))
    fault = api_error("GetIndex", "ValidationException", "no", 400)
    assert "ValidationException: no" in refusal({}, THERE, Step("GetIndex", fault))


def test_a_dry_run_does_not_wait_for_a_policy():
    result, _aws, module = run({}, THERE, denied("GetIndex", "head"), check_mode=True)
    assert result["changed"] is True
    assert "isn't known" in module.warnings[0]


def test_without_its_collection():
    assert "The collection 'demo-vectors' doesn't exist" in refusal({}, collection())
    assert run({}, collection(), check_mode=True)[0]["changed"] is True
    assert run({"state": "absent"}, collection())[0]["changed"] is False


def test_lost_reply_makes_no_second_one():
    _result, aws, _module = run({}, THERE, GONE, Step("CreateIndex", lost_reply()), seen())
    assert aws.operations().count("CreateIndex") == 1


def test_one_that_two_runs_make_at_once():
    taken = api_error("CreateIndex", "ConflictException", "resource_already_exists_exception")
    run({}, THERE, GONE, Step("CreateIndex", taken), seen())


def test_a_new_field_and_a_setting_are_added_alone():
    schema = copy.deepcopy(SCHEMA)
    schema["mappings"]["properties"]["page"] = {"type": "integer"}
    schema["settings"] |= {"refresh_interval": "30s", "index": {"number_of_shards": 2}}
    sent = {"mappings": {"properties": {"page": {"type": "integer"}}}, "settings": {"index.refresh_interval": "30s"}}
    before, after = copy.deepcopy(KEPT), copy.deepcopy(KEPT)
    before["settings"]["index"]["refresh_interval"] = "10s"
    after["settings"]["index"]["refresh_interval"] = "30s"
    after["mappings"]["properties"]["page"] = {"type": "integer"}
    looks = [Step("GetIndex", {"indexSchema": schema}, ID) for schema in (before, after, after)]
    update = Step("UpdateIndex", {}, {**ID, "indexSchema": sent})
    assert run({"schema": schema}, THERE, looks[0], update, *looks[1:])[0]["changed"] is True


FIXED = [
    (seen(dimension=512), "bedrock-knowledge-base-default-vector.dimension: is '512', declared '1024'"),
    (seen(method={"name": "hnsw", "engine": "nmslib"}), "vector.method.engine: is 'nmslib', declared 'faiss'"),
    (
        Step("GetIndex", {"indexSchema": {**KEPT, "settings": {}}}, ID),
        "index.knn: is None, declared 'true'",
    ),
]


@pytest.mark.parametrize(("look", "text"), FIXED)
def test_what_cannot_be_changed_is_refused(look, text):
    told = refusal({}, THERE, look)
    assert text in told
    assert "replace: true" in told


@pytest.mark.parametrize(("look", "text"), FIXED)
def test_it_is_made_anew_where_that_is_asked_for(look, text):
    result, _aws, module = run({"replace": True}, THERE, look, DELETE, GONE, CREATE, seen())
    assert result["replaced"] is True
    assert text in module.warnings[0]
    result, _aws, _module = run({"replace": True}, THERE, look, check_mode=True)
    assert result["replaced"] is True


def test_removed():
    result, _aws, _module = run({"state": "absent"}, THERE, seen(), DELETE, GONE)
    assert result["changed"] is True


def test_schemas_are_compared_by_what_they_say():
    assert same_schema(KEPT, SCHEMA)
    assert same_schema(KEPT, {"settings": {"index": {"knn": True, "number_of_shards": 2}}})
    # What isn't told can't be compared, but for what makes it an index of vectors.
    assert same_schema(KEPT, {"settings": {"index.knn.algo_param.ef_search": 512}})
    assert not same_schema(KEPT, {"settings": {"number_of_shards": 3}})
    assert not same_schema({"settings": {}}, {"settings": {"knn": True}})
    assert not same_schema({}, SCHEMA)
