# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for Session Manager: sessions of port forwarding, a plugin of the tests' own, and what is between them.

The plugin takes the arguments and the environment that AWS's does, and really forwards: it connects to the remote host
itself, where AWS's reaches it through the data channel of the session and the agent on the node. What it has of that
channel is a connection to the stand-in, by which a session is begun with its token, and ended.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLUGIN = Path(__file__).with_name("plugin.py")
NAME = "session-manager-plugin"


def install_plugin(folder: Path, **behaviour: Any) -> Path:
    """The plugin as a program in a folder. behaviour: see Behaviour in plugin.py."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / NAME
    code = PLUGIN.read_text()
    program.write_text(f"#!{sys.executable} -SE\n{code}")
    program.chmod(0o755)
    (folder / f"{NAME}.json").write_text(json.dumps(behaviour))
    return program


def environment(program: Path) -> Mapping[str, str]:
    """That of a run which finds the plugin in PATH."""
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def remove_plugin(program: Path) -> None:
    shutil.rmtree(program.parent)


def calls(program: Path) -> list[dict[str, Any]]:
    """How the plugin was called so far."""
    noted = program.with_name("calls.jsonl")
    return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []


def aws_plugin(folder: Path) -> Path | None:
    """AWS's own plugin: that of this machine, or the one that the scenario of the bastion has built. None without."""
    if found := shutil.which(NAME):
        return Path(found)
    for package in (Path.home() / ".cache/agent_platform_aws/bastion/mirror").rglob(f"{NAME}.deb"):
        if shutil.which("dpkg-deb"):
            subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
            return folder / "usr/local/sessionmanagerplugin/bin" / NAME
    return None
