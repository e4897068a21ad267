# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What can be reached from a network that has no way to the internet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .fault import Fault, fault

CLOSED = "none"
# An image without a registry is of this one.
DEFAULT_REGISTRY = "docker.io"
WHY = "which a network without the internet doesn't reach (network_nat_gateways: none)"


def is_closed(others: Mapping[str, Mapping]) -> bool:
    """Whether the network of the inventory, whose values are by component, has no way to the internet."""
    return (others.get("network") or {}).get("network_nat_gateways") == CLOSED


def reaches(host: str, others: Mapping[str, Mapping]) -> bool:
    """Whether a host is reached through an endpoint, as the region's ECR is, or as the inventory says."""
    network = others["network"]
    region = re.escape(str(network.get("platform_region")))
    private = re.fullmatch(rf"\d{{12}}\.dkr\.ecr(-fips)?\.{region}\.amazonaws\.com(\.cn)?", host)
    return bool(private) or host in (network.get("network_private_hosts") or [])


def registry_of(image: str) -> str:
    host, slash, _path = image.partition("/")
    return host if slash and re.search(r"[.:]|^localhost$", host) else DEFAULT_REGISTRY


def image_faults(variable: str, image: str | None, others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """Whether nodes can pull an image."""
    host = registry_of(image) if image else ""
    if image and not reaches(host, others):
        region = others["network"].get("platform_region")
        rule = (
            f"is in {host}, {WHY}: name a copy of it in ECR of {region}, or that host in network_private_hosts, if it "
            "is reached in another way"
        )
        yield fault(variable, image, rule)
