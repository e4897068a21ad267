# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The document of feature flags: what is declared, and what operators and AppConfig have made of it."""

from __future__ import annotations

import copy

from ansible_collections.agent_platform.aws.plugins.module_utils.feature_flags import merged, plain

SECONDS = {"key": "seconds", "type": "number", "minimum": 0, "maximum": 60, "value": 30}
CACHE = {"key": "cache", "description": "Cache", "enabled": False, "attributes": [SECONDS]}
TIMES = {"_createdAt": "2026-11-29T07:00:00Z", "_updatedAt": "2026-11-29T07:30:00Z"}
DEPLOYED = {
    "version": "1",
    "flags": {
        "cache": {
            "name": "cache",
            "description": "Cache",
            "attributes": {"seconds": {"constraints": {"type": "number", "minimum": 0, "maximum": 60}}},
            **TIMES,
        }
    },
    "values": {"cache": {"enabled": False, "seconds": 30, **TIMES}},
}


def deployed(**values):
    """The document with other values of the flag."""
    document = copy.deepcopy(DEPLOYED)
    document["values"]["cache"] |= values
    return document


def test_a_new_document():
    assert merged(None, [CACHE]) == plain(DEPLOYED)
    assert merged(None, []) == plain(None) == {"version": "1", "flags": {}, "values": {}}


def test_the_times_that_appconfig_writes_are_kept_and_not_compared():
    assert merged(DEPLOYED, [CACHE]) == DEPLOYED
    assert plain(DEPLOYED) == plain(deployed(_updatedAt="2026-11-30T00:00:00Z"))


def test_the_document_that_is_given_stays_as_it_is():
    before = deployed(enabled=True)
    merged(before, [{**CACHE, "description": "Other", "enabled": False}], manage_values=True, purge=True)
    assert before == deployed(enabled=True)


def test_values_are_the_operators_but_where_there_is_none():
    changed = deployed(enabled=True, seconds=10)
    assert merged(changed, [CACHE]) == changed
    more = {**CACHE, "attributes": [SECONDS, {"key": "shared", "type": "boolean", "value": True}]}
    found = merged(changed, [more])
    assert found["values"]["cache"] == {"enabled": True, "seconds": 10, "shared": True, **TIMES}
    assert found["flags"]["cache"]["attributes"]["shared"] == {"constraints": {"type": "boolean"}}


def test_values_are_the_declared_ones_where_that_is_asked_for():
    assert merged(deployed(enabled=True, seconds=10), [CACHE], manage_values=True) == DEPLOYED
    # What has no declared value keeps that of the operators.
    without = {**CACHE, "attributes": [{**SECONDS, "value": None}]}
    found = merged(deployed(enabled=True, seconds=10), [without], manage_values=True)
    assert found["values"]["cache"] == {"enabled": False, "seconds": 10, **TIMES}


def test_what_defines_a_flag_is_as_declared():
    changed = copy.deepcopy(DEPLOYED)
    changed["flags"]["cache"] |= {"name": "Other", "description": "Other", "_deprecation": {"status": "planned"}}
    changed["flags"]["cache"]["attributes"]["seconds"]["constraints"]["maximum"] = 9
    found = merged(changed, [{**CACHE, "name": "cache"}])
    assert found["flags"]["cache"] == {**DEPLOYED["flags"]["cache"], "_deprecation": {"status": "planned"}}
    # A name that isn't declared is left, and so is a description; an empty one goes.
    assert merged(changed, [{"key": "cache"}])["flags"]["cache"]["name"] == "Other"
    assert merged(changed, [{"key": "cache"}])["flags"]["cache"]["description"] == "Other"
    assert "description" not in merged(changed, [{"key": "cache", "description": ""}])["flags"]["cache"]


def test_constraints_that_say_the_same_are_left():
    said = copy.deepcopy(DEPLOYED)
    said["flags"]["cache"]["attributes"]["seconds"]["constraints"]["required"] = False
    assert merged(said, [CACHE]) == said


def test_what_isnt_declared_is_left_or_goes():
    more = deployed(extra="x")
    more["flags"]["cache"]["attributes"]["extra"] = {"constraints": {"type": "string"}}
    more["flags"]["theirs"], more["values"]["theirs"] = {"name": "theirs"}, {"enabled": True}
    assert merged(more, [CACHE]) == more
    assert merged(more, [CACHE], purge=True) == DEPLOYED
    assert merged(DEPLOYED, [], purge=True) == plain(None)


def test_a_flag_of_several_variants_is_left_as_it_is():
    variants = {"_variants": [{"name": "beta", "enabled": True, "rule": '(eq $group "beta")'}]}
    changed = {**DEPLOYED, "values": {"cache": variants}}
    assert merged(changed, [{**CACHE, "description": "Other"}], manage_values=True) == changed


def test_elements_of_arrays():
    names = {"key": "names", "type": "array", "elements": {"type": "string", "enum": ["a"]}, "value": ["a"]}
    found = merged(None, [{"key": "cache", "attributes": [names]}])
    assert found["flags"]["cache"]["attributes"] == {
        "names": {"constraints": {"type": "array", "elements": {"type": "string", "enum": ["a"]}}}
    }
    assert found["values"]["cache"] == {"enabled": False, "names": ["a"]}
