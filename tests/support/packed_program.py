# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program that says its name and version, packed as makers pack theirs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path


def pack(folder: Path, name: str, kind: str, version: str, owner: int | None = None) -> tuple[Path, str]:
    """Makes <folder>/<name>-<version> of a kind: binary, deb, zip, tar.gz, tar.xz. Returns it with its checksum.

    In all but the binary the program is <name>-<version>/bin/<name>; its owner is a number, which takes root.
    """
    stem = folder / f"{name}-{version}"
    file = stem if kind == "binary" else Path(f"{stem}.{kind}")
    program = file if kind == "binary" else stem / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho {name} v{version}\n")
    if kind != "binary":
        # As if the makers had packed it carelessly.
        program.chmod(0o777)
        if owner is not None:
            os.chown(program, owner, owner)
    if kind == "deb":
        package = folder / f"root-{stem.name}"
        (package / "DEBIAN").mkdir(parents=True)
        shutil.copytree(stem, package / stem.name)
        fields = {"Package": "own", "Version": "1", "Architecture": "all", "Maintainer": "x", "Description": "x"}
        (package / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
        subprocess.run(["dpkg-deb", "--build", package, file], check=True, capture_output=True)
    elif kind == "zip":
        shutil.make_archive(str(stem), "zip", folder, stem.name)
    elif kind.startswith("tar."):
        with tarfile.open(file, f"w:{kind.removeprefix('tar.')}") as archive:
            archive.add(stem, stem.name)
    return file, f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
