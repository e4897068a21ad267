# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's KMS key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..faults import DENIED_CODES, ResourceError, error_code
from .base import Component, Search, tags_of


def empty(search: Search) -> dict[str, Any]:
    return {"key_id": None, "key_arn": None, "alias": None, "state": None, "rotation_enabled": None}


def collect(search: Search, facts: dict[str, Any]) -> None:
    alias = "alias/" + search.scope.name("key", "kms_alias")
    key = (search.read("kms", "describe_key", KeyId=alias) or {}).get("KeyMetadata")
    if key:
        if not _is_ours(search, key["KeyId"]):
            search.foreign(f"KMS alias {alias}", f"belongs to the key {key['Arn']}, which is")
            return
        facts["alias"] = alias
    else:
        # A run that ended between the key and its alias left a key that only its tags tell.
        key = _find_by_tags(search)
    if not key:
        return
    facts.update(key_id=key["KeyId"], key_arn=key["Arn"], state=key["KeyState"])
    if key["KeyState"] in ("Enabled", "Disabled"):
        rotation = search.read("kms", "get_key_rotation_status", KeyId=key["KeyId"])
        facts["rotation_enabled"] = (rotation or {}).get("KeyRotationEnabled")


def _is_ours(search: Search, key_id: str) -> bool:
    return search.scope.owns(tags_of(search.read("kms", "list_resource_tags", KeyId=key_id) or {}))


def _find_by_tags(search: Search) -> dict[str, Any] | None:
    """KMS can't filter keys by tag, so the tags of each key are read, as far as its policy lets us."""
    listed = [key["KeyId"] for key in (search.read("kms", "list_keys") or {}).get("Keys", [])]
    started = {key_id: search.start("kms", "list_resource_tags", KeyId=key_id) for key_id in listed}
    ours = []
    for key_id, future in started.items():
        try:
            tags = tags_of(future.result() or {})
        except ResourceError as error:
            if error_code(error.cause) in DENIED_CODES:
                continue  # a key whose policy shuts us out can't be one that we made
            raise
        if search.scope.owns(tags):
            ours.append(search.start("kms", "describe_key", KeyId=key_id))
    keys = [(future.result() or {}).get("KeyMetadata") for future in ours]
    usable = [key for key in keys if key and key["KeyState"] != "PendingDeletion" and key["KeyManager"] == "CUSTOMER"]
    return search.one("KMS keys", usable, "KeyId", weight=lambda key: -key["CreationDate"].timestamp())


def summary(facts: Mapping[str, Any]) -> list[str]:
    rotation = "on" if facts["rotation_enabled"] else "OFF"
    return [f"key {facts['key_id']} ({facts['alias'] or 'no alias yet'}), rotation {rotation}"]


COMPONENT = Component(
    name="encryption",
    services=("kms",),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["key_id"] is not None,
    summary=summary,
)
