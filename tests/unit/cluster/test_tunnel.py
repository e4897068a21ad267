# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a run waits for its first session through the bastion."""

from __future__ import annotations

import datetime

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load
from tests.support.playbook import ROOT

DEFAULTS = load("cluster_access", "defaults/main.yml")
SHORT, LONG = DEFAULTS["cluster_access_timeout_seconds"], DEFAULTS["cluster_access_new_bastion_seconds"]


@pytest.mark.parametrize(
    ("minutes", "check_mode", "patience"),
    [(0, False, LONG), (55, False, LONG), (65, False, SHORT), (60 * 24 * 40, False, SHORT), (0, True, SHORT)],
)
def test_a_new_bastion_is_waited_for_until_its_agent_wakes(minutes, check_mode, patience):
    launched = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    known = {
        "__cluster_access_bastion": {"launch_time": launched.isoformat()},
        "ansible_check_mode": check_mode,
        "cluster_access_timeout_seconds": SHORT,
        "cluster_access_new_bastion_seconds": LONG,
    }
    expression = trust_as_template(load("cluster_access", "vars/main.yml")["__cluster_access_patience"])
    assert Templar(DataLoader(), variables=known).template(expression) == patience


def test_whoever_waits_for_the_bastion_is_as_patient():
    (play,) = yaml.safe_load((ROOT / "playbooks/bastion.yml").read_text())
    (patience,) = [task["vars"]["bastion_patience"] for task in play["tasks"] if "bastion_patience" in str(task)]
    assert patience == LONG
