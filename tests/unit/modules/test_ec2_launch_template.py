# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launch templates: a new default version for a difference in what is declared, and for nothing else."""

from __future__ import annotations

import base64
import copy

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, ec2_tagged, run, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply

NAME = "demo-eks-default"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
SCRIPT = "#!/bin/sh\necho hello\n"
TAGS = {**OWNER, "Name": NAME}
VOLUME = {"volume_size": 50, "volume_type": "gp3", "encrypted": True, "kms_key_id": KEY}
OPTIONS = {
    "name": NAME,
    "block_device_mappings": [{"device_name": "/dev/xvda", "ebs": VOLUME}],
    "metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 1},
    "security_group_ids": ["sg-1", "sg-2"],
    "monitoring": True,
    "user_data": SCRIPT,
    "tag_specifications": {"instance": {"Name": "demo-node", "Cost": 1}, "network_interface": {"Name": "demo-node"}},
    "tags": TAGS,
    "owned_by": OWNER,
}
DATA = {
    "BlockDeviceMappings": [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"VolumeSize": 50, "VolumeType": "gp3", "Encrypted": True, "KmsKeyId": KEY},
        }
    ],
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    "SecurityGroupIds": ["sg-1", "sg-2"],
    "Monitoring": {"Enabled": True},
    "UserData": base64.b64encode(SCRIPT.encode()).decode(),
    "TagSpecifications": [
        {"ResourceType": "instance", "Tags": tag_list(Name="demo-node", Cost="1")},
        {"ResourceType": "network-interface", "Tags": tag_list(Name="demo-node")},
    ],
}
# As AWS gives it back: with what it adds, and with lists in another order.
DESCRIBED = {
    **DATA,
    "MetadataOptions": {
        "State": "pending",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "HttpEndpoint": "enabled",
    },
    "SecurityGroupIds": ["sg-2", "sg-1"],
    "TagSpecifications": [
        {"ResourceType": "network-interface", "Tags": tag_list(Name="demo-node")},
        {"ResourceType": "instance", "Tags": tag_list(Cost="1", Name="demo-node")},
    ],
}
OTHER = {**DESCRIBED, "Monitoring": {"Enabled": False}}
TEMPLATE = {"LaunchTemplateId": "lt-1"}


def absent():
    filters = [{"Name": "launch-template-name", "Values": [NAME]}]
    return [Step("DescribeLaunchTemplates", {"LaunchTemplates": []}, {"Filters": filters})]


def template(*versions, default=None, tags=None, all_versions=False):
    """The calls that read the template. versions: data by number, from 1 on; the default is the last unless given."""
    latest = len(versions)
    default = default or latest
    head = {
        **TEMPLATE,
        "LaunchTemplateName": NAME,
        "DefaultVersionNumber": default,
        "LatestVersionNumber": latest,
        "Tags": tag_list(**(TAGS if tags is None else tags)),
    }
    described = [
        {**TEMPLATE, "VersionNumber": number, "DefaultVersion": number == default, "LaunchTemplateData": data}
        for number, data in enumerate(versions, 1)
        if data is not None and (all_versions or number in (default, latest))
    ]
    request = TEMPLATE if all_versions else {**TEMPLATE, "Versions": ["$Default", "$Latest"]}
    return [
        Step("DescribeLaunchTemplates", {"LaunchTemplates": [head]}),
        Step("DescribeLaunchTemplateVersions", {"LaunchTemplateVersions": described}, request),
    ]


def new_version(number, answer=None, **members):
    def check(request):
        assert request.pop("ClientToken")
        assert request == {**TEMPLATE, "LaunchTemplateData": {**DATA, **members}}

    return Step("CreateLaunchTemplateVersion", answer or {"LaunchTemplateVersion": {"VersionNumber": number}}, check)


def new_default(number, answer=None):
    return Step("ModifyLaunchTemplate", answer or {}, {**TEMPLATE, "DefaultVersion": str(number)})


def template_run(options, *steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    return run("ec2_launch_template", {**OPTIONS, **options}, *flat, **kwargs)


# ---- Creating


def creation(answer=None):
    def check(request):
        assert request.pop("ClientToken")
        assert request == {
            "LaunchTemplateName": NAME,
            "LaunchTemplateData": DATA,
            "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tag_list(**TAGS)}],
        }

    return Step("CreateLaunchTemplate", answer or {"LaunchTemplate": TEMPLATE}, check)


def test_create():
    result, _aws, module = template_run({}, absent(), creation(), template(DESCRIBED))
    assert result["changed"] is True
    assert result["launch_template"]["launch_template_id"] == "lt-1"
    assert result["launch_template"]["default_version_number"] == 1
    assert result["launch_template"]["tags"] == TAGS
    assert result["diff"]["after"]["user_data"] == SCRIPT
    assert module.warnings == []


def test_warning_of_aws_is_passed_on():
    warning = {"Errors": [{"Code": "InvalidBlockDeviceMapping", "Message": "no such device"}]}
    _result, _aws, module = template_run(
        {}, absent(), creation({"LaunchTemplate": TEMPLATE, "Warning": warning}), template(DESCRIBED)
    )
    assert "InvalidBlockDeviceMapping: no such device" in module.warnings[0]


def test_lost_reply_of_create():
    result, aws, _module = template_run({}, absent(), creation(lost_reply()), template(DESCRIBED))
    assert result["changed"] is True
    assert aws.operations().count("CreateLaunchTemplate") == 1


def test_name_was_taken_meanwhile_by_ourselves():
    taken = api_error("CreateLaunchTemplate", "InvalidLaunchTemplateName.AlreadyExistsException")
    result, _aws, _module = template_run({}, absent(), creation(taken), template(DESCRIBED), template(DESCRIBED))
    assert result["changed"] is False


def test_create_with_nothing_declared():
    requests = []
    made = template({}, tags={})
    run(
        "ec2_launch_template",
        {"name": NAME},
        *absent(),
        Step("CreateLaunchTemplate", {"LaunchTemplate": TEMPLATE}, requests.append),
        *made,
    )
    assert requests[0]["LaunchTemplateData"] == {}


# ---- No difference


def test_second_run_changes_nothing():
    result, aws, _module = template_run({}, template(OTHER, DESCRIBED))
    assert result["changed"] is False
    assert aws.operations() == ["DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"]
    assert result["launch_template"]["default_version_number"] == 2


def test_what_is_not_declared_makes_no_difference():
    more = {**DESCRIBED, "InstanceType": "t3.large", "EbsOptimized": True, "KeyName": "k"}
    result, _aws, _module = template_run({}, template(more))
    assert result["changed"] is False


# ---- A new version


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({"image_id": "ami-1"}, {"ImageId": "ami-1"}),
        ({"instance_type": "t3.large"}, {"InstanceType": "t3.large"}),
        ({"iam_instance_profile": "demo"}, {"IamInstanceProfile": {"Name": "demo"}}),
        ({"iam_instance_profile": "arn:aws:iam::1:x"}, {"IamInstanceProfile": {"Arn": "arn:aws:iam::1:x"}}),
        (
            {"block_device_mappings": [{"device_name": "/dev/xvda", "ebs": {"volume_size": 60}}]},
            {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 60}}]},
        ),
        (
            {"metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 2}},
            {"MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}},
        ),
        ({"security_group_ids": ["sg-1"]}, {"SecurityGroupIds": ["sg-1"]}),
        ({"monitoring": False}, {"Monitoring": {"Enabled": False}}),
        ({"ebs_optimized": True}, {"EbsOptimized": True}),
        ({"user_data": "x"}, {"UserData": "eA=="}),
        (
            {"tag_specifications": {"instance": {"Name": "demo-node"}}},
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": tag_list(Name="demo-node")}]},
        ),
    ],
)
def test_difference_makes_a_new_default_version(options, members):
    changed = {**DESCRIBED, **members}
    result, _aws, _module = template_run(
        options,
        template(DESCRIBED),
        new_version(2, **members),
        new_default(2),
        template(DESCRIBED, changed),
        template(DESCRIBED, changed),
        template(DESCRIBED, changed),
    )
    assert result["changed"] is True
    assert result["launch_template"]["default_version_number"] == 2
    option = next(iter(options))
    assert result["diff"]["before"][option] != result["diff"]["after"][option]


SLIPPED_IN = {**DESCRIBED, "KeyName": "somebodys", "EbsOptimized": True}


def test_what_is_beyond_the_declared_is_a_difference_if_asked():
    result, _aws, _module = template_run(
        {"purge_data": True},
        template(SLIPPED_IN),
        new_version(2),
        new_default(2),
        template(SLIPPED_IN, DESCRIBED),
        template(SLIPPED_IN, DESCRIBED),
        template(SLIPPED_IN, DESCRIBED),
    )
    assert result["changed"] is True
    assert result["diff"]["before"]["undeclared"] == ["EbsOptimized", "KeyName"]
    assert "undeclared" not in result["diff"]["after"]


@pytest.mark.parametrize(("purge", "data"), [(True, DESCRIBED), (False, SLIPPED_IN)])
def test_and_none_otherwise(purge, data):
    assert template_run({"purge_data": purge}, template(data))[0]["changed"] is False


def test_a_dry_run_shows_it():
    result, _aws, _module = template_run({"purge_data": True}, template(SLIPPED_IN), check_mode=True)
    assert result["changed"] is True
    assert "KeyName" not in str(result["launch_template"])


def test_added_volume_is_a_difference():
    two = [*DATA["BlockDeviceMappings"], {"DeviceName": "/dev/xvdb"}]
    changed = {**DESCRIBED, "BlockDeviceMappings": two}
    result, _aws, _module = template_run(
        {"block_device_mappings": [*OPTIONS["block_device_mappings"], {"device_name": "/dev/xvdb"}]},
        template(DESCRIBED),
        new_version(2, BlockDeviceMappings=two),
        new_default(2),
        template(DESCRIBED, changed),
        template(DESCRIBED, changed),
        template(DESCRIBED, changed),
    )
    assert result["changed"] is True


def test_latest_that_fits_becomes_the_default():
    """After a run that was interrupted, or when someone went back to an older version."""
    result, aws, _module = template_run(
        {},
        template(OTHER, DESCRIBED, default=1),
        new_default(2),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
    )
    assert result["changed"] is True
    assert "CreateLaunchTemplateVersion" not in aws.operations()


def test_lost_reply_of_a_new_version_makes_no_second():
    result, aws, _module = template_run(
        {},
        template(OTHER),
        new_version(2, lost_reply()),
        template(OTHER, DESCRIBED, default=1),
        new_default(2),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateLaunchTemplateVersion") == 1


def test_lost_version_that_is_not_seen_is_repeated_with_its_token():
    tokens = []

    def note(request):
        tokens.append(request["ClientToken"])

    template_run(
        {},
        template(OTHER),
        Step("CreateLaunchTemplateVersion", lost_reply(), note),
        template(OTHER),
        Step("CreateLaunchTemplateVersion", {"LaunchTemplateVersion": {"VersionNumber": 2}}, note),
        new_default(2),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
    )
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize(
    "error",
    [
        api_error("ModifyLaunchTemplate", "RequestLimitExceeded"),
        api_error("ModifyLaunchTemplate", "InvalidLaunchTemplateId.VersionNotFound"),
    ],
)
def test_default_that_is_not_taken_at_once(error):
    result, aws, _module = template_run(
        {},
        template(OTHER),
        new_version(2),
        new_default(2, error),
        template(OTHER, DESCRIBED, default=1),
        new_default(2),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateLaunchTemplateVersion") == 1


def test_new_default_is_waited_for():
    """Who reads the version number from the result must get the new one."""
    result, _aws, _module = template_run(
        {},
        template(OTHER),
        new_version(2),
        new_default(2),
        template(OTHER, DESCRIBED, default=1),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
        template(OTHER, DESCRIBED),
    )
    assert result["launch_template"]["default_version_number"] == 2


def test_refused_version():
    error = api_error("CreateLaunchTemplateVersion", "InvalidParameterValue", "bad volume")
    with pytest.raises(ResourceError, match=r"make a new version of launch template 'demo-eks-default'.*bad volume"):
        template_run({}, template(OTHER), new_version(2, error))


# ---- Old versions


def test_old_versions_are_deleted():
    result, _aws, _module = template_run(
        {"keep_versions": 2},
        template(OTHER, OTHER, OTHER, DESCRIBED, all_versions=True),
        Step("DeleteLaunchTemplateVersions", {}, {**TEMPLATE, "Versions": ["1", "2"]}),
        template(None, None, OTHER, DESCRIBED, all_versions=True),
        template(None, None, OTHER, DESCRIBED, all_versions=True),
    )
    assert result["changed"] is True
    assert result["launch_template"]["version_numbers"] == [3, 4]
    assert result["diff"]["before"]["keep_versions"] == 4
    assert result["diff"]["after"]["keep_versions"] == 2


def test_default_version_is_never_deleted():
    result, _aws, _module = template_run(
        {"keep_versions": 1},
        template(DESCRIBED, OTHER, OTHER, default=1, all_versions=True),
        Step("DeleteLaunchTemplateVersions", {}, {**TEMPLATE, "Versions": ["2", "3"]}),
        template(DESCRIBED, all_versions=True),
        template(DESCRIBED, all_versions=True),
    )
    assert result["changed"] is True


def test_versions_are_counted_after_the_new_one():
    result, _aws, _module = template_run(
        {"keep_versions": 2},
        template(OTHER, OTHER, all_versions=True),
        new_version(3),
        new_default(3),
        template(OTHER, OTHER, DESCRIBED, all_versions=True),
        Step("DeleteLaunchTemplateVersions", {}, {**TEMPLATE, "Versions": ["1"]}),
        template(None, OTHER, DESCRIBED, all_versions=True),
        template(None, OTHER, DESCRIBED, all_versions=True),
    )
    assert result["launch_template"]["version_numbers"] == [2, 3]


def test_few_versions_are_kept():
    result, _aws, _module = template_run({"keep_versions": 2}, template(OTHER, DESCRIBED, all_versions=True))
    assert result["changed"] is False


def refused_version(code):
    item = {"VersionNumber": 1, "ResponseError": {"Code": code, "Message": "no"}}
    return Step("DeleteLaunchTemplateVersions", {"UnsuccessfullyDeletedLaunchTemplateVersions": [item]})


def test_refused_deletion_of_a_version_is_an_error():
    with pytest.raises(ResourceError, match=r"delete old versions of launch template .* unexpectedError: no"):
        template_run(
            {"keep_versions": 1},
            template(OTHER, DESCRIBED, all_versions=True),
            refused_version("unexpectedError"),
        )


def test_version_that_is_gone_already_is_no_error():
    result, _aws, _module = template_run(
        {"keep_versions": 1},
        template(OTHER, DESCRIBED, all_versions=True),
        refused_version("launchTemplateVersionDoesNotExist"),
        template(None, DESCRIBED, all_versions=True),
        template(None, DESCRIBED, all_versions=True),
    )
    assert result["launch_template"]["version_numbers"] == [2]


# ---- Tags, owner


def test_tags():
    result, _aws, _module = template_run(
        {},
        template(DESCRIBED, tags={**OWNER, "Old": "x"}),
        Step("DeleteTags", {}, {"Resources": ["lt-1"], "Tags": [{"Key": "Old"}]}),
        ec2_tagged("lt-1", Name=NAME),
        template(DESCRIBED),
    )
    assert result["changed"] is True


def test_foreign_template_is_refused():
    with pytest.raises(ResourceError, match="isn't ours"):
        template_run({}, template(DESCRIBED, tags={}))


# ---- Dry run


def test_dry_run_of_create():
    result, aws, _module = template_run({}, absent(), check_mode=True)
    assert result["changed"] is True
    assert result["launch_template"]["default_version_number"] == 1
    assert result["diff"]["after"]["tag_specifications"]["instance"] == {"Name": "demo-node", "Cost": "1"}
    assert aws.operations() == ["DescribeLaunchTemplates"]


def test_dry_run_of_a_new_version():
    described = copy.deepcopy({**OTHER, "KeyName": "k"})
    result, aws, _module = template_run(
        {"keep_versions": 2}, template(OTHER, described, all_versions=True), check_mode=True
    )
    assert result["changed"] is True
    assert result["launch_template"]["default_version_number"] == 3
    assert result["launch_template"]["version_numbers"] == [2, 3]
    assert "key_name" not in result["launch_template"]["launch_template_data"]
    assert result["diff"]["before"]["monitoring"] is False
    assert result["diff"]["after"]["monitoring"] is True
    assert set(aws.operations()) == {"DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"}


def test_dry_run_of_another_default():
    result, _aws, _module = template_run({}, template(OTHER, DESCRIBED, default=1), check_mode=True)
    assert result["launch_template"]["default_version_number"] == 2
    assert result["launch_template"]["latest_version_number"] == 2


def test_dry_run_of_tags_alone():
    result, _aws, _module = template_run({"tags": {**TAGS, "A": "b"}}, template(DESCRIBED), check_mode=True)
    assert result["changed"] is True
    assert result["launch_template"]["default_version_number"] == 1


# ---- Deletion


ABSENT = {"name": NAME, "state": "absent", "owned_by": OWNER}


def absent_run(*steps, **kwargs):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    return run("ec2_launch_template", ABSENT, *flat, **kwargs)


def test_delete():
    result, _aws, _module = absent_run(template(OTHER), Step("DeleteLaunchTemplate", {}, TEMPLATE), absent())
    assert result["changed"] is True


def test_delete_of_what_is_gone_already():
    gone = api_error("DeleteLaunchTemplate", "InvalidLaunchTemplateId.NotFound")
    result, _aws, _module = absent_run(template(OTHER), Step("DeleteLaunchTemplate", gone), absent())
    assert result["launch_template"] == {}


def test_delete_while_it_vanishes():
    head = template(OTHER)[0]
    gone = api_error("DescribeLaunchTemplateVersions", "InvalidLaunchTemplateId.NotFound")
    result, _aws, _module = absent_run(head, Step("DescribeLaunchTemplateVersions", gone))
    assert result["changed"] is False


def test_delete_in_a_dry_run():
    result, aws, _module = absent_run(template(OTHER), check_mode=True)
    assert result["changed"] is True
    assert set(aws.operations()) == {"DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"}


def test_user_data_that_is_no_text_is_shown_as_it_is():
    packed = base64.b64encode(b"\x1f\x8b\x08\xff").decode()
    result, _aws, _module = template_run({}, template({**DESCRIBED, "UserData": packed}), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["user_data"] == packed
