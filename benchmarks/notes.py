# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the processes of a run note for the benchmark: lines of JSON, in one file for all of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def note(path: str, what: dict[str, Any]) -> None:
    # Processes run side by side: what is appended by one write stays in one piece.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(what, default=str).encode() + b"\n")
    finally:
        os.close(file)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
