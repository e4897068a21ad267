# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database: its cluster, instances, groups of parameters and subnets, and the topic for its events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, Account

from .. import neighbours
from ..census import Lister, document, name_of, tags_of
from ..drift import Repair
from . import encryption, network

CLUSTER = f"{PREFIX}-aurora"
INSTANCES = [f"{CLUSTER}-1", f"{CLUSTER}-2"]
SECRETS = 1
SUMMARY = CLUSTER
LEAST_TAGGED = 7
ROLE = f"{PREFIX}-aurora-monitoring"
LOG_GROUP = f"/aws/rds/cluster/{CLUSTER}/postgresql"
TOPIC = f"{PREFIX}-aurora-events"
PARAMETERS = f"{CLUSTER}-17"
# What can be changed of them by hand, as descriptions have it.
CLUSTER_PROPERTIES = (
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBClusterParameterGroup",
    "DatabaseInsightsMode",
    "DeletionProtection",
    "EnabledCloudwatchLogsExports",
    "EngineVersion",
    "HttpEndpointEnabled",
    "IAMDatabaseAuthenticationEnabled",
    "MonitoringInterval",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "ServerlessV2ScalingConfiguration",
    "StorageType",
)
INSTANCE_PROPERTIES = (
    "AutoMinorVersionUpgrade",
    "AvailabilityZone",
    "CACertificateIdentifier",
    "DBInstanceClass",
    "MonitoringInterval",
    "PreferredMaintenanceWindow",
    "PromotionTier",
    "PubliclyAccessible",
)

# What an account holds


def clusters(lister: Lister) -> list[dict]:
    return lister.account.pages("rds", "describe_db_clusters", "DBClusters")


def instances(lister: Lister) -> list[dict]:
    return lister.account.pages("rds", "describe_db_instances", "DBInstances")


def cluster(account: Account) -> dict:
    """The platform's cluster."""
    return account.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]


def instance(account: Account, name: str = INSTANCES[0]) -> dict:
    return account.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


# The default groups are RDS's own.
KINDS = {
    "subnet group": ("describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName", "DBSubnetGroupArn"),
    "cluster parameters": (
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
        "DBClusterParameterGroupArn",
    ),
    "instance parameters": (
        "describe_db_parameter_groups",
        "DBParameterGroups",
        "DBParameterGroupName",
        "DBParameterGroupArn",
    ),
    "subscription": (
        "describe_event_subscriptions",
        "EventSubscriptionsList",
        "CustSubscriptionId",
        "EventSubscriptionArn",
    ),
}


def listed(lister: Lister, kind: str) -> list[dict]:
    """What there is of a kind, with its Name and Tags."""
    operation, member, name, arn = KINDS[kind]
    rds = lister.account.client("rds")
    return [
        {**item, "Name": item[name], "Tags": rds.list_tags_for_resource(ResourceName=item[arn])["TagList"]}
        for item in lister.account.pages("rds", operation, member)
        if not item[name].startswith("default")
    ]


def topics(lister: Lister) -> list[dict]:
    sns = lister.account.client("sns")
    return [
        {
            "TopicArn": item["TopicArn"],
            "Attributes": sns.get_topic_attributes(TopicArn=item["TopicArn"])["Attributes"],
            "Tags": sns.list_tags_for_resource(ResourceArn=item["TopicArn"])["Tags"],
        }
        for item in lister.account.pages("sns", "list_topics", "Topics")
        if item["TopicArn"].endswith("-aurora-events")
    ]


def parameters(account: Account, kind: str = "cluster") -> dict[str, str]:
    """What is set of the cluster's parameters, or of the instances'."""
    rds = account.client("rds")
    if kind == "cluster":
        found = rds.describe_db_cluster_parameters(DBClusterParameterGroupName=PARAMETERS, Source="user")
    else:
        found = rds.describe_db_parameters(DBParameterGroupName=PARAMETERS, Source="user")
    return {item["ParameterName"]: item["ParameterValue"] for item in found["Parameters"]}


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    for item in clusters(lister):
        # RDS gives each password a name of its own.
        if secret := item.get("MasterUserSecret"):
            name = secret["SecretArn"].rpartition(":")[2][: -len("-AbCdEf")]
            lister.named("password", name, item["DBClusterIdentifier"])
        lister.named("database", item["DbClusterResourceId"], item["DBClusterIdentifier"])
    found = {
        "database clusters": [
            [item["DBClusterIdentifier"], item["Status"], _of(item, CLUSTER_PROPERTIES), _groups(item)]
            for item in clusters(lister)
        ],
        "database instances": [
            [item["DBInstanceIdentifier"], item["DBInstanceStatus"], _of(item, INSTANCE_PROPERTIES)]
            for item in instances(lister)
        ],
        "topics of databases": [
            [item["TopicArn"], item["Attributes"].get("KmsMasterKeyId"), document(item["Attributes"]["Policy"])]
            for item in topics(lister)
        ],
        "database snapshots": lister.account.pages("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots"),
    }
    found["tags of databases"] = [
        [kind, name_of(item), tags_of(item)]
        for kind, item in tagged(lister)
        if not neighbours.is_neighbour(tags_of(item))
    ]
    for kind in KINDS:
        found[f"databases: {kind}"] = [[item["Name"], _of(item, PROPERTIES[kind])] for item in listed(lister, kind)]
    if any(item["Name"] == PARAMETERS for item in listed(lister, "cluster parameters")):
        found["parameters"] = [parameters(lister.account, kind) for kind in ("cluster", "instance")]
    return found


PROPERTIES = {
    "subnet group": ("DBSubnetGroupDescription",),
    "cluster parameters": ("DBParameterGroupFamily", "Description"),
    "instance parameters": ("DBParameterGroupFamily", "Description"),
    "subscription": ("SourceType", "SourceIdsList", "EventCategoriesList", "Enabled", "Status"),
}


def _of(item: dict, properties: tuple[str, ...]) -> dict:
    return {name: item[name] for name in properties if item.get(name) not in (None, [], {})}


def _groups(item: dict) -> list[str]:
    return sorted(group["VpcSecurityGroupId"] for group in item["VpcSecurityGroups"])


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    for item in clusters(lister):
        yield "database cluster", {**item, "Tags": item["TagList"]}
    for item in instances(lister):
        yield "database instance", {**item, "Tags": item["TagList"]}
    for kind in KINDS:
        yield from ((kind, item) for item in listed(lister, kind))
    yield from (("topic", item) for item in topics(lister))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    rds, listed_tags = account.client("rds"), neighbours.tag_list(tags)
    name = f"{prefix}-aurora"
    rds.create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription="Of a neighbour",
        SubnetIds=network.subnets_of(account, prefix),
        Tags=listed_tags,
    )
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        EngineVersion="16.8",
        MasterUsername="neighbour",
        ManageMasterUserPassword=True,
        DBSubnetGroupName=name,
        Tags=listed_tags,
    )
    _until(lambda: _status(rds, name) == "available")
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-1",
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        DBInstanceClass="db.t3.medium",
        Tags=listed_tags,
    )
    topic = account.client("sns").create_topic(Name=f"{name}-events", Tags=listed_tags)["TopicArn"]
    rds.create_event_subscription(SubscriptionName=name, SnsTopicArn=topic, SourceType="db-cluster", Tags=listed_tags)
    _until(lambda: instance(account, f"{name}-1")["DBInstanceStatus"] == "available")
    found = {"SubscriptionName": name}
    _until(lambda: rds.describe_event_subscriptions(**found)["EventSubscriptionsList"][0]["Status"] == "active")


def _status(rds: Any, name: str) -> str:
    return rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"]


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline, "nothing has come of it"
        time.sleep(0.1)


def take_names(account: Account) -> list[str]:
    rds, tags = account.client("rds"), neighbours.tag_list(neighbours.OTHER)
    neighbours.make_role(account, ROLE, neighbours.OTHER)
    account.client("logs").create_log_group(logGroupName=LOG_GROUP, tags=neighbours.OTHER)
    # Subnets of the default VPC.
    subnet_ids = [subnet["SubnetId"] for subnet in account.pages("ec2", "describe_subnets", "Subnets")]
    rds.create_db_subnet_group(
        DBSubnetGroupName=CLUSTER, DBSubnetGroupDescription="Another one", SubnetIds=subnet_ids[:2], Tags=tags
    )
    rds.create_db_cluster(
        DBClusterIdentifier=CLUSTER,
        Engine="aurora-postgresql",
        MasterUsername="somebody",
        ManageMasterUserPassword=True,
        Tags=tags,
    )
    _until(lambda: _status(rds, CLUSTER) == "available")
    parameters = f"{CLUSTER}-17"
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=parameters,
        DBParameterGroupFamily="aurora-postgresql17",
        Description="Another one",
        Tags=tags,
    )
    rds.create_db_parameter_group(
        DBParameterGroupName=parameters,
        DBParameterGroupFamily="aurora-postgresql17",
        Description="Another one",
        Tags=tags,
    )
    account.client("sns").create_topic(Name=f"{CLUSTER}-events", Tags=tags)
    return [
        ROLE,
        LOG_GROUP,
        f"RDS subnet group {CLUSTER}",
        f"RDS cluster {CLUSTER}",
        f"RDS parameter group {parameters} (of the cluster)",
        f"RDS parameter group {parameters} (of the instance)",
        f"SNS topic {CLUSTER}-events",
    ]


class _Hand:
    """Somebody who changes things in the console, and waits until each is done."""

    def __init__(self, account: Account):
        self.account = account
        self.rds = account.client("rds")

    def ready(self) -> None:
        _until(lambda: cluster(self.account)["Status"] == "available")
        _until(lambda: all(item["DBInstanceStatus"] == "available" for item in instances(Lister(self.account))))

    def cluster(self, **change: Any) -> Callable[[], None]:
        def act() -> None:
            self.rds.modify_db_cluster(DBClusterIdentifier=CLUSTER, ApplyImmediately=True, **change)
            self.ready()

        return act

    def instance(self, **change: Any) -> Callable[[], None]:
        def act() -> None:
            self.rds.modify_db_instance(DBInstanceIdentifier=INSTANCES[1], ApplyImmediately=True, **change)
            self.ready()

        return act

    def untag(self, arn: str) -> Callable[[], Any]:
        return lambda: self.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["Project"])


def _members(account: Account) -> dict[bool, str]:
    """The names of the writer (True) and of a reader."""
    return {item["IsClusterWriter"]: item["DBInstanceIdentifier"] for item in cluster(account)["DBClusterMembers"]}


def _delete_a_reader(account: Account) -> None:
    account.client("rds").delete_db_instance(DBInstanceIdentifier=_members(account)[False])
    _until(lambda: len(cluster(account)["DBClusterMembers"]) == 1)


def _shorten_backups(account: Account) -> None:
    hand = _Hand(account)
    hand.cluster(BackupRetentionPeriod=1)()


def _set_a_parameter(account: Account) -> None:
    account.client("rds").modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=PARAMETERS,
        Parameters=[{"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}],
    )


REPAIRS = {
    "a deleted reader": Repair(
        _delete_a_reader, Calls({("rds", "CreateDBInstance"): 1}), frozenset({"Make the instances"}), dry=True
    ),
    "shorter backups": Repair(
        _shorten_backups, Calls({("rds", "ModifyDBCluster"): 1}), frozenset({"Make the cluster"}), dry=True
    ),
    "connections without TLS": Repair(
        _set_a_parameter,
        Calls({("rds", "ModifyDBClusterParameterGroup"): 1}),
        frozenset({"Make the parameter group of the cluster"}),
        dry=True,
    ),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    rds, sns, iam, logs = (account.client(service) for service in ("rds", "sns", "iam", "logs"))
    hand, ours = _Hand(account), cluster(account)
    (topic,) = [item["TopicArn"] for item in topics(Lister(account)) if item["TopicArn"].endswith(f":{TOPIC}")]
    attribute = {"TopicArn": topic, "AttributeName": "KmsMasterKeyId", "AttributeValue": "alias/aws/sns"}
    group = next(item for item in listed(Lister(account), "subnet group") if item["Name"] == CLUSTER)
    return {
        "backups": hand.cluster(BackupRetentionPeriod=1, PreferredBackupWindow="01:00-02:00"),
        "maintenance": hand.cluster(PreferredMaintenanceWindow="sun:05:00-sun:06:00", CopyTagsToSnapshot=False),
        "protection": hand.cluster(DeletionProtection=True),
        "logins with IAM": hand.cluster(EnableIAMDatabaseAuthentication=False),
        "log export": hand.cluster(CloudwatchLogsExportConfiguration={"DisableLogTypes": ["postgresql"]}),
        "insights": hand.cluster(PerformanceInsightsRetentionPeriod=31, EnablePerformanceInsights=True),
        "monitoring": hand.cluster(MonitoringInterval=0),
        "storage": hand.cluster(StorageType="aurora-iopt1"),
        "Data API": lambda: rds.enable_http_endpoint(ResourceArn=ours["DBClusterArn"]),
        "another class": hand.instance(DBInstanceClass="db.t3.large"),
        "a public instance": hand.instance(PubliclyAccessible=True, PromotionTier=15),
        "an old certificate": hand.instance(CACertificateIdentifier="rds-ca-rsa4096-g1"),
        "upgrades of an instance": hand.instance(AutoMinorVersionUpgrade=False),
        "a parameter": lambda: _set_a_parameter(account),
        "somebody's parameter": lambda: rds.modify_db_parameter_group(
            DBParameterGroupName=PARAMETERS,
            Parameters=[{"ParameterName": "log_duration", "ParameterValue": "1", "ApplyMethod": "immediate"}],
        ),
        "a reader": lambda: _delete_a_reader(account),
        "events": lambda: rds.modify_event_subscription(
            SubscriptionName=CLUSTER, SourceType="db-cluster", EventCategories=["failure"], Enabled=False
        ),
        "key of the topic": lambda: sns.set_topic_attributes(**attribute),
        "policy of the topic": lambda: sns.set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": []})
        ),
        "monitoring role": lambda: iam.detach_role_policy(
            RoleName=ROLE, PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
        ),
        "log group": lambda: logs.delete_log_group(logGroupName=LOG_GROUP),
        # That of the writer, which nobody deletes here.
        "a lost tag of an instance": hand.untag(instance(account, _members(account)[True])["DBInstanceArn"]),
        "a lost tag of the subnet group": lambda: rds.add_tags_to_resource(
            ResourceName=group["DBSubnetGroupArn"], Tags=[{"Key": "Somebodys", "Value": "tag"}]
        ),
    }


def lasting(account: Account) -> list[str]:
    return [cluster(account)["DbClusterResourceId"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    ours = cluster(lister.account)
    assert facts["cluster_resource_id"] == ours["DbClusterResourceId"]
    assert facts["master_secret_arn"] == ours["MasterUserSecret"]["SecretArn"]
    assert list(facts["instances"]) == INSTANCES
    assert facts["topic_arn"].endswith(f":{TOPIC}")


class TestAurora:
    def test_cluster(self, lister):
        ours, key_arn = cluster(lister.account), encryption.key(lister.account)["Arn"]
        assert (ours["Status"], ours["EngineVersion"], ours["Port"]) == ("available", "17.10", 5432)
        assert (ours["StorageEncrypted"], ours["KmsKeyId"]) == (True, key_arn)
        assert ours["MasterUserSecret"]["KmsKeyId"] == key_arn
        assert ours["IAMDatabaseAuthenticationEnabled"]
        assert ours["CopyTagsToSnapshot"]
        assert not ours["HttpEndpointEnabled"]
        assert ours["EnabledCloudwatchLogsExports"] == ["postgresql"]
        assert (ours["BackupRetentionPeriod"], ours["PreferredBackupWindow"]) == (7, "03:00-04:00")
        assert (ours["DatabaseInsightsMode"], ours["PerformanceInsightsKMSKeyId"]) == ("standard", key_arn)
        assert _groups(ours) == [network.groups(lister)[f"{PREFIX}-aurora"]["GroupId"]]
        (group,) = [group for group in lister.log_groups() if group["logGroupName"] == LOG_GROUP]
        assert (group["retentionInDays"], group["kmsKeyId"]) == (90, key_arn)

    def test_instances(self, lister):
        ours = [item for item in instances(lister) if item["DBInstanceIdentifier"].startswith(f"{CLUSTER}-")]
        assert sorted(item["DBInstanceIdentifier"] for item in ours) == INSTANCES
        assert len({item["AvailabilityZone"] for item in ours}) == 2
        for item in ours:
            assert item["DBInstanceClass"] == "db.t4g.medium"
            assert not item["PubliclyAccessible"]
            assert item["MonitoringInterval"] == 60
            assert item["DBParameterGroups"][0]["DBParameterGroupName"] == PARAMETERS
        writers = [member for member in cluster(lister.account)["DBClusterMembers"] if member["IsClusterWriter"]]
        assert len(writers) == 1

    def test_parameters(self, lister):
        # The engine's own value of shared_preload_libraries is the declared one.
        assert parameters(lister.account) == {
            "rds.force_ssl": "1",
            "log_statement": "ddl",
            "log_min_duration_statement": "1000",
        }
        (group,) = [item for item in listed(lister, "cluster parameters") if item["Name"] == PARAMETERS]
        assert group["DBParameterGroupFamily"] == "aurora-postgresql17"

    def test_subnets(self, lister):
        (group,) = [item for item in listed(lister, "subnet group") if item["Name"] == CLUSTER]
        assert {subnet["SubnetIdentifier"] for subnet in group["Subnets"]} == {
            subnet["SubnetId"] for subnet in network.of_tier(lister, "private")
        }

    def test_events(self, lister):
        (topic,) = [item for item in topics(lister) if item["TopicArn"].endswith(f":{TOPIC}")]
        assert topic["Attributes"]["KmsMasterKeyId"] == encryption.key(lister.account)["Arn"]
        (statement,) = document(topic["Attributes"]["Policy"])["Statement"]
        assert statement["Principal"] == {"Service": "events.rds.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": lister.account.id}
        (subscription,) = [item for item in listed(lister, "subscription") if item["Name"] == CLUSTER]
        assert subscription["SourceIdsList"] == [CLUSTER]
        assert {"failover", "failure", "maintenance"} <= set(subscription["EventCategoriesList"])

    def test_monitoring_role(self, lister):
        (role,) = [role for role in lister.roles() if role["RoleName"] == ROLE]
        (statement,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": lister.account.id}
        assert all(arn.startswith("arn:aws:rds:") for arn in statement["Condition"]["ArnLike"]["aws:SourceArn"])
        assert OWNER.items() <= {tag["Key"]: tag["Value"] for tag in role["Tags"]}.items()
