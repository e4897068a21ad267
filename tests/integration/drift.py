# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What components say of harm that is done behind the platform's back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from tests.support.components import READS, REQUIRES
from tests.support.faults import Calls
from tests.support.playbook import OWNER, Account

from . import components

# What waits for a change in the emulator, which is quick.
QUICKLY = {"Delay": 1, "MaxAttempts": 30}


@dataclass(frozen=True)
class Repair:
    """Harm, and the writes that mend it: no others. tasks: those that change something; None where it may be any.

    dry: whether a dry run shows it, too. told: components that name it by an id, which is another one after that.
    """

    harm: Callable[[Account], Any]
    writes: Calls
    tasks: frozenset[str] | None = None
    dry: bool = False
    told: tuple[str, ...] = ()


# By component.
Repairs = Mapping[str, Repair]


def together(**repairs: Repair) -> dict[str, Repair]:
    """Harms that don't meet each other, as one: mended by one run, by the writes and tasks of all and no others."""
    every = list(repairs.values())

    def harm(account: Account) -> None:
        for repair in every:
            repair.harm(account)

    return {
        ", ".join(name.replace("_", " ") for name in repairs): Repair(
            harm,
            reduce(add, (repair.writes for repair in every)),
            frozenset().union(*(repair.tasks for repair in every)),
            dry=all(repair.dry for repair in every),
        )
    }


def rounds(chosen: tuple[str, ...]) -> list[Repairs]:
    """All repairs of these components. A round takes one of each, as far as the components don't know each other:
    what is made anew for one would be news for another that builds on it.
    """
    left = [(name, repair) for name in chosen for repair in components.of(name).REPAIRS.values()]
    found = []
    while left:
        taken: dict[str, Repair] = {}
        # Those with the most to come first, or they would be left alone at the end.
        numbers = Counter(name for name, _repair in left)
        for name, repair in sorted(left, key=lambda item: -numbers[item[0]]):
            if name not in taken and not any(_know(name, other) for other in taken):
                taken[name] = repair
        left = [(name, repair) for name, repair in left if taken.get(name) is not repair]
        found.append(taken)
    return found


def _know(one: str, other: str) -> bool:
    return one in (*REQUIRES[other], *READS[other]) or other in (*REQUIRES[one], *READS[one])


def ours(**more: str) -> list[dict]:
    """EC2's filters for what the platform owns."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in {**OWNER, **more}.items()]
