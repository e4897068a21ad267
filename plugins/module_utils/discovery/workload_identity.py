# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The IAM roles that the platform's service accounts assume, and the models that they may call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bedrock_models import offered_models
from .base import Component, Search, listed


def empty(search: Search) -> dict[str, Any]:
    return {"roles": dict.fromkeys(search.entries)}


def collect(search: Search, facts: dict[str, Any]) -> None:
    facts["roles"] = search.roles(search.start_roles(search.entries))


def summary(facts: Mapping[str, Any]) -> list[str]:
    return [f"roles: {listed(sorted(name for name, arn in facts['roles'].items() if arn))}"]


COMPONENT = Component(
    name="workload_identity",
    services=("iam",),
    offers=lambda search: offered_models(search.start, search.scope.models),
    offered_by=("bedrock",),
    empty=empty,
    collect=collect,
    exists=lambda facts: any(facts["roles"].values()),
    summary=summary,
    quotas=("trust_policy", "policies_per_role"),
)
