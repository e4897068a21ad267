# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of the tests: some begin work that takes minutes, beside which the others run."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "background: begins work that goes on while other tests run, so it comes early")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin what goes on in the background before all else, so that no processor is idle beside the unit tests."""
    early = [item for item in items if item.get_closest_marker("background")]
    items[:] = [*early, *(item for item in items if item not in early)]
