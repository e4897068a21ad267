# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the VPC origin."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names

from .declared import fault_lines, values


@pytest.mark.parametrize("variable", ["vpc_origin_timeout_seconds", "vpc_origin_distribution_timeout_seconds"])
def test_waits_have_a_beginning(variable):
    assert fault_lines("vpc_origin", {variable: 1200}) == []
    assert fault_lines("vpc_origin", {variable: 0}) == [f"{variable}: 0 is not 1 or more seconds"]


def test_names_of_things():
    (found,) = component_names("vpc_origin", values("vpc_origin", platform_prefix="p"))
    assert (found.kind, found.name) == ("cloudfront_vpc_origin", "p-gateways")
