# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways as they were built: what their pods are, who reaches them, and where that is published."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.components import shared
from tests.support.playbook import PREFIX, REGION

from .components.gateways import ALB, LLM, MEMORY, NAMES, NAMESPACE, RETRIEVAL, settings
from .conftest import ACCOUNT, ClusterPlatform
from .objects import Api, differences

pytestmark = pytest.mark.by_component("gateways")

PATH = "/agent-platform/local"


def pod_of(kubernetes: Api, name: str) -> dict[str, Any]:
    return kubernetes.read("Deployment", name, NAMESPACE)["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", NAMES)
class TestPods:
    def test_they_run_in_both_zones_with_the_role(self, kubernetes: Api, name: str):
        pods = kubernetes.list("Pod", NAMESPACE, **{"app.kubernetes.io/name": name})
        nodes = {node["metadata"]["name"]: node for node in kubernetes.list("Node")}
        zones = [nodes[pod["spec"]["nodeName"]]["metadata"]["labels"]["topology.kubernetes.io/zone"] for pod in pods]
        assert sorted(zones) == [f"{REGION}a", f"{REGION}b"]
        assert {pod["spec"]["serviceAccountName"] for pod in pods} == {name}
        account = kubernetes.read("ServiceAccount", name, NAMESPACE)
        assert account["metadata"]["annotations"] == {
            "eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{name}",
            "eks.amazonaws.com/sts-regional-endpoints": "true",
        }
        assert account["automountServiceAccountToken"] is False
        assert all(not pod["spec"].get("automountServiceAccountToken") for pod in pods)

    def test_one_ends_after_the_load_balancer_has_let_it_go(self, kubernetes: Api, name: str):
        pod, notes = pod_of(kubernetes, name), kubernetes.read("Ingress", name, NAMESPACE)["metadata"]["annotations"]
        (attribute,) = notes[f"{ALB}target-group-attributes"].split(",")
        delay = int(attribute.removeprefix("deregistration_delay.timeout_seconds="))
        drain = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert delay < drain < pod["terminationGracePeriodSeconds"]

    def test_an_update_takes_none_away(self, kubernetes: Api, name: str):
        found = kubernetes.read("Deployment", name, NAMESPACE)["spec"]
        assert found["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert kubernetes.read("PodDisruptionBudget", name, NAMESPACE)["spec"]["maxUnavailable"] == 1

    def test_its_settings_can_not_be_changed(self, kubernetes: Api, name: str):
        found = kubernetes.read("ConfigMap", settings(kubernetes, name), NAMESPACE)
        assert found["immutable"] is True
        assert found["data"]["AWS_DEFAULT_REGION"] == REGION
        assert found["data"]["ENVIRONMENT"] == "local"
        assert found["data"]["OTEL_SERVICE_NAME"] == name
        assert found["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://")


def test_which_have_an_autoscaler(kubernetes: Api):
    found = {item["metadata"]["name"]: item["spec"] for item in kubernetes.ours("gateways", "HorizontalPodAutoscaler")}
    assert {name: (spec["minReplicas"], spec["maxReplicas"]) for name, spec in found.items()} == {
        LLM: (2, 6),
        RETRIEVAL: (2, 6),
    }
    # The Deployment says how many there are only where nobody else does.
    declared = {
        name: any(
            "f:replicas" in entry["fieldsV1"].get("f:spec", {})
            for entry in kubernetes.read("Deployment", name, NAMESPACE)["metadata"]["managedFields"]
            if entry["manager"] == "agent_platform.aws"
        )
        for name in NAMES
    }
    assert declared == {LLM: False, MEMORY: True, RETRIEVAL: False}


def test_the_load_balancer_is_one_for_all_and_known_as_ours(cluster_platform: ClusterPlatform, kubernetes: Api):
    elb, ec2 = cluster_platform.account.client("elbv2"), cluster_platform.account.client("ec2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    tags = elb.describe_tags(ResourceArns=[balancer["LoadBalancerArn"]])["TagDescriptions"][0]["Tags"]
    told = {tag["Key"]: tag["Value"] for tag in tags}
    assert told["Component"] == "gateways"
    assert (told["ManagedBy"], told["ingress.k8s.aws/stack"]) == ("agent_platform.aws", "platform")
    (group,) = ec2.describe_security_groups(GroupIds=balancer["SecurityGroups"])["SecurityGroups"]
    assert group["GroupName"] == f"{PREFIX}-ingress"
    subnets = {zone["SubnetId"] for zone in balancer["AvailabilityZones"]}
    private = ec2.describe_subnets(Filters=[{"Name": "tag:Tier", "Values": ["private"]}])["Subnets"]
    assert (balancer["Scheme"], subnets) == ("internal", {subnet["SubnetId"] for subnet in private})
    addresses = {
        item["status"]["loadBalancer"]["ingress"][0]["hostname"] for item in kubernetes.ours("gateways", "Ingress")
    }
    assert addresses == {balancer["DNSName"]}


def test_who_reaches_a_gateway(cluster_platform: ClusterPlatform, kubernetes: Api):
    ec2 = cluster_platform.account.client("ec2")
    private = ec2.describe_subnets(Filters=[{"Name": "tag:Tier", "Values": ["private"]}])["Subnets"]
    (rule,) = kubernetes.read("NetworkPolicy", LLM, NAMESPACE)["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert rule["from"][0] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "agents"}}}
    blocks = {peer["ipBlock"]["cidr"] for peer in rule["from"][1:]}
    assert blocks == {subnet["CidrBlock"] for subnet in private}


def test_it_is_published_and_agents_may_read_it(cluster_platform: ClusterPlatform):
    account = cluster_platform.account
    (balancer,) = account.pages("elbv2", "describe_load_balancers", "LoadBalancers")
    found = account.pages("ssm", "get_parameters_by_path", "Parameters", Path=f"{PATH}/gateways")
    told = {one["Name"].rpartition("/")[2]: one["Value"] for one in found}
    assert told["GATEWAYS_URL"] == f"http://{balancer['DNSName']}"
    assert told["LLM_GATEWAY_ENDPOINT"] == f"http://{balancer['DNSName']}/api/{LLM}"
    assert told["MEMORY_GATEWAY_SERVICE_URL"] == f"http://{MEMORY}.{NAMESPACE}.svc.cluster.local:80"
    assert len(told) == 1 + 2 * len(NAMES)
    document = account.client("iam").get_role_policy(RoleName=f"{PREFIX}-agent", PolicyName="permissions")
    (statement,) = document["PolicyDocument"]["Statement"]
    assert f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PATH}/gateways/*" in statement["Resource"]


def test_a_version_that_nobody_has_pushed(cluster_platform: ClusterPlatform, kubernetes: Api):
    """A gateway that has never run waits for its image. Where there are others one that isn't there is refused."""
    account, before = cluster_platform.account, kubernetes.everything()
    new = {"name": "new-gateway", "namespace": NAMESPACE, "service_accounts": ["new-gateway"], "image": {"tag": "1"}}
    more = {"platform_gateways": [*shared()["platform_gateways"], new]}
    dry = account.run("--check", "--limit", "gateways", variables=more, note="an image that isn't there yet")
    assert "new-gateway does not run yet" in " ".join(dry.assert_nothing_to_do().output.split()), dry.explain()

    repository, manifest = f"{PREFIX}/{LLM}", json.dumps({"schemaVersion": 2, "config": {}, "layers": []})
    ecr = account.client("ecr")
    ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="1.0.0")
    images = {name: {"repository": f"images.example/{name}", "tag": "1.0.0"} for name in NAMES}
    given = {"gateways_images": {**images, LLM: {"tag": "1.1.0"}}}
    run = account.run("--limit", "gateways", variables=given, note="a version that nobody has pushed")
    assert f"{repository}:1.1.0: not in the repository. Push it first" in " ".join(run.output.split()), run.explain()
    assert differences(before, kubernetes.everything()) == []
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "1.0.0"}])


@pytest.mark.options
def test_a_fourth_is_one_more_entry_and_goes_with_it(cluster_platform: ClusterPlatform, kubernetes: Api):
    before = kubernetes.everything()
    table = [
        *shared()["platform_gateways"],
        {
            "name": "tools-gateway",
            "namespace": NAMESPACE,
            "service_accounts": ["tools-gateway"],
            "image": {"repository": "images.example/tools", "tag": "3"},
            "port": 4000,
            "files": {"tools.yaml": "tools: []\n"},
            "secrets": {"TOOLS_SECRET_ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:tools-AbCdEf"},
            "configuration": ["LLM_GATEWAY_SERVICE_URL"],
            "statements": [{"Sid": "Read", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::tools/*"]}],
            "ingress_path": "/api/tools",
        },
    ]
    more = {"platform_gateways": table}
    run = cluster_platform.run("--limit", "workload_identity,gateways", variables=more, note="a fourth gateway")
    run.assert_converged()
    after = kubernetes.everything("gateways")
    assert len([name for name in after if "tools-gateway" in name]) == 8
    pod = pod_of(kubernetes, "tools-gateway")
    assert {"name": "files", "mountPath": "/etc/gateway", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    document = cluster_platform.account.client("iam").get_role_policy(
        RoleName=f"{PREFIX}-tools-gateway", PolicyName="permissions"
    )
    assert [one["Sid"] for one in document["PolicyDocument"]["Statement"]] == [
        "Read",
        "ReadItsSecrets",
        "DecryptItsSecrets",
    ]

    dry = cluster_platform.run("--check", "--diff", "--limit", "gateways", note="shows that it goes").assert_converged()
    assert "Deployment tools-gateway in gateways" in dry.output, dry.explain()
    cluster_platform.run("--limit", "gateways", note="the fourth goes").assert_converged()
    assert differences(before, kubernetes.everything()) == []
