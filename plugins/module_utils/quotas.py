# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Quotas of AWS that a platform may run into, and how much of each is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .discovery.base import Search

# Instances that count, by the letters that their type begins with. Each other kind has quotas of its own.
STANDARD = ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z")
GRAPHICS = ("g", "gr", "vt")
PENDING_OR_RUNNING = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]


@dataclass(frozen=True)
class Quota:
    """A quota as Service Quotas knows it. IAM tells of its own in every region, Service Quotas only in one.

    unit: what it counts. use: the call that lists what is in use, and the member of its answer; without one the quota
    is of each thing, not of the region. count: how much a thing that is listed takes, None where it doesn't say.
    summary: its key in IAM's summary of the account.
    """

    service: str
    code: str
    title: str
    unit: str
    use: tuple[str, str] | None = None
    count: Callable[[Mapping[str, Any]], int | None] = lambda _thing: 1
    summary: str | None = None

    @property
    def name(self) -> str:
        """The quota as people find it."""
        return f"{self.title} ({self.service} {self.code})"


def family_letters(instance_type: str) -> str:
    """The letters that say what kind of instances a type is of: inf of inf2.xlarge."""
    return re.match(r"[a-z]*", instance_type)[0]


def _vcpus(families: tuple[str, ...], spot: bool) -> Callable[[Mapping[str, Any]], int | None]:
    def count(instance: Mapping[str, Any]) -> int | None:
        if family_letters(instance["InstanceType"]) not in families:
            return 0
        if (instance.get("InstanceLifecycle") == "spot") != spot:
            return 0
        options = instance.get("CpuOptions") or {}
        cores, threads = options.get("CoreCount"), options.get("ThreadsPerCore")
        return cores * threads if cores and threads else None

    return count


def _instances(code: str, title: str, families: tuple[str, ...], spot: bool = False) -> Quota:
    return Quota("ec2", code, title, "vCPUs", ("describe_instances", "Reservations"), _vcpus(families, spot))


QUOTAS = {
    "standard_vcpus": _instances(
        "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", STANDARD
    ),
    "standard_spot_vcpus": _instances(
        "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", STANDARD, spot=True
    ),
    "graphics_vcpus": _instances("L-DB2E81BA", "Running On-Demand G and VT instances", GRAPHICS),
    "graphics_spot_vcpus": _instances("L-3819A6DF", "All G and VT Spot Instance Requests", GRAPHICS, spot=True),
    "elastic_ips": Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", "addresses", ("describe_addresses", "Addresses")),
    "vpcs": Quota("vpc", "L-F678F1CE", "VPCs per Region", "VPCs", ("describe_vpcs", "Vpcs")),
    "trust_policy": Quota(
        "iam", "L-C07B4B0D", "Role trust policy length", "characters", summary="AssumeRolePolicySizeQuota"
    ),
    "policies_per_role": Quota(
        "iam", "L-0DA4ABF3", "Managed policies per role", "policies", summary="AttachedPoliciesPerRoleQuota"
    ),
    "rules_per_acl": Quota("vpc", "L-2AEEBF1A", "Rules per network ACL", "rules"),
    "rules_per_group": Quota("vpc", "L-0EA8095F", "Inbound or outbound rules per security group", "rules"),
}


def instance_quota(instance_type: str, spot: bool = False) -> str | None:
    """The quota that an instance of the type counts for, None if it isn't one that we know."""
    for kind, families in (("standard", STANDARD), ("graphics", GRAPHICS)):
        if family_letters(instance_type) in families:
            return f"{kind}_spot_vcpus" if spot else f"{kind}_vcpus"
    return None


def look(search: Search, names: Iterable[str], owns: Callable[[Mapping[str, Any]], bool]) -> dict[str, dict[str, Any]]:
    """The quotas of these names: their limit, what of it is used, and what of that by things that owns() knows.

    What AWS doesn't tell is None.
    """
    names = list(names)
    summary = search.start("iam", "get_account_summary") if any(QUOTAS[name].summary for name in names) else None
    limits = {
        name: search.start("service-quotas", "get_service_quota", **_code(name))
        for name in names
        if not QUOTAS[name].summary
    }
    uses = {name: search.start("ec2", quota.use[0], **_which(quota)) for name in limits if (quota := QUOTAS[name]).use}
    account = ((summary and summary.result()) or {}).get("SummaryMap", {})
    found = {
        name: {"limit": account.get(QUOTAS[name].summary), "used": None, "own": None}
        for name in names
        if QUOTAS[name].summary
    }
    for name, future in limits.items():
        answer = future.result()
        if answer is None:
            # An account to which nobody has ever given another one may only have AWS's default.
            answer = search.read("service-quotas", "get_aws_default_service_quota", **_code(name))
        things = _things(QUOTAS[name], uses[name].result()) if name in uses else None
        found[name] = {
            "limit": (answer or {}).get("Quota", {}).get("Value"),
            "used": _sum(name, things),
            "own": _sum(name, things and [thing for thing in things if owns(thing)]),
        }
    return found


def _code(name: str) -> dict[str, str]:
    return {"ServiceCode": QUOTAS[name].service, "QuotaCode": QUOTAS[name].code}


def _which(quota: Quota) -> dict[str, Any]:
    return {"Filters": PENDING_OR_RUNNING} if quota.use == ("describe_instances", "Reservations") else {}


def _things(quota: Quota, answer: Mapping[str, Any] | None) -> list[Mapping[str, Any]] | None:
    if answer is None:
        return None
    listed = answer.get(quota.use[1], [])
    return [one for group in listed for one in group["Instances"]] if quota.use[1] == "Reservations" else listed


def _sum(name: str, things: Iterable[Mapping[str, Any]] | None) -> int | None:
    counts = None if things is None else [QUOTAS[name].count(thing) for thing in things]
    return None if counts is None or None in counts else sum(counts)
