# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache: its replication group, its groups of parameters and subnets, its logs and the secret of its token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.faults import Calls
from tests.support.playbook import PREFIX, Account

from .. import neighbours
from ..census import Lister, document, tags_of
from ..drift import Repair, together
from . import encryption, network

NAME = f"{PREFIX}-redis"
PARAMETERS = f"{NAME}-valkey8"
SECRET = f"{PREFIX}/redis"
LOG_GROUPS = [f"/aws/elasticache/{PREFIX}/redis/{log}" for log in ("engine-log", "slow-log")]
SECRETS = 1
SUMMARY = "valkey 8.2"
LEAST_TAGGED = 6

# What of the group and of its nodes is told of an account: all but times and what follows from the rest.
GROUP_MEMBERS = (
    "AtRestEncryptionEnabled",
    "AuthTokenEnabled",
    "AutoMinorVersionUpgrade",
    "AutomaticFailover",
    "CacheNodeType",
    "Description",
    "Engine",
    "IpDiscovery",
    "KmsKeyId",
    "LogDeliveryConfigurations",
    "MemberClusters",
    "MultiAZ",
    "NetworkType",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
    "Status",
    "TransitEncryptionEnabled",
    "TransitEncryptionMode",
)
NODE_MEMBERS = (
    "CacheParameterGroup",
    "CacheSubnetGroupName",
    "EngineVersion",
    "NotificationConfiguration",
    "PreferredMaintenanceWindow",
    "SecurityGroups",
)


# What an account holds


def _tagged(account: Account, items: list[dict]) -> list[dict]:
    cache = account.client("elasticache")
    return [{**item, "Tags": cache.list_tags_for_resource(ResourceName=item["ARN"])["TagList"]} for item in items]


def replication_groups(lister: Lister) -> list[dict]:
    """With what one of its nodes tells: Node."""
    cache = lister.account.client("elasticache")
    found = lister.account.pages("elasticache", "describe_replication_groups", "ReplicationGroups")
    return _tagged(
        lister.account,
        [
            {
                **item,
                # In no order.
                "LogDeliveryConfigurations": sorted(
                    item.get("LogDeliveryConfigurations", []), key=lambda log: log["LogType"]
                ),
                "Node": cache.describe_cache_clusters(CacheClusterId=item["MemberClusters"][0])["CacheClusters"][0],
            }
            for item in found
        ],
    )


def parameter_groups(lister: Lister) -> list[dict]:
    """Those that aren't AWS's own, with their own Parameters."""
    found = lister.account.pages("elasticache", "describe_cache_parameter_groups", "CacheParameterGroups")
    own = [item for item in found if not item["CacheParameterGroupName"].startswith("default.")]
    return _tagged(
        lister.account,
        [{**item, "Parameters": own_parameters(lister.account, item["CacheParameterGroupName"])} for item in own],
    )


def own_parameters(account: Account, name: str) -> dict[str, str]:
    found = account.pages(
        "elasticache", "describe_cache_parameters", "Parameters", CacheParameterGroupName=name, Source="user"
    )
    return {item["ParameterName"]: item["ParameterValue"] for item in found}


def subnet_groups(lister: Lister) -> list[dict]:
    return _tagged(
        lister.account, lister.account.pages("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups")
    )


def group(account: Account) -> dict:
    """The platform's replication group."""
    (found,) = account.client("elasticache").describe_replication_groups(ReplicationGroupId=NAME)["ReplicationGroups"]
    return found


def token(account: Account) -> str:
    return account.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]


def labels(account: Account) -> dict[str, str]:
    """The versions of the secret by their labels."""
    found = account.client("secretsmanager").list_secret_version_ids(SecretId=SECRET)["Versions"]
    return {label: version["VersionId"] for version in found for label in version["VersionStages"]}


def _wait(account: Account, name: str = NAME) -> None:
    cache = account.client("elasticache")
    for _time in range(60):
        (found,) = cache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"]
        if found["Status"] == "available":
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} is still {found['Status']}")


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    return {
        "replication groups": [
            [
                item["ReplicationGroupId"],
                {member: item.get(member) for member in GROUP_MEMBERS},
                {member: item["Node"].get(member) for member in NODE_MEMBERS if not _silent(item["Node"], member)},
                tags_of(item),
            ]
            for item in replication_groups(lister)
        ],
        "cache parameter groups": [
            [item["CacheParameterGroupName"], item["CacheParameterGroupFamily"], item["Parameters"], tags_of(item)]
            for item in parameter_groups(lister)
        ],
        "cache subnet groups": [
            [
                item["CacheSubnetGroupName"],
                item["CacheSubnetGroupDescription"],
                lister.sorted(subnet["SubnetIdentifier"] for subnet in item["Subnets"]),
                tags_of(item),
            ]
            for item in subnet_groups(lister)
        ],
    }


def _silent(node: dict, member: str) -> bool:
    """A topic that is told nothing is as good as none."""
    return member == "NotificationConfiguration" and node.get(member, {}).get("TopicStatus") != "active"


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"replication group {item['ReplicationGroupId']}", item) for item in replication_groups(lister))
    yield from ((f"cache parameter group {item['CacheParameterGroupName']}", item) for item in parameter_groups(lister))
    yield from ((f"cache subnet group {item['CacheSubnetGroupName']}", item) for item in subnet_groups(lister))


def _make(account: Account, prefix: str, subnet_ids: list[str], tags: list[dict], parameters: str) -> None:
    """A replication group of someone's, with all that it needs."""
    cache, name = account.client("elasticache"), f"{prefix}-redis"
    cache.create_cache_subnet_group(
        CacheSubnetGroupName=name, CacheSubnetGroupDescription="theirs", SubnetIds=subnet_ids, Tags=tags
    )
    cache.create_cache_parameter_group(
        CacheParameterGroupName=parameters, CacheParameterGroupFamily="valkey8", Description="theirs", Tags=tags
    )
    cache.create_replication_group(
        ReplicationGroupId=name,
        ReplicationGroupDescription="theirs",
        Engine="valkey",
        EngineVersion="8.1",
        CacheNodeType="cache.t4g.small",
        CacheSubnetGroupName=name,
        CacheParameterGroupName=parameters,
        Tags=tags,
    )
    _wait(account, name)


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    tag_list = neighbours.tag_list(tags)
    _make(account, prefix, network.subnets_of(account, prefix), tag_list, f"{prefix}-redis-valkey8")
    account.client("secretsmanager").create_secret(Name=f"{prefix}/redis", SecretString="theirs", Tags=tag_list)
    account.client("logs").create_log_group(logGroupName=f"/aws/elasticache/{prefix}/redis/slow-log", tags=tags)


def take_names(account: Account) -> list[str]:
    # Those of the default VPC.
    subnet_ids = [subnet["SubnetId"] for subnet in account.pages("ec2", "describe_subnets", "Subnets")]
    _make(account, PREFIX, subnet_ids[:2], [], PARAMETERS)
    account.client("secretsmanager").create_secret(Name=SECRET, SecretString="theirs")
    # One without any tags would be that which ElastiCache makes for this name.
    account.client("logs").create_log_group(logGroupName=LOG_GROUPS[0], tags=neighbours.OTHER)
    return [
        f"replication group {NAME}",
        f"cache subnet group {NAME}",
        f"cache parameter group {PARAMETERS}",
        f"secret {SECRET}",
        LOG_GROUPS[0],
    ]


def _modify(account: Account, **change: Any) -> None:
    _wait(account)
    account.client("elasticache").modify_replication_group(ReplicationGroupId=NAME, ApplyImmediately=True, **change)
    _wait(account)


def _lose_the_replica(account: Account) -> None:
    _modify(account, AutomaticFailoverEnabled=False, MultiAZEnabled=False)
    account.client("elasticache").decrease_replica_count(
        ReplicationGroupId=NAME, NewReplicaCount=0, ApplyImmediately=True
    )
    _wait(account)


def _add_a_replica(account: Account) -> None:
    _wait(account)
    account.client("elasticache").increase_replica_count(
        ReplicationGroupId=NAME, NewReplicaCount=2, ApplyImmediately=True
    )
    _wait(account)


def _delete_the_cache(account: Account) -> None:
    cache = account.client("elasticache")
    cache.delete_replication_group(ReplicationGroupId=NAME)
    for _time in range(60):
        if NAME not in [
            item["ReplicationGroupId"] for item in cache.describe_replication_groups()["ReplicationGroups"]
        ]:
            return
        time.sleep(0.1)


def _delete_the_secret(account: Account) -> None:
    """At once and for good; the cache goes on with its token. It has had that for a while."""
    time.sleep(1.1)
    account.client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def _change_the_parameters(account: Account) -> None:
    """One of ours, and one of the family's."""
    account.client("elasticache").modify_cache_parameter_group(
        CacheParameterGroupName=PARAMETERS,
        ParameterNameValues=[
            {"ParameterName": "timeout", "ParameterValue": "5"},
            {"ParameterName": "databases", "ParameterValue": "1"},
        ],
    )


CACHE = frozenset({"Make the cache"})
MODIFIED = Calls({("elasticache", "ModifyReplicationGroup"): 1})
REPAIRS = {
    **together(
        a_replica_too_many=Repair(_add_a_replica, Calls({("elasticache", "DecreaseReplicaCount"): 1}), CACHE, dry=True),
        other_parameters=Repair(
            _change_the_parameters,
            Calls({("elasticache", "ModifyCacheParameterGroup"): 1, ("elasticache", "ResetCacheParameterGroup"): 1}),
            frozenset({"Make the parameter group"}),
            dry=True,
        ),
    ),
    "another node type": Repair(
        lambda account: _modify(account, CacheNodeType="cache.t4g.small"), MODIFIED, CACHE, dry=True
    ),
    "a lost replica": Repair(
        _lose_the_replica,
        Calls({("elasticache", "IncreaseReplicaCount"): 1, ("elasticache", "ModifyReplicationGroup"): 1}),
        CACHE,
        dry=True,
    ),
    # The cache is let in with the new token beside the old one, then with it alone; a label tells how far that is.
    "a deleted secret": Repair(
        _delete_the_secret,
        Calls(
            {
                ("secretsmanager", "CreateSecret"): 1,
                ("elasticache", "ModifyReplicationGroup"): 2,
                ("secretsmanager", "UpdateSecretVersionStage"): 2,
            }
        ),
        frozenset({"Make the AUTH token, once", "Make the cache"}),
    ),
    # It is made with the token that there is.
    "a deleted cache": Repair(_delete_the_cache, Calls({("elasticache", "CreateReplicationGroup"): 1}), CACHE),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    cache, logs, secrets = (account.client(name) for name in ("elasticache", "logs", "secretsmanager"))
    lister = Lister(account)
    found = {
        **{item["CacheParameterGroupName"]: item["ARN"] for item in parameter_groups(lister)},
        f"subnets {NAME}": next(item["ARN"] for item in subnet_groups(lister) if item["CacheSubnetGroupName"] == NAME),
    }
    other_group = network.groups(lister)[f"{PREFIX}-nodes"]["GroupId"]
    topic = f"arn:aws:sns:us-west-2:{account.id}:theirs"
    changes: dict[str, dict[str, Any]] = {
        "description": {"ReplicationGroupDescription": "theirs"},
        "failover": {"AutomaticFailoverEnabled": False, "MultiAZEnabled": False},
        "security group": {"SecurityGroupIds": [other_group]},
        "snapshots": {"SnapshotRetentionLimit": 0},
        "snapshot window": {"SnapshotWindow": "10:00-11:00"},
        "maintenance window": {"PreferredMaintenanceWindow": "sun:12:00-sun:13:00"},
        "minor upgrades": {"AutoMinorVersionUpgrade": False},
        "topic": {"NotificationTopicArn": topic},
        "node type": {"CacheNodeType": "cache.t4g.medium"},
        "a log": {"LogDeliveryConfigurations": [{"LogType": "slow-log", "Enabled": False}]},
        "form of a log": {
            "LogDeliveryConfigurations": [
                {
                    "LogType": "engine-log",
                    "DestinationType": "cloudwatch-logs",
                    "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": LOG_GROUPS[0]}},
                    "LogFormat": "text",
                }
            ]
        },
    }

    def untag_the_group() -> None:
        _wait(account)
        cache.remove_tags_from_resource(ResourceName=group(account)["ARN"], TagKeys=["Name"])
        _wait(account)

    def open_the_logs() -> None:
        arn = f"arn:aws:logs:us-west-2:{account.id}:log-group:{LOG_GROUPS[1]}"
        (policy,) = logs.describe_resource_policies(resourceArn=arn, policyScope="RESOURCE")["resourcePolicies"]
        everybody = document(policy["policyDocument"])
        everybody["Statement"][0]["Principal"] = "*"
        logs.put_resource_policy(
            resourceArn=arn, policyDocument=json.dumps(everybody), expectedRevisionId=policy["revisionId"]
        )

    return {
        **{name: lambda change=change: _modify(account, **change) for name, change in changes.items()},
        "tag of the cache": untag_the_group,
        "tag of the parameter group": lambda: cache.remove_tags_from_resource(
            ResourceName=found[PARAMETERS], TagKeys=["Name"]
        ),
        "tag of the subnet group": lambda: cache.add_tags_to_resource(
            ResourceName=found[f"subnets {NAME}"], Tags=[{"Key": "Name", "Value": "theirs"}]
        ),
        "subnets": lambda: cache.modify_cache_subnet_group(
            CacheSubnetGroupName=NAME,
            CacheSubnetGroupDescription="theirs",
            SubnetIds=network.subnets_of(account, PREFIX)[:1],
        ),
        "parameters": lambda: _change_the_parameters(account),
        "log group": lambda: logs.delete_log_group(logGroupName=LOG_GROUPS[0]),
        "policy of a log group": open_the_logs,
        "retention of a log group": lambda: logs.put_retention_policy(logGroupName=LOG_GROUPS[1], retentionInDays=1),
        "description of the secret": lambda: secrets.update_secret(SecretId=SECRET, Description="theirs"),
    }


def lasting(account: Account) -> list[str]:
    return [str(group(account)["ReplicationGroupCreateTime"]), labels(account)["AWSCURRENT"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    assert all(facts.values())
    assert facts["replication_group_id"] == NAME
    assert facts["parameter_groups"] == [PARAMETERS]
    secret = lister.account.client("secretsmanager").describe_secret(SecretId=SECRET)
    assert facts["secret_arn"] == secret["ARN"]


class TestRedis:
    def test_group(self, lister):
        found = group(lister.account)
        key_arn = encryption.key(lister.account)["Arn"]
        expected = {
            "Status": "available",
            "Engine": "valkey",
            "AutomaticFailover": "enabled",
            "MultiAZ": "enabled",
            "TransitEncryptionEnabled": True,
            "TransitEncryptionMode": "required",
            "AtRestEncryptionEnabled": True,
            "AuthTokenEnabled": True,
            "KmsKeyId": key_arn,
            "SnapshotRetentionLimit": 1,
        }
        assert {member: found[member] for member in expected} == expected
        members = found["NodeGroups"][0]["NodeGroupMembers"]
        assert len({member["PreferredAvailabilityZone"] for member in members}) == 2

    def test_only_nodes_and_bastion_reach_it(self, lister):
        (node,) = [item["Node"] for item in replication_groups(lister) if item["ReplicationGroupId"] == NAME]
        assert [item["SecurityGroupId"] for item in node["SecurityGroups"]] == [
            network.groups(lister)[f"{PREFIX}-redis"]["GroupId"]
        ]

    def test_parameters_are_ours_alone(self, lister):
        assert own_parameters(lister.account, PARAMETERS) == {
            "maxmemory-policy": "volatile-lru",
            "slowlog-log-slower-than": "5000",
            "slowlog-max-len": "256",
            "timeout": "3600",
        }

    def test_logs_go_to_groups_that_only_the_delivery_may_write_to(self, lister):
        delivered = {
            log["LogType"]: log["DestinationDetails"]["CloudWatchLogsDetails"]["LogGroup"]
            for log in group(lister.account)["LogDeliveryConfigurations"]
        }
        assert delivered == {"engine-log": LOG_GROUPS[0], "slow-log": LOG_GROUPS[1]}
        for found in (item for item in lister.log_groups() if item["logGroupName"] in LOG_GROUPS):
            assert found["kmsKeyId"] == encryption.key(lister.account)["Arn"]
            assert found["retentionInDays"] == 365
            ((statement,),) = [document(policy)["Statement"] for policy in found["Policies"]]
            assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == [lister.account.id]
            assert f"log-group:{found['logGroupName']}:log-stream:*" in statement["Resource"]

    def test_the_token_is_only_in_secrets_manager(self, platform):
        value = token(platform.account)
        assert len(value) == 64
        assert value.isalnum()
        assert value not in platform.first_run.output + json.dumps(platform.first_run.records)

    def test_a_dry_rotation_changes_nothing(self, platform):
        before = labels(platform.account)
        run = platform.account.run("--check", playbook="playbooks/rotate_redis_token.yml", note="dry rotation")
        assert not run.assert_converged().calls.writes
        assert labels(platform.account) == before

    def test_a_rotation(self, platform):
        """Two tokens for a while, then the new one; and no value of either is told."""
        account, before, old = platform.account, labels(platform.account), token(platform.account)
        run = account.run("-vvvv", playbook="playbooks/rotate_redis_token.yml", note="rotation").assert_converged()
        new = token(account)
        assert run.calls.writes == Calls(
            {
                ("secretsmanager", "PutSecretValue"): 1,
                ("elasticache", "ModifyReplicationGroup"): 2,
                ("secretsmanager", "UpdateSecretVersionStage"): 2,
            }
        )
        assert (new != old, len(new)) == (True, 64)
        after = labels(account)
        assert after == {"AWSCURRENT": after["AWSCURRENT"], "AWSPREVIOUS": before["AWSCURRENT"]}
        told = run.output + json.dumps(run.records)
        assert old not in told
        assert new not in told
        again = account.run("--limit", "redis", note="after a rotation").assert_converged()
        assert again.total("changed") == 0, again.explain()
