# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Formats that AWS and Kubernetes prescribe."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import formats

NO_NETWORK = "is not an IPv4 network"
NO_VPC_NETWORK = "is not an IPv4 network with a prefix length from 16 to 28"


@pytest.mark.parametrize(
    ("text", "limits", "rule"),
    [
        ("10.0.0.0/16", (16, 28), None),
        ("10.0.0.16/28", (16, 28), None),
        ("0.0.0.0/0", (), None),
        ("203.0.113.7/32", (), None),
        ("10.0.0.0/33", (16, 28), NO_VPC_NETWORK),
        ("10.0.0.0/8", (16, 28), NO_VPC_NETWORK),
        ("10.0.0.0/30", (16, 28), NO_VPC_NETWORK),
        ("10.0.0.0", (16, 28), NO_VPC_NETWORK),
        ("10.0.0/16", (16, 28), NO_VPC_NETWORK),
        ("10.0.0.256/24", (), NO_NETWORK),
        ("::/0", (), NO_NETWORK),
        ("fd00::/16", (16, 28), NO_VPC_NETWORK),
        ("vpc", (), NO_NETWORK),
        ("", (), NO_NETWORK),
        ("10.0.0.5/16", (16, 28), "is not written as the network it is in: 10.0.0.0/16"),
        ("10.0.0.0/255.255.0.0", (16, 28), "is not written as the network it is in: 10.0.0.0/16"),
    ],
)
def test_networks(text, limits, rule):
    assert formats.network_rule(text, *limits) == rule


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("kube-system", True),
        ("a", True),
        ("a" * 63, True),
        ("", False),
        ("a" * 64, False),
        ("-a", False),
        ("A", False),
        ("a.b", False),
    ],
)
def test_kubernetes_labels_of_dns(name, right):
    assert (formats.dns_label_rule(name) is None) is right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("ebs-csi-controller-sa", True),
        ("a.b-c", True),
        ("a" * 254, False),
        ("a..b", False),
        ("*", False),
        ("a_b", False),
    ],
)
def test_kubernetes_names(name, right):
    assert (formats.dns_name_rule(name) is None) is right


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("workload", True),
        ("example.com/workload", True),
        ("a_b.c-D", True),
        ("a b", False),
        ("", False),
        ("/name", False),
        ("Example.com/name", False),
        ("example.com/", False),
        ("a" * 64, False),
        ("example.com/" + "a" * 63, True),
    ],
)
def test_label_keys(key, right):
    assert (formats.label_key_rule(key) is None) is right


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("", True),
        ("blue", True),
        ("v1.2_x", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("-a", False),
        ("a b", False),
        (True, False),
        (1, False),
    ],
)
def test_label_values(value, right):
    assert (formats.label_value_rule(value) is None) is right


@pytest.mark.parametrize(
    ("arn", "part_of_rule"),
    [
        ("arn:aws:iam::123456789012:role/admin", None),
        ("arn:aws-us-gov:iam::123456789012:user/ops/jo", None),
        ("arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123", None),
        ("arn:aws:sts::123456789012:assumed-role/admin/jo", "arn:aws:iam::<account>:role/admin"),
        ("arn:aws:iam::123456789012:root", "is not the ARN of an IAM role or user"),
        ("arn:aws:iam::12345:role/admin", "is not the ARN of an IAM role or user"),
        ("admin", "is not the ARN of an IAM role or user"),
    ],
)
def test_principals(arn, part_of_rule):
    rule = formats.principal_rule(arn)
    assert rule is None if part_of_rule is None else part_of_rule in rule


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-west-2", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
def test_principals_of_another_partition(region, partition):
    """Nothing of one partition can be named in another."""
    assert formats.principal_rule(f"arn:{partition}:iam::123456789012:role/admin", region) is None
    given = "aws-cn" if partition == "aws" else "aws"
    rule = formats.principal_rule(f"arn:{given}:iam::123456789012:role/admin", region)
    assert (
        rule == f"is of the partition {given}, but platform_region {region} is in {partition}: arn:{partition}:iam::..."
    )
    assert f"such as arn:{partition}:iam::" in formats.principal_rule("admin", region)


def test_partitions_are_those_of_the_sdk():
    """Each region that it knows, by the beginning of its name."""
    for partition in Loader().load_data("partitions")["partitions"]:
        for region in partition["regions"]:
            if not region.endswith("global"):
                assert formats.partition_of(region) == partition["id"]


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"CostCentre": 12}, "tags.CostCentre: 12 is not a text: put it in quotes"),
        ({"CostCentre": True}, "tags.CostCentre: true is not a text: put it in quotes"),
        ({"aws:team": "a"}, "tags.aws:team: the prefix aws: is reserved for AWS"),
        ({"AWS:team": "a"}, "tags.AWS:team: the prefix aws: is reserved for AWS"),
        ({"project": "a"}, "tags.project: the tag Project is set by the platform itself"),
        (
            {"a<b": "a"},
            "tags: 'a<b' is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @, in quotes if a number",
        ),
        (
            {7: "a"},
            "tags: 7 is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @, in quotes if a number",
        ),
        ({"a": "x;y"}, "tags.a: 'x;y' is not a tag value: up to 256 letters, digits, spaces and _ . : / = + - @"),
        ({"a": "x\ty"}, "tags.a: 'x\\ty' is not a tag value: up to 256 letters, digits, spaces and _ . : / = + - @"),
        ({"a": "x\n"}, "tags.a: 'x\\n' is not a tag value: up to 256 letters, digits, spaces and _ . : / = + - @"),
        (
            {"a\nb": "x"},
            "tags: 'a\\nb' is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @, in quotes if a"
            " number",
        ),
        ({"Team": "a", "team": "b"}, "tags: Team and team differ only in case, which IAM takes as the same tag"),
        (
            {f"t{number}": "x" for number in range(41)},
            "tags: 41 tags are too many: AWS allows 50 on a resource, of which the platform needs 10",
        ),
    ],
)
def test_tags(tags, line):
    assert [str(item) for item in formats.tag_faults("tags", tags, ["Project", "Name"], 40)] == [line]


@pytest.mark.parametrize(
    ("key", "value", "count"), [("k" * 128, "v" * 256, 0), ("k" * 129, "v", 1), ("k", "v" * 257, 1), ("", "v", 1)]
)
def test_lengths_of_tags(key, value, count):
    assert len(list(formats.tag_faults("tags", {key: value}))) == count


def test_right_tags():
    tags = {"Cost centre": "4711", "team/owner": "jo@example.com", "Grüße": "東京 ²"}
    assert not list(formats.tag_faults("tags", tags, ["Project"], 40))


def test_what_occurs_more_than_once():
    assert formats.repeated(["a", "b", "a", "c", "b", "a"]) == ["a", "b"]
    assert formats.repeated([]) == []
