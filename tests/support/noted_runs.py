# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A play of a test's own on one host, beside a callback `notes` of the test that writes lines of JSON to $NOTES."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, notes: str, callbacks: str, play: Mapping[str, Any], **environment: str) -> tuple[list, str]:
    """What was noted, and what was printed. notes: the source of the callback. callbacks: those that are on besides.
    environment: variables of the run beside those of this process."""
    (folder / "notes.py").write_text(notes)
    (folder / "play.yml").write_text(json.dumps([{"gather_facts": False, **play}]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "host,", str(folder / "play.yml")],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(folder),
            "ANSIBLE_CALLBACKS_ENABLED": f"notes,{callbacks}",
            "ANSIBLE_LOCAL_TEMP": str(folder / "t"),
            "NOTES": str(folder / "notes"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in (folder / "notes").read_text().splitlines()], done.stdout
