# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How many pods a node of an instance type has addresses for."""

from __future__ import annotations

import functools
import re
import typing as t

NAME = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# In managed node groups without an image of one's own EKS sets these, whatever the network allows.
MOST_PODS_OF_SMALL_NODE = 110
MOST_PODS = 250
SMALL_NODE_CPUS = 30
# Addresses of a prefix, and pods that share the address of their node (the CNI and kube-proxy).
PREFIX_ADDRESSES = 16
PODS_ON_HOST_NETWORK = 2


class Limits(t.NamedTuple):
    cpus: int
    interfaces: int
    addresses_per_interface: int


# Families that nodes are usually made of, from EC2's DescribeInstanceTypes: size=virtual CPUs/network interfaces/IPv4
# addresses of an interface. Interfaces are those of the first network card, which the CNI uses. Others are not checked.
_TABLE = """
c5 c5d: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 9xlarge=36/8/30 12xlarge=48/8/30 18xlarge=72/15/50
  24xlarge=96/15/50 metal=96/15/50
c5a c5ad m5a m5ad r5a r5ad: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50 24xlarge=96/15/50
c5n: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 9xlarge=36/8/30 18xlarge=72/15/50 metal=72/15/50
c6a m6a r6a: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50 24xlarge=96/15/50 32xlarge=128/15/50 48xlarge=192/15/50 metal=192/15/50
c6g c6gd c7g c7gd c7gn m6g m6gd m7g m7gd r6g r6gd r7g r7gd x2gd: medium=1/2/4 large=2/3/10 xlarge=4/4/15
  2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30 16xlarge=64/15/50 metal=64/15/50
c6gn: medium=1/2/4 large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50
c6i c6id m6i m6id r6i r6id: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50 24xlarge=96/15/50 32xlarge=128/15/50 metal=128/15/50
c6in m6idn m6in r6idn r6in: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50 24xlarge=96/15/50 32xlarge=128/8/50 metal=128/8/50
c7a m7a r7a: medium=1/2/4 large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50 24xlarge=96/15/50 32xlarge=128/15/50 48xlarge=192/15/50 metal-48xl=192/15/50
c7i i7i i8g m7i r7i: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50 24xlarge=96/15/50 48xlarge=192/15/50 metal-24xl=96/15/50 metal-48xl=192/15/50
c7i-flex m7i-flex: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30
  16xlarge=64/15/50
c8a m8a r8a: medium=1/2/4 large=2/3/20 xlarge=4/4/20 2xlarge=8/4/40 4xlarge=16/8/40 8xlarge=32/10/40 12xlarge=48/12/64
  16xlarge=64/16/64 24xlarge=96/16/64 48xlarge=192/24/64 metal-24xl=96/16/64 metal-48xl=192/24/64
c8g c8gd m8g m8gd r8g r8gd: medium=1/2/4 large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30
  12xlarge=48/8/30 16xlarge=64/15/50 24xlarge=96/15/50 48xlarge=192/15/50 metal-24xl=96/15/50 metal-48xl=192/15/50
c8gn m8gn r8gn: medium=1/2/4 large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/10/30
  12xlarge=48/12/30 16xlarge=64/16/50 24xlarge=96/24/50 48xlarge=192/12/50 metal-24xl=96/24/50 metal-48xl=192/12/50
c8i c8id m8i m8id r8i r8id: large=2/3/20 xlarge=4/4/30 2xlarge=8/4/30 4xlarge=16/8/50 8xlarge=32/10/50
  12xlarge=48/12/50 16xlarge=64/16/64 24xlarge=96/16/64 32xlarge=128/24/64 48xlarge=192/24/64 96xlarge=384/24/64
  metal-48xl=192/24/64 metal-96xl=384/24/64
c8i-flex m8i-flex r8i-flex: large=2/3/20 xlarge=4/4/30 2xlarge=8/4/30 4xlarge=16/8/50 8xlarge=32/10/50
  12xlarge=48/12/50 16xlarge=64/16/64
c8in m8idn m8in r8idn r8in: large=2/4/20 xlarge=4/4/30 2xlarge=8/4/30 4xlarge=16/8/50 8xlarge=32/8/50
  12xlarge=48/12/50 16xlarge=64/16/64 24xlarge=96/16/64 32xlarge=128/16/64 48xlarge=192/24/64 96xlarge=384/12/64
  metal-48xl=192/24/64 metal-96xl=384/12/64
g4dn: xlarge=4/3/10 2xlarge=8/3/10 4xlarge=16/3/10 8xlarge=32/4/15 12xlarge=48/8/30 16xlarge=64/4/15 metal=96/15/50
g5: xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/15/50 16xlarge=64/8/30 24xlarge=96/15/50
  48xlarge=192/7/50
g5g: xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 16xlarge=64/15/50 metal=64/15/50
g6: xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30 16xlarge=64/15/50 24xlarge=96/15/50
  48xlarge=192/15/50
g6e: xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/10/30 16xlarge=64/15/50
  24xlarge=96/10/50 48xlarge=192/10/50
gr6: 4xlarge=16/8/30 8xlarge=32/8/30
i3en: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 3xlarge=12/4/15 6xlarge=24/8/30 12xlarge=48/8/30 24xlarge=96/15/50
  metal=96/15/50
i4g: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 16xlarge=64/15/50
i4i: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30 12xlarge=48/8/30 16xlarge=64/15/50
  24xlarge=96/15/30 32xlarge=128/15/50 metal=128/15/50
i7ie: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 3xlarge=12/4/15 6xlarge=24/8/30 12xlarge=48/8/50 18xlarge=72/15/50
  24xlarge=96/15/50 48xlarge=192/8/50 metal-24xl=96/15/50 metal-48xl=192/8/50
i8ge: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 3xlarge=12/6/30 6xlarge=24/10/30 12xlarge=48/12/30 18xlarge=72/16/50
  24xlarge=96/16/50 48xlarge=192/12/50 metal-24xl=96/16/50 metal-48xl=192/12/50
inf2: xlarge=4/4/15 8xlarge=32/8/30 24xlarge=96/15/50 48xlarge=192/15/50
m5 m5d m5dn m5n r5 r5b r5d r5dn r5n: large=2/3/10 xlarge=4/4/15 2xlarge=8/4/15 4xlarge=16/8/30 8xlarge=32/8/30
  12xlarge=48/8/30 16xlarge=64/15/50 24xlarge=96/15/50 metal=96/15/50
p4d: 24xlarge=96/15/50
p5: 4xlarge=16/4/30 48xlarge=192/2/50
t3 t4g: nano=2/2/2 micro=2/2/2 small=2/3/4 medium=2/3/6 large=2/3/12 xlarge=4/4/15 2xlarge=8/4/15
t3a: nano=2/2/2 micro=2/2/2 small=2/2/4 medium=2/3/6 large=2/3/12 xlarge=4/4/15 2xlarge=8/4/15
trn1: 2xlarge=8/4/15 32xlarge=128/5/50
"""


@functools.cache
def _families() -> dict[str, dict[str, Limits]]:
    families: dict[str, dict[str, Limits]] = {}
    for row in re.split(r"\n(?=\S)", _TABLE.strip()):
        names, _colon, items = row.partition(":")
        limits = {}
        for item in items.split():
            size, _equals, numbers = item.partition("=")
            limits[size] = Limits(*map(int, numbers.split("/")))
        families.update(dict.fromkeys(names.split(), limits))
    return families


def sizes(name: str) -> list[str]:
    """All types of the family that the type is of, or nothing when the family isn't in the table."""
    family = name.partition(".")[0]
    return [f"{family}.{size}" for size in _families().get(family, {})]


def cpus(name: str) -> int | None:
    """Virtual CPUs, or None when the type isn't in the table."""
    family, _dot, size = name.partition(".")
    limits = _families().get(family, {}).get(size)
    return limits and limits.cpus


def architecture(name: str) -> str:
    """Processor architecture as EKS names it in image types. Graviton families have a g after their generation."""
    return "arm64" if re.match(r"a1\.|[a-z]+\d+g", name) else "x86_64"


def most_pods(name: str, prefix_delegation: bool = False) -> int | None:
    """Pods that fit on a node, or None when the type isn't in the table."""
    family, _dot, size = name.partition(".")
    limits = _families().get(family, {}).get(size)
    if limits is None:
        return None
    addresses = (
        limits.interfaces * (limits.addresses_per_interface - 1) * (PREFIX_ADDRESSES if prefix_delegation else 1)
    )
    cap = MOST_PODS_OF_SMALL_NODE if limits.cpus < SMALL_NODE_CPUS else MOST_PODS
    return min(addresses + PODS_ON_HOST_NETWORK, cap)
