#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_origin_access_control
version_added: 0.1.0
short_description: Manage an origin access control of CloudFront
description:
  - Creates, changes and deletes an origin access control, by which CloudFront signs what it asks of an origin, such as
    a private bucket.
  - It carries no tags. With O(owned_by) its description ends with the values of these tags, which say whose it is. One
    whose description lacks them is ours only if a distribution that bears these tags uses it.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, of which an account has one. 1 to 64 characters.
    type: str
    required: true
  description:
    description:
      - What it is for, up to 256 characters together with what says whose it is.
    type: str
  origin_type:
    description:
      - What kind of origin it is for. It is needed to create it.
    type: str
    choices: [s3, mediastore, mediapackagev2, lambda]
  signing_behavior:
    description:
      - Which requests are signed. With V(no-override) those that a viewer hasn't signed. It is V(always) in a new one
        if not set.
    type: str
    choices: [never, always, no-override]
  signing_protocol:
    description:
      - How they are signed. It is V(sigv4) in a new one if not set.
    type: str
    choices: [sigv4, sigv4a]
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - CloudFront is the same in all regions, so O(region) has no meaning here.
"""

EXAMPLES = r"""
- name: Let a distribution read a private bucket
  agent_platform.aws.cloudfront_origin_access_control:
    name: demo-frontend
    origin_type: s3
    owned_by:
      Project: demo

- name: Remove it
  agent_platform.aws.cloudfront_origin_access_control:
    name: demo-frontend
    state: absent
"""

RETURN = r"""
origin_access_control:
  description: The origin access control; empty when it is absent.
  returned: always
  type: dict
  contains:
    description:
      description: What it is for, and whose it is.
      type: str
    id:
      description: Its ID, by which an origin names it. Not known in check mode before it exists.
      type: str
      sample: E2QWRUHEXAMPLE
    name:
      description: Its name.
      type: str
    origin_type:
      description: What kind of origin it is for.
      type: str
    signing_behavior:
      description: Which requests are signed.
      type: str
    signing_protocol:
      description: How they are signed.
      type: str
"""

from ..module_utils.cloudfront import Untagged
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module

MISSING = ("NoSuchOriginAccessControl",)
CONFIG = "OriginAccessControlConfig"


def setting(option, member, update="control", **how):
    path = f"{CONFIG}.{member}"
    return Setting(option, path, read=f"OriginAccessControl.{path}", update=update, **how)


class OriginAccessControl(Untagged):
    kind = "origin access control"
    result = "origin_access_control"
    names = {"Name": "name"}
    text = "description"
    longest = 256
    inner = "OriginAccessControl"
    arn = "OriginAccessControl.Id"
    identifier = "Id"
    needed = ("origin_type",)
    describe = Describe("ListOriginAccessControls", "OriginAccessControlList.Items", many=True, names={})
    additions = (Addition("GetOriginAccessControl", "", by="Id", missing=MISSING, itself=True),)
    create = Create("CreateOriginAccessControl", exists=("OriginAccessControlAlreadyExists",), tags=None, names=())
    delete = Delete("DeleteOriginAccessControl", missing=MISSING, by="Id")
    settings = (
        setting("name", "Name", update=None),
        setting("description", "Description", absent=""),
        setting("origin_type", "OriginAccessControlOriginType"),
        setting("signing_behavior", "SigningBehavior"),
        setting("signing_protocol", "SigningProtocol"),
    )
    updates = {"control": Update("UpdateOriginAccessControl", by="Id")}
    # A distribution that doesn't use it any more may count for some time still.
    passing = {"OriginAccessControlInUse": ("",)}
    timeout = 120

    def create_request(self):
        request = super().create_request()
        request[CONFIG] = {"SigningBehavior": "always", "SigningProtocol": "sigv4", **request[CONFIG]}
        return request


def main():
    run_module(OriginAccessControl, DOCUMENTATION)


if __name__ == "__main__":
    main()
