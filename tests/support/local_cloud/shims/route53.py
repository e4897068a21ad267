# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Route 53: what ministack 1.5.33 does otherwise than AWS, and the zone that an account has before any platform comes.

Every account has the public hosted zone of settings.HOSTED_ZONE, as it has its default VPC. ChangeResourceRecordSets
takes a CNAME beside other records of its name, and names of other zones.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import route53

from .. import settings
from ..wire import AWSError, Response

_CHANGE = re.compile(r"/2013-04-01/hostedzone/([^/]+)/rrset/?")


def install() -> None:
    route53.handle_request = functools.partial(_handle, route53.handle_request)


async def _handle(
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Response:
    _furnish()
    change = _CHANGE.fullmatch(path) if method == "POST" else None
    try:
        if change and change[1] in route53._zones:
            _check(route53._zones[change[1]], body)
    except AWSError as refusal:
        return route53._error_response(refusal.code, refusal.message, refusal.status)
    return await original(method, path, headers, body, query)


def _furnish() -> None:
    """The zone that the account's owner has, with the address of a site."""
    account = get_account_id()
    zone_id = "Z" + hashlib.md5(account.encode(), usedforsecurity=False).hexdigest()[:20].upper()
    with route53._lock:
        if any(zone["caller_reference"] == "furnished" for zone in route53._zones.values()):
            return
        name = f"{settings.HOSTED_ZONE}."
        route53._zones[zone_id] = {
            "id": zone_id,
            "name": name,
            "caller_reference": "furnished",
            "comment": "The zone of the account's owner",
            "private": False,
            "vpcs": [],
        }
        site = {"Name": name, "Type": "A", "TTL": "300", "ResourceRecords": ["192.0.2.10"]}
        route53._records[zone_id] = [*route53._default_records(name), site]


def _check(zone: Mapping[str, Any], body: bytes) -> None:
    there = {(record["Name"].lower(), record["Type"]) for record in route53._records[zone["id"]]}
    batch = route53._find(route53._parse_body(body), "ChangeBatch")
    for change in route53._findall(route53._find(batch, "Changes"), "Change"):
        action, record = route53._text(change, "Action"), route53._find(change, "ResourceRecordSet")
        name = route53._normalise_name(route53._text(record, "Name")).lower()
        kind = route53._text(record, "Type")
        if name != zone["name"] and not name.endswith(f".{zone['name']}"):
            text = f"RRSet with DNS name {name} is not permitted in zone {zone['name']}"
            raise AWSError("InvalidChangeBatch", f"[{text}]")
        if action == "DELETE":
            there.discard((name, kind))
            continue
        others = {other for named, other in there if named == name} - {kind}
        if others and "CNAME" in {kind, *others}:
            raise AWSError(
                "InvalidChangeBatch",
                f"[RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with other records with"
                f" the same DNS name in zone {zone['name']}]",
            )
        there.add((name, kind))
