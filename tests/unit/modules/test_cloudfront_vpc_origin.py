# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VPC origin of CloudFront: waited for, and neither changed nor deleted while a distribution uses it."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.cloudfront_vpc_origin import VpcOrigin
from tests.support.module_runs import OWNER, given, tag_list
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

NAME, ID = "demo-api", "vo_0123456789abcdefghijkl"
ARN = f"arn:aws:cloudfront::123456789012:vpcorigin/{ID}"
BALANCER = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/demo/0123456789abcdef"
CONFIG = {
    "Name": NAME,
    "Arn": BALANCER,
    "HTTPPort": 80,
    "HTTPSPort": 443,
    "OriginProtocolPolicy": "https-only",
    "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
}
OPTIONS = {"name": NAME, "endpoint_arn": BALANCER, "owned_by": OWNER, "tags": OWNER}
DELETE = {"Id": ID, "IfMatch": "v1"}


def run(options, *steps, **kwargs):
    return run_resource(VpcOrigin, given("cloudfront_vpc_origin", {**OPTIONS, **options}), *steps, **kwargs)


def refuse(options, *steps):
    return refuse_resource(VpcOrigin, given("cloudfront_vpc_origin", {**OPTIONS, **options}), *steps)


def listing(*items, **members):
    return Step("ListVpcOrigins", {"VpcOriginList": {"Items": list(items), **members}}, {})


def seen(status="Deployed", version="v1", tags=OWNER, **members):
    config = {**CONFIG, **members}
    return [
        listing({"Id": "vo_0", "Name": "other", "Arn": "x"}, {"Id": ID, "Name": NAME, "Arn": ARN, "Status": status}),
        Step(
            "GetVpcOrigin",
            {"VpcOrigin": {"Id": ID, "Arn": ARN, "Status": status, "VpcOriginEndpointConfig": config}, "ETag": version},
            {"Id": ID},
        ),
        Step("ListTagsForResource", {"Tags": {"Items": tag_list(**tags)}}, {"Resource": ARN}),
    ]


def used(*names):
    items = [
        {
            "Id": name,
            "DomainName": f"{name}.cloudfront.net",
            "Origins": {"Quantity": 1, "Items": [{"Id": "api", "VpcOriginConfig": {"VpcOriginId": ID}}]},
        }
        for name in names
    ]
    return Step("ListDistributions", {"DistributionList": {"Items": items}}, {})


def created(answer=None):
    def check(request):
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]["Items"]}
        assert (request["VpcOriginEndpointConfig"], tags) == (CONFIG, OWNER)

    return Step("CreateVpcOrigin", answer or {"ETag": "v0"}, check)


def test_made_and_waited_for(clock):
    result, _aws, _module = run({}, listing(), created(), *seen("Deploying"), *seen("Deploying"), *seen())
    assert result["changed"] is True
    shown = result["vpc_origin"]
    assert (shown["id"], shown["arn"], shown["status"]) == (ID, ARN, "Deployed")
    assert shown["tags"] == OWNER
    assert clock[0] > 0


def test_second_run_changes_nothing():
    result, _aws, _module = run({"origin_ssl_protocols": ["TLSv1.2"]}, *seen())
    assert result["changed"] is False


def test_lost_reply_of_the_create_makes_no_second_one():
    _result, aws, _module = run({}, listing(), created(lost_reply()), *seen())
    assert aws.operations().count("CreateVpcOrigin") == 1


def test_a_load_balancer_of_a_moment_ago():
    text = "The parameter VpcOriginEndpointConfig Arn LoadBalancerNotFound."
    error = api_error("CreateVpcOrigin", "InvalidArgument", text)
    run({}, listing(), created(error), listing(), created(), *seen())
    assert "must exist, in this account" in refuse({}, *endless(listing(), created(error)))


def test_a_change_sends_the_whole_with_its_version():
    request = {"Id": ID, "IfMatch": "v1", "VpcOriginEndpointConfig": {**CONFIG, "HTTPPort": 8080}}
    result, _aws, _module = run(
        {"https_port": 443},
        *seen(HTTPPort=8080, HTTPSPort=8443),
        used(),
        Step("UpdateVpcOrigin", {"ETag": "v2"}, request),
        *seen("Deploying", "v2", HTTPPort=8080),
        *seen("Deployed", "v3", HTTPPort=8080),
        *seen("Deployed", "v3", HTTPPort=8080),
    )
    assert result["diff"]["before"]["https_port"] == 8443


def test_none_that_is_used_is_changed_or_deleted():
    said = refuse({"https_port": 8443}, *seen(), used("EOURS"))
    assert "can't be changed (https_port: is 443, declared 8443) while distribution EOURS" in said
    said = refuse({"state": "absent"}, *seen(), used("EOURS"))
    assert "is used by distribution EOURS (EOURS.cloudfront.net)" in said


def test_tags_are_put_back_and_others_removed():
    run(
        {"tags": {**OWNER, "Name": "demo"}},
        *seen(tags={**OWNER, "Other": "1"}),
        Step("UntagResource", {}, {"Resource": ARN, "TagKeys": {"Items": ["Other"]}}),
        Step("TagResource", {}, {"Resource": ARN, "Tags": {"Items": tag_list(Name="demo")}}),
        *seen(tags={**OWNER, "Name": "demo"}),
    )


def test_someone_elses_is_left_alone():
    assert "isn't ours" in refuse({}, *seen(tags={"Project": "other"}))


@pytest.mark.parametrize("code", ["CannotDeleteEntityWhileInUse", "PreconditionFailed"])
def test_deleted_once_cloudfront_has_let_go_of_it(code):
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        used(),
        Step("DeleteVpcOrigin", api_error("DeleteVpcOrigin", code, status=409), DELETE),
        *seen(),
        used(),
        Step("DeleteVpcOrigin", {"ETag": "v2"}, DELETE),
        *seen("Deploying"),
        listing(),
    )
    assert result["changed"] is True


def test_one_that_is_under_way_is_waited_for_before_its_deletion():
    run(
        {"state": "absent"},
        *seen("Deploying"),
        used(),
        *seen(),
        Step("DeleteVpcOrigin", {"ETag": "v2"}, DELETE),
        listing(),
    )


def test_a_deletion_of_which_the_reply_was_lost_looks_like_a_change_and_ends(clock):
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        used(),
        Step("DeleteVpcOrigin", lost_reply(), DELETE),
        *seen("Deploying"),
        used(),
        *seen("Deploying"),
        listing(),
    )
    assert result["changed"] is True


def test_one_that_goes_meanwhile_is_made_anew(clock):
    nothing = [listing() for _look in range(9)]
    began = clock[0]
    result, _aws, _module = run({}, *seen("Deploying"), *seen("Deploying"), *nothing, created(), *seen())
    assert result["changed"] is True
    assert 60 <= clock[0] - began < 120


def test_one_that_has_failed():
    assert "internet gateway" in refuse({}, *seen("Failed"))
    assert "endpoint_arn must be given" in refuse({"endpoint_arn": None}, listing())
