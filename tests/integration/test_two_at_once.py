# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two ordinary creations of the foundation at once: of what has no unique name both keep the same one, and the loser of
each race removes what it has just made."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.playbook import PREFIX, Account, Run

from . import census, neighbours

FOUNDATION = ("--limit", "encryption,network")
TURNS = (0, *(pytest.param(turn, marks=pytest.mark.thorough) for turn in range(1, 10)))


def ours(account: Account) -> list[tuple[str, str]]:
    """Kind and name of each thing of ours in the account."""
    return [
        (kind, census.name_of(resource))
        for kind, resource in census.Lister(account).tagged()
        if census.tags_of(resource).get("Component") and not neighbours.is_neighbour(census.tags_of(resource))
    ]


def twins(account: Account) -> dict[tuple[str, str], int]:
    return {thing: count for thing, count in Counter(ours(account)).items() if count > 1}


@pytest.mark.by_component("encryption", "network")
@pytest.mark.parametrize("turn", TURNS)
def test_no_twin_is_left(new_account, turn):
    # What each waits for is what the other does meanwhile.
    account = new_account(f"1000000001{turn:02}", hasty=False)
    started = [account.start(*FOUNDATION) for _each in range(2)]
    runs: list[Run] = [run.wait() for run in started]

    for run in runs:
        run.assert_no_traceback()
    assert 0 in [run.returncode for run in runs], "\n".join(run.explain() for run in runs)
    if any(run.returncode for run in runs):
        # What one of them could not stand is no matter for the next run.
        account.run(*FOUNDATION, note="after two at once").assert_converged()
    assert twins(account) == {}, "\n".join(run.explain() for run in runs)
    account.run(*FOUNDATION, note="third after two at once").assert_nothing_to_do()

    confirmed = {"platform_teardown_confirm": PREFIX}
    account.run(
        *FOUNDATION, playbook="playbooks/teardown.yml", variables=confirmed, note="teardown after two at once"
    ).assert_converged()
    assert ours(account) == []
