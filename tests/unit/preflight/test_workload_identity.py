# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the roles of workloads."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names

from .declared import fault_lines, values

STATEMENT = {
    "Sid": "ReadTable",
    "Action": ["dynamodb:GetItem", "dynamodb:Batch*"],
    "Resource": ["<dynamodb.table_arns>", "arn:aws:s3:::bucket/*", "*"],
}
ROLE = {
    "name": "agent",
    "namespace": "agents",
    "service_accounts": ["agent"],
    "managed_policies": ["service-role/AmazonEBSCSIDriverPolicy"],
    "statements": [STATEMENT],
}


def lines(**given):
    return fault_lines("workload_identity", given)


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert (
        lines(
            workload_identity_roles=[ROLE, {"name": "other"}],
            workload_identity_foundation_models=["amazon.titan-embed-text-v2:0"],
            workload_identity_inference_profiles=["us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
            workload_identity_memory_database_user="memory_gateway",
            workload_identity_metric_namespaces=["EKS/ContainerInsights"],
        )
        == []
    )


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "a b"}, "[0].name: 'a b' is not a role name"),
        ({"namespace": "*"}, "[0].namespace: '*' is not a Kubernetes name"),
        ({"service_accounts": ["*-sa"]}, "[0].service_accounts: '*-sa' is not a Kubernetes name"),
        ({"service_accounts": []}, "[0].service_accounts: [] names no service account"),
        ({"service_accounts": ["a", "a"]}, "[0].service_accounts: 'a' occurs more than once"),
        ({"managed_policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}, "is an ARN: give the name"),
        ({"managed_policies": ["a b"]}, "is not the name of an AWS managed policy"),
        ({"statements": [STATEMENT, STATEMENT]}, "[0].statements[].Sid: 'ReadTable' occurs more than once"),
        (
            {"statements": [{**STATEMENT, "Sid": "Read-Table"}]},
            "[0].statements[0].Sid: 'Read-Table' is not letters and digits",
        ),
        ({"statements": [{**STATEMENT, "Action": ["*"]}]}, "[0].statements[0].Action: '*' is not an API action"),
        (
            {"statements": [{**STATEMENT, "Action": ["GetItem"]}]},
            "[0].statements[0].Action: 'GetItem' is not an API action",
        ),
        ({"statements": [{**STATEMENT, "Resource": ["table"]}]}, "[0].statements[0].Resource: 'table' is not an ARN"),
    ],
)
def test_roles(change, part):
    found = lines(workload_identity_roles=[{**ROLE, **change}])
    assert len(found) == 1
    assert part in found[0]


def test_roles_have_different_names():
    assert lines(workload_identity_roles=[ROLE, ROLE]) == [
        "workload_identity_roles[].name: 'agent' occurs more than once"
    ]


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"workload_identity_foundation_models": ["claude"]}, "[0]: 'claude' is not the id of a Bedrock model"),
        ({"workload_identity_memory_database_user": "Memory-Gateway"}, "is not a PostgreSQL user name"),
        ({"workload_identity_memory_database_user": "rdsadmin"}, "is reserved by Aurora PostgreSQL"),
        ({"workload_identity_metric_namespaces": ["AWS/EC2"]}, "begins with AWS/"),
        ({"workload_identity_metric_namespaces": ["a b"]}, "is not a CloudWatch namespace"),
        ({"workload_identity_metric_namespaces": [""]}, "is not a CloudWatch namespace"),
    ],
)
def test_what_the_roles_are_for(given, part):
    found = lines(**given)
    assert len(found) == 1
    assert part in found[0]


def test_an_entry_of_a_gateways_name_takes_its_place():
    gateways = [{"name": name, "namespace": "gateways", "service_accounts": [name]} for name in ("one", "two")]
    given = {
        "platform_prefix": "p",
        "platform_gateways": gateways,
        "workload_identity_roles": [{**ROLE, "name": "two"}],
    }
    found = [
        (name.name, name.variable)
        for name in component_names("workload_identity", values("workload_identity", **given))
    ]
    assert found == [("p-one", "platform_gateways[0].name"), ("p-two", "workload_identity_roles[0].name")]
