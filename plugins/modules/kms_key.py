#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: kms_key
version_added: 0.1.0
short_description: Manage a symmetric KMS key with its alias
description:
  - Creates, changes and deletes a symmetric customer managed key with its alias, policy, rotation and tags.
  - The key is found by its alias. A key without it that carries the tags of O(owned_by) and the same C(Name) is what an
    interrupted run has left. It gets the alias instead of making another key. Of several the oldest gets it; of runs at
    once each removes the key that it has made itself if that is another.
  - With O(state=absent) all keys go that carry these tags, with the alias or without.
  - A key whose deletion is scheduled is taken back and enabled.
  - It replaces M(amazon.aws.kms_key), which in release 11.4.0 makes a second key when the run ended before the first
    had its alias, and has no rotation period.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  alias:
    description:
      - Name of the key, beginning with C(alias/). It is needed, here or in each entry of O(aggregate).
    type: str
  description:
    description:
      - What the key is for.
    type: str
  policy:
    description:
      - The key policy. AWS gives a new key one that lets IAM policies of the account allow everything if it isn't set.
      - Roles that it names must exist. One that was made a moment ago is waited for.
    type: json
  enabled:
    description:
      - Whether the key can be used.
    type: bool
    default: true
  rotation_enabled:
    description:
      - Whether AWS makes new key material from time to time. What was encrypted before stays readable.
    type: bool
  rotation_period_days:
    description:
      - Days between two rotations, from 90 to 2560. Needs O(rotation_enabled=true).
    type: int
  report_grants:
    description:
      - Whether to warn of each grant that lets another account use the key. AWS services make and retire grants all the
        time, so none is removed.
    type: bool
    default: false
  deletion_window_days:
    description:
      - Days that a deleted key can still be taken back, from 7 to 30.
    type: int
    default: 30
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a key that is rotated every half year
  agent_platform.aws.kms_key:
    alias: alias/demo
    description: Encrypts the data of demo
    rotation_enabled: true
    rotation_period_days: 180
    tags:
      Name: demo

- name: Make two keys, each with its policy
  agent_platform.aws.kms_key:
    aggregate:
      - {alias: alias/demo-logs, policy: "{{ logs_policy }}", tags: {Name: demo-logs}}
      - {alias: alias/demo-volumes, policy: "{{ volumes_policy }}", tags: {Name: demo-volumes}}
    rotation_enabled: true

- name: Delete the key in a week
  agent_platform.aws.kms_key:
    alias: alias/demo
    state: absent
    deletion_window_days: 7
"""

RETURN = r"""
key:
  description: The key as KMS describes it; empty when it is absent or its deletion is scheduled.
  returned: without O(aggregate)
  type: dict
  contains:
    alias_name:
      description: The alias, when it belongs to the key.
      type: str
      sample: alias/demo
    arn:
      description: ARN of the key. Not known in check mode before the key exists.
      type: str
      sample: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    key_id:
      description: ID of the key.
      type: str
    key_rotation_enabled:
      description: Whether the key is rotated.
      type: bool
    key_state:
      description: State of the key.
      type: str
    policy:
      description: The key policy.
      type: str
    rotation_period_in_days:
      description: Days between two rotations.
      type: int
    tags:
      description: Tags of the key.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update, tag_list
from ..module_utils.faults import DENIED_CODES, ResourceError, error_code
from ..module_utils.policies import policy
from ..module_utils.resource import Resource, run_module

MISSING = ("NotFoundException",)
DELETED = "PendingDeletion"
NO_ROTATION = {"KeyRotationEnabled": False, "RotationPeriodInDays": None}


class Key(Resource):
    service = "kms"
    kind = "KMS key"
    result = "key"
    names = {"AliasName": "alias"}
    unique_name = False
    capital_members = True
    describe = Describe("DescribeKey", "KeyMetadata", missing=MISSING)
    identifier = "KeyId"
    made_at = "CreationDate"
    create = Create("CreateKey", tags="Tags", names=(), made="KeyMetadata.KeyId")
    # Another run has scheduled it since we looked.
    delete = Delete("ScheduleKeyDeletion", missing=(*MISSING, "KMSInvalidStateException"), by="KeyId")
    settings = (
        Setting(
            "enabled",
            None,
            read="KeyState",
            update="state",
            update_members=(),
            encode=lambda enabled: "Enabled" if enabled else "Disabled",
            decode=lambda state: state == "Enabled",
        ),
        Setting("alias", None, read="AliasName", update="alias", update_members=("AliasName",)),
        Setting("description", "Description", update="description", absent=""),
        policy("policy", "Policy", update="policy"),
        Setting("rotation_enabled", None, read="KeyRotationEnabled", update="rotation", update_members=()),
        Setting(
            "rotation_period_days",
            None,
            read="RotationPeriodInDays",
            update="rotation",
            update_members=("RotationPeriodInDays",),
        ),
    )
    # A key whose deletion is scheduled takes no other change before that is undone.
    updates = {
        "state": Update("EnableKey", by="KeyId", clear="DisableKey"),
        "alias": Update("CreateAlias", by={"TargetKeyId": "KeyId"}),
        "description": Update("UpdateKeyDescription", by="KeyId"),
        "policy": Update("PutKeyPolicy", by="KeyId"),
        "rotation": Update("EnableKeyRotation", whole=True, by="KeyId", clear="DisableKeyRotation"),
    }
    additions = (
        Addition("GetKeyPolicy", "Policy", "Policy", by="KeyId", missing=MISSING),
        Addition(
            "GetKeyRotationStatus",
            "",
            by="KeyId",
            missing=(*MISSING, "KMSInvalidStateException"),
            empty=NO_ROTATION,
            take=lambda status: {member: status.get(member, none) for member, none in NO_ROTATION.items()},
        ),
        Addition("ListAliases", "Aliases.AliasName", "AliasName", by_hand=True),
        Addition("ListResourceTags", "Tags", "Tags", by_hand=True),
        Addition("ListGrants", "Grants", "Grants", by_hand=True),
    )
    extra_operations = ("CancelKeyDeletion", "ListKeys")
    unmanaged = {
        **dict.fromkeys(
            ("CreateGrant", "RetireGrant", "RevokeGrant"),
            "services make and retire them all the time; report_grants warns of those for other accounts",
        ),
        "UpdateAlias": "its effect is seen: the key without its alias gets it back",
        "RotateKeyOnDemand": "it changes nothing that is declared",
        **dict.fromkeys(
            (
                "CreateKey.CustomKeyStoreId",
                "CreateKey.CustomerMasterKeySpec",
                "CreateKey.KeySpec",
                "CreateKey.KeyUsage",
                "CreateKey.MultiRegion",
                "CreateKey.Origin",
                "CreateKey.XksKeyId",
                "DeleteImportedKeyMaterial",
                "ImportKeyMaterial",
                "ReplicateKey",
                "UpdatePrimaryRegion",
            ),
            "symmetric keys of one region with material of KMS's own; that can't be changed later",
        ),
        **dict.fromkeys(
            ("CreateKey.BypassPolicyLockoutSafetyCheck", "PutKeyPolicy.BypassPolicyLockoutSafetyCheck"),
            "KMS's check against locking everybody out stays on",
        ),
        "PutKeyPolicy.PolicyName": "a key has one policy, named default",
    }
    tagging = tag_list("TagResource", "UntagResource", by="KeyId")
    # KMS takes a moment to know everywhere what was just done: a role that was made, a key that was made, enabled, or
    # taken back from its deletion. Reads in between show now the one, now the other.
    steady = 2
    passing = {
        "MalformedPolicyDocumentException": ("principal",),
        "NotFoundException": ("",),
        "DisabledException": ("",),
        "KMSInvalidStateException": ("pending deletion",),
        # Another run has given it to its own key since we looked; the next look tells.
        "AlreadyExistsException": ("",),
    }

    def prepare(self):
        self.reported = set()  # grants

    def describe_request(self):
        return {"KeyId": self.options["alias"]}

    def find(self):
        absent = self.options["state"] == "absent"
        key = super().find()
        # For state=absent a key is gone when its deletion is scheduled. Its alias stays with it until then.
        if key and not (absent and key["KeyState"] == DELETED):
            self.twins = self.owned_keys(besides=key) if absent else ()
            self.viewed = (self.made,)  # who has the alias is what all go by
            return key
        found = self.owned_keys(besides=key)
        self.viewed = [item["KeyId"] for item in found]
        found = self.one_of(found)
        return self.complete(self.with_additions(found)) if found else None

    def owned_keys(self, besides):
        """Keys of ours without our alias: what runs have left that were interrupted, or that lost a race for it.

        KMS can't search by tags, so the tags of each key are read.
        """
        keys = [key["KeyId"] for key in self.read("ListKeys", {})["Keys"]] if self.options["owned_by"] else []
        found = []
        for key_id in sorted({*keys, self.made} - {None}):
            if besides and key_id == besides["KeyId"]:
                continue
            tags = self.read_tags(key_id)
            if key_id == self.made or self.marked([{"Tags": tags}], self.marks()):
                answer = self.read("DescribeKey", {"KeyId": key_id}, MISSING)
                found += [{**answer["KeyMetadata"], "Tags": tags}] if answer else []
        return [key for key in found if key["KeyState"] != DELETED]

    def read_tags(self, key_id):
        try:
            return (self.read("ListResourceTags", {"KeyId": key_id}, MISSING) or {}).get("Tags", [])
        except ResourceError as error:
            if error_code(error.cause) in DENIED_CODES:
                return []  # a key whose policy shuts us out isn't ours
            raise

    def warn_of_grants(self, description):
        """Of those that let another account use the key, each once."""
        own = description["Arn"].split(":")[4]
        for grant in (self.read("ListGrants", {"KeyId": description["KeyId"]}, MISSING) or {}).get("Grants", []):
            grantee = grant.get("GranteePrincipal", "")
            account = grantee.split(":")[4] if grantee.count(":") >= 5 else own  # a service is none
            if account != own and grant["GrantId"] not in self.reported:
                self.reported.add(grant["GrantId"])
                self.module.warn(
                    f"{self.title}: the grant {grant['GrantId']} lets {grantee} of another account use it"
                    f" ({', '.join(sorted(grant['Operations']))}). If it shall not, revoke the grant."
                )

    def complete(self, description):
        if self.options["report_grants"] and self.options["state"] == "present":
            self.warn_of_grants(description)
        key = {"KeyId": description["KeyId"]}
        aliases = (self.read("ListAliases", key, MISSING) or {}).get("Aliases", [])
        alias = next((item["AliasName"] for item in aliases if item["AliasName"] == self.options["alias"]), None)
        return {**description, "Tags": self.read_tags(description["KeyId"]), "AliasName": alias}

    def before_update(self, name, current):
        if name == "state" and current["KeyState"] == DELETED:
            self.write("CancelKeyDeletion", {"KeyId": current["KeyId"]}, f"take back {self.title}")

    def delete_request(self, current):
        return {**super().delete_request(current), "PendingWindowInDays": self.options["deletion_window_days"]}

    def tags_of(self, description):
        return {tag["TagKey"]: tag["TagValue"] for tag in description.get("Tags") or []}

    def encoded_tags(self, tags):
        return [{"TagKey": key, "TagValue": str(value)} for key, value in tags.items()]


def main():
    run_module(Key, DOCUMENTATION, required_by={"rotation_period_days": "rotation_enabled"})


if __name__ == "__main__":
    main()
