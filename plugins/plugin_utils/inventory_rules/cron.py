# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""AWS's cron expressions, which differ from cron's: a year at the end, and a question mark for one of the days."""

from __future__ import annotations

import re
import typing as t

EXPRESSION = re.compile(r"cron\((.*)\)")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class Field(t.NamedTuple):
    """What one of the six may say: numbers of a range, or words for them."""

    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    special: str = ""  # a pattern of what only this one takes

    def number(self, text: str) -> int | None:
        if text.upper() in self.words:
            return self.least + self.words.index(text.upper())
        return int(text) if text.isascii() and text.isdigit() and self.least <= int(text) <= self.most else None

    def takes(self, text: str) -> bool:
        return all(self._takes_part(part) for part in text.split(","))

    def _takes_part(self, part: str) -> bool:
        if self.special and re.fullmatch(self.special, part, re.IGNORECASE):
            return True
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
            return False
        if span == "*":
            return True
        first, dash, last = span.partition("-")
        begin, end = self.number(first), self.number(last) if dash else None
        return begin is not None and (not dash or (end is not None and begin <= end))


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31, special=r"L|LW|([1-9]|[12][0-9]|3[01])W"),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 1, 7, WEEKDAYS, special=r"L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])"),
    Field("year", 1970, 2199),
)
DAY, WEEKDAY = 2, 4
ANY_DAY = "?"


def cron_rule(expression: str | None) -> str | None:
    """What is wrong with a schedule of AWS Backup, which runs at most once an hour; None if nothing is."""
    if expression is None:
        return None
    found = EXPRESSION.fullmatch(expression)
    parts = found[1].split() if found else []
    if len(parts) != len(FIELDS):
        return "is not cron(minute hour day month weekday year), six fields as in cron(0 2 * * ? *)"
    if (parts[DAY] == ANY_DAY) == (parts[WEEKDAY] == ANY_DAY):
        return "must have ? for either the day of the month or the day of the week, and not for both"
    for index, (field, part) in enumerate(zip(FIELDS, parts, strict=True)):
        if not (part == ANY_DAY and index in (DAY, WEEKDAY)) and not field.takes(part):
            return f"has {part} for the {field.name}, which takes {field.least} to {field.most}"
    if not parts[0].isdigit():
        return f"has {parts[0]} for the minute, and AWS Backup runs at most once an hour: give one minute"
    return None
