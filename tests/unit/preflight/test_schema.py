# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specs taken at their word: types, choices, required and unknown keys, at every depth."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.schema import check

OPTIONS = {
    "demo_text": {"type": "str"},
    "demo_number": {"type": "int", "choices": [1, 3, 5]},
    "demo_share": {"type": "float"},
    "demo_switch": {"type": "bool"},
    "demo_kind": {"type": "str", "choices": ["per_az", "single"]},
    "demo_names": {"type": "list", "elements": "str"},
    "demo_kinds": {"type": "list", "elements": "str", "choices": ["api", "audit"]},
    "demo_free": {"type": "dict"},
    "demo_password": {"type": "str", "no_log": True, "choices": ["right"]},
    "demo_groups": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "size": {"type": "int", "default": 2},
            "limits": {"type": "dict", "options": {"most": {"type": "int", "default": 9}}},
        },
    },
}


def lines(**values):
    return [str(item) for item in check("demo", OPTIONS, values)[1]]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"demo_text": True},
            "demo_text: true is not a text: put it in quotes, YAML reads yes, no, on and off as true or false",
        ),
        (
            {"demo_text": 1.3},
            "demo_text: 1.3 is not a text: put it in quotes, as a number it loses zeros (1.30 is 1.3)",
        ),
        ({"demo_text": ["a"]}, "demo_text: ['a'] is not a text"),
        ({"demo_number": "three"}, "demo_number: 'three' is not a whole number"),
        ({"demo_number": True}, "demo_number: true is not a whole number"),
        ({"demo_number": 1.0}, "demo_number: 1.0 is not a whole number"),
        (
            {"demo_number": "3"},
            "demo_number: '3' is a text, not a whole number: write it without quotes,"
            """ with -e as JSON: -e '{"demo_number": 3}'""",
        ),
        ({"demo_number": 4}, "demo_number: 4 is not one of 1, 3, 5"),
        (
            {"demo_switch": "false"},
            "demo_switch: 'false' is a text, not true or false: write false without quotes,"
            """ with -e as JSON: -e '{"demo_switch": false}'""",
        ),
        (
            {"demo_switch": "Yes"},
            "demo_switch: 'Yes' is a text, not true or false: write true without quotes,"
            """ with -e as JSON: -e '{"demo_switch": true}'""",
        ),
        ({"demo_switch": 0}, "demo_switch: 0 is not true or false"),
        ({"demo_share": "x"}, "demo_share: 'x' is not a number"),
        ({"demo_kind": "per-az"}, "demo_kind: 'per-az' is not one of per_az, single; did you mean per_az?"),
        ({"demo_names": "a,b"}, "demo_names: 'a,b' is not a list"),
        (
            {"demo_names": ["a", 5]},
            "demo_names[1]: 5 is not a text: put it in quotes, as a number it loses zeros (1.30 is 1.3)",
        ),
        ({"demo_kinds": ["api", "audti"]}, "demo_kinds[1]: 'audti' is not one of api, audit; did you mean audit?"),
        ({"demo_free": []}, "demo_free: [] is not a mapping"),
        ({"demo_groups": [{"size": 1}]}, "demo_groups[0].name: is required and missing"),
        ({"demo_groups": [{"name": "a", "sise": 1}]}, "demo_groups[0].sise: there is no such key; did you mean size?"),
        ({"demo_groups": [{"name": "a", "x": 1}]}, "demo_groups[0].x: there is no such key; known: name, size, limits"),
        (
            {"demo_groups": [{"name": "a", "size": "1"}]},
            "demo_groups[0].size: '1' is a text, not a whole number: write it without quotes",
        ),
        (
            {"demo_groups": [{"name": "a", "limits": {"most": "b"}}]},
            "demo_groups[0].limits.most: 'b' is not a whole number",
        ),
        (
            {"demo_groups": [{"name": "a", "size": None}]},
            "demo_groups[0].size: null is empty: give it a value or remove the line to get the default",
        ),
        ({"demo_password": "sentinel"}, "demo_password: '********' is not one of right"),
    ],
)
def test_each_fault_is_one_line(values, line):
    assert lines(**values) == [line]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"demo_text": "1.30", "demo_number": 3, "demo_switch": False, "demo_kind": "single", "demo_share": 1},
        {"demo_names": [], "demo_kinds": ["audit"], "demo_free": {"any": [1]}},
        {"demo_groups": [{"name": "a", "limits": {}}, {"name": "b", "limits": None}]},
    ],
)
def test_what_is_right_has_no_fault(values):
    assert lines(**values) == []


def test_all_faults_are_found_at_once():
    found = lines(demo_number="three", demo_kind="x", demo_groups=[{"sise": 1}, {"name": 2}])
    assert len(found) == 5


def test_nested_defaults_are_filled_in():
    right, faults = check("demo", OPTIONS, {"demo_groups": [{"name": "a"}, {"name": "b", "size": 5, "limits": {}}]})
    assert not faults
    assert right["demo_groups"] == [{"name": "a", "size": 2}, {"name": "b", "size": 5, "limits": {"most": 9}}]


def test_wrong_parts_are_left_out_of_what_other_rules_see():
    right, faults = check(
        "demo", OPTIONS, {"demo_groups": [{"name": "a", "size": "1"}], "demo_names": ["a", 5], "demo_text": "x"}
    )
    assert len(faults) == 2
    assert right == {"demo_groups": [{"name": "a"}], "demo_text": "x"}


def test_required_and_emptied_variables():
    options = {"demo_id": {"type": "str", "required": True}, "demo_size": {"type": "int"}, "demo_note": {"type": "str"}}
    _right, faults = check("demo", options, {"demo_size": None, "demo_note": None}, {"demo_size": 3, "demo_note": None})
    assert [str(item) for item in faults] == [
        "demo_id: is required and missing",
        "demo_size: null is empty: give it a value or remove the line to get the default",
    ]


def test_rules_between_options_are_ansibles_own():
    options = {
        "demo_access": {
            "type": "dict",
            "options": {"key": {"type": "str"}, "profile": {"type": "str"}},
            "mutually_exclusive": [["key", "profile"]],
        }
    }
    _right, faults = check("demo", options, {"demo_access": {"key": "a", "profile": "b"}})
    assert [str(item) for item in faults] == [
        "demo: parameters are mutually exclusive: key|profile found in demo_access"
    ]
