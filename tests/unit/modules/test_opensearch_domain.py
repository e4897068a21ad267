"""OpenSearch Service domain: its calls, what it waits for, and what it refuses."""

from __future__ import annotations

import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.opensearch_domain import DOCUMENTATION, Domain
from tests.support.declarations import documentation
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

ARN = "arn:aws:es:us-west-2:123456789012:domain/demo-search"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
ADMIN = "arn:aws:iam::123456789012:role/demo-search-admin"
GROUP = "arn:aws:logs:us-west-2:123456789012:log-group:/aws/opensearch/demo"
NAME = {"DomainName": "demo-search"}
CHANGE = "11111111-2222-3333-4444-555555555555"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": ["es:ESHttpGet", "es:ESHttpPut"],
            "Resource": f"{ARN}/*",
        }
    ],
}
REORDERED = {**POLICY["Statement"][0], "Action": ["es:ESHttpPut", "es:ESHttpGet"]}
EMPTY = dict.fromkeys(documentation(DOCUMENTATION)["options"])
PARAMS = {
    **EMPTY,
    "state": "present",
    "wait": True,
    "purge_tags": True,
    "name": "demo-search",
    "engine_version": "OpenSearch_3.3",
    "instance_type": "r7g.large.search",
    "instance_count": 3,
    "dedicated_master_enabled": False,
    "zone_awareness_enabled": True,
    "availability_zone_count": 3,
    "ebs_enabled": True,
    "volume_type": "gp3",
    "volume_size": 50,
    "iops": 3000,
    "throughput": 125,
    "access_policies": json.dumps(POLICY),
    "subnet_ids": ["subnet-1", "subnet-2", "subnet-3"],
    "security_group_ids": ["sg-1"],
    "encryption_key_arn": KEY,
    "node_to_node_encryption": True,
    "enforce_https": True,
    "tls_security_policy": "Policy-Min-TLS-1-2-PFS-2023-10",
    "fine_grained_access": True,
    "internal_user_database": False,
    "master_user_arn": ADMIN,
    "log_groups": {"AUDIT_LOGS": f"{GROUP}/audit"},
    "advanced_options": {"override_main_response_version": False},
    "auto_tune": True,
    "auto_tune_off_peak": True,
    "off_peak_window_start": "02:30",
    "auto_software_update": True,
}
CONFIG = {
    "ClusterConfig": {
        "InstanceType": "r7g.large.search",
        "InstanceCount": 3,
        "DedicatedMasterEnabled": False,
        "ZoneAwarenessEnabled": True,
        "ZoneAwarenessConfig": {"AvailabilityZoneCount": 3},
    },
    "EBSOptions": {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": 50, "Iops": 3000, "Throughput": 125},
    "AccessPolicies": json.dumps(POLICY),
    "VPCOptions": {"SubnetIds": ["subnet-1", "subnet-2", "subnet-3"], "SecurityGroupIds": ["sg-1"]},
    "EncryptionAtRestOptions": {"Enabled": True, "KmsKeyId": KEY},
    "NodeToNodeEncryptionOptions": {"Enabled": True},
    "DomainEndpointOptions": {"EnforceHTTPS": True, "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10"},
    "AdvancedOptions": {"override_main_response_version": "false"},
    "LogPublishingOptions": {"AUDIT_LOGS": {"CloudWatchLogsLogGroupArn": f"{GROUP}/audit", "Enabled": True}},
    "OffPeakWindowOptions": {"OffPeakWindow": {"WindowStartTime": {"Hours": 2, "Minutes": 30}}},
    "SoftwareUpdateOptions": {"AutoSoftwareUpdateEnabled": True},
}
CREATE = {
    **NAME,
    **CONFIG,
    "EngineVersion": "OpenSearch_3.3",
    "AdvancedSecurityOptions": {
        "Enabled": True,
        "InternalUserDatabaseEnabled": False,
        "MasterUserOptions": {"MasterUserARN": ADMIN},
    },
    "AutoTuneOptions": {"DesiredState": "ENABLED", "UseOffPeakWindow": True},
}
ACTIVE = {
    **NAME,
    **CONFIG,
    "DomainId": "123456789012/demo-search",
    "ARN": ARN,
    "Created": True,
    "Deleted": False,
    "Processing": False,
    "UpgradeProcessing": False,
    "DomainProcessingStatus": "Active",
    "EngineVersion": "OpenSearch_3.3",
    "Endpoints": {"vpc": "vpc-demo-search.us-west-2.es.amazonaws.com"},
    "VPCOptions": {**CONFIG["VPCOptions"], "VPCId": "vpc-1", "AvailabilityZones": ["a", "b", "c"]},
    "AdvancedSecurityOptions": {"Enabled": True, "InternalUserDatabaseEnabled": False},
    "AutoTuneOptions": {"State": "ENABLED", "UseOffPeakWindow": True},
    # What AWS adds of itself.
    "AdvancedOptions": {
        "override_main_response_version": "false",
        "rest.action.multi.allow_explicit_index": "true",
    },
}


def seen(tags=(), **members):
    """The reads of one look."""
    described = {key: value for key, value in {**ACTIVE, **members}.items() if value is not None}
    return [Step("DescribeDomain", {"DomainStatus": described}, NAME), listed(tags)]


def listed(tags=()):
    return Step(
        "ListTags", {"TagList": [{"Key": key, "Value": value} for key, value in dict(tags).items()]}, {"ARN": ARN}
    )


NONE = Step("DescribeDomain", api_error("DescribeDomain", "ResourceNotFoundException", "Domain not found", 409), NAME)


def update(answer=None, change=None, **request):
    progress = {"ChangeProgressDetails": {"ChangeId": change}} if change else {}
    return Step("UpdateDomainConfig", answer or {"DomainConfig": progress}, {**NAME, **request})


def run(params, *steps, **kwargs):
    return run_resource(Domain, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps):
    return refuse_resource(Domain, {**PARAMS, **params}, *steps)


def test_created_and_waited_for():
    made = {"Created": True, "Processing": True, "DomainProcessingStatus": "Creating", "Endpoints": None}
    result, _aws, _module = run(
        {"tags": {"A": "1"}},
        NONE,
        Step("CreateDomain", {}, {**CREATE, "TagList": [{"Key": "A", "Value": "1"}]}),
        *seen({"A": "1"}, **made),
        # It is there, but can't be reached yet.
        *seen({"A": "1"}, Endpoints=None),
        *seen({"A": "1"}),
    )
    assert result["changed"] is True
    assert result["domain"]["endpoints"] == {"vpc": "vpc-demo-search.us-west-2.es.amazonaws.com"}


def test_second_run_changes_nothing():
    result, _aws, _module = run({}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    "members",
    [
        # As AWS writes what was declared in another way.
        {"AccessPolicies": json.dumps({**POLICY, "Statement": [REORDERED]})},
        {"AutoTuneOptions": {"State": "ENABLE_IN_PROGRESS", "UseOffPeakWindow": True}},
        {
            "LogPublishingOptions": {
                "AUDIT_LOGS": {"CloudWatchLogsLogGroupArn": f"{GROUP}/audit:*", "Enabled": True},
                "INDEX_SLOW_LOGS": {"CloudWatchLogsLogGroupArn": f"{GROUP}/old", "Enabled": False},
            }
        },
        {"VPCOptions": {**ACTIVE["VPCOptions"], "SubnetIds": ["subnet-3", "subnet-1", "subnet-2"]}},
        {"EncryptionAtRestOptions": {"Enabled": True, "KmsKeyId": "k"}},
    ],
)
def test_what_means_the_same_is_no_change(members):
    result, _aws, _module = run({}, *seen(**members))
    assert result["changed"] is False


def test_counts_of_what_is_off_are_not_compared_or_sent():
    off = {
        "dedicated_master_count": 3,
        "dedicated_master_type": "m7g.large.search",
        "warm_enabled": False,
        "warm_count": 2,
    }
    result, _aws, _module = run(off, *seen())
    assert result["changed"] is False


def test_a_part_goes_as_a_whole_and_all_that_differs_in_one_change():
    wider = {**CONFIG["ClusterConfig"], "InstanceCount": 6}
    result, _aws, _module = run(
        {"instance_count": 6, "volume_size": 80},
        *seen(),
        update(ClusterConfig=wider, EBSOptions={**CONFIG["EBSOptions"], "VolumeSize": 80}),
        *seen(Processing=True, DomainProcessingStatus="Modifying"),
        *seen(ClusterConfig=wider, EBSOptions={**CONFIG["EBSOptions"], "VolumeSize": 80}),
        *seen(ClusterConfig=wider, EBSOptions={**CONFIG["EBSOptions"], "VolumeSize": 80}),
    )
    assert result["diff"]["before"]["instance_count"] == 3
    assert result["diff"]["after"]["instance_count"] == 6


SECURITY = {"Enabled": True, "InternalUserDatabaseEnabled": False}
LOG = CONFIG["LogPublishingOptions"]["AUDIT_LOGS"]


@pytest.mark.parametrize(
    ("found", "part"),
    [
        ({"AccessPolicies": "{}"}, {"AccessPolicies": json.dumps(POLICY)}),
        (
            {"DomainEndpointOptions": {"EnforceHTTPS": False, "TLSSecurityPolicy": "Policy-Min-TLS-1-0-2019-07"}},
            {"DomainEndpointOptions": CONFIG["DomainEndpointOptions"]},
        ),
        (
            {"VPCOptions": {**ACTIVE["VPCOptions"], "SecurityGroupIds": ["sg-1", "sg-2"]}},
            {"VPCOptions": CONFIG["VPCOptions"]},
        ),
        (
            {"AutoTuneOptions": {"State": "DISABLED", "UseOffPeakWindow": True}},
            {"AutoTuneOptions": {"DesiredState": "ENABLED", "UseOffPeakWindow": True}},
        ),
        (
            {"OffPeakWindowOptions": {"OffPeakWindow": {"WindowStartTime": {"Hours": 22, "Minutes": 0}}}},
            {"OffPeakWindowOptions": CONFIG["OffPeakWindowOptions"]},
        ),
        (
            {"SoftwareUpdateOptions": {"AutoSoftwareUpdateEnabled": False}},
            {"SoftwareUpdateOptions": CONFIG["SoftwareUpdateOptions"]},
        ),
        # Logs that someone has turned off are turned on, those of others are turned off.
        (
            {
                "LogPublishingOptions": {
                    "AUDIT_LOGS": {**LOG, "Enabled": False},
                    "ES_APPLICATION_LOGS": {"CloudWatchLogsLogGroupArn": f"{GROUP}/theirs", "Enabled": True},
                }
            },
            {
                "LogPublishingOptions": {
                    "ES_APPLICATION_LOGS": {"CloudWatchLogsLogGroupArn": f"{GROUP}/theirs", "Enabled": False},
                    "AUDIT_LOGS": LOG,
                }
            },
        ),
        # Of the engine's options those that aren't declared stay.
        (
            {"AdvancedOptions": {"indices.fielddata.cache.size": "40", "override_main_response_version": "true"}},
            {"AdvancedOptions": {"indices.fielddata.cache.size": "40", "override_main_response_version": "false"}},
        ),
        # Users and passwords of the domain's own.
        (
            {"AdvancedSecurityOptions": {"Enabled": True, "InternalUserDatabaseEnabled": True}},
            {"AdvancedSecurityOptions": SECURITY},
        ),
        # The master user comes with the access control.
        (
            {"AdvancedSecurityOptions": {"Enabled": False}},
            {"AdvancedSecurityOptions": {**SECURITY, "MasterUserOptions": {"MasterUserARN": ADMIN}}},
        ),
        (
            {"EncryptionAtRestOptions": {"Enabled": False}, "NodeToNodeEncryptionOptions": {"Enabled": False}},
            {
                "EncryptionAtRestOptions": {"Enabled": True, "KmsKeyId": KEY},
                "NodeToNodeEncryptionOptions": {"Enabled": True},
            },
        ),
    ],
)
def test_what_was_changed_by_hand_is_mended(found, part):
    result, _aws, _module = run({}, *seen(**found), update(**part), *seen(), *seen())
    assert result["changed"] is True


def test_everybody_is_kept_out_while_access_is_introduced():
    open_ = {**SECURITY, "AnonymousAuthEnabled": True}
    closed = {**SECURITY, "AnonymousAuthEnabled": False}
    run(
        {"anonymous_auth": False},
        *seen(AdvancedSecurityOptions=open_),
        update(AdvancedSecurityOptions=closed),
        *seen(),
        *seen(),
    )


def test_check_mode_predicts_and_writes_nothing():
    result, _aws, _module = run({"instance_count": 6}, *seen(), check_mode=True)
    assert result["changed"] is True
    assert result["domain"]["cluster_config"]["instance_count"] == 6
    result, _aws, _module = run({}, NONE, check_mode=True)
    assert result["changed"] is True


def test_a_change_of_aws_itself_is_waited_for():
    result, _aws, _module = run(
        {},
        *seen(Processing=True, DomainProcessingStatus="UpdatingServiceSoftware"),
        *seen(),
    )
    assert result["changed"] is False


def test_the_older_flags_tell_it_too():
    run({}, *seen(Processing=True), *seen(UpgradeProcessing=True, DomainProcessingStatus=None), *seen())


def test_a_change_that_aws_refuses_after_its_validation():
    details = {"ChangeId": CHANGE, "ConfigChangeStatus": "ValidationFailed", "Message": "see the failures"}
    failures = [{"Code": "DBQuorumLost", "Message": "no quorum"}]
    said = refuse(
        {"instance_count": 6},
        *seen(),
        update(change=CHANGE, ClusterConfig={**CONFIG["ClusterConfig"], "InstanceCount": 6}),
        *seen(ChangeProgressDetails=details),
        Step(
            "DescribeDomainChangeProgress",
            {"ChangeProgressStatus": {"ChangeId": CHANGE, "ValidationFailures": failures}},
            {**NAME, "ChangeId": CHANGE},
        ),
    )
    assert "has not made the change" in said
    assert "DBQuorumLost: no quorum" in said


def test_an_earlier_change_that_failed_is_history():
    details = {"ChangeId": CHANGE, "ConfigChangeStatus": "ValidationFailed"}
    result, _aws, _module = run({}, *seen(ChangeProgressDetails=details))
    assert result["changed"] is False


# ---- upgrades


def compatible(*versions):
    answer = {"CompatibleVersions": [{"SourceVersion": "OpenSearch_3.3", "TargetVersions": list(versions)}]}
    return Step("GetCompatibleVersions", answer, NAME)


def upgrade(check):
    return Step("UpgradeDomain", {}, {**NAME, "TargetVersion": "OpenSearch_3.5", "PerformCheckOnly": check})


def status(step, state):
    return Step("GetUpgradeStatus", {"UpgradeStep": step, "StepStatus": state}, NAME)


def history(*issues):
    steps = [{"UpgradeStep": "PRE_UPGRADE_CHECK", "UpgradeStepStatus": "FAILED", "Issues": list(issues)}]
    return Step("GetUpgradeHistory", {"UpgradeHistories": [{"UpgradeName": "x", "StepsList": steps}]}, NAME)


NEWER = {"engine_version": "OpenSearch_3.5"}


def test_an_upgrade_is_checked_first_and_followed():
    result, _aws, _module = run(
        NEWER,
        *seen(),
        compatible("OpenSearch_3.5"),
        upgrade(True),
        *seen(),
        status("PRE_UPGRADE_CHECK", "IN_PROGRESS"),
        status("PRE_UPGRADE_CHECK", "SUCCEEDED"),
        upgrade(False),
        *seen(UpgradeProcessing=True, DomainProcessingStatus="UpgradingEngineVersion"),
        *seen(EngineVersion="OpenSearch_3.5"),
        *seen(EngineVersion="OpenSearch_3.5"),
    )
    assert result["changed"] is True


def test_an_upgrade_that_the_check_forbids():
    said = refuse(
        NEWER,
        *seen(),
        compatible("OpenSearch_3.5"),
        upgrade(True),
        *seen(),
        status("PRE_UPGRADE_CHECK", "FAILED"),
        history("the index old was created in 1.3"),
    )
    assert "can't be upgraded to OpenSearch_3.5" in said
    assert "the index old was created in 1.3" in said


def test_an_upgrade_that_fails_on_its_way():
    said = refuse(
        NEWER,
        *seen(),
        compatible("OpenSearch_3.5"),
        upgrade(True),
        *seen(),
        status("PRE_UPGRADE_CHECK", "SUCCEEDED"),
        upgrade(False),
        *seen(),
        history("no snapshot"),
    )
    assert "has not upgraded" in said
    assert "no snapshot" in said


def test_an_upgrade_that_takes_a_step_between():
    said = refuse({"engine_version": "OpenSearch_3.5"}, *seen(), compatible("OpenSearch_2.19"))
    assert "AWS upgrades from there to OpenSearch_2.19 only" in said


@pytest.mark.parametrize("version", ["OpenSearch_2.19", "Elasticsearch_7.10"])
def test_a_version_is_never_taken_back(version):
    assert "isn't taken back" in refuse({"engine_version": version}, *seen())


# ---- what passes, what doesn't


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("InvalidTypeException", "Error setting policy: [{...}]"),
        ("ValidationException", "Before you can proceed, you must enable a service-linked role to give Amazon ES ..."),
        ("ValidationException", "Domain is still being deleted"),
        ("ValidationException", "The Resource Access Policy specified for the CloudWatch Logs log group /x"),
        ("ValidationException", "The passed role has not propagated yet"),
    ],
)
def test_what_was_made_a_moment_ago_is_waited_for(code, text):
    refused = Step("CreateDomain", api_error("CreateDomain", code, text))
    run({}, NONE, refused, NONE, Step("CreateDomain", {}, CREATE), *seen())


def test_a_change_under_way_is_waited_for():
    busy = api_error("UpdateDomainConfig", "ValidationException", "A change/update is in progress. Please wait for it")
    part = {"ClusterConfig": {**CONFIG["ClusterConfig"], "InstanceCount": 6}}
    run({"instance_count": 6}, *seen(), update(busy, **part), *seen(), update(**part), *seen(**part), *seen(**part))


def test_what_is_wrong_is_refused_at_once():
    text = "You must choose an even number of data nodes for a two Availability Zone deployment"
    said = refuse({}, NONE, Step("CreateDomain", api_error("CreateDomain", "ValidationException", text)))
    assert text in said


def test_lost_reply_of_create_makes_no_second():
    result, aws, _module = run({}, NONE, Step("CreateDomain", lost_reply()), *seen())
    assert result["changed"] is True
    assert aws.operations().count("CreateDomain") == 1


def test_an_isolated_domain():
    said = refuse({}, *seen(DomainProcessingStatus="Isolated"))
    assert "start-service-software-update" in said


# ---- refusals before any write


@pytest.mark.parametrize(
    ("params", "members", "part"),
    [
        ({"volume_size": 20}, {}, "has volumes of 50 GiB, declared are 20"),
        ({"node_to_node_encryption": False}, {}, "node_to_node_encryption on, which can't be turned off"),
        ({"fine_grained_access": False}, {}, "fine_grained_access on, which can't be turned off"),
        ({"encryption_key_arn": f"{KEY}2"}, {}, "AWS can't change that"),
        ({"encryption_key_arn": ""}, {}, "AWS can't change that to none"),
        ({"ip_address_type": "ipv4"}, {"IPAddressType": "dualstack"}, "doesn't go back to ipv4"),
        ({}, {"VPCOptions": None, "Endpoint": "x"}, "was made outside of a VPC"),
    ],
)
def test_what_aws_cant_change(params, members, part):
    assert part in refuse(params, *seen(**members))


def test_nobody_would_be_the_master():
    assert "give master_user_arn" in refuse({"master_user_arn": None}, NONE)


def test_a_time_that_is_none():
    with pytest.raises(ResourceError, match="is '25:00', not a time of day"):
        run({"off_peak_window_start": "25:00"})


def test_a_domain_of_someone_else():
    assert "isn't ours" in refuse({"owned_by": {"Project": "demo"}}, *seen({"Project": "other"}))


def test_tags():
    run(
        {"tags": {"A": "2"}},
        *seen({"A": "1", "B": "1"}),
        Step("RemoveTags", {}, {"ARN": ARN, "TagKeys": ["B"]}),
        Step("AddTags", {}, {"ARN": ARN, "TagList": [{"Key": "A", "Value": "2"}]}),
        *seen({"A": "2"}),
    )


def test_deleted_and_waited_for():
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        Step("DeleteDomain", {}, NAME),
        *seen(Deleted=True, Processing=True, DomainProcessingStatus="Deleting"),
        NONE,
    )
    assert result["changed"] is True
