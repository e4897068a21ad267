# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens to a cluster in its life: the network gets a zone, and somebody removes the cluster by hand."""

from __future__ import annotations

import pytest

from tests.support.playbook import REGION

from . import neighbours
from .census import Lister
from .components import eks, network
from .drift import QUICKLY

ACCOUNT = "100000000031"
ZONES = [f"{REGION}{letter}" for letter in "abc"]
WITH_A_THIRD_ZONE = {
    "network_availability_zones": ZONES,
    "eks_node_groups": [{"name": "default", "desired_size": 2}, {"name": "third", "availability_zones": ZONES[2:]}],
}

pytestmark = [pytest.mark.by_component("eks"), pytest.mark.thorough]


def zones_by_subnet(lister: Lister) -> dict[str, str]:
    return {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in network.of_tier(lister, "private")}


def remove_by_hand(account) -> None:
    client, name = account.client("eks"), eks.CLUSTER
    for group in account.pages("eks", "list_nodegroups", "nodegroups", clusterName=name):
        client.delete_nodegroup(clusterName=name, nodegroupName=group)
        waiter = client.get_waiter("nodegroup_deleted")
        waiter.wait(clusterName=name, nodegroupName=group, WaiterConfig=QUICKLY)
    client.delete_cluster(name=name)
    client.get_waiter("cluster_deleted").wait(name=name, WaiterConfig=QUICKLY)


def test_a_cluster_keeps_its_zones_and_its_end_leaves_nothing(new_account):
    account = new_account(ACCOUNT)
    # The administrator of the cluster, by the inventory.
    neighbours.make_role(account, neighbours.ADMINISTRATORS, neighbours.OTHER)
    account.run(note="two zones").assert_converged()
    lister, before = Lister(account), eks.cluster(account)

    run = account.run(variables=WITH_A_THIRD_ZONE, note="a third zone").assert_converged()

    zones = zones_by_subnet(lister)
    assert set(zones.values()) == set(ZONES), run.explain()
    kept = eks.cluster(account)["resourcesVpcConfig"]["subnetIds"]
    assert sorted(kept) == sorted(before["resourcesVpcConfig"]["subnetIds"])
    assert {zones[subnet] for subnet in kept} == set(ZONES[:2])
    groups = {group["nodegroupName"]: group["subnets"] for group in eks.node_groups(lister, eks.CLUSTER)}
    assert {name: {zones[subnet] for subnet in subnets} for name, subnets in groups.items()} == {
        eks.NODE_GROUP: set(ZONES[:2]),
        eks.NODE_GROUP.replace("default", "third"): {ZONES[2]},
    }
    account.run(variables=WITH_A_THIRD_ZONE, note="a third zone again").assert_nothing_to_do()

    # The provider stays, of an issuer that there never will be again.
    remove_by_hand(account)
    (left,) = eks.oidc_providers(lister)

    run = account.run("--limit", "eks", variables=WITH_A_THIRD_ZONE, note="the cluster was removed").assert_converged()

    (provider,) = eks.oidc_providers(lister)
    assert provider["Arn"] != left["Arn"], run.explain()
    assert provider["Arn"].endswith(eks.issuer(account))
    assert left["Arn"] in run.output
