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
    O(owned_by) and the C(Name) in O(tags). If it has lost one of them, they are put back.
  - Unlike M(amazon.aws.ec2_vpc_endpoint) it sets private DNS and the type of addresses, and changes an existing
    endpoint.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC. It is needed, here or in each entry of O(aggregate).
    type: str
  service_name:
    description:
      - Name of the service, in full as C(com.amazonaws.us-west-2.s3), or what follows the region in it, as C(s3).
      - What comes before differs in China from service to service, so the module asks AWS there.
        It is needed, here or in each entry of O(aggregate).
    type: str
  endpoint_id:
    description:
      - ID of the endpoint, where it is known.
    type: str
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
      - Policy that says what can be done through the endpoint. V({}) is that of AWS, which allows everything.
    type: json
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
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
  returned: without O(aggregate)
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
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, States, Update
from ..module_utils.ec2 import Ec2Resource, ec2_tagging, group_ids
from ..module_utils.policies import policy, same_policy, to_document
from ..module_utils.resource import run_module

# The policy of an endpoint that was made without one.
ALLOW_ALL = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
DELETE_IT = "Remove it (state: absent) and run again."


def restriction(text):
    """The policy of an endpoint; none where it is AWS's own."""
    document = to_document(text)
    return {} if same_policy(document, ALLOW_ALL) else document


def same_restriction(current, desired):
    return same_policy(current, desired) if desired else not current


class VpcEndpoint(Ec2Resource):
    kind = "endpoint"
    result = "endpoint"
    names = {"VpcId": "vpc_id", "ServiceName": "service_name"}
    identifier = "VpcEndpointId"
    known_by = "endpoint_id"
    placed = True
    tagged_as = "vpc-endpoint"
    describe = Describe("DescribeVpcEndpoints", "VpcEndpoints", many=True)
    made_at = "CreationTimestamp"
    create = Create("CreateVpcEndpoint", token="ClientToken", tags=None, made="VpcEndpoint.VpcEndpointId")
    delete = Delete(
        "DeleteVpcEndpoints",
        missing=("InvalidVpcEndpoint.NotFound", "InvalidVpcEndpointId.NotFound"),
        by={"VpcEndpointIds": ["VpcEndpointId"]},
    )
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
        policy("policy", "PolicyDocument", update="settings", absent={}, decode=restriction, same=same_restriction),
    )
    updates = {"settings": Update("ModifyVpcEndpoint", by="VpcEndpointId")}
    tagging = ec2_tagging("VpcEndpointId")
    unmanaged = {
        **dict.fromkeys(
            ("AcceptVpcEndpointConnections", "RejectVpcEndpointConnections", "ModifyVpcEndpointPayerResponsibility"),
            "the affair of the service's owner",
        ),
        "CreateVpcEndpointConnectionNotification": "notifications of connections aren't looked at",
        **dict.fromkeys(
            (
                "CreateVpcEndpoint.DnsOptions.PrivateDnsPreference",
                "CreateVpcEndpoint.DnsOptions.PrivateDnsSpecifiedDomains",
                "CreateVpcEndpoint.ResourceConfigurationArn",
                "CreateVpcEndpoint.ServiceNetworkArn",
                "ModifyVpcEndpoint.DnsOptions.PrivateDnsPreference",
                "ModifyVpcEndpoint.DnsOptions.PrivateDnsSpecifiedDomains",
            ),
            "of endpoints for resources and service networks, which the module doesn't make",
        ),
        **dict.fromkeys(
            ("CreateVpcEndpoint.SubnetConfigurations", "ModifyVpcEndpoint.SubnetConfigurations"),
            "AWS chooses the addresses",
        ),
        "CreateVpcEndpoint.ServiceRegion": "services of the own region only",
    }
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
    timeout = 600
    poll = 10.0

    extra_operations = ("DescribeVpcEndpointServices",)
    passing = {
        # Another run has made the endpoint since we looked; or one with its names was deleted a moment ago, and AWS
        # still keeps them for it.
        "RouteAlreadyExists": ("",),
        "InvalidParameter": ("conflicting DNS domain",),
    }

    def prepare(self):
        name, region = self.options["service_name"], self.module.region
        if f".{region}." not in name:
            self.options["service_name"] = self.full_name(name, region)

    def full_name(self, name, region):
        """In China some services are called as everywhere, most with a prefix, and one with an end of its own."""
        usual = f"com.amazonaws.{region}.{name}"
        if not region.startswith("cn-"):
            return usual
        possible = [usual, f"cn.{usual}", f"cn.{usual}.cn"]
        request = {"Filters": [{"Name": "service-name", "Values": possible}]}
        answer = self.read("DescribeVpcEndpointServices", request, doing=f"find the endpoint service {name}")
        offered = set(answer["ServiceNames"])
        return next((full for full in possible if full in offered), usual)

    def describe_request(self):
        filters = {"vpc-id": self.options["vpc_id"], "service-name": self.options["service_name"]}
        if self.options["type"]:
            filters["vpc-endpoint-type"] = self.options["type"]
        return {"Filters": self.filters(filters)}

    def normal(self, description):
        return {**description, "State": description.get("State", "").lower()}

    def choose(self, found):
        meant = self.named()
        if self.options["type"]:
            meant["VpcEndpointType"] = self.options["type"]
        found = [item for item in found if meant.items() <= {member: item.get(member) for member in meant}.items()]
        return self.ours_first(found)

    def update_request(self, name, changes, current):
        lists = {option: change for option, change in changes.items() if len(change.setting.members) == 2}
        request = super().update_request(name, {key: changes[key] for key in changes if key not in lists}, current)
        if "policy" in changes and not changes["policy"].desired:
            del request["PolicyDocument"]
            request["ResetPolicy"] = True
        for change in lists.values():
            parts = dict(zip(change.setting.members, (change.added, change.removed), strict=True))
            request |= {member: elements for member, elements in parts.items() if elements}
        return request

    def reasons(self, current):
        return current.get("FailureReason") or (current.get("LastError") or {}).get("Message", "")


def main():
    run_module(VpcEndpoint, DOCUMENTATION)


if __name__ == "__main__":
    main()
