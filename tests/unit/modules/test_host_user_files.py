# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a user: kept as declared, and with no other rights than the user's, whatever links the user puts there."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.modules import host_user_files

ME = pwd.getpwuid(os.geteuid())
ROUNDS = 400


@contextlib.contextmanager
def racing(user: str, folder: Path, link: Path) -> Iterator[None]:
    """Meanwhile the user exchanges the folder for the link, and back, as fast as may be."""
    entry, exchange = pwd.getpwnam(user), ctypes.CDLL(None, use_errno=True).renameat2
    here, as_one = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    child = os.fork()  # a Python of its own may lie where the user can't read
    if child == 0:
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        while True:
            exchange(here, bytes(folder), here, bytes(link), as_one)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to become another user")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def module(check: bool = False, **arguments: Any) -> dict[str, Any]:
        capsys.readouterr()
        given = {"user": ME.pw_name, **arguments, "_ansible_check_mode": check}
        with patch_module_args(given), pytest.raises(SystemExit):
            host_user_files.main()
        return json.loads(capsys.readouterr().out)

    return module


def declared(home: Path, **more: Any) -> dict[str, Any]:
    return {
        "folders": [{"path": f"{home}/User"}],
        "files": [{"path": f"{home}/User/settings.json", "content": "{}\n"}],
        **more,
    }


def test_keeps_what_is_declared(run, tmp_path):
    want = declared(tmp_path)

    predicted = run(check=True, **want)
    assert list(tmp_path.iterdir()) == []
    made = run(**want)

    assert (predicted["paths"], predicted["diff"]) == (made["paths"], made["diff"])
    assert made["paths"] == [want["folders"][0]["path"], want["files"][0]["path"]]
    file = tmp_path / "User/settings.json"
    assert (file.read_text(), file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == ("{}\n", 0o600, 0o700)
    assert list(file.parent.iterdir()) == [file]
    assert run(**want)["changed"] is False


def test_sets_back_what_was_changed(run, tmp_path):
    want = declared(tmp_path)
    run(**want)
    file = tmp_path / "User/settings.json"

    file.write_text("mine\n")
    assert run(**want)["diff"][0]["before"] == "0600\nmine\n\n"
    assert file.read_text() == "{}\n"
    file.chmod(0o644)
    file.parent.chmod(0o755)
    assert run(**want)["paths"] == [str(file.parent), str(file)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_lies_in_the_way_of_a_file_is_replaced_and_not_followed(run, tmp_path):
    want = declared(tmp_path)
    run(**want)
    file, other = tmp_path / "User/settings.json", tmp_path / "other"

    other.write_text("other\n")
    file.unlink()
    file.symlink_to(other)
    assert run(**want)["changed"]
    assert (other.read_text(), file.is_symlink()) == ("other\n", False)
    # A pipe that nobody writes to would keep its reader waiting.
    file.unlink()
    os.mkfifo(file, 0o600)
    assert run(**want)["changed"]
    assert file.read_text() == "{}\n"


def test_refuses_in_one_line(run, tmp_path):
    (tmp_path / "User").write_text("")
    refused = run(**declared(tmp_path))
    assert refused["failed"]
    assert refused["msg"].startswith(f"{tmp_path}/User can't be kept as declared with the rights of {ME.pw_name}: ")
    assert run(user="nobody-of-that-name", folders=[])["msg"] == (
        "There is no user nobody-of-that-name; nothing was changed"
    )
    # The user may be made by a task that a dry run only predicts.
    assert run(check=True, **declared(tmp_path, user="nobody-of-that-name"))["changed"]


@pytest.fixture
def places() -> Iterator[tuple[Path, Path]]:
    """A home of the user nobody, and a folder into which only root may write."""
    nobody = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    home, roots = folder / "home", folder / "roots"
    home.mkdir()
    roots.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    yield home, roots
    shutil.rmtree(folder)


@as_root
def test_a_link_gets_no_more_rights_than_its_user(run, places):
    home, roots = places
    (home / "User").symlink_to(roots)

    refused = run(**declared(home, user="nobody"))

    assert "Permission denied" in refused["msg"] or "not permitted" in refused["msg"], refused
    assert list(roots.iterdir()) == []
    assert os.geteuid() == 0
    # With root's own rights it would have been written.
    with mock.patch.object(host_user_files, "rights_of", return_value=contextlib.nullcontext()):
        assert run(**declared(home, user="nobody"))["changed"]
    assert [path.name for path in roots.iterdir()] == ["settings.json"]


@as_root
def test_a_user_who_races_with_links_gains_nothing(run, places):
    home, roots = places
    assert run(**declared(home, user="nobody"))["changed"]
    (home / "link").symlink_to(roots)
    refusals = 0

    with racing("nobody", home / "User", home / "link"):
        # At least so often, and until the link has lain in the way: the other process needs its turn, too.
        for content in range(100 * ROUNDS):
            want = declared(home, user="nobody")
            want["files"][0]["content"] = f"{content}\n"
            refusals += bool(run(**want).get("failed"))
            assert list(roots.iterdir()) == []
            if content >= ROUNDS and refusals:
                break
    assert refusals > 0
    assert roots.stat().st_uid == 0
    assert roots.stat().st_mode & 0o777 == 0o755
