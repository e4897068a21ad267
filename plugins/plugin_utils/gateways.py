# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The table platform_gateways with all that an entry leaves out, and what a gateway is told of the platform."""

from __future__ import annotations

import functools
import re
import typing as t
from collections.abc import Iterable, Mapping, Sequence

from . import roles

# What of the platform's data stores a gateway connects to, by the component whose keys tell where: the path of the
# port, or the port itself.
STORES: dict[str, str | int] = {"aurora": "aurora.port", "redis": "redis.port", "opensearch": 443}
# Discovery knows no more than so many images of a repository.
MOST_KNOWN = 1000
# Keys of the component gateways that a gateway can be told, as they are known before there is a load balancer.
SERVICE_SUFFIX, ENDPOINT_SUFFIX = "_SERVICE_URL", "_ENDPOINT"


def merged(base: t.Any, over: t.Any) -> t.Any:
    """Mappings joined at any depth; of all else the second counts, unless it is null."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return base if over is None else over


def said(value: t.Any, option: Mapping[str, t.Any]) -> t.Any:
    """What an entry says itself: preflight has filled in the defaults of all else, and a preset counts before these."""
    suboptions = option.get("options")
    if not suboptions or not isinstance(value, Mapping):
        return value
    found = {key: said(item, suboptions.get(key, {})) for key, item in value.items()}
    return {key: item for key, item in found.items() if item != suboptions.get(key, {}).get("default", _NOTHING)}


_NOTHING = object()


@functools.cache
def presets() -> dict[str, dict]:
    """Settings of known programs, as they are written down."""
    return roles.load("gateways", "vars/presets.yml").get("__gateways_presets") or {}


def complete(
    gateways: Sequence[Mapping[str, t.Any]],
    images: Mapping[str, Mapping] | None = None,
    known: Mapping[str, Mapping] | None = None,
) -> list[dict[str, t.Any]]:
    """The entries with their presets, the images of the environment and the defaults of the argument spec."""
    known = presets() if known is None else known
    option = roles.options("preflight")["platform_gateways"]
    found = []
    for gateway in gateways:
        preset = known.get(gateway.get("preset") or "")
        entry = merged(preset, said(gateway, option)) if preset else dict(gateway)
        if image := (images or {}).get(gateway.get("name")):
            # Another version of the same repository, or the same version in a mirror.
            there = entry.get("image") or {}
            another = image.get("tag") or image.get("digest")
            kept = {"repository": there.get("repository", "")} if another else there
            entry = {**entry, "image": {**kept, **image}}
        found.append(roles.filled(entry, option))
    return found


def reference(image: Mapping[str, t.Any], repository: str) -> str:
    """The image as a pod names it. A digest counts before a tag."""
    name = image.get("repository") or repository
    return f"{name}@{image['digest']}" if image.get("digest") else f"{name}:{image.get('tag') or ''}"


def is_missing(version: str, pushed: Sequence[str]) -> bool:
    """Whether a version isn't in a repository in which there are others, as far as all of them are known."""
    return bool(pushed) and version not in pushed and len(pushed) < MOST_KNOWN


@functools.cache
def settings_table() -> dict[str, tuple[str, str]]:
    """The keys of the component configuration that gateways can be told: the component of each, and its fact's path."""
    table = roles.load("configuration", "vars/main.yml")["__configuration_table"]
    # What is told of the gateways comes after them.
    told = {component: keys for component, keys in table.items() if component != "gateways"}
    return {about["key"]: (component, about["fact"]) for component, keys in told.items() for about in keys}


def key_of(name: str) -> str:
    """What the keys of a gateway begin with: LLM_GATEWAY for llm-gateway."""
    return re.sub(r"[^A-Z0-9]+", "_", name.upper())


def service_url(gateway: Mapping[str, t.Any]) -> str:
    """Where a gateway is reached within the cluster."""
    return f"http://{gateway['name']}.{gateway['namespace']}.svc.cluster.local:80"


def service_keys(gateways: Iterable[Mapping[str, t.Any]]) -> dict[str, str]:
    """The addresses of all gateways within the cluster, by their keys."""
    return {
        f"{key_of(gateway['name'])}{SERVICE_SUFFIX}": service_url(gateway)
        for gateway in gateways
        if gateway.get("state", "present") == "present"
    }


def addresses(gateways: Iterable[Mapping[str, t.Any]], url: str | None) -> dict[str, str]:
    """All addresses of the gateways, by their keys. url: where the load balancer is."""
    published = {
        f"{key_of(gateway['name'])}{ENDPOINT_SUFFIX}": f"{url or ''}{gateway['ingress_path']}" if url else ""
        for gateway in gateways
        if gateway.get("ingress_path") and gateway.get("state", "present") == "present"
    }
    return dict(sorted({**published, **service_keys(gateways)}.items()))


def stores_of(gateway: Mapping[str, t.Any]) -> list[str]:
    """The components whose data stores its configuration tells of."""
    table = settings_table()
    components = {table[key][0] for key in gateway.get("configuration") or [] if key in table}
    return sorted(components & set(STORES))
