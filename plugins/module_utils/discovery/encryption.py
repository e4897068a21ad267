# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The KMS keys that the platform encrypts with: its own, or an existing one that the inventory names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from datetime import UTC
from typing import Any, NamedTuple

from ..faults import DENIED_CODES, ResourceError, error_code
from .base import Component, Search, if_allowed, tags_of

# How AWS names its own key of a key's metadata, and a key that is on its way out.
CUSTOMER, GOING = "CUSTOMER", "PendingDeletion"
# What a platform may have keys of their own for, and the tag of its key that says for what it has some.
PURPOSES = ("logs", "secrets", "volumes")
PURPOSES_TAG = "KeysPerPurpose"
# What is told of each key.
OF_A_KEY = ("key_id", "key_arn", "alias", "state", "rotation_enabled", "deletion_date")
# What tells whether an existing key is fit.
KNOWN_BY = ("Arn", "AWSAccountId", "KeyManager", "KeySpec", "KeyState", "KeyUsage")


class Found(NamedTuple):
    """A key as KMS describes it, and its tags."""

    key: dict[str, Any]
    tags: dict[str, str]


def empty(search: Search) -> dict[str, Any]:
    return {
        **dict.fromkeys(OF_A_KEY),
        "own_key_arn": None,
        # Until there is a key that says for what there are others.
        "purposes": [purpose for purpose in PURPOSES if purpose in search.given.get("purposes", [])],
        "purpose_keys": {},
        **{_arn_of(purpose): None for purpose in PURPOSES},
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    if arn := _named(search):
        _existing(search, arn, facts)
    else:
        _own(search, facts)
    for purpose in PURPOSES:
        key = facts["purpose_keys"].get(purpose, {}) if purpose in facts["purposes"] else facts
        facts[_arn_of(purpose)] = key.get("key_arn")


def _named(search: Search) -> str | None:
    """The ARN of the key that the inventory names."""
    return next(iter(search.given.get("existing", [])), None)


def _arn_of(purpose: str) -> str:
    """The fact that tells which key is for a purpose: one of its own, or the platform's."""
    return f"{purpose}_key_arn"


def _existing(search: Search, arn: str, facts: dict[str, Any]) -> None:
    """The key that the inventory names, of which nothing but what it is matters, and whether there is one of ours."""
    asked = search.start("kms", "describe_key", KeyId=arn)
    facts["purposes"] = []
    named = _by_aliases(search, search.start("kms", "list_aliases"))
    ours = {
        purpose: found.key
        for purpose, found in named.items()
        if search.owns(found.tags) and found.key["KeyState"] != GOING
    }
    if key := ours.pop(None, None):
        facts["own_key_arn"] = key["Arn"]
    facts["purpose_keys"] = {purpose: _described(search, key, _alias(search, purpose)) for purpose, key in ours.items()}
    key = (if_allowed(asked) or {}).get("KeyMetadata")
    if key:
        facts.update(key_id=key["KeyId"], key_arn=key["Arn"], state=key["KeyState"])
        if key["KeyState"] in ("Enabled", "Disabled"):
            rotation = if_allowed(search.start("kms", "get_key_rotation_status", KeyId=arn))
            facts["rotation_enabled"] = (rotation or {}).get("KeyRotationEnabled")


def _name(search: Search, purpose: str | None = None) -> str:
    """The name of the platform's key, or of that for a purpose: its alias without the beginning, and its tag Name."""
    return search.scope.name(f"{purpose}-key" if purpose else "key", "kms_alias")


def _alias(search: Search, purpose: str | None = None) -> str:
    return f"alias/{_name(search, purpose)}"


def _own(search: Search, facts: dict[str, Any]) -> None:
    """The keys that are ours: by their aliases, and by their tags those that have none."""
    listed, aliases = search.start("kms", "list_keys"), search.start("kms", "list_aliases")
    named = _by_aliases(search, aliases)
    keys = {purpose: found for purpose, found in named.items() if search.owns(found.tags)}
    theirs = {purpose: found for purpose, found in named.items() if purpose not in keys}
    if None in theirs:
        _foreign(search, None, theirs[None])
        return
    aliases_of_ours = {purpose: _alias(search, purpose) for purpose in keys}
    # A run that ended between a key and its alias, or lost the race for it, left a key that only its tags tell.
    for purpose, others in _by_tags(search, listed, aliases, keys).items():
        if purpose in keys:
            search.superfluous("KMS keys", keys[purpose].key["KeyId"], *(other.key["KeyId"] for other in others))
        else:
            key = search.one("KMS keys", [other.key for other in others], "KeyId", made_at="CreationDate")
            keys[purpose] = next(other for other in others if other.key is key)
    described = {
        purpose: _described(search, found.key, aliases_of_ours.get(purpose)) for purpose, found in keys.items()
    }
    if None in described:
        facts.update(described.pop(None), purposes=_purposes(keys, facts["purposes"]))
        facts["own_key_arn"] = facts["key_arn"]
    facts["purpose_keys"] = {purpose: described[purpose] for purpose in PURPOSES if purpose in described}
    for purpose in facts["purposes"]:
        if purpose in theirs:
            _foreign(search, purpose, theirs[purpose])


def _foreign(search: Search, purpose: str | None, found: Found) -> None:
    reason = f"belongs to the key {found.key['Arn']}, which exists"
    search.foreign(f"KMS alias {_alias(search, purpose)}", found.tags, reason)


def _by_aliases(search: Search, aliases: Future) -> dict[str | None, Found]:
    """The keys that have the aliases of ours, by what they are for; None is the platform's."""
    asked = {None: search.start("kms", "describe_key", KeyId=_alias(search))}
    names = {alias["AliasName"] for alias in (aliases.result() or {}).get("Aliases", [])}
    for purpose in PURPOSES:
        if _alias(search, purpose) in names:
            asked[purpose] = search.start("kms", "describe_key", KeyId=_alias(search, purpose))

    def answer(purpose: str | None, future: Future) -> dict[str, Any]:
        # A key for a purpose whose policy shuts us out is none of ours, and maybe none is wanted.
        return (if_allowed(future) if purpose else future.result()) or {}

    told = {purpose: answer(purpose, future).get("KeyMetadata") for purpose, future in asked.items()}
    tags = {
        purpose: search.start("kms", "list_resource_tags", KeyId=key["KeyId"]) for purpose, key in told.items() if key
    }
    return {purpose: Found(told[purpose], tags_of(answer(purpose, future))) for purpose, future in tags.items()}


def _purposes(keys: Mapping[str | None, Found], declared: Iterable[str]) -> list[str]:
    """For what a platform has keys of their own: what its key says, or where somebody has taken that away, is there.

    What goes while the platform's key stays, and isn't declared, is what an earlier platform has left.
    """
    told = keys[None].tags.get(PURPOSES_TAG)
    if told is not None:
        return [purpose for purpose in PURPOSES if purpose in told.split()]
    left = {purpose for purpose, found in keys.items() if found.key["KeyState"] == GOING} - {*declared}
    return [purpose for purpose in PURPOSES if purpose in keys and (purpose not in left or None in left)]


def _described(search: Search, key: Mapping[str, Any], alias: str | None) -> dict[str, Any]:
    facts = dict.fromkeys(OF_A_KEY)
    facts.update(key_id=key["KeyId"], key_arn=key["Arn"], alias=alias, state=key["KeyState"])
    if key["KeyState"] == GOING and key.get("DeletionDate"):
        facts["deletion_date"] = key["DeletionDate"].astimezone(UTC).date().isoformat()
    if key["KeyState"] in ("Enabled", "Disabled"):
        rotation = search.read("kms", "get_key_rotation_status", KeyId=key["KeyId"])
        facts["rotation_enabled"] = (rotation or {}).get("KeyRotationEnabled")
    return facts


def _by_tags(
    search: Search, listed: Future, aliases: Future, found: Mapping[str | None, Found]
) -> dict[str | None, list[Found]]:
    """Our keys besides those found, by what they are for, which their tag Name says.

    KMS can't filter by tag, so tags are read, as far as a key's policy lets us. Where there is the platform's key with
    its alias, another one is only looked for among those that have none at all.
    """
    named = {
        alias["TargetKeyId"]
        for alias in (aliases.result() or {}).get("Aliases", [])
        if "TargetKeyId" in alias and (None in found or alias["AliasName"].startswith("alias/aws/"))
    }
    named |= {known.key["KeyId"] for known in found.values()}
    started = {
        key["KeyId"]: search.start("kms", "list_resource_tags", KeyId=key["KeyId"])
        for key in (listed.result() or {}).get("Keys", [])
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
            ours.append((search.start("kms", "describe_key", KeyId=key_id), tags))
    names = {_name(search, purpose): purpose for purpose in PURPOSES}
    keys: dict[str | None, list[Found]] = {}
    for asked, tags in ours:
        key = (asked.result() or {}).get("KeyMetadata")
        if key and key["KeyState"] != GOING and key["KeyManager"] == CUSTOMER:
            keys.setdefault(names.get(tags.get("Name", "")), []).append(Found(key, tags))
    return keys


def offers(search: Search) -> dict[str, Any]:
    """What an existing key is, whom its policy lets use it, and who has grants; empty for a key of ours.

    KMS tells a key's policy to the key's own account only.
    """
    arn = _named(search)
    if not arn:
        return {"key": None, "policy": None, "grants": None}
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


def _keys(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The platform's own keys, by what a person calls them."""
    own = {"key": facts} if facts["own_key_arn"] else {}
    return {**own, **{f"key for {purpose}": key for purpose, key in facts["purpose_keys"].items()}}


def exists(facts: Mapping[str, Any]) -> bool:
    return facts["key_id"] is not None and all(purpose in facts["purpose_keys"] for purpose in facts["purposes"])


def summary(facts: Mapping[str, Any]) -> list[str]:
    if facts["key_arn"] != facts["own_key_arn"]:
        return [f"existing key {facts['key_arn']}, not the platform's own"]
    return [
        f"{called} {key['key_id']} ({key['alias'] or 'no alias yet'}), {_condition(key)}"
        for called, key in _keys(facts).items()
    ]


def _condition(key: Mapping[str, Any]) -> str:
    if key["state"] == GOING:
        return f"{_deletion(key)}; a run before that takes it back"
    state = "" if key["state"] == "Enabled" else f"{key['state']}, "
    return f"{state}rotation {'on' if key['rotation_enabled'] else 'OFF'}"


def _deletion(key: Mapping[str, Any]) -> str:
    day = key["deletion_date"] or "a day that KMS doesn't tell"
    return f"deletion scheduled for {day}"


def going(facts: Mapping[str, Any]) -> str | None:
    keys = _keys(facts)
    if not keys or facts["key_arn"] != facts["own_key_arn"] or any(key["state"] != GOING for key in keys.values()):
        return None
    days = [f"{called} {key['key_id']}: {_deletion(key)}" for called, key in keys.items()]
    return "; ".join([*days, f"a run before that takes {'it' if len(days) == 1 else 'them'} back"])


COMPONENT = Component(
    name="encryption",
    services=("kms",),
    empty=empty,
    collect=collect,
    exists=exists,
    summary=summary,
    offers=offers,
    going=going,
)
