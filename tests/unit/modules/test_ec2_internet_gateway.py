# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Internet gateway of a VPC."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.ec2_internet_gateway import InternetGateway
from tests.support.scripted_aws import Step, api_error, lost_reply, run_resource

OWNER = {"Project": "demo"}
TAGS = {**OWNER, "Name": "demo-internet-gateway"}
FOREIGN = {"InternetGatewayId": "igw-9", "Attachments": [{"VpcId": "vpc-9", "State": "available"}], "Tags": []}


def gateway(vpc="vpc-1", number=1, **tags):
    attachments = [{"VpcId": vpc, "State": "available"}] if vpc else []
    tags = [{"Key": key, "Value": value} for key, value in {**TAGS, **tags}.items()]
    return {"InternetGatewayId": f"igw-{number}", "Attachments": attachments, "Tags": tags}


def described(*gateways):
    return Step("DescribeInternetGateways", {"InternetGateways": [FOREIGN, *gateways]})


def run(params, *steps, **kwargs):
    return run_resource(
        InternetGateway, {"vpc_id": "vpc-1", "tags": TAGS, "owned_by": OWNER, **params}, *steps, **kwargs
    )


def attach(answer=None):
    return Step("AttachInternetGateway", answer or {}, {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"})


def test_create_and_attach():
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    result, _aws, _module = run(
        {},
        described(),
        Step(
            "CreateInternetGateway",
            {"InternetGateway": {"InternetGatewayId": "igw-1"}},
            {"TagSpecifications": [{"ResourceType": "internet-gateway", "Tags": tags}]},
        ),
        described(gateway(None)),
        attach(),
        described(gateway()),
        described(gateway()),
    )
    assert result["changed"] is True
    assert result["internet_gateway"]["internet_gateway_id"] == "igw-1"


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, described(gateway()))
    assert result["changed"] is False


def test_lost_reply_of_create_makes_no_second_one():
    result, aws, _module = run(
        {},
        described(),
        Step("CreateInternetGateway", lost_reply()),
        described(),  # not visible at once
        described(gateway(None)),
        attach(),
        described(gateway()),
        described(gateway()),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateInternetGateway") == 1


def test_what_an_interrupted_run_left_is_attached():
    result, aws, _module = run({}, described(gateway(None)), attach(), described(gateway()), described(gateway()))
    assert result["changed"] is True
    assert "CreateInternetGateway" not in aws.operations()


def test_lost_reply_of_attach_is_looked_up():
    result, aws, _module = run({}, described(gateway(None)), attach(lost_reply()), described(gateway()))
    assert result["changed"] is True
    assert aws.operations().count("AttachInternetGateway") == 1


def test_a_free_gateway_of_someone_else_is_not_taken():
    result, _aws, _module = run({}, described(gateway(None, Project="other")), check_mode=True)
    assert result["changed"] is True
    assert "internet_gateway_id" not in result["internet_gateway"]


def test_a_gateway_of_someone_else_on_our_vpc_stays_untouched():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({}, described(gateway(Project="other")))


def test_check_mode_before_the_vpc_exists():
    result, _aws, _module = run({"vpc_id": "(known after apply)"}, described(), check_mode=True)
    assert result["changed"] is True


def test_delete_detaches_first():
    result, _aws, _module = run(
        {"state": "absent"},
        described(gateway()),
        Step("DetachInternetGateway", {}, {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}),
        Step("DeleteInternetGateway", {}, {"InternetGatewayId": "igw-1"}),
        described(),
    )
    assert result["changed"] is True


def test_delete_goes_on_where_it_was_interrupted():
    result, _aws, _module = run(
        {"state": "absent", "vpc_id": ""},
        described(gateway(None)),
        Step("DeleteInternetGateway", {}, {"InternetGatewayId": "igw-1"}),
        described(),
    )
    assert result["changed"] is True


def test_delete_while_addresses_are_in_use_says_whose():
    used = api_error("DetachInternetGateway", "DependencyViolation", "Network vpc-1 has some mapped public address(es)")
    interfaces = [
        {"NetworkInterfaceId": "eni-1", "Description": "Shop", "Association": {"PublicIp": "203.0.113.7"}},
        {"NetworkInterfaceId": "eni-2", "Description": "Private"},
    ]
    with pytest.raises(ResourceError, match=r"mapped public address.* In the way: eni-1 \(Shop\)\.$"):
        run(
            {"state": "absent", "wait": False},
            described(gateway()),
            Step("DetachInternetGateway", used),
            described(gateway()),
            Step(
                "DescribeNetworkInterfaces",
                {"NetworkInterfaces": interfaces},
                {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]},
            ),
        )


def test_lost_tags_are_put_back():
    lost = {**gateway(), "Tags": [{"Key": "Project", "Value": "demo"}]}
    result, _aws, _module = run({}, described(lost), Step("CreateTags", {}), described(gateway()))
    assert result["changed"] is True


def test_one_without_any_of_our_tags_stays_untouched():
    with pytest.raises(ResourceError, match="isn't ours"):
        run({}, described({**gateway(), "Tags": []}))


def test_the_known_one_is_removed_and_no_other():
    result, _aws, _module = run(
        {"state": "absent", "internet_gateway_id": "igw-2"},
        described(gateway(), gateway(None, 2)),
        Step("DeleteInternetGateway", {}, {"InternetGatewayId": "igw-2"}),
        described(gateway()),
    )
    assert result["changed"] is True
