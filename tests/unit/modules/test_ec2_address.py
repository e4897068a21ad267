# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Elastic IP address."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_address import Address
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

OWNER = {"Project": "demo"}
NAMED = {**OWNER, "Name": "demo-nat"}


def tag_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def address(number=1, tags=NAMED, **members):
    return {"AllocationId": f"eipalloc-{number}", "PublicIp": f"203.0.113.{number}", "Tags": tag_list(tags), **members}


def described(*addresses):
    return Step("DescribeAddresses", {"Addresses": [address(9, {"Name": "demo-nat"}), *addresses]}, {})


def run(params, *steps, **kwargs):
    base = {"name": "demo-nat", "allocation_id": None, "tags": OWNER, "owned_by": OWNER}
    return run_resource(Address, {**base, **params}, *steps, **kwargs)


ALLOCATED = Step(
    "AllocateAddress",
    {"AllocationId": "eipalloc-1"},
    {"Domain": "vpc", "TagSpecifications": [{"ResourceType": "elastic-ip", "Tags": tag_list(NAMED)}]},
)


def test_allocate():
    result, _aws, _module = run({}, described(), ALLOCATED, described(address()))
    assert result["changed"] is True
    assert result["address"]["allocation_id"] == "eipalloc-1"


def test_one_in_use_is_found_by_its_tags():
    result, _aws, _module = run({}, described(address(AssociationId="eipassoc-1")))
    assert result["changed"] is False


def test_a_lost_reply_allocates_no_second_one():
    _result, aws, _module = run(
        {}, described(), Step("AllocateAddress", lost_reply()), described(), described(address())
    )
    assert aws.operations().count("AllocateAddress") == 1


@pytest.mark.parametrize("tags", [OWNER, {"Name": "demo-nat"}])
def test_the_known_one_gets_its_tags_back(tags):
    result, _aws, _module = run(
        {"allocation_id": "eipalloc-1"},
        described(address(tags=tags)),
        Step("CreateTags", {}),
        described(address()),
    )
    assert result["changed"] is True


def test_the_known_one_may_be_someone_elses():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({"allocation_id": "eipalloc-1"}, described(address(tags={"Name": "demo-nat", "Project": "other"})))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AuthFailure", "You do not have permission to access the specified resource."),
        ("InvalidIPAddress.InUse", "The address is in use."),
        ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-1' does not exist"),
    ],
)
def test_the_release_waits_for_the_nat_gateway_to_let_go(code, message, clock):
    result, aws, _module = run(
        {"state": "absent"},
        described(address()),
        Step("ReleaseAddress", api_error("ReleaseAddress", code, message), {"AllocationId": "eipalloc-1"}),
        described(address()),
        Step("ReleaseAddress", {}),
        described(),
    )
    assert result["changed"] is True
    assert aws.operations().count("ReleaseAddress") == 2


def test_one_that_stays_in_use_is_told(clock):
    used = api_error("ReleaseAddress", "AuthFailure", "You do not have permission to access the specified resource.")
    with pytest.raises(ResourceError, match="Something still uses it"):
        run({"state": "absent"}, *[described(address()), Step("ReleaseAddress", used)] * 60, done=False)


def test_one_with_a_reverse_name_is_told():
    refused = api_error("ReleaseAddress", "InvalidAddress.PtrSet", "cannot be released because it has a PTR record set")
    with pytest.raises(ResourceError, match="Take its reverse DNS record away"):
        run({"state": "absent"}, described(address()), Step("ReleaseAddress", refused))


def test_what_is_gone_already_is_no_failure():
    gone = api_error("ReleaseAddress", "InvalidAllocationID.NotFound")
    run({"state": "absent"}, described(address()), Step("ReleaseAddress", gone), described())
