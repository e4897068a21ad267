# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pods that a node has room for."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import instance_types


# The figures of eni-max-pods.txt in the EKS image, and EKS's own limit where that is lower.
@pytest.mark.parametrize(
    ("name", "pods"),
    [
        ("t3.nano", 4),
        ("t3.small", 11),
        ("t3.medium", 17),
        ("t3.large", 35),
        ("t3.xlarge", 58),
        ("t3a.small", 8),
        ("t4g.medium", 17),
        ("m5.large", 29),
        ("m5.xlarge", 58),
        ("m5.4xlarge", 110),
        ("m5.8xlarge", 234),
        ("m5.24xlarge", 250),
        ("m6i.2xlarge", 58),
        ("m7g.medium", 8),
        ("c6i.large", 29),
        ("r6i.large", 29),
        ("g4dn.xlarge", 29),
        ("p5.48xlarge", 100),
        ("zz9.large", None),
        ("t3.meduim", None),
    ],
)
def test_pods_by_addresses(name, pods):
    assert instance_types.most_pods(name) == pods


@pytest.mark.parametrize(("name", "pods"), [("t3.nano", 34), ("t3.medium", 110), ("m5.24xlarge", 250)])
def test_pods_by_prefixes(name, pods):
    assert instance_types.most_pods(name, prefix_delegation=True) == pods


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("t3.medium", "x86_64"),
        ("t4g.medium", "arm64"),
        ("m7gd.large", "arm64"),
        ("g5.xlarge", "x86_64"),
        ("g5g.xlarge", "arm64"),
        ("a1.large", "arm64"),
        ("x2gd.large", "arm64"),
        ("m7i-flex.large", "x86_64"),
        ("g4dn.xlarge", "x86_64"),
    ],
)
def test_architectures(name, architecture):
    assert instance_types.architecture(name) == architecture


def test_types_of_a_family():
    assert "t3.2xlarge" in instance_types.sizes("t3.huge")
    assert instance_types.sizes("zz9.large") == []


def test_the_table_agrees_with_ec2(moto_instance_types):
    for family in (
        "t3",
        "t3a",
        "t4g",
        "m5",
        "m6i",
        "m7g",
        "m8i",
        "c6i",
        "c7g",
        "r6i",
        "r7g",
        "g5",
        "g6e",
        "p5",
        "inf2",
        "i4i",
    ):
        described = {name for name in moto_instance_types if name.startswith(f"{family}.")}
        assert set(instance_types.sizes(f"{family}.any")) == described
    for name, facts in moto_instance_types.items():
        if instance_types.most_pods(name) is None:
            continue
        family, _dot, size = name.partition(".")
        network = facts["NetworkInfo"]
        cards = network.get("NetworkCards") or [network]
        assert instance_types._families()[family][size] == (
            facts["VCpuInfo"]["DefaultVCpus"],
            cards[network.get("DefaultNetworkCardIndex", 0)]["MaximumNetworkInterfaces"],
            network["Ipv4AddressesPerInterface"],
        )
        assert (instance_types.architecture(name) == "arm64") is (
            "arm64" in facts["ProcessorInfo"]["SupportedArchitectures"]
        )


@pytest.fixture(scope="module")
def moto_instance_types():
    """DescribeInstanceTypes as recorded by moto."""
    moto = importlib.util.find_spec("moto")
    assert moto, "moto is part of the development environment"
    path = Path(moto.submodule_search_locations[0]) / "ec2" / "resources" / "instance_types.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))
