# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways in the cluster, and the load balancer before them, which AWS alone tells of."""

from __future__ import annotations

import pytest

from .fake_aws import ACCOUNT, PREFIX, REGION, in_cluster, look, owned

ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/k8s-platform"
NAME = f"internal-k8s-platform-1.{REGION}.elb.amazonaws.com"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{PREFIX}/llm-gateway:1.0.0"
BALANCER = {
    "LoadBalancerArn": f"{ARN}/0123456789abcdef",
    "DNSName": NAME,
    "CanonicalHostedZoneId": "Z1H1FL5HABSF5",
    "Scheme": "internal",
    "SecurityGroups": ["sg-0123456789abcdef0"],
    "State": {"Code": "active"},
}
CONTROLLERS = {"elbv2.k8s.aws/cluster": f"{PREFIX}-eks", "ingress.k8s.aws/stack": "platform"}


def told(tags):
    """Elastic Load Balancing's answer for load balancers that bear these."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return lambda request: {
        "TagDescriptions": [{"ResourceArn": arn, "Tags": listed} for arn in request["ResourceArns"]]
    }


def marks(**changed):
    tags = {**CONTROLLERS, **{tag["Key"]: tag["Value"] for tag in owned("gateways")}, **changed}
    return {key: value for key, value in tags.items() if value is not None}


MISSING = {}
ANSWERS = {
    "elbv2.DescribeLoadBalancers": {"LoadBalancers": [BALANCER]},
    "elbv2.DescribeTags": told(marks()),
    "DescribeListeners": {"Listeners": [{"Protocol": "HTTP", "Port": 80}]},
}


def deployment(name="llm-gateway", **status):
    template = {"spec": {"containers": [{"name": "sidecar", "image": "other"}, {"name": "gateway", "image": IMAGE}]}}
    return in_cluster("gateways", "apps/v1", "Deployment", name, "gateways", spec={"template": template}, status=status)


def ingress(name="llm-gateway", address=NAME):
    rules = [{"http": {"paths": [{"path": f"/api/{name}"}]}}]
    status = {"loadBalancer": {"ingress": [{"hostname": address}]} if address else {}}
    return in_cluster(
        "gateways", "networking.k8s.io/v1", "Ingress", name, "gateways", spec={"rules": rules}, status=status
    )


OBJECTS = [deployment(replicas=2, readyReplicas=2), ingress()]


def facts_of(answers=ANSWERS, objects=OBJECTS):
    found, _aws = look(answers, "gateways", objects=objects)
    return found.components["gateways"]


def test_what_runs_and_where_it_is_reached():
    found, _aws = look(ANSWERS, "gateways", objects=OBJECTS)
    assert found.components["gateways"] == {
        "exists": True,
        "gateways": {
            "llm-gateway": {
                "namespace": "gateways",
                "image": IMAGE,
                "replicas": 2,
                "ready": 2,
                "path": "/api/llm-gateway",
                "url": f"http://{NAME}/api/llm-gateway",
            }
        },
        "load_balancer_arn": BALANCER["LoadBalancerArn"],
        "load_balancer_dns_name": NAME,
        "load_balancer_hosted_zone_id": "Z1H1FL5HABSF5",
        "load_balancer_scheme": "internal",
        "load_balancer_security_group_id": "sg-0123456789abcdef0",
        "load_balancer_state": "active",
        "url": f"http://{NAME}",
    }
    assert found.summary["gateways"]["lines"] == [
        "llm-gateway 2/2 pods ready",
        f"internal load balancer active, http://{NAME}",
        "paths /api/llm-gateway",
    ]


def test_https():
    listeners = {"Listeners": [{"Protocol": "HTTP"}, {"Protocol": "HTTPS"}]}
    assert facts_of({**ANSWERS, "DescribeListeners": listeners})["url"] == f"https://{NAME}"


def test_without_a_way_into_the_cluster_the_load_balancer_is_known():
    facts = facts_of(objects=None)
    assert (facts["exists"], facts["gateways"]) == (True, {})
    assert facts["load_balancer_arn"] == BALANCER["LoadBalancerArn"]


def test_without_a_load_balancer():
    facts = facts_of({}, [deployment(), ingress(address=None), deployment("memory-gateway", replicas=1)])
    assert (facts["exists"], facts["load_balancer_arn"], facts["url"]) == (True, None, None)
    assert facts["gateways"]["llm-gateway"] | {"image": None} == {
        "namespace": "gateways",
        "image": None,
        "replicas": 0,
        "ready": 0,
        "path": "/api/llm-gateway",
        "url": None,
    }
    assert facts["gateways"]["memory-gateway"]["path"] is None
    assert facts_of({}, [])["exists"] is False


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"elbv2.k8s.aws/cluster": "other"}, False),
        ({"ingress.k8s.aws/stack": "other"}, False),
        ({"Project": "other"}, False),
        ({"Project": None, "Environment": None}, False),
        ({"Component": None}, True),
    ],
)
def test_whose_load_balancer_it_is(changed, found):
    facts = facts_of({**ANSWERS, "elbv2.DescribeTags": told(marks(**changed))})
    assert (facts["load_balancer_arn"] is not None) is found


def test_of_many_load_balancers_the_tags_are_asked_in_parts():
    others = [{**BALANCER, "LoadBalancerArn": f"{ARN}/{number}"} for number in range(24)]

    def tags(request):
        assert len(request["ResourceArns"]) <= 20
        return told(marks())({"ResourceArns": [arn for arn in request["ResourceArns"] if arn.endswith("/23")]})

    answers = {**ANSWERS, "elbv2.DescribeLoadBalancers": {"LoadBalancers": others}, "elbv2.DescribeTags": tags}
    assert facts_of(answers)["load_balancer_arn"] == f"{ARN}/23"
