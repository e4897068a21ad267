# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VPC endpoints: found by VPC, service and type; lists changed by what is added and removed; states waited for."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, ec2_tagged, run, tag_list
from tests.support.scripted_aws import ScriptedModule, Step, api_error, lost_reply

SERVICE = "com.amazonaws.us-west-2.sts"
TAGS = {**OWNER, "Name": "demo-endpoint-sts"}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
OPTIONS = {
    "vpc_id": "vpc-1",
    "service_name": SERVICE,
    "type": "Interface",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_ids": ["sg-1"],
    "private_dns_enabled": True,
    "policy": POLICY,
    "tags": TAGS,
    "owned_by": OWNER,
}
FILTERS = [
    {"Name": "vpc-id", "Values": ["vpc-1"]},
    {"Name": "service-name", "Values": [SERVICE]},
    {"Name": "vpc-endpoint-type", "Values": ["Interface"]},
]


def endpoint(identifier="vpce-1", state="available", tags=None, **members):
    return {
        "VpcEndpointId": identifier,
        "VpcEndpointType": "Interface",
        "VpcId": "vpc-1",
        "ServiceName": SERVICE,
        "State": state,
        "SubnetIds": ["subnet-2", "subnet-1"],
        "RouteTableIds": [],
        "Groups": [{"GroupId": "sg-1", "GroupName": "demo-endpoints"}],
        "PrivateDnsEnabled": True,
        "IpAddressType": "ipv4",
        "PolicyDocument": json.dumps(POLICY, indent=1),
        "Tags": tag_list(**(TAGS if tags is None else tags)),
        **members,
    }


def describe(*endpoints):
    return Step("DescribeVpcEndpoints", {"VpcEndpoints": list(endpoints)}, {"Filters": FILTERS})


def endpoint_run(options, *steps, **kwargs):
    return run("ec2_vpc_endpoint", {**OPTIONS, **options}, *steps, **kwargs)


# ---- Creating


def test_create_and_wait():
    def check(request):
        assert request.pop("ClientToken")
        assert json.loads(request.pop("PolicyDocument")) == POLICY
        assert request == {
            "VpcId": "vpc-1",
            "VpcEndpointType": "Interface",
            "ServiceName": SERVICE,
            "SubnetIds": ["subnet-1", "subnet-2"],
            "SecurityGroupIds": ["sg-1"],
            "PrivateDnsEnabled": True,
            "TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": tag_list(**TAGS)}],
        }

    result, _aws, _module = endpoint_run(
        {},
        describe(),
        Step("CreateVpcEndpoint", {"VpcEndpoint": {"VpcEndpointId": "vpce-1"}}, check),
        describe(endpoint(state="pending")),
        describe(endpoint(state="pending")),
        describe(endpoint()),
    )
    assert result["changed"] is True
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"
    assert result["endpoint"]["state"] == "available"
    assert result["endpoint"]["groups"] == [{"group_id": "sg-1", "group_name": "demo-endpoints"}]
    assert result["diff"]["after"]["policy"] == POLICY
    assert result["diff"]["after"]["security_group_ids"] == ["sg-1"]


def test_create_a_gateway_endpoint():
    gateway = endpoint(VpcEndpointType="Gateway", ServiceName="com.amazonaws.us-west-2.s3", RouteTableIds=["rtb-1"])
    requests = []
    result, _aws, _module = run(
        "ec2_vpc_endpoint",
        {"vpc_id": "vpc-1", "service_name": "com.amazonaws.us-west-2.s3", "route_table_ids": ["rtb-1"]},
        Step("DescribeVpcEndpoints", {"VpcEndpoints": []}),
        Step("CreateVpcEndpoint", {"VpcEndpoint": gateway}, requests.append),
        Step("DescribeVpcEndpoints", {"VpcEndpoints": [gateway]}),
    )
    assert result["changed"] is True
    # Which is what AWS makes then.
    assert "VpcEndpointType" not in requests[0]
    assert requests[0]["RouteTableIds"] == ["rtb-1"]
    assert "PolicyDocument" not in requests[0]
    assert "TagSpecifications" not in requests[0]


def test_create_without_waiting():
    result, _aws, _module = endpoint_run(
        {"wait": False},
        describe(),
        Step("CreateVpcEndpoint", {"VpcEndpoint": {}}),
        describe(endpoint(state="Pending")),
    )
    assert result["endpoint"]["state"] == "pending"


def test_lost_reply_of_create_makes_no_second():
    result, aws, _module = endpoint_run({}, describe(), Step("CreateVpcEndpoint", lost_reply()), describe(endpoint()))
    assert result["changed"] is True
    assert aws.operations().count("CreateVpcEndpoint") == 1


def test_lost_create_that_is_not_seen_is_repeated_with_its_token():
    requests = []
    endpoint_run(
        {},
        describe(),
        Step("CreateVpcEndpoint", lost_reply(), requests.append),
        describe(),
        Step("CreateVpcEndpoint", {"VpcEndpoint": {}}, requests.append),
        describe(endpoint()),
    )
    assert requests[0] == requests[1]


@pytest.mark.parametrize(
    "code", ["InvalidSecurityGroupID.NotFound", "InvalidSubnetID.NotFound", "RequestLimitExceeded"]
)
def test_what_was_just_made_is_waited_for(code):
    result, _aws, _module = endpoint_run(
        {},
        describe(),
        Step("CreateVpcEndpoint", api_error("CreateVpcEndpoint", code)),
        describe(),
        Step("CreateVpcEndpoint", {"VpcEndpoint": {}}),
        describe(endpoint()),
    )
    assert result["changed"] is True


# ---- Finding


def test_second_run_changes_nothing():
    result, aws, _module = endpoint_run({}, describe(endpoint()))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeVpcEndpoints"]


def test_answers_for_other_services_are_not_taken():
    result, _aws, _module = endpoint_run({}, describe(endpoint("vpce-0", ServiceName="other"), endpoint()))
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"


def test_other_type_is_another_endpoint():
    gateway = endpoint("vpce-0", VpcEndpointType="Gateway")
    result, _aws, _module = endpoint_run({}, describe(gateway, endpoint()))
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"


def test_deleted_ones_do_not_count():
    result, _aws, module = endpoint_run({}, describe(endpoint("vpce-0", state="Deleted"), endpoint()))
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"
    assert module.warnings == []


def test_ours_is_taken_of_several():
    result, _aws, module = endpoint_run({}, describe(endpoint("vpce-0", tags={"Name": "theirs"}), endpoint()))
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"
    assert module.warnings == []


def test_ours_is_told_from_another_of_ours_by_its_name():
    other = endpoint("vpce-0", tags={**OWNER, "Name": "demo-other"})
    result, _aws, _module = endpoint_run({}, describe(other, endpoint()))
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"


def test_foreign_endpoint_is_refused():
    with pytest.raises(ResourceError, match="isn't ours: it has no Project"):
        endpoint_run({}, describe(endpoint(tags={})))


def test_duplicate_is_reported():
    result, _aws, module = endpoint_run({}, describe(endpoint("vpce-2"), endpoint()))
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"
    assert "vpce-2" in module.warnings[0]


# ---- Changing


@pytest.mark.parametrize(
    ("options", "present", "request_"),
    [
        ({"subnet_ids": ["subnet-1"]}, {}, {"RemoveSubnetIds": ["subnet-2"]}),
        ({"subnet_ids": ["subnet-1", "subnet-2", "subnet-3"]}, {}, {"AddSubnetIds": ["subnet-3"]}),
        ({"security_group_ids": ["sg-2"]}, {}, {"AddSecurityGroupIds": ["sg-2"], "RemoveSecurityGroupIds": ["sg-1"]}),
        ({"route_table_ids": ["rtb-1"]}, {"RouteTableIds": ["rtb-2"]}, None),
        ({"private_dns_enabled": False}, {}, {"PrivateDnsEnabled": False}),
        ({}, {"PrivateDnsEnabled": False}, {"PrivateDnsEnabled": True}),
        ({"ip_address_type": "dualstack"}, {}, {"IpAddressType": "dualstack"}),
        (
            {"dns_options": {"dns_record_ip_type": "dualstack"}},
            {"DnsOptions": {"DnsRecordIpType": "ipv4", "PrivateDnsOnlyForInboundResolverEndpoint": False}},
            {"DnsOptions": {"DnsRecordIpType": "dualstack"}},
        ),
    ],
)
def test_changed_settings(options, present, request_):
    request_ = request_ or {"AddRouteTableIds": ["rtb-1"], "RemoveRouteTableIds": ["rtb-2"]}
    result, _aws, _module = endpoint_run(
        options,
        describe(endpoint(**present)),
        Step("ModifyVpcEndpoint", {"Return": True}, {"VpcEndpointId": "vpce-1", **request_}),
        describe(endpoint(state="pending")),
        describe(endpoint()),
        describe(endpoint()),
    )
    assert result["changed"] is True


def test_all_changes_go_in_one_call():
    _result, aws, _module = endpoint_run(
        {"subnet_ids": ["subnet-1"], "private_dns_enabled": False},
        describe(endpoint()),
        Step(
            "ModifyVpcEndpoint",
            {},
            {"VpcEndpointId": "vpce-1", "RemoveSubnetIds": ["subnet-2"], "PrivateDnsEnabled": False},
        ),
        describe(endpoint()),
        describe(endpoint()),
    )
    assert aws.operations().count("ModifyVpcEndpoint") == 1


def test_policy():
    narrow = {**POLICY, "Statement": [{**POLICY["Statement"][0], "Action": "sts:AssumeRoleWithWebIdentity"}]}

    def check(request):
        assert json.loads(request["PolicyDocument"]) == narrow

    result, _aws, _module = endpoint_run(
        {"policy": narrow},
        describe(endpoint()),
        Step("ModifyVpcEndpoint", {}, check),
        describe(endpoint(PolicyDocument=json.dumps(narrow))),
        describe(endpoint(PolicyDocument=json.dumps(narrow))),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["policy"] == POLICY
    assert result["diff"]["after"]["policy"] == narrow


@pytest.mark.parametrize(
    "present",
    [
        {"Principal": {"AWS": "*"}},
        {"Action": ["*"]},
        {"Resource": ["*"]},
    ],
)
def test_policy_of_the_same_meaning_is_no_difference(present):
    written = {**POLICY, "Statement": [{**POLICY["Statement"][0], **present}]}
    result, _aws, _module = endpoint_run({}, describe(endpoint(PolicyDocument=json.dumps(written))))
    assert result["changed"] is False


def test_policy_that_is_not_declared_is_left_alone():
    result, _aws, _module = endpoint_run({"policy": None}, describe(endpoint(PolicyDocument='{"Statement": []}')))
    assert result["changed"] is False


def test_policy_must_be_json():
    with pytest.raises(ResourceError, match="isn't JSON"):
        endpoint_run({"policy": "{"})


def test_throttled_update_is_repeated_after_a_look():
    result, _aws, _module = endpoint_run(
        {"private_dns_enabled": False},
        describe(endpoint()),
        Step("ModifyVpcEndpoint", api_error("ModifyVpcEndpoint", "RequestLimitExceeded")),
        describe(endpoint()),
        Step("ModifyVpcEndpoint", {}),
        describe(endpoint(PrivateDnsEnabled=False)),
        describe(endpoint(PrivateDnsEnabled=False)),
    )
    assert result["changed"] is True


def test_lost_update_is_not_repeated_when_it_is_done():
    result, aws, _module = endpoint_run(
        {"private_dns_enabled": False},
        describe(endpoint()),
        Step("ModifyVpcEndpoint", lost_reply()),
        describe(endpoint(PrivateDnsEnabled=False)),
    )
    assert result["changed"] is True
    assert aws.operations().count("ModifyVpcEndpoint") == 1


def test_tags():
    result, _aws, _module = endpoint_run(
        {},
        describe(endpoint(tags={**OWNER, "Old": "x"})),
        Step("DeleteTags", {}, {"Resources": ["vpce-1"], "Tags": [{"Key": "Old"}]}),
        ec2_tagged("vpce-1", Name="demo-endpoint-sts"),
        describe(endpoint()),
    )
    assert result["changed"] is True


# ---- States


@pytest.mark.parametrize("state", ["failed", "Rejected", "expired"])
def test_failed_endpoint_is_an_error_with_its_reason(state):
    with pytest.raises(ResourceError, match=rf"is {state.lower()}. quota Remove it \(state: absent\)"):
        endpoint_run({}, describe(endpoint(state=state, LastError={"Code": "x", "Message": "quota"})))


def test_endpoint_that_waits_for_its_owner_is_an_error_after_create_and_a_warning_later():
    waiting = endpoint(state="pendingAcceptance")
    with pytest.raises(ResourceError, match="owner of the service has to accept it"):
        endpoint_run({}, describe(), Step("CreateVpcEndpoint", {"VpcEndpoint": {}}), describe(waiting))
    result, _aws, module = endpoint_run({}, describe(waiting))
    assert result["changed"] is False
    assert "has to accept it" in module.warnings[0]


def test_pending_one_is_waited_for():
    result, _aws, _module = endpoint_run(
        {}, describe(endpoint(state="pending")), describe(endpoint(state="pending")), describe(endpoint())
    )
    assert result["changed"] is False


def test_stuck_one_is_an_error_after_the_timeout():
    steps = [describe(endpoint(state="pending")) for _ in range(20)]
    with pytest.raises(ResourceError, match="is still pending after 30 s"):
        run("ec2_vpc_endpoint", {**OPTIONS, "wait_timeout": 30}, *steps)


def test_one_that_is_being_deleted_is_waited_out_and_made_anew():
    result, _aws, _module = endpoint_run(
        {},
        describe(endpoint(state="deleting")),
        describe(endpoint(state="deleting")),
        describe(),
        Step("CreateVpcEndpoint", {"VpcEndpoint": {}}),
        describe(endpoint("vpce-2")),
    )
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-2"


# ---- Dry run and deletion


def test_dry_run_of_create_with_unknown_ids():
    unknown = "(known after apply)"
    result, aws, _module = endpoint_run(
        {"vpc_id": unknown, "subnet_ids": [unknown], "security_group_ids": [unknown]},
        Step("DescribeVpcEndpoints", {"VpcEndpoints": []}),
        check_mode=True,
    )
    assert result["changed"] is True
    assert result["diff"]["after"]["security_group_ids"] == [unknown]
    assert result["endpoint"]["service_name"] == SERVICE
    assert aws.operations() == ["DescribeVpcEndpoints"]


def test_dry_run_of_changes():
    result, aws, _module = endpoint_run(
        {"security_group_ids": ["sg-2"], "private_dns_enabled": False}, describe(endpoint()), check_mode=True
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["security_group_ids"] == ["sg-1"]
    assert result["diff"]["after"]["security_group_ids"] == ["sg-2"]
    assert result["diff"]["after"]["private_dns_enabled"] is False
    assert aws.operations() == ["DescribeVpcEndpoints"]


ABSENT = {key: OPTIONS[key] for key in ("vpc_id", "service_name", "type", "owned_by")} | {"state": "absent"}
DELETE = {"VpcEndpointIds": ["vpce-1"]}


@pytest.mark.parametrize("last", [[], [endpoint(state="deleted")]])
def test_delete_and_wait(last):
    result, _aws, _module = run(
        "ec2_vpc_endpoint",
        ABSENT,
        describe(endpoint()),
        Step("DeleteVpcEndpoints", {"Unsuccessful": []}, DELETE),
        describe(endpoint(state="deleting")),
        describe(*last),
    )
    assert result["changed"] is True


def test_delete_that_is_refused_inside_of_a_success():
    refusal = {"Unsuccessful": [{"ResourceId": "vpce-1", "Error": {"Code": "OperationNotPermitted", "Message": "no"}}]}
    with pytest.raises(ResourceError, match=r"Could not delete endpoint .* OperationNotPermitted: no"):
        run("ec2_vpc_endpoint", ABSENT, describe(endpoint()), Step("DeleteVpcEndpoints", refusal, DELETE))


def test_delete_of_what_is_gone_already():
    gone = {"Unsuccessful": [{"Error": {"Code": "InvalidVpcEndpoint.NotFound", "Message": "gone"}}]}
    result, _aws, _module = run(
        "ec2_vpc_endpoint", ABSENT, describe(endpoint()), Step("DeleteVpcEndpoints", gone, DELETE), describe()
    )
    assert result["endpoint"] == {}


def test_delete_waits_for_one_that_is_being_deleted():
    result, _aws, _module = run(
        "ec2_vpc_endpoint",
        ABSENT,
        describe(endpoint(state="deleting")),
        describe(endpoint(state="deleting")),
        describe(),
    )
    assert result["changed"] is False


def test_delete_without_a_type_finds_either():
    gateway = endpoint(VpcEndpointType="Gateway", RouteTableIds=["rtb-1"])
    result, _aws, _module = run(
        "ec2_vpc_endpoint",
        {**ABSENT, "type": None},
        Step("DescribeVpcEndpoints", {"VpcEndpoints": [gateway]}, {"Filters": FILTERS[:2]}),
        Step("DeleteVpcEndpoints", {}, DELETE),
        Step("DescribeVpcEndpoints", {"VpcEndpoints": []}),
    )
    assert result["changed"] is True


def test_foreign_endpoint_is_not_deleted():
    with pytest.raises(ResourceError, match="isn't ours"):
        run("ec2_vpc_endpoint", ABSENT, describe(endpoint(tags={"Name": "theirs"})))


AWS_POLICY = {**POLICY, "Version": "2008-10-17"}


def test_the_policy_of_aws_is_none():
    result, _aws, _module = endpoint_run({"policy": {}}, describe(endpoint(PolicyDocument=json.dumps(AWS_POLICY))))
    assert result["changed"] is False


def test_a_policy_that_is_not_declared_any_more_is_set_back():
    narrow = {**POLICY, "Statement": [{**POLICY["Statement"][0], "Action": "sts:AssumeRole"}]}
    back = describe(endpoint(PolicyDocument=json.dumps(AWS_POLICY)))
    result, _aws, _module = endpoint_run(
        {"policy": {}},
        describe(endpoint(PolicyDocument=json.dumps(narrow))),
        Step("ModifyVpcEndpoint", {}, {"VpcEndpointId": "vpce-1", "ResetPolicy": True}),
        back,
        back,
    )
    assert result["diff"]["before"]["policy"] == narrow
    assert result["diff"]["after"]["policy"] == {}


def test_without_a_policy_none_is_sent():
    def check(request):
        assert "PolicyDocument" not in request

    endpoint_run(
        {"policy": {}},
        describe(),
        Step("CreateVpcEndpoint", {"VpcEndpoint": {"VpcEndpointId": "vpce-1"}}, check),
        describe(endpoint(PolicyDocument=json.dumps(AWS_POLICY))),
    )


def test_the_short_name_of_a_service():
    assert endpoint_run({"service_name": "sts"}, describe(endpoint()))[0]["changed"] is False


@pytest.mark.parametrize(
    "full", ["com.amazonaws.cn-north-1.sts", "cn.com.amazonaws.cn-north-1.sts", "cn.com.amazonaws.cn-north-1.sts.cn"]
)
def test_in_china_aws_is_asked_for_the_name_of_a_service(monkeypatch, full):
    monkeypatch.setattr(ScriptedModule, "__init__", in_region(ScriptedModule.__init__, "cn-north-1"))
    usual = "com.amazonaws.cn-north-1.sts"
    asked = {"Filters": [{"Name": "service-name", "Values": [usual, f"cn.{usual}", f"cn.{usual}.cn"]}]}
    filters = [FILTERS[0], {"Name": "service-name", "Values": [full]}, FILTERS[2]]
    result, _aws, _module = endpoint_run(
        {"service_name": "sts"},
        Step("DescribeVpcEndpointServices", {"ServiceNames": [full]}, asked),
        Step("DescribeVpcEndpoints", {"VpcEndpoints": [endpoint(ServiceName=full)]}, {"Filters": filters}),
    )
    assert result["changed"] is False


def in_region(init, region):
    def other(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.region = region

    return other


@pytest.mark.parametrize("tags", [OWNER, {"Name": "demo-endpoint-sts"}])
def test_lost_tags_are_put_back(tags):
    result, _aws, _module = endpoint_run(
        {}, describe(endpoint(tags=tags)), Step("CreateTags", {}), describe(endpoint())
    )
    assert result["changed"] is True


def test_the_known_one_is_removed_and_no_other():
    gone = describe(endpoint())
    result, _aws, _module = endpoint_run(
        {"state": "absent", "endpoint_id": "vpce-2"},
        describe(endpoint(), endpoint("vpce-2")),
        Step("DeleteVpcEndpoints", {}, {"VpcEndpointIds": ["vpce-2"]}),
        gone,
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RouteAlreadyExists", "route table rtb-1 already has a route"),
        (
            "InvalidParameter",
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for it",
        ),
    ],
)
def test_one_that_another_run_has_made_is_taken(code, message):
    result, _aws, _module = endpoint_run(
        {},
        describe(),
        Step("CreateVpcEndpoint", api_error("CreateVpcEndpoint", code, message)),
        describe(endpoint()),
    )
    assert result["endpoint"]["vpc_endpoint_id"] == "vpce-1"
