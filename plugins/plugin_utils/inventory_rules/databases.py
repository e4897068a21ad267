# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for what the component gateways prepares in the platform's database."""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import ROLES

from .fault import Fault, fault
from .formats import repeated, repeated_names
from .permissions import database_user_faults

USERS = "gateways_database_users"
# The user and the database of the preset.
LITELLM = "litellm"
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
RESERVED_SCHEMAS = ("public", "information_schema", "pg_", "rds", "aws_")
EXTENSION = re.compile(r"[a-z][a-z0-9_-]{0,62}")
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
# Who may log in by IAM as which user: the component and the variable that says it.
LOGINS = (
    ("workload_identity", "workload_identity_memory_database_user"),
    ("bastion_instance", "bastion_instance_database_user"),
    ("configuration", "configuration_database_user"),
    ("configuration", "configuration_read_only_database_user"),
)


def database_faults(values: Mapping[str, t.Any], others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """What is wrong with the users, schemas and extensions that are declared of the database."""
    users = values.get(USERS)
    gateways = values.get("platform_gateways") or []
    presets = [gateway.get("preset") for gateway in gateways if gateway.get("state", "present") == "present"]
    if presets.count(LITELLM) > 1:
        several = f"{presets.count(LITELLM)} entries have the preset {LITELLM}"
        yield Fault("platform_gateways", f"{several}: one may, as its database has one name")
    if users is not None:
        yield from _user_faults(users, LITELLM in presets, others)
    for name in values.get("gateways_database_extensions") or []:
        if not EXTENSION.fullmatch(name):
            yield fault("gateways_database_extensions", name, "is not the name of an extension, such as vector")
    authority, region = values.get("gateways_database_ca"), values.get("platform_region")
    if authority and CERTIFICATE not in authority:
        yield Fault("gateways_database_ca", f"has no certificate in PEM, which begins with {CERTIFICATE}")
    if authority == "" and values.get("gateways_database_bootstrap") and region and not _has_authority(region):
        yield fault(
            "gateways_database_ca",
            authority,
            f"is empty, and the role has no certificates of RDS for {region}: give those of"
            f" https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem",
        )


def _has_authority(region: str) -> bool:
    return os.path.isfile(os.path.join(ROLES, "gateways", "files", "rds-ca", f"{region}.pem"))


def _user_faults(users: list[Mapping], with_litellm: bool, others: Mapping[str, Mapping]) -> Iterator[Fault]:
    yield from repeated_names(USERS, users)
    master = (others.get("aurora") or {}).get("aurora_master_username")
    for index, user in enumerate(users):
        path, name, schema = f"{USERS}[{index}]", user.get("name"), user.get("schema")
        yield from database_user_faults(f"{path}.name", name)
        if name is not None and name == master:
            yield fault(f"{path}.name", name, "is the master user, aurora_master_username: it would get in by IAM only")
        elif with_litellm and name == LITELLM:
            yield fault(f"{path}.name", name, f"is the user of the preset {LITELLM}, which comes by itself")
        if schema is not None and not IDENTIFIER.fullmatch(schema):
            rule = "is not the name of a schema: up to 63 lower-case letters, digits and '_', no digit first"
            yield fault(f"{path}.schema", schema, rule)
        elif schema is not None and schema.startswith(RESERVED_SCHEMAS):
            yield fault(f"{path}.schema", schema, "is a schema of PostgreSQL's, of RDS's or of all users: name another")
    owned = [user.get("schema") for user in users if user.get("access") == "owner"]
    for schema in repeated(owned):
        yield fault(f"{USERS}[].schema", schema, "has more than one owner")
    for schema in dict.fromkeys(user.get("schema") for user in users if user.get("schema")):
        if schema not in owned:
            yield fault(f"{USERS}[].schema", schema, "has no owner: one of its users must have access owner")
    known = {user.get("name") for user in users}
    for component, variable in LOGINS:
        name = (others.get(component) or {}).get(variable)
        if name and name not in known:
            yield fault(USERS, sorted(filter(None, known)), f"lacks the user {name}, which {variable} names")
