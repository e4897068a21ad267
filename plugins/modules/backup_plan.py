#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_plan
version_added: 0.1.0
short_description: Manage a plan of AWS Backup
description:
  - Creates, changes, tags and deletes a plan, which says when backups are made and how long they are kept. What they
    are made of say its selections, see M(agent_platform.aws.backup_selection).
  - AWS doesn't ask for different names. Of several plans of the name the one that is ours counts.
  - A plan that has selections isn't deleted; the module then fails and names them.
  - It replaces M(amazon.aws.backup_plan), which changes a plan of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, 1 to 50 letters, digits, hyphens, underscores and dots.
    type: str
    required: true
  rules:
    description:
      - When backups are made. It is needed to create the plan. A rule that isn't declared is removed, and what a
        declared one has besides, such as a copy elsewhere.
    type: list
    elements: dict
    suboptions:
      name:
        description: Its name, 1 to 50 letters, digits, hyphens, underscores and dots.
        type: str
        required: true
      vault_name:
        description: Name of the vault that the backups go to.
        type: str
        required: true
      schedule:
        description: When, as a C(cron) expression of AWS, at most once an hour.
        type: str
        required: true
      schedule_timezone:
        description: Time zone of the schedule.
        type: str
        default: Etc/UTC
      start_window_minutes:
        description: Within how many minutes a backup must begin, or it is given up. 60 or more.
        type: int
        default: 480
      completion_window_minutes:
        description: Within how many minutes it must be complete, counted from the schedule.
        type: int
        default: 10080
      delete_after_days:
        description: After how many days a backup is removed. They are kept for ever if it isn't set.
        type: int
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Back up daily
  agent_platform.aws.backup_plan:
    name: demo-bastion
    rules:
      - name: daily
        vault_name: demo-bastion
        schedule: cron(0 2 * * ? *)
        start_window_minutes: 60
        completion_window_minutes: 720
        delete_after_days: 35
    owned_by:
      Project: demo
    tags:
      Project: demo

- name: Delete the plan, which must have no selections any more
  agent_platform.aws.backup_plan:
    name: demo-bastion
    state: absent
"""

RETURN = r"""
backup_plan:
  description: The plan as AWS Backup describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    backup_plan:
      description: What it says.
      type: dict
    backup_plan_arn:
      description: Its ARN. Not known in check mode before it exists.
      type: str
      sample: arn:aws:backup:us-west-2:123456789012:backup-plan:1fa2ae58-8d4c-4a7e-a7a0-0b2b4d2f3b43
    backup_plan_id:
      description: Its ID. Not known in check mode before it exists.
      type: str
    version_id:
      description: ID of its version, which each change makes anew.
      type: str
    tags:
      description: Its tags.
      type: dict
"""

from ..module_utils.backup import MISSING, BackupResource, backup_tagging, listed_tags
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, listed, set_path, snake

ARN = "BackupPlanArn"
ID = "BackupPlanId"
# The members of a rule by the suboptions that say them, and what AWS puts in their place.
MEMBERS = {
    "name": ("RuleName", None),
    "vault_name": ("TargetBackupVaultName", None),
    "schedule": ("ScheduleExpression", None),
    "schedule_timezone": ("ScheduleExpressionTimezone", "Etc/UTC"),
    "start_window_minutes": ("StartWindowMinutes", 480),
    "completion_window_minutes": ("CompletionWindowMinutes", 10080),
    "delete_after_days": ("Lifecycle.DeleteAfterDays", None),
}
# Of the plan itself, which the update would take away.
BESIDE = ("AdvancedBackupSettings", "ScanSettings")


def to_rules(rules):
    encoded = []
    for rule in rules:
        member_values = {}
        for option, (member, _default) in MEMBERS.items():
            if rule.get(option) is not None:
                set_path(member_values, member, rule[option])
        encoded.append(member_values)
    return encoded


def of_rules(rules):
    return [of_rule(rule) for rule in rules]


def of_rule(rule):
    """A rule in the module's terms, with what others have put into it: a copy elsewhere is a difference."""
    known = {option: get_path(rule, member) for option, (member, _default) in MEMBERS.items()}
    for option, (_member, default) in MEMBERS.items():
        known[option] = default if known[option] is None else known[option]
    own = {member.partition(".")[0] for member, _default in MEMBERS.values()} | {"RuleId"}
    more = {member: value for member, value in rule.items() if member not in own and value}
    kept = {name: value for name, value in rule.get("Lifecycle", {}).items() if name != "DeleteAfterDays" and value}
    more.update({"Lifecycle": kept} if kept else {})
    present = {option: value for option, value in known.items() if value is not None}
    return {**present, **snake(more)}


def some_rules(rules):
    if not rules:
        raise ValueError("can't be an empty list: a plan has a rule at least")
    return [{option: value for option, value in rule.items() if value is not None} for rule in rules]


def same_rules(current, desired):
    return sorted(current or [], key=str_name) == sorted(desired, key=str_name)


def str_name(rule):
    return str(rule.get("name"))


class Plan(BackupResource):
    kind = "backup plan"
    result = "backup_plan"
    names = {"BackupPlanName": "name"}
    identifier = ID
    made_at = "CreationDate"
    unique_name = False
    needed = ("rules",)
    describe = Describe("ListBackupPlans", "BackupPlansList", many=True, names={})
    additions = (
        Addition("GetBackupPlan", "", by=ID, missing=MISSING, itself=True),
        listed_tags(ARN),
    )
    create = Create(
        "CreateBackupPlan",
        token="CreatorRequestId",
        # Of one that says the same, to the letter.
        exists=("AlreadyExistsException",),
        tags="BackupPlanTags",
        names=(),
        made=ID,
    )
    delete = Delete("DeleteBackupPlan", missing=MISSING, by=ID)
    settings = (
        Setting(
            "rules",
            "BackupPlan.Rules",
            update="plan",
            verbatim=True,
            given=some_rules,
            encode=to_rules,
            decode=of_rules,
            same=same_rules,
            absent=[],
        ),
    )
    updates = {"plan": Update("UpdateBackupPlan", by=ID)}
    tagging = backup_tagging(ARN)
    # A selection that was removed a moment ago.
    passing = {"InvalidRequestException": ("selections must be deleted",)}
    hints = {
        "InvalidParameterValueException": {
            "vault": "The vault must exist first, in this region.",
            "": "What is taken: https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html",
        },
    }
    extra_operations = ("ListBackupSelections",)
    unmanaged = {
        "ExportBackupPlanTemplate": "it changes nothing",
        **{
            f"{operation}.BackupPlan.Rules.{member}": "not declared: where others have put it there, it is taken away"
            for operation in ("CreateBackupPlan", "UpdateBackupPlan")
            for member in (
                "CopyActions",
                "EnableContinuousBackup",
                "IndexActions",
                "Lifecycle.DeleteAfterEvent",
                "Lifecycle.MoveToColdStorageAfterDays",
                "Lifecycle.OptInToArchiveForSupportedResources",
                "RecoveryPointTags",
                "ScanActions",
                "TargetLogicallyAirGappedBackupVaultArn",
            )
        },
        **{
            f"CreateBackupPlan.BackupPlan.{member}": why
            for member, why in (
                ("AdvancedBackupSettings", "snapshots of Windows; what others have set stays"),
                ("ScanSettings", "the search for malware is GuardDuty's; what others have set stays"),
            )
        },
    }

    def select(self, found):
        named = [item for item in super().select(found) if not item.get("DeletionDate")]
        if len(named) > 1:
            tags = [self.read("ListTags", {"ResourceArn": item[ARN]}, MISSING) or {} for item in named]
            named = [{**item, "Tags": its.get("Tags", {})} for item, its in zip(named, tags, strict=True)]
            named = self.ours_first(named)
        return named

    def create_request(self):
        request = super().create_request()
        request["BackupPlan"]["BackupPlanName"] = self.options["name"]
        return request

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        # Of a plan all is sent: what isn't would be taken from it.
        beside = {member: current.get(member) or current["BackupPlan"].get(member) for member in BESIDE}
        request["BackupPlan"] |= {member: value for member, value in beside.items() if value}
        request["BackupPlan"]["BackupPlanName"] = self.options["name"]
        return request

    def refuse_removal(self, current):
        super().refuse_removal(current)
        if self.check_mode:
            return  # there still is what the same run would have removed before
        found = (self.read("ListBackupSelections", {ID: current[ID]}, MISSING) or {}).get("BackupSelectionsList", [])
        if found:
            names = listed(sorted(item["SelectionName"] for item in found))
            raise ResourceError(
                f"{self.title} has the selections {names}, and AWS removes no plan that has any. Remove them first "
                "(agent_platform.aws.backup_selection), and run again."
            )


def main():
    run_module(Plan, DOCUMENTATION)


if __name__ == "__main__":
    main()
