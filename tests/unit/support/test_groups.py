# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be run in one process is."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="all runs in one process")
@pytest.mark.xdist_group("groups")
def test_the_scheduler_is_told_of_groups(request: pytest.FixtureRequest):
    """By the name, to which pytest-xdist adds the group."""
    assert request.node.nodeid.endswith("@groups")


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="all runs in one process")
@pytest.mark.usefixtures("in_turn")
def test_it_is_told_of_those_that_follow_from_fixtures(request: pytest.FixtureRequest):
    assert request.node.nodeid.endswith("@platform")
