# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What doesn't carry our tags is someone else's, whatever it looks like and whatever its name."""

from __future__ import annotations

import pytest

from . import census, components, neighbours

TAKEN_ACCOUNT = "100000000002"

pytestmark = pytest.mark.by_component


def test_neighbours_outlive_everything_that_was_done_beside_them(platform):
    """Two of the same shape, one of them this platform in another environment, were there before the first run."""
    assert neighbours.snapshot(platform.account) == platform.neighbours


def test_names_that_others_hold_are_refused_before_any_write(new_account):
    account = new_account(TAKEN_ACCOUNT)
    taken = [text for name in account.components for text in components.of(name).take_names(account)]
    before = census.take(account)

    run = account.run(note="names are taken").assert_refused()

    assert not run.calls.writes, run.explain()
    assert census.differences(before, census.take(account)) == []
    # One message names them all, so that they are cleared in one go.
    assert [text for text in taken if text not in run.output] == []
    assert len(run.failures) == 1, run.explain()
