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
# AWS asks to leave so many seconds between the deletion of a parameter and the creation of one of its name.
FREE_AFTER = 30.0
# By default AWS takes three writes a second.
SIDE_BY_SIDE = 4
SECURE = "SecureString"
ADVANCED = "Advanced"
BY_NEED = "Intelligent-Tiering"
NO_TAGS_OF = ("InvalidResourceId",)  # what ListTagsForResource says of one that has gone
NO_KEY = ("InvalidKeyId",)  # what GetParameters says where the key has gone, or can't be used


def full_name(path, name):
    return f"{path.rstrip('/')}/{name.lstrip('/')}"


class Below(Calls):
    """What there is below the path, read for all parameters together."""

    service = "ssm"

    def __init__(self, module):
        super().__init__(module)
        self.path = self.options["path"]
        self.title = f"the parameters below {self.path}"

    def look(self, tags_of, unnamed):
        """Descriptions by name, as far as there are any, of the parameters named and, with unnamed, of all others.

        tags_of: by name the tags that each is to have, None for one that shall go. Of others no value is read: it may
        be none of ours.
        """
        common = self.options["tags"] or {}
        marks = {**(self.options["owned_by"] or {}), **common}
        with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
            there = threads.submit(self.read, "DescribeParameters", below(self.path))
            looks = [threads.submit(self.read, "DescribeParameters", one) for one in with_tags(self.path, marks)]
            found = {item["Name"]: item for item in there.result()["Parameters"]}
            found = {name: item for name, item in found.items() if unnamed or name in tags_of}
            marked = set(found).intersection(
                *({item["Name"] for item in look.result()["Parameters"]} for look in looks)
            )
            known = {name for name in marked if tags_of.get(name) in (None, common)}
            asked = {name: threads.submit(self.tags, name) for name in found if name not in known}
            wanted = sorted(name for name in found if tags_of.get(name) is not None)
            values = [threads.submit(self.values, list(names)) for names in batched(wanted, AT_ONCE)]
            tags = {name: [{"Key": key, "Value": str(value)} for key, value in marks.items()] for name in known}
            tags |= {name: future.result() for name, future in asked.items()}
            told = {name: value for future in values for name, value in future.result().items()}
        # What has gone since then has no value, or no tags.
        return {
            name: {**item, "Tags": tags[name], **({"Value": told[name]} if name in told else {})}
            for name, item in found.items()
            if tags[name] is not None and (name in told or name not in wanted)
        }

    def tags(self, name):
        request = {"ResourceType": "Parameter", "ResourceId": name}
        answer = self.read("ListTagsForResource", request, NO_TAGS_OF)
        return answer and answer["TagList"]

    def values(self, names):
        """The values by name, None for what nobody can read any more: it is written anew."""
        answer = self.read("GetParameters", {"Names": names, "WithDecryption": True}, NO_KEY)
        if answer is not None:
            return {item["Name"]: item["Value"] for item in answer["Parameters"]}
        if len(names) == 1:
            return {names[0]: None}
        return {name: value for one in names for name, value in self.values([one]).items()}

    def remove(self, names):
        for some in batched(names, AT_ONCE):
            self.write("DeleteParameters", {"Names": list(some)}, f"delete {', '.join(some)}")


class Tree(Aggregate):
    """All parameters of a call, and what else is below the path."""

    side_by_side = SIDE_BY_SIDE

    def run(self):
        params = self.module.params
        if params["purge"] and (params["aggregate"] is None or not params["owned_by"]):
            raise ResourceError("purge takes aggregate and owned_by: without them it isn't known what may be removed.")
        return super().run()

    def parts(self, options):
        parts = super().parts(options)
        self.below = Below(Part(self.module, self.clients, {}))
        self.tags_of = {
            full_name(params["path"], params["name"]): (params["tags"] or {}) if params["state"] == "present" else None
            for params in options
        }
        self.found = self.look()
        for part in parts:
            part.seen = self.found.get(full_name(part.params["path"], part.params["name"]))
        return parts

    def look(self):
        return self.below.look(self.tags_of, unnamed=self.module.params["purge"])

    def summed_up(self, results):
        """The result for all, with what was removed: whatever became of one, no other is kept from its state."""
        result = {**super().summed_up(results), "removed": [], "left": []}
        if self.module.params["purge"]:
            try:
                result["removed"], result["left"] = self.purge()
            except ResourceError as error:
                result.update(failed=True, msg="\n".join([*([result["msg"]] if "msg" in result else []), str(error)]))
            result["changed"] |= self.below.changed or bool(result["removed"])
        if result["removed"]:
            header = f"{self.below.title} that aren't declared"
            gone = {"before": {"names": result["removed"]}, "after": {"names": []}}
            diff = {**gone, "before_header": header, "after_header": header}
            result["diff"] = [*result.get("diff", []), diff]
        return result

    def purge(self):
        """Remove what is ours and isn't declared. Returns the names of that, and of what isn't ours."""
        removed = {}
        while True:
            others = [name for name in sorted(self.found) if name not in self.tags_of]
            ours = [name for name in others if self.is_ours(name)]
            removed |= dict.fromkeys(ours)
            try:
                if not self.module.check_mode:
                    self.below.remove(ours)
                return list(removed), [name for name in others if name not in ours]
            except Repeat as repeat:
                self.below.patience.pause(repeat)
                self.below.changed |= repeat.may_be_done
                self.found = self.look()

    def is_ours(self, name):
        alone = {"name": name.removeprefix(full_name(self.below.path, "")), "state": "absent"}
        try:
            Parameter(Part(self.module, self.clients, alone)).check_owner(self.found[name])
        except ResourceError:
            return False
        return True


class Parameter(Resource):
    """One parameter. What AWS has accepted is taken for what there is; after a failure it is read."""

    service = "ssm"
    kind = "parameter"
    result = "parameter"
    names = {"Name": "name"}
    identifier = "Name"
    capital_members = True
    placed = True
    together = Tree
    describe = Describe("DescribeParameters", "Parameters", many=True)
    additions = (
        Addition("GetParameters", "Parameters.Value", "Value", by_hand=True),
        Addition("ListTagsForResource", "TagList", "Tags", by_hand=True),
        # Said by target() and not by AWS: it is a parameter.
        Addition("ListTagsForResource", "", "ResourceType", by_hand=True),
    )
    create = Create("PutParameter", exists=("ParameterAlreadyExists",), tags="Tags")
    delete = Delete("DeleteParameter", missing=("ParameterNotFound",))
    settings = (
        Setting("type", "Type"),
        Setting("value", "Value", update="put"),
        Setting("secure_value", "Value", update="put", secret=True),
        Setting("key_id", "KeyId", update="put", same=same_key, absent=""),
        Setting("tier", "Tier", update="put", same=lambda current, desired: desired in (current, BY_NEED)),
        Setting("description", "Description", update="put", absent=""),
        Setting("data_type", "DataType", update="put", absent="text"),
        Setting("allowed_pattern", "AllowedPattern", update="put", absent=""),
    )
    updates = {"put": Update("PutParameter", whole=True)}
    tagging = tag_list(
        "AddTagsToResource", "RemoveTagsFromResource", by={"ResourceId": "Name", "ResourceType": "ResourceType"}
    )
    extra_operations = ("DeleteParameters",)
    renewal = "With replace: true it is deleted and made again, and is missing for half a minute."
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
        self.view_of_aws = getattr(self.module, "seen", UNREAD)
        self.previous = None
        options["name"] = full_name(options["path"], options["name"])
        if options["type"] is None and options["state"] == "present":
            options["type"] = "String" if options["secure_value"] is None else SECURE
        wrong, right = ("value", "secure_value") if options["type"] == SECURE else ("secure_value", "value")
        if options["state"] == "present" and options[wrong] is not None:
            raise ResourceError(f"{self.title} is a {options['type']}: its value stands in {right}, not in {wrong}.")
        if options["type"] != SECURE:
            options["key_id"] = None

    # ---- Reading

    def find(self):
        return super().find() if self.view_of_aws is UNREAD else self.view_of_aws

    def describe_request(self):
        return {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [self.options["name"]]}]}

    def complete(self, description):
        request = {"ResourceType": "Parameter", "ResourceId": description["Name"]}
        tags = self.read("ListTagsForResource", request, NO_TAGS_OF)
        if tags is None:
            return None
        description = {**description, "Tags": tags["TagList"]}
        if self.options["state"] == "absent":
            return description
        answer = self.read("GetParameters", {"Names": [description["Name"]], "WithDecryption": True}, NO_KEY)
        if answer is None:
            return description
        return {**description, "Value": answer["Parameters"][0]["Value"]} if answer["Parameters"] else None

    # ---- Writing

    def target(self, call, current):
        named = super().target(call, current)
        return {**named, "ResourceType": "Parameter"} if call is self.tagging else named

    def write(self, operation, request, doing, missing=()):
        try:
            return super().write(operation, request, doing, missing)
        except Repeat as repeat:
            if outcome(repeat.error) is not Outcome.NOT_DONE:
                self.view_of_aws = UNREAD
            raise
        except ResourceError:
            self.view_of_aws = UNREAD
            raise

    def create_request(self):
        if self.options["value"] is None and self.options["secure_value"] is None:
            raise ResourceError(f"{self.title} doesn't exist; to create it its value must be given.")
        return super().create_request()

    def created(self, response):
        self.view_of_aws = {**self.predicted(None), **self.answered(response)}

    def update_request(self, name, changes, current):
        # What isn't sent may be set back.
        kept = {setting.member: current[setting.member] for setting in self.settings if current.get(setting.member)}
        return {**kept, **super().update_request(name, changes, current), "Overwrite": True}

    def before_update(self, name, current):
        self.previous = current

    def updated(self, name, response):
        tags = {"Tags": self.previous["Tags"]}
        self.view_of_aws = {**self.predicted(self.previous), **tags, **self.answered(response)}

    @staticmethod
    def answered(response):
        return {member: response[member] for member in ("Tier", "Version") if member in response}

    def change_tags(self, current, set_tags, unset_tags):
        super().change_tags(current, set_tags, unset_tags)
        tags = {key: value for key, value in self.tags_of(current).items() if key not in unset_tags}
        self.view_of_aws = {**current, "Tags": self.encoded_tags({**tags, **set_tags})}

    def deleted(self, response):
        self.view_of_aws = None

    # ---- What can't be changed

    def make_present(self, current):
        if current is not None and self.options["replace"] and self.is_fixed(current, self.changes(current)):
            self.check_owner(current)
            if self.check_mode:
                self.changed = True
                return self.predicted(current)
            self.create_request()
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
                f"{self.title} is advanced, declared is tier: {changes['tier'].desired}. An advanced parameter can't "
                f"become a standard one: declare it as advanced. {self.renewal}"
            )

    # ---- What the user sees

    def view(self, description):
        view = super().view(description)
        if "value" in view and description.get("Type") == SECURE:
            view["value"] = "(not shown)"
        return view


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
        mutually_exclusive=[("value", "secure_value")],
    )


if __name__ == "__main__":
    main()
