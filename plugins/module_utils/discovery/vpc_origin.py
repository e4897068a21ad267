# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VPC origin by which the distribution reaches the load balancer of the gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search

THING = "gateways"
PAGE = "100"


def empty(_search: Search) -> dict[str, Any]:
    return {
        "vpc_origin_id": None,
        "vpc_origin_arn": None,
        "load_balancer_arn": None,
        "protocol": None,
        "status": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    # CloudFront has VPC origins in the partition aws alone.
    if search.partition != "aws":
        return
    name = search.scope.name(THING, "cloudfront_vpc_origin")
    for item in _all(search):
        if item["Name"] != name:
            continue
        answer = search.read("cloudfront", "list_tags_for_resource", Resource=item["Arn"])
        tags = {tag["Key"]: tag.get("Value", "") for tag in ((answer or {}).get("Tags") or {}).get("Items") or []}
        if not search.owns(tags):
            search.foreign(f"CloudFront VPC origin {name}", tags)
            continue
        described = (search.read("cloudfront", "get_vpc_origin", Id=item["Id"]) or {}).get("VpcOrigin") or {}
        facts.update(
            vpc_origin_id=item["Id"],
            vpc_origin_arn=item["Arn"],
            load_balancer_arn=item["OriginEndpointArn"],
            protocol=(described.get("VpcOriginEndpointConfig") or {}).get("OriginProtocolPolicy"),
            status=item["Status"],
        )


def _all(search: Search) -> list[dict[str, Any]]:
    """Those of the account, a page after the other, which the SDK doesn't do by itself."""
    found: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    while True:
        page = (search.read("cloudfront", "list_vpc_origins", MaxItems=PAGE, **marker) or {}).get("VpcOriginList") or {}
        found += page.get("Items") or []
        if not page.get("NextMarker"):
            return found
        marker = {"Marker": page["NextMarker"]}


def summary(facts: Mapping[str, Any]) -> list[str]:
    balancer = str(facts["load_balancer_arn"]).rpartition(":loadbalancer/")[2]
    return [f"/api/* to {balancer} by {facts['vpc_origin_id']}, {facts['status']}"]


COMPONENT = Component(
    name="vpc_origin",
    services=("cloudfront",),
    empty=empty,
    collect=collect,
    exists=lambda facts: facts["vpc_origin_id"] is not None,
    summary=summary,
    idle="there is no internal load balancer of the gateways",
)
