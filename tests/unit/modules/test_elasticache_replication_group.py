# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replication group: one change at a time, forward only, and a token that is nowhere to be seen."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, run, tag_list
from tests.support.scripted_aws import Step, api_error, lost_reply

MODULE = "elasticache_replication_group"
NAME = {"ReplicationGroupId": "demo-redis"}
ARN = "arn:aws:elasticache:us-west-2:123456789012:replicationgroup:demo-redis"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOKEN = "Tok3n" * 8
SECRET_ARN = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo/redis-AbCdEf"
# Versions of the secret.
CURRENT, NEXT = "c" * 32, "n" * 32
AT_ONCE = {"ApplyImmediately": True}


def at(hour):
    return datetime.datetime(2026, 11, 29, hour, tzinfo=datetime.UTC)


def log_to(name, log_type="slow-log", **more):
    details = {"CloudWatchLogsDetails": {"LogGroup": name}}
    return {
        "LogType": log_type,
        "DestinationType": "cloudwatch-logs",
        "DestinationDetails": details,
        "LogFormat": "json",
        **more,
    }


OPTIONS = {
    "name": "Demo-Redis",
    "description": "Cache of demo",
    "engine": "valkey",
    "engine_version": "8.2",
    "parameter_group_name": "demo-redis-valkey8",
    "node_type": "cache.t4g.micro",
    "num_nodes": 2,
    "automatic_failover": True,
    "multi_az": True,
    "subnet_group_name": "demo-redis",
    "security_group_ids": ["sg-1"],
    "port": 6379,
    "network_type": "ipv4",
    "ip_discovery": "ipv4",
    "transit_encryption": True,
    "transit_encryption_mode": "required",
    "at_rest_encryption": True,
    "kms_key_id": KEY,
    "auth_token_secret": "demo/redis",
    "log_delivery_configurations": [
        {"log_type": "slow-log", "destination_details": {"cloud_watch_logs_details": {"log_group": "/slow"}}}
    ],
    "snapshot_retention": 1,
    "snapshot_window": "02:00-03:00",
    "maintenance_window": "Mon:03:30-Mon:04:30",
    "auto_minor_version_upgrade": True,
    "notification_topic_arn": "",
    "tags": OWNER,
    "owned_by": OWNER,
}
GROUP = {
    **NAME,
    "ARN": ARN,
    "Description": "Cache of demo",
    "Status": "available",
    "MemberClusters": ["demo-redis-001", "demo-redis-002"],
    "NodeGroups": [
        {
            "NodeGroupId": "0001",
            "PrimaryEndpoint": {"Address": "master.demo", "Port": 6379},
            "NodeGroupMembers": [
                {"CacheClusterId": "demo-redis-001", "CurrentRole": "primary"},
                {"CacheClusterId": "demo-redis-002", "CurrentRole": "replica"},
            ],
        }
    ],
    "Engine": "valkey",
    "CacheNodeType": "cache.t4g.micro",
    "AutomaticFailover": "enabled",
    "MultiAZ": "enabled",
    "SnapshotRetentionLimit": 1,
    "SnapshotWindow": "02:00-03:00",
    "AuthTokenEnabled": True,
    "AuthTokenLastModifiedDate": at(3),
    "TransitEncryptionEnabled": True,
    "TransitEncryptionMode": "required",
    "AtRestEncryptionEnabled": True,
    "KmsKeyId": KEY,
    "LogDeliveryConfigurations": [log_to("/slow", Status="active")],
    "AutoMinorVersionUpgrade": True,
    "NetworkType": "ipv4",
    "IpDiscovery": "ipv4",
}
NODE = {
    "CacheClusterId": "demo-redis-001",
    "EngineVersion": "8.2.0",
    "PreferredMaintenanceWindow": "mon:03:30-mon:04:30",
    "CacheParameterGroup": {"CacheParameterGroupName": "demo-redis-valkey8", "ParameterApplyStatus": "in-sync"},
    "CacheSubnetGroupName": "demo-redis",
    "SecurityGroups": [{"SecurityGroupId": "sg-1", "Status": "active"}],
}
BUSY = api_error("ListTagsForResource", "InvalidReplicationGroupState", "Cluster not in available state to perform")


def looked(node=None, tags=None, **group):
    """One look at the group: its description, its tags, one of its nodes."""
    found = {**GROUP, **group}
    available = found["Status"] == "available"
    steps = [
        Step("DescribeReplicationGroups", {"ReplicationGroups": [found]}, NAME),
        Step(
            "ListTagsForResource",
            {"TagList": tag_list(**OWNER) if tags is None else tags} if available else BUSY,
            {"ResourceName": ARN},
        ),
    ]
    if found["Status"] != "creating":
        steps.append(Step("DescribeCacheClusters", {"CacheClusters": [{**NODE, **(node or {})}]}))
    return steps


def versions(current_at=2, **labels):
    """The secret's versions: current, and those of other labels, each with the hour when it was made."""
    found = [{"VersionId": CURRENT, "VersionStages": ["AWSCURRENT"], "CreatedDate": at(current_at)}]
    for label, (version, hour) in labels.items():
        if version == CURRENT:
            found[0]["VersionStages"].append(label)
        else:
            found.append({"VersionId": version, "VersionStages": [label], "CreatedDate": at(hour)})
    return Step(
        "ListSecretVersionIds", {"ARN": SECRET_ARN, "Name": "demo/redis", "Versions": found}, {"SecretId": "demo/redis"}
    )


def value(version=CURRENT):
    request = {"SecretId": "demo/redis", "VersionId": version}
    return Step("GetSecretValue", {"SecretString": TOKEN}, request)


def missing():
    return Step(
        "DescribeReplicationGroups", api_error("DescribeReplicationGroups", "ReplicationGroupNotFoundFault", "no", 404)
    )


def modified(**request):
    return Step("ModifyReplicationGroup", {}, {**NAME, **request, **AT_ONCE})


def changed(options, before, *writes, node=None, after_node=None, **after):
    """One change: looked at, made, waited for, seen."""
    result, aws, module = run(
        MODULE,
        {**OPTIONS, **options},
        *looked(node, **before),
        versions(),
        *looked(node, **before),
        *writes,
        *looked(node, **{**before, "Status": "modifying"}),
        *looked(node, **{**before, "Status": "modifying"}),
        *looked(after_node, **after),
        *looked(after_node, **after),
        *looked(after_node, **after),
    )
    assert result["changed"] is True
    return result, aws, module


# ---- create


CREATED = {
    **NAME,
    "ReplicationGroupDescription": "Cache of demo",
    "Engine": "valkey",
    "EngineVersion": "8.2",
    "CacheParameterGroupName": "demo-redis-valkey8",
    "CacheNodeType": "cache.t4g.micro",
    "NumCacheClusters": 2,
    "AutomaticFailoverEnabled": True,
    "MultiAZEnabled": True,
    "CacheSubnetGroupName": "demo-redis",
    "SecurityGroupIds": ["sg-1"],
    "Port": 6379,
    "TransitEncryptionEnabled": True,
    "TransitEncryptionMode": "required",
    "AtRestEncryptionEnabled": True,
    "KmsKeyId": KEY,
    "AuthToken": TOKEN,
    "LogDeliveryConfigurations": [log_to("/slow")],
    "SnapshotRetentionLimit": 1,
    "SnapshotWindow": "02:00-03:00",
    "PreferredMaintenanceWindow": "mon:03:30-mon:04:30",
    "AutoMinorVersionUpgrade": True,
    "NetworkType": "ipv4",
    "IpDiscovery": "ipv4",
    "Tags": tag_list(**OWNER),
}


def test_it_is_made_with_the_token_of_the_secret_and_waited_for():
    result, _aws, module = run(
        MODULE,
        OPTIONS,
        missing(),
        versions(),
        value(),
        Step("CreateReplicationGroup", {}, CREATED),
        *looked(Status="creating"),
        *looked(Status="creating"),
        *looked(),
        versions(),
    )
    assert result["changed"] is True
    assert TOKEN not in json.dumps(result, default=str)
    assert TOKEN in module.no_log_values


def test_a_token_that_elasticache_would_refuse_is_not_sent_and_not_shown():
    secret = Step("GetSecretValue", {"SecretString": "p@ssword/with@much"})
    with pytest.raises(ResourceError, match="is no AUTH token") as failure:
        run(MODULE, OPTIONS, missing(), versions(), secret)
    assert "p@ss" not in str(failure.value)


def test_a_secret_without_a_value():
    empty = Step("ListSecretVersionIds", {"ARN": SECRET_ARN, "Name": "demo/redis", "Versions": []})
    with pytest.raises(ResourceError, match="has no value"):
        run(MODULE, OPTIONS, missing(), empty)


def test_a_lost_reply_makes_no_second_one():
    result, aws, _module = run(
        MODULE,
        OPTIONS,
        missing(),
        versions(),
        value(),
        Step("CreateReplicationGroup", lost_reply()),
        *looked(Status="creating"),
        *looked(Status="creating"),
        *looked(),
        versions(),
        *looked(),
    )
    assert result["changed"] is True
    assert aws.operations().count("CreateReplicationGroup") == 1


def test_one_that_never_came_to_be_is_made_again():
    failed = looked(Status="create-failed")
    failed[1] = Step("ListTagsForResource", {"TagList": tag_list(**OWNER)})
    result, _aws, module = run(
        MODULE,
        OPTIONS,
        *failed,
        versions(),
        Step("DeleteReplicationGroup", {}, NAME),
        *looked(Status="deleting"),
        missing(),
        versions(),
        value(),
        Step("CreateReplicationGroup", {}, CREATED),
        *looked(),
    )
    assert result["changed"] is True
    assert "It is deleted and made again" in module.warnings[0]


def test_a_dry_run_of_a_new_one_reads_no_token():
    result, aws, _module = run(MODULE, OPTIONS, missing(), check_mode=True)
    assert result["changed"] is True
    assert aws.operations() == ["DescribeReplicationGroups"]
    assert result["diff"]["after"]["num_nodes"] == 2


# ---- nothing to do


def test_nothing_to_do():
    result, _aws, module = run(MODULE, OPTIONS, *looked(), versions())
    assert result["changed"] is False
    assert module.warnings == []
    assert result["replication_group"]["tags"] == OWNER


@pytest.mark.parametrize("version", ["8.2.5", "8.3.0"])
def test_a_minor_version_that_came_by_itself_is_left(version):
    result, _aws, _module = run(MODULE, OPTIONS, *looked({"EngineVersion": version}), versions())
    assert result["changed"] is False


def test_what_a_person_should_know_is_told():
    node = {
        "CacheParameterGroup": {
            "CacheParameterGroupName": "demo-redis-valkey8",
            "ParameterApplyStatus": "pending-reboot",
        }
    }
    found = looked(node, UserGroupIds=["theirs"])
    _result, _aws, module = run(MODULE, OPTIONS, *found, versions(AWSPENDING=(NEXT, 4)))
    told = " ".join(module.warnings)
    assert "take effect when its nodes are rebooted" in told
    assert "user group theirs, which is not ours" in told
    assert "A rotation of the AUTH token" in told


# ---- changes, each by itself


@pytest.mark.parametrize(
    ("options", "before", "request_", "after"),
    [
        ({}, {"CacheNodeType": "cache.t4g.small"}, {"CacheNodeType": "cache.t4g.micro"}, {}),
        ({}, {"Description": "theirs"}, {"ReplicationGroupDescription": "Cache of demo"}, {}),
        (
            {},
            {"AutomaticFailover": "disabled", "MultiAZ": "disabled"},
            {"AutomaticFailoverEnabled": True, "MultiAZEnabled": True},
            {},
        ),
        (
            {},
            {"SnapshotRetentionLimit": 0},
            {"SnapshotRetentionLimit": 1, "SnapshottingClusterId": "demo-redis-002"},
            {},
        ),
        ({}, {"SnapshotRetentionLimit": 7}, {"SnapshotRetentionLimit": 1}, {}),
        (
            {},
            {"LogDeliveryConfigurations": [log_to("/engine", "engine-log", Status="active")]},
            {
                "LogDeliveryConfigurations": [
                    log_to("/slow", Enabled=True),
                    {"LogType": "engine-log", "Enabled": False},
                ]
            },
            {},
        ),
    ],
)
def test_only_what_differs_is_sent_and_at_once(options, before, request_, after):
    changed(options, before, modified(**request_), **after)


@pytest.mark.parametrize(
    ("options", "node", "request_", "after"),
    [
        ({}, {"SecurityGroups": [{"SecurityGroupId": "sg-2"}]}, {"SecurityGroupIds": ["sg-1"]}, {}),
        (
            {},
            {"NotificationConfiguration": {"TopicArn": "arn:theirs", "TopicStatus": "active"}},
            {"NotificationTopicStatus": "inactive"},
            {"NotificationConfiguration": {"TopicArn": "arn:theirs", "TopicStatus": "inactive"}},
        ),
        (
            {"notification_topic_arn": "arn:ours"},
            {},
            {"NotificationTopicArn": "arn:ours", "NotificationTopicStatus": "active"},
            {"NotificationConfiguration": {"TopicArn": "arn:ours", "TopicStatus": "active"}},
        ),
        (
            {},
            {"PreferredMaintenanceWindow": "sun:01:00-sun:02:00"},
            {"PreferredMaintenanceWindow": "mon:03:30-mon:04:30"},
            {},
        ),
        ({}, {"EngineVersion": "8.1.0"}, {"EngineVersion": "8.2"}, {}),
    ],
)
def test_what_the_nodes_tell_is_changed_through_the_group(options, node, request_, after):
    changed(options, {}, modified(**request_), node=node, after_node=after)


def test_redis_oss_becomes_valkey_in_one_step():
    old = {"CacheParameterGroupName": "demo-redis-redis7", "ParameterApplyStatus": "in-sync"}
    request = {"Engine": "valkey", "EngineVersion": "8.2", "CacheParameterGroupName": "demo-redis-valkey8"}
    changed(
        {},
        {"Engine": "redis"},
        modified(**request),
        node={"EngineVersion": "7.1.0", "CacheParameterGroup": old},
    )


def test_a_node_more_comes_before_the_failover_that_needs_it():
    one = {"MemberClusters": ["demo-redis-001"], "AutomaticFailover": "disabled", "MultiAZ": "disabled"}
    two = {"AutomaticFailover": "disabled", "MultiAZ": "disabled"}
    result, aws, _module = run(
        MODULE,
        OPTIONS,
        *looked(**one),
        versions(),
        *looked(**one),
        Step("IncreaseReplicaCount", {}, {**NAME, "NewReplicaCount": 1, **AT_ONCE}),
        *looked(**{**one, "Status": "modifying"}),
        *looked(**two),
        *looked(**two),
        *looked(**two),
        modified(AutomaticFailoverEnabled=True, MultiAZEnabled=True),
        *looked(),
        *looked(),
        *looked(),
    )
    assert result["changed"] is True
    writes = [name for name in aws.operations() if name.startswith(("Increase", "Modify"))]
    assert writes == ["IncreaseReplicaCount", "ModifyReplicationGroup"]


def test_failover_goes_before_the_node_that_it_needs():
    without = {"AutomaticFailover": "disabled", "MultiAZ": "disabled"}
    one = {**without, "MemberClusters": ["demo-redis-001"]}
    result, aws, _module = run(
        MODULE,
        {**OPTIONS, "num_nodes": 1, "automatic_failover": False, "multi_az": False},
        *looked(),
        versions(),
        *looked(),
        *looked(),
        modified(AutomaticFailoverEnabled=False, MultiAZEnabled=False),
        *looked(**without),
        Step("DecreaseReplicaCount", {}, {**NAME, "NewReplicaCount": 0, **AT_ONCE}),
        *looked(**one),
        *looked(**one),
        *looked(**one),
    )
    assert result["changed"] is True
    writes = [name for name in aws.operations() if name.startswith(("Decrease", "Modify"))]
    assert writes == ["ModifyReplicationGroup", "DecreaseReplicaCount"]


def test_encryption_is_turned_on_by_way_of_preferred():
    options = {**OPTIONS, "auth_token_secret": None}
    plain = {"TransitEncryptionEnabled": False, "TransitEncryptionMode": None, "AuthTokenEnabled": False}
    plain_group = {key: item for key, item in {**GROUP, **plain}.items() if item is not None}
    preferred = {"TransitEncryptionMode": "preferred", "AuthTokenEnabled": False}

    def off():
        steps = looked()
        steps[0] = Step("DescribeReplicationGroups", {"ReplicationGroups": [plain_group]}, NAME)
        return steps

    result, _aws, _module = run(
        MODULE,
        options,
        *off(),
        *off(),
        modified(TransitEncryptionEnabled=True, TransitEncryptionMode="preferred"),
        *looked(**preferred),
        modified(TransitEncryptionMode="required"),
        *looked(AuthTokenEnabled=False),
        *looked(AuthTokenEnabled=False),
        *looked(AuthTokenEnabled=False),
        *looked(AuthTokenEnabled=False),
    )
    assert result["changed"] is True


def test_a_log_that_is_not_delivered_is_configured_anew():
    failed = {"LogDeliveryConfigurations": [log_to("/slow", Status="error", Message="no such group")]}
    result, _aws, module = run(
        MODULE,
        OPTIONS,
        *looked(**failed),
        versions(),
        *looked(**failed),
        modified(LogDeliveryConfigurations=[log_to("/slow", Enabled=True)]),
        *looked(**failed),
        *looked(**failed),
        *looked(**failed),
    )
    assert result["changed"] is True
    assert "doesn't deliver its slow-log: no such group" in module.warnings[0]


def test_tags_are_set_and_the_group_is_waited_for():
    result, _aws, _module = run(
        MODULE,
        {**OPTIONS, "tags": {**OWNER, "Name": "demo"}},
        *looked(),
        versions(),
        Step("AddTagsToResource", {}, {"ResourceName": ARN, "Tags": tag_list(Name="demo")}),
        *looked(Status="modifying"),
        *looked(tags=tag_list(**OWNER, Name="demo")),
        *looked(tags=tag_list(**OWNER, Name="demo")),
    )
    assert result["replication_group"]["tags"] == {**OWNER, "Name": "demo"}


def test_another_change_under_way_is_waited_for():
    busy = api_error("ModifyReplicationGroup", "InvalidReplicationGroupState", "must be in available state to modify")
    small = {"CacheNodeType": "cache.t4g.small"}
    result, _aws, _module = run(
        MODULE,
        OPTIONS,
        *looked(**small),
        versions(),
        *looked(**small),
        Step("ModifyReplicationGroup", busy),
        *looked(**{**small, "Status": "snapshotting"}),
        *looked(**{**small, "Status": "snapshotting"}),
        *looked(**small),
        *looked(**small),
        *looked(**small),
        modified(CacheNodeType="cache.t4g.micro"),
        *looked(),
        *looked(),
        *looked(),
    )
    assert result["changed"] is True


# ---- the token


def labelled(to):
    request = {"SecretId": "demo/redis", "VersionStage": "agent-platform-only"}
    request |= {"MoveToVersionId": CURRENT} if to else {"RemoveFromVersionId": CURRENT}
    return Step("UpdateSecretVersionStage", {}, request)


def sent(strategy):
    return modified(AuthToken=TOKEN, AuthTokenUpdateStrategy=strategy)


OWED = {"agent-platform-only": (CURRENT, 5)}
NEW = {"AuthTokenLastModifiedDate": at(6)}


@pytest.mark.parametrize("before", [{}, {"AuthTokenEnabled": False}])
def test_a_secret_that_is_younger_than_the_token_gives_a_new_one(before):
    """Beside the old one, then alone."""
    result, _aws, module = run(
        MODULE,
        OPTIONS,
        *looked(**before),
        versions(5),
        *looked(**before),
        versions(5),
        value(),
        versions(5),
        labelled(True),
        sent("ROTATE"),
        *looked(**{**before, "Status": "modifying"}),
        versions(5, **OWED),
        *looked(**NEW),
        *looked(**NEW),
        sent("SET"),
        *looked(**NEW),
        versions(5, **OWED),
        labelled(False),
        *looked(**NEW),
        versions(5),
        *looked(**NEW),
        *looked(**NEW),
    )
    assert result["changed"] is True
    assert TOKEN not in json.dumps(result, default=str)
    assert TOKEN in module.no_log_values


def test_a_run_that_was_killed_between_the_two_is_ended_by_the_next():
    """The label says so; ROTATE isn't repeated, which would shut out the token before."""
    result, aws, _module = run(
        MODULE,
        OPTIONS,
        *looked(**NEW),
        versions(5, **OWED),
        *looked(**NEW),
        versions(5, **OWED),
        value(),
        versions(5, **OWED),
        sent("SET"),
        *looked(**NEW),
        versions(5, **OWED),
        versions(5, **OWED),
        labelled(False),
        *looked(**NEW),
        versions(5),
        *looked(**NEW),
        *looked(**NEW),
    )
    assert result["changed"] is True
    assert aws.operations().count("ModifyReplicationGroup") == 1


def test_a_dry_run_tells_of_a_new_token():
    result, _aws, _module = run(MODULE, OPTIONS, *looked(), versions(5), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["auth_token_secret"].startswith("older than the secret's value")


def test_a_secret_that_does_not_exist_yet_is_no_change_in_a_dry_run():
    gone = Step("ListSecretVersionIds", api_error("ListSecretVersionIds", "ResourceNotFoundException", "no"))
    result, _aws, _module = run(MODULE, OPTIONS, *looked(), gone, check_mode=True)
    assert result["changed"] is False


# ---- refusals


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"num_nodes": 1}, "automatic_failover takes at least 2 nodes, num_nodes is 1"),
        ({"automatic_failover": False}, "multi_az takes automatic_failover"),
        ({"transit_encryption": False}, "an AUTH token takes transit_encryption: true"),
        ({"transit_encryption_mode": "preferred"}, "an AUTH token takes transit_encryption: true"),
    ],
)
def test_what_elasticache_would_refuse_is_refused_before(options, part):
    with pytest.raises(ResourceError, match=part):
        run(MODULE, {**OPTIONS, **options}, missing())


@pytest.mark.parametrize(
    ("options", "node", "group", "part"),
    [
        ({"engine_version": "8.1", "auto_minor_version_upgrade": False}, {}, {}, "runs 8.2.0, declared is 8.1"),
        ({"engine_version": "7.2"}, {}, {}, "never goes back to an older version"),
        ({"engine": "redis", "engine_version": "7.1"}, {}, {}, "ElastiCache makes no Redis OSS of it"),
        ({"kms_key_id": KEY.replace("1234abcd", "ffffffff")}, {}, {}, "can't be changed in place (kms_key_id"),
        ({"port": 6380}, {}, {}, "can't be changed in place (port: is 6379, declared 6380"),
        ({"subnet_group_name": "other"}, {}, {}, "can't be changed in place (subnet_group_name"),
        ({"at_rest_encryption": False, "kms_key_id": None}, {}, {}, "can't be changed in place (at_rest_encryption"),
        ({"network_type": "ipv6"}, {}, {}, "can't be changed in place (network_type"),
    ],
)
def test_what_cannot_become_of_it(options, node, group, part):
    with pytest.raises(ResourceError) as failure:
        run(MODULE, {**OPTIONS, **options}, *looked(node, **group), versions())
    assert part in str(failure.value)


def test_someone_elses_is_left_alone():
    with pytest.raises(ResourceError, match="exists but isn't ours"):
        run(MODULE, OPTIONS, *looked(tags=[]), versions())


def test_whose_it_is_is_waited_for_while_it_is_changed():
    """Its tags can't be read before."""
    busy = looked(Status="modifying")
    with pytest.raises(ResourceError, match="exists but isn't ours"):
        run(MODULE, OPTIONS, *busy, versions(), *busy, *looked(tags=[]))


# ---- delete


def test_delete_waits_until_it_is_gone():
    result, _aws, _module = run(
        MODULE,
        {**OPTIONS, "state": "absent", "final_snapshot_name": "last"},
        *looked()[:2],
        Step("DeleteReplicationGroup", {}, {**NAME, "FinalSnapshotIdentifier": "last"}),
        *looked(Status="deleting")[:2],
        missing(),
    )
    assert result["changed"] is True


def test_someone_elses_is_not_deleted():
    with pytest.raises(ResourceError, match="exists but isn't ours"):
        run(MODULE, {**OPTIONS, "state": "absent"}, *looked(tags=[])[:2])


def test_a_snapshot_of_that_name_is_told():
    exists = api_error("DeleteReplicationGroup", "SnapshotAlreadyExistsFault", "exists")
    with pytest.raises(ResourceError, match="Give final_snapshot_name another name"):
        run(
            MODULE,
            {**OPTIONS, "state": "absent", "final_snapshot_name": "last"},
            *looked()[:2],
            Step("DeleteReplicationGroup", exists),
        )
