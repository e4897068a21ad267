# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""checkov, in an environment of its own: it asks for other versions of what the tests use. It is kept in
~/.cache/agent_platform_aws, as making it takes a minute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

VERSION = "3.3.30"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent_platform_aws/checkov"


class Finding(NamedTuple):
    """A check that a resource has failed."""

    check: str
    resource: str
    title: str


def program() -> Path | None:
    """The program, installed where it isn't yet; None where it can't be had."""
    folder = CACHE / f"{VERSION}-{sys.version_info[0]}.{sys.version_info[1]}"
    done = folder / "installed"
    if not done.exists():
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], capture_output=True, check=False)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if (
            made.returncode
            or subprocess.run([*pip, f"checkov=={VERSION}"], capture_output=True, check=False).returncode
        ):
            return None
        done.touch()
    return folder / "bin/checkov"


def failed(checkov: Path, folder: Path, manifests: Iterable[Mapping[str, Any]]) -> tuple[list[Finding], int]:
    """What fails of manifests, and how many checks have passed."""
    for number, manifest in enumerate(manifests):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(dict(manifest)))
    options = ["--framework", "kubernetes", "--quiet", "--compact", "--output", "json"]
    # Of its own it would ask its maker's site for more.
    environment = {**os.environ, "BC_SKIP_MAPPING": "TRUE", "CKV_SKIP_PACKAGE_UPDATE_CHECK": "TRUE"}
    done = subprocess.run(
        [str(checkov), "--directory", str(folder), *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert told["summary"]["parsing_errors"] == 0, told["results"]["parsing_errors"]
    findings = [
        Finding(found["check_id"], found["resource"], found["check_name"]) for found in told["results"]["failed_checks"]
    ]
    return sorted(findings), told["summary"]["passed"]
