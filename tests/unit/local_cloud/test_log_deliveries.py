# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deliveries of CloudWatch Logs: what the module relies on, which is the shim's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.local_cloud import settings

ACCOUNT = settings.ACCOUNT_ID


@pytest.fixture(scope="module")
def logs(local_cloud: settings.Instance) -> Any:
    """CloudWatch Logs where those of CloudFront are."""
    session = boto3.Session(ACCOUNT, "unused", region_name="us-east-1")
    return session.client("logs", endpoint_url=local_cloud.endpoint)


def refusal(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def source(logs: Any) -> dict[str, str]:
    name = uuid.uuid4().hex
    resource = f"arn:aws:cloudfront::{ACCOUNT}:distribution/{name}"
    request = {"name": name, "resourceArn": resource, "logType": "ACCESS_LOGS"}
    logs.put_delivery_source(**request, tags={"Name": name})
    return request


def destination(logs: Any, arn: str) -> str:
    made = logs.put_delivery_destination(
        name=uuid.uuid4().hex,
        outputFormat="json",
        deliveryDestinationConfiguration={"destinationResourceArn": arn},
        tags={"Name": "demo"},
    )
    return str(made["deliveryDestination"]["arn"])


def test_a_source_keeps_its_resource_and_a_log_its_source(logs: Any, client: Callable[[str], Any]) -> None:
    request = source(logs)
    logs.put_delivery_source(**request)
    other = {**request, "resourceArn": f"{request['resourceArn']}-other"}
    assert "Update to existing Delivery Source with new ResourceId" in refusal(logs.put_delivery_source, **other)
    twin = {**request, "name": "twin"}
    assert "already been used in another Delivery Source" in refusal(logs.put_delivery_source, **twin)
    assert "Cross-region" in refusal(client("logs").put_delivery_source, **request)


def test_answers_have_no_tags_and_a_call_for_them_has(logs: Any) -> None:
    request = source(logs)
    there = logs.get_delivery_source(name=request["name"])["deliverySource"]
    assert "tags" not in there
    assert logs.list_tags_for_resource(resourceArn=there["arn"])["tags"] == {"Name": request["name"]}


def test_a_format_stays(logs: Any) -> None:
    name = destination(logs, "arn:aws:s3:::demo").rpartition(":")[2]
    to = {"destinationResourceArn": "arn:aws:s3:::demo"}
    said = refusal(logs.put_delivery_destination, name=name, outputFormat="plain", deliveryDestinationConfiguration=to)
    assert "output format" in said


def test_a_delivery_to_a_group_its_fields_and_its_policy(logs: Any) -> None:
    group = f"/aws/vendedlogs/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    request = source(logs)
    made = logs.create_delivery(deliverySourceName=request["name"], deliveryDestinationArn=destination(logs, arn))
    made = made["delivery"]
    assert re.fullmatch("[0-9A-Za-z]+", made["id"])
    assert made["recordFields"][:2] == ["date", "time"]
    assert logs.describe_resource_policies(resourceArn=arn, policyScope="RESOURCE")["resourcePolicies"]
    logs.update_delivery_configuration(id=made["id"], recordFields=["date"])
    assert logs.get_delivery(id=made["id"])["delivery"]["recordFields"] == ["date"]
    logs.delete_delivery(id=made["id"])


def test_a_path_is_put_before_that_of_objects_when_a_delivery_is_made(logs: Any) -> None:
    request = source(logs)
    made = logs.create_delivery(
        deliverySourceName=request["name"],
        deliveryDestinationArn=destination(logs, "arn:aws:s3:::demo"),
        s3DeliveryConfiguration={"suffixPath": "{yyyy}"},
    )["delivery"]
    assert made["s3DeliveryConfiguration"]["suffixPath"] == "AWSLogs/{account-id}/CloudFront/{yyyy}"
    logs.update_delivery_configuration(id=made["id"], s3DeliveryConfiguration={"suffixPath": "{MM}"})
    found = logs.get_delivery(id=made["id"])["delivery"]
    assert found["s3DeliveryConfiguration"]["suffixPath"] == "{MM}"


def test_ends_are_not_deleted_before_what_is_between_them(logs: Any) -> None:
    request, to = source(logs), destination(logs, "arn:aws:s3:::demo")
    made = logs.create_delivery(deliverySourceName=request["name"], deliveryDestinationArn=to)["delivery"]
    assert refusal(logs.delete_delivery_source, name=request["name"]).startswith("ConflictException")
    assert refusal(logs.delete_delivery_destination, name=to.rpartition(":")[2]).startswith("ConflictException")
    logs.delete_delivery(id=made["id"])
    logs.delete_delivery_source(name=request["name"])
    logs.delete_delivery_destination(name=to.rpartition(":")[2])
