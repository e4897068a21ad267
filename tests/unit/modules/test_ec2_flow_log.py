# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Flow logs: found by tags or destination, replaced instead of changed, refusals inside of a success."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, ec2_tagged, given, run, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply, sides

ROLE = "arn:aws:iam::123456789012:role/demo-flow-logs"
GROUP = "/aws/vpc/demo/flow-logs"
GROUP_ARN = f"arn:aws:logs:us-west-2:123456789012:log-group:{GROUP}"
TAGS = {**OWNER, "Name": "demo-flow-log"}
OPTIONS = {
    "resource_id": "vpc-1",
    "traffic_type": "ALL",
    "log_destination_type": "cloud-watch-logs",
    "log_group_name": GROUP,
    "delivery_role_arn": ROLE,
    "max_aggregation_interval": 60,
    "tags": TAGS,
    "owned_by": OWNER,
}
REQUEST = {
    "ResourceIds": ["vpc-1"],
    "ResourceType": "VPC",
    "TrafficType": "ALL",
    "LogDestinationType": "cloud-watch-logs",
    "LogGroupName": GROUP,
    "DeliverLogsPermissionArn": ROLE,
    "MaxAggregationInterval": 60,
    "TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": tag_list(**TAGS)}],
}
FORMAT = "${version} ${account-id}"


def flow_log(identifier="fl-1", tags=None, **members):
    described = {
        "FlowLogId": identifier,
        "FlowLogStatus": "ACTIVE",
        "ResourceId": "vpc-1",
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": GROUP,
        "DeliverLogsPermissionArn": ROLE,
        "MaxAggregationInterval": 60,
        "LogFormat": FORMAT,
        "Tags": tag_list(**(TAGS if tags is None else tags)),
        **members,
    }
    return {member: value for member, value in described.items() if value is not None}


def describe(*flow_logs):
    request = {"Filter": [{"Name": "resource-id", "Values": ["vpc-1"]}]}
    return Step("DescribeFlowLogs", {"FlowLogs": list(flow_logs)}, request)


def creation(answer=None, **members):
    """The create call; members: what differs in its request."""

    def check(request):
        assert request.pop("ClientToken")
        expected = {**REQUEST, **members}
        assert request == {member: value for member, value in expected.items() if value is not None}

    return Step("CreateFlowLogs", answer or {"FlowLogIds": ["fl-2"]}, check)


def deletion(identifier="fl-1", answer=None):
    return Step("DeleteFlowLogs", {} if answer is None else answer, {"FlowLogIds": [identifier]})


def flow_log_run(options, *steps, **kwargs):
    return run("ec2_flow_log", {**OPTIONS, **options}, *steps, **kwargs)


def refused(code, message):
    return {"Unsuccessful": [{"ResourceId": "vpc-1", "Error": {"Code": code, "Message": message}}]}


# ---- Creating


def test_create():
    result, _aws, module = flow_log_run({}, describe(), creation(), describe(flow_log("fl-2")))
    assert result["changed"] is True
    assert result["flow_log"]["flow_log_id"] == "fl-2"
    assert result["flow_log"]["tags"] == TAGS
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["log_group_name"] == GROUP
    assert module.warnings == []


def test_create_for_a_bucket():
    options = {
        **OPTIONS,
        "resource_id": "subnet-1",
        "resource_type": "Subnet",
        "log_destination_type": "s3",
        "log_group_name": None,
        "log_destination": "arn:aws:s3:::demo/refused/",
        "delivery_role_arn": None,
        "destination_options": {"file_format": "parquet", "per_hour_partition": True},
    }
    requests = []
    made = flow_log(
        "fl-2",
        ResourceId="subnet-1",
        LogDestinationType="s3",
        LogGroupName=None,
        LogDestination="arn:aws:s3:::demo/refused/",
        DestinationOptions={"FileFormat": "parquet", "HiveCompatiblePartitions": False, "PerHourPartition": True},
    )
    result, _aws, _module = run(
        "ec2_flow_log",
        options,
        Step("DescribeFlowLogs", {"FlowLogs": []}),
        Step("CreateFlowLogs", {"FlowLogIds": ["fl-2"]}, requests.append),
        Step("DescribeFlowLogs", {"FlowLogs": [made]}),
    )
    assert result["changed"] is True
    assert requests[0]["ResourceType"] == "Subnet"
    assert requests[0]["DestinationOptions"] == {"FileFormat": "parquet", "PerHourPartition": True}
    assert "LogGroupName" not in requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        api_error("CreateFlowLogs", "InvalidParameter", "Unable to assume given IAM role"),
        refused("400", "Unable to assume given IAM role"),
        api_error("CreateFlowLogs", "RequestLimitExceeded"),
        api_error("CreateFlowLogs", "InvalidVpcID.NotFound"),
    ],
)
def test_create_that_passes_later(answer):
    result, aws, _module = flow_log_run(
        {}, describe(), creation(answer), describe(), creation(), describe(flow_log("fl-2"))
    )
    assert result["changed"] is True
    tokens = [request for operation, request in aws.calls if operation == "CreateFlowLogs"]
    assert len(tokens) == 2


def test_refusal_inside_of_a_success_is_an_error():
    with pytest.raises(ResourceError, match=r"CreateFlowLogs\): 400: Access Denied for LogDestination"):
        flow_log_run({}, describe(), creation(refused("400", "Access Denied for LogDestination")))


def test_lost_reply_of_create_makes_no_second():
    result, aws, _module = flow_log_run({}, describe(), creation(lost_reply()), describe(flow_log("fl-2")))
    assert result["changed"] is True
    assert aws.operations().count("CreateFlowLogs") == 1


def test_lost_reply_of_create_that_did_not_arrive_repeats_with_the_same_token():
    requests = []

    def note(request):
        requests.append(request)

    result, _aws, _module = flow_log_run(
        {},
        describe(),
        Step("CreateFlowLogs", lost_reply(), note),
        describe(),
        Step("CreateFlowLogs", {"FlowLogIds": ["fl-2"]}, note),
        describe(flow_log("fl-2")),
    )
    assert result["changed"] is True
    assert requests[0] == requests[1]


def test_already_exists_after_a_lost_reply():
    result, _aws, _module = flow_log_run(
        {},
        describe(),
        creation(api_error("CreateFlowLogs", "FlowLogAlreadyExists")),
        describe(flow_log("fl-2")),
        describe(flow_log("fl-2")),
    )
    assert result["flow_log"]["flow_log_id"] == "fl-2"


# ---- Finding


def test_second_run_changes_nothing():
    result, aws, _module = flow_log_run({}, describe(flow_log()))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeFlowLogs"]


@pytest.mark.parametrize(
    ("declared", "described"),
    [
        ({"log_group_name": GROUP}, {"LogGroupName": None, "LogDestination": f"{GROUP_ARN}:*"}),
        ({"log_group_name": GROUP}, {"LogGroupName": None, "LogDestination": GROUP_ARN}),
        ({"log_group_name": None, "log_destination": GROUP_ARN}, {"LogDestination": f"{GROUP_ARN}:*"}),
        ({"log_group_name": None, "log_destination": f"{GROUP_ARN}:*"}, {"LogDestination": GROUP_ARN}),
        ({"log_group_name": None, "log_destination": GROUP_ARN}, {}),
    ],
)
def test_log_group_is_the_same_by_name_and_by_arn(declared, described):
    result, _aws, _module = flow_log_run(declared, describe(flow_log(**described)))
    assert result["changed"] is False


@pytest.mark.parametrize("ends", [("/", ""), ("", "/")])
def test_a_folder_is_the_same_with_and_without_its_end(ends):
    """However AWS writes what it was given."""
    declared, described = (f"arn:aws:s3:::demo/refused{end}" for end in ends)
    options = {
        "log_destination_type": "s3",
        "log_destination": declared,
        "log_group_name": None,
        "delivery_role_arn": None,
    }
    place = {"LogDestinationType": "s3", "LogDestination": described, "LogGroupName": None}
    result, _aws, _module = flow_log_run(options, describe(flow_log(**place)))
    assert result["changed"] is False


def test_flow_logs_of_others_are_left_alone():
    other = flow_log("fl-0", tags={"Name": "audit"}, LogGroupName="/audit")
    result, _aws, module = flow_log_run({}, describe(other, flow_log()))
    assert result["flow_log"]["flow_log_id"] == "fl-1"
    assert result["changed"] is False
    assert module.warnings == []


def test_other_flow_log_does_not_stand_for_ours():
    other = flow_log("fl-0", tags={"Name": "audit"}, LogGroupName="/audit")
    result, _aws, _module = flow_log_run({}, describe(other), creation(), describe(other, flow_log("fl-2")))
    assert result["flow_log"]["flow_log_id"] == "fl-2"


def test_foreign_flow_log_with_our_destination_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        flow_log_run({}, describe(flow_log(tags={"Name": "theirs"})))


def test_untagged_flow_log_with_our_destination_is_adopted_where_no_owner_is_declared():
    result, _aws, _module = flow_log_run(
        {"owned_by": None},
        describe(flow_log(tags={})),
        ec2_tagged("fl-1", **TAGS),
        describe(flow_log()),
    )
    assert result["changed"] is True


def test_duplicate_is_reported():
    result, _aws, module = flow_log_run({}, describe(flow_log("fl-2"), flow_log("fl-1")))
    assert result["flow_log"]["flow_log_id"] == "fl-1"
    assert result["changed"] is False
    assert "fl-2" in module.warnings[0]


def test_failed_delivery_is_a_warning():
    failed = flow_log(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error")
    result, _aws, module = flow_log_run({}, describe(failed))
    assert result["changed"] is False
    assert "Access error Check that the destination exists" in module.warnings[0]


# ---- Replacing


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({"traffic_type": "REJECT"}, {"TrafficType": "REJECT"}),
        ({"log_group_name": "/other"}, {"LogGroupName": "/other"}),
        ({"delivery_role_arn": f"{ROLE}-2"}, {"DeliverLogsPermissionArn": f"{ROLE}-2"}),
        ({"max_aggregation_interval": 600}, {"MaxAggregationInterval": 600}),
        ({"log_format": "${version}"}, {"LogFormat": "${version}"}),
    ],
)
def test_changed_setting_replaces(options, members):
    new = flow_log("fl-2", **members)
    result, _aws, _module = flow_log_run(
        options,
        describe(flow_log()),
        creation(**{"LogFormat": FORMAT, **members}),
        describe(flow_log(), new),
        describe(flow_log(), new),
        describe(flow_log(), new),
        deletion(),
    )
    assert result["changed"] is True
    assert result["flow_log"]["flow_log_id"] == "fl-2"
    option = next(iter(options))
    assert result["diff"]["before"].get(option) != options[option]
    assert result["diff"]["after"][option] == options[option]


def test_replacement_keeps_what_is_not_declared():
    options = {"resource_id": "vpc-1", "log_group_name": GROUP, "traffic_type": "REJECT", "owned_by": OWNER}
    old = flow_log(tags={**TAGS, "aws:cloudformation:stack-name": "x"})
    new = flow_log("fl-2", TrafficType="REJECT")
    requests = []
    result, _aws, _module = run(
        "ec2_flow_log",
        options,
        describe(old),
        Step("CreateFlowLogs", {"FlowLogIds": ["fl-2"]}, requests.append),
        describe(old, new),
        describe(old, new),
        describe(old, new),
        deletion(),
    )
    assert result["changed"] is True
    assert requests[0]["DeliverLogsPermissionArn"] == ROLE
    assert requests[0]["MaxAggregationInterval"] == 60
    assert requests[0]["TagSpecifications"][0]["Tags"] == tag_list(**TAGS)


def test_replacement_by_another_kind_of_destination_drops_the_role():
    options = {
        "log_destination_type": "s3",
        "log_destination": "arn:aws:s3:::demo",
        "log_group_name": None,
        "delivery_role_arn": None,
    }
    new = flow_log("fl-2", LogDestinationType="s3", LogDestination="arn:aws:s3:::demo", LogGroupName=None)
    result, _aws, _module = flow_log_run(
        options,
        describe(flow_log()),
        creation(
            LogDestinationType="s3",
            LogDestination="arn:aws:s3:::demo",
            LogGroupName=None,
            DeliverLogsPermissionArn=None,
            LogFormat=FORMAT,
        ),
        describe(flow_log(), new),
        describe(flow_log(), new),
        describe(flow_log(), new),
        deletion(),
    )
    assert result["changed"] is True


def test_replacement_that_aws_takes_for_the_same_deletes_first():
    new = flow_log("fl-2", MaxAggregationInterval=600)
    tokens: list[str] = []

    def noted(answer):
        return Step("CreateFlowLogs", answer, lambda request: tokens.append(request["ClientToken"]))

    result, _aws, _module = flow_log_run(
        {"max_aggregation_interval": 600},
        describe(flow_log()),
        noted(api_error("CreateFlowLogs", "FlowLogAlreadyExists")),
        deletion(),
        noted({"FlowLogIds": ["fl-2"]}),
        describe(new),
        describe(new),
        describe(new),
    )
    assert result["flow_log"]["flow_log_id"] == "fl-2"
    # With the same one AWS would say the same again.
    assert len(set(tokens)) == 2


def test_replacement_that_is_refused_keeps_the_old():
    with pytest.raises(ResourceError, match="Could not replace flow log 'vpc-1'"):
        flow_log_run(
            {"traffic_type": "REJECT"},
            describe(flow_log()),
            creation(api_error("CreateFlowLogs", "LogDestinationNotFound"), TrafficType="REJECT", LogFormat=FORMAT),
        )


def test_throttled_replacement_is_repeated():
    new = flow_log("fl-2", TrafficType="REJECT")
    members = {"TrafficType": "REJECT", "LogFormat": FORMAT}
    result, _aws, _module = flow_log_run(
        {"traffic_type": "REJECT"},
        describe(flow_log()),
        creation(api_error("CreateFlowLogs", "RequestLimitExceeded"), **members),
        describe(flow_log()),
        creation(**members),
        describe(flow_log(), new),
        describe(flow_log(), new),
        describe(flow_log(), new),
        deletion(),
    )
    assert result["changed"] is True


def test_lost_reply_of_replacement_deletes_the_old_all_the_same():
    new = flow_log("fl-2", TrafficType="REJECT")
    result, aws, _module = flow_log_run(
        {"traffic_type": "REJECT"},
        describe(flow_log()),
        creation(lost_reply(), TrafficType="REJECT", LogFormat=FORMAT),
        describe(flow_log(), new),
        deletion(),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateFlowLogs") == 1


def test_rest_of_an_interrupted_replacement_is_removed():
    old = flow_log("fl-1", TrafficType="REJECT")
    result, _aws, module = flow_log_run({}, describe(old, flow_log("fl-2")), deletion("fl-1"))
    assert result["changed"] is True
    assert result["flow_log"]["flow_log_id"] == "fl-2"
    assert module.warnings == []


def test_rest_of_an_interrupted_replacement_is_shown_in_a_dry_run():
    old = flow_log("fl-1", TrafficType="REJECT")
    result, aws, _module = flow_log_run({}, describe(old, flow_log("fl-2")), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeFlowLogs"]


def test_replace_false_refuses():
    with pytest.raises(ResourceError, match=r"traffic_type: is 'ALL', declared 'REJECT'.*replace: true"):
        flow_log_run({"traffic_type": "REJECT", "replace": False}, describe(flow_log()))


# ---- Tags, dry run, deletion


def test_tags():
    old = {**OWNER, "Name": "demo-flow-log", "Old": "x", "Team": "a"}
    result, _aws, _module = flow_log_run(
        {"tags": {**TAGS, "Team": "b"}},
        describe(flow_log(tags=old)),
        Step("DeleteTags", {}, {"Resources": ["fl-1"], "Tags": [{"Key": "Old"}]}),
        ec2_tagged("fl-1", Team="b"),
        describe(flow_log(tags={**TAGS, "Team": "b"})),
    )
    assert result["changed"] is True


@pytest.mark.parametrize("resource_id", ["vpc-1", "(known after apply)"])
def test_dry_run_of_create(resource_id):
    result, aws, _module = flow_log_run(
        {"resource_id": resource_id}, Step("DescribeFlowLogs", {"FlowLogs": []}), check_mode=True
    )
    assert result["changed"] is True
    assert result["flow_log"]["log_group_name"] == GROUP
    assert sides(result) == {"before": {}, "after": {**sides(result)["after"], "tags": TAGS, "traffic_type": "ALL"}}
    assert aws.operations() == ["DescribeFlowLogs"]


def test_dry_run_of_replacement():
    result, aws, _module = flow_log_run({"traffic_type": "REJECT"}, describe(flow_log()), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["traffic_type"] == "ALL"
    assert result["diff"]["after"]["traffic_type"] == "REJECT"
    assert aws.operations() == ["DescribeFlowLogs"]


ABSENT = {"resource_id": "vpc-1", "state": "absent", "owned_by": OWNER, "tags": {"Name": "demo-flow-log"}}


def test_delete():
    other = flow_log("fl-0", tags={"Name": "audit"})
    result, _aws, _module = run("ec2_flow_log", ABSENT, describe(other, flow_log()), deletion(), describe(other))
    assert result["changed"] is True
    assert result["flow_log"] == {}


def test_delete_when_it_is_gone_already():
    gone = refused("InvalidFlowLogId.NotFound", "gone")
    result, _aws, _module = run("ec2_flow_log", ABSENT, describe(flow_log()), deletion(answer=gone), describe())
    assert result["flow_log"] == {}


def test_delete_of_what_is_absent():
    result, _aws, _module = run("ec2_flow_log", ABSENT, describe())
    assert result["changed"] is False


def test_delete_takes_both_of_two_that_are_ours():
    second = flow_log("fl-2")
    steps = (describe(flow_log(), second), deletion(), describe(second), describe(second), deletion("fl-2"), describe())
    result, _aws, module = run("ec2_flow_log", ABSENT, *steps)
    assert result["changed"] is True
    assert module.warnings == []


def test_delete_in_a_dry_run():
    result, aws, _module = run("ec2_flow_log", ABSENT, describe(flow_log()), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeFlowLogs"]


# ---- Options


@pytest.mark.parametrize("options", [{"resource_id": "vpc-1"}, {"resource_id": "vpc-1", "state": "absent"}])
def test_it_must_be_clear_which_one_is_meant(options):
    with pytest.raises(ResourceError, match=r"It isn't clear which flow log of 'vpc-1' is meant"):
        run("ec2_flow_log", options)


def test_destination_is_given_once():
    with pytest.raises(AssertionError, match="mutually exclusive"):
        given("ec2_flow_log", {"resource_id": "vpc-1", "log_group_name": "a", "log_destination": "b"})


def test_lost_tags_are_put_back():
    """Of the one that delivers to the declared destination."""
    result, aws, _module = flow_log_run(
        {}, describe(flow_log(tags=OWNER)), Step("CreateTags", {}), describe(flow_log())
    )
    assert result["changed"] is True
    assert "CreateFlowLogs" not in aws.operations()


def test_the_known_one_is_removed_and_no_other():
    gone = describe(flow_log())
    options = {"state": "absent", "flow_log_id": "fl-2", "log_group_name": None, "tags": None}
    flow_log_run(options, describe(flow_log(), flow_log("fl-2")), deletion("fl-2"), gone)
