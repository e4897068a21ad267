# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets Manager: what secretsmanager_secret relies on, and the token of CreateSecret, which is the shim's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TAG = {"Key": "Component", "Value": "bastion"}


@pytest.fixture
def secrets(client: Callable[[str], Any]) -> Any:
    return client("secretsmanager")


@pytest.fixture
def name() -> str:
    return f"demo/{uuid.uuid4().hex}"


def code_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return str(raised.value.response["Error"]["Code"])


def test_a_create_that_is_repeated_makes_no_second(secrets: Any, name: str) -> None:
    token = uuid.uuid4().hex
    first = secrets.create_secret(Name=name, SecretString="one", ClientRequestToken=token)
    assert first["VersionId"] == token
    again = secrets.create_secret(Name=name, SecretString="one", ClientRequestToken=token)
    assert (again["ARN"], again["VersionId"]) == (first["ARN"], token)
    assert secrets.describe_secret(SecretId=name)["VersionIdsToStages"] == {token: ["AWSCURRENT"]}


@pytest.mark.parametrize("change", [{"SecretString": "two"}, {"ClientRequestToken": "0" * 32}])
def test_another_create_of_the_name_is_refused(secrets: Any, name: str, change: dict[str, str]) -> None:
    request = {"Name": name, "SecretString": "one", "ClientRequestToken": uuid.uuid4().hex}
    secrets.create_secret(**request)
    assert code_of(secrets.create_secret, **{**request, **change}) == "ResourceExistsException"
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"


def test_a_secret_without_a_value_has_no_version(secrets: Any, name: str) -> None:
    assert "VersionId" not in secrets.create_secret(Name=name)
    assert not secrets.describe_secret(SecretId=name).get("VersionIdsToStages")
    assert code_of(secrets.get_secret_value, SecretId=name) == "ResourceNotFoundException"
    secrets.put_secret_value(SecretId=name, SecretString="late")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "late"


def test_a_scheduled_deletion_keeps_the_name_and_can_be_undone_or_hastened(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert secrets.describe_secret(SecretId=name)["DeletedDate"]
    for call, request in (
        (secrets.create_secret, {"Name": name, "SecretString": "two"}),
        (secrets.get_secret_value, {"SecretId": name}),
        (secrets.update_secret, {"SecretId": name, "Description": "two"}),
        (secrets.delete_secret, {"SecretId": name}),
    ):
        assert code_of(call, **request) == "InvalidRequestException"
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"
    secrets.delete_secret(SecretId=name)
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert code_of(secrets.describe_secret, SecretId=name) == "ResourceNotFoundException"


def test_description_key_and_tags_come_back(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one", Description="first", KmsKeyId=KEY, Tags=[TAG])
    found = secrets.describe_secret(SecretId=name)
    assert (found["Description"], found["KmsKeyId"], found["Tags"]) == ("first", KEY, [TAG])
    secrets.update_secret(SecretId=name, Description="second", KmsKeyId="")
    secrets.untag_resource(SecretId=name, TagKeys=[TAG["Key"]])
    found = secrets.describe_secret(SecretId=name)
    assert (found["Description"], found.get("KmsKeyId"), found["Tags"]) == ("second", None, [])


def test_passwords_keep_to_their_rules(secrets: Any) -> None:
    password = secrets.get_random_password(PasswordLength=64, ExcludePunctuation=True, ExcludeCharacters="0O1l")
    assert len(password["RandomPassword"]) == 64
    assert password["RandomPassword"].isalnum()
    assert not set("0O1l") & set(password["RandomPassword"])


def test_replicas_are_removed_before_the_secret(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    secrets.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": "eu-west-1"}])
    (replica,) = secrets.describe_secret(SecretId=name)["ReplicationStatus"]
    assert replica["Region"] == "eu-west-1"
    assert code_of(secrets.delete_secret, SecretId=name) == "InvalidRequestException"
    secrets.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=["eu-west-1"])
    assert not secrets.describe_secret(SecretId=name).get("ReplicationStatus")
    secrets.delete_secret(SecretId=name)


def test_a_rotation_is_turned_off(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    secrets.rotate_secret(
        SecretId=name,
        RotationLambdaARN="arn:aws:lambda:us-west-2:123456789012:function:rotate",
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    assert secrets.describe_secret(SecretId=name)["RotationEnabled"] is True
    secrets.cancel_rotate_secret(SecretId=name)
    assert secrets.describe_secret(SecretId=name)["RotationEnabled"] is False


def test_a_version_is_never_replaced_and_a_label_is_on_one(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    token = str(uuid.uuid4())
    put = {"SecretId": name, "VersionStages": ["AWSPENDING"]}
    secrets.put_secret_value(**put, SecretString="two", ClientRequestToken=token)
    assert secrets.put_secret_value(**put, SecretString="two", ClientRequestToken=token)["VersionId"] == token
    assert (
        code_of(secrets.put_secret_value, **put, SecretString="three", ClientRequestToken=token)
        == "ResourceExistsException"
    )
    later = secrets.put_secret_value(**put, SecretString="four")["VersionId"]
    stages = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert [version for version, labels in stages.items() if "AWSPENDING" in labels] == [later]
