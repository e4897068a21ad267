# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One fault of an inventory, and how its parts are written."""

from __future__ import annotations

import difflib
import functools
import typing as t
from collections.abc import Iterable, Mapping

LONGEST_VALUE = 100
HIDDEN = "********"


class Fault(t.NamedTuple):
    """A variable, or a part of one such as eks_node_groups[0].min_size, and what is wrong with its value."""

    variable: str
    text: str
    place: str = ""

    def __str__(self) -> str:
        line = f"{self.variable}: {self.text}"
        return f"{line} ({self.place})" if self.place else line

    @property
    def root(self) -> str:
        """Name of the inventory variable that the fault is in."""
        return self.variable.partition("[")[0].partition(".")[0]


def _plain(value: t.Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return str(value)


def show(value: t.Any) -> str:
    """The value as YAML has it, on one line and not too long."""
    text = _plain(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def fault(variable: str, value: t.Any, rule: str) -> Fault:
    return Fault(variable, f"{show(value)} {rule}")


def _likeness(name: str, other: str) -> float:
    """How alike two names are; a single word of the other counts too, as verison is meant for kubernetes_version."""
    whole = difflib.SequenceMatcher(None, name, other).ratio()
    words = [difflib.SequenceMatcher(None, name, word).ratio() for word in other.split("_") if len(word) > 3]
    return max([whole, *(0.9 * ratio for ratio in words)])


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str | None:
    """The known name that was probably meant, if there is one. The prefix that all share is not compared."""
    ranked = sorted((-_likeness(name.removeprefix(prefix), other.removeprefix(prefix)), other) for other in known)
    return ranked[0][1] if ranked and -ranked[0][0] >= 0.6 else None


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    guess = nearest(name, known, prefix)
    return f"; did you mean {guess}?" if guess else ""


@functools.cache  # the hosts share most of their variables
def edits(one: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with their neighbour in order to make one text of the other."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted)))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                row[j] = min(row[j], before[j - 2] + 1)
        before, last = last, row
    return last[-1]
