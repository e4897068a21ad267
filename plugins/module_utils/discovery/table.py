# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All components in the order in which they are built, and the discovery of some or all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .. import quotas
from . import (
    aurora,
    bastion_instance,
    certificate,
    cluster_services,
    cognito,
    configuration,
    dynamodb,
    eks,
    encryption,
    feature_flags,
    frontend,
    gateways,
    knowledge_base,
    network,
    opensearch,
    redis,
    registry,
    telemetry,
    vpc_origin,
    workload_identity,
)
from .base import Cluster, Component, OptionalReader, Reader, Scope, Search, tags_of

COMPONENTS: dict[str, Component] = {
    part.COMPONENT.name: part.COMPONENT
    for part in (
        encryption,
        network,
        certificate,
        aurora,
        dynamodb,
        eks,
        feature_flags,
        frontend,
        knowledge_base,
        opensearch,
        redis,
        registry,
        cognito,
        workload_identity,
        bastion_instance,
        cluster_services,
        telemetry,
        gateways,
        vpc_origin,
        configuration,
    )
}
CALLS_AT_ONCE = 16
# Services that tell of quotas and of what is used.
QUOTAS_FROM = ("ec2", "iam", "service-quotas")


@dataclass(frozen=True)
class Discovered:
    """What exists: facts by component, names held by others, and what a person should look at.

    offers: what AWS offers for each component, empty where that wasn't asked for.
    deployer: who looks, as a policy names him, if eks or knowledge_base was asked for, and what rights an access entry
    of the cluster gives him, if eks was.
    summary: of each component that was asked for its state (exists, partial, absent) and lines that tell of it.
    amiss: by component what of it can't be placed, so that nothing may build on it before a run of it.
    existing_roles: what is there of roles that someone else has made, by what they are for.
    replaced_roles: by component names of own roles in whose place there are others.
    in_cluster: components that were asked for and have something in the cluster.
    """

    account_id: str
    arn: str
    partition: str
    components: dict[str, dict[str, Any]]
    offers: dict[str, dict[str, Any]]
    summary: dict[str, dict[str, Any]]
    deployer: dict[str, str | None]
    conflicts: list[dict[str, str]]
    warnings: list[str]
    amiss: dict[str, list[str]]
    existing_roles: dict[str, dict[str, Any]]
    replaced_roles: dict[str, list[str]]
    in_cluster: list[str]

    def missing(self, required: Iterable[str]) -> list[str]:
        """Of the required components those that do not exist, in the order in which to build them."""
        wanted = set(required)
        return [name for name in COMPONENTS if name in wanted and not self.components[name]["exists"]]


def _look(search: Search) -> dict[str, Any]:
    facts = search.component.empty(search)
    search.component.collect(search, facts)
    return facts


def _offered(search: Search) -> dict[str, Any]:
    part = search.component
    offers = part.offers(search) if part.offers else {}
    if part.quotas:
        offers["quotas"] = quotas.look(search, part.quotas, lambda thing: search.owns(tags_of(thing)))
    return offers


def _client(make_client: Callable[..., Any], name: str) -> Any:
    """The client of a service, of another region than the platform's where its name says so."""
    service, _at, region = name.partition("@")
    return make_client(service, region=region) if region else make_client(service)


def identify(make_client: Callable[[str], Any]) -> dict[str, str]:
    """Whose credentials these are. Without any, or without a way to AWS, this should be the only call that is made."""
    return Reader({"sts": make_client("sts")}, executor=None).read("sts", "get_caller_identity")


def discover(
    make_client: Callable[..., Any],
    scope: Scope,
    wanted: Iterable[str],
    caller: Mapping[str, str],
    offers: bool = False,
    cluster: Cluster | None = None,
) -> Discovered:
    """Discover the components asked for. The others are in the result, too, as if they did not exist.

    caller: as identify() returns it. offers: whether to read what AWS offers for them, too. cluster: where to read what
    they have in the cluster; without one they look as if they had nothing there.
    """
    asked = [COMPONENTS[name] for name in COMPONENTS if name in set(wanted)]
    offering = [part for part in asked if offers and (part.offers or part.quotas)]
    services = {name for part in asked for name in part.services}
    services |= {name for part in offering for name in part.offered_by}
    services |= {name for part in offering if part.quotas for name in QUOTAS_FROM}
    clients = {name: _client(make_client, name) for name in sorted(services)}
    cluster = cluster or Cluster()
    with (
        ThreadPoolExecutor(CALLS_AT_ONCE) as calls,
        # Components have threads of their own: they wait for calls and must not keep them from running.
        ThreadPoolExecutor(max(len(asked) + len(offering), 1)) as lookers,
    ):
        reader = Reader(clients, calls)
        searches = {
            name: Search(component, scope, reader, caller["Account"], cluster, caller["Arn"])
            for name, component in COMPONENTS.items()
        }
        started = {component.name: lookers.submit(_look, searches[component.name]) for component in asked}
        optional = OptionalReader(clients, calls)
        started_offers = {
            part.name: lookers.submit(_offered, Search(part, scope, optional, caller["Account"])) for part in offering
        }
        found = {name: future.result() for name, future in started.items()}
        offered = {name: future.result() for name, future in started_offers.items()}
    components = {}
    for name, component in COMPONENTS.items():
        facts = found.get(name) or component.empty(searches[name])
        components[name] = {**facts, "exists": component.exists(facts)}
    return Discovered(
        account_id=caller["Account"],
        arn=caller["Arn"],
        partition=caller["Arn"].split(":")[1],
        components=components,
        offers={name: offered.get(name, {}) for name in COMPONENTS},
        summary={
            part.name: part.describe(searches[part.name], found[part.name], offered.get(part.name, {}))
            for part in asked
        },
        # Several may tell the same person; the cluster's component comes first, and knows what rights that gives.
        deployer=next(
            (search.deployer for search in searches.values() if search.deployer["principal_arn"]),
            searches[eks.COMPONENT.name].deployer,
        ),
        conflicts=[conflict for search in searches.values() for conflict in search.conflicts],
        warnings=[
            *(warning for search in searches.values() for warning in search.warnings),
            *cluster.warnings,
            *(
                f"What AWS offers isn't all known, so not all is checked before it is built. {why}"
                for why in optional.unread
            ),
        ],
        amiss={name: search.amiss for name, search in searches.items() if search.amiss},
        existing_roles={thing: about for search in searches.values() for thing, about in search.existing_roles.items()},
        replaced_roles={name: search.replaced_roles for name, search in searches.items() if search.replaced_roles},
        in_cluster=[name for name, search in searches.items() if search.asks_cluster],
    )
