# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The KMS key that the platform encrypts with: its own, or an existing one that the inventory names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from ..faults import DENIED_CODES, ResourceError, error_code
from .base import Component, Search, if_allowed, tags_of

# How AWS names its own key of a key's metadata, and a key that is on its way out.
CUSTOMER, GOING = "CUSTOMER", "PendingDeletion"
# What tells whether an existing key is fit.
KNOWN_BY = ("Arn", "AWSAccountId", "KeyManager", "KeySpec", "KeyState", "KeyUsage")


def empty(search: Search) -> dict[str, Any]:
    return {
        "key_id": None,
        "key_arn": None,
        "own_key_arn": None,
        "alias": None,
        "state": None,
        "rotation_enabled": None,
        "deletion_date": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    if search.entries:
        _existing(search, search.entries[0], facts)
    else:
        _own(search, facts)


def _existing(search: Search, arn: str, facts: dict[str, Any]) -> None:
    """The key that the inventory names, of which nothing but what it is matters, and whether there is one of ours."""
    asked = search.start("kms", "describe_key", KeyId=arn)
    ours = _by_alias(search, _alias(search))
    if ours and ours["KeyState"] != GOING:
        facts["own_key_arn"] = ours["Arn"]
    key = (if_allowed(asked) or {}).get("KeyMetadata")
    if key:
        facts.update(key_id=key["KeyId"], key_arn=key["Arn"], state=key["KeyState"])
        if key["KeyState"] in ("Enabled", "Disabled"):
            rotation = if_allowed(search.start("kms", "get_key_rotation_status", KeyId=arn))
            facts["rotation_enabled"] = (rotation or {}).get("KeyRotationEnabled")


def _alias(search: Search) -> str:
    return "alias/" + search.scope.name("key", "kms_alias")


def _by_alias(search: Search, alias: str) -> dict[str, Any] | None:
    """The key with an alias, if it is ours."""
    key = (search.read("kms", "describe_key", KeyId=alias) or {}).get("KeyMetadata")
    tags = tags_of(search.read("kms", "list_resource_tags", KeyId=key["KeyId"]) or {}) if key else {}
    return key if search.owns(tags) else None


def _own(search: Search, facts: dict[str, Any]) -> None:
    alias = _alias(search)
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
    facts.update(key_id=key["KeyId"], key_arn=key["Arn"], own_key_arn=key["Arn"], state=key["KeyState"])
    if key["KeyState"] == GOING and key.get("DeletionDate"):
        facts["deletion_date"] = key["DeletionDate"].astimezone(UTC).date().isoformat()
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
    return [key for key in keys if key and key["KeyState"] != GOING and key["KeyManager"] == CUSTOMER]


def offers(search: Search) -> dict[str, Any]:
    """What an existing key is, whom its policy lets use it, and who has grants; empty for a key of ours.

    KMS tells a key's policy to the key's own account only.
    """
    if not search.entries:
        return {"key": None, "policy": None, "grants": None}
    arn = search.entries[0]
    asked = {
        "key": search.start("kms", "describe_key", KeyId=arn),
        "grants": search.start("kms", "list_grants", KeyId=arn),
    }
    if f":{search.account_id}:" in arn:
        asked["policy"] = search.start("kms", "get_key_policy", KeyId=arn, PolicyName="default")
    found = {name: future.result() or {} for name, future in asked.items()}
    key, grants = found["key"].get("KeyMetadata"), found["grants"].get("Grants")
    return {
        # Without what can't be written as JSON, such as dates.
        "key": key and {name: key.get(name) for name in KNOWN_BY},
        "policy": found.get("policy", {}).get("Policy"),
        "grants": None
        if grants is None
        else [{name: grant.get(name) for name in ("GranteePrincipal", "Operations")} for grant in grants],
    }


def summary(facts: Mapping[str, Any]) -> list[str]:
    if facts["key_arn"] != facts["own_key_arn"]:
        return [f"existing key {facts['key_arn']}, not the platform's own"]
    rotation = "on" if facts["rotation_enabled"] else "OFF"
    return [f"key {facts['key_id']} ({facts['alias'] or 'no alias yet'}), rotation {rotation}"]


def going(facts: Mapping[str, Any]) -> str | None:
    if facts["state"] != GOING or facts["key_arn"] != facts["own_key_arn"]:
        return None
    day = facts["deletion_date"] or "a day that KMS doesn't tell"
    return f"key {facts['key_id']}: deletion scheduled for {day}; a run before that takes it back"


COMPONENT = Component(
    name="encryption",
    services=("kms",),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["key_id"] is not None,
    summary=summary,
    offers=offers,
    going=going,
)
