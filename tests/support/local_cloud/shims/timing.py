# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The short moments in which AWS shows a resource as pending, updating or deleting."""

from __future__ import annotations

import os
import time
from typing import Any

# Long enough that a caller who doesn't wait is caught, short enough that a run isn't slowed down.
SETTLE_SECONDS = float(os.environ.get("LOCAL_CLOUD_SETTLE_SECONDS", "0.3"))

# A file that stands for the clock: each byte is a millisecond. Who looks at a moment itself moves the time by hand
# with it, so that no slow machine lets the moment pass.
_CLOCK = os.environ.get("LOCAL_CLOUD_CLOCK_FILE")

_DUE = "_settles_at"


def now() -> float:
    """Seconds from a moment that doesn't matter."""
    return os.stat(_CLOCK).st_size / 1000 if _CLOCK else time.monotonic()


def start(record: dict[str, Any]) -> None:
    """The record is in transition from now on."""
    record[_DUE] = now() + SETTLE_SECONDS


def is_running(record: dict[str, Any]) -> bool:
    return _DUE in record and now() < record[_DUE]


def is_due(record: dict[str, Any]) -> bool:
    """Whether a transition has come to its end that `finish` hasn't been told of."""
    return _DUE in record and now() >= record[_DUE]


def finish(record: dict[str, Any]) -> None:
    record.pop(_DUE, None)
