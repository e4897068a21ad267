# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What entries leave out is filled in from the argument spec."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.with_defaults import with_defaults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import filled, options

OPTION = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "size": {"type": "int", "default": 2},
        "note": {"type": "str"},
        "labels": {"type": "dict", "default": {}},
        "limits": {"type": "dict", "options": {"most": {"type": "int", "default": 9}, "least": {"type": "int"}}},
        "taints": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"key": {"type": "str"}, "value": {"type": "str", "default": ""}},
        },
    },
}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, {}),
        ({"size": 5, "note": "x"}, {"size": 5, "note": "x"}),
        ({"size": None, "note": None}, {"note": None}),
        ({"size": 0, "labels": {"a": "b"}}, {"size": 0, "labels": {"a": "b"}}),
        ({"limits": {}}, {"limits": {"most": 9}}),
        ({"limits": {"most": 1, "least": 0}}, {"limits": {"most": 1, "least": 0}}),
        ({"taints": [{"key": "a"}]}, {"taints": [{"key": "a", "value": ""}]}),
        ({"unknown": 1}, {"unknown": 1}),
    ],
)
def test_what_an_entry_leaves_out(entry, expected):
    complete = {"name": "a", "size": 2, "labels": {}, "taints": []}
    assert filled([{"name": "a", **entry}], OPTION) == [{**complete, **expected}]


def test_defaults_are_not_shared():
    one, two = filled([{"name": "a"}, {"name": "b"}], OPTION)
    one["labels"]["a"] = "b"
    assert two["labels"] == {}
    assert filled([{"name": "c"}], OPTION)[0]["labels"] == {}


@pytest.mark.parametrize("variable", ["eks_node_groups", "eks_addons", "eks_access_entries"])
def test_the_defaults_are_those_of_the_role(variable):
    suboptions = options("eks")[variable]["options"]
    expected = {key: suboption["default"] for key, suboption in suboptions.items() if "default" in suboption}
    assert expected
    assert with_defaults([{}], "eks", variable) == [expected]


@pytest.mark.parametrize(("role", "variable"), [("eks", "eks_nodes"), ("none_such", "eks_addons")])
def test_a_variable_that_no_role_declares(role, variable):
    with pytest.raises(AnsibleFilterError, match=f"the role {role} declares no {variable}"):
        with_defaults([], role, variable)
