# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's own Session Manager plugin behind a tunnel, with a stand-in for the data channel and the agent at its end."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import session_manager
from ansible_collections.agent_platform.aws.plugins.module_utils.session_manager import Settings
from tests.support.remote_host import echo, make_certificate, said_back
from tests.support.session_manager import aws_plugin
from tests.support.session_manager.endpoint import Endpoint, served
from tests.support.warm_runs import wait_for

HOST = "api.example.internal"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = aws_plugin(tmp_path_factory.mktemp("plugin"))
    if found is None:
        pytest.skip(
            "there is no Session Manager plugin on this machine, and the scenario of the bastion has built none"
        )
    return found


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Endpoint]:
    with served() as endpoint, echo(make_certificate(tmp_path, HOST)) as port:
        endpoint.hosts[HOST] = ("127.0.0.1", port)
        yield endpoint


@pytest.fixture
def owner() -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def settings(aws: Endpoint, owner: subprocess.Popen, plugin: Path, tmp_path: Path) -> Settings:
    return Settings(
        owner=owner.pid,
        socket=str(tmp_path / "keeper"),
        target="i-0123456789abcdef0",
        remote_host=HOST,
        remote_port=443,
        local_port=0,
        probe="tls",
        plugin=str(plugin),
        timeout=30,
        region="us-west-2",
        endpoint_url=aws.url,
        credentials={"aws_access_key_id": "AKIATUNNEL", "aws_secret_access_key": "of-the-tunnel"},
    )


def test_its_version_is_one_that_reads_the_token_from_its_environment(plugin: Path) -> None:
    assert session_manager.plugin_version(str(plugin)) > session_manager.LAST_WITHOUT_VARIABLE


def test_it_forwards_is_replaced_and_ends(
    aws: Endpoint, settings: Settings, owner: subprocess.Popen, tmp_path: Path
) -> None:
    opened = session_manager.open_tunnel(settings, str(tmp_path))

    def says(text: bytes) -> bytes:
        certificate = tmp_path / f"{HOST}.pem"
        return said_back(opened["local_port"], text, certificate=certificate, name=HOST)

    assert says(b"hello") == b"hello"
    # Several at once, each in a stream of its own.
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(says(b"x" * 5000)[:1])) for _number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"x"] * 5

    # AWS ends the session.
    aws.end(opened["session_id"])
    assert says(b"again") == b"again"
    told = session_manager.ask(settings.socket, "status", 20)
    assert (told or {})["restarts"] == 1
    assert (told or {})["local_port"] == opened["local_port"]

    # The run ends.
    owner.kill()
    owner.wait()
    wait_for(lambda: not aws.active and not running(Path(settings.plugin)), 2)


def test_a_host_that_isn_t_there_is_told(aws: Endpoint, settings: Settings, tmp_path: Path) -> None:
    aws.hosts[HOST] = ("127.0.0.1", 1)

    with pytest.raises(session_manager.TunnelError) as refused:
        session_manager.open_tunnel(settings, str(tmp_path))

    assert refused.value.step == "remote"
    assert "Connection to destination port failed, check SSM Agent logs." in refused.value.text
    assert not running(Path(settings.plugin))


def test_a_channel_that_is_refused_is_told_in_time(aws: Endpoint, settings: Settings, tmp_path: Path) -> None:
    """The plugin itself says nothing of it, and waits for ever."""
    aws.shut = True

    with pytest.raises(session_manager.TunnelError) as refused:
        session_manager.open_tunnel(dataclasses.replace(settings, timeout=5), str(tmp_path))

    assert (refused.value.step, aws.active) == ("plugin", [])
    assert "opened no port" in refused.value.text
    assert not running(Path(settings.plugin))


def running(plugin: Path) -> list[str]:
    """The processes of this plugin."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "exe").readlink() == plugin.resolve():
                found.append(entry.name)
    return found
