"""The base of all modules, on a small resource declared here (an EKS pod identity association, and for things without
a unique name an EC2 flow log)."""

from __future__ import annotations

import datetime
from typing import ClassVar

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from ansible_collections.agent_platform.aws.plugins.module_utils import resource as base
from ansible_collections.agent_platform.aws.plugins.module_utils.calls import BUSY_FOR, LONGEST_PAUSE, PASSING_FOR
from ansible_collections.agent_platform.aws.plugins.module_utils.declarations import (
    Create,
    Delete,
    Describe,
    Setting,
    States,
    Tagging,
    Update,
    tag_list,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.resource import Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.values import gather, is_satisfied, without_unset
from tests.support.scripted_aws import (
    ScriptedAws,
    ScriptedModule,
    Step,
    api_error,
    endless,
    lost_reply,
    refuse_resource,
    run_resource,
)

OWNER = {"ManagedBy": "agent_platform.aws"}


class Addon(Resource):
    service = "eks"
    kind = "EKS add-on"
    result = "addon"
    names: ClassVar = {"clusterName": "cluster_name", "addonName": "name"}
    describe = Describe("DescribeAddon", "addon", missing=("ResourceNotFoundException",))
    create = Create("CreateAddon", token="clientRequestToken", exists=("ResourceInUseException",))
    delete = Delete("DeleteAddon", missing=("ResourceNotFoundException",))
    settings = (
        Setting("version", "addonVersion", update="addon"),
        Setting("configuration", "configurationValues", update="addon", secret=True),
        Setting("role_arn", "serviceAccountRoleArn"),
    )
    updates: ClassVar = {"addon": Update("UpdateAddon", token="clientRequestToken")}
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "addonArn"})
    states = States(
        "status",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={"CREATE_FAILED": "Remove it and run again."},
        degraded={"DEGRADED": "Look at its pods.", "UPDATE_FAILED": "Change it.", "DELETE_FAILED": "Delete it again."},
    )
    passing: ClassVar = {"InvalidParameterException": ("cannot be assumed",)}
    timeout = 30


class FlowLog(Resource):
    service = "ec2"
    kind = "flow log"
    result = "flow_log"
    names: ClassVar = {"ResourceId": "resource_id"}
    identifier = "FlowLogId"
    unique_name = False
    capital_members = True
    describe = Describe("DescribeFlowLogs", "FlowLogs", many=True)
    create = Create("CreateFlowLogs", tags=None)
    delete = Delete("DeleteFlowLogs")

    def describe_request(self):
        return {"Filter": [{"Name": "resource-id", "Values": [self.options["resource_id"]]}]}

    def create_request(self):
        return {"ResourceIds": [self.options["resource_id"]], "ResourceType": "VPC"}


def addon(status="ACTIVE", version="v1", tags=None, **members):
    return {
        "addon": {
            "clusterName": "demo",
            "addonName": "vpc-cni",
            "addonArn": "arn:aws:eks:us-west-2:123456789012:addon/demo/vpc-cni/1",
            "status": status,
            "addonVersion": version,
            "tags": {**OWNER, **(tags or {})},
            **members,
        }
    }


def missing():
    return api_error("DescribeAddon", "ResourceNotFoundException", "No addon")


PARAMS = {"cluster_name": "demo", "name": "vpc-cni", "version": "v1", "configuration": None, "role_arn": None}
READ = {"clusterName": "demo", "addonName": "vpc-cni"}


def run(params, *steps, **kwargs):
    return run_resource(Addon, {**PARAMS, **params}, *steps, **kwargs)


def refused(params, *steps, check_mode=False):
    return refuse_resource(Addon, {**PARAMS, **params}, *steps, check_mode=check_mode)


# ---- create


def test_create_waits_until_ready_and_returns_the_resource():
    def has_everything(request):
        assert request["addonVersion"] == "v1"
        assert request["tags"] == {"A": "1"}
        assert request["clientRequestToken"]

    result, _aws, _module = run(
        {"tags": {"A": 1}},
        Step("DescribeAddon", missing(), READ),
        Step("CreateAddon", addon("CREATING"), has_everything),
        Step("DescribeAddon", addon("CREATING", tags={"A": "1"})),
        Step("DescribeAddon", addon("CREATING", tags={"A": "1"})),
        Step("DescribeAddon", addon("ACTIVE", tags={"A": "1"})),
        Step("UntagResource", {}),
        Step("DescribeAddon", addon("ACTIVE", tags={"A": "1"})),
    )
    assert result["changed"] is True
    assert result["addon"]["addon_version"] == "v1"
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["version"] == "v1"


def test_without_wait_create_returns_at_once():
    result, aws, _module = run(
        {"wait": False},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", addon("CREATING")),
    )
    assert result["changed"] is True
    assert aws.operations().count("DescribeAddon") == 2


def test_what_aws_has_accepted_may_be_invisible_for_a_moment():
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", missing()),
        Step("DescribeAddon", missing()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def test_create_is_never_repeated_after_acceptance(clock):
    message = refused(
        {},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon("CREATING")),
        *endless(Step("DescribeAddon", missing())),
    )
    assert "doesn't show it" in message


# ---- lost replies, throttling, errors


def test_lost_reply_of_create_is_adopted():
    result, aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", lost_reply()),
        Step("DescribeAddon", addon("CREATING")),
        Step("DescribeAddon", addon("ACTIVE")),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateAddon") == 1


def test_lost_request_is_repeated_with_the_same_token():
    tokens = []
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", lost_reply(), lambda request: tokens.append(request["clientRequestToken"])),
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon(), lambda request: tokens.append(request["clientRequestToken"])),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True
    assert tokens[0] == tokens[1]


def test_already_there_on_the_second_try_is_adopted():
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", lost_reply()),
        Step("DescribeAddon", missing()),
        Step("CreateAddon", api_error("CreateAddon", "ResourceInUseException", "already exists", 409)),
        Step("DescribeAddon", addon()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    "error",
    [
        api_error("CreateAddon", "ThrottlingException"),
        api_error("CreateAddon", "TooManyRequestsException", status=429),
        api_error("CreateAddon", "ServerException", "broken", 500),
        api_error("CreateAddon", "InvalidParameterException", "The role cannot be assumed"),
        api_error("CreateAddon", "InvalidParameterException", "The role CANNOT be Assumed"),
        lost_reply(),
    ],
)
def test_passing_faults_are_survived(error):
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", missing()),
        Step("CreateAddon", error),
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon()),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def given_up(error):
    """What the user is told of a create that AWS refuses for ever."""
    return refused({}, *endless(Step("DescribeAddon", missing()), Step("CreateAddon", error)))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (api_error("CreateAddon", "ThrottlingException", "Rate exceeded"), BUSY_FOR),
        (lost_reply(), BUSY_FOR),
        (api_error("CreateAddon", "InvalidParameterException", "The role Cannot Be assumed"), PASSING_FOR),
    ],
)
def test_a_write_is_given_up_by_time(clock, error, seconds):
    message = given_up(error)
    assert seconds - LONGEST_PAUSE <= clock[0] <= seconds
    assert "Could not create EKS add-on 'vpc-cni' of 'demo' (CreateAddon)" in message
    assert f"Given up after {clock[0]:.0f} s" in message


def test_a_read_is_given_up_like_a_write(clock, monkeypatch):
    """The SDK repeats it; a hook answers in the place of AWS."""

    def throttled(request, **_others):
        headers = {"x-amzn-ErrorType": "ThrottlingException"}
        response = AWSResponse(request.url, 429, headers, None)
        response._content = b'{"message": "Rate exceeded"}'
        return response

    def make(_service, config):
        made = boto3.client(
            "eks", region_name="us-west-2", aws_access_key_id="unused", aws_secret_access_key="unused", config=config
        )
        made.meta.events.register("before-send", throttled)
        return made

    module = ScriptedModule(ScriptedAws(), PARAMS)
    monkeypatch.setattr(module, "client", make)
    with pytest.raises(ResourceError, match=r"Could not read EKS add-on .* AWS went on throttling"):
        Addon(module).run()
    assert 10 < clock[0] <= BUSY_FOR


def test_a_write_that_was_done_in_between_begins_anew(clock):
    """Three that fail for long, each for less than it takes to give up, fail for longer than one may."""
    aws = ScriptedAws()
    tried = Addon(ScriptedModule(aws, PARAMS))
    for _time in range(3):
        for _failure in range(8):
            aws.steps = [Step("CreateAddon", api_error("CreateAddon", "ThrottlingException"))]
            with pytest.raises(base.Repeat) as caught:
                tried.write("CreateAddon", {**READ, "clientRequestToken": "t"}, "create it")
            tried.patience.pause(caught.value)
        aws.steps = [Step("CreateAddon", {})]
        tried.write("CreateAddon", {**READ, "clientRequestToken": "t"}, "create it")
    assert clock[0] > BUSY_FOR


def test_each_write_has_its_own_time():
    """Two writes that fail often, each less often than it takes to give up, are more failures than one may have."""
    failures = 8
    steps = [Step("DescribeAddon", addon())]
    for operation in ("UpdateAddon", "TagResource"):
        for _failure in range(failures):
            steps.append(Step(operation, api_error(operation, "ThrottlingException")))
            steps.append(Step("DescribeAddon", addon(version="v1" if operation == "UpdateAddon" else "v2")))
        steps.append(Step(operation, {}))
        tags = {} if operation == "UpdateAddon" else {"A": "1"}
        steps.append(Step("DescribeAddon", addon(version="v2", tags=tags)))
    params = {"version": "v2", "tags": {"A": "1"}, "purge_tags": False}
    result, aws, _module = run(params, *steps)
    assert result["changed"] is True
    assert aws.operations().count("UpdateAddon") == aws.operations().count("TagResource") == failures + 1


def test_a_throttled_update_is_decided_anew():
    """Between the two tries someone else has made the change: nothing is left to do."""
    result, aws, _module = run(
        {"version": "v2"},
        Step("DescribeAddon", addon()),
        Step("UpdateAddon", api_error("UpdateAddon", "ThrottlingException")),
        Step("DescribeAddon", addon(version="v2")),
    )
    assert result["changed"] is False
    assert aws.operations().count("UpdateAddon") == 1


def test_lost_reply_of_an_update_counts_as_changed():
    result, _aws, _module = run(
        {"version": "v2"},
        Step("DescribeAddon", addon()),
        Step("UpdateAddon", lost_reply()),
        Step("DescribeAddon", addon(version="v2")),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("code", "helps"),
    [
        ("AccessDeniedException", "Allow eks:CreateAddon"),
        ("ExpiredTokenException", "Renew the AWS credentials"),
        ("ResourceLimitExceededException", "Service Quotas"),
    ],
)
def test_refusals_are_not_repeated_and_say_what_helps(code, helps):
    message = refused({}, Step("DescribeAddon", missing()), Step("CreateAddon", api_error("CreateAddon", code, "no")))
    assert "Could not create EKS add-on 'vpc-cni' of 'demo' (CreateAddon)" in message
    assert helps in message


def test_a_read_that_fails_names_the_resource():
    message = refused({}, Step("DescribeAddon", api_error("DescribeAddon", "AccessDeniedException", "no")))
    assert "Could not read EKS add-on 'vpc-cni' of 'demo' (DescribeAddon)" in message


def test_without_name_or_token_a_lost_create_is_looked_for_before_it_is_repeated(clock):
    nothing, one = {"FlowLogs": []}, {"FlowLogs": [{"FlowLogId": "fl-1"}]}
    result, aws, _module = run_resource(
        FlowLog,
        {"resource_id": "vpc-1"},
        Step("DescribeFlowLogs", nothing),
        Step("CreateFlowLogs", lost_reply()),
        Step("DescribeFlowLogs", nothing),
        Step("DescribeFlowLogs", nothing),
        Step("DescribeFlowLogs", one),
    )
    assert aws.operations().count("CreateFlowLogs") == 1
    assert result["flow_log"]["flow_log_id"] == "fl-1"


def test_of_two_one_is_kept_and_the_other_reported():
    two = {"FlowLogs": [{"FlowLogId": "fl-2"}, {"FlowLogId": "fl-1"}]}
    result, _aws, module = run_resource(FlowLog, {"resource_id": "vpc-1"}, Step("DescribeFlowLogs", two))
    assert result["flow_log"]["flow_log_id"] == "fl-1"
    assert "fl-2" in module.warnings[0]


# ---- twins: two runs at once make what has no unique name


class Table(Resource):
    """A route table, which only its tags tell from others."""

    service = "ec2"
    kind = "route table"
    result = "route_table"
    names: ClassVar = {"VpcId": "vpc_id"}
    identifier = "RouteTableId"
    unique_name = False
    capital_members = True
    describe = Describe("DescribeRouteTables", "RouteTables", many=True)
    create = Create("CreateRouteTable", tags=None, made="RouteTable.RouteTableId")
    delete = Delete("DeleteRouteTable", missing=("InvalidRouteTableID.NotFound",), by="RouteTableId")
    tagging = tag_list("CreateTags", "DeleteTags", by={"Resources": ["RouteTableId"]})

    def describe_request(self):
        return {}

    def select(self, found):
        return self.marked(found, self.marks())


class Gateway(Table):
    """A NAT gateway, of which AWS tells when it was made."""

    kind = "NAT gateway"
    result = "nat_gateway"
    identifier = "NatGatewayId"
    made_at = "CreateTime"
    describe = Describe("DescribeNatGateways", "NatGateways", many=True)
    delete = Delete("DeleteNatGateway", by="NatGatewayId")


def tables(*numbers, **tags):
    listed = [{"Key": key, "Value": value} for key, value in {**OWNER, "Name": "a", **tags}.items()]
    return {"RouteTables": [{"RouteTableId": f"rtb-{number}", "VpcId": "vpc-1", "Tags": listed} for number in numbers]}


def run_table(*steps, resource=Table, **params):
    tags = {**OWNER, "Name": "a"}
    return run_resource(resource, {"vpc_id": "vpc-1", "owned_by": OWNER, "tags": tags, **params}, *steps)


def test_of_two_made_at_once_the_other_one_is_kept_and_ours_removed(clock):
    result, _aws, module = run_table(
        Step("DescribeRouteTables", tables()),
        Step("CreateRouteTable", {"RouteTable": {"RouteTableId": "rtb-2"}}),
        Step("DescribeRouteTables", tables(2, 1)),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-2"}),
    )
    assert result["route_table"]["route_table_id"] == "rtb-1"
    assert clock[0] == base.TWINS_AFTER
    assert module.warnings == []


def test_of_two_made_at_once_ours_is_kept_if_every_run_would_keep_it():
    """The other run removes its own; until then there are two."""
    result, _aws, module = run_table(
        Step("DescribeRouteTables", tables()),
        Step("CreateRouteTable", {"RouteTable": {"RouteTableId": "rtb-2"}}),
        Step("DescribeRouteTables", tables(3, 2)),
    )
    assert result["route_table"]["route_table_id"] == "rtb-2"
    assert module.warnings == []


def test_ours_is_not_removed_before_it_is_seen():
    """What isn't seen yet can't be compared: the other run may be giving way to it at this moment."""
    result, _aws, _module = run_table(
        Step("DescribeRouteTables", tables()),
        Step("CreateRouteTable", {"RouteTable": {"RouteTableId": "rtb-1"}}),
        Step("DescribeRouteTables", tables(2)),
        Step("DescribeRouteTables", tables(2, 1)),
    )
    assert result["route_table"]["route_table_id"] == "rtb-1"


def test_a_removal_of_ours_that_is_throttled_is_made_up_for():
    result, _aws, _module = run_table(
        Step("DescribeRouteTables", tables()),
        Step("CreateRouteTable", {"RouteTable": {"RouteTableId": "rtb-2"}}),
        Step("DescribeRouteTables", tables(2, 1)),
        Step("DeleteRouteTable", api_error("DeleteRouteTable", "RequestLimitExceeded")),
        Step("DescribeRouteTables", tables(2, 1)),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-2"}),
    )
    assert result["route_table"]["route_table_id"] == "rtb-1"


def test_twins_of_earlier_runs_are_kept_and_reported():
    result, aws, module = run_table(Step("DescribeRouteTables", tables(2, 1)))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeRouteTables"]
    (warning,) = module.warnings
    assert "rtb-1 is kept as declared; check whether rtb-2 can be deleted" in warning


def test_the_oldest_is_kept():
    def gateway(number, year):
        tags = [{"Key": key, "Value": value} for key, value in {**OWNER, "Name": "a"}.items()]
        made_at = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
        return {"NatGatewayId": f"nat-{number}", "CreateTime": made_at, "Tags": tags}

    two = {"NatGateways": [gateway(1, 2026), gateway(2, 2025)]}
    result, _aws, _module = run_table(Step("DescribeNatGateways", two), resource=Gateway)
    assert result["nat_gateway"]["nat_gateway_id"] == "nat-2"


def test_removal_takes_all_twins_and_nothing_else():
    foreign = {"RouteTables": [*tables(1, 2, 3)["RouteTables"], *tables(0, ManagedBy="other")["RouteTables"]]}
    left = {"RouteTables": foreign["RouteTables"][1:]}
    last = {"RouteTables": foreign["RouteTables"][2:]}
    none = {"RouteTables": foreign["RouteTables"][3:]}
    result, _aws, _module = run_table(
        Step("DescribeRouteTables", foreign),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-1"}),
        Step("DescribeRouteTables", left),
        Step("DescribeRouteTables", left),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-2"}),
        Step("DescribeRouteTables", last),
        Step("DescribeRouteTables", last),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-3"}),
        Step("DescribeRouteTables", none),
        state="absent",
    )
    assert result["changed"] is True


def test_removal_without_a_wait_doesnt_go_round_in_circles():
    result, _aws, _module = run_table(
        Step("DescribeRouteTables", tables(1, 2)),
        Step("DeleteRouteTable", {}, {"RouteTableId": "rtb-1"}),
        Step("DescribeRouteTables", tables(1, 2)),
        state="absent",
        wait=False,
    )
    assert result["changed"] is True


# ---- no change, update, immutable


def test_nothing_to_do_is_one_read():
    result, aws, _module = run({}, Step("DescribeAddon", addon()))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeAddon"]


def test_unset_options_are_left_alone():
    result, _aws, _module = run({"version": None}, Step("DescribeAddon", addon(version="v9")))
    assert result["changed"] is False


def test_update_sends_only_what_differs():
    def only_version(request):
        assert set(request) == {"clusterName", "addonName", "addonVersion", "clientRequestToken"}

    result, _aws, _module = run(
        {"version": "v2", "configuration": "{}"},
        Step("DescribeAddon", addon(configurationValues="{}")),
        Step("UpdateAddon", {"update": {"id": "u"}}, only_version),
        Step("DescribeAddon", addon("UPDATING", configurationValues="{}")),
        Step("DescribeAddon", addon(version="v2", configurationValues="{}")),
        Step("DescribeAddon", addon(version="v2", configurationValues="{}")),
    )
    assert result["diff"]["before"]["version"] == "v1"
    assert result["diff"]["after"]["version"] == "v2"
    assert result["diff"]["after"]["configuration"] == "(not shown)"
    assert "configuration_values" not in result["addon"]


class AddonInSteps(Addon):
    """Changed by two calls, one after the other."""

    settings = (
        Setting("version", "addonVersion", update="version"),
        Setting("role_arn", "serviceAccountRoleArn", update="role"),
    )
    updates: ClassVar = {"version": Update("UpdateAddon"), "role": Update("UpdateAddon")}


def run_in_steps(*steps):
    return run_resource(AddonInSteps, {**PARAMS, "version": "v2", "role_arn": "ours"}, *steps)


def test_an_update_that_settles_another_one_leaves_nothing_to_it():
    """The role is another one, too, and the new version brings the declared one."""
    done = addon(version="v2", serviceAccountRoleArn="ours")
    result, _aws, _module = run_in_steps(
        Step("DescribeAddon", addon(serviceAccountRoleArn="another")),
        Step("UpdateAddon", {}, {**READ, "addonVersion": "v2"}),
        Step("DescribeAddon", done),
        Step("DescribeAddon", done),
    )
    assert result["changed"] is True


def test_an_update_that_makes_another_one_necessary_is_followed_by_it():
    """The role is as declared, and the new version resets it."""
    done = addon(version="v2", serviceAccountRoleArn="ours")
    result, _aws, _module = run_in_steps(
        Step("DescribeAddon", addon(serviceAccountRoleArn="ours")),
        Step("UpdateAddon", {}, {**READ, "addonVersion": "v2"}),
        Step("DescribeAddon", addon(version="v2")),
        Step("UpdateAddon", {}, {**READ, "serviceAccountRoleArn": "ours"}),
        Step("DescribeAddon", done),
        Step("DescribeAddon", done),
    )
    assert result["changed"] is True


def test_a_resource_removed_by_others_during_an_update_is_an_honest_error():
    message = refused(
        {"version": "v2", "tags": {"A": "1"}},
        Step("DescribeAddon", addon()),
        Step("UpdateAddon", {"update": {"id": "u"}}),
        *endless(Step("DescribeAddon", missing())),
    )
    assert "doesn't show it" in message


def test_an_immutable_change_is_refused_with_both_values():
    message = refused({"role_arn": "new"}, Step("DescribeAddon", addon(serviceAccountRoleArn="old")))
    assert "role_arn: is 'old', declared 'new'" in message


def test_a_resource_under_change_is_waited_for_first():
    result, _aws, _module = run({}, Step("DescribeAddon", addon("UPDATING")), Step("DescribeAddon", addon()))
    assert result["changed"] is False


def test_a_resource_being_deleted_is_waited_out_and_made_anew():
    result, _aws, _module = run(
        {},
        Step("DescribeAddon", addon("DELETING")),
        Step("DescribeAddon", addon("DELETING")),
        Step("DescribeAddon", missing()),
        Step("CreateAddon", addon("CREATING")),
        Step("DescribeAddon", addon()),
    )
    assert result["changed"] is True


def test_a_failed_resource_is_an_error_with_the_remedy():
    message = refused({}, Step("DescribeAddon", addon("CREATE_FAILED")))
    assert "is CREATE_FAILED" in message
    assert "Remove it and run again." in message


def test_a_degraded_resource_is_a_warning_until_we_touch_it():
    _result, _aws, module = run({}, Step("DescribeAddon", addon("DEGRADED")))
    assert "DEGRADED" in module.warnings[0]
    message = refused(
        {"version": "v2"},
        Step("DescribeAddon", addon("DEGRADED")),
        Step("UpdateAddon", {"update": {"id": "u"}}),
        Step("DescribeAddon", addon("DEGRADED", version="v2")),
    )
    assert "Look at its pods." in message


def test_waiting_ends_and_says_where_it_is_stuck():
    steps = [Step("DescribeAddon", addon("CREATING")) for _ in range(8)]
    aws = ScriptedAws(*steps)
    with pytest.raises(ResourceError) as caught:
        Addon(ScriptedModule(aws, {**PARAMS, "wait_timeout": 20})).run()
    assert "still CREATING after 20 s" in str(caught.value)


# ---- tags and ownership


def test_tags_are_made_exact_but_amazons_are_kept():
    result, _aws, _module = run(
        {"tags": {**OWNER, "B": 2}},
        Step("DescribeAddon", addon(tags={"A": "1", "aws:x": "y"})),
        Step("UntagResource", {}, lambda request: _equal(request["tagKeys"], ["A"])),
        Step("TagResource", {}, lambda request: _equal(request["tags"], {"B": "2"})),
        Step("DescribeAddon", addon(tags={"B": "2", "aws:x": "y"})),
    )
    assert result["addon"]["tags"]["B"] == "2"


def test_without_purge_other_tags_stay():
    result, _aws, _module = run(
        {"tags": dict(OWNER), "purge_tags": False}, Step("DescribeAddon", addon(tags={"A": "1"}))
    )
    assert result["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_is_not_ours_is_neither_changed_nor_deleted(state):
    foreign = addon(version="v0")
    foreign["addon"]["tags"] = {"ManagedBy": "someone"}
    message = refused({"state": state, "owned_by": OWNER}, Step("DescribeAddon", foreign))
    assert "isn't ours: it has ManagedBy=someone, expected ManagedBy=agent_platform.aws" in message


class Placed(Table):
    """In our VPC, where it is the only one that can be meant."""

    placed = True

    def select(self, found):
        return found


class Anywhere(Placed):
    """With a name that anybody may give."""

    placed = False


LOST = {"Project": "demo", "Component": "network"}


@pytest.mark.parametrize(
    "tags",
    [
        {**LOST, "Name": "a"},
        {"Project": "demo", "Name": "a"},
        {"Component": "network"},
        {"Name": "a"},
    ],
)
def test_lost_tags_of_what_lies_in_our_place_are_put_back(tags):
    """A table that has lost tags is mended, not doubled: what is left of its tags says nothing else."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    one = {"RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Tags": listed}]}
    lost = {**LOST, "Name": "a"}.items() - tags.items()

    def puts_back(request):
        assert {tag["Key"]: tag["Value"] for tag in request["Tags"]} == dict(lost)

    steps = [Step("CreateTags", {}, puts_back), Step("DescribeRouteTables", one)] if lost else []
    params = {"vpc_id": "vpc-1", "owned_by": LOST, "tags": {**LOST, "Name": "a"}}
    result, _aws, _module = run_resource(Placed, params, Step("DescribeRouteTables", one), *steps)
    assert result["changed"] is bool(lost)


class Preferring(Anywhere):
    """With a name that others may have given to something of theirs as well."""

    def select(self, found):
        return self.ours_first(super().select(found))


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ([{"Name": "a"}, LOST, {**LOST, "Name": "a"}], "rtb-3"),
        ([{"Name": "a"}, {**LOST, "Name": "b"}], "rtb-2"),
        ([{}, {}], "rtb-1"),
    ],
)
def test_of_several_the_owners_comes_first(tags, kept):
    """Also one that has lost its Name, before what is someone else's."""
    tables = [
        {"RouteTableId": f"rtb-{number}", "VpcId": "vpc-1", "Tags": [{"Key": key, "Value": one[key]} for key in one]}
        for number, one in enumerate(tags, start=1)
    ]
    params = {"vpc_id": "vpc-1", "owned_by": LOST, "tags": {"Name": "a"}, "state": "present"}
    aws = ScriptedAws(Step("DescribeRouteTables", {"RouteTables": tables}))
    found = Preferring(ScriptedModule(aws, params)).find()
    assert found["RouteTableId"] == kept


@pytest.mark.parametrize(
    ("resource", "tags"),
    [
        (Placed, {"Project": "other", "Component": "network", "Name": "a"}),
        (Placed, {"Project": "demo", "Component": "eks", "Name": "a"}),
        (Placed, {}),
        (Anywhere, {"Project": "demo", "Name": "a"}),
    ],
)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_has_other_tags_or_none_or_lies_anywhere_stays_someone_elses(resource, tags, state):
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    one = {"RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Tags": listed}]}
    params = {"vpc_id": "vpc-1", "owned_by": LOST, "tags": {**LOST, "Name": "a"}, "state": state}
    assert "isn't ours" in refuse_resource(resource, params, Step("DescribeRouteTables", one))


# ---- delete


def test_what_is_in_the_way_of_a_deletion_is_told():
    class Blocked(Placed):
        def in_the_way(self, current):
            return [f"eni-1 in {current['RouteTableId']}", "sg-1 (account 111122223333)"]

    refusal = Step("DeleteRouteTable", api_error("DeleteRouteTable", "DependencyViolation", "has dependencies"))
    params = {"vpc_id": "vpc-1", "state": "absent"}
    told = refuse_resource(Blocked, params, Step("DescribeRouteTables", tables(1)), refusal)
    assert told.endswith("and run again. In the way: eni-1 in rtb-1, sg-1 (account 111122223333).")


def test_that_what_is_in_the_way_cannot_be_read_hides_no_refusal():
    class Blocked(Placed):
        def in_the_way(self, current):
            return self.read("DescribeNetworkInterfaces", {})["NetworkInterfaces"]

    refusal = Step("DeleteRouteTable", api_error("DeleteRouteTable", "DependencyViolation", "has dependencies"))
    denied = Step("DescribeNetworkInterfaces", api_error("DescribeNetworkInterfaces", "UnauthorizedOperation"))
    params = {"vpc_id": "vpc-1", "state": "absent"}
    told = refuse_resource(Blocked, params, Step("DescribeRouteTables", tables(1)), refusal, denied)
    assert told.endswith("has dependencies. Something still uses it; remove that first, and run again.")


def test_delete_waits_until_it_is_gone():
    result, _aws, _module = run(
        {"state": "absent"},
        Step("DescribeAddon", addon()),
        Step("DeleteAddon", addon("DELETING")),
        Step("DescribeAddon", addon("DELETING")),
        Step("DescribeAddon", missing()),
    )
    assert result["changed"] is True
    assert result["addon"] == {}


def test_deleting_what_is_not_there_changes_nothing():
    result, _aws, _module = run({"state": "absent"}, Step("DescribeAddon", missing()))
    assert result["changed"] is False


def test_a_lost_reply_of_delete_is_survived():
    result, _aws, _module = run(
        {"state": "absent"},
        Step("DescribeAddon", addon()),
        Step("DeleteAddon", lost_reply()),
        Step("DescribeAddon", missing()),
    )
    assert result["changed"] is True


# ---- check mode


def test_check_mode_predicts_a_create_without_writing():
    result, aws, _module = run({"tags": {"A": 1}}, Step("DescribeAddon", missing()), check_mode=True)
    assert aws.operations() == ["DescribeAddon"]
    assert result["changed"] is True
    assert result["addon"]["addon_version"] == "v1"
    assert result["addon"]["tags"] == {"A": "1"}
    assert result["diff"]["after"] == {"version": "v1", "tags": {"A": "1"}}


def test_check_mode_predicts_an_update_without_writing():
    result, _aws, _module = run({"version": "v2"}, Step("DescribeAddon", addon()), check_mode=True)
    assert result["changed"] is True
    assert result["addon"]["addon_version"] == "v2"


def test_check_mode_predicts_a_delete_without_writing():
    result, _aws, _module = run({"state": "absent"}, Step("DescribeAddon", addon()), check_mode=True)
    assert result["changed"] is True


def test_check_mode_does_not_wait():
    result, aws, _module = run({}, Step("DescribeAddon", addon("UPDATING")), check_mode=True)
    assert result["changed"] is False
    assert aws.operations() == ["DescribeAddon"]


# ---- reading and comparing


@pytest.mark.parametrize(
    ("tree", "path", "expected"),
    [
        ({"items": [1, 2]}, "items", [1, 2]),
        ({"groups": [{"items": [1]}, {}, {"items": [2, 3]}]}, "groups.items", [1, 2, 3]),
        ({"page": {"items": [1]}}, "page.items", [1]),
        ({"items": []}, "items", []),
        ({"items": None}, "items", []),
        ({}, "groups.items", []),
    ],
)
def test_what_stands_at_a_path_through_lists(tree, path, expected):
    assert gather(tree, path) == expected


@pytest.mark.parametrize(
    ("current", "desired", "unordered", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, False, True),
        ({"a": 1}, {"a": 1, "b": 2}, False, False),
        ([1, 2], [2, 1], False, False),
        ([1, 2], [2, 1], True, True),
        ([1, 2, 2], [1, 1, 2], True, False),
        ([1, 2], [1], True, False),
        ([{"k": "a", "v": 1}, {"k": "b"}], [{"k": "b"}, {"k": "a"}], True, True),
        (None, [], False, True),
        (None, ["a"], False, False),
        (None, "", False, True),
        (None, False, False, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, True, True),
    ],
)
def test_what_counts_as_satisfied(current, desired, unordered, expected):
    assert is_satisfied(current, desired, unordered) is expected


def test_suboptions_left_out_do_not_count():
    assert without_unset({"a": None, "b": {"c": None}, "d": [{"e": None, "f": 1}]}) == {"b": {}, "d": [{"f": 1}]}


def _equal(have, want):
    assert have == want
