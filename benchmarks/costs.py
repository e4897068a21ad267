# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run costs by component: tasks, module calls and processor time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from statistics import median
from typing import Any

from .processor_time import MODULE

WHOLE_RUN = "whole run"
HEADINGS = ("tasks", "module calls", "processor time")


@dataclass(frozen=True)
class Cost:
    """seconds: processor time, of all processes."""

    tasks: int
    calls: int
    seconds: float


def costs(records: Iterable[Mapping[str, Any]], notes: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Cost]:
    """By component, in the order in which they are first recorded; then of the whole run.

    records: those of the tasks. notes: processor time by process. seconds: that of the whole run, which has also what
    belongs to no component: the controller and the warm process.
    """
    tasks = [record["host"] for record in records]
    calls = [note["host"] for note in notes if note["kind"] == MODULE]
    found = {
        host: Cost(
            tasks=tasks.count(host),
            calls=calls.count(host),
            seconds=sum(note["seconds"] for note in notes if note["host"] == host),
        )
        for host in dict.fromkeys(tasks)
    }
    return {**found, WHOLE_RUN: Cost(len(tasks), len(calls), seconds)}


def medians(runs: Sequence[Mapping[str, Cost]]) -> dict[str, Cost]:
    """The middle run's processor time. Tasks and calls are the same in all runs."""
    return {
        name: Cost(cost.tasks, cost.calls, median(run[name].seconds for run in runs)) for name, cost in runs[0].items()
    }


def cells(found: Mapping[str, Cost]) -> list[list[str]]:
    """Rows of a table, the headings first."""
    lines = [["", *HEADINGS]]
    for name, cost in found.items():
        tasks, calls, seconds = astuple(cost)
        lines.append([name, str(tasks), str(calls), f"{seconds:.2f}"])
    return lines
