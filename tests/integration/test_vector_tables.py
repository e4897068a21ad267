# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of a knowledge base in a real PostgreSQL with pgvector, made through a stand-in for the RDS Data API: by
the module alone, and by the role.

That passes on each statement as the user of the secret that is named, and sees to it that none has what the Data API
would take for a parameter.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.rds_data_vector_table import VectorTable
from tests.support.components import with_required
from tests.support.playbook import PREFIX, REGION, Account
from tests.support.scripted_aws import ScriptedModule

from .test_database_bootstrap import MASTER, PASSWORD, PREBUILT, Database, prebuilt

pytestmark = [pytest.mark.by_component("knowledge_base"), pytest.mark.options]

CLUSTER = "arn:aws:rds:us-west-2:123456789012:cluster:demo-dev-aurora"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:{}"
OWN = "s3cret'of\\it:own"
PARAMS = {
    "cluster_arn": CLUSTER,
    "secret_arn": SECRET.format("master"),
    "database": "postgres",
    "user": "bedrock_user",
    "user_secret_arn": SECRET.format("own"),
    "schema": "bedrock_integration",
    "table": "bedrock_kb",
    "dimensions": 3,
    "m": 16,
    "ef_construction": 256,
    "mark": "agent_platform.aws demo-dev",
    "wait_timeout": 10,
}
TABLE = "bedrock_integration.bedrock_kb"
INSERT = (
    f"INSERT INTO {TABLE} (id, embedding, chunks, metadata, custom_metadata)"
    " VALUES (gen_random_uuid(), '[1,0,0]', 'One piece', '{}', '{\"a\"@ 1}')".replace("@", ":")
)


class DataApi:
    """Looks like boto3's clients for the Data API and for Secrets Manager to the module."""

    def __init__(self, database: Database):
        self.database = database
        self.cluster = CLUSTER
        self.secrets: dict[str, dict[str, str]] = {
            SECRET.format("master"): {"username": MASTER, "password": PASSWORD},
            SECRET.format("own"): {"username": "bedrock_user", "password": OWN},
        }
        self.calls: list[str] = []
        self.resuming = 0

    def client(self, service: str) -> Client:
        return Client(self, service)

    def execute_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["resourceArn"] == self.cluster
        # It would be the name of a parameter.
        assert not re.search(r":\w", request["sql"]), request["sql"]
        self.calls.append(request["sql"])
        if self.resuming:
            self.resuming -= 1
            raise refusal("DatabaseResumingException", "The Aurora DB instance is resuming after being auto-paused.")
        secret = self.secrets[request["secretArn"]]
        address = f"host=127.0.0.1 port={self.database.port} user={secret['username']} dbname={request['database']}"
        with tempfile.TemporaryDirectory() as folder:
            passwords = Path(folder) / "pgpass"
            escaped = re.sub(r"([:\\])", r"\\\1", secret["password"])
            passwords.write_text(f"*:*:*:*:{escaped}\n")
            passwords.chmod(0o600)
            options = ["--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--quiet"]
            told = subprocess.run(
                ["psql", *options, "--set=VERBOSITY=verbose", "--command", request["sql"], address],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "PGPASSFILE": str(passwords)},
            )
        if told.returncode:
            raise refusal("DatabaseErrorException", told.stderr.strip())
        return {"records": [[{"stringValue": told.stdout.strip()}]]}

    def get_secret_value(self, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("GetSecretValue")
        return {"SecretString": json.dumps(self.secrets[request["SecretId"]])}


class Client:
    def __init__(self, api: DataApi, service: str):
        self.api = api
        self.model = boto3.client(
            service, region_name="us-west-2", aws_access_key_id="unused", aws_secret_access_key="unused"
        ).meta.service_model

    def can_paginate(self, _method: str) -> bool:
        return False

    def execute_statement(self, **request: Any) -> dict[str, Any]:
        return self.api.execute_statement(self.checked("ExecuteStatement", request))

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        return self.api.get_secret_value(self.checked("GetSecretValue", request))

    def checked(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        report = ParamValidator().validate(request, self.model.operation_model(operation).input_shape)
        assert not report.has_errors(), report.generate_report()
        return request


def refusal(code: str, message: str) -> ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(answer, "ExecuteStatement")


@contextlib.contextmanager
def started(version: str) -> Iterator[Database]:
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as name,
        tempfile.TemporaryDirectory(prefix="pg-") as unpacked,
    ):
        Path(unpacked).chmod(0o755)
        made = Database(Path(name), prebuilt(version, Path(unpacked)), tls=False)
        yield made
        made.close()


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with started(max(PREBUILT)) as newest:
        yield newest


@pytest.fixture
def api(database: Database) -> DataApi:
    """Where all is as declared."""
    found = DataApi(database)
    run(found)
    return found


def clear(database: Database) -> None:
    database.ask("DROP SCHEMA IF EXISTS bedrock_integration CASCADE")
    if database.ask("SELECT 1 FROM pg_roles WHERE rolname = 'bedrock_user'"):
        database.ask("DROP OWNED BY bedrock_user; DROP ROLE bedrock_user")


def run(api: DataApi, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    api.calls.clear()
    return VectorTable(ScriptedModule(api, {**PARAMS, **params}, check_mode)).run()  # type: ignore[arg-type]


def refuse(api: DataApi, **params: Any) -> str:
    with pytest.raises(ResourceError) as refused:
        run(api, **params)
    return str(refused.value)


def as_user(database: Database, sql: str) -> list[str]:
    return database.ask(f"SET ROLE bedrock_user; {sql}")


def test_an_older_version():
    with started(min(PREBUILT)) as database:
        api = DataApi(database)
        assert run(api)["changed"] is True
        assert run(api)["changed"] is False
        as_user(database, INSERT)
        assert run(api, state="absent")["changed"] is True


def test_made_at_once_and_the_second_time_unchanged(database):
    clear(database)
    api = DataApi(database)
    dry = run(api, check_mode=True)
    assert dry["changed"] is True
    assert database.ask("SELECT 1 FROM pg_namespace WHERE nspname = 'bedrock_integration'") == []
    made = run(api)
    assert made["changed"] is True
    assert made["statements"] == dry["statements"]
    assert made["table"]["dimensions"] == 3
    # All of it by one call, and the password by another.
    assert len([sql for sql in api.calls if sql.startswith("DO")]) == 2
    again = run(api)
    assert (again["changed"], again["statements"]) == (False, [])
    assert "GetSecretValue" not in api.calls
    assert len(api.calls) == 2
    assert run(api, state="absent")["changed"] is True
    assert run(api, state="absent")["changed"] is False
    assert database.ask("SELECT 1 FROM pg_roles WHERE rolname = 'bedrock_user'") == []


def test_the_user_may_read_and_write_rows_and_nothing_else(api, database):
    as_user(database, INSERT)
    near = f"SELECT chunks FROM {TABLE} ORDER BY embedding <=> '[1,0,1]' LIMIT 1"
    assert as_user(database, near) == ["One piece"]
    as_user(database, f"UPDATE {TABLE} SET chunks = 'Another'")
    as_user(database, f"DELETE FROM {TABLE}")
    for sql in (
        f"TRUNCATE {TABLE}",
        f"DROP TABLE {TABLE}",
        "CREATE TABLE bedrock_integration.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
    ):
        told = database.tell(f"SET ROLE bedrock_user; {sql}")
        assert told.returncode, f"bedrock_user may {sql}"


def test_the_indexes_are_those_that_bedrock_asks_for(api, database):
    found = database.ask(f"SELECT indexdef FROM pg_indexes WHERE schemaname || '.' || tablename = '{TABLE}'")
    text = "\n".join(found)
    assert re.search(r"hnsw \(embedding (public\.)?vector_cosine_ops\) WITH \(m='16', ef_construction='256'\)", text)
    assert "gin (to_tsvector('simple'::regconfig, chunks))" in text
    assert "gin (custom_metadata)" in text


HARMS = {
    "index": "DROP INDEX bedrock_integration.bedrock_kb_embedding",
    "other index": "DROP INDEX bedrock_integration.bedrock_kb_chunks;"
    f" CREATE INDEX bedrock_kb_chunks ON {TABLE} USING gin (to_tsvector('english', chunks))",
    "column": f"ALTER TABLE {TABLE} DROP COLUMN custom_metadata",
    "key": f"ALTER TABLE {TABLE} DROP CONSTRAINT bedrock_kb_pkey",
    "table": f"DROP TABLE {TABLE}",
    "schema": "DROP SCHEMA bedrock_integration CASCADE",
    "user": "DROP OWNED BY bedrock_user; DROP ROLE bedrock_user",
    "fewer rights": f"REVOKE UPDATE ON {TABLE} FROM bedrock_user",
    "more rights": f"GRANT TRUNCATE ON {TABLE} TO bedrock_user",
    "rights of all": f"GRANT SELECT ON {TABLE} TO PUBLIC",
    "rights in the schema": "GRANT ALL ON SCHEMA bedrock_integration TO bedrock_user, PUBLIC",
    "no way into the schema": "REVOKE USAGE ON SCHEMA bedrock_integration FROM bedrock_user",
    "IAM alone": f"SET ROLE {MASTER}; GRANT rds_iam TO bedrock_user",
    "login": "ALTER ROLE bedrock_user NOLOGIN CREATEDB",
    "password": "ALTER ROLE bedrock_user PASSWORD 'other'",
    "no password": "ALTER ROLE bedrock_user PASSWORD NULL",
    "database": "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_was_changed_by_hand_is_put_back(api, database, harm):
    database.ask(HARMS[harm])
    assert run(api, check_mode=True)["changed"] is True
    result = run(api)
    assert result["changed"] is True
    assert result["statements"]
    as_user(database, INSERT)
    assert run(api, check_mode=True)["changed"] is False


def test_what_only_another_user_can_take_back_is_told(api, database):
    """Since version 16 a membership is taken back by who has given it."""
    database.ask("GRANT rds_iam TO bedrock_user")
    try:
        said = refuse(api)
        assert 'doesn\'t do them: REVOKE "rds_iam" FROM bedrock_user. What another user' in said
    finally:
        database.ask("REVOKE rds_iam FROM bedrock_user")


def test_a_new_password_in_the_secret_is_set(api, database):
    api.secrets[SECRET.format("own")]["password"] = "another one"
    result = run(api)
    assert result["statements"] == ["ALTER ROLE bedrock_user PASSWORD ..."]
    assert "another one" not in "".join(api.calls) + str(result) + database.log.read_text()


def test_the_index_can_be_built_otherwise(api, database):
    as_user(database, INSERT)
    assert run(api, m=24, ef_construction=128)["changed"] is True
    assert run(api, m=24, ef_construction=128)["changed"] is False
    assert database.ask(f"SELECT count(*) > 0 FROM {TABLE}") == ["t"]


def test_the_length_of_vectors_is_not_changed(api):
    said = refuse(api, dimensions=4)
    assert "can't be changed in place (embedding: is vector(3), declared vector(4))" in said


def test_what_others_have_added_stays(api, database):
    database.ask(f"ALTER TABLE {TABLE} ADD COLUMN author text; CREATE INDEX theirs ON {TABLE} (author)")
    assert run(api)["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("COMMENT ON ROLE bedrock_user IS 'theirs'", "a user bedrock_user that isn't ours"),
        ("COMMENT ON SCHEMA bedrock_integration IS NULL", "a schema bedrock_integration that isn't ours"),
        (f"ALTER TABLE {TABLE} OWNER TO rdsadmin", "belongs to another user than the one of secret_arn"),
        ("ALTER ROLE bedrock_user SUPERUSER", "rights that only a superuser may take away"),
    ],
)
def test_what_is_someone_elses_is_refused(api, database, made, said, state):
    database.ask(made)
    try:
        assert said in refuse(api, state=state)
        assert not [sql for sql in api.calls if sql.startswith("DO")]
    finally:
        clear(database)


def test_a_schema_with_something_else_in_it_stays(api, database):
    database.ask("CREATE TABLE bedrock_integration.theirs (id int)")
    assert "can't be removed while theirs is in it" in refuse(api, state="absent")
    database.ask(f"SELECT FROM {TABLE}")
    clear(database)


def test_what_fails_halfway_leaves_nothing(api, database):
    """Here the index of a text search that there isn't."""
    run(api, state="absent")
    table = VectorTable(ScriptedModule(api, PARAMS))  # type: ignore[arg-type]
    table.indexes["bedrock_kb_chunks"] = "gin (to_tsvector('none', chunks))"
    with pytest.raises(ResourceError, match="make or change table of vectors"):
        table.run()
    assert database.ask("SELECT 1 FROM pg_roles WHERE rolname = 'bedrock_user'") == []
    assert run(api)["changed"] is True


def test_a_database_that_resumes_is_waited_for(api, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    api.resuming = 2
    assert run(api)["changed"] is False


def test_a_secret_of_someone_else(api):
    api.secrets[SECRET.format("own")] = {"username": "other", "password": "x"}
    assert "is that of 'other', not of 'bedrock_user'" in refuse(api)


# ---- By the role


class Over(DataApi):
    """The stand-in over HTTP, with the secrets of an account of the emulator."""

    def __init__(self, database: Database, account: Account):
        super().__init__(database)
        self.cluster = f"arn:aws:rds:{REGION}:{account.id}:cluster:{PREFIX}-aurora"
        self.account = account

    def execute_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        told = self.account.client("secretsmanager").get_secret_value(SecretId=request["secretArn"])
        login = json.loads(told["SecretString"])
        # RDS's own secret of the master user, who here has another name and password.
        own = login["username"] == "bedrock_user"
        self.secrets[request["secretArn"]] = login if own else {"username": MASTER, "password": PASSWORD}
        return super().execute_statement(request)


@contextlib.contextmanager
def served(api: DataApi) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/Execute"
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                code, kind, answer = 200, None, api.execute_statement(request)
            except ClientError as error:
                told = error.response["Error"]
                code, kind, answer = 400, told["Code"], {"message": told["Message"]}
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if kind:
                self.send_header("x-amzn-ErrorType", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_knowledge_base_keeps_its_vectors_in_the_platforms_database(database, new_account):
    clear(database)
    account = new_account("210000000041")
    variables = {
        "knowledge_base_vector_store": "aurora",
        "aurora_data_api": True,
        "aurora_instance_class": "db.r8g.large",
    }
    parts = ("aurora", "knowledge_base")
    whole, parts = (("--limit", ",".join(names)) for names in (with_required(parts), parts))
    with served(Over(database, account)) as address:
        how = {"variables": variables, "environment": {"AWS_ENDPOINT_URL_RDS_DATA": address}}
        account.run(*whole, note="vectors in Aurora", **how).assert_converged()
        account.run(*parts, note="vectors in Aurora, again", **how).assert_nothing_to_do()
        agent = account.client("bedrock-agent")
        (base,) = agent.list_knowledge_bases()["knowledgeBaseSummaries"]
        storage = agent.get_knowledge_base(knowledgeBaseId=base["knowledgeBaseId"])["knowledgeBase"]
        told = storage["storageConfiguration"]["rdsConfiguration"]
        assert told["tableName"] == TABLE
        as_user(database, f"SELECT {', '.join(told['fieldMapping'].values())} FROM {told['tableName']}")
        database.ask("ALTER ROLE bedrock_user PASSWORD 'other'")
        repaired = account.run("--limit", "knowledge_base", note="vectors in Aurora, drift", **how).assert_converged()
        assert [task.rpartition(" : ")[2] for _host, task in repaired.changed] == ["aurora | Make the table"]
        end = {**how, "variables": {**variables, "platform_teardown_confirm": PREFIX}}
        gone = account.run("--limit", "knowledge_base", playbook="playbooks/teardown.yml", **end).assert_converged()
    assert database.ask("SELECT 1 FROM pg_roles WHERE rolname = 'bedrock_user'") == [], gone.explain()
    secrets = account.pages("secretsmanager", "list_secrets", "SecretList")
    assert f"{PREFIX}-knowledge-base-database" not in [item["Name"] for item in secrets]
