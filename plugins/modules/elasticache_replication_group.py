#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: elasticache_replication_group
version_added: 0.1.0
short_description: Manage an ElastiCache replication group
description:
  - Creates, changes and deletes a replication group of Valkey or Redis OSS with one primary and replicas (cluster mode
    disabled), its encryption, AUTH token, logs, snapshots, windows and tags.
  - Changes are made at once, one after the other, as ElastiCache demands it, and each is waited for.
options:
  name:
    description:
      - Identifier of the group, 1 to 40 letters, digits and hyphens, a letter first, without two hyphens in a row or
        one at the end. ElastiCache stores it in lower case.
    type: str
    required: true
  description:
    description:
      - What the group is for. Needed to create it.
    type: str
  engine:
    description:
      - The engine. A group of Redis OSS becomes one of Valkey in place, together with O(engine_version) and
        O(parameter_group_name). There is no way back.
    type: str
    choices: [valkey, redis]
  engine_version:
    description:
      - Version of the engine, such as V("8.2"), in quotes. ElastiCache never goes back to an older one.
      - A newer minor version, to which ElastiCache has upgraded the group by itself, is left unless
        O(auto_minor_version_upgrade=false).
    type: str
  node_type:
    description:
      - Type of the nodes, such as V(cache.t4g.micro). It is changed while the group is in use. Needed to create it.
    type: str
  num_nodes:
    description:
      - Number of nodes, from 1 to 6, the primary among them. ElastiCache chooses their zones.
    type: int
  automatic_failover:
    description:
      - Whether a replica takes over when the primary fails. It takes at least two nodes.
    type: bool
  multi_az:
    description:
      - Whether the nodes are in several Availability Zones. It takes O(automatic_failover).
    type: bool
  parameter_group_name:
    description:
      - Name of the parameter group, which must be of the engine's family.
    type: str
  subnet_group_name:
    description:
      - Name of the subnet group. It can't be changed.
    type: str
  security_group_ids:
    description:
      - The security groups of the nodes.
    type: list
    elements: str
  port:
    description:
      - Port of the nodes. It can't be changed.
    type: int
  transit_encryption:
    description:
      - Whether connections may be encrypted (TLS).
      - It is turned on in a group that exists with O(transit_encryption_mode=preferred) first.
    type: bool
  transit_encryption_mode:
    description:
      - Whether connections must be encrypted. V(preferred) lets both in, so that clients can change over. With an AUTH
        token only V(required) can be had.
    type: str
    choices: [preferred, required]
  at_rest_encryption:
    description:
      - Whether what is on disk is encrypted, backups included. It can't be changed.
    type: bool
  kms_key_id:
    description:
      - ARN of the KMS key for that. It can't be changed.
    type: str
  auth_token_secret:
    description:
      - Name or ARN of the secret in Secrets Manager whose present value is the AUTH token, 16 to 128 letters, digits
        and C(!&#$^<>-).
      - ElastiCache tells no token, so nothing is compared. The group gets the secret's value when it is created, when
        it has no token, and when the value is younger than the group's token, such as that of a secret that was deleted
        and made again. The module reads the value only then. Clients go on with the old one until all is done.
      - Use M(agent_platform.aws.elasticache_token_rotation) to replace a token that works.
    type: str
  log_delivery_configurations:
    description:
      - Where the slow log and the engine's log go. A log that isn't listed isn't delivered.
      - One that ElastiCache can't deliver (state C(error)) is configured anew.
    type: list
    elements: dict
    suboptions:
      log_type:
        description:
          - Which log it is.
        type: str
        required: true
        choices: [slow-log, engine-log]
      destination_type:
        description:
          - The service that it goes to.
        type: str
        default: cloudwatch-logs
        choices: [cloudwatch-logs, kinesis-firehose]
      destination_details:
        description:
          - Where it goes there.
        type: dict
        required: true
        suboptions:
          cloud_watch_logs_details:
            description:
              - The log group.
            type: dict
            suboptions:
              log_group:
                description:
                  - Name of the log group. It must let C(delivery.logs.amazonaws.com) write.
                type: str
                required: true
          kinesis_firehose_details:
            description:
              - The stream.
            type: dict
            suboptions:
              delivery_stream:
                description:
                  - Name of the Firehose stream.
                type: str
                required: true
      log_format:
        description:
          - Form of the events.
        type: str
        default: json
        choices: [text, json]
  snapshot_retention:
    description:
      - Days that automatic snapshots are kept, up to 35. V(0) makes none.
    type: int
  snapshot_window:
    description:
      - Daily time in UTC when a snapshot is taken, as V(02:00-03:00).
    type: str
  maintenance_window:
    description:
      - Weekly time in UTC for maintenance, as V(mon:03:00-mon:04:00).
    type: str
  auto_minor_version_upgrade:
    description:
      - Whether ElastiCache upgrades minor versions by itself.
    type: bool
  notification_topic_arn:
    description:
      - ARN of the SNS topic that is told of events. An empty text turns that off.
    type: str
  network_type:
    description:
      - Kind of addresses of the nodes. It can't be changed.
    type: str
    choices: [ipv4, ipv6, dual_stack]
  ip_discovery:
    description:
      - Kind of addresses that clients are told.
    type: str
    choices: [ipv4, ipv6]
  final_snapshot_name:
    description:
      - Name of the snapshot that is taken when the group is deleted. None is taken if it isn't set.
    type: str
notes:
  - O(wait_timeout) is 1800 seconds by default and counts for each change.
  - Without O(wait) the module still waits between the changes of one call.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
seealso:
  - module: agent_platform.aws.elasticache_parameter_group
  - module: agent_platform.aws.elasticache_subnet_group
  - module: agent_platform.aws.elasticache_token_rotation
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a replication group over two zones
  agent_platform.aws.elasticache_replication_group:
    name: demo-redis
    description: Cache of demo
    engine: valkey
    engine_version: "8.2"
    node_type: cache.t4g.micro
    num_nodes: 2
    automatic_failover: true
    multi_az: true
    parameter_group_name: demo-redis-valkey8
    subnet_group_name: demo-redis
    security_group_ids: [sg-0a1b2c3d4e5f60001]
    transit_encryption: true
    transit_encryption_mode: required
    at_rest_encryption: true
    kms_key_id: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    auth_token_secret: demo/redis
    log_delivery_configurations:
      - log_type: slow-log
        destination_details:
          cloud_watch_logs_details:
            log_group: /aws/elasticache/demo/redis/slow-log
    tags:
      Project: demo

- name: Remove it, with a last snapshot
  agent_platform.aws.elasticache_replication_group:
    name: demo-redis
    state: absent
    final_snapshot_name: demo-redis-final
"""

RETURN = r"""
replication_group:
  description: The group as ElastiCache describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the group.
      type: str
      sample: arn:aws:elasticache:us-west-2:123456789012:replicationgroup:demo-redis
    cache_clusters:
      description: One of its nodes, with what all of them have in common, such as the engine_version.
      type: dict
    member_clusters:
      description: Identifiers of the nodes.
      type: list
      elements: str
    node_groups:
      description: The endpoints, as primary_endpoint and reader_endpoint, and the nodes with their roles and zones.
      type: list
      elements: dict
    replication_group_id:
      description: Identifier of the group.
      type: str
    status:
      description: State of the group.
      type: str
      sample: available
    tags:
      description: Tags of the group.
      type: dict
"""

from ..module_utils.declarations import Addition, Change, Create, Delete, Setting, Update
from ..module_utils.elasticache import (
    AVAILABLE,
    BUSY,
    GROUP_MISSING,
    OWED,
    CacheGroup,
    CacheResource,
    TokenSecret,
    tags_addition,
    token_is_older,
)
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.secret_rotation import CURRENT, PENDING
from ..module_utils.values import get_path, placeholder, same_key, without_unset

ON = ("enabled", "enabling")
# What stands in a description for the token.
TOKEN = "Token"
OTHER_TOKEN = "older than the secret's value (not shown)"
SAME_TOKEN = "the secret's value (not shown)"


def switch(state):
    """A switch in a description: enabled, or on the way there. In a prediction it is true or false."""
    return state if isinstance(state, bool) else state in ON


def count(members):
    return members if isinstance(members, int) else len(members)


def group_ids(groups):
    return [group if isinstance(group, str) else group["SecurityGroupId"] for group in groups]


def port_of(groups):
    if isinstance(groups, int):
        return groups
    return get_path(groups[0], "PrimaryEndpoint.Port") if groups else None


def topic_of(notification):
    """The topic, where it is told of events."""
    if isinstance(notification, str):
        return notification
    return notification["TopicArn"] if notification.get("TopicStatus") == "active" else ""


def parts(version):
    return [int(part) if part.isdigit() else part for part in str(version).split(".")]


class ReplicationGroup(CacheGroup, CacheResource):
    result = "replication_group"
    identifier = "ARN"
    needed = ("description", "node_type")
    additions = (
        tags_addition(BUSY, *GROUP_MISSING),
        # What the group's own description doesn't tell, of one of its nodes: all have it in common.
        Addition("DescribeCacheClusters", "CacheClusters", "CacheClusters", by_hand=True),
    )
    create = Create("CreateReplicationGroup", exists=("ReplicationGroupAlreadyExists",), tags="Tags")
    delete = Delete("DeleteReplicationGroup", missing=GROUP_MISSING)
    settings = (
        Setting("description", "ReplicationGroupDescription", read="Description", update="settings"),
        Setting("engine", "Engine", update="engine", decode=str.lower),
        Setting("engine_version", "EngineVersion", read="CacheClusters.EngineVersion", update="engine"),
        Setting(
            "parameter_group_name",
            "CacheParameterGroupName",
            read="CacheClusters.CacheParameterGroup.CacheParameterGroupName",
            update="engine",
            given=str.lower,
        ),
        Setting("node_type", "CacheNodeType", update="node_type"),
        Setting(
            "num_nodes",
            "NumCacheClusters",
            read="MemberClusters",
            update="nodes",
            update_members=("NewReplicaCount",),
            decode=count,
        ),
        Setting(
            "automatic_failover",
            "AutomaticFailoverEnabled",
            read="AutomaticFailover",
            update="failover",
            decode=switch,
            absent=False,
        ),
        Setting("multi_az", "MultiAZEnabled", read="MultiAZ", update="failover", decode=switch, absent=False),
        Setting(
            "subnet_group_name", "CacheSubnetGroupName", read="CacheClusters.CacheSubnetGroupName", given=str.lower
        ),
        Setting(
            "security_group_ids",
            "SecurityGroupIds",
            read="CacheClusters.SecurityGroups",
            update="settings",
            decode=group_ids,
            unordered=True,
        ),
        Setting("port", "Port", read="NodeGroups", decode=port_of),
        Setting("transit_encryption", "TransitEncryptionEnabled", update="transit", absent=False),
        Setting("transit_encryption_mode", "TransitEncryptionMode", update="transit"),
        Setting("at_rest_encryption", "AtRestEncryptionEnabled", absent=False),
        Setting("kms_key_id", "KmsKeyId", same=lambda current, desired: same_key(current or "", desired)),
        Setting(
            "auth_token_secret",
            "AuthToken",
            read="AuthTokenEnabled",
            update="token",
            decode=lambda enabled: SAME_TOKEN if enabled else "none",
            same=lambda current, desired: True,
        ),
        Setting(
            "log_delivery_configurations",
            "LogDeliveryConfigurations",
            update="logs",
            unordered=True,
            key="log_type",
            absent=[],
        ),
        Setting("snapshot_retention", "SnapshotRetentionLimit", update="settings", absent=0),
        Setting("snapshot_window", "SnapshotWindow", update="settings"),
        Setting(
            "maintenance_window",
            "PreferredMaintenanceWindow",
            read="CacheClusters.PreferredMaintenanceWindow",
            update="settings",
            given=str.lower,
        ),
        Setting("auto_minor_version_upgrade", "AutoMinorVersionUpgrade", update="settings"),
        Setting(
            "notification_topic_arn",
            "NotificationTopicArn",
            read="CacheClusters.NotificationConfiguration",
            update="settings",
            decode=topic_of,
            absent="",
        ),
        Setting("network_type", "NetworkType"),
        Setting("ip_discovery", "IpDiscovery", update="settings"),
    )
    # A replica that is wanted comes before the failover that needs it; see update_nodes for the other way round.
    updates = {
        "nodes": Update("IncreaseReplicaCount"),
        "failover": Update("ModifyReplicationGroup"),
        "settings": Update("ModifyReplicationGroup"),
        "engine": Update("ModifyReplicationGroup"),
        "node_type": Update("ModifyReplicationGroup"),
        "transit": Update("ModifyReplicationGroup"),
        "token": Update("ModifyReplicationGroup"),
        "logs": Update("ModifyReplicationGroup"),
    }
    extra_operations = ("DecreaseReplicaCount",)
    steady = 1
    passing = {
        # What was made a moment ago: the key, the subnet group, the parameter group, the log group.
        "CacheSubnetGroupNotFoundFault": ("",),
        "CacheParameterGroupNotFound": ("",),
    }
    hints = {
        "SnapshotAlreadyExistsFault": {"": "Give final_snapshot_name another name, or remove that snapshot."},
        "InsufficientCacheClusterCapacity": {
            "": "AWS has no such node left there: run again, or take another node_type."
        },
        "InvalidParameterCombination": {
            "user group": "A user group is attached to it: remove that by hand, or leave auth_token_secret out."
        },
    }
    unmanaged = {
        **dict.fromkeys(
            ("BatchApplyUpdateAction", "BatchStopUpdateAction"),
            "service updates come by themselves in the maintenance window",
        ),
        **dict.fromkeys(
            ("CompleteMigration", "StartMigration", "CreateReplicationGroup.PrimaryClusterId"),
            "nothing is moved in from elsewhere",
        ),
        **dict.fromkeys(
            (
                "CreateReplicationGroup.GlobalReplicationGroupId",
                "DisassociateGlobalReplicationGroup",
            ),
            "no global datastore",
        ),
        **dict.fromkeys(
            (
                "CreateReplicationGroup.ClusterMode",
                "CreateReplicationGroup.NodeGroupConfiguration",
                "CreateReplicationGroup.NumNodeGroups",
                "CreateReplicationGroup.ReplicasPerNodeGroup",
                "ModifyReplicationGroup.ClusterMode",
                "ModifyReplicationGroup.NodeGroupId",
                "ModifyReplicationGroupShardConfiguration",
            ),
            "one shard, cluster mode disabled",
        ),
        **dict.fromkeys(
            (
                "CreateReplicationGroup.PreferredCacheClusterAZs",
                "IncreaseReplicaCount.ReplicaConfiguration",
                "ModifyReplicationGroup.PrimaryClusterId",
            ),
            "ElastiCache chooses the zones, and by failover which node is the primary",
        ),
        **dict.fromkeys(
            (
                "CreateReplicationGroup.SnapshotArns",
                "CreateReplicationGroup.SnapshotName",
                "CreateReplicationGroup.ServerlessCacheSnapshotName",
            ),
            "a cache begins empty",
        ),
        **dict.fromkeys(
            ("CreateReplicationGroup.CacheSecurityGroupNames", "ModifyReplicationGroup.CacheSecurityGroupNames"),
            "of the time before VPCs",
        ),
        **dict.fromkeys(
            (
                "CreateReplicationGroup.UserGroupIds",
                "ModifyReplicationGroup.RemoveUserGroups",
                "ModifyReplicationGroup.UserGroupIdsToAdd",
                "ModifyReplicationGroup.UserGroupIdsToRemove",
            ),
            "clients come with the AUTH token; one that is attached is reported",
        ),
        **dict.fromkeys(
            ("CreateReplicationGroup.Durability", "ModifyReplicationGroup.Durability"),
            "AWS's default, which follows from the engine version",
        ),
        "CreateCacheCluster": "nodes come and go by num_nodes",
        "CreateReplicationGroup.DataTieringEnabled": "no nodes with a disk for data (r6gd)",
        "CreateReplicationGroup.LogDeliveryConfigurations.Enabled": "a log that is listed is on",
        "CreateSnapshot": "it changes nothing of the group",
    }

    # ---- Reading

    def prepare(self):
        super().prepare()
        self.secret = TokenSecret(self.module, self.options["auth_token_secret"] or "")
        self.labels = None  # versions of the secret by their labels
        self.token = None  # what a new group is made with
        self.renewed = False  # this run has configured the delivery of logs anew
        self.told = set()  # warnings

    def complete(self, description):
        members = description.get("MemberClusters") or []
        if self.options["state"] == "absent" or not members or self.state_of(description) == "creating":
            return description
        answer = self.read("DescribeCacheClusters", {"CacheClusterId": members[0]}, ("CacheClusterNotFound",)) or {}
        for node in answer.get("CacheClusters", []):
            description = {**description, "CacheClusters": node}
            if description.get("UserGroupIds"):
                self.tell(
                    f"{self.title} lets in the users of the user group {', '.join(description['UserGroupIds'])}, which "
                    "is not ours. If it shall not, detach it."
                )
            if get_path(node, "CacheParameterGroup.ParameterApplyStatus") == "pending-reboot":
                self.tell(
                    f"{self.title} has parameters that take effect when its nodes are rebooted: "
                    "aws elasticache reboot-cache-cluster, one node after the other."
                )
        if self.options["auth_token_secret"]:
            description = {**description, TOKEN: OTHER_TOKEN if self.owes_token(description) else SAME_TOKEN}
        return description

    def tell(self, warning):
        """Warn, once in a run."""
        if warning not in self.told:
            self.told.add(warning)
            self.module.warn(warning)

    def changes(self, current):
        # What it will be like isn't told before it is there, and nothing can be changed either.
        if self.state_of(current) == "creating":
            return {}
        found = super().changes(current)
        version = found.get("engine_version")
        if version and "engine" not in found and self.same_version(version.current, version.desired):
            del found["engine_version"]
        if current.get(TOKEN) == OTHER_TOKEN:
            setting = next(setting for setting in self.settings if setting.option == "auth_token_secret")
            found["auth_token_secret"] = Change(setting, OTHER_TOKEN, SAME_TOKEN)
        logs = without_unset(self.options["log_delivery_configurations"])
        if logs and "log_delivery_configurations" not in found and not self.renewed and self.undelivered(current):
            setting = next(setting for setting in self.settings if setting.option == "log_delivery_configurations")
            found["log_delivery_configurations"] = Change(setting, self.decoded(setting, current), logs)
        return found

    def same_version(self, current, desired):
        """8.2.1 is 8.2, and so is what ElastiCache has made of it by itself."""
        if placeholder(desired) or not current:
            return False
        have, want = parts(current), parts(desired)
        if have[: len(want)] == want:
            return True
        return self.options["auto_minor_version_upgrade"] is not False and have[0] == want[0] and have > want

    def undelivered(self, current):
        """The logs that ElastiCache can't deliver."""
        found = [log for log in current.get("LogDeliveryConfigurations") or [] if log.get("Status") == "error"]
        for log in found:
            self.tell(
                f"{self.title} doesn't deliver its {log['LogType']}: {log.get('Message') or 'AWS says no reason'}"
            )
        return found

    def owes_token(self, current):
        """Whether the group still has to get the secret's token, or to let nobody in with the one before it."""
        if self.check_mode and placeholder(self.options["auth_token_secret"]):
            return False
        if self.labels is None:
            self.labels = self.secret.versions()
        current_version = self.labels.get(CURRENT)
        if current_version is None:
            return False
        identifier = current_version["VersionId"]
        if self.labels.get(PENDING, {}).get("VersionId"):
            self.tell(
                f"A rotation of the AUTH token of {self.title} was begun and not ended: "
                "run the playbook rotate_redis_token again."
            )
        return token_is_older(current, current_version) or self.labels.get(OWED, {}).get("VersionId") == identifier

    # ---- Whose it is

    def check_owner(self, current):
        """Tags can't be read while the group is being changed; then they are waited for."""
        if current is None or not self.options.get("owned_by") or "Tags" in current:
            super().check_owner(current)
        elif self.state_of(current) in self.states.pending and not self.check_mode:
            super().check_owner(
                self.wait_until(
                    lambda now: now is None or "Tags" in now or self.state_of(now) not in self.states.pending, AVAILABLE
                )
            )
        elif self.state_of(current) not in (*self.states.pending, *self.states.deleting):
            super().check_owner(current)

    def tag_changes(self, current):
        return super().tag_changes(current) if "Tags" in current or self.state_of(current) is None else ({}, [])

    # ---- Refusals

    def refuse(self, current, changes):
        value = {
            option: self.options[option] if self.options[option] is not None else self.found(option, current)
            for option in (
                "automatic_failover",
                "multi_az",
                "num_nodes",
                "transit_encryption",
                "transit_encryption_mode",
            )
        }
        if value["automatic_failover"] and value["num_nodes"] is not None and value["num_nodes"] < 2:
            raise ResourceError(
                f"{self.title}: automatic_failover takes at least 2 nodes, num_nodes is {value['num_nodes']}."
            )
        if value["multi_az"] and value["automatic_failover"] is False:
            raise ResourceError(f"{self.title}: multi_az takes automatic_failover: true.")
        if self.options["auth_token_secret"] and (
            value["transit_encryption"] is False or value["transit_encryption_mode"] == "preferred"
        ):
            raise ResourceError(
                f"{self.title}: an AUTH token takes transit_encryption: true and transit_encryption_mode: required."
            )
        self.refuse_engine(changes)

    def found(self, option, current):
        setting = next(setting for setting in self.settings if setting.option == option)
        return self.decoded(setting, current) if current else None

    def refuse_engine(self, changes):
        engine, version = changes.get("engine"), changes.get("engine_version")
        if engine and engine.current == "valkey":
            raise ResourceError(
                f"{self.title} runs Valkey, and ElastiCache makes no Redis OSS of it. Declare engine: valkey, or "
                "remove it (state: absent) and run again."
            )
        if engine and not version and self.options["engine_version"] is None:
            raise ResourceError(f"{self.title}: to make it one of Valkey, give engine_version as well.")
        if not engine and version and not placeholder(version.desired) and version.current:
            have, want = parts(version.current), parts(version.desired)
            if have[: len(want)] != want and have > want:
                raise ResourceError(
                    f"{self.title} runs {version.current}, declared is {version.desired}: ElastiCache never goes back "
                    f'to an older version. Declare engine_version: "{version.current}".'
                )

    # ---- Acting

    def create_request(self):
        request = super().create_request()
        if self.token:
            request["AuthToken"] = self.token
        return request

    def make(self):
        if self.options["auth_token_secret"]:
            self.token = self.secret.value(self.secret.current()["VersionId"])
        return super().make()

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if name == "settings":
            if "notification_topic_arn" in changes:
                topic = self.options["notification_topic_arn"]
                request |= {"NotificationTopicStatus": "active" if topic else "inactive"}
                if not topic:
                    del request["NotificationTopicArn"]
            if "snapshot_retention" in changes and not changes["snapshot_retention"].current:
                request["SnapshottingClusterId"] = snapshot_source(current)
        if name == "engine" and "engine" in changes and "EngineVersion" not in request:
            request["EngineVersion"] = self.options["engine_version"]
        if name == "logs":
            declared = [log["LogType"] for log in request["LogDeliveryConfigurations"]]
            request["LogDeliveryConfigurations"] = [
                *({**log, "Enabled": True} for log in request["LogDeliveryConfigurations"]),
                *(
                    {"LogType": log["log_type"], "Enabled": False}
                    for log in changes["log_delivery_configurations"].current
                    if log["log_type"] not in declared
                ),
            ]
        return {**request, "ApplyImmediately": True}

    def before_update(self, name, current):
        # Without wait only the last change is left to itself.
        if self.state_of(self.find()) != AVAILABLE:
            self.wait_available()

    def updated(self, name, response):
        self.renewed = self.renewed or name == "logs"

    def update_nodes(self, changes, current):
        change = changes["num_nodes"]
        more = change.desired > change.current
        if not more:
            # Failover that needs the node goes first.
            failover = self.changed_by("failover", self.changes(current))
            if failover:
                self.apply_update("failover", failover, current)
                self.wait_available()
        request = {**self.named(), "NewReplicaCount": change.desired - 1, "ApplyImmediately": True}
        doing = f"change the number of nodes of {self.title}"
        self.write("IncreaseReplicaCount" if more else "DecreaseReplicaCount", request, doing)

    def update_transit(self, changes, current):
        """On by way of preferred, off by way of preferred: a group in use takes no other."""
        on, mode = self.options["transit_encryption"], self.options["transit_encryption_mode"]
        has, has_mode = current.get("TransitEncryptionEnabled", False), current.get("TransitEncryptionMode")
        wanted = has if on is None else on
        if wanted and not has:
            step = {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "preferred"}
        elif not wanted and has_mode == "required":
            step = {"TransitEncryptionMode": "preferred"}
        elif not wanted:
            step = {"TransitEncryptionEnabled": False}
        else:
            step = {"TransitEncryptionMode": mode}
        doing = f"change the encryption of connections of {self.title}"
        self.write("ModifyReplicationGroup", {**self.named(), **step, "ApplyImmediately": True}, doing)
        now = self.wait_until(
            lambda now: (
                now is not None
                and self.state_of(now) == AVAILABLE
                and all(now.get(member) == value for member, value in step.items())
            ),
            AVAILABLE,
        )
        left = self.changed_by("transit", self.changes(now))
        if left:
            self.update_transit(left, now)

    def update_token(self, changes, current):
        """The secret's token beside the one so far, then alone; the label tells a run that comes after a killed one."""
        version = self.secret.current()
        token = self.secret.value(version["VersionId"])
        self.secret.move(OWED, version["VersionId"], self.secret.versions())
        # From now on, should an answer be lost, the label counts.
        self.labels = None
        if token_is_older(current, version):
            self.send_token("ROTATE", token)
            self.wait_until(lambda now: now is not None and not token_is_older(now, version), "with the new token")
        self.send_token("SET", token)
        self.secret.move(OWED, None, self.secret.versions())
        self.labels = None

    def until_shown(self, update, current):
        """A change that was accepted is over when the group shows it and is available."""
        if not self.options["wait"]:
            return current
        return self.wait_until(
            lambda now: (
                now is not None and self.state_of(now) == AVAILABLE and not self.changed_by(update, self.changes(now))
            ),
            f"{AVAILABLE}, and changed",
        )

    def change_tags(self, current, set_tags, unset_tags):
        super().change_tags(current, set_tags, unset_tags)
        # The nodes get them, too; the group isn't available before.
        if (set_tags or unset_tags) and self.options["wait"]:
            self.wait_available()

    def delete_request(self, current):
        request = super().delete_request(current)
        name = self.options["final_snapshot_name"]
        # There is nothing in one that has never run.
        return request | ({"FinalSnapshotIdentifier": name} if name and self.state_of(current) == AVAILABLE else {})

    # ---- What the user sees

    def predicted(self, current):
        future = super().predicted(current)
        return future | ({"AuthTokenEnabled": True, TOKEN: SAME_TOKEN} if self.options["auth_token_secret"] else {})

    def view(self, description):
        view = super().view(description)
        return view | ({"auth_token_secret": description.get(TOKEN)} if "auth_token_secret" in view else {})

    def shown(self, description):
        return super().shown({member: value for member, value in (description or {}).items() if member != TOKEN})


def snapshot_source(group):
    """The node that snapshots are taken of: a replica, where there is one."""
    nodes = [node for part in group.get("NodeGroups") or [] for node in part.get("NodeGroupMembers") or []]
    replicas = [node["CacheClusterId"] for node in nodes if node.get("CurrentRole") == "replica"]
    return (replicas or group["MemberClusters"])[0]


def main():
    run_module(
        ReplicationGroup,
        DOCUMENTATION,
        {"auth_token_secret": {"no_log": False}, "kms_key_id": {"no_log": False}},
    )


if __name__ == "__main__":
    main()
