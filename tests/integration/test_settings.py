# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a user's own, confidential ones among them, beside what others have put there."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.faults import Calls
from tests.support.playbook import PREFIX

from .components.configuration import OWN, PATH, REGION_KEY
from .neighbours import OTHER, tag_list

ACCOUNT = "560100000001"
ABOUT = ("--limit", "encryption,configuration")
LEVEL = {"name": "app/LOG_LEVEL", "value": "debug-all", "description": "How much the app says"}
HIDDEN = "n0body-reads-this"
# As a lookup gives it: it stands nowhere in plain text.
KEY = {"name": "app/WEBHOOK_TOKEN", "value": f"{{{{ '{HIDDEN[::-1]}' | reverse }}}}", "confidential": True}
THEIRS, NEAR = f"{PATH}/theirs/A", f"{PATH}2/platform/REGION"

pytestmark = pytest.mark.by_component("configuration")


@pytest.fixture(scope="module")
def account(new_account):
    made = new_account(ACCOUNT)
    # Someone else's below our path, and another platform's whose path only begins as ours does.
    for name, tags in ((THEIRS, OTHER), (NEAR, {**OWN, "Environment": "local2"})):
        made.client("ssm").put_parameter(Name=name, Value="theirs", Type="String", Tags=tag_list(tags))
    return made


def settle(account, *parameters, options=(), note="", **variables):
    given = {"configuration_parameters": list(parameters), **variables}
    return account.run(*ABOUT, *options, variables=given, note=note)


def parameter(account, name):
    try:
        return account.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    except ClientError:
        return None


def test_they_are_published_and_what_is_confidential_is_shown_nowhere(account):
    run = settle(account, LEVEL, KEY, options=("--diff", "-vvvv"), note="own settings").assert_converged()
    assert HIDDEN not in run.output + json.dumps(run.records)
    assert parameter(account, f"{PATH}/app/LOG_LEVEL")["Value"] == "debug-all"
    token = parameter(account, f"{PATH}/app/WEBHOOK_TOKEN")
    assert (token["Type"], token["Value"]) == ("SecureString", HIDDEN)
    # What isn't ours is left, and told of where it lies below our path.
    assert parameter(account, THEIRS)["Value"] == parameter(account, NEAR)["Value"] == "theirs"
    told = " ".join(run.output.split())
    assert f"{THEIRS} below {PATH} isn't this platform's and is left alone" in told
    assert NEAR not in told


def test_a_changed_one_is_shown_and_a_confidential_one_is_not(account):
    before = parameter(account, f"{PATH}/app/WEBHOOK_TOKEN")["Version"]
    changed = {**LEVEL, "value": "warnings-only"}, {**KEY, "value": KEY["value"].replace("{{ '", "{{ 'x")}
    run = settle(account, *changed, options=("--diff",), note="changed").assert_converged()
    assert run.calls.writes == Calls({("ssm", "PutParameter"): 2})
    assert "warnings-only" in run.output
    assert HIDDEN not in run.output
    assert parameter(account, f"{PATH}/app/WEBHOOK_TOKEN")["Version"] == before + 1


def test_in_plain_text_it_is_refused_before_any_write(account, tmp_path):
    file = tmp_path / "settings.yml"
    # The value itself, and what gives one.
    given = [{**KEY, "value": HIDDEN}, {**KEY, "name": "app/OTHER", "value": "{{ 'elsewhere' | reverse }}"}]
    file.write_text(json.dumps({"configuration_parameters": given}))
    run = account.run(*ABOUT, "-e", f"@{file}", note="in plain text").assert_refused()
    assert not run.calls.writes
    (failure,) = run.failures
    assert "configuration_parameters[0].value: is confidential and stands in plain text in the inventory" in failure
    assert "configuration_parameters[1]" not in failure
    assert HIDDEN not in run.output


def test_another_type_is_refused_and_replaced_on_demand(account):
    ssm = account.client("ssm")
    ssm.delete_parameter(Name=REGION_KEY)
    ssm.put_parameter(Name=REGION_KEY, Value="theirs", Type="SecureString", Tags=tag_list(OWN))
    run = settle(account, note="another type").assert_refused()
    assert f"{REGION_KEY}' can't be changed in place (type: is 'SecureString', declared 'String')" in run.output
    # All else is as declared: what isn't in the list any more has gone.
    assert parameter(account, f"{PATH}/app/LOG_LEVEL") is None
    settle(account, configuration_replace=True, note="replaced").assert_converged()
    assert parameter(account, REGION_KEY)["Type"] == "String"


def test_a_teardown_takes_ours_alone(account):
    variables = {"platform_teardown_confirm": PREFIX}
    account.run(
        "--limit", "configuration", playbook="playbooks/teardown.yml", variables=variables, note="settings taken back"
    ).assert_converged()
    left = [item["Name"] for item in account.pages("ssm", "describe_parameters", "Parameters")]
    assert left == [THEIRS, NEAR]
