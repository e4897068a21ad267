# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's certificates, in its region and in the one where CloudFront and Cognito look for theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search


def empty(search: Search) -> dict[str, Any]:
    return {"certificates": dict.fromkeys(search.entries)}


def collect(search: Search, facts: dict[str, Any]) -> None:
    pass


def summary(facts: Mapping[str, Any]) -> list[str]:
    return []


COMPONENT = Component(
    name="certificate",
    services=("acm",),
    empty=empty,
    collect=collect,
    exists=lambda facts: any(facts["certificates"].values()),
    summary=summary,
)
