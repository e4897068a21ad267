# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Numbers that must lie between others, said in one way."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from .fault import Fault, fault


class Range(t.NamedTuple):
    """Numbers from lowest to highest, with no end if that is None, and those of besides. of: unit, or what they are."""

    lowest: int
    highest: int | None = None
    of: str = ""
    besides: tuple[int, ...] = ()

    def __str__(self) -> str:
        between = f"{self.lowest} or more" if self.highest is None else f"from {self.lowest} to {self.highest}"
        return " or ".join([*map(str, self.besides), f"{between} {self.of}".rstrip()])

    def faults(self, variable: str, value: int | None) -> Iterator[Fault]:
        if value is None or value in self.besides:
            return
        if value < self.lowest or (self.highest is not None and value > self.highest):
            yield fault(variable, value, f"is not {self}")


def _found(values: Mapping[str, t.Any], path: str, before: str = "") -> Iterator[tuple[str, t.Any]]:
    """What is at a path such as eks_node_groups[].max_size, but for entries that are to be removed."""
    name, entries, rest = path.partition("[].")
    value = values.get(name)
    if not entries:
        yield before + name, value
        return
    for index, entry in enumerate(value or []):
        if ("state", "absent") not in entry.items():
            yield from _found(entry, rest, f"{before}{name}[{index}].")


def range_faults(values: Mapping[str, t.Any], ranges: Mapping[str, Range]) -> Iterator[Fault]:
    """Numbers out of their range; ranges has the range by the path."""
    for path, wanted in ranges.items():
        for variable, value in _found(values, path):
            yield from wanted.faults(variable, value)
