# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was changed or removed behind our back is mended by a run of its component, and nothing else is touched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.components import IN_AWS, READS, REQUIRES
from tests.support.playbook import Run

from . import census, components
from .conftest import Platform
from .drift import Repairs

pytestmark = pytest.mark.by_component


def mend(platform: Platform, *chosen: str, told: Iterable[str] = ()) -> Run:
    """Run these components; what they changed must be all there was to change, but for what is told of it."""
    run = platform.account.run("--limit", ",".join(chosen), note=f"mends {', '.join(chosen)}").assert_converged()
    assert {host for host, _task in run.changed} == {*chosen}, run.explain()
    if news := [component for component in platform.components if component in told]:
        platform.account.run("--limit", ",".join(news), note="is told of another id").assert_converged()
    assert census.differences(platform.census, census.take(platform.account)) == [], run.explain()
    return run


def changed_tasks(run: Run) -> dict[str, set[str]]:
    """By component the names of the tasks that changed something, without their role and file."""
    found: dict[str, set[str]] = {}
    for host, task in run.changed:
        found.setdefault(host, set()).add(task.split(" : ")[-1].split(" | ")[-1])
    return found


def test_one_thing(drifting: Platform, repairs: Repairs):
    """What a run must mend exactly: with these changed tasks and writes. Of each component one harm at a time."""
    for repair in repairs.values():
        repair.harm(drifting.account)
    if shown := {component: repair.tasks for component, repair in repairs.items() if repair.dry}:
        dry = drifting.account.run("--check", "--limit", ",".join(shown), note="shows drift").assert_converged()
        assert changed_tasks(dry) == shown
        assert not dry.calls.writes
    run = mend(drifting, *repairs, told={name for repair in repairs.values() for name in repair.told})
    assert run.calls.writes == sum((repair.writes for repair in repairs.values()), start=Counter()), run.explain()
    changed = changed_tasks(run)
    for component, repair in repairs.items():
        if repair.tasks is not None:
            assert changed[component] == repair.tasks


def around(component: str) -> tuple[str, ...]:
    """The other components in which it may have something, such as access to the cluster."""
    return tuple(name for name in IN_AWS if name in {*REQUIRES[component], *READS[component]} - {component})


def harms_of(platform: Platform) -> dict[str, dict[str, Callable[[], Any]]]:
    """By component, all of them made before the first is done: some look for things that another's take away."""
    return {component: components.of(component).harms(platform.account) for component in platform.chosen}


def when_ready(harm: Callable[[], Any]) -> None:
    """Do it to something that may still be busy with what was done to it before."""
    for _again in range(100):
        try:
            harm()
            return
        except ClientError as error:
            if "Conflict" not in error.response["Error"]["Code"]:
                raise
            time.sleep(0.1)
    harm()


@pytest.mark.options
def test_each_kind_of_harm_is_one(drifting: Platform):
    """So that the next test mends as many things as it seems to."""
    account = drifting.account
    for component, harms in harms_of(drifting).items():
        before = census.take(account, component)
        before_around = census.take(account, *around(component)) if around(component) else {}
        for thing, harm in harms.items():
            when_ready(harm)
            after = census.take(account, component)
            changed = census.differences(before, after)
            before = after
            if not changed and around(component):
                after_around = census.take(account, *around(component))
                changed = census.differences(before_around, after_around)
                before_around = after_around
            assert changed, f"{thing} of {component} did not change anything"
    mend(drifting, *drifting.chosen)


def test_several_things(drifting: Platform):
    """All kinds of things of all components at once, removed or changed by hand, are mended by one run."""
    lasting = {component: components.of(component).lasting(drifting.account) for component in drifting.chosen}
    for harms in harms_of(drifting).values():
        for harm in harms.values():
            when_ready(harm)
    assert census.differences(drifting.census, census.take(drifting.account)) != []
    mend(drifting, *drifting.chosen)
    for component, before in lasting.items():
        assert components.of(component).lasting(drifting.account) == before, component
