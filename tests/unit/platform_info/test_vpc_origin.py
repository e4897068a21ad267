# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VPC origin for the load balancer of the gateways."""

from __future__ import annotations

import datetime

from .fake_aws import ACCOUNT, PREFIX, REGION, look, taken
from .test_frontend import ARN, listed, tags

NAME = f"{PREFIX}-gateways"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/k8s-platform/0123456789abcdef"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def origin(name=NAME, identifier="vo_1", status="Deployed"):
    return {
        "Id": identifier,
        "Name": name,
        "Status": status,
        "CreatedTime": NOW,
        "LastModifiedTime": NOW,
        "Arn": f"{ARN}:vpcorigin/{identifier}",
        "AccountId": ACCOUNT,
        "OriginEndpointArn": BALANCER,
    }


def origins(*items, following=None):
    page = {"Marker": "", "MaxItems": 100, "IsTruncated": bool(following), "Quantity": len(items), "Items": list(items)}
    return {"VpcOriginList": {**page, **({"NextMarker": following} if following else {})}}


def pages(request):
    return origins(origin()) if request.get("Marker") == "more" else origins(origin("other", "vo_9"), following="more")


def described(request):
    return {
        "VpcOrigin": {
            "Id": request["Id"],
            "Arn": f"{ARN}:vpcorigin/{request['Id']}",
            "Status": "Deployed",
            "VpcOriginEndpointConfig": {
                "Name": NAME,
                "Arn": BALANCER,
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "http-only",
                "OriginSslProtocols": listed("TLSv1.2"),
            },
        }
    }


ANSWERS = {"ListVpcOrigins": pages, "GetVpcOrigin": described, "cloudfront.ListTagsForResource": tags}


def test_it_is_found_on_whichever_page():
    found, aws = look(ANSWERS, "vpc_origin")
    assert found.components["vpc_origin"] == {
        "exists": True,
        "vpc_origin_id": "vo_1",
        "vpc_origin_arn": f"{ARN}:vpcorigin/vo_1",
        "load_balancer_arn": BALANCER,
        "protocol": "http-only",
        "status": "Deployed",
    }
    assert found.summary["vpc_origin"]["lines"] == ["/api/* to app/k8s-platform/0123456789abcdef by vo_1, Deployed"]
    assert [request["Marker"] for request in aws.requests("ListVpcOrigins")[1:]] == ["more"]


def test_without_a_load_balancer_there_is_none():
    found, _aws = look({}, "vpc_origin")
    assert found.components["vpc_origin"]["exists"] is False
    assert found.summary["vpc_origin"] == {
        "state": "absent",
        "lines": ["there is no internal load balancer of the gateways"],
    }


def test_a_name_that_someone_else_has():
    answers = {**ANSWERS, "cloudfront.ListTagsForResource": {"Tags": {"Items": []}}}
    assert taken(answers, "vpc_origin") == [f"CloudFront VPC origin {NAME}"]
