# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What doesn't carry our tags is someone else's, whatever it looks like and whatever its name."""

from __future__ import annotations

import pytest

from tests.support.playbook import OWNER

from . import census, components, neighbours
from .components import network

TAKEN_ACCOUNT = "100000000002"
# A role of the network's name, in the words of the refusal: whose its tags say that it is, and what helps.
OTHERS = {
    "another component": (
        "100000000071",
        {"Component": "eks"},
        "belongs to the component eks of this platform: it is not changed; rename what one of the two components makes",
    ),
    "another region": (
        "100000000072",
        {"Component": "network", "Region": "eu-west-1"},
        "belongs to the platform of the same name in eu-west-1: it is not changed; give one of the two another"
        " platform_environment",
    ),
}

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


@pytest.mark.by_component("network")
@pytest.mark.parametrize("other", OTHERS)
def test_a_role_of_our_own_tags_but_one_is_someone_elses(new_account, other):
    number, tags, told = OTHERS[other]
    account = new_account(number)
    neighbours.make_role(account, network.FLOW_LOG_ROLE, {**OWNER, **tags})

    run = account.run("--limit", "encryption,network", note=f"the role of {other}").assert_refused()

    assert not run.calls.writes, run.explain()
    (failure,) = run.failures
    assert f"IAM role {network.FLOW_LOG_ROLE} exists and {told}" in failure, run.explain()
