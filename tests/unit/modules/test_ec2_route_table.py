# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Route table with its routes and subnets."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_route_table import RouteTable
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

TO_NAT = {"destination_cidr_block": "0.0.0.0/0", "gateway_id": None, "nat_gateway_id": "nat-1"}
PARAMS = {"vpc_id": "vpc-1", "name": "private", "routes": [TO_NAT], "subnet_ids": ["subnet-1"]}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
ENDPOINT = {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1", "Origin": "CreateRoute", "State": "active"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "Origin": "CreateRoute", "State": "active"}
MAIN = {"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Routes": [LOCAL], "Associations": [{"Main": True}]}


def association(subnet, number=1):
    return {"RouteTableAssociationId": f"rtbassoc-{number}", "SubnetId": subnet, "Main": False}


def table(routes=(NAT,), subnets=("subnet-1",), name="private", number=1, **tags):
    return {
        "RouteTableId": f"rtb-{number}",
        "VpcId": "vpc-1",
        "Routes": [LOCAL, ENDPOINT, *routes],
        "Associations": [association(subnet, f"{number}{index}") for index, subnet in enumerate(subnets)],
        "Tags": [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()],
    }


def described(*tables):
    return Step("DescribeRouteTables", {"RouteTables": [MAIN, *tables]})


def run(params, *steps, **kwargs):
    return run_resource(RouteTable, {**PARAMS, **params}, *steps, **kwargs)


def test_create_with_routes_before_subnets():
    def check(request):
        assert request.pop("ClientToken")
        tags = [{"Key": "A", "Value": "1"}, {"Key": "Name", "Value": "private"}]
        assert request == {
            "VpcId": "vpc-1",
            "TagSpecifications": [{"ResourceType": "route-table", "Tags": tags}],
        }

    result, _aws, _module = run(
        {"tags": {"A": "1"}},
        Step("DescribeRouteTables", {"RouteTables": [MAIN]}, {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}),
        Step("CreateRouteTable", {"RouteTable": {"RouteTableId": "rtb-1"}}, check),
        described(table((), (), A="1")),
        Step(
            "CreateRoute",
            {},
            {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"},
        ),
        described(table(subnets=(), A="1")),
        Step("AssociateRouteTable", {}, {"RouteTableId": "rtb-1", "SubnetId": "subnet-1"}),
        described(table(A="1")),
        described(table(A="1")),
    )
    assert result["changed"] is True
    assert result["route_table"]["route_table_id"] == "rtb-1"


def test_second_run_changes_nothing_and_says_nothing():
    result, _aws, module = run({"tags": {"A": "1"}}, described(table(A="1")))
    assert result["changed"] is False
    assert module.warnings == []


def test_a_changed_tag_makes_no_second_table():
    result, _aws, _module = run(
        {"tags": {"A": "2"}},
        described(table(A="1")),
        Step("CreateTags", {}, {"Resources": ["rtb-1"], "Tags": [{"Key": "A", "Value": "2"}]}),
        described(table(A="2")),
    )
    assert result["changed"] is True


def test_a_subnet_of_another_table_is_moved_in_one_step():
    result, _aws, _module = run(
        {},
        described(table(subnets=()), table(name="public", number=2)),
        Step("ReplaceRouteTableAssociation", {}, {"AssociationId": "rtbassoc-20", "RouteTableId": "rtb-1"}),
        described(table()),
        described(table()),
    )
    assert result["changed"] is True


def test_a_stray_subnet_is_taken_away():
    result, _aws, _module = run(
        {},
        described(table(subnets=("subnet-1", "subnet-9"))),
        Step("DisassociateRouteTable", {}, {"AssociationId": "rtbassoc-11"}),
        described(table()),
        described(table()),
    )
    assert result["changed"] is True


def test_another_gateway_replaces_the_route():
    result, _aws, _module = run(
        {"routes": [{**TO_NAT, "nat_gateway_id": "nat-2"}]},
        described(table()),
        Step(
            "ReplaceRoute",
            {},
            {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-2"},
        ),
        described(table([{**NAT, "NatGatewayId": "nat-2"}])),
        described(table([{**NAT, "NatGatewayId": "nat-2"}])),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("stray", "destination"),
    [
        ({"DestinationCidrBlock": "192.0.2.0/24", "GatewayId": "igw-1"}, "DestinationCidrBlock"),
        ({"DestinationCidrBlock": "192.0.2.0/24", "TransitGatewayId": "tgw-1"}, "DestinationCidrBlock"),
        ({"DestinationCidrBlock": "192.0.2.0/24", "VpcPeeringConnectionId": "pcx-1"}, "DestinationCidrBlock"),
        ({"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}, "DestinationIpv6CidrBlock"),
        ({"DestinationPrefixListId": "pl-9", "TransitGatewayId": "tgw-1"}, "DestinationPrefixListId"),
    ],
)
def test_a_stray_route_of_any_kind_is_deleted(stray, destination):
    result, _aws, _module = run(
        {},
        described(table([NAT, {**stray, "Origin": "CreateRoute"}])),
        Step("DeleteRoute", {}, {"RouteTableId": "rtb-1", destination: stray[destination]}),
        described(table()),
        described(table()),
    )
    assert result["changed"] is True


def test_propagated_routes_are_left_alone():
    propagated = {"DestinationCidrBlock": "192.0.2.0/24", "GatewayId": "vgw-1", "Origin": "EnableVgwRoutePropagation"}
    result, _aws, _module = run({}, described(table([NAT, propagated])))
    assert result["changed"] is False


def test_unset_is_left_alone():
    stray = {"DestinationCidrBlock": "192.0.2.0/24", "GatewayId": "igw-1", "Origin": "CreateRoute"}
    result, _aws, _module = run(
        {"routes": None, "subnet_ids": None}, described(table([stray], ["subnet-8", "subnet-9"], Other="kept"))
    )
    assert result["changed"] is False


def test_check_mode_before_anything_exists():
    unknown = "(known after apply)"
    result, _aws, _module = run(
        {"vpc_id": unknown, "subnet_ids": [unknown], "routes": [{**TO_NAT, "nat_gateway_id": unknown}]},
        Step("DescribeRouteTables", {"RouteTables": []}),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["diff"]["after"] == {
        "routes": [{"destination_cidr_block": "0.0.0.0/0", "nat_gateway_id": unknown}],
        "subnet_ids": [unknown],
        "tags": {"Name": "private"},
    }


def test_check_mode_shows_what_would_change():
    result, _aws, _module = run({}, described(table([], [])), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["subnet_ids"] == []
    assert result["diff"]["after"]["subnet_ids"] == ["subnet-1"]


def test_lost_reply_of_a_move_is_looked_up():
    result, aws, _module = run(
        {},
        described(table(subnets=()), table(name="public", number=2)),
        Step("ReplaceRouteTableAssociation", lost_reply()),
        described(table()),
    )
    assert result["changed"] is True
    assert aws.operations().count("ReplaceRouteTableAssociation") == 1


def test_lost_reply_of_create_is_repeated_with_the_same_token_only_if_nothing_is_there():
    tokens = []
    result, _aws, _module = run(
        {},
        described(),
        Step("CreateRouteTable", lost_reply(), lambda request: tokens.append(request["ClientToken"])),
        described(),
        Step("CreateRouteTable", {}, lambda request: tokens.append(request["ClientToken"])),
        described(table()),
    )
    assert result["changed"] is True
    assert len(set(tokens)) == 1


def test_a_gateway_that_is_not_known_yet():
    unknown = api_error("CreateRoute", "InvalidNatGatewayID.NotFound")
    result, aws, _module = run(
        {},
        described(table([])),
        Step("CreateRoute", unknown),
        described(table([])),
        Step("CreateRoute", {}),
        described(table()),
        described(table()),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateRoute") == 2


def test_delete_frees_the_subnets_first():
    result, _aws, _module = run(
        {"state": "absent"},
        described(table()),
        Step("DisassociateRouteTable", {}, {"AssociationId": "rtbassoc-10"}),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-1"}),
        described(),
    )
    assert result["changed"] is True


def test_delete_of_what_is_gone():
    result, _aws, _module = run({"state": "absent"}, described())
    assert result["changed"] is False


def test_a_table_of_the_same_name_without_our_tags_is_not_ours():
    result, _aws, _module = run({"state": "absent", "owned_by": {"Project": "demo"}}, described(table(Project="other")))
    assert result["changed"] is False


def test_a_refusal_is_told():
    denied = api_error("CreateRoute", "UnauthorizedOperation", "You are not authorized")
    with pytest.raises(ResourceError, match="Allow ec2:CreateRoute for the identity of this run"):
        run({}, described(table([])), Step("CreateRoute", denied))


OWNED = {"owned_by": {"Project": "demo"}, "tags": {"Project": "demo"}, "route_table_id": "rtb-1"}


@pytest.mark.parametrize("tags", [{"name": "private"}, {"name": "renamed", "Project": "demo"}])
def test_the_known_one_gets_its_tags_back(tags):
    result, aws, _module = run(
        OWNED, described(table(**tags)), Step("CreateTags", {}), described(table(Project="demo"))
    )
    assert result["changed"] is True
    assert "CreateRouteTable" not in aws.operations()


def test_the_known_one_may_be_someone_elses():
    with pytest.raises(ResourceError, match="isn't ours"):
        run(OWNED, described(table(Project="other")))


def test_the_known_one_is_removed_and_no_other():
    result, _aws, _module = run(
        {"state": "absent", "route_table_id": "rtb-2", "routes": None, "subnet_ids": None},
        described(table(), table((), (), number=2)),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-2"}),
        described(table()),
    )
    assert result["changed"] is True
