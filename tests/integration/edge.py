# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests do with the way from the front end to the gateways.

Their load balancer is the cluster's to make. Where there is none it is made here, with the marks of its controller.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from tests.support.playbook import OWNER, PREFIX, Account

from . import neighbours
from .census import Lister, tags_of
from .components import eks, frontend

NAME = f"{PREFIX}-gateways"
BALANCER = "k8s-platform"
CONTROLLERS = {"elbv2.k8s.aws/cluster": eks.CLUSTER, "ingress.k8s.aws/stack": "platform"}
CACHED = "658327ea-f89d-4fab-a63d-7e88639e58f6"


def make_balancer(account: Account, **more: Any) -> str:
    """An internal load balancer as the controller in the cluster makes it. Returns its ARN."""
    elb, ec2 = account.client("elbv2"), account.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    options = {
        "Scheme": "internal",
        "Tags": neighbours.tag_list({**OWNER, "Component": "gateways", **CONTROLLERS}),
        **more,
    }
    subnets = [subnet["SubnetId"] for subnet in found[:2]]
    name = f"{BALANCER}-{uuid.uuid4().hex[:8]}"
    return elb.create_load_balancer(Name=name, Subnets=subnets, **options)["LoadBalancers"][0]["LoadBalancerArn"]


def balancer(account: Account) -> dict:
    """That of the gateways."""
    elb = account.client("elbv2")
    found = {item["LoadBalancerArn"]: item for item in elb.describe_load_balancers()["LoadBalancers"]}
    told = elb.describe_tags(ResourceArns=list(found))["TagDescriptions"]
    (arn,) = [item["ResourceArn"] for item in told if CONTROLLERS.items() <= tags_of(item).items()]
    return found[arn]


def lose_balancer(account: Account) -> None:
    """Have it be no longer that of the gateways. AWS deletes none that a VPC origin leads to."""
    arn = balancer(account)["LoadBalancerArn"]
    account.client("elbv2").remove_tags(ResourceArns=[arn], TagKeys=list(CONTROLLERS))


def vpc_origins(lister: Lister) -> list[dict]:
    """With their Config and their Tags."""
    account, found = lister.account, []
    cloudfront = account.client("cloudfront")
    for item in cloudfront.list_vpc_origins()["VpcOriginList"].get("Items", []):
        config = cloudfront.get_vpc_origin(Id=item["Id"])["VpcOrigin"]["VpcOriginEndpointConfig"]
        tags = cloudfront.list_tags_for_resource(Resource=item["Arn"])["Tags"]["Items"]
        found.append({**item, "Config": config, "Tags": tags})
    return found


def vpc_origin(account: Account) -> dict:
    """The one of the platform."""
    (found,) = [item for item in vpc_origins(Lister(account)) if item["Name"] == NAME]
    return found


def make(account: Account, arn: str, **more: Any) -> str:
    """One of our name, someone else's without our tags. Returns its id."""
    config = {
        "Name": NAME,
        "Arn": arn,
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "http-only",
        "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
    }
    cloudfront = account.client("cloudfront")
    made = cloudfront.create_vpc_origin(VpcOriginEndpointConfig=config, **more)["VpcOrigin"]["Id"]
    for _time in range(200):
        if cloudfront.get_vpc_origin(Id=made)["VpcOrigin"]["Status"] == "Deployed":
            return made
        time.sleep(0.1)
    raise AssertionError(f"{made} isn't deployed")


def lead_to_balancer(account: Account) -> None:
    """Have a VPC origin of the platform for the load balancer, without a distribution that uses it."""
    tags = neighbours.tag_list({**OWNER, "Component": "vpc_origin"})
    make(account, balancer(account)["LoadBalancerArn"], Tags={"Items": tags})


def remove(account: Account, identifier: str) -> None:
    cloudfront = account.client("cloudfront")
    cloudfront.delete_vpc_origin(Id=identifier, IfMatch=cloudfront.get_vpc_origin(Id=identifier)["ETag"])
    for _time in range(200):
        listed = cloudfront.list_vpc_origins()["VpcOriginList"].get("Items", [])
        if identifier not in [item["Id"] for item in listed]:
            return
        time.sleep(0.1)
    raise AssertionError(f"{identifier} isn't gone")


def origins(account: Account) -> dict[str, dict]:
    """Those of the distribution, by their ids."""
    return {item["Id"]: item for item in frontend.distribution(account)["Config"]["Origins"]["Items"]}


def cut_off(account: Account) -> None:
    """Take the gateways from the distribution."""
    frontend.change(
        account, Origins={"Quantity": 1, "Items": [origins(account)["site"]]}, CacheBehaviors={"Quantity": 0}
    )


def behave(account: Account, **members: Any) -> None:
    """Have the API handled otherwise."""
    (behavior,) = frontend.distribution(account)["Config"]["CacheBehaviors"]["Items"]
    frontend.change(account, CacheBehaviors={"Quantity": 1, "Items": [{**behavior, **members}]})


def wait_otherwise(account: Account) -> None:
    """For an answer of the API."""
    found = origins(account)
    found["api"]["VpcOriginConfig"]["OriginReadTimeout"] = 5
    frontend.change(account, Origins={"Quantity": len(found), "Items": list(found.values())})
