# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Kubernetes versions and add-ons that EKS offers: data for DescribeClusterVersions and DescribeAddonVersions.

A selection of what the API lists, newest first, wide enough for two things: each add-on has a default and a later
version for each Kubernetes version, so that "default" and "latest" differ, and an upgrade moves the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class KubernetesVersion:
    version: str
    patch: str
    released: str
    standard_support_ends: str
    extended_support_ends: str
    extended_support: bool = False


KUBERNETES_VERSIONS = (
    KubernetesVersion("1.36", "1.36.2", "2026-06-02", "2027-08-02", "2028-08-02"),
    KubernetesVersion("1.35", "1.35.0", "2026-01-27", "2027-03-27", "2028-03-27"),
    KubernetesVersion("1.34", "1.34.1", "2025-10-02", "2026-12-02", "2027-12-02"),
    KubernetesVersion("1.33", "1.33.5", "2025-05-29", "2026-07-29", "2027-07-29", extended_support=True),
    KubernetesVersion("1.32", "1.32.9", "2025-01-23", "2026-03-23", "2027-03-23", extended_support=True),
)
DEFAULT_KUBERNETES_VERSION = "1.35"


@dataclass(frozen=True)
class Addon:
    name: str
    kind: str
    namespace: str
    # version -> the Kubernetes versions it works with, newest first
    versions: dict[str, tuple[str, ...]]
    # Kubernetes version -> default version of the add-on
    defaults: dict[str, str]
    # service account -> managed policies, for add-ons that call AWS
    service_accounts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settings: tuple[str, ...] = ("affinity", "nodeSelector", "podAnnotations", "podLabels", "resources", "tolerations")

    def supports(self, version: str, kubernetes_version: str) -> bool:
        return kubernetes_version in self.versions.get(version, ())

    def schema(self) -> dict[str, Any]:
        return {
            "$schema": "http://json-schema.org/draft-06/schema#",
            "type": "object",
            "additionalProperties": True,
            "properties": {name: {} for name in self.settings},
        }


_ALL = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36")

ADDONS = (
    Addon(
        "vpc-cni",
        "networking",
        "kube-system",
        {
            "v1.21.1-eksbuild.3": _ALL,
            "v1.21.1-eksbuild.1": _ALL,
            "v1.20.4-eksbuild.2": _ALL,
            "v1.19.5-eksbuild.1": _ALL[:3],
            "v1.19.2-eksbuild.1": _ALL[:2],
        },
        {
            "1.31": "v1.19.2-eksbuild.1",
            "1.32": "v1.19.2-eksbuild.1",
            "1.33": "v1.19.5-eksbuild.1",
            "1.34": "v1.20.4-eksbuild.2",
            "1.35": "v1.21.1-eksbuild.1",
            "1.36": "v1.21.1-eksbuild.1",
        },
        {"aws-node": ("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",)},
        ("affinity", "enableNetworkPolicy", "env", "init", "nodeAgent", "podAnnotations", "resources", "tolerations"),
    ),
    Addon(
        "kube-proxy",
        "networking",
        "kube-system",
        {
            "v1.36.1-eksbuild.2": ("1.36",),
            "v1.36.0-eksbuild.2": ("1.36",),
            "v1.35.0-eksbuild.2": ("1.35", "1.36"),
            "v1.35.0-eksbuild.1": ("1.35", "1.36"),
            "v1.34.1-eksbuild.2": ("1.34", "1.35"),
            "v1.34.0-eksbuild.2": ("1.34", "1.35"),
            "v1.33.5-eksbuild.2": ("1.33", "1.34"),
            "v1.33.0-eksbuild.2": ("1.33", "1.34"),
            "v1.32.9-eksbuild.2": ("1.32", "1.33"),
            "v1.32.0-eksbuild.2": ("1.32", "1.33"),
            "v1.31.13-eksbuild.2": ("1.31", "1.32"),
            "v1.31.2-eksbuild.3": ("1.31", "1.32"),
        },
        {
            "1.31": "v1.31.2-eksbuild.3",
            "1.32": "v1.32.0-eksbuild.2",
            "1.33": "v1.33.0-eksbuild.2",
            "1.34": "v1.34.0-eksbuild.2",
            "1.35": "v1.35.0-eksbuild.1",
            "1.36": "v1.36.0-eksbuild.2",
        },
        settings=("affinity", "ipvs", "mode", "podAnnotations", "resources", "tolerations"),
    ),
    Addon(
        "coredns",
        "networking",
        "kube-system",
        {
            "v1.13.2-eksbuild.1": _ALL[3:],
            "v1.13.1-eksbuild.1": _ALL[3:],
            "v1.12.4-eksbuild.6": _ALL[2:],
            "v1.12.4-eksbuild.1": _ALL[2:],
            "v1.12.3-eksbuild.1": _ALL[2:4],
            "v1.12.1-eksbuild.2": _ALL[2:4],
            "v1.11.4-eksbuild.17": _ALL[:3],
            "v1.11.4-eksbuild.2": _ALL[:3],
            "v1.11.3-eksbuild.1": _ALL[:2],
        },
        {
            "1.31": "v1.11.3-eksbuild.1",
            "1.32": "v1.11.4-eksbuild.2",
            "1.33": "v1.12.1-eksbuild.2",
            "1.34": "v1.12.3-eksbuild.1",
            "1.35": "v1.13.1-eksbuild.1",
            "1.36": "v1.13.1-eksbuild.1",
        },
        settings=(
            "affinity",
            "autoScaling",
            "computeType",
            "corefile",
            "nodeSelector",
            "podAnnotations",
            "podDisruptionBudget",
            "podLabels",
            "replicaCount",
            "resources",
            "tolerations",
            "topologySpreadConstraints",
        ),
    ),
    Addon(
        "eks-pod-identity-agent",
        "security",
        "kube-system",
        {"v1.3.10-eksbuild.2": _ALL, "v1.3.8-eksbuild.2": _ALL, "v1.3.4-eksbuild.1": _ALL[:4]},
        {
            "1.31": "v1.3.4-eksbuild.1",
            "1.32": "v1.3.4-eksbuild.1",
            "1.33": "v1.3.4-eksbuild.1",
            "1.34": "v1.3.8-eksbuild.2",
            "1.35": "v1.3.8-eksbuild.2",
            "1.36": "v1.3.8-eksbuild.2",
        },
    ),
    Addon(
        "aws-ebs-csi-driver",
        "storage",
        "kube-system",
        {
            "v1.54.0-eksbuild.1": _ALL,
            "v1.53.0-eksbuild.1": _ALL,
            "v1.48.0-eksbuild.1": _ALL[:4],
            "v1.44.0-eksbuild.1": _ALL[:3],
        },
        {
            "1.31": "v1.44.0-eksbuild.1",
            "1.32": "v1.44.0-eksbuild.1",
            "1.33": "v1.48.0-eksbuild.1",
            "1.34": "v1.53.0-eksbuild.1",
            "1.35": "v1.53.0-eksbuild.1",
            "1.36": "v1.53.0-eksbuild.1",
        },
        {"ebs-csi-controller-sa": ("arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2",)},
        ("controller", "node", "sidecars", "defaultStorageClass", "fips", "awsAccessSecret"),
    ),
    Addon(
        "cert-manager",
        "security",
        "cert-manager",
        {"v1.18.2-eksbuild.1": _ALL, "v1.17.2-eksbuild.1": _ALL},
        dict.fromkeys(_ALL, "v1.17.2-eksbuild.1"),
        settings=("affinity", "cainjector", "nodeSelector", "resources", "startupapicheck", "tolerations", "webhook"),
    ),
    Addon(
        "adot",
        "observability",
        "opentelemetry-operator-system",
        {"v0.141.0-eksbuild.1": _ALL, "v0.131.0-eksbuild.1": _ALL, "v0.117.0-eksbuild.1": _ALL[:3]},
        {
            "1.31": "v0.117.0-eksbuild.1",
            "1.32": "v0.117.0-eksbuild.1",
            "1.33": "v0.131.0-eksbuild.1",
            "1.34": "v0.131.0-eksbuild.1",
            "1.35": "v0.131.0-eksbuild.1",
            "1.36": "v0.131.0-eksbuild.1",
        },
        {
            "adot-col-container-logs": ("arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",),
            "adot-col-otlp-ingest": ("arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",),
            "adot-col-prom-metrics": ("arn:aws:iam::aws:policy/AmazonPrometheusRemoteWriteAccess",),
        },
        ("admissionWebhooks", "affinity", "collector", "manager", "nodeSelector", "replicaCount", "tolerations"),
    ),
    Addon(
        "metrics-server",
        "observability",
        "kube-system",
        {"v0.8.0-eksbuild.6": _ALL, "v0.8.0-eksbuild.2": _ALL, "v0.7.2-eksbuild.3": _ALL[:4]},
        {
            "1.31": "v0.7.2-eksbuild.3",
            "1.32": "v0.7.2-eksbuild.3",
            "1.33": "v0.7.2-eksbuild.3",
            "1.34": "v0.8.0-eksbuild.2",
            "1.35": "v0.8.0-eksbuild.2",
            "1.36": "v0.8.0-eksbuild.2",
        },
        settings=("affinity", "nodeSelector", "podDisruptionBudget", "replicas", "resources", "tolerations"),
    ),
)

ADDONS_BY_NAME = {addon.name: addon for addon in ADDONS}

ACCESS_POLICIES = (
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSSecretReaderPolicy",
)


def kubernetes_version(version: str) -> KubernetesVersion | None:
    return next((one for one in KUBERNETES_VERSIONS if one.version == version), None)


def minor(version: str) -> int:
    return int(version.split(".")[1])
