# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One platform with all that runs in its cluster, in an emulator that gives clusters a Kubernetes API of their own.

It is built once, for all tests of this folder that ask for it, in a process beside that of the tests in AWS; or twice,
where two processes have nothing else to do: one of them then has the tests of the layer as a whole, which take it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.neighbours import OTHER, make_role
from tests.support.components import COMPONENTS, IN_CLUSTER, with_required
from tests.support.faults import free_port
from tests.support.local_cloud import processes
from tests.support.local_cloud.account import ADMINISTRATORS
from tests.support.local_cloud.kubernetes import programs
from tests.support.local_cloud.settings import EMULATORS, Instance
from tests.support.playbook import Account, Run, Started

from .objects import Api

FOLDER = Path(__file__).resolve().parent
ACCOUNT = "640100000002"
# What the layer builds on, the layer, the database that a Job of it prepares, and what tells of it.
BUILT = tuple(
    name for name in COMPONENTS if name in {*with_required(IN_CLUSTER), "aurora", "registry", "configuration"}
)
# Those that share the platform that is taken down in the end. They take as long as all others together.
OF_THE_LAYER = ("test_layer.py", "test_rollout.py")
DIRECT = {"platform_cluster_access": "direct"}
MISSING = "the programs of Kubernetes aren't on this machine: `make test` gets or builds them"
NEEDS_PROGRAMS = pytest.mark.skipif(programs.find("1.36") is None, reason=MISSING)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ends_the_platform: comes after all others that use the platform in the cluster")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes the platform down comes last."""
    for item in items:
        if "cluster_platform" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("layer" if item.path.name in OF_THE_LAYER else "cluster"))
    items.sort(key=lambda item: item.get_closest_marker("ends_the_platform") is not None)


class ClusterAccount(Account):
    """An account whose runs go into the cluster, too.

    Tokens for it are signed for where STS answers, and that is the emulator's own address.
    """

    def environment(self, records: Path) -> dict[str, str]:
        return {**super().environment(records), "AWS_ENDPOINT_URL_STS": self.endpoint}

    def start(self, *args: str, variables: dict[str, Any] | None = None, **more: Any) -> Started:
        return super().start(*args, variables={**DIRECT, **(variables or {})}, **more)


@dataclass
class ClusterPlatform:
    """The platform as its first run has built it. Whoever breaks it mends it."""

    account: ClusterAccount
    first_run: Run
    api: Api

    def run(self, *args: str, **more: Any) -> Run:
        return self.account.run(*args, **more)


@pytest.fixture(scope="session")
def cluster_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An AWS whose clusters have a Kubernetes API."""
    if programs.find("1.36") is None:
        pytest.skip(MISSING)
    instance = Instance(EMULATORS[0], free_port(), tmp_path_factory.mktemp("cluster"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_CLOUD_KUBERNETES", "1")
        processes.start(instance, timeout=60)
    yield instance
    processes.stop(instance)


def kubeconfig(instance: Instance, account_id: str) -> Path:
    """That of the administrator of the account's cluster."""
    (folder,) = instance.kubernetes.glob(f"{account_id}-*")
    return folder / "admin.kubeconfig"


@pytest.fixture(scope="session")
def cluster_platform(
    cluster_emulator: Instance, tmp_path_factory: pytest.TempPathFactory, figures: list[str]
) -> Iterator[ClusterPlatform]:
    """A converged platform with the layer `cluster`."""
    folder = tmp_path_factory.mktemp("cluster-runs")
    account = ClusterAccount(ACCOUNT, cluster_emulator.endpoint, folder, figures, BUILT, hasty=True)
    # The administrator of the cluster, by the inventory.
    make_role(account, ADMINISTRATORS, OTHER)
    run = account.run(note="first run with the layer cluster").assert_converged()
    yield ClusterPlatform(account, run, Api(kubeconfig(cluster_emulator, ACCOUNT)))
    account.close()


@pytest.fixture
def empty_account(cluster_emulator: Instance, tmp_path: Path, figures: list[str]) -> Iterator[ClusterAccount]:
    """An account in which nothing has been built."""
    account = ClusterAccount("640100000003", cluster_emulator.endpoint, tmp_path, figures, BUILT, hasty=True)
    make_role(account, ADMINISTRATORS, OTHER)
    yield account
    account.close()


@pytest.fixture(scope="session")
def kubernetes(cluster_platform: ClusterPlatform) -> Api:
    """The cluster of the platform, as its administrator has it."""
    return cluster_platform.api
