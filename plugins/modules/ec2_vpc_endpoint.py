#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_vpc_endpoint
version_added: 0.1.0
short_description: Manage a gateway or interface endpoint of a VPC
description:
  - Creates, changes, tags and deletes the endpoint of a service in a VPC.
  - It is found by VPC, service and, if given, type. If the VPC has several, the one that is meant bears the tags in
    O(owned_by) and the C(Name) in O(tags).
  - Unlike M(amazon.aws.ec2_vpc_endpoint) it sets private DNS and the type of addresses, and changes an existing
    endpoint.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC.
    type: str
    required: true
  service_name:
    description:
      - Full name of the service, as C(com.amazonaws.us-west-2.s3).
    type: str
    required: true
  type:
    description:
      - Kind of the endpoint. It can't be changed later. Only Amazon S3 and DynamoDB have gateway endpoints.
      - If not set, an endpoint of either kind is the one that is meant, and a new one is a V(Gateway) endpoint.
    type: str
    choices: [Gateway, Interface]
  subnet_ids:
    description:
      - Subnets with a network interface of an interface endpoint, one for each availability zone.
      - Others are removed from the endpoint.
    type: list
    elements: str
  security_group_ids:
    description:
      - Security groups of an interface endpoint. Others are removed from it.
      - Without it AWS takes the default group of the VPC for a new endpoint.
    type: list
    elements: str
  route_table_ids:
    description:
      - Route tables that get a route to a gateway endpoint. The route is removed from others.
    type: list
    elements: str
  private_dns_enabled:
    description:
      - Whether the public name of the service leads to an interface endpoint from inside of the VPC.
      - It needs DNS support and DNS host names in the VPC.
    type: bool
  ip_address_type:
    description:
      - Which addresses the endpoint has.
    type: str
    choices: [ipv4, dualstack, ipv6]
  dns_options:
    description:
      - How the names of the endpoint resolve.
    type: dict
    suboptions:
      dns_record_ip_type:
        description: Which records the endpoint's names have.
        type: str
        choices: [ipv4, dualstack, ipv6, service-defined]
      private_dns_only_for_inbound_resolver_endpoint:
        description: Whether private DNS is for requests through a Route 53 Resolver inbound endpoint only.
        type: bool
  policy:
    description:
      - Policy that says what can be done through the endpoint. Without it AWS allows everything through a new endpoint.
    type: json
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Lead the private subnets to S3 through a gateway endpoint
  agent_platform.aws.ec2_vpc_endpoint:
    vpc_id: vpc-0123456789abcdef0
    service_name: com.amazonaws.us-west-2.s3
    type: Gateway
    route_table_ids:
      - rtb-0123456789abcdef0
      - rtb-0123456789abcdef1
    tags:
      Name: demo-endpoint-s3

- name: Reach Secrets Manager from inside of the VPC
  agent_platform.aws.ec2_vpc_endpoint:
    vpc_id: vpc-0123456789abcdef0
    service_name: com.amazonaws.us-west-2.secretsmanager
    type: Interface
    subnet_ids:
      - subnet-0123456789abcdef0
      - subnet-0123456789abcdef1
    security_group_ids:
      - sg-0123456789abcdef0
    private_dns_enabled: true
    policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Principal: "*"
          Action: secretsmanager:GetSecretValue
          Resource: "*"
          Condition:
            StringEquals:
              aws:PrincipalAccount: "123456789012"

- name: Delete an endpoint
  agent_platform.aws.ec2_vpc_endpoint:
    vpc_id: vpc-0123456789abcdef0
    service_name: com.amazonaws.us-west-2.secretsmanager
    type: Interface
    state: absent
"""

RETURN = r"""
endpoint:
  description: The endpoint as EC2 describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    vpc_endpoint_id:
      description: ID of the endpoint.
      type: str
      sample: vpce-0123456789abcdef0
    vpc_endpoint_type:
      description: Kind of the endpoint.
      type: str
      sample: Interface
    vpc_id:
      description: ID of the VPC.
      type: str
      sample: vpc-0123456789abcdef0
    service_name:
      description: Full name of the service.
      type: str
      sample: com.amazonaws.us-west-2.secretsmanager
    state:
      description: State of the endpoint, in lower case.
      type: str
      sample: available
    route_table_ids:
      description: Route tables with a route to the endpoint.
      type: list
      elements: str
    subnet_ids:
      description: Subnets with a network interface of the endpoint.
      type: list
      elements: str
    groups:
      description: Security groups of the endpoint.
      type: list
      elements: dict
      contains:
        group_id:
          description: ID of the group.
          type: str
        group_name:
          description: Name of the group.
          type: str
    network_interface_ids:
      description: Network interfaces of the endpoint.
      type: list
      elements: str
    private_dns_enabled:
      description: Whether the public name of the service leads to the endpoint.
      type: bool
    ip_address_type:
      description: Which addresses the endpoint has.
      type: str
    dns_entries:
      description: Names of the endpoint.
      type: list
      elements: dict
      contains:
        dns_name:
          description: The name.
          type: str
        hosted_zone_id:
          description: ID of the hosted zone.
          type: str
    policy_document:
      description: Policy of the endpoint, as JSON.
      type: str
    tags:
      description: Tags of the endpoint.
      type: dict
"""

import json

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from ansible_collections.agent_platform.aws.plugins.module_utils.ec2 import NOT_YET_VISIBLE, Ec2Resource, ec2_tagging
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.resource import (
    Create,
    Delete,
    Describe,
    Setting,
    States,
    Update,
    run_module,
)

DELETE_IT = "Remove it (state: absent) and run again."


def group_ids(groups):
    """A request takes the ids of security groups, a description gives ids with names."""
    return [group["GroupId"] if isinstance(group, dict) else group for group in groups]


def same_policy(current, desired):
    return isinstance(current, dict) and not compare_policies(current, desired)


class VpcEndpoint(Ec2Resource):
    kind = "endpoint"
    result = "endpoint"
    names = {"VpcId": "vpc_id", "ServiceName": "service_name"}
    identifier = "VpcEndpointId"
    tagged_as = "vpc-endpoint"
    describe = Describe("DescribeVpcEndpoints", "VpcEndpoints", many=True)
    create = Create("CreateVpcEndpoint", token="ClientToken", tags=None)
    delete = Delete("DeleteVpcEndpoints", missing=("InvalidVpcEndpoint.NotFound", "InvalidVpcEndpointId.NotFound"))
    settings = (
        Setting("type", "VpcEndpointType"),
        Setting(
            "route_table_ids",
            "RouteTableIds",
            update="settings",
            update_members=("AddRouteTableIds", "RemoveRouteTableIds"),
            unordered=True,
        ),
        Setting(
            "subnet_ids",
            "SubnetIds",
            update="settings",
            update_members=("AddSubnetIds", "RemoveSubnetIds"),
            unordered=True,
        ),
        Setting(
            "security_group_ids",
            "SecurityGroupIds",
            read="Groups",
            update="settings",
            update_members=("AddSecurityGroupIds", "RemoveSecurityGroupIds"),
            unordered=True,
            decode=group_ids,
        ),
        Setting("private_dns_enabled", "PrivateDnsEnabled", update="settings", absent=False),
        Setting("ip_address_type", "IpAddressType", update="settings"),
        Setting("dns_options", "DnsOptions", update="settings"),
        Setting(
            "policy",
            "PolicyDocument",
            update="settings",
            same=same_policy,
            verbatim=True,
            encode=json.dumps,
            decode=json.loads,
        ),
    )
    updates = {"settings": Update("ModifyVpcEndpoint")}
    tagging = ec2_tagging("VpcEndpointId")
    # AWS's model writes the states with capitals, its answers mostly don't.
    states = States(
        "State",
        ready=frozenset({"available"}),
        pending=frozenset({"pending"}),
        deleting=frozenset({"deleting"}),
        failed={"failed": DELETE_IT, "rejected": DELETE_IT, "expired": DELETE_IT},
        degraded={
            "pendingacceptance": "The owner of the service has to accept it.",
            "partial": "Look at its network interfaces; some of them aren't ready.",
        },
        gone=frozenset({"deleted"}),
    )
    passing = NOT_YET_VISIBLE
    timeout = 600
    poll = 10.0

    def __init__(self, module):
        super().__init__(module)
        if self.options["policy"] is not None:
            try:
                self.options = {**self.options, "policy": json.loads(self.options["policy"])}
            except ValueError as error:
                raise ResourceError(f"The policy of {self.title} isn't JSON: {error}.") from error

    def describe_request(self):
        filters = {"vpc-id": self.options["vpc_id"], "service-name": self.options["service_name"]}
        if self.options["type"]:
            filters["vpc-endpoint-type"] = self.options["type"]
        return {"Filters": self.filters(filters)}

    def select(self, found):
        meant = self.named()
        if self.options["type"]:
            meant["VpcEndpointType"] = self.options["type"]
        found = [item for item in found if meant.items() <= {member: item.get(member) for member in meant}.items()]
        return self.ours_first([{**item, "State": item.get("State", "").lower()} for item in found])

    def update_request(self, name, changes, current):
        request = {"VpcEndpointId": current["VpcEndpointId"]}
        for change in changes.values():
            if not change.setting.update_members:
                request[change.setting.member] = self.encoded(change.setting)
                continue
            have, want = change.current or [], change.desired
            add, remove = change.setting.update_members
            parts = {
                add: [item for item in want if item not in have],
                remove: [item for item in have if item not in want],
            }
            request |= {member: items for member, items in parts.items() if items}
        return request

    def delete_request(self, current):
        return {"VpcEndpointIds": [current["VpcEndpointId"]]}

    def reasons(self, current):
        return current.get("FailureReason") or (current.get("LastError") or {}).get("Message", "")


def main():
    run_module(
        VpcEndpoint,
        {
            "vpc_id": {"type": "str", "required": True},
            "service_name": {"type": "str", "required": True},
            "type": {"type": "str", "choices": ["Gateway", "Interface"]},
            "subnet_ids": {"type": "list", "elements": "str"},
            "security_group_ids": {"type": "list", "elements": "str"},
            "route_table_ids": {"type": "list", "elements": "str"},
            "private_dns_enabled": {"type": "bool"},
            "ip_address_type": {"type": "str", "choices": ["ipv4", "dualstack", "ipv6"]},
            "dns_options": {
                "type": "dict",
                "options": {
                    "dns_record_ip_type": {"type": "str", "choices": ["ipv4", "dualstack", "ipv6", "service-defined"]},
                    "private_dns_only_for_inbound_resolver_endpoint": {"type": "bool"},
                },
            },
            "policy": {"type": "json"},
        },
    )


if __name__ == "__main__":
    main()
