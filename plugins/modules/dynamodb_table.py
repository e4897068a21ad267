#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_table
version_added: 0.1.0
short_description: Manage a DynamoDB table
description:
  - Creates, changes and deletes a table with its indexes, capacity, stream, encryption, recovery, expiry of items,
    contributor insights, policy, replicas and tags.
  - DynamoDB takes one kind of change at a time, and one index at a time. The module makes them one after the other and
    waits for each, for an index until it is filled.
  - The key of a table and its local indexes can't be changed. The module refuses that; it never replaces a table.
  - It replaces M(community.aws.dynamodb_table), which knows no recovery, expiry, stream, encryption by a key of your
    own, deletion protection and replicas, and changes a table of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the table. It is needed, here or in each entry of O(aggregate).
    type: str
  attributes:
    description:
      - The attributes that keys of the table and of its indexes are made of, each with its type, C(S) for a text, C(N)
        for a number or C(B) for bytes. Other attributes of items aren't declared.
    type: dict
  hash_key:
    description:
      - The attribute by which items are spread. It can't be changed later.
    type: str
  range_key:
    description:
      - The attribute by which items of one O(hash_key) are sorted; an empty text means none. It can't be changed later.
    type: str
  billing_mode:
    description:
      - V(PAY_PER_REQUEST) pays for each request, V(PROVISIONED) for capacity.
      - DynamoDB goes back to V(PAY_PER_REQUEST) a few times a day only.
    type: str
    choices: [PROVISIONED, PAY_PER_REQUEST]
  provisioned_throughput:
    description:
      - Capacity of a table with O(billing_mode=PROVISIONED), and of those of its global indexes that name none.
    type: dict
    suboptions: &throughput
      read_capacity_units:
        description:
          - Reads per second.
        type: int
        required: true
      write_capacity_units:
        description:
          - Writes per second.
        type: int
        required: true
      most_read_capacity_units:
        description:
          - Where autoscaling sets the capacity, the most that it may set. Anything between the two is left.
        type: int
      most_write_capacity_units:
        description:
          - The same for writes.
        type: int
  on_demand_throughput:
    description:
      - The most that a table with O(billing_mode=PAY_PER_REQUEST) serves; V(-1) means without a limit.
    type: dict
    suboptions: &on_demand
      max_read_request_units:
        description:
          - Reads per second.
        type: int
      max_write_request_units:
        description:
          - Writes per second.
        type: int
  warm_throughput:
    description:
      - What the table serves at once without growing to it. It can only be raised; more than that is left.
    type: dict
    suboptions:
      read_units_per_second:
        description:
          - Reads per second.
        type: int
      write_units_per_second:
        description:
          - Writes per second.
        type: int
  global_indexes:
    description:
      - The global secondary indexes. Others are removed.
      - An index comes and goes one at a time, and takes as long as it takes to fill it; raise O(wait_timeout) for large
        tables.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the index.
        type: str
        required: true
      hash_key:
        description:
          - The attribute by which the index is spread; up to four.
        type: list
        elements: str
        required: true
      range_key:
        description:
          - The attribute by which it is sorted; up to four.
        type: list
        elements: str
        default: []
      projection: &projection
        description:
          - Which attributes of items stand in the index, besides keys.
        type: str
        choices: [ALL, KEYS_ONLY, INCLUDE]
        default: ALL
      non_key_attributes: &non_key_attributes
        description:
          - Those attributes, for V(INCLUDE).
        type: list
        elements: str
        default: []
      provisioned_throughput:
        description:
          - Capacity of the index. That of the table, where it isn't given.
        type: dict
        suboptions: *throughput
      on_demand_throughput:
        description:
          - The most that the index serves; V(-1) means without a limit. That of the table, where it isn't given.
        type: dict
        suboptions: *on_demand
  replace_indexes:
    description:
      - Whether an index whose keys or projection are declared otherwise may be removed and made again. Queries of it
        fail until it is filled. Otherwise this is refused.
    type: bool
    default: false
  local_indexes:
    description:
      - The local secondary indexes. They come with the table and can't be changed later.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the index.
        type: str
        required: true
      range_key:
        description:
          - The attribute by which it is sorted. It is spread as the table is.
        type: str
        required: true
      projection: *projection
      non_key_attributes: *non_key_attributes
  stream_view_type:
    description:
      - What the stream of changes tells of an item; V(DISABLED) means no stream.
      - DynamoDB can't change it of a stream. The stream ends and another one, with another ARN, begins.
    type: str
    choices: [DISABLED, KEYS_ONLY, NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES]
  kms_key_arn:
    description:
      - ARN of the KMS key that encrypts the table. An empty text means the key that DynamoDB itself owns.
    type: str
  point_in_time_recovery_days:
    description:
      - The days, from 1 to 35, of which the table can be restored to any second; V(0) means none.
    type: int
  ttl_attribute:
    description:
      - The attribute with the time, in seconds since 1970, from which on an item is deleted. An empty text means none.
      - DynamoDB takes one change of it an hour, so another attribute takes two runs.
    type: str
  table_class:
    description:
      - Class of the storage. DynamoDB changes it twice in thirty days.
    type: str
    choices: [STANDARD, STANDARD_INFREQUENT_ACCESS]
  deletion_protection:
    description:
      - Whether DynamoDB refuses to delete the table. To remove a protected one, give V(false) together with
        O(state=absent).
    type: bool
  contributor_insights:
    description:
      - Whether, and of which requests, CloudWatch counts the keys that are used most, for the table and each of its
        global indexes.
    type: str
    choices: [DISABLED, ACCESSED_AND_THROTTLED_KEYS, THROTTLED_KEYS]
  resource_policy:
    description:
      - The policy of the table itself, which may let other accounts in. An empty document, C({}), removes it.
    type: json
  kinesis_destinations:
    description:
      - ARNs of the Kinesis streams that get the changes of items. Others are taken away.
    type: list
    elements: str
  replicas:
    description:
      - The other regions that have a replica of the table (global tables of version 2019.11.21). Others are removed,
        with what is in them, one at a time.
    type: list
    elements: dict
    suboptions:
      region_name:
        description:
          - The region.
        type: str
        required: true
      kms_key_arn:
        description:
          - ARN of the KMS key there. It is needed where O(kms_key_arn) is given, and can't be changed later.
        type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Keep usage by tenant for a while
  agent_platform.aws.dynamodb_table:
    name: demo-usage-logs
    attributes:
      tenant_id: S
      usage_id: S
      timestamp: N
    hash_key: tenant_id
    range_key: usage_id
    billing_mode: PAY_PER_REQUEST
    global_indexes:
      - name: by_time
        hash_key: [tenant_id]
        range_key: [timestamp]
    ttl_attribute: ttl
    point_in_time_recovery_days: 7
    deletion_protection: true

- name: Delete a table with all items
  agent_platform.aws.dynamodb_table:
    name: demo-usage-logs
    state: absent
    deletion_protection: false
"""

RETURN = r"""
table:
  description: The table as DynamoDB describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    table_arn:
      description: ARN of the table.
      type: str
      sample: arn:aws:dynamodb:us-west-2:123456789012:table/demo-usage-logs
    table_name:
      description: Name of the table.
      type: str
    table_status:
      description: State of the table.
      type: str
    latest_stream_arn:
      description: ARN of the stream, the last one where there is none now.
      type: str
    global_secondary_indexes:
      description: The global indexes, with their states.
      type: list
      elements: dict
    tags:
      description: Tags of the table.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update, tag_list, texts
from ..module_utils.faults import ResourceError
from ..module_utils.policies import policy
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import listed, placeholder, same_key

MISSING = ("ResourceNotFoundException",)
NO_STREAM = "DISABLED"
NO_INSIGHTS = "DISABLED"
UNLIMITED = {"max_read_request_units": -1, "max_write_request_units": -1}
UNITS = {"ReadCapacityUnits": "read_capacity_units", "WriteCapacityUnits": "write_capacity_units"}
# What is known of a recovery period that an older answer doesn't tell.
LONGEST_RECOVERY = 35


def attribute_list(attributes):
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()]


def attribute_types(definitions):
    return {item["AttributeName"]: item["AttributeType"] for item in definitions}


def same_types(current, desired):
    """Which attributes there are follows from the keys, so only what has another type differs."""
    return current is not None and all(current.get(name, kind) == kind for name, kind in desired.items())


def keys_of(schema, kind):
    return [item["AttributeName"] for item in schema if item["KeyType"] == kind]


def key_schema(hash_keys, range_keys):
    hashed = [{"AttributeName": name, "KeyType": "HASH"} for name in hash_keys]
    return hashed + [{"AttributeName": name, "KeyType": "RANGE"} for name in range_keys]


def units(throughput):
    """The capacity as DynamoDB takes it."""
    return {member: throughput[option] for member, option in UNITS.items()}


def units_of(throughput):
    return {option: throughput.get(member, 0) for member, option in UNITS.items()}


def within(current, desired):
    """Whether the capacity is what was declared, or autoscaling has set it between the least and the most."""
    return all(
        desired[option] <= (current or {}).get(option, 0) <= (desired.get(f"most_{option}") or desired[option])
        for option in UNITS.values()
    )


def nearest(current, desired):
    """The capacity as it is, brought into the range that was declared."""
    return {
        option: min(
            max((current or {}).get(option, 0), desired[option]), desired.get(f"most_{option}") or desired[option]
        )
        for option in UNITS.values()
    }


def on_demand_of(limits):
    return {
        "max_read_request_units": limits.get("MaxReadRequestUnits", -1),
        "max_write_request_units": limits.get("MaxWriteRequestUnits", -1),
    }


def on_demand(limits):
    return {
        "MaxReadRequestUnits": limits.get("max_read_request_units", -1),
        "MaxWriteRequestUnits": limits.get("max_write_request_units", -1),
    }


def projected(index):
    projection = {"ProjectionType": index["projection"]}
    if index.get("non_key_attributes"):
        projection["NonKeyAttributes"] = index["non_key_attributes"]
    return projection


def projection_of(index):
    projection = index.get("Projection") or {}
    return {
        "projection": projection.get("ProjectionType", "ALL"),
        "non_key_attributes": projection.get("NonKeyAttributes") or [],
    }


def global_index(index):
    """A global index as DynamoDB takes it."""
    request = {
        "IndexName": index["name"],
        "KeySchema": key_schema(index["hash_key"], index.get("range_key") or []),
        "Projection": projected(index),
    }
    if index.get("provisioned_throughput"):
        request["ProvisionedThroughput"] = units(index["provisioned_throughput"])
    if (index.get("on_demand_throughput") or UNLIMITED) != UNLIMITED:
        request["OnDemandThroughput"] = on_demand(index["on_demand_throughput"])
    return request


def global_indexes_of(indexes):
    return [
        {
            "name": index["IndexName"],
            "hash_key": keys_of(index["KeySchema"], "HASH"),
            "range_key": keys_of(index["KeySchema"], "RANGE"),
            **projection_of(index),
            "provisioned_throughput": units_of(index.get("ProvisionedThroughput") or {}),
            "on_demand_throughput": on_demand_of(index.get("OnDemandThroughput") or {}),
        }
        for index in indexes
        # One that is going isn't there any more.
        if index.get("IndexStatus") != "DELETING"
    ]


def local_index(index, hash_key):
    return {
        "IndexName": index["name"],
        "KeySchema": key_schema([hash_key], [index["range_key"]]),
        "Projection": projected(index),
    }


def local_indexes_of(indexes):
    return [
        {"name": index["IndexName"], "range_key": keys_of(index["KeySchema"], "RANGE")[0], **projection_of(index)}
        for index in indexes
    ]


def by_name(indexes):
    return {index["name"]: index for index in indexes or []}


def same_shape(current, desired):
    """Whether two indexes have the same keys and projection, which can't be changed."""
    return all(
        current.get(part) == desired[part] for part in ("hash_key", "range_key", "projection") if part in desired
    ) and (sorted(current.get("non_key_attributes") or []) == sorted(desired.get("non_key_attributes") or []))


def same_capacity(current, desired):
    provisioned, limits = desired.get("provisioned_throughput"), desired.get("on_demand_throughput")
    return (not provisioned or within(current.get("provisioned_throughput"), provisioned)) and (
        not limits or {**UNLIMITED, **limits} == {**UNLIMITED, **(current.get("on_demand_throughput") or {})}
    )


def same_global_indexes(current, desired):
    have, wanted = by_name(current), by_name(desired)
    return have.keys() == wanted.keys() and all(
        same_shape(have[name], wanted[name]) and same_capacity(have[name], wanted[name]) for name in wanted
    )


def same_local_indexes(current, desired):
    have, wanted = by_name(current), by_name(desired)
    return have.keys() == wanted.keys() and all(same_shape(have[name], wanted[name]) for name in wanted)


def insights_of(summaries):
    """The mode of the table and all of its indexes, or which has which, where they differ."""
    modes = {item.get("IndexName", "table"): item["ContributorInsightsMode"] for item in summaries}
    one = set(modes.values())
    return one.pop() if len(one) == 1 else modes


def warm_enough(current, desired):
    return all((current or {}).get(option, 0) >= value for option, value in desired.items())


def encryption(key):
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key} if key else {"Enabled": False}


def encryption_key(description):
    on = description.get("Enabled", description.get("Status") != "DISABLED")
    # What a dry run predicts names the key as the request does.
    return (description.get("KMSMasterKeyId") or description.get("KMSMasterKeyArn", "")) if on else ""


def recovery(days):
    """The recovery as a description has it."""
    if not days:
        return {"PointInTimeRecoveryStatus": "DISABLED"}
    return {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": days}


def recovery_days(description):
    on = description.get("PointInTimeRecoveryStatus") == "ENABLED"
    return description.get("RecoveryPeriodInDays", LONGEST_RECOVERY) if on else 0


def expiry(attribute):
    """The expiry as a description has it."""
    if not attribute:
        return {"TimeToLiveStatus": "DISABLED"}
    return {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}


def expiry_attribute(description):
    on = description.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return description.get("AttributeName", "") if on else ""


def stream(view):
    return {"StreamEnabled": False} if view == NO_STREAM else {"StreamEnabled": True, "StreamViewType": view}


def replicas_of(replicas):
    return [
        {"region_name": item["RegionName"], "kms_key_arn": item.get("KMSMasterKeyId", "")}
        for item in replicas
        if item.get("ReplicaStatus") != "DELETING"
    ]


def same_replicas(current, desired):
    have = {item["region_name"] for item in current or []}
    return have == {item["region_name"] for item in desired}


def destinations(arns):
    """Destinations as a description has them; a single one as calls name it."""
    return arns if isinstance(arns, str) else [{"StreamArn": arn, "DestinationStatus": "ACTIVE"} for arn in arns]


def destinations_of(destinations):
    on = ("ACTIVE", "ENABLING", "UPDATING")
    return [item["StreamArn"] for item in destinations if item["DestinationStatus"] in on]


class Table(Resource):
    service = "dynamodb"
    kind = "DynamoDB table"
    result = "table"
    names = {"TableName": "name"}
    capital_members = True
    timeout = 1200
    describe = Describe("DescribeTable", "Table", missing=MISSING)
    create = Create("CreateTable", exists=("ResourceInUseException",), tags="Tags")
    delete = Delete("DeleteTable", missing=MISSING)
    needed = ("attributes", "hash_key")
    settings = (
        Setting("deletion_protection", "DeletionProtectionEnabled", update="protection", absent=False),
        Setting("hash_key", "KeySchema", decode=lambda schema: keys_of(schema, "HASH")[0], encode=str),
        Setting("range_key", "KeySchema", decode=lambda schema: next(iter(keys_of(schema, "RANGE")), ""), encode=str),
        Setting(
            "local_indexes",
            "LocalSecondaryIndexes",
            absent=[],
            decode=local_indexes_of,
            encode=list,
            same=same_local_indexes,
        ),
        Setting(
            "stream_view_type",
            "StreamSpecification",
            update="stream",
            absent=NO_STREAM,
            encode=stream,
            decode=lambda found: found.get("StreamViewType", NO_STREAM) if found.get("StreamEnabled") else NO_STREAM,
        ),
        Setting(
            "table_class", "TableClass", read="TableClassSummary.TableClass", update="table_class", absent="STANDARD"
        ),
        Setting(
            "billing_mode",
            "BillingMode",
            read="BillingModeSummary.BillingMode",
            update="capacity",
            absent="PROVISIONED",
        ),
        Setting(
            "provisioned_throughput",
            "ProvisionedThroughput",
            update="capacity",
            encode=units,
            decode=units_of,
            same=within,
        ),
        Setting(
            "on_demand_throughput",
            "OnDemandThroughput",
            update="on_demand",
            absent=UNLIMITED,
            encode=on_demand,
            decode=on_demand_of,
        ),
        Setting("warm_throughput", "WarmThroughput", update="warm", same=warm_enough),
        Setting(
            "attributes",
            "AttributeDefinitions",
            update="indexes",
            verbatim=True,
            encode=attribute_list,
            decode=attribute_types,
            same=same_types,
        ),
        Setting(
            "global_indexes",
            "GlobalSecondaryIndexes",
            update="indexes",
            update_members=("GlobalSecondaryIndexUpdates",),
            absent=[],
            encode=lambda indexes: [global_index(index) for index in indexes],
            decode=global_indexes_of,
            same=same_global_indexes,
        ),
        Setting(
            "kms_key_arn",
            "SSESpecification",
            read="SSEDescription",
            update="encryption",
            absent="",
            encode=encryption,
            decode=encryption_key,
            same=lambda current, desired: same_key(current, desired) if current and desired else current == desired,
        ),
        Setting(
            "replicas",
            None,
            read="Replicas",
            update="replicas",
            update_members=("ReplicaUpdates",),
            key="region_name",
            absent=[],
            decode=replicas_of,
            encode=lambda replicas: [{"RegionName": item["region_name"]} for item in replicas],
            same=same_replicas,
        ),
        policy(
            "resource_policy",
            "ResourcePolicy",
            update="policy",
            update_members=("Policy",),
            absent={},
        ),
        Setting(
            "point_in_time_recovery_days",
            None,
            read="PointInTimeRecovery",
            update="recovery",
            update_members=("PointInTimeRecoverySpecification",),
            absent=0,
            encode=recovery,
            decode=recovery_days,
        ),
        Setting(
            "kinesis_destinations",
            None,
            read="KinesisDestinations",
            update="kinesis",
            update_members=("StreamArn",),
            unordered=True,
            absent=[],
            decode=destinations_of,
            encode=destinations,
        ),
        Setting(
            "contributor_insights",
            None,
            read="ContributorInsights",
            update="insights",
            update_members=("ContributorInsightsMode",),
            absent=NO_INSIGHTS,
            decode=insights_of,
            encode=lambda mode: [{"ContributorInsightsMode": mode}],
        ),
        # It comes last: DynamoDB may refuse it for an hour.
        Setting(
            "ttl_attribute",
            None,
            read="TimeToLive",
            update="ttl",
            update_members=("TimeToLiveSpecification",),
            absent="",
            encode=expiry,
            decode=expiry_attribute,
        ),
    )
    # One kind of change at a time: each is a call of its own, and the table is waited for after it.
    updates = {
        "protection": Update("UpdateTable"),
        "stream": Update("UpdateTable"),
        "table_class": Update("UpdateTable"),
        "capacity": Update("UpdateTable", whole=True),
        "on_demand": Update("UpdateTable"),
        "warm": Update("UpdateTable"),
        "indexes": Update("UpdateTable"),
        "encryption": Update("UpdateTable"),
        "replicas": Update("UpdateTable"),
        "policy": Update("PutResourcePolicy", by={"ResourceArn": "TableArn"}, clear="DeleteResourcePolicy"),
        "recovery": Update("UpdateContinuousBackups"),
        "kinesis": Update("EnableKinesisStreamingDestination", remove="DisableKinesisStreamingDestination"),
        "insights": Update("UpdateContributorInsights"),
        "ttl": Update("UpdateTimeToLive"),
    }
    protection = "deletion_protection"
    additions = (
        Addition("ListTagsOfResource", "Tags", "Tags", by={"ResourceArn": "TableArn"}, missing=MISSING, empty=[]),
        Addition("DescribeTimeToLive", "TimeToLiveDescription", "TimeToLive", missing=MISSING, option="ttl_attribute"),
        Addition(
            "DescribeContinuousBackups",
            "ContinuousBackupsDescription.PointInTimeRecoveryDescription",
            "PointInTimeRecovery",
            missing=("TableNotFoundException",),
            option="point_in_time_recovery_days",
        ),
        Addition(
            "ListContributorInsights",
            "ContributorInsightsSummaries",
            "ContributorInsights",
            missing=MISSING,
            empty=[],
            option="contributor_insights",
        ),
        Addition(
            "GetResourcePolicy",
            "Policy",
            "ResourcePolicy",
            by={"ResourceArn": "TableArn"},
            missing=("PolicyNotFoundException", *MISSING),
            option="resource_policy",
        ),
        Addition(
            "DescribeKinesisStreamingDestination",
            "KinesisDataStreamDestinations",
            "KinesisDestinations",
            missing=MISSING,
            empty=[],
            option="kinesis_destinations",
        ),
    )
    unmanaged = {
        **dict.fromkeys(("DeleteItem", "PutItem", "Query", "Scan", "UpdateItem"), "items are their users'"),
        **dict.fromkeys(("CreateBackup", "ExportTableToPointInTime"), "backups and exports leave the table as it is"),
        "UpdateTableReplicaAutoScaling": "application_autoscaling_target and application_autoscaling_policy do it",
        **dict.fromkeys(
            (
                "EnableKinesisStreamingDestination.EnableKinesisStreamingConfiguration",
                "UpdateKinesisStreamingDestination",
            ),
            "DynamoDB's default, times in milliseconds",
        ),
        **dict.fromkeys(
            ("CreateTable.VectorIndexes", "UpdateTable.VectorIndexUpdates"),
            "indexes of vectors are left to those who search with them",
        ),
        **dict.fromkeys(
            (
                "CreateTable.GlobalTableSettingsReplicationMode",
                "CreateTable.GlobalTableSourceArn",
                "UpdateTable.GlobalTableSettingsReplicationMode",
                "UpdateTable.GlobalTableWitnessUpdates",
                "UpdateTable.MultiRegionConsistency",
            ),
            "replicas are of the same account and eventually consistent",
        ),
        "CreateTable.GlobalSecondaryIndexes.WarmThroughput": "DynamoDB sizes indexes itself",
        "PutResourcePolicy.ExpectedRevisionId": "the policy is replaced as a whole, whatever it was",
        "PutResourcePolicy.ConfirmRemoveSelfResourceAccess": "DynamoDB's check against locking oneself out stays on",
    }
    tagging = tag_list("TagResource", "UntagResource", by={"ResourceArn": "TableArn"})
    states = States(
        "TableStatus",
        ready=frozenset({"ACTIVE"}),
        pending=frozenset({"CREATING", "UPDATING"}),
        deleting=frozenset({"DELETING"}),
        failed={
            "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "DynamoDB can't use its KMS key, and archives the table after seven "
            "days of that: enable the key, or let it be used again.",
            "ARCHIVING": "Its KMS key couldn't be used for seven days: restore the backup that DynamoDB has made.",
            "ARCHIVED": "Its KMS key couldn't be used for seven days: restore the backup that DynamoDB has made, after "
            "the table was removed.",
        },
        degraded={"REPLICATION_NOT_AUTHORIZED": "Let the service-linked role of DynamoDB's replication use the table."},
    )
    passing = {
        # Another change of the table or of an index is under way. A table that exists is told otherwise.
        "ResourceInUseException": ("still in use", "is being"),
        # Only 1 online index can be created or deleted simultaneously per table; only 500 tables at a time.
        "LimitExceededException": ("simultaneously",),
        # Of a new table: "Backups are being enabled for the table".
        "ContinuousBackupsUnavailableException": ("",),
    }
    hints = {
        "LimitExceededException": {
            "PayPerRequest": "DynamoDB changes to it a few times a day only: run again after the time that it says, or "
            "declare the present billing_mode.",
        },
        "ValidationException": {
            "modified multiple times within a fixed interval": "DynamoDB takes one change of ttl_attribute an hour: "
            "run again in an hour.",
        },
    }

    # ---- What is declared

    def prepare(self):
        options = self.options
        if options["state"] != "present":
            return
        indexes = options["global_indexes"] or []
        if options["billing_mode"] == "PAY_PER_REQUEST":
            options["provisioned_throughput"] = None
        elif options["billing_mode"] == "PROVISIONED":
            options["on_demand_throughput"] = None
        if options["on_demand_throughput"]:
            given = {key: value for key, value in options["on_demand_throughput"].items() if value is not None}
            options["on_demand_throughput"] = {**UNLIMITED, **given}
        for index in indexes:
            if options["billing_mode"] == "PAY_PER_REQUEST":
                index["provisioned_throughput"] = None
                index["on_demand_throughput"] = index["on_demand_throughput"] or options["on_demand_throughput"]
            elif options["billing_mode"] == "PROVISIONED":
                index["on_demand_throughput"] = None
                index["provisioned_throughput"] = index["provisioned_throughput"] or options["provisioned_throughput"]

    def refuse_keys(self):
        """What DynamoDB says of keys and attributes it says of one at a time, and not always where."""
        options = self.options
        attributes = options["attributes"]
        if attributes is None or options["hash_key"] is None:
            return
        used = {name: "the table" for name in (options["hash_key"], options["range_key"]) if name}
        for index in options["global_indexes"] or []:
            used |= dict.fromkeys([*index["hash_key"], *index["range_key"]], f"the index {index['name']}")
        for index in options["local_indexes"] or []:
            used[index["range_key"]] = f"the index {index['name']}"
        undeclared = [f"{name} ({whose})" for name, whose in used.items() if name not in attributes]
        if undeclared:
            raise ResourceError(f"The attributes of {self.title} lack {listed(undeclared)}: give their types.")
        # An option that isn't given is left alone, and may use them.
        unused = sorted(set(attributes) - set(used))
        if unused and options["global_indexes"] is not None and options["local_indexes"] is not None:
            raise ResourceError(
                f"The attributes of {self.title} have {listed(unused)}, of which no key is made: take them out; only "
                "keys are declared."
            )

    def own_key(self):
        range_key = self.options["range_key"]
        return key_schema([self.options["hash_key"]], [range_key] if range_key else [])

    def create_request(self):
        options = self.options
        request = super().create_request()
        request["KeySchema"] = self.own_key()
        if options["local_indexes"]:
            indexes = options["local_indexes"]
            request["LocalSecondaryIndexes"] = [local_index(index, options["hash_key"]) for index in indexes]
        if request.get("StreamSpecification") == stream(NO_STREAM):
            del request["StreamSpecification"]
        if options["on_demand_throughput"] == UNLIMITED:
            del request["OnDemandThroughput"]
        return request

    def predicted(self, current):
        future = super().predicted(current)
        if current is None:
            options = self.options
            future["KeySchema"] = self.own_key()
            indexes = options["local_indexes"] or []
            future["LocalSecondaryIndexes"] = [local_index(index, options["hash_key"]) for index in indexes]
        return future

    # ---- What there is

    def with_additions(self, description):
        # Of one that comes or goes there is nothing more to read, and it may be gone before that.
        if self.left is not None:
            return description
        if description["TableStatus"] in ("CREATING", "DELETING"):
            tags = self.additions[0]
            return {**description, tags.at: self.added(tags, description)}
        return super().with_additions(description)

    def complete(self, description):
        if "ContributorInsights" not in description:
            return description
        found = {item.get("IndexName"): item for item in description["ContributorInsights"]}
        names = [None, *(index["IndexName"] for index in description.get("GlobalSecondaryIndexes") or [])]
        summaries = []
        for name in names:
            item = found.get(name, {})
            on = item.get("ContributorInsightsStatus") in ("ENABLED", "ENABLING")
            mode = item.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS") if on else NO_INSIGHTS
            summaries.append({**({"IndexName": name} if name else {}), "ContributorInsightsMode": mode})
        return {**description, "ContributorInsights": summaries}

    def state_of(self, description):
        state = super().state_of(description)
        return "UPDATING" if state == "ACTIVE" and self.under_way(description) else state

    @staticmethod
    def under_way(description):
        """What of an active table isn't finished, as DynamoDB takes no other change until then."""
        found = [
            f"index {item['IndexName']} is {item['IndexStatus']}"
            + (" and being filled" if item.get("Backfilling") else "")
            for item in description.get("GlobalSecondaryIndexes") or []
            if item.get("IndexStatus", "ACTIVE") != "ACTIVE"
        ]
        found += [
            f"replica in {item['RegionName']} is {item['ReplicaStatus']}"
            for item in description.get("Replicas") or []
            if item.get("ReplicaStatus") in ("CREATING", "UPDATING", "DELETING")
        ]
        encrypted = (description.get("SSEDescription") or {}).get("Status")
        if encrypted in ("ENABLING", "DISABLING", "UPDATING"):
            found.append(f"encryption is {encrypted}")
        if (description.get("WarmThroughput") or {}).get("Status") == "UPDATING":
            found.append("warm throughput is UPDATING")
        return found

    def reasons(self, current):
        found = self.under_way(current)
        return f"Its {listed(found)}." if found else ""

    # ---- Refusals

    def refuse_immutable(self, changes):
        lost = {
            option: changes[option]
            for option in ("hash_key", "range_key", "local_indexes")
            if option in changes and not placeholder(changes[option].desired)
        }
        if lost:
            raise ResourceError(
                f"{self.title} can't be changed in place ({texts(lost)}), and its items would be lost with it. Go back "
                "to the present value; or make a table of another name, copy the items, and then remove this one."
            )
        super().refuse_immutable(changes)

    def refuse(self, current, changes):
        self.refuse_keys()
        if current is None:
            return
        if "attributes" in changes:
            self.refuse_types(changes["attributes"])
        change = changes.get("global_indexes")
        if change and not self.options["replace_indexes"]:
            others = [index["name"] for index in self.replaced(change.current, change.desired)]
            if others:
                raise ResourceError(
                    f"Keys and projection of an index can't be changed, and those of {listed(others)} of {self.title} "
                    "are declared otherwise. Add an index of another name, have it used, and then remove this one; or "
                    "give replace_indexes: true, and queries of it fail until it is filled again."
                )

    def refuse_types(self, change):
        differ = {name for name, kind in change.desired.items() if change.current.get(name, kind) != kind}
        used = {self.options["hash_key"], self.options["range_key"]}
        used |= {index["range_key"] for index in self.options["local_indexes"] or []}
        fixed = sorted(differ & used)
        if fixed:
            raise ResourceError(
                f"{self.title} can't be changed in place: the key {listed(fixed)} has another type "
                f"({texts({'attributes': change})}). Go back to the present type; or make a table of another name, "
                "copy the items, and then remove this one."
            )
        if not self.options["replace_indexes"]:
            raise ResourceError(
                f"{self.title} has indexes of {listed(sorted(differ))} with another type "
                f"({texts({'attributes': change})}). Give replace_indexes: true to have them made again; queries of "
                "them fail until they are filled."
            )

    def refuse_removal(self, current):
        super().refuse_removal(current)
        regions = [item["RegionName"] for item in current.get("Replicas") or []]
        if regions and self.options["replicas"] != []:
            raise ResourceError(
                f"{self.title} has replicas in {listed(regions)}. If they shall go, too, give replicas: [] together "
                "with state: absent."
            )

    # ---- Changes

    def update(self, members, doing):
        """One change of the table, and the table when it is done."""
        self.write("UpdateTable", {**self.named(), **members}, doing)
        return self.seen(self.settle(self.find_after_write(), acted=True))

    def update_stream(self, changes, current):
        change = changes["stream_view_type"]
        # DynamoDB refuses another view of a stream that is there.
        if change.current != NO_STREAM:
            self.update({"StreamSpecification": stream(NO_STREAM)}, f"end the stream of {self.title}")
        if change.desired != NO_STREAM:
            self.update({"StreamSpecification": stream(change.desired)}, f"begin the stream of {self.title}")

    def update_capacity(self, changes, current):
        """The mode and the capacity: on the way to PROVISIONED that of all indexes goes along."""
        members = {}
        switched = changes.get("billing_mode")
        if switched:
            members["BillingMode"] = switched.desired
        wanted = self.options["provisioned_throughput"]
        if wanted and (self.options["billing_mode"] or "PROVISIONED") == "PROVISIONED":
            have = None if switched else units_of(current.get("ProvisionedThroughput") or {})
            members["ProvisionedThroughput"] = units(nearest(have, wanted))
            if switched:
                declared = by_name(self.options["global_indexes"])
                updates = [
                    {
                        "Update": {
                            "IndexName": name,
                            "ProvisionedThroughput": units(
                                declared.get(name, {}).get("provisioned_throughput") or wanted
                            ),
                        }
                    }
                    for name in by_name(global_indexes_of(current.get("GlobalSecondaryIndexes") or []))
                ]
                members |= {"GlobalSecondaryIndexUpdates": updates} if updates else {}
        self.write("UpdateTable", {**self.named(), **members}, f"change the capacity of {self.title}")

    def update_warm(self, changes, current):
        change = changes["warm_throughput"]
        have = {
            "ReadUnitsPerSecond": (change.current or {}).get("read_units_per_second", 0),
            "WriteUnitsPerSecond": (change.current or {}).get("write_units_per_second", 0),
        }
        wanted = {
            "ReadUnitsPerSecond": change.desired.get("read_units_per_second", 0),
            "WriteUnitsPerSecond": change.desired.get("write_units_per_second", 0),
        }
        # It never goes down.
        warm = {member: max(have[member], wanted[member]) for member in have}
        self.write("UpdateTable", {**self.named(), "WarmThroughput": warm}, f"warm up {self.title}")

    def replaced(self, current, desired):
        """The indexes that are declared with other keys or another projection than they have."""
        have = by_name(current)
        return [index for index in desired if index["name"] in have and not same_shape(have[index["name"]], index)]

    def update_indexes(self, changes, current):
        """One index at a time: what is too much goes, then what is missing comes, then capacities change."""
        wanted = by_name(self.options["global_indexes"])
        have = by_name(global_indexes_of(current.get("GlobalSecondaryIndexes") or []))
        types = changes.get("attributes")
        retyped = (
            {name for name, kind in types.desired.items() if types.current.get(name, kind) != kind} if types else ()
        )
        for name, index in have.items():
            other = {*index["hash_key"], *index["range_key"]} & set(retyped)
            if self.options["global_indexes"] is not None and (
                name not in wanted or other or not same_shape(index, wanted[name])
            ):
                current = self.change_index("Delete", {"IndexName": name}, f"remove the index {name} of {self.title}")
        have = by_name(global_indexes_of(current.get("GlobalSecondaryIndexes") or []))
        for name, index in wanted.items():
            if name not in have:
                definitions = self.definitions_with(index, current)
                doing = f"add the index {name} to {self.title}"
                current = self.change_index("Create", global_index(index), doing, definitions)
        have = by_name(global_indexes_of(current.get("GlobalSecondaryIndexes") or []))
        for name, index in wanted.items():
            if not same_capacity(have[name], index):
                current = self.change_index(
                    "Update", self.capacity_change(have[name], index), f"change the capacity of {name} of {self.title}"
                )

    def change_index(self, what, index, doing, definitions=None):
        members = {"AttributeDefinitions": definitions} if definitions else {}
        return self.update({**members, "GlobalSecondaryIndexUpdates": [{what: index}]}, doing)

    def definitions_with(self, index, current):
        """The attributes that are used with one index more; DynamoDB refuses others."""
        used = [*index["hash_key"], *index["range_key"]]
        types = attribute_types(current["AttributeDefinitions"])
        return attribute_list({**types, **{name: self.options["attributes"][name] for name in used}})

    @staticmethod
    def capacity_change(have, index):
        change = {"IndexName": index["name"]}
        wanted, limits = index.get("provisioned_throughput"), index.get("on_demand_throughput")
        if wanted and not within(have["provisioned_throughput"], wanted):
            change["ProvisionedThroughput"] = units(nearest(have["provisioned_throughput"], wanted))
        if limits and {**UNLIMITED, **limits} != have["on_demand_throughput"]:
            change["OnDemandThroughput"] = on_demand(limits)
        return change

    def update_replicas(self, changes, current):
        change = changes["replicas"]
        for region in change.removed:
            self.remove_replica(region["region_name"])
        for replica in change.added:
            request = {"RegionName": replica["region_name"]}
            if replica.get("kms_key_arn"):
                request["KMSMasterKeyId"] = replica["kms_key_arn"]
            doing = f"add a replica in {replica['region_name']} to {self.title}"
            self.update({"ReplicaUpdates": [{"Create": request}]}, doing)

    def remove_replica(self, region):
        doing = f"remove the replica in {region} of {self.title}"
        self.update({"ReplicaUpdates": [{"Delete": {"RegionName": region}}]}, doing)

    def update_recovery(self, changes, current):
        days = changes["point_in_time_recovery_days"].desired
        recovery = {"PointInTimeRecoveryEnabled": days > 0} | ({"RecoveryPeriodInDays": days} if days else {})
        request = {**self.named(), "PointInTimeRecoverySpecification": recovery}
        self.write("UpdateContinuousBackups", request, f"change the recovery of {self.title}")

    def update_insights(self, changes, current):
        """Of the table and of each index, those that have another mode. A mode is changed by enabling it anew."""
        mode = changes["contributor_insights"].desired
        for item in current["ContributorInsights"]:
            if item["ContributorInsightsMode"] == mode:
                continue
            index = {"IndexName": item["IndexName"]} if "IndexName" in item else {}
            action = {"ContributorInsightsAction": "DISABLE"}
            if mode != NO_INSIGHTS:
                action = {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": mode}
            whose = f"the index {item['IndexName']} of {self.title}" if index else self.title
            self.write(
                "UpdateContributorInsights",
                {**self.named(), **index, **action},
                f"change the contributor insights of {whose}",
            )

    def update_ttl(self, changes, current):
        change = changes["ttl_attribute"]
        # DynamoDB refuses another attribute before the one that there is has ended.
        if change.current:
            self.change_ttl(False, change.current)
        if change.desired:
            self.change_ttl(True, change.desired)

    def change_ttl(self, on, attribute):
        request = {**self.named(), "TimeToLiveSpecification": {"Enabled": on, "AttributeName": attribute}}
        what = "expire" if on else "no longer expire"
        self.write("UpdateTimeToLive", request, f"have items of {self.title} {what} by {attribute}")

    def before_delete(self, current):
        for replica in current.get("Replicas") or []:
            self.remove_replica(replica["RegionName"])
        super().before_delete(current)


def main():
    keys = (
        "hash_key",
        "range_key",
        "kms_key_arn",
        "global_indexes.hash_key",
        "global_indexes.range_key",
        "global_indexes.non_key_attributes",
        "local_indexes.range_key",
        "local_indexes.non_key_attributes",
        "replicas.kms_key_arn",
    )
    run_module(Table, DOCUMENTATION, {key: {"no_log": False} for key in keys})


if __name__ == "__main__":
    main()
