# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An emulator of its own for these tests, on a free port, with the shims that they prove."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.local_cloud import processes, settings

TRUST = '{"Version": "2012-10-17", "Statement": []}'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The emulator's clock for what is pending: a file that has a byte for each millisecond."""
    file: Path = tmp_path_factory.mktemp("clock") / "clock"
    file.touch()
    return file


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory, clock: Path) -> Iterator[settings.Instance]:
    instance = settings.Instance(settings.EMULATORS[0], free_port(), Path(tmp_path_factory.mktemp("local_cloud")))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LOCAL_CLOUD_CLOCK_FILE", str(clock))
        processes.start(instance, timeout=60)
    yield instance
    processes.stop(instance)


@pytest.fixture(autouse=True)
def only_sleep_passes_the_time(monkeypatch: pytest.MonkeyPatch, clock: Path) -> None:
    """What is pending stays so until the test sleeps, be the machine ever so slow."""
    sleep = time.sleep

    def sleep_and_pass(seconds: float) -> None:
        sleep(seconds)
        # A little more, as with every sleep.
        os.truncate(clock, clock.stat().st_size + round(seconds * 1000) + 1)

    monkeypatch.setattr(time, "sleep", sleep_and_pass)


@pytest.fixture(scope="session")
def client(local_cloud: settings.Instance) -> Callable[[str], Any]:
    """Makes a boto3 client; each service once, since botocore's models take long to load."""
    session = boto3.Session(settings.ACCOUNT_ID, "a-secret-key-that-nobody-uses", region_name=settings.REGION)
    clients: dict[str, Any] = {}

    def make(service: str) -> Any:
        if service not in clients:
            config = Config(retries={"total_max_attempts": 1}, parameter_validation=True)
            clients[service] = session.client(service, endpoint_url=local_cloud.endpoint, config=config)
        return clients[service]

    return make


@pytest.fixture(scope="session")
def ec2(client: Callable[[str], Any]) -> Any:
    return client("ec2")


@pytest.fixture(scope="session")
def eks(client: Callable[[str], Any]) -> Any:
    return client("eks")


@pytest.fixture(scope="session")
def iam(client: Callable[[str], Any]) -> Any:
    return client("iam")


@pytest.fixture
def vpc(ec2: Any) -> str:
    """A VPC with DNS names."""
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    return vpc_id


@pytest.fixture
def subnets(ec2: Any, vpc: str) -> list[str]:
    """Two subnets in two zones."""
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"us-west-2{zone}")["Subnet"][
            "SubnetId"
        ]
        for index, zone in enumerate("ab")
    ]


@pytest.fixture(scope="session")
def role(iam: Any) -> Callable[[str], str]:
    """Makes a role, once for each name, and gives its ARN."""
    arns: dict[str, str] = {}

    def make(name: str) -> str:
        if name not in arns:
            arns[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        return arns[name]

    return make
