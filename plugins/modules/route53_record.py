#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: route53_record
version_added: 0.1.0
short_description: Manage a record in a public hosted zone of Route 53
description:
  - Creates, changes and deletes a record with values, or an alias of a resource of AWS, and waits until all of Route
    53's name servers tell of it.
  - Records carry no tags. With O(owned_by) the module makes a TXT record beside its own, in the same change, that says
    whose it is. Its name is the record's with C(_agent-platform-) and the type in front, such as
    C(_agent-platform-a.www.example.com). A record without it is never changed or removed.
  - One that is exactly as declared and has no such mark is left as it is, without an error, whoever made it.
  - It replaces M(amazon.aws.route53), which in release 11.4.0 changes a record of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Full name of the record, as C(www.example.com), or C(*.example.com). It is needed, here or in each entry of
        O(aggregate).
    type: str
  type:
    description:
      - Type of the record. It is needed, here or in each entry of O(aggregate).
    type: str
    choices: [A, AAAA, CAA, CNAME, MX, SRV, TXT]
  hosted_zone:
    description:
      - Name or ID of the public hosted zone.
      - If it isn't set, the record goes to the public zone of the account that is nearest to its name.
    type: str
  values:
    description:
      - The values, written as Route 53 writes them, a TXT in double quotes.
    type: list
    elements: str
  ttl:
    description:
      - How long others may keep the values, in seconds. A new record has 300 if it isn't set.
    type: int
  alias:
    description:
      - The resource of AWS that the name stands for, instead of O(values).
    type: dict
    suboptions:
      dns_name:
        description: The resource's own name, such as C(d111111abcdef8.cloudfront.net).
        type: str
        required: true
      hosted_zone_id:
        description: ID of the zone of AWS that this name is in, V(Z2FDTNDATAQYW2) for CloudFront.
        type: str
        required: true
      evaluate_target_health:
        description: Whether the record answers only as long as the resource is healthy. Not for CloudFront.
        type: bool
        default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - Records with a routing policy (weighted, by latency, ...) are refused and not changed.
"""

EXAMPLES = r"""
- name: Let a name stand for a distribution
  agent_platform.aws.route53_record:
    aggregate:
      - {name: www.example.com, type: A}
      - {name: www.example.com, type: AAAA}
    alias:
      dns_name: d111111abcdef8.cloudfront.net
      hosted_zone_id: Z2FDTNDATAQYW2
    owned_by:
      Project: demo

- name: Make a record with values
  agent_platform.aws.route53_record:
    hosted_zone: example.com
    name: mail.example.com
    type: MX
    values: ["10 mx.example.com"]
    ttl: 3600

- name: Remove it
  agent_platform.aws.route53_record:
    name: mail.example.com
    type: MX
    state: absent
"""

RETURN = r"""
record:
  description: The record as Route 53 describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    name:
      description: Its name, with a dot at the end.
      type: str
    type:
      description: Its type.
      type: str
    hosted_zone_id:
      description: ID of the zone that it is in.
      type: str
    resource_records:
      description: Its values.
      type: list
      elements: dict
    ttl:
      description: How long others may keep them.
      type: int
    alias_target:
      description: The resource that it stands for.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

from urllib.parse import quote

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import Resource, run_module
from ..module_utils.route53 import Zones, batch, plain, record_request, simple, values_of
from ..module_utils.values import get_path

TTL = 300
MARK = "_agent-platform"
# A TXT consists of texts of this length at most.
LONGEST_TEXT = 255
IN_SYNC = "INSYNC"
ALIAS = {
    "dns_name": "DNSName",
    "hosted_zone_id": "HostedZoneId",
    "evaluate_target_health": "EvaluateTargetHealth",
}


def same_value(value):
    """A value for comparisons: names in any case, with or without the dot; texts as they are."""
    return value if value.startswith('"') else value.lower().rstrip(".")


def same_values(current, desired):
    return sorted(map(same_value, current or [])) == sorted(map(same_value, desired))


def same_alias(current, desired):
    if not current:
        return False
    one, other = ({**alias, "dns_name": plain(alias["dns_name"])} for alias in (current, desired))
    return one == other


def encoded_alias(alias):
    return {member: alias[option] for option, member in ALIAS.items()}


def mark_name(name, kind):
    """The name of the TXT record that says whose a record is."""
    return f"{MARK}-{kind.lower()}.{'_any' + name[1:] if name.startswith('*') else name}"


def mark_value(owner):
    text = ",".join(f"{key}={quote(str(value), safe=' _.:/+-@')}" for key, value in sorted(owner.items()))
    parts = [text[begin : begin + LONGEST_TEXT] for begin in range(0, len(text), LONGEST_TEXT)]
    return " ".join(f'"{part}"' for part in parts)


class Record(Resource):
    service = "route53"
    kind = "Route 53 record"
    result = "record"
    names = {"Name": "name", "Type": "type"}
    capital_members = True
    describe = Describe("ListResourceRecordSets", "ResourceRecordSets", missing=("NoSuchHostedZone",), many=True)
    identifier = "Name"
    create = Create("ChangeResourceRecordSets", tags=None)
    delete = Delete("ChangeResourceRecordSets")
    settings = (
        Setting(
            "values",
            None,
            read="ResourceRecords",
            update="record",
            update_members=(),
            same=same_values,
            encode=lambda values: [{"Value": value} for value in values],
            decode=lambda records: [record["Value"] for record in records],
        ),
        Setting("ttl", None, read="TTL", update="record", update_members=()),
        Setting(
            "alias",
            None,
            read="AliasTarget",
            update="record",
            update_members=(),
            same=same_alias,
            encode=encoded_alias,
            decode=lambda target: {option: target.get(member) for option, member in ALIAS.items()},
        ),
    )
    updates = {"record": Update("ChangeResourceRecordSets")}
    extra_operations = ("GetChange", "ListHostedZones")
    unmanaged = {"ChangeResourceRecordSets.ChangeBatch.Comment": "a note on the change that Route 53 keeps nowhere"}
    # Someone has made or changed it since we looked, and the next look tells.
    passing = {"InvalidChangeBatch": ("already exists", "not found", "not match the current values")}
    hints = {
        "InvalidChangeBatch": {
            "conflicts": "Something else has this name, such as a CNAME: remove that, and run again.",
        }
    }
    timeout = 300
    poll = 5.0

    def prepare(self):
        self.zones = Zones(self.read)
        self.zone = None
        self.mark = None  # the TXT record that says whose it is
        if self.options["state"] == "present" and self.options["alias"] and self.options["ttl"] is not None:
            raise ResourceError(f"{self.title} has a ttl and is an alias, which has none. Leave the ttl out.")

    @property
    def mark_name(self):
        return mark_name(self.options["name"], self.options["type"])

    @property
    def wanted_mark(self):
        return mark_value(self.options["owned_by"]) if self.options["owned_by"] else None

    @property
    def is_ours(self):
        """Whether its mark says so, or nobody asks."""
        return self.wanted_mark is None or self.marked_as == [self.wanted_mark]

    @property
    def marked_as(self):
        return values_of(self.mark or {})

    # ---- Reading

    def find(self):
        name, kind = self.options["name"], self.options["type"]
        try:
            self.zone = self.zone or self.zones.of(name, self.options["hosted_zone"], self.title)
        except ResourceError as error:
            if self.options["state"] == "absent" and error.cause is None:
                return None  # gone with its zone
            raise
        if self.options["owned_by"]:
            self.mark = self.zones.record(self.zone, self.mark_name, "TXT")
        record = self.zones.record(self.zone, name, kind)
        return {**record, "HostedZoneId": self.zone.id} if record else None

    def describe_request(self):
        return record_request(self.zone, self.options["name"], self.options["type"])

    # ---- Refusals

    def check_owner(self, current):
        if self.is_ours or (current is None and self.mark is None):
            return
        if current is not None and self.mark is None and not self.changes(current):
            return  # someone has made it as it is meant
        told = f"the record {self.mark_name} says that it belongs to {' '.join(self.marked_as)}"
        raise ResourceError(
            f"{self.title} exists in {self.zone} but isn't ours: "
            f"{told if self.mark else f'there is no TXT record {self.mark_name} that says so'}, "
            f"expected {self.wanted_mark}. Nothing was changed. Remove it, or give it that TXT record if it is to be "
            "taken over."
        )

    def refuse(self, current, changes):
        if current and changes and current.get("SetIdentifier"):
            raise ResourceError(
                f"{self.title} in {self.zone} has a routing policy ({current['SetIdentifier']}), which this module "
                "doesn't manage. Nothing was changed. Give the record another name, or remove that one."
            )
        if current is None and not (self.options["values"] or self.options["alias"]):
            raise ResourceError(f"{self.title} doesn't exist; to create it values or an alias must be given.")

    # ---- Acting

    def declared(self, current=None):
        """The record as it is to be: what isn't declared of it stays."""
        name, kind, alias = self.options["name"], self.options["type"], self.options["alias"]
        kept = current or {}
        if alias or (not self.options["values"] and kept.get("AliasTarget")):
            return {
                "Name": name,
                "Type": kind,
                "AliasTarget": encoded_alias(alias) if alias else kept["AliasTarget"],
            }
        ttl = self.options["ttl"] if self.options["ttl"] is not None else kept.get("TTL", TTL)
        return simple(name, kind, self.options["values"] or values_of(kept), ttl)

    def marking(self):
        """The change that says whose it is."""
        if self.wanted_mark is None:
            return []
        return [("UPSERT", simple(self.mark_name, "TXT", [self.wanted_mark], TTL))]

    def create_request(self):
        return batch(self.zone, [("CREATE", self.declared()), *self.marking()])

    def update_record(self, changes, current):
        request = batch(self.zone, [("UPSERT", self.declared(current))])
        self.in_sync(self.write("ChangeResourceRecordSets", request, f"update {self.title}"))

    def delete_request(self, current):
        record = {member: value for member, value in current.items() if member != "HostedZoneId"}
        marks = [("DELETE", self.mark)] if self.mark else []
        return batch(self.zone, [("DELETE", record), *marks])

    def make_all_absent(self, current):
        if not self.is_ours and current is not None:
            self.module.warn(f"{self.title} in {self.zone} isn't ours and is left: no TXT {self.mark_name} says so.")
            return
        super().make_all_absent(current)
        if current is None and self.mark and self.is_ours:
            # The record itself is gone already.
            if self.check_mode:
                self.changed = True
                return
            request = batch(self.zone, [("DELETE", self.mark)])
            self.in_sync(self.write("ChangeResourceRecordSets", request, f"remove the mark of {self.title}"))

    def created(self, response):
        self.in_sync(response)

    def deleted(self, response):
        self.in_sync(response)

    def in_sync(self, response):
        """Wait until all name servers of Route 53 tell of a change."""
        change = get_path(response, "ChangeInfo.Id")
        if not change or not self.options["wait"]:
            return
        request = {"Id": change.rpartition("/")[2]}
        doing = f"wait for {self.title}"
        for answer in self.looks(
            lambda: self.read("GetChange", request, ("NoSuchChange",), doing), self.wait_timeout, 1.0, self.poll
        ):
            if answer is None or answer["ChangeInfo"]["Status"] == IN_SYNC:
                return
        raise ResourceError(
            f"{self.title} isn't told by all name servers of Route 53 after {self.wait_timeout} s. Run again later."
        )


def main():
    run_module(Record, DOCUMENTATION, mutually_exclusive=[("values", "alias")])


if __name__ == "__main__":
    main()
