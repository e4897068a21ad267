# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates of ACM: what of an account is listed, and which of several of ours counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

# ListCertificates leaves out all but RSA_1024 and RSA_2048 if it isn't told otherwise.
KEY_TYPES = ("RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
LISTED = {"Includes": {"keyTypes": list(KEY_TYPES)}}
ISSUED = "ISSUED"
PENDING = "PENDING_VALIDATION"
# What never becomes valid again.
DEAD = frozenset({"EXPIRED", "INACTIVE", "REVOKED"})


def is_requested(certificate: Mapping[str, Any]) -> bool:
    """Whether it was requested of ACM by the account: not imported, private, or CloudFront's own."""
    return certificate.get("Type", "AMAZON_ISSUED") == "AMAZON_ISSUED" and not certificate.get("ManagedBy")


def names_of(certificate: Mapping[str, Any]) -> frozenset[str]:
    """All names that it is for."""
    return frozenset(
        name.lower() for name in (certificate["DomainName"], *(certificate.get("SubjectAlternativeNames") or []))
    )


def algorithm_of(certificate: Mapping[str, Any]) -> str:
    """The algorithm as requests name it: DescribeCertificate writes RSA-2048 for RSA_2048."""
    return (certificate.get("KeyAlgorithm") or "RSA_2048").replace("-", "_")


def export_of(certificate: Mapping[str, Any]) -> str:
    return (certificate.get("Options") or {}).get("Export") or "DISABLED"


def validated(name: str) -> str:
    """The name that is validated for a name: a wildcard's is the one that it stands below."""
    return name.lower().removeprefix("*.")


def alike(certificate: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two certificates have in common of which one would do."""
    return names_of(certificate), algorithm_of(certificate), export_of(certificate)


def in_force(ours: Collection[Mapping[str, Any]]) -> Sequence[Any]:
    """Of ours under one name those that count: the newest that can be used, and what two runs have made alike.

    The others have been superseded: names and keys can't be changed, so another certificate was requested.
    """
    usable = sorted(
        (item for item in ours if item["Status"] not in DEAD),
        key=lambda item: (str(item.get("CreatedAt") or ""), item["CertificateArn"]),
    )
    if not usable:
        return []
    newest, found = usable[-1], []
    for item in reversed(usable):
        if alike(item) != alike(newest):
            break
        found.insert(0, item)
    return found
