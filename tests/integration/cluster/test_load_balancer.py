# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The load balancer of the gateways takes HTTPS, becomes another one and goes, also where CloudFront leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import edge
from tests.integration.census import Lister
from tests.support.components import shared
from tests.support.local_cloud.settings import HOSTED_ZONE
from tests.support.playbook import PREFIX

from .components.gateways import NAMES, NAMESPACE
from .conftest import ClusterAccount, ClusterPlatform
from .objects import Api, until

pytestmark = pytest.mark.by_component("gateways", "vpc_origin")

CONTROLLER = ("Deployment", "aws-load-balancer-controller")
CERTIFICATES = {"certificate_certificates": [{"name": "api", "domain_name": f"api.{HOSTED_ZONE}"}]}
HTTPS = {**CERTIFICATES, "gateways_certificate": "api"}
# Seconds for which a load balancer is waited for that doesn't come.
LIMIT = 5


def remove(account: ClusterAccount, components: str, **variables: Any) -> None:
    given = {**variables, "platform_teardown_confirm": PREFIX}
    account.run("--limit", components, playbook="playbooks/teardown.yml", variables=given).assert_converged()


@pytest.fixture
def certificate(cluster_platform: ClusterPlatform) -> Iterator[dict[str, Any]]:
    """What has the load balancer take HTTPS."""
    account = cluster_platform.account
    account.run("--limit", "certificate", variables=CERTIFICATES, note="a certificate").assert_converged()
    yield HTTPS
    remove(account, "certificate", **CERTIFICATES)


@pytest.fixture
def front_end(cluster_platform: ClusterPlatform) -> Iterator[None]:
    """A distribution that leads to the load balancer."""
    account = cluster_platform.account
    account.run("--limit", "frontend,vpc_origin", note="a front end").assert_converged()
    assert "api" in edge.origins(account)
    yield
    remove(account, "vpc_origin,frontend")


@pytest.fixture
def account(cluster_platform: ClusterPlatform) -> Iterator[ClusterAccount]:
    """Its gateways have in the end what they had before, and are published so."""
    account = cluster_platform.account
    yield account
    account.run("--limit", "gateways,configuration", note="the load balancer as before").assert_converged()


def protocols(account: ClusterAccount) -> set[str]:
    arn = edge.balancer(account)["LoadBalancerArn"]
    found = account.client("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
    return {listener["Protocol"] for listener in found}


def scale(kubernetes: Api, pods: int) -> None:
    """Have so many pods of the load balancer controller."""
    kind, name = CONTROLLER
    kubernetes.edit(kind, name, {"spec": {"replicas": pods}}, "kube-system")
    until(lambda: (kubernetes.read(kind, name, "kube-system")["status"].get("availableReplicas") or 0) == pods)


def test_it_goes_with_the_last_path_though_cloudfront_leads_to_it(account: ClusterAccount, kubernetes: Api):
    edge.lead_to_balancer(account)
    nothing = {"platform_gateways": [{**entry, "ingress_path": ""} for entry in shared()["platform_gateways"]]}
    run = account.run("--limit", "gateways", variables=nothing, note="no paths any more").assert_converged()
    assert ("cloudfront", "DeleteVpcOrigin") in run.calls.writes, run.explain()
    assert kubernetes.ours("gateways", "Ingress") == []
    assert account.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert edge.vpc_origins(Lister(account)) == []


@pytest.mark.options
def test_one_of_another_scheme_comes_though_cloudfront_leads_to_it(
    certificate: dict[str, Any], front_end: None, account: ClusterAccount
):
    visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "public"}
    acl = account.client("wafv2").create_web_acl(
        Name="public", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible
    )["Summary"]["ARN"]
    public = {**certificate, "gateways_scheme": "internet-facing", "gateways_web_acl_arn": acl}
    dry = account.run("--check", "--limit", "gateways", variables=public, note="another scheme, dry").assert_converged()
    assert not dry.calls.writes, dry.explain()
    run = account.run("--limit", "gateways,vpc_origin", variables=public, note="another scheme").assert_converged()
    assert edge.balancer(account)["Scheme"] == "internet-facing"
    assert protocols(account) == {"HTTP", "HTTPS"}
    assert edge.vpc_origins(Lister(account)) == []
    assert "api" not in edge.origins(account)
    assert "/api/* of the front end goes with it" in " ".join(run.output.split()), run.explain()
    account.run("--limit", "gateways,vpc_origin", variables=public, note="after that").assert_nothing_to_do()
    # And back, to what the account has in the end.
    account.run("--limit", "gateways,vpc_origin", note="the scheme of before").assert_converged()
    assert edge.vpc_origin(account)["Config"]["Arn"] == edge.balancer(account)["LoadBalancerArn"]
    assert "api" in edge.origins(account)


@pytest.mark.options
def test_a_run_ends_well_only_with_what_is_declared(
    certificate: dict[str, Any], account: ClusterAccount, kubernetes: Api
):
    pods = kubernetes.read(*CONTROLLER, "kube-system")["spec"]["replicas"]
    given = {**certificate, "gateways_load_balancer_timeout_seconds": LIMIT}
    scale(kubernetes, 0)
    try:
        run = account.run("--limit", "gateways", variables=given, note="HTTPS, and no controller")
    finally:
        scale(kubernetes, pods)
    told = " ".join(run.output.split())
    names = ", ".join(f"Ingress {NAMESPACE}/{name}" for name in NAMES)
    assert (
        f"The load balancer of {names} is internal, http, active after {LIMIT} s, and declared is internal, https,"
        " active."
    ) in told, run.explain()
    assert f"kubectl -n {NAMESPACE} describe ingress {NAMES[0]}" in told
    account.run("--limit", "gateways", variables=certificate, note="HTTPS").assert_converged()
    assert protocols(account) == {"HTTP", "HTTPS"}
