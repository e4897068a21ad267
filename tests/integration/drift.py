# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What components say of harm that is done behind the platform's back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.faults import Calls
from tests.support.playbook import OWNER, Account

# What waits for a change in the emulator, which is quick.
QUICKLY = {"Delay": 1, "MaxAttempts": 30}


@dataclass(frozen=True)
class Repair:
    """Harm, and the writes that mend it: no others. tasks: those that change something; None where it may be any.

    dry: whether a dry run shows it, too.
    """

    harm: Callable[[Account], Any]
    writes: Calls
    tasks: frozenset[str] | None = None
    dry: bool = False


def ours(**more: str) -> list[dict]:
    """EC2's filters for what the platform owns."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in {**OWNER, **more}.items()]
