# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection as users install it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from tests.layout.platform_stub import ROOT, ansible_command, clean_environment


class Installation:
    """The tarball, and a folder in which it is installed with nothing of the checkout in reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT), cwd=ROOT)
        (self.tarball,) = folder.glob("agent_platform-aws-*.tar.gz")
        # What it depends on lies in the Python package ansible; nothing is downloaded.
        self.run(
            "ansible-galaxy", "collection", "install", "--no-deps", "--offline", "-p", "installed", str(self.tarball)
        )
        self.root = folder / "installed/ansible_collections/agent_platform/aws"

    def run(
        self,
        command: str,
        *arguments: str,
        cwd: Path | None = None,
        check: bool = True,
        timeout: float = 240,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [ansible_command(command), *arguments],
            cwd=cwd or self.folder, capture_output=True, text=True, timeout=timeout, check=False,
            # As a shell says where it is.
            env=clean_environment() | environment
            | {"ANSIBLE_COLLECTIONS_PATH": str(self.folder / "installed"), "PWD": str(cwd or self.folder)},
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def play(self, tasks: list[dict], *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        plays = [{"name": "Use the collection", "hosts": "all", "gather_facts": False, "tasks": tasks}]
        (self.folder / "play.yml").write_text(yaml.safe_dump(plays))
        local = ["-e", "ansible_connection=local", "-e", "ansible_python_interpreter={{ ansible_playbook_python }}"]
        return self.run("ansible-playbook", "-i", "network,", *local, *arguments, "play.yml", check=check)
