# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A table of vectors: which calls are made. What they do is tested against PostgreSQL (tests/integration)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.rds_data_vector_table import VectorTable, verifier
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

CLUSTER = "arn:aws:rds:us-west-2:123456789012:cluster:demo-dev-aurora"
MASTER = "arn:aws:secretsmanager:us-west-2:123456789012:secret:rds!cluster-a1b2c3"
OWN = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo-dev/knowledge-base-a1b2c3"
MARK = "agent_platform.aws demo-dev"
PARAMS = {
    "cluster_arn": CLUSTER,
    "secret_arn": MASTER,
    "database": "postgres",
    "user": "bedrock_user",
    "user_secret_arn": OWN,
    "schema": "kb",
    "table": "pieces",
    "dimensions": 1024,
    "m": 16,
    "ef_construction": 256,
    "mark": MARK,
    "wait_timeout": 30,
}
EMPTY = {"extension": None, "available": "0.8.0", "user": None, "schema": None, "table": None}
INDEX = "CREATE INDEX x ON kb.pieces USING "
FULL = {
    "extension": "0.8.0",
    "available": "0.8.0",
    "user": {"mark": MARK, "login": True, "powerful": False, "makes": False, "connects": True, "member_of": []},
    "schema": {"mark": MARK, "owned": True, "rights": [["bedrock_user", "USAGE"]], "others": []},
    "table": {
        "owned": True,
        "plain": True,
        "key": ["id"],
        "columns": {
            "id": "uuid",
            "embedding": "vector(1024)",
            "chunks": "text",
            "metadata": "json",
            "custom_metadata": "jsonb",
        },
        "rights": [["bedrock_user", right] for right in ("INSERT", "SELECT", "UPDATE", "DELETE")],
        "indexes": {
            "pieces_embedding": [
                True,
                f"{INDEX}hnsw (embedding public.vector_cosine_ops) WITH (m='16', ef_construction='256')",
            ],
            "pieces_chunks": [True, f"{INDEX}gin (to_tsvector('simple'::regconfig, chunks))"],
            "pieces_custom_metadata": [True, f"{INDEX}gin (custom_metadata)"],
        },
    },
}
REFUSED = api_error("ExecuteStatement", "DatabaseErrorException", "password authentication failed; SQLState: 28P01")


def seen(state):
    def check(request):
        assert (request["resourceArn"], request["secretArn"]) == (CLUSTER, MASTER)
        assert request["sql"].strip().startswith("SELECT")

    return Step("ExecuteStatement", {"records": [[{"stringValue": json.dumps(state)}]]}, check)


def login(answer=None):
    request = {"resourceArn": CLUSTER, "secretArn": OWN, "database": "postgres", "sql": "SELECT 1"}
    return Step("ExecuteStatement", answer or {"records": [[{"longValue": 1}]]}, request)


def block(*parts, answer=None):
    """All statements at once, each of which has these parts in it, in this order."""

    def check(request):
        assert request["continueAfterTimeout"] is True
        assert request["secretArn"] == MASTER
        assert request["sql"].startswith("DO $run$")
        assert re.search(".*".join(map(re.escape, parts)), request["sql"], re.DOTALL), request["sql"]
        # The Data API takes that for a parameter.
        assert not re.search(r":\w", request["sql"])

    return Step("ExecuteStatement", answer or {"numberOfRecordsUpdated": 0}, check)


def secret(value=None):
    text = json.dumps({"username": "bedrock_user", "password": "very secret"}) if value is None else value
    return Step("GetSecretValue", {"SecretString": text}, {"SecretId": OWN})


WHOLE = (
    "pg_advisory_xact_lock",
    "CREATE EXTENSION",
    "CREATE ROLE bedrock_user",
    "CREATE SCHEMA",
    "CREATE TABLE",
    "hnsw",
)


def run(params, *steps, **kwargs):
    return run_resource(VectorTable, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps):
    return refuse_resource(VectorTable, {**PARAMS, **params}, *steps)


def test_made():
    result, _aws, module = run(
        {},
        seen(EMPTY),
        block(*WHOLE),
        seen(FULL),
        login(REFUSED),
        secret(),
        block("EXECUTE format('ALTER ROLE bedrock_user PASSWORD %L', 'SCRAM-SHA-256$4096' || chr(58)"),
        login(),
    )
    assert (result["changed"], result["created"]) == (True, True)
    assert result["table"]["name"] == "kb.pieces"
    assert result["table"]["dimensions"] == 1024
    assert result["table"]["field_mapping"]["vector_field"] == "embedding"
    assert module.no_log_values == {"very secret"}
    assert "very secret" not in str(result)


def test_second_run_changes_nothing_and_reads_no_password():
    result, aws, _module = run({}, seen(FULL), login())
    assert (result["changed"], result["created"]) == (False, False)
    assert "GetSecretValue" not in aws.operations()


def test_check_mode_says_what_it_would_do():
    result, _aws, _module = run({}, seen(EMPTY), check_mode=True)
    assert result["changed"] is True
    assert any("CREATE TABLE" in statement for statement in result["statements"])
    assert result["diff"]["after"]["statements"] == result["statements"]
    result, _aws, _module = run({}, seen(FULL), login(REFUSED), check_mode=True)
    assert result["statements"] == ["ALTER ROLE bedrock_user PASSWORD ..."]


def test_in_a_dry_run_there_may_be_no_database_yet():
    unknown = {"cluster_arn": "(known after apply)", "user_secret_arn": "(known after apply)"}
    result, aws, _module = run(unknown, check_mode=True)
    assert (result["changed"], aws.operations()) == (True, [])
    result, _aws, _module = run({"user_secret_arn": "(known after apply)"}, seen(FULL), check_mode=True)
    assert result["statements"] == ["ALTER ROLE bedrock_user PASSWORD ..."]


def test_removed():
    gone = block("DROP TABLE IF EXISTS kb.pieces", "DROP SCHEMA IF EXISTS kb", "DROP ROLE IF EXISTS bedrock_user")
    result, _aws, _module = run({"state": "absent", "user_secret_arn": None}, seen(FULL), gone)
    assert (result["changed"], result["table"]) == (True, {})
    assert run({"state": "absent"}, seen({**EMPTY, "extension": "0.8.0"}))[0]["changed"] is False


def test_a_lost_reply_is_looked_after():
    _result, aws, _module = run({}, seen(EMPTY), block(*WHOLE, answer=lost_reply()), seen(FULL), login())
    assert len([request for _operation, request in aws.calls if request["sql"].startswith("DO")]) == 1


def test_throttled():
    busy = api_error("ExecuteStatement", "ThrottlingException", "Rate exceeded")
    run({}, seen(EMPTY), block(answer=busy), seen(EMPTY), block(), seen(FULL), login())


def test_a_paused_cluster_is_waited_for():
    resuming = api_error("ExecuteStatement", "DatabaseResumingException", "The Aurora DB instance is resuming.")
    paused = Step("ExecuteStatement", resuming)
    run({}, paused, paused, seen(FULL), login())
    with pytest.raises(ResourceError, match="is resuming"):
        run({}, *endless(paused))


def test_without_the_data_api():
    off = api_error("ExecuteStatement", "HttpEndpointNotEnabledException", "HttpEndpoint is not enabled for cluster")
    assert "Turn on the cluster's Data API" in refuse({}, Step("ExecuteStatement", off))


def test_a_login_that_fails_for_another_reason_is_told():
    other = api_error("ExecuteStatement", "SecretsErrorException", "Secrets Manager can't find the specified secret.")
    assert "can't find the specified secret" in refuse({}, seen(FULL), login(other))


@pytest.mark.parametrize("value", ["very secret", '{"username": "bedrock_user"}', "[]"])
def test_a_secret_that_is_none_is_told_and_not_shown(value):
    said = refuse({}, seen(FULL), login(REFUSED), secret(value))
    assert "is no JSON object with username and password" in said
    assert "very secret" not in said


def test_a_password_that_is_set_and_doesnt_let_in():
    assert "doesn't let it in with that" in refuse({}, seen(FULL), login(REFUSED), secret(), block(), login(REFUSED))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"extension": None, "available": None}, "has no extension vector"),
        ({"extension": "0.4.4"}, "has version 0.4.4 of vector, and 0.5.0 is needed"),
        ({"table": {**FULL["table"], "plain": False}}, "is no plain table"),
        ({"user": {**FULL["user"], "mark": None}}, "a user bedrock_user that isn't ours: its comment is None"),
    ],
)
def test_what_it_cant_make_of_what_there_is(state, said):
    assert said in refuse({}, seen({**FULL, **state}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"user": "Bedrock"}, "The user 'Bedrock' isn't up to 63 lower-case letters"),
        ({"schema": "pg_kb"}, "begins with pg_"),
        ({"table": "a; DROP"}, "isn't up to 63"),
        ({"table": "a" * 41}, "is longer than 40"),
        ({"dimensions": 2001}, "is 2001, and not from 1 to 2000"),
        ({"m": 1}, "The m of table of vectors 'kb.pieces' is 1, and not from 2 to 100"),
        ({"m": 40, "ef_construction": 79}, "is 79, and not from 80 to 1000"),
        ({"mark": "o'hara"}, "has a character of"),
        ({"user_secret_arn": None}, "needs user_secret_arn"),
    ],
)
def test_what_cant_be_declared(given, said):
    with pytest.raises(ResourceError, match=re.escape(said)):
        run(given)


def test_the_verifier_is_what_postgresql_makes_of_the_password():
    text = verifier("very secret").replace("' || chr(58) || '", ":").strip("'")
    kind, rounds, rest = text.split("$")
    iterations, salt = rounds.split(":")
    stored, server = (base64.b64decode(part) for part in rest.split(":"))
    assert kind == "SCRAM-SHA-256"
    salted = hashlib.pbkdf2_hmac("sha256", b"very secret", base64.b64decode(salt), int(iterations))
    assert server == hmac.digest(salted, b"Server Key", "sha256")
    assert stored == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
