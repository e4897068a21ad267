# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform's key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import described
from tests.support.playbook import PREFIX, REGION, Account

from ..census import Lister, document, name_of
from ..drift import Repair

ALIAS = f"alias/{PREFIX}-key"
SUMMARY = ALIAS
LEAST_TAGGED = 1
# A service whose role others have made before the platform comes, and what they have written there.
SERVED = "autoscaling.amazonaws.com"
THEIRS = "Made by others"


def keys(lister: Lister) -> list[dict]:
    kms = lister.account.client("kms")
    found = [
        kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in lister.account.pages("kms", "list_keys", "Keys")
    ]
    return [
        {
            **key,
            "Tags": kms.list_resource_tags(KeyId=key["KeyId"])["Tags"],
            "Policy": kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"],
            "Rotation": _rotation(kms.get_key_rotation_status(KeyId=key["KeyId"])),
            "Aliases": [alias["AliasName"] for alias in kms.list_aliases(KeyId=key["KeyId"])["Aliases"]],
        }
        for key in found
        if key["KeyManager"] == "CUSTOMER" and key["KeyState"] != "PendingDeletion"
    ]


def _rotation(status: dict) -> list:
    return [status["KeyRotationEnabled"], status.get("RotationPeriodInDays")]


def key(account: Account) -> dict:
    """The platform's key."""
    return account.client("kms").describe_key(KeyId=ALIAS)["KeyMetadata"]


def linked_roles(account: Account, service: str) -> list[dict]:
    """The service-linked roles of a service."""
    return account.pages("iam", "list_roles", "Roles", PathPrefix=f"/aws-service-role/{service}/")


def census(lister: Lister) -> dict[str, list]:
    found = keys(lister)
    for item in found:
        lister.named("key", item["KeyId"], name_of(item))
    aliases = lister.account.pages("kms", "list_aliases", "Aliases")
    return {
        "keys": [
            [name_of(item), item["KeyState"], item["Rotation"], item["Description"], document(item["Policy"])]
            for item in found
        ],
        "aliases": [
            [alias["AliasName"], alias.get("TargetKeyId")]
            for alias in aliases
            if not alias["AliasName"].startswith("alias/aws/")
        ],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from (("key", item) for item in keys(lister))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    kms = account.client("kms")
    made = kms.create_key(Tags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()])
    kms.create_alias(AliasName=f"alias/{prefix}-key", TargetKeyId=made["KeyMetadata"]["KeyId"])
    if not linked_roles(account, SERVED):
        account.client("iam").create_service_linked_role(AWSServiceName=SERVED, Description=THEIRS)


def take_names(account: Account) -> list[str]:
    kms = account.client("kms")
    kms.create_alias(AliasName=ALIAS, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    return [ALIAS]


REPAIRS: dict[str, Repair] = {}


ANYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}],
    }
)


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    kms, key_id = account.client("kms"), key(account)["KeyId"]
    return {
        "rotation period": lambda: kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=2560),
        "rotation": lambda: kms.disable_key_rotation(KeyId=key_id),
        "description": lambda: kms.update_key_description(KeyId=key_id, Description="theirs"),
        "policy": lambda: kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=ANYBODY),
        "disabled": lambda: kms.disable_key(KeyId=key_id),
        "alias": lambda: kms.delete_alias(AliasName=ALIAS),
    }


def lasting(account: Account) -> list[str]:
    return [key(account)["KeyId"]]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    assert facts["key_arn"] == key(lister.account)["Arn"]
    assert facts["rotation_enabled"]


class TestKey:
    def test_is_enabled_and_rotated(self, lister):
        ours = key(lister.account)
        assert ours["KeyState"] == "Enabled"
        assert ours["KeyManager"] == "CUSTOMER"
        rotation = lister.account.client("kms").get_key_rotation_status(KeyId=ours["KeyId"])
        assert rotation["KeyRotationEnabled"] is True

    def test_policy_lets_only_services_of_this_account_use_it(self, lister):
        kms = lister.account.client("kms")
        policy = document(kms.get_key_policy(KeyId=key(lister.account)["KeyId"], PolicyName="default")["Policy"])
        text = json.dumps(policy)
        assert f"logs.{REGION}.amazonaws.com" in text
        assert "AWSServiceRoleForAutoScaling" in text
        for statement in policy["Statement"]:
            principal = statement["Principal"]
            assert principal not in ("*", {"AWS": "*"}) or statement.get("Condition")
            if "Service" in principal:
                assert statement["Condition"], statement


class TestServiceLinkedRoles:
    def test_each_service_of_the_components_has_its_role_once(self, lister):
        """Of all components that the inventory has, whichever of them a run is limited to."""
        services = {service for about in described().values() for service in about.get("service_linked_roles", [])}
        assert SERVED in services
        assert {service: len(linked_roles(lister.account, service)) for service in services} == dict.fromkeys(
            services, 1
        )

    def test_one_that_others_have_made_is_used_and_left_as_it_is(self, platform, lister):
        (role,) = linked_roles(lister.account, SERVED)
        assert role["Description"] == THEIRS
        policy = lister.account.client("kms").get_key_policy(KeyId=key(lister.account)["KeyId"], PolicyName="default")
        assert role["Arn"] in policy["Policy"]
