# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for what is prepared in the database."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.databases import (
    LOGINS,
    database_faults,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load

from .declared import others, values

DEFAULTS = load("gateways", "defaults/main.yml")
OWNER = {"name": "memory_gateway", "schema": "memory", "access": "owner"}
READER = {"name": "reader", "schema": "memory", "access": "read_only"}
LITELLM = {"name": "llm-gateway", "namespace": "gateways", "service_accounts": ["llm-gateway"], "preset": "litellm"}


def lines(*users, of_others=None, **given):
    mine = {"platform_region": "us-west-2", "gateways_database_users": users, **given}
    found = database_faults(values("gateways", **mine), others(**(of_others or {})))
    return [str(item) for item in found]


def test_the_defaults_have_no_fault_and_are_the_users_that_iam_lets_in():
    of_others = {component: load(component, "defaults/main.yml") for component, _variable in LOGINS}
    of_others["aurora"] = {"aurora_master_username": "postgres"}
    given = {key: value for key, value in DEFAULTS.items() if key.startswith("gateways_database_")}
    assert lines(*given.pop("gateways_database_users"), of_others=of_others, **given) == []


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "Reader"}, "[1].name: 'Reader' is not a PostgreSQL user name"),
        ({"name": "pg_reader"}, "[1].name: 'pg_reader' is reserved by Aurora PostgreSQL"),
        ({"name": "rdsadmin"}, "[1].name: 'rdsadmin' is reserved by Aurora PostgreSQL"),
        ({"name": "admin"}, "[1].name: 'admin' is the master user, aurora_master_username"),
        ({"name": "memory_gateway"}, "[].name: 'memory_gateway' occurs more than once"),
        ({"name": "litellm"}, "[1].name: 'litellm' is the user of the preset litellm, which comes by itself"),
        ({"access": "owner"}, "[].schema: 'memory' has more than one owner"),
        ({"schema": "other"}, "[].schema: 'other' has no owner: one of its users must have access owner"),
    ],
)
def test_users(change, part):
    of_others = {"aurora": {"aurora_master_username": "admin"}}
    assert lines(OWNER, READER, of_others=of_others, platform_gateways=[LITELLM]) == []
    (line,) = lines(OWNER, {**READER, **change}, of_others=of_others, platform_gateways=[LITELLM])
    assert line.startswith("gateways_database_users")
    assert part in line


@pytest.mark.parametrize("schema", ["public", "pg_mine", "information_schema", "rdsadmin"])
def test_schemas_of_others(schema):
    (line,) = lines({**OWNER, "schema": schema})
    assert line == (
        f"gateways_database_users[0].schema: '{schema}' is a schema of PostgreSQL's, of RDS's or of all users: name"
        " another"
    )


@pytest.mark.parametrize("schema", ["Memory", "1memory", "a b", 'a"b', "a;drop", "a" * 64])
def test_what_is_no_name_of_a_schema(schema):
    (line,) = lines({**OWNER, "schema": schema})
    assert "is not the name of a schema" in line


@pytest.mark.parametrize(("component", "variable"), LOGINS)
def test_who_gets_in_by_iam_is_a_user(component, variable):
    assert lines(OWNER, of_others={component: {variable: "memory_gateway"}}) == []
    assert lines(OWNER, of_others={component: {variable: ""}}) == []
    assert lines(OWNER, of_others={component: {variable: "somebody"}}) == [
        f"gateways_database_users: ['memory_gateway'] lacks the user somebody, which {variable} names"
    ]


def test_extensions():
    assert lines(gateways_database_extensions=["vector", "uuid-ossp"]) == []
    assert lines(gateways_database_extensions=["Vector; DROP"]) == [
        "gateways_database_extensions: 'Vector; DROP' is not the name of an extension, such as vector"
    ]


def test_there_is_one_litellm():
    assert lines(platform_gateways=[LITELLM, {**LITELLM, "name": "other", "state": "absent"}]) == []
    assert lines(platform_gateways=[LITELLM, {**LITELLM, "name": "other"}]) == [
        "platform_gateways: 2 entries have the preset litellm: one may, as its database has one name"
    ]


def test_the_database_is_verified():
    given = {"gateways_database_ca": "", "gateways_database_bootstrap": True}
    assert lines(**given) == []
    (line,) = lines(**given, platform_region="mx-central-1")
    assert "gateways_database_ca: '' is empty, and the role has no certificates of RDS for mx-central-1: give" in line
    assert lines(**{**given, "gateways_database_bootstrap": False}, platform_region="mx-central-1") == []
    (line,) = lines(gateways_database_ca="nonsense")
    assert line == "gateways_database_ca: has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
