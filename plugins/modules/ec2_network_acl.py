#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_network_acl
version_added: 0.1.0
short_description: Manage a network ACL of a VPC with its rules and subnets
description:
  - Creates, changes and deletes a network ACL with its rules, the subnets that use it, and its tags. Rules and subnets
    that are not declared are removed from it.
  - The ACL is found by its tag C(Name) together with O(owned_by), or by O(network_acl_id). Other tags may change.
  - A subnet always has one ACL. It is moved in one step, when the rules are there; one that is taken away goes back to
    the default ACL of the VPC, and so do all before the ACL is deleted.
  - The last rule, which denies what no other has allowed, is AWS's and always there. Only rules that allow are offered.
  - It replaces M(amazon.aws.ec2_vpc_nacl), which in release 11.4.0 changes an ACL of that name whoever made it, shows
    no differences, and takes a rule that changes away before it makes it anew.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  vpc_id:
    description:
      - ID of the VPC. It is needed, here or in each entry of O(aggregate).
    type: str
  name:
    description:
      - Name of the ACL. It is kept in the tag C(Name). It is needed, here or in each entry of O(aggregate).
    type: str
  network_acl_id:
    description:
      - ID of the ACL, where it is known. If it has lost its name or a tag of O(owned_by), that is put back.
    type: str
  subnet_ids:
    description:
      - IDs of the subnets that use the ACL.
    type: list
    elements: str
  ingress:
    description:
      - What may come into the subnets. Rules are looked at in the order of their numbers.
    type: list
    elements: dict
    suboptions: &rule
      rule_number:
        description: Number of the rule, from V(1) to V(32766). Each occurs once.
        type: int
        required: true
      protocol:
        description: Protocol. V(all) takes no ports.
        type: str
        choices: [tcp, udp, all]
        default: tcp
      from_port:
        description: First port. It is needed unless the protocol is V(all).
        type: int
      to_port:
        description: Last port. The same as the first when left out.
        type: int
      cidr_block:
        description: IPv4 network at the other end.
        type: str
        required: true
  egress:
    description:
      - What may leave the subnets. Answers are nothing of their own to an ACL, so what came in doesn't open a way out.
    type: list
    elements: dict
    suboptions: *rule
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let subnets talk within the VPC, and by HTTPS with the internet
  agent_platform.aws.ec2_network_acl:
    vpc_id: vpc-0123456789abcdef0
    name: demo-private
    subnet_ids:
      - subnet-0123456789abcdef0
      - subnet-0123456789abcdef1
    ingress:
      - {rule_number: 10, protocol: all, cidr_block: 10.0.0.0/16}
      - {rule_number: 20, from_port: 1024, to_port: 65535, cidr_block: 0.0.0.0/0}
    egress:
      - {rule_number: 10, protocol: all, cidr_block: 10.0.0.0/16}
      - {rule_number: 20, from_port: 443, cidr_block: 0.0.0.0/0}
    tags:
      Project: demo

- name: Give its subnets back to the default ACL of the VPC, and delete it
  agent_platform.aws.ec2_network_acl:
    state: absent
    vpc_id: vpc-0123456789abcdef0
    name: demo-private
"""

RETURN = r"""
network_acl:
  description: The network ACL as EC2 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    network_acl_id:
      description: ID of the ACL. Not known in check mode before the ACL exists.
      type: str
      sample: acl-0123456789abcdef0
    associations:
      description: The subnets that use the ACL.
      type: list
      elements: dict
    entries:
      description: All rules in both directions, also those that AWS makes.
      type: list
      elements: dict
    is_default:
      description: Whether it is the one that AWS made with the VPC. It never is.
      type: bool
    tags:
      description: Tags of the ACL.
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
from ..module_utils.ec2 import Ec2Resource, ec2_tagging
from ..module_utils.resource import run_module

ALL = "all"
# As the API has them.
PROTOCOLS = {"tcp": "6", "udp": "17", ALL: "-1"}
NAMES = {number: name for name, number in PROTOCOLS.items()}
# The rule that denies the rest. It can't be changed.
LAST = 32767
DIRECTIONS = {"ingress": False, "egress": True}
OFFERED = ("RuleNumber", "Protocol", "RuleAction", "Egress", "CidrBlock", "PortRange")


def completed(rules):
    """The rules as EC2 would describe them."""
    found = {}
    for rule in rules:
        number, protocol = rule["rule_number"], rule["protocol"]
        first, last = rule.get("from_port"), rule.get("to_port")
        if not 1 <= number < LAST:
            raise ValueError(f"has a rule with the number {number}, which is not from 1 to {LAST - 1}")
        if number in found:
            raise ValueError(f"has more than one rule with the number {number}")
        if protocol == ALL and (first is not None or last is not None):
            raise ValueError(f"has a rule with ports: protocol {ALL} takes no ports")
        if protocol != ALL and first is None:
            raise ValueError(f"has a rule without ports: protocol {protocol} needs from_port")
        ports = {} if first is None else {"from_port": first, "to_port": first if last is None else last}
        found[number] = {"rule_number": number, "protocol": protocol, **ports, "cidr_block": rule["cidr_block"]}
    return list(found.values())


def rules_of(egress):
    """How entries of a direction look in the module's own terms. What can't be declared is shown as the API has it."""

    def decode(entries):
        return [rule_of(entry) for entry in entries if entry["Egress"] is egress and entry["RuleNumber"] < LAST]

    return decode


def rule_of(entry):
    ports = entry.get("PortRange") or {}
    rule = {"rule_number": entry["RuleNumber"], "protocol": NAMES.get(entry["Protocol"], entry["Protocol"])}
    rule |= {option: ports[member] for option, member in (("from_port", "From"), ("to_port", "To")) if member in ports}
    rule |= {"cidr_block": entry["CidrBlock"]} if "CidrBlock" in entry else {}
    rule |= {} if entry["RuleAction"] == "allow" else {"RuleAction": entry["RuleAction"]}
    return rule | {member: value for member, value in entry.items() if member not in OFFERED}


def entries_of(egress):
    def encode(rules):
        return [entry_of(rule, egress) for rule in rules]

    return encode


def entry_of(rule, egress):
    """The rule as a request of the API takes it, and as it is described."""
    ports = {"PortRange": {"From": rule["from_port"], "To": rule["to_port"]}} if "from_port" in rule else {}
    return {
        "RuleNumber": rule["rule_number"],
        "Egress": egress,
        "Protocol": PROTOCOLS[rule["protocol"]],
        "RuleAction": "allow",
        "CidrBlock": rule["cidr_block"],
        **ports,
    }


def by_number(rules):
    return {rule["rule_number"]: rule for rule in rules or []}


def same_rules(current, desired):
    return by_number(current) == by_number(desired)


def subnets_of(associations):
    return [association["SubnetId"] for association in associations]


class NetworkAcl(Ec2Resource):
    kind = "network ACL"
    result = "network_acl"
    names = {"VpcId": "vpc_id", "Name": "name"}
    identifier = "NetworkAclId"
    known_by = "network_acl_id"
    tagged_as = "network-acl"
    filtered_by = {"vpc-id": "vpc_id"}
    describe = Describe("DescribeNetworkAcls", "NetworkAcls", many=True)
    create = Create(
        "CreateNetworkAcl", token="ClientToken", tags=None, names=("VpcId",), made="NetworkAcl.NetworkAclId"
    )
    delete = Delete("DeleteNetworkAcl", missing=("InvalidNetworkAclID.NotFound",), by="NetworkAclId")
    settings = (
        *(
            Setting(
                option,
                None,
                read="Entries",
                update=option,
                update_members=OFFERED,
                absent=[],
                given=completed,
                same=same_rules,
                encode=entries_of(egress),
                decode=rules_of(egress),
            )
            for option, egress in DIRECTIONS.items()
        ),
        Setting(
            "subnet_ids",
            None,
            read="Associations",
            update="subnets",
            update_members=("AssociationId",),
            unordered=True,
            encode=lambda subnets: [{"SubnetId": subnet} for subnet in subnets],
            decode=subnets_of,
        ),
    )
    # Rules first: a subnet that moves here finds them.
    updates = {
        **{option: Update("CreateNetworkAclEntry") for option in DIRECTIONS},
        "subnets": Update("ReplaceNetworkAclAssociation"),
    }
    extra_operations = ("ReplaceNetworkAclEntry", "DeleteNetworkAclEntry")
    unmanaged = {
        "CreateNetworkAclEntry.IcmpTypeCode": "ICMP isn't offered: security groups let its errors through",
        "CreateNetworkAclEntry.Ipv6CidrBlock": "IPv6 isn't offered",
    }
    tagging = ec2_tagging("NetworkAclId")
    passing = {
        "InvalidNetworkAclID.NotFound": ("",),
        # Someone else made it since we looked, or moved the subnet; the next look tells.
        "NetworkAclEntryAlreadyExists": ("",),
        "InvalidAssociationID.NotFound": ("",),
    }

    def prepare(self):
        self.acls = []
        tags = self.options["tags"]
        self.options["tags"] = {**(tags or {}), "Name": self.options["name"]}
        self.options["purge_tags"] = tags is not None and self.options["purge_tags"]

    def select(self, found):
        self.acls = found
        return super().select([acl for acl in found if not acl.get("IsDefault")])

    def choose(self, found):
        return self.marked(found, self.marks())

    def update_ingress(self, changes, current):
        self.change_rules("ingress", changes["ingress"], current)

    def update_egress(self, changes, current):
        self.change_rules("egress", changes["egress"], current)

    def change_rules(self, name, change, current):
        """What is allowed now stays so until what replaces it is there."""
        have, want = by_number(change.current), by_number(change.desired)
        acl = {"NetworkAclId": current["NetworkAclId"]}
        for number, rule in want.items():
            if number not in have:
                operation, verb = "CreateNetworkAclEntry", "create"
            elif rule != have[number]:
                operation, verb = "ReplaceNetworkAclEntry", "change"
            else:
                continue
            self.write(
                operation, acl | entry_of(rule, DIRECTIONS[name]), f"{verb} {name} rule {number} of {self.title}"
            )
        for number in have:
            if number not in want:
                request = acl | {"RuleNumber": number, "Egress": DIRECTIONS[name]}
                doing = f"delete {name} rule {number} from {self.title}"
                self.write("DeleteNetworkAclEntry", request, doing, ("InvalidNetworkAclEntry.NotFound",))

    def update_subnets(self, _changes, current):
        mine = {item["SubnetId"]: item for item in current.get("Associations", [])}
        elsewhere = {item["SubnetId"]: item for acl in self.acls for item in acl.get("Associations", [])}
        for subnet in self.options["subnet_ids"]:
            # One that isn't there yet is seen at the next look.
            if subnet not in mine and subnet in elsewhere:
                self.move(elsewhere[subnet], current["NetworkAclId"])
        self.give_back(item for subnet, item in mine.items() if subnet not in self.options["subnet_ids"])

    def give_back(self, associations):
        default = next((acl["NetworkAclId"] for acl in self.acls if acl.get("IsDefault")), None)
        for association in associations:
            self.move(association, default)

    def move(self, association, acl):
        request = {"AssociationId": association["NetworkAclAssociationId"], "NetworkAclId": acl}
        self.write("ReplaceNetworkAclAssociation", request, f"give {association['SubnetId']} {acl}")

    def before_delete(self, current):
        self.give_back(current.get("Associations", []))


def main():
    run_module(NetworkAcl, DOCUMENTATION)


if __name__ == "__main__":
    main()
