# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for what all roles of the platform have in common, and for who may read its secrets."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name
from ansible_collections.agent_platform.aws.plugins.module_utils.principals import SESSION

from .fault import Fault, did_you_mean, fault
from .ranges import Range, range_faults

PATH = re.compile(r"/([\w+=,.@-]+/)*", re.ASCII)
LONGEST_PATH = 512
# Of AWS's own roles.
RESERVED_PATHS = ("/aws-reserved/", "/aws-service-role/")
POLICY_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}|aws):policy/[\w+=,.@/-]+", re.ASCII)
OWN_ARN = re.compile(r"arn:[^:]+:iam::\d{12}:(?:role|instance-profile)(?P<path>/(?:.+/)?)(?P<name>[^/]+)")
# Facts that name roles and profiles which the platform makes.
OWN_FACTS = re.compile(r"(.*_)?(role_arn|instance_profile_arn|roles)")
ROLE_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@/-]+)", re.ASCII)
SESSIONS = {"platform_role_max_session_duration": Range(3600, 43200, "seconds")}
# Whom roles are for, but those of service accounts in the cluster, which its OIDC provider vouches for.
USERS = {
    "aurora-monitoring": "monitoring.rds.amazonaws.com",
    "authenticated": "cognito-identity.amazonaws.com",
    "bastion": "ec2.amazonaws.com",
    "bastion-backup": "backup.amazonaws.com",
    "eks-cluster": "eks.amazonaws.com",
    "eks-nodes": "ec2.amazonaws.com",
    "flow-logs": "vpc-flow-logs.amazonaws.com",
    "knowledge-base": "bedrock.amazonaws.com",
    "model-invocation-logs": "bedrock.amazonaws.com",
    # People and roles that its variables name.
    "opensearch-master": None,
}

# In a policy's condition, so with wildcards, but never for all accounts or all kinds of principals.
READER = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::\d{12}:(root|(role|user)/[\w+=,.@/*?-]+)", re.ASCII)


def iam_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    yield from range_faults(values, SESSIONS)
    yield from _existing_role_faults(
        values.get("platform_existing_roles") or {}, values.get("platform_account_id"), values.get("platform_region")
    )
    path = values.get("platform_iam_path")
    if path is not None:
        if not PATH.fullmatch(path) or len(path) > LONGEST_PATH:
            yield fault(
                "platform_iam_path",
                path,
                "is not the path of a role: / or, between slashes, letters, digits and + = , . @ _ -, up to"
                f" {LONGEST_PATH} characters, such as /teams/agents/",
            )
        elif path.startswith(RESERVED_PATHS):
            yield fault("platform_iam_path", path, "is a path that AWS keeps for roles of its own")
    boundary = values.get("platform_permissions_boundary")
    if boundary:
        yield from _boundary_faults(boundary, values.get("platform_account_id"), values.get("platform_region"))
    for index, arn in enumerate(values.get("platform_secret_readers") or []):
        found, variable = READER.fullmatch(arn), f"platform_secret_readers[{index}]"
        partition = partition_of(values.get("platform_region") or "")
        if not found:
            rule = "is not the ARN of an IAM role or user, such as arn:aws:iam::123456789012:role/operators"
            yield fault(variable, arn, f"{rule}, with * for any text")
        elif partition and found["partition"] != partition:
            yield fault(variable, arn, f"is of another partition than platform_region: arn:{partition}:...")


def _boundary_faults(boundary: str, account: str | None, region: str | None) -> Iterator[Fault]:
    variable = "platform_permissions_boundary"
    found = POLICY_ARN.fullmatch(boundary)
    if not found:
        example = f"arn:aws:iam::{account or '123456789012'}:policy/name"
        yield fault(variable, boundary, f"is not the ARN of a managed policy, such as {example}")
        return
    if account and found["account"] not in (account, "aws"):
        yield fault(
            variable, boundary, f"is a policy of another account; a boundary is one of AWS or of {account} itself"
        )
    partition = partition_of(region) if region else None
    if partition and found["partition"] != partition:
        yield fault(
            variable, boundary, f"is of another partition than platform_region, whose ARNs begin arn:{partition}:"
        )


def _existing_role_faults(existing: Mapping[str, t.Any], account: str | None, region: str | None) -> Iterator[Fault]:
    variable = "platform_existing_roles"
    partition = partition_of(region) if region else None
    for thing, arn in existing.items():
        found = ROLE_ARN.fullmatch(arn) if isinstance(arn, str) else None
        if not found:
            rule = f"is not the ARN of a role, such as arn:aws:iam::{account or '123456789012'}:role/name"
        elif account and found["account"] != account:
            rule = f"is a role of another account: services act only as roles of {account} itself"
        elif partition and found["partition"] != partition:
            rule = f"is of another partition than platform_region, whose ARNs begin arn:{partition}:"
        elif found["name"].startswith("aws-service-role/"):
            rule = "is a service-linked role, which AWS alone acts as"
        else:
            continue
        yield fault(f"{variable}.{thing}", arn, rule)
    if existing.get("eks-nodes") and existing.get("eks-nodes") == existing.get("eks-cluster"):
        rule = "is the role of the cluster, too: EKS takes no role of a cluster for nodes"
        yield fault(f"{variable}.eks-nodes", existing["eks-nodes"], rule)


def unknown_role_faults(values: Mapping[str, t.Any], names: Collection[str]) -> Iterator[Fault]:
    """Roles of others that are in the place of none. names: those of all roles that the components make."""
    prefix = values.get("platform_prefix")
    for thing in values.get("platform_existing_roles") or {} if prefix else ():
        if resource_name(thing, prefix, "iam_role") not in names:
            things = sorted(name.removeprefix(f"{prefix}-") for name in names)
            yield Fault(
                f"platform_existing_roles.{thing}",
                f"is not the name of a role that the platform makes{did_you_mean(thing, things)}:"
                f" there are {', '.join(things)}",
            )


def existing_role_change_faults(platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Roles of others that aren't there, or that what is to have them can't assume."""
    provider = (platform.get("eks") or {}).get("oidc_provider_arn")
    for thing, found in (platform.get("existing_roles") or {}).items():
        user = USERS.get(thing, provider)
        if not found["exists"]:
            rule = "isn't there: have it made, or correct its ARN"
        elif user and user not in found["trusted"] and "*" not in found["trusted"]:
            rule = f"can't be assumed by {user}: have its trust policy name that as a principal"
        else:
            continue
        yield fault(f"platform_existing_roles.{thing}", found["arn"], rule)


def partition_of(region: str) -> str | None:
    """The partition of the region, as far as this machine's botocore tells."""
    from botocore.loaders import Loader

    partitions = Loader().load_data("partitions")["partitions"]
    return next((item["id"] for item in partitions if re.fullmatch(item["regionRegex"], region)), None)


def path_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Roles and instance profiles of the platform that exist under another path, which IAM can't change."""
    path, prefix = values.get("platform_iam_path"), values.get("platform_prefix")
    if path is None or prefix is None:
        return
    elsewhere: dict[str, set[str]] = {}
    others = set((values.get("platform_existing_roles") or {}).values())
    for found in (OWN_ARN.fullmatch(arn) for arn in _own_arns(platform) if arn not in others):
        if found and found["path"] != path and found["name"].startswith(f"{prefix}-"):
            elsewhere.setdefault(found["path"], set()).add(found["name"])
    for other, names in sorted(elsewhere.items()):
        yield fault(
            "platform_iam_path",
            path,
            f"is not the path of {', '.join(sorted(names))}, which is {other}: IAM can't move a role. Go back to"
            f" {other}, or tear the platform down and build it anew",
        )


def reader_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A run that couldn't read the secrets that it makes: it compares some of them, and hashes one for the bastion."""
    readers, caller = values.get("platform_secret_readers") or [], platform.get("arn")
    if not readers or not caller or any(_means(reader, caller) for reader in readers):
        return
    session = SESSION.fullmatch(caller)
    if session and session[3].startswith(f"{values.get('platform_prefix')}-"):
        return
    missing = f"the ARN of the role {session[3]}, with its path" if session else caller
    yield fault("platform_secret_readers", readers, f"leaves out who runs this, {caller}: add {missing}")


def _means(reader: str, caller: str) -> bool:
    """Whether an ARN with wildcards may mean a caller. Of a session AWS tells the role without its path."""
    session = SESSION.fullmatch(caller)
    if not session:
        return fnmatchcase(caller, reader)
    account, _slash, path = reader.partition("/")
    return account.endswith(f":{session[2]}:role") and fnmatchcase(session[3], path.rpartition("/")[2])


def _own_arns(facts: t.Any, own: bool = False) -> Iterator[str]:
    if isinstance(facts, Mapping):
        for name, value in facts.items():
            yield from _own_arns(value, own or bool(OWN_FACTS.fullmatch(str(name))))
    elif own and isinstance(facts, str):
        yield facts
