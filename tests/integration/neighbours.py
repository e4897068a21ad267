# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have in the account before the platform comes: of the same shape, under like names, not to be touched."""

from __future__ import annotations

import json

from tests.support.local_cloud.account import ADMINISTRATORS
from tests.support.playbook import OWNER, Account

from . import census, components

# Someone else's, and the same platform in another environment.
OTHER = {"Project": "other", "Environment": "local"}
STAGING = {**OWNER, "Environment": "staging"}
PREFIXES = {"other": OTHER, "agent-platform-staging": STAGING}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def tag_list(tags: dict[str, str], **more: str) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in {**tags, **more}.items()]


def specification(kind: str, tags: dict[str, str], **more: str) -> list[dict]:
    return [{"ResourceType": kind, "Tags": tag_list(tags, **more)}]


def make_role(account: Account, name: str, tags: dict[str, str]) -> str:
    """Make a role of someone else's. Returns its ARN."""
    role = account.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=tag_list(tags))
    return role["Role"]["Arn"]


def settle(account: Account) -> None:
    """Build two neighbours beside the components that the account is about."""
    # The administrator of the cluster, by the inventory; people's roles are no part of a platform.
    make_role(account, ADMINISTRATORS, OTHER)
    for component in account.components:
        for prefix, tags in PREFIXES.items():
            components.of(component).settle(account, prefix, tags)


def is_neighbour(tags: dict[str, str]) -> bool:
    return any(all(tags.get(key) == value for key, value in theirs.items()) for theirs in PREFIXES.values())


def snapshot(account: Account) -> list[str]:
    """Everything that AWS tells of the neighbours' resources, each as one text."""
    return sorted(
        f"{kind} {json.dumps(item, sort_keys=True, default=str)}"
        for kind, item in census.Lister(account).tagged()
        if is_neighbour(census.tags_of(item))
    )
