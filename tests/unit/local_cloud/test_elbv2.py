# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load balancers: where they are, how they begin, and what their parts keep from being deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def elbv2(client: Callable[[str], Any]) -> Any:
    return client("elbv2")


@pytest.fixture
def group(ec2: Any, vpc: str) -> str:
    return ec2.create_security_group(GroupName="balancer", Description="Of a test", VpcId=vpc)["GroupId"]


@pytest.fixture
def balancer(elbv2: Any, subnets: list[str], group: str) -> Iterator[dict[str, Any]]:
    request = {"Name": "k8s-platform-0", "Scheme": "internal", "Subnets": subnets, "SecurityGroups": [group]}
    made = elbv2.create_load_balancer(**request)["LoadBalancers"][0]
    yield made
    elbv2.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])


def refused(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"]


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_balancer_is_where_its_subnets_are(balancer: dict[str, Any], vpc: str, subnets: list[str]) -> None:
    zones = {zone["SubnetId"]: zone["ZoneName"] for zone in balancer["AvailabilityZones"]}
    assert balancer["VpcId"] == vpc
    assert zones == dict(zip(subnets, ("us-west-2a", "us-west-2b"), strict=True))
    assert balancer["DNSName"].startswith("internal-k8s-platform-0-")


def test_it_is_provisioning_for_a_moment(elbv2: Any, balancer: dict[str, Any]) -> None:
    assert balancer["State"]["Code"] == "provisioning"
    deadline, state = time.monotonic() + 5, ""
    while state != "active" and time.monotonic() < deadline:
        time.sleep(0.1)
        (found,) = elbv2.describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])["LoadBalancers"]
        state = found["State"]["Code"]
    assert state == "active"


def test_what_is_in_use_stays(elbv2: Any, ec2: Any, balancer: dict[str, Any], vpc: str, group: str) -> None:
    (target,) = elbv2.create_target_group(Name="k8s-a", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"]
    arn = target["TargetGroupArn"]
    nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    (listener,) = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=80, Protocol="HTTP", DefaultActions=nothing
    )["Listeners"]
    elbv2.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/a"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    (found,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert found["LoadBalancerArns"] == [balancer["LoadBalancerArn"]]
    assert refused(elbv2.delete_target_group, TargetGroupArn=arn) == "ResourceInUse"
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    assert refused(elbv2.describe_rules, ListenerArn=listener["ListenerArn"]) == "ListenerNotFound"
    elbv2.delete_target_group(TargetGroupArn=arn)
    ec2.delete_security_group(GroupId=group)


def test_one_that_cloudfront_leads_to_stays(elbv2: Any, client: Callable[[str], Any], balancer: dict[str, Any]) -> None:
    arn = balancer["LoadBalancerArn"]
    (listener,) = elbv2.create_listener(
        LoadBalancerArn=arn, Port=80, Protocol="HTTP", DefaultActions=[{"Type": "fixed-response"}]
    )["Listeners"]
    cloudfront = client("cloudfront")
    endpoint = {"Name": "o", "Arn": arn, "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}
    origin = cloudfront.create_vpc_origin(VpcOriginEndpointConfig=endpoint)["VpcOrigin"]["Id"]
    assert refused(elbv2.delete_load_balancer, LoadBalancerArn=arn) == "ResourceInUse"
    assert elbv2.describe_listeners(ListenerArns=[listener["ListenerArn"]])["Listeners"]
    wait_until(lambda: cloudfront.get_vpc_origin(Id=origin)["VpcOrigin"]["Status"] == "Deployed")
    cloudfront.delete_vpc_origin(Id=origin, IfMatch=cloudfront.get_vpc_origin(Id=origin)["ETag"])
    assert refused(elbv2.delete_load_balancer, LoadBalancerArn=arn) == "ResourceInUse"
    wait_until(lambda: not cloudfront.list_vpc_origins()["VpcOriginList"].get("Items"))
    elbv2.delete_load_balancer(LoadBalancerArn=arn)
