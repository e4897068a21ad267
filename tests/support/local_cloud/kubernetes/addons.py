# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an add-on puts into a cluster that others build on: its custom resources.

custom_resources/<add-on>.json.gz has their definitions as the makers' Go modules carry them, without the descriptions:

    adot          github.com/open-telemetry/opentelemetry-operator v0.141.0, config/crd/bases (Apache-2.0)
    cert-manager  github.com/cert-manager/cert-manager v1.17.2, deploy/crds (Apache-2.0)

The add-ons' own pods don't run. What an operator would do is the work of a stand-in in controllers/.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .plane import Plane, PlaneError

_FOLDER = Path(__file__).parent / "custom_resources"
_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SECONDS = 60.0


def definitions(addon: str) -> list[dict[str, Any]]:
    path = _FOLDER / f"{addon}.json.gz"
    return list(json.loads(gzip.decompress(path.read_bytes()))) if path.exists() else []


def install(plane: Plane, addon: str) -> None:
    """Put an add-on's custom resources into the cluster, and wait until the API serves them."""
    wanted = definitions(addon)
    for definition in wanted:
        plane.apply(_PATH, definition)
    _wait(wanted, lambda name: _is_served(plane, name), "isn't served")


def remove(plane: Plane, addon: str) -> None:
    """Take them out again, with all objects of these kinds."""
    unwanted = definitions(addon)
    for definition in unwanted:
        plane.request("DELETE", f"{_PATH}/{definition['metadata']['name']}", absent_ok=True)
    _wait(unwanted, lambda name: plane.request("GET", f"{_PATH}/{name}", absent_ok=True) is None, "isn't gone")


def _wait(wanted: list[dict[str, Any]], condition: Callable[[str], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    for name in [definition["metadata"]["name"] for definition in wanted]:
        while not condition(name):
            if time.monotonic() > deadline:
                raise PlaneError(f"{name} {what} within {_SECONDS:.0f} s")
            time.sleep(0.05)


def _is_served(plane: Plane, name: str) -> bool:
    conditions = plane.request("GET", f"{_PATH}/{name}").get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
