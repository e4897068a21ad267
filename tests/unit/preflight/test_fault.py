# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a fault reads, and which name was probably meant."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.fault import (
    LONGEST_VALUE,
    Fault,
    did_you_mean,
    edits,
    fault,
    nearest,
    show,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("10.0.0.0/33", "'10.0.0.0/33'"),
        ("", "''"),
        ("two\nlines", r"'two\nlines'"),
        (None, "null"),
        (True, "true"),
        (1.3, "1.3"),
        (42, "42"),
        (["a", 1, False], "['a', 1, false]"),
        ({"a": {"b": []}}, "{a: {b: []}}"),
    ],
)
def test_values_are_shown_as_yaml_on_one_line(value, shown):
    assert show(value) == shown


def test_a_long_value_is_cut():
    shown = show(["x" * 300])
    assert len(shown) == LONGEST_VALUE
    assert shown.endswith("...")


def test_a_fault_is_one_line_with_variable_value_rule_and_place():
    found = fault("network_vpc_cidr", "10.0.0.0/33", "is not an IPv4 network with a prefix length from 16 to 28")
    line = "network_vpc_cidr: '10.0.0.0/33' is not an IPv4 network with a prefix length from 16 to 28"
    assert str(found) == line
    assert str(found._replace(place="inventories/dev/host_vars/network.yml:3")) == (
        f"{line} (inventories/dev/host_vars/network.yml:3)"
    )


@pytest.mark.parametrize(
    ("variable", "root"),
    [
        ("eks_node_groups[0].min_size", "eks_node_groups"),
        ("eks_node_groups[].name", "eks_node_groups"),
        ("platform_tags.a.b", "platform_tags"),
        ("network_vpc_cidr", "network_vpc_cidr"),
    ],
)
def test_the_inventory_variable_of_a_fault(variable, root):
    assert Fault(variable, "").root == root


KNOWN = ["eks_kubernetes_version", "eks_node_groups", "eks_log_types", "eks_log_retention_days", "eks_addons"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("eks_verison", "eks_kubernetes_version"),
        ("eks_kubernetes_verson", "eks_kubernetes_version"),
        ("eks_nodegroups", "eks_node_groups"),
        ("eks_log_retenton_days", "eks_log_retention_days"),
        ("eks_addon", "eks_addons"),
        ("eks_colour", None),
    ],
)
def test_the_known_name_that_was_meant(name, meant):
    assert nearest(name, KNOWN, "eks_") == meant


def test_a_guess_is_only_made_where_there_is_one():
    assert did_you_mean("lables", ["labels", "taints"]) == "; did you mean labels?"
    assert did_you_mean("colour", ["labels", "taints"]) == ""
    assert did_you_mean("anything", []) == ""


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("us-west", "us-west", 0),
        ("us-wset", "us-west", 1),
        ("us-wes", "us-west", 1),
        ("us-west", "us-wes", 1),
        ("us-east", "us-west", 2),
        ("netwrok_vpc_cidr", "network_vpc_cidr", 1),
        ("", "abc", 3),
    ],
)
def test_edits_between_two_texts(one, other, count):
    assert edits(one, other) == count
