# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The READMEs of roles say which variables there are, and their examples are right."""

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.schema import check
from tests.support.components import COMPONENTS
from tests.support.variables import HEADING, defaults, readme, roles, section, spec, table, with_section

# Examples in YAML that stand in a README by themselves.
EXAMPLE = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("role", roles())
def test_readme_has_the_table_of_variables(role):
    assert section(readme(role).read_text()) == table(role), (
        "PYTHONPATH=collections python -m tests.support.variables writes it"
    )


def test_the_table_says_all_of_a_variable():
    lines = table("eks").splitlines()
    assert lines[0] == HEADING
    assert any(line.startswith("| `eks_deletion_protection` | bool | `true` | Have EKS refuse") for line in lines)
    assert any(line.startswith("| `eks_node_groups[].name` | str | required | ") for line in lines)
    assert any("| str: `ON_DEMAND`, `SPOT` | `ON_DEMAND` |" in line for line in lines)
    assert not [line for line in lines if re.search(r"\b[COVM]\(", line)]


def test_the_section_finds_its_place():
    assert with_section("# a\n\n## Not managed\n\nx\n", f"{HEADING}\n\ny\n") == (
        f"# a\n\n{HEADING}\n\ny\n\n## Not managed\n\nx\n"
    )
    assert with_section("# a\n", f"{HEADING}\n\ny\n") == f"# a\n\n{HEADING}\n\ny\n"
    assert with_section(f"# a\n\n{HEADING}\n\ny\n\n## Not managed\n", f"{HEADING}\n\nz\n") == (
        f"# a\n\n{HEADING}\n\nz\n\n## Not managed\n"
    )


@pytest.mark.parametrize("component", COMPONENTS)
def test_examples_are_right(component):
    """As preflight would take them, but for what is written as a template."""
    examples = [yaml.safe_load(text) for text in EXAMPLE.findall(readme(component).read_text())]
    given = [
        {name: value for name, value in example.items() if name.startswith(f"{component}_")}
        for example in examples
        if isinstance(example, dict)
    ]
    assert any(given)
    for values in given:
        assert set(values) <= set(spec(component))
        plain = {name: value for name, value in values.items() if "{{" not in str(value)}
        _right, faults = check(component, spec(component), {**defaults(component), **plain}, defaults(component))
        assert [str(fault) for fault in faults if fault.root in plain] == []
