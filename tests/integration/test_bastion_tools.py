# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tools of the role bastion, in a folder of this machine: its tasks with its table, filter and module."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.layout.platform_stub import ROOT, ansible_command, clean_environment
from tests.support.packed_program import pack

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the role makes files that belong to root")

PLAY = [
    {
        "name": "Install tools",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {
                "name": f"Apply {stage}",
                "ansible.builtin.include_role": {"name": "agent_platform.aws.bastion", "tasks_from": stage},
            }
            for stage in ("validate", "tools", "unwanted_tools")
        ],
    }
]


class Host:
    """Folders in the place of /opt/platform and /usr/local/bin, and one with files to download."""

    def __init__(self, folder: Path):
        self.opt, self.bin, self.web = folder / "opt", folder / "bin", folder / "web"
        self.bin.mkdir(parents=True)
        self.web.mkdir()
        self.play = folder / "play.yml"
        self.play.write_text(yaml.safe_dump(PLAY))

    def tool(self, name, source, version="1.0", **changes):
        """An entry, and what it downloads: a program that says its name and version."""
        file, checksum = pack(self.web, name, source, version, owner=12345)
        return {
            "name": name,
            "version": version,
            "source": "archive" if source in ("tar.gz", "zip") else source,
            "url": f"file://{file}",
            "checksums": {"any": checksum},
            "executables": {name: name if source == "binary" else f"{name}-{{version}}/bin/{name}"},
            "check": f"{name} --version",
        } | changes

    def run(self, tools, *options):
        """Returns the counts of the recap, and the output."""
        variables = {
            "bastion_tools": tools,
            "bastion_code_server_password": "given",
            # code-server is no tool of this test: as a package it would be installed in another stage.
            "bastion_code_server_method": "deb",
            "bastion_code_server_checksums": {"deb": {"any": "sha256:" + "0" * 64}},
            "__bastion_folder": str(self.opt),
            "__bastion_links": str(self.bin),
        }
        done = subprocess.run(
            [ansible_command("ansible-playbook"), str(self.play), "-e", json.dumps(variables), *options],
            cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        recap = re.search(r"^localhost +: (.*)$", done.stdout, re.MULTILINE)
        counts = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", recap[1] if recap else "")}
        assert done.returncode == (2 if counts.get("failed") else 0), done.stdout + done.stderr
        return counts, done.stdout + done.stderr

    def versions(self):
        return {str(path.relative_to(self.opt)) for path in self.opt.glob("*/*")} if self.opt.exists() else set()

    def answers(self):
        return {
            path.name: subprocess.run([path], capture_output=True, text=True, check=True).stdout.strip()
            for path in self.bin.iterdir()
        }


@pytest.fixture(scope="module")
def sources():
    return [
        "binary",
        "tar.gz",
        *(["zip"] if shutil.which("unzip") else []),
        *(["deb"] if shutil.which("dpkg-deb") else []),
    ]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_tools_from_the_first_run_to_the_last(host, sources):
    tools = [host.tool(f"from-{source.replace('.', '-')}", source) for source in sources]
    names = [tool["name"] for tool in tools]

    counts, _ = host.run(tools, "--check")
    assert counts["changed"] > 0
    assert not host.opt.exists()
    assert list(host.bin.iterdir()) == []

    host.run(tools)
    assert host.versions() == {f"{name}/1.0" for name in names}
    assert host.answers() == {name: f"{name} v1.0" for name in names}
    assert {path.owner() for path in host.opt.rglob("*")} == {"root"}
    assert [path for path in host.opt.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022] == []

    counts, _ = host.run(tools)
    assert counts["changed"] == 0

    # One is upgraded, one is removed; what doesn't come from the role stays.
    (host.bin / "foreign").symlink_to(shutil.which("true"))
    tools = [host.tool(names[0], "binary", "1.1"), *tools[2:]]
    counts, _ = host.run(tools, "--check")
    assert counts["changed"] > 0
    assert host.versions() == {f"{name}/1.0" for name in names}

    host.run(tools)
    assert host.versions() == {f"{names[0]}/1.1", *(f"{name}/1.0" for name in names[2:])}
    assert set(host.answers()) == {names[0], *names[2:], "foreign"}
    assert host.answers()[names[0]] == f"{names[0]} v1.1"
    assert sorted(path.name for path in host.opt.iterdir()) == sorted([names[0], *names[2:]])


def test_nothing_is_installed_while_there_are_faults(host):
    counts, output = host.run([host.tool("one", "binary"), {"name": "hlem"}, {"name": "uv", "version": "99.0.0"}])

    assert counts["failed"] == 1
    assert "2 faults, nothing was changed:" in output
    assert "bastion_tools[2].checksums: uv 99.0.0 has no checksum for " in output
    assert not host.opt.exists()
