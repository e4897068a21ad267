# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trust and permissions of roles for service accounts, and access policies of the cluster."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.eks_access_policies import eks_access_policies
from ansible_collections.agent_platform.aws.plugins.filter.iam_permissions import iam_permissions
from ansible_collections.agent_platform.aws.plugins.filter.irsa_trust_policy import irsa_trust_policy

ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
TABLES = ["arn:aws:dynamodb:us-west-2:123456789012:table/plans", "arn:aws:dynamodb:us-west-2:123456789012:table/logs"]
FACTS = {
    "partition": "aws",
    "region": "us-west-2",
    "dynamodb": {"table_arns": TABLES},
    "redis": {"secret_arn": None, "port": 6379},
    "models": {"ids": ["a", "b"]},
}


def statement(sid="One", resource="*", **members):
    return {"Sid": sid, "Action": ["a:B"], "Resource": [resource] if isinstance(resource, str) else resource, **members}


def permissions(*statements, table=None, **role):
    return iam_permissions([{"name": "demo", "statements": list(statements), **role}], table or {}, FACTS)[0]


def test_trust_checks_issuer_subject_and_audience():
    document = irsa_trust_policy(PROVIDER, "gateways", ["llm-gateway"])
    (only,) = document["Statement"]
    assert only["Principal"] == {"Federated": PROVIDER}
    assert only["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert only["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:sub": "system:serviceaccount:gateways:llm-gateway",
            f"{ISSUER}:aud": "sts.amazonaws.com",
        }
    }


def test_trust_of_several_service_accounts():
    (only,) = irsa_trust_policy(PROVIDER, "agents", ["one", "two"])["Statement"]
    assert only["Condition"]["StringEquals"][f"{ISSUER}:sub"] == [
        "system:serviceaccount:agents:one",
        "system:serviceaccount:agents:two",
    ]


def test_trust_in_a_dry_run_shows_the_placeholder():
    (only,) = irsa_trust_policy("(known after apply)", "agents", ["one"])["Statement"]
    assert only["Principal"] == {"Federated": "(known after apply)"}
    assert "(known after apply):aud" in only["Condition"]["StringEquals"]


@pytest.mark.parametrize(
    ("namespace", "accounts"),
    [("agents", []), ("agents", ["*"]), ("*", ["one"]), ("agents", ["agent-?"]), ("", ["one"]), ("a:b", ["one"])],
)
def test_trust_refuses_what_is_not_an_exact_name(namespace, accounts):
    with pytest.raises(AnsibleFilterError, match="exact names"):
        irsa_trust_policy(PROVIDER, namespace, accounts)


def test_placeholders_are_filled_in():
    found = permissions(
        statement(resource="arn:<partition>:x:<region>::y", Condition={"StringEquals": {"k:<region>": "<redis.port>"}})
    )
    assert found["statements"] == [
        {
            "Sid": "One",
            "Effect": "Allow",
            "Action": ["a:B"],
            "Resource": ["arn:aws:x:us-west-2::y"],
            "Condition": {"StringEquals": {"k:us-west-2": "6379"}},
        }
    ]
    assert found["waiting"] == []


def test_a_list_gives_one_resource_for_each_item():
    found = permissions(
        statement(
            resource=["<dynamodb.table_arns>", "<dynamodb.table_arns>/index/*"],
            Condition={"ArnEquals": {"k": "arn:model/<models.ids>"}},
        )
    )
    (only,) = found["statements"]
    assert only["Resource"] == [*TABLES, *(f"{arn}/index/*" for arn in TABLES)]
    assert only["Condition"] == {"ArnEquals": {"k": ["arn:model/a", "arn:model/b"]}}


def test_two_facts_that_tell_the_same_give_one_resource():
    (only,) = permissions(statement(resource=["<redis.port>", "x", "<redis.port>"]))["statements"]
    assert only["Resource"] == ["6379", "x"]


@pytest.mark.parametrize("missing", ["redis.secret_arn", "aurora.cluster_resource_id", "redis.port.more"])
def test_a_statement_waits_for_what_does_not_exist(missing):
    found = permissions(statement("Waits", f"arn:<partition>:<{missing}>"), statement("Stays"))
    assert [known["Sid"] for known in found["statements"]] == ["Stays"]
    assert found["waiting"] == [{"sid": "Waits", "facts": [missing]}]


def test_a_denial_does_not_wait():
    with pytest.raises(AnsibleFilterError, match=r"statement Never of demo denies something of redis\.secret_arn"):
        permissions(statement("Never", "<redis.secret_arn>", Effect="Deny"))


def test_statements_of_the_role_are_added_to_those_of_its_name():
    found = permissions(statement("Mine"), table={"demo": [statement("Theirs")], "other": [statement("Not")]})
    assert [known["Sid"] for known in found["statements"]] == ["Theirs", "Mine"]


def test_what_has_no_value_is_left_out():
    (only,) = permissions(statement(Condition={}, Effect="Deny"))["statements"]
    assert only == {"Sid": "One", "Effect": "Deny", "Action": ["a:B"], "Resource": ["*"]}


def test_a_role_without_statements_has_none():
    found = iam_permissions([{"name": "demo"}], {}, FACTS)
    assert found == [{"name": "demo", "managed_policies": [], "statements": [], "waiting": []}]


@pytest.mark.parametrize("sid", ["", "two words", "a-b"])
def test_iams_rule_for_names_of_statements(sid):
    with pytest.raises(AnsibleFilterError, match="letters and digits"):
        permissions(statement(sid))


def test_two_statements_of_one_name_are_refused():
    with pytest.raises(AnsibleFilterError, match="two statements named One"):
        permissions(statement(), statement())


def test_what_is_not_a_placeholder_stays():
    (only,) = permissions(statement(resource="arn:aws:s3:::b/${aws:PrincipalTag/team}/<Not>/*"))["statements"]
    assert only["Resource"] == ["arn:aws:s3:::b/${aws:PrincipalTag/team}/<Not>/*"]


def test_access_policies_by_short_name():
    assert eks_access_policies(
        [
            {"policy": "AmazonEKSClusterAdminPolicy"},
            {"policy": "AmazonEKSViewPolicy", "scope": "namespace", "namespaces": ["team"]},
        ],
        "aws-cn",
    ) == [
        {
            "policy_arn": "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "access_scope": {"type": "cluster"},
        },
        {
            "policy_arn": "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "access_scope": {"type": "namespace", "namespaces": ["team"]},
        },
    ]


@pytest.mark.parametrize(
    "policy",
    [
        {"policy": "AmazonEKSViewPolicy", "scope": "namespace"},
        {"policy": "AmazonEKSViewPolicy", "scope": "cluster", "namespaces": ["team"]},
    ],
)
def test_scope_and_namespaces_belong_together(policy):
    with pytest.raises(AnsibleFilterError, match="scope namespace needs namespaces"):
        eks_access_policies([policy])
