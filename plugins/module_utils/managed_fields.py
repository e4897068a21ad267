# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who owns which field of a Kubernetes object: what `metadata.managedFields` says, and what follows of it.

A server-side apply takes away what it has set before and doesn't set any more, and leaves what others have set. So a
key that someone has added by hand stays, unless the apply is told that the key was its own: then the API server itself
takes it away, and nothing else. `claimed` is the entry that tells it so, as kubectl does when it moves from client-side
to server-side apply.

Fields are tries as the API writes them (FieldsV1): f:<name> is a member, k:<keys> an element of a list by its keys,
v:<value> one by its value, "." the thing itself. A path is a tuple of such words that ends in one with nothing below.
"""

from __future__ import annotations

import copy
import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .kubernetes_api import MANAGER

Path = tuple[str, ...]

# Who changes objects by right, by what is left of the name of its program: kube-controller-manager, kubelet, the
# controllers and operators of add-ons and charts. People's tools have other names (kubectl-edit, Lens, k9s).
CONTROLLERS = re.compile(
    r"(?:^|[-_.])(?:controller|controllers|manager|operator|scheduler|autoscaler|kubelet|apiserver|cainjector)$"
    r"|^(?:eks|amazon|aws)\b"
)
# What is never taken back, whoever has set it.
LEFT: tuple[Path, ...] = (
    ("f:status",),
    # Who else cleans up before, or because of, a deletion.
    ("f:metadata", "f:finalizers"),
    ("f:metadata", "f:ownerReferences"),
    # How many there are is the autoscaler's where it isn't declared.
    ("f:spec", "f:replicas"),
    # `kubectl rollout restart` is no change of what runs.
    ("f:spec", "f:template", "f:metadata", "f:annotations", "f:kubectl.kubernetes.io/restartedAt"),
)


def entries(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    return (item.get("metadata") or {}).get("managedFields") or []


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether an entry tells what we have applied."""
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def ours(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that we have applied."""
    return next((entry.get("fieldsV1") or {} for entry in entries(item) if is_ours(entry)), {})


def paths(fields: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    for word, below in fields.items():
        if below:
            yield from paths(below, (*above, word))
        else:
            yield (*above, word)


def has(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether the fields have this one, or something that it is a part of as a whole."""
    for word in path:
        if word not in fields:
            return False
        fields = fields[word]
        if not fields:
            return True
    return True


def added(item: Mapping[str, Any]) -> list[Path]:
    """What others have set that we haven't, and that isn't theirs by right, of an object as our apply leaves it."""
    known, found = ours(item), []
    for entry in entries(item):
        if entry.get("manager") == MANAGER or entry.get("subresource") or CONTROLLERS.search(entry.get("manager", "")):
            continue
        extra = [path for path in paths(entry.get("fieldsV1") or {}) if not has(known, path)]
        left = [path for path in extra if any(path[: len(start)] == start for start in LEFT)]
        # What has something in it that is left is left, too.
        found += [
            path
            for path in extra
            if path not in left and not (path[-1] == "." and any(other[: len(path) - 1] == path[:-1] for other in left))
        ]
    return list(dict.fromkeys(found))


def claimed(item: Mapping[str, Any], extra: list[Path]) -> list[dict[str, Any]]:
    """The entries of an object that say that these fields are ours, and no one else's."""
    found = copy.deepcopy(entries(item))
    own = next((entry for entry in found if is_ours(entry)), None)
    if own is None:
        own = {
            "manager": MANAGER,
            "operation": "Apply",
            "apiVersion": item["apiVersion"],
            "fieldsType": "FieldsV1",
            "fieldsV1": {},
            "time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        found.append(own)
    for path in extra:
        _put(own["fieldsV1"], path)
        for entry in found:
            if entry is not own and not entry.get("subresource"):
                _drop(entry.get("fieldsV1") or {}, path)
    return [entry for entry in found if entry.get("fieldsV1")]


def _put(fields: dict[str, Any], path: Path) -> None:
    for word in path:
        fields = fields.setdefault(word, {})


def _drop(fields: dict[str, Any], path: Path) -> None:
    """Take a path out of fields, with what holds nothing else."""
    first, *rest = path
    if first not in fields:
        return
    if rest and fields[first]:
        _drop(fields[first], tuple(rest))
    if not fields[first]:
        del fields[first]


def without(item: Mapping[str, Any], extra: list[Path]) -> dict[str, Any]:
    """The object as it is when these fields have been taken away, to be shown."""
    result = copy.deepcopy(dict(item))
    # The innermost first: what is empty then goes, too.
    for path in sorted(extra, key=len, reverse=True):
        _remove(result, path)
    return result


def _remove(value: Any, path: Path) -> None:
    word, *rest = path
    key = _key_of(value, word)
    if key is None:
        return
    # An element is gone with its keys, which can't be without it.
    if not rest or (rest == ["."] and word[:2] in ("k:", "v:")):
        del value[key]
        return
    _remove(value[key], tuple(rest))
    if value[key] in ({}, []) and rest[-1] != ".":
        del value[key]


def _key_of(value: Any, word: str) -> Any:
    """Where in a dict or list a word of a path is, or None."""
    style, _colon, name = word.partition(":")
    if style == "f" and isinstance(value, dict):
        return name if name in value else None
    if not isinstance(value, list) or style not in ("k", "v"):
        return None
    told = json.loads(name)
    for index, element in enumerate(value):
        if style == "v" and element == told:
            return index
        # A key that is left out has its default (protocol: TCP).
        if style == "k" and all(element.get(key, wanted) == wanted for key, wanted in told.items()):
            return index
    return None


def owner_of(item: Mapping[str, Any], path: Path) -> str | None:
    """Who has set a field."""
    return next(
        (entry.get("manager") for entry in entries(item) if has(entry.get("fieldsV1") or {}, path)),
        None,
    )


def text(path: Path) -> str:
    """A path as people write it: spec.template.spec.containers[name=main].env[name=X].value."""
    words = []
    for word in path:
        style, _colon, name = word.partition(":")
        if style == "f":
            words.append(f".{name}")
        elif style == "k":
            words.append(f"[{','.join(f'{key}={value}' for key, value in json.loads(name).items())}]")
        elif style == "v":
            words.append(f"[{json.loads(name)}]")
    return "".join(words).removeprefix(".")


def texts(extra: list[Path]) -> list[str]:
    """Paths as people write them, without what is in one of them."""
    found: list[str] = []
    for shown in sorted({text(path) for path in extra}):
        if not found or not shown.startswith((f"{found[-1]}.", f"{found[-1]}[")):
            found.append(shown)
    return found
