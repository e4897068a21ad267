# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of the tests: some begin work that takes minutes, beside which the others run."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "background(before): begins work that goes on beside other tests, so it comes before that folder"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin in time what goes on in the background, so that no processor is idle, and none is asked for by all."""
    for item in [item for item in items if item.get_closest_marker("background")]:
        folder = ROOT / item.get_closest_marker("background").kwargs["before"]
        items.remove(item)
        items.insert(next((index for index, other in enumerate(items) if folder in other.path.parents), 0), item)
