# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `make lint` hands to the linters, and what make does with a component."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.components import COMPONENTS, ROOT

LINTERS = ("ruff", "yamllint", "antsibull-changelog", "ansible-lint")


class Checkout:
    """A small repository with the scripts, and linters that note how they were called."""

    def __init__(self, folder: Path):
        self.folder, self.noted = folder / "checkout", folder / "noted"
        (self.folder / "scripts").mkdir(parents=True)
        for script in ("lint.sh", "changed.sh"):
            shutil.copy(ROOT / "scripts" / script, self.folder / "scripts")
        programs = folder / "bin"
        programs.mkdir()
        for linter in LINTERS:
            (programs / linter).write_text(f'#!/bin/sh\necho {linter} "$@" >>{self.noted}\n')
            (programs / linter).chmod(0o755)
        self.environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder)}

    def write(self, *names: str) -> None:
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text("changed\n")

    def git(self, *args: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(
            ["git", *identity, *args], cwd=self.folder, env=self.environment, check=True, capture_output=True
        )

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-m", "Change")

    def lint(self, *args: str) -> list[str]:
        self.noted.write_text("")
        subprocess.run(
            ["scripts/lint.sh", *args], cwd=self.folder, env=self.environment, check=True, capture_output=True
        )
        return self.noted.read_text().splitlines()


EVERYTHING = [
    "ruff check .",
    "ruff format --check --quiet .",
    "yamllint --strict .",
    "antsibull-changelog lint",
    "ansible-lint -q",
]


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.fixture
def branch(checkout):
    """A checkout on a branch that has left main."""
    checkout.write("roles/a/tasks/main.yml", "old.py", "gone.py")
    checkout.git("init", "--initial-branch", "main")
    checkout.commit()
    checkout.git("checkout", "-b", "change")
    return checkout


def test_everything_is_linted(branch):
    assert branch.lint() == EVERYTHING


def test_everything_is_linted_where_git_cannot_tell(checkout):
    assert checkout.lint("changed") == EVERYTHING


def test_nothing_is_linted_where_nothing_has_changed(branch):
    assert branch.lint("changed") == []


def test_what_has_changed_is_linted_whether_committed_or_not(branch):
    branch.write("roles/a/tasks/new.yml", "docs/page.md")
    branch.commit()
    branch.write("new file.py", "settings.yaml")
    (branch.folder / "link.py").symlink_to("old.py")
    (branch.folder / "gone.py").unlink()
    assert branch.lint("changed") == [
        "ruff check new file.py",
        "ruff format --check --quiet new file.py",
        "yamllint --strict roles/a/tasks/new.yml settings.yaml",
        "ansible-lint -q roles/a/tasks/new.yml",
    ]


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_make_names_the_components_for_one_that_there_is_not():
    ended = subprocess.run(
        ["make", "-n", "test", "COMPONENT=netwrok"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    (line,) = ended.stderr.splitlines()
    assert "there is no component netwrok" in line
    assert all(component in line for component in COMPONENTS)
