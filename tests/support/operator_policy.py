# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policies of who runs the playbooks, held against what modules and discovery call and against what AWS knows of
each action.

`PYTHONPATH=collections python -m tests.support.operator_policy` writes docs/operator-policy.json anew, and says what is
wrong with it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from botocore import xform_name

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import permission_of
from ansible_collections.agent_platform.aws.plugins.modules import s3_bucket, s3_website_content
from tests.support.declarations import MODULES, load, module_names
from tests.support.unmanaged import calls_of_all

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/operator-policy.json"
# What IAM allows a managed policy, without white space, and a role.
LONGEST = 6144
MOST = 10
# What stands in docs/operator-policy.json for the values of an inventory.
PLACEHOLDERS = {
    "platform_name": "NAME",
    "platform_environment": "ENVIRONMENT",
    "platform_region": "REGION",
    "platform_account_id": "ACCOUNT_ID",
    "platform_permissions_boundary": "",
    "platform_iam_path": "/",
    # What others have made, and settings of the account, for which there are statements of their own.
    "platform_existing_roles": {"eks-nodes": "arn:aws:iam::ACCOUNT_ID:role/EXISTING_ROLE"},
    "encryption_key_arn": "arn:aws:kms:REGION:ACCOUNT_ID:key/EXISTING_KEY_ID",
    "encryption_ebs_by_default": True,
    "encryption_ebs_default_key": True,
    "network_vpc_id": "EXISTING_VPC_ID",
    "network_private_subnet_ids": ["EXISTING_SUBNET_ID"],
    "bastion_instance_session_preferences": "account",
}

Statement = dict[str, Any]
Documents = dict[str, dict[str, Any]]

# AWS never asks for these.
FREE = {"sts:GetCallerIdentity"}
# What a module calls for others than the platform, whose runs don't ask for it.
NOT_OURS = {
    "iam:DeleteServiceLinkedRole": "the roles of services are the account's, and stay",
    "iam:GetServiceLinkedRoleDeletionStatus": "the same",
    "appconfig:CreateExperimentDefinition": "appconfig_feature_flags looks whether AWS knows it, and doesn't call it",
    "ec2:DescribeTags": "tags of load balancers are asked for by this name, of another service",
    "iam:ListGroups": "groups of a user pool are asked for by this name, of another service",
}
# Calls whose names aren't declared, or don't stand in the code that makes them.
CALLED = {
    **dict.fromkeys(
        (
            "eks:ListAccessEntries",
            "eks:ListAddons",
            "eks:ListFargateProfiles",
            "eks:ListIdentityProviderConfigs",
            "eks:ListNodegroups",
        ),
        "what is in a cluster",
    ),
    **dict.fromkeys(
        (
            "logs:DeleteDeliveryDestination",
            "logs:DeleteDeliverySource",
            "logs:GetDeliveryDestination",
            "logs:PutDeliveryDestination",
            "logs:PutDeliverySource",
        ),
        "both ends of a delivery, by logs_delivery",
    ),
    "ssm:GetParameter": "the machine image of an instance, by ec2_instance",
}
# What AWS looks at besides the call's own permission, by the service authorization reference ("Dependent actions") or
# by the service's documentation.
IMPLIED = {
    **dict.fromkeys(
        (
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
            "kms:RetireGrant",
        ),
        "services use the platform's key in the name of who calls them",
    ),
    "backup-storage:MountCapsule": "backup:CreateBackupVault",
    "bedrock:AllowVendedLogDeliveryForResource": "logs:PutDeliverySource of a knowledge base",
    "cloudfront:AllowVendedLogDeliveryForResource": "logs:PutDeliverySource of a distribution",
    **dict.fromkeys(
        (
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:UpdateLogDelivery",
        ),
        "logs of flows, caches and web ACLs",
    ),
    **dict.fromkeys(
        ("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"),
        "policies of application-autoscaling keep alarms",
    ),
    **dict.fromkeys(
        ("aoss:TagResource", "s3:TagResource", "cloudfront:TagResource", "application-autoscaling:TagResource"),
        "made with tags",
    ),
    "route53:AssociateVPCWithHostedZone": "ec2:CreateVpcEndpoint with private names",
    "ec2:DescribeImages": "an instance's image is looked at",
    "ec2:DisassociateAddress": "ec2:ReleaseAddress of an address in use",
    "elasticache:CreateSnapshot": "elasticache:DeleteReplicationGroup with a last snapshot",
    "rds:CreateDBClusterSnapshot": "rds:DeleteDBCluster with a last snapshot",
    "iam:PassRole": "services take roles",
    "ssmmessages:OpenDataChannel": "ssm:StartSession",
    "sts:AssumeRole": "the API of the OpenSearch domain is called as its master role",
    "s3:DeleteObject": "what is in buckets goes with them",
}


# ---- What the playbook writes


def written(folder: Path, *arguments: str, inventory: str = "local", **values: Any) -> Documents:
    """The policies that the playbook writes, by their names. values: variables of the inventory."""
    variables = {**values, "operator_policy_folder": str(folder)}
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        *("playbooks/operator_policy.yml", "-i", f"inventories/{inventory}", "-e", json.dumps(variables), *arguments),
    ]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def with_placeholders() -> Documents:
    with tempfile.TemporaryDirectory() as folder:
        return written(Path(folder), **PLACEHOLDERS)


def text_of(documents: Documents) -> str:
    return json.dumps(documents, indent=2) + "\n"


def length(document: Mapping[str, Any]) -> int:
    """As IAM counts it."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def statements(documents: Documents) -> Iterator[tuple[str, Statement]]:
    for name, document in documents.items():
        for statement in document["Statement"]:
            yield f"{name}/{statement['Sid']}", statement


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def allowed(documents: Documents) -> set[str]:
    return {action for _name, statement in statements(documents) for action in listed(statement["Action"])}


# ---- What runs call


@cache
def operations() -> Mapping[str, Mapping[str, str]]:
    """Of each service that is called, its operations by their names in the API and in Python."""
    session = botocore.session.get_session()
    found = {}
    for service in {service for calls in calls_of_all().values() for service, _operation in calls} | {
        "elb",
        "elbv2",
        "rds-data",
        "service-quotas",
    }:
        names = session.get_service_model(service).operation_names
        found[service] = {**{name: name for name in names}, **{xform_name(name): name for name in names}}
    return found


def texts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def imported(path: Path) -> Iterator[Path]:
    """What of module_utils a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [name.name for name in node.names]
            for name in names:
                base = path.parents[node.level - 1] / f"{name.replace('.', '/')}.py"
                if base.is_file():
                    yield base


RENAMED = s3_bucket.PERMISSIONS | s3_website_content.PERMISSIONS
# Bases and helpers of all: what they name isn't what one tool calls.
OF_ALL = {"calls", "declarations", "ec2", "faults", "finding", "names", "resource", "shapes", "values"}


def calls_by_name(path: Path, *more: Path) -> set[str]:
    """The permissions for the operations that files name, of the services that they name."""
    named = set().union(*(texts(file) for file in (path, *more)))
    services = {text.partition("@")[0] for text in named} & set(operations())
    return {
        permission
        for service in services
        for text in named
        if text in (known := operations()[service])
        for permission in each(
            permission_of(service, RENAMED.get(known[text], known[text]) if service == "s3" else known[text])
        )
    }


def each(text: str) -> list[str]:
    """The permissions that a text names."""
    return re.findall(r"[a-z0-9-]+:[A-Z]\w+", text)


@cache
def needed() -> Mapping[str, tuple[str, ...]]:
    """The permissions that modules and discovery need, each with whose calls need it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, calls in calls_of_all().items():
        resource = load(name).resource
        for service, operation in calls:
            if service in operations():
                text = resource.permission(object.__new__(resource), operation, service)
                for permission in each(text):
                    found[permission].append(name)
    known = set(module_names())
    tools = [path for path in sorted(MODULES.glob("*.py")) if path.stem not in known]
    for path in tools:
        helpers = [file for file in imported(path) if file.stem not in OF_ALL and "discovery" not in file.parts]
        for permission in calls_by_name(path, *helpers):
            found[permission].append(path.stem)
    utils = MODULES.parent / "module_utils"
    helpers = (utils / f"{name}.py" for name in ("quotas", "bedrock_models", "machine_images"))
    for path in (*sorted((utils / "discovery").glob("*.py")), *helpers):
        for permission in calls_by_name(path):
            found[permission].append(f"discovery of {path.stem}")
    return {name: tuple(whose) for name, whose in found.items() if name not in FREE and name not in NOT_OURS}


# ---- What AWS knows


@cache
def reference() -> Mapping[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("service_authorization.yml").read_text())


def types_of(action: str) -> Mapping[str, bool]:
    """The types of resources that AWS looks at for an action, and whether always."""
    service, _colon, name = action.partition(":")
    return {kind.rstrip("?"): not kind.endswith("?") for kind in reference()[service]["actions"][name]}


def covered(pattern: str, service: str) -> set[str]:
    """The types of a service that the pattern of a resource is about."""
    types = reference()[service]["types"]
    if pattern == "*":
        return set(types)
    rest = pattern.split(":", 5)[5]
    if service == "s3":
        return {"object" if "/" in rest else "bucket"}
    found = set()
    for name, kind in types.items():
        expression = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(kind["prefix"])) + ".+"
        # The last star stands for slashes, too, and so for what is inside of what it names.
        inside = kind["prefix"].partition("}")[2]
        samples = (rest.replace("*", "x"), f"{rest.rstrip('*')}x{inside}x".replace("*", "x"))
        if rest.startswith("*") or any(re.fullmatch(expression, sample) for sample in samples):
            found.add(name)
    return found


def unknown(documents: Documents) -> Iterator[str]:
    """Actions that AWS doesn't know, or that the file of what it says doesn't."""
    for action in sorted(allowed(documents)):
        service, _colon, name = action.partition(":")
        if name not in reference().get(service, {}).get("actions", {}):
            yield f"{action} isn't in service_authorization.yml"


def loose(documents: Documents) -> Iterator[str]:
    """Statements that allow more than they need to, or that AWS would never find true."""
    for place, statement in statements(documents):
        resources = listed(statement["Resource"])
        about = {kind for pattern in resources for kind in kinds(pattern, statement)}
        for action in listed(statement["Action"]):
            service, name = action.split(":")
            types = types_of(action)
            if "*" in action or set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}:
                yield f"{place}: {action} isn't exact"
            if resources == ["*"] and any(types.values()):
                yield f"{place}: {action} is for all resources, and could be for {', '.join(types)}"
            if resources != ["*"] and not {f"{service}:{kind}" for kind in types} & about:
                yield f"{place}: {action} is never about these resources"
            keys = {key for block in statement.get("Condition", {}).values() for key in block}
            if any(key.startswith("aws:RequestTag/") for key in keys) and name not in reference()[service]["tagging"]:
                yield f"{place}: {action} doesn't know aws:RequestTag"
            if any(key.startswith("aws:ResourceTag/") for key in keys) and not set(types) & set(
                reference()[service]["tagged"]
            ):
                yield f"{place}: {action} doesn't know aws:ResourceTag"
        for pattern in resources:
            if pattern != "*" and not any(
                {f"{action.split(':')[0]}:{kind}" for kind in types_of(action)} & kinds(pattern, statement)
                for action in listed(statement["Action"])
            ):
                yield f"{place}: no action is about {pattern}"


def kinds(pattern: str, statement: Statement) -> set[str]:
    """Service and type of what the pattern of a resource is about, for the actions of the statement."""
    services = {action.split(":")[0] for action in listed(statement["Action"])}
    of = pattern.split(":", 3)[2] if pattern != "*" else ""
    # Some services look at resources of others.
    shared = {"rds": {"rds-data"}, "ec2": {"ssm"}, "iam": {"sts"}, "ssm": {"ssmmessages"}}
    return {
        f"{service}:{kind}"
        for service in services
        if pattern == "*" or service == of or service in shared.get(of, ())
        for kind in covered(pattern, service)
    }


def uncovered(documents: Documents) -> Iterator[str]:
    """Types of resources that an action is always checked on, and that no statement of it is about."""
    about: dict[str, set[str]] = defaultdict(set)
    for _place, statement in statements(documents):
        found = {kind for pattern in listed(statement["Resource"]) for kind in kinds(pattern, statement)}
        for action in listed(statement["Action"]):
            about[action] |= found
    for action, found in sorted(about.items()):
        service = action.split(":")[0]
        for kind, always in types_of(action).items():
            if always and f"{service}:{kind}" not in found:
                yield f"{action} is checked on {kind}, too, and no statement allows that"


def missing(documents: Documents) -> Iterator[str]:
    for permission in sorted(set(needed()) - allowed(documents)):
        yield f"{permission} is needed by {', '.join(sorted(set(needed()[permission])))}"
    for permission, why in sorted({**IMPLIED, **CALLED}.items()):
        if permission not in allowed(documents):
            yield f"{permission} is needed: {why}"


def idle(documents: Documents) -> Iterator[str]:
    for permission in sorted(allowed(documents) - {*needed(), *IMPLIED, *CALLED}):
        yield f"{permission} is allowed, and nothing calls it"


def oversized(documents: Documents) -> Iterator[str]:
    if len(documents) > MOST:
        yield f"{len(documents)} policies are more than a role takes"
    for name, document in documents.items():
        if length(document) > LONGEST:
            yield f"{name} has {length(document)} characters, and AWS takes {LONGEST}"


def problems(documents: Documents) -> list[str]:
    found: Iterable[str] = unknown(documents)
    if known := list(found):
        return known
    return [problem for check in (loose, uncovered, missing, idle, oversized) for problem in check(documents)]


def main() -> None:
    documents = with_placeholders()
    DOCUMENT.write_text(text_of(documents))
    for problem in problems(documents):
        print(problem)


if __name__ == "__main__":
    main()
