# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The feature flags of the component configuration: AppConfig's application, environment and profile."""

from __future__ import annotations

from typing import Any

from .base import Search

SERVICES: tuple[str, ...] = ()


def empty(search: Search) -> dict[str, Any]:
    return {"application_id": None, "environment_id": None, "flags_profile_id": None}


def collect(search: Search, facts: dict[str, Any]) -> None:
    """Fill in the facts of the flags that exist."""


def summary(facts: dict[str, Any]) -> list[str]:
    return []
