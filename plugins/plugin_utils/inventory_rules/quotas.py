# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether AWS lets the account have what the inventory still needs."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.quotas import QUOTAS, Quota, instance_quota

from . import instance_types
from .fault import Fault

# Where each partition has its console.
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class Need(t.NamedTuple):
    """How much of a quota a component takes when all of it is there.

    surge: how much more for a while, as when instances are replaced one by one. variable: the input it follows from.
    """

    quota: str
    amount: int
    variable: str
    surge: int = 0


Needs = Mapping[str, Collection[Need]]


def instance_needs(
    types: Collection[str], count: int, variable: str, spot: bool = False, surge: int = 0
) -> Iterator[Need]:
    """What instances of any of these types take: the least, where they differ. What isn't known isn't counted."""
    known = [(instance_types.cpus(name), instance_quota(name, spot)) for name in types]
    if known and all(size and quota for size, quota in known):
        size, quota = min(known)
        yield Need(quota, size * count, variable, size * surge)


class Demand(t.NamedTuple):
    """What the components of a run need of one quota beyond what they have, as far as AWS tells what there is."""

    quota: Quota
    limit: int
    used: int
    lacking: dict[str, int]
    surge: int
    component: str
    variable: str

    @property
    def total(self) -> int:
        return self.used + sum(self.lacking.values())

    def asking(self, platform: Mapping[str, t.Any]) -> str:
        """What there is, and how to get what it takes."""
        quota, region, wanted = self.quota, platform["region"], self.total + self.surge
        console = CONSOLES.get(platform["partition"])
        address = f"https://{region}.{console}/servicequotas/home/services/{quota.service}/quotas/{quota.code}"
        return (
            f"the quota {quota.name}, which is {self.limit} in {region} with {self.used} in use: ask for {wanted}"
            f" {quota.unit} or more {f'at {address} or ' if console else ''}with aws service-quotas"
            f" request-service-quota-increase --region {region} --service-code {quota.service}"
            f" --quota-code {quota.code} --desired-value {wanted}"
        )


def _demands(needs: Needs, platform: Mapping[str, t.Any]) -> Iterator[Demand]:
    offers = platform.get("offers") or {}
    for name, quota in QUOTAS.items():
        claims = {component: [need for need in own if need.quota == name] for component, own in needs.items()}
        claims = {component: own for component, own in claims.items() if own}
        told = {component: ((offers.get(component) or {}).get("quotas") or {}).get(name) for component in claims}
        known = [state for state in told.values() if state and None not in (state["limit"], state["used"])]
        if not known:
            continue
        lacking = {
            component: max(0, sum(need.amount for need in own) - ((told[component] or known[0])["own"] or 0))
            for component, own in claims.items()
        }
        component = max(lacking, key=lacking.__getitem__)
        surge = max(need.surge for own in claims.values() for need in own)
        limit, used = int(known[0]["limit"]), known[0]["used"]
        yield Demand(quota, limit, used, lacking, surge, component, claims[component][0].variable)


def quota_faults(needs: Needs, platform: Mapping[str, t.Any]) -> Iterator[tuple[str, Fault]]:
    """By component what can't be built, because the account may not have so much of it. needs: by component."""
    for demand in _demands(needs, platform):
        parts = [f"{amount} for {component}" for component, amount in demand.lacking.items() if amount]
        if parts and demand.total > demand.limit:
            text = f"more {demand.quota.unit} ({', '.join(parts)}) are too many for {demand.asking(platform)}"
            yield demand.component, Fault(demand.variable, text)


def quota_warnings(needs: Needs, platform: Mapping[str, t.Any]) -> Iterator[tuple[str, Fault]]:
    """By component what can be built, but then not be replaced bit by bit, as an upgrade does."""
    for demand in _demands(needs, platform):
        if demand.total <= demand.limit < demand.total + demand.surge:
            text = (
                f"an upgrade takes up to {demand.surge} more {demand.quota.unit} for a while, too many for"
                f" {demand.asking(platform)}"
            )
            yield demand.component, Fault(demand.variable, text)
