#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_selection
version_added: 0.1.0
short_description: Manage a selection of a plan of AWS Backup
description:
  - Creates, replaces and deletes a selection, which says what a plan makes backups of, and with which role.
  - AWS changes no selection. One that differs is replaced, the new one first, so that there is no moment without.
  - Selections have no tags. Whose one is say those of its plan, so with O(owned_by) a plan of others is refused.
  - It replaces M(amazon.aws.backup_selection), which replaces a selection at every run, whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name in the plan, 1 to 50 letters, digits, hyphens, underscores and dots.
    type: str
    required: true
  plan_name:
    description:
      - Name of the plan.
    type: str
    required: true
  iam_role_arn:
    description:
      - ARN of the role with which AWS Backup makes the backups, and removes them when they are old enough. It is needed
        to create the selection. A role that was made a moment ago is waited for.
    type: str
  resources:
    description:
      - ARNs of what is backed up, which may contain C(*). What is named by its ARN is backed up whether the account has
        opted in to its kind or not.
    type: list
    elements: str
  not_resources:
    description:
      - ARNs of what is left out.
    type: list
    elements: str
  list_of_tags:
    description:
      - Tags of which what is backed up has at least one.
    type: list
    elements: dict
    suboptions:
      condition_type:
        description: How the value is compared.
        type: str
        choices: [STRINGEQUALS]
        default: STRINGEQUALS
      condition_key:
        description: Key of the tag.
        type: str
        required: true
      condition_value:
        description: Its value.
        type: str
        required: true
  conditions:
    description:
      - Conditions that what is backed up fulfils, all of them.
    type: dict
    suboptions:
      string_equals:
        description: Tags that it has.
        type: list
        elements: dict
        suboptions: &tag
          condition_key:
            description: Key of the tag, after C(aws:ResourceTag/).
            type: str
            required: true
          condition_value:
            description: Its value.
            type: str
            required: true
      string_not_equals:
        description: Tags that it doesn't have.
        type: list
        elements: dict
        suboptions: *tag
      string_like:
        description: Tags that it has, with V(*) in the value for any text.
        type: list
        elements: dict
        suboptions: *tag
      string_not_like:
        description: Tags that it doesn't have, with V(*) in the value for any text.
        type: list
        elements: dict
        suboptions: *tag
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Back up one instance
  agent_platform.aws.backup_selection:
    name: bastion
    plan_name: demo-bastion
    iam_role_arn: arn:aws:iam::123456789012:role/demo-bastion-backup
    resources: [arn:aws:ec2:us-west-2:123456789012:instance/i-0123456789abcdef0]
    not_resources: []
    list_of_tags: []
    conditions: {}
    owned_by:
      Project: demo

- name: Back it up no more
  agent_platform.aws.backup_selection:
    name: bastion
    plan_name: demo-bastion
    state: absent
"""

RETURN = r"""
backup_selection:
  description: The selection as AWS Backup describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    backup_plan_id:
      description: ID of its plan. Not known in check mode before it exists.
      type: str
    iam_role_arn:
      description: ARN of the role.
      type: str
    resources:
      description: ARNs of what is backed up.
      type: list
      elements: str
    selection_id:
      description: Its ID, which a replacement has a new one of. Not known in check mode before it exists.
      type: str
    selection_name:
      description: Its name.
      type: str
"""

from ..module_utils.backup import MISSING, BackupResource
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.resource import run_module
from ..module_utils.values import snake

PLAN = "BackupPlanId"
ID = "SelectionId"
EXISTS = "AlreadyExistsException"
# Keys of tags are no secrets.
NO_SECRETS = (
    "list_of_tags.condition_key",
    "conditions.string_equals.condition_key",
    "conditions.string_not_equals.condition_key",
    "conditions.string_like.condition_key",
    "conditions.string_not_like.condition_key",
)


def of_conditions(conditions):
    return filled(snake(conditions))


def filled(conditions):
    """Those that there are: AWS tells of empty lists, too."""
    return {kind: found for kind, found in conditions.items() if found}


def same_whole(current, desired):
    return current == desired


def setting(option, member, **how):
    return Setting(option, f"BackupSelection.{member}", read=member, update="selection", **how)


class Selection(BackupResource):
    kind = "backup selection"
    result = "backup_selection"
    names = {"BackupPlanName": "plan_name", "SelectionName": "name"}
    identifier = ID
    # Two runs at once that make the same one differ in nothing, and the next run removes one.
    unique_name = True
    steady = 1
    needed = ("iam_role_arn",)
    describe = Describe("ListBackupSelections", "BackupSelectionsList", missing=MISSING, many=True, names={})
    additions = (Addition("GetBackupSelection", "BackupSelection", by=(PLAN, ID), missing=MISSING, itself=True),)
    create = Create("CreateBackupSelection", token="CreatorRequestId", exists=(EXISTS,), tags=None, names=())
    delete = Delete("DeleteBackupSelection", missing=MISSING, by=(PLAN, ID))
    settings = (
        setting("iam_role_arn", "IamRoleArn"),
        setting("resources", "Resources", unordered=True, absent=[]),
        setting("not_resources", "NotResources", unordered=True, absent=[]),
        setting("list_of_tags", "ListOfTags", unordered=True, absent=[]),
        setting("conditions", "Conditions", absent={}, given=filled, decode=of_conditions, same=same_whole),
    )
    updates = {"selection": Update("CreateBackupSelection", whole=True)}
    extra_operations = ("ListBackupPlans", "ListTags")
    # The role, or what it may do, was made a moment ago.
    passing = {"InvalidParameterValueException": ("cannot be assumed", "is not authorized to call")}
    hints = {
        "InvalidParameterValueException": {
            "cannot be assumed": "Its trust policy must let backup.amazonaws.com assume the role.",
            "is not authorized to call": "Let the role do that.",
        },
        "AccessDeniedException": {
            "PassRole": "Allow iam:PassRole on the role for the identity of this run, and run again."
        },
    }

    def prepare(self):
        self.plan = None
        self.latest = None  # the id of what this run has put in the place of another one

    def find(self):
        self.plan = self.find_plan()
        self.twins = ()
        return super().find() if self.plan else None

    def find_plan(self):
        """The plan, which must be ours."""
        name, owner = self.options["plan_name"], self.options.get("owned_by") or {}
        plans = (self.read("ListBackupPlans", {}) or {}).get("BackupPlansList", [])
        plans = [item for item in plans if item["BackupPlanName"] == name and not item.get("DeletionDate")]
        foreign = []
        for plan in sorted(plans, key=lambda item: str((item.get("CreationDate"), item[PLAN]))):
            answer = self.read("ListTags", {"ResourceArn": plan["BackupPlanArn"]}, MISSING) if owner else None
            tags = (answer or {}).get("Tags", {})
            if all(tags.get(key) == str(value) for key, value in owner.items()):
                return plan
            foreign.append(plan[PLAN])
        if foreign:
            raise ResourceError(
                f"The backup plan {name!r} ({', '.join(foreign)}) isn't ours: it lacks tags of the owner. Nothing was "
                f"changed. Give {self.title} another plan, or the plan these tags if it is to be taken over."
            )
        return None

    def describe_request(self):
        return {PLAN: (self.plan or {}).get(PLAN, self.options["plan_name"])}

    def rank(self, description):
        """The newest is kept: it is there in place of the others."""
        made_at = description.get("CreationDate")
        return (description[ID] != self.latest, -made_at.timestamp() if made_at else 0, description[ID])

    def refuse(self, current, changes):
        if self.plan is None and not self.check_mode:
            raise ResourceError(f"{self.title} needs its plan, which doesn't exist. Make it first.")

    def create_request(self):
        request = super().create_request()
        request.setdefault("BackupSelection", {})["SelectionName"] = self.options["name"]
        return {**self.describe_request(), **request}

    def update_selection(self, changes, current):
        # What isn't declared stays as it is.
        for item in self.settings:
            if self.options.get(item.option) is None:
                self.options[item.option] = self.decoded(item, current)
        # The same one again, should the reply be lost.
        request = {**self.create_request(), self.create.token: f"{self.token}-new"}
        doing = f"replace {self.title}"
        try:
            response = self.write(self.create.operation, request, doing)
        except ResourceError as error:
            if error_code(error.cause) != EXISTS:
                raise
            # Where names can't be the same even for a moment.
            self.remove(current)
            response = self.write(self.create.operation, request, doing)
        self.latest = response[ID]

    def make_present(self, current):
        current = super().make_present(current)
        # Those that this one is there in place of, also where an earlier run was killed between the two.
        for old in self.twins:
            if self.check_mode:
                self.changed = True
            else:
                self.remove(old)
        self.twins = ()
        return current

    def make_all_absent(self, current):
        while current is not None:
            self.make_absent(current)
            if self.check_mode:
                return
            current = self.find()


def main():
    run_module(Selection, DOCUMENTATION, {path: {"no_log": False} for path in NO_SECRETS})


if __name__ == "__main__":
    main()
