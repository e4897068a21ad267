# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tasks return doesn't depend on the connection: the fast one gives the data that Ansible's own gives.

All other tests run with one connection, these with both. A difference is told with its task and its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.support.components import COMPONENTS, IN_AWS
from tests.support.playbook import Account, Run
from tests.support.returned import Names, Returned, by_nature, differences, returned
from tests.support.warm_runs import LOCAL, TOLD, WARM

from . import neighbours

# What is built with each connection, and the accounts in which. All of it takes 5 minutes with `local`.
TWO = ("encryption", "network")
ACCOUNTS = {
    TWO: {WARM: "100000000021", LOCAL: "100000000022"},
    IN_AWS: {WARM: "100000000023", LOCAL: "100000000024"},
}
# Records of all that was returned, with what each module was called with.
pytestmark = pytest.mark.thorough
FULL = {"TEST_RECORDS_FULL": "1", "ANSIBLE_INJECT_INVOCATION": "true"}
# What Ansible says of each command line that it starts; a module's call has one unless it runs in the warm process.
COMMAND_LINE = "EXEC /bin/sh -c"


def run(account: Account, connection: str, *args: str, note: str) -> Run:
    """Run the platform's playbook with this connection and no other; -vvv shows which it was."""
    variables = {"ansible_connection": connection}
    ended = account.run("-vvv", *args, variables=variables, environment=FULL, note=f"{note}, {connection}")
    ended.assert_converged()
    assert (COMMAND_LINE in ended.output) == (connection == LOCAL), ended.explain()
    assert (TOLD in ended.output) == (connection == WARM), ended.explain()
    return ended


def told(ended: Run) -> list[Returned]:
    results = by_nature(returned(ended.records))
    # An empty list would agree with any other.
    assert set(ended.recap) == {result.place.split(":")[0] for result in results}
    assert any("invocation" in result.values for result in results)
    return results


# A dry run of all takes a minute and more with `local`, and shows nothing that one component doesn't.
@pytest.mark.parametrize(
    "args", [(), ("--check", "--diff", "--limit", "network")], ids=["no change", "dry run of the network"]
)
def test_on_the_converged_platform(platform, args):
    """In one account even the ids are the same."""
    warm, local = (
        run(platform.account, connection, *args, note=" ".join(args) or "no change").assert_nothing_to_do()
        for connection in (WARM, LOCAL)
    )
    assert set(warm.recap) == ({"network"} if args else set(COMPONENTS))
    assert differences(told(warm), told(local)) == []


def build(account: Account, connection: str, components: tuple[str, ...]) -> Run:
    # The inventory names this role as administrator of the cluster.
    account.client("iam").create_role(
        RoleName=neighbours.ADMINISTRATORS,
        AssumeRolePolicyDocument=neighbours.TRUST,
        Tags=neighbours.tag_list(neighbours.OTHER),
    )
    limit = ("--limit", ",".join(components))
    return run(account, connection, *limit, note=f"first run of {len(components)} components")


@dataclass
class Built:
    components: tuple[str, ...]
    runs: dict[str, Future[Run]]


@pytest.fixture(scope="session", params=[TWO, IN_AWS], ids=["two components", "all"])
def built(request: pytest.FixtureRequest, new_account: Callable[[str], Account]) -> Iterator[Built]:
    """The runs that build the components, by connection, begun at once."""
    components = request.param
    accounts = {connection: new_account(number) for connection, number in ACCOUNTS[components].items()}
    executor = ThreadPoolExecutor(len(accounts))
    yield Built(
        components,
        {
            connection: executor.submit(build, account, connection, components)
            for connection, account in accounts.items()
        },
    )
    # If the tests end early the accounts' runs are ended next.
    executor.shutdown(wait=False, cancel_futures=True)


@pytest.mark.begins(before="tests/integration")
def test_building_begins(built):
    """It takes minutes, in which other tests have one of the processors."""
    assert all(future.running() or future.done() for future in built.runs.values())


def test_on_new_accounts(built):
    """What AWS makes up for each account has names in the order in which it turns up."""
    runs = {connection: future.result() for connection, future in built.runs.items()}
    for ended in runs.values():
        assert set(ended.recap) == set(built.components)
        assert ended.total("changed") > 0, ended.explain()
    accounts = ACCOUNTS[built.components]
    warm, local = (Names({accounts[connection]: "account"}).told(told(runs[connection])) for connection in accounts)
    assert differences(warm, local) == []
