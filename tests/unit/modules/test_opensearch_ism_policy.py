# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lifecycle policy of a domain's indices. Answers as the documentation of Index State Management has them."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.opensearch_ism_policy import IsmPolicy
from tests.support.scripted_domain import Request, run_object

PATH = "/_plugins/_ism/policies/demo"
POLICY = {
    "description": "Logs for 30 days",
    "default_state": "hot",
    "states": [
        {
            "name": "hot",
            "actions": [{"rollover": {"min_index_age": "1d"}}],
            "transitions": [{"state_name": "gone", "conditions": {"min_index_age": "30d"}}],
        },
        {"name": "gone", "actions": [{"delete": {}}]},
    ],
    "ism_template": [{"index_patterns": ["demo-*"], "priority": 100}],
}
PARAMS = {"name": "demo", "policy": POLICY}
GONE = Request(
    "GET", PATH, {"error": {"type": "status_exception", "reason": "Policy not found"}, "status": 404}, status=404
)


def kept():
    """As the domain answers: with what it notes, and with what an action does if it doesn't say so."""
    policy = copy.deepcopy(POLICY)
    retry = {"count": 3, "backoff": "exponential", "delay": "1m"}
    policy["states"][0]["actions"] = [{"retry": retry, "rollover": {"min_index_age": "1d", "copy_alias": False}}]
    policy["states"][1] |= {"actions": [{"retry": retry, "delete": {}}], "transitions": []}
    policy["ism_template"][0]["last_updated_time"] = 1
    return {**policy, "policy_id": "demo", "last_updated_time": 1, "schema_version": 21, "error_notification": None}


def seen(policy=None, number=7):
    answer = {"_id": "demo", "_version": 2, "_seq_no": number, "_primary_term": 1, "policy": policy or kept()}
    return Request("GET", PATH, answer)


def put(number=7, **answer):
    return Request(
        "PUT", f"{PATH}?if_seq_no={number}&if_primary_term=1", **{"answer": {}, "body": {"policy": POLICY}, **answer}
    )


def test_made_and_left_alone():
    made = Request("PUT", PATH, {"_id": "demo"}, 201, {"policy": POLICY})
    result, _module = run_object(IsmPolicy, PARAMS, GONE, made, seen())
    assert result["changed"] is True
    result, _module = run_object(IsmPolicy, PARAMS, seen())
    assert result["changed"] is False


def changed(change):
    policy = kept()
    change(policy)
    return policy


@pytest.mark.parametrize(
    "change",
    [
        lambda policy: policy.update(description="theirs"),
        lambda policy: policy.update(error_notification={"channel": {"id": "theirs"}}),
        lambda policy: policy["states"][0]["transitions"][0]["conditions"].update(min_index_age="1d"),
        lambda policy: policy["states"][0]["actions"][0]["rollover"].update(copy_alias=True),
        lambda policy: policy["states"][1]["actions"][0]["retry"].update(count=9),
        lambda policy: policy["states"][1]["actions"].clear(),
        lambda policy: policy["states"].append({"name": "theirs", "actions": [], "transitions": []}),
        lambda policy: policy["ism_template"][0].update(index_patterns=["*"]),
        lambda policy: policy["ism_template"].clear(),
    ],
)
def test_what_others_have_made_of_it_is_set_back(change):
    result, _module = run_object(IsmPolicy, PARAMS, seen(changed(change)), put(), seen(), seen())
    assert result["changed"] is True
    assert result["diff"]["before"] != result["diff"]["after"]


def test_a_policy_that_someone_has_just_changed_is_read_again():
    reason = "[demo]: version conflict, required seqNo [7], primary term [1]. current document has seqNo [8]"
    conflict = {"error": {"type": "version_conflict_engine_exception", "reason": reason}, "status": 409}
    theirs = changed(lambda policy: policy.update(description="theirs"))
    refused = put(7, answer=conflict, status=409)
    result, _module = run_object(IsmPolicy, PARAMS, seen(theirs), refused, seen(theirs, 8), put(8), seen(), seen())
    assert result["changed"] is True


def test_one_that_another_run_has_just_made_is_left_alone():
    conflict = {"error": {"type": "version_conflict_engine_exception", "reason": "document already exists"}}
    result, _module = run_object(IsmPolicy, PARAMS, GONE, Request("PUT", PATH, conflict, 409), seen())
    assert result["changed"] is False


def test_removed():
    result, _module = run_object(IsmPolicy, {**PARAMS, "state": "absent"}, seen(), Request("DELETE", PATH, {}), GONE)
    assert result["changed"] is True
