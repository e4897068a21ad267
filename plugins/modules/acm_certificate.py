#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: acm_certificate
version_added: 0.1.0
short_description: Request a public certificate of AWS Certificate Manager
description:
  - Requests a public certificate with validation by DNS, keeps the validation records in Route 53, waits until the
    certificate is issued, tags it, and deletes it.
  - ACM renews a certificate by itself as long as a service uses it and its validation records stand. So the records are
    looked at by every run.
  - Names, key and export can't be changed. Where others are declared a new certificate is requested beside the one
    there is. Those who use the old one are moved to the new one by whoever manages them; the old one is removed by the
    next run that finds it unused.
  - It does what M(community.aws.acm_certificate) can't, which in release 11.2.0 only imports certificates.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  domain_name:
    description:
      - The name that the certificate is for, up to 64 characters, as C(api.example.com), or C(*.example.com) for all
        names one level below C(example.com). It is needed, here or in each entry of O(aggregate).
      - An account may have several certificates for a name. Which is meant is told by the tags of O(owned_by) and by
        the tag C(Name).
    type: str
  subject_alternative_names:
    description:
      - Further names. ACM allows 10 names in all unless the quota has been raised.
    type: list
    elements: str
  key_algorithm:
    description:
      - The key. ACM takes V(RSA_2048) if it isn't set. Not every service takes V(EC_secp384r1).
    type: str
    choices: [RSA_2048, EC_prime256v1, EC_secp384r1]
  export:
    description:
      - Whether the certificate can be exported together with its key, for which AWS charges. ACM takes V(DISABLED) if
        it isn't set.
    type: str
    choices: [ENABLED, DISABLED]
  validation_records:
    description:
      - Whether the module keeps the records by which ACM sees that the names are the account's.
      - With V(false) they are someone else's to make; RV(certificate.domain_validation_options) and the error after
        the wait say which.
      - ACM asks for the same record for a name in all certificates of the account. With O(state=absent) a record stays
        as long as another certificate needs it, in whichever region. If that can't be found out it stays, too.
    type: bool
    default: true
  hosted_zone:
    description:
      - Name or ID of the public hosted zone for the validation records of all names.
      - If it isn't set, each name's go to the public zone of the account that is nearest to it.
    type: str
  region:
    description:
      - Region of the certificate. Entries of O(aggregate) may lie in several.
      - CloudFront, and with it custom domains of Cognito, take certificates of V(us-east-1) only.
      - If it isn't set, it is the one that the environment or the profile tells.
    type: str
    aliases: [aws_region, ec2_region]
  remove_superseded:
    description:
      - Whether older certificates of the same O(domain_name), owner and C(Name) are removed once the one that is
        declared has been issued, as far as nothing uses them.
    type: bool
    default: true
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - All public certificates are recorded in a log of certificate transparency; ACM no longer lets anybody opt out.
"""

EXAMPLES = r"""
- name: Get a certificate
  agent_platform.aws.acm_certificate:
    domain_name: api.example.com
    subject_alternative_names: [api.eu.example.com]
    owned_by:
      Project: demo
    tags:
      Project: demo
      Name: demo-api

- name: Get two, one of them for CloudFront
  agent_platform.aws.acm_certificate:
    aggregate:
      - domain_name: api.example.com
      - domain_name: www.example.com
        region: us-east-1
    hosted_zone: example.com

- name: Remove a certificate
  agent_platform.aws.acm_certificate:
    domain_name: api.example.com
    owned_by:
      Project: demo
    state: absent
"""

RETURN = r"""
certificate:
  description: The certificate as ACM describes it; empty when it is absent.
  returned: without O(aggregate)
  type: dict
  contains:
    certificate_arn:
      description: ARN of the certificate. Not known in check mode before it is requested.
      type: str
      sample: arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012
    status:
      description: Its state.
      type: str
      sample: ISSUED
    domain_validation_options:
      description: Each name with the state of its validation and the record that ACM asks for.
      type: list
      elements: dict
    in_use_by:
      description: ARNs of what uses it.
      type: list
      elements: str
    missing_records:
      description:
        - The validation records that don't stand in their zones. Empty when all is well, or when O(validation_records)
          is false.
      type: list
      elements: str
    not_after:
      description: When it ends, unless ACM renews it before.
      type: str
    renewal_summary:
      description: How far its renewal is, once one has begun.
      type: dict
    superseded:
      description: Older ones of the same owner and name that are still there, as ARNs.
      type: list
      elements: str
    tags:
      description: Tags of the certificate.
      type: dict
results:
  description: What is returned for each of the resources, in the order of O(aggregate), and its entry as C(item).
  returned: with O(aggregate)
  type: list
  elements: dict
"""

import contextlib

from ..module_utils.acm import (
    DEAD,
    ISSUED,
    LISTED,
    PENDING,
    algorithm_of,
    export_of,
    in_force,
    is_requested,
    names_of,
    validated,
)
from ..module_utils.calls import Calls, Repeat
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, States, Tagging
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.resource import Resource, run_module
from ..module_utils.route53 import Zones, batch, plain, simple, values_of

MISSING = ("ResourceNotFoundException",)
IN_USE = "ResourceInUseException"
# Where all validation records of ACM point to.
TARGETS = ".acm-validations.aws"
TTL = 300
ANEW = "Put that right, remove the certificate (state: absent) and run again."
REASONS = {
    "ADDITIONAL_VERIFICATION_REQUIRED": "Amazon wants to look at one of the names itself: open a case at the Support"
    " Center, or leave that name out",
    "CAA_ERROR": "a CAA record of one of the names, or above it, doesn't let Amazon issue certificates: allow"
    " amazon.com in it, or remove it",
    "DOMAIN_NOT_ALLOWED": "one of the names is on a list of unsafe ones, such as Google Safe Browsing's: have it taken"
    " off, or leave it out",
    "DOMAIN_VALIDATION_DENIED": "the owner of one of the names has refused it",
    "INVALID_PUBLIC_DOMAIN": "one of the names isn't below a public top-level domain, or is such a domain: correct it",
}


class Records(Calls):
    """Changes of validation records."""

    service = "route53"
    title = "the validation records"
    # Someone has made the same change since we looked, and the next look tells.
    passing = {"InvalidChangeBatch": ("already exists", "not found", "not match the current values")}
    hints = {"InvalidChangeBatch": {"conflicts": "Something else has the record's name: remove that, and run again."}}


class Elsewhere(Calls):
    """The certificates of the account in another region."""

    service = "acm"

    def __init__(self, module, region):
        super().__init__(module)
        self.region = region
        self.title = f"the certificates in {region}"


class Certificate(Resource):
    service = "acm"
    kind = "ACM certificate"
    result = "certificate"
    names = {"DomainName": "domain_name"}
    unique_name = False
    capital_members = True
    describe = Describe("ListCertificates", "CertificateSummaryList", many=True, names={})
    identifier = "CertificateArn"
    made_at = "CreatedAt"
    create = Create("RequestCertificate", token="IdempotencyToken", tags="Tags", made="CertificateArn")
    delete = Delete("DeleteCertificate", missing=MISSING, by="CertificateArn")
    settings = (
        Setting("subject_alternative_names", "SubjectAlternativeNames", absent=[]),
        Setting("key_algorithm", "KeyAlgorithm", decode=lambda algorithm: algorithm.replace("-", "_")),
        Setting("export", "Options.Export", absent="DISABLED"),
    )
    additions = (
        Addition("DescribeCertificate", "Certificate", by_hand=True),
        Addition("ListTagsForCertificate", "Tags", "Tags", by_hand=True),
    )
    tagging = Tagging(
        "AddTagsToCertificate",
        "RemoveTagsFromCertificate",
        by="CertificateArn",
        read="Tags",
        style="list",
        tags_member="Tags",
        keys_member="Tags",
        untag_style="dicts",
    )
    states = States(
        "Status",
        ready=frozenset({ISSUED}),
        pending=frozenset({PENDING}),
        failed=dict.fromkeys(("FAILED", "VALIDATION_TIMED_OUT"), ANEW),
        # Of ours these count as superseded.
        degraded=dict.fromkeys(DEAD, "It can't become valid again."),
        remade=frozenset({"FAILED", "VALIDATION_TIMED_OUT"}),
    )
    unmanaged = {
        "RequestCertificate.CertificateAuthorityArn": "public certificates only",
        "RequestCertificate.DomainValidationOptions": "for validation by e-mail",
        "RequestCertificate.ManagedBy": "for certificates that CloudFront manages itself",
        "RequestCertificate.Options.CertificateTransparencyLoggingPreference": "ACM logs every public certificate",
        "RequestCertificate.Options.ValidationMethod": "it stands beside the options",
        "ExportCertificate": "it gives the certificate out and changes nothing of it",
        "ImportCertificate": "for certificates of others; one that was requested can't be replaced by that",
        "RenewCertificate": "for private certificates; ACM renews public ones by itself",
        "ResendValidationEmail": "validation is by DNS",
        "RevokeCertificate": "its effect is seen: another certificate is requested",
        "UpdateCertificateOptions": "it goes over from validation by e-mail to DNS; the other options are fixed",
    }
    # A new certificate isn't known to all calls for some seconds, and one that was in use is told as such for a while.
    passing = {"ResourceNotFoundException": ("",), IN_USE: ("",), "ConflictException": ("",)}
    hints = {
        "LimitExceededException": {"": "Ask for a higher quota of ACM in Service Quotas, or remove what is unused."},
        IN_USE: {"": "Let what uses it have another certificate, or remove that, and run again."},
    }
    # ACM takes minutes, now and then half an hour; so does CloudFront to let go of one.
    timeout = 1800
    poll = 10.0

    def prepare(self):
        given = [self.options["domain_name"], *(self.options["subject_alternative_names"] or [])]
        self.declared_names = frozenset(name.lower() for name in given)
        self.older = []  # ours that are superseded
        self.missing_records = []  # what is to be changed in DNS: zone, action, record
        self.records_seen = False  # they stand, and aren't looked at again
        self.removed = {}  # by ARN what this run has removed, until its records are seen to
        self.dns = Records(self.module)
        self.zones = Zones(self.read)

    def zone_of(self, name):
        return self.zones.of(validated(name), self.options["hosted_zone"], self.title)

    # ---- Reading

    def describe_request(self):
        return LISTED

    def select(self, found):
        domain = self.options["domain_name"].lower()
        listed = [item for item in found if is_requested(item) and item["DomainName"].lower() == domain]
        ours = [certificate for item in listed for certificate in self.described(item["CertificateArn"])]
        named = [item for item in ours if self.tags_of(item).get("Name") == self.marks().get("Name")]
        owned = [item for item in ours if self.is_owned(item)]
        # One that has lost its Name is taken for this one if there is none that has it; one that has lost a tag of the
        # owner is refused if there is no other.
        ours = [item for item in named if item in owned] or owned or named
        if self.options["state"] == "absent":
            return ours
        fitting = [item for item in in_force(ours) if self.is_as_declared(item)]
        meant = [item for item in fitting if item["Status"] == ISSUED] or fitting
        # Without tags that tell whose they are, others of that name may be anybody's.
        self.older = [item for item in ours if item not in meant] if self.marks() else []
        return meant

    def described(self, arn):
        """The certificate with its tags, if it is ours and known to all calls."""
        answer = self.read("ListTagsForCertificate", {"CertificateArn": arn}, MISSING)
        if answer is None or not (arn == self.made or self.is_meant(answer)):
            return []
        tags = answer.get("Tags", [])
        answer = self.read("DescribeCertificate", {"CertificateArn": arn}, MISSING)
        return [{**answer["Certificate"], "Tags": tags}] if answer else []

    def is_owned(self, tagged):
        owner = {key: value for key, value in self.marks().items() if key != "Name"}
        return bool(self.marked([tagged], owner))

    def is_meant(self, tagged):
        """Whether it has the owner's tags and no other Name, or our Name and no tag that is another owner's."""
        name = self.marks().get("Name")
        other = (
            name is not None and self.tags_of(tagged).get("Name", name if self.options["owned_by"] else None) != name
        )
        return not other and (self.is_owned(tagged) or (name is not None and self.keeps_marks(tagged)))

    def is_as_declared(self, certificate):
        return all(
            declared in (None, value)
            for declared, value in (
                (self.options["key_algorithm"], algorithm_of(certificate)),
                (self.options["export"], export_of(certificate)),
                (self.wanted_names(), names_of(certificate)),
            )
        )

    def wanted_names(self):
        return None if self.options["subject_alternative_names"] is None else self.declared_names

    def complete(self, description):
        if self.options["state"] == "present":
            described = description["Status"] in (ISSUED, PENDING) and self.options["validation_records"]
            self.missing_records = (
                list(self.records_to_change(description)) if described and not self.records_seen else []
            )
            description["MissingRecords"] = [record["Name"] for _zone, _action, record in self.missing_records]
            description["Superseded"] = [item["CertificateArn"] for item in self.older]
        return description

    def reasons(self, current):
        told = []
        if current.get("FailureReason"):
            told.append(f"{current['FailureReason']}: {REASONS.get(current['FailureReason'], 'see its page in ACM')}.")
        if current["Status"] == PENDING:
            for option in current.get("DomainValidationOptions") or []:
                record = option.get("ResourceRecord")
                if record and option.get("ValidationStatus") != "SUCCESS":
                    told.append(f"{option['DomainName']} waits for CNAME {record['Name']} {record['Value']}")
            if told and self.options["validation_records"]:
                zones = {str(self.zone_of(name)) for name in sorted(names_of(current))}
                told[-1] += (
                    f". They stand in {', '.join(sorted(zones))}: see that the name servers of the domain, at its"
                    " registrar or in the zone above, are those of that zone."
                )
            elif told:
                told[-1] += ". Have them made where the domain's name servers are."
        if current.get("InUseBy"):
            told.append(f"It is used by {', '.join(current['InUseBy'])}.")
        return "; ".join(told)

    def view(self, description):
        more = {"MissingRecords": "missing_records", "Superseded": "superseded"}
        shown = {name: description[member] for member, name in more.items() if member in (description or {})}
        return {**super().view(description), **shown}

    # ---- Deciding

    def changes(self, current):
        # One that is found is as declared; where it isn't, another one is requested.
        return {} if "CertificateArn" in current else super().changes(current)

    def refuse(self, current, changes):
        if current is None and self.options["validation_records"]:
            for name in sorted(self.declared_names):
                self.zone_of(name)

    # ---- Acting

    def create_request(self):
        return {**super().create_request(), "ValidationMethod": "DNS"}

    def make_present(self, current):
        return self.kept_up(super().make_present(current))

    def settle(self, current, acted=False):
        if self.options["state"] == "absent":
            return current  # one that waits for its records may go
        pending = current is not None and current["Status"] == PENDING
        if pending and self.options["validation_records"] and not self.check_mode:
            current = self.wait_until(self.tells_records, "to tell its validation records")
            self.keep_records()
        return super().settle(current, acted)

    @staticmethod
    def tells_records(current):
        options = (current or {}).get("DomainValidationOptions") or []
        return current is not None and (
            current["Status"] != PENDING or (bool(options) and all(item.get("ResourceRecord") for item in options))
        )

    def kept_up(self, current):
        """What is beside the certificate itself: its records, and those that it has superseded."""
        unused = []
        if current.get("Status") == ISSUED and self.options["remove_superseded"]:
            unused = [item for item in self.older if not item.get("InUseBy")]
        if not (self.missing_records or unused or self.removed):
            return current
        if self.check_mode:
            self.changed = True
            left = [item["CertificateArn"] for item in self.older if item not in unused]
            return {**current, "MissingRecords": [], "Superseded": left}
        self.keep_records()
        for item in unused:
            self.remove_superseded(item)
        self.drop_records()
        return self.find()

    def remove_superseded(self, certificate):
        arn = certificate["CertificateArn"]
        self.removed[arn] = certificate
        try:
            self.write(
                "DeleteCertificate", {"CertificateArn": arn}, f"delete {arn}, which {self.title} supersedes", MISSING
            )
        except Repeat as repeat:
            if error_code(repeat.error) != IN_USE:
                raise
            del self.removed[arn]  # the next run sees to it

    def before_delete(self, current):
        super().before_delete(current)
        arn = current["CertificateArn"]
        if current.get("InUseBy") and self.options["wait"]:
            self.wait_until(lambda now: now is None or now["CertificateArn"] != arn or not now.get("InUseBy"), "unused")
        self.removed[arn] = current

    def make_all_absent(self, current):
        super().make_all_absent(current)
        self.drop_records()

    # ---- Validation records

    def records_of(self, certificate):
        """Each record that ACM asks for, once, with a name that it validates."""
        found = {}
        for option in certificate.get("DomainValidationOptions") or []:
            record = option.get("ResourceRecord")
            if record:
                found.setdefault(plain(record["Name"]), (option["DomainName"], record))
        return list(found.values())

    def records_to_change(self, certificate):
        """Zone, action and record for each that doesn't stand as ACM asks for it."""
        for name, wanted in self.records_of(certificate):
            zone = self.zone_of(name)
            there = self.zones.record(zone, wanted["Name"], "CNAME")
            values = [plain(value) for value in values_of(there or {})]
            if values == [plain(wanted["Value"])]:
                continue
            # ACM has given the name to this account for nothing else, but what doesn't point to ACM isn't its work.
            if there and not all(value.endswith(TARGETS) for value in values):
                raise ResourceError(
                    f"{self.title} needs CNAME {wanted['Name']} {wanted['Value']} in {zone}, and that name has"
                    f" {', '.join(values) or 'an alias'}. Nothing was changed. Remove that record, and run again."
                )
            yield zone, "UPSERT" if there else "CREATE", simple(wanted["Name"], "CNAME", [wanted["Value"]], TTL)

    def keep_records(self):
        self.change_records(self.missing_records, f"make the validation records of {self.title}")
        self.missing_records, self.records_seen = [], True

    def change_records(self, changes, doing):
        by_zone = {}
        for zone, action, record in changes:
            by_zone.setdefault(zone, []).append((action, record))
        for zone, those in by_zone.items():
            self.dns.write("ChangeResourceRecordSets", batch(zone, those), f"{doing} in {zone}")
            self.changed = True

    def drop_records(self):
        """Remove the records of certificates that are gone, as far as no other one of the account needs them."""
        if self.check_mode or not self.removed:
            return
        gone = [
            (zone, "DELETE", there)
            for zone, there in (self.records_left() if self.options["validation_records"] else ())
        ]
        self.change_records(gone, f"remove the validation records of {self.title}")
        self.removed = {}

    def records_left(self):
        needed = self.names_needed()
        if needed is None:
            return
        seen = set()
        for certificate in self.removed.values():
            for name, wanted in self.records_of(certificate):
                if validated(name) in needed or wanted["Name"] in seen:
                    continue
                seen.add(wanted["Name"])
                # Where the zone isn't there any more the record isn't, either.
                with contextlib.suppress(ResourceError):
                    zone = self.zone_of(name)
                    there = self.zones.record(zone, wanted["Name"], "CNAME")
                    if there and [plain(value) for value in values_of(there)] == [plain(wanted["Value"])]:
                        yield zone, there

    def names_needed(self):
        """The names that other certificates of the account are validated for, in all regions; None if nobody knows."""
        try:
            answer = self.read("DescribeRegions", {}, doing="find the regions of the account", service="ec2")
            listed = [
                item
                for region in sorted(item["RegionName"] for item in answer["Regions"])
                for item in Elsewhere(self.module, region).read("ListCertificates", LISTED)["CertificateSummaryList"]
            ]
        except ResourceError as error:
            self.module.warn(f"The validation records of {self.title} are left: {error}")
            return None
        others = [
            item
            for item in listed
            if is_requested(item)
            and item["CertificateArn"] not in self.removed
            and item.get("Status", ISSUED) in (ISSUED, PENDING)
        ]
        # More names than a list tells; none of ACM's default quota.
        if any(item.get("HasAdditionalSubjectAlternativeNames") for item in others):
            return None
        return {
            validated(name)
            for item in others
            for name in (item["DomainName"], *(item.get("SubjectAlternativeNameSummaries") or []))
        }


def main():
    run_module(Certificate, DOCUMENTATION)


if __name__ == "__main__":
    main()
