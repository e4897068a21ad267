# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In a Python that finds this folder by PYTHONPATH every long sleep is a tenth as long."""

from __future__ import annotations

import time

# What sleeps for less looks for something that may come at any time, and would only look more often.
LONG = 0.2

_sleep = time.sleep


def _hasten(seconds: float) -> None:
    _sleep(seconds / 10 if seconds >= LONG else seconds)


time.sleep = _hasten
