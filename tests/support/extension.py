# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An extension of VS Code that does nothing: python -m tests.support.extension <folder>

Packs <folder>/acme.note-1.0.0.vsix, always the same file, and writes its checksum beside it, last. It asks for another
extension, which nobody has.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path

NAME, VERSION = "acme.note", "1.0.0"
MANIFEST = {
    "publisher": NAME.partition(".")[0],
    "name": NAME.partition(".")[2],
    "version": VERSION,
    "engines": {"vscode": "^1.60.0"},
    "extensionPack": ["acme.nowhere"],
}
PACKAGE = f"""\
<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="{MANIFEST["name"]}" Version="{VERSION}" Publisher="{MANIFEST["publisher"]}"/>
    <DisplayName>note</DisplayName>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets>
</PackageManifest>
"""


def main(folder: Path) -> None:
    file = folder / f"{NAME}-{VERSION}.vsix"
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in (("extension.vsixmanifest", PACKAGE), ("extension/package.json", json.dumps(MANIFEST))):
            archive.writestr(zipfile.ZipInfo(name), text)
    (folder / "sha256").write_text(hashlib.sha256(file.read_bytes()).hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
