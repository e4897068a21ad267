# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sessions of Session Manager: of instances with an agent only, by documents that exist, until they are ended."""

from __future__ import annotations

import json
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import TRUST

REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
PARAMETERS = {"portNumber": ["443"], "localPortNumber": ["0"], "host": ["api.example.internal"]}


@pytest.fixture
def ssm(client: Callable[[str], Any]) -> Any:
    return client("ssm")


@pytest.fixture(scope="module")
def profile(iam: Any) -> str:
    iam.create_role(RoleName="session-agent", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="session-agent")
    iam.add_role_to_instance_profile(InstanceProfileName="session-agent", RoleName="session-agent")
    return "session-agent"


@pytest.fixture
def node(ec2: Any, subnets: list[str], profile: str) -> Iterator[str]:
    yield from launched(ec2, subnets, IamInstanceProfile={"Name": profile})


@pytest.fixture
def unmanaged(ec2: Any, subnets: list[str]) -> Iterator[str]:
    yield from launched(ec2, subnets)


def launched(ec2: Any, subnets: list[str], **options: Any) -> Iterator[str]:
    made = ec2.run_instances(
        ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnets[0], **options
    )["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made], WaiterConfig={"Delay": 0.2, "MaxAttempts": 50})
    yield made
    ec2.terminate_instances(InstanceIds=[made])


def start(ssm: Any, target: str, **changes: Any) -> dict[str, Any]:
    return ssm.start_session(**{"Target": target, "DocumentName": REMOTE, "Parameters": PARAMETERS, **changes})


def refused(*args: Any, **kwargs: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        start(*args, **kwargs)
    told = refusal.value.response["Error"]
    return told["Code"], told["Message"]


def connect(answer: dict[str, Any], token: str | None = None) -> tuple[socket.socket, bytes]:
    """What a plugin does with a session: the connection, and what it hears first."""
    place = urllib.parse.urlsplit(answer["StreamUrl"])
    connection = socket.create_connection((place.hostname, place.port), timeout=10)
    shown = {"SessionId": answer["SessionId"], "TokenValue": token or answer["TokenValue"]}
    connection.sendall(json.dumps(shown).encode() + b"\n")
    return connection, connection.recv(100)


def states(ssm: Any, state: str) -> dict[str, str]:
    return {item["SessionId"]: item["Status"] for item in ssm.describe_sessions(State=state)["Sessions"]}


def test_a_session_lasts_until_it_is_terminated(ssm, node):
    answer = start(ssm, node, Reason="a test")
    connection, heard = connect(answer)
    with connection:
        assert heard == b"ready\n"
        assert states(ssm, "Active")[answer["SessionId"]] == "Connected"

        ssm.terminate_session(SessionId=answer["SessionId"])

        assert connection.recv(1) == b""
    assert states(ssm, "History")[answer["SessionId"]] == "Terminated"
    assert answer["SessionId"] not in states(ssm, "Active")


def test_a_token_is_good_for_its_session_only(ssm, node):
    answer = start(ssm, node)
    connection, heard = connect(answer, token="another")
    with connection:
        assert heard == b""


def test_a_session_is_resumed_with_a_new_token_and_not_after_its_end(ssm, node):
    answer = start(ssm, node)

    resumed = ssm.resume_session(SessionId=answer["SessionId"])

    assert resumed["TokenValue"] != answer["TokenValue"]
    ssm.terminate_session(SessionId=answer["SessionId"])
    assert "TokenValue" not in ssm.resume_session(SessionId=answer["SessionId"])


def test_only_a_running_instance_with_an_agent_is_connected(ssm, ec2, node, unmanaged):
    assert refused(ssm, unmanaged) == ("TargetNotConnected", f"{unmanaged} is not connected.")
    assert refused(ssm, "i-0123456789abcdef9")[0] == "TargetNotConnected"
    ec2.stop_instances(InstanceIds=[node])
    assert refused(ssm, node)[0] == "TargetNotConnected"


def test_documents_and_their_parameters(ssm, node):
    assert refused(ssm, node, DocumentName="AWS-StartNothing")[0] == "InvalidDocument"
    assert refused(ssm, node, Parameters={"portNumber": ["443"]})[0] == "ValidationException"


def test_instances_are_told_with_the_state_of_their_agent(ssm, ec2, node, unmanaged):
    def told(instance: str) -> list[str]:
        filters = [{"Key": "InstanceIds", "Values": [instance]}]
        found = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        return [item["PingStatus"] for item in found]

    assert (told(node), told(unmanaged)) == (["Online"], [])
    ec2.stop_instances(InstanceIds=[node])
    assert told(node) == ["ConnectionLost"]
