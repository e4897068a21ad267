# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environments of other versions are made once; what was interrupted or is out of date is made anew."""

from __future__ import annotations

import sys

import pytest

from tests.support import ansible_cores

VERSION = next(iter(ansible_cores.OTHERS))
SDK = ["boto3==1.2.3", "botocore==1.2.3"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The requirements of each environment that was made, in a checkout without any."""
    requirements = []

    def make(folder, python, pins):
        requirements.append(pins)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/python").touch()

    monkeypatch.setattr(ansible_cores, "ROOT", tmp_path)
    monkeypatch.setattr(ansible_cores, "_make", make)
    monkeypatch.setattr(ansible_cores, "_pythons", lambda minors: [sys.executable])
    monkeypatch.setitem(ansible_cores.OTHERS, VERSION, (sys.version_info.minor,))
    pin(tmp_path, *SDK)
    return requirements


def pin(folder, *versions):
    pins = ", ".join(f'"{version}"' for version in ("ansible==14", "ansible-core==2.21", *versions))
    (folder / "pyproject.toml").write_text(f"[dependency-groups]\ndev = [{pins}]\n")


def test_the_installed_version_needs_nothing(made):
    core = ansible_cores.core(ansible_cores.INSTALLED)
    assert (core.bin / "ansible-playbook").exists()
    assert core.collections == ()
    assert made == []


def test_it_is_made_once_with_the_sdk_of_the_tests(made, tmp_path):
    for _time in range(2):
        core = ansible_cores.core(VERSION)
    assert made == [[f"ansible-core=={VERSION}", *SDK]]
    assert core.bin == tmp_path / "build" / f"ansible-core-{VERSION}" / "bin"
    # The collections are there, the packages of the tests' own Python aren't.
    assert (core.collections[1] / "ansible_collections/amazon/aws").is_dir()
    assert [path.name for path in core.collections[1].iterdir()] == ["ansible_collections"]


def test_what_was_interrupted_is_made_anew(made, monkeypatch):
    make = ansible_cores._make

    def be_interrupted(*args):
        make(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(ansible_cores, "_make", be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        ansible_cores.core(VERSION)
    monkeypatch.setattr(ansible_cores, "_make", make)
    core = ansible_cores.core(VERSION)
    assert len(made) == 2
    assert (core.bin / "python").exists()


@pytest.mark.parametrize("change", ["another version of the SDK", "its Python is gone"])
def test_what_is_out_of_date_is_made_anew(made, tmp_path, change):
    core = ansible_cores.core(VERSION)
    if change == "its Python is gone":
        (core.bin / "python").unlink()
    else:
        pin(tmp_path, "boto3==1.2.4", "botocore==1.2.4")
    ansible_cores.core(VERSION)
    assert len(made) == 2


def test_a_missing_python_is_named(made, monkeypatch):
    monkeypatch.setitem(ansible_cores.OTHERS, VERSION, (1, 2))
    with pytest.raises(ansible_cores.PythonIsMissing, match=f"{VERSION} needs a Python 3.1 to 3.2, there is none"):
        ansible_cores.core(VERSION)
    assert made == []
