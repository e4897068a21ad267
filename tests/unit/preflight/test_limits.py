# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWS takes of texts, documents and lists, and that a fault says at which input too much was given."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.limits import LIMITS, sent_faults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.sent import Sent

MODULES = Path(__file__).resolve().parents[3] / "plugins/modules"
# What people give as text, document or rules of any length.
MEASURED = {
    "description",
    "egress",
    "ingress",
    "inline_policies",
    "managed_policies",
    "policy",
    "trust_policy",
    "user_data",
}
# Its role can't be given a name or text of one's own; what is in a domain has no limits of AWS's.
FIXED = {"iam_service_linked_role", "opensearch_ism_policy", "opensearch_role", "opensearch_role_mapping"}
VALUES = {"workload_identity_roles": [{"name": "agent"}, {"name": "other"}]}


def said(module, option, value, quotas=None, item=None, inputs=("workload_identity_roles",)):
    sent = Sent(module, option, value, lambda: "example", list(inputs), item)
    return [str(item) for item in sent_faults(iter([sent]), VALUES, quotas or {})]


def options(module):
    return yaml.safe_load((MODULES / f"{module}.py").read_text().split('DOCUMENTATION = r"""')[1].split('"""')[0])[
        "options"
    ]


def test_every_option_that_is_limited_is_one():
    assert {module for module, own in LIMITS.items() if not set(own) <= set(options(module))} == set()


def test_everything_that_may_be_long_is_measured():
    modules = {path.stem for path in MODULES.glob("*.py")} - FIXED
    unmeasured = {(module, option) for module in modules for option in MEASURED & set(options(module))}
    assert unmeasured - {(module, option) for module, own in LIMITS.items() for option in own} == set()


def statement(length):
    """A policy of so many characters, as IAM counts."""
    return {"Sid": "x" * (length - len('{"Sid":""}'))}


@pytest.mark.parametrize(
    ("module", "option", "most", "more"),
    [
        ("iam_role", "trust_policy", statement(2048), statement(2049)),
        ("iam_role", "inline_policies", {"a": statement(5120), "b": statement(5120)}, {"a": statement(10241)}),
        ("iam_role", "managed_policies", ["x"] * 10, ["x"] * 11),
        ("iam_role", "description", "Größe\n" + "x" * 994, "x" * 1001),
        ("iam_role", "description", "a", "a\x07"),
        ("iam_role", "description", "a", "€"),
        ("iam_role", "name", "a+=,.@-_" + 56 * "x", 65 * "x"),
        ("iam_role", "name", "a", "a/b"),
        ("kms_key", "policy", statement(32768), statement(32769)),
        ("kms_key", "description", 8192 * "x", 8193 * "x"),
        ("kms_key", "alias", "alias/a", "alias/aws/a"),
        ("s3_bucket", "policy", statement(20480), statement(20481)),
        ("s3_bucket", "name", "a" * 63, "sthree-a"),
        ("s3_bucket", "name", "a.b", "a-s3alias"),
        ("secretsmanager_secret", "name", "a/b+=.@-_", "a b"),
        ("secretsmanager_secret", "description", 2048 * "x", 2049 * "x"),
        ("ec2_security_group", "description", "Nodes: 10.0.0.0/8 (all)", "Knöten"),
        ("ec2_security_group", "description", 255 * "x", 256 * "x"),
        ("ec2_security_group", "name", "my-sg-1", "sg-1"),
        ("ec2_security_group", "ingress", [{"cidr_ip": "x"}] * 60, [{"cidr_ip": "x"}] * 61),
        ("ec2_security_group", "egress", [{"group_id": "x"}] * 60, [{"group_id": "x"}] * 61),
        ("ec2_vpc_endpoint", "policy", statement(20480), statement(20481)),
        ("ec2_instance", "user_data", "x" * 16384, "x" * 16385),
        ("ec2_launch_template", "name", "a(b)/c", "ab"),
        ("logs_log_group", "name", "/aws/a#b", "/aws/a b"),
    ],
)
def test_limits(module, option, most, more):
    assert said(module, option, most) == []
    assert len(said(module, option, more)) == 1


def test_white_space_does_not_count():
    document = {"Statement": [{"Resource": "x" * 2000}]}
    assert said("iam_role", "trust_policy", document) == []


def test_rules_for_the_two_kinds_of_addresses_count_apart():
    assert said("ec2_security_group", "ingress", [{"cidr_ip": "x"}] * 60 + [{"cidr_ipv6": "x"}] * 60) == []
    assert said("ec2_security_group", "ingress", [{"group_id": "x"}] + [{"cidr_ipv6": "x"}] * 60) == [
        "workload_identity_roles: ingress of ec2_security_group example are 61 for IPv6, AWS takes 60 unless the quota"
        " Inbound or outbound rules per security group (vpc L-0EA8095F) is raised"
    ]


def test_a_prefix_list_counts_as_often_as_it_may_have_entries():
    assert said("ec2_security_group", "ingress", [{"prefix_list_id": "x"}] + [{"cidr_ip": "x"}] * 5) == []
    (line,) = said("ec2_security_group", "ingress", [{"prefix_list_id": "x"}] + [{"cidr_ip": "x"}] * 6)
    assert "are 61 for IPv4" in line


def test_a_prefix_list_that_traffic_goes_to_counts_once():
    assert said("ec2_security_group", "egress", [{"prefix_list_id": "x"}] * 60) == []


def test_the_last_rule_of_a_network_acl_is_aws_s():
    assert said("ec2_network_acl", "ingress", [{}] * 19) == []
    (line,) = said("ec2_network_acl", "ingress", [{}] * 20)
    assert "are 20, AWS takes 19 unless the quota Rules per network ACL (vpc L-2AEEBF1A) is raised" in line
    raised = {"rules_per_acl": {"limit": 40}}
    assert said("ec2_network_acl", "egress", [{}] * 39, raised) == []
    assert len(said("ec2_network_acl", "egress", [{}] * 40, raised)) == 1


def test_what_the_account_may_have_counts():
    raised = {"trust_policy": {"limit": 4096}, "rules_per_group": {"limit": None}}
    assert said("iam_role", "trust_policy", statement(4096), raised) == []
    assert "AWS takes 4,096 unless" in said("iam_role", "trust_policy", statement(4097), raised)[0]
    assert len(said("ec2_security_group", "ingress", [{}] * 61, raised)) == 1


def test_a_fault_is_told_at_the_entry_that_it_comes_from():
    assert said("iam_role", "trust_policy", statement(2049), item={"name": "other"}) == [
        "workload_identity_roles[1]: trust_policy of iam_role example has 2,049 characters, AWS takes 2,048 unless the"
        " quota Role trust policy length (iam L-C07B4B0D) is raised"
    ]


def test_or_else_with_all_that_it_is_made_of():
    assert said("kms_key", "description", "x" * 8193, inputs=["one", "two"])[0].startswith(
        "one: description of kms_key example (made of one, two) has 8,193 characters, AWS takes 8,192: 'xxx"
    )


def test_characters_that_no_policy_may_have():
    assert said("iam_role", "inline_policies", {"a": {"Resource": "arn:aws:s3:::b€"}}) == [
        "workload_identity_roles: inline_policies of iam_role example has the character '€', which AWS takes in no"
        " policy"
    ]
