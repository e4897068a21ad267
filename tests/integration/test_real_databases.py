# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role aurora tells RDS, told to a real PostgreSQL of Debian's packages, and a client that logs in there.

The parameters are set as RDS sets them, in the configuration. What begins with `rds.` is RDS's own: of that the server
gets what RDS makes of it, for rds.force_ssl an access file that lets nobody in without TLS.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Scope
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import discover, identify
from tests.support.components import entries
from tests.support.playbook import OWNER, PREFIX, REGION, ROOT

from .conftest import free_port

pytestmark = pytest.mark.by_component("aurora")

DEBIAN = Path("/usr/lib/postgresql")
# The server doesn't run as root.
ACCOUNT = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
OWN = "rds."
PASSWORD = "not 'a': secret\\"


def defaults() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "roles/aurora/defaults/main.yml").read_text())


def declared() -> dict[str, str]:
    """The parameters of the cluster and, where they are the same, of the instances, which count there."""
    found = defaults()
    parameters = {**found["aurora_cluster_parameters"], **found["aurora_instance_parameters"]}
    return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in parameters.items()}


def programs() -> Path:
    """The folder of PostgreSQL's programs, of Debian's newest; installed where there are none and that is possible."""
    if not list(DEBIAN.glob("*/bin/postgres")) and os.geteuid() == 0 and shutil.which("apt-get"):
        # Runlevel 1 keeps the package from starting a server of its own.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
            subprocess.run(["apt-get", "--quiet", *command], env=environment, capture_output=True, check=False)
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found or not shutil.which("openssl"):
        pytest.skip("PostgreSQL and openssl are needed, or root on Debian or Ubuntu to install PostgreSQL")
    return found[-1].parent


class Server:
    """A real PostgreSQL on 127.0.0.1 and, for its administrator, on a socket."""

    def __init__(self, folder: Path, user: str, password: str, parameters: Mapping[str, str]):
        self.programs, self.folder, self.user, self.port = programs(), folder, user, free_port()
        self.log, self.data = folder / "log", folder / "data"
        self.certificate = folder / "certificate.pem"
        if ACCOUNT:
            shutil.chown(folder, ACCOUNT["user"], ACCOUNT["group"])
        secret = folder / "secret"
        secret.write_text(password)
        options = ("--username", user, "--pwfile", secret, "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync")
        self._call("initdb", "--pgdata", self.data, *options)
        secret.unlink()
        key = folder / "key.pem"
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
        name = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run([*request, *name], check=True, capture_output=True, **ACCOUNT)
        known = {name: value for name, value in parameters.items() if not name.startswith(OWN)}
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(folder),
            "ssl": "on",
            "ssl_cert_file": str(self.certificate),
            "ssl_key_file": str(key),
            "fsync": "off",
            **known,
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.data / "postgresql.conf").write_text("".join(lines))
        tls_only = parameters.get("rds.force_ssl") == "1"
        kind = "hostssl" if tls_only else "host"
        access = f"local all all trust\n{kind} all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(access)
        with self.log.open("wb") as log:
            command = [self.programs / "postgres", "-D", self.data]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **ACCOUNT)
        self._wait()

    def _call(self, program: str, *args: object) -> None:
        command = [str(self.programs / program), *map(str, args)]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **ACCOUNT)

    def _wait(self) -> None:
        for _time in range(300):
            if "ready to accept connections" in self.log.read_text() or self.process.poll() is not None:
                break
            time.sleep(0.1)
        assert self.process.poll() is None, self.log.read_text()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def psql(self, address: str, *statements: str, passwords: str = os.devnull) -> subprocess.CompletedProcess[str]:
        """What psql says, which finds the password in a file: it would be seen in a command."""
        options = [part for statement in statements for part in ("--command", statement)]
        return subprocess.run(
            [self.programs / "psql", "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", address, *options],
            env={"PATH": os.environ["PATH"], "PGPASSFILE": passwords, "PGCONNECT_TIMEOUT": "10"},
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, *statements: str) -> list[str]:
        """What the server answers its administrator."""
        address = f"host={self.folder} port={self.port} user={self.user} dbname=postgres"
        told = self.psql(address, *statements)
        assert told.returncode == 0, told.stderr
        return told.stdout.splitlines()


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own folder, which other users can't enter; and its path is long for a socket.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        yield Path(name)


# ---- Parameters


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One with all parameters of the role."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        made = Server(Path(name), defaults()["aurora_master_username"], PASSWORD, declared())
        yield made
        made.close()


def test_every_parameter_is_taken_with_its_value(server, figures):
    """In the configuration, where a wrong one keeps the server from starting, and once more by name and value."""
    known = {name: value for name, value in declared().items() if not name.startswith(OWN)}
    assert known
    listed = server.ask("SELECT name || '=' || setting FROM pg_file_settings WHERE applied AND error IS NULL")
    assert {f"{name}={value}" for name, value in known.items()} - set(listed) == set()
    # A name with a dot that no library knows would be taken for one of the user's own.
    names = ", ".join(f"'{name}'" for name in known)
    assert set(server.ask(f"SELECT name FROM pg_settings WHERE name IN ({names})")) == set(known)
    assert server.ask("SELECT name FROM pg_settings WHERE pending_restart") == []
    version = server.ask("SHOW server_version")[0]
    figures.append(f"PostgreSQL {version} took {len(known)} parameters of the role aurora")


@pytest.mark.parametrize(
    ("name", "value"), [("log_statement", "some"), ("log_min_duration_statement", "1 dinner"), ("log_statment", "ddl")]
)
def test_a_wrong_one_would_be_noticed(server, name, value):
    with pytest.raises(AssertionError, match=name):
        server.ask(f"ALTER SYSTEM SET {name} = '{value}'")


def test_statements_are_counted(server):
    server.ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT 20 + 22")
    assert server.ask("SELECT count(*) > 0 FROM pg_stat_statements") == ["t"]


def test_slow_statements_and_changes_of_the_schema_are_logged_and_others_are_not(server):
    limit = int(declared()["log_min_duration_statement"]) / 1000
    server.ask(
        f"SELECT pg_sleep({limit + 0.2})",
        "CREATE TABLE seen_in_the_log (id int)",
        "SELECT 'not seen' FROM seen_in_the_log",
        "DROP TABLE seen_in_the_log",
    )
    log = server.log.read_text()
    assert f"ms  statement: SELECT pg_sleep({limit + 0.2})" in log
    assert "LOG:  statement: CREATE TABLE seen_in_the_log" in log
    assert "LOG:  statement: DROP TABLE seen_in_the_log" in log
    assert "not seen" not in log


# ---- The managed password


def password_file(folder: Path, password: str) -> str:
    file = folder / "passwords"
    file.touch(0o600)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(f"*:*:*:*:{escaped}\n")
    return str(file)


def assert_only_the_password_and_tls_let_in(server: Server, password: str, folder: Path) -> None:
    address = f"host=127.0.0.1 port={server.port} user={server.user} dbname=postgres"
    verified = f"{address} sslmode=verify-full sslrootcert={server.certificate}"
    right = {"passwords": password_file(folder, password)}
    told = server.psql(verified, "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", **right)
    assert told.stdout == f"{server.user}|t\n", told.stderr
    told = server.psql(f"{address} sslmode=disable", "SELECT 1", **right)
    assert (told.stdout, "no encryption" in told.stderr) == ("", True), told.stderr
    wrong = {"passwords": password_file(folder, password[::-1])}
    told = server.psql(verified, "SELECT 1", **wrong)
    assert (told.stdout, "password authentication failed" in told.stderr) == ("", True), told.stderr
    assert password not in server.log.read_text()


def test_a_client_gets_in_over_tls_only(server, tmp_path):
    assert_only_the_password_and_tls_let_in(server, PASSWORD, tmp_path)


@pytest.mark.needs("aurora")
def test_a_client_gets_in_with_the_managed_password(platform, folder, tmp_path):
    client = platform.account.client
    scope = Scope(PREFIX, OWNER, REGION, entries())
    facts = discover(client, scope, ["aurora"], identify(client)).components["aurora"]
    secret = client("secretsmanager").get_secret_value(SecretId=facts["master_secret_arn"])["SecretString"]
    login = json.loads(secret)
    assert login["username"] == facts["master_username"]
    server = Server(folder, login["username"], login["password"], declared())
    try:
        assert_only_the_password_and_tls_let_in(server, login["password"], tmp_path)
    finally:
        server.close()
