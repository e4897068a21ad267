# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the certificate component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.acm import validated
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.certificate import GLOBAL_REGION, problem
from ansible_collections.agent_platform.aws.plugins.module_utils.route53 import Zone, choose

from ..fault import Fault, fault
from ..formats import partition_of, repeated, repeated_names

VARIABLE = "certificate_certificates"
ENTRY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# X.509 has no room for more in the common name.
LONGEST_DOMAIN = 64
LONGEST_NAME = 253
# The quota is 10 names; it can't be raised beyond this.
MOST_NAMES = 100
DEFAULT_NAMES = 10
# Top-level domains that no public certificate is issued for.
NEVER_PUBLIC = frozenset({"local", "localhost", "internal", "test", "invalid", "lan", "home", "corp", "arpa", "onion"})


def name_rule(name: str, longest: int = LONGEST_NAME) -> str | None:
    """What is wrong with a name for a certificate."""
    if name != name.lower():
        return f"has capitals: write {name.lower()}"
    if len(name) > longest:
        return f"has {len(name)} characters, of which ACM takes {longest} here"
    labels = name.removeprefix("*.").split(".")
    if "*" in name.removeprefix("*."):
        return "has a * elsewhere than in front, as *.example.com: it stands for one whole level"
    if len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels):
        return "is not a full domain name, such as api.example.com: no address, no path and no dot at its ends"
    if labels[-1].isdigit():
        return "is an address: certificates are for names"
    if labels[-1] in NEVER_PUBLIC:
        return f"ends in .{labels[-1]}, for which there are no public certificates"
    for label in labels:
        if label[2:4] == "--" and not label.startswith("xn--"):
            return f"has a label {label} with -- in the third place, which only names in Punycode (xn--) have"
    return None


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    entries = values.get(VARIABLE) or []
    yield from repeated_names(VARIABLE, entries)
    for index, entry in enumerate(entries):
        yield from _entry_faults(f"{VARIABLE}[{index}]", entry, values.get("platform_region"))


def _entry_faults(path: str, entry: Mapping[str, t.Any], home: str | None) -> Iterator[Fault]:
    name, domain = entry.get("name"), entry.get("domain_name")
    if name is not None and not ENTRY.fullmatch(name):
        rule = "is not a name of 1 to 64 letters, digits, '.', '_' and '-', letters or digits at both ends"
        yield fault(f"{path}.name", name, rule)
    further = entry.get("alternative_names") or []
    if domain is not None and (wrong := name_rule(domain, LONGEST_DOMAIN)):
        longer = len(domain) > LONGEST_DOMAIN and not name_rule(domain)
        hint = ": put it into alternative_names, beside a shorter one" if longer else ""
        yield fault(f"{path}.domain_name", domain, f"{wrong}{hint}")
    for index, other in enumerate(further):
        if wrong := name_rule(other):
            yield fault(f"{path}.alternative_names[{index}]", other, wrong)
    for twice in repeated([name.lower() for name in [*([domain] if domain else []), *further]]):
        yield fault(f"{path}.alternative_names", twice, "occurs more than once; domain_name is among the names anyway")
    if len(further) >= MOST_NAMES:
        yield Fault(
            f"{path}.alternative_names", f"{len(further)} are too many: a certificate has up to {MOST_NAMES} names"
        )
    region = entry.get("region")
    if region and home and region not in (allowed := _regions(home)):
        rule = f"is not {' or '.join(allowed)}, where services of the platform could use the certificate"
        yield fault(f"{path}.region", region, rule)
    if entry.get("hosted_zone") and entry.get("validation_records") is False:
        rule = "has no meaning with validation_records: false"
        yield fault(f"{path}.hosted_zone", entry["hosted_zone"], rule)


def _regions(home: str) -> list[str]:
    return list(dict.fromkeys([home, *([GLOBAL_REGION] if partition_of(home) == "aws" else [])]))


def _entries(values: Mapping[str, t.Any]) -> Iterator[tuple[str, Mapping[str, t.Any]]]:
    """Those that are to be there, each with its path, as far as they are complete."""
    for index, entry in enumerate(values.get(VARIABLE) or []):
        if entry.get("state") != "absent" and entry.get("name") and entry.get("domain_name"):
            yield f"{VARIABLE}[{index}]", entry


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What ACM can't change, and names that lie in no zone of the account."""
    found = (platform.get("certificate") or {}).get("certificates") or {}
    told = ((platform.get("offers") or {}).get("certificate") or {}).get("hosted_zones")
    for path, entry in _entries(values):
        there = found.get(entry["name"])
        region = entry.get("region") or values.get("platform_region")
        for option, declared in (("domain_name", entry["domain_name"]), ("region", region)):
            if there and declared and there[option] != declared:
                rule = (
                    f"can't be had of {there['arn']}, whose {option} is {there[option]}: declare another entry, move to"
                    " it, and then give this one state: absent"
                )
                yield fault(f"{path}.{option}", declared, rule)
        if told is not None and entry.get("validation_records") is not False:
            zones = [Zone(zone_id, zone["name"], zone["private"]) for zone_id, zone in told.items()]
            yield from _zone_faults(path, entry, zones)


def _zone_faults(path: str, entry: Mapping[str, t.Any], zones: list[Zone]) -> Iterator[Fault]:
    wanted, reported = entry.get("hosted_zone"), set()
    for name in [entry["domain_name"], *(entry.get("alternative_names") or [])]:
        chosen = choose(zones, validated(name), wanted)
        if chosen.zone is None and chosen.fault not in reported:
            reported.add(chosen.fault)
            place = "hosted_zone" if wanted else "domain_name" if name == entry["domain_name"] else "alternative_names"
            yield fault(f"{path}.{place}", wanted or name, chosen.fault)


def warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Renewals that wait or have failed, and more names than ACM's default quota."""
    found = (platform.get("certificate") or {}).get("certificates") or {}
    for path, entry in _entries(values):
        there = found.get(entry["name"])
        # What was never issued is what the run is for.
        if there and there["status"] == "ISSUED" and (told := problem(there)):
            yield fault(f"{path}.name", entry["name"], f"needs a look: {told}")
        names = 1 + len(entry.get("alternative_names") or [])
        if not there and names > DEFAULT_NAMES:
            rule = (
                f"{names} names are more than ACM's default quota of {DEFAULT_NAMES}: the request is refused unless it"
                " has been raised"
            )
            yield Fault(f"{path}.alternative_names", rule)
