#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_vpc_origin
version_added: 0.1.0
short_description: Manage a VPC origin of CloudFront
description:
  - Creates, changes, tags and deletes a VPC origin, by which distributions reach a load balancer or an instance in
    private subnets, and waits until CloudFront has deployed it.
  - CloudFront changes or deletes none that a distribution uses. The module then fails before it has changed anything,
    and says which distribution that is.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Its name, of which an account has one. 1 to 64 letters, digits, hyphens and underscores.
    type: str
    required: true
  endpoint_arn:
    description:
      - ARN of an Application or Network Load Balancer, or of an EC2 instance, in private subnets of a VPC that has an
        internet gateway. It is needed to create the VPC origin.
    type: str
  http_port:
    description:
      - Port for HTTP, V(80), V(443) or from V(1024) on. It is V(80) in a new one if not set.
    type: int
  https_port:
    description:
      - Port for HTTPS, V(80), V(443) or from V(1024) on. It is V(443) in a new one if not set.
    type: int
  origin_protocol_policy:
    description:
      - How CloudFront talks to it. It is V(https-only) in a new one if not set.
    type: str
    choices: [http-only, match-viewer, https-only]
  origin_ssl_protocols:
    description:
      - Versions of TLS that CloudFront may use for that. It is V(TLSv1.2) in a new one if not set.
    type: list
    elements: str
    choices: [SSLv3, TLSv1, TLSv1.1, TLSv1.2]
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - CloudFront is the same in all regions, so O(region) has no meaning here.
  - With the first one in a VPC CloudFront makes a security group there, named C(CloudFront-VPCOrigins-Service-SG), and
    network interfaces. It removes them after the last one.
"""

EXAMPLES = r"""
- name: Let distributions reach an internal load balancer
  agent_platform.aws.cloudfront_vpc_origin:
    name: demo-api
    endpoint_arn: "{{ load_balancer_arn }}"
    origin_protocol_policy: https-only
    owned_by:
      Project: demo
    tags:
      Project: demo

- name: Delete it once no distribution uses it any more
  agent_platform.aws.cloudfront_vpc_origin:
    name: demo-api
    state: absent
"""

RETURN = r"""
vpc_origin:
  description: The VPC origin; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: Its ARN.
      type: str
      sample: arn:aws:cloudfront::123456789012:vpcorigin/vo_0123456789abcdefghijkl
    endpoint_arn:
      description: ARN of what it stands for.
      type: str
    id:
      description: Its ID, by which an origin of a distribution names it. Not known in check mode before it exists.
      type: str
      sample: vo_0123456789abcdefghijkl
    name:
      description: Its name.
      type: str
    status:
      description: Deploying or Deployed.
      type: str
    tags:
      description: Its tags.
      type: dict
"""

from ..module_utils.cloudfront import CloudFrontResource, cloudfront_tagging, from_api, listed_tags, named, to_api
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Update, texts
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module
from ..module_utils.values import listed

MISSING = ("EntityNotFound",)
CONFIG = "VpcOriginEndpointConfig"
DEFAULTS = {
    "HTTPPort": 80,
    "HTTPSPort": 443,
    "OriginProtocolPolicy": "https-only",
    "OriginSslProtocols": to_api(["TLSv1.2"]),
}


def setting(option, member, update="origin", **how):
    path = f"{CONFIG}.{member}"
    return Setting(option, path, read=f"VpcOrigin.{path}", update=update, **how)


class VpcOrigin(CloudFrontResource):
    kind = "VPC origin"
    result = "vpc_origin"
    names = {"Name": "name"}
    inner = "VpcOrigin"
    arn = "VpcOrigin.Id"
    identifier = "Id"
    needed = ("endpoint_arn",)
    describe = Describe("ListVpcOrigins", "VpcOriginList.Items", many=True, names={})
    additions = (Addition("GetVpcOrigin", "", by="Id", missing=MISSING, itself=True), listed_tags("Arn"))
    create = Create("CreateVpcOrigin", exists=("EntityAlreadyExists",), tags="Tags.Items", names=())
    delete = Delete("DeleteVpcOrigin", missing=MISSING, by="Id")
    settings = (
        setting("name", "Name", update=None),
        setting("endpoint_arn", "Arn"),
        setting("http_port", "HTTPPort"),
        setting("https_port", "HTTPSPort"),
        setting("origin_protocol_policy", "OriginProtocolPolicy"),
        setting(
            "origin_ssl_protocols", "OriginSslProtocols", unordered=True, absent=[], encode=to_api, decode=from_api
        ),
    )
    updates = {"origin": Update("UpdateVpcOrigin", by="Id")}
    tagging = cloudfront_tagging("Arn")
    states = States(
        "VpcOrigin.Status",
        ready=frozenset({"Deployed"}),
        pending=frozenset({"Deploying"}),
        failed={
            "Failed": "See that what it stands for exists and that its VPC has an internet gateway, delete it "
            "(state: absent) and run again."
        },
    )
    # A load balancer that was made a moment ago, and a distribution that doesn't use it any more.
    passing = {
        "CannotDeleteEntityWhileInUse": ("",),
        "CannotUpdateEntityWhileInUse": ("",),
        "InvalidArgument": ("LoadBalancerNotFound",),
    }
    hints = {
        "InvalidArgument": {
            "LoadBalancerNotFound": "The load balancer must exist, in this account.",
        },
    }
    # CloudFront says that it takes up to 15 minutes.
    timeout = 1200

    def create_request(self):
        request = super().create_request()
        request[CONFIG] = {**DEFAULTS, **request[CONFIG]}
        return request

    def refuse(self, current, changes):
        users = [named(item) for item in self.users(current)] if current and changes else []
        if users:
            raise ResourceError(
                f"{self.title} can't be changed ({texts(changes)}) while {listed(users)} uses it. Take it out of "
                "there, run again, and put it back."
            )


def main():
    run_module(VpcOrigin, DOCUMENTATION)


if __name__ == "__main__":
    main()
