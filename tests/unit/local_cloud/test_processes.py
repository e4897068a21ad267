# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starting and ending the emulator: nothing is left behind, nobody else's process is touched."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.support.local_cloud import processes, server, settings
from tests.support.local_cloud.__main__ import main

from .conftest import free_port


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Instance:
    """A folder and a port of their own for the command."""
    monkeypatch.setenv("LOCAL_CLOUD_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    (instance,) = settings.instances()
    return instance


@pytest.fixture
def running(environment: settings.Instance) -> Iterator[settings.Instance]:
    assert main(["up"]) == 0
    yield environment
    processes.stop(environment)


def vpc_count(instance: settings.Instance) -> int:
    session = boto3.Session(settings.ACCOUNT_ID, "a-secret-key-that-nobody-uses", region_name=settings.REGION)
    ec2 = session.client("ec2", endpoint_url=instance.endpoint)
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    return len(ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"])


def test_up_begins_empty_and_down_leaves_the_log_only(
    running: settings.Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    first = processes.running_pids(running)
    assert vpc_count(running) == 1
    assert main(["up"]) == 0
    second = processes.running_pids(running)
    assert len(second) == 1
    assert second != first
    assert not processes.command_of(first[0])
    assert vpc_count(running) == 1
    assert main(["status"]) == 0
    assert main(["down"]) == 0
    assert not processes.command_of(second[0])
    assert [path.name for path in running.base.iterdir()] == [running.log.name]
    assert main(["status"]) == 3
    assert main(["down"]) == 0
    assert "was not running" in capsys.readouterr().out


def test_up_after_a_kill(running: settings.Instance) -> None:
    (pid,) = processes.running_pids(running)
    os.kill(pid, signal.SIGKILL)
    assert main(["up"]) == 0
    assert processes.running_pids(running) != [pid]


def test_stale_pid_file_doesnt_end_another_process(environment: settings.Instance) -> None:
    environment.base.mkdir(exist_ok=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        environment.pid_file.write_text(str(other.pid), encoding="utf-8")
        assert main(["down"]) == 0
        assert other.poll() is None
        assert not environment.pid_file.exists()
        other.kill()


def test_lost_pid_file_is_no_lost_process(running: settings.Instance) -> None:
    (pid,) = processes.running_pids(running)
    running.pid_file.unlink()
    assert main(["down"]) == 0
    assert not processes.command_of(pid)


def test_taken_port_is_named(environment: settings.Instance, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", environment.port))
        taken.listen()
        assert main(["up"]) == 1
    message = capsys.readouterr().err
    assert f"Port {environment.port} is taken by process {os.getpid()}" in message
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in message
    assert message.count("\n") == 1


def test_emulator_that_ends_at_once_shows_its_log(
    environment: settings.Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = settings.Emulator("ministack", "AWS_ENDPOINT_URL", "", "tests.support.no_such_module", "/")
    monkeypatch.setattr(settings, "EMULATORS", (broken,))
    assert main(["up"]) == 1
    message = capsys.readouterr().err
    assert "ended with status 1 while starting" in message
    assert "no_such_module" in message
    assert not environment.pid_file.exists()


@pytest.mark.parametrize(
    "value",
    ["https://127.0.0.1:4566", "http://127.0.0.1", "http://192.0.2.1:4566", "http://127.0.0.1:99999", "nothing"],
)
def test_address_must_be_a_port_of_this_machine(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", value)
    assert main(["up"]) == 1
    assert f"AWS_ENDPOINT_URL={value} isn't" in capsys.readouterr().err


def test_functions_run_where_there_is_no_node() -> None:
    """A fresh machine has none."""
    node = shutil.which("node", path=server.path_with_node("/nonexistent"))
    assert node
    done = subprocess.run([node, "-p", "6 * 7"], env={}, capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"
    assert server.path_with_node(None) == str(Path(node).parent)
