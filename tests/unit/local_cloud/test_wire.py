# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests and answers by botocore's service models."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.awsrequest import AWSRequest, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from tests.support.local_cloud.shims import eks as eks_shims
from tests.support.local_cloud.wire import AWSError, QueryWire, RestJsonWire, matches_filters, service_model

PROVIDER = "arn:aws:iam::123456789012:oidc-provider/example.org"
TEMPLATE = {
    "LaunchTemplateName": "nodes",
    "LaunchTemplateData": {
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "VolumeSize": 20}}],
        "SecurityGroupIds": ["sg-1", "sg-2"],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "<&>"}]}],
    },
}


def serialized(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    model = service_model(service)
    serializer = create_serializer(model.metadata["protocol"])
    return serializer.serialize_to_request(parameters, model.operation_model(operation))


def parsed(service: str, operation: str, response: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    model = service_model(service)
    status, headers, body = response
    shape = model.operation_model(operation).output_shape
    answer = create_parser(model.metadata["protocol"]).parse(
        {"status_code": status, "headers": headers, "body": body}, shape
    )
    answer.pop("ResponseMetadata")
    return answer


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("ec2", "CreateLaunchTemplate", TEMPLATE),
        ("ec2", "DescribeFlowLogs", {"Filter": [{"Name": "tag:a", "Values": ["x", "y"]}], "FlowLogIds": ["fl-1"]}),
        (
            "iam",
            "TagOpenIDConnectProvider",
            {"OpenIDConnectProviderArn": PROVIDER, "Tags": [{"Key": "k", "Value": ""}]},
        ),
    ],
)
def test_form_is_read_as_botocore_writes_it(service: str, operation: str, parameters: dict[str, Any]) -> None:
    form = serialized(service, operation, parameters)["body"]
    # The emulator hands over what parse_qs makes of the body: a list for each key.
    received = {key: [str(value)] for key, value in form.items()}
    assert QueryWire(service).parse(operation, received) == parameters


def test_xml_is_written_as_botocore_reads_it() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    result = {"FlowLogs": [{"FlowLogId": "fl-1", "CreationTime": moment, "MaxAggregationInterval": 60, "Tags": []}]}
    assert parsed("ec2", "DescribeFlowLogs", QueryWire("ec2").respond("DescribeFlowLogs", result)) == result
    tags = {"Tags": [{"Key": "a", "Value": "<&>"}], "IsTruncated": False}
    response = QueryWire("iam").respond("ListOpenIDConnectProviderTags", tags)
    assert parsed("iam", "ListOpenIDConnectProviderTags", response) == tags


def test_members_that_aws_doesnt_have_are_dropped() -> None:
    response = QueryWire("ec2").respond("DeleteNatGateway", {"NatGatewayId": "nat-1", "Colour": "red"})
    assert b"red" not in response[2]


@pytest.mark.parametrize(("service", "operation"), [("ec2", "DeleteVpc"), ("iam", "DeleteRole")])
def test_errors_are_read_by_botocore(service: str, operation: str) -> None:
    response = QueryWire(service).error(AWSError("Some.Code", "less < more", 409))
    assert response[0] == 409
    assert parsed(service, operation, response)["Error"] | {"Type": ""} == {
        "Code": "Some.Code",
        "Message": "less < more",
        "Type": "",
    }


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("DescribeCluster", {"name": "one"}),
        ("UpdateAddon", {"clusterName": "one", "addonName": "vpc-cni", "addonVersion": "v1"}),
        ("DescribeAccessEntry", {"clusterName": "one", "principalArn": "arn:aws:iam::1:role/a/b"}),
        ("ListAssociatedAccessPolicies", {"clusterName": "one", "principalArn": "arn:aws:iam::1:role/a"}),
        (
            "DisassociateAccessPolicy",
            {"clusterName": "one", "principalArn": "arn:aws:iam::1:role/a", "policyArn": "arn:aws:eks::aws:p/View"},
        ),
        ("UntagResource", {"resourceArn": "arn:aws:eks:us-west-2:1:cluster/one", "tagKeys": ["a", "b"]}),
        ("DescribeClusterVersions", {"defaultOnly": True, "clusterVersions": ["1.33", "1.34"]}),
        ("DescribeUpdate", {"name": "one", "updateId": "id", "nodegroupName": "nodes"}),
    ],
)
def test_rest_requests_are_read_as_botocore_writes_them(operation: str, parameters: dict[str, Any]) -> None:
    request = serialized("eks", operation, parameters)
    prepare_request_dict(request, "http://127.0.0.1")
    prepared = AWSRequest(
        request["method"], request["url"], request["headers"], request["body"], params=request["query_string"]
    ).prepare()
    # As the emulator gets it: decoded path, query as lists.
    path, _, _query = prepared.url.removeprefix("http://127.0.0.1").partition("?")
    query = {key: value if isinstance(value, list) else [str(value)] for key, value in request["query_string"].items()}
    wire = RestJsonWire("eks")
    match = wire.match(request["method"], unquote(path))
    assert match is not None
    assert match[0].name == operation
    assert wire.parse(*match, query, prepared.body or b"") == parameters


def test_filters() -> None:
    record = {"State": "available", "Enabled": True, "Ids": ["a", "b"]}
    members = {"state": "State", "enabled": "Enabled", "ids": "Ids"}

    def passes(name: str, *values: str) -> bool:
        return matches_filters(record, [{"Name": name, "Values": list(values)}], members, {"Name": "one"})

    assert passes("state", "pending", "avail*")
    assert passes("enabled", "true")
    assert passes("ids", "b")
    assert passes("tag:Name", "?ne")
    assert passes("tag-key", "Name")
    assert not passes("tag:Other", "*")
    assert not passes("state", "pending")
    with pytest.raises(AWSError, match="'colour' is invalid"):
        passes("colour", "red")


def test_every_shim_is_of_an_operation_that_exists() -> None:
    assert set(eks_shims._HANDLERS) <= set(service_model("eks").operation_names)
