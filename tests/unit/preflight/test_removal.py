# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What would keep a component from being removed is known before the first of any is gone."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils.resource import Resource
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import (
    conflict_faults,
    dependent_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import described, options
from tests.unit.platform_info.fake_aws import everything

from .declared import facts, facts_of, removal_fault_lines

ROOT = Path(__file__).resolve().parents[3]
PROTECTED = {component: about["protected_by"] for component, about in described().items() if "protected_by" in about}


def guarding_options() -> dict[str, str]:
    """By module the option that guards its resource against its removal."""
    found = {}
    for path in sorted((ROOT / "plugins/modules").glob("*.py")):
        module = importlib.import_module(f"ansible_collections.agent_platform.aws.plugins.modules.{path.stem}")
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, Resource) and thing.protection:
                found[path.stem] = thing.protection
    return found


def tasks_of(role: str) -> list[dict]:
    return [task for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")) for task in _tasks(path)]


def _tasks(path: Path) -> list[dict]:
    return [inner for task in yaml.safe_load(path.read_text()) or [] for inner in (task, *task.get("block", []))]


@pytest.mark.parametrize("component", described())
def test_no_switch_that_protects_is_forgotten(component):
    protected_by = PROTECTED.get(component, [])
    assert protected_by == [name for name in options(component) if name.endswith("_protection")]
    assert {options(component)[name]["type"] for name in protected_by} <= {"bool"}
    guarded = guarding_options()
    assert "eks_cluster" in guarded
    for task in tasks_of(component):
        for module, option in guarded.items():
            given = (task.get(f"agent_platform.aws.{module}") or {}).get(option)
            # False where it is taken down.
            assert given in (None, False) or re.search(r"\w+", given)[0] in protected_by


@pytest.mark.parametrize("component", PROTECTED)
def test_what_is_protected_is_not_removed(component):
    there, nothing = facts_of(everything()), facts_of({})
    for switch in PROTECTED[component]:

        def faults(on, found, switch=switch):
            # Beside what else keeps it, such as what others have made in it.
            return [line for line in removal_fault_lines(component, {switch: on}, found) if line.startswith(switch)]

        assert faults(True, there) == [
            f"{switch}: true protects {component}: to remove it with all that is in it,"
            f" add -e '{{\"{switch}\": false}}'"
        ]
        assert faults(False, there) == faults(True, nothing) == []


def test_the_readme_names_the_switches():
    text = (ROOT / "README.md").read_text()
    switches = [switch for protected_by in PROTECTED.values() for switch in protected_by]
    assert [switch for switch in switches if f'"{switch}": false' not in text] == []


def test_what_stays_keeps_what_it_builds_on():
    states = {"encryption": "exists", "network": "exists", "eks": "partial", "bastion_instance": "absent"}
    assert [str(item) for item in dependent_faults(["network"], states)] == [
        "network: is still required by eks: remove that with it, or first"
    ]
    assert list(dependent_faults(["network", "eks"], states)) == []


def test_names_that_others_hold_matter_for_what_is_removed():
    conflict = {
        "component": "eks",
        "resource": "IAM role x",
        "reason": "exists without our tags",
        "remedy": "rename it",
    }
    platform = facts(conflicts=[conflict])
    assert [item.variable for item in conflict_faults(platform, ["eks"])] == ["eks"]
    assert list(conflict_faults(platform, ["network"])) == []
