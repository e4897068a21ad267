# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a component takes of the internet, where the network has no way to it."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import internet_faults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.internet import registry_of
from tests.support.components import shared

from .declared import others, values

CLOSED = {"platform_region": "us-west-2", "network_nat_gateways": "none", "network_private_hosts": []}
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
COGNITO = "cognito-idp.us-west-2.amazonaws.com"
WHY = "which a network without the internet doesn't reach (network_nat_gateways: none)"


def lines(component, given, network=CLOSED, **of_others):
    rules = internet_faults(component, values(component, **given), others(network=network, **of_others))
    return [str(item) for item in rules]


def defaults(component, **change):
    found = roles.load(component, "defaults/main.yml")
    platform = {"platform_region": "us-west-2", "platform_prometheus_workspace_arn": ""}
    return {**found, **platform, "platform_gateways": shared()["platform_gateways"], **change}


def variables(found):
    return [line.partition(":")[0] for line in found]


COMPONENTS = {
    "bastion_instance": ["bastion_instance_configured"],
    "cluster_services": ["cluster_services_load_balancer_controller_image"],
    "gateways": ["platform_gateways", "gateways_database_image"],
    "network": ["network_ingress_from_cloudfront"],
    "telemetry": ["telemetry_image", "telemetry_opensearch_image"],
}
THERE: dict[str, dict] = {name: {} for name in ("aurora", "cognito", "opensearch", "vpc_origin")}


@pytest.mark.parametrize("component", list(roles.described()))
def test_by_default(component):
    assert sorted(variables(lines(component, defaults(component), **THERE))) == sorted(COMPONENTS.get(component, []))


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("way", ["per_az", "single"])
def test_with_a_way_to_it_nothing_is_said(component, way):
    assert lines(component, defaults(component), {**CLOSED, "network_nat_gateways": way}, **THERE) == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_without_what_takes_it_less_is_said(component):
    needed = {
        "gateways": [],
        "network": [],
        "telemetry": ["telemetry_image"],
    }
    assert variables(lines(component, defaults(component))) == needed.get(component, COMPONENTS[component])


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("nginx:1.27", "docker.io"),
        ("litellm/litellm:1.0", "docker.io"),
        ("public.ecr.aws/eks/controller:v1", "public.ecr.aws"),
        ("localhost:5000/a:1", "localhost:5000"),
        (f"{ECR}/a/b:1", ECR),
    ],
)
def test_the_registry_of_an_image(image, host):
    assert registry_of(image) == host


IMAGE = "cluster_services_load_balancer_controller_image"


@pytest.mark.parametrize(
    ("image", "host"),
    [
        (f"{ECR}/controller:v3", None),
        (f"{ECR.replace('us-west-2', 'us-east-1')}/controller:v3", ECR.replace("us-west-2", "us-east-1")),
        ("registry.corp.example/controller:v3", None),
        ("ghcr.io/example/controller:v3", "ghcr.io"),
    ],
)
def test_images_are_copies_in_ecr_or_of_a_host_that_is_reached_otherwise(image, host):
    network = {**CLOSED, "network_private_hosts": ["registry.corp.example"]}
    found = lines("cluster_services", {IMAGE: image}, network)
    told = f"{IMAGE}: '{image}' is in {host}, {WHY}: name a copy of it in ECR of us-west-2, or that host in "
    assert found[0].startswith(told) if host else not found, found


def test_the_operator_is_asked_about_only_if_it_is_made():
    image = {"cluster_services_external_secrets_image": "ghcr.io/external-secrets/external-secrets:v2"}
    assert lines("cluster_services", {**image, "cluster_services_external_secrets": False}) == []
    assert len(lines("cluster_services", {**image, "cluster_services_external_secrets": True})) == 1


GATEWAY = {
    "name": "llm-gateway",
    "namespace": "gateways",
    "service_accounts": ["llm-gateway"],
    "configuration": ["COGNITO_USER_POOL_ID"],
}


def gateways(*, hosts=(), entry=GATEWAY, **given):
    base = {"platform_region": "us-west-2", "platform_gateways": [entry]}
    network = {**CLOSED, "network_private_hosts": list(hosts)}
    return lines("gateways", {**base, **given}, network, cognito={})


def test_keys_of_tokens_are_not_reached():
    (line,) = gateways()
    assert line.startswith("platform_gateways: ['llm-gateway'] have COGNITO_USER_POOL_ID: the keys by which they check")
    assert COGNITO in line
    assert gateways(hosts=[COGNITO]) == []
    assert gateways(entry={**GATEWAY, "configuration": []}) == []
    assert gateways(entry={**GATEWAY, "state": "absent"}) == []


def test_images_of_gateways():
    told = {"hosts": [COGNITO]}
    assert gateways(**told, gateways_images={"llm-gateway": {"tag": "1.0"}}) == []
    (line,) = gateways(**told, gateways_images={"llm-gateway": {"repository": "ghcr.io/example/llm", "tag": "1.0"}})
    assert line.startswith("gateways_images.llm-gateway.repository: 'ghcr.io/example/llm' is in ghcr.io")
    (line,) = gateways(**told, entry={**GATEWAY, "image": {"repository": "example/llm", "tag": "1.0"}})
    assert line.startswith("platform_gateways[0].image.repository: 'example/llm' is in docker.io")
    (line,) = gateways(**told, entry={**GATEWAY, "preset": "litellm"})
    assert line.startswith(
        "platform_gateways[0].image.repository: 'docker.io/litellm/litellm-non_root' is in docker.io"
    )
    mirrored = {"llm-gateway": {"repository": f"{ECR}/litellm", "tag": "1.0"}}
    assert gateways(**told, entry={**GATEWAY, "preset": "litellm"}, gateways_images=mirrored) == []


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"gateways_scheme": "internet-facing"}, "gateways_scheme: 'internet-facing' is for clients on the internet"),
        (
            {"gateways_scheme": "internal", "gateways_web_acl_arn": "arn:x"},
            "gateways_web_acl_arn: 'arn:x' is attached by",
        ),
    ],
)
def test_clients_of_the_internet(given, rule):
    (line,) = gateways(hosts=[COGNITO], **given)
    assert line.startswith(rule)


def test_the_api_of_a_cluster():
    assert lines("eks", {"eks_endpoint_private_access": True}) == []
    (line,) = lines("eks", {"eks_endpoint_private_access": False})
    assert line.startswith("eks_endpoint_private_access: false leaves nodes the public address")


@pytest.mark.parametrize(("region", "count"), [("us-west-2", 0), ("eu-west-1", 1)])
def test_a_workspace_of_another_region(region, count):
    arn = f"arn:aws:aps:{region}:123456789012:workspace/ws-1"
    assert len(lines("telemetry", {"platform_region": "us-west-2", "platform_prometheus_workspace_arn": arn})) == count


def test_images_of_single_collectors():
    collectors = {
        "otlp": {"image": "ghcr.io/example/collector:1"},
        "logs": {"image": f"{ECR}/collector:1"},
        "off": None,
    }
    assert variables(lines("telemetry", {"telemetry_collectors": collectors})) == ["telemetry_collectors.otlp.image"]


def test_endpoints_are_those_of_the_components_and_what_they_are_asked_for():
    def needed(*components, **given):
        return set(roles.endpoints(components, lambda _component, variable: given.get(variable)))

    assert needed("certificate", "frontend") == set()
    assert {"s3", "ecr.api", "ecr.dkr", "ec2", "sts", "eks", "eks-auth"} <= needed("eks")
    assert "ssmmessages" not in needed("eks")
    assert "ssmmessages" in needed("eks", eks_node_session_manager=True)
    assert needed("telemetry", platform_prometheus_workspace_arn="arn:x") - needed("telemetry") == {"aps-workspaces"}
    assert needed("telemetry", "nobody") == needed("telemetry")
    assert {"logs", "monitoring", "xray"} <= needed("telemetry")
    assert {"ec2", "elasticloadbalancing", "sts"} <= needed("cluster_services")
    bastion = needed("bastion_instance", bastion_instance_session_preferences="none")
    assert bastion & {"kms", "logs"} == set()
    recorded = needed("bastion_instance", bastion_instance_session_preferences="document")
    assert recorded - bastion == {"kms", "logs"}
    assert needed("bastion_instance", bastion_instance_log_shipping=True) - bastion == {"logs"}
