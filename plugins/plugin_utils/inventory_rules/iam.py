# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for what all roles of the platform have in common, and for who may read its secrets."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from ansible_collections.agent_platform.aws.plugins.module_utils.principals import SESSION

from .fault import Fault, fault

PATH = re.compile(r"/([\w+=,.@-]+/)*", re.ASCII)
LONGEST_PATH = 512
# Of AWS's own roles.
RESERVED_PATHS = ("/aws-reserved/", "/aws-service-role/")
POLICY_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}|aws):policy/[\w+=,.@/-]+", re.ASCII)
OWN_ARN = re.compile(r"arn:[^:]+:iam::\d{12}:(?:role|instance-profile)(?P<path>/(?:.+/)?)(?P<name>[^/]+)")
# Facts that name roles and profiles which the platform makes.
OWN_FACTS = re.compile(r"(.*_)?(role_arn|instance_profile_arn|roles)")

# In a policy's condition, so with wildcards, but never for all accounts or all kinds of principals.
READER = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::\d{12}:(root|(role|user)/[\w+=,.@/*?-]+)", re.ASCII)


def iam_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
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
    for found in map(OWN_ARN.fullmatch, _own_arns(platform)):
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
