#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: rds_data_vector_table
version_added: 0.1.0
short_description: Manage a table of vectors in Aurora PostgreSQL, for a knowledge base of Amazon Bedrock
description:
  - Brings all that a knowledge base needs in a database to its declared state, through the RDS Data API, which needs no
    way into the VPC. These are the extension C(vector), a schema, a database user with the password of a secret, and in
    the schema a table with its indexes, of which the user may read and write the rows and nothing else.
  - Bedrock itself uses the table through the Data API, too, with that secret.
  - Schema and user bear a comment, O(mark). Those of that name without it are someone else's and are never changed.
  - What else is in the table or in the schema, such as columns for metadata, is left alone.
  - All changes are made in one transaction, so a run that breaks off leaves nothing half done.
  - Only a verifier of the password goes to the database, so it can't be in its log.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  state:
    description:
      - Whether the table shall exist. With V(absent) the schema goes with it, if nothing else is in it, and the user.
        The extension stays.
    type: str
    choices: [present, absent]
    default: present
  cluster_arn:
    description:
      - ARN of the cluster, whose Data API must be on.
    type: str
    required: true
  secret_arn:
    description:
      - ARN of the secret of the master user, as whom all is done.
    type: str
    required: true
  database:
    description:
      - Name of the database.
    type: str
    required: true
  user_secret_arn:
    description:
      - ARN of the secret of the user, a JSON object with C(username) and C(password). Needed with O(state=present). It
        is read only where the user doesn't get in with it yet.
    type: str
  user:
    description:
      - Name of the user, up to 63 lower-case letters, digits and C(_), with no digit first.
    type: str
    required: true
  schema:
    description:
      - Name of the schema, of the same characters.
    type: str
    required: true
  table:
    description:
      - Name of the table, of the same characters, up to 40.
    type: str
    required: true
  dimensions:
    description:
      - How many numbers a vector has, from 1 to 2000, which is what the index takes. It can't be changed later.
    type: int
    default: 1024
  m:
    description:
      - How many neighbours the index keeps of each vector, from 2 to 100.
    type: int
    default: 16
  ef_construction:
    description:
      - How many candidates for these are looked at, from 4 to 1000, and twice as many as O(m) at least.
    type: int
    default: 256
  mark:
    description:
      - The comment by which schema and user are known as ours, without C(:) and C(').
    type: str
    required: true
  wait_timeout:
    description:
      - How long to wait for a database that is resuming, in seconds.
    type: int
    default: 300
notes:
  - Needs C(rds-data:ExecuteStatement) for the cluster and C(secretsmanager:GetSecretValue) for both secrets.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode, of the options that are set.
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a table for the knowledge base
  agent_platform.aws.rds_data_vector_table:
    cluster_arn: arn:aws:rds:us-west-2:123456789012:cluster:demo-aurora
    secret_arn: arn:aws:secretsmanager:us-west-2:123456789012:secret:rds!cluster-a1b2c3
    database: postgres
    user: bedrock_user
    user_secret_arn: arn:aws:secretsmanager:us-west-2:123456789012:secret:demo/knowledge-base-a1b2c3
    schema: bedrock_integration
    table: bedrock_kb
    dimensions: 1024
    mark: agent_platform.aws demo-dev
"""

RETURN = r"""
table:
  description: What there is in the end; empty when the table is absent.
  returned: always
  type: dict
  contains:
    name:
      description: Name of the table with its schema.
      type: str
      sample: bedrock_integration.bedrock_kb
    dimensions:
      description: How many numbers a vector has.
      type: int
    extension_version:
      description: Version of the extension C(vector).
      type: str
      sample: 0.8.0
    field_mapping:
      description: The columns by the names that Bedrock has for them.
      type: dict
created:
  description: Whether the table was made, or would be in check mode, so that it is empty.
  returned: always
  type: bool
statements:
  description: What was changed, or would be in check mode, as statements of SQL.
  returned: always
  type: list
  elements: str
"""

import base64
import hashlib
import hmac
import json
import re
import secrets

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.calls import Calls, Repeat, says
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError, error_code
from ..module_utils.values import listed, placeholder, version_numbers

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
LONGEST_TABLE = 40
MOST_DIMENSIONS = 2000
# The first version of the extension that has this kind of index.
OLDEST_EXTENSION = "0.5.0"
RIGHTS = ("DELETE", "INSERT", "SELECT", "UPDATE")
FIELDS = {
    "primary_key_field": "id",
    "vector_field": "embedding",
    "text_field": "chunks",
    "metadata_field": "metadata",
    "custom_metadata_field": "custom_metadata",
}
# How PostgreSQL says that it doesn't let a user in.
NOT_LET_IN = (
    "authentication failed",
    "28P01",
    "28000",
    "not permitted to log in",
    "pg_hba.conf rejects",
    "permission denied for database",
)
ITERATIONS = 4096

STATE = """
SELECT CAST(json_build_object(
  'extension', (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
  'available', (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'),
  'user', (
    SELECT json_build_object(
      'mark', shobj_description(oid, 'pg_authid'),
      'login', rolcanlogin,
      'powerful', rolsuper OR rolreplication OR rolbypassrls,
      'makes', rolcreatedb OR rolcreaterole,
      'connects', has_database_privilege(oid, current_database(), 'CONNECT'),
      'member_of', (
        SELECT coalesce(json_agg(role.rolname ORDER BY role.rolname), '[]') FROM pg_auth_members
        JOIN pg_roles AS role ON role.oid = roleid WHERE member = pg_roles.oid
      )
    ) FROM pg_roles WHERE rolname = '{user}'
  ),
  'schema', (
    SELECT json_build_object(
      'mark', obj_description(oid, 'pg_namespace'),
      'owned', nspowner = (SELECT oid FROM pg_roles WHERE rolname = current_user),
      'rights', (
        SELECT coalesce(json_agg(json_build_array(
          CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END, privilege_type
        )), '[]') FROM aclexplode(nspacl) WHERE grantee <> nspowner
      ),
      'others', (
        SELECT coalesce(json_agg(relname ORDER BY relname), '[]') FROM pg_class
        WHERE relnamespace = pg_namespace.oid AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND relname <> '{table}'
      )
    ) FROM pg_namespace WHERE nspname = '{schema}'
  ),
  'table', (
    SELECT json_build_object(
      'owned', relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user),
      'plain', relkind = 'r',
      'key', (
        SELECT coalesce(json_agg(attname), '[]') FROM pg_index JOIN pg_attribute
        ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = pg_class.oid AND indisprimary
      ),
      'columns', (
        SELECT coalesce(json_object_agg(attname, format_type(atttypid, atttypmod)), '{{}}') FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
      ),
      'rights', (
        SELECT coalesce(json_agg(json_build_array(
          CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END, privilege_type
        )), '[]') FROM aclexplode(relacl) WHERE grantee <> relowner
      ),
      'indexes', (
        SELECT coalesce(json_object_agg(inner_class.relname, json_build_array(indisvalid, pg_get_indexdef(indexrelid))),
          '{{}}') FROM pg_index JOIN pg_class AS inner_class ON inner_class.oid = indexrelid
        WHERE indrelid = pg_class.oid
      )
    ) FROM pg_class WHERE relname = '{table}' AND relnamespace = (
      SELECT oid FROM pg_namespace WHERE nspname = '{schema}'
    )
  )
) AS text)
"""


def quoted(name):
    """A name as SQL takes it, whatever it consists of."""
    return '"{}"'.format(name.replace('"', '""'))


def verifier(password):
    """What PostgreSQL keeps of a password (RFC 5803), as an expression without a colon, which the Data API would take
    for the beginning of a parameter."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"'SCRAM-SHA-256$4096' || chr(58) || '{salt}${stored}' || chr(58) || '{server}'"


class VectorTable(Calls):
    """All of it, found by one query and changed by one block of statements."""

    service = "rds-data"
    # Which a paused cluster needs at its first call.
    passing = {"DatabaseResumingException": ("",), "DatabaseUnavailableException": ("",)}
    hints = {
        "HttpEndpointNotEnabledException": {"": "Turn on the cluster's Data API, and run again."},
        "BadRequestException": {
            "HttpEndpoint is not enabled": "Turn on the cluster's Data API, and run again.",
        },
    }

    def __init__(self, module):
        super().__init__(module)
        self.schema, self.table, self.user = (self.options[name] for name in ("schema", "table", "user"))
        self.whole = f"{self.schema}.{self.table}"
        self.title = f"table of vectors {self.whole!r}"
        self.types = {
            "id": "uuid",
            "embedding": f"vector({self.options['dimensions']})",
            "chunks": "text",
            "metadata": "json",
            "custom_metadata": "jsonb",
        }
        # Bedrock refuses a table whose texts have no index, and one of custom metadata without one.
        build = f"m='{self.options['m']}', ef_construction='{self.options['ef_construction']}'"
        self.indexes = {
            f"{self.table}_embedding": f"hnsw (embedding vector_cosine_ops) WITH ({build})",
            f"{self.table}_chunks": "gin (to_tsvector('simple'::regconfig, chunks))",
            f"{self.table}_custom_metadata": "gin (custom_metadata)",
        }
        self.check_options()

    def check_options(self):
        for option in ("user", "schema", "table"):
            name = self.options[option]
            if not NAME.fullmatch(name) or name.startswith("pg_"):
                raise ResourceError(
                    f"The {option} {name!r} isn't up to 63 lower-case letters, digits and '_' with no digit first, or "
                    "begins with pg_, which is PostgreSQL's own."
                )
        if len(self.table) > LONGEST_TABLE:
            raise ResourceError(f"The table {self.table!r} is longer than {LONGEST_TABLE} characters.")
        least = max(4, 2 * self.options["m"])
        ranges = {"dimensions": (1, MOST_DIMENSIONS), "m": (2, 100), "ef_construction": (least, 1000)}
        for option, (least, most) in ranges.items():
            if not least <= self.options[option] <= most:
                raise ResourceError(
                    f"The {option} of {self.title} is {self.options[option]}, and not from {least} to {most}."
                )
        if set(":'\\") & set(self.options["mark"]):
            raise ResourceError(f"The mark of {self.title} has a character of :'\\ in it.")
        if self.options["state"] == "present" and not self.options["user_secret_arn"]:
            raise ResourceError(f"{self.title} needs user_secret_arn, the secret of {self.user}.")

    # ---- Calls

    def request(self, sql, secret_arn=None):
        return {
            "resourceArn": self.options["cluster_arn"],
            "secretArn": secret_arn or self.options["secret_arn"],
            "database": self.options["database"],
            "sql": sql,
        }

    def ask(self, sql, doing, secret_arn=None):
        """What a query answers, the first value of it. A cluster that is resuming is waited for."""
        for answer in self.looks(
            lambda: self.asked(sql, doing, secret_arn), self.wait_timeout, pause=1.0, longest=10.0
        ):
            if not isinstance(answer, ResourceError):
                return answer
        raise answer

    def asked(self, sql, doing, secret_arn):
        try:
            records = self.read("ExecuteStatement", self.request(sql, secret_arn), doing=doing)["records"]
        except ResourceError as error:
            if error.cause is not None and says(error.cause, self.passing):
                return error
            raise
        return next(iter(records[0][0].values())) if records and records[0] else None

    def execute(self, statements, doing):
        """Do it all or nothing, and one run after the other."""
        lock = "PERFORM pg_advisory_xact_lock(hashtext('agent_platform.aws'));"
        body = "\n  ".join([lock, *(f"{statement};" for statement in statements)])
        # An index of a table that is full takes longer than the Data API waits, and is made nevertheless.
        request = {**self.request(f"DO $run$\nBEGIN\n  {body}\nEND\n$run$"), "continueAfterTimeout": True}
        self.write("ExecuteStatement", request, doing)

    def lets_in(self):
        """Whether the user gets in with what its secret tells, as Bedrock will."""
        if placeholder(self.options["user_secret_arn"]):
            return False
        try:
            self.ask("SELECT 1", f"let {self.user} in", self.options["user_secret_arn"])
        except ResourceError as error:
            said = str(error)
            if error.cause is None or not any(text in said for text in NOT_LET_IN):
                raise
            return False
        return True

    # ---- What there is, and what is to be done

    def state(self):
        if any(placeholder(self.options[option]) for option in ("cluster_arn", "secret_arn", "database")):
            # In a dry run there may be no database yet.
            return {"extension": None, "available": OLDEST_EXTENSION, "user": None, "schema": None, "table": None}
        names = {"user": self.user, "schema": self.schema, "table": self.table}
        return json.loads(self.ask(STATE.format(**names), f"read {self.title}"))

    def refuse(self, state):
        """What is someone else's, or can't be changed."""
        for kind, name in (("user", self.user), ("schema", self.schema)):
            if state[kind] and state[kind]["mark"] != self.options["mark"]:
                raise ResourceError(
                    f"The database has a {kind} {name} that isn't ours: its comment is {state[kind]['mark']!r}, "
                    f"expected {self.options['mark']!r}. Nothing was changed. Take another name, or give it this "
                    "comment if it is to be taken over."
                )
        for kind, name in (("schema", self.schema), ("table", self.whole)):
            if state[kind] and not state[kind]["owned"]:
                raise ResourceError(
                    f"The {kind} {name} belongs to another user than the one of secret_arn, who so can't change it. "
                    f"Hand it over: ALTER {kind.upper()} {name} OWNER TO ..."
                )
        if state["user"] and state["user"]["powerful"]:
            raise ResourceError(f"The user {self.user} has rights that only a superuser may take away.")

    def refuse_change(self, state):
        version = state["extension"] or state["available"]
        if version is None or version_numbers(version) < version_numbers(OLDEST_EXTENSION):
            raise ResourceError(
                f"The database has {'no extension vector' if version is None else f'version {version} of vector'}, and "
                f"{OLDEST_EXTENSION} is needed. A newer version of Aurora PostgreSQL has it."
            )
        table = state["table"] or {"plain": True, "columns": {}}
        if not table["plain"]:
            raise ResourceError(f"{self.whole} is no plain table.")
        wrong = {
            name: kind
            for name, kind in self.types.items()
            if name in table["columns"] and table["columns"][name] != kind
        }
        if wrong:
            told = "; ".join(f"{name}: is {table['columns'][name]}, declared {kind}" for name, kind in wrong.items())
            raise ResourceError(
                f"The {self.title} can't be changed in place ({told}). Go back to the present value, or take another "
                "table and fill that anew."
            )

    def steps(self, state):
        """The statements that are missing, in the order in which they can be executed."""
        found = [] if state["extension"] else ["CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public"]
        return [*found, *self.user_steps(state["user"]), *self.schema_steps(state["schema"]), *self.table_steps(state)]

    def user_steps(self, user):
        made = (
            f"CREATE ROLE {self.user} LOGIN",
            f"COMMENT ON ROLE {self.user} IS '{self.options['mark']}'",
        )
        if user is None:
            absent = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{self.user}')"
            yield f"IF {absent} THEN {'; '.join(made)}; END IF"
            return
        if not user["login"] or user["makes"]:
            yield f"ALTER ROLE {self.user} LOGIN NOCREATEDB NOCREATEROLE"
        # Among them rds_iam, whose members get in by IAM alone.
        yield from (f"REVOKE {quoted(role)} FROM {self.user}" for role in user["member_of"])
        if not user["connects"]:
            yield f"GRANT CONNECT ON DATABASE {quoted(self.options['database'])} TO {self.user}"

    def schema_steps(self, schema):
        if schema is None:
            yield f"CREATE SCHEMA IF NOT EXISTS {self.schema}"
            yield f"COMMENT ON SCHEMA {self.schema} IS '{self.options['mark']}'"
        yield from self.right_steps(f"SCHEMA {self.schema}", (schema or {}).get("rights", []), ("USAGE",))

    def right_steps(self, what, found, wanted):
        """What others were given goes, and what is missing comes."""
        found = {tuple(right) for right in found}
        for who in sorted({who for who, _right in found} - {self.user}):
            yield f"REVOKE ALL ON {what} FROM {quoted(who) if who else 'PUBLIC'}"
        own = {right for who, right in found if who == self.user}
        if own - set(wanted):
            yield f"REVOKE {', '.join(sorted(own - set(wanted)))} ON {what} FROM {self.user}"
        if set(wanted) - own:
            yield f"GRANT {', '.join(sorted(set(wanted) - own))} ON {what} TO {self.user}"

    def table_steps(self, state):
        table = state["table"]
        if table is None:
            columns = ", ".join(f"{name} {kind}" for name, kind in self.types.items())
            yield f"CREATE TABLE IF NOT EXISTS {self.whole} ({columns}, PRIMARY KEY (id))"
        else:
            for name, kind in self.types.items():
                if name not in table["columns"]:
                    yield f"ALTER TABLE {self.whole} ADD COLUMN IF NOT EXISTS {name} {kind}"
            if table["key"] != ["id"]:
                yield f"ALTER TABLE {self.whole} ADD PRIMARY KEY (id)"
        there = (table or {}).get("indexes", {})
        for name, built in self.indexes.items():
            valid, definition = there.get(name, (False, ""))
            same = definition.partition(" USING ")[2].replace("public.", "") == built
            if name in there and not (valid and same):
                yield f"DROP INDEX IF EXISTS {self.schema}.{name}"
            if not (valid and same):
                # A cast would stand between colons.
                using = built.replace("'simple'::regconfig", "CAST('simple' AS regconfig)")
                yield f"CREATE INDEX IF NOT EXISTS {name} ON {self.whole} USING {using}"
        yield from self.right_steps(f"TABLE {self.whole}", (table or {}).get("rights", []), RIGHTS)

    def removal_steps(self, state):
        if state["table"]:
            yield f"DROP TABLE IF EXISTS {self.whole}"
        if state["schema"]:
            if state["schema"]["others"]:
                others = listed(state["schema"]["others"])
                raise ResourceError(
                    f"The schema {self.schema} can't be removed while {others} is in it. Remove it first."
                )
            yield f"DROP SCHEMA IF EXISTS {self.schema}"
        if state["user"]:
            connects = f"REVOKE ALL ON DATABASE {quoted(self.options['database'])} FROM {self.user}"
            yield f"IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{self.user}') THEN {connects}; END IF"
            yield f"DROP ROLE IF EXISTS {self.user}"

    # ---- Acting

    def run(self):
        while True:
            try:
                return self.absent() if self.options["state"] == "absent" else self.present()
            except Repeat as repeat:
                self.patience.pause(repeat)
                # The lost reply may have told of a success.
                self.changed = self.changed or repeat.may_be_done

    def present(self):
        done = []
        state = self.state()
        self.refuse(state)
        self.refuse_change(state)
        before = state
        for _pass in range(3):
            steps = self.steps(state)
            if self.check_mode or not steps:
                break
            self.execute(steps, f"make or change {self.title}")
            done += steps
            state = self.state()
            self.refuse(state)
        else:
            raise ResourceError(
                f"The database takes statements for {self.title} and doesn't do them: {'; '.join(steps)}. What another "
                "user than that of secret_arn has granted, that one has to take back."
            )
        if not (state["user"] and self.lets_in()):
            if self.check_mode:
                return self.result(before, before, [*steps, f"ALTER ROLE {self.user} PASSWORD ..."], changed=True)
            self.set_password()
            done.append(f"ALTER ROLE {self.user} PASSWORD ...")
        if self.check_mode:
            return self.result(before, before, steps, changed=bool(steps))
        return self.result(before, state, done)

    def set_password(self):
        doing = f"read the secret of {self.user}"
        request = {"SecretId": self.options["user_secret_arn"]}
        value = self.read("GetSecretValue", request, doing=doing, service="secretsmanager")["SecretString"]
        try:
            secret = json.loads(value)
            name, password = secret["username"], secret["password"]
        except (ValueError, KeyError, TypeError):
            # Not "from": the text of the error could have parts of the value.
            raise ResourceError(
                f"The secret {self.options['user_secret_arn']} is no JSON object with username and password."
            ) from None
        self.module.no_log_values.add(password)
        if name != self.user:
            raise ResourceError(
                f"The secret {self.options['user_secret_arn']} is that of {name!r}, not of {self.user!r}."
            )
        change = f"EXECUTE format('ALTER ROLE {self.user} PASSWORD %L', {verifier(password)})"
        self.execute([change], f"set the password of {self.user}")
        if not self.lets_in():
            raise ResourceError(
                f"The database has taken the password of {self.user} and doesn't let it in with that. See its log."
            )

    def absent(self):
        state = self.state()
        self.refuse(state)
        steps = list(self.removal_steps(state))
        if steps and not self.check_mode:
            self.execute(steps, f"remove {self.title}")
        return self.result(state, None, steps, changed=bool(steps) if self.check_mode else None)

    def result(self, before, after, statements, changed=None):
        shown = {"before": self.shown(before), "after": self.shown(after)}
        result = {
            "changed": self.changed if changed is None else changed,
            "table": shown["after"],
            "created": any(statement.startswith("CREATE TABLE") for statement in statements),
            "statements": statements,
        }
        # What a dry run would do is known as statements only.
        then = {**shown["after"], "statements": statements} if statements else shown["after"]
        return self.with_difference(result, lambda: (shown["before"], then))

    def shown(self, state):
        if not state or not state["table"]:
            return {}
        embedding = re.search(r"\d+", state["table"]["columns"].get("embedding", ""))
        return {
            "name": self.whole,
            "dimensions": int(embedding[0]) if embedding else None,
            "extension_version": state["extension"],
            "field_mapping": FIELDS,
        }


def main():
    spec = argument_spec(DOCUMENTATION, {"secret_arn": {"no_log": False}, "user_secret_arn": {"no_log": False}})
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    try:
        result = VectorTable(module).run()
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
