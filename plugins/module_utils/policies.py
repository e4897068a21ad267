# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Policies: documents that AWS keeps as JSON text and changes in form, though not in what they allow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from .declarations import Setting
from .values import PLACEHOLDER


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


# ---- What policies allow, as far as they can be read: what they deny, and what others deny, isn't looked at.

# Operators that compare the same, but for wildcards.
ALIKE = {"stringlike": "stringequals", "arnequals": "arnlike"}


def lacking(wanted: Iterable[Mapping], held: Iterable[Mapping]) -> list[dict]:
    """The statements of the wanted policies that the held ones don't allow, each with the actions that are missing."""
    allowed = [statement for document in held for statement in _allowing(document)]
    found = []
    for statement in (statement for document in wanted for statement in _allowing(document)):
        resources = [text for text in _texts(statement.get("Resource")) if PLACEHOLDER not in text]
        missing = [
            action
            for action in _texts(statement.get("Action"))
            if not all(any(_allows(one, action, resource, statement) for one in allowed) for resource in resources)
        ]
        if missing:
            found.append({**statement, "Action": missing})
    return found


def mistrusted(wanted: Mapping, held: Mapping) -> tuple[list[dict], list[dict]]:
    """Statements of a wanted trust policy whose principals the held one doesn't let in, and those whose principals it
    lets in on other conditions."""
    allowed = _allowing(held)
    closed, limited = [], []
    for statement in _allowing(wanted):
        open_to = [one for one in allowed if _trusts(one, statement)]
        if not open_to:
            closed.append(statement)
        elif not any(_same_conditions(one, statement) for one in open_to):
            limited.append(statement)
    return closed, limited


def _allowing(document: Mapping) -> list[Mapping]:
    statements = document.get("Statement") or []
    found = [statements] if isinstance(statements, Mapping) else statements
    return [one for one in found if one.get("Effect") == "Allow" and not {"NotAction", "NotResource"} & set(one)]


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value or []]


def _matches(pattern: str, text: str) -> bool:
    parts = (re.escape(part).replace(r"\?", ".") for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def _allows(one: Mapping, action: str, resource: str, wanted: Mapping) -> bool:
    return (
        any(_matches(pattern.lower(), action.lower()) for pattern in _texts(one.get("Action")))
        and any(_matches(pattern, resource) for pattern in _texts(one.get("Resource")))
        and _holds(_conditions(one), _conditions(wanted))
    )


def _holds(conditions: Mapping[Any, frozenset[str]], wanted: Mapping[Any, frozenset[str]]) -> bool:
    """Whether what fulfils the wanted conditions fulfils the others."""
    return all(key in wanted and wanted[key] <= values for key, values in conditions.items())


def _trusts(one: Mapping, wanted: Mapping) -> bool:
    actions, principals = _texts(one.get("Action")), one.get("Principal") or {}
    if not all(any(_matches(text.lower(), action.lower()) for text in actions) for action in _texts(wanted["Action"])):
        return False
    if principals == "*":
        return True
    return all(
        PLACEHOLDER in text or {text, "*"} & set(_texts(principals.get(kind)))
        for kind, texts in wanted["Principal"].items()
        for text in _texts(texts)
    )


def _same_conditions(one: Mapping, wanted: Mapping) -> bool:
    """Whether both let in the same; in a dry run conditions may not be known."""
    return PLACEHOLDER in json.dumps(wanted) or _conditions(one) == _conditions(wanted)


def _conditions(statement: Mapping) -> dict[tuple[str, str], frozenset[str]]:
    return {
        (ALIKE.get(operator.lower(), operator.lower()), key.lower()): frozenset(_texts(values))
        for operator, pairs in (statement.get("Condition") or {}).items()
        for key, values in pairs.items()
    }
