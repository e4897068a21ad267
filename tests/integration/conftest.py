# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One emulator for all integration tests, an account for each scenario, one platform that most tests share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import ansible_cores, warm_runs
from tests.support.components import IN_AWS, IN_CLUSTER, with_required
from tests.support.faults import free_port
from tests.support.local_cloud import processes
from tests.support.local_cloud.settings import EMULATORS, Instance
from tests.support.playbook import Account, Run

from . import census, drift, neighbours

FOLDER = Path(__file__).resolve().parent
SHARED_ACCOUNT, DRIFT_ACCOUNT = "123456789012", "123456789021"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "options: a life with a component's options: with --component, else thorough")
    config.addinivalue_line(
        "markers",
        "every_ansible_core(oldest): runs with each supported version, by the fixture `core`; all but the installed one"
        " are thorough, and with `oldest` all but that and the oldest",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if marker := metafunc.definition.get_closest_marker("every_ansible_core"):
        # What works with the newest and the oldest one works between them, but for surprises.
        installed, *others = ansible_cores.VERSIONS
        usual = {installed, *(others[-1:] if "oldest" in marker.args else [])}
        metafunc.parametrize(
            "core",
            [
                version if version in usual else pytest.param(version, marks=pytest.mark.thorough)
                for version in ansible_cores.VERSIONS
            ],
            indirect=True,
        )
    chosen = chosen_components(metafunc.config)
    if "repairs" in metafunc.fixturenames:
        metafunc.parametrize("repairs", [*rounds_of_drift(chosen)], ids=lambda repairs: ", ".join(repairs))


def rounds_of_drift(chosen: tuple[str, ...]) -> Iterator[Any]:
    """All rounds; `make test` goes through those in which a component comes first."""
    known: set[str] = set()
    for repairs in drift.rounds(chosen):
        yield repairs if set(repairs) - known else pytest.param(repairs, marks=pytest.mark.options)
        known |= set(repairs)


def chosen_components(config: pytest.Config) -> tuple[str, ...]:
    """What the tests are about: all components, or those of --component."""
    chosen = config.getoption("component") or IN_AWS
    return tuple(component for component in IN_AWS if component in chosen)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --component only the component's own tests and those that go through the components are left."""
    chosen = config.getoption("component")
    if not chosen:
        for item in items:
            if item.get_closest_marker("options"):
                item.add_marker(pytest.mark.thorough)
        return
    here = [item for item in items if FOLDER in item.path.parents]
    left_out = [item for item in here if not any(_is_of(item, component) for component in chosen)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_of(item: pytest.Item, component: str) -> bool:
    if item.path.parent in (FOLDER / "components", FOLDER / "cluster/components"):
        return item.path.stem == component
    if component in IN_CLUSTER and FOLDER / "cluster" not in item.path.parents:
        return False
    marker = item.get_closest_marker("by_component")
    return marker is not None and component in (marker.args or (component,))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        if marker.args[0] not in with_required(chosen_components(item.config)):
            pytest.skip(f"{marker.args[0]} was not built")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty AWS of the tests' own, on a free port: never the one that `make up` has started."""
    instance = Instance(EMULATORS[0], free_port(), tmp_path_factory.mktemp("emulator"))
    processes.start(instance, timeout=60)
    yield instance.endpoint
    processes.stop(instance)


@pytest.fixture(scope="session")
def new_account(
    emulator: str, tmp_path_factory: pytest.TempPathFactory, figures: list[str], pytestconfig: pytest.Config
) -> Iterator[Callable[[str], Account]]:
    """Makes an account by its number; a number is used for one scenario only.

    Its runs don't wait as long as they would for AWS, unless the scenario is about time (hasty=False).
    """
    accounts: list[Account] = []
    about = with_required(chosen_components(pytestconfig))
    folder: Path = tmp_path_factory.mktemp("runs")

    def make(account_id: str, hasty: bool = True) -> Account:
        assert account_id not in [account.id for account in accounts], f"account {account_id} is in use"
        accounts.append(Account(account_id, emulator, folder, figures, about, hasty=hasty))
        return accounts[-1]

    yield make
    for account in accounts:
        account.close()


@dataclass
class Platform:
    """The platform that was converged once, in an account where others had built before.

    components: what it consists of. chosen: those of them that the tests are about, which the first run has built.
    """

    account: Account
    chosen: tuple[str, ...]
    first_run: Run
    neighbours: list[str]
    census: census.Census

    @property
    def components(self) -> tuple[str, ...]:
        return self.account.components


def build_required(account: Account, chosen: tuple[str, ...], note: str) -> None:
    """Build what the chosen components require, if anything."""
    if required := [component for component in account.components if component not in chosen]:
        account.run("--limit", ",".join(required), note=f"{note}: what it requires").assert_converged()


def limit(account: Account, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Options for a run of the chosen components and no others of the account's."""
    return () if chosen == account.components else ("--limit", ",".join(chosen))


def build(account: Account, chosen: tuple[str, ...], note: str) -> Platform:
    neighbours.settle(account)
    before = neighbours.snapshot(account)
    build_required(account, chosen, note=note)
    run = account.run(*limit(account, chosen), note=note).assert_converged()
    return Platform(account, chosen, run, before, census.take(account))


@pytest.fixture(scope="session")
def platform(new_account: Callable[[str], Account], pytestconfig: pytest.Config) -> Platform:
    """A converged platform. Whoever breaks it mends it."""
    return build(new_account(SHARED_ACCOUNT), chosen_components(pytestconfig), note="first run")


@pytest.fixture(scope="session")
def drifting(
    request: pytest.FixtureRequest, new_account: Callable[[str], Account], pytestconfig: pytest.Config
) -> Platform:
    """Another one, for the tests that break the most: they and those of the other go on beside each other.

    With --component, where there is less to do, it's the same.
    """
    if pytestconfig.getoption("component"):
        return request.getfixturevalue("platform")
    return build(new_account(DRIFT_ACCOUNT), chosen_components(pytestconfig), note="first run, to be broken")


@pytest.fixture(scope="session")
def lister(platform: Platform) -> census.Lister:
    """Reads the account of the platform."""
    return census.Lister(platform.account)


@pytest.fixture
def core(request: pytest.FixtureRequest) -> ansible_cores.Core:
    """The installed ansible-core; with the marker every_ansible_core one after the other, in their own environments."""
    try:
        return ansible_cores.core(getattr(request, "param", ansible_cores.INSTALLED))
    except ansible_cores.PythonIsMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    """The name of the module that tests of the connection call: see warm_runs.both_ways."""
    return getattr(request, "param", "misbehave")


@pytest.fixture
def run(core: ansible_cores.Core, way: str) -> Iterator[warm_runs.Run]:
    """Small playbooks of a test's own, which leave nothing behind."""
    # Not pytest's own folder: its path is long for a socket, and another user couldn't enter it.
    with tempfile.TemporaryDirectory(prefix="warm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield warm_runs.Run(folder, core, way)
        # A process that the run didn't need may still be loading where others keep the processors busy.
        warm_runs.assert_nothing_is_left(folder, seconds=10)
