# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What Kubernetes prescribes for objects of the cluster's components: names, labels, quantities, resources.

The rules return what is wrong with a value, to be put after it, or None, as those of formats.py do.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping
from decimal import Decimal

from .fault import Fault, fault
from .formats import dns_label_rule, label_key_rule, label_value_rule

# Namespaces that Kubernetes, EKS and its add-ons make for themselves, by how their names begin or as a whole.
FOREIGN_BEGINNINGS = ("kube-", "amazon-", "aws-", "eks-")
FOREIGN = ("cert-manager", "default", "opentelemetry-operator-system")
# Beginnings of labels and annotations that only Kubernetes sets.
RESERVED_DOMAINS = ("kubernetes.io", "k8s.io")

QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?", re.ASCII)
POWERS = {
    **{suffix: Decimal(10) ** power for suffix, power in zip("num", (-9, -6, -3), strict=True)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
# Resources of which there are no parts: of memory a byte is the least.
WHOLE = re.compile(r"(requests\.|limits\.)?(memory|ephemeral-storage|storage|hugepages-.+)|[a-z-]*pods|count/.+")


def quantity(value: t.Any) -> Decimal | None:
    """The number that a quantity stands for, such as 0.25 for 250m; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    found = QUANTITY.fullmatch(str(value))
    if not found:
        return None
    number, suffix = found.groups()
    if suffix is None:
        return Decimal(number)
    if suffix in POWERS:
        return Decimal(number) * POWERS[suffix]
    return Decimal(number) * Decimal(10) ** int(suffix[1:])


def quantity_rule(value: t.Any, resource: str = "cpu") -> str | None:
    """A quantity of 0 or more, in whole numbers where the resource knows no parts."""
    number = quantity(value)
    if number is None:
        return "is not a quantity of Kubernetes, such as 250m of cpu or 512Mi of memory"
    if WHOLE.fullmatch(resource) and number != number.to_integral_value():
        return f"is no whole number, and {resource} knows no parts: m stands for a thousandth, Mi is a megabyte"
    return None


def resource_faults(path: str, resources: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Requests and limits of a container: quantities, and no request above its limit."""
    for kind in ("requests", "limits"):
        for resource, value in (resources.get(kind) or {}).items():
            rule = quantity_rule(value, resource)
            if rule:
                yield fault(f"{path}.{kind}.{resource}", value, rule)
    limits = resources.get("limits") or {}
    yield from order_faults(path, "requests", resources.get("requests") or {}, "limits", limits)


def order_faults(
    path: str, lower: str, less: Mapping[str, t.Any], upper: str, more: Mapping[str, t.Any]
) -> Iterator[Fault]:
    """Quantities that are above those that bound them, by resource."""
    for resource, value in less.items():
        low, high = quantity(value), quantity(more.get(resource))
        if low is not None and high is not None and low > high:
            yield fault(f"{path}.{lower}.{resource}", value, f"is above {path}.{upper}.{resource} {more[resource]}")


def namespace_rule(name: str) -> str | None:
    """A namespace that may be the platform's."""
    if rule := dns_label_rule(name):
        return rule
    if name in FOREIGN or name.startswith(FOREIGN_BEGINNINGS):
        return "is a namespace of Kubernetes, EKS or an add-on, which isn't the platform's: choose another name"
    return None


def label_faults(path: str, labels: Mapping[t.Any, t.Any]) -> Iterator[Fault]:
    """Labels of one's own on an object."""
    for key, value in labels.items():
        if not isinstance(key, str):
            yield fault(path, key, "is not a text: put it in quotes, Kubernetes takes only texts here")
            continue
        if rule := label_key_rule(key):
            yield fault(path, key, rule)
        elif _is_reserved(key):
            yield fault(path, key, "is a label that Kubernetes or this collection sets itself")
        if rule := label_value_rule(value):
            yield fault(f"{path}.{key}", value, rule)


def _is_reserved(key: str) -> bool:
    domain, slash, _name = key.rpartition("/")
    ours = ("app.kubernetes.io", "agent-platform.aws", "pod-security.kubernetes.io")
    return bool(slash) and (domain in ours or any(f".{domain}".endswith(f".{end}") for end in RESERVED_DOMAINS))
