# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sections of the READMEs of roles that are written by tools."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import components


def readme(role: str) -> Path:
    return components.ROLES / role / "README.md"


def section(text: str, heading: str) -> str:
    """The section of a README, or nothing."""
    found = re.search(rf"^{heading}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0].rstrip("\n") + "\n" if found else ""


def with_section(text: str, new: str, heading: str, before: str = "") -> str:
    """The README with that section: in the place of the old one, before the one of another heading, or at the end."""
    old = section(text, heading)
    if old:
        return text.replace(old, new)
    if not new:
        return text
    first, following, rest = text.partition(f"{before}\n") if before else (text, "", "")
    return f"{first.rstrip()}\n\n{new}" + (f"\n{following}{rest}" if following else "")
