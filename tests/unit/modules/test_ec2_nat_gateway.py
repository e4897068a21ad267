# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NAT gateway, which takes minutes, may fail, and is seen for an hour after its end."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_nat_gateway import NatGateway
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

OWNER = {"Project": "demo"}
TAGS = {**OWNER, "Name": "demo-nat"}
PARAMS = {
    "subnet_id": "subnet-1",
    "nat_gateway_id": None,
    "allocation_id": "eipalloc-1",
    "connectivity_type": "public",
    "tags": TAGS,
    "owned_by": OWNER,
}


def tag_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def nat(number=1, state="available", tags=TAGS, **members):
    return {
        "NatGatewayId": f"nat-{number}",
        "SubnetId": "subnet-1",
        "State": state,
        "ConnectivityType": "public",
        "NatGatewayAddresses": [{"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.7"}],
        "Tags": tag_list(tags),
        **members,
    }


def described(*gateways):
    request = {"Filter": [{"Name": "subnet-id", "Values": ["subnet-1"]}]}
    return Step("DescribeNatGateways", {"NatGateways": [nat(0, "deleted"), *gateways]}, request)


def run(params, *steps, **kwargs):
    return run_resource(NatGateway, {**PARAMS, **params}, *steps, **kwargs)


def check_request(request):
    assert request.pop("ClientToken")
    assert request == {
        "SubnetId": "subnet-1",
        "AllocationId": "eipalloc-1",
        "ConnectivityType": "public",
        "TagSpecifications": [{"ResourceType": "natgateway", "Tags": tag_list(TAGS)}],
    }


CREATED = Step("CreateNatGateway", {"NatGateway": {"NatGatewayId": "nat-1"}}, check_request)


def test_create_and_wait(clock):
    result, _aws, _module = run(
        {}, described(), CREATED, described(nat(state="pending")), described(nat(state="pending")), described(nat())
    )
    assert result["changed"] is True
    assert result["nat_gateway"]["state"] == "available"


def test_begin_without_waiting():
    result, _aws, _module = run({"wait": False}, described(), CREATED, described(nat(state="pending")))
    assert result["nat_gateway"]["state"] == "pending"


def test_a_second_run_changes_nothing():
    assert run({}, described(nat()))[0]["changed"] is False


def test_check_mode():
    result, _aws, _module = run({}, described(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["allocation_id"] == "eipalloc-1"
    assert "nat_gateway_id" not in result["nat_gateway"]


def test_one_that_has_failed_is_told_with_the_reason():
    failed = nat(state="failed", FailureCode="Gateway.NotAttached", FailureMessage="Network vpc-1 has no gateway")
    with pytest.raises(
        ResourceError, match=r"is failed\. Gateway.NotAttached: Network vpc-1 has no gateway. AWS removes"
    ):
        run(
            {},
            described(),
            CREATED,
            described(nat(state="pending")),
            described(nat(state="pending")),
            described(failed),
        )


def test_the_known_one_that_has_failed_is_told():
    failed = nat(state="failed", FailureCode="InsufficientFreeAddressesInSubnet")
    with pytest.raises(ResourceError, match="InsufficientFreeAddressesInSubnet"):
        run({"nat_gateway_id": "nat-1"}, described(failed))


def test_one_that_failed_before_does_not_count():
    result, _aws, _module = run(
        {}, described(nat(7, "failed")), CREATED, described(nat(7, "failed"), nat()), done=False
    )
    assert result["nat_gateway"]["nat_gateway_id"] == "nat-1"


def test_one_that_is_going_does_not_count(clock):
    result, _aws, _module = run(
        {}, described(nat(7, "deleting")), described(nat(7, "deleting")), described(), CREATED, described(nat())
    )
    assert result["nat_gateway"]["nat_gateway_id"] == "nat-1"


def test_a_lost_reply_makes_no_second_one():
    tokens = []
    lost = Step("CreateNatGateway", lost_reply(), lambda request: tokens.append(request["ClientToken"]))
    again = Step("CreateNatGateway", CREATED.answer, lambda request: tokens.append(request["ClientToken"]))
    run({}, described(), lost, described(), again, described(nat()))
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize(
    "code", ["InvalidAllocationID.NotFound", "InvalidElasticIpID.NotFound", "InvalidSubnetID.NotFound"]
)
def test_what_was_made_a_moment_ago_is_waited_for(code, clock):
    run(
        {},
        described(),
        Step("CreateNatGateway", api_error("CreateNatGateway", code)),
        described(),
        CREATED,
        described(nat()),
    )


def test_one_that_another_run_has_made_with_the_address_is_taken(clock):
    used = api_error("CreateNatGateway", "Resource.AlreadyAssociated", "Elastic IP address is already associated")
    result, _aws, _module = run({}, described(), Step("CreateNatGateway", used), described(nat(2)))
    assert result["nat_gateway"]["nat_gateway_id"] == "nat-2"


def test_of_two_with_one_address_the_one_that_lives_is_kept(clock):
    """Though the other one was there first, or has the lower id, as long as both were pending."""
    mine, other = nat(state="pending"), nat(2, "pending")
    failed = nat(state="failed", FailureCode="Resource.AlreadyAssociated")
    result, _aws, _module = run(
        {},
        described(),
        CREATED,
        described(mine, other),
        described(mine, other),
        described(failed, nat(2)),
        Step("DeleteNatGateway", {}, {"NatGatewayId": "nat-1"}),
        done=False,
    )
    assert result["nat_gateway"]["nat_gateway_id"] == "nat-2"


@pytest.mark.parametrize("tags", [OWNER, {"Name": "demo-nat"}])
def test_lost_tags_are_put_back(tags):
    result, aws, _module = run({}, described(nat(tags=tags)), Step("CreateTags", {}), described(nat()))
    assert result["changed"] is True
    assert "CreateNatGateway" not in aws.operations()


@pytest.mark.parametrize("tags", [{}, {"Name": "demo-nat", "Project": "other"}])
def test_someone_elses_does_not_count(tags):
    result, _aws, _module = run({}, described(nat(tags=tags)), check_mode=True)
    assert "nat_gateway_id" not in result["nat_gateway"]


def test_another_address_is_refused():
    with pytest.raises(ResourceError, match="allocation_id: is 'eipalloc-1', declared 'eipalloc-2'"):
        run({"allocation_id": "eipalloc-2"}, described(nat()))


def test_delete_waits_for_the_end(clock):
    result, _aws, _module = run(
        {"state": "absent", "allocation_id": None, "connectivity_type": None, "nat_gateway_id": "nat-1"},
        described(nat(2), nat()),
        Step("DeleteNatGateway", {}, {"NatGatewayId": "nat-1"}),
        described(nat(2), nat(state="deleting")),
        described(nat(2), nat(state="deleted")),
    )
    assert result["changed"] is True
