# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of variables that nobody reads."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.variables import (
    misplaced_variable_faults,
    unknown_variable_faults,
)

COMPONENTS = ["network", "eks", "knowledge", "knowledge_base"]
KNOWN = ["platform_name", "platform_tags", "network_vpc_cidr", "eks_kubernetes_version", "knowledge_base_model"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("eks_verison", "the component eks has no such variable; did you mean eks_kubernetes_version?"),
        ("eks_colour", "the component eks has no such variable"),
        ("platform_tagz", "the platform has no such variable; did you mean platform_tags?"),
        (
            "knowledge_base_modle",
            "the component knowledge_base has no such variable; did you mean knowledge_base_model?",
        ),
        ("netwrok_vpc_cidr", "no component has such a variable; did you mean network_vpc_cidr?"),
        ("platfrom_name", "no component has such a variable; did you mean platform_name?"),
        ("my_network_vpc_cidr", None),
        ("team", None),
        ("ansible_network_os", None),
        ("_eks_verison", None),
        ("network_vpc_cidr", None),
    ],
)
def test_unknown_names(name, text):
    found = [str(item) for item in unknown_variable_faults([name, "inventory_hostname"], COMPONENTS, KNOWN)]
    assert found == ([f"{name}: {text}"] if text else [])


def test_variables_set_where_their_reader_does_not_look():
    options = {"network": ["network_vpc_cidr"], "eks": ["eks_node_groups"], "aurora": ["aurora_engine"]}
    names = {"network": {"eks_node_groups", "network_vpc_cidr", "aurora_engine"}, "eks": {"network_vpc_cidr"}}
    assert [str(item) for item in misplaced_variable_faults("network", names, options)] == [
        "eks_node_groups: is set for the host network, but eks reads it: move it to host_vars/eks.yml or group_vars/all"
    ]
    assert list(misplaced_variable_faults("eks", names, options)) == []
