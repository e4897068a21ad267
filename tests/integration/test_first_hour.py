# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who installs the collection and does what the README says has a platform on the embedded AWS, with no guess."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest

from tests.layout.platform_stub import ROOT
from tests.support.installation import Installation
from tests.support.local_cloud.account import furnish

ACCOUNT = "100000000191"


def lines_of_readme() -> list[list[str]]:
    """The commands after the sentence on the installed collection."""
    text = (ROOT / "README.md").read_text()
    found = re.search(
        r"^The installed collection does the same.*?^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    assert found
    return [shlex.split(line, comments=True) for line in found[1].splitlines()]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("first"))


def test_the_lines_of_the_readme_lead_to_a_platform(
    installation: Installation, emulator: str, tmp_path: Path, figures: list[str]
) -> None:
    up, activate, build, change, install, init, site = lines_of_readme()
    # What these do, but for what they would download, the fixtures have done. In the checkout, whose ansible.cfg says
    # where collections are, it would be installed over the checkout itself.
    assert (up, activate) == (["make", "up"], [".", ".venv/bin/activate"])
    assert build == ["ansible-galaxy", "collection", "build", "--output-path", change[1]]
    assert (change[0], install) == ("cd", ["ansible-galaxy", "collection", "install", installation.tarball.name])
    # As `make up` does, in the account of the README.
    furnish(emulator, ACCOUNT)
    begun = time.monotonic()

    init = [part.replace("123456789012", ACCOUNT) for part in init]
    installation.run(*init, cwd=tmp_path)
    done = installation.run(*site, cwd=tmp_path, timeout=900, AWS_ENDPOINT_URL=emulator)

    took = time.monotonic() - begun
    figures.append(f"from an installed collection to a platform: {took:.0f} s")
    assert f"agent-platform-try, account {ACCOUNT}" in done.stdout
    assert re.search(r"\b0 of \d+ components failed", done.stdout)
    assert "\nCHANGED " in done.stdout
    last = done.stdout.rstrip().splitlines()[-1]
    assert re.fullmatch(r"\d{3} added(, \d+ changed)?", last), last
    again = installation.run(*site, "--check", cwd=tmp_path, timeout=900, AWS_ENDPOINT_URL=emulator)
    assert again.stdout.rstrip().endswith("nothing to change")
