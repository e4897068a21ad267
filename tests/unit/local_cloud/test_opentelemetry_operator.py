# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The operator of collectors beside a local cluster: it begins when all that it looks for at its start is served."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.local_cloud.kubernetes.controllers import opentelemetry_operator as operator

PROGRAM = Path("/cache/opentelemetry-operator")


KINDS = [path.split("/")[1] for path in operator.LISTS]


class Plane:
    """A cluster that tells of the operator's kinds after some looks, and serves them after some more."""

    version = "1.36"
    kubeconfig = Path("/cluster/admin.kubeconfig")

    def __init__(self, stop: threading.Event, told: int, served: int):
        self.stop, self.told, self.served = stop, told, served
        self.looks: list[str] = []
        self.spawned: list[tuple[str, list[str], dict[str, str]]] = []

    def request(self, _method: str, path: str, absent_ok: bool = False) -> dict | None:
        assert absent_ok
        self.looks.append(path)
        if len(self.looks) > 50:
            self.stop.set()
        if path.count("/") == 3:
            return {"resources": [{"name": name} for name in KINDS]} if len(self.looks) > self.told else None
        return {"items": []} if len(self.looks) > self.served else None

    def spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.spawned.append((name, command, environment))
        self.stop.set()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "PAUSE", 0)
    monkeypatch.setattr(operator, "nearest", lambda _version: SimpleNamespace(opentelemetry_operator=PROGRAM))


def test_it_begins_when_all_kinds_are_served():
    stop = threading.Event()
    plane = Plane(stop, told=5, served=15)
    operator.run(plane, stop)
    ((name, command, environment),) = plane.spawned
    assert plane.looks[-3:] == [f"/apis/opentelemetry.io/{path}" for path in operator.LISTS]
    assert (name, command[0]) == ("opentelemetry-operator", str(PROGRAM))
    # No port of its own, and nothing that the API server would have to reach.
    assert {"--enable-webhooks=false", "--metrics-addr=0", "--health-probe-addr=0"} <= set(command)
    assert environment["KUBECONFIG"] == str(plane.kubeconfig)


def test_it_ends_with_a_cluster_that_never_gets_the_add_on():
    stop = threading.Event()
    plane = Plane(stop, told=1000, served=1000)
    operator.run(plane, stop)
    assert plane.spawned == []
