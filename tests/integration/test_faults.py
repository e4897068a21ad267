# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS fails at every write there is, in every way, and the platform comes out the same.

The writes are those of a clean run, so a module that is added is covered without a word here. Each story has an account
of its own, so they go on side by side, and beside the tests of other files.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.support.components import IN_AWS
from tests.support.faults import Calls
from tests.support.playbook import Account, Run, Started

from . import census, neighbours
from .conftest import Platform, build_required, limit

# How AWS words it, by the service's signing name: (code, HTTP status). The others say what all services may say.
THROTTLED = {
    "bedrock": ("ThrottlingException", 429),
    "bedrock-agent": ("ThrottlingException", 429),
    "cognito-identity": ("TooManyRequestsException", 400),
    "cognito-idp": ("TooManyRequestsException", 400),
    "ec2": ("RequestLimitExceeded", 503),
    "eks": ("ThrottlingException", 429),
    "elasticache": ("Throttling", 400),
    "iam": ("Throttling", 400),
    "s3": ("SlowDown", 503),
    "s3vectors": ("TooManyRequestsException", 429),
}
BROKEN = {
    "cognito-identity": ("InternalErrorException", 500),
    "cognito-idp": ("InternalErrorException", 500),
    "appconfig": ("InternalServerException", 500),
    "bedrock": ("InternalServerException", 500),
    "bedrock-agent": ("InternalServerException", 500),
    "ec2": ("InternalError", 500),
    "eks": ("ServerException", 500),
    "elasticache": ("InternalFailure", 500),
    "iam": ("ServiceFailure", 500),
    "kms": ("KMSInternalException", 500),
    "logs": ("ServiceUnavailableException", 503),
    "s3": ("InternalError", 500),
    "s3vectors": ("InternalServerException", 500),
    "secretsmanager": ("InternalServiceError", 500),
}
# A run that fails may be repeated; each must get past what stopped the one before.
MOST_RUNS = 4


def throttled(service: str) -> dict:
    return _worded(*THROTTLED.get(service, ("ThrottlingException", 400)))


def broken(service: str) -> dict:
    return _worded(*BROKEN.get(service, ("InternalFailure", 500)))


def reset(_service: str) -> dict:
    return {"reset": True}


def reply_lost(_service: str) -> dict:
    """The call takes effect, its answer never comes."""
    return {"response": {"abort_frac": 0.0}}


def _worded(code: str, status: int) -> dict:
    return {"error": {"code": code, "status": status, "message": "Injected by the test"}}


@dataclass(frozen=True)
class Plot:
    """What befalls every write, one after the other, and whether a single run must stand it all.

    let_through: whether the write gets through after that; what looks for the effect of a lost reply finds it, so there
    is no repetition to let through.
    """

    account_id: str
    faults: dict[str, Callable[[str], dict]]
    one_run: bool
    let_through: bool

    def rules(self, writes: Calls) -> Iterator[tuple[str, int, dict]]:
        """Each fault's name, how often it is to occur, and its rule."""
        for (service, operation), count in writes.items():
            for number, (name, effect) in enumerate(self.faults.items()):
                # A rule sees what those before it have let pass.
                passing = len(self.faults) - number
                turns = {"sequence": {"fail": 1, "pass": passing}} if self.let_through else {}
                call = {"service": service, "operation": operation, "times": count}
                yield name, count, {**call, **effect(service), **turns}


PLOTS = {
    "throttled, then answered 500, then reset": Plot(
        "100000000011", {"throttled": throttled, "answered 500": broken, "reset": reset}, one_run=True, let_through=True
    ),
    "reply lost": Plot("100000000012", {"reply lost": reply_lost}, one_run=False, let_through=False),
}
POINTS = [(plot, fault) for plot in PLOTS for fault in PLOTS[plot].faults]


@dataclass
class Story:
    """What happened in one account. spared: rules that did not occur as often as they should."""

    account: Account
    runs: list[Run] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)
    spared: dict[str, list[dict]] = field(default_factory=dict)
    last: Run | None = None
    census: census.Census = field(default_factory=dict)


def suffer(name: str, account: Account, chosen: tuple[str, ...], writes: Calls) -> Story:
    """Run until it converges, with every write of a clean run spoilt; then once more in peace."""
    neighbours.settle(account)
    build_required(account, chosen, note=f"every write {name}")
    rules = list(PLOTS[name].rules(writes))
    account.proxy.spoil(rule for _fault, _count, rule in rules)
    story = Story(account)
    while len(story.runs) < MOST_RUNS:
        note = f"every write {name}, run {len(story.runs) + 1}"
        story.runs.append(account.run(*limit(account, chosen), note=note))
        if story.runs[-1].returncode == 0:
            break
    for (fault, count, rule), fired in zip(rules, account.proxy.fired(), strict=True):
        story.points[fault] = story.points.get(fault, 0) + fired
        if fired < count:
            story.spared.setdefault(fault, []).append({**rule, "fired": fired})
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


def bad_day(account: Account) -> dict[str, Run | census.Census | list[int]]:
    """Credentials expire, the run is killed, a permission is missing; then all goes well."""
    neighbours.settle(account)
    told: dict[str, Run | census.Census | list[int]] = {}

    run = account.start()
    wait_for(run, "CreateSubnet", 2)
    account.proxy.spoil(
        [{"service": "*", "error": {"code": "ExpiredToken", "status": 400, "message": "Token expired"}}]
    )
    told["expired"] = run.wait()

    account.proxy.spoil([])
    run = account.start()
    wait_for(run, "CreateNatGateway")
    # Itself alone: what it has started is to end with it.
    run.process.kill()
    told["killed"] = run.wait()
    told["outlived"] = run.outlived()

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
    """All stories, by name, told at once when it's their turn. The bad day is one of the whole platform."""
    chosen, writes = platform.chosen, platform.first_run.calls.writes
    tellers = {name: (suffer, name, new_account(plot.account_id), chosen, writes) for name, plot in PLOTS.items()}
    if chosen == IN_AWS:
        tellers["bad day"] = (bad_day, new_account("100000000015"))

    def tell() -> dict[str, Future]:
        with ThreadPoolExecutor(len(tellers)) as side_by_side:
            return {name: side_by_side.submit(*teller) for name, teller in tellers.items()}

    future = in_turn.submit(tell)
    yield future
    # If the tests end early the accounts' runs are ended next, and with them the stories.
    future.cancel()


@pytest.mark.by_component
@pytest.mark.begins(before="tests/integration")
def test_stories_begin(stories):
    """They take minutes, in which the tests of other files have one of the processors."""
    assert not stories.done()


@pytest.mark.awaits
@pytest.mark.by_component
@pytest.mark.parametrize("name", PLOTS)
class TestEveryWrite:
    def test_is_survived(self, name, stories):
        story: Story = stories.result()[name].result()
        for run in story.runs:
            run.assert_no_traceback()
        assert story.runs[-1].returncode == 0, story.runs[-1].explain()
        if PLOTS[name].one_run:
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


@pytest.mark.awaits
@pytest.mark.by_component
@pytest.mark.parametrize(("name", "fault"), POINTS)
def test_every_write_was_spoilt(name, fault, stories, platform, figures):
    """The count of fault points survived: calls that were spoilt, of the calls that a clean run makes."""
    story: Story = stories.result()[name].result()
    writes = platform.first_run.calls.writes
    figures.append(
        f"every write {fault}: {story.points[fault]} of {sum(writes.values())} calls of {len(writes)} operations"
        f" survived in {len(story.runs)} run(s)"
    )
    assert story.spared.get(fault, []) == []
    assert story.points[fault] == sum(writes.values())


@pytest.fixture(scope="session")
def told(stories: Future[dict[str, Future]]) -> dict[str, Run | census.Census | list[int]]:
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

    def test_nothing_outlived_it(self, told):
        assert told["outlived"] == []

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
