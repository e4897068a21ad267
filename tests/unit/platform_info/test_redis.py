# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache, the groups that it uses, and the secret of its token."""

from __future__ import annotations

import datetime

import pytest

from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, PREFIX, REGION, log_groups, look, owned, tag_list, taken

CACHE = f"arn:aws:elasticache:{REGION}:{ACCOUNT}"
NAME = f"{PREFIX}-redis"
CHANGED = datetime.datetime(2026, 11, 29, 4, tzinfo=datetime.UTC)
GROUP = {
    "ReplicationGroupId": NAME,
    "ARN": f"{CACHE}:replicationgroup:{NAME}",
    "Status": "available",
    "MemberClusters": [f"{NAME}-001", f"{NAME}-002"],
    "NodeGroups": [
        {
            "NodeGroupId": "0001",
            "PrimaryEndpoint": {"Address": "master.demo", "Port": 6379},
            "ReaderEndpoint": {"Address": "replica.demo", "Port": 6379},
        }
    ],
    "Engine": "valkey",
    "CacheNodeType": "cache.t4g.micro",
    "MultiAZ": "enabled",
    "AuthTokenEnabled": True,
    "AuthTokenLastModifiedDate": CHANGED,
    "TransitEncryptionMode": "required",
    "KmsKeyId": "key",
}
SUBNETS = {"CacheSubnetGroupName": NAME, "ARN": f"{CACHE}:subnetgroup:{NAME}"}
SECRET = {"Name": f"{PREFIX}/redis", "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{PREFIX}/redis-AbCdEf"}


def parameters(name):
    return {"CacheParameterGroupName": name, "ARN": f"{CACHE}:parametergroup:{name}"}


def versions(request):
    families = {"valkey": {"8.2": "valkey8"}, "redis": {"7.1": "redis7"}}[request["Engine"]]
    return {
        "CacheEngineVersions": [
            {"Engine": request["Engine"], "EngineVersion": version, "CacheParameterGroupFamily": family}
            for version, family in families.items()
        ]
    }


def tagged(**others):
    """The tags of all of ElastiCache's things: ours, but for those of these kinds."""

    def answer(request):
        kind = request["ResourceName"].split(":")[5]
        return {"TagList": others.get(kind, owned("redis"))}

    return answer


MISSING = {
    "DescribeReplicationGroups": "ReplicationGroupNotFoundFault",
    "DescribeCacheSubnetGroups": "CacheSubnetGroupNotFoundFault",
    "DescribeSecret": "ResourceNotFoundException",
}
ANSWERS = {
    "DescribeReplicationGroups": {"ReplicationGroups": [GROUP]},
    "DescribeCacheClusters": {"CacheClusters": [{"CacheClusterId": f"{NAME}-001", "EngineVersion": "8.2.0"}]},
    "DescribeCacheSubnetGroups": {"CacheSubnetGroups": [SUBNETS]},
    "DescribeCacheParameterGroups": {
        "CacheParameterGroups": [parameters("default.valkey8"), parameters(f"{NAME}-valkey8")]
    },
    "DescribeCacheEngineVersions": versions,
    "elasticache.ListTagsForResource": tagged(),
    "DescribeSecret": {**SECRET, "Tags": owned("redis")},
}


def facts(**answers):
    found, _aws = look({**ANSWERS, **answers}, "redis")
    return found.components["redis"], found


def test_facts():
    told, found = facts()
    assert told == {
        "exists": True,
        "replication_group_id": NAME,
        "replication_group_arn": GROUP["ARN"],
        "status": "available",
        "primary_endpoint": "master.demo",
        "reader_endpoint": "replica.demo",
        "port": 6379,
        "engine": "valkey",
        "engine_version": "8.2.0",
        "node_type": "cache.t4g.micro",
        "nodes": [f"{NAME}-001", f"{NAME}-002"],
        "multi_az": True,
        "transit_encryption_mode": "required",
        "kms_key_id": "key",
        "token_changed_at": "2026-11-29T04:00:00+00:00",
        "secret_name": SECRET["Name"],
        "secret_arn": SECRET["ARN"],
        "subnet_group": NAME,
        "parameter_groups": [f"{NAME}-valkey8"],
    }
    assert (found.conflicts, found.warnings) == ([], [])


def test_offers():
    found, _aws = look(ANSWERS, "redis", offers=True)
    assert found.offers["redis"] == {"versions": {"valkey": {"8.2": "valkey8"}, "redis": {"7.1": "redis7"}}}


def test_one_that_is_being_made_has_no_endpoints_yet():
    group = {key: value for key, value in GROUP.items() if key != "NodeGroups"}
    told, _found = facts(DescribeReplicationGroups={"ReplicationGroups": [{**group, "Status": "creating"}]})
    assert (told["exists"], told["status"], told["primary_endpoint"], told["engine_version"]) == (
        True,
        "creating",
        None,
        None,
    )


def test_while_it_is_changed_its_name_counts():
    """ElastiCache tells no tags then; nothing else is kept from being read."""
    busy = api_error("ListTagsForResource", "InvalidReplicationGroupState", "Cluster not in available state")
    told, found = facts(**{"elasticache.ListTagsForResource": busy})
    assert told["exists"]
    assert told["subnet_group"] == NAME
    assert found.conflicts == []


def test_a_secret_on_its_way_out_does_not_exist():
    told, found = facts(DescribeSecret={**SECRET, "Tags": owned("redis"), "DeletedDate": CHANGED})
    assert told["secret_name"] is told["secret_arn"] is None
    assert found.conflicts == []


def test_the_group_of_an_engine_before_is_found():
    groups = [parameters(f"{NAME}-{family}") for family in ("valkey8", "redis7")]
    told, _found = facts(DescribeCacheParameterGroups={"CacheParameterGroups": groups})
    assert told["parameter_groups"] == [f"{NAME}-redis7", f"{NAME}-valkey8"]


@pytest.mark.parametrize(
    ("answers", "resource"),
    [
        (
            {"elasticache.ListTagsForResource": tagged(replicationgroup=tag_list(Project="other"))},
            f"replication group {NAME}",
        ),
        (
            {"elasticache.ListTagsForResource": tagged(subnetgroup=[])},
            f"cache subnet group {NAME}",
        ),
        (
            {"elasticache.ListTagsForResource": tagged(parametergroup=tag_list(Project="other"))},
            f"cache parameter group {NAME}-valkey8",
        ),
        ({"DescribeSecret": {**SECRET, "Tags": []}}, f"secret {PREFIX}/redis"),
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken({**ANSWERS, **answers}, "redis") == [resource]


def test_a_log_group_that_someone_else_has():
    others = {"DescribeLogGroups": log_groups, "logs.ListTagsForResource": {"tags": {"Project": "other"}}}
    assert taken(others, "redis") == [
        f"log group /aws/elasticache/{PREFIX}/redis/{log}" for log in ("slow-log", "engine-log")
    ]


def test_log_groups_that_aws_has_made_again_are_no_ones():
    found, _aws = look({"DescribeLogGroups": log_groups, "logs.ListTagsForResource": {"tags": {}}}, "redis")
    assert found.conflicts == []
