# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run needs and the account may not have is told before the run."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load

from .declared import need_lines

BASTION = {"bastion_instance_type": "t3.large"}
STANDARD = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances (ec2 L-1216C47A)"


def group(desired=2, kind="t3.medium", **more):
    return {"name": "a", "instance_types": [kind], "desired_size": desired, "capacity_type": "ON_DEMAND", **more}


def say(*groups, limit=5.0, used=0, own=0, own_bastion=0, quota="standard_vcpus", **facts):
    def offers(mine):
        return {"quotas": {quota: {"limit": limit, "used": used, "own": mine}}}

    found = {
        "region": "us-west-2",
        "partition": "aws",
        "offers": {"eks": offers(own)} | ({} if "spot" in quota else {"bastion_instance": offers(own_bastion)}),
        **facts,
    }
    return need_lines({"eks": {"eks_node_groups": list(groups)}, "bastion_instance": BASTION}, found)


def test_the_defaults_in_a_new_account():
    """Which has five virtual CPUs."""
    groups = load("eks", "defaults/main.yml")["eks_node_groups"]
    faults, warnings = say(*[group(item["desired_size"]) for item in groups])
    address = "https://us-west-2.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-1216C47A"
    assert faults == [
        f"eks_node_groups[0].desired_size: more vCPUs (4 for eks, 2 for bastion_instance) are too many for the quota"
        f" {STANDARD}, which is 5 in us-west-2 with 0 in use: ask for 14 vCPUs or more at {address} or with"
        " aws service-quotas request-service-quota-increase --region us-west-2 --service-code ec2"
        " --quota-code L-1216C47A --desired-value 14"
    ]
    assert warnings == []


def test_what_runs_already_is_not_needed_again():
    assert say(group(), used=6, own=4, own_bastion=2, limit=14.0) == ([], [])


def test_what_others_use_counts():
    faults, _warnings = say(group(), used=10, limit=14.0)
    assert "which is 14 in us-west-2 with 10 in use: ask for 24 vCPUs or more" in faults[0]


def test_the_room_for_an_upgrade_is_a_warning():
    """Two more nodes in each of two zones, or as many as may be replaced at once."""
    faults, warnings = say(group(), limit=8.0)
    assert faults == []
    assert warnings[0].startswith(
        f"eks_node_groups[0].desired_size: an upgrade takes up to 8 more vCPUs for a while, too many for the quota"
        f" {STANDARD}, which is 8 in us-west-2 with 0 in use: ask for 14 vCPUs or more"
    )
    three_zones = {"availability_zones": ["us-west-2a", "us-west-2b", "us-west-2c"]}
    assert "up to 12 more vCPUs" in say(group(), limit=8.0, network=three_zones)[1][0]
    assert "up to 20 more vCPUs" in say(group(max_unavailable=10), limit=8.0)[1][0]
    assert say(group(), limit=14.0) == ([], [])


def test_groups_that_are_removed_or_empty_need_nothing():
    assert say(group(state="absent"), group(0), limit=2.0) == ([], [])


def test_spot_instances_have_a_quota_of_their_own():
    faults, _warnings = say(group(4, capacity_type="SPOT"), quota="standard_spot_vcpus")
    assert "more vCPUs (8 for eks) are too many for the quota All Standard" in faults[0]


def test_accelerated_instances_too():
    """Of which a new account may have none."""
    faults, _warnings = say(group(1, "g5.xlarge"), quota="graphics_vcpus", limit=0.0)
    assert "more vCPUs (4 for eks) are too many for the quota Running On-Demand G and VT instances" in faults[0]


def test_what_is_not_known_is_not_judged():
    assert say(group(), limit=None) == ([], [])
    assert say(group(), used=None) == ([], [])
    assert say(group(kind="x9.large")) == ([], [])
    assert say(group(), offers={}) == ([], [])


def test_the_least_of_several_types_counts():
    assert say(group(1, instance_types=["m7i.4xlarge", "t3.medium"]), limit=20.0) == ([], [])


def test_china_has_its_own_console():
    faults, _warnings = say(group(), partition="aws-cn", region="cn-north-1")
    assert (
        "at https://cn-north-1.console.amazonaws.cn/servicequotas/home/services/ec2/quotas/L-1216C47A or" in faults[0]
    )
    faults, _warnings = say(group(), partition="aws-iso", region="us-iso-east-1")
    assert "or more with aws service-quotas request-service-quota-increase --region us-iso-east-1" in faults[0]


def network(addresses, own, vpcs=1, own_vpcs=0, **values):
    quotas = {
        "elastic_ips": {"limit": 5.0, "used": addresses, "own": own},
        "vpcs": {"limit": 5.0, "used": vpcs, "own": own_vpcs},
    }
    found = {"region": "us-west-2", "partition": "aws", "offers": {"network": {"quotas": quotas}}}
    return need_lines({"network": {"network_nat_gateways": "per_az", **values}}, found)


def test_addresses_and_vpcs_only_as_far_as_they_are_still_to_be_made():
    assert network(3, 0) == ([], [])
    faults, _warnings = network(4, 0)
    assert faults[0].startswith("network_nat_gateways: more addresses (2 for network) are too many for the quota")
    assert network(4, 0, network_nat_gateways="single") == ([], [])
    assert network(5, 2) == ([], [])
    faults, _warnings = network(0, 0, vpcs=5)
    assert (
        "network_vpc_cidr: more VPCs (1 for network) are too many for the quota VPCs per Region (vpc L-F678F1CE)"
        in faults[0]
    )
    assert network(0, 0, vpcs=5, own_vpcs=1) == ([], [])
