# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the resources of Amazon OpenSearch Serverless have in common, and its policies, which have no tags.

A policy is of a collection by naming it, so one of our name that names none of the declared collections and indexes,
and has another description, is someone else's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from .declarations import Setting, Update
from .faults import ResourceError
from .policies import policy, to_document
from .resource import Resource
from .values import listed

NOT_FOUND = ("ResourceNotFoundException",)
LONGEST = 20480


class ServerlessResource(Resource):
    """A resource of OpenSearch Serverless."""

    service = "opensearchserverless"
    # Another call for the same thing is under way.
    passing: ClassVar = {"ConflictException": ("",)}


# ---- Policies


def canonical(value: Any) -> Any:
    """A document with what it leaves out left out, and its lists in one order: none of them has an order of its own."""
    if isinstance(value, Mapping):
        plain = {key: canonical(item) for key, item in value.items()}
        return {key: item for key, item in plain.items() if item not in (None, False, "", [], {})}
    if isinstance(value, list):
        return sorted((canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def same_document(current: Any, desired: Any) -> bool:
    return canonical(current) == canonical(desired)


def without_doubles(value: Any) -> Any:
    """A document each of whose lists has everything once: a principal that is named twice is refused."""
    if isinstance(value, Mapping):
        return {key: without_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        plain = [without_doubles(item) for item in value]
        return [item for index, item in enumerate(plain) if item not in plain[:index]]
    return value


def document_of(value: Any) -> Any:
    return without_doubles(to_document(value))


def resources_of(document: Any) -> set[str]:
    """The collections and indexes that a policy is about."""
    parts = document if isinstance(document, list) else [document or {}]
    return {name for part in parts for rule in part.get("Rules", []) for name in rule.get("Resource", [])}


def policy_settings() -> tuple[Setting, ...]:
    return (
        policy(
            "policy",
            "policy",
            update="policy",
            given=document_of,
            encode=lambda document: json.dumps(document, separators=(",", ":")),
            same=same_document,
        ),
        Setting("description", "description", update="policy", absent=""),
    )


def policy_update(operation: str) -> Update:
    """The call that changes a policy: the version that was seen goes along, so that nobody's change is lost."""
    return Update(operation, by=("type", "name", "policyVersion"), token="clientToken")


class ServerlessPolicy(ServerlessResource):
    """A policy of OpenSearch Serverless. Subclasses say by which calls it is read and changed."""

    names: ClassVar = {"type": "type", "name": "name"}
    identifier = "name"
    needed = ("policy",)
    settings = policy_settings()
    free_form = ("policy",)
    # Someone has changed it since we looked, or has made the same change.
    passing: ClassVar = {"ValidationException": ("older version", "No changes detected")}

    @property
    def title(self) -> str:
        return f"{self.kind} {self.options['name']!r} ({self.options['type']})"

    def check_owner(self, current: dict | None) -> None:
        declared = self.options["policy"]
        if current is None or not declared:
            return
        found, ours = resources_of(current.get("policy")), resources_of(declared)
        described = self.options["description"] and current.get("description") == self.options["description"]
        if not found & ours and not described:
            raise ResourceError(
                f"{self.title} exists but isn't ours: it is for {self.told(found)}, expected {self.told(ours)}. "
                "Nothing was changed. Rename one of the two, or give it our description if it is to be taken over."
            )

    @staticmethod
    def told(resources: Iterable[str]) -> str:
        return listed(sorted(resources)) if resources else "nothing"

    def refuse(self, current: dict | None, changes: Mapping[str, Any]) -> None:
        text = json.dumps(self.options["policy"], separators=(",", ":")) if self.options["policy"] else ""
        if len(text) > LONGEST:
            raise ResourceError(
                f"{self.title} has {len(text)} characters, OpenSearch Serverless takes {LONGEST}. Name fewer resources "
                "and principals in it, or put them into another policy."
            )
