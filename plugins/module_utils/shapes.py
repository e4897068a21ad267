# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that are too deep for suboptions: turned into the API's terms and back by the shapes of the SDK's own model.

So every member that the SDK knows can be said, in words that follow from its name, and what it doesn't know is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from .values import listed, snake_name

word = functools.cache(snake_name)


def shape_at(shape: Any, path: str) -> Any:
    """The shape of the member at a dotted path."""
    for member in path.split("."):
        shape = shape.members[member]
    return shape


def in_api_terms(shape: Any, value: Any, place: str = "") -> Any:
    """The value with member names in place of words. ValueError, to follow the option's name, for what AWS lacks."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = {word(member): member for member in shape.members}
        unknown = [name for name in value if name not in members]
        if unknown:
            known = listed(sorted(members)) if members else "nothing"
            raise ValueError(f"has {unknown[0]!r}{f' in {place}' if place else ''}, where AWS knows {known}")
        return {
            members[name]: in_api_terms(shape.members[members[name]], inner, f"{place}.{name}".strip("."))
            for name, inner in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [in_api_terms(shape.member, inner, f"{place}[{index}]") for index, inner in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: in_api_terms(shape.value, inner, f"{place}.{key}".strip(".")) for key, inner in value.items()}
    return value


def in_words(shape: Any, value: Any) -> Any:
    """The value as in_api_terms() takes it."""
    if shape.type_name == "structure":
        return {word(name): in_words(shape.members[name], inner) for name, inner in value.items()}
    if shape.type_name == "list":
        return [in_words(shape.member, inner) for inner in value]
    if shape.type_name == "map":
        return {key: in_words(shape.value, inner) for key, inner in value.items()}
    return value
