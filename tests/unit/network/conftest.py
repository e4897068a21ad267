# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import resource as base


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time that passes only by sleeping."""
    now = [0.0]
    monkeypatch.setattr(base.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(base.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now
