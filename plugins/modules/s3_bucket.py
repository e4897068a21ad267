#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_bucket
version_added: 0.1.0
short_description: Manage an S3 bucket with its encryption, access, policy and lifecycle rules
description:
  - Creates, changes and deletes a general purpose bucket with its Object Ownership, Block Public Access, policy,
    default encryption, versioning, lifecycle rules and tags.
  - The tags are part of the create call. So a bucket that an interrupted run has made bears those of O(owned_by), and
    the next run goes on with it.
  - It replaces M(amazon.aws.s3_bucket), which in release 11.4.0 has no check mode, tags a bucket in a call of its own,
    changes a bucket of that name whoever made it, and has no lifecycle rules.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the bucket. All AWS accounts share the names, so a part of it should be one's own, such as the account's
        number.
      - It is made in the region of the module. One that exists in another region is refused.
    type: str
    required: true
  object_ownership:
    description:
      - Who owns the objects that others write. V(BucketOwnerEnforced) turns access control lists off.
    type: str
    choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
  public_access_block:
    description:
      - Which public access is refused whatever a policy or an access control list allows. A switch that isn't set is
        left alone. AWS turns all four on for a new bucket.
    type: dict
    suboptions:
      block_public_acls:
        description: Whether to refuse access control lists that allow public access.
        type: bool
      ignore_public_acls:
        description: Whether to ignore such lists where they exist.
        type: bool
      block_public_policy:
        description: Whether to refuse a bucket policy that allows public access.
        type: bool
      restrict_public_buckets:
        description: Whether to keep out others than AWS services and this account where such a policy exists.
        type: bool
  policy:
    description:
      - The bucket policy. An empty document, C({}), removes it.
      - Roles that it names must exist. One that was made a moment ago is waited for.
    type: json
  encryption:
    description:
      - How objects are encrypted that come in without a choice of their own.
    type: dict
    suboptions:
      algorithm:
        description: V(AES256) is a key of S3, V(aws:kms) one of KMS.
        type: str
        required: true
        choices: [AES256, "aws:kms"]
      kms_key_id:
        description:
          - ARN of the KMS key, for V(aws:kms). An empty text goes back to the key that AWS manages for S3.
        type: str
      bucket_key_enabled:
        description: Whether S3 asks KMS for one key per bucket and not for one per object.
        type: bool
  versioning:
    description:
      - Whether overwritten and deleted objects are kept as versions. It can't be turned off again, only suspended.
        A bucket for which it never was enabled is as good as one for which it is V(suspended).
    type: str
    choices: [enabled, suspended]
  lifecycle_rules:
    description:
      - The rules by which S3 deletes objects. All others are removed, also those that move objects to another storage
        class. An empty list removes all.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule.
        type: str
        required: true
      prefix:
        description: Which objects it is for, by the beginning of their keys. All, if it is empty.
        type: str
        default: ""
      expiration_days:
        description: Age at which objects are deleted; with versioning they become noncurrent versions.
        type: int
      noncurrent_expiration_days:
        description: How long noncurrent versions are kept.
        type: int
      abort_incomplete_multipart_days:
        description: Age at which uploads in parts that were never completed are given up.
        type: int
      status:
        description: Whether the rule is in force.
        type: str
        choices: [enabled, disabled]
        default: enabled
  logging:
    description:
      - Where S3 delivers the access logs of the bucket. An empty mapping, C({}), turns them off.
    type: dict
    suboptions:
      target_bucket:
        description:
          - Name of the bucket that gets the logs, of the same account and region. Its policy must let
            C(logging.s3.amazonaws.com) put objects in. It has no default encryption with a key of KMS, and no logs of
            its own that go to itself.
        type: str
      target_prefix:
        description: How the keys of the logs begin.
        type: str
        default: ""
      partitioned_by:
        description:
          - Whether the keys have the account, the region, the bucket and the day besides, and by what that is.
        type: str
        choices: [EventTime, DeliveryTime]
  purge_configurations:
    description:
      - Whether to remove what others have configured of the bucket and this module has no option for, of all that lets
        data out or changes how the bucket answers. CORS rules, a website, replication, event notifications, access
        logs (unless O(logging) is set), inventories and analyses are removed, requester pays and transfer acceleration
        are turned off.
    type: bool
    default: false
  force_destroy:
    description:
      - With O(state=absent), whether to delete all objects, with all their versions, for good first.
      - With V(false), the module fails on a bucket that isn't empty, also in check mode.
      - Objects that Object Lock protects are not deleted in any case.
    type: bool
    default: false
notes:
  - To create a bucket with tags, the identity needs C(s3:TagResource) besides C(s3:CreateBucket).
  - AWS gives the name of a deleted bucket free after a while only. With O(wait=true) a create waits for that, up to
    O(wait_timeout).
  - The tags of a bucket for which attribute based access control (ABAC) is turned on can't be changed with this module.
    S3 has other calls for them.
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a private, encrypted bucket with versions that are kept for a month
  agent_platform.aws.s3_bucket:
    name: demo-documents-123456789012
    object_ownership: BucketOwnerEnforced
    public_access_block:
      block_public_acls: true
      ignore_public_acls: true
      block_public_policy: true
      restrict_public_buckets: true
    policy:
      Version: "2012-10-17"
      Statement:
        - Sid: OnlyEncryptedConnections
          Effect: Deny
          Principal: "*"
          Action: s3:*
          Resource:
            - arn:aws:s3:::demo-documents-123456789012
            - arn:aws:s3:::demo-documents-123456789012/*
          Condition: {Bool: {"aws:SecureTransport": "false"}}
    encryption:
      algorithm: aws:kms
      kms_key_id: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
      bucket_key_enabled: true
    versioning: enabled
    lifecycle_rules:
      - id: old-versions
        noncurrent_expiration_days: 30
        abort_incomplete_multipart_days: 7
    tags:
      Project: demo

- name: Delete a bucket with all that is in it
  agent_platform.aws.s3_bucket:
    name: demo-documents-123456789012
    owned_by:
      Project: demo
    force_destroy: true
    state: absent
"""

RETURN = r"""
bucket:
  description: The bucket; empty when it is absent. Of what has an option, that which is set.
  returned: always
  type: dict
  contains:
    name:
      description: Name of the bucket.
      type: str
      sample: demo-documents-123456789012
    arn:
      description: ARN of the bucket.
      type: str
      sample: "arn:aws:s3:::demo-documents-123456789012"
    region:
      description: Region that the bucket is in.
      type: str
      sample: us-west-2
    object_ownership:
      description: Who owns the objects that others write.
      type: str
    public_access_block:
      description: The four switches of Block Public Access.
      type: dict
    policy:
      description: The bucket policy; missing when there is none.
      type: dict
    encryption:
      description: The rule of the default encryption, as S3 describes it.
      type: dict
    configurations:
      description: What O(purge_configurations) removes, as far as there is any.
      type: list
      elements: str
    versioning:
      description: V(Enabled) or V(Suspended); missing when it never was enabled.
      type: str
    lifecycle_rules:
      description: The lifecycle rules, as S3 describes them; missing when there are none.
      type: list
      elements: dict
    tags:
      description: Tags of the bucket.
      type: dict
"""

import operator
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.calls import Repeat
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.faults import AWS_ERRORS, THROTTLING_CODES, ResourceError, error_code
from ..module_utils.finding import VISIBLE_AFTER
from ..module_utils.policies import policy, to_document
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import set_path, without_unset

HOME = "us-east-1"  # the region that a create call doesn't name
SWITCHES = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
ACTIONS = {
    "expiration_days": ("Expiration", "Days"),
    "noncurrent_expiration_days": ("NoncurrentVersionExpiration", "NoncurrentDays"),
    "abort_incomplete_multipart_days": ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
}


@dataclass(frozen=True)
class Configuration:
    """Something of a bucket that has no option: how it is read, when there is any, and how it is removed.

    remove: members of the request that removes it, besides the bucket's name. each: there are several, which are
    removed one by one, by their Id.
    """

    read: str
    there: Callable[[Mapping], Any]
    operation: str
    remove: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    each: bool = False


ACCESS_LOGS = "access logs"
# What lets data out, or changes how the bucket answers. Transfer acceleration isn't known in all partitions.
CONFIGURATIONS = {
    "acceleration": Configuration(
        "GetBucketAccelerateConfiguration",
        lambda answer: answer.get("Status") == "Enabled",
        "PutBucketAccelerateConfiguration",
        {"AccelerateConfiguration": {"Status": "Suspended"}},
        missing=("MethodNotAllowed", "NotImplemented", "UnsupportedArgument"),
    ),
    ACCESS_LOGS: Configuration(
        "GetBucketLogging",
        lambda answer: answer.get("LoggingEnabled"),
        "PutBucketLogging",
        {"BucketLoggingStatus": {}},
    ),
    "analyses": Configuration(
        "ListBucketAnalyticsConfigurations",
        lambda answer: ids_of(answer.get("AnalyticsConfigurationList")),
        "DeleteBucketAnalyticsConfiguration",
        each=True,
    ),
    "CORS rules": Configuration(
        "GetBucketCors",
        lambda answer: answer.get("CORSRules"),
        "DeleteBucketCors",
        missing=("NoSuchCORSConfiguration",),
    ),
    "event notifications": Configuration(
        "GetBucketNotificationConfiguration",
        # No events for EventBridge is an empty structure.
        lambda answer: {key for key in answer if key != "ResponseMetadata"},
        "PutBucketNotificationConfiguration",
        {"NotificationConfiguration": {}},
    ),
    "inventories": Configuration(
        "ListBucketInventoryConfigurations",
        lambda answer: ids_of(answer.get("InventoryConfigurationList")),
        "DeleteBucketInventoryConfiguration",
        each=True,
    ),
    "replication": Configuration(
        "GetBucketReplication",
        lambda answer: answer.get("ReplicationConfiguration"),
        "DeleteBucketReplication",
        missing=("ReplicationConfigurationNotFoundError",),
    ),
    "requester pays": Configuration(
        "GetBucketRequestPayment",
        lambda answer: answer.get("Payer") == "Requester",
        "PutBucketRequestPayment",
        {"RequestPaymentConfiguration": {"Payer": "BucketOwner"}},
    ),
    "website": Configuration(
        "GetBucketWebsite",
        lambda answer: {key for key in answer if key != "ResponseMetadata"},
        "DeleteBucketWebsite",
        missing=("NoSuchWebsiteConfiguration",),
    ),
}
# The permissions of IAM that aren't called as the operation is.
PERMISSIONS = {
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketReplication": "GetReplicationConfiguration",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "CreateBucket": "CreateBucket and s3:TagResource",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObjectVersion",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "ListObjectVersions": "ListBucketVersions",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    **{
        operation: operation.removesuffix("Configuration")
        for operation in ("GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration")
    },
}
BLOCKED_POLICY = "BlockPublicPolicy"
ACL_IN_USE = "InvalidBucketAclWithObjectOwnership"
# What AWS may say of one object of many, though nothing is wrong with it.
PASSING_FAULTS = {"InternalError", "ServiceUnavailable"}


def ids_of(configurations):
    return [configuration["Id"] for configuration in configurations or []]


def to_rules(rules):
    """Lifecycle rules in the terms of the API."""
    return [
        {
            "ID": rule["id"],
            "Filter": {"Prefix": rule["prefix"]},
            "Status": rule["status"].capitalize(),
            **{action: {member: rule[option]} for option, (action, member) in ACTIONS.items() if option in rule},
        }
        for rule in rules
    ]


def from_rule(rule):
    """A lifecycle rule in the module's terms; what they don't cover is named as other, which makes it another rule."""
    rest = dict(rule)
    ours = {"id": rest.pop("ID", ""), "status": rest.pop("Status").lower()}
    # Older rules have the prefix outside of the filter.
    filters = {"Prefix": rest.pop("Prefix", ""), **rest.pop("Filter", {})}
    ours["prefix"] = filters.pop("Prefix")
    for option, (action, member) in ACTIONS.items():
        if set(rest.get(action, {})) == {member}:
            ours[option] = rest.pop(action)[member]
    other = sorted([*filters, *rest])
    return {**ours, "other": other} if other else ours


def from_rules(rules):
    return [from_rule(rule) for rule in rules]


def same_rules(have, want):
    return {rule["id"]: rule for rule in have} == {rule["id"]: rule for rule in want}


def from_encryption(rule):
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return {
        "algorithm": default.get("SSEAlgorithm"),
        "kms_key_id": default.get("KMSMasterKeyID"),
        "bucket_key_enabled": rule.get("BucketKeyEnabled", False),
    }


def given_logging(logging):
    """Empty where it is off, whatever defaults its parts have."""
    if not logging["target_bucket"]:
        if logging["target_prefix"] or logging["partitioned_by"]:
            raise ValueError("has no target_bucket: name the bucket that gets the logs")
        return {}
    return without_unset(logging)


def to_logging(logging):
    if not logging:
        return {}
    named = {"TargetBucket": logging["target_bucket"], "TargetPrefix": logging["target_prefix"]}
    source = logging.get("partitioned_by")
    return (
        {**named, "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": source}}} if source else named
    )


def from_logging(enabled):
    """In the module's terms; grants, which it has none for, are named as other."""
    source = enabled.get("TargetObjectKeyFormat", {}).get("PartitionedPrefix", {}).get("PartitionDateSource")
    found = {"target_bucket": enabled["TargetBucket"], "target_prefix": enabled.get("TargetPrefix", "")}
    other = {"other": ["TargetGrants"]} if enabled.get("TargetGrants") else {}
    return {**found, **({"partitioned_by": source} if source else {}), **other}


def versions_of(page):
    """The names of what a page of ListObjectVersions shows."""
    found = page.get("Versions", []) + page.get("DeleteMarkers", [])
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]


class Bucket(Resource):
    service = "s3"
    kind = "S3 bucket"
    result = "bucket"
    names = {"Bucket": "name"}
    capital_members = True
    describe = Describe("HeadBucket", "", missing=("404",))
    create = Create("CreateBucket", exists=("BucketAlreadyOwnedByYou",), tags="CreateBucketConfiguration.Tags")
    delete = Delete("DeleteBucket", missing=("NoSuchBucket",))
    settings = (
        Setting("object_ownership", "ObjectOwnership", update="ownership", update_members=("OwnershipControls",)),
        Setting(
            "public_access_block",
            None,
            read="PublicAccessBlock",
            update="public_access",
            update_members=("PublicAccessBlockConfiguration",),
            partial=True,
            absent=dict.fromkeys(SWITCHES, False),
        ),
        policy("policy", None, read="Policy", update="policy", update_members=("Policy",)),
        Setting(
            "encryption",
            None,
            read="Encryption",
            update="encryption",
            update_members=("ServerSideEncryptionConfiguration",),
            decode=from_encryption,
        ),
        Setting(
            "versioning",
            None,
            read="Versioning",
            update="versioning",
            update_members=("VersioningConfiguration.Status",),
            absent="suspended",
            encode=str.capitalize,
            decode=str.lower,
        ),
        Setting(
            "lifecycle_rules",
            None,
            read="LifecycleRules",
            update="lifecycle",
            update_members=("LifecycleConfiguration.Rules",),
            same=same_rules,
            key="id",
            absent=[],
            encode=to_rules,
            decode=from_rules,
        ),
        Setting(
            "logging",
            None,
            read="Logging",
            update="logging",
            update_members=("BucketLoggingStatus.LoggingEnabled",),
            same=lambda have, want: have == want,
            absent={},
            given=given_logging,
            encode=to_logging,
            decode=from_logging,
        ),
        Setting(
            "purge_configurations",
            None,
            read="Configurations",
            update="configurations",
            update_members=(),
            absent=[],
            same=lambda have, purge: not (purge and have),
            encode=lambda purge: [],
        ),
    )
    # In this order: public access must be allowed before a policy can give it, and the policy comes before the rest,
    # because the old one may forbid what the new one allows.
    updates = {
        "ownership": Update("PutBucketOwnershipControls"),
        "public_access": Update("PutPublicAccessBlock"),
        "policy": Update("PutBucketPolicy", clear="DeleteBucketPolicy"),
        "encryption": Update("PutBucketEncryption"),
        "versioning": Update("PutBucketVersioning"),
        "lifecycle": Update("PutBucketLifecycleConfiguration", clear="DeleteBucketLifecycle"),
        "logging": Update("PutBucketLogging"),
        "configurations": Update("DeleteBucketWebsite"),
    }
    additions = (
        Addition("GetBucketTagging", "TagSet", "Tags", missing=("NoSuchTagSet",), empty=[]),
        Addition(
            "GetBucketOwnershipControls",
            "OwnershipControls.Rules.ObjectOwnership",
            "ObjectOwnership",
            missing=("OwnershipControlsNotFoundError",),
            take=operator.itemgetter(0),
            option="object_ownership",
        ),
        Addition(
            "GetPublicAccessBlock",
            "PublicAccessBlockConfiguration",
            "PublicAccessBlock",
            missing=("NoSuchPublicAccessBlockConfiguration",),
            option="public_access_block",
        ),
        Addition(
            "GetBucketPolicy",
            "Policy",
            "Policy",
            missing=("NoSuchBucketPolicy",),
            take=to_document,
            option="policy",
        ),
        Addition(
            "GetBucketEncryption",
            "ServerSideEncryptionConfiguration.Rules",
            "Encryption",
            missing=("ServerSideEncryptionConfigurationNotFoundError",),
            take=operator.itemgetter(0),
            option="encryption",
        ),
        Addition("GetBucketVersioning", "Status", "Versioning", option="versioning"),
        Addition(
            "GetBucketLifecycleConfiguration",
            "Rules",
            "LifecycleRules",
            missing=("NoSuchLifecycleConfiguration",),
            option="lifecycle_rules",
        ),
        Addition("GetBucketLogging", "LoggingEnabled", "Logging", option="logging"),
        *(
            Addition(configuration.read, "", "Configurations", by_hand=True)
            for configuration in CONFIGURATIONS.values()
        ),
    )
    extra_operations = (
        "DeleteObjects",
        "ListObjectVersions",
        "PutBucketAcl",
        *(configuration.operation for configuration in CONFIGURATIONS.values()),
    )
    unmanaged = {
        **dict.fromkeys(
            (
                "CreateBucketMetadataConfiguration",
                "CreateBucketMetadataTableConfiguration",
                "DeleteBucketMetadataConfiguration",
                "DeleteBucketMetadataTableConfiguration",
                "UpdateBucketMetadataAnnotationTableConfiguration",
                "UpdateBucketMetadataInventoryTableConfiguration",
                "UpdateBucketMetadataJournalTableConfiguration",
            ),
            "tables of the objects' metadata stay in the account",
        ),
        **dict.fromkeys(("DeleteBucketMetricsConfiguration", "PutBucketMetricsConfiguration"), "they only count"),
        **dict.fromkeys(
            ("DeleteBucketIntelligentTieringConfiguration", "PutBucketIntelligentTieringConfiguration"),
            "only for objects of that storage class",
        ),
        **dict.fromkeys(
            (
                "PutBucketAnalyticsConfiguration",
                "PutBucketCors",
                "PutBucketInventoryConfiguration",
                "PutBucketReplication",
                "PutBucketWebsite",
            ),
            "their effect is seen; purge_configurations says that it is undone",
        ),
        "PutBucketAbac": "with it on, tags can't be changed, and the run says so",
        **dict.fromkeys(
            ("PutObjectLockConfiguration", "CreateBucket.ObjectLockEnabledForBucket"),
            "it can't be turned off again; a removal tells of objects that are locked",
        ),
        "PutBucketVersioning.VersioningConfiguration.MFADelete": "only the account's root user can turn it on or off",
        **dict.fromkeys(
            ("DeleteBucketEncryption", "DeleteBucketOwnershipControls", "DeletePublicAccessBlock"),
            "their effect is seen, and what is declared put back",
        ),
        **dict.fromkeys(
            ("PutBucketLifecycle", "PutBucketNotification"),
            "older forms of PutBucketLifecycleConfiguration and PutBucketNotificationConfiguration",
        ),
        **dict.fromkeys(
            (
                "CreateBucket.ACL",
                "CreateBucket.GrantFullControl",
                "CreateBucket.GrantRead",
                "CreateBucket.GrantReadACP",
                "CreateBucket.GrantWrite",
                "CreateBucket.GrantWriteACP",
            ),
            "a bucket is made without access control lists",
        ),
        **dict.fromkeys(
            (
                "CreateBucket.BucketNamespace",
                "CreateBucket.CreateBucketConfiguration.Bucket",
                "CreateBucket.CreateBucketConfiguration.Location",
            ),
            "general purpose buckets in a region",
        ),
        "PutBucketPolicy.ConfirmRemoveSelfBucketAccess": "S3's check against locking oneself out stays on",
        "PutBucketLifecycleConfiguration.TransitionDefaultMinimumObjectSize": "no rule moves objects",
    }
    tagging = Tagging(
        "PutBucketTagging",
        "DeleteBucketTagging",
        read="Tags",
        style="list",
        tags_member="Tagging.TagSet",
        keys_member=None,
    )
    free_form = ("Policy",)
    # A new bucket isn't known everywhere at once, nor is a role that the policy names.
    passing = {
        "InvalidTargetBucketForLogging": ("does not exist",),
        "MalformedPolicy": ("Invalid principal",),
        "NoSuchBucket": ("",),
        "OperationAborted": ("",),
    }
    hints = {
        # HeadBucket has no answer but its status.
        "400": {"": "Renew the AWS credentials, check the region, and run again."},
        "403": {
            "": "If the bucket is one of another account, choose another name. "
            "If it is yours, allow s3:ListBucket for the identity of this run."
        },
        "AccessDenied": {
            BLOCKED_POLICY: "Narrow the policy, or set public_access_block.block_public_policy: false if it shall be "
            "public, and run again.",
            "object lock": "Wait for the end of the retention, or remove the legal hold, and run again.",
        },
        "BucketAlreadyExists": {
            "": "All AWS accounts share the names of buckets, and another one has this bucket. "
            "Choose another name, for example with the account's number in it."
        },
        "BucketNotEmpty": {
            "": "Set force_destroy: true to delete all that is in it for good. "
            "If it is set, end what writes into the bucket. Then run again."
        },
        "InvalidBucketName": {
            "": "A name has 3 to 63 small letters, digits and hyphens, and begins and ends with one of the first two."
        },
        "InvalidTargetBucketForLogging": {
            "": "The bucket for logs must be there, in the account and region of this one, and its policy must let "
            "logging.s3.amazonaws.com put objects in (s3:PutObject)."
        },
        "TooManyBuckets": {"": "Remove what is unused or ask for a higher quota in Service Quotas, and run again."},
    }

    def prepare(self):
        self.configured = {}  # what there is that purge_configurations removes, by its name
        if self.options["force_destroy"]:
            # Something was written while the bucket was emptied.
            self.passing = {**self.passing, "BucketNotEmpty": ("",)}

    # ---- Reading

    def find(self):
        try:
            return super().find()
        except ResourceError as error:
            # One part of S3 knows the bucket, another one not yet or no more.
            if error_code(error.cause) == "NoSuchBucket":
                return None
            raise

    def identity(self, region=None):
        name = self.options["name"]
        arn = f"arn:{self.reader.meta.partition}:s3:::{name}"
        return {"Name": name, "Arn": arn, "Region": region or self.module.region}

    def normal(self, description):
        return self.identity(description.get("BucketRegion"))

    def complete(self, description):
        if self.options["state"] == "absent" or not self.options["purge_configurations"]:
            return description
        self.configured = {}
        for name, configuration in CONFIGURATIONS.items():
            if name == ACCESS_LOGS and self.options["logging"] is not None:
                continue
            answer = self.read(configuration.read, self.named(), configuration.missing)
            there = configuration.there(answer) if answer else None
            if there:
                self.configured[name] = there
        return {**description, "Configurations": sorted(self.configured)} if self.configured else description

    def contents(self):
        """What the bucket holds, page by page; the next one is read when the former has been dealt with."""
        marker = {}
        while True:
            try:
                page = self.reader.list_object_versions(**self.named(), **marker)
            except AWS_ERRORS as error:
                if error_code(error) in self.delete.missing:
                    return
                raise self.failure(error, f"list the contents of {self.title}", "ListObjectVersions") from error
            yield page
            if not page.get("IsTruncated"):
                return
            markers = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
            marker = without_unset(markers)

    # ---- Deciding

    def check_owner(self, current):
        # A bucket that this run has made may show the tags that it was made with a moment later.
        if not (self.accepted and current and not self.tags_of(current)):
            super().check_owner(current)

    def refuse(self, current, changes):
        if current and current["Region"] != self.module.region:
            raise ResourceError(
                f"{self.title} is in region {current['Region']} and can't be moved to {self.module.region}. "
                "Set the region to that of the bucket, or choose another name."
            )
        encryption = self.options["encryption"]
        if encryption and encryption["kms_key_id"] and encryption["algorithm"] == "AES256":
            raise ResourceError(f"The encryption of {self.title} has a kms_key_id, which needs algorithm aws:kms.")

    def predicted(self, current):
        future = super().predicted(current or self.identity())
        if self.options["policy"] is not None:
            future["Policy"] = self.options["policy"]
        if self.options["encryption"] is not None:
            future["Encryption"] = self.encryption_rule(current or {})
        for member in ("Policy", "LifecycleRules"):
            if not future.get(member):
                future.pop(member, None)
        return future

    def permission(self, operation, service):
        return super().permission(PERMISSIONS.get(operation, operation), service)

    # ---- Creating and changing

    def make_present(self, current):
        current = super().make_present(current)
        if self.check_mode or not self.changed:
            return current
        # S3 may show what has changed a moment later.
        deadline = time.monotonic() + (VISIBLE_AFTER if self.options["wait"] else 0)
        while time.monotonic() < deadline and (not current or self.changes(current) or any(self.tag_changes(current))):
            time.sleep(1)
            current = self.find()
        return self.seen(current)

    def create_request(self):
        request = super().create_request()
        if self.module.region != HOME:
            set_path(request, "CreateBucketConfiguration.LocationConstraint", self.module.region)
        return request

    def make(self):
        deadline = time.monotonic() + self.wait_timeout
        while True:
            try:
                current = super().make()
            except Repeat as repeat:
                if error_code(repeat.error) != "OperationAborted" or not self.options["wait"]:
                    raise
                if time.monotonic() + self.poll > deadline:
                    raise ResourceError(
                        f"{repeat} If a bucket of that name was deleted a while ago, AWS needs up to an hour to give "
                        "the name free: run again later, raise wait_timeout, or choose another name.",
                        repeat.error,
                    ) from repeat
                time.sleep(self.poll)
            else:
                # In us-east-1 a second create is a success, too, so the bucket may be someone else's of this account.
                self.check_owner(current)
                return current

    def update_configurations(self, _changes, _current):
        for name, there in self.configured.items():
            configuration = CONFIGURATIONS[name]
            for more in [{"Id": one} for one in there] if configuration.each else [configuration.remove]:
                self.write(configuration.operation, {**self.named(), **more}, f"remove the {name} of {self.title}")

    def update_logging(self, _changes, _current):
        enabled = to_logging(self.options["logging"])
        self.put(
            "PutBucketLogging", {"BucketLoggingStatus": {"LoggingEnabled": enabled} if enabled else {}}, ACCESS_LOGS
        )

    def update_ownership(self, _changes, _current):
        ownership = {"OwnershipControls": {"Rules": [{"ObjectOwnership": self.options["object_ownership"]}]}}
        try:
            self.put("PutBucketOwnershipControls", ownership, "object ownership")
        except ResourceError as error:
            if error_code(error.cause) != ACL_IN_USE:
                raise
            # S3 turns access control lists off only where that of the bucket gives nobody else anything.
            self.put("PutBucketAcl", {"ACL": "private"}, "access control list")
            self.put("PutBucketOwnershipControls", ownership, "object ownership")

    def put(self, operation, members, what):
        self.write(operation, {**self.named(), **members}, f"update the {what} of {self.title}")

    def before_update(self, name, current):
        switches = self.options["public_access_block"]
        if name == "public_access" and switches.get("block_public_policy") is False:
            # The switch may work a moment later.
            self.passing = {**self.passing, "AccessDenied": (BLOCKED_POLICY,)}

    def update_encryption(self, _changes, current):
        rules = [self.encryption_rule(current)]
        self.put("PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}}, "encryption")

    def encryption_rule(self, current):
        """What of the rule isn't declared is taken from what is there: the call replaces the whole."""
        declared = without_unset(self.options["encryption"])
        rule = dict(current.get("Encryption", {}))
        default = {"SSEAlgorithm": declared["algorithm"]}
        present = rule.get("ApplyServerSideEncryptionByDefault", {})
        kept = present.get("KMSMasterKeyID") if present.get("SSEAlgorithm") == declared["algorithm"] else None
        key = declared.get("kms_key_id", kept)
        rule["ApplyServerSideEncryptionByDefault"] = {**default, "KMSMasterKeyID": key} if key else default
        if "bucket_key_enabled" in declared:
            rule["BucketKeyEnabled"] = declared["bucket_key_enabled"]
        return rule

    # ---- Deleting

    def refuse_removal(self, current):
        if self.options["force_destroy"]:
            return
        page = next(self.contents(), {})
        held = len(versions_of(page))
        if held:
            count = f"more than {held}" if page.get("IsTruncated") else held
            raise ResourceError(
                f"{self.title} isn't empty: with older versions and delete markers, it holds {count} object(s). "
                "Set force_destroy: true to delete them for good, or empty it, and run again."
            )

    def before_delete(self, current):
        if not self.options["force_destroy"]:
            return
        # A page has as many as one call deletes at most, 1000.
        for page in self.contents():
            if found := versions_of(page):
                request = {**self.named(), "Delete": {"Objects": found, "Quiet": True}}
                self.write("DeleteObjects", request, f"empty {self.title}", self.delete.missing)

    def refused(self, operation, request, response):
        # DeleteObjects succeeds with a list of what it could not delete.
        refused = response.get("Errors", []) if operation == "DeleteObjects" else []
        if not refused:
            return []
        # What passes by itself is told only where nothing else is.
        passing = PASSING_FAULTS | THROTTLING_CODES
        told = next((item for item in refused if item.get("Code") not in passing), refused[0])
        named = f"{told.get('Key')!r} in version {told.get('VersionId')}"
        count = f"{len(refused)} of {len(request['Delete']['Objects'])}"
        text = f"{str(told.get('Message')).rstrip('.')} ({count} objects, such as {named})"
        status = 503 if told.get("Code") in PASSING_FAULTS else 400
        return [{"Code": told.get("Code"), "Message": text, "ResponseMetadata": {"HTTPStatusCode": status}}]


def main():
    run_module(Bucket, DOCUMENTATION, {"lifecycle_rules": {"required_one_of": [tuple(ACTIONS)]}})


if __name__ == "__main__":
    main()
