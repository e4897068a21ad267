# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tools of the role bastion, in a folder of this machine: its tasks with its table, filter and module."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.layout.platform_stub import ROOT, ansible_command, clean_environment

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
        program = f"#!/bin/sh\necho {name} v{version}\n"
        stem = self.web / f"{name}-{version}"
        if source == "binary":
            file, path = stem, name
            file.write_text(program)
        else:
            path = f"{name}-{{version}}/bin/{name}"
            (stem / "bin").mkdir(parents=True, exist_ok=True)
            (stem / "bin" / name).write_text(program)
            # As if the makers had packed it carelessly.
            (stem / "bin" / name).chmod(0o777)
            os.chown(stem / "bin" / name, 12345, 12345)
            file = self.pack(stem, source)
        return {
            "name": name,
            "version": version,
            "source": "archive" if source in ("tar.gz", "zip") else source,
            "url": f"file://{file}",
            "checksums": {"any": f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"},
            "executables": {name: path},
            "check": f"{name} --version",
        } | changes

    @staticmethod
    def pack(stem: Path, source: str) -> Path:
        file = Path(f"{stem}.{source}")
        if source == "deb":
            (stem.parent / f"root-{stem.name}/DEBIAN").mkdir(parents=True, exist_ok=True)
            package = stem.parent / f"root-{stem.name}"
            shutil.copytree(stem, package / stem.name, dirs_exist_ok=True)
            fields = {"Package": "own", "Version": "1", "Architecture": "all", "Maintainer": "x", "Description": "x"}
            (package / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
            subprocess.run(["dpkg-deb", "--build", package, file], check=True, capture_output=True)
        elif source == "zip":
            shutil.make_archive(str(stem), "zip", stem.parent, stem.name)
        else:
            with tarfile.open(file, "w:gz") as archive:
                archive.add(stem, stem.name)
        return file

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
