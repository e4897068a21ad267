# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the emulator lacks, added from outside while it runs.

One file or folder per service, with a function install(). Each says which operation or field ministack 1.5.33 leaves
out or answers otherwise than AWS, and answers it by botocore's service model and the AWS documentation. The emulator's
installed files are never edited; a shim goes when its gap is closed there. tests/unit/local_cloud proves them: with
LOCAL_CLOUD_SHIMS=0 its tests of these services fail, and one that doesn't names a shim that isn't needed any more.
"""

from __future__ import annotations

import importlib
import pkgutil


def install() -> None:
    """Patch the emulator's services in this process. Call it once, before the first request is served."""
    for found in pkgutil.iter_modules(__path__):
        shim = importlib.import_module(f"{__name__}.{found.name}")
        if hasattr(shim, "install"):
            shim.install()
