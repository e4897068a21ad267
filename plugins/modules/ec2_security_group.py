#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_security_group
version_added: 0.1.0
short_description: Manage an EC2 security group with its rules
description:
  - Creates, changes and deletes a security group of a VPC with its rules and its tags. Rules that are not declared are
    removed.
  - New rules are there before old ones go, so that traffic which both allow is not interrupted.
  - It is found by its name, which no other group of the VPC can have. If it has lost one of the tags in O(owned_by),
    they are put back.
  - It replaces M(amazon.aws.ec2_security_group), which in release 11.4.0 hides the reason that AWS gives for a refusal,
    fails with C(--check --diff) for a rule that names a group which doesn't exist yet, and sleeps at least three
    seconds for each group that it makes.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC. It is needed, here or in each entry of O(aggregate).
    type: str
  name:
    description:
      - Name of the group. V(default) is the group that AWS makes with each VPC.
        It is needed, here or in each entry of O(aggregate).
    type: str
  description:
    description:
      - What the group is for. AWS needs it to make a group, and can't change it.
    type: str
  ingress:
    description:
      - The rules for traffic that comes in. An empty list lets nothing in.
    type: list
    elements: dict
    suboptions: &suboptions
      protocol:
        description: Protocol by name or number. V(all) takes no ports.
        type: str
        default: tcp
      from_port:
        description: First port, or type of ICMP messages.
        type: int
      to_port:
        description: Last port, or code of ICMP messages. The same as O(ingress[].from_port) if it isn't set.
        type: int
      group_id:
        description: ID of the security group at the other end.
        type: str
      cidr_ip:
        description: IPv4 network at the other end.
        type: str
      cidr_ipv6:
        description: IPv6 network at the other end.
        type: str
      prefix_list_id:
        description: ID of the prefix list at the other end.
        type: str
      description:
        description: Why the traffic is allowed.
        type: str
        default: ""
  egress:
    description:
      - The rules for traffic that goes out. An empty list lets nothing out.
      - If not set, a new group keeps the rule of AWS that lets everything out.
    type: list
    elements: dict
    suboptions: *suboptions
  remove_left_interfaces:
    description:
      - Whether network interfaces of the group are deleted with it that the VPC CNI plugin for Kubernetes has made for
        a node, by its own tag and description, and that nothing uses any more.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let the web servers, and nobody else, talk to the database
  agent_platform.aws.ec2_security_group:
    vpc_id: vpc-0123456789abcdef0
    name: demo-database
    description: Database
    ingress:
      - from_port: 5432
        group_id: sg-0123456789abcdef0
        description: PostgreSQL
    egress: []
    tags:
      Name: demo-database

- name: Take all rules from the default group of a VPC
  agent_platform.aws.ec2_security_group:
    vpc_id: vpc-0123456789abcdef0
    name: default
    ingress: []
    egress: []
"""

RETURN = r"""
security_group:
  description: The security group as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    group_id:
      description: ID of the group. Not known in check mode before the group exists.
      type: str
      sample: sg-0123456789abcdef0
    group_name:
      description: Name of the group.
      type: str
    description:
      description: What the group is for.
      type: str
    ip_permissions:
      description: The rules for traffic that comes in.
      type: list
      elements: dict
    ip_permissions_egress:
      description: The rules for traffic that goes out.
      type: list
      elements: dict
    tags:
      description: Tags of the group.
      type: dict
    vpc_id:
      description: ID of the VPC.
      type: str
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.ec2 import ec2_tagging
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.resource import run_module
from ..module_utils.vacated import Inside, Vacated, interfaces_by

ALL = "all"
# Option -> where a permission of the API holds such targets, and the member that names one.
TARGETS = {
    "group_id": ("UserIdGroupPairs", "GroupId"),
    "cidr_ip": ("IpRanges", "CidrIp"),
    "cidr_ipv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefix_list_id": ("PrefixListIds", "PrefixListId"),
}
FULL = "RulesPerSecurityGroupLimitExceeded"
CALLS = {
    "ingress": (
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupIngress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
    ),
    "egress": (
        "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupEgress",
        "UpdateSecurityGroupRuleDescriptionsEgress",
    ),
}


def rules_of(permissions):
    """One rule for each target, in the module's own terms. The API gives all targets of the same ports together."""
    return [
        {
            "protocol": ALL if permission["IpProtocol"] == "-1" else permission["IpProtocol"],
            "from_port": permission.get("FromPort"),
            "to_port": permission.get("ToPort"),
            option: target[member],
            "description": target.get("Description", ""),
        }
        for permission in permissions
        for option, (targets, member) in TARGETS.items()
        for target in permission.get(targets, [])
        if member in target
    ]


def permission_of(rule):
    """The rule as a request of the API takes it."""
    permission = {"IpProtocol": "-1" if rule["protocol"] == ALL else rule["protocol"]}
    permission |= {
        member: rule[option]
        for option, member in (("from_port", "FromPort"), ("to_port", "ToPort"))
        if rule.get(option) is not None
    }
    for option, (targets, member) in TARGETS.items():
        if rule.get(option):
            description = {"Description": rule["description"]} if rule.get("description") else {}
            permission[targets] = [{member: rule[option], **description}]
    return permission


def completed(rules):
    """The rules as EC2 would describe them."""
    found = []
    for rule in rules:
        protocol = str(rule["protocol"]).lower()
        protocol = ALL if protocol == "-1" else protocol
        first, last = rule.get("from_port"), rule.get("to_port")
        if protocol == ALL and (first is not None or last is not None):
            raise ValueError(f"has a rule with ports: protocol {ALL} takes no ports")
        if protocol in ("tcp", "udp") and first is None:
            raise ValueError(f"has a rule without ports: protocol {protocol} needs from_port")
        found.append(
            {
                "protocol": protocol,
                "from_port": first,
                "to_port": first if last is None else last,
                **{option: rule[option] for option in TARGETS if rule.get(option)},
                "description": rule.get("description") or "",
            }
        )
    return found


def permissions_of(rules):
    return [permission_of(rule) for rule in rules]


def key_of(rule):
    """What makes a rule another rule for EC2: everything but its description."""
    return tuple(rule.get(option) for option in ("protocol", "from_port", "to_port", *TARGETS))


def by_key(rules):
    return {key_of(rule): rule for rule in rules or []}


def same_rules(current, desired):
    have, want = by_key(current), by_key(desired)
    return have.keys() == want.keys() and all(have[key]["description"] == want[key]["description"] for key in want)


class SecurityGroup(Vacated):
    kind = "security group"
    result = "security_group"
    names = {"VpcId": "vpc_id", "GroupName": "name"}
    identifier = "GroupId"
    tagged_as = "security-group"
    unique_name = True
    placed = True
    filtered_by = {"vpc-id": "vpc_id", "group-name": "name"}
    needed = ("description",)
    describe = Describe("DescribeSecurityGroups", "SecurityGroups", many=True)
    create = Create("CreateSecurityGroup", exists=("InvalidGroup.Duplicate",), tags=None)
    delete = Delete("DeleteSecurityGroup", missing=("InvalidGroup.NotFound",), by="GroupId")
    settings = (
        Setting("description", "Description"),
        *(
            Setting(
                option,
                None,
                read=member,
                update=option,
                update_members=("IpPermissions",),
                absent=[],
                given=completed,
                same=same_rules,
                encode=permissions_of,
                decode=rules_of,
            )
            for option, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
        ),
    )
    updates = {option: Update(calls[0]) for option, calls in CALLS.items()}
    extra_operations = (
        *CALLS["ingress"][1:],
        *CALLS["egress"][1:],
        "DeleteNetworkInterface",
        "DescribeNetworkInterfaces",
    )
    unmanaged = {
        **dict.fromkeys(
            ("AssociateSecurityGroupVpc", "DisassociateSecurityGroupVpc"), "use in further VPCs isn't looked at"
        ),
        "ModifySecurityGroupRules": "its effect is seen: rules are compared as a whole",
        **dict.fromkeys(
            (
                "AuthorizeSecurityGroupIngress.SourceSecurityGroupName",
                "AuthorizeSecurityGroupIngress.SourceSecurityGroupOwnerId",
                "AuthorizeSecurityGroupEgress.SourceSecurityGroupName",
                "AuthorizeSecurityGroupEgress.SourceSecurityGroupOwnerId",
            ),
            "older forms of IpPermissions",
        ),
    }
    tagging = ec2_tagging("GroupId")
    # Someone else made the rule since we looked; the next look tells.
    passing = {"InvalidPermission.Duplicate": ("",)}
    hints = {
        FULL: {
            "": "Take rules away, or have the quota raised (L-0EA8095F, rules per security group). A prefix list "
            "counts as the number of entries that it may have."
        }
    }
    # A group that is named in the rules of another can't be deleted.
    inside = (
        interfaces_by("group-id"),
        Inside("DescribeSecurityGroups", "SecurityGroups", "GroupId", "ip-permission.group-id"),
        Inside("DescribeSecurityGroups", "SecurityGroups", "GroupId", "egress.ip-permission.group-id"),
    )

    def keeps(self, thing):
        return thing.get("GroupName") != self.options["name"]

    def update_ingress(self, changes, current):
        self.change_rules("ingress", changes["ingress"], current)

    def update_egress(self, changes, current):
        self.change_rules("egress", changes["egress"], current)

    def change_rules(self, name, change, current):
        have, want = by_key(change.current), by_key(change.desired)
        authorize, revoke, describe = CALLS[name]
        gone = ("InvalidPermission.NotFound",)

        def step(operation, rules, doing, missing=gone):
            if rules:
                request = {"GroupId": current["GroupId"], "IpPermissions": permissions_of(rules)}
                self.write(operation, request, f"{doing} {name} rules of {self.title}", missing)

        added = [want[key] for key in want if key not in have]
        removed = [have[key] for key in have if key not in want]
        try:
            step(authorize, added, "allow", ())
        except ResourceError as error:
            # The old rules and the new ones together may be more than a group has. A prefix list counts as its length.
            if error_code(error.cause) != FULL or not removed:
                raise
            step(revoke, removed, "revoke")
            step(authorize, added, "allow", ())
            removed = []
        step(
            describe,
            [want[key] for key in want if key in have and want[key]["description"] != have[key]["description"]],
            "describe",
        )
        step(revoke, removed, "revoke")


def main():
    targets = {"required_one_of": [tuple(TARGETS)], "mutually_exclusive": [tuple(TARGETS)]}
    run_module(SecurityGroup, DOCUMENTATION, dict.fromkeys(CALLS, targets))


if __name__ == "__main__":
    main()
