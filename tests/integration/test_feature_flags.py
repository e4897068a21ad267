# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Feature flags as operators and clients have them: switched without a run, kept by runs, rolled back by an alarm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.components import with_required
from tests.support.faults import Calls
from tests.support.playbook import REGION, Account

from .components import feature_flags as flags

USED = ("feature_flags",)
pytestmark = [pytest.mark.by_component(*USED), pytest.mark.options]

LIMIT = ("--limit", "feature_flags")


@pytest.fixture(scope="module")
def account(new_account: Callable[..., Account]) -> Account:
    made = new_account("570100000001")
    made.run("--limit", ",".join(with_required(USED)), note="flags, for the first time").assert_converged()
    return made


def switch(account: Account, **values: object) -> None:
    """What an operator makes of the flag response-cache."""
    place = flags.place_of(account)
    document = flags.deployed(account, place)
    document["values"]["response-cache"] |= values
    flags.deploy(account, place, document)


def last(account: Account) -> dict:
    return flags.deployments(account, flags.place_of(account))[0]


def test_a_flag_changes_without_a_run_and_stays_changed(account):
    place = flags.place_of(account)
    assert flags.read(account, place)["response-cache"] == {"enabled": False}
    switch(account, enabled=True, seconds=60)
    assert flags.read(account, place)["response-cache"] == {"enabled": True, "seconds": 60}
    account.run(*LIMIT, note="an operator has switched a flag").assert_nothing_to_do()
    assert flags.read(account, place)["response-cache"] == {"enabled": True, "seconds": 60}


def test_the_inventory_wins_step_by_step_where_that_is_asked_for(account):
    switch(account, enabled=True, seconds=60)
    before, ours = last(account)["DeploymentNumber"], {"feature_flags_manage_values": True}
    dry = account.run(*LIMIT, "--check", "--diff", variables=ours, note="would set it back").assert_converged()
    assert "seconds: 60" in dry.output
    assert (dry.total("changed"), dry.calls.writes) == (1, Calls())
    run = account.run(*LIMIT, variables=ours, note="sets it back").assert_converged()
    assert run.calls.writes == flags.DEPLOYED
    deployment = last(account)
    assert deployment["DeploymentNumber"] == before + 1
    assert (deployment["GrowthFactor"], deployment["DeploymentDurationInMinutes"]) == (20, 10)
    assert flags.read(account, flags.place_of(account))["response-cache"] == {"enabled": False}
    account.run(*LIMIT, variables=ours, note="after that").assert_nothing_to_do()


def test_an_alarm_rolls_a_deployment_back_and_the_next_run_tries_again(account):
    cloudwatch, name = account.client("cloudwatch"), "theirs"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="theirs",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    monitor = {
        "alarm_arn": f"arn:aws:cloudwatch:{REGION}:{account.id}:alarm:{name}",
        "alarm_role_arn": f"arn:aws:iam::{account.id}:role/alarms",
    }
    declared = [{"key": "new-flag", "enabled": True}]
    variables = {"feature_flags_monitors": [monitor], "feature_flags_declared": declared}
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="too many errors")
    run = account.run(*LIMIT, variables=variables, note="an alarm goes off").assert_refused()
    failure = run.failures[0]
    assert "is ROLLED_BACK; clients have what they had before. AppConfig says: Deployment started" in failure
    assert monitor["alarm_arn"] in failure
    assert "new-flag" not in flags.read(account, flags.place_of(account))
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="mended")
    run = account.run(*LIMIT, variables=variables, note="after the alarm").assert_converged()
    # The version is that of the run before.
    assert run.calls.writes == Calls({("appconfig", "StartDeployment"): 1})
    assert flags.read(account, flags.place_of(account))["new-flag"] == {"enabled": True}


def test_what_was_deleted_comes_back(account):
    """An environment with its deployments, and then all of it."""
    place = flags.place_of(account)
    where = {member: place[member] for member in ("ApplicationId", "EnvironmentId")}
    appconfig = account.client("appconfig")
    appconfig.delete_environment(**where)
    run = account.run(*LIMIT, note="without its environment").assert_converged()
    assert run.calls.writes == Calls({("appconfig", "CreateEnvironment"): 1, ("appconfig", "StartDeployment"): 1})
    assert flags.read(account, flags.place_of(account))["long-term-memory"] == {"enabled": True}
    confirmed = {"platform_teardown_confirm": flags.NAME.removesuffix("-feature-flags")}
    account.run(*LIMIT, playbook="playbooks/teardown.yml", variables=confirmed, note="teardown").assert_converged()
    assert flags.applications(account) == []
    assert flags.strategies(account) == []
    account.run(*LIMIT, note="from the beginning").assert_converged()
    assert flags.read(account, flags.place_of(account))["response-cache"] == {"enabled": False}


def test_what_others_have_in_the_application_keeps_it_from_being_removed(account):
    place = flags.place_of(account)
    appconfig, application = account.client("appconfig"), {"ApplicationId": place["ApplicationId"]}
    theirs = appconfig.create_environment(**application, Name="theirs")["Id"]
    confirmed = {"platform_teardown_confirm": flags.NAME.removesuffix("-feature-flags")}
    run = account.run(
        *LIMIT, playbook="playbooks/teardown.yml", variables=confirmed, note="with an environment of others"
    ).assert_refused()
    assert "what others have made: environment theirs" in run.output
    assert not run.calls.writes
    appconfig.delete_environment(**application, EnvironmentId=theirs)
