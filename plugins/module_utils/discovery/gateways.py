# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways in the cluster, and the load balancer before them.

The load balancer is found in AWS, so it is known where the cluster isn't reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Component, Search, listed, tags_of

# The Ingresses that share one load balancer, and the tags by which the controller says whose it is.
GROUP = "platform"
CLUSTER_TAG, GROUP_TAG = "elbv2.k8s.aws/cluster", "ingress.k8s.aws/stack"
# Elastic Load Balancing tells the tags of so many at once.
MOST_WITH_TAGS = 20


def empty(_search: Search) -> dict[str, Any]:
    return {
        "gateways": {},
        "load_balancer_arn": None,
        "load_balancer_dns_name": None,
        "load_balancer_hosted_zone_id": None,
        "load_balancer_scheme": None,
        "load_balancer_security_group_id": None,
        "load_balancer_state": None,
        "url": None,
    }


def collect(search: Search, facts: dict[str, Any]) -> None:
    deployments = search.start_objects("apps/v1", "Deployment")
    ingresses = search.start_objects("networking.k8s.io/v1", "Ingress")
    balancers = search.start("elbv2", "describe_load_balancers")
    _balancer(search, facts, (balancers.result() or {}).get("LoadBalancers", []))
    paths = {path_of(ingress): address_of(ingress) for ingress in ingresses.result()}
    by_name = {name: (path, address) for (name, path), address in paths.items()}
    for deployment in deployments.result():
        name = deployment["metadata"]["name"]
        path, address = by_name.get(name, (None, None))
        facts["gateways"][name] = {
            **_running(deployment),
            "path": path,
            "url": f"{facts['url']}{path}" if path and address and facts["url"] else None,
        }


def _running(deployment: Mapping[str, Any]) -> dict[str, Any]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    status = deployment.get("status") or {}
    return {
        "namespace": deployment["metadata"]["namespace"],
        "image": next((one["image"] for one in containers if one["name"] == "gateway"), None),
        "replicas": status.get("replicas") or 0,
        "ready": status.get("readyReplicas") or 0,
    }


def path_of(ingress: Mapping[str, Any]) -> tuple[str, str | None]:
    """The name of an Ingress of ours and the path that it publishes."""
    rules = ingress["spec"].get("rules") or []
    paths = [path.get("path") for rule in rules for path in (rule.get("http") or {}).get("paths") or []]
    return ingress["metadata"]["name"], next(iter(paths), None)


def address_of(ingress: Mapping[str, Any]) -> str | None:
    """The name of the load balancer that an Ingress has got."""
    given = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return next((one.get("hostname") for one in given), None)


def _balancer(search: Search, facts: dict[str, Any], balancers: list[dict[str, Any]]) -> None:
    """The one that the controller has made for our Ingresses."""
    arns = [balancer["LoadBalancerArn"] for balancer in balancers]
    looks = [
        search.start("elbv2", "describe_tags", ResourceArns=arns[start : start + MOST_WITH_TAGS])
        for start in range(0, len(arns), MOST_WITH_TAGS)
    ]
    told = [one for look in looks for one in (look.result() or {}).get("TagDescriptions", [])]
    tags = {one["ResourceArn"]: tags_of(one) for one in told}
    wanted = {CLUSTER_TAG: search.scope.name("eks", "eks_cluster"), GROUP_TAG: GROUP}
    own = [
        balancer
        for balancer in balancers
        if wanted.items() <= (found := tags.get(balancer["LoadBalancerArn"], {})).items() and search.keeps_marks(found)
    ]
    balancer = search.one("load balancers", own, "LoadBalancerArn")
    if balancer is None:
        return
    listeners = search.read("elbv2", "describe_listeners", LoadBalancerArn=balancer["LoadBalancerArn"])
    protocols = {listener.get("Protocol") for listener in (listeners or {}).get("Listeners", [])}
    facts.update(
        load_balancer_arn=balancer["LoadBalancerArn"],
        load_balancer_dns_name=balancer["DNSName"],
        load_balancer_hosted_zone_id=balancer.get("CanonicalHostedZoneId"),
        load_balancer_scheme=balancer.get("Scheme"),
        load_balancer_security_group_id=next(iter(balancer.get("SecurityGroups") or []), None),
        load_balancer_state=(balancer.get("State") or {}).get("Code"),
        url=f"{'https' if 'HTTPS' in protocols else 'http'}://{balancer['DNSName']}",
    )


def summary(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"{name} {one['ready']}/{one['replicas']} pods ready" for name, one in facts["gateways"].items()]
    if facts["load_balancer_arn"]:
        lines.append(f"{facts['load_balancer_scheme']} load balancer {facts['load_balancer_state']}, {facts['url']}")
        published = [one["path"] for one in facts["gateways"].values() if one["path"]]
        lines += [f"paths {listed(sorted(published))}"] if published else []
    return lines


COMPONENT = Component(
    name="gateways",
    services=("elbv2",),
    empty=empty,
    collect=collect,
    exists=lambda facts: bool(facts["gateways"] or facts["load_balancer_arn"]),
    summary=summary,
)
