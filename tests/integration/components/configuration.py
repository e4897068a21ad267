# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is published of the platform: a parameter for each key."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.faults import Calls
from tests.support.playbook import OWNER, PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, tags_of
from ..drift import Repair
from . import encryption

PATH = "/agent-platform/local"
REGION_KEY, ENVIRONMENT_KEY, KEY_ID = (
    f"{PATH}/{name}" for name in ("platform/REGION", "platform/ENVIRONMENT", "encryption/KMS_KEY_ID")
)
# Of the front end.
BUCKET = f"{PREFIX}-frontend-{{}}"
SUMMARY = f"parameters below {PATH}"
# Those that need nothing but the key.
LEAST_TAGGED = 7
OWN = {**OWNER, "Component": "configuration"}
PUBLISH = frozenset({"Publish the settings"})
# What differs from account to account: ids, and the ends of ARNs of secrets, of ids of pools and of addresses. One in a
# hundred ids of clients has no digit.
RANDOM = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![A-Za-z0-9])(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{7,}"
    r"|\b[A-Za-z0-9]{26}\b|(?<=-)[A-Za-z0-9]{6}$|(?<=_)[A-Za-z0-9]{9}$|(?<=localhost:)\d+"
    r"|(?<=//)[a-z0-9]{13,14}(?=\.cloudfront\.net)"
)
# An id alone, such as one of seven letters.
ID = re.compile(r"[A-Za-z0-9]{7,}")


def lasting_value(name: str, value: str) -> str:
    """A value without what differs from account to account."""
    is_id = name.upper().endswith("ID") and ID.fullmatch(value)
    return "..." if is_id else RANDOM.sub("...", value)


def parameters(lister: Lister) -> list[dict]:
    """All parameters with their values and tags."""
    ssm = lister.account.client("ssm")
    found = lister.account.pages("ssm", "describe_parameters", "Parameters")
    return [
        {
            **item,
            "Value": ssm.get_parameter(Name=item["Name"], WithDecryption=True)["Parameter"]["Value"],
            "Tags": ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=item["Name"])["TagList"],
        }
        for item in found
    ]


def values(account: Account) -> dict[str, str]:
    """The values of ours, by name below the path."""
    found = account.pages("ssm", "get_parameters_by_path", "Parameters", Path=PATH, Recursive=True, WithDecryption=True)
    return {item["Name"].removeprefix(f"{PATH}/"): item["Value"] for item in found}


def page(account: Account) -> dict[str, Any]:
    """What pages of the front end are told, nothing where there is no such thing."""
    client, settings = account.client("s3"), {}
    with contextlib.suppress(client.exceptions.NoSuchBucket, client.exceptions.NoSuchKey):
        found = client.get_object(Bucket=BUCKET.format(account.id), Key="config.json")
        settings = {**json.load(found["Body"]), "cache": found["CacheControl"], "type": found["ContentType"]}
    return settings


def census(lister: Lister) -> dict[str, list]:
    return {
        "page": [[name, lasting_value(name, str(value))] for name, value in sorted(page(lister.account).items())],
        "settings": [
            [
                item["Name"],
                lasting_value(item["Name"], item["Value"]),
                item["Type"],
                item.get("KeyId"),
                item["Tier"],
                item.get("Description"),
                item.get("AllowedPattern"),
                item["DataType"],
                tags_of(item),
            ]
            for item in parameters(lister)
        ],
    }


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from ((f"parameter {item['Name']}", item) for item in parameters(lister))


def _put(account: Account, name: str, value: str = "theirs", tags: dict[str, str] | None = None, **more: Any) -> None:
    request = {"Tags": neighbours.tag_list(tags)} if tags is not None else {"Overwrite": True}
    account.client("ssm").put_parameter(Name=name, Value=value, **{"Type": "String", **request, **more})


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    # agent-platform-staging is agent-platform's staging; and one whose path only begins as ours does.
    _put(account, f"/{prefix.replace('-staging', '/staging')}/platform/REGION", tags=tags)
    _put(account, f"{PATH}-{prefix}/platform/REGION", tags=tags)


def take_names(account: Account) -> list[str]:
    _put(account, REGION_KEY, tags={})
    return [f"parameter {REGION_KEY}"]


def _after_a_run(harm: Callable[[Account], Any]) -> Callable[[Account], Any]:
    """What other tests have mended may have another id since, which the next run tells."""

    def act(account: Account) -> None:
        account.run("--limit", "configuration", note="tells what others are").assert_converged()
        harm(account)

    return act


REPAIRS = {
    "another value": Repair(
        _after_a_run(lambda account: _put(account, REGION_KEY)), Calls({("ssm", "PutParameter"): 1}), PUBLISH, dry=True
    ),
    "a parameter of ours that nobody declares": Repair(
        _after_a_run(lambda account: _put(account, f"{PATH}/redis/OLD_KEY", tags=OWN)),
        Calls({("ssm", "DeleteParameters"): 1}),
        PUBLISH,
    ),
}


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    ssm = account.client("ssm")
    secure = [item["Name"] for item in parameters(Lister(account)) if item["Type"] == "SecureString"]
    found: dict[str, Callable[[], Any]] = {
        "parameter": lambda: ssm.delete_parameter(Name=f"{PATH}/platform/AWS_DEFAULT_REGION"),
        "value": lambda: _put(account, KEY_ID),
        "description": lambda: _put(account, REGION_KEY, REGION, Description="theirs"),
        "pattern": lambda: _put(account, f"{PATH}/encryption/KMS_KEY_ARN", "arn:theirs", AllowedPattern="^arn:"),
        "lost tag": lambda: ssm.remove_tags_from_resource(
            ResourceType="Parameter", ResourceId=REGION_KEY, TagKeys=["Environment"]
        ),
        "one too much": lambda: _put(account, f"{PATH}/app/OLD", tags=OWN),
    }
    if page(account):
        settings = {"Bucket": BUCKET.format(account.id), "Key": "config.json"}
        found["page's settings"] = lambda: account.client("s3").delete_object(**settings)
    if secure:
        found["key"] = lambda: _put(account, secure[0], Type="SecureString", KeyId="alias/aws/ssm")
    return found


def lasting(account: Account) -> list[str]:
    return [str(account.client("ssm").get_parameter(Name=ENVIRONMENT_KEY)["Parameter"]["LastModifiedDate"])]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    assert (facts["exists"], facts["path"], facts["other_parameters"]) == (True, PATH, [])
    assert facts["parameters"] == sorted(f"{PATH}/{name}" for name in values(lister.account))


class TestConfiguration:
    def test_what_needs_nothing_but_the_key(self, lister):
        found, key = values(lister.account), encryption.key(lister.account)
        assert found["platform/REGION"] == found["platform/AWS_DEFAULT_REGION"] == REGION
        assert found["platform/ENVIRONMENT"] == "local"
        assert found["platform/AWS_ACCOUNT_ID"] == lister.account.id
        assert (found["encryption/KMS_KEY_ID"], found["encryption/KMS_KEY_ARN"]) == (key["KeyId"], key["Arn"])
        assert found["encryption/KMS_KEY_ALIAS"] == f"alias/{PREFIX}-key"

    @pytest.mark.needs("redis")
    def test_what_tells_where_a_secret_lies_is_encrypted_with_our_key(self, lister):
        found = {item["Name"]: item for item in parameters(lister)}
        secret = found[f"{PATH}/redis/REDIS_PASSWORD_SECRET_ARN"]
        assert (secret["Type"], secret["KeyId"]) == ("SecureString", encryption.key(lister.account)["Arn"])
        assert secret["Value"].startswith(f"arn:aws:secretsmanager:{REGION}:{lister.account.id}:secret:{PREFIX}/redis-")
        assert found[f"{PATH}/redis/REDIS_HOST"]["Type"] == "String"

    @pytest.mark.needs("eks")
    def test_there_is_a_key_for_all_that_exists(self, lister):
        found = values(lister.account)
        assert found["eks/CLUSTER_NAME"] == f"{PREFIX}-eks"
        assert found["network/VPC_ID"].startswith("vpc-")
        assert not [name for name, value in found.items() if value in ("", "None", "(known after apply)")]

    @pytest.mark.needs("frontend")
    @pytest.mark.needs("cognito")
    def test_pages_are_told_how_to_sign_in_and_no_secret(self, lister):
        told, known = page(lister.account), values(lister.account)
        assert (told.pop("cache"), told.pop("type")) == ("no-store", "application/json; charset=utf-8")
        assert told == {
            "api_path": "/api",
            "client_id": known["cognito/COGNITO_USER_CLIENT_ID"],
            "gateways": [],
            "issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{known['cognito/COGNITO_USER_POOL_ID']}",
            "region": REGION,
            "sign_in_url": known["cognito/OAUTH_TOKEN_ENDPOINT"].removesuffix("/oauth2/token"),
            "user_pool_id": known["cognito/COGNITO_USER_POOL_ID"],
        }

    def test_the_run_says_what_is_not_there(self, platform):
        _before, said, told = platform.first_run.output.replace("\n", " ").partition("as there is nothing to tell:")
        assert said
        assert "gateways" in told
