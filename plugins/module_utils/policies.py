# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Policies: documents that AWS keeps as JSON text and changes in form, though not in what they allow."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from .declarations import Setting


def to_document(value: Any) -> Any:
    """The policy as data, of JSON text or of data."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"isn't JSON: {error}") from error


def same_policy(current: Any, desired: Any) -> bool:
    """Whether two policies allow the same; an empty one is as good as none."""
    if not desired:
        return not current
    return isinstance(current, dict) and not compare_policies(current, desired)


def policy(option: str, member: str | None, **how: Any) -> Setting:
    """A setting whose value is a policy. how: as for Setting."""
    documents = {"given": to_document, "encode": json.dumps, "decode": to_document, "same": same_policy}
    return Setting(option, member, **{"verbatim": True, **documents, **how})
