# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A teardown that is refused has removed nothing."""

from __future__ import annotations

import re

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import described
from tests.support.playbook import PREFIX

from . import census

CONFIRMED = {"platform_teardown_confirm": PREFIX}
TEARDOWN = "playbooks/teardown.yml"


@pytest.mark.by_component
def test_every_protection_is_looked_at_before_the_first_deletion(platform):
    """All in one message."""
    switches = [switch for name in platform.components for switch in described()[name].get("protected_by", [])]
    if not switches:
        pytest.skip("nothing that was built is protected")
    before = census.take(platform.account)

    # As by default; the local environment takes them away.
    protected = CONFIRMED | dict.fromkeys(switches, True)
    run = platform.account.run(playbook=TEARDOWN, variables=protected, note="a protected teardown").assert_refused()

    assert not run.calls.writes, run.explain()
    assert census.differences(before, census.take(platform.account)) == []
    assert len(run.failures) == 1, run.explain()
    assert [switch for switch in switches if f"{switch}: true protects" not in run.failures[0]] == []


@pytest.mark.by_component
def test_a_dry_one_tells_at_its_end_what_would_go(platform):
    run = platform.account.run("--check", playbook=TEARDOWN, variables=CONFIRMED, note="a dry teardown")
    run.assert_converged()
    assert not run.calls.writes, run.explain()
    told = run.output[run.output.rindex("PLAY RECAP") :].splitlines()
    going = {line.split()[0] for line in told if re.match(r"\w+ +- ", line)}
    assert going >= {host for host, _task in run.changed}, run.explain()
    assert [line for line in told if re.search(r"\d+ to remove$", line)], run.explain()


@pytest.mark.by_component
@pytest.mark.needs("network")
def test_what_others_build_on_is_refused_before_the_first_deletion(platform):
    run = platform.account.run("--limit", "encryption", playbook=TEARDOWN, variables=CONFIRMED).assert_refused()

    assert not run.calls.writes, run.explain()
    assert re.search(r"encryption: is still required by ([\w ]+ and )?network ", run.failures[0]), run.explain()
