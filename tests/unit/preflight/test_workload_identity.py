# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the roles of workloads."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names

from .declared import change_fault_lines, fault_lines, values, warning_lines

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
        (
            {"statements": [{**STATEMENT, "Resource": ["<cognito.user_pool_arn>"]}]},
            "[0].statements[0].Resource: '<cognito.user_pool_arn>' is a fact of cognito, which workload_identity"
            " doesn't read, so the statement would wait for ever: write its value instead",
        ),
        (
            {"statements": [{**STATEMENT, "Condition": {"ArnLike": {"aws:x": "<bastion_instance.role_arn>"}}}]},
            "[0].statements[0].Condition: '<bastion_instance.role_arn>' is a fact of bastion_instance, which",
        ),
        (
            {"statements": [{**STATEMENT, "Resource": ["<configuration.other>"]}]},
            "[0].statements[0].Resource: '<configuration.other>' is a fact of configuration, which",
        ),
    ],
)
def test_roles(change, part):
    found = lines(workload_identity_roles=[{**ROLE, **change}])
    assert len(found) == 1
    assert part in found[0]


@pytest.mark.parametrize("name", ["<configuration.path>", "<prefix>", "<network.vpc_id>", "<opensearch.domain_arn>"])
def test_what_the_role_says_itself_and_what_it_reads(name):
    assert lines(workload_identity_roles=[{**ROLE, "statements": [{**STATEMENT, "Resource": [name]}]}]) == []


def test_roles_have_different_names():
    assert lines(workload_identity_roles=[ROLE, ROLE]) == [
        "workload_identity_roles[].name: 'agent' occurs more than once"
    ]


@pytest.mark.parametrize(
    ("given", "part"),
    [
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


# ---- models

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
TOLD = {
    "offered": True,
    "called_directly": True,
    "provider": "Anthropic",
    "profiles": [CLAUDE],
    "lacks": [],
    "ends": None,
}


def models(own, **told):
    """The rules' values and what AWS tells of the models that are named and of those that there are."""
    given = {"platform_models": [{"name": "m", "id": own, "kind": "chat"}], "platform_region": "us-west-2"}
    found = {"offers": {"workload_identity": {"model_ids": [CLAUDE, TITAN], "models": {own: {**TOLD, **told}}}}}
    return "workload_identity", given, found


def test_a_model_that_can_be_called():
    assert change_fault_lines(*models(CLAUDE)) == []
    assert warning_lines(*models(CLAUDE)) == []


def test_a_model_that_isnt_in_the_region():
    wrong = "us.anthropic.claude-haiku-4-5-20251002-v1:0"
    assert change_fault_lines(*models(wrong, offered=False)) == [
        f"platform_models[0].id: '{wrong}' is no model and no inference profile that Bedrock offers in us-west-2;"
        f" did you mean {CLAUDE}?"
    ]
    assert warning_lines(*models(wrong, offered=False, lacks=["agreement"])) == []


def test_a_model_that_is_called_through_a_profile_only():
    own = CLAUDE.removeprefix("us.")
    assert change_fault_lines(*models(own, called_directly=False)) == [
        f"platform_models[0].id: '{own}' is a model that is called through an inference profile only: name {CLAUDE}"
    ]


def test_a_model_that_the_account_cant_call_yet():
    (line,) = warning_lines(*models(CLAUDE, lacks=["agreement", "entitlement"]))
    assert line == (
        f"platform_models[0].id: '{CLAUDE}' can't be called in this account yet: Bedrock has no agreement and"
        " entitlement for it. Anthropic's form comes first, once in an account or organization (Bedrock's console,"
        " model catalog). Whoever may aws-marketplace:Subscribe and ViewSubscriptions subscribes to it by calling it"
        " once, which no workload may: see docs/account.md"
    )
    (line,) = warning_lines(*models(CLAUDE, lacks=["agreement"], provider="Cohere"))
    assert "Marketplace" in line.title()
    assert "Anthropic's form" not in line
    (line,) = warning_lines(*models(TITAN, lacks=["authorization"], provider="Amazon"))
    assert line.endswith("See whether a policy of the organization forbids it, or ask AWS Support")


def test_a_model_that_ends():
    assert warning_lines(*models(TITAN, ends="2027-01-31")) == [
        f"platform_models[0].id: '{TITAN}' is a model that ends on 2027-01-31: name the one that follows it"
    ]


def test_what_aws_doesnt_tell_isnt_checked():
    component, given, found = models(CLAUDE, offered=False, lacks=["agreement"])
    for offers in ({}, {"workload_identity": {"model_ids": [], "models": {}}}):
        assert change_fault_lines(component, given, {**found, "offers": offers}) == []
        assert warning_lines(component, given, {**found, "offers": offers}) == []
