# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Index template of an OpenSearch domain."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.opensearch_index_template import IndexTemplate
from tests.support.scripted_domain import Request, refuse_object, run_object

PATH = "/_index_template/demo"
READ = f"{PATH}?flat_settings=true"
TEMPLATE = {
    "settings": {"number_of_shards": 2, "index": {"refresh_interval": "30s"}},
    "mappings": {"dynamic": False, "properties": {"@timestamp": {"type": "date"}, "fieldName": {"type": "keyword"}}},
}
PARAMS = {
    "name": "demo",
    "index_patterns": ["demo-*"],
    "template": TEMPLATE,
    "priority": 100,
    "composed_of": None,
    "data_stream": None,
    "version": None,
    "meta": {"managed_by": "agent_platform.aws"},
}
BODY = {
    "index_patterns": ["demo-*"],
    "template": TEMPLATE,
    "priority": 100,
    "_meta": {"managed_by": "agent_platform.aws"},
}
KEPT = {
    **BODY,
    "template": {
        "settings": {"index": {"number_of_shards": "2", "refresh_interval": "30s"}},
        "mappings": TEMPLATE["mappings"],
    },
    "composed_of": [],
}
REASON = "index template matching [demo] not found"
GONE = Request("GET", READ, {"error": {"type": "resource_not_found_exception", "reason": REASON}, "status": 404}, 404)


def seen(**members):
    return Request("GET", READ, {"index_templates": [{"name": "demo", "index_template": {**KEPT, **members}}]})


def run(params, *requests, **kwargs):
    return run_object(IndexTemplate, {**PARAMS, **params}, *requests, **kwargs)


def test_made_and_left_alone():
    result, _module = run({}, GONE, Request("PUT", PATH, {"acknowledged": True}, 200, BODY), seen())
    assert result["changed"] is True
    # Names of fields are the user's own.
    assert "fieldName" in result["index_template"]["template"]["mappings"]["properties"]
    result, _module = run({}, seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    "settings",
    [
        {"index": {"number_of_shards": "2", "refresh_interval": "30s"}},
        {"index.number_of_shards": "2", "index.refresh_interval": "30s"},
    ],
)
def test_settings_are_compared_by_their_whole_names(settings):
    result, _module = run({}, seen(template={**TEMPLATE, "settings": settings}))
    assert result["changed"] is False


@pytest.mark.parametrize(
    "other",
    [
        {"template": {**KEPT["template"], "mappings": {**TEMPLATE["mappings"], "dynamic": True}}},
        {"template": {**KEPT["template"], "mappings": {"properties": TEMPLATE["mappings"]["properties"]}}},
        {"template": {**KEPT["template"], "settings": {"index.number_of_shards": "2"}}},
        {"template": {**KEPT["template"], "aliases": {"theirs": {"is_write_index": True}}}},
        {"priority": 1},
        {"index_patterns": ["*"]},
        {"_meta": {}},
    ],
)
def test_what_others_have_made_of_it_is_set_back(other):
    result, _module = run({}, seen(**other), Request("PUT", PATH, {}, 200, BODY), seen(), seen())
    assert result["changed"] is True


def test_what_is_not_declared_goes_along():
    put = Request("PUT", PATH, {}, 200, {**BODY, "composed_of": ["theirs"], "version": 7})
    before = {"composed_of": ["theirs"], "version": 7}
    run({}, seen(priority=1, **before), put, seen(**before), seen(**before))


def test_of_data_streams():
    stream = {"data_stream": {"timestamp_field": {"name": "@timestamp"}}}
    put = Request("PUT", PATH, {}, 200, {**BODY, **stream})
    run({"data_stream": {}}, GONE, put, seen(**stream))
    result, _module = run({"data_stream": {}}, seen(**stream))
    assert result["changed"] is False
    result, _module = run({"data_stream": {}}, seen(), check_mode=True)
    assert result["changed"] is True


def test_a_new_one_needs_patterns():
    text = refuse_object(IndexTemplate, {**PARAMS, "index_patterns": None}, GONE)
    assert text == "OpenSearch index template 'demo' doesn't exist; to create it index_patterns must be given."


def test_another_template_for_the_same_indices_is_told():
    reason = "index template [demo] has index patterns [demo-*] matching patterns from existing templates [theirs]"
    answer = {"error": {"type": "illegal_argument_exception", "reason": reason}, "status": 400}
    text = refuse_object(IndexTemplate, PARAMS, GONE, Request("PUT", PATH, answer, 400))
    assert text == (
        "Could not create OpenSearch index template 'demo' (PUT /_index_template/demo at search.example.com):"
        f" illegal_argument_exception: {reason} (HTTP 400)."
    )
