# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What takes minutes goes on in the background, one after the other, and the tests that don't need it run beside it.

With pytest's option -n the files are shared out among processes; what shares the platform, or waits for such work,
stays in one of them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

from tests.support import components

ROOT = Path(__file__).resolve().parents[1]
INTEGRATION = ROOT / "tests/integration"
FIGURES = pytest.StashKey[list[str]]()
# Fixtures that are costly, or that run one thing after the other: once, in one process.
SHARED = {"platform", "in_turn", "drifting"}
# As costly, in a process of its own, and so long that it begins before the other tests of its folder. With --component
# it's the platform.
DRIFTING = "drifting"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--component",
        action="append",
        choices=components.COMPONENTS,
        default=[],
        help="only the tests of this component; the platform is built of it and of what it requires (may be repeated)",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --component of the unit and layout tests those of the component, and none that need a host."""
    chosen = config.getoption("component")
    if not chosen or collection_path.is_dir():
        return None
    folder = collection_path.relative_to(components.TESTS).parts[0]
    if folder in ("unit", "layout"):
        return None if any(collection_path in components.tests(component) for component in chosen) else True
    return True if folder == "molecule" else None


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []
    # A proxy for the web has nothing to do with what tests start on this machine.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    # Ended from outside as by Ctrl+C: emulators and runs are ended, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for marker in (
        "begins(before): begins work that goes on beside other tests, so it comes before those of that folder",
        "awaits: looks at the result of such work, so it comes after all other tests",
        "by_component(*names): stays with --component, by default with each; integration tests without it don't",
        "needs(component): is skipped where the platform was built without this one",
    ):
        config.addinivalue_line("markers", marker)


# Before pytest-xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    awaiting = [item for item in items if item.get_closest_marker("awaits")]
    items[:] = [item for item in items if item not in awaiting] + awaiting
    for item in [item for item in items if item.get_closest_marker("begins")]:
        folder = ROOT / item.get_closest_marker("begins").kwargs["before"]
        items.remove(item)
        items.insert(next((index for index, other in enumerate(items) if folder in other.path.parents), 0), item)
    begun = {item.path for item in items if item.get_closest_marker("begins")}
    apart = not config.getoption("component")
    drifting = [item for item in items if apart and DRIFTING in getattr(item, "fixturenames", ())]
    others = [item for item in items if item not in drifting]
    first = next((index for index, item in enumerate(others) if INTEGRATION in item.path.parents), len(others))
    items[:] = [*others[:first], *drifting, *others[first:]]
    for item in items:
        if item in drifting:
            item.add_marker(pytest.mark.xdist_group(DRIFTING))
        elif item.path in begun or SHARED & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("platform"))


class Together(LoadGroupScheduling):
    """Gives a process all tests of a group, or of a file, in the order in which they are to run."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return nodeid.split("::", 1)[0] if scope == nodeid else scope


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = session.config.stash[FIGURES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    node.config.stash[FIGURES] += getattr(node, "workeroutput", {}).get("figures", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[FIGURES]:
        terminalreporter.section("figures")
        for line in config.stash[FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the test run: how long playbooks took, how many faults were survived."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture(scope="session")
def in_turn() -> Iterator[ThreadPoolExecutor]:
    """Runs what is submitted, each when the one before has ended: all at once would take from all."""
    executor = ThreadPoolExecutor(1)
    yield executor
    executor.shutdown(wait=False, cancel_futures=True)
