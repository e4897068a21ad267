# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A network with rules for its subnets, closed to the internet and opened again, and what its endpoints let through."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.components import COMPONENTS, IN_AWS, IN_CLUSTER
from tests.support.faults import Calls
from tests.support.playbook import PREFIX, REGION, Account, Run

from . import census, neighbours
from .components import eks, network

pytestmark = [pytest.mark.by_component("network"), pytest.mark.options]

ACLS = {"network_acls_enabled": True}
CLOSED = {
    "network_nat_gateways": "none",
    "network_ingress_from_cloudfront": False,
    "platform_cluster_access": "none",
}
# All that has nothing to do in a cluster.
WHOLE = tuple(component for component in COMPONENTS if component not in IN_CLUSTER)
ANYWHERE = "0.0.0.0/0"
# What the components of the inventory have in the VPC calls these, whatever they are asked to make.
NEEDED = {"ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sts", "ssm", "secretsmanager", "bedrock-runtime", "logs"}
# The tasks that do it, in their order.
CLOSING = [
    "Make them in the private subnets",
    "Give each its rules and no other",
    "Lead each private subnet to its NAT gateway",
    "Delete the NAT gateways",
    "Make the gateway endpoints",
    "Remove the route table of the public subnets",
    "Remove the public subnets",
    "Remove the internet gateway",
]
ASKED_FOR = {"aps-workspaces"}


@pytest.fixture(scope="module")
def account(new_account: Callable[..., Account]) -> Account:
    made = new_account("220000000101")
    made.run("--limit", "encryption,network", variables=CLOSED, note="a closed network").assert_converged()
    return made


def settle(account: Account, note: str, *arguments: str, **variables: object) -> Run:
    return account.run("--limit", "network", *arguments, variables=variables, note=note)


def acls(lister: census.Lister) -> dict[str, dict]:
    """The platform's own, by name, and the VPC's default one."""
    vpc_id = network.vpc(lister)["VpcId"]
    found = [acl for acl in network.in_vpcs(lister, "describe_network_acls", "NetworkAcls") if acl["VpcId"] == vpc_id]
    return {"default" if acl["IsDefault"] else census.name_of(acl): acl for acl in found}


def rules(acl: dict, egress: bool) -> set[tuple]:
    return {
        (entry["Protocol"], *entry.get("PortRange", {}).values(), entry["CidrBlock"])
        for entry in acl["Entries"]
        if entry["Egress"] is egress and entry["RuleNumber"] < 32767
    }


def users(acl: dict) -> set[str]:
    return {item["SubnetId"] for item in acl["Associations"]}


def tier(lister: census.Lister, name: str) -> set[str]:
    return {subnet["SubnetId"] for subnet in network.of_tier(lister, name)}


def services(lister: census.Lister) -> dict[str, dict]:
    return {item["ServiceName"].split(f".{REGION}.")[1]: item for item in network.endpoints(lister)}


def to_anywhere(lister: census.Lister) -> list[str]:
    """Groups that may reach the whole internet, but for the one that EKS makes for a cluster, in which no node is."""
    return [
        name
        for name, group in network.groups(lister).items()
        for permission in group["IpPermissionsEgress"]
        if not name.startswith("eks-cluster-sg-") and ANYWHERE in [item["CidrIp"] for item in permission["IpRanges"]]
    ]


def closing(run: Run) -> list[str]:
    changed = [name.rpartition(" | ")[2] for _host, name in run.changed]
    return [name for name in changed if name in CLOSING]


def assert_closed(lister: census.Lister) -> None:
    assert tier(lister, "public") == set()
    assert network.internet_gateways(lister) == []
    assert network.nat_gateways(lister) == []
    assert lister.ec2("describe_addresses", "Addresses") == []
    private = tier(lister, "private")
    tables = [table for table in network.in_vpcs(lister, "describe_route_tables", "RouteTables") if table.get("Tags")]
    assert len(tables) == len(private) == 2
    assert not [route for table in tables for route in table["Routes"] if route.get("DestinationCidrBlock") == ANYWHERE]
    assert to_anywhere(lister) == []
    # S3 and DynamoDB have addresses of the internet, which only the gateway endpoints lead to.
    lists = {
        item["PrefixListId"]: item["PrefixListName"].rpartition(".")[2]
        for item in lister.ec2("describe_managed_prefix_lists", "PrefixLists")
    }
    for name in ("nodes", "bastion"):
        permissions = network.groups(lister)[f"{PREFIX}-{name}"]["IpPermissionsEgress"]
        reached = {lists[item["PrefixListId"]] for one in permissions for item in one["PrefixListIds"]}
        assert reached == {"s3", "dynamodb"}
    found = services(lister)
    assert NEEDED | {"s3", "dynamodb"} <= set(found)
    assert not ASKED_FOR & set(found)
    for service in NEEDED:
        assert set(found[service]["SubnetIds"]) == private
        assert found[service]["PrivateDnsEnabled"] is True
        assert "OursToOurs" in found[service]["PolicyDocument"]


def test_a_closed_network_has_endpoints_and_no_way_out(account):
    assert_closed(census.Lister(account))
    settle(account, "is closed", **CLOSED).assert_nothing_to_do()


def test_what_needs_the_internet_is_refused_before_the_first_call(account):
    variables = {**CLOSED, "network_ingress_from_cloudfront": True, "bastion_instance_configured": True}
    run = settle(account, "is refused", **variables).assert_refused()
    assert not run.calls, run.explain()
    told = " ".join(run.explain().split())
    assert "network_ingress_from_cloudfront: true lets the front end reach the gateways by a VPC origin" in told
    assert "bastion_instance_configured: true takes packages and tools of the internet" in told


def test_it_is_opened_with_rules_for_its_subnets(account):
    private = tier(census.Lister(account), "private")
    settle(account, "opens it", **ACLS).assert_converged()
    lister = census.Lister(account)
    assert set(services(lister)) == {"s3", "dynamodb"}
    assert len(network.nat_gateways(lister)) == len(tier(lister, "public")) == 2
    assert sorted(to_anywhere(lister)) == [f"{PREFIX}-bastion", f"{PREFIX}-bastion", f"{PREFIX}-nodes"]
    assert tier(lister, "private") == private

    found, cidr = acls(lister), network.vpc(lister)["CidrBlock"]
    assert set(found) == {"default", f"{PREFIX}-public", f"{PREFIX}-private"}
    assert users(found["default"]) == set()
    for name in ("public", "private"):
        acl = found[f"{PREFIX}-{name}"]
        assert users(acl) == tier(lister, name)
        assert {("-1", cidr), ("6", 443, 443, ANYWHERE), ("6", 80, 80, ANYWHERE)} <= rules(acl, egress=True)
        assert {("-1", cidr), ("6", 1024, 65535, ANYWHERE)} <= rules(acl, egress=False)
    # CloudFront comes to the private subnets, whose load balancer it is for, and nobody to the public ones.
    assert ("6", 80, 80, ANYWHERE) in rules(found[f"{PREFIX}-private"], egress=False)
    assert rules(found[f"{PREFIX}-public"], egress=False) == {("-1", cidr), ("6", 1024, 65535, ANYWHERE)}


def test_rules_and_policies_are_put_back(account):
    ec2, lister = account.client("ec2"), census.Lister(account)
    found, policies = acls(lister), services(lister)
    private, default = found[f"{PREFIX}-private"], found["default"]["NetworkAclId"]
    ours_alone = {"aws:PrincipalAccount": account.id, "aws:ResourceAccount": account.id}
    for service, item in policies.items():
        policy = {one["Sid"]: one for one in json.loads(item["PolicyDocument"])["Statement"]}
        assert policy["OursToOurs"]["Condition"]["StringEquals"] == ours_alone
        assert ("BucketsOfAws" in policy) == (service == "s3")

    rule = {"NetworkAclId": private["NetworkAclId"], "Egress": True}
    ec2.delete_network_acl_entry(**rule, RuleNumber=10)
    ec2.create_network_acl_entry(**rule, RuleNumber=5, Protocol="-1", RuleAction="deny", CidrBlock="192.0.2.0/24")
    moved = private["Associations"][0]["NetworkAclAssociationId"]
    ec2.replace_network_acl_association(AssociationId=moved, NetworkAclId=default)
    ec2.delete_tags(Resources=[private["NetworkAclId"]], Tags=[{"Key": "Name"}])
    ec2.modify_vpc_endpoint(VpcEndpointId=policies["dynamodb"]["VpcEndpointId"], ResetPolicy=True)
    dry = settle(account, "would put them back", "--check", **ACLS).assert_converged()
    assert (dry.total("changed"), dry.calls.writes) == (2, Calls())
    settle(account, "puts them back", **ACLS).assert_converged()
    lister = census.Lister(account)
    mended = acls(lister)
    for egress in (True, False):
        assert rules(mended[f"{PREFIX}-private"], egress) == rules(private, egress)
    assert mended[f"{PREFIX}-private"]["NetworkAclId"] == private["NetworkAclId"]
    assert users(mended["default"]) == set()
    assert services(lister)["dynamodb"]["PolicyDocument"] == policies["dynamodb"]["PolicyDocument"]
    run = settle(account, "finds all as it is", **ACLS).assert_nothing_to_do()
    assert "which the platform doesn't manage" not in run.output

    full = {**ACLS, "network_endpoint_policies": {"dynamodb": "full"}}
    run = settle(account, "AWS's policy", **full).assert_converged()
    assert run.calls.writes == Calls({("ec2", "ModifyVpcEndpoint"): 1})


def test_an_open_network_is_closed(account):
    dry = settle(account, "would close it", "--check", **CLOSED).assert_converged()
    assert dry.calls.writes == Calls()
    assert closing(dry) == CLOSING
    # Nothing is without a way to AWS meanwhile, and what AWS keeps as long as it is used goes after that.
    run = settle(account, "closes it", **CLOSED).assert_converged()
    assert closing(run) == CLOSING
    lister = census.Lister(account)
    assert_closed(lister)
    # Without rules of their own the subnets have those that AWS makes.
    found = acls(lister)
    assert set(found) == {"default"}
    assert users(found["default"]) == tier(lister, "private")
    settle(account, "is closed again", **CLOSED).assert_nothing_to_do()


def test_a_closed_network_is_removed_as_a_whole(account):
    confirmed = {"platform_teardown_confirm": PREFIX, **CLOSED}
    run = account.run("--limit", "network", playbook="playbooks/teardown.yml", variables=confirmed, note="goes")
    run.assert_converged()
    assert network.vpcs(census.Lister(account)) == []


def test_the_whole_inventory_is_built_in_a_closed_network(new_account):
    account, limit = new_account("220000000102"), ("--limit", ",".join(WHOLE))
    neighbours.make_role(account, neighbours.ADMINISTRATORS, neighbours.OTHER)
    run = account.run(*limit, variables=CLOSED, note="all components in a closed network").assert_converged()
    assert set(run.recap) == set(WHOLE)
    assert {host for host, _task in run.changed} >= set(IN_AWS), run.explain()
    assert_closed(census.Lister(account))
    access = eks.cluster(account)["resourcesVpcConfig"]
    assert (access["endpointPrivateAccess"], access["endpointPublicAccess"]) == (True, False)
    again = account.run(*limit, variables=CLOSED, note="all components in a closed network, again")
    again.assert_nothing_to_do()
    confirmed = {"platform_teardown_confirm": PREFIX, **CLOSED}
    gone = account.run(*limit, playbook="playbooks/teardown.yml", variables=confirmed, note="all of it goes")
    gone.assert_converged()
    assert network.vpcs(census.Lister(account)) == []
