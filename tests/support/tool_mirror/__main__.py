# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.support.tool_mirror FOLDER [TOOL...]`: makes what the mirror lacks, and writes FOLDER/index.json.

The index has the entries of bastion_tools that lead to the mirror, by name and version: {"uv": {"0.12.21": {...}}}.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from .artefacts import ARTEFACTS, Artefact, make
from .registries import RegistryError

ROOT = Path(__file__).resolve().parents[3]
ARCHITECTURE = "amd64"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.tool_mirror", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seen-at", metavar="URL", help="where the host sees the folder (default: file://FOLDER)")
    parser.add_argument("tools", nargs="*", metavar="tool", help="all, if none is named")
    options = parser.parse_args(arguments)
    if platform.machine() != "x86_64":
        print(f"tool mirror: the registries' packages are for x86_64, not {platform.machine()}", file=sys.stderr)
        return 1
    wanted = [artefact for artefact in ARTEFACTS if not options.tools or artefact.name in options.tools]
    known = yaml.safe_load((ROOT / "roles/bastion/vars/main.yml").read_text())["__bastion_known_tools"]
    files = {artefact: options.folder / _path(artefact, known[artefact.name]) for artefact in wanted}
    try:
        # Mostly waiting for a download, or for the compiler.
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(_make, files.keys(), files.values()))
    except (RegistryError, OSError) as problem:
        print(f"tool mirror: {problem}", file=sys.stderr)
        return 1
    seen_at = options.seen_at or f"file://{options.folder.resolve()}"
    index: dict[str, dict[str, dict[str, object]]] = {}
    for artefact, file in files.items():
        index.setdefault(artefact.name, {})[artefact.version] = {
            "name": artefact.name,
            "version": artefact.version,
            "url": f"{seen_at}/{str(known[artefact.name]['url']).partition('://')[2]}",
            "checksums": {ARCHITECTURE: f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"},
        }
    (options.folder / "index.json").write_text(json.dumps(index, indent=2) + "\n")
    return 0


def _path(artefact: Artefact, known: dict[str, object]) -> str:
    """The path of the maker's address, from the role's table."""
    arch = dict(known.get("arch_names", {})).get(ARCHITECTURE, ARCHITECTURE)
    url = str(known["url"]).replace("{version}", artefact.version).replace("{arch}", arch)
    return url.partition("://")[2]


def _make(artefact: Artefact, file: Path) -> None:
    if file.exists():
        return
    begun = time.monotonic()
    make(artefact, file)
    print(f"{artefact.name} {artefact.version}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
