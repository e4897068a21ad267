# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The IAM shims: without them (LOCAL_CLOUD_SHIMS=0) each of these tests fails."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

HOST = "oidc.eks.us-west-2.amazonaws.com/id"
THUMBPRINTS = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280", "06b25927c42a721631c1efd9431e648fa62e1e39"]


@pytest.fixture
def provider(iam: Any, request: pytest.FixtureRequest) -> str:
    """An OIDC provider of its own for each test."""
    return iam.create_open_id_connect_provider(
        Url=f"https://{HOST}/{request.node.name.upper()}",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=THUMBPRINTS[:1],
        Tags=[{"Key": "Component", "Value": "eks"}],
    )["OpenIDConnectProviderArn"]


def show(iam: Any, arn: str) -> dict[str, Any]:
    return iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_provider_shows_its_address_without_scheme(iam: Any, provider: str) -> None:
    assert show(iam, provider)["Url"] == provider.partition(":oidc-provider/")[2]


def test_thumbprints_can_be_replaced(iam: Any, provider: str) -> None:
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=provider, ThumbprintList=THUMBPRINTS)
    assert show(iam, provider)["ThumbprintList"] == THUMBPRINTS
    with pytest.raises(ClientError, match="Thumbprint"):
        iam.update_open_id_connect_provider_thumbprint(
            OpenIDConnectProviderArn=provider, ThumbprintList=THUMBPRINTS * 3
        )


def test_clients_can_be_added_and_removed(iam: Any, provider: str) -> None:
    for _time in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="other")
    assert show(iam, provider)["ClientIDList"] == ["sts.amazonaws.com", "other"]
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="sts.amazonaws.com")
    assert show(iam, provider)["ClientIDList"] == ["other"]


def test_tags_can_be_changed(iam: Any, provider: str) -> None:
    iam.tag_open_id_connect_provider(
        OpenIDConnectProviderArn=provider,
        Tags=[{"Key": "Component", "Value": "identity"}, {"Key": "Name", "Value": "one"}],
    )

    def tags() -> dict[str, str]:
        found = iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider)["Tags"]
        assert show(iam, provider)["Tags"] == found
        return {tag["Key"]: tag["Value"] for tag in found}

    assert tags() == {"Component": "identity", "Name": "one"}
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=provider, TagKeys=["Name"])
    assert tags() == {"Component": "identity"}


def test_provider_needs_https_and_fills_in_a_thumbprint(iam: Any) -> None:
    with pytest.raises(ClientError, match="https"):
        iam.create_open_id_connect_provider(Url="http://example.org")
    arn = iam.create_open_id_connect_provider(Url=f"https://{HOST}/FILLED")["OpenIDConnectProviderArn"]
    (thumbprint,) = show(iam, arn)["ThumbprintList"]
    assert len(thumbprint) == 40
    with pytest.raises(ClientError, match="already exists") as raised:
        iam.create_open_id_connect_provider(Url=f"https://{HOST}/FILLED")
    assert raised.value.response["Error"]["Code"] == "EntityAlreadyExists"


def test_service_linked_role_exists_once(iam: Any) -> None:
    made = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]
    assert made["RoleName"] == "AWSServiceRoleForAutoScaling"
    assert made["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "autoscaling.amazonaws.com"}
    assert iam.get_role(RoleName=made["RoleName"])["Role"]["Path"] == "/aws-service-role/autoscaling.amazonaws.com/"
    with pytest.raises(ClientError, match="has been taken in this account") as raised:
        iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    assert raised.value.response["Error"]["Code"] == "InvalidInput"
