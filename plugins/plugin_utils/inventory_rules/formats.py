# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Formats that AWS and Kubernetes prescribe, shared by the rules of the components.

Each function returns what is wrong with a value, to be put after it, or None.
"""

from __future__ import annotations

import re
import typing as t
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError

from .fault import Fault, fault

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
PRINCIPAL_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+")
SESSION_ARN = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/([^/]+)/.+")
ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:.+")

LARGEST_TAG_COUNT = 50

# Regions of partitions other than aws, by how their names begin.
PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def network_rule(text: str, shortest: int = 0, longest: int = 32) -> str | None:
    """An IPv4 network without host bits and with a prefix length in the range."""
    expected = "is not an IPv4 network"
    if (shortest, longest) != (0, 32):
        expected += f" with a prefix length from {shortest} to {longest}"
    if "/" not in text:
        return expected
    try:
        network = IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        return expected
    if not shortest <= network.prefixlen <= longest:
        return expected
    if str(network) != text:
        return f"is not written as the network it is in: {network}"
    return None


def networks(texts: Iterable[str]) -> list[IPv4Network]:
    """Those of the texts that are networks; the others are reported by network_rule."""
    return [IPv4Network(text) for text in texts if network_rule(text) is None]


def dns_label_rule(text: str) -> str | None:
    if DNS_LABEL.fullmatch(text) and len(text) <= 63:
        return None
    return "is not a Kubernetes name: up to 63 lower-case letters, digits and '-', letters or digits at both ends"


def dns_name_rule(text: str) -> str | None:
    if len(text) <= 253 and all(DNS_LABEL.fullmatch(part) for part in text.split(".")):
        return None
    return "is not a Kubernetes name: up to 253 lower-case letters, digits, '-' and '.', letters or digits at both ends"


def label_key_rule(key: str) -> str | None:
    """Key of a Kubernetes label or taint: an optional DNS prefix and a name."""
    prefix, slash, name = key.rpartition("/")
    if slash and (dns_name_rule(prefix) or not prefix):
        return "is not a Kubernetes label key: what is before the '/' is not a DNS name"
    if not QUALIFIED_NAME.fullmatch(name) or len(name) > 63:
        return (
            "is not a Kubernetes label key: up to 63 letters, digits, - _ and '.', letters or digits at both ends,"
            " after an optional DNS name and '/'"
        )
    return None


def label_value_rule(value: t.Any) -> str | None:
    if not isinstance(value, str):
        return "is not a text: put it in quotes, Kubernetes takes only texts here"
    if value and (len(value) > 63 or not QUALIFIED_NAME.fullmatch(value)):
        return "is not a Kubernetes label value: up to 63 letters, digits, - _ and '.', letters or digits at both ends"
    return None


def partition_of(region: str | None) -> str:
    """The partition that a region is in, by how its name begins, as SDKs tell it, too."""
    for beginning, partition in PARTITIONS.items():
        if (region or "").startswith(beginning):
            return partition
    return "aws"


def principal_rule(arn: str, region: str | None = None) -> str | None:
    """An IAM role or user, of the partition that the platform is in: no other's can be anything there."""
    partition = partition_of(region)
    if PRINCIPAL_ARN.fullmatch(arn):
        given = arn.split(":")[1]
        if region and given != partition:
            return (
                f"is of the partition {given}, but platform_region {region} is in {partition}: arn:{partition}:iam::..."
            )
        return None
    session = SESSION_ARN.fullmatch(arn)
    if session:
        return f"is a session of a role: name the role itself, arn:{partition}:iam::<account>:role/{session[1]}"
    return f"is not the ARN of an IAM role or user, such as arn:{partition}:iam::123456789012:role/name"


def repeated(items: Iterable[t.Any]) -> list[t.Any]:
    """What occurs more than once, each once, in order."""
    seen: set = set()
    twice: dict = {}
    for item in items:
        if item in seen:
            twice[item] = True
        seen.add(item)
    return list(twice)


def repeated_names(variable: str, items: list[Mapping], key: str = "name") -> Iterator[Fault]:
    for name in repeated(item[key] for item in items if key in item):
        yield fault(f"{variable}[].{key}", name, "occurs more than once")


def is_tag_text(text: str) -> bool:
    """IAM's pattern, which is the narrowest: letters, digits, separators of any script, but no tab and no new line."""
    return all(unicodedata.category(character)[0] in "LNZ" or character in "_.:/=+-@" for character in text)


def tag_faults(
    variable: str, tags: Mapping, reserved: Iterable[str] = (), room: int = LARGEST_TAG_COUNT
) -> Iterator[Fault]:
    """Tags as AWS takes them on every kind of resource; reserved keys are set by the platform itself."""
    ours = {key.lower(): key for key in reserved}
    if len(tags) > room:
        kept = f", of which the platform needs {LARGEST_TAG_COUNT - room}" if room < LARGEST_TAG_COUNT else ""
        yield Fault(variable, f"{len(tags)} tags are too many: AWS allows {LARGEST_TAG_COUNT} on a resource{kept}")
    for key, value in tags.items():
        path = f"{variable}.{key}"
        if not isinstance(key, str) or not 1 <= len(key) <= 128 or not is_tag_text(key):
            yield fault(
                variable,
                key,
                "is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @, in quotes if a number",
            )
            continue
        if key.lower().startswith("aws:"):
            yield Fault(path, "the prefix aws: is reserved for AWS")
        if key.lower() in ours:
            yield Fault(path, f"the tag {ours[key.lower()]} is set by the platform itself")
        if not isinstance(value, str):
            yield fault(path, value, "is not a text: put it in quotes")
        elif len(value) > 256 or not is_tag_text(value):
            yield fault(path, value, "is not a tag value: up to 256 letters, digits, spaces and _ . : / = + - @")
    for key in repeated(key.lower() for key in tags if isinstance(key, str)):
        spellings = [other for other in tags if isinstance(other, str) and other.lower() == key]
        yield Fault(variable, f"{' and '.join(spellings)} differ only in case, which IAM takes as the same tag")
