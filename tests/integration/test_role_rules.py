# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an organisation asks of every role: a path and a permissions boundary."""

from __future__ import annotations

import json

import pytest

from tests.support.faults import Calls
from tests.support.playbook import PREFIX

pytestmark = pytest.mark.thorough

ACCOUNT = "580100000001"
PATH = "/teams/agents/"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
LIMIT = ("--limit", "encryption,network,bastion_instance")


def test_every_role_has_the_path_and_the_boundary(new_account):
    account = new_account(ACCOUNT)
    iam = account.client("iam")
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(ALL))["Policy"]["Arn"]
    declared = (*LIMIT, "-e", f"platform_iam_path={PATH}", "-e", f"platform_permissions_boundary={boundary}")

    account.run(*declared, note="with path and boundary").assert_converged()

    names = [role["RoleName"] for role in account.pages("iam", "list_roles", "Roles")]
    ours = [iam.get_role(RoleName=name)["Role"] for name in names if name.startswith(PREFIX)]
    assert {role["RoleName"] for role in ours} == {f"{PREFIX}-bastion", f"{PREFIX}-flow-logs"}
    assert {role["Path"] for role in ours} == {PATH}
    assert {role["PermissionsBoundary"]["PermissionsBoundaryArn"] for role in ours} == {boundary}
    assert iam.get_instance_profile(InstanceProfileName=f"{PREFIX}-bastion")["InstanceProfile"]["Path"] == PATH

    iam.delete_role_permissions_boundary(RoleName=f"{PREFIX}-bastion")
    run = account.run(*declared, note="mends a boundary").assert_converged()
    assert run.calls.writes == Calls({("iam", "PutRolePermissionsBoundary"): 1})

    run = account.run(*LIMIT, note="refuses another path").assert_refused()
    roles = f"{PREFIX}-bastion, {PREFIX}-flow-logs"
    assert f"platform_iam_path: '/' is not the path of {roles}, which is {PATH}" in " ".join(run.output.split())
    assert not run.calls.writes
