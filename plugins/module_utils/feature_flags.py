# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The document of feature flags that AppConfig hosts: definitions, and values that operators change.

Its format is that of the type AWS.AppConfig.FeatureFlags, version 1:
https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

VERSION = "1"
# AppConfig writes them into each flag and each value.
TIMES = ("_createdAt", "_updatedAt")
# A flag of several variants, one of which a rule chooses for each request.
VARIANTS = "_variants"
# What may be said of the values of an attribute, besides its type.
OF_ELEMENTS = ("pattern", "enum", "minimum", "maximum")
OF_ATTRIBUTES = ("required", *OF_ELEMENTS, "elements")


def plain(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """The document as it is compared: without the times that AppConfig writes, and with each of its parts."""
    document = document or {}
    return {
        "version": VERSION,
        **{
            part: {
                key: {name: value for name, value in entry.items() if name not in TIMES}
                for key, entry in (document.get(part) or {}).items()
            }
            for part in ("flags", "values")
        },
    }


def merged(
    document: Mapping[str, Any] | None,
    flags: Iterable[Mapping[str, Any]],
    manage_values: bool = False,
    purge: bool = False,
) -> dict[str, Any]:
    """The document with the flags that are declared.

    What defines a flag is as declared. Its values are, too, where it has none yet, or else if manage_values says so.
    What isn't declared is left, or goes if purge says so. A flag of several variants is left as it is.
    """
    whole = copy.deepcopy(dict(document or {}))
    definitions, values = whole.get("flags") or {}, whole.get("values") or {}
    flags = list(flags)
    for flag in flags:
        key = flag["key"]
        if VARIANTS not in values.get(key, {}):
            attributes = list(flag.get("attributes") or [])
            definitions[key] = _definition(definitions.get(key), flag, attributes, purge)
            values[key] = _value(values.get(key), flag, attributes, manage_values)
            if purge:
                known = {"enabled", *TIMES, *(attribute["key"] for attribute in attributes)}
                values[key] = {name: value for name, value in values[key].items() if name in known}
    if purge:
        declared = {flag["key"] for flag in flags}
        definitions, values = (
            {key: entry for key, entry in part.items() if key in declared} for part in (definitions, values)
        )
    return {**whole, "version": VERSION, "flags": definitions, "values": values}


def _definition(
    present: Mapping[str, Any] | None, flag: Mapping[str, Any], attributes: list[Mapping[str, Any]], purge: bool
) -> dict[str, Any]:
    found = dict(present or {})
    found["name"] = flag.get("name") or found.get("name") or flag["key"]
    _describe(found, flag.get("description"))
    defined = {} if purge else dict(found.get("attributes") or {})
    for attribute in attributes:
        key = attribute["key"]
        one = dict((found.get("attributes") or {}).get(key) or {})
        _describe(one, attribute.get("description"))
        constraints = constraints_of(attribute)
        if constraints_of(one.get("constraints") or {}) != constraints:
            one["constraints"] = constraints
        defined[key] = one
    if defined:
        found["attributes"] = defined
    else:
        found.pop("attributes", None)
    return found


def _describe(entry: dict[str, Any], description: str | None) -> None:
    """Set the description; none leaves it, and an empty one removes it."""
    if description:
        entry["description"] = description
    elif description is not None:
        entry.pop("description", None)


def constraints_of(attribute: Mapping[str, Any], names: Iterable[str] = OF_ATTRIBUTES) -> dict[str, Any]:
    """What is said of the values of an attribute, or of the elements of an array, as AppConfig has it."""
    found = {"type": attribute.get("type")}
    for name in names:
        value = attribute.get(name)
        # Not required is what an attribute is if nothing is said.
        if value is not None and not (name == "required" and value is False):
            found[name] = constraints_of(value, OF_ELEMENTS) if name == "elements" else value
    return found


def _value(
    present: Mapping[str, Any] | None, flag: Mapping[str, Any], attributes: list[Mapping[str, Any]], manage: bool
) -> dict[str, Any]:
    found = dict(present or {})
    declared = {"enabled": bool(flag.get("enabled"))}
    declared |= {item["key"]: item["value"] for item in attributes if item.get("value") is not None}
    return {**found, **declared} if manage else {**declared, **found}
