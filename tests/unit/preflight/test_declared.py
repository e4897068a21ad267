# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules and their tests know no key that isn't there."""

from __future__ import annotations

import pytest

from .declared import UndeclaredError, facts, others, values


@pytest.mark.parametrize(
    "make",
    [
        lambda: values("eks", eks_node_gruops=[]),
        lambda: values("eks", platform_nmae="x"),
        lambda: values("eks", network_vpc_cidr="10.0.0.0/16"),
        lambda: values("eks", eks_addons=[{"name": "a", "irsa": {"role": "x"}}]),
        lambda: values("eks", eks_node_groups=[{"name": "a", "taints": [{"kye": "b"}]}]),
        lambda: others(workload_identity={"workload_identity_roles": [{"nmae": "agent"}]}),
        lambda: others(netwrok={}),
        lambda: facts(ekss={}),
        lambda: facts(eks={"verison": "1.34"}),
        lambda: facts(eks={"node_groups": {"any": {"kubernetes_version": "1.34"}}}),
        lambda: facts(network={"subnets": {"private": [{"cidr": "10.0.0.0/24"}]}}),
        lambda: facts(conflicts=[{"why": "x"}]),
    ],
)
def test_a_key_that_nobody_declares_is_refused(make):
    with pytest.raises(UndeclaredError):
        make()


@pytest.mark.parametrize(
    "read",
    [
        lambda found: found["eks_verison"],
        lambda found: found.get("eks_verison"),
        lambda found: "eks_verison" in found,
        lambda found: found["eks_addons"][0]["irsa"].get("service_account"),
    ],
)
def test_a_key_that_nobody_declares_is_not_read(read):
    given = values("eks", eks_addons=[{"name": "a", "irsa": {"name": "a", "service_accounts": ["b"]}}])
    with pytest.raises(UndeclaredError):
        read(given)
    with pytest.raises(UndeclaredError):
        facts(eks={"node_groups": {"any": {}}})["eks"]["node_groups"]["any"].get("kubernetes_version")


def test_what_is_declared_is_free_where_the_declaration_is():
    given = values(
        "eks",
        eks_node_groups=[{"name": "a", "labels": {"any": "b"}}],
        platform_tags={"any": "c"},
        eks_log_types=["api"],
    )
    assert given["eks_node_groups"][0]["labels"]["any"] == "b"
    assert given.get("eks_addons") is None
    assert facts(eks={"node_groups": {"any": {"status": "ACTIVE"}}})["eks"]["node_groups"]["any"]["status"] == "ACTIVE"
