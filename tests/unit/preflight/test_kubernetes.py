# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names, labels and quantities as Kubernetes takes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.kubernetes import (
    label_faults,
    namespace_rule,
    order_faults,
    quantity,
    quantity_rule,
    resource_faults,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("250m", "0.25"),
        ("1", "1"),
        (2, "2"),
        (0.5, "0.5"),
        ("0.1", "0.1"),
        (".5", "0.5"),
        ("512Mi", str(512 * 2**20)),
        ("1Gi", str(2**30)),
        ("2k", "2000"),
        ("1.5M", "1500000"),
        ("1e3", "1000"),
        ("2E-1", "0.2"),
        ("1E", str(10**18)),
        ("100u", "0.0001"),
        ("5n", "0.000000005"),
    ],
)
def test_quantities(value, number):
    assert quantity(value) == Decimal(number)


@pytest.mark.parametrize("value", ["", "m", "1 Gi", "1gi", "1GB", "1MB", "-1", "1K", "ab", "1e", True, None, [], "1,5"])
def test_what_is_no_quantity(value):
    assert quantity(value) is None
    assert quantity_rule(value) == "is not a quantity of Kubernetes, such as 250m of cpu or 512Mi of memory"


@pytest.mark.parametrize("resource", ["memory", "ephemeral-storage", "requests.storage", "pods", "count/jobs.batch"])
def test_what_has_no_parts(resource):
    assert quantity_rule("512", resource) is None
    assert "is no whole number" in quantity_rule("512m", resource)
    assert quantity_rule("512m", "cpu") is None


def test_requests_above_limits():
    right = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1024Mi"}}
    assert [*resource_faults("resources", right)] == []
    assert [*resource_faults("resources", {"requests": {"cpu": 4}})] == []
    wrong = {"requests": {"cpu": "1.5", "memory": "2Gi"}, "limits": {"cpu": 1, "memory": "1GB"}}
    assert [str(line) for line in resource_faults("resources", wrong)] == [
        "resources.limits.memory: '1GB' is not a quantity of Kubernetes, such as 250m of cpu or 512Mi of memory",
        "resources.requests.cpu: '1.5' is above resources.limits.cpu 1",
    ]
    assert [str(line) for line in order_faults("limits", "min", {"cpu": "2"}, "max", {"cpu": "1"})] == [
        "limits.min.cpu: '2' is above limits.max.cpu 1"
    ]


@pytest.mark.parametrize(
    "name", ["default", "kube-system", "kube-public", "amazon-guardduty", "amazon-cloudwatch", "cert-manager"]
)
def test_namespaces_of_others(name):
    assert "which isn't the platform's" in namespace_rule(name)


def test_names_of_namespaces():
    assert namespace_rule("gateways") is None
    for name in ("Gateways", "a_b", "x" * 64, "-a", ""):
        assert "is not a Kubernetes name" in namespace_rule(name)


def test_labels():
    assert [*label_faults("labels", {"team": "agents", "elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"})] == []
    wrong = {
        "pod-security.kubernetes.io/enforce": "privileged",
        "app.kubernetes.io/part-of": "me",
        "k8s.io/x": "y",
        "a b": "c",
        1: "x",
        "team": "x" * 64,
        "on": True,
    }
    found = [str(line) for line in label_faults("labels", wrong)]
    assert [line.partition(":")[2].split()[0] for line in found[:3]] == [f"'{key}'" for key in list(wrong)[:3]]
    assert all("sets itself" in line for line in found[:3])
    assert "is not a Kubernetes label key" in found[3]
    assert found[4] == "labels: 1 is not a text: put it in quotes, Kubernetes takes only texts here"
    assert found[5].startswith("labels.team:")
    assert found[6] == "labels.on: true is not a text: put it in quotes, Kubernetes takes only texts here"
