# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for what the cluster gets before anything of the platform runs in it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import change_warnings

from .declared import fault_lines

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "roles/cluster_services/defaults/main.yml").read_text())
STAND_IN = str(ROOT / "tests/support/charts/aws-load-balancer-controller")


def lines(gateways=(), **given):
    own = {f"cluster_services_{name}": value for name, value in given.items()}
    return fault_lines("cluster_services", {"platform_gateways": [*gateways], **own})


def test_what_is_right_has_no_fault():
    assert fault_lines("cluster_services", DEFAULTS) == []
    assert lines(load_balancer_controller_chart=STAND_IN, load_balancer_controller_chart_version="3.5.0") == []
    assert lines(load_balancer_controller_chart="oci://public.ecr.aws/eks/aws-load-balancer-controller") == []
    assert lines(external_secrets_image=f"registry.example.org:5000/a/b:v1@sha256:{'0' * 64}") == []


@pytest.mark.parametrize(
    ("namespace", "part"),
    [
        ({"name": "kube-system"}, ".name: 'kube-system' is a namespace of Kubernetes, EKS or an add-on"),
        ({"name": "default"}, "which isn't the platform's"),
        ({"name": "amazon-cloudwatch"}, "which isn't the platform's"),
        ({"name": "external-secrets-system"}, "is made with the operator: leave it out"),
        ({"name": "Agents"}, "is not a Kubernetes name: up to 63 lower-case letters"),
        ({"name": "a" * 64}, "is not a Kubernetes name: up to 63 lower-case letters"),
        ({"name": "x", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}, "sets itself"),
        ({"name": "x", "labels": {"team": "x" * 64}}, "is not a Kubernetes label value"),
        ({"name": "x", "traffic": ["dns", "dns"]}, ".traffic: 'dns' occurs more than once"),
        ({"name": "x", "quota": {"requests.memory": "32GB"}}, "is not a quantity of Kubernetes"),
        ({"name": "x", "quota": {"pods": "1.5"}}, "is no whole number, and pods knows no parts"),
        ({"name": "x", "quota": {"Requests Memory": 1}}, "is not a resource, such as pods or requests.memory"),
        (
            {"name": "x", "container_defaults": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}},
            "container_defaults.requests.memory: '1Gi' is above",
        ),
    ],
)
def test_namespaces(namespace, part):
    (line,) = lines(namespaces=[namespace])
    assert line.startswith("cluster_services_namespaces[0].")
    assert part in line


def test_namespaces_are_named_once_and_those_of_gateways_are_there():
    assert lines(namespaces=[{"name": "agents"}, {"name": "agents"}]) == [
        "cluster_services_namespaces[].name: 'agents' occurs more than once"
    ]
    gateways = [{"name": "llm-gateway", "namespace": "gateways"}, {"name": "old", "namespace": "x", "state": "absent"}]
    assert lines(gateways, namespaces=[{"name": "gateways"}]) == []
    assert lines(gateways, namespaces=[{"name": "agents"}]) == [
        "cluster_services_namespaces: ['agents'] lacks gateways, in which the gateway llm-gateway of platform_gateways"
        " runs"
    ]


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ({"group": "system:masters", "namespaces": ["agents"]}, "begins with one of"),
        ({"group": "my group", "namespaces": ["agents"]}, "is not a group"),
        ({"group": "viewers", "namespaces": ["agent"]}, "is none of cluster_services_namespaces; did you mean agents?"),
        ({"group": "viewers", "namespaces": ["agents", "agents"]}, "is given view in agents more than once"),
    ],
)
def test_access(entry, part):
    (line,) = lines(namespaces=[{"name": "agents"}], access=[entry])
    assert line.startswith("cluster_services_access")
    assert part in line


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"priority_classes": [{"name": "system-x", "value": 1}]}, "keeps for its own"),
        ({"priority_classes": [{"name": "X", "value": 1}]}, "is not a Kubernetes name"),
        ({"priority_classes": [{"name": "x", "value": 1000000001}]}, "is not from -2147483648 to 1000000000"),
        ({"priority_classes": [{"name": "x", "value": 1}, {"name": "x", "value": 2}]}, "occurs more than once"),
        ({"storage_class": "gp2"}, "is the class that EKS makes with a cluster"),
        ({"storage_class": "GP3"}, "is not a Kubernetes name"),
        ({"storage_class_parameters": {"encrypted": "false"}}, "volumes are encrypted with the platform's key"),
        ({"storage_class_parameters": {"iops": [1]}}, "is not a parameter of a driver"),
        ({"load_balancer_controller_replicas": 0}, "is not from 1 to 10 pods"),
        ({"load_balancer_controller_chart": "Chart"}, "is neither the name of a chart nor oci://"),
        ({"load_balancer_controller_chart": "oci://registry/chart:1.0.0"}, "is not the address of an OCI artifact"),
        ({"load_balancer_controller_chart": "./chart"}, "is not a whole path"),
        ({"load_balancer_controller_chart": "/nowhere/chart"}, "is neither the folder nor the archive of a chart"),
        ({"load_balancer_controller_chart": str(ROOT / "roles")}, "is neither the folder nor the archive of a chart"),
        ({"external_secrets_chart": STAND_IN}, "is the chart aws-load-balancer-controller, not external-secrets"),
        ({"load_balancer_controller_chart_version": "^3.5"}, "is not the version of a chart, exactly"),
        ({"load_balancer_controller_chart_version": "latest"}, "is not the version of a chart, exactly"),
        (
            {"load_balancer_controller_chart": STAND_IN, "load_balancer_controller_chart_version": "3.5.1"},
            "cluster_services_load_balancer_controller_chart_version: '3.5.1' isn't there: ",
        ),
        (
            {"load_balancer_controller_chart": "chart", "load_balancer_controller_chart_repository": "aws.github.io"},
            "is not the address of a repository of charts",
        ),
        ({"load_balancer_controller_image": "public.ecr.aws/eks/a:latest"}, "name a version instead of latest"),
        ({"load_balancer_controller_image": "public.ecr.aws/eks/a"}, "is not an image with registry and tag"),
        (
            {"external_secrets_resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            "cluster_services_external_secrets_resources.requests.cpu: '2' is above",
        ),
    ],
)
def test_faults(given, part):
    (line,) = lines(**given)
    assert part in line


def test_who_may_read_secrets_is_declared():
    (line,) = lines(namespaces=[{"name": "agents"}], external_secrets_namespaces=["agent"])
    assert line.startswith("cluster_services_external_secrets_namespaces: 'agent' is none of")


def test_a_chart_in_an_archive(tmp_path):
    archive = tmp_path / "chart.tgz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(STAND_IN, "aws-load-balancer-controller")
    right = {"load_balancer_controller_chart": str(archive), "load_balancer_controller_chart_version": "3.5.0"}
    assert lines(**right) == []
    (line,) = lines(**{**right, "load_balancer_controller_chart_version": "3.4.0"})
    assert "is version 3.5.0" in line


def test_tags_that_the_controller_cannot_be_told():
    (line,) = fault_lines("cluster_services", {"platform_tags": {"a=b": "c"}})
    assert "has '=' in its key" in line


@pytest.mark.parametrize(("version", "count"), [("3.5.0", 0), ("3.5.7", 0), ("v3.5.1", 0), ("3.6.0", 1), ("2.17.1", 1)])
def test_a_version_that_the_role_was_not_made_for(version, count):
    given = {"cluster_services_load_balancer_controller_chart_version": version}
    assert len(list(change_warnings("cluster_services")(given, {}))) == count
