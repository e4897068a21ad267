# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances: found by name and owner, changed in place, stopped or replaced only on request, protected, waited for."""

from __future__ import annotations

import base64
import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, ec2_tagged, given, run, tag_list
from tests.support.scripted_aws import Step, api_error, endless, lost_reply

PROFILE = "arn:aws:iam::123456789012:instance-profile/demo-bastion"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1111"
TAGS = {**OWNER, "Name": "demo-bastion"}
METADATA = {"http_tokens": "required", "http_put_response_hop_limit": 1}
EBS = {"volume_size": 30, "volume_type": "gp3", "encrypted": True, "kms_key_id": KEY, "delete_on_termination": True}
OPTIONS = {
    "name": "demo-bastion",
    "image_id": "ami-1",
    "instance_type": "t3.large",
    "subnet_id": "subnet-1",
    "security_group_ids": ["sg-1", "sg-2"],
    "iam_instance_profile": "demo-bastion",
    "ebs_optimized": True,
    "monitoring": True,
    "metadata_options": METADATA,
    "tags": OWNER,
    "owned_by": OWNER,
}
REQUEST = {
    "MinCount": 1,
    "MaxCount": 1,
    "ImageId": "ami-1",
    "InstanceType": "t3.large",
    "SubnetId": "subnet-1",
    "SecurityGroupIds": ["sg-1", "sg-2"],
    "IamInstanceProfile": {"Name": "demo-bastion"},
    "EbsOptimized": True,
    "Monitoring": {"Enabled": True},
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
}
LIVING = ["pending", "running", "stopping", "stopped"]


def instance(state="running", identifier="i-1", tags=None, metadata=None, **members):
    described = {
        "InstanceId": identifier,
        "State": {"Name": state},
        "ImageId": "ami-1",
        "InstanceType": "t3.large",
        "SubnetId": "subnet-1",
        "SecurityGroups": [{"GroupId": "sg-2", "GroupName": "b"}, {"GroupId": "sg-1", "GroupName": "a"}],
        "IamInstanceProfile": {"Arn": PROFILE, "Id": "AIPA1"},
        "EbsOptimized": True,
        "Monitoring": {"State": "enabled"},
        "MetadataOptions": {
            "State": "applied",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
            **(metadata or {}),
        },
        "RootDeviceName": "/dev/sda1",
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": True}},
        ],
        "Tags": tag_list(**(TAGS if tags is None else tags)),
        **members,
    }
    return {member: value for member, value in described.items() if value is not None}


def reservations(*instances):
    return {"Reservations": [{"Instances": [item]} for item in instances]}


def search(*instances, states=LIVING):
    """The look for the instance by name, owner and state."""

    def check(request):
        filters = {item["Name"]: item["Values"] for item in request["Filters"]}
        tags = {f"tag:{key}": [value] for key, value in TAGS.items()}
        assert filters == {**tags, "instance-state-name": states}

    return Step("DescribeInstances", reservations(*instances), check)


def launched(*instances):
    """The look for what was launched: by its marks, in whatever state, since another run may have launched one, too."""
    return search(*instances, states=[*LIVING, "shutting-down", "terminated"])


def watch(*instances, identifier="i-1"):
    """A look at one instance that is known."""
    request = {"Filters": [{"Name": "instance-id", "Values": [identifier]}]}
    return Step("DescribeInstances", reservations(*instances), request)


def protection(on, identifier="i-1"):
    request = {"InstanceId": identifier, "Attribute": "disableApiTermination"}
    return Step("DescribeInstanceAttribute", {"DisableApiTermination": {"Value": on}}, request)


def told(attribute, member, value, identifier="i-1"):
    """What DescribeInstanceAttribute answers; nothing where there is no value."""
    request = {"InstanceId": identifier, "Attribute": attribute}
    return Step("DescribeInstanceAttribute", {member: {} if value is None else {"Value": value}}, request)


def user_data(text):
    return told("userData", "UserData", text and base64.b64encode(text.encode()).decode())


def launch(answer=None, tokens=None, identifier="i-1", **members):
    """The launch; members: what differs in its request. tokens: a list that notes its token."""

    def check(request):
        token = request.pop("ClientToken")
        assert 0 < len(token) <= 64
        if tokens is not None:
            tokens.append(token)
        specifications = request.pop("TagSpecifications")
        assert [item["ResourceType"] for item in specifications] == ["instance", "volume", "network-interface"]
        for specification in specifications:
            assert {tag["Key"]: tag["Value"] for tag in specification["Tags"]} == TAGS
        expected = {**REQUEST, **members}
        assert request == {member: value for member, value in expected.items() if value is not None}

    return Step("RunInstances", answer or {"Instances": [instance("pending", identifier)]}, check)


def attribute(**attributes):
    return Step("ModifyInstanceAttribute", {}, {"InstanceId": "i-1", **attributes})


def on_instance(operation, answer=None):
    """A call that names the instance alone."""
    return Step(operation, answer or {}, {"InstanceIds": ["i-1"]})


def instance_run(options, *steps, **kwargs):
    return run("ec2_instance", {**OPTIONS, **options}, *steps, **kwargs)


def refused(options, *steps, match, **kwargs):
    with pytest.raises(ResourceError, match=match) as caught:
        instance_run(options, *steps, **kwargs)
    return str(caught.value)


# ---- Launching


def test_launch_waits_until_it_runs_and_has_its_metadata_options():
    result, _aws, module = instance_run(
        {},
        search(),
        launch(),
        launched(),
        launched(instance("pending")),
        watch(instance("pending")),
        watch(instance(metadata={"State": "pending"})),
        watch(instance(metadata={"State": "pending"})),
        watch(instance()),
    )
    assert result["changed"] is True
    assert result["instance"]["instance_id"] == "i-1"
    assert result["instance"]["state"] == {"name": "running"}
    assert result["instance"]["tags"] == TAGS
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["image_id"] == "ami-1"
    assert result["diff"]["after"]["security_group_ids"] == ["sg-2", "sg-1"]
    assert module.warnings == []


def test_without_wait_launch_returns_at_once():
    result, aws, _module = instance_run({"wait": False}, search(), launch(), launched(instance("pending")))
    assert result["changed"] is True
    assert aws.operations() == ["DescribeInstances", "RunInstances", "DescribeInstances"]


def test_launch_with_protection_and_volumes():
    options = {
        "disable_api_termination": True,
        "block_device_mappings": [{"device_name": "/dev/sda1", "ebs": EBS}],
        "user_data": "#cloud-config\n",
    }
    mapping = {
        "DeviceName": "/dev/sda1",
        "Ebs": {
            "VolumeSize": 30,
            "VolumeType": "gp3",
            "Encrypted": True,
            "KmsKeyId": KEY,
            "DeleteOnTermination": True,
        },
    }
    result, _aws, module = instance_run(
        options,
        search(),
        launch(DisableApiTermination=True, BlockDeviceMappings=[mapping], UserData="#cloud-config\n"),
        # The devices of a pending instance aren't looked at, and the attributes may not be known yet.
        launched(instance("pending", BlockDeviceMappings=[])),
        *[Step("DescribeInstanceAttribute", api_error("DescribeInstanceAttribute", "InvalidInstanceID.NotFound"))] * 2,
        watch(instance()),
        protection(True),
        user_data("#cloud-config\n"),
        volumes(),
    )
    assert result["changed"] is True
    assert result["instance"]["disable_api_termination"] is True
    assert result["instance"]["volumes"][0]["volume_id"] == "vol-1"
    assert "user_data" not in result["instance"]
    assert result["diff"]["after"]["block_device_mappings"] == [{"device_name": "/dev/sda1", "ebs": {**EBS, **SPEED}}]
    assert result["diff"]["after"]["user_data"] == "(not shown)"
    assert module.warnings == []


def test_name_and_owner_are_tags_of_the_launch_even_without_tags():
    result, _aws, _module = instance_run({"tags": None}, search(), launch(), launched(instance()))
    assert result["instance"]["tags"] == TAGS


def test_volume_that_is_not_the_root_is_a_warning():
    options = {"block_device_mappings": [{"device_name": "/dev/sdf", "ebs": {"encrypted": True}}]}
    further = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeId": "vol-2"}}
    mappings = [*instance()["BlockDeviceMappings"], further]
    _result, _aws, module = instance_run(
        options,
        search(),
        launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"Encrypted": True}}]),
        launched(instance(BlockDeviceMappings=mappings)),
        Step("DescribeVolumes", {"Volumes": [volume(), volume("vol-2")]}),
    )
    assert "is /dev/sda1, which block_device_mappings doesn't list" in module.warnings[0]


@pytest.mark.parametrize("option", ["image_id", "instance_type"])
def test_launch_needs_image_and_type(option):
    refused({option: None}, search(), match=f"doesn't exist; to create it {option} must be given")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidParameterValue", "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance "
         "Profile name"),
        ("InvalidParameterValue", "IAM Instance Profile 'arn' has no associated IAM Roles"),
        ("InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
        ("RequestLimitExceeded", "Request limit exceeded."),
    ],
)  # fmt: skip
def test_launch_that_passes_later(code, message):
    tokens = []
    result, _aws, _module = instance_run(
        {},
        search(),
        launch(api_error("RunInstances", code, message), tokens),
        search(),
        launch(tokens=tokens),
        launched(instance()),
    )
    assert result["changed"] is True
    assert tokens[0] == tokens[1]


def test_profile_that_never_comes_is_named():
    missing = api_error("RunInstances", "InvalidParameterValue", "Invalid IAM Instance Profile name")
    steps = endless(search(), launch(missing))
    refused({}, *steps, match=r"Invalid IAM Instance Profile name. Given up after 1\d\d s")


def test_refused_launch_says_what_helps():
    missing = api_error("RunInstances", "InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist")
    message = refused({}, search(), launch(missing), match="RunInstances")
    assert message == (
        "Could not create EC2 instance 'demo-bastion' (RunInstances): InvalidAMIID.NotFound: The image id '[ami-1]' "
        "does not exist. Check image_id and the region."
    )


def test_other_invalid_parameters_are_not_repeated():
    wrong = api_error("RunInstances", "InvalidParameterValue", "Invalid value 't9.large' for InstanceType")
    refused({}, search(), launch(wrong), match="t9.large")


def test_lost_reply_of_the_launch_makes_no_second():
    result, aws, _module = instance_run({}, search(), launch(lost_reply()), search(instance()))
    assert result["changed"] is True
    assert aws.operations().count("RunInstances") == 1


def test_lost_launch_is_repeated_with_the_same_token():
    tokens = []
    result, _aws, _module = instance_run(
        {}, search(), launch(lost_reply(), tokens), search(), launch(tokens=tokens), launched(instance())
    )
    assert result["changed"] is True
    assert tokens[0] == tokens[1]


def test_instance_that_aws_ends_at_once_is_an_error_with_the_reason():
    reason = {"Code": "Client.InternalError", "Message": "Client.InternalError: Client error on launch"}
    refused(
        {},
        search(),
        launch(),
        launched(instance("pending")),
        watch(instance("shutting-down", StateReason=reason)),
        match=r"\(i-1\) is shutting-down. Client.InternalError: Client error on launch .*kms:CreateGrant",
    )


def test_launch_that_takes_too_long_says_where_it_is_stuck():
    refused(
        {"wait_timeout": 3},
        search(),
        launch(),
        launched(instance("pending")),
        *[watch(instance("pending"))] * 3,
        match="'demo-bastion' is still pending after 3 s",
    )


def test_image_from_a_parameter():
    looked_up = Step("GetParameter", {"Parameter": {"Value": "ami-1"}}, {"Name": "/images/ubuntu:3"})
    options = {"image_id": "resolve:ssm:/images/ubuntu:3"}
    result, _aws, _module = instance_run(options, looked_up, search(), launch(), launched(instance()))
    assert result["diff"]["after"]["image_id"] == "ami-1"
    result, _aws, _module = instance_run(options, looked_up, search(instance()))
    assert result["changed"] is False


def test_missing_parameter_is_named():
    missing = api_error("GetParameter", "ParameterNotFound", "not found")
    refused(
        {"image_id": "resolve:ssm:/images/ubuntu"},
        Step("GetParameter", missing),
        match=r"image of EC2 instance 'demo-bastion' in the Systems Manager parameter /images/ubuntu \(GetParameter\)",
    )


# ---- Finding


def test_second_run_changes_nothing():
    result, aws, _module = instance_run({}, search(instance()))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeInstances"]


@pytest.mark.parametrize(
    "options",
    [
        {"iam_instance_profile": PROFILE},
        {"security_group_ids": ["sg-2", "sg-1"]},
        {"metadata_options": {"http_endpoint": "enabled"}},
        {"image_id": None, "instance_type": None, "subnet_id": None},
        {"tags": {**OWNER, "Name": "demo-bastion"}},
        {"tags": {}},
    ],
)
def test_what_is_as_declared_stays(options):
    result, _aws, _module = instance_run(options, search(instance()))
    assert result["changed"] is False


def test_name_with_a_path_in_its_arn():
    described = instance(IamInstanceProfile={"Arn": PROFILE.replace("/", "/team/"), "Id": "AIPA1"})
    result, _aws, _module = instance_run({}, search(described))
    assert result["changed"] is False


@pytest.mark.parametrize(
    "tags",
    [
        {"Name": "demo-bastion"},
        {"Name": "demo-bastion", "Project": "other", "ManagedBy": "agent_platform.aws"},
        # The filters of AWS take * for any text.
        {**OWNER, "Name": "demo-bastion-of-another"},
    ],
)
def test_instances_of_others_are_left_alone(tags):
    foreign = instance(identifier="i-0", tags=tags)
    result, aws, _module = instance_run({}, search(foreign), launch(), launched(instance()))
    assert result["instance"]["instance_id"] == "i-1"
    assert all("i-0" not in str(request) for _operation, request in aws.calls)


def test_of_two_one_is_kept_and_the_other_reported():
    result, _aws, module = instance_run({}, search(instance(identifier="i-2"), instance()))
    assert result["instance"]["instance_id"] == "i-1"
    assert result["changed"] is False
    assert "i-2" in module.warnings[0]


def test_another_name_in_the_tags_is_refused():
    refused({"tags": {"Name": "other"}}, match="The tags of EC2 instance 'demo-bastion' have the Name 'other'")


# ---- Changing


@pytest.mark.parametrize(
    ("options", "members", "call"),
    [
        (
            {"metadata_options": METADATA},
            {"metadata": {"HttpTokens": "optional"}},
            Step(
                "ModifyInstanceMetadataOptions",
                {},
                {"InstanceId": "i-1", "HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            ),
        ),
        ({"monitoring": True}, {"Monitoring": {"State": "disabled"}}, on_instance("MonitorInstances")),
        ({"monitoring": False}, {"Monitoring": {"State": "enabled"}}, on_instance("UnmonitorInstances")),
        (
            {"security_group_ids": ["sg-1", "sg-2"]},
            {"SecurityGroups": [{"GroupId": "sg-1"}]},
            attribute(Groups=["sg-1", "sg-2"]),
        ),
    ],
)
def test_change(options, members, call):
    done = instance(Monitoring={"State": "enabled" if options.get("monitoring", True) else "disabled"})
    result, _aws, _module = instance_run(options, search(instance(**members)), call, watch(done), watch(done))
    assert result["changed"] is True
    (option,) = options
    assert result["diff"]["before"][option] != result["diff"]["after"][option]


def test_changed_metadata_options_are_waited_for():
    pending = instance(metadata={"State": "pending"})
    result, _aws, _module = instance_run(
        {},
        search(instance(metadata={"HttpPutResponseHopLimit": 2})),
        Step("ModifyInstanceMetadataOptions", {}),
        *[watch(pending)] * 3,
        watch(instance()),
        watch(instance()),
    )
    assert result["changed"] is True


@pytest.mark.parametrize(("declared", "current"), [(True, False), (False, True)])
def test_protection(declared, current):
    result, _aws, _module = instance_run(
        {"disable_api_termination": declared},
        search(instance()),
        protection(current),
        attribute(DisableApiTermination={"Value": declared}),
        watch(instance()),
        protection(declared),
        watch(instance()),
        protection(declared),
    )
    assert result["instance"]["disable_api_termination"] is declared


SHUTDOWN = "InstanceInitiatedShutdownBehavior"
BY_HAND = {
    "disable_api_stop": (False, True, "disableApiStop", "DisableApiStop"),
    "shutdown_behavior": ("stop", "terminate", "instanceInitiatedShutdownBehavior", SHUTDOWN),
}


@pytest.mark.parametrize("option", BY_HAND)
def test_attribute_that_was_changed_by_hand(option):
    declared, current, name, member = BY_HAND[option]
    result, _aws, _module = instance_run(
        {option: declared},
        search(instance()),
        told(name, member, current),
        attribute(**{member: {"Value": declared}}),
        *[watch(instance()), told(name, member, declared)] * 2,
    )
    assert result["changed"] is True
    assert (result["diff"]["before"][option], result["diff"]["after"][option]) == (current, declared)


def test_forwarding_that_was_turned_on_by_hand():
    result, _aws, _module = instance_run(
        {"source_dest_check": True},
        search(instance(SourceDestCheck=False)),
        attribute(SourceDestCheck={"Value": True}),
        *[watch(instance(SourceDestCheck=True))] * 2,
    )
    assert result["changed"] is True


def test_recovery_that_was_turned_off_by_hand():
    result, _aws, _module = instance_run(
        {"auto_recovery": "default"},
        search(instance(MaintenanceOptions={"AutoRecovery": "disabled"})),
        Step("ModifyInstanceMaintenanceOptions", {}, {"InstanceId": "i-1", "AutoRecovery": "default"}),
        *[watch(instance(MaintenanceOptions={"AutoRecovery": "default"}))] * 2,
    )
    assert result["changed"] is True


def credits_are(*found):
    request = {"Filters": [{"Name": "instance-id", "Values": ["i-1"]}]}
    told = [{"InstanceId": "i-1", "CpuCredits": value} for value in found]
    return Step("DescribeInstanceCreditSpecifications", {"InstanceCreditSpecifications": told}, request)


def spend(value, **answer):
    request = {"InstanceCreditSpecifications": [{"InstanceId": "i-1", "CpuCredits": value}]}
    return Step("ModifyInstanceCreditSpecification", answer, request)


def test_credits_that_were_changed_by_hand():
    result, _aws, _module = instance_run(
        {"cpu_credits": "unlimited"},
        search(instance()),
        # AWS tells of those only that may go into debt.
        credits_are(),
        spend("unlimited"),
        *[watch(instance()), credits_are("unlimited")] * 2,
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["cpu_credits"] == "standard"


def test_refused_credits_are_an_error():
    error = {"Code": "InstanceCreditSpecification.NotSupported", "Message": "not this type"}
    left = [{"InstanceId": "i-1", "Error": error}]
    refused(
        {"cpu_credits": "unlimited"},
        search(instance()),
        credits_are(),
        spend("unlimited", UnsuccessfulInstanceCreditSpecifications=left),
        match="Could not change the CPU credits of EC2 instance .*NotSupported: not this type",
    )


def test_a_launch_has_all_of_it_at_once():
    options = {
        "auto_recovery": "default",
        "disable_api_stop": False,
        "shutdown_behavior": "stop",
        "source_dest_check": True,
        "user_data": "",
    }
    mine = instance(MaintenanceOptions={"AutoRecovery": "default"}, SourceDestCheck=True)
    asked = [
        told("disableApiStop", "DisableApiStop", False),
        told("instanceInitiatedShutdownBehavior", SHUTDOWN, "stop"),
        user_data(None),
    ]
    sent = {
        "DisableApiStop": False,
        "InstanceInitiatedShutdownBehavior": "stop",
        "MaintenanceOptions": {"AutoRecovery": "default"},
    }
    result, _aws, _module = instance_run(
        options, search(), launch(**sent), launched(instance("pending")), *asked, watch(mine), *asked
    )
    assert result["changed"] is True


@pytest.mark.parametrize("check_mode", [True, False])
def test_user_data_that_somebody_has_given_it_waits_for_a_stop(check_mode):
    message = refused(
        {"user_data": ""},
        search(instance()),
        user_data("#cloud-boothook\ntake over\n"),
        match="must be stopped",
        check_mode=check_mode,
    )
    assert "(user_data: isn't what is declared). Set restart: true" in message
    assert "take over" not in message


def test_user_data_is_taken_back_with_a_restart():
    result, _aws, _module = instance_run(
        {"user_data": "", "restart": True},
        search(instance()),
        user_data("#cloud-boothook\ntake over\n"),
        on_instance("StopInstances"),
        watch(instance("stopped")),
        user_data("#cloud-boothook\ntake over\n"),
        attribute(UserData={"Value": ""}),
        watch(instance("stopped")),
        user_data(None),
        on_instance("StartInstances"),
        *[watch(instance()), user_data(None)] * 3,
    )
    assert result["changed"] is True
    assert "take over" not in str(result)


def test_what_others_have_attached_is_told_and_left():
    attached = instance(
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": True}},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeId": "vol-2", "DeleteOnTermination": False}},
        ],
        NetworkInterfaces=[
            {
                "NetworkInterfaceId": "eni-1",
                "Attachment": {"DeviceIndex": 0},
                "Association": {"PublicIp": "198.51.100.7", "IpOwnerId": "123456789012"},
            },
            {"NetworkInterfaceId": "eni-2", "Attachment": {"DeviceIndex": 1}},
        ],
    )
    theirs = {"VolumeId": "vol-2", "Size": 8, "Tags": tag_list(Project="other")}
    result, aws, module = instance_run(
        {"block_device_mappings": [{"device_name": "/dev/sda1", "ebs": EBS}]},
        search(attached),
        Step("DescribeVolumes", {"Volumes": [volume(), theirs]}),
    )
    assert result["changed"] is False
    (warning,) = module.warnings
    assert "volume vol-2 as /dev/sdf, address 198.51.100.7, network interface eni-2. It is left alone" in warning
    assert aws.operations() == ["DescribeInstances", "DescribeVolumes"]


def associations(*states):
    found = [{"AssociationId": f"iip-assoc-{number}", "State": state} for number, state in enumerate(states)]
    request = {"Filters": [{"Name": "instance-id", "Values": ["i-1"]}]}
    return Step("DescribeIamInstanceProfileAssociations", {"IamInstanceProfileAssociations": found}, request)


OTHER_PROFILE = {"Arn": f"{PROFILE}-old", "Id": "AIPA0"}
WANTED = {"IamInstanceProfile": {"Name": "demo-bastion"}}


def test_profile_of_a_running_instance_is_replaced():
    result, _aws, _module = instance_run(
        {},
        search(instance(IamInstanceProfile=OTHER_PROFILE)),
        associations("disassociated", "associated"),
        Step("ReplaceIamInstanceProfileAssociation", {}, {"AssociationId": "iip-assoc-1", **WANTED}),
        watch(instance()),
        watch(instance()),
    )
    assert result["diff"]["before"]["iam_instance_profile"] == f"{PROFILE}-old"
    assert result["diff"]["after"]["iam_instance_profile"] == PROFILE


def test_profile_of_a_stopped_instance_is_taken_before_another_is_given():
    result, _aws, _module = instance_run(
        {},
        search(instance("stopped", IamInstanceProfile=OTHER_PROFILE)),
        associations("associated"),
        Step("DisassociateIamInstanceProfile", {}, {"AssociationId": "iip-assoc-0"}),
        Step("AssociateIamInstanceProfile", {}, {"InstanceId": "i-1", **WANTED}),
        watch(instance("stopped")),
        on_instance("StartInstances"),
        *[watch(instance())] * 3,
    )
    assert result["changed"] is True


def test_profile_is_given_where_there_is_none_and_seen_later():
    """A profile that EC2 hasn't seen yet, and a lost reply to the second attempt."""
    bare = instance(IamInstanceProfile=None)
    missing = api_error("AssociateIamInstanceProfile", "InvalidParameterValue", "Invalid IAM Instance Profile name")
    there = api_error("AssociateIamInstanceProfile", "IncorrectState", "There is an existing association for instance")
    result, _aws, _module = instance_run(
        {},
        search(bare),
        associations(),
        Step("AssociateIamInstanceProfile", missing),
        watch(bare),
        associations("disassociating"),
        Step("AssociateIamInstanceProfile", lost_reply()),
        watch(bare),
        associations(),
        Step("AssociateIamInstanceProfile", there),
        watch(instance()),
    )
    assert result["changed"] is True


def test_tags():
    old = {**TAGS, "Old": "x", "Team": "a"}
    result, _aws, _module = instance_run(
        {"tags": {"Team": "b"}},
        search(instance(tags=old)),
        Step("DeleteTags", {}, {"Resources": ["i-1"], "Tags": [{"Key": "Old"}]}),
        ec2_tagged("i-1", Team="b"),
        watch(instance(tags={**TAGS, "Team": "b"})),
    )
    assert result["instance"]["tags"] == {**TAGS, "Team": "b"}


def test_throttled_change_is_decided_anew():
    result, _aws, _module = instance_run(
        {},
        search(instance(Monitoring={"State": "disabled"})),
        on_instance("MonitorInstances", api_error("MonitorInstances", "RequestLimitExceeded")),
        watch(instance(Monitoring={"State": "disabled"})),
        on_instance("MonitorInstances"),
        watch(instance(Monitoring={"State": "pending"})),
        watch(instance(Monitoring={"State": "pending"})),
    )
    assert result["changed"] is True


def test_lost_reply_of_a_change_is_not_repeated():
    result, aws, _module = instance_run(
        {},
        search(instance(Monitoring={"State": "disabled"})),
        on_instance("MonitorInstances", lost_reply()),
        watch(instance()),
    )
    assert result["changed"] is True
    assert aws.operations().count("MonitorInstances") == 1


# ---- Starting and stopping


def test_stopped_instance_is_started():
    result, _aws, _module = instance_run(
        {},
        search(instance("stopped")),
        on_instance("StartInstances"),
        # What AWS shows at first may be from before the call.
        watch(instance("stopped")),
        watch(instance("pending")),
        watch(instance()),
        watch(instance()),
        watch(instance()),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["state"] == "stopped"
    assert result["diff"]["after"]["state"] == "running"


def test_stopping_instance_is_waited_for_and_started():
    result, _aws, _module = instance_run(
        {},
        search(instance("stopping")),
        watch(instance("stopping")),
        watch(instance("stopped")),
        on_instance("StartInstances"),
        *[watch(instance())] * 3,
    )
    assert result["changed"] is True


def test_stopping_instance_is_waited_for_even_without_wait():
    result, _aws, _module = instance_run(
        {"wait": False},
        search(instance("stopping")),
        watch(instance("stopping")),
        watch(instance("stopped")),
        on_instance("StartInstances"),
        watch(instance("pending")),
        watch(instance("pending")),
    )
    assert result["changed"] is True


def test_instance_that_stops_at_once_is_an_error_with_the_reason():
    reason = {"Code": "Client.InternalError", "Message": "Client.InternalError: Client error on launch"}
    refused(
        {},
        search(instance("stopped")),
        on_instance("StartInstances"),
        watch(instance("pending")),
        watch(instance("stopped", StateReason=reason)),
        match="'demo-bastion' was started, and stopped at once. Client.InternalError: Client error on launch",
    )


def test_all_is_mended_before_a_stopped_instance_starts():
    bare = {"Monitoring": {"State": "disabled"}, "metadata": {"HttpTokens": "optional", "State": "applied"}}
    half = {"Monitoring": {"State": "disabled"}, "metadata": {"State": "pending"}}
    result, aws, _module = instance_run(
        {},
        search(instance("stopped", **bare)),
        Step("ModifyInstanceMetadataOptions", {}),
        # A stopped instance takes them over when it starts, so they aren't waited for here.
        watch(instance("stopped", **half)),
        on_instance("MonitorInstances"),
        watch(instance("stopped", metadata={"State": "pending"})),
        on_instance("StartInstances"),
        watch(instance("running", metadata={"State": "pending"})),
        watch(instance("running", metadata={"State": "pending"})),
        watch(instance()),
        watch(instance()),
    )
    assert result["changed"] is True
    assert aws.operations().count("StartInstances") == 1


@pytest.mark.parametrize(
    ("options", "is_now", "declared"),
    [
        ({"instance_type": "t3.xlarge"}, "'t3.large'", "'t3.xlarge'"),
        ({"ebs_optimized": False}, "True", "False"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_change_that_needs_a_stop_is_refused(options, is_now, declared, check_mode):
    (option,) = options
    message = refused(options, search(instance()), match="must be stopped", check_mode=check_mode)
    assert f"({option}: is {is_now}, declared {declared}). Set restart: true to stop it" in message


def test_restart():
    larger = {"InstanceType": "t3.xlarge", "EbsOptimized": True}
    result, _aws, _module = instance_run(
        {"instance_type": "t3.xlarge", "restart": True},
        search(instance(EbsOptimized=False)),
        on_instance("StopInstances"),
        watch(instance("stopping", EbsOptimized=False)),
        watch(instance("stopped", EbsOptimized=False)),
        attribute(InstanceType={"Value": "t3.xlarge"}),
        attribute(EbsOptimized={"Value": True}),
        watch(instance("stopped", **larger)),
        on_instance("StartInstances"),
        *[watch(instance(**larger))] * 3,
    )
    assert result["changed"] is True
    assert result["instance"]["instance_type"] == "t3.xlarge"
    assert result["diff"]["before"]["state"] == result["diff"]["after"]["state"] == "running"


def test_restart_of_an_instance_that_has_not_run_yet():
    result, _aws, _module = instance_run(
        {"instance_type": "t3.xlarge", "restart": True, "wait": False},
        search(instance("pending")),
        watch(instance("pending")),
        watch(instance()),
        on_instance("StopInstances"),
        watch(instance("stopped")),
        attribute(InstanceType={"Value": "t3.xlarge"}),
        watch(instance("stopped", InstanceType="t3.xlarge")),
        on_instance("StartInstances"),
        *[watch(instance("pending", InstanceType="t3.xlarge"))] * 2,
    )
    assert result["changed"] is True


def test_stopped_instance_is_changed_without_restart():
    result, aws, _module = instance_run(
        {"instance_type": "t3.xlarge"},
        search(instance("stopped")),
        attribute(InstanceType={"Value": "t3.xlarge"}),
        watch(instance("stopped", InstanceType="t3.xlarge")),
        on_instance("StartInstances"),
        *[watch(instance(InstanceType="t3.xlarge"))] * 3,
    )
    assert result["changed"] is True
    assert "StopInstances" not in aws.operations()


def test_refused_type_leaves_no_stopped_instance():
    wrong = api_error("ModifyInstanceAttribute", "InvalidInstanceAttributeValue", "no such type")
    refused(
        {"instance_type": "t9.large", "restart": True},
        search(instance()),
        on_instance("StopInstances"),
        watch(instance("stopped")),
        Step("ModifyInstanceAttribute", wrong),
        on_instance("StartInstances"),
        watch(instance()),
        match="Could not change instance_type of EC2 instance 'demo-bastion'",
    )


def test_lost_reply_of_the_stop_is_survived():
    result, aws, _module = instance_run(
        {"instance_type": "t3.xlarge", "restart": True},
        search(instance()),
        on_instance("StopInstances", lost_reply()),
        watch(instance("stopping")),
        watch(instance("stopped")),
        attribute(InstanceType={"Value": "t3.xlarge"}),
        watch(instance("stopped", InstanceType="t3.xlarge")),
        on_instance("StartInstances"),
        *[watch(instance(InstanceType="t3.xlarge"))] * 3,
    )
    assert result["changed"] is True
    assert aws.operations().count("StopInstances") == 1


# ---- Volumes

SPEED = {"iops": 3000, "throughput": 125}


def volume(identifier="vol-1", **members):
    return {
        "VolumeId": identifier,
        "Size": 30,
        "VolumeType": "gp3",
        "Encrypted": True,
        "KmsKeyId": KEY,
        "Iops": 3000,
        "Throughput": 125,
        "Attachments": [{"InstanceId": "i-1", "Device": "/dev/sda1"}],
        **members,
    }


def volumes(**members):
    request = {"Filters": [{"Name": "volume-id", "Values": ["vol-1"]}]}
    return Step("DescribeVolumes", {"Volumes": [volume(**members)]}, request)


def modifications(*states, **targets):
    found = [{"VolumeId": "vol-1", "ModificationState": state, **targets} for state in states]
    request = {"Filters": [{"Name": "volume-id", "Values": ["vol-1"]}]}
    return Step("DescribeVolumesModifications", {"VolumesModifications": found}, request)


def with_volume(**ebs):
    return {"block_device_mappings": [{"device_name": "/dev/sda1", "ebs": {**EBS, **ebs}}]}


@pytest.mark.parametrize("key", [KEY, "1111"])
def test_volume_as_declared(key):
    result, _aws, _module = instance_run(with_volume(kms_key_id=key), search(instance()), volumes())
    assert result["changed"] is False


def test_volume_that_aws_does_not_show_yet_is_no_difference():
    result, _aws, _module = instance_run(with_volume(), search(instance()), Step("DescribeVolumes", {"Volumes": []}))
    assert result["changed"] is False


def test_volume_grows():
    wanted = {"VolumeId": "vol-1", "Size": 50, "VolumeType": "gp3"}
    result, _aws, _module = instance_run(
        with_volume(volume_size=50),
        search(instance()),
        volumes(),
        modifications("completed", TargetSize=30),
        Step("ModifyVolume", {}, wanted),
        # AWS shows the new size after a while.
        watch(instance()),
        volumes(),
        *[watch(instance()), volumes(Size=50)] * 3,
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["block_device_mappings"][0]["ebs"]["volume_size"] == 30
    assert result["diff"]["after"]["block_device_mappings"][0]["ebs"]["volume_size"] == 50


def test_growth_under_way_is_not_asked_for_again():
    result, aws, _module = instance_run(
        with_volume(volume_size=50),
        search(instance()),
        volumes(),
        modifications("modifying", TargetSize=50, TargetVolumeType="gp3"),
        *[watch(instance()), volumes(Size=50)] * 3,
    )
    assert result["changed"] is False
    assert "ModifyVolume" not in aws.operations()


def test_volume_that_aws_is_still_busy_with():
    busy = api_error("ModifyVolume", "IncorrectModificationState", "Volume vol-1 cannot be modified in modification "
                     "state OPTIMIZING")  # fmt: skip
    refused(
        with_volume(volume_type="gp2"),
        search(instance()),
        volumes(),
        modifications("optimizing"),
        Step("ModifyVolume", busy),
        match="Could not change volume /dev/sda1 of EC2 instance .* Run again when AWS has finished the last change",
    )


def test_deletion_with_the_instance():
    kept = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": False}}]
    result, _aws, _module = instance_run(
        with_volume(delete_on_termination=False),
        search(instance()),
        volumes(),
        attribute(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": False}}]),
        *[watch(instance(BlockDeviceMappings=kept)), volumes()] * 3,
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("ebs", "members", "found"),
    [
        ({"volume_size": 20}, {}, "/dev/sda1 volume_size: is 30, declared 20"),
        ({}, {"Encrypted": False, "KmsKeyId": KEY}, "/dev/sda1 encrypted: is False, declared True"),
        ({"kms_key_id": "2222"}, {}, f"/dev/sda1 kms_key_id: is '{KEY}', declared '2222'"),
    ],
)
def test_volume_that_takes_another_instance_is_refused(ebs, members, found):
    message = refused(with_volume(**ebs), search(instance()), volumes(**members), match="can't be changed in place")
    assert found in message
    assert "replace: true" in message


def test_missing_volume_is_refused():
    options = {"block_device_mappings": [{"device_name": "/dev/sdf", "ebs": {"volume_size": 10}}]}
    refused(options, search(instance()), volumes(), match=r"\(/dev/sdf volume: is None, declared 'one'\)")


@pytest.mark.parametrize("key", ["alias/demo", "arn:aws:kms:us-west-2:123456789012:alias/demo"])
def test_alias_of_a_key_is_refused(key):
    refused(with_volume(kms_key_id=key), search(), match="kms_key_id of /dev/sda1 is an alias.* Give the ARN or the ID")


# ---- Replacing


@pytest.mark.parametrize(
    ("options", "is_now"),
    [({"image_id": "ami-2"}, "image_id: is 'ami-1', declared 'ami-2'"),
     ({"subnet_id": "subnet-2"}, "subnet_id: is 'subnet-1', declared 'subnet-2'")],
)  # fmt: skip
@pytest.mark.parametrize("check_mode", [True, False])
def test_replacement_is_refused_unless_it_is_asked_for(options, is_now, check_mode):
    message = refused(options, search(instance()), match="can't be changed in place", check_mode=check_mode)
    assert is_now in message
    assert "Set replace: true to terminate it and launch it anew" in message


def test_replacement_ends_the_old_one_first():
    new = instance(identifier="i-2", ImageId="ami-2")
    result, _aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True, "monitoring": False},
        search(instance()),
        protection(False),
        on_instance("TerminateInstances"),
        watch(instance()),
        protection(False),
        watch(instance("shutting-down")),
        watch(instance("terminated")),
        launch(identifier="i-2", ImageId="ami-2", Monitoring={"Enabled": False}),
        launched(instance("pending", "i-2", ImageId="ami-2", Monitoring={"State": "disabled"})),
        protection(False, "i-2"),
        *[
            watch({**new, "Monitoring": {"State": "disabled"}}, identifier="i-2"),
            protection(False, "i-2"),
        ]
        * 3,
    )
    assert result["changed"] is True
    assert result["instance"]["instance_id"] == "i-2"
    assert result["diff"]["before"]["image_id"] == "ami-1"
    assert result["diff"]["after"]["image_id"] == "ami-2"


def test_replacement_without_wait():
    described = instance("pending", "i-2", ImageId="ami-2")
    new = watch(described, identifier="i-2")
    result, _aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True, "wait": False},
        search(instance()),
        protection(False),
        on_instance("TerminateInstances"),
        launch(identifier="i-2", ImageId="ami-2"),
        launched(described),
        protection(False, "i-2"),
        *[new, protection(False, "i-2")] * 2,
    )
    assert result["instance"]["instance_id"] == "i-2"


def test_replacement_turns_a_protection_off_that_is_declared_off():
    new = instance(identifier="i-2", ImageId="ami-2")
    result, _aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True, "disable_api_termination": False},
        search(instance()),
        protection(True),
        attribute(DisableApiTermination={"Value": False}),
        on_instance("TerminateInstances"),
        watch(instance("terminated")),
        launch(identifier="i-2", ImageId="ami-2", DisableApiTermination=False),
        launched(new),
        protection(False, "i-2"),
        *[watch(new, identifier="i-2"), protection(False, "i-2")] * 2,
    )
    assert result["changed"] is True


@pytest.mark.parametrize(("declared", "is_on"), [(None, True), (True, True), (True, False)])
@pytest.mark.parametrize("check_mode", [True, False])
def test_replacement_of_a_protected_instance_is_refused(declared, is_on, check_mode):
    refused(
        {"image_id": "ami-2", "replace": True, "disable_api_termination": declared},
        search(instance()),
        protection(is_on),
        match=r"\(i-1\) is protected from termination. To replace it, set disable_api_termination: false",
        check_mode=check_mode,
    )


@pytest.mark.parametrize("option", ["instance_type", "subnet_id", "security_group_ids", "iam_instance_profile"])
def test_replacement_by_less_than_there_is_is_refused(option):
    """The new one would be another one than the user thinks, and what was declared could not be known later."""
    refused(
        {"image_id": "ami-2", "replace": True, option: None},
        search(instance()),
        protection(False),
        match=f"To replace EC2 instance 'demo-bastion', give {option}: a new instance takes over nothing",
    )


def test_lost_reply_of_the_termination_goes_on_with_the_launch():
    new = instance(identifier="i-2", ImageId="ami-2")
    result, aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True},
        search(instance()),
        protection(False),
        on_instance("TerminateInstances", lost_reply()),
        watch(instance("shutting-down")),
        watch(instance("shutting-down")),
        watch(instance("terminated")),
        launch(identifier="i-2", ImageId="ami-2"),
        launched(new),
        protection(False, "i-2"),
    )
    assert result["instance"]["instance_id"] == "i-2"
    assert aws.operations().count("TerminateInstances") == 1


def test_lost_reply_of_the_launch_in_a_replacement_makes_no_second():
    new = instance(identifier="i-2", ImageId="ami-2")
    result, aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True},
        search(instance()),
        protection(False),
        on_instance("TerminateInstances"),
        watch(instance("terminated")),
        launch(lost_reply(), ImageId="ami-2"),
        search(new),
        protection(False, "i-2"),
    )
    assert result["changed"] is True
    assert aws.operations().count("RunInstances") == 1


def test_interrupted_replacement_is_completed_by_the_next_run():
    """The old one is terminated, so there is none; the one that is shutting down isn't asked for."""
    result, _aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True},
        search(),
        launch(identifier="i-2", ImageId="ami-2"),
        launched(instance(identifier="i-2", ImageId="ami-2")),
        protection(False, "i-2"),
    )
    assert result["changed"] is True


def test_new_instance_that_is_not_as_declared_is_never_replaced_again():
    refused(
        {"replace": True},
        search(),
        launch(),
        launched(instance(SubnetId="subnet-9")),
        protection(False),
        match=r"was launched, but isn't as declared \(subnet_id: is 'subnet-9', declared 'subnet-1'\)",
    )


def test_replacement_needs_no_restart():
    new = instance(identifier="i-2", ImageId="ami-2", InstanceType="t3.xlarge")
    result, aws, _module = instance_run(
        {"image_id": "ami-2", "instance_type": "t3.xlarge", "replace": True},
        search(instance("stopped")),
        protection(False),
        on_instance("TerminateInstances"),
        watch(instance("terminated")),
        launch(identifier="i-2", ImageId="ami-2", InstanceType="t3.xlarge"),
        launched(new),
        protection(False, "i-2"),
        *[watch(new, identifier="i-2"), protection(False, "i-2")] * 2,
    )
    assert result["changed"] is True
    assert "StartInstances" not in aws.operations()


# ---- Removing

ABSENT = {"name": "demo-bastion", "state": "absent", "owned_by": OWNER}
SEARCHED = [*LIVING, "shutting-down"]


def remove(options, *steps, **kwargs):
    return run("ec2_instance", {**ABSENT, **options}, *steps, **kwargs)


def test_remove_waits_until_it_is_terminated():
    result, _aws, _module = remove(
        {},
        search(instance(), states=SEARCHED),
        protection(False),
        on_instance("TerminateInstances"),
        watch(instance()),
        protection(False),
        watch(instance("shutting-down")),
        watch(instance("terminated")),
    )
    assert result["changed"] is True
    assert result["instance"] == {}


def test_remove_without_wait():
    result, aws, _module = remove(
        {"wait": False}, search(instance(), states=SEARCHED), protection(False), on_instance("TerminateInstances")
    )
    assert result["changed"] is True
    assert aws.operations()[-1] == "TerminateInstances"


def test_remove_what_is_absent():
    result, _aws, _module = remove({}, search(states=SEARCHED))
    assert result["changed"] is False


def test_removal_under_way_is_waited_for():
    result, _aws, _module = remove(
        {},
        search(instance("shutting-down"), states=SEARCHED),
        watch(instance("shutting-down")),
        watch(instance("terminated")),
    )
    assert result["changed"] is False


@pytest.mark.parametrize(("declared", "is_on"), [(None, True), (True, True), (True, False)])
@pytest.mark.parametrize("check_mode", [True, False])
def test_removal_of_a_protected_instance_is_refused(declared, is_on, check_mode):
    with pytest.raises(ResourceError, match=r"protected from termination\. To remove it, set disable_api_term"):
        remove(
            {"disable_api_termination": declared},
            search(instance(), states=SEARCHED),
            protection(is_on),
            check_mode=check_mode,
        )


def test_removal_turns_a_protection_off_that_is_declared_off():
    result, _aws, _module = remove(
        {"disable_api_termination": False},
        search(instance(), states=SEARCHED),
        protection(True),
        attribute(DisableApiTermination={"Value": False}),
        on_instance("TerminateInstances"),
        watch(instance("terminated")),
    )
    assert result["changed"] is True


def test_lost_reply_of_the_removal_is_survived():
    result, aws, _module = remove(
        {},
        search(instance(), states=SEARCHED),
        protection(False),
        on_instance("TerminateInstances", lost_reply()),
        watch(instance("shutting-down")),
        watch(instance("terminated")),
    )
    assert result["changed"] is True
    assert aws.operations().count("TerminateInstances") == 1


def test_removal_in_a_dry_run():
    result, aws, _module = remove({}, search(instance(), states=SEARCHED), protection(False), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeInstances", "DescribeInstanceAttribute"]


def test_foreign_instance_is_not_removed():
    foreign = instance(tags={"Name": "demo-bastion"})
    result, aws, _module = remove({}, search(foreign, states=SEARCHED))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeInstances"]


# ---- Dry runs


def test_dry_run_of_a_launch():
    options = {**with_volume(), "disable_api_termination": True, "subnet_id": "(known after apply)"}
    result, aws, _module = instance_run(options, search(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeInstances"]
    predicted = result["instance"]
    assert predicted["state"] == {"code": 16, "name": "running"}
    assert predicted["image_id"] == "ami-1"
    assert predicted["iam_instance_profile"] == {"name": "demo-bastion"}
    assert predicted["security_groups"] == [{"group_id": "sg-1"}, {"group_id": "sg-2"}]
    assert predicted["monitoring"] == {"state": "enabled"}
    assert predicted["metadata_options"] == METADATA
    assert predicted["disable_api_termination"] is True
    assert predicted["volumes"][0]["kms_key_id"] == KEY
    assert predicted["tags"] == TAGS
    after = result["diff"]["after"]
    assert after["block_device_mappings"] == [{"device_name": "/dev/sda1", "ebs": EBS}]
    assert after["tags"] == TAGS
    assert after["monitoring"] is True


def test_dry_run_of_changes():
    options = {**with_volume(volume_size=50, delete_on_termination=False), "monitoring": False, "tags": {"A": 1}}
    described = instance("stopped", SecurityGroups=[{"GroupId": "sg-9"}], IamInstanceProfile=OTHER_PROFILE)
    result, aws, _module = instance_run(options, search(described), volumes(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeInstances", "DescribeVolumes"]
    predicted = result["instance"]
    assert predicted["state"]["name"] == "running"
    assert predicted["monitoring"] == {"state": "disabled"}
    assert predicted["security_groups"] == [{"group_id": "sg-1"}, {"group_id": "sg-2"}]
    assert predicted["iam_instance_profile"] == {"name": "demo-bastion"}
    assert predicted["volumes"][0]["size"] == 50
    assert predicted["volumes"][0]["attachments"] == [{"device": "/dev/sda1", "delete_on_termination": False}]
    assert predicted["tags"] == {**TAGS, "A": "1"}
    assert predicted["instance_id"] == "i-1"


def test_dry_run_of_a_replacement():
    result, aws, _module = instance_run(
        {"image_id": "ami-2", "replace": True}, search(instance()), protection(False), check_mode=True
    )
    assert result["changed"] is True
    assert aws.operations() == ["DescribeInstances", "DescribeInstanceAttribute"]
    assert "instance_id" not in result["instance"]
    assert result["instance"]["image_id"] == "ami-2"
    assert result["diff"]["before"]["image_id"] == "ami-1"
    assert result["diff"]["after"]["image_id"] == "ami-2"
    assert result["diff"]["after"]["tags"] == TAGS


def test_dry_run_does_not_wait():
    result, aws, _module = instance_run({}, search(instance("pending")), check_mode=True)
    assert result["changed"] is False
    assert aws.operations() == ["DescribeInstances"]


# ---- Options


def test_volume_needs_a_device():
    with pytest.raises(AssertionError, match="device_name"):
        given("ec2_instance", {"name": "a", "block_device_mappings": [{"ebs": {"volume_size": 8}}]})


# ---- Two of them


def made(identifier, second, state="running", **members):
    time = datetime.datetime(2026, 1, 1, second=second)
    return instance(state, identifier, LaunchTime=time, **members)


def unprotect(identifier):
    request = {"InstanceId": identifier, "DisableApiTermination": {"Value": False}}
    return Step("ModifyInstanceAttribute", {}, request)


@pytest.mark.parametrize("protected", [False, True])
def test_of_two_runs_at_once_one_gives_way(protected):
    theirs, mine = made("i-9", 1), made("i-1", 2, "pending")
    result, _aws, module = instance_run(
        {"disable_api_termination": protected},
        search(),
        launch(DisableApiTermination=protected),
        launched(theirs, mine),
        protection(protected, "i-9"),
        *([unprotect("i-1")] if protected else []),
        on_instance("TerminateInstances"),
    )
    assert result["instance"]["instance_id"] == "i-9"
    assert module.warnings == []


def test_of_two_runs_at_once_the_other_gives_way():
    mine, theirs = made("i-1", 1), made("i-0", 2)
    result, aws, module = instance_run({}, search(), launch(), launched(mine, theirs))
    assert result["instance"]["instance_id"] == "i-1"
    assert "TerminateInstances" not in aws.operations()
    assert module.warnings == []


def test_what_is_launched_is_waited_for_before_it_is_compared():
    theirs, mine = made("i-9", 2), made("i-1", 1)
    result, _aws, _module = instance_run({}, search(), launch(), launched(theirs), launched(theirs, mine))
    assert result["instance"]["instance_id"] == "i-1"


def test_of_two_the_oldest_is_kept():
    result, _aws, module = instance_run({}, search(made("i-1", 2), made("i-2", 1)))
    assert result["instance"]["instance_id"] == "i-2"
    assert "i-1 can be deleted" in module.warnings[0]


def test_removal_takes_all():
    steps = [
        search(made("i-1", 1), made("i-2", 2), states=SEARCHED),
        protection(False),
        on_instance("TerminateInstances"),
    ]
    result, aws, _module = remove(
        {},
        *steps,
        watch(made("i-1", 1, "terminated")),
        search(made("i-2", 2), states=SEARCHED),
        protection(False, "i-2"),
        Step("TerminateInstances", {}, {"InstanceIds": ["i-2"]}),
        watch(made("i-2", 2, "terminated"), identifier="i-2"),
    )
    assert result["changed"] is True
    assert aws.operations().count("TerminateInstances") == 2


# ---- Known by its id


@pytest.mark.parametrize(
    "tags", [{**OWNER, "Name": "renamed"}, {"Name": "demo-bastion", "Project": "demo"}, {"Name": "demo-bastion"}]
)
def test_what_it_has_lost_is_put_back(tags):
    found = instance(tags=tags)
    lost = {key: value for key, value in TAGS.items() if tags.get(key) != value}
    result, _aws, _module = instance_run(
        {"instance_id": "i-1"}, watch(found), ec2_tagged("i-1", **lost), watch(instance())
    )
    assert result["changed"] is True
    assert result["instance"]["tags"] == TAGS


@pytest.mark.parametrize("tags", [{**TAGS, "Project": "other"}, {}])
def test_what_is_someone_elses_is_refused_though_its_id_is_given(tags):
    refused({"instance_id": "i-1"}, watch(instance(tags=tags)), match="exists but isn't ours")


@pytest.mark.parametrize("gone", [[], [instance("terminated")]])
def test_one_that_has_gone_since_is_looked_for_by_its_marks(gone):
    result, _aws, _module = instance_run({"instance_id": "i-1"}, watch(*gone), search(instance(identifier="i-2")))
    assert (result["changed"], result["instance"]["instance_id"]) == (False, "i-2")


def test_removal_of_a_known_one_leaves_what_looks_like_it():
    result, _aws, _module = remove({"instance_id": "i-1"}, watch())
    assert result["changed"] is False
    result, _aws, _module = remove(
        {"instance_id": "i-1"},
        watch(instance(tags={**OWNER, "Name": "renamed"})),
        protection(False),
        on_instance("TerminateInstances"),
        watch(instance("terminated")),
    )
    assert result["changed"] is True
