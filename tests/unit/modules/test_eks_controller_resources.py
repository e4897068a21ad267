# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What controllers of a cluster have made: known by their tags, removed in an order that AWS takes."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.controllers import KINDS, is_made_for
from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import argument_spec
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import eks_controller_resources
from ansible_collections.agent_platform.aws.plugins.modules.eks_controller_resources import ControllerResources
from tests.support.module_runs import tag_list
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, api_error

BALANCERS = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer"
BALANCER = f"{BALANCERS}/app/k8s-web/1"
TARGETS = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/k8s-web/1"
OURS = {"elbv2.k8s.aws/cluster": "demo"}
CLAIM = {"kubernetes.io/cluster/demo": "owned", "kubernetes.io/created-for/pvc/name": "data"}


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        ({"kubernetes.io/cluster/demo": "owned"}, True),
        ({"elbv2.k8s.aws/cluster": "demo"}, True),
        ({"eks:eks-cluster-name": "demo"}, True),
        ({"ebs.csi.aws.com/cluster-name": "demo"}, True),
        ({"KubernetesCluster": "demo"}, True),
        # Of several clusters.
        ({"kubernetes.io/cluster/demo": "shared"}, False),
        ({"elbv2.k8s.aws/cluster": "demo-2"}, False),
        # Some cluster's, it doesn't say whose.
        ({"ebs.csi.aws.com/cluster": "true"}, False),
        # EKS's own, which goes with the cluster.
        ({"kubernetes.io/cluster/demo": "owned", "aws:eks:cluster-name": "demo"}, False),
        ({}, False),
    ],
)
def test_whose_it_is(tags, ours):
    assert is_made_for("demo", tags) is ours


def listing(balancers=(), classic=(), targets=(), groups=(), volumes=()):
    """The calls of one look. Each thing with its tags."""

    def tagged(member, things):
        return {"TagDescriptions": [{member: name, "Tags": tag_list(**tags)} for name, tags in things]}

    def named(arn):
        return arn.split("/")[-2]

    keys = ["kubernetes.io/cluster/demo", "elbv2.k8s.aws/cluster", "eks:eks-cluster-name"]
    filters = {"Filters": [{"Name": "tag-key", "Values": [*keys, "ebs.csi.aws.com/cluster-name", "KubernetesCluster"]}]}
    found = [{"LoadBalancerArn": arn, "LoadBalancerName": named(arn), "VpcId": "vpc-1"} for arn, _tags in balancers]
    steps = [Step("DescribeLoadBalancers", {"LoadBalancers": found})]
    if balancers:
        steps.append(
            Step("DescribeTags", tagged("ResourceArn", balancers), {"ResourceArns": [arn for arn, _ in balancers]})
        )
    named_only = [{"LoadBalancerName": name, "VPCId": "vpc-1"} for name, _tags in classic]
    steps.append(Step("DescribeLoadBalancers", {"LoadBalancerDescriptions": named_only}))
    if classic:
        request = {"LoadBalancerNames": [name for name, _ in classic]}
        steps.append(Step("DescribeTags", tagged("LoadBalancerName", classic), request))
    found = [{"TargetGroupArn": arn, "TargetGroupName": named(arn), "VpcId": "vpc-1"} for arn, _tags in targets]
    steps.append(Step("DescribeTargetGroups", {"TargetGroups": found}))
    if targets:
        steps.append(Step("DescribeTags", tagged("ResourceArn", targets)))
    found = [{"GroupId": name, "GroupName": "k8s", "VpcId": "vpc-1", "Tags": tag_list(**tags)} for name, tags in groups]
    steps.append(Step("DescribeSecurityGroups", {"SecurityGroups": found}, filters))
    found = [{"VolumeId": name, "Tags": tag_list(**tags)} for name, tags in volumes]
    steps.append(Step("DescribeVolumes", {"Volumes": found}, filters))
    return steps


def naming(group_id, ingress=(), egress=()):
    """The look for rules of other groups that name this one."""
    return [
        Step(
            "DescribeSecurityGroups",
            {"SecurityGroups": list(groups)},
            {"Filters": [{"Name": name, "Values": [group_id]}]},
        )
        for name, groups in (("ip-permission.group-id", ingress), ("egress.ip-permission.group-id", egress))
    ]


def run(*steps, check_mode=False, **options):
    flat = [step for group in steps for step in (group if isinstance(group, list) else [group])]
    aws = ScriptedAws(*flat)
    defaults = {
        name: option.get("default") for name, option in argument_spec(eks_controller_resources.DOCUMENTATION).items()
    }
    module = ScriptedModule(aws, {**defaults, "cluster_name": "demo", **options}, check_mode)
    result = ControllerResources(module).run()
    aws.assert_done()
    return result


def test_nothing_is_there():
    assert run(listing()) == {"changed": False, "removed": []}


def test_all_kinds_go_in_their_order():
    left = {"groups": [("sg-1", OURS)], "volumes": [("vol-1", CLAIM)]}
    busy = api_error("DeleteSecurityGroup", "DependencyViolation", "resource sg-1 has a dependent object")
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}
    nodes = {"GroupId": "sg-nodes", "IpPermissions": [{**rule, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}
    everything = {
        "balancers": [(BALANCER, OURS), (f"{BALANCERS}/net/others/2", {"Name": "other"})],
        "classic": [("a1b2", {"kubernetes.io/cluster/demo": "owned"})],
        "targets": [(TARGETS, OURS)],
        **left,
    }
    result = run(
        listing(**everything),
        listing(**everything),
        Step("DeleteLoadBalancer", {}, {"LoadBalancerArn": BALANCER}),
        Step("DeleteLoadBalancer", {}, {"LoadBalancerName": "a1b2"}),
        Step("DeleteTargetGroup", api_error("DeleteTargetGroup", "ResourceInUse", "in use by a listener")),
        naming("sg-1", ingress=[nodes])[:1],
        Step("RevokeSecurityGroupIngress", {}, {"GroupId": "sg-nodes", "IpPermissions": [rule]}),
        naming("sg-1")[1:],
        Step("DeleteSecurityGroup", busy),
        Step("DeleteVolume", {}, {"VolumeId": "vol-1"}),
        # What was accepted may be seen for a while, and isn't asked for again.
        listing(balancers=[(BALANCER, OURS)], targets=[(TARGETS, OURS)], **left),
        Step("DeleteTargetGroup", {}, {"TargetGroupArn": TARGETS}),
        naming("sg-1"),
        Step("DeleteSecurityGroup", {}, {"GroupId": "sg-1"}),
        listing(),
    )
    assert result["changed"] is True
    assert [(item["kind"], item["name"]) for item in result["removed"]] == [
        ("load balancer", "k8s-web"),
        ("classic load balancer", "a1b2"),
        ("target group", "k8s-web"),
        ("security group", "k8s"),
        ("volume", "data"),
    ]


def test_in_one_vpc_only():
    elsewhere = [Step("DescribeLoadBalancers", {"LoadBalancers": [{"LoadBalancerArn": BALANCER, "VpcId": "vpc-2"}]})]
    assert run(elsewhere, listing()[1:], vpc_id="vpc-1")["removed"] == []


def test_one_that_goes_while_its_tags_are_read():
    gone = api_error("DescribeTags", "LoadBalancerNotFound", "one or more not found")
    other = f"{BALANCERS}/app/k8s-zero/2"
    balancers = [{"LoadBalancerArn": arn, "LoadBalancerName": "k8s"} for arn in (BALANCER, other)]
    result = run(
        Step("DescribeLoadBalancers", {"LoadBalancers": balancers}),
        Step("DescribeTags", gone),
        Step("DescribeTags", gone, {"ResourceArns": [BALANCER]}),
        Step("DescribeTags", {"TagDescriptions": [{"ResourceArn": other, "Tags": tag_list(**OURS)}]}),
        listing()[1:],
        check_mode=True,
    )
    assert [item["id"] for item in result["removed"]] == [other]


def test_a_dry_run_removes_nothing():
    result = run(listing(volumes=[("vol-1", CLAIM)]), check_mode=True)
    assert (result["changed"], [item["id"] for item in result["removed"]]) == (True, ["vol-1"])


def test_a_protected_one_is_named_with_the_remedy():
    there = listing(balancers=[(BALANCER, OURS)])
    refusal = api_error("DeleteLoadBalancer", "OperationNotPermitted", "deletion protection is enabled")
    with pytest.raises(ResourceError) as caught:
        run(there, there, Step("DeleteLoadBalancer", refusal))
    assert "delete load balancer loadbalancer/app/k8s-web/1" in str(caught.value)
    assert "Turn its deletion protection off" in str(caught.value)


def test_what_does_not_go_is_named_with_aws_own_words():
    there = {"volumes": [("vol-1", CLAIM)]}
    refusal = api_error("DeleteVolume", "VolumeInUse", "is currently attached to i-1")
    with pytest.raises(ResourceError) as caught:
        run(
            listing(**there),
            *[step for _look in range(2) for step in (listing(**there), Step("DeleteVolume", refusal))],
            wait_timeout=2,
        )
    assert "Not all is gone after 2 s: Could not delete volume vol-1 (data)" in str(caught.value)
    assert "is currently attached to i-1" in str(caught.value)
    assert "Detach it" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_the_calls_are_those_of_the_api(kind):
    model = ScriptedAws().client(kind.service).model
    listed = model.operation_model(kind.listed).output_shape.members[kind.path].member
    assert {kind.identifier, *filter(None, [kind.vpc])} <= set(listed.members)
    assert kind.identifier in model.operation_model(kind.delete).input_shape.members
    if kind.tags:
        assert set(model.operation_model("DescribeTags").input_shape.members) == {kind.tags}
    else:
        assert "Tags" in listed.members
