# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes a VPC the platform's, and what lies in it ours, where something can't be placed, is there twice, or comes
from others."""

from __future__ import annotations

import pytest

from tests.support.playbook import OWNER, PREFIX, REGION, Account

from . import census, neighbours
from .components import network

LIMIT = ("--limit", "network")
MARKS = {**OWNER, "Component": "network"}
ACCOUNTS = {"twins": "100000000041", "vpcs": "100000000042"}
CNI = {"node.k8s.amazonaws.com/instance_id": "i-0123456789abcdef0", "cluster.k8s.amazonaws.com/name": "gone"}

pytestmark = [pytest.mark.by_component("network"), pytest.mark.options]


@pytest.mark.parametrize("user", ["eks", "bastion_instance"])
def test_nothing_is_built_on_a_subnet_that_cannot_be_placed(platform, user):
    account = platform.account
    subnet = network.of_tier(census.Lister(account), "private")[0]
    account.client("ec2").delete_tags(Resources=[subnet["SubnetId"]], Tags=[{"Key": "Tier"}])

    run = account.run("--limit", user, note=f"a subnet lost its Tier, {user}").assert_refused()
    assert not run.calls.writes, run.explain()
    failure = run.failures[-1]
    for part in (subnet["SubnetId"], "tag Tier", "--limit network"):
        assert part in failure, run.explain()

    account.run(*LIMIT, note="puts the Tier back").assert_converged()
    (mended,) = account.pages("ec2", "describe_subnets", "Subnets", SubnetIds=[subnet["SubnetId"]])
    assert census.tags_of(mended)["Tier"] == "private"


def build(account: Account) -> None:
    account.run("--limit", "encryption,network", note="network").assert_converged()


def specification(kind: str, **tags: str) -> list[dict]:
    return neighbours.specification(kind, MARKS, **tags)


def test_a_teardown_removes_all_that_is_ours(new_account):
    """Twins, what lost its name, and what nodes have left behind. What others have there is named and stays."""
    account = new_account(ACCOUNTS["twins"])
    build(account)
    ec2, lister = account.client("ec2"), census.Lister(account)
    vpc_id = network.vpc(lister)["VpcId"]
    public, private = (network.of_tier(lister, tier)[0] for tier in ("public", "private"))
    name = f"{PREFIX}-nat-{public['AvailabilityZone']}"
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=specification("elastic-ip", Name=name))
    ec2.create_nat_gateway(
        SubnetId=public["SubnetId"],
        AllocationId=address["AllocationId"],
        TagSpecifications=specification("natgateway", Name=name),
    )
    for table_name in ({"Name": f"{PREFIX}-public"}, {}):
        ec2.create_route_table(VpcId=vpc_id, TagSpecifications=specification("route-table", **table_name))
    nodes = network.groups(lister)[f"{PREFIX}-nodes"]["GroupId"]
    left = ec2.create_network_interface(
        SubnetId=private["SubnetId"],
        Groups=[nodes],
        Description="aws-K8S-i-0123456789abcdef0",
        TagSpecifications=neighbours.specification("network-interface", CNI),
    )["NetworkInterface"]["NetworkInterfaceId"]
    foreign = ec2.create_network_interface(
        SubnetId=private["SubnetId"],
        Groups=[network.groups(lister)["default"]["GroupId"]],
        Description="of a shop",
        TagSpecifications=neighbours.specification("network-interface", neighbours.OTHER),
    )["NetworkInterface"]["NetworkInterfaceId"]
    confirmed = {"platform_teardown_confirm": PREFIX, "network_timeout_seconds": 8}

    run = account.run(*LIMIT, playbook="playbooks/teardown.yml", variables=confirmed, note="something is in the way")
    run.assert_refused()
    assert any(foreign in line and "of a shop" in line for line in run.failures), run.explain()
    assert left not in [
        item["NetworkInterfaceId"] for item in lister.ec2("describe_network_interfaces", "NetworkInterfaces")
    ]

    ec2.delete_network_interface(NetworkInterfaceId=foreign)
    account.run(
        *LIMIT, playbook="playbooks/teardown.yml", variables=confirmed, note="all that is ours goes"
    ).assert_converged()
    left_over = [
        (kind, census.name_of(resource))
        for kind, resource in census.Lister(account).tagged()
        if census.tags_of(resource).get("Component") == "network"
    ]
    assert left_over == []


def test_another_vpc_with_our_tags_does_not_take_over(new_account):
    account = new_account(ACCOUNTS["vpcs"])
    build(account)
    ec2 = account.client("ec2")
    mine = network.vpc(census.Lister(account))["VpcId"]
    before = census.take(account)
    other = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification("vpc", Name="something else"))
    other_id = other["Vpc"]["VpcId"]
    for number in range(9):
        ec2.create_subnet(
            VpcId=other_id,
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=f"{REGION}a",
            TagSpecifications=specification("subnet", Tier="private"),
        )
    # The name decides, however much the other one holds.
    run = account.run(*LIMIT, note="another VPC has our tags").assert_nothing_to_do()
    assert f"{mine} is used; left alone: {other_id}" in " ".join(run.output.split())

    ec2.create_tags(Resources=[other_id], Tags=[{"Key": "Name", "Value": f"{PREFIX}-vpc"}])
    for limit in ("network", "eks"):
        run = account.run("--limit", limit, note="two VPCs are named alike").assert_refused()
        assert not run.calls.writes, run.explain()
        assert mine in run.output
        assert other_id in run.output
    confirmed = {"platform_teardown_confirm": PREFIX}
    run = account.run(
        *LIMIT, playbook="playbooks/teardown.yml", variables=confirmed, note="which VPC?"
    ).assert_refused()
    assert not run.calls.writes, run.explain()

    for subnet in account.pages(
        "ec2", "describe_subnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": [other_id]}]
    ):
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=other_id)
    assert census.differences(before, census.take(account)) == []
