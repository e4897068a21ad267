# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ansible-test sanity` on what the collection's tarball holds, with each Python of PYTHONS that the machine has.

ansible-test wants a collection in a folder ansible_collections/<namespace>/<name>, where the checkout has links, and
others beside it. So it gets the unpacked tarball, and links to the collections that ours needs, in a folder that goes
afterwards: not in build/, where it would look at nothing, as git ignores that. Its tools come from PyPI into virtual
environments of its own, which stay in ~/.cache/agent_platform_aws.

    python -m tests.support.sanity                                      # all tests
    python -m tests.support.sanity --changed                            # of the files that scripts/changed.sh prints
    python -m tests.support.sanity --test pylint plugins/modules/x.py   # what else is given goes to ansible-test
"""

from __future__ import annotations

import configparser
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.support.ansible_cores import find_python

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.12", "3.13")
OWN_PYTHON = "{}.{}".format(*sys.version_info)
COMMANDS = Path(sys.executable).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent_platform_aws/sanity"
# Takes the place of a script that ansible-test downloads from a host of its own; pip then comes with Python.
GET_PIP = 'import subprocess, sys\n\nsubprocess.check_call([sys.executable, "-m", "ensurepip"])\n'


class Failed(Exception):
    """Says in one line what to do about it, after the output of what failed."""


def unpack(folder: Path) -> Path:
    """The built collection as ansible-test wants it below an empty folder; returns where it lies."""
    about = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    collections = folder / "ansible_collections"
    copy = collections / about["namespace"] / about["name"]
    build = [COMMANDS / "ansible-galaxy", "collection", "build", "--output-path", folder, ROOT]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (tarball,) = folder.glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        archive.extractall(copy, filter="data")
    installed = Path(sysconfig.get_path("purelib")) / "ansible_collections"
    for needed in about["dependencies"]:
        path = Path(*needed.split("."))
        (collections / path).parent.mkdir(exist_ok=True)
        (collections / path).symlink_to(installed / path)
    return copy


class Judge:
    """ansible-test with the Pythons that were found, and with a home of its own for its tools."""

    def __init__(self, home: Path = CACHE) -> None:
        found = {version: find_python((int(version[2:]),)) for version in PYTHONS}
        self.missing = [version for version, path in found.items() if not path]
        self.pythons = [version for version in PYTHONS if version not in self.missing] or [OWN_PYTHON]
        self._home = home
        folders = [COMMANDS, *(Path(path).parent for path in found.values() if path)]
        # Of these settings only PATH and HOME reach what ansible-test starts, so pip has its own in a file.
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        self._environment |= {
            "HOME": str(home),
            "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)]),
        }

    def prepare(self, copy: Path, *arguments: str) -> None:
        """The virtual environments that such a call needs, as far as they aren't there yet; all are 55 MB."""
        self._home.mkdir(parents=True, exist_ok=True)
        # Two at a time would make the same ones.
        with (self._home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for marker in self._home.glob(".ansible/test/venv/*/*/*/marker.txt"):
                # Its Python has gone from the machine.
                if not (marker.parent / "bin/python").exists():
                    shutil.rmtree(marker.parent)
            _write(self._home / f".ansible/test/cache/get_pip_{_pip_version().replace('.', '_')}.py", GET_PIP)
            pip_settings(Path.home(), os.environ, self._home)
            done = self.run(copy, "--prime-venvs", *arguments)
        if done.returncode != 0:
            advice = (
                "ansible-test's tools can't be installed, see above. With a connection to PyPI (or PIP_INDEX_URL set to"
                f" a mirror) run it again; what is there lies in {self._home}."
            )
            raise Failed(done.stdout + (advice if "Installing requirements" in done.stdout else ""))

    def run(self, copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One call of ansible-test, which is ended with this process; its messages are all in stdout."""
        targets = [option for version in self.pythons for option in ("--target-python", version)]
        controller = ("--controller", f"origin:python={OWN_PYTHON}")
        command = [COMMANDS / "ansible-test", "sanity", *controller, *targets, *arguments]
        with subprocess.Popen(
            command, cwd=copy, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                output, _nothing = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                raise
        return subprocess.CompletedProcess(command, process.returncode, output)


def changed(copy: Path, root: Path = ROOT) -> list[str] | None:
    """The files of the copy that differ from the main branch, None where git can't tell."""
    done = subprocess.run([root / "scripts/changed.sh"], stdout=subprocess.PIPE, text=True, check=False)
    return [path for path in done.stdout.splitlines() if (copy / path).is_file()] if done.returncode == 0 else None


def tests_run(output: str) -> list[str]:
    """The names of the tests that ansible-test says it has run, without doubles where one ran with several Pythons."""
    return sorted(set(re.findall(r'^Running sanity test "(.+?)"', output, re.MULTILINE)))


def pip_settings(home: Path, environment: Mapping[str, str], new_home: Path) -> None:
    """The user's settings of pip, those in the environment too, as a file of the new home."""
    settings = configparser.RawConfigParser(strict=False)
    files = [home / ".pip/pip.conf", home / ".config/pip/pip.conf", environment.get("PIP_CONFIG_FILE", os.devnull)]
    settings.read(files)
    given = {name.removeprefix("PIP_"): value for name, value in environment.items() if name.startswith("PIP_")}
    settings.read_dict({"global": {name.lower().replace("_", "-"): value for name, value in given.items()}})
    file = new_home / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as target:
        settings.write(target)


def _pip_version() -> str:
    """The version of pip that ansible-test names its script after."""
    from ansible_test._internal.host_configs import VirtualPythonConfig
    from ansible_test._internal.python_requirements import get_venv_packages

    return get_venv_packages(VirtualPythonConfig(version=OWN_PYTHON))["pip"]


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def main(arguments: Sequence[str]) -> None:
    begun = time.monotonic()
    judge = Judge()
    with tempfile.TemporaryDirectory(prefix="sanity-") as folder:
        copy = unpack(Path(folder))
        files = sum(1 for path in copy.rglob("*") if path.is_file())
        if "--changed" in arguments:
            arguments = [argument for argument in arguments if argument != "--changed"]
            if (paths := changed(copy)) is not None:
                if not paths:
                    print("ansible-test sanity: nothing has changed")
                    return
                arguments += paths
                files = len(paths)
        judge.prepare(copy, *arguments)
        done = judge.run(copy, *arguments)
    tests = tests_run(done.stdout)
    if done.returncode != 0 or not tests:
        raise Failed(f"{done.stdout}ansible-test sanity: {'faults, see above' if tests else 'nothing was tested'}")
    for line in re.findall(r"^WARNING: (Skipping .+)$", done.stdout, re.MULTILINE):
        print(line)
    for version in judge.missing:
        print(f"ansible-test sanity: not run with Python {version}, which this machine doesn't have")
    print(
        f"ansible-test sanity: {len(tests)} tests passed, {files} files, Python {' and '.join(judge.pythons)},"
        f" {time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    # Ended from outside as by Ctrl+C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(sys.argv[1:])
    except Failed as failure:
        sys.exit(f"{failure}")
    except KeyboardInterrupt:
        sys.exit(130)
