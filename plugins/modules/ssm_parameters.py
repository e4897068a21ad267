#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssm_parameters
version_added: 0.1.0
short_description: Manage parameters below one path of Parameter Store
description:
  - Brings parameters below one path to their declared state, with O(aggregate) all of them in one call. What there is
    is read for all of them together.
  - With O(purge) those below the path that are ours and aren't declared are removed. Ours is what bears O(owned_by);
    what others have put below the path is left alone.
  - A confidential value stands in O(secure_value). It is never shown, neither in the result nor in the diff.
options:
  path:
    description:
      - The path, which begins with V(/). Names are relative to it.
    type: str
    required: true
  purge:
    description:
      - Whether parameters of ours below O(path) that O(aggregate) doesn't name are removed. It takes O(aggregate) and
        O(owned_by).
    type: bool
    default: false
  name: &name
    description:
      - Name below O(path), such as V(redis/REDIS_HOST). It is needed, here or in each entry of O(aggregate).
    type: str
  value: &value
    description:
      - The value. Of a V(StringList) the items with commas between them.
    type: str
  secure_value: &secure_value
    description:
      - The value of a V(SecureString), which it then is.
    type: str
  type: &type
    description:
      - Type of the parameter. It can't be changed.
      - If not set, V(SecureString) where O(secure_value) is set, and otherwise V(String).
    type: str
    choices: [String, StringList, SecureString]
  key_id: &key_id
    description:
      - KMS key of a V(SecureString), as its ARN, ID or alias. Others take no notice of it.
    type: str
  tier: &tier
    description:
      - Tier of the parameter. V(Standard) takes 4 KB, V(Advanced) 8 KB. What is advanced can't become standard.
      - With V(Intelligent-Tiering) it is what the value needs.
    type: str
    choices: [Standard, Advanced, Intelligent-Tiering]
  description: &description
    description:
      - What the parameter is for.
    type: str
  data_type: &data_type
    description:
      - What kind of text a V(String) is.
    type: str
    choices: [text, "aws:ec2:image", "aws:ssm:integration"]
  allowed_pattern: &allowed_pattern
    description:
      - Regular expression that values must match. Empty, any will do.
    type: str
  replace: &replace
    description:
      - Whether a parameter whose type or tier is declared otherwise, which can't be changed, is deleted and made again.
        It is missing for half a minute, which AWS asks to leave between the two. Otherwise this is refused.
    type: bool
    default: false
  aggregate:
    suboptions:
      name: *name
      value: *value
      secure_value: *secure_value
      type: *type
      key_id: *key_id
      tier: *tier
      description: *description
      data_type: *data_type
      allowed_pattern: *allowed_pattern
      state:
        description:
          - Whether the parameter shall exist.
        type: str
        choices: [present, absent]
      tags:
        description:
          - Its tags, in place of those beside O(aggregate).
        type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - Parameter Store tells the tags of one parameter at a time, but finds parameters by them. So a tag that O(tags)
    doesn't name is seen, and with O(purge_tags) removed, only of a parameter that lacks one of O(tags).
  - By default Parameter Store takes three writes a second. What it throttles is tried again.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
"""

EXAMPLES = r"""
- name: Tell workloads where the cache is
  agent_platform.aws.ssm_parameters:
    path: /demo/dev
    purge: true
    key_id: alias/demo
    owned_by: {Project: demo}
    tags: {Project: demo}
    aggregate:
      - name: redis/REDIS_HOST
        value: master.demo.cache.amazonaws.com
      - name: redis/REDIS_PASSWORD_SECRET_ARN
        secure_value: "{{ redis_secret_arn }}"

- name: Remove all of ours
  agent_platform.aws.ssm_parameters:
    path: /demo/dev
    purge: true
    owned_by: {Project: demo}
    aggregate: []
"""

RETURN = r"""
parameter:
  description: The parameter as Parameter Store describes it, without its value; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    name:
      description: Name of the parameter, with its path.
      type: str
      sample: /demo/dev/redis/REDIS_HOST
    type:
      description: Its type.
      type: str
      sample: String
    version:
      description: Number of its version.
      type: int
    tags:
      description: Its tags.
      type: dict
results:
  description: What is returned for each of the parameters, in the order of O(aggregate).
  returned: with O(aggregate)
  type: list
  elements: dict
removed:
  description: Names of the parameters that O(purge) has removed, or would in check mode.
  returned: with O(aggregate)
  type: list
  elements: str
left:
  description: Names of parameters below O(path) that aren't ours and that O(purge) has left.
  returned: with O(aggregate)
  type: list
  elements: str
"""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import batched

from ..module_utils.aggregate import Aggregate, Part
from ..module_utils.calls import Calls, Repeat
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update, tag_list
from ..module_utils.faults import Outcome, ResourceError, outcome
from ..module_utils.parameters import AT_ONCE, below, with_tags
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import same_key

# Stands for a description that only AWS can give.
UNREAD = object()
# AWS asks to wait so many seconds between the deletion of a parameter and the creation of one of its name.
FREE_AFTER = 30.0
SECURE = "SecureString"
ADVANCED = "Advanced"


def full_name(path, name):
    return f"{path.rstrip('/')}/{name.lstrip('/')}"


class Parameter(Resource):
    """One parameter. What AWS has accepted is taken for what there is; after any failure it is read."""

    service = "ssm"
    kind = "parameter"
    result = "parameter"
    names = {"Name": "name"}
    capital_members = True
    placed = True
    describe = Describe("DescribeParameters", "Parameters", many=True)
    additions = (
        Addition("GetParameters", "Parameters.Value", "Value", by_hand=True),
        Addition("ListTagsForResource", "TagList", "Tags", by_hand=True),
    )
    create = Create("PutParameter", exists=("ParameterAlreadyExists",), tags="Tags")
    delete = Delete("DeleteParameter", missing=("ParameterNotFound",))
    settings = (
        Setting("type", "Type"),
        Setting("value", "Value", update="put"),
        Setting("secure_value", "Value", update="put", secret=True),
        Setting("key_id", "KeyId", update="put", same=same_key, absent=""),
        Setting("tier", "Tier", update="put", same=lambda current, desired: desired in (current, "Intelligent-Tiering")),
        Setting("description", "Description", update="put", absent=""),
        Setting("data_type", "DataType", update="put", absent="text"),
        Setting("allowed_pattern", "AllowedPattern", update="put", absent=""),
    )
    updates = {"put": Update("PutParameter", whole=True)}
    tagging = tag_list("AddTagsToResource", "RemoveTagsFromResource")
    extra_operations = ("DeleteParameters",)
    renewal = "Or give replace: true, and it is deleted and made again; it is missing for half a minute then."
    unmanaged = {
        **dict.fromkeys(
            ("LabelParameterVersion", "UnlabelParameterVersion"), "labels of versions are left to those who use them"
        ),
        "PutParameter.Policies": "expiry and notices, of advanced parameters only, are left to those who set them",
    }
    passing = {"TooManyUpdates": ("",)}
    hints = {
        "AccessDeniedException": {"kms:": "Allow the identity of this run to use the KMS key, and run again."},
        "HierarchyLevelLimitExceededException": {"": "A name has at most 15 levels; take a shorter path."},
        "ParameterMaxVersionLimitExceeded": {
            "": "Move the label from the oldest version to a newer one (LabelParameterVersion), and run again."
        },
        "ParameterPatternMismatchException": {"": "The value must match allowed_pattern; change one of the two."},
    }

    def prepare(self):
        options = self.options
        self.view = getattr(self.module, "seen", UNREAD)
        self.previous = None
        options["name"] = full_name(options["path"], options["name"])
        if options["type"] is None and options["state"] == "present":
            options["type"] = "String" if options["secure_value"] is None else SECURE
        given = "value" if options["type"] == SECURE else "secure_value"
        if options[given] is not None:
            other = "secure_value" if given == "value" else "value"
            raise ResourceError(f"{self.title} is a {options['type']}, whose value stands in {other}, not in {given}.")
        if options["type"] != SECURE:
            options["key_id"] = None

    # ---- Reading

    def find(self):
        return super().find() if self.view is UNREAD else self.view

    def describe_request(self):
        return {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [self.options["name"]]}]}

    def complete(self, description):
        name = description["Name"]
        values = (
            self.read("GetParameters", {"Names": [name], "WithDecryption": True})["Parameters"]
            if self.options["state"] == "present"
            else []
        )
        tags = self.read("ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": name})["TagList"]
        return {**description, **{"Value": value["Value"] for value in values}, "Tags": tags}

    # ---- Writing

    def target(self, call, current):
        named = super().target(call, current)
        return {"ResourceType": "Parameter", "ResourceId": named["Name"]} if call is self.tagging else named

    def write(self, operation, request, doing, missing=()):
        try:
            return super().write(operation, request, doing, missing)
        except Repeat as repeat:
            if outcome(repeat.error) is not Outcome.NOT_DONE:
                self.view = UNREAD
            raise
        except ResourceError:
            self.view = UNREAD
            raise

    def create_request(self):
        if self.options["value"] is None and self.options["secure_value"] is None:
            raise ResourceError(f"{self.title} doesn't exist; to create it its value must be given.")
        return super().create_request()

    def created(self, response):
        self.view = {**self.predicted(None), **self.told(response)}

    def update_request(self, name, changes, current):
        # What isn't sent may be set back.
        kept = {setting.member: current[setting.member] for setting in self.settings if current.get(setting.member)}
        declared = super().update_request(name, changes, current)
        return {**kept, **declared, "Type": current["Type"], "Overwrite": True}

    def before_update(self, name, current):
        self.previous = current

    def updated(self, name, response):
        self.view = {**self.predicted(self.previous), "Tags": self.previous["Tags"], **self.told(response)}

    @staticmethod
    def told(response):
        return {member: response[member] for member in ("Tier", "Version") if member in response}

    def change_tags(self, current, set_tags, unset_tags):
        super().change_tags(current, set_tags, unset_tags)
        if self.view is not UNREAD:
            tags = {key: value for key, value in self.tags_of(current).items() if key not in unset_tags}
            self.view = {**self.view, "Tags": self.encoded_tags({**tags, **set_tags})}

    def deleted(self, response):
        self.view = None

    # ---- What can't be changed

    def make_present(self, current):
        if current is not None and self.options["replace"] and self.is_fixed(current, self.changes(current)):
            self.check_owner(current)
            if self.check_mode:
                self.changed = True
                return self.predicted(current)
            self.remove(current)
            time.sleep(FREE_AFTER)
            current = None
        return super().make_present(current)

    @staticmethod
    def is_fixed(current, changes):
        return "type" in changes or ("tier" in changes and current.get("Tier") == ADVANCED)

    def refuse(self, current, changes):
        if current is not None and self.is_fixed(current, changes):
            raise ResourceError(
                f"{self.title} is advanced, declared is {changes['tier'].desired}: an advanced parameter can't become a "
                f"standard one. Declare it advanced. {self.renewal}"
            )

    # ---- What the user sees

    def view_of(self, description):
        return description

    def view_is_secure(self, description):
        return description.get("Type") == SECURE


class Below(Calls):
    """What there is below the path, read for all parameters together."""

    service = "ssm"

    def __init__(self, module):
        super().__init__(module)
        self.path = self.options["path"]
        self.title = f"the parameters below {self.path}"

    def look(self, options, purge):
        """Descriptions by name, with values and tags, of those that the options name, and with purge of all."""
        return {}


class Tree(Aggregate):
    """All parameters of a call."""

    # By default AWS takes three writes a second.
    side_by_side = 4


Parameter.together = Tree


def main():
    run_module(
        Parameter,
        DOCUMENTATION,
        {
            "secure_value": {"no_log": True},
            "aggregate.secure_value": {"no_log": True},
            "key_id": {"no_log": False},
            "aggregate.key_id": {"no_log": False},
        },
    )


if __name__ == "__main__":
    main()
