# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens to the database in its life: an upgrade that waits, one that is done, its end, and its return."""

from __future__ import annotations

import pytest

from tests.support.playbook import PREFIX

from .components import aurora
from .conftest import build_required

ACCOUNT = "100000000081"
UPGRADE = {"aurora_allow_major_version_upgrade": True}
LATER = {**UPGRADE, "aurora_apply_immediately": False}

pytestmark = [pytest.mark.by_component("aurora"), pytest.mark.thorough]


def groups(account) -> set[str]:
    listed = account.pages("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups")
    return {group["DBClusterParameterGroupName"] for group in listed}


def test_an_upgrade_the_end_and_the_return_of_a_database(new_account):
    account = new_account(ACCOUNT)
    build_required(account, ("aurora",), note="what the database requires")
    one = ("--limit", "aurora")
    account.run(*one, variables={"aurora_engine_version": "16.13"}, note="an old major version").assert_converged()

    run = account.run(*one, note="another major version").assert_refused()
    assert "aurora_allow_major_version_upgrade to true" in run.output

    run = account.run(*one, variables=LATER, note="in the window").assert_converged()
    assert "engine_version (17.10) takes effect in the maintenance window" in run.output
    assert aurora.cluster(account)["EngineVersion"] == "16.13"
    assert {f"{aurora.CLUSTER}-16", aurora.PARAMETERS} <= groups(account)

    account.run(*one, variables=UPGRADE, note="at once").assert_converged()
    upgraded = aurora.cluster(account)
    assert (upgraded["EngineVersion"], upgraded["DBClusterParameterGroup"]) == ("17.10", aurora.PARAMETERS)
    assert f"{aurora.CLUSTER}-16" not in groups(account)
    account.run(*one, note="again").assert_nothing_to_do()

    end = {"platform_teardown_confirm": PREFIX, "aurora_skip_final_snapshot": False}
    account.run(*one, playbook="playbooks/teardown.yml", variables=end, note="its end").assert_converged()
    (snapshot,) = account.pages("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots")
    name = snapshot["DBClusterSnapshotIdentifier"]
    assert name == f"{aurora.CLUSTER}-final-{upgraded['DbClusterResourceId'].removeprefix('cluster-').lower()}"

    account.run(*one, variables={"aurora_restore_snapshot": name}, note="its return").assert_converged()
    restored = aurora.cluster(account)
    assert restored["DbClusterResourceId"] != upgraded["DbClusterResourceId"]
    # What the restoration doesn't take has been set after it.
    assert (restored["BackupRetentionPeriod"], restored["MasterUserSecret"]["SecretStatus"]) == (7, "active")
    account.run(*one, note="without the snapshot").assert_nothing_to_do()
