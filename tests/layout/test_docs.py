# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the pages say of files, playbooks and variables is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.layout.platform_stub import ROOT
from tests.support import variables

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "roles").glob("*/README.md")])
PIPELINES = sorted((ROOT / "docs/pipelines").glob("*.yml"))
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
PLAYBOOK = re.compile(r"ansible-playbook ((?:playbooks/)?[\w.]+)")
# Names that pages show for what users write themselves.
OF_USERS = {"play.yml"}
VARIABLES = {name for role in variables.roles() for name in variables.spec(role)}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), f"{name_of(page)} has a link to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{name_of(page)} has a link to {target}#{anchor}"


@pytest.mark.parametrize("page", [*PAGES, *PIPELINES], ids=name_of)
def test_playbooks_that_are_named_are_there(page):
    named = {found.removesuffix(".") for found in PLAYBOOK.findall(page.read_text())} - OF_USERS
    for playbook in named:
        ours = playbook.startswith("agent_platform.aws.")
        file = ROOT / f"playbooks/{playbook.rpartition('.')[2]}.yml" if ours else ROOT / playbook
        assert file.exists(), f"{name_of(page)} names {playbook}"


@pytest.mark.parametrize("page", [path for path in PAGES if path.parent.name == "docs"], ids=name_of)
def test_switches_that_are_shown_are_variables(page):
    shown = re.findall(r"^((?:platform|[a-z]+(?:_[a-z]+)*)_[a-z_]+): ", page.read_text(), re.MULTILINE)
    prefixes = (*(f"{role}_" for role in variables.roles()), "platform_")
    assert {name for name in shown if name.startswith(prefixes)} <= VARIABLES


@pytest.mark.parametrize("pipeline", PIPELINES, ids=name_of)
def test_pipelines_are_yaml_and_write_the_list_of_changes(pipeline):
    text = pipeline.read_text()
    assert yaml.safe_load(text)
    (path,) = set(re.findall(r"AGENT_PLATFORM_CHANGES_PATH: (\S+)", text))
    assert f"jq length {path}" in text
    assert "--check" in text
