# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tasks of a run returned, told so that two runs that did the same say the same, and where two runs differ.

Two runs in one account differ by nature only: in times, processes and requests (see `by_nature`). Two runs in two
accounts differ also in what AWS makes up for each account, such as ids (see `Names`).
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

# Of the execution, not of what was done: keys of the result itself only, since in what AWS returns they mean other
# things.
OF_THE_EXECUTION = {"ansible_job_id", "delta", "duration", "elapsed", "end", "pid", "start", "started"}
# Of the requests to AWS: wherever they stand.
OF_THE_REQUEST = {"RequestId", "ResponseMetadata", "request_id", "response_metadata"}
# The names of folders and files that Ansible makes for one task; what follows in them stays.
TEMPORARY = re.compile(r"\b(ansible-(?:tmp|moduletmp|local)-|ansible_[\w.]+_payload_)[\w.-]+")
# All of a kind are one: whether two things were made in the same second is chance.
TIME = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
NAMES_OF_TIMES = ("_at", "_date", "_time", "_timestamp")
# What AWS makes up, each with what to call it. The first that fits is taken.
MADE_UP = {
    "uuid": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    # Secrets Manager adds six characters to the name: secret:demo-password-AbCdEf
    "secret": r"(?<=:secret:)[\w/+=.@-]+-[0-9A-Za-z]{6}\b",
    # vpc-0123456789abcdef0, vpc-cidr-assoc-0123456789abcdef0
    "": r"\b(?:[a-z]+-)+[0-9a-f]{17}\b",
    # AROA0123456789ABCDEFG
    "unique id": r"\bA[A-Z0-9]{20}\b",
    "OIDC id": r"(?<=/id/)[0-9A-F]{32}\b",
    "token": r"\b[0-9a-f]{32}\b",
    "MAC address": r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b",
    "digest": r"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b",
    # The last part of the ARN of an add-on, a node group, an access entry; and of names made from it.
    "suffix": r"(?<=[/-])[0-9a-f]{8}\b(?!-)",
    "address": r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d|/\d)",
    "endpoint": r"\blocalhost:\d+\b",
}
LONGEST_VALUE = 300


@dataclass(frozen=True)
class Returned:
    """What a task, or one item of its loop, returned on one host. place: host, task and item."""

    place: str
    values: dict[str, Any]


def returned(records: Iterable[Mapping[str, Any]]) -> list[Returned]:
    """From the records of a run that were written in full. Hosts go on side by side, so it's told host by host."""
    found = []
    for record in sorted(records, key=lambda record: record["host"]):
        place = f"{record['host']}: {record['task']}"
        found.append(Returned(place, record["result"]))
        found += [Returned(f"{place} [{item['item']}]", item["result"]) for item in record["items"]]
    return found


def by_nature(results: Iterable[Returned]) -> list[Returned]:
    """Without what no two runs have in common. What a module was called with stays in, as its `invocation`."""
    return [
        Returned(
            _without_temporary(result.place),
            _without_temporary(
                _without_requests({k: value for k, value in result.values.items() if k not in OF_THE_EXECUTION})
            ),
        )
        for result in results
    ]


def _without_requests(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_requests(item) for key, item in value.items() if key not in OF_THE_REQUEST}
    if isinstance(value, list):
        return [_without_requests(item) for item in value]
    return value


def _without_temporary(value: Any) -> Any:
    return _with_texts(value, lambda text: TEMPORARY.sub(r"\1*", text))


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """All texts changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _with_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_texts(item, change) for item in value]
    return value


class Names:
    """Names for what AWS makes up in one account, numbered in the order in which the values turn up.

    known: names for texts that are known beforehand, such as the account's number.
    """

    def __init__(self, known: Mapping[str, str]):
        self._known = {text: f"<{name}>" for text, name in known.items()}
        self._given: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        groups = [f"(?P<known>{'|'.join(re.escape(text) for text in known)})"] if known else []
        self._kinds = list(MADE_UP)
        groups += [f"(?P<kind{number}>{pattern})" for number, pattern in enumerate(MADE_UP.values())]
        self._pattern = re.compile("|".join(groups))

    def told(self, results: Iterable[Returned]) -> list[Returned]:
        return [
            replace(result, place=self.text(result.place), values=self._value(_without_times(result.values)))
            for result in results
        ]

    def _value(self, value: Any) -> Any:
        return _with_texts(value, self.text)

    def text(self, text: str) -> str:
        return self._pattern.sub(self._name, TIME.sub("<time>", text))

    def _name(self, match: re.Match[str]) -> str:
        value = match[0]
        if match.lastgroup == "known":
            return self._known[value]
        kind = self._kinds[int(str(match.lastgroup).removeprefix("kind"))]
        if kind == "address" and not _is_public(value):
            return value
        kind = kind or value.rpartition("-")[0]
        if value not in self._given:
            self._count[kind] += 1
            self._given[value] = f"<{kind} {self._count[kind]}>"
        return self._given[value]


def _is_public(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _without_times(value: Any) -> Any:
    """Times that are numbers are known by their names only."""
    if isinstance(value, dict):
        return {
            key: "<time>" if key.endswith(NAMES_OF_TIMES) and isinstance(item, int | float) else _without_times(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    return value


def differences(ones: Iterable[Returned], others: Iterable[Returned]) -> list[str]:
    """A line for each value in which two runs differ: host and task, key, both values."""
    ones, others = list(ones), list(others)
    places, other_places = [result.place for result in ones], [result.place for result in others]
    if places != other_places:
        lines = [f"{place}: only in the first" for place in (Counter(places) - Counter(other_places)).elements()]
        lines += [f"{place}: only in the second" for place in (Counter(other_places) - Counter(places)).elements()]
        return lines or ["the same tasks in another order"]
    return [
        f"{one.place}: {key}: {_cut(first)} != {_cut(second)}"
        for one, other in zip(ones, others, strict=True)
        for key, first, second in _unequal("", one.values, other.values)
    ]


MISSING = type("Missing", (), {"__repr__": lambda self: "(missing)"})()


def _unequal(path: str, one: Any, other: Any) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            inside = f"{path}.{key}" if path else key
            yield from _unequal(inside, one.get(key, MISSING), other.get(key, MISSING))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(f"{path}[{number}]", first, second)
    # true is not 1, and 1 is not 1.0.
    elif type(one) is not type(other) or one != other:
        yield path, one, other


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
