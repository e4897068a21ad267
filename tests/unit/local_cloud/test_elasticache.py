# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ElastiCache: replication groups with their states, one change at a time, and the rules of the AUTH token."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TAG = {"Key": "Component", "Value": "redis"}
FIRST, SECOND = "First1" * 5, "Second2" * 5


@pytest.fixture
def cache(client: Callable[[str], Any]) -> Any:
    return client("elasticache")


@pytest.fixture
def name() -> str:
    return f"demo-{uuid.uuid4().hex[:8]}"


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def code_of(call: Callable[..., Any], **request: Any) -> str:
    return refusal(call, **request)[0]


def described(cache: Any, name: str) -> dict[str, Any]:
    (found,) = cache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"]
    return dict(found)


def node(cache: Any, name: str) -> dict[str, Any]:
    (found,) = cache.describe_cache_clusters(CacheClusterId=f"{name}-001")["CacheClusters"]
    return dict(found)


def available(cache: Any, name: str) -> dict[str, Any]:
    for _time in range(50):
        found = described(cache, name)
        if found["Status"] == "available":
            return found
        time.sleep(0.05)
    raise AssertionError("never available")


@pytest.fixture
def make(cache: Any, name: str, subnets: list[str]) -> Callable[..., dict[str, Any]]:
    """Makes a replication group, and waits for it."""
    cache.create_cache_subnet_group(CacheSubnetGroupName=name, CacheSubnetGroupDescription="test", SubnetIds=subnets)

    def make_it(**more: Any) -> dict[str, Any]:
        request = {
            "ReplicationGroupId": name,
            "ReplicationGroupDescription": "test",
            "Engine": "valkey",
            "EngineVersion": "8.1",
            "CacheNodeType": "cache.t4g.micro",
            "CacheParameterGroupName": "default.valkey8",
            "CacheSubnetGroupName": name,
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "MultiAZEnabled": True,
            "TransitEncryptionEnabled": True,
            "Tags": [TAG],
        }
        cache.create_replication_group(**{**request, **more})
        return available(cache, name)

    return make_it


def modify(cache: Any, name: str, **change: Any) -> dict[str, Any]:
    cache.modify_replication_group(ReplicationGroupId=name, ApplyImmediately=True, **change)
    return available(cache, name)


def test_what_it_was_made_with_comes_back(cache: Any, make: Callable[..., Any], name: str) -> None:
    found = make(KmsKeyId=KEY, AuthToken=FIRST, SecurityGroupIds=["sg-1"], NotificationTopicArn="arn:aws:sns:x:1:t")
    assert (found["KmsKeyId"], found["AuthTokenEnabled"], found["TransitEncryptionMode"]) == (KEY, True, "required")
    assert found["AuthTokenLastModifiedDate"] >= found["ReplicationGroupCreateTime"]
    assert found["NetworkType"] == found["IpDiscovery"] == "ipv4"
    assert found["MemberClusters"] == [f"{name}-001", f"{name}-002"]
    about = node(cache, name)
    assert about["EngineVersion"] == "8.1.0"
    assert about["NotificationConfiguration"]["TopicStatus"] == "active"
    assert [group["SecurityGroupId"] for group in about["SecurityGroups"]] == ["sg-1"]


def test_it_passes_through_states_in_which_little_can_be_had_of_it(
    cache: Any, make: Callable[..., Any], name: str
) -> None:
    arn = make()["ARN"]
    cache.modify_replication_group(ReplicationGroupId=name, CacheNodeType="cache.t4g.small", ApplyImmediately=True)
    assert described(cache, name)["Status"] == "modifying"
    busy = "InvalidReplicationGroupState"
    assert code_of(cache.modify_replication_group, ReplicationGroupId=name, SnapshotWindow="01:00-02:00") == busy
    assert code_of(cache.delete_replication_group, ReplicationGroupId=name) == busy
    assert refusal(cache.list_tags_for_resource, ResourceName=arn) == (
        busy,
        "Cluster not in available state to perform tagging operations.",
    )
    available(cache, name)
    assert cache.list_tags_for_resource(ResourceName=arn)["TagList"] == [TAG]
    cache.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "A", "Value": "1"}])
    assert described(cache, name)["Status"] == "modifying"


def test_what_the_group_tells_can_be_changed(cache: Any, make: Callable[..., Any], name: str) -> None:
    make()
    assert modify(cache, name, AutoMinorVersionUpgrade=False)["AutoMinorVersionUpgrade"] is False


def test_what_the_nodes_tell_can_be_changed(cache: Any, make: Callable[..., Any], name: str) -> None:
    make()
    modify(cache, name, PreferredMaintenanceWindow="sun:01:00-sun:02:00", SecurityGroupIds=["sg-2"])
    about = node(cache, name)
    assert about["PreferredMaintenanceWindow"] == "sun:01:00-sun:02:00"
    assert [group["SecurityGroupId"] for group in about["SecurityGroups"]] == ["sg-2"]


def test_the_engine_goes_forward_only(cache: Any, make: Callable[..., Any], name: str) -> None:
    make(Engine="redis", EngineVersion="7.1", CacheParameterGroupName="default.redis7")
    up = {"Engine": "valkey", "EngineVersion": "8.2"}
    assert code_of(cache.modify_replication_group, ReplicationGroupId=name, **up) == "InvalidParameterCombination"
    assert modify(cache, name, CacheParameterGroupName="default.valkey8", **up)["Engine"] == "valkey"
    assert node(cache, name)["EngineVersion"] == "8.2.0"
    for back in ({"EngineVersion": "8.1"}, {"Engine": "redis", "EngineVersion": "7.1"}):
        assert code_of(cache.modify_replication_group, ReplicationGroupId=name, **back) == "InvalidParameterCombination"


def test_nodes_come_and_go(cache: Any, make: Callable[..., Any], name: str) -> None:
    make()
    at = {"ReplicationGroupId": name, "ApplyImmediately": True}
    cache.increase_replica_count(**at, NewReplicaCount=2)
    assert len(available(cache, name)["MemberClusters"]) == 3
    assert code_of(cache.increase_replica_count, **at, NewReplicaCount=2) == "NoOperationFault"
    assert code_of(cache.decrease_replica_count, **at, NewReplicaCount=0) == "InvalidParameterValue"
    modify(cache, name, AutomaticFailoverEnabled=False, MultiAZEnabled=False)
    cache.decrease_replica_count(**at, NewReplicaCount=0)
    assert available(cache, name)["MemberClusters"] == [f"{name}-001"]
    assert (
        code_of(cache.modify_replication_group, ReplicationGroupId=name, AutomaticFailoverEnabled=True)
        == "InvalidParameterValue"
    )


def test_logs_go_where_there_is_a_group(client: Callable[[str], Any], make: Callable[..., Any], name: str) -> None:
    cache = client("elasticache")
    make()
    log = {
        "LogType": "slow-log",
        "DestinationType": "cloudwatch-logs",
        "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": f"/aws/elasticache/{name}"}},
        "LogFormat": "json",
    }
    request = {"ReplicationGroupId": name, "LogDeliveryConfigurations": [log]}
    assert code_of(cache.modify_replication_group, **request) == "InvalidParameterValue"
    client("logs").create_log_group(logGroupName=f"/aws/elasticache/{name}")
    (found,) = modify(cache, name, LogDeliveryConfigurations=[log])["LogDeliveryConfigurations"]
    assert found == {**log, "Status": "active"}
    off = [{"LogType": "slow-log", "Enabled": False}]
    assert modify(cache, name, LogDeliveryConfigurations=off)["LogDeliveryConfigurations"] == []


def test_the_token_by_its_rules(cache: Any, make: Callable[..., Any], name: str) -> None:
    """ROTATE keeps the two newest; SET comes after it, and with the newest one."""
    make(AuthToken=FIRST)
    set_first = {"ReplicationGroupId": name, "AuthToken": FIRST, "AuthTokenUpdateStrategy": "SET"}
    assert code_of(cache.modify_replication_group, **set_first) == "InvalidParameterValue"
    modify(cache, name, AuthToken=SECOND, AuthTokenUpdateStrategy="ROTATE")
    assert code_of(cache.modify_replication_group, **set_first) == "InvalidParameterValue"
    modify(cache, name, AuthToken=SECOND, AuthTokenUpdateStrategy="SET")
    bad = {"ReplicationGroupId": name, "AuthToken": "p@ssword" * 4}
    assert code_of(cache.modify_replication_group, **bad) == "InvalidParameterValue"
    loose = {"ReplicationGroupId": name, "TransitEncryptionMode": "preferred"}
    assert code_of(cache.modify_replication_group, **loose) == "InvalidParameterCombination"


def test_encryption_goes_on_by_way_of_preferred(cache: Any, make: Callable[..., Any], name: str) -> None:
    make(TransitEncryptionEnabled=False)
    assert (
        code_of(cache.modify_replication_group, ReplicationGroupId=name, TransitEncryptionEnabled=True)
        == "InvalidParameterCombination"
    )
    modify(cache, name, TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")
    assert modify(cache, name, TransitEncryptionMode="required")["TransitEncryptionMode"] == "required"


def test_deletion_takes_a_moment_and_may_leave_a_snapshot(cache: Any, make: Callable[..., Any], name: str) -> None:
    make()
    cache.delete_replication_group(ReplicationGroupId=name, FinalSnapshotIdentifier=f"{name}-last")
    assert described(cache, name)["Status"] == "deleting"
    time.sleep(0.5)
    assert code_of(cache.describe_replication_groups, ReplicationGroupId=name) == "ReplicationGroupNotFoundFault"
    assert cache.describe_snapshots(SnapshotName=f"{name}-last")["Snapshots"]


def test_parameters_of_ones_own(cache: Any, make: Callable[..., Any], name: str) -> None:
    group = {"CacheParameterGroupName": f"{name}-valkey8"}
    cache.create_cache_parameter_group(**group, CacheParameterGroupFamily="valkey8", Description="test")
    assert cache.describe_cache_parameters(**group, Source="user")["Parameters"] == []
    timeout = [{"ParameterName": "timeout", "ParameterValue": "60"}]
    cache.modify_cache_parameter_group(**group, ParameterNameValues=timeout)
    (found,) = cache.describe_cache_parameters(**group, Source="user")["Parameters"]
    assert (found["ParameterName"], found["ParameterValue"]) == ("timeout", "60")
    make(**group)
    assert code_of(cache.delete_cache_parameter_group, **group) == "InvalidCacheParameterGroupState"


def test_versions_have_families(cache: Any) -> None:
    found = cache.describe_cache_engine_versions(Engine="valkey")["CacheEngineVersions"]
    families = {item["EngineVersion"]: item["CacheParameterGroupFamily"] for item in found}
    assert (families["8.2"], families["9.1"]) == ("valkey8", "valkey9")
