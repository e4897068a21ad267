# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run builds the platform as declared, and the next finds nothing to do.

What was built of a component is looked at in its file in components/.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Scope
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import discover, identify
from tests.support.components import AT_EDGE, IN_CLUSTER, entries
from tests.support.playbook import OWNER, PREFIX, REGION

from . import components, neighbours
from .census import tags_of


def last_word(run, title):
    """What a run ends with, after the title."""
    _before, found, told = run.output.rpartition(f"\n{title} ")
    assert found, run.explain()
    return told.rstrip().splitlines()[1:]


@pytest.mark.by_component
class TestRuns:
    def test_first_run_tells_of_every_component(self, platform):
        run = platform.first_run
        assert set(run.recap) - {*IN_CLUSTER, *AT_EDGE} == set(platform.chosen)
        # The summary is what a person reads at the end.
        assert f"{PREFIX}, account {platform.account.id}" in run.output
        for component in platform.chosen:
            assert run.recap[component]["changed"] > 0, run.explain()
            assert components.of(component).SUMMARY in run.output, run.explain()

    def test_first_run_ends_with_what_it_has_made(self, platform):
        *lines, last = last_word(platform.first_run, "CHANGED")
        made = [line.split() for line in lines]
        assert {component for component, *_rest in made} == set(platform.chosen), platform.first_run.explain()
        assert {sign for component, sign, *_rest in made} <= {"+", "~"}
        assert last.startswith(f"{sum(sign == '+' for _component, sign, *_rest in made)} added"), last

    def test_second_run_changes_nothing(self, platform):
        run = platform.account.run(note="second run").assert_nothing_to_do()
        assert last_word(run, "CHANGED") == ["nothing changed"]
        # Only the first look and the last are at all that exists: what builds on it takes what the first has found.
        assert run.calls["kms", "ListKeys"] == 2, run.explain()


@pytest.mark.by_component("encryption")
def test_one_changed_setting_is_one_line_of_a_dry_run(platform):
    """And not lost among what --diff shows."""
    wanted = {"encryption_rotation_period_days": 180}
    run = platform.account.run("--check", "--limit", "encryption", variables=wanted, note="another rotation")
    line, last = last_word(run.assert_converged(), "WOULD CHANGE")
    assert re.fullmatch(rf"encryption  ~ KMS key .*{PREFIX}-key.*  rotation_period_days: 365 → 180", line), (
        run.explain()
    )
    assert last == "1 to change"


class TestSelection:
    def test_one_component_alone_changes_nothing(self, platform):
        component = platform.chosen[-1]
        run = platform.account.run("--limit", component).assert_nothing_to_do()
        assert set(run.recap) == {component}

    def test_a_tag_selects_what_a_limit_selects(self, platform):
        component = platform.chosen[0]
        run = platform.account.run("--tags", component).assert_nothing_to_do()
        assert {record["host"] for record in run.records if f".{component} : " in record["task"]} == {component}
        others = {f".{other} : " for other in platform.components if other != component}
        assert not [record for record in run.records if any(other in record["task"] for other in others)]


@pytest.mark.by_component
def test_discovery_agrees_with_what_was_built(platform, lister):
    client = platform.account.client
    scope = Scope(PREFIX, OWNER, REGION, entries("local"), components.of("configuration").PATH)
    found = discover(client, scope, platform.components, identify(client))
    assert (found.conflicts, found.warnings) == ([], [])
    assert [name for name in platform.components if not found.components[name]["exists"]] == []
    for name in platform.components:
        components.of(name).check_discovery(lister, found.components[name])


@pytest.mark.by_component
def test_everything_carries_the_owner_tags(platform, lister):
    untagged, seen = [], Counter()
    for kind, resource in lister.tagged():
        tags = tags_of(resource)
        if neighbours.is_neighbour(tags):
            continue
        seen[tags.get("Component")] += 1
        if {key: tags.get(key) for key in OWNER} != OWNER or tags.get("Component") not in platform.components:
            untagged.append((kind, tags))
    assert untagged == []
    least = {name: components.of(name).LEAST_TAGGED for name in platform.components}
    assert {name: count for name, count in least.items() if seen[name] < count} == {}, seen


@pytest.mark.by_component
def test_neighbours_are_as_they_were(platform):
    assert neighbours.snapshot(platform.account) == platform.neighbours
