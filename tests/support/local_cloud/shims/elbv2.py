# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Elastic Load Balancing v2: what ministack 1.5.33 answers otherwise than AWS.

| operation | on AWS |
|---|---|
| CreateLoadBalancer | VPC and zones are its subnets'; at first it is `provisioning`; internal ones are named so |
| DeleteLoadBalancer | is refused while a VPC origin of CloudFront leads to it; takes listeners and rules with it |
| DescribeTargetGroups | tells the load balancers whose rules lead to a group |
| DescribeRules | is refused for a listener that isn't there |
| DeleteTargetGroup | is refused while a listener or a rule leads to it |
| EC2's DeleteSecurityGroup | is refused while a load balancer is in it: ec2/security_groups.py asks `groups_in_use` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import alb, ec2

from ..wire import AWSError, QueryWire, Response
from . import cloudfront, timing
from .patching import QueryShims


def install() -> None:
    shims = QueryShims(QueryWire("elbv2"), alb._ACTION_MAP)
    shims.guard("DeleteTargetGroup", _refuse_in_use)
    shims.guard("DescribeRules", _refuse_unknown_listener)
    alb._ACTION_MAP["CreateLoadBalancer"] = _completing(alb._ACTION_MAP["CreateLoadBalancer"])
    alb._ACTION_MAP["DeleteLoadBalancer"] = _taking_all(alb._ACTION_MAP["DeleteLoadBalancer"])
    shims.guard("DeleteLoadBalancer", _refuse_led_to)
    alb._ACTION_MAP["DescribeTargetGroups"] = _knowing_balancers(alb._ACTION_MAP["DescribeTargetGroups"])
    alb._lb_xml = _placed(alb._lb_xml)


def groups_in_use() -> set[str]:
    """The security groups of load balancers."""
    return {group for balancer in alb._lbs.values() for group in balancer["SecurityGroups"]}


def _completing(original: Callable[..., Response]) -> Callable[..., Response]:
    def create(params: Mapping[str, Any]) -> Response:
        before = set(alb._lbs)
        response = original(params)
        for arn in set(alb._lbs) - before:
            balancer = alb._lbs[arn]
            subnets = [ec2._subnets[item] for item in balancer["Subnets"] if item in ec2._subnets]
            if subnets:
                balancer["VpcId"] = subnets[0]["VpcId"]
            if balancer["Scheme"] == "internal":
                balancer["DNSName"] = f"internal-{balancer['DNSName']}"
            timing.start(balancer)
            response = alb._xml(200, "CreateLoadBalancer", f"<LoadBalancers>{alb._lb_xml(balancer)}</LoadBalancers>")
        return response

    return create


def _placed(original: Callable[[dict], str]) -> Callable[[dict], str]:
    """A load balancer with the zones of its subnets, and its state of the moment."""

    def render(balancer: dict[str, Any]) -> str:
        state = "provisioning" if timing.is_running(balancer) else "active"
        text = original({**balancer, "Subnets": [], "State": state})
        zones = "".join(
            f"<member><ZoneName>{escape(ec2._subnets[item]['AvailabilityZone'])}</ZoneName><SubnetId>{item}</SubnetId>"
            "<LoadBalancerAddresses/></member>"
            for item in balancer["Subnets"]
            if item in ec2._subnets
        )
        return text.replace(
            "<AvailabilityZones></AvailabilityZones>", f"<AvailabilityZones>{zones}</AvailabilityZones>"
        )

    return render


def _taking_all(original: Callable[..., Response]) -> Callable[..., Response]:
    def delete(params: Mapping[str, Any]) -> Response:
        arn = alb._p(params, "LoadBalancerArn")
        for listener in [key for key, item in alb._listeners.items() if item["LoadBalancerArn"] == arn]:
            alb._delete_listener({"ListenerArn": [listener]})
        return original(params)

    return delete


def _knowing_balancers(original: Callable[..., Response]) -> Callable[..., Response]:
    def describe(params: Mapping[str, Any]) -> Response:
        for arn, group in alb._tgs.items():
            group["LoadBalancerArns"] = sorted(_users(arn))
        return original(params)

    return describe


def _users(target_group: str) -> Iterator[str]:
    """The load balancers whose rules lead to a target group."""
    seen = set()
    for rule in alb._rules.values():
        listener = alb._listeners.get(rule["ListenerArn"])
        if listener and listener["LoadBalancerArn"] not in seen and target_group in _targets(rule["Actions"]):
            seen.add(listener["LoadBalancerArn"])
            yield listener["LoadBalancerArn"]


def _targets(actions: list[dict[str, Any]]) -> Iterator[str]:
    for action in actions:
        if action.get("TargetGroupArn"):
            yield action["TargetGroupArn"]
        for group in (action.get("ForwardConfig") or {}).get("TargetGroups", []):
            yield group["TargetGroupArn"]


def _refuse_in_use(request: dict[str, Any]) -> None:
    arn = request["TargetGroupArn"]
    if any(_users(arn)):
        raise AWSError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


def _refuse_led_to(request: dict[str, Any]) -> None:
    arn = request["LoadBalancerArn"]
    if arn in cloudfront.led_to():
        raise AWSError(
            "ResourceInUse",
            f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service",
        )


def _refuse_unknown_listener(request: dict[str, Any]) -> None:
    arn = request.get("ListenerArn")
    if arn and arn not in alb._listeners:
        raise AWSError("ListenerNotFound", f"Listener '{arn}' not found")
