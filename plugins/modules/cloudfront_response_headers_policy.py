#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_response_headers_policy
version_added: 0.1.0
short_description: Manage a response headers policy of CloudFront
description:
  - Creates, changes and deletes a policy that says which headers CloudFront adds to responses, or takes from them.
  - A part that is declared is declared as a whole. What it doesn't name is taken away. A part that isn't declared is
    left alone, and an empty one is taken away.
  - It carries no tags. With O(owned_by) its comment ends with the values of these tags, which say whose it is. One
    whose comment lacks them is ours only if a distribution that bears these tags uses it.
  - It replaces M(community.aws.cloudfront_response_headers_policy), which in release 11.2.0 changes a policy of that
    name whoever made it, and takes no headers away.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, of which an account has one, up to 128 characters.
    type: str
    required: true
  comment:
    description:
      - What it is for, up to 128 characters together with what says whose it is.
    type: str
  cors:
    description:
      - Headers for requests of pages of other origins.
    type: dict
    suboptions:
      access_control_allow_origins:
        description: The origins, such as V(https://www.example.com), or V(*). It is needed, as the next two are.
        type: list
        elements: str
      access_control_allow_headers:
        description: Headers that requests may have, or V(*).
        type: list
        elements: str
      access_control_allow_methods:
        description: Methods that requests may have, or V(ALL).
        type: list
        elements: str
        choices: [GET, POST, OPTIONS, PUT, DELETE, PATCH, HEAD, ALL]
      access_control_allow_credentials:
        description: Whether requests may come with credentials. Not where one of the other lists is V(*).
        type: bool
        default: false
      access_control_expose_headers:
        description: Headers of responses that a page may read.
        type: list
        elements: str
      access_control_max_age_sec:
        description: For how many seconds a browser may keep what it has asked in advance.
        type: int
      origin_override:
        description: Whether these replace such headers of the origin.
        type: bool
        default: true
  security_headers:
    description:
      - Headers by which browsers protect a page. O(security_headers.content_security_policy) and the others that aren't
        named are taken away.
    type: dict
    suboptions:
      content_security_policy:
        description: What a page may load, and from where. CloudFront takes 1783 characters without a line break.
        type: dict
        suboptions:
          content_security_policy:
            description: The value of the header.
            type: str
            required: true
          override: &override
            description: Whether it replaces such a header of the origin.
            type: bool
            default: true
      content_type_options:
        description: C(X-Content-Type-Options), always C(nosniff).
        type: dict
        suboptions:
          override: *override
      frame_options:
        description: Whether a page may stand in a frame.
        type: dict
        suboptions:
          frame_option:
            description: Nowhere, or on pages of its own origin.
            type: str
            choices: [DENY, SAMEORIGIN]
            required: true
          override: *override
      referrer_policy:
        description: What a browser tells others of the page that it comes from.
        type: dict
        suboptions:
          referrer_policy:
            description: The value of the header.
            type: str
            choices:
              - no-referrer
              - no-referrer-when-downgrade
              - origin
              - origin-when-cross-origin
              - same-origin
              - strict-origin
              - strict-origin-when-cross-origin
              - unsafe-url
            required: true
          override: *override
      strict_transport_security:
        description: That a browser uses nothing but HTTPS for this name.
        type: dict
        suboptions:
          access_control_max_age_sec:
            description: For how many seconds.
            type: int
            required: true
          include_subdomains:
            description: Whether for all names below it, too.
            type: bool
            default: false
          preload:
            description: Whether browsers may be delivered with it.
            type: bool
            default: false
          override: *override
      xss_protection:
        description: C(X-XSS-Protection), which browsers of today don't know.
        type: dict
        suboptions:
          protection:
            description: Whether it is on.
            type: bool
            required: true
          mode_block:
            description: Whether the page isn't shown at all. Not together with a C(report_uri).
            type: bool
            default: false
          report_uri:
            description: Where the browser reports to.
            type: str
          override: *override
  server_timing:
    description:
      - The header C(Server-Timing), which tells what the cache has done.
    type: dict
    suboptions:
      enabled:
        description: Whether responses have it.
        type: bool
        required: true
      sampling_rate:
        description: Of how many percent of the requests. It is needed where it is enabled.
        type: float
  custom_headers:
    description:
      - Further headers, 10 at most.
    type: list
    elements: dict
    suboptions:
      header:
        description: Its name.
        type: str
        required: true
      value:
        description: Its value, up to 1783 characters without a line break.
        type: str
        required: true
      override: *override
  remove_headers:
    description:
      - Names of headers of the origin that are taken away, 10 at most.
    type: list
    elements: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - CloudFront is the same in all regions, so O(region) has no meaning here.
"""

EXAMPLES = r"""
- name: Protect a page
  agent_platform.aws.cloudfront_response_headers_policy:
    name: demo-frontend
    security_headers:
      content_security_policy:
        content_security_policy: "default-src 'self'"
      content_type_options: {}
      frame_options:
        frame_option: DENY
      referrer_policy:
        referrer_policy: strict-origin-when-cross-origin
      strict_transport_security:
        access_control_max_age_sec: 63072000
        include_subdomains: true
    custom_headers:
      - header: Permissions-Policy
        value: camera=(), microphone=()
    remove_headers: [Server]
    owned_by:
      Project: demo

- name: Remove it
  agent_platform.aws.cloudfront_response_headers_policy:
    name: demo-frontend
    state: absent
"""

RETURN = r"""
response_headers_policy:
  description: The policy, with its parts as the options have them; empty when it is absent.
  returned: always
  type: dict
  contains:
    comment:
      description: What it is for, and whose it is.
      type: str
    id:
      description: Its ID, by which a behavior names it. Not known in check mode before it exists.
      type: str
      sample: 67f7725c-6f97-4210-82d7-5512b31e9d03
    last_modified_time:
      description: When it was changed.
      type: str
    name:
      description: Its name.
      type: str
    security_headers:
      description: Headers by which browsers protect a page.
      type: dict
"""

from ..module_utils.cloudfront import Untagged, alike, from_api, to_api
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import get_path, listed

MISSING = ("NoSuchResponseHeadersPolicy",)
CONFIG = "ResponseHeadersPolicyConfig"
ID = {"Id": "ResponseHeadersPolicy.Id"}
# What the value of a header may have, all of them together 10,240.
LONGEST_VALUE = 1783
NEEDED_FOR_CORS = tuple(f"access_control_allow_{part}" for part in ("origins", "headers", "methods"))


def setting(option, member, update="policy", **how):
    path = f"{CONFIG}.{member}"
    return Setting(option, path, read=f"ResponseHeadersPolicy.{path}", update=update, **how)


def part(option, member, absent, **how):
    return setting(option, member, absent=absent, same=alike, **{"encode": to_api, "decode": from_api, **how})


def whole_or_none(cors):
    """What is declared for other origins; nothing where none is named. ValueError for a part of what is needed."""
    missing = [option for option in NEEDED_FOR_CORS if not cors.get(option)]
    if missing and len(missing) < len(NEEDED_FOR_CORS):
        raise ValueError(f"lacks {listed(missing)}")
    return {} if missing else cors


def to_removed(names):
    return to_api([{"header": name} for name in names])


def of_removed(value):
    return [item["header"] for item in from_api(value)]


class ResponseHeadersPolicy(Untagged):
    kind = "response headers policy"
    result = "response_headers_policy"
    names = {"Name": "name"}
    text = "comment"
    longest = 128
    inner = "ResponseHeadersPolicy"
    arn = "ResponseHeadersPolicy.Id"
    identifier = "ResponseHeadersPolicy.Id"
    describe = Describe("ListResponseHeadersPolicies", "ResponseHeadersPolicyList.Items", many=True, names={})
    # A list doesn't tell the versions.
    additions = (Addition("GetResponseHeadersPolicy", "", by=ID, missing=MISSING, itself=True),)
    create = Create("CreateResponseHeadersPolicy", exists=("ResponseHeadersPolicyAlreadyExists",), tags=None, names=())
    delete = Delete("DeleteResponseHeadersPolicy", missing=MISSING, by=ID)
    settings = (
        setting("name", "Name", update=None),
        setting("comment", "Comment", absent=""),
        part("cors", "CorsConfig", {}, given=whole_or_none),
        part("security_headers", "SecurityHeadersConfig", {}),
        part("server_timing", "ServerTimingHeadersConfig", {}),
        part("custom_headers", "CustomHeadersConfig", []),
        part("remove_headers", "RemoveHeadersConfig", [], encode=to_removed, decode=of_removed),
    )
    updates = {"policy": Update("UpdateResponseHeadersPolicy", by=ID)}
    # A distribution that doesn't use it any more may count for some time still.
    passing = {"ResponseHeadersPolicyInUse": ("",)}
    hints = {
        "TooLongCSPInResponseHeadersPolicy": {
            "": "Shorten the content_security_policy: name fewer sources, or put them below one domain."
        },
    }
    timeout = 120

    def describe_request(self):
        return {"Type": "custom"}

    def select(self, found):
        return [item for item in found if get_path(item, f"{self.inner}.{CONFIG}.Name") == self.options["name"]]

    def prepare(self):
        super().prepare()
        csp = get_path(self.options, "security_headers.content_security_policy.content_security_policy")
        headers = {item["header"]: item["value"] for item in self.options["custom_headers"] or []}
        for name, value in {"Content-Security-Policy": csp, **headers}.items():
            if value and ("\n" in value or "\r" in value):
                raise ResourceError(f"The header {name} of {self.title} has a line break; write it in one line.")
            if len(value or "") > LONGEST_VALUE:
                raise ResourceError(
                    f"The header {name} of {self.title} has {len(value)} characters; CloudFront takes {LONGEST_VALUE}."
                )

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        request[CONFIG] = {member: value for member, value in request[CONFIG].items() if value != {}}
        return request


def main():
    run_module(ResponseHeadersPolicy, DOCUMENTATION)


if __name__ == "__main__":
    main()
