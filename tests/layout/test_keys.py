# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is encrypted with which key: that of its purpose, where a platform has one, and no role names another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.layout.platform_stub import ROOT

FACT = re.compile(r"'encryption\.(\w*key_arn)' \| agent_platform\.aws\.fact")
REFERENCE = re.compile(r"\{\{ (__\w+) \}\}")
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
ROLES = sorted(path.parent.name for path in (ROOT / "roles").glob("*/tasks"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else None


def variables(role: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted((ROOT / "roles" / role / "vars").glob("*.yml")):
        found.update(read(path) or {})
    return found


def tasks(items: Any) -> Iterator[dict[str, Any]]:
    for item in items or []:
        yield item
        for part in ("block", "rescue", "always"):
            yield from tasks(item.get(part))


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a value, each with the key that it stands under."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, name)
    elif isinstance(value, str):
        yield name, value


def fact_of(role: str, text: str) -> str | None:
    """The fact that a text with a variable, or with the fact itself, stands for."""
    if found := FACT.search(text):
        return found[1]
    reference = REFERENCE.fullmatch(text)
    value = variables(role).get(reference[1]) if reference else None
    return fact_of(role, value) if isinstance(value, str) else None


def keys() -> Iterator[tuple[str, str, str, str]]:
    """Role, module, option and text of each key that a task gives to a module."""
    for role in ROLES:
        for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
            for task in tasks(read(path)):
                for name, arguments in task.items():
                    module = name.removeprefix("agent_platform.aws.")
                    if module != name and isinstance(arguments, dict):
                        for option, text in texts(arguments):
                            if KEY_OPTION.match(option):
                                yield role, module, option, text


KEYS = [found for found in keys() if found[0] != "encryption"]


@pytest.mark.parametrize(("role", "module", "option", "text"), KEYS)
def test_each_thing_is_encrypted_with_the_key_of_its_purpose(role, module, option, text):
    if module == "logs_log_group" and (role, text or '""') in WITHOUT:
        return
    wanted = OTHERS.get((module, option), "key_arn")
    if PURPOSES.get(module, ("", ""))[0] == option:
        wanted = PURPOSES[module][1]
    assert fact_of(role, text) == wanted


def test_they_are_looked_at():
    modules = {module for _role, module, _option, _text in KEYS}
    assert modules >= {*PURPOSES, "rds_cluster", "ec2_instance", "dynamodb_table", "s3_bucket"}
    assert {(role, text or '""') for role, module, _option, text in KEYS if module == "logs_log_group"} >= WITHOUT


def test_disks_of_nodes_and_pods_have_the_key_of_volumes():
    assert fact_of("eks", variables("eks")["__eks_volume"]["kms_key_id"]) == "volumes_key_arn"
    storage = variables("cluster_services")
    assert "'kmsKeyId': __cluster_services_key_arn" in storage["__cluster_services_storage_parameters"]
    assert fact_of("cluster_services", storage["__cluster_services_key_arn"]) == "volumes_key_arn"


# By the service that a statement lets use the key: whose data it is.
SERVED = {"secretsmanager": "secrets_key_arn", "ssm": "secrets_key_arn", "ec2": "volumes_key_arn"}
VIA = re.compile(r"(?:^|\b)(\w+)\.(?:<region>|\{\{ platform_region \}\})")


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    def within(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "Sid" in value:
                yield value
            for item in value.values():
                yield from within(item)
        elif isinstance(value, list):
            for item in value:
                yield from within(item)

    for role in ROLES:
        for statement in within(variables(role)):
            if any("kms:" in action for _name, action in texts(statement.get("Action"))):
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
        match[1] if (match := re.fullmatch(r"<encryption\.(\w+)>", text)) else fact_of(role, text)
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
