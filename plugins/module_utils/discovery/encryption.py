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
    listed, aliases = search.start("kms", "list_keys"), search.start("kms", "list_aliases")
    key = (search.read("kms", "describe_key", KeyId=alias) or {}).get("KeyMetadata")
    if key:
        tags = tags_of(search.read("kms", "list_resource_tags", KeyId=key["KeyId"]) or {})
        if not search.owns(tags):
            search.foreign(f"KMS alias {alias}", tags, f"belongs to the key {key['Arn']}, which exists")
            return
        facts["alias"] = alias
    # A run that ended between a key and its alias, or lost the race for it, left a key that only its tags tell.
    others = _by_tags(search, listed.result(), aliases.result(), key)
    if key and others:
        search.superfluous("KMS keys", key["KeyId"], *(other["KeyId"] for other in others))
    key = key or search.one("KMS keys", others, "KeyId", made_at="CreationDate")
    if not key:
        return
    facts.update(key_id=key["KeyId"], key_arn=key["Arn"], state=key["KeyState"])
    if key["KeyState"] in ("Enabled", "Disabled"):
        rotation = search.read("kms", "get_key_rotation_status", KeyId=key["KeyId"])
        facts["rotation_enabled"] = (rotation or {}).get("KeyRotationEnabled")


def _by_tags(search: Search, listed: dict | None, aliases: dict | None, found: dict | None) -> list[dict[str, Any]]:
    """Our keys besides the one found. KMS can't filter by tag, so tags are read, as far as a key's policy lets us.

    Where there is a key of ours with its alias, another one is only looked for among those that have none at all.
    """
    named = {
        alias["TargetKeyId"]
        for alias in (aliases or {}).get("Aliases", [])
        if "TargetKeyId" in alias and (found or alias["AliasName"].startswith("alias/aws/"))
    }
    started = {
        key["KeyId"]: search.start("kms", "list_resource_tags", KeyId=key["KeyId"])
        for key in (listed or {}).get("Keys", [])
        if key["KeyId"] not in named
    }
    ours = []
    for key_id, future in started.items():
        try:
            tags = tags_of(future.result() or {})
        except ResourceError as error:
            if error_code(error.cause) in DENIED_CODES:
                continue  # a key whose policy shuts us out can't be one that we made
            raise
        if search.owns(tags):
            ours.append(search.start("kms", "describe_key", KeyId=key_id))
    keys = [(future.result() or {}).get("KeyMetadata") for future in ours]
    return [key for key in keys if key and key["KeyState"] != "PendingDeletion" and key["KeyManager"] == "CUSTOMER"]


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
