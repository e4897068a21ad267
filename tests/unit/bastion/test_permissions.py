# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the bastion's role may do, which whoever is on it may do: no more than docs/security.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles" / "bastion_instance"
VARS = yaml.safe_load((ROLE / "vars/main.yml").read_text())
OWN = {item["Sid"]: item for item in VARS["__bastion_instance_own_statements"]}
LOGS = [*VARS["__bastion_instance_session_statements"], *VARS["__bastion_instance_log_statements"]]
EVERYWHERE = {"BeReachedBySessionManager", "LogInToRegistryEverywhere"}


def test_it_may_do_these_things():
    assert OWN.keys() == EVERYWHERE | {
        "FindCluster",
        "ConnectToDatabase",
        "ReadCacheSecret",
        "ActAsMasterOfSearch",
        "ReadMachineClientSecret",
        "DecryptSecrets",
        "PullAndPushImages",
        "InvokeModels",
        "InvokeProfiles",
        "InvokeModelsThroughProfiles",
    }


@pytest.mark.parametrize("statement", [*OWN.values(), *LOGS], ids=lambda item: item["Sid"])
def test_each_action_and_resource_is_named(statement: dict[str, Any]):
    assert [action for action in statement["Action"] if "*" in action] == []
    assert ("*" in statement["Resource"]) == (statement["Sid"] in EVERYWHERE)
    assert not [action for action in statement["Action"] if action.startswith(("iam:", "ssm:Get"))]


def test_no_policy_of_aws_is_attached():
    tasks = yaml.safe_load((ROLE / "tasks/role.yml").read_text())
    (role,) = [task["agent_platform.aws.iam_role"] for task in tasks if "agent_platform.aws.iam_role" in task]
    assert role["managed_policies"] == []


def test_nothing_is_taken_out_of_the_logs():
    actions = {action for item in LOGS for action in item["Action"] if action.startswith("logs:")}
    assert actions == {
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    }


def test_it_decrypts_secrets_and_sessions_alone():
    conditions = {item["Sid"]: item["Condition"] for item in [*OWN.values(), *LOGS] if "kms:Decrypt" in item["Action"]}
    assert conditions == {
        "DecryptSecrets": {"StringEquals": {"kms:ViaService": "secretsmanager.<region>.<dns_suffix>"}},
        "DecryptSessions": {"Null": {"kms:EncryptionContext:aws:ssm:SessionId": "false"}},
    }
