# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole platform twice in one account, as two environments: neither touches the other, nor does its removal."""

from __future__ import annotations

import json

import pytest

from tests.support.playbook import OWNER, Account

from . import census, neighbours
from .conftest import Platform

TWIN = {"platform_environment": "twin"}
TWINS = {**OWNER, "Environment": "twin"}
CONFIRMED = {**TWIN, "platform_teardown_confirm": "agent-platform-twin"}

pytestmark = [pytest.mark.by_component, pytest.mark.options]


def belongings(account: Account, owner: dict[str, str]) -> list[str]:
    """Everything that AWS tells of what bears an owner's tags, each thing as one text."""
    return sorted(
        f"{kind} {json.dumps(item, sort_keys=True, default=str)}"
        for kind, item in census.Lister(account).tagged()
        if owner.items() <= census.tags_of(item).items()
    )


def test_two_environments_of_one_account_do_not_touch_each_other(platform: Platform):
    account = platform.account
    ours = belongings(account, OWNER)
    assert ours

    account.run(variables=TWIN, note="a second environment").assert_converged()
    assert len(belongings(account, TWINS)) == len(ours)
    assert belongings(account, OWNER) == ours

    run = account.run(note="the first beside the second").assert_nothing_to_do()
    assert "twin" not in run.output
    account.run(variables=TWIN, note="the second beside the first").assert_nothing_to_do()

    account.run(playbook="playbooks/teardown.yml", variables=CONFIRMED, note="removal of the second").assert_converged()
    assert belongings(account, TWINS) == []
    assert belongings(account, OWNER) == ours
    assert neighbours.snapshot(account) == platform.neighbours
    # Nor is anything left without tags, but for the alias of the key, which goes with it when its deletion is due.
    if "encryption" in platform.components:
        account.client("kms").delete_alias(AliasName="alias/agent-platform-twin-key")
    assert census.differences(platform.census, census.take(account)) == []
