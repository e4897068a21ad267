# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is encrypted with which key: that of its purpose, where a platform has one, and no role names another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.layout.role_files import FILES, ROLES, constants, key_fact, mappings, read, role_of, texts

# Modules whose key has a purpose, and the option that names it.
PURPOSES = {
    "logs_log_group": ("kms_key_arn", "logs_key_arn"),
    "secretsmanager_secret": ("kms_key_id", "secrets_key_arn"),
    "ssm_parameters": ("key_id", "secrets_key_arn"),
    "eks_cluster": ("encryption_key_arn", "secrets_key_arn"),
}
# Options of other modules.
OTHERS = {
    ("rds_cluster", "master_user_secret_kms_key_id"): "secrets_key_arn",
    ("ec2_instance", "kms_key_id"): "volumes_key_arn",
}
# Log groups that have no key of the platform's: one that Cognito doesn't write to, and those of another region.
WITHOUT = {("cognito", '""'), ("frontend", "{{ frontend_log_kms_key_arn }}")}
KEY_OPTION = re.compile(r"(kms_key_(id|arn|identifier)|encryption_key_arn|key_id|kms_key|\w+_kms_key_id)$")


def keys() -> Iterator[tuple[str, str, str, str]]:
    """Role, module, option and text of each key that a task gives to a module."""
    for path in FILES:
        for task in mappings(read(path)) if path.parent.name == "tasks" else ():
            for name, arguments in task.items():
                module = name.removeprefix("agent_platform.aws.")
                if module != name and isinstance(arguments, dict):
                    for option, text in texts(arguments):
                        if KEY_OPTION.match(option):
                            yield role_of(path), module, option, text


KEYS = [found for found in keys() if found[0] != "encryption"]


@pytest.mark.parametrize(("role", "module", "option", "text"), KEYS)
def test_each_thing_is_encrypted_with_the_key_of_its_purpose(role, module, option, text):
    if module == "logs_log_group" and (role, text or '""') in WITHOUT:
        return
    wanted = OTHERS.get((module, option), "key_arn")
    if PURPOSES.get(module, ("", ""))[0] == option:
        wanted = PURPOSES[module][1]
    assert key_fact(role, text) == wanted


def test_they_are_looked_at():
    modules = {module for _role, module, _option, _text in KEYS}
    assert modules >= {*PURPOSES, "rds_cluster", "ec2_instance", "dynamodb_table", "s3_bucket"}
    assert {(role, text or '""') for role, module, _option, text in KEYS if module == "logs_log_group"} >= WITHOUT


def test_disks_of_nodes_and_pods_have_the_key_of_volumes():
    assert key_fact("eks", constants("eks")["__eks_volume"]["kms_key_id"]) == "volumes_key_arn"
    storage = constants("cluster_services")
    assert "'kmsKeyId': __cluster_services_key_arn" in storage["__cluster_services_storage_parameters"]
    assert key_fact("cluster_services", storage["__cluster_services_key_arn"]) == "volumes_key_arn"


# By the service that a statement lets use the key: whose data it is.
SERVED = {"secretsmanager": "secrets_key_arn", "ssm": "secrets_key_arn", "ec2": "volumes_key_arn"}
VIA = re.compile(r"(?:^|\b)(\w+)\.(?:<region>|\{\{ platform_region \}\})")


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for role in ROLES:
        for statement in mappings(constants(role)):
            if "Sid" in statement and any("kms:" in action for _name, action in texts(statement.get("Action"))):
                yield role, statement


STATEMENTS = [(role, statement) for role, statement in statements() if "kms:ViaService" in str(statement)]


@pytest.mark.parametrize(("role", "statement"), STATEMENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_who_may_use_a_key_through_a_service_may_use_the_one_of_its_data(role, statement):
    services = [
        service
        for name, text in texts(statement["Condition"])
        if name == "kms:ViaService"
        for service in VIA.findall(text)
    ]
    wanted = {SERVED.get(service, "key_arn") for service in services}
    named = {
        match[1] if (match := re.fullmatch(r"<encryption\.(\w+)>", text)) else key_fact(role, text)
        for _name, text in texts(statement["Resource"])
    }
    assert named == wanted
    assert services


def test_such_statements_are_looked_at():
    assert {role for role, _statement in STATEMENTS} >= {
        "bastion_instance",
        "eks",
        "knowledge_base",
        "workload_identity",
    }
