# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the instance to the host on it: what the playbooks hand to the role, and the way in that they tell of.

What the role makes of a host is the business of its own scenario; here it only predicts, on this machine.
"""

from __future__ import annotations

import json
import os
import platform as machine
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.playbook import PREFIX, REGION

from .conftest import Platform

pytestmark = pytest.mark.by_component("bastion_instance")

SUPPORTED = {("debian", "12"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}


@pytest.fixture(scope="module")
def instance_id(platform: Platform) -> str:
    filters = [
        {"Name": "tag:Name", "Values": [f"{PREFIX}-bastion"]},
        {"Name": "tag:Component", "Values": ["bastion_instance"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    (reservation,) = platform.account.pages("ec2", "describe_instances", "Reservations", Filters=filters)
    return reservation["Instances"][0]["InstanceId"]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A stand-in for the AWS CLI that notes how it was called."""
    (tmp_path / "bin").mkdir()
    aws = tmp_path / "bin/aws"
    aws.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'told.json')!r}).write_text(json.dumps(sys.argv[1:]))\n"
    )
    aws.chmod(0o755)
    return tmp_path


def test_tunnel_leads_to_code_server_on_the_instance(platform, instance_id, told):
    script = told / "tunnel.sh"
    variables = {"tunnel_script": str(script), "tunnel_port": 9090}
    platform.account.run(playbook="playbooks/tunnel.yml", variables=variables, note="tunnel").assert_converged()

    subprocess.run([str(script)], env={"PATH": f"{told / 'bin'}:{os.environ['PATH']}"}, check=True, timeout=60)

    called = json.loads((told / "told.json").read_text())
    assert called[:2] == ["ssm", "start-session"]
    options = dict(zip(called[2::2], called[3::2], strict=True))
    assert json.loads(options.pop("--parameters")) == {"portNumber": ["8080"], "localPortNumber": ["9090"]}
    assert options == {
        "--region": REGION,
        "--target": instance_id,
        "--document-name": "AWS-StartPortForwardingSession",
    }


@pytest.mark.skipif(
    not SUPPORTED & {(info.get("ID"), info.get("VERSION_ID")) for info in [machine.freedesktop_os_release()]},
    reason="the role refuses this machine's distribution",
)
def test_host_gets_what_belongs_to_it(platform, instance_id, tmp_path):
    inventory = tmp_path / "hosts.json"
    host = {
        "ansible_connection": "ansible.builtin.local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
    }
    inventory.write_text(json.dumps({"bastion": {"hosts": {"machine": host}}}))
    password = platform.account.client("secretsmanager").get_secret_value(SecretId=f"{PREFIX}-bastion-code-server")

    run = platform.account.run(
        "-i", str(inventory), "--check", "--diff", playbook="playbooks/bastion.yml", note="bastion, dry run"
    ).assert_converged()

    applied = {record["task"].split(" : ")[-1] for record in run.records if record["host"] == "machine"}
    assert {"code_server | Write the unit", "platform_command | Write the command"} <= applied
    assert not run.calls.writes
    assert f"--target {instance_id}" in run.output
    assert "--document-name AWS-StartPortForwardingSession" in run.output
    told = run.output + json.dumps(run.records)
    assert password["SecretString"] not in told
