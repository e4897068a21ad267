# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs in folders of this machine: installed, upgraded, removed, refused, and mended after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.modules import host_tools
from tests.support.packed_program import pack

Tool = dict[str, Any]
SOURCES = [
    "binary",
    "tar.gz",
    "tar.xz",
    pytest.param("zip", marks=pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not here")),
    pytest.param("deb", marks=pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not here")),
]


class Host:
    """A folder of tools, one of links, and one with files to download."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.root, self.links, self.web = folder / "opt", folder / "bin", folder / "web"
        self.links.mkdir()
        self.web.mkdir()
        self._capsys = capsys

    def tool(
        self, name: str, source: str = "binary", version: str = "1.0", owner: int | None = None, **changes: Any
    ) -> Tool:
        """An entry, and what it downloads: a program that says its name and version."""
        file, checksum = pack(self.web, name, source, version, owner)
        path = name if source == "binary" else f"{name}-{version}/bin/{name}"
        return {
            "name": name,
            "version": version,
            "home": f"{self.root}/{name}/{version}",
            "source": source if source in ("binary", "deb") else "archive",
            "url": f"file://{file}",
            "checksum": checksum,
            "executables": [{"link": name, "path": path}],
            "check": [path, "--version"],
        } | changes

    def run(self, *tools: Tool, check: bool = False, **options: Any) -> dict[str, Any]:
        """The module's result."""
        arguments = {"root": str(self.root), "links": str(self.links), "tools": list(tools), **options}
        if check:
            arguments["_ansible_check_mode"] = True
        self._capsys.readouterr()
        with patch_module_args(arguments), pytest.raises(SystemExit):
            host_tools.main()
        return json.loads(self._capsys.readouterr().out)

    def install(self, *tools: Tool, **options: Any) -> dict[str, Any]:
        result = self.run(*tools, **options)
        assert not result.get("failed"), result["msg"]
        return result

    def refuse(self, *tools: Tool) -> str:
        result = self.run(*tools)
        assert result.get("failed"), result
        return result["msg"]

    def versions(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.glob("*/*")}

    def answers(self) -> dict[str, str]:
        return {
            path.name: subprocess.run([path], capture_output=True, text=True, check=True).stdout.strip()
            for path in self.links.iterdir()
        }

    def tree(self) -> list[tuple[str, int, str]]:
        found = [path for folder in (self.root, self.links) for path in folder.rglob("*")]
        return sorted(
            (str(path), path.lstat().st_mtime_ns, os.readlink(path) if path.is_symlink() else "") for path in found
        )


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


@pytest.mark.parametrize("source", SOURCES)
def test_a_tool_is_installed_once_from_each_kind_of_file(host: Host, source: str) -> None:
    tool = host.tool("own", source)

    predicted = host.install(tool, check=True)
    assert not host.root.exists()
    assert list(host.links.iterdir()) == []

    result = host.install(tool)
    assert result == predicted
    assert result["changed"]
    assert (result["installed"], result["linked"], result["removed"]) == (
        [tool["home"]], [f"{host.links}/own"], []
    )  # fmt: skip
    assert result["diff"]["before"] == ""
    target = f"{tool['home']}/{tool['executables'][0]['path']}"
    assert result["diff"]["after"] == f"{tool['home']}\n{host.links}/own -> {target}\n"
    assert host.answers() == {"own": "own v1.0"}
    assert [path for path in host.root.rglob("*") if path.stat().st_mode & 0o022] == []
    assert [path.name for path in host.root.iterdir()] == ["own"]

    before = host.tree()
    result = host.install(tool)
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]
    assert host.tree() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_the_makers_own_belongs_to_root(host: Host) -> None:
    host.install(host.tool("own", "tar.gz", owner=12345))

    assert {path.owner() for path in host.root.rglob("*")} == {"root"}


def test_another_version_takes_the_place_and_the_old_one_goes_when_told(host: Host) -> None:
    old, new, other = host.tool("own"), host.tool("own", version="1.1"), host.tool("other")
    host.install(old, other)
    (host.links / "foreign").symlink_to("/bin/true")

    result = host.install(new)
    assert host.versions() == {"own/1.0", "own/1.1", "other/1.0"}
    assert host.answers() == {"own": "own v1.1", "other": "other v1.0", "foreign": ""}
    assert result["linked"] == [f"{host.links}/own"]

    before = host.tree()
    predicted = host.install(new, exclusive=True, check=True)
    assert host.tree() == before

    result = host.install(new, exclusive=True)
    assert result == predicted
    assert result["removed"] == [f"{host.links}/other", f"{host.root}/other", old["home"]]
    assert host.versions() == {"own/1.1"}
    assert host.answers() == {"own": "own v1.1", "foreign": ""}
    assert not host.install(new, exclusive=True)["changed"]


def test_all_are_removed_when_none_is_wanted(host: Host) -> None:
    host.install(host.tool("own"), host.tool("other"))

    host.install(exclusive=True)

    assert list(host.root.iterdir()) == []
    assert list(host.links.iterdir()) == []


def test_what_an_interrupted_run_has_left_is_mended(host: Host) -> None:
    one, two = host.tool("one"), host.tool("two", "tar.gz")
    # Killed while it put the second tool together, before the first one was linked.
    host.install(one)
    (host.links / "one").unlink()
    (host.links / ".one.partial").symlink_to("nowhere")
    (host.root / ".partial/download").mkdir(parents=True)
    (host.root / ".partial/download/two-1.0.tar.gz").write_text("half of i")
    (host.root / "two").mkdir()

    host.install(one, two)

    assert host.answers() == {"one": "one v1.0", "two": "two v1.0"}
    assert host.versions() == {"one/1.0", "two/1.0"}
    assert not (host.root / ".partial").exists()
    assert not host.install(one, two)["changed"]


def test_a_link_that_was_changed_or_removed_is_mended(host: Host) -> None:
    tool = host.tool("own")
    host.install(tool)
    (host.links / "own").unlink()
    (host.links / "own").symlink_to(f"{host.root}/own/0.9/own")

    assert host.install(tool)["linked"] == [f"{host.links}/own"]
    assert host.answers() == {"own": "own v1.0"}


# Refused


def test_another_file_than_the_expected_one(host: Host) -> None:
    kept, spoilt = host.tool("kept"), host.tool("spoilt", "tar.gz")
    expected, got = "sha256:" + "0" * 64, spoilt["checksum"]

    said = host.refuse(kept, {**spoilt, "checksum": expected})

    assert said == f"spoilt 1.0 was not installed: {spoilt['url']} has the checksum {got}, expected {expected}"
    assert host.versions() == {"kept/1.0"}
    assert [path.name for path in host.root.iterdir()] == ["kept"]
    assert host.answers() == {"kept": "kept v1.0"}


@pytest.mark.parametrize("version", ["2.0.1", "12.0", "3.0"])
def test_a_program_of_another_version_leaves_the_one_in_use(host: Host, version: str) -> None:
    host.install(host.tool("own", "tar.gz"))
    # The file is the right one by its checksum, but of another version than the entry says.
    lying = host.tool("own", "tar.gz", version=version) | {"version": "2.0", "home": f"{host.root}/own/2.0"}

    said = host.refuse(lying)

    assert said == (
        f"own 2.0 was not installed: of what is at {lying['url']} the command own-{version}/bin/own --version says"
        f' "own v{version}"'
    )
    assert host.answers() == {"own": "own v1.0"}
    assert host.versions() == {"own/1.0"}


def test_a_file_without_the_program(host: Host) -> None:
    tool = host.tool("own", "tar.gz") | {"check": ["elsewhere", "--version"]}

    said = host.refuse(tool)

    assert said.startswith(f"own 1.0 was not installed: of what is at {tool['url']} the command elsewhere --version")
    assert "No such file or directory" in said
    assert list(host.root.iterdir()) == []


def test_a_file_that_is_no_archive(host: Host) -> None:
    tool = host.tool("own") | {"source": "archive"}

    said = host.refuse(tool)

    assert said.startswith("own 1.0 was not installed: tar --extract ")
    assert "\n" not in said
    assert host.versions() == set()


def test_a_host_without_the_program_that_unpacks(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = host.tool("own", "tar.gz")
    monkeypatch.setenv("PATH", str(host.web))

    assert host.refuse(tool).startswith("own 1.0 was not installed: tar can't be run: ")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_command_of_somebody_else(host: Host, kind: str) -> None:
    tool = host.tool("own")
    if kind == "file":
        (host.links / "own").write_text("mine")
    else:
        (host.links / "own").symlink_to("/bin/true")
    before = host.tree()

    said = host.refuse(tool)

    assert said == (
        f"{host.links}/own was not installed by this module, so nothing was changed. Remove it, or leave out its tool."
    )
    assert host.tree() == before
    assert not host.root.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"home": "/elsewhere/own/1.0"}, "home of own is /elsewhere/own/1.0, which is not {root}/<tool>/<version>"),
        ({"home": "{root}/own"}, "home of own is {root}/own, which is not {root}/<tool>/<version>"),
        ({"checksum": "md5:00"}, "checksum of own is md5:00, which is not sha256:<digest>"),
        ({"executables": []}, "own is a binary, which is a single command, and has 0"),
        ({"source": "npm"}, "own comes by npm and needs node"),
        ({"check": ["../../bin/sh", "-c"]}, "../../bin/sh of own is not a path inside its home"),
        ({"executables": [{"link": "own", "path": "/bin/sh"}]}, "/bin/sh of own is not a path inside its home"),
    ],
)
def test_values_that_contradict_themselves(host: Host, changes: Tool, expected: str) -> None:
    filled = {key: value.format(root=host.root) if isinstance(value, str) else value for key, value in changes.items()}

    assert host.refuse({**host.tool("own"), **filled}) == f"{expected.format(root=host.root)}; nothing was changed"
    assert not host.root.exists()


# What a maker, or somebody in between, might pack


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, as the module has on a host")
PACKED = [source for source in SOURCES if source != "binary"]


def packed(host: Host, source: str, spoil: Any) -> Tool:
    """A tool whose content the function has changed before it was packed, as makers pack theirs with root's rights."""
    tool = host.tool("own", source)
    file = Path(tool["url"].removeprefix("file://"))
    unpacked = host.web / ("root-own-1.0" if source == "deb" else "own-1.0")
    spoil(unpacked / "own-1.0" if source == "deb" else unpacked)
    file.unlink()
    commands = {
        "deb": ["dpkg-deb", "--build", str(unpacked), str(file)],
        # With links as links.
        "zip": [shutil.which("zip") or "zip", "-q", "-r", "-y", str(file), "own-1.0"],
    }
    tar = ["tar", "--create", "--auto-compress", "--xattrs", "--file", str(file), "own-1.0"]
    subprocess.run(commands.get(source, tar), cwd=host.web, check=True, capture_output=True)
    return {**tool, "checksum": f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"}


@as_root
@pytest.mark.parametrize("source", ["tar.gz", "tar.xz", "deb"])
def test_bits_and_capabilities_are_not_taken_over(host: Host, source: str) -> None:
    def spoil(folder: Path) -> None:
        for name, mode in (("root", 0o4755), ("group", 0o2755), ("both", 0o6777)):
            shutil.copy("/bin/true", folder / "bin" / name)
            (folder / "bin" / name).chmod(mode)
        (folder / "shared").mkdir()
        (folder / "shared").chmod(0o3777)
        shutil.copy("/bin/true", folder / "bin/capable")
        # cap_net_admin, permitted and effective.
        capability = bytes.fromhex("0100000200100000000000000000000000000000")
        os.setxattr(folder / "bin/capable", "security.capability", capability)

    host.install(packed(host, source, spoil))

    home = host.root / "own/1.0"
    assert {name.name for name in (home / "own-1.0/bin").iterdir()} == {"own", "root", "group", "both", "capable"}
    for path in [home, *home.rglob("*")]:
        assert path.stat().st_mode & 0o7022 == 0, path
        assert os.listxattr(path) == [], path


@as_root
def test_attributes_are_removed_whatever_has_unpacked_them(tmp_path: Path) -> None:
    """tar leaves them out by itself; another program, or another tar, might not."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    os.setxattr(file, "security.capability", bytes.fromhex("0100000200100000000000000000000000000000"))
    os.setxattr(file, "user.note", b"x")

    host_tools.leave_to_root(str(tmp_path))

    assert os.listxattr(file) == []


ATTACKS = {
    "device": (lambda folder: os.mknod(folder / "x", 0o20666, os.makedev(1, 3)), "own-1.0/x is a device node"),
    "disk": (lambda folder: os.mknod(folder / "x", 0o60666, os.makedev(7, 200)), "own-1.0/x is a device node"),
    "pipe": (lambda folder: os.mkfifo(folder / "x"), "own-1.0/x is a pipe"),
    "absolute": (
        lambda folder: (folder / "x").symlink_to("/etc/shadow"),
        "own-1.0/x is a link that leads out of its folder, to /etc/shadow",
    ),
    "relative": (
        lambda folder: (folder / "x").symlink_to("../../../bin"),
        "own-1.0/x is a link that leads out of its folder, to ../../../bin",
    ),
    "by way of another": (
        lambda folder: ((folder / "a").symlink_to("."), (folder / "x").symlink_to("a/../../../etc")),
        "own-1.0/x is a link that leads out of its folder, to a/../../../etc",
    ),
}


@as_root
@pytest.mark.parametrize("source", PACKED)
@pytest.mark.parametrize("attack", ATTACKS)
def test_what_no_tool_has_is_refused(host: Host, source: Any, attack: str) -> None:
    spoil, reason = ATTACKS[attack]
    if source == "zip" and attack in ("device", "disk", "pipe"):
        pytest.skip("a zip file can't hold it")
    if source == "zip" and not shutil.which("zip"):
        pytest.skip("zip is not here")
    tool = packed(host, source, spoil)

    said = host.refuse(tool)

    assert said == f"own 1.0 was not installed: of what is at {tool['url']} {reason}"
    assert list(host.root.iterdir()) == []


@pytest.mark.parametrize("source", ["tar.gz", "tar.xz"])
def test_a_hard_link_does_not_reach_out(host: Host, source: str) -> None:
    """A name of a file outside would have that file's rights changed; one of a file of the tool's own may stay."""
    outside = host.web / "secret"
    outside.write_text("secret")
    outside.chmod(0o666)

    def with_a_link_to(target: str) -> Tool:
        tool = host.tool("own", source)
        file = Path(tool["url"].removeprefix("file://"))
        with tarfile.open(file, f"w:{source.removeprefix('tar.')}") as archive:
            archive.add(host.web / "own-1.0", "own-1.0")
            member = tarfile.TarInfo("own-1.0/x")
            member.type, member.linkname = tarfile.LNKTYPE, target
            archive.addfile(member)
        return {**tool, "checksum": f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"}

    for target in (str(outside), f"../../../{outside.parent.name}/secret"):
        host.refuse(with_a_link_to(target))
        assert list(host.root.iterdir()) == []
    assert (outside.stat().st_nlink, outside.stat().st_mode & 0o777) == (1, 0o666)
    host.install(with_a_link_to("own-1.0/bin/own"))


def test_a_file_that_lies_elsewhere_too_is_found(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x").hardlink_to(tmp_path / "outside")

    assert host_tools.unwelcome(str(tmp_path / "in")) == "x is a file that lies elsewhere, too"


@as_root
def test_nobody_sees_what_was_not_looked_at_yet(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    look = host_tools.unwelcome
    monkeypatch.setattr(
        host_tools, "unwelcome", lambda folder: seen.append(Path(folder).parent.stat().st_mode & 0o777) or look(folder)
    )
    # Its folder has rights of its own, which the archive brings along.
    host.install(host.tool("own", "tar.gz"), host.tool("other", "deb"))

    assert seen == [0o700, 0o700]


# Downloads


class Web:
    """A server that answers with what is scripted: a status, and how many bytes of the file."""

    def __init__(self, content: bytes, *answers: tuple[int, int | None]):
        self.asked: list[str] = []
        script = list(answers)
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                status, length = script.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:length])

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes the server of a tool, and the tool that comes from there."""
    monkeypatch.setattr(host_tools, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def serve(*answers: tuple[int, int | None]) -> tuple[Web, Tool]:
        tool = host.tool("own", "tar.gz")
        servers.append(Web(Path(tool["url"].removeprefix("file://")).read_bytes(), *answers))
        return servers[-1], {**tool, "url": f"{servers[-1].address}/own.tar.gz?signature=x"}

    yield serve
    for server in servers:
        server.end()


def test_a_download_that_fails_at_first_is_repeated(host: Host, web: Any) -> None:
    server, tool = web((503, None), (200, 10), (429, None), (200, None))

    host.install(tool)

    assert len(server.asked) == 4
    assert host.answers() == {"own": "own v1.0"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [((503, None), "HTTP Error 503: Service Unavailable"), ((200, 10), "it ended after 10 of ")],
)
def test_a_download_that_goes_on_failing(host: Host, web: Any, answer: tuple[int, int | None], reason: str) -> None:
    server, tool = web(*[answer] * 4)

    said = host.refuse(tool)

    assert said.startswith(
        f"own 1.0 was not installed: {tool['url']} could not be downloaded in 4 attempts, the last one: {reason}"
    )
    assert len(server.asked) == 4
    assert list(host.root.iterdir()) == []


def test_a_file_that_is_not_there_is_asked_for_once(host: Host, web: Any) -> None:
    server, tool = web((404, None))

    assert host.refuse(tool) == (
        f"own 1.0 was not installed: {tool['url']} could not be downloaded: HTTP Error 404: Not Found"
    )
    assert len(server.asked) == 1


def test_a_server_that_is_not_there(host: Host, web: Any) -> None:
    server, tool = web()
    server.end()

    said = host.refuse(tool)

    assert said.startswith(f"own 1.0 was not installed: {tool['url']} could not be downloaded in 4 attempts, ")
    assert "Connection refused" in said


# npm


def npm_tool(host: Host, tmp_path: Path, more: str = "") -> Tool:
    """A package, and a stand-in for npm: it puts a program that needs node where npm would, notes how it was called,
    and does what a script of a module might do."""
    node, notes = tmp_path / "node", tmp_path / "notes"
    (node / "bin").mkdir(parents=True)
    notes.mkdir()
    notes.chmod(0o777)
    npm = node / "bin/npm"
    npm.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {notes}/called; env > {notes}/environment; cat /proc/self/status > {notes}/status\n'
        'mkdir -p "$4/bin"\n'
        'printf \'#!/usr/bin/env node\\necho "editor 3.0 with node"\\n\' > "$4/bin/editor"\n'
        f'chmod 755 "$4/bin/editor"\n{more}\n'
    )
    (node / "bin/node").write_text('#!/bin/sh\n. "$1"\n')
    for program in (npm, node / "bin/node"):
        program.chmod(0o755)
    (host.web / "editor.tgz").write_bytes(b"a package")
    return {
        "name": "editor",
        "version": "3.0",
        "home": f"{host.root}/editor/3.0-node24",
        "source": "npm",
        "url": f"file://{host.web}/editor.tgz",
        "checksum": f"sha256:{hashlib.sha256(b'a package').hexdigest()}",
        "executables": [{"link": "editor", "path": "bin/editor"}],
        "check": ["bin/editor", "--version"],
        "node": str(node),
    }


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that other users reach, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_host(open_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(open_path, capsys)


def test_a_package_of_npm_is_installed_by_its_node_and_for_it(open_host: Host, open_path: Path) -> None:
    host = open_host
    tool = npm_tool(host, open_path)

    host.install(tool)

    assert (host.root / "editor/3.0-node24/bin/editor").exists()
    called = (open_path / "notes/called").read_text().split()
    assert called[:4] == ["install", "--global", "--prefix", f"{host.root}/.partial/content"]
    assert called[-1] == f"{host.root}/.partial/download/editor.tgz"
    environment = (open_path / "notes/environment").read_text().splitlines()
    assert f"npm_config_nodedir={tool['node']}" in environment
    assert f"npm_config_cache={host.root}/.partial/download/cache" in environment
    assert [path.name for path in host.root.iterdir()] == ["editor"]


@as_root
def test_scripts_of_npm_have_no_rights_and_root_takes_over_what_they_made(open_host: Host, open_path: Path) -> None:
    host = open_host
    host.install(npm_tool(host, open_path, 'cp /bin/true "$4/bin/x"; chmod 6777 "$4/bin/x"'))

    lines = (open_path / "notes/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    builder = [str(host_tools.BUILDER)] * 4
    assert (status["Uid"].split(), status["Gid"].split(), status["Groups"].split()) == (builder, builder, [])
    assert status["NoNewPrivs"] == "1"
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    home = host.root / "editor/3.0-node24"
    assert {(path.owner(), path.stat().st_mode & 0o7022) for path in [home, *home.rglob("*")]} == {("root", 0)}


@as_root
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('ln -s /etc "$4/x"', "x is a link that leads out of its folder, to /etc"),
        ('mkfifo "$4/x"', "x is a pipe"),
        ('ln "$4/bin/editor" {notes}/kept', "bin/editor is a file that lies elsewhere, too"),
        ("touch {root}/kept", "Permission denied"),
    ],
)
def test_root_takes_over_nothing_that_scripts_of_npm_have_prepared(
    open_host: Host, open_path: Path, script: str, reason: str
) -> None:
    script = script.format(notes=open_path / "notes", root=open_host.root)

    said = open_host.refuse(npm_tool(open_host, open_path, f"set -e; {script}"))

    assert reason in said
    assert list(open_host.root.iterdir()) == []


@as_root
def test_nothing_that_a_script_of_npm_has_started_goes_on(open_host: Host, open_path: Path) -> None:
    script = f"setsid sh -c 'echo $$ > {open_path}/notes/pid; trap \"\" TERM HUP; sleep 600; sleep 600' & sleep 0.5"
    open_host.install(npm_tool(open_host, open_path, script))

    pid = int((open_path / "notes/pid").read_text())
    assert host_tools.processes_of(host_tools.BUILDER) == []
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]
