# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have in the account before the platform comes: of the same shape, under like names, not to be touched."""

from __future__ import annotations

import json
from typing import Any

from tests.support.local_cloud.account import ADMINISTRATORS
from tests.support.playbook import OWNER, Account, Run

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


def make_key(account: Account, tags: dict[str, str]) -> str:
    """Make a key of someone else's, with AWS's own policy. Returns its ARN."""
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"}, "Action": "kms:*"}
    made = account.client("kms").create_key(
        Description="Made by others",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}),
        Tags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()],
    )
    return made["KeyMetadata"]["Arn"]


def lacking(run: Run, key: str) -> list[dict[str, Any]]:
    """The statements that a run has told the policy of a key to lack."""
    said = f"encryption_key_arn: the policy of {key} lacks: "
    told = [part for failure in run.failures for part in failure.split(said)[1:]]
    return [json.JSONDecoder().raw_decode(part)[0] for part in told]


def add_statements(account: Account, key: str, statements: list[dict[str, Any]]) -> None:
    """Do as the owner of a key who has been told what its policy lacks."""
    kms = account.client("kms")
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"] += statements
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))


def key_state(account: Account, key: str) -> dict[str, Any]:
    """All that could be changed of a key."""
    kms = account.client("kms")
    rotation = kms.get_key_rotation_status(KeyId=key)
    del rotation["ResponseMetadata"]
    return {
        "key": kms.describe_key(KeyId=key)["KeyMetadata"],
        "policy": kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
        "tags": kms.list_resource_tags(KeyId=key)["Tags"],
        "aliases": kms.list_aliases(KeyId=key)["Aliases"],
        "rotation": rotation,
        "grants": kms.list_grants(KeyId=key)["Grants"],
    }


def customer_keys(account: Account) -> list[str]:
    """The ARNs of all keys in the account that AWS doesn't manage itself."""
    kms = account.client("kms")
    keys = [kms.describe_key(KeyId=item["KeyId"])["KeyMetadata"] for item in account.pages("kms", "list_keys", "Keys")]
    return [key["Arn"] for key in keys if key["KeyManager"] == "CUSTOMER"]


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
