# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosted zones and records of Route 53: names as it writes them, the zone that a name belongs to, one record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .faults import ResourceError

# The first that is there from a name and type on. Pages after it would be the rest of the zone.
FIRST = {"MaxItems": 1, "PageSize": 1}
# Everything but letters, digits and a few signs is told as a backslash and three octal digits, "*" among it.
ESCAPED = re.compile(r"\\(\d{3})")


@dataclass(frozen=True)
class Zone:
    """A hosted zone."""

    id: str
    name: str
    private: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.id}{', private' if self.private else ''})"

    def contains(self, name: str) -> bool:
        name = plain(name)
        return name == self.name or name.endswith(f".{self.name}")


@dataclass(frozen=True)
class Chosen:
    """The zone that a name belongs to, or what is wrong: a text to be put after its subject, a zone or the name."""

    zone: Zone | None
    subject: str = ""
    fault: str = ""


def plain(name: str) -> str:
    """A name as people write it, for comparisons: without escapes, capitals and the dot at the end."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 8)), name).lower().rstrip(".")


def zone_of(described: Mapping[str, Any]) -> Zone:
    """A zone as ListHostedZones describes it."""
    private = bool((described.get("Config") or {}).get("PrivateZone"))
    return Zone(described["Id"].rpartition("/")[2], plain(described["Name"]), private)


def choose(zones: Iterable[Zone], name: str, wanted: str | None = None) -> Chosen:
    """The public zone that a name belongs to: the one that is wanted, by its name or ID, or else the nearest."""
    zones = sorted(zones, key=lambda zone: (zone.name, zone.id))
    there = ", ".join(str(zone) for zone in zones) or "none"
    if wanted:
        key = wanted.rpartition("/")[2]
        found = [zone for zone in zones if key == zone.id or plain(wanted) == zone.name]
        public = [zone for zone in found if not zone.private]
        if not found:
            return Chosen(None, wanted, f"is not a hosted zone of this account, which has {there}")
        if not public:
            return Chosen(None, wanted, "is a private hosted zone: what is in it can't be seen from outside")
        if not public[0].contains(name):
            return Chosen(None, wanted, f"is not the hosted zone of {name}: the account has {there}")
    else:
        public = [zone for zone in zones if not zone.private and zone.contains(name)]
        if not public:
            return Chosen(None, name, f"is in no public hosted zone of this account, which has {there}")
        longest = max(len(zone.name) for zone in public)
        public = [zone for zone in public if len(zone.name) == longest]
    if len(public) > 1:
        ids = " and ".join(zone.id for zone in public)
        return Chosen(None, wanted or name, f"could belong to {ids}, both called {public[0].name}: give the zone's ID")
    return Chosen(public[0])


class Zones:
    """The zones of the account and the records in them. read: Calls.read of the module."""

    def __init__(self, read: Callable[..., dict | None]):
        self._read = read
        self._zones: list[Zone] | None = None

    def of(self, name: str, wanted: str | None, title: str) -> Zone:
        """The zone that a name belongs to; an error that names the account's zones."""
        if self._zones is None:
            answer = self._read("ListHostedZones", {}, doing=f"find the hosted zone of {name}", service="route53")
            self._zones = [zone_of(item) for item in (answer or {}).get("HostedZones", [])]
        chosen = choose(self._zones, name, wanted)
        if chosen.zone is None:
            raise ResourceError(f"{title}: {chosen.subject!r} {chosen.fault}.")
        return chosen.zone

    def record(self, zone: Zone, name: str, kind: str) -> dict | None:
        """The record of that name and type, or None."""
        request = {**record_request(zone, name, kind), "PaginationConfig": FIRST}
        answer = self._read("ListResourceRecordSets", request, doing=f"read {kind} {name}", service="route53")
        return next(
            (item for item in (answer or {}).get("ResourceRecordSets", []) if is_record(item, name, kind)), None
        )


def record_request(zone: Zone | None, name: str, kind: str) -> dict[str, Any]:
    """The request that lists records from one on."""
    return {**_in(zone), "StartRecordName": name, "StartRecordType": kind}


def is_record(record: Mapping[str, Any], name: str, kind: str) -> bool:
    return record["Type"] == kind and plain(record["Name"]) == plain(name)


def values_of(record: Mapping[str, Any]) -> list[str]:
    return [item["Value"] for item in record.get("ResourceRecords") or []]


def simple(name: str, kind: str, values: Iterable[str], ttl: int) -> dict[str, Any]:
    """A record with values, as Route 53 takes it."""
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}


def batch(zone: Zone | None, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The request of changes, each an action and a record: all of them are made, or none is."""
    listed = [{"Action": action, "ResourceRecordSet": dict(record)} for action, record in changes]
    return {**_in(zone), "ChangeBatch": {"Changes": listed}}


def _in(zone: Zone | None) -> dict[str, str]:
    """The zone of a request; where it isn't known yet, as in a request of samples, none."""
    return {"HostedZoneId": zone.id if zone else ""}
