#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_function
version_added: 0.1.0
short_description: Manage a CloudFront function
description:
  - Creates, changes, tests, publishes, tags and deletes a CloudFront function, which works on requests or responses
    at the edge.
  - A change goes to the stage DEVELOPMENT. It is published, which copies it to the stage LIVE, once it is as declared
    and all of O(test_events) have come to what is expected. What is live and as declared already isn't published again.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, of which an account has one. 1 to 64 letters, digits, hyphens and underscores.
    type: str
    required: true
  code:
    description:
      - Its code, up to 10 KB. It is needed to create the function.
    type: str
  runtime:
    description:
      - What runs it. It is V(cloudfront-js-2.0) in a new one if not set.
    type: str
    choices: [cloudfront-js-1.0, cloudfront-js-2.0]
  comment:
    description:
      - What it is for, up to 128 characters.
    type: str
  key_value_stores:
    description:
      - ARNs of the key value stores that it reads, 1 at most.
    type: list
    elements: str
  publish:
    description:
      - Whether what is declared is to be live. With V(false) what is live stays as it is.
    type: bool
    default: true
  test_events:
    description:
      - Events that the function is run with before it is published. If one of them fails, or doesn't come to what is
        expected, nothing is published, and the module fails.
    type: list
    elements: dict
    suboptions:
      event:
        description: The event, as CloudFront gives it to a function.
        type: json
        required: true
      expected:
        description:
          - What of the result is expected. Members that aren't named don't count.
        type: json
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - CloudFront is the same in all regions, so O(region) has no meaning here.
"""

EXAMPLES = r"""
- name: Answer with the page of the application where there is no such file
  agent_platform.aws.cloudfront_function:
    name: demo-frontend
    code: "{{ lookup('file', 'route.js') }}"
    test_events:
      - event:
          version: "1.0"
          context: {eventType: viewer-request}
          viewer: {ip: 192.0.2.1}
          request: {method: GET, uri: /somewhere, headers: {}, cookies: {}, querystring: {}}
        expected: {request: {uri: /index.html}}
    owned_by:
      Project: demo
    tags:
      Project: demo

- name: Delete it once no distribution uses it any more
  agent_platform.aws.cloudfront_function:
    name: demo-frontend
    state: absent
"""

RETURN = r"""
function:
  description: The function in the stage DEVELOPMENT; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: Its ARN, by which a behavior names it. Not known in check mode before it exists.
      type: str
      sample: arn:aws:cloudfront::123456789012:function/demo-frontend
    code:
      description: Its code.
      type: str
    name:
      description: Its name.
      type: str
    publish:
      description: Whether the same is live.
      type: bool
    runtime:
      description: What runs it.
      type: str
    status:
      description: Its state, as UNPUBLISHED or DEPLOYED.
      type: str
    tags:
      description: Its tags.
      type: dict
"""

import json

from ..module_utils.cloudfront import CloudFrontResource, alike, cloudfront_tagging, from_api, listed_tags, to_api
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import AWS_ERRORS, ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, is_satisfied

MISSING = ("NoSuchFunctionExists",)
DEVELOPMENT = "DEVELOPMENT"
LIVE = "LIVE"
CONFIG = "FunctionConfig"
CODE = "FunctionCode"
ARN = "FunctionMetadata.FunctionARN"
LARGEST = 10240


def to_stores(arns):
    return to_api([{"key_value_store_arn": arn} for arn in arns])


def of_stores(value):
    return [item["key_value_store_arn"] for item in from_api(value)]


def setting(option, member, **how):
    return Setting(option, f"{CONFIG}.{member}", update="code", **how)


class Function(CloudFrontResource):
    kind = "CloudFront function"
    result = "function"
    names = {"Name": "name"}
    arn = ARN
    needed = ("code",)
    describe = Describe("DescribeFunction", "FunctionSummary", missing=MISSING)
    additions = (
        # The code, and the version that is changed.
        Addition("GetFunction", "", by_hand=True),
        # What is live, if it is the same.
        Addition("DescribeFunction", "FunctionSummary", "Live", by_hand=True),
        listed_tags(ARN),
    )
    create = Create("CreateFunction", exists=("FunctionAlreadyExists",), tags="Tags.Items")
    delete = Delete("DeleteFunction", missing=MISSING)
    settings = (
        Setting("code", CODE, update="code", encode=str.encode, decode=bytes.decode),
        setting("runtime", "Runtime"),
        setting("comment", "Comment", absent=""),
        setting(
            "key_value_stores",
            "KeyValueStoreAssociations",
            unordered=True,
            absent=[],
            encode=to_stores,
            decode=of_stores,
        ),
        # What isn't to be published stays live as it is.
        Setting(
            "publish",
            None,
            read="Live",
            update="publish",
            update_members=(),
            absent=False,
            decode=bool,
            same=lambda current, desired: current or not desired,
        ),
    )
    updates = {"code": Update("UpdateFunction"), "publish": Update("PublishFunction")}
    tagging = cloudfront_tagging(ARN)
    extra_operations = ("ListDistributions", "TestFunction")
    # A distribution that doesn't use it any more may count for some time still.
    passing = {"FunctionInUse": ("",)}
    timeout = 120

    def prepare(self):
        size = len((self.options["code"] or "").encode())
        if size > LARGEST:
            raise ResourceError(f"The code of {self.title} has {size} bytes; CloudFront takes {LARGEST}. Shorten it.")
        for item in self.options["test_events"] or []:
            for part in ("event", "expected"):
                try:
                    item[part] = json.loads(item[part]) if item[part] else None
                except ValueError as error:
                    raise ResourceError(f"A {part} in test_events of {self.title} isn't JSON: {error}.") from error

    # ---- Reading

    def describe_request(self):
        return {**super().describe_request(), "Stage": DEVELOPMENT}

    def complete(self, description):
        description |= self.code_of(DEVELOPMENT)
        if "ETag" in description and self.options["state"] == "present":
            live = self.read("DescribeFunction", {**self.named(), "Stage": LIVE}, MISSING)
            configs = [from_api(item[CONFIG]) for item in (description, (live or {}).get("FunctionSummary")) if item]
            if live and alike(*configs) and self.code_of(LIVE).get(CODE) == description[CODE]:
                description["Live"] = live["FunctionSummary"]
        # It was listed, and has gone before its version was read.
        return description if "ETag" in description else None

    def code_of(self, stage):
        """The code in a stage and its version; nothing if there is none."""
        answer = self.read("GetFunction", {**self.named(), "Stage": stage}, MISSING)
        try:
            return {CODE: answer[CODE].read(), "ETag": answer["ETag"]} if answer else {}
        except AWS_ERRORS as error:
            raise self.failure(error, f"read the code of {self.title}", "GetFunction") from error

    # ---- Changes

    def create_request(self):
        request = super().create_request()
        request[CONFIG] = {"Comment": "", "Runtime": "cloudfront-js-2.0", **request.get(CONFIG, {})}
        return request

    def update_request(self, name, changes, current):
        request = self.versioned(self.target(self.updates[name], current), current)
        if name == "publish":
            return request
        whole = {CONFIG: dict(current[CONFIG]), CODE: current[CODE]}
        for change in changes.values():
            value = self.encode(change.setting, change.desired)
            if change.setting.member == CODE:
                whole[CODE] = value
            else:
                whole[CONFIG][change.setting.member.partition(".")[2]] = value
        return {**request, **whole}

    def before_update(self, name, current):
        if name == "publish":
            for number, item in enumerate(self.options["test_events"] or [], 1):
                self.tried(number, item, current)

    def tried(self, number, item, current):
        """Run it with one of the events; an error if it doesn't come to what is expected."""
        request = {**self.named(), "Stage": DEVELOPMENT, "EventObject": json.dumps(item["event"]).encode()}
        doing = f"test {self.title} with event {number}"
        result = self.read("TestFunction", self.versioned(request, current), doing=doing)["TestResult"]
        wrong = result.get("FunctionErrorMessage") or ""
        output = json.loads(result.get("FunctionOutput") or "{}")
        if not wrong and item["expected"] is not None and not is_satisfied(output, item["expected"]):
            wrong = f"it comes to {json.dumps(output)}, expected {json.dumps(item['expected'])}"
        if wrong:
            raise ResourceError(
                f"{self.title} isn't published: with event {number} of test_events {wrong}. What is live stays as it "
                "is. Correct the code, or the event."
            )

    # ---- What the user sees

    def shown(self, description):
        if not description:
            return {}
        shown = {"name": description["Name"], "arn": get_path(description, ARN), "status": description.get("Status")}
        shown |= {setting.option: self.decoded(setting, description) for setting in self.settings}
        return {**shown, "tags": self.tags_of(description)}


def main():
    run_module(Function, DOCUMENTATION, {"key_value_stores": {"no_log": False}})


if __name__ == "__main__":
    main()
