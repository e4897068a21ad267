# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The operator of the add-on `adot`: the real OpenTelemetry operator, of the release that the add-on v0.141.0 carries.

It runs beside the cluster and not in it, as its administrator and not with the add-on's own rights, and begins when the
add-on has put its custom resources there. Its webhooks are off, as an API server couldn't reach them here: what they
set by default must be written into a collector by whoever makes it, and what they refuse isn't refused.
"""

from __future__ import annotations

import threading
from typing import Any

from ..programs import nearest

# What it looks for at its start, and ends if it isn't served.
LISTS = ("v1beta1/opentelemetrycollectors", "v1alpha1/opampbridges", "v1alpha1/targetallocators")
PAUSE = 0.5


def run(plane: Any, stop: threading.Event) -> None:
    """Start the operator when there is something for it to watch."""
    while not _served(plane):
        if stop.wait(PAUSE):
            return
    program = nearest(plane.version).opentelemetry_operator
    plane.spawn("opentelemetry-operator", [str(program), *_arguments()], _environment(plane))
    stop.wait()


def _served(plane: Any) -> bool:
    """Whether all that it looks for is served, and is told of among what is: on a busy machine that takes longer."""
    for path in LISTS:
        version, name = path.split("/")
        told = plane.request("GET", f"/apis/opentelemetry.io/{version}", absent_ok=True) or {}
        if name not in {resource["name"] for resource in told.get("resources", [])}:
            return False
    return all(plane.request("GET", f"/apis/opentelemetry.io/{path}", absent_ok=True) for path in LISTS)


def _arguments() -> list[str]:
    # No port of its own: 0 is none.
    return ["--enable-webhooks=false", "--metrics-addr=0", "--health-probe-addr=0", "--zap-log-level=info"]


def _environment(plane: Any) -> dict[str, str]:
    return {"KUBECONFIG": str(plane.kubeconfig), "ENABLE_WEBHOOKS": "false", "GOMAXPROCS": "1"}
