# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A dry run tells what a run would do, and does nothing."""

from __future__ import annotations

import pytest

from . import census

EMPTY_ACCOUNT = "100000000001"

pytestmark = pytest.mark.by_component


def test_on_an_empty_account(new_account):
    account = new_account(EMPTY_ACCOUNT)
    before = census.take(account)
    run = account.run("--check", "--diff", note="dry run on an empty account").assert_converged()
    assert not run.calls.writes, run.explain()
    assert run.calls, "the calls were not noted"
    assert run.skipped_for_check_mode == [], run.explain()
    assert census.differences(before, census.take(account)) == []
    # It shows the whole way, not only the first component's.
    for component in account.components:
        assert run.recap[component]["changed"] > 0, run.explain()


def test_on_the_converged_platform(platform):
    run = platform.account.run("--check", "--diff", note="dry run on the converged platform").assert_nothing_to_do()
    assert run.skipped_for_check_mode == [], run.explain()
    assert census.differences(platform.census, census.take(platform.account)) == []
