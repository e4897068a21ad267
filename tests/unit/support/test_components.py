# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tests belong to a component, and that each component has all that it must have."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.integration import components as in_aws
from tests.integration.cluster import components as in_cluster
from tests.support import components
from tests.support.components import COMPONENTS, IN_AWS, IN_CLUSTER, ROOT, TESTS, with_required


def test_components_come_after_what_they_require():
    assert {"encryption", "network", "eks"} <= set(COMPONENTS)
    for position, component in enumerate(COMPONENTS):
        assert set(with_required([component])) <= set(COMPONENTS[: position + 1])


def test_what_a_component_requires_is_followed_to_the_end():
    assert with_required(["workload_identity"]) == ("encryption", "network", "eks", "workload_identity")
    assert with_required(["encryption"]) == ("encryption",)
    assert set(with_required(COMPONENTS)) == set(COMPONENTS)


@pytest.mark.parametrize(
    ("known", "component"), [(in_aws, name) for name in IN_AWS] + [(in_cluster, name) for name in IN_CLUSTER]
)
def test_integration_tests_know_the_component(known, component):
    """The __init__.py of these files says what each of these is."""
    assert [name for name in known.INTERFACE if not hasattr(known.of(component), name)] == []
    assert any(name.startswith("Test") for name in vars(known.of(component))) or file_beside(component)


def file_beside(component):
    """A component in the cluster may have a file of tests of its own."""
    return component in IN_CLUSTER and (TESTS / f"integration/cluster/test_{component}.py").is_file()


@pytest.mark.parametrize("known", [in_aws, in_cluster])
def test_all_that_the_interface_has_is_explained(known):
    assert [name for name in known.INTERFACE if not re.search(rf"`{name}\b", known.__doc__)] == []


def test_no_file_is_of_a_component_that_is_gone():
    for folder, components_of in (("", IN_AWS), ("cluster", IN_CLUSTER)):
        files = {file.stem for file in (TESTS / "integration" / folder / "components").glob("[!_]*.py")}
        assert files == set(components_of)


@pytest.mark.parametrize("component", COMPONENTS)
def test_rules_discovery_and_modules_of_a_component_are_among_its_tests(component):
    names = {file.name for file in components.tests(component)}
    assert f"test_{component}.py" in names
    modules = {word for word in components.words(component) if (ROOT / f"plugins/modules/{word}.py").exists()}
    tested = {word for word in modules if list((TESTS / "unit").rglob(f"test_{word}.py"))}
    assert tested
    assert {f"test_{word}.py" for word in tested} <= names


def collected(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_option_takes_the_tests_of_a_component_and_no_others():
    ended = collected("--component", "encryption", "tests")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    files = {line.split("::")[0] for line in ended.stdout.splitlines() if "::" in line}
    assert {
        "tests/integration/components/encryption.py",
        "tests/integration/test_converge.py",
        "tests/integration/test_faults.py",
    } <= files
    of_units = {f for f in files if f.startswith(("tests/unit/", "tests/layout/"))}
    assert of_units == {str(file.relative_to(ROOT)) for file in components.tests("encryption")}
    others = {"components/network", "test_bad_input", "test_warm_connection", "tests/molecule"}
    assert [file for file in files if any(other in file for other in others)] == []
    # Of the whole platform, whichever component is named.
    assert "TestBadDay" not in ended.stdout


def test_the_option_may_be_repeated():
    ended = collected("--component", "encryption", "--component", "network", "tests/integration")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    of_components = {line.split("::")[0] for line in ended.stdout.splitlines() if "/components/" in line}
    assert of_components == {f"tests/integration/components/{name}.py" for name in ("encryption", "network")}


def test_an_unknown_component_is_refused_with_the_names_of_all():
    ended = collected("--component", "netwrok", "tests")
    assert ended.returncode != 0
    (line,) = [line for line in ended.stderr.splitlines() if "netwrok" in line]
    assert all(component in line for component in COMPONENTS)
