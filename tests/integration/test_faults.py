# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS fails at every write there is, in every way, and the platform comes out the same.

The writes are those of a clean run, so a module that is added is covered without a word here. Each way of failing has
an account of its own, so their stories go on side by side, and beside the tests of other files.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.support.faults import Calls
from tests.support.playbook import Account, Run, Started

from . import census, neighbours
from .conftest import Platform

# How AWS words it, by the service's signing name: (code, HTTP status).
THROTTLED = {
    "ec2": ("RequestLimitExceeded", 503),
    "eks": ("ThrottlingException", 429),
    "iam": ("Throttling", 400),
    "kms": ("ThrottlingException", 400),
    "logs": ("ThrottlingException", 400),
    "s3": ("SlowDown", 503),
    "secretsmanager": ("ThrottlingException", 400),
}
BROKEN = {
    "ec2": ("InternalError", 500),
    "eks": ("ServerException", 500),
    "iam": ("ServiceFailure", 500),
    "kms": ("KMSInternalException", 500),
    "logs": ("ServiceUnavailableException", 503),
    "s3": ("InternalError", 500),
    "secretsmanager": ("InternalServiceError", 500),
}
# Once, and then let the repetition through: so each call fails at its first attempt.
EVERY_OTHER = {"sequence": {"fail": 1, "pass": 1}}
# A run that fails may be repeated; each must get past what stopped the one before.
MOST_RUNS = 4


def worded(words: dict[str, tuple[str, int]], service: str) -> dict:
    code, status = words[service]
    return {"error": {"code": code, "status": status, "message": "Injected by the test"}}


@dataclass(frozen=True)
class Fault:
    """A way of failing. effect: what a rule does to calls of a service. one_run: whether a single run must stand it."""

    account_id: str
    effect: Callable[[str], dict]
    one_run: bool


FAULTS = {
    "throttled": Fault("100000000011", lambda service: {**worded(THROTTLED, service), **EVERY_OTHER}, True),
    "answered 500": Fault("100000000012", lambda service: {**worded(BROKEN, service), **EVERY_OTHER}, True),
    "reset": Fault("100000000013", lambda service: {"reset": True, **EVERY_OTHER}, True),
    # The call takes effect, its answer never comes. What looks for the effect finds it, so there is no repetition
    # to let through.
    "reply lost": Fault("100000000014", lambda service: {"response": {"abort_frac": 0.0}}, False),
}


@dataclass
class Story:
    """What happened in one account."""

    account: Account
    runs: list[Run] = field(default_factory=list)
    spoilt: Calls = field(default_factory=Calls)
    last: Run | None = None
    census: census.Census = field(default_factory=dict)


def suffer(fault: Fault, name: str, account: Account, writes: Calls) -> Story:
    """Run until it converges, with every write of a clean run spoilt once; then once more in peace."""
    neighbours.settle(account)
    account.proxy.spoil(
        {"service": service, "operation": operation, "times": count, **fault.effect(service)}
        for (service, operation), count in writes.items()
    )
    story = Story(account)
    while len(story.runs) < MOST_RUNS:
        run = account.run(note=f"every write {name}, run {len(story.runs) + 1}")
        story.runs.append(run)
        story.spoilt.update(run.spoilt)
        if run.returncode == 0:
            break
    account.proxy.spoil([])
    story.last = account.run(note=f"every write {name}, once more in peace")
    story.census = census.take(account)
    return story


def wait_for(run: Started, operation: str, count: int = 1) -> None:
    """Until the run has made this call so many times."""
    deadline = time.monotonic() + 600
    while run.process.poll() is None and time.monotonic() < deadline:
        if sum(made for (_, name), made in run.account.proxy.calls().items() if name == operation) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{operation} was not called {count} times: {run.wait().explain()}")


def bad_day(account: Account) -> dict[str, Run | census.Census]:
    """Credentials expire, the run is killed, a permission is missing; then all goes well."""
    neighbours.settle(account)
    told: dict[str, Run | census.Census] = {}

    run = account.start()
    wait_for(run, "CreateSubnet", 2)
    account.proxy.spoil(
        [{"service": "*", "error": {"code": "ExpiredToken", "status": 400, "message": "Token expired"}}]
    )
    told["expired"] = run.wait()

    account.proxy.spoil([])
    run = account.start()
    wait_for(run, "CreateNatGateway")
    run.kill()
    told["killed"] = run.wait()

    denied = {"code": "AccessDeniedException", "status": 403, "message": "User is not authorized"}
    account.proxy.spoil([{"service": "eks", "operation": "CreateNodegroup", "error": denied}])
    told["denied"] = account.run(note="bad day: a permission is missing")

    account.proxy.spoil([])
    told["mended"] = account.run(note="bad day: mended")
    told["second"] = account.run(note="bad day: second run")
    told["census"] = census.take(account)
    return told


@pytest.fixture(scope="session")
def stories(
    platform: Platform, new_account: Callable[[str], Account], in_turn: Executor
) -> Iterator[Future[dict[str, Future]]]:
    """All stories, by name, told at once when it's their turn."""
    writes = platform.first_run.calls.writes
    accounts = {name: new_account(fault.account_id) for name, fault in FAULTS.items()}
    account_of_bad_day = new_account("100000000015")

    def tell() -> dict[str, Future]:
        with ThreadPoolExecutor(len(FAULTS) + 1) as side_by_side:
            told = {
                name: side_by_side.submit(suffer, fault, name, accounts[name], writes) for name, fault in FAULTS.items()
            }
            return {**told, "bad day": side_by_side.submit(bad_day, account_of_bad_day)}

    future = in_turn.submit(tell)
    yield future
    # If the tests end early the accounts' runs are ended next, and with them the stories.
    future.cancel()


@pytest.mark.begins(before="tests/integration")
def test_stories_begin(stories):
    """They take minutes, in which the tests of other files have one of the processors."""
    assert not stories.done()


@pytest.mark.awaits
@pytest.mark.parametrize("name", FAULTS)
class TestEveryWrite:
    def test_is_survived(self, name, stories):
        story: Story = stories.result()[name].result()
        for run in story.runs:
            run.assert_no_traceback()
        assert story.runs[-1].returncode == 0, story.runs[-1].explain()
        if FAULTS[name].one_run:
            assert len(story.runs) == 1, story.runs[0].explain()
        # Whatever stopped a run must not stop the next.
        stopped = [set(run.failures) for run in story.runs]
        for former, latter in itertools.pairwise(stopped):
            assert not former & latter, f"failed twice: {former & latter}"

    def test_leaves_nothing_to_do(self, name, stories):
        stories.result()[name].result().last.assert_nothing_to_do()

    def test_leaves_nothing_twice_and_nothing_out(self, name, stories, platform):
        story: Story = stories.result()[name].result()
        assert census.differences(platform.census, story.census) == []

    def test_was_spoilt(self, name, stories, platform, figures):
        """The count of fault points survived: calls that were spoilt, of the calls that a clean run makes."""
        story: Story = stories.result()[name].result()
        writes = platform.first_run.calls.writes
        points = sum(min(count, story.spoilt[call]) for call, count in writes.items())
        figures.append(
            f"every write {name}: {points} of {sum(writes.values())} calls of {len(writes)} operations"
            f" survived in {len(story.runs)} run(s)"
        )
        assert sorted(call for call in writes if not story.spoilt[call]) == []
        assert points == sum(writes.values()), Calls(
            {call: count - story.spoilt[call] for call, count in writes.items()}
        )


@pytest.fixture(scope="session")
def told(stories: Future[dict[str, Future]]) -> dict[str, Run | census.Census]:
    return stories.result()["bad day"].result()


@pytest.mark.awaits
class TestBadDay:
    def test_expired_credentials_end_the_run_with_a_clear_word(self, told):
        run = told["expired"].assert_refused()
        assert "ExpiredToken" in run.output
        assert "credentials" in run.output

    def test_a_killed_run_had_begun(self, told):
        assert told["killed"].returncode < 0
        assert told["killed"].calls.writes

    def test_a_missing_permission_is_named(self, told):
        run = told["denied"].assert_refused()
        assert "eks:CreateNodegroup" in run.output
        # The foundation is done, and what builds on the cluster is refused instead of failing in its own way.
        assert {record["host"] for record in run.records if record["status"] == "failed"} == {
            "eks",
            "workload_identity",
        }
        assert "workload_identity was not started because eks did not converge" in run.output

    def test_the_next_run_converges(self, told, platform):
        told["mended"].assert_converged()
        assert census.differences(platform.census, told["census"]) == []

    def test_and_then_there_is_nothing_to_do(self, told):
        told["second"].assert_nothing_to_do()
