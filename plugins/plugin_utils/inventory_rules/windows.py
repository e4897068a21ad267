# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Daily windows, for backups, and weekly ones, for maintenance, as RDS and ElastiCache take them: in UTC."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from .fault import Fault, fault

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY = re.compile(rf"{TIME}-{TIME}")
WEEKLY = re.compile(rf"({'|'.join(DAYS)}):{TIME}-({'|'.join(DAYS)}):{TIME}")
DAY = 24 * 60
WEEK = 7 * DAY


def daily(window: str) -> tuple[int, int] | None:
    """Beginning and length of a daily window in minutes, None for what isn't one."""
    found = DAILY.fullmatch(window)
    if not found:
        return None
    begin, end = (60 * int(found[index]) + int(found[index + 1]) for index in (1, 3))
    return begin, (end - begin) % DAY


def weekly(window: str) -> tuple[int, int] | None:
    """The same of a weekly one; it begins on Monday."""
    found = WEEKLY.fullmatch(window)
    if not found:
        return None
    begin, end = (
        DAYS.index(found[index]) * DAY + 60 * int(found[index + 1]) + int(found[index + 2]) for index in (1, 4)
    )
    return begin, (end - begin) % WEEK


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two windows have a minute in common, if both came every day."""
    (begin, length), (other_begin, other_length) = one, other
    return (other_begin - begin) % DAY < length or (begin - other_begin) % DAY < other_length


def window_faults(values: Mapping[str, t.Any], of_backups: str, of_maintenance: str, shortest: int) -> Iterator[Fault]:
    """The rules for the two variables of these names. shortest: minutes that a window must have."""
    found = {}
    for variable, parse, form in (
        (of_backups, daily, "daily window in UTC, such as 03:00-04:00"),
        (of_maintenance, weekly, "weekly window in UTC, such as sat:05:00-sat:06:00"),
    ):
        window = values.get(variable)
        if window is None:
            continue
        parsed = parse(window)
        if parsed is None:
            yield fault(variable, window, f"is not a {form}")
        elif parsed[1] < shortest:
            yield fault(variable, window, f"is shorter than {shortest} minutes")
        elif parsed[1] >= DAY:
            yield fault(variable, window, "is longer than a day")
        else:
            found[variable] = parsed
    if len(found) == 2 and _overlap(*found.values()):
        yield fault(of_maintenance, values[of_maintenance], f"overlaps {of_backups} {values[of_backups]}")
