# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ansible-test looks at all of the collection, and what it finds, or can't find, is a failure."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from tests.support import sanity


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sanity.unpack(tmp_path_factory.mktemp("sanity"))


def python_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in (folder / "plugins").rglob("*.py")}


def test_the_copy_holds_all_plugins_and_no_faults_that_are_let_off(copy: Path) -> None:
    assert python_files(copy) == python_files(sanity.ROOT)
    # Environments share files, nothing else is there twice.
    assert {path.relative_to(copy).parts[0] for path in copy.rglob("*") if path.is_symlink()} <= {"inventories"}
    assert not (copy / "tests").exists()
    # Its documentation fragments are read.
    assert (copy.parents[1] / "amazon/aws/plugins/doc_fragments/boto3.py").is_file()


def test_faults_are_found(tmp_path: Path) -> None:
    copy = sanity.unpack(tmp_path)
    module = copy / "plugins/modules/s3_bucket.py"
    module.write_text(module.read_text().replace("\nDOCUMENTATION = ", "\nDOC = "))
    (copy / "plugins/module_utils/broken.py").write_text("def broken(:\n")
    tests = ("--test", "compile", "--test", "validate-modules")
    paths = ("plugins/modules/s3_bucket.py", "plugins/module_utils/broken.py")
    judge = sanity.Judge()
    judge.prepare(copy, *tests)

    done = judge.run(copy, *tests, *paths)

    assert done.returncode == 1
    assert sanity.tests_run(done.stdout) == ["compile", "validate-modules"]
    assert f"The {len(judge.pythons) + 1} sanity test(s) listed below" in done.stdout
    assert "plugins/modules/s3_bucket.py:0:0: missing-documentation: " in done.stdout
    assert done.stdout.count("plugins/module_utils/broken.py:1:12: SyntaxError: ") == len(judge.pythons)


def test_nothing_to_look_at_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where git ignores the folder of the copy: ansible-test calls that a success."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("*\n")
    copy = sanity.unpack(tmp_path)
    monkeypatch.setattr(sanity, "unpack", lambda folder: copy)

    with pytest.raises(sanity.Failed, match=r"All targets skipped(.|\n)*nothing was tested"):
        sanity.main(["--test", "compile"])


def test_a_python_that_is_missing_is_named(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sanity, "unpack", lambda folder: copy)
    found = {version: sanity.find_python((int(version[2:]),)) for version in sanity.PYTHONS}
    monkeypatch.setattr(sanity, "find_python", lambda minors: None if minors == (13,) else found[f"3.{minors[0]}"])

    sanity.main(["--test", "compile", "plugins/filter/"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ansible-test sanity: not run with Python 3.13, which this machine doesn't have"
    assert lines[1].startswith("ansible-test sanity: 1 tests passed, ")


def test_what_has_changed_is_what_differs_from_the_main_branch(copy: Path, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    def write(path: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("changed\n")

    write("scripts/changed.sh")
    (tmp_path / "scripts/changed.sh").write_bytes((sanity.ROOT / "scripts/changed.sh").read_bytes())
    (tmp_path / "scripts/changed.sh").chmod(0o755)
    assert sanity.changed(copy, tmp_path) is None
    git("init", "--initial-branch=main")
    git("config", "user.name", "somebody")
    git("config", "user.email", "somebody@example.com")
    write("README.md")
    git("add", ".")
    git("commit", "--message=one")
    assert sanity.changed(copy, tmp_path) == []

    git("checkout", "-b", "other")
    write("galaxy.yml")
    (tmp_path / "CHANGELOG.md").symlink_to("galaxy.yml")
    write("plugins/modules/s3_bucket.py")
    git("add", "--all")
    git("commit", "--message=two")
    write("plugins/modules/kms_key.py")
    git("rm", "README.md")

    # galaxy.yml isn't shipped, CHANGELOG.md is a link, and README.md is gone.
    assert sanity.changed(copy, tmp_path) == ["plugins/modules/kms_key.py", "plugins/modules/s3_bucket.py"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [([], "nothing has changed"), (["plugins/filter/resource_name.py"], "1 tests passed, 1 files, ")],
)
def test_what_has_changed_is_looked_at(copy: Path, monkeypatch: pytest.MonkeyPatch, capsys, changed, said) -> None:
    monkeypatch.setattr(sanity, "unpack", lambda folder: copy)
    monkeypatch.setattr(sanity, "changed", lambda copy: changed)

    sanity.main(["--changed", "--test", "compile"])

    assert f"ansible-test sanity: {said}" in capsys.readouterr().out


def test_tools_that_cannot_be_had_are_said_to_be_missing(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    judge = sanity.Judge(tmp_path)

    with pytest.raises(sanity.Failed, match=r"No matching distribution found for pycodestyle(.|\n)*connection to PyPI"):
        judge.prepare(copy, "--test", "pep8")


def test_pip_keeps_its_settings(tmp_path: Path) -> None:
    """ansible-test passes none of the environment on but PATH and HOME."""
    (tmp_path / "old/.config/pip").mkdir(parents=True)
    (tmp_path / "old/.config/pip/pip.conf").write_text("[global]\ncert = old\nproxy = a%20b\n[install]\nuser = no\n")
    environment = {"PIP_CERT": "new", "PIP_INDEX_URL": "https://mirror/simple", "CERT": "other"}

    sanity.pip_settings(tmp_path / "old", environment, tmp_path / "new")

    written = configparser.RawConfigParser()
    written.read(tmp_path / "new/.config/pip/pip.conf")
    assert {section: dict(written[section]) for section in written.sections()} == {
        "global": {"cert": "new", "proxy": "a%20b", "index-url": "https://mirror/simple"},
        "install": {"user": "no"},
    }
