# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache's token and parameters on a real Valkey or Redis with TLS, of Debian's packages.

What the emulator is told of tokens it tells that server (LOCAL_CLOUD_CACHE_SOCKET): two get in after ROTATE, one after
SET. A client reads the secret and connects with it all the time.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.modules import elasticache_token_rotation as rotation
from tests.support.killing import KillableModule, Killed
from tests.support.local_cloud import processes
from tests.support.local_cloud.settings import EMULATORS, Instance
from tests.support.playbook import OWNER, PREFIX, REGION, ROOT, DirectAccount

from . import neighbours
from .conftest import free_port

pytestmark = pytest.mark.by_component("redis")

SERVERS = ("valkey-server", "redis-server")
NAME, SECRET = f"{PREFIX}-redis", f"{PREFIX}/redis"
OLD = "OldToken" * 8
TAGS = neighbours.tag_list(OWNER, Component="redis")
# How long clients have between the secret's new value and the end of the old one.
GRACE = 0.7


def server_program() -> str:
    """The server of Debian's packages, installed where it is missing and that is possible; skipped elsewhere."""
    if not any(map(shutil.which, SERVERS)) and os.geteuid() == 0 and shutil.which("apt-get"):
        # Runlevel 1 keeps the package from starting a server of its own.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends"]
        for package in SERVERS:
            if subprocess.run([*install, package], env=environment, capture_output=True, check=False).returncode == 0:
                break
    found = next(filter(None, map(shutil.which, SERVERS)), None)
    if found is None:
        pytest.skip("valkey-server or redis-server is needed, or root on Debian or Ubuntu to install it")
    return found


class Server:
    """A real server on 127.0.0.1: TLS only, and a socket by which the emulator says who gets in."""

    def __init__(self, program: str, folder: Path):
        self.folder, self.port, self.socket = folder, free_port(), folder / "cache.sock"
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
        subprocess.run(
            [*request, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
        settings = {
            "bind": "127.0.0.1",
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(certificate),
            "tls-key-file": str(key),
            "tls-ca-cert-file": str(certificate),
            "tls-auth-clients": "no",
            "unixsocket": str(self.socket),
            "dir": str(folder),
            "save": '""',
            "user": "service on >service allcommands allkeys allchannels",
        }
        configuration = folder / "cache.conf"
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self.context = ssl.create_default_context(cafile=str(certificate))
        with (folder / "cache.log").open("wb") as log:
            self.process = subprocess.Popen([program, str(configuration)], stdout=log, stderr=log)
        for _time in range(100):
            if self.socket.exists():
                return
            time.sleep(0.05)
        raise AssertionError((folder / "cache.log").read_text())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def ask(self, *requests: list[str], administrator: bool = False) -> list[str]:
        """What the server answers to each of the requests, over TLS as clients do, or as its administrator."""
        if administrator:
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(str(self.socket))
            requests = (["AUTH", "service", "service"], *requests)
        else:
            raw = self.context.wrap_socket(
                socket.create_connection(("127.0.0.1", self.port), 5), server_hostname="127.0.0.1"
            )
        with raw as connection:
            answers = connection.makefile("rb")
            told = []
            for words in requests:
                parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
                connection.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
                told.append(answers.readline().decode().strip())
            return told[1:] if administrator else told

    def lets_in(self, token: str) -> bool:
        return self.ask(["AUTH", token], ["PING"]) == ["+OK", "+PONG"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(server_program(), tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def endpoint(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator of its own, which tells that server."""
    told = {**EMULATORS[0].environment, "LOCAL_CLOUD_CACHE_SOCKET": str(server.socket)}
    emulator = dataclasses.replace(EMULATORS[0], environment=told)
    instance = Instance(emulator, free_port(), tmp_path_factory.mktemp("emulator"))
    processes.start(instance, timeout=60)
    yield instance.endpoint
    processes.stop(instance)


class Cache(DirectAccount):
    """An account with a cache and its secret, and the client that reads the one and uses the other."""

    def __init__(self, account_id: str, server: Server, endpoint: str, folder: Path, notes: list[str]):
        super().__init__(account_id, endpoint, folder, notes)
        self.server = server
        self.refused: list[str] = []
        self.connections = 0
        cache, subnets = self.client("elasticache"), self.pages("ec2", "describe_subnets", "Subnets")
        self.client("secretsmanager").create_secret(Name=SECRET, SecretString=OLD, Tags=TAGS)
        cache.create_cache_subnet_group(
            CacheSubnetGroupName=NAME,
            CacheSubnetGroupDescription="test",
            SubnetIds=[item["SubnetId"] for item in subnets[:2]],
            Tags=TAGS,
        )
        cache.create_replication_group(
            ReplicationGroupId=NAME,
            ReplicationGroupDescription="test",
            Engine="valkey",
            EngineVersion="8.2",
            CacheNodeType="cache.t4g.micro",
            CacheSubnetGroupName=NAME,
            CacheParameterGroupName="default.valkey8",
            TransitEncryptionEnabled=True,
            AuthToken=OLD,
            Tags=TAGS,
        )

    @property
    def told(self) -> str:
        """What the secret tells."""
        # A client of its own: those of boto3 aren't made for several threads.
        return self.reader.get_secret_value(SecretId=SECRET)["SecretString"]

    def labels(self) -> dict[str, str]:
        found = self.client("secretsmanager").list_secret_version_ids(SecretId=SECRET)["Versions"]
        return {label: version["VersionId"] for version in found for label in version["VersionStages"]}

    def step(self, step: str, killed_at: tuple[int, str] | None = None) -> dict:
        options = {"name": NAME, "secret_id": SECRET, "step": step, "length": 64, "wait_timeout": 30}
        return rotation.TokenRotation(KillableModule(self, options, killed_at)).run()

    def __enter__(self) -> Cache:
        """The client begins."""
        self.reader = boto3.client(
            "secretsmanager",
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.id,
            aws_secret_access_key="not-a-secret",
        )
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._connect)
        self.thread.start()
        return self

    def _connect(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            token = self.told
            let_in = self.server.lets_in(token)
            # On a busy machine it may come so late that the grace period of what it has read is over.
            if time.monotonic() - began < GRACE:
                self.connections += 1
                if not let_in:
                    self.refused.append(token)

    def __exit__(self, *_error: object) -> None:
        time.sleep(0.2)
        self.over.set()
        self.thread.join()


@pytest.fixture(autouse=True)
def _no_longer_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator is quick, and tells whole seconds."""
    monkeypatch.setattr(rotation, "APART", 1.1)
    monkeypatch.setattr(rotation.TokenRotation, "poll", 0.1)


@pytest.fixture
def make(server: Server, endpoint: str, tmp_path: Path, figures: list[str]) -> Iterator[Any]:
    made: list[Cache] = []

    def new() -> Cache:
        made.append(Cache(f"7{next(NUMBERS):011d}", server, endpoint, tmp_path, figures))
        return made[-1]

    yield new
    for one in made:
        one.close()


NUMBERS = iter(range(1, 1000))


def test_the_client_would_notice(make):
    """A value that the cache doesn't have is refused, and that is seen."""
    cache = make()
    with cache:
        time.sleep(0.5)
        cache.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString="x" * 64)
        time.sleep(0.5)
    assert cache.refused
    assert cache.connections > len(cache.refused)


def assert_rotated(cache: Cache, server: Server) -> None:
    assert cache.refused == [], f"{len(cache.refused)} of {cache.connections} connections"
    assert cache.connections > 20
    assert not server.lets_in(OLD)
    assert server.lets_in(cache.told)
    assert len(cache.told) == 64
    assert set(cache.labels()) == {"AWSCURRENT", "AWSPREVIOUS"}


def test_a_rotation(make, server):
    cache = make()
    with cache:
        first = cache.step("begin")
        assert server.lets_in(OLD)
        assert server.lets_in(cache.told)
        assert cache.told != OLD
        again = cache.step("begin")
        assert (again["version_id"], again["changed"], again["resumed"]) == (first["version_id"], False, True)
        time.sleep(GRACE)
        cache.step("finish")
    assert_rotated(cache, server)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "write"), [("begin", 1), ("begin", 2), ("begin", 3), ("finish", 1), ("finish", 2)], ids=str
)
def test_a_rotation_that_was_killed_is_gone_on_with(make, server, step, write, when):
    """At each write, before it was sent and after it was answered: the next run ends it with the same new token."""
    cache = make()
    with cache:
        if step == "finish":
            cache.step("begin")
            time.sleep(GRACE)
        with pytest.raises(Killed):
            cache.step(step, (write, when))
        proposed = cache.labels().get("AWSPENDING")
        if not (step == "finish" and (write, when) == (2, "after")):
            begun = cache.step("begin")
            assert proposed in (None, begun["version_id"])
            time.sleep(GRACE)
            cache.step("finish")
    assert_rotated(cache, server)


def test_the_playbook_killed_and_run_again(make, server):
    cache = make()
    files = {"playbook": "playbooks/rotate_redis_token.yml", "variables": {"redis_token_grace_seconds": 1}}
    with cache:
        started = cache.start(**files)
        deadline = time.monotonic() + 60
        while "AWSPENDING" not in cache.labels() and time.monotonic() < deadline:
            time.sleep(0.05)
        started.kill()
        proposed = cache.labels()["AWSPENDING"]
        cache.run(**files, note="rotation after a kill").assert_converged()
        assert cache.labels()["AWSCURRENT"] == proposed
    assert_rotated(cache, server)


def test_the_parameters_are_the_engines(server):
    """Each that the role declares, with its value."""
    parameters = yaml.safe_load((ROOT / "roles/redis/defaults/main.yml").read_text())["redis_parameters"]
    asked = [["CONFIG", "SET", name, str(value)] for name, value in parameters.items()]
    assert server.ask(*asked, administrator=True) == ["+OK"] * len(asked)
    (refused,) = server.ask(["CONFIG", "SET", "maxmemory-policy", "volatile-lro"], administrator=True)
    assert refused.startswith("-ERR")
