# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was changed or removed behind our back is mended by a run of its component, and nothing else is touched."""

from __future__ import annotations

import pytest

from tests.support.components import COMPONENTS, READS, REQUIRES
from tests.support.playbook import Run

from . import census, components
from .conftest import Platform
from .drift import Repair

pytestmark = pytest.mark.by_component


def mend(platform: Platform, component: str) -> Run:
    """Run one component; what it changed must be all there was to change."""
    run = platform.account.run("--limit", component, note=f"mends {component}").assert_converged()
    assert run.total("changed") > 0, run.explain()
    assert {host for host, _task in run.changed} == {component}, run.explain()
    assert census.differences(platform.census, census.take(platform.account)) == [], run.explain()
    return run


def changed_tasks(run: Run) -> set[str]:
    """The names of the tasks that changed something, without their role and file."""
    return {task.split(" : ")[-1].split(" | ")[-1] for _host, task in run.changed}


def test_one_thing(platform: Platform, repaired: str, repair: Repair):
    """What a run must mend exactly: with these changed tasks, and these writes."""
    repair.harm(platform.account)
    if repair.dry:
        dry = platform.account.run("--check", "--limit", repaired, note="shows drift").assert_converged()
        assert changed_tasks(dry) == repair.tasks
        assert not dry.calls.writes
    run = mend(platform, repaired)
    assert run.calls.writes == repair.writes
    if repair.tasks is not None:
        assert changed_tasks(run) == repair.tasks


def test_several_things(platform: Platform, component: str):
    """Each kind of thing once removed or changed by hand, and all of a component mended by one run."""
    known = components.of(component)
    # It may have something in what it builds on, such as access to the cluster.
    about = tuple(name for name in COMPONENTS if name in {component, *REQUIRES[component], *READS[component]})
    lasting, before = known.lasting(platform.account), census.take(platform.account, *about)
    for thing, harm in known.harms(platform.account).items():
        harm()
        after = census.take(platform.account, *about)
        assert census.differences(before, after), f"{thing} did not change anything"
        before = after
    mend(platform, component)
    assert known.lasting(platform.account) == lasting
