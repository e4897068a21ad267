# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tunnel with its keeper, in processes as in use, against a stand-in for Session Manager. Runs: test_tunnel.py."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import session_manager
from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import ssm_port_forward as module
from tests.support import session_manager as stand_in
from tests.support.local_cloud.wire import AWSError
from tests.support.remote_host import echo, make_certificate, said_back
from tests.support.remote_host import served as accepting
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error
from tests.support.session_manager.endpoint import CALLER, Endpoint, served
from tests.support.warm_runs import wait_for

DEFAULTS = {name: option.get("default") for name, option in argument_spec(module.DOCUMENTATION).items()}
NODE = "i-0123456789abcdef0"
HOST = "api.example.internal"
GRACE = 2.0


@pytest.fixture(autouse=True)
def clock() -> None:
    """The real one: other processes go by it."""


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    with served() as endpoint:
        yield endpoint


@pytest.fixture
def owner() -> Iterator[subprocess.Popen]:
    """The process whose tunnels these are."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def remote() -> Iterator[int]:
    with echo() as port:
        yield port


@pytest.fixture
def plugin(tmp_path: Path, remote: int) -> Path:
    return stand_in.install_plugin(tmp_path / "bin", hosts={HOST: ["127.0.0.1", remote]})


class Tunnels:
    """Calls of the module for one owner."""

    def __init__(self, aws: Endpoint, owner: int, plugin: Path, folder: Path):
        self.aws, self.owner, self.plugin, self.folder = aws, owner, plugin, folder
        self.keepers: set[int] = set()

    def __call__(self, *steps: Step, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        params = {
            **DEFAULTS,
            "target": NODE,
            "remote_host": HOST,
            "remote_port": 443,
            "plugin_path": str(self.plugin),
            "owner_pid": self.owner,
            "folder": str(self.folder),
            "wait_timeout": 20,
            "region": "us-west-2",
            "endpoint_url": self.aws.url,
            "access_key": "AKIATUNNEL",
            "secret_key": "of-the-tunnel",
            **options,
        }
        scripted = ScriptedAws(*steps)
        result = module.PortForward(ScriptedModule(scripted, params, check_mode)).run()
        assert not scripted.steps
        if result["pid"]:
            self.keepers.add(result["pid"])
        return result

    def refused(self, *steps: Step, **options: Any) -> str:
        with pytest.raises(ResourceError) as refusal:
            self(*steps, **options)
        text = str(refusal.value)
        assert "\n" not in text
        return text


@pytest.fixture
def tunnels(aws: Endpoint, owner: subprocess.Popen, plugin: Path, tmp_path: Path) -> Iterator[Tunnels]:
    made = Tunnels(aws, owner.pid, plugin, tmp_path / "tunnels")
    yield made
    owner.kill()
    owner.wait()
    wait_for(lambda: not [pid for pid in made.keepers if is_alive(pid)], GRACE)


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# ---- one that works


def test_leads_to_the_host_through_a_session_of_the_node(tunnels, aws, plugin):
    made = tunnels()

    assert made["changed"]
    assert made["session_id"] in aws.active
    assert said_back(made["local_port"]) == b"hello"
    assert aws.asked[0] == (
        "StartSession",
        {
            "Target": NODE,
            "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
            "Parameters": {"portNumber": ["443"], "localPortNumber": ["0"], "host": [HOST]},
            "Reason": "Port forwarding by agent_platform.aws",
        },
    )


def test_a_port_of_the_node_itself_has_a_document_of_its_own(tunnels, aws, remote, tmp_path):
    tunnels.plugin = stand_in.install_plugin(tmp_path / "node", hosts={NODE: ["127.0.0.1", remote]})

    made = tunnels(remote_host=None, remote_port=8080)

    assert said_back(made["local_port"]) == b"hello"
    assert aws.asked[0][1]["DocumentName"] == "AWS-StartPortForwardingSession"
    assert aws.asked[0][1]["Parameters"] == {"portNumber": ["8080"], "localPortNumber": ["0"]}
    assert made["remote_host"] == NODE


def test_plugin_is_called_as_by_the_aws_cli_and_the_token_is_in_no_command_line(tunnels, aws, plugin):
    made = tunnels()

    (call,) = stand_in.calls(plugin)
    response, region, operation, profile, request, endpoint = call["arguments"]
    assert (response, region, operation, profile) == (
        "AWS_SSM_START_SESSION_RESPONSE",
        "us-west-2",
        "StartSession",
        "",
    )
    assert json.loads(request) == aws.asked[0][1]
    assert endpoint == aws.url
    # It resumes a session by itself.
    assert call["credentials"] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    token = aws.sessions[made["session_id"]].token.encode()
    shown = b""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            shown += (entry / "cmdline").read_bytes()
    assert b"session_manager.py" in shown
    assert token not in shown
    for file in tunnels.folder.iterdir():
        if file.is_file():
            assert token not in file.read_bytes()


def test_much_comes_through_unharmed(tunnels):
    made = tunnels()
    sent = os.urandom(3_000_000)
    with socket.create_connection(("127.0.0.1", made["local_port"]), timeout=30) as connection:
        sending = threading.Thread(target=connection.sendall, args=(sent,))
        sending.start()
        came = bytearray()
        while len(came) < len(sent):
            came += connection.recv(1 << 16)
        sending.join()
    assert bytes(came) == sent


def test_calls_of_one_run_share_a_tunnel(tunnels, aws):
    made = tunnels()

    again = tunnels()

    assert again == {**made, "changed": False}
    assert len(aws.active) == 1
    assert tunnels(remote_port=444)["local_port"] != made["local_port"]


def test_local_port_is_the_one_that_is_asked_for(tunnels):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert tunnels(local_port=port)["local_port"] == port
    assert tunnels(local_port=port)["changed"] is False
    text = tunnels.refused(local_port=port + 1)
    assert f"is open at 127.0.0.1:{port} already, and not at {port + 1}" in text


def test_check_mode_only_tells(tunnels, aws):
    assert tunnels(check_mode=True)["changed"]
    assert aws.asked == []
    made = tunnels()
    assert tunnels(check_mode=True) == {**made, "changed": False}
    assert tunnels(check_mode=True, state="stopped")["changed"]
    assert said_back(made["local_port"]) == b"hello"


# ---- its end


def test_stopped_leaves_nothing(tunnels, aws, plugin):
    made = tunnels()
    temporary = Path(stand_in.calls(plugin)[0]["temporary"])
    assert temporary.is_dir()

    assert tunnels(state="stopped")["changed"]

    assert not is_open(made["local_port"])
    assert not is_alive(made["pid"])
    assert aws.active == []
    assert ("TerminateSession", {"SessionId": made["session_id"]}) in aws.asked
    assert not temporary.exists()
    assert tunnels(state="stopped") == {**tunnels(state="stopped"), "changed": False, "local_port": None}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_ends_with_its_owner_however_that_ends(tunnels, aws, plugin, owner, number):
    made = tunnels()
    (call,) = stand_in.calls(plugin)
    with socket.create_connection(("127.0.0.1", made["local_port"])):
        owner.send_signal(number)
        owner.wait()
        wait_for(lambda: not is_alive(made["pid"]) and not is_alive(call["pid"]), GRACE)
    assert not is_open(made["local_port"])
    assert aws.active == []
    assert not Path(call["temporary"]).exists()


def test_ends_in_time_where_aws_doesn_t_answer(tunnels, aws, owner, monkeypatch):
    made = tunnels()
    monkeypatch.setattr(aws, "terminate", lambda _request: time.sleep(30) or {})
    owner.kill()
    owner.wait()

    wait_for(lambda: not is_alive(made["pid"]), GRACE)


def test_plugin_ends_with_a_keeper_that_is_killed(tunnels, plugin):
    made = tunnels()
    os.kill(made["pid"], signal.SIGKILL)

    wait_for(lambda: not is_alive(stand_in.calls(plugin)[0]["pid"]), GRACE)
    # And the next call makes another one.
    assert tunnels()["changed"]


def test_no_tunnel_for_an_owner_that_has_ended(tunnels, owner):
    owner.kill()
    owner.wait()

    assert "ended" in tunnels.refused()


# ---- sessions that break


@pytest.fixture
def certified(tunnels, tmp_path) -> Iterator[Path]:
    """The certificate of the host, behind tunnels that are looked at by TLS."""
    pair = make_certificate(tmp_path, HOST)
    with echo(pair) as port:
        tunnels.plugin = stand_in.install_plugin(tmp_path / "bin", hosts={HOST: ["127.0.0.1", port]})
        yield pair[0]


def test_a_session_that_aws_ends_is_replaced_behind_the_same_port(tunnels, aws, certified):
    made = tunnels(health_check="tls")

    aws.end(made["session_id"])

    # What comes meanwhile waits.
    assert said_back(made["local_port"], certificate=certified, name=HOST) == b"hello"
    again = tunnels(health_check="tls")
    assert (again["changed"], again["local_port"], again["pid"]) == (False, made["local_port"], made["pid"])
    assert again["restarts"] == 1
    assert again["session_id"] != made["session_id"]
    assert aws.active == [again["session_id"]]


def test_a_plugin_that_is_killed_is_replaced(tunnels, aws, plugin, certified):
    made = tunnels(health_check="tls")

    for _time in range(2):
        os.kill(stand_in.calls(plugin)[-1]["pid"], signal.SIGKILL)
        assert said_back(made["local_port"], certificate=certified, name=HOST) == b"hello"
    assert tunnels(health_check="tls")["restarts"] == 2
    assert len(aws.active) == 1


def test_a_session_through_which_nothing_comes_any_more_is_replaced(tunnels, aws, tmp_path, monkeypatch):
    """As one whose plugin hasn't come back to AWS: it takes connections, and closes none."""
    monkeypatch.setattr(module, "Settings", functools.partial(module.Settings, probe_every=0.5, probe_patience=0.5))
    deaf = tmp_path / "deaf"
    with echo(make_certificate(tmp_path, HOST)) as port:
        tunnels.plugin = stand_in.install_plugin(tmp_path / "bin", hosts={HOST: ["127.0.0.1", port]}, deaf=str(deaf))
        made = tunnels(health_check="tls")
        deaf.touch()
        wait_for(lambda: made["session_id"] not in aws.active)
        deaf.unlink()

        again = tunnels()

    assert again["local_port"] == made["local_port"]
    assert again["restarts"] >= 1


def test_connections_of_a_replaced_session_are_closed(tunnels, aws):
    made = tunnels()
    with socket.create_connection(("127.0.0.1", made["local_port"]), timeout=10) as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"
        aws.end(made["session_id"])
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def test_a_refusal_of_the_next_session_is_told_and_tried_again(tunnels, aws, certified):
    made = tunnels(health_check="tls")
    aws.refusals["StartSession"] = AWSError("ExpiredTokenException", "The security token has expired")
    aws.end(made["session_id"])
    wait_for(lambda: len([name for name, _request in aws.asked if name == "StartSession"]) > 2)
    told = session_manager.ask(next(iter(tunnels.folder.glob("*.lock"))).with_suffix("").as_posix(), "status", 0.1)
    assert told["failure"]["code"] == "ExpiredTokenException"

    aws.refusals.clear()

    assert said_back(made["local_port"], certificate=certified, name=HOST) == b"hello"


def test_a_plugin_that_hangs_at_its_start_is_replaced(tunnels, remote, tmp_path):
    tunnels.plugin = stand_in.install_plugin(tmp_path / "slow", hosts={HOST: ["127.0.0.1", remote]}, hangs=1)

    text = tunnels.refused(wait_timeout=2)

    assert "The Session Manager plugin opened no port within 2 s" in text
    assert "wss://ssmmessages.us-west-2.amazonaws.com" in text
    assert "ssmmessages:OpenDataChannel on its own sessions" in text
    assert said_back(tunnels(wait_timeout=20)["local_port"]) == b"hello"


# ---- refusals


def test_no_plugin(tunnels):
    text = tunnels.refused(plugin_path="no-such-plugin")

    assert text.startswith(
        f"Could not open the tunnel to {HOST}:443: no-such-plugin isn't in PATH. Install the Session"
    )
    assert "isn't a program" in tunnels.refused(plugin_path="/nowhere/session-manager-plugin")


def test_a_plugin_that_would_show_the_token_is_refused(tunnels, aws, tmp_path):
    tunnels.plugin = stand_in.install_plugin(tmp_path / "old", version="1.2.497.0")

    assert "is version 1.2.497.0, which takes the session's token from its command line" in tunnels.refused()
    assert aws.asked == []


@pytest.mark.parametrize(("version", "taken"), [("1.2.536.0", True), ("1.3.0.0", True), ("1.1", False), ("x", False)])
def test_versions(tunnels, aws, remote, tmp_path, version, taken):
    tunnels.plugin = stand_in.install_plugin(tmp_path / "v", version=version, hosts={HOST: ["127.0.0.1", remote]})
    if taken:
        assert tunnels()["changed"]
    else:
        assert version in tunnels.refused()


def test_local_port_in_use(tunnels, aws):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = tunnels.refused(local_port=port)

    assert f"127.0.0.1:{port} can't be listened on" in text
    assert "Choose another local_port" in text
    assert aws.asked == []


def test_nothing_behind_it(tunnels, aws, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    tunnels.plugin = stand_in.install_plugin(tmp_path / "lost", hosts={HOST: ["127.0.0.1", port]})

    text = tunnels.refused()

    assert f"Nothing answers at {HOST}:443" in text
    assert "Connection to destination port failed" in text
    assert "its security group lets it go there" in text
    assert aws.active == []


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Let the first session fail with an answer of AWS, without a keeper."""

    def fail(code: str, text: str) -> None:
        def open_tunnel(*_args: Any) -> None:
            raise session_manager.TunnelError("session", text, code)

        monkeypatch.setattr(session_manager, "open_tunnel", open_tunnel)

    return fail


IDENTITY = Step("GetCallerIdentity", {"Account": "123456789012", "Arn": CALLER, "UserId": "x"})


def test_permission_missing(tunnels, fails):
    said = f"User: {CALLER} is not authorized to perform: ssm:StartSession on resource: x"
    fails("AccessDeniedException", said)

    text = tunnels.refused(IDENTITY)

    assert said in text
    assert (
        f"Allow ssm:StartSession on arn:aws:ec2:us-west-2:123456789012:instance/{NODE} and on arn:aws:ssm:us-west-2::"
        "document/AWS-StartPortForwardingSessionToRemoteHost for the identity of this run"
    ) in text


def node(status: str) -> Step:
    answer = {"InstanceInformationList": [{"InstanceId": NODE, "PingStatus": status}] if status else []}
    return Step("DescribeInstanceInformation", answer, {"Filters": [{"Key": "InstanceIds", "Values": [NODE]}]})


def instance(state: str) -> Step:
    instances = [{"InstanceId": NODE, "State": {"Name": state}}]
    return Step("DescribeInstances", {"Reservations": [{"Instances": instances}]}, {"InstanceIds": [NODE]})


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([node("ConnectionLost"), instance("stopped")], "The instance is stopped: start it"),
        ([node("ConnectionLost"), instance("running")], "Its agent is offline (ConnectionLost"),
        ([node(""), instance("running")], "It runs, but is no managed node: its agent hasn't registered"),
        ([node("Online")], "whose agent is online, but not for sessions"),
        (
            [node(""), Step("DescribeInstances", api_error("DescribeInstances", "InvalidInstanceID.NotFound"))],
            "The instance is not there",
        ),
        (
            [Step("DescribeInstanceInformation", api_error("DescribeInstanceInformation", "AccessDeniedException"))],
            "See that the instance runs and that its SSM agent is online",
        ),
    ],
)
def test_node_that_isn_t_connected(tunnels, fails, steps, said):
    fails("TargetNotConnected", f"{NODE} is not connected.")

    text = tunnels.refused(*steps)

    assert f"TargetNotConnected: {NODE} is not connected. " in text
    assert said in text


def test_a_refusal_of_aws_ends_the_call_at_once(tunnels, aws):
    aws.refusals["StartSession"] = AWSError("AccessDeniedException", "no")

    text = tunnels.refused(IDENTITY, wait_timeout=600)

    assert text.startswith(
        f"Could not open the tunnel to {HOST}:443: AccessDeniedException: no. Allow ssm:StartSession"
    )
    assert [operation for operation, _request in aws.asked] == ["StartSession"]


def test_a_node_that_comes_to_be_connected_is_waited_for(tunnels, aws):
    aws.refusals["StartSession"] = AWSError("TargetNotConnected", f"{NODE} is not connected.")
    threading.Timer(1.5, aws.refusals.clear).start()

    assert tunnels()["changed"]


def test_a_folder_of_others_is_refused(tunnels):
    tunnels.folder.mkdir(mode=0o755)

    assert "isn't this user's alone" in tunnels.refused()


def test_a_long_path_is_no_hindrance(tunnels):
    tunnels.folder = tunnels.folder / ("long" * 20) / ("path" * 20)

    assert tunnels()["changed"]
    assert not tunnels()["changed"]
    shutil.rmtree(tunnels.folder.parent, ignore_errors=True)


def test_a_host_that_closes_by_itself_is_not_taken_for_a_broken_session(tunnels, aws, tmp_path):
    """It takes the first connection, which is the look at it, and says nothing to the others."""
    seen = []

    def talk(connection: socket.socket) -> None:
        seen.append(connection)
        if len(seen) % 2 == 0:
            connection.close()

    with accepting(talk) as port:
        tunnels.plugin = stand_in.install_plugin(tmp_path / "bin", hosts={HOST: ["127.0.0.1", port]})
        made = tunnels()
        assert said_back(made["local_port"]) == b""
        assert tunnels()["restarts"] == 0


def test_the_wrong_certificate_is_refused_by_who_connects(tunnels, tmp_path):
    """Someone else's at the other end: the tunnel judges nobody, its clients ask for the name of the host."""
    foreign = make_certificate(tmp_path, "elsewhere.example.internal")
    with echo(foreign) as port:
        tunnels.plugin = stand_in.install_plugin(tmp_path / "bin", hosts={HOST: ["127.0.0.1", port]})
        made = tunnels(health_check="tls")
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            said_back(made["local_port"], certificate=foreign[0], name=HOST)
        ours = make_certificate(tmp_path, HOST)[0]
        with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed certificate|unable to get local issuer"):
            said_back(made["local_port"], certificate=ours, name=HOST)


def test_tls_is_asked_for_where_it_is_expected(tunnels):
    text = tunnels.refused(health_check="tls")

    assert f"Nothing answers at {HOST}:443" in text
