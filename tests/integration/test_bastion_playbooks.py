# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the instance to the host on it: what the playbooks hand to the role, and the way in that they tell of.

What the role makes of a host is the business of its own scenario; here it only predicts, on this machine.
"""

from __future__ import annotations

import json
import platform as machine
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import session_manager
from tests.support.faults import free_port
from tests.support.playbook import PREFIX
from tests.support.remote_host import echo, said_back
from tests.support.warm_runs import processes, wait_for

from . import neighbours
from .conftest import Platform
from .drift import QUICKLY

SUPPORTED = {("debian", "12"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}

pytestmark = pytest.mark.by_component("bastion_instance")
on_a_supported_host = pytest.mark.skipif(
    not SUPPORTED & {(info.get("ID"), info.get("VERSION_ID")) for info in [machine.freedesktop_os_release()]},
    reason="the role refuses this machine's distribution",
)


# The machine stands in for the instance: everything that reaches it is predicted here.
HERE = {
    "ansible_connection": "ansible.builtin.local",
    "ansible_python_interpreter": sys.executable,
    "ansible_become": False,
}
CONFIGURED = {"bastion_instance_configured": True}
NOTHING_IS_SENT = "Wait for Session Manager"


@pytest.fixture(scope="module")
def instance_id(platform: Platform) -> str:
    filters = [
        {"Name": "tag:Name", "Values": [f"{PREFIX}-bastion"]},
        {"Name": "tag:Component", "Values": ["bastion_instance"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    (reservation,) = platform.account.pages("ec2", "describe_instances", "Reservations", Filters=filters)
    return reservation["Instances"][0]["InstanceId"]


def with_group(folder: Path, **values: object) -> list[str]:
    """An inventory beside that of the platform, in which the group of the machine has these variables."""
    (folder / "group_vars").mkdir()
    (folder / "hosts.json").write_text(json.dumps({"bastion": {}}))
    (folder / "group_vars/bastion.json").write_text(json.dumps(values))
    return ["-i", str(folder / "hosts.json")]


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    return with_group(tmp_path, **HERE)


def test_tunnel_leads_to_code_server_on_the_instance(platform, instance_id, tmp_path):
    """And ends with the process that it is for, as `make tunnel` is."""
    local_port = free_port()
    with echo() as port, subprocess.Popen(["sleep", "600"]) as owner:
        plugin = session_manager.install_plugin(tmp_path / "bin", hosts={instance_id: ["127.0.0.1", port]})
        variables = {"tunnel_port": local_port, "tunnel_owner": owner.pid, "tunnel_folder": str(tmp_path / "tunnel")}
        environment = session_manager.environment(plugin)
        try:
            platform.account.run(
                playbook="playbooks/tunnel.yml", variables=variables, environment=environment, note="tunnel"
            ).assert_converged()

            assert said_back(local_port) == b"hello"
            assert processes("session_manager", instance_id)
            ssm = platform.account.client("ssm")
            (session,) = ssm.describe_sessions(State="Active")["Sessions"]
            assert (session["Target"], session["DocumentName"]) == (instance_id, "AWS-StartPortForwardingSession")
            assert json.loads(session_manager.calls(plugin)[0]["arguments"][4])["Parameters"]["portNumber"] == ["8080"]
        finally:
            owner.kill()
    wait_for(lambda: not ssm.describe_sessions(State="Active")["Sessions"], 2)
    with pytest.raises(ConnectionRefusedError):
        said_back(local_port)
    # Its last act is a call, which would be counted as one of the next run.
    wait_for(lambda: not processes("session_manager", instance_id), 10)


@pytest.mark.skipif(
    not SUPPORTED & {(info.get("ID"), info.get("VERSION_ID")) for info in [machine.freedesktop_os_release()]},
    reason="the role refuses this machine's distribution",
)
@on_a_supported_host
@pytest.mark.parametrize(
    ("playbook", "limit"),
    [
        pytest.param("playbooks/bastion.yml", [], marks=pytest.mark.thorough),
        ("site.yml", ["--limit", "bastion_instance"]),
    ],
)
def test_host_gets_what_belongs_to_it(platform, instance_id, here, playbook, limit, tmp_path):
    password = platform.account.client("secretsmanager").get_secret_value(SecretId=f"{PREFIX}-bastion-code-server")

    run = platform.account.run(
        *here,
        "--check",
        "--diff",
        *limit,
        playbook=playbook,
        variables=CONFIGURED,
        environment=session_manager.environment(session_manager.install_plugin(tmp_path / "bin")),
        note=f"{playbook}, dry run",
    ).assert_converged()

    applied = [record for record in run.records if "bastion :" in record["task"]]
    assert {"code_server | Write the unit", "platform_command | Write the command"} <= {
        record["task"].split(" : ")[-1] for record in applied
    }
    # Nothing of the role is for the machine that Ansible runs on, its handlers included.
    assert {record.get("delegated") for record in applied} == {f"bastion-{instance_id}"}
    assert "Restart code-server" in {record["task"].split(" : ")[-1] for record in applied}
    assert not run.calls.writes
    assert f"--target {instance_id}" in run.output
    assert "--document-name AWS-StartPortForwardingSession" in run.output
    told = run.output + json.dumps(run.records)
    assert password["SecretString"] not in told


def refusal(platform: Platform, *args: str, **variables: object) -> str:
    """What a run says that ends before anything is sent to a machine."""
    run = platform.account.run(
        *args, playbook="playbooks/bastion.yml", variables={**CONFIGURED, **variables}, note="bastion, refused"
    ).assert_refused()
    assert NOTHING_IS_SENT not in {record["task"] for record in run.records}, run.explain()
    (failure,) = run.failures
    return failure


def test_a_connection_that_stays_here_is_refused(platform, here):
    assert "The connection of the group bastion is ansible.builtin.local, which stays" in refusal(platform, *here)


def test_settings_that_nobody_would_read_are_refused(platform, tmp_path):
    inventory = with_group(tmp_path, ansible_connection="amazon.aws.aws_ssm", bastion_user="jo")

    assert "bastion_user of the group bastion: bastion_instance reads" in refusal(platform, *inventory)


def test_a_machine_out_of_reach_is_told_with_what_helps(platform, instance_id, tmp_path):
    """The agent of Session Manager may sleep for half an hour, which is waited for; here it takes seconds."""
    nowhere = with_group(tmp_path, ansible_connection="ansible.builtin.ssh", ansible_host="127.0.0.1", ansible_port=1)

    run = platform.account.run(
        *nowhere, playbook="playbooks/bastion.yml", variables={**CONFIGURED, "bastion_patience": 2}
    ).assert_refused()

    assert f"{instance_id} runs, but couldn't be reached for" in run.failures[-1]
    assert f"aws ec2 reboot-instances --instance-ids {instance_id}" in run.failures[-1]


def test_no_machine_is_an_error(platform, instance_id):
    """An environment that was copied, or whose bastion is gone: nothing to configure must not pass for success."""
    assert "bastion_instance, which does not exist" in refusal(platform, platform_environment="copied")
    ec2 = platform.account.client("ec2")
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig=QUICKLY)
    try:
        assert f"The bastion {instance_id} is stopped; start it: ansible-playbook site.yml" in refusal(platform)
    finally:
        ec2.start_instances(InstanceIds=[instance_id])
        ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=QUICKLY)


def test_an_instance_without_our_profile_is_no_bastion(platform, instance_id):
    """Tags are given by many, the profile by few."""
    ec2 = platform.account.client("ec2")
    filters = [{"Name": "instance-id", "Values": [instance_id]}]
    (held,) = ec2.describe_iam_instance_profile_associations(Filters=filters)["IamInstanceProfileAssociations"]
    ec2.disassociate_iam_instance_profile(AssociationId=held["AssociationId"])
    try:
        assert f"{instance_id} has the tags of the bastion and not its instance profile" in refusal(platform)
    finally:
        profile = {"Arn": held["IamInstanceProfile"]["Arn"]}
        ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile=profile)


@on_a_supported_host
def test_what_looks_like_the_bastion_takes_nobodys_place(platform, instance_id, here):
    """Instances with the names of components: one without all of our tags, and one with them."""
    ec2 = platform.account.client("ec2")
    (ours,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    tags = {tag["Key"]: tag["Value"] for tag in ours["Tags"]}
    launched = []

    def launch(**changes: str) -> str:
        specification = neighbours.specification("instance", {**tags, **changes})
        made = ec2.run_instances(
            ImageId="ami-0123456789abcdef0",
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=ours["SubnetId"],
            TagSpecifications=specification,
        )["Instances"][0]["InstanceId"]
        ec2.get_waiter("instance_running").wait(InstanceIds=[made], WaiterConfig=QUICKLY)
        launched.append(made)
        return made

    try:
        launch(Name="encryption", ManagedBy="someone")
        run = platform.account.run(
            *here, "--check", playbook="playbooks/bastion.yml", variables=CONFIGURED, note="bastion beside a stranger"
        ).assert_converged()
        assert {record.get("delegated") for record in run.records if "bastion :" in record["task"]} == {
            f"bastion-{instance_id}"
        }
        # With all of our tags it may be the bastion, which a run doesn't guess.
        second = launch(Name="eks")
        assert f"The instances {instance_id}, {second} are all ours" in refusal(platform, *here)
    finally:
        ec2.terminate_instances(InstanceIds=launched)
        ec2.get_waiter("instance_terminated").wait(InstanceIds=launched, WaiterConfig=QUICKLY)


class TestRotation:
    """Of the password of code-server."""

    ROTATE = "playbooks/rotate_bastion_password.yml"

    @staticmethod
    def labels(platform: Platform) -> dict[str, str]:
        secrets = platform.account.client("secretsmanager")
        found = secrets.list_secret_version_ids(SecretId=f"{PREFIX}-bastion-code-server")["Versions"]
        return {label: version["VersionId"] for version in found for label in version["VersionStages"]}

    @staticmethod
    def password(platform: Platform) -> str:
        secrets = platform.account.client("secretsmanager")
        return secrets.get_secret_value(SecretId=f"{PREFIX}-bastion-code-server")["SecretString"]

    def test_one_that_no_host_would_get_is_refused(self, platform, instance_id):
        run = platform.account.run(playbook=self.ROTATE, note="no rotation").assert_refused()
        assert "bastion_instance_configured is false" in run.failures[-1]
        assert not run.calls.writes

    def test_an_interrupted_one_is_gone_on_with(self, platform, instance_id, tmp_path):
        """Here the host is out of reach, twice; the new password is the same one, and told nowhere."""
        ssh = {"ansible_connection": "ansible.builtin.ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
        nowhere = with_group(tmp_path, **ssh)
        how = {"playbook": self.ROTATE, "variables": {**CONFIGURED, "bastion_patience": 2}}
        before, old = self.labels(platform), self.password(platform)

        first = platform.account.run(*nowhere, "-vvvv", **how, note="rotation, cut short").assert_refused()

        after, new = self.labels(platform), self.password(platform)
        assert (new != old, len(new), new.isalnum()) == (True, 32, True)
        assert after["AWSCURRENT"] == after["AWSPENDING"] != before["AWSCURRENT"]
        assert after["AWSPREVIOUS"] == before["AWSCURRENT"]
        told = first.output + json.dumps(first.records)
        assert old not in told
        assert new not in told
        second = platform.account.run(*nowhere, **how, note="rotation, cut short again").assert_refused()
        assert not second.calls.writes
        assert self.password(platform) == new

        # The end, as the playbook's last play has it.
        secrets = platform.account.client("secretsmanager")
        secrets.update_secret_version_stage(
            SecretId=f"{PREFIX}-bastion-code-server",
            VersionStage="AWSPENDING",
            RemoveFromVersionId=after["AWSPENDING"],
        )
        again = platform.account.run("--limit", "bastion_instance", note="after a rotation").assert_converged()
        assert again.total("changed") == 0, again.explain()

    @on_a_supported_host
    def test_a_dry_one_changes_nothing(self, platform, instance_id, here):
        run = platform.account.run(*here, "--check", playbook=self.ROTATE, variables=CONFIGURED, note="dry rotation")
        assert not run.assert_converged().calls.writes
