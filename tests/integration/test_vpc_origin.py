# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way from the front end to the gateways: made once their load balancer is there, mended, moved, and taken away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.faults import Calls
from tests.support.local_cloud.settings import HOSTED_ZONE
from tests.support.playbook import OWNER, PREFIX, Account, Run

from . import edge
from .census import Lister, tags_of
from .components import certificate, frontend
from .test_faults import MOST_RUNS, PLOTS, wait_for

pytestmark = [pytest.mark.by_component("frontend", "vpc_origin"), pytest.mark.options]
BUILT = ("encryption", "network", "certificate", "frontend")
CERTIFICATES = {"certificate_certificates": [{"name": "api", "domain_name": f"*.api.{HOSTED_ZONE}"}]}
UPDATED = Calls({("cloudfront", "UpdateDistribution"): 1})
MADE = Calls({("cloudfront", "CreateVpcOrigin"): 1}) + UPDATED
REMOVED = Calls({("cloudfront", "DeleteVpcOrigin"): 1}) + UPDATED
# Harm to what the distribution sends to the gateways.
HARMS: dict[str, Callable[[Account], None]] = {
    "cut off": edge.cut_off,
    "kept answers": lambda account: edge.behave(account, CachePolicyId=edge.CACHED),
    "no headers": lambda account: edge.behave(account, ResponseHeadersPolicyId=""),
    "plain HTTP": lambda account: edge.behave(account, ViewerProtocolPolicy="allow-all"),
    "another wait": edge.wait_otherwise,
}


def run(account: Account, *chosen: str, **variables) -> Run:
    return account.run("--limit", ",".join(chosen), variables={**CERTIFICATES, **variables})


@pytest.fixture(scope="module")
def account(new_account) -> Account:
    """All but what is in the cluster, with a load balancer as that makes it."""
    made = new_account("100000000162")
    run(made, *BUILT).assert_converged()
    waiting = run(made, "vpc_origin").assert_nothing_to_do()
    assert "there is no internal load balancer of theirs" in waiting.output
    edge.make_balancer(made)
    run(made, "vpc_origin").assert_converged()
    return made


def test_it_leads_to_the_load_balancer(account):
    found = edge.vpc_origin(account)
    assert found["Config"]["Arn"] == edge.balancer(account)["LoadBalancerArn"]
    assert found["Config"]["OriginProtocolPolicy"] == "http-only"
    assert found["Config"]["OriginSslProtocols"]["Items"] == ["TLSv1.2"]
    assert tags_of(found).items() >= {**OWNER, "Component": "vpc_origin", "Name": edge.NAME}.items()


def test_the_api_and_nothing_else_goes_there(account):
    config = frontend.distribution(account)["Config"]
    origin = edge.origins(account)["api"]
    assert origin["DomainName"] == edge.balancer(account)["DNSName"]
    led = {"VpcOriginId": edge.vpc_origin(account)["Id"], "OriginReadTimeout": 120, "OriginKeepaliveTimeout": 5}
    assert origin["VpcOriginConfig"].items() >= led.items()
    (behavior,) = config["CacheBehaviors"]["Items"]
    assert (behavior["PathPattern"], behavior["TargetOriginId"]) == ("/api/*", "api")
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert behavior["AllowedMethods"]["Quantity"] == 7
    # All headers but the name that the page was called by, and nothing is kept.
    assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["ResponseHeadersPolicyId"] == frontend.policy(account)["Id"]
    # An error of the API is no page.
    assert behavior["FunctionAssociations"]["Quantity"] == 0
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == "site"


def test_cloudfront_may_reach_the_load_balancer(account):
    ec2 = account.client("ec2")
    (listed,) = ec2.describe_managed_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
    )["PrefixLists"]
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{PREFIX}-ingress"]}])[
        "SecurityGroups"
    ]
    (rule,) = [item for item in group["IpPermissions"] if item["PrefixListIds"]]
    assert [item["PrefixListId"] for item in rule["PrefixListIds"]] == [listed["PrefixListId"]]
    assert (rule["FromPort"], rule["ToPort"]) == (80, 80)


def test_again_there_is_nothing_to_do(account):
    run(account, *BUILT, "vpc_origin").assert_nothing_to_do()


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_changed_by_hand_is_put_back(account, harm):
    HARMS[harm](account)
    mended = run(account, "vpc_origin").assert_converged()
    assert mended.calls.writes == UPDATED
    assert edge.origins(account)["api"]["VpcOriginConfig"]["OriginReadTimeout"] == 120


def test_a_lost_tag_is_put_back(account):
    found = edge.vpc_origin(account)
    account.client("cloudfront").untag_resource(Resource=found["Arn"], TagKeys={"Items": ["Name"]})
    run(account, "vpc_origin").assert_converged()
    assert edge.vpc_origin(account)["Tags"] == found["Tags"]


def test_one_that_was_deleted_is_made_again(account):
    before = edge.vpc_origin(account)["Id"]
    edge.cut_off(account)
    edge.remove(account, before)
    run(account, "vpc_origin").assert_converged()
    now = edge.vpc_origin(account)["Id"]
    assert now != before
    assert edge.origins(account)["api"]["VpcOriginConfig"]["VpcOriginId"] == now


def test_another_load_balancer_is_taken_instead(account):
    before = edge.vpc_origin(account)["Id"]
    edge.lose_balancer(account)
    arn = edge.make_balancer(account)
    run(account, "vpc_origin").assert_converged()
    now = edge.vpc_origin(account)
    assert (now["Id"], now["Config"]["Arn"]) == (before, arn)
    assert edge.origins(account)["api"]["DomainName"] == edge.balancer(account)["DNSName"]
    run(account, "frontend", "vpc_origin").assert_nothing_to_do()


def test_with_a_certificate_it_is_called_by_a_name_in_that(account):
    elb, arn = account.client("elbv2"), edge.balancer(account)["LoadBalancerArn"]
    found = certificate.ours(account, f"*.api.{HOSTED_ZONE}")["CertificateArn"]
    elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": found}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    given = {"gateways_certificate": "api"}
    run(account, "vpc_origin", **given).assert_converged()
    assert edge.origins(account)["api"]["DomainName"] == f"gateways.api.{HOSTED_ZONE}"
    assert edge.vpc_origin(account)["Config"]["OriginProtocolPolicy"] == "https-only"
    run(account, "frontend", "vpc_origin", **given).assert_nothing_to_do()


def test_without_a_load_balancer_both_are_taken_away(account):
    edge.lose_balancer(account)
    run(account, "frontend", "vpc_origin").assert_converged()
    assert "api" not in edge.origins(account)
    assert frontend.distribution(account)["Config"]["CacheBehaviors"]["Quantity"] == 0
    assert edge.vpc_origins(Lister(account)) == []
    run(account, "frontend", "vpc_origin").assert_nothing_to_do()


@pytest.mark.parametrize("name", PLOTS)
def test_it_comes_and_goes_though_aws_fails_at_every_write(account, name):
    """With its load balancer, and without one: the distribution is led to it, or no longer."""
    for writes, there in ((MADE, True), (REMOVED, False)):
        edge.make_balancer(account) if there else edge.lose_balancer(account)
        rules = list(PLOTS[name].rules(writes))
        account.proxy.spoil(rule for _fault, _count, rule in rules)
        runs = 0
        while runs < (1 if PLOTS[name].one_run else MOST_RUNS):
            runs += 1
            if run(account, "vpc_origin").returncode == 0:
                break
        assert account.proxy.fired() == [count for _fault, count, _rule in rules]
        account.proxy.spoil([])
        run(account, "frontend", "vpc_origin").assert_nothing_to_do()
        assert len(edge.vpc_origins(Lister(account))) == there
        assert ("api" in edge.origins(account)) is there


@pytest.mark.parametrize("write", ["CreateVpcOrigin", "UpdateDistribution"])
def test_a_killed_run_is_gone_on_with(account, write):
    edge.make_balancer(account)
    killed = account.start("--limit", "vpc_origin", variables=CERTIFICATES)
    wait_for(killed, write)
    killed.process.kill()
    killed.wait()
    assert killed.outlived() == []
    run(account, "vpc_origin").assert_converged()
    assert edge.origins(account)["api"]["VpcOriginConfig"]["VpcOriginId"] == edge.vpc_origin(account)["Id"]
    run(account, "frontend", "vpc_origin").assert_nothing_to_do()
    edge.lose_balancer(account)
    run(account, "vpc_origin").assert_converged()


def test_one_of_someone_else_is_left(account):
    theirs = edge.make(account, edge.make_balancer(account))
    refused = run(account, "vpc_origin").assert_refused()
    assert f"CloudFront VPC origin {edge.NAME} exists" in refused.output
    assert not refused.calls.writes
    edge.remove(account, theirs)


def test_removed_before_the_load_balancer(account):
    run(account, "vpc_origin").assert_converged()
    removal = account.run(
        "--limit",
        "vpc_origin,frontend",
        playbook="playbooks/teardown.yml",
        variables={**CERTIFICATES, "platform_teardown_confirm": PREFIX},
    ).assert_converged()
    writes = list(removal.calls.writes)
    assert ("cloudfront", "DeleteVpcOrigin") in writes
    assert edge.vpc_origins(Lister(account)) == []
    assert frontend.distributions(Lister(account)) == []
    assert frontend.controls(account) == []
    assert frontend.functions(Lister(account)) == []
    assert frontend.web_acls(Lister(account)) == []
