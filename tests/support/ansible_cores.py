# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environments with the other versions of ansible-core that the collection supports, for tests.

They lie in build/ansible-core-<version>, are made when a test first needs them, and stay for later runs. They hold
ansible-core and the AWS SDK; collections come from the environment that runs the tests.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = importlib.metadata.version("ansible-core")
# The newest release of each other version, with the Pythons (3.x) that it runs on as a controller.
OTHERS = {"2.20.10": (12, 13, 14), "2.19.14": (11, 12, 13)}
VERSIONS = [INSTALLED, *(version for version in OTHERS if version != INSTALLED)]


class PythonIsMissing(Exception):
    """There is no Python on this machine that the version runs on."""


@dataclass(frozen=True)
class Core:
    """One version of ansible-core. bin: the folder with its commands. collections: where it finds collections, if not
    where it looks by itself."""

    version: str
    bin: Path
    collections: tuple[Path, ...] = ()


def core(version: str) -> Core:
    """A version, with its environment made if that isn't there or not whole."""
    if version == INSTALLED:
        return Core(version, Path(sys.executable).parent)
    folder = ROOT / "build" / f"ansible-core-{version}"
    folder.parent.mkdir(exist_ok=True)
    # Another test run may be at it.
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python, requirements = _python_for(version), _requirements(version)
        installed = Path(sysconfig.get_path("purelib")) / "ansible_collections"
        # The first path is written into the commands.
        wanted = "\n".join([str(folder), python, *requirements, str(installed)])
        # The stamp comes last, so what was interrupted has none.
        stamp = folder / "complete"
        if not (stamp.exists() and stamp.read_text() == wanted and (folder / "bin/python").exists()):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, python, requirements)
            # The installed collections without the Python packages that lie beside them: those are of another version.
            (folder / "collections").mkdir()
            (folder / "collections/ansible_collections").symlink_to(installed)
            stamp.write_text(wanted)
    return Core(version, folder / "bin", (ROOT / "collections", folder / "collections"))


def _requirements(version: str) -> list[str]:
    """ansible-core and the AWS SDK of the development environment; what they need in turn comes along."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    sdk = [pin for pin in groups["dev"] if pin.split("==")[0] in ("boto3", "botocore")]
    return [f"ansible-core=={version}", *sdk]


def _python_for(version: str) -> str:
    """A Python that the version runs on."""
    minors = OTHERS[version]
    if not (path := find_python(minors)):
        raise PythonIsMissing(f"ansible-core {version} needs a Python 3.{minors[0]} to 3.{minors[-1]}, there is none")
    return path


def find_python(minors: tuple[int, ...]) -> str | None:
    """The Python of the tests if it is one of these (3.x), else another of this machine that can make environments."""
    needed = "sys" if shutil.which("uv") else "sys, ensurepip, venv"
    for candidate in _pythons(minors):
        code = f"import {needed}; print(*sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        major, minor, path = done.stdout.strip().split(" ", 2) if done.returncode == 0 else ("", "0", "")
        if major == "3" and int(minor) in minors:
            return path
    return None


def _pythons(minors: tuple[int, ...]) -> Iterator[str]:
    yield sys.executable
    for minor in reversed(minors):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder in sorted((pyenv / "versions").glob("3.*"), reverse=True):
        if re.match(rf"3\.({'|'.join(map(str, minors))})\.", folder.name):
            yield str(folder / "bin/python")


def _make(folder: Path, python: str, requirements: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never"}
    new_python = str(folder / "bin/python")
    pins = ["-c", str(ROOT / "scripts/constraints.txt"), *requirements]
    if uv := shutil.which("uv"):
        commands = [
            [uv, "venv", "--quiet", "--python", python, str(folder)],
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", new_python, *pins],
        ]
    else:
        commands = [
            [python, "-m", "venv", str(folder)],
            [new_python, "-m", "pip", "install", "--quiet", "--prefer-binary", *pins],
        ]
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
